# The loops of the frequency domain: a task is a section of one image and a part of the bank.

from libc.limits cimport INT_MAX
from libc.math cimport ldexp, log2

from microkernels cimport MOST_LANES
from transforms cimport (
    AT_INSIDE, AT_KINDS, AT_RANGE, AT_WINDOWS, NOT_NEGATIVE, WHOLE, Fourier, Range, Responses, ZeroSpan
)
from types cimport DONE, REDUCE, Finished, Geometry, Loops, Scaling, ceiling

cdef enum:
    ROWS_AHEAD = 4  # that are fetched while one is staged

cdef Py_ssize_t KERNELS_AT_ONCE = 16      # whose responses leave a strip together: a cache line of floats
cdef Py_ssize_t SLOTS_BYTES = 16 << 20    # that they take at most
cdef Py_ssize_t FRESH_BYTES = 32 << 20    # of the array that rows of responses span between looks for signals
cdef Py_ssize_t KERNELS_PER_PART = 8      # for which the image's sections are transformed again

HANDED_BACK = INT_MAX  # in the place of a kernel's exponent: the direct method does it
KINDS = WHOLE, NOT_NEGATIVE


cdef int correlate_section(Loops* loops, Py_ssize_t task, char* workspace, Py_ssize_t* counted,
                           bint watch_signals) noexcept nogil:
    """All groups of one section and one part of the kernels."""
    cdef const Fourier* fourier = &loops.fourier
    cdef Py_ssize_t image = task // loops.n_strips
    cdef Py_ssize_t index = task % loops.n_strips // loops.n_parts, part = task % loops.n_parts
    cdef Py_ssize_t section = index if loops.sections == NULL else loops.sections[index]
    cdef Py_ssize_t first = loops.n_chosen * part // loops.n_parts, end = loops.n_chosen * (part + 1) // loops.n_parts
    cdef Py_ssize_t n_sections = fourier.sections_down * fourier.sections_across, group, place
    cdef Py_ssize_t staged_elements = fourier.depth * fourier.height * fourier.pitch
    cdef Py_ssize_t section_bytes = fourier.height * fourier.width * loops.item_bytes
    cdef char* spectra = workspace + staged_elements * loops.item_bytes
    cdef char* plane = spectra + fourier.depth * section_bytes
    cdef Finished wanted = section_of(loops, image, section)
    cdef Range found
    cdef Responses responses
    cdef int status
    responses.n_rows = min(fourier.valid_rows,
                           loops.n_positions_down - section // fourier.sections_across * fourier.valid_rows)
    responses.n_columns = min(fourier.valid_columns,
                              loops.n_positions_across - section % fourier.sections_across * fourier.valid_columns)
    for group in range(loops.geometry.groups):
        place = (image * loops.geometry.groups + group) * n_sections + section
        if loops.redone != NULL and not loops.redone[place]:
            continue
        stage_section(loops, image, group, section, workspace, &found)
        counted[0] += staged_elements * STAGING_MULTIPLY_ADDS
        if not examined(loops, workspace, spectra, &found):  # in the place of the spectra and the plane
            loops.handed_back[place] = 1
            continue
        if loops.kernel_kinds != NULL:
            loops.routines.examine(fourier, workspace, spectra, AT_KINDS, &found)
        responses.n_zero_spans = 0
        if found.n_zeros >= fourier.kernel_height * fourier.kernel_width:
            loops.routines.find_zeros(fourier, workspace, <int*> plane)
        transform_section(loops, workspace, found.exponent, spectra, plane + section_bytes)
        if found.n_zeros >= fourier.kernel_height * fourier.kernel_width:
            responses.zero_spans = <ZeroSpan*> workspace  # the staged section is not needed any more
            responses.n_zero_spans = find_zero_spans(fourier, <const int*> plane, responses.n_rows,
                                                     responses.n_columns, responses.zero_spans)
        status = correlate_spectra(loops, group, &wanted, first, end, &found, &responses, spectra, plane, counted,
                                   watch_signals)
        if status != DONE:
            return status
    return DONE


cdef void stage_section(const Loops* loops, Py_ssize_t image, Py_ssize_t group, Py_ssize_t section, char* staged,
                        Range* found) noexcept nogil:
    """Channel by channel; zeros beyond what windows reach."""
    cdef const Fourier* fourier = &loops.fourier
    cdef Py_ssize_t top = section // fourier.sections_across * fourier.valid_rows
    cdef Py_ssize_t left = section % fourier.sections_across * fourier.valid_columns
    cdef Py_ssize_t n_rows = min(fourier.height, loops.reached_rows - top), row, channel, staged_bytes
    cdef Py_ssize_t n_columns = min(fourier.width, loops.source.staging.columns - left)
    cdef Py_ssize_t row_bytes = fourier.pitch * loops.item_bytes, plane_bytes = fourier.height * row_bytes
    stage_rows(loops, image, group, top, n_rows, left, n_columns, fourier.pitch, staged)
    staged_bytes = n_columns * loops.item_bytes
    for channel in range(fourier.depth):
        if n_columns < fourier.width:
            for row in range(n_rows):
                memset(staged + channel * plane_bytes + row * row_bytes + staged_bytes, 0,
                       fourier.width * loops.item_bytes - staged_bytes)
        memset(staged + channel * plane_bytes + n_rows * row_bytes, 0, (fourier.height - n_rows) * row_bytes)
    found.n_rows, found.n_columns = n_rows, n_columns
    found.first_row = max(0, loops.geometry.down.before - top)
    found.end_row = min(n_rows, loops.geometry.down.before + loops.geometry.down.length - top)
    found.first_column = max(0, loops.source.staging.first_inside - left)
    found.end_column = min(n_columns, loops.source.staging.end_inside - left)


cdef bint examined(Loops* loops, const char* staged, char* room, Range* found) noexcept nogil:
    """Whether a section may be transformed: it is finite, its sums surely are, and no window is too faint beside it.

    Blocks are looked at first, then only those inside of the image, and windows themselves where a block is too faint.
    There is room for two sections.
    """
    cdef const Fourier* fourier = &loops.fourier
    cdef int of_zero = -23 if loops.item_bytes == sizeof(float) else -52, most = loops.routines.most_exponents
    found.exponent = found.kinds = 0
    found.n_zeros = 0
    if fourier.rounded:  # whole numbers whose sums are exact
        return True
    loops.routines.examine(fourier, staged, room, AT_RANGE, found)
    if not found.finite or found.exponent > loops.routines.largest_exponent:
        return False
    if found.largest - found.least > most and has_blocks_inside(fourier, found):
        loops.routines.examine(fourier, staged, room, AT_INSIDE, found)
    if found.least > of_zero:  # in no block are zeros alone, and so in no window
        found.n_zeros = 0
    if found.largest - found.least > most:
        loops.routines.examine(fourier, staged, room, AT_WINDOWS, found)
    return found.largest - found.least <= most


cdef bint has_blocks_inside(const Fourier* fourier, Range* found) noexcept nogil:
    """Whether a section has padding, and every window contains a block that lies in the image; their sides."""
    cdef Py_ssize_t rows = least_inside(found.first_row, found.end_row, found.n_rows, fourier.kernel_height)
    cdef Py_ssize_t columns = least_inside(found.first_column, found.end_column, found.n_columns, fourier.kernel_width)
    if (fourier.block_height == 0 or rows < 1 or columns < 1
            or ((found.end_row - found.first_row) == found.n_rows
                and (found.end_column - found.first_column) == found.n_columns)):
        return False
    found.block_height, found.block_width = side_of_blocks(rows), side_of_blocks(columns)
    return True


cdef Py_ssize_t least_inside(Py_ssize_t first, Py_ssize_t end, Py_ssize_t length, Py_ssize_t taps) noexcept nogil:
    """The fewest places in [first, end) that a window of so many taps in `length` has: the first or the last one."""
    return min(min(end, taps) - first, end - max(first, length - taps))


cdef void transform_section(Loops* loops, const char* staged, int exponent, char* spectra, char* points) noexcept nogil:
    """The spectra of all channels, divided by 2**exponent."""
    cdef const Fourier* fourier = &loops.fourier
    cdef Py_ssize_t channel
    for channel in range(fourier.depth):
        loops.routines.forward(fourier, staged, fourier.width, ldexp(1, -exponent), spectra, points)
        staged += fourier.height * fourier.pitch * loops.item_bytes
        spectra += fourier.height * fourier.width * loops.item_bytes


cdef int correlate_spectra(Loops* loops, Py_ssize_t group, const Finished* wanted, Py_ssize_t first, Py_ssize_t end,
                           const Range* found, Responses* responses, const char* spectra, char* plane,
                           Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """The responses of kernels [first, end) among the chosen ones, consumed some at once; not those handed back."""
    cdef const Fourier* fourier = &loops.fourier
    cdef Py_ssize_t spectrum = fourier.height * fourier.width
    cdef Py_ssize_t size = loops.item_bytes
    cdef char* points = plane + spectrum * size
    cdef char* slots = points + points_of(fourier) * size
    cdef const int* kernel_exponents = loops.kernel_exponents + group * loops.n_chosen
    cdef Py_ssize_t before = group * loops.geometry.n_kernels + loops.first_chosen  # kernels of the bank
    cdef Py_ssize_t kernel, slot = 0, status
    cdef Finished some = wanted[0]
    for kernel in range(first, end):
        if kernel_exponents[kernel] != INT_MAX:
            some.first_kernel, some.n_kernels = before + kernel, 1
            responses.bias = loops.bias + (before + kernel) * size
            responses.kinds = 0
            if loops.kernel_kinds != NULL:
                responses.kinds = kinds_of_sums(loops, found.exponent + kernel_exponents[kernel],
                                                found.kinds & loops.kernel_kinds[group * loops.n_chosen + kernel])
            set_scales(loops, found.exponent + kernel_exponents[kernel], responses)
            aim(loops, &some, slots + slot * fourier.valid_rows * fourier.valid_columns * size, responses)
            loops.routines.backward(fourier, spectra, loops.packed + ((group * loops.n_chosen + kernel) * fourier.depth
                                                                      * spectrum * size), responses, plane, points)
            if loops.direct_store and loops.consumer.tops != NULL:
                note_section(loops, &some, responses)
            slot += 1
        if slot > 0 and not loops.direct_store and (slot == loops.kernels_at_once or kernel == end - 1
                                                    or kernel_exponents[kernel + 1] == INT_MAX):
            some.first_kernel, some.n_kernels = before + kernel + 1 - slot, slot
            status = consume_slots(loops, &some, slots, counted, watch_signals)
            if status != DONE:
                return <int> status
            slot = 0
        slot %= loops.kernels_at_once
        counted[0] += spectrum * (16 + 2 * fourier.depth)
        status = looked_for_signals(loops, counted, watch_signals)
        if status != DONE:
            return <int> status
    return DONE


cdef inline int kinds_of_sums(const Loops* loops, int exponent, int kinds) noexcept nogil:
    """What sums of products are if both numbers are, given the exponent of the norms' product: whole within a quarter.

    A norm is less than twice the power of two of its exponent.
    """
    cdef const Fourier* fourier = &loops.fourier
    cdef double unit = ldexp(1, -24 if loops.item_bytes == sizeof(float) else -53)
    cdef double bound = 0.5 * log2(<double> (fourier.height * fourier.width)) * unit * ldexp(1, exponent + 2)
    return kinds if bound <= 0.25 else kinds & ~WHOLE


cdef inline void aim(Loops* loops, const Finished* some, char* slot, Responses* responses) noexcept nogil:
    """The place that a kernel's responses go to, the slot or the array, and by what scores are multiplied."""
    cdef const Scaling* scaling = &loops.section_scaling
    responses.pitch = loops.rows.row_pitch if loops.direct_store else loops.fourier.valid_columns
    responses.target = place_of(&loops.consumer, some) if loops.direct_store else slot
    responses.roots = NULL
    responses.roots_pitch = scaling.row_bytes // loops.item_bytes
    responses.factor, responses.most = 1, scaling.most
    if scaling.passes != NULL:
        responses.factor = scaling.factors[some.first_kernel]
        responses.roots = (scaling.roots + some.image * scaling.image_bytes + some.first_row * scaling.row_bytes
                           + some.first_column * scaling.column_bytes)


cdef void note_section(Loops* loops, const Finished* some, const Responses* responses) noexcept nogil:
    """Notes a kernel's responses in a section, which lie in the array."""
    cdef Finished finished = some[0]
    finished.responses = responses.target
    finished.row_pitch, finished.column_pitch, finished.kernel_pitch = responses.pitch, 1, 0
    note_tops(loops.routines, &loops.consumer, &finished)


cdef inline void set_scales(const Loops* loops, int exponent, Responses* responses) noexcept nogil:
    """2**exponent over the number of points, as two factors that are numbers even where their product is none."""
    cdef int half = exponent // 2
    responses.scaled = ldexp(1, half)
    responses.further = ldexp(loops.over_points, exponent - half)


cdef inline Finished section_of(const Loops* loops, Py_ssize_t image, Py_ssize_t section) noexcept nogil:
    """The rows and columns of responses that a section gives: of every stride the first."""
    cdef const Fourier* fourier = &loops.fourier
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t rows = fourier.valid_rows // geometry.down.stride
    cdef Py_ssize_t columns = fourier.valid_columns // geometry.across.stride
    cdef Finished finished
    finished.image = image
    finished.first_row = section // fourier.sections_across * rows
    finished.first_column = section % fourier.sections_across * columns
    finished.n_rows = min(rows, geometry.down.outputs - finished.first_row)
    finished.n_columns = min(columns, geometry.across.outputs - finished.first_column)
    return finished


cdef int consume_slots(Loops* loops, const Finished* some, char* slots, Py_ssize_t* counted,
                       bint watch_signals) noexcept nogil:
    """Some kernels' responses in a section; the Status after a look for signals between some rows."""
    cdef const Fourier* fourier = &loops.fourier
    cdef Finished finished = some[0]
    finished.responses = slots
    finished.row_pitch = loops.geometry.down.stride * fourier.valid_columns
    finished.column_pitch = loops.geometry.across.stride
    finished.kernel_pitch = fourier.valid_rows * fourier.valid_columns
    return consume_rows(loops, &finished, counted, watch_signals)


cdef int consume_rows(Loops* loops, const Finished* finished, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """Some rows at a time where they are far apart in the array, whose memory may be touched for the first time."""
    cdef Py_ssize_t row_bytes = max(loops.consumer.row_bytes, -loops.consumer.row_bytes, 1), row = 0
    cdef Py_ssize_t rows_at_once = max(1, FRESH_BYTES // row_bytes)
    cdef Finished some = finished[0]
    cdef int status
    if loops.consumer.kind == REDUCE or loops.consumer.beside != NULL:
        rows_at_once = finished.n_rows
    while row < finished.n_rows:
        some.first_row, some.n_rows = finished.first_row + row, min(rows_at_once, finished.n_rows - row)
        some.responses = finished.responses + row * finished.row_pitch * loops.item_bytes
        consume(loops.routines, &loops.consumer, &some)
        row += some.n_rows
        if row < finished.n_rows:
            counted[0] += SIGNAL_MULTIPLY_ADDS + 1
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
    return DONE


# --- windows of zeros -------------------------------------------------------------------------------------------------


cdef Py_ssize_t find_zero_spans(const Fourier* fourier, const int* occupied, Py_ssize_t n_rows, Py_ssize_t n_columns,
                                ZeroSpan* zero_spans) noexcept nogil:
    """Finds them among the first rows and columns of windows; how many they are."""
    cdef Py_ssize_t n_zero_spans = 0, row, column, first
    cdef ZeroSpan* span
    for row in range(n_rows):
        column = 0
        while column < n_columns:
            first = column
            while column < n_columns and occupied[row * fourier.width + column] == 0:
                column += 1
            if column > first:
                span = &zero_spans[n_zero_spans]
                span.row, span.first, span.end = <short> row, <short> first, <short> column
                n_zero_spans += 1
            column += 1
    return n_zero_spans


# --- the call ---------------------------------------------------------------------------------------------------------


cdef class FourierSections(Call):
    """A call in the frequency domain."""
    cdef char* handed_back               # of each image's groups' sections, whether the direct method has to do them
    cdef Py_ssize_t* sections            # that have a response which is asked for, where not all are
    cdef int[::1] exponents, kinds
    cdef FourierSections before          # in another type, whose sections that it handed back are done

    def __dealloc__(self):
        PyMem_Free(self.handed_back)
        PyMem_Free(self.sections)

    cdef let_panels_go(self):
        Call.let_panels_go(self)
        self.exponents = self.kinds = None

    cdef choose_kernels(self, Py_ssize_t first, int[::1] exponents, int[::1] kinds):
        """Take kernels from `first` on for the frequency domain, of each group as many as it has exponents for."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Loops* loops = &self.loops
        cdef const Fourier* fourier = &self.engine.fourier
        loops.first_chosen = first
        loops.n_chosen = exponents.shape[0] // geometry.groups
        if (first < 0 or loops.n_chosen < 1 or first + loops.n_chosen > geometry.n_kernels
                or self.packed.len != (exponents.shape[0] * geometry.depth * fourier.height * fourier.width
                                       * self.engine.routines.item_bytes)):
            raise ValueError("first_kernel: these kernels are not in the bank")
        self.exponents = exponents
        loops.kernel_exponents = &self.exponents[0]
        if kinds is not None and kinds.shape[0] == exponents.shape[0]:
            self.kinds = kinds
            loops.kernel_kinds = &self.kinds[0]

    cdef take_redone(self, FourierSections before):
        """Do those sections that another call of the same images and sections handed back."""
        if (before.loops.n_images != self.loops.n_images or before.engine.section != self.engine.section
                or before.engine.geometry.groups != self.engine.geometry.groups):
            raise ValueError("again: its sections are others")
        self.before = before
        self.loops.redone = before.loops.handed_back

    cdef lay_out_strips(self):
        """Sections channel by channel, responses kernel by kernel."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Fourier* fourier = &loops.fourier
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        cdef Py_ssize_t slot_bytes
        loops.fourier = self.engine.fourier
        loops.reached_rows = self.engine.reached_rows
        loops.n_positions_down = span(&geometry.down)
        loops.n_positions_across = span(&geometry.across)
        loops.over_points = 1
        if (geometry.down.stride == 1 and geometry.across.stride == 1 and not loops.consumer.clips
                and not loops.consumer.scaling.whole and loops.consumer.scaling.column_bytes == size):
            loops.section_scaling = loops.consumer.scaling  # made where sections are put, and not once more
            loops.consumer.scaling.passes = NULL
        if fourier.down.radices[0] != 1:
            loops.over_points /= fourier.height // 2
        if fourier.across.radices[0] != 1:
            loops.over_points /= fourier.width
        loops.source.staging.n_phases = 1
        loops.source.staging.channel_pitch = fourier.height * fourier.pitch
        loops.direct_store = (self.out_as_summed and self.out_column_bytes == size
                              and loops.consumer.row_bytes % size == 0 and stores_all(&loops.consumer)
                              and geometry.down.stride == 1 and geometry.across.stride == 1)
        loops.rows.row_pitch = loops.consumer.row_bytes // size
        loops.rows.column_pitch = geometry.across.stride
        loops.rows.kernel_pitch = fourier.valid_rows * fourier.valid_columns
        slot_bytes = loops.rows.kernel_pitch * size
        loops.kernels_at_once = 1
        if loops.consumer.storing.adjacent:
            loops.kernels_at_once = max(1, min(KERNELS_AT_ONCE, loops.n_chosen, SLOTS_BYTES // slot_bytes))
        loops.source.staging.position_pitch = 1
        loops.do_task = correlate_section

    cdef deal_tasks(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit, list areas):
        """Sections, in so many parts of the kernels that there are tasks enough for the workers."""
        cdef Loops* loops = &self.loops
        cdef Py_ssize_t n_sections = self.choose_sections()
        loops.n_parts = 1
        if n_workers > 1 and not (self.reducer is not None and self.reducer.in_order):
            loops.n_parts = max(1, min(loops.n_chosen // KERNELS_PER_PART,
                                       ceiling(4 * n_workers, product(loops.n_images, n_sections))))
        loops.n_strips = product(n_sections, loops.n_parts)
        loops.strip_rows = 1
        loops.tasks_per_claim = 1
        loops.n_tasks = product(loops.n_images, loops.n_strips)

    cdef Py_ssize_t choose_sections(self) except -1:
        """The sections of which a response is asked for, and which are done; how many they are."""
        cdef Loops* loops = &self.loops
        cdef Py_ssize_t n_sections = loops.fourier.sections_down * loops.fourier.sections_across, section, count = 0
        cdef Finished responses
        if not loops.consumer.clips and loops.redone == NULL:
            return n_sections
        self.sections = <Py_ssize_t*> allocated(n_sections, sizeof(Py_ssize_t))
        loops.sections = self.sections
        for section in range(n_sections):
            responses = section_of(loops, 0, section)
            if loops.consumer.clips:
                clip(loops.routines, &loops.consumer, &responses)
            if responses.n_rows > 0 and responses.n_columns > 0 and self.is_done(section):
                self.sections[count] = section
                count += 1
        return count

    cdef bint is_done(self, Py_ssize_t section):
        """Whether a section is, of any image and group."""
        cdef Py_ssize_t n_sections = self.loops.fourier.sections_down * self.loops.fourier.sections_across, plane
        if self.loops.redone == NULL:
            return True
        for plane in range(self.loops.n_images * self.engine.geometry.groups):
            if self.loops.redone[plane * n_sections + section]:
                return True
        return False

    cdef lay_out_rest(self):
        cdef Loops* loops = &self.loops
        cdef Py_ssize_t n_sections = loops.fourier.sections_down * loops.fourier.sections_across
        self.lay_out_staging()
        loops.source.skips_rows = loops.source.rows_join = loops.source.in_planes = False
        loops.source.rows_ahead = ROWS_AHEAD
        self.handed_back = <char*> allocated(
            product(loops.n_images * self.engine.geometry.groups, n_sections), 1)
        loops.handed_back = self.handed_back

    cdef Py_ssize_t elements_of(self, Py_ssize_t rows):
        """Elements: a staged section, spectra of all channels, a plane, a line of points, responses."""
        cdef const Fourier* fourier = &self.loops.fourier
        cdef Py_ssize_t slots = 0
        if not self.loops.direct_store:
            slots = self.loops.kernels_at_once * fourier.valid_rows * fourier.valid_columns
        return (product(fourier.depth, fourier.height * (fourier.pitch + fourier.width))
                + fourier.height * fourier.width + points_of(fourier) + slots)

    def areas(self, bint handed_back):
        """Areas that the frequency domain handed back, or did; sections next to each other are one.

        An area is (image, group, first row, rows, first column, columns).
        """
        cdef const Fourier* fourier = &self.loops.fourier
        cdef Py_ssize_t line, before, column, image, group
        cdef const char* flags
        cdef Finished first, last
        cdef list found = []
        for line in range(self.loops.n_images * self.engine.geometry.groups * fourier.sections_down):
            flags = self.handed_back + line * fourier.sections_across
            image, group = divmod(line // fourier.sections_down, self.engine.geometry.groups)
            before = line % fourier.sections_down * fourier.sections_across
            column = 0
            while column < fourier.sections_across:
                first = last = section_of(&self.loops, image, before + column)
                if flags[column] == handed_back:
                    while column + 1 < fourier.sections_across and flags[column + 1] == handed_back:
                        column += 1
                    last = section_of(&self.loops, image, before + column)
                    found.append((image, group, first.first_row, first.n_rows, first.first_column,
                                  last.first_column + last.n_columns - first.first_column))
                column += 1
        return found

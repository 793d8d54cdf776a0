# How a call lies in memory, whatever its form: its arrays, the order of the sum, and how many rows a task takes.

from microkernels cimport Segment, Staging, Sum
from scoring cimport SCORES_NAME, Passes
from types cimport Area, Axis, Consumer, Geometry, Loops, Scaling, ceiling, effective, reach


cdef Py_ssize_t STRIP_BYTES = 192 * 1024  # of a strip's image rows: they stay in the second-level cache
cdef Py_ssize_t BLOCKS_PER_TOTAL = 6      # of winograd's sums: where there are more, the totals are carried
cdef Py_ssize_t TASK_MULTIPLY_ADDS = 1 << 20       # multiply-adds below which tasks are claimed several at once


cdef Py_ssize_t LEAST_COLUMNS = 1024      # of pixels in a strip, where rows are cut
cdef Py_ssize_t LEAST_SPANS = 4           # of a kernel, at the least, that they are


cdef Py_ssize_t CONSUMED_BYTES = cache_bytes(2) // 8  # of responses that are reduced: they stay in the second cache
cdef Py_ssize_t PIECE_COLUMNS = 3 * MOST_LANES        # whole tiles over columns of any level
cdef Py_ssize_t SHORT_ROW_BYTES = 256     # of a channel's row, whose staging costs less than what is asked of it


cdef inline Py_ssize_t tasks_for(Py_ssize_t n_workers) noexcept:
    """Tasks enough for so many workers."""
    return 4 * n_workers if n_workers > 1 else 1


cdef class Binding:
    """One call's arrays tied to an engine."""
    cdef Engine engine
    cdef Loops loops
    cdef Py_buffer images, out, packed, bias
    cdef bint has_images, has_out, has_packed, has_bias
    cdef double[::1] fill
    cdef Py_ssize_t item_bytes, out_item_bytes                 # of real elements
    cdef Py_ssize_t column_bytes, channel_pitch_bytes          # of the images
    cdef Py_ssize_t out_column_bytes, out_kernel_bytes
    cdef Py_ssize_t* channel_bytes
    cdef Py_ssize_t* kernel_bytes
    cdef Py_ssize_t* reduced_kernels
    cdef double* scaling_numbers
    cdef object held_for_scaling
    cdef Reducer reducer                                       # what takes the responses in the place of an array
    cdef Py_ssize_t panel_rows, panel_columns                  # of a piece whose panels are consumed one by one
    cdef Segment* segments
    cdef Py_ssize_t* cuts                                      # of a run into pieces
    cdef Py_ssize_t planes                                     # of an image's strip: the rows of one channel each
    cdef Py_ssize_t slack                                      # elements behind the last row of an image's strip
    cdef Py_ssize_t channel_pitch                              # of windows: where channels do not lie in planes, 1
    cdef Py_ssize_t most_rows, most_columns, least_columns     # of an area
    cdef Py_ssize_t reached_columns                            # of the padded ones, by the widest area
    cdef bint images_as_summed, out_as_summed, fits, whole_columns
    cdef Area* areas

    def __dealloc__(self):
        if self.has_images:
            PyBuffer_Release(&self.images)
        if self.has_out:
            PyBuffer_Release(&self.out)
        if self.has_packed:
            PyBuffer_Release(&self.packed)
        if self.has_bias:
            PyBuffer_Release(&self.bias)
        PyMem_Free(self.channel_bytes)
        PyMem_Free(self.kernel_bytes)
        PyMem_Free(self.reduced_kernels)
        PyMem_Free(self.scaling_numbers)
        PyMem_Free(self.segments)
        PyMem_Free(self.cuts)
        PyMem_Free(self.areas)

    cdef let_go(self):
        """Release the images and the response, where only the layout is wanted any more."""
        if self.has_images:
            PyBuffer_Release(&self.images)
        if self.has_out:
            PyBuffer_Release(&self.out)
        self.has_images = self.has_out = False
        self.held_for_scaling = None

    cdef let_panels_go(self):
        """Release the panels and the bias: a helper that lingers holds the Call, which must not keep the kernels."""
        if self.has_packed:
            PyBuffer_Release(&self.packed)
        if self.has_bias:
            PyBuffer_Release(&self.bias)
        self.has_packed = self.has_bias = False

    cdef take_images(self, images, tuple axes, str element, bint swapped, double[::1] fill):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t components = 2 if element[0] == "c" else 1, channel
        cdef Py_ssize_t n_channels = geometry.groups * self.engine.staged
        PyObject_GetBuffer(images, &self.images, PyBUF_STRIDES)
        self.has_images = True
        loops.source.images = <const char*> self.images.buf
        loops.n_images = self.images.shape[<Py_ssize_t> axes[0]] if axes[0] >= 0 else 1
        loops.source.image_bytes = pitch_of(&self.images, axes[0])
        loops.source.row_bytes = pitch_of(&self.images, axes[1])
        self.column_bytes = pitch_of(&self.images, axes[2])
        self.channel_pitch_bytes = pitch_of(&self.images, axes[3])
        self.item_bytes = self.images.itemsize // components
        self.fill = fill
        self.channel_bytes = <Py_ssize_t*> allocated(n_channels, sizeof(Py_ssize_t))
        for channel in range(n_channels):
            self.channel_bytes[channel] = (channel // components * self.channel_pitch_bytes
                                           + channel % components * self.item_bytes)
        loops.source.channel_bytes = self.channel_bytes
        loops.source.staging.element = ELEMENTS[element]
        loops.source.staging.swapped = swapped
        self.images_as_summed = (loops.source.staging.element == self.engine.routines.element and not swapped
                                 and aligned(&self.images, self.item_bytes))

    cdef take_out(self, out, tuple axes, str element, Py_ssize_t[::1] kernels):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t components = 2 if element[0] == "c" else 1, kernel, own, item_bytes
        if kernels is not None and kernels.shape[0] != geometry.groups * geometry.n_kernels:
            raise ValueError("kernels: they are not as many as the engine's")
        PyObject_GetBuffer(out, &self.out, PyBUF_STRIDES | PyBUF_WRITABLE)
        self.has_out = True
        loops.consumer.out = <char*> self.out.buf
        loops.consumer.response_bytes = pitch_of(&self.out, axes[0])
        loops.consumer.row_bytes = pitch_of(&self.out, axes[1])
        self.out_column_bytes = pitch_of(&self.out, axes[2])
        self.out_kernel_bytes = pitch_of(&self.out, axes[3])
        item_bytes = self.out_item_bytes = self.out.itemsize // components
        self.kernel_bytes = <Py_ssize_t*> allocated(geometry.groups * geometry.n_kernels, sizeof(Py_ssize_t))
        for kernel in range(geometry.groups * geometry.n_kernels):
            own = kernel if kernels is None else kernels[kernel]
            self.kernel_bytes[kernel] = own // components * self.out_kernel_bytes + own % components * item_bytes
        loops.consumer.kernel_bytes = self.kernel_bytes
        loops.consumer.storing.element = ELEMENTS[element]
        loops.consumer.storing.column_bytes = self.out_column_bytes
        loops.consumer.storing.adjacent = adjacent(self.kernel_bytes, geometry.n_kernels, item_bytes)
        loops.consumer.storing.equally_spaced = geometry.n_kernels > 1
        for kernel in range(geometry.groups * geometry.n_kernels):  # chosen ones may leave others out
            own = kernel // geometry.n_kernels * geometry.n_kernels
            if self.kernel_bytes[kernel] - self.kernel_bytes[own] != (
                    kernel - own) * (self.kernel_bytes[min(1, geometry.n_kernels - 1)] - self.kernel_bytes[0]):
                loops.consumer.storing.equally_spaced = False
        if self.engine.clips:
            self.take_clip()
        self.out_as_summed = (loops.consumer.storing.element == self.engine.routines.element
                              and aligned(&self.out, item_bytes))

    cdef take_clip(self):
        """Lets what takes responses have some rows and columns: it begins where the first one of all would lie."""
        cdef Consumer* consumer = &self.loops.consumer
        cdef Py_ssize_t n_rows, n_columns
        consumer.clips = True
        (consumer.first_row, n_rows), (consumer.first_column, n_columns) = self.engine.clip
        consumer.end_row, consumer.end_column = consumer.first_row + n_rows, consumer.first_column + n_columns
        if self.has_out:
            consumer.out -= consumer.first_row * consumer.row_bytes + consumer.first_column * self.out_column_bytes
        consumer.first_place -= (consumer.first_row * consumer.row_places
                                 + consumer.first_column * consumer.column_places)

    cdef take_reducer(self, Reducer reducer, Py_ssize_t[::1] kernels):
        """Take a reducer in the place of an array, in which no response lies anywhere."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_kernels = geometry.groups * geometry.n_kernels, kernel
        if kernels is not None and kernels.shape[0] != n_kernels:
            raise ValueError("kernels: they are not as many as the engine's")
        if reducer.n_images < loops.n_images:
            raise ValueError("reducer: it has fewer images than there are")
        reducer.lay_into(&loops.consumer)
        if self.engine.lanes_over == OVER_ROWS:
            loops.consumer.row_places, loops.consumer.column_places = reducer.column_places, reducer.row_places
        if self.engine.clips:
            self.take_clip()
        self.reducer = reducer
        self.kernel_bytes = <Py_ssize_t*> allocated(n_kernels, sizeof(Py_ssize_t))
        self.reduced_kernels = <Py_ssize_t*> allocated(n_kernels, sizeof(Py_ssize_t))
        for kernel in range(n_kernels):
            self.reduced_kernels[kernel] = kernel if kernels is None else kernels[kernel]
        loops.consumer.kernel_bytes = self.kernel_bytes
        loops.consumer.reduced_kernels = self.reduced_kernels
        self.out_item_bytes = self.engine.routines.item_bytes

    cdef take_scaling(self, Py_ssize_t[::1] kernels, tuple words):
        """Has scores made of responses before they go anywhere.

        Words are a level's passes, roots, factors, the largest score, sums, sums of templates, their spreads, and the
        number of taps. Roots are (images, rows, columns), of the responses that are stored: inverse roots of windows'
        spreads in the summed type, or with `sums` (images, channels, rows, columns) whole numbers' spreads in float64.
        Of each kernel of the array are the factor, and of whole numbers the sums of its channels and its spread.
        """
        cdef Scaling* scaling = &self.loops.consumer.scaling
        cdef cnp.ndarray roots = words[1]
        cdef double[::1] factors = words[2], spreads = words[6]
        cdef double[:, :, :, ::1] sums = words[4]
        cdef double[:, ::1] template_sums = words[5]
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_kernels = geometry.groups * geometry.n_kernels, n_channels = 0, kernel, own, channel
        cdef double* numbers
        scaling.whole = sums is not None
        if scaling.whole:
            n_channels = sums.shape[1]
        self.check_scaling(roots, factors, sums)
        self.scaling_numbers = numbers = <double*> allocated(n_kernels * (2 + n_channels), sizeof(double))
        for kernel in range(n_kernels):
            own = kernel if kernels is None else max(kernels[kernel], 0)
            numbers[kernel] = factors[own]
            if scaling.whole:
                numbers[n_kernels + kernel] = spreads[own]
                for channel in range(n_channels):
                    numbers[2 * n_kernels + kernel * n_channels + channel] = template_sums[own, channel]
        self.held_for_scaling = roots, sums
        scaling.passes = <const Passes*> PyCapsule_GetPointer(words[0], SCORES_NAME)
        scaling.roots = cnp.PyArray_BYTES(roots)
        scaling.image_bytes, scaling.row_bytes = roots.strides[0], roots.strides[1]
        scaling.column_bytes = roots.strides[2]
        scaling.most, scaling.n_taps, scaling.n_channels = words[3], words[7], n_channels
        scaling.factors, scaling.spreads, scaling.template_sums = numbers, numbers + n_kernels, numbers + 2 * n_kernels
        if scaling.whole:
            scaling.doubles = routines_of(self.engine.capsule, "f8")
            scaling.sums = &sums[0, 0, 0, 0] if n_channels > 0 else NULL
            scaling.sums_bytes, scaling.channel_pitch = sums.strides[0], sums.strides[1] // <Py_ssize_t> sizeof(double)
        if self.engine.lanes_over == OVER_ROWS:
            scaling.row_bytes, scaling.column_bytes = scaling.column_bytes, scaling.row_bytes
        if self.engine.clips:
            scaling.roots -= (self.loops.consumer.first_row * scaling.row_bytes
                              + self.loops.consumer.first_column * scaling.column_bytes)
            scaling.sums = <const double*> (<const char*> scaling.sums
                                            - self.loops.consumer.first_row * scaling.row_bytes
                                            - self.loops.consumer.first_column * scaling.column_bytes)

    cdef check_scaling(self, cnp.ndarray roots, double[::1] factors, double[:, :, :, ::1] sums):
        """Raise where roots and sums are not those of the responses that are stored, or factors of the kernels."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_rows = geometry.down.outputs, n_columns = geometry.across.outputs
        if self.engine.clips:
            (_, n_rows), (_, n_columns) = self.engine.clip
        if self.engine.lanes_over == OVER_ROWS:
            n_rows, n_columns = n_columns, n_rows
        if (roots.ndim != 3 or roots.shape[0] < self.loops.n_images or roots.shape[1] != n_rows
                or roots.shape[2] != n_columns or factors.shape[0] < geometry.groups * geometry.n_kernels
                or roots.dtype.str[1:] != ("f8" if sums is not None else self.engine.summed)):
            raise ValueError("scaling: the roots are not those of the responses")
        if sums is not None and (sums.shape[0] < self.loops.n_images or sums.shape[2] != n_rows
                                 or sums.shape[3] != n_columns):
            raise ValueError("scaling: the sums are not those of the responses")

    cdef limit_responses(self, bint saturate):
        """Has responses checked, or brought inside, before they go anywhere."""
        cdef int kind = STORE_SATURATED if saturate else STORE_CHECKED
        if self.loops.consumer.kind == REDUCE:
            self.loops.consumer.before = kind
        else:
            self.loops.consumer.kind = kind

    cdef take_panels(self, packed, bias):
        PyObject_GetBuffer(packed, &self.packed, PyBUF_STRIDES)
        self.has_packed = True
        PyObject_GetBuffer(bias, &self.bias, PyBUF_STRIDES)
        self.has_bias = True
        self.loops.packed = <const char*> self.packed.buf
        self.loops.bias = <const char*> self.bias.buf

    cdef lay_out(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit, list areas):
        """Strips or arrays and their pitches; how many rows a task takes; then the sum's segments.

        Where even one row of responses needs more than `workspace_limit`, sizes may have saturated: nothing is laid
        out that depends on them, and the call is only good to ask for `workspace_bytes`.
        """
        cdef Loops* loops = &self.loops
        cdef Engine engine = self.engine
        loops.routines = engine.routines
        loops.item_bytes = engine.routines.item_bytes
        loops.pixel_bytes = engine.routines.pixel_bytes
        loops.geometry = &engine.geometry
        loops.panels = engine.panels
        loops.n_panels = engine.n_panels
        loops.padded_kernels = engine.padded_kernels
        loops.source.row_boundary = engine.row_boundary
        self.channel_pitch = 1
        self.measure(n_workers, areas)
        loops.images_at_once = 1
        loops.piece_rows, loops.piece_columns, loops.chunk_taps = LARGE, LARGE // 2, LARGE
        loops.sharing_rows = 1
        self.lay_out_strips()
        self.deal_tasks(n_workers, workspace_limit, areas)
        self.fits = self.workspace_of(loops.strip_rows) <= workspace_limit
        if self.fits:
            self.lay_out_rest()

    # What a form says for itself, beside its loops. The frequency domain, which has no strips, says the rest, too.

    cdef lay_out_strips(self):
        """Lays out what does not depend on how many rows a task takes: pitches, the micro-kernels, the loops."""
        raise NotImplementedError

    cdef lay_out_rest(self):
        """Lays out what depends on it: the rows of the images and the sum."""
        self.lay_out_staging()
        self.lay_out_sum()

    cdef lay_out_sum(self):
        cdef const Geometry* geometry = &self.engine.geometry
        self.segments = self.build_sum(geometry, &self.loops.sum, geometry.down.kernel,
                                       geometry.across.kernel * geometry.depth, self.taps_are_apart())
        if geometry.down.outputs > 1:
            self.loops.rows.window_row_pitch = geometry.down.stride * self.loops.row_pitch

    cdef bint taps_are_apart(self):
        """Whether the taps of a kernel row do not lie next to each other, and a tile has to be told so."""
        return False

    cdef Py_ssize_t whole_rows(self, Py_ssize_t rows):
        """Not fewer rows of responses, such that their bits do not depend on how rows are dealt to tasks."""
        return rows

    cdef Py_ssize_t join_images(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit):
        """How many images are a task together, of which each worker has one; they have a strip each."""
        return 1

    cdef Py_ssize_t wanted_rows(self):
        """Rows of responses that a task has if it may, although its strip does not stay in cache."""
        return 1

    cdef Py_ssize_t least_rows(self, Py_ssize_t n_workers):
        """Rows that a task has, although there are fewer tasks then."""
        return 1

    cdef Py_ssize_t elements_of(self, Py_ssize_t rows):
        """Elements of a worker's memory for that many rows of responses."""
        return self.strip_of(rows) + self.response_of(rows)

    # What is common.

    cdef measure(self, Py_ssize_t n_workers, list areas):
        """The sizes of areas, or of strips of whole images; how many columns of a long row a strip takes."""
        cdef Py_ssize_t n_rows, n_columns
        cdef const Geometry* geometry = &self.engine.geometry
        self.most_rows = geometry.down.outputs
        self.most_columns = self.least_columns = geometry.across.outputs
        self.loops.strips_across = self.cut_rows(n_workers)
        if self.loops.strips_across > 1:
            self.most_columns = ceiling(geometry.across.outputs, self.loops.strips_across) + MOST_LANES - 1
            self.least_columns = geometry.across.outputs // self.loops.strips_across - MOST_LANES + 1
        self.whole_columns = areas is None and self.loops.strips_across <= 1
        if areas is not None:
            self.most_rows = self.most_columns = 0
            for _, _, _, n_rows, _, n_columns in areas:
                self.most_rows, self.most_columns = max(self.most_rows, n_rows), max(self.most_columns, n_columns)
                self.least_columns = min(self.least_columns, n_columns)
        self.reached_columns = reach(&geometry.across, self.most_columns)

    cdef Py_ssize_t cut_rows(self, Py_ssize_t n_workers):
        """How many strips lie side by side: more than one where rows are too long, or too few for the workers."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t rows = product(geometry.down.outputs, self.loops.n_images), outputs = geometry.across.outputs
        cdef Py_ssize_t pixel_bytes = product(self.engine.pixel * self.engine.routines.pixel_bytes,
                                              geometry.across.stride)
        cdef Py_ssize_t n_strips = max(1, outputs // max(STRIP_BYTES // pixel_bytes, 1))
        n_strips = max(n_strips, ceiling(tasks_for(n_workers), max(rows, 1)))
        return max(1, min(n_strips, outputs // self.least_of_strip()))

    cdef Py_ssize_t least_of_strip(self):
        """Columns of responses below which a piece is not worth a strip: too many pixels are its neighbour's, too."""
        cdef const Axis* across = &self.engine.geometry.across
        return max(2 * MOST_LANES, ceiling(max(LEAST_COLUMNS, LEAST_SPANS * effective(across)), across.stride))

    cdef bint padded(self):
        cdef const Geometry* geometry = &self.engine.geometry
        return (geometry.down.before != 0 or geometry.across.before != 0
                or self.engine.reached_rows > geometry.down.length
                or self.engine.reached_columns > geometry.across.length)

    cdef lay_out_staging(self):
        cdef Loops* loops = &self.loops
        cdef Staging* staging = &loops.source.staging
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        cdef bint reaches_all_rows
        staging.columns = self.engine.reached_columns
        staging.first_inside = self.engine.first_inside
        staging.first_source = self.engine.first_source
        staging.end_inside = self.engine.end_inside
        staging.before = self.engine.outside
        staging.behind = self.engine.outside + self.engine.first_inside
        staging.depth = self.engine.staged
        staging.column_bytes = self.column_bytes
        staging.adjacent = adjacent(self.channel_bytes, staging.depth, self.item_bytes)
        staging.fill = &self.fill[0]
        loops.source.skips_rows = True
        reaches_all_rows = ((geometry.down.stride == 1 or geometry.down.dilation == 1)
                            and geometry.down.kernel >= geometry.down.stride)
        loops.source.rows_join = (reaches_all_rows and staging.n_phases == 1
                                  and staging.columns == geometry.across.length
                                  and loops.row_pitch == staging.columns * staging.position_pitch
                                  and staging.first_inside == 0 and staging.end_inside == staging.columns
                                  and loops.source.row_bytes == staging.columns * self.column_bytes)
        loops.source.in_planes = (reaches_all_rows and self.images_as_summed
                                  and geometry.across.length * size <= SHORT_ROW_BYTES
                                  and self.engine.routines.stage_planes != NULL and staging.position_pitch == 1
                                  and (staging.n_phases == 1 or staging.n_phases == 2 and size == sizeof(float))
                                  and self.column_bytes == size and self.images.itemsize == size)

    cdef Segment* build_sum(self, const Geometry* geometry, Sum* sum, Py_ssize_t kernel_height, Py_ssize_t run,
                            bint apart) except NULL:
        """Segments: for each kernel row its run of taps (if those are apart, each column's), cut at the blocks."""
        cdef Segment* segments
        segments = <Segment*> allocated(
            kernel_height * (geometry.pieces_per_row + (geometry.across.kernel if apart else 0)), sizeof(Segment))
        sum.segments = segments
        sum.kernel_height = kernel_height
        sum.run = run
        sum.rows_per_block = geometry.rows_per_block
        sum.pieces = geometry.pieces_per_row
        sum.tap_pitch, sum.channel_pitch = self.loops.sum.tap_pitch, self.channel_pitch
        sum.kernel_row_pitch = geometry.down.dilation * self.loops.row_pitch if geometry.down.kernel > 1 else 0
        sum.dense = geometry.depth == 1 and geometry.across.dilation == 1 and self.loops.source.staging.n_phases == 1
        sum.compensated = geometry.compensated
        self.cut_sum(geometry.depth, sum, segments, apart)
        return segments

    cdef cut_sum(self, Py_ssize_t depth, Sum* sum, Segment* segments, bint apart):
        """The segments of a sum: one for each piece of a kernel row's run, of taps apart one for each column."""
        cdef Py_ssize_t row, piece, first, end, stop
        cdef Segment* segment = segments
        cdef bint row_closes
        for row in range(sum.kernel_height):
            row_closes = (row + 1) % sum.rows_per_block == 0 or row == sum.kernel_height - 1
            for piece in range(sum.pieces):
                first = sum.run * piece // sum.pieces
                end = sum.run * (piece + 1) // sum.pieces
                while first < end:
                    stop = min(end, (first // depth + 1) * depth) if apart else end
                    segment.offset = (row * sum.kernel_row_pitch + first // depth * sum.tap_pitch
                                      + first % depth * sum.channel_pitch)
                    segment.first, segment.n_taps = first, stop - first
                    segment.closes_block = stop == end and (sum.pieces > 1 or row_closes)
                    segment.closes_total = (piece + 1) % BLOCKS_PER_TOTAL == 0
                    segment += 1
                    first = stop
        sum.n_segments = segment - segments

    cdef deal_tasks(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit, list areas):
        """How many rows a task takes: a strip that stays in cache, tasks enough for the workers, within the limit."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t kernel_rows = effective(&geometry.down)
        cdef Py_ssize_t bytes_per_row = self.bytes_per_row()
        cdef Py_ssize_t rows, all_rows = product(product(geometry.down.outputs, loops.n_images), loops.strips_across)
        cdef Py_ssize_t of_strips = self.workers_of_strips(n_workers), n_tasks = tasks_for(of_strips)
        if areas is not None:
            all_rows = 0
            for area in areas:
                all_rows += area[3]
        rows = max((STRIP_BYTES // bytes_per_row - kernel_rows) // geometry.down.stride + 1,
                   min(8, ceiling(kernel_rows, geometry.down.stride)))
        rows = max(rows, self.wanted_rows())
        rows = max(min(max(ceiling(all_rows, n_tasks), self.least_rows(of_strips)), rows, self.most_rows), 1)
        while rows > 1 and self.workspace_of(rows) > workspace_limit // n_workers:
            rows = (rows + 1) // 2
        loops.n_strips = ceiling(self.most_rows, rows)
        loops.strip_rows = ceiling(self.most_rows, loops.n_strips)
        loops.strip_rows = self.whole_rows(loops.strip_rows)
        loops.n_strips = product(ceiling(geometry.down.outputs, loops.strip_rows), loops.strips_across)
        if areas is None and not loops.by_panel:
            loops.images_at_once = self.join_images(of_strips, workspace_limit // n_workers)
        loops.n_tasks = product(ceiling(loops.n_images, loops.images_at_once), loops.n_strips)
        loops.panel_parts = self.parts_for(n_workers) if areas is None else 1
        loops.n_tasks = product(loops.n_tasks, loops.panel_parts)
        if areas is not None:
            self.cut_areas(areas)
        loops.strip_elements = self.strip_of(loops.strip_rows) * loops.images_at_once
        loops.response_elements = self.response_of(loops.strip_rows) * loops.images_at_once
        cdef Py_ssize_t rows_of_task = loops.strip_rows * loops.images_at_once
        cdef Py_ssize_t of_task = product(product(self.most_columns * rows_of_task, self.engine.n_taps),
                                          geometry.groups * geometry.n_kernels)
        cdef Py_ssize_t fair = max(1, loops.n_tasks // tasks_for(n_workers))
        loops.tasks_per_claim = min(max(1, TASK_MULTIPLY_ADDS // max(of_task, 1)), fair)

    cdef Py_ssize_t workers_of_strips(self, Py_ssize_t n_workers):
        """Workers among whom strips and images are shared out."""
        return n_workers

    cdef Py_ssize_t parts_for(self, Py_ssize_t n_workers):
        """Parts of the panels that are tasks of their own."""
        return 1

    cdef Py_ssize_t bytes_per_row(self):
        """Bytes of a row of pixels, by which strips are made that stay in a cache."""
        return product(self.reached_columns, self.engine.pixel * self.engine.routines.pixel_bytes)

    cdef cut_areas(self, list areas):
        """A task for each strip of each area (image, group, first row, rows, first column, columns)."""
        cdef Loops* loops = &self.loops
        cdef Py_ssize_t image, group, first_row, n_rows, first_column, n_columns, row
        cdef Area* area
        loops.n_tasks = 0
        for _, _, _, n_rows, _, _ in areas:
            loops.n_tasks += ceiling(n_rows, loops.strip_rows)
        self.areas = area = <Area*> allocated(loops.n_tasks, sizeof(Area))
        loops.areas = self.areas
        for image, group, first_row, n_rows, first_column, n_columns in areas:
            if not (0 <= image < loops.n_images and 0 <= group < self.engine.geometry.groups
                    and 0 <= first_row <= self.engine.geometry.down.outputs - n_rows
                    and 0 <= first_column <= self.engine.geometry.across.outputs - n_columns):
                raise ValueError("areas: one lies outside of the response")
            for row in range(first_row, first_row + n_rows, loops.strip_rows):
                area.image, area.first_group, area.end_group = image, group, group + 1
                area.first_panel, area.end_panel = 0, loops.n_panels
                area.first_row, area.n_rows = row, min(loops.strip_rows, first_row + n_rows - row)
                area.first_column, area.n_columns = first_column, n_columns
                area += 1

    cdef Py_ssize_t multiply_adds(self):
        """Multiply-adds of all images, and pixels laid into strips."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t windows = product(product(geometry.down.outputs, geometry.across.outputs), self.loops.n_images)
        return (product(windows, product(self.engine.n_taps, geometry.groups * geometry.n_kernels))
                + product(product(self.engine.reached_rows, self.engine.reached_columns),
                          product(self.loops.n_images, geometry.groups * self.engine.staged * STAGING_MULTIPLY_ADDS)))

    cdef Py_ssize_t pixel_rows(self, Py_ssize_t rows):
        """Rows of pixels that so many rows of responses reach."""
        cdef const Geometry* geometry = &self.engine.geometry
        return reach(&geometry.down, rows)

    cdef Py_ssize_t strip_of(self, Py_ssize_t rows):
        """Elements of an image strip for that many rows of responses, up to where a cache line begins."""
        if self.loops.in_place:
            return 0
        return ceiling(product(product(self.pixel_rows(rows), self.loops.row_pitch), self.planes) + self.slack, 16) * 16

    cdef Py_ssize_t response_of(self, Py_ssize_t rows):
        """Elements of a response strip of that many rows."""
        cdef const Geometry* geometry = &self.engine.geometry
        if self.loops.direct_store:
            return 0
        if self.loops.by_panel:
            return self.panel_rows * self.panel_columns * self.widest_panel()
        return product(product(rows, self.most_columns), geometry.n_kernels)

    cdef Py_ssize_t widest_panel(self):
        cdef Py_ssize_t index, width = 0
        for index in range(self.engine.n_panels):
            width = max(width, self.engine.panels[index].n_kernels)
        return width

    cdef consume_panels(self):
        """Has panels' responses consumed one by one, where those of all kernels would leave the second cache.

        A piece's responses for a panel stay there beside its pixels.
        """
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t of_column = self.widest_panel() * self.engine.routines.item_bytes
        cdef Py_ssize_t of_image = product(product(geometry.down.outputs, self.most_columns),
                                           product(geometry.n_kernels, self.engine.routines.item_bytes))
        loops.by_panel = loops.consumer.kind == REDUCE and of_image > CONSUMED_BYTES
        if not loops.by_panel:
            return
        loops.piece_columns = max(1, CONSUMED_BYTES // of_column // PIECE_COLUMNS) * PIECE_COLUMNS
        self.panel_columns = min(self.most_columns, 2 * loops.piece_columns)
        loops.piece_rows = self.panel_rows = min(self.most_rows, max(1, CONSUMED_BYTES // of_column
                                                                     // self.panel_columns))

    cdef Py_ssize_t workspace_of(self, Py_ssize_t rows):
        return product(self.elements_of(self.whole_rows(rows)), self.engine.routines.item_bytes) + ALIGNMENT

    @property
    def workspace_bytes(self):
        """What each worker needs beside the arrays."""
        return self.workspace_of(self.loops.strip_rows)


cdef bint adjacent(const Py_ssize_t* offsets, Py_ssize_t count, Py_ssize_t size):
    """Whether elements of that size lie next to each other."""
    cdef Py_ssize_t index
    for index in range(1, count):
        if offsets[index] != offsets[index - 1] + size:
            return False
    return True


cdef Py_ssize_t pitch_of(const Py_buffer* buffer, axis):
    return buffer.strides[<Py_ssize_t> axis] if axis >= 0 else 0


cdef bint aligned(const Py_buffer* buffer, Py_ssize_t size):
    cdef Py_ssize_t axis
    if <Py_ssize_t> buffer.buf % size:
        return False
    for axis in range(buffer.ndim):
        if buffer.shape[axis] > 1 and buffer.strides[axis] % size:
            return False
    return True

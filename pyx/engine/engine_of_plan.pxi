# The engine: what one plan needs of the loops, its sizes, forms and panels; shared by threads.

cdef list turned_areas(list areas):
    """Areas of images whose rows are columns.

    No comprehension makes objects here or elsewhere in compiled code: where the list cannot grow, Cython 3.3 lets go of
    the last one twice.
    """
    cdef list turned = []
    for area in areas:
        turned.append((*area[:2], *area[4:], *area[2:4]))
    return turned


cdef Py_ssize_t product(Py_ssize_t first, Py_ssize_t second) noexcept:
    """Product of two sizes, or `LARGE`."""
    return LARGE if <double> first * <double> second > <double> LARGE else first * second


cdef void take_axis(Axis* axis, tuple sizes):
    axis.length, axis.kernel, axis.before, axis.stride, axis.dilation, axis.outputs = sizes


cdef void spread_axis(Axis* axis, Py_ssize_t n_channels):
    """Make each channel of a pixel a position of its own."""
    axis.length *= n_channels
    axis.before *= n_channels
    axis.dilation *= n_channels
    axis.outputs *= n_channels


cdef class Engine:
    """The loops' constants for one plan.

    Parameters
    ----------
    table : capsule of the level.
    axes : of each axis, down and across, the length, the taps of a kernel, the padding before, the stride, the
        dilation and the windows.
    counts : channels of a group, groups, and kernels of a group, in real numbers.
    blocks : how the sum is cut: kernel rows in a block, pieces of a kernel row, whether totals are compensated.
    summed : the type that sums are kept in, "f4" or "f8"; "i4" for the form "bytes".
    form : where lanes run: over "kernels", "columns", "rows" or "channels"; "bytes", over kernels; or "winograd 2x2" or
        "winograd 4x4", by the responses of a quad, whose sum is one over channels, or "fft"; over columns by
        "factors", which lie before each kernel's taps, or by such in "words" of 16 bits; over taps in "products" of
        windows with kernels as they lie.
        Over rows an engine is that of the image turned, but for the order of the sum.
    boundary : names of the padding's boundary above and below, and on the sides.
    section : of "fft": its height and width, the points of its transforms down and across (1: none along that axis),
        and how many rows and columns of windows it gives. Of "factors": the kernels' rank, and the taps of a block of a
        row and of a column.
    rounded : of "fft": whether responses are whole numbers.
    signed : of "bytes": whether pixels have a sign (None: they are bools), and whether taps have one.
    clip : of winograd and "fft": the first and the number of rows, and of columns, that arrays of responses have.
    interleaved : over columns and by factors, of one kernel and without a stride across: the channels of a pixel, next
        to each other, that it is for by itself. They are columns then.
    """
    cdef object capsule
    cdef const Routines* routines
    cdef int number                                  # of the summed dtype, as NumPy counts them
    cdef Geometry geometry
    cdef readonly tuple clip                         # some of the responses, or None
    cdef bint clips
    cdef readonly str summed, form
    cdef readonly Py_ssize_t groups                  # over channels 1, whatever the geometry's
    cdef Py_ssize_t interleaved
    cdef readonly Py_ssize_t n_panels, padded_kernels, reached_rows, reached_columns
    cdef readonly Py_ssize_t n_taps                  # of a kernel in a panel; of bytes: steps
    cdef readonly Py_ssize_t taps_at_once
    cdef readonly int shift                          # of bytes: what is added to each pixel
    cdef bint unsigned_taps
    cdef int lanes_over                              # a Form
    cdef Py_ssize_t kernel_height, kernel_width      # as the kernels lie, also where the geometry is turned
    cdef Py_ssize_t side                             # of winograd: responses of a quad down and across, else 0
    cdef Py_ssize_t n_pixels                         # of winograd: pixels of a quad down and across
    cdef Py_ssize_t staged                           # channels that one position of a strip holds
    cdef Py_ssize_t pixel                            # elements of one position of a strip, those of no channel included
    cdef Panel* panels
    cdef tuple widths
    cdef list ranges                                 # of the panels
    cdef Py_ssize_t* outside                         # source of each column outside of the image, -1 for the fill value
    cdef Py_ssize_t first_inside, end_inside, first_source
    cdef Fourier fourier                             # of "fft" alone
    cdef Factors factors                             # of "factors" alone
    cdef char* twiddles
    cdef int row_boundary

    def __cinit__(self, table, tuple axes, tuple counts, tuple blocks, str summed, str form, tuple boundary,
                  tuple section=None, bint rounded=False, tuple signed=None, tuple clip=None,
                  Py_ssize_t interleaved=1):
        cdef Geometry* geometry = &self.geometry
        cdef Py_ssize_t index, n_outside
        cdef int column_boundary
        self.clip, self.clips = clip, clip is not None
        self.lanes_over = FORMS[form]
        self.kernel_height, self.kernel_width = axes[0][1], axes[1][1]
        if self.lanes_over == OVER_ROWS:
            axes, boundary = axes[::-1], boundary[::-1]
        self.row_boundary, column_boundary = BOUNDARIES[boundary[0]], BOUNDARIES[boundary[1]]
        self.capsule = table
        self.routines = routines_of(table, form if form == "words" else summed)
        self.taps_at_once = self.routines.taps_at_once
        self.number = (<cnp.dtype> cnp.dtype(summed)).num
        self.summed = summed
        self.form = form
        take_axis(&geometry.down, axes[0])
        take_axis(&geometry.across, axes[1])
        geometry.depth, geometry.groups, geometry.n_kernels = counts
        geometry.rows_per_block, geometry.pieces_per_row, geometry.compensated = blocks
        self.n_taps = geometry.down.kernel * geometry.across.kernel * geometry.depth
        if self.lanes_over == WINOGRAD:
            self.side = 4 if form == "winograd 4x4" else 2
            self.n_pixels = self.side + geometry.down.kernel - 1
            if (geometry.down.kernel != geometry.across.kernel or geometry.down.kernel not in (3, 5)
                    or self.n_pixels > 6 or (geometry.down.stride, geometry.across.stride) != (1, 1)):
                raise ValueError("form: winograd is for kernels of 3x3, or 5x5 by quads of 2x2, without stride")
            self.n_taps = self.n_pixels * self.n_pixels * geometry.depth
        if self.lanes_over == OVER_CHANNELS:
            if geometry.depth != geometry.n_kernels or geometry.depth not in (1, FOUR):
                raise ValueError("form: lanes go over channels of groups of one channel and one kernel, or of four")
            geometry.n_kernels *= geometry.groups
            geometry.groups = 1
        self.interleaved = interleaved
        if interleaved > 1:
            if (self.lanes_over not in (OVER_COLUMNS, BY_FACTORS) or geometry.across.stride > 1
                    or geometry.depth * geometry.groups * geometry.n_kernels > 1):
                raise ValueError("interleaved: channels are columns of one kernel without a stride across")
            spread_axis(&geometry.across, interleaved)
        if self.lanes_over == OVER_BYTES:
            self._plan_steps(signed)
        if self.lanes_over == BY_FACTORS:
            self._take_factors(section)
            if form == "words" and (section[0] > 1 or summed != "f4" or geometry.across.stride > 1 or self.n_taps < 4
                                    or max(geometry.down.kernel, geometry.across.kernel) > MOST_OF_WORDS
                                    or geometry.depth > 1):
                raise ValueError("form: words are for small kernels of one channel, without a stride across")
        self.groups = geometry.groups
        self.reached_rows = reach(&geometry.down, geometry.down.outputs)
        self.reached_columns = reach(&geometry.across, geometry.across.outputs)
        self.first_inside = max(0, min(geometry.across.before, self.reached_columns))
        self.end_inside = max(self.first_inside,
                              min(geometry.across.before + geometry.across.length, self.reached_columns))
        n_outside = self.reached_columns - (self.end_inside - self.first_inside)
        self.outside = <Py_ssize_t*> allocated(n_outside, sizeof(Py_ssize_t))
        for index in range(n_outside):
            self.outside[index] = source_of_channel(
                &geometry.across, index if index < self.first_inside else index - n_outside + self.reached_columns,
                column_boundary, interleaved)
        self.first_source = max(0, -geometry.across.before)
        if self.lanes_over == FOURIER:
            self.twiddles = plan_sections(&self.fourier, geometry, self.routines, section, rounded)
            self.n_panels, self.padded_kernels = 0, geometry.n_kernels
        else:
            self._deal_panels()
        self.staged = self.pixel = geometry.depth
        if self.lanes_over == OVER_CHANNELS:  # a part of a vector is read whole, and its other lanes are not stored
            self.staged, self.pixel = geometry.n_kernels, max(geometry.n_kernels, self.routines.lanes)
        if (self.lanes_over == OVER_KERNELS and geometry.down.kernel == geometry.across.kernel == 1
                and self.routines.pixel_bytes == self.routines.item_bytes
                and geometry.depth * self.routines.item_bytes % CROWDED_BYTES == 0):
            self.pixel += ALIGNMENT // self.routines.item_bytes  # neighbours do not share the places of a cache

    def _deal_panels(self):
        """The group's kernels dealt out to panels of the widths that the tiles know."""
        cdef Py_ssize_t lanes = self.routines.lanes, n_kernels = self.geometry.n_kernels, first = 0, width, left
        self.panels = <Panel*> allocated(n_kernels, sizeof(Panel))
        while first < n_kernels:
            left = n_kernels - first
            width = width_of_panel(self.lanes_over, self.routines, &self.geometry, left)
            if self.lanes_over == OVER_CHANNELS and left < lanes <= n_kernels:
                first, left = n_kernels - lanes, lanes  # the last vector is of the last channels
            self.panels[self.n_panels].first = first
            self.panels[self.n_panels].width = width
            self.panels[self.n_panels].n_kernels = min(width, left)
            self.panels[self.n_panels].offset = self.padded_kernels
            self.n_panels += 1
            self.padded_kernels += width
            first += width

    def _take_factors(self, tuple sizes):
        """Factors before the taps of each kernel."""
        cdef Factors* factors = &self.factors
        factors.rank, factors.row_block, factors.column_block = sizes
        if not 0 < factors.rank * self.geometry.down.kernel <= MOST_OF_COLUMNS or min(sizes) < 1:
            raise ValueError(f"section: {sizes} are not the sizes of factors of {self.geometry.down.kernel} rows")
        self.n_taps += factors.rank * (self.geometry.down.kernel + self.geometry.across.kernel * self.geometry.depth)

    def _plan_steps(self, tuple signed):
        """The steps of a sum of bytes; what makes a signed factor of one operand and an unsigned one of the other."""
        cdef Py_ssize_t n_runs, run
        runs_of(&self.geometry, &n_runs, &run)
        self.n_taps = n_runs * ceiling(run, self.taps_at_once)
        self.unsigned_taps = not signed[1]
        if self.routines.pixel_bytes == 1 and signed[0] is not None and signed[0] == signed[1]:
            self.shift = 128 if signed[0] else -128

    @property
    def radices(self):
        """Radices of the forward passes down and across."""
        return radices_of(&self.fourier.down), radices_of(&self.fourier.across)

    @property
    def spectrum_elements(self):
        """Elements of the spectra of one kernel, all channels together."""
        return self.fourier.height * self.fourier.width * self.fourier.depth

    @property
    def section(self):
        """Height and width, whether it is transformed down and across, and rows and columns of windows."""
        cdef const Fourier* fourier = &self.fourier
        return (fourier.height, fourier.width, fourier.down.radices[0] > 1, fourier.across.radices[0] > 1,
                fourier.valid_rows, fourier.valid_columns)

    @property
    def largest_exponent(self):
        """Largest exponent of a kernel that may be transformed."""
        return self.routines.largest_exponent

    @property
    def transform_bytes(self):
        """Memory that `transform` takes."""
        return (self.fourier.height * self.fourier.pitch + points_of(&self.fourier)) * self.routines.item_bytes

    @property
    def kernel_sizes(self):
        """Rows and channels of a kernel."""
        return self.kernel_height, self.geometry.depth

    cdef char* elements_of(self, cnp.ndarray array, str name, bint written=False) except NULL:
        """The array's elements, which are of the summed type and in C order."""
        if cnp.PyArray_TYPE(array) != self.number or not (
                cnp.PyArray_ISCARRAY(array) if written else cnp.PyArray_ISCARRAY_RO(array)):
            raise ValueError(f"{name}: they are not {self.summed} in C order")
        return cnp.PyArray_BYTES(array)

    def transform(self, cnp.ndarray kernels, cnp.ndarray spectra, int[::1] exponents):
        """Spectra (kernels, channels, points) of `kernels` (kernels, taps), each divided by 2**exponent."""
        cdef const Fourier* fourier = &self.fourier
        cdef Py_ssize_t elements = fourier.height * fourier.pitch, size = self.routines.item_bytes, kernel
        cdef const char* taps = self.elements_of(kernels, "kernels")
        cdef char* points = self.elements_of(spectra, "spectra", True)
        cdef char[::1] memory = empty_lines(self.transform_bytes)  # of a section, and of points
        if (spectra.ndim != 2 or kernels.ndim != 2
                or spectra.shape[0] != kernels.shape[0] or exponents.shape[0] != kernels.shape[0]
                or kernels.shape[1] != self.n_taps or spectra.shape[1] != self.spectrum_elements):
            raise ValueError("spectra: they are not of these kernels")
        memset(&memory[0], 0, elements * size)  # pixels that have no tap
        for kernel in range(kernels.shape[0]):
            with nogil:
                self.routines.transform_kernel(fourier, taps, &memory[0], &memory[elements * size], points,
                                               &exponents[kernel])
            taps += self.n_taps * size
            points += self.spectrum_elements * size
            if kernel % 16 == 15 or elements > 1 << 18:
                PyErr_CheckSignals()

    def __dealloc__(self):
        PyMem_Free(self.twiddles)
        PyMem_Free(self.panels)
        PyMem_Free(self.outside)

    def pack(self, cnp.ndarray kernels, Py_ssize_t first, Py_ssize_t end, cnp.ndarray panels, Py_ssize_t row=0,
             Py_ssize_t channel=0):
        """Writes panels [first, end) of all groups' panels, tap-major, with zeros for kernels that do not exist.

        Parameters
        ----------
        kernels : their kernels (kernels, rows, columns, channels), of any strides; or some rows and channels of these.
        first, end : places in the order of groups and of a group's panels.
        panels : all of them, (groups, elements).
        row, channel : the first ones of `kernels`.
        """
        cdef const Geometry* geometry = &self.geometry
        cdef Py_ssize_t size = self.routines.item_bytes, index, before
        cdef const char* place = cnp.PyArray_BYTES(kernels)
        cdef char* packed = self.elements_of(panels, "panels", True)
        cdef const Panel* panel
        cdef Taps taps
        cdef Py_ssize_t[4] pitches
        if (not 0 <= first < end <= self.groups * self.n_panels or kernels.ndim != 4
                or kernels.shape[0] != self._kernels_to(end) - self._kernels_before(first)
                or kernels.shape[2] != self.kernel_width
                or not 0 <= row <= self.kernel_height - kernels.shape[1]
                or not 0 <= channel <= geometry.depth - kernels.shape[3]
                or panels.size != self.groups * self.padded_kernels * self.n_taps):
            raise ValueError("kernels: they are not those of the panels")
        if self.side and (kernels.shape[1] != self.kernel_height or kernels.shape[3] != geometry.depth):
            raise ValueError("kernels: they are not whole")
        if cnp.PyArray_TYPE(kernels) != self.number or not cnp.PyArray_ISALIGNED(kernels) or (
                cnp.PyArray_ISBYTESWAPPED(kernels)):
            raise ValueError(f"kernels: they are not {self.summed}")
        for index in range(4):
            pitches[index] = kernels.strides[index] // size
        taps_of(&taps, kernels.shape, kernels.strides, size, self.kernel_width, geometry.depth)
        before = self._kernels_before(first)
        with nogil:
            for index in range(first, end):
                panel = &self.panels[index % self.n_panels]
                pack_one(self.routines, self.side, self.n_pixels, geometry.depth, &taps, pitches,
                         place + (self._kernels_before(index) - before) * taps.kernel_pitch * size,
                         packed + ((index // self.n_panels * self.padded_kernels + panel.offset) * self.n_taps
                                   + (row * self.kernel_width * geometry.depth + channel) * panel.width) * size,
                         panel)

    def pack_bytes(self, cnp.ndarray kernels, Py_ssize_t first, Py_ssize_t end, cnp.ndarray panels, cnp.ndarray bias):
        """Writes panels of whole kernels in steps; in `bias` (of all padded kernels) it makes up for shifted pixels."""
        cdef Py_ssize_t size = self.routines.item_bytes, index, place, n_runs, run, before = self._kernels_before(first)
        cdef const char* taps = self.elements_of(kernels, "kernels")
        cdef char* packed = self.elements_of(panels, "panels", True)
        cdef char* own_bias = self.elements_of(bias, "bias", True)
        cdef const Panel* panel
        runs_of(&self.geometry, &n_runs, &run)
        if (not 0 <= first < end <= self.groups * self.n_panels
                or kernels.size != (self._kernels_to(end) - self._kernels_before(first)) * n_runs * run
                or bias.size != self.groups * self.padded_kernels or panels.size != bias.size * self.n_taps):
            raise ValueError("kernels: they are not those of the panels")
        with nogil:
            for index in range(first, end):
                panel = &self.panels[index % self.n_panels]
                place = (index // self.n_panels * self.padded_kernels + panel.offset) * size
                if panel.n_kernels < panel.width:
                    memset(packed + place * self.n_taps, 0, panel.width * self.n_taps * size)
                self.routines.pack_steps(
                    <const int32_t*> taps + (self._kernels_before(index) - before) * n_runs * run, n_runs, run,
                    packed + place * self.n_taps, panel.width, panel.n_kernels, self.shift,
                    <int32_t*> (own_bias + place))

    cdef Py_ssize_t source_column(self, Py_ssize_t column):
        """The image's column at a padded one, -1 for the fill value."""
        if column < self.first_inside:
            return self.outside[column]
        if column < self.end_inside:
            return column - self.first_inside + self.first_source
        return self.outside[column - (self.end_inside - self.first_inside)]

    cdef Py_ssize_t _kernels_before(self, Py_ssize_t panel) noexcept nogil:
        """Kernels before a panel of all groups'."""
        return panel // self.n_panels * self.geometry.n_kernels + self.panels[panel % self.n_panels].first

    cdef Py_ssize_t _kernels_to(self, Py_ssize_t panel) noexcept nogil:
        """Kernels to the end of the panel before one, which may be the one after the last."""
        return self._kernels_before(panel - 1) + self.panels[(panel - 1) % self.n_panels].n_kernels

    @property
    def last_place(self):
        """The place of the last panel of a group among its padded kernels; of the others it is that of the kernels."""
        return self.panels[self.n_panels - 1].offset

    @property
    def pads_with_zeros(self):
        """Whether windows have kernel rows in padding of fill values, whose left out multiply-adds pay."""
        cdef const Axis* down = &self.geometry.down
        cdef bint pays = self.lanes_over == OVER_COLUMNS and self.geometry.depth > 1
        return ((pays or self.lanes_over == OVER_KERNELS) and self.row_boundary == CONSTANT
                and (down.before >= down.dilation or self.reached_rows - down.before - down.length >= down.dilation))

    def panel_ranges(self):
        """First and last kernel (exclusive) of each panel of a group."""
        cdef list ranges = []
        if self.ranges is None:
            for index in range(self.n_panels):
                ranges.append((self.panels[index].first, self.panels[index].first + self.panels[index].n_kernels))
            self.ranges = ranges
        return self.ranges

    @property
    def panel_widths(self):
        """The widths of the panels in turn, each with how many follow each other; they depend on the windows, too."""
        cdef Py_ssize_t index
        cdef list every = [], found = []
        if self.widths is None:
            for index in range(self.n_panels):
                every.append(self.panels[index].width)
            for width, alike in groupby(every):
                found.append((width, len(list(alike))))
            self.widths = tuple(found)
        return self.widths

    def call(self, tuple images, tuple out, tuple panels, double[::1] fill, *, Py_ssize_t n_workers,
             Py_ssize_t workspace_limit, tuple limits=None, tuple spectra_of=None, Py_ssize_t[::1] kernels=None,
             list areas=None, bint finite=False, ask=None, fresh=None, tuple scaling=None, tuple tops=None,
             again=None):
        """A `Call` of these arrays.

        Parameters
        ----------
        images : (array, axes, element, whether its bytes are in the other order); the axes are positions of (image,
            row, column, channel) or -1.
        out : (array, axes, element); the axes are positions of (image, row, column, kernel) or -1. Or (`Reducer`, axes,
            element) of one that takes the responses in the place of an array.
        panels : what is packed (or spectra), and the bias.
        fill : value of each channel of the padding.
        limits : (least, greatest, saturate). Responses outside of them set `overflowed`, or are rounded and brought
            inside, and set it only where they are no numbers.
        spectra_of : of "fft": (first, exponents, kinds). The panels are spectra, divided by 2**exponent, of as many
            kernels of each group from the first on; those with the exponent `HANDED_BACK` are left out. The kinds of
            their taps, `WHOLE` and `NOT_NEGATIVE`, are None where neither is.
        kernels : where each of the engine's kernels lies in `out`, among all groups'; None: in order. -1: a reducer
            leaves its responses out.
        areas : of the direct method, what is done: (image, group, first row, rows, first column, columns) each.
        finite : whether all taps are known to be finite, so that those in padding of zeros may be left out.
        ask : of "winograd": called with the call for `take_direct`, if a response is handed back; false if there is no
            room.
        fresh : of "winograd": None, or whether to look for subnormal taps. The panels are kernels as they lie, which
            are transformed while the call runs.
        scaling : what makes scores of responses: see `take_scaling`.
        again : of "fft": a call of the same images and sections in another type, of which the sections are done that it
            handed back.
        tops : where the largest response of each row is noted, with how many were: see `take_tops`.
        """
        cdef Call call = FreshWinograd() if fresh is not None else CALLS[self.form]()
        call.engine = self
        call.crew.forks_before = n_forks
        call.take_images(images[0], self.own_axes(images[1]), images[2], images[3], fill)
        if isinstance(out[0], Reducer):
            call.take_reducer(out[0], kernels)
        else:
            call.take_out(out[0], self.own_axes(out[1]), out[2], kernels)
        call.take_panels(panels[0], panels[1])
        if scaling is not None:
            call.take_scaling(kernels, scaling)
        if spectra_of is not None:
            (<FourierSections?> call).choose_kernels(spectra_of[0], spectra_of[1], spectra_of[2])
        if again is not None:
            (<FourierSections?> call).take_redone(again)
        if ask is not None:
            (<Winograd?> call).ask = ask
        if fresh is not None:
            (<FreshWinograd> call).take_kernels(panels[0], fresh)
        if limits is not None:
            call.loops.consumer.low, call.loops.consumer.high = limits[:2]
            call.limit_responses(limits[2])
        if tops is not None and kernels is None:
            take_tops(call, tops)
        if areas is not None and self.lanes_over == OVER_ROWS:
            areas = turned_areas(areas)
        call.loops.skips = finite and self.pads_with_zeros and zeros(fill)
        call.lay_out(n_workers, workspace_limit, areas)
        return call

    cdef tuple own_axes(self, tuple axes):
        """The places of the axes image, row, column and channel of the engine's own geometry in an array."""
        return (axes[0], axes[2], axes[1], axes[3]) if self.lanes_over == OVER_ROWS else axes

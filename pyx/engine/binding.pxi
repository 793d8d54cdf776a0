# How a call lies in memory: its arrays, its strips and responses, the order of the sum, and how many rows a task takes.

cdef Py_ssize_t STRIP_BYTES = 192 * 1024  # of a strip's image rows: they stay in the second-level cache
cdef Py_ssize_t QUADS_BYTES = 512 * 1024  # of winograd's transformed pixels: they stay there beside a panel
cdef Py_ssize_t BLOCKS_PER_TOTAL = 6      # of winograd's sums: where there are more, the totals are carried
cdef Py_ssize_t MOST_QUADS = 112          # of winograd at once: eight of the largest tiles over kernels
cdef Py_ssize_t KERNELS_AT_ONCE = 16      # whose responses leave a strip together: a cache line of floats
cdef Py_ssize_t SLOTS_BYTES = 16 << 20    # that they take at most
cdef Py_ssize_t KERNELS_PER_PART = 8      # for which the image's sections are transformed again
cdef Py_ssize_t TASK_MULTIPLY_ADDS = 1 << 20       # multiply-adds below which tasks are claimed several at once


cdef class Binding:
    """One call's arrays tied to an engine."""
    cdef Engine engine
    cdef Loops loops
    cdef Py_buffer images, out, packed, bias
    cdef bint has_images, has_out, has_packed, has_bias
    cdef double[::1] fill
    cdef Py_ssize_t item_bytes
    cdef Py_ssize_t column_bytes, channel_pitch_bytes          # of the images
    cdef Py_ssize_t out_column_bytes, out_kernel_bytes
    cdef Py_ssize_t* channel_bytes
    cdef Py_ssize_t* kernel_bytes
    cdef Py_ssize_t* tap_offsets
    cdef Segment* segments
    cdef Py_ssize_t slack                                      # elements behind the last row of an image's strip
    cdef Py_ssize_t most_rows, most_columns, least_columns     # of an area
    cdef Py_ssize_t reached_columns                            # of the padded ones, by the widest area
    cdef bint images_as_summed, out_as_summed, fits
    cdef char* handed_back                                     # of the frequency domain: each image's groups' sections
    cdef Area* areas
    cdef Py_buffer direct_packed, direct_bias                  # of winograd, once it hands something back
    cdef bint has_direct_panels
    cdef Segment* direct_segments
    cdef int[::1] exponents

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
        PyMem_Free(self.tap_offsets)
        PyMem_Free(self.segments)
        PyMem_Free(self.handed_back)
        PyMem_Free(self.areas)
        PyMem_Free(self.direct_segments)
        if self.has_direct_panels:
            PyBuffer_Release(&self.direct_packed)
            PyBuffer_Release(&self.direct_bias)

    cdef let_go(self):
        """Release the images and the response, where only the layout is wanted any more."""
        if self.has_images:
            PyBuffer_Release(&self.images)
        if self.has_out:
            PyBuffer_Release(&self.out)
        self.has_images = self.has_out = False

    cdef let_panels_go(self):
        """Release the panels and the bias: a helper that lingers holds the Call, which must not keep the kernels."""
        if self.has_packed:
            PyBuffer_Release(&self.packed)
        if self.has_bias:
            PyBuffer_Release(&self.bias)
        if self.has_direct_panels:
            PyBuffer_Release(&self.direct_packed)
            PyBuffer_Release(&self.direct_bias)
        self.has_packed = self.has_bias = self.has_direct_panels = False
        self.exponents = None

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
        item_bytes = self.out.itemsize // components
        self.kernel_bytes = <Py_ssize_t*> allocated(geometry.groups * geometry.n_kernels, sizeof(Py_ssize_t))
        for kernel in range(geometry.groups * geometry.n_kernels):
            own = kernel if kernels is None else kernels[kernel]
            self.kernel_bytes[kernel] = own // components * self.out_kernel_bytes + own % components * item_bytes
        loops.consumer.kernel_bytes = self.kernel_bytes
        loops.consumer.storing.element = ELEMENTS[element]
        loops.consumer.storing.column_bytes = self.out_column_bytes
        loops.consumer.storing.adjacent = adjacent(self.kernel_bytes, geometry.n_kernels, item_bytes)
        self.out_as_summed = (loops.consumer.storing.element == self.engine.routines.element
                              and aligned(&self.out, item_bytes))

    cdef take_panels(self, packed, bias):
        PyObject_GetBuffer(packed, &self.packed, PyBUF_STRIDES)
        self.has_packed = True
        PyObject_GetBuffer(bias, &self.bias, PyBUF_STRIDES)
        self.has_bias = True
        self.loops.packed = <const char*> self.packed.buf
        self.loops.bias = <const char*> self.bias.buf

    cdef choose_kernels(self, Py_ssize_t first, int[::1] exponents):
        """Take kernels from `first` on for the frequency domain, of each group as many as it has exponents for."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Loops* loops = &self.loops
        cdef const Fourier* fourier = &self.engine.fourier
        loops.first_chosen = first
        loops.n_chosen = exponents.shape[0] // geometry.groups
        if (first < 0 or loops.n_chosen < 1 or first + loops.n_chosen > geometry.n_kernels
                or self.packed.len != (exponents.shape[0] * geometry.depth * 2 * fourier.height * fourier.width
                                       * self.engine.routines.item_bytes)):
            raise ValueError("first_kernel: these kernels are not in the bank")
        self.exponents = exponents
        loops.kernel_exponents = &self.exponents[0]

    cdef lay_out(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit, list areas):
        """Strips or arrays and their pitches; how many rows a task takes; then the sum's segments.

        Where even one row of responses needs more than `workspace_limit`, sizes may have saturated: nothing is laid
        out that depends on them, and the call is only good to ask for `workspace_bytes`.
        """
        cdef Loops* loops = &self.loops
        cdef Engine engine = self.engine
        cdef const Geometry* geometry = &engine.geometry
        cdef Py_ssize_t n_sections
        loops.routines = engine.routines
        loops.item_bytes = engine.routines.item_bytes
        loops.correlate = self.microkernels()
        loops.geometry = &engine.geometry
        loops.panels = engine.panels
        loops.n_panels = engine.n_panels
        loops.padded_kernels = engine.padded_kernels
        loops.form = engine.lanes_over
        self.measure(areas)
        loops.source.row_boundary = engine.row_boundary
        if engine.lanes_over == FOURIER:
            self.lay_out_pairs(n_workers)
        elif engine.lanes_over == OVER_COLUMNS:
            self.lay_out_over_columns()
        else:
            self.lay_out_interleaved()
        if engine.lanes_over != FOURIER:
            self.split(n_workers, workspace_limit, areas)
        self.fits = self.workspace_of(loops.strip_rows) <= workspace_limit
        if self.fits:
            if engine.lanes_over == OVER_COLUMNS:
                self.place_planes()
            self.lay_out_staging()
            if engine.lanes_over == FOURIER:
                n_sections = loops.fourier.sections_down * loops.fourier.sections_across
                self.handed_back = <char*> allocated(product(loops.n_images * geometry.groups, n_sections), 1)
                loops.handed_back = self.handed_back
                return
            self.segments = self.build_sum(engine, &loops.sum)
            loops.rows.window_row_pitch = geometry.down.stride * loops.row_pitch if geometry.down.outputs > 1 else 0
            if engine.lanes_over == WINOGRAD:
                self.lay_out_quads()

    cdef CorrelateRows microkernels(self) noexcept:
        """Micro-kernels of the form; winograd's sums over channels have their lanes over kernels."""
        if self.engine.lanes_over == OVER_COLUMNS:
            return self.engine.routines.over_columns
        if self.engine.lanes_over == OVER_CHANNELS:
            return self.engine.routines.over_channels
        return self.engine.routines.over_kernels

    cdef measure(self, list areas):
        """The sizes of areas, or of whole images."""
        cdef const Geometry* geometry = &self.engine.geometry
        self.most_rows = geometry.down.outputs
        self.most_columns = self.least_columns = geometry.across.outputs
        if areas is not None:
            self.most_rows = max([area[3] for area in areas])
            self.most_columns = max([area[5] for area in areas])
            self.least_columns = min([area[5] for area in areas])
        self.reached_columns = ((self.most_columns - 1) * geometry.across.stride
                                + (geometry.across.kernel - 1) * geometry.across.dilation + 1)

    cdef bint padded(self):
        cdef const Geometry* geometry = &self.engine.geometry
        return (geometry.down.before != 0 or geometry.across.before != 0
                or self.engine.reached_rows > geometry.down.length
                or self.engine.reached_columns > geometry.across.length)

    cdef lay_out_interleaved(self):
        """Over kernels and over channels: what one position holds lies together."""
        cdef Loops* loops = &self.loops
        cdef Engine engine = self.engine
        cdef const Geometry* geometry = &engine.geometry
        cdef Py_ssize_t size = engine.routines.item_bytes
        cdef Py_ssize_t column_pitch = engine.pixel, kernel
        loops.in_place = (
            self.images_as_summed and not self.padded()
            and loops.source.row_bytes % size == 0 and self.column_bytes % size == 0
            and loops.source.image_bytes % size == 0
            and (self.channel_pitch_bytes == self.images.itemsize
                 or geometry.groups * engine.staged * size == self.images.itemsize)
            and (geometry.across.kernel == 1 or self.column_bytes == geometry.depth * size
                 or engine.lanes_over != OVER_KERNELS))
        if engine.lanes_over == OVER_CHANNELS:  # no lane beyond the last channel
            loops.in_place = loops.in_place and engine.padded_kernels == geometry.n_kernels
        if loops.in_place:
            column_pitch = self.column_bytes // size
            loops.row_pitch = loops.source.row_bytes // size
        else:
            loops.row_pitch = product(self.reached_columns, engine.pixel)
        loops.rows.window_pitch = column_pitch * geometry.across.stride if geometry.across.outputs > 1 else 0
        loops.sum.tap_pitch = column_pitch * geometry.across.dilation
        loops.direct_store = (self.out_as_summed and self.out_column_bytes % size == 0
                              and loops.consumer.row_bytes % size == 0 and loops.consumer.response_bytes % size == 0)
        for kernel in range(geometry.groups * geometry.n_kernels):
            loops.direct_store = loops.direct_store and self.kernel_bytes[kernel] == kernel * size
        loops.direct_store = loops.direct_store and loops.consumer.kind == STORE
        loops.rows.kernel_pitch = 1
        if loops.direct_store:
            loops.rows.column_pitch = self.out_column_bytes // size
            loops.rows.row_pitch = loops.consumer.row_bytes // size
        else:
            loops.rows.column_pitch = geometry.n_kernels
            loops.rows.row_pitch = self.most_columns * geometry.n_kernels

    cdef lay_out_over_columns(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        cdef Py_ssize_t lanes = self.engine.routines.lanes
        loops.in_place = (
            self.images_as_summed and not self.padded() and geometry.across.stride == 1
            and self.least_columns >= lanes and self.column_bytes == size and self.images.itemsize == size
            and self.channel_pitch_bytes % size == 0 and loops.source.row_bytes % size == 0
            and loops.source.image_bytes % size == 0)
        loops.source.staging.n_phases = 1
        if loops.in_place:
            loops.row_pitch = loops.source.row_bytes // size
        else:
            self.slack = lanes  # a row of fewer columns reads on into the next row, the last one into this
            loops.source.staging.n_phases = min(geometry.across.stride, self.reached_columns)
            loops.source.staging.phase_pitch = ceiling(self.reached_columns, loops.source.staging.n_phases)
            loops.row_pitch = loops.source.staging.phase_pitch * loops.source.staging.n_phases
        loops.direct_store = (self.out_as_summed and self.out_column_bytes == size and self.out.itemsize == size
                              and self.out_kernel_bytes % size == 0 and loops.consumer.row_bytes % size == 0
                              and loops.consumer.response_bytes % size == 0 and loops.consumer.kind == STORE)
        loops.rows.column_pitch = 1
        if loops.direct_store:
            loops.rows.kernel_pitch = self.out_kernel_bytes // size
            loops.rows.row_pitch = loops.consumer.row_bytes // size
        else:
            loops.rows.row_pitch = self.most_columns

    cdef lay_out_pairs(self, Py_ssize_t n_workers):
        """The frequency domain: sections channel by channel, responses kernel by kernel, tasks enough for workers."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Fourier* fourier = &loops.fourier
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        cdef Py_ssize_t n_pairs, slot_bytes
        loops.fourier = self.engine.fourier
        loops.reached_rows = self.engine.reached_rows
        loops.n_positions_down = span(&geometry.down)
        loops.n_positions_across = span(&geometry.across)
        loops.over_points = 1
        if fourier.down.radices[0] != 1:
            loops.over_points /= fourier.height
        if fourier.across.radices[0] != 1:
            loops.over_points /= fourier.width
        loops.source.staging.n_phases = 1
        loops.source.staging.channel_pitch = fourier.height * fourier.pitch
        loops.direct_store = (self.out_as_summed and self.out_column_bytes == size
                              and loops.consumer.row_bytes % size == 0 and loops.consumer.kind == STORE
                              and geometry.down.stride == 1 and geometry.across.stride == 1)
        loops.rows.row_pitch = loops.consumer.row_bytes // size
        loops.rows.column_pitch = geometry.across.stride
        loops.rows.kernel_pitch = fourier.valid_rows * fourier.valid_columns
        slot_bytes = loops.rows.kernel_pitch * 2 * size
        loops.kernels_at_once = 1
        if loops.consumer.storing.adjacent:
            loops.kernels_at_once = max(1, min(KERNELS_AT_ONCE, loops.n_chosen, SLOTS_BYTES // slot_bytes))
        n_pairs = ceiling(fourier.sections_down * fourier.sections_across, 2)
        loops.n_parts = 1
        if n_workers > 1:
            loops.n_parts = max(1, min(loops.n_chosen // KERNELS_PER_PART,
                                       ceiling(4 * n_workers, product(loops.n_images, n_pairs))))
        loops.n_strips = product(n_pairs, loops.n_parts)
        loops.strip_rows = 1
        loops.tasks_per_claim = 1
        loops.n_tasks = product(loops.n_images, loops.n_strips)

    cdef Py_ssize_t workspace_of_pairs(self):
        """Elements: two staged sections, spectra of all channels, a plane, a line of points, responses."""
        cdef const Fourier* fourier = &self.loops.fourier
        cdef Py_ssize_t per_channel = 2 * fourier.height * (fourier.pitch + fourier.width)
        cdef Py_ssize_t slots = 0
        if not self.loops.direct_store:
            slots = 2 * self.loops.kernels_at_once * fourier.valid_rows * fourier.valid_columns
        return (product(fourier.depth, per_channel) + 2 * fourier.height * fourier.width
                + 2 * MOST_LANES * max(fourier.height, fourier.width) + slots)

    cdef place_planes(self):
        """Over columns: channel by channel in the image's strip, kernel by kernel in the response's."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Staging* staging = &loops.source.staging
        cdef Py_ssize_t size = self.engine.routines.item_bytes, column, tap
        staging.channel_pitch = (self.channel_pitch_bytes // size if loops.in_place
                                 else product(self.pixel_rows(loops.strip_rows), loops.row_pitch))
        if not loops.direct_store:
            loops.rows.kernel_pitch = product(loops.strip_rows, self.most_columns)
        self.tap_offsets = <Py_ssize_t*> allocated(geometry.across.kernel * geometry.depth, sizeof(Py_ssize_t))
        for tap in range(geometry.across.kernel * geometry.depth):
            column = tap // geometry.depth * geometry.across.dilation
            self.tap_offsets[tap] = (column % staging.n_phases * staging.phase_pitch + column // staging.n_phases
                                     + tap % geometry.depth * staging.channel_pitch)
        loops.sum.tap_offsets = self.tap_offsets

    cdef lay_out_staging(self):
        cdef Loops* loops = &self.loops
        cdef Staging* staging = &loops.source.staging
        cdef const Geometry* geometry = &self.engine.geometry
        staging.columns = self.engine.reached_columns
        staging.first_inside = self.engine.first_inside
        staging.first_source = self.engine.first_source
        staging.end_inside = self.engine.end_inside
        staging.column_source = self.engine.column_source
        staging.depth = self.engine.staged
        staging.column_bytes = self.column_bytes
        staging.adjacent = adjacent(self.channel_bytes, staging.depth, self.item_bytes)
        staging.fill = &self.fill[0]
        staging.position_pitch = 1
        if self.engine.lanes_over != OVER_COLUMNS and self.engine.lanes_over != FOURIER:
            staging.n_phases = 1
            staging.phase_pitch = 0
            staging.position_pitch = self.engine.pixel
            staging.channel_pitch = 1
        loops.source.skips_rows = self.engine.lanes_over != FOURIER
        loops.source.rows_ahead = ROWS_AHEAD if self.engine.lanes_over == FOURIER else 0
        loops.source.rows_join = (self.engine.lanes_over != FOURIER
                                  and staging.n_phases == 1 and staging.columns == geometry.across.length
                                  and staging.first_inside == 0 and staging.end_inside == staging.columns
                                  and loops.source.row_bytes == staging.columns * self.column_bytes
                                  and (geometry.down.stride == 1 or geometry.down.dilation == 1)
                                  and geometry.down.kernel >= geometry.down.stride)

    cdef lay_out_quads(self):
        cdef Loops* loops = &self.loops
        cdef Quads* quads = &loops.quads
        cdef const Geometry* geometry = &self.engine.geometry
        quads.quads_per_row = quads_across(geometry.across.outputs, geometry.across.dilation)
        quads.n_columns = geometry.across.outputs
        quads.row_dilation = geometry.down.dilation
        quads.column_dilation = geometry.across.dilation
        quads.depth = geometry.depth
        quads.pixel_row_pitch = loops.row_pitch
        quads.pixel_pitch = loops.sum.tap_pitch // geometry.across.dilation  # even where there is one window only
        quads.row_pitch = loops.rows.row_pitch
        quads.column_pitch = loops.rows.column_pitch

    cdef Py_ssize_t elements_of_quads(self, Py_ssize_t rows):
        """Chooses how many quads are done at once; elements from their first transformed pixel to their last sum."""
        cdef Loops* loops = &self.loops
        cdef Quads* quads = &loops.quads
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes, width, strip_quads
        cdef Py_ssize_t n_quads = QUADS_BYTES // (16 * size) // geometry.depth
        if self.engine.lanes_over != WINOGRAD:
            return 0
        width = self.engine.panels[0].width  # no panel is wider than the first one
        strip_quads = product(quads_across(rows, geometry.down.dilation),
                              quads_across(geometry.across.outputs, geometry.across.dilation))
        n_quads = max(min(n_quads, MOST_QUADS) // 14 * 14, 14)
        # planes whose pitch is a multiple of 4096 bytes would all fall into the same sets of the first cache
        quads.plane_pitch = product(n_quads, geometry.depth) + 5 * 16
        quads.sums_pitch = n_quads * width + 5 * 16
        loops.quads_at_once = n_quads
        # of more quads equal shares are done at once, which may be a little less than that many
        return product(16, quads.plane_pitch) + 15 * quads.sums_pitch + min(n_quads, strip_quads) * width

    cdef Segment* build_sum(self, Engine engine, Sum* sum) except NULL:
        """Segments: for each kernel row its run of taps (apart over kernels: each column's), cut at the blocks.

        The engine is the call's own, or one over kernels for winograd's windows.
        """
        cdef const Geometry* geometry = &engine.geometry
        cdef Py_ssize_t run = geometry.across.kernel * geometry.depth, pieces = geometry.pieces_per_row
        cdef Py_ssize_t kernel_height = geometry.down.kernel, tap_pitch = self.loops.sum.tap_pitch
        cdef bint apart = (engine.lanes_over == OVER_KERNELS and geometry.across.kernel > 1
                           and tap_pitch != geometry.depth)
        cdef Segment* segments
        if engine.lanes_over == WINOGRAD:
            kernel_height, run = 1, geometry.depth
        segments = <Segment*> allocated(kernel_height * (pieces + (geometry.across.kernel if apart else 0)),
                                        sizeof(Segment))
        sum.segments = segments
        sum.kernel_height = kernel_height
        sum.run = run
        sum.rows_per_block = geometry.rows_per_block
        sum.pieces = pieces
        sum.tap_pitch = tap_pitch
        sum.kernel_row_pitch = geometry.down.dilation * self.loops.row_pitch if geometry.down.kernel > 1 else 0
        sum.dense = geometry.depth == 1 and geometry.across.dilation == 1 and self.loops.source.staging.n_phases == 1
        sum.compensated = geometry.compensated
        sum.carried = engine.lanes_over == WINOGRAD and pieces > BLOCKS_PER_TOTAL
        self.cut_sum(engine, sum, segments, apart)
        return segments

    cdef cut_sum(self, Engine engine, Sum* sum, Segment* segments, bint apart):
        """The segments of a sum: one for each piece of a kernel row's run, of taps apart one for each column."""
        cdef Py_ssize_t depth = engine.geometry.depth, row, piece, first, end, stop
        cdef Segment* segment = segments
        cdef bint row_closes
        for row in range(sum.kernel_height):
            row_closes = (row + 1) % sum.rows_per_block == 0 or row == sum.kernel_height - 1
            for piece in range(sum.pieces):
                first = sum.run * piece // sum.pieces
                end = sum.run * (piece + 1) // sum.pieces
                while first < end:
                    stop = min(end, (first // depth + 1) * depth) if apart else end
                    segment.offset = row * sum.kernel_row_pitch + first // depth * sum.tap_pitch + first % depth
                    segment.n_taps = stop - first
                    segment.closes_block = stop == end and (sum.pieces > 1 or row_closes)
                    segment.closes_total = (piece + 1) % BLOCKS_PER_TOTAL == 0
                    segment += 1
                    first = stop
        sum.n_segments = segment - segments

    cdef split(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit, list areas):
        """How many rows a task takes: a strip that stays in cache, tasks enough for the workers, within the limit."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        cdef Py_ssize_t kernel_rows = effective(&geometry.down)
        cdef Py_ssize_t bytes_per_row = product(self.reached_columns, self.engine.pixel * size)
        cdef Py_ssize_t rows, all_rows = product(geometry.down.outputs, loops.n_images)
        cdef Py_ssize_t n_tasks = 4 * n_workers if n_workers > 1 else 1
        if areas is not None:
            all_rows = sum([area[3] for area in areas])
        rows = max((STRIP_BYTES // bytes_per_row - kernel_rows) // geometry.down.stride + 1,
                   min(8, ceiling(kernel_rows, geometry.down.stride)))
        rows = max(min(rows, ceiling(all_rows, n_tasks), self.most_rows), 1)
        while rows > 1 and self.workspace_of(rows) > workspace_limit // n_workers:
            rows = (rows + 1) // 2
        loops.n_strips = ceiling(self.most_rows, rows)
        loops.strip_rows = ceiling(self.most_rows, loops.n_strips)
        loops.strip_rows = self.whole_quads(loops.strip_rows)
        loops.n_strips = ceiling(geometry.down.outputs, loops.strip_rows)
        loops.n_tasks = product(loops.n_images, loops.n_strips)
        if areas is not None:
            self.cut_areas(areas)
        loops.strip_elements = self.strip_of(loops.strip_rows)
        loops.response_elements = self.response_of(loops.strip_rows)
        cdef Py_ssize_t of_task = product(product(self.most_columns * loops.strip_rows, self.engine.n_taps),
                                          geometry.groups * geometry.n_kernels)
        cdef Py_ssize_t fair = max(1, loops.n_tasks // n_tasks)
        loops.tasks_per_claim = min(max(1, TASK_MULTIPLY_ADDS // max(of_task, 1)), fair)

    cdef cut_areas(self, list areas):
        """A task for each strip of each area (image, group, first row, rows, first column, columns)."""
        cdef Loops* loops = &self.loops
        cdef Py_ssize_t image, group, first_row, n_rows, first_column, n_columns, row
        cdef Area* area
        loops.n_tasks = sum([ceiling(one[3], loops.strip_rows) for one in areas])
        self.areas = area = <Area*> allocated(loops.n_tasks, sizeof(Area))
        loops.areas = self.areas
        for image, group, first_row, n_rows, first_column, n_columns in areas:
            if not (0 <= image < loops.n_images and 0 <= group < self.engine.geometry.groups
                    and 0 <= first_row <= self.engine.geometry.down.outputs - n_rows
                    and 0 <= first_column <= self.engine.geometry.across.outputs - n_columns):
                raise ValueError("areas: one lies outside of the response")
            for row in range(first_row, first_row + n_rows, loops.strip_rows):
                area.image, area.first_group, area.end_group = image, group, group + 1
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
        cdef Py_ssize_t planes = self.engine.geometry.depth if self.engine.lanes_over == OVER_COLUMNS else 1
        if self.loops.in_place:
            return 0
        return ceiling(product(product(self.pixel_rows(rows), self.loops.row_pitch), planes) + self.slack, 16) * 16

    cdef Py_ssize_t response_of(self, Py_ssize_t rows):
        """Elements of a response strip of that many rows."""
        cdef const Geometry* geometry = &self.engine.geometry
        if self.loops.direct_store:
            return 0
        return product(product(rows, self.most_columns), geometry.n_kernels)

    cdef Py_ssize_t whole_quads(self, Py_ssize_t rows):
        """Not fewer rows of responses, such that quads are the same ones whatever the strips."""
        cdef const Geometry* geometry = &self.engine.geometry
        if self.engine.lanes_over != WINOGRAD:
            return rows
        return min(product(ceiling(rows, 2 * geometry.down.dilation), 2 * geometry.down.dilation),
                   geometry.down.outputs)

    cdef Py_ssize_t workspace_of(self, Py_ssize_t rows):
        if self.engine.lanes_over == FOURIER:
            return product(self.workspace_of_pairs(), self.engine.routines.item_bytes) + ALIGNMENT
        rows = self.whole_quads(rows)
        return product(self.strip_of(rows) + self.response_of(rows) + self.elements_of_quads(rows),
                       self.engine.routines.item_bytes) + ALIGNMENT

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

# The forms of the direct method: what their lanes run over says how pixels lie in a strip, or in an image that is read
# where it is. Their loops are those of strips.pxi.

from cpython.pyport cimport PY_SSIZE_T_MAX
from microkernels cimport Staging
from types cimport MOST_BESIDE, STORE, Geometry, Loops, ceiling


cdef class Interleaved(Call):
    """What one position holds lies together, in strips and in responses."""

    cdef lay_out_strips(self):
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
            and self.takes_pixels_as_they_lie())
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
        loops.source.staging.n_phases = 1
        loops.source.staging.phase_pitch = 0
        loops.source.staging.position_pitch = engine.pixel
        loops.source.staging.channel_pitch = 1
        loops.correlate = engine.routines.over_kernels
        loops.correlate_group = correlate_panels
        loops.do_task = do_strip
        self.planes = 1

    cdef bint takes_pixels_as_they_lie(self):
        """Whether windows can be read from an image whose channels lie together."""
        return True


cdef class OverKernels(Interleaved):
    """Lanes over kernels: a kernel row is a run of taps, which the columns of an image in place may break."""

    cdef bint takes_pixels_as_they_lie(self):
        cdef const Geometry* geometry = &self.engine.geometry
        return geometry.across.kernel == 1 or self.column_bytes == geometry.depth * self.engine.routines.item_bytes

    cdef bint taps_are_apart(self):
        return self.engine.geometry.across.kernel > 1 and self.loops.sum.tap_pitch != self.engine.geometry.depth


cdef class OverChannels(Interleaved):
    """Lanes over channels, whose kernels have one channel each; a vector's lanes are all read."""

    cdef lay_out_strips(self):
        Interleaved.lay_out_strips(self)
        self.loops.correlate = self.engine.routines.over_channels
        self.loops.own_pixels = 1

    cdef bint takes_pixels_as_they_lie(self):
        return self.engine.padded_kernels == self.engine.geometry.n_kernels  # no lane beyond the last channel


cdef enum:
    SHARED_ROWS = 3  # of pixels that a tile's last rows of responses have beyond its first one's


cdef class OverColumns(Call):
    """Lanes over columns: channel by channel in the image's strip, kernel by kernel in the response's."""
    cdef Py_ssize_t* tap_offsets
    cdef Py_ssize_t* row_offsets

    def __dealloc__(self):
        PyMem_Free(self.tap_offsets)
        PyMem_Free(self.row_offsets)

    cdef lay_out_strips(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        cdef Py_ssize_t lanes = self.engine.routines.lanes, kernel, first
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
        for kernel in range(geometry.groups * geometry.n_kernels):  # chosen ones may leave others out
            first = kernel // geometry.n_kernels * geometry.n_kernels
            loops.direct_store = loops.direct_store and (
                self.kernel_bytes[kernel] == self.kernel_bytes[first] + (kernel - first) * self.out_kernel_bytes)
        loops.rows.column_pitch = 1
        if loops.direct_store:
            loops.rows.kernel_pitch = self.out_kernel_bytes // size
            loops.rows.row_pitch = loops.consumer.row_bytes // size
        else:
            loops.rows.row_pitch = self.most_columns
        loops.source.staging.position_pitch = 1
        loops.rows.window_pitch = 1
        loops.correlate = self.engine.routines.over_columns
        loops.correlate_group = correlate_panels
        loops.do_task = do_strip
        self.planes = geometry.depth

    cdef lay_out_rest(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Staging* staging = &loops.source.staging
        cdef Py_ssize_t size = self.engine.routines.item_bytes, tap, row
        staging.channel_pitch = (self.channel_pitch_bytes // size if loops.in_place
                                 else product(self.pixel_rows(loops.strip_rows), loops.row_pitch))
        if not loops.direct_store:
            loops.rows.kernel_pitch = product(loops.strip_rows, self.most_columns)
        Call.lay_out_rest(self)
        self.tap_offsets = <Py_ssize_t*> allocated(loops.sum.run, sizeof(Py_ssize_t))
        for tap in range(loops.sum.run):
            self.tap_offsets[tap] = self.place_of_tap(tap)
        loops.sum.tap_offsets = self.tap_offsets
        self.row_offsets = <Py_ssize_t*> allocated(loops.sum.kernel_height + SHARED_ROWS, sizeof(Py_ssize_t))
        for row in range(loops.sum.kernel_height + SHARED_ROWS):
            self.row_offsets[row] = self.place_of_kernel_row(row)
        loops.sum.row_offsets = self.row_offsets

    cdef Py_ssize_t place_of_column(self, Py_ssize_t column):
        """Elements from the first column of a row."""
        cdef const Staging* staging = &self.loops.source.staging
        return column % staging.n_phases * staging.phase_pitch + column // staging.n_phases

    cdef Py_ssize_t place_of_kernel_row(self, Py_ssize_t row):
        """Elements from a window's first tap to the first one of a kernel row."""
        return row * self.loops.sum.kernel_row_pitch

    cdef Py_ssize_t place_of_tap(self, Py_ssize_t tap):
        """Elements from the first tap of a kernel row."""
        cdef const Geometry* geometry = &self.engine.geometry
        return (self.place_of_column(tap // geometry.depth * geometry.across.dilation)
                + tap % geometry.depth * self.loops.source.staging.channel_pitch)


cdef class OverRows(OverColumns):
    """Lanes over rows: as over columns, of the image and its windows turned, but in the order of the kernel as it is.

    A kernel row lies along the lanes and a tap of it across, so that an image of one column is one of one row. Where
    rows (the image's columns) lie element by element next to each other, several are turned at once.
    """
    cdef Py_ssize_t* beside

    def __dealloc__(self):
        PyMem_Free(self.beside)

    cdef lay_out_rest(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t out_bytes = self.out_item_bytes, index
        OverColumns.lay_out_rest(self)
        self.beside = <Py_ssize_t*> allocated(2 * MOST_BESIDE, sizeof(Py_ssize_t))
        for index in range(MOST_BESIDE):
            self.beside[index], self.beside[MOST_BESIDE + index] = index * self.item_bytes, index * out_bytes
        if loops.source.staging.n_phases == 1 and loops.source.row_bytes == self.item_bytes:
            loops.source.beside = self.beside
        if loops.direct_store or geometry.down.outputs == 1:
            return
        if loops.consumer.storing.adjacent and loops.consumer.row_bytes == geometry.n_kernels * out_bytes:
            loops.rows.kernel_pitch, loops.rows.row_pitch = self.most_columns, geometry.n_kernels * self.most_columns
            loops.consumer.beside = self.beside + MOST_BESIDE
        elif loops.consumer.row_bytes == out_bytes:
            loops.consumer.beside = self.beside + MOST_BESIDE

    cdef Py_ssize_t place_of_kernel_row(self, Py_ssize_t row):
        return self.place_of_column(row * self.engine.geometry.across.dilation)

    cdef Py_ssize_t place_of_tap(self, Py_ssize_t tap):
        cdef const Geometry* geometry = &self.engine.geometry
        return (tap // geometry.depth * geometry.down.dilation * self.loops.row_pitch
                + tap % geometry.depth * self.loops.source.staging.channel_pitch)

    cdef lay_out_sum(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        self.segments = self.build_sum(geometry, &loops.sum, geometry.across.kernel,
                                       geometry.down.kernel * geometry.depth, False)
        loops.sum.dense = loops.sum.run == 1
        loops.sum.kernel_row_pitch = PY_SSIZE_T_MAX  # none: rows of windows share no rows of taps
        if geometry.down.outputs > 1:
            loops.rows.window_row_pitch = geometry.down.stride * loops.row_pitch
        if (geometry.down.outputs > 1 and (geometry.down.stride == geometry.down.dilation or geometry.down.kernel == 1)
                and geometry.depth == 1 and geometry.pieces_per_row == 1 and not geometry.compensated):
            loops.correlate = self.engine.routines.over_rows

# The forms of the direct method: what their lanes run over says how pixels lie in a strip, or in an image that is read
# where it is. Their loops are those of strips.pxi.

from microkernels cimport Staging
from types cimport STORE, Geometry, Loops, ceiling


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


cdef class OverColumns(Call):
    """Lanes over columns: channel by channel in the image's strip, kernel by kernel in the response's."""
    cdef Py_ssize_t* tap_offsets

    def __dealloc__(self):
        PyMem_Free(self.tap_offsets)

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
        Call.lay_out_rest(self)

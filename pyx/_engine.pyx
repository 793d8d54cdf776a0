"""The gate: arrays in, pointers below, GIL released; loops over images, strips and panels.

An `Engine` holds what one plan needs of the loops and is shared by threads. A `Call` ties it to the arrays of one call;
its tasks (strips of rows of one response) are claimed one after the other by however many threads run it.
"""

from cpython.buffer cimport PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.pycapsule cimport PyCapsule_GetPointer

from microkernels cimport *

cdef extern from *:
    """
    #define xcorr_claim(counter, count) __atomic_fetch_add(counter, count, __ATOMIC_RELAXED)
    #define xcorr_read(flag) __atomic_load_n(flag, __ATOMIC_RELAXED)
    #define xcorr_raised() (-1)  /* the exception is set already */
    #define xcorr_write(flag, value) __atomic_store_n(flag, value, __ATOMIC_RELAXED)
    """
    Py_ssize_t claim "xcorr_claim"(Py_ssize_t* counter, Py_ssize_t count) nogil
    int read_flag "xcorr_read"(int* flag) nogil
    void write_flag "xcorr_write"(int* flag, int value) nogil
    int raised "xcorr_raised"() except -1

cdef extern from "Python.h":
    int check_signals "PyErr_CheckSignals"() noexcept

cdef enum Boundary:
    CONSTANT, EDGE, REFLECT, SYMMETRIC, WRAP

BOUNDARIES = {"constant": CONSTANT, "edge": EDGE, "reflect": REFLECT, "symmetric": SYMMETRIC, "wrap": WRAP}
ELEMENTS = {"b1": BOOL, "i1": INT8, "u1": UINT8, "i2": INT16, "u2": UINT16, "i4": INT32, "u4": UINT32, "i8": INT64,
            "u8": UINT64, "f2": FLOAT16, "f4": FLOAT32, "f8": FLOAT64, "c8": FLOAT32, "c16": FLOAT64}

cdef Py_ssize_t STRIP_BYTES = 192 * 1024  # of a strip's image rows: they stay in the second-level cache
cdef Py_ssize_t TASK_WORK = 1 << 20      # multiply-adds below which tasks are claimed several at once
cdef Py_ssize_t SIGNAL_WORK = 1 << 24    # multiply-adds between two looks for a signal: some milliseconds
cdef Py_ssize_t ALIGNMENT = 64

# Sizes of one image and the bank, in real elements: a complex channel counts as two, and so does a complex kernel.
cdef struct Geometry:
    Py_ssize_t height, width, depth               # depth: channels of one group
    Py_ssize_t groups, n_kernels                  # n_kernels: of one group
    Py_ssize_t kernel_height, kernel_width
    Py_ssize_t top, left                          # padding
    Py_ssize_t row_stride, column_stride
    Py_ssize_t row_dilation, column_dilation
    Py_ssize_t rows, columns                      # of the response
    Py_ssize_t rows_per_block, pieces_per_row     # the sum's blocks
    bint compensated

cdef struct Panel:
    Py_ssize_t first        # kernel
    Py_ssize_t width
    Py_ssize_t n_kernels    # that exist
    Py_ssize_t offset       # of its first tap among the group's panels, in kernels: times taps gives elements

# Everything that the loops of one call read.
cdef struct Loops:
    const Table* table
    const Geometry* geometry
    const Panel* panels
    Py_ssize_t n_panels
    Py_ssize_t padded_kernels         # widths of a group's panels together
    bint over_kernels
    bint in_place                     # windows are read from the image itself, without a strip
    bint direct_store                 # responses are written to `out` without a strip
    const char* images
    Py_ssize_t image_bytes, row_bytes  # pitches of the images
    const Py_ssize_t* row_source      # of each padded row that windows reach
    const Py_ssize_t* channel_bytes   # groups * depth
    char* out
    Py_ssize_t response_bytes, out_row_bytes
    const Py_ssize_t* kernel_bytes    # groups * n_kernels
    const void* packed                # panels
    const void* bias
    Staging staging
    Storing storing
    Sum sum
    Rows rows
    Py_ssize_t row_pitch              # of the strip (or of the image in place), in elements
    Py_ssize_t strip_elements         # an image strip's size
    Py_ssize_t response_elements      # a response strip's size
    Py_ssize_t n_images, strip_rows, n_strips, tasks_per_claim
    Py_ssize_t row_work               # multiply-adds of one row of responses under one panel
    bint check, discard               # responses against the limits; whether they are stored at all
    double low, high                  # limits of the response's integer type
    Py_ssize_t next_task
    int cancelled, overflowed


cdef inline Py_ssize_t ceiling(Py_ssize_t value, Py_ssize_t divisor) noexcept nogil:
    return (value + divisor - 1) // divisor


cdef Py_ssize_t source_index(Py_ssize_t position, Py_ssize_t length, int boundary) noexcept nogil:
    """Where the padded position lies in an axis of `length`, for any distance; -1 for the fill value."""
    cdef Py_ssize_t period
    if 0 <= position < length:
        return position
    if boundary == CONSTANT:
        return -1
    if boundary == EDGE:
        return 0 if position < 0 else length - 1
    if boundary == WRAP or length == 1:
        period = length
    elif boundary == REFLECT:
        period = 2 * length - 2
    else:
        period = 2 * length
    position = position % period
    if position < 0:
        position += period
    if position < length:
        return position
    return period - position if boundary == REFLECT else period - 1 - position


def fill_source_indices(Py_ssize_t[::1] indices, Py_ssize_t first, Py_ssize_t length, str boundary):
    """indices[i] = source of padded position `first + i` in an axis of `length`, -1 for the fill value."""
    cdef Py_ssize_t index
    cdef int code = BOUNDARIES[boundary]
    for index in range(indices.shape[0]):
        indices[index] = source_index(first + index, length, code)


cdef class Engine:
    """The loops' constants for one plan.

    Parameters
    ----------
    table : capsule of the level.
    sizes : the integers of the C struct `Geometry`, in its order.
    double : whether the arithmetic is in float64 (else float32).
    over_kernels : whether lanes run over kernels (else over columns).
    boundary : name of the padding's boundary.
    """
    cdef object capsule
    cdef const Table* table
    cdef Geometry geometry
    cdef readonly bint double, over_kernels
    cdef readonly Py_ssize_t n_panels, padded_kernels, n_taps, reached_rows, reached_columns
    cdef Panel* panels
    cdef Py_ssize_t* row_source
    cdef Py_ssize_t* column_source
    cdef Py_ssize_t first_inside, end_inside

    def __cinit__(self, table, tuple sizes, bint double, bint over_kernels, str boundary):
        cdef Geometry* geometry = &self.geometry
        cdef Py_ssize_t index
        cdef int code = BOUNDARIES[boundary]
        self.capsule = table
        self.table = <const Table*> PyCapsule_GetPointer(table, TABLE_NAME)
        self.double = double
        self.over_kernels = over_kernels
        (geometry.height, geometry.width, geometry.depth, geometry.groups, geometry.n_kernels, geometry.kernel_height,
         geometry.kernel_width, geometry.top, geometry.left, geometry.row_stride, geometry.column_stride,
         geometry.row_dilation, geometry.column_dilation, geometry.rows, geometry.columns, geometry.rows_per_block,
         geometry.pieces_per_row, geometry.compensated) = sizes
        self.n_taps = geometry.kernel_height * geometry.kernel_width * geometry.depth
        self.reached_rows = ((geometry.rows - 1) * geometry.row_stride
                             + (geometry.kernel_height - 1) * geometry.row_dilation + 1)
        self.reached_columns = ((geometry.columns - 1) * geometry.column_stride
                                + (geometry.kernel_width - 1) * geometry.column_dilation + 1)
        self.row_source = <Py_ssize_t*> allocated(self.reached_rows, sizeof(Py_ssize_t))
        self.column_source = <Py_ssize_t*> allocated(self.reached_columns, sizeof(Py_ssize_t))
        for index in range(self.reached_rows):
            self.row_source[index] = source_index(index - geometry.top, geometry.height, code)
        for index in range(self.reached_columns):
            self.column_source[index] = source_index(index - geometry.left, geometry.width, code)
        self.first_inside = min(geometry.left, self.reached_columns)
        self.end_inside = min(geometry.left + geometry.width, self.reached_columns)
        self._deal_panels()

    def _deal_panels(self):
        """The group's kernels dealt out to panels of the widths that the tiles know."""
        cdef Py_ssize_t lanes = self.table.lanes_f64 if self.double else self.table.lanes_f32
        cdef Py_ssize_t n_kernels = self.geometry.n_kernels, first = 0, width, left
        self.panels = <Panel*> allocated(n_kernels, sizeof(Panel))
        while first < n_kernels:
            left = n_kernels - first
            if self.over_kernels:
                width = lanes if left <= lanes else 2 * lanes
            else:
                width = left if left <= 2 else 4
            self.panels[self.n_panels].first = first
            self.panels[self.n_panels].width = width
            self.panels[self.n_panels].n_kernels = min(width, left)
            self.panels[self.n_panels].offset = self.padded_kernels
            self.n_panels += 1
            self.padded_kernels += width
            first += width

    def __dealloc__(self):
        PyMem_Free(self.panels)
        PyMem_Free(self.row_source)
        PyMem_Free(self.column_source)

    def pack(self, kernels, bias, panels, panel_bias):
        """Writes `kernels` (groups, kernels, taps) and `bias` (groups, kernels) into zeroed panels, tap-major."""
        if self.double:
            self._pack[double](kernels, bias, panels, panel_bias)
        else:
            self._pack[float](kernels, bias, panels, panel_bias)

    cdef _pack(self, const real[:, :, ::1] kernels, const real[:, ::1] bias, real[:, ::1] panels,
               real[:, ::1] panel_bias):
        cdef Py_ssize_t group, index
        for group in range(kernels.shape[0]):
            for index in range(self.n_panels):
                pack_panel(&self.panels[index], self.n_taps, &kernels[group, 0, 0], &bias[group, 0],
                           &panels[group, 0], &panel_bias[group, 0])

    def call(self, images, tuple image_axes, str image_element, bint swapped, out, tuple out_axes, str out_element,
             packed, bias, double[::1] fill, tuple limits, bint discard, Py_ssize_t n_workers,
             Py_ssize_t workspace_limit):
        """A `Call` of these arrays; the axes are positions of (image, row, column, channel) or -1.

        With `limits` (least, greatest), responses outside of them set `overflowed`; with `discard` none is stored.
        """
        cdef Call call = Call.__new__(Call)
        call.engine = self
        call.take_images(images, image_axes, image_element, swapped)
        call.take_out(out, out_axes, out_element)
        call.fill = fill
        call.take_panels(packed, bias)
        if limits is not None:
            call.loops.check = True
            call.loops.low, call.loops.high = limits
            call.loops.discard = discard
        call.lay_out(n_workers, workspace_limit)
        return call


cdef void* allocated(Py_ssize_t count, size_t size) except NULL:
    cdef void* memory = PyMem_Calloc(max(count, 1), size)
    if memory == NULL:
        raise MemoryError(f"workspace: {count} entries of {size} bytes cannot be allocated")
    return memory


cdef void pack_panel(const Panel* panel, Py_ssize_t n_taps, const real* kernels, const real* bias, real* panels,
                     real* panel_bias) noexcept nogil:
    cdef Py_ssize_t kernel, tap
    cdef real* packed = panels + panel.offset * n_taps
    for kernel in range(panel.n_kernels):
        panel_bias[panel.offset + kernel] = bias[panel.first + kernel]
        for tap in range(n_taps):
            packed[tap * panel.width + kernel] = kernels[(panel.first + kernel) * n_taps + tap]


cdef class Call:
    """One call's arrays tied to an engine. `run` may be entered by several threads at once."""
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
    cdef bint images_are_work, out_is_work

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

    cdef take_images(self, images, tuple axes, str element, bint swapped):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t components = 2 if element[0] == "c" else 1, channel
        PyObject_GetBuffer(images, &self.images, PyBUF_STRIDES)
        self.has_images = True
        loops.images = <const char*> self.images.buf
        loops.n_images = self.images.shape[<Py_ssize_t> axes[0]] if axes[0] >= 0 else 1
        loops.image_bytes = pitch_of(&self.images, axes[0])
        loops.row_bytes = pitch_of(&self.images, axes[1])
        self.column_bytes = pitch_of(&self.images, axes[2])
        self.channel_pitch_bytes = pitch_of(&self.images, axes[3])
        self.item_bytes = self.images.itemsize // components
        self.channel_bytes = <Py_ssize_t*> allocated(geometry.groups * geometry.depth, sizeof(Py_ssize_t))
        for channel in range(geometry.groups * geometry.depth):
            self.channel_bytes[channel] = (channel // components * self.channel_pitch_bytes
                                           + channel % components * self.item_bytes)
        loops.channel_bytes = self.channel_bytes
        loops.staging.element = ELEMENTS[element]
        loops.staging.swapped = swapped
        self.images_are_work = (loops.staging.element == (FLOAT64 if self.engine.double else FLOAT32) and not swapped
                                and aligned(&self.images, self.item_bytes))

    cdef take_out(self, out, tuple axes, str element):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t components = 2 if element[0] == "c" else 1, kernel, item_bytes
        PyObject_GetBuffer(out, &self.out, PyBUF_STRIDES | PyBUF_WRITABLE)
        self.has_out = True
        loops.out = <char*> self.out.buf
        loops.response_bytes = pitch_of(&self.out, axes[0])
        loops.out_row_bytes = pitch_of(&self.out, axes[1])
        self.out_column_bytes = pitch_of(&self.out, axes[2])
        self.out_kernel_bytes = pitch_of(&self.out, axes[3])
        item_bytes = self.out.itemsize // components
        self.kernel_bytes = <Py_ssize_t*> allocated(geometry.groups * geometry.n_kernels, sizeof(Py_ssize_t))
        for kernel in range(geometry.groups * geometry.n_kernels):
            self.kernel_bytes[kernel] = (kernel // components * self.out_kernel_bytes
                                         + kernel % components * item_bytes)
        loops.kernel_bytes = self.kernel_bytes
        loops.storing.element = ELEMENTS[element]
        loops.storing.column_bytes = self.out_column_bytes
        loops.storing.n_columns = geometry.columns
        loops.storing.n_kernels = geometry.n_kernels
        self.out_is_work = (loops.storing.element == (FLOAT64 if self.engine.double else FLOAT32)
                            and aligned(&self.out, item_bytes))

    cdef take_panels(self, packed, bias):
        PyObject_GetBuffer(packed, &self.packed, PyBUF_STRIDES)
        self.has_packed = True
        PyObject_GetBuffer(bias, &self.bias, PyBUF_STRIDES)
        self.has_bias = True
        self.loops.packed = self.packed.buf
        self.loops.bias = self.bias.buf

    cdef lay_out(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit):
        """Strips or arrays, their pitches, the sum's segments, and how many rows a task takes."""
        cdef Loops* loops = &self.loops
        cdef Engine engine = self.engine
        loops.table = engine.table
        loops.geometry = &engine.geometry
        loops.panels = engine.panels
        loops.n_panels = engine.n_panels
        loops.padded_kernels = engine.padded_kernels
        loops.over_kernels = engine.over_kernels
        loops.row_source = engine.row_source
        if engine.over_kernels:
            self.lay_out_over_kernels()
        else:
            self.lay_out_over_columns()
        self.lay_out_staging()
        self.build_sum()
        self.split(n_workers, workspace_limit)

    cdef bint padded(self):
        cdef const Geometry* geometry = &self.engine.geometry
        return (geometry.top > 0 or geometry.left > 0 or self.engine.reached_rows > geometry.height
                or self.engine.reached_columns > geometry.width)

    cdef lay_out_over_kernels(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = 8 if self.engine.double else 4
        cdef Py_ssize_t column_pitch = geometry.depth, kernel
        loops.in_place = (
            self.images_are_work and not self.padded()
            and loops.row_bytes % size == 0 and self.column_bytes % size == 0 and loops.image_bytes % size == 0
            and (self.channel_pitch_bytes == self.images.itemsize or geometry.groups * geometry.depth * size == self.images.itemsize)
            and (geometry.kernel_width == 1 or self.column_bytes == geometry.depth * size))
        if loops.in_place:
            column_pitch = self.column_bytes // size
            loops.row_pitch = loops.row_bytes // size
        else:
            loops.row_pitch = self.engine.reached_columns * geometry.depth
        loops.rows.window_pitch = geometry.column_stride * column_pitch
        loops.direct_store = (self.out_is_work and self.out_column_bytes % size == 0
                              and loops.out_row_bytes % size == 0 and loops.response_bytes % size == 0)
        for kernel in range(geometry.groups * geometry.n_kernels):
            loops.direct_store = loops.direct_store and self.kernel_bytes[kernel] == kernel * size
        loops.rows.kernel_pitch = 1
        if loops.direct_store:
            loops.rows.column_pitch = self.out_column_bytes // size
            loops.rows.row_pitch = loops.out_row_bytes // size
        else:
            loops.rows.column_pitch = geometry.n_kernels
            loops.rows.row_pitch = geometry.columns * geometry.n_kernels
        loops.storing.column_pitch = geometry.n_kernels
        loops.storing.kernel_pitch = 1

    cdef lay_out_over_columns(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = 8 if self.engine.double else 4
        cdef Py_ssize_t lanes = self.engine.table.lanes_f64 if self.engine.double else self.engine.table.lanes_f32
        cdef Py_ssize_t column, channel, tap, channel_pitch, phase_pitch, padded_columns
        cdef Py_ssize_t n_phases = min(geometry.column_stride, self.engine.reached_columns)
        loops.in_place = (
            self.images_are_work and not self.padded() and geometry.column_stride == 1 and geometry.columns >= lanes
            and self.column_bytes == size and self.images.itemsize == size
            and self.channel_pitch_bytes % size == 0 and loops.row_bytes % size == 0 and loops.image_bytes % size == 0)
        padded_columns = ceiling(geometry.columns, lanes) * lanes
        loops.rows.readable_columns = geometry.columns if loops.in_place else padded_columns
        phase_pitch = padded_columns + (geometry.kernel_width - 1) * geometry.column_dilation // n_phases + 1
        channel_pitch = phase_pitch * n_phases
        loops.row_pitch = channel_pitch * geometry.depth
        if loops.in_place:
            channel_pitch = self.channel_pitch_bytes // size
            loops.row_pitch = loops.row_bytes // size
        self.tap_offsets = <Py_ssize_t*> allocated(geometry.kernel_width * geometry.depth, sizeof(Py_ssize_t))
        for tap in range(geometry.kernel_width * geometry.depth):
            column = tap // geometry.depth * geometry.column_dilation
            channel = tap % geometry.depth
            self.tap_offsets[tap] = (column % n_phases * phase_pitch + column // n_phases + channel * channel_pitch)
        loops.sum.tap_offsets = self.tap_offsets
        loops.staging.n_phases = n_phases
        loops.staging.phase_pitch = phase_pitch
        loops.staging.channel_pitch = channel_pitch
        loops.direct_store = (self.out_is_work and self.out_column_bytes == size and self.out.itemsize == size
                              and self.out_kernel_bytes % size == 0 and loops.out_row_bytes % size == 0
                              and loops.response_bytes % size == 0)
        loops.rows.column_pitch = 1
        if loops.direct_store:
            loops.rows.kernel_pitch = self.out_kernel_bytes // size
            loops.rows.row_pitch = loops.out_row_bytes // size
        else:
            loops.rows.kernel_pitch = geometry.columns
            loops.rows.row_pitch = geometry.columns * geometry.n_kernels
        loops.storing.column_pitch = 1
        loops.storing.kernel_pitch = geometry.columns

    cdef lay_out_staging(self):
        cdef Staging* staging = &self.loops.staging
        cdef const Geometry* geometry = &self.engine.geometry
        staging.columns = self.engine.reached_columns
        staging.first_inside = self.engine.first_inside
        staging.end_inside = self.engine.end_inside
        staging.first_source = 0
        staging.column_source = self.engine.column_source
        staging.depth = geometry.depth
        staging.column_bytes = self.column_bytes
        staging.packed = (geometry.groups == 1 and self.column_bytes == geometry.depth * self.item_bytes
                          and (self.channel_pitch_bytes == self.images.itemsize
                               or geometry.depth * self.item_bytes == self.images.itemsize))
        staging.position_pitch = 1
        staging.fill = &self.fill[0]
        if self.engine.over_kernels:
            staging.n_phases = 1
            staging.phase_pitch = 0
            staging.position_pitch = geometry.depth
            staging.channel_pitch = 1

    cdef build_sum(self):
        """Segments: for each kernel row its run of taps (dilated over kernels: each column's), cut at the blocks."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Sum* sum = &self.loops.sum
        cdef Py_ssize_t run = geometry.kernel_width * geometry.depth, pieces = geometry.pieces_per_row
        cdef bint dilated = (self.engine.over_kernels and geometry.column_dilation > 1 and geometry.kernel_width > 1)
        cdef Py_ssize_t row, piece, first, end, stop
        cdef bint row_closes
        cdef Segment* segment
        self.segments = <Segment*> allocated(geometry.kernel_height * (pieces + (geometry.kernel_width if dilated else 0)),
                                             sizeof(Segment))
        sum.segments = self.segments
        sum.kernel_height = geometry.kernel_height
        sum.run = run
        sum.rows_per_block = geometry.rows_per_block
        sum.pieces = pieces
        sum.kernel_row_pitch = geometry.row_dilation * self.loops.row_pitch
        sum.dense = geometry.depth == 1 and geometry.column_dilation == 1 and self.loops.staging.n_phases == 1
        self.loops.rows.window_row_pitch = geometry.row_stride * self.loops.row_pitch
        sum.compensated = geometry.compensated
        for row in range(geometry.kernel_height):
            row_closes = ((row + 1) % geometry.rows_per_block == 0 or row == geometry.kernel_height - 1)
            for piece in range(pieces):
                first = run * piece // pieces
                end = run * (piece + 1) // pieces
                while first < end:
                    stop = min(end, (first // geometry.depth + 1) * geometry.depth) if dilated else end
                    segment = &self.segments[sum.n_segments]
                    segment.offset = row * geometry.row_dilation * self.loops.row_pitch + first
                    if dilated:
                        segment.offset += first // geometry.depth * (geometry.column_dilation - 1) * geometry.depth
                    segment.n_taps = stop - first
                    segment.closes_block = stop == end and (pieces > 1 or row_closes)
                    sum.n_segments += 1
                    first = stop

    cdef split(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit):
        """How many rows a task takes: a strip that stays in cache, tasks enough for the workers, within the limit."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = 8 if self.engine.double else 4
        cdef Py_ssize_t span = (geometry.kernel_height - 1) * geometry.row_dilation + 1
        cdef Py_ssize_t bytes_per_row = self.engine.reached_columns * geometry.depth * size
        cdef Py_ssize_t rows, n_tasks = 4 * n_workers if n_workers > 1 else 1
        rows = (STRIP_BYTES // bytes_per_row - span) // geometry.row_stride + 1
        rows = max(rows, min(8, ceiling(span, geometry.row_stride)))
        rows = min(rows, ceiling(geometry.rows * loops.n_images, n_tasks), geometry.rows)
        rows = max(rows, 1)
        while rows > 1 and self.workspace_of(rows) > workspace_limit // n_workers:
            rows = (rows + 1) // 2
        loops.n_strips = ceiling(geometry.rows, rows)
        loops.strip_rows = ceiling(geometry.rows, loops.n_strips)
        loops.n_strips = ceiling(geometry.rows, loops.strip_rows)
        loops.strip_elements, loops.response_elements = self.elements_of(loops.strip_rows)
        loops.row_work = geometry.columns * self.engine.n_taps
        cdef Py_ssize_t task_work = loops.row_work * loops.strip_rows * geometry.groups * geometry.n_kernels
        cdef Py_ssize_t fair = max(1, loops.n_images * loops.n_strips // n_tasks)
        loops.tasks_per_claim = min(max(1, TASK_WORK // max(task_work, 1)), fair)

    cdef tuple elements_of(self, Py_ssize_t rows):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t strip = 0, response = 0
        if not loops.in_place:
            strip = ((rows - 1) * geometry.row_stride + (geometry.kernel_height - 1) * geometry.row_dilation
                     + 1) * loops.row_pitch
        if not loops.direct_store:
            response = rows * loops.rows.row_pitch
        return ceiling(strip, 16) * 16, response

    cdef Py_ssize_t workspace_of(self, Py_ssize_t rows):
        strip, response = self.elements_of(rows)
        return (strip + response) * (8 if self.engine.double else 4) + ALIGNMENT

    @property
    def workspace_bytes(self):
        """What each worker needs beside the arrays."""
        return self.workspace_of(self.loops.strip_rows)

    @property
    def n_tasks(self):
        return self.loops.n_images * self.loops.n_strips

    @property
    def strip_rows(self):
        return self.loops.strip_rows

    @property
    def overflowed(self):
        """Whether a response lay outside of the limits."""
        return read_flag(&self.loops.overflowed) != 0

    def cancel(self):
        """Makes every thread in `run` return soon."""
        write_flag(&self.loops.cancelled, 1)

    def run(self, char[::1] workspace, bint watch_signals):
        """Claims and does tasks until none is left. `workspace` has `workspace_bytes` and belongs to this thread."""
        cdef char* memory = &workspace[0]
        cdef bint double = self.engine.double
        cdef int failed = 0
        if workspace.shape[0] < self.workspace_of(self.loops.strip_rows):
            raise ValueError(f"workspace: {workspace.shape[0]} bytes are too few")
        memory += ALIGNMENT - <Py_ssize_t> memory % ALIGNMENT
        with nogil:
            if double:
                failed = run_tasks(&self.loops, <double*> memory, watch_signals)
            else:
                failed = run_tasks(&self.loops, <float*> memory, watch_signals)
        if failed:
            raised()

    def stage(self, strip, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first_row, Py_ssize_t n_rows):
        """Lays the padded rows [first_row, first_row + n_rows) that windows reach into `strip`, channel-last."""
        if self.engine.double:
            self._stage[double](strip, image, group, first_row, n_rows)
        else:
            self._stage[float](strip, image, group, first_row, n_rows)

    cdef _stage(self, real[::1] strip, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first_row, Py_ssize_t n_rows):
        if strip.shape[0] < n_rows * self.engine.reached_columns * self.engine.geometry.depth:
            raise ValueError(f"strip: {strip.shape[0]} elements are too few")
        if (not (0 <= image < self.loops.n_images and 0 <= group < self.engine.geometry.groups)
                or not 0 <= first_row <= self.engine.reached_rows - n_rows):
            raise ValueError("strip: it lies outside of the padded images")
        with nogil:
            stage_rows(&self.loops, image, group, first_row, n_rows,
                       self.engine.reached_columns * self.engine.geometry.depth, &strip[0])

    def store(self, strip, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first_row, Py_ssize_t first_column,
              Py_ssize_t first_kernel):
        """Writes `strip` (rows, columns, kernels) to the response from that row, column and kernel of the group on."""
        if self.engine.double:
            self._store[double](strip, image, group, first_row, first_column, first_kernel)
        else:
            self._store[float](strip, image, group, first_row, first_column, first_kernel)

    cdef _store(self, const real[:, :, ::1] strip, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first_row,
                Py_ssize_t first_column, Py_ssize_t first_kernel):
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Storing storing = self.loops.storing
        cdef char* target = (self.loops.out + image * self.loops.response_bytes
                             + first_row * self.loops.out_row_bytes + first_column * self.out_column_bytes)
        cdef Py_ssize_t row
        if (not (0 <= image < self.loops.n_images and 0 <= group < geometry.groups)
                or not 0 <= first_row <= geometry.rows - strip.shape[0]
                or not 0 <= first_column <= geometry.columns - strip.shape[1]
                or not 0 <= first_kernel <= geometry.n_kernels - strip.shape[2]):
            raise ValueError("strip: it lies outside of the response")
        storing.n_columns = strip.shape[1]
        storing.n_kernels = strip.shape[2]
        storing.column_pitch = strip.shape[2]
        storing.kernel_pitch = 1
        storing.kernel_bytes = self.kernel_bytes + group * geometry.n_kernels + first_kernel
        with nogil:
            for row in range(strip.shape[0]):
                store_row(&self.loops, &storing, &strip[row, 0, 0], target + row * self.loops.out_row_bytes)


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


# --- below here no Python: over tasks, over a strip's groups and panels, over its rows -------------------------------


cdef int run_tasks(Loops* loops, real* workspace, bint watch_signals) noexcept nogil:
    """Non-zero if a signal's handler raised."""
    cdef Py_ssize_t n_tasks = loops.n_images * loops.n_strips
    cdef Py_ssize_t task, end, work = 0
    while not read_flag(&loops.cancelled):
        task = claim(&loops.next_task, loops.tasks_per_claim)
        if task >= n_tasks:
            return 0
        end = min(task + loops.tasks_per_claim, n_tasks)
        while task < end:
            if correlate_strip(loops, task // loops.n_strips, task % loops.n_strips, workspace, &work, watch_signals):
                return 1
            task += 1
    return 0


cdef int correlate_strip(Loops* loops, Py_ssize_t image, Py_ssize_t strip, real* workspace, Py_ssize_t* work,
                         bint watch_signals) noexcept nogil:
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t first_row = strip * loops.strip_rows
    cdef Py_ssize_t n_rows = min(loops.strip_rows, geometry.rows - first_row)
    cdef Py_ssize_t group, panel, status
    cdef const real* windows
    cdef real* responses
    for group in range(geometry.groups):
        if loops.in_place:
            windows = <const real*> (loops.images + image * loops.image_bytes
                                     + first_row * geometry.row_stride * loops.row_bytes
                                     + loops.channel_bytes[group * geometry.depth])
        else:
            windows = workspace
            stage_rows(loops, image, group, first_row * geometry.row_stride,
                       (n_rows - 1) * geometry.row_stride + (geometry.kernel_height - 1) * geometry.row_dilation + 1,
                       loops.row_pitch, workspace)
        if loops.direct_store:
            responses = <real*> (loops.out + image * loops.response_bytes + first_row * loops.out_row_bytes
                                 + loops.kernel_bytes[group * geometry.n_kernels])
        else:
            responses = workspace + loops.strip_elements
        for panel in range(loops.n_panels):
            status = correlate_rows(loops, group, &loops.panels[panel], n_rows, windows, responses, work,
                                    watch_signals)
            if status:
                return status > 1
        if not loops.direct_store:
            store_rows(loops, image, group, first_row, n_rows, responses)
    return 0


cdef int correlate_rows(Loops* loops, Py_ssize_t group, const Panel* panel, Py_ssize_t n_rows, const real* windows,
                        real* responses, Py_ssize_t* work, bint watch_signals) noexcept nogil:
    """One panel's responses in all rows of a strip. 1 if the call was cancelled, 2 if a signal's handler raised."""
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t n_taps = geometry.kernel_height * geometry.kernel_width * geometry.depth
    cdef Py_ssize_t first = group * loops.padded_kernels + panel.offset, y = 0
    cdef const real* packed = <const real*> loops.packed + first * n_taps
    cdef const real* bias = <const real*> loops.bias + first
    cdef Rows rows = loops.rows
    rows.n_columns = geometry.columns
    rows.n_kernels = panel.n_kernels
    rows.width = panel.width
    responses += panel.first * rows.kernel_pitch
    while y < n_rows:
        rows.n_rows = min(n_rows - y, max(4, SIGNAL_WORK // (loops.row_work * panel.width)))
        if real is float:
            if loops.over_kernels:
                loops.table.over_kernels_f32(&loops.sum, &rows, windows, packed, bias, responses)
            else:
                loops.table.over_columns_f32(&loops.sum, &rows, windows, packed, bias, responses)
        else:
            if loops.over_kernels:
                loops.table.over_kernels_f64(&loops.sum, &rows, windows, packed, bias, responses)
            else:
                loops.table.over_columns_f64(&loops.sum, &rows, windows, packed, bias, responses)
        y += rows.n_rows
        windows += rows.n_rows * rows.window_row_pitch
        responses += rows.n_rows * rows.row_pitch
        work[0] += rows.n_rows * loops.row_work * panel.width
        if work[0] > SIGNAL_WORK:
            work[0] = 0
            if read_flag(&loops.cancelled):
                return 1
            if watch_signals and signal_raised(loops):
                return 2
    return 0


cdef bint signal_raised(Loops* loops) noexcept nogil:
    """Lets pending signal handlers run; true, with the call cancelled and the exception set aside, if one raised."""
    cdef int status
    with gil:
        status = check_signals()
    if status:
        write_flag(&loops.cancelled, 1)
    return status != 0


cdef void stage_rows(const Loops* loops, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first, Py_ssize_t n_rows,
                     Py_ssize_t row_pitch, real* strip) noexcept nogil:
    cdef Staging staging = loops.staging
    cdef const char* source
    cdef Py_ssize_t row
    staging.channel_bytes = loops.channel_bytes + group * staging.depth
    staging.fill = loops.staging.fill + group * staging.depth
    for row in range(first, first + n_rows):
        if row_is_reached(loops.geometry, row):
            source = NULL
            if loops.row_source[row] >= 0:
                source = loops.images + image * loops.image_bytes + loops.row_source[row] * loops.row_bytes
            if real is float:
                loops.table.stage_f32(&staging, source, strip)
            else:
                loops.table.stage_f64(&staging, source, strip)
        strip += row_pitch


cdef bint row_is_reached(const Geometry* geometry, Py_ssize_t row) noexcept nogil:
    """Whether any window has a tap in this padded row: strides and dilations leave rows out."""
    cdef Py_ssize_t kernel_row, place
    if geometry.row_stride == 1 or (geometry.row_dilation == 1 and geometry.kernel_height >= geometry.row_stride):
        return True
    for kernel_row in range(geometry.kernel_height):
        place = row - kernel_row * geometry.row_dilation
        if place >= 0 and place % geometry.row_stride == 0:
            return True
    return False


cdef void store_rows(Loops* loops, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first_row, Py_ssize_t n_rows,
                     const real* responses) noexcept nogil:
    cdef Storing storing = loops.storing
    cdef Py_ssize_t row
    storing.kernel_bytes = loops.kernel_bytes + group * loops.geometry.n_kernels
    for row in range(n_rows):
        store_row(loops, &storing, responses,
                  loops.out + image * loops.response_bytes + (first_row + row) * loops.out_row_bytes)
        responses += loops.rows.row_pitch


cdef void store_row(Loops* loops, const Storing* storing, const real* responses, char* target) noexcept nogil:
    if loops.check and not within_limits(loops, storing, responses):
        write_flag(&loops.overflowed, 1)
    if loops.discard:
        return
    if real is float:
        loops.table.store_f32(storing, responses, target)
    else:
        loops.table.store_f64(storing, responses, target)


cdef bint within_limits(const Loops* loops, const Storing* storing, const real* responses) noexcept nogil:
    cdef Py_ssize_t kernel, column
    cdef real value
    cdef bint within = True
    for kernel in range(storing.n_kernels):
        for column in range(storing.n_columns):
            value = responses[kernel * storing.kernel_pitch + column * storing.column_pitch]
            within &= loops.low <= value <= loops.high
    return within


def lanes_of(table, bint double):
    """Elements of a vector at a level, given its capsule."""
    cdef const Table* levels = <const Table*> PyCapsule_GetPointer(table, TABLE_NAME)
    return levels.lanes_f64 if double else levels.lanes_f32

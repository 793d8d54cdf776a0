# The loops of winograd in a strip. A response that is not finite is handed back to the direct method, which does it
# from the same windows before the strip is consumed: infinities mean the same by both, and sums of large numbers may
# overflow in a transform where the direct sum does not.

from atomics cimport is_published, publish, read_flag, write_flag
from microkernels cimport MOST_LANES, Quads, Rows, Segment, Storing
from types cimport CANCELLED, DONE, OVER_KERNELS, RAISED, Area, Geometry, Loops, Panel, ceiling


cdef Py_ssize_t QUADS_BYTES = 512 * 1024  # of winograd's transformed pixels: they stay there beside a panel
cdef Py_ssize_t MOST_QUADS = 112          # of winograd at once: eight of the largest tiles over kernels
cdef Py_ssize_t HANDED_BACK_COLUMNS = 64  # that the direct method does at once, at most

cdef double[MOST_LANES] ZEROS  # the bias of sums that have none, for any panel of any type


cdef inline Py_ssize_t quads_across(Py_ssize_t n, Py_ssize_t dilation) noexcept nogil:
    """Quads of winograd across `n` rows or columns: each has two that are a dilation apart, if there are two."""
    return n // (2 * dilation) * dilation + min(n % (2 * dilation), dilation)


cdef inline Py_ssize_t rows_before(Py_ssize_t line, Py_ssize_t dilation) noexcept nogil:
    """Rows of responses before the lines of quads that lie between each other with this one."""
    return line // dilation * 2 * dilation


cdef int correlate_quads(Loops* loops, Py_ssize_t group, const Area* area, const char* windows, char* responses,
                         char* transformed, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """A group's responses in a strip by winograd: some quads at once, whose transforms stay in the second cache."""
    cdef const Geometry* geometry = loops.geometry
    cdef Quads quads = loops.quads
    cdef Py_ssize_t n_rows = area.n_rows, n_quads = quads_across(n_rows, geometry.down.dilation) * quads.quads_per_row
    cdef Py_ssize_t n_chunks = ceiling(n_quads, loops.quads_at_once), chunk, index, place, first
    cdef Py_ssize_t size = loops.item_bytes
    cdef char* sums = transformed + 16 * quads.plane_pitch * size
    cdef const char* packed
    cdef bint finite
    cdef Py_ssize_t first_row = n_rows, end_row = 0  # of those with a response that is not finite
    cdef int status
    cdef const Panel* panel
    cdef Rows rows
    rows.n_rows = 1
    rows.window_row_pitch = rows.row_pitch = 0
    rows.window_pitch = geometry.depth
    rows.kernel_pitch = 1
    quads.n_rows = n_rows
    for chunk in range(n_chunks):
        quads.first = n_quads * chunk // n_chunks
        quads.n_quads = rows.n_columns = n_quads * (chunk + 1) // n_chunks - quads.first
        loops.routines.winograd_in(&quads, windows, transformed)
        for index in range(loops.n_panels):
            panel = &loops.panels[index]
            first = group * loops.padded_kernels + panel.offset
            packed = loops.packed + 16 * geometry.depth * first * size
            quads.width = rows.width = rows.n_kernels = rows.column_pitch = panel.width
            quads.n_kernels = panel.n_kernels
            for place in range(16):
                loops.correlate(&loops.sum, &rows, transformed + place * quads.plane_pitch * size,
                                packed + place * geometry.depth * panel.width * size, ZEROS,
                                sums + place * quads.sums_pitch * size)
            finite = loops.routines.winograd_out(&quads, sums, loops.bias + first * size,
                                                 responses + panel.first * size)
            if not finite:
                first_row = min(first_row, rows_before(quads.first // quads.quads_per_row, geometry.down.dilation))
                end_row = rows_before((quads.first + quads.n_quads - 1) // quads.quads_per_row + geometry.down.dilation,
                                      geometry.down.dilation)
            counted[0] += 16 * quads.n_quads * geometry.depth * panel.width
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
    if first_row < end_row:
        return do_handed_back(loops, group, first_row, min(end_row, n_rows), windows, responses, transformed, counted,
                              watch_signals)
    return DONE


cdef int do_handed_back(Loops* loops, Py_ssize_t group, Py_ssize_t first_row, Py_ssize_t end_row, const char* windows,
                        char* responses, char* memory, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """The responses of some rows that are not finite, by the direct method, in runs of columns."""
    cdef Py_ssize_t row, first, index, n_columns = loops.geometry.across.outputs, size = loops.item_bytes
    cdef Py_ssize_t n_taps = 9 * loops.geometry.depth, columns_at_once
    cdef int status = direct_is_there(loops)
    cdef const Panel* panel
    cdef Rows rows = loops.rows
    cdef char* place
    if status != DONE:
        return status
    rows.n_rows = 1
    for index in range(loops.n_panels):
        panel = &loops.panels[index]
        rows.n_kernels, rows.width = panel.n_kernels, panel.width
        rows.column_pitch = panel.width
        columns_at_once = max(8, min(HANDED_BACK_COLUMNS, MOST_MULTIPLY_ADDS // n_taps // panel.width))
        for row in range(first_row, end_row):
            place = responses + (row * loops.rows.row_pitch + panel.first) * size
            first = 0
            while first < n_columns:
                rows.n_columns = n_infinite(loops, panel, place + first * loops.rows.column_pitch * size,
                                            min(columns_at_once, n_columns - first))
                if rows.n_columns > 0:
                    loops.routines.over_kernels(
                        &loops.direct.sum, &rows,
                        windows + (row * rows.window_row_pitch + first * rows.window_pitch) * size,
                        loops.direct.packed + (group * loops.padded_kernels + panel.offset) * n_taps * size,
                        loops.direct.bias + (group * loops.padded_kernels + panel.offset) * size, memory)
                    take_infinite(loops, &rows, memory, place + first * loops.rows.column_pitch * size)
                    counted[0] += rows.n_columns * n_taps * panel.width
                    status = looked_for_signals(loops, counted, watch_signals)
                    if status != DONE:
                        return status
                first += max(rows.n_columns, 1)
    return DONE


cdef Py_ssize_t n_infinite(const Loops* loops, const Panel* panel, const char* responses,
                           Py_ssize_t most) noexcept nogil:
    """How many of the columns from the first on have a response of the panel's kernels that is not finite."""
    cdef Py_ssize_t count = 0
    while count < most and not loops.routines.all_finite(
            responses + count * loops.rows.column_pitch * loops.item_bytes, panel.n_kernels):
        count += 1
    return count


cdef void take_infinite(const Loops* loops, const Rows* rows, const char* others, char* responses) noexcept nogil:
    """Puts others in the place of some columns' responses that are not finite."""
    cdef Py_ssize_t[2 * MOST_LANES] kernel_bytes
    cdef Py_ssize_t kernel
    cdef Storing storing
    for kernel in range(rows.n_kernels):
        kernel_bytes[kernel] = kernel * loops.item_bytes
    storing.n_columns, storing.n_kernels = rows.n_columns, rows.n_kernels
    storing.column_pitch, storing.kernel_pitch = rows.column_pitch, 1
    storing.column_bytes = loops.rows.column_pitch * loops.item_bytes
    storing.kernel_bytes = kernel_bytes
    loops.routines.replace_infinite(&storing, others, responses)


cdef int direct_is_there(Loops* loops) noexcept nogil:
    """DONE, with the direct method's panels there; they are asked for when the first response is handed back."""
    cdef int status = DONE
    if not is_published(&loops.has_direct):
        with gil:
            status = (<Winograd> loops.call).ask_for_direct()
        if status != DONE:
            write_flag(&loops.cancelled, 1)
    return status


cdef class Winograd(Interleaved):
    """A call by winograd: strips as over kernels, and behind them the quads' transformed pixels and sums."""
    cdef object ask                      # for the direct method's panels: given the call, false if there is no room
    cdef Py_buffer direct_packed, direct_bias  # once something is handed back
    cdef bint has_direct_packed, has_direct_bias
    cdef Segment* direct_segments

    def __dealloc__(self):
        self.let_direct_go()

    cdef let_direct_go(self):
        if self.has_direct_packed:
            PyBuffer_Release(&self.direct_packed)
        if self.has_direct_bias:
            PyBuffer_Release(&self.direct_bias)
        self.has_direct_packed = self.has_direct_bias = False
        PyMem_Free(self.direct_segments)
        self.direct_segments = NULL

    cdef let_panels_go(self):
        Interleaved.let_panels_go(self)
        self.let_direct_go()
        self.ask = None

    cdef lay_out_strips(self):
        Interleaved.lay_out_strips(self)
        self.loops.correlate_group = correlate_quads
        self.loops.call = <void*> self

    cdef lay_out_sum(self):
        """Sums over channels, for each of the 16 places."""
        cdef const Geometry* geometry = &self.engine.geometry
        self.segments = self.build_sum(geometry, &self.loops.sum, 1, geometry.depth, False)
        self.loops.sum.carried = geometry.pieces_per_row > BLOCKS_PER_TOTAL
        if geometry.down.outputs > 1:
            self.loops.rows.window_row_pitch = geometry.down.stride * self.loops.row_pitch

    cdef lay_out_rest(self):
        cdef Loops* loops = &self.loops
        cdef Quads* quads = &loops.quads
        cdef const Geometry* geometry = &self.engine.geometry
        Interleaved.lay_out_rest(self)
        quads.quads_per_row = quads_across(geometry.across.outputs, geometry.across.dilation)
        quads.n_columns = geometry.across.outputs
        quads.row_dilation = geometry.down.dilation
        quads.column_dilation = geometry.across.dilation
        quads.depth = geometry.depth
        quads.pixel_row_pitch = loops.row_pitch
        quads.pixel_pitch = loops.sum.tap_pitch // geometry.across.dilation  # even where there is one window only
        quads.row_pitch = loops.rows.row_pitch
        quads.column_pitch = loops.rows.column_pitch

    cdef Py_ssize_t cut_rows(self, Py_ssize_t n_workers):
        """Strips of whole rows."""
        return 1

    cdef Py_ssize_t whole_rows(self, Py_ssize_t rows):
        """Not fewer rows of responses, such that quads are the same ones whatever the tasks."""
        cdef const Geometry* geometry = &self.engine.geometry
        return min(product(ceiling(rows, 2 * geometry.down.dilation), 2 * geometry.down.dilation),
                   geometry.down.outputs)

    cdef Py_ssize_t elements_of(self, Py_ssize_t rows):
        """Chooses how many quads are done at once; their transformed pixels and sums lie behind the strips."""
        cdef Loops* loops = &self.loops
        cdef Quads* quads = &loops.quads
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes, width, strip_quads
        cdef Py_ssize_t n_quads = QUADS_BYTES // (16 * size) // geometry.depth
        width = self.engine.panels[0].width  # no panel is wider than the first one
        strip_quads = product(quads_across(rows, geometry.down.dilation),
                              quads_across(geometry.across.outputs, geometry.across.dilation))
        n_quads = max(min(n_quads, MOST_QUADS) // 14 * 14, 14)
        # planes whose pitch is a multiple of 4096 bytes would all fall into the same sets of the first cache
        quads.plane_pitch = product(n_quads, geometry.depth) + 5 * 16
        quads.sums_pitch = n_quads * width + 5 * 16
        loops.quads_at_once = n_quads
        # of more quads equal shares are done at once, which may be a little less than that many
        return (self.strip_of(rows) + self.response_of(rows) + product(16, quads.plane_pitch) + 15 * quads.sums_pitch
                + min(n_quads, strip_quads) * width)

    @property
    def has_no_room(self):
        """Whether responses were handed back, and there was no room for the direct method's panels."""
        return read_flag(&self.loops.too_large) != 0

    @property
    def has_direct(self):
        """Whether winograd has the direct method's panels."""
        return is_published(&self.loops.has_direct) != 0

    cdef int ask_for_direct(self):
        """The Status after the direct method's panels were asked for; an exception is kept for `run` to raise."""
        try:
            if not self.loops.has_direct and not self.ask(self):
                write_flag(&self.loops.too_large, 1)
                return CANCELLED
            return DONE
        except BaseException as error:
            if self.error is None or not isinstance(error, Exception):  # an interruption is not lost beside another one
                self.error = error
            return RAISED

    def take_direct(self, Engine engine, packed, bias):
        """Lets winograd have the panels of an engine over kernels, for what it hands back. Not from two threads."""
        if (engine.lanes_over != OVER_KERNELS or engine.n_panels != self.engine.n_panels
                or engine.padded_kernels != self.engine.padded_kernels):
            raise ValueError("engine: its panels are not those of the call")
        self.let_direct_go()  # what an attempt that failed has left
        PyObject_GetBuffer(packed, &self.direct_packed, PyBUF_STRIDES)
        self.has_direct_packed = True
        PyObject_GetBuffer(bias, &self.direct_bias, PyBUF_STRIDES)
        self.has_direct_bias = True
        self.loops.direct.packed = <const char*> self.direct_packed.buf
        self.loops.direct.bias = <const char*> self.direct_bias.buf
        self.direct_segments = self.build_sum(
            &engine.geometry, &self.loops.direct.sum, 3, 3 * engine.geometry.depth,
            self.loops.sum.tap_pitch != engine.geometry.depth)
        publish(&self.loops.has_direct)

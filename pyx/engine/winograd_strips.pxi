# The loops of winograd in a strip. A response that is not finite is handed back to the direct method, which does it
# from the same windows before the strip is consumed: infinities mean the same by both, and sums of large numbers may
# overflow in a transform where the direct sum does not.

from libc.float cimport DBL_MAX

cdef Py_ssize_t HANDED_BACK_COLUMNS = 64  # that the direct method does at once, at most

cdef double[MOST_LANES] ZEROS  # the bias of sums that have none, for any panel of any type


cdef inline Py_ssize_t quads_across(Py_ssize_t n, Py_ssize_t dilation) noexcept nogil:
    """Quads of winograd across `n` rows or columns: each has two that are a dilation apart, if there are two."""
    return n // (2 * dilation) * dilation + min(n % (2 * dilation), dilation)


cdef inline Py_ssize_t rows_before(Py_ssize_t line, Py_ssize_t dilation) noexcept nogil:
    """Rows of responses before the lines of quads that lie between each other with this one."""
    return line // dilation * 2 * dilation


cdef int correlate_quads(Loops* loops, Py_ssize_t group, Py_ssize_t n_rows, const char* windows, char* responses,
                         char* transformed, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """A group's responses in a strip by winograd: some quads at once, whose transforms stay in the second cache."""
    cdef const Geometry* geometry = loops.geometry
    cdef Quads quads = loops.quads
    cdef Py_ssize_t n_quads = quads_across(n_rows, geometry.down.dilation) * quads.quads_per_row
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
    cdef Storing one
    one.n_columns = 1
    one.n_kernels = panel.n_kernels
    one.kernel_pitch = 1
    one.column_pitch = 0
    while count < most and not loops.routines.within(
            &one, responses + count * loops.rows.column_pitch * loops.item_bytes, -DBL_MAX, DBL_MAX):
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

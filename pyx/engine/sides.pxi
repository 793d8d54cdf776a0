# Padded images most of whose windows lie inside of them: these are read from the image itself, and only those that
# reach into the padding, at the sides, above and below, from a strip. Its rows are as far apart as the image's, so that
# taps have the same places in both; what is wider than a row is laid into it one half after the other.

from types cimport DONE, Area, Axis, Loops, ceiling, effective


cdef int correlate_sides(Loops* loops, Py_ssize_t group, const Area* area, char* workspace, char* responses,
                         char* memory, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """A group's responses in an area of whole rows: above and below those that have only rows inside, and these."""
    cdef const Axis* down = &loops.geometry.down
    cdef Py_ssize_t outputs = loops.geometry.across.outputs, band, side
    cdef Py_ssize_t[4] rows, columns
    cdef const char* windows
    cdef int status
    cdef Area part = area[0]
    rows[0], rows[3] = area.first_row, area.first_row + area.n_rows
    rows[1] = min(max(rows[0], first_within(down)), rows[3])
    rows[2] = min(max(rows[1], end_within(down)), rows[3])
    columns[0], columns[3] = 0, outputs
    for band in range(3):
        columns[1] = first_column_within(loops) if band == 1 else outputs // 2
        columns[2] = end_column_within(loops) if band == 1 else outputs // 2
        for side in range(3):
            part.first_row, part.n_rows = rows[band], rows[band + 1] - rows[band]
            part.first_column, part.n_columns = columns[side], columns[side + 1] - columns[side]
            if part.n_rows == 0 or part.n_columns == 0:
                continue
            windows = (windows_in_image(loops, &part, group) if band == 1 and side == 1
                       else windows_in_strip(loops, &part, group, workspace, counted))
            status = loops.correlate_group(
                loops, group, &part, windows,
                responses + ((part.first_row - area.first_row) * loops.rows.row_pitch
                             + part.first_column * loops.rows.column_pitch) * loops.item_bytes,
                memory, counted, watch_signals)
            if status != DONE:
                return status
    return DONE


cdef inline Py_ssize_t first_within(const Axis* axis) noexcept nogil:
    """The first window along an axis that has no tap before the image."""
    return max(0, ceiling(axis.before, axis.stride))


cdef inline Py_ssize_t end_within(const Axis* axis) noexcept nogil:
    """The window behind the last that has no tap behind the image."""
    cdef Py_ssize_t room = axis.length + axis.before - effective(axis)
    return min(axis.outputs, room // axis.stride + 1) if room >= 0 else 0


cdef inline Py_ssize_t first_column_within(const Loops* loops) noexcept nogil:
    """The first column of windows that are read from the image: whole vectors lie before."""
    cdef Py_ssize_t lanes = loops.routines.lanes
    return ceiling(first_within(&loops.geometry.across), lanes) * lanes


cdef inline Py_ssize_t end_column_within(const Loops* loops) noexcept nogil:
    """The column behind the last of them: a vector at least follows, or nothing."""
    cdef Py_ssize_t outputs = loops.geometry.across.outputs, end = end_within(&loops.geometry.across)
    return min(end, outputs - loops.routines.lanes) if end < outputs else outputs

# The engine's loops: over tasks, over a strip's groups and panels, over its rows. Pointers and sizes in; no Python but
# for signals.

from atomics cimport claim, read_flag, write_flag
from microkernels cimport MOST_LANES, Rows
from types cimport CANCELLED, DONE, RAISED, Area, Finished, Geometry, Loops, Panel, Source, reach

cdef extern from "Python.h":
    int check_signals "PyErr_CheckSignals"() noexcept

# multiply-adds between two looks for a signal: some milliseconds, and as much as is done at one go
cdef Py_ssize_t SIGNAL_MULTIPLY_ADDS = 1 << 24
# Multiply-adds that one micro-kernel call may do without a look for signals, when a tile has too few windows to be cut:
# a tenth of a second at `base`.
cdef Py_ssize_t MOST_MULTIPLY_ADDS = 1 << 28
cdef Py_ssize_t STAGING_MULTIPLY_ADDS = 16    # that take the time of an element laid into a strip


cdef int run_tasks(Loops* loops, char* workspace, bint watch_signals) noexcept nogil:
    """Claims and does tasks until none is left. Non-zero if a signal's handler raised: the exception is set."""
    cdef Py_ssize_t task, end, counted = 0
    cdef int status
    while not read_flag(&loops.cancelled):
        task = claim(&loops.next_task, loops.tasks_per_claim)
        if task >= loops.n_tasks:
            return 0
        end = min(task + loops.tasks_per_claim, loops.n_tasks)
        while task < end:
            status = loops.do_task(loops, task, workspace, &counted, watch_signals)
            if status:
                return status == RAISED
            task += 1
    return 0


cdef inline Area area_of(const Loops* loops, Py_ssize_t task) noexcept nogil:
    cdef Area area
    if loops.areas != NULL:
        return loops.areas[task]
    cdef Py_ssize_t strip = task % loops.n_strips, across = strip % loops.strips_across
    area.image = task // loops.n_strips
    area.first_group = 0
    area.end_group = loops.geometry.groups
    area.first_row = strip // loops.strips_across * loops.strip_rows
    area.n_rows = min(loops.strip_rows, loops.geometry.down.outputs - area.first_row)
    area.first_column = first_of_strip(loops, across)
    area.n_columns = first_of_strip(loops, across + 1) - area.first_column
    return area


cdef inline Py_ssize_t first_of_strip(const Loops* loops, Py_ssize_t across) noexcept nogil:
    """The first column of the strips that are so many from the left, where rows are cut: whole vectors lie before."""
    cdef Py_ssize_t outputs = loops.geometry.across.outputs
    if across == loops.strips_across:
        return outputs
    return outputs * across // loops.strips_across // MOST_LANES * MOST_LANES


cdef int do_strip(Loops* loops, Py_ssize_t task, char* workspace, Py_ssize_t* counted,
                  bint watch_signals) noexcept nogil:
    """All groups and panels of one strip."""
    cdef const Geometry* geometry = loops.geometry
    cdef Area area = area_of(loops, task)
    cdef char* after_images = workspace + loops.strip_elements * loops.item_bytes
    cdef const char* windows
    cdef Finished strip
    cdef Py_ssize_t group
    cdef int status
    strip.image = area.image
    strip.first_row, strip.n_rows = area.first_row, area.n_rows
    strip.first_column, strip.n_columns = area.first_column, area.n_columns
    strip.n_kernels = geometry.n_kernels
    strip.row_pitch, strip.column_pitch = loops.rows.row_pitch, loops.rows.column_pitch
    strip.kernel_pitch = loops.rows.kernel_pitch
    for group in range(area.first_group, area.end_group):
        windows = windows_of(loops, &area, group, workspace, counted)
        strip.first_kernel = group * geometry.n_kernels
        strip.responses = after_images
        if loops.direct_store:
            strip.responses = place_of(&loops.consumer, &strip)
        status = loops.correlate_group(loops, group, &area, windows, strip.responses,
                                       after_images + loops.response_elements * loops.item_bytes, counted,
                                       watch_signals)
        if status != DONE:
            return status
        if not loops.direct_store:
            consume(loops.routines, &loops.consumer, &strip)
    return DONE


cdef inline const char* windows_of(const Loops* loops, const Area* area, Py_ssize_t group, char* workspace,
                                   Py_ssize_t* counted) noexcept nogil:
    """The first window of a group in an area: in the image itself, or in a strip that is laid into the workspace."""
    cdef const Geometry* geometry = loops.geometry
    cdef const Source* source = &loops.source
    cdef Py_ssize_t n_rows, n_columns
    if loops.in_place:
        return (source.images + area.image * source.image_bytes
                + area.first_row * geometry.down.stride * source.row_bytes
                + area.first_column * geometry.across.stride * source.staging.column_bytes
                + source.channel_bytes[group * geometry.depth])
    n_rows, n_columns = reach(&geometry.down, area.n_rows), reach(&geometry.across, area.n_columns)
    stage_rows(loops, area.image, group, area.first_row * geometry.down.stride, n_rows,
               area.first_column * geometry.across.stride, n_columns, loops.row_pitch, workspace)
    counted[0] += n_rows * n_columns * source.staging.depth * STAGING_MULTIPLY_ADDS
    return workspace


cdef int correlate_panels(Loops* loops, Py_ssize_t group, const Area* area, const char* windows, char* responses,
                          char* memory, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """All panels of a group, one after the other; needs no memory beside the strips."""
    cdef Py_ssize_t panel
    cdef int status
    for panel in range(loops.n_panels):
        status = correlate_rows(loops, group, &loops.panels[panel], area, windows, responses, counted, watch_signals)
        if status != DONE:
            return status
    return DONE


cdef int correlate_rows(Loops* loops, Py_ssize_t group, const Panel* panel, const Area* area, const char* windows,
                        char* responses, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """One panel's responses in a strip: rows at one go, or a few and some of their columns, as their number allows."""
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t n_taps = geometry.down.kernel * geometry.across.kernel * geometry.depth
    cdef Py_ssize_t first = group * loops.padded_kernels + panel.offset
    cdef Py_ssize_t of_window = n_taps * panel.width
    cdef Py_ssize_t few_rows = max(1, min(4, MOST_MULTIPLY_ADDS // of_window // 8))
    cdef Py_ssize_t few_columns = max(8, min(64, MOST_MULTIPLY_ADDS // of_window // 4))
    cdef Py_ssize_t n_rows = area.n_columns if loops.runs_down else area.n_rows
    cdef Py_ssize_t n_columns = area.n_rows if loops.runs_down else area.n_columns
    cdef Py_ssize_t rows_at_once = max(few_rows, SIGNAL_MULTIPLY_ADDS // of_window // n_columns)
    cdef Py_ssize_t columns_at_once = max(few_columns, SIGNAL_MULTIPLY_ADDS // of_window // 4)
    cdef Py_ssize_t y = 0, x, size = loops.item_bytes
    cdef int status
    cdef Rows rows = loops.rows
    if loops.runs_down:
        rows.window_row_pitch, rows.window_pitch = rows.window_pitch, rows.window_row_pitch
        rows.row_pitch, rows.column_pitch = rows.column_pitch, rows.row_pitch
    rows.n_kernels = panel.n_kernels
    rows.width = panel.width
    responses += panel.first * rows.kernel_pitch * size
    windows += panel.first * loops.own_pixels * size
    while y < n_rows:
        rows.n_rows = min(n_rows - y, rows_at_once)
        x = 0
        while x < n_columns:
            rows.n_columns = n_columns - x
            if rows.n_columns >= 2 * columns_at_once:
                rows.n_columns = columns_at_once
            loops.correlate(&loops.sum, &rows, windows + x * rows.window_pitch * size,
                            loops.packed + first * n_taps * size, loops.bias + first * size,
                            responses + x * rows.column_pitch * size)
            x += rows.n_columns
            counted[0] += rows.n_rows * rows.n_columns * of_window
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
        y += rows.n_rows
        windows += rows.n_rows * rows.window_row_pitch * size
        responses += rows.n_rows * rows.row_pitch * size
    return DONE


cdef inline int looked_for_signals(Loops* loops, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """Once in some milliseconds, as counted by `counted`: the Status to go on with."""
    if counted[0] <= SIGNAL_MULTIPLY_ADDS:
        return DONE
    counted[0] = 0
    if read_flag(&loops.cancelled):
        return CANCELLED
    return RAISED if watch_signals and signal_raised(loops) else DONE


cdef bint signal_raised(Loops* loops) noexcept nogil:
    """Lets pending signal handlers run; true, with the call cancelled and the exception set aside, if one raised."""
    cdef int status
    with gil:
        status = check_signals()
    if status:
        write_flag(&loops.cancelled, 1)
    return status != 0

# The engine's loops over tasks and over a strip's groups, whose panels are summed in panel_sums.pxi. Pointers and sizes
# in; no Python but for signals.

from atomics cimport claim, read_flag, write_flag
from microkernels cimport MOST_LANES
from types cimport CANCELLED, DONE, RAISED, Area, Finished, Geometry, Loops, Panel, Source, reach

cdef extern from "Python.h":
    int check_signals "PyErr_CheckSignals"() noexcept

cdef extern from *:
    """
    static __thread int* xcorr_around;
    """
    int* around "xcorr_around"  # whether the preparation that this thread does a task of is cancelled, or NULL

# multiply-adds between two looks for a signal: some milliseconds, and as much as is done at one go
cdef Py_ssize_t SIGNAL_MULTIPLY_ADDS = 1 << 24
cdef Py_ssize_t STAGING_MULTIPLY_ADDS = 16  # that take the time of an element laid into a strip


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
            if read_flag(&loops.has_faint_pixels):
                return 0
            task += 1
    return 0


cdef inline Area area_of(const Loops* loops, Py_ssize_t task) noexcept nogil:
    cdef Area area
    if loops.areas != NULL:
        return loops.areas[task]
    cdef Py_ssize_t part = task % loops.panel_parts, strip = task // loops.panel_parts % loops.n_strips
    cdef Py_ssize_t across = strip % loops.strips_across
    task //= loops.panel_parts
    area.first_panel = loops.n_panels * part // loops.panel_parts
    area.end_panel = loops.n_panels * (part + 1) // loops.panel_parts
    area.image = task // loops.n_strips
    area.first_group = 0
    area.end_group = loops.geometry.groups
    area.first_row = strip // loops.strips_across * loops.strip_rows
    area.n_rows = min(loops.strip_rows, loops.geometry.down.outputs - area.first_row)
    area.first_column = first_of_strip(loops, across)
    area.n_columns = first_of_strip(loops, across + 1) - area.first_column
    if loops.images_at_once > 1:
        area.image *= loops.images_at_once
        area.n_rows *= min(loops.images_at_once, loops.n_images - area.image)
    return area


cdef inline Py_ssize_t first_of_strip(const Loops* loops, Py_ssize_t across) noexcept nogil:
    """The first column of the strips that are so many from the left, where rows are cut: whole vectors lie before."""
    cdef Py_ssize_t outputs = loops.geometry.across.outputs
    if across == loops.strips_across:
        return outputs
    return outputs * across // loops.strips_across // MOST_LANES * MOST_LANES


cdef int do_strip(Loops* loops, Py_ssize_t task, char* workspace, Py_ssize_t* counted,
                  bint watch_signals) noexcept nogil:
    """All groups and panels of one strip, or a part of the panels."""
    cdef const Geometry* geometry = loops.geometry
    cdef Area area = area_of(loops, task)
    cdef char* after_images = workspace + loops.strip_elements * loops.item_bytes
    cdef char* memory = after_images + loops.response_elements * loops.item_bytes
    cdef const char* windows
    cdef Finished strip
    cdef Py_ssize_t group, first_kernel = 0
    cdef int status
    if loops.pixel_runs.channels and not loops.pixel_runs.after and finds_subnormal(loops, &area):
        return DONE
    strip.image = area.image
    strip.first_row, strip.n_rows = area.first_row, area.n_rows
    strip.first_column, strip.n_columns = area.first_column, area.n_columns
    strip.row_pitch, strip.column_pitch = loops.rows.row_pitch, loops.rows.column_pitch
    strip.kernel_pitch = loops.rows.kernel_pitch
    for group in range(area.first_group, area.end_group):
        strip.first_kernel, strip.n_kernels = group * geometry.n_kernels, geometry.n_kernels
        strip.responses = after_images
        if loops.direct_store:
            strip.responses = place_of(&loops.consumer, &strip)
        elif loops.by_part:
            strip.responses -= loops.panels[area.first_panel].first * loops.rows.kernel_pitch * loops.item_bytes
        if loops.sides_staged:
            status = correlate_sides(loops, group, &area, workspace, strip.responses, memory, counted, watch_signals)
        else:
            windows = windows_of(loops, &area, group, workspace, counted)
            status = loops.correlate_group(loops, group, &area, windows, strip.responses, memory, counted,
                                           watch_signals)
        if status != DONE:
            return status
        if loops.panel_parts > 1:
            first_kernel = loops.panels[area.first_panel].first
            strip.first_kernel += first_kernel
            strip.n_kernels = end_of(&loops.panels[area.end_panel - 1]) - first_kernel
            strip.responses += first_kernel * loops.rows.kernel_pitch * loops.item_bytes
        if not loops.by_panel and (not loops.direct_store or loops.consumer.scaling.passes != NULL
                                   or loops.consumer.tops != NULL):
            consume_images(loops, strip)
    if loops.pixel_runs.channels and loops.pixel_runs.after and not loops.pixel_runs.rows_at_once:
        finds_subnormal(loops, &area)
    return DONE


cdef inline Py_ssize_t end_of(const Panel* panel) noexcept nogil:
    """The kernel behind a panel's last one."""
    return panel.first + panel.n_kernels


cdef inline void consume_images(Loops* loops, Finished strip) noexcept nogil:
    """A strip's responses, which may be those of several images with all of their rows."""
    cdef Py_ssize_t n_rows = loops.geometry.down.outputs, n_images = 1
    # in an array one row of each is as good as rows of one image, unless some are left out
    if loops.images_at_once > 1 and (n_rows > 1 or loops.consumer.clips or looks_at_places(&loops.consumer)):
        n_images, strip.n_rows = strip.n_rows // n_rows, n_rows
    while n_images > 0:
        if loops.direct_store:  # where they are
            if loops.consumer.scaling.passes != NULL:
                scale_responses(loops.routines, &loops.consumer.scaling, &strip)
            if loops.consumer.tops != NULL:
                note_tops(loops.routines, &loops.consumer, &strip)
            strip.responses += loops.consumer.response_bytes
        else:
            consume(loops.routines, &loops.consumer, &strip)
            strip.responses += n_rows * strip.row_pitch * loops.item_bytes
        strip.image += 1
        n_images -= 1


cdef inline const char* windows_of(const Loops* loops, const Area* area, Py_ssize_t group, char* workspace,
                                   Py_ssize_t* counted) noexcept nogil:
    """The first window of a group in an area: in the image itself, or in a strip that is laid into the workspace."""
    if loops.in_place:
        return windows_in_image(loops, area, group)
    return windows_in_strip(loops, area, group, workspace, counted)


cdef inline const char* windows_in_image(const Loops* loops, const Area* area, Py_ssize_t group) noexcept nogil:
    cdef const Geometry* geometry = loops.geometry
    cdef const Source* source = &loops.source
    cdef Py_ssize_t padding = 0
    if loops.skips_columns or loops.sides_staged:
        padding = (geometry.down.before * source.row_bytes
                   + geometry.across.before * source.staging.column_bytes)
    return (source.images - padding + area.image * source.image_bytes
            + area.first_row * geometry.down.stride * source.row_bytes
            + area.first_column * geometry.across.stride * source.staging.column_bytes
            + source.channel_bytes[group * geometry.depth])


cdef inline const char* windows_in_strip(const Loops* loops, const Area* area, Py_ssize_t group, char* workspace,
                                         Py_ssize_t* counted) noexcept nogil:
    cdef const Geometry* geometry = loops.geometry
    cdef const Source* source = &loops.source
    cdef Py_ssize_t n_rows, n_columns, n_images = 1, index
    if loops.images_at_once > 1:
        n_images = area.n_rows // geometry.down.outputs
    n_rows, n_columns = reach(&geometry.down, area.n_rows // n_images), reach(&geometry.across, area.n_columns)
    for index in range(n_images):
        stage_rows(loops, area.image + index, group, area.first_row * geometry.down.stride, n_rows,
                   area.first_column * geometry.across.stride, n_columns, loops.row_pitch,
                   workspace + index * (loops.strip_elements // loops.images_at_once) * loops.item_bytes)
    counted[0] += n_images * n_rows * n_columns * source.staging.depth * STAGING_MULTIPLY_ADDS
    return workspace


cdef inline int looked_for_signals(Loops* loops, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """Once in some milliseconds, as counted by `counted`: the Status to go on with."""
    if counted[0] <= SIGNAL_MULTIPLY_ADDS:
        return DONE
    counted[0] = 0
    if read_flag(&loops.cancelled):
        return CANCELLED
    return RAISED if watch_signals and signal_raised(loops) else DONE


cdef bint signal_raised(Loops* loops) noexcept nogil:
    """Lets pending signal handlers run; true, with the call cancelled and the exception set aside, if one raised.

    So it is where what the call is a part of is cancelled.
    """
    cdef int status
    with gil:
        status = check_signals()
        if not status and is_stopped():
            PyErr_SetNone(Stopped)
            status = -1
    if status:
        write_flag(&loops.cancelled, 1)
    return status != 0

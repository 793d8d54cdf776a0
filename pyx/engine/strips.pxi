# The engine's loops: over tasks, over a strip's groups and panels, over its rows. Pointers and sizes in; no Python but
# for signals.

cdef enum Form:  # where the lanes go
    OVER_KERNELS, OVER_COLUMNS, OVER_CHANNELS
    WINOGRAD                         # over channels and over kernels, between its transforms
    FOURIER                          # over columns and rows of tiles, in its transforms

cdef enum Boundary:
    CONSTANT, EDGE, REFLECT, SYMMETRIC, WRAP

# Sizes of one image and the bank, in real elements: a complex channel counts as two, and so does a complex kernel.
# Over channels all groups are one, of all kernels.
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
    const Routines* routines          # of the summed type
    Py_ssize_t item_bytes             # of an element of it
    CorrelateRows correlate           # the micro-kernels of the form
    const Geometry* geometry
    const Panel* panels
    Py_ssize_t n_panels
    Py_ssize_t padded_kernels         # widths of a group's panels together
    int form                          # a Form
    int row_boundary                  # of the padding above and below, a Boundary
    bint in_place                     # windows are read from the image itself, without a strip
    bint direct_store                 # responses are written to `out` without a strip
    bint rows_join_in                 # the image's rows follow each other without a gap, and so do the strip's
    bint rows_join_out                # the same of responses
    const char* images
    Py_ssize_t image_bytes, row_bytes  # pitches of the images
    const Py_ssize_t* channel_bytes   # groups * depth
    char* out
    Py_ssize_t response_bytes, out_row_bytes
    const Py_ssize_t* kernel_bytes    # groups * n_kernels
    const char* packed                # panels
    const char* bias
    Staging staging
    Storing storing
    Sum sum
    Rows rows
    Tiles tiles
    Py_ssize_t tiles_at_once
    Fourier fourier                   # from here on of the frequency domain alone
    Py_ssize_t first_chosen, n_chosen  # the kernels of each group that this call does
    const int* kernel_exponents       # groups * n_chosen
    Py_ssize_t n_parts                # of the chosen kernels: a task does one part of them in a pair of tiles
    Py_ssize_t kernels_at_once        # in the response's strip
    Py_ssize_t n_positions_down, n_positions_across  # windows without stride
    Py_ssize_t reached_rows
    double over_points                # 1 over the points of a transform
    char* refused                     # of each image's tiles, whether one has to be done directly
    Py_ssize_t row_pitch              # of the strip (or of the image in place), in elements
    Py_ssize_t strip_elements         # an image strip's size
    Py_ssize_t response_elements      # a response strip's size
    Py_ssize_t n_images, strip_rows, n_strips, tasks_per_claim
    bint check                        # responses against the limits
    bint saturate                     # instead of a check: rounds, and brings inside of the limits what is outside
    double low, high                  # limits of the response's integer type
    char* infinite                    # winograd: of each image, whether a response was not finite
    const char* repaired              # where not NULL: the images done, whose finite responses stay as they are
    Py_ssize_t next_task              # these three are read and written by all workers
    int cancelled, overflowed


cdef inline Py_ssize_t ceiling(Py_ssize_t value, Py_ssize_t divisor) noexcept nogil:
    return value // divisor + (value % divisor != 0)

cdef inline Py_ssize_t pairs(Py_ssize_t n, Py_ssize_t dilation) noexcept nogil:
    """Tiles of winograd across `n` rows or columns: each has two that are a dilation apart, if there are two."""
    return n // (2 * dilation) * dilation + min(n % (2 * dilation), dilation)

cdef extern from "Python.h":
    int check_signals "PyErr_CheckSignals"() noexcept

cdef enum Status:
    DONE, CANCELLED, RAISED

# multiply-adds between two looks for a signal: some milliseconds, and as much as is done at one go
cdef Py_ssize_t SIGNAL_WORK = 1 << 24
cdef Py_ssize_t MOST_WORK = 1 << 28  # at one go that few windows may take: a tenth of a second at `base`
cdef Py_ssize_t STAGING_WORK = 16    # that take the time of an element laid into a strip

cdef double[MOST_LANES] ZEROS  # the bias of sums that have none, for any panel of any type


cdef Py_ssize_t source_index(Py_ssize_t position, Py_ssize_t length, int boundary) noexcept nogil:
    """The index of a padded position in an axis of `length`, for any distance; -1 for the fill value."""
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


cdef int run_tasks(Loops* loops, char* workspace, bint watch_signals) noexcept nogil:
    """Claims and does tasks until none is left. Non-zero if a signal's handler raised: the exception is set."""
    cdef Py_ssize_t n_tasks = loops.n_images * loops.n_strips
    cdef Py_ssize_t task, end, work = 0
    cdef int status
    while not read_flag(&loops.cancelled):
        task = claim(&loops.next_task, loops.tasks_per_claim)
        if task >= n_tasks:
            return 0
        end = min(task + loops.tasks_per_claim, n_tasks)
        while task < end:
            if loops.repaired != NULL and not loops.repaired[task // loops.n_strips]:
                status = DONE
            else:
                status = correlate_task(loops, task // loops.n_strips, task % loops.n_strips, workspace, &work,
                                        watch_signals)
            if status:
                return status == RAISED
            task += 1
    return 0


cdef inline int correlate_task(Loops* loops, Py_ssize_t image, Py_ssize_t task, char* workspace, Py_ssize_t* work,
                               bint watch_signals) noexcept nogil:
    if loops.form == FOURIER:
        return correlate_pair(loops, image, task, workspace, work, watch_signals)
    return correlate_strip(loops, image, task, workspace, work, watch_signals)


cdef int correlate_strip(Loops* loops, Py_ssize_t image, Py_ssize_t strip, char* workspace, Py_ssize_t* work,
                         bint watch_signals) noexcept nogil:
    """All groups and panels of one strip. `work` counts the multiply-adds since the last look for a signal."""
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t first_row = strip * loops.strip_rows
    cdef Py_ssize_t n_rows = min(loops.strip_rows, geometry.rows - first_row)
    cdef Py_ssize_t group, n_staged
    cdef int status
    cdef const char* windows
    cdef char* responses
    cdef char* after_images = workspace + loops.strip_elements * loops.item_bytes
    cdef Storing storing = loops.storing
    cdef char* target = loops.out + image * loops.response_bytes + first_row * loops.out_row_bytes
    for group in range(geometry.groups):
        if loops.in_place:
            windows = (loops.images + image * loops.image_bytes + first_row * geometry.row_stride * loops.row_bytes
                       + loops.channel_bytes[group * geometry.depth])
        else:
            windows = workspace
            n_staged = (n_rows - 1) * geometry.row_stride + (geometry.kernel_height - 1) * geometry.row_dilation + 1
            stage_rows(loops, image, group, first_row * geometry.row_stride, n_staged, loops.row_pitch, workspace)
            work[0] += n_staged * loops.staging.columns * loops.staging.depth * STAGING_WORK
        if loops.direct_store:
            responses = target + loops.kernel_bytes[group * geometry.n_kernels]
        else:
            responses = after_images
        if loops.form == WINOGRAD:
            status = correlate_tiles(loops, image, group, n_rows, windows, responses,
                                     after_images + loops.response_elements * loops.item_bytes, work, watch_signals)
        else:
            status = correlate_panels(loops, group, n_rows, windows, responses, work, watch_signals)
        if status != DONE:
            return status
        if not loops.direct_store:
            storing.kernel_bytes = loops.kernel_bytes + group * geometry.n_kernels
            if loops.rows_join_out:
                storing.n_columns = n_rows * geometry.columns
            store_rows(loops, &storing, responses, 1 if loops.rows_join_out else n_rows, loops.rows.row_pitch, target)
    return DONE


cdef int correlate_panels(Loops* loops, Py_ssize_t group, Py_ssize_t n_rows, const char* windows, char* responses,
                          Py_ssize_t* work, bint watch_signals) noexcept nogil:
    cdef Py_ssize_t panel
    cdef int status
    for panel in range(loops.n_panels):
        status = correlate_rows(loops, group, &loops.panels[panel], n_rows, windows, responses, work, watch_signals)
        if status != DONE:
            return status
    return DONE


cdef int correlate_rows(Loops* loops, Py_ssize_t group, const Panel* panel, Py_ssize_t n_rows, const char* windows,
                        char* responses, Py_ssize_t* work, bint watch_signals) noexcept nogil:
    """One panel's responses in a strip: rows at one go, or a few and some of their columns, as the work allows."""
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t n_taps = geometry.kernel_height * geometry.kernel_width * geometry.depth
    cdef Py_ssize_t first = group * loops.padded_kernels + panel.offset
    cdef Py_ssize_t window_work = n_taps * panel.width
    cdef Py_ssize_t few_rows = max(1, min(4, MOST_WORK // window_work // 8))
    cdef Py_ssize_t few_columns = max(8, min(64, MOST_WORK // window_work // 4))
    cdef Py_ssize_t rows_at_once = max(few_rows, SIGNAL_WORK // window_work // geometry.columns)
    cdef Py_ssize_t columns_at_once = max(few_columns, SIGNAL_WORK // window_work // 4)
    cdef Py_ssize_t y = 0, x, size = loops.item_bytes
    cdef Py_ssize_t window_pitch = 1 if loops.form == OVER_COLUMNS else loops.rows.window_pitch
    cdef int status
    cdef Rows rows = loops.rows
    rows.n_kernels = panel.n_kernels
    rows.width = panel.width
    responses += panel.first * rows.kernel_pitch * size
    if loops.form == OVER_CHANNELS:
        windows += panel.first * size
    while y < n_rows:
        rows.n_rows = min(n_rows - y, rows_at_once)
        x = 0
        while x < geometry.columns:
            rows.n_columns = geometry.columns - x
            if rows.n_columns >= 2 * columns_at_once:
                rows.n_columns = columns_at_once
            loops.correlate(&loops.sum, &rows, windows + x * window_pitch * size, loops.packed + first * n_taps * size,
                            loops.bias + first * size, responses + x * rows.column_pitch * size)
            x += rows.n_columns
            work[0] += rows.n_rows * rows.n_columns * window_work
            status = looked_for_signals(loops, work, watch_signals)
            if status != DONE:
                return status
        y += rows.n_rows
        windows += rows.n_rows * rows.window_row_pitch * size
        responses += rows.n_rows * rows.row_pitch * size
    return DONE


cdef int correlate_tiles(Loops* loops, Py_ssize_t image, Py_ssize_t group, Py_ssize_t n_rows, const char* windows,
                         char* responses, char* transformed, Py_ssize_t* work, bint watch_signals) noexcept nogil:
    """A group's responses in a strip by winograd: some tiles at once, whose transforms stay in the second cache."""
    cdef const Geometry* geometry = loops.geometry
    cdef Tiles tiles = loops.tiles
    cdef Py_ssize_t n_tiles = pairs(n_rows, geometry.row_dilation) * tiles.tiles_per_row
    cdef Py_ssize_t n_chunks = ceiling(n_tiles, loops.tiles_at_once), chunk, index, place, first
    cdef Py_ssize_t size = loops.item_bytes
    cdef char* sums = transformed + 16 * tiles.plane_pitch * size
    cdef const char* packed
    cdef bint finite = True
    cdef int status
    cdef const Panel* panel
    cdef Rows rows
    rows.n_rows = 1
    rows.window_row_pitch = rows.row_pitch = 0
    rows.window_pitch = geometry.depth
    rows.kernel_pitch = 1
    tiles.n_rows = n_rows
    for chunk in range(n_chunks):
        tiles.first = n_tiles * chunk // n_chunks
        tiles.n_tiles = rows.n_columns = n_tiles * (chunk + 1) // n_chunks - tiles.first
        loops.routines.winograd_in(&tiles, windows, transformed)
        for index in range(loops.n_panels):
            panel = &loops.panels[index]
            first = group * loops.padded_kernels + panel.offset
            packed = loops.packed + 16 * geometry.depth * first * size
            tiles.width = rows.width = rows.n_kernels = rows.column_pitch = panel.width
            tiles.n_kernels = panel.n_kernels
            for place in range(16):
                loops.correlate(&loops.sum, &rows, transformed + place * tiles.plane_pitch * size,
                                packed + place * geometry.depth * panel.width * size, ZEROS,
                                sums + place * tiles.sums_pitch * size)
            finite &= loops.routines.winograd_out(&tiles, sums, loops.bias + first * size,
                                                  responses + panel.first * size)
            work[0] += 16 * tiles.n_tiles * geometry.depth * panel.width
            status = looked_for_signals(loops, work, watch_signals)
            if status != DONE:
                return status
    if not finite:
        loops.infinite[image] = 1
    return DONE


cdef inline int looked_for_signals(Loops* loops, Py_ssize_t* work, bint watch_signals) noexcept nogil:
    """Once in some milliseconds, as counted by `work`: the Status to go on with."""
    if work[0] <= SIGNAL_WORK:
        return DONE
    work[0] = 0
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


cdef void stage_rows(const Loops* loops, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first, Py_ssize_t n_rows,
                     Py_ssize_t row_pitch, char* strip) noexcept nogil:
    """Lays padded rows of an image's group into a strip, in the loops' order of axes."""
    cdef Staging staging = loops.staging
    cdef const char* source
    cdef Py_ssize_t row = first, end = first + n_rows, source_row, joined
    staging.channel_bytes = loops.channel_bytes + group * staging.depth
    staging.fill = loops.staging.fill + group * staging.depth
    while row < end:
        joined = 1
        if row_is_reached(loops.geometry, row):
            source = NULL
            source_row = source_index(row - loops.geometry.top, loops.geometry.height, loops.row_boundary)
            if source_row >= 0:
                source = loops.images + image * loops.image_bytes + source_row * loops.row_bytes
                if loops.rows_join_in and source_row == row - loops.geometry.top:
                    joined = min(end - row, loops.geometry.height - source_row)
            staging.columns = joined * loops.staging.columns
            staging.end_inside = loops.staging.end_inside + (joined - 1) * loops.staging.columns
            loops.routines.stage(&staging, source, strip)
        row += joined
        strip += joined * row_pitch * loops.item_bytes


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


cdef void store_rows(Loops* loops, const Storing* storing, char* responses, Py_ssize_t n_rows,
                     Py_ssize_t row_pitch, char* target) noexcept nogil:
    """Rows with a response that the type cannot hold are not stored: one outside of the limits, or no number."""
    cdef const Routines* routines = loops.routines
    cdef Py_ssize_t _
    for _ in range(n_rows):
        if loops.saturate and not routines.saturate(storing, responses, loops.low, loops.high):
            write_flag(&loops.overflowed, 1)
        elif loops.check and not routines.within(storing, responses, loops.low, loops.high):
            write_flag(&loops.overflowed, 1)
        elif loops.repaired != NULL:
            routines.repair(storing, responses, target)
        elif loops.saturate:
            routines.store_saturated(storing, responses, loops.high, target)
        else:
            routines.store(storing, responses, target)
        responses += row_pitch * loops.item_bytes
        target += loops.out_row_bytes

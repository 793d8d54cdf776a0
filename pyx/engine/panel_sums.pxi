# The loops below a group: over pieces of its windows, over panels, over the chunks of their taps, and over as many rows
# and columns as one call of a micro-kernel does.

from microkernels cimport MOST_LANES, CorrelateRows, Rows, Segment, Sum
from types cimport DONE, Area, Axis, Finished, Geometry, KernelRows, Loops, Panel, Part, ceiling

# Multiply-adds that one micro-kernel call may do without a look for signals, when a tile has too few windows to be cut:
# a tenth of a second at `base`.
cdef Py_ssize_t MOST_MULTIPLY_ADDS = 1 << 28
cdef Py_ssize_t LINE_ROWS = 4         # of a tile over columns, of a kernel of one row
cdef Py_ssize_t LEAST_OF_LINE = 3 * LINE_ROWS * MOST_LANES
cdef Py_ssize_t CHUNKED_WINDOWS = 28  # of a piece, from which on its taps are done in chunks
cdef Py_ssize_t FEWEST_WAITING = 5    # windows of a piece, from which on this is so of compensated sums: of two tiles


cdef int correlate_panels(Loops* loops, Py_ssize_t group, const Area* area, const char* windows, char* responses,
                          char* memory, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """All panels of a group, for one piece of the strip after the other; `memory` is for totals that wait.

    Rows of windows that have the same kernel rows inside of the image are done together, and those that follow each
    other like columns are one row. Or one row of several images is, and of these each is a row.
    """
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t y = 0, x, n_rows, end_row = area.n_rows, size = loops.item_bytes
    cdef int status
    cdef Part part
    part.kernel_rows.first, part.kernel_rows.end = 0, geometry.down.kernel
    part.kernel_columns.first, part.kernel_columns.end = 0, geometry.across.kernel
    part.sum = loops.sum
    part.waiting = memory if loops.waiting_windows > 0 else NULL
    part.window_row_pitch, part.row_pitch = loops.rows.window_row_pitch, loops.rows.row_pitch
    if loops.across_images:
        part.window_row_pitch, part.row_pitch = loops.window_image_pitch, loops.image_pitch
        end_row = geometry.down.outputs
    while y < end_row:
        n_rows = 1 if loops.across_images else end_row - y
        if loops.skips:
            n_rows = narrow(loops, &part, area.first_row + y, n_rows)
        x = 0
        while x < area.n_columns:
            part.n_rows, part.n_columns = n_rows, area.n_columns - x
            if loops.skips_columns:
                part.n_columns = alike(&geometry.across, area.first_column + x, part.n_columns, &part.kernel_columns)
            part.windows = windows + (y * loops.rows.window_row_pitch
                                      + x * loops.rows.window_pitch) * loops.pixel_bytes
            part.first_row, part.first_column = area.first_row + y, area.first_column + x
            part.responses = responses
            if not loops.by_panel:
                part.responses += (y * loops.rows.row_pitch + x * loops.rows.column_pitch) * size
            x += part.n_columns
            if loops.across_images:
                part.n_rows = area.n_rows // end_row
            elif loops.joined:
                part.n_rows, part.n_columns = 1, (n_rows - 1) * loops.rows.window_row_pitch + area.n_columns
            elif loops.flattens and follows_on(&loops.rows, part.n_columns):
                part.n_rows, part.n_columns = 1, n_rows * part.n_columns
            status = correlate_part(loops, group, area.image, &part, counted, watch_signals)
            if status != DONE:
                return status
        y += n_rows
    return DONE


cdef Py_ssize_t alike(const Axis* axis, Py_ssize_t first, Py_ssize_t most, KernelRows* inside) noexcept nogil:
    """How many windows from one on have the same kernel rows, or columns, inside of the image; and which."""
    cdef Py_ssize_t count = 1
    inside[0] = kernel_rows_inside(axis, first)
    while count < most and same_rows(inside[0], kernel_rows_inside(axis, first + count)):
        count += 1
    return count


cdef Py_ssize_t narrow(const Loops* loops, Part* part, Py_ssize_t row, Py_ssize_t most) noexcept nogil:
    """Leaves out kernel rows in the padding; for how many rows of windows from this one on they are the same."""
    cdef Py_ssize_t n_rows = alike(&loops.geometry.down, row, most, &part.kernel_rows)
    part.sum = sum_of_rows(&loops.sum, part.kernel_rows)
    return n_rows


cdef int correlate_part(Loops* loops, Py_ssize_t group, Py_ssize_t image, const Part* part, Py_ssize_t* counted,
                        bint watch_signals) noexcept nogil:
    """Some rows of windows in pieces, whose pixels stay in a cache for all panels."""
    cdef Py_ssize_t y = 0, x, panel, size = loops.item_bytes
    cdef int status
    cdef Part piece = part[0]
    while y < part.n_rows:
        piece.n_rows = min(part.n_rows - y, loops.piece_rows)
        x = 0
        while x < part.n_columns:
            piece.n_columns = part.n_columns - x
            if piece.n_columns >= 2 * loops.piece_columns:
                piece.n_columns = loops.piece_columns
            piece.windows = part.windows + (y * part.window_row_pitch
                                            + x * loops.rows.window_pitch) * loops.pixel_bytes
            piece.first_row, piece.first_column = part.first_row + y, part.first_column + x
            if not loops.by_panel:
                piece.responses = part.responses + (y * part.row_pitch + x * loops.rows.column_pitch) * size
            for panel in range(loops.n_panels):
                if loops.by_panel:  # all of them in one place
                    piece.responses = (part.responses
                                       - loops.panels[panel].first * loops.rows.kernel_pitch * size)
                status = correlate_rows(loops, group, &loops.panels[panel], &piece, counted, watch_signals)
                if status != DONE:
                    return status
                if loops.by_panel:
                    consume_panel(loops, group, image, &loops.panels[panel], &piece)
            x += piece.n_columns
        y += piece.n_rows
    return DONE


cdef void consume_panel(Loops* loops, Py_ssize_t group, Py_ssize_t image, const Panel* panel,
                        const Part* piece) noexcept nogil:
    """A panel's responses in a piece."""
    cdef Finished finished
    finished.image = image
    finished.first_row, finished.n_rows = piece.first_row, piece.n_rows
    finished.first_column, finished.n_columns = piece.first_column, piece.n_columns
    finished.first_kernel = group * loops.geometry.n_kernels + panel.first
    finished.n_kernels = panel.n_kernels
    finished.responses = piece.responses + panel.first * loops.rows.kernel_pitch * loops.item_bytes
    finished.row_pitch, finished.column_pitch = loops.rows.row_pitch, loops.rows.column_pitch
    finished.kernel_pitch = loops.rows.kernel_pitch
    consume(loops.routines, &loops.consumer, &finished)


cdef int correlate_rows(Loops* loops, Py_ssize_t group, const Panel* panel, const Part* part, Py_ssize_t* counted,
                        bint watch_signals) noexcept nogil:
    """One panel's responses in a piece: by one chunk of its taps after the other, which stays in a cache.

    The totals of finished blocks wait in the responses for the next chunk; compensated, beside their errors.
    """
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t n_taps = geometry.down.kernel * geometry.across.kernel * geometry.depth, size = loops.item_bytes
    cdef Py_ssize_t first = group * loops.padded_kernels + panel.offset, segment = 0, count
    cdef const char* packed = loops.packed + (first * n_taps + part.kernel_rows.first * part.sum.run
                                              * panel.width) * size
    cdef Py_ssize_t at_once = loops.chunk_taps // panel.width
    cdef Sum chunk = part.sum
    cdef int status
    if loops.factors.rank > 0:
        return correlate_by_factors(loops, group, panel, part, counted, watch_signals)
    if loops.skips_columns:
        return correlate_columns(loops, panel, part, packed, loops.bias + first * size, counted, watch_signals)
    if not waits_for_chunks(loops, panel, part):
        at_once = n_taps
    if at_once >= n_taps:
        chunk.continues = False
        return correlate_chunk(loops, &chunk, panel, part, packed, loops.bias + first * size, counted, watch_signals)
    while True:
        chunk.segments = part.sum.segments + segment
        chunk.n_segments = part.sum.n_segments - segment
        n_taps = taps_of_chunk(&chunk, at_once)
        chunk.continues = segment > 0
        chunk.waits = chunk.compensated and segment + chunk.n_segments < part.sum.n_segments
        status = correlate_chunk(loops, &chunk, panel, part, packed, loops.bias + first * size, counted, watch_signals)
        if status != DONE:
            return status
        packed += n_taps * panel.width * size
        segment += chunk.n_segments
        if segment >= part.sum.n_segments:
            return DONE


cdef inline bint waits_for_chunks(const Loops* loops, const Panel* panel, const Part* part) noexcept nogil:
    """Whether a panel's chunks are several windows', whose totals have a place to wait in."""
    cdef Py_ssize_t n_windows = part.n_rows * part.n_columns
    if part.sum.compensated:
        return FEWEST_WAITING <= n_windows <= loops.waiting_windows
    return panel.n_kernels == panel.width and n_windows >= CHUNKED_WINDOWS


cdef int correlate_columns(Loops* loops, const Panel* panel, const Part* part, const char* packed, const char* bias,
                           Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """One panel's responses in a piece, of those kernel columns that lie inside: one kernel row after the other.

    Blocks end where rows do. What is left out changes no bit, as `sum_of_rows` says.
    """
    cdef const Segment* segment = part.sum.segments
    cdef const Segment* end = segment + part.sum.n_segments
    cdef Py_ssize_t first = part.kernel_columns.first * loops.geometry.depth
    cdef Py_ssize_t past = part.kernel_columns.end * loops.geometry.depth, of_tap = panel.width * loops.item_bytes
    cdef Sum chunk = part.sum
    cdef int status
    chunk.continues = False
    while segment < end:
        while segment.first < first:
            segment += 1
        chunk.segments, chunk.n_segments = segment, 0
        while segment < end and first <= segment.first < past:  # all rows at once, if all columns lie inside
            chunk.n_segments += 1
            segment += 1
        status = correlate_chunk(loops, &chunk, panel, part, packed + first * of_tap, bias, counted, watch_signals)
        if status != DONE:
            return status
        while segment < end and segment.first >= past:
            segment += 1
        packed += part.sum.run * of_tap
        chunk.continues = True
    return DONE


cdef Py_ssize_t taps_of_chunk(Sum* chunk, Py_ssize_t most) noexcept nogil:
    """Cuts a sum after whole blocks of so many taps, if it has more than twice as many; the taps that are left."""
    cdef Py_ssize_t index, n_taps = 0, kept = 0, end = 0
    for index in range(chunk.n_segments):
        n_taps += chunk.segments[index].n_taps
        if chunk.segments[index].closes_block and (n_taps <= most or end == 0):
            kept, end = n_taps, index + 1
    if n_taps < 2 * most or end == 0:
        return n_taps
    chunk.n_segments = end
    return kept


cdef int correlate_chunk(Loops* loops, const Sum* sum, const Panel* panel, const Part* part, const char* packed,
                         const char* bias, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """One panel's responses in a piece, by some of its taps: first of rows that share rows of pixels."""
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t n_taps = geometry.down.kernel * geometry.across.kernel * geometry.depth
    cdef Py_ssize_t of_window = n_taps * panel.width
    cdef bint runs_down = loops.runs_down and part.n_rows > 1
    cdef Py_ssize_t n_rows = part.n_columns if runs_down else part.n_rows
    cdef Py_ssize_t n_columns = part.n_rows if runs_down else part.n_columns
    cdef Py_ssize_t size = loops.item_bytes, row
    cdef const char* windows = part.windows + panel.first * loops.own_pixels * size
    cdef char* responses = part.responses + panel.first * loops.rows.kernel_pitch * size
    cdef int status
    cdef Rows rows = loops.rows
    cdef CorrelateRows correlate = loops.correlate
    rows.window_row_pitch, rows.row_pitch = part.window_row_pitch, part.row_pitch
    if runs_down:
        rows.window_row_pitch, rows.window_pitch = rows.window_pitch, rows.window_row_pitch
        rows.row_pitch, rows.column_pitch = rows.column_pitch, rows.row_pitch
    if panel.width >= 4 and loops.correlate_wide != NULL:
        correlate = loops.correlate_wide
    rows.n_kernels = panel.n_kernels
    rows.width = panel.width
    rows.waiting, rows.waiting_row_pitch = part.waiting, 2 * panel.width * n_columns
    if part.sum.tap_offsets != NULL:
        windows += part.kernel_rows.first * part.sum.kernel_row_pitch * size
    if loops.sharing_rows == 1:
        rows.n_rows, rows.n_columns = n_rows, n_columns
        if is_line(sum, &rows):
            rows.n_rows, rows.n_columns = LINE_ROWS, n_columns // (LINE_ROWS * MOST_LANES) * MOST_LANES
            if 0 < n_columns - LINE_ROWS * rows.n_columns < MOST_LANES:  # the rest is read in whole vectors
                rows.n_columns -= MOST_LANES
            rows.window_row_pitch = rows.row_pitch = rows.n_columns
            row = LINE_ROWS * rows.n_columns
            status = correlate_at_once(loops, sum, &rows, correlate, windows, packed, bias, responses, of_window,
                                       counted, watch_signals)
            if status != DONE or row == n_columns:
                return status
            windows, responses = windows + row * size, responses + row * size
            rows.n_rows, rows.n_columns = 1, n_columns - row
        return correlate_at_once(loops, sum, &rows, correlate, windows, packed, bias, responses, of_window, counted,
                                 watch_signals)
    rows.window_row_pitch *= loops.sharing_rows
    rows.row_pitch *= loops.sharing_rows
    for row in range(min(loops.sharing_rows, n_rows)):
        rows.n_rows, rows.n_columns = ceiling(n_rows - row, loops.sharing_rows), n_columns
        status = correlate_at_once(loops, sum, &rows, correlate, windows + row * loops.rows.window_row_pitch * size,
                                   packed, bias, responses + row * loops.rows.row_pitch * size, of_window, counted,
                                   watch_signals)
        if status != DONE:
            return status
    return DONE


cdef inline bint is_line(const Sum* sum, const Rows* rows) noexcept nogil:
    """Whether windows are a long row of a kernel of one row: its pieces are rows, of which a tile has several.

    One row alone has fewer chains of multiply-adds than it takes to keep adders busy.
    """
    return (rows.n_rows == 1 and rows.width == 1 and rows.window_pitch == 1 and rows.column_pitch == 1
            and sum.kernel_height == 1 and sum.step == 1 and not sum.compensated
            and rows.n_columns >= LEAST_OF_LINE)


cdef int correlate_at_once(Loops* loops, const Sum* sum, const Rows* every, CorrelateRows correlate,
                           const char* windows, const char* packed, const char* bias, char* responses,
                           Py_ssize_t of_window, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """All of these rows at one go, or a few and some of their columns, with a look for signals after each.

    How they are cut depends on the whole sum alone: what waits lies as they are cut.
    """
    cdef Py_ssize_t of_chunk = of_window * sum.n_segments // max(1, loops.sum.n_segments)  # segments are about alike
    cdef Py_ssize_t rows_at_once = every.n_rows, columns_at_once = every.n_columns, y = 0, x
    cdef Py_ssize_t size = loops.item_bytes
    cdef int status
    cdef Rows rows = every[0]
    if every.n_rows * every.n_columns * of_window > SIGNAL_MULTIPLY_ADDS:  # a division takes as long as a tap
        rows_at_once = max(1, min(4, MOST_MULTIPLY_ADDS // of_window // 8),
                           SIGNAL_MULTIPLY_ADDS // of_window // every.n_columns)
        columns_at_once = max(8, min(64, MOST_MULTIPLY_ADDS // of_window // 4), SIGNAL_MULTIPLY_ADDS // of_window // 4)
    while y < every.n_rows:
        rows.n_rows = min(every.n_rows - y, rows_at_once)
        x = 0
        while x < every.n_columns:
            rows.n_columns = every.n_columns - x
            if rows.n_columns >= 2 * columns_at_once:
                rows.n_columns = columns_at_once
            if every.waiting != NULL:
                rows.waiting = <char*> every.waiting + (y * every.waiting_row_pitch + 2 * x * every.width) * size
            correlate(sum, &rows, windows + x * rows.window_pitch * size, packed, bias,
                      responses + x * rows.column_pitch * size)
            x += rows.n_columns
            counted[0] += rows.n_rows * rows.n_columns * of_chunk
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
        y += rows.n_rows
        windows += rows.n_rows * rows.window_row_pitch * size
        responses += rows.n_rows * rows.row_pitch * size
    return DONE


cdef inline bint same_rows(KernelRows one, KernelRows other) noexcept nogil:
    return one.first == other.first and one.end == other.end


cdef inline KernelRows kernel_rows_inside(const Axis* down, Py_ssize_t row) noexcept nogil:
    """The kernel rows that a row of windows has inside of the image; one of its own where there is none."""
    cdef KernelRows inside
    cdef Py_ssize_t above = down.before - row * down.stride  # rows of padding above the image
    inside.first = ceiling(above, down.dilation) if above > 0 else 0
    inside.end = min(down.kernel, (down.length - 1 + above) // down.dilation + 1) if down.length + above > 0 else 0
    if inside.first >= inside.end:
        inside.first, inside.end = 0, 1
    return inside


cdef inline Sum sum_of_rows(const Sum* sum, KernelRows inside) noexcept nogil:
    """The sum of some kernel rows: the panel begins with the first of them, and over columns the windows do.

    What is left out is zeros times finite taps. Added to a chain that begins with +0, or to a total that is not -0, it
    would change no bit.
    """
    cdef Sum some = sum[0]
    cdef Py_ssize_t in_row = sum.n_segments // sum.kernel_height
    some.kernel_height = inside.end - inside.first
    some.segments = sum.segments + inside.first * in_row
    some.n_segments = some.kernel_height * in_row
    some.first_in_block = inside.first % sum.rows_per_block
    return some


cdef inline bint follows_on(const Rows* rows, Py_ssize_t n_columns) noexcept nogil:
    """Whether the rows of windows lie one behind the other like columns, and so do those of responses."""
    return (rows.window_row_pitch == n_columns * rows.window_pitch
            and rows.row_pitch == n_columns * rows.column_pitch)

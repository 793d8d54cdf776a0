# Lanes over kernels, of long sums: the totals of their blocks carry along what their additions lose. What a tap is and
# how tiles end is in over_kernels.pxi, behind which this file is included.
#
# Totals and errors of a tile are in memory while it is done, so that registers are left for its sums. A sum may be done
# by some of its taps after the other: what it has come to then waits in memory that the caller has. So a panel that
# exceeds the second cache is read from behind it once for some dozens of windows, and not for each tile of them.

from libc.string cimport memcpy
from microkernels cimport Rows, Segment, Sum, real
from simd cimport a_zero, opaque
from vectors cimport broadcast, close_block, n_lanes, total_of, vector

cdef enum:
    MOST_WINDOWS = 4  # of a tile
    MOST_THIRDS = 2   # pointers to its windows


cdef inline void tile_of_long_sums(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* waiting, real* response, Py_ssize_t n_columns,
                                   Py_ssize_t n_vectors, vector like) noexcept nogil:
    """A tile of `tile_over_kernels`; where it is not done at one go, its totals wait, and behind them its errors."""
    cdef vector[3 * MOST_WINDOWS] sums, totals, errors
    cdef vector zero = broadcast(a_zero, like)
    cdef const char* thirds[MOST_THIRDS]
    cdef Py_ssize_t lanes = n_lanes(like), pitch_bytes = rows.window_pitch * <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t tap_bytes = sum.channel_pitch * <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t n_taps, column, part, n_sums = n_columns * n_vectors
    cdef const Segment* segment = sum.segments
    cdef const Segment* last = sum.segments + sum.n_segments - 1
    cdef bint begins = True
    if sum.continues:
        memcpy(totals, waiting, n_sums * sizeof(vector))
        memcpy(errors, waiting + n_sums * lanes, n_sums * sizeof(vector))
    else:
        begin_totals(rows, bias, response, totals, n_columns, n_vectors, False, like)
        for part in range(n_sums):
            errors[part] = zero
    for part in range(n_sums):
        sums[part] = zero
    while True:
        thirds[0] = <const char*> opaque(image + segment.offset)
        for part in range(1, (n_columns + 2) // 3):
            thirds[part] = <const char*> opaque(thirds[part - 1] + 3 * pitch_bytes)
        n_taps = segment.n_taps
        if begins:
            add_tap(thirds, pitch_bytes, panel, sums, n_columns, n_vectors, True, like)
            next_tap(thirds, n_columns, tap_bytes)
            panel += n_vectors * lanes
            n_taps -= 1
        while n_taps > 0:
            add_tap(thirds, pitch_bytes, panel, sums, n_columns, n_vectors, False, like)
            next_tap(thirds, n_columns, tap_bytes)
            panel += n_vectors * lanes
            n_taps -= 1
        begins = segment.closes_block
        if begins or segment == last:
            close_block(sums, totals, errors, n_sums, True, False, like)
        if segment == last:
            break
        segment += 1
    if sum.waits:
        memcpy(waiting, totals, n_sums * sizeof(vector))
        memcpy(waiting + n_sums * lanes, errors, n_sums * sizeof(vector))
        return
    for part in range(n_sums):
        totals[part] = total_of(totals, errors, part, True)
    if rows.n_kernels < n_vectors * lanes:
        store_in_part(rows, totals, response, n_columns, n_vectors)
        return
    for column in range(n_columns):
        for part in range(n_vectors):
            (<vector*> (response + part * lanes))[0] = totals[column * n_vectors + part]
        response += rows.column_pitch


cdef inline void some_long_sums(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                const real* bias, real* waiting, real* response, Py_ssize_t n_columns,
                                Py_ssize_t n_vectors, vector like) noexcept nogil:
    """Any number of columns up to a tile's, as a tile of that literal size."""
    if n_columns == 1:
        tile_of_long_sums(sum, rows, image, panel, bias, waiting, response, 1, n_vectors, like)
    elif n_columns == 2:
        tile_of_long_sums(sum, rows, image, panel, bias, waiting, response, 2, n_vectors, like)
    elif n_columns == 3:
        tile_of_long_sums(sum, rows, image, panel, bias, waiting, response, 3, n_vectors, like)
    else:
        tile_of_long_sums(sum, rows, image, panel, bias, waiting, response, 4, n_vectors, like)


cdef inline void long_sums_of_panel(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t n_vectors,
                                    vector like) noexcept nogil:
    """All rows with a panel of some literal number of vectors, each in tiles as equal as can be."""
    cdef Py_ssize_t n_tiles = (rows.n_columns + MOST_WINDOWS - 1) // MOST_WINDOWS, row, tile, first, n_columns
    cdef Py_ssize_t of_window = 2 * n_vectors * n_lanes(like)
    cdef bint waits = sum.waits or sum.continues
    cdef real* waiting = <real*> rows.waiting
    for row in range(rows.n_rows):
        first = 0
        for tile in range(n_tiles):
            n_columns = (rows.n_columns - first + n_tiles - tile - 1) // (n_tiles - tile)
            some_long_sums(sum, rows, image + first * rows.window_pitch, panel, bias,
                           waiting + first * of_window if waits else NULL,
                           response + first * rows.column_pitch, n_columns, n_vectors, like)
            first += n_columns
        image += rows.window_row_pitch
        response += rows.row_pitch
        if waits:
            waiting += rows.waiting_row_pitch


cdef inline void long_sums_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                        const real* bias, real* response, vector like) noexcept nogil:
    if rows.width == n_lanes(like):
        long_sums_of_panel(sum, rows, image, panel, bias, response, 1, like)
    elif rows.width == 2 * n_lanes(like):
        long_sums_of_panel(sum, rows, image, panel, bias, response, 2, like)
    else:
        long_sums_of_panel(sum, rows, image, panel, bias, response, 3, like)

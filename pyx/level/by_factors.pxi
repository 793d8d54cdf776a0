# Kernels by their factors, lanes over columns: rows of taps are summed first, for a stripe of columns and some rows of
# pixels, into vectors that stay in the first cache, and columns of taps over these. What the next rows of windows have
# in common with the last ones is moved, not summed again. Stripes are as wide as there is room for beside some rows at
# once: rows are read and written along.
#
# A tile is 4 rows x 3 vectors, of either pass: each vector that is loaded feeds one multiply-add. Sums are cut into
# blocks as sums over columns are.
#
# Beside stripes of three vectors and tiles of 2 rows, with padding at the borders, microseconds: 5x5 on 480x640 from
# 396 to 291, 13x13 from 656 to 538, on 1080p from 2680 to 1880 and 4280 to 3420, 25x25 from 6640 to 6060; with 12 KiB
# on 1080p 2400, 4070 and 6510 (level v3, one worker, 2026-11-29, AMD EPYC, Zen 3).

from libc.string cimport memmove

from microkernels cimport Factors, Rows, Sum, real
from simd cimport TILE_ACCUMULATORS, TILE_VECTORS, a_zero, in_memory, opaque, prefetch, prefetch_to_write
from vectors cimport broadcast, n_lanes, store_lanes, vector


cdef enum:
    STRIPE_VECTORS = 1024  # of sums of rows of taps, of all ranks
    NEAR_BYTES = 24576     # of them, if three vectors suffice for a row: what stays in the first cache
    MOST_LITERAL = 9       # taps
    FEW_VECTORS = 4        # of a tile of these
    ROWS_AHEAD = 2         # that are fetched
    LEAST_AT_ONCE = 16     # rows of windows, if there are so many, of which the last ones' pixels are moved

# The taps of one pass: lines of them, whose pixels lie `line_pitch` apart.
cdef struct Pass:
    Py_ssize_t n_lines, n_taps, block
    Py_ssize_t line_pitch, row_pitch  # of what is summed, in elements
    const Py_ssize_t* places          # of a line's taps; NULL: `tap_pitch` apart
    Py_ssize_t tap_pitch
    Py_ssize_t target_pitch           # from row to row
    bint reads_on                     # whether the next rows' pixels are fetched, and not their responses


cdef inline void tile_of_pass(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                              Py_ssize_t n_columns, Py_ssize_t n_rows, Py_ssize_t n_vectors, vector* watch,
                              vector like) noexcept nogil:
    """One tile, of which `n_columns` columns are stored; of all blocks but the last one totals are kept in memory.

    With a `watch`, zeros are added to that, and what is no number where a total is not finite.
    """
    cdef vector[TILE_ACCUMULATORS] sums, totals
    cdef vector zero = broadcast(a_zero, like), tap_of_all
    cdef vector[TILE_VECTORS] found
    cdef Py_ssize_t line, tap, end, row, part, index, lanes = n_lanes(like)
    cdef bint kept = False
    cdef const real* place
    for index in range(n_rows * n_vectors):
        sums[index] = zero
    if own.reads_on and n_rows > 1:
        for row in range(n_rows):
            prefetch(pixels + (n_rows + row) * own.row_pitch)
            prefetch(pixels + (n_rows + row) * own.row_pitch + n_vectors * lanes)
    if not own.reads_on and n_rows > 1:
        for row in range(n_rows):
            prefetch_to_write(target + (n_rows + row) * own.target_pitch)
            prefetch_to_write(target + (n_rows + row) * own.target_pitch + n_vectors * lanes)
    for line in range(own.n_lines):
        tap = 0
        while tap < own.n_taps:
            if line > 0 or tap > 0:
                in_memory(totals)
                for index in range(n_rows * n_vectors):
                    totals[index] = (totals[index] if kept else start) + sums[index]
                    sums[index] = zero
                kept = True
            end = min(tap + own.block, own.n_taps)
            while tap < end:
                tap_of_all = broadcast(taps[tap], like)
                place = pixels + (tap * own.tap_pitch if own.places == NULL else own.places[tap])
                for row in range(n_rows):
                    place = <const real*> opaque(place)
                    for part in range(n_vectors):
                        sums[row * n_vectors + part] = sums[row * n_vectors + part] + (
                            tap_of_all * (<const vector*> place)[part])
                    place += own.row_pitch
                tap += 1
        pixels += own.line_pitch
        taps += own.n_taps
    for part in range(n_vectors):
        found[part] = zero
    for row in range(n_rows):
        for part in range(n_vectors):
            index = row * n_vectors + part
            sums[index] = (totals[index] if kept else start) + sums[index]
            if watch != NULL:
                found[part] = found[part] + sums[index] * zero
            if n_vectors == 1:
                store_lanes(target, sums[index], 0, n_columns)
            else:
                (<vector*> (target + part * lanes))[0] = sums[index]
        target += own.target_pitch
    if watch != NULL:
        for part in range(n_vectors):
            watch[0] = watch[0] + found[part]


cdef inline void rows_of_pass(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                              Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_columns, Py_ssize_t n_rows,
                              Py_ssize_t n_vectors, vector* watch, vector like) noexcept nogil:
    """Rows [first, end) of a stripe; the last tiles move up, and left, and may lie over those before."""
    cdef Py_ssize_t row = first, x, left, width = n_vectors * n_lanes(like)
    while row < end:
        row = min(row, end - n_rows)
        x = 0
        while x < n_columns:
            left = max(0, min(x, n_columns - width))
            tile_of_pass(own, pixels + row * own.row_pitch + left, taps, start, target + row * own.target_pitch + left,
                         n_columns - left, n_rows, n_vectors, watch, like)
            x += width
        row += n_rows


cdef void rows_of_four(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                       Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_columns, vector* watch,
                       vector like) noexcept nogil:
    rows_of_pass(own, pixels, taps, start, target, first, end, n_columns, 4, TILE_VECTORS, watch, like)


cdef void rows_of_one(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                      Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_columns, vector* watch,
                      vector like) noexcept nogil:
    rows_of_pass(own, pixels, taps, start, target, first, end, n_columns, 1, TILE_VECTORS, watch, like)


cdef void rows_of_few(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                      Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_columns, vector* watch,
                      vector like) noexcept nogil:
    rows_of_pass(own, pixels, taps, start, target, first, end, n_columns, 1, 1, watch, like)


cdef void rows_of_eight(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                        Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_columns, vector* watch,
                        vector like) noexcept nogil:
    rows_of_pass(own, pixels, taps, start, target, first, end, n_columns, 8, 1, watch, like)


cdef inline void rows_of_taps(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                              Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_columns, Py_ssize_t n_taps,
                              vector* watch, vector like) noexcept nogil:
    """Rows [first, end) of a stripe, one after the other. A literal number of taps stays in registers."""
    cdef vector[MOST_LITERAL] of_all
    cdef vector[FEW_VECTORS] sums, found
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t row, x, left, part, tap, lanes = n_lanes(like)
    cdef const real* place
    cdef real* response
    for tap in range(n_taps):
        of_all[tap] = broadcast(taps[tap], like)
    for part in range(FEW_VECTORS):
        found[part] = zero
    for row in range(first, end):
        x = 0
        while x < n_columns:
            left = min(x, n_columns - FEW_VECTORS * lanes)
            place = pixels + row * own.row_pitch + left
            for part in range(FEW_VECTORS):
                sums[part] = zero + of_all[0] * (<const vector*> place)[part]
            for tap in range(1, n_taps):
                place += own.tap_pitch
                for part in range(FEW_VECTORS):
                    sums[part] = sums[part] + of_all[tap] * (<const vector*> place)[part]
            response = target + row * own.target_pitch + left
            if own.reads_on:
                prefetch(pixels + (row + ROWS_AHEAD) * own.row_pitch + left)
                prefetch(pixels + (row + ROWS_AHEAD) * own.row_pitch + left + 2 * lanes)
            else:
                prefetch_to_write(response + own.target_pitch)
                prefetch_to_write(response + own.target_pitch + 2 * lanes)
            for part in range(FEW_VECTORS):
                sums[part] = start + sums[part]
                if watch != NULL:
                    found[part] = found[part] + sums[part] * zero
                (<vector*> (response + part * lanes))[0] = sums[part]
            x += FEW_VECTORS * lanes
    if watch != NULL:
        for part in range(FEW_VECTORS):
            watch[0] = watch[0] + found[part]


cdef bint rows_of_literal_taps(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                               Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_columns, vector* watch,
                               vector like) noexcept nogil:
    """Whether there are such rows."""
    if own.n_lines > 1 or own.block < own.n_taps or own.places != NULL or n_columns < FEW_VECTORS * n_lanes(like):
        return False
    if own.n_taps == 3:
        rows_of_taps(own, pixels, taps, start, target, first, end, n_columns, 3, watch, like)
    elif own.n_taps == 5:
        rows_of_taps(own, pixels, taps, start, target, first, end, n_columns, 5, watch, like)
    elif own.n_taps == 7:
        rows_of_taps(own, pixels, taps, start, target, first, end, n_columns, 7, watch, like)
    elif own.n_taps == 9:
        rows_of_taps(own, pixels, taps, start, target, first, end, n_columns, 9, watch, like)
    else:
        return False
    return True


cdef inline void rows_of_stripe(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                                Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_columns, vector* watch,
                                vector like) noexcept nogil:
    cdef bint is_narrow = n_columns < TILE_VECTORS * n_lanes(like)
    if rows_of_literal_taps(own, pixels, taps, start, target, first, end, n_columns, watch, like):
        return
    if is_narrow and end - first >= 8:
        rows_of_eight(own, pixels, taps, start, target, first, end, n_columns, watch, like)
    elif is_narrow:
        rows_of_few(own, pixels, taps, start, target, first, end, n_columns, watch, like)
    elif end - first >= 4:
        rows_of_four(own, pixels, taps, start, target, first, end, n_columns, watch, like)
    else:
        rows_of_one(own, pixels, taps, start, target, first, end, n_columns, watch, like)


cdef void stripe_by_factors(const Sum* sum, const Rows* rows, const Factors* factors, const real* image,
                            const real* taps, vector start, real* response, Py_ssize_t n_columns,
                            Py_ssize_t most, vector* watch, vector like) noexcept nogil:
    """All rows of windows of some columns, at most `most` of them at once."""
    cdef vector[STRIPE_VECTORS] stripe
    cdef vector zero = broadcast(a_zero, like)
    cdef real* between = <real*> stripe
    cdef Py_ssize_t height = sum.kernel_height, rank = factors.rank, y = 0, filled = 0, needed, n_rows, index
    cdef Py_ssize_t width = vectors_of(n_columns, like) * n_lanes(like)
    cdef Py_ssize_t of_rank = STRIPE_VECTORS * n_lanes(like) // rank // width * width, step = step_of(sum, rows)
    cdef Pass along, down
    along.row_pitch = sum.kernel_row_pitch
    if height == 1:
        along.row_pitch = rows.window_row_pitch
    along.n_lines, along.n_taps, along.block, along.line_pitch = 1, sum.run, factors.row_block, 0
    along.places, along.tap_pitch = NULL, sum.step
    if sum.step == 0:
        along.places = sum.tap_offsets
    along.target_pitch = width
    along.reads_on, down.reads_on = True, False
    down.n_lines, down.n_taps, down.block, down.line_pitch = rank, height, factors.column_block, of_rank
    down.places, down.tap_pitch, down.row_pitch = NULL, width, step * width
    down.target_pitch = rows.row_pitch
    while y < rows.n_rows:
        n_rows = min(most, rows.n_rows - y)
        needed = (n_rows - 1) * step + height
        for index in range(rank):
            rows_of_stripe(&along, image, taps + index * sum.run, zero, between + index * of_rank, filled, needed,
                           max(n_columns, n_lanes(like)), NULL, like)
        rows_of_stripe(&down, between, taps + rank * sum.run, start, response, 0, n_rows, n_columns, watch, like)
        y += n_rows
        filled = max(needed - n_rows * step, 0)
        if y < rows.n_rows and filled > 0:
            for index in range(rank):
                memmove(between + index * of_rank, between + index * of_rank + n_rows * step * width,
                        filled * width * sizeof(real))
        image += n_rows * step * along.row_pitch
        response += n_rows * rows.row_pitch


cdef inline Py_ssize_t vectors_of(Py_ssize_t n_columns, vector like) noexcept nogil:
    return (n_columns + n_lanes(like) - 1) // n_lanes(like)


cdef inline Py_ssize_t step_of(const Sum* sum, const Rows* rows) noexcept nogil:
    """Rows of sums of rows of taps from one row of windows to the next."""
    if rows.n_rows > 1 and sum.kernel_height > 1:
        return rows.window_row_pitch // sum.kernel_row_pitch
    return 1


cdef bint rows_by_factors(const Sum* sum, const Rows* rows, const Factors* factors, const real* image,
                          const real* taps, const real* bias, real* response, vector like) noexcept nogil:
    """Stripes about as wide as each other, of as many columns as there is room for beside some rows at once.

    Whether all responses are finite.
    """
    cdef Py_ssize_t height = sum.kernel_height, step = step_of(sum, rows), x = 0, n_columns
    cdef Py_ssize_t at_once = 1 if step > height else min(rows.n_rows, max(LEAST_AT_ONCE, height // step))
    cdef Py_ssize_t needed = (at_once - 1) * step + height
    cdef Py_ssize_t room = min(STRIPE_VECTORS, NEAR_BYTES // <Py_ssize_t> sizeof(vector)) // factors.rank
    cdef Py_ssize_t of_rank = STRIPE_VECTORS // factors.rank
    cdef Py_ssize_t most = max(TILE_VECTORS, room // needed // TILE_VECTORS * TILE_VECTORS)
    cdef vector watch = broadcast(a_zero, like)
    cdef bint is_finite = True
    cdef Py_ssize_t lane, n_vectors = vectors_of(rows.n_columns, like), n_stripes = (n_vectors + most - 1) // most
    n_vectors = (n_vectors + n_stripes - 1) // n_stripes
    if n_stripes > 1:
        n_vectors = (n_vectors + TILE_VECTORS - 1) // TILE_VECTORS * TILE_VECTORS
    while x < rows.n_columns:
        n_columns = min(n_vectors * n_lanes(like), rows.n_columns - x)
        stripe_by_factors(sum, rows, factors, image + x, taps, broadcast(bias[0], like), response + x, n_columns,
                          max(1, min(at_once, (of_rank // vectors_of(n_columns, like) - height) // step + 1)), &watch,
                          like)
        x += n_columns
    for lane in range(n_lanes(like)):
        is_finite = is_finite and (<real*> &watch)[lane] == 0
    return is_finite

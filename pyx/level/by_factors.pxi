# Kernels by their factors, lanes over columns: rows of taps are summed first, for a stripe of columns and some rows of
# pixels, into vectors that stay in the first cache, and columns of taps over these. What the next rows of windows have
# in common with the last ones is moved, not summed again. The pixels of the next stripe are fetched meanwhile: their
# rows lie in more pages than processors look ahead in.
#
# A tile is 4 rows, or 2 where registers are few, x 3 vectors, of either pass: each vector that is loaded feeds one
# multiply-add. Sums are cut into blocks as sums over columns are.

from libc.string cimport memmove

from microkernels cimport Factors, Rows, Sum, real
from simd cimport REGISTERS, TILE_ACCUMULATORS, TILE_VECTORS, a_zero, opaque, prefetch, prefetch_to_write
from vectors cimport broadcast, close_block, n_lanes, store_lanes, vector


cdef enum:
    STRIPE_VECTORS = 1024  # of sums of rows of taps, of all ranks
    LEAST_AT_ONCE = 32     # rows of windows, if there are so many, of which the last ones' pixels are moved

# The taps of one pass: lines of them, whose pixels lie `line_pitch` apart.
cdef struct Pass:
    Py_ssize_t n_lines, n_taps, block
    Py_ssize_t line_pitch, row_pitch  # of what is summed, in elements
    const Py_ssize_t* places          # of a line's taps; NULL: `tap_pitch` apart
    Py_ssize_t tap_pitch
    Py_ssize_t target_pitch           # from row to row
    Py_ssize_t n_columns              # that are stored
    Py_ssize_t fetched, written       # elements from pixels, and from responses, to those of the next stripe; or 0


cdef inline void tile_of_pass(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                              Py_ssize_t n_rows, Py_ssize_t n_vectors, vector like) noexcept nogil:
    cdef vector[TILE_ACCUMULATORS] sums, totals
    cdef vector zero = broadcast(a_zero, like), tap_of_all
    cdef Py_ssize_t line, tap, end, place, row, part, lanes = n_lanes(like)
    cdef const real* row_of_pixels
    for part in range(n_rows * n_vectors):
        sums[part], totals[part] = zero, start
        row, place = part // n_vectors, part % n_vectors * lanes
        if own.fetched:
            prefetch(pixels + row * own.row_pitch + own.fetched + place)
        if own.written:
            prefetch_to_write(target + row * own.target_pitch + own.written + place)
    for line in range(own.n_lines):
        tap = 0
        while tap < own.n_taps:
            end = min(tap + own.block, own.n_taps)
            while tap < end:
                place = tap * own.tap_pitch if own.places == NULL else own.places[tap]
                tap_of_all = broadcast(taps[tap], like)
                for row in range(n_rows):
                    row_of_pixels = <const real*> opaque(pixels + row * own.row_pitch + place)
                    for part in range(n_vectors):
                        sums[row * n_vectors + part] = sums[row * n_vectors + part] + (
                            tap_of_all * (<const vector*> row_of_pixels)[part])
                tap += 1
            close_block(sums, totals, totals, n_rows * n_vectors, False, REGISTERS == 32, like)
        pixels += own.line_pitch
        taps += own.n_taps
    for row in range(n_rows):
        for part in range(n_vectors):
            store_lanes(target + row * own.target_pitch, totals[row * n_vectors + part], part * lanes, own.n_columns)


cdef inline void rows_of_pass(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                              Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_vectors, vector like) noexcept nogil:
    """Rows [first, end) of a stripe; the last tile moves up where they are not as many as tiles have."""
    cdef Py_ssize_t n_rows = 4 if REGISTERS == 32 else 2, row = first, top
    while row < end:
        if end - first >= n_rows:
            top = min(row, end - n_rows)
            tile_of_pass(own, pixels + top * own.row_pitch, taps, start, target + top * own.target_pitch,
                         4 if REGISTERS == 32 else 2, n_vectors, like)
            row += n_rows
        else:
            tile_of_pass(own, pixels + row * own.row_pitch, taps, start, target + row * own.target_pitch, 1, n_vectors,
                         like)
            row += 1


cdef void rows_of_three(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                        Py_ssize_t first, Py_ssize_t end, vector like) noexcept nogil:
    rows_of_pass(own, pixels, taps, start, target, first, end, TILE_VECTORS, like)


cdef void rows_of_one(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                      Py_ssize_t first, Py_ssize_t end, vector like) noexcept nogil:
    rows_of_pass(own, pixels, taps, start, target, first, end, 1, like)


cdef inline void rows_of_stripe(const Pass* own, const real* pixels, const real* taps, vector start, real* target,
                                Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_vectors, vector like) noexcept nogil:
    if n_vectors == TILE_VECTORS:
        rows_of_three(own, pixels, taps, start, target, first, end, like)
    else:
        rows_of_one(own, pixels, taps, start, target, first, end, like)


cdef void stripe_by_factors(const Sum* sum, const Rows* rows, const Factors* factors, const real* image,
                            const real* taps, vector start, real* response, Py_ssize_t n_vectors,
                            Py_ssize_t n_columns, vector like) noexcept nogil:
    """All rows of windows of some vectors of columns, of which `n_columns` are stored."""
    cdef vector[STRIPE_VECTORS] stripe
    cdef vector zero = broadcast(a_zero, like)
    cdef real* between = <real*> stripe
    cdef Py_ssize_t height = sum.kernel_height, rank = factors.rank, y = 0, filled = 0, needed, n_rows, index
    cdef Py_ssize_t width = n_vectors * n_lanes(like), of_rank = STRIPE_VECTORS // (n_vectors * rank) * width
    cdef Py_ssize_t step = 1, most
    cdef Pass along, down
    along.row_pitch = sum.kernel_row_pitch
    if rows.n_rows > 1 and height > 1:
        step = rows.window_row_pitch // sum.kernel_row_pitch
    if height == 1:
        along.row_pitch = rows.window_row_pitch
    most = 1 if step > height else min(max(LEAST_AT_ONCE, height), (of_rank // width - height) // step + 1)
    along.n_lines, along.n_taps, along.block, along.line_pitch = 1, sum.run, factors.row_block, 0
    along.places, along.tap_pitch = NULL, 1
    if not sum.dense:
        along.places = sum.tap_offsets
    along.target_pitch = along.n_columns = width
    down.n_lines, down.n_taps, down.block, down.line_pitch = rank, height, factors.column_block, of_rank
    down.places, down.tap_pitch, down.row_pitch = NULL, width, step * width
    down.target_pitch, down.n_columns = rows.row_pitch, n_columns
    along.fetched, along.written, down.fetched, down.written = width + sum.run, 0, 0, width
    while y < rows.n_rows:
        n_rows = min(most, rows.n_rows - y)
        needed = (n_rows - 1) * step + height
        for index in range(rank):
            rows_of_stripe(&along, image, taps + index * sum.run, zero, between + index * of_rank, filled, needed,
                           n_vectors, like)
        rows_of_stripe(&down, between, taps + rank * sum.run, start, response, 0, n_rows, n_vectors, like)
        y += n_rows
        filled = max(needed - n_rows * step, 0)
        if y < rows.n_rows and filled > 0:
            for index in range(rank):
                memmove(between + index * of_rank, between + index * of_rank + n_rows * step * width,
                        filled * width * sizeof(real))
        image += n_rows * step * along.row_pitch
        response += n_rows * rows.row_pitch


cdef void rows_by_factors(const Sum* sum, const Rows* rows, const Factors* factors, const real* image,
                          const real* taps, const real* bias, real* response, vector like) noexcept nogil:
    """Stripes of equal width; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t lanes = n_lanes(like), x = 0, first
    cdef Py_ssize_t n_vectors = TILE_VECTORS if rows.n_columns >= TILE_VECTORS * lanes else 1
    cdef vector start = broadcast(bias[0], like)
    while x < rows.n_columns:
        first = max(0, min(x, rows.n_columns - n_vectors * lanes))
        stripe_by_factors(sum, rows, factors, image + first, taps, start, response + first, n_vectors,
                          rows.n_columns - first, like)
        x += n_vectors * lanes

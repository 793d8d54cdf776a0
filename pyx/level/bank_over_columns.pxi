# Lanes over columns, for banks of kernels.
#
# Channels lie in planes. A tile is 4 kernels x up to 3 vectors of columns, or 6 kernels x up to 4 with 32 registers.
# For each tap it loads its vectors of pixels once and broadcasts a tap for each kernel. Where blocks are short it has
# only 2, which leaves registers for the totals: adding 24 sums to totals in memory takes as long as 4 taps.
# Share of the peak, one worker: 73 % for 27 taps on 192x192, 77 % for 64 channels of 1x1 (2026-11-26, AMD EPYC (Zen 5),
# level v4, benchmarks/bench.py --only vgg_first_nchw pw_56_nchw).

from microkernels cimport Rows, Segment, Sum, real
from simd cimport REGISTERS, TILE_ACCUMULATORS, a_zero, opaque
from vectors cimport SHORT_BLOCK, broadcast, close_block, n_lanes, store_lanes, times, vector


cdef inline void add_tap_of_bank(const real* pixels, Py_ssize_t part_pitch, Py_ssize_t overlap, const real* panel,
                                 vector* sums, Py_ssize_t n_kernels, Py_ssize_t n_parts, vector like) noexcept nogil:
    """One tap of each kernel in all columns of the tile."""
    cdef vector[4] columns
    cdef Py_ssize_t kernel, part
    pixels = <const real*> opaque(pixels)
    for part in range(n_parts):
        columns[part] = (<const vector*> (pixels + part * part_pitch - (overlap if part == n_parts - 1 else 0)))[0]
    for kernel in range(n_kernels):
        for part in range(n_parts):
            sums[kernel * n_parts + part] = sums[kernel * n_parts + part] + times(panel[kernel], columns[part])


cdef inline void tile_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                              real* response, Py_ssize_t n_kernels, Py_ssize_t n_parts, Py_ssize_t n_columns,
                              bint by_rows, vector like) noexcept nogil:
    """One tile, whose parts are vectors of a row, or rows of one vector; `n_kernels` and `n_parts` are literal.

    `n_columns` are stored. The last vector of a row ends with it, and may lie over the one before.
    """
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t lanes = n_lanes(like), kernel, part, tap, overlap = 0, n_kept = n_columns
    cdef Py_ssize_t part_pitch = rows.window_row_pitch if by_rows else lanes
    cdef Py_ssize_t stored_pitch = rows.row_pitch if by_rows else lanes
    cdef const Segment* segment = sum.segments
    cdef const Segment* last = sum.segments + sum.n_segments - 1
    cdef const Py_ssize_t* offsets
    cdef const real* taps
    cdef real* target
    if n_parts > 1 and not by_rows:
        overlap, n_kept = max(0, n_parts * lanes - n_columns), lanes
    for kernel in range(n_kernels):
        for part in range(n_parts):
            sums[kernel * n_parts + part] = zero
            totals[kernel * n_parts + part] = broadcast(bias[kernel], like)
    while True:
        taps = image + segment.offset - sum.segments.offset
        offsets = sum.tap_offsets + segment.first
        for tap in range(segment.n_taps):
            add_tap_of_bank(taps + offsets[tap], part_pitch, overlap, panel, sums, n_kernels, n_parts, like)
            panel += n_kernels
        if segment == last:
            break  # its block is added on the way to the response
        if segment.closes_block:
            close_block(sums, totals, errors, n_kernels * n_parts, False,
                        REGISTERS == 32 and n_kernels * n_parts <= 12, like)
        segment += 1
    for kernel in range(n_kernels - 1, -1, -1):  # the last one that exists overwrites those that do not
        target = response + min(kernel, rows.n_kernels - 1) * rows.kernel_pitch
        for part in range(n_parts):
            store_lanes(target + part * stored_pitch - (overlap if part == n_parts - 1 else 0),
                        totals[kernel * n_parts + part] + sums[kernel * n_parts + part], 0, n_kept)


cdef inline void some_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                              real* response, Py_ssize_t n_kernels, Py_ssize_t n_parts, Py_ssize_t n_columns,
                              bint by_rows, vector like) noexcept nogil:
    """A tile of some literal number of parts."""
    if n_parts == 1:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 1, n_columns, by_rows, like)
    elif n_parts == 2:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 2, n_columns, by_rows, like)
    elif n_parts == 3:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 3, n_columns, by_rows, like)
    elif n_kernels == 6:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 4, n_columns, by_rows, like)


cdef inline Py_ssize_t most_parts(const Sum* sum, Py_ssize_t n_kernels) noexcept nogil:
    """Parts of a tile; as few as leave registers for the totals where blocks are short."""
    if n_kernels != 6:
        return 3
    return 2 if sum.n_segments > 1 and sum.run * sum.rows_per_block < SHORT_BLOCK * sum.pieces else 4


cdef inline void row_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                             real* response, Py_ssize_t n_kernels, vector like) noexcept nogil:
    """A row of tiles of equal width; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t lanes = n_lanes(like), most = most_parts(sum, n_kernels), tile, first
    cdef Py_ssize_t n_vectors = (rows.n_columns + lanes - 1) // lanes
    cdef Py_ssize_t n_tiles = (n_vectors + most - 1) // most
    n_vectors = (n_vectors + n_tiles - 1) // n_tiles
    for tile in range(n_tiles):
        first = max(0, min(tile * n_vectors * lanes, rows.n_columns - n_vectors * lanes))
        some_of_bank(sum, rows, image + first, panel, bias, response + first, n_kernels, n_vectors,
                     rows.n_columns - first, False, like)


cdef inline void all_rows_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                  const real* bias, real* response, Py_ssize_t n_kernels, vector like) noexcept nogil:
    """Row by row, or several at once where each is one vector at most; the last ones may lie over those before."""
    cdef Py_ssize_t y = 0, n_rows = min(rows.n_rows, most_parts(sum, n_kernels))
    if rows.n_columns > n_lanes(like):
        n_rows = 1
    while y < rows.n_rows:
        y = min(y, rows.n_rows - n_rows)
        if n_rows == 1:
            row_of_bank(sum, rows, image + y * rows.window_row_pitch, panel, bias, response + y * rows.row_pitch,
                        n_kernels, like)
        else:
            some_of_bank(sum, rows, image + y * rows.window_row_pitch, panel, bias, response + y * rows.row_pitch,
                         n_kernels, n_rows, rows.n_columns, True, like)
        y += n_rows


cdef inline void rows_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                              real* response, vector like) noexcept nogil:
    if REGISTERS == 32 and rows.width == 6:
        all_rows_of_bank(sum, rows, image, panel, bias, response, 6, like)
    else:
        all_rows_of_bank(sum, rows, image, panel, bias, response, 4, like)

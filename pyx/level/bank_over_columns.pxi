# Lanes over columns, for banks of kernels.
#
# Channels lie in planes. A tile is 4 kernels x up to 3 vectors of columns, or 6 kernels x up to 4 with 32 registers.
# For each tap it loads its vectors of pixels once and broadcasts a tap for each kernel. Where blocks are short it has
# only 2 vectors, which leaves registers for the totals: adding 24 sums to totals in memory takes as long as 4 taps.
# Share of the peak, one worker: 73 % for 27 taps on 192x192, 77 % for 64 channels of 1x1 (2026-11-26, AMD EPYC (Zen 5),
# level v4, benchmarks/bench.py --only vgg_first_nchw pw_56_nchw).

from microkernels cimport Rows, Segment, Sum, real
from simd cimport REGISTERS, TILE_ACCUMULATORS, a_zero, opaque
from vectors cimport SHORT_BLOCK, broadcast, close_block, n_lanes, store_lanes, times, vector


cdef inline void add_tap_of_bank(const real* pixels, Py_ssize_t overlap, const real* panel, vector* sums,
                                 Py_ssize_t n_kernels, Py_ssize_t n_vectors, vector like) noexcept nogil:
    """One tap of each kernel in all columns of the tile."""
    cdef vector[4] columns
    cdef Py_ssize_t kernel, part
    pixels = <const real*> opaque(pixels)
    for part in range(n_vectors):
        columns[part] = (<const vector*> (pixels - (overlap if part == n_vectors - 1 else 0)))[part]
    for kernel in range(n_kernels):
        for part in range(n_vectors):
            sums[kernel * n_vectors + part] = sums[kernel * n_vectors + part] + times(panel[kernel], columns[part])


cdef inline void tile_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                              const real* bias, real* response, Py_ssize_t n_kernels, Py_ssize_t n_vectors,
                              Py_ssize_t n_columns, vector like) noexcept nogil:
    """One tile, of which `n_columns` columns are stored; literal where it is called, so the loops unroll."""
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t lanes = n_lanes(like), kernel, part, tap, overlap = 0
    cdef const Segment* segment = sum.segments
    cdef const Segment* last = sum.segments + sum.n_segments - 1
    cdef const Py_ssize_t* offsets
    cdef const real* taps
    cdef real* target
    if n_vectors > 1:
        overlap = max(0, n_vectors * lanes - n_columns)
    for kernel in range(n_kernels):
        for part in range(n_vectors):
            sums[kernel * n_vectors + part] = zero
            totals[kernel * n_vectors + part] = broadcast(bias[kernel], like)
    while True:
        taps = image + segment.offset - sum.segments.offset
        offsets = sum.tap_offsets + segment.first
        for tap in range(segment.n_taps):
            add_tap_of_bank(taps + offsets[tap], overlap, panel, sums, n_kernels, n_vectors, like)
            panel += n_kernels
        if segment == last:
            break  # its block is added on the way to the response
        if segment.closes_block:
            close_block(sums, totals, errors, n_kernels * n_vectors, False,
                        REGISTERS == 32 and n_kernels * n_vectors <= 12, like)
        segment += 1
    for kernel in range(n_kernels - 1, -1, -1):  # the last one that exists overwrites those that do not
        target = response + min(kernel, rows.n_kernels - 1) * rows.kernel_pitch
        for part in range(n_vectors):
            store_lanes(target - (overlap if part == n_vectors - 1 else 0),
                        totals[kernel * n_vectors + part] + sums[kernel * n_vectors + part],
                        part * lanes, n_columns if n_vectors == 1 else n_vectors * lanes)


cdef inline void some_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                              const real* bias, real* response, Py_ssize_t n_kernels, Py_ssize_t n_vectors,
                              Py_ssize_t n_columns, vector like) noexcept nogil:
    """A tile as wide as there are columns, of some literal number of vectors."""
    if n_vectors == 1:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 1, n_columns, like)
    elif n_vectors == 2:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 2, n_columns, like)
    elif n_vectors == 3:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 3, n_columns, like)
    elif n_kernels == 6:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 4, n_columns, like)


cdef inline void row_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                             const real* bias, real* response, Py_ssize_t n_kernels, vector like) noexcept nogil:
    """A row of tiles of equal width; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t lanes = n_lanes(like), most = 3, tile, first
    if n_kernels == 6:
        most = 2 if has_short_blocks(sum) else 4
    cdef Py_ssize_t n_vectors = (rows.n_columns + lanes - 1) // lanes
    cdef Py_ssize_t n_tiles = (n_vectors + most - 1) // most
    n_vectors = (n_vectors + n_tiles - 1) // n_tiles
    for tile in range(n_tiles):
        first = max(0, min(tile * n_vectors * lanes, rows.n_columns - n_vectors * lanes))
        some_of_bank(sum, rows, image + first, panel, bias, response + first, n_kernels, n_vectors,
                     rows.n_columns - first, like)


cdef inline bint has_short_blocks(const Sum* sum) noexcept nogil:
    """Whether half a tile with its totals in registers beats a whole one whose totals are in memory."""
    return sum.n_segments > 1 and sum.run * sum.rows_per_block < SHORT_BLOCK * sum.pieces


cdef inline void rows_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                              const real* bias, real* response, vector like) noexcept nogil:
    cdef Py_ssize_t y
    for y in range(rows.n_rows):
        if REGISTERS == 32 and rows.width == 6:
            row_of_bank(sum, rows, image, panel, bias, response, 6, like)
        else:
            row_of_bank(sum, rows, image, panel, bias, response, 4, like)
        image += rows.window_row_pitch
        response += rows.row_pitch

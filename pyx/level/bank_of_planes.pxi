# Lanes over columns, for banks of kernels of one pixel.
#
# Tiles are those of bank_over_columns.pxi, but their taps lie equally far apart, in planes, so that nothing is looked
# up; and one function does all tiles of a row that are alike. The loop over them lets the compiler see that sums stay
# in registers: without it they went through memory at the ends of blocks, and tiles took 1.5 times as long.
# 64 channels of 56x56 and 256 kernels take 1.74 instead of 1.97 ms, 24 channels and 144 kernels 0.40 instead of 0.48:
# 90 % of the peak, of 64 channels and more 92 to 97 % (2026-11-27, AMD EPYC (Zen 5), level v4, 262 GFLOP/s, 1 worker).

from microkernels cimport Rows, Sum, real
from simd cimport REGISTERS, TILE_KERNELS, in_memory, lines_of_vectors, opaque
from vectors cimport broadcast, in_register, n_lanes, times, vector


cdef inline void add_plane(const real* pixels, Py_ssize_t overlap, const real* panel, vector* sums,
                           Py_ssize_t n_kernels, Py_ssize_t n_parts, bint first, vector like) noexcept nogil:
    """One tap of each kernel in all columns of the tile; the `first` of a block begins the sums."""
    cdef vector[3] columns
    cdef Py_ssize_t kernel, part, lanes = n_lanes(like)
    pixels = <const real*> opaque(pixels)
    for part in range(n_parts):
        columns[part] = (<const vector*> (pixels + part * lanes - (overlap if part == n_parts - 1 else 0)))[0]
    for kernel in range(n_kernels):
        for part in range(n_parts):
            if first:  # rounded, whatever it is added to
                sums[kernel * n_parts + part] = in_register(times(panel[kernel], columns[part]))
            else:
                sums[kernel * n_parts + part] = sums[kernel * n_parts + part] + times(panel[kernel], columns[part])


cdef inline void tiles_of_planes(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                 const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t n_tiles,
                                 Py_ssize_t n_kernels, Py_ssize_t n_parts, vector like) noexcept nogil:
    """Tiles of a row one after the other; `n_kernels` and `n_parts` are literal.

    `n_columns` are left of the row, and stored. A tile that would end behind it is moved left, over the one before; the
    last vector of a tile that is wider than the row, over the vector before.
    """
    cdef vector[TILE_KERNELS * 3] sums
    cdef lines_of_vectors memory
    cdef vector* totals = <vector*> &memory
    cdef Py_ssize_t lanes = n_lanes(like), pitch = sum.channel_pitch, n_blocks = sum.n_segments
    cdef Py_ssize_t tap, block, first, tile
    cdef Py_ssize_t overlap = max(0, n_parts * lanes - n_columns) if n_parts > 1 else 0
    cdef const real* pixels
    cdef const real* taps
    for tile in range(n_tiles):
        first = max(0, min(tile * n_parts * lanes, n_columns - n_parts * lanes))
        pixels, taps, block = image + first, panel, 0
        while True:
            add_plane(pixels, overlap, taps, sums, n_kernels, n_parts, True, like)
            pixels += pitch
            taps += n_kernels
            for tap in range(1, sum.segments[block].n_taps):
                add_plane(pixels, overlap, taps, sums, n_kernels, n_parts, False, like)
                pixels += pitch
                taps += n_kernels
            block += 1
            if block == n_blocks:
                break
            add_block(sums, totals, bias, n_kernels, n_parts, block > 1, like)
        store_tile(rows, sums, totals, bias, response + first, lanes, overlap, n_kernels, n_parts,
                   min(n_columns, lanes), n_blocks > 1, like)


cdef inline void row_of_planes(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                               const real* bias, real* response, Py_ssize_t n_kernels, vector like) noexcept nogil:
    """A row of tiles as equal as can be; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t lanes = n_lanes(like), n_vectors = (rows.n_columns + lanes - 1) // lanes, left = rows.n_columns
    cdef Py_ssize_t n_tiles = (n_vectors + 2) // 3, n_parts = (n_vectors + n_tiles - 1) // n_tiles, n_alike
    while n_tiles > 0:
        n_alike = n_vectors - n_tiles * (n_parts - 1)
        if n_parts == 3:
            tiles_of_planes(sum, rows, image, panel, bias, response, left, n_alike, n_kernels, 3, like)
        elif n_parts == 2:
            tiles_of_planes(sum, rows, image, panel, bias, response, left, n_alike, n_kernels, 2, like)
        else:
            tiles_of_planes(sum, rows, image, panel, bias, response, left, n_alike, n_kernels, 1, like)
        n_tiles -= n_alike
        n_vectors -= n_alike * n_parts
        left -= n_alike * n_parts * lanes
        image += n_alike * n_parts * lanes
        response += n_alike * n_parts * lanes
        n_parts -= 1


cdef void four_of_planes(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                         real* response, vector like) noexcept nogil:
    row_of_planes(sum, rows, image, panel, bias, response, 4, like)


cdef void six_of_planes(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                        real* response, vector like) noexcept nogil:
    row_of_planes(sum, rows, image, panel, bias, response, 6, like)


cdef void most_of_planes(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                         real* response, vector like) noexcept nogil:
    row_of_planes(sum, rows, image, panel, bias, response, TILE_KERNELS, like)


cdef inline void bank_of_planes(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                const real* bias, real* response, vector like) noexcept nogil:
    """One row, in a function for each width: a larger one runs out of registers for its pointers."""
    if rows.width == 4:
        four_of_planes(sum, rows, image, panel, bias, response, like)
    elif REGISTERS == 32 and rows.width == 6:
        six_of_planes(sum, rows, image, panel, bias, response, like)
    else:
        most_of_planes(sum, rows, image, panel, bias, response, like)

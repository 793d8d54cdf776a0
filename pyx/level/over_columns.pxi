# Lanes over columns.
#
# A tile is rows of responses x kernels x up to 3 vectors of columns: 4 x 1, 2 x 2 or 1 x 4 times 3, and twice the rows
# at v4 where the whole sum is one block. Each vector of pixels that is loaded feeds as many multiply-adds as rows and
# kernels use it. Rows share pixels where the rows of responses are as far apart as the kernel's rows; with dilation
# the rows that come here are those that are. At v4 sums and totals stay in registers. Where two vectors are wider than
# the row, the second is moved left to end with the row; it overlaps the first, and both store the same values.
# What a function here is told of the tile and of the kernel is literal where it is called, so that the loops unroll:
# `size` is 3 or 5 for kernels of 3x3 and 5x5 of one channel, 1 for one kernel of one row, 0 for others of one channel,
# -1 for any; their taps are next to each other, or `apart`, as the sum's step says, which is for one kernel alone. For
# each there is a function of its own, as compilers take longer than in proportion for longer functions.
#
# At v4 a vector that is loaded across two cache lines takes as long as two, and most are: so kernel rows of 3 and 5
# taps load their pixels once and shift them in registers. 1080p with 3x3 from 0.34 to 0.26 ms, with 5x5 from 0.94 to
# 0.61, with 11x11 (in fours, the rest by loads) from 2.7 to 3.3 and so left alone. 1080p with 3x3 moves its bytes as
# fast as a copy does, with 11x11 it reaches 60 to 70 % of the FMA peak, bound by loads. 2026-11-25, AMD EPYC (Zen 5),
# 1 worker, benchmarks/bench.py --only fhd_3 fhd_5 fhd_11.
#
# With 16 registers taps are added one after the other: of four at once compilers kept some sums on the stack. 480x640
# with 5x5 from 0.30 to 0.26 ms, with 7x7 from 0.56 to 0.53. 2026-11-27, AMD EPYC (Zen 3), level v3, 1 worker. There
# one kernel goes by pairs of rows (pairs_of_rows.pxi) or, of 5x5, down all rows (columns_of_tiles.pxi); tiles have what
# is left.

from microkernels cimport Rows, Sum, real
from simd cimport REGISTERS, SHIFTS, TILE_ACCUMULATORS, TILE_VECTORS, a_zero, opaque, prefetch, prefetch_to_write
from vectors cimport broadcast, close_block, in_register, n_lanes, shifted, store_lanes, times, total_of, vector


cdef enum:
    OF_ONE_ROW = 1  # the `size` of kernels of one row
    OF_ONE_COLUMN = 2

cdef inline void add_columns(const vector* columns, const real* panel, vector* sums, Py_ssize_t run,
                             Py_ssize_t first_row, Py_ssize_t n_rows, Py_ssize_t n_kernels, Py_ssize_t n_vectors,
                             vector like) noexcept nogil:
    """One tap's vectors of pixels times the tap in each of the tile's rows and kernels."""
    cdef Py_ssize_t row, kernel, part, place
    for row in range(first_row, first_row + n_rows):
        for kernel in range(n_kernels):
            for part in range(n_vectors):
                place = (row * n_kernels + kernel) * n_vectors + part
                sums[place] = sums[place] + times(panel[kernel - row * run * n_kernels], columns[part])


cdef inline void add_tap(const real* pixels, Py_ssize_t overlap, const real* panel, vector* sums, Py_ssize_t run,
                         Py_ssize_t first_row, Py_ssize_t n_rows, Py_ssize_t n_kernels, Py_ssize_t n_vectors,
                         vector like) noexcept nogil:
    """One tap by loads."""
    cdef vector[TILE_VECTORS] columns
    cdef Py_ssize_t part
    pixels = <const real*> opaque(pixels)
    for part in range(n_vectors):
        columns[part] = (<const vector*> (pixels - (overlap if part == n_vectors - 1 else 0)))[part]
    add_columns(columns, panel, sums, run, first_row, n_rows, n_kernels, n_vectors, like)


cdef inline void add_shifted_tap(const vector* loaded, Py_ssize_t tap, const real* panel, vector* sums, Py_ssize_t run,
                                 Py_ssize_t first_row, Py_ssize_t n_rows, Py_ssize_t n_kernels,
                                 vector like) noexcept nogil:
    cdef vector[TILE_VECTORS] columns
    columns[0] = shifted(loaded[0], loaded[1], tap)
    columns[1] = shifted(loaded[1], loaded[2], tap)
    columns[2] = shifted(loaded[2], loaded[3], tap)
    add_columns(columns, panel + tap * n_kernels, sums, run, first_row, n_rows, n_kernels, TILE_VECTORS, like)


cdef inline void add_shifted_taps(const real* pixels, const real* panel, vector* sums, Py_ssize_t run,
                                  Py_ssize_t first_row, Py_ssize_t n_rows, Py_ssize_t n_kernels,
                                  vector like) noexcept nogil:
    """A kernel row of 3 or 5 taps, from pixels that are loaded once and shifted; nothing beyond them is read."""
    cdef vector[TILE_VECTORS + 1] loaded
    cdef Py_ssize_t lanes = n_lanes(like)
    cdef vector last
    pixels = <const real*> opaque(pixels)
    loaded[0] = (<const vector*> pixels)[0]
    loaded[1] = (<const vector*> pixels)[1]
    loaded[2] = (<const vector*> pixels)[2]
    last = (<const vector*> (pixels + 2 * lanes + run - 1))[0]
    loaded[3] = shifted(last, last, lanes + 1 - run)
    add_columns(loaded, panel, sums, run, first_row, n_rows, n_kernels, TILE_VECTORS, like)
    add_shifted_tap(loaded, 1, panel, sums, run, first_row, n_rows, n_kernels, like)
    add_shifted_tap(loaded, 2, panel, sums, run, first_row, n_rows, n_kernels, like)
    if run == 5:
        add_shifted_tap(loaded, 3, panel, sums, run, first_row, n_rows, n_kernels, like)
        add_shifted_tap(loaded, 4, panel, sums, run, first_row, n_rows, n_kernels, like)


cdef inline void add_taps(const Sum* sum, const real* pixels, Py_ssize_t overlap, const real* panel, vector* sums,
                          Py_ssize_t first, Py_ssize_t end, Py_ssize_t run, Py_ssize_t size, bint apart,
                          Py_ssize_t first_row, Py_ssize_t n_rows, Py_ssize_t n_kernels, Py_ssize_t n_vectors,
                          vector like) noexcept nogil:
    """Taps [first, end) of a row of pixels, for the tile's rows that it is a kernel row of.

    `panel` is at the kernel row that it is of the tile's first row; of row y it is the y-th one before.
    """
    cdef Py_ssize_t tap = first, place, step = sum.step if apart else 1
    if SHIFTS and not apart and n_vectors == TILE_VECTORS and (size == 5 or (size == 3 and n_kernels == 1)):
        add_shifted_taps(pixels, panel, sums, size, first_row, n_rows, n_kernels, like)
        return
    while REGISTERS == 32 and size >= 0 and tap + 4 <= end:
        for place in range(4):
            add_tap(pixels + (tap + place) * step, overlap, panel + (tap + place) * n_kernels, sums, run, first_row,
                    n_rows, n_kernels, n_vectors, like)
        tap += 4
    while tap < end:
        add_tap(pixels + (tap * step if size >= 0 else sum.tap_offsets[tap]), overlap, panel + tap * n_kernels, sums,
                run, first_row, n_rows, n_kernels, n_vectors, like)
        tap += 1


cdef inline Py_ssize_t row_after(const Sum* sum, Py_ssize_t in_block) noexcept nogil:
    """The place in its block of the kernel row after row `in_block`: counted, as divisions take longer."""
    return in_block + 1 if in_block + 1 < sum.rows_per_block else 0


cdef inline Py_ssize_t row_before(const Sum* sum, Py_ssize_t in_block) noexcept nogil:
    return (in_block if in_block > 0 else sum.rows_per_block) - 1


cdef inline void add_pixel_row(const Sum* sum, const real* image, Py_ssize_t overlap, const real* panel, vector* sums,
                               vector* totals, vector* errors, Py_ssize_t pixel_row, Py_ssize_t lowest,
                               Py_ssize_t highest, Py_ssize_t in_block, Py_ssize_t size, bint apart,
                               Py_ssize_t n_kernels, Py_ssize_t n_vectors, vector like) noexcept nogil:
    """A row of pixels for the tile's rows `lowest` to `highest`, and the blocks that end with it.

    Of row `lowest` it is a kernel row that is row `in_block` of its block.
    """
    cdef Py_ssize_t kernel_height = size if size > 0 else sum.kernel_height
    cdef Py_ssize_t run = size if size > 0 else sum.run
    cdef Py_ssize_t pieces = 1 if size >= 0 else sum.pieces
    cdef Py_ssize_t block = 3 if size == 3 else 2  # rows of it, where `size` says so
    cdef Py_ssize_t in_row = n_kernels * n_vectors
    cdef bint compensated = sum.compensated if size < 0 else False
    cdef bint in_registers = REGISTERS == 32 and not compensated
    cdef Py_ssize_t piece, row, of_row
    for piece in range(pieces):
        add_taps(sum, image + pixel_row * sum.kernel_row_pitch, overlap, panel + pixel_row * run * n_kernels, sums,
                 0 if size >= 0 else sum.cuts[piece], run if size >= 0 else sum.cuts[piece + 1], run, size, apart,
                 lowest, highest - lowest + 1, n_kernels, n_vectors, like)
        of_row = in_block
        for row in range(lowest, highest + 1):
            if (pixel_row - row == kernel_height - 1 or (size > 0 and (pixel_row - row + 1) % block == 0)
                    or (size <= 0 and of_row == sum.rows_per_block - 1)):
                close_block(sums + row * in_row, totals + row * in_row, errors + row * in_row, in_row, compensated,
                            in_registers, like)
            of_row = row_before(sum, of_row)


cdef inline void tile_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t size, bint apart, Py_ssize_t n_rows,
                                   Py_ssize_t n_kernels, Py_ssize_t n_vectors, Py_ssize_t n_columns,
                                   vector like) noexcept nogil:
    """One tile, of which `n_columns` columns are stored; the kernel has at least `n_rows` - 1 rows.

    Its first rows of pixels are for the first rows of responses only, its last ones for the last.
    """
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t kernel_height = size if size > 0 else sum.kernel_height
    cdef Py_ssize_t pixel_row, row, kernel, part, place, lanes = n_lanes(like), overlap = 0
    cdef Py_ssize_t in_block = sum.first_in_block if size <= 0 else 0
    cdef bint compensated = sum.compensated if size < 0 else False
    cdef real* target
    if n_vectors == 2:
        overlap = max(0, n_vectors * lanes - n_columns)
    for place in range(n_rows * n_kernels * n_vectors):
        sums[place] = zero
        errors[place] = zero
        totals[place] = broadcast(bias[place // n_vectors % n_kernels], like)
    if n_rows > 1:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, 0, 0, 0, in_block, size, apart, n_kernels,
                      n_vectors, like)
        in_block = row_after(sum, in_block)
    if n_rows > 2:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, 1, 0, 1, in_block, size, apart, n_kernels,
                      n_vectors, like)
        in_block = row_after(sum, in_block)
    if n_rows > 3:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, 2, 0, 2, in_block, size, apart, n_kernels,
                      n_vectors, like)
        in_block = row_after(sum, in_block)
    for pixel_row in range(n_rows - 1, kernel_height):
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, pixel_row, 0, n_rows - 1, in_block, size,
                      apart, n_kernels, n_vectors, like)
        in_block = row_after(sum, in_block)
    in_block = row_before(sum, in_block)  # the last kernel row's, of the first row that is left
    if n_rows > 1:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, kernel_height, 1, n_rows - 1, in_block, size,
                      apart, n_kernels, n_vectors, like)
    if n_rows > 2:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, kernel_height + 1, 2, n_rows - 1, in_block,
                      size, apart, n_kernels, n_vectors, like)
    if n_rows > 3:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, kernel_height + 2, 3, n_rows - 1, in_block,
                      size, apart, n_kernels, n_vectors, like)
    for row in range(n_rows):
        for kernel in range(n_kernels - 1, -1, -1):
            # what a kernel that does not exist leaves behind is overwritten by the last one that does: a branch here
            # would draw multiply-adds into it, away from the loads that they share
            target = response + row * rows.row_pitch + min(kernel, rows.n_kernels - 1) * rows.kernel_pitch
            for part in range(n_vectors):
                store_lanes(target - (overlap if part == n_vectors - 1 else 0),
                            total_of(totals, errors, (row * n_kernels + kernel) * n_vectors + part, compensated),
                            part * lanes, n_columns if n_vectors == 1 else n_vectors * lanes)


cdef inline Py_ssize_t end_of_block(const Sum* sum, Py_ssize_t block, Py_ssize_t size) noexcept nogil:
    """The tap behind a block of a kernel of one row or one column."""
    if size == OF_ONE_ROW:
        return sum.cuts[block + 1]
    return min(sum.kernel_height, (block + 1) * sum.rows_per_block - sum.first_in_block)


cdef inline void tile_of_one_line(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                  const real* bias, real* response, Py_ssize_t size, bint apart, Py_ssize_t n_rows,
                                  Py_ssize_t n_vectors, Py_ssize_t n_columns, vector like) noexcept nogil:
    """One tile of a kernel of one row or one column: rows share a tap, and are chains enough to keep adders busy."""
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector zero = broadcast(a_zero, like), own
    cdef Py_ssize_t block = 0, tap = 0, end, row, part, lanes = n_lanes(like)
    cdef Py_ssize_t n_taps = sum.run if size == OF_ONE_ROW else sum.kernel_height
    cdef Py_ssize_t pitch = sum.kernel_row_pitch if size == OF_ONE_COLUMN else sum.step if apart else 1
    cdef Py_ssize_t overlap = max(0, n_vectors * lanes - n_columns) if n_vectors == 2 else 0
    cdef const real* pixels
    for part in range(n_rows * n_vectors):
        sums[part], totals[part] = zero, broadcast(bias[0], like)
    while tap < n_taps:
        end = end_of_block(sum, block, size)
        block += 1
        while tap < end:
            own = broadcast(panel[tap], like)
            for row in range(n_rows):
                pixels = image + row * rows.window_row_pitch + tap * pitch
                for part in range(n_vectors):
                    sums[row * n_vectors + part] = sums[row * n_vectors + part] + own * (
                        <const vector*> (pixels - (overlap if part == n_vectors - 1 else 0)))[part]
            tap += 1
        close_block(sums, totals, errors, n_rows * n_vectors, False, REGISTERS == 32, like)
    for row in range(n_rows):
        for part in range(n_vectors):
            store_lanes(response + row * rows.row_pitch - (overlap if part == n_vectors - 1 else 0),
                        totals[row * n_vectors + part], part * lanes,
                        n_columns if n_vectors == 1 else n_vectors * lanes)


cdef inline void row_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                  const real* bias, real* response, Py_ssize_t size, bint apart, Py_ssize_t n_rows,
                                  Py_ssize_t n_kernels, vector like) noexcept nogil:
    """A row of tiles of equal width; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t lanes = n_lanes(like)
    cdef Py_ssize_t n_vectors = (rows.n_columns + lanes - 1) // lanes
    cdef Py_ssize_t n_tiles = (n_vectors + TILE_VECTORS - 1) // TILE_VECTORS
    cdef Py_ssize_t tile, first, n_columns
    if n_vectors == 3 and rows.n_columns < 3 * lanes:
        n_tiles = 2
    n_vectors = (n_vectors + n_tiles - 1) // n_tiles
    for tile in range(n_tiles):
        first = max(0, min(tile * n_vectors * lanes, rows.n_columns - n_vectors * lanes))
        n_columns = rows.n_columns - first
        if (size == OF_ONE_ROW or size == OF_ONE_COLUMN) and n_vectors == 1:
            tile_of_one_line(sum, rows, image + first, panel, bias, response + first, size, apart,
                             n_rows, 1, n_columns, like)
        elif (size == OF_ONE_ROW or size == OF_ONE_COLUMN) and n_vectors == 2:
            tile_of_one_line(sum, rows, image + first, panel, bias, response + first, size, apart,
                             n_rows, 2, n_columns, like)
        elif size == OF_ONE_ROW or size == OF_ONE_COLUMN:
            tile_of_one_line(sum, rows, image + first, panel, bias, response + first, size, apart,
                             n_rows, 3, n_columns, like)
        elif n_vectors == 1:
            tile_over_columns(sum, rows, image + first, panel, bias, response + first, size, apart,
                              n_rows, n_kernels, 1, n_columns, like)
        elif n_vectors == 2:
            tile_over_columns(sum, rows, image + first, panel, bias, response + first, size, apart,
                              n_rows, n_kernels, 2, n_columns, like)
        else:
            tile_over_columns(sum, rows, image + first, panel, bias, response + first, size, apart,
                              n_rows, n_kernels, 3, n_columns, like)


cdef inline void tiled_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t size, bint apart, Py_ssize_t n_rows,
                                    Py_ssize_t n_kernels, vector like) noexcept nogil:
    """Rows of tiles `n_rows` high; the last one ends at the last row and may lie over the one before."""
    cdef Py_ssize_t y = 0
    while True:
        y = min(y, rows.n_rows - n_rows)
        row_over_columns(sum, rows, image + y * rows.window_row_pitch, panel, bias, response + y * rows.row_pitch,
                         size, apart, n_rows, n_kernels, like)
        y += n_rows
        if y >= rows.n_rows:
            return


include "columns_of_tiles.pxi"
include "pairs_of_rows.pxi"


cdef inline void sized_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t size, bint apart,
                                    vector like) noexcept nogil:
    """Tiles of as many rows and kernels as there are, where rows share pixels."""
    cdef Py_ssize_t n_rows = 1, paired, first
    cdef bint one_block = REGISTERS == 32 and size == 3
    cdef Rows others
    if rolls(sum, rows, size, like):
        rolled_over_columns(sum, rows, image, panel, bias, response, apart, like)
        return
    paired = n_paired(sum, rows, size, like)
    if paired > 0:
        paired_over_columns(sum, rows, image, panel, bias, response, paired, size, apart, like)
        if paired == rows.n_columns:
            return
        first = min(paired, rows.n_columns - n_lanes(like))  # behind the last row there may be nothing
        others = rows[0]
        others.n_columns -= first
        rows, image, response = &others, image + first, response + first
    if rows.window_row_pitch == sum.kernel_row_pitch:
        n_rows = min(rows.n_rows, sum.kernel_height + 1)
    if (apart or rows.width == 1) and n_rows >= 4:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, apart, 4, 1, like)
    elif apart or rows.width == 1:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, apart, 1, 1, like)
    elif rows.width == 2 and one_block and n_rows >= 4:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, apart, 4, 2, like)
    elif rows.width == 2 and n_rows >= 2:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, apart, 2, 2, like)
    elif rows.width == 2:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, apart, 1, 2, like)
    elif one_block and n_rows >= 2:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, apart, 2, 4, like)
    else:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, apart, 1, 4, like)


cdef void of_3x3(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                 real* response, vector like) noexcept nogil:
    sized_over_columns(sum, rows, image, panel, bias, response, 3, False, like)


cdef void of_3x3_apart(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                       real* response, vector like) noexcept nogil:
    sized_over_columns(sum, rows, image, panel, bias, response, 3, True, like)


cdef void of_5x5(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                 real* response, vector like) noexcept nogil:
    sized_over_columns(sum, rows, image, panel, bias, response, 5, False, like)


cdef void of_5x5_apart(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                       real* response, vector like) noexcept nogil:
    sized_over_columns(sum, rows, image, panel, bias, response, 5, True, like)


cdef void of_one_row(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                     real* response, vector like) noexcept nogil:
    tiled_over_columns(sum, rows, image, panel, bias, response, OF_ONE_ROW, False, 4, 1, like)


cdef void of_one_row_apart(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                           real* response, vector like) noexcept nogil:
    tiled_over_columns(sum, rows, image, panel, bias, response, OF_ONE_ROW, True, 4, 1, like)


cdef void of_one_column(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                        real* response, vector like) noexcept nogil:
    tiled_over_columns(sum, rows, image, panel, bias, response, OF_ONE_COLUMN, False, 4, 1, like)


cdef void of_dense(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                   real* response, vector like) noexcept nogil:
    sized_over_columns(sum, rows, image, panel, bias, response, 0, False, like)


cdef void of_taps_apart(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                        real* response, vector like) noexcept nogil:
    sized_over_columns(sum, rows, image, panel, bias, response, 0, True, like)


cdef void of_any(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                 real* response, vector like) noexcept nogil:
    sized_over_columns(sum, rows, image, panel, bias, response, -1, False, like)


cdef inline void rows_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, vector like) noexcept nogil:
    cdef bint is_of_3x3 = sum.kernel_height == 3 and sum.run == 3 and sum.rows_per_block == 3
    cdef bint is_of_5x5 = sum.kernel_height == 5 and sum.run == 5 and sum.rows_per_block == 2
    cdef bint is_of_lines = rows.width == 1 and rows.n_rows >= 4 and not sum.compensated
    if is_of_lines and sum.kernel_height == 1 and sum.step == 1:
        of_one_row(sum, rows, image, panel, bias, response, like)
    elif is_of_lines and sum.kernel_height == 1 and sum.step > 1:
        of_one_row_apart(sum, rows, image, panel, bias, response, like)
    elif is_of_lines and sum.run == 1:
        of_one_column(sum, rows, image, panel, bias, response, like)
    elif sum.step == 0 or sum.compensated or sum.pieces > 1 or (sum.step > 1 and rows.width > 1):
        of_any(sum, rows, image, panel, bias, response, like)
    elif is_of_3x3 and sum.step == 1:
        of_3x3(sum, rows, image, panel, bias, response, like)
    elif is_of_3x3:
        of_3x3_apart(sum, rows, image, panel, bias, response, like)
    elif is_of_5x5 and sum.step == 1:
        of_5x5(sum, rows, image, panel, bias, response, like)
    elif is_of_5x5:
        of_5x5_apart(sum, rows, image, panel, bias, response, like)
    elif sum.step == 1:
        of_dense(sum, rows, image, panel, bias, response, like)
    else:
        of_taps_apart(sum, rows, image, panel, bias, response, like)

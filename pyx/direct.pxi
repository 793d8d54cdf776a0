# The direct method: tiles held in registers, in three forms by where the lanes go. Every form adds the taps in the
# order and the blocks that microkernels.pxd states, so all give the same bits.

from microkernels cimport *

cdef extern from "simd.h" nogil:
    ctypedef float f32v "xcorr_f32v"
    ctypedef double f64v "xcorr_f64v"
    void in_memory "xcorr_in_memory"(void* array)
    const void* opaque "xcorr_opaque"(const void* pointer)
    void copy_less_than_64 "xcorr_copy_less_than_64"(void* target, const void* source, Py_ssize_t n_bytes)
    void prefetch_to_write "xcorr_prefetch_to_write"(const void* place)
    const float a_zero "xcorr_zero"
    f32v f32v_broadcast "xcorr_f32v_broadcast"(float)
    f64v f64v_broadcast "xcorr_f64v_broadcast"(double)
    f32v f32v_number "xcorr_f32v_number"(f32v)
    f64v f64v_number "xcorr_f64v_number"(f64v)
    f32v f32v_shifted "xcorr_f32v_shifted"(f32v, f32v, Py_ssize_t)
    f64v f64v_shifted "xcorr_f64v_shifted"(f64v, f64v, Py_ssize_t)
    enum:
        SHIFTS "XCORR_SHIFTS"  # whether the level has vectors shifted
        F32_LANES "XCORR_F32_LANES"
        F64_LANES "XCORR_F64_LANES"
        TILE_COLUMNS "XCORR_TILE_COLUMNS"            # lanes over kernels: columns x 2 vectors of kernels
        TILE_VECTORS "XCORR_TILE_VECTORS"            # lanes over columns: vectors of columns
        TILE_ACCUMULATORS "XCORR_TILE_ACCUMULATORS"  # the largest tile's

ctypedef fused vector:
    f32v
    f64v


cdef inline vector broadcast(real scalar, vector like) noexcept nogil:
    # `like` tells the type alone; `real` is always its element, and the casts let the unused pairings compile
    if vector is f32v:
        return f32v_broadcast(<float> scalar)
    else:
        return f64v_broadcast(<double> scalar)


cdef inline vector vector_number(vector value) noexcept nogil:
    if vector is f32v:
        return f32v_number(value)
    else:
        return f64v_number(value)


cdef inline vector times(real scalar, vector value) noexcept nogil:
    if vector is f32v:
        return <float> scalar * value
    else:
        return <double> scalar * value


cdef inline vector shifted(vector low, vector high, Py_ssize_t n) noexcept nogil:
    if vector is f32v:
        return f32v_shifted(low, high, n)
    else:
        return f64v_shifted(low, high, n)


cdef inline Py_ssize_t n_lanes(vector like) noexcept nogil:
    if vector is f32v:
        return F32_LANES
    else:
        return F64_LANES


cdef inline void close_block(vector* sums, vector* totals, vector* errors, Py_ssize_t n_sums, bint compensated,
                             bint in_registers, vector like) noexcept nogil:
    """totals += sums; sums = 0. The totals stay in memory unless registers are left for them.

    Compensated, the error of each addition is kept (Knuth's TwoSum, TAOCP 4.2.2).
    """
    cdef Py_ssize_t index
    cdef vector total, kept, zero = broadcast(a_zero, like)
    if not in_registers:
        in_memory(totals)
    if compensated:
        in_memory(errors)
    for index in range(n_sums):
        total = totals[index] + sums[index]
        if compensated:
            kept = total - totals[index]
            errors[index] = errors[index] + ((totals[index] - (total - kept)) + (sums[index] - kept))
        totals[index] = total
        sums[index] = zero


cdef inline vector total_of(const vector* totals, const vector* errors, Py_ssize_t index,
                            bint compensated) noexcept nogil:
    # the error of an infinite total is not a number and does not count
    if compensated:
        return totals[index] + vector_number(errors[index])
    return totals[index]


# --- lanes over kernels -------------------------------------------------------------------------------------------
#
# A tile is columns x 1 or 2 vectors of kernels: up to 14 x 2 sums beside 2 vectors of taps and a broadcast pixel in 32
# registers, 6 x 2 in 16. For each tap it loads the panel's vectors once and broadcasts a pixel for each column, so that
# 28 multiply-adds take 16 loads: their ports are the bound, and the panel streams from L2 where it exceeds L1. The
# totals of finished blocks stay in registers where the tile has room for twice its sums, else in memory. Share of the
# peak, one worker: 94 % for 64 and 128 channels of 3x3 at v4 (2026-11-24, AMD EPYC, Zen 4, 117 GFLOP/s,
# benchmarks/bench.py --only resnet_56 resnet_28).


cdef inline void add_shared_run(const real* pixels, const real* panel, vector* sums, Py_ssize_t pitch,
                                Py_ssize_t n_columns, Py_ssize_t n_vectors, Py_ssize_t run, vector like) noexcept nogil:
    """A kernel row over channels: each vector of pixels is loaded once, for all windows that it is a tap of."""
    cdef Py_ssize_t lanes = n_lanes(like), place, part, tap, column
    cdef vector own_pixels
    for place in range(n_columns + run - 1):
        for part in range(n_vectors):
            own_pixels = (<const vector*> (pixels + place * pitch + part * lanes))[0]
            for tap in range(run):
                column = place - tap
                if 0 <= column < n_columns:
                    sums[column * n_vectors + part] = (
                        sums[column * n_vectors + part]
                        + own_pixels * (<const vector*> (panel + (tap * n_vectors + part) * lanes))[0])


cdef inline void tile_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                   bint compensated, bint own_channels, Py_ssize_t shared_run,
                                   vector like) noexcept nogil:
    """`n_columns` windows x `n_vectors` vectors of kernels; literal where it is called, so the loops unroll.

    With `own_channels` each lane has a pixel of its own, else all lanes have the same one. A `shared_run` above 0 says
    that every segment has so many taps, and that each tap of a window is the tap before of the next window.
    """
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector first_taps, second_taps, zero = broadcast(a_zero, like)
    cdef Py_ssize_t lanes = n_lanes(like), pitch = rows.window_pitch
    cdef Py_ssize_t segment_index = 0, tap, column, part
    cdef const real* taps
    cdef const real* pixel
    for column in range(n_columns):
        for part in range(n_vectors):
            sums[column * n_vectors + part] = zero
            totals[column * n_vectors + part] = (<const vector*> (bias + part * lanes))[0]
            prefetch_to_write(response + column * rows.column_pitch + part * lanes)
            if compensated:
                errors[column * n_vectors + part] = zero
    while True:
        taps = image + sum.segments[segment_index].offset
        if shared_run > 0:
            add_shared_run(taps, panel, sums, sum.tap_pitch, n_columns, n_vectors, shared_run, like)
            panel += shared_run * n_vectors * lanes
        for tap in range(0 if shared_run > 0 else sum.segments[segment_index].n_taps):
            first_taps = (<const vector*> panel)[0]
            if n_vectors == 2:
                second_taps = (<const vector*> (panel + lanes))[0]
            for column in range(n_columns):
                pixel = taps + column * pitch + tap
                if own_channels:
                    sums[column * n_vectors] = sums[column * n_vectors] + (<const vector*> pixel)[0] * first_taps
                    if n_vectors == 2:
                        sums[column * 2 + 1] = sums[column * 2 + 1] + (<const vector*> (pixel + lanes))[0] * second_taps
                else:
                    sums[column * n_vectors] = sums[column * n_vectors] + times(pixel[0], first_taps)
                    if n_vectors == 2:
                        sums[column * 2 + 1] = sums[column * 2 + 1] + times(pixel[0], second_taps)
            if own_channels:
                taps += sum.tap_pitch - 1
            panel += n_vectors * lanes
        segment_index += 1
        if segment_index == sum.n_segments:
            break  # its block is added on the way to the response
        if sum.segments[segment_index - 1].closes_block:
            close_block(sums, totals, errors, n_columns * n_vectors, compensated,
                        not compensated and n_columns * n_vectors <= TILE_COLUMNS, like)
    if compensated:
        close_block(sums, totals, errors, n_columns * n_vectors, True, False, like)
    for column in range(n_columns):
        for part in range(n_vectors):
            store_lanes(response + column * rows.column_pitch,
                        total_of(totals, errors, column * n_vectors + part, True) if compensated
                        else totals[column * n_vectors + part] + sums[column * n_vectors + part],
                        part * lanes, rows.n_kernels)


cdef inline void store_lanes(real* response, vector value, Py_ssize_t first, Py_ssize_t n_kept) noexcept nogil:
    """The lanes of `value` that are elements below `n_kept`, the first lane being element `first`."""
    cdef vector kept = value
    if first + n_lanes(value) <= n_kept:
        (<vector*> (response + first))[0] = value
    elif first < n_kept:
        copy_less_than_64(response + first, &kept, (n_kept - first) * <Py_ssize_t> sizeof(real))


cdef inline void some_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                   bint own_channels, Py_ssize_t shared_run, vector like) noexcept nogil:
    """Any number of columns up to a tile's, as a tile of that literal size."""
    if n_columns == 1:
        tile_over_kernels(sum, rows, image, panel, bias, response, 1, n_vectors, False, own_channels,
                          shared_run, like)
    elif n_columns == 2:
        tile_over_kernels(sum, rows, image, panel, bias, response, 2, n_vectors, False, own_channels,
                          shared_run, like)
    elif n_columns == 3:
        tile_over_kernels(sum, rows, image, panel, bias, response, 3, n_vectors, False, own_channels,
                          shared_run, like)
    elif n_columns == 4:
        tile_over_kernels(sum, rows, image, panel, bias, response, 4, n_vectors, False, own_channels,
                          shared_run, like)
    elif n_columns == 5:
        tile_over_kernels(sum, rows, image, panel, bias, response, 5, n_vectors, False, own_channels,
                          shared_run, like)
    elif n_columns == 6:
        tile_over_kernels(sum, rows, image, panel, bias, response, 6, n_vectors, False, own_channels,
                          shared_run, like)
    elif TILE_COLUMNS > 6 and not own_channels and n_columns == 7:
        tile_over_kernels(sum, rows, image, panel, bias, response, 7, n_vectors, False, own_channels,
                          shared_run, like)
    elif TILE_COLUMNS > 6 and not own_channels and n_columns == 8:
        tile_over_kernels(sum, rows, image, panel, bias, response, 8, n_vectors, False, own_channels,
                          shared_run, like)
    elif TILE_COLUMNS > 6 and not own_channels and n_columns == 9:
        tile_over_kernels(sum, rows, image, panel, bias, response, 9, n_vectors, False, own_channels,
                          shared_run, like)
    elif TILE_COLUMNS > 6 and not own_channels and n_columns == 10:
        tile_over_kernels(sum, rows, image, panel, bias, response, 10, n_vectors, False, own_channels,
                          shared_run, like)
    elif TILE_COLUMNS > 6 and not own_channels and n_columns == 11:
        tile_over_kernels(sum, rows, image, panel, bias, response, 11, n_vectors, False, own_channels,
                          shared_run, like)
    elif TILE_COLUMNS > 6 and not own_channels and n_columns == 12:
        tile_over_kernels(sum, rows, image, panel, bias, response, 12, n_vectors, False, own_channels,
                          shared_run, like)
    elif TILE_COLUMNS > 6 and not own_channels and n_columns == 13:
        tile_over_kernels(sum, rows, image, panel, bias, response, 13, n_vectors, False, own_channels,
                          shared_run, like)
    elif TILE_COLUMNS > 6 and not own_channels and n_columns == 14:
        tile_over_kernels(sum, rows, image, panel, bias, response, 14, n_vectors, False, own_channels,
                          shared_run, like)


cdef inline void long_sums_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                        const real* bias, real* response, Py_ssize_t n_vectors,
                                        bint own_channels, vector like) noexcept nogil:
    """One row of compensated sums, four windows at once as long as there are four."""
    cdef Py_ssize_t column = 0
    while column + 4 <= rows.n_columns:
        tile_over_kernels(sum, rows, image + column * rows.window_pitch, panel, bias,
                          response + column * rows.column_pitch, 4, n_vectors, True, own_channels, 0, like)
        column += 4
    while column < rows.n_columns:
        tile_over_kernels(sum, rows, image + column * rows.window_pitch, panel, bias,
                          response + column * rows.column_pitch, 1, n_vectors, True, own_channels, 0, like)
        column += 1


cdef inline bint has_short_blocks(const Sum* sum) noexcept nogil:
    """Whether half a tile with its totals in registers beats a whole one whose totals are in memory.

    Half a tile of 16 registers would have too few chains to hide the latency of a multiply-add. At 64 channels of 1x1
    (blocks of 16 taps) 97 instead of 59 GFLOP/s, at 3 channels of 3x3 (blocks of 9) into `out=` 89 instead of 66, of a
    peak of 117. 2026-11-24, AMD EPYC (Zen 4), level v4, 1 worker, both builds in turn on the rows pointwise and
    cifar_bank32 of benchmarks/bench.py. The 96 lies between these and the 192 taps of 64 channels; it was not tuned.
    """
    return TILE_COLUMNS == 14 and sum.n_segments > 1 and sum.run * sum.rows_per_block < 96 * sum.pieces


cdef inline void row_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                  const real* bias, real* response, bint own_channels, Py_ssize_t shared_run,
                                  vector like) noexcept nogil:
    """One row in as few tiles as it takes, of sizes as equal as can be."""
    cdef Py_ssize_t largest = TILE_COLUMNS
    if own_channels:
        largest = min(6, TILE_COLUMNS)  # bound by loads and memory: more sums at once bring nothing
    elif rows.width > n_lanes(like) and has_short_blocks(sum):
        largest = TILE_COLUMNS // 2
    cdef Py_ssize_t n_tiles = (rows.n_columns + largest - 1) // largest
    cdef Py_ssize_t done = 0, n_columns, tile
    for tile in range(n_tiles):
        n_columns = (rows.n_columns - done + n_tiles - tile - 1) // (n_tiles - tile)
        if rows.width == n_lanes(like):
            some_over_kernels(sum, rows, image, panel, bias, response, n_columns, 1, own_channels, shared_run,
                              like)
        else:
            some_over_kernels(sum, rows, image, panel, bias, response, n_columns, 2, own_channels, shared_run,
                              like)
        image += n_columns * rows.window_pitch
        response += n_columns * rows.column_pitch
        done += n_columns


cdef inline void rows_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, bint own_channels, Py_ssize_t shared_run,
                                   vector like) noexcept nogil:
    cdef Py_ssize_t y
    for y in range(rows.n_rows):
        if sum.compensated and rows.width == n_lanes(like):
            long_sums_over_kernels(sum, rows, image, panel, bias, response, 1, own_channels, like)
        elif sum.compensated:
            long_sums_over_kernels(sum, rows, image, panel, bias, response, 2, own_channels, like)
        else:
            row_over_kernels(sum, rows, image, panel, bias, response, own_channels, shared_run, like)
        image += rows.window_row_pitch
        response += rows.row_pitch


# --- lanes over channels ----------------------------------------------------------------------------------------------
#
# The same tiles, up to 6 x 2, where each lane has a pixel of its own. Each multiply-add would take a load, most of them
# across two cache lines because nothing is aligned; where windows overlap by all but a column, rows of 3 taps load each
# vector of pixels once instead: 8 x 2 loads for 36 multiply-adds. Bound by the caches and the memory behind them.


cdef inline void rows_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, vector like) noexcept nogil:
    if sum.run == 3 and sum.pieces == 1 and not sum.compensated and rows.window_pitch == sum.tap_pitch:
        rows_over_kernels(sum, rows, image, panel, bias, response, True, 3, like)
    else:
        rows_over_kernels(sum, rows, image, panel, bias, response, True, 0, like)


# --- lanes over columns -------------------------------------------------------------------------------------------
#
# A tile is rows of responses x kernels x up to 3 vectors of columns: 4 x 1, 2 x 2 or 1 x 4 times 3, and twice the rows
# at v4 where the whole sum is one block. Each vector of pixels that is loaded feeds as many multiply-adds as rows and
# kernels use it. Rows share pixels where the rows of responses are as far apart as the kernel's rows. At v4 sums and
# totals stay in registers. The last of two vectors that a row does not fill ends with the row, over the one before.
# What a function here is told of the tile and of the kernel is literal where it is called, so that the loops unroll:
# `size` is 3 or 5 for kernels of 3x3 and 5x5 of one channel, 0 for other dense ones, -1 for any; `block` is the rows in
# a block of the sum, or 0 for any.
#
# At v4 a vector that is loaded across two cache lines takes as long as two, and most are: so kernel rows of 3 and 5
# taps load their pixels once and shift them in registers. 1080p with 3x3 from 0.34 to 0.26 ms, with 5x5 from 0.94 to
# 0.61, with 11x11 (in fours, the rest by loads) from 2.7 to 3.3 and so left alone. 1080p with 3x3 moves its bytes as
# fast as a copy does, with 11x11 it reaches 70 % of the FMA peak, bound by loads. 2026-11-25, AMD EPYC (Zen 5),
# 1 worker, benchmarks/bench.py --only fhd_3 fhd_5 fhd_11.


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
                          Py_ssize_t first, Py_ssize_t end, Py_ssize_t run, Py_ssize_t size, Py_ssize_t first_row,
                          Py_ssize_t n_rows, Py_ssize_t n_kernels, Py_ssize_t n_vectors, vector like) noexcept nogil:
    """Taps [first, end) of a row of pixels, for the tile's rows that it is a kernel row of.

    `panel` is at the kernel row that it is of the tile's first row; of row y it is the y-th one before.
    """
    cdef Py_ssize_t tap = first, place
    if SHIFTS and n_vectors == TILE_VECTORS and (size == 5 or (size == 3 and n_kernels == 1)):
        add_shifted_taps(pixels, panel, sums, size, first_row, n_rows, n_kernels, like)
        return
    while size >= 0 and tap + 4 <= end:
        for place in range(4):
            add_tap(pixels + tap + place, overlap, panel + (tap + place) * n_kernels, sums, run, first_row, n_rows,
                    n_kernels, n_vectors, like)
        tap += 4
    while tap < end:
        add_tap(pixels + (tap if size >= 0 else sum.tap_offsets[tap]), overlap, panel + tap * n_kernels, sums, run,
                first_row, n_rows, n_kernels, n_vectors, like)
        tap += 1


cdef inline void add_pixel_row(const Sum* sum, const real* image, Py_ssize_t overlap, const real* panel, vector* sums,
                               vector* totals, vector* errors, Py_ssize_t pixel_row, Py_ssize_t lowest,
                               Py_ssize_t highest, Py_ssize_t size, Py_ssize_t block, Py_ssize_t n_kernels,
                               Py_ssize_t n_vectors, vector like) noexcept nogil:
    """A row of pixels for the tile's rows `lowest` to `highest`, and the blocks that end with it."""
    cdef Py_ssize_t kernel_height = size if size > 0 else sum.kernel_height
    cdef Py_ssize_t run = size if size > 0 else sum.run
    cdef Py_ssize_t pieces = 1 if size >= 0 else sum.pieces
    cdef Py_ssize_t in_row = n_kernels * n_vectors
    cdef bint compensated = sum.compensated if size < 0 else False
    cdef bint in_registers = TILE_COLUMNS == 14 and not compensated
    cdef Py_ssize_t piece, row
    for piece in range(pieces):
        add_taps(sum, image + pixel_row * sum.kernel_row_pitch, overlap, panel + pixel_row * run * n_kernels, sums,
                 run * piece // pieces, run * (piece + 1) // pieces, run, size, lowest, highest - lowest + 1,
                 n_kernels, n_vectors, like)
        for row in range(lowest, highest + 1):
            if (block == 1 or pixel_row - row == kernel_height - 1
                    or (pixel_row - row + 1) % (block if block > 0 else sum.rows_per_block) == 0):
                close_block(sums + row * in_row, totals + row * in_row, errors + row * in_row, in_row, compensated,
                            in_registers, like)


cdef inline void tile_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t size, Py_ssize_t block,
                                   Py_ssize_t n_rows, Py_ssize_t n_kernels, Py_ssize_t n_vectors,
                                   Py_ssize_t n_columns, vector like) noexcept nogil:
    """One tile, of which `n_columns` columns are stored; the kernel has at least `n_rows` - 1 rows.

    Its first rows of pixels are for the first rows of responses only, its last ones for the last.
    """
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t kernel_height = size if size > 0 else sum.kernel_height
    cdef Py_ssize_t pixel_row, row, kernel, part, place, lanes = n_lanes(like), overlap = 0
    cdef bint compensated = sum.compensated if size < 0 else False
    cdef real* target
    if n_vectors == 2:
        overlap = max(0, n_vectors * lanes - n_columns)
    for place in range(n_rows * n_kernels * n_vectors):
        sums[place] = zero
        errors[place] = zero
        totals[place] = broadcast(bias[place // n_vectors % n_kernels], like)
    if n_rows > 1:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, 0, 0, 0, size, block, n_kernels, n_vectors,
                      like)
    if n_rows > 2:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, 1, 0, 1, size, block, n_kernels, n_vectors,
                      like)
    if n_rows > 3:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, 2, 0, 2, size, block, n_kernels, n_vectors,
                      like)
    for pixel_row in range(n_rows - 1, kernel_height):
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, pixel_row, 0, n_rows - 1, size, block,
                      n_kernels, n_vectors, like)
    if n_rows > 1:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, kernel_height, 1, n_rows - 1, size, block,
                      n_kernels, n_vectors, like)
    if n_rows > 2:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, kernel_height + 1, 2, n_rows - 1, size, block,
                      n_kernels, n_vectors, like)
    if n_rows > 3:
        add_pixel_row(sum, image, overlap, panel, sums, totals, errors, kernel_height + 2, 3, n_rows - 1, size, block,
                      n_kernels, n_vectors, like)
    for row in range(n_rows):
        for kernel in range(n_kernels - 1, -1, -1):
            # what a kernel that does not exist leaves behind is overwritten by the last one that does: a branch here
            # would draw multiply-adds into it, away from the loads that they share
            target = response + row * rows.row_pitch + min(kernel, rows.n_kernels - 1) * rows.kernel_pitch
            for part in range(n_vectors):
                store_lanes(target - (overlap if part == n_vectors - 1 else 0),
                            total_of(totals, errors, (row * n_kernels + kernel) * n_vectors + part, compensated),
                            part * lanes, n_columns if n_vectors == 1 else n_vectors * lanes)


cdef inline void row_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                  const real* bias, real* response, Py_ssize_t size, Py_ssize_t block,
                                  Py_ssize_t n_rows, Py_ssize_t n_kernels, vector like) noexcept nogil:
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
        if n_vectors == 1:
            tile_over_columns(sum, rows, image + first, panel, bias, response + first, size, block, n_rows,
                              n_kernels, 1, n_columns, like)
        elif n_vectors == 2:
            tile_over_columns(sum, rows, image + first, panel, bias, response + first, size, block, n_rows,
                              n_kernels, 2, n_columns, like)
        else:
            tile_over_columns(sum, rows, image + first, panel, bias, response + first, size, block, n_rows,
                              n_kernels, 3, n_columns, like)


cdef inline void tiled_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t size, Py_ssize_t block,
                                    Py_ssize_t n_rows, Py_ssize_t n_kernels, vector like) noexcept nogil:
    """Rows of tiles `n_rows` high; the last one ends at the last row and may lie over the one before."""
    cdef Py_ssize_t y = 0
    while True:
        y = min(y, rows.n_rows - n_rows)
        row_over_columns(sum, rows, image + y * rows.window_row_pitch, panel, bias, response + y * rows.row_pitch,
                         size, block, n_rows, n_kernels, like)
        y += n_rows
        if y >= rows.n_rows:
            return


cdef inline void sized_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t size, Py_ssize_t block,
                                    vector like) noexcept nogil:
    """Tiles of as many rows and kernels as there are, where rows share pixels."""
    cdef Py_ssize_t n_rows = 1
    if rows.window_row_pitch == sum.kernel_row_pitch:
        n_rows = min(rows.n_rows, sum.kernel_height + 1)
    cdef bint one_block = TILE_COLUMNS == 14 and size == 3
    if rows.width == 1 and n_rows >= 4:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, block, 4, 1, like)
    elif rows.width == 1:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, block, 1, 1, like)
    elif rows.width == 2 and one_block and n_rows >= 4:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, block, 4, 2, like)
    elif rows.width == 2 and n_rows >= 2:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, block, 2, 2, like)
    elif rows.width == 2:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, block, 1, 2, like)
    elif one_block and n_rows >= 2:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, block, 2, 4, like)
    else:
        tiled_over_columns(sum, rows, image, panel, bias, response, size, block, 1, 4, like)


cdef inline void rows_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, vector like) noexcept nogil:
    if not sum.dense or sum.compensated or sum.pieces > 1:
        if sum.rows_per_block == 1:
            sized_over_columns(sum, rows, image, panel, bias, response, -1, 1, like)
        else:
            sized_over_columns(sum, rows, image, panel, bias, response, -1, 0, like)
    elif sum.kernel_height == 3 and sum.run == 3 and sum.rows_per_block == 3:
        sized_over_columns(sum, rows, image, panel, bias, response, 3, 3, like)
    elif sum.kernel_height == 5 and sum.run == 5 and sum.rows_per_block == 2:
        sized_over_columns(sum, rows, image, panel, bias, response, 5, 2, like)
    elif sum.rows_per_block == 1:
        sized_over_columns(sum, rows, image, panel, bias, response, 0, 1, like)
    elif sum.rows_per_block == 2:
        sized_over_columns(sum, rows, image, panel, bias, response, 0, 2, like)
    else:
        sized_over_columns(sum, rows, image, panel, bias, response, -1, 0, like)


# --- the rows of the table ----------------------------------------------------------------------------------------


cdef void over_kernels_f32(const Sum* sum, const Rows* rows, const float* image, const float* panel, const float* bias,
                           float* response) noexcept nogil:
    rows_over_kernels(sum, rows, image, panel, bias, response, False, 0, f32v_broadcast(0))


cdef void over_kernels_f64(const Sum* sum, const Rows* rows, const double* image, const double* panel,
                           const double* bias, double* response) noexcept nogil:
    rows_over_kernels(sum, rows, image, panel, bias, response, False, 0, f64v_broadcast(0))


cdef void over_channels_f32(const Sum* sum, const Rows* rows, const float* image, const float* panel,
                            const float* bias, float* response) noexcept nogil:
    rows_over_channels(sum, rows, image, panel, bias, response, f32v_broadcast(0))


cdef void over_channels_f64(const Sum* sum, const Rows* rows, const double* image, const double* panel,
                            const double* bias, double* response) noexcept nogil:
    rows_over_channels(sum, rows, image, panel, bias, response, f64v_broadcast(0))


cdef void over_columns_f32(const Sum* sum, const Rows* rows, const float* image, const float* panel, const float* bias,
                           float* response) noexcept nogil:
    rows_over_columns(sum, rows, image, panel, bias, response, f32v_broadcast(0))


cdef void over_columns_f64(const Sum* sum, const Rows* rows, const double* image, const double* panel,
                           const double* bias, double* response) noexcept nogil:
    rows_over_columns(sum, rows, image, panel, bias, response, f64v_broadcast(0))

# Lanes over channels, of which each has a pixel and a kernel of its own.
#
# A tile is up to 6 columns x 1 or 2 vectors of channels. Each multiply-add would take a load, most of them across two
# cache lines because nothing is aligned; where windows overlap by all but a column, rows of 3 taps load each vector of
# pixels once instead: 8 x 2 loads for 36 multiply-adds. Bound by the caches and the memory behind them; images that do
# not begin at a cache line take 1.4 times as long.

from microkernels cimport Rows, Sum, real
from simd cimport TILE_ACCUMULATORS, TILE_COLUMNS, a_zero, prefetch_to_write
from vectors cimport broadcast, close_block, in_register, n_lanes, store_lanes, total_of, vector


cdef inline void add_shared_run(const real* pixels, const real* panel, vector* sums, Py_ssize_t pitch,
                                Py_ssize_t n_columns, Py_ssize_t n_vectors, Py_ssize_t run, vector like) noexcept nogil:
    """A kernel row: each vector of pixels is loaded once, for all windows that it is a tap of."""
    cdef Py_ssize_t lanes = n_lanes(like), place, part, tap, column
    cdef vector own_pixels
    for place in range(n_columns + run - 1):
        for part in range(n_vectors):
            own_pixels = in_register((<const vector*> (pixels + place * pitch + part * lanes))[0])
            for tap in range(run):
                column = place - tap
                if 0 <= column < n_columns:
                    sums[column * n_vectors + part] = (
                        sums[column * n_vectors + part]
                        + own_pixels * (<const vector*> (panel + (tap * n_vectors + part) * lanes))[0])


cdef inline void add_run(const real* pixels, const real* panel, vector* sums, Py_ssize_t pitch, Py_ssize_t tap_pitch,
                         Py_ssize_t n_columns, Py_ssize_t n_vectors, Py_ssize_t run, vector like) noexcept nogil:
    """A run of taps, each window's pixels by loads of their own."""
    cdef Py_ssize_t lanes = n_lanes(like), tap, column, part
    cdef vector[2] taps
    for tap in range(run):
        for part in range(n_vectors):
            taps[part] = (<const vector*> (panel + (tap * n_vectors + part) * lanes))[0]
        for column in range(n_columns):
            for part in range(n_vectors):
                sums[column * n_vectors + part] = (
                    sums[column * n_vectors + part]
                    + (<const vector*> (pixels + column * pitch + part * lanes))[0] * taps[part])
        pixels += tap_pitch


cdef inline void tile_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                    bint compensated, Py_ssize_t shared_run, vector like) noexcept nogil:
    """`n_columns` windows x `n_vectors` vectors of channels; literal where it is called, so the loops unroll.

    A `shared_run` above 0 says that every segment has so many taps, and that each tap of a window is the tap before of
    the next window.
    """
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t lanes = n_lanes(like), n_sums = n_columns * n_vectors
    cdef Py_ssize_t segment_index, column, part
    cdef const real* pixels
    for column in range(n_columns):
        for part in range(n_vectors):
            sums[column * n_vectors + part] = zero
            totals[column * n_vectors + part] = (<const vector*> (bias + part * lanes))[0]
            prefetch_to_write(response + column * rows.column_pitch + part * lanes)
            if compensated:
                errors[column * n_vectors + part] = zero
    for segment_index in range(sum.n_segments):
        pixels = image + sum.segments[segment_index].offset
        if shared_run > 0:
            add_shared_run(pixels, panel, sums, sum.tap_pitch, n_columns, n_vectors, shared_run, like)
        else:
            add_run(pixels, panel, sums, rows.window_pitch, sum.tap_pitch, n_columns, n_vectors,
                    sum.segments[segment_index].n_taps, like)
        panel += sum.segments[segment_index].n_taps * n_vectors * lanes
        if sum.segments[segment_index].closes_block:
            close_block(sums, totals, errors, n_sums, compensated, not compensated and n_sums <= TILE_COLUMNS, like)
    if rows.n_kernels >= n_vectors * lanes:
        for column in range(n_columns):
            for part in range(n_vectors):
                (<vector*> (response + column * rows.column_pitch + part * lanes))[0] = total_of(
                    totals, errors, column * n_vectors + part, compensated)
        return
    for column in range(n_columns):
        for part in range(n_vectors):
            sums[column * n_vectors + part] = total_of(totals, errors, column * n_vectors + part, compensated)
    store_in_part(rows, <const vector*> sums, response, n_columns, n_vectors)


cdef void store_in_part(const Rows* rows, const vector* values, real* response, Py_ssize_t n_columns,
                        Py_ssize_t n_vectors) noexcept nogil:
    """A tile whose panel has more channels than exist; not inline, because the loops over pieces would unroll."""
    cdef Py_ssize_t column, part
    for column in range(n_columns):
        for part in range(n_vectors):
            store_lanes(response + column * rows.column_pitch, values[column * n_vectors + part],
                        part * n_lanes(values[0]), rows.n_kernels)


cdef inline void some_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                    Py_ssize_t shared_run, vector like) noexcept nogil:
    """Any number of columns up to a tile's, as a tile of that literal size."""
    if n_columns == 1:
        tile_over_channels(sum, rows, image, panel, bias, response, 1, n_vectors, False, shared_run, like)
    elif n_columns == 2:
        tile_over_channels(sum, rows, image, panel, bias, response, 2, n_vectors, False, shared_run, like)
    elif n_columns == 3:
        tile_over_channels(sum, rows, image, panel, bias, response, 3, n_vectors, False, shared_run, like)
    elif n_columns == 4:
        tile_over_channels(sum, rows, image, panel, bias, response, 4, n_vectors, False, shared_run, like)
    elif n_columns == 5:
        tile_over_channels(sum, rows, image, panel, bias, response, 5, n_vectors, False, shared_run, like)
    elif n_columns == 6:
        tile_over_channels(sum, rows, image, panel, bias, response, 6, n_vectors, False, shared_run, like)


cdef inline void long_sums_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                         const real* bias, real* response, Py_ssize_t n_vectors,
                                         vector like) noexcept nogil:
    """One row of compensated sums, four windows at once as long as there are four."""
    cdef Py_ssize_t column = 0
    while column + 4 <= rows.n_columns:
        tile_over_channels(sum, rows, image + column * rows.window_pitch, panel, bias,
                           response + column * rows.column_pitch, 4, n_vectors, True, 0, like)
        column += 4
    while column < rows.n_columns:
        tile_over_channels(sum, rows, image + column * rows.window_pitch, panel, bias,
                           response + column * rows.column_pitch, 1, n_vectors, True, 0, like)
        column += 1


cdef inline void row_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t shared_run,
                                   vector like) noexcept nogil:
    """One row in as few tiles as it takes, of sizes as equal as can be: more sums at once bring nothing."""
    cdef Py_ssize_t n_tiles = (rows.n_columns + 5) // 6
    cdef Py_ssize_t done = 0, n_columns, tile
    for tile in range(n_tiles):
        n_columns = (rows.n_columns - done + n_tiles - tile - 1) // (n_tiles - tile)
        if rows.width == n_lanes(like):
            some_over_channels(sum, rows, image, panel, bias, response, n_columns, 1, shared_run, like)
        else:
            some_over_channels(sum, rows, image, panel, bias, response, n_columns, 2, shared_run, like)
        image += n_columns * rows.window_pitch
        response += n_columns * rows.column_pitch
        done += n_columns


cdef inline void rows_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, vector like) noexcept nogil:
    cdef bint shares = sum.run == 3 and sum.pieces == 1 and rows.window_pitch == sum.tap_pitch
    cdef Py_ssize_t y
    for y in range(rows.n_rows):
        if sum.compensated and rows.width == n_lanes(like):
            long_sums_over_channels(sum, rows, image, panel, bias, response, 1, like)
        elif sum.compensated:
            long_sums_over_channels(sum, rows, image, panel, bias, response, 2, like)
        elif shares:
            row_over_channels(sum, rows, image, panel, bias, response, 3, like)
        else:
            row_over_channels(sum, rows, image, panel, bias, response, 0, like)
        image += rows.window_row_pitch
        response += rows.row_pitch

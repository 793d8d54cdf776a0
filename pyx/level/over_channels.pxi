# Lanes over channels, of which each has a pixel and a kernel of its own: kernels of any size, whose windows are read
# from a strip, or from an image without padding.
#
# A tile is up to 6 columns of one vector of channels, and 4 rows of windows (2 where registers are few) that share
# rows of pixels: a vector of pixels that is loaded feeds a multiply-add in each row. Where rows are not shared it feeds
# one. Most loads lie across two cache lines because nothing is aligned.

from microkernels cimport Rows, Sum, real
from simd cimport REGISTERS, TILE_ACCUMULATORS, a_zero
from vectors cimport broadcast, close_block, in_register, n_lanes, store_lanes, total_of, vector

cdef enum:
    MOST_CHANNEL_ROWS = 4


cdef inline void add_run(const real* pixels, const real* panel, vector* sums, Py_ssize_t pitch, Py_ssize_t tap_pitch,
                         Py_ssize_t run, Py_ssize_t row_taps, Py_ssize_t first_row, Py_ssize_t n_rows,
                         Py_ssize_t n_columns, vector like) noexcept nogil:
    """A run of taps of one row of pixels, in some of the tile's rows.

    `panel` is at the kernel row that the pixels are of the tile's first row; of the next one it is `row_taps` before.
    """
    cdef Py_ssize_t lanes = n_lanes(like), tap, column, row
    cdef vector[MOST_CHANNEL_ROWS] taps
    cdef vector own
    for tap in range(run):
        for row in range(first_row, first_row + n_rows):
            taps[row] = (<const vector*> (panel + (tap - row * row_taps) * lanes))[0]
        for column in range(n_columns):
            own = in_register((<const vector*> (pixels + column * pitch))[0])
            for row in range(first_row, first_row + n_rows):
                sums[row * n_columns + column] = sums[row * n_columns + column] + own * taps[row]
        pixels += tap_pitch


cdef inline void add_pixel_run(const Sum* sum, const Rows* rows, const real* image, const real* panel, vector* sums,
                               vector* totals, Py_ssize_t pixel_row, Py_ssize_t first_row, Py_ssize_t n_rows,
                               Py_ssize_t n_columns, vector like) noexcept nogil:
    """A row of pixels for some of the tile's rows, and the blocks that end with it."""
    cdef Py_ssize_t row
    add_run(image + pixel_row * sum.kernel_row_pitch, panel + pixel_row * sum.run * n_lanes(like), sums,
            rows.window_pitch, sum.tap_pitch, sum.run, sum.run, first_row, n_rows, n_columns, like)
    for row in range(first_row, first_row + n_rows):
        if sum.segments[pixel_row - row].closes_block:
            close_block(sums + row * n_columns, totals + row * n_columns, totals, n_columns, False, False, like)


cdef inline void tile_of_rows(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                              const real* bias, real* response, Py_ssize_t n_rows, Py_ssize_t n_columns,
                              vector like) noexcept nogil:
    """Rows that share their pixels, of kernels of as many rows or more: literal numbers where it is called."""
    cdef vector[TILE_ACCUMULATORS] sums, totals
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t pixel_row, index
    for index in range(n_rows * n_columns):
        sums[index] = zero
        totals[index] = (<const vector*> bias)[0]
    add_pixel_run(sum, rows, image, panel, sums, totals, 0, 0, 1, n_columns, like)
    if n_rows == 4:
        add_pixel_run(sum, rows, image, panel, sums, totals, 1, 0, 2, n_columns, like)
        add_pixel_run(sum, rows, image, panel, sums, totals, 2, 0, 3, n_columns, like)
    for pixel_row in range(n_rows - 1, sum.kernel_height):
        add_pixel_run(sum, rows, image, panel, sums, totals, pixel_row, 0, n_rows, n_columns, like)
    if n_rows == 4:
        add_pixel_run(sum, rows, image, panel, sums, totals, sum.kernel_height, 1, 3, n_columns, like)
        add_pixel_run(sum, rows, image, panel, sums, totals, sum.kernel_height + 1, 2, 2, n_columns, like)
    add_pixel_run(sum, rows, image, panel, sums, totals, sum.kernel_height + n_rows - 2, n_rows - 1, 1, n_columns,
                  like)
    for index in range(n_rows):
        store_channels(rows, totals + index * n_columns, response + index * rows.row_pitch, n_columns)


cdef inline void tile_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t n_columns, bint compensated,
                                    vector like) noexcept nogil:
    """One row of windows, whatever the sum."""
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t segment_index, column
    for column in range(n_columns):
        sums[column] = errors[column] = zero
        totals[column] = (<const vector*> bias)[0]
    for segment_index in range(sum.n_segments):
        add_run(image + sum.segments[segment_index].offset, panel, sums, rows.window_pitch, sum.tap_pitch,
                sum.segments[segment_index].n_taps, 0, 0, 1, n_columns, like)
        panel += sum.segments[segment_index].n_taps * n_lanes(like)
        if sum.segments[segment_index].closes_block:
            close_block(sums, totals, errors, n_columns, compensated, not compensated, like)
    for column in range(n_columns):
        totals[column] = total_of(totals, errors, column, compensated)
    store_channels(rows, totals, response, n_columns)


cdef inline void store_channels(const Rows* rows, const vector* values, real* response,
                                Py_ssize_t n_columns) noexcept nogil:
    """A row of a tile, of as many lanes as there are channels."""
    cdef Py_ssize_t column
    if rows.n_kernels < n_lanes(values[0]):
        store_in_part(rows, values, response, n_columns)
        return
    for column in range(n_columns):
        (<vector*> (response + column * rows.column_pitch))[0] = values[column]


cdef void store_in_part(const Rows* rows, const vector* values, real* response, Py_ssize_t n_columns) noexcept nogil:
    """Not inline, because the loops over pieces would unroll."""
    cdef Py_ssize_t column
    for column in range(n_columns):
        store_lanes(response + column * rows.column_pitch, values[column], 0, rows.n_kernels)


cdef inline void some_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t n_rows, Py_ssize_t n_columns,
                                    vector like) noexcept nogil:
    """A tile of those literal numbers of rows and columns."""
    if n_rows > 1:
        tile_of_rows(sum, rows, image, panel, bias, response, n_rows, n_columns, like)
    else:
        tile_over_channels(sum, rows, image, panel, bias, response, n_columns, False, like)


cdef inline void row_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t n_rows, vector like) noexcept nogil:
    """Rows that a tile does at once, in as few tiles as it takes, of sizes as equal as can be."""
    cdef Py_ssize_t n_tiles = (rows.n_columns + 5) // 6
    cdef Py_ssize_t done = 0, n_columns, tile
    for tile in range(n_tiles):
        n_columns = (rows.n_columns - done + n_tiles - tile - 1) // (n_tiles - tile)
        if n_columns == 1:
            some_over_channels(sum, rows, image, panel, bias, response, n_rows, 1, like)
        elif n_columns == 2:
            some_over_channels(sum, rows, image, panel, bias, response, n_rows, 2, like)
        elif n_columns == 3:
            some_over_channels(sum, rows, image, panel, bias, response, n_rows, 3, like)
        elif n_columns == 4:
            some_over_channels(sum, rows, image, panel, bias, response, n_rows, 4, like)
        elif n_columns == 5:
            some_over_channels(sum, rows, image, panel, bias, response, n_rows, 5, like)
        else:
            some_over_channels(sum, rows, image, panel, bias, response, n_rows, 6, like)
        image += n_columns * rows.window_pitch
        response += n_columns * rows.column_pitch
        done += n_columns


cdef inline void long_sums_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                         const real* bias, real* response, vector like) noexcept nogil:
    """One row of compensated sums, four windows at once as long as there are four."""
    cdef Py_ssize_t column = 0
    while column + 4 <= rows.n_columns:
        tile_over_channels(sum, rows, image + column * rows.window_pitch, panel, bias,
                           response + column * rows.column_pitch, 4, True, like)
        column += 4
    while column < rows.n_columns:
        tile_over_channels(sum, rows, image + column * rows.window_pitch, panel, bias,
                           response + column * rows.column_pitch, 1, True, like)
        column += 1


cdef inline void rows_over_channels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                    const real* bias, real* response, vector like) noexcept nogil:
    """Rows of windows, several at once where they share pixels; the last ones may lie over those before."""
    cdef Py_ssize_t at_once = MOST_CHANNEL_ROWS if REGISTERS == 32 else 2, y = 0
    cdef bint shares = (rows.window_row_pitch == sum.kernel_row_pitch and sum.n_segments == sum.kernel_height
                        and sum.kernel_height >= at_once and rows.n_rows >= at_once)
    while y < rows.n_rows:
        if shares and not sum.compensated:
            y = min(y, rows.n_rows - at_once)
            row_over_channels(sum, rows, image + y * rows.window_row_pitch, panel, bias,
                              response + y * rows.row_pitch, MOST_CHANNEL_ROWS if REGISTERS == 32 else 2, like)
            y += at_once
        elif sum.compensated:
            long_sums_over_channels(sum, rows, image + y * rows.window_row_pitch, panel, bias,
                                    response + y * rows.row_pitch, like)
            y += 1
        else:
            row_over_channels(sum, rows, image + y * rows.window_row_pitch, panel, bias,
                              response + y * rows.row_pitch, 1, like)
            y += 1

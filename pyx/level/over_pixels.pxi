# Lanes over channels, of kernels of 3x3, 5x5 and 7x7 without column dilation: pixels are read where they lie. Those of
# 7x7 go down their columns (down_channels.pxi), the others in tiles.
#
# A tile is 1 or 2 rows x up to 7 columns of windows (4 where registers are few). Where each of its pixels lies, in the
# image or in the padding, is found once for all vectors of channels, which then are read one after the other: each
# vector of pixels is loaded once and feeds all windows that it is a tap of. For 3x3 the taps stay in registers: 36
# loads for 126 multiply-adds, half of them across two cache lines because nothing is aligned.

# Groups of four channels and four kernels share vectors: lanes are the kernels of some groups, and each group's four
# lanes are given one of its four channels after the other.

from microkernels cimport PADDING, Pixels, Rows, Sum, real
from simd cimport CHANNEL_COLUMNS, a_zero, prefetch
from vectors cimport broadcast, close_block, in_register, n_lanes, vector

cdef enum:
    MOST_COLUMNS = 2 * 6 + 5        # of a tile's pixels: of 7 windows two apart
    MOST_PLACES = 5 * MOST_COLUMNS
    LINE = 64  # bytes of a cache's line


cdef inline void find_places(const Pixels* pixels, const real** places, Py_ssize_t first_row, Py_ssize_t first_column,
                             Py_ssize_t n_rows, Py_ssize_t n_columns, real like) noexcept nogil:
    """Places of the pixels of some rows and columns."""
    cdef Py_ssize_t row, column, offset, place
    for row in range(n_rows):
        offset = pixels.rows[first_row + row * pixels.row_dilation]
        for column in range(n_columns):
            place = pixels.columns[first_column + column]
            if offset == PADDING or place == PADDING:
                places[row * n_columns + column] = <const real*> pixels.fill
            else:
                places[row * n_columns + column] = <const real*> pixels.origin + offset + place


cdef inline void fetch_pixels(const real** places, Py_ssize_t n_places, Py_ssize_t offset) noexcept nogil:
    """Lines of the rows of pixels that the windows below have and these do not."""
    cdef Py_ssize_t place
    for place in range(n_places):
        prefetch(places[place] + offset)


cdef inline void load_pixels(const real** places, Py_ssize_t channel, vector* pixels, Py_ssize_t first,
                             Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t place
    for place in range(first, end):
        pixels[place] = in_register((<const vector*> (places[place] + channel))[0])


cdef inline void add_pixel_row(const real** places, Py_ssize_t channel, const real* panel, vector* sums,
                               Py_ssize_t size, Py_ssize_t stride, Py_ssize_t pixel_row, Py_ssize_t first_row,
                               Py_ssize_t n_rows, Py_ssize_t n_columns, vector like) noexcept nogil:
    """A row of pixels times the taps that it meets, in the windows of some of the tile's rows."""
    cdef vector[MOST_COLUMNS] pixels
    cdef Py_ssize_t column, row, tap, lanes = n_lanes(like)
    places += pixel_row * ((n_columns - 1) * stride + size)
    panel += pixel_row * size * lanes
    load_pixels(places, channel, pixels, 0, size - stride)
    for column in range(n_columns):
        load_pixels(places, channel, pixels, (column - 1) * stride + size, column * stride + size)
        for row in range(first_row, first_row + n_rows):
            for tap in range(size):
                sums[row * n_columns + column] = (
                    sums[row * n_columns + column]
                    + pixels[column * stride + tap] * (<const vector*> (panel + (tap - row * size) * lanes))[0])


cdef inline void add_pixel_rows(const real** places, Py_ssize_t channel, const real* panel, vector* sums,
                                vector* totals, Py_ssize_t size, Py_ssize_t stride, Py_ssize_t n_rows,
                                Py_ssize_t n_columns, vector like) noexcept nogil:
    """All taps of one vector of channels, in blocks of three rows of 3 taps, and of two rows of 5."""
    cdef Py_ssize_t pixel_row
    if n_rows == 2:
        add_pixel_row(places, channel, panel, sums, size, stride, 0, 0, 1, n_columns, like)
        add_pixel_row(places, channel, panel, sums, size, stride, 1, 0, 2, n_columns, like)
        add_pixel_row(places, channel, panel, sums, size, stride, 2, 0, 2, n_columns, like)
        add_pixel_row(places, channel, panel, sums, size, stride, 3, 1, 1, n_columns, like)
    else:
        for pixel_row in range(size):
            add_pixel_row(places, channel, panel, sums, size, stride, pixel_row, 0, 1, n_columns, like)
            if size == 5 and (pixel_row == 1 or pixel_row == 3):
                close_block(sums, totals, totals, n_columns, False, True, like)
    close_block(sums, totals, totals, n_rows * n_columns, False, True, like)


cdef inline void tile_of_pixels(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias,
                                real* response, Py_ssize_t first_row, Py_ssize_t first_column, Py_ssize_t depth,
                                Py_ssize_t size, Py_ssize_t stride, Py_ssize_t n_rows, Py_ssize_t n_columns,
                                vector like) noexcept nogil:
    """Windows of all vectors of channels; two rows of windows have neither stride nor dilation, and 3x3 taps."""
    cdef const real* places[MOST_PLACES]
    cdef vector[2 * CHANNEL_COLUMNS] sums, totals
    cdef Py_ssize_t lanes = n_lanes(like), n_channels = rows.n_kernels, first, channel = 0, row, column
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t row_length = (n_columns - 1) * stride + size, new_rows = n_rows * stride
    cdef real* target
    find_places(pixels, places, first_row, first_column, n_rows - 1 + size, row_length, panel[0])
    while channel < n_channels:
        first = max(0, min(channel, n_channels - lanes))
        if pixels.row_ahead and channel * <Py_ssize_t> sizeof(real) % LINE == 0:
            fetch_pixels(places + (n_rows - 1 + size - new_rows) * row_length, new_rows * row_length,
                         channel + new_rows * pixels.row_ahead)
        for column in range(n_rows * n_columns):
            sums[column] = zero
            totals[column] = (<const vector*> (bias + channel))[0]
        if depth == 4:
            add_rows_of_fours(places, first, panel, sums, totals, stride, n_columns, like)
        else:
            add_pixel_rows(places, first, panel, sums, totals, size, stride, n_rows, n_columns, like)
        target = response + first
        for row in range(n_rows):
            store_channels(rows, totals + row * n_columns, target, n_columns)
            target += rows.row_pitch
        channel += lanes
        panel += size * size * depth * lanes


cdef inline void some_columns(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias,
                              real* response, Py_ssize_t first_row, Py_ssize_t first_column, Py_ssize_t depth,
                              Py_ssize_t size, Py_ssize_t stride, Py_ssize_t n_rows, Py_ssize_t n_columns,
                              vector like) noexcept nogil:
    """A tile of that literal number of columns."""
    if n_columns == CHANNEL_COLUMNS:
        tile_of_pixels(rows, pixels, panel, bias, response, first_row, first_column, depth, size, stride,
                       n_rows, CHANNEL_COLUMNS, like)
    elif CHANNEL_COLUMNS > 6 and n_columns == 6:
        tile_of_pixels(rows, pixels, panel, bias, response, first_row, first_column, depth, size, stride,
                       n_rows, 6, like)
    elif CHANNEL_COLUMNS > 5 and n_columns == 5:
        tile_of_pixels(rows, pixels, panel, bias, response, first_row, first_column, depth, size, stride,
                       n_rows, 5, like)
    elif CHANNEL_COLUMNS > 4 and n_columns == 4:
        tile_of_pixels(rows, pixels, panel, bias, response, first_row, first_column, depth, size, stride,
                       n_rows, 4, like)
    elif n_columns == 3:
        tile_of_pixels(rows, pixels, panel, bias, response, first_row, first_column, depth, size, stride,
                       n_rows, 3, like)
    elif n_columns == 2:
        tile_of_pixels(rows, pixels, panel, bias, response, first_row, first_column, depth, size, stride,
                       n_rows, 2, like)
    else:
        tile_of_pixels(rows, pixels, panel, bias, response, first_row, first_column, depth, size, stride,
                       n_rows, 1, like)


cdef inline void row_of_pixels(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias,
                               real* response, Py_ssize_t y, Py_ssize_t depth, Py_ssize_t size, Py_ssize_t stride,
                               Py_ssize_t n_rows, vector like) noexcept nogil:
    """Tiles of equal width; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t n_tiles = (rows.n_columns + CHANNEL_COLUMNS - 1) // CHANNEL_COLUMNS
    cdef Py_ssize_t n_columns = (rows.n_columns + n_tiles - 1) // n_tiles, tile, first
    for tile in range(n_tiles):
        first = min(tile * n_columns, rows.n_columns - n_columns)
        some_columns(rows, pixels, panel, bias, response + y * rows.row_pitch + first * rows.column_pitch,
                     y * pixels.row_stride, first * stride, depth, size, stride, n_rows, n_columns, like)


cdef inline void sized_over_pixels(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias,
                                   real* response, Py_ssize_t depth, Py_ssize_t size, Py_ssize_t stride,
                                   vector like) noexcept nogil:
    """Rows of windows in twos, where two share their pixels and their sums fit the registers."""
    cdef bint shares = depth == 1 and size == 3 and stride == 1 and pixels.row_stride == 1 and pixels.row_dilation == 1
    cdef Py_ssize_t y = 0
    while y < rows.n_rows:
        if shares and y + 2 <= rows.n_rows:
            row_of_pixels(rows, pixels, panel, bias, response, y, depth, size, stride, 2, like)
            y += 2
        else:
            row_of_pixels(rows, pixels, panel, bias, response, y, depth, size, stride, 1, like)
            y += 1


cdef void pixels_of_3x3(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias, real* response,
                        vector like) noexcept nogil:
    sized_over_pixels(rows, pixels, panel, bias, response, 1, 3, 1, like)


cdef void pixels_of_3x3_apart(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias,
                              real* response, vector like) noexcept nogil:
    sized_over_pixels(rows, pixels, panel, bias, response, 1, 3, 2, like)


cdef void pixels_of_5x5(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias, real* response,
                        vector like) noexcept nogil:
    sized_over_pixels(rows, pixels, panel, bias, response, 1, 5, 1, like)


cdef void pixels_of_5x5_apart(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias,
                              real* response, vector like) noexcept nogil:
    sized_over_pixels(rows, pixels, panel, bias, response, 1, 5, 2, like)


cdef void pixels_of_fours(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias, real* response,
                          vector like) noexcept nogil:
    sized_over_pixels(rows, pixels, panel, bias, response, 4, 3, 1, like)


cdef void pixels_of_fours_apart(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias,
                                real* response, vector like) noexcept nogil:
    sized_over_pixels(rows, pixels, panel, bias, response, 4, 3, 2, like)


cdef inline void rows_over_pixels(const Sum* sum, const Rows* rows, const Pixels* pixels, const real* panel,
                                  const real* bias, real* response, vector like) noexcept nogil:
    if pixels.depth == 4 and pixels.column_stride == 1:
        pixels_of_fours(rows, pixels, panel, bias, response, like)
    elif pixels.depth == 4:
        pixels_of_fours_apart(rows, pixels, panel, bias, response, like)
    elif sum.run == 3 and pixels.column_stride == 1:
        pixels_of_3x3(rows, pixels, panel, bias, response, like)
    elif sum.run == 3:
        pixels_of_3x3_apart(rows, pixels, panel, bias, response, like)
    elif sum.run == 7:
        channels_of_7x7_down(rows, pixels, panel, bias, response, like)
    elif pixels.column_stride == 1:
        pixels_of_5x5(rows, pixels, panel, bias, response, like)
    else:
        pixels_of_5x5_apart(rows, pixels, panel, bias, response, like)

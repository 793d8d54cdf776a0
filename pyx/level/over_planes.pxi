# Lanes over columns, plane by plane, of depthwise layers whose channels lie apart, with kernels of 3x3 and 5x5 (and of
# 7x7: down_planes.pxi).
#
# A plane is read where it lies, whatever its padding: a tile is up to 7 rows of one vector of columns, and of each row
# of pixels a vector is loaded for each tap, without the lanes that lie in the padding where there are some, and feeds
# all rows of windows that it is a tap of; rows of few vectors are loaded once and shifted (shifted_planes.pxi). With a
# column stride of 2 each second lane of two vectors is taken, and with 16 registers the rows of pixels that the tile
# below reads are fetched: a line for each row. Planes that are no wider than half a vector share vectors
# with the next plane where the level has masks; other small planes go down their columns (down_planes.pxi), or are
# turned around (turned_planes.pxi).

from microkernels cimport PADDING, Pixels, Rows, Sum, real
from simd cimport F32_LANES, HALVES, REGISTERS, SHIFTS, a_zero, lanes_mask, lines_of_vectors, opaque, prefetch
from vectors cimport broadcast, n_lanes, vector

cdef enum:
    NARROW = 2  # vectors that a row of windows of 3x3 fills at most, if rows of pixels are shifted
    MEDIUM = 4  # and of 5x5, which fills more than one


cdef inline void find_lanes(const Tile* tile, Py_ssize_t first_column, lanes_mask* lanes, Py_ssize_t size,
                            Py_ssize_t stride, bint in_halves, vector like) noexcept nogil:
    """The lanes of each vector that a row of pixels is loaded into that do not lie in the padding."""
    cdef Py_ssize_t n = n_lanes(like) // 2 if in_halves else n_lanes(like), index, column
    for index in range(size + stride - 1):
        column = first_column * stride + (index if stride == 1 else index // 2 * 2 + index % 2 * n)
        lanes[index] = lanes_between(tile.first_inside - column, tile.end_inside - column, n, like)


cdef inline void load_taps(const real* row, const Tile* tile, const lanes_mask* lanes, vector* columns, vector fill,
                           Py_ssize_t size, Py_ssize_t stride, bint masked, bint in_halves) noexcept nogil:
    """The vector of each tap in one row of pixels."""
    cdef Py_ssize_t index, offset
    cdef vector[6] loaded
    for index in range(size + stride - 1):
        offset = index if stride == 1 else index // 2 * 2 + index % 2 * n_lanes(fill)
        if in_halves:
            loaded[index] = inside_halves(row + offset, row + offset + tile.next_pixels, lanes[index], fill)
        elif masked:
            loaded[index] = inside(row + offset, lanes[index], fill)
        else:
            loaded[index] = (<const vector*> (row + offset))[0]
    for index in range(size):
        if stride == 1:
            columns[index] = loaded[index]
        elif index % 2 == 0:
            columns[index] = evens(loaded[index], loaded[index + 1])
        else:
            columns[index] = odds(loaded[index - 1], loaded[index])


cdef inline void add_taps_of_row(const vector* columns, const vector* taps, vector* sums, vector* totals,
                                 Py_ssize_t size, Py_ssize_t stride, Py_ssize_t pixel_row, Py_ssize_t n_rows,
                                 vector zero) noexcept nogil:
    """A row of pixels in the rows of windows that it is a kernel row of, in blocks of 3 rows of 3 taps, of 2 of 5."""
    cdef Py_ssize_t row, kernel_row, tap
    for row in range(n_rows):
        kernel_row = pixel_row - row * stride
        if 0 <= kernel_row < size:
            for tap in range(size):
                sums[row] = sums[row] + columns[tap] * taps[kernel_row * size + tap]
            if kernel_row == size - 1 or (size == 5 and kernel_row % 2 == 1):
                totals[row] = totals[row] + sums[row]
                sums[row] = zero


cdef inline void tile_of_plane(const Tile* tile, const lanes_mask* lanes, const Py_ssize_t* places,
                               Py_ssize_t row_dilation, const real* plane, const vector* taps, vector bias,
                               vector fill, real* response, Py_ssize_t size, Py_ssize_t stride, Py_ssize_t n_rows,
                               bint masked, bint in_halves) noexcept nogil:
    """Windows of `n_rows` rows, which are `stride` apart; all numbers are literal where it is called."""
    cdef vector[MOST_ROWS] sums, totals
    cdef vector[5] columns
    cdef vector zero = broadcast(a_zero, bias)
    cdef Py_ssize_t pixel_row, row, tap, place
    places = <const Py_ssize_t*> opaque(places)
    for row in range(n_rows):
        sums[row] = zero
        totals[row] = bias
    for pixel_row in range((n_rows - 1) * stride + size):
        place = places[pixel_row * (row_dilation if n_rows == 1 else 1)]
        if place == PADDING:
            for tap in range(size):
                columns[tap] = fill
        else:
            load_taps(plane + place, tile, lanes, columns, fill, size, stride, masked, in_halves)
            if REGISTERS == 16 and stride == 2 and n_rows == 4 and pixel_row >= size - stride:
                prefetch(plane + place + tile.row_ahead * (n_rows * stride))
        add_taps_of_row(columns, taps, sums, totals, size, stride, pixel_row, n_rows, zero)
    for row in range(n_rows):
        if in_halves:
            store_halves(response, response + tile.next_response, totals[row], tile.n_columns)
        elif masked and tile.n_columns < n_lanes(bias):
            store_first(response, totals[row], tile.n_columns)
        else:
            (<vector*> response)[0] = totals[row]
        response += tile.row_pitch


cdef inline bint lies_inside(const Tile* tile, Py_ssize_t x, Py_ssize_t n_columns, Py_ssize_t size, Py_ssize_t stride,
                             vector like) noexcept nogil:
    """Whether all that a whole tile of columns reads is the image's."""
    return (tile.first_inside <= x * stride and (x + n_lanes(like)) * stride + size - 1 <= tile.end_inside
            and n_columns >= n_lanes(like))


cdef inline void row_of_tiles(const Tile* tile, const Pixels* pixels, const real* plane, const vector* taps,
                              vector bias, vector fill, real* response, Py_ssize_t y, Py_ssize_t n_columns,
                              Py_ssize_t size, Py_ssize_t stride, Py_ssize_t n_rows, bint in_halves,
                              bint by_shifts) noexcept nogil:
    """Tiles beside each other; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t width = n_lanes(bias), x = 0, row_dilation = pixels.row_dilation
    cdef const Py_ssize_t* places = pixels.rows + y * pixels.row_stride
    cdef lanes_mask[6] lanes
    cdef const lanes_mask* masks
    if by_shifts:
        row_of_shifted(tile, pixels, plane, taps, bias, fill, response, y, n_columns, size, n_rows)
        return
    plane -= tile.first_inside
    response += y * tile.row_pitch
    while x < n_columns:
        x = max(0, min(x, n_columns - width))
        if in_halves:
            tile_of_plane(tile, tile.first_lanes, places, row_dilation, plane + x * stride, taps, bias, fill,
                          response + x, size, stride, n_rows, True, True)
        elif lies_inside(tile, x, n_columns, size, stride, bias):
            tile_of_plane(tile, lanes, places, row_dilation, plane + x * stride, taps, bias, fill, response + x, size,
                          stride, n_rows, False, False)
        else:
            masks = &tile.last_lanes[0]
            if x == 0:
                masks = &tile.first_lanes[0]
            elif x + width < n_columns:
                find_lanes(tile, x, lanes, size, stride, False, bias)
                masks = &lanes[0]
            tile_of_plane(tile, masks, places, row_dilation, plane + x * stride, taps, bias, fill, response + x, size,
                          stride, n_rows, True, False)
        x += width


cdef inline void one_plane(const Tile* tile, const Rows* rows, const Pixels* pixels, const real* plane,
                           const vector* taps, vector bias, vector fill, real* response, Py_ssize_t size,
                           Py_ssize_t stride, bint in_halves, bint by_shifts) noexcept nogil:
    """Tiles of as many rows as there are and fit the registers; the last ones may lie over those before."""
    cdef bint shares = pixels.row_dilation == 1 and pixels.row_stride == stride
    cdef Py_ssize_t n_rows = rows.n_rows, n_columns = rows.n_columns, y = 0
    while y < n_rows:
        if shares and REGISTERS == 32 and size == 3 and stride == 1 and n_rows >= MOST_ROWS:
            y = min(y, n_rows - MOST_ROWS)
            row_of_tiles(tile, pixels, plane, taps, bias, fill, response, y, n_columns, size, stride, MOST_ROWS,
                         in_halves, by_shifts)
            y += MOST_ROWS
        elif shares and n_rows >= 4:
            y = min(y, n_rows - 4)
            row_of_tiles(tile, pixels, plane, taps, bias, fill, response, y, n_columns, size, stride, 4, in_halves,
                         by_shifts)
            y += 4
        elif shares and n_rows >= 2:
            y = min(y, n_rows - 2)
            row_of_tiles(tile, pixels, plane, taps, bias, fill, response, y, n_columns, size, stride, 2, in_halves,
                         by_shifts)
            y += 2
        else:
            row_of_tiles(tile, pixels, plane, taps, bias, fill, response, y, n_columns, size, stride, 1, in_halves,
                         by_shifts)
            y += 1


cdef inline void sized_over_planes(const Rows* rows, const Pixels* pixels, const real* panels, const real* bias,
                                   real* response, Py_ssize_t size, Py_ssize_t stride, bint in_halves,
                                   bint by_shifts, vector like) noexcept nogil:
    """All channels, one after the other, or two at once."""
    cdef vector[9] few_taps
    cdef lines_of_vectors[2] memory
    cdef vector* taps = few_taps
    cdef Py_ssize_t lanes = n_lanes(like), channel = 0, place, other, tap, n_taps = size * size
    cdef const real* plane = <const real*> pixels.origin
    cdef const real* fill = <const real*> pixels.fill
    cdef Tile tile
    if size == 5:
        taps = <vector*> memory
    tile.first_inside, tile.end_inside = pixels.first_inside, pixels.end_inside
    tile.row_pitch, tile.n_columns, tile.row_ahead = rows.row_pitch, min(rows.n_columns, lanes), pixels.row_ahead
    if by_shifts:
        find_loaded_lanes(&tile, 0, tile.first_lanes, like)
    else:
        find_lanes(&tile, 0, tile.first_lanes, size, stride, in_halves, like)
    find_lanes(&tile, max(0, rows.n_columns - lanes), tile.last_lanes, size, stride, in_halves, like)
    while channel < rows.n_kernels:
        place = other = place_of_channel(channel, rows.n_kernels, lanes, n_taps)
        if in_halves and channel + 1 < rows.n_kernels:
            tile.next_pixels, tile.next_response = pixels.channel_pitch, rows.kernel_pitch
            other = place_of_channel(channel + 1, rows.n_kernels, lanes, n_taps)
            for tap in range(n_taps):
                taps[tap] = halves(panels[place + tap * lanes], panels[other + tap * lanes], like)
            one_plane(&tile, rows, pixels, plane, taps, halves(bias_of(bias, place, n_taps, lanes),
                      bias_of(bias, other, n_taps, lanes), like), halves(fill[channel], fill[channel + 1], like),
                      response, size, stride, True, False)
            channel, plane, response = channel + 1, plane + pixels.channel_pitch, response + rows.kernel_pitch
        else:
            for tap in range(n_taps):
                taps[tap] = broadcast(panels[place + tap * lanes], like)
            one_plane(&tile, rows, pixels, plane, taps, broadcast(bias_of(bias, place, n_taps, lanes), like),
                      broadcast(fill[channel], like), response, size, stride, False,
                      by_shifts)
        channel, plane, response = channel + 1, plane + pixels.channel_pitch, response + rows.kernel_pitch


cdef inline Py_ssize_t place_of_channel(Py_ssize_t channel, Py_ssize_t n_channels, Py_ssize_t lanes,
                                        Py_ssize_t n_taps) noexcept nogil:
    """Elements from the panels' beginning to a channel's first tap."""
    cdef Py_ssize_t first = channel - channel % lanes
    if first + lanes > n_channels >= lanes:  # the last vector is of the last channels
        return first * n_taps + channel - (n_channels - lanes)
    return first * n_taps + channel - first


cdef inline real bias_of(const real* bias, Py_ssize_t place, Py_ssize_t n_taps, Py_ssize_t lanes) noexcept nogil:
    """The bias of the channel whose first tap is at `place`."""
    return bias[place // (n_taps * lanes) * lanes + place % (n_taps * lanes)]


cdef void planes_of_3x3(const Rows* rows, const Pixels* pixels, const real* panels, const real* bias, real* response,
                        vector like) noexcept nogil:
    sized_over_planes(rows, pixels, panels, bias, response, 3, 1, False, False, like)


cdef void planes_of_3x3_in_halves(const Rows* rows, const Pixels* pixels, const real* panels, const real* bias,
                                  real* response, vector like) noexcept nogil:
    sized_over_planes(rows, pixels, panels, bias, response, 3, 1, True, False, like)


cdef void planes_of_3x3_apart(const Rows* rows, const Pixels* pixels, const real* panels, const real* bias,
                              real* response, vector like) noexcept nogil:
    sized_over_planes(rows, pixels, panels, bias, response, 3, 2, False, False, like)


cdef void planes_of_5x5(const Rows* rows, const Pixels* pixels, const real* panels, const real* bias, real* response,
                        vector like) noexcept nogil:
    sized_over_planes(rows, pixels, panels, bias, response, 5, 1, False, False, like)


cdef void planes_of_5x5_apart(const Rows* rows, const Pixels* pixels, const real* panels, const real* bias,
                              real* response, vector like) noexcept nogil:
    sized_over_planes(rows, pixels, panels, bias, response, 5, 2, False, False, like)


cdef void shifted_planes_of_3x3(const Rows* rows, const Pixels* pixels, const real* panels, const real* bias,
                                real* response, vector like) noexcept nogil:
    sized_over_planes(rows, pixels, panels, bias, response, 3, 1, False, SHIFTS, like)


cdef void shifted_planes_of_5x5(const Rows* rows, const Pixels* pixels, const real* panels, const real* bias,
                                real* response, vector like) noexcept nogil:
    sized_over_planes(rows, pixels, panels, bias, response, 5, 1, False, SHIFTS, like)


cdef inline void rows_over_planes(const Sum* sum, const Rows* rows, const Pixels* pixels, const real* panels,
                                  const real* bias, real* response, vector like) noexcept nogil:
    cdef Block block
    cdef Laid laid
    if goes_down(sum, rows, pixels, &laid, sizeof(real), n_lanes(like)):
        laid_planes(sum, rows, pixels, &laid, panels, bias, response, like)
        return
    if real is float and F32_LANES >= 8:
        if (leaves_lanes_empty(sum, rows, pixels, n_lanes(like))
                and finds_block(sum, rows, pixels, &block, n_lanes(like))):
            turned_planes(sum, rows, pixels, &block, panels, bias, response, like)
            return
    if sum.run == 3 and pixels.column_stride == 1 and HALVES and 2 * rows.n_columns <= n_lanes(like):
        planes_of_3x3_in_halves(rows, pixels, panels, bias, response, like)
    elif SHIFTS and sum.run == 3 and pixels.column_stride == 1 and rows.n_columns <= NARROW * n_lanes(like):
        shifted_planes_of_3x3(rows, pixels, panels, bias, response, like)
    elif (SHIFTS and sum.run == 5 and pixels.column_stride == 1
            and n_lanes(like) < rows.n_columns <= MEDIUM * n_lanes(like)):
        shifted_planes_of_5x5(rows, pixels, panels, bias, response, like)
    elif sum.run == 3 and pixels.column_stride == 1:
        planes_of_3x3(rows, pixels, panels, bias, response, like)
    elif sum.run == 3:
        planes_of_3x3_apart(rows, pixels, panels, bias, response, like)
    elif pixels.column_stride == 1:
        planes_of_5x5(rows, pixels, panels, bias, response, like)
    else:
        planes_of_5x5_apart(rows, pixels, panels, bias, response, like)

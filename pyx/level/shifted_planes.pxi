# Tiles of planes with 3x3 kernels and a column stride of 1, at levels whose vectors can be shifted: a row of pixels is
# loaded once, and the vectors of its taps are made of that in registers. Most loads would lie across two cache lines.
# Masks of lanes are kept in registers of their own: to load one costs as much as to load pixels.

from microkernels cimport PADDING, Pixels, real
from simd cimport a_zero, lanes_mask, opaque
from vectors cimport broadcast, n_lanes, shifted, vector

cdef extern from *:
    """
    #if XCORR_HALVES
    static inline xcorr_lanes xcorr_kept_lanes(xcorr_lanes lanes) { __asm__("" : "+k"(lanes)); return lanes; }
    #else
    static inline xcorr_lanes xcorr_kept_lanes(xcorr_lanes lanes) { return lanes; }
    #endif
    """
    lanes_mask kept_lanes "xcorr_kept_lanes"(lanes_mask) noexcept nogil


cdef enum:
    MOST_TAPS = 5 * 5
    MOST_ROWS = 7  # of a tile's windows


cdef struct Tile:  # padded rows and columns are counted from the first window's on
    Py_ssize_t first_inside, end_inside  # columns that do not lie in the padding
    Py_ssize_t n_columns            # that are stored
    Py_ssize_t row_pitch            # of the response
    Py_ssize_t next_pixels          # elements to the plane whose columns are the upper half of the lanes
    Py_ssize_t next_response
    lanes_mask[6] first_lanes, last_lanes  # that do not lie in the padding, of the first and the last tile of a row


cdef inline void find_loaded_lanes(const Tile* tile, Py_ssize_t column, lanes_mask* lanes, vector like) noexcept nogil:
    """The lanes of two vectors from a column on that do not lie in the padding."""
    cdef Py_ssize_t part
    for part in range(2):
        lanes[part] = lanes_between(tile.first_inside - column, tile.end_inside - column, n_lanes(like), like)
        column += n_lanes(like)


cdef inline void load_row(const real* row, const lanes_mask* lanes, vector* pixels, vector fill) noexcept nogil:
    pixels[0] = inside(row, lanes[0], fill)
    pixels[1] = inside(row + n_lanes(fill), lanes[1], fill)


cdef inline void add_row_of_pixels(const vector* pixels, const vector* taps, vector* sums, vector* totals,
                                   Py_ssize_t pixel_row, Py_ssize_t n_rows, vector like) noexcept nogil:
    """A row of pixels in the rows of windows that it is a kernel row of."""
    cdef Py_ssize_t row, kernel_row, tap
    cdef vector column
    for tap in range(3):
        column = pixels[0] if tap == 0 else shifted(pixels[0], pixels[1], tap)
        for row in range(n_rows):
            kernel_row = pixel_row - row
            if 0 <= kernel_row < 3:
                sums[row] = sums[row] + column * taps[kernel_row * 3 + tap]
    row = pixel_row - 2
    if 0 <= row < n_rows:
        totals[row] = totals[row] + sums[row]


cdef inline void tile_of_shifted(const Tile* tile, const lanes_mask* lanes, const Py_ssize_t* places,
                                 Py_ssize_t row_dilation, const real* plane, const vector* taps, vector bias,
                                 vector fill, real* response, Py_ssize_t n_columns, Py_ssize_t n_rows) noexcept nogil:
    """Windows of `n_rows` rows, a literal number, of which some columns are stored."""
    cdef vector[MOST_ROWS] sums, totals
    cdef vector[2] pixels
    cdef lanes_mask[2] kept
    cdef Py_ssize_t pixel_row, row, place
    places = <const Py_ssize_t*> opaque(places)
    kept[0], kept[1] = kept_lanes(lanes[0]), kept_lanes(lanes[1])
    for row in range(n_rows):
        sums[row] = broadcast(a_zero, bias)
        totals[row] = bias
    for pixel_row in range(n_rows + 2):
        place = places[pixel_row * (row_dilation if n_rows == 1 else 1)]
        if place == PADDING:
            pixels[0] = pixels[1] = fill
        else:
            load_row(plane + place, kept, pixels, fill)
        add_row_of_pixels(pixels, taps, sums, totals, pixel_row, n_rows, bias)
    for row in range(n_rows):
        if n_columns < n_lanes(bias):
            store_first(response, totals[row], n_columns)
        else:
            (<vector*> response)[0] = totals[row]
        response += tile.row_pitch


cdef inline void row_of_shifted(const Tile* tile, const Pixels* pixels, const real* plane, const vector* taps,
                                vector bias, vector fill, real* response, Py_ssize_t y, Py_ssize_t n_columns,
                                Py_ssize_t n_rows) noexcept nogil:
    """Tiles beside each other; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t x = 0, width = n_lanes(bias)
    cdef const Py_ssize_t* places = pixels.rows + y * pixels.row_stride
    cdef lanes_mask[2] found
    cdef const lanes_mask* lanes = &tile.first_lanes[0]
    plane -= tile.first_inside
    response += y * tile.row_pitch
    while x < n_columns:
        x = max(0, min(x, n_columns - width))
        if x > 0:
            find_loaded_lanes(tile, x, found, bias)
            lanes = &found[0]
        tile_of_shifted(tile, lanes, places, pixels.row_dilation, plane + x, taps, bias, fill, response + x,
                        n_columns, n_rows)
        x += width

# Tiles of planes with a column stride of 1, at levels whose vectors can be shifted: a row of pixels is loaded once, and
# the vectors of its taps are made of that in registers. Most loads would lie across two cache lines.
#
# A tile of 3x3 is one vector wide, one of 5x5 two, so that taps, which do not fit the registers, are loaded once for
# both. Masks of lanes are kept in registers of their own: to load one costs as much as to load pixels. Sums are held in
# registers, and taps of 5x5 are no constants of the loop: the compiler would keep both on the stack. 5x5 on 28x28 takes
# 0.76 of the time of a load for each tap, on 56x56 0.84, in float64 on 14x14 0.76; 3x3 on 28x28 0.95. 2026-11-27, AMD
# EPYC (Zen 5), level v4, 1 worker, both builds in turn.

from microkernels cimport PADDING, Pixels, real
from simd cimport a_zero, lanes_mask, opaque
from vectors cimport broadcast, in_register, n_lanes, shifted, vector

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
    Py_ssize_t row_ahead            # elements to the next row of pixels, where rows are fetched ahead
    Py_ssize_t next_pixels          # elements to the plane whose columns are the upper half of the lanes
    Py_ssize_t next_response
    lanes_mask[6] first_lanes, last_lanes  # that do not lie in the padding, of the first and the last tile of a row


cdef inline void find_loaded_lanes(const Tile* tile, Py_ssize_t column, lanes_mask* lanes, vector like) noexcept nogil:
    """The lanes of three vectors from a column on that do not lie in the padding."""
    cdef Py_ssize_t part
    for part in range(3):
        lanes[part] = lanes_between(tile.first_inside - column, tile.end_inside - column, n_lanes(like), like)
        column += n_lanes(like)


cdef inline void load_row(const real* row, const lanes_mask* lanes, vector* pixels, vector fill,
                          Py_ssize_t n_vectors) noexcept nogil:
    cdef Py_ssize_t part
    for part in range(n_vectors + 1):
        pixels[part] = inside(row + part * n_lanes(fill), lanes[part], fill)


cdef inline void add_row_of_pixels(const vector* pixels, const vector* taps, vector* sums, vector* totals,
                                   Py_ssize_t size, Py_ssize_t pixel_row, Py_ssize_t n_rows, Py_ssize_t n_vectors,
                                   vector like) noexcept nogil:
    """A row of pixels in the rows of windows that it is a kernel row of, in blocks of 3 rows of 3 taps, of 2 of 5."""
    cdef Py_ssize_t row, kernel_row, tap, part
    cdef vector[2] columns
    cdef vector own
    for tap in range(size):
        for part in range(n_vectors):
            columns[part] = pixels[part] if tap == 0 else shifted(pixels[part], pixels[part + 1], tap)
        for row in range(n_rows):
            kernel_row = pixel_row - row
            if 0 <= kernel_row < size:
                own = taps[kernel_row * size + tap]
                if size == 5:
                    own = in_register(own)
                for part in range(n_vectors):
                    sums[row * n_vectors + part] = in_register(sums[row * n_vectors + part] + columns[part] * own)
    for row in range(n_rows):
        kernel_row = pixel_row - row
        if kernel_row == size - 1 or (size == 5 and (kernel_row == 1 or kernel_row == 3)):
            for part in range(row * n_vectors, (row + 1) * n_vectors):
                totals[part] = totals[part] + sums[part]
                sums[part] = broadcast(a_zero, like)


cdef inline void tile_of_shifted(const Tile* tile, const lanes_mask* lanes, const Py_ssize_t* places,
                                 Py_ssize_t row_dilation, const real* plane, const vector* taps, vector bias,
                                 vector fill, real* response, Py_ssize_t n_columns, Py_ssize_t size,
                                 Py_ssize_t n_rows, Py_ssize_t n_vectors) noexcept nogil:
    """Windows of `n_rows` rows; numbers are literal where it is called, but for how many columns are stored."""
    cdef vector[2 * MOST_ROWS] sums, totals
    cdef vector[3] pixels
    cdef lanes_mask[3] kept
    cdef Py_ssize_t pixel_row, row, part, place, lanes_before = (n_vectors - 1) * n_lanes(bias)
    places = <const Py_ssize_t*> opaque(places)
    if size == 5:
        taps = <const vector*> opaque(taps)
    for part in range(n_vectors + 1):
        kept[part] = kept_lanes(lanes[part])
    for part in range(n_rows * n_vectors):
        sums[part] = broadcast(a_zero, bias)
        totals[part] = bias
    for pixel_row in range(n_rows - 1 + size):
        place = places[pixel_row * (row_dilation if n_rows == 1 else 1)]
        if place == PADDING:
            for part in range(n_vectors + 1):
                pixels[part] = fill
        else:
            load_row(plane + place, kept, pixels, fill, n_vectors)
        add_row_of_pixels(pixels, taps, sums, totals, size, pixel_row, n_rows, n_vectors, bias)
    for row in range(n_rows):
        if n_vectors == 2:
            (<vector*> response)[0] = totals[2 * row]
        if n_columns - lanes_before < n_lanes(bias):
            store_first(response + lanes_before, totals[row * n_vectors + n_vectors - 1], n_columns - lanes_before)
        else:
            (<vector*> (response + lanes_before))[0] = totals[row * n_vectors + n_vectors - 1]
        response += tile.row_pitch


cdef inline void row_of_shifted(const Tile* tile, const Pixels* pixels, const real* plane, const vector* taps,
                                vector bias, vector fill, real* response, Py_ssize_t y, Py_ssize_t n_columns,
                                Py_ssize_t size, Py_ssize_t n_rows) noexcept nogil:
    """Tiles beside each other; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t n_vectors = 2 if size == 5 else 1, x = 0
    cdef Py_ssize_t width = n_vectors * n_lanes(bias)
    cdef const Py_ssize_t* places = pixels.rows + y * pixels.row_stride
    cdef lanes_mask[3] found
    cdef const lanes_mask* lanes = &tile.first_lanes[0]
    plane -= tile.first_inside
    response += y * tile.row_pitch
    while x < n_columns:
        x = max(0, min(x, n_columns - width))
        if x > 0:
            find_loaded_lanes(tile, x, found, bias)
            lanes = &found[0]
        tile_of_shifted(tile, lanes, places, pixels.row_dilation, plane + x, taps, bias, fill, response + x,
                        min(width, n_columns), size, n_rows, 2 if size == 5 else 1)
        x += width

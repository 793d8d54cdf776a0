# Lanes over rows: over columns with the image turned, where rows of windows (the image's columns) share pixels.
#
# A kernel row lies along the lanes, and its taps one row of the turned image after the other. So within a kernel row
# each vector of pixels is a tap of as many rows of windows as the tile has, as over columns within a kernel; the order
# of the taps stays that of the kernel. Tiles are 4 x 1 or 2 x 2 rows x kernels, 2 x 4 at v4, times up to 3 vectors.
# Only sums of one channel whose blocks are whole kernel rows come here; `size` is 3 for kernels of 3 columns, else 0.

from microkernels cimport Rows, Sum, real
from simd cimport REGISTERS, TILE_ACCUMULATORS, TILE_VECTORS, a_zero, opaque
from vectors cimport broadcast, close_block, n_lanes, store_lanes, times, vector


cdef inline void add_shared_tap(const real* pixels, Py_ssize_t overlap, const real* panel, vector* sums,
                                Py_ssize_t first_row, Py_ssize_t n_rows, Py_ssize_t n_kernels, Py_ssize_t n_vectors,
                                vector like) noexcept nogil:
    """A row of pixels times the tap that it is of each of some rows of windows: of the next one, the tap before."""
    cdef vector[TILE_VECTORS] columns
    cdef Py_ssize_t row, kernel, part, place
    pixels = <const real*> opaque(pixels)
    for part in range(n_vectors):
        columns[part] = (<const vector*> (pixels - (overlap if part == n_vectors - 1 else 0)))[part]
    for row in range(first_row, first_row + n_rows):
        for kernel in range(n_kernels):
            for part in range(n_vectors):
                place = (row * n_kernels + kernel) * n_vectors + part
                sums[place] = sums[place] + times(panel[kernel - row * n_kernels], columns[part])


cdef inline void tile_over_rows(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                const real* bias, real* response, Py_ssize_t size, Py_ssize_t n_rows,
                                Py_ssize_t n_kernels, Py_ssize_t n_vectors, Py_ssize_t n_columns,
                                vector like) noexcept nogil:
    """One tile, of which `n_columns` columns are stored; the kernel has at least `n_rows` - 1 taps in a row."""
    cdef vector[TILE_ACCUMULATORS] sums, totals
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t run = size if size > 0 else sum.run
    cdef Py_ssize_t kernel_row, tap, row, kernel, part, place, lanes = n_lanes(like), overlap = 0, in_block = 0
    cdef Py_ssize_t n_sums = n_rows * n_kernels * n_vectors
    cdef const real* pixels
    cdef real* target
    if n_vectors == 2:
        overlap = max(0, n_vectors * lanes - n_columns)
    for place in range(n_sums):
        sums[place] = zero
        totals[place] = broadcast(bias[place // n_vectors % n_kernels], like)
    for kernel_row in range(sum.kernel_height):
        pixels = image + sum.tap_offsets[kernel_row * run]
        for row in range(n_rows - 1):
            add_shared_tap(pixels + row * rows.window_row_pitch, overlap, panel + row * n_kernels, sums, 0, row + 1,
                           n_kernels, n_vectors, like)
        pixels += (n_rows - 1) * rows.window_row_pitch
        for tap in range(n_rows - 1, run):
            add_shared_tap(pixels, overlap, panel + tap * n_kernels, sums, 0, n_rows, n_kernels, n_vectors, like)
            pixels += rows.window_row_pitch
        for row in range(1, n_rows):
            add_shared_tap(pixels + (row - 1) * rows.window_row_pitch, overlap, panel + (run + row - 1) * n_kernels,
                           sums, row, n_rows - row, n_kernels, n_vectors, like)
        panel += run * n_kernels
        in_block += 1
        if in_block == sum.rows_per_block or kernel_row == sum.kernel_height - 1:
            close_block(sums, totals, totals, n_sums, False, REGISTERS == 32 and n_sums <= 12, like)
            in_block = 0
    for row in range(n_rows):
        for kernel in range(n_kernels - 1, -1, -1):  # the last one that exists is stored over those that do not
            target = response + row * rows.row_pitch + min(kernel, rows.n_kernels - 1) * rows.kernel_pitch
            for part in range(n_vectors):
                store_lanes(target - (overlap if part == n_vectors - 1 else 0),
                            totals[(row * n_kernels + kernel) * n_vectors + part], part * lanes,
                            n_columns if n_vectors == 1 else n_vectors * lanes)


cdef inline void tiles_over_rows(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                 const real* bias, real* response, Py_ssize_t size, Py_ssize_t n_rows,
                                 Py_ssize_t n_kernels, vector like) noexcept nogil:
    """Rows of tiles of equal width; the last one of a row, and the last row of them, may lie over those before."""
    cdef Py_ssize_t lanes = n_lanes(like)
    cdef Py_ssize_t n_vectors = (rows.n_columns + lanes - 1) // lanes
    cdef Py_ssize_t n_tiles = (n_vectors + TILE_VECTORS - 1) // TILE_VECTORS
    cdef Py_ssize_t tile, first, n_columns, y = 0, top
    cdef const real* windows
    cdef real* target
    if n_vectors == 3 and rows.n_columns < 3 * lanes:
        n_tiles = 2
    n_vectors = (n_vectors + n_tiles - 1) // n_tiles
    while y < rows.n_rows:
        top = min(y, rows.n_rows - n_rows)
        for tile in range(n_tiles):
            first = max(0, min(tile * n_vectors * lanes, rows.n_columns - n_vectors * lanes))
            n_columns = rows.n_columns - first
            windows = image + top * rows.window_row_pitch + first
            target = response + top * rows.row_pitch + first
            if n_vectors == 1:
                tile_over_rows(sum, rows, windows, panel, bias, target, size, n_rows, n_kernels, 1, n_columns, like)
            elif n_vectors == 2:
                tile_over_rows(sum, rows, windows, panel, bias, target, size, n_rows, n_kernels, 2, n_columns, like)
            else:
                tile_over_rows(sum, rows, windows, panel, bias, target, size, n_rows, n_kernels, 3, n_columns, like)
        y += n_rows


cdef inline void sized_over_rows(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                 const real* bias, real* response, Py_ssize_t size, vector like) noexcept nogil:
    """Tiles of so many rows that few lie over others."""
    if rows.width == 4 and REGISTERS == 32 and rows.n_rows > 1:
        tiles_over_rows(sum, rows, image, panel, bias, response, size, 2, 4, like)
    elif rows.width == 4:
        tiles_over_rows(sum, rows, image, panel, bias, response, size, 1, 4, like)
    elif rows.width == 2 and rows.n_rows > 1:
        tiles_over_rows(sum, rows, image, panel, bias, response, size, 2, 2, like)
    elif rows.width == 2:
        tiles_over_rows(sum, rows, image, panel, bias, response, size, 1, 2, like)
    elif sum.run >= 3 and rows.n_rows > 3 and ((rows.n_rows + 1) % 4 < 2 or rows.n_rows > 12):
        tiles_over_rows(sum, rows, image, panel, bias, response, size, 4, 1, like)
    elif rows.n_rows > 1:
        tiles_over_rows(sum, rows, image, panel, bias, response, size, 2, 1, like)
    else:
        tiles_over_rows(sum, rows, image, panel, bias, response, size, 1, 1, like)


cdef void of_3_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                       real* response, vector like) noexcept nogil:
    sized_over_rows(sum, rows, image, panel, bias, response, 3, like)


cdef void of_any_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                         real* response, vector like) noexcept nogil:
    sized_over_rows(sum, rows, image, panel, bias, response, 0, like)


cdef void rows_over_rows(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                         real* response, vector like) noexcept nogil:
    if sum.run == 3:
        of_3_columns(sum, rows, image, panel, bias, response, like)
    else:
        of_any_columns(sum, rows, image, panel, bias, response, like)

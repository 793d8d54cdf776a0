# Lanes over kernels, of products of 8 bits that are summed in int32: the tiles of `over_kernels.pxi` with four taps in
# each multiply-add where the processor has that (VNNI), and two taps as 16-bit words elsewhere. Whole numbers are exact
# and free of order: there are no blocks, and sums begin with the bias.
#
# The innermost lines: a step's pixels, 32 bits of them, are broadcast and multiplied with the same step of 16 or 8
# kernels.

from libc.stdint cimport int32_t

from dots cimport BYTE_DOTS, bytes_dot, i32v, i32v_of, words_dot
from microkernels cimport Rows, Sum
from simd cimport F32_LANES, TILE_ACCUMULATORS, TILE_COLUMNS, copy_part, prefetch_to_write

# How a step is multiplied.
cdef enum Product:
    WORDS, SIGNED_TAPS, UNSIGNED_TAPS


cdef inline i32v with_products(i32v sums, i32v pixels, i32v taps, Product product) noexcept nogil:
    if product == WORDS:
        return words_dot(sums, pixels, taps)
    elif product == SIGNED_TAPS:
        return bytes_dot(sums, pixels, taps)
    else:
        return bytes_dot(sums, taps, pixels)


cdef inline void tile_over_bytes(const Sum* sum, const Rows* rows, const char* image, const int32_t* panel,
                                 const int32_t* bias, int32_t* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                 Product product) noexcept nogil:
    """`n_columns` windows x `n_vectors` vectors of kernels; literal where it is called, so the loops unroll."""
    cdef i32v[TILE_ACCUMULATORS] sums
    cdef i32v first_taps, second_taps, pixels
    cdef Py_ssize_t pixel_bytes = 2 if product == WORDS else 1
    cdef Py_ssize_t pitch = rows.window_pitch * pixel_bytes, segment, step, column, part
    cdef const char* taps
    for column in range(n_columns):
        for part in range(n_vectors):
            sums[column * n_vectors + part] = (<const i32v*> (bias + part * F32_LANES))[0]
            prefetch_to_write(response + column * rows.column_pitch + part * F32_LANES)
    for segment in range(sum.n_segments):
        taps = image + sum.segments[segment].offset * pixel_bytes
        for step in range(sum.segments[segment].n_taps):
            first_taps = (<const i32v*> panel)[0]
            if n_vectors == 2:
                second_taps = (<const i32v*> (panel + F32_LANES))[0]
            for column in range(n_columns):
                pixels = i32v_of(taps + column * pitch + 4 * step)
                sums[column * n_vectors] = with_products(sums[column * n_vectors], pixels, first_taps, product)
                if n_vectors == 2:
                    sums[column * 2 + 1] = with_products(sums[column * 2 + 1], pixels, second_taps, product)
            panel += n_vectors * F32_LANES
    if rows.n_kernels >= n_vectors * F32_LANES:
        for column in range(n_columns):
            for part in range(n_vectors):
                (<i32v*> (response + part * F32_LANES))[0] = sums[column * n_vectors + part]
            response += rows.column_pitch
        return
    store_some_kernels(rows, sums, response, n_columns, n_vectors)


cdef void store_some_kernels(const Rows* rows, const i32v* sums, int32_t* response, Py_ssize_t n_columns,
                             Py_ssize_t n_vectors) noexcept nogil:
    """The lanes of kernels that exist; a function of its own, so that tiles stay short."""
    cdef Py_ssize_t column, part, n_kept
    for column in range(n_columns):
        for part in range(n_vectors):
            n_kept = min(rows.n_kernels - part * F32_LANES, F32_LANES)
            if n_kept == F32_LANES:
                (<i32v*> (response + part * F32_LANES))[0] = sums[column * n_vectors + part]
            elif n_kept > 0:
                copy_part(response + part * F32_LANES, &sums[column * n_vectors + part], n_kept * 4)
        response += rows.column_pitch


cdef inline void some_over_bytes(const Sum* sum, const Rows* rows, const char* image, const int32_t* panel,
                                 const int32_t* bias, int32_t* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                 Product product) noexcept nogil:
    """The tile of so many windows, which is a literal in it."""
    if n_columns == 1:
        tile_over_bytes(sum, rows, image, panel, bias, response, 1, n_vectors, product)
    elif n_columns == 2:
        tile_over_bytes(sum, rows, image, panel, bias, response, 2, n_vectors, product)
    elif n_columns == 3:
        tile_over_bytes(sum, rows, image, panel, bias, response, 3, n_vectors, product)
    elif n_columns == 4:
        tile_over_bytes(sum, rows, image, panel, bias, response, 4, n_vectors, product)
    elif n_columns == 5:
        tile_over_bytes(sum, rows, image, panel, bias, response, 5, n_vectors, product)
    elif n_columns == 6:
        tile_over_bytes(sum, rows, image, panel, bias, response, 6, n_vectors, product)
    elif TILE_COLUMNS >= 7 and n_columns == 7:
        tile_over_bytes(sum, rows, image, panel, bias, response, 7, n_vectors, product)
    elif TILE_COLUMNS >= 8 and n_columns == 8:
        tile_over_bytes(sum, rows, image, panel, bias, response, 8, n_vectors, product)
    elif TILE_COLUMNS >= 9 and n_columns == 9:
        tile_over_bytes(sum, rows, image, panel, bias, response, 9, n_vectors, product)
    elif TILE_COLUMNS >= 10 and n_columns == 10:
        tile_over_bytes(sum, rows, image, panel, bias, response, 10, n_vectors, product)
    elif TILE_COLUMNS >= 11 and n_columns == 11:
        tile_over_bytes(sum, rows, image, panel, bias, response, 11, n_vectors, product)
    elif TILE_COLUMNS >= 12 and n_columns == 12:
        tile_over_bytes(sum, rows, image, panel, bias, response, 12, n_vectors, product)
    elif TILE_COLUMNS >= 13 and n_columns == 13:
        tile_over_bytes(sum, rows, image, panel, bias, response, 13, n_vectors, product)
    elif TILE_COLUMNS >= 14 and n_columns == 14:
        tile_over_bytes(sum, rows, image, panel, bias, response, 14, n_vectors, product)


cdef inline void rows_over_bytes(const Sum* sum, const Rows* rows, const char* image, const int32_t* panel,
                                 const int32_t* bias, int32_t* response, Product product) noexcept nogil:
    """Each row in as few tiles as it takes, of sizes as equal as can be."""
    cdef Py_ssize_t pixel_bytes = 2 if product == WORDS else 1
    cdef Py_ssize_t n_tiles = (rows.n_columns + TILE_COLUMNS - 1) // TILE_COLUMNS
    cdef Py_ssize_t y, tile, done, n_columns
    cdef const char* windows
    for y in range(rows.n_rows):
        done = 0
        for tile in range(n_tiles):
            n_columns = (rows.n_columns - done + n_tiles - tile - 1) // (n_tiles - tile)
            windows = image + done * rows.window_pitch * pixel_bytes
            if rows.width == F32_LANES:
                some_over_bytes(sum, rows, windows, panel, bias, response + done * rows.column_pitch, n_columns, 1,
                                product)
            else:
                some_over_bytes(sum, rows, windows, panel, bias, response + done * rows.column_pitch, n_columns, 2,
                                product)
            done += n_columns
        image += rows.window_row_pitch * pixel_bytes
        response += rows.row_pitch

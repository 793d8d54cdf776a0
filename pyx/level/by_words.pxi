# Kernels by their factors, of 8-bit images and small whole taps: sums in lanes of 16 bits, of which there are twice as
# many as of floats.
#
# Rows of taps are summed first, into stripes that stay in the first cache, and columns over these, as by_factors.pxi
# does. Sums are modulo 2**16 and counted from the lowest one that the kernel can have, so that any that lies within
# 65,535 of it comes out exactly; then they are floats, times what the kernel is a multiple of, and the bias.

from libc.stdint cimport int16_t, uint16_t
from libc.string cimport memcpy, memmove

from microkernels cimport MOST_OF_WORDS, Factors, Rows, Sum
from simd cimport F32_LANES, f32v

cdef extern from "words.h" nogil:
    ctypedef unsigned short u16v "xcorr_u16v"
    u16v u16v_broadcast "xcorr_u16v_broadcast"(unsigned short)
    u16v u16v_multiply_add "xcorr_u16v_multiply_add"(u16v, u16v, u16v)
    f32v f32v_of_u16 "xcorr_f32v_of_u16"(const uint16_t*, int, float, float)
    enum:
        U16_LANES "XCORR_U16_LANES"

cdef enum:
    WORD_VECTORS = 4            # of a tile
    WORDS_OF_STRIPE = 1 << 13   # sums of rows of taps
    WORDS_AT_ONCE = 16          # rows of windows, if there are so many

# What is known of a kernel: `scale` times whole taps, whose sums are `low` and more.
cdef struct Words:
    uint16_t[MOST_OF_WORDS] row, column
    Py_ssize_t run, height
    int low
    float scale, bias


cdef void take_words(Words* own, const Sum* sum, const float* packed, const float* bias) noexcept nogil:
    """Behind the factors are the lowest sum and what whole taps are times of."""
    cdef Py_ssize_t tap
    own.run, own.height = sum.run, sum.kernel_height
    for tap in range(own.run):
        own.row[tap] = <uint16_t> <int> packed[tap]
    for tap in range(own.height):
        own.column[tap] = <uint16_t> <int> packed[own.run + tap]
    own.low, own.scale = <int> packed[own.run + own.height], packed[own.run + own.height + 1]
    own.bias = bias[0]


cdef inline void sum_words(const uint16_t* pixels, Py_ssize_t pitch, const uint16_t* taps, Py_ssize_t n_taps,
                           u16v start, uint16_t* target, Py_ssize_t n_vectors) noexcept nogil:
    """Taps times pixels that are `pitch` apart, for a literal number of vectors."""
    cdef u16v[WORD_VECTORS] sums
    cdef u16v own
    cdef Py_ssize_t tap, part
    for part in range(n_vectors):
        sums[part] = start
    for tap in range(n_taps):
        own = u16v_broadcast(taps[tap])
        for part in range(n_vectors):
            sums[part] = u16v_multiply_add(sums[part], own, (<const u16v*> (pixels + part * U16_LANES))[0])
        pixels += pitch
    for part in range(n_vectors):
        (<u16v*> (target + part * U16_LANES))[0] = sums[part]


cdef void rows_of_words(const Words* own, const uint16_t* pixels, Py_ssize_t step, uint16_t* target,
                        Py_ssize_t width) noexcept nogil:
    """A row's sums, whole vectors of them."""
    cdef Py_ssize_t x = 0
    cdef u16v zero = u16v_broadcast(0)
    while x + WORD_VECTORS * U16_LANES <= width:
        sum_words(pixels + x, step, own.row, own.run, zero, target + x, WORD_VECTORS)
        x += WORD_VECTORS * U16_LANES
    while x < width:
        sum_words(pixels + x, step, own.row, own.run, zero, target + x, 1)
        x += U16_LANES


cdef inline void store_words(const Words* own, const uint16_t* sums, float* response,
                             Py_ssize_t n_columns) noexcept nogil:
    """Sums as they are responses."""
    cdef float[WORD_VECTORS * U16_LANES] last
    cdef Py_ssize_t x = 0
    while x + F32_LANES <= n_columns:
        (<f32v*> (response + x))[0] = f32v_of_u16(sums + x, own.low, own.scale, own.bias)
        x += F32_LANES
    if x < n_columns:
        (<f32v*> last)[0] = f32v_of_u16(sums + x, own.low, own.scale, own.bias)
        memcpy(response + x, last, (n_columns - x) * sizeof(float))


cdef void columns_of_words(const Words* own, const uint16_t* between, Py_ssize_t width, float* response,
                           Py_ssize_t n_columns) noexcept nogil:
    """A row of responses from the sums of rows of taps."""
    cdef uint16_t[WORD_VECTORS * U16_LANES] sums
    cdef Py_ssize_t x = 0
    cdef u16v start = u16v_broadcast(<unsigned short> -own.low)
    while x + WORD_VECTORS * U16_LANES <= n_columns:
        sum_words(between + x, width, own.column, own.height, start, sums, WORD_VECTORS)
        store_words(own, sums, response + x, WORD_VECTORS * U16_LANES)
        x += WORD_VECTORS * U16_LANES
    while x < n_columns:
        sum_words(between + x, width, own.column, own.height, start, sums, 1)
        store_words(own, sums, response + x, min(U16_LANES, n_columns - x))
        x += U16_LANES


cdef void stripe_of_words(const Words* own, const Sum* sum, const Rows* rows, const uint16_t* image, float* response,
                          Py_ssize_t n_columns, Py_ssize_t most) noexcept nogil:
    """All rows of windows of some columns, at most `most` of them at once; what the next ones share is moved."""
    cdef uint16_t[WORDS_OF_STRIPE + WORD_VECTORS * U16_LANES] between
    cdef Py_ssize_t width = (n_columns + U16_LANES - 1) // U16_LANES * U16_LANES, step = step_of(sum, rows)
    cdef Py_ssize_t pitch = sum.kernel_row_pitch if own.height > 1 else rows.window_row_pitch
    cdef Py_ssize_t y = 0, filled = 0, needed, n_rows, row
    while y < rows.n_rows:
        n_rows = min(most, rows.n_rows - y)
        needed = (n_rows - 1) * step + own.height
        for row in range(filled, needed):
            rows_of_words(own, image + row * pitch, sum.step, between + row * width, width)
        for row in range(n_rows):
            columns_of_words(own, between + row * step * width, width, response, n_columns)
            response += rows.row_pitch
        y += n_rows
        filled = max(needed - n_rows * step, 0)
        if y < rows.n_rows and filled > 0:
            memmove(between, between + n_rows * step * width, filled * width * sizeof(uint16_t))
        image += n_rows * step * pitch


cdef bint rows_by_words(const Sum* sum, const Rows* rows, const Factors* factors, const void* image, const void* taps,
                        const void* bias, void* response) noexcept nogil:
    """Stripes about as wide as each other."""
    cdef Words own
    cdef Py_ssize_t step = step_of(sum, rows), x = 0, at_once, most, n_stripes, width, n_columns
    take_words(&own, sum, <const float*> taps, <const float*> bias)
    at_once = 1 if step > own.height else min(rows.n_rows, max(WORDS_AT_ONCE, own.height // step))
    at_once = max(1, min(at_once, (WORDS_OF_STRIPE // U16_LANES - own.height) // step + 1))
    most = max(1, WORDS_OF_STRIPE // ((at_once - 1) * step + own.height) // U16_LANES) * U16_LANES
    n_stripes = (rows.n_columns + most - 1) // most
    width = ((rows.n_columns + n_stripes - 1) // n_stripes + U16_LANES - 1) // U16_LANES * U16_LANES
    while x < rows.n_columns:
        n_columns = min(width, rows.n_columns - x)
        stripe_of_words(&own, sum, rows, <const uint16_t*> image + x, <float*> response + x, n_columns, at_once)
        x += n_columns
    return True

# Rows of taps of groups of four channels and four kernels, with lanes over the kernels of several groups.

from microkernels cimport real
from simd cimport f32v, f64v
from vectors cimport close_block, n_lanes, vector

cdef extern from *:
    """
    #if defined(XCORR_VECTOR_BYTES)
    #define XCORR_OF_FOUR_2(c) 0, 1
    #define XCORR_OF_FOUR_4(c) c, c, c, c
    #define XCORR_OF_FOUR_8(c) XCORR_OF_FOUR_4(c), 4 + c, 4 + c, 4 + c, 4 + c
    #define XCORR_OF_FOUR_16(c) \
        XCORR_OF_FOUR_8(c), 8 + c, 8 + c, 8 + c, 8 + c, 12 + c, 12 + c, 12 + c, 12 + c
    #define XCORR_OF_FOUR(name, vector, integers, lanes) \
        static inline vector name(vector x, ptrdiff_t channel) { \
            switch (channel) { \
                case 0: return XCORR_SHUFFLED(integers, x, x, XCORR_OF_FOUR_##lanes(0)); \
                case 1: return XCORR_SHUFFLED(integers, x, x, XCORR_OF_FOUR_##lanes(1)); \
                case 2: return XCORR_SHUFFLED(integers, x, x, XCORR_OF_FOUR_##lanes(2)); \
                default: return XCORR_SHUFFLED(integers, x, x, XCORR_OF_FOUR_##lanes(3)); \
            } \
        }
    #if XCORR_VECTOR_BYTES == 64
    XCORR_OF_FOUR(xcorr_f32v_of_four, xcorr_f32v, xcorr_i32v, 16)
    XCORR_OF_FOUR(xcorr_f64v_of_four, xcorr_f64v, xcorr_i64v, 8)
    #elif XCORR_VECTOR_BYTES == 32
    XCORR_OF_FOUR(xcorr_f32v_of_four, xcorr_f32v, xcorr_i32v, 8)
    XCORR_OF_FOUR(xcorr_f64v_of_four, xcorr_f64v, xcorr_i64v, 4)
    #else
    XCORR_OF_FOUR(xcorr_f32v_of_four, xcorr_f32v, xcorr_i32v, 4)
    XCORR_OF_FOUR(xcorr_f64v_of_four, xcorr_f64v, xcorr_i64v, 2)
    #endif
    #else
    static inline xcorr_f32v xcorr_f32v_of_four(xcorr_f32v x, ptrdiff_t channel) { (void)channel; return x; }
    static inline xcorr_f64v xcorr_f64v_of_four(xcorr_f64v x, ptrdiff_t channel) { (void)channel; return x; }
    #endif
    """
    f32v f32v_of_four "xcorr_f32v_of_four"(f32v, Py_ssize_t) noexcept nogil
    f64v f64v_of_four "xcorr_f64v_of_four"(f64v, Py_ssize_t) noexcept nogil


cdef inline vector of_four(vector pixels, Py_ssize_t channel) noexcept nogil:
    """The lane of that number of each four, in all four."""
    if vector is f32v:
        return f32v_of_four(pixels, channel)
    else:
        return f64v_of_four(pixels, channel)


cdef inline void load_fours(const real** places, Py_ssize_t first_channel, vector* pixels, Py_ssize_t first,
                            Py_ssize_t end) noexcept nogil:
    """Four vectors of each position, of the groups' first, second, third and fourth channels."""
    cdef Py_ssize_t place, channel
    for place in range(first, end):
        for channel in range(4):
            pixels[4 * place + channel] = of_four((<const vector*> (places[place] + first_channel))[0], channel)


cdef inline void add_row_of_fours(const real** places, Py_ssize_t channel, const real* panel, vector* sums,
                                  Py_ssize_t stride, Py_ssize_t n_columns, vector like) noexcept nogil:
    """A row of pixels times a kernel row of three positions."""
    cdef vector[4 * 17] pixels
    cdef Py_ssize_t column, tap, lanes = n_lanes(like)
    load_fours(places, channel, pixels, 0, 3 - stride)
    for column in range(n_columns):
        load_fours(places, channel, pixels, (column - 1) * stride + 3, column * stride + 3)
        for tap in range(12):
            sums[column] = (sums[column]
                            + pixels[4 * column * stride + tap] * (<const vector*> (panel + tap * lanes))[0])


cdef inline void add_rows_of_fours(const real** places, Py_ssize_t channel, const real* panel, vector* sums,
                                   vector* totals, Py_ssize_t stride, Py_ssize_t n_columns,
                                   vector like) noexcept nogil:
    """All taps of one vector of kernels; each kernel row is a block."""
    cdef Py_ssize_t row
    for row in range(3):
        add_row_of_fours(places + row * ((n_columns - 1) * stride + 3), channel, panel + row * 12 * n_lanes(like), sums,
                         stride, n_columns, like)
        close_block(sums, totals, totals, n_columns, False, True, like)

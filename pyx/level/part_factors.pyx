"""Kernels by their factors: a part of every level."""

from microkernels cimport IN_FLOAT32, IN_FLOAT64, IN_WORDS, Factors, Routines, Rows, Sum
from simd cimport f32v_broadcast, f64v_broadcast

include "by_factors.pxi"
include "by_words.pxi"
include "bytes_in_words.pxi"


cdef bint by_factors_f32(const Sum* sum, const Rows* rows, const Factors* factors, const void* image,
                         const void* taps, const void* bias, void* response) noexcept nogil:
    return rows_by_factors(sum, rows, factors, <const float*> image, <const float*> taps, <const float*> bias,
                           <float*> response, f32v_broadcast(0))


cdef bint by_factors_f64(const Sum* sum, const Rows* rows, const Factors* factors, const void* image,
                         const void* taps, const void* bias, void* response) noexcept nogil:
    return rows_by_factors(sum, rows, factors, <const double*> image, <const double*> taps, <const double*> bias,
                           <double*> response, f64v_broadcast(0))


cdef public void xcorr_fill_factors(Routines* table) noexcept nogil:
    table[IN_FLOAT32].by_factors, table[IN_FLOAT64].by_factors = by_factors_f32, by_factors_f64


cdef public void xcorr_fill_words(Routines* table) noexcept nogil:
    table[IN_WORDS].by_factors, table[IN_WORDS].bytes_in_words = rows_by_words, bytes_in_words

"""Lanes over kernels: a part of every level."""

from microkernels cimport IN_FLOAT32, IN_FLOAT64, Routines, Rows, Sum
from simd cimport f32v_broadcast, f64v_broadcast

include "over_kernels.pxi"
include "long_sums.pxi"


cdef void over_kernels_f32(const Sum* sum, const Rows* rows, const void* image, const void* panel,
                           const void* bias, void* response) noexcept nogil:
    if sum.compensated:
        long_sums_over_kernels(sum, rows, <const float*> image, <const float*> panel, <const float*> bias,
                               <float*> response, f32v_broadcast(0))
    else:
        rows_over_kernels(sum, rows, <const float*> image, <const float*> panel, <const float*> bias,
                          <float*> response, False, f32v_broadcast(0))


cdef void over_kernels_f64(const Sum* sum, const Rows* rows, const void* image, const void* panel,
                           const void* bias, void* response) noexcept nogil:
    if sum.compensated:
        long_sums_over_kernels(sum, rows, <const double*> image, <const double*> panel, <const double*> bias,
                               <double*> response, f64v_broadcast(0))
    else:
        rows_over_kernels(sum, rows, <const double*> image, <const double*> panel, <const double*> bias,
                          <double*> response, False, f64v_broadcast(0))


cdef public void xcorr_fill_kernels(Routines* table) noexcept nogil:
    table[IN_FLOAT32].over_kernels, table[IN_FLOAT64].over_kernels = over_kernels_f32, over_kernels_f64

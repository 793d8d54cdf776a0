"""Lanes over kernels, channels in planes: a part of every level."""

from microkernels cimport IN_FLOAT32, IN_FLOAT64, Routines, Rows, Sum
from simd cimport f32v_broadcast, f64v_broadcast

include "over_kernels.pxi"


cdef void planes_over_kernels_f32(const Sum* sum, const Rows* rows, const void* image, const void* panel,
                                  const void* bias, void* response) noexcept nogil:
    rows_over_kernels(sum, rows, <const float*> image, <const float*> panel, <const float*> bias,
                      <float*> response, True, f32v_broadcast(0))


cdef void planes_over_kernels_f64(const Sum* sum, const Rows* rows, const void* image, const void* panel,
                                  const void* bias, void* response) noexcept nogil:
    rows_over_kernels(sum, rows, <const double*> image, <const double*> panel, <const double*> bias,
                      <double*> response, True, f64v_broadcast(0))


cdef public void xcorr_fill_planes(Routines* table) noexcept nogil:
    table[IN_FLOAT32].planes_over_kernels = planes_over_kernels_f32
    table[IN_FLOAT64].planes_over_kernels = planes_over_kernels_f64

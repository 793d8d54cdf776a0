"""Lanes over kernels and over channels: a part of every level."""

from microkernels cimport *
from simd cimport *

ctypedef fused vector:
    f32v
    f64v

include "vectors.pxi"
include "over_kernels.pxi"


cdef void over_kernels_f32(const Sum* sum, const Rows* rows, const float* image, const float* panel, const float* bias,
                           float* response) noexcept nogil:
    rows_over_kernels(sum, rows, image, panel, bias, response, False, 0, f32v_broadcast(0))


cdef void over_kernels_f64(const Sum* sum, const Rows* rows, const double* image, const double* panel,
                           const double* bias, double* response) noexcept nogil:
    rows_over_kernels(sum, rows, image, panel, bias, response, False, 0, f64v_broadcast(0))


cdef void over_channels_f32(const Sum* sum, const Rows* rows, const float* image, const float* panel,
                            const float* bias, float* response) noexcept nogil:
    rows_over_channels(sum, rows, image, panel, bias, response, f32v_broadcast(0))


cdef void over_channels_f64(const Sum* sum, const Rows* rows, const double* image, const double* panel,
                            const double* bias, double* response) noexcept nogil:
    rows_over_channels(sum, rows, image, panel, bias, response, f64v_broadcast(0))


cdef public void xcorr_fill_kernels(Table* table) noexcept nogil:
    table.over_kernels_f32 = over_kernels_f32
    table.over_kernels_f64 = over_kernels_f64
    table.over_channels_f32 = over_channels_f32
    table.over_channels_f64 = over_channels_f64

"""Lanes over columns, for banks of kernels: a part of every level."""

from microkernels cimport IN_FLOAT32, IN_FLOAT64, Routines, Rows, Sum
from simd cimport f32v_broadcast, f64v_broadcast

include "bank_over_columns.pxi"
include "bank_of_planes.pxi"


cdef void bank_over_columns_f32(const Sum* sum, const Rows* rows, const void* image, const void* panel,
                                const void* bias, void* response) noexcept nogil:
    if sum.channel_pitch > 1 and rows.n_rows == 1:
        bank_of_planes(sum, rows, <const float*> image, <const float*> panel, <const float*> bias,
                       <float*> response, f32v_broadcast(0))
        return
    rows_of_bank(sum, rows, <const float*> image, <const float*> panel, <const float*> bias, <float*> response,
                 f32v_broadcast(0))


cdef void bank_over_columns_f64(const Sum* sum, const Rows* rows, const void* image, const void* panel,
                                const void* bias, void* response) noexcept nogil:
    if sum.channel_pitch > 1 and rows.n_rows == 1:
        bank_of_planes(sum, rows, <const double*> image, <const double*> panel, <const double*> bias,
                       <double*> response, f64v_broadcast(0))
        return
    rows_of_bank(sum, rows, <const double*> image, <const double*> panel, <const double*> bias, <double*> response,
                 f64v_broadcast(0))


cdef public void xcorr_fill_bank(Routines* table) noexcept nogil:
    table[IN_FLOAT32].bank_over_columns = bank_over_columns_f32
    table[IN_FLOAT64].bank_over_columns = bank_over_columns_f64

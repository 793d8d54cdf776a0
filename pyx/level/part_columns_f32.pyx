"""Lanes over columns in float32: a part of every level."""

from microkernels cimport IN_FLOAT32, Routines, Rows, Sum
from simd cimport f32v_broadcast

include "over_columns.pxi"


cdef void over_columns_f32(const Sum* sum, const Rows* rows, const void* image, const void* panel, const void* bias,
                           void* response) noexcept nogil:
    rows_over_columns(sum, rows, <const float*> image, <const float*> panel, <const float*> bias, <float*> response,
                      f32v_broadcast(0))


cdef public void xcorr_fill_columns_f32(Routines* table) noexcept nogil:
    table[IN_FLOAT32].over_columns = over_columns_f32

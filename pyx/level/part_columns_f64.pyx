"""Lanes over columns in float64: a part of every level."""

from microkernels cimport IN_FLOAT64, Routines, Rows, Sum
from simd cimport f64v_broadcast

include "over_columns.pxi"


cdef void over_columns_f64(const Sum* sum, const Rows* rows, const void* image, const void* panel, const void* bias,
                           void* response) noexcept nogil:
    rows_over_columns(sum, rows, <const double*> image, <const double*> panel, <const double*> bias, <double*> response,
                      f64v_broadcast(0))


cdef public void xcorr_fill_columns_f64(Routines* table) noexcept nogil:
    table[IN_FLOAT64].over_columns = over_columns_f64

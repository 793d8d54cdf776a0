"""Lanes over columns in float64: a part of every level."""

from microkernels cimport *
from simd cimport *

ctypedef fused vector:
    f64v

include "vectors.pxi"
include "over_columns.pxi"


cdef void over_columns_f64(const Sum* sum, const Rows* rows, const double* image, const double* panel,
                           const double* bias, double* response) noexcept nogil:
    rows_over_columns(sum, rows, image, panel, bias, response, f64v_broadcast(0))


cdef public void xcorr_fill_columns_f64(Table* table) noexcept nogil:
    table.over_columns_f64 = over_columns_f64

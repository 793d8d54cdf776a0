"""Windows of planes and rows of scores: a part of every level."""

from scoring cimport Passes

include "scores.pxi"
include "moments.pxi"


cdef public void xcorr_fill_scores(Passes* passes) noexcept nogil:
    passes.shift_u8_to_f32 = shift_u8_to_f32
    passes.shift_u8_to_f64, passes.shift_f64_to_f64 = shift_u8_to_f64, shift_f64_to_f64
    passes.shift_f32_to_f32, passes.shift_f32_to_f64 = shift_f32_to_f32, shift_f32_to_f64
    passes.plane_windows, passes.spread_row = plane_windows, spread_row
    passes.inverse_roots_f32, passes.inverse_roots_f64 = inverse_roots_f32, inverse_roots_f64
    passes.scale_row_f32, passes.scale_row_f64 = scale_row_f32, scale_row_f64
    passes.scale_kernels_f32, passes.scale_kernels_f64 = scale_kernels_f32, scale_kernels_f64
    passes.distance_row_f32, passes.distance_row_f64 = distance_row_f32, distance_row_f64
    passes.exact_row = exact_row
    passes.ends_of_row = ends_of_row
    passes.slide_columns, passes.row_sums = slide_columns, row_sums
    passes.add_row, passes.add_moments = add_row, add_moments
    passes.close_row, passes.close_rows = close_row, close_rows

"""Reductions of responses: a part of every level."""

from microkernels cimport IN_FLOAT32, IN_FLOAT64, Routines

include "reducing.pxi"


cdef public void xcorr_fill_reducing(Routines* table) noexcept nogil:
    cdef Routines* f32 = &table[IN_FLOAT32]
    cdef Routines* f64 = &table[IN_FLOAT64]
    f32.extremes, f64.extremes = extremes_f32, extremes_f64
    f32.place_of, f64.place_of = place_of_f32, place_of_f64
    f32.n_positive, f64.n_positive = n_positive_f32, n_positive_f64
    f32.through_half, f64.through_half = through_half_f32, through_half_f64
    f32.sum_slices, f64.sum_slices = sum_slices_f32, sum_slices_f64
    f32.take_better, f64.take_better = better_f32, better_f64
    f32.add_to_totals, f64.add_to_totals = totals_f32, totals_f64
    f32.add_positive, f64.add_positive = positive_f32, positive_f64

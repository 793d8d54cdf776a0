"""Winograd's transforms, Fourier's, the ranges of sections, and scores of overlaps: a part of every level."""

from microkernels cimport IN_FLOAT32, IN_FLOAT64, Routines
from simd cimport LARGEST_RADIX

include "winograd.pxi"
include "winograd_kernels.pxi"
include "passes.pxi"
include "fft.pxi"
include "spectra.pxi"
include "ranges.pxi"
include "plane_transforms.pxi"
include "window_transforms.pxi"
include "overlaps.pxi"


cdef public void xcorr_fill_transforms(Routines* table) noexcept nogil:
    cdef Routines* f32 = &table[IN_FLOAT32]
    cdef Routines* f64 = &table[IN_FLOAT64]
    f32.winograd_in, f64.winograd_in = winograd_in_f32, winograd_in_f64
    f32.winograd_out, f64.winograd_out = winograd_out_f32, winograd_out_f64
    f32.pack_transformed, f64.pack_transformed = pack_transformed_f32, pack_transformed_f64
    f32.largest_radix = f64.largest_radix = LARGEST_RADIX
    f32.most_exponents, f64.most_exponents = MOST_EXPONENTS_F32, MOST_EXPONENTS_F64
    f32.largest_exponent, f64.largest_exponent = LARGEST_EXPONENT_F32, LARGEST_EXPONENT_F64
    f32.forward, f64.forward = forward_f32, forward_f64
    f32.backward, f64.backward = backward_f32, backward_f64
    f32.fill_twiddles, f64.fill_twiddles = fill_twiddles_f32, fill_twiddles_f64
    f32.fill_turns, f64.fill_turns = fill_turns_f32, fill_turns_f64
    f32.transform_kernel, f64.transform_kernel = transform_kernel_f32, transform_kernel_f64
    f32.examine, f64.examine = examine_f32, examine_f64
    f32.find_zeros, f64.find_zeros = find_zeros_f32, find_zeros_f64
    f32.plane_columns, f64.plane_columns = plane_columns_f32, plane_columns_f64
    f32.plane_lines, f64.plane_lines = plane_lines_f32, plane_lines_f64
    f32.plane_back, f64.plane_back = plane_back_f32, plane_back_f64
    f32.multiply_spectra, f64.multiply_spectra = multiply_spectra_f32, multiply_spectra_f64
    f32.plane_phases, f64.plane_phases = plane_phases_f32, plane_phases_f64
    f32.window_moments, f64.window_moments = window_moments_f32, window_moments_f64
    f32.window_products, f64.window_products = window_products_f32, window_products_f64
    f32.window_phases, f64.window_phases = window_phases_f32, window_phases_f64
    f32.window_sums, f64.window_sums = window_sums_f32, window_sums_f64
    f32.sum_up_boxes = f64.sum_up_boxes = sum_up_boxes
    f32.score_overlaps = f64.score_overlaps = score_overlaps
    f32.centre_sums = f64.centre_sums = centre_sums
    f32.score_sums = f64.score_sums = score_sums
    f32.sum_seen = f64.sum_seen = sum_seen
    f32.multiply_seen = f64.multiply_seen = multiply_seen

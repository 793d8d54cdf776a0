"""Winograd's transforms, Fourier's, and the ranges of tiles: a part of every level."""

from libc.string cimport memcpy

from microkernels cimport *
from simd cimport *

ctypedef fused vector:
    f32v
    f64v

include "vectors.pxi"
include "winograd.pxi"
include "fft.pxi"
include "ranges.pxi"


cdef public void xcorr_fill_transforms(Table* table) noexcept nogil:
    table.winograd_in_f32 = winograd_in_f32
    table.winograd_in_f64 = winograd_in_f64
    table.winograd_out_f32 = winograd_out_f32
    table.winograd_out_f64 = winograd_out_f64
    table.largest_radix = LARGEST_RADIX
    table.forward_f32 = forward_f32
    table.forward_f64 = forward_f64
    table.backward_f32 = backward_f32
    table.backward_f64 = backward_f64
    table.examine_f32 = examine_f32
    table.examine_f64 = examine_f64

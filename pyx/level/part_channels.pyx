"""Lanes over channels: a part of every level."""

from microkernels cimport IN_FLOAT32, IN_FLOAT64, Pixels, Routines, Rows, Sum
from simd cimport f32v_broadcast, f64v_broadcast

include "over_channels.pxi"
include "fours.pxi"
include "over_pixels.pxi"
include "plane_vectors.pxi"
include "shifted_planes.pxi"
include "down_planes.pxi"
include "down_channels.pxi"
include "turned_planes.pxi"
include "over_planes.pxi"


cdef void over_channels_f32(const Sum* sum, const Rows* rows, const void* image, const void* panel,
                            const void* bias, void* response) noexcept nogil:
    rows_over_channels(sum, rows, <const float*> image, <const float*> panel, <const float*> bias,
                       <float*> response, f32v_broadcast(0))


cdef void over_channels_f64(const Sum* sum, const Rows* rows, const void* image, const void* panel,
                            const void* bias, void* response) noexcept nogil:
    rows_over_channels(sum, rows, <const double*> image, <const double*> panel, <const double*> bias,
                       <double*> response, f64v_broadcast(0))


cdef void over_pixels_f32(const Sum* sum, const Rows* rows, const Pixels* pixels, const void* panels,
                          const void* bias, void* response) noexcept nogil:
    rows_over_pixels(sum, rows, pixels, <const float*> panels, <const float*> bias, <float*> response,
                     f32v_broadcast(0))


cdef void over_pixels_f64(const Sum* sum, const Rows* rows, const Pixels* pixels, const void* panels,
                          const void* bias, void* response) noexcept nogil:
    rows_over_pixels(sum, rows, pixels, <const double*> panels, <const double*> bias, <double*> response,
                     f64v_broadcast(0))


cdef void over_planes_f32(const Sum* sum, const Rows* rows, const Pixels* pixels, const void* panels,
                          const void* bias, void* response) noexcept nogil:
    rows_over_planes(sum, rows, pixels, <const float*> panels, <const float*> bias, <float*> response,
                     f32v_broadcast(0))


cdef void over_planes_f64(const Sum* sum, const Rows* rows, const Pixels* pixels, const void* panels,
                          const void* bias, void* response) noexcept nogil:
    rows_over_planes(sum, rows, pixels, <const double*> panels, <const double*> bias, <double*> response,
                     f64v_broadcast(0))


cdef public void xcorr_fill_channels(Routines* table) noexcept nogil:
    table[IN_FLOAT32].over_channels, table[IN_FLOAT64].over_channels = over_channels_f32, over_channels_f64
    table[IN_FLOAT32].over_pixels, table[IN_FLOAT64].over_pixels = over_pixels_f32, over_pixels_f64
    table[IN_FLOAT32].laid_bytes = table[IN_FLOAT64].laid_bytes = most_laid_bytes()
    table[IN_FLOAT32].over_planes, table[IN_FLOAT64].over_planes = over_planes_f32, over_planes_f64

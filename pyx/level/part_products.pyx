"""Products of windows with kernels: a part of every level."""

from microkernels cimport IN_FLOAT32, IN_FLOAT64, Routines
from simd cimport f32v, f32v_broadcast, f64v_broadcast

include "products.pxi"


cdef public void xcorr_fill_products(Routines* table) noexcept nogil:
    table[IN_FLOAT32].multiply, table[IN_FLOAT64].multiply = multiply_f32, multiply_f64

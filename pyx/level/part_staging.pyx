"""What lies between arrays and strips: a part of every level."""

from microkernels cimport *
from simd cimport *

ctypedef fused vector:
    f32v
    f64v

include "vectors.pxi"
include "staging.pxi"
include "saturating.pxi"


cdef public void xcorr_fill_staging(Table* table) noexcept nogil:
    table.stage_f32 = stage_f32
    table.stage_f64 = stage_f64
    table.store_f32 = store_f32
    table.store_f64 = store_f64
    table.saturate_f32 = saturate_f32
    table.saturate_f64 = saturate_f64

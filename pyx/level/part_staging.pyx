"""What lies between arrays and strips, and between kernels and panels: a part of every level."""

from microkernels cimport IN_FLOAT32, IN_FLOAT64, Routines

include "turning.pxi"
include "staging.pxi"
include "storing.pxi"
include "checking.pxi"
include "packing.pxi"
include "panels.pxi"


cdef public void xcorr_fill_staging(Routines* table) noexcept nogil:
    cdef Routines* f32 = &table[IN_FLOAT32]
    cdef Routines* f64 = &table[IN_FLOAT64]
    f32.pack, f64.pack = pack_panel_f32, pack_panel_f64
    f32.stage, f64.stage = stage_f32, stage_f64
    f32.stage_planes, f64.stage_planes = stage_planes_f32, stage_planes_f64
    f32.store, f64.store = store_f32, store_f64
    f32.saturate, f64.saturate = saturate_f32, saturate_f64
    f32.store_saturated, f64.store_saturated = store_f32_saturated, store_f64_saturated
    f32.within, f64.within = within_f32, within_f64
    f32.any_subnormal, f64.any_subnormal = any_subnormal_f32, any_subnormal_f64
    f32.all_finite, f64.all_finite = all_finite_f32, all_finite_f64
    f32.replace_infinite, f64.replace_infinite = replace_infinite_f32, replace_infinite_f64

# What a level exports: its table, in a capsule.

from cpython.pycapsule cimport PyCapsule_New

from microkernels cimport *

cdef Table exported

exported.lanes_f32 = F32_LANES
exported.lanes_f64 = F64_LANES
exported.over_kernels_f32 = over_kernels_f32
exported.over_kernels_f64 = over_kernels_f64
exported.over_columns_f32 = over_columns_f32
exported.over_columns_f64 = over_columns_f64
exported.over_channels_f32 = over_channels_f32
exported.over_channels_f64 = over_channels_f64
exported.winograd_in_f32 = winograd_in_f32
exported.winograd_in_f64 = winograd_in_f64
exported.winograd_out_f32 = winograd_out_f32
exported.winograd_out_f64 = winograd_out_f64
exported.largest_radix = LARGEST_RADIX
exported.forward_f32 = forward_f32
exported.forward_f64 = forward_f64
exported.backward_f32 = backward_f32
exported.backward_f64 = backward_f64
exported.examine_f32 = examine_f32
exported.examine_f64 = examine_f64
exported.stage_f32 = stage_f32
exported.stage_f64 = stage_f64
exported.store_f32 = store_f32
exported.store_f64 = store_f64
exported.saturate_f32 = saturate_f32
exported.saturate_f64 = saturate_f64

table = PyCapsule_New(&exported, TABLE_NAME, NULL)

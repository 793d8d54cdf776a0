# What a level exports: its table, in a capsule, filled by the level's parts. These are modules for Cython alone: they
# are linked into the level, and never imported.

from cpython.pycapsule cimport PyCapsule_New

from microkernels cimport *
from simd cimport F32_LANES, F64_LANES

cdef extern void xcorr_fill_columns_f32(Table*) noexcept nogil
cdef extern void xcorr_fill_columns_f64(Table*) noexcept nogil
cdef extern void xcorr_fill_kernels(Table*) noexcept nogil
cdef extern void xcorr_fill_transforms(Table*) noexcept nogil
cdef extern void xcorr_fill_staging(Table*) noexcept nogil

cdef Table exported

exported.lanes_f32 = F32_LANES
exported.lanes_f64 = F64_LANES
xcorr_fill_columns_f32(&exported)
xcorr_fill_columns_f64(&exported)
xcorr_fill_kernels(&exported)
xcorr_fill_transforms(&exported)
xcorr_fill_staging(&exported)

table = PyCapsule_New(&exported, TABLE_NAME, NULL)

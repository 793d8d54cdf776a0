# What a level exports: its table, in a capsule, a row for each summed type, filled by the level's parts. These are
# modules for Cython alone: they are linked into the level, and never imported.

from cpython.pycapsule cimport PyCapsule_New

from libc.string cimport memcpy
from microkernels cimport (
    FLOAT32, FLOAT64, IN_FLOAT32, IN_FLOAT64, IN_INT32, IN_WORDS, INT32, N_SUMMED, NO_ELEMENT, TABLE_NAME, Routines
)
from scoring cimport SCORES_NAME, Passes
from simd cimport F32_LANES, F64_LANES, TILE_COLUMNS, TILE_KERNELS

cdef extern void xcorr_fill_columns_f32(Routines*) noexcept nogil
cdef extern void xcorr_fill_columns_f64(Routines*) noexcept nogil
cdef extern void xcorr_fill_factors(Routines*) noexcept nogil
cdef extern void xcorr_fill_words(Routines*) noexcept nogil
cdef extern void xcorr_fill_rows(Routines*) noexcept nogil
cdef extern void xcorr_fill_bank(Routines*) noexcept nogil
cdef extern void xcorr_fill_kernels(Routines*) noexcept nogil
cdef extern void xcorr_fill_channels(Routines*) noexcept nogil
cdef extern void xcorr_fill_transforms(Routines*) noexcept nogil
cdef extern void xcorr_fill_staging(Routines*) noexcept nogil
cdef extern void xcorr_fill_planes(Routines*) noexcept nogil
cdef extern void xcorr_fill_products(Routines*) noexcept nogil
cdef extern void xcorr_fill_reducing(Routines*) noexcept nogil
cdef extern void xcorr_fill_bytes(Routines*) noexcept nogil
cdef extern bint xcorr_fill_bytes_vnni(Routines*) noexcept nogil

cdef extern void xcorr_fill_scores(Passes*) noexcept nogil

cdef Routines[N_SUMMED] exported, exported_vnni

exported[IN_FLOAT32].element, exported[IN_FLOAT64].element, exported[IN_INT32].element = FLOAT32, FLOAT64, INT32
exported[IN_FLOAT32].item_bytes, exported[IN_FLOAT64].item_bytes = sizeof(float), sizeof(double)
exported[IN_FLOAT32].pixel_bytes, exported[IN_FLOAT64].pixel_bytes = sizeof(float), sizeof(double)
exported[IN_FLOAT32].taps_at_once = exported[IN_FLOAT64].taps_at_once = 1
exported[IN_FLOAT32].lanes, exported[IN_FLOAT64].lanes = F32_LANES, F64_LANES
exported[IN_FLOAT32].most_kernels = exported[IN_FLOAT64].most_kernels = TILE_KERNELS
exported[IN_FLOAT32].tile_columns = exported[IN_FLOAT64].tile_columns = TILE_COLUMNS
exported[IN_INT32].item_bytes, exported[IN_INT32].lanes = sizeof(int), F32_LANES
xcorr_fill_columns_f32(exported)
xcorr_fill_columns_f64(exported)
xcorr_fill_factors(exported)
xcorr_fill_rows(exported)
xcorr_fill_bank(exported)
xcorr_fill_kernels(exported)
xcorr_fill_planes(exported)
xcorr_fill_channels(exported)
xcorr_fill_transforms(exported)
xcorr_fill_staging(exported)
xcorr_fill_products(exported)
xcorr_fill_reducing(exported)
xcorr_fill_bytes(exported)
memcpy(&exported[IN_WORDS], &exported[IN_FLOAT32], sizeof(Routines))
exported[IN_WORDS].element = NO_ELEMENT
exported[IN_WORDS].pixel_bytes, exported[IN_WORDS].stage = exported[IN_INT32].pixel_bytes, exported[IN_INT32].stage
exported[IN_WORDS].stage_planes = NULL
xcorr_fill_words(exported)
memcpy(exported_vnni, exported, sizeof(exported))

table = PyCapsule_New(exported, TABLE_NAME, NULL)
table_vnni = PyCapsule_New(exported_vnni, TABLE_NAME, NULL) if xcorr_fill_bytes_vnni(exported_vnni) else None

cdef Passes passes
xcorr_fill_scores(&passes)
scores = PyCapsule_New(&passes, SCORES_NAME, NULL)

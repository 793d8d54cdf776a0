# What C gives to a level beside its operators: vectors and the few operations on them that need a name.

cdef extern from "simd.h" nogil:
    ctypedef float f32v "xcorr_f32v"
    ctypedef double f64v "xcorr_f64v"
    void in_memory "xcorr_in_memory"(void* array)
    const void* opaque "xcorr_opaque"(const void* pointer)
    void copy_part "xcorr_copy_part"(void* target, const void* source, Py_ssize_t n_bytes)
    void prefetch "xcorr_prefetch"(const void* place)
    void prefetch_to_write "xcorr_prefetch_to_write"(const void* place)
    const float a_zero "xcorr_zero"
    f32v f32v_broadcast "xcorr_f32v_broadcast"(float)
    f64v f64v_broadcast "xcorr_f64v_broadcast"(double)
    f32v f32v_in_register "xcorr_f32v_in_register"(f32v)
    f64v f64v_in_register "xcorr_f64v_in_register"(f64v)
    f32v f32v_number "xcorr_f32v_number"(f32v)
    f64v f64v_number "xcorr_f64v_number"(f64v)
    f32v f32v_shifted "xcorr_f32v_shifted"(f32v, f32v, Py_ssize_t)
    f64v f64v_shifted "xcorr_f64v_shifted"(f64v, f64v, Py_ssize_t)
    f32v f32v_zip_low "xcorr_f32v_zip_low"(f32v, f32v)
    f32v f32v_zip_high "xcorr_f32v_zip_high"(f32v, f32v)
    f64v f64v_zip_low "xcorr_f64v_zip_low"(f64v, f64v)
    f64v f64v_zip_high "xcorr_f64v_zip_high"(f64v, f64v)
    void transpose_4x4_f32 "xcorr_transpose_4x4_f32"(const float*, Py_ssize_t, float*, Py_ssize_t)
    void transpose_4x4_f64 "xcorr_transpose_4x4_f64"(const double*, Py_ssize_t, double*, Py_ssize_t)
    ctypedef int bits32 "xcorr_bits32"
    ctypedef long long bits64 "xcorr_bits64"
    enum:
        REGISTERS "XCORR_REGISTERS"  # of vectors
        LARGEST_RADIX "XCORR_LARGEST_RADIX"
        SHIFTS "XCORR_SHIFTS"  # whether the level has vectors shifted
        F32_LANES "XCORR_F32_LANES"
        F64_LANES "XCORR_F64_LANES"
        TILE_COLUMNS "XCORR_TILE_COLUMNS"            # lanes over kernels: columns x 2 vectors of kernels
        TILE_VECTORS "XCORR_TILE_VECTORS"            # lanes over columns: vectors of columns
        TILE_ACCUMULATORS "XCORR_TILE_ACCUMULATORS"  # the largest tile's

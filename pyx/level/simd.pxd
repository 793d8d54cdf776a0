# What C gives to a level beside its operators: vectors and the few operations on them that need a name.

cdef extern from "simd.h" nogil:
    ctypedef float f32v "xcorr_f32v"
    ctypedef double f64v "xcorr_f64v"
    ctypedef int lanes_mask "xcorr_lanes"
    void in_memory "xcorr_in_memory"(void* array)
    const void* opaque "xcorr_opaque"(const void* pointer)
    void copy_part "xcorr_copy_part"(void* target, const void* source, Py_ssize_t n_bytes)
    void prefetch "xcorr_prefetch"(const void* place)
    void prefetch_to_write "xcorr_prefetch_to_write"(const void* place)
    const float a_zero "xcorr_zero"
    ctypedef struct lines_of_vectors "xcorr_lines_of_vectors":
        pass
    const double ROOT_OF_HALF "XCORR_ROOT_OF_HALF"
    f32v f32v_broadcast "xcorr_f32v_broadcast"(float)
    f64v f64v_broadcast "xcorr_f64v_broadcast"(double)
    f32v f32v_in_register "xcorr_f32v_in_register"(f32v)
    f64v f64v_in_register "xcorr_f64v_in_register"(f64v)
    f32v f32v_multiply_add "xcorr_f32v_multiply_add"(f32v, f32v, f32v)
    f64v f64v_multiply_add "xcorr_f64v_multiply_add"(f64v, f64v, f64v)
    f32v f32v_number "xcorr_f32v_number"(f32v)
    f64v f64v_number "xcorr_f64v_number"(f64v)
    f64v f64v_of_f32 "xcorr_f64v_of_f32"(const float*)
    void f64v_to_f32 "xcorr_f64v_to_f32"(f64v, float*)
    f32v f32v_shifted "xcorr_f32v_shifted"(f32v, f32v, Py_ssize_t)
    f64v f64v_shifted "xcorr_f64v_shifted"(f64v, f64v, Py_ssize_t)
    f32v f32v_zip_low "xcorr_f32v_zip_low"(f32v, f32v)
    f32v f32v_zip_high "xcorr_f32v_zip_high"(f32v, f32v)
    f64v f64v_zip_low "xcorr_f64v_zip_low"(f64v, f64v)
    f64v f64v_zip_high "xcorr_f64v_zip_high"(f64v, f64v)
    void f32v_transpose "xcorr_f32v_transpose"(f32v*)
    void f64v_transpose "xcorr_f64v_transpose"(f64v*)
    f32v f32v_evens "xcorr_f32v_evens"(f32v, f32v)
    f32v f32v_odds "xcorr_f32v_odds"(f32v, f32v)
    lanes_mask f32v_lanes "xcorr_f32v_lanes"(Py_ssize_t, Py_ssize_t)
    f32v f32v_inside "xcorr_f32v_inside"(const float*, lanes_mask, f32v)
    f32v f32v_inside_halves "xcorr_f32v_inside_halves"(const float*, const float*, lanes_mask, f32v)
    f32v f32v_halves "xcorr_f32v_halves"(float, float)
    void f32v_store_first "xcorr_f32v_store_first"(float*, f32v, Py_ssize_t)
    void f32v_store_halves "xcorr_f32v_store_halves"(float*, float*, f32v, Py_ssize_t)
    f64v f64v_evens "xcorr_f64v_evens"(f64v, f64v)
    f64v f64v_odds "xcorr_f64v_odds"(f64v, f64v)
    lanes_mask f64v_lanes "xcorr_f64v_lanes"(Py_ssize_t, Py_ssize_t)
    f64v f64v_inside "xcorr_f64v_inside"(const double*, lanes_mask, f64v)
    f64v f64v_inside_halves "xcorr_f64v_inside_halves"(const double*, const double*, lanes_mask, f64v)
    f64v f64v_halves "xcorr_f64v_halves"(double, double)
    void f64v_store_first "xcorr_f64v_store_first"(double*, f64v, Py_ssize_t)
    void f64v_store_halves "xcorr_f64v_store_halves"(double*, double*, f64v, Py_ssize_t)
    void transpose_4x4_f32 "xcorr_transpose_4x4_f32"(const float*, Py_ssize_t, float*, Py_ssize_t)
    void transpose_4x4_f64 "xcorr_transpose_4x4_f64"(const double*, Py_ssize_t, double*, Py_ssize_t)
    ctypedef int bits32 "xcorr_bits32"
    ctypedef long long bits64 "xcorr_bits64"
    enum:
        REGISTERS "XCORR_REGISTERS"  # of vectors
        LARGEST_RADIX "XCORR_LARGEST_RADIX"
        SHIFTS "XCORR_SHIFTS"  # whether the level has vectors shifted
        HALVES "XCORR_HALVES"  # whether the level has vectors whose halves lie at two places
        F32_LANES "XCORR_F32_LANES"
        F64_LANES "XCORR_F64_LANES"
        TILE_COLUMNS "XCORR_TILE_COLUMNS"            # lanes over kernels: columns x 2 vectors of kernels
        CHANNEL_COLUMNS "XCORR_CHANNEL_COLUMNS"      # lanes over channels: columns of windows that share pixels
        TILE_VECTORS "XCORR_TILE_VECTORS"            # lanes over columns: vectors of columns
        TILE_KERNELS "XCORR_TILE_KERNELS"            # lanes over columns: kernels
        TILE_ACCUMULATORS "XCORR_TILE_ACCUMULATORS"  # the largest tile's

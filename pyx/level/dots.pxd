# Sums of 8-bit products, of which C has no operators: vectors of 32-bit lanes as the scalars that they consist of.

from libc.stdint cimport int32_t

cdef extern from "dots.h" nogil:
    ctypedef int32_t i32v "xcorr_i32v"
    i32v i32v_of "xcorr_i32v_of"(const void* place)
    i32v words_dot "xcorr_words_dot"(i32v sums, i32v, i32v)
    i32v bytes_dot "xcorr_bytes_dot"(i32v sums, i32v unsigned_bytes, i32v signed_bytes)
    enum:
        BYTE_DOTS "XCORR_BYTE_DOTS"  # whether the part was compiled for a processor with `bytes_dot`

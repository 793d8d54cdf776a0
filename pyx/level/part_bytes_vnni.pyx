"""Sums of 8-bit products in int32, four at once: a part of a level for processors that have them beside it."""

from microkernels cimport IN_INT32, Routines

include "over_bytes.pxi"
include "staging_bytes.pxi"


cdef void over_bytes(const Sum* sum, const Rows* rows, const void* image, const void* panel, const void* bias,
                     void* response) noexcept nogil:
    rows_over_bytes(sum, rows, <const char*> image, <const int32_t*> panel, <const int32_t*> bias,
                    <int32_t*> response, SIGNED_TAPS)


cdef void over_bytes_unsigned(const Sum* sum, const Rows* rows, const void* image, const void* panel,
                              const void* bias, void* response) noexcept nogil:
    rows_over_bytes(sum, rows, <const char*> image, <const int32_t*> panel, <const int32_t*> bias,
                    <int32_t*> response, UNSIGNED_TAPS)


cdef public bint xcorr_fill_bytes_vnni(Routines* table) noexcept nogil:
    """Whether the part was compiled for such processors; what words do, it leaves to these."""
    cdef Routines* i32 = &table[IN_INT32]
    if not BYTE_DOTS:
        return False
    i32.pixel_bytes, i32.taps_at_once = sizeof(uint8_t), 4
    i32.over_bytes, i32.over_bytes_unsigned = over_bytes, over_bytes_unsigned
    i32.pack_steps, i32.stage = pack_u8, stage_u8
    return True

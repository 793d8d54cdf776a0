"""Sums of 8-bit products in int32, by words of 16 bits that every processor multiplies: a part of every level."""

from microkernels cimport IN_INT32, Routines

include "over_bytes.pxi"
include "staging_bytes.pxi"
include "storing_i32.pxi"


cdef void over_words(const Sum* sum, const Rows* rows, const void* image, const void* panel, const void* bias,
                     void* response) noexcept nogil:
    rows_over_bytes(sum, rows, <const char*> image, <const int32_t*> panel, <const int32_t*> bias,
                    <int32_t*> response, WORDS)


cdef public void xcorr_fill_bytes(Routines* table) noexcept nogil:
    cdef Routines* i32 = &table[IN_INT32]
    i32.pixel_bytes, i32.taps_at_once = sizeof(int16_t), 2
    i32.over_bytes, i32.over_bytes_unsigned = over_words, over_words
    i32.pack_steps, i32.stage = pack_i16, stage_i16
    i32.store, i32.store_saturated = store_i32, store_i32_saturated
    i32.saturate, i32.within = saturate_i32, within_i32

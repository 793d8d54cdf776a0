/* Sums of 8-bit pixels times small whole taps: vectors of 16-bit lanes, modulo 2**16, so that what passes the range on
 * the way does no harm.
 */
#ifndef XCORR_WORDS_H
#define XCORR_WORDS_H

#include "simd.h"

#ifdef XCORR_VECTOR_BYTES
#define XCORR_U16_LANES (XCORR_VECTOR_BYTES / 2)
typedef uint16_t xcorr_u16v __attribute__((vector_size(XCORR_VECTOR_BYTES), aligned(2), may_alias));
typedef uint16_t xcorr_u16half __attribute__((vector_size(XCORR_VECTOR_BYTES / 2), aligned(2), may_alias));
#define XCORR_U16_WIDE(x) (x)
static inline xcorr_u16v xcorr_u16v_broadcast(uint16_t x) { return x + (xcorr_u16v){0}; }

/* (low + numbers[i]) * scale + bias for as many numbers as a vector has floats. */
static inline xcorr_f32v xcorr_f32v_of_u16(const uint16_t *numbers, int low, float scale, float bias) {
    xcorr_i32v whole = __builtin_convertvector(*(const xcorr_u16half *)numbers, xcorr_i32v) + low;
    return __builtin_convertvector(whole, xcorr_f32v) * scale + bias;
}
#else
#define XCORR_U16_LANES 1
typedef uint16_t xcorr_u16v;
#define XCORR_U16_WIDE(x) ((uint32_t)(x)) /* an int would not hold the product */
static inline xcorr_u16v xcorr_u16v_broadcast(uint16_t x) { return x; }
static inline xcorr_f32v xcorr_f32v_of_u16(const uint16_t *numbers, int low, float scale, float bias) {
    return (float)(*numbers + low) * scale + bias;
}
#endif

static inline xcorr_u16v xcorr_u16v_multiply_add(xcorr_u16v sum, xcorr_u16v a, xcorr_u16v b) {
    return (xcorr_u16v)(sum + XCORR_U16_WIDE(a) * b);
}

#endif

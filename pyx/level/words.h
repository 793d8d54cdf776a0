/* Sums of 8-bit pixels times small whole taps: vectors of 16-bit lanes, modulo 2**16, so that what passes the range on
 * the way does no harm; and what becomes of them, (low + sum) * scale + bias.
 */
#ifndef XCORR_WORDS_H
#define XCORR_WORDS_H

#include <math.h>

#include "simd.h"

#if defined(__SSE2__) && defined(XCORR_VECTOR_BYTES) && !defined(XCORR_SPLIT_VECTORS)
#include <immintrin.h>
#if XCORR_VECTOR_BYTES == 64 && defined(__AVX512BW__)
#define XCORR_SIMD(name) _mm512_##name
#define XCORR_WIDENED _mm256_loadu_si256
#define XCORR_SIMD_INTEGERS __m512i
#define XCORR_SIMD_FLOATS __m512
#define XCORR_IN_ORDER(x) _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), x)
#elif XCORR_VECTOR_BYTES == 32 && defined(__AVX2__)
#define XCORR_SIMD(name) _mm256_##name
#define XCORR_WIDENED _mm_loadu_si128
#define XCORR_SIMD_INTEGERS __m256i
#define XCORR_SIMD_FLOATS __m256
#define XCORR_IN_ORDER(x) _mm256_permute4x64_epi64(x, 0xd8)
#elif XCORR_VECTOR_BYTES == 16
#define XCORR_SIMD(name) _mm_##name
#define XCORR_SIMD_INTEGERS __m128i
#define XCORR_SIMD_FLOATS __m128
#define XCORR_IN_ORDER(x) (x)
#endif
#endif

#ifdef XCORR_VECTOR_BYTES
#define XCORR_U16_LANES (XCORR_VECTOR_BYTES / 2)
typedef uint16_t xcorr_u16v __attribute__((vector_size(XCORR_VECTOR_BYTES), aligned(2), may_alias));
typedef uint16_t xcorr_u16half __attribute__((vector_size(XCORR_VECTOR_BYTES / 2), aligned(2), may_alias));
typedef uint8_t xcorr_u8v __attribute__((vector_size(XCORR_VECTOR_BYTES), aligned(1), may_alias));
#define XCORR_U16_WIDE(x) (x)
static inline xcorr_u16v xcorr_u16v_broadcast(uint16_t x) { return x + (xcorr_u16v){0}; }

/* As many pixels as a vector has words. Compilers take several instructions where there is one. */
#ifdef XCORR_WIDENED
static inline xcorr_u16v xcorr_u16v_of_u8(const uint8_t *pixels) {
    return (xcorr_u16v)XCORR_SIMD(cvtepu8_epi16)(XCORR_WIDENED((const void *)pixels));
}
static inline xcorr_u16v xcorr_u16v_of_i8(const uint8_t *pixels) {
    return (xcorr_u16v)XCORR_SIMD(cvtepi8_epi16)(XCORR_WIDENED((const void *)pixels));
}
#else
typedef uint8_t xcorr_u8half __attribute__((vector_size(XCORR_VECTOR_BYTES / 2), aligned(1), may_alias));
typedef int8_t xcorr_i8half __attribute__((vector_size(XCORR_VECTOR_BYTES / 2), aligned(1), may_alias));
typedef int16_t xcorr_i16v __attribute__((vector_size(XCORR_VECTOR_BYTES), aligned(2), may_alias));
static inline xcorr_u16v xcorr_u16v_of_u8(const uint8_t *pixels) {
    return __builtin_convertvector(*(const xcorr_u8half *)pixels, xcorr_u16v);
}
static inline xcorr_u16v xcorr_u16v_of_i8(const uint8_t *pixels) {
    return (xcorr_u16v)__builtin_convertvector(*(const xcorr_i8half *)pixels, xcorr_i16v);
}
#endif

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
static inline xcorr_u16v xcorr_u16v_of_u8(const uint8_t *pixels) { return *pixels; }
static inline xcorr_u16v xcorr_u16v_of_i8(const uint8_t *pixels) { return (uint16_t)(int8_t)*pixels; }
static inline xcorr_f32v xcorr_f32v_of_u16(const uint16_t *numbers, int low, float scale, float bias) {
    return (float)(*numbers + low) * scale + bias;
}
#endif

static inline xcorr_u16v xcorr_u16v_multiply_add(xcorr_u16v sum, xcorr_u16v a, xcorr_u16v b) {
    return (xcorr_u16v)(sum + XCORR_U16_WIDE(a) * b);
}

static inline void xcorr_u16v_to_f32(xcorr_u16v sums, int low, float scale, float bias, float *target) {
    uint16_t words[XCORR_U16_LANES];
    memcpy(words, &sums, sizeof(words));
    for (ptrdiff_t i = 0; i < XCORR_U16_LANES; i += XCORR_F32_LANES)
        *(xcorr_f32v *)(target + i) = xcorr_f32v_of_u16(words + i, low, scale, bias);
}

/* To the nearest whole numbers, ties to even, and kept within the type, of which they become a vector (of 16 bits) or,
 * two vectors together, one (of 8). Instructions that put the halves of each 128 bits side by side are undone by those
 * that narrow, so that only bytes are left to be put in order. */
#ifdef XCORR_SIMD
/* What is too small for the instruction, and it takes for the least integer, is kept within the type when narrowed. */
static inline XCORR_SIMD_INTEGERS xcorr_rounded(XCORR_SIMD_INTEGERS whole, int low, float scale, float bias,
                                                float most) {
    xcorr_f32v values = __builtin_convertvector((xcorr_i32v)whole + low, xcorr_f32v) * scale + bias;
    return XCORR_SIMD(cvtps_epi32)(
        XCORR_SIMD(min_ps)((XCORR_SIMD_FLOATS)values, (XCORR_SIMD_FLOATS)xcorr_f32v_broadcast(most)));
}
static inline XCORR_SIMD_INTEGERS xcorr_i16_of_words(xcorr_u16v sums, int low, float scale, float bias, float most) {
    XCORR_SIMD_INTEGERS words = (XCORR_SIMD_INTEGERS)sums, zero = (XCORR_SIMD_INTEGERS)xcorr_u16v_broadcast(0);
    return XCORR_SIMD(packs_epi32)(
        xcorr_rounded(XCORR_SIMD(unpacklo_epi16)(words, zero), low, scale, bias, most),
        xcorr_rounded(XCORR_SIMD(unpackhi_epi16)(words, zero), low, scale, bias, most));
}
static inline void xcorr_u16v_to_i16(xcorr_u16v sums, int low, float scale, float bias, int16_t *target) {
    *(xcorr_u16v *)target = (xcorr_u16v)xcorr_i16_of_words(sums, low, scale, bias, 32767);
}
static inline void xcorr_u16v_to_u8(xcorr_u16v first, xcorr_u16v second, int low, float scale, float bias,
                                    uint8_t *target) {
    XCORR_SIMD_INTEGERS bytes = XCORR_SIMD(packus_epi16)(xcorr_i16_of_words(first, low, scale, bias, 255),
                                                         xcorr_i16_of_words(second, low, scale, bias, 255));
    *(xcorr_u8v *)target = (xcorr_u8v)XCORR_IN_ORDER(bytes);
}

/* Words that are no larger than 32,767, at most 255 of them as bytes. */
static inline void xcorr_u16v_narrowed(xcorr_u16v first, xcorr_u16v second, uint8_t *target) {
    XCORR_SIMD_INTEGERS bytes = XCORR_SIMD(packus_epi16)((XCORR_SIMD_INTEGERS)first, (XCORR_SIMD_INTEGERS)second);
    *(xcorr_u8v *)target = (xcorr_u8v)XCORR_IN_ORDER(bytes);
}
/* The upper words of products. */
static inline xcorr_u16v xcorr_u16v_high_product(xcorr_u16v a, xcorr_u16v b) {
    return (xcorr_u16v)XCORR_SIMD(mulhi_epu16)((XCORR_SIMD_INTEGERS)a, (XCORR_SIMD_INTEGERS)b);
}
#else
static inline void xcorr_u16v_narrowed(xcorr_u16v first, xcorr_u16v second, uint8_t *target) {
    uint16_t words[2 * XCORR_U16_LANES];
    memcpy(words, &first, sizeof(first));
    memcpy(words + XCORR_U16_LANES, &second, sizeof(second));
    for (ptrdiff_t i = 0; i < 2 * XCORR_U16_LANES; i++)
        target[i] = (uint8_t)(words[i] < 255 ? words[i] : 255);
}
static inline xcorr_u16v xcorr_u16v_high_product(xcorr_u16v a, xcorr_u16v b) {
    uint16_t words[XCORR_U16_LANES], others[XCORR_U16_LANES];
    memcpy(words, &a, sizeof(a));
    memcpy(others, &b, sizeof(b));
    for (ptrdiff_t i = 0; i < XCORR_U16_LANES; i++)
        words[i] = (uint16_t)((uint32_t)words[i] * others[i] >> 16);
    memcpy(&a, words, sizeof(a));
    return a;
}
static inline void xcorr_u16v_to_i16(xcorr_u16v sums, int low, float scale, float bias, int16_t *target) {
    float values[XCORR_U16_LANES];
    xcorr_u16v_to_f32(sums, low, scale, bias, values);
    for (ptrdiff_t i = 0; i < XCORR_U16_LANES; i++)
        target[i] = (int16_t)(values[i] < 32767 ? values[i] > -32768 ? rintf(values[i]) : -32768 : 32767);
}
static inline void xcorr_u16v_to_u8(xcorr_u16v first, xcorr_u16v second, int low, float scale, float bias,
                                    uint8_t *target) {
    float values[2 * XCORR_U16_LANES];
    xcorr_u16v_to_f32(first, low, scale, bias, values);
    xcorr_u16v_to_f32(second, low, scale, bias, values + XCORR_U16_LANES);
    for (ptrdiff_t i = 0; i < 2 * XCORR_U16_LANES; i++)
        target[i] = (uint8_t)(values[i] < 255 ? values[i] > 0 ? rintf(values[i]) : 0 : 255);
}
#endif

#endif

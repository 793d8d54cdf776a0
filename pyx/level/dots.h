/* Sums of products of 8 bits: vectors of 32-bit lanes, each of which holds the four bytes or the two 16-bit words of some
 * taps or pixels that lie next to each other. Sums are taken modulo 2**32, so that what passes the range on the way does
 * no harm.
 */
#ifndef XCORR_DOTS_H
#define XCORR_DOTS_H

#include "simd.h"

#ifdef XCORR_VECTOR_BYTES
typedef uint32_t xcorr_u32v __attribute__((vector_size(XCORR_VECTOR_BYTES), aligned(4), may_alias));
#else
typedef int32_t xcorr_i32v;
typedef uint32_t xcorr_u32v;
#endif

#if defined(__x86_64__) && defined(XCORR_VECTOR_BYTES) && !defined(XCORR_SPLIT_VECTORS)
#include <immintrin.h>
#endif

/* The 32 bits at a place in all lanes. */
static inline xcorr_i32v xcorr_i32v_of(const void *place) {
    uint32_t bits;
    memcpy(&bits, place, sizeof(bits));
    return (xcorr_i32v)(bits + (xcorr_u32v){0});
}

/* sums + the products of two words of each lane. */
static inline xcorr_i32v xcorr_words_dot(xcorr_i32v sums, xcorr_i32v a, xcorr_i32v b) {
#if !defined(__x86_64__) || !defined(XCORR_VECTOR_BYTES) || defined(XCORR_SPLIT_VECTORS)
    xcorr_u32v low = (xcorr_u32v)(((xcorr_i32v)((xcorr_u32v)a << 16) >> 16) * ((xcorr_i32v)((xcorr_u32v)b << 16) >> 16));
    xcorr_u32v high = (xcorr_u32v)((a >> 16) * (b >> 16));
    return (xcorr_i32v)((xcorr_u32v)sums + low + high);
#elif XCORR_VECTOR_BYTES == 64
    return (xcorr_i32v)((xcorr_u32v)sums + (xcorr_u32v)_mm512_madd_epi16((__m512i)a, (__m512i)b));
#elif XCORR_VECTOR_BYTES == 32 && defined(__AVX2__)
    return (xcorr_i32v)((xcorr_u32v)sums + (xcorr_u32v)_mm256_madd_epi16((__m256i)a, (__m256i)b));
#else
    return (xcorr_i32v)((xcorr_u32v)sums + (xcorr_u32v)_mm_madd_epi16((__m128i)a, (__m128i)b));
#endif
}

/* sums + the products of four bytes of each lane, unsigned ones by signed ones; where the processor has it (VNNI). */
#if defined(__AVX512VNNI__) && XCORR_VECTOR_BYTES == 64 && !defined(XCORR_SPLIT_VECTORS)
#define XCORR_BYTE_DOTS 1
#define XCORR_BYTES_DOT(sums, a, b) _mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(a), (__m512i)(b))
#elif defined(__AVXVNNI__) && XCORR_VECTOR_BYTES == 32 && !defined(XCORR_SPLIT_VECTORS)
#define XCORR_BYTE_DOTS 1
#define XCORR_BYTES_DOT(sums, a, b) _mm256_dpbusd_avx_epi32((__m256i)(sums), (__m256i)(a), (__m256i)(b))
#else
#define XCORR_BYTE_DOTS 0
#define XCORR_BYTES_DOT(sums, a, b) (sums)
#endif
static inline xcorr_i32v xcorr_bytes_dot(xcorr_i32v sums, xcorr_i32v bytes, xcorr_i32v signed_bytes) {
    (void)bytes;
    (void)signed_bytes;
    return (xcorr_i32v)XCORR_BYTES_DOT(sums, bytes, signed_bytes);
}

#endif

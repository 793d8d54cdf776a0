/* The larger and the smaller of each two lanes; of equal ones, or where a lane of the first is no number, the second's. */
#ifndef XCORR_EXTREMES_H
#define XCORR_EXTREMES_H

#include "simd.h"

#if defined(__AVX512F__) && defined(XCORR_VECTOR_BYTES) && XCORR_VECTOR_BYTES == 64
#include <immintrin.h>
#define XCORR_EXTREME(type, width, which) (type)_mm512_##which##_##width(a, b)
#elif defined(__AVX__) && defined(XCORR_VECTOR_BYTES) && XCORR_VECTOR_BYTES == 32
#include <immintrin.h>
#define XCORR_EXTREME(type, width, which) (type)_mm256_##which##_##width(a, b)
#elif defined(__SSE2__) && defined(XCORR_VECTOR_BYTES) && XCORR_VECTOR_BYTES == 16
#include <emmintrin.h>
#define XCORR_EXTREME(type, width, which) (type)_mm_##which##_##width(a, b)
#endif

#if defined(XCORR_EXTREME)
static inline xcorr_f32v xcorr_f32v_larger(xcorr_f32v a, xcorr_f32v b) { return XCORR_EXTREME(xcorr_f32v, ps, max); }
static inline xcorr_f32v xcorr_f32v_smaller(xcorr_f32v a, xcorr_f32v b) { return XCORR_EXTREME(xcorr_f32v, ps, min); }
static inline xcorr_f64v xcorr_f64v_larger(xcorr_f64v a, xcorr_f64v b) { return XCORR_EXTREME(xcorr_f64v, pd, max); }
static inline xcorr_f64v xcorr_f64v_smaller(xcorr_f64v a, xcorr_f64v b) { return XCORR_EXTREME(xcorr_f64v, pd, min); }
#elif defined(XCORR_VECTOR_BYTES)
#define XCORR_CHOSEN(vector, integers, chosen) (vector)(((integers)a & (chosen)) | ((integers)b & ~(chosen)))
static inline xcorr_f32v xcorr_f32v_larger(xcorr_f32v a, xcorr_f32v b) {
    return XCORR_CHOSEN(xcorr_f32v, xcorr_i32v, (xcorr_i32v)(a > b));
}
static inline xcorr_f32v xcorr_f32v_smaller(xcorr_f32v a, xcorr_f32v b) {
    return XCORR_CHOSEN(xcorr_f32v, xcorr_i32v, (xcorr_i32v)(a < b));
}
static inline xcorr_f64v xcorr_f64v_larger(xcorr_f64v a, xcorr_f64v b) {
    return XCORR_CHOSEN(xcorr_f64v, xcorr_i64v, (xcorr_i64v)(a > b));
}
static inline xcorr_f64v xcorr_f64v_smaller(xcorr_f64v a, xcorr_f64v b) {
    return XCORR_CHOSEN(xcorr_f64v, xcorr_i64v, (xcorr_i64v)(a < b));
}
#else
static inline xcorr_f32v xcorr_f32v_larger(xcorr_f32v a, xcorr_f32v b) { return a > b ? a : b; }
static inline xcorr_f32v xcorr_f32v_smaller(xcorr_f32v a, xcorr_f32v b) { return a < b ? a : b; }
static inline xcorr_f64v xcorr_f64v_larger(xcorr_f64v a, xcorr_f64v b) { return a > b ? a : b; }
static inline xcorr_f64v xcorr_f64v_smaller(xcorr_f64v a, xcorr_f64v b) { return a < b ? a : b; }
#endif

#endif

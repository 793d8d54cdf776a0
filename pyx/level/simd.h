/* Vector types of the level being compiled, and the few operations on them that C's operators do not give.
 *
 * A vector is declared to Cython as the scalar that it consists of, so `sums = sums + scalar * taps` there is one
 * vector instruction here. Alignment is that of the scalar: loads and stores may stand anywhere.
 */
#ifndef XCORR_SIMD_H
#define XCORR_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* clang-cl knows GNU C too, but passes for MSVC */
#if defined(__GNUC__) || defined(__clang__)
#define XCORR_GNU_C
#endif

/* Given from outside, the compiler splits vectors of any size into what the level has: so the tiles of a level can be
 * tested on machines that cannot run it. 0 is one lane, as with compilers that have no vector types. */
#if defined(XCORR_VECTOR_BYTES) && XCORR_VECTOR_BYTES == 0
#undef XCORR_VECTOR_BYTES
#elif defined(XCORR_VECTOR_BYTES)
#define XCORR_SPLIT_VECTORS
#elif defined(__AVX512F__)
#define XCORR_VECTOR_BYTES 64
#elif defined(__AVX__)
#define XCORR_VECTOR_BYTES 32
#elif defined(XCORR_GNU_C)
#define XCORR_VECTOR_BYTES 16
#endif

#ifdef XCORR_VECTOR_BYTES
#define XCORR_F32_LANES (XCORR_VECTOR_BYTES / 4)
#define XCORR_F64_LANES (XCORR_VECTOR_BYTES / 8)
typedef float xcorr_f32v __attribute__((vector_size(XCORR_VECTOR_BYTES), aligned(4), may_alias));
typedef double xcorr_f64v __attribute__((vector_size(XCORR_VECTOR_BYTES), aligned(8), may_alias));
typedef int32_t xcorr_i32v __attribute__((vector_size(XCORR_VECTOR_BYTES), aligned(4), may_alias));
typedef int64_t xcorr_i64v __attribute__((vector_size(XCORR_VECTOR_BYTES), aligned(8), may_alias));
static inline xcorr_f32v xcorr_f32v_broadcast(float x) { return x - (xcorr_f32v){0}; }
static inline xcorr_f64v xcorr_f64v_broadcast(double x) { return x - (xcorr_f64v){0}; }
/* x where it is a number, 0 where it is not one */
static inline xcorr_f32v xcorr_f32v_number(xcorr_f32v x) { return (xcorr_f32v)((xcorr_i32v)x & (xcorr_i32v)(x == x)); }
static inline xcorr_f64v xcorr_f64v_number(xcorr_f64v x) { return (xcorr_f64v)((xcorr_i64v)x & (xcorr_i64v)(x == x)); }
/* as many floats as a vector has doubles, from memory and rounded to it */
typedef float xcorr_f32half __attribute__((vector_size(XCORR_VECTOR_BYTES / 2), aligned(4), may_alias));
static inline xcorr_f64v xcorr_f64v_of_f32(const float *source) {
    return __builtin_convertvector(*(const xcorr_f32half *)source, xcorr_f64v);
}
static inline void xcorr_f64v_to_f32(xcorr_f64v x, float *target) {
    *(xcorr_f32half *)target = __builtin_convertvector(x, xcorr_f32half);
}
#else
#define XCORR_F32_LANES 1
#define XCORR_F64_LANES 1
typedef float xcorr_f32v;
typedef double xcorr_f64v;
static inline xcorr_f32v xcorr_f32v_broadcast(float x) { return x; }
static inline xcorr_f64v xcorr_f64v_broadcast(double x) { return x; }
static inline xcorr_f32v xcorr_f32v_number(xcorr_f32v x) { return x == x ? x : 0; }
static inline xcorr_f64v xcorr_f64v_number(xcorr_f64v x) { return x == x ? x : 0; }
static inline xcorr_f64v xcorr_f64v_of_f32(const float *source) { return *source; }
static inline void xcorr_f64v_to_f32(xcorr_f64v x, float *target) { *target = (float)x; }
#endif

/* The vector itself, in a register: compilers load what is used three times from memory three times. A product is
 * rounded before it is added. */
#if defined(XCORR_GNU_C) && defined(__x86_64__) && !defined(XCORR_SPLIT_VECTORS)
#define XCORR_IN_REGISTER(x) __asm__("" : "+v"(x))
#elif defined(XCORR_GNU_C) && defined(__aarch64__) && !defined(XCORR_SPLIT_VECTORS)
#define XCORR_IN_REGISTER(x) __asm__("" : "+w"(x))
#else
#define XCORR_IN_REGISTER(x)
#endif
static inline xcorr_f32v xcorr_f32v_in_register(xcorr_f32v x) { XCORR_IN_REGISTER(x); return x; }
static inline xcorr_f64v xcorr_f64v_in_register(xcorr_f64v x) { XCORR_IN_REGISTER(x); return x; }

/* Lanes n to n + lanes - 1 of two vectors one after the other, for the literals n of rows of 3 and 5 taps. Only at the
 * level where it costs less than a load across two cache lines; its instruction has no spelling in vector types. Another
 * literal does not compile, and what is no literal ends the process: neither may be a wrong sum. */
#if defined(XCORR_GNU_C)
extern void xcorr_unknown_shift(void) __attribute__((error("shifted: it has no case for this number of lanes")));
#define XCORR_REFUSE_SHIFT(n) do { if (__builtin_constant_p(n)) xcorr_unknown_shift(); __builtin_trap(); } while (0)
#else
#define XCORR_REFUSE_SHIFT(n) abort()
#endif
#if defined(__AVX512F__) && XCORR_VECTOR_BYTES == 64
#include <immintrin.h>
#define XCORR_SHIFTS 1
#define XCORR_SHIFT_CASE(type, bits, n)                                                                                \
    case n: return (type)_mm512_alignr_epi##bits((__m512i)high, (__m512i)low, n);
static inline xcorr_f32v xcorr_f32v_shifted(xcorr_f32v low, xcorr_f32v high, ptrdiff_t n) {
    switch (n) {
        XCORR_SHIFT_CASE(xcorr_f32v, 32, 1)
        XCORR_SHIFT_CASE(xcorr_f32v, 32, 2)
        XCORR_SHIFT_CASE(xcorr_f32v, 32, 3)
        XCORR_SHIFT_CASE(xcorr_f32v, 32, 4)
        XCORR_SHIFT_CASE(xcorr_f32v, 32, 12)
        XCORR_SHIFT_CASE(xcorr_f32v, 32, 14)
    }
    XCORR_REFUSE_SHIFT(n);
    return low;
}
static inline xcorr_f64v xcorr_f64v_shifted(xcorr_f64v low, xcorr_f64v high, ptrdiff_t n) {
    switch (n) {
        XCORR_SHIFT_CASE(xcorr_f64v, 64, 1)
        XCORR_SHIFT_CASE(xcorr_f64v, 64, 2)
        XCORR_SHIFT_CASE(xcorr_f64v, 64, 3)
        XCORR_SHIFT_CASE(xcorr_f64v, 64, 4)
        XCORR_SHIFT_CASE(xcorr_f64v, 64, 6)
    }
    XCORR_REFUSE_SHIFT(n);
    return low;
}
#undef XCORR_SHIFT_CASE
#else
#define XCORR_SHIFTS 0
static inline xcorr_f32v xcorr_f32v_shifted(xcorr_f32v low, xcorr_f32v high, ptrdiff_t n) {
    (void)high;
    XCORR_REFUSE_SHIFT(n);
    return low;
}
static inline xcorr_f64v xcorr_f64v_shifted(xcorr_f64v low, xcorr_f64v high, ptrdiff_t n) {
    (void)high;
    XCORR_REFUSE_SHIFT(n);
    return low;
}
#endif

/* sum + a * b, rounded once wherever the level can. Compilers fuse operators where they like: here one kernel of a tile
 * and there not its neighbour, where what is left of a row is assembled on the stack. */
#if defined(__FMA__) && defined(XCORR_GNU_C) && !defined(XCORR_SPLIT_VECTORS) && defined(XCORR_VECTOR_BYTES)
#include <immintrin.h>
#if XCORR_VECTOR_BYTES == 64
#define XCORR_FUSED_F32(a, b, sum) (xcorr_f32v)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(sum))
#define XCORR_FUSED_F64(a, b, sum) (xcorr_f64v)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(sum))
#else
#define XCORR_FUSED_F32(a, b, sum) (xcorr_f32v)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(sum))
#define XCORR_FUSED_F64(a, b, sum) (xcorr_f64v)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(sum))
#endif
#elif defined(__aarch64__) && defined(XCORR_GNU_C) && !defined(XCORR_SPLIT_VECTORS) && defined(XCORR_VECTOR_BYTES)
#include <arm_neon.h>
#define XCORR_FUSED_F32(a, b, sum) (xcorr_f32v)vfmaq_f32((float32x4_t)(sum), (float32x4_t)(a), (float32x4_t)(b))
#define XCORR_FUSED_F64(a, b, sum) (xcorr_f64v)vfmaq_f64((float64x2_t)(sum), (float64x2_t)(a), (float64x2_t)(b))
#else
#define XCORR_FUSED_F32(a, b, sum) ((sum) + (a) * (b))
#define XCORR_FUSED_F64(a, b, sum) ((sum) + (a) * (b))
#endif
static inline xcorr_f32v xcorr_f32v_multiply_add(xcorr_f32v a, xcorr_f32v b, xcorr_f32v sum) {
    return XCORR_FUSED_F32(a, b, sum);
}
static inline xcorr_f64v xcorr_f64v_multiply_add(xcorr_f64v a, xcorr_f64v b, xcorr_f64v sum) {
    return XCORR_FUSED_F64(a, b, sum);
}

/* Vector registers of the level: what a tile may hold. */
#if !defined(XCORR_REGISTERS)
#if defined(__aarch64__) || (defined(XCORR_VECTOR_BYTES) && XCORR_VECTOR_BYTES == 64)
#define XCORR_REGISTERS 32
#else
#define XCORR_REGISTERS 16
#endif
#endif

/* Tile limits: accumulators, the vectors in flight and one broadcast have to fit the register file. And the largest
 * radix whose points fit it, real and imaginary parts in vectors of their own. */
#if XCORR_REGISTERS == 32 /* 14 x 2 + 2 + 1, 9 x 3 + 3 + 1, 2 x 4 x 3 + 3 + 1; 2 x 7 + 9 taps + 1 */
#define XCORR_TILE_COLUMNS 14
#define XCORR_CHANNEL_COLUMNS 7
#define XCORR_LARGEST_RADIX 8
#else /* 6 x 2 + 2 + 1, 4 x 3 + 3 + 1 both ways; 2 x 4 + 6 taps + 1 */
#define XCORR_TILE_COLUMNS 6
#define XCORR_CHANNEL_COLUMNS 4
#define XCORR_LARGEST_RADIX 4
#endif
#define XCORR_TILE_VECTORS 3
#define XCORR_TILE_KERNELS (XCORR_REGISTERS == 32 ? 8 : 4) /* over columns: 8 x 3 + 3 + 1, or 4 x 3 + 3 + 1 */
#define XCORR_TILE_ACCUMULATORS 28

/* Memory for the vectors of a tile, each in a cache line of its own, or in part of one. */
typedef struct {
    char bytes[XCORR_TILE_ACCUMULATORS * XCORR_F64_LANES * 8]; /* of float32 as many, but of a single lane */
}
#if defined(XCORR_GNU_C)
__attribute__((aligned(64)))
#endif
xcorr_lines_of_vectors;

#define XCORR_ROOT_OF_HALF 0.70710678118654752440

/* A zero that is read anew: one that the compiler knows of would hold a register through the loops. */
static const volatile float xcorr_zero = 0;

/* The pointer itself, about which nothing more is known: its neighbours are then addressed from it by constants
 * instead of from hoisted pointers that would not fit the registers. */
static inline const void *xcorr_opaque(const void *pointer) {
#if defined(XCORR_GNU_C)
    __asm__("" : "+r"(pointer));
#endif
    return pointer;
}

/* Keeps an array in memory, so that its elements do not take registers from the loops beside. */
#if defined(XCORR_GNU_C)
#define xcorr_in_memory(array) __asm__ volatile("" : : "r"(array) : "memory")
#else
#define xcorr_in_memory(array)
#endif

/* Fetches the line that is read soon, or that a response will be written to while its sum is still computed. Hints: any
 * address will do. */
#if defined(XCORR_GNU_C)
#define xcorr_prefetch(place) __builtin_prefetch(place)
#define xcorr_prefetch_to_write(place) __builtin_prefetch((place), 1, 3)
#else
#define xcorr_prefetch(place) ((void)(place))
#define xcorr_prefetch_to_write(place) ((void)(place))
#endif

/* Part of a vector, in pieces of fixed size: some moves, where a copy of any length would be a call. */
static inline void xcorr_copy_part(void *target, const void *source, ptrdiff_t n_bytes) {
    char *to = target;
    const char *from = source;
    if (XCORR_F32_LANES > 8 && n_bytes & 32) { memcpy(to, from, 32); to += 32; from += 32; }
    if (XCORR_F32_LANES > 4 && n_bytes & 16) { memcpy(to, from, 16); to += 16; from += 16; }
    if (XCORR_F32_LANES > 2 && n_bytes & 8) { memcpy(to, from, 8); to += 8; from += 8; }
    if (n_bytes & 4) memcpy(to, from, 4);
}

/* Elements of two vectors by their indices: one instruction, spelled by gcc with a vector of integers. */
#if defined(__clang__)
#define XCORR_SHUFFLED(integers, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#elif defined(XCORR_GNU_C)
#define XCORR_SHUFFLED(integers, a, b, ...) __builtin_shuffle(a, b, (integers){__VA_ARGS__})
#endif

/* target[c * target_pitch + r] = source[r * source_pitch + c] of a 4x4 block: pairs, then halves, by shuffles that are
 * one instruction each. gcc 12 makes scalars of vectors that are written element by element or copied by memcpy. */
#if defined(XCORR_VECTOR_BYTES)
#define XCORR_LOW_2 0, 2
#define XCORR_LOW_4 0, 4, 1, 5
#define XCORR_LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define XCORR_LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define XCORR_HIGH_2 1, 3
#define XCORR_HIGH_4 2, 6, 3, 7
#define XCORR_HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define XCORR_HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define XCORR_TRANSPOSE_4X4(name, real, vector, integers)                                                              \
    static inline void name(const real *source, ptrdiff_t source_pitch, real *target, ptrdiff_t target_pitch) {        \
        vector a = *(const vector *)source, b = *(const vector *)(source + source_pitch);                              \
        vector c = *(const vector *)(source + 2 * source_pitch), d = *(const vector *)(source + 3 * source_pitch);     \
        vector ac = XCORR_SHUFFLED(integers, a, c, XCORR_LOW_4), bd = XCORR_SHUFFLED(integers, b, d, XCORR_LOW_4);     \
        vector ca = XCORR_SHUFFLED(integers, a, c, XCORR_HIGH_4), db = XCORR_SHUFFLED(integers, b, d, XCORR_HIGH_4);   \
        *(vector *)target = XCORR_SHUFFLED(integers, ac, bd, XCORR_LOW_4);                                             \
        *(vector *)(target + target_pitch) = XCORR_SHUFFLED(integers, ac, bd, XCORR_HIGH_4);                           \
        *(vector *)(target + 2 * target_pitch) = XCORR_SHUFFLED(integers, ca, db, XCORR_LOW_4);                        \
        *(vector *)(target + 3 * target_pitch) = XCORR_SHUFFLED(integers, ca, db, XCORR_HIGH_4);                       \
    }
typedef float xcorr_f32x4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef double xcorr_f64x4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef int32_t xcorr_i32x4 __attribute__((vector_size(16)));
typedef int64_t xcorr_i64x4 __attribute__((vector_size(32)));
XCORR_TRANSPOSE_4X4(xcorr_transpose_4x4_f32, float, xcorr_f32x4, xcorr_i32x4)
XCORR_TRANSPOSE_4X4(xcorr_transpose_4x4_f64, double, xcorr_f64x4, xcorr_i64x4)
#else
#define XCORR_TURN_4X4(name, real)                                                                                     \
    static inline void name(const real *source, ptrdiff_t source_pitch, real *target, ptrdiff_t target_pitch) {        \
        for (int c = 0; c < 4; c++)                                                                                    \
            for (int r = 0; r < 4; r++) target[c * target_pitch + r] = source[r * source_pitch + c];                   \
    }
XCORR_TURN_4X4(xcorr_transpose_4x4_f32, float)
XCORR_TURN_4X4(xcorr_transpose_4x4_f64, double)
#endif

/* The elements of two vectors in turn, from their low and from their high halves: transposes blocks in registers. */
#if defined(XCORR_VECTOR_BYTES)
#define XCORR_ZIPS(name, vector, integers, lanes)                                                                      \
    static inline vector name##_zip_low(vector a, vector b) {                                                          \
        return XCORR_SHUFFLED(integers, a, b, XCORR_LOW_##lanes);                                                      \
    }                                                                                                                  \
    static inline vector name##_zip_high(vector a, vector b) {                                                         \
        return XCORR_SHUFFLED(integers, a, b, XCORR_HIGH_##lanes);                                                     \
    }
#if XCORR_VECTOR_BYTES == 64
XCORR_ZIPS(xcorr_f32v, xcorr_f32v, xcorr_i32v, 16)
XCORR_ZIPS(xcorr_f64v, xcorr_f64v, xcorr_i64v, 8)
#elif XCORR_VECTOR_BYTES == 32
XCORR_ZIPS(xcorr_f32v, xcorr_f32v, xcorr_i32v, 8)
XCORR_ZIPS(xcorr_f64v, xcorr_f64v, xcorr_i64v, 4)
#else
XCORR_ZIPS(xcorr_f32v, xcorr_f32v, xcorr_i32v, 4)
XCORR_ZIPS(xcorr_f64v, xcorr_f64v, xcorr_i64v, 2)
#endif
#else /* blocks of one element are their own transposes */
static inline xcorr_f32v xcorr_f32v_zip_low(xcorr_f32v a, xcorr_f32v b) { (void)b; return a; }
static inline xcorr_f64v xcorr_f64v_zip_low(xcorr_f64v a, xcorr_f64v b) { (void)b; return a; }
static inline xcorr_f32v xcorr_f32v_zip_high(xcorr_f32v a, xcorr_f32v b) { (void)a; return b; }
static inline xcorr_f64v xcorr_f64v_zip_high(xcorr_f64v a, xcorr_f64v b) { (void)a; return b; }
#endif

/* Transposes as many vectors as each has lanes. Blocks off the diagonal change places with each other (Eklundh, IEEE
 * Trans. Comput. 21, 1972), those of 1 and 2 floats within 16 bytes in an order in which each vector is one shuffle. */
#if defined(XCORR_VECTOR_BYTES)
#define XCORR_FIRST(i, w, n) ((i) & (w) ? (n) + (i) - (w) : (i))
#define XCORR_SECOND(i, w, n) ((i) & (w) ? (n) + (i) : (i) + (w))
#define XCORR_LOW_PAIR(i, w, n) ((i) - (i) % 4 + (i) % 4 / 2 + (i) % 2 * (n) + (w))
#define XCORR_EACH_2(which, w, n) which(0, w, n), which(1, w, n)
#define XCORR_EACH_4(which, w, n) XCORR_EACH_2(which, w, n), which(2, w, n), which(3, w, n)
#define XCORR_EACH_8(which, w, n)                                                                                      \
    XCORR_EACH_4(which, w, n), which(4, w, n), which(5, w, n), which(6, w, n), which(7, w, n)
#define XCORR_EACH_16(which, w, n)                                                                                     \
    XCORR_EACH_8(which, w, n), which(8, w, n), which(9, w, n), which(10, w, n), which(11, w, n), which(12, w, n),      \
        which(13, w, n), which(14, w, n), which(15, w, n)
#define XCORR_EXCHANGE(vector, integers, lanes, w)                                                                     \
    for (int row = 0; row < lanes; row++) {                                                                            \
        if (row & w) continue;                                                                                         \
        vector a = rows[row], b = rows[row + w];                                                                       \
        rows[row] = XCORR_SHUFFLED(integers, a, b, XCORR_EACH_##lanes(XCORR_FIRST, w, lanes));                         \
        rows[row + w] = XCORR_SHUFFLED(integers, a, b, XCORR_EACH_##lanes(XCORR_SECOND, w, lanes));                    \
    }
#define XCORR_EXCHANGE_FLOATS(lanes)                                                                                   \
    for (int row = 0; row < lanes; row += 4) {                                                                         \
        xcorr_f32v a = rows[row], b = rows[row + 1], c = rows[row + 2], d = rows[row + 3];                             \
        xcorr_f32v ab = XCORR_SHUFFLED(xcorr_i32v, a, b, XCORR_EACH_##lanes(XCORR_LOW_PAIR, 0, lanes));                \
        xcorr_f32v cd = XCORR_SHUFFLED(xcorr_i32v, c, d, XCORR_EACH_##lanes(XCORR_LOW_PAIR, 0, lanes));                \
        xcorr_f32v ba = XCORR_SHUFFLED(xcorr_i32v, a, b, XCORR_EACH_##lanes(XCORR_LOW_PAIR, 2, lanes));                \
        xcorr_f32v dc = XCORR_SHUFFLED(xcorr_i32v, c, d, XCORR_EACH_##lanes(XCORR_LOW_PAIR, 2, lanes));                \
        rows[row] = XCORR_SHUFFLED(xcorr_i32v, ab, cd, XCORR_EACH_##lanes(XCORR_FIRST, 2, lanes));                     \
        rows[row + 1] = XCORR_SHUFFLED(xcorr_i32v, ab, cd, XCORR_EACH_##lanes(XCORR_SECOND, 2, lanes));                \
        rows[row + 2] = XCORR_SHUFFLED(xcorr_i32v, ba, dc, XCORR_EACH_##lanes(XCORR_FIRST, 2, lanes));                 \
        rows[row + 3] = XCORR_SHUFFLED(xcorr_i32v, ba, dc, XCORR_EACH_##lanes(XCORR_SECOND, 2, lanes));                \
    }
static inline void xcorr_f32v_transpose(xcorr_f32v *rows) {
#if XCORR_VECTOR_BYTES == 64
    XCORR_EXCHANGE_FLOATS(16)
    XCORR_EXCHANGE(xcorr_f32v, xcorr_i32v, 16, 4)
    XCORR_EXCHANGE(xcorr_f32v, xcorr_i32v, 16, 8)
#elif XCORR_VECTOR_BYTES == 32
    XCORR_EXCHANGE_FLOATS(8)
    XCORR_EXCHANGE(xcorr_f32v, xcorr_i32v, 8, 4)
#else
    XCORR_EXCHANGE_FLOATS(4)
#endif
}
static inline void xcorr_f64v_transpose(xcorr_f64v *rows) {
#if XCORR_VECTOR_BYTES == 64
    XCORR_EXCHANGE(xcorr_f64v, xcorr_i64v, 8, 1)
    XCORR_EXCHANGE(xcorr_f64v, xcorr_i64v, 8, 2)
    XCORR_EXCHANGE(xcorr_f64v, xcorr_i64v, 8, 4)
#elif XCORR_VECTOR_BYTES == 32
    XCORR_EXCHANGE(xcorr_f64v, xcorr_i64v, 4, 1)
    XCORR_EXCHANGE(xcorr_f64v, xcorr_i64v, 4, 2)
#else
    XCORR_EXCHANGE(xcorr_f64v, xcorr_i64v, 2, 1)
#endif
}
#else
static inline void xcorr_f32v_transpose(xcorr_f32v *rows) { (void)rows; }
static inline void xcorr_f64v_transpose(xcorr_f64v *rows) { (void)rows; }
#endif

/* Every second element of two vectors one after the other, from the first or from the second on. */
#if defined(XCORR_VECTOR_BYTES)
#define XCORR_EVENS_2 0, 2
#define XCORR_EVENS_4 0, 2, 4, 6
#define XCORR_EVENS_8 0, 2, 4, 6, 8, 10, 12, 14
#define XCORR_EVENS_16 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define XCORR_ODDS_2 1, 3
#define XCORR_ODDS_4 1, 3, 5, 7
#define XCORR_ODDS_8 1, 3, 5, 7, 9, 11, 13, 15
#define XCORR_ODDS_16 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define XCORR_SECONDS(name, vector, integers, lanes)                                                                   \
    static inline vector name##_evens(vector a, vector b) {                                                            \
        return XCORR_SHUFFLED(integers, a, b, XCORR_EVENS_##lanes);                                                    \
    }                                                                                                                  \
    static inline vector name##_odds(vector a, vector b) {                                                             \
        return XCORR_SHUFFLED(integers, a, b, XCORR_ODDS_##lanes);                                                     \
    }
#if XCORR_VECTOR_BYTES == 64
XCORR_SECONDS(xcorr_f32v, xcorr_f32v, xcorr_i32v, 16)
XCORR_SECONDS(xcorr_f64v, xcorr_f64v, xcorr_i64v, 8)
#elif XCORR_VECTOR_BYTES == 32
XCORR_SECONDS(xcorr_f32v, xcorr_f32v, xcorr_i32v, 8)
XCORR_SECONDS(xcorr_f64v, xcorr_f64v, xcorr_i64v, 4)
#else
XCORR_SECONDS(xcorr_f32v, xcorr_f32v, xcorr_i32v, 4)
XCORR_SECONDS(xcorr_f64v, xcorr_f64v, xcorr_i64v, 2)
#endif
#else
static inline xcorr_f32v xcorr_f32v_evens(xcorr_f32v a, xcorr_f32v b) { (void)b; return a; }
static inline xcorr_f64v xcorr_f64v_evens(xcorr_f64v a, xcorr_f64v b) { (void)b; return a; }
static inline xcorr_f32v xcorr_f32v_odds(xcorr_f32v a, xcorr_f32v b) { (void)a; return b; }
static inline xcorr_f64v xcorr_f64v_odds(xcorr_f64v a, xcorr_f64v b) { (void)a; return b; }
#endif

/* Lanes first to end - 1 from memory, of which nothing else is read, and the others of `fill`: given as a mask that is
 * made once for many loads. And the first n lanes to memory. At a level with masks also of two halves of a vector that
 * lie at two places. */
#if defined(__AVX512F__) && XCORR_VECTOR_BYTES == 64
#define XCORR_HALVES 1
typedef uint32_t xcorr_lanes;
#define XCORR_MASKED(name, real, vector, suffix, mask, half)                                                           \
    static inline xcorr_lanes name##_lanes(ptrdiff_t first, ptrdiff_t end) {                                           \
        return ((1u << end) - 1) & ~((1u << first) - 1);                                                               \
    }                                                                                                                  \
    static inline vector name##_inside(const real *place, xcorr_lanes lanes, vector fill) {                            \
        return (vector)_mm512_mask_loadu_##suffix(fill, (mask)lanes, place);                                           \
    }                                                                                                                  \
    static inline void name##_store_first(real *place, vector value, ptrdiff_t n) {                                    \
        _mm512_mask_storeu_##suffix(place, (mask)((1u << n) - 1), value);                                              \
    }                                                                                                                  \
    static inline vector name##_inside_halves(const real *low, const real *high, xcorr_lanes lanes, vector fill) {     \
        vector lower = (vector)_mm512_mask_loadu_##suffix(fill, (mask)lanes, low);                                     \
        return (vector)_mm512_mask_loadu_##suffix(lower, (mask)(lanes << half), high - half);                          \
    }                                                                                                                  \
    static inline void name##_store_halves(real *low, real *high, vector value, ptrdiff_t n) {                         \
        _mm512_mask_storeu_##suffix(low, (mask)((1u << n) - 1), value);                                                \
        _mm512_mask_storeu_##suffix(high - half, (mask)(((1u << n) - 1) << half), value);                              \
    }                                                                                                                  \
    static inline vector name##_halves(real low, real high) {                                                          \
        return (vector)_mm512_mask_mov_##suffix(name##_broadcast(low), (mask)(((1u << half) - 1) << half),             \
                                                name##_broadcast(high));                                               \
    }
XCORR_MASKED(xcorr_f32v, float, xcorr_f32v, ps, __mmask16, 8)
XCORR_MASKED(xcorr_f64v, double, xcorr_f64v, pd, __mmask8, 4)
#else
#define XCORR_HALVES 0
#if defined(__AVX2__) && XCORR_VECTOR_BYTES == 32
#include <immintrin.h>
typedef __m256i xcorr_lanes;
static inline xcorr_lanes xcorr_f32v_lanes(ptrdiff_t first, ptrdiff_t end) {
    xcorr_i32v lane = {0, 1, 2, 3, 4, 5, 6, 7};
    return (xcorr_lanes)((lane >= (int32_t)first) & (lane < (int32_t)end));
}
static inline xcorr_lanes xcorr_f64v_lanes(ptrdiff_t first, ptrdiff_t end) {
    xcorr_i64v lane = {0, 1, 2, 3};
    return (xcorr_lanes)((lane >= (int64_t)first) & (lane < (int64_t)end));
}
static inline xcorr_f32v xcorr_f32v_inside(const float *place, xcorr_lanes lanes, xcorr_f32v fill) {
    return (xcorr_f32v)((xcorr_i32v)_mm256_maskload_ps(place, lanes) | ((xcorr_i32v)fill & ~(xcorr_i32v)lanes));
}
static inline xcorr_f64v xcorr_f64v_inside(const double *place, xcorr_lanes lanes, xcorr_f64v fill) {
    return (xcorr_f64v)((xcorr_i64v)_mm256_maskload_pd(place, lanes) | ((xcorr_i64v)fill & ~(xcorr_i64v)lanes));
}
#else
typedef struct { ptrdiff_t first, end; } xcorr_lanes;
#define XCORR_INSIDE(name, real, vector, n_lanes)                                                                      \
    static inline xcorr_lanes name##_lanes(ptrdiff_t first, ptrdiff_t end) { return (xcorr_lanes){first, end}; }       \
    static inline vector name##_inside(const real *place, xcorr_lanes lanes, vector fill) {                            \
        real elements[n_lanes];                                                                                        \
        memcpy(elements, &fill, sizeof(fill));                                                                         \
        for (ptrdiff_t lane = lanes.first; lane < lanes.end; lane++) elements[lane] = place[lane];                     \
        memcpy(&fill, elements, sizeof(fill));                                                                         \
        return fill;                                                                                                   \
    }
XCORR_INSIDE(xcorr_f32v, float, xcorr_f32v, XCORR_F32_LANES)
XCORR_INSIDE(xcorr_f64v, double, xcorr_f64v, XCORR_F64_LANES)
#endif
#define XCORR_UNMASKED(name, real, vector)                                                                             \
    static inline void name##_store_first(real *place, vector value, ptrdiff_t n) {                                    \
        xcorr_copy_part(place, &value, n * (ptrdiff_t)sizeof(real));                                                   \
    }                                                                                                                  \
    static inline vector name##_inside_halves(const real *low, const real *high, xcorr_lanes lanes, vector fill) {     \
        (void)low, (void)high, (void)lanes;                                                                            \
        abort();                                                                                                       \
        return fill;                                                                                                   \
    }                                                                                                                  \
    static inline void name##_store_halves(real *low, real *high, vector value, ptrdiff_t n) {                         \
        (void)low, (void)high, (void)value, (void)n;                                                                   \
        abort();                                                                                                       \
    }                                                                                                                  \
    static inline vector name##_halves(real low, real high) {                                                          \
        (void)high;                                                                                                    \
        abort();                                                                                                       \
        return name##_broadcast(low);                                                                                  \
    }
XCORR_UNMASKED(xcorr_f32v, float, xcorr_f32v)
XCORR_UNMASKED(xcorr_f64v, double, xcorr_f64v)
#endif

/* Bits of a number, its sign apart: ordered as magnitudes are, infinity and what is not a number above all others. */
#if defined(XCORR_GNU_C)
typedef int32_t xcorr_bits32 __attribute__((may_alias));
typedef int64_t xcorr_bits64 __attribute__((may_alias));
#else
typedef int32_t xcorr_bits32;
typedef int64_t xcorr_bits64;
#endif

#endif

/* float16, which no compiler has on every level. */
#ifndef XCORR_HALF_H
#define XCORR_HALF_H

#include <stdint.h>
#include <string.h>

/* IEEE binary16 as its bits: exact both ways but for one rounding to nearest even when narrowing. */
typedef struct { uint16_t bits; } xcorr_half;

static inline float xcorr_half_to_float(xcorr_half half) {
    uint32_t magnitude = (uint32_t)(half.bits & 0x7fff) << 13, sign = (uint32_t)(half.bits & 0x8000) << 16, bits;
    float value;
    memcpy(&value, &magnitude, 4);
    value *= 0x1p112f; /* moves the exponent's bias from 15 to 127, subnormals included */
    memcpy(&bits, &value, 4);
    bits |= sign | (magnitude >= 0x0f800000 ? 0x7f800000 : 0);
    memcpy(&value, &bits, 4);
    return value;
}

static inline xcorr_half xcorr_float_to_half(float value) {
    uint32_t bits, sign;
    xcorr_half half;
    memcpy(&bits, &value, 4);
    sign = bits & 0x80000000u;
    bits ^= sign;
    if (bits > 0x7f800000u) half.bits = 0x7e00;
    else if (bits >= 0x477ff000u) half.bits = 0x7c00; /* 65520 and more round to infinity */
    else if (bits < 0x38800000u) { /* below 2^-14: adding 0.5 leaves the subnormal's bits at the low end, rounded */
        float magnitude;
        memcpy(&magnitude, &bits, 4);
        magnitude += 0.5f;
        memcpy(&bits, &magnitude, 4);
        half.bits = (uint16_t)(bits - 0x3f000000u);
    } else half.bits = (uint16_t)((bits - 0x38000000u + 0x0fffu + ((bits >> 13) & 1)) >> 13);
    half.bits |= (uint16_t)(sign >> 16);
    return half;
}

static inline xcorr_half xcorr_double_to_half(double value) {
    /* rounding to odd on the way through float keeps the second rounding right (Boldo and Melquiond, 2008) */
    float narrow = (float)value;
    uint32_t bits;
    if (narrow == narrow && (double)narrow != value && narrow - narrow == 0) {
        memcpy(&bits, &narrow, 4);
        if (!(bits & 1)) bits += ((double)narrow < value) == (value > 0) ? 1 : -1;
        memcpy(&narrow, &bits, 4);
    }
    return xcorr_float_to_half(narrow);
}

#endif

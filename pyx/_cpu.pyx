"""Which levels this machine can run: asked of the processor and the system, built with baseline flags only."""

cdef extern from *:
    """
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    #include <cpuid.h>
    /* The psABI's features of x86-64-v3 and -v4, and that the system saves the registers they use (XCR0). */
    static int xcorr_x86_level(void) {
        const unsigned fma_movbe_osxsave_avx_f16c = 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29;
        const unsigned bmi1_avx2_bmi2 = 1u << 3 | 1u << 5 | 1u << 8, lzcnt = 1u << 5;
        const unsigned avx512_f_dq_cd_bw_vl = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
        unsigned a, b, c, d, saved, high;
        if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
        if ((c & fma_movbe_osxsave_avx_f16c) != fma_movbe_osxsave_avx_f16c) return 0;
        if (!__get_cpuid(0x80000001u, &a, &b, &c, &d) || !(c & lzcnt)) return 0;
        if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & bmi1_avx2_bmi2) != bmi1_avx2_bmi2) return 0;
        __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
        if ((saved & 0x06) != 0x06) return 0;
        return (b & avx512_f_dq_cd_bw_vl) == avx512_f_dq_cd_bw_vl && (saved & 0xe6) == 0xe6 ? 4 : 3;
    }
    /* Products of bytes: AVX512-VNNI, and AVX-VNNI of vectors half as long. */
    static int xcorr_avx512_vnni(void) {
        unsigned a, b, c, d;
        return xcorr_x86_level() >= 4 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 11 & 1);
    }
    static int xcorr_avx_vnni(void) {
        unsigned a, b, c, d;
        return xcorr_x86_level() >= 3 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && a >= 1
            && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
    }
    /* AMD's processors (and Hygon's, which are these) multiply subnormal numbers as fast as others. */
    static int xcorr_slow_subnormals(void) {
        unsigned a, b, c, d;
        return __get_cpuid(0, &a, &b, &c, &d) && b != 0x68747541u /* Auth */ && b != 0x6f677948u /* Hygo */;
    }
    #else
    static int xcorr_slow_subnormals(void) { return 0; }
    static int xcorr_x86_level(void) { return 0; }
    static int xcorr_avx512_vnni(void) { return 0; }
    static int xcorr_avx_vnni(void) { return 0; }
    #endif
    """
    int x86_level "xcorr_x86_level"()
    bint avx512_vnni "xcorr_avx512_vnni"()
    bint avx_vnni "xcorr_avx_vnni"()
    bint slow_subnormals "xcorr_slow_subnormals"()

LEVELS = ("base", "v3", "v4")
"""Levels that there are, the plainest first: what else asks for their names reads them here."""


def supported_levels():
    """The levels that this machine can run, the plainest first, whether or not they were built."""
    needed = {"base": 0, "v3": 3, "v4": 4}
    return tuple(name for name in LEVELS if x86_level() >= needed[name])


def has_vnni(level):
    """Whether this machine has products of bytes as long as a level's vectors."""
    return {"v3": avx_vnni, "v4": avx512_vnni}[level]() if level in ("v3", "v4") else False


def has_slow_subnormals():
    """Whether a product with a subnormal number may take this machine a hundred times as long as another one."""
    return slow_subnormals()

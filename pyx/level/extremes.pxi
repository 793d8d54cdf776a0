# What is the largest and the smallest of a run of responses, and how many are positive.

from libc.float cimport DBL_MAX
from libc.math cimport fabs, frexp, ldexp
from libc.stdint cimport int32_t, int64_t

from half cimport double_to_half, float_to_half, half_to_float
from microkernels cimport HAS_NAN, HAS_NEGATIVE_INFINITY, HAS_POSITIVE_INFINITY, Run, Sliced, real
from simd cimport (
    F32_LANES, F64_LANES, bits32, bits64, f32v, f32v_broadcast, f32v_zip_high, f32v_zip_low, f64v, f64v_broadcast,
    f64v_in_register, f64v_of_f32, f64v_zip_high, f64v_zip_low, in_memory
)
from vectors cimport broadcast, larger_lanes, multiply_add, n_lanes, smaller_lanes, vector

cdef enum:
    ACCUMULATORS = 4   # vectors
    AT_ONCE = 256      # numbers that are widened at once
    MOST_F64_LANES = 8
    SLICE_BITS = 32

# A part is never imported, and has no variables that begin as anything. Squares of whole numbers up to the root are
# numbers, too.
cdef extern from *:
    """
    #define XCORR_LARGEST_ROOT 67108864.0
    """
    const double LARGEST_ROOT "XCORR_LARGEST_ROOT"


cdef inline vector zip_low(vector value) noexcept nogil:
    """The lower half of the lanes, each twice."""
    if vector is f32v:
        return f32v_zip_low(value, value)
    else:
        return f64v_zip_low(value, value)


cdef inline vector zip_high(vector value) noexcept nogil:
    """The higher half of the lanes, each twice."""
    if vector is f32v:
        return f32v_zip_high(value, value)
    else:
        return f64v_zip_high(value, value)


cdef inline void look_at(const real* values, vector* low, vector* high, vector* unknown, vector like) noexcept nogil:
    """Some vectors of numbers, one for each accumulator; what is not finite makes an unknown lane no number."""
    cdef Py_ssize_t index
    cdef vector value, zero = broadcast(<real> 0, like)
    for index in range(ACCUMULATORS):
        value = (<const vector*> values)[index]
        low[index] = smaller_lanes(value, low[index])
        high[index] = larger_lanes(value, high[index])
        unknown[index] = multiply_add(value, zero, unknown[index])


cdef inline bint extremes_by(const real* values, Py_ssize_t count, real* lowest, real* highest,
                             vector like) noexcept nogil:
    """Extremes of numbers, as many as accumulators have lanes and more; the last ones may be looked at twice.

    Whether all of them are finite.
    """
    cdef vector[ACCUMULATORS] low, high, unknown
    cdef Py_ssize_t width = ACCUMULATORS * n_lanes(like), first = 0, index
    for index in range(ACCUMULATORS):
        low[index] = high[index] = broadcast(values[0], like)
        unknown[index] = broadcast(<real> 0, like)
    while first < count:
        look_at(values + min(first, count - width), low, high, unknown, like)
        first += width
    for index in range(1, ACCUMULATORS):
        low[0], high[0] = smaller_lanes(low[0], low[index]), larger_lanes(high[0], high[index])
        unknown[0] = unknown[0] + unknown[index]
    for index in range(4):  # of at most 16 lanes each with each
        if n_lanes(like) > 1 << index:
            low[0] = smaller_lanes(zip_low(low[0]), zip_high(low[0]))
            high[0] = larger_lanes(zip_low(high[0]), zip_high(high[0]))
            unknown[0] = zip_low(unknown[0]) + zip_high(unknown[0])
    lowest[0], highest[0] = (<const real*> low)[0], (<const real*> high)[0]
    return (<const real*> unknown)[0] == 0


cdef inline bint extremes_of(const real* values, Py_ssize_t count, real* lowest, real* highest) noexcept nogil:
    """The same of any run of at least one number."""
    cdef Py_ssize_t index
    cdef bint finite = True
    if real is float and count >= ACCUMULATORS * F32_LANES:
        return extremes_by(values, count, lowest, highest, f32v_broadcast(0))
    if real is double and count >= ACCUMULATORS * F64_LANES:
        return extremes_by(values, count, lowest, highest, f64v_broadcast(0))
    lowest[0] = highest[0] = values[0]
    for index in range(count):
        lowest[0] = values[index] if values[index] < lowest[0] else lowest[0]
        highest[0] = values[index] if values[index] > highest[0] else highest[0]
        finite &= values[index] - values[index] == 0
    return finite


cdef inline bint has_nan(const real* values, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    cdef bits32 n_short = 0
    cdef bits64 n_long = 0
    for index in range(count):
        if real is float:
            n_short += values[index] != values[index]
        else:
            n_long += values[index] != values[index]
    return n_short + n_long != 0


cdef inline bint has_zero(const real* values, Py_ssize_t count, bint negative) noexcept nogil:
    """Whether one of them is the zero of this sign."""
    cdef Py_ssize_t index
    cdef bits32 n_short = 0
    cdef bits64 n_long = 0
    for index in range(count):
        if real is float:
            n_short += (<const bits32*> values)[index] == (<bits32> 0x80000000 if negative else 0)
        else:
            n_long += (<const bits64*> values)[index] == (<bits64> 0x8000000000000000 if negative else 0)
    return n_short + n_long != 0


cdef inline void find_extremes(const real* values, Py_ssize_t count, Run* run) noexcept nogil:
    cdef real lowest, highest
    run.has_nan = not extremes_of(values, count, &lowest, &highest) and has_nan(values, count)
    if lowest == 0:  # of two zeros the negative one is the lower
        lowest = <real> -0.0 if has_zero(values, count, True) else <real> 0.0
    if highest == 0:
        highest = <real> 0.0 if has_zero(values, count, False) else <real> -0.0
    run.lowest, run.highest = lowest, highest


cdef inline Py_ssize_t place_of_value(const real* values, Py_ssize_t count, double value) noexcept nogil:
    """The first of those that are equal, or of those that are no numbers where `value` is none."""
    cdef Py_ssize_t index
    for index in range(count):
        if values[index] == <real> value or (value != value and values[index] != values[index]):
            return index
    return count


cdef inline Py_ssize_t count_positive(const real* values, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    cdef bits32 n_short = 0
    cdef bits64 n_long = 0
    for index in range(count):
        if real is float:
            n_short += values[index] > 0
        else:
            n_long += values[index] > 0
    return n_short + n_long


cdef inline void round_through_half(real* values, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(count):
        if real is float:
            values[index] = half_to_float(float_to_half(values[index]))
        else:
            values[index] = half_to_float(double_to_half(values[index]))

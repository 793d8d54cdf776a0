# What is asked of a row of responses before it is stored: to be whole numbers that an integer type holds, or to lie
# within limits.

from libc.math cimport rint, rintf
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from microkernels cimport INT16, INT64, UINT64, UINT8, Storing, real
from simd cimport bits32, bits64

ctypedef fused bits:
    bits32
    bits64


cdef inline real nearest(real value) noexcept nogil:
    """The nearest whole number, the even one of two."""
    if real is float:
        return rintf(value)
    else:
        return rint(value)


cdef inline bint saturate_run(real* values, Py_ssize_t count, Py_ssize_t pitch, real low, real high) noexcept nogil:
    """Whether all of them are numbers."""
    cdef Py_ssize_t index
    cdef real value
    cdef bint numbers = True
    for index in range(count):
        value = values[index * pitch]
        numbers &= value == value
        value = nearest(value)
        value = value if value > low else low
        values[index * pitch] = value if value < high else high
    return numbers


cdef inline bint saturate(const Storing* storing, real* strip, real low, real high) noexcept nogil:
    """A row of responses in place, in runs as long as there are."""
    cdef Py_ssize_t column, kernel
    cdef bint numbers = True
    if storing.kernel_pitch == 1 and storing.column_pitch == storing.n_kernels:
        return saturate_run(strip, storing.n_columns * storing.n_kernels, 1, low, high)
    if storing.kernel_pitch == 1:
        for column in range(storing.n_columns):
            numbers &= saturate_run(strip + column * storing.column_pitch, storing.n_kernels, 1, low, high)
    elif storing.column_pitch == 1:
        for kernel in range(storing.n_kernels):
            numbers &= saturate_run(strip + kernel * storing.kernel_pitch, storing.n_columns, 1, low, high)
    else:
        for kernel in range(storing.n_kernels):
            numbers &= saturate_run(strip + kernel * storing.kernel_pitch, storing.n_columns, storing.column_pitch, low,
                                    high)
    return numbers


cdef bint saturate_f32(const Storing* storing, void* strip, double low, double high) noexcept nogil:
    return saturate(storing, <float*> strip, <float> low, <float> high)


cdef bint saturate_f64(const Storing* storing, void* strip, double low, double high) noexcept nogil:
    return saturate(storing, <double*> strip, low, high)


cdef void store_64_bits(const Storing* storing, const double* responses, double high, char* target) noexcept nogil:
    """Stores a row of whole numbers up to `high`, which may be the power of two after the type's largest value."""
    cdef Py_ssize_t kernel, column
    cdef double value
    cdef uint64_t bits
    for kernel in range(storing.n_kernels):
        for column in range(storing.n_columns):
            value = responses[kernel * storing.kernel_pitch + column * storing.column_pitch]
            if value >= high:
                bits = ~<uint64_t> 0 >> (storing.element == INT64)
            else:
                bits = <uint64_t> <int64_t> value if storing.element == INT64 else <uint64_t> value
            memcpy(target + storing.kernel_bytes[kernel] + column * storing.column_bytes, &bits, sizeof(bits))


cdef bint within(const Storing* storing, const real* responses, double low, double high) noexcept nogil:
    cdef Py_ssize_t kernel, column
    cdef real value
    cdef bint inside = True
    for kernel in range(storing.n_kernels):
        for column in range(storing.n_columns):
            value = responses[kernel * storing.kernel_pitch + column * storing.column_pitch]
            inside &= low <= value <= high
    return inside


cdef inline bint all_below(const bits* responses, Py_ssize_t count, bits infinity) noexcept nogil:
    """Whether all magnitudes, as bits, are below infinity: others are counted as integers, which vectors add up."""
    cdef Py_ssize_t index
    cdef bits n_others = 0
    for index in range(count):
        n_others += (responses[index] & infinity) == infinity
    return n_others == 0


cdef bint all_finite_f32(const void* responses, Py_ssize_t count) noexcept nogil:
    return all_below(<const bits32*> responses, count, <bits32> 0x7f800000)


cdef bint all_finite_f64(const void* responses, Py_ssize_t count) noexcept nogil:
    return all_below(<const bits64*> responses, count, <bits64> 0x7ff0000000000000)


cdef void replace_infinite(const Storing* storing, const real* responses, char* target) noexcept nogil:
    """Writes those responses of a row where the array holds a number that is not finite."""
    cdef Py_ssize_t kernel, column
    cdef real value
    cdef char* place
    for kernel in range(storing.n_kernels):
        for column in range(storing.n_columns):
            place = target + storing.kernel_bytes[kernel] + column * storing.column_bytes
            memcpy(&value, place, sizeof(real))
            if value - value != 0:
                memcpy(place, &responses[kernel * storing.kernel_pitch + column * storing.column_pitch], sizeof(real))


cdef inline bint saturate_into(const float* values, Py_ssize_t count, float low, float high, char* target,
                               element like) noexcept nogil:
    """A row of one kernel's responses straight into the array, where they lie next to each other, too."""
    cdef Py_ssize_t index
    cdef float value
    cdef element stored
    cdef bint numbers = True
    for index in range(count):
        value = values[index]
        numbers &= value == value
        value = nearest(value)
        value = value if value > low else low
        stored = <element> <int32_t> (value if value < high else high)
        memcpy(target + index * <Py_ssize_t> sizeof(element), &stored, sizeof(element))
    return numbers


cdef bint store_f32_saturated(const Storing* storing, void* strip, double low, double high,
                              char* target) noexcept nogil:
    cdef bint is_run = storing.n_kernels == 1 and storing.column_pitch == 1
    cdef char* place = target + storing.kernel_bytes[0]
    if is_run and storing.element == UINT8 and storing.column_bytes == sizeof(uint8_t):
        return saturate_into(<const float*> strip, storing.n_columns, <float> low, <float> high, place, <uint8_t> 0)
    if is_run and storing.element == INT16 and storing.column_bytes == sizeof(int16_t):
        return saturate_into(<const float*> strip, storing.n_columns, <float> low, <float> high, place, <int16_t> 0)
    if not saturate_f32(storing, strip, low, high):
        return False
    store_f32(storing, strip, target)  # no sum that float32 holds exactly comes near the limits of 64 bits
    return True


cdef bint store_f64_saturated(const Storing* storing, void* strip, double low, double high,
                              char* target) noexcept nogil:
    if not saturate_f64(storing, strip, low, high):
        return False
    if storing.element == INT64 or storing.element == UINT64:
        store_64_bits(storing, <const double*> strip, high, target)
    else:
        store_f64(storing, strip, target)
    return True


cdef bint within_f32(const Storing* storing, const void* strip, double low, double high) noexcept nogil:
    return within(storing, <const float*> strip, low, high)


cdef bint within_f64(const Storing* storing, const void* strip, double low, double high) noexcept nogil:
    return within(storing, <const double*> strip, low, high)


cdef void replace_infinite_f32(const Storing* storing, const void* strip, char* target) noexcept nogil:
    replace_infinite(storing, <const float*> strip, target)


cdef void replace_infinite_f64(const Storing* storing, const void* strip, char* target) noexcept nogil:
    replace_infinite(storing, <const double*> strip, target)


cdef bint any_subnormal_f32(const void* numbers, Py_ssize_t count) noexcept nogil:
    """Whether one is neither zero nor normal: without the sign, its bits are the first after zero's."""
    cdef const uint32_t* own = <const uint32_t*> numbers
    cdef Py_ssize_t index
    cdef uint32_t before, least = 0xffffffff
    for index in range(count):
        before = own[index] + own[index] - 1  # the sign is lost, and zero is the largest of all
        least = before if before < least else least
    return least < 0xffffff - 1


cdef bint any_subnormal_f64(const void* numbers, Py_ssize_t count) noexcept nogil:
    """The same of float64."""
    cdef const uint64_t* own = <const uint64_t*> numbers
    cdef Py_ssize_t index
    cdef uint64_t before, least = ~<uint64_t> 0
    for index in range(count):
        before = own[index] + own[index] - 1
        least = before if before < least else least
    return least < (<uint64_t> 1 << 53) - 1

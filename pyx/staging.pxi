# Data steps between arrays and strips: conversion, byte order, padding, and the order of axes. Elements of arrays are
# read and written through memcpy, which is one unaligned instruction, because nothing is known of their alignment.

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "simd.h" nogil:
    ctypedef struct half "xcorr_half":
        unsigned short bits
    float half_to_float "xcorr_half_to_float"(half)
    half float_to_half "xcorr_float_to_half"(float)
    half double_to_half "xcorr_double_to_half"(double)

ctypedef fused element:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t
    half
    float
    double


cdef inline real load(const char* source, element like, real to, bint swapped) noexcept nogil:
    cdef element value
    cdef char[8] turned
    cdef Py_ssize_t place
    if swapped:
        for place in range(<Py_ssize_t> sizeof(element)):
            turned[place] = source[<Py_ssize_t> sizeof(element) - 1 - place]
        memcpy(&value, turned, sizeof(element))
    else:
        memcpy(&value, source, sizeof(element))
    if element is half:
        return half_to_float(value)
    else:
        return <real> value


cdef inline void stage_run(const char* source, Py_ssize_t source_bytes, real* strip, Py_ssize_t pitch,
                           Py_ssize_t n_elements, element like, bint swapped) noexcept nogil:
    """strip[i * pitch] = the element at source + i * source_bytes; the common pitches as loops that vectorise."""
    cdef Py_ssize_t index
    if swapped:
        for index in range(n_elements):
            strip[index * pitch] = load(source + index * source_bytes, like, strip[0], True)
    elif source_bytes == <Py_ssize_t> sizeof(element) and pitch == 1:
        for index in range(n_elements):
            strip[index] = load(source + index * <Py_ssize_t> sizeof(element), like, strip[0], False)
    else:
        for index in range(n_elements):
            strip[index * pitch] = load(source + index * source_bytes, like, strip[0], False)


cdef inline void stage_phase(const Staging* staging, const char* source, real* strip, Py_ssize_t phase,
                             Py_ssize_t channel, element like) noexcept nogil:
    """The columns of one phase of one channel; `strip` and `source` are at that phase and channel."""
    cdef Py_ssize_t n_phases = staging.n_phases, pitch = staging.position_pitch
    cdef Py_ssize_t n_positions = (staging.columns - phase + n_phases - 1) // n_phases
    cdef Py_ssize_t first = (staging.first_inside - phase + n_phases - 1) // n_phases
    cdef Py_ssize_t end = (staging.end_inside - phase + n_phases - 1) // n_phases
    cdef Py_ssize_t position, column
    first = min(max(first, 0), n_positions)
    end = min(max(end, first), n_positions)
    position = 0
    while position < n_positions:
        if position == first and first < end:
            column = position * n_phases + phase - staging.first_inside
            stage_run(source + column * staging.column_bytes, n_phases * staging.column_bytes,
                      strip + position * pitch, pitch, end - first, like, staging.swapped)
            position = end
            continue
        column = staging.column_source[position * n_phases + phase]
        if column < 0:
            strip[position * pitch] = <real> staging.fill[channel]
        else:
            strip[position * pitch] = load(source + column * staging.column_bytes, like, strip[0], staging.swapped)
        position += 1


cdef inline void stage(const Staging* staging, const char* source, real* strip, element like) noexcept nogil:
    cdef Py_ssize_t channel, phase, position, column
    if source == NULL:
        for channel in range(staging.depth):
            for column in range(staging.columns):
                position = (column % staging.n_phases) * staging.phase_pitch
                position += column // staging.n_phases * staging.position_pitch
                strip[position + channel * staging.channel_pitch] = <real> staging.fill[channel]
        return
    if (staging.packed and staging.n_phases == 1 and staging.channel_pitch == 1
            and staging.position_pitch == staging.depth and staging.first_inside == 0
            and staging.end_inside == staging.columns):
        stage_run(source, sizeof(element), strip, 1, staging.columns * staging.depth, like, staging.swapped)
        return
    for channel in range(staging.depth):
        for phase in range(min(staging.n_phases, staging.columns)):
            stage_phase(staging, source + staging.channel_bytes[channel],
                        strip + phase * staging.phase_pitch + channel * staging.channel_pitch, phase, channel, like)


cdef inline void store(const Storing* storing, const real* strip, char* target, element like) noexcept nogil:
    """Values that an integer type cannot hold do not come here."""
    cdef Py_ssize_t kernel, column
    cdef const real* values
    cdef char* place
    cdef element value
    for kernel in range(storing.n_kernels):
        values = strip + kernel * storing.kernel_pitch
        place = target + storing.kernel_bytes[kernel]
        for column in range(storing.n_columns):
            if element is half:
                if real is float:
                    value = float_to_half(values[column * storing.column_pitch])
                else:
                    value = double_to_half(values[column * storing.column_pitch])
            else:
                value = <element> values[column * storing.column_pitch]
            memcpy(place + column * storing.column_bytes, &value, sizeof(element))


# --- by element type ----------------------------------------------------------------------------------------------


cdef inline void stage_element(const Staging* staging, const char* source, real* strip) noexcept nogil:
    cdef half zero
    zero.bits = 0
    if staging.element == FLOAT32:
        stage(staging, source, strip, <float> 0)
    elif staging.element == INT8:
        stage(staging, source, strip, <int8_t> 0)
    elif staging.element == UINT8 or staging.element == BOOL:
        stage(staging, source, strip, <uint8_t> 0)
    elif staging.element == INT16:
        stage(staging, source, strip, <int16_t> 0)
    elif staging.element == UINT16:
        stage(staging, source, strip, <uint16_t> 0)
    elif staging.element == INT32:
        stage(staging, source, strip, <int32_t> 0)
    elif staging.element == UINT32:
        stage(staging, source, strip, <uint32_t> 0)
    elif staging.element == INT64:
        stage(staging, source, strip, <int64_t> 0)
    elif staging.element == UINT64:
        stage(staging, source, strip, <uint64_t> 0)
    elif staging.element == FLOAT64:
        stage(staging, source, strip, <double> 0)
    elif staging.element == FLOAT16:
        stage(staging, source, strip, zero)


cdef inline void store_element(const Storing* storing, const real* strip, char* target) noexcept nogil:
    cdef half zero
    zero.bits = 0
    if storing.element == FLOAT32:
        store(storing, strip, target, <float> 0)
    elif storing.element == INT8:
        store(storing, strip, target, <int8_t> 0)
    elif storing.element == UINT8:
        store(storing, strip, target, <uint8_t> 0)
    elif storing.element == INT16:
        store(storing, strip, target, <int16_t> 0)
    elif storing.element == UINT16:
        store(storing, strip, target, <uint16_t> 0)
    elif storing.element == INT32:
        store(storing, strip, target, <int32_t> 0)
    elif storing.element == UINT32:
        store(storing, strip, target, <uint32_t> 0)
    elif storing.element == INT64:
        store(storing, strip, target, <int64_t> 0)
    elif storing.element == UINT64:
        store(storing, strip, target, <uint64_t> 0)
    elif storing.element == FLOAT64:
        store(storing, strip, target, <double> 0)
    elif storing.element == FLOAT16:
        store(storing, strip, target, zero)


cdef void stage_f32(const Staging* staging, const char* source, float* strip) noexcept nogil:
    stage_element(staging, source, strip)


cdef void stage_f64(const Staging* staging, const char* source, double* strip) noexcept nogil:
    stage_element(staging, source, strip)


cdef void store_f32(const Storing* storing, const float* strip, char* target) noexcept nogil:
    store_element(storing, strip, target)


cdef void store_f64(const Storing* storing, const double* strip, char* target) noexcept nogil:
    store_element(storing, strip, target)

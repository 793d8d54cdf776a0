# Strips into responses: conversion, and the order of axes. `staging.pxi` is the other way.

from half cimport double_to_half, float_to_half, half
from microkernels cimport FLOAT16, FLOAT32, FLOAT64, INT16, INT32, INT64, INT8, UINT16, UINT32, UINT64, UINT8, Storing


cdef inline void store_run(const real* strip, Py_ssize_t pitch, char* target, Py_ssize_t target_bytes,
                           Py_ssize_t n_elements, element like) noexcept nogil:
    """The element at target + i * target_bytes = strip[i * pitch]; contiguous ones as a loop that vectorises."""
    cdef Py_ssize_t index
    if pitch == 1 and target_bytes == <Py_ssize_t> sizeof(element):
        for index in range(n_elements):
            save(strip[index], target + index * <Py_ssize_t> sizeof(element), like)
    else:
        for index in range(n_elements):
            save(strip[index * pitch], target + index * target_bytes, like)


cdef inline void save(real number, char* target, element like) noexcept nogil:
    """Values that an integer type cannot hold do not come here."""
    cdef element value
    if element is half:
        if real is float:
            value = float_to_half(number)
        else:
            value = double_to_half(number)
    else:
        value = <element> number
    memcpy(target, &value, sizeof(element))


cdef inline void store_transposed(const Storing* storing, const real* strip, char* target,
                                  element like) noexcept nogil:
    """Store interleaved kernels kernel by kernel, or the other way, a block at a time."""
    cdef real[BLOCK] block
    cdef Py_ssize_t kernel = 0, n_kernels, first, n_positions, index
    cdef const real* values
    cdef char* place
    if storing.column_pitch == 1 and is_real(target, storing.column_bytes, like, strip[0]):
        transpose(strip, storing.kernel_pitch, <real*> (target + storing.kernel_bytes[0]),
                  storing.column_bytes // <Py_ssize_t> sizeof(real), storing.n_kernels, storing.n_columns)
        return
    if storing.kernel_pitch == 1 and storing.equally_spaced and is_real(
            target + storing.kernel_bytes[0], storing.kernel_bytes[1] - storing.kernel_bytes[0], like, strip[0]):
        transpose(strip, storing.column_pitch, <real*> (target + storing.kernel_bytes[0]),
                  (storing.kernel_bytes[1] - storing.kernel_bytes[0]) // <Py_ssize_t> sizeof(real), storing.n_columns,
                  storing.n_kernels)
        return
    while kernel < storing.n_kernels:
        n_kernels = min(storing.n_kernels - kernel, BLOCK_STREAMS)
        first = 0
        while first < storing.n_columns:
            n_positions = min(storing.n_columns - first, BLOCK_POSITIONS)
            values = strip + kernel * storing.kernel_pitch + first * storing.column_pitch
            place = target + storing.kernel_bytes[kernel] + first * storing.column_bytes
            if storing.kernel_pitch == 1:
                transpose(values, storing.column_pitch, block, BLOCK_POSITIONS, n_positions, n_kernels)
                for index in range(n_kernels):
                    store_run(block + index * BLOCK_POSITIONS, 1,
                              target + storing.kernel_bytes[kernel + index] + first * storing.column_bytes,
                              sizeof(element), n_positions, like)
            else:
                transpose(values, storing.kernel_pitch, block, n_kernels, n_kernels, n_positions)
                if storing.column_bytes == n_kernels * <Py_ssize_t> sizeof(element):
                    store_run(block, 1, place, sizeof(element), n_kernels * n_positions, like)
                else:
                    for index in range(n_positions):
                        store_run(block + index * n_kernels, 1, place + index * storing.column_bytes, sizeof(element),
                                  n_kernels, like)
            first += n_positions
        kernel += n_kernels


cdef void store(const Storing* storing, const real* strip, char* target, element like) noexcept nogil:
    cdef Py_ssize_t kernel, column
    if storing.kernel_pitch == 1 and storing.adjacent:
        target += storing.kernel_bytes[0]
        if (storing.column_pitch == storing.n_kernels
                and storing.column_bytes == storing.n_kernels * <Py_ssize_t> sizeof(element)):
            store_run(strip, 1, target, sizeof(element), storing.n_columns * storing.n_kernels, like)
            return
        for column in range(storing.n_columns):
            store_run(strip + column * storing.column_pitch, 1, target + column * storing.column_bytes,
                      sizeof(element), storing.n_kernels, like)
    elif (storing.n_kernels > 1
            and (storing.adjacent if storing.column_pitch == 1
                 else storing.column_bytes == <Py_ssize_t> sizeof(element))):
        store_transposed(storing, strip, target, like)
    else:
        for kernel in range(storing.n_kernels):
            store_run(strip + kernel * storing.kernel_pitch, storing.column_pitch,
                      target + storing.kernel_bytes[kernel], storing.column_bytes, storing.n_columns, like)


# --- by element type ----------------------------------------------------------------------------------------------


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


cdef void store_f32(const Storing* storing, const void* strip, char* target) noexcept nogil:
    store_element(storing, <const float*> strip, target)


cdef void store_f64(const Storing* storing, const void* strip, char* target) noexcept nogil:
    store_element(storing, <const double*> strip, target)

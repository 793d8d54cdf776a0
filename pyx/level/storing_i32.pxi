# Strips of int32 into responses, which are of integers, or into doubles that are reduced: conversion, the order of
# axes, and limits. `storing.pxi` and `checking.pxi` are for floats.

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from microkernels cimport FLOAT64, INT16, INT32, INT64, INT8, UINT16, UINT32, UINT64, Storing
from simd cimport transpose_4x4_f32

cdef enum:
    STORED_KERNELS = 16   # that are turned around at once, as many columns
    STORED_COLUMNS = 64

ctypedef fused whole:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t
    double


cdef inline void store_sums(const int32_t* sums, Py_ssize_t pitch, char* target, Py_ssize_t target_bytes,
                            Py_ssize_t count, whole like) noexcept nogil:
    """The element at target + i * target_bytes = sums[i * pitch]; contiguous ones as a loop that vectorises."""
    cdef Py_ssize_t index
    cdef whole value
    if pitch == 1 and target_bytes == <Py_ssize_t> sizeof(whole):
        for index in range(count):
            value = <whole> sums[index]
            memcpy(target + index * <Py_ssize_t> sizeof(whole), &value, sizeof(whole))
    else:
        for index in range(count):
            value = <whole> sums[index * pitch]
            memcpy(target + index * target_bytes, &value, sizeof(whole))


cdef inline void turn_sums(const int32_t* sums, Py_ssize_t pitch, int32_t* turned, Py_ssize_t n_columns,
                           Py_ssize_t n_kernels) noexcept nogil:
    """turned[kernel * STORED_COLUMNS + column] = sums[column * pitch + kernel]."""
    cdef Py_ssize_t column = 0, kernel, place
    while column + 4 <= n_columns:
        kernel = 0
        while kernel + 4 <= n_kernels:  # bits are only moved: of which type they are does not matter
            transpose_4x4_f32(<const float*> (sums + column * pitch + kernel), pitch,
                              <float*> (turned + kernel * STORED_COLUMNS + column), STORED_COLUMNS)
            kernel += 4
        while kernel < n_kernels:
            for place in range(4):
                turned[kernel * STORED_COLUMNS + column + place] = sums[(column + place) * pitch + kernel]
            kernel += 1
        column += 4
    while column < n_columns:
        for kernel in range(n_kernels):
            turned[kernel * STORED_COLUMNS + column] = sums[column * pitch + kernel]
        column += 1


cdef inline void store_turned(const Storing* storing, const int32_t* strip, char* target, whole like) noexcept nogil:
    """Interleaved kernels, kernel by kernel."""
    cdef int32_t[STORED_KERNELS * STORED_COLUMNS] turned
    cdef Py_ssize_t kernel = 0, n_kernels, column, n_columns, index
    while kernel < storing.n_kernels:
        n_kernels = min(STORED_KERNELS, storing.n_kernels - kernel)
        column = 0
        while column < storing.n_columns:
            n_columns = min(STORED_COLUMNS, storing.n_columns - column)
            turn_sums(strip + column * storing.column_pitch + kernel, storing.column_pitch, turned, n_columns,
                      n_kernels)
            for index in range(n_kernels):
                store_sums(turned + index * STORED_COLUMNS, 1,
                           target + storing.kernel_bytes[kernel + index] + column * storing.column_bytes,
                           storing.column_bytes, n_columns, like)
            column += n_columns
        kernel += n_kernels


cdef void store_whole(const Storing* storing, const int32_t* strip, char* target, whole like) noexcept nogil:
    cdef Py_ssize_t kernel, column
    if storing.kernel_pitch == 1 and storing.adjacent:
        target += storing.kernel_bytes[0]
        if (storing.column_pitch == storing.n_kernels
                and storing.column_bytes == storing.n_kernels * <Py_ssize_t> sizeof(whole)):
            store_sums(strip, 1, target, sizeof(whole), storing.n_columns * storing.n_kernels, like)
            return
        for column in range(storing.n_columns):
            store_sums(strip + column * storing.column_pitch, 1, target + column * storing.column_bytes, sizeof(whole),
                       storing.n_kernels, like)
    elif storing.kernel_pitch == 1:
        store_turned(storing, strip, target, like)
    else:
        for kernel in range(storing.n_kernels):
            store_sums(strip + kernel * storing.kernel_pitch, storing.column_pitch,
                       target + storing.kernel_bytes[kernel], storing.column_bytes, storing.n_columns, like)


cdef void store_i32(const Storing* storing, const void* strip, char* target) noexcept nogil:
    cdef const int32_t* sums = <const int32_t*> strip
    if storing.element == INT8:
        store_whole(storing, sums, target, <int8_t> 0)
    elif storing.element == INT16:
        store_whole(storing, sums, target, <int16_t> 0)
    elif storing.element == UINT16:
        store_whole(storing, sums, target, <uint16_t> 0)
    elif storing.element == INT32:
        store_whole(storing, sums, target, <int32_t> 0)
    elif storing.element == UINT32:
        store_whole(storing, sums, target, <uint32_t> 0)
    elif storing.element == INT64:
        store_whole(storing, sums, target, <int64_t> 0)
    elif storing.element == UINT64:
        store_whole(storing, sums, target, <uint64_t> 0)
    elif storing.element == FLOAT64:
        store_whole(storing, sums, target, <double> 0)
    else:
        store_whole(storing, sums, target, <uint8_t> 0)


# --- limits -----------------------------------------------------------------------------------------------------------


cdef inline int32_t inside_32_bits(double limit) noexcept nogil:
    """The nearest limit that int32 has: sums are never beyond it."""
    return <int32_t> max(-2147483648.0, min(limit, 2147483647.0))


cdef bint within_i32(const Storing* storing, const void* strip, double low, double high) noexcept nogil:
    cdef const int32_t* sums
    cdef int32_t least = inside_32_bits(low), greatest = inside_32_bits(high)
    cdef Py_ssize_t kernel, column
    cdef int32_t n_outside = 0
    for column in range(storing.n_columns):
        sums = <const int32_t*> strip + column * storing.column_pitch
        if storing.kernel_pitch == 1:
            for kernel in range(storing.n_kernels):
                n_outside |= (sums[kernel] < least) | (sums[kernel] > greatest)
        else:
            for kernel in range(storing.n_kernels):
                n_outside |= ((sums[kernel * storing.kernel_pitch] < least)
                              | (sums[kernel * storing.kernel_pitch] > greatest))
    return n_outside == 0


cdef bint saturate_i32(const Storing* storing, void* strip, double low, double high) noexcept nogil:
    """Brings a row of sums inside; all of them are numbers."""
    cdef int32_t* sums
    cdef int32_t least = inside_32_bits(low), greatest = inside_32_bits(high)
    cdef Py_ssize_t kernel, column
    for column in range(storing.n_columns):
        sums = <int32_t*> strip + column * storing.column_pitch
        for kernel in range(storing.n_kernels):
            sums[kernel * storing.kernel_pitch] = max(least, min(sums[kernel * storing.kernel_pitch], greatest))
    return True


cdef bint store_i32_saturated(const Storing* storing, void* strip, double low, double high,
                              char* target) noexcept nogil:
    saturate_i32(storing, strip, low, high)
    store_i32(storing, strip, target)
    return True

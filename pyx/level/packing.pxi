# Kernels turned around into panels, tap-major, for the direct method.

from microkernels cimport real
from simd cimport transpose_4x4_f32, transpose_4x4_f64


cdef void pack(const real* kernels, Py_ssize_t kernel_pitch, real* packed, Py_ssize_t width, Py_ssize_t n_kernels,
               Py_ssize_t n_taps) noexcept nogil:
    """packed[tap * width + kernel] = kernels[kernel * kernel_pitch + tap], in blocks of 4x4 and one by one."""
    cdef Py_ssize_t kernel = 0, tap, place
    while kernel + 4 <= n_kernels:
        tap = 0
        while tap + 4 <= n_taps:
            if real is float:
                transpose_4x4_f32(kernels + tap, kernel_pitch, packed + tap * width, width)
            else:
                transpose_4x4_f64(kernels + tap, kernel_pitch, packed + tap * width, width)
            tap += 4
        while tap < n_taps:
            for place in range(4):
                packed[tap * width + place] = kernels[place * kernel_pitch + tap]
            tap += 1
        kernels += 4 * kernel_pitch
        packed += 4
        kernel += 4
    while kernel < n_kernels:
        for tap in range(n_taps):
            packed[tap * width] = kernels[tap]
        kernels += kernel_pitch
        packed += 1
        kernel += 1

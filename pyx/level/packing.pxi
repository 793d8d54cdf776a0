# Kernels turned around into panels, tap-major, for the direct method and for winograd.

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


cdef void pack_transformed(const real* kernels, Py_ssize_t depth, real* packed, Py_ssize_t width,
                           Py_ssize_t n_kernels) noexcept nogil:
    """packed[(place * depth + channel) * width + kernel] = G g G^T of winograd, one rounding of sums in float64.

    Times four, without the halves of G: the least taps there are keep their value, too.
    """
    cdef real[16 * 4 * 16] block  # 16 places of four kernels and some channels
    cdef double[12 * 16] done
    cdef double first, second, third
    cdef Py_ssize_t kernel = 0, channel, n_channels, place, index, row, column
    cdef const real* taps
    while kernel < n_kernels:
        channel = 0
        while channel < depth:
            n_channels = min(16, depth - channel)
            for index in range(min(4, n_kernels - kernel)):
                for column in range(3):
                    taps = kernels + ((kernel + index) * 9 + column) * depth + channel
                    for place in range(n_channels):
                        first, second, third = taps[place], taps[3 * depth + place], taps[6 * depth + place]
                        done[column * 16 + place] = 2 * first
                        done[(3 + column) * 16 + place] = first + third + second
                        done[(6 + column) * 16 + place] = first + third - second
                        done[(9 + column) * 16 + place] = 2 * third
                for row in range(4):
                    for place in range(n_channels):
                        first, second, third = (done[3 * row * 16 + place], done[(3 * row + 1) * 16 + place],
                                                done[(3 * row + 2) * 16 + place])
                        block[((4 * row + 0) * 4 + index) * 16 + place] = <real> (2 * first)
                        block[((4 * row + 1) * 4 + index) * 16 + place] = <real> (first + third + second)
                        block[((4 * row + 2) * 4 + index) * 16 + place] = <real> (first + third - second)
                        block[((4 * row + 3) * 4 + index) * 16 + place] = <real> (2 * third)
            for row in range(16):
                pack(block + row * 64, 16, packed + (row * depth + channel) * width + kernel, width,
                     min(4, n_kernels - kernel), n_channels)
            channel += n_channels
        kernel += 4


cdef void pack_transformed_f32(const void* kernels, Py_ssize_t depth, void* packed, Py_ssize_t width,
                               Py_ssize_t n_kernels) noexcept nogil:
    pack_transformed(<const float*> kernels, depth, <float*> packed, width, n_kernels)


cdef void pack_transformed_f64(const void* kernels, Py_ssize_t depth, void* packed, Py_ssize_t width,
                               Py_ssize_t n_kernels) noexcept nogil:
    pack_transformed(<const double*> kernels, depth, <double*> packed, width, n_kernels)

# What the frequency domain prepares: the turns of its passes and of a section's rows, and the spectra of kernels.

from libc.math cimport cos, frexp, ldexp, sin

from microkernels cimport real
from transforms cimport Fourier, Transform


cdef void fill_twiddles(const Transform* transform, real* twiddles) noexcept nogil:
    cdef Py_ssize_t n = transform.n_points, index, place, factor, radix
    cdef double angle
    for index in range(transform.n_radices):
        radix = transform.radices[index]
        for place in range(1, n // radix):
            for factor in range(1, radix):
                angle = 6.283185307179586477 * (place * factor % n) / n
                twiddles[0], twiddles[1] = <real> cos(angle), <real> sin(angle)
                twiddles += 2
        n //= radix


cdef void fill_turns(const Transform* down, real* turns) noexcept nogil:
    cdef Py_ssize_t row
    cdef double angle = 0
    for row in range(down.n_points):
        if down.radices[0] != 1:
            angle = 1.5707963267948966192 * row / down.n_points
        turns[2 * row], turns[2 * row + 1] = <real> cos(angle), <real> sin(angle)


cdef void transform_kernel(const Fourier* fourier, const real* taps, real* section, real* points, real* spectrum,
                           int* exponent) noexcept nogil:
    """The spectra of one kernel's channels, divided by 2**exponent. Where an axis is not transformed it is repeated.

    All channels and kernels have their taps in the same places of the section, whose others stay zeros.
    """
    cdef Py_ssize_t row, column, channel, y, x, n_columns
    cdef Py_ssize_t n_taps = fourier.kernel_height * fourier.kernel_width * fourier.depth
    cdef double largest = 0
    cdef real scale
    for x in range(n_taps):
        largest = max(largest, abs(taps[x]))
    frexp(largest, exponent)
    exponent[0] = max(min(exponent[0], 126 if real is float else 1022), -126 if real is float else -1022)
    scale = <real> ldexp(1, -exponent[0])
    n_columns = (fourier.kernel_width - 1) * fourier.column_dilation + 1
    if fourier.across.radices[0] == 1:
        n_columns = fourier.width
    for channel in range(fourier.depth):
        for row in range(fourier.kernel_height):
            for column in range(fourier.kernel_width):
                section[row * fourier.row_dilation * fourier.pitch + column * fourier.column_dilation] = (
                    taps[(row * fourier.kernel_width + column) * fourier.depth + channel])
        if fourier.across.radices[0] == 1:
            for y in range(fourier.height):
                for x in range(1, fourier.width):
                    section[y * fourier.pitch + x] = section[y * fourier.pitch]
        if fourier.down.radices[0] == 1:
            for y in range(1, fourier.height // 2):
                for x in range(fourier.width):
                    section[y * fourier.pitch + x] = section[x]
        if real is float:
            forward_f32(fourier, section, n_columns, scale, spectrum, points)
        else:
            forward_f64(fourier, section, n_columns, scale, spectrum, points)
        spectrum += fourier.height * fourier.width


cdef void fill_twiddles_f32(const Transform* transform, void* twiddles) noexcept nogil:
    fill_twiddles(transform, <float*> twiddles)


cdef void fill_twiddles_f64(const Transform* transform, void* twiddles) noexcept nogil:
    fill_twiddles(transform, <double*> twiddles)


cdef void fill_turns_f32(const Transform* down, void* turns) noexcept nogil:
    fill_turns(down, <float*> turns)


cdef void fill_turns_f64(const Transform* down, void* turns) noexcept nogil:
    fill_turns(down, <double*> turns)


cdef void transform_kernel_f32(const Fourier* fourier, const void* taps, void* section, void* points, void* spectra,
                               int* exponent) noexcept nogil:
    transform_kernel(fourier, <const float*> taps, <float*> section, <float*> points, <float*> spectra, exponent)


cdef void transform_kernel_f64(const Fourier* fourier, const void* taps, void* section, void* points, void* spectra,
                               int* exponent) noexcept nogil:
    transform_kernel(fourier, <const double*> taps, <double*> section, <double*> points, <double*> spectra, exponent)

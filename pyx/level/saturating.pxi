# Sums as whole numbers that an integer type holds, before a row of responses is stored.

from libc.math cimport rint, rintf


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


cdef bint saturate_f32(const Storing* storing, float* strip, float low, float high) noexcept nogil:
    return saturate(storing, strip, low, high)


cdef bint saturate_f64(const Storing* storing, double* strip, double low, double high) noexcept nogil:
    return saturate(storing, strip, low, high)

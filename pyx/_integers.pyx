"""Exact sums of products of 64-bit integers: no product and no sum of any number of them can wrap."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    typedef unsigned __int128 xcorr_u128;
    typedef __int128 xcorr_i128;
    """
    ctypedef unsigned long long u128 "xcorr_u128"
    ctypedef long long i128 "xcorr_i128"

ctypedef fused integer:
    int64_t
    uint64_t

ctypedef fused other_integer:
    int64_t
    uint64_t


cdef inline uint64_t magnitude(integer value) noexcept nogil:
    if integer is int64_t:
        return <uint64_t> 0 - <uint64_t> value if value < 0 else <uint64_t> value
    else:
        return value


cdef inline bint negative(integer value) noexcept nogil:
    if integer is int64_t:
        return value < 0
    else:
        return False


cdef bint exact_product(const integer* window, Py_ssize_t n_taps, const other_integer* kernel, i128 bias,
                        i128 low_limit, i128 high_limit, bint saturate, uint64_t* product) noexcept nogil:
    """The sum over the taps, from the halves of each product's magnitude, which 128 bits hold for any length.

    What lies outside of the limits is brought inside with `saturate`, else false is returned.
    """
    cdef i128 low = 0, high = 0, carry, total, two_64 = <i128> 1 << 64
    cdef u128 term
    cdef Py_ssize_t tap
    for tap in range(n_taps):
        term = <u128> magnitude(window[tap]) * magnitude(kernel[tap])
        if negative(window[tap]) != negative(kernel[tap]):
            low -= <i128> <uint64_t> term
            high -= <i128> (term >> 64)
        else:
            low += <i128> <uint64_t> term
            high += <i128> (term >> 64)
    low += bias
    carry = low >> 64
    high += carry
    low -= carry * two_64
    if high > 0 or high < -1:  # beyond 64 bits
        total = high_limit + 1 if high > 0 else low_limit - 1
    else:
        total = low if high == 0 else low - two_64
    if saturate:
        total = min(max(total, low_limit), high_limit)
    product[0] = <uint64_t> total
    return low_limit <= total <= high_limit


def exact_products(const integer[:, ::1] windows, const other_integer[:, ::1] kernels, tuple biases,
                   uint64_t[:, ::1] products, object low_limit, object high_limit, bint saturate):
    """products[position, kernel] = bias + sum over the taps, as the bits of a 64-bit integer.

    Sums outside of the limits (within int64, or 0 to 2**64 - 1) are brought inside with `saturate`; else False is
    returned at the first.
    """
    cdef Py_ssize_t position, kernel
    cdef i128 low = wide(low_limit), high = wide(high_limit)
    cdef bint fits = True
    cdef i128 bias
    if products.shape[0] != windows.shape[0] or products.shape[1] != kernels.shape[0]:
        raise ValueError("products: the shape is not (positions, kernels)")
    for kernel in range(kernels.shape[0]):
        bias = wide(biases[kernel])
        with nogil:
            for position in range(windows.shape[0]):
                fits = exact_product(&windows[position, 0], windows.shape[1], &kernels[kernel, 0], bias, low, high,
                                     saturate, &products[position, kernel])
                if not fits:
                    break
        if not fits:
            return False
    return True


cdef i128 wide(value):
    """A Python integer of at most 64 bits and a sign."""
    return -<i128> <uint64_t> -value if value < 0 else <i128> <uint64_t> value

# What the parts of a level share: vectors of either type, and the blocks of a sum, which with the order of the taps
# (microkernels.pxd) make all forms of the direct method give the same bits.

from microkernels cimport real
from simd cimport (
    F32_LANES, F64_LANES, a_zero, copy_part, f32v, f32v_broadcast, f32v_in_register, f32v_multiply_add, f32v_number,
    f32v_shifted, f32v_transpose, f64v, f64v_broadcast, f64v_in_register, f64v_multiply_add, f64v_number,
    f64v_shifted, f64v_transpose, in_memory
)

cdef extern from "extremes.h" nogil:
    f32v f32v_larger "xcorr_f32v_larger"(f32v, f32v)
    f32v f32v_smaller "xcorr_f32v_smaller"(f32v, f32v)
    f64v f64v_larger "xcorr_f64v_larger"(f64v, f64v)
    f64v f64v_smaller "xcorr_f64v_smaller"(f64v, f64v)

ctypedef fused vector:
    f32v
    f64v


cdef inline vector broadcast(real scalar, vector like) noexcept nogil:
    # `like` tells the type alone; `real` is always its element, and the casts let the unused pairings compile
    if vector is f32v:
        return f32v_broadcast(<float> scalar)
    else:
        return f64v_broadcast(<double> scalar)


cdef inline vector in_register(vector value) noexcept nogil:
    if vector is f32v:
        return f32v_in_register(value)
    else:
        return f64v_in_register(value)


cdef inline vector vector_number(vector value) noexcept nogil:
    if vector is f32v:
        return f32v_number(value)
    else:
        return f64v_number(value)


cdef inline vector times(real scalar, vector value) noexcept nogil:
    if vector is f32v:
        return <float> scalar * value
    else:
        return <double> scalar * value


cdef inline vector multiply_add(vector a, vector b, vector total) noexcept nogil:
    """total + a * b, rounded once wherever the level can."""
    if vector is f32v:
        return f32v_multiply_add(a, b, total)
    else:
        return f64v_multiply_add(a, b, total)


cdef inline vector scaled(double scalar, vector value) noexcept nogil:
    if vector is f32v:
        return <float> scalar * value
    else:
        return scalar * value


cdef inline double kernel_scale(Py_ssize_t n_pixels, vector like) noexcept nogil:
    """Factor of winograd's transformed kernels: those of the least taps there are then have all their bits."""
    if n_pixels == 4:
        return 4  # the transforms of whole numbers are such
    elif vector is f32v:
        return 16777216.0  # 2**24
    else:
        return 9007199254740992.0  # 2**53


cdef inline vector shifted(vector low, vector high, Py_ssize_t n) noexcept nogil:
    if vector is f32v:
        return f32v_shifted(low, high, n)
    else:
        return f64v_shifted(low, high, n)


cdef inline Py_ssize_t n_lanes(vector like) noexcept nogil:
    if vector is f32v:
        return F32_LANES
    else:
        return F64_LANES


cdef inline void close_block(vector* sums, vector* totals, vector* errors, Py_ssize_t n_sums, bint compensated,
                             bint in_registers, vector like) noexcept nogil:
    """totals += sums; sums = 0. The totals stay in memory unless registers are left for them.

    Compensated, the error of each addition is kept (Knuth's TwoSum, TAOCP 4.2.2).
    """
    cdef Py_ssize_t index
    cdef vector total, kept, zero = broadcast(a_zero, like)
    if not in_registers:
        in_memory(totals)
    if compensated:
        in_memory(errors)
    for index in range(n_sums):
        total = totals[index] + sums[index]
        if compensated:
            kept = total - totals[index]
            errors[index] = errors[index] + ((totals[index] - (total - kept)) + (sums[index] - kept))
        totals[index] = total
        sums[index] = zero


cdef inline void carry_totals(vector* totals, vector* carried, Py_ssize_t n_sums, vector like) noexcept nogil:
    """carried += totals; what the rounding of that loses begins the next total (Kahan, 1965).

    An infinite one becomes not a number: only for sums whose responses are looked at.
    """
    cdef Py_ssize_t index
    cdef vector total
    in_memory(carried)
    for index in range(n_sums):
        total = carried[index] + totals[index]
        totals[index] = totals[index] - (total - carried[index])
        carried[index] = total


cdef inline void last_total(vector* sums, vector* totals, const vector* carried, Py_ssize_t n_sums,
                            vector like) noexcept nogil:
    """The last total takes the place of its last block, and the carried one that of the total."""
    cdef Py_ssize_t index
    for index in range(n_sums):
        sums[index] = totals[index] + sums[index]
        totals[index] = carried[index]


cdef inline vector total_of(const vector* totals, const vector* errors, Py_ssize_t index,
                            bint compensated) noexcept nogil:
    # the error of an infinite total is not a number and does not count
    if compensated:
        return totals[index] + vector_number(errors[index])
    return totals[index]


cdef inline void transpose_vectors(vector* rows, vector like) noexcept nogil:
    """Transpose as many vectors as each has lanes."""
    if vector is f32v:
        f32v_transpose(rows)
    else:
        f64v_transpose(rows)


cdef inline void store_lanes(real* response, vector value, Py_ssize_t first, Py_ssize_t n_kept) noexcept nogil:
    """The lanes of `value` that are elements below `n_kept`, the first lane being element `first`."""
    cdef vector kept = value
    if first + n_lanes(value) <= n_kept:
        (<vector*> (response + first))[0] = value
    elif first < n_kept:
        copy_part(response + first, &kept, (n_kept - first) * <Py_ssize_t> sizeof(real))


cdef inline vector larger_lanes(vector one, vector other) noexcept nogil:
    if vector is f32v:
        return f32v_larger(one, other)
    else:
        return f64v_larger(one, other)


cdef inline vector smaller_lanes(vector one, vector other) noexcept nogil:
    if vector is f32v:
        return f32v_smaller(one, other)
    else:
        return f64v_smaller(one, other)

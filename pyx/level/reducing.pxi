# What reductions make of runs of responses: over kernels, position by position; and all of them by type.

include "extremes.pxi"
include "exact_sums.pxi"

# --- over kernels -----------------------------------------------------------------------------------------------------


cdef inline void take_better(const real* values, Py_ssize_t count, int32_t kernel, bint larger, real* best,
                             int32_t* kernels) noexcept nogil:
    """Takes what is larger or smaller than the best of the kernels before, and the first that is no number."""
    cdef Py_ssize_t index
    cdef real value, old
    cdef bint better
    for index in range(count):
        value, old = values[index], best[index]
        if larger:
            better = (not (value <= old)) & (old == old)
        else:
            better = (not (value >= old)) & (old == old)
        best[index] = value if better else old
        kernels[index] = kernel if better else kernels[index]


cdef inline void add_compensated(const double* values, Py_ssize_t count, double* totals,
                                 double* errors) noexcept nogil:
    """Adds numbers to as many totals, and what the rounding loses to their errors (Knuth's TwoSum, TAOCP 4.2.2)."""
    cdef Py_ssize_t index
    cdef double total, kept
    for index in range(count):
        total = totals[index] + values[index]
        kept = total - totals[index]
        errors[index] += (totals[index] - (total - kept)) + (values[index] - kept)
        totals[index] = total


cdef inline void add_to_totals(const real* values, Py_ssize_t count, bint squared, bint whole, double* totals,
                               double* errors) noexcept nogil:
    """Adds numbers, at most `AT_ONCE`, or their squares: of whole numbers exactly, else rounded once."""
    cdef double[AT_ONCE] wide
    cdef Py_ssize_t index, pass_
    cdef bint parted = False
    for index in range(count if whole and squared else 0):
        parted |= fabs(values[index]) > LARGEST_ROOT
    for pass_ in range(3 if parted else 1):
        for index in range(count):
            wide[index] = values[index]
        if parted:
            part_of_squares(wide, count, pass_)
        elif squared:
            for index in range(count):
                wide[index] = wide[index] * wide[index]
        in_memory(wide)
        add_compensated(wide, count, totals, errors)


cdef inline void add_positive(const real* values, Py_ssize_t count, int32_t* counts) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(count):
        counts[index] += values[index] > 0


# --- by type ----------------------------------------------------------------------------------------------------------


cdef void extremes_f32(const void* values, Py_ssize_t count, Run* run) noexcept nogil:
    find_extremes(<const float*> values, count, run)


cdef void extremes_f64(const void* values, Py_ssize_t count, Run* run) noexcept nogil:
    find_extremes(<const double*> values, count, run)


cdef Py_ssize_t place_of_f32(const void* values, Py_ssize_t count, double value) noexcept nogil:
    return place_of_value(<const float*> values, count, value)


cdef Py_ssize_t place_of_f64(const void* values, Py_ssize_t count, double value) noexcept nogil:
    return place_of_value(<const double*> values, count, value)


cdef Py_ssize_t n_positive_f32(const void* values, Py_ssize_t count) noexcept nogil:
    return count_positive(<const float*> values, count)


cdef Py_ssize_t n_positive_f64(const void* values, Py_ssize_t count) noexcept nogil:
    return count_positive(<const double*> values, count)


cdef void through_half_f32(void* values, Py_ssize_t count) noexcept nogil:
    round_through_half(<float*> values, count)


cdef void through_half_f64(void* values, Py_ssize_t count) noexcept nogil:
    round_through_half(<double*> values, count)


cdef void sum_slices_f32(const void* values, Py_ssize_t count, bint squared, bint whole, Sliced* sum) noexcept nogil:
    slice_sums(<const float*> values, count, squared, whole, sum)


cdef void sum_slices_f64(const void* values, Py_ssize_t count, bint squared, bint whole, Sliced* sum) noexcept nogil:
    slice_sums(<const double*> values, count, squared, whole, sum)


cdef void better_f32(const void* values, Py_ssize_t count, int32_t kernel, bint larger, void* best,
                     int32_t* kernels) noexcept nogil:
    if larger:
        take_better(<const float*> values, count, kernel, True, <float*> best, kernels)
    else:
        take_better(<const float*> values, count, kernel, False, <float*> best, kernels)


cdef void better_f64(const void* values, Py_ssize_t count, int32_t kernel, bint larger, void* best,
                     int32_t* kernels) noexcept nogil:
    if larger:
        take_better(<const double*> values, count, kernel, True, <double*> best, kernels)
    else:
        take_better(<const double*> values, count, kernel, False, <double*> best, kernels)


cdef void totals_f32(const void* values, Py_ssize_t count, bint squared, bint whole, double* totals,
                     double* errors) noexcept nogil:
    add_to_totals(<const float*> values, count, squared, whole, totals, errors)


cdef void totals_f64(const void* values, Py_ssize_t count, bint squared, bint whole, double* totals,
                     double* errors) noexcept nogil:
    add_to_totals(<const double*> values, count, squared, whole, totals, errors)


cdef void positive_f32(const void* values, Py_ssize_t count, int32_t* counts) noexcept nogil:
    add_positive(<const float*> values, count, counts)


cdef void positive_f64(const void* values, Py_ssize_t count, int32_t* counts) noexcept nogil:
    add_positive(<const double*> values, count, counts)

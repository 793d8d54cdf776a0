# Sums that are the same in any order.
#
# Each number is cut at fixed powers of two, 32 bits apart, from the one above the largest number on: into three whole
# numbers of 33 bits and what is left over, which is dropped. What is kept is the number rounded to the last cut, and
# sums of whole numbers are exact, so that the sum of many does not depend on their order, nor on how they were parted:
# one that was cut from a lower power on has only kept more (after Demmel and Nguyen, Fast Reproducible Floating-Point
# Summation, ARITH 2013).


cdef inline void take_out_unknown(double* values, Py_ssize_t count, Sliced* sum) noexcept nogil:
    """Notes what is not finite and leaves zeros there."""
    cdef Py_ssize_t index
    for index in range(count):
        if values[index] != values[index]:
            sum.flags |= HAS_NAN
        elif values[index] > DBL_MAX:
            sum.flags |= HAS_POSITIVE_INFINITY
        elif values[index] < -DBL_MAX:
            sum.flags |= HAS_NEGATIVE_INFINITY
        else:
            continue
        values[index] = 0


cdef inline f64v widened(const real* values, bint squared) noexcept nogil:
    """Numbers as doubles, or their squares: products are rounded before they are cut."""
    cdef f64v value
    if real is float:
        value = f64v_of_f32(values)
    else:
        value = (<const f64v*> values)[0]
    return f64v_in_register(value * value) if squared else value


cdef inline void cut_vectors(const real* values, Py_ssize_t n_vectors, bint squared, const double* cuts,
                             double* totals) noexcept nogil:
    """Adds the slices of so many vectors of numbers to three totals."""
    cdef f64v[3] cut, sums
    cdef f64v value, part
    cdef Py_ssize_t index, slice
    cdef const double* lanes = <const double*> sums
    for slice in range(3):
        cut[slice] = f64v_broadcast(cuts[slice])
        sums[slice] = f64v_broadcast(0)
    for index in range(n_vectors):
        value = widened(values + index * F64_LANES, squared)
        for slice in range(3):
            part = (value + cut[slice]) - cut[slice]
            sums[slice] = sums[slice] + part
            value = value - part
    in_memory(sums)
    for slice in range(3):
        for index in range(F64_LANES):
            totals[slice] += lanes[slice * F64_LANES + index]


cdef inline void add_slices(const real* values, Py_ssize_t count, bint squared, double largest,
                            Sliced* sum) noexcept nogil:
    """Adds at most `AT_ONCE` numbers, or their squares, of which the largest magnitude is given and finite."""
    cdef real[MOST_F64_LANES] last
    cdef double[3] cuts, totals
    cdef Py_ssize_t n_vectors = count // F64_LANES, index, slice
    cdef int top = top_of(largest), shift
    if largest == 0:
        return
    if top > sum.top:
        raise_top(sum, top)
    shift = shift_of(sum.top)
    for slice in range(3):  # in whose last place the cut is
        cuts[slice] = ldexp(1.5, SLICE_BITS * (sum.top + shift - 1 - <int> slice) + 52)
        totals[slice] = 0
    if squared:
        cut_vectors(values, n_vectors, True, cuts, totals)
    else:
        cut_vectors(values, n_vectors, False, cuts, totals)
    if n_vectors * F64_LANES < count:
        for index in range(F64_LANES):
            last[index] = values[n_vectors * F64_LANES + index] if n_vectors * F64_LANES + index < count else 0
        in_memory(last)
        if squared:
            cut_vectors(last, 1, True, cuts, totals)
        else:
            cut_vectors(last, 1, False, cuts, totals)
    for slice in range(3):
        sum.slices[slice] += <int64_t> ldexp(totals[slice], SLICE_BITS * (1 + <int> slice - sum.top - shift))


cdef inline int top_of(double largest) noexcept nogil:
    """The first of the powers of two above a magnitude, by its number."""
    cdef int exponent
    frexp(largest, &exponent)
    return (exponent + 1088 + SLICE_BITS - 1) // SLICE_BITS - 34


cdef inline int shift_of(int top) noexcept nogil:
    """Slices that numbers are moved by, so that all cuts are numbers."""
    return -2 if top > 30 else 4 if top < -26 else 0


cdef inline void raise_top(Sliced* sum, int top) noexcept nogil:
    """What was cut from a lower power on is cut from this one on."""
    cdef int steps = top - sum.top, slice
    for slice in range(2, -1, -1):
        sum.slices[slice] = sum.slices[slice - steps] if slice >= steps else 0
    sum.top = top


cdef inline void slice_sums(const real* values, Py_ssize_t count, bint squared, bint whole,
                            Sliced* sum) noexcept nogil:
    """Adds numbers, or their squares: of whole numbers exactly, else rounded once."""
    cdef Py_ssize_t first = 0, n
    cdef real lowest, highest
    cdef double largest
    cdef bint finite
    while first < count:
        n = min(count - first, AT_ONCE)
        finite = extremes_of(values + first, n, &lowest, &highest)
        largest = max(<double> highest, -<double> lowest)
        if squared and whole and largest > LARGEST_ROOT:
            slice_parts(values + first, n, sum)
        else:
            largest = largest * largest if squared else largest
            if finite and largest <= DBL_MAX and shift_of(max(sum.top, top_of(largest))) == 0:
                add_slices(values + first, n, squared, largest, sum)
            else:
                slice_wide(values + first, n, squared, sum)
        first += n


cdef inline double largest_magnitude(const double* values, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    cdef double largest = 0
    for index in range(count):
        largest = max(largest, fabs(values[index]))
    return largest


cdef void slice_wide(const real* values, Py_ssize_t count, bint squared, Sliced* sum) noexcept nogil:
    """Adds at most `AT_ONCE` numbers of which some are not finite, or so far out that they are scaled before."""
    cdef double[AT_ONCE] wide
    cdef Py_ssize_t index
    cdef double largest, scale
    for index in range(count):
        wide[index] = values[index]
        wide[index] = wide[index] * wide[index] if squared else wide[index]
    in_memory(wide)
    take_out_unknown(wide, count, sum)
    largest = largest_magnitude(wide, count)
    scale = ldexp(1, SLICE_BITS * shift_of(max(sum.top, top_of(largest))))
    for index in range(count):
        wide[index] = wide[index] * scale
    in_memory(wide)
    add_slices(wide, count, False, largest, sum)


cdef void slice_parts(const real* values, Py_ssize_t count, Sliced* sum) noexcept nogil:
    """Squares of at most `AT_ONCE` whole numbers that are no numbers as they are, in three parts."""
    cdef double[AT_ONCE] wide
    cdef Py_ssize_t index, which
    for which in range(3):
        for index in range(count):
            wide[index] = values[index]
        part_of_squares(wide, count, which)
        in_memory(wide)
        add_slices(wide, count, False, largest_magnitude(wide, count), sum)


cdef inline void part_of_squares(double* values, Py_ssize_t count, Py_ssize_t which) noexcept nogil:
    """(a + b)**2 of whole numbers in parts that are numbers: a * a, 2 * a * b or b * b, a of their higher bits."""
    cdef Py_ssize_t index
    cdef double high, low, cut = 1.5 * 4503599627370496.0 * 134217728.0  # 2**52 * 2**27
    for index in range(count):
        high = (values[index] + cut) - cut
        low = values[index] - high
        values[index] = high * high if which == 0 else 2 * high * low if which == 1 else low * low

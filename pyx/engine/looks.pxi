# What is looked for in arrays: zeros, numbers that are not finite, subnormal ones.


cdef bint zeros(double[::1] fill):
    """Whether every number is 0."""
    cdef Py_ssize_t index
    for index in range(fill.shape[0]):
        if fill[index] != 0:
            return False
    return True


def all_finite(table, str summed, cnp.ndarray array):
    """Whether all numbers of an array are finite, which is of the type and lies in memory without gaps."""
    cdef const Routines* routines = routines_of(table, summed)
    cdef Py_ssize_t left = array.size, some
    cdef const char* place = cnp.PyArray_BYTES(array)
    cdef bint every = True
    while left > 0 and every:
        some = min(left, FINITE_AT_ONCE)
        with nogil:
            every = routines.all_finite(place, some)
        place += some * routines.item_bytes
        left -= some
        PyErr_CheckSignals()
    return every


def any_subnormal(table, str summed, cnp.ndarray numbers):
    """Whether one is subnormal of numbers of the type or parts of complex ones, however they lie in memory."""
    cdef const Routines* routines = routines_of(table, summed)
    cdef Py_ssize_t n_parts = 2 if cnp.PyArray_ISCOMPLEX(numbers) else 1, first = 0, some
    cdef const char* place = cnp.PyArray_BYTES(numbers)
    cdef bint found = False
    if (numbers.descr.kind not in b"fc" or numbers.itemsize != n_parts * routines.item_bytes
            or not cnp.PyArray_ISBEHAVED_RO(numbers)):
        raise ValueError(f"numbers: they are not {summed}, nor pairs of them")
    if not has_no_gaps(numbers):
        return has_subnormal(routines, numbers)
    while first < numbers.size and not found:
        some = min(FINITE_AT_ONCE, numbers.size - first)
        with nogil:
            found = routines.any_subnormal(place + first * n_parts * routines.item_bytes, some * n_parts)
        PyErr_CheckSignals()
        first += some
    return found


cdef inline bint has_no_gaps(cnp.ndarray numbers) noexcept:
    return cnp.PyArray_IS_C_CONTIGUOUS(numbers) or cnp.PyArray_IS_F_CONTIGUOUS(numbers)


cdef bint has_subnormal(const Routines* routines, cnp.ndarray numbers) noexcept:
    """Whether one of some thousand numbers is subnormal: no signal is looked for, and nothing of Python's allocated."""
    cdef Py_ssize_t n_parts = 2 if cnp.PyArray_ISCOMPLEX(numbers) else 1
    if has_no_gaps(numbers):
        return routines.any_subnormal(cnp.PyArray_BYTES(numbers), numbers.size * n_parts)
    return subnormal_inside(routines, cnp.PyArray_BYTES(numbers), numbers.ndim, cnp.PyArray_DIMS(numbers),
                            cnp.PyArray_STRIDES(numbers), n_parts)


cdef bint subnormal_inside(const Routines* routines, const char* place, int n_axes, const cnp.npy_intp* sizes,
                           const cnp.npy_intp* strides, Py_ssize_t n_parts) noexcept nogil:
    """Whether one is subnormal of so many axes of numbers, or pairs of them, from a place on."""
    cdef Py_ssize_t index
    if n_axes == 0:
        return routines.any_subnormal(place, n_parts)
    if n_axes == 1 and strides[0] == n_parts * routines.item_bytes:
        return routines.any_subnormal(place, sizes[0] * n_parts)
    for index in range(sizes[0]):
        if subnormal_inside(routines, place + index * strides[0], n_axes - 1, sizes + 1, strides + 1, n_parts):
            return True
    return False


def find_highest(table, cnp.ndarray responses, bint largest, Py_ssize_t first, Py_ssize_t end,
                 double[:, :, :, ::1] tops):
    """Write the largest of rows of (images, planes, rows, columns, kernels); of minima the negated least; inf for NaN.

    Rows [first, end) are counted as `tops` (images, planes, kernels, rows) has them. Responses are
    aligned float32 or float64 in native byte order whose columns follow on each other.
    """
    cdef const Routines* routines = routines_of(table, responses.dtype.str[1:])
    cdef Py_ssize_t index, n_rows = responses.shape[2], n_kernels = responses.shape[4], count = responses.shape[3]
    cdef Py_ssize_t of_plane = n_kernels * n_rows, n_planes = responses.shape[1]
    cdef double* top = &tops[0, 0, 0, 0]
    cdef const char* start = cnp.PyArray_BYTES(responses)
    cdef const char* place
    cdef Py_ssize_t[5] pitches
    cdef Run run
    for index in range(5):
        pitches[index] = responses.strides[index]
    with nogil:
        for index in range(first, end):
            place = (start + index // of_plane // n_planes * pitches[0] + index // of_plane % n_planes * pitches[1]
                     + index % n_rows * pitches[2] + index // n_rows % n_kernels * pitches[4])
            routines.extremes(place, count, &run)
            top[index] = run.highest if largest else -run.lowest
            if run.has_nan:  # which other rows may be looked at in vain for
                top[index] = INFINITY

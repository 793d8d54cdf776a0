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
    """Whether one is subnormal of numbers of the type that lie in memory without gaps."""
    cdef const Routines* routines = routines_of(table, summed)
    cdef Py_ssize_t first = 0, count
    cdef const char* place = cnp.PyArray_BYTES(numbers)
    cdef bint found = False
    if cnp.PyArray_TYPE(numbers) != (<cnp.dtype> cnp.dtype(summed)).num or not cnp.PyArray_ISCARRAY_RO(numbers):
        raise ValueError(f"numbers: they are not {summed} without gaps")
    while first < numbers.size and not found:
        count = min(FINITE_AT_ONCE, numbers.size - first)
        with nogil:
            found = routines.any_subnormal(place + first * routines.item_bytes, count)
        PyErr_CheckSignals()
        first += count
    return found

# What a call was told, in a form that later calls are compared with: plain words, and the contents of small arrays.

from libc.string cimport memcmp, memset

import numpy as np

cdef enum:
    MOST_AXES = 4  # of the arrays of a call that is remembered

cdef frozenset SCALARS = frozenset((bool, int, float, complex)) | frozenset(
    np.dtype(code).type for code in np.typecodes["All"])
cdef frozenset NUMBERS = frozenset(np.dtype(code).type for code in "?bBhHiIlLqQefdFD")


def is_plain(word):
    """Whether a word's type says that it never changes, and that an equal one of its type means the same."""
    kind = type(word)
    if kind is tuple:
        for item in word:
            if not is_plain(item):
                return False
        return True
    if kind is slice:
        return is_plain((word.start, word.stop, word.step))
    if type(kind) is not type:  # a class that may say itself what is equal
        return isinstance(word, np.dtype) and word.isbuiltin == 1
    if kind is type:
        return word in SCALARS
    return word is None or kind in (bool, int, float, complex, str) or kind in NUMBERS


cdef bint equal(first, second):
    """Whether two words mean the same: of one type, and of the same bits. The first is plain, or a `Content`."""
    cdef Py_ssize_t index
    cdef double[4] numbers
    cdef char[16] one, other
    if first is second:
        return True
    kind = type(first)
    if kind is Content:
        return (<Content> first).holds(second)
    if kind is not type(second):
        return False
    if kind is int or kind is str:
        return first == second
    if kind is tuple:
        if len(<tuple> first) != len(<tuple> second):
            return False
        for index in range(len(<tuple> first)):
            if not equal((<tuple> first)[index], (<tuple> second)[index]):
                return False
        return True
    if kind is slice:
        return equal((first.start, first.stop, first.step), (second.start, second.stop, second.step))
    if kind is float or kind is complex:
        numbers = [first.real, first.imag, second.real, second.imag]
        return memcmp(&numbers[0], &numbers[2], 2 * sizeof(double)) == 0
    if kind in NUMBERS:
        memset(one, 0, sizeof(one))
        memset(other, 0, sizeof(other))
        cnp.PyArray_ScalarAsCtype(first, one)
        cnp.PyArray_ScalarAsCtype(second, other)
        return memcmp(one, other, sizeof(one)) == 0
    return False


cdef class Arrangement:
    """How an array lies in memory, but for where: type, shape and strides, those of axes of one place left out."""
    cdef cnp.dtype dtype
    cdef Py_ssize_t[MOST_AXES] shape, strides
    cdef Py_ssize_t n_axes, alignment

    def __cinit__(self, cnp.ndarray array, Py_ssize_t alignment):
        cdef Py_ssize_t axis
        if array.ndim > MOST_AXES:
            raise ValueError(f"array: a call with more than {MOST_AXES} axes is not repeated")
        self.dtype = array.dtype
        self.n_axes = array.ndim
        self.alignment = alignment
        for axis in range(array.ndim):
            self.shape[axis], self.strides[axis] = array.shape[axis], array.strides[axis]

    cdef bint fits(self, candidate):
        """Whether it is an array that lies so."""
        cdef cnp.ndarray array
        cdef Py_ssize_t axis
        if not cnp.PyArray_CheckExact(candidate):
            return False
        array = candidate
        if (array.ndim != self.n_axes or array.dtype is not self.dtype
                or <Py_ssize_t> cnp.PyArray_BYTES(array) % self.alignment):
            return False
        for axis in range(self.n_axes):
            if array.shape[axis] != self.shape[axis] or (
                    array.strides[axis] != self.strides[axis] and array.shape[axis] > 1):
                return False
        return True

    cdef bint is_like(self, Arrangement other):
        """Whether arrays of the two lie alike."""
        cdef Py_ssize_t axis
        if self.dtype is not other.dtype or self.n_axes != other.n_axes or self.alignment != other.alignment:
            return False
        for axis in range(self.n_axes):
            if self.shape[axis] != other.shape[axis] or (
                    self.strides[axis] != other.strides[axis] and self.shape[axis] > 1):
                return False
        return True


cdef class Content:
    """The elements of a small array in C order, to compare others with."""
    cdef Arrangement arrangement
    cdef bytes elements

    def __cinit__(self, cnp.ndarray array):
        if not cnp.PyArray_IS_C_CONTIGUOUS(array):
            raise ValueError("array: its elements are not in C order")
        self.arrangement = Arrangement(array, 1)
        self.elements = array.tobytes()

    cdef bint holds(self, candidate):
        """Whether it is an array with the same elements in the same form."""
        cdef const char* elements = self.elements
        return (self.arrangement.fits(candidate)
                and memcmp(cnp.PyArray_BYTES(candidate), elements, len(self.elements)) == 0)

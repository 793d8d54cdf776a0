"""What `register` has compiled: transforms of planes, pixels as they are compared, peaks, and scores.

Arrays are plain: the caller has seen to types, shapes and order.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport INFINITY, NAN, fabs, frexp, ldexp, log, sqrt
from libc.string cimport memcpy, memset
from microkernels cimport IN_FLOAT32, IN_FLOAT64, TABLE_NAME, Routines, real
from transforms cimport MOST_PAIRS, Kept, PlaneTransform, Transform

cnp.import_array()


cdef double* doubles_of(cnp.ndarray numbers) except? NULL:
    """The numbers of a plain array; typed views of arrays would make this module five times as large."""
    if cnp.PyArray_TYPE(numbers) != cnp.NPY_DOUBLE or not cnp.PyArray_IS_C_CONTIGUOUS(numbers):
        raise ValueError("numbers: they are not float64 that follow on each other")
    return <double*> cnp.PyArray_DATA(numbers)


cdef Py_ssize_t* indices_of(cnp.ndarray numbers) except? NULL:
    """The same of indices."""
    if cnp.PyArray_TYPE(numbers) != cnp.NPY_INTP or not cnp.PyArray_IS_C_CONTIGUOUS(numbers):
        raise ValueError("numbers: they are not indices that follow on each other")
    return <Py_ssize_t*> cnp.PyArray_DATA(numbers)


include "engine/radices.pxi"
include "shift_peaks.pxi"
include "shift_staging.pxi"
include "planes.pxi"
include "window_pairs.pxi"
include "overlaps.pxi"

"""What `register` has compiled: transforms of planes, pixels as they are compared, peaks, and scores.

Scores are those of all shifts of two images over what both have in common, where all pixels count.

What is in common is a box in either image, whose sums are differences of sums up to its sides: along the rows of all
pixels first, then for each shift of the rows along the columns. Arrays are plain: the caller has seen to types, shapes
and order.
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

cdef struct Image:
    const double* pixels
    double* up_to           # sums of the pixels above each row, (rows + 1, columns)
    double* squares_up_to
    double* along           # sums of a box's rows, of the columns before each one
    double* squares_along
    const Py_ssize_t* rows  # first ones of the boxes, and ends, by the shift
    const Py_ssize_t* columns
    Py_ssize_t height
    Py_ssize_t width


cdef void sum_up(const Image* image) noexcept nogil:
    """Sums of all that is above each row."""
    cdef Py_ssize_t place, width = image.width
    cdef const double* pixels = image.pixels
    cdef double* sums = image.up_to
    cdef double* squares = image.squares_up_to
    for place in range(width):
        sums[place] = squares[place] = 0
    for place in range(image.height * width):
        sums[width + place] = sums[place] + pixels[place]
        squares[width + place] = squares[place] + pixels[place] * pixels[place]


cdef void sum_along(const Image* image, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    """Sums of rows [first, end), of the columns before each one."""
    cdef Py_ssize_t column, width = image.width
    cdef const double* above = image.up_to + first * width
    cdef const double* below = image.up_to + end * width
    cdef const double* squares_above = image.squares_up_to + first * width
    cdef const double* squares_below = image.squares_up_to + end * width
    cdef double total = 0, squares = 0
    image.along[0] = image.squares_along[0] = 0
    for column in range(width):
        total += below[column] - above[column]
        squares += squares_below[column] - squares_above[column]
        image.along[column + 1] = total
        image.squares_along[column + 1] = squares


cdef void score_row(const Image* a, const Image* b, Py_ssize_t n_columns, Py_ssize_t n_rows_seen, double least_count,
                    double least_a, double least_b, double* scores) noexcept nogil:
    """Turns the sums of products of one shift of the rows into scores."""
    cdef Py_ssize_t column, a_first, a_end, b_first, b_end
    cdef double count, sum_a, sum_b, variance_a, variance_b, score
    for column in range(n_columns):
        a_first, a_end = a.columns[column], a.columns[n_columns + column]
        b_first, b_end = b.columns[column], b.columns[n_columns + column]
        count = <double> (n_rows_seen * (a_end - a_first))
        score = -INFINITY
        if count >= least_count:
            sum_a = a.along[a_end] - a.along[a_first]
            sum_b = b.along[b_end] - b.along[b_first]
            variance_a = a.squares_along[a_end] - a.squares_along[a_first] - sum_a * sum_a / count
            variance_b = b.squares_along[b_end] - b.squares_along[b_first] - sum_b * sum_b / count
            if variance_a > least_a and variance_b > least_b:
                score = (scores[column] - sum_a * sum_b / count) / sqrt(variance_a * variance_b)
                score = 1 if score > 1 else -1 if score < -1 else score
        scores[column] = score


cdef void lay_out(Image* image, double* workspace) noexcept nogil:
    """Gives an image its places in the workspace."""
    cdef Py_ssize_t size = (image.height + 1) * image.width
    image.up_to = workspace
    image.squares_up_to = workspace + size
    image.along = workspace + 2 * size
    image.squares_along = image.along + image.width + 1


def score_boxes(cnp.ndarray scores, cnp.ndarray a, cnp.ndarray b, cnp.ndarray rows, cnp.ndarray columns,
                cnp.ndarray least, double least_count, cnp.ndarray workspace):
    """Turn sums of products into scores, -inf where there is none, in place.

    Parameters
    ----------
    scores : (pairs, shifts of rows, shifts of columns), float64.
    a, b : pixels of references and moving, (pairs or 1, rows, columns), float64.
    rows, columns : intp (2, 2, shifts): of each image the first place in common, and the end, by the shift.
    least : float64 (2, pairs): what variances have to be over.
    least_count : the least pixels in common, at least 1.
    workspace : float64, 2 (rows + 2) (columns + 1) of both images.
    """
    cdef Image first, second
    cdef double* maps = <double*> cnp.PyArray_DATA(scores)
    cdef const double* of_a = <const double*> cnp.PyArray_DATA(a)
    cdef const double* of_b = <const double*> cnp.PyArray_DATA(b)
    cdef const double* variances = <const double*> cnp.PyArray_DATA(least)
    cdef double* room = <double*> cnp.PyArray_DATA(workspace)
    cdef Py_ssize_t n_pairs = scores.shape[0], n_rows = scores.shape[1], n_columns = scores.shape[2]
    cdef Py_ssize_t pair, row, n_a = a.shape[0], n_b = b.shape[0]
    first.height, first.width = a.shape[1], a.shape[2]
    second.height, second.width = b.shape[1], b.shape[2]
    first.rows = <const Py_ssize_t*> cnp.PyArray_DATA(rows)
    first.columns = <const Py_ssize_t*> cnp.PyArray_DATA(columns)
    second.rows, second.columns = first.rows + 2 * n_rows, first.columns + 2 * n_columns
    with nogil:
        lay_out(&first, room)
        lay_out(&second, first.squares_along + first.width + 1)
        for pair in range(n_pairs):
            first.pixels = of_a + (pair if n_a > 1 else 0) * first.height * first.width
            second.pixels = of_b + (pair if n_b > 1 else 0) * second.height * second.width
            if pair == 0 or n_a > 1:
                sum_up(&first)
            if pair == 0 or n_b > 1:
                sum_up(&second)
            for row in range(n_rows):
                sum_along(&first, first.rows[row], first.rows[n_rows + row])
                sum_along(&second, second.rows[row], second.rows[n_rows + row])
                score_row(&first, &second, n_columns, first.rows[n_rows + row] - first.rows[row], least_count,
                          variances[pair], variances[n_pairs + pair], maps)
                maps += n_columns

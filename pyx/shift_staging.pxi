# Pixels as they are compared: windows of an image, their least and greatest pixels, sums, and squares.


cdef void gather_row(const real* rows, Py_ssize_t pitch, Py_ssize_t n_rows, const Py_ssize_t* firsts,
                     Py_ssize_t n_windows, Py_ssize_t width, real* target) noexcept nogil:
    """Windows next to each other, of all of some rows, with channels one after the other as so many rows more."""
    cdef Py_ssize_t window, row
    for window in range(n_windows):
        for row in range(n_rows):
            memcpy(target, rows + row * pitch + firsts[window], width * sizeof(real))
            target += width


def gather_windows(cnp.ndarray image, cnp.ndarray firsts, cnp.ndarray windows):
    """Copy windows that are as high as an image.

    Parameters
    ----------
    image : (channels, rows, columns), float32 or float64.
    firsts : the column that each window begins at.
    windows : written, (windows, channels, rows, columns), of the image's type.
    """
    cdef Py_ssize_t n_rows = image.shape[0] * image.shape[1], pitch = image.shape[2], width = windows.shape[3]
    cdef bint single = image.itemsize == 4
    cdef const Py_ssize_t* begins = indices_of(firsts)
    with nogil:
        if single:
            gather_row(<const float*> cnp.PyArray_DATA(image), pitch, n_rows, begins, firsts.shape[0], width,
                       <float*> cnp.PyArray_DATA(windows))
        else:
            gather_row(<const double*> cnp.PyArray_DATA(image), pitch, n_rows, begins, firsts.shape[0], width,
                       <double*> cnp.PyArray_DATA(windows))


cdef void ends_and_sum(const real* numbers, Py_ssize_t n, double* found) noexcept nogil:
    """The least and the greatest of some numbers, and their sum, in which those that are not finite show."""
    cdef real[8] least, most
    cdef double[8] sums
    cdef real number
    cdef Py_ssize_t index, lane
    for lane in range(8):
        least[lane] = most[lane] = numbers[0]
        sums[lane] = 0
    for index in range(n // 8):
        for lane in range(8):
            number = numbers[8 * index + lane]
            least[lane] = number if number < least[lane] else least[lane]
            most[lane] = number if number > most[lane] else most[lane]
            sums[lane] += number
    for index in range(n // 8 * 8, n):
        least[0], most[0] = min(least[0], numbers[index]), max(most[0], numbers[index])
        sums[0] += numbers[index]
    for lane in range(1, 8):
        least[0], most[0] = min(least[0], least[lane]), max(most[0], most[lane])
        sums[0] += sums[lane]
    found[0], found[1], found[2] = least[0], most[0], sums[0]


def ends_and_sums(cnp.ndarray rows, cnp.ndarray found):
    """Write the least and the greatest number and the sum of each row, of float32 or float64."""
    cdef Py_ssize_t row, n = rows.shape[1]
    cdef const void* place = cnp.PyArray_DATA(rows)
    cdef double* numbers = doubles_of(found)
    cdef bint single = rows.itemsize == 4
    with nogil:
        for row in range(rows.shape[0]):
            if single:
                ends_and_sum(<const float*> place + row * n, n, numbers + 3 * row)
            else:
                ends_and_sum(<const double*> place + row * n, n, numbers + 3 * row)


cdef double squares_about(const real* numbers, Py_ssize_t n, real mean) noexcept nogil:
    """The sum of squares of some numbers less a mean."""
    cdef double[8] sums
    cdef real less
    cdef Py_ssize_t index, lane
    for lane in range(8):
        sums[lane] = 0
    for index in range(n // 8):
        for lane in range(8):
            less = numbers[8 * index + lane] - mean
            sums[lane] += <double> less * less
    for index in range(n // 8 * 8, n):
        less = numbers[index] - mean
        sums[0] += <double> less * less
    for lane in range(1, 8):
        sums[0] += sums[lane]
    return sums[0]


def sums_of_squares(cnp.ndarray rows, cnp.ndarray means, cnp.ndarray sums):
    """Write the sums of squares of rows of float32 or float64, each less its mean."""
    cdef Py_ssize_t row, n = rows.shape[1]
    cdef const void* place = cnp.PyArray_DATA(rows)
    cdef const double* less = doubles_of(means)
    cdef double* found = doubles_of(sums)
    cdef bint single = rows.itemsize == 4
    with nogil:
        for row in range(rows.shape[0]):
            if single:
                found[row] = squares_about(<const float*> place + row * n, n, <float> less[row])
            else:
                found[row] = squares_about(<const double*> place + row * n, n, less[row])

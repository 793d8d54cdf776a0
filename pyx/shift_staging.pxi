# Pixels as they are compared: windows of an image, their least and greatest pixels, sums, and squares.


cdef void gather_rows(const real* image, const Py_ssize_t* sizes, Py_ssize_t n_channels, Py_ssize_t height,
                      Py_ssize_t width, Py_ssize_t first_row, Py_ssize_t first_column, real* target) noexcept nogil:
    """One window of all channels of an image of (channels, rows, columns)."""
    cdef Py_ssize_t channel, row
    cdef const real* source
    for channel in range(n_channels):
        source = image + (channel * sizes[0] + first_row) * sizes[1] + first_column
        for row in range(height):
            memcpy(target, source, width * sizeof(real))
            source += sizes[1]
            target += width


def gather_windows(cnp.ndarray image, Py_ssize_t[::1] first_rows, Py_ssize_t[::1] first_columns, cnp.ndarray windows):
    """Copy windows that lie inside of an image.

    Parameters
    ----------
    image : (channels, rows, columns), float32 or float64.
    first_rows, first_columns : where each window begins.
    windows : written, (windows, channels, rows, columns), of the image's type.
    """
    cdef Py_ssize_t window, n_channels = windows.shape[1], height = windows.shape[2], width = windows.shape[3]
    cdef Py_ssize_t[2] sizes
    cdef const void* source = cnp.PyArray_DATA(image)
    cdef char* target = cnp.PyArray_BYTES(windows)
    cdef bint single = image.itemsize == 4
    sizes[0], sizes[1] = image.shape[1], image.shape[2]
    with nogil:
        for window in range(windows.shape[0]):
            if single:
                gather_rows(<const float*> source, sizes, n_channels, height, width, first_rows[window],
                            first_columns[window], <float*> target)
                target += n_channels * height * width * <Py_ssize_t> sizeof(float)
            else:
                gather_rows(<const double*> source, sizes, n_channels, height, width, first_rows[window],
                            first_columns[window], <double*> target)
                target += n_channels * height * width * <Py_ssize_t> sizeof(double)


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


def ends_and_sums(cnp.ndarray rows, double[:, ::1] found):
    """Write the least and the greatest number and the sum of each row, of float32 or float64."""
    cdef Py_ssize_t row, n = rows.shape[1]
    cdef const void* place = cnp.PyArray_DATA(rows)
    cdef bint single = rows.itemsize == 4
    with nogil:
        for row in range(rows.shape[0]):
            if single:
                ends_and_sum(<const float*> place + row * n, n, &found[row, 0])
            else:
                ends_and_sum(<const double*> place + row * n, n, &found[row, 0])


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


def sums_of_squares(cnp.ndarray rows, double[::1] means, double[::1] sums):
    """Write the sums of squares of rows of float32 or float64, each less its mean."""
    cdef Py_ssize_t row, n = rows.shape[1]
    cdef const void* place = cnp.PyArray_DATA(rows)
    cdef bint single = rows.itemsize == 4
    with nogil:
        for row in range(rows.shape[0]):
            if single:
                sums[row] = squares_about(<const float*> place + row * n, n, <float> means[row])
            else:
                sums[row] = squares_about(<const double*> place + row * n, n, means[row])

# Sums of windows and of squares made row by row, of sums of columns that slide down: a few rows in the first cache.
#
# Errors are shares of the brightest window that a column has seen; whole numbers are exact. Loops are plain.


cdef void slide_columns(const float* following, const float* leaving, Py_ssize_t n_columns, double* sums,
                        double* squares) noexcept nogil:
    cdef Py_ssize_t x
    cdef double comes, goes
    if leaving == NULL:
        for x in range(n_columns):
            comes = following[x]
            sums[x] += comes
            squares[x] += comes * comes
        return
    for x in range(n_columns):
        comes, goes = following[x], leaving[x]
        sums[x] = sums[x] - goes + comes
        squares[x] = squares[x] - goes * goes + comes * comes


cdef void row_sums(const double* columns, Py_ssize_t n_columns, const Walk* across, double* spare,
                   double* to) noexcept nogil:
    row_windows(ADD, columns, n_columns, across, spare, to)


cdef void add_moments(const double* sums, const double* squares, double times, double share, Py_ssize_t n_windows,
                      double* total, double* spread) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n_windows):
        total[x] += squares[x]
        spread[x] += squares[x] * times - sums[x] * sums[x] * share


cdef void close_row(const double* sums, const double* squares, double share, double relative, Py_ssize_t n_windows,
                    double* lowest, double* largest, float* roots) noexcept nogil:
    cdef Py_ssize_t x
    cdef double spread, above
    for x in range(n_windows):
        spread = squares[x] - sums[x] * sums[x] * share
        above = spread - relative * squares[x]
        lowest[x] = above if above < lowest[x] else lowest[x]
        largest[x] = squares[x] if squares[x] > largest[x] else largest[x]
        roots[x] = <float> 1 / sqrtf(<float> spread)


cdef void close_rows(const double* total, const double* spread, double relative, Py_ssize_t n_windows, double* lowest,
                     double* largest, float* roots) noexcept nogil:
    cdef Py_ssize_t x
    cdef double above
    for x in range(n_windows):
        above = spread[x] - relative * total[x]
        lowest[x] = above if above < lowest[x] else lowest[x]
        largest[x] = total[x] if total[x] > largest[x] else largest[x]
        roots[x] = <float> 1 / sqrtf(<float> spread[x])

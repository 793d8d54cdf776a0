# Moments of the windows of an area in one go, of pixels in float32.

cdef enum:
    ROWS_BETWEEN_LOOKS = 64


def inverse_roots_of(level, const float[:, :, ::1] planes, tuple taps, tuple stride, double share, double relative,
                     float[:, ::1] roots):
    """roots[y, x] = 1 / sqrt(sum over channels of squares - sums^2 * share) of each window.

    Returned are the sum of the squares of all pixels or, of windows that cover them, a little more; the largest sum of
    squares of a window; and the least of what spreads have above `relative` times these. Strides are not above taps.
    Where that is nothing, the rest is not looked at, unless `relative` is 0.
    """
    cdef const Passes* passes = passes_of(level)
    cdef Py_ssize_t depth = planes.shape[0], n_columns = planes.shape[2], n_windows = roots.shape[1]
    cdef Py_ssize_t height = taps[0], step = stride[0], y, x, channel, n_starts = planes.shape[1] - height + 1
    cdef Walk across
    cdef double energy = 0, most = 0, least = INFINITY
    cdef double[:, ::1] columns = aligned(2 * depth + 1, n_columns), rows = aligned(6, n_windows)
    cdef double[:, ::1] spare = aligned(5, n_columns)
    across.taps, across.dilation, across.stride, across.n_windows = taps[1], 1, stride[1], n_windows
    cdef double* total = &rows[0, 0]
    cdef double* spread = &rows[1, 0]
    cdef double* lowest = &rows[2, 0]
    cdef double* largest = &rows[3, 0]
    with nogil:
        for x in range(LINE_DOUBLES):  # of each lane of a vector, of which this is the longest
            lowest[x] = INFINITY
        for y in range(n_starts):
            if depth > 1:
                memset(total, 0, n_windows * sizeof(double))
                memset(spread, 0, n_windows * sizeof(double))
            for channel in range(depth):
                slide(passes, &planes[channel, 0, 0], y, height, n_columns, &columns[2 * channel, 0],
                      &columns[2 * channel + 1, 0])
                if y % height == 0 or y == n_starts - 1:
                    passes.add_row(&columns[2 * depth, 0], &columns[2 * channel + 1, 0], n_columns)
                if y % step == 0:
                    passes.row_sums(&columns[2 * channel, 0], &columns[2 * channel + 1, 0], n_columns, &across,
                                    &spare[0, 0], &rows[4, 0], &rows[5, 0])
                    if depth > 1:
                        passes.add_moments(&rows[4, 0], &rows[5, 0], 1, share, n_windows, total, spread)
            if y % step == 0 and depth > 1:
                passes.close_rows(total, spread, relative, n_windows, lowest, largest, &roots[y // step, 0])
            elif y % step == 0:
                passes.close_row(&rows[4, 0], &rows[5, 0], share, relative, n_windows, lowest, largest,
                                 &roots[y // step, 0])
            if relative > 0 and y % ROWS_BETWEEN_LOOKS == 0:
                for x in range(LINE_DOUBLES):
                    least = min(least, lowest[x])
                if least <= 0:
                    break
        for x in range(n_columns):
            energy += columns[2 * depth, x]
        for x in range(LINE_DOUBLES):
            least, most = min(least, lowest[x]), max(most, largest[x])
    return energy, most, least


def whole_moments(level, const float[:, :, ::1] planes, tuple taps, tuple stride, double n_taps,
                  double[:, :, ::1] sums, double[:, ::1] spread):
    """spread[y, x] = sum over channels of n_taps * squares - sums^2, of whole numbers that float64 holds.

    Without `sums`, which else are each channel's, it is the sum of the squares.
    """
    cdef const Passes* passes = passes_of(level)
    cdef Py_ssize_t depth = planes.shape[0], n_columns = planes.shape[2], n_windows = spread.shape[1]
    cdef Py_ssize_t height = taps[0], step = stride[0], y, channel, n_starts = planes.shape[1] - height + 1
    cdef bint centred = sums.shape[0] > 0
    cdef Walk across
    cdef double[:, ::1] columns = aligned(2 * depth + 1, n_columns), rows = aligned(3, n_windows)
    cdef double[:, ::1] spare = aligned(5, n_columns)
    cdef double* own = &rows[0, 0]
    across.taps, across.dilation, across.stride, across.n_windows = taps[1], 1, stride[1], n_windows
    with nogil:
        for y in range(n_starts):
            if y % step == 0:
                memset(&spread[y // step, 0], 0, n_windows * sizeof(double))
            for channel in range(depth):
                slide(passes, &planes[channel, 0, 0], y, height, n_columns, &columns[2 * channel, 0],
                      &columns[2 * channel + 1, 0])
                if y % step == 0:
                    if centred:
                        own = &sums[channel, y // step, 0]
                    passes.row_sums(&columns[2 * channel, 0], &columns[2 * channel + 1, 0], n_columns, &across,
                                    &spare[0, 0], own, &rows[1, 0])
                    passes.add_moments(own, &rows[1, 0], n_taps if centred else 1, centred, n_windows, &rows[2, 0],
                                       &spread[y // step, 0])


cdef aligned(Py_ssize_t n_rows, Py_ssize_t length):
    """Zeros in rows that begin at lines of the cache."""
    cdef Py_ssize_t pitch = row_pitch(max(1, length))
    memory = np.zeros(n_rows * pitch + LINE_DOUBLES)
    cdef double[::1] doubles = memory
    cdef Py_ssize_t beyond = <Py_ssize_t> &doubles[0] // <Py_ssize_t> sizeof(double) % LINE_DOUBLES
    cdef Py_ssize_t first = (LINE_DOUBLES - beyond) % LINE_DOUBLES
    return memory[first:first + n_rows * pitch].reshape(n_rows, pitch)


cdef inline void slide(const Passes* passes, const float* plane, Py_ssize_t y, Py_ssize_t height, Py_ssize_t n_columns,
                       double* sums, double* squares) noexcept nogil:
    """Sums of the columns of rows [y, y + height), and of their squares, of those of the rows before."""
    cdef Py_ssize_t row
    if y > 0:
        passes.slide_columns(plane + (y + height - 1) * n_columns, plane + (y - 1) * n_columns, n_columns, sums,
                             squares)
        return
    for row in range(height):
        passes.slide_columns(plane + row * n_columns, NULL, n_columns, sums, squares)

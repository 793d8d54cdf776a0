# Windows summed one by one, each about one of its own pixels.


cdef struct Sums:  # of one window and one template, about means; pixels times 2**-exponent
    double covariance, spread, of_template, seen, largest, largest_tap
    int exponent


def scores_one_by_one(const double[:, :, ::1] planes, const double[:, :, ::1] seen, const Py_ssize_t[:, ::1] places,
                      const double[:, :, ::1] kernel, const double[:, :, ::1] taps, tuple dilation, bint centred,
                      double[:, ::1] results):
    """results[place] = (covariance, spread of the window, of the template, shares seen, the window's largest, the
    template's, and the exponent of the power of two that pixels were divided by), each summed over one window alone.

    `seen` and `taps` are what counts of pixels and of taps; where nothing does, pixels are not read. Without `centred`
    means count as 0.
    """
    cdef Py_ssize_t index, row_dilation = dilation[0], column_dilation = dilation[1]
    cdef Sums sums
    with nogil:
        for index in range(places.shape[0]):
            sum_window(planes, seen, places[index, 0], places[index, 1], kernel, taps, row_dilation, column_dilation,
                       centred, &sums)
            results[index, 0], results[index, 1], results[index, 2] = sums.covariance, sums.spread, sums.of_template
            results[index, 3], results[index, 4], results[index, 5] = sums.seen, sums.largest, sums.largest_tap
            results[index, 6] = sums.exponent


cdef void sum_window(const double[:, :, ::1] planes, const double[:, :, ::1] seen, Py_ssize_t top, Py_ssize_t left,
                     const double[:, :, ::1] kernel, const double[:, :, ::1] taps, Py_ssize_t row_dilation,
                     Py_ssize_t column_dilation, bint centred, Sums* sums) noexcept nogil:
    cdef Py_ssize_t channel, i, j, y, x
    cdef double share, total, pixel, tap, about, about_tap, mean, of_tap, largest = 0
    cdef double left_pixel, left_tap, unit, rest
    sums.covariance = sums.spread = sums.of_template = sums.seen = sums.largest = sums.largest_tap = 0
    for channel in range(planes.shape[0]):  # the exponent that makes squares harmless
        about, total = 0, 0
        for i in range(kernel.shape[1]):
            for j in range(kernel.shape[2]):
                y, x = top + i * row_dilation, left + j * column_dilation
                if seen[channel, y, x] * taps[channel, i, j] > 0:
                    pixel = planes[channel, y, x]
                    if total == 0 and centred:
                        about = pixel
                    total = 1
                    sums.largest = max(sums.largest, fabs(pixel))
                    sums.largest_tap = max(sums.largest_tap, fabs(kernel[channel, i, j]))
                    largest = max(largest, fabs(pixel - about))
    sums.exponent = 0
    if largest > 0 and isfinite(largest):
        frexp(largest, &sums.exponent)
    unit, rest = ldexp(1.0, -(sums.exponent // 2)), ldexp(1.0, sums.exponent // 2 - sums.exponent)
    for channel in range(planes.shape[0]):
        about = about_tap = mean = of_tap = total = 0
        for i in range(kernel.shape[1]):
            for j in range(kernel.shape[2]):
                y, x = top + i * row_dilation, left + j * column_dilation
                share = seen[channel, y, x] * taps[channel, i, j]
                if share > 0:
                    if total == 0 and centred:
                        about, about_tap = planes[channel, y, x], kernel[channel, i, j]
                    total += share
                    mean += share * ((planes[channel, y, x] - about) * unit * rest)
                    of_tap += share * (kernel[channel, i, j] - about_tap)
        if total == 0:
            continue
        mean, of_tap = (mean / total, of_tap / total) if centred else (0.0, 0.0)
        left_pixel = left_tap = 0
        for i in range(kernel.shape[1]):
            for j in range(kernel.shape[2]):
                y, x = top + i * row_dilation, left + j * column_dilation
                share = seen[channel, y, x] * taps[channel, i, j]
                if share > 0:
                    pixel = (planes[channel, y, x] - about) * unit * rest - mean
                    tap = kernel[channel, i, j] - about_tap - of_tap
                    left_pixel += share * pixel
                    left_tap += share * tap
                    sums.covariance += share * pixel * tap
                    sums.spread += share * pixel * pixel
                    sums.of_template += share * tap * tap
        if centred:
            sums.covariance -= left_pixel * left_tap / total
            sums.spread -= left_pixel * left_pixel / total
            sums.of_template -= left_tap * left_tap / total
        sums.seen += total

"""Windows of planes: their sums, extremes and spreads, and scores made of them; in float64, at every level alike.

A plane is one channel of a part of an image, already padded. No sum of a window ever held a pixel that is not the
window's: windows are cut at multiples of the kernel's height into a piece behind the cut and one before it (van Herk,
Gil and Werman), and a row's windows are added up by doubling. So all errors are relative to the window's own sums.
"""

from libc.math cimport fabs, frexp, isfinite, ldexp, sqrt
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

import numpy as np

from xcorr._memory import empty

DOUBLE = np.dtype(np.float64)

cdef extern from *:
    """
    typedef __int128 xcorr_i128;
    typedef unsigned __int128 xcorr_u128;
    """
    ctypedef long long i128 "xcorr_i128"
    ctypedef unsigned long long u128 "xcorr_u128"

ctypedef fused element:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t
    float
    double

ctypedef fused real:
    float
    double

cdef enum Combine:
    ADD
    LEAST
    GREATEST


# --- staging ----------------------------------------------------------------------------------------------------------


def stage(const element[:, :, :, :] images, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns,
          const double[:, ::1] centres, const double[::1] factors, const double[:, ::1] fill, real[:, :, :, ::1] planes):
    """planes[image, channel, y, x] = images[image, channel, rows[y], columns[x]] * factor - centre; the fill's at -1."""
    cdef Py_ssize_t image, channel, y, x, row, first = 0, end = columns.shape[0], column_bytes
    cdef double centre, factor, outside
    cdef real* to
    cdef const char* start
    while first < end and (columns[first] < 0 or (first + 1 < end and columns[first + 1] != columns[first] + 1)):
        first += 1
    x = first + 1
    while x < end and columns[x] == columns[x - 1] + 1:
        x += 1
    end = max(x, first) if first < end else end
    with nogil:
        for image in range(planes.shape[0]):
            factor = factors[image]
            for channel in range(planes.shape[1]):
                centre = centres[image, channel]
                outside = fill[image, channel] * factor - centre
                for y in range(planes.shape[2]):
                    row, to = rows[y], &planes[image, channel, y, 0]
                    if row < 0:
                        for x in range(planes.shape[3]):
                            to[x] = <real> outside
                        continue
                    for x in range(first):
                        to[x] = <real> (images[image, channel, row, columns[x]] * factor - centre
                                        if columns[x] >= 0 else outside)
                    for x in range(end, planes.shape[3]):
                        to[x] = <real> (images[image, channel, row, columns[x]] * factor - centre
                                        if columns[x] >= 0 else outside)
                    if end > first:
                        start = <const char*> &images[image, channel, row, columns[first]]
                        column_bytes = images.strides[3]
                        if column_bytes == sizeof(element):
                            shift_row(<const element*> start, end - first, centre, factor, to + first)
                        else:
                            for x in range(end - first):
                                to[first + x] = <real> ((<const element*> (start + x * column_bytes))[0] * factor
                                                        - centre)


cdef void shift_row(const element* pixels, Py_ssize_t n_pixels, double centre, double factor, real* to) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n_pixels):
        to[x] = <real> (pixels[x] * factor - centre)


# --- windows ----------------------------------------------------------------------------------------------------------


cdef void combine(Combine how, const double* first, const double* second, double* to, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t x
    if how == ADD:
        for x in range(n):
            to[x] = first[x] + second[x]
    elif how == LEAST:
        for x in range(n):
            to[x] = first[x] if first[x] < second[x] else second[x]
    else:
        for x in range(n):
            to[x] = first[x] if first[x] > second[x] else second[x]


cdef struct Walk:  # along one axis
    Py_ssize_t taps
    Py_ssize_t dilation
    Py_ssize_t stride
    Py_ssize_t n_windows


cdef void row_windows(Combine how, const double* row, Py_ssize_t n_pixels, const Walk* walk, double* spare,
                      double* to) noexcept nogil:
    """Windows of one row: pieces of powers of two, joined where the number of taps has them."""
    cdef Py_ssize_t length = n_pixels, side = 1, have = 0, left = walk.taps, x
    cdef Py_ssize_t n_dense = n_pixels - (walk.taps - 1) * walk.dilation
    cdef double* total = spare
    cdef double* other = spare + n_pixels
    cdef const double* current = row
    while left > 0:
        if left & 1:
            if have == 0:
                memcpy(total, current, n_dense * sizeof(double))
            else:
                combine(how, total, current + have * walk.dilation, total, n_dense)
            have += side
        left >>= 1
        if left > 0:
            length -= side * walk.dilation
            combine(how, current, current + side * walk.dilation, other, length)
            current = other
            other = spare + (2 * n_pixels if other == spare + n_pixels else n_pixels)
            side *= 2
    if walk.stride == 1:
        memcpy(to, total, walk.n_windows * sizeof(double))
    else:
        for x in range(walk.n_windows):
            to[x] = total[x * walk.stride]


cdef void plane_windows(Combine how, bint squared, const double* plane, Py_ssize_t n_rows, Py_ssize_t n_columns,
                        const Walk* down, const Walk* across, double* spare, double* to) noexcept nogil:
    """Windows of a plane. `spare` has room for 4 rows of pixels and for 2 kernel heights and 1 of windows."""
    cdef Py_ssize_t residue, start, index, n_starts, place, taps = down.taps, width = across.n_windows, x
    cdef double* squares = spare + 3 * n_columns
    cdef double* suffixes = squares + n_columns
    cdef double* following = suffixes + taps * width
    cdef double* prefix = following + taps * width
    cdef double* swapped
    cdef double* target
    for residue in range(min(down.dilation, n_rows)):
        n_starts = ((down.n_windows - 1) * down.stride - residue) // down.dilation + 1
        if residue > (down.n_windows - 1) * down.stride:
            break
        for index in range(taps):
            plane_row(how, squared, plane + (residue + index * down.dilation) * n_columns, n_columns, across, spare,
                      squares, suffixes + index * width)
        start = 0
        while True:
            for index in range(taps - 2, -1, -1):
                combine(how, suffixes + index * width, suffixes + (index + 1) * width, suffixes + index * width, width)
            for index in range(min(taps, n_starts - start)):
                place = residue + (start + index) * down.dilation
                if index > 0:
                    plane_row(how, squared, plane + (place + (taps - 1) * down.dilation) * n_columns, n_columns,
                              across, spare, squares, following + (index - 1) * width)
                    if index == 1:
                        memcpy(prefix, following, width * sizeof(double))
                    else:
                        combine(how, prefix, following + (index - 1) * width, prefix, width)
                if place % down.stride == 0:
                    target = to + place // down.stride * width
                    if index == 0:
                        memcpy(target, suffixes, width * sizeof(double))
                    else:
                        combine(how, suffixes + index * width, prefix, target, width)
            start += taps
            if start >= n_starts:
                break
            place = residue + (start + taps - 1) * down.dilation
            plane_row(how, squared, plane + place * n_columns, n_columns, across, spare, squares,
                      following + (taps - 1) * width)
            swapped, suffixes, following = suffixes, following, suffixes
            following = swapped


cdef void plane_row(Combine how, bint squared, const double* row, Py_ssize_t n_columns, const Walk* across,
                    double* spare, double* squares, double* to) noexcept nogil:
    cdef Py_ssize_t x
    if squared:
        for x in range(n_columns):
            squares[x] = row[x] * row[x]
        row = squares
    row_windows(how, row, n_columns, across, spare, to)


def windows_of(const double[:, :, ::1] planes, str how, tuple taps, tuple dilation, tuple stride,
               double[:, :, ::1] result):
    """result[plane, y, x] = the "sum", the sum of "squares", the "least" or the "greatest" of each window."""
    cdef Combine combination = LEAST if how == "least" else GREATEST if how == "greatest" else ADD
    cdef bint squared = how == "squares"
    cdef Walk down, across
    cdef Py_ssize_t plane
    cdef double[::1] spare
    down.taps, across.taps = taps
    down.dilation, across.dilation = dilation
    down.stride, across.stride = stride
    down.n_windows, across.n_windows = result.shape[1], result.shape[2]
    spare = empty((4 * planes.shape[2] + (2 * down.taps + 1) * across.n_windows,), DOUBLE)
    with nogil:
        for plane in range(planes.shape[0]):
            plane_windows(combination, squared, &planes[plane, 0, 0], planes.shape[1], planes.shape[2], &down, &across,
                          &spare[0], &result[plane, 0, 0])


# --- spreads ----------------------------------------------------------------------------------------------------------


def spreads_of(const double[:, :, ::1] sums, const double[:, :, ::1] squares, double n_taps, double[:, ::1] spread):
    """spread[y, x] = sum over channels of squares - sums^2 / n_taps; the sums of squares of all channels' windows."""
    cdef Py_ssize_t channel, y, x
    cdef double share = 1 / n_taps
    with nogil:
        for y in range(spread.shape[0]):
            for x in range(spread.shape[1]):
                spread[y, x] = squares[0, y, x] - sums[0, y, x] * sums[0, y, x] * share
            for channel in range(1, sums.shape[0]):
                for x in range(spread.shape[1]):
                    spread[y, x] += squares[channel, y, x] - sums[channel, y, x] * sums[channel, y, x] * share


def n_beyond(const double[:, :, ::1] squares, const double[:, ::1] spread, double relative, double least):
    """Windows whose spread is not above relative * squares + least."""
    cdef Py_ssize_t channel, y, x, n_above = 0
    cdef double total
    with nogil:
        for y in range(spread.shape[0]):
            for x in range(spread.shape[1]):
                total = squares[0, y, x]
                for channel in range(1, squares.shape[0]):
                    total += squares[channel, y, x]
                n_above += spread[y, x] > relative * total + least
    return spread.shape[0] * spread.shape[1] - n_above


def inverse_roots(const double[:, ::1] spread, double[:, ::1] roots):
    """roots = 1 / sqrt(spread), 0 where that is not above 0."""
    cdef Py_ssize_t y, x
    with nogil:
        for y in range(spread.shape[0]):
            for x in range(spread.shape[1]):
                roots[y, x] = 1 / sqrt(spread[y, x]) if spread[y, x] > 0 else 0


def exact_spreads(const double[:, :, ::1] sums, const double[:, :, ::1] squares, int64_t n_taps,
                  double[:, ::1] spread):
    """spread[y, x] = sum over channels of n_taps * squares - sums^2, of whole numbers, rounded once."""
    cdef Py_ssize_t channel, y, x
    cdef i128 total
    with nogil:
        for y in range(spread.shape[0]):
            for x in range(spread.shape[1]):
                total = 0
                for channel in range(sums.shape[0]):
                    total += <i128> n_taps * <int64_t> squares[channel, y, x]
                    total -= <i128> <int64_t> sums[channel, y, x] * <int64_t> sums[channel, y, x]
                spread[y, x] = as_double(total)


cdef inline double as_double(i128 value) noexcept nogil:
    """A whole number of 128 bits, alike for both signs."""
    cdef u128 magnitude = <u128> 0 - <u128> value if value < 0 else <u128> value
    cdef double result = <double> <uint64_t> (magnitude >> 64) * 18446744073709551616.0 + <double> <uint64_t> magnitude
    return -result if value < 0 else result


# --- scores -----------------------------------------------------------------------------------------------------------


def scale_scores(real[:, :, :] scores, const double[:, ::1] roots, const double[::1] factors, double most):
    """scores[kernel, y, x] *= roots[y, x] * factors[kernel], within -most to most."""
    cdef Py_ssize_t kernel, y, x, n_kernels = scores.shape[0], n_columns = scores.shape[2]
    cdef double root
    with nogil:
        if scores.strides[2] == sizeof(real):
            for kernel in range(n_kernels):
                for y in range(scores.shape[1]):
                    scale_row(&scores[kernel, y, 0], &roots[y, 0], factors[kernel], most, n_columns)
        else:
            for y in range(scores.shape[1]):
                for x in range(n_columns):
                    root = roots[y, x]
                    for kernel in range(n_kernels):
                        scores[kernel, y, x] = <real> within(scores[kernel, y, x] * (root * factors[kernel]) + 0.0, most)


cdef inline double within(double value, double most) noexcept nogil:
    """The value brought inside of -most to most; NaN stays."""
    value = most if value > most else value
    return -most if value < -most else value


cdef void scale_row(real* scores, const double* roots, double factor, double most, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n):
        scores[x] = <real> within(scores[x] * (roots[x] * factor) + 0.0, most)


def exact_scores(const int64_t[:, :, :] products, const double[:, :, ::1] sums, const double[:, ::1] spread,
                 const int64_t[:, ::1] template_sums, const double[::1] template_spreads, int64_t n_taps, bint divides,
                 double[:, :, :] scores):
    """Scores of whole numbers; `scores` may be the memory of `products`.

    With no sums, products / sqrt(spread * template's); else n_taps * products less the sums' products, in 128 bits,
    over the same or, if it is not to be divided by it, over n_taps.
    """
    cdef Py_ssize_t kernel, y, x, channel, n_channels = sums.shape[0]
    cdef int64_t product
    cdef i128 total
    cdef double value
    with nogil:
        for kernel in range(scores.shape[0]):
            for y in range(scores.shape[1]):
                for x in range(scores.shape[2]):
                    product = products[kernel, y, x]
                    total = product
                    if n_channels > 0:
                        total = <i128> n_taps * product
                        for channel in range(n_channels):
                            total -= <i128> template_sums[kernel, channel] * <int64_t> sums[channel, y, x]
                    value = as_double(total)
                    if not divides:
                        value /= n_taps
                    elif spread[y, x] > 0 and template_spreads[kernel] > 0:
                        value = within(value / sqrt(spread[y, x] * template_spreads[kernel]), 1)
                    else:
                        value = 0
                    scores[kernel, y, x] = value


def exact_distances(const int64_t[:, :, :] products, const double[:, ::1] squares, const int64_t[::1] of_templates,
                    int64_t[:, :, :] distances):
    """distances = squares + the template's - 2 products, of whole numbers; they may be the memory of `products`."""
    cdef Py_ssize_t kernel, y, x
    with nogil:
        for kernel in range(distances.shape[0]):
            for y in range(distances.shape[1]):
                for x in range(distances.shape[2]):
                    distances[kernel, y, x] = <int64_t> squares[y, x] + of_templates[kernel] - 2 * products[kernel, y, x]


# --- masks ------------------------------------------------------------------------------------------------------------

ctypedef fused number:
    int64_t
    double


def masked_sums(const number[:, :, ::1] seen, const number[:, :, ::1] pixels, const number[:, :, ::1] squares,
                const number[:, :, ::1] taps, const number[:, :, ::1] tap_squares, const number[:, :, ::1] products,
                double[:, :, ::1] result):
    """result[0..2] = sums over channels of the covariance and of the spreads of windows and templates, about means.

    Each operand is a sum over w, the shares that count, for each channel: w, wI, wI^2, wT, wT^2, wIT. Whole numbers
    are combined in 128 bits, so that equal windows and templates give equal sums.
    """
    cdef Py_ssize_t channel, y, x
    cdef number share, pixel, tap
    with nogil:
        for channel in range(seen.shape[0]):
            for y in range(seen.shape[1]):
                for x in range(seen.shape[2]):
                    share, pixel, tap = seen[channel, y, x], pixels[channel, y, x], taps[channel, y, x]
                    if share <= 0:
                        continue
                    result[0, y, x] += about_means(products[channel, y, x], pixel, tap, share)
                    result[1, y, x] += about_means(squares[channel, y, x], pixel, pixel, share)
                    result[2, y, x] += about_means(tap_squares[channel, y, x], tap, tap, share)


cdef inline double about_means(number products, number first, number second, number share) noexcept nogil:
    """products - first * second / share."""
    if number is double:
        return products - first * second / share
    else:
        return as_double(<i128> products * share - <i128> first * second) / share


# --- windows one by one -----------------------------------------------------------------------------------------------


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

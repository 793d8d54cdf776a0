"""The gate to the passes that scores are made of: arrays in, a level's loops below, the GIL released."""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport INFINITY, fabs, frexp, isfinite, ldexp, sqrt
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset
from scoring cimport (
    ADD, END_LANES, GREATEST, LEAST, LINE_DOUBLES, N_LIMITS, SCORES_NAME, Combine, Distance, Limits, Passes, Walk,
    row_pitch
)

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

cdef const Passes* passes_of(capsule):
    """A level's passes."""
    return <const Passes*> PyCapsule_GetPointer(capsule, SCORES_NAME)


# --- staging ----------------------------------------------------------------------------------------------------------


def stage(level, const element[:, :, :, :] images, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns,
          const double[:, ::1] centres, const double[::1] factors, const double[:, ::1] fill,
          real[:, :, :, ::1] planes):
    """planes[image, channel, y, x] = images[image, channel, rows[y], columns[x]] * factor - centre; at -1 the fill."""
    cdef Py_ssize_t image, channel, y, x, row, first = 0, end = columns.shape[0], column_bytes
    cdef const Passes* passes = passes_of(level)
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
                            if element is uint8_t and real is float:
                                passes.shift_u8_to_f32(start, end - first, factor, centre, to + first)
                            elif element is float and real is float:
                                passes.shift_f32_to_f32(start, end - first, factor, centre, to + first)
                            elif element is float and real is double:
                                passes.shift_f32_to_f64(start, end - first, factor, centre, to + first)
                            elif element is double and real is double:
                                passes.shift_f64_to_f64(start, end - first, factor, centre, to + first)
                            elif element is uint8_t and real is double:
                                passes.shift_u8_to_f64(start, end - first, factor, centre, to + first)
                            else:
                                shift_row(<const element*> start, end - first, centre, factor, to + first)
                        else:
                            for x in range(end - first):
                                to[first + x] = <real> ((<const element*> (start + x * column_bytes))[0] * factor
                                                        - centre)


def finite_ends(level, const float[:, :, :, :] images):
    """The least and the greatest pixel of each image; None if one is not finite, or pixels do not lie side by side."""
    cdef const Passes* passes = passes_of(level)
    cdef double[:, ::1] ends = np.empty((2, images.shape[0]))
    cdef float[3][END_LANES] lanes
    cdef Py_ssize_t image, channel, y, x
    cdef bint finite = True
    if images.strides[3] != sizeof(float) or images.shape[3] == 0:
        return None
    with nogil:
        for image in range(images.shape[0]):
            for x in range(END_LANES):
                lanes[0][x], lanes[1][x], lanes[2][x] = INFINITY, -INFINITY, 0
            for channel in range(images.shape[1]):
                for y in range(images.shape[2]):
                    passes.ends_of_row(&images[image, channel, y, 0], images.shape[3], lanes[0], lanes[1], lanes[2])
            for x in range(1, END_LANES):
                lanes[0][0], lanes[1][0] = min(lanes[0][0], lanes[0][x]), max(lanes[1][0], lanes[1][x])
                lanes[2][0] += lanes[2][x]
            ends[0, image], ends[1, image] = lanes[0][0], lanes[1][0]
            finite = finite and lanes[2][0] == 0
    return (np.asarray(ends[0]), np.asarray(ends[1])) if finite else None


cdef void shift_row(const element* pixels, Py_ssize_t n_pixels, double centre, double factor, real* to) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n_pixels):
        to[x] = <real> (pixels[x] * factor - centre)


# --- windows ----------------------------------------------------------------------------------------------------------


def windows_of(level, const double[:, :, ::1] planes, str how, tuple taps, tuple dilation, tuple stride,
               double[:, :, ::1] result):
    """result[plane, y, x] = the "sum", the sum of "squares", the "least" or the "greatest" of each window."""
    cdef Combine combination = LEAST if how == "least" else GREATEST if how == "greatest" else ADD
    cdef bint squared = how == "squares"
    cdef const Passes* passes = passes_of(level)
    cdef Walk down, across
    cdef Py_ssize_t plane
    cdef double[::1] spare
    down.taps, across.taps = taps
    down.dilation, across.dilation = dilation
    down.stride, across.stride = stride
    down.n_windows, across.n_windows = result.shape[1], result.shape[2]
    spare = empty((4 * row_pitch(planes.shape[2]) + (2 * down.taps + 1) * across.n_windows,), DOUBLE)
    with nogil:
        for plane in range(planes.shape[0]):
            passes.plane_windows(combination, squared, &planes[plane, 0, 0], planes.shape[1], planes.shape[2], &down,
                                 &across, &spare[0], &result[plane, 0, 0])


include "moments.pxi"


# --- spreads ----------------------------------------------------------------------------------------------------------


def spreads_of(level, const double[:, :, ::1] sums, const double[:, :, ::1] squares, double n_taps,
               list needed, double[:, ::1] spread):
    """spread[y, x] = sum over channels of squares - sums^2 / n_taps, or of squares without sums (None).

    Returned is how many windows are not above the limits, `needed`: each (relative, least), of which a window needs
    more than relative times its sum of squares and least beside it.
    """
    cdef const Passes* passes = passes_of(level)
    cdef Py_ssize_t y, n_windows = spread.shape[1], pitch = squares.shape[1] * squares.shape[2]
    cdef double share = 1 / n_taps
    cdef double[::1] total = empty((max(1, n_windows),), DOUBLE)
    cdef const double* own = NULL
    cdef Limits limits
    cdef list counts = []
    cdef int index
    for index in range(N_LIMITS):
        limits.relative[index], limits.least[index] = needed[index]
        limits.n_above[index] = 0
    with nogil:
        for y in range(spread.shape[0]):
            if sums is not None:
                own = &sums[0, y, 0]
            passes.spread_row(own, &squares[0, y, 0], squares.shape[0], pitch, share, n_windows, &total[0],
                              &spread[y, 0], &limits)
    for index in range(N_LIMITS):
        counts.append(spread.shape[0] * n_windows - limits.n_above[index])
    return counts


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


def inverse_roots(level, const double[:, ::1] spread, real[:, ::1] roots):
    """roots = 1 / sqrt(spread), 0 where that is not above 0."""
    cdef const Passes* passes = passes_of(level)
    cdef Py_ssize_t y
    with nogil:
        for y in range(spread.shape[0]):
            if real is float:
                passes.inverse_roots_f32(&spread[y, 0], spread.shape[1], &roots[y, 0])
            else:
                passes.inverse_roots_f64(&spread[y, 0], spread.shape[1], &roots[y, 0])


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


def exact_scores(const int64_t[:, :, :] products, const double[:, :, ::1] sums, const double[:, ::1] spread,
                 const double[:, ::1] template_sums, const double[::1] template_spreads, double n_taps, bint divides,
                 double[:, :, :] scores):
    """Scores of whole numbers, in 128 bits; `scores` may be the memory of `products`.

    With no sums, products / sqrt(spread * template's); else n_taps * products less the sums' products, over the same
    or, if it is not to be divided by it, over n_taps.
    """
    cdef Py_ssize_t kernel, y, x, pitch = sums.shape[1] * sums.shape[2]
    cdef const double* own = NULL
    with nogil:
        for kernel in range(scores.shape[0]):
            for y in range(scores.shape[1]):
                for x in range(scores.shape[2]):
                    if sums.shape[0] > 0:
                        own = &sums[0, y, x]
                    scores[kernel, y, x] = exact_score(products[kernel, y, x], own, sums.shape[0], pitch,
                                                       &template_sums[kernel, 0], n_taps, spread[y, x],
                                                       template_spreads[kernel], divides)


cdef double exact_score(int64_t product, const double* sums, Py_ssize_t n_channels, Py_ssize_t pitch,
                        const double* template_sums, double n_taps, double spread, double of_template,
                        bint divides) noexcept nogil:
    """One of `exact_scores`, in 128 bits."""
    cdef i128 total = product
    cdef Py_ssize_t channel
    cdef double value
    if n_channels > 0:
        total = <i128> <int64_t> n_taps * product
        for channel in range(n_channels):
            total -= <i128> <int64_t> template_sums[channel] * <int64_t> sums[channel * pitch]
    value = as_double(total)
    if not divides:
        return value / n_taps
    if not (spread > 0 and of_template > 0):
        return 0
    value /= sqrt(spread * of_template)
    return max(-1.0, min(1.0, value))


def distances_of(level, const double[:, :] products, const double[:, ::1] of_windows, double of_template,
                 int of_pixels, int of_taps, bint divides, real[:, :] distances):
    """of_windows + of_template - 2 products, at least 0, or that over the roots of both sums of squares.

    Pixels and taps were divided by powers of two of these exponents. They are added up as they are divided by the
    larger one, so that only what no float64 holds becomes infinite.
    """
    cdef const Passes* passes = passes_of(level)
    cdef Py_ssize_t y, n_windows = products.shape[1]
    cdef Py_ssize_t apart = products.strides[1] // <Py_ssize_t> sizeof(double)
    cdef Py_ssize_t pitch = distances.strides[1] // <Py_ssize_t> sizeof(real)
    cdef int most = max(of_pixels, of_taps), exponent = 2 * most - (of_pixels + of_taps if divides else 0)
    cdef Distance distance
    distance.share, distance.both = ldexp(1, 2 * (of_pixels - most)), ldexp(2, of_pixels + of_taps - 2 * most)
    distance.own, distance.root = ldexp(of_template, 2 * (of_taps - most)), sqrt(of_template)
    distance.divides = divides
    distance.powers[0] = distance.powers[1] = ldexp(1, exponent // 3)
    distance.powers[2] = ldexp(1, exponent - 2 * (exponent // 3))
    if n_windows == 0:
        return
    with nogil:
        for y in range(products.shape[0]):
            if real is float:
                passes.distance_row_f32(&products[y, 0], apart, &of_windows[y, 0], &distance, n_windows,
                                        &distances[y, 0], pitch)
            else:
                passes.distance_row_f64(&products[y, 0], apart, &of_windows[y, 0], &distance, n_windows,
                                        &distances[y, 0], pitch)


def exact_distances(const int64_t[:, :, :] products, const double[:, ::1] squares, const int64_t[::1] of_templates,
                    int64_t[:, :, :] distances):
    """distances = squares + the template's - 2 products, of whole numbers; they may be the memory of `products`."""
    cdef Py_ssize_t kernel, y, x
    with nogil:
        for kernel in range(distances.shape[0]):
            for y in range(distances.shape[1]):
                for x in range(distances.shape[2]):
                    distances[kernel, y, x] = (<int64_t> squares[y, x] + of_templates[kernel]
                                               - 2 * products[kernel, y, x])


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


include "one_by_one.pxi"

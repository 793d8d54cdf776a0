# Windows of planes: their sums and extremes, their spreads; and rows of scores made of them.
#
# No sum of a window ever held a pixel that is not the window's: windows are cut at multiples of the kernel's height
# into a piece behind the cut and one before it (van Herk, Gil and Werman), and a row's windows are added up by
# doubling. So all errors are relative to the window's own sums. Loops are plain: the compiler makes vectors of them.

from libc.math cimport fabs, sqrt, sqrtf
from libc.string cimport memcpy
from scoring cimport ADD, END_LANES, LEAST, N_LIMITS, Combine, Distance, Limits, Walk, row_pitch

ctypedef fused real:
    float
    double


# --- pixels -----------------------------------------------------------------------------------------------------------

ctypedef fused pixel:
    unsigned char
    float
    double


cdef inline void shift_row(const pixel* pixels, Py_ssize_t n_pixels, double factor, double centre,
                           real* to) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n_pixels):
        to[x] = <real> (<double> pixels[x] * factor - centre)


cdef void shift_u8_to_f32(const void* pixels, Py_ssize_t n, double factor, double centre, void* to) noexcept nogil:
    shift_row(<const unsigned char*> pixels, n, factor, centre, <float*> to)


cdef void shift_u8_to_f64(const void* pixels, Py_ssize_t n, double factor, double centre, void* to) noexcept nogil:
    shift_row(<const unsigned char*> pixels, n, factor, centre, <double*> to)


cdef void shift_f32_to_f32(const void* pixels, Py_ssize_t n, double factor, double centre, void* to) noexcept nogil:
    shift_row(<const float*> pixels, n, factor, centre, <float*> to)


cdef void shift_f32_to_f64(const void* pixels, Py_ssize_t n, double factor, double centre, void* to) noexcept nogil:
    shift_row(<const float*> pixels, n, factor, centre, <double*> to)


cdef void shift_f64_to_f64(const void* pixels, Py_ssize_t n, double factor, double centre, void* to) noexcept nogil:
    shift_row(<const double*> pixels, n, factor, centre, <double*> to)


cdef void ends_of_row(const float* pixels, Py_ssize_t n_pixels, float* least, float* greatest,
                      float* unknown) noexcept nogil:
    cdef Py_ssize_t first = 0, x
    while first + END_LANES <= n_pixels:
        for x in range(END_LANES):
            least[x] = pixels[first + x] if pixels[first + x] < least[x] else least[x]
            greatest[x] = pixels[first + x] if pixels[first + x] > greatest[x] else greatest[x]
            unknown[x] += pixels[first + x] * 0
        first += END_LANES
    for x in range(n_pixels - first):
        least[x] = pixels[first + x] if pixels[first + x] < least[x] else least[x]
        greatest[x] = pixels[first + x] if pixels[first + x] > greatest[x] else greatest[x]
        unknown[x] += pixels[first + x] * 0


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


cdef void combine_four(const double* from_, Py_ssize_t apart, double* to, Py_ssize_t n) noexcept nogil:
    """Sums of four pieces that lie apart, as two times two are added."""
    cdef Py_ssize_t x
    for x in range(n):
        to[x] = (from_[x] + from_[x + apart]) + (from_[x + 2 * apart] + from_[x + 3 * apart])


cdef void row_windows(Combine how, const double* row, Py_ssize_t n_pixels, const Walk* walk, double* spare,
                      double* to) noexcept nogil:
    """Windows of one row: pieces of powers of two, joined where the number of taps has them."""
    cdef Py_ssize_t length = n_pixels, side = 1, have = 0, left = walk.taps, x
    cdef Py_ssize_t n_dense = n_pixels - (walk.taps - 1) * walk.dilation
    cdef Py_ssize_t pitch = row_pitch(n_pixels)
    cdef bint at_once = walk.stride == 1
    cdef double* total = to if at_once else spare
    cdef double* other = spare + pitch
    cdef const double* current = row
    while True:
        if left & 1:
            if have > 0:
                combine(how, total, current + have * walk.dilation, total, n_dense)
            elif left > 1 or current != total:
                memcpy(total, current, n_dense * sizeof(double))
            have += side
        left >>= 1
        if left == 0:
            break
        if left == 1 and have == 0:
            other = total
        length -= side * walk.dilation
        if how == ADD and left & 1 == 0 and left > 1:
            left >>= 1
            if left == 1 and have == 0:
                other = total
            length -= 2 * side * walk.dilation
            combine_four(current, side * walk.dilation, other, length)
            side *= 4
        else:
            combine(how, current, current + side * walk.dilation, other, length)
            side *= 2
        current = other
        other = spare + (2 * pitch if other == spare + pitch else pitch)
    if not at_once:
        for x in range(walk.n_windows):
            to[x] = total[x * walk.stride]


cdef void plane_windows(Combine how, bint squared, const double* plane, Py_ssize_t n_rows, Py_ssize_t n_columns,
                        const Walk* down, const Walk* across, double* spare, double* to) noexcept nogil:
    """Windows of a plane. `spare` has room for 4 rows of pixels and for 2 kernel heights and 1 of windows."""
    cdef Py_ssize_t residue, start, index, n_starts, place, taps = down.taps, width = across.n_windows, x
    cdef double* squares = spare + 3 * row_pitch(n_columns)
    cdef double* suffixes = squares + row_pitch(n_columns)
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


# --- spreads ----------------------------------------------------------------------------------------------------------


cdef void spread_row(const double* sums, const double* squares, Py_ssize_t n_channels, Py_ssize_t pitch, double share,
                     Py_ssize_t n_windows, double* total, double* spread, Limits* limits) noexcept nogil:
    cdef Py_ssize_t channel
    cdef int limit
    memcpy(total, squares, n_windows * sizeof(double))
    for channel in range(1, n_channels):
        add_row(total, squares + channel * pitch, n_windows)
    memcpy(spread, total, n_windows * sizeof(double))
    if sums != NULL:
        for channel in range(n_channels):
            subtract_squares(spread, sums + channel * pitch, share, n_windows)
    for limit in range(N_LIMITS):
        limits.n_above[limit] += n_above(spread, total, limits.relative[limit], limits.least[limit], n_windows)


cdef Py_ssize_t n_above(const double* spread, const double* total, double relative, double least,
                        Py_ssize_t n) noexcept nogil:
    """How many spreads are above what they have to be."""
    cdef Py_ssize_t x, found = 0
    for x in range(n):
        found += spread[x] > relative * total[x] + least
    return found


cdef void add_row(double* total, const double* row, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n):
        total[x] += row[x]


cdef void subtract_squares(double* spread, const double* sums, double share, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n):
        spread[x] -= sums[x] * sums[x] * share


cdef void inverse_roots_f32(const double* spread, Py_ssize_t n_windows, void* roots) noexcept nogil:
    cdef float* to = <float*> roots
    cdef Py_ssize_t x
    cdef float value
    for x in range(n_windows):
        value = <float> spread[x]
        to[x] = <float> 1 / sqrtf(value) if value > 0 else <float> 0


cdef void inverse_roots_f64(const double* spread, Py_ssize_t n_windows, void* roots) noexcept nogil:
    cdef double* to = <double*> roots
    cdef Py_ssize_t x
    for x in range(n_windows):
        to[x] = 1 / sqrt(spread[x]) if spread[x] > 0 else 0


# --- scores -----------------------------------------------------------------------------------------------------------


cdef inline real within(real value, real most) noexcept nogil:
    """The value brought inside of -most to most; NaN stays."""
    value = most if value > most else value
    return -most if value < -most else value


cdef void scale(real* scores, Py_ssize_t pitch, const real* roots, real factor, real most, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t x
    if pitch == 1:
        for x in range(n):
            scores[x] = within(scores[x] * (roots[x] * factor) + <real> 0, most)
    else:
        for x in range(n):
            scores[x * pitch] = within(scores[x * pitch] * (roots[x] * factor) + <real> 0, most)


cdef void scale_row_f32(void* scores, Py_ssize_t pitch, const void* roots, double factor, double most,
                        Py_ssize_t n_scores) noexcept nogil:
    scale(<float*> scores, pitch, <const float*> roots, <float> factor, <float> most, n_scores)


cdef void scale_row_f64(void* scores, Py_ssize_t pitch, const void* roots, double factor, double most,
                        Py_ssize_t n_scores) noexcept nogil:
    scale(<double*> scores, pitch, <const double*> roots, factor, most, n_scores)


cdef void scale_kernels_f32(void* scores, Py_ssize_t pitch, const void* roots, const double* factors, double most,
                            Py_ssize_t n_windows, Py_ssize_t n_kernels) noexcept nogil:
    cdef float* to = <float*> scores
    cdef float root, limit = <float> most
    cdef Py_ssize_t x, kernel
    for x in range(n_windows):
        root = (<const float*> roots)[x]
        for kernel in range(n_kernels):
            to[kernel] = within(to[kernel] * (root * <float> factors[kernel]) + <float> 0, limit)
        to += pitch


cdef void scale_kernels_f64(void* scores, Py_ssize_t pitch, const void* roots, const double* factors, double most,
                            Py_ssize_t n_windows, Py_ssize_t n_kernels) noexcept nogil:
    cdef double* to = <double*> scores
    cdef double root
    cdef Py_ssize_t x, kernel
    for x in range(n_windows):
        root = (<const double*> roots)[x]
        for kernel in range(n_kernels):
            to[kernel] = within(to[kernel] * (root * factors[kernel]) + 0.0, most)
        to += pitch


cdef inline double distance_of(double product, double squares, const Distance* of) noexcept nogil:
    cdef double found = squares * of.share + of.own - of.both * product
    return 0 if found < 0 else found


cdef inline double times_powers(double value, const Distance* of) noexcept nogil:
    return value * of.powers[0] * of.powers[1] * of.powers[2]


cdef inline void distance_row(const double* products, Py_ssize_t apart, const double* squares, const Distance* distance,
                              Py_ssize_t n_windows, real* distances, Py_ssize_t pitch) noexcept nogil:
    cdef Distance of = distance[0]
    cdef Py_ssize_t x
    cdef double found
    if of.divides:
        for x in range(n_windows):
            found = distance_of(products[x * apart], squares[x], &of) / (sqrt(squares[x]) * of.root)
            distances[x * pitch] = <real> times_powers(found, &of)
    else:
        for x in range(n_windows):
            distances[x * pitch] = <real> times_powers(distance_of(products[x * apart], squares[x], &of), &of)


cdef void distance_row_f32(const double* products, Py_ssize_t apart, const double* squares, const Distance* distance,
                           Py_ssize_t n_windows, void* distances, Py_ssize_t pitch) noexcept nogil:
    if apart == 1 and pitch == 1:
        distance_row(products, 1, squares, distance, n_windows, <float*> distances, 1)
    else:
        distance_row(products, apart, squares, distance, n_windows, <float*> distances, pitch)


cdef void distance_row_f64(const double* products, Py_ssize_t apart, const double* squares, const Distance* distance,
                           Py_ssize_t n_windows, void* distances, Py_ssize_t pitch) noexcept nogil:
    if apart == 1 and pitch == 1:
        distance_row(products, 1, squares, distance, n_windows, <double*> distances, 1)
    else:
        distance_row(products, apart, squares, distance, n_windows, <double*> distances, pitch)


cdef Py_ssize_t exact_row(double* values, const double* sums, Py_ssize_t n_channels, Py_ssize_t channel_pitch,
                          const double* template_sums, double n_taps, const double* roots, double factor,
                          Py_ssize_t n_scores, double* scores) noexcept nogil:
    cdef Py_ssize_t x, channel, found = 0
    for x in range(n_scores):
        values[x] *= n_taps
    for channel in range(n_channels):
        subtract_times(values, sums + channel * channel_pitch, template_sums[channel], n_scores)
    for x in range(n_scores):
        scores[x] = values[x] * (roots[x] * factor) + 0.0
        found += fabs(scores[x]) > 1 - 1e-12
    return found


cdef void subtract_times(double* scores, const double* sums, double template_sum, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n):
        scores[x] -= template_sum * sums[x]

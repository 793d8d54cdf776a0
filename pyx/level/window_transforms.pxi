# Sums of products of small windows of real numbers, with the lanes over pairs of windows.
#
# Both windows of a pair are the two parts of one transform, whose rows and columns are transformed while they lie in
# the first cache. Half of the columns of frequencies and their opposites are taken apart, multiplied and transformed
# back; two rows of sums are then the two parts of what is transformed back along the rows. No lane knows of another
# one: the sums of a pair are free of what is beside it.

from microkernels cimport real
from simd cimport F64_LANES, f32v, f32v_broadcast, f64v, f64v_broadcast, f64v_of_f32
from transforms cimport Moments, WindowPairs, WindowTransform
from vectors cimport (
    broadcast, larger_lanes, n_lanes, scaled, smaller_lanes, store_lanes, transpose_vectors, vector
)


cdef inline vector of_lanes(const double* numbers, Py_ssize_t n, const real* _, vector like) noexcept nogil:
    """A number for each lane; lanes behind the last one repeat it."""
    cdef real[16] found
    cdef Py_ssize_t lane
    for lane in range(n_lanes(like)):
        found[lane] = <real> numbers[min(lane, n - 1)]
    return (<const vector*> found)[0]


cdef inline void clear_totals(f64v* totals, vector like) noexcept nogil:
    """Totals in float64 of all lanes."""
    cdef Py_ssize_t index
    for index in range(n_lanes(like) // F64_LANES):
        totals[index] = f64v_broadcast(0)


cdef inline void add_to_totals(f64v* totals, const vector* sums, vector like) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(n_lanes(like) // F64_LANES):
        if vector is f32v:
            totals[index] = totals[index] + f64v_of_f32(<const float*> sums + index * F64_LANES)
        else:
            totals[index] = totals[index] + sums[0]


cdef inline void window_moments(const real* pixels, Py_ssize_t pitch, Py_ssize_t n_rows, Py_ssize_t n_columns,
                                Moments* found, vector like) noexcept nogil:
    """Sums of a row are in the type of the pixels, those of rows in float64."""
    cdef Py_ssize_t lanes = n_lanes(like), row, column, lane
    cdef vector least, most, own, sums
    cdef f64v[16] totals
    cdef double total = 0
    cdef const real* place = pixels
    cdef real mean, less
    found.least, found.greatest, found.squares = pixels[0], pixels[0], 0
    least = most = broadcast(a_zero, like) + broadcast(pixels[0], like)
    clear_totals(totals, like)
    for row in range(n_rows):
        sums = broadcast(a_zero, like)
        for column in range(n_columns // lanes):
            own = (<const vector*> place)[column]
            least, most, sums = smaller_lanes(least, own), larger_lanes(most, own), sums + own
        add_to_totals(totals, &sums, like)
        for column in range(n_columns // lanes * lanes, n_columns):
            found.least, found.greatest = min(found.least, place[column]), max(found.greatest, place[column])
            total += place[column]
        place += pitch
    for lane in range(lanes):
        found.least = min(found.least, (<real*> &least)[lane])
        found.greatest = max(found.greatest, (<real*> &most)[lane])
        total += (<const double*> totals)[lane]
    found.mean = total / <double> (n_rows * n_columns)
    clear_totals(totals, like)
    mean, place = <real> found.mean, pixels
    own = broadcast(a_zero, like) + broadcast(mean, like)
    for row in range(n_rows):
        sums = broadcast(a_zero, like)
        for column in range(n_columns // lanes):
            least = (<const vector*> place)[column] - own
            sums = sums + least * least
        add_to_totals(totals, &sums, like)
        for column in range(n_columns // lanes * lanes, n_columns):
            less = place[column] - mean
            found.squares += <double> less * less
        place += pitch
    for lane in range(lanes):
        found.squares += (<const double*> totals)[lane]


cdef void take_row(const real* row, const Py_ssize_t* firsts, Py_ssize_t n_pairs, Py_ssize_t n_columns,
                   vector mean, vector scale, real* line, vector like) noexcept nogil:
    """A row of the windows less their means, by their scales, into one part of a line.

    Lanes behind the last pair repeat it. Not inline, as its turns are long and it is called twice; so below.
    """
    cdef Py_ssize_t lanes = n_lanes(like), column = 0, lane
    cdef vector[16] own
    while column < n_columns:
        for lane in range(lanes):
            if column + lanes <= n_columns:
                own[lane] = (<const vector*> (row + firsts[min(lane, n_pairs - 1)] + column))[0]
            else:
                own[lane] = some_of(row + firsts[min(lane, n_pairs - 1)] + column, n_columns - column, like)
        transpose_vectors(own, like)
        for lane in range(min(lanes, n_columns - column)):
            (<vector*> line)[2 * (column + lane)] = scale * (own[lane] - mean)
        column += lanes


cdef inline void transform_rows(const WindowTransform* transform, const WindowPairs* pairs, real* points,
                                vector like) noexcept nogil:
    """The rows of both windows of each pair, transformed.

    Two of each are added where the parts are taken apart, hence the half.
    """
    cdef Py_ssize_t lanes = n_lanes(like), width = transform.across.n_points, row
    cdef const real* a = <const real*> pairs.a
    cdef const real* b = <const real*> pairs.b
    cdef vector a_mean = of_lanes(pairs.a_means, pairs.n_pairs, a, like)
    cdef vector b_mean = of_lanes(pairs.b_means, pairs.n_pairs, b, like)
    cdef vector half = scaled(0.5, broadcast(a_zero, like) + 1)
    cdef vector b_scale = scaled(0.5, of_lanes(pairs.b_scales, pairs.n_pairs, b, like))
    for row in range(transform.down.n_points):
        take_row(a, pairs.a_firsts, pairs.n_pairs, width, a_mean, half, points, like)
        take_row(b, pairs.b_firsts, pairs.n_pairs, width, b_mean, b_scale, points + lanes, like)
        forward_passes(&transform.across, &nowhere, points, IN_PLACE, like)
        a += pairs.a_pitch
        b += pairs.b_pitch
        points += 2 * lanes * width


cdef void transform_column(const WindowTransform* transform, const real* points, Py_ssize_t column,
                           real* line, vector like) noexcept nogil:
    cdef Source source
    source.re = points + 2 * n_lanes(like) * transform.column_places[column]
    source.im = <const real*> source.re + n_lanes(like)
    source.pitch = 2 * n_lanes(like) * transform.across.n_points
    forward_passes(&transform.down, &source, line, APART, like)


cdef void multiply_column(const WindowTransform* transform, const real* line, const real* opposite, bint add,
                          real* product, vector like) noexcept nogil:
    """The transform of the first windows times the conjugate of that of the second ones."""
    cdef Py_ssize_t height = transform.down.n_points, row, place, other
    cdef vector re, im, re_other, im_other, re_a, im_a, re_b, im_b
    for row in range(height):
        place, other = transform.row_places[row], transform.row_places[height - row if row > 0 else 0]
        re, im = (<const vector*> line)[2 * place], (<const vector*> line)[2 * place + 1]
        re_other, im_other = (<const vector*> opposite)[2 * other], (<const vector*> opposite)[2 * other + 1]
        re_a, im_a = re + re_other, im - im_other
        re_b, im_b = im + im_other, re_other - re
        re = re_a * re_b + im_a * im_b
        im = im_a * re_b - re_a * im_b
        if add:
            re = re + (<vector*> product)[2 * place]
            im = im + (<vector*> product)[2 * place + 1]
        (<vector*> product)[2 * place] = re
        (<vector*> product)[2 * place + 1] = im


cdef inline void window_products(const WindowTransform* transform, const WindowPairs* pairs, bint add, real* spectrum,
                                 real* points, vector like) noexcept nogil:
    cdef Py_ssize_t height = transform.down.n_points, width = transform.across.n_points, column, opposite
    cdef Py_ssize_t line = 2 * n_lanes(like) * height
    cdef real* lines = points + line * width
    transform_rows(transform, pairs, points, like)
    for column in range(width // 2 + 1):
        opposite = width - column if column > 0 else 0
        transform_column(transform, points, column, lines, like)
        if opposite != column:
            transform_column(transform, points, opposite, lines + line, like)
            multiply_column(transform, lines, lines + line, add, spectrum, like)
        else:
            multiply_column(transform, lines, lines, add, spectrum, like)
        spectrum += line


cdef inline void window_phases(const WindowTransform* transform, real* spectrum, double* counts,
                               vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), height = transform.down.n_points, width = transform.across.n_points
    cdef Py_ssize_t column, row, lane, weight
    cdef real[16] least
    cdef real power, factor
    cdef real unit = <real> (2.0**-24 if real is float else 2.0**-53)
    cdef real* point = spectrum
    for lane in range(lanes):
        counts[lane] = least[lane] = spectrum[lane] = spectrum[lanes + lane] = 0
    for row in range(height * (width // 2 + 1)):
        for lane in range(lanes):
            power = point[lane] * point[lane] + point[lanes + lane] * point[lanes + lane]
            least[lane] = power if power > least[lane] else least[lane]
        point += 2 * lanes
    for lane in range(lanes):
        least[lane] = least[lane] * (unit * unit)
        if least[lane] == 0:
            least[lane] = <real> (2.0**-149 if real is float else 2.0**-1074)
    point = spectrum
    for column in range(width // 2 + 1):
        weight = 1 if column == 0 or 2 * column == width else 2
        for row in range(height):
            for lane in range(lanes):
                power = point[lane] * point[lane] + point[lanes + lane] * point[lanes + lane]
                factor = 1 / root(power) if power >= least[lane] else 0
                counts[lane] += weight if power >= least[lane] else 0
                point[lane] *= factor
                point[lanes + lane] *= factor
            point += 2 * lanes


cdef inline void put_rows_together(const WindowTransform* transform, const real* spectrum, Py_ssize_t one,
                                   Py_ssize_t other, real* line, vector like) noexcept nogil:
    """What two rows of sums are the two parts of; the second may be none, -1."""
    cdef Py_ssize_t height = transform.down.n_points, width = transform.across.n_points, column, place
    cdef vector re, im, re_other, im_other, zero = broadcast(a_zero, like)
    cdef const vector* frequencies = <const vector*> spectrum
    re_other = im_other = zero
    for column in range(width // 2 + 1):
        re, im = frequencies[2 * one], frequencies[2 * one + 1]
        if other >= 0:
            re_other, im_other = frequencies[2 * other], frequencies[2 * other + 1]
        place = transform.column_places[column]
        if column == 0 or 2 * column == width:  # of real numbers
            (<vector*> line)[2 * place], (<vector*> line)[2 * place + 1] = re, re_other
        else:
            (<vector*> line)[2 * place], (<vector*> line)[2 * place + 1] = re - im_other, im + re_other
            place = transform.column_places[width - column]
            (<vector*> line)[2 * place], (<vector*> line)[2 * place + 1] = re + im_other, re_other - im
        frequencies += 2 * height


cdef void put_row(const real* line, Py_ssize_t width, vector scale, Py_ssize_t n_pairs, Py_ssize_t pitch,
                  real* sums, vector like) noexcept nogil:
    """One part of a line into a row of the sums of each pair."""
    cdef Py_ssize_t lanes = n_lanes(like), column = 0, lane
    cdef vector[16] own
    while column < width:
        for lane in range(lanes):
            own[lane] = scale * (<const vector*> line)[2 * min(column + lane, width - 1)]
        transpose_vectors(own, like)
        for lane in range(n_pairs):
            store_lanes(sums + lane * pitch, own[lane], column, width)
        column += lanes


cdef inline void window_sums(const WindowTransform* transform, real* spectrum, const double* scales,
                             Py_ssize_t n_pairs, real* sums, Py_ssize_t pitch, real* points,
                             vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), height = transform.down.n_points, width = transform.across.n_points
    cdef Py_ssize_t column, row
    cdef vector scale = of_lanes(scales, n_pairs, sums, like)
    for column in range(width // 2 + 1):
        backward_passes(&transform.down, &nowhere, spectrum + 2 * lanes * height * column, False, like)
    for row in range(0, height, 2):
        put_rows_together(transform, spectrum, row, row + 1 if row + 1 < height else -1, points, like)
        backward_passes(&transform.across, &nowhere, points, False, like)
        put_row(points, width, scale, n_pairs, pitch, sums + row * width, like)
        if row + 1 < height:
            put_row(points + lanes, width, scale, n_pairs, pitch, sums + (row + 1) * width, like)


cdef void window_moments_f32(const void* pixels, Py_ssize_t pitch, Py_ssize_t n_rows, Py_ssize_t n_columns,
                             Moments* found) noexcept nogil:
    window_moments(<const float*> pixels, pitch, n_rows, n_columns, found, f32v_broadcast(0))


cdef void window_moments_f64(const void* pixels, Py_ssize_t pitch, Py_ssize_t n_rows, Py_ssize_t n_columns,
                             Moments* found) noexcept nogil:
    window_moments(<const double*> pixels, pitch, n_rows, n_columns, found, f64v_broadcast(0))


cdef void window_products_f32(const WindowTransform* transform, const WindowPairs* pairs, bint add, void* spectrum,
                              void* points) noexcept nogil:
    window_products(transform, pairs, add, <float*> spectrum, <float*> points, f32v_broadcast(0))


cdef void window_products_f64(const WindowTransform* transform, const WindowPairs* pairs, bint add, void* spectrum,
                              void* points) noexcept nogil:
    window_products(transform, pairs, add, <double*> spectrum, <double*> points, f64v_broadcast(0))


cdef void window_phases_f32(const WindowTransform* transform, void* spectrum, double* counts) noexcept nogil:
    window_phases(transform, <float*> spectrum, counts, f32v_broadcast(0))


cdef void window_phases_f64(const WindowTransform* transform, void* spectrum, double* counts) noexcept nogil:
    window_phases(transform, <double*> spectrum, counts, f64v_broadcast(0))


cdef void window_sums_f32(const WindowTransform* transform, void* spectrum, const double* scales, Py_ssize_t n_pairs,
                          void* sums, Py_ssize_t pitch, void* points) noexcept nogil:
    window_sums(transform, <float*> spectrum, scales, n_pairs, <float*> sums, pitch, <float*> points,
                f32v_broadcast(0))


cdef void window_sums_f64(const WindowTransform* transform, void* spectrum, const double* scales, Py_ssize_t n_pairs,
                          void* sums, Py_ssize_t pitch, void* points) noexcept nogil:
    window_sums(transform, <double*> spectrum, scales, n_pairs, <double*> sums, pitch, <double*> points,
                f64v_broadcast(0))

# Transforms of whole planes of real numbers, of which half of the frequencies say all, and products of their spectra.
#
# Lanes run over neighbouring columns first. Two blocks of columns are the real and the imaginary part of one transform
# down the columns, and are taken apart by its frequencies k and -k: rows of frequencies beyond half the height are not
# kept. Then lanes run over neighbouring ones of these rows, and lines of points are transformed along them. The way
# back is the same in reverse: no part of a transform is a zero.

from libc.math cimport sqrt, sqrtf
from libc.string cimport memset

from microkernels cimport real
from simd cimport f32v_broadcast, f64v_broadcast
from transforms cimport Kept, MOST_PAIRS, PlaneTransform
from vectors cimport broadcast, n_lanes, scaled, transpose_vectors, vector


cdef inline vector some_of(const real* row, Py_ssize_t n, vector like) noexcept nogil:
    """The first elements of a vector, and zeros."""
    cdef vector found = broadcast(a_zero, like)
    if n >= n_lanes(like):
        return (<const vector*> row)[0]
    if n > 0:
        memcpy(&found, row, n * sizeof(real))
    return found


cdef inline void take_columns(const PlaneTransform* transform, const real* plane, Py_ssize_t n_rows,
                              Py_ssize_t n_columns, real mean, Py_ssize_t first, Py_ssize_t n, real* points,
                              vector like) noexcept nogil:
    """Some pairs of blocks of columns less the mean, halved; what lies beyond the plane is zero.

    Two of each are added where they are taken apart, hence the halves. There is one way for planes with and without a
    mean: a first pass that takes them from elsewhere might contract other products.
    """
    cdef Py_ssize_t lanes = n_lanes(like), height = transform.down.n_points, row, pair, left
    cdef vector middle = broadcast(a_zero, like) + broadcast(mean, like)
    cdef const vector* source
    cdef vector* target
    for row in range(n_rows):
        for pair in range(n):
            left = n_columns - 2 * (first + pair) * lanes
            source = <const vector*> (plane + 2 * (first + pair) * lanes)
            target = <vector*> (points + 2 * (pair * height + row) * lanes)
            if left >= 2 * lanes:
                target[0] = scaled(0.5, source[0] - middle)
                target[1] = scaled(0.5, source[1] - middle)
            elif left > 0:  # nothing is taken off what is not there
                target[0] = some_of(<const real*> source, left, like) - some_of(<const real*> &middle, left, like)
                target[1] = some_of(<const real*> (source + 1), left - lanes, like) - some_of(
                    <const real*> &middle, left - lanes, like)
                target[0], target[1] = scaled(0.5, target[0]), scaled(0.5, target[1])
        plane += n_columns
    for pair in range(n):
        row = n_rows if n_columns > 2 * (first + pair) * lanes else 0
        memset(points + 2 * (pair * height + row) * lanes, 0, 2 * (height - row) * lanes * sizeof(real))


cdef void put_block(vector* re, vector* im, real* line, Py_ssize_t n, vector like) noexcept nogil:
    """Rows of frequencies turned: as many columns of them as are wanted. Not inline: its turns are long; so below."""
    cdef Py_ssize_t index, lanes = n_lanes(like)
    transpose_vectors(re, like)
    transpose_vectors(im, like)
    if n >= lanes:
        for index in range(lanes):
            (<vector*> line)[2 * index], (<vector*> line)[2 * index + 1] = re[index], im[index]
        return
    for index in range(n):
        (<vector*> line)[2 * index], (<vector*> line)[2 * index + 1] = re[index], im[index]


cdef inline void take_apart(const PlaneTransform* transform, const real* points, Py_ssize_t group, real* line,
                            Py_ssize_t n, vector like) noexcept nogil:
    """A group of rows of frequencies of two blocks of columns, from what both are the two parts of."""
    cdef Py_ssize_t lanes = n_lanes(like), height = transform.down.n_points, index, row, place, other
    cdef vector[16] re_a, im_a, re_b, im_b
    cdef vector re, im, re_other, im_other, zero = broadcast(a_zero, like)
    for index in range(lanes):
        row = group * lanes + index
        if 2 * row > height:
            re_a[index] = im_a[index] = re_b[index] = im_b[index] = zero
            continue
        place, other = transform.places[row], transform.places[height - row if row > 0 else 0]
        re, im = (<const vector*> points)[2 * place], (<const vector*> points)[2 * place + 1]
        re_other, im_other = (<const vector*> points)[2 * other], (<const vector*> points)[2 * other + 1]
        re_a[index], im_a[index] = re + re_other, im - im_other
        re_b[index], im_b[index] = im + im_other, re_other - re
    put_block(re_a, im_a, line, n, like)
    put_block(re_b, im_b, line + 2 * lanes * lanes, n - lanes, like)


cdef inline void plane_columns(const PlaneTransform* transform, const real* plane, Py_ssize_t n_rows,
                               Py_ssize_t n_columns, real mean, real* spectrum, real* points, Py_ssize_t first,
                               Py_ssize_t end, vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), width = transform.across.n_points, n, pair, group, column
    cdef Py_ssize_t size = 2 * lanes * transform.down.n_points
    while first < end:
        n = min(transform.at_once, end - first)
        take_columns(transform, plane, n_rows, n_columns, mean, first, n, points, like)
        for pair in range(n):
            if 2 * (first + pair) * lanes < n_columns:
                forward_passes(&transform.down, &nowhere, points + pair * size, IN_PLACE, like)
        for group in range(transform.groups):
            for pair in range(n):
                column = 2 * (first + pair) * lanes
                take_apart(transform, points + pair * size, group, spectrum + 2 * lanes * (group * width + column),
                           width - column, like)
        first += n


cdef inline void plane_lines(const PlaneTransform* transform, real* spectrum, Py_ssize_t first, Py_ssize_t end,
                             bint backward, vector like) noexcept nogil:
    cdef Py_ssize_t line = 2 * n_lanes(like) * transform.across.n_points, group
    for group in range(first, end):
        if backward:
            backward_passes(&transform.across, &nowhere, spectrum + group * line, False, like)
        else:
            forward_passes(&transform.across, &nowhere, spectrum + group * line, IN_PLACE, like)


cdef void take_block(const real* line, Py_ssize_t n, vector* re, vector* im, vector like) noexcept nogil:
    """Rows of frequencies from columns of them."""
    cdef Py_ssize_t index, lanes = n_lanes(like)
    if n >= lanes:
        for index in range(lanes):
            re[index], im[index] = (<const vector*> line)[2 * index], (<const vector*> line)[2 * index + 1]
    else:
        for index in range(lanes):
            re[index] = im[index] = broadcast(a_zero, like)
        for index in range(n):
            re[index], im[index] = (<const vector*> line)[2 * index], (<const vector*> line)[2 * index + 1]
    transpose_vectors(re, like)
    transpose_vectors(im, like)


cdef inline void put_together(const PlaneTransform* transform, const real* line, Py_ssize_t n, Py_ssize_t group,
                              real* points, vector like) noexcept nogil:
    """What two blocks of columns of a group of rows of frequencies are the two parts of."""
    cdef Py_ssize_t lanes = n_lanes(like), height = transform.down.n_points, index, row, place, other
    cdef vector[16] re_a, im_a, re_b, im_b
    take_block(line, n, re_a, im_a, like)
    take_block(line + 2 * lanes * lanes, n - lanes, re_b, im_b, like)
    for index in range(lanes):
        row = group * lanes + index
        if 2 * row > height:
            return
        place = transform.places[row]
        if row == 0 or 2 * row == height:  # of real numbers
            (<vector*> points)[2 * place], (<vector*> points)[2 * place + 1] = re_a[index], re_b[index]
            continue
        other = transform.places[height - row]
        (<vector*> points)[2 * place] = re_a[index] - im_b[index]
        (<vector*> points)[2 * place + 1] = im_a[index] + re_b[index]
        (<vector*> points)[2 * other] = re_a[index] + im_b[index]
        (<vector*> points)[2 * other + 1] = re_b[index] - im_a[index]


cdef inline void plane_back(const PlaneTransform* transform, const real* spectrum, const Kept* kept, real* plane,
                            real* points, Py_ssize_t first, Py_ssize_t end, vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), width = transform.across.n_points, n, pair, group, column
    cdef Py_ssize_t size = 2 * lanes * transform.down.n_points
    cdef bint[MOST_PAIRS] wanted
    while first < end:
        n = min(transform.at_once, end - first)
        for pair in range(n):
            wanted[pair] = is_kept(kept, 2 * (first + pair) * lanes, 2 * lanes, width)
        for group in range(transform.groups):
            for pair in range(n):
                if wanted[pair]:
                    column = 2 * (first + pair) * lanes
                    put_together(transform, spectrum + 2 * lanes * (group * width + column), width - column, group,
                                 points + pair * size, like)
        for pair in range(n):
            if wanted[pair]:
                backward_passes(&transform.down, &nowhere, points + pair * size, False, like)
        put_kept(transform, kept, points, first, n, wanted, plane, like)
        first += n


cdef inline Py_ssize_t around(Py_ssize_t place, Py_ssize_t size) noexcept nogil:
    """A place of a circle that is at most once around it, in either direction."""
    return place + size if place < 0 else place - size if place >= size else place


cdef inline bint is_kept(const Kept* kept, Py_ssize_t column, Py_ssize_t n, Py_ssize_t width) noexcept nogil:
    """Whether one of some columns is."""
    cdef Py_ssize_t index
    for index in range(n):
        if column + index < width and around(column + index - kept.first_column, width) < kept.n_columns:
            return True
    return False


cdef inline void put_kept(const PlaneTransform* transform, const Kept* kept, const real* points, Py_ssize_t first,
                          Py_ssize_t n, const bint* wanted, real* plane, vector like) noexcept nogil:
    """The wanted of some pairs of blocks into the plane of columns that are kept, multiplied by the scale."""
    cdef Py_ssize_t lanes = n_lanes(like), height = transform.down.n_points, width = transform.across.n_points
    cdef Py_ssize_t row, place, pair, block, column, target, lane
    cdef vector value
    for row in range(kept.n_rows):
        place = around(kept.first_row + row, height)
        for pair in range(n):
            if not wanted[pair]:
                continue
            for block in range(2):
                column = (2 * (first + pair) + block) * lanes
                target = around(column - kept.first_column, width)
                value = scaled(kept.scale, (<const vector*> points)[2 * (pair * height + place) + block])
                if target + lanes <= kept.n_columns and column + lanes <= width:
                    (<vector*> (plane + target))[0] = value
                    continue
                for lane in range(min(lanes, width - column)):
                    if around(target + lane, width) < kept.n_columns:
                        plane[around(target + lane, width)] = (<const real*> &value)[lane]
        plane += kept.n_columns


# --- what is made of spectra ------------------------------------------------------------------------------------------


cdef inline void multiply_spectra(const real* a, const real* b, real* product, Py_ssize_t n_points, bint add,
                                  vector like) noexcept nogil:
    cdef Py_ssize_t place
    cdef vector re, im, re_a, im_a, re_b, im_b
    for place in range(n_points):
        re_a, im_a = (<const vector*> a)[2 * place], (<const vector*> a)[2 * place + 1]
        re_b, im_b = (<const vector*> b)[2 * place], (<const vector*> b)[2 * place + 1]
        re = re_a * re_b + im_a * im_b
        im = im_a * re_b - re_a * im_b
        if add:
            re = re + (<vector*> product)[2 * place]
            im = im + (<vector*> product)[2 * place + 1]
        (<vector*> product)[2 * place] = re
        (<vector*> product)[2 * place + 1] = im


cdef inline real root(real square) noexcept nogil:
    if real is float:
        return sqrtf(square)
    else:
        return sqrt(square)


cdef inline double plane_phases(const PlaneTransform* transform, real* spectrum, real share, bint keeps_mean,
                                vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), line = 2 * n_lanes(like) * transform.across.n_points
    cdef Py_ssize_t group, place, lane, row
    cdef real[16] most, counts
    cdef real power, least, factor
    cdef double count = 0
    cdef real* point
    for lane in range(lanes):
        most[lane] = 0
    if not keeps_mean:
        spectrum[0] = spectrum[lanes] = 0
    for place in range(transform.groups * transform.across.n_points):
        point = spectrum + 2 * place * lanes
        for lane in range(lanes):
            power = point[lane] * point[lane] + point[lanes + lane] * point[lanes + lane]
            most[lane] = power if power > most[lane] else most[lane]
    least = most[0]
    for lane in range(1, lanes):
        least = max(least, most[lane])
    least = least * (share * share)
    if least == 0:
        least = <real> (2.0**-149 if real is float else 2.0**-1074)
    for group in range(transform.groups):
        for lane in range(lanes):
            counts[lane] = 0
        for place in range(transform.across.n_points):
            point = spectrum + group * line + 2 * place * lanes
            for lane in range(lanes):
                power = point[lane] * point[lane] + point[lanes + lane] * point[lanes + lane]
                factor = 1 / root(power) if power >= least else 0
                counts[lane] += 1 if power >= least else 0
                point[lane] *= factor
                point[lanes + lane] *= factor
        for lane in range(lanes):
            row = group * lanes + lane
            count += counts[lane] if row == 0 or 2 * row == transform.down.n_points else 2 * counts[lane]
    return count


cdef void plane_columns_f32(const PlaneTransform* transform, const void* plane, Py_ssize_t n_rows, Py_ssize_t n_columns,
                            double mean, void* spectrum, void* points, Py_ssize_t first,
                            Py_ssize_t end) noexcept nogil:
    plane_columns(transform, <const float*> plane, n_rows, n_columns, <float> mean, <float*> spectrum, <float*> points,
                  first, end, f32v_broadcast(0))


cdef void plane_columns_f64(const PlaneTransform* transform, const void* plane, Py_ssize_t n_rows, Py_ssize_t n_columns,
                            double mean, void* spectrum, void* points, Py_ssize_t first,
                            Py_ssize_t end) noexcept nogil:
    plane_columns(transform, <const double*> plane, n_rows, n_columns, mean, <double*> spectrum, <double*> points,
                  first, end, f64v_broadcast(0))


cdef void plane_lines_f32(const PlaneTransform* transform, void* spectrum, Py_ssize_t first, Py_ssize_t end,
                          bint backward) noexcept nogil:
    plane_lines(transform, <float*> spectrum, first, end, backward, f32v_broadcast(0))


cdef void plane_lines_f64(const PlaneTransform* transform, void* spectrum, Py_ssize_t first, Py_ssize_t end,
                          bint backward) noexcept nogil:
    plane_lines(transform, <double*> spectrum, first, end, backward, f64v_broadcast(0))


cdef void plane_back_f32(const PlaneTransform* transform, const void* spectrum, const Kept* kept, void* plane,
                         void* points, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    plane_back(transform, <const float*> spectrum, kept, <float*> plane, <float*> points, first, end,
               f32v_broadcast(0))


cdef void plane_back_f64(const PlaneTransform* transform, const void* spectrum, const Kept* kept, void* plane,
                         void* points, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    plane_back(transform, <const double*> spectrum, kept, <double*> plane, <double*> points, first, end,
               f64v_broadcast(0))


cdef void multiply_spectra_f32(const void* a, const void* b, void* product, Py_ssize_t n_points,
                               bint add) noexcept nogil:
    multiply_spectra(<const float*> a, <const float*> b, <float*> product, n_points, add, f32v_broadcast(0))


cdef void multiply_spectra_f64(const void* a, const void* b, void* product, Py_ssize_t n_points,
                               bint add) noexcept nogil:
    multiply_spectra(<const double*> a, <const double*> b, <double*> product, n_points, add, f64v_broadcast(0))


cdef double plane_phases_f32(const PlaneTransform* transform, void* spectrum, double share,
                             bint keeps_mean) noexcept nogil:
    return plane_phases(transform, <float*> spectrum, <float> share, keeps_mean, f32v_broadcast(0))


cdef double plane_phases_f64(const PlaneTransform* transform, void* spectrum, double share,
                             bint keeps_mean) noexcept nogil:
    return plane_phases(transform, <double*> spectrum, <double> share, keeps_mean, f64v_broadcast(0))

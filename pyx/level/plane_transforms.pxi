# Transforms of whole planes of real numbers, of which half of the frequencies say all, and products of their spectra.
#
# Lanes run over neighbouring columns first. Two blocks of columns are the real and the imaginary part of one transform
# down the columns, and are taken apart by its frequencies k and -k: rows of frequencies beyond half the height are not
# kept. Then lanes run over neighbouring ones of these rows, and lines of points are transformed along them. The way
# back is the same in reverse: no part of a transform is a zero.

from libc.math cimport sqrt, sqrtf
from libc.string cimport memset

from microkernels cimport Kept, PlaneTransform, real
from simd cimport f32v_broadcast, f64v_broadcast
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
                              Py_ssize_t n_columns, real mean, Py_ssize_t column, real* points,
                              vector like) noexcept nogil:
    """The transform down two blocks of columns less the mean; what lies beyond the plane is zero.

    Two of each are added where they are taken apart, hence the halves. There is one way for planes with and without a
    mean: a first pass that takes them from elsewhere might contract other products.
    """
    cdef Py_ssize_t lanes = n_lanes(like), height = transform.down.n_points, row, left = n_columns - column
    cdef vector middle = broadcast(a_zero, like) + broadcast(mean, like)
    cdef vector re_middle = some_of(<const real*> &middle, left, like)  # nothing is taken off what is not there
    cdef vector im_middle = some_of(<const real*> &middle, left - lanes, like)
    plane += column
    for row in range(n_rows):
        if left >= 2 * lanes:
            (<vector*> points)[2 * row] = scaled(0.5, (<const vector*> plane)[0] - middle)
            (<vector*> points)[2 * row + 1] = scaled(0.5, (<const vector*> (plane + lanes))[0] - middle)
        else:
            (<vector*> points)[2 * row] = scaled(0.5, some_of(plane, left, like) - re_middle)
            (<vector*> points)[2 * row + 1] = scaled(0.5, some_of(plane + lanes, left - lanes, like) - im_middle)
        plane += n_columns
    memset(points + 2 * n_rows * lanes, 0, 2 * (height - n_rows) * lanes * sizeof(real))
    forward_passes(&transform.down, &nowhere, points, False, like)


cdef void put_block(vector* re, vector* im, real* line, Py_ssize_t n, vector like) noexcept nogil:
    """Rows of frequencies turned: as many columns of them as are wanted. Not inline: its turns are long; so below."""
    cdef Py_ssize_t index
    transpose_vectors(re, like)
    transpose_vectors(im, like)
    for index in range(min(n, n_lanes(like))):
        (<vector*> line)[2 * index] = re[index]
        (<vector*> line)[2 * index + 1] = im[index]


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
    cdef Py_ssize_t lanes = n_lanes(like), width = transform.across.n_points, pair, group, column
    for pair in range(first, end):
        column = 2 * pair * lanes
        if column < n_columns:
            take_columns(transform, plane, n_rows, n_columns, mean, column, points, like)
        else:
            memset(points, 0, 2 * transform.down.n_points * lanes * sizeof(real))
        for group in range(transform.groups):
            take_apart(transform, points, group, spectrum + 2 * lanes * (group * width + column), width - column, like)


cdef inline void plane_lines(const PlaneTransform* transform, real* spectrum, Py_ssize_t first, Py_ssize_t end,
                             bint backward, vector like) noexcept nogil:
    cdef Py_ssize_t line = 2 * n_lanes(like) * transform.across.n_points, group
    for group in range(first, end):
        if backward:
            backward_passes(&transform.across, &nowhere, spectrum + group * line, False, like)
        else:
            forward_passes(&transform.across, &nowhere, spectrum + group * line, False, like)


cdef void take_block(const real* line, Py_ssize_t n, vector* re, vector* im, vector like) noexcept nogil:
    """Rows of frequencies from columns of them."""
    cdef Py_ssize_t index
    for index in range(n_lanes(like)):
        re[index] = im[index] = broadcast(a_zero, like)
        if index < n:
            re[index] = (<const vector*> line)[2 * index]
            im[index] = (<const vector*> line)[2 * index + 1]
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
    cdef Py_ssize_t lanes = n_lanes(like), width = transform.across.n_points, pair, group, column
    for pair in range(first, end):
        column = 2 * pair * lanes
        if is_kept(kept, column, 2 * lanes, width):
            for group in range(transform.groups):
                put_together(transform, spectrum + 2 * lanes * (group * width + column), width - column, group, points,
                             like)
            backward_passes(&transform.down, &nowhere, points, False, like)
            put_kept(transform, kept, points, column, plane, like)


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


cdef inline void put_kept(const PlaneTransform* transform, const Kept* kept, const real* points, Py_ssize_t column,
                          real* plane, vector like) noexcept nogil:
    """Two blocks of columns of responses into the plane of those that are kept, multiplied by the scale."""
    cdef Py_ssize_t lanes = n_lanes(like), width = transform.across.n_points, row, block, first, target, lane
    cdef const vector* source
    cdef vector value
    for row in range(kept.n_rows):
        source = <const vector*> points + 2 * around(kept.first_row + row, transform.down.n_points)
        for block in range(2):
            first = column + block * lanes
            target = around(first - kept.first_column, width)
            value = scaled(kept.scale, source[block])
            if target + lanes <= kept.n_columns and first + lanes <= width:
                (<vector*> (plane + target))[0] = value
                continue
            for lane in range(min(lanes, width - first)):
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


cdef inline double plane_phases(const PlaneTransform* transform, real* spectrum, vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), line = 2 * n_lanes(like) * transform.across.n_points
    cdef Py_ssize_t group, place, lane, row
    cdef real[16] most, counts
    cdef real power, least, factor
    cdef real unit = <real> (2.0**-24 if real is float else 2.0**-53)
    cdef double count = 0
    cdef real* point
    for lane in range(lanes):
        most[lane] = 0
    spectrum[0] = spectrum[lanes] = 0
    for place in range(transform.groups * transform.across.n_points):
        point = spectrum + 2 * place * lanes
        for lane in range(lanes):
            power = point[lane] * point[lane] + point[lanes + lane] * point[lanes + lane]
            most[lane] = power if power > most[lane] else most[lane]
    least = most[0]
    for lane in range(1, lanes):
        least = max(least, most[lane])
    least = least * (unit * unit)
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


cdef double plane_phases_f32(const PlaneTransform* transform, void* spectrum) noexcept nogil:
    return plane_phases(transform, <float*> spectrum, f32v_broadcast(0))


cdef double plane_phases_f64(const PlaneTransform* transform, void* spectrum) noexcept nogil:
    return plane_phases(transform, <double*> spectrum, f64v_broadcast(0))

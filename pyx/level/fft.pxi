# Transforms of sections, by which large kernels are correlated: the spectrum of a response is the image's times the
# conjugate of the kernel's.
#
# Lanes run over neighbouring columns of one section: a transform down the columns has no shuffles, and real and
# imaginary parts are vectors of their own. Then blocks of lanes x lanes points are transposed in registers, and the
# second transform runs over what were columns. Forward passes decimate in frequency and backward passes in time
# (Gentleman and Sande, 1966; Cooley and Tukey, 1965), so that points never have to be put in order: the spectra are
# multiplied in the order that the passes leave. Lines of points stay in the first cache through all passes of one axis.
#
# Numbers are real, and half as many complex ones are transformed: the upper half of a section is the real part of its
# points and the lower half the imaginary one, and row y of n is turned by y / n of a quarter of a circle. That takes
# the section, as a polynomial in the row, modulo x^n - i, so that what leaves a section at its end comes back negative:
# it is negative-cyclic and, like what is cyclic, right for windows that lie inside (a weighted transform: Crandall and
# Fagin, "Discrete weighted transforms and large-integer arithmetic", Math. Comp. 62, 1994). Nothing has to be taken
# apart, and a section needs no other one beside it. The backward transform is the forward one with the two parts
# changed.

from libc.string cimport memcpy, memset

from microkernels cimport real
from simd cimport a_zero, f32v_broadcast, f64v_broadcast
from transforms cimport NOT_NEGATIVE, WHOLE, Fourier, Responses, ZeroSpan
from vectors cimport (
    broadcast, larger_lanes, n_lanes, scaled, smaller_lanes, store_lanes, times, transpose_vectors, vector
)

cdef enum:
    COLUMNS_PUT = 4         # vectors of columns of responses that are put into the array at once
    BLOCK_DEPTH = 4         # channels in a block of the sum of products
    POINTS_SUMMED = 32      # over all channels, one after the other

cdef inline void transpose_block(const real* source, real* target, vector like) noexcept nogil:
    """lanes x lanes of every second vector of `source` into every second of `target`."""
    cdef vector[16] rows
    cdef Py_ssize_t index, lanes = n_lanes(like)
    for index in range(lanes):
        rows[index] = (<const vector*> (source + 2 * index * lanes))[0]
    transpose_vectors(rows, like)
    for index in range(lanes):
        (<vector*> (target + 2 * index * lanes))[0] = rows[index]


cdef inline void transposed(const real* source, real* target, vector like) noexcept nogil:
    """Transpose both parts of a block."""
    transpose_block(source, target, like)
    transpose_block(source + n_lanes(like), target + n_lanes(like), like)


cdef inline void forward(const Fourier* fourier, const real* section, Py_ssize_t n_columns, real scale, real* spectrum,
                         real* points, vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), n_rows = fourier.height // 2, across, down, column
    cdef Py_ssize_t line = 2 * lanes * fourier.width  # elements of as many rows as there are lanes
    cdef real* turns = points + 2 * lanes * max(n_rows, fourier.width)
    cdef Source source
    source.pitch, source.turns = fourier.pitch, turns
    for down in range(2 * n_rows):
        turns[down] = scale * (<const real*> fourier.turns)[down]
    for across in range(fourier.width // lanes):
        column = across * lanes
        if column < n_columns:
            source.re, source.im = section + column, section + column + n_rows * fourier.pitch
            forward_passes(&fourier.down, &source, points, TURNED, like)
        elif column < n_columns + lanes:
            memset(points, 0, 2 * n_rows * lanes * sizeof(real))
        for down in range(n_rows // lanes):
            transposed(points + 2 * down * lanes * lanes, spectrum + down * line + 2 * column * lanes, like)
    for down in range(n_rows // lanes):
        forward_passes(&fourier.across, &source, spectrum + down * line, IN_PLACE, like)


cdef inline void add_products(const real* spectrum, const real* kernel, Py_ssize_t channel_pitch, Py_ssize_t n_points,
                              real* points, vector* lost, bint first, bint carried, Py_ssize_t n_blocks,
                              Py_ssize_t n_channels, vector like) noexcept nogil:
    """points (+)= the sum of some blocks of channels' products with the conjugate of the kernel's.

    Where `carried`, what the rounding of a total loses begins the next block's sum (Kahan, 1965).
    """
    cdef Py_ssize_t place, block, channel
    cdef vector re, im, re_image, im_image, re_kernel, im_kernel, re_total, im_total, re_lost, im_lost, re_new, im_new
    for place in range(n_points):
        re_total = im_total = re_lost = im_lost = broadcast(a_zero, like)
        if not first:
            re_total = (<const vector*> points)[2 * place]
            im_total = (<const vector*> points)[2 * place + 1]
            if carried:
                re_lost = lost[2 * place]
                im_lost = lost[2 * place + 1]
        for block in range(n_blocks):
            re, im = re_lost, im_lost
            for channel in range(block * n_channels, (block + 1) * n_channels):
                re_image = (<const vector*> (spectrum + channel * channel_pitch))[2 * place]
                im_image = (<const vector*> (spectrum + channel * channel_pitch))[2 * place + 1]
                re_kernel = (<const vector*> (kernel + channel * channel_pitch))[2 * place]
                im_kernel = (<const vector*> (kernel + channel * channel_pitch))[2 * place + 1]
                re = re + re_image * re_kernel + im_image * im_kernel
                im = im + im_image * re_kernel - re_image * im_kernel
            re_new = re_total + re
            im_new = im_total + im
            if carried:
                re_lost = re - (re_new - re_total)
                im_lost = im - (im_new - im_total)
            re_total, im_total = re_new, im_new
        (<vector*> points)[2 * place] = re_total
        (<vector*> points)[2 * place + 1] = im_total
        if carried:
            lost[2 * place] = re_lost
            lost[2 * place + 1] = im_lost


cdef inline void sum_of_products(const Fourier* fourier, const real* spectra, const real* kernel, real* points,
                                 bint carried, vector like) noexcept nogil:
    """The sum over all channels, two blocks at once, for some points, which stay in the first cache with their losses.

    Blocks and their order follow from the number of channels alone.
    """
    cdef vector[2 * POINTS_SUMMED] lost
    cdef Py_ssize_t pitch = fourier.height * fourier.width, place = 0, channel, n_points, n
    cdef const real* image
    cdef const real* own
    cdef bint first
    while place < fourier.width:
        n_points = min(POINTS_SUMMED, fourier.width - place)
        image = spectra + 2 * place * n_lanes(like)
        own = kernel + 2 * place * n_lanes(like)
        channel = 0
        while channel < fourier.depth:
            first = channel == 0
            n = min(2 * BLOCK_DEPTH, fourier.depth - channel)
            if n == 2 * BLOCK_DEPTH:
                add_products(image, own, pitch, n_points, points, <vector*> lost, first, carried, 2, BLOCK_DEPTH, like)
            elif n >= BLOCK_DEPTH:
                n = BLOCK_DEPTH
                add_products(image, own, pitch, n_points, points, <vector*> lost, first, carried, 1, BLOCK_DEPTH, like)
            elif n == 3:
                add_products(image, own, pitch, n_points, points, <vector*> lost, first, carried, 1, 3, like)
            elif n == 2:
                add_products(image, own, pitch, n_points, points, <vector*> lost, first, carried, 1, 2, like)
            else:
                add_products(image, own, pitch, n_points, points, <vector*> lost, first, carried, 1, 1, like)
            image += n * pitch
            own += n * pitch
            channel += n
        place += n_points
        points += 2 * n_points * n_lanes(like)


cdef inline void backward(const Fourier* fourier, const real* spectra, const real* kernel, const Responses* responses,
                          real* plane, real* points, vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), n_rows = fourier.height // 2, down, across, first
    cdef Py_ssize_t first_column = 0, end_column, n_columns = responses.n_columns
    cdef Py_ssize_t line = 2 * lanes * n_rows  # elements of as many columns as there are lanes
    cdef Source source
    for down in range(n_rows // lanes):
        first = 2 * down * lanes * fourier.width
        source.re, source.im = spectra + first, kernel + first
        if fourier.depth == 1:
            backward_passes(&fourier.across, &source, points, True, like)
        else:
            if fourier.depth > 2 * BLOCK_DEPTH:
                sum_of_products(fourier, spectra + first, kernel + first, points, True, like)
            else:
                sum_of_products(fourier, spectra + first, kernel + first, points, False, like)
            backward_passes(&fourier.across, &source, points, False, like)
        for across in range((n_columns + lanes - 1) // lanes):
            transposed(points + 2 * across * lanes * lanes, plane + across * line + 2 * down * lanes * lanes, like)
    while first_column < n_columns:
        end_column = min(first_column + COLUMNS_PUT * lanes, n_columns)
        for across in range(first_column // lanes, (end_column + lanes - 1) // lanes):
            backward_passes(&fourier.down, &source, plane + across * line, False, like)
        put_columns(fourier, responses, False, first_column, end_column, plane, like)
        put_columns(fourier, responses, True, first_column, end_column, plane, like)
        first_column = end_column
    put_zero_spans(responses, <real*> responses.target)


cdef inline void put_columns(const Fourier* fourier, const Responses* responses, bint lower, Py_ssize_t first_column,
                             Py_ssize_t end_column, const real* plane, vector like) noexcept nogil:
    """Some columns of the upper or the lower half of responses, row by row: lines of an array are filled while near."""
    cdef Py_ssize_t lanes = n_lanes(like), row, column, half = fourier.height // 2
    cdef Py_ssize_t line = fourier.height, n_rows = min(half, responses.n_rows), n_columns = responses.n_columns
    cdef Py_ssize_t end_whole = min(end_column, n_columns) // lanes * lanes
    cdef vector value, bias = broadcast((<const real*> responses.bias)[0], like), zero = broadcast(a_zero, like)
    cdef vector scale = zero + broadcast(<real> responses.scaled, like)
    cdef vector further = zero + broadcast(<real> responses.further, like)
    cdef vector whole = broadcast(<real> (12582912.0 if real is float else 6755399441055744.0), like)
    cdef real* target = <real*> responses.target
    cdef bint rounded = fourier.rounded or responses.kinds & WHOLE, from_zero = responses.kinds & NOT_NEGATIVE
    cdef const real* roots = <const real*> responses.roots
    cdef const real* turns = <const real*> fourier.turns
    cdef const vector* place
    cdef vector root, rest = zero, factor = broadcast(<real> responses.factor, like)
    cdef vector most = broadcast(<real> responses.most, like), least = broadcast(<real> -responses.most, like)
    if lower:
        n_rows = responses.n_rows - half
        target += half * responses.pitch
        if roots != NULL:
            roots += half * responses.roots_pitch
    for row in range(n_rows):
        column = first_column
        while column < n_columns and column < end_column:
            place = <const vector*> (plane + column * line + 2 * row * lanes)
            if lower:  # the imaginary part, turned back
                value = times(turns[2 * row], place[1]) - times(turns[2 * row + 1], place[0])
            else:
                value = times(turns[2 * row], place[0]) + times(turns[2 * row + 1], place[1])
            value = value * scale * further
            if rounded:
                value = (value + whole) - whole
            if from_zero:
                value = larger_lanes(value, zero)
            value = value + bias
            if roots != NULL:
                if column < end_whole:
                    root = (<const vector*> (roots + column))[0]
                else:
                    memcpy(&rest, roots + column, (n_columns - column) * sizeof(real))
                    root = rest
                value = value * (root * factor) + zero
                value = larger_lanes(least, smaller_lanes(most, value))
            if column < end_whole:
                (<vector*> (target + column))[0] = value
            else:
                store_lanes(target, value, column, n_columns)
            column += lanes
        target += responses.pitch
        if roots != NULL:
            roots += responses.roots_pitch


cdef inline void put_zero_spans(const Responses* responses, real* target) noexcept nogil:
    """Exactly the bias where windows are of zeros."""
    cdef Py_ssize_t index, column
    cdef const ZeroSpan* span
    for index in range(responses.n_zero_spans):
        span = &responses.zero_spans[index]
        for column in range(span.first, span.end):
            target[span.row * responses.pitch + column] = (<const real*> responses.bias)[0]


cdef void forward_f32(const Fourier* fourier, const void* section, Py_ssize_t n_columns, double scale, void* spectrum,
                      void* points) noexcept nogil:
    forward(fourier, <const float*> section, n_columns, <float> scale, <float*> spectrum, <float*> points,
            f32v_broadcast(0))


cdef void forward_f64(const Fourier* fourier, const void* section, Py_ssize_t n_columns, double scale, void* spectrum,
                      void* points) noexcept nogil:
    forward(fourier, <const double*> section, n_columns, scale, <double*> spectrum, <double*> points,
            f64v_broadcast(0))


cdef void backward_f32(const Fourier* fourier, const void* spectra, const void* kernel, const Responses* responses,
                       void* plane, void* points) noexcept nogil:
    backward(fourier, <const float*> spectra, <const float*> kernel, responses, <float*> plane, <float*> points,
             f32v_broadcast(0))


cdef void backward_f64(const Fourier* fourier, const void* spectra, const void* kernel, const Responses* responses,
                       void* plane, void* points) noexcept nogil:
    backward(fourier, <const double*> spectra, <const double*> kernel, responses, <double*> plane, <double*> points,
             f64v_broadcast(0))

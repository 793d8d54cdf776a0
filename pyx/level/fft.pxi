# Transforms of sections, by which large kernels are correlated: the spectrum of a response is the image's times the
# conjugate of the kernel's.
#
# Lanes run over neighbouring columns of one section: a transform down the columns has no shuffles, and real and
# imaginary parts are vectors of their own. Then blocks of lanes x lanes points are transposed in registers, and the
# second transform runs over what were columns. Forward passes decimate in frequency and backward passes in time
# (Gentleman and Sande, 1966; Cooley and Tukey, 1965), so that points never have to be put in order: the spectra are
# multiplied in the order that the passes leave. Lines of points stay in the first cache through all passes of one axis.
#
# Two sections of one image are the real and the imaginary part of one transform: kernels are real, so that both come
# back apart. The backward transform is the forward one with the two parts changed.

from libc.string cimport memset

from microkernels cimport Fourier, Responses, Transform, ZeroSpan, real
from simd cimport LARGEST_RADIX, a_zero, f32v_broadcast, f64v_broadcast, opaque
from vectors cimport broadcast, n_lanes, scaled, store_lanes, times, transpose_vectors, vector

cdef enum:
    COLUMNS_PUT = 4         # vectors of columns of responses that are put into the array at once
    BLOCK_DEPTH = 4         # channels in a block of the sum of products
    POINTS_SUMMED = 32      # over all channels, one after the other

# --- one pass ---------------------------------------------------------------------------------------------------------


cdef inline void points_2(vector* re, vector* im, Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    """The transform of points a and b, in their places; so below."""
    cdef vector re_a = re[a], im_a = im[a]
    re[a] = re_a + re[b]
    im[a] = im_a + im[b]
    re[b] = re_a - re[b]
    im[b] = im_a - im[b]


cdef inline void points_3(vector* re, vector* im, vector like) noexcept nogil:
    cdef vector re_sum = re[1] + re[2], im_sum = im[1] + im[2]
    cdef vector re_turn = scaled(0.86602540378443864676, re[1] - re[2])
    cdef vector im_turn = scaled(0.86602540378443864676, im[1] - im[2])
    cdef vector re_mean = re[0] - scaled(0.5, re_sum), im_mean = im[0] - scaled(0.5, im_sum)
    re[0] = re[0] + re_sum
    im[0] = im[0] + im_sum
    re[1] = re_mean + im_turn
    im[1] = im_mean - re_turn
    re[2] = re_mean - im_turn
    im[2] = im_mean + re_turn


cdef inline void points_4(vector* re, vector* im, Py_ssize_t a, vector like) noexcept nogil:
    """Transform of points a to a + 3."""
    cdef vector re_even, im_even, re_odd, im_odd
    points_2(re, im, a, a + 2)
    points_2(re, im, a + 1, a + 3)
    re_even, im_even, re_odd, im_odd = re[a + 2], im[a + 2], re[a + 3], im[a + 3]
    points_2(re, im, a, a + 1)
    re[a + 2] = re[a + 1]
    im[a + 2] = im[a + 1]
    re[a + 1] = re_even + im_odd
    im[a + 1] = im_even - re_odd
    re[a + 3] = re_even - im_odd
    im[a + 3] = im_even + re_odd


cdef inline void points_5(vector* re, vector* im, vector like) noexcept nogil:
    cdef double cosine = 0.30901699437494742410, cosine_2 = -0.80901699437494742410
    cdef double sine = 0.95105651629515357212, sine_2 = 0.58778525229247312917
    cdef vector re_1 = re[1] + re[4], im_1 = im[1] + im[4], re_2 = re[2] + re[3], im_2 = im[2] + im[3]
    cdef vector re_3 = re[1] - re[4], im_3 = im[1] - im[4], re_4 = re[2] - re[3], im_4 = im[2] - im[3]
    cdef vector re_mean = re[0] + scaled(cosine, re_1) + scaled(cosine_2, re_2)
    cdef vector im_mean = im[0] + scaled(cosine, im_1) + scaled(cosine_2, im_2)
    cdef vector re_mean_2 = re[0] + scaled(cosine_2, re_1) + scaled(cosine, re_2)
    cdef vector im_mean_2 = im[0] + scaled(cosine_2, im_1) + scaled(cosine, im_2)
    cdef vector re_turn = scaled(sine, re_3) + scaled(sine_2, re_4)
    cdef vector im_turn = scaled(sine, im_3) + scaled(sine_2, im_4)
    cdef vector re_turn_2 = scaled(sine_2, re_3) - scaled(sine, re_4)
    cdef vector im_turn_2 = scaled(sine_2, im_3) - scaled(sine, im_4)
    re[0] = re[0] + re_1 + re_2
    im[0] = im[0] + im_1 + im_2
    re[1] = re_mean + im_turn
    im[1] = im_mean - re_turn
    re[4] = re_mean - im_turn
    im[4] = im_mean + re_turn
    re[2] = re_mean_2 + im_turn_2
    im[2] = im_mean_2 - re_turn_2
    re[3] = re_mean_2 - im_turn_2
    im[3] = im_mean_2 + re_turn_2


cdef inline void points_8(vector* re, vector* im, vector like) noexcept nogil:
    """Even ones are left at 0 to 3, odd ones at 4 to 7."""
    cdef Py_ssize_t index
    cdef vector re_1, im_1
    for index in range(4):
        points_2(re, im, index, index + 4)
    re_1, im_1 = re[5], im[5]
    re[5] = scaled(0.70710678118654752440, re_1 + im_1)
    im[5] = scaled(0.70710678118654752440, im_1 - re_1)
    re_1, im_1 = re[6], im[6]
    re[6] = im_1
    im[6] = -re_1
    re_1, im_1 = re[7], im[7]
    re[7] = scaled(0.70710678118654752440, im_1 - re_1)
    im[7] = scaled(-0.70710678118654752440, im_1 + re_1)
    points_4(re, im, 0, like)
    points_4(re, im, 4, like)


cdef inline Py_ssize_t left_at(Py_ssize_t point, Py_ssize_t radix) noexcept nogil:
    """The place where a point of a small transform is left."""
    return point // 2 + point % 2 * 4 if radix == 8 else point


cdef inline void small_transform(vector* re, vector* im, Py_ssize_t radix, vector like) noexcept nogil:
    if radix == 2:
        points_2(re, im, 0, 1)
    elif radix == 3:
        points_3(re, im, like)
    elif radix == 4:
        points_4(re, im, 0, like)
    elif radix == 5:
        points_5(re, im, like)
    elif radix == 8:
        points_8(re, im, like)


cdef inline void turn(vector* re, vector* im, Py_ssize_t place, const real* twiddle) noexcept nogil:
    """Times cosine - i sine."""
    cdef vector re_before = re[place]
    re[place] = times(twiddle[0], re_before) + times(twiddle[1], im[place])
    im[place] = times(twiddle[0], im[place]) - times(twiddle[1], re_before)


# Where the points of a pass come from.
cdef enum Origin:
    IN_PLACE, SCALED, MULTIPLIED

cdef struct Source:
    const void* re          # SCALED: of each line of points; MULTIPLIED: the image's spectrum
    const void* im          # SCALED: the same; MULTIPLIED: the kernel's
    Py_ssize_t pitch        # SCALED: from a point to the next
    double re_scale
    double im_scale


cdef inline void load_point(const Source* source, const real* points, Py_ssize_t place, vector* re, vector* im,
                            int origin, vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like)
    cdef vector re_image, im_image, re_kernel, im_kernel
    if origin == IN_PLACE:
        re[0] = (<const vector*> (points + 2 * place * lanes))[0]
        im[0] = (<const vector*> (points + (2 * place + 1) * lanes))[0]
    elif origin == SCALED:
        re[0] = scaled(source.re_scale, (<const vector*> (<const real*> source.re + place * source.pitch))[0])
        im[0] = scaled(source.im_scale, (<const vector*> (<const real*> source.im + place * source.pitch))[0])
    else:
        re_image = (<const vector*> (<const real*> source.re + 2 * place * lanes))[0]
        im_image = (<const vector*> (<const real*> source.re + (2 * place + 1) * lanes))[0]
        re_kernel = (<const vector*> (<const real*> source.im + 2 * place * lanes))[0]
        im_kernel = (<const vector*> (<const real*> source.im + (2 * place + 1) * lanes))[0]
        re[0] = re_image * re_kernel + im_image * im_kernel
        im[0] = im_image * re_kernel - re_image * im_kernel


cdef inline void butterflies(const Source* source, real* points, Py_ssize_t first, Py_ssize_t n_points, Py_ssize_t n,
                             const real* twiddles, Py_ssize_t radix, bint turned, bint backward, int origin,
                             vector like) noexcept nogil:
    """Butterflies of one pass that begin at `first` and every `n` points from there on, with the same twiddles."""
    cdef vector[8] re, im
    cdef Py_ssize_t index, place, lanes = n_lanes(like), pitch = n // radix
    cdef const real* own
    while first < n_points:
        own = <const real*> opaque(twiddles)
        for index in range(radix):
            load_point(source, points, first + index * pitch, &re[index], &im[index], origin, like)
            if backward and turned and index > 0:
                turn(im, re, index, own + 2 * (index - 1))
        if backward:
            small_transform(im, re, radix, like)
        else:
            small_transform(re, im, radix, like)
        for index in range(radix):
            place = left_at(index, radix)
            if not backward and turned and index > 0:
                turn(re, im, place, own + 2 * (index - 1))
            (<vector*> (points + 2 * (first + index * pitch) * lanes))[0] = re[place]
            (<vector*> (points + (2 * (first + index * pitch) + 1) * lanes))[0] = im[place]
        first += n


cdef inline void one_pass(const Source* source, real* points, Py_ssize_t n_points, Py_ssize_t n, const real* twiddles,
                          Py_ssize_t radix, bint backward, int origin, vector like) noexcept nogil:
    """All butterflies of a pass over blocks of `n` points."""
    cdef Py_ssize_t first
    butterflies(source, points, 0, n_points, n, twiddles, radix, False, backward, origin, like)
    for first in range(1, n // radix):
        butterflies(source, points, first, n_points, n, twiddles + 2 * (first - 1) * (radix - 1), radix, True,
                    backward, origin, like)


cdef inline void pass_of(const Source* source, real* points, Py_ssize_t n_points, Py_ssize_t n, const real* twiddles,
                         Py_ssize_t radix, bint backward, int origin, vector like) noexcept nogil:
    if radix == 8 and LARGEST_RADIX == 8:
        one_pass(source, points, n_points, n, twiddles, 8, backward, origin, like)
    elif radix == 4:
        one_pass(source, points, n_points, n, twiddles, 4, backward, origin, like)
    elif radix == 2:
        one_pass(source, points, n_points, n, twiddles, 2, backward, origin, like)
    elif radix == 3:
        one_pass(source, points, n_points, n, twiddles, 3, backward, origin, like)
    elif radix == 5:
        one_pass(source, points, n_points, n, twiddles, 5, backward, origin, like)
    elif origin != IN_PLACE:
        one_pass(source, points, n_points, 1, twiddles, 1, backward, origin, like)


cdef void any_pass(const Source* source, real* points, Py_ssize_t n_points, Py_ssize_t n, const real* twiddles,
                   Py_ssize_t radix, bint backward, int origin, vector like) noexcept nogil:
    """Not inline: what is literal below is compiled once."""
    if origin == IN_PLACE:
        if backward:
            pass_of(source, points, n_points, n, twiddles, radix, True, IN_PLACE, like)
        else:
            pass_of(source, points, n_points, n, twiddles, radix, False, IN_PLACE, like)
    elif origin == SCALED:
        pass_of(source, points, n_points, n, twiddles, radix, False, SCALED, like)
    else:
        pass_of(source, points, n_points, n, twiddles, radix, True, MULTIPLIED, like)


cdef inline void forward_passes(const Transform* transform, const Source* source, real* points, bint scale,
                                vector like) noexcept nogil:
    """A line of points into its spectrum; with `scale` they come from `source`."""
    cdef Py_ssize_t index, radix, n = transform.n_points
    cdef const real* twiddles = <const real*> transform.twiddles
    for index in range(transform.n_radices):
        radix = transform.radices[index]
        if index == 0 and scale:
            any_pass(source, points, transform.n_points, n, twiddles, radix, False, SCALED, like)
        else:
            any_pass(source, points, transform.n_points, n, twiddles, radix, False, IN_PLACE, like)
        twiddles += 2 * (n // radix - 1) * (radix - 1)
        n //= radix


cdef inline void backward_passes(const Transform* transform, const Source* source, real* points, bint multiply,
                                 vector like) noexcept nogil:
    """The way back, without division by the number of points; with `multiply` they are the product of `source`."""
    cdef Py_ssize_t index, radix, n = 1
    cdef const real* twiddles = <const real*> transform.twiddles
    for index in range(transform.n_radices):
        n *= transform.radices[index]
        twiddles += 2 * (transform.n_points // n - 1) * (transform.radices[index] - 1)
    n = 1
    for index in range(transform.n_radices - 1, -1, -1):
        radix = transform.radices[index]
        n *= radix
        twiddles -= 2 * (n // radix - 1) * (radix - 1)
        if multiply and index == transform.n_radices - 1:
            any_pass(source, points, transform.n_points, n, twiddles, radix, True, MULTIPLIED, like)
        else:
            any_pass(source, points, transform.n_points, n, twiddles, radix, True, IN_PLACE, like)


# --- both axes --------------------------------------------------------------------------------------------------------


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


cdef inline void forward(const Fourier* fourier, const real* first, const real* second, Py_ssize_t pitch,
                         Py_ssize_t n_columns, real first_scale, real second_scale, real* spectrum, real* points,
                         vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), across, down, column
    cdef Py_ssize_t line = 2 * lanes * fourier.width  # elements of as many rows as there are lanes
    cdef Source source
    source.pitch = pitch
    source.re_scale, source.im_scale = first_scale, second_scale
    for across in range(fourier.width // lanes):
        column = across * lanes
        if column < n_columns:
            source.re, source.im = first + column, second + column
            forward_passes(&fourier.down, &source, points, True, like)
        elif column < n_columns + lanes:
            memset(points, 0, 2 * fourier.height * lanes * sizeof(real))
        for down in range(fourier.height // lanes):
            transposed(points + 2 * down * lanes * lanes, spectrum + down * line + 2 * column * lanes, like)
    for down in range(fourier.height // lanes):
        forward_passes(&fourier.across, &source, spectrum + down * line, False, like)


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
    cdef Py_ssize_t pitch = 2 * fourier.height * fourier.width, place = 0, channel, n_points, n
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
    cdef Py_ssize_t lanes = n_lanes(like), down, across, first, part, first_column = 0, end_column
    cdef Py_ssize_t n_columns = max(responses.n_columns[0], responses.n_columns[1])
    cdef Py_ssize_t line = 2 * lanes * fourier.height  # elements of as many columns as there are lanes
    cdef Source source
    for down in range(fourier.height // lanes):
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
        for part in range(2):
            if responses.targets[part] != NULL:
                put_columns(fourier, responses, part, first_column, end_column, plane, like)
        first_column = end_column
    for part in range(2):
        if responses.targets[part] != NULL:
            put_zero_spans(responses, part, <real*> responses.targets[part])


cdef inline void put_columns(const Fourier* fourier, const Responses* responses, Py_ssize_t part,
                             Py_ssize_t first_column, Py_ssize_t end_column, const real* plane,
                             vector like) noexcept nogil:
    """One of the two parts of some columns of responses, row by row: lines of an array are filled while near."""
    cdef Py_ssize_t lanes = n_lanes(like), row, column
    cdef Py_ssize_t line = 2 * fourier.height
    cdef vector value, bias = broadcast((<const real*> responses.bias)[0], like), zero = broadcast(a_zero, like)
    cdef vector scale = zero + broadcast(<real> responses.scaled[part], like)
    cdef vector further = zero + broadcast(<real> responses.further[part], like)
    cdef vector whole = broadcast(<real> 6755399441055744.0, like)  # 3 * 2**51, whose last bit counts ones
    cdef real* target = <real*> responses.targets[part]
    cdef Py_ssize_t n_columns = responses.n_columns[part]
    cdef Py_ssize_t end_whole = min(end_column, n_columns) // lanes * lanes
    cdef bint rounded = fourier.rounded
    plane += part * lanes
    for row in range(responses.n_rows[part]):
        column = first_column
        while column < n_columns and column < end_column:
            value = (<const vector*> (plane + column * line + 2 * row * lanes))[0] * scale * further
            if rounded:
                value = (value + whole) - whole
            value = value + bias
            if column < end_whole:
                (<vector*> (target + column))[0] = value
            else:
                store_lanes(target, value, column, n_columns)
            column += lanes
        target += responses.pitch


cdef inline void put_zero_spans(const Responses* responses, Py_ssize_t part, real* target) noexcept nogil:
    """Exactly the bias where windows are of zeros."""
    cdef Py_ssize_t index, column
    cdef const ZeroSpan* span
    for index in range(responses.n_zero_spans[part]):
        span = &responses.zero_spans[part][index]
        for column in range(span.first, span.end):
            target[span.row * responses.pitch + column] = (<const real*> responses.bias)[0]


cdef void forward_f32(const Fourier* fourier, const void* first, const void* second, Py_ssize_t pitch,
                      Py_ssize_t n_columns, double first_scale, double second_scale, void* spectrum,
                      void* points) noexcept nogil:
    forward(fourier, <const float*> first, <const float*> second, pitch, n_columns, <float> first_scale,
            <float> second_scale, <float*> spectrum, <float*> points, f32v_broadcast(0))


cdef void forward_f64(const Fourier* fourier, const void* first, const void* second, Py_ssize_t pitch,
                      Py_ssize_t n_columns, double first_scale, double second_scale, void* spectrum,
                      void* points) noexcept nogil:
    forward(fourier, <const double*> first, <const double*> second, pitch, n_columns, first_scale, second_scale,
            <double*> spectrum, <double*> points, f64v_broadcast(0))


cdef void backward_f32(const Fourier* fourier, const void* spectra, const void* kernel, const Responses* responses,
                       void* plane, void* points) noexcept nogil:
    backward(fourier, <const float*> spectra, <const float*> kernel, responses, <float*> plane, <float*> points,
             f32v_broadcast(0))


cdef void backward_f64(const Fourier* fourier, const void* spectra, const void* kernel, const Responses* responses,
                       void* plane, void* points) noexcept nogil:
    backward(fourier, <const double*> spectra, <const double*> kernel, responses, <double*> plane, <double*> points,
             f64v_broadcast(0))

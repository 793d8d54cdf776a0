# The passes of a transform along one axis: radices 2, 3, 4, 5 and 8, forwards and backwards, with the lanes over lines.

from microkernels cimport real
from simd cimport LARGEST_RADIX, opaque
from transforms cimport Transform
from vectors cimport n_lanes, times, vector

cdef enum:
    BLOCK_BYTES = 1 << 14  # of points whose last passes follow on each other in the first cache, beside the twiddles


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
    IN_PLACE, APART, TURNED, MULTIPLIED

cdef struct Source:
    const void* re          # APART, TURNED: of each line of points; MULTIPLIED: the image's spectrum
    const void* im          # APART, TURNED: the same; MULTIPLIED: the kernel's
    Py_ssize_t pitch        # APART, TURNED: from a point to the next
    const void* turns       # TURNED: the cosine and the sine of each point

cdef Source nowhere  # zeros: a part is never imported


cdef inline void load_point(const Source* source, const real* points, Py_ssize_t place, vector* re, vector* im,
                            int origin, vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like)
    cdef vector re_image, im_image, re_kernel, im_kernel
    if origin == IN_PLACE:
        re[0] = (<const vector*> (points + 2 * place * lanes))[0]
        im[0] = (<const vector*> (points + (2 * place + 1) * lanes))[0]
    elif origin == APART or origin == TURNED:
        re[0] = (<const vector*> (<const real*> source.re + place * source.pitch))[0]
        im[0] = (<const vector*> (<const real*> source.im + place * source.pitch))[0]
        if origin == TURNED:  # times cosine + i sine
            turn(im, re, 0, <const real*> source.turns + 2 * place)
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
    elif origin == APART:
        pass_of(source, points, n_points, n, twiddles, radix, False, APART, like)
    elif origin == TURNED:
        pass_of(source, points, n_points, n, twiddles, radix, False, TURNED, like)
    else:
        pass_of(source, points, n_points, n, twiddles, radix, True, MULTIPLIED, like)


cdef inline Py_ssize_t passes_over_all(const Transform* transform, vector like) noexcept nogil:
    """How many of the forward passes go over all points, until what is left of them are blocks that stay in a cache."""
    cdef Py_ssize_t index = 0, n_bytes = 2 * transform.n_points * <Py_ssize_t> sizeof(vector)
    while n_bytes > BLOCK_BYTES and index < transform.n_radices - 1:
        n_bytes //= transform.radices[index]
        index += 1
    return index


cdef void forward_passes(const Transform* transform, const Source* source, real* points, int origin,
                         vector like) noexcept nogil:
    """A line of points into its spectrum; they are in their place, or come from `source`."""
    cdef Py_ssize_t index, radix, n = transform.n_points, block, n_over_all = passes_over_all(transform, like)
    cdef Py_ssize_t n_rest, n_block
    cdef const real* twiddles = <const real*> transform.twiddles
    cdef const real* rest
    for index in range(n_over_all):
        radix = transform.radices[index]
        any_pass(source, points, transform.n_points, n, twiddles, radix, False, origin if index == 0 else IN_PLACE,
                 like)
        twiddles += 2 * (n // radix - 1) * (radix - 1)
        n //= radix
    n_block = n
    for block in range(transform.n_points // n_block):
        rest, n_rest = twiddles, n_block
        for index in range(n_over_all, transform.n_radices):
            radix = transform.radices[index]
            any_pass(source, points, n_block, n_rest, rest, radix, False, origin if index == 0 else IN_PLACE, like)
            rest += 2 * (n_rest // radix - 1) * (radix - 1)
            n_rest //= radix
        points += 2 * n_block * n_lanes(like)


cdef void backward_passes(const Transform* transform, const Source* source, real* points, bint multiply,
                          vector like) noexcept nogil:
    """The way back, without division by the number of points; with `multiply` they are the product of `source`."""
    cdef Py_ssize_t index, radix, n = 1, n_block = transform.n_points, n_over_all = passes_over_all(transform, like)
    cdef Py_ssize_t block, lanes = n_lanes(like)
    cdef const real* twiddles = <const real*> transform.twiddles
    cdef const real* rest = twiddles
    cdef Source own = source[0]
    for index in range(transform.n_radices):
        n *= transform.radices[index]
        twiddles += 2 * (transform.n_points // n - 1) * (transform.radices[index] - 1)
        if index < n_over_all:
            n_block //= transform.radices[index]
    for block in range(transform.n_points // n_block):
        rest, n = twiddles, 1
        for index in range(transform.n_radices - 1, n_over_all - 1, -1):
            radix = transform.radices[index]
            n *= radix
            rest -= 2 * (n // radix - 1) * (radix - 1)
            if multiply and index == transform.n_radices - 1:
                any_pass(&own, points, n_block, n, rest, radix, True, MULTIPLIED, like)
            else:
                any_pass(&own, points, n_block, n, rest, radix, True, IN_PLACE, like)
        points += 2 * n_block * lanes
        if multiply:
            own.re = <const real*> own.re + 2 * n_block * lanes
            own.im = <const real*> own.im + 2 * n_block * lanes
    points -= 2 * transform.n_points * lanes
    twiddles, n = rest, n_block
    for index in range(n_over_all - 1, -1, -1):
        radix = transform.radices[index]
        n *= radix
        twiddles -= 2 * (n // radix - 1) * (radix - 1)
        any_pass(&own, points, transform.n_points, n, twiddles, radix, True, IN_PLACE, like)

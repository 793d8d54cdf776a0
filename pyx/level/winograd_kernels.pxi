# Kernels for winograd: transformed in float64 and rounded once, a vector of kernels at a time, into panels.

from microkernels cimport MOST_LANES, real
from simd cimport (
    F64_LANES, ROOT_OF_HALF, f32v_broadcast, f64v, f64v_broadcast, f64v_of_f32, f64v_to_f32, prefetch, prefetch_to_write
)
from vectors cimport kernel_scale, n_lanes, transpose_vectors, vector

cdef enum:
    COLLECTED = 4  # channels: their transforms fit the first cache
    LINE_BYTES = 64


cdef inline void taps_transformed(const f64v* taps, f64v* done, Py_ssize_t n_taps,
                                  Py_ssize_t n_pixels) noexcept nogil:
    """G g of one row or column of literally 3 or 5 taps for quads of so many pixels; times 2 for 4 of them."""
    cdef f64v even, odd
    if n_pixels == 4:
        done[0], done[3] = 2 * taps[0], 2 * taps[2]
        done[1], done[2] = taps[0] + taps[2] + taps[1], taps[0] + taps[2] - taps[1]
    else:
        done[0], done[5] = taps[0], taps[n_taps - 1]
        even, odd = taps[0] + 0.5 * taps[2], taps[1]
        if n_taps == 5:
            even, odd = even + 0.25 * taps[4], odd + 0.5 * taps[3]
        even, odd = even * (-2.0 / 3), odd * (-2.0 / 3 * ROOT_OF_HALF)
        done[1], done[2] = even + odd, even - odd
        even, odd = taps[0] + 2 * taps[2], taps[1]
        if n_taps == 5:
            even, odd = even + 4 * taps[4], odd + 2 * taps[3]
        even, odd = even * (1.0 / 6), odd * (1.0 / 3 * ROOT_OF_HALF)
        done[3], done[4] = even + odd, even - odd


cdef inline void lanes_transformed(const real* taps, Py_ssize_t tap_pitch, real* packed, Py_ssize_t place_pitch,
                                   double scale, Py_ssize_t n_taps, Py_ssize_t n_pixels) noexcept nogil:
    """G g G^T of as many kernels as a vector of float64 has lanes."""
    cdef f64v[5 * 6] done
    cdef f64v[6] turned
    cdef f64v[5] own
    cdef Py_ssize_t row, column
    for column in range(n_taps):
        for row in range(n_taps):
            if real is float:
                own[row] = f64v_of_f32(taps + (n_taps * row + column) * tap_pitch)
            else:
                own[row] = (<const f64v*> (taps + (n_taps * row + column) * tap_pitch))[0]
            if n_pixels == 6:
                own[row] = own[row] * scale
        taps_transformed(<const f64v*> own, <f64v*> turned, n_taps, n_pixels)
        for row in range(n_pixels):
            done[n_taps * row + column] = turned[row]
    for row in range(n_pixels):
        taps_transformed(<const f64v*> done + n_taps * row, <f64v*> turned, n_taps, n_pixels)
        for column in range(n_pixels):
            if real is float:
                f64v_to_f32(turned[column], packed)
            else:
                (<f64v*> packed)[0] = turned[column]
            packed += place_pitch


cdef inline void gather_taps(const real* kernels, const Py_ssize_t* pitches, Py_ssize_t n_kernels,
                             Py_ssize_t n_channels, real* taps, Py_ssize_t n_taps, vector like) noexcept nogil:
    """taps[(tap * lanes + channel) * lanes + kernel]; zeros for kernels and channels that do not exist."""
    cdef Py_ssize_t tap, kernel, channel, lanes = n_lanes(like)
    cdef const real* place
    if n_kernels >= lanes and n_channels >= lanes and pitches[3] == 1:
        for tap in range(n_taps * n_taps):
            turn_block(kernels + tap // n_taps * pitches[1] + tap % n_taps * pitches[2], pitches[0],
                       taps + tap * lanes * lanes, lanes, like)
    elif (n_kernels >= lanes and n_channels >= lanes and pitches[3] == n_taps * n_taps and pitches[1] == n_taps
            and pitches[2] == 1):
        turn_channels(kernels, pitches[0], taps, n_taps * n_taps, like)
    else:
        for tap in range(n_taps * n_taps):
            for channel in range(lanes):
                place = kernels + tap // n_taps * pitches[1] + tap % n_taps * pitches[2] + channel * pitches[3]
                for kernel in range(lanes):
                    taps[channel * lanes + kernel] = (
                        place[kernel * pitches[0]] if kernel < n_kernels and channel < n_channels else 0)
            taps += lanes * lanes


cdef inline void turn_block(const real* source, Py_ssize_t source_pitch, real* target, Py_ssize_t target_pitch,
                            vector like) noexcept nogil:
    """target[i * target_pitch + j] = source[j * source_pitch + i], as many of both as a vector has lanes."""
    cdef vector[MOST_LANES] turned
    cdef Py_ssize_t index, lanes = n_lanes(like)
    for index in range(lanes):
        turned[index] = (<const vector*> (source + index * source_pitch))[0]
    transpose_vectors(<vector*> turned, like)
    for index in range(lanes):
        (<vector*> (target + index * target_pitch))[0] = turned[index]


cdef inline void turn_channels(const real* kernels, Py_ssize_t kernel_pitch, real* taps, Py_ssize_t n_taps,
                               vector like) noexcept nogil:
    """`gather_taps` of kernels whose channels follow each other, all taps of each together."""
    cdef real[MOST_LANES * MOST_LANES] turned
    cdef Py_ssize_t block, index, number, lanes = n_lanes(like)
    for block in range(n_taps):
        turn_block(kernels + block * lanes, kernel_pitch, <real*> turned, lanes, like)
        for index in range(lanes):
            number = block * lanes + index
            (<vector*> (taps + (number % n_taps * lanes + number // n_taps) * lanes))[0] = (
                (<const vector*> (<const real*> turned + index * lanes))[0])


cdef inline void pack_transformed(const real* kernels, const Py_ssize_t* pitches, Py_ssize_t depth, real* packed,
                                  Py_ssize_t width, Py_ssize_t n_kernels, Py_ssize_t n_taps,
                                  Py_ssize_t n_pixels, vector like) noexcept nogil:
    """packed[(place * depth + channel) * width + kernel] = G g G^T times `kernel_scale`.

    A few channels' transforms are collected before they go to their places: places are far apart in the panel, so that
    single lines would push each other out of the caches. Those and the next taps are fetched ahead, while transforms
    are computed: a large bank's come from the last cache or from memory.
    """
    cdef real[2 * 25 * MOST_LANES * MOST_LANES] taps
    cdef real[6 * 6 * COLLECTED * 2 * MOST_LANES] places
    cdef Py_ssize_t lanes = n_lanes(like), channel, index, first, half, of_kernel = n_taps * n_taps
    for channel in range(depth):
        index = channel % COLLECTED
        fetch_places(packed + (channel - index) * width, depth * width, COLLECTED * width, index,
                     n_pixels * n_pixels)
        for first in range(width // lanes):
            if channel % lanes == 0:
                gather_taps(kernels + first * lanes * pitches[0] + channel * pitches[3], pitches,
                            n_kernels - first * lanes, depth - channel,
                            taps + first * of_kernel * lanes * lanes, n_taps, like)
            fetch_taps(kernels, pitches, first * lanes + channel % lanes, n_kernels, channel // lanes * lanes + lanes,
                       depth, lanes, of_kernel)
            for half in range(lanes // F64_LANES):
                lanes_transformed(
                    <const real*> taps + (first * of_kernel * lanes + channel % lanes) * lanes + half * F64_LANES,
                    lanes * lanes, <real*> places + index * width + first * lanes + half * F64_LANES,
                    COLLECTED * width, kernel_scale(n_pixels, like), n_taps, n_pixels)
        if index == COLLECTED - 1 or channel == depth - 1:
            put_in_place(<const real*> places, packed + (channel - index) * width, depth * width,
                         COLLECTED * width, (index + 1) * width, n_pixels * n_pixels, like)


cdef inline void fetch_places(const real* packed, Py_ssize_t place_pitch, Py_ssize_t length, Py_ssize_t part,
                              Py_ssize_t n_places) noexcept nogil:
    """Fetches a run of the panel for some of the places: one part of as many as there are channels collected."""
    cdef Py_ssize_t place, element
    for place in range(part * n_places // COLLECTED, (part + 1) * n_places // COLLECTED):
        element = 0
        while element < length:
            prefetch_to_write(packed + place * place_pitch + element)
            element += LINE_BYTES // sizeof(real)


cdef inline void fetch_taps(const real* kernels, const Py_ssize_t* pitches, Py_ssize_t kernel, Py_ssize_t n_kernels,
                            Py_ssize_t channel, Py_ssize_t depth, Py_ssize_t lanes, Py_ssize_t n_taps) noexcept nogil:
    """Fetches one kernel's taps of a vector of channels that follow each other, all taps of each together.

    With the channels last this brings nothing.
    """
    cdef Py_ssize_t element = 0
    if pitches[3] == n_taps and kernel < n_kernels and channel < depth:
        while element < n_taps * lanes:
            prefetch(kernels + kernel * pitches[0] + channel * n_taps + element)
            element += LINE_BYTES // sizeof(real)


cdef inline void put_in_place(const real* places, real* packed, Py_ssize_t place_pitch, Py_ssize_t pitch,
                              Py_ssize_t length, Py_ssize_t n_places, vector like) noexcept nogil:
    """A run of the panel for each place."""
    cdef Py_ssize_t place, index, lanes = n_lanes(like)
    for place in range(n_places):
        for index in range(length // lanes):
            (<vector*> (packed + index * lanes))[0] = (<const vector*> (places + index * lanes))[0]
        places += pitch
        packed += place_pitch


cdef inline void pack_sized(const real* kernels, const Py_ssize_t* pitches, Py_ssize_t depth, real* packed,
                            Py_ssize_t width, Py_ssize_t n_kernels, Py_ssize_t side, Py_ssize_t n_pixels,
                            vector like) noexcept nogil:
    """`pack_transformed` for each size of quads."""
    if n_pixels == 4:
        pack_transformed(kernels, pitches, depth, packed, width, n_kernels, 3, 4, like)
    elif side == 4:
        pack_transformed(kernels, pitches, depth, packed, width, n_kernels, 3, 6, like)
    else:
        pack_transformed(kernels, pitches, depth, packed, width, n_kernels, 5, 6, like)


cdef void pack_transformed_f32(const void* kernels, const Py_ssize_t* pitches, Py_ssize_t depth, void* packed,
                               Py_ssize_t width, Py_ssize_t n_kernels, Py_ssize_t side,
                               Py_ssize_t n_pixels) noexcept nogil:
    pack_sized(<const float*> kernels, pitches, depth, <float*> packed, width, n_kernels, side, n_pixels,
               f32v_broadcast(0))


cdef void pack_transformed_f64(const void* kernels, const Py_ssize_t* pitches, Py_ssize_t depth, void* packed,
                               Py_ssize_t width, Py_ssize_t n_kernels, Py_ssize_t side,
                               Py_ssize_t n_pixels) noexcept nogil:
    pack_sized(<const double*> kernels, pitches, depth, <double*> packed, width, n_kernels, side, n_pixels,
               f64v_broadcast(0))

# Kernels for winograd: transformed in float64 and rounded once, a vector of kernels at a time, into panels.

from microkernels cimport MOST_LANES, real
from simd cimport (
    F64_LANES, ROOT_OF_HALF, f32v_broadcast, f64v, f64v_broadcast, f64v_of_f32, f64v_to_f32, prefetch, prefetch_to_write
)
from vectors cimport kernel_scale, n_lanes, transpose_vectors, vector

cdef enum:
    COLLECTED = 4  # channels: their transforms fit the first cache
    LINE_BYTES = 64


cdef inline void taps_transformed(f64v first, f64v second, f64v third, f64v* done, Py_ssize_t side) noexcept nogil:
    """G g of one row or column of taps for quads of `side` literal responses; times 2 for a side of 2."""
    cdef f64v even, odd
    if side == 2:
        done[0], done[3] = 2 * first, 2 * third
        done[1], done[2] = first + third + second, first + third - second
    else:
        done[0], done[5] = first, third
        even, odd = (first + 0.5 * third) * (-2.0 / 3), second * (-2.0 / 3 * ROOT_OF_HALF)
        done[1], done[2] = even + odd, even - odd
        even, odd = (first + 2 * third) * (1.0 / 6), second * (1.0 / 3 * ROOT_OF_HALF)
        done[3], done[4] = even + odd, even - odd


cdef inline void lanes_transformed(const real* taps, Py_ssize_t tap_pitch, real* packed, Py_ssize_t place_pitch,
                                   double scale, Py_ssize_t side) noexcept nogil:
    """G g G^T of as many kernels as a vector of float64 has lanes."""
    cdef f64v[3 * 6] done
    cdef f64v[6] turned
    cdef f64v[3] own
    cdef Py_ssize_t row, column
    for column in range(3):
        for row in range(3):
            if real is float:
                own[row] = f64v_of_f32(taps + (3 * row + column) * tap_pitch)
            else:
                own[row] = (<const f64v*> (taps + (3 * row + column) * tap_pitch))[0]
            if side == 4:
                own[row] = own[row] * scale
        taps_transformed(own[0], own[1], own[2], <f64v*> turned, side)
        for row in range(side + 2):
            done[3 * row + column] = turned[row]
    for row in range(side + 2):
        taps_transformed(done[3 * row], done[3 * row + 1], done[3 * row + 2], <f64v*> turned, side)
        for column in range(side + 2):
            if real is float:
                f64v_to_f32(turned[column], packed)
            else:
                (<f64v*> packed)[0] = turned[column]
            packed += place_pitch


cdef inline void gather_taps(const real* kernels, const Py_ssize_t* pitches, Py_ssize_t n_kernels,
                             Py_ssize_t n_channels, real* taps, vector like) noexcept nogil:
    """taps[(tap * lanes + channel) * lanes + kernel]; zeros for kernels and channels that do not exist."""
    cdef Py_ssize_t tap, kernel, channel, lanes = n_lanes(like)
    cdef const real* place
    if n_kernels >= lanes and n_channels >= lanes and pitches[3] == 1:
        for tap in range(9):
            turn_block(kernels + tap // 3 * pitches[1] + tap % 3 * pitches[2], pitches[0],
                       taps + tap * lanes * lanes, lanes, like)
    elif n_kernels >= lanes and n_channels >= lanes and pitches[3] == 9 and pitches[1] == 3 and pitches[2] == 1:
        turn_channels(kernels, pitches[0], taps, like)
    else:
        for tap in range(9):
            for channel in range(lanes):
                place = kernels + tap // 3 * pitches[1] + tap % 3 * pitches[2] + channel * pitches[3]
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


cdef inline void turn_channels(const real* kernels, Py_ssize_t kernel_pitch, real* taps, vector like) noexcept nogil:
    """`gather_taps` of kernels whose channels follow each other, nine taps of each together."""
    cdef real[MOST_LANES * MOST_LANES] turned
    cdef Py_ssize_t block, index, number, lanes = n_lanes(like)
    for block in range(9):
        turn_block(kernels + block * lanes, kernel_pitch, <real*> turned, lanes, like)
        for index in range(lanes):
            number = block * lanes + index
            (<vector*> (taps + (number % 9 * lanes + number // 9) * lanes))[0] = (
                (<const vector*> (<const real*> turned + index * lanes))[0])


cdef inline void pack_transformed(const real* kernels, const Py_ssize_t* pitches, Py_ssize_t depth, real* packed,
                                  Py_ssize_t width, Py_ssize_t n_kernels, Py_ssize_t side,
                                  vector like) noexcept nogil:
    """packed[(place * depth + channel) * width + kernel] = G g G^T times `kernel_scale`.

    A few channels' transforms are collected before they go to their places: places are far apart in the panel, so that
    single lines would push each other out of the caches. Those and the next taps are fetched ahead, while transforms
    are computed: a large bank's come from the last cache or from memory.
    """
    cdef real[2 * 9 * MOST_LANES * MOST_LANES] taps
    cdef real[6 * 6 * COLLECTED * 2 * MOST_LANES] places
    cdef Py_ssize_t lanes = n_lanes(like), channel, index, first, half
    for channel in range(depth):
        index = channel % COLLECTED
        fetch_places(packed + (channel - index) * width, depth * width, COLLECTED * width, index,
                     (side + 2) * (side + 2))
        for first in range(width // lanes):
            if channel % lanes == 0:
                gather_taps(kernels + first * lanes * pitches[0] + channel * pitches[3], pitches,
                            n_kernels - first * lanes, depth - channel, taps + first * 9 * lanes * lanes, like)
            fetch_taps(kernels, pitches, first * lanes + channel % lanes, n_kernels, channel // lanes * lanes + lanes,
                       depth, lanes)
            for half in range(lanes // F64_LANES):
                lanes_transformed(
                    <const real*> taps + (first * 9 * lanes + channel % lanes) * lanes + half * F64_LANES,
                    lanes * lanes, <real*> places + index * width + first * lanes + half * F64_LANES,
                    COLLECTED * width, kernel_scale(side, like), side)
        if index == COLLECTED - 1 or channel == depth - 1:
            put_in_place(<const real*> places, packed + (channel - index) * width, depth * width,
                         COLLECTED * width, (index + 1) * width, (side + 2) * (side + 2), like)


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
                            Py_ssize_t channel, Py_ssize_t depth, Py_ssize_t lanes) noexcept nogil:
    """Fetches one kernel's taps of a vector of channels that follow each other, nine taps of each together.

    With the channels last this brings nothing.
    """
    cdef Py_ssize_t element = 0
    if pitches[3] == 9 and kernel < n_kernels and channel < depth:
        while element < 9 * lanes:
            prefetch(kernels + kernel * pitches[0] + channel * 9 + element)
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


cdef void pack_transformed_f32(const void* kernels, const Py_ssize_t* pitches, Py_ssize_t depth, void* packed,
                               Py_ssize_t width, Py_ssize_t n_kernels, Py_ssize_t side) noexcept nogil:
    if side == 2:
        pack_transformed(<const float*> kernels, pitches, depth, <float*> packed, width, n_kernels, 2,
                         f32v_broadcast(0))
    else:
        pack_transformed(<const float*> kernels, pitches, depth, <float*> packed, width, n_kernels, 4,
                         f32v_broadcast(0))


cdef void pack_transformed_f64(const void* kernels, const Py_ssize_t* pitches, Py_ssize_t depth, void* packed,
                               Py_ssize_t width, Py_ssize_t n_kernels, Py_ssize_t side) noexcept nogil:
    if side == 2:
        pack_transformed(<const double*> kernels, pitches, depth, <double*> packed, width, n_kernels, 2,
                         f64v_broadcast(0))
    else:
        pack_transformed(<const double*> kernels, pitches, depth, <double*> packed, width, n_kernels, 4,
                         f64v_broadcast(0))

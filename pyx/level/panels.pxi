# Kernels turned around into panels, tap-major, from wherever their taps lie.

from libc.string cimport memcpy
from microkernels cimport Taps, real
from simd cimport copy_part, f32v_broadcast, f64v_broadcast
from vectors cimport broadcast, n_lanes, transpose_vectors, vector

cdef enum:
    RUN = 256  # taps of a kernel that are packed before the next kernels': some cache lines of each


cdef inline Py_ssize_t next_place(const Taps* taps, Py_ssize_t* inner, Py_ssize_t place) noexcept nogil:
    """The place of the tap after one in memory, where two axes follow each other without a gap."""
    inner[0] += 1
    if inner[0] < taps.counts[2]:
        return place + taps.places[2]
    inner[0] = 0
    return place + taps.places[1] - (taps.counts[2] - 1) * taps.places[2]


cdef inline void pack_block(const Taps* taps, const real* kernels, real* packed, Py_ssize_t width,
                            Py_ssize_t n_kernels, Py_ssize_t first, Py_ssize_t n_taps, bint whole,
                            vector like) noexcept nogil:
    """A vector of kernels, or `n_kernels` and zeros, and as many taps, or `n_taps` of them."""
    cdef vector[16] rows
    cdef Py_ssize_t index, inner, place, lanes = n_lanes(like)
    for index in range(lanes):
        if whole or (index < n_kernels and n_taps == lanes):
            rows[index] = (<const vector*> (kernels + index * taps.kernel_pitch + first))[0]
        else:
            rows[index] = broadcast(<real> 0, like)
            if index < n_kernels:
                copy_part(&rows[index], kernels + index * taps.kernel_pitch + first,
                          n_taps * <Py_ssize_t> sizeof(real))
    transpose_vectors(rows, like)
    inner = first % taps.counts[2]
    place = first // taps.counts[2] * taps.places[1] + inner * taps.places[2]
    for index in range(lanes):
        if whole or index < n_taps:
            (<vector*> (packed + place * width))[0] = rows[index]
            place = next_place(taps, &inner, place)


cdef inline void pack_run(const Taps* taps, const real* kernels, real* packed, Py_ssize_t width, Py_ssize_t n_kernels,
                          Py_ssize_t n_taps, vector like) noexcept nogil:
    """Taps that lie next to each other: blocks in registers, all kernels of some taps before the next ones."""
    cdef Py_ssize_t first = 0, end, kernel, tap, n_present, some, lanes = n_lanes(like)
    while first < n_taps:
        end = min(first + RUN, n_taps)
        kernel = 0
        while kernel < width:
            n_present = n_kernels - kernel
            tap = first
            while tap < end:
                if n_present >= lanes and tap + lanes <= end:
                    pack_block(taps, kernels + kernel * taps.kernel_pitch, packed + kernel, width, lanes, tap, lanes,
                               True, like)
                else:
                    some = min(lanes, end - tap)
                    pack_block(taps, kernels + kernel * taps.kernel_pitch, packed + kernel, width, n_present, tap, some,
                               False, like)
                tap += lanes
            kernel += lanes
        first = end


cdef inline void pack_tap(const real* taps, Py_ssize_t kernel_pitch, real* packed, Py_ssize_t width,
                          Py_ssize_t n_kernels) noexcept nogil:
    """One tap of all kernels."""
    cdef Py_ssize_t kernel
    if kernel_pitch == 1:
        memcpy(packed, taps, n_kernels * <Py_ssize_t> sizeof(real))
    else:
        for kernel in range(n_kernels):
            packed[kernel] = taps[kernel * kernel_pitch]
    for kernel in range(n_kernels, width):
        packed[kernel] = 0


cdef void pack_panel(const Taps* taps, const real* kernels, real* packed, Py_ssize_t width, Py_ssize_t n_kernels,
                     vector like) noexcept nogil:
    """Blocks where the taps of a kernel lie next to each other and a panel is whole vectors, else tap by tap."""
    cdef Py_ssize_t row, column, tap, n_together = taps.counts[2], n_apart = taps.counts[1], lanes = n_lanes(like)
    cdef bint adjacent = taps.pitches[2] == 1 and width % lanes == 0 and lanes > 1 and taps.kernel_pitch != 1
    cdef const real* place
    cdef real* target
    if adjacent and (n_apart == 1 or taps.pitches[1] == n_together):
        n_together, n_apart = n_together * n_apart, 1
    kernels += taps.offset
    packed += taps.place * width
    for row in range(taps.counts[0]):
        for column in range(n_apart):
            place = kernels + row * taps.pitches[0] + column * taps.pitches[1]
            target = packed + (row * taps.places[0] + column * taps.places[1]) * width
            if adjacent:
                pack_run(taps, place, target, width, n_kernels, n_together, like)
            elif taps.pitches[2] == 1 and taps.places[2] == 1 and n_kernels == width:
                pack(place, taps.kernel_pitch, target, width, n_kernels, n_together)
            else:
                for tap in range(n_together):
                    pack_tap(place + tap * taps.pitches[2], taps.kernel_pitch, target + tap * taps.places[2] * width,
                             width, n_kernels)


cdef void pack_panel_f32(const Taps* taps, const void* kernels, void* packed, Py_ssize_t width,
                         Py_ssize_t n_kernels) noexcept nogil:
    pack_panel(taps, <const float*> kernels, <float*> packed, width, n_kernels, f32v_broadcast(0))


cdef void pack_panel_f64(const Taps* taps, const void* kernels, void* packed, Py_ssize_t width,
                         Py_ssize_t n_kernels) noexcept nogil:
    pack_panel(taps, <const double*> kernels, <double*> packed, width, n_kernels, f64v_broadcast(0))

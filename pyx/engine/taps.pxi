# Where the taps of kernels lie, for packing.

from libc.string cimport memset
from microkernels cimport Routines, Taps
from types cimport Panel


cdef void taps_of(Taps* taps, cnp.npy_intp* sizes, cnp.npy_intp* strides, Py_ssize_t size, Py_ssize_t kernel_width,
                  Py_ssize_t depth) noexcept:
    """Places of the taps of kernels (kernels, rows, columns, channels) with these strides in bytes.

    The axis with the smallest pitch comes last, and axes that are one in memory and in the order of the sum are one.
    """
    cdef Py_ssize_t axis, other
    taps.kernel_pitch = strides[0] // size
    taps.offset = taps.place = 0
    taps.places[0], taps.places[1], taps.places[2] = kernel_width * depth, depth, 1
    for axis in range(3):
        taps.counts[axis], taps.pitches[axis] = sizes[axis + 1], strides[axis + 1] // size
        if taps.counts[axis] == 1:
            taps.pitches[axis] = LARGE
        elif taps.pitches[axis] < 0:
            taps.offset += taps.pitches[axis] * (taps.counts[axis] - 1)
            taps.place += taps.places[axis] * (taps.counts[axis] - 1)
            taps.pitches[axis], taps.places[axis] = -taps.pitches[axis], -taps.places[axis]
    for axis in (1, 2, 1):
        if taps.pitches[axis] > taps.pitches[axis - 1]:
            swap_axes(taps, axis, axis - 1)
    for axis in (2, 1, 2):
        other = axis - 1
        if (taps.counts[other] > 1 and taps.counts[axis] > 1
                and taps.pitches[other] == taps.counts[axis] * taps.pitches[axis]
                and taps.places[other] == taps.counts[axis] * taps.places[axis]):
            taps.counts[axis] *= taps.counts[other]
            taps.counts[other] = 1
            if other == 1:
                swap_axes(taps, 0, 1)


cdef void swap_axes(Taps* taps, Py_ssize_t one, Py_ssize_t other) noexcept:
    taps.counts[one], taps.counts[other] = taps.counts[other], taps.counts[one]
    taps.pitches[one], taps.pitches[other] = taps.pitches[other], taps.pitches[one]
    taps.places[one], taps.places[other] = taps.places[other], taps.places[one]


cdef void pack_one(const Routines* routines, Py_ssize_t side, Py_ssize_t n_pixels, Py_ssize_t depth,
                   const Taps* taps, const Py_ssize_t* pitches, const char* kernels, char* packed,
                   const Panel* panel) noexcept nogil:
    """One panel, as the form's micro-kernels read it: by winograd for quads of so many responses and pixels, else 0."""
    if side:
        routines.pack_transformed(kernels, pitches, depth, packed, panel.width, panel.n_kernels, side, n_pixels)
    else:
        routines.pack(taps, kernels, packed, panel.width, panel.n_kernels)


cdef Taps taps_in_order(Py_ssize_t n_taps) noexcept:
    """Places of the taps of kernels that follow each other in the order of the sum."""
    cdef Taps taps
    memset(&taps, 0, sizeof(Taps))
    taps.kernel_pitch = taps.counts[2] = n_taps
    taps.counts[0] = taps.counts[1] = taps.pitches[2] = taps.places[2] = 1
    return taps

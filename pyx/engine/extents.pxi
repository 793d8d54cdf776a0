# Where arrays lie, and how large the integers in them are: what is looked at before a small call is repeated.

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef bint apart(cnp.ndarray first, cnp.ndarray second):
    """Whether no byte from the first to the last of one array is one of the other's."""
    cdef char* first_start = cnp.PyArray_BYTES(first)
    cdef char* second_start = cnp.PyArray_BYTES(second)
    cdef char* first_end = last_byte(first, &first_start)
    cdef char* second_end = last_byte(second, &second_start)
    return first_end < second_start or second_end < first_start


cdef char* last_byte(cnp.ndarray array, char** start):
    """The last byte of an array that is not empty; `start` becomes its first."""
    cdef Py_ssize_t size = array.itemsize
    cdef char* end = start[0] + size - 1
    cdef Py_ssize_t axis, extent
    for axis in range(array.ndim):
        extent = (array.shape[axis] - 1) * array.strides[axis]
        if extent < 0:
            start[0] += extent
        else:
            end += extent
    return end


ctypedef fused whole:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef bint none_beyond(cnp.ndarray images, uint64_t limit):
    """Whether the magnitudes of integers, of which bools are, surely do not exceed a power of two."""
    cdef const char* pixels = cnp.PyArray_BYTES(images)
    cdef Py_ssize_t size = images.itemsize
    if not cnp.PyArray_ISALIGNED(images) or not cnp.PyArray_ISNOTSWAPPED(images):
        return False
    if (<cnp.dtype> cnp.PyArray_DESCR(images)).kind == c"i":
        if size == 1:
            return bits_of(<const int8_t*> pixels, images, limit) < 2 * limit
        if size == 2:
            return bits_of(<const int16_t*> pixels, images, limit) < 2 * limit
        if size == 4:
            return bits_of(<const int32_t*> pixels, images, limit) < 2 * limit
        return bits_of(<const int64_t*> pixels, images, limit) < 2 * limit
    if size == 1:
        return bits_of(<const uint8_t*> pixels, images, 0) < limit
    if size == 2:
        return bits_of(<const uint16_t*> pixels, images, 0) < limit
    if size == 4:
        return bits_of(<const uint32_t*> pixels, images, 0) < limit
    return bits_of(<const uint64_t*> pixels, images, 0) < limit


cdef uint64_t bits_of(const whole* pixels, cnp.ndarray images, uint64_t offset):
    """Every bit that is set in a pixel plus `offset`: below twice that, where it is a power of two above magnitudes."""
    cdef Py_ssize_t[MOST_AXES] shape, pitches
    cdef Py_ssize_t axis, first, second, third
    cdef uint64_t bits = 0
    for axis in range(MOST_AXES):
        shape[axis], pitches[axis] = 1, 0
    for axis in range(images.ndim):
        shape[MOST_AXES - images.ndim + axis] = images.shape[axis]
        pitches[MOST_AXES - images.ndim + axis] = images.strides[axis] // <Py_ssize_t> sizeof(whole)
    for first in range(shape[0]):
        for second in range(shape[1]):
            for third in range(shape[2]):
                bits |= bits_of_row(pixels + first * pitches[0] + second * pitches[1] + third * pitches[2], shape[3],
                                    pitches[3], offset)
    return bits


cdef uint64_t bits_of_row(const whole* row, Py_ssize_t length, Py_ssize_t pitch, uint64_t offset) noexcept nogil:
    cdef uint64_t bits = 0
    cdef Py_ssize_t index
    if pitch == 1:  # so that the compiler makes vectors of them
        for index in range(length):
            bits |= <uint64_t> row[index] + offset
    else:
        for index in range(length):
            bits |= <uint64_t> row[index * pitch] + offset
    return bits

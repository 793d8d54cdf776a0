# The first stage of peaks: the candidates of a row, from the row and its neighbours above and below; those of a volume
# are among them, and are not many. What lies in the planes before and behind is looked up for each (map_search.pxi).
#
# Rows lie as keys in lines: of one kernel or of several, either side by side with their columns apart, or one segment
# behind the other. Beside the first and the last column are keys of what is missing, `least`, and a row that is missing
# has no others. `least` itself is before nothing, so it is a candidate only where nothing precedes it: as the first
# pixel, which is looked at by itself.

from libc.math cimport INFINITY, log

cdef enum:
    AT_ONCE = 256  # columns that are looked at together; it divides by 8

cdef enum Subpixel:
    WHOLE
    PARABOLA
    GAUSSIAN

cdef struct Lines:            # where in a map and in its neighbours' memory a row stands
    Py_ssize_t image, plane, row
    Py_ssize_t first_column   # of the lines
    Py_ssize_t first_kernel   # of the segment
    Py_ssize_t pitch          # from one column to the next: the kernels that are side by side


cdef bint may_have(const key* above, const key* line, const key* below, Py_ssize_t count, key gate) noexcept nogil:
    """Whether any key is at or over the gate, over the one above it and not under the one below."""
    cdef Py_ssize_t index
    cdef int found = 0
    for index in range(count):
        found |= (line[index] >= gate) & (not above[index] >= line[index]) & (not below[index] > line[index])
    return found != 0


cdef void mark(const key* above, const key* line, const key* below, Py_ssize_t pitch, Py_ssize_t count, key gate,
               uint8_t* marks) noexcept nogil:
    """marks[index] = whether a key is at or over the gate, over those that precede it and not under those that follow.

    NaN is under everything and never at the gate.
    """
    cdef Py_ssize_t index
    cdef key number
    for index in range(count):
        number = line[index]
        marks[index] = (
            (number >= gate)
            & (not above[index - pitch] >= number) & (not above[index] >= number)
            & (not above[index + pitch] >= number) & (not line[index - pitch] >= number)
            & (not line[index + pitch] > number) & (not below[index - pitch] > number)
            & (not below[index] > number) & (not below[index + pitch] > number)
        )


cdef bint first_is_candidate(const key* line, const key* below, Py_ssize_t pitch) noexcept nogil:
    """Whether the first pixel of a map is one although its key is before nothing: nothing that follows is before it."""
    cdef key number = least(line[0])
    return (line[0] == number and not line[pitch] > number and not below[0] > number and not below[pitch] > number)


cdef double offset(key before, key middle, key behind, Subpixel how, const Elements* elements) noexcept nogil:
    """The vertex of a parabola through three responses or their logarithms, from the middle one in pixels."""
    cdef double to_before = difference(middle, before), to_behind = difference(middle, behind), place
    cdef double first, second, third
    if how == GAUSSIAN:
        first = value_of(before, elements)
        second = value_of(middle, elements)
        third = value_of(behind, elements)
        if first > 0 and second > 0 and third > 0:
            to_before = log(second) - log(first)
            to_behind = log(second) - log(third)
    if to_before + to_behind == INFINITY:  # beyond float64, or of what is not finite
        to_before = 0.25 * value_of(middle, elements) - 0.25 * value_of(before, elements)
        to_behind = 0.25 * value_of(middle, elements) - 0.25 * value_of(behind, elements)
    if to_before + to_behind == 0:
        return 0
    place = 0.5 * (to_before - to_behind) / (to_before + to_behind)
    return 0 if place != place else min(max(place, -0.5), 0.5)

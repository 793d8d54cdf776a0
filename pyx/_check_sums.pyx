"""Check sums of arrays, at the speed of memory: they tell damaged values, not those that somebody made up."""

cimport numpy as cnp
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cnp.import_array()

cdef enum:
    LANES = 4  # that are mixed beside each other, as a product takes longer than it keeps a processor busy
    WORD = 8


cdef inline uint64_t mixed(uint64_t sum_before, uint64_t word) noexcept nogil:
    """A sum that also depends on one word more: another word alone, or another sum alone, gives another one.

    A product moves a changed bit upwards only, and what rolls over to the bottom goes up again in the next one.
    """
    cdef uint64_t both = sum_before ^ word * <uint64_t> 0xD6E8FEB86659FD93
    return ((both << 29) | (both >> 35)) * <uint64_t> 0x9E3779B97F4A7C15


cdef uint64_t sum_of(const char* data, Py_ssize_t n_bytes, uint64_t found) noexcept nogil:
    cdef uint64_t[LANES] lanes, words
    cdef Py_ssize_t place = 0
    cdef int lane
    for lane in range(LANES):
        lanes[lane] = mixed(found, lane + 1)
    while place + LANES * WORD <= n_bytes:
        memcpy(words, data + place, LANES * WORD)
        for lane in range(LANES):
            lanes[lane] = mixed(lanes[lane], words[lane])
        place += LANES * WORD
    words[0] = words[1] = words[2] = words[3] = 0
    memcpy(words, data + place, n_bytes - place)
    found = n_bytes
    for lane in range(LANES):
        found = mixed(mixed(found, lanes[lane]), words[lane])
    return found


def check_sum(cnp.ndarray values, uint64_t before):
    """The check sum of an array whose elements follow on each other, going on from another sum."""
    cdef const char* data = <const char*> cnp.PyArray_DATA(values)
    cdef Py_ssize_t n_bytes = values.nbytes
    cdef uint64_t found
    if not cnp.PyArray_IS_C_CONTIGUOUS(values):
        raise ValueError("values: allowed are elements that follow on each other")
    with nogil:
        found = sum_of(data, n_bytes, before)
    return found

"""Peaks of finished maps: rows are laid out as keys, their candidates found, and the best of these selected.

The two stages know nothing of each other: `candidates.pxi` finds the candidates of a row from three rows, and
`selection.pxi` takes candidates of any part of a map. Three rows are kept, at most `MOST_KEYS` of each, and the pools.
A map is a volume of one plane, and rows are counted through all planes.
"""

cimport numpy as cnp
from libc.stdlib cimport calloc, free, malloc

cnp.import_array()

include "keys.pxi"
include "selection.pxi"
include "candidates.pxi"

cdef extern from "Python.h":
    int check_signals "PyErr_CheckSignals"() noexcept

ELEMENTS = {
    "b1": BOOL, "u1": UINT8, "i1": INT8, "u2": UINT16, "i2": INT16, "u4": UINT32, "i4": INT32, "u8": UINT64,
    "i8": INT64, "f2": FLOAT16, "f4": FLOAT32, "f8": FLOAT64,
}
SUBPIXELS = {None: WHOLE, "parabola": PARABOLA, "gaussian": GAUSSIAN}
PLACES = "depth", "row", "column"

# keys of a line, unless one column of all kernels has more: three lines of float32 lie in a second cache of 1 MiB
cdef Py_ssize_t MOST_KEYS = 1 << 16
# keys between two looks for signals: some milliseconds
cdef Py_ssize_t KEYS_PER_LOOK = 1 << 22
# kernels that are looked at together, and the bytes of their pools: fewer where pools are large, but so many that a
# cache line of responses is read once
cdef Py_ssize_t MOST_KERNELS = 2048, LEAST_KERNELS = 16, POOL_BYTES = 1 << 26

cdef enum:
    NO_ROW = -1        # neither of a map, nor missing beside one
    ROWS_OF_SEED = 16  # rows for each of those that are looked at first

cdef struct Maps:                    # how responses lie in memory, and what is looked for in them
    const char* start
    Py_ssize_t[5] lengths, pitches   # of images, planes, rows, columns, kernels; pitches in bytes
    Elements elements
    Subpixel how
    Py_ssize_t[3] borders            # along planes, rows, columns
    Py_ssize_t first_row, end_row    # that candidates are looked for in; those beside them are in memory, too
    Py_ssize_t first_kernel, n_kernels   # where they begin among those that compete, and how many these are
    bint are_near                    # whether kernels are nearer to each other than columns
    Py_ssize_t kernels               # in a line
    Py_ssize_t segments, side_by_side    # of a line, and kernels in each column of one

cdef struct Records:                 # where peaks are written
    char* start
    Py_ssize_t n_bytes               # of a record
    Py_ssize_t score, kernel         # places of its fields
    Py_ssize_t[3] at, between        # of planes, rows, columns; -1: along an axis that the map has not

cdef struct Search:                  # what a call works with
    Maps maps
    Records records
    Selection selection
    Pool* pools
    Py_ssize_t n_pools, most_kernels     # at a time
    void* lines
    Py_ssize_t[3] laid               # the rows that lie in them
    void* tops                       # the largest key, but for NaN, of each row from the first one on
    const double* known              # those of all maps (images, planes, kernels, rows), or NULL
    bint in_order                    # whether rows come from above to below
    Py_ssize_t until_look


def find_peaks(cnp.ndarray responses, cnp.ndarray peaks, const double[:, :, :, ::1] tops, object gate, object distance,
               tuple borders, str how, bint largest, bint by_image):
    """Write the peaks of responses (images, planes, rows, columns, kernels) into records (maps, k).

    Records of peaks that are not found stay as they are. `tops` are the largest keys of rows (images, planes, kernels,
    rows), no integers of 64 bits, or None if they are not known.

    `gate` is the key that a peak has at least, as the responses' keys are, or None; the distance is at most the longest
    axis.
    """
    cdef Search search
    cdef int status = 0, axis
    cdef int64_t whole_gate
    cdef double wide_gate
    memset(&search, 0, sizeof(search))
    if responses.ndim != 5 or peaks.ndim != 2 or not peaks.flags.c_contiguous:
        raise ValueError("peaks: the arrays are not (images, planes, rows, columns, kernels) and (maps, k)")
    lay_out_records(&search.records, peaks)
    if tops is not None:
        if (tops.shape[0], tops.shape[1], tops.shape[2], tops.shape[3]) != (
                responses.shape[0], responses.shape[1], responses.shape[4], responses.shape[2]):
            raise ValueError("peaks: the tops are not those of the rows")
        search.known = &tops[0, 0, 0, 0] if responses.size else NULL
    ask(&search, (<object> responses).shape, responses.dtype,
        (peaks.shape[1], distance, borders, how, largest, by_image))
    if peaks.shape[0] != responses.shape[0] * (1 if by_image else responses.shape[4]) or not 0 < distance:
        raise ValueError("peaks: there is not a row for each map")
    if responses.size == 0:
        return
    search.maps.start = cnp.PyArray_BYTES(responses)
    for axis in range(5):
        search.maps.pitches[axis] = responses.strides[axis]
    search.maps.end_row = responses.shape[1] * responses.shape[2]
    arrange(&search)
    whole_gate, wide_gate = gates(&search.maps.elements, gate)
    try:
        reserve(&search)
        with nogil:
            if has_longs(&search.maps.elements):
                status = search_images(&search, whole_gate)
            elif has_floats(&search.maps.elements):
                status = search_images(&search, <float> wide_gate)
            else:
                status = search_images(&search, wide_gate)
    finally:
        release(&search)
    check(status)


cdef int ask(Search* search, tuple sizes, object dtype, tuple words) except -1:
    """Notes what is looked for, in maps (images, planes, rows, columns, kernels) of a type."""
    cdef Maps* maps = &search.maps
    cdef Selection* selection = &search.selection
    cdef int axis
    k, distance, borders, how, largest, by_image = words
    selection.n_cells = 1
    for axis in range(5):
        maps.lengths[axis] = sizes[axis]
    for axis in range(3):
        maps.borders[axis] = borders[axis]
        selection.n_cells *= (maps.lengths[axis + 1] - 1) // <Py_ssize_t> distance + 1
    maps.n_kernels = maps.lengths[4]
    maps.elements = Elements(ELEMENTS[dtype.str[1:]], dtype.itemsize, not dtype.isnative, not largest)
    maps.how = SUBPIXELS[how]
    selection.n_wanted, selection.distance, selection.by_image = k, distance, by_image
    selection.slowest = PLANE if maps.lengths[1] > 1 else ROW
    return 0


cdef inline bint has_longs(const Elements* elements) noexcept nogil:
    """Whether keys are int64."""
    return elements.type == INT64 or elements.type == UINT64


cdef inline bint has_floats(const Elements* elements) noexcept nogil:
    """Whether keys are float32."""
    return elements.n_bytes <= 2 or elements.type == FLOAT32


cdef tuple gates(const Elements* elements, object gate):
    """The key that a peak has at least as an int64 and as a float64, whichever keys are."""
    if gate is None:
        return <int64_t> SIGN, -INFINITY
    return (gate, 0.0) if has_longs(elements) else (0, gate)


cdef int check(int status) except -1:
    """Raises what a search failed with, or what is set already."""
    if status == NO_MEMORY:
        raise MemoryError("peaks: there is no memory for their candidates")
    return -1 if status == RAISED else 0


cdef int lay_out_records(Records* records, cnp.ndarray peaks) except -1:
    """Notes where peaks are written."""
    cdef int axis
    cdef object fields = peaks.dtype.fields
    records.start = cnp.PyArray_BYTES(peaks)
    records.n_bytes = peaks.itemsize
    records.score, records.kernel = fields["score"][1], fields["kernel"][1]
    for axis in range(3):
        records.at[axis] = records.between[axis] = -1
        if PLACES[axis] in fields:
            records.at[axis], records.between[axis] = fields[PLACES[axis]][1], fields["sub_" + PLACES[axis]][1]
    return 0


cdef void arrange(Search* search) noexcept:
    """Decides how many kernels are looked at together: where they are side by side or compete, as many as may be."""
    cdef Maps* maps = &search.maps
    cdef Py_ssize_t n_places = maps.lengths[1] * maps.lengths[2] * maps.lengths[3]
    cdef Py_ssize_t pool_bytes = sizeof(Candidate) * min(n_places // 4 + 1, 8 * limit_of(&search.selection))
    cdef Py_ssize_t most = min(MOST_KERNELS, max(LEAST_KERNELS, POOL_BYTES // pool_bytes))
    maps.are_near = maps.lengths[4] > 1 and abs(maps.pitches[4]) < abs(maps.pitches[3])
    search.most_kernels = 1
    if search.selection.by_image:
        search.most_kernels = min(maps.lengths[4], MOST_KERNELS)
    elif maps.are_near:
        search.most_kernels = min(maps.lengths[4], most)
    search.n_pools = 1 if search.selection.by_image else search.most_kernels
    search.until_look = KEYS_PER_LOOK
    put_in_line(search, search.most_kernels)


cdef void put_in_line(Search* search, Py_ssize_t n_kernels) noexcept nogil:
    """Decides how the rows of some kernels lie in a line: as in memory."""
    cdef Maps* maps = &search.maps
    maps.kernels = n_kernels
    maps.side_by_side = n_kernels if maps.are_near else 1
    maps.segments = n_kernels // maps.side_by_side


cdef int reserve(Search* search) except -1:
    """Takes the memory of the lines and of the pools, which have no candidates yet."""
    search.lines = malloc(bytes_of_lines(&search.maps))
    search.tops = malloc((search.maps.end_row - search.maps.first_row) * sizeof(int64_t))
    search.pools = <Pool*> malloc(search.n_pools * sizeof(Pool))
    if search.lines == NULL or search.tops == NULL or search.pools == NULL:
        raise MemoryError("peaks: there is no memory for three rows of responses")
    memset(search.pools, 0, search.n_pools * sizeof(Pool))
    return 0


cdef size_t bytes_of_lines(const Maps* maps) noexcept:
    """The bytes of three lines of the most kernels at a time, which are enough for fewer, too."""
    return 3 * min(line_length(maps, maps.lengths[3]), MOST_KEYS + 2 * maps.kernels) * sizeof(int64_t)


cdef void release(Search* search) noexcept:
    cdef Py_ssize_t index
    if search.pools != NULL:
        for index in range(search.n_pools):
            free(search.pools[index].candidates)
    free(search.pools)
    free(search.lines)
    free(search.tops)
    free(search.selection.cells)


cdef inline Py_ssize_t columns_at_once(const Maps* maps) noexcept nogil:
    """Columns that lie in a line, without those beside them."""
    return min(maps.lengths[3], max(MOST_KEYS // maps.kernels, 1))


cdef inline Py_ssize_t line_length(const Maps* maps, Py_ssize_t n_columns) noexcept nogil:
    """Keys of a line of so many columns, and of one more on either side of each segment."""
    return maps.kernels * (n_columns + 2)


include "map_search.pxi"
include "finder.pxi"

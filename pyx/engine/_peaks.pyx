"""Peaks of finished maps: rows are laid out as keys, their candidates found, and the best of these selected.

The two stages know nothing of each other: `candidates.pxi` finds the candidates of a row from three rows, and
`selection.pxi` takes candidates of any part of a map. Three rows are kept, at most `MOST_KEYS` of each, and the pools.
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
FIELDS = "score", "row", "column", "kernel", "sub_row", "sub_column"

# keys of a line, unless one column of all kernels has more: three lines of float32 lie in a second cache of 1 MiB
cdef Py_ssize_t MOST_KEYS = 1 << 16
# keys between two looks for signals: some milliseconds
cdef Py_ssize_t KEYS_PER_LOOK = 1 << 22
# kernels that are looked at together, and the bytes of their pools: fewer where pools are large, but so many that a
# cache line of responses is read once
cdef Py_ssize_t MOST_KERNELS = 2048, LEAST_KERNELS = 16, POOL_BYTES = 1 << 26

cdef enum:
    NO_ROW = -2        # neither of a map, nor missing beside one
    ROWS_OF_SEED = 16  # rows for each of those that are looked at first

cdef struct Maps:                    # how responses lie in memory, and what is looked for in them
    const char* start
    Py_ssize_t[4] lengths, pitches   # of images, rows, columns, kernels; pitches in bytes
    Elements elements
    Subpixel how
    Py_ssize_t row_border, border
    Py_ssize_t first_row, end_row    # that candidates are looked for in; those beside them are in memory, too
    Py_ssize_t first_kernel, n_kernels   # where they begin among those that compete, and how many these are
    bint are_near                    # whether kernels are nearer to each other than columns
    Py_ssize_t kernels               # in a line
    Py_ssize_t segments, side_by_side    # of a line, and kernels in each column of one

cdef struct Records:                 # where peaks are written
    char* start
    Py_ssize_t n_bytes               # of a record
    Py_ssize_t[6] places             # of its fields

cdef struct Search:                  # what a call works with
    Maps maps
    Records records
    Selection selection
    Pool* pools
    Py_ssize_t n_pools, most_kernels     # at a time
    void* lines
    Py_ssize_t[3] laid               # the rows that lie in them
    void* tops                       # the largest key of each row that no NaN is
    const double* known              # those of all maps (images, kernels, rows), or NULL
    bint in_order                    # whether rows come from above to below
    Py_ssize_t until_look


def find_peaks(cnp.ndarray responses, cnp.ndarray peaks, const double[:, :, ::1] tops, object gate, object distance,
               object border, str how, bint largest, bint by_image):
    """Write the peaks of responses (images, rows, columns, kernels) into records (maps, k); those not found stay.

    `tops` are the largest keys of rows (images, kernels, rows), no integers of 64 bits, or None if they are not known.

    `gate` is the key that a peak has at least, as the responses' keys are, or None; the distance is at most the longer
    axis.
    """
    cdef Search search
    cdef int status = 0
    cdef int64_t whole_gate = <int64_t> SIGN
    cdef double wide_gate = -INFINITY
    memset(&search, 0, sizeof(search))
    if responses.ndim != 4 or peaks.ndim != 2 or not peaks.flags.c_contiguous or peaks.dtype.names != FIELDS:
        raise ValueError("peaks: the arrays are not (images, rows, columns, kernels) and (maps, k)")
    lay_out_maps(&search.maps, responses, largest)
    if tops is not None:
        if (tops.shape[0] != responses.shape[0] or tops.shape[1] != responses.shape[3]
                or tops.shape[2] != responses.shape[1]):
            raise ValueError("peaks: the tops are not those of the rows")
        search.known = &tops[0, 0, 0] if responses.size else NULL
    search.maps.how = SUBPIXELS[how]
    search.maps.row_border, search.maps.border = border
    search.maps.end_row = responses.shape[1]
    search.maps.n_kernels = responses.shape[3]
    lay_out_records(&search, peaks)
    search.selection.n_wanted = peaks.shape[1]
    search.selection.distance = distance
    search.selection.by_image = by_image
    search.selection.n_cells = ((responses.shape[1] - 1) // distance + 1) * ((responses.shape[2] - 1) // distance + 1)
    if peaks.shape[0] != responses.shape[0] * (1 if by_image else responses.shape[3]) or not 0 < distance:
        raise ValueError("peaks: there is not a row for each map")
    if responses.size == 0:
        return
    arrange(&search)
    if responses.dtype.kind in "iu" and responses.itemsize == 8:
        whole_gate = whole_gate if gate is None else gate
    elif gate is not None:
        wide_gate = gate
    try:
        reserve(&search)
        with nogil:
            if search.maps.elements.type == INT64 or search.maps.elements.type == UINT64:
                status = search_images(&search, whole_gate)
            elif search.maps.elements.n_bytes <= 2 or search.maps.elements.type == FLOAT32:
                status = search_images(&search, <float> wide_gate)
            else:
                status = search_images(&search, wide_gate)
    finally:
        release(&search)
    check(status)


cdef int lay_out_maps(Maps* maps, cnp.ndarray responses, bint largest) except -1:
    """Notes where responses lie, and of which type they are."""
    cdef int axis
    maps.start = cnp.PyArray_BYTES(responses)
    for axis in range(4):
        maps.lengths[axis] = responses.shape[axis]
        maps.pitches[axis] = responses.strides[axis]
    maps.elements = Elements(ELEMENTS[responses.dtype.str[1:]], responses.itemsize, not responses.dtype.isnative,
                             not largest)
    return 0


cdef int check(int status) except -1:
    """Raises what a search failed with, or what is set already."""
    if status == NO_MEMORY:
        raise MemoryError("peaks: there is no memory for their candidates")
    return -1 if status == RAISED else 0


cdef int lay_out_records(Search* search, cnp.ndarray peaks) except -1:
    """Notes where peaks are written."""
    cdef int field
    search.records.start = cnp.PyArray_BYTES(peaks)
    search.records.n_bytes = peaks.itemsize
    for field in range(6):
        search.records.places[field] = peaks.dtype.fields[FIELDS[field]][1]
    return 0


cdef void arrange(Search* search) noexcept:
    """Decides how many kernels are looked at together: where they are side by side or compete, as many as may be."""
    cdef Maps* maps = &search.maps
    cdef Py_ssize_t pool_bytes = sizeof(Candidate) * min(maps.lengths[1] * maps.lengths[2] // 4 + 1,
                                                         8 * limit_of(&search.selection))
    cdef Py_ssize_t most = min(MOST_KERNELS, max(LEAST_KERNELS, POOL_BYTES // pool_bytes))
    maps.are_near = maps.lengths[3] > 1 and abs(maps.pitches[3]) < abs(maps.pitches[2])
    search.most_kernels = 1
    if search.selection.by_image:
        search.most_kernels = min(maps.lengths[3], MOST_KERNELS)
    elif maps.are_near:
        search.most_kernels = min(maps.lengths[3], most)
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
    search.tops = malloc(search.maps.lengths[1] * sizeof(int64_t))
    search.pools = <Pool*> malloc(search.n_pools * sizeof(Pool))
    if search.lines == NULL or search.tops == NULL or search.pools == NULL:
        raise MemoryError("peaks: there is no memory for three rows of responses")
    memset(search.pools, 0, search.n_pools * sizeof(Pool))
    return 0


cdef size_t bytes_of_lines(const Maps* maps) noexcept:
    """The bytes of three lines of the most kernels at a time, which are enough for fewer, too."""
    return 3 * min(line_length(maps, maps.lengths[2]), MOST_KEYS + 2 * maps.kernels) * sizeof(int64_t)


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
    return min(maps.lengths[2], max(MOST_KEYS // maps.kernels, 1))


cdef inline Py_ssize_t line_length(const Maps* maps, Py_ssize_t n_columns) noexcept nogil:
    """Keys of a line of so many columns, and of one more on either side of each segment."""
    return maps.kernels * (n_columns + 2)


include "map_search.pxi"
include "finder.pxi"

"""Peaks of finished maps: rows are laid out as keys, their candidates found, and the best of these selected.

The two stages know nothing of each other: `candidates.pxi` finds the candidates of a row from three rows, and
`selection.pxi` takes candidates of any part of a map. Three rows are kept, at most `MOST_KEYS` of each, and the pools.
"""

cimport numpy as cnp
from libc.stdlib cimport free, malloc

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

cdef struct Maps:                    # how responses lie in memory, and what is looked for in them
    const char* start
    Py_ssize_t[4] lengths, pitches   # of images, rows, columns, kernels; pitches in bytes
    Elements elements
    Subpixel how
    Py_ssize_t border
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
    Py_ssize_t until_look


def find_peaks(cnp.ndarray responses, cnp.ndarray peaks, object gate, object distance, object border, str how,
               bint largest, bint by_image):
    """Write the peaks of responses (images, rows, columns, kernels) into records (maps, k); those not found stay.

    `gate` is the key that a peak has at least, as the responses' keys are, or None; the distance is at most the longer
    axis.
    """
    cdef Search search
    cdef int axis, status = 0
    cdef int64_t whole_gate = <int64_t> SIGN
    cdef double wide_gate = -INFINITY
    memset(&search, 0, sizeof(search))
    if responses.ndim != 4 or peaks.ndim != 2 or not peaks.flags.c_contiguous or peaks.dtype.names != FIELDS:
        raise ValueError("peaks: the arrays are not (images, rows, columns, kernels) and (maps, k)")
    search.maps.start = cnp.PyArray_BYTES(responses)
    for axis in range(4):
        search.maps.lengths[axis] = responses.shape[axis]
        search.maps.pitches[axis] = responses.strides[axis]
    search.maps.elements = Elements(ELEMENTS[responses.dtype.str[1:]], responses.itemsize,
                                    not responses.dtype.isnative, not largest)
    search.maps.how = SUBPIXELS[how]
    search.maps.border = border
    search.records.start = cnp.PyArray_BYTES(peaks)
    search.records.n_bytes = peaks.itemsize
    for axis in range(6):
        search.records.places[axis] = peaks.dtype.fields[FIELDS[axis]][1]
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
    if status == NO_MEMORY:
        raise MemoryError("peaks: there is no memory for their candidates")
    if status == RAISED:
        propagate()


cdef int propagate() except -1:
    """Raises what is set already."""
    return -1


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
    cdef Py_ssize_t most = min(line_length(&search.maps, search.maps.lengths[2]), MOST_KEYS + 2 * search.maps.kernels)
    search.lines = malloc(3 * most * sizeof(int64_t))  # enough for fewer kernels, too
    search.pools = <Pool*> malloc(search.n_pools * sizeof(Pool))
    if search.lines == NULL or search.pools == NULL:
        raise MemoryError("peaks: there is no memory for three rows of responses")
    memset(search.pools, 0, search.n_pools * sizeof(Pool))
    return 0


cdef void release(Search* search) noexcept:
    cdef Py_ssize_t index
    if search.pools != NULL:
        for index in range(search.n_pools):
            free(search.pools[index].candidates)
    free(search.pools)
    free(search.lines)
    free(search.selection.cells)


cdef inline Py_ssize_t columns_at_once(const Maps* maps) noexcept nogil:
    """Columns that lie in a line, without those beside them."""
    return min(maps.lengths[2], max(MOST_KEYS // maps.kernels, 1))


cdef inline Py_ssize_t line_length(const Maps* maps, Py_ssize_t n_columns) noexcept nogil:
    """Keys of a line of so many columns, and of one more on either side of each segment."""
    return maps.kernels * (n_columns + 2)


# --- over images, parts of them and rows ------------------------------------------------------------------------------


cdef int search_images(Search* search, key gate) noexcept nogil:
    """Finds and writes the peaks of all maps that have keys of this type."""
    cdef Py_ssize_t image, kernel, n_kernels = search.maps.lengths[3]
    cdef int status = 0
    for image in range(search.maps.lengths[0]):
        kernel = 0
        while kernel < n_kernels and status == 0:
            put_in_line(search, min(search.most_kernels, n_kernels - kernel))
            if kernel == 0 or not search.selection.by_image:
                empty_pools(search)
            status = search_parts(search, image, kernel, gate)
            if status == 0 and not search.selection.by_image:
                status = write_all(search, image, image * n_kernels + kernel)
            kernel += search.maps.kernels
        if status == 0 and search.selection.by_image:
            status = write_all(search, image, image)
        if status != 0:
            return status
    return 0


cdef void empty_pools(Search* search) noexcept nogil:
    cdef Py_ssize_t pool
    for pool in range(search.n_pools):
        search.pools[pool].count = 0
        search.pools[pool].has_last = False


cdef int write_all(Search* search, Py_ssize_t image, Py_ssize_t first_map) noexcept nogil:
    """Selects from the pools, which are complete, and writes the peaks of the maps from the first one on."""
    cdef Py_ssize_t pool
    cdef int status
    for pool in range(1 if search.selection.by_image else search.maps.kernels):
        status = select_from(&search.pools[pool], &search.selection)
        if status != 0:
            return status
        write_peaks(search, &search.pools[pool], image, first_map + pool)
    return 0


cdef int search_parts(Search* search, Py_ssize_t image, Py_ssize_t kernel, key gate) noexcept nogil:
    """Puts the candidates of some kernels of an image into their pools: of as many columns at a time as lines hold."""
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t first = 0, some = columns_at_once(maps), n_columns = maps.lengths[2]
    cdef int status = 0
    while first < n_columns and status == 0:
        status = search_rows(search, image, kernel, first, min(some, n_columns - first), gate)
        first += some
    return status


cdef int search_rows(Search* search, Py_ssize_t image, Py_ssize_t kernel, Py_ssize_t first, Py_ssize_t n_columns,
                     key gate) noexcept nogil:
    """Does so for some columns: lays each row out once and looks at the one above it."""
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t length = line_length(maps, n_columns), row, index, n_rows = maps.lengths[1]
    cdef key* line = <key*> search.lines
    cdef key* three[3]
    cdef Lines lines = Lines(0, n_rows, first, maps.lengths[2], kernel, maps.side_by_side)
    cdef int status = 0
    for row in range(maps.border - 1, n_rows - maps.border + 1):
        for index in range(3):  # above, line, below
            three[index] = line + (row + 1 + index) % 3 * length
        lay_out_row(maps, image, kernel, row, first, n_columns, three[2])
        if row == maps.border - 1:
            continue
        lines.row = row - 1
        if row - 1 >= maps.border:
            status = look_at_row(search, three, &lines, n_columns, gate)
        search.until_look -= length
        if status == 0 and search.until_look <= 0:
            search.until_look = KEYS_PER_LOOK
            status = look_for_signals()
        if status != 0:
            return status
    return 0


cdef int look_for_signals() noexcept nogil:
    cdef int status
    with gil:
        status = check_signals()
    return RAISED if status != 0 else 0


cdef void lay_out_row(const Maps* maps, Py_ssize_t image, Py_ssize_t kernel, Py_ssize_t row, Py_ssize_t first,
                      Py_ssize_t n_columns, key* line) noexcept nogil:
    """Lays columns [first - 1, first + n_columns + 1) of a row into a line, `least` where they are missing."""
    cdef Py_ssize_t segment, column, index, width = maps.side_by_side
    cdef Py_ssize_t begin = max(first - 1, 0), end = min(first + n_columns + 1, maps.lengths[2])
    cdef key nothing = least(line[0])
    cdef const char* place
    cdef key* target
    for segment in range(maps.segments):
        if not 0 <= row < maps.lengths[1]:
            begin = end = first
        for index in range((begin - first + 1) * width):
            line[index] = nothing
        for index in range((end - first + 1) * width, (n_columns + 2) * width):
            line[index] = nothing
        place = (maps.start + image * maps.pitches[0] + row * maps.pitches[1] + begin * maps.pitches[2]
                 + (kernel + segment) * maps.pitches[3])
        target = line + (begin - first + 1) * width
        if width == 1:
            lay_out_keys(place, maps.pitches[2], end - begin, &maps.elements, target)
        elif maps.pitches[2] == width * maps.pitches[3]:
            lay_out_keys(place, maps.pitches[3], (end - begin) * width, &maps.elements, target)
        else:
            for column in range(end - begin):
                lay_out_keys(place + column * maps.pitches[2], maps.pitches[3], width, &maps.elements,
                             target + column * width)
        line += (n_columns + 2) * width


cdef int look_at_row(Search* search, key** three, Lines* lines, Py_ssize_t n_columns, key gate) noexcept nogil:
    """Puts the candidates of a row into their pools."""
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t width = lines.pitch, segment, index, place, last, kernel = lines.first_kernel
    cdef Py_ssize_t begin = max(maps.border - lines.first_column, 0)
    cdef Py_ssize_t end = min(lines.n_columns - maps.border - lines.first_column, n_columns)
    cdef key highest = gate_of(search, gate)
    cdef int status = 0
    for segment in range(maps.segments):
        lines.first_kernel = kernel + segment
        place = segment * (n_columns + 2) * width
        if lines.row == 0 and lines.first_column == 0 and begin == 0 and gate == least(gate):
            for index in range(place + width, place + 2 * width):
                if status == 0 and first_is_candidate(three[1] + index, three[2] + index, width):
                    status = put(search, three, place, index, lines)
        index = place + (begin + 1) * width
        last = place + (end + 1) * width
        while index < last and status == 0:
            status = look_at_some(search, three, place, index, min(<Py_ssize_t> AT_ONCE, last - index), highest, lines)
            index += AT_ONCE
    lines.first_kernel = kernel
    return status


cdef key gate_of(const Search* search, key gate) noexcept nogil:
    """The least key that a candidate must have to be taken in by any of the pools."""
    cdef int64_t rank = rank_of(gate), lowest = rank
    cdef Py_ssize_t pool
    for pool in range(1 if search.selection.by_image else search.maps.kernels):
        if not search.pools[pool].has_last:
            lowest = rank
            break
        if pool == 0 or search.pools[pool].last.rank < lowest:
            lowest = search.pools[pool].last.rank
    return max(key_of(max(lowest, rank), gate), least_but_one(gate))


cdef int look_at_some(Search* search, key** three, Py_ssize_t segment, Py_ssize_t first, Py_ssize_t count, key gate,
                      const Lines* lines) noexcept nogil:
    """Does so for some places of a segment, most of which are found to have none at a glance."""
    cdef uint8_t[AT_ONCE] marks
    cdef uint64_t eight
    cdef Py_ssize_t index, begin
    cdef int status = 0
    if not reaches(three[1] + first, count, gate):
        return 0
    mark(three[0] + first, three[1] + first, three[2] + first, lines.pitch, count, gate, marks)
    for index in range(count, (count + 7) // 8 * 8):
        marks[index] = 0
    for begin in range(0, count, 8):
        memcpy(&eight, &marks[begin], 8)
        if eight == 0:
            continue
        for index in range(begin, begin + 8):
            if marks[index] and status == 0:
                status = put(search, three, segment, first + index, lines)
    return status


cdef int put(Search* search, key** three, Py_ssize_t segment, Py_ssize_t place, const Lines* lines) noexcept nogil:
    """Puts the candidate at a place of the lines into its pool; all above it is known if lines hold all columns."""
    cdef Candidate candidate
    cdef Py_ssize_t of_kernel = (place - segment) % lines.pitch, pool
    cdef bint all_kernels = not search.selection.by_image or search.maps.kernels == search.maps.lengths[3]
    cdef bint whole = all_kernels and columns_at_once(&search.maps) == lines.n_columns
    candidate.rank = rank_of(three[1][place])
    candidate.row = lines.row
    candidate.column = lines.first_column + (place - segment) // lines.pitch - 1
    candidate.kernel = lines.first_kernel + of_kernel
    pool = 0 if search.selection.by_image else of_kernel
    locate(&candidate, three[0] + place, three[1] + place, three[2] + place, lines, search.maps.how,
           &search.maps.elements)
    return put_into(&search.pools[pool], &search.selection, &candidate, lines.row if whole else 0)


# --- records ----------------------------------------------------------------------------------------------------------


cdef void write_peaks(Search* search, const Pool* pool, Py_ssize_t image, Py_ssize_t index) noexcept nogil:
    """Writes what is left in a pool, the last one first, into the records of the map `index`."""
    cdef const Maps* maps = &search.maps
    cdef const Records* records = &search.records
    cdef const Candidate* peak
    cdef char* record = records.start + index * search.selection.n_wanted * records.n_bytes
    cdef Py_ssize_t number
    for number in range(pool.count - 1, -1, -1):
        peak = &pool.candidates[number]
        write_score(maps, maps.start + image * maps.pitches[0] + peak.row * maps.pitches[1]
                    + peak.column * maps.pitches[2] + peak.kernel * maps.pitches[3], record + records.places[0])
        memcpy(record + records.places[1], &peak.row, sizeof(Py_ssize_t))
        memcpy(record + records.places[2], &peak.column, sizeof(Py_ssize_t))
        memcpy(record + records.places[3], &peak.kernel, sizeof(Py_ssize_t))
        memcpy(record + records.places[4], &peak.sub_row, sizeof(double))
        memcpy(record + records.places[5], &peak.sub_column, sizeof(double))
        record += records.n_bytes


cdef void write_score(const Maps* maps, const char* place, char* score) noexcept nogil:
    """Copies a response in native byte order; a bool becomes 0 or 1."""
    cdef Py_ssize_t byte, last = maps.elements.n_bytes - 1
    for byte in range(last + 1):
        score[byte] = place[last - byte if maps.elements.swapped else byte]
    if maps.elements.type == BOOL:
        score[0] = score[0] != 0

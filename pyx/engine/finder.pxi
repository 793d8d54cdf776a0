# A search whose rows come some at a time.


cdef class Finder:
    """Find the peaks of maps whose rows come some at a time, and of which no array has all.

    Parameters
    ----------
    sizes : rows, columns and kernels of a map.
    dtype : of the responses, in native byte order or not.
    k : how many peaks there are at most.
    gate : the key that a peak has at least, as the responses' keys are, or None.
    distance, border : at most the longer axis; of rows and of columns.
    how : a place between pixels.
    largest, by_image : whether maxima are looked for, and whether kernels compete.
    """
    cdef Search search
    cdef Pool* pools             # of all kernels, or the one
    cdef Py_ssize_t n_pools
    cdef int64_t whole_gate
    cdef double wide_gate

    def __cinit__(self, tuple sizes, object dtype, object k, object gate, object distance, object border, str how,
                  bint largest, bint by_image):
        cdef Maps* maps = &self.search.maps
        cdef Selection* selection = &self.search.selection
        maps.lengths[0] = 1
        maps.lengths[1], maps.lengths[2], maps.lengths[3] = sizes
        if min(sizes) < 1 or distance < 1:
            raise ValueError("peaks: there is no map, or no distance")
        maps.n_kernels = maps.lengths[3]
        maps.elements = Elements(ELEMENTS[dtype.str[1:]], dtype.itemsize, not dtype.isnative, not largest)
        maps.how = SUBPIXELS[how]
        maps.row_border, maps.border = border
        selection.n_wanted, selection.distance, selection.by_image = k, distance, by_image
        selection.n_cells = ((maps.lengths[1] - 1) // distance + 1) * ((maps.lengths[2] - 1) // distance + 1)
        self.whole_gate, self.wide_gate = <int64_t> SIGN, -INFINITY
        if gate is not None and (maps.elements.type == INT64 or maps.elements.type == UINT64):
            self.whole_gate = gate
        elif gate is not None:
            self.wide_gate = gate
        self.n_pools = 1 if by_image else maps.n_kernels
        self.pools = <Pool*> calloc(self.n_pools, sizeof(Pool))
        if self.pools == NULL:
            raise MemoryError("peaks: there is no memory for pools of candidates")

    def __dealloc__(self):
        cdef Py_ssize_t index
        if self.pools != NULL:
            for index in range(self.n_pools):
                free(self.pools[index].candidates)
        free(self.pools)
        free(self.search.selection.cells)

    def take(self, cnp.ndarray responses, Py_ssize_t above, Py_ssize_t first_row, Py_ssize_t end_row,
             Py_ssize_t first_kernel=0):
        """Look for candidates in rows [first_row, end_row) of responses (rows, columns, kernels), the first in `above`.

        Rows come from above to below, and those beside them are there, too; kernels are all, or of those that compete
        some, from the first one on.
        """
        cdef Search* search = &self.search
        cdef Maps* maps = &search.maps
        cdef int axis, status
        cdef Py_ssize_t end = above + responses.shape[0]
        if (responses.ndim != 3 or ELEMENTS[responses.dtype.str[1:]] != maps.elements.type
                or responses.shape[1] != maps.lengths[2] or responses.dtype.isnative == maps.elements.swapped
                or not 0 <= above <= max(first_row - 1, 0) or not min(end_row + 1, maps.lengths[1]) <= end
                or not end <= maps.lengths[1] or not 0 <= first_row <= end_row
                or not 0 <= first_kernel <= maps.n_kernels - responses.shape[2]
                or (responses.shape[2] != maps.n_kernels and not search.selection.by_image)):
            raise ValueError("peaks: the responses are not of the map")
        for axis in range(3):
            maps.pitches[axis + 1] = responses.strides[axis]
        maps.lengths[3] = responses.shape[2]
        maps.start = cnp.PyArray_BYTES(responses) - above * maps.pitches[1]
        maps.first_row, maps.end_row, maps.first_kernel = first_row, end_row, first_kernel
        if responses.shape[2] == 0:
            return
        arrange(search)
        search.lines = malloc(bytes_of_lines(maps))
        search.tops = malloc(maps.lengths[1] * sizeof(int64_t))
        if search.lines == NULL or search.tops == NULL:
            free(search.lines)
            free(search.tops)
            raise MemoryError("peaks: there is no memory for three rows of responses")
        try:
            with nogil:
                status = self.look()
        finally:
            free(search.lines)
            free(search.tops)
            search.lines = search.tops = NULL
        check(status)

    cdef int look(self) noexcept nogil:
        """Does so with keys of the responses' type."""
        cdef const Elements* elements = &self.search.maps.elements
        if elements.type == INT64 or elements.type == UINT64:
            return search_kernels(&self.search, self.pools, self.whole_gate)
        if elements.n_bytes <= 2 or elements.type == FLOAT32:
            return search_kernels(&self.search, self.pools, <float> self.wide_gate)
        return search_kernels(&self.search, self.pools, self.wide_gate)

    def write(self, cnp.ndarray peaks):
        """Write the peaks, when all rows were taken, into records (maps, k); those not found stay."""
        cdef int status
        cdef Search* search = &self.search
        if (peaks.ndim != 2 or not peaks.flags.c_contiguous or peaks.dtype.names != FIELDS
                or peaks.shape[0] != self.n_pools or peaks.shape[1] != search.selection.n_wanted
                or peaks.dtype[0].itemsize != search.maps.elements.n_bytes):
            raise ValueError("peaks: there is not a row for each map")
        lay_out_records(search, peaks)
        search.pools, search.maps.kernels = self.pools, self.n_pools
        with nogil:
            status = write_all(search, 0)
        check(status)

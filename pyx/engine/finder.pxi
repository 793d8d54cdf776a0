# A search whose rows or planes come some at a time.


cdef class Finder:
    """Find the peaks of maps whose rows, or planes, come some at a time, and of which no array has all.

    Parameters
    ----------
    sizes : planes, rows, columns and kernels of a map.
    dtype : of the responses, in native byte order or not.
    k : how many peaks there are at most.
    gate : the key that a peak has at least, as the responses' keys are, or None.
    distance, borders : at most the longest axis; of planes, rows and columns.
    how : a place between pixels.
    largest, by_image : whether maxima are looked for, and whether kernels compete.
    """
    cdef Search search
    cdef Pool* pools             # of all kernels, or the one
    cdef Py_ssize_t n_pools
    cdef int64_t whole_gate
    cdef double wide_gate

    def __cinit__(self, tuple sizes, object dtype, object k, object gate, object distance, tuple borders, str how,
                  bint largest, bint by_image):
        if min(sizes) < 1 or distance < 1:
            raise ValueError("peaks: there is no map, or no distance")
        ask(&self.search, (1, *sizes), dtype, (k, distance, borders, how, largest, by_image))
        self.whole_gate, self.wide_gate = gates(&self.search.maps.elements, gate)
        self.n_pools = 1 if by_image else self.search.maps.n_kernels
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

    def take(self, cnp.ndarray responses, Py_ssize_t above, Py_ssize_t first, Py_ssize_t end,
             Py_ssize_t first_kernel=0):
        """Look for candidates in rows [first, end) of responses (planes, rows, columns, kernels), the first in `above`.

        Of several planes these are what is counted. They come one after the other, and those beside them are there,
        too; kernels are all, or of those that compete some, from the first one on.
        """
        cdef Search* search = &self.search
        cdef Maps* maps = &search.maps
        cdef int axis, along = search.selection.slowest + 1  # of the map's axes
        cdef Py_ssize_t there = above + responses.shape[along - 1], rows_each = maps.lengths[2] if along == 1 else 1
        cdef bint fits = (responses.ndim == 4 and ELEMENTS[responses.dtype.str[1:]] == maps.elements.type
                          and responses.dtype.isnative != maps.elements.swapped)
        fits = (fits and 0 <= above <= max(first - 1, 0) and min(end + 1, maps.lengths[along]) <= there
                and there <= maps.lengths[along] and 0 <= first <= end
                and 0 <= first_kernel <= maps.n_kernels - responses.shape[3]
                and (responses.shape[3] == maps.n_kernels or search.selection.by_image))
        for axis in range(4):
            fits = fits and (axis >= 3 or axis + 1 == along or responses.shape[axis] == maps.lengths[axis + 1])
        if not fits:
            raise ValueError("peaks: the responses are not of the map")
        for axis in range(4):
            maps.pitches[axis + 1] = responses.strides[axis]
        maps.lengths[4] = responses.shape[3]
        maps.start = cnp.PyArray_BYTES(responses) - above * maps.pitches[along]
        maps.first_row, maps.end_row, maps.first_kernel = first * rows_each, end * rows_each, first_kernel
        if responses.shape[3] == 0 or first == end:
            return
        self.look_within()

    cdef int look_within(self) except -1:
        """Does so, with memory for lines."""
        cdef Search* search = &self.search
        cdef int status
        arrange(search)
        search.lines = malloc(bytes_of_lines(&search.maps))
        search.tops = malloc((search.maps.end_row - search.maps.first_row) * sizeof(int64_t))
        try:
            if search.lines == NULL or search.tops == NULL:
                raise MemoryError("peaks: there is no memory for three rows of responses")
            with nogil:
                status = self.look()
        finally:
            free(search.lines)
            free(search.tops)
            search.lines = search.tops = NULL
        return check(status)

    cdef int look(self) noexcept nogil:
        """Does so with keys of the responses' type."""
        cdef const Elements* elements = &self.search.maps.elements
        if has_longs(elements):
            return search_kernels(&self.search, self.pools, self.whole_gate)
        if has_floats(elements):
            return search_kernels(&self.search, self.pools, <float> self.wide_gate)
        return search_kernels(&self.search, self.pools, self.wide_gate)

    def write(self, cnp.ndarray peaks):
        """Write the peaks, when all rows were taken, into records (maps, k); those not found stay."""
        cdef int status
        cdef Search* search = &self.search
        if (peaks.ndim != 2 or not peaks.flags.c_contiguous
                or peaks.shape[0] != self.n_pools or peaks.shape[1] != search.selection.n_wanted
                or peaks.dtype[0].itemsize != search.maps.elements.n_bytes):
            raise ValueError("peaks: there is not a row for each map")
        lay_out_records(&search.records, peaks)
        search.pools, search.maps.kernels = self.pools, self.n_pools
        with nogil:
            status = write_all(search, 0)
        check(status)

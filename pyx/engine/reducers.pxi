# What is kept of responses that are reduced, as Python has it: its memory, and the results.

REDUCTIONS = {"max": ASKED_LARGEST, "argmax": ASKED_LARGEST | ASKED_PLACES, "min": ASKED_SMALLEST,
              "argmin": ASKED_SMALLEST | ASKED_PLACES, "ppv": ASKED_POSITIVE, "mean": ASKED_MEAN,
              "energy": ASKED_ENERGY}


cdef class Kept:
    """The memory of a reduction, which the reducers of its images share."""
    cdef Reduction reduction
    cdef dict arrays      # over kernels: of each kind, images * positions
    cdef KeptOfKernel* of_kernels

    def __dealloc__(self):
        PyMem_Free(self.of_kernels)


def bytes_of_kept(tuple names, bint over_kernels, str element):
    """The bytes that are kept of an image and a kernel, or of a position."""
    cdef int asked = asked_of(names)
    cdef Py_ssize_t of_extreme = 4 + (4 if element in ("f2", "f4") else 8), n_bytes = 0
    if not over_kernels:
        return sizeof(KeptOfKernel)
    for kind in (ASKED_LARGEST, ASKED_SMALLEST):
        n_bytes += of_extreme if asked & kind else 0
    for kind in (ASKED_MEAN, ASKED_ENERGY):
        n_bytes += 16 if asked & kind else 0
    return n_bytes + (4 if asked & ASKED_POSITIVE else 0)


cdef int asked_of(tuple names) except -1:
    cdef int asked = 0
    for name in names:
        asked |= <int> REDUCTIONS[name]
    return asked


cdef class Reducer:
    """What takes the responses of some images in the place of an array, and what is kept of them.

    Parameters
    ----------
    table : capsule of a level.
    names : of `REDUCTIONS`.
    over_kernels : whether kernels are what is reduced, else positions.
    sizes : images, kernels, rows and columns.
    element : of the responses.
    """
    cdef Kept kept
    cdef readonly Py_ssize_t first_image, n_images
    cdef readonly Py_ssize_t first_place, row_places, column_places

    def __cinit__(self, table=None, tuple names=(), bint over_kernels=False, tuple sizes=(), str element=""):
        cdef Reduction* reduction
        if table is None:  # of `of_images` and `along`, which say the rest
            return
        self.kept = Kept()
        reduction = &self.kept.reduction
        reduction.routines = routines_of(table, "f4" if element in ("f2", "f4") else "f8")
        reduction.asked, reduction.over_kernels = asked_of(names), over_kernels
        reduction.halves, reduction.whole = element == "f2", element[0] in "iu"
        reduction.n_images, reduction.n_kernels = sizes[:2]
        reduction.n_positions = sizes[2] * sizes[3]
        self.n_images = reduction.n_images
        self.row_places, self.column_places = sizes[3], 1
        if over_kernels:
            self._keep_positions()
        else:
            self.kept.of_kernels = reduction.of_kernels = <KeptOfKernel*> allocated(
                product(reduction.n_images, reduction.n_kernels), sizeof(KeptOfKernel))
        self.begin()

    cdef _keep_positions(self):
        cdef Reduction* reduction = &self.kept.reduction
        cdef KeptOfPositions* kept = &reduction.of_positions
        cdef Py_ssize_t count = reduction.n_images * reduction.n_positions
        cdef dict arrays = {}
        cdef str element = "f4" if reduction.routines.element == FLOAT32 else "f8"
        self.kept.arrays = arrays
        if reduction.asked & ASKED_LARGEST:
            arrays["max"], arrays["argmax"] = np.empty(count, element), np.empty(count, np.int32)
            kept.highest = cnp.PyArray_BYTES(arrays["max"])
            kept.highest_of = <int32_t*> cnp.PyArray_BYTES(arrays["argmax"])
        if reduction.asked & ASKED_SMALLEST:
            arrays["min"], arrays["argmin"] = np.empty(count, element), np.empty(count, np.int32)
            kept.lowest = cnp.PyArray_BYTES(arrays["min"])
            kept.lowest_of = <int32_t*> cnp.PyArray_BYTES(arrays["argmin"])
        if reduction.asked & ASKED_POSITIVE:
            arrays["ppv"] = np.empty(count, np.int32)
            kept.n_positive = <int32_t*> cnp.PyArray_BYTES(arrays["ppv"])
        if reduction.asked & ASKED_MEAN:
            arrays["mean"] = np.empty((2, count))
            kept.totals = <double*> cnp.PyArray_BYTES(arrays["mean"])
        if reduction.asked & ASKED_ENERGY:
            arrays["energy"] = np.empty((2, count))
            kept.energies = <double*> cnp.PyArray_BYTES(arrays["energy"])

    def begin(self):
        """Forget what was kept of these images."""
        cdef Reduction* reduction = &self.kept.reduction
        cdef Py_ssize_t index, first = self.first_image, end = self.first_image + self.n_images
        if reduction.over_kernels:
            for name, array in self.kept.arrays.items():
                array[..., first * reduction.n_positions:end * reduction.n_positions] = -1 if "arg" in name else 0
        else:
            for index in range(first * reduction.n_kernels, end * reduction.n_kernels):
                begin_kernel(&reduction.of_kernels[index])

    @property
    def in_order(self):
        """Whether a position's kernels have to come one after the other."""
        cdef const Reduction* reduction = &self.kept.reduction
        return reduction.over_kernels and reduction.asked & (ASKED_MEAN | ASKED_ENERGY) != 0

    @property
    def size(self):
        """Responses that it takes."""
        return self.n_images * self.kept.reduction.n_kernels * self.kept.reduction.n_positions

    @property
    def nbytes(self):
        """Bytes of what is kept."""
        cdef const Reduction* reduction = &self.kept.reduction
        cdef Py_ssize_t n_bytes = 0
        if not reduction.over_kernels:
            return reduction.n_images * reduction.n_kernels * sizeof(KeptOfKernel)
        for array in self.kept.arrays.values():
            n_bytes += array.nbytes
        return n_bytes

    def of_images(self, Py_ssize_t first, Py_ssize_t end):
        """The one of images [first, end) alone."""
        cdef Reducer other = Reducer()
        if not 0 <= first <= end <= self.n_images:
            raise ValueError("images: they are not the reducer's")
        other.kept = self.kept
        other.first_image, other.n_images = self.first_image + first, end - first
        other.first_place, other.row_places = self.first_place, self.row_places
        other.column_places = self.column_places
        return other

    def along(self, Py_ssize_t first, Py_ssize_t length):
        """The one of a line of positions from `first` on, in rows of that length."""
        cdef Reducer other = self.of_images(0, self.n_images)
        other.first_place, other.row_places, other.column_places = first, length, 1
        return other

    def take(self, str summed, responses, Py_ssize_t image, Py_ssize_t first_row, Py_ssize_t first_column,
             Py_ssize_t[::1] kernels, table):
        """Reduces responses (rows, columns, kernels) of the summed type, of these kernels."""
        cdef Consumer consumer
        cdef Finished finished
        cdef cnp.ndarray array = responses
        memset(&consumer, 0, sizeof(Consumer))
        self.lay_into(&consumer)
        cdef Py_ssize_t size = array.itemsize
        if (array.ndim != 3 or not cnp.PyArray_ISALIGNED(array) or kernels.shape[0] != array.shape[2]
                or not 0 <= image < self.n_images or array.dtype != np.dtype(summed)):
            raise ValueError("responses: they are not of the reducer's image and kernels")
        consumer.reduced_kernels = &kernels[0]
        finished.image, finished.first_row, finished.n_rows = image, first_row, array.shape[0]
        finished.first_column, finished.n_columns = first_column, array.shape[1]
        finished.first_kernel, finished.n_kernels = 0, array.shape[2]
        finished.responses = cnp.PyArray_BYTES(array)
        finished.row_pitch, finished.column_pitch = array.strides[0] // size, array.strides[1] // size
        finished.kernel_pitch = array.strides[2] // size
        cdef const Routines* routines = routines_of(table, summed)
        with nogil:
            reduce_finished(routines, &consumer, &finished)

    cdef lay_into(self, Consumer* consumer):
        """Make a consumer one that reduces."""
        consumer.kind, consumer.before = REDUCE, STORE
        consumer.reduction = &self.kept.reduction
        consumer.first_image, consumer.first_place = self.first_image, self.first_place
        consumer.row_places, consumer.column_places = self.row_places, self.column_places

    # --- results, of all images: (images, kernels) or (images * positions)

    def extremes(self, bint larger):
        """The values as float64 or the type they are kept in, and their places or kernels."""
        cdef const Reduction* reduction = &self.kept.reduction
        cdef Py_ssize_t index, count = reduction.n_images * reduction.n_kernels
        cdef double[::1] values
        cdef int64_t[::1] places
        if reduction.over_kernels:
            name = "max" if larger else "min"
            return self.kept.arrays[name], self.kept.arrays["arg" + name]
        values, places = np.empty(count), np.empty(count, np.int64)
        for index in range(count):
            values[index] = reduction.of_kernels[index].highest if larger else reduction.of_kernels[index].lowest
            places[index] = reduction.of_kernels[index].highest_at if larger else reduction.of_kernels[index].lowest_at
        return np.asarray(values), np.asarray(places)

    def counts(self):
        """How many responses were positive."""
        cdef const Reduction* reduction = &self.kept.reduction
        cdef Py_ssize_t index, count = reduction.n_images * reduction.n_kernels
        cdef int64_t[::1] counts
        if reduction.over_kernels:
            return self.kept.arrays["ppv"]
        counts = np.empty(count, np.int64)
        for index in range(count):
            counts[index] = reduction.of_kernels[index].n_positive
        return np.asarray(counts)

    def sums(self, bint squared):
        """The sums of responses or of their squares in float64; those of integers are exact where it holds them."""
        cdef const Reduction* reduction = &self.kept.reduction
        cdef Py_ssize_t index, count = reduction.n_images * reduction.n_kernels
        cdef double[::1] sums
        if reduction.over_kernels:
            totals, errors = self.kept.arrays["energy" if squared else "mean"]
            with np.errstate(all="ignore"):
                return np.where(errors == errors, totals + errors, totals)
        sums = np.empty(count)
        for index in range(count):
            sums[index] = sum_of_slices(&reduction.of_kernels[index].energy if squared
                                        else &reduction.of_kernels[index].sum)
        return np.asarray(sums)

    def whole_sums(self, bint squared, indices):
        """The sums of some results, if responses are integers, as Python's integers."""
        cdef const Reduction* reduction = &self.kept.reduction
        cdef Py_ssize_t index
        cdef list found = []
        if reduction.over_kernels:
            totals, errors = self.kept.arrays["energy" if squared else "mean"]
            for index in indices:
                found.append(int(totals[index]) + int(errors[index]))
        else:
            for index in indices:
                found.append(whole_sum(&reduction.of_kernels[index].energy if squared
                                       else &reduction.of_kernels[index].sum))
        return found


cdef double sum_of_slices(const Sliced* sum) noexcept:
    """The sum, rounded a few times at most."""
    cdef int64_t low = sum.slices[2], middle = sum.slices[1], high = sum.slices[0], carried, lower
    if sum.flags:
        if sum.flags & HAS_NAN or sum.flags == (HAS_POSITIVE_INFINITY | HAS_NEGATIVE_INFINITY):
            return NAN
        return INFINITY if sum.flags & HAS_POSITIVE_INFINITY else -INFINITY
    carried = (low + (<int64_t> 1 << 31)) >> 32
    low -= carried * (<int64_t> 1 << 32)
    middle += carried
    carried = (middle + (<int64_t> 1 << 31)) >> 32
    middle -= carried * (<int64_t> 1 << 32)
    high += carried
    if middle == -(<int64_t> 1 << 31) and low < 0:  # together less than 64 bits hold
        middle, high = -middle, high - 1
    lower = <int64_t> ((<uint64_t> middle << 32) + <uint64_t> low)
    return ldexp(ldexp(<double> high, 64) + <double> lower, 32 * (sum.top - 3))


cdef object whole_sum(const Sliced* sum):
    """The sum of whole numbers, of which nothing is left below 1 or dropped."""
    cdef object total = 0
    cdef int slice
    for slice in range(3):
        if sum.slices[slice]:
            total += <object> sum.slices[slice] << 32 * (sum.top - 1 - slice)
    return total

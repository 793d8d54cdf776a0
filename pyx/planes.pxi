# Transforms of planes of one size, by the loops of a level: real numbers into half of their frequencies and back.
# Arrays are plain, as everywhere in this module, and of the transforms' type.


cdef enum:
    LINE = 64  # bytes of a line of the cache


cdef inline char* from_a_line(void* memory) noexcept nogil:
    """The first place from here on at which a line of the cache begins: of vectors from there, none lies across two."""
    return <char*> memory + (LINE - <size_t> memory % LINE) % LINE


cdef class PlaneTransforms:
    """The transforms of planes of one size and type: sides are products of 2, 3 and 5.

    Parameters
    ----------
    table : capsule of the level.
    summed : "f4" or "f8".
    height, width : points that are transformed.
    cache : bytes that the points of columns beside each other may take, unless those of one pair of blocks take more.
    """
    cdef object table                   # whose routines are called
    cdef const Routines* routines
    cdef PlaneTransform plan
    cdef char* memory
    cdef readonly Py_ssize_t n_pairs    # of blocks of columns
    cdef readonly Py_ssize_t n_groups   # of rows of frequencies
    cdef readonly Py_ssize_t n_points   # numbers that a workspace of columns holds
    cdef readonly tuple shape           # of a spectrum
    cdef readonly tuple sides

    def __cinit__(self, table, str summed, Py_ssize_t height, Py_ssize_t width, Py_ssize_t cache):
        cdef Py_ssize_t of_down, of_across, lanes
        self.table, self.sides = table, (height, width)
        self.routines = <const Routines*> PyCapsule_GetPointer(table, TABLE_NAME)
        self.routines += <Py_ssize_t> (IN_FLOAT32 if summed == "f4" else IN_FLOAT64)
        plan_transform(&self.plan.down, height, False, self.routines.largest_radix)
        plan_transform(&self.plan.across, width, False, self.routines.largest_radix)
        lanes = self.routines.lanes
        of_down = twiddles_of(&self.plan.down) * self.routines.item_bytes
        of_across = twiddles_of(&self.plan.across) * self.routines.item_bytes
        self.memory = <char*> PyMem_Calloc(1, of_down + of_across + height * sizeof(int))
        if self.memory == NULL:
            raise MemoryError("workspace: the twiddles of transforms cannot be allocated")
        self.plan.down.twiddles, self.plan.across.twiddles = self.memory, self.memory + of_down
        self.routines.fill_twiddles(&self.plan.down, self.memory)
        self.routines.fill_twiddles(&self.plan.across, self.memory + of_down)
        self.plan.places = <const int*> (self.memory + of_down + of_across)
        fill_places(&self.plan.down, <int*> (self.memory + of_down + of_across))
        self.n_groups = self.plan.groups = (height // 2 + lanes) // lanes
        self.n_pairs = (width + 2 * lanes - 1) // (2 * lanes)
        self.plan.at_once = cache // (2 * lanes * height * self.routines.item_bytes)
        self.plan.at_once = max(1, min(self.plan.at_once, self.n_pairs, MOST_PAIRS))
        self.n_points = 2 * lanes * height * self.plan.at_once + LINE // self.routines.item_bytes
        self.shape = (self.n_groups, width, 2, lanes)

    def __dealloc__(self):
        PyMem_Free(self.memory)

    cdef void* points(self, cnp.ndarray workspace) except NULL:
        if workspace.size < self.n_points:
            raise ValueError("workspace: it does not hold the points of columns beside each other")
        return from_a_line(cnp.PyArray_DATA(workspace))

    def places(self):
        """The places of frequencies along the columns of a spectrum."""
        cdef cnp.ndarray across = cnp.PyArray_EMPTY(1, [self.plan.across.n_points], cnp.NPY_INT32, 0)
        fill_places(&self.plan.across, <int*> cnp.PyArray_DATA(across))
        return across

    def columns(self, cnp.ndarray plane, double mean, cnp.ndarray spectrum, cnp.ndarray workspace, Py_ssize_t first,
                Py_ssize_t end):
        """The transforms down some pairs of blocks of columns of a plane, at most as large as what is transformed."""
        cdef void* points = self.points(workspace)
        with nogil:
            self.routines.plane_columns(&self.plan, cnp.PyArray_DATA(plane), plane.shape[0], plane.shape[1], mean,
                                        cnp.PyArray_DATA(spectrum), points, first, end)

    def lines(self, cnp.ndarray spectrum, Py_ssize_t first, Py_ssize_t end, bint backward):
        """The transforms across some groups of rows of frequencies, forwards or backwards."""
        with nogil:
            self.routines.plane_lines(&self.plan, cnp.PyArray_DATA(spectrum), first, end, backward)

    def back(self, cnp.ndarray spectrum, cnp.ndarray plane, cnp.ndarray workspace, Py_ssize_t first_row,
             Py_ssize_t first_column, double scale, Py_ssize_t first, Py_ssize_t end):
        """The way back down of some pairs of blocks of columns, times the scale, into what is kept of a plane."""
        cdef void* points = self.points(workspace)
        cdef Kept kept
        kept.first_row, kept.n_rows, kept.first_column = first_row, plane.shape[0], first_column
        kept.n_columns, kept.scale = plane.shape[1], scale
        with nogil:
            self.routines.plane_back(&self.plan, cnp.PyArray_DATA(spectrum), &kept, cnp.PyArray_DATA(plane), points,
                                     first, end)

    def forward(self, cnp.ndarray planes, cnp.ndarray means, cnp.ndarray spectra, cnp.ndarray workspace):
        """The transforms of planes (planes, rows, columns), each less its mean if they are as large as that."""
        cdef void* points = self.points(workspace)
        cdef Py_ssize_t plane, height = planes.shape[1], width = planes.shape[2]
        cdef const char* source = cnp.PyArray_BYTES(planes)
        cdef char* target = cnp.PyArray_BYTES(spectra)
        cdef const double* less = doubles_of(means)
        with nogil:
            for plane in range(planes.shape[0]):
                self.routines.plane_columns(&self.plan, source, height, width, less[plane], target, points, 0,
                                            self.n_pairs)
                self.routines.plane_lines(&self.plan, target, 0, self.n_groups, False)
                source += height * width * self.routines.item_bytes
                target += self.spectrum_bytes()

    def backward(self, cnp.ndarray spectra, cnp.ndarray planes, cnp.ndarray workspace, Py_ssize_t first_row,
                 Py_ssize_t first_column, cnp.ndarray scales):
        """The way back of spectra, which are overwritten, each multiplied by its scale, or all by the only one."""
        cdef void* points = self.points(workspace)
        cdef Py_ssize_t plane, n_planes = planes.shape[0]
        cdef char* source = cnp.PyArray_BYTES(spectra)
        cdef char* target = cnp.PyArray_BYTES(planes)
        cdef const double* by = doubles_of(scales)
        cdef bint is_one = scales.shape[0] == 1
        cdef Kept kept
        kept.first_row, kept.n_rows, kept.first_column = first_row, planes.shape[1], first_column
        kept.n_columns = planes.shape[2]
        with nogil:
            for plane in range(n_planes):
                kept.scale = by[0 if is_one else plane]
                self.routines.plane_lines(&self.plan, source, 0, self.n_groups, True)
                self.routines.plane_back(&self.plan, source, &kept, target, points, 0, self.n_pairs)
                source += self.spectrum_bytes()
                target += kept.n_rows * kept.n_columns * self.routines.item_bytes

    cdef Py_ssize_t spectrum_bytes(self) noexcept nogil:
        return 2 * self.routines.lanes * self.n_groups * self.plan.across.n_points * self.routines.item_bytes

    def multiply(self, cnp.ndarray a, cnp.ndarray b, cnp.ndarray product, bint add, Py_ssize_t first, Py_ssize_t end):
        """product (+)= a times the conjugate of b, of groups [first, end) of rows of frequencies.

        One spectrum of either goes with all of the other's.
        """
        cdef Py_ssize_t index, n_points = (end - first) * self.plan.across.n_points
        cdef Py_ssize_t n_a = a.shape[0], n_b = b.shape[0], size = self.spectrum_bytes()
        cdef Py_ssize_t before = first * (size // self.n_groups)
        cdef const char* one = cnp.PyArray_BYTES(a) + before
        cdef const char* other = cnp.PyArray_BYTES(b) + before
        cdef char* target = cnp.PyArray_BYTES(product) + before
        with nogil:
            for index in range(product.shape[0]):
                self.routines.multiply_spectra(one + (index if n_a > 1 else 0) * size,
                                               other + (index if n_b > 1 else 0) * size, target + index * size,
                                               n_points, add)

    cdef inline double roundoff(self) noexcept nogil:
        """The unit roundoff of a spectrum's numbers."""
        return 2.0**-24 if self.routines.item_bytes == 4 else 2.0**-53

    def phases(self, cnp.ndarray spectra, cnp.ndarray counts, double share, bint keeps_mean):
        """Turns spectra into their phases; `counts` says how many frequencies are left of each.

        What is below a share of the largest magnitude is 0, and the mean unless it is kept.
        """
        cdef Py_ssize_t index
        cdef char* place = cnp.PyArray_BYTES(spectra)
        cdef double* found = doubles_of(counts)
        with nogil:
            for index in range(spectra.shape[0]):
                found[index] = self.routines.plane_phases(&self.plan, place, share, keeps_mean)
                place += self.spectrum_bytes()

    def room(self, bint is_shared):
        """Elements of the workspace of pairs, spectra and scores; where one of either side is shared, it stays."""
        cdef Py_ssize_t height = self.plan.down.n_points, width = self.plan.across.n_points
        cdef Py_ssize_t others = ((2 * height + width) * 8 + LINE) // self.routines.item_bytes
        return ((4 if is_shared else 2) * (2 * self.routines.lanes * self.n_groups * width)
                + self.n_points + others)

    def best_pairs(self, cnp.ndarray references, cnp.ndarray means, cnp.ndarray moving, cnp.ndarray other_means,
                   cnp.ndarray norms, bint by_phase, double error, Py_ssize_t near, cnp.ndarray best,
                   cnp.ndarray tops, cnp.ndarray around, cnp.ndarray workspace):
        """The best shifts of pairs of planes as large as what is transformed, each from its pixels on in the workspace.

        Parameters
        ----------
        references, moving : (pairs, rows, columns); one of either goes with all of the other's.
        means, other_means : which are taken off.
        norms : by which sums are divided, 0 for no scores; by phase they are written, how many frequencies are left.
        error, near, best, tops, around : as for `best_of_maps`; best ones are shifts.
        workspace : as many elements as `room` says.
        """
        cdef Py_ssize_t size = self.spectrum_bytes(), height = self.plan.down.n_points
        cdef Py_ssize_t width = self.plan.across.n_points, index
        cdef Py_ssize_t plane_bytes = height * width * self.routines.item_bytes
        cdef Py_ssize_t n_references = references.shape[0], n_moving = moving.shape[0]
        cdef const char* one = cnp.PyArray_BYTES(references)
        cdef const char* other = cnp.PyArray_BYTES(moving)
        cdef bint is_shared = n_references != n_moving
        cdef char* memory = from_a_line(cnp.PyArray_DATA(workspace))
        cdef char* product = memory + (2 if is_shared else 1) * size
        cdef char* scores = memory + (3 * size if is_shared else 0)
        cdef const double* of_references = doubles_of(means)
        cdef const double* of_moving = doubles_of(other_means)
        cdef double* by = doubles_of(norms)
        cdef Found found
        cdef Circle circle
        cdef Kept kept
        if workspace.size < self.room(is_shared):
            raise ValueError("workspace: it does not hold the spectra and the scores of a pair")
        lay_out_circle(&circle, height, width, memory + (4 if is_shared else 2) * size)
        lay_out_found(&found, best, tops, around)
        kept.first_row = kept.first_column = 0
        kept.n_rows, kept.n_columns = height, width
        with nogil:
            for index in range(best.shape[0]):
                if index == 0 or n_references > 1:
                    self.spectrum_of(one + index * plane_bytes, height, width, of_references[index], memory,
                                     circle.points)
                if index == 0 or n_moving > 1:
                    self.spectrum_of(other + index * plane_bytes, height, width, of_moving[index], memory + size,
                                     circle.points)
                self.routines.multiply_spectra(memory, memory + size, product, self.n_groups * width, False)
                if by_phase:
                    by[index] = self.routines.plane_phases(&self.plan, product, self.roundoff(), False)
                else:
                    drop_mean(product, self.routines.lanes, self.routines.item_bytes)
                kept.scale = 1 / by[index] if by[index] > 0 else 0
                self.sums_of(product, &kept, scores, circle.points)
                find_in_map(scores, self.routines.item_bytes == 4, &circle.axes, error, near, circle.highest, &found,
                            index)

    cdef void sums_of(self, char* spectrum, const Kept* kept, void* target, void* points) noexcept nogil:
        """What is kept of the sums of which a spectrum, which is overwritten, is the transform."""
        self.routines.plane_lines(&self.plan, spectrum, 0, self.n_groups, True)
        self.routines.plane_back(&self.plan, spectrum, kept, target, points, 0, self.n_pairs)

    cdef void spectrum_of(self, const void* plane, Py_ssize_t n_rows, Py_ssize_t n_columns, double mean, void* spectrum,
                          void* points) noexcept nogil:
        """The spectrum of a plane, which is as large as what is transformed where a mean is taken off."""
        self.routines.plane_columns(&self.plan, plane, n_rows, n_columns, mean, spectrum, points, 0, self.n_pairs)
        self.routines.plane_lines(&self.plan, spectrum, 0, self.n_groups, False)

    cdef Py_ssize_t height(self) noexcept nogil:
        return self.plan.down.n_points

    cdef Py_ssize_t width(self) noexcept nogil:
        return self.plan.across.n_points

    def is_plain(self, cnp.ndarray plane, cnp.ndarray mean):
        """Whether all pixels are finite, of middling size and clearly not flat; writes their mean."""
        cdef double[3] found
        cdef Py_ssize_t n = plane.size
        cdef bint single = self.routines.item_bytes == 4
        cdef double* middle = doubles_of(mean)
        with nogil:
            if single:
                ends_and_sum(<const float*> cnp.PyArray_DATA(plane), n, found)
            else:
                ends_and_sum(<const double*> cnp.PyArray_DATA(plane), n, found)
        middle[0] = found[2] / n
        return are_plain(found[0], found[1], middle[0], n, single, single)


# What is known of the scores of all shifts of a circle, and room for what they take.
cdef struct Circle:
    MapAxes axes
    double* highest
    char* points


cdef void lay_out_circle(Circle* circle, Py_ssize_t height, Py_ssize_t width, char* room) noexcept:
    """The shifts of a circle, in the order of the transform; that of half the size is positive."""
    cdef Py_ssize_t index
    cdef Py_ssize_t* shifts
    circle.highest = <double*> room
    shifts = <Py_ssize_t*> (circle.highest + height)
    circle.points = from_a_line(shifts + height + width)
    circle.axes.n_rows = circle.axes.end_row = circle.axes.row_circle = height
    circle.axes.n_columns = circle.axes.end_column = circle.axes.column_circle = width
    circle.axes.first_row = circle.axes.first_column = 0
    circle.axes.row_offset = circle.axes.column_offset = 0
    circle.axes.row_shifts, circle.axes.column_shifts = shifts, shifts + height
    for index in range(height):
        shifts[index] = index - height if index > height // 2 else index
    for index in range(width):
        shifts[height + index] = index - width if index > width // 2 else index


# Where the best shifts of pairs are written, their scores, and what is around these, if that is asked for.
cdef struct Found:
    Py_ssize_t* shifts
    double* tops
    double* around


cdef int lay_out_found(Found* found, cnp.ndarray best, cnp.ndarray tops, cnp.ndarray around) except -1:
    found.shifts, found.tops, found.around = indices_of(best), doubles_of(tops), NULL
    if around.shape[0] > 0:
        found.around = doubles_of(around)
    return 0


cdef void find_in_map(const char* scores, bint single, const MapAxes* axes, double error, Py_ssize_t near,
                      double* highest, const Found* found, Py_ssize_t pair) noexcept nogil:
    """The best shift of one pair."""
    cdef Py_ssize_t[2] places
    if single:
        best_of_map(<const float*> scores, axes, error, near, highest, places, found.tops + 2 * pair)
        if found.around != NULL:
            take_around(<const float*> scores, axes, places, found.around + 9 * pair)
    else:
        best_of_map(<const double*> scores, axes, error, near, highest, places, found.tops + 2 * pair)
        if found.around != NULL:
            take_around(<const double*> scores, axes, places, found.around + 9 * pair)
    found.shifts[2 * pair] = axes.row_shifts[places[0]]
    found.shifts[2 * pair + 1] = axes.column_shifts[places[1]]


cdef void find_nothing(const Found* found, Py_ssize_t pair) noexcept nogil:
    """Says that a pair has no score."""
    cdef Py_ssize_t index
    found.shifts[2 * pair] = found.shifts[2 * pair + 1] = 0
    found.tops[2 * pair] = found.tops[2 * pair + 1] = -INFINITY
    for index in range(9 if found.around != NULL else 0):
        found.around[9 * pair + index] = NAN


cdef inline void drop_mean(char* spectrum, Py_ssize_t lanes, Py_ssize_t item_bytes) noexcept nogil:
    """Sets frequency 0 to 0, the first lane of the first point."""
    memset(spectrum, 0, item_bytes)
    memset(spectrum + lanes * item_bytes, 0, item_bytes)


cdef bint are_plain(double least, double greatest, double mean, Py_ssize_t n, bint narrow, bint single) noexcept nogil:
    """Whether pixels, which may be narrower than float64, are finite, of middling size and clearly not flat.

    Where they are finite their mean is. Single sums have room for less.
    """
    cdef double largest = max(fabs(least), fabs(greatest))
    cdef double few = 2.0**-20 if narrow else 2.0**-49
    if not fabs(mean) < INFINITY:
        return False
    return (2.0**-15 if single else 2.0**-100) <= largest <= (2.0**15 if single else 2.0**100) and (
        greatest - least > few * largest * sqrt(2.0 * n))


cdef void fill_places(const Transform* transform, int* places) noexcept:
    """The places that forward passes leave frequencies at: the remainders of each pass one after the other."""
    cdef Py_ssize_t frequency, rest, n, index, place
    for frequency in range(transform.n_points):
        rest, n, place = frequency, transform.n_points, 0
        for index in range(transform.n_radices):
            n //= transform.radices[index]
            place += rest % transform.radices[index] * n
            rest //= transform.radices[index]
        places[frequency] = <int> place

# Transforms of planes of one size, by the loops of a level: real numbers into half of their frequencies and back.
# Arrays are plain, as everywhere in this module, and of the transforms' type.


cdef class PlaneTransforms:
    """The transforms of planes of one size and type: sides are products of 2, 3 and 5.

    Parameters
    ----------
    table : capsule of the level.
    summed : "f4" or "f8".
    height, width : points that are transformed.
    """
    cdef object table                   # whose routines are called
    cdef const Routines* routines
    cdef PlaneTransform plan
    cdef char* memory
    cdef readonly Py_ssize_t n_pairs    # of blocks of columns
    cdef readonly Py_ssize_t n_groups   # of rows of frequencies
    cdef readonly tuple shape           # of a spectrum
    cdef readonly tuple sides

    def __cinit__(self, table, str summed, Py_ssize_t height, Py_ssize_t width):
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
        self.shape = (self.n_groups, width, 2, lanes)

    def __dealloc__(self):
        PyMem_Free(self.memory)

    cdef void* points(self, cnp.ndarray workspace) except NULL:
        if workspace.nbytes < 2 * self.routines.lanes * self.plan.down.n_points * self.routines.item_bytes:
            raise ValueError("workspace: it does not hold the points of two blocks of columns")
        return cnp.PyArray_DATA(workspace)

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

    def forward(self, cnp.ndarray planes, double[::1] means, cnp.ndarray spectra, cnp.ndarray workspace):
        """The transforms of planes (planes, rows, columns), each less its mean if they are as large as that."""
        cdef void* points = self.points(workspace)
        cdef Py_ssize_t plane, height = planes.shape[1], width = planes.shape[2]
        cdef const char* source = cnp.PyArray_BYTES(planes)
        cdef char* target = cnp.PyArray_BYTES(spectra)
        with nogil:
            for plane in range(planes.shape[0]):
                self.routines.plane_columns(&self.plan, source, height, width, means[plane], target, points, 0,
                                            self.n_pairs)
                self.routines.plane_lines(&self.plan, target, 0, self.n_groups, False)
                source += height * width * self.routines.item_bytes
                target += self.spectrum_bytes()

    def backward(self, cnp.ndarray spectra, cnp.ndarray planes, cnp.ndarray workspace, Py_ssize_t first_row,
                 Py_ssize_t first_column, double[::1] scales):
        """The way back of spectra, which are overwritten, each multiplied by its scale, or all by the only one."""
        cdef void* points = self.points(workspace)
        cdef Py_ssize_t plane, n_planes = planes.shape[0]
        cdef char* source = cnp.PyArray_BYTES(spectra)
        cdef char* target = cnp.PyArray_BYTES(planes)
        cdef Kept kept
        kept.first_row, kept.n_rows, kept.first_column = first_row, planes.shape[1], first_column
        kept.n_columns = planes.shape[2]
        with nogil:
            for plane in range(n_planes):
                kept.scale = scales[plane if scales.shape[0] > 1 else 0]
                self.routines.plane_lines(&self.plan, source, 0, self.n_groups, True)
                self.routines.plane_back(&self.plan, source, &kept, target, points, 0, self.n_pairs)
                source += self.spectrum_bytes()
                target += kept.n_rows * kept.n_columns * self.routines.item_bytes

    cdef Py_ssize_t spectrum_bytes(self) noexcept nogil:
        return 2 * self.routines.lanes * self.n_groups * self.plan.across.n_points * self.routines.item_bytes

    def multiply(self, cnp.ndarray a, cnp.ndarray b, cnp.ndarray product, bint add):
        """product (+)= a times the conjugate of b; one spectrum of either goes with all of the other's."""
        cdef Py_ssize_t index, n_points = self.n_groups * self.plan.across.n_points
        cdef Py_ssize_t n_a = a.shape[0], n_b = b.shape[0], size = self.spectrum_bytes()
        cdef const char* one = cnp.PyArray_BYTES(a)
        cdef const char* other = cnp.PyArray_BYTES(b)
        cdef char* target = cnp.PyArray_BYTES(product)
        with nogil:
            for index in range(product.shape[0]):
                self.routines.multiply_spectra(one + (index if n_a > 1 else 0) * size,
                                               other + (index if n_b > 1 else 0) * size, target + index * size,
                                               n_points, add)

    def phases(self, cnp.ndarray spectra, double[::1] counts):
        """Turns spectra into their phases, the mean and faint ones 0; how many frequencies are left of each."""
        cdef Py_ssize_t index
        cdef char* place = cnp.PyArray_BYTES(spectra)
        with nogil:
            for index in range(spectra.shape[0]):
                counts[index] = self.routines.plane_phases(&self.plan, place)
                place += self.spectrum_bytes()

    def score_pairs(self, cnp.ndarray references, double[::1] means, cnp.ndarray moving, double[::1] other_means,
                    double[::1] norms, bint by_phase, cnp.ndarray maps, cnp.ndarray workspace):
        """The scores of pairs of planes, as large as what is transformed, one pair after the other in the workspace.

        Parameters
        ----------
        references, moving : (pairs, rows, columns); one of either goes with all of the other's.
        means, other_means : which are taken off.
        norms : by which sums are divided, 0 for no scores; by phase they are written, how many frequencies are left.
        maps : written, (pairs, rows, columns).
        workspace : what holds two spectra and the points of two blocks of columns.
        """
        cdef Py_ssize_t size = self.spectrum_bytes(), height = self.plan.down.n_points
        cdef Py_ssize_t width = self.plan.across.n_points, index, n = maps.shape[0]
        cdef Py_ssize_t plane_bytes = height * width * self.routines.item_bytes
        cdef Py_ssize_t n_references = references.shape[0], n_moving = moving.shape[0]
        cdef const char* one = cnp.PyArray_BYTES(references)
        cdef const char* other = cnp.PyArray_BYTES(moving)
        cdef char* target = cnp.PyArray_BYTES(maps)
        cdef char* memory = cnp.PyArray_BYTES(workspace)
        cdef char* points = memory + 2 * size
        cdef Kept kept
        if workspace.nbytes < 2 * size + 2 * self.routines.lanes * height * self.routines.item_bytes:
            raise ValueError("workspace: it does not hold two spectra and the points of two blocks of columns")
        kept.first_row = kept.first_column = 0
        kept.n_rows, kept.n_columns = height, width
        with nogil:
            for index in range(n):
                if index == 0 or n_references > 1:
                    self.spectrum_of(one + index * plane_bytes, means[index if n_references > 1 else 0], memory, points)
                self.spectrum_of(other + (index if n_moving > 1 else 0) * plane_bytes,
                                 other_means[index if n_moving > 1 else 0], memory + size, points)
                self.routines.multiply_spectra(memory, memory + size, memory + size, self.n_groups * width, False)
                if by_phase:
                    norms[index] = self.routines.plane_phases(&self.plan, memory + size)
                else:
                    drop_mean(memory + size, self.routines.lanes, self.routines.item_bytes)
                kept.scale = 1 / norms[index] if norms[index] > 0 else 0
                self.routines.plane_lines(&self.plan, memory + size, 0, self.n_groups, True)
                self.routines.plane_back(&self.plan, memory + size, &kept, target + index * plane_bytes, points, 0,
                                         self.n_pairs)

    cdef void spectrum_of(self, const void* plane, double mean, void* spectrum, void* points) noexcept nogil:
        self.routines.plane_columns(&self.plan, plane, self.plan.down.n_points, self.plan.across.n_points, mean,
                                    spectrum, points, 0, self.n_pairs)
        self.routines.plane_lines(&self.plan, spectrum, 0, self.n_groups, False)

    def phase_pair(self, cnp.ndarray reference, cnp.ndarray moving, double error, Py_ssize_t near):
        """The best shift of a plain pair by phase: (row, column, score, the largest that is not near), if it is plain.

        Planes are as large as what is transformed; None where a pixel is not finite, or the range of the pixels asks
        for a closer look. The steps, and so the bits, are those of `forward`, `multiply`, `phases` and `backward`.
        """
        cdef Py_ssize_t size = self.spectrum_bytes(), height = self.plan.down.n_points
        cdef Py_ssize_t width = self.plan.across.n_points, n = height * width, index
        cdef Py_ssize_t points_bytes = 2 * self.routines.lanes * height * self.routines.item_bytes
        cdef const void* planes[2]
        cdef double[2][3] found
        cdef double[2] tops
        cdef Py_ssize_t[2] best = [0, 0]
        cdef double count = 0
        cdef bint single = self.routines.item_bytes == 4, plain = True
        cdef Kept kept
        cdef MapAxes axes
        cdef char* memory = <char*> PyMem_Malloc(
            2 * size + points_bytes + height * <Py_ssize_t> sizeof(double)
            + (height + width) * <Py_ssize_t> sizeof(Py_ssize_t))
        cdef char* points = memory + 2 * size
        cdef double* highest = <double*> (points + points_bytes)
        cdef Py_ssize_t* shifts = <Py_ssize_t*> (highest + height)
        if memory == NULL:
            raise MemoryError("workspace: the spectra of a pair cannot be allocated")
        planes[0], planes[1] = cnp.PyArray_DATA(reference), cnp.PyArray_DATA(moving)
        axes.n_rows, axes.n_columns = axes.row_circle, axes.column_circle = height, width
        axes.row_offset = axes.column_offset = 0
        axes.row_shifts, axes.column_shifts = shifts, shifts + height
        kept.first_row = kept.first_column = 0
        kept.n_rows, kept.n_columns = height, width
        with nogil:
            for index in range(height):
                shifts[index] = index - height if index > height // 2 else index
            for index in range(width):
                shifts[height + index] = index - width if index > width // 2 else index
            for index in range(2):
                if single:
                    ends_and_sum(<const float*> planes[index], n, found[index])
                else:
                    ends_and_sum(<const double*> planes[index], n, found[index])
                plain = plain and is_plain(found[index], n, single)
            if plain:
                for index in range(2):
                    self.spectrum_of(planes[index], found[index][2] / n, memory + index * size, points)
                self.routines.multiply_spectra(memory, memory + size, memory + size, self.n_groups * width, False)
                count = self.routines.plane_phases(&self.plan, memory + size)
            if count > 0:
                kept.scale = 1 / count
                self.routines.plane_lines(&self.plan, memory + size, 0, self.n_groups, True)
                self.routines.plane_back(&self.plan, memory + size, &kept, memory, points, 0, self.n_pairs)
                if single:
                    best_of_map(<const float*> memory, &axes, error, near, highest, best, tops)
                else:
                    best_of_map(<const double*> memory, &axes, error, near, highest, best, tops)
                best[0], best[1] = shifts[best[0]], shifts[height + best[1]]
        PyMem_Free(memory)
        return (best[0], best[1], tops[0], tops[1]) if count > 0 else None


cdef inline void drop_mean(char* spectrum, Py_ssize_t lanes, Py_ssize_t item_bytes) noexcept nogil:
    """Sets frequency 0 to 0, the first lane of the first point."""
    memset(spectrum, 0, item_bytes)
    memset(spectrum + lanes * item_bytes, 0, item_bytes)


cdef bint is_plain(const double* found, Py_ssize_t n, bint single) noexcept nogil:
    """Whether pixels, whose least, greatest and sum these are, are finite, of middling size and clearly not flat."""
    cdef double largest = max(fabs(found[0]), fabs(found[1]))
    cdef double few = 2.0**-20 if single else 2.0**-49
    if not fabs(found[2]) < INFINITY:
        return False
    return 2.0**-15 <= largest <= (2.0**15 if single else 2.0**100) and (
        found[1] - found[0] > few * largest * sqrt(2.0 * n))


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

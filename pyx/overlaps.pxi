# Scores of all shifts of two images over what both have in common, by the loops of a level.

from transforms cimport Boxes, MaskedSums, Overlaps, SeenPixels, SeenSums


cdef Py_ssize_t room_of(const Boxes* image, Py_ssize_t n_shifts) noexcept nogil:
    """Doubles that the sums of an image take."""
    return (2 * (image.n_rows + 1) + 1) * (image.n_columns + 1) + 2 * n_shifts


cdef double* lay_out(Boxes* image, Py_ssize_t n_shifts, double* room) noexcept nogil:
    """Gives an image its places in the workspace; what is behind them."""
    cdef Py_ssize_t size = (image.n_rows + 1) * (image.n_columns + 1)
    image.sums, image.squares, image.along = room, room + size, room + 2 * size
    image.in_boxes = image.along + image.n_columns + 1
    return room + room_of(image, n_shifts)


# What a pair takes of the workspace beside its windows and their sums.
cdef struct Room:
    char* points
    double* scores
    double* highest  # of each row of scores
    Py_ssize_t* shifts


# The windows of one side in an image, where each begins, and where one of them is laid, less its mean.
cdef struct Side:
    const double* pixels
    const Py_ssize_t* firsts
    Py_ssize_t pitch
    double* plane
    char* spectrum


cdef class OverlapScores:
    """The scores of all shifts of images of one channel, of one size on either side, in float64.

    Parameters
    ----------
    table : capsule of the level.
    sizes : rows and columns of references, and of moving.
    shifts : the first one and how many there are, of the rows and of the columns, all of which have some in common.
    least_count : the least pixels in common of a shift that has a score, at least 1.
    """
    cdef object table                   # whose routines are called
    cdef const Routines* routines
    cdef Overlaps shape                 # without what is of one pair
    cdef double* shares

    def __cinit__(self, table, cnp.ndarray sizes, cnp.ndarray shifts, double least_count):
        cdef Py_ssize_t column, shift
        cdef const Py_ssize_t* numbers = indices_of(sizes)
        cdef const Py_ssize_t* ranges = indices_of(shifts)
        cdef Boxes* a = &self.shape.a
        cdef Boxes* b = &self.shape.b
        a.n_rows, a.n_columns, b.n_rows, b.n_columns = numbers[0], numbers[1], numbers[2], numbers[3]
        self.shape.first_row, self.shape.n_rows = ranges[0], ranges[1]
        self.shape.first_column, self.shape.n_columns = ranges[2], ranges[3]
        self.table, self.shape.least_count = table, least_count
        self.routines = <const Routines*> PyCapsule_GetPointer(table, TABLE_NAME) + <Py_ssize_t> IN_FLOAT64
        self.shares = <double*> PyMem_Calloc(max(1, self.shape.n_columns), sizeof(double))
        if self.shares == NULL:
            raise MemoryError("workspace: the shares of columns cannot be allocated")
        for column in range(self.shape.n_columns):
            shift = self.shape.first_column + column
            self.shares[column] = 1 / <double> (min(a.n_columns, shift + b.n_columns) - max(0, shift))
        self.shape.shares = self.shares

    def __dealloc__(self):
        PyMem_Free(self.shares)

    cdef Py_ssize_t boxes_room(self) noexcept nogil:
        return room_of(&self.shape.a, self.shape.n_columns) + room_of(&self.shape.b, self.shape.n_columns)

    def score(self, cnp.ndarray scores, cnp.ndarray a, cnp.ndarray b, cnp.ndarray least):
        """Turn sums of products into scores, -inf where there is none, in place.

        Parameters
        ----------
        scores : (pairs, shifts of rows, shifts of columns), float64.
        a, b : pixels of references and moving, (pairs or 1, rows, columns), float64.
        least : float64 (2, pairs): what variances have to be over.
        """
        cdef double* maps = doubles_of(scores)
        cdef double* of_a = doubles_of(a)
        cdef double* of_b = doubles_of(b)
        cdef double* variances = doubles_of(least)
        cdef Py_ssize_t n_pairs = scores.shape[0], pair, n_a = a.shape[0], n_b = b.shape[0]
        cdef Py_ssize_t size = self.shape.n_rows * self.shape.n_columns
        cdef Overlaps own = self.shape
        workspace = cnp.PyArray_EMPTY(1, [self.boxes_room()], cnp.NPY_DOUBLE, 0)
        lay_out(&own.b, own.n_columns, lay_out(&own.a, own.n_columns, doubles_of(workspace)))
        with nogil:
            for pair in range(n_pairs):
                own.a.pixels = of_a + (pair if n_a > 1 else 0) * own.a.n_rows * own.a.n_columns
                own.b.pixels = of_b + (pair if n_b > 1 else 0) * own.b.n_rows * own.b.n_columns
                own.least_a, own.least_b = variances[pair], variances[n_pairs + pair]
                if pair == 0 or n_a > 1:
                    self.routines.sum_up_boxes(&own.a)
                if pair == 0 or n_b > 1:
                    self.routines.sum_up_boxes(&own.b)
                self.routines.score_overlaps(&own, maps + pair * size)

    def room(self, PlaneTransforms transforms):
        """Doubles of the workspace of `best_pairs`."""
        cdef const Boxes* a = &self.shape.a
        cdef const Boxes* b = &self.shape.b
        cdef Py_ssize_t bytes_of_others = 2 * (transforms.spectrum_bytes() + LINE)
        return (self.boxes_room() + a.n_rows * a.n_columns + b.n_rows * b.n_columns + 2 * self.shape.n_rows
                + (self.shape.n_rows + 1) * self.shape.n_columns + transforms.n_points
                + bytes_of_others // <Py_ssize_t> sizeof(double))

    cdef bint lay_down(self, const Side* side, const Boxes* image, Py_ssize_t window, bint narrow,
                       double* energy) noexcept nogil:
        """Lays one window down, less its mean, unless it is not plain; the sum of squares."""
        cdef const double* row = side.pixels + side.firsts[window]
        cdef double* target = side.plane
        cdef Py_ssize_t y, x
        cdef Moments found
        self.routines.window_moments(row, side.pitch, image.n_rows, image.n_columns, &found)
        energy[0] = found.squares
        if not are_plain(found.least, found.greatest, found.mean, image.n_rows * image.n_columns, narrow, False):
            return False
        for y in range(image.n_rows):
            for x in range(image.n_columns):
                target[x] = row[x] - found.mean
            row, target = row + side.pitch, target + image.n_columns
        return True

    def best_pairs(self, PlaneTransforms transforms, cnp.ndarray a, cnp.ndarray a_firsts, cnp.ndarray b,
                   cnp.ndarray b_firsts, bint narrow, tuple allowed, tuple offsets, double share, double error,
                   Py_ssize_t near, cnp.ndarray best, cnp.ndarray tops, cnp.ndarray around, cnp.ndarray plain,
                   cnp.ndarray workspace):
        """The best shifts of pairs of windows that lie in images, each from its pixels on in the workspace.

        Parameters
        ----------
        transforms : of planes that hold all that is in common at any shift.
        a, a_firsts, b, b_firsts : images (1, 1, rows, columns), and elements before the windows of pairs.
        narrow : whether pixels have been narrower than float64.
        allowed, offsets, error, near, best, tops, around : as for `best_of_maps`; best ones are shifts.
        share : of the sum of squares of a window, which variances have to be over.
        plain : written, bool (pairs,): whether both windows are finite, of middling size and clearly not flat. What
            is not has no score.
        workspace : as many doubles as `room` says.
        """
        cdef Py_ssize_t pair, n_vectors = transforms.n_groups * transforms.width()
        cdef char* are_whole = cnp.PyArray_BYTES(plain)
        cdef double[2] energies
        cdef bint is_plain
        cdef Overlaps own = self.shape
        cdef Side[2] sides
        cdef Room room
        cdef MapAxes axes
        cdef Found found
        cdef Kept kept
        if workspace.size < self.room(transforms):
            raise ValueError("workspace: it does not hold the spectra and the scores of a pair")
        sides[0].pixels, sides[0].firsts, sides[0].pitch = doubles_of(a), indices_of(a_firsts), a.shape[3]
        sides[1].pixels, sides[1].firsts, sides[1].pitch = doubles_of(b), indices_of(b_firsts), b.shape[3]
        self.lay_out_room(transforms, &own, sides, &room, doubles_of(workspace))
        self.lay_out_axes(&axes, room.shifts)
        axes.first_row, axes.end_row, axes.first_column, axes.end_column = allowed
        axes.row_offset, axes.column_offset = offsets
        lay_out_found(&found, best, tops, around)
        kept.first_row = own.first_row + (transforms.height() if own.first_row < 0 else 0)
        kept.first_column = own.first_column + (transforms.width() if own.first_column < 0 else 0)
        kept.n_rows, kept.n_columns = self.shape.n_rows, own.n_columns
        kept.scale = 1 / <double> (transforms.height() * transforms.width())
        with nogil:
            for pair in range(best.shape[0]):
                is_plain = self.lay_down(&sides[0], &own.a, pair, narrow, energies)
                is_plain = is_plain and self.lay_down(&sides[1], &own.b, pair, narrow, energies + 1)
                are_whole[pair] = is_plain
                if not is_plain:
                    find_nothing(&found, pair)
                    continue
                transforms.spectrum_of(sides[0].plane, own.a.n_rows, own.a.n_columns, 0, sides[0].spectrum, room.points)
                transforms.spectrum_of(sides[1].plane, own.b.n_rows, own.b.n_columns, 0, sides[1].spectrum, room.points)
                self.routines.multiply_spectra(sides[0].spectrum, sides[1].spectrum, sides[1].spectrum, n_vectors,
                                               False)
                transforms.sums_of(sides[1].spectrum, &kept, room.scores, room.points)
                own.least_a, own.least_b = share * energies[0], share * energies[1]
                self.routines.sum_up_boxes(&own.a)
                self.routines.sum_up_boxes(&own.b)
                self.routines.score_overlaps(&own, room.scores)
                find_in_map(<char*> room.scores, False, &axes, error, near, room.highest, &found, pair)

    cdef void lay_out_room(self, PlaneTransforms transforms, Overlaps* own, Side* sides, Room* room,
                           double* workspace) noexcept:
        """Gives all that a pair takes its place in the workspace."""
        cdef Py_ssize_t n_values = transforms.spectrum_bytes() // <Py_ssize_t> sizeof(double)
        cdef double* place = <double*> from_a_line(workspace)
        cdef Py_ssize_t a_size = own.a.n_rows * own.a.n_columns, b_size = own.b.n_rows * own.b.n_columns
        sides[0].spectrum, sides[1].spectrum = <char*> place, <char*> (place + n_values)
        place = <double*> from_a_line(place + 2 * n_values)
        room.points, room.scores = <char*> place, place + transforms.n_points
        room.highest = room.scores + self.shape.n_rows * own.n_columns
        own.a.pixels = sides[0].plane = room.highest + self.shape.n_rows
        own.b.pixels = sides[1].plane = sides[0].plane + a_size
        place = lay_out(&own.b, own.n_columns, lay_out(&own.a, own.n_columns, sides[1].plane + b_size))
        room.shifts = <Py_ssize_t*> place

    cdef void lay_out_axes(self, MapAxes* axes, Py_ssize_t* shifts) noexcept:
        """Says which shifts a map has."""
        cdef Py_ssize_t index
        axes.n_rows, axes.n_columns = self.shape.n_rows, self.shape.n_columns
        axes.row_circle = axes.column_circle = 0
        axes.row_shifts, axes.column_shifts = shifts, shifts + self.shape.n_rows
        for index in range(self.shape.n_rows):
            shifts[index] = self.shape.first_row + index
        for index in range(self.shape.n_columns):
            shifts[self.shape.n_rows + index] = self.shape.first_column + index


# --- masks ------------------------------------------------------------------------------------------------------------

cdef class MaskedScores:
    """Scores of all shifts of pairs of images over what masks leave of both.

    Parameters
    ----------
    table : capsule of the level.
    counts, products, a, b : float64 (pairs, shifts along each axis), written: sums of what counts, of products, and of
        the pixels of both images.
    """
    cdef object arrays                  # to which the numbers belong
    cdef const Routines* routines
    cdef MaskedSums sums
    cdef Py_ssize_t n_pairs, n_shifts

    def __cinit__(self, table, cnp.ndarray counts, cnp.ndarray products, cnp.ndarray a, cnp.ndarray b):
        self.arrays = table, counts, products, a, b
        self.routines = <const Routines*> PyCapsule_GetPointer(table, TABLE_NAME) + <Py_ssize_t> IN_FLOAT64
        self.sums.counts, self.sums.products = doubles_of(counts), doubles_of(products)
        self.sums.a, self.sums.b = doubles_of(a), doubles_of(b)
        self.n_pairs, self.n_shifts = counts.shape[0], counts.size // max(1, counts.shape[0])
        if not counts.size == products.size == a.size == b.size:
            raise ValueError("sums: they are not of as many pairs and shifts")

    cdef MaskedSums of_pair(self, Py_ssize_t pair) noexcept nogil:
        cdef MaskedSums own = self.sums
        cdef Py_ssize_t before = pair * self.n_shifts
        own.counts, own.products, own.a, own.b = (
            own.counts + before, own.products + before, own.a + before, own.b + before)
        return own

    def centre(self, cnp.ndarray are_whole, double least, Py_ssize_t first, Py_ssize_t end):
        """Take off what the means make of sums of shifts [first, end); of either image what they make of squares stays.

        Counts are at least the least, and rounded where they `are_whole` numbers, by the pair.
        """
        cdef Py_ssize_t pair
        cdef const char* whole = cnp.PyArray_BYTES(are_whole)
        cdef MaskedSums own
        with nogil:
            for pair in range(self.n_pairs):
                own = self.of_pair(pair)
                self.routines.centre_sums(&own, first, end, whole[pair], least)

    def score(self, cnp.ndarray least, Py_ssize_t first, Py_ssize_t end):
        """Turn products of shifts [first, end) into scores, squares having been added to what the means made of them.

        What counts, and both images' squares, have to reach, or be over, the least ones, float64 (3, pairs), of a pair.
        """
        cdef Py_ssize_t pair
        cdef const double* of_pairs = doubles_of(least)
        cdef MaskedSums own
        with nogil:
            for pair in range(self.n_pairs):
                own = self.of_pair(pair)
                self.routines.score_sums(&own, first, end, of_pairs[pair], of_pairs[self.n_pairs + pair],
                                         of_pairs[2 * self.n_pairs + pair])


# --- the score of one shift -------------------------------------------------------------------------------------------

cdef int lay_on(SeenPixels* seen, shares, cnp.ndarray a, cnp.ndarray b) except -1:
    seen.shares, seen.a, seen.b, seen.n = NULL, doubles_of(a), doubles_of(b), a.size
    if shares is not None:
        seen.shares = doubles_of(shares)
    if b.size != seen.n or (shares is not None and shares.size != seen.n):
        raise ValueError("pixels: they do not lie on each other")
    return 0


def sum_pixels(table, shares, cnp.ndarray a, cnp.ndarray b, cnp.ndarray found):
    """Add to sums over pixels of two images that lie on each other.

    Parameters
    ----------
    table : capsule of the level.
    shares, a, b : float64, as many of each: what counts, None for all, and the pixels.
    found : written, float64 (7,): what counts, the sums of both images, the least of both and the greatest.
    """
    cdef const Routines* routines = <const Routines*> PyCapsule_GetPointer(table, TABLE_NAME)
    cdef SeenSums* totals = <SeenSums*> doubles_of(found)
    cdef SeenPixels seen
    lay_on(&seen, shares, a, b)
    with nogil:
        routines.sum_seen(&seen, totals)


def multiply_pixels(table, shares, cnp.ndarray a, cnp.ndarray b, cnp.ndarray means, cnp.ndarray scales,
                    cnp.ndarray found):
    """Add to the sums of products and of squares, float64 (3,), of such pixels less their means, scaled."""
    cdef const Routines* routines = <const Routines*> PyCapsule_GetPointer(table, TABLE_NAME)
    cdef double* totals = doubles_of(found)
    cdef const double* middles = doubles_of(means)
    cdef const double* factors = doubles_of(scales)
    cdef SeenPixels seen
    lay_on(&seen, shares, a, b)
    with nogil:
        routines.multiply_seen(&seen, middles, factors, totals)

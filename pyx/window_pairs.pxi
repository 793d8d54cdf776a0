# Scores of pairs of small windows by the loops of a level, the lanes of which are over pairs.

from microkernels cimport MOST_LANES
from transforms cimport Moments, WindowPairs, WindowTransform

cdef enum:
    APART = 16  # elements between maps, whose rows would fall to the same places of a cache otherwise

# The windows of one side of all pairs, in images (images, channels, rows, columns): elements before each window, and
# means (lanes, channels) of those that are looked at.
cdef struct Windows:
    const char* pixels
    Py_ssize_t channel_bytes
    Py_ssize_t pitch
    const Py_ssize_t* firsts
    double* means

# What the scores of pairs are made of, and what is written of each pair.
cdef struct Scoring:
    bint by_phase
    Py_ssize_t n_channels
    Windows a, b
    double* norms
    char* are_plain
    char* points


cdef class WindowTransforms:
    """The transforms of pairs of windows of one size and type: sides are products of 2, 3 and 5.

    Windows lie in images (images, channels, rows, columns), and begin so many elements after the first one.

    Parameters
    ----------
    table : capsule of the level.
    summed : "f4" or "f8".
    height, width : of the windows.
    """
    cdef object table                   # whose routines are called
    cdef const Routines* routines
    cdef WindowTransform plan
    cdef char* memory

    def __cinit__(self, table, str summed, Py_ssize_t height, Py_ssize_t width):
        cdef Py_ssize_t of_down, of_across
        self.table = table
        self.routines = <const Routines*> PyCapsule_GetPointer(table, TABLE_NAME)
        self.routines += <Py_ssize_t> (IN_FLOAT32 if summed == "f4" else IN_FLOAT64)
        plan_transform(&self.plan.down, height, height == 1, self.routines.largest_radix)
        plan_transform(&self.plan.across, width, width == 1, self.routines.largest_radix)
        of_down = twiddles_of(&self.plan.down) * self.routines.item_bytes
        of_across = twiddles_of(&self.plan.across) * self.routines.item_bytes
        self.memory = <char*> PyMem_Calloc(1, of_down + of_across + (height + width) * sizeof(int))
        if self.memory == NULL:
            raise MemoryError("workspace: the twiddles of transforms cannot be allocated")
        self.plan.down.twiddles, self.plan.across.twiddles = self.memory, self.memory + of_down
        self.routines.fill_twiddles(&self.plan.down, self.memory)
        self.routines.fill_twiddles(&self.plan.across, self.memory + of_down)
        self.plan.row_places = <const int*> (self.memory + of_down + of_across)
        self.plan.column_places = self.plan.row_places + height
        fill_places(&self.plan.down, <int*> self.plan.row_places)
        fill_places(&self.plan.across, <int*> self.plan.column_places)

    def __dealloc__(self):
        PyMem_Free(self.memory)

    cdef Py_ssize_t n_points(self) noexcept nogil:
        return 2 * self.routines.lanes * self.plan.down.n_points * (self.plan.across.n_points + 2)

    cdef Py_ssize_t n_values(self) noexcept nogil:
        """Elements of the spectra of as many pairs as there are lanes."""
        return 2 * self.routines.lanes * self.plan.down.n_points * (self.plan.across.n_points // 2 + 1)

    def room(self):
        """Elements of the workspace."""
        cdef Py_ssize_t height = self.plan.down.n_points, width = self.plan.across.n_points
        return (self.n_points() + self.n_values() + self.routines.lanes * (height * width + APART)
                + ((2 * height + width) * 8 + LINE) // self.routines.item_bytes)

    cdef bint look_at(self, Windows* own, Py_ssize_t n_channels, Py_ssize_t window, Py_ssize_t lane,
                      double* squares) noexcept nogil:
        """A window's means, the sum of squares about them, and whether all pixels are plain."""
        cdef Py_ssize_t channel, height = self.plan.down.n_points, width = self.plan.across.n_points
        cdef const char* place = own.pixels + own.firsts[window] * self.routines.item_bytes
        cdef bint is_plain = True, single = self.routines.item_bytes == 4
        cdef Moments found
        squares[0] = 0
        for channel in range(n_channels):
            self.routines.window_moments(place, own.pitch, height, width, &found)
            own.means[lane * n_channels + channel] = found.mean
            squares[0] += found.squares
            is_plain = is_plain and are_plain(found.least, found.greatest, found.mean, height * width, single, single)
            place += own.channel_bytes
        return is_plain

    cdef void score(self, Scoring* how, Py_ssize_t first, Py_ssize_t n_pairs, char* scores,
                    Py_ssize_t pitch) noexcept nogil:
        """The scores of some pairs from the first one on, into as many maps that are so many elements apart."""
        cdef char* spectrum = how.points + self.n_points() * self.routines.item_bytes
        cdef Py_ssize_t channel, pair, n_points = self.plan.down.n_points * self.plan.across.n_points
        cdef double[MOST_LANES] a_means, b_means, b_scales, scales
        cdef double squares, other
        cdef WindowPairs pairs
        cdef bint is_plain
        pairs.n_pairs, pairs.a_pitch, pairs.b_pitch = n_pairs, how.a.pitch, how.b.pitch
        pairs.a_firsts, pairs.b_firsts = how.a.firsts + first, how.b.firsts + first
        pairs.a_means, pairs.b_means, pairs.b_scales = a_means, b_means, b_scales
        for pair in range(n_pairs):
            is_plain = self.look_at(&how.a, how.n_channels, first + pair, pair, &squares)
            is_plain = self.look_at(&how.b, how.n_channels, first + pair, pair, &other) and is_plain
            how.are_plain[first + pair] = is_plain
            b_scales[pair] = brightness(squares, other)
            how.norms[first + pair] = n_points * sqrt(squares) * sqrt(other)
        for channel in range(how.n_channels):
            for pair in range(n_pairs):
                a_means[pair] = how.a.means[pair * how.n_channels + channel]
                b_means[pair] = how.b.means[pair * how.n_channels + channel]
            pairs.a = how.a.pixels + channel * how.a.channel_bytes
            pairs.b = how.b.pixels + channel * how.b.channel_bytes
            self.routines.window_products(&self.plan, &pairs, channel > 0, spectrum, how.points)
        if how.by_phase:
            self.routines.window_phases(&self.plan, spectrum, scales)
            memcpy(how.norms + first, scales, n_pairs * sizeof(double))
        else:  # no mean, which is the first frequency
            memset(spectrum, 0, 2 * self.routines.lanes * self.routines.item_bytes)
        for pair in range(n_pairs):
            scales[pair] = 1 / how.norms[first + pair] if how.norms[first + pair] > 0 else 0
            if not how.by_phase:
                scales[pair] /= b_scales[pair]
        self.routines.window_sums(&self.plan, spectrum, scales, n_pairs, scores, pitch, how.points)

    def scores(self, bint by_phase, cnp.ndarray a, cnp.ndarray a_firsts, cnp.ndarray b, cnp.ndarray b_firsts,
               cnp.ndarray scores, cnp.ndarray norms, cnp.ndarray plain, cnp.ndarray workspace):
        """The scores of pairs of windows by the shift, in the order of the transform.

        Parameters
        ----------
        by_phase : whether scores are those of phases, else of circular correlation.
        a, a_firsts, b, b_firsts : images (images, channels, rows, columns), and elements before the windows of pairs.
        scores : written, (pairs, rows, columns).
        norms : written, (pairs,), by which sums were divided; 0 where there are no scores.
        plain : written, bool (pairs,): whether all pixels are finite, of middling size and no channel is nearly flat.
            Scores of others may be nothing.
        workspace : as many elements as `room` says.
        """
        cdef Py_ssize_t group, first, n_pairs = scores.shape[0], lanes = self.routines.lanes
        cdef Py_ssize_t n_groups = (n_pairs + lanes - 1) // lanes, pitch = scores.shape[1] * scores.shape[2]
        cdef char* maps = cnp.PyArray_BYTES(scores)
        cdef cnp.ndarray means = cnp.PyArray_EMPTY(1, [2 * lanes * a.shape[1]], cnp.NPY_DOUBLE, 0)
        cdef Scoring how
        self.describe(&how, by_phase, a, a_firsts, b, b_firsts, norms, plain, workspace, means)
        with nogil:
            for group in range(n_groups):
                first = group * lanes
                self.score(&how, first, min(lanes, n_pairs - first),
                           maps + first * pitch * self.routines.item_bytes, pitch)

    def best_pairs(self, bint by_phase, cnp.ndarray a, cnp.ndarray a_firsts, cnp.ndarray b, cnp.ndarray b_firsts,
                   double error, Py_ssize_t near, cnp.ndarray best, cnp.ndarray tops, cnp.ndarray around,
                   cnp.ndarray norms, cnp.ndarray plain, cnp.ndarray workspace):
        """The best shifts of pairs of windows as large as what is transformed.

        Parameters
        ----------
        by_phase, a, a_firsts, b, b_firsts, norms, plain, workspace : as for `scores`.
        error, near, best, tops, around : as for `best_of_maps`; best ones are shifts.
        """
        cdef Py_ssize_t group, first, pair, height = self.plan.down.n_points, width = self.plan.across.n_points
        cdef Py_ssize_t n_pairs = best.shape[0], lanes = self.routines.lanes, n_groups = (n_pairs + lanes - 1) // lanes
        cdef Py_ssize_t pitch = height * width + APART, map_bytes = pitch * self.routines.item_bytes
        cdef char* points = from_a_line(cnp.PyArray_DATA(workspace))
        cdef char* maps = points + (self.n_points() + self.n_values()) * self.routines.item_bytes
        cdef cnp.ndarray means = cnp.PyArray_EMPTY(1, [2 * lanes * a.shape[1]], cnp.NPY_DOUBLE, 0)
        cdef Scoring how
        cdef Circle circle
        cdef Found found
        self.describe(&how, by_phase, a, a_firsts, b, b_firsts, norms, plain, workspace, means)
        lay_out_circle(&circle, height, width, maps + lanes * map_bytes)
        lay_out_found(&found, best, tops, around)
        with nogil:
            for group in range(n_groups):
                first = group * lanes
                self.score(&how, first, min(lanes, n_pairs - first), maps, pitch)
                for pair in range(min(lanes, n_pairs - first)):
                    find_in_map(maps + pair * map_bytes, self.routines.item_bytes == 4, &circle.axes, error, near,
                                circle.highest, &found, first + pair)

    cdef int describe(self, Scoring* how, bint by_phase, cnp.ndarray a, cnp.ndarray a_firsts, cnp.ndarray b,
                      cnp.ndarray b_firsts, cnp.ndarray norms, cnp.ndarray plain, cnp.ndarray workspace,
                      cnp.ndarray means) except -1:
        how.by_phase, how.n_channels, how.norms = by_phase, a.shape[1], doubles_of(norms)
        how.are_plain, how.points = cnp.PyArray_BYTES(plain), from_a_line(cnp.PyArray_DATA(workspace))
        how.a.pixels, how.a.firsts, how.a.pitch = cnp.PyArray_BYTES(a), indices_of(a_firsts), a.shape[3]
        how.b.pixels, how.b.firsts, how.b.pitch = cnp.PyArray_BYTES(b), indices_of(b_firsts), b.shape[3]
        how.a.channel_bytes = a.shape[2] * a.shape[3] * self.routines.item_bytes
        how.b.channel_bytes = b.shape[2] * b.shape[3] * self.routines.item_bytes
        how.a.means = doubles_of(means)
        how.b.means = how.a.means + self.routines.lanes * how.n_channels
        if workspace.size < self.room():
            raise ValueError("workspace: it does not hold the transforms of as many pairs as there are lanes")
        return 0


cdef double brightness(double squares, double other) noexcept nogil:
    """The power of two by which the second pixels are about as bright as the first ones."""
    cdef int exponent
    if not (squares > 0 and other > 0 and squares < INFINITY and other < INFINITY):
        return 1
    frexp(squares / other, &exponent)
    return ldexp(1, exponent // 2)

# The best shift of each map of scores, what is around it, and the best one that is not near it.


cdef real largest_of(const real* numbers, Py_ssize_t n) noexcept nogil:
    """The largest of some numbers, none of which is NaN."""
    cdef real[8] most
    cdef Py_ssize_t index, lane
    for lane in range(8):
        most[lane] = -INFINITY
    for index in range(n // 8):
        for lane in range(8):
            most[lane] = numbers[8 * index + lane] if numbers[8 * index + lane] > most[lane] else most[lane]
    for index in range(n // 8 * 8, n):
        most[0] = max(most[0], numbers[index])
    for lane in range(1, 8):
        most[0] = max(most[0], most[lane])
    return most[0]


cdef inline bint is_near(Py_ssize_t shift, Py_ssize_t other, Py_ssize_t circle, Py_ssize_t near) noexcept nogil:
    """Whether two shifts along an axis are, which may be a circle of some length."""
    cdef Py_ssize_t far = shift - other if shift > other else other - shift
    return far <= near or (circle > 0 and circle - far <= near)


# The shifts of a map, and the places of those that may be the best.
cdef struct MapAxes:
    Py_ssize_t n_rows, n_columns
    Py_ssize_t first_row, end_row, first_column, end_column
    const Py_ssize_t* row_shifts
    const Py_ssize_t* column_shifts
    Py_ssize_t row_circle, column_circle
    double row_offset, column_offset


cdef void best_of_map(const real* scores, const MapAxes* axes, double error, Py_ssize_t near, double* highest,
                      Py_ssize_t* best, double* tops) noexcept nogil:
    """The best place of one map, its score, and the largest score that is not near it."""
    cdef Py_ssize_t row, column, n_columns = axes.n_columns
    cdef double top = -INFINITY, second = -INFINITY, far, least_far = INFINITY
    cdef real least
    cdef const real* own
    for row in range(axes.first_row, axes.end_row):
        highest[row] = largest_of(scores + row * n_columns + axes.first_column, axes.end_column - axes.first_column)
        top = max(top, highest[row])
    best[0], best[1] = axes.first_row, axes.first_column
    tops[0] = tops[1] = top
    if top == -INFINITY:
        return
    least = <real> (top - error)
    for row in range(axes.first_row, axes.end_row):
        if highest[row] < least:
            continue
        own = scores + row * n_columns
        for column in range(axes.first_column, axes.end_column):
            if own[column] >= least:
                far = ((axes.row_shifts[row] + axes.row_offset) * (axes.row_shifts[row] + axes.row_offset)
                       + (axes.column_shifts[column] + axes.column_offset)
                       * (axes.column_shifts[column] + axes.column_offset))
                if far < least_far:
                    least_far, best[0], best[1] = far, row, column
    for row in range(axes.first_row, axes.end_row):
        if highest[row] <= second:
            continue
        if not is_near(axes.row_shifts[row], axes.row_shifts[best[0]], axes.row_circle, near):
            second = highest[row]
            continue
        own = scores + row * n_columns
        for column in range(axes.first_column, axes.end_column):
            if own[column] > second and not is_near(axes.column_shifts[column], axes.column_shifts[best[1]],
                                                    axes.column_circle, near):
                second = own[column]
    tops[1] = second


cdef Py_ssize_t beside(Py_ssize_t place, Py_ssize_t size, bint is_circle) noexcept nogil:
    """A place of an axis or beside it by one; -1 where there is none."""
    if 0 <= place < size:
        return place
    return -1 if not is_circle else size - 1 if place < 0 else 0


cdef void take_around(const real* scores, const MapAxes* axes, const Py_ssize_t* best, double* found) noexcept nogil:
    """The nine scores around a place of a map, NaN where there is none."""
    cdef Py_ssize_t index, row, column
    cdef double score
    for index in range(9):
        row = beside(best[0] + index // 3 - 1, axes.n_rows, axes.row_circle > 0)
        column = beside(best[1] + index % 3 - 1, axes.n_columns, axes.column_circle > 0)
        score = -INFINITY
        if row >= 0 and column >= 0:
            score = scores[row * axes.n_columns + column]
        found[index] = score if score > -INFINITY else NAN


def best_of_maps(cnp.ndarray scores, cnp.ndarray row_shifts, cnp.ndarray column_shifts, tuple allowed,
                 tuple circles, tuple offsets, double error, Py_ssize_t near, cnp.ndarray best, cnp.ndarray tops,
                 cnp.ndarray around):
    """Find the best of the shifts of each map, and the largest score that is not near it.

    Parameters
    ----------
    scores : (pairs, shifts of rows, shifts of columns), float32 or float64, none of them NaN.
    row_shifts, column_shifts : of the map.
    allowed : first place and end of the rows, and of the columns, that may be the best.
    circles : the length of each axis, 0 where it ends.
    offsets : what is added to shifts for their distances from none.
    error : within which scores are the same, of which the one that is nearest to none is the best.
    near : pixels on each side along each axis that are not another peak.
    best : written, (pairs, 2), the places of the best ones.
    tops : written, (pairs, 2), the largest score and the largest that is not near.
    around : written, (pairs, 3, 3), the scores around the best ones, NaN where there are none; or of no pairs.
    """
    cdef MapAxes axes
    cdef Py_ssize_t pair, size = scores.shape[1] * scores.shape[2]
    cdef const char* place = cnp.PyArray_BYTES(scores)
    cdef Py_ssize_t* at = indices_of(best)
    cdef double* found = doubles_of(tops)
    cdef double* near_best = doubles_of(around)
    cdef double* highest
    cdef bint single = scores.itemsize == 4, keeps = around.shape[0] > 0
    axes.n_rows, axes.n_columns = scores.shape[1], scores.shape[2]
    axes.first_row, axes.end_row, axes.first_column, axes.end_column = allowed
    axes.row_circle, axes.column_circle = circles
    axes.row_offset, axes.column_offset = offsets
    axes.row_shifts, axes.column_shifts = indices_of(row_shifts), indices_of(column_shifts)
    highest = <double*> PyMem_Calloc(axes.n_rows, sizeof(double))
    if highest == NULL:
        raise MemoryError("workspace: the largest scores of rows cannot be allocated")
    with nogil:
        for pair in range(scores.shape[0]):
            if single:
                best_of_map(<const float*> place, &axes, error, near, highest, at + 2 * pair, found + 2 * pair)
                if keeps:
                    take_around(<const float*> place, &axes, at + 2 * pair, near_best + 9 * pair)
                place += size * <Py_ssize_t> sizeof(float)
            else:
                best_of_map(<const double*> place, &axes, error, near, highest, at + 2 * pair, found + 2 * pair)
                if keeps:
                    take_around(<const double*> place, &axes, at + 2 * pair, near_best + 9 * pair)
                place += size * <Py_ssize_t> sizeof(double)
    PyMem_Free(highest)


# --- fractions --------------------------------------------------------------------------------------------------------

cdef double MOST_FRACTION = 0.5   # pixels that a vertex may lie beside the best score
cdef double LEAST_TERM = 1e-9     # added to the squares of the slanting term's sum: 0 where no score tells of it


cdef double vertex(double before, double middle, double behind) noexcept nogil:
    """How far the vertex of a parabola is from the middle, 0 where there is none."""
    cdef double curvature = before - 2 * middle + behind, found = 0
    if curvature < 0:  # a missing score is NaN
        found = (before - behind) / (2 * curvature)
    return within(found)


cdef double within(double fraction) noexcept nogil:
    return MOST_FRACTION if fraction > MOST_FRACTION else -MOST_FRACTION if fraction < -MOST_FRACTION else fraction


cdef bint solved(double[6][7] rows) noexcept nogil:
    """Solves six equations by elimination, their right sides last; False where they have no one solution."""
    cdef Py_ssize_t column, row, index, largest
    cdef double factor, other
    for column in range(6):
        largest = column
        for row in range(column + 1, 6):
            if fabs(rows[row][column]) > fabs(rows[largest][column]):
                largest = row
        if not fabs(rows[largest][column]) > 0:
            return False
        for index in range(column, 7):
            other = rows[column][index]
            rows[column][index] = rows[largest][index]
            rows[largest][index] = other
        for row in range(6):
            if row != column:
                factor = rows[row][column] / rows[column][column]
                for index in range(column, 7):
                    rows[row][index] -= factor * rows[column][index]
    for row in range(6):
        rows[row][6] /= rows[row][row]
    return True


cdef void vertex_of_gaussian(const double* around, double* found) noexcept nogil:
    """The vertex of a Gaussian of any width and slant through nine scores, if there is one.

    Least squares of the logarithms, each weighted by the square of its score, as an error of a score is divided by it
    in its logarithm (Nobach and Honkanen, Exp. Fluids 38, 2005). One axis by itself would take the best score, of
    several that err the one that errs upwards, for the top, and fractions for less than they are.
    """
    cdef double[6][7] rows
    cdef double[7] terms
    cdef double score, determinant
    cdef Py_ssize_t place, row, index
    for row in range(6):
        for index in range(7):
            rows[row][index] = 0
    for place in range(9):
        score = around[place] / around[4]
        if not score > 0:
            continue
        terms[0], terms[1], terms[2] = 1, place // 3 - 1, place % 3 - 1
        terms[3], terms[4], terms[5] = terms[1] * terms[1], terms[1] * terms[2], terms[2] * terms[2]
        terms[6] = log(score)
        for row in range(6):
            for index in range(7):
                rows[row][index] += score * score * terms[row] * terms[index]
    rows[4][4] += LEAST_TERM
    if not solved(rows):
        return
    determinant = 4 * rows[3][6] * rows[5][6] - rows[4][6] * rows[4][6]
    if rows[3][6] + rows[5][6] < 0 and determinant > 0 and determinant < INFINITY:
        found[0] = within((rows[4][6] * rows[2][6] - 2 * rows[5][6] * rows[1][6]) / determinant)
        found[1] = within((rows[4][6] * rows[1][6] - 2 * rows[3][6] * rows[2][6]) / determinant)


def vertices_of(cnp.ndarray around, bint gaussian, cnp.ndarray found):
    """Find how far beside the best scores vertices lie, of parabolas or of Gaussians.

    Parameters
    ----------
    around : (pairs, 3, 3), the scores around the best ones, NaN where there are none.
    gaussian : of Gaussians, where the scores along the axes are positive.
    found : written, (pairs, 2), at most half a pixel; along an axis where a neighbour is missing 0.
    """
    cdef Py_ssize_t pair, axis, known
    cdef const double* own = doubles_of(around)
    cdef double* fractions = doubles_of(found)
    cdef double before, middle, behind
    with nogil:
        for pair in range(around.shape[0]):
            known = 0
            for axis in range(2):
                before, middle, behind = own[1 if axis == 0 else 3], own[4], own[7 if axis == 0 else 5]
                if gaussian and before > 0 and middle > 0 and behind > 0:
                    known += 1
                    before, middle, behind = log(before), log(middle), log(behind)
                fractions[axis] = vertex(before, middle, behind)
            if known == 2:
                vertex_of_gaussian(own, fractions)
            own += 9
            fractions += 2

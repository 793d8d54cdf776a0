# Sums of windows and of squares made row by row, of sums of columns that slide down: a few rows in the first cache.
#
# Errors are shares of the brightest window that a column has seen; whole numbers are exact.

from simd cimport f64v, f64v_broadcast, f64v_to_f32
from vectors cimport larger_lanes, smaller_lanes


cdef enum:
    SLIDING_TAPS = 8  # from which on windows of a row slide


cdef void slide_columns(const float* following, const float* leaving, Py_ssize_t n_columns, double* sums,
                        double* squares) noexcept nogil:
    cdef Py_ssize_t x
    cdef double comes, goes
    if leaving == NULL:
        for x in range(n_columns):
            comes = following[x]
            sums[x] += comes
            squares[x] += comes * comes
        return
    for x in range(n_columns):
        comes, goes = following[x], leaving[x]
        sums[x] += comes - goes
        squares[x] += (comes - goes) * (comes + goes)


cdef void row_sums(const double* sums, const double* squares, Py_ssize_t n_columns, const Walk* across, double* spare,
                   double* to_sums, double* to_squares) noexcept nogil:
    """Windows of few taps by doubling; else of those as many columns before as a vector has lanes."""
    cdef Py_ssize_t pitch = row_pitch(n_columns), n_dense = n_columns - across.taps + 1, x
    cdef bint dense = across.stride == 1
    cdef double* of_sums = to_sums if dense else spare + 2 * pitch
    cdef double* of_squares = to_squares if dense else spare + 3 * pitch
    if across.taps < SLIDING_TAPS:
        row_windows(ADD, sums, n_columns, across, spare, to_sums)
        row_windows(ADD, squares, n_columns, across, spare, to_squares)
        return
    slide_windows(sums, squares, across.taps, n_dense, spare, spare + pitch, of_sums, of_squares)
    if not dense:
        for x in range(across.n_windows):
            to_sums[x], to_squares[x] = of_sums[x * across.stride], of_squares[x * across.stride]


cdef inline void slide_windows(const double* sums, const double* squares, Py_ssize_t taps, Py_ssize_t n_windows,
                               double* runs, double* square_runs, double* to_sums, double* to_squares) noexcept nogil:
    """A vector of windows is the one before with a run of as many columns more, less one that lies `taps` before.

    Runs are kept until they leave. Rows may be read for two vectors beyond their end.
    """
    cdef Py_ssize_t lanes = sizeof(f64v) // sizeof(double), x = 0, tap
    cdef f64v total = run_of(sums, lanes, runs), square = run_of(squares, lanes, square_runs), last, last_square
    x = lanes
    while x + lanes <= taps:
        total = total + run_of(sums + x, lanes, runs + x)
        square = square + run_of(squares + x, lanes, square_runs + x)
        x += lanes
    for tap in range(x, taps):
        total = total + (<const f64v*> (sums + tap))[0]
        square = square + (<const f64v*> (squares + tap))[0]
    run_of(sums + x, lanes, runs + x)  # of which taps that are left over are a part
    run_of(squares + x, lanes, square_runs + x)
    x = 0
    while x < n_windows:
        if x > 0:
            total = total + (run_of(sums + x + taps - lanes, lanes, runs + x + taps - lanes)
                             - (<const f64v*> (runs + x - lanes))[0])
            square = square + (run_of(squares + x + taps - lanes, lanes, square_runs + x + taps - lanes)
                               - (<const f64v*> (square_runs + x - lanes))[0])
        if x + lanes <= n_windows:
            (<f64v*> (to_sums + x))[0] = total
            (<f64v*> (to_squares + x))[0] = square
        else:
            last, last_square = total, square
            memcpy(to_sums + x, &last, (n_windows - x) * sizeof(double))
            memcpy(to_squares + x, &last_square, (n_windows - x) * sizeof(double))
        x += lanes


cdef inline f64v run_of(const double* columns, Py_ssize_t lanes, double* runs) noexcept nogil:
    """The sums of as many columns as a vector has lanes, from each of as many on."""
    cdef f64v total = (<const f64v*> columns)[0]
    cdef Py_ssize_t lane
    for lane in range(1, lanes):
        total = total + (<const f64v*> (columns + lane))[0]
    (<f64v*> runs)[0] = total
    return total


cdef void add_moments(const double* sums, const double* squares, double times, double share, Py_ssize_t n_windows,
                      double* total, double* spread) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n_windows):
        total[x] += squares[x]
        spread[x] += squares[x] * times - sums[x] * sums[x] * share


cdef inline void inverse(float* roots, Py_ssize_t n_windows) noexcept nogil:
    """The inverse roots of spreads: a loop of its own, whose vectors are whole."""
    cdef Py_ssize_t x
    for x in range(n_windows):
        roots[x] = <float> 1 / sqrtf(roots[x])


cdef void close_row(const double* sums, const double* squares, double share, double relative, Py_ssize_t n_windows,
                    double* lowest, double* largest, float* roots) noexcept nogil:
    close(squares, sums, NULL, share, relative, n_windows, lowest, largest, roots)


cdef void close_rows(const double* total, const double* spread, double relative, Py_ssize_t n_windows, double* lowest,
                     double* largest, float* roots) noexcept nogil:
    close(total, NULL, spread, 0, relative, n_windows, lowest, largest, roots)


cdef inline void close(const double* total, const double* sums, const double* spread, double share, double relative,
                       Py_ssize_t n_windows, double* lowest, double* largest, float* roots) noexcept nogil:
    """The last vector ends where the row does, and may lie over the one before."""
    cdef Py_ssize_t lanes = sizeof(f64v) // sizeof(double), first = 0, x
    cdef f64v low = (<f64v*> lowest)[0], high = (<f64v*> largest)[0], own, squares
    cdef f64v shares = f64v_broadcast(share), relatives = f64v_broadcast(relative)
    cdef double one
    for x in range(n_windows if n_windows < lanes else 0):
        one = spread[x] if spread != NULL else total[x] - sums[x] * sums[x] * share
        lowest[0] = min(lowest[0], one - relative * total[x])
        largest[0] = max(largest[0], total[x])
        roots[x] = <float> one
    while first < n_windows and n_windows >= lanes:
        x = min(first, n_windows - lanes)
        squares = (<const f64v*> (total + x))[0]
        if spread != NULL:
            own = (<const f64v*> (spread + x))[0]
        else:
            own = squares - (<const f64v*> (sums + x))[0] * (<const f64v*> (sums + x))[0] * shares
        low = smaller_lanes(own - relatives * squares, low)
        high = larger_lanes(squares, high)
        f64v_to_f32(own, roots + x)
        first += lanes
    if n_windows >= lanes:
        (<f64v*> lowest)[0], (<f64v*> largest)[0] = low, high
    inverse(roots, n_windows)

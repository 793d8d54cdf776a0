# Scores of all shifts of two images over what both have in common.
#
# Where all pixels count, that is a box in either image, whose sums are differences of sums up to its sides. Numbers are
# float64; loops are plain, as the compiler makes vectors of them.

cimport cython
from libc.math cimport INFINITY, sqrt
from transforms cimport Boxes, MaskedSums, Overlaps, SeenPixels, SeenSums


cdef void sum_up_boxes(const Boxes* image) noexcept nogil:
    """The sums of what is above and before each place of an image, of pixels and of squares."""
    cdef Py_ssize_t row, column, width = image.n_columns, pitch = image.n_columns + 1
    cdef const double* pixels = image.pixels
    cdef double* sums = image.sums
    cdef double* squares = image.squares
    cdef double total, of_squares
    for column in range(pitch):
        sums[column] = squares[column] = 0
    for row in range(image.n_rows):
        sums, squares = sums + pitch, squares + pitch
        total = of_squares = sums[0] = squares[0] = 0
        for column in range(width):
            total += pixels[column]
            of_squares += pixels[column] * pixels[column]
            sums[column + 1], squares[column + 1] = total, of_squares
        for column in range(1, pitch):
            sums[column] += sums[column - pitch]
            squares[column] += squares[column - pitch]
        pixels += width


cdef inline Py_ssize_t bounded(Py_ssize_t number, Py_ssize_t most) noexcept nogil:
    """A number from 0 to the most."""
    return 0 if number < 0 else most if number > most else number


cdef void differences_along(const double* above, const double* below, Py_ssize_t size, Py_ssize_t other,
                            Py_ssize_t first_shift, Py_ssize_t n_shifts, double* along,
                            double* found) noexcept nogil:
    """The sums in boxes of some rows, by the shift of the columns: what is before their ends less what is before them.

    A shift is of the other image, so that the box is from it on to it and the other size, as far as the image goes.
    """
    cdef Py_ssize_t column
    cdef Py_ssize_t n_inside = bounded(size - other - first_shift, n_shifts), n_before = bounded(-first_shift, n_shifts)
    for column in range(size + 1):
        along[column] = below[column] - above[column]
    for column in range(n_inside):
        found[column] = along[first_shift + other + column]
    for column in range(n_inside, n_shifts):
        found[column] = along[size]
    for column in range(n_before, n_shifts):
        found[column] -= along[first_shift + column]


cdef void sums_of_row(const Boxes* image, Py_ssize_t first, Py_ssize_t end, Py_ssize_t other, Py_ssize_t first_shift,
                      Py_ssize_t n_shifts) noexcept nogil:
    """The sums in boxes of rows [first, end), of pixels and of squares."""
    cdef Py_ssize_t pitch = image.n_columns + 1
    differences_along(image.sums + first * pitch, image.sums + end * pitch, image.n_columns, other, first_shift,
                      n_shifts, image.along, image.in_boxes)
    differences_along(image.squares + first * pitch, image.squares + end * pitch, image.n_columns, other, first_shift,
                      n_shifts, image.along, image.in_boxes + n_shifts)


@cython.cdivision(True)  # where there is no variance nothing is kept
cdef void scores_of_row(const Overlaps* pair, double share_of_rows, Py_ssize_t first, Py_ssize_t end,
                        double* scores) noexcept nogil:
    """Turns the sums of products of shifts [first, end) of the columns into scores."""
    cdef Py_ssize_t column, last = pair.n_columns - 1
    cdef double share, sum_a, sum_b, variance_a, variance_b, score
    cdef double least_a = pair.least_a, least_b = pair.least_b
    cdef const double* shares = pair.shares
    cdef const double* sums_a = pair.a.in_boxes
    cdef const double* squares_a = pair.a.in_boxes + pair.n_columns
    cdef const double* sums_b = pair.b.in_boxes
    cdef const double* squares_b = pair.b.in_boxes + pair.n_columns
    for column in range(first, end):
        share, sum_a, sum_b = shares[column] * share_of_rows, sums_a[column], sums_b[last - column]
        variance_a = squares_a[column] - sum_a * sum_a * share
        variance_b = squares_b[last - column] - sum_b * sum_b * share
        score = (scores[column] - sum_a * sum_b * share) / sqrt(variance_a * variance_b)
        score = 1 if score > 1 else -1 if score < -1 else score
        score = score if variance_a > least_a else -INFINITY
        scores[column] = score if variance_b > least_b else -INFINITY


cdef void score_overlaps(const Overlaps* pair, double* scores) noexcept nogil:
    """Turns the sums of products of all shifts into scores."""
    cdef Py_ssize_t row, column, begin, behind, shift, n_rows
    cdef double* own = scores
    cdef double most
    for row in range(pair.n_rows):
        shift = pair.first_row + row
        n_rows = min(pair.a.n_rows, shift + pair.b.n_rows) - max(0, shift)
        most, begin, behind = <double> n_rows / pair.least_count, 0, pair.n_columns
        while begin < behind and pair.shares[begin] > most:
            begin += 1
        while behind > begin and pair.shares[behind - 1] > most:
            behind -= 1
        for column in range(begin):
            own[column] = -INFINITY
        for column in range(behind, pair.n_columns):
            own[column] = -INFINITY
        if begin < behind:
            sums_of_row(&pair.a, max(0, shift), max(0, shift) + n_rows, pair.b.n_columns, pair.first_column,
                        pair.n_columns)
            sums_of_row(&pair.b, max(0, -shift), max(0, -shift) + n_rows, pair.a.n_columns,
                        1 - pair.first_column - pair.n_columns, pair.n_columns)
            scores_of_row(pair, 1 / <double> n_rows, begin, behind, own)
        own += pair.n_columns


# --- sums over what masks leave, by the shift -------------------------------------------------------------------------

cdef inline double rounded(double number) noexcept nogil:
    """A whole number from one below 2**51: beside 1.5 * 2**52 there is no room for digits behind the point."""
    return (number + 6755399441055744.0) - 6755399441055744.0


cdef void centre_sums(const MaskedSums* sums, Py_ssize_t first, Py_ssize_t end, bint are_whole,
                      double least) noexcept nogil:
    """Takes off products what the means make of them, and leaves what these make of squares, negative."""
    cdef Py_ssize_t index
    cdef double* counts = sums.counts
    cdef double* products = sums.products
    cdef double* of_a = sums.a
    cdef double* of_b = sums.b
    cdef double count, a, b
    for index in range(first, end):
        count, a, b = counts[index], of_a[index], of_b[index]
        count = rounded(count) if are_whole else count
        count = count if count > least else least
        counts[index] = count
        products[index] -= a * b / count
        of_a[index] = -a * a / count
        of_b[index] = -b * b / count


@cython.cdivision(True)
cdef void score_sums(const MaskedSums* sums, Py_ssize_t first, Py_ssize_t end, double least_count, double least_a,
                     double least_b) noexcept nogil:
    """Turns sums about the means into scores."""
    cdef Py_ssize_t index
    cdef const double* counts = sums.counts
    cdef double* scores = sums.products
    cdef const double* of_a = sums.a
    cdef const double* of_b = sums.b
    cdef double score, a, b
    for index in range(first, end):
        a, b = of_a[index], of_b[index]
        score = scores[index] / sqrt(a * b)
        score = 1 if score > 1 else -1 if score < -1 else score
        score = score if a > least_a else -INFINITY
        score = score if b > least_b else -INFINITY
        scores[index] = score if counts[index] >= least_count else -INFINITY


# --- the score of one shift -------------------------------------------------------------------------------------------

cdef enum:
    CHAINS = 8  # of sums that are under way


cdef double all_chains(const double* sums) noexcept nogil:
    """The sum of all chains'."""
    cdef double total = 0
    cdef Py_ssize_t chain
    for chain in range(CHAINS):
        total += sums[chain]
    return total


cdef void sum_pixels(const double* shares, const double* pixels, Py_ssize_t n, double* total, double* least,
                     double* greatest) noexcept nogil:
    """Adds to the sum of pixels, and takes the least and the greatest further."""
    cdef Py_ssize_t index, chain
    cdef double[CHAINS] sums, lowest, highest
    cdef double pixel
    for chain in range(CHAINS):
        sums[chain], lowest[chain], highest[chain] = 0, least[0], greatest[0]
    for index in range(n // CHAINS):
        for chain in range(CHAINS):
            pixel = pixels[index * CHAINS + chain]
            lowest[chain] = pixel if pixel < lowest[chain] else lowest[chain]
            highest[chain] = pixel if pixel > highest[chain] else highest[chain]
            sums[chain] += pixel if shares == NULL else pixel * shares[index * CHAINS + chain]
    for index in range(n // CHAINS * CHAINS, n):
        lowest[0], highest[0] = min(lowest[0], pixels[index]), max(highest[0], pixels[index])
        sums[0] += pixels[index] if shares == NULL else pixels[index] * shares[index]
    total[0] += all_chains(sums)
    for chain in range(CHAINS):
        least[0], greatest[0] = min(least[0], lowest[chain]), max(greatest[0], highest[chain])


cdef void sum_seen(const SeenPixels* seen, SeenSums* found) noexcept nogil:
    """Adds to what counts and the sums of both, and takes the least and the greatest further."""
    cdef double least = 0, greatest = 0
    if seen.shares == NULL:
        found.count += <double> seen.n
    else:
        sum_pixels(NULL, seen.shares, seen.n, &found.count, &least, &greatest)
    sum_pixels(seen.shares, seen.a, seen.n, &found.sums[0], &found.least[0], &found.greatest[0])
    sum_pixels(seen.shares, seen.b, seen.n, &found.sums[1], &found.least[1], &found.greatest[1])


cdef inline void add_seen_products(const SeenPixels* seen, const double* means, const double* scales, Py_ssize_t index,
                                   double* both, double* of_a, double* of_b) noexcept nogil:
    cdef double share = seen.shares[index] if seen.shares != NULL else 1
    cdef double a = (seen.a[index] - means[0]) * scales[0], b = (seen.b[index] - means[1]) * scales[1]
    both[0] += share * a * b
    of_a[0] += share * a * a
    of_b[0] += share * b * b


cdef void multiply_seen(const SeenPixels* seen, const double* means, const double* scales,
                        double* found) noexcept nogil:
    """Adds to the sums of products and of squares about the means, of scaled pixels."""
    cdef Py_ssize_t index, chain
    cdef double[CHAINS] both, of_a, of_b
    for chain in range(CHAINS):
        both[chain] = of_a[chain] = of_b[chain] = 0
    for index in range(seen.n // CHAINS):
        for chain in range(CHAINS):
            add_seen_products(seen, means, scales, index * CHAINS + chain, both + chain, of_a + chain, of_b + chain)
    for index in range(seen.n // CHAINS * CHAINS, seen.n):
        add_seen_products(seen, means, scales, index, both, of_a, of_b)
    found[0] += all_chains(both)
    found[1] += all_chains(of_a)
    found[2] += all_chains(of_b)

# The range of a section: its largest magnitude, the smallest of its windows' largest magnitudes, and its norm.
#
# A transform spreads the rounding errors of the brightest pixels over all of the section: by the range found here the
# engine decides whether the windows keep enough bits, or are handed back (`fourier_sections.pxi`).

from libc.math cimport frexp, ldexp, sqrt
from libc.string cimport memcpy

from microkernels cimport real
from simd cimport a_zero, bits32, bits64, f32v_broadcast, f64v_broadcast
from transforms cimport AT_INSIDE, AT_KINDS, AT_WINDOWS, NOT_NEGATIVE, WHOLE, Fourier, Range
from vectors cimport broadcast, larger_lanes, n_lanes, scaled, smaller_lanes, vector

ctypedef fused bits:
    bits32
    bits64

# A window may be so many powers of two fainter than the brightest pixel of its section; in float32 it then keeps 13 of
# 24 bits. Sums of products are finite where the norms of a section and of a kernel have no larger exponents. What is
# beyond these is handed back.
cdef enum:
    MOST_EXPONENTS_F32 = 10
    MOST_EXPONENTS_F64 = 39
    LARGEST_EXPONENT_F32 = 54
    LARGEST_EXPONENT_F64 = 500


cdef inline void larger(bits* found, const bits* others, bits magnitude, Py_ssize_t n, bint begin) noexcept nogil:
    """found = the larger of found, or of 0 where it begins, and the others' magnitudes."""
    cdef Py_ssize_t index
    cdef bits one
    for index in range(n):
        one = others[index] & magnitude
        if begin:
            found[index] = one
        else:
            found[index] = one if one > found[index] else found[index]


cdef inline bits* largest_in_reach(bits* found, bits* other, Py_ssize_t n, Py_ssize_t reach, Py_ssize_t step,
                                   Py_ssize_t pitch) noexcept nogil:
    """The largest of `reach` from i on, `step` apart, each of `pitch` numbers, for i < n - (reach - 1) * step.

    Found by doubling what each has looked at, in turns in `found` and in `other`; the result is in the one returned.
    """
    cdef Py_ssize_t covered = 1, further, index
    cdef bits* swapped
    cdef const bits* ahead
    while covered < reach:
        further = min(covered, reach - covered) * step
        covered = min(2 * covered, reach)
        ahead = found + further * pitch
        for index in range((n - (covered - 1) * step) * pitch):
            other[index] = ahead[index] if ahead[index] > found[index] else found[index]
        swapped = found
        found = other
        other = swapped
    return found


cdef inline bits least_of(const bits* found, Py_ssize_t n, bits least) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(n):
        least = found[index] if found[index] < least else least
    return least


cdef inline bits least_with_row(bits* of_columns, bits* of_row, bits magnitude, Py_ssize_t width, Py_ssize_t row,
                                Py_ssize_t block_height, Py_ssize_t block_width, bits least) noexcept nogil:
    """The least of blocks at every column, where a row ends some of them; else what it was."""
    larger(of_columns, of_row, magnitude, width, row % block_height == 0)
    if row % block_height < block_height - 1:
        return least
    return least_of(largest_in_reach(of_columns, of_row, width, block_width, 1, 1), width - block_width + 1, least)


cdef inline int exponent_of(bits magnitude, int n_fraction) noexcept nogil:
    """The biased exponent of a magnitude; subnormal ones count as if the range went on, 0 is below all of them."""
    cdef int exponent = <int> (magnitude >> n_fraction)
    if exponent == 0:
        exponent = -n_fraction
        while magnitude != 0:
            magnitude >>= 1
            exponent += 1
    return exponent


cdef inline void examine(const Fourier* fourier, const real* section, bits* of_columns, bits magnitude, int n_fraction,
                         Range* found, vector like) noexcept nogil:
    """Magnitudes as bits: of rows, of columns of a block, of blocks at every column."""
    cdef Py_ssize_t width = found.n_columns, row, column, channel, plane = fourier.height * fourier.pitch
    cdef bits* of_row = of_columns + fourier.width
    cdef bits largest = 0, least = magnitude, one
    cdef const real* place
    cdef vector squares = broadcast(a_zero, like)
    found.n_zeros = 0
    for row in range(found.n_rows):
        for channel in range(fourier.depth):
            place = section + channel * plane + row * fourier.pitch
            larger(of_row, <const bits*> place, magnitude, width, channel == 0)
            add_squares(place, fourier.width, 1, &squares, like)
        one = 0
        for column in range(width):
            one += of_row[column] == 0
        found.n_zeros += one
        one = 0
        for column in range(width):
            one = of_row[column] if of_row[column] > one else one
        largest = one if one > largest else largest
        if fourier.block_height > 0:
            least = least_with_row(of_columns, of_row, magnitude, width, row, fourier.block_height,
                                   fourier.block_width, least)
    found.finite = largest < magnitude - ((<bits> 1 << n_fraction) - 1)
    found.largest = exponent_of(largest, n_fraction)
    found.least = exponent_of(least if fourier.block_height > 0 else <bits> 0, n_fraction)
    found.exponent = 0
    if found.finite and largest > 0:
        found.exponent = exponent_of_norm(fourier, section, squares, found.largest)


cdef inline void examine_inside(const Fourier* fourier, const real* section, bits* of_columns, bits magnitude,
                                int n_fraction, Range* found) noexcept nogil:
    """The least of blocks inside of the image, as above."""
    cdef Py_ssize_t width = found.end_column - found.first_column, row, channel, plane = fourier.height * fourier.pitch
    cdef bits* of_row = of_columns + fourier.width
    cdef bits least = magnitude
    section += found.first_row * fourier.pitch + found.first_column
    for row in range((found.end_row - found.first_row) // found.block_height * found.block_height):
        for channel in range(fourier.depth):
            larger(of_row, <const bits*> (section + channel * plane + row * fourier.pitch), magnitude, width,
                   channel == 0)
        least = least_with_row(of_columns, of_row, magnitude, width, row, found.block_height, found.block_width, least)
    found.least = exponent_of(least, n_fraction)


cdef inline void examine_windows(const Fourier* fourier, const real* section, bits* magnitudes, bits magnitude,
                                 int n_fraction, Range* found) noexcept nogil:
    """The largest magnitude of every window, by doubling what each element has looked at."""
    cdef Py_ssize_t width = found.n_columns, height = found.n_rows, row, column, channel
    cdef Py_ssize_t n_columns = width - (fourier.kernel_width - 1) * fourier.column_dilation
    cdef bits* other = magnitudes + height * n_columns
    cdef bits least = magnitude, one
    cdef const bits* of_row
    for row in range(height):  # into the place of rows to come, two of which there is room for behind the last one
        for channel in range(fourier.depth):
            larger(magnitudes + row * n_columns,
                   <const bits*> (section + (channel * fourier.height + row) * fourier.pitch), magnitude, width,
                   channel == 0)
        of_row = largest_in_reach(magnitudes + row * n_columns, other + width, width, fourier.kernel_width,
                                  fourier.column_dilation, 1)
        if of_row != magnitudes + row * n_columns:
            memcpy(magnitudes + row * n_columns, of_row, n_columns * sizeof(bits))
    magnitudes = largest_in_reach(magnitudes, other, height, fourier.kernel_height, fourier.row_dilation, n_columns)
    for row in range(height - (fourier.kernel_height - 1) * fourier.row_dilation):
        for column in range(n_columns):
            one = magnitudes[row * n_columns + column]
            least = one if 0 < one < least else least
    found.least = exponent_of(least, n_fraction)


cdef inline void add_squares(const real* row, Py_ssize_t width, double scale, vector* squares,
                             vector like) noexcept nogil:
    cdef Py_ssize_t lanes = n_lanes(like), index, part
    cdef vector one, zero = broadcast(a_zero, like)
    cdef vector[4] sums
    for part in range(4):
        sums[part] = zero
    for index in range(width // lanes // 4):
        for part in range(4):
            one = scaled(scale, (<const vector*> row)[4 * index + part])
            sums[part] = sums[part] + one * one
    for index in range(width // lanes // 4 * 4, width // lanes):
        one = scaled(scale, (<const vector*> row)[index])
        sums[0] = sums[0] + one * one
    squares[0] = squares[0] + ((sums[0] + sums[1]) + (sums[2] + sums[3]))


cdef inline int exponent_of_norm(const Fourier* fourier, const real* section, vector squares,
                                 int largest) noexcept nogil:
    """Exponent of a section's norm, from its sum of squares and the biased exponent of its largest magnitude."""
    cdef int bias = 127 if real is float else 1023, exponent, down = 0
    cdef double total = 0
    cdef Py_ssize_t lane, row
    if largest < bias - bias // 4 or largest > bias + bias // 4:  # squares that are lost or infinite
        down = max(largest - bias, 1 - bias)
        squares = broadcast(a_zero, squares)
        for row in range(fourier.height * fourier.depth):
            add_squares(section + row * fourier.pitch, fourier.width, ldexp(1, -down), &squares, squares)
    for lane in range(n_lanes(squares)):
        total += (<real*> &squares)[lane]
    frexp(sqrt(total), &exponent)
    return max(min(exponent - 1 + down, bias - 1), 1 - bias)


cdef inline void examine_kinds(const Fourier* fourier, const real* section, double most, Range* found,
                               vector like) noexcept nogil:
    """Kinds of finite numbers; `most` and more are whole, and the sum of less with it counts ones."""
    cdef Py_ssize_t row, index, lanes = n_lanes(like), n_vectors = fourier.width // lanes
    cdef vector zero = broadcast(a_zero, like), counting = broadcast(<real> most, like), one, parts, least
    cdef real lowest = 0
    cdef bint whole = True
    least = zero
    for row in range(fourier.height * fourier.depth):
        parts = zero
        for index in range(n_vectors):
            one = (<const vector*> (section + row * fourier.pitch))[index]
            least = smaller_lanes(least, one)
            one = larger_lanes(one, zero - one)
            one = smaller_lanes(one, counting)
            parts = larger_lanes(parts, one - ((one + counting) - counting))
            parts = larger_lanes(parts, ((one + counting) - counting) - one)
        for index in range(lanes):
            whole = whole and (<real*> &parts)[index] == 0
    for index in range(lanes):
        lowest = min(lowest, (<real*> &least)[index])
    found.kinds = (WHOLE if whole else 0) | (NOT_NEGATIVE if lowest == 0 else 0)


cdef void examine_f32(const Fourier* fourier, const void* section, void* room, int look, Range* found) noexcept nogil:
    if look == AT_KINDS:
        examine_kinds(fourier, <const float*> section, 8388608.0, found, f32v_broadcast(0))  # 2**23
    elif look == AT_INSIDE:
        examine_inside(fourier, <const float*> section, <bits32*> room, <bits32> 0x7fffffff, 23, found)
    elif look == AT_WINDOWS:
        examine_windows(fourier, <const float*> section, <bits32*> room, <bits32> 0x7fffffff, 23, found)
    else:
        examine(fourier, <const float*> section, <bits32*> room, <bits32> 0x7fffffff, 23, found, f32v_broadcast(0))


cdef void examine_f64(const Fourier* fourier, const void* section, void* room, int look, Range* found) noexcept nogil:
    if look == AT_KINDS:
        examine_kinds(fourier, <const double*> section, 4503599627370496.0, found, f64v_broadcast(0))  # 2**52
    elif look == AT_INSIDE:
        examine_inside(fourier, <const double*> section, <bits64*> room, <bits64> 0x7fffffffffffffff, 52, found)
    elif look == AT_WINDOWS:
        examine_windows(fourier, <const double*> section, <bits64*> room, <bits64> 0x7fffffffffffffff, 52, found)
    else:
        examine(fourier, <const double*> section, <bits64*> room, <bits64> 0x7fffffffffffffff, 52, found,
                f64v_broadcast(0))


cdef inline void spread(int* found, Py_ssize_t n, Py_ssize_t reach, Py_ssize_t step, Py_ssize_t pitch) noexcept nogil:
    """What is found in any of `reach` from i on, as `largest_in_reach`, in place: only those ahead are looked at."""
    cdef Py_ssize_t covered = 1, further, index
    while covered < reach:
        further = min(covered, reach - covered) * step * pitch
        covered = min(2 * covered, reach)
        for index in range((n - (covered - 1) * step) * pitch):
            found[index] |= found[index + further]


cdef void find_zeros(const Fourier* fourier, const real* section, int* occupied) noexcept nogil:
    """Marks pixels, then rows of windows, then windows."""
    cdef Py_ssize_t width = fourier.width, row, column, channel, plane = fourier.height * fourier.pitch
    cdef int* own
    cdef const real* pixels
    for row in range(fourier.height):
        own = occupied + row * width
        for channel in range(fourier.depth):
            pixels = section + channel * plane + row * fourier.pitch
            for column in range(width):
                own[column] = (own[column] if channel > 0 else 0) | (pixels[column] != 0)
        spread(own, width, fourier.kernel_width, fourier.column_dilation, 1)
    spread(occupied, fourier.height, fourier.kernel_height, fourier.row_dilation, width)


cdef void find_zeros_f32(const Fourier* fourier, const void* section, int* occupied) noexcept nogil:
    find_zeros(fourier, <const float*> section, occupied)


cdef void find_zeros_f64(const Fourier* fourier, const void* section, int* occupied) noexcept nogil:
    find_zeros(fourier, <const double*> section, occupied)

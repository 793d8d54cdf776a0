# Kernels by their factors: strips and lanes as over columns, and one kernel after the other. What is not finite then is
# done once more from the same windows, by the kernel's taps, which lie behind its factors: infinities mean the same by
# both, and sums of large numbers may overflow on the way where the direct sum does not.

from microkernels cimport MOST_LANES, MOST_OF_COLUMNS, Rows, Storing
from types cimport DONE, Axis, Geometry, Loops, Panel, Part, ceiling, effective

LONGEST_COLUMNS = MOST_OF_COLUMNS    # taps of all columns of a kernel's factors
LONGEST_OF_WORDS = MOST_OF_WORDS     # taps of a row, and of a column, of those in words

cdef enum:
    REDONE_COLUMNS = 64              # that are done once more at once
cdef Py_ssize_t SPANS_OF_STRIP = 4   # of a kernel, that a strip has rows for: those that strips share are summed twice


cdef int correlate_by_factors(Loops* loops, Py_ssize_t group, const Panel* panel, const Part* part,
                              Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """One kernel's responses in a piece, some rows at once with a look for signals after each."""
    cdef Py_ssize_t size = loops.item_bytes, kernel = group * loops.padded_kernels + panel.offset, row = 0, y
    cdef Py_ssize_t height = loops.geometry.down.kernel
    cdef Py_ssize_t of_factors = loops.factors.rank * (loops.sum.run + height)
    cdef const char* packed = loops.packed + kernel * (of_factors + height * loops.sum.run) * size
    cdef const char* bias = loops.bias + kernel * size
    cdef char* responses = part.responses + panel.first * loops.rows.kernel_pitch * size
    cdef Py_ssize_t at_once = max(height, SIGNAL_MULTIPLY_ADDS // (part.n_columns * of_factors)), n_rows
    cdef bint is_finite = True
    cdef int status
    cdef Rows rows = loops.rows
    rows.n_kernels, rows.width, rows.n_columns = 1, 1, part.n_columns
    rows.window_row_pitch *= loops.sharing_rows
    rows.row_pitch *= loops.sharing_rows
    for row in range(min(loops.sharing_rows, part.n_rows)):
        n_rows, y = ceiling(part.n_rows - row, loops.sharing_rows), 0
        while y < n_rows:
            rows.n_rows = min(at_once, n_rows - y)
            is_finite &= loops.routines.by_factors(
                &loops.sum, &rows, &loops.factors,
                part.windows + (row * loops.rows.window_row_pitch + y * rows.window_row_pitch) * loops.pixel_bytes,
                packed, bias,
                responses + (row * loops.rows.row_pitch + y * rows.row_pitch) * size)
            y += rows.n_rows
            counted[0] += rows.n_rows * part.n_columns * of_factors
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
    if is_finite:
        return DONE
    for row in range(part.n_rows):
        if not loops.routines.all_finite(responses + row * loops.rows.row_pitch * size, part.n_columns):
            status = redo_row(loops, part.windows + row * loops.rows.window_row_pitch * size,
                              packed + of_factors * size, bias, responses + row * loops.rows.row_pitch * size,
                              part.n_columns, counted, watch_signals)
            if status != DONE:
                return status
    return DONE


cdef int redo_row(Loops* loops, const char* windows, const char* taps, const char* bias, char* responses,
                  Py_ssize_t n_columns, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """The responses of a row that are not finite, by all taps, in runs of columns."""
    cdef double[REDONE_COLUMNS + MOST_LANES] others
    cdef Py_ssize_t size = loops.item_bytes, x = 0, first, no_kernels = 0
    cdef Py_ssize_t count = min(REDONE_COLUMNS, n_columns)
    cdef int status
    cdef Rows rows = loops.rows
    cdef Storing storing
    rows.n_rows = rows.n_kernels = rows.width = 1
    rows.n_columns = rows.row_pitch = count
    storing.n_columns, storing.n_kernels = count, 1
    storing.column_pitch = storing.kernel_pitch = 1
    storing.column_bytes, storing.kernel_bytes = size, &no_kernels
    while x < n_columns:
        first = min(x, n_columns - count)
        if not loops.routines.all_finite(responses + first * size, count):
            loops.routines.over_columns(&loops.sum, &rows, windows + first * size, taps, bias, others)
            loops.routines.replace_infinite(&storing, others, responses + first * size)
            counted[0] += count * loops.geometry.down.kernel * loops.sum.run
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
        x += count
    return DONE


cdef Py_ssize_t common_divisor(Py_ssize_t one, Py_ssize_t other) noexcept:
    while other > 0:
        one, other = other, one % other
    return one


cdef class ByFactors(OverColumns):
    """Lanes over columns without rows that are joined: each kernel sums rows of taps first, and columns over these."""

    cdef lay_out_strips(self):
        OverColumns.lay_out_strips(self)
        self.loops.factors = self.engine.factors

    cdef Py_ssize_t wanted_rows(self):
        """Rows of several kernels. Of many more a stripe lies in so many pages that small kernels take 1.4 times."""
        cdef const Axis* down = &self.engine.geometry.down
        return max(1, SPANS_OF_STRIP * effective(down) // down.stride)

    cdef bint rows_follow_on(self):
        return False

    cdef bint flattens(self):
        return False

    cdef bint joins_rows(self):
        return False

    cdef lay_out_bank(self):
        """Rows of windows that are a whole number of kernel rows apart, and whose pixels are shared."""
        cdef const Axis* down = &self.engine.geometry.down
        if down.kernel > 1:
            self.loops.sharing_rows = down.dilation // common_divisor(down.stride, down.dilation)

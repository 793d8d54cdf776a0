# Lanes over columns, of one kernel of 5x5: down all rows of windows at once, where registers are few.
#
# Every row of pixels is loaded once, and feeds all rows of windows that it is a kernel row of: their sums are in
# registers, and move on by one kernel row. No row of pixels is for some rows of a tile only, as the first and the last
# ones of tiles are; what a column of tiles has instead, it has once: at its ends rows of windows that do not exist are
# summed like the others, and not stored. Totals of finished blocks wait in the responses. The taps of a kernel row are
# a loop that is not unrolled: unrolled, sums do not stay in registers.
#
# Down rows that are 4 KiB apart lines share their places in the first cache, and each row is in a page of its own:
# those are left to pairs of rows. Level v3, one worker, without padding: on 480x640 0.224 ms, pairs 0.252; on 1080p
# pairs 1.74, where tiles of four rows took 2.01 (2026-11-29, AMD EPYC, Zen 3).

cdef enum:
    ROLLED = 5              # rows and columns of the kernel
    ROLLED_BLOCK = 2        # kernel rows of a block
    ROLLED_VECTORS = 2
    LEAST_ROLLED = 32       # rows of windows, beside which those at the ends cost less than tiles do
    MOST_ROW_BYTES = 3072   # from a row to the next, of pixels and of responses
    ROWS_AHEAD = 6          # whose pixels are fetched


cdef inline void add_row_to_all(const real* pixels, Py_ssize_t step, const real* panel, vector* sums,
                                vector like) noexcept nogil:
    """A row of pixels times each kernel row: the first for the last row of windows."""
    cdef vector[ROLLED_VECTORS] columns
    cdef const real* end = <const real*> opaque(pixels + ROLLED * step)
    cdef Py_ssize_t row, part, place, lanes = n_lanes(like)
    while pixels < end:
        for part in range(ROLLED_VECTORS):
            columns[part] = (<const vector*> (pixels + part * lanes))[0]
        for row in range(ROLLED):
            for part in range(ROLLED_VECTORS):
                place = row * ROLLED_VECTORS + part
                sums[place] = sums[place] + times(panel[row * ROLLED], columns[part])
        pixels += step
        panel += 1


cdef inline void end_blocks(vector* sums, const real* bias, real* response, Py_ssize_t row_pitch, Py_ssize_t y,
                            Py_ssize_t n_rows, bint inside, vector like) noexcept nogil:
    """Adds blocks that are complete to the totals; then each sum is that of the next kernel row.

    Kernel row i was of the i-th row of windows before `y`, whose responses are at `response`; all of them exist if
    `inside` is true.
    """
    cdef Py_ssize_t row, part, lanes = n_lanes(like)
    cdef real* target
    cdef vector zero = broadcast(a_zero, like)
    for row in range(ROLLED):
        if (row + 1) % ROLLED_BLOCK == 0 or row == ROLLED - 1:
            target = response - row * row_pitch
            if inside or 0 <= y - row < n_rows:
                for part in range(ROLLED_VECTORS):
                    (<vector*> (target + part * lanes))[0] = sums[row * ROLLED_VECTORS + part] + (
                        broadcast(bias[0], like) if row < ROLLED_BLOCK else (<vector*> (target + part * lanes))[0])
            for part in range(ROLLED_VECTORS):
                sums[row * ROLLED_VECTORS + part] = zero
    for row in range(ROLLED - 1, 0, -1):
        for part in range(ROLLED_VECTORS):
            sums[row * ROLLED_VECTORS + part] = sums[(row - 1) * ROLLED_VECTORS + part]
    for part in range(ROLLED_VECTORS):
        sums[part] = zero


cdef inline void column_of_tiles(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                 const real* bias, real* response, bint apart, vector like) noexcept nogil:
    """All rows of two vectors of columns."""
    cdef vector[TILE_ACCUMULATORS] sums
    cdef Py_ssize_t y, part, n_rows = rows.n_rows, pitch = sum.kernel_row_pitch, lanes = n_lanes(like)
    for part in range(ROLLED * ROLLED_VECTORS):
        sums[part] = broadcast(a_zero, like)
    for y in range(n_rows + ROLLED - 1):
        add_row_to_all(image, sum.step if apart else 1, panel, sums, like)
        prefetch(image + ROWS_AHEAD * pitch)
        prefetch(image + ROWS_AHEAD * pitch + ROLLED_VECTORS * lanes)
        prefetch_to_write(response + ROWS_AHEAD * rows.row_pitch)
        prefetch_to_write(response + ROWS_AHEAD * rows.row_pitch + ROLLED_VECTORS * lanes - 1)
        if ROLLED - 1 <= y < n_rows:
            end_blocks(sums, bias, response, rows.row_pitch, y, n_rows, True, like)
        else:
            end_blocks(sums, bias, response, rows.row_pitch, y, n_rows, False, like)
        image += pitch
        response += rows.row_pitch


cdef inline bint rolls(const Sum* sum, const Rows* rows, Py_ssize_t size, vector like) noexcept nogil:
    """Whether rows share pixels and are enough of them, each of a tile at least."""
    return (REGISTERS == 16 and size == ROLLED and rows.width == 1 and rows.window_row_pitch == sum.kernel_row_pitch
            and rows.n_rows >= LEAST_ROLLED and near(sum.kernel_row_pitch, like) and near(rows.row_pitch, like)
            and rows.n_columns >= ROLLED_VECTORS * n_lanes(like))


cdef inline bint near(Py_ssize_t pitch, vector like) noexcept nogil:
    cdef Py_ssize_t most = MOST_ROW_BYTES // (<Py_ssize_t> sizeof(vector) // n_lanes(like))
    return -most <= pitch <= most


cdef inline void rolled_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                     const real* bias, real* response, bint apart, vector like) noexcept nogil:
    """Columns of tiles beside each other; the last one ends where rows end, and may lie over the one before."""
    cdef Py_ssize_t width = ROLLED_VECTORS * n_lanes(like), x = 0
    while x < rows.n_columns:
        x = min(x, rows.n_columns - width)
        column_of_tiles(sum, rows, image + x, panel, bias, response + x, apart, like)
        x += width

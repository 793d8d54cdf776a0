# Lanes over columns, of one kernel, where registers are few: two rows of responses at once, along the row.
#
# Rows are read and written from their beginning to their end, as fetching ahead by the hardware has it. Of 3x3 the nine
# taps stay in registers, beside two sums of two vectors each: nothing but pixels is loaded. Of other kernels a tile has
# two rows of six vectors: but for its first and its last row of pixels each vector that is loaded feeds two
# multiply-adds, and twelve sums are chains enough. Of four rows of three vectors the first three and the last three
# rows of pixels are for some rows only, whose chains are too few.
#
# Level v3, one worker, without padding, milliseconds by tiles of four rows, or down all rows of up to 3 KiB, before:
# 3x3 on 480x640 0.130 and 0.087, on 256x256 0.040 and 0.020, on 1080p 1.19 and 0.62; 4x4 0.241 and 0.197, 1.71 and
# 1.39; 7x7 0.516 and 0.466, 3.72 and 3.39; 9x9 0.770 and 0.722, 6.39 and 5.41 (2026-11-29, AMD EPYC, Zen 3).

cdef enum:
    PAIRED_VECTORS = 2  # of 3x3
    WIDE_VECTORS = 6    # of other kernels


cdef inline void add_to_pair(const real* pixels, Py_ssize_t step, const vector* taps, vector* sums,
                             Py_ssize_t pixel_row, vector like) noexcept nogil:
    """Three taps of a row of pixels: of kernel row `pixel_row`, and of the one before for the second row."""
    cdef Py_ssize_t tap, part, lanes = n_lanes(like)
    cdef vector columns
    for tap in range(3):
        for part in range(PAIRED_VECTORS):
            columns = (<const vector*> (pixels + tap * step + part * lanes))[0]
            if 0 < pixel_row < 3:  # or compilers load it for each multiply-add
                columns = in_register(columns)
            if pixel_row < 3:
                sums[part] = sums[part] + taps[3 * pixel_row + tap] * columns
            if pixel_row > 0:
                sums[PAIRED_VECTORS + part] = sums[PAIRED_VECTORS + part] + taps[3 * pixel_row - 3 + tap] * columns


cdef inline void pair_of_rows(const real* image, Py_ssize_t pitch, Py_ssize_t step, const real* panel,
                              const real* bias, real* response, Py_ssize_t row_pitch, Py_ssize_t n_columns,
                              vector like) noexcept nogil:
    """Two rows of responses; the last vectors end where the row ends, and may lie over those before."""
    cdef Py_ssize_t x = 0, place, part, lanes = n_lanes(like), width = PAIRED_VECTORS * n_lanes(like)
    cdef vector[9] taps
    cdef vector[2 * PAIRED_VECTORS] sums
    cdef vector zero = broadcast(a_zero, like)
    for place in range(9):
        taps[place] = broadcast(panel[place], like)
    while x < n_columns:
        x = min(x, n_columns - width)
        for place in range(2 * PAIRED_VECTORS):
            sums[place] = zero
        add_to_pair(image + x, step, taps, sums, 0, like)
        add_to_pair(image + x + pitch, step, taps, sums, 1, like)
        add_to_pair(image + x + 2 * pitch, step, taps, sums, 2, like)
        add_to_pair(image + x + 3 * pitch, step, taps, sums, 3, like)
        for part in range(PAIRED_VECTORS):
            (<vector*> (response + x + part * lanes))[0] = broadcast(bias[0], like) + sums[part]
            (<vector*> (response + x + row_pitch + part * lanes))[0] = (
                broadcast(bias[0], like) + sums[PAIRED_VECTORS + part])
        x += width


cdef inline void add_row_to_both(const real* pixels, Py_ssize_t step, const real* panel, vector* sums, Py_ssize_t run,
                                 bint first, bint second, vector like) noexcept nogil:
    """A row of pixels times the kernel row at `panel` for the first row, and the one before for the second."""
    cdef Py_ssize_t tap, part, lanes = n_lanes(like)
    cdef vector columns, own, before
    for tap in range(run):
        own = broadcast(panel[tap if first else 0], like)
        before = broadcast(panel[tap - run if second else 0], like)
        for part in range(WIDE_VECTORS):
            columns = in_register((<const vector*> (pixels + tap * step + part * lanes))[0])
            if first:
                sums[part] = sums[part] + own * columns
            if second:
                sums[WIDE_VECTORS + part] = sums[WIDE_VECTORS + part] + before * columns


cdef inline void wide_pair(const Sum* sum, const real* image, const real* panel, const real* bias, real* response,
                           Py_ssize_t row_pitch, Py_ssize_t size, bint apart, vector like) noexcept nogil:
    """Two rows of six vectors."""
    cdef vector[2 * WIDE_VECTORS] sums, totals
    cdef vector zero = broadcast(a_zero, like)
    cdef Py_ssize_t place, row, part, lanes = n_lanes(like), pitch = sum.kernel_row_pitch
    cdef Py_ssize_t height = size if size > 0 else sum.kernel_height, run = size if size > 0 else sum.run
    cdef Py_ssize_t in_block = sum.first_in_block, last = sum.rows_per_block - 1, step = sum.step if apart else 1
    for place in range(2 * WIDE_VECTORS):
        sums[place], totals[place] = zero, broadcast(bias[0], like)
    add_row_to_both(image, step, panel, sums, run, True, False, like)
    for row in range(1, height):
        if in_block == last:
            close_block(sums, totals, totals, WIDE_VECTORS, False, False, like)
        add_row_to_both(image + row * pitch, step, panel + row * run, sums, run, True, True, like)
        if in_block == last:
            close_block(sums + WIDE_VECTORS, totals + WIDE_VECTORS, totals, WIDE_VECTORS, False, False, like)
        in_block = row_after(sum, in_block)
    close_block(sums, totals, totals, WIDE_VECTORS, False, False, like)
    add_row_to_both(image + height * pitch, step, panel + height * run, sums, run, False, True, like)
    close_block(sums + WIDE_VECTORS, totals + WIDE_VECTORS, totals, WIDE_VECTORS, False, False, like)
    for row in range(2):
        for part in range(WIDE_VECTORS):
            (<vector*> (response + row * row_pitch + part * lanes))[0] = totals[row * WIDE_VECTORS + part]


cdef inline Py_ssize_t n_paired(const Sum* sum, const Rows* rows, Py_ssize_t size, vector like) noexcept nogil:
    """The columns, from the first one on, that are done in pairs of rows: as many as whole tiles have."""
    cdef Py_ssize_t least = (PAIRED_VECTORS if size == 3 else WIDE_VECTORS) * n_lanes(like)
    if (REGISTERS == 32 or size < 0 or rows.width > 1 or rows.window_row_pitch != sum.kernel_row_pitch
            or rows.n_rows < 2 or sum.kernel_height < 2 or rows.n_columns < least):
        return 0
    return rows.n_columns if size == 3 else rows.n_columns - rows.n_columns % least


cdef inline void paired_over_columns(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                     const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t size,
                                     bint apart, vector like) noexcept nogil:
    """Pairs of rows below each other; the last one ends at the last row, and may lie over the one before."""
    cdef Py_ssize_t x, y = 0
    cdef const real* pixels
    cdef real* target
    while y < rows.n_rows:
        y = min(y, rows.n_rows - 2)
        pixels, target = image + y * rows.window_row_pitch, response + y * rows.row_pitch
        if size == 3:
            pair_of_rows(pixels, sum.kernel_row_pitch, sum.step if apart else 1, panel, bias, target, rows.row_pitch,
                         n_columns, like)
        else:
            x = 0
            while x < n_columns:
                wide_pair(sum, pixels + x, panel, bias, target + x, rows.row_pitch, size, apart, like)
                x += WIDE_VECTORS * n_lanes(like)
        y += 2

# Lanes over columns, for banks of kernels.
#
# Channels lie in planes. A tile is 4 kernels x up to 3 vectors of columns, or 8 x 3 with 32 registers. For each tap it
# loads its vectors of pixels once and broadcasts a tap for each kernel. Vectors that are loaded across two cache lines,
# as most are, take as long as two, so that fewer kernels would wait for loads.
# Of short blocks pairs of vectors of 6 and 7 kernels keep the totals in registers: 3 channels of 3x3 padded to 192
# columns and 48 kernels take 0.94 of the time, of 5x5 and 64 kernels on 32 columns 0.9, half of that because rows of a
# strip are aligned (2026-11-27, AMD EPYC (Zen 5), level v4, 1 worker).
# The first tap of a block multiplies, so that no sums have to be set to zero, and totals lie in whole cache lines: the
# end of a block takes 8 cycles of 192 instead of 48.
# Share of the peak, one worker: 81 % for 64 channels of 1x1 and 256 kernels, whose pixels come from the second cache
# (2026-11-27, AMD EPYC (Zen 5), level v4, 270 GFLOP/s, benchmarks/bench.py --only pw_56_nchw).

from microkernels cimport Rows, Segment, Sum, real
from simd cimport REGISTERS, TILE_KERNELS, a_zero, in_memory, lines_of_vectors, opaque, prefetch_to_write
from vectors cimport broadcast, in_register, n_lanes, store_lanes, times, vector

cdef enum:
    FAR_APART = 1 << 14  # elements between kernels' responses, from which on their lines are fetched before the taps


cdef inline void add_tap_of_bank(const real* pixels, Py_ssize_t part_pitch, Py_ssize_t overlap, const real* panel,
                                 vector* sums, Py_ssize_t n_kernels, Py_ssize_t n_parts, bint first,
                                 vector like) noexcept nogil:
    """One tap of each kernel in all columns of the tile; the `first` of a block begins the sums."""
    cdef vector[3] columns
    cdef Py_ssize_t kernel, part
    pixels = <const real*> opaque(pixels)
    for part in range(n_parts):
        columns[part] = (<const vector*> (pixels + part * part_pitch - (overlap if part == n_parts - 1 else 0)))[0]
    for kernel in range(n_kernels):
        for part in range(n_parts):
            if first:  # rounded, whatever it is added to
                sums[kernel * n_parts + part] = in_register(times(panel[kernel], columns[part]))
            else:
                sums[kernel * n_parts + part] = sums[kernel * n_parts + part] + times(panel[kernel], columns[part])


cdef inline void add_block(const vector* sums, vector* totals, const real* bias, Py_ssize_t n_kernels,
                           Py_ssize_t n_parts, bint has_totals, vector like) noexcept nogil:
    """totals += sums, which the next block begins anew; the first totals are bias + sums."""
    cdef Py_ssize_t index
    in_memory(totals)
    if has_totals:
        for index in range(n_kernels * n_parts):
            totals[index] = totals[index] + sums[index]
    else:
        for index in range(n_kernels * n_parts):
            totals[index] = broadcast(bias[index // n_parts], like) + sums[index]
    in_memory(totals)


cdef void store_part_of_tile(const Rows* rows, const vector* values, real* response, Py_ssize_t stored_pitch,
                             Py_ssize_t overlap, Py_ssize_t n_kernels, Py_ssize_t n_parts,
                             Py_ssize_t n_kept) noexcept nogil:
    """The kernels that exist, of rows that are no longer than a vector; not inline, as pieces of vectors are long."""
    cdef Py_ssize_t kernel, part
    for kernel in range(min(n_kernels, rows.n_kernels)):
        for part in range(n_parts):
            store_lanes(response + kernel * rows.kernel_pitch + part * stored_pitch
                        - (overlap if part == n_parts - 1 else 0), values[kernel * n_parts + part], 0, n_kept)


cdef inline void store_tile(const Rows* rows, vector* sums, const vector* totals, const real* bias, real* response,
                            Py_ssize_t stored_pitch, Py_ssize_t overlap, Py_ssize_t n_kernels, Py_ssize_t n_parts,
                            Py_ssize_t n_kept, bint has_totals, vector like) noexcept nogil:
    """The last block is added on the way."""
    cdef vector[TILE_KERNELS * 3] values
    cdef Py_ssize_t kernel, part
    if has_totals:
        for part in range(n_kernels * n_parts):
            sums[part] = totals[part] + sums[part]
    else:
        for part in range(n_kernels * n_parts):
            sums[part] = broadcast(bias[part // n_parts], like) + sums[part]
    if n_kept >= n_lanes(like) and rows.n_kernels >= n_kernels:
        for kernel in range(n_kernels):
            for part in range(n_parts):
                (<vector*> (response + part * stored_pitch - (overlap if part == n_parts - 1 else 0)))[0] = (
                    sums[kernel * n_parts + part])
            response += rows.kernel_pitch
        return
    for part in range(n_kernels * n_parts):
        values[part] = sums[part]
    store_part_of_tile(rows, values, response, stored_pitch, overlap, n_kernels, n_parts, n_kept)


cdef inline void tile_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                              real* response, Py_ssize_t n_kernels, Py_ssize_t n_parts, Py_ssize_t n_columns,
                              bint by_rows, vector like) noexcept nogil:
    """One tile, whose parts are vectors of a row, or rows of one vector; `n_kernels` and `n_parts` are literal.

    `n_columns` are stored. The last vector of a row ends with it, and may lie over the one before.
    """
    cdef vector[TILE_KERNELS * 3] sums, own
    cdef lines_of_vectors memory
    cdef bint in_registers = REGISTERS == 32 and n_kernels * n_parts <= 14
    cdef vector* totals = <vector*> own if in_registers else <vector*> &memory
    cdef Py_ssize_t lanes = n_lanes(like), kernel, part, tap, overlap = 0, n_kept = n_columns
    cdef Py_ssize_t part_pitch = rows.window_row_pitch if by_rows else lanes
    cdef Py_ssize_t stored_pitch = rows.row_pitch if by_rows else lanes
    cdef const Segment* segment = sum.segments
    cdef const Segment* last = sum.segments + sum.n_segments - 1
    cdef const Py_ssize_t* offsets
    cdef const real* taps
    cdef bint begins = True, has_totals = False
    cdef vector zero = broadcast(a_zero, like)
    if n_parts > 1 and not by_rows:
        overlap, n_kept = max(0, n_parts * lanes - n_columns), lanes
    for kernel in range(n_kernels):
        for part in range(n_parts):
            sums[kernel * n_parts + part] = zero
            if in_registers:
                totals[kernel * n_parts + part] = broadcast(bias[kernel], like)
    if rows.kernel_pitch >= FAR_APART:
        for kernel in range(n_kernels):
            for part in range(n_parts):
                prefetch_to_write(response + kernel * rows.kernel_pitch + part * stored_pitch)
    while True:
        taps = image + segment.offset - sum.segments.offset
        offsets = sum.tap_offsets + segment.first
        tap = 0
        if begins:
            add_tap_of_bank(taps + offsets[0], part_pitch, overlap, panel, sums, n_kernels, n_parts, True, like)
            panel += n_kernels
            tap = 1
        while tap < segment.n_taps:
            add_tap_of_bank(taps + offsets[tap], part_pitch, overlap, panel, sums, n_kernels, n_parts, False, like)
            panel += n_kernels
            tap += 1
        if segment == last:
            break  # its block is added on the way to the response
        begins = segment.closes_block
        if begins and in_registers:
            for part in range(n_kernels * n_parts):
                totals[part] = totals[part] + sums[part]
        elif begins:
            add_block(sums, totals, bias, n_kernels, n_parts, has_totals, like)
            has_totals = True
        segment += 1
    store_tile(rows, sums, totals, bias, response, stored_pitch, overlap, n_kernels, n_parts, n_kept,
               has_totals or in_registers, like)


cdef inline void part_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                              real* response, Py_ssize_t n_kernels, Py_ssize_t n_parts, Py_ssize_t n_columns,
                              bint by_rows, vector like) noexcept nogil:
    """A tile of some literal number of parts."""
    if n_parts == 1:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 1, n_columns, by_rows, like)
    elif n_parts == 2:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 2, n_columns, by_rows, like)
    else:
        tile_of_bank(sum, rows, image, panel, bias, response, n_kernels, 3, n_columns, by_rows, like)


cdef inline void some_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                              real* response, Py_ssize_t n_parts, Py_ssize_t n_columns, bint by_rows,
                              vector like) noexcept nogil:
    """A tile of some literal number of kernels."""
    if REGISTERS < 32 or rows.width == 4:
        part_of_bank(sum, rows, image, panel, bias, response, 4, n_parts, n_columns, by_rows, like)
    elif rows.width == 6:
        part_of_bank(sum, rows, image, panel, bias, response, 6, n_parts, n_columns, by_rows, like)
    elif rows.width == 7:
        part_of_bank(sum, rows, image, panel, bias, response, 7, n_parts, n_columns, by_rows, like)
    else:
        part_of_bank(sum, rows, image, panel, bias, response, 8, n_parts, n_columns, by_rows, like)


cdef inline void row_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                             real* response, vector like) noexcept nogil:
    """A row of tiles as equal as can be; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t lanes = n_lanes(like), done = 0, first, n_parts
    cdef Py_ssize_t n_vectors = (rows.n_columns + lanes - 1) // lanes
    cdef Py_ssize_t n_tiles = n_vectors // 2 if n_vectors % 2 == 0 and 6 <= rows.width <= 7 else (n_vectors + 2) // 3
    while n_tiles > 0:
        n_parts = (n_vectors - done + n_tiles - 1) // n_tiles
        first = max(0, min(done * lanes, rows.n_columns - n_parts * lanes))
        some_of_bank(sum, rows, image + first, panel, bias, response + first, n_parts, rows.n_columns - first, False,
                     like)
        done += n_parts
        n_tiles -= 1


cdef inline void rows_of_bank(const Sum* sum, const Rows* rows, const real* image, const real* panel, const real* bias,
                              real* response, vector like) noexcept nogil:
    """Row by row, or several at once where each is one vector at most; the last ones may lie over those before."""
    cdef Py_ssize_t y = 0, n_rows = min(rows.n_rows, 3)
    if rows.n_columns > n_lanes(like):
        n_rows = 1
    while y < rows.n_rows:
        y = min(y, rows.n_rows - n_rows)
        if n_rows == 1:
            row_of_bank(sum, rows, image + y * rows.window_row_pitch, panel, bias, response + y * rows.row_pitch, like)
        else:
            some_of_bank(sum, rows, image + y * rows.window_row_pitch, panel, bias, response + y * rows.row_pitch,
                         n_rows, rows.n_columns, True, like)
        y += n_rows

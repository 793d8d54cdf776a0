# Lanes over kernels.
#
# A tile is columns x 1 to 3 vectors of kernels: up to 14 x 2 or 9 x 3 sums beside as many vectors of taps and a
# broadcast pixel in 32 registers, 6 x 2 or 4 x 3 in 16. For each tap it loads the panel's vectors once and broadcasts a
# pixel for each column, so that 28 multiply-adds take 16 loads: their ports are the bound, and the panel streams from
# L2 where it exceeds L1. The totals of finished blocks stay in registers where the tile has room for twice its sums,
# else in memory. Each third column has a pointer, from which the next two are one and two pitches away, so that no
# address waits on the stack; and the first tap of a block multiplies, so that no sums have to be set to zero. Both are
# felt where blocks are short: of 3 channels of 3x3 and 32 kernels the loops alone reach 96 % of the peak instead of 92,
# of 16 kernels, whose multiply-adds take a load each, 74 instead of 64 (2026-11-27, AMD EPYC, Zen 5, level v4).
#
# Share of the peak, one worker: 95 % for 64 channels of 3x3 with stride 2 and for 3 channels of 7x7, 94 % for 64
# channels of 1x1 at v4 (2026-11-25, AMD EPYC, Zen 5, 286 GFLOP/s, benchmarks/bench.py --only stride2_56 resnet_conv1
# pointwise). With one vector of kernels each multiply-add takes a load: 73 % (lenet2); tiles of two rows there gained
# nothing (0.38 ms).

from microkernels cimport SHORT_BLOCK, Rows, Segment, Sum, real
from simd cimport (
    REGISTERS, TILE_ACCUMULATORS, TILE_COLUMNS, a_zero, lines_of_vectors, opaque, prefetch, prefetch_to_write
)
from vectors cimport (
    broadcast, carry_totals, close_block, in_register, last_total, n_lanes, store_lanes, times, vector
)

cdef enum:
    # Lines of the responses of a tile of so many vectors are fetched one after the other where its sum is one block of
    # so few taps: all at once are more than can be on their way. 64 channels of 1x1 and 256 kernels take 0.92 of the
    # time, 24 and 144 kernels 0.84; of longer sums 1.0 to 1.06 times. 2026-11-28, Intel Xeon (Emerald Rapids), level
    # v4, 1 worker, both builds in turn.
    FULL_TILE = 24
    MOST_SPREAD = 96
    PLANES_AHEAD = 10  # taps after which their pixels, each in a plane of its own, are read that are fetched now


cdef inline void add_tap(const char** thirds, Py_ssize_t pitch_bytes, const real* panel, vector* sums,
                         Py_ssize_t n_columns, Py_ssize_t n_vectors, bint first, vector like) noexcept nogil:
    """One tap of each kernel in all columns, of which each third has a pointer; the `first` of a block begins sums."""
    cdef vector[3] taps
    cdef const real* pixel
    cdef Py_ssize_t lanes = n_lanes(like), column, part, index
    for part in range(n_vectors):
        taps[part] = (<const vector*> (panel + part * lanes))[0]
    for column in range(n_columns):
        pixel = <const real*> (thirds[column // 3] + column % 3 * pitch_bytes)
        for part in range(n_vectors):
            index = column * n_vectors + part
            if first:  # rounded, whatever it is added to
                sums[index] = in_register(times(pixel[0], taps[part]))
            else:
                sums[index] = sums[index] + times(pixel[0], taps[part])


cdef inline void next_tap(const char** thirds, Py_ssize_t n_columns, Py_ssize_t n_bytes) noexcept nogil:
    cdef Py_ssize_t third
    for third in range((n_columns + 2) // 3):
        thirds[third] = <const char*> opaque(thirds[third] + n_bytes)


cdef inline void begin_totals(const Rows* rows, const real* bias, const real* response, vector* totals,
                              Py_ssize_t n_columns, Py_ssize_t n_vectors, bint continues, vector like) noexcept nogil:
    """Totals are the bias, or go on from the responses."""
    cdef Py_ssize_t lanes = n_lanes(like), column, part
    for column in range(n_columns):
        for part in range(n_vectors):
            totals[column * n_vectors + part] = (<const vector*> (
                (response + column * rows.column_pitch if continues else bias) + part * lanes))[0]


cdef inline void tile_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                   bint in_planes, vector like) noexcept nogil:
    """`n_columns` windows x `n_vectors` vectors of kernels; literal where it is called, so the loops unroll."""
    cdef vector[TILE_ACCUMULATORS] sums, carried_totals, values, own
    cdef vector zero = broadcast(a_zero, like)
    cdef lines_of_vectors memory
    cdef bint in_registers = n_columns * n_vectors <= TILE_COLUMNS
    cdef vector* totals = <vector*> own if in_registers else <vector*> &memory
    cdef const char* thirds[5]
    cdef Py_ssize_t lanes = n_lanes(like), pitch_bytes = rows.window_pitch * <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t tap_bytes = (sum.channel_pitch if in_planes else 1) * <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t n_taps, column, part
    cdef const Segment* segment = sum.segments
    cdef const Segment* last = sum.segments + sum.n_segments - 1
    cdef bint carried = sum.carried, continues = sum.continues, begins = True
    cdef bint may_be_one_block = REGISTERS == 32 and not in_registers
    cdef bint is_one_block = may_be_one_block and not carried and segment == last
    cdef const real* begun = response if continues else <real*> bias  # what a single block is added to
    cdef Py_ssize_t begun_pitch = rows.column_pitch if continues else 0
    cdef bint is_full = REGISTERS == 32 and n_columns * n_vectors >= FULL_TILE and not in_planes
    cdef bint spreads = is_full and segment == last and segment.n_taps <= MOST_SPREAD
    cdef const real* fetched = response
    cdef Py_ssize_t n_fetched = 0
    if not is_one_block:
        begin_totals(rows, bias, response, totals, n_columns, n_vectors, continues, like)
        begun, begun_pitch = <const real*> &memory, n_vectors * lanes
    for column in range(n_columns):
        for part in range(n_vectors):
            sums[column * n_vectors + part] = zero
            if not spreads:
                prefetch_to_write(response + column * rows.column_pitch + part * lanes)
    if carried:
        for part in range(n_columns * n_vectors):
            carried_totals[part] = zero
    while True:
        thirds[0] = <const char*> opaque(image + segment.offset)
        for part in range(1, (n_columns + 2) // 3):
            thirds[part] = <const char*> opaque(thirds[part - 1] + 3 * pitch_bytes)
        n_taps = segment.n_taps
        if begins:
            add_tap(thirds, pitch_bytes, panel, sums, n_columns, n_vectors, True, like)
            next_tap(thirds, n_columns, tap_bytes)
            panel += n_vectors * lanes
            n_taps -= 1
        if is_full and spreads:
            while n_taps > 0:
                for part in range(n_vectors):
                    prefetch_to_write(fetched + part * lanes)
                n_fetched += 1
                fetched = fetched + rows.column_pitch if n_fetched < n_columns else <const real*> &memory
                add_tap(thirds, pitch_bytes, panel, sums, n_columns, n_vectors, False, like)
                next_tap(thirds, n_columns, tap_bytes)
                panel += n_vectors * lanes
                n_taps -= 1
        while n_taps > 0:
            add_tap(thirds, pitch_bytes, panel, sums, n_columns, n_vectors, False, like)
            if in_planes:
                prefetch(thirds[0] + PLANES_AHEAD * tap_bytes)
                prefetch(thirds[0] + PLANES_AHEAD * tap_bytes + (n_columns - 1) * pitch_bytes)
            next_tap(thirds, n_columns, tap_bytes)
            panel += n_vectors * lanes
            n_taps -= 1
        if segment == last:
            break  # its block is added on the way to the response
        begins = segment.closes_block
        if begins:
            close_block(sums, totals, NULL, n_columns * n_vectors, False, in_registers, like)
            if carried and segment.closes_total:
                carry_totals(totals, carried_totals, n_columns * n_vectors, like)
        segment += 1
    if carried:
        last_total(sums, totals, carried_totals, n_columns * n_vectors, like)
    if rows.n_kernels >= n_vectors * lanes:
        for column in range(n_columns):
            for part in range(n_vectors):
                (<vector*> (response + part * lanes))[0] = (
                    totals[column * n_vectors + part] + sums[column * n_vectors + part] if not may_be_one_block
                    else (<const vector*> (begun + part * lanes))[0] + sums[column * n_vectors + part])
            if may_be_one_block:
                begun += begun_pitch
            response += rows.column_pitch
        return
    for column in range(n_columns):
        for part in range(n_vectors):
            values[column * n_vectors + part] = (
                totals[column * n_vectors + part] + sums[column * n_vectors + part] if not may_be_one_block
                else (<const vector*> (begun + part * lanes))[0] + sums[column * n_vectors + part])
        if may_be_one_block:
            begun += begun_pitch
    store_in_part(rows, <const vector*> values, response, n_columns, n_vectors)


cdef void store_in_part(const Rows* rows, const vector* values, real* response, Py_ssize_t n_columns,
                        Py_ssize_t n_vectors) noexcept nogil:
    """A tile whose panel has more kernels than exist; not inline, because the loops over pieces would unroll.

    Where columns follow each other without a gap, what lies behind a column is stored whole, and the next one over it.
    """
    cdef Py_ssize_t column, part, lanes = n_lanes(values[0]), first_in_pieces = 0
    if rows.column_pitch == rows.n_kernels and n_vectors * lanes <= 2 * rows.n_kernels:
        first_in_pieces = n_columns - 1
    for column in range(first_in_pieces):
        for part in range(n_vectors):
            (<vector*> (response + column * rows.column_pitch + part * lanes))[0] = values[column * n_vectors + part]
    for column in range(first_in_pieces, n_columns):
        for part in range(n_vectors):
            store_lanes(response + column * rows.column_pitch, values[column * n_vectors + part],
                        part * lanes, rows.n_kernels)


cdef inline bint is_tile(Py_ssize_t n_columns, Py_ssize_t n_vectors) noexcept nogil:
    """Whether a tile may have so many columns: of one vector of kernels as many as there are, if registers are few."""
    return n_columns * max(1 if REGISTERS == 16 else 2, n_vectors) <= 2 * TILE_COLUMNS


cdef inline void some_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                   bint in_planes, vector like) noexcept nogil:
    """Any number of columns up to a tile's, as a tile of that literal size."""
    if n_columns == 1:
        tile_over_kernels(sum, rows, image, panel, bias, response, 1, n_vectors, in_planes, like)
    elif n_columns == 2:
        tile_over_kernels(sum, rows, image, panel, bias, response, 2, n_vectors, in_planes, like)
    elif n_columns == 3:
        tile_over_kernels(sum, rows, image, panel, bias, response, 3, n_vectors, in_planes, like)
    elif n_columns == 4:
        tile_over_kernels(sum, rows, image, panel, bias, response, 4, n_vectors, in_planes, like)
    elif is_tile(5, n_vectors) and n_columns == 5:
        tile_over_kernels(sum, rows, image, panel, bias, response, 5, n_vectors, in_planes, like)
    elif is_tile(6, n_vectors) and n_columns == 6:
        tile_over_kernels(sum, rows, image, panel, bias, response, 6, n_vectors, in_planes, like)
    elif is_tile(7, n_vectors) and n_columns == 7:
        tile_over_kernels(sum, rows, image, panel, bias, response, 7, n_vectors, in_planes, like)
    elif is_tile(8, n_vectors) and n_columns == 8:
        tile_over_kernels(sum, rows, image, panel, bias, response, 8, n_vectors, in_planes, like)
    elif is_tile(9, n_vectors) and n_columns == 9:
        tile_over_kernels(sum, rows, image, panel, bias, response, 9, n_vectors, in_planes, like)
    elif is_tile(10, n_vectors) and n_columns == 10:
        tile_over_kernels(sum, rows, image, panel, bias, response, 10, n_vectors, in_planes, like)
    elif is_tile(11, n_vectors) and n_columns == 11:
        tile_over_kernels(sum, rows, image, panel, bias, response, 11, n_vectors, in_planes, like)
    elif is_tile(12, n_vectors) and n_columns == 12:
        tile_over_kernels(sum, rows, image, panel, bias, response, 12, n_vectors, in_planes, like)
    elif is_tile(13, n_vectors) and n_columns == 13:
        tile_over_kernels(sum, rows, image, panel, bias, response, 13, n_vectors, in_planes, like)
    elif is_tile(14, n_vectors) and n_columns == 14:
        tile_over_kernels(sum, rows, image, panel, bias, response, 14, n_vectors, in_planes, like)


cdef inline bint has_short_blocks(const Sum* sum) noexcept nogil:
    """Whether half a tile with its totals in registers beats a whole one whose totals are in memory.

    Half a tile of 16 registers would have too few chains to hide the latency of a multiply-add. At 64 channels of 1x1
    (blocks of 16 taps) 97 instead of 59 GFLOP/s, at 3 channels of 3x3 (blocks of 9) into `out=` 89 instead of 66, of a
    peak of 117. 2026-11-24, AMD EPYC (Zen 4), level v4, 1 worker, both builds in turn on the rows pointwise and
    cifar_bank32 of benchmarks/bench.py. The 96 lies between these and the 192 taps of 64 channels; it was not tuned.
    """
    return REGISTERS == 32 and sum.n_segments > 1 and sum.run * sum.rows_per_block < SHORT_BLOCK * sum.pieces


cdef inline Py_ssize_t columns_of_tile(const Sum* sum, Py_ssize_t n_vectors) noexcept nogil:
    """The most columns of a tile, so many vectors of kernels wide."""
    if n_vectors == 1:
        return 2 * TILE_COLUMNS if REGISTERS == 16 else TILE_COLUMNS
    if n_vectors == 2 and not has_short_blocks(sum):
        return TILE_COLUMNS
    return TILE_COLUMNS // n_vectors if has_short_blocks(sum) else 2 * TILE_COLUMNS // n_vectors


cdef inline void row_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                  const real* bias, real* response, Py_ssize_t n_vectors, bint in_planes,
                                  vector like) noexcept nogil:
    """One row in as few tiles as it takes, of sizes as equal as can be."""
    cdef Py_ssize_t largest = columns_of_tile(sum, n_vectors)
    cdef Py_ssize_t n_tiles = (rows.n_columns + largest - 1) // largest
    cdef Py_ssize_t done = 0, n_columns, tile
    for tile in range(n_tiles):
        n_columns = (rows.n_columns - done + n_tiles - tile - 1) // (n_tiles - tile)
        some_over_kernels(sum, rows, image, panel, bias, response, n_columns, n_vectors, in_planes, like)
        image += n_columns * rows.window_pitch
        response += n_columns * rows.column_pitch
        done += n_columns


cdef inline void rows_of_panel(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                               const real* bias, real* response, Py_ssize_t n_vectors, bint in_planes,
                               vector like) noexcept nogil:
    """All rows with a panel of some literal number of vectors."""
    cdef Py_ssize_t _
    for _ in range(rows.n_rows):
        row_over_kernels(sum, rows, image, panel, bias, response, n_vectors, in_planes, like)
        image += rows.window_row_pitch
        response += rows.row_pitch


cdef inline void rows_over_kernels(const Sum* sum, const Rows* rows, const real* image, const real* panel,
                                   const real* bias, real* response, bint in_planes, vector like) noexcept nogil:
    if rows.width == n_lanes(like):
        rows_of_panel(sum, rows, image, panel, bias, response, 1, in_planes, like)
    elif rows.width == 2 * n_lanes(like):
        rows_of_panel(sum, rows, image, panel, bias, response, 2, in_planes, like)
    else:
        rows_of_panel(sum, rows, image, panel, bias, response, 3, in_planes, like)

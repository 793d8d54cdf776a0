# How the kernels of a group are dealt out to panels, whose widths are those that the tiles of a form know.

from microkernels cimport SHORT_BLOCK, Routines
from types cimport BY_FACTORS, OVER_CHANNELS, OVER_COLUMNS, OVER_KERNELS, OVER_ROWS, Geometry, ceiling


cdef enum:
    CHAINS = 8  # multiply-adds that are under way at once: two, each of four cycles
    FEW_COLUMNS = 7  # of windows, below which tiles over kernels lie along columns: half of the widest one's places


cdef Py_ssize_t width_of_panel(int form, const Routines* routines, const Geometry* geometry, Py_ssize_t left) noexcept:
    """The width of a panel for the first of so many kernels that are left."""
    cdef Py_ssize_t lanes = routines.lanes
    if form == OVER_CHANNELS:
        return lanes
    if form == BY_FACTORS:
        return 1
    if form == OVER_KERNELS and 2 * lanes < left <= 3 * lanes:
        return 3 * lanes  # one vector by itself would wait for a load at each multiply-add
    if form == OVER_KERNELS and left > 4 * lanes and fills_wide_tiles(routines, geometry):
        return 3 * lanes
    if form != OVER_COLUMNS and form != OVER_ROWS:
        return lanes if left <= lanes else 2 * lanes
    if left <= 2:
        return left
    if form == OVER_COLUMNS and not geometry.compensated:
        return width_over_columns(routines, geometry, left)
    return 4


cdef bint fills_wide_tiles(const Routines* routines, const Geometry* geometry) noexcept:
    """Whether rows of windows take less time in tiles of three vectors of kernels than in those of two.

    Not of kernels of one pixel, whose tiles go on into the next rows, nor where an image has one row or column.
    """
    cdef Py_ssize_t columns = geometry.across.outputs
    if geometry.down.kernel == geometry.across.kernel == 1 or min(columns, geometry.down.outputs) == 1:
        return False
    if columns < FEW_COLUMNS:  # tiles lie along the longer side
        columns = max(columns, geometry.down.outputs)
    return (2 * time_of_row(columns, routines.tile_columns * 2 // 3, 3)
            < 3 * time_of_row(columns, routines.tile_columns, 2))


cdef Py_ssize_t time_of_row(Py_ssize_t columns, Py_ssize_t most, Py_ssize_t n_vectors) noexcept:
    """Multiply-adds of a tap, in tiles as equal as can be; fewer than are under way at once take as long as these."""
    cdef Py_ssize_t n_tiles = ceiling(columns, most), longer = columns % n_tiles, size = columns // n_tiles
    return (longer * max((size + 1) * n_vectors, CHAINS) + (n_tiles - longer) * max(size * n_vectors, CHAINS))


cdef Py_ssize_t width_over_columns(const Routines* routines, const Geometry* geometry, Py_ssize_t left) noexcept:
    """The same over columns for more than 2 kernels: few places stay empty, and no panel has 2.

    Pairs of vectors of 6 or 7 kernels, all of which exist, leave room for the totals of short blocks.
    """
    cdef Py_ssize_t n_panels = ceiling(left, 7)
    if left <= 4 or routines.most_kernels == 4:
        return 4
    if 6 * n_panels <= left and has_pairs_of_short_blocks(routines, geometry):
        return 7 if left - 7 >= 6 * (n_panels - 1) else 6
    return 6 if left <= 6 or 9 <= left <= 12 else routines.most_kernels


cdef bint has_pairs_of_short_blocks(const Routines* routines, const Geometry* geometry) noexcept:
    """Whether rows of windows are an even number of vectors, and blocks of a sum of more than one pixel short."""
    cdef Py_ssize_t run = geometry.across.kernel * geometry.depth
    return (geometry.down.kernel * run > geometry.depth and geometry.rows_per_block < geometry.down.kernel
            and geometry.rows_per_block * run < SHORT_BLOCK * geometry.pieces_per_row
            and ceiling(geometry.across.outputs, routines.lanes) % 2 == 0)

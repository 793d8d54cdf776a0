# How the kernels of a group are dealt out to panels, whose widths are those that the tiles of a form know.

from microkernels cimport SHORT_BLOCK, Routines
from types cimport OVER_CHANNELS, OVER_COLUMNS, OVER_KERNELS, OVER_ROWS, Geometry, ceiling


cdef Py_ssize_t width_of_panel(int form, const Routines* routines, const Geometry* geometry, Py_ssize_t left) noexcept:
    """The width of a panel for the first of so many kernels that are left."""
    cdef Py_ssize_t lanes = routines.lanes
    if form == OVER_CHANNELS:
        return lanes
    if form == OVER_KERNELS and 2 * lanes < left <= 3 * lanes:
        return 3 * lanes  # one vector by itself would wait for a load at each multiply-add
    if form != OVER_COLUMNS and form != OVER_ROWS:
        return lanes if left <= lanes else 2 * lanes
    if left <= 2:
        return left
    if form == OVER_COLUMNS and not geometry.compensated:
        return width_over_columns(routines, geometry, left)
    return 4


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

# What an engine of the frequency domain prepares: its sections, the passes of their transforms, twiddles and turns.

from microkernels cimport Routines
from transforms cimport Fourier, Transform
from types cimport Geometry, ceiling, span

include "radices.pxi"

cdef Py_ssize_t LARGEST_BLOCK = 16


cdef char* plan_sections(Fourier* fourier, const Geometry* geometry, const Routines* routines, tuple section,
                         bint rounded) except NULL:
    """The sections, and the transforms of their sides; the memory of the twiddles and of the turns."""
    cdef Py_ssize_t n_down, n_across, of_down, of_both
    cdef char* twiddles
    fourier.height, fourier.width, n_down, n_across, fourier.valid_rows, fourier.valid_columns = section
    fourier.pitch = fourier.width + 16  # rows a multiple of 4096 bytes apart would all fall into the same sets
    fourier.depth = geometry.depth
    fourier.kernel_height, fourier.kernel_width = geometry.down.kernel, geometry.across.kernel
    fourier.row_dilation, fourier.column_dilation = geometry.down.dilation, geometry.across.dilation
    if geometry.down.dilation == 1 and geometry.across.dilation == 1:
        fourier.block_height = side_of_blocks(geometry.down.kernel)
        fourier.block_width = side_of_blocks(geometry.across.kernel)
    fourier.sections_down = ceiling(span(&geometry.down), fourier.valid_rows)
    fourier.sections_across = ceiling(span(&geometry.across), fourier.valid_columns)
    fourier.rounded = rounded
    plan_transform(&fourier.down, fourier.height // 2, n_down == 1, routines.largest_radix)
    plan_transform(&fourier.across, fourier.width, n_across == 1, routines.largest_radix)
    of_down = twiddles_of(&fourier.down) * routines.item_bytes
    of_both = of_down + twiddles_of(&fourier.across) * routines.item_bytes
    twiddles = <char*> allocated(of_both + fourier.height * routines.item_bytes, 1)
    fourier.down.twiddles, fourier.across.twiddles, fourier.turns = twiddles, twiddles + of_down, twiddles + of_both
    routines.fill_twiddles(&fourier.down, twiddles)
    routines.fill_twiddles(&fourier.across, twiddles + of_down)
    routines.fill_turns(&fourier.down, twiddles + of_both)
    return twiddles


cdef Py_ssize_t points_of(const Fourier* fourier) noexcept nogil:
    """Elements of the place of a line of points, and of the turns."""
    return 2 * MOST_LANES * max(fourier.height // 2, fourier.width) + fourier.height


cdef Py_ssize_t side_of_blocks(Py_ssize_t taps) noexcept nogil:
    """The largest side, at most 16, of blocks of which every window of so many taps contains one."""
    cdef Py_ssize_t side = 1
    while side < LARGEST_BLOCK and 4 * side - 1 <= taps:
        side *= 2
    return side


cdef tuple radices_of(const Transform* transform):
    """Radices of the forward passes."""
    cdef list radices = []
    cdef Py_ssize_t index
    for index in range(transform.n_radices):
        radices.append(transform.radices[index])
    return tuple(radices)

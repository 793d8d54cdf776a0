# What enters a strip: padded pixels of an image, of one group, in the summed type and in the loops' order of axes.
#
# One text for the strips of the direct method and of winograd, for the frequency domain's sections, for matmul's slabs,
# and, as tables of indices, for exact sums (`_methods/exact.py`). The level's `stage` converts a row, turns its bytes
# around, pads it on the sides and gives its padding the channels' fill values; rows are found here, those above and
# below the image too.
#
# A shift for each channel (pixels less a mean) belongs to `Staging`, beside the fill values; a mask is another image
# of the same axes, whose rows are found here; the planes of a kernel are channels, and `channel_bytes` says where each
# one lies.

from microkernels cimport Staging
from simd cimport prefetch
from types cimport MOST_BESIDE, CONSTANT, EDGE, REFLECT, SYMMETRIC, WRAP, Axis, Geometry, Loops, Source

BOUNDARIES = {"constant": CONSTANT, "edge": EDGE, "reflect": REFLECT, "symmetric": SYMMETRIC, "wrap": WRAP}

cdef Py_ssize_t source_index(Py_ssize_t position, Py_ssize_t length, int boundary) noexcept nogil:
    """The index of a padded position in an axis of `length`, for any distance; -1 for the fill value."""
    cdef Py_ssize_t period
    if 0 <= position < length:
        return position
    if boundary == CONSTANT:
        return -1
    if boundary == EDGE:
        return 0 if position < 0 else length - 1
    if boundary == WRAP or length == 1:
        period = length
    elif boundary == REFLECT:
        period = 2 * length - 2
    else:
        period = 2 * length
    position = position % period
    if position < 0:
        position += period
    if position < length:
        return position
    return period - position if boundary == REFLECT else period - 1 - position


cdef Py_ssize_t source_of(const Axis* axis, Py_ssize_t padded, int boundary) noexcept nogil:
    """The place along an axis of a padded position, -1 for the fill value."""
    return source_index(padded - axis.before, axis.length, boundary)


cdef Py_ssize_t source_of_channel(const Axis* axis, Py_ssize_t padded, int boundary, Py_ssize_t n_channels) noexcept:
    """The same where positions are the channels of pixels, so many of each."""
    cdef Py_ssize_t pixel = source_index(padded // n_channels - axis.before // n_channels, axis.length // n_channels,
                                         boundary)
    return pixel * n_channels + padded % n_channels if pixel >= 0 else -1


def fill_source_indices(Py_ssize_t[::1] indices, Py_ssize_t first, Py_ssize_t length, str boundary,
                        Py_ssize_t step=1):
    """indices[i] = source of padded position `first + i * step` in an axis of `length`, -1 for the fill value."""
    cdef Py_ssize_t index
    cdef int code = BOUNDARIES[boundary]
    for index in range(indices.shape[0]):
        indices[index] = source_index(first + index * step, length, code)


cdef void stage_rows(const Loops* loops, Py_ssize_t image, Py_ssize_t group, Py_ssize_t top, Py_ssize_t n_rows,
                     Py_ssize_t left, Py_ssize_t n_columns, Py_ssize_t row_pitch, char* strip) noexcept nogil:
    """Lays padded rows from `top` on and columns from `left` on into a strip."""
    cdef const Source* source = &loops.source
    cdef Staging staging = source.staging
    cdef Py_ssize_t row = top, end = top + n_rows, joined
    cdef bint rows_join = source.rows_join and n_columns == staging.columns
    cdef const char* pixels
    staging.columns = n_columns
    staging.first_inside = max(0, min(source.staging.first_inside - left, n_columns))
    staging.end_inside = max(staging.first_inside, min(source.staging.end_inside - left, n_columns))
    staging.first_source = max(0, left - source.staging.first_inside) + source.staging.first_source
    staging.before = source.staging.before + left
    staging.behind = source.staging.behind + max(0, left - source.staging.end_inside)
    staging.channel_bytes = source.channel_bytes + group * staging.depth
    staging.fill = source.staging.fill + group * staging.depth
    while row < end:
        joined = 1
        if not source.skips_rows or row_is_reached(loops.geometry, row):
            pixels = row_of(loops, image, row)
            if source.beside != NULL and pixels != NULL:
                joined = rows_inside(loops, row, end)
                stage_beside(loops, &staging, pixels, joined, row_pitch, strip)
                row += joined
                strip += joined * row_pitch * loops.item_bytes
                continue
            if source.in_planes and pixels != NULL and not rows_join and is_inside(loops, row):
                joined = rows_inside(loops, row, end)
                loops.routines.stage_planes(&staging, pixels, source.row_bytes, joined, strip, row_pitch)
                row += joined
                strip += joined * row_pitch * loops.item_bytes
                continue
            if rows_join and pixels != NULL and is_inside(loops, row):
                joined = min(end - row, loops.geometry.down.length - (row - loops.geometry.down.before))
                staging.columns = joined * n_columns
                staging.end_inside = staging.columns
            if source.rows_ahead > 0:
                fetch_row(&staging, row_of(loops, image, row + source.rows_ahead))
            loops.routines.stage(&staging, pixels, strip)
            if joined > 1:
                staging.columns = staging.end_inside = n_columns
        row += joined
        strip += joined * row_pitch * loops.pixel_bytes


cdef inline bint is_inside(const Loops* loops, Py_ssize_t row) noexcept nogil:
    """Whether a padded row is one of the image's own."""
    return 0 <= row - loops.geometry.down.before < loops.geometry.down.length


cdef inline Py_ssize_t rows_inside(const Loops* loops, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    """Rows from a padded one on that lie in the image one after the other; 1 if it lies outside."""
    return max(1, min(end - row, loops.geometry.down.before + loops.geometry.down.length - row)
               if row >= loops.geometry.down.before else 1)


cdef void stage_beside(const Loops* loops, const Staging* rows, const char* pixels, Py_ssize_t n_rows,
                       Py_ssize_t row_pitch, char* strip) noexcept nogil:
    """Rows that lie next to each other, channel by channel: each row as if it were a channel, so that blocks turn."""
    cdef Staging staging = rows[0]
    cdef double[MOST_BESIDE] fill
    cdef Py_ssize_t channel, first, index
    staging.adjacent = True
    staging.channel_pitch = row_pitch
    staging.channel_bytes = loops.source.beside
    staging.fill = fill
    for channel in range(rows.depth):
        for index in range(min(n_rows, MOST_BESIDE)):
            fill[index] = rows.fill[channel]
        first = 0
        while first < n_rows:
            staging.depth = min(MOST_BESIDE, n_rows - first)
            loops.routines.stage(&staging, pixels + rows.channel_bytes[channel] + loops.source.beside[1] * first,
                                 strip + (channel * rows.channel_pitch + first * row_pitch) * loops.item_bytes)
            first += staging.depth


cdef inline const char* row_of(const Loops* loops, Py_ssize_t image, Py_ssize_t row) noexcept nogil:
    """The first column of an image's row, given the padded one; NULL for a row of fill values."""
    cdef const Source* source = &loops.source
    cdef Py_ssize_t source_row = source_of(&loops.geometry.down, row, source.row_boundary)
    if source_row < 0:
        return NULL
    return source.images + image * source.image_bytes + source_row * source.row_bytes


cdef inline void fetch_row(const Staging* staging, const char* pixels) noexcept nogil:
    """A hint, where pixels are near to each other: rows of a section are too short to be fetched ahead without it."""
    cdef Py_ssize_t place
    if pixels != NULL and 0 < staging.column_bytes <= 16:
        pixels += staging.first_source * staging.column_bytes
        for place in range(((staging.end_inside - staging.first_inside) * staging.column_bytes + 63) // 64):
            prefetch(pixels + place * 64)


cdef bint row_is_reached(const Geometry* geometry, Py_ssize_t row) noexcept nogil:
    """Whether any window has a tap in this padded row: strides and dilations leave rows out."""
    cdef Py_ssize_t kernel_row, place
    if geometry.down.stride == 1 or (geometry.down.dilation == 1 and geometry.down.kernel >= geometry.down.stride):
        return True
    for kernel_row in range(geometry.down.kernel):
        place = row - kernel_row * geometry.down.dilation
        if place >= 0 and place % geometry.down.stride == 0:
            return True
    return False

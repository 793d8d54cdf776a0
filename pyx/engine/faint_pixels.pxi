# Subnormal pixels are looked for by each task among those that it reads, while they are in a cache: to go through all
# images before would be one more pass over memory. Once a task finds one, the others do nothing, and the caller does
# the images anew in another way. Together the tasks of an image look at all of its pixels, whatever
# windows reach and however strips are cut, so that what is found follows from the image alone.

from atomics cimport write_flag
from types cimport CONSTANT, Area, Axis, Geometry, Loops, PixelRuns, ceiling, reach

cdef Py_ssize_t FROM_MEMORY = cache_bytes(2) // 2  # bytes of images that come from beyond the second cache
cdef Py_ssize_t LOOKED_AT_BYTES = cache_bytes(1) // 2, LOOKED_AT_IN_PLANES = cache_bytes(2) // 2
cdef Py_ssize_t LEAST_LOOKED_AT = 2                # rows of windows
cdef Py_ssize_t LEAST_PIECES = 32, LEAST_PIECES_OF_CHANNELS = 16  # of all images


cdef bint lie_in_runs(PixelRuns* runs, const Loops* loops, Py_ssize_t column_bytes):
    """Whether pixels lie in runs along rows, or else along columns, of as many channels as lie together."""
    cdef Py_ssize_t n_channels = loops.geometry.groups * loops.source.staging.depth, size = loops.item_bytes
    cdef Py_ssize_t along, place
    for place in range(2):
        along = column_bytes if place == 0 else loops.source.row_bytes
        runs.channels = along // size
        runs.along_columns = place == 1
        if (runs.channels > 0 and along % size == 0 and n_channels % runs.channels == 0
                and lie_together(loops.source.channel_bytes, n_channels, runs.channels, size)):
            runs.n_blocks = n_channels // runs.channels
            runs.run_bytes, runs.row_bytes = along, column_bytes if runs.along_columns else loops.source.row_bytes
            runs.joined = blocks_are_joined(runs, loops)
            return True
    return False


cdef bint blocks_are_joined(const PixelRuns* runs, const Loops* loops):
    """Whether an image's runs, and its blocks, follow each other without a gap."""
    cdef Py_ssize_t n_rows = loops.geometry.down.length, n_columns = loops.geometry.across.length, block
    cdef Py_ssize_t count = n_rows if runs.along_columns else n_columns
    for block in range(1, runs.n_blocks):
        if (loops.source.channel_bytes[block * runs.channels] - loops.source.channel_bytes[0]
                != block * n_rows * n_columns * runs.run_bytes):
            return False
    return runs.row_bytes == count * runs.run_bytes


cdef lay_out_looks(Loops* loops, Py_ssize_t n_bytes):
    """Whether pixels are looked at after their sums: where they come from memory, and by pieces that are small.

    One piece may be done with subnormal pixels before these are found, which takes hundreds of times as long.
    """
    cdef PixelRuns* runs = &loops.pixel_runs
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t of_image = max(1, n_bytes // max(1, loops.n_images)), outputs = max(1, geometry.down.outputs)
    cdef Py_ssize_t n_vectors = max(1, geometry.n_kernels // loops.routines.lanes)
    if not (loops.own_pixels and loops.correlate_group == correlate_channels):
        runs.after = n_bytes >= FROM_MEMORY and loops.n_tasks >= LEAST_PIECES
        return
    if runs.channels == 1:  # rows of each plane, which are short
        runs.vectors_at_once = max(1, LOOKED_AT_BYTES * n_vectors // of_image)
        runs.rows_at_once = max(LEAST_LOOKED_AT, LOOKED_AT_IN_PLANES * n_vectors * outputs // of_image)
    else:
        runs.vectors_at_once = n_vectors
        runs.rows_at_once = max(LEAST_LOOKED_AT, min(LOOKED_AT_BYTES * outputs // of_image,
                                                     loops.n_images * outputs // LEAST_PIECES))
    runs.after = (loops.n_images * ceiling(n_vectors, runs.vectors_at_once) * ceiling(outputs, runs.rows_at_once)
                  >= LEAST_PIECES_OF_CHANNELS)


cdef bint lie_together(const Py_ssize_t* offsets, Py_ssize_t count, Py_ssize_t together, Py_ssize_t size):
    """Whether of each so many elements each is next to the one before."""
    cdef Py_ssize_t index
    for index in range(count):
        if index % together and offsets[index] != offsets[index - 1] + size:
            return False
    return True


cdef inline bint finds_subnormal(Loops* loops, const Area* area) noexcept nogil:
    """Whether an area's pixels have a subnormal one, which all workers are then told."""
    cdef const Geometry* geometry = loops.geometry
    cdef Area of_image = area[0]
    if loops.images_at_once == 1:
        return finds_subnormal_in(loops, area, 0, loops.pixel_runs.n_blocks)
    of_image.n_rows = geometry.down.outputs
    while of_image.image < area.image + area.n_rows // geometry.down.outputs:
        if finds_subnormal_in(loops, &of_image, 0, loops.pixel_runs.n_blocks):
            return True
        of_image.image += 1
    return False


cdef inline bint finds_subnormal_in(Loops* loops, const Area* area, Py_ssize_t first_block,
                                    Py_ssize_t end_block) noexcept nogil:
    """Whether an area of one image has one in some blocks of channels, which all workers are then told."""
    if not subnormal_in_blocks(loops, area, first_block, end_block):
        return False
    write_flag(&loops.has_faint_pixels, 1)
    return True


cdef bint subnormal_in_blocks(const Loops* loops, const Area* area, Py_ssize_t first_block,
                              Py_ssize_t end_block) noexcept nogil:
    """Whether one is subnormal of the pixels that an area's windows have, in some blocks of channels."""
    cdef const Geometry* geometry = loops.geometry
    cdef const char* own = loops.source.images + area.image * loops.source.image_bytes
    cdef Py_ssize_t top, bottom, left, right, block, row, first_row = area.first_row * geometry.down.stride
    cdef bint after = loops.pixel_runs.after
    range_of(&geometry.down, area.first_row, area.n_rows, not after, &top, &bottom)
    range_of(&geometry.across, area.first_column, area.n_columns, not after, &left, &right)
    if (loops.pixel_runs.joined and top == left == 0 and bottom == geometry.down.length
            and right == geometry.across.length):
        return loops.routines.any_subnormal(
            own + loops.source.channel_bytes[first_block * loops.pixel_runs.channels],
            (end_block - first_block) * loops.pixel_runs.channels * bottom * right)
    for block in range(first_block, end_block):
        if subnormal_in_rows(loops, own + loops.source.channel_bytes[block * loops.pixel_runs.channels], top, bottom,
                             left, right):
            return True
    if after or loops.source.row_boundary == CONSTANT:
        return False
    for row in range(first_row, first_row + reach(&geometry.down, area.n_rows)):
        top = source_of(&geometry.down, row, loops.source.row_boundary)
        if top != row - geometry.down.before:  # of the padding: in another part of the image
            for block in range(first_block, end_block):
                if subnormal_in_rows(loops, own + loops.source.channel_bytes[block * loops.pixel_runs.channels], top,
                                     top + 1, left, right):
                    return True
    return False


cdef inline void range_of(const Axis* axis, Py_ssize_t first, Py_ssize_t count, bint all, Py_ssize_t* start,
                          Py_ssize_t* stop) noexcept nogil:
    """The image's rows or columns from some windows to the next ones, or to the ends; or all that the windows have."""
    cdef Py_ssize_t place = first * axis.stride - axis.before, reached = reach(axis, count) if all else 0
    start[0] = max(0, min(place, axis.length)) if first > 0 else 0
    stop[0] = max(start[0], min(place + max(reached, count * axis.stride), axis.length))
    if first + count >= axis.outputs:
        stop[0] = axis.length


cdef bint subnormal_in_rows(const Loops* loops, const char* pixels, Py_ssize_t top, Py_ssize_t bottom, Py_ssize_t left,
                            Py_ssize_t right) noexcept nogil:
    """Whether one is subnormal of some rows and columns of a block's channels."""
    cdef const PixelRuns* runs = &loops.pixel_runs
    cdef Py_ssize_t n_runs = right - left if runs.along_columns else bottom - top, run
    cdef Py_ssize_t count = bottom - top if runs.along_columns else right - left
    pixels += ((left if runs.along_columns else top) * runs.row_bytes
               + (top if runs.along_columns else left) * runs.run_bytes)
    if runs.row_bytes == count * runs.run_bytes:
        return loops.routines.any_subnormal(pixels, n_runs * count * runs.channels)
    for run in range(n_runs):
        if loops.routines.any_subnormal(pixels + run * runs.row_bytes, count * runs.channels):
            return True
    return False

# Depthwise layers, whose kernels have one channel each: lanes over channels, or, where those lie apart, over columns.
# Groups of four channels and four kernels are done alike, with lanes over the kernels of several groups.
#
# Where the level has tiles of the kernel's size, windows are read from the image itself even where they reach into the
# padding: tables say where each padded row and column lies. Otherwise padded rows are laid into a strip.

from atomics cimport read_flag
from microkernels cimport PADDING, Pixels, Routines
from types cimport DONE, STORE, Area, Finished, Geometry, Loops, ceiling

cdef Py_ssize_t LEAST_PARTS = 2  # of all images' channels, for each worker
cdef Py_ssize_t LINE_BYTES = 64
cdef Py_ssize_t FAR_BYTES = 24 * cache_bytes(2)  # of images that come from memory at each call
cdef Py_ssize_t LEAST_DOWN = 6   # rows of windows, where kernels of 7x7 go down their columns
cdef Py_ssize_t ROWS_AT_ONCE = 16  # so many, or more, between two looks at signals
cdef Py_ssize_t LEAST_SHARE = 4  # of a vector that a row has to fill, or channels are turned around


cdef class OverChannels(Interleaved):
    """One panel is one vector of channels, the last one of the last channels; a vector's lanes are all read."""
    cdef Py_ssize_t* places            # of padded rows, then of padded columns
    cdef char* fill_values
    cdef bint by_planes                # lanes over columns, one channel after the other

    def __dealloc__(self):
        PyMem_Free(self.places)
        PyMem_Free(self.fill_values)

    cdef lay_out_strips(self):
        cdef Loops* loops = &self.loops
        Interleaved.lay_out_strips(self)
        loops.correlate = self.engine.routines.over_channels
        loops.own_pixels = 1
        if self.finds_pixels():
            loops.correlate_group = correlate_channels
            loops.correlate_pixels = self.engine.routines.over_pixels
            self.by_planes = self.engine.geometry.depth == 1 and self.fits_laid() and self.planes_lie_so()
        if self.by_planes:
            loops.correlate_pixels = self.engine.routines.over_planes
            loops.in_place = loops.direct_store = True
            loops.row_pitch = loops.source.row_bytes // self.item_bytes
            loops.rows.row_pitch = loops.consumer.row_bytes // self.item_bytes
            loops.rows.kernel_pitch = self.out_kernel_bytes // self.item_bytes
            loops.rows.column_pitch = 1

    cdef bint planes_lie_so(self):
        """Whether columns of images and responses are neighbours in memory, and the padding holds fill values alone."""
        cdef Loops* loops = &self.loops
        cdef Engine engine = self.engine
        cdef Py_ssize_t size = engine.routines.item_bytes, index
        for index in range(engine.reached_columns):
            if not engine.first_inside <= index < engine.end_inside and engine.source_column(index) >= 0:
                return False
        for index in range(engine.geometry.n_kernels):
            if self.kernel_bytes[index] != self.kernel_bytes[0] + index * self.out_kernel_bytes:
                return False
        return (self.images_as_summed and self.column_bytes == size and self.images.itemsize == size
                and self.channel_pitch_bytes % size == 0 and loops.source.row_bytes % size == 0
                and loops.source.image_bytes % size == 0
                and self.out_as_summed and self.out_column_bytes == size and self.out.itemsize == size
                and self.out_kernel_bytes % size == 0 and loops.consumer.row_bytes % size == 0
                and loops.consumer.response_bytes % size == 0 and loops.consumer.kind == STORE
                and self.least_columns * LEAST_SHARE >= engine.routines.lanes)

    cdef bint fits_laid(self):
        """Whether planes are small enough for kernels of 7x7, where they are, and more than half of a vector wide."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef const Routines* routines = self.engine.routines
        cdef Py_ssize_t lanes = routines.lanes, n_columns = geometry.across.outputs, row
        row = ceiling(max(n_columns, lanes) + geometry.across.kernel - 1 + lanes - 1, lanes)
        row = product(row, lanes * routines.item_bytes)
        return (geometry.down.kernel < 7
                or 2 * n_columns > lanes
                and product(geometry.down.outputs + geometry.down.kernel - 1, row) <= routines.laid_bytes)

    cdef bint takes_pixels_as_they_lie(self):
        return self.engine.geometry.n_kernels >= self.engine.routines.lanes  # no lane beyond the last channel

    cdef Py_ssize_t few_columns(self):
        """One column alone: windows next to each other share pixels."""
        return 2

    cdef bint finds_pixels(self):
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = geometry.down.kernel
        if (geometry.across.kernel != size or geometry.across.dilation > 1 or geometry.across.stride > 2
                or geometry.pieces_per_row > 1 or geometry.compensated):
            return False
        if size == 7:
            return (geometry.depth == geometry.rows_per_block == 1 and geometry.down.outputs >= LEAST_DOWN
                    and geometry.across.stride == geometry.down.stride == geometry.down.dilation == 1)
        if geometry.depth == FOUR:
            return size == 3 and geometry.rows_per_block == 1
        return size == 3 and geometry.rows_per_block == 3 or size == 5 and geometry.rows_per_block == 2

    cdef deal_tasks(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit, list areas):
        """Planes are read from their beginning to their end: tasks share out channels, if these are enough."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_vectors = geometry.n_kernels // self.engine.routines.lanes
        Interleaved.deal_tasks(self, n_workers, workspace_limit, areas)
        if (self.by_planes and areas is None and loops.strips_across == 1 and loops.n_strips > 1
                and product(loops.n_images, n_vectors) >= LEAST_PARTS * n_workers):
            loops.do_task = do_planes
            loops.n_strips = min(n_vectors, ceiling(tasks_for(n_workers), loops.n_images))
            loops.n_tasks = product(loops.n_images, loops.n_strips)
            loops.strip_rows, loops.tasks_per_claim = geometry.down.outputs, 1

    cdef Py_ssize_t bytes_per_row(self):
        """A strip that is no copy need not stay in a cache."""
        return 1 if self.loops.in_place and self.finds_pixels() else Interleaved.bytes_per_row(self)

    cdef lay_out_rest(self):
        Interleaved.lay_out_rest(self)
        if self.finds_pixels():
            self.find_pixels()

    cdef find_pixels(self):
        """The tables, of the image or of a strip."""
        cdef Pixels* pixels = &self.loops.pixels
        cdef Engine engine = self.engine
        cdef const Geometry* geometry = &engine.geometry
        cdef bint in_place = self.loops.in_place
        cdef Py_ssize_t size = engine.routines.item_bytes, row, column, place, n_rows
        cdef Py_ssize_t column_pitch = self.column_bytes // size if in_place else engine.pixel
        cdef Py_ssize_t first = engine.first_source if self.by_planes else 0
        n_rows = engine.reached_rows if in_place else self.pixel_rows(self.loops.strip_rows)
        self.places = <Py_ssize_t*> allocated(n_rows + engine.reached_columns, sizeof(Py_ssize_t))
        for row in range(n_rows):
            place = source_of(&geometry.down, row, engine.row_boundary) if in_place else row
            self.places[row] = place * self.loops.row_pitch + first if place >= 0 else PADDING
        for column in range(engine.reached_columns):
            place = engine.source_column(column) if in_place else column
            self.places[n_rows + column] = place * column_pitch if place >= 0 else PADDING
        self.fill_values = <char*> allocated(engine.pixel, size)
        for column in range(geometry.n_kernels):
            if size == sizeof(float):
                (<float*> self.fill_values)[column] = <float> self.fill[column]
            else:
                (<double*> self.fill_values)[column] = self.fill[column]
        pixels.rows, pixels.columns, pixels.fill = self.places, self.places + n_rows, self.fill_values
        pixels.row_stride, pixels.column_stride = geometry.down.stride, geometry.across.stride
        pixels.row_dilation, pixels.depth = geometry.down.dilation, geometry.depth
        pixels.first_inside, pixels.end_inside = engine.first_inside, engine.end_inside
        pixels.channel_pitch = self.channel_pitch_bytes // size
        pixels.row_ahead = self.loops.row_pitch if self.fetches_rows() else 0

    cdef bint fetches_rows(self):
        """Whether rows of pixels are fetched while the windows above are done.

        Where a cache's line is several vectors, tiles go over it several times, and of many columns and channels the
        processor does not see what is read next: 3x3 with stride 2 on 112x112 of 96 channels, 4 images, takes 0.55 of
        the time. From the caches it would take up to 1.9 times as long. 2026-11-27, AMD EPYC (Zen 3), level v3,
        1 worker, both builds in turn. Of planes one line is fetched for each row of a tile: with a stride of 2 the same
        layer takes 0.6 of the time.
        """
        cdef Loops* loops = &self.loops
        cdef Engine engine = self.engine
        cdef bint in_lines = engine.routines.lanes * engine.routines.item_bytes < LINE_BYTES
        if self.by_planes:
            return in_lines and engine.geometry.across.stride == 2
        return (loops.in_place and engine.geometry.depth == 1 and in_lines
                and product(loops.n_images, loops.source.image_bytes) >= FAR_BYTES)


cdef int correlate_channels(Loops* loops, Py_ssize_t group, const Area* area, const char* windows, char* responses,
                            char* memory, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """All channels of some rows and columns of windows."""
    return correlate_some_channels(loops, 0, loops.geometry.n_kernels, area, windows, responses, counted,
                                   watch_signals)


cdef int do_planes(Loops* loops, Py_ssize_t task, char* workspace, Py_ssize_t* counted,
                   bint watch_signals) noexcept nogil:
    """Whole planes of some vectors' channels of one image: a part of them for each of its tasks."""
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t part = task % loops.n_strips, lanes = loops.routines.lanes
    cdef Py_ssize_t n_vectors = geometry.n_kernels // lanes, first, end, some
    cdef int status
    cdef Area area
    cdef Finished planes
    first = n_vectors * part // loops.n_strips * lanes
    end = n_vectors * (part + 1) // loops.n_strips * lanes if part + 1 < loops.n_strips else geometry.n_kernels
    area.image = planes.image = task // loops.n_strips
    area.first_row = area.first_column = planes.first_row = planes.first_column = planes.first_kernel = 0
    area.n_rows, area.n_columns = geometry.down.outputs, geometry.across.outputs
    if not loops.pixel_runs.channels:
        return correlate_some_channels(loops, first, end, &area, NULL, place_of(&loops.consumer, &planes), counted,
                                       watch_signals)
    while first < end and not read_flag(&loops.has_faint_pixels):  # no more planes at once than a cache holds
        some = first + loops.pixel_runs.vectors_at_once * lanes
        some = some if some + lanes <= end else end
        if not loops.pixel_runs.after and finds_subnormal_in(loops, &area, first, some):
            return DONE
        status = correlate_some_channels(loops, first, some, &area, NULL, place_of(&loops.consumer, &planes), counted,
                                         watch_signals)
        if status != DONE:
            return status
        first = some
    return DONE


cdef int correlate_some_channels(Loops* loops, Py_ssize_t first, Py_ssize_t end, const Area* area, const char* windows,
                                 char* responses, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """Channels [first, end) of some rows and columns of windows at one go, as their number allows."""
    cdef const Geometry* geometry = loops.geometry
    cdef Py_ssize_t n_taps = geometry.down.kernel * geometry.across.kernel * geometry.depth
    cdef Py_ssize_t of_window = n_taps * min(end - first + loops.routines.lanes, loops.padded_kernels)
    cdef Py_ssize_t rows_at_once = max(ROWS_AT_ONCE, SIGNAL_MULTIPLY_ADDS // of_window // area.n_columns)
    cdef Py_ssize_t columns_at_once = max(8, SIGNAL_MULTIPLY_ADDS // of_window // 4)
    cdef Py_ssize_t y = 0, x, size = loops.item_bytes
    cdef int status
    cdef bint by_planes = loops.correlate_pixels == loops.routines.over_planes
    cdef Area done
    cdef Rows rows = loops.rows
    cdef Pixels pixels = loops.pixels
    if loops.pixel_runs.after:
        rows_at_once = min(rows_at_once, loops.pixel_runs.rows_at_once)
    rows_at_once = ceiling(area.n_rows, max(1, ceiling(area.n_rows, rows_at_once)))  # parts as equal as can be
    rows.n_kernels = end - first
    pixels.origin = windows
    pixels.fill = <const char*> pixels.fill + first * size
    responses += first * rows.kernel_pitch * size
    if loops.in_place:
        pixels.origin = (loops.source.images + area.image * loops.source.image_bytes
                         + first * pixels.channel_pitch * size)
        pixels.rows += area.first_row * geometry.down.stride
        move_right(&pixels, area.first_column)
    while y < area.n_rows:
        rows.n_rows = min(area.n_rows - y, rows_at_once)
        x = 0
        while x < area.n_columns:
            rows.n_columns = min(area.n_columns - x, columns_at_once)
            loops.correlate_pixels(&loops.sum, &rows, &pixels, loops.packed + first * n_taps * size,
                                   loops.bias + first * size,
                                   responses + (y * rows.row_pitch + x * rows.column_pitch) * size)
            x += rows.n_columns
            move_right(&pixels, rows.n_columns)
            counted[0] += rows.n_rows * rows.n_columns * of_window
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
        move_right(&pixels, -area.n_columns)
        pixels.rows += rows.n_rows * geometry.down.stride
        if loops.pixel_runs.after:
            done = area[0]
            done.first_row, done.n_rows = area.first_row + y, rows.n_rows
            if finds_subnormal_in(loops, &done, first if by_planes else 0,
                                  end if by_planes else loops.pixel_runs.n_blocks):
                return DONE
        y += rows.n_rows
    return DONE


cdef inline void move_right(Pixels* pixels, Py_ssize_t n_columns) noexcept nogil:
    """Begin so many windows further."""
    pixels.columns += n_columns * pixels.column_stride
    pixels.first_inside -= n_columns * pixels.column_stride
    pixels.end_inside -= n_columns * pixels.column_stride

# Forms of the direct method whose pixels lie channel-last, in a strip or in an image that is read where it is;
# of these, lanes over kernels. Their loops are those of strips.pxi and panel_sums.pxi.

from types cimport Axis, Geometry, Loops, ceiling

cdef Py_ssize_t CHUNK_BYTES = cache_bytes(2) // 2  # of a panel's taps, that all windows of a strip are multiplied with
cdef Py_ssize_t SECOND_BYTES = cache_bytes(2)
cdef Py_ssize_t WAITING_WINDOWS = 192  # of a piece, by chunks of long sums, or of a row of several images
cdef Py_ssize_t MOST_VECTORS = 3      # of kernels in a panel
cdef Py_ssize_t FEWEST_ACROSS = 4, MOST_ACROSS = 12  # images of which a row each is done together
cdef Py_ssize_t WINDOWS_ACROSS = 72   # of an image, below which this is so; not tuned, as FEWEST_ACROSS is not

# The same of long sums, whose chunks are so much shorter: their panels come from behind the third cache. 64 images of
# 130x130x4 with 64 kernels of 128x128 take 0.87 of the time with 60 images, 32 of 100x100x8 with 96 of 98x98 0.89. Of
# sums that are not long 64 images of 34x34x16 with 64 of 32x32 take 1.05 times as long. 2026-11-30, AMD EPYC (Zen 3),
# level v3, 1 worker, both builds in turn.
cdef Py_ssize_t MOST_ACROSS_OF_LONG = 60, SHORTER_CHUNKS = 4

cdef Py_ssize_t SHORT_TILE = 6       # windows of a tile, with 16 registers
cdef Py_ssize_t PIECE_TILES = 8      # of a piece, if its pixels and responses leave the second cache half empty
cdef Py_ssize_t TURNED_FROM = 256    # kernels of one pixel, for which planes are turned
cdef Py_ssize_t FEW_POSITIONS = 128  # of an image's windows, below which tiles run on across images
cdef Py_ssize_t JOINED_IMAGES = 14   # whole tiles of these, by 32 registers

cdef Py_ssize_t SKIPPED_COLUMNS = 7  # of dilation, from which on kernel columns in the padding are left out

cdef class Interleaved(Call):
    """What one position holds lies together, in strips and in responses."""

    cdef lay_out_strips(self):
        cdef Loops* loops = &self.loops
        cdef Engine engine = self.engine
        cdef const Geometry* geometry = &engine.geometry
        cdef Py_ssize_t size = engine.routines.item_bytes
        cdef Py_ssize_t column_pitch = engine.pixel
        loops.in_place = (
            self.images_as_summed and (not self.padded() or self.finds_pixels())
            and loops.source.row_bytes % size == 0 and self.column_bytes % size == 0
            and loops.source.image_bytes % size == 0
            and (self.channel_pitch_bytes == self.images.itemsize
                 or geometry.groups * engine.staged * size == self.images.itemsize)
            and self.takes_pixels_as_they_lie())
        if loops.in_place:
            column_pitch = self.column_bytes // size
            loops.row_pitch = loops.source.row_bytes // size
        else:
            loops.row_pitch = product(self.reached_columns, engine.pixel)
        self.lay_out_windows(column_pitch)
        self.lay_out_responses()
        loops.flattens = not loops.by_panel
        loops.correlate = engine.routines.over_kernels
        loops.correlate_group = correlate_panels

    cdef lay_out_windows(self, Py_ssize_t column_pitch):
        """Pitches of windows and taps, and how a row is staged where it is not read in place."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        loops.rows.window_pitch = column_pitch * geometry.across.stride if geometry.across.outputs > 1 else 0
        loops.sum.tap_pitch = column_pitch * geometry.across.dilation
        loops.source.staging.n_phases = 1
        loops.source.staging.phase_pitch = 0
        loops.source.staging.position_pitch = self.engine.pixel
        loops.source.staging.channel_pitch = 1
        loops.do_task = do_strip
        self.planes = 1

    cdef lay_out_responses(self):
        """Responses in the array, where they may be written there one by one, or in a strip."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes, kernel
        loops.direct_store = (self.out_as_summed and self.out_column_bytes % size == 0
                              and loops.consumer.row_bytes % size == 0 and loops.consumer.response_bytes % size == 0)
        for kernel in range(geometry.groups * geometry.n_kernels):
            loops.direct_store = loops.direct_store and self.kernel_bytes[kernel] == kernel * size
        loops.direct_store = loops.direct_store and stores_all(&loops.consumer)
        loops.rows.kernel_pitch = 1
        if loops.direct_store:
            loops.rows.column_pitch = self.out_column_bytes // size
            loops.rows.row_pitch = loops.consumer.row_bytes // size
        elif loops.by_panel:
            loops.rows.column_pitch = self.widest_panel()
            loops.rows.row_pitch = self.panel_columns * loops.rows.column_pitch
        else:
            loops.rows.column_pitch = geometry.n_kernels
            loops.rows.row_pitch = self.most_columns * geometry.n_kernels

    cdef lay_out_sum(self):
        cdef const Geometry* geometry = &self.engine.geometry
        Call.lay_out_sum(self)
        self.loops.runs_down = geometry.across.outputs < min(self.few_columns(), geometry.down.outputs)
        if geometry.across.outputs == 1:  # windows of one column, and their responses, follow each other
            self.loops.rows.window_pitch = self.loops.rows.window_row_pitch
            self.loops.rows.column_pitch = self.loops.rows.row_pitch

    cdef Py_ssize_t few_columns(self):
        """Columns of windows below which tiles lie along columns."""
        return FEW_COLUMNS

    cdef bint takes_pixels_as_they_lie(self):
        """Whether windows can be read from an image whose channels lie together."""
        return True

    cdef bint finds_pixels(self):
        """Whether windows that reach into the padding are read from the image, too."""
        return False


cdef bint reaches_all(const Axis* axis) noexcept:
    """Whether the image reaches into every window along an axis."""
    cdef Py_ssize_t window, tap, place
    for window in range(axis.outputs):
        for tap in range(axis.kernel):
            place = window * axis.stride + tap * axis.dilation - axis.before
            if 0 <= place < axis.length:
                break
        else:
            return False
    return True


cdef class OverKernels(Interleaved):
    """Lanes over kernels: a kernel row is a run of taps, which the columns of an image in place may break.

    Where an image has few rows of windows, tiles run on across images: if each has one row, an image is a row, and if
    images follow each other as their rows do, all rows are one image's. If neither is so and panels exceed the cache,
    one row of all images is done after the other, so that a panel is not read anew for each image's few windows.

    Kernels of one pixel read planes of channels as they lie, from the image or from strips that have planes, too: it is
    a window's first and last use of a pixel, and turning them around would take longer.
    """
    cdef bint in_planes

    cdef lay_out_strips(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        loops.skips_columns = loops.skips and self.skips_columns()
        self.consume_panels()
        Interleaved.lay_out_strips(self)
        self.in_planes = (geometry.depth > 1 and geometry.down.kernel == geometry.across.kernel == 1
                          and self.channel_pitch_bytes != self.images.itemsize
                          and self.column_bytes == self.images.itemsize == self.item_bytes
                          and not self.turns_planes())
        if not self.in_planes:
            return
        loops.in_place = (self.images_as_summed and not self.padded() and loops.source.row_bytes % size == 0
                          and self.channel_pitch_bytes % size == 0 and loops.source.image_bytes % size == 0)
        loops.row_pitch = loops.source.row_bytes // size if loops.in_place else self.reached_columns
        self.lay_out_windows(1)
        loops.source.staging.position_pitch = 1
        self.planes = geometry.depth
        if not geometry.compensated:  # whose tiles know of both
            loops.correlate = self.engine.routines.planes_over_kernels

    cdef bint turns_planes(self):
        """Whether planes are turned nevertheless, with 8 lanes: of many kernels, beside which it takes little time.

        A tile that reads planes touches a line of the cache for each tap. 2048 channels of 7x7 and 512 kernels take
        0.75 of the time turned, 1024 of 14x14 and 256 kernels as long, 384 and 96 kernels 1.2 times. `reads_planes` of
        `_methods/direct.py` knows the number. 2026-11-27, AMD EPYC (Zen 3), level v3, 1 worker, in turn.
        """
        cdef const Geometry* geometry = &self.engine.geometry
        return (geometry.n_kernels >= TURNED_FROM and geometry.down.stride == geometry.across.stride == 1
                and self.engine.routines.lanes == 8 and self.engine.routines.item_bytes == sizeof(float))

    cdef bint skips_columns(self):
        """Whether kernel columns in the padding are left out: of wide dilations, so that tiles are full in spite of it.

        Blocks have to end where kernel rows do, and all kernels of a panel to exist, where totals wait.
        """
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t index
        for index in range(self.engine.n_panels):
            if self.engine.panels[index].n_kernels < self.engine.panels[index].width:
                return False
        return (geometry.across.dilation >= SKIPPED_COLUMNS and geometry.across.stride == 1
                and not geometry.compensated and (geometry.pieces_per_row > 1 or geometry.rows_per_block == 1))

    cdef bint finds_pixels(self):
        """Whether each window has taps inside of the image, and no other ones are read."""
        cdef const Geometry* geometry = &self.engine.geometry
        return self.loops.skips_columns and reaches_all(&geometry.down) and reaches_all(&geometry.across)

    cdef bint takes_pixels_as_they_lie(self):
        cdef const Geometry* geometry = &self.engine.geometry
        return geometry.across.kernel == 1 or self.column_bytes == geometry.depth * self.engine.routines.item_bytes

    cdef lay_out_rest(self):
        cdef Loops* loops = &self.loops
        cdef Py_ssize_t outputs
        if self.in_planes:
            self.channel_pitch = loops.source.staging.channel_pitch = (
                self.channel_pitch_bytes // self.engine.routines.item_bytes if loops.in_place
                else product(self.pixel_rows(loops.strip_rows), loops.row_pitch))
        Call.lay_out_rest(self)
        loops.chunk_taps = CHUNK_BYTES // self.engine.routines.item_bytes
        if self.has_pieces():
            outputs = max(1, self.engine.geometry.across.outputs)
            loops.piece_columns = self.windows_of_piece()
            loops.piece_rows = max(1, (loops.piece_columns + outputs // 2) // outputs)
        if self.waits():
            loops.waiting_windows = WAITING_WINDOWS
        if loops.across_images or self.waits():
            self.cut_for_panels()

    cdef bint waits(self):
        """Whether long sums are done by chunks of their taps, and totals have a place to wait in."""
        return self.engine.geometry.compensated and not self.loops.by_panel

    cdef cut_for_panels(self):
        """Pieces for which a panel is read once: as many windows as have room to wait, or some rows of as many images.

        Less than two pieces in a row are one.
        """
        cdef Loops* loops = &self.loops
        cdef Py_ssize_t outputs = max(1, self.engine.geometry.across.outputs)
        loops.piece_columns = WAITING_WINDOWS // 2
        loops.piece_rows = max(1, WAITING_WINDOWS // min(WAITING_WINDOWS - 1, outputs))
        if loops.across_images and self.waits():
            loops.chunk_taps //= SHORTER_CHUNKS
        if loops.across_images:
            loops.piece_rows = min(loops.piece_rows, MOST_ACROSS_OF_LONG if self.waits() else MOST_ACROSS)

    cdef bint has_pieces(self):
        """Whether all panels are multiplied with a piece before the next one: of kernels of one pixel, in short tiles.

        What a panel's kernels make of a window is a line of the array, and all lines of a window lie together.
        """
        cdef const Geometry* geometry = &self.engine.geometry
        return (geometry.down.kernel == geometry.across.kernel == 1 and not self.in_planes and not self.loops.by_panel
                and not geometry.compensated and 0 < self.engine.routines.tile_columns <= SHORT_TILE)

    cdef Py_ssize_t windows_of_piece(self):
        """Whole tiles: some, or more whose pixels and responses are an eighth of the second cache.

        Where pieces were strips of 192 KiB of pixels, 64 channels of 56x56 and 256 kernels took 1.04 to 1.09 of the
        time, 256 of 28x28 and 128 kernels 1.08, 1024 of 14x14 and 256 kernels 1.07. In a loop of tiles alone 36 to 72
        windows do alike, 24 and 192 take 1.03 of the time. 2026-11-27, AMD EPYC (Zen 3), level v3, 1 worker, in turn.
        """
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t of_window = product(geometry.depth + geometry.n_kernels, self.engine.routines.item_bytes)
        cdef Py_ssize_t of_tile = max(1, of_window * SHORT_TILE)
        return max(1, SECOND_BYTES // 8 // of_tile, min(PIECE_TILES, SECOND_BYTES // 2 // of_tile)) * SHORT_TILE

    cdef Py_ssize_t wanted_rows(self):
        """All rows of an image that is read in pieces, and answered, where it lies; else as many as a piece has."""
        cdef const Geometry* geometry = &self.engine.geometry
        if not self.has_pieces():
            return 1
        if self.loops.in_place and self.loops.direct_store:
            return geometry.down.outputs
        return ceiling(self.windows_of_piece(), max(1, geometry.across.outputs))

    cdef Py_ssize_t join_images(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit):
        cdef Py_ssize_t of_image = product(self.bytes_per_row(), self.engine.reached_rows)
        cdef Py_ssize_t positions = self.engine.geometry.down.outputs * self.engine.geometry.across.outputs
        cdef Py_ssize_t most = ceiling(self.loops.n_images, tasks_for(n_workers))
        if self.goes_across_images():
            return self.images_across(n_workers)
        if self.loops.in_place and self.loops.direct_store and self.has_pieces():
            of_image = 1  # pieces of joined images stay in a cache
        most = min(min(most, STRIP_BYTES // of_image), workspace_limit // self.workspace_of(self.loops.strip_rows))
        if positions >= FEW_POSITIONS or not (self.rows_are_images() or self.images_follow_on()):
            return 1
        return most // JOINED_IMAGES * JOINED_IMAGES if most > JOINED_IMAGES else max(1, most)

    cdef bint rows_are_images(self):
        """Whether an image has one row of windows: it then lies anywhere, alone or in a strip."""
        return self.engine.geometry.down.outputs == 1 and self.loops.strips_across == 1 and not self.loops.skips

    cdef bint images_follow_on(self):
        """Whether windows and responses of an image follow those of the one before like its own rows."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t outputs = geometry.down.outputs
        return (loops.in_place and loops.direct_store and not loops.skips and loops.n_strips == 1
                and loops.source.image_bytes == outputs * geometry.down.stride * loops.source.row_bytes
                and loops.consumer.response_bytes == outputs * loops.consumer.row_bytes)

    cdef Py_ssize_t images_across(self, Py_ssize_t n_workers):
        """How many images a task has whose rows are done together: two tasks of a worker, if these have enough."""
        cdef Py_ssize_t n_images = self.loops.n_images, most = ceiling(n_images, 2 * n_workers)
        if n_workers == 1 or most < 2 * MOST_ACROSS:
            most = max(FEWEST_ACROSS, ceiling(n_images, n_workers))
        return most if n_images >= FEWEST_ACROSS else 1

    cdef bint goes_across_images(self):
        """Whether an image has few windows beside panels that exceed half of the second cache."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t of_panel = product(product(self.engine.n_taps, self.engine.panels[0].width),
                                           self.engine.routines.item_bytes)
        return (loops.in_place and loops.direct_store and not loops.skips and loops.n_strips == 1
                and geometry.down.outputs > 1 and not self.images_follow_on()
                and geometry.down.outputs * geometry.across.outputs < WINDOWS_ACROSS and of_panel > CHUNK_BYTES)

    cdef lay_out_sum(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        Interleaved.lay_out_sum(self)
        if loops.images_at_once > 1 and self.goes_across_images():
            self.lay_out_images()
            return
        if loops.images_at_once == 1 or geometry.down.outputs > 1:
            return
        loops.consumer.row_bytes = loops.consumer.response_bytes
        loops.rows.window_row_pitch = (loops.source.image_bytes // size if loops.in_place
                                       else loops.strip_elements // loops.images_at_once)
        if loops.direct_store:
            loops.rows.row_pitch = loops.consumer.response_bytes // size
        loops.runs_down = geometry.across.outputs < self.few_columns()
        if geometry.across.outputs == 1:
            loops.rows.window_pitch, loops.rows.column_pitch = loops.rows.window_row_pitch, loops.rows.row_pitch

    cdef lay_out_images(self):
        """Each image is a row of windows."""
        cdef Loops* loops = &self.loops
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        loops.across_images = True
        loops.window_image_pitch = loops.source.image_bytes // size
        loops.image_pitch = loops.consumer.response_bytes // size
        loops.runs_down = self.engine.geometry.across.outputs < min(self.few_columns(), loops.images_at_once)

    cdef Py_ssize_t elements_of(self, Py_ssize_t rows):
        cdef Py_ssize_t waiting = 2 * MOST_VECTORS * self.engine.routines.lanes * WAITING_WINDOWS
        return (product(Interleaved.elements_of(self, rows), self.loops.images_at_once)
                + (waiting if self.waits() else 0))

    cdef bint taps_are_apart(self):
        return self.engine.geometry.across.kernel > 1 and self.loops.sum.tap_pitch != self.engine.geometry.depth

# The forms of the direct method: what their lanes run over says how pixels lie in a strip, or in an image that is read
# where it is. Their loops are those of strips.pxi.

from cpython.pyport cimport PY_SSIZE_T_MAX
from microkernels cimport Staging, Sum
from types cimport MOST_BESIDE, STORE, Axis, Geometry, Loops, ceiling, effective

cdef Py_ssize_t TILE_VECTORS = 3      # across a tile over columns
cdef Py_ssize_t PIECE_BYTES = cache_bytes(2) // 4  # of pixels, that all panels are multiplied with
cdef Py_ssize_t CHUNK_BYTES = cache_bytes(2) // 2  # of a panel's taps, that all windows of a strip are multiplied with
cdef Py_ssize_t SECOND_BYTES = cache_bytes(2)
cdef Py_ssize_t SHORT_TILE = 6       # windows of a tile, with 16 registers
cdef Py_ssize_t PIECE_TILES = 8      # of a piece, if its pixels and responses leave the second cache half empty
cdef Py_ssize_t TURNED_FROM = 256    # kernels of one pixel, for which planes are turned
cdef Py_ssize_t FEW_POSITIONS = 128  # of an image's windows, below which tiles run on across images
cdef Py_ssize_t JOINED_IMAGES = 14   # whole tiles of these, by 32 registers
cdef Py_ssize_t JOINED_TAPS = 6  # that take the time of a response's way through a strip

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
    images follow each other as their rows do, all rows are one image's.

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

    cdef bint has_pieces(self):
        """Whether all panels are multiplied with a piece before the next one: of kernels of one pixel, in short tiles.

        What a panel's kernels make of a window is a line of the array, and all lines of a window lie together.
        """
        cdef const Geometry* geometry = &self.engine.geometry
        return (geometry.down.kernel == geometry.across.kernel == 1 and not self.in_planes and not self.loops.by_panel
                and 0 < self.engine.routines.tile_columns <= SHORT_TILE)

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

    cdef lay_out_sum(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        Interleaved.lay_out_sum(self)
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

    cdef Py_ssize_t elements_of(self, Py_ssize_t rows):
        return product(Interleaved.elements_of(self, rows), self.loops.images_at_once)

    cdef bint taps_are_apart(self):
        return self.engine.geometry.across.kernel > 1 and self.loops.sum.tap_pitch != self.engine.geometry.depth


cdef class OverColumns(Call):
    """Lanes over columns: channel by channel in the image's strip, kernel by kernel in the response's."""
    cdef Py_ssize_t* tap_offsets

    def __dealloc__(self):
        PyMem_Free(self.tap_offsets)

    cdef lay_out_strips(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        cdef Py_ssize_t lanes = self.engine.routines.lanes, kernel, first
        self.consume_panels()
        loops.in_place = (
            self.images_as_summed and not self.padded() and geometry.across.stride == 1
            and (self.least_columns >= lanes or self.rows_follow_on())
            and self.column_bytes == size and self.images.itemsize == size
            and self.channel_pitch_bytes % size == 0 and loops.source.row_bytes % size == 0
            and loops.source.image_bytes % size == 0)
        loops.source.staging.n_phases = 1
        if loops.in_place:
            loops.row_pitch = loops.source.row_bytes // size
        else:
            self.slack = lanes  # a row of fewer columns reads on into the next row, the last one into this
            loops.source.staging.n_phases = min(geometry.across.stride, self.reached_columns)
            loops.source.staging.phase_pitch = ceiling(self.reached_columns, loops.source.staging.n_phases)
            loops.row_pitch = loops.source.staging.phase_pitch * loops.source.staging.n_phases
        loops.direct_store = (self.out_as_summed and self.out_column_bytes == size and self.out.itemsize == size
                              and self.out_kernel_bytes % size == 0 and loops.consumer.row_bytes % size == 0
                              and loops.consumer.response_bytes % size == 0 and stores_all(&loops.consumer))
        for kernel in range(geometry.groups * geometry.n_kernels):  # chosen ones may leave others out
            first = kernel // geometry.n_kernels * geometry.n_kernels
            loops.direct_store = loops.direct_store and (
                self.kernel_bytes[kernel] == self.kernel_bytes[first] + (kernel - first) * self.out_kernel_bytes)
        loops.joined = self.joins_rows() and not loops.by_panel
        loops.flattens = self.flattens() and not loops.by_panel
        loops.direct_store = loops.direct_store and not loops.joined
        if loops.in_place and self.least_columns < lanes:  # vectors go on into the next row, of responses, too
            loops.direct_store = loops.direct_store and (
                loops.consumer.row_bytes == self.engine.geometry.across.outputs * size)
        if self.aligns_rows():
            loops.source.staging.phase_pitch = ceiling(loops.source.staging.phase_pitch, lanes) * lanes
            loops.row_pitch = loops.source.staging.phase_pitch * loops.source.staging.n_phases
        loops.rows.column_pitch = 1
        if loops.direct_store:
            loops.rows.kernel_pitch = self.out_kernel_bytes // size
            loops.rows.row_pitch = loops.consumer.row_bytes // size
        else:
            loops.rows.row_pitch = (loops.row_pitch if loops.joined else self.panel_columns if loops.by_panel
                                    else self.most_columns)
        loops.source.staging.position_pitch = 1
        loops.rows.window_pitch = 1
        loops.correlate = self.engine.routines.over_columns
        loops.correlate_group = correlate_panels
        loops.do_task = do_strip
        self.planes = geometry.depth

    cdef bint of_pixels(self):
        """Whether kernels are of one pixel."""
        return self.engine.geometry.down.kernel == self.engine.geometry.across.kernel == 1

    cdef bint rows_follow_on(self):
        """Whether all windows of an image lie one behind the other, and are a vector at least."""
        cdef const Geometry* geometry = &self.engine.geometry
        return (self.of_pixels() and geometry.down.stride == 1 and self.whole_columns and not self.loops.by_panel
                and geometry.across.outputs * geometry.down.outputs >= self.engine.routines.lanes
                and self.loops.source.row_bytes == geometry.across.outputs * self.images.itemsize)

    cdef Py_ssize_t whole_rows(self, Py_ssize_t rows):
        """Rows such that the windows of each task, where they follow on, are a vector at least."""
        cdef Py_ssize_t outputs = self.engine.geometry.down.outputs
        cdef Py_ssize_t least = ceiling(self.engine.routines.lanes, self.least_columns)
        if self.loops.in_place:
            rows = max(rows, min(least, outputs))
            while 0 < outputs % rows < least:
                rows += 1
        return rows

    cdef Py_ssize_t wanted_rows(self):
        """All rows of an image whose pixels are read once: there is no strip that would have to stay in a cache."""
        if self.loops.in_place and self.loops.direct_store and self.of_pixels():
            return self.engine.geometry.down.outputs
        return 1

    cdef bint aligns_rows(self):
        """Whether rows of a strip begin where vectors do, for banks of kernels: most loads then touch one line."""
        cdef const Geometry* geometry = &self.engine.geometry
        return (self.padded() and not self.loops.joined and geometry.n_kernels > 2 and not self.of_pixels()
                and geometry.across.outputs >= 2 * self.engine.routines.lanes)

    cdef bint flattens(self):
        """Whether tiles of one row do as well as tiles of several, which share pixels."""
        return self.engine.geometry.down.kernel == 1 or self.engine.geometry.n_kernels > 2

    cdef bint joins_rows(self):
        """Whether lanes run on across the ends of rows, through windows that are none, as that fills more of them.

        Responses then wait in a strip, which costs as much as some taps.
        """
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t lanes = self.engine.routines.lanes, pitch = self.loops.row_pitch
        cdef Py_ssize_t alone = ceiling(geometry.across.outputs, lanes) * lanes
        return (geometry.across.stride == 1 and geometry.down.stride == 1 and self.whole_columns
                and geometry.across.outputs < pitch < alone and geometry.n_kernels > 2
                and (alone - pitch) * self.engine.n_taps > JOINED_TAPS * pitch)

    cdef Py_ssize_t response_of(self, Py_ssize_t rows):
        if self.loops.joined:
            return product(product(rows, self.loops.row_pitch), self.engine.geometry.n_kernels)
        return Call.response_of(self, rows)

    cdef lay_out_rest(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Staging* staging = &loops.source.staging
        cdef Py_ssize_t size = self.engine.routines.item_bytes, tap, n_places
        staging.channel_pitch = (self.channel_pitch_bytes // size if loops.in_place
                                 else product(self.pixel_rows(loops.strip_rows), loops.row_pitch))
        if not loops.direct_store:
            loops.rows.kernel_pitch = product(self.panel_rows if loops.by_panel else loops.strip_rows,
                                              loops.rows.row_pitch)
        if self.of_pixels():
            self.channel_pitch = staging.channel_pitch
        Call.lay_out_rest(self)
        n_places = self.places_of_taps()
        self.tap_offsets = <Py_ssize_t*> allocated(n_places, sizeof(Py_ssize_t))
        for tap in range(n_places):
            self.tap_offsets[tap] = self.place_of_tap(tap)
        loops.sum.tap_offsets = self.tap_offsets
        self.lay_out_bank()

    cdef lay_out_bank(self):
        """Pieces of a strip whose pixels stay in the second cache; of one row, if need be some tiles of it."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t of_column = geometry.depth * effective(&geometry.down) * self.engine.routines.item_bytes
        cdef Py_ssize_t tile = TILE_VECTORS * self.engine.routines.lanes, segment
        for segment in range(loops.sum.n_segments):
            self.segments[segment].offset = segment // loops.sum.pieces * loops.sum.kernel_row_pitch
        if not loops.sum.compensated:
            loops.correlate_wide = self.engine.routines.bank_over_columns
        if loops.n_panels > 1:  # rows read in place may be one row over and over, or go backwards
            loops.piece_rows = min(loops.piece_rows, max(1, PIECE_BYTES // (of_column * max(abs(loops.row_pitch), 1))))
            loops.piece_columns = min(loops.piece_columns, max(1, PIECE_BYTES // (of_column * tile)) * tile)
        if geometry.n_kernels <= 2 and geometry.down.kernel > 1 and geometry.down.dilation % geometry.down.stride == 0:
            loops.sharing_rows = geometry.down.dilation // geometry.down.stride

    cdef lay_out_sum(self):
        cdef Py_ssize_t piece
        Call.lay_out_sum(self)
        self.cuts = <Py_ssize_t*> allocated(self.loops.sum.pieces + 1, sizeof(Py_ssize_t))
        for piece in range(self.loops.sum.pieces + 1):
            self.cuts[piece] = self.loops.sum.run * piece // self.loops.sum.pieces
        self.loops.sum.cuts = self.cuts

    cdef Py_ssize_t places_of_taps(self):
        """Taps whose places are looked up."""
        return self.loops.sum.run

    cdef Py_ssize_t place_of_column(self, Py_ssize_t column):
        """Elements from the first column of a row."""
        cdef const Staging* staging = &self.loops.source.staging
        return column % staging.n_phases * staging.phase_pitch + column // staging.n_phases

    cdef Py_ssize_t place_of_tap(self, Py_ssize_t tap):
        """Elements from the first tap of a kernel row."""
        cdef const Geometry* geometry = &self.engine.geometry
        return (self.place_of_column(tap // geometry.depth * geometry.across.dilation)
                + tap % geometry.depth * self.loops.source.staging.channel_pitch)


cdef class OverRows(OverColumns):
    """Lanes over rows: as over columns, of the image and its windows turned, but in the order of the kernel as it is.

    A kernel row lies along the lanes and a tap of it across, so that an image of one column is one of one row. Where
    rows (the image's columns) lie element by element next to each other, several are turned at once.
    """
    cdef Py_ssize_t* beside

    def __dealloc__(self):
        PyMem_Free(self.beside)

    cdef lay_out_rest(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t out_bytes = self.out_item_bytes, index
        OverColumns.lay_out_rest(self)
        self.beside = <Py_ssize_t*> allocated(2 * MOST_BESIDE, sizeof(Py_ssize_t))
        for index in range(MOST_BESIDE):
            self.beside[index], self.beside[MOST_BESIDE + index] = index * self.item_bytes, index * out_bytes
        if loops.source.staging.n_phases == 1 and loops.source.row_bytes == self.item_bytes:
            loops.source.beside = self.beside
        if loops.direct_store or geometry.down.outputs == 1 or looks_at_places(&loops.consumer):
            return
        if loops.consumer.storing.adjacent and loops.consumer.row_bytes == geometry.n_kernels * out_bytes:
            loops.rows.kernel_pitch, loops.rows.row_pitch = self.most_columns, geometry.n_kernels * self.most_columns
            loops.consumer.beside = self.beside + MOST_BESIDE
        elif loops.consumer.row_bytes == out_bytes:
            loops.consumer.beside = self.beside + MOST_BESIDE

    cdef lay_out_bank(self):
        """Nothing: panels are as narrow as tiles over rows know them."""

    cdef bint flattens(self):
        return self.engine.geometry.down.kernel == 1

    cdef bint joins_rows(self):
        return False

    cdef bint aligns_rows(self):
        return False

    cdef Py_ssize_t places_of_taps(self):
        return self.engine.n_taps

    cdef Py_ssize_t place_of_tap(self, Py_ssize_t tap):
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t run = geometry.down.kernel * geometry.depth, in_row = tap % run
        return (self.place_of_column(tap // run * geometry.across.dilation)
                + in_row // geometry.depth * geometry.down.dilation * self.loops.row_pitch
                + in_row % geometry.depth * self.loops.source.staging.channel_pitch)

    cdef lay_out_sum(self):
        """The kernel's own rows, where tiles share the pixels of several columns; else all of it as one row."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        if geometry.down.outputs > 1:
            loops.rows.window_row_pitch = geometry.down.stride * loops.row_pitch
        if (geometry.down.outputs > 1 and (geometry.down.stride == geometry.down.dilation or geometry.down.kernel == 1)
                and geometry.depth == 1 and geometry.pieces_per_row == 1 and not geometry.compensated):
            self.segments = self.build_sum(geometry, &loops.sum, geometry.across.kernel, geometry.down.kernel, False)
            loops.correlate = self.engine.routines.over_rows
        else:
            self.lay_out_as_one_row()

    cdef lay_out_as_one_row(self):
        """A sum whose kernel row is the whole kernel, in pieces that are the kernel's blocks."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Sum* sum = &self.loops.sum
        cdef Py_ssize_t run = geometry.down.kernel * geometry.depth, of_row = geometry.pieces_per_row, piece
        cdef Py_ssize_t rows_per_piece = 1 if of_row > 1 else geometry.rows_per_block
        sum.kernel_height = sum.rows_per_block = 1
        sum.run = self.engine.n_taps
        sum.pieces = ceiling(geometry.across.kernel, rows_per_piece) * of_row
        sum.kernel_row_pitch = PY_SSIZE_T_MAX  # none: rows of windows share no rows of taps
        sum.compensated = geometry.compensated
        sum.dense = (geometry.depth == 1 and geometry.down.kernel == 1 and geometry.across.dilation == 1
                     and self.loops.source.staging.n_phases == 1)
        self.cuts = <Py_ssize_t*> allocated(sum.pieces + 1, sizeof(Py_ssize_t))
        sum.cuts = self.cuts
        for piece in range(sum.pieces + 1):
            self.cuts[piece] = min(piece // of_row * rows_per_piece * run + run * (piece % of_row) // of_row, sum.run)

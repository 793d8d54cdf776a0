# Forms of the direct method whose pixels lie channel by channel: lanes over columns, and over rows, for which an
# image is turned. Their loops are those of strips.pxi and panel_sums.pxi.

from cpython.pyport cimport PY_SSIZE_T_MAX
from microkernels cimport Staging, Sum
from types cimport MOST_BESIDE, Geometry, Loops, ceiling, effective

cdef Py_ssize_t TILE_VECTORS = 3      # across a tile over columns
cdef Py_ssize_t PIECE_BYTES = cache_bytes(2) // 4  # of pixels, that all panels are multiplied with
cdef Py_ssize_t LEAST_INSIDE = 8 * MOST_LANES  # columns of windows, for whose sake the others are done by themselves
cdef Py_ssize_t JOINED_TAPS = 6  # that take the time of a response's way through a strip


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
        cdef bint readable
        self.consume_panels()
        readable = (
            self.images_as_summed and geometry.across.stride == 1
            and self.column_bytes == size and self.images.itemsize == size
            and self.channel_pitch_bytes % size == 0 and loops.source.row_bytes % size == 0
            and loops.source.image_bytes % size == 0)
        loops.in_place = (readable and not self.padded() and (self.least_columns >= lanes or self.rows_follow_on()))
        loops.sides_staged = readable and self.padded() and self.lies_inside()
        loops.source.staging.n_phases = 1
        if loops.in_place:
            loops.row_pitch = loops.source.row_bytes // size
        else:
            self.slack = lanes  # a row of fewer columns reads on into the next row, the last one into this
            loops.source.staging.n_phases = min(geometry.across.stride, self.reached_columns)
            loops.source.staging.phase_pitch = ceiling(self.reached_columns, loops.source.staging.n_phases)
            loops.row_pitch = loops.source.staging.phase_pitch * loops.source.staging.n_phases
        if loops.sides_staged:
            loops.row_pitch = loops.source.row_bytes // size
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

    cdef bint lies_inside(self):
        """Whether so many windows lie inside of a padded image that only the others are worth a strip."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t pitch = self.loops.source.row_bytes // self.engine.routines.item_bytes
        cdef Py_ssize_t half = geometry.across.outputs // 2 + effective(&geometry.across)
        cdef Py_ssize_t inside = end_within(&geometry.across) - first_within(&geometry.across)
        return (geometry.depth == 1 and geometry.n_kernels <= 2 and self.whole_columns and not self.loops.by_panel
                and half <= pitch <= 2 * self.reached_columns and inside >= LEAST_INSIDE
                and end_within(&geometry.down) > first_within(&geometry.down))

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
        sum.step = self.step_of_taps() if geometry.down.kernel == 1 else 0
        self.cuts = <Py_ssize_t*> allocated(sum.pieces + 1, sizeof(Py_ssize_t))
        sum.cuts = self.cuts
        for piece in range(sum.pieces + 1):
            self.cuts[piece] = min(piece // of_row * rows_per_piece * run + run * (piece % of_row) // of_row, sum.run)

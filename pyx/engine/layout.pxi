# How strips and the order of a sum lie in memory, whatever the form.

from microkernels cimport Segment, Staging, Sum
from types cimport Geometry, Loops


cdef Py_ssize_t BLOCKS_PER_TOTAL = 6      # of winograd's sums: where there are more, the totals are carried
cdef Py_ssize_t SHORT_ROW_BYTES = 256     # of a channel's row, whose staging costs less than what is asked of it


cdef class Layout(Tasks):
    """A call that is laid out: strips or arrays and their pitches, and the sum's segments."""
    cdef Segment* segments
    cdef Py_ssize_t* cuts                                      # of a run into pieces
    cdef Py_ssize_t channel_pitch                              # of windows: where channels do not lie in planes, 1
    cdef bint fits

    def __dealloc__(self):
        PyMem_Free(self.segments)
        PyMem_Free(self.cuts)

    cdef lay_out(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit, list areas):
        """Strips or arrays and their pitches; how many rows a task takes; then the sum's segments.

        Where even one row of responses needs more than `workspace_limit`, sizes may have saturated: nothing is laid
        out that depends on them, and the call is only good to ask for `workspace_bytes`.
        """
        cdef Loops* loops = &self.loops
        cdef Engine engine = self.engine
        loops.routines = engine.routines
        loops.item_bytes = engine.routines.item_bytes
        loops.pixel_bytes = engine.routines.pixel_bytes
        loops.geometry = &engine.geometry
        loops.panels = engine.panels
        loops.n_panels = engine.n_panels
        loops.padded_kernels = engine.padded_kernels
        loops.source.row_boundary = engine.row_boundary
        self.channel_pitch = 1
        self.measure(n_workers, areas)
        loops.images_at_once = 1
        loops.piece_rows, loops.piece_columns, loops.chunk_taps = LARGE, LARGE // 2, LARGE
        loops.sharing_rows = 1
        self.lay_out_strips()
        self.deal_tasks(n_workers, workspace_limit, areas)
        self.fits = self.workspace_of(loops.strip_rows) <= workspace_limit
        if self.fits:
            self.lay_out_rest()

    # What a form says for itself, beside its loops. The frequency domain, which has no strips, says the rest, too.

    # What a form says for itself, beside its loops. The frequency domain, which has no strips, says the rest, too.

    cdef lay_out_strips(self):
        """Lays out what does not depend on how many rows a task takes: pitches, the micro-kernels, the loops."""
        raise NotImplementedError

    cdef lay_out_rest(self):
        """Lays out what depends on it: the rows of the images and the sum."""
        self.lay_out_staging()
        self.lay_out_sum()

    cdef lay_out_sum(self):
        cdef const Geometry* geometry = &self.engine.geometry
        self.segments = self.build_sum(geometry, &self.loops.sum, geometry.down.kernel,
                                       geometry.across.kernel * geometry.depth, self.taps_are_apart())
        if geometry.down.outputs > 1:
            self.loops.rows.window_row_pitch = geometry.down.stride * self.loops.row_pitch

    cdef bint taps_are_apart(self):
        """Whether the taps of a kernel row do not lie next to each other, and a tile has to be told so."""
        return False

    # What is common.

    cdef bint padded(self):
        cdef const Geometry* geometry = &self.engine.geometry
        return (geometry.down.before != 0 or geometry.across.before != 0
                or self.engine.reached_rows > geometry.down.length
                or self.engine.reached_columns > geometry.across.length)

    cdef lay_out_staging(self):
        cdef Loops* loops = &self.loops
        cdef Staging* staging = &loops.source.staging
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        cdef bint reaches_all_rows
        staging.columns = self.engine.reached_columns
        staging.first_inside = self.engine.first_inside
        staging.first_source = self.engine.first_source
        staging.end_inside = self.engine.end_inside
        staging.before = self.engine.outside
        staging.behind = self.engine.outside + self.engine.first_inside
        staging.depth = self.engine.staged
        staging.column_bytes = self.column_bytes
        staging.adjacent = adjacent(self.channel_bytes, staging.depth, self.item_bytes)
        staging.fill = &self.fill[0]
        loops.source.skips_rows = True
        reaches_all_rows = ((geometry.down.stride == 1 or geometry.down.dilation == 1)
                            and geometry.down.kernel >= geometry.down.stride)
        loops.source.rows_join = (reaches_all_rows and staging.n_phases == 1
                                  and staging.columns == geometry.across.length
                                  and loops.row_pitch == staging.columns * staging.position_pitch
                                  and staging.first_inside == 0 and staging.end_inside == staging.columns
                                  and loops.source.row_bytes == staging.columns * self.column_bytes)
        loops.source.in_planes = (reaches_all_rows and self.images_as_summed
                                  and (geometry.across.length * size <= SHORT_ROW_BYTES or loops.sides_staged)
                                  and self.engine.routines.stage_planes != NULL and staging.position_pitch == 1
                                  and (staging.n_phases == 1 or staging.n_phases == 2 and size == sizeof(float))
                                  and self.column_bytes == size and self.images.itemsize == size)

    cdef Segment* build_sum(self, const Geometry* geometry, Sum* sum, Py_ssize_t kernel_height, Py_ssize_t run,
                            bint apart) except NULL:
        """Segments: for each kernel row its run of taps (if those are apart, each column's), cut at the blocks."""
        cdef Segment* segments
        segments = <Segment*> allocated(
            kernel_height * (geometry.pieces_per_row + (geometry.across.kernel if apart else 0)), sizeof(Segment))
        sum.segments = segments
        sum.kernel_height = kernel_height
        sum.run = run
        sum.rows_per_block = geometry.rows_per_block
        sum.pieces = geometry.pieces_per_row
        sum.tap_pitch, sum.channel_pitch = self.loops.sum.tap_pitch, self.channel_pitch
        sum.kernel_row_pitch = geometry.down.dilation * self.loops.row_pitch if geometry.down.kernel > 1 else 0
        sum.step = self.step_of_taps()
        sum.compensated = geometry.compensated
        self.cut_sum(geometry.depth, sum, segments, apart)
        return segments

    cdef Py_ssize_t step_of_taps(self):
        """Elements from each tap of a kernel row to the next, over columns; 0 if they are not equally far apart."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_phases = self.loops.source.staging.n_phases
        if geometry.depth > 1 or geometry.across.dilation % max(n_phases, 1):
            return 0
        return geometry.across.dilation // max(n_phases, 1)

    cdef cut_sum(self, Py_ssize_t depth, Sum* sum, Segment* segments, bint apart):
        """The segments of a sum: one for each piece of a kernel row's run, of taps apart one for each column."""
        cdef Py_ssize_t row, piece, first, end, stop
        cdef Segment* segment = segments
        cdef bint row_closes
        for row in range(sum.kernel_height):
            row_closes = (row + 1) % sum.rows_per_block == 0 or row == sum.kernel_height - 1
            for piece in range(sum.pieces):
                first = sum.run * piece // sum.pieces
                end = sum.run * (piece + 1) // sum.pieces
                while first < end:
                    stop = min(end, (first // depth + 1) * depth) if apart else end
                    segment.offset = (row * sum.kernel_row_pitch + first // depth * sum.tap_pitch
                                      + first % depth * sum.channel_pitch)
                    segment.first, segment.n_taps = first, stop - first
                    segment.closes_block = stop == end and (sum.pieces > 1 or row_closes)
                    segment.closes_total = (piece + 1) % BLOCKS_PER_TOTAL == 0
                    segment += 1
                    first = stop
        sum.n_segments = segment - segments

# The form of 8-bit operands: lanes over kernels, several taps of a run in a step, sums in int32.

from microkernels cimport BOOL, Routines, Rows, Segment
from types cimport DONE, Area, Geometry, Loops, Panel, Part, ceiling


cdef void runs_of(const Geometry* geometry, Py_ssize_t* n_runs, Py_ssize_t* run) noexcept nogil:
    """Runs of taps that lie next to each other in a strip, all of one length: kernel rows, or, dilated, columns."""
    n_runs[0] = geometry.down.kernel
    run[0] = geometry.across.kernel * geometry.depth
    if geometry.across.dilation > 1 and geometry.across.kernel > 1:
        n_runs[0] *= geometry.across.kernel
        run[0] = geometry.depth


cdef int correlate_bytes(Loops* loops, Py_ssize_t group, const Area* area, const char* windows, char* responses,
                         char* memory, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """All panels of a group, one after the other; where each is consumed by itself, of pieces."""
    cdef Py_ssize_t index
    cdef int status
    cdef Area line = area[0]
    if loops.by_panel:
        return correlate_byte_pieces(loops, group, area, windows, responses, counted, watch_signals)
    if (line.n_columns == 1 and loops.rows.window_pitch == loops.rows.window_row_pitch
            and loops.rows.column_pitch == loops.rows.row_pitch):
        line.n_rows, line.n_columns = 1, area.n_rows  # a column is a row, of which tiles take more
    for index in range(loops.n_panels):
        status = correlate_byte_rows(loops, group, &loops.panels[index], &line, windows, responses, counted,
                                     watch_signals)
        if status != DONE:
            return status
    return DONE


cdef int correlate_byte_pieces(Loops* loops, Py_ssize_t group, const Area* area, const char* windows, char* responses,
                               Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """All panels of one piece after the other, each of which is consumed."""
    cdef Py_ssize_t y = 0, x, index
    cdef int status
    cdef Area own = area[0]
    cdef Part piece
    while y < area.n_rows:
        piece.n_rows = own.n_rows = min(area.n_rows - y, loops.piece_rows)
        x = 0
        while x < area.n_columns:
            piece.n_columns = area.n_columns - x
            if piece.n_columns >= 2 * loops.piece_columns:
                piece.n_columns = loops.piece_columns
            own.n_columns = piece.n_columns
            piece.first_row, piece.first_column = area.first_row + y, area.first_column + x
            for index in range(loops.n_panels):
                piece.responses = responses - loops.panels[index].first * loops.item_bytes
                status = correlate_byte_rows(
                    loops, group, &loops.panels[index], &own,
                    windows + (y * loops.rows.window_row_pitch + x * loops.rows.window_pitch) * loops.pixel_bytes,
                    piece.responses, counted, watch_signals)
                if status != DONE:
                    return status
                consume_panel(loops, group, area.image, &loops.panels[index], &piece)
            x += piece.n_columns
        y += piece.n_rows
    return DONE


cdef int correlate_byte_rows(Loops* loops, Py_ssize_t group, const Panel* panel, const Area* area, const char* windows,
                             char* responses, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """One panel's responses in a strip: some rows at one go, or columns of a long one, as milliseconds allow."""
    cdef Py_ssize_t n_steps = loops.sum.n_segments * loops.sum.segments[0].n_taps
    cdef Py_ssize_t first = group * loops.padded_kernels + panel.offset, of_window = n_steps * panel.width
    cdef Py_ssize_t columns_at_once = max(64, SIGNAL_MULTIPLY_ADDS // of_window)
    cdef Py_ssize_t rows_at_once = max(1, columns_at_once // area.n_columns), y = 0, x
    cdef int status
    cdef Rows rows = loops.rows
    rows.width, rows.n_kernels = panel.width, panel.n_kernels
    responses += panel.first * loops.item_bytes
    while y < area.n_rows:
        rows.n_rows = min(area.n_rows - y, rows_at_once)
        x = 0
        while x < area.n_columns:
            rows.n_columns = min(area.n_columns - x, columns_at_once)
            loops.correlate(&loops.sum, &rows,
                            windows + (y * rows.window_row_pitch + x * rows.window_pitch) * loops.pixel_bytes,
                            loops.packed + first * n_steps * loops.item_bytes, loops.bias + first * loops.item_bytes,
                            responses + (y * rows.row_pitch + x * rows.column_pitch) * loops.item_bytes)
            x += rows.n_columns
            counted[0] += rows.n_rows * rows.n_columns * of_window
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
        y += rows.n_rows
    return DONE


cdef class OverBytes(Interleaved):
    """What one position holds lies together, as bytes or as words."""

    cdef lay_out_strips(self):
        cdef Loops* loops = &self.loops
        cdef Engine engine = self.engine
        cdef const Routines* routines = engine.routines
        cdef Py_ssize_t column_pitch = engine.pixel
        self.consume_panels()
        loops.in_place = self.reads_images()
        loops.row_pitch = product(self.reached_columns, engine.pixel)
        if loops.in_place:
            column_pitch, loops.row_pitch = self.column_bytes, loops.source.row_bytes
        else:
            self.slack = engine.taps_at_once - 1  # of the last run's last step
        self.lay_out_windows(column_pitch)
        self.lay_out_responses()
        loops.source.staging.turned_bits = 0x80 if engine.shift else 0
        loops.correlate = routines.over_bytes_unsigned if engine.unsigned_taps else routines.over_bytes
        loops.correlate_group = correlate_bytes

    cdef bint reads_images(self):
        """Whether windows can be read from the image, and nothing behind them is read."""
        cdef Engine engine = self.engine
        cdef const Geometry* geometry = &engine.geometry
        cdef Py_ssize_t n_runs, run
        runs_of(geometry, &n_runs, &run)
        return (engine.routines.pixel_bytes == 1 and engine.shift == 0 and run % engine.taps_at_once == 0
                and self.loops.source.staging.element != BOOL and not self.padded()
                and (self.channel_pitch_bytes == 1 or geometry.groups * geometry.depth == 1)
                and (run == geometry.depth or self.column_bytes == geometry.depth))

    cdef lay_out_sum(self):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_runs, run, index, of_row
        cdef Segment* segment
        runs_of(geometry, &n_runs, &run)
        of_row = n_runs // geometry.down.kernel
        self.segments = <Segment*> allocated(n_runs, sizeof(Segment))
        for index in range(n_runs):
            segment = &self.segments[index]
            segment.offset = (index // of_row * geometry.down.dilation * loops.row_pitch
                              + index % of_row * loops.sum.tap_pitch)
            segment.n_taps = ceiling(run, self.engine.taps_at_once)
        loops.sum.segments, loops.sum.n_segments = self.segments, n_runs
        if geometry.down.outputs > 1:
            loops.rows.window_row_pitch = geometry.down.stride * loops.row_pitch
        if geometry.across.outputs == 1:  # windows of one column, and their responses, follow each other
            loops.rows.window_pitch = loops.rows.window_row_pitch
            loops.rows.column_pitch = loops.rows.row_pitch

    cdef Py_ssize_t strip_of(self, Py_ssize_t rows):
        cdef Py_ssize_t pixels
        if self.loops.in_place:
            return 0
        pixels = product(self.pixel_rows(rows), self.loops.row_pitch) + self.slack
        return ceiling(product(pixels, self.loops.pixel_bytes), 64) * 16

# The loops of winograd in a strip. A response that is not finite is handed back to the direct method, which does it
# from the same windows before the strip is consumed: infinities mean the same by both, and sums of large numbers may
# overflow in a transform where the direct sum does not.

from atomics cimport is_published, publish, read_flag, write_flag
from microkernels cimport MOST_LANES, Quads, Rows, Segment, Storing
from types cimport CANCELLED, DONE, OVER_KERNELS, RAISED, Area, Geometry, Loops, Panel, ceiling


cdef Py_ssize_t QUADS_BYTES = 512 * 1024  # of winograd's transformed pixels: they stay there beside a panel
cdef Py_ssize_t MOST_QUADS = 112          # of winograd at once: eight of the largest tiles over kernels
# Quads that are done at once where they are too large for that, so that a bank that comes from further away is read for
# many of them, the panels whose sums wait for each other then, and the bytes of so many quads at most.
cdef Py_ssize_t MANY_QUADS = 64, PANELS_AT_ONCE = 4, MOST_QUADS_BYTES = 16 * 1024 * 1024
cdef Py_ssize_t LEAST_PANELS = 2          # of a part, beside whose sums the transforms of its pixels are little
# Panels whose responses a strip holds at least where they are reduced, and bytes of an image's for those that it may.
cdef Py_ssize_t PANELS_IN_STRIP = 4, IN_STRIP_BYTES = 4 * 1024 * 1024
cdef Py_ssize_t LEAST_QUADS = 28          # of a task, for the same reason
cdef Py_ssize_t HANDED_BACK_COLUMNS = 64  # that the direct method does at once, at most

cdef double[MOST_LANES] ZEROS  # the bias of sums that have none, for any panel of any type


cdef inline Py_ssize_t quads_across(Py_ssize_t n, Py_ssize_t side, Py_ssize_t dilation) noexcept nogil:
    """Quads across `n` rows or columns: each has `side` of them that are a dilation apart, if there are so many."""
    return n // (side * dilation) * dilation + min(n % (side * dilation), dilation)


cdef inline Py_ssize_t rows_before(Py_ssize_t line, Py_ssize_t side, Py_ssize_t dilation) noexcept nogil:
    """Rows of responses before the lines of quads that lie between each other with this one."""
    return line // dilation * side * dilation


cdef int correlate_quads(Loops* loops, Py_ssize_t group, const Area* area, const char* windows, char* responses,
                         char* transformed, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """A group's responses in a strip by winograd: some quads at once, and of these the sums of some panels at once.

    Quads of several images follow each other.
    """
    cdef const Geometry* geometry = loops.geometry
    cdef Quads quads = loops.quads
    cdef Py_ssize_t n_images = area.n_rows // geometry.down.outputs if loops.images_at_once > 1 else 1
    cdef Py_ssize_t dilation = geometry.down.dilation, chunk, index, slot, size = loops.item_bytes
    cdef Py_ssize_t of_image = quads_across(area.n_rows // n_images, quads.side, dilation) * quads.quads_per_row
    cdef Py_ssize_t n_quads = n_images * of_image, n_chunks = ceiling(n_quads, loops.quads_at_once)
    cdef char* sums = transformed + quads.n_places * quads.plane_pitch * size
    cdef Py_ssize_t first_row = area.n_rows, end_row = 0  # of those with a response that is not finite
    cdef int status
    cdef bint finite
    quads.n_rows = area.n_rows // n_images
    quads.zero_windows = <int*> (sums + loops.panels_at_once * loops.sums_elements * size)
    for chunk in range(n_chunks):
        quads.first = n_quads * chunk // n_chunks
        quads.n_quads = n_quads * (chunk + 1) // n_chunks - quads.first
        transform_quads(loops, &quads, of_image, windows, transformed)
        finite = True
        for index in range(area.first_panel, area.end_panel):
            slot = (index - area.first_panel) % loops.panels_at_once
            if slot == 0:
                status = sum_places(loops, group, &quads, index, area.end_panel, NULL, transformed, sums, counted,
                                    watch_signals)
                if status != DONE:
                    return status
            finite &= respond(loops, group, index, &quads, of_image, sums + slot * loops.sums_elements * size,
                              responses)
        if not finite:
            first_row = min(first_row, row_of_quad(&quads, quads.first, of_image, 0))
            end_row = row_of_quad(&quads, quads.first + quads.n_quads - 1, of_image, dilation)
    for index in range(first_row // quads.n_rows, ceiling(end_row, quads.n_rows)):
        status = do_handed_back(loops, group, area, max(0, first_row - index * quads.n_rows),
                                min(end_row - index * quads.n_rows, quads.n_rows),
                                windows + index * windows_of_image(loops),
                                responses + index * responses_of_image(loops), transformed, counted, watch_signals)
        if status != DONE:
            return status
    return DONE


cdef inline Py_ssize_t row_of_quad(const Quads* quads, Py_ssize_t quad, Py_ssize_t of_image,
                                   Py_ssize_t more) noexcept nogil:
    """The row of responses of all images that a quad begins with, or that begins behind `more` lines of quads."""
    return quad // of_image * quads.n_rows + min(quads.n_rows, rows_before(
        quad % of_image // quads.quads_per_row + more, quads.side, quads.row_dilation))


cdef inline Py_ssize_t windows_of_image(const Loops* loops) noexcept nogil:
    """Bytes from an image's windows to the next one's in a task."""
    if loops.in_place:
        return loops.source.image_bytes
    return loops.strip_elements // loops.images_at_once * loops.item_bytes


cdef inline Py_ssize_t responses_of_image(const Loops* loops) noexcept nogil:
    """Bytes from an image's responses to the next one's in a task."""
    if loops.direct_store:
        return loops.consumer.response_bytes
    return loops.geometry.down.outputs * loops.rows.row_pitch * loops.item_bytes


cdef inline Py_ssize_t quads_of_image(const Quads* quads, Py_ssize_t done, Py_ssize_t of_image,
                                      Quads* own) noexcept nogil:
    """Quads of one image behind those that are done, counted from the image's first one; which image that is."""
    cdef Py_ssize_t first = quads.first + done
    own[0] = quads[0]
    own.first = first % of_image
    own.n_quads = min(quads.n_quads - done, of_image - own.first)
    own.zero_windows = quads.zero_windows + done
    return first // of_image


cdef inline void transform_quads(Loops* loops, const Quads* quads, Py_ssize_t of_image, const char* windows,
                                 char* transformed) noexcept nogil:
    """The transforms of some quads' pixels."""
    cdef Py_ssize_t done = 0, image
    cdef Quads own
    while done < quads.n_quads:
        image = quads_of_image(quads, done, of_image, &own)
        loops.routines.winograd_in(&own, windows + image * windows_of_image(loops),
                                   transformed + done * quads.depth * loops.item_bytes)
        done += own.n_quads


cdef inline bint respond(Loops* loops, Py_ssize_t group, Py_ssize_t index, Quads* quads, Py_ssize_t of_image,
                         const char* sums, char* responses) noexcept nogil:
    """The responses of some quads and one panel from their sums; whether all are finite."""
    cdef const Panel* panel = &loops.panels[index]
    cdef Py_ssize_t first = group * loops.padded_kernels + panel.offset, size = loops.item_bytes, done = 0, image
    cdef bint finite = True
    cdef Quads own
    quads.width, quads.n_kernels = panel.width, panel.n_kernels
    while done < quads.n_quads:
        image = quads_of_image(quads, done, of_image, &own)
        finite &= loops.routines.winograd_out(&own, sums + done * quads.sums_quad_pitch * size,
                                              loops.bias + first * size,
                                              responses + image * responses_of_image(loops) + panel.first * size)
        done += own.n_quads
    return finite


cdef int sum_places(Loops* loops, Py_ssize_t group, const Quads* quads, Py_ssize_t first_panel, Py_ssize_t end_panel,
                    const char* fresh, const char* transformed, char* sums, Py_ssize_t* counted,
                    bint watch_signals) noexcept nogil:
    """The sums over channels of some quads for some panels, place by place; or for a `fresh` one, which lies there."""
    cdef Py_ssize_t depth = loops.geometry.depth, size = loops.item_bytes, place, index, first
    cdef const Panel* panel
    cdef int status
    cdef Rows rows
    rows.n_rows, rows.n_columns = 1, quads.n_quads
    rows.window_row_pitch = rows.row_pitch = 0
    rows.window_pitch = depth
    rows.kernel_pitch = 1
    rows.column_pitch = quads.sums_quad_pitch
    for place in range(quads.n_places):
        for index in range(first_panel, min(first_panel + loops.panels_at_once, end_panel)):
            panel = &loops.panels[index]
            first = place * panel.width
            if fresh == NULL:
                first += (group * loops.padded_kernels + panel.offset) * quads.n_places
            rows.width = rows.n_kernels = panel.width
            loops.correlate(&loops.sum, &rows, transformed + place * quads.plane_pitch * size,
                            (loops.packed if fresh == NULL else fresh) + first * depth * size, ZEROS,
                            sums + ((index - first_panel) * loops.sums_elements + place * quads.sums_pitch) * size)
            counted[0] += quads.n_quads * depth * panel.width
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
    return DONE


cdef int do_handed_back(Loops* loops, Py_ssize_t group, const Area* area, Py_ssize_t first_row, Py_ssize_t end_row,
                        const char* windows, char* responses, char* memory, Py_ssize_t* counted,
                        bint watch_signals) noexcept nogil:
    """The responses of some rows that are not finite, by the direct method, whose panels are others."""
    cdef Py_ssize_t index, first_kernel = loops.panels[area.first_panel].first
    cdef Py_ssize_t end_kernel = end_of(&loops.panels[area.end_panel - 1])
    cdef int status = direct_is_there(loops)
    cdef const Panel* panel
    cdef Part part
    part.n_rows, part.n_columns = end_row - first_row, loops.geometry.across.outputs
    part.windows = windows + first_row * loops.rows.window_row_pitch * loops.item_bytes
    part.responses = responses + first_row * loops.rows.row_pitch * loops.item_bytes
    for index in range(loops.direct.n_panels):
        panel = &loops.direct.panels[index]
        if status == DONE and panel.first < end_kernel and first_kernel < end_of(panel):
            status = do_handed_back_panel(loops, group, panel, max(first_kernel, panel.first),
                                          min(end_kernel, end_of(panel)), &part, memory, counted, watch_signals)
    return status


cdef int do_handed_back_panel(Loops* loops, Py_ssize_t group, const Panel* panel, Py_ssize_t first_kernel,
                              Py_ssize_t end_kernel, const Part* part, char* memory, Py_ssize_t* counted,
                              bint watch_signals) noexcept nogil:
    """Some of a panel's kernels, in runs of columns."""
    cdef Py_ssize_t row, first, n_kernels = end_kernel - first_kernel, size = loops.item_bytes
    cdef Py_ssize_t n_taps = loops.geometry.down.kernel * loops.geometry.across.kernel * loops.geometry.depth
    cdef Py_ssize_t place_in_bank = group * loops.direct.padded_kernels + panel.offset
    cdef Py_ssize_t columns_at_once = max(8, min(HANDED_BACK_COLUMNS, MOST_MULTIPLY_ADDS // n_taps // panel.width))
    cdef Rows rows = loops.rows
    cdef char* place
    cdef int status
    rows.n_rows, rows.n_kernels, rows.width, rows.column_pitch = 1, panel.n_kernels, panel.width, panel.width
    for row in range(part.n_rows):
        place = part.responses + (row * loops.rows.row_pitch + first_kernel) * size
        first = 0
        while first < part.n_columns:
            rows.n_columns = n_infinite(loops, n_kernels, place + first * loops.rows.column_pitch * size,
                                        min(columns_at_once, part.n_columns - first))
            if rows.n_columns > 0:
                loops.routines.over_kernels(
                    &loops.direct.sum, &rows,
                    part.windows + (row * rows.window_row_pitch + first * rows.window_pitch) * size,
                    loops.direct.packed + place_in_bank * n_taps * size, loops.direct.bias + place_in_bank * size,
                    memory)
                take_infinite(loops, &rows, n_kernels, memory + (first_kernel - panel.first) * size,
                              place + first * loops.rows.column_pitch * size)
                counted[0] += rows.n_columns * n_taps * panel.width
                status = looked_for_signals(loops, counted, watch_signals)
                if status != DONE:
                    return status
            first += max(rows.n_columns, 1)
    return DONE


cdef Py_ssize_t n_infinite(const Loops* loops, Py_ssize_t n_kernels, const char* responses,
                           Py_ssize_t most) noexcept nogil:
    """How many of the columns from the first on have a response of these kernels that is not finite."""
    cdef Py_ssize_t count = 0
    while count < most and not loops.routines.all_finite(
            responses + count * loops.rows.column_pitch * loops.item_bytes, n_kernels):
        count += 1
    return count


cdef void take_infinite(const Loops* loops, const Rows* rows, Py_ssize_t n_kernels, const char* others,
                        char* responses) noexcept nogil:
    """Puts others in the place of some columns' responses that are not finite."""
    cdef Py_ssize_t[3 * MOST_LANES] kernel_bytes
    cdef Py_ssize_t kernel
    cdef Storing storing
    for kernel in range(n_kernels):
        kernel_bytes[kernel] = kernel * loops.item_bytes
    storing.n_columns, storing.n_kernels = rows.n_columns, n_kernels
    storing.column_pitch, storing.kernel_pitch = rows.column_pitch, 1
    storing.column_bytes = loops.rows.column_pitch * loops.item_bytes
    storing.kernel_bytes = kernel_bytes
    loops.routines.replace_infinite(&storing, others, responses)


cdef int direct_is_there(Loops* loops) noexcept nogil:
    """DONE, with the direct method's panels there; they are asked for when the first response is handed back."""
    cdef int status = DONE
    if not is_published(&loops.has_direct):
        with gil:
            status = (<Winograd> loops.call).ask_for_direct()
        if status != DONE:
            write_flag(&loops.cancelled, 1)
    return status


cdef class Winograd(Interleaved):
    """A call by winograd: strips as over kernels, and behind them the quads' transformed pixels and sums."""
    cdef object ask                      # for the direct method's panels: given the call, false if there is no room
    cdef Py_buffer direct_packed, direct_bias  # once something is handed back
    cdef bint has_direct_packed, has_direct_bias
    cdef Engine direct_engine
    cdef Segment* direct_segments
    cdef Py_ssize_t least_parts          # of the panels, of which a strip holds the responses that are reduced

    def __dealloc__(self):
        self.let_direct_go()

    cdef let_direct_go(self):
        if self.has_direct_packed:
            PyBuffer_Release(&self.direct_packed)
        if self.has_direct_bias:
            PyBuffer_Release(&self.direct_bias)
        self.has_direct_packed = self.has_direct_bias = False
        PyMem_Free(self.direct_segments)
        self.direct_segments = NULL

    cdef let_panels_go(self):
        Interleaved.let_panels_go(self)
        self.let_direct_go()
        self.ask = None

    cdef lay_out_strips(self):
        Interleaved.lay_out_strips(self)
        self.loops.correlate_group = correlate_quads
        self.loops.call = <void*> self

    cdef lay_out_responses(self):
        """Strips of all kernels' responses; of some panels', where these are reduced and all would be too large."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_panels = self.engine.n_panels, width = self.widest_panel(), n_kernels, at_once
        cdef Py_ssize_t of_panel = product(product(geometry.down.outputs, geometry.across.outputs),
                                           width * self.engine.routines.item_bytes)
        Interleaved.lay_out_responses(self)
        self.least_parts = 1
        if self.reducer is None or self.reducer.in_order or geometry.groups > 1:
            return
        at_once = max(PANELS_IN_STRIP, IN_STRIP_BYTES // max(of_panel, 1))
        self.least_parts = ceiling(n_panels, at_once)
        loops.by_part = self.least_parts > 1
        if loops.by_part:
            n_kernels = ceiling(n_panels, self.least_parts) * width
            loops.rows.column_pitch, loops.rows.row_pitch = n_kernels, self.most_columns * n_kernels

    cdef Py_ssize_t response_of(self, Py_ssize_t rows):
        if self.loops.by_part:
            return product(rows, self.loops.rows.row_pitch)
        return Interleaved.response_of(self, rows)

    cdef lay_out_sum(self):
        """Sums over channels, for each of the places."""
        cdef const Geometry* geometry = &self.engine.geometry
        self.segments = self.build_sum(geometry, &self.loops.sum, 1, geometry.depth, False)
        self.loops.sum.carried = geometry.pieces_per_row > BLOCKS_PER_TOTAL
        if geometry.down.outputs > 1:
            self.loops.rows.window_row_pitch = geometry.down.stride * self.loops.row_pitch

    cdef lay_out_rest(self):
        cdef Loops* loops = &self.loops
        cdef Quads* quads = &loops.quads
        cdef const Geometry* geometry = &self.engine.geometry
        Interleaved.lay_out_rest(self)
        quads.quads_per_row = quads_across(geometry.across.outputs, quads.side, geometry.across.dilation)
        quads.n_columns = geometry.across.outputs
        quads.row_dilation = geometry.down.dilation
        quads.column_dilation = geometry.across.dilation
        quads.depth = geometry.depth
        quads.pixel_row_pitch = loops.row_pitch
        quads.pixel_pitch = loops.sum.tap_pitch // geometry.across.dilation  # even where there is one window only
        quads.row_pitch = loops.rows.row_pitch
        quads.column_pitch = loops.rows.column_pitch
        if loops.images_at_once > 1 and geometry.down.outputs == 1:
            loops.consumer.row_bytes = loops.consumer.response_bytes

    cdef Py_ssize_t cut_rows(self, Py_ssize_t n_workers):
        """Strips of whole rows."""
        return 1

    cdef Py_ssize_t whole_rows(self, Py_ssize_t rows):
        """Not fewer rows of responses, such that quads are the same ones whatever the tasks."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t of_quads = product(self.engine.side, geometry.down.dilation)
        return min(product(ceiling(rows, of_quads), of_quads), geometry.down.outputs)

    cdef Py_ssize_t rows_of_quads(self, Py_ssize_t n_quads):
        """Rows of responses of so many quads."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t of_line = quads_across(geometry.across.outputs, self.engine.side, geometry.across.dilation)
        return self.whole_rows(product(ceiling(n_quads, of_line), self.engine.side))

    cdef Py_ssize_t wanted_rows(self):
        return self.rows_of_quads(self.most_quads())

    cdef Py_ssize_t least_rows(self, Py_ssize_t n_workers):
        cdef Py_ssize_t n_images = self.loops.n_images
        if self.most_quads() <= self.near_quads():
            return 1
        if n_images > 1 and (n_images % n_workers == 0 or n_images >= 4 * n_workers):
            return self.rows_of_quads(MANY_QUADS)
        return self.rows_of_quads(LEAST_QUADS)

    cdef Py_ssize_t join_images(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit):
        """Images whose quads are many together, so that the bank is read for them at once and tiles are full."""
        cdef Py_ssize_t n_images = self.loops.n_images, most, n_tasks
        if self.loops.n_strips > 1 or self.engine.clips:
            return 1
        most = min(MANY_QUADS // self.quads_of(self.engine.geometry.down.outputs),
                   workspace_limit // self.workspace_of(self.loops.strip_rows))
        n_tasks = max(1, ceiling(ceiling(n_images, max(1, most)), n_workers) * n_workers)
        return max(1, min(ceiling(n_images, n_tasks), most))

    cdef Py_ssize_t workers_of_strips(self, Py_ssize_t n_workers):
        """One where all quads are done at once: its workers share the panels, so that each is read once."""
        cdef Py_ssize_t n_quads = product(self.quads_of(self.engine.geometry.down.outputs), self.loops.n_images)
        return 1 if n_quads <= MANY_QUADS and self.engine.n_panels >= LEAST_PANELS * n_workers else n_workers

    cdef Py_ssize_t parts_for(self, Py_ssize_t n_workers):
        """Parts of the panels, where strips are few and do not go round: pixels are transformed for each part."""
        cdef Py_ssize_t n_tasks = self.loops.n_tasks
        cdef bint even = n_tasks % n_workers == 0 and self.loops.strip_rows * self.loops.n_strips == (
            self.engine.geometry.down.outputs)
        if (even or n_tasks >= tasks_for(n_workers) or self.engine.geometry.groups > 1
                or (self.reducer is not None and self.reducer.in_order)):
            return self.least_parts
        return max(self.least_parts, min(n_workers, self.engine.n_panels // LEAST_PANELS))

    cdef Py_ssize_t quads_of(self, Py_ssize_t rows):
        """Quads of so many rows of an image's responses."""
        cdef const Geometry* geometry = &self.engine.geometry
        return product(quads_across(rows, self.engine.side, geometry.down.dilation),
                       quads_across(geometry.across.outputs, self.engine.side, geometry.across.dilation))

    cdef Py_ssize_t near_quads(self):
        """Quads whose transformed pixels stay in the second cache."""
        cdef Py_ssize_t of_quad = self.engine.n_pixels * self.engine.n_pixels * self.engine.routines.item_bytes
        return QUADS_BYTES // of_quad // self.engine.geometry.depth

    cdef Py_ssize_t most_quads(self):
        """Quads that are done at once: whole tiles."""
        cdef Py_ssize_t near = self.near_quads()
        near = max(near, min(MANY_QUADS, near * (MOST_QUADS_BYTES // QUADS_BYTES)))
        return max(min(near, MOST_QUADS) // 8 * 8, 16)

    cdef Py_ssize_t quads_held(self, Py_ssize_t rows):
        """Quads whose transformed pixels are there at once."""
        return self.most_quads()

    cdef Py_ssize_t elements_of(self, Py_ssize_t rows):
        """Chooses how many quads are done at once; what they need lies behind the strips.

        These are their transformed pixels, their sums, and which of their windows are zeros. Workers who come ask for
        it while others compute: no other value may stand here for a moment.
        """
        cdef Loops* loops = &self.loops
        cdef Quads* quads = &loops.quads
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t width = self.engine.panels[0].width, n_quads = self.most_quads()  # no panel is wider
        quads.side = self.engine.side
        quads.n_pixels = self.engine.n_pixels
        quads.n_places = quads.n_pixels * quads.n_pixels
        # planes whose pitch is a multiple of 4096 bytes would all fall into the same sets of the first cache
        quads.plane_pitch = product(self.quads_held(rows), geometry.depth) + 5 * 16
        quads.sums_pitch = width
        quads.sums_quad_pitch = quads.n_places * width + 16
        loops.quads_at_once = n_quads
        loops.panels_at_once = min(self.engine.n_panels, PANELS_AT_ONCE if n_quads > self.near_quads() else 1)
        # of more quads equal shares are done at once, which may be a little less than that many
        n_quads = min(n_quads, product(self.quads_of(rows), loops.images_at_once))
        loops.sums_elements = n_quads * quads.sums_quad_pitch
        return (product(self.strip_of(rows) + self.response_of(rows), loops.images_at_once)
                + product(quads.n_places, quads.plane_pitch)
                + loops.panels_at_once * loops.sums_elements + n_quads)  # an int takes no more than an element

    @property
    def has_no_room(self):
        """Whether responses were handed back, and there was no room for the direct method's panels."""
        return read_flag(&self.loops.too_large) != 0

    @property
    def has_direct(self):
        """Whether winograd has the direct method's panels."""
        return is_published(&self.loops.has_direct) != 0

    cdef int ask_for_direct(self):
        """The Status after the direct method's panels were asked for; an exception is kept for `run` to raise."""
        try:
            if not self.loops.has_direct and not self.ask(self):
                write_flag(&self.loops.too_large, 1)
                return CANCELLED
            return DONE
        except BaseException as error:
            if self.error is None or not isinstance(error, Exception):  # an interruption is not lost beside another one
                self.error = error
            return RAISED

    def take_direct(self, Engine engine, packed, bias):
        """Lets winograd have the panels of an engine over kernels, for what it hands back. Not from two threads."""
        if (engine.lanes_over != OVER_KERNELS or engine.groups != self.engine.groups
                or engine.geometry.n_kernels != self.engine.geometry.n_kernels):
            raise ValueError("engine: its kernels are not those of the call")
        self.let_direct_go()  # what an attempt that failed has left
        PyObject_GetBuffer(packed, &self.direct_packed, PyBUF_STRIDES)
        self.has_direct_packed = True
        PyObject_GetBuffer(bias, &self.direct_bias, PyBUF_STRIDES)
        self.has_direct_bias = True
        self.direct_engine = engine
        self.loops.direct.panels, self.loops.direct.n_panels = engine.panels, engine.n_panels
        self.loops.direct.padded_kernels = engine.padded_kernels
        self.loops.direct.packed = <const char*> self.direct_packed.buf
        self.loops.direct.bias = <const char*> self.direct_bias.buf
        self.direct_segments = self.build_sum(
            &engine.geometry, &self.loops.direct.sum, engine.geometry.down.kernel,
            engine.geometry.across.kernel * engine.geometry.depth,
            self.loops.sum.tap_pitch != engine.geometry.depth)
        publish(&self.loops.has_direct)

# How much of a call is one task: rows of responses whose strips stay in a cache, tasks enough for the workers, within
# the workspace.

from types cimport Area, Axis, Geometry, Loops, ceiling, effective, reach


cdef Py_ssize_t STRIP_BYTES = 192 * 1024  # of a strip's image rows: they stay in the second-level cache
cdef Py_ssize_t TASK_MULTIPLY_ADDS = 1 << 20       # multiply-adds below which tasks are claimed several at once
cdef Py_ssize_t LEAST_COLUMNS = 1024      # of pixels in a strip, where rows are cut
cdef Py_ssize_t LEAST_SPANS = 4           # of a kernel, at the least, that they are
cdef Py_ssize_t CONSUMED_BYTES = cache_bytes(2) // 8  # of responses that are reduced: they stay in the second cache
cdef Py_ssize_t PIECE_COLUMNS = 3 * MOST_LANES        # whole tiles over columns of any level


cdef inline Py_ssize_t tasks_for(Py_ssize_t n_workers) noexcept:
    """Tasks enough for so many workers."""
    return 4 * n_workers if n_workers > 1 else 1


cdef class Tasks(Scored):
    """A call's tasks, and the memory that each worker needs for one."""
    cdef Py_ssize_t panel_rows, panel_columns                  # of a piece whose panels are consumed one by one
    cdef Py_ssize_t planes                                     # of an image's strip: the rows of one channel each
    cdef Py_ssize_t slack                                      # elements behind the last row of an image's strip
    cdef Py_ssize_t most_rows, most_columns, least_columns     # of an area
    cdef Py_ssize_t reached_columns                            # of the padded ones, by the widest area
    cdef bint whole_columns
    cdef Area* areas

    def __dealloc__(self):
        PyMem_Free(self.areas)

    # What a form says for itself.

    cdef Py_ssize_t whole_rows(self, Py_ssize_t rows):
        """Not fewer rows of responses, such that their bits do not depend on how rows are dealt to tasks."""
        return rows

    cdef Py_ssize_t join_images(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit):
        """How many images are a task together, of which each worker has one; they have a strip each."""
        return 1

    cdef Py_ssize_t wanted_rows(self):
        """Rows of responses that a task has if it may, although its strip does not stay in cache."""
        return 1

    cdef Py_ssize_t least_rows(self, Py_ssize_t n_workers):
        """Rows that a task has, although there are fewer tasks then."""
        return 1

    cdef Py_ssize_t elements_of(self, Py_ssize_t rows):
        """Elements of a worker's memory for that many rows of responses."""
        return self.strip_of(rows) + self.response_of(rows)

    # What is common.

    cdef measure(self, Py_ssize_t n_workers, list areas):
        """The sizes of areas, or of strips of whole images; how many columns of a long row a strip takes."""
        cdef Py_ssize_t n_rows, n_columns
        cdef const Geometry* geometry = &self.engine.geometry
        self.most_rows = geometry.down.outputs
        self.most_columns = self.least_columns = geometry.across.outputs
        self.loops.strips_across = self.cut_rows(n_workers)
        if self.loops.strips_across > 1:
            self.most_columns = ceiling(geometry.across.outputs, self.loops.strips_across) + MOST_LANES - 1
            self.least_columns = geometry.across.outputs // self.loops.strips_across - MOST_LANES + 1
        self.whole_columns = areas is None and self.loops.strips_across <= 1
        if areas is not None:
            self.most_rows = self.most_columns = 0
            for _, _, _, n_rows, _, n_columns in areas:
                self.most_rows, self.most_columns = max(self.most_rows, n_rows), max(self.most_columns, n_columns)
                self.least_columns = min(self.least_columns, n_columns)
        self.reached_columns = reach(&geometry.across, self.most_columns)

    cdef Py_ssize_t cut_rows(self, Py_ssize_t n_workers):
        """How many strips lie side by side: more than one where rows are too long, or too few for the workers."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t rows = product(geometry.down.outputs, self.loops.n_images), outputs = geometry.across.outputs
        cdef Py_ssize_t pixel_bytes = product(self.engine.pixel * self.engine.routines.pixel_bytes,
                                              geometry.across.stride)
        cdef Py_ssize_t n_strips = max(1, outputs // max(STRIP_BYTES // pixel_bytes, 1))
        n_strips = max(n_strips, ceiling(tasks_for(n_workers), max(rows, 1)))
        return max(1, min(n_strips, outputs // self.least_of_strip()))

    cdef Py_ssize_t least_of_strip(self):
        """Columns of responses below which a piece is not worth a strip: too many pixels are its neighbour's, too."""
        cdef const Axis* across = &self.engine.geometry.across
        return max(2 * MOST_LANES, ceiling(max(LEAST_COLUMNS, LEAST_SPANS * effective(across)), across.stride))

    cdef deal_tasks(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit, list areas):
        """How many rows a task takes: a strip that stays in cache, tasks enough for the workers, within the limit."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t kernel_rows = effective(&geometry.down)
        cdef Py_ssize_t bytes_per_row = self.bytes_per_row()
        cdef Py_ssize_t rows, all_rows = product(product(geometry.down.outputs, loops.n_images), loops.strips_across)
        cdef Py_ssize_t of_strips = self.workers_of_strips(n_workers), n_tasks = tasks_for(of_strips)
        if areas is not None:
            all_rows = 0
            for area in areas:
                all_rows += area[3]
        rows = max((STRIP_BYTES // bytes_per_row - kernel_rows) // geometry.down.stride + 1,
                   min(8, ceiling(kernel_rows, geometry.down.stride)))
        rows = max(rows, self.wanted_rows())
        rows = max(min(max(ceiling(all_rows, n_tasks), self.least_rows(of_strips)), rows, self.most_rows), 1)
        while rows > 1 and self.workspace_of(rows) > workspace_limit // n_workers:
            rows = (rows + 1) // 2
        loops.n_strips = ceiling(self.most_rows, rows)
        loops.strip_rows = ceiling(self.most_rows, loops.n_strips)
        loops.strip_rows = self.whole_rows(loops.strip_rows)
        loops.n_strips = product(ceiling(geometry.down.outputs, loops.strip_rows), loops.strips_across)
        if areas is None and not loops.by_panel:
            loops.images_at_once = self.join_images(of_strips, workspace_limit // n_workers)
        loops.n_tasks = product(ceiling(loops.n_images, loops.images_at_once), loops.n_strips)
        loops.panel_parts = self.parts_for(n_workers) if areas is None else 1
        loops.n_tasks = product(loops.n_tasks, loops.panel_parts)
        if areas is not None:
            self.cut_areas(areas)
        loops.strip_elements = self.strip_of(loops.strip_rows) * loops.images_at_once
        loops.response_elements = self.response_of(loops.strip_rows) * loops.images_at_once
        cdef Py_ssize_t rows_of_task = loops.strip_rows * loops.images_at_once
        cdef Py_ssize_t of_task = product(product(self.most_columns * rows_of_task, self.engine.n_taps),
                                          geometry.groups * geometry.n_kernels)
        cdef Py_ssize_t fair = max(1, loops.n_tasks // tasks_for(n_workers))
        loops.tasks_per_claim = min(max(1, TASK_MULTIPLY_ADDS // max(of_task, 1)), fair)

    cdef Py_ssize_t workers_of_strips(self, Py_ssize_t n_workers):
        """Workers among whom strips and images are shared out."""
        return n_workers

    cdef Py_ssize_t parts_for(self, Py_ssize_t n_workers):
        """Parts of the panels that are tasks of their own."""
        return 1

    cdef Py_ssize_t bytes_per_row(self):
        """Bytes of a row of pixels, by which strips are made that stay in a cache."""
        return product(self.reached_columns, self.engine.pixel * self.engine.routines.pixel_bytes)

    cdef cut_areas(self, list areas):
        """A task for each strip of each area (image, group, first row, rows, first column, columns)."""
        cdef Loops* loops = &self.loops
        cdef Py_ssize_t image, group, first_row, n_rows, first_column, n_columns, row
        cdef Area* area
        loops.n_tasks = 0
        for _, _, _, n_rows, _, _ in areas:
            loops.n_tasks += ceiling(n_rows, loops.strip_rows)
        self.areas = area = <Area*> allocated(loops.n_tasks, sizeof(Area))
        loops.areas = self.areas
        for image, group, first_row, n_rows, first_column, n_columns in areas:
            if not (0 <= image < loops.n_images and 0 <= group < self.engine.geometry.groups
                    and 0 <= first_row <= self.engine.geometry.down.outputs - n_rows
                    and 0 <= first_column <= self.engine.geometry.across.outputs - n_columns):
                raise ValueError("areas: one lies outside of the response")
            for row in range(first_row, first_row + n_rows, loops.strip_rows):
                area.image, area.first_group, area.end_group = image, group, group + 1
                area.first_panel, area.end_panel = 0, loops.n_panels
                area.first_row, area.n_rows = row, min(loops.strip_rows, first_row + n_rows - row)
                area.first_column, area.n_columns = first_column, n_columns
                area += 1

    cdef Py_ssize_t multiply_adds(self):
        """Multiply-adds of all images, and pixels laid into strips."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t windows = product(product(geometry.down.outputs, geometry.across.outputs), self.loops.n_images)
        return (product(windows, product(self.engine.n_taps, geometry.groups * geometry.n_kernels))
                + product(product(self.engine.reached_rows, self.engine.reached_columns),
                          product(self.loops.n_images, geometry.groups * self.engine.staged * STAGING_MULTIPLY_ADDS)))

    cdef Py_ssize_t pixel_rows(self, Py_ssize_t rows):
        """Rows of pixels that so many rows of responses reach."""
        cdef const Geometry* geometry = &self.engine.geometry
        return reach(&geometry.down, rows)

    cdef Py_ssize_t strip_of(self, Py_ssize_t rows):
        """Elements of an image strip for that many rows of responses, up to where a cache line begins."""
        if self.loops.in_place:
            return 0
        return ceiling(product(product(self.pixel_rows(rows), self.loops.row_pitch), self.planes) + self.slack, 16) * 16

    cdef Py_ssize_t response_of(self, Py_ssize_t rows):
        """Elements of a response strip of that many rows."""
        cdef const Geometry* geometry = &self.engine.geometry
        if self.loops.direct_store:
            return 0
        if self.loops.by_panel:
            return self.panel_rows * self.panel_columns * self.widest_panel()
        return product(product(rows, self.most_columns), geometry.n_kernels)

    cdef Py_ssize_t widest_panel(self):
        cdef Py_ssize_t index, width = 0
        for index in range(self.engine.n_panels):
            width = max(width, self.engine.panels[index].n_kernels)
        return width

    cdef consume_panels(self):
        """Has panels' responses consumed one by one, where those of all kernels would leave the second cache.

        A piece's responses for a panel stay there beside its pixels.
        """
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t of_column = self.widest_panel() * self.engine.routines.item_bytes
        cdef Py_ssize_t of_image = product(product(geometry.down.outputs, self.most_columns),
                                           product(geometry.n_kernels, self.engine.routines.item_bytes))
        loops.by_panel = loops.consumer.kind == REDUCE and of_image > CONSUMED_BYTES
        if not loops.by_panel:
            return
        loops.piece_columns = max(1, CONSUMED_BYTES // of_column // PIECE_COLUMNS) * PIECE_COLUMNS
        self.panel_columns = min(self.most_columns, 2 * loops.piece_columns)
        loops.piece_rows = self.panel_rows = min(self.most_rows, max(1, CONSUMED_BYTES // of_column
                                                                     // self.panel_columns))

    cdef Py_ssize_t workspace_of(self, Py_ssize_t rows):
        return product(self.elements_of(self.whole_rows(rows)), self.engine.routines.item_bytes) + ALIGNMENT

    @property
    def workspace_bytes(self):
        """What each worker needs beside the arrays."""
        return self.workspace_of(self.loops.strip_rows)

# A call: run by several threads, closed when they have left; strips in and out for what has loops of its own.


cdef class Call(Binding):
    """A layout that is run. `run` may be entered by several threads at once."""
    cdef public list workspaces          # of each worker, `workspace_bytes`
    cdef object ask                      # for the direct method's panels: given the call, false if there is no room
    cdef object error                    # raised while it was asked

    cdef unsigned int n_inside, closed   # workers in the loops; none may come any more
    cdef unsigned int forks_before

    @property
    def n_tasks(self):
        return self.loops.n_tasks

    @property
    def overflowed(self):
        """Whether a response lay outside of the limits."""
        return read_flag(&self.loops.consumer.overflowed) != 0

    @property
    def has_no_room(self):
        """Whether responses were handed back, and there was no room for the direct method's panels."""
        return read_flag(&self.loops.too_large) != 0

    @property
    def has_direct(self):
        """Whether winograd has the direct method's panels."""
        return is_published(&self.loops.has_direct) != 0

    def areas(self, bint handed_back):
        """Areas that the frequency domain handed back, or did; sections next to each other are one.

        An area is (image, group, first row, rows, first column, columns).
        """
        cdef const Fourier* fourier = &self.loops.fourier
        cdef Py_ssize_t line, before, column, image, group
        cdef const char* flags
        cdef Finished first, last
        cdef list found = []
        for line in range(self.loops.n_images * self.engine.geometry.groups * fourier.sections_down):
            flags = self.handed_back + line * fourier.sections_across
            image, group = divmod(line // fourier.sections_down, self.engine.geometry.groups)
            before = line % fourier.sections_down * fourier.sections_across
            column = 0
            while column < fourier.sections_across:
                first = last = section_of(&self.loops, image, before + column)
                if flags[column] == handed_back:
                    while column + 1 < fourier.sections_across and flags[column + 1] == handed_back:
                        column += 1
                    last = section_of(&self.loops, image, before + column)
                    found.append((image, group, first.first_row, first.n_rows, first.first_column,
                                  last.first_column + last.n_columns - first.first_column))
                column += 1
        return found

    cdef int ask_for_direct(self):
        """The Status after the direct method's panels were asked for; an exception is kept for `run` to raise."""
        try:
            if not self.loops.has_direct and not self.ask(self):
                write_flag(&self.loops.too_large, 1)
                return CANCELLED
            return DONE
        except BaseException as error:
            self.error = error
            return RAISED

    def take_direct(self, Engine engine, packed, bias):
        """Lets winograd have the panels of an engine over kernels, for what it hands back. Not from two threads."""
        if (engine.lanes_over != OVER_KERNELS or engine.n_panels != self.engine.n_panels
                or engine.padded_kernels != self.engine.padded_kernels):
            raise ValueError("engine: its panels are not those of the call")
        PyObject_GetBuffer(packed, &self.direct_packed, PyBUF_STRIDES)
        PyObject_GetBuffer(bias, &self.direct_bias, PyBUF_STRIDES)
        self.has_direct_panels = True
        self.loops.direct.packed = <const char*> self.direct_packed.buf
        self.loops.direct.bias = <const char*> self.direct_bias.buf
        self.direct_segments = self.build_sum(engine, &self.loops.direct.sum)
        publish(&self.loops.has_direct)

    def cancel(self):
        """Makes every thread in `run` return soon."""
        write_flag(&self.loops.cancelled, 1)

    def run(self, Py_ssize_t worker, bint stays=False):
        """Claims and does tasks until none is left, in the worker's workspace.

        Worker 0 is the calling thread, which watches signals. One that `stays` does so for a moment, without the GIL
        and ready for the next call.
        """
        cdef char[::1] workspace
        cdef char* memory
        cdef Py_ssize_t n_workers = len(self.workspaces)
        cdef unsigned int seen
        cdef int failed = 0
        if look(&self.closed):
            return
        workspace = self.workspaces[worker]
        if not self.fits or workspace.shape[0] < self.workspace_of(self.loops.strip_rows):
            raise ValueError(f"workspaces: {workspace.shape[0]} bytes are too few")
        memory = &workspace[0]
        memory += ALIGNMENT - <Py_ssize_t> memory % ALIGNMENT
        workspace = None  # the call has it; a worker that stays does not
        with nogil:
            if worker == 0 and n_workers > 1:
                add(&n_announced, 1)
            add(&self.n_inside, 1)
            if not look(&self.closed):
                failed = run_tasks(&self.loops, memory, worker == 0)
            seen = look(&n_announced)
            add(&self.n_inside, -1)
            if stays:
                wait_for_call(seen)
        if failed and self.error is not None:
            raise self.error
        if failed:
            propagate()

    def close(self):
        """Lets nobody in any more, waits for those inside and lets go of the arrays.

        A signal's exception cancels the call and is raised after. No other one can come before everybody has left.
        """
        cdef bint all_left = False
        cdef object error = None
        add(&self.closed, 1)
        with nogil:
            all_left = becomes_zero(&self.n_inside)
        while not all_left and self.forks_before == n_forks:
            try:
                if error is None:
                    PyErr_CheckSignals()
            except BaseException as raised:
                error = raised
                write_flag(&self.loops.cancelled, 1)
            with nogil:
                all_left = becomes_zero_soon(&self.n_inside)
        self.let_go()
        self.let_panels_go()
        self.workspaces = []
        self.ask = None
        if error is not None:
            raise error
        if not all_left and not read_flag(&self.loops.cancelled):
            raise RuntimeError("workers: a signal's handler forked the process while others helped with this call; "
                               "the child cannot go on with it")

    def stage(self, char[::1] strip, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first_row, Py_ssize_t n_rows):
        """Lays the padded rows [first_row, first_row + n_rows) that windows reach into `strip`, channel-last."""
        cdef Py_ssize_t row_pitch = self.engine.reached_columns * self.engine.geometry.depth
        if (not (0 <= image < self.loops.n_images and 0 <= group < self.engine.geometry.groups)
                or not 0 <= first_row <= self.engine.reached_rows - n_rows
                or strip.shape[0] < n_rows * row_pitch * self.loops.item_bytes):
            raise ValueError("strip: it lies outside of the padded images, or is too small")
        with nogil:
            stage_rows(&self.loops, image, group, first_row, n_rows, 0, self.engine.reached_columns, row_pitch,
                       &strip[0])

    def store(self, char[:, :, ::1] strip, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first_row,
              Py_ssize_t first_column, Py_ssize_t first_kernel):
        """Writes bytes of (rows, columns, kernels) to the response from that row, column and kernel of the group on.

        Saturated, they change in the strip, too.
        """
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Finished finished
        finished.image = image
        finished.first_row, finished.n_rows = first_row, strip.shape[0]
        finished.first_column, finished.n_columns = first_column, strip.shape[1]
        finished.n_kernels = strip.shape[2] // self.loops.item_bytes
        finished.first_kernel = group * geometry.n_kernels + first_kernel
        if (not (0 <= image < self.loops.n_images and 0 <= group < geometry.groups)
                or not 0 <= first_row <= geometry.down.outputs - finished.n_rows
                or not 0 <= first_column <= geometry.across.outputs - finished.n_columns
                or not 0 <= first_kernel <= geometry.n_kernels - finished.n_kernels):
            raise ValueError("strip: it lies outside of the response")
        finished.responses = &strip[0, 0, 0]
        finished.column_pitch = finished.n_kernels
        finished.row_pitch = finished.n_columns * finished.n_kernels
        finished.kernel_pitch = 1
        with nogil:
            consume(self.loops.routines, &self.loops.consumer, &finished)


cdef int direct_is_there(Loops* loops) noexcept nogil:
    """DONE, with the direct method's panels there; they are asked for when the first response is handed back."""
    cdef int status = DONE
    if not is_published(&loops.has_direct):
        with gil:
            status = (<Call> loops.call).ask_for_direct()
        if status != DONE:
            write_flag(&loops.cancelled, 1)
    return status

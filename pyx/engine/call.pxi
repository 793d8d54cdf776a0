# A call: run by several threads, closed when they have left; strips in and out for what has loops of its own.

from atomics cimport add, look, read_flag, write_flag
from types cimport Finished, Geometry


cdef class Call(Layout):
    """A layout that is run. `run` may be entered by several threads at once."""
    cdef public list workspaces          # of each worker, `workspace_bytes`
    cdef readonly object error           # raised while it was asked or in a helper, noted before it leaves

    cdef Crew crew                       # of workers in the loops

    @property
    def n_tasks(self):
        return self.loops.n_tasks

    @property
    def overflowed(self):
        """Whether a response lay outside of the limits."""
        return read_flag(&self.loops.consumer.overflowed) != 0

    @property
    def has_faint_pixels(self):
        """Whether a subnormal pixel was found, and responses are missing."""
        return read_flag(&self.loops.has_faint_pixels) != 0

    def look_at_pixels(self):
        """Look for subnormal pixels in passing; false where that has to be done before.

        What is handed back by another call has been looked at by that, and in a wider type such pixels are normal ones.
        """
        cdef Loops* loops = &self.loops
        if self.areas != NULL or not self.fits or loops.source.staging.element != self.engine.routines.element:
            return True
        if not self.images_as_summed or (loops.do_task != do_strip and loops.do_task != do_planes):
            return False
        if not lie_in_runs(&loops.pixel_runs, loops, self.column_bytes):
            loops.pixel_runs.channels = 0
            return False
        lay_out_looks(loops, self.images.len)
        return True

    def cancel(self):
        """Makes every thread in `run` return soon."""
        write_flag(&self.loops.cancelled, 1)

    def run(self, Py_ssize_t worker, bint stays=False):
        """Claims and does tasks until none is left, in the worker's workspace.

        Worker 0 is the calling thread, which watches signals. One that `stays` does so for a moment, without the GIL
        and ready for the next call.
        """
        cdef char* memory
        cdef Py_ssize_t n_workers
        cdef unsigned int seen
        cdef int failed
        if not enter(&self.crew):  # if so, `close` waits: what it lets go of may be looked at
            return
        try:
            memory = self.memory_of(worker)
            n_workers = len(self.workspaces)
        except BaseException as error:
            self.error = error
            self.cancel()
            leave(&self.crew)
            raise
        with nogil:
            if worker == 0 and n_workers > 1:
                add(&n_announced, 1)
            failed = run_tasks(&self.loops, memory, worker == 0)
            seen = look(&n_announced)
            leave(&self.crew)
            if stays:
                wait_for_call(seen)
        if failed:
            if PyErr_Occurred() == NULL and self.error is not None:  # a signal's handler that raised comes first
                raise self.error
            propagate()

    cdef char* memory_of(self, Py_ssize_t worker) except NULL:
        """A worker's memory from where a cache line begins; the call keeps it."""
        cdef char[::1] workspace = self.workspaces[worker]
        if not self.fits or workspace.shape[0] < self.workspace_of(self.loops.strip_rows):
            raise ValueError(f"workspaces: {workspace.shape[0]} bytes are too few")
        return &workspace[0] + ALIGNMENT - <Py_ssize_t> &workspace[0] % ALIGNMENT

    def close(self):
        """Lets nobody in any more, waits for those inside and lets go of the arrays.

        A signal's exception cancels the call and is raised after. No other one can come before everybody has left.
        """
        cdef object error = close_crew(&self.crew, &self.loops.cancelled)
        self.let_go()
        self.let_panels_go()
        self.workspaces = []
        if error is not None:
            raise error

    def stage(self, char[::1] strip, Py_ssize_t image, Py_ssize_t group, Py_ssize_t first_row, Py_ssize_t n_rows):
        """Lays the padded rows [first_row, first_row + n_rows) that windows reach into `strip`, channel-last."""
        cdef Py_ssize_t row_pitch = self.engine.reached_columns * self.engine.geometry.depth
        if (not (0 <= image < self.loops.n_images and 0 <= group < self.engine.geometry.groups)
                or not 0 <= first_row <= self.engine.reached_rows - n_rows
                or strip.shape[0] < n_rows * row_pitch * self.loops.item_bytes):
            raise ValueError("strip: it lies outside of the padded images, or is too small")
        self.loops.source.staging.position_pitch = self.engine.geometry.depth  # a call that stages for others alone
        self.loops.source.staging.channel_pitch = 1
        self.loops.source.in_planes = False  # no longer in the strip
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

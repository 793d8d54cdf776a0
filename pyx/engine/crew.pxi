# Who is inside of some work: counted, so that what the work needs is let go of when everybody has left. And the
# preparation of kernels, which is such work.

from atomics cimport add, claim, look, read_flag, write_flag
from types cimport Crew


cdef bint enter(Crew* crew) noexcept nogil:
    """Whether the work is still open; if so, `close_crew` waits from here on until `leave`."""
    add(&crew.n_inside, 1)
    if look(&crew.closed):
        add(&crew.n_inside, -1)
        return False
    return True


cdef void leave(Crew* crew) noexcept nogil:
    add(&crew.n_inside, -1)


cdef object close_crew(Crew* crew, int* cancelled):
    """Lets nobody in any more and waits for those inside; what is to be raised when all is let go of, or None.

    A signal's exception cancels the work. No other one can come before everybody has left.
    """
    cdef bint all_left = False
    cdef object error = None
    add(&crew.closed, 1)
    with nogil:
        all_left = becomes_zero(&crew.n_inside)
    while not all_left and crew.forks_before == n_forks:
        try:
            if error is None:
                PyErr_CheckSignals()
        except BaseException as raised:
            error = raised
            write_flag(cancelled, 1)
        with nogil:
            all_left = becomes_zero_soon(&crew.n_inside)
    if error is None and not all_left and not read_flag(cancelled):
        error = RuntimeError("workers: a signal's handler forked the process while others helped with this call; "
                             "the child cannot go on with it")
    return error


class Stopped(Exception):
    """Raised where a task goes on whose preparation is cancelled."""


cdef bint is_stopped() noexcept:
    return around != NULL and read_flag(around)


def go_on():
    """`Stopped`, where this thread does a task of a preparation that is cancelled."""
    if is_stopped():
        raise Stopped


cdef class Preparation:
    """Tasks of a bank's, claimed one after the other by however many threads `run` it.

    Where it is cancelled, calls inside of a task are, too.

    Parameters
    ----------
    do : called with each task's number, by any of the threads.
    n_tasks : how many there are.
    """
    cdef public list workspaces
    cdef readonly Py_ssize_t n_tasks, workspace_bytes
    cdef readonly object error  # raised in a helper, noted before it leaves
    cdef object do
    cdef Crew crew
    cdef int cancelled
    cdef Py_ssize_t next_task

    def __cinit__(self, do, Py_ssize_t n_tasks):
        self.do, self.n_tasks = do, n_tasks
        self.workspaces = []
        self.crew.forks_before = n_forks

    def cancel(self):
        """Makes every thread in `run` return after its task."""
        write_flag(&self.cancelled, 1)

    def run(self, Py_ssize_t worker, bint stays=False):
        """Does tasks until none is left; as a call's workers do."""
        cdef unsigned int seen
        cdef Py_ssize_t task
        cdef int* before = around
        global around
        if not enter(&self.crew):
            return
        around = &self.cancelled
        try:
            if worker == 0:
                add(&n_announced, 1)
            while not read_flag(&self.cancelled):
                task = claim(&self.next_task, 1)
                if task >= self.n_tasks:
                    break
                self.do(task)
        except BaseException as error:
            if worker == 0:
                raise
            if self.error is None:  # others stop for this one
                self.error = error
            self.cancel()
        finally:
            around = before
            seen = look(&n_announced)
            leave(&self.crew)
        if stays:
            with nogil:
                wait_for_call(seen)

    def close(self):
        """Waits until everybody has left, and raises what a signal's handler did."""
        cdef object error = close_crew(&self.crew, &self.cancelled)
        self.do = None
        if error is not None:
            raise error

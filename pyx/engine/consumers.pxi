# What leaves a strip: the one place where responses are final.
#
# The contract. Each response of a call is consumed once, when its value is final, in whatever order tasks end; a task
# that is handed back has consumed nothing of what it hands back. A consumer is given `Finished`: some rows, columns and
# kernels of one image, in the worker's own memory, which it may overwrite. It runs in the worker that computed them,
# without the GIL, and cannot fail: what it finds it writes into its own state.
#
# To add one: a kind, its fields, a branch of `consume`. Scores (scaling.pxi) are made before any of them. Neither
# workers nor their luck may change a bit: state belongs to a worker or to a task and is merged in the order of tasks,
# or it has no order, as in `reducing.pxi`.
# Where a form may write responses to the array without a strip (`direct_store`), the consumer has to be `STORE`.

from atomics cimport write_flag
from microkernels cimport Routines, Storing
from types cimport MOST_BESIDE, REDUCE, STORE, STORE_CHECKED, STORE_SATURATED, Consumer, Finished


cdef inline char* place_of(const Consumer* consumer, const Finished* finished) noexcept nogil:
    """The place of the first of these responses in the array."""
    return (consumer.out + finished.image * consumer.response_bytes + finished.first_row * consumer.row_bytes
            + finished.first_column * consumer.storing.column_bytes + consumer.kernel_bytes[finished.first_kernel])


cdef inline void consume_row(const Routines* routines, Consumer* consumer, const Storing* storing, char* responses,
                             char* target) noexcept nogil:
    if consumer.kind == STORE:
        routines.store(storing, responses, target)
    elif consumer.kind == STORE_CHECKED and routines.within(storing, responses, consumer.low, consumer.high):
        routines.store(storing, responses, target)
    elif consumer.kind != STORE_SATURATED or not routines.store_saturated(storing, responses, consumer.low,
                                                                          consumer.high, target):
        write_flag(&consumer.overflowed, 1)


cdef void consume_beside(const Routines* routines, Consumer* consumer, const Finished* finished,
                         char* target) noexcept nogil:
    """Rows that lie next to each other in the array: kernels of rows, or of one row, as if all were kernels.

    In the strip kernels of a row lie a kernel's pitch apart, and so do rows where the array has all kernels together.
    """
    cdef Storing storing = consumer.storing
    cdef bint together = consumer.row_bytes != consumer.beside[1]
    cdef Py_ssize_t n_beside = finished.n_rows * finished.n_kernels if together else finished.n_rows
    cdef Py_ssize_t pitch = finished.kernel_pitch if together else finished.row_pitch
    cdef Py_ssize_t kernel, first
    storing.adjacent = True
    storing.n_columns, storing.column_pitch, storing.kernel_pitch = finished.n_columns, 1, pitch
    storing.kernel_bytes = consumer.beside
    for kernel in range(1 if together else finished.n_kernels):
        first = 0
        while first < n_beside:
            storing.n_kernels = min(MOST_BESIDE, n_beside - first)
            consume_row(routines, consumer, &storing,
                        finished.responses + (kernel * finished.kernel_pitch + first * pitch) * routines.item_bytes,
                        target + consumer.kernel_bytes[finished.first_kernel + kernel] + first * consumer.beside[1])
            first += storing.n_kernels


cdef inline bint stores_all(const Consumer* consumer) noexcept nogil:
    """Whether responses may be written to the array without a strip, whatever and wherever they are.

    Those of floats become scores there, while they are in the caches.
    """
    return consumer.kind == STORE and not consumer.clips and not consumer.scaling.whole


cdef inline bint looks_at_places(const Consumer* consumer) noexcept nogil:
    """Whether it matters where responses are, so that rows of several images are not rows of one."""
    return consumer.kind == REDUCE or consumer.scaling.passes != NULL or consumer.tops != NULL


cdef void clip(const Routines* routines, const Consumer* consumer, Finished* finished) noexcept nogil:
    """Leaves out rows and columns that the array does not have."""
    cdef Py_ssize_t end_row = min(finished.first_row + finished.n_rows, consumer.end_row)
    cdef Py_ssize_t end_column = min(finished.first_column + finished.n_columns, consumer.end_column)
    cdef Py_ssize_t first_row = max(finished.first_row, consumer.first_row)
    cdef Py_ssize_t first_column = max(finished.first_column, consumer.first_column)
    finished.responses += ((first_row - finished.first_row) * finished.row_pitch
                           + (first_column - finished.first_column) * finished.column_pitch) * routines.item_bytes
    finished.first_row, finished.n_rows = first_row, max(0, end_row - first_row)
    finished.first_column, finished.n_columns = first_column, max(0, end_column - first_column)


cdef void consume(const Routines* routines, Consumer* consumer, const Finished* strip) noexcept nogil:
    cdef Storing storing = consumer.storing
    cdef Finished part = strip[0]
    cdef const Finished* finished = &part
    if consumer.clips:
        clip(routines, consumer, &part)
        if part.n_rows == 0 or part.n_columns == 0:
            return
    cdef Py_ssize_t n_rows = finished.n_rows, _
    if consumer.scaling.passes != NULL and consumer.scaling.whole:
        score_whole(routines, consumer, finished)
        return
    if consumer.scaling.passes != NULL:
        scale_responses(routines, &consumer.scaling, finished)
    if consumer.kind == REDUCE:
        reduce_finished(routines, consumer, finished)
        return
    cdef char* responses = finished.responses
    cdef char* target = (consumer.out + finished.image * consumer.response_bytes
                         + finished.first_row * consumer.row_bytes
                         + finished.first_column * storing.column_bytes)
    if consumer.beside != NULL:
        consume_beside(routines, consumer, finished, target)
        if consumer.tops != NULL:
            note_tops(routines, consumer, finished)
        return
    storing.n_columns, storing.n_kernels = finished.n_columns, finished.n_kernels
    storing.column_pitch, storing.kernel_pitch = finished.column_pitch, finished.kernel_pitch
    storing.kernel_bytes = consumer.kernel_bytes + finished.first_kernel
    if (finished.row_pitch == finished.n_columns * finished.column_pitch
            and consumer.row_bytes == finished.n_columns * storing.column_bytes):  # no gap between rows
        storing.n_columns *= n_rows
        n_rows = 1
    for _ in range(n_rows):
        consume_row(routines, consumer, &storing, responses, target)
        responses += finished.row_pitch * routines.item_bytes
        target += consumer.row_bytes
    if consumer.tops != NULL:
        note_tops(routines, consumer, finished)

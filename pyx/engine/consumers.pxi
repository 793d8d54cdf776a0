# What leaves a strip: the one place where responses are final.
#
# The contract. Each response of a call is consumed once, when its value is final, in whatever order tasks end; a task
# that is handed back has consumed nothing of what it hands back. A consumer is given `Finished`: some rows, columns and
# kernels of one image, in the worker's own memory, which it may overwrite. It runs in the worker that computed them,
# without the GIL, and cannot fail: what it finds it writes into its own state.
#
# To add one (a score, a reduction): a kind, its fields, a branch of `consume`. State belongs to a worker or to a task
# and is merged after the call in the order of tasks, so that neither workers nor their luck change a bit. Where a form
# may write responses to the array without a strip (`direct_store`), the consumer has to be `STORE`.

from atomics cimport write_flag
from microkernels cimport Routines, Storing
from types cimport STORE, STORE_CHECKED, STORE_SATURATED, Consumer, Finished


cdef inline char* place_of(const Consumer* consumer, const Finished* finished) noexcept nogil:
    """The place of the first of these responses in the array."""
    return (consumer.out + finished.image * consumer.response_bytes + finished.first_row * consumer.row_bytes
            + finished.first_column * consumer.storing.column_bytes + consumer.kernel_bytes[finished.first_kernel])


cdef void consume(const Routines* routines, Consumer* consumer, const Finished* finished) noexcept nogil:
    cdef Storing storing = consumer.storing
    cdef Py_ssize_t n_rows = finished.n_rows, _
    cdef char* responses = finished.responses
    cdef char* target = (consumer.out + finished.image * consumer.response_bytes
                         + finished.first_row * consumer.row_bytes
                         + finished.first_column * storing.column_bytes)
    storing.n_columns, storing.n_kernels = finished.n_columns, finished.n_kernels
    storing.column_pitch, storing.kernel_pitch = finished.column_pitch, finished.kernel_pitch
    storing.kernel_bytes = consumer.kernel_bytes + finished.first_kernel
    if (finished.row_pitch == finished.n_columns * finished.column_pitch
            and consumer.row_bytes == finished.n_columns * storing.column_bytes):  # no gap between rows
        storing.n_columns *= n_rows
        n_rows = 1
    for _ in range(n_rows):
        if consumer.kind == STORE:
            routines.store(&storing, responses, target)
        elif consumer.kind == STORE_CHECKED and routines.within(&storing, responses, consumer.low, consumer.high):
            routines.store(&storing, responses, target)
        elif consumer.kind == STORE_SATURATED and routines.saturate(&storing, responses, consumer.low, consumer.high):
            routines.store_saturated(&storing, responses, consumer.high, target)
        else:
            write_flag(&consumer.overflowed, 1)
        responses += finished.row_pitch * routines.item_bytes
        target += consumer.row_bytes

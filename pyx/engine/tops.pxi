# The largest response of each row, noted while a strip that lies in the array is in the caches.
#
# Parts of a row may be done by several workers, and what is noted does not depend on their order. A call whose form
# does not note all responses leaves `noted` short of them, and its tops are of no use.

from atomics cimport claim, raise_to
from libc.math cimport INFINITY
from microkernels cimport Routines, Run
from types cimport OVER_ROWS, STORE, Consumer, Finished


cdef void note_tops(const Routines* routines, Consumer* consumer, const Finished* finished) noexcept nogil:
    """Notes responses that are stored: of minima the negated least, infinity beside NaN."""
    cdef Py_ssize_t kernel, row
    cdef const char* place
    cdef double* top
    cdef Run run
    for kernel in range(finished.first_kernel, finished.first_kernel + finished.n_kernels):
        place = (consumer.out + finished.image * consumer.response_bytes + finished.first_row * consumer.row_bytes
                 + finished.first_column * consumer.storing.column_bytes + consumer.kernel_bytes[kernel])
        top = consumer.tops + ((finished.image * consumer.n_kernels + kernel) * consumer.n_rows + finished.first_row)
        for row in range(finished.n_rows):
            routines.extremes(place, finished.n_columns, &run)
            raise_to(top + row, INFINITY if run.has_nan else -run.lowest if consumer.least else run.highest)
            place += consumer.row_bytes
    claim(consumer.noted, finished.n_rows * finished.n_columns * finished.n_kernels)


cdef int take_tops(Binding binding, tuple tops) except -1:
    """Have `(largest, tops (images, kernels, rows), noted)` written, if responses lie so that rows can be looked at."""
    cdef Consumer* consumer = &binding.loops.consumer
    cdef const Geometry* geometry = &binding.engine.geometry
    cdef double[:, :, ::1] rows = tops[1]
    cdef Py_ssize_t[::1] noted = tops[2]
    if (rows.shape[0] != binding.loops.n_images or rows.shape[1] != geometry.groups * geometry.n_kernels
            or rows.shape[2] != geometry.down.outputs or binding.engine.lanes_over == OVER_ROWS or consumer.clips
            or consumer.kind != STORE or not binding.out_as_summed
            or binding.out_column_bytes != binding.out_item_bytes):
        return 0
    consumer.tops, consumer.noted, consumer.least = &rows[0, 0, 0], &noted[0], not tops[0]
    consumer.n_kernels, consumer.n_rows = rows.shape[1], rows.shape[2]
    binding.tops = tops
    return 0

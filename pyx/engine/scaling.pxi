# Scores of responses that are final, made while these are in the caches: of floats in their place, of whole numbers in
# float64 beside it, as sums may be in a narrower type.

from libc.math cimport fabs, sqrt
from microkernels cimport FLOAT64, Routines, Storing
from scoring cimport Passes, ScaleKernels, ScaleRow
from types cimport Consumer, Finished, Scaling

cdef enum:
    SCORED = 128         # windows that are scored at once
    KERNELS_SCORED = 8   # of as many kernels

cdef double NEAR_ONE = 1 - 1e-12


cdef void scale_responses(const Routines* routines, const Scaling* scaling, const Finished* finished) noexcept nogil:
    """Responses times the roots of their windows and the factors of their kernels."""
    cdef Py_ssize_t row, kernel, column, count, size = routines.item_bytes
    cdef double[SCORED] roots
    cdef const char* own
    cdef char* responses
    cdef bint follow = scaling.column_bytes == size, wide = size == sizeof(double)
    cdef ScaleRow of_row = scaling.passes.scale_row_f64 if wide else scaling.passes.scale_row_f32
    cdef ScaleKernels of_kernels = scaling.passes.scale_kernels_f64 if wide else scaling.passes.scale_kernels_f32
    for row in range(finished.n_rows):
        column = 0
        while column < finished.n_columns:
            count = finished.n_columns - column if follow else min(finished.n_columns - column, SCORED)
            own = (scaling.roots + finished.image * scaling.image_bytes
                   + (finished.first_row + row) * scaling.row_bytes
                   + (finished.first_column + column) * scaling.column_bytes)
            if not follow:
                gather(own, scaling.column_bytes, count, size, <char*> roots)
                own = <const char*> roots
            responses = (finished.responses
                         + (row * finished.row_pitch + column * finished.column_pitch) * size)
            if finished.kernel_pitch == 1 and finished.n_kernels > 1:
                of_kernels(responses, finished.column_pitch, own, scaling.factors + finished.first_kernel,
                           scaling.most, count, finished.n_kernels)
            else:
                for kernel in range(finished.n_kernels):
                    of_row(responses + kernel * finished.kernel_pitch * size, finished.column_pitch, own,
                           scaling.factors[finished.first_kernel + kernel], scaling.most, count)
            column += count


cdef inline void gather(const char* source, Py_ssize_t pitch, Py_ssize_t count, Py_ssize_t size,
                        char* target) noexcept nogil:
    """Elements that do not lie next to each other."""
    cdef Py_ssize_t index
    for index in range(count):
        memcpy(target + index * size, source + index * pitch, size)


cdef void score_whole(const Routines* routines, Consumer* consumer, const Finished* finished) noexcept nogil:
    """Scores of whole numbers that float64 holds, some windows and kernels at a time."""
    cdef double[KERNELS_SCORED * SCORED] memory
    cdef Py_ssize_t row, column, kernel
    cdef Finished some
    for row in range(finished.n_rows):
        column = 0
        while column < finished.n_columns:
            kernel = 0
            while kernel < finished.n_kernels:
                some = finished[0]
                some.first_row, some.n_rows = finished.first_row + row, 1
                some.first_column += column
                some.first_kernel += kernel
                some.n_columns = min(finished.n_columns - column, SCORED)
                some.n_kernels = min(finished.n_kernels - kernel, KERNELS_SCORED)
                some.responses += (row * finished.row_pitch + column * finished.column_pitch
                                   + kernel * finished.kernel_pitch) * routines.item_bytes
                as_doubles(routines, &some, memory)
                score_some(&consumer.scaling, &some)
                store_scores(consumer, &some)
                kernel += KERNELS_SCORED
            column += SCORED


cdef inline void as_doubles(const Routines* routines, Finished* some, double* memory) noexcept nogil:
    """Responses of one row as float64, those of a kernel next to each other, in `memory`."""
    cdef Py_ssize_t[KERNELS_SCORED] kernel_bytes
    cdef Storing storing
    cdef Py_ssize_t kernel
    for kernel in range(some.n_kernels):
        kernel_bytes[kernel] = kernel * SCORED * sizeof(double)
    storing.element = FLOAT64
    storing.n_columns, storing.n_kernels = some.n_columns, some.n_kernels
    storing.column_pitch, storing.kernel_pitch = some.column_pitch, some.kernel_pitch
    storing.column_bytes, storing.kernel_bytes = sizeof(double), kernel_bytes
    storing.adjacent, storing.equally_spaced = False, some.n_kernels > 1
    if some.column_pitch == 1 or some.kernel_pitch == 1:
        routines.store(&storing, some.responses, <char*> memory)
    else:  # of strides: what turns blocks around wants neighbours along one axis
        storing.n_kernels, storing.equally_spaced = 1, False
        for kernel in range(some.n_kernels):
            storing.kernel_bytes = kernel_bytes + kernel
            routines.store(&storing, some.responses + kernel * some.kernel_pitch * routines.item_bytes, <char*> memory)
    some.responses = <char*> memory
    some.column_pitch, some.kernel_pitch = 1, SCORED


cdef inline void score_some(const Scaling* scaling, const Finished* some) noexcept nogil:
    """Scores of one row, in the place of its responses; windows one by one where they do not lie next to each other."""
    cdef bint follow = scaling.column_bytes == sizeof(double)
    cdef Py_ssize_t column = 0, count = some.n_columns if follow else 1
    cdef const char* spreads = (scaling.roots + some.image * scaling.image_bytes + some.first_row * scaling.row_bytes
                                + some.first_column * scaling.column_bytes)
    cdef const char* sums = (<const char*> scaling.sums + some.image * scaling.sums_bytes
                             + some.first_row * scaling.row_bytes + some.first_column * scaling.column_bytes)
    while column < some.n_columns:
        score_windows(scaling, some, <const double*> (spreads + column * scaling.column_bytes),
                      <const double*> (sums + column * scaling.column_bytes), column, count)
        column += count


cdef inline void score_windows(const Scaling* scaling, const Finished* some, const double* spreads, const double* sums,
                               Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    """Scores of windows next to each other. What is as good as 1 or -1 is divided once more, by one root."""
    cdef double[SCORED] roots, scores
    cdef double* values
    cdef Py_ssize_t kernel, number, column
    scaling.passes.inverse_roots_f64(spreads, count, roots)
    for kernel in range(some.n_kernels):
        values = <double*> some.responses + kernel * some.kernel_pitch + first
        number = some.first_kernel + kernel
        if scaling.passes.exact_row(values, sums, scaling.n_channels, scaling.channel_pitch,
                                    scaling.template_sums + number * scaling.n_channels, scaling.n_taps, roots,
                                    scaling.factors[number], count, scores) > 0:
            for column in range(count):
                if fabs(scores[column]) > NEAR_ONE:
                    scores[column] = values[column] / sqrt(spreads[column] * scaling.spreads[number])
                    scores[column] = min(max(scores[column], -1.0), 1.0)
        memcpy(values, scores, count * sizeof(double))


cdef inline void store_scores(Consumer* consumer, const Finished* some) noexcept nogil:
    cdef Storing storing = consumer.storing
    storing.n_columns, storing.n_kernels = some.n_columns, some.n_kernels
    storing.column_pitch, storing.kernel_pitch = 1, SCORED
    storing.kernel_bytes = consumer.kernel_bytes + some.first_kernel
    consumer.scaling.doubles.store(&storing, some.responses, consumer.out + some.image * consumer.response_bytes
                                   + some.first_row * consumer.row_bytes
                                   + some.first_column * storing.column_bytes)

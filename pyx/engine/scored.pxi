# A call whose responses become scores before they go anywhere: what scaling.pxi makes them with.

from scoring cimport SCORES_NAME, Passes
from types cimport Geometry, Scaling


cdef class Scored(Binding):
    """Arrays of a call, with roots of windows and factors of kernels where responses are multiplied by these."""
    cdef double* scaling_numbers
    cdef object held_for_scaling

    def __dealloc__(self):
        PyMem_Free(self.scaling_numbers)

    cdef let_go(self):
        Binding.let_go(self)
        self.held_for_scaling = None

    cdef take_scaling(self, Py_ssize_t[::1] kernels, tuple words):
        """Has scores made of responses before they go anywhere.

        Words are a level's passes, roots, factors, the largest score, sums, sums of templates, their spreads, and the
        number of taps. Roots are (images, rows, columns), of the responses that are stored: inverse roots of windows'
        spreads in the summed type, or with `sums` (images, channels, rows, columns) whole numbers' spreads in float64.
        Of each kernel of the array are the factor, and of whole numbers the sums of its channels and its spread.
        """
        cdef Scaling* scaling = &self.loops.consumer.scaling
        cdef cnp.ndarray roots = words[1]
        cdef double[::1] factors = words[2], spreads = words[6]
        cdef double[:, :, :, ::1] sums = words[4]
        cdef double[:, ::1] template_sums = words[5]
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_kernels = geometry.groups * geometry.n_kernels, n_channels = 0, kernel, own, channel
        cdef double* numbers
        scaling.whole = sums is not None
        if scaling.whole:
            n_channels = sums.shape[1]
        self.check_scaling(roots, factors, sums)
        self.scaling_numbers = numbers = <double*> allocated(n_kernels * (2 + n_channels), sizeof(double))
        for kernel in range(n_kernels):
            own = kernel if kernels is None else max(kernels[kernel], 0)
            numbers[kernel] = factors[own]
            if scaling.whole:
                numbers[n_kernels + kernel] = spreads[own]
                for channel in range(n_channels):
                    numbers[2 * n_kernels + kernel * n_channels + channel] = template_sums[own, channel]
        self.held_for_scaling = roots, sums
        scaling.passes = <const Passes*> PyCapsule_GetPointer(words[0], SCORES_NAME)
        scaling.roots = cnp.PyArray_BYTES(roots)
        scaling.image_bytes, scaling.row_bytes = roots.strides[0], roots.strides[1]
        scaling.column_bytes = roots.strides[2]
        scaling.most, scaling.n_taps, scaling.n_channels = words[3], words[7], n_channels
        scaling.factors, scaling.spreads, scaling.template_sums = numbers, numbers + n_kernels, numbers + 2 * n_kernels
        if scaling.whole:
            scaling.doubles = routines_of(self.engine.capsule, "f8")
            scaling.sums = &sums[0, 0, 0, 0] if n_channels > 0 else NULL
            scaling.sums_bytes, scaling.channel_pitch = sums.strides[0], sums.strides[1] // <Py_ssize_t> sizeof(double)
        if self.engine.lanes_over == OVER_ROWS:
            scaling.row_bytes, scaling.column_bytes = scaling.column_bytes, scaling.row_bytes
        if self.engine.clips:
            scaling.roots -= (self.loops.consumer.first_row * scaling.row_bytes
                              + self.loops.consumer.first_column * scaling.column_bytes)
            scaling.sums = <const double*> (<const char*> scaling.sums
                                            - self.loops.consumer.first_row * scaling.row_bytes
                                            - self.loops.consumer.first_column * scaling.column_bytes)

    cdef check_scaling(self, cnp.ndarray roots, double[::1] factors, double[:, :, :, ::1] sums):
        """Raise where roots and sums are not those of the responses that are stored, or factors of the kernels."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_rows = geometry.down.outputs, n_columns = geometry.across.outputs
        if self.engine.clips:
            (_, n_rows), (_, n_columns) = self.engine.clip
        if self.engine.lanes_over == OVER_ROWS:
            n_rows, n_columns = n_columns, n_rows
        if (roots.ndim != 3 or roots.shape[0] < self.loops.n_images or roots.shape[1] != n_rows
                or roots.shape[2] != n_columns or factors.shape[0] < geometry.groups * geometry.n_kernels
                or roots.dtype.str[1:] != ("f8" if sums is not None else self.engine.summed)):
            raise ValueError("scaling: the roots are not those of the responses")
        if sums is not None and (sums.shape[0] < self.loops.n_images or sums.shape[2] != n_rows
                                 or sums.shape[3] != n_columns):
            raise ValueError("scaling: the sums are not those of the responses")

# A call's arrays, tied to an engine: where its images, responses, panels and biases lie in memory.

from types cimport Consumer, Geometry, Loops


cdef class Binding:
    """One call's arrays tied to an engine."""
    cdef Engine engine
    cdef Loops loops
    cdef Py_buffer images, out, packed, bias
    cdef bint has_images, has_out, has_packed, has_bias
    cdef double[::1] fill
    cdef Py_ssize_t item_bytes, out_item_bytes                 # of real elements
    cdef Py_ssize_t column_bytes, channel_pitch_bytes          # of the images
    cdef Py_ssize_t out_column_bytes, out_kernel_bytes
    cdef Py_ssize_t* channel_bytes
    cdef Py_ssize_t* kernel_bytes
    cdef Py_ssize_t* reduced_kernels
    cdef object tops                                           # that responses are noted in, kept as long
    cdef Reducer reducer                                       # what takes the responses in the place of an array
    cdef bint images_as_summed, out_as_summed

    def __dealloc__(self):
        if self.has_images:
            PyBuffer_Release(&self.images)
        if self.has_out:
            PyBuffer_Release(&self.out)
        if self.has_packed:
            PyBuffer_Release(&self.packed)
        if self.has_bias:
            PyBuffer_Release(&self.bias)
        PyMem_Free(self.channel_bytes)
        PyMem_Free(self.kernel_bytes)
        PyMem_Free(self.reduced_kernels)

    cdef let_go(self):
        """Release the images and the response, where only the layout is wanted any more."""
        if self.has_images:
            PyBuffer_Release(&self.images)
        if self.has_out:
            PyBuffer_Release(&self.out)
        self.has_images = self.has_out = False

    cdef let_panels_go(self):
        """Release the panels and the bias: a helper that lingers holds the Call, which must not keep the kernels."""
        if self.has_packed:
            PyBuffer_Release(&self.packed)
        if self.has_bias:
            PyBuffer_Release(&self.bias)
        self.has_packed = self.has_bias = False

    cdef take_images(self, images, tuple axes, str element, bint swapped, double[::1] fill):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t components = 2 if element[0] == "c" else 1, channel
        cdef Py_ssize_t n_channels = geometry.groups * self.engine.staged
        PyObject_GetBuffer(images, &self.images, PyBUF_STRIDES)
        self.has_images = True
        loops.source.images = <const char*> self.images.buf
        loops.n_images = self.images.shape[<Py_ssize_t> axes[0]] if axes[0] >= 0 else 1
        loops.source.image_bytes = pitch_of(&self.images, axes[0])
        loops.source.row_bytes = pitch_of(&self.images, axes[1])
        self.channel_pitch_bytes = pitch_of(&self.images, axes[3])
        self.column_bytes = self.pitch_of_columns(&self.images, axes)
        self.item_bytes = self.images.itemsize // components
        self.fill = fill
        self.channel_bytes = <Py_ssize_t*> allocated(n_channels, sizeof(Py_ssize_t))
        for channel in range(n_channels):
            self.channel_bytes[channel] = (channel // components * self.channel_pitch_bytes
                                           + channel % components * self.item_bytes)
        loops.source.channel_bytes = self.channel_bytes
        loops.source.staging.element = ELEMENTS[element]
        loops.source.staging.swapped = swapped
        self.images_as_summed = (loops.source.staging.element == self.engine.routines.element and not swapped
                                 and aligned(&self.images, self.item_bytes))

    cdef Py_ssize_t pitch_of_columns(self, const Py_buffer* buffer, tuple axes) except? -1:
        """Bytes from a column to the next, which may be a channel."""
        cdef Py_ssize_t of_pixels = pitch_of(buffer, axes[2]), of_channels = pitch_of(buffer, axes[3])
        if self.engine.interleaved == 1:
            return of_pixels
        if buffer.shape[<Py_ssize_t> axes[2]] > 1 and of_pixels != self.engine.interleaved * of_channels:
            raise ValueError("interleaved: channels do not lie one after the other, pixel by pixel")
        return of_channels

    cdef take_out(self, out, tuple axes, str element, Py_ssize_t[::1] kernels):
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t components = 2 if element[0] == "c" else 1, kernel, own, item_bytes
        if kernels is not None and kernels.shape[0] != geometry.groups * geometry.n_kernels:
            raise ValueError("kernels: they are not as many as the engine's")
        PyObject_GetBuffer(out, &self.out, PyBUF_STRIDES | PyBUF_WRITABLE)
        self.has_out = True
        loops.consumer.out = <char*> self.out.buf
        loops.consumer.response_bytes = pitch_of(&self.out, axes[0])
        loops.consumer.row_bytes = pitch_of(&self.out, axes[1])
        self.out_column_bytes = self.pitch_of_columns(&self.out, axes)
        self.out_kernel_bytes = pitch_of(&self.out, axes[3])
        item_bytes = self.out_item_bytes = self.out.itemsize // components
        self.kernel_bytes = <Py_ssize_t*> allocated(geometry.groups * geometry.n_kernels, sizeof(Py_ssize_t))
        for kernel in range(geometry.groups * geometry.n_kernels):
            own = kernel if kernels is None else kernels[kernel]
            self.kernel_bytes[kernel] = own // components * self.out_kernel_bytes + own % components * item_bytes
        loops.consumer.kernel_bytes = self.kernel_bytes
        loops.consumer.storing.element = ELEMENTS[element]
        loops.consumer.storing.column_bytes = self.out_column_bytes
        loops.consumer.storing.adjacent = adjacent(self.kernel_bytes, geometry.n_kernels, item_bytes)
        loops.consumer.storing.equally_spaced = geometry.n_kernels > 1
        for kernel in range(geometry.groups * geometry.n_kernels):  # chosen ones may leave others out
            own = kernel // geometry.n_kernels * geometry.n_kernels
            if self.kernel_bytes[kernel] - self.kernel_bytes[own] != (
                    kernel - own) * (self.kernel_bytes[min(1, geometry.n_kernels - 1)] - self.kernel_bytes[0]):
                loops.consumer.storing.equally_spaced = False
        if self.engine.clips:
            self.take_clip()
        self.out_as_summed = (loops.consumer.storing.element == self.engine.routines.element
                              and aligned(&self.out, item_bytes))

    cdef take_clip(self):
        """Lets what takes responses have some rows and columns: it begins where the first one of all would lie."""
        cdef Consumer* consumer = &self.loops.consumer
        cdef Py_ssize_t n_rows, n_columns
        consumer.clips = True
        (consumer.first_row, n_rows), (consumer.first_column, n_columns) = self.engine.clip
        consumer.end_row, consumer.end_column = consumer.first_row + n_rows, consumer.first_column + n_columns
        if self.has_out:
            consumer.out -= consumer.first_row * consumer.row_bytes + consumer.first_column * self.out_column_bytes
        consumer.first_place -= (consumer.first_row * consumer.row_places
                                 + consumer.first_column * consumer.column_places)

    cdef take_reducer(self, Reducer reducer, Py_ssize_t[::1] kernels):
        """Take a reducer in the place of an array, in which no response lies anywhere."""
        cdef Loops* loops = &self.loops
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t n_kernels = geometry.groups * geometry.n_kernels, kernel
        if kernels is not None and kernels.shape[0] != n_kernels:
            raise ValueError("kernels: they are not as many as the engine's")
        if reducer.n_images < loops.n_images:
            raise ValueError("reducer: it has fewer images than there are")
        reducer.lay_into(&loops.consumer)
        if self.engine.lanes_over == OVER_ROWS:
            loops.consumer.row_places, loops.consumer.column_places = reducer.column_places, reducer.row_places
        if self.engine.clips:
            self.take_clip()
        self.reducer = reducer
        self.kernel_bytes = <Py_ssize_t*> allocated(n_kernels, sizeof(Py_ssize_t))
        self.reduced_kernels = <Py_ssize_t*> allocated(n_kernels, sizeof(Py_ssize_t))
        for kernel in range(n_kernels):
            self.reduced_kernels[kernel] = kernel if kernels is None else kernels[kernel]
        loops.consumer.kernel_bytes = self.kernel_bytes
        loops.consumer.reduced_kernels = self.reduced_kernels
        self.out_item_bytes = self.engine.routines.item_bytes

    cdef limit_responses(self, bint saturate):
        """Has responses checked, or brought inside, before they go anywhere."""
        cdef int kind = STORE_SATURATED if saturate else STORE_CHECKED
        if self.loops.consumer.kind == REDUCE:
            self.loops.consumer.before = kind
        else:
            self.loops.consumer.kind = kind

    cdef take_panels(self, packed, bias):
        PyObject_GetBuffer(packed, &self.packed, PyBUF_STRIDES)
        self.has_packed = True
        PyObject_GetBuffer(bias, &self.bias, PyBUF_STRIDES)
        self.has_bias = True
        self.loops.packed = <const char*> self.packed.buf
        self.loops.bias = <const char*> self.bias.buf


cdef bint adjacent(const Py_ssize_t* offsets, Py_ssize_t count, Py_ssize_t size):
    """Whether elements of that size lie next to each other."""
    cdef Py_ssize_t index
    for index in range(1, count):
        if offsets[index] != offsets[index - 1] + size:
            return False
    return True


cdef Py_ssize_t pitch_of(const Py_buffer* buffer, axis):
    return buffer.strides[<Py_ssize_t> axis] if axis >= 0 else 0


cdef bint aligned(const Py_buffer* buffer, Py_ssize_t size):
    cdef Py_ssize_t axis
    if <Py_ssize_t> buffer.buf % size:
        return False
    for axis in range(buffer.ndim):
        if buffer.shape[axis] > 1 and buffer.strides[axis] % size:
            return False
    return True

# Kernels in words, of 8-bit images: where the pixels of a row lie next to each other and so do its responses, both are
# read and written in place, padding included. Otherwise strips lie between, as for other factors.

from libc.math cimport isfinite
from libc.stdint cimport uint8_t
from microkernels cimport MOST_SPAN_OF_WORDS, PADDING, Element
from types cimport DONE, STORE, STORE_SATURATED, Area, Geometry, Loops


cdef class InWords(ByFactors):
    """Tables of where each padded row and column lies, beside what other factors have."""
    cdef Py_ssize_t* places
    cdef uint8_t* fill_bytes

    def __dealloc__(self):
        PyMem_Free(self.places)
        PyMem_Free(self.fill_bytes)

    cdef lay_out_strips(self):
        cdef Loops* loops = &self.loops
        ByFactors.lay_out_strips(self)
        if self.pixels_lie_so() and self.responses_lie_so():
            loops.in_place = loops.direct_store = True
            loops.correlate_group = correlate_in_words
            loops.rows.row_pitch = loops.consumer.row_bytes

    cdef bint pixels_lie_so(self):
        """Whether a row's pixels are bytes next to each other."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Element element = self.loops.source.staging.element
        return ((element == UINT8 or element == INT8) and self.column_bytes == 1
                and product(geometry.across.kernel - 1, geometry.across.dilation) <= MOST_SPAN_OF_WORDS)

    cdef bint responses_lie_so(self):
        """Whether the array has a row's next to each other, of a type that they can be written in straight away."""
        cdef const Consumer* consumer = &self.loops.consumer
        cdef Element element = consumer.storing.element
        cdef Py_ssize_t index
        for index in range(self.engine.groups * self.engine.geometry.n_kernels):
            if not isfinite((<const float*> self.loops.bias)[index]):
                return False
        if (consumer.clips or consumer.scaling.passes != NULL or consumer.tops != NULL
                or self.out_column_bytes != self.out_item_bytes or not aligned(&self.out, self.out_item_bytes)):
            return False
        if consumer.kind == STORE_SATURATED:
            return (element == UINT8 and consumer.low == 0 and consumer.high == 255
                    or element == INT16 and consumer.low == -32768 and consumer.high == 32767)
        return consumer.kind == STORE and element == FLOAT32

    cdef Py_ssize_t whole_rows(self, Py_ssize_t rows):
        return rows

    cdef lay_out_rest(self):
        ByFactors.lay_out_rest(self)
        if self.loops.in_place:
            self.find_pixels()

    cdef find_pixels(self):
        """The tables, in bytes from the first pixel of an image and of a row."""
        cdef Pixels* pixels = &self.loops.pixels
        cdef Engine engine = self.engine
        cdef const Geometry* geometry = &engine.geometry
        cdef Py_ssize_t index, place, n_rows = engine.reached_rows
        self.places = <Py_ssize_t*> allocated(n_rows + engine.reached_columns, sizeof(Py_ssize_t))
        for index in range(n_rows):
            place = source_of(&geometry.down, index, engine.row_boundary)
            self.places[index] = place * self.loops.source.row_bytes if place >= 0 else PADDING
        for index in range(engine.reached_columns):
            place = engine.source_column(index)
            self.places[n_rows + index] = place if place >= 0 else PADDING
        self.fill_bytes = <uint8_t*> allocated(engine.groups, 1)
        for index in range(engine.groups):  # an image's own type holds it
            self.fill_bytes[index] = <uint8_t> <int> self.fill[index]
        pixels.rows, pixels.columns, pixels.fill = self.places, self.places + n_rows, self.fill_bytes
        pixels.row_stride, pixels.row_dilation = geometry.down.stride, geometry.down.dilation
        pixels.column_stride = 1
        pixels.first_inside, pixels.end_inside = engine.first_inside, engine.end_inside


cdef int correlate_in_words(Loops* loops, Py_ssize_t group, const Area* area, const char* windows, char* responses,
                            char* memory, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """A group's kernels in an area, one after the other, some rows at once with a look for signals after each."""
    cdef const Geometry* geometry = loops.geometry
    cdef const Py_ssize_t* kernel_bytes = loops.consumer.kernel_bytes + group * geometry.n_kernels
    cdef Py_ssize_t of_window = geometry.down.kernel + geometry.across.kernel
    cdef Py_ssize_t n_packed = of_window + geometry.down.kernel * geometry.across.kernel, kernel, place, y
    cdef Py_ssize_t at_once = max(1, SIGNAL_MULTIPLY_ADDS // (area.n_columns * of_window))
    cdef int status
    cdef Rows rows = loops.rows
    cdef Pixels pixels = loops.pixels
    pixels.origin = (loops.source.images + area.image * loops.source.image_bytes
                     + loops.source.channel_bytes[group])
    pixels.fill = <const char*> pixels.fill + group
    rows.n_columns = area.n_columns
    move_right(&pixels, area.first_column)
    for kernel in range(geometry.n_kernels):
        place = (group * loops.padded_kernels + kernel) * loops.item_bytes
        y = 0
        while y < area.n_rows:
            rows.n_rows = min(at_once, area.n_rows - y)
            pixels.rows = loops.pixels.rows + (area.first_row + y) * geometry.down.stride
            loops.routines.bytes_in_words(
                &loops.sum, &rows, &pixels, loops.source.staging.element, loops.consumer.storing.element,
                loops.packed + place * n_packed, loops.bias + place,
                responses + kernel_bytes[kernel] - kernel_bytes[0] + y * rows.row_pitch)
            y += rows.n_rows
            counted[0] += rows.n_rows * area.n_columns * of_window
            status = looked_for_signals(loops, counted, watch_signals)
            if status != DONE:
                return status
    return DONE

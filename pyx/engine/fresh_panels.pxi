# The loops of winograd where kernels are new and quads are few: each panel is transformed just before its sums, by the
# worker that needs it, so that transformed kernels stay in the caches and never go to memory. Workers share the panels;
# each transforms the pixels of all quads for its own. Subnormal taps are looked for on the way: if there are any, the
# call is given up.

from atomics cimport read_flag, write_flag
from microkernels cimport Quads
from types cimport CANCELLED, DONE, Area, Loops, Panel, ceiling

cdef Py_ssize_t TRANSFORM_MULTIPLY_ADDS = 8  # that take the time of one place of a kernel's transform


cdef int correlate_fresh(Loops* loops, Py_ssize_t group, const Area* area, const char* windows, char* responses,
                         char* transformed, Py_ssize_t* counted, bint watch_signals) noexcept nogil:
    """A group's responses of all images by winograd: all quads at once, for one panel after the other."""
    cdef const Geometry* geometry = loops.geometry
    cdef Quads quads = loops.quads
    cdef Py_ssize_t n_images = area.n_rows // geometry.down.outputs if loops.images_at_once > 1 else 1
    cdef Py_ssize_t of_image = quads.quads_per_row * quads_across(geometry.down.outputs, quads.side,
                                                                  geometry.down.dilation)
    cdef Py_ssize_t n_quads = n_images * of_image, n_chunks = ceiling(n_quads, loops.quads_at_once), chunk, index
    cdef char* panel = transformed + quads.n_places * quads.plane_pitch * loops.item_bytes
    cdef char* sums = panel + quads.n_places * quads.depth * loops.panels[0].width * loops.item_bytes
    cdef int* zero_windows = <int*> (sums + loops.sums_elements * loops.item_bytes)
    cdef int status
    cdef bint finite = True
    quads.n_rows = geometry.down.outputs
    quads.zero_windows = zero_windows
    quads.first, quads.n_quads = 0, n_quads
    transform_quads(loops, &quads, of_image, windows, transformed)
    for index in range(area.first_panel, area.end_panel):
        status = transform_panel(loops, &loops.panels[index], panel, counted, watch_signals)
        if status != DONE:
            return status
        for chunk in range(n_chunks):
            quads.first = n_quads * chunk // n_chunks
            quads.n_quads = n_quads * (chunk + 1) // n_chunks - quads.first
            quads.zero_windows = zero_windows + quads.first
            status = sum_places(loops, group, &quads, index, index + 1, panel,
                                transformed + quads.first * quads.depth * loops.item_bytes, sums, counted,
                                watch_signals)
            if status != DONE:
                return status
            finite &= respond(loops, group, index, &quads, of_image, sums, responses)
    for index in range(0 if finite else n_images):
        status = do_handed_back(loops, group, area, 0, quads.n_rows, windows + index * windows_of_image(loops),
                                responses + index * responses_of_image(loops), transformed, counted, watch_signals)
        if status != DONE:
            return status
    return DONE


cdef int transform_panel(Loops* loops, const Panel* panel, char* packed, Py_ssize_t* counted,
                         bint watch_signals) noexcept nogil:
    """One panel of kernels as they lie."""
    cdef const Quads* quads = &loops.quads
    cdef Py_ssize_t depth = loops.geometry.depth
    cdef const char* kernels = loops.packed + panel.first * loops.kernel_pitches[0] * loops.item_bytes
    if any_subnormal_tap(loops, kernels, panel.n_kernels) and loops.looks:
        write_flag(&loops.has_faint, 1)
        write_flag(&loops.cancelled, 1)
        return CANCELLED
    loops.routines.pack_transformed(kernels, loops.kernel_pitches, depth, packed, panel.width, panel.n_kernels,
                                    quads.side, quads.n_pixels)
    counted[0] += panel.width * depth * quads.n_places * TRANSFORM_MULTIPLY_ADDS
    return looked_for_signals(loops, counted, watch_signals)


cdef bint any_subnormal_tap(const Loops* loops, const char* kernels, Py_ssize_t n_kernels) noexcept nogil:
    """Whether one is subnormal of some kernels' taps.

    They are read in the order of memory and so brought into the second cache, which the transform, whose steps are far
    apart, does not do as fast.
    """
    cdef const Py_ssize_t* pitches = <const Py_ssize_t*> loops.kernel_pitches
    cdef Py_ssize_t size = loops.item_bytes, depth = loops.geometry.depth, kernel, place, row, column
    cdef Py_ssize_t height = loops.geometry.down.kernel, width = loops.geometry.across.kernel
    cdef bint found = False
    for kernel in range(n_kernels):
        place = kernel * pitches[0] + loops.lowest_tap
        if not loops.channels_follow:
            found |= loops.routines.any_subnormal(kernels + place * size, depth * height * width)
            continue
        for row in range(height):
            for column in range(width):
                place = kernel * pitches[0] + row * pitches[1] + column * pitches[2]
                found |= loops.routines.any_subnormal(kernels + place * size, depth)
    return found


cdef class FreshWinograd(Winograd):
    """A call by winograd with kernels as they lie: all quads at once, and a panel behind their transformed pixels."""

    cdef take_kernels(self, cnp.ndarray kernels, bint looks):
        """Kernels (kernels, rows, columns, channels) as they lie, instead of panels."""
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes, axis, reached = 1
        if (cnp.PyArray_TYPE(kernels) != self.engine.number or not cnp.PyArray_ISBEHAVED_RO(kernels)
                or self.engine.side == 0 or kernels.ndim != 4 or geometry.groups != 1
                or kernels.shape[0] != geometry.n_kernels
                or kernels.shape[1] != geometry.down.kernel or kernels.shape[2] != geometry.across.kernel
                or kernels.shape[3] != geometry.depth):
            raise ValueError("kernels: they are not those of the engine")
        self.loops.looks = looks
        self.loops.lowest_tap = 0
        for axis in range(4):
            self.loops.kernel_pitches[axis] = kernels.strides[axis] // size
        for axis in range(1, 3):
            self.loops.lowest_tap += (kernels.shape[axis] - 1) * min(0, self.loops.kernel_pitches[axis])
            reached += (kernels.shape[axis] - 1) * abs(self.loops.kernel_pitches[axis])
        self.loops.channels_follow = self.loops.kernel_pitches[3] == 1
        if not self.loops.channels_follow and not reached == self.loops.kernel_pitches[3] == (
                geometry.down.kernel * geometry.across.kernel):
            raise ValueError("kernels: there are gaps between their taps")

    @property
    def does_all_at_once(self):
        """Whether each task is of all images' rows."""
        return self.fits and self.loops.n_strips == 1 and self.loops.images_at_once == self.loops.n_images

    @property
    def has_faint(self):
        """Whether a subnormal tap was seen, and the call given up."""
        return read_flag(&self.loops.has_faint) != 0

    cdef lay_out_strips(self):
        Winograd.lay_out_strips(self)
        self.loops.correlate_group = correlate_fresh

    cdef Py_ssize_t wanted_rows(self):
        return self.engine.geometry.down.outputs

    cdef Py_ssize_t join_images(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit):
        return self.loops.n_images if self.loops.n_strips == 1 else 1

    cdef Py_ssize_t workers_of_strips(self, Py_ssize_t n_workers):
        return 1

    cdef Py_ssize_t parts_for(self, Py_ssize_t n_workers):
        if self.reducer is not None and self.reducer.in_order:
            return 1
        return max(self.least_parts, min(n_workers, self.engine.n_panels))

    cdef Py_ssize_t most_quads(self):
        """Quads whose sums are made at once."""
        return MOST_QUADS

    cdef Py_ssize_t near_quads(self):
        """All: one panel's sums are made at once."""
        return LARGE

    cdef Py_ssize_t quads_held(self, Py_ssize_t rows):
        """All quads."""
        return product(self.quads_of(rows), self.loops.images_at_once)

    cdef Py_ssize_t elements_of(self, Py_ssize_t rows):
        """Behind what winograd needs in any case a panel, and which windows of further quads are zeros."""
        return (Winograd.elements_of(self, rows) + product(self.engine.n_taps, self.engine.panels[0].width)
                + self.quads_held(rows))

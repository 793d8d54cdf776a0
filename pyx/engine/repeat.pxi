# Small calls again: a call of microseconds is laid out once, and repeated for arrays that lie in memory alike.

from cpython.weakref cimport PyWeakref_NewRef
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from xcorr._memory import SMALLEST, empty

cdef Py_ssize_t SMALLEST_KEPT = SMALLEST
cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define xcorr_has_gil 0
    #else
    #define xcorr_has_gil 1
    #endif
    """
    const bint HAS_GIL "xcorr_has_gil"  # whether one thread at a time runs Python in this build of it

cdef Py_ssize_t SHORT_CALL = 1 << 19  # multiply-adds that a call keeps the GIL for: some microseconds


def hold(array):
    """`references_to` the array's owners."""
    return references_to(array)


cdef list references_to(array):
    """References to the arrays whose memory `array` is a view of: as long as they live, none of them is resized.

    `ndarray.resize(refcheck=False)` looks neither at views nor at exported buffers, but at weak references.
    """
    cdef list references = []
    while True:
        if cnp.PyArray_Check(array):
            references.append(PyWeakref_NewRef(array, None))
            array = cnp.get_array_base(array)
        elif isinstance(array, memoryview):
            array = array.obj
        else:
            return references


# --- calls ------------------------------------------------------------------------------------------------------------


cdef class Repeat:
    """A call done before, without its images and its response; does the same for others. Threads may share it.

    Parameters
    ----------
    call : Call by the direct method, whose images and response are let go of.
    images, response : its arrays.
    most_magnitude : the largest magnitude of integer pixels for which the call is exact; None where any is.
    """
    cdef Call call
    cdef Arrangement images, response
    cdef tuple response_shape
    cdef cnp.npy_intp[MOST_AXES] response_sizes
    cdef Py_ssize_t workspace_bytes, response_bytes
    cdef uint64_t magnitudes                         # a power of two above every allowed one, or 0 if any is
    cdef bint is_fresh, is_checked                   # a new response lies so; responses may be outside of their limits
    cdef bint is_short                               # so that the GIL is kept, and with it everybody off the arrays

    def __cinit__(self, Call call, cnp.ndarray images, cnp.ndarray response, most_magnitude):
        cdef Py_ssize_t axis
        if call.engine.lanes_over == WINOGRAD or call.engine.lanes_over == FOURIER:
            raise ValueError("call: one that is not by the direct method is not repeated")
        self.call = call
        self.images = Arrangement(images, call.item_bytes)
        self.response = Arrangement(response, response.itemsize)
        self.response_shape = tuple([response.shape[axis] for axis in range(response.ndim)])
        for axis in range(response.ndim):
            self.response_sizes[axis] = response.shape[axis]
        self.response_bytes = response.nbytes
        self.is_fresh = cnp.PyArray_IS_C_CONTIGUOUS(response)
        self.is_checked = call.loops.consumer.kind != STORE
        self.magnitudes = 0 if most_magnitude is None else 1 << (int(most_magnitude) + 1).bit_length() - 1
        self.workspace_bytes = call.workspace_of(call.loops.strip_rows)
        self.is_short = HAS_GIL and call.multiply_adds() <= SHORT_CALL
        call.let_go()

    cdef bint serves(self, images, out):
        """Whether these are images and None or an `out` that lie in memory like those of the call, and apart."""
        if not self.images.fits(images):
            return False
        if out is None:
            return self.is_fresh
        return (not self.is_checked and self.response.fits(out) and cnp.PyArray_ISWRITEABLE(out)
                and apart(images, out))

    cdef respond(self, cnp.ndarray images, out, cnp.ndarray kernels=None, bint flip=False):
        """The response of `images`, or None if they do not lie in memory like those of the call or are too large.

        What is allocated may run the collector, and with it finalizers and other threads that resize the images: they
        are held before they are looked at, and nothing of Python's is allocated after. With `kernels`, these take the
        place of the call's.
        """
        cdef Loops loops = self.call.loops
        cdef cnp.ndarray response
        cdef list held = None if self.is_short else references_to(images) + references_to(out)
        cdef Py_ssize_t panel_bytes = 0
        cdef char* memory
        cdef int failed
        if out is not None:
            response = out
        elif self.response_bytes < SMALLEST_KEPT:
            response = cnp.PyArray_EMPTY(self.response.n_axes, self.response_sizes, self.response.dtype.num, 0)
        else:
            response = empty(self.response_shape, self.response.dtype)
        if not self.serves(images, out) or (self.magnitudes and not all_below(images, self.magnitudes)):
            return None
        loops.source.images = cnp.PyArray_BYTES(images)
        loops.consumer.out = cnp.PyArray_BYTES(response)
        loops.next_task = 0
        if kernels is not None:
            panel_bytes = self.call.packed.len + kernels.nbytes + ALIGNMENT
        memory = <char*> malloc(self.workspace_bytes + panel_bytes)
        if memory == NULL:
            raise MemoryError(f"workspace: {self.workspace_bytes + panel_bytes} bytes cannot be allocated")
        if kernels is not None:
            loops.packed = self.pack(cnp.PyArray_BYTES(kernels), kernels.nbytes, memory + self.workspace_bytes, flip)
        if self.is_short:
            failed = self.run(&loops, memory)
        else:
            with nogil:
                failed = self.run(&loops, memory)
        free(memory)
        if failed:
            propagate()
        return None if self.is_checked and loops.consumer.overflowed else response

    cdef int run(self, Loops* loops, char* memory) noexcept nogil:
        return run_tasks(loops, memory + ALIGNMENT - <Py_ssize_t> memory % ALIGNMENT, True)

    cdef char* pack(self, const char* kernels, Py_ssize_t n_bytes, char* memory, bint flip) noexcept:
        """Pack kernels of the summed type, in C order, behind a copy of them; the panels begin with a cache line."""
        cdef char* panels = memory + n_bytes + ALIGNMENT - <Py_ssize_t> (memory + n_bytes) % ALIGNMENT
        cdef Py_ssize_t pixel = self.call.engine.geometry.depth * self.call.engine.routines.item_bytes
        if flip:
            turn_around(kernels, memory, n_bytes, self.call.engine.n_taps // self.call.engine.geometry.depth, pixel)
            kernels = memory
        memset(panels, 0, self.call.packed.len)
        pack_panels(self.call.engine, kernels, panels)
        return panels

    def __call__(self, images, out=None):
        """`respond`, where `images` and `out` are of the kind that it takes."""
        return self.respond(images, out) if self.serves(images, out) else None


cdef class Recent:
    """A call of `correlate` or `convolve` that was done before: what it was told, its kernels, how to repeat it.

    Parameters
    ----------
    function, level : which one, and the level that it ran on.
    words : dict of keywords; but for `out` and a `bias` all are plain.
    kernels : array in C order.
    repeat : Repeat
    packs : whether other kernels of the same form may take their place: in the order and of the type of the sum.
    """
    cdef object function, level
    cdef dict words
    cdef Content kernels
    cdef Repeat repeat
    cdef bint packs, flip

    def __cinit__(self, function, level, dict words, cnp.ndarray kernels, Repeat repeat, bint packs):
        self.function, self.level = function, level
        self.words = {name: Content(word) if isinstance(word, np.ndarray) else word
                      for name, word in words.items() if name != "out"}
        self.kernels = Content(kernels)
        self.repeat = repeat
        self.packs = packs
        self.flip = function == "convolve"

    cdef bint was_told(self, dict words, out):
        """Whether the keywords are those of the call, `out` aside."""
        cdef Py_ssize_t n_words = len(words) - (1 if "out" in words else 0)
        if n_words != len(self.words):
            return False
        for name, word in words.items():
            if name != "out" and not (name in self.words and equal(self.words[name], word)):
                return False
        return True

    cdef respond(self, images, kernels, out):
        """The response, or None if it is not by this call."""
        if not self.repeat.serves(images, out):
            return None
        if self.kernels.holds(kernels):
            return self.repeat.respond(images, out)
        if self.packs and self.kernels.arrangement.fits(kernels):
            return self.repeat.respond(images, out, kernels, self.flip)
        return None


def can_be_told(dict words, cnp.ndarray kernels):
    """Whether a call with these keywords and kernels may be remembered."""
    for name, word in words.items():
        if name == "bias" and cnp.PyArray_CheckExact(word):
            if not (cnp.PyArray_IS_C_CONTIGUOUS(word) and word.dtype.isbuiltin == 1):
                return False
        elif name != "out" and not is_plain(word):
            return False
    return kernels.dtype.isbuiltin == 1 and cnp.PyArray_IS_C_CONTIGUOUS(kernels) and kernels.ndim <= MOST_AXES


def repeated(list recent, function, level, images, kernels, dict words):
    """The response by the first of the `recent` calls that serves, or None."""
    cdef Recent one
    cdef object out = words.get("out"), response
    for one in recent:
        if one.function is function and one.level is level and one.was_told(words, out):
            response = one.respond(images, kernels, out)
            if response is not None:
                return response
    return None


def repeated_images(list repeats, images, out, workers):
    """The response by the first of a bank's `repeats` that serves, or None. Small calls have one worker in any case."""
    cdef Repeat one
    if workers is not None and not (type(workers) is int and (workers >= 1 or workers == -1)):
        return None
    for one in repeats:
        if one.serves(images, out):
            return one.respond(images, out)
    return None


# --- what arrays hold and where they lie ------------------------------------------------------------------------------


cdef bint apart(cnp.ndarray first, cnp.ndarray second):
    """Whether no byte from the first to the last of one array is one of the other's."""
    cdef char* first_start = cnp.PyArray_BYTES(first)
    cdef char* second_start = cnp.PyArray_BYTES(second)
    cdef char* first_end = last_byte(first, &first_start)
    cdef char* second_end = last_byte(second, &second_start)
    return first_end < second_start or second_end < first_start


cdef char* last_byte(cnp.ndarray array, char** start):
    """The last byte of an array that is not empty; `start` becomes its first."""
    cdef Py_ssize_t size = array.itemsize
    cdef char* end = start[0] + size - 1
    cdef Py_ssize_t axis, extent
    for axis in range(array.ndim):
        extent = (array.shape[axis] - 1) * array.strides[axis]
        if extent < 0:
            start[0] += extent
        else:
            end += extent
    return end


cdef void turn_around(const char* kernels, char* turned, Py_ssize_t n_bytes, Py_ssize_t n_pixels,
                      Py_ssize_t pixel_bytes) noexcept:
    """Copy kernels of `n_pixels` each, the last pixel of a kernel first."""
    cdef Py_ssize_t first = 0, index
    while first < n_bytes:
        for index in range(n_pixels):
            memcpy(turned + first + index * pixel_bytes, kernels + first + (n_pixels - 1 - index) * pixel_bytes,
                   pixel_bytes)
        first += n_pixels * pixel_bytes


cdef void pack_panels(Engine engine, const char* kernels, char* packed) noexcept:
    """Pack all kernels, which lie one after the other in the order of the sum."""
    cdef const Panel* panel
    cdef Py_ssize_t group, index, n_taps = engine.n_taps, kernel_bytes = n_taps * engine.routines.item_bytes
    for group in range(engine.groups):
        for index in range(engine.n_panels):
            panel = &engine.panels[index]
            engine.routines.pack(kernels + (group * engine.geometry.n_kernels + panel.first) * kernel_bytes, n_taps,
                                 packed + (group * engine.padded_kernels + panel.offset) * kernel_bytes, panel.width,
                                 panel.n_kernels, n_taps)


ctypedef fused whole:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef bint all_below(cnp.ndarray images, uint64_t limit):
    """Whether the magnitudes of integers, of which bools are, surely lie below a power of two."""
    cdef const char* pixels = cnp.PyArray_BYTES(images)
    cdef Py_ssize_t size = images.itemsize
    if not cnp.PyArray_ISALIGNED(images) or not cnp.PyArray_ISNOTSWAPPED(images):
        return False
    if images.dtype.kind == c"i":
        if size == 1:
            return bits_of(<const int8_t*> pixels, images, limit) < 2 * limit
        if size == 2:
            return bits_of(<const int16_t*> pixels, images, limit) < 2 * limit
        if size == 4:
            return bits_of(<const int32_t*> pixels, images, limit) < 2 * limit
        return bits_of(<const int64_t*> pixels, images, limit) < 2 * limit
    if size == 1:
        return bits_of(<const uint8_t*> pixels, images, 0) < limit
    if size == 2:
        return bits_of(<const uint16_t*> pixels, images, 0) < limit
    if size == 4:
        return bits_of(<const uint32_t*> pixels, images, 0) < limit
    return bits_of(<const uint64_t*> pixels, images, 0) < limit


cdef uint64_t bits_of(const whole* pixels, cnp.ndarray images, uint64_t offset):
    """Every bit that is set in a pixel plus `offset`: below twice that, where it is a power of two above magnitudes."""
    cdef Py_ssize_t[MOST_AXES] shape, pitches
    cdef Py_ssize_t axis, first, second, third
    cdef uint64_t bits = 0
    for axis in range(MOST_AXES):
        shape[axis], pitches[axis] = 1, 0
    for axis in range(images.ndim):
        shape[MOST_AXES - images.ndim + axis] = images.shape[axis]
        pitches[MOST_AXES - images.ndim + axis] = images.strides[axis] // <Py_ssize_t> sizeof(whole)
    for first in range(shape[0]):
        for second in range(shape[1]):
            for third in range(shape[2]):
                bits |= bits_of_row(pixels + first * pitches[0] + second * pitches[1] + third * pitches[2], shape[3],
                                    pitches[3], offset)
    return bits


cdef uint64_t bits_of_row(const whole* row, Py_ssize_t length, Py_ssize_t pitch, uint64_t offset) noexcept nogil:
    cdef uint64_t bits = 0
    cdef Py_ssize_t index
    if pitch == 1:  # so that the compiler makes vectors of them
        for index in range(length):
            bits |= <uint64_t> row[index] + offset
    else:
        for index in range(length):
            bits |= <uint64_t> row[index * pitch] + offset
    return bits

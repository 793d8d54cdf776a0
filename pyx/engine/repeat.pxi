# Short calls again: one of less than a millisecond is laid out once, and repeated for arrays that lie in memory alike.

from cpython.weakref cimport PyWeakref_NewRef
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import sys

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

cdef object MOST_WORKERS = sys.maxsize
cdef Py_ssize_t SHORT_CALL = 1 << 19  # multiply-adds that a call keeps the GIL for: some microseconds
cdef Py_ssize_t MOST_REPEATED = 1 << 22  # bytes of panels, and of a workspace, that a call is repeated with


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
    call : Call by the direct method or of products, whose images and response are let go of.
    images, response : its arrays.
    most_magnitude : the largest magnitude of integer pixels, at least 1, for which the call is exact; None for any.
    may_refuse : whether a response may turn out to be refused when others are stored already.
    looks : whether images with subnormal pixels, of the summed type and aligned, are done another way.
    looks_at_taps : whether kernels that are read where they lie are looked through for subnormal taps.
    share : has a `SharedRepeat` run by as many workers as the call, told how many are asked for; false if these are
        others. None for a small call, which has one worker.
    """
    cdef Call call
    cdef object share
    cdef Arrangement images, response
    cdef tuple response_shape
    cdef cnp.npy_intp[MOST_AXES] response_sizes
    cdef Py_ssize_t workspace_bytes, response_bytes
    cdef uint64_t magnitudes                         # a power of two that none may exceed, or 0 if any may be
    cdef bint is_fresh, may_refuse                   # a new response lies so; responses may be outside of their limits
    cdef bint looks                                  # for subnormal pixels before, and not in passing
    cdef bint looks_at_taps                          # that are read where they lie
    cdef bint is_short                               # so that the GIL is kept, and with it everybody off the arrays
    cdef readonly bint reads_kernels                 # where they lie, so that nothing is packed

    def __cinit__(self, Call call, cnp.ndarray images, cnp.ndarray response, most_magnitude, bint may_refuse,
                  bint looks=False, share=None, bint looks_at_taps=False):
        cdef Py_ssize_t axis
        self.share, self.looks_at_taps = share, looks_at_taps
        if call.engine.lanes_over == WINOGRAD or call.engine.lanes_over == FOURIER:
            raise ValueError("call: one that is neither by the direct method nor of products is not repeated")
        self.reads_kernels = call.engine.lanes_over == OVER_TAPS
        self.call = call
        self.images = Arrangement(images, call.item_bytes)
        self.response = Arrangement(response, response.itemsize)
        self.response_shape = (<object> response).shape
        for axis in range(response.ndim):
            self.response_sizes[axis] = response.shape[axis]
        self.response_bytes = response.nbytes
        self.is_fresh = cnp.PyArray_IS_C_CONTIGUOUS(response)
        self.may_refuse, self.looks = may_refuse, looks and not call.look_at_pixels()
        self.magnitudes = 0 if most_magnitude is None else 1 << int(most_magnitude).bit_length() - 1
        self.workspace_bytes = call.workspace_of(call.loops.strip_rows)
        self.is_short = HAS_GIL and share is None and call.multiply_adds() <= SHORT_CALL
        call.let_go()
        call.workspaces = []

    cdef bint serves(self, images, out):
        """Whether these are images and None or an `out` that lie in memory like those of the call, and apart."""
        if not self.images.fits(images):
            return False
        if out is None:
            return self.is_fresh
        return (not self.may_refuse and self.response.fits(out) and cnp.PyArray_ISWRITEABLE(out)
                and apart(images, out))

    @property
    def is_worth(self):
        """Whether what it keeps and takes is little."""
        return ((self.reads_kernels or self.call.packed.len <= MOST_REPEATED)
                and self.workspace_bytes <= MOST_REPEATED)

    def let_kernels_go(self):
        """Forget kernels that are read where they lie: each call brings its own."""
        if not self.reads_kernels:
            raise ValueError("call: its kernels are packed")
        PyBuffer_Release(&self.call.packed)
        self.call.has_packed = False
        self.call.loops.packed = NULL

    cdef bint takes(self, cnp.ndarray kernels, Arrangement as_before, cnp.ndarray response):
        """Whether kernels may take the place of the call's, and lie apart from the response if they are read there."""
        cdef const Routines* routines = self.call.loops.routines
        cdef const char* taps = cnp.PyArray_BYTES(kernels)
        if not as_before.fits(kernels):
            return False
        if self.reads_kernels:
            return apart(kernels, response)
        return not (routines.any_subnormal(taps, kernels.size)
                    or (self.call.loops.skips and not routines.all_finite(taps, kernels.size)))

    cdef respond(self, cnp.ndarray images, out, workers, cnp.ndarray kernels=None, Arrangement as_before=None,
                 bint flip=False):
        """The response of `images`, or None if they do not lie in memory like those of the call or are too large.

        What is allocated may run the collector, and with it finalizers and other threads that resize the arrays: they
        are held before they are looked at, and nothing of Python's is allocated after. With `kernels`, which lie as
        before, these take the place of the call's.
        """
        cdef Loops loops = self.call.loops
        cdef cnp.ndarray response
        cdef list held = None if self.is_short else references_to(images) + references_to(out) + references_to(kernels)
        cdef Py_ssize_t panel_bytes = 0
        cdef SharedRepeat shared = None if self.share is None else SharedRepeat(self)
        cdef char* memory
        cdef int failed = 0
        if out is not None:
            response = out
        elif self.response_bytes < SMALLEST_KEPT:
            response = cnp.PyArray_EMPTY(self.response.n_axes, self.response_sizes, self.response.dtype.num, 0)
        else:
            response = empty(self.response_shape, self.response.dtype)
        if not self.serves(images, out) or (self.magnitudes and not none_beyond(images, self.magnitudes)):
            return None
        if kernels is not None and not self.takes(kernels, as_before, response):
            return None
        if self.looks and has_subnormal(loops.routines, images):
            return None
        loops.source.images = cnp.PyArray_BYTES(images)
        loops.consumer.out = cnp.PyArray_BYTES(response)
        loops.next_task = loops.has_faint_pixels = loops.has_faint = 0
        loops.looks = self.looks_at_taps and self.reads_kernels and kernels is not None
        if kernels is not None and self.reads_kernels:
            loops.packed = cnp.PyArray_BYTES(kernels)
        elif kernels is not None:
            panel_bytes = self.call.packed.len + kernels.nbytes + ALIGNMENT
        memory = <char*> malloc(panel_bytes + (self.workspace_bytes if shared is None else 0))
        if memory == NULL:
            raise MemoryError(f"workspace: {self.workspace_bytes + panel_bytes} bytes cannot be allocated")
        if panel_bytes:
            loops.packed = self.pack(cnp.PyArray_BYTES(kernels), kernels.nbytes,
                                     memory + (self.workspace_bytes if shared is None else 0), flip)
        if shared is not None:
            shared.loops = loops
            try:
                if not self.share(shared, workers):
                    return None
            finally:
                free(memory)
            return None if is_incomplete(&shared.loops) else response
        if self.is_short:
            failed = self.run(&loops, memory)
        else:
            with nogil:
                failed = self.run(&loops, memory)
        free(memory)
        if failed:
            propagate()
        return None if is_incomplete(&loops) else response

    cdef int run(self, Loops* loops, char* memory) noexcept nogil:
        return run_tasks(loops, memory + ALIGNMENT - <Py_ssize_t> memory % ALIGNMENT, True)

    cdef char* pack(self, const char* kernels, Py_ssize_t n_bytes, char* memory, bint flip) noexcept:
        """Pack kernels of the summed type, in C order, behind a copy of them; the panels begin with a cache line."""
        cdef char* panels = memory + n_bytes + ALIGNMENT - <Py_ssize_t> (memory + n_bytes) % ALIGNMENT
        cdef Py_ssize_t pixel = self.call.engine.geometry.depth * self.call.engine.routines.item_bytes
        if flip:
            turn_around(kernels, memory, n_bytes, self.call.engine.n_taps // self.call.engine.geometry.depth, pixel)
            kernels = memory
        pack_panels(self.call.engine, kernels, panels)
        return panels


cdef class SharedRepeat:
    """A call that is repeated by several threads, in the place of a `Call`."""
    cdef public list workspaces
    cdef readonly Py_ssize_t n_tasks, workspace_bytes
    cdef readonly object error          # raised in a helper, noted before it leaves
    cdef Repeat repeat                  # whose panels and tables the loops read
    cdef Loops loops
    cdef Crew crew

    def __cinit__(self, Repeat repeat):
        self.repeat, self.workspaces = repeat, []
        self.n_tasks, self.workspace_bytes = repeat.call.loops.n_tasks, repeat.workspace_bytes
        self.crew.forks_before = n_forks

    def cancel(self):
        """Makes every thread in `run` return soon."""
        write_flag(&self.loops.cancelled, 1)

    def run(self, Py_ssize_t worker, bint stays=False):
        """Claims and does tasks until none is left, as a call's workers do."""
        cdef unsigned int seen
        cdef int failed
        cdef char[::1] workspace
        cdef char* memory
        if not enter(&self.crew):
            return
        try:
            workspace = self.workspaces[worker]
        except BaseException as error:
            self.error = error
            self.cancel()
            leave(&self.crew)
            raise
        memory = &workspace[0] + ALIGNMENT - <Py_ssize_t> &workspace[0] % ALIGNMENT
        with nogil:
            if worker == 0 and self.n_tasks > 1:
                add(&n_announced, 1)
            failed = run_tasks(&self.loops, memory, worker == 0)
            seen = look(&n_announced)
            leave(&self.crew)
            if stays:
                wait_for_call(seen)
        if failed:
            propagate()

    def close(self):
        """Waits until everybody has left, and raises what a signal's handler did."""
        cdef object error = close_crew(&self.crew, &self.loops.cancelled)
        self.workspaces = []
        if error is not None:
            raise error


cdef inline bint is_incomplete(const Loops* loops) noexcept:
    """Whether responses are missing, or not as they have to be."""
    return loops.consumer.overflowed or loops.has_faint_pixels or loops.has_faint


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
    cdef Taps taps = taps_in_order(engine.n_taps)
    cdef Py_ssize_t group, index, kernel_bytes = engine.n_taps * engine.routines.item_bytes
    for group in range(engine.groups):
        for index in range(engine.n_panels):
            panel = &engine.panels[index]
            engine.routines.pack(&taps, kernels + (group * engine.geometry.n_kernels + panel.first) * kernel_bytes,
                                 packed + (group * engine.padded_kernels + panel.offset) * kernel_bytes, panel.width,
                                 panel.n_kernels)


cdef class Recent:
    """A call of `correlate` or `convolve` that was done before: what it was told, its kernels, how to repeat it.

    Parameters
    ----------
    function, level : which one, and the level that it ran on.
    words : dict of keywords; but for `out` and a `bias` all are plain.
    kernels : array in C order.
    repeat : Repeat, which lets kernels go that it would read where they lie.
    packs : whether other kernels of the same form may take their place: in the order and of the type of the sum.
    """
    cdef object function, level
    cdef dict words
    cdef Content kernels          # None where all are as good
    cdef Arrangement arrangement  # of the kernels
    cdef Repeat repeat
    cdef bint packs, flip

    def __cinit__(self, function, level, dict words, cnp.ndarray kernels, Repeat repeat, bint packs):
        self.function, self.level = function, level
        self.words = {name: Content(word) if isinstance(word, np.ndarray) else word
                      for name, word in words.items() if name != "out"}
        self.kernels = None if repeat.reads_kernels else Content(kernels)
        self.arrangement = Arrangement(kernels, 1) if self.kernels is None else self.kernels.arrangement
        self.repeat = repeat
        self.packs = packs
        if repeat.reads_kernels:
            repeat.let_kernels_go()
            self.packs = True
        self.flip = function == "convolve"

    @property
    def n_bytes(self):
        """What it keeps, some thousands beside taps that were packed."""
        cdef Py_ssize_t packed = self.repeat.call.packed.len if self.repeat.call.has_packed else 0
        return 4096 + packed + (0 if self.kernels is None else len(self.kernels.elements))

    cdef bint was_told(self, dict words, out):
        """Whether the keywords are those of the call, `out` aside."""
        cdef Py_ssize_t n_words = len(words) - (1 if "out" in words else 0)
        if n_words != len(self.words):
            return False
        for name, word in words.items():
            if name != "out" and not (name in self.words and equal(self.words[name], word)):
                return False
        return True

    cdef respond(self, images, kernels, out, workers):
        """The response, or None if it is not by this call."""
        if not self.repeat.serves(images, out):
            return None
        if self.kernels is not None and self.kernels.holds(kernels):
            return self.repeat.respond(images, out, workers)
        if self.packs and self.arrangement.fits(kernels) and cnp.PyArray_ISALIGNED(kernels):
            return self.repeat.respond(images, out, workers, kernels, self.arrangement, self.flip)
        return None

    def is_replaced(self, function, level, images, kernels, dict words):
        """Whether it is a call like this one, which it did not serve."""
        cdef object out = words.get("out")
        return (self.function is function and self.level is level and self.was_told(words, out)
                and self.repeat.images.fits(images) and (self.repeat.is_fresh if out is None else
                                                         self.repeat.response.fits(out))
                and (self.packs or self.kernels.holds(kernels)))


def can_be_told(images, kernels, dict words):
    """Whether a call with these operands and keywords may be remembered: arrays, and words that are plain."""
    if not (cnp.PyArray_CheckExact(images) and cnp.PyArray_CheckExact(kernels)):
        return False
    if not (words.get("out") is None or cnp.PyArray_CheckExact(words["out"])):
        return False
    for name, word in words.items():
        if name == "bias" and cnp.PyArray_CheckExact(word):
            if not (cnp.PyArray_IS_C_CONTIGUOUS(word) and word.dtype.isbuiltin == 1):
                return False
        elif name != "out" and not is_plain(word):
            return False
    return kernels.dtype.isbuiltin == 1 and cnp.PyArray_IS_C_CONTIGUOUS(kernels) and kernels.ndim <= MOST_AXES


def shapes_of(images, kernels):
    """A number that is the same for all operands of these shapes, and nearly always another one for others."""
    cdef size_t number = 0
    cdef Py_ssize_t axis
    cdef cnp.ndarray array
    if not (cnp.PyArray_CheckExact(images) and cnp.PyArray_CheckExact(kernels)):
        return 0
    for array in (images, kernels):
        for axis in range(array.ndim):
            number = (number ^ <size_t> array.shape[axis]) * <size_t> 1000003
        number = (number ^ <size_t> array.ndim) * <size_t> 1000003
    return number


def repeated(dict recent, function, level, images, kernels, dict words):
    """The response by the first of the `recent` calls with operands of these shapes that serves, or None."""
    cdef Recent one
    cdef object out = words.get("out"), response
    cdef list calls = recent.get(shapes_of(images, kernels))
    if calls is None:
        return None
    for one in calls:
        if one.function is function and one.level is level and one.was_told(words, out):
            response = one.respond(images, kernels, out, words.get("workers"))
            if response is not None:
                return response
    return None


def repeated_images(list repeats, images, out, workers):
    """The response by the first of a bank's `repeats` that serves, or None."""
    cdef Repeat one
    if workers is not None and not (type(workers) is int and (workers == -1 or 1 <= workers <= MOST_WORKERS)):
        return None
    for one in repeats:
        if one.serves(images, out):
            response = one.respond(images, out, workers)
            if response is not None:
                return response
    return None


def repeats_others(Repeat one, Repeat other):
    """Whether one serves other arrays than another: their images or their responses lie otherwise."""
    return not (one.images.is_like(other.images) and one.response.is_like(other.response))

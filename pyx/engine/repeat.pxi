# Small calls again: a call of microseconds is laid out once, and repeated for arrays that lie in memory alike.

cimport numpy as cnp
from cpython.weakref cimport PyWeakref_NewRef
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp

from xcorr._memory import SMALLEST, empty

cnp.import_array()

cdef Py_ssize_t SMALLEST_KEPT = SMALLEST
cdef Py_ssize_t SHORT_WORK = 1 << 19  # multiply-adds that a call keeps the GIL for: some microseconds


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


cdef class Repeat:
    """A call done before, without its images and its response; does the same for others. Threads may share it.

    Parameters
    ----------
    call : Call, not of winograd and without limits, whose images and response are let go of.
    images, response : its arrays.
    """
    cdef Call call
    cdef cnp.dtype images_dtype
    cdef cnp.dtype response_dtype
    cdef tuple response_shape
    cdef Py_ssize_t[4] shape, strides
    cdef cnp.npy_intp[4] response_sizes
    cdef Py_ssize_t n_axes, response_axes, workspace_bytes, item_bytes, response_bytes
    cdef bint is_short                               # so that the GIL is kept, and with it everybody off the arrays

    def __cinit__(self, Call call, cnp.ndarray images, cnp.ndarray response):
        cdef Py_ssize_t axis
        if call.loops.check or call.loops.saturate or call.engine.lanes_over == WINOGRAD or images.ndim > 4:
            raise ValueError("call: one that is checked or saturated, or by winograd, is not repeated")
        self.call = call
        self.images_dtype = images.dtype
        self.response_dtype = response.dtype
        self.response_shape = tuple([response.shape[axis] for axis in range(response.ndim)])
        self.n_axes, self.response_axes = images.ndim, response.ndim
        for axis in range(images.ndim):
            self.shape[axis], self.strides[axis] = images.shape[axis], images.strides[axis]
        for axis in range(response.ndim):
            self.response_sizes[axis] = response.shape[axis]
        self.item_bytes = call.item_bytes
        self.response_bytes = response.nbytes
        self.workspace_bytes = call.workspace_of(call.loops.strip_rows)
        self.is_short = call.work() <= SHORT_WORK
        call.let_go()

    cdef bint serves(self, images):
        """Whether these are images that lie in memory like those of the call."""
        cdef cnp.ndarray array
        cdef Py_ssize_t axis
        if not cnp.PyArray_CheckExact(images):
            return False
        array = images
        if (array.ndim != self.n_axes or array.dtype is not self.images_dtype
                or <Py_ssize_t> cnp.PyArray_BYTES(array) % self.item_bytes):
            return False
        for axis in range(self.n_axes):
            if array.shape[axis] != self.shape[axis] or array.strides[axis] != self.strides[axis]:
                return False
        return True

    cdef respond(self, cnp.ndarray images):
        """The response of `images`, or None if they do not lie in memory like those of the call.

        What is allocated may run the collector, and with it finalizers and other threads that resize the images: they
        are held before they are looked at, and nothing of Python's is allocated after.
        """
        cdef Loops loops = self.call.loops
        cdef cnp.ndarray response
        cdef list held = None if self.is_short else references_to(images)
        cdef char* memory
        cdef int failed
        if self.response_bytes < SMALLEST_KEPT:
            response = cnp.PyArray_EMPTY(self.response_axes, self.response_sizes, self.response_dtype.num, 0)
        else:
            response = empty(self.response_shape, self.response_dtype)
        if not self.serves(images):
            return None
        loops.images = cnp.PyArray_BYTES(images)
        loops.out = cnp.PyArray_BYTES(response)
        loops.next_task = 0
        memory = <char*> malloc(self.workspace_bytes)
        if memory == NULL:
            raise MemoryError(f"workspace: {self.workspace_bytes} bytes cannot be allocated")
        if self.is_short:
            failed = self.run(&loops, memory)
        else:
            with nogil:
                failed = self.run(&loops, memory)
        free(memory)
        if failed:
            propagate()
        return response

    cdef int run(self, Loops* loops, char* memory) noexcept nogil:
        return run_tasks(loops, memory + ALIGNMENT - <Py_ssize_t> memory % ALIGNMENT, True)

    def __call__(self, images):
        """`respond`, where `images` are of the kind that it takes."""
        return self.respond(images) if self.serves(images) else None


cdef class Recent:
    """A call of `correlate` that was done before: what it was told, its kernels and how to repeat it."""
    cdef tuple words
    cdef cnp.dtype kernels_dtype
    cdef bytes content
    cdef Py_ssize_t[4] shape
    cdef Py_ssize_t n_axes
    cdef Repeat repeat

    def __cinit__(self, tuple words, cnp.ndarray kernels, bytes content, Repeat repeat):
        cdef Py_ssize_t axis
        if kernels.ndim > 4:
            raise ValueError("kernels: a call with more than four axes is not repeated")
        self.words = words
        self.kernels_dtype = kernels.dtype
        self.content = content
        self.n_axes = kernels.ndim
        for axis in range(kernels.ndim):
            self.shape[axis] = kernels.shape[axis]
        self.repeat = repeat

    cdef bint serves(self, images, kernels, tuple words):
        """Whether the call is this one but for the images' values. Words count as equal only if they are the same."""
        cdef cnp.ndarray array
        cdef Py_ssize_t axis
        if not cnp.PyArray_CheckExact(kernels) or len(words) != len(self.words):
            return False
        for axis in range(len(words)):
            if words[axis] is not self.words[axis]:
                return False
        array = kernels
        if (array.ndim != self.n_axes or array.dtype is not self.kernels_dtype
                or not cnp.PyArray_IS_C_CONTIGUOUS(array)):
            return False
        for axis in range(self.n_axes):
            if array.shape[axis] != self.shape[axis]:
                return False
        return (memcmp(cnp.PyArray_BYTES(array), <const char*> self.content, len(self.content)) == 0
                and self.repeat.serves(images))


def repeated(list recent, images, kernels, tuple words):
    """The response by the first of the `recent` calls that serves, or None."""
    cdef Recent one
    for one in recent:
        if one.serves(images, kernels, words):
            return one.repeat.respond(images)
    return None

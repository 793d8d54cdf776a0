"""Memory of large arrays, kept for the next one: pages that are new to a process cost more than most responses do.

Arrays get their memory from a handler of NumPy's (NEP 49), so they own it like any other array. What is freed is kept,
up to `KEPT_BYTES`. The huge pages of all but the newest block, and of the largest ones, are offered to the system,
which may take them back whenever it needs them: when no thread is at hand for the next call, because each processor
that runs one of the process's threads has to be told of each page. No thread ever waits here: while another one looks
through what is kept, memory comes from the system and goes back there.
"""

import numpy as np

cimport numpy as cnp
from atomics cimport add, look, try_lock, unlock
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cnp.import_array()

cdef extern from *:
    """
    #if defined(__linux__)
    #include <sys/mman.h>
    #define xcorr_advise(start, size, advice) ((void)madvise(start, size, advice))
    #else
    #define MADV_HUGEPAGE 0
    #define MADV_FREE 0
    #define xcorr_advise(start, size, advice) ((void)0)
    #endif
    #ifndef MADV_FREE
    #define MADV_FREE 8
    #endif
    """
    enum:
        MADV_HUGEPAGE
        MADV_FREE
    void advise "xcorr_advise"(void* start, size_t size, int advice) nogil

cdef extern from "numpy/arrayobject.h":
    PyObject* PyDataMem_DefaultHandler

SMALLEST = 1 << 16
"""Bytes from which on an array's memory is worth keeping."""

KEPT_BYTES = 1 << 28
"""Bytes that are kept at most."""

cdef enum:
    SLOTS = 16
    LINE = 64     # bytes of a cache line
    MARGIN = 128  # bytes before an array's first element: its block, and what aligns it to a cache line

BYTES = np.dtype(np.uint8)

cdef size_t LARGEST_KEPT = KEPT_BYTES
cdef size_t HUGE_BYTES = 1 << 22  # from which on pages are huge, as NumPy's own are
cdef size_t PAGE = 4096
cdef size_t HUGE_PAGE = 1 << 21
cdef size_t OFFERED_AT_ONCE = 1 << 25  # bytes from which on offering costs nothing beside a call that fills the block

cdef struct Header:  # what lies before the first element
    void* memory    # as it came from malloc
    size_t size     # of the elements
    bint offered    # whether the system may take its huge pages back

ctypedef Header* Block

cdef Block[SLOTS] kept  # the oldest first
cdef int n_kept = 0
cdef size_t n_kept_bytes = 0
cdef int busy = 0
cdef unsigned int n_at_hand = 0  # threads that help with a call, or wait for the next one without sleep


cdef inline Block block_of(void* start) noexcept nogil:
    return <Block> (<char*> start - sizeof(Header))


cdef void advise_inside(Block block, int advice, size_t page) noexcept nogil:
    """Tells the system about the whole pages of a block that is large enough for huge ones."""
    cdef uintptr_t first = (<uintptr_t> (block + 1) + page - 1) // page * page
    cdef uintptr_t end = (<uintptr_t> (block + 1) + block.size) // page * page
    if block.size >= HUGE_BYTES:
        advise(<void*> first, end - first, advice)


cdef void offer(Block block) noexcept nogil:
    """Offers the block's huge pages to the system. A short call that reuses the block then takes a tenth longer."""
    if not block.offered:
        advise_inside(block, MADV_FREE, HUGE_PAGE)
        block.offered = True


cdef Block drop(int index) noexcept nogil:
    """Takes a block out of those that are kept."""
    global n_kept, n_kept_bytes
    cdef Block block = kept[index]
    n_kept -= 1
    n_kept_bytes -= block.size
    while index < n_kept:
        kept[index] = kept[index + 1]
        index += 1
    return block


cdef Block take(size_t size) noexcept nogil:
    """The kept block that fits best, the newest of those, and is at most a quarter larger; or NULL."""
    cdef int index, best = -1
    cdef Block block = NULL
    if not try_lock(&busy):
        return NULL
    for index in range(n_kept):
        if (size <= kept[index].size <= size + size // 4
                and (best < 0 or kept[index].size <= kept[best].size)):
            best = index
    if best >= 0:
        block = drop(best)
        block.offered = False
    unlock(&busy)
    return block


cdef void keep(Block block) noexcept nogil:
    """Keeps a block, and gives the oldest ones back to the system where there are too many."""
    global n_kept, n_kept_bytes
    cdef Block[SLOTS] surplus
    cdef int n_surplus = 0, index
    if block.size > LARGEST_KEPT or not try_lock(&busy):
        free(block.memory)
        return
    while n_kept == SLOTS or n_kept_bytes + block.size > LARGEST_KEPT:
        surplus[n_surplus] = drop(0)
        n_surplus += 1
    kept[n_kept] = block
    n_kept += 1
    n_kept_bytes += block.size
    if look(&n_at_hand) == 0:
        offer_kept()
    unlock(&busy)
    for index in range(n_surplus):
        free(surplus[index].memory)


cdef void offer_kept() noexcept nogil:
    """Offers what is kept, but for the newest block if that is small: it is likely to be wanted soon."""
    cdef int index
    for index in range(n_kept):
        if index < n_kept - 1 or kept[index].size >= OFFERED_AT_ONCE:
            offer(kept[index])


cdef void free_kept() noexcept nogil:
    """Gives everything that is kept back to the system."""
    if try_lock(&busy):
        while n_kept:
            free(drop(0).memory)
        unlock(&busy)


# --- the handler ------------------------------------------------------------------------------------------------------


cdef void* new_elements(void* context, size_t size) noexcept nogil:
    cdef Block block = take(size)
    cdef char* memory
    if block == NULL:
        if size + MARGIN < size:
            return NULL
        memory = <char*> malloc(size + MARGIN)
        if memory == NULL:
            free_kept()
            memory = <char*> malloc(size + MARGIN)
        if memory == NULL:
            return NULL
        block = block_of(memory + MARGIN - <uintptr_t> memory % LINE)
        block.memory = memory
        block.size = size
        block.offered = False
        advise_inside(block, MADV_HUGEPAGE, PAGE)
    return block + 1


cdef void* new_zeros(void* context, size_t count, size_t size) noexcept nogil:
    cdef void* start = NULL
    if size == 0 or count <= (<size_t> -1) // size:
        start = new_elements(context, count * size)
    if start != NULL:
        memset(start, 0, count * size)
    return start


cdef void* resized(void* context, void* start, size_t size) noexcept nogil:
    cdef void* other = new_elements(context, size)
    if other != NULL and start != NULL:
        memcpy(other, start, min(size, block_of(start).size))
        keep(block_of(start))
    return other


cdef void give_back(void* context, void* start, size_t size) noexcept nogil:
    if start != NULL:
        keep(block_of(start))


cdef cnp.PyDataMem_Handler handler
memcpy(handler.name, b"xcorr", 6)
handler.version = 1
handler.allocator.malloc = new_elements
handler.allocator.calloc = new_zeros
handler.allocator.realloc = resized
handler.allocator.free = give_back
own_handler = PyCapsule_New(&handler, "mem_handler", NULL)


def empty(tuple shape, dtype):
    """`np.empty`, a large array in memory that was used before where there is some.

    Where NumPy's memory does not come from its default handler, it comes from where the user wants it.
    """
    cdef object before
    cdef double n_bytes = dtype.itemsize
    for length in shape:
        n_bytes *= length
    if n_bytes < SMALLEST or cnp.PyDataMem_GetHandler() is not <object> PyDataMem_DefaultHandler:
        return np.empty(shape, dtype)
    before = cnp.PyDataMem_GetHandler()
    try:
        cnp.PyDataMem_SetHandler(own_handler)  # CPython may have set it where this raises
        return np.empty(shape, dtype)
    finally:
        try:
            cnp.PyDataMem_SetHandler(before)
        except MemoryError:
            free_kept()
            cnp.PyDataMem_SetHandler(before)


def empty_lines(Py_ssize_t n_bytes):
    """`empty` bytes that begin where a cache line does: a vector that lies in two of them takes two loads."""
    cdef cnp.ndarray memory = empty((n_bytes + LINE,), BYTES)
    cdef Py_ssize_t first = -<uintptr_t> cnp.PyArray_DATA(memory) % LINE
    return memory[first:first + n_bytes]


def come_to_hand():
    """Count a thread that helps with a call, and waits for the next one."""
    add(&n_at_hand, 1)


def go_to_sleep(bint is_idle):
    """Count it no more; with the last one, if nobody asks for it, what is kept is offered."""
    if add(&n_at_hand, -1) == 0 and is_idle and try_lock(&busy):  # with the GIL, so that nobody looks for a block
        offer_kept()
        unlock(&busy)


def forget_threads():
    """Note that this process is the child of a fork: threads at hand did not come along."""
    global n_at_hand
    n_at_hand = 0


def kept_bytes():
    """Bytes of the memory that is kept now."""
    return n_kept_bytes


def free_kept_memory():
    """Give all of the kept memory back to the system."""
    with nogil:
        free_kept()

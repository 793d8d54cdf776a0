"""The gate: arrays in, pointers below, GIL released.

An `Engine` holds what one plan needs of the loops and is shared by threads. A `Call` ties it to the arrays of one call;
its tasks (strips of rows of one response) are claimed one after the other by however many threads run it.
"""

from cpython.buffer cimport PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals, PyErr_Occurred, PyErr_SetNone
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.pycapsule cimport PyCapsule_GetPointer

cimport numpy as cnp
from libc.stdint cimport int32_t
from libc.string cimport memcpy, memset
from microkernels cimport (
    BOOL, FLOAT16, FLOAT32, FLOAT64, INT16, INT32, INT64, INT8, IN_FLOAT32, IN_FLOAT64, IN_INT32, IN_WORDS,
    MOST_LANES, MOST_OF_COLUMNS, MOST_OF_WORDS, TABLE_NAME, UINT16, UINT32, UINT64, UINT8, Factors, Routines, Taps
)
from transforms cimport Fourier
from types cimport (
    BY_FACTORS, CONSTANT, FOURIER, OVER_BYTES, OVER_CHANNELS, OVER_COLUMNS, OVER_KERNELS, OVER_ROWS, OVER_TAPS, REDUCE,
    STORE_CHECKED, STORE_SATURATED, WINOGRAD, Axis, Geometry, Panel, ceiling, reach, span
)

from itertools import groupby

from xcorr._machine import cache_bytes
from xcorr._memory import empty_lines

cnp.import_array()

# One module; in files of their own are what enters a strip and what leaves it, the loops, waiting, who is inside, which
# panels and sections there are, how a call lies in memory, the call itself, the forms, and short calls again.
include "source.pxi"
include "consumers.pxi"
include "reducing.pxi"
include "scaling.pxi"
include "strips.pxi"
include "panel_sums.pxi"
include "sides.pxi"
include "waiting.pxi"
include "crew.pxi"
include "dealing.pxi"
include "section_plan.pxi"

cdef extern from *:
    """
    #define xcorr_raised() (-1)
    """
    int propagate "xcorr_raised"() except -1  # an exception that the loops left set

FORMS = {"kernels": OVER_KERNELS, "columns": OVER_COLUMNS, "rows": OVER_ROWS, "channels": OVER_CHANNELS,
         "bytes": OVER_BYTES, "winograd 2x2": WINOGRAD, "winograd 4x4": WINOGRAD, "fft": FOURIER,
         "factors": BY_FACTORS, "words": BY_FACTORS, "products": OVER_TAPS}
ELEMENTS = {"b1": BOOL, "i1": INT8, "u1": UINT8, "i2": INT16, "u2": UINT16, "i4": INT32, "u4": UINT32, "i8": INT64,
            "u8": UINT64, "f2": FLOAT16, "f4": FLOAT32, "f8": FLOAT64, "c8": FLOAT32, "c16": FLOAT64}
SUMMED = {"f4": IN_FLOAT32, "f8": IN_FLOAT64, "i4": IN_INT32, "words": IN_WORDS}

cdef Py_ssize_t ALIGNMENT = 64
cdef Py_ssize_t CROWDED_BYTES = 1024     # between neighbours of a strip: their multiples share few places of a cache
cdef Py_ssize_t FINITE_AT_ONCE = 1 << 20  # numbers that are looked at between two looks for a signal
cdef Py_ssize_t FOUR = 4                 # channels and kernels of groups that share vectors
cdef Py_ssize_t LARGE = 1 << 60  # what products of sizes saturate at: no memory is that large


include "engine_of_plan.pxi"


cdef const Routines* routines_of(table, str summed) except NULL:
    """A level's row for the summed type, given the level's capsule."""
    return <const Routines*> PyCapsule_GetPointer(table, TABLE_NAME) + <Py_ssize_t> SUMMED[summed]


def lanes_of(table, str summed):
    """Elements of a vector at a level, given its capsule."""
    return routines_of(table, summed).lanes


def taps_at_once(table):
    """Taps of 8 bits that a level multiplies at once, given its capsule."""
    return routines_of(table, "i4").taps_at_once


cdef void* allocated(Py_ssize_t count, size_t size) except NULL:
    cdef void* memory = PyMem_Calloc(max(count, 1), size)
    if memory == NULL:
        raise MemoryError(f"workspace: {count} entries of {size} bytes cannot be allocated")
    return memory


include "reducers.pxi"
include "looks.pxi"
include "taps.pxi"
include "binding.pxi"
include "tops.pxi"
include "scored.pxi"
include "task_sizes.pxi"
include "layout.pxi"
include "faint_pixels.pxi"
include "call.pxi"
include "kernels_form.pxi"
include "columns_form.pxi"
include "factors_form.pxi"
include "over_channels.pxi"
include "words_form.pxi"
include "bytes_form.pxi"
include "winograd_strips.pxi"
include "fresh_panels.pxi"
include "fourier_sections.pxi"
include "products.pxi"

CALLS = {"kernels": OverKernels, "columns": OverColumns, "rows": OverRows, "channels": OverChannels,
         "bytes": OverBytes, "winograd 2x2": Winograd, "winograd 4x4": Winograd, "fft": FourierSections,
         "factors": ByFactors, "words": InWords, "products": Products}

include "words.pxi"
include "extents.pxi"
include "repeat.pxi"

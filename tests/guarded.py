"""The calls of test_guard_pages, in a module that a child process can import by name."""

import ctypes
import mmap

import numpy as np
from cases import FEW, Case
from checks import random_generator, response_dtype, whole_numbers

import xcorr
from xcorr import _dispatch, _reference

CASES = [
    *(case for case in FEW if case.images[0] and case.kernels[0]),
    *(Case(f"few-kernels-{columns}", (1, 3, columns, 1), (3, 3, 3, 1)) for columns in (3, 9, 18, 34, 66, 130)),
    *(Case(f"one-kernel-{columns}", (1, 3, columns, 1), (1, 3, 3, 1)) for columns in (7, 11, 12, 14, 21, 35, 75)),
    *(Case(f"one-kernel-{rows}-rows", (1, rows, 19, 1), (1, 3, 5, 1)) for rows in (6, 7, 9, 10)),
    *(Case(f"many-kernels-{n_kernels}", (1, 3, 17, 3), (n_kernels, 2, 3, 3)) for n_kernels in (8, 9, 15, 17, 33)),
    *(
        Case(f"depthwise-{depth}", (1, 4, 5, depth), (depth, 3, 3, 1), groups=depth, padding="same")
        for depth in (7, 8, 9, 17, 33)
    ),
    *(
        Case(f"depthwise-{depth}-valid", (1, 4, 5, depth), (depth, 3, 3, 1), groups=depth)
        for depth in (7, 13, 14, 15, 16, 17, 29, 33)
    ),
]

WINOGRAD = [
    Case(f"winograd-{height}x{width}x{depth}-{n_kernels}", (1, height, width, depth), (n_kernels, 3, 3, depth))
    for height, width, depth, n_kernels in (
        *((3, 3, 1, 1), (4, 5, 4, 3), (5, 4, 7, 16), (6, 6, 8, 9), (7, 9, 9, 17)),
        *((4, 33, 15, 31), (33, 4, 16, 32), (8, 8, 17, 33), (5, 6, 33, 8), (5, 7, 37, 65)),
    )
] + [
    Case(f"winograd-dilated-{dilation}", (1, height, width, 17), (9, 3, 3, 17), dilation=dilation)
    for dilation, height, width in ((2, 5, 9), ((3, 1), 16, 8), ((1, 4), 7, 17), (5, 13, 12))
]


class Guarded:
    """Copies of arrays that begin directly after, or end directly before, a page that must not be touched."""

    def __init__(self, at_end):
        self.at_end = at_end
        self.mappings = []
        self.mprotect = ctypes.CDLL(None, use_errno=True).mprotect
        self.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def __call__(self, array):
        page = mmap.PAGESIZE
        n_pages = -(-array.nbytes // page)
        mapping = mmap.mmap(-1, (n_pages + 2) * page)
        self.mappings.append(mapping)  # never unmapped: the process ends
        memory = np.frombuffer(mapping, np.uint8)
        offset = page + (n_pages * page - array.nbytes if self.at_end else 0)
        view = memory[offset : offset + array.nbytes].view(array.dtype).reshape(array.shape)
        view[...] = array
        for guard in (0, (n_pages + 1) * page):
            assert self.mprotect(memory.ctypes.data + guard, page, 0) == 0
        return view


def run(level, method, dtype, results):
    """Every case between guard pages; a touched guard kills this process."""
    with _dispatch.using_level(level):
        for case in WINOGRAD if method == "winograd" else CASES:
            for at_end in (True, False):
                rng = random_generator(case.id, dtype)
                images, kernels = whole_numbers(rng, case.images, dtype), whole_numbers(rng, case.kernels, dtype)
                kernels = 4 * kernels if method == "winograd" else kernels  # its quarters are exact
                expected = _reference.correlate(images, kernels, **case.keywords)
                guarded = Guarded(at_end)
                out = guarded(np.zeros(expected.shape, response_dtype(dtype)))
                results.send(f"{case.id}, {'page after' if at_end else 'page before'}")
                xcorr.correlate(guarded(images), guarded(kernels), out=out, method=method, workers=1, **case.keywords)
                if not np.array_equal(out, expected):
                    return
    results.send("done")

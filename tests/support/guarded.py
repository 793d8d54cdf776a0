"""The calls of test_guard_pages, in a module that a child process can import by name."""

import contextlib
import ctypes
import itertools
import mmap
from unittest import mock

import numpy as np
from cases import FEW, Case
from checks import fast_correlate, random_generator, response_dtype, whole_numbers

import xcorr
from xcorr import _bank, _cache, _dispatch, _shift_in_place, _shift_lanes, _shift_windows, _workers

LINE = 64  # bytes of a cache line

# fewer windows than a vector has lanes in a row or in a few, and in all of them more or fewer
PIXELS = [(2, 2), (5, 3), (4, 4), (2, 9), (14, 14), (1, 20), (40, 3)]

CASES = [
    *(case for case in FEW if case.images[0] and case.kernels[0]),
    *(Case(f"few-kernels-{columns}", (1, 3, columns, 1), (3, 3, 3, 1)) for columns in (3, 9, 18, 34, 66, 130)),
    *(Case(f"one-kernel-{columns}", (1, 3, columns, 1), (1, 3, 3, 1)) for columns in (7, 11, 12, 14, 21, 35, 75)),
    *(Case(f"one-kernel-of-4x4-{columns}", (1, 6, columns, 1), (1, 4, 4, 1)) for columns in (28, 30, 52, 58)),
    *(Case(f"one-kernel-{rows}-rows", (1, rows, 19, 1), (1, 3, 5, 1)) for rows in (6, 7, 9, 10)),
    *(Case(f"many-kernels-{n_kernels}", (1, 3, 17, 3), (n_kernels, 2, 3, 3)) for n_kernels in (8, 9, 15, 17, 33)),
    *(Case(f"many-kernels-of-{depth}", (1, 3, 9, depth), (17, 2, 3, depth)) for depth in (1, 2, 4, 8)),
    *(Case(f"pixels-{rows}x{columns}", (1, rows, columns, 5), (4, 1, 1, 5)) for rows, columns in PIXELS),
    *(
        Case(f"sides-{columns}-{n_kernels}", (1, 9, columns, 1), (n_kernels, 3, 5, 1), padding="same")
        for columns in (131, 150, 165)
        for n_kernels in (1, 2)
    ),
    *(
        Case(f"line-of-{windows}-{taps}", (1, 1, windows + taps - 1, 1), (1, 1, taps, 1))
        for windows in (192, 193, 195, 199, 200, 257, 263, 271)
        for taps in (1, 3, 20)
    ),
    # sums of so many products carry their errors along; panels beyond the caches go across images, few windows of each
    *(
        Case(f"long-{n_images}-{height}x{width}-{n_kernels}", (n_images, height, width, 17), (n_kernels, 32, 31, 17))
        for n_images, height, width, n_kernels in ((1, 32, 31, 9), (5, 33, 32, 17), (3, 32, 34, 3))
    ),
    Case("pixels-of-three-workers", (1, 133, 15, 610), (3, 1, 1, 610)),  # strips of 12 rows would leave one row
    *(
        Case(f"depthwise-{depth}", (1, 4, 5, depth), (depth, 3, 3, 1), groups=depth, padding="same")
        for depth in (7, 8, 9, 17, 33)
    ),
    *(
        Case(f"depthwise-{depth}-valid", (1, 4, 5, depth), (depth, 3, 3, 1), groups=depth)
        for depth in (7, 13, 14, 15, 16, 17, 29, 33)
    ),
    *(
        Case(
            f"depthwise-{height}x{width}-{size}-{stride}-{padding}",
            (1, height, width, 17),
            (17, size, size, 1),
            groups=17,
            padding=padding,
            stride=stride,
        )
        for size, stride in ((3, 1), (3, 2), (5, 1), (5, 2), (7, 1))
        for height, width in ((7, 7), (8, 16), (9, 21), (11, 34))
        for padding in ("valid", 2)
    ),
]

WINOGRAD = (
    [
        Case(f"winograd-{height}x{width}x{depth}-{n_kernels}", (1, height, width, depth), (n_kernels, 3, 3, depth))
        for height, width, depth, n_kernels in (
            *((3, 3, 1, 1), (4, 5, 4, 3), (5, 4, 7, 16), (6, 6, 8, 9), (7, 9, 9, 17)),
            *((4, 33, 15, 31), (33, 4, 16, 32), (8, 8, 17, 33), (5, 6, 33, 8), (5, 7, 37, 65)),
        )
    ]
    + [
        Case(f"winograd-dilated-{dilation}", (1, height, width, 17), (9, 3, 3, 17), dilation=dilation)
        for dilation, height, width in ((2, 5, 9), ((3, 1), 16, 8), ((1, 4), 7, 17), (5, 13, 12))
    ]
    + [
        Case(f"winograd-5x5-{height}x{width}x{depth}-{n_kernels}", (1, height, width, depth), (n_kernels, 5, 5, depth))
        for height, width, depth, n_kernels in ((5, 5, 1, 1), (6, 9, 7, 17), (10, 8, 17, 33), (5, 12, 33, 8))
    ]
    + [Case("winograd-5x5-dilated", (1, 9, 13, 17), (9, 5, 5, 17), dilation=(2, 3))]
)
# a workspace begins with a cache line: one that is an element too small shows where the last line has one element only,
# as here, at every level, where the responses lie there, too (49 of them, and 4 tiles of whole vectors)
WINOGRAD.append(Case("winograd-last-line", (1, 3, 9, 17), (7, 3, 3, 17)))

FFT = [
    *(case for case in CASES if case.padding != "valid" or case.kernels[1] * case.kernels[2] > 8),
    *(
        Case(f"fft-{height}x{width}-{kernel_height}x{kernel_width}", (1, height, width, 2), kernel)
        for height, width, kernel_height, kernel_width in (
            *((9, 12, 9, 12), (21, 40, 6, 7), (40, 21, 7, 6), (50, 65, 17, 16), (33, 32, 9, 8), (97, 35, 20, 19)),
            *((3, 300, 1, 65), (300, 3, 65, 1), (1, 100, 1, 20), (100, 1, 20, 1)),
        )
        for kernel in ((3, kernel_height, kernel_width, 2),)
    ),
    Case("fft-grouped", (2, 40, 37, 6), (9, 9, 10, 2), groups=3, padding="same", bias=True),
    Case("fft-strided-dilated", (1, 44, 61, 3), (4, 7, 6, 3), stride=(2, 5), dilation=(4, 2), padding=((7, 2), (0, 9))),
    # the last section has one column of windows, or five: fewer than a vector, which is handed back alone
    *(Case(f"fft-narrow-{width}", (1, 9, width, 1), (1, 9, 10, 1)) for width in (33, 37)),
    Case("fft-wrapped", (1, 21, 18, 2), (3, 11, 9, 2), padding=20, boundary="wrap"),
]
OF_METHOD = {"winograd": WINOGRAD, "fft": FFT}


class Guarded:
    """Memory that begins directly after, or ends directly before, a page that must not be touched."""

    def __init__(self, at_end):
        self.at_end = at_end
        self.mappings = []
        self.mprotect = ctypes.CDLL(None, use_errno=True).mprotect
        self.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def __call__(self, array, planes=False):
        """A copy, or one whose channels come before its rows in memory."""
        if planes:
            return np.moveaxis(self(np.moveaxis(array, -1, 1)), 1, -1)
        view = self.empty(array.nbytes).view(array.dtype).reshape(array.shape)
        view[...] = array
        return view

    def empty(self, n_bytes):
        memory, first, end = self.pages(n_bytes)
        return memory[end - n_bytes : end] if self.at_end else memory[first : first + n_bytes]

    def workspace(self, shape, dtype):
        """A workspace for a call, which uses it from the next cache line on: that one is the first or the last."""
        n_bytes = shape[0] - LINE
        memory, first, end = self.pages(n_bytes)
        start = end - -(-n_bytes // LINE) * LINE if self.at_end else first
        return memory[start - 1 : start - 1 + shape[0]].view(dtype)

    def pages(self, n_bytes):
        """Fresh memory, and where in it so many bytes lie between the guards."""
        page = mmap.PAGESIZE
        n_pages = -(-n_bytes // page)
        mapping = mmap.mmap(-1, (n_pages + 2) * page)
        self.mappings.append(mapping)  # never unmapped: the process ends
        memory = np.frombuffer(mapping, np.uint8)
        for guard in (0, (n_pages + 1) * page):
            assert self.mprotect(memory.ctypes.data + guard, page, 0) == 0
        return memory, page, (n_pages + 1) * page


@contextlib.contextmanager
def guarding(guarded):
    """Workspaces, panels, and what they are packed from lie between guards; nothing is left from earlier calls."""
    _cache.clear_caches()
    real_taps, pack = _bank.Bank.real_taps, _bank.Bank.pack
    with (
        mock.patch.object(_workers, "empty", guarded.workspace),
        mock.patch.object(_bank, "empty_lines", guarded.empty),
        mock.patch.object(_bank.Bank, "real_taps", lambda *arguments: guarded(real_taps(*arguments))),
        mock.patch.object(_bank.Bank, "pack", lambda *words: tuple(map(guarded, pack(*words)))),
    ):
        yield


def with_infinities(method, images, kernels):
    """Operands of which a method hands something back, if it ever does: a pixel's windows, one of several kernels."""
    images, kernels = images.copy(), kernels.copy()
    if method == "winograd":
        images[-1, images.shape[1] // 2, images.shape[2] // 2, -1] = np.inf
    elif method == "fft":
        images[-1, -1, -1, -1] = np.inf
        kernels[1:, -1, -1, -1] = np.inf
    return images, kernels


def response_memory(guarded, expected, planes):
    """Guarded memory of a response; in planes, where those of many kernels come by way of the workspace."""
    out = guarded(np.zeros(expected.shape, expected.dtype))
    return np.moveaxis(out.reshape(np.moveaxis(expected, -1, 1).shape), 1, -1) if planes else out


def with_gaps(guarded, expected, planes):
    """The same with a place between its rows, so that they do not follow each other."""
    n_images, n_rows, n_columns, n_kernels = expected.shape
    wide = np.empty((n_images, n_rows, n_columns + 1, n_kernels), expected.dtype)
    return response_memory(guarded, wide, planes)[:, :, :n_columns]


def largest_of(images, kernels, expected, over_kernels, **keywords):
    """The largest responses at each position or of each kernel, with what else a reduction may be asked for."""
    if expected.dtype.kind == "c":
        return None
    names, over = ("max", "argmin", "ppv", "mean", "energy"), "kernels" if over_kernels else "positions"
    return xcorr.correlate(images, kernels, reduce=names, over=over, workers=2, **keywords)[0]


def run(method, dtype, results):
    """Every case on every level between guard pages; a touched guard kills this process.

    `dtype` may be two with a comma, of the images and of the kernels. Where integers of 8 bits are multiplied as bytes,
    they are as words, too.
    """
    dtypes = dtype.split(",") if "," in dtype else (dtype, dtype)
    of_bytes = all(np.dtype(own).itemsize == 1 for own in dtypes)
    levels = [(name, None) for name in _dispatch.runnable_levels()]
    levels += [(name, False) for name in _dispatch.runnable_levels() if of_bytes and _dispatch.has_vnni(name)]
    for case in OF_METHOD.get(method, CASES):
        rng = random_generator(case.id, dtype)
        images, kernels = whole_numbers(rng, case.images, dtypes[0]), whole_numbers(rng, case.kernels, dtypes[1])
        kernels = 4 * kernels if method == "winograd" else kernels  # its quarters are exact
        expected = fast_correlate(images, kernels, **case.keywords).astype(response_dtype(*dtypes))
        marked = with_infinities(method, images, kernels)
        handed_back = np.isfinite(xcorr.correlate(*marked, method="direct", **case.keywords))
        for level in levels:
            for at_end, planes in rng.permutation([(True, False), (False, False), (True, True)])[:2].tolist():
                place = "page after" if at_end else "page before"
                results.send(f"{level[0]}, {case.id}, {place}, in planes: {planes}")
                guarded = Guarded(at_end)
                out, spaced = response_memory(guarded, expected, planes), with_gaps(guarded, expected, planes)
                with guarding(guarded), _dispatch.using_level(*level):
                    placed, workers = guarded(images, planes), 3 if planes else 1
                    xcorr.correlate(placed, guarded(kernels), out=out, method=method, workers=workers, **case.keywords)
                    xcorr.correlate(placed, guarded(kernels), out=spaced, method=method, workers=1, **case.keywords)
                    response = xcorr.correlate(*map(guarded, marked), method=method, workers=1, **case.keywords)
                    largest = largest_of(placed, guarded(kernels), expected, planes, method=method, **case.keywords)
                rounded = method == "fft" or (method == "winograd" and case.kernels[1] == 5)
                if not all(np.array_equal(np.rint(own) if rounded else own, expected) for own in (out, spaced)):
                    return
                if largest is not None and not np.array_equal(
                    np.rint(largest) if rounded else largest, expected.max(3 if planes else (1, 2))
                ):
                    return
                if not np.array_equal(np.isfinite(response), handed_back):
                    return
    results.send("done")


def run_windows(method, dtype, results):
    """Windows that are registered where they lie: images and workspace end or begin at a guard."""
    rng = random_generator("windows", dtype)
    sizes = [((8, 8), (8, 8)), ((9, 14), (9, 14)), ((16, 7), (21, 12)), ((5, 33), (8, 33)), ((32, 32), (40, 36))]
    for level, (window, search) in itertools.product(_dispatch.runnable_levels(), sizes):
        search = search if method == "zncc" else window
        a, b = (rng.standard_normal((search[0] + 9, search[1] + 11)).astype(dtype) for _ in range(2))
        words = {"window": window, "search": search, "step": 3, "score": method, "subpixel": "parabola", "workers": 1}
        with _dispatch.using_level(level):
            expected = xcorr.register(a, b, **words)
        for at_end in (True, False):
            results.send(f"{level}, {window}, {search}, page after: {at_end}")
            guarded = Guarded(at_end)

            def windowed(*arrays, guarded=guarded):
                return _shift_lanes.Windowed(*map(guarded, arrays))

            with (
                _dispatch.using_level(level),
                mock.patch.object(_shift_in_place, "new_workspace", lambda n, guarded=guarded: guarded(np.empty(n))),
                mock.patch.object(_shift_windows, "Windowed", windowed),
            ):
                found = xcorr.register(a, b, **words)
            for one, other in zip(found, expected):
                np.testing.assert_array_equal(one, other)
    results.send("done")


def run_in_words(method, dtype, results):
    """Whole kernels on bytes where they lie, of few columns and many, into responses of each type."""
    rng = random_generator("words", dtype)
    sides = [((3, 3), (1, 2, 1)), ((5, 5), (1, 1, 1, 1, 1)), ((2, 14), (1,) * 14), ((7, 3), (-1, 0, 1))]
    for level, (size, row), width in itertools.product(
        _dispatch.runnable_levels(), sides, (14, 15, 16, 17, 31, 32, 33, 47, 63, 65, 95, 130)
    ):
        kernel = np.outer(np.ones(size[0]), row).astype(np.float32) / 4
        for layout, padding, response in (
            ("NHW", "valid", "uint8"),
            ("NHWC", "same", "int16"),
            ("NHW", "same", "float32"),
        ):
            images = whole_numbers(rng, (2, 9, width) + (3,) * (layout == "NHWC"), dtype)
            words = {"layout": layout, "padding": padding, "dtype": response}
            words |= {"overflow": "saturate"} if response != "float32" else {}
            expected = xcorr.correlate(images, kernel, method="direct", **words)
            for at_end in (True, False):
                results.send(f"{level}, {size}, {width}, {layout}, {padding}, {response}, page after: {at_end}")
                guarded = Guarded(at_end)
                out = guarded(np.zeros(expected.shape, response))
                with guarding(guarded), _dispatch.using_level(level):
                    xcorr.correlate(guarded(images), guarded(kernel), out=out, method=method, **words)
                np.testing.assert_array_equal(out, expected)
    results.send("done")

"""Arrays of every kind and place, and such as change while they are read: the bits of plain, fresh ones."""

import contextlib
import itertools
import math
import tempfile
import threading
import time
from typing import Any, NamedTuple

import numpy as np
from children import Clock, Count
from support import cases, checks, memory_orders

import xcorr
from xcorr import _dispatch

METHODS = ("auto", "direct", "matmul", "winograd", "fft")


def same(response: Any, expected: Any) -> bool:
    """Equal in shape, dtype and every bit."""
    return (response.shape, response.dtype, response.tobytes()) == (expected.shape, expected.dtype, expected.tobytes())


DTYPES = ("float16", "float32", "float64", "complex64", "complex128", "uint8", "int16", "int64", "bool")


def mapped(array: Any) -> Any:
    """The same numbers in a file."""
    with tempfile.TemporaryFile() as file:
        view = np.memmap(file, array.dtype, "w+", shape=array.shape)
    view[...] = array
    return view


def of_any_kind(count: Count, clock_seconds: float, seed: int) -> None:
    """Operands of each memory order and kind in turn, by a random method and level: the bits of plain arrays."""
    kinds = {
        **memory_orders.MEMORY,
        **memory_orders.LYING,
        "dlpack": memory_orders.OnlyDLPack,
        "array": memory_orders.OnlyArray,
        "memoryview": memoryview,
        "memmap": mapped,
    }
    clock = Clock(clock_seconds)
    for index, kind in enumerate(itertools.cycle(kinds)):
        if not clock and index >= 4 * len(kinds):
            return
        generator = np.random.default_rng([seed, index])
        choices = DTYPES, METHODS[1:3], _dispatch.runnable_levels()
        dtype, method, level = (str(generator.choice(words)) for words in choices)
        case = cases.FEW[generator.integers(len(cases.FEW))]
        keywords = {name: value for name, value in case.keywords.items() if name != "fill_value" or dtype != "bool"}
        name = f"{kind} {dtype} {method} {level} {case.id} {seed}-{index}"
        count.begin(name)
        images, kernels = (checks.whole_numbers(generator, shape, dtype) for shape in (case.images, case.kernels))
        with _dispatch.using_level(level):
            expected = xcorr.correlate(images, kernels, method=method, **keywords)
            pairs = [(images, kernels)] * 3
            try:
                laid = [kinds[kind](array) for array in (images, kernels)]
                pairs = [(laid[0], kernels), (images, laid[1]), tuple(laid)]
            except (BufferError, ValueError, TypeError):
                continue  # that kind cannot be made of this array
            for pair in pairs:
                try:
                    if not same(xcorr.correlate(*pair, method=method, **keywords), expected):
                        count.wrong(name, "other bits")
                except (TypeError, ValueError) as error:
                    if kind not in memory_orders.LYING or not str(error).startswith(("images: ", "kernels: ")):
                        count.wrong(name, f"{type(error).__name__}: {error}")


class Place(NamedTuple):
    """Where an array lies in a buffer: a view that can be made again on a copy."""

    dtype: Any
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, memory: Any) -> Any:
        start = memory[self.offset :][: self.dtype.itemsize].view(self.dtype)
        return np.lib.stride_tricks.as_strided(start, self.shape, self.strides)


def random_place(
    generator: np.random.Generator, n_bytes: int, shape: tuple[int, ...], dtype: Any, apart: bool
) -> Place:
    """A view of random order, gaps, directions and offset; not `apart`, elements may also be at one place."""
    item = np.dtype(dtype).itemsize
    while True:
        strides = [0] * len(shape)
        pitch = item * int(generator.integers(1, 3))
        for axis in generator.permutation(len(shape)):
            strides[axis] = pitch * int(generator.choice((-1, 1)))
            if not apart and generator.random() < 0.15:
                strides[axis] = int(generator.choice((0, item, -item)))
            pitch = abs(strides[axis]) * max(shape[axis], 1) if strides[axis] else pitch
            pitch += item * int(generator.choice((0, 0, 1, 3)))
        ends = [(length - 1) * stride for length, stride in zip(shape, strides)]
        low, high = sum(end for end in ends if end < 0), sum(end for end in ends if end > 0) + item
        if high - low <= n_bytes:
            offset = int(generator.integers(0, (n_bytes - (high - low)) // item + 1)) * item - low
            return Place(np.dtype(dtype), offset, shape, tuple(strides))


class Overlap(NamedTuple):
    """A call whose operands and `out` lie in one buffer."""

    memory: Any
    images: Place
    kernels: Place
    bias: Place | None
    out: Place
    keywords: dict[str, Any]


def random_overlap(generator: np.random.Generator) -> Overlap:
    dtype = str(generator.choice(("float32", "float64", "float16", "complex64", "int16", "int64", "uint8")))
    n_images, n_kernels, depth, groups = (int(n) for n in generator.integers(1, 4, 4))
    image, kernel = (tuple(int(n) for n in generator.integers(*ends, 2)) for ends in ((3, 8), (1, 4)))
    methods = METHODS[:3] if dtype in ("int16", "int64", "uint8") else (*METHODS[:3], "fft")
    if kernel == (3, 3) and dtype in ("float32", "float64", "complex64"):
        methods = METHODS
    method = str(generator.choice(methods))
    padding = str(generator.choice(("valid", "same", "full")))
    n_kernels *= groups
    shapes = ((n_images, *image, depth * groups), (n_kernels, *kernel, depth), (n_kernels,))
    response = checks.response_dtype(dtype)
    response_shape = (n_images, *xcorr.response_shape(image, kernel, padding=padding), n_kernels)
    n_bytes = 3 * response.itemsize * max(math.prod(shape) for shape in (*shapes, response_shape))
    numbers = checks.whole_numbers(generator, n_bytes // np.dtype(dtype).itemsize, dtype)
    if dtype == "int64" and generator.random() < 0.5:
        numbers <<= 24  # sums that float64 does not hold
    elif numbers.dtype.kind in "fc" and generator.random() < 0.2:
        numbers[generator.integers(0, len(numbers), 5)] = np.inf
    begin = int(generator.choice((0, 0, 1, 3)))  # where everything is misaligned
    memory = np.concatenate([np.zeros(begin, np.uint8), numbers.view(np.uint8)])[begin:]
    images, kernels, bias = (random_place(generator, n_bytes, shape, dtype, False) for shape in shapes)
    out = random_place(generator, n_bytes, response_shape, response, True)
    keywords = {"padding": padding, "groups": groups, "method": method}
    return Overlap(memory, images, kernels, bias if generator.random() < 0.5 else None, out, keywords)


def overlaps(count: Count, clock_seconds: float, seed: int, least: int) -> None:
    """`out` over images, kernels and bias in one buffer: as with fresh arrays, and no other byte is written."""
    clock = Clock(clock_seconds)
    index = 0
    while index < least or clock:
        generator = np.random.default_rng([seed, index])
        name = f"overlap {seed}-{index}"
        count.begin(name)
        index += 1
        case = random_overlap(generator)
        after = case.memory.copy()
        target = case.out.view(case.memory)
        views = [place and place.view(case.memory) for place in (case.images, case.kernels, case.bias)]
        images, kernels, bias = (view if view is None else view.copy() for view in views)
        with _dispatch.using_level(str(generator.choice(_dispatch.runnable_levels()))):
            expected = attempted(images, kernels, bias=bias, **case.keywords)
            found = attempted(views[0], views[1], bias=views[2], out=target, **case.keywords)
        if isinstance(expected, np.ndarray):
            case.out.view(after)[...] = expected
        if found is not target and type(found) is not type(expected):
            count.wrong(name, f"{found!r:.100} instead of {expected!r:.100}")
        if case.memory.tobytes() != after.tobytes():
            count.wrong(name, f"{np.count_nonzero(case.memory != after)} bytes differ, {case.keywords}")


def attempted(*operands: Any, **keywords: Any) -> Any:
    """The response, or the OverflowError that integers may end in."""
    try:
        return xcorr.correlate(*operands, **keywords)
    except OverflowError as error:
        return error


def resized(count: Count, clock_seconds: float, seed: int) -> None:
    """Arrays that another thread resizes again and again: right responses, or errors of either thread."""
    shapes = ((3, 90, 80), (40, 200, 200))  # a call that is repeated as it is, and one that workers share
    arrays: dict[str, Any] = {}
    stop = threading.Event()

    def resize() -> None:
        while not stop.is_set():
            for array in tuple(arrays.values()):
                with contextlib.suppress(ValueError):
                    array.resize((1,), refcheck=False)
                del array
            time.sleep(0.0005)

    thread = threading.Thread(target=resize)
    thread.start()
    clock = Clock(clock_seconds)
    for index, (shape, method) in enumerate(itertools.cycle(itertools.product(shapes, METHODS[:3]))):
        if not clock:
            break
        name = f"resized {shape} {method} {index}"
        count.begin(name)
        images, kernels = np.ones(shape, np.float32), np.ones((2, 3, 3), np.float32)
        for out in (None, np.empty((shape[0], shape[1] - 2, shape[2] - 2, 2), np.float32), None):
            arrays.update(images=images, kernels=kernels)
            if out is not None:
                arrays.update(out=out)
            try:
                response = xcorr.correlate(images, kernels, layout="NHW", method=method, out=out)
            except (TypeError, ValueError) as error:
                if not str(error).startswith(("images: ", "kernels: ", "out: ")):
                    count.wrong(name, error)
            else:
                if out is None and not (response == 9).all():
                    count.wrong(name, "wrong response")
    stop.set()
    thread.join()

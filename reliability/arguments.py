"""Calls that are malformed, arrays of every kind, and random arguments. R21, and the API's half of R12."""

import itertools
import math
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import children
import numpy as np
from rows import Outcome, Row

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import malformed
from cases import FEW
from checks import response_dtype, whole_numbers
from memory_orders import LYING, MEMORY, OnlyArray, OnlyDLPack

import xcorr
from xcorr import _dispatch

METHODS = ("auto", "direct", "matmul", "winograd")
MIB = 1 << 20
Tell = Callable[..., None]


class Count:
    """Counts cases, and tells which one begins and what is wrong with it."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.n_cases = 0

    def begin(self, case: str) -> None:
        self.n_cases += 1
        self.tell("at", (self.n_cases, case))

    def wrong(self, case: str, problem: object) -> None:
        self.tell("wrong", f"{case}: {problem}")


def counted(part: Callable[..., None], *arguments: Any, silence: float = 60, address_space: int | None = None) -> Any:
    """Cases of a part that is run in a child process, and what was wrong."""
    told, ending = children.run(run_counted, part, *arguments, silence=silence, address_space=address_space)
    n_cases, case = told["at"][-1] if told["at"] else (0, "the beginning")
    return n_cases, [*told.get("wrong", []), *([f"{ending} at {case}"] if ending else [])]


def run_counted(tell: Tell, part: Callable[..., None], *arguments: Any) -> None:
    part(Count(tell), *arguments)


def outcome(results: list[tuple[int, list[str]]], what: str) -> Outcome:
    wrong = tuple(itertools.chain.from_iterable(remarks for _, remarks in results))
    return Outcome(f"{len(wrong)} {what}", sum(n_cases for n_cases, _ in results), not wrong, wrong)


# R21: malformed calls


def refuse(count: Count, case: str, row: Any, call: Callable[[], Any]) -> None:
    """Notes what is wrong unless `call` raises the row's error."""
    count.begin(case)
    try:
        call()
    except row.error as error:
        if fault := malformed.fault_of(error, row):
            count.wrong(case, fault)
    except BaseException as error:
        count.wrong(case, f"{type(error).__name__}: {error!s:.200}")
    else:
        count.wrong(case, "not refused")


def malformed_calls(count: Count) -> None:
    """The table of calls by every verb, method and level; the other functions'; the environment."""
    for level, method, row in itertools.product(_dispatch.runnable_levels(), METHODS[:3], malformed.MALFORMED):
        if method != "auto" and "method" in row.keywords:
            continue
        keywords = {"method": method, **row.keywords} if method != "auto" else row.keywords
        at_call = {name: value for name, value in keywords.items() if name in ("out", "workers")}
        prepared = {name: value for name, value in keywords.items() if name not in at_call}
        verbs = {
            "correlate": lambda row=row, keywords=keywords: xcorr.correlate(row.images, row.kernels, **keywords),
            "convolve": lambda row=row, keywords=keywords: xcorr.convolve(row.images, row.kernels, **keywords),
            "Correlator": lambda row=row, at_call=at_call, prepared=prepared: xcorr.Correlator(row.kernels, **prepared)(
                row.images, **at_call
            ),
        }
        with _dispatch.using_level(level):
            for verb, call in verbs.items():
                refuse(count, f"{verb} {row.id} {method} {level}", row, call)
    for row in malformed.OTHERS:
        refuse(count, row.id, row, lambda row=row: row.function(**row.arguments))
    xcorr.set_workers(None)
    for name, value in malformed.ENVIRONMENT:
        row = malformed.Refused(f"{name}={value:.20}", xcorr.get_workers, {}, ValueError, name)
        os.environ[name] = value
        refuse(count, row.id, row, xcorr.get_workers)
        del os.environ[name]
    for value in malformed.LEVELS:
        row = malformed.Refused(f"XCORR_LEVEL={value!r}", _dispatch.load, {}, ValueError, "XCORR_LEVEL")
        refuse(count, row.id, row, lambda value=value: _dispatch.load(value))
    count.begin("a right call after all of these")
    if not (xcorr.correlate(malformed.IMAGES, malformed.KERNELS) == 24).all():
        count.wrong("a right call after all of these", "wrong")


def run_malformed_calls(seconds: float, seed: int) -> Outcome:
    return outcome([counted(malformed_calls)], "violations")


# R21: arrays


def same(response: Any, expected: Any) -> bool:
    """Equal in shape, dtype and every bit."""
    return (response.shape, response.dtype, response.tobytes()) == (expected.shape, expected.dtype, expected.tobytes())


DTYPES = ("float16", "float32", "float64", "complex64", "complex128", "uint8", "int16", "int64", "bool")


def of_any_kind(count: Count, clock_seconds: float, seed: int) -> None:
    """Operands of each memory order and kind in turn, by a random method and level: the bits of plain arrays."""
    kinds = {**MEMORY, **LYING, "dlpack": OnlyDLPack, "array": OnlyArray, "memoryview": memoryview}
    clock = children.Clock(clock_seconds)
    for index, kind in enumerate(itertools.cycle(kinds)):
        if not clock and index >= 4 * len(kinds):
            return
        generator = np.random.default_rng([seed, index])
        choices = DTYPES, METHODS[1:3], _dispatch.runnable_levels()
        dtype, method, level = (str(generator.choice(words)) for words in choices)
        case = FEW[generator.integers(len(FEW))]
        keywords = {name: value for name, value in case.keywords.items() if name != "fill_value" or dtype != "bool"}
        name = f"{kind} {dtype} {method} {level} {case.id} {seed}-{index}"
        count.begin(name)
        images, kernels = (whole_numbers(generator, shape, dtype) for shape in (case.images, case.kernels))
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
                    if kind not in LYING or not str(error).startswith(("images: ", "kernels: ")):
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


def overlaps(count: Count, clock_seconds: float, seed: int, least: int) -> None:
    """`out` over images, kernels and bias in one buffer: as with fresh arrays, and no other byte is written."""
    clock = children.Clock(clock_seconds)
    index = 0
    while index < least or clock:
        generator = np.random.default_rng([seed, index])
        name = f"overlap {seed}-{index}"
        count.begin(name)
        index += 1
        dtype = str(generator.choice(("float32", "float64", "float16", "complex64", "int16", "int64", "uint8")))
        level = str(generator.choice(_dispatch.runnable_levels()))
        n_images, n_kernels, depth, groups = (int(n) for n in generator.integers(1, 4, 4))
        height, width = (int(n) for n in generator.integers(3, 8, 2))
        kernel_height, kernel_width = (int(n) for n in generator.integers(1, 4, 2))
        keywords: dict[str, Any] = {"padding": str(generator.choice(("valid", "same", "full"))), "groups": groups}
        for_winograd = (kernel_height, kernel_width) == (3, 3) and dtype in ("float32", "float64", "complex64")
        keywords["method"] = str(generator.choice(METHODS[: 4 if for_winograd else 3]))
        n_kernels *= groups
        shapes = (
            (n_images, height, width, depth * groups),
            (n_kernels, kernel_height, kernel_width, depth),
            (n_kernels,),
        )
        rows, columns = xcorr.response_shape(shapes[0][1:3], shapes[1][1:3], padding=keywords["padding"])
        response, response_shape = response_dtype(dtype), (n_images, rows, columns, n_kernels)
        sizes = [math.prod(shape) for shape in (*shapes, response_shape)]
        n_bytes = 3 * max(sizes) * response.itemsize
        numbers = whole_numbers(generator, n_bytes // np.dtype(dtype).itemsize, dtype)
        if dtype == "int64" and generator.random() < 0.5:
            numbers <<= 24  # sums that float64 does not hold
        elif numbers.dtype.kind in "fc" and generator.random() < 0.2:
            numbers[generator.integers(0, len(numbers), 5)] = np.inf
        memory = numbers.view(np.uint8)
        begin = int(generator.choice((0, 0, 1, 3)))  # misaligned, all of them
        memory = np.concatenate([np.zeros(begin, np.uint8), memory])[begin:]
        images, kernels, bias = (random_place(generator, len(memory), shape, dtype, False) for shape in shapes)
        out = random_place(generator, len(memory), response_shape, response, True)
        with_bias = generator.random() < 0.5
        copies = [place.view(memory).copy() for place in (images, kernels, bias)]
        after = memory.copy()
        with _dispatch.using_level(level):
            expected = attempted(copies[0], copies[1], bias=copies[2] if with_bias else None, **keywords)
            if isinstance(expected, np.ndarray):
                out.view(after)[...] = expected
            target = out.view(memory)
            found = attempted(
                images.view(memory),
                kernels.view(memory),
                bias=bias.view(memory) if with_bias else None,
                out=target,
                **keywords,
            )
        if isinstance(expected, np.ndarray):
            if found is not target:
                count.wrong(name, f"not returned: {found!r:.100}")
        elif type(found) is not type(expected):
            count.wrong(name, f"{found!r:.100} instead of {expected!r:.100}")
        if memory.tobytes() != after.tobytes():
            count.wrong(name, f"{np.count_nonzero(memory != after)} bytes differ, {dtype} {keywords} {level}")


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
                try:
                    array.resize((1,), refcheck=False)
                except ValueError:
                    pass
                del array
            time.sleep(0.0005)

    thread = threading.Thread(target=resize)
    thread.start()
    clock = children.Clock(clock_seconds)
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


def run_arrays(seconds: float, seed: int) -> Outcome:
    return outcome(
        [
            counted(of_any_kind, seconds / 4, seed),
            counted(overlaps, seconds / 2, seed, 10_000),
            counted(resized, seconds / 4, seed),
        ],
        "differences",
    )


# R12: random arguments


class Lies:
    """An object with every method that is asked for, each of which gives what it should not."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.ndim = self.shape = self.dtype = value

    def answer(self, *arguments: Any, **keywords: Any) -> Any:
        return self.value

    __array__ = __dlpack__ = __dlpack_device__ = __iter__ = __getitem__ = __fspath__ = answer
    __index__ = __int__ = __float__ = __complex__ = __len__ = answer


def nested(depth: int) -> list[Any]:
    inner: list[Any] = [1]
    for _ in range(depth):
        inner = [inner]
    return inner


def cyclic() -> list[Any]:
    items: list[Any] = [1]
    items.append(items)
    return items


def garbage(generator: random.Random) -> Any:
    """Anything at all, but no sequence without end: NumPy makes an array of it until there is no memory."""
    number = generator.choice(
        (
            0,
            1,
            -1,
            2,
            3,
            7,
            255,
            2**16,
            2**31,
            -(2**31),
            2**32 + 1,
            2**62,
            2**63 - 1,
            2**63,
            2**64,
            10**400,
            -(10**5000),
        )
    )
    floating = generator.choice((0.0, -0.0, 0.5, 1.0, 1e308, 5e-324, float("nan"), float("inf"), -float("inf")))
    text = generator.choice(
        ("", "valid", "same", "NHWC", "wrap", "\0", "\ud800", "é" * 1000, "x" * 10**5, "<f4", "O,O")
    )
    dtype = generator.choice(
        ("f4", "f8", "f2", "i1", "u8", "c8", "O", "U3", "S2", "M8[s]", "m8[D]", "V5", "g", "?", ">i4")
    )
    shape = generator.choice(((), (0,), (1,), (3,), (2, 2), (3, 3), (2, 0, 2), (1, 4, 4, 1), (2, 3, 3, 2), (1,) * 12))
    huge = generator.choice(((2**40,), (2**20, 2**20), (2**15, 2**15, 2**15, 1), (1, 2**40, 1, 1), (2**40, 1, 1, 1)))
    makers: tuple[Callable[[], Any], ...] = (
        lambda: number,
        lambda: floating,
        lambda: text,
        lambda: None,
        lambda: generator.choice((True, False, np.True_, Ellipsis, NotImplemented, 1j, complex(floating, floating))),
        lambda: generator.choice((b"", b"abc", bytearray(9), memoryview(b"abcd"), range(3), range(2**62), slice(1, 2))),
        lambda: generator.choice((int, np.float32, object, len, sys, Lies, np.dtype("f4"), np.dtype([("a", "f4")]))),
        lambda: np.zeros(shape, dtype),
        lambda: np.broadcast_to(np.ones((), dtype), huge),
        lambda: np.ma.masked_all(shape),
        lambda: np.array(number if abs(number) < 2**63 else 1, dtype=generator.choice(("i8", "f4", "O"))),
        lambda: (np.int8(3), np.uint64(2**64 - 1), np.float16(2), np.str_("same"), np.bytes_(b"x"))[number % 5],
        lambda: [garbage(generator) for _ in range(generator.randint(0, 4))],
        lambda: tuple(garbage(generator) for _ in range(generator.randint(0, 4))),
        lambda: {"a": number, text: floating},
        lambda: {1, 2, 3},
        lambda: (item for item in (1, 2)),
        lambda: nested(generator.choice((3, 40, 70, 5000))),
        cyclic,
        lambda: itertools.count(),
        malformed.Raises,
        lambda: Lies(generator.choice((number, None, text, (), -1, floating))),
        lambda: generator.choice(list(LYING.values()))(np.zeros((3, 3))),
        lambda: os,
    )
    return generator.choice(makers)()


WORDS: dict[str, tuple[Any, ...]] = {
    "layout": (None, "NHWC", "NCHW", "NHW"),
    "padding": ("valid", "same", "full", 0, 1, (1, 2), ((0, 1), (2, 0)), 40),
    "boundary": ("constant", "edge", "reflect", "symmetric", "wrap"),
    "fill_value": (0, 1, 0.5),
    "stride": (1, 2, (1, 3), 2**40),
    "dilation": (1, 2, (3, 1)),
    "groups": (1, 2),
    "bias": (None, 1, (1, 2)),
    "conjugate": (True, False),
    "method": METHODS,
    "precision": ("standard", "strict"),
    "dtype": (None, "f4", "f8", "c16", "i4"),
    "out": (None,),
    "workers": (None, 1, 3, -1),
}


def some_keywords(generator: random.Random, left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Some keywords, most of them sound."""
    names = [name for name in WORDS if name not in left_out]
    chosen = generator.sample(names, generator.randint(0, 4))
    return {name: generator.choice(WORDS[name]) if generator.random() < 0.6 else garbage(generator) for name in chosen}


def some_operand(generator: random.Random) -> Any:
    if generator.random() < 0.3:
        return garbage(generator)
    shape = generator.choice(((5, 6), (3, 3), (2, 3, 3), (3, 6, 7), (2, 6, 7, 2), (2, 3, 3, 2), (4, 3, 3, 1)))
    dtype = generator.choice(("f4", "f8", "f2", "u1", "i8", "c8", "?"))
    return np.ones(shape, dtype)


def some_shape(generator: random.Random) -> Any:
    if generator.random() < 0.4:
        return garbage(generator)
    return tuple(generator.choice((1, 2, 3, 5, 9, 0, 2**31, 2**62)) for _ in range(generator.randint(1, 5)))


def some_call(generator: random.Random) -> tuple[str, Callable[[], Any]]:
    """A function's name, and it called with random arguments."""
    calls: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("correlate", lambda: xcorr.correlate(*operands, **keywords)),
        ("convolve", lambda: xcorr.convolve(*operands, **keywords)),
        ("Correlator", lambda: xcorr.Correlator(operands[1], **prepared)(operands[0], **at_call)),
        ("explain", lambda: xcorr.Correlator(operands[1], **prepared).explain(shapes[0], dtype=word)),
        ("choose_method", lambda: xcorr.choose_method(*shapes, **chosen)),
        ("response_shape", lambda: xcorr.response_shape(*shapes, padding=word, stride=other)),
        ("window_index", lambda: xcorr.window_index(*shapes, dilation=word)),
        ("correlation_indices", lambda: xcorr.correlation_indices(*shapes, stride=word, dilation=other)),
        ("windows", lambda: xcorr.windows(operands[0], shapes[1], layout=word, stride=other)),
        ("set_workers", lambda: xcorr.set_workers(word)),
        ("load_idx", lambda: xcorr.datasets.load_idx(word, max_bytes=other)),
        ("load_mnist", lambda: xcorr.datasets.load_mnist(word, max_bytes=other)),
        ("load_cifar10", lambda: xcorr.datasets.load_cifar10(word, max_bytes=other)),
    )
    operands = some_operand(generator), some_operand(generator)
    shapes = some_shape(generator), some_shape(generator)
    keywords = some_keywords(generator)
    prepared = {name: value for name, value in keywords.items() if name not in ("out", "workers")}
    at_call = {name: value for name, value in keywords.items() if name in ("out", "workers")}
    chosen = some_keywords(generator, ("fill_value", "bias", "out", "workers"))
    word, other = (
        garbage(generator) if generator.random() < 0.6 else generator.choice((None, 1, 2, "same", "NHW", (1, 2)))
        for _ in range(2)
    )
    return generator.choice(calls)


DOCUMENTED = (TypeError, ValueError, OverflowError, MemoryError)


def random_calls(count: Count, clock_seconds: float, seed: int) -> None:
    clock = children.Clock(clock_seconds)
    index = 0
    while clock:
        name, call = some_call(random.Random(f"{seed}-{index}"))
        case = f"{name} {seed}-{index}"
        count.begin(case)
        begin = time.perf_counter()
        try:
            call()
        except DOCUMENTED:
            pass
        except BaseException as error:
            if not (isinstance(error, OSError) and name.startswith("load")):
                count.wrong(case, f"{type(error).__name__}: {error!s:.200}")
        if (taken := time.perf_counter() - begin) > SECONDS:
            count.wrong(case, f"took {taken:.1f} s")
        xcorr.set_workers(None)
        index += 1


SECONDS = 5.0
"""The most that a call with random arguments may take: its sound arrays are small."""


def run_random_calls(seconds: float, seed: int) -> Outcome:
    return outcome([counted(random_calls, seconds, seed, silence=30, address_space=512 * MIB)], "violations")


ROWS = [
    Row(
        "R12-calls",
        "random arguments for every public function, in a child process that may take 512 MiB more: crashes, hangs, "
        "exceptions but TypeError, ValueError, OverflowError, MemoryError (OSError of a reader)",
        "0",
        run_random_calls,
    ),
    Row(
        "R21",
        "malformed calls of every public function by every verb, method and level: the class, the argument first, what "
        "was got and what is allowed",
        "0 violations",
        run_malformed_calls,
    ),
    Row(
        "R21-arrays",
        "arrays of every stride, alignment, byte order and kind, some of which lie; out over images, kernels and bias "
        "at 10,000 random places and more; arrays that another thread resizes: the bits of plain, fresh arrays",
        "0 differences",
        run_arrays,
    ),
]

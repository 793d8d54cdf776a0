"""Calls that are malformed, arrays of every kind, and random arguments. R21, and the API's half of R12."""

import itertools
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import arrays
import children
import numpy as np
from rows import SHORT, Outcome, Row
from support import malformed, malformed_others, malformed_scores, memory_orders

import xcorr
from xcorr import _dispatch

MIB = 1 << 20


# R21: malformed calls


def refuse(count: children.Count, case: str, row: Any, call: Callable[[], Any]) -> None:
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


def prepared(images: Any, kernels: Any, **keywords: Any) -> Any:
    """The call of a Correlator that `correlate` would be."""
    at_call = {name: keywords.pop(name) for name in ("out", "workers") if name in keywords}
    return xcorr.Correlator(kernels, **keywords)(images, **at_call)


VERBS = (xcorr.correlate, xcorr.convolve, prepared)


def malformed_calls(count: children.Count) -> None:
    """The table of calls by every verb, method and level; the other functions'; the environment."""
    for level, method, row in itertools.product(_dispatch.runnable_levels(), arrays.METHODS[:3], malformed.MALFORMED):
        if method != "auto" and "method" in row.keywords:
            continue
        keywords = {"method": method, **row.keywords} if method != "auto" else row.keywords
        with _dispatch.using_level(level):
            for verb in VERBS:
                refuse(
                    count,
                    f"{verb.__name__} {row.id} {method} {level}",
                    row,
                    lambda verb=verb, row=row, keywords=keywords: verb(row.images, row.kernels, **keywords),
                )
    for row in (*malformed_others.OTHERS, *malformed_scores.SCORES):
        refuse(count, row.id, row, lambda row=row: row.function(**row.arguments))
    xcorr.set_workers(None)
    for name, value in malformed.ENVIRONMENT:
        row = malformed_others.Refused(f"{name}={value:.20}", xcorr.get_workers, {}, ValueError, name)
        os.environ[name] = value
        refuse(count, row.id, row, xcorr.get_workers)
        del os.environ[name]
    for value in malformed.LEVELS:
        row = malformed_others.Refused(f"XCORR_LEVEL={value!r}", _dispatch.load, {}, ValueError, "XCORR_LEVEL")
        refuse(count, row.id, row, lambda value=value: _dispatch.load(value))
    count.begin("a right call after all of these")
    if not (xcorr.correlate(malformed.IMAGES, malformed.KERNELS) == 24).all():
        count.wrong("a right call after all of these", "wrong")


def run_malformed_calls(seconds: float, seed: int) -> Outcome:
    return children.outcome([children.counted(malformed_calls)], "violations")


def run_arrays(seconds: float, seed: int) -> Outcome:
    return children.outcome(
        [
            children.counted(arrays.of_any_kind, seconds / 4, seed),
            children.counted(arrays.overlaps, seconds / 2, seed, 0 if seconds <= SHORT else 10_000),
            children.counted(arrays.resized, seconds / 4, seed),
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
        lambda: generator.choice(list(memory_orders.LYING.values()))(np.zeros((3, 3))),
        lambda: os,
    )
    return generator.choice(makers)()


WORDS: dict[str, tuple[Any, ...]] = {
    "layout": (None, "NHWC", "NCHW", "NHW", "NWC", "NCW", "NW", "NDHWC", "NCDHW", "NDHW"),
    "padding": ("valid", "same", "full", 0, 1, (1, 2), ((0, 1), (2, 0)), 40),
    "boundary": ("constant", "edge", "reflect", "symmetric", "wrap"),
    "fill_value": (0, 1, 0.5),
    "stride": (1, 2, (1, 3), 2**40),
    "dilation": (1, 2, (3, 1)),
    "groups": (1, 2),
    "bias": (None, 1, (1, 2)),
    "conjugate": (True, False),
    "method": arrays.METHODS,
    "precision": ("standard", "strict"),
    "dtype": (None, "f4", "f8", "c16", "i4"),
    "out": (None,),
    "workers": (None, 1, 3, -1),
    "mask": (None, "finite", np.ones((5, 6)), np.zeros((6, 7), bool)),
    "normalize": (True, False),
    "reduce": (None, "max", "argmin", ("mean", "ppv"), xcorr.Peaks(3)),
    "over": ("positions", "kernels"),
    "roi": (None, (slice(1, 3), slice(None))),
    "pairwise": (False, True),
}
OF_SCORES: dict[str, tuple[Any, ...]] = {
    **{name: words for name, words in WORDS.items() if name not in ("groups", "bias", "conjugate", "normalize")},
    "score": ("zncc", "ncc", "covariance", "correlation", "ssd", "nssd"),
    "template_mask": (None, np.ones((3, 3)), np.zeros((3, 3), bool)),
    "min_overlap": (0, 0.5, 1),
    "undefined": (None, 0, -1.5, float("nan")),
}
OF_PEAKS: dict[str, tuple[Any, ...]] = {
    "k": (1, 3, 1000),
    "threshold": (None, 0, 0.5, -(2**70)),
    "min_distance": (1, 4, 2**62),
    "border": (0, 2, 2**62),
    "largest": (True, False),
    "subpixel": (None, "parabola", "gaussian"),
    "per": ("kernel", "image"),
}
"""Keywords, and values that are allowed."""


def some_keywords(
    generator: random.Random, left_out: tuple[str, ...] = (), words: dict[str, tuple[Any, ...]] = WORDS
) -> dict[str, Any]:
    """Some keywords, most of them sound."""
    names = [name for name in words if name not in left_out]
    chosen = generator.sample(names, generator.randint(0, 4))
    return {name: generator.choice(words[name]) if generator.random() < 0.6 else garbage(generator) for name in chosen}


def some_operand(generator: random.Random) -> Any:
    if generator.random() < 0.3:
        return garbage(generator)
    shape = generator.choice(((5, 6), (3, 3), (2, 3, 3), (3, 6, 7), (2, 6, 7, 2), (2, 3, 3, 2), (4, 3, 3, 1)))
    dtype = generator.choice(("f4", "f8", "f2", "u1", "i8", "c8", "?"))
    return np.ones(shape, dtype)


def of_some_size(operand: Any) -> Any:
    """The operand, but none whose elements are all in one place: reduced, they would take hours."""
    is_huge = isinstance(operand, np.ndarray) and operand.size > 10**6
    return np.ones((5, 6)) if is_huge else operand


def some_shape(generator: random.Random) -> Any:
    if generator.random() < 0.4:
        return garbage(generator)
    return tuple(generator.choice((1, 2, 3, 5, 9, 0, 2**31, 2**62)) for _ in range(generator.randint(1, 5)))


def some_call(generator: random.Random) -> tuple[str, Callable[[], Any]]:
    """A function's name, and it called with random arguments."""
    calls: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("correlate", lambda: xcorr.correlate(*operands, **keywords)),
        ("convolve", lambda: xcorr.convolve(*operands, **keywords)),
        ("Correlator", lambda: prepared(*operands, **keywords)),
        ("match", lambda: xcorr.match(*operands, **scoring)),
        ("Matcher", lambda: malformed_scores.matcher(*operands, **scoring)),
        ("Peaks", lambda: xcorr.Peaks(**wanted)(of_some_size(operands[0]), word)),
        ("explain", lambda: malformed_others.explain(operands[1], shapes[0], word, **chosen)),
        ("choose_method", lambda: xcorr.choose_method(*shapes, **chosen)),
        ("response_shape", lambda: xcorr.response_shape(*shapes, padding=word, stride=other)),
        ("window_index", lambda: xcorr.window_index(*shapes, dilation=word)),
        ("correlation_indices", lambda: xcorr.correlation_indices(*shapes, stride=word, dilation=other)),
        ("windows", lambda: xcorr.windows(operands[0], shapes[1], layout=word, stride=other)),
        ("set_workers", lambda: xcorr.set_workers(word)),
        ("load_idx", lambda: xcorr.datasets.load_idx(word, max_bytes=other)),
        ("load_mnist", lambda: xcorr.datasets.load_mnist(word, max_bytes=other)),
        ("load_cifar10", lambda: xcorr.datasets.load_cifar10(word, max_bytes=other)),
        ("per_channel", lambda: xcorr.banks.per_channel(operands[0], word)),
        ("over_channels", lambda: xcorr.banks.over_channels(operands[0], word)),
        ("gaussian", lambda: xcorr.banks.gaussian(word, other)),
        ("laplacian_of_gaussian", lambda: xcorr.banks.laplacian_of_gaussian(word, other)),
        ("box", lambda: xcorr.banks.box(word, normalized=other)),
        ("names", lambda: xcorr.banks.names(generator.choice(list(xcorr.banks.BANKS)), size=word)),
    )
    operands = some_operand(generator), some_operand(generator)
    shapes = some_shape(generator), some_shape(generator)
    keywords = some_keywords(generator)
    scoring, wanted = some_keywords(generator, (), OF_SCORES), some_keywords(generator, (), OF_PEAKS)
    chosen = some_keywords(generator, ("fill_value", "bias", "dtype", "out", "workers"))
    if "reduce" in keywords or "reduce" in scoring:
        operands = of_some_size(operands[0]), of_some_size(operands[1])
    word, other = (
        garbage(generator) if generator.random() < 0.6 else generator.choice((None, 1, 2, "same", "NHW", (1, 2)))
        for _ in range(2)
    )
    return generator.choice(calls)


DOCUMENTED = (TypeError, ValueError, OverflowError, MemoryError, malformed.OwnError)


def random_calls(count: children.Count, clock_seconds: float, seed: int) -> None:
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
    return children.outcome(
        [children.counted(random_calls, seconds, seed, silence=30, address_space=512 * MIB)], "violations"
    )


ROWS = [
    Row(
        "R12-calls",
        "random arguments for every public function, in a child process that may take 512 MiB more: crashes, hangs, "
        "exceptions but TypeError, ValueError, OverflowError, MemoryError, an object's own (OSError of a reader)",
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

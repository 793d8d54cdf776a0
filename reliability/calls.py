"""Random calls over the whole contract."""

import os
from collections.abc import Callable
from math import isqrt, prod
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from draws import Draw
from support import checks

import xcorr
from xcorr import _dispatch, _job

LEVELS = (
    (_dispatch.current(),) if os.environ.get("XCORR_LEVEL") else tuple(map(_dispatch.load, _dispatch.runnable_levels()))
)
DTYPES = (*checks.INTEGERS, *checks.FLOATS, *checks.FLOATS, *checks.FLOATS, *checks.COMPLEXES, *checks.COMPLEXES)
FULL_DTYPES = ("float32", "float64", "complex64", "complex128")
"""Those whose sums are of their own precision, as winograd needs; fft has no others but float16."""
TRANSFORMED = ("winograd", "fft")

LENGTHS = (1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 11, 13)
COLUMNS = (1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 37)
KERNEL_LENGTHS = (1, 1, 2, 2, 3, 3, 3, 4, 5, 7, 11)
LARGE_KERNEL_LENGTHS = (1, 3, 5, 8, 9, 13, 17, 24, 33)
N_KERNELS = (1, 1, 1, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33)
DEPTHS = (1, 1, 1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17)
STEPS = (1, 1, 1, 1, 2, 2, 3, 5)
PADS = (0, 0, 1, 1, 2, 3, 6, 13)
OUTS = (None, None, None, "plain", "fortran", "reversed", "spaced", "shifted", "overlapping")
PREPARED = {"Correlator": ("out", "workers"), "Matcher": ("mask", "out", "workers")}
"""What takes kernels, and the keywords that it takes when it is called."""


class Shapes(NamedTuple):
    """(N, H, W, C) and (K, kh, kw, C / groups), and the keywords that belong to them."""

    images: tuple[int, int, int, int]
    kernels: tuple[int, int, int, int]
    keywords: dict[str, Any]

    @property
    def n_taps(self) -> int:
        return prod(self.kernels[1:])


class Call(NamedTuple):
    """Operands, `layout` as the call says it or not, and how it is done."""

    images: np.ndarray
    kernels: np.ndarray
    layout: str
    keywords: dict[str, Any]
    verb: str
    method: str
    level: _dispatch.Level
    work_per_worker: int

    def __str__(self) -> str:
        words = {
            name: f"{value.dtype.str}{list(value.shape)}" if isinstance(value, np.ndarray) else value
            for name, value in self.keywords.items()
        }
        operands = [f"{array.dtype.str}{list(array.shape)}" for array in (self.images, self.kernels)]
        words.update(
            layout=self.layout, method=self.method, level=self.level.name, work_per_worker=self.work_per_worker
        )
        return f"{self.verb} of {' and '.join(operands)}, " + ", ".join(
            f"{name} {word}" for name, word in words.items()
        )

    def run(self, **changes: Any) -> np.ndarray:
        """The response, with these keywords instead of the call's own."""
        keywords = {**self.keywords, "method": self.method, **changes}
        with (
            mock.patch.object(_dispatch, "_current", self.level),
            mock.patch.object(_job, "MULTIPLY_ADDS_PER_WORKER", self.work_per_worker),
        ):
            if self.verb in PREPARED:
                of_call = {name: keywords.pop(name) for name in PREPARED[self.verb] if name in keywords}
                return getattr(xcorr, self.verb)(self.kernels, **keywords)(self.images, **of_call)
            return getattr(xcorr, self.verb)(self.images, self.kernels, **keywords)

    def canonical(self) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """NHWC images, kernels as `correlate` would have them, and the keywords that decide the sum."""
        images, kernels = (
            channels_last(array if array.ndim == len(self.layout) else array[None], self.layout)
            for array in (self.images, self.kernels)
        )
        words = ("padding", "boundary", "fill_value", "stride", "dilation", "groups", "bias", "conjugate")
        keywords = {name: self.keywords[name] for name in words if name in self.keywords}
        if self.verb == "convolve":
            kernels, keywords["conjugate"] = kernels[:, ::-1, ::-1], False
        return images, kernels, keywords

    def arranged(self, response: np.ndarray) -> np.ndarray:
        """(N, rows, columns, K) with the axes that this call's response has."""
        if self.kernels.ndim < len(self.layout):
            response = response[..., 0]
        elif self.layout == "NCHW":
            response = np.moveaxis(response, -1, 1)
        return response if self.images.ndim == len(self.layout) else response[0]

    def dtype(self) -> np.dtype:
        return np.dtype(self.keywords.get("dtype") or checks.response_dtype(self.images, self.kernels))

    def exact(self) -> np.ndarray:
        """The response of whole numbers, whose sums and those of their parts have to be within int64."""
        operands = self.gathered()
        if all(array.dtype.kind != "c" for array in operands[:3]):
            windows, kernels, bias = (array.astype(np.int64) for array in operands[:3])
            return self.arranged(operands.response(windows @ kernels + bias))
        real, imaginary = (
            [getattr(array, part).astype(np.int64) for array in operands[:3]] for part in ("real", "imag")
        )
        response = real[0] @ real[1] - imaginary[0] @ imaginary[1] + real[2]
        return self.arranged(
            operands.response(response + 1j * (real[0] @ imaginary[1] + imaginary[0] @ real[1] + imaginary[2]))
        )

    def gathered(self) -> "Gathered":
        """Every window of the canonical images beside the kernels."""
        images, kernels, keywords = self.canonical()
        n_kernels, height, width, depth = kernels.shape
        groups, conjugate = keywords.pop("groups"), keywords.pop("conjugate")
        bias = keywords.pop("bias", np.zeros(n_kernels, kernels.dtype))
        windows = checks.window_view(images, (height, width), **keywords)
        shape = *windows.shape[:3], n_kernels
        windows = windows.reshape(*windows.shape[:5], groups, depth).transpose(5, 0, 1, 2, 3, 4, 6)
        kernels = kernels.reshape(groups, n_kernels // groups, height * width * depth).swapaxes(1, 2)
        return Gathered(
            windows.reshape(groups, prod(shape[:3]), height * width * depth),
            np.conj(kernels) if conjugate and kernels.dtype.kind == "c" else kernels,
            np.reshape(bias, (groups, 1, n_kernels // groups)),
            shape,
        )


class Gathered(NamedTuple):
    """(groups, positions, taps), (groups, taps, kernels), (groups, 1, kernels); and what a response is."""

    windows: np.ndarray
    kernels: np.ndarray
    bias: np.ndarray
    shape: tuple[int, int, int, int]

    def response(self, sums: np.ndarray) -> np.ndarray:
        """(groups, positions, kernels) as (N, rows, columns, K)."""
        return sums.swapaxes(0, 1).reshape(self.shape)


def channels_last(array: np.ndarray, layout: str) -> np.ndarray:
    if layout == "NHW":
        return array[..., None]
    return np.moveaxis(array, 1, -1) if layout == "NCHW" else array


# --- shapes and keywords ----------------------------------------------------------------------------------------------


def draw_shapes(draw: Draw, method: str, budget: int) -> Shapes:
    """A geometry that must succeed, of at most about so many multiply-adds."""
    by_winograd = method == "winograd"
    lengths = LARGE_KERNEL_LENGTHS if method == "fft" else KERNEL_LENGTHS
    kernel = (3, 3) if by_winograd else (draw.of(lengths), draw.of(lengths))
    stride = 1 if by_winograd else draw_pair(draw, STEPS)
    dilation, padding = draw_pair(draw, STEPS), draw_padding(draw)
    groups = draw.of((2, 3, 5, 8, 17)) if draw.one_in(4) else 1
    depth = draw.of((1, 1, 2, 3)) if groups > 1 else draw.of(DEPTHS)
    bank = draw.of((1, 1, 1, 2, 3)) if groups > 1 else draw.of(N_KERNELS)
    bank = 0 if draw.one_in(50) else bank

    spans = [(length - 1) * step + 1 for length, step in zip(kernel, pair(dilation))]
    if isinstance(padding, str):
        pads, least = [0, 0], spans if padding == "valid" else [1, 1]
    else:
        pads = [sum(pair(pad)) for pad in pair(padding)]
        least = [max(span - pad, 1) for span, pad in zip(spans, pads)]
    size = draw.of(LENGTHS), draw.of(COLUMNS) if draw.one_in(2) else 1 + draw.up_to(39)
    if method == "fft":
        size = 1 + draw.up_to(99), 1 + draw.up_to(99)
    size = [least[axis] if draw.one_in(5) else max(least[axis], size[axis]) for axis in range(2)]

    n_images = 0 if draw.one_in(50) else draw.of((1, 1, 1, 2, 3))
    while True:
        rows, columns = (positions(*axis, padding) for axis in zip(size, spans, pads, pair(stride)))
        if n_images * rows * columns * prod(kernel) * depth * groups * max(bank, 1) <= budget:
            break
        if n_images > 1:
            n_images -= 1
        elif size[0] > least[0]:
            size[0] = max(least[0], size[0] // 2)
        elif max(bank, depth) > 1:
            bank, depth = (bank // 2, depth) if bank > depth else (bank, depth // 2)
        elif groups > 1:
            groups, bank = groups // 2, min(bank, 1)
        else:
            break
    keywords = {"padding": padding, "stride": stride, "dilation": dilation, "groups": groups}
    keywords["boundary"] = draw.of(checks.BOUNDARIES) if padding != "valid" else "constant"
    return Shapes((n_images, *size, groups * depth), (groups * bank, *kernel, depth), keywords)


def long_shapes(draw: Draw, least: int, most: int) -> Shapes:
    """A few responses of so many taps."""
    n_taps = int(least * (most / least) ** draw.rng.random())
    side = isqrt(n_taps)
    height, width, depth = draw.of(
        ((side, side, 1), (1, n_taps, 1), (n_taps, 1, 1), (3, 3, n_taps // 9), (1, 1, n_taps), (side // 4, 4, side))
    )
    n_kernels = draw.of((1, 2, 17)) if n_taps < 100_000 else 1
    keywords = {"padding": "valid", "stride": 1, "dilation": 1, "groups": 1, "boundary": "constant"}
    return Shapes((1, height, width + draw.up_to(2), depth), (n_kernels, height, width, depth), keywords)


def pair(value: Any) -> tuple[Any, Any]:
    return value if isinstance(value, tuple) else (value, value)


def draw_pair(draw: Draw, options: tuple[int, ...]) -> Any:
    return draw.of(options) if draw.one_in(2) else (draw.of(options), draw.of(options))


def draw_padding(draw: Draw) -> Any:
    form = draw.of(("valid", "valid", "same", "full", 1, 2, 4))
    if form in (1, 2):
        return draw_pair(draw, PADS)
    return ((draw.of(PADS), draw.of(PADS)), (draw.of(PADS), draw.of(PADS))) if form == 4 else form


def positions(length: int, span: int, pad: int, stride: int, padding: Any) -> int:
    """Of windows along an axis."""
    if padding == "same":
        return -(-length // stride)
    pad = 2 * (span - 1) if padding == "full" else pad
    return (length + pad - span) // stride + 1


# --- whole calls ------------------------------------------------------------------------------------------------------


def draw_method(draw: Draw) -> str:
    return draw.of(("auto", "direct", "direct", "matmul", "winograd", "fft"))


def whole_call(draw: Draw) -> Call:
    """A call on whole numbers whose sums are exact in the arithmetic that the contract names."""
    method = draw_method(draw)
    if method not in TRANSFORMED and draw.one_in(300):
        shapes = long_shapes(draw, 1000, 40_000)
    else:
        shapes = draw_shapes(draw, method, 1_000_000 if method == "fft" else 100_000 if draw.one_in(30) else 10_000)
    images_dtype, kernels_dtype, asked = draw_dtypes(draw, method)
    largest = largest_whole(draw, shapes.n_taps, images_dtype, kernels_dtype, asked, method)
    images = whole_numbers(draw.rng, shapes.images, images_dtype, largest)
    kernels = whole_numbers(draw.rng, shapes.kernels, kernels_dtype, largest)
    keywords = dict(shapes.keywords)
    if asked:
        keywords["dtype"] = asked
    if not draw.one_in(3):
        bias_dtype = draw_bias_dtype(draw, np.dtype(asked or checks.response_dtype(images, kernels)))
        keywords["bias"] = whole_numbers(draw.rng, shapes.kernels[:1], bias_dtype, largest)
    if keywords["boundary"] == "constant" and draw.one_in(2):
        keywords["fill_value"] = whole_numbers(draw.rng, (), images_dtype, largest).item()
    return as_given(draw, images, kernels, keywords, method)


def draw_dtypes(draw: Draw, method: str) -> tuple[np.dtype, np.dtype, str | None]:
    """Of the images, of the kernels, and what `dtype=` asks for, that the method can do."""
    kernels = np.dtype(draw.of(FULL_DTYPES if method in TRANSFORMED else DTYPES))
    images = kernels if draw.one_in(2) else np.dtype(draw.of(DTYPES))
    asked = None
    if draw.one_in(4):
        natural = checks.response_dtype(images, kernels)
        if method in TRANSFORMED:
            kinds = (natural.name, np.result_type(natural, np.complex64).name)
        else:
            kinds = {
                "i": checks.INTEGERS[1:] + checks.FLOATS + checks.COMPLEXES,
                "f": checks.FLOATS + checks.COMPLEXES,
                "c": checks.COMPLEXES,
            }[natural.kind]
        asked = draw.of(kinds)
    return images, kernels, asked


def draw_bias_dtype(draw: Draw, response: np.dtype) -> str:
    kinds = {
        "i": checks.INTEGERS,
        "u": checks.INTEGERS,
        "f": checks.INTEGERS + checks.FLOATS,
        "c": checks.INTEGERS + checks.FLOATS + checks.COMPLEXES,
    }[response.kind]
    return draw.of((response.name, draw.of(kinds)))


def largest_whole(draw: Draw, n_taps: int, images: np.dtype, kernels: np.dtype, asked: str | None, method: str) -> int:
    """The largest magnitude of the operands: small, or the largest whose sums are exact."""
    if method == "fft" or not draw.one_in(4):
        return 4
    widest = np.result_type(images, kernels, asked) if asked else np.result_type(images, kernels)
    exact = 2**24 if widest in (np.float16, np.float32, np.complex64) else 2**53
    products = n_taps * (2 if widest.kind == "c" else 1) + 1
    return max(4, isqrt(exact // (products * (16 if method == "winograd" else 1))))


def whole_numbers(rng: np.random.Generator, shape: Any, dtype: Any, largest: int) -> np.ndarray:
    """Up to `largest`, as far as the dtype holds them."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        largest = min(largest, int(np.iinfo(dtype).max))
    elif dtype.kind in "fc":
        largest = min(largest, 2 ** (np.finfo(dtype).nmant + 1))
    elif dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    values = rng.integers(0 if dtype.kind == "u" else -largest, largest + 1, shape)
    if dtype.kind == "c":
        values = values + 1j * rng.integers(-largest, largest + 1, shape)
    return np.asarray(values).astype(dtype)


def as_given(
    draw: Draw, images: np.ndarray, kernels: np.ndarray, keywords: dict[str, Any], method: str, verb: str | None = None
) -> Call:
    """NHWC operands in some layout, with or without the axes N and K, in some order of memory, and how it is done."""
    layouts = ("NHWC", "NCHW", "NHW") if images.shape[3] == 1 else ("NHWC", "NCHW")
    layout = draw.of(layouts)
    images, kernels = to_layout(images, layout), to_layout(kernels, layout)
    keywords = dict(keywords, conjugate=not draw.one_in(3))
    bias = keywords.get("bias")
    if len(images) and draw.one_in(4):
        images = images[draw.up_to(len(images) - 1)]
    if len(kernels) and keywords["groups"] == 1 and draw.one_in(4):
        which = draw.up_to(len(kernels) - 1)
        kernels = kernels[which]
        if bias is not None:
            keywords["bias"] = bias[which] if draw.one_in(2) else bias[which : which + 1]
    elif bias is not None:
        keywords["bias"] = in_memory(draw, bias)
    dimensions = images.ndim, kernels.ndim
    inferred = 4 in dimensions if layout == "NHWC" else layout == "NHW" and images.ndim == 2
    if not inferred or draw.one_in(2):
        keywords["layout"] = layout
    keywords["workers"] = draw.of((None, 1, 2, 3, 5))
    if method in ("auto", "direct") and draw.one_in(6):
        keywords["precision"] = "strict"
    draw.call = Call(
        in_memory(draw, images),
        in_memory(draw, kernels),
        layout,
        keywords,
        verb or draw.of(("correlate", "correlate", "convolve", "Correlator")),
        method,
        draw.of(LEVELS),
        1 if draw.one_in(8) else _job.MULTIPLY_ADDS_PER_WORKER,
    )
    return draw.call


def to_layout(operand: np.ndarray, layout: str) -> np.ndarray:
    """(N, H, W, C) or (K, kh, kw, C) in another layout, as a view."""
    if layout == "NCHW":
        return np.moveaxis(operand, -1, 1)
    return operand[..., 0] if layout == "NHW" else operand


# --- memory -----------------------------------------------------------------------------------------------------------


def shifted(array: np.ndarray, offset: int) -> np.ndarray:
    """A copy that begins so many bytes after a multiple of 16."""
    memory = np.empty(array.nbytes + offset, np.uint8)
    copy = memory[offset:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def surrounded(array: np.ndarray) -> np.ndarray:
    """A view into a larger array that holds what must not be read: NaN, or ones."""
    larger = np.full([length + 3 for length in array.shape], np.nan if array.dtype.kind in "fc" else 1, array.dtype)
    view = larger[tuple(slice(1, 1 + length) for length in array.shape)]
    view[...] = array
    return view


def repeated(draw: Draw, array: np.ndarray) -> np.ndarray:
    """Its first part along one axis, again and again without memory of its own."""
    if not array.size or not array.ndim:
        return array
    return np.broadcast_to(array.take([0], draw.up_to(array.ndim - 1)), array.shape)


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


MEMORY: dict[str, Callable[[Draw, np.ndarray], np.ndarray]] = {
    "plain": lambda draw, array: array.copy("C"),
    "as it is": lambda draw, array: array,
    "fortran": lambda draw, array: np.asfortranarray(array),
    "reversed": lambda draw, array: np.flip(np.ascontiguousarray(np.flip(array))),
    "spaced": lambda draw, array: np.repeat(array, 2, axis=-1)[..., ::2],
    "other byte order": lambda draw, array: array.astype(array.dtype.newbyteorder()),
    "shifted": lambda draw, array: shifted(array, 1 + draw.up_to(16)),
    "surrounded": lambda draw, array: surrounded(array),
    "read-only": lambda draw, array: read_only(array),
}
ORDERS = ("plain", "plain", "plain", *MEMORY)


def in_memory(draw: Draw, array: np.ndarray) -> np.ndarray:
    """The same numbers, or some of them repeated, in another order of memory."""
    if draw.one_in(12):
        return repeated(draw, array)
    return MEMORY[draw.of(ORDERS)](draw, array)


def draw_out(
    draw: Draw, call: Call, shape: tuple[int, ...], dtype: np.dtype | None = None
) -> tuple[Call, np.ndarray | None]:
    """An `out` of this shape, and the call whose images share its memory if it overlaps them."""
    form, dtype = draw.of(OUTS if shape else OUTS[:4]), call.dtype() if dtype is None else dtype
    if form is None:
        return call, None
    if form != "overlapping":
        return call, MEMORY[form](draw, np.full(shape, 77, dtype))
    images = call.images
    n_bytes = prod(shape) * dtype.itemsize
    memory = np.zeros(images.nbytes + n_bytes, np.uint8)
    shared = memory[: images.nbytes].view(images.dtype).reshape(images.shape)
    shared[...] = images
    first = draw.up_to(images.nbytes)
    return call._replace(images=shared), memory[first : first + n_bytes].view(dtype).reshape(shape)

"""R1 to R3, R5, R6: exact sums of whole numbers, errors under their bound, NaN and infinity in their windows only."""

import itertools
from math import log2, prod, sqrt

import numpy as np
from calls import (
    LEVELS,
    TRANSFORMED,
    Call,
    Gathered,
    as_given,
    draw_method,
    draw_out,
    draw_shapes,
    long_shapes,
    whole_call,
    whole_numbers,
)
from draws import Draw, drawn_row
from rows import Outcome, Row
from support import checks

import xcorr
from xcorr import _dispatch
from xcorr._methods.sections import SIZES

# --- R1: whole numbers ------------------------------------------------------------------------------------------------


def check_whole_numbers(draw: Draw) -> None:
    call = whole_call(draw)
    exact = call.exact()
    call, out = draw_out(draw, call, exact.shape)
    if does_not_fit(exact, call.dtype()):
        assert_refused(call, out)
        return
    with np.errstate(over="ignore"):
        expected = exact.astype(call.dtype())
    for _ in range(3 if out is None and draw.one_in(8) else 1):
        response = call.run(out=out)
        assert out is None or response is out
        assert_equal(rounded(call, response), expected)


def rounded(call: Call, response: np.ndarray) -> np.ndarray:
    """The whole numbers that the response of a transform is next to; a response of any other method as it is."""
    if call.method == "auto" and response.dtype.kind in "fc":
        images, kernels, keywords = call.canonical()
        words = ("padding", "stride", "dilation", "groups")
        by_fft = xcorr.choose_method(
            images.shape, kernels.shape, dtype=response.dtype, layout="NHWC", **{word: keywords[word] for word in words}
        )
        return np.rint(response) if by_fft == "fft" else response
    return np.rint(response) if call.method == "fft" else response


def does_not_fit(exact: np.ndarray, dtype: np.dtype) -> bool:
    """Whether an integer type lacks one of the responses."""
    if dtype.kind not in "iu" or not exact.size:
        return False
    limits = np.iinfo(dtype)
    return not (limits.min <= exact.min() and exact.max() <= limits.max)


def assert_refused(call: Call, out: np.ndarray | None) -> None:
    """OverflowError, and `out` as it was."""
    before = None if out is None else out.tobytes()
    try:
        call.run(out=out)
    except OverflowError:
        assert out is None or out.tobytes() == before, "OverflowError, but `out` was written to"
    else:
        raise AssertionError("a response does not fit, and no OverflowError was raised")


def assert_equal(response: np.ndarray, expected: np.ndarray) -> None:
    """Same type, same shape, same numbers; NaN equals NaN in the same part."""
    assert type(response) is np.ndarray
    assert (response.dtype, response.shape) == (expected.dtype, expected.shape), f"{response.dtype} {response.shape}"
    if response.dtype.kind == "c":
        assert_equal(response.real, expected.real)
        assert_equal(response.imag, expected.imag)
        return
    equal = response == expected
    if response.dtype.kind == "f":
        equal |= np.isnan(response) & np.isnan(expected)
    if not equal.all():
        wrong = np.argwhere(~equal)
        where = tuple(wrong[0].tolist())
        raise AssertionError(
            f"{len(wrong)} of {response.size} differ, at {where}: {response[where]}, not {expected[where]}"
        )


# --- R2: errors of direct sums ----------------------------------------------------------------------------------------

SPREADS = {"f": 25, "d": 200}
"""Powers of two that an operand spans up and down: products of two neither overflow nor become subnormal."""

MAGNITUDES = ("normal", "normal", "equal", "positive", "spread", "cancelling", "falling", "rising", "one huge")


def check_direct_error(draw: Draw) -> float:
    """The largest error as a share of its bound."""
    method = draw.of(("direct", "direct", "matmul"))
    dtype = np.dtype(draw.of(("float32", "float32", "float64", "float64", "complex64", "complex128")))
    most = 850_000 if method == "matmul" else 1_000_000  # a matrix of more would leave no room for gathered windows
    most //= 2 if dtype.kind == "c" else 1
    is_long = draw.one_in(40)
    shapes = long_shapes(draw, 1000, most) if is_long else draw_shapes(draw, method, 5_000)
    kinds = ("equal",) if is_long and draw.one_in(3) else MAGNITUDES  # the worst of long sums: all round the same way
    keywords = dict(shapes.keywords)
    if keywords["boundary"] == "constant" and draw.one_in(2):
        keywords["fill_value"] = magnitudes(draw, (1,), dtype)[0].item()
    if draw.one_in(2):
        keywords["bias"] = magnitudes(draw, shapes.kernels[:1], dtype)
    images, kernels = (magnitudes(draw, shape, dtype, kinds) for shape in shapes[:2])
    call = as_given(draw, images, kernels, keywords, method)
    operands = call.gathered()
    wide = np.dtype(np.float64 if dtype in (np.float32, np.complex64) else np.longdouble)
    expected, sums = naive_sums(operands, wide), magnitude_sums(operands, wide)
    n_taps = (operands.windows.shape[2] + ("bias" in keywords)) * (2 if dtype.kind == "c" else 1)
    unit = np.finfo(dtype).eps / 2
    most_roundings = 4 + 2 * sqrt(n_taps)
    if method == "matmul" and shapes.kernels[1:3] == (1, 1):
        most_roundings = max(most_roundings, min(n_taps, 256) + n_taps / 256 + 1)
    allowed = most_roundings * unit * sums + 64 * np.finfo(wide).eps * sums
    errors = np.abs(call.run() - call.arranged(expected))
    allowed = call.arranged(allowed)
    share = float(np.max(errors[errors > 0] / allowed[errors > 0], initial=0))
    assert np.isfinite(errors).all(), "an error is not finite"
    assert share <= 1, f"an error of {share:.3g} times its bound, {n_taps} taps"
    return share


def magnitudes(draw: Draw, shape: tuple[int, ...], dtype: np.dtype, kinds: tuple[str, ...] = MAGNITUDES) -> np.ndarray:
    """Numbers that are hard on a sum in one way or another."""
    rng, spread = draw.rng, SPREADS["d" if dtype in (np.float64, np.complex128) else "f"]
    kind = draw.of(kinds)
    if dtype.kind == "c":
        part = np.dtype(dtype.type(0).real.dtype)
        real, imaginary = (magnitudes(draw, shape, part, kinds) for _ in range(2))
        return (real + 1j * imaginary).astype(dtype)
    values = rng.standard_normal(int(np.prod(shape)))
    if kind == "equal":
        values[...] = 0.1 + rng.random()
    elif kind == "positive":
        values = 0.5 + rng.random(len(values))
    elif kind == "spread":
        values *= np.exp2(rng.integers(-spread, spread + 1, len(values)))
    elif kind == "cancelling":
        values[1::2] = -values[: len(values) // 2 * 2 : 2] * (1 + 1e-6)
    elif kind in ("falling", "rising"):
        powers = np.linspace(spread, -spread, len(values))
        values *= np.exp2(powers if kind == "falling" else -powers)
    elif kind == "one huge" and len(values):
        values[rng.integers(len(values))] = 2.0**spread
    return values.reshape(shape).astype(dtype)


def naive_sums(operands: Gathered, wide: np.dtype) -> np.ndarray:
    """The sum as it is written, product by product of real numbers in this type; (N, rows, columns, K)."""
    windows, kernels, bias = operands[:3]
    if all(array.dtype.kind != "c" for array in operands[:3]):
        return operands.response(sums_of_products(windows, kernels, wide) + bias.astype(wide))
    parts = np.concatenate([windows.real, windows.imag], axis=2)
    real = sums_of_products(parts, np.concatenate([kernels.real, -kernels.imag], axis=1), wide)
    imaginary = sums_of_products(parts, np.concatenate([kernels.imag, kernels.real], axis=1), wide)
    response = np.empty(real.shape, np.result_type(wide, np.complex64))
    response.real, response.imag = real + bias.real.astype(wide), imaginary + bias.imag.astype(wide)
    return operands.response(response)


def magnitude_sums(operands: Gathered, wide: np.dtype) -> np.ndarray:
    """The sum of the magnitudes of the products, and the bias'."""
    windows, kernels, bias = (np.abs(array) for array in operands[:3])
    return operands.response(sums_of_products(windows, kernels, wide) + bias.astype(wide))


def sums_of_products(windows: np.ndarray, kernels: np.ndarray, wide: np.dtype) -> np.ndarray:
    """(groups, positions, kernels), by NumPy's pairwise sums."""
    taps = np.ascontiguousarray(kernels.swapaxes(1, 2), wide)
    return (windows.astype(wide)[:, :, None] * taps[:, None]).sum(axis=3)


def run_tenths(seconds: float, seed: int) -> Outcome:
    """Every method, level and form of the loops once."""
    images = np.full((1, 501, 502, 1), 0.1, np.float32)
    exact = 250_000 * float(np.float32(0.1)) ** 2
    worst, cases, failures = 0.0, 0, []
    for level, method, n_kernels in itertools.product(LEVELS, ("auto", "direct", "matmul"), (1, 4, 20)):
        kernels = np.full((n_kernels, 500, 500, 1), 0.1, np.float32)
        with _dispatch.using_level(level.name):
            response = xcorr.correlate(images, kernels, method=method)
        error = float(np.abs(response / exact - 1).max())
        worst, cases = max(worst, error), cases + 1
        if not error <= 2e-6:
            failures.append(f"{n_kernels} kernels, method {method}, level {level.name}: {error:.1e}")
    return Outcome(f"{worst:.1e}", cases, not failures, tuple(failures))


# --- R3: errors of transforms -----------------------------------------------------------------------------------------


def check_transform_error(draw: Draw) -> float:
    """The largest error of a response's part as a share of 0.5 log2(points) u |image| |kernel|, and of its roundings.

    A tile is a part of the padded image, its norm is not larger; a transform has the points of the whole or fewer.
    The bias is the first tap of a sum where a tile is done directly, as those are whose values span a wide range.
    """
    dtype = np.dtype(draw.of(("float32", "float32", "float64", "float64", "complex64", "complex128")))
    shapes = draw_shapes(draw, "fft", 1_000_000)
    keywords = dict(shapes.keywords)
    bias = magnitudes(draw, shapes.kernels[:1], dtype)
    if draw.one_in(2):
        keywords["bias"] = bias
    images, kernels = (magnitudes(draw, shape, dtype) for shape in shapes[:2])
    call = as_given(draw, images, kernels, keywords, "fft")
    images, kernels, words = call.canonical()
    operands = call.gathered()
    wide = np.dtype(np.float64 if dtype in (np.float32, np.complex64) else np.longdouble)
    expected = call.arranged(naive_sums(operands, wide))
    groups, height, width = words["groups"], *kernels.shape[1:3]
    padding = {name: words[name] for name in ("padding", "boundary", "stride", "dilation")}
    padded = checks.padded_images(images, (height, width), **padding)
    padded = padded.reshape(*padded.shape[:3], groups, padded.shape[3] // groups)
    norms = norm(padded, (1, 2, 4), wide)[:, :, None] * norm(kernels, (1, 2, 3), wide).reshape(groups, -1)
    norms = np.broadcast_to(norms.reshape(len(images), 1, 1, len(kernels)), operands.shape)
    spans = [(length - 1) * step + 1 for length, step in zip((height, width), np.broadcast_to(words["dilation"], 2))]
    points = prod(largest_transform(length, span) for length, span in zip(padded.shape[1:3], spans))
    unit, eps = np.finfo(dtype).eps / 2, np.finfo(wide).eps
    allowed = (0.5 * log2(points) * unit + 64 * eps) * norms
    if "bias" in words:
        n_taps = operands.windows.shape[2] * (2 if dtype.kind == "c" else 1)
        allowed = allowed + (4 + 2 * sqrt(n_taps)) * unit * np.abs(operands.bias).reshape(-1)
    allowed = call.arranged(allowed)
    allowed = allowed + (2 if "bias" in words else 1) * unit * np.abs(expected) + np.finfo(dtype).smallest_subnormal
    errors = call.run() - expected
    errors = np.maximum(np.abs(errors.real), np.abs(errors.imag))
    share = float(np.max(errors / allowed, initial=0))
    assert share <= 1, f"an error of {share:.3g} times its bound"
    return share


def norm(array: np.ndarray, axes: tuple[int, ...], wide: np.dtype) -> np.ndarray:
    return np.sqrt((np.abs(array).astype(wide) ** 2).sum(axis=axes))


def largest_transform(length: int, span: int) -> int:
    """The points along an axis at most: those of the least transform that holds it all, at least 2."""
    return 2 if span == 1 else min((size for size in SIZES if size >= length), default=SIZES[-1])


# --- R5: NaN and infinity ---------------------------------------------------------------------------------------------


def check_special_values(draw: Draw) -> None:
    method = draw_method(draw)
    is_long = method not in TRANSFORMED and draw.one_in(40)
    budget = 300_000 if method == "fft" else 3_000
    shapes = long_shapes(draw, 10_000, 40_000) if is_long else draw_shapes(draw, method, budget)
    dtypes = checks.FLOATS[1:] + checks.COMPLEXES if method in TRANSFORMED else checks.FLOATS + checks.COMPLEXES
    kernels_dtype = np.dtype(draw.of(dtypes))
    images_dtype = kernels_dtype if draw.one_in(2) else np.dtype(draw.of(checks.FLOATS + checks.COMPLEXES))
    images = whole_numbers(draw.rng, shapes.images, images_dtype, 4)
    kernels = whole_numbers(draw.rng, shapes.kernels, kernels_dtype, 8)
    bias = whole_numbers(draw.rng, shapes.kernels[:1], checks.response_dtype(images, kernels), 4)
    keywords = dict(shapes.keywords)
    place_specials(draw, images)
    if draw.one_in(4) and not (images_dtype.kind == "f" and kernels_dtype.kind == "c"):
        place_specials(draw, kernels)  # NumPy's own product of real and infinite complex numbers has 0 * inf
    if draw.one_in(8):
        place_specials(draw, bias)
    if keywords["boundary"] == "constant" and draw.one_in(4):
        keywords["fill_value"] = draw.of((np.nan, np.inf, -np.inf))
    if draw.one_in(2):
        keywords["bias"] = bias
    call = as_given(draw, images, kernels, keywords, method)
    with np.errstate(all="ignore"):
        expected = naive_sums(call.gathered(), np.dtype(np.float64)).astype(call.dtype())
    call, out = draw_out(draw, call, call.arranged(expected).shape)
    assert_equal(rounded(call, call.run(out=out)), call.arranged(expected))


def place_specials(draw: Draw, array: np.ndarray) -> None:
    """One special value, or some, or many."""
    flat = array.reshape(-1)
    if not flat.size:
        return
    values = [np.nan, np.inf, -np.inf]
    if array.dtype.kind == "c":
        values += [complex(np.inf, 1), complex(0, -np.inf), complex(2, np.nan), complex(-np.inf, np.inf)]
    count = draw.of((1, 1, 1 + flat.size // 50, 1 + flat.size // 5))
    flat[draw.rng.integers(flat.size, size=count)] = np.array(values)[draw.rng.integers(len(values), size=count)]


# --- R6: integers at the limits ---------------------------------------------------------------------------------------


def check_integers(draw: Draw) -> None:
    method = draw.of(("auto", "direct", "matmul"))
    shapes = draw_shapes(draw, method, 600)
    images_dtype = np.dtype(draw.of(checks.INTEGERS))
    kernels_dtype = images_dtype if draw.one_in(3) else np.dtype(draw.of(checks.INTEGERS))
    keywords = dict(shapes.keywords)
    images = limit_numbers(draw, shapes.images, images_dtype)
    kernels = limit_numbers(draw, shapes.kernels, kernels_dtype)
    if draw.one_in(2):
        keywords["bias"] = limit_numbers(draw, shapes.kernels[:1], np.dtype(draw.of(checks.INTEGERS)))
    if draw.one_in(2):
        keywords["dtype"] = draw.of(checks.INTEGERS[1:])
    if keywords["boundary"] == "constant" and draw.one_in(3):
        keywords["fill_value"] = limit_numbers(draw, (1,), images_dtype)[0].item()
    call = as_given(draw, images, kernels, keywords, method)
    operands = call.gathered()
    windows, kernels, bias = (array.astype(object) for array in operands[:3])
    exact = call.arranged(operands.response(windows @ kernels + bias))
    call, out = draw_out(draw, call, exact.shape)
    if does_not_fit(exact, call.dtype()):
        assert_refused(call, out)
    else:
        assert_equal(call.run(out=out), exact.astype(call.dtype()))


def limit_numbers(draw: Draw, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Integers of a few bits or of all, or the ends of the type's range, or a few such among zeros."""
    rng = draw.rng
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(dtype)
    kind = draw.of(("few bits", "few bits", "some bits", "some bits", "ends", "few ends", "one"))
    if kind in ("few bits", "some bits"):
        most = min(2 ** draw.up_to(8 if kind == "few bits" else dtype.itemsize * 8), int(limits.max))
        return rng.integers(max(-most, int(limits.min)), most, shape, dtype=dtype, endpoint=True)
    if kind == "one":
        return np.ones(shape, dtype)
    ends = [limits.min, limits.min + 1, limits.min // 2, 0, 1, limits.max // 2, limits.max // 2 + 1, limits.max - 1]
    values = np.array([*ends, limits.max], dtype)[rng.integers(len(ends) + 1, size=shape)]
    if kind == "few ends":
        values[rng.random(shape) < 0.8] = 0
    return values


# --- the rows ---------------------------------------------------------------------------------------------------------


ROWS = [
    drawn_row(
        "R1",
        "random calls on whole numbers against exact sums, every method",
        "0 mismatches",
        check_whole_numbers,
        "mismatches",
    ),
    drawn_row(
        "R2",
        "error of direct and matmul, float32 and float64, up to 1e6 taps",
        "<= (4 + 2 sqrt n) u S, matmul of 1x1 (256 + n/256) u S, 0 violations",
        check_direct_error,
        "violations",
        bounded=True,
    ),
    drawn_row(
        "R3",
        "error of fft, float32 and float64, forced",
        "<= 0.5 log2(points) u norm(tile) norm(kernel), 0 violations",
        check_transform_error,
        "violations",
        bounded=True,
    ),
    Row("R2-500", "relative error of 500x500 taps of 0.1 in float32", "<= 2e-6", run_tenths),
    drawn_row(
        "R5",
        "NaN and infinity, and their signs, against the naive IEEE sum, every method",
        "0 differences",
        check_special_values,
        "differences",
    ),
    drawn_row(
        "R6",
        "integers near every type's limits: exact, or OverflowError and `out` untouched",
        "0 wraps",
        check_integers,
        "wraps or needless refusals",
    ),
]

"""What the tests share: random operands, a fast second opinion on the definition, and the comparison with it."""

import os
import secrets
import tracemalloc
import zlib
from types import FunctionType

import numpy as np

from xcorr import _reference

SEED = int(os.environ.setdefault("XCORR_TEST_SEED", str(secrets.randbelow(2**32))))
EXAMPLES = int(os.environ.get("XCORR_TEST_EXAMPLES", "100"))

LAYOUTS = ("NHWC", "NCHW", "NHW")
BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
METHODS = ("direct", "matmul")
INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "float32", "float64")
COMPLEXES = ("complex64", "complex128")


def random_generator(*names):
    """A generator that depends on the seed of this run and on the names only."""
    return np.random.default_rng([SEED, zlib.crc32(repr(names).encode())])


def of_numpy(function):
    """The function as if it stood in a module of NumPy's: what it raises is a refusal of NumPy's."""
    return FunctionType(function.__code__, {**function.__globals__, "__name__": "numpy"})


def whole_numbers(rng, shape, dtype, largest=4):
    """Small whole numbers, negative too where the dtype has them: their sums are exact in every float dtype."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    values = rng.integers(0 if dtype.kind == "u" else -largest, largest + 1, shape)
    if dtype.kind == "c":
        values = values + 1j * rng.integers(-largest, largest + 1, shape)
    return values.astype(dtype)


def real_numbers(rng, shape, dtype):
    """Values with full significands and magnitudes spread over a few powers of two."""
    dtype = np.dtype(dtype)
    values = rng.standard_normal(shape) * np.exp2(rng.integers(-3, 4, shape))
    if dtype.kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def response_dtype(*operands):
    """int64 for integers and bools, numpy.result_type for all else."""
    dtypes = [np.dtype(getattr(operand, "dtype", operand)) for operand in operands]
    if all(dtype.kind in "biu" for dtype in dtypes):
        return np.dtype(np.int64)
    return np.result_type(*dtypes)


def padded_images(images, kernel_size, *, padding="valid", boundary="constant", fill_value=0, stride=1, dilation=1):
    """NHWC images with their padding, by numpy.pad."""
    strides = np.broadcast_to(stride, 2)
    spans = (np.array(kernel_size) - 1) * np.broadcast_to(dilation, 2) + 1
    size = np.array(images.shape[1:3])
    if padding == "valid":
        pads = [(0, 0), (0, 0)]
    elif padding == "full":
        pads = [(span - 1, span - 1) for span in spans]
    elif padding == "same":
        totals = np.maximum((-(-size // strides) - 1) * strides + spans - size, 0)
        pads = [(total // 2, total - total // 2) for total in totals]
    else:
        pads = np.asarray(padding)
        pads = np.broadcast_to(pads[:, None] if pads.ndim == 1 else pads, (2, 2))
    pads = [(0, 0), *(tuple(int(end) for end in pad) for pad in pads), (0, 0)]
    fill = {"constant_values": fill_value} if boundary == "constant" else {}
    return np.ascontiguousarray(np.pad(images, pads, mode=boundary, **fill))


def window_view(images, kernel_size, *, stride=1, dilation=1, **padding):
    """(N, rows, columns, kh, kw, C): every window of NHWC images, by numpy.pad and strides."""
    strides, dilations = np.broadcast_to(stride, 2), np.broadcast_to(dilation, 2)
    spans = (np.array(kernel_size) - 1) * dilations + 1
    padded = padded_images(images, kernel_size, stride=stride, dilation=dilation, **padding)

    rows, columns = (np.array(padded.shape[1:3]) - spans) // strides + 1
    pitches = padded.strides
    return np.lib.stride_tricks.as_strided(
        padded,
        (len(images), rows, columns, *kernel_size, padded.shape[3]),
        (
            pitches[0],
            pitches[1] * strides[0],
            pitches[2] * strides[1],
            pitches[1] * dilations[0],
            pitches[2] * dilations[1],
            pitches[3],
        ),
        writeable=False,
    )


def fast_correlate(images, kernels, *, groups=1, bias=None, conjugate=True, **geometry):
    """The definition for NHWC in float64 or complex128, by `window_view` and one product per group."""
    images, kernels = (operand.astype(np.result_type(operand, np.float64)) for operand in (images, kernels))
    n_kernels, height, width, depth = kernels.shape
    windows = window_view(images, (height, width), **geometry)
    kernels = np.conj(kernels) if conjugate else kernels
    bank = n_kernels // groups
    parts = [
        np.tensordot(
            windows[..., group * depth : (group + 1) * depth],
            kernels[group * bank : (group + 1) * bank],
            axes=((3, 4, 5), (1, 2, 3)),
        )
        for group in range(groups)
    ]
    response = np.concatenate(parts, axis=-1)
    return response if bias is None else response + bias


def to_layout(operand, layout):
    """(N, H, W, C) or (K, kh, kw, C) in another layout; NHW takes channel 0."""
    if layout == "NCHW":
        return np.ascontiguousarray(np.moveaxis(operand, -1, 1))
    return np.ascontiguousarray(operand[..., 0]) if layout == "NHW" else operand


def assert_equal(response, expected, dtype):
    """Same shape, the dtype, the same numbers; the first difference is shown."""
    dtype = np.dtype(dtype)
    assert type(response) is np.ndarray
    assert response.shape == expected.shape
    assert response.dtype == dtype
    assert response.dtype.isnative
    expected = expected.astype(dtype)
    if not np.array_equal(response, expected):
        wrong = np.argwhere(response != expected)
        where = tuple(int(index) for index in wrong[0])
        raise AssertionError(
            f"{len(wrong)} of {response.size} responses differ, the first at {where} of "
            f"{response.shape}: {response[where]!r} instead of {expected[where]!r}"
        )


def allowed_error(dtype, images, kernels, *, work_dtype=None, bias=None, expected, **keywords):
    """The bound of the contract plus the one rounding to `dtype` where the sum was made in a wider one."""
    dtype = np.dtype(dtype)
    work_dtype = np.promote_types(np.dtype(work_dtype or dtype), np.float32)
    has_kernel_axis = kernels.ndim == len(keywords.get("layout") or ("NHWC" if kernels.ndim == 4 else "NHW"))
    n_taps = kernels.size // (max(len(kernels), 1) if has_kernel_axis else 1) + (bias is not None)
    keywords.pop("conjugate", None)
    allowed = _reference.bound(work_dtype, n_taps, _reference.abs_sums(images, kernels, bias=bias, **keywords))
    allowed = allowed + np.finfo(np.float64).eps * np.abs(expected)  # the oracle itself is rounded to float64
    if work_dtype != np.promote_types(dtype, work_dtype) or dtype.itemsize < work_dtype.itemsize:
        real = np.dtype(dtype.type(0).real.dtype)
        largest = (np.abs(expected) + allowed).astype(real)
        allowed = allowed + np.spacing(largest).astype(np.float64)  # half an ulp; of both parts if complex
    return allowed


def assert_within_bound(response, images, kernels, *, work_dtype=None, **keywords):
    """Every response lies within the bound of direct summation around the exact one."""
    expected = _reference.correlate(images, kernels, **keywords)
    assert response.shape == expected.shape
    keywords.pop("dtype", None)
    allowed = allowed_error(response.dtype, images, kernels, work_dtype=work_dtype, expected=expected, **keywords)
    errors = np.abs(response.astype(np.promote_types(response.dtype, expected.dtype)) - expected)
    worst = np.max(errors - allowed, initial=-1)
    assert worst <= 0, f"error exceeds the bound by {worst}; largest error {errors.max()}"


def assert_each(check, cases):
    """Checks every case; those that fail are named, with the error of the first."""
    wrong = {}
    for case in cases:
        try:
            check(case)
        except Exception as error:
            wrong[str(case)] = error
    for first, error in wrong.items():
        raise AssertionError(
            f"{len(wrong)} of {len(cases)} cases fail: {', '.join(wrong)}\n{first}: {error}"
        ) from error


def assert_same_bits(response, other):
    """Equal in shape, dtype and every bit."""
    assert response.shape == other.shape
    assert response.dtype == other.dtype
    differing = (
        np.count_nonzero(np.ascontiguousarray(response).view(np.uint8) != np.ascontiguousarray(other).view(np.uint8))
        if response.size
        else 0
    )
    assert differing == 0, f"{differing} bytes differ"


def peak_of(call):
    """Bytes that NumPy and Python allocated at most while `call` ran."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

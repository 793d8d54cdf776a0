"""The bits of one response depend on its image and its kernel only."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases import Case
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr

pytestmark = pytest.mark.usefixtures("level")

GEOMETRIES = [
    Case("few-kernels", (9, 13, 37, 1), (3, 3, 5, 1), padding="same"),
    Case("one-kernel", (9, 12, 40, 3), (1, 4, 3, 3)),
    Case("many-kernels", (9, 9, 15, 5), (37, 3, 3, 5), padding=1, bias=True),
    Case("many-channels", (9, 5, 7, 70), (18, 2, 3, 70)),
    Case("one-tap-kernels", (9, 8, 9, 33), (20, 1, 1, 33)),
    Case("depthwise", (9, 9, 11, 19), (38, 3, 3, 1), groups=19),
    Case("grouped", (9, 8, 11, 6), (9, 3, 2, 2), groups=3, padding="full", bias=True),
    Case("strided-dilated", (9, 15, 23, 2), (5, 3, 2, 2), stride=(2, 3), dilation=(3, 2), padding=2),
    Case("wrapped", (9, 6, 9, 2), (4, 3, 3, 2), padding="full", boundary="wrap"),
    Case("large-kernel", (5, 40, 41, 1), (2, 19, 23, 1)),
    Case("long-sum", (5, 6, 7, 200), (3, 5, 5, 200)),
]
DTYPES = ("float32", "float64", "float16", "complex64")
METHODS = ("auto", "direct", "matmul")

pytestmark = [pytestmark, pytest.mark.parametrize("method", METHODS)]
over_geometries = pytest.mark.parametrize("case", GEOMETRIES, ids=lambda case: case.id)


def problem(case, dtype="float32"):
    rng = random_generator(case.id, dtype)
    images, kernels = real_numbers(rng, case.images, dtype), real_numbers(rng, case.kernels, dtype)
    return images, kernels, dict(case.keywords, bias=real_numbers(rng, case.kernels[0], dtype) if case.bias else None)


@for_each("dtype", DTYPES)
@over_geometries
def test_response_does_not_depend_on_workers(method, case, dtype):
    images, kernels, keywords = problem(case, dtype)
    for batch in (images, images[:1]):
        alone = xcorr.correlate(batch, kernels, method=method, workers=1, **keywords)
        for workers in (2, 3, 4, 7, 8, 16, -1, None):
            assert_same_bits(xcorr.correlate(batch, kernels, method=method, workers=workers, **keywords), alone)


@for_each("dtype", DTYPES)
@over_geometries
def test_response_does_not_depend_on_batch_position(method, case, dtype):
    images, kernels, keywords = problem(case, dtype)
    together = xcorr.correlate(images, kernels, method=method, **keywords)
    for index in range(len(images)):
        alone = xcorr.correlate(images[index : index + 1], kernels, method=method, **keywords)
        assert_same_bits(alone, together[index : index + 1])
    assert_same_bits(xcorr.correlate(images[::-1], kernels, method=method, **keywords), together[::-1])
    repeated = np.broadcast_to(images[1], (23, *images.shape[1:]))
    response = xcorr.correlate(repeated, kernels, method=method, **keywords)
    assert_same_bits(response, np.broadcast_to(together[1], response.shape))


@over_geometries
def test_response_does_not_depend_on_the_axis_of_images(method, case):
    images, kernels, keywords = problem(case)
    together = xcorr.correlate(images, kernels, layout="NHWC", method=method, **keywords)
    assert_same_bits(xcorr.correlate(images[3], kernels, layout="NHWC", method=method, **keywords), together[3])


@for_each("dtype", DTYPES)
@over_geometries
def test_response_does_not_depend_on_bank_position(method, case, dtype):
    images, kernels, keywords = problem(case, dtype)
    together = xcorr.correlate(images, kernels, method=method, **keywords)
    bank = len(kernels) // case.groups
    within = random_generator(case.id).permutation(bank)
    order = (np.arange(case.groups)[:, None] * bank + within).ravel()
    if case.bias:
        keywords["bias"] = keywords["bias"][order]
    assert_same_bits(xcorr.correlate(images, kernels[order], method=method, **keywords), together[..., order])


@for_each("dtype", DTYPES)
@over_geometries
def test_response_does_not_depend_on_bank_size_within_a_forced_method(method, case, dtype):
    if method == "auto" or case.groups > 1:
        pytest.skip("auto may choose by the size of the bank")
    images, kernels, keywords = problem(case, dtype)
    bias = keywords.pop("bias")
    larger = np.concatenate([kernels, *[kernels[::-1]] * 3, kernels])[: max(70, len(kernels))]
    together = xcorr.correlate(images, larger, method=method, **keywords)[..., : len(kernels)]
    sizes = sorted({1, 2, len(kernels) // 2 or 1, len(kernels)})
    for size, first in itertools.product(sizes, (0, len(kernels) // 3)):
        part = slice(first, first + size)
        response = xcorr.correlate(images, kernels[part], method=method, **keywords)
        assert_same_bits(response, together[..., part])
    if bias is not None:
        with_bias = xcorr.correlate(images, kernels, bias=bias, method=method, **keywords)
        alone = xcorr.correlate(images, kernels[1:2], bias=bias[1:2], method=method, **keywords)
        assert_same_bits(alone, with_bias[..., 1:2])


@for_each("dtype", DTYPES)
@over_geometries
def test_response_does_not_depend_on_memory_order(method, case, dtype):
    images, kernels, keywords = problem(case, dtype)
    expected = xcorr.correlate(images, kernels, method=method, **keywords)
    for axes in ((3, 0, 1, 2), (0, 3, 1, 2), (0, 2, 1, 3), (3, 2, 1, 0)):
        other_images, other_kernels = (
            np.ascontiguousarray(array.transpose(axes)).transpose(np.argsort(axes)) for array in (images, kernels)
        )
        assert_same_bits(xcorr.correlate(other_images, kernels, method=method, **keywords), expected)
        assert_same_bits(xcorr.correlate(images, other_kernels, method=method, **keywords), expected)
        out = np.empty_like(expected.transpose(axes), order="C").transpose(np.argsort(axes))
        assert_same_bits(xcorr.correlate(other_images, other_kernels, out=out, method=method, **keywords), expected)
    backwards = images[:, ::-1, ::-1].copy()[:, ::-1, ::-1]
    assert_same_bits(xcorr.correlate(backwards, kernels, method=method, **keywords), expected)
    swapped = images.astype(images.dtype.newbyteorder())
    assert_same_bits(xcorr.correlate(swapped, kernels, method=method, **keywords), expected)


@over_geometries
def test_response_does_not_depend_on_where_the_buffers_begin(method, case):
    images, kernels, keywords = problem(case)
    expected = xcorr.correlate(images, kernels, method=method, **keywords)
    for offset in (1, 2, 3, 4, 5, 12, 33):

        def moved(array, offset=offset):
            memory = np.empty(array.nbytes + 256, np.uint8)
            view = memory[offset : offset + array.nbytes].view(array.dtype).reshape(array.shape)
            view[...] = array
            return view

        out = moved(np.zeros_like(expected))
        xcorr.correlate(moved(images), moved(kernels), out=out, method=method, **keywords)
        assert_same_bits(out, expected)


@over_geometries
def test_response_does_not_depend_on_out(method, case):
    images, kernels, keywords = problem(case)
    expected = xcorr.correlate(images, kernels, method=method, **keywords)
    frame = np.full([2 * length + 1 for length in expected.shape], np.nan, expected.dtype)
    for out in (
        frame[tuple(slice(length) for length in expected.shape)],
        frame[1::2, 1::2, 1::2, 1::2],
        frame[-2::-2, -2::-2, -2::-2, -2::-2],
    ):
        assert_same_bits(xcorr.correlate(images, kernels, out=out, method=method, **keywords), expected)


@over_geometries
def test_a_correlator_gives_the_bits_of_correlate(method, case):
    images, kernels, keywords = problem(case)
    expected = xcorr.correlate(images, kernels, method=method, **keywords)
    bank = xcorr.Correlator(kernels, method=method, **keywords)
    for _ in range(3):
        assert_same_bits(bank(images), expected)
        assert_same_bits(bank(images[2:4]), expected[2:4])


@over_geometries
def test_direct_gives_the_same_bits_in_every_layout(method, case):
    if method != "direct":
        pytest.skip("promised for direct")
    images, kernels, keywords = problem(case)
    expected = xcorr.correlate(images, kernels, layout="NHWC", method=method, **keywords)
    images, kernels = (np.ascontiguousarray(np.moveaxis(array, -1, 1)) for array in (images, kernels))
    response = xcorr.correlate(images, kernels, layout="NCHW", method=method, **keywords)
    assert_same_bits(np.moveaxis(response, 1, -1), expected)
    if case.images[3] == 1:
        response = xcorr.correlate(images[:, 0], kernels[:, 0], layout="NHW", method=method, **keywords)
        assert_same_bits(response, expected)


@over_geometries
def test_response_is_the_same_from_many_threads(method, case):
    images, kernels, keywords = problem(case)
    expected = xcorr.correlate(images, kernels, method=method, workers=1, **keywords)

    def call(workers):
        return xcorr.correlate(images, kernels, method=method, workers=workers, **keywords)

    with ThreadPoolExecutor(6) as threads:
        for response in threads.map(call, [1, 2, 3, None] * 4):
            assert_same_bits(response, expected)

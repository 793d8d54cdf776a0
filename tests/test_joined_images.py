"""Images of few windows, which a task does together: each response is what it is for its image alone."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr
from xcorr import _job, _workers
from xcorr._machine import cache_bytes
from xcorr._methods import winograd

SIZES = {  # an image, a bank, keywords: images of one row of windows, and images that follow on as their rows do
    "a window": ((5, 5, 16), (40, 5, 5, 16), {}),
    "a window of blocks": ((28, 28, 1), (33, 28, 28, 1), {}),
    "a pixel": ((1, 1, 70), (40, 1, 1, 70), {}),
    "columns": ((3, 5, 4), (40, 3, 3, 4), {}),
    "many columns": ((3, 14, 4), (40, 3, 3, 4), {}),
    "padded columns": ((3, 3, 4), (40, 3, 3, 4), {"padding": (0, 1)}),
    "padded rows": ((2, 4, 4), (40, 4, 3, 4), {"padding": (1, 0)}),
    "a window left of a stride": ((4, 4, 7), (40, 3, 3, 7), {"stride": 2}),
    "pixels": ((7, 7, 6), (40, 1, 1, 6), {}),
    "rows of windows": ((6, 4, 6), (40, 2, 1, 6), {"stride": (2, 1)}),
    "groups": ((5, 5, 8), (80, 5, 5, 4), {"groups": 2}),
}
LAYOUTS = {
    "as they are": lambda images: images,
    "backwards": lambda images: images[::-1],
    "planes": lambda images: np.ascontiguousarray(images.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1),
    "every other": lambda images: np.repeat(images, 2, axis=0)[::2],
}


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(("image", "kernels", "keywords"), SIZES.values(), ids=SIZES)
@for_each("lay_out", list(LAYOUTS.values()))
@for_each("dtype", ["float32", "float64", "uint8"])
def test_a_response_is_the_one_of_its_image_alone(image, kernels, keywords, lay_out, dtype, monkeypatch):
    monkeypatch.setattr(_job, "MULTIPLY_ADDS_PER_WORKER", 1)
    rng = random_generator(image, kernels, dtype)
    kernels = real_numbers(rng, kernels, "float64" if dtype == "float64" else "float32")
    words = {"layout": "NHWC", "method": "direct", **keywords}
    for n_images in (2, 17, 47):
        images = lay_out((8 * real_numbers(rng, (n_images, *image), "float64")).astype(dtype))
        alone = np.stack([xcorr.correlate(one[np.newaxis], kernels, **words)[0] for one in images])
        for workers in (1, 2):
            assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **words), alone)
        out = np.zeros(alone.transpose(3, 0, 1, 2).shape, alone.dtype).transpose(1, 2, 3, 0)
        assert_same_bits(xcorr.correlate(images, kernels, out=out, **words), alone)


LARGER = max(1, cache_bytes(2) // 2**20)  # panels exceed the second cache at every level

FEW_WINDOWS = {  # of large kernels: an image, a kernel, keywords
    "long sums": ((LARGER * 130 + 2, 131, 2), (LARGER * 130, 128, 2), {}),
    "long sums in columns": ((LARGER * 130 + 2, 128, 2), (LARGER * 130, 128, 2), {}),
    "long sums apart": ((LARGER * 260 + 6, 131, 1), (LARGER * 130, 128, 1), {"dilation": (2, 1), "stride": (3, 2)}),
    "long sums of padded images": ((LARGER * 130, 130, 2), (LARGER * 130, 128, 2), {"padding": (1, 0)}),
    "long sums in groups": ((LARGER * 130 + 2, 130, 4), (LARGER * 130, 128, 2), {"groups": 2}),
    "sums": ((66, 65, 4), (64, 64, 4), {}),
    "sums in a row of nine": ((65, 72, 4), (64, 64, 4), {}),
    "sums left of a stride": ((68, 67, 4), (64, 64, 4), {"stride": 2}),
}


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(("image", "kernel", "keywords"), FEW_WINDOWS.values(), ids=FEW_WINDOWS)
@for_each("dtype", ["float32", "float64"])
def test_few_windows_of_large_kernels_are_those_of_the_image_alone(image, kernel, keywords, dtype, monkeypatch):
    """Rows of several images are done together, and totals wait for the next taps."""
    monkeypatch.setattr(_job, "MULTIPLY_ADDS_PER_WORKER", 1)
    n_kernels = 86 if "groups" in keywords else 43
    rng = random_generator(image, kernel, dtype)
    kernels, bias = real_numbers(rng, (n_kernels, *kernel), dtype), real_numbers(rng, n_kernels, dtype)
    words = {"layout": "NHWC", "method": "direct", "bias": bias, **keywords}
    prepared = xcorr.Correlator(kernels, **words)
    for n_images in (3, 4, 13):
        images = real_numbers(rng, (n_images, *image), dtype)
        alone = np.stack([prepared(one[np.newaxis], workers=1)[0] for one in images])
        for workers in (1, 2):
            assert_same_bits(prepared(images, workers=workers), alone)
        frame = np.full((n_images, *alone.shape[1:3], n_kernels + 3), 7, dtype)
        assert_same_bits(prepared(images[::-1], out=frame[..., 1:-2]), alone[::-1])
        assert (frame[..., 0] == 7).all()
        assert (frame[..., -2:] == 7).all()
        inner = np.empty((*alone.shape[1:3], n_images, n_kernels), dtype).transpose(2, 0, 1, 3)
        assert_same_bits(prepared(images, out=inner), alone)


@pytest.mark.usefixtures("level")
def test_sums_of_large_kernels_are_those_of_lanes_over_columns():
    image, kernel, _ = FEW_WINDOWS["long sums"]
    rng = random_generator("long sums")
    images, kernels = (real_numbers(rng, shape, "float32") for shape in ((5, *image), (43, *kernel)))
    together = xcorr.correlate(images, kernels, method="direct")
    assert_same_bits(together[..., 41:], xcorr.correlate(images, kernels[41:], method="direct"))


@pytest.mark.usefixtures("level")
@for_each(("workers", "expected"), [(1, 1), (2, 2), (4, 4)])
def test_images_of_few_windows_are_shared_out(workers, expected, monkeypatch):
    """A task for each worker, where two had too few images to go across."""
    n_tasks, run = [], _workers.run

    def note(call, n_workers):
        n_tasks.append(call.n_tasks)
        return run(call, n_workers)

    monkeypatch.setattr(_workers, "run", note)
    monkeypatch.setattr(_job, "MULTIPLY_ADDS_PER_WORKER", 1)
    image, kernel, _ = FEW_WINDOWS["long sums"]
    images, kernels = np.ones((16 if workers == 4 else 12, *image), np.float32), np.ones((43, *kernel), np.float32)
    xcorr.Correlator(kernels, method="direct")(images, workers=workers)
    assert n_tasks[-1] == expected


@pytest.mark.usefixtures("level")
def test_long_sums_over_planes_are_read_where_they_lie(monkeypatch):
    rng = random_generator("planes")
    images, kernels = real_numbers(rng, (2, 17000, 1, 60), "float32"), real_numbers(rng, (16, 17000, 1, 1), "float32")
    expected = xcorr.correlate(
        np.ascontiguousarray(images.transpose(0, 2, 3, 1)),
        kernels.transpose(0, 2, 3, 1),
        layout="NHWC",
        method="direct",
    )
    monkeypatch.setattr(_workers, "WORKSPACE_LIMIT", 3 * 2**20)  # panels and a strip of planes are 5 MB
    response = xcorr.correlate(images, kernels, layout="NCHW", method="direct")
    assert_same_bits(response, np.ascontiguousarray(expected.transpose(0, 3, 1, 2)))


@pytest.mark.usefixtures("level")
def test_integers_of_images_of_one_window_are_refused_or_saturate():
    images, kernels = np.full((40, 3, 3, 5), 100, np.int16), np.full((33, 3, 3, 5), 1, np.int16)
    images[33] = 2000
    words = {"layout": "NHWC", "dtype": "int16", "method": "direct"}
    with pytest.raises(OverflowError):
        xcorr.correlate(images, kernels, **words)
    expected = np.full((40, 1, 1, 33), 4500, np.int16)
    expected[33] = np.iinfo(np.int16).max
    np.testing.assert_array_equal(xcorr.correlate(images, kernels, overflow="saturate", **words), expected)


QUADS = {  # an image, a bank, keywords: images of few quads of winograd
    "whole quads": ((6, 6, 32), (33, 3, 3, 32), {}),
    "a row": ((3, 12, 3), (64, 3, 3, 3), {}),
    "rows": ((5, 7, 40), (33, 3, 3, 40), {"padding": "same"}),
    "many channels": ((7, 7, 300), (40, 3, 3, 300), {}),
    "lines apart": ((8, 9, 17), (20, 3, 3, 17), {"dilation": (2, 1)}),
    "groups": ((6, 5, 32), (40, 3, 3, 16), {"groups": 2, "padding": 1}),
}


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(("image", "kernels", "keywords"), QUADS.values(), ids=QUADS)
@for_each("lay_out", list(LAYOUTS.values()))
@pytest.mark.parametrize("side", [2, 4])
def test_quads_of_an_image_are_those_of_the_image_alone(image, kernels, keywords, lay_out, side, monkeypatch):
    """With responses that are handed back in some images, and windows of zeros."""
    monkeypatch.setattr(_job, "MULTIPLY_ADDS_PER_WORKER", 1)
    monkeypatch.setattr(winograd, "quad_side", lambda geometry: side)
    xcorr.clear_caches()
    rng = random_generator(image, kernels, side)
    kernels = real_numbers(rng, kernels, "float32")
    words = {"layout": "NHWC", "method": "winograd", **keywords}
    for n_images in (2, 17, 31):
        images = real_numbers(rng, (n_images, *image), "float32")
        images[1, 0, 1, 2], images[-1, -1, -1, 0] = np.nan, np.inf
        images[n_images // 2, :3, :4] = 0
        images = lay_out(images)
        alone = np.stack([xcorr.correlate(one[np.newaxis], kernels, **words)[0] for one in images])
        for workers in (1, 2, 3):
            assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **words), alone)
        for axes, back in (((3, 0, 1, 2), (1, 2, 3, 0)), ((0, 3, 1, 2), (0, 2, 3, 1))):
            out = np.zeros(alone.transpose(axes).shape, alone.dtype).transpose(back)
            assert_same_bits(xcorr.correlate(images, kernels, out=out, **words), alone)
    xcorr.clear_caches()

"""Responses of large images, reduced over kernels some rows at a time: the bits are those of all at once."""

import numpy as np
import pytest
from checks import EXAMPLES, random_generator
from looping import for_each
from streaming import random_call, same_bits

import xcorr
import xcorr._reduce

NAMES = ("max", "min", "argmax", "argmin", "mean", "ppv", "energy")


@for_each("layout", ["NHWC", "NCHW", "NHW", "NW"])
def test_rows_that_are_reduced_by_themselves_have_the_same_bits(layout, monkeypatch):
    rng, n_cut = random_generator("strips", layout), 0
    for _ in range(EXAMPLES):
        images, kernels, words = random_call(rng, layout=layout)
        if images.dtype.kind == "c":
            continue
        words |= {"reduce": tuple(map(str, rng.permutation(NAMES)[:3])), "over": "kernels"}
        try:
            expected = xcorr.correlate(images, kernels, **words)
        except (ValueError, TypeError, OverflowError):
            continue
        with monkeypatch.context() as patched:
            patched.setattr("xcorr._reduce.AREA_BYTES", int(rng.choice([1, 3000, 20000])))
            n_areas, whole = [0], xcorr._reduce.reduced_areas

            def counted(*told, whole=whole, n_areas=n_areas):
                found = whole(*told)
                n_areas.append(len(found))
                return found

            patched.setattr("xcorr._reduce.reduced_areas", counted)
            outs = tuple(np.empty_like(own) for own in expected)
            found = xcorr.correlate(images, kernels, **words, out=outs if rng.random() < 0.5 else None)
        n_cut += max(n_areas) > 1
        assert same_bits(found, expected), (words, images.shape, images.dtype, kernels.shape)
    assert n_cut or layout == "NW"


def test_large_integers_of_rows_are_exact(monkeypatch):
    rng = random_generator("strips of large integers")
    images, kernels = rng.integers(-(2**40), 2**40, (2, 40, 30)), rng.integers(-(2**19), 2**19, (3, 3, 3))
    words = {"reduce": ("max", "argmin", "mean"), "over": "kernels", "layout": "NHW", "padding": "same"}
    expected = xcorr.correlate(images, kernels, **words)
    monkeypatch.setattr("xcorr._reduce.AREA_BYTES", 1000)
    assert same_bits(xcorr.correlate(images, kernels, **words), expected)


def test_scores_of_rows_that_are_reduced_by_themselves_have_the_same_bits(monkeypatch):
    rng = random_generator("strips of scores")
    images, templates = rng.standard_normal((2, 90, 70, 2)), rng.standard_normal((3, 9, 8, 2))
    for dtype in ("float32", "float64", "uint8"):
        own = (images * 40 + 128).clip(0, 255).astype(dtype), (templates * 40 + 128).clip(0, 255).astype(dtype)
        for words in ({}, {"padding": "same"}, {"stride": 2, "roi": (slice(3, 30), slice(2, None))}, {"score": "ssd"}):
            words = {**words, "reduce": ("max", "argmin", "mean"), "over": "kernels", "layout": "NHWC"}
            expected = xcorr.match(*own, **words)
            with monkeypatch.context() as patched:
                patched.setattr("xcorr._reduce.AREA_BYTES", 20000)
                assert same_bits(xcorr.match(*own, **words), expected), (words, dtype)


def test_images_of_many_pixels_are_reduced():
    image = np.zeros((4200, 4200), np.float32)
    image[4100, 4150] = 2
    kernels = np.stack([np.ones((1, 1)), np.full((1, 1), 3)]).astype(np.float32)
    largest, which = xcorr.correlate(image, kernels, reduce=("max", "argmax"), over="kernels")
    assert (largest[4100, 4150], which[4100, 4150], largest.sum()) == (6, 1, 6)
    with pytest.raises(MemoryError, match="^images: "):
        xcorr.correlate(np.broadcast_to(np.float32(1), (1, 2**26)), kernels, reduce="max", over="kernels")

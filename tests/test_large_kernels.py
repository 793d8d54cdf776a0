"""Kernels that are cut into boxes: sums, special values, bits, reductions and streams, with small sections."""

from math import log2

import numpy as np
import pytest
from checks import EXAMPLES, assert_same_bits, random_generator
from looping import for_each
from streaming import bytes_of, numbers, random_call, same_bits

import xcorr
from xcorr import _cache
from xcorr._methods import boxes, sections
from xcorr._pieces_found import pieces_of

SIDES = 16, 32


@pytest.fixture(autouse=True)
def small_sections(monkeypatch):
    """Sections of few pixels, so that small kernels are large ones."""
    monkeypatch.setattr(sections, "SIZES", SIDES)
    monkeypatch.setattr(sections, "LARGE_KERNEL", 8)
    _cache.clear_caches()
    yield
    _cache.clear_caches()


def cases(rng, most=EXAMPLES // 2, **chosen):
    """Random calls by fft, with the plan and the response of each, whose kernels are cut."""
    n_cut = 0
    for _ in range(20 * EXAMPLES):
        if n_cut == most:
            return
        images, kernels, words = random_call(rng, "fft", **chosen)
        if rng.random() < 0.3:
            words["bias"] = numbers(rng, len(kernels), images.dtype.name)
        try:
            prepared = xcorr.Correlator(kernels, **words)
            plan = pieces_of(prepared, images.shape, images.dtype).plan
            if 0 in plan.geometry.outputs or plan.boxes == (1, 1):
                continue
            expected = prepared(images)
            if not expected.size:
                continue
        except (ValueError, TypeError, OverflowError, MemoryError):
            continue
        n_cut += 1
        yield images, kernels, words, plan, expected
    assert n_cut


def allowed_error(plan, images, kernels, unit):
    """The bound of the frequency domain for each box, added up, and a rounding for each that is added."""
    points, n_boxes = 2 * SIDES[-1] ** 2, len(boxes.boxes_of(plan))
    largest = max(2, np.abs(np.nan_to_num(images).astype(np.complex128)).max())  # the fill value is 2 at most
    section = largest * np.sqrt(points * plan.depth)
    kernel = max(np.linalg.norm(own.astype(np.complex128)) for own in np.moveaxis(kernels, plan.layout.kernels[0], 0))
    return (0.5 * log2(points) * np.sqrt(n_boxes) + n_boxes) * unit * section * kernel


@for_each("layout", ["NHWC", "NCHW", "NHW"])
def test_sums_are_those_of_the_direct_method(layout):
    rng = random_generator("large kernels", layout)
    for images, kernels, words, plan, found in cases(rng, layout=layout):
        wide = np.promote_types(images.dtype, np.float64) if images.dtype.kind in "fc" else images.dtype
        expected = xcorr.correlate(images.astype(wide), kernels.astype(wide), **{**words, "method": "direct"})
        if images.dtype.kind in "iu":
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected), (words, images.shape, kernels.shape)
            continue
        finite = np.isfinite(expected)
        assert np.array_equal(np.isfinite(found), finite)
        unit = np.finfo(np.promote_types(images.dtype, np.float32)).eps / 2
        allowed = allowed_error(plan, images, kernels, unit)
        allowed += np.abs(expected[finite]) * (2.0**-11 if images.dtype == np.float16 else 0)
        errors = np.abs(found[finite] - expected[finite])
        assert (errors <= allowed).all(), (words, images.shape, kernels.shape, (errors / allowed).max())


def test_bits_are_free_of_workers_batch_bank_and_part(monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    rng = random_generator("bits of large kernels")
    for images, kernels, words, plan, expected in cases(rng):
        told = words, images.shape, images.dtype, kernels.shape
        assert same_bits(xcorr.correlate(images, kernels, workers=3, **words), expected), told
        prepared = xcorr.Correlator(kernels, **words)
        assert all(same_bits(prepared(images), expected) for _ in range(2)), told
        alone = xcorr.correlate(images[1:], kernels, **words)
        assert same_bits(alone, expected[1:]), told
        axis = plan.layout.response[3]
        if len(kernels) > 1 and words["groups"] == 1:
            last = {**words, "bias": words["bias"][-1:]} if "bias" in words else words
            own = xcorr.correlate(images, kernels[-1:], **last)
            assert same_bits(own, np.take(expected, [-1], axis)), told
        if "roi" not in words:
            place = [slice(int(rng.integers(length)), length) for length in plan.geometry.outputs]
            index = [slice(None)] * expected.ndim
            for own, along in zip(place, plan.layout.response[1:3]):
                if along >= 0:
                    index[along] = own
            roi = tuple(own for own, along in zip(place, plan.layout.response[1:3]) if along >= 0)
            assert same_bits(xcorr.correlate(images, kernels, **words, roi=roi), expected[tuple(index)]), told


@for_each("at_once", [2**12, 2**24])
def test_out_and_reductions_are_those_of_the_response(at_once, monkeypatch):
    monkeypatch.setattr(boxes, "BOX_BYTES", at_once)
    rng = random_generator("reduced large kernels", at_once)
    for images, kernels, words, plan, expected in cases(rng, EXAMPLES // (2 if at_once > 2**12 else 10)):
        out = np.empty(expected.shape[::-1], expected.dtype).T
        xcorr.correlate(images, kernels, **words, out=out)
        assert_same_bits(out, expected)
        if images.dtype.kind == "c":
            continue
        largest, ppv = xcorr.correlate(images, kernels, **words, reduce=("max", "ppv"))
        axes = tuple(axis for axis in plan.layout.response[1:3] if axis >= 0)
        assert np.array_equal(ppv, (expected > 0).mean(axes))
        if np.isfinite(expected).all():
            assert_same_bits(np.ascontiguousarray(largest), expected.max(axes))
            found = xcorr.correlate(images, kernels, **words, reduce="max", over="kernels")
            assert_same_bits(found, expected.max(plan.layout.response[3]))


def test_limits_are_those_of_the_whole_sum():
    rng = random_generator("saturated large kernels")
    # The bound does not fit int16, responses do: their standard deviation is some 3,000.
    images = rng.integers(0, 100, (2, 60, 50)).astype(np.uint8)
    kernels = rng.integers(-3, 4, (2, 25, 27)).astype(np.int16)
    words = {"layout": "NHW", "padding": "same", "dtype": "int16"}
    for overflow in ("raise", "saturate"):
        own = {**words, "overflow": overflow}
        expected = xcorr.correlate(images, kernels, method="direct", **own)
        assert_same_bits(xcorr.correlate(images, kernels, method="fft", **own), expected)
    with pytest.raises(OverflowError):
        xcorr.correlate(images, kernels * 300, method="fft", **words)
    clipped = xcorr.correlate(images, kernels * 300, method="fft", overflow="saturate", **words)
    assert_same_bits(clipped, xcorr.correlate(images, kernels * 300, method="direct", overflow="saturate", **words))
    rounded = {"dtype": "uint8", "overflow": "saturate", "layout": "NHW", "padding": "same"}
    floats = kernels.astype(np.float32)
    whole = xcorr.correlate(images, floats, method="fft", **rounded)
    assert_same_bits(whole, xcorr.correlate(images, floats, method="direct", **rounded))


def test_large_integers_are_exact():
    rng = random_generator("large integers")
    images = rng.integers(0, 2**16, (2, 60, 50)).astype(np.uint16)
    for most in (2**15, 2**30):
        kernels = rng.integers(-most, most, (2, 25, 27))
        found, expected = (xcorr.correlate(images, kernels, layout="NHW", method=name) for name in ("fft", "direct"))
        assert_same_bits(found, expected)


def test_real_numbers_may_become_complex_ones():
    rng = random_generator("complex large kernels")
    images, kernels = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 60, 50), (3, 21, 22)))
    found = xcorr.correlate(images, kernels, method="fft", layout="NHW", dtype="complex64", bias=[1 + 2j] * 3)
    real = xcorr.correlate(images, kernels, method="fft", layout="NHW", bias=[1.0] * 3)
    assert_same_bits(np.ascontiguousarray(found.real), real)
    assert (found.imag == 2).all()


def test_scores_of_large_templates_are_those_of_the_direct_method():
    rng = random_generator("large templates")
    image, templates = (rng.standard_normal(shape).astype(np.float32) for shape in ((90, 85), (2, 35, 40)))
    found, expected = (xcorr.match(image, templates, method=method) for method in ("fft", "direct"))
    assert np.abs(found - expected).max() < 1e-5


def test_streams_have_the_bits_of_one_call():
    rng, n_parts = random_generator("streamed large kernels"), 0
    for images, kernels, words, _, expected in cases(rng):
        most = int((images.nbytes + bytes_of(expected)) * float(rng.choice([1, 0.6, 0.4]))) + 1
        prepared, told = xcorr.Correlator(kernels, **words), []
        try:
            found = xcorr.stream(
                prepared, images, max_bytes=most, progress=lambda done, _, told=told: told.append(done)
            )
        except MemoryError:
            continue
        assert same_bits(found, expected), (words, images.shape, images.dtype, kernels.shape, most)
        n_parts += len(set(told)) > 3
    assert n_parts

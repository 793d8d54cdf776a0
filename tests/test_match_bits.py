"""The bits of scores: whatever the workers, the batch, the place in it and in the bank, the memory, the part."""

import itertools
from unittest import mock

import numpy as np
import pytest
from checks import assert_same_bits, random_generator
from looping import drawn, for_each
from matching import SCORES, values
from memory_orders import MEMORY

import xcorr
from xcorr import _dispatch, _match_banks
from xcorr._bank import make_bank
from xcorr._job import Job
from xcorr._methods.asked import Scaling
from xcorr._plan import plan_for
from xcorr._respond import respond_scaled
from xcorr._settings import USUAL

MASKS = ("none", "image", "template", "padding")


def call_of(rng, dtype, masks, shape=(5, 70, 90), taps=(7, 9, 8)):
    """Operands and keywords: several areas' pixels where a template is long."""
    images, templates = values(rng, shape, dtype, "noise"), values(rng, taps, dtype, "noise")
    keywords = {"layout": "NHW"}
    if masks == "image":
        keywords["mask"] = rng.random(shape) > 0.2
    elif masks == "template":
        keywords["template_mask"] = rng.random(taps[1:]) > 0.2
    elif masks == "padding":
        keywords["padding"] = "same"
    return images, templates, keywords


@pytest.mark.parametrize("masks", MASKS)
@for_each(("dtype", "method", "score"), drawn(4, ["float32", "float64", "uint8"], ["direct", "fft"], SCORES))
def test_bits_of_a_batch(dtype, masks, method, score):
    rng = random_generator(dtype, masks, method, score)
    images, templates, keywords = call_of(rng, dtype, masks)
    mask = keywords.pop("mask", None)
    matcher = xcorr.Matcher(templates, score=score, method=method, **keywords)
    whole = matcher(images, mask=mask)
    for workers in (1, 2, 3):
        assert_same_bits(matcher(images, mask=mask, workers=workers), whole)
    for some in ([0], [3, 1], [4, 4, 2, 0]):
        assert_same_bits(matcher(images[some], mask=None if mask is None else mask[some]), whole[some])
    turned = np.asfortranarray(images)
    assert_same_bits(matcher(turned, mask=mask), whole)
    out = np.full((*whole.shape[::-1],), 9, whole.dtype).T
    assert_same_bits(matcher(images, mask=mask, out=out), whole)
    others = xcorr.match(images, templates[[5, 2]], mask=mask, score=score, method=method, **keywords)
    assert_same_bits(others, whole[..., [5, 2]])


@for_each("dtype", ["float32", "float64", "uint8"])
@for_each("score", SCORES)
@for_each("way", ["finite", "bools", "shares"])
def test_what_is_seen_of_an_image_changes_no_bit_of_others(dtype, score, way):
    rng = random_generator(dtype, score, way)
    images, templates, _ = call_of(rng, dtype, "none")
    mask = np.ones(images.shape, bool if way == "bools" else float)
    mask[1, 3:9, 50:] = 0
    mask[2, 60:] = 0.5 if way == "shares" else 1
    mask[4, 20:30] = 0
    if way == "finite" and images.dtype.kind == "f":
        images[mask == 0] = np.nan
    words = {"score": score, "layout": "NHW"}
    whole = xcorr.match(images, templates, mask="finite" if way == "finite" else mask, **words)
    for index in range(len(images)):
        own = slice(index, index + 1)
        found = xcorr.match(images[own], templates, mask="finite" if way == "finite" else mask[own], **words)
        assert_same_bits(found, whole[own])


@for_each("method", ["auto", "direct", "fft"])
@for_each("score", ["zncc", "ncc"])
def test_images_that_need_more_care_change_no_bit_of_those_beside_them(method, score):
    """Float32 holds the sums of the noise, float64 those beside a step, neither those beside a dot."""
    rng = random_generator(method, score)
    images = rng.normal(size=(7, 60, 70)).astype(np.float32)
    images[1, :, 30:] += 20
    images[2, 30, 30] = 1e9
    images[4, 20:, 40:] = 5
    images[5, 9, 9] = np.nan
    templates = images[0, :20, :18].reshape(2, 10, 18)
    whole = xcorr.match(images, templates, layout="NHW", score=score, method=method)
    for index, image in enumerate(images):
        assert_same_bits(
            xcorr.match(image[np.newaxis], templates, layout="NHW", score=score, method=method)[0], whole[index]
        )
    assert_same_bits(xcorr.match(images[::-1], templates, layout="NHW", score=score, method=method), whole[::-1])


@pytest.mark.parametrize("masks", MASKS)
@for_each("dtype", ["float32", "uint8"])
@for_each("method", ["auto", "direct", "fft"])
@for_each("score", ["zncc", "ncc", "ssd"])
def test_a_part_has_the_bits_of_the_whole(masks, dtype, method, score):
    rng = random_generator(masks, dtype, method, score)
    images, templates, keywords = call_of(rng, dtype, masks, (1, 530, 300), (2, 9, 12))
    whole = xcorr.match(images, templates, score=score, method=method, **keywords)
    for rows, columns in (
        (slice(3, 9), slice(None)),
        (slice(250, 270), slice(500, 530)),
        (slice(-1, None), slice(-3, None)),
    ):
        part = xcorr.match(images, templates, score=score, method=method, roi=(rows, columns), **keywords)
        if method != "auto":
            assert_same_bits(part, whole[:, rows, columns])
        np.testing.assert_allclose(part, whole[:, rows, columns], rtol=1e-4, atol=1e-4)
    assert xcorr.match(images, templates, score=score, roi=(slice(5, 5), slice(None)), **keywords).shape[1] == 0


@for_each("dtype", ["float16", "float32", "float64", "bool", "uint8", "int16", "uint64"])
@for_each(("score", "masked"), drawn(3, SCORES, [False, True]))
def test_order_of_memory_changes_no_bit(dtype, score, masked):
    if masked and score not in ("zncc", "ssd"):
        return  # the same sums
    rng = random_generator(dtype, score)
    images, templates = values(rng, (2, 13, 17, 3), dtype, "noise"), values(rng, (4, 3, 5, 3), dtype, "noise")
    mask = (rng.random((2, 13, 17, 3)) > 0.2).astype(np.float32) / 2 if masked else None
    keywords = {"score": score, "padding": 1, "boundary": "reflect", "layout": "NHWC"}
    expected = xcorr.match(images, templates, mask=mask, **keywords)
    for arrange in MEMORY.values():
        seen = None if mask is None else arrange(mask)
        assert_same_bits(xcorr.match(arrange(images), templates, mask=seen, **keywords), expected)
        assert_same_bits(xcorr.match(images, arrange(templates), mask=seen, **keywords), expected)
    taps = rng.random(templates.shape)
    expected = xcorr.match(images, templates, mask=mask, template_mask=taps, **keywords)
    for arrange in MEMORY.values():
        own = arrange(templates), arrange(taps)
        assert_same_bits(xcorr.match(images, own[0], mask=mask, template_mask=own[1], **keywords), expected)
    for axis in range(4):
        again = np.broadcast_to(images.take([0], axis), images.shape)
        assert_same_bits(xcorr.match(again, templates, **keywords), xcorr.match(again.copy(), templates, **keywords))


@for_each("method", ["auto", "direct", "fft", "matmul", "winograd"])
@for_each("dtype", ["float32", "float64", "uint8"])
@for_each("score", ["zncc", "ncc", "covariance"])
def test_neither_the_memory_of_out_nor_the_number_of_templates_changes_a_bit(method, dtype, score):
    """Although sums of several channels may be made channel by channel, or of channels side by side."""
    rng = random_generator(method, dtype, score)
    images, templates = values(rng, (2, 9, 31, 5), dtype, "noise"), values(rng, (4, 3, 3, 5), dtype, "noise")
    if (method, dtype) == ("winograd", "uint8"):
        return  # whose sums are exact
    masks = ({}, {"template_mask": rng.random((3, 3)) > 0.2})
    for keywords in masks:
        keywords |= {"score": score, "method": method}
        expected = xcorr.match(images, templates, **keywords)
        for axes in itertools.permutations(range(4)):
            out = np.empty([expected.shape[axis] for axis in axes], expected.dtype).transpose(np.argsort(axes))
            assert_same_bits(xcorr.match(images, templates, out=out, **keywords), expected)
        if method != "auto":
            one = xcorr.match(images, templates[2], layout="NHWC", **keywords)
            assert_same_bits(one, np.ascontiguousarray(expected[..., 2]))


@for_each("dtype", ["float32", "float64", "uint8"])
@for_each("masks", [*MASKS, "each"])
@for_each("score", SCORES)
@for_each("method", ["auto", "direct", "fft"])
def test_templates_some_at_a_time_have_the_same_bits(dtype, masks, score, method):
    rng = random_generator(dtype, masks, score, method)
    images, templates, keywords = call_of(rng, dtype, masks, (2, 40, 50), (7, 9, 8))
    if masks == "each":
        keywords["template_mask"] = np.where(np.arange(7)[:, None, None] < 3, 0.5, rng.random((7, 9, 8)) > 0.2)
    expected = xcorr.match(images, templates, score=score, method=method, **keywords)
    with mock.patch.object(_match_banks, "TAPS_AT_ONCE", 3 * 9 * 8), mock.patch.object(_match_banks, "TAPS_KEPT", 0):
        assert_same_bits(xcorr.match(images, templates, score=score, method=method, **keywords), expected)


def test_layouts_agree():
    rng = random_generator("layouts")
    images, templates = rng.random((2, 30, 40, 3)).astype(np.float32), rng.random((4, 5, 6, 3)).astype(np.float32)
    last = xcorr.match(images, templates, method="direct")
    first = xcorr.match(np.moveaxis(images, 3, 1), np.moveaxis(templates, 3, 1), layout="NCHW", method="direct")
    np.testing.assert_allclose(np.moveaxis(first, 1, 3), last, atol=1e-6)
    each = xcorr.match(images, templates[0, :, :, 0], layout="NHWC")
    for channel in range(3):
        alone = xcorr.match(images[..., channel], templates[0, :, :, 0], layout="NHW")
        assert_same_bits(each[..., channel], alone)


@for_each("dtype", ["float32", "float64", "float16", "int32"])
@for_each("score", SCORES)
def test_winograd_agrees(dtype, score):
    rng = random_generator(dtype, score)
    images, templates = (100 * rng.random(shape) for shape in ((2, 20, 21, 16), (4, 3, 3, 16)))
    images, templates = images.astype(dtype), templates.astype(dtype)
    masks = {"mask": rng.random((2, 20, 21)) > 0.2, "template_mask": rng.random((3, 3)) > 0.2, "undefined": -3}
    for keywords in ({}, masks, {"roi": (slice(3, 9), slice(4, 20))}, {"padding": 1, "undefined": -3}):
        if dtype == "int32" and score in ("correlation", "ssd") and "undefined" not in keywords:
            with pytest.raises(ValueError, match="method: 'winograd' cannot do this job"):
                xcorr.match(images, templates, score=score, method="winograd", **keywords)
            continue
        scores = xcorr.match(images, templates, score=score, method="winograd", **keywords)
        direct = xcorr.match(images, templates, score=score, method="direct", **keywords)
        np.testing.assert_allclose(scores, direct, atol=1e-5 * max(1, np.abs(direct).max()))


@for_each("dtype", ["uint8", "int16", "float32"])
@for_each("method", ["direct", "fft"])
@for_each("stride", [(1, 2), (2, 1), (2, 3)])
@for_each("layout", ["NHWC", "NCHW"])
def test_strides_take_every_so_manieth_score(dtype, method, stride, layout):
    rng = random_generator(dtype, method, stride, layout)
    images, templates = (rng.integers(0, 200, shape).astype(dtype) for shape in ((2, 25, 33, 1), (3, 19, 9, 1)))
    if layout == "NCHW":
        images, templates = (np.ascontiguousarray(np.moveaxis(one, 3, 1)) for one in (images, templates))
    expected = xcorr.match(images, templates, layout=layout, method="direct")
    every = (slice(None, None, stride[0]), slice(None, None, stride[1]))
    expected = expected[(slice(None), *every) if layout == "NHWC" else (..., *every)]
    scores = xcorr.match(images, templates, layout=layout, method=method, stride=stride)
    assert np.abs(scores - expected).max() <= (1e-5 if dtype == "float32" else 1e-10)


@for_each("method", ["direct", "fft"])
def test_roots_that_are_not_the_responses_own_are_refused(method):
    """Before any loop is entered, by the engine."""
    planes, kernels = np.ones((1, 1, 20, 30), np.float32), np.ones((2, 1, 5, 6), np.float32)
    plan = plan_for(
        USUAL._replace(layout="NCHW", method=method), planes.shape, planes.dtype, (2, 1, 5, 6), planes.dtype
    )
    target, passes = np.empty((1, 2, 16, 25), np.float32), _dispatch.current().scores
    for shape, n_factors, dtype in (
        ((1, 15, 25), 2, "f4"), ((1, 16, 24), 2, "f4"), ((0, 16, 25), 2, "f4"), ((1, 16, 25), 1, "f4"),
    ):  # fmt: skip
        job = Job(plan, planes, make_bank(kernels, None, plan.reading), (0,), 1)
        job.scaling = Scaling(passes, np.ones(shape, dtype), np.ones(n_factors), 1.0)
        with pytest.raises(ValueError, match="scaling"):
            respond_scaled(job, target)
    job.scaling = Scaling(passes, np.full((1, 16, 25), 0.5), np.array([0.5, 2.0]), 20.0)
    respond_scaled(job, target)
    assert np.abs(target[:, 0] - 7.5).max() <= 7.5 * 2.0**-18
    assert (target[:, 1] == 20).all()

"""`register` of whole images: shifts, scores and ratios as the contract says."""

import warnings

import numpy as np
import pytest
from checks import random_generator
from looping import for_each
from scipy import ndimage

import xcorr
from xcorr._reference_shifts import best_shift, shift_scores

SCORES = ("phase", "correlation", "zncc")
LAYOUTS = {
    "NW": (61,), "NWC": (61, 2), "NCW": (2, 61), "NHW": (24, 31), "NHWC": (24, 31, 3), "NCHW": (3, 24, 31),
    "NDHW": (8, 12, 15), "NDHWC": (8, 12, 15, 2), "NCDHW": (2, 8, 12, 15),
}  # fmt: skip
DTYPES = ("bool", "u1", "i2", "u4", "i8", "f2", "f4", "f8", ">f4")


def texture(shape, dtype="f8", seed=""):
    """Noise, or of bools every second pixel or so."""
    noise = random_generator("register", shape, dtype, seed).random(shape)
    return (noise > 0.5) if dtype == "bool" else (noise * 250).astype(dtype)


def spatial_axes(layout):
    return tuple(place - 1 for place, letter in enumerate(layout) if letter not in "NC")


def moved(image, displacement, layout="NHW"):
    return np.roll(image, displacement, spatial_axes(layout))


@for_each("score", SCORES)
@for_each("layout", LAYOUTS)
def test_a_rolled_image_is_found_in_every_layout(layout, score):
    image = texture(LAYOUTS[layout])
    displacement = (2, -3, 1)[: len(spatial_axes(layout))]
    found = xcorr.register(image, moved(image, displacement, layout), layout=layout, score=score)
    assert found.shift.dtype == found.score.dtype == found.ratio.dtype == np.float64
    assert found.shift.shape == (len(displacement),)
    assert found.score.shape == found.ratio.shape == ()
    np.testing.assert_array_equal(found.displacement, displacement)
    np.testing.assert_array_equal(found.displacement, -found.shift)
    assert found.score == pytest.approx(1, abs=1e-5)
    assert found.ratio > 1.2


@for_each("score", SCORES)
@for_each("dtype", DTYPES)
def test_every_dtype_and_identical_images_score_1(dtype, score):
    image = texture((33, 40), dtype)
    found = xcorr.register(image, moved(image, (-4, 7)), score=score)
    np.testing.assert_array_equal(found.shift, [4, -7])
    same = xcorr.register(image, image, score=score)
    assert same.score == 1
    assert not same.shift.any()


@for_each(
    ("score", "shape", "other"),
    [
        *((score, shape, shape) for score in SCORES for shape in ((6, 7), (5, 8), (7,), (3, 4, 5))),
        *(("zncc", *shapes) for shapes in (((7, 6), (4, 5)), ((4, 5), (6, 7)))),
    ],
)
def test_shift_score_and_ratio_are_those_of_the_definition(score, shape, other):
    a, b = texture(shape, seed="a"), texture(other, seed="b")
    layout = {1: "NW", 2: "NHW", 3: "NDHW"}[len(shape)]
    found = xcorr.register(a, b, score=score, layout=layout)
    shift, best, ratio = best_shift(shift_scores(a, b, score=score), None if score == "zncc" else shape)
    np.testing.assert_array_equal(found.shift, shift)
    assert found.score == pytest.approx(best, abs=1e-10)
    assert found.ratio == pytest.approx(ratio, rel=1e-9)


@for_each("kind", ["bools", "shares", "one side", "finite", "little overlap"])
@for_each("score", ["correlation", "zncc"])
def test_masks_leave_out_what_does_not_count(score, kind):
    rng = random_generator("register masks", kind, score)
    a, b = texture((6, 7), seed="a"), texture((6, 7), seed="b")
    mask, other = rng.random((2, 6, 7)) > 0.3
    if kind == "shares":
        mask, other = mask * rng.random((6, 7)), other * rng.random((6, 7))
    if kind == "one side":
        mask = None
    words = {"min_overlap": 0.15} if kind == "little overlap" else {}
    scores = shift_scores(a, b, score=score, mask=mask, moving_mask=other, **words)
    shift, best, ratio = best_shift(scores, (6, 7) if score == "correlation" else None)
    if mask is not None:
        a[mask == 0] = np.nan if kind == "finite" else 1e30
    b[other == 0] = np.inf if kind == "finite" else np.nan
    words |= {"mask": mask, "moving_mask": other} if kind != "finite" else {"mask": "finite", "moving_mask": "finite"}
    found = xcorr.register(a, b, score=score, **words)
    np.testing.assert_array_equal(found.shift, shift)
    assert found.score == pytest.approx(best, abs=1e-10)
    assert found.ratio == pytest.approx(ratio, rel=1e-8)


@for_each("min_overlap", (0.1, 0.3, 0.8, 1.0))
def test_a_mask_of_all_pairs_is_that_of_each(min_overlap):
    a, b = texture((24, 30)), texture((20, 33), seed="other")
    rows, columns = np.ogrid[:24, :30]
    corner = rows + columns < 20
    for shift in ((0, 0), (9, -8), (-11, 9), (14, 17)):
        other = np.roll(~corner, shift, (0, 1))[:20]
        other = np.concatenate([other, other[:, :3]], axis=1)
        words = {"layout": "NHW", "score": "zncc", "min_overlap": min_overlap}
        found = xcorr.register(np.stack([a, a]), b, mask=corner, moving_mask=other, **words)
        wanted = xcorr.register(np.stack([a, a]), b, mask=np.stack([corner, corner]), moving_mask=other, **words)
        for own, others in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(own, others)


def test_masks_of_a_stack_and_of_channels():
    image = texture((20, 22, 3))
    stack = np.stack([moved(image, (n, -n), "NHWC") for n in range(3)])
    for shape in [(20, 22), (20, 22, 3), (1, 20, 22, 3), (3, 20, 22), (3, 20, 22, 3)]:
        mask = random_generator("register masks of", shape).random(shape) > 0.2
        spoiled = np.where(mask if mask.ndim > 3 or shape[-1:] == (3,) else mask[..., np.newaxis], stack, np.nan)
        found = xcorr.register(image, spoiled, layout="NHWC", score="zncc", moving_mask=mask)
        np.testing.assert_array_equal(found.shift, [[-n, n] for n in range(3)])
        np.testing.assert_array_equal(found.score, 1)


def test_one_image_goes_with_a_stack_on_either_side():
    image = texture((24, 30))
    stack = np.stack([moved(image, (n, 2 * n)) for n in range(5)])
    for score in SCORES:
        found = xcorr.register(image, stack, layout="NHW", score=score)
        assert found.shift.shape == (5, 2)
        np.testing.assert_array_equal(found.displacement, [(n, 2 * n) for n in range(5)])
        for one in (image[np.newaxis], image):
            back = xcorr.register(stack, one, layout="NHW", score=score)
            np.testing.assert_array_equal(back.shift, found.displacement)
            if score == "zncc":
                back = xcorr.register(stack, one, layout="NHW", score=score, moving_mask=image > 9)
                np.testing.assert_array_equal(back.shift, found.displacement)
        pairs = xcorr.register(stack, stack[::-1], layout="NHW", score=score)
        np.testing.assert_array_equal(pairs.displacement[:, 0], [4, 2, 0, -2, -4])
    assert xcorr.register(image, stack).shift.shape == (5, 2)  # two axes are one image, whatever the other has
    assert xcorr.register(image, stack[:0], layout="NHW").shift.shape == (0, 2)
    assert xcorr.register(stack[:0], image, layout="NHW").ratio.shape == (0,)


def test_shifts_of_different_sizes_are_between_the_top_left_corners():
    image = texture((40, 50))
    part = image[7:27, 11:41]
    np.testing.assert_array_equal(xcorr.register(image, part, score="zncc").shift, [7, 11])
    np.testing.assert_array_equal(xcorr.register(part, image, score="zncc").shift, [-7, -11])
    assert xcorr.register(image, part, score="zncc").score == 1


@for_each("score", SCORES)
def test_half_of_an_even_axis_is_positive(score):
    image = texture((8, 10))
    found = xcorr.register(image, moved(image, (4, 5)), score=score, min_overlap=0.0)
    if score != "zncc":
        np.testing.assert_array_equal(found.shift, [4, 5])


@for_each("score", SCORES)
def test_max_shift_bounds_each_axis(score):
    image = texture((40, 44))
    other = moved(image, (6, -9))
    np.testing.assert_array_equal(xcorr.register(image, other, score=score, max_shift=9).shift, [-6, 9])
    np.testing.assert_array_equal(xcorr.register(image, other, score=score, max_shift=(6, 9.5)).shift, [-6, 9])
    for bound in ((5, 20), 0, 3, (20, 8)):
        for subpixel in (None, "parabola", 10):
            found = xcorr.register(image, other, score=score, max_shift=bound, subpixel=subpixel)
            assert (np.abs(found.shift) <= bound).all()
            assert found.score < 0.9


IDENTICAL = (
    {},
    {"taper": "hann"},
    {"score": "correlation", "taper": 0.5},
    {"window": 24},
    {"window": 24, "score": "correlation"},
)


@for_each(("dtype", "words"), [(dtype, words) for dtype in ("f4", "f8") for words in IDENTICAL])
def test_identical_images_score_1(dtype, words):
    for image in random_generator("identical", dtype).standard_normal((25, 48, 48)).astype(dtype):
        assert (xcorr.register(image, image, **words).score == 1).all()


def test_the_shift_may_be_wrong_under_phase_where_edges_do_not_meet_and_a_taper_helps():
    scene = ndimage.gaussian_filter(np.random.default_rng(5).standard_normal((300, 300)), 4)  # phase errs here
    a, b = scene[60:188, 60:188], scene[65:193, 63:191]
    for words in ({"taper": "hann"}, {"taper": 0.9}, {"score": "zncc"}, {"score": "zncc", "taper": "hann"}):
        np.testing.assert_array_equal(xcorr.register(a, b, **words).shift, [5, 3])
    assert np.abs(xcorr.register(a, b).shift).max() <= 1
    assert xcorr.register(a, a, taper="hann").score == xcorr.register(a, a, score="zncc", taper=0.5).score == 1


@for_each("score", SCORES)
def test_what_is_undefined_is_nan_and_0_without_a_warning(score):
    image, flat = texture((16, 16)), np.full((16, 16), 0.1)
    spoiled = image.copy()
    spoiled[3, 4] = np.nan
    stack = np.stack([image, flat, spoiled, np.full((16, 16), np.inf), moved(image, (1, 2)), flat * 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for subpixel in (None, "parabola", "gaussian", 10):
            found = xcorr.register(image, stack, layout="NHW", score=score, subpixel=subpixel)
            assert np.isnan(found.shift).all(axis=1).tolist() == [False, True, True, True, False, True]
            assert not found.score[[1, 2, 3, 5]].any()
            assert not found.ratio[[1, 2, 3, 5]].any()
            assert np.abs(found.shift[4] + [1, 2]).max() < 0.3
        for dtype in ("f4", "f2", "u1"):
            assert np.isnan(xcorr.register(image.astype(dtype), flat.astype(dtype), score=score).shift).all()


@for_each("score", ["correlation", "zncc"])
def test_no_overlap_is_undefined(score):
    image, left = texture((16, 16)), np.zeros((16, 16), bool)
    left[:, :4] = True
    for words in ({"mask": np.zeros((16, 16))}, {"mask": left, "moving_mask": left[:, ::-1], "max_shift": 3}):
        found = xcorr.register(image, image, score=score, **words)
        if score == "zncc" or not words["mask"].any():
            assert np.isnan(found.shift).all()
            assert found.score == found.ratio == 0


@for_each("score", SCORES)
def test_powers_of_two_and_offsets_change_little(score):
    image = texture((30, 34), "f4")
    other = moved(image, (3, -4)) + texture((30, 34), "f4", "noise") / 8
    for dtype, scales in (("f4", (2.0**-80, 2.0**60)), ("f8", (2.0**-400, 2.0**400))):
        a, b = image.astype(dtype), other.astype(dtype)
        found = xcorr.register(a, b, score=score, subpixel="parabola")
        for scale in scales:
            scaled = xcorr.register(a * a.dtype.type(scale), b, score=score, subpixel="parabola")
            for one, another in zip(found, scaled):
                np.testing.assert_array_equal(one, another)
        np.testing.assert_array_equal(np.rint(xcorr.register(a + 1000, b - 500, score=score).shift), [-3, 4])
    beyond = (np.round(image).astype(np.int64) + 2**62, np.round(other).astype(np.int64) - 2**62)
    np.testing.assert_array_equal(xcorr.register(*beyond, score=score).shift, [-3, 4])


@for_each("score", ("correlation", "zncc"))
def test_scores_of_several_channels_do_not_depend_on_their_brightness(score):
    a = texture((2, 20, 24)) * np.array([1, 3]).reshape(2, 1, 1)
    b = (np.roll(a, 2, -1) + texture((2, 20, 24), "f8", "noise")) * np.array([1, 0.6]).reshape(2, 1, 1)
    wanted = xcorr.register(a[np.newaxis], b[np.newaxis], layout="NCHW", score=score)
    assert 0.5 < wanted.score[0] < 0.95
    for exponent in (-900, -466, -440, 10, 398, 402, 900):
        a_scaled, b_scaled = (np.ldexp(own, exponent)[np.newaxis] for own in (a, b))
        found = xcorr.register(a_scaled, b_scaled, layout="NCHW", score=score)
        np.testing.assert_allclose(found.score, wanted.score, rtol=1e-12)
        np.testing.assert_array_equal(found.shift, wanted.shift)


@for_each("score", ("correlation", "zncc"))
def test_subnormal_pixels_are_scored_without_a_warning(score):
    steps = np.random.default_rng(3).integers(0, 3, (30, 30))
    image = 5e-324 * steps
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = xcorr.register(image, np.roll(image, 2, 0), score=score)
        beside = xcorr.register(1.0 * steps, np.roll(steps, 2, 0), score=score)
    np.testing.assert_array_equal(found.shift, beside.shift)
    np.testing.assert_allclose(found.score, beside.score, rtol=1e-12)


def test_inputs_are_never_changed_and_memory_order_changes_no_bit():
    a, b = texture((20, 26, 2), "f4"), texture((20, 26, 2), "f4", "other")
    mask = np.ones((20, 26), bool)
    before = a.copy(), b.copy()
    for score in SCORES:
        words = {"layout": "NHWC", "score": score, "subpixel": 10}
        words |= {} if score == "phase" else {"mask": mask}
        found = xcorr.register(a, b, **words)
        turned = xcorr.register(np.asfortranarray(a), b[::-1, ::-1][::-1, ::-1], **words)
        for one, another in zip(found, turned):
            np.testing.assert_array_equal(one, another)
        read_only = a.copy()
        read_only.flags.writeable = False
        np.testing.assert_array_equal(xcorr.register(read_only, b.astype(">f4"), **words).shift, found.shift)
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])


@for_each("score", SCORES)
def test_scores_do_not_follow_memory_order(score):
    for shape in ((13, 10, 11), (5, 2, 10), (7, 13, 3)):
        a, b = texture(shape, seed="a"), texture(shape, seed="b")
        found = xcorr.register(a, b, layout="NDHW", score=score)
        turned = xcorr.register(np.asfortranarray(a), np.asfortranarray(b), layout="NDHW", score=score)
        assert found.score.tobytes() == turned.score.tobytes()


@for_each("score", SCORES)
@for_each("shape", [(17, 23), (64, 64), (300, 411)])
def test_bits_do_not_depend_on_workers_or_the_place_in_the_stack(shape, score):
    n_images = 7 if shape[0] < 100 else 3
    stack = texture((n_images, *shape), "f4")
    references = stack + texture((n_images, *shape), "f4", "noise") / 4
    for masked in (False, True) if score != "phase" else (False,):
        words = {"layout": "NHW", "score": score, "subpixel": 20 if shape[0] < 100 else None}
        words |= {"mask": texture((n_images, *shape), "bool")} if masked else {}
        found = xcorr.register(references, stack, workers=1, **words)
        shared = xcorr.register(references, stack, workers=3, **words)
        for one, another in zip(found, shared):
            np.testing.assert_array_equal(one, another)
        for index in (0, n_images - 1):
            own = words | ({"mask": words["mask"][index]} if masked else {})
            alone = xcorr.register(references[index], stack[index], workers=2, **own)
            for one, another in zip(found, alone):
                np.testing.assert_array_equal(one[index], another)


def test_shifts_unpack_and_travel():
    import pickle

    image = texture((12, 12))
    found = xcorr.register(image, image)
    shift, score, ratio = found
    assert isinstance(found, xcorr.Shifts)
    assert shift is found.shift
    assert score is found.score
    assert ratio is found.ratio
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.displacement, found.displacement)


def test_integers_of_64_bits_keep_their_digits_beside_what_does_not_count():
    image = np.rint(texture((20, 22))).astype(np.int64)
    mask = texture((20, 22), "bool")
    far = np.where(mask, image + 2**62, -5)
    found = xcorr.register(far, moved(image, (2, 3)) + 2**61, score="zncc", mask=mask)
    np.testing.assert_array_equal(found.displacement, [2, 3])
    assert found.score > 0.999999


def test_a_negative_score_has_no_ratio():
    image = texture((12, 13))
    for score in ("correlation", "zncc"):
        found = xcorr.register(image, -image, score=score, max_shift=0)
        assert found.score == pytest.approx(-1)
        assert found.ratio == 0


def test_a_taper_multiplies_what_is_left_of_the_mean():
    a, b = texture((24, 31), seed="a"), texture((24, 31), seed="b") ** 3
    weights = [np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2 for size in a.shape]
    tapered = [(image - image.mean()) * np.outer(*weights) for image in (a, b)]
    found = xcorr.register(a, b, score="correlation", taper="hann")
    rolled = np.roll(tapered[1], found.shift.astype(int), (0, 1))
    assert found.score == pytest.approx(np.corrcoef(tapered[0].ravel(), rolled.ravel())[0, 1])
    maps = [np.corrcoef(tapered[0].ravel(), np.roll(tapered[1], place, (0, 1)).ravel())[0, 1]
            for place in np.ndindex(a.shape)]  # fmt: skip
    assert found.score == pytest.approx(max(maps))


@for_each("score", SCORES)
@for_each("dtype", ["f4", "f8", "u1"])
def test_along_a_stripe_there_is_no_shift(dtype, score):
    for size in (32, 127, 256):
        stripes = np.broadcast_to(texture(size, dtype), (size, size)).copy()
        for axis, image in enumerate((stripes.T, stripes)):
            for shift in (0, 3):
                found = xcorr.register(image, np.roll(image, shift, axis), score=score)
                np.testing.assert_array_equal(found.displacement, [0, shift] if axis else [shift, 0])


def test_a_small_lead_is_enough():
    rows, columns = np.mgrid[:256, :256]
    for deviation in (60, 300):
        blob = np.exp(-((rows - 120) ** 2 + (columns - 130) ** 2) / (2 * deviation**2)).astype(np.float32)
        found = xcorr.register(blob, np.roll(blob, (7, -9), (0, 1)), score="correlation")
        np.testing.assert_array_equal(found.displacement, [7, -9])

"""Scores hold their bounds whatever the offset, scale and contrast; what is undefined is what the contract says."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator
from looping import drawn, for_each
from matching import score_at

import xcorr
from xcorr import _match_floats, _reference

TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
METHODS = ("direct", "fft", "matmul")
SIDES = (3, 12, 40)


def scores_hold(image, template, method, n_places=12, **keywords):
    """Whether some scores, among them the largest, are the definition's."""
    scores = xcorr.match(image, template, method=method, layout="NHW", **keywords)
    rng = random_generator(image.shape, template.shape)
    places = [np.unravel_index(place, scores.shape) for place in (scores.argmax(), scores.argmin())]
    places += [tuple(rng.integers(0, length) for length in scores.shape) for _ in range(n_places)]
    expected = [score_at(image, template, place, **keywords) for place in places]
    error = np.abs([scores[place] for place in places] - np.array(expected)).max()
    return bool(error <= TOLERANCES[scores.dtype.name])


@for_each("offset", [0, 1e2, 1e3, 1e4, 1e5, -1e5])
@for_each("method", METHODS)
@for_each("dtype", TOLERANCES)
@pytest.mark.parametrize("side", SIDES)
def test_offsets(side, offset, method, dtype):
    rng = random_generator(side, offset, method, dtype)
    image = (rng.normal(size=(90, 120)) + offset).astype(dtype)
    template = image[20 : 20 + side, 30 : 30 + side]
    scores = xcorr.match(image, template, method=method)
    assert np.unravel_index(scores.argmax(), scores.shape) == (20, 30)
    assert scores_hold(image, template, method)


@for_each("method", METHODS)
@for_each("dtype", TOLERANCES)
@for_each("texture", [1.0, 1e-3])
@pytest.mark.parametrize("side", SIDES)
def test_contrast_steps(side, method, dtype, texture):
    rng = random_generator(side, method, dtype, texture)
    image = rng.normal(size=(90, 120)) * texture
    image[:, 60:] += 2e4
    image[70:] -= 2e4
    image = image.astype(dtype)
    for corner in ((10, 5), (10, 70), (72 - side // 2, 10)):
        template = image[corner[0] : corner[0] + side, corner[1] : corner[1] + side][:, ::-1]
        assert scores_hold(image, template, method)


@for_each(("channels", "score", "method"), drawn(2, [1, 3], ["zncc", "ncc"], ["direct", "fft"]))
@pytest.mark.parametrize("brightness", [1e2, 1e4, 1.5e6, 1e9])
def test_faint_rows_below_bright_ones(brightness, channels, score, method):
    """What is left of bright rows where sums of columns slide down is no share of faint windows."""
    rng = random_generator(brightness, channels, score, method)
    image = rng.normal(size=(150, 25, channels)).astype(np.float32)
    image[:90] *= brightness
    template = rng.normal(size=(30, 10, channels)).astype(np.float32)
    scores = xcorr.match(image, template, score=score, method=method, layout="NHWC")
    expected = _reference.match(image, template, score=score, layout="NHWC")
    assert np.abs(scores - expected).max() <= 1e-5


def test_waves_beside_faint_texture():
    """What rounding adds to a transform of one wave stands at that wave's place, where a template of it looks."""
    rng = random_generator("waves")
    for side in (32, 100, 128):
        wave = np.cos(2 * np.pi * np.add.outer(np.arange(300) * 3, np.arange(500) * 5) / 256)
        for faint in (0.1, 0.03, 0.012, 0.005):
            image = np.where(np.arange(500) < 250, wave, faint * rng.normal(size=(300, 500))).astype(np.float32)
            template = wave[:side, :side].astype(np.float32)
            scores = xcorr.match(image, template, method="fft")
            exact = xcorr.match(image.astype(float), template.astype(float), method="fft")
            assert np.abs(scores - exact).max() <= 1e-5


@for_each("method", METHODS)
@for_each("dtype", TOLERANCES)
@for_each("score", ["zncc", "ncc"])
@for_each("exponent", [-60, -20, 20, 60])
def test_powers_of_two_change_no_bit(method, dtype, score, exponent):
    rng = random_generator(method, dtype, score, exponent)
    image = (rng.normal(size=(50, 60)) + 3).astype(dtype)
    image[:20, :25] = 1.25
    template = image[15:27, 14:30]
    expected = xcorr.match(image, template, method=method, score=score)
    other = image * np.array(2.0**exponent, dtype), template * np.array(2.0 ** (-exponent // 3), dtype)
    assert_same_bits(xcorr.match(*other, method=method, score=score), expected)


@for_each("method", ["direct", "fft"])
@for_each("score", ["zncc", "ncc"])
def test_areas_with_a_flat_part_are_done_in_quarters(method, score, monkeypatch):
    """Whose windows hold in one pass where they are not flat; a part of the scores has the bits of all."""
    monkeypatch.setattr(_match_floats, "QUARTERED", 2**9)
    image = random_generator("quarters").normal(size=(80, 120)).astype(np.float32)
    image[41:, 70:] = 3
    image[10:14, 5:9] += 1e4
    for template in (image[20:29, 30:37], image[60:69, 60:76]):
        assert scores_hold(image, template, method, 60, score=score)
        scores = xcorr.match(image, template, method=method, score=score)
        part = xcorr.match(image, template, method=method, score=score, roi=(slice(11, 60), slice(20, 90)))
        assert_same_bits(part, scores[11:60, 20:90])
        assert_same_bits(scores, xcorr.match(image, template, method=method, score=score, workers=2))


@for_each("method", ["direct", "fft"])
@pytest.mark.parametrize("value", [1e7, 1e15, 1e30, 3e38, np.inf, -np.inf, np.nan])
def test_pixels_that_no_sample_shows(method, value):
    """The largest one, or what is not finite, lies where an area is not looked at before it is scored."""
    image = random_generator("unsampled").normal(size=(130, 140)).astype(np.float32)
    template = image[20:29, 30:37].copy()
    expected = xcorr.match(image, template, method=method)
    for place in ((57, 63), (129, 139)):
        other = image.copy()
        other[place] = value
        scores = xcorr.match(other, template, method=method)
        touched = np.zeros(scores.shape, bool)
        touched[max(0, place[0] - 8) : place[0] + 1, max(0, place[1] - 6) : place[1] + 1] = True
        np.testing.assert_allclose(scores[~touched], expected[~touched], rtol=0, atol=2e-5)
        if np.isfinite(value):
            assert np.abs(scores[touched]).max() <= 1
        else:
            assert np.isnan(scores[touched]).all()


def test_faint_pixels_beside_bright_ones():
    rng = random_generator("faint")
    for dtype in TOLERANCES:
        image = rng.normal(size=(60, 60))
        image[:, :30] *= 2.0**-100
        image = image.astype(dtype)
        for method in METHODS:
            assert scores_hold(image, image[10:20, 5:15], method)
            assert scores_hold(image, image[10:20, 5:15], method, score="ncc")


@for_each("score", ["zncc", "ncc", "ssd", "nssd", "covariance", "correlation"])
def test_tails_of_a_peak_below_all_normal_numbers(score):
    image = np.exp(-(np.arange(5000.0)[: 5000 // 4 * 4] ** 2) / 2e4) * np.ones((24, 1))
    assert image.min() == 0
    scores = xcorr.match(image, image[:21, 5:26], score=score)
    for column in (0, 100, 2000, 3000, 3830, 3835, 4900):  # of those after 3750 all pixels are below 1e-305
        expected = score_at(image, image[:21, 5:26], (1, column), score=score)
        assert scores[1, column] == expected or abs(scores[1, column] - expected) <= 1e-10 * max(1, abs(expected))


@for_each(
    ("seen", "bright", "scale", "of_template"),
    drawn(3, ["all", "template", "image"], [1, 1e100, 1e155, 1e160, 1e290], [1, 1e-160, 1e-290], [1, 1e160, 1e-200]),
)
def test_distances_of_any_scale(seen, bright, scale, of_template):
    """A pixel as bright as that changes no window that does not hold it."""
    rng = random_generator(seen, bright, scale, of_template)
    image, template = rng.random((11, 13)) * scale, rng.random((3, 4)) * of_template
    image[3, 4] = bright
    mask = {} if seen == "all" else {"template_mask": np.array([[1, 0, 1, 1]] * 3)}
    if seen == "image":
        mask = {"mask": np.arange(11)[:, np.newaxis] * np.ones(13) != 10}
    bound = _reference.match(np.abs(image), -np.abs(template), score="ssd", **mask)
    limits = {"ssd": bound, "nssd": _reference.match(np.abs(image), -np.abs(template), score="nssd", **mask)}
    for score, limit in limits.items():
        scores = xcorr.match(image, template, score=score, **mask)
        expected = _reference.match(image, template, score=score, **mask)
        with np.errstate(all="ignore"):
            assert ((scores == expected) | (np.abs(scores - expected) <= 24 * 2.0**-53 * limit + 2.0**-1060)).all()


@for_each("layout", ["NHWC", "NCHW", "NWC", "NDHW"])
@for_each("masked", [False, True])
def test_windows_that_are_nothing_beside_a_bright_pixel_are_not_flat(layout, masked):
    rng = random_generator(layout, masked)
    sizes = {"N": 1, "C": 2, "D": 3, "H": 5, "W": 9}
    image = rng.random([sizes[axis] for axis in layout]) * 1e-310
    template = rng.random([1 if axis == "N" else 2 for axis in layout])
    image.flat[image.size // 2] = 1e290
    mask = {"mask": rng.random(image.shape) < 0.9} if masked else {}
    scores = xcorr.match(image, template, layout=layout, **mask)
    expected = _reference.match(image, template, layout=layout, **mask)
    assert np.abs(scores - expected).max() <= 1e-10


@for_each(("of_image", "of_template"), drawn(1, [-100, -61, -17, 0, 17, 61, 100], [-100, -61, 0, 17, 60, 100]))
@for_each("score", ["covariance", "ssd"])
def test_powers_of_two_in_the_data_change_no_bit(score, of_image, of_template):
    rng = random_generator("powers", score)
    image = rng.normal(size=(2, 30, 31)).astype(np.float32)
    template = image[:1, 4:9, 3:9].copy()
    if score == "ssd":
        of_template = of_image
    scores = xcorr.match(np.ldexp(image, of_image), np.ldexp(template, of_template), score=score, layout="NHW")
    expected = xcorr.match(image, template, score=score, layout="NHW").astype(np.float64)
    with np.errstate(over="ignore"):
        expected = np.ldexp(expected, of_image + of_template).astype(np.float32)
    if of_image + of_template > -110:  # or they are below the normal numbers
        assert_same_bits(scores, expected)
    assert np.isfinite(scores).all() == np.isfinite(expected).all()


def test_scores_that_float32_does_not_hold_are_infinite():
    image = np.full((6, 6), 1e20, np.float32)
    assert (xcorr.match(image, np.ones((3, 3), np.float32), score="ssd") == np.inf).all()
    image[:, ::2] = 3e38
    assert np.isinf(xcorr.match(image, -image[:3, :3], score="covariance")).any()


@for_each(("left_out", "dtype", "score"), drawn(2, ["stride", "dilation", "mask"], TOLERANCES, ["zncc", "ncc"]))
@pytest.mark.parametrize("brightness", [1e4, 1e8, 1e12])
def test_bright_pixels_that_no_window_holds(left_out, brightness, dtype, score):
    """A transform sums over them all the same, so that what rounding adds is a share of theirs."""
    rng = random_generator(left_out, brightness, dtype, score)
    image = rng.normal(size=(100, 110)).astype(dtype)
    template = rng.normal(size=(8, 8)).astype(dtype)
    mask = np.ones(template.shape)
    mask[:, 1::2] = 0
    columns, keywords = {
        "stride": (slice(9, None, 12), {"stride": 12}),
        "dilation": (slice(1, None, 2), {"stride": 2, "dilation": 2}),
        "mask": (slice(1, None, 2), {"stride": (1, 2), "template_mask": mask}),
    }[left_out]
    image[:, columns] *= brightness
    image[:30] = 0
    scores = xcorr.match(image, template, score=score, method="fft", **keywords)
    expected = _reference.match(image, template, score=score, **keywords)
    assert np.abs(scores - expected).max() <= TOLERANCES[dtype]


@for_each("dtype", ["uint8", "int16"])
@for_each("layout", ["NHW", "NCHW"])
@for_each("channels", [1, 2])
@for_each("masked", [False, True])
@pytest.mark.parametrize("n_templates", [1, 3, 20])
def test_copies_in_a_bank_of_integers_score_exactly_one(n_templates, dtype, layout, channels, masked):
    """What each scores does not depend on the others, nor on gaps in `out`."""
    channels = 1 if layout == "NHW" else channels
    rng = random_generator(n_templates, dtype, layout, channels, masked)
    image = rng.integers(0, 120, (1, channels, 40, 50)).astype(dtype)
    templates = np.concatenate([image[:, :, row : row + 9, 2 * row : 2 * row + 7] for row in range(n_templates)])
    mask = rng.random((9, 7)) > 0.3 if masked else None
    words = {"layout": layout, "template_mask": mask}
    if layout == "NHW":
        image, templates = image[:, 0], templates[:, 0]
    scores = xcorr.match(image, templates, **words)
    gaps = np.zeros((*scores.shape[:-1], scores.shape[-1] + 3))[..., : scores.shape[-1]]
    assert_same_bits(xcorr.match(image, templates, out=gaps, **words), scores)
    by_template = np.moveaxis(scores, 3 if layout == "NHW" else 1, 0)
    for row, own in enumerate(by_template):
        assert own[0, row, 2 * row] == 1
        alone = xcorr.match(image, templates[row : row + 1], **words)
        assert_same_bits(np.moveaxis(alone, 3 if layout == "NHW" else 1, 0)[0], own)
    assert (np.abs(scores) <= 1).all()


@for_each("dtype", ["uint8", "int8", "uint16", "int16", "bool"])
@for_each("method", ("auto", *METHODS))
@pytest.mark.parametrize("side", [5, 9, 32])
def test_copies_of_integers_score_exactly_one(dtype, method, side):
    rng = random_generator(dtype, method, side)
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    image = rng.integers(low, high + 1, (70, 80)).astype(dtype)
    template = image[11 : 11 + side, 23 : 23 + side]
    assert xcorr.match(image, template, method=method)[11, 23] == 1
    assert xcorr.match(image, template, method=method, score="ncc")[11, 23] == 1
    inverted = (low + high - template.astype(np.int64)).astype(dtype)
    assert xcorr.match(image, inverted, method=method)[11, 23] == -1
    mask = rng.random(image.shape) > 0.3
    assert xcorr.match(image, template, mask=mask, min_overlap=0.1, method=method)[11, 23] == 1
    masked = xcorr.match(image, inverted, template_mask=mask[:side, :side], method=method)
    assert masked[11, 23] == -1


@for_each("dtype", ["uint8", "int16", "uint16", "int32", "uint64"])
def test_faint_texture_of_large_integers(dtype):
    rng = random_generator(dtype)
    highest = np.iinfo(dtype).max
    image = highest - rng.integers(0, 3, (60, 70)).astype(dtype)
    for method in ("direct", "fft"):
        assert scores_hold(image, image[5:46, 6:49], method)
        assert scores_hold(image, image[5:8, 6:8], method)


@for_each("offset", [0, 2**52, 2**53, 2**60, -(2**62)])
@for_each("dtype", ["uint8", "int64"])
@for_each("seen", ["template", "image", "both", "padding"])
def test_templates_of_large_integers_seen_in_part(seen, dtype, offset):
    rng = random_generator(seen, dtype, offset)
    image, template = rng.integers(100, 200, (5, 6)).astype(dtype), rng.integers(0, 600, (3, 3))
    if dtype == "int64":
        image += 2**61
    taps, mask = rng.random((3, 3)) < 0.6, rng.random((5, 6)) < 0.7
    keywords = {
        "template": {"template_mask": taps},
        "image": {"mask": mask},
        "both": {"mask": mask, "template_mask": taps},
        "padding": {"padding": 2},
    }[seen]
    scores = xcorr.match(image, template + offset, dtype=np.float64, min_overlap=0, **keywords)
    sides = 2 if seen == "padding" else 0
    counts = np.pad(keywords.get("mask", np.ones(image.shape, bool)), sides)
    pixels, taps = np.pad(image, sides), keywords.get("template_mask", np.ones((3, 3), bool))
    for place, score in np.ndenumerate(scores):
        rows, columns = (slice(first, first + 3) for first in place)
        both = counts[rows, columns] & taps
        assert abs(score - exact_zncc(pixels[rows, columns][both], template[both])) <= 1e-10


def exact_zncc(*operands):
    """The score of whole numbers, whose sums are exact; 0 where one side is flat."""
    counts = len(operands[0])
    one, other = ([counts * int(number) for number in operand] for operand in operands)
    if not counts:
        return 0.0
    one, other = ([number - sum(numbers) // counts for number in numbers] for numbers in (one, other))
    norms = sum(a * a for a in one) * sum(b * b for b in other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / norms**0.5 if norms else 0.0


def test_flat_windows_and_templates_are_undefined():
    image = np.full((8, 9), 3e4, np.float32)
    image[5:, 5:] = np.random.default_rng(0).random((3, 4))
    template = image[4:8, 4:8]
    scores = xcorr.match(image, template)
    assert (scores[:2, :2] == 0).all()
    assert scores[4, 4] == pytest.approx(1)
    assert np.isnan(xcorr.match(image, template, undefined=np.nan)[:2, :2]).all()
    assert (xcorr.match(image, np.ones((3, 3), np.float32)) == 0).all()
    assert (xcorr.match(image, np.ones((3, 3), np.float32), score="covariance", undefined=5) == 5).all()
    assert (xcorr.match(np.zeros((5, 5)), np.ones((3, 3)), score="nssd") == np.inf).all()
    assert (xcorr.match(np.ones((5, 5)), np.ones((3, 3)), score="ncc") == 1).all()
    assert (xcorr.match(np.full((9, 9), 7, np.uint8), np.ones((3, 3), np.uint8)) == 0).all()


@for_each("dtype", TOLERANCES)
def test_flat_is_a_share_of_the_largest_magnitude(dtype):
    limit = {"float32": 2.0**-21, "float64": 2.0**-50}[dtype]
    rng = random_generator(dtype)
    for factor, is_flat in ((0.2, True), (8, False)):
        window = (1 + factor * limit * (rng.integers(0, 2, (8, 8)) * 2 - 1)).astype(dtype)
        assert (window.std(dtype=np.longdouble) <= limit) == is_flat
        template = rng.random((8, 8)).astype(dtype)
        for image in (window, np.pad(window, 3, constant_values=5)):
            places = 0 if image is window else 3
            assert np.isnan(xcorr.match(image, template, undefined=np.nan)[places, places]) == is_flat
        assert np.isnan(xcorr.match(template, window, undefined=np.nan)[0, 0]) == is_flat


@for_each("dtype", TOLERANCES)
@for_each("score", ["zncc", "covariance"])
@for_each("shape", [(1, 24), (24, 23), (1, 9, 12, 11)])
def test_flat_templates_are_undefined_also_where_they_are_seen_in_part(shape, score, dtype):
    """Taps that differ by less than a share of their magnitude, which is another power of two than what is left."""
    rng = random_generator(shape, score, dtype)
    limit = {"float32": 2.0**-21, "float64": 2.0**-50}[dtype]
    image, size = rng.normal(size=shape).astype(dtype), tuple(min(4, length) for length in shape[-3:])
    layout = {4: "NDHW", 2: None}[len(shape)]
    mask = rng.random(shape) > 0.2
    for factor, is_flat in ((0.3, True), (6, False)):
        for magnitude in (1e5, 1, 1e-3):
            signs = rng.permutation(np.resize([1, -1], np.prod(size))).reshape(size)
            template = (magnitude * (1 + factor * limit * signs)).astype(dtype)
            keywords = {"score": score, "layout": layout, "undefined": np.nan, "min_overlap": 0.7}
            for words in ({}, {"mask": mask}, {"padding": 1}, {"mask": mask, "padding": "same"}):
                scores = xcorr.match(image, template, **keywords, **words)
                is_defined = ~np.isnan(scores)
                if is_flat:
                    assert not is_defined.any()
                else:
                    assert is_defined.any()
    part_flat = np.array([[100002.046875, 99999.0625, 99999.0859375]], "f4")  # flat without its first tap
    images, mask = np.array([[3, 1, 2, 5, 4, 2]], "f4"), np.array([[0, 1, 1, 1, 1, 1]], bool)
    scores = xcorr.match(images, part_flat, score=score, undefined=np.nan, mask=mask)
    assert np.array_equal(np.isnan(scores), [[True, False, False, False]])


@for_each("method", ("auto", *METHODS))
@for_each("value", [np.nan, np.inf, -np.inf])
@for_each("score", ["zncc", "ncc", "covariance", "nssd", "ssd"])
def test_what_is_not_finite_reaches_its_windows_alone(method, value, score):
    rng = random_generator(method, value, score)
    image = rng.random((40, 50)).astype(np.float32)
    expected = xcorr.match(image, image[:5, :7], method=method, score=score)
    image[20, 30] = value
    scores = xcorr.match(image, image[:5, :7], method=method, score=score)
    reached = np.zeros(scores.shape, bool)
    reached[16:21, 24:31] = True
    if score == "ssd" and not np.isnan(value):
        assert (scores[reached] == np.inf).all()
    else:
        assert np.isnan(scores[reached]).all()
    np.testing.assert_allclose(scores[~reached], expected[~reached], rtol=1e-5, atol=1e-5)


def test_defects_of_others():
    rng = random_generator("defects")
    dim = (rng.random((30, 30)) * 1e-4).astype(np.float32)
    assert xcorr.match(dim, dim[5:15, 6:16] * np.float32(1e-4))[5, 6] == pytest.approx(1, abs=1e-5)
    faint = np.float32(1e-9) * rng.random((9, 9)).astype(np.float32)
    assert xcorr.match(np.pad(faint, 3), faint)[3, 3] == pytest.approx(1, abs=1e-5)
    photograph = rng.integers(0, 256, (60, 60)).astype(np.uint8)
    constant = np.full((5, 5), 9, np.uint8)
    assert (xcorr.match(photograph, constant) == 0).all()
    assert (xcorr.match(photograph, constant, mask=photograph > 100, template_mask=np.eye(5)) == 0).all()
    assert (xcorr.match(photograph, photograph[3:9, 4:9], score="ssd") >= 0).all()
    assert np.abs(xcorr.match(photograph / 255, photograph[3:9, 4:9] / 255)).max() <= 1
    assert (xcorr.match(photograph, constant, template_mask=np.zeros((5, 5))) == 0).all()

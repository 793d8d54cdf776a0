"""What the tests of scores share: random calls, and scores of single windows by the definition."""

import numpy as np

from xcorr import _reference

SCORES = ("correlation", "ncc", "covariance", "zncc", "ssd", "nssd")
TOLERANCES = {"float16": 1e-3, "float32": 1e-5, "float64": 1e-10}
KINDS = ("noise", "offset", "step", "constant", "sparse", "scale", "unknown")


def pick(rng, *choices):
    """One of the choices."""
    return choices[rng.integers(len(choices))]


def values(rng, shape, dtype, kind):
    """Pixels or taps of a kind: noise, far from 0, with a step, constant, mostly 0, of any scale, not all finite."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) > 0.5
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        low, high = max(int(limits.min), -30000), min(int(limits.max), 30000)
        found = rng.integers(low, high + 1, shape if kind != "constant" else ())
        if kind == "sparse":
            found = np.where(rng.random(shape) < 0.1, found, 0)
        return np.broadcast_to(found, shape).astype(dtype)
    found = rng.normal(size=shape)
    if kind == "offset":
        found += 100 if dtype == np.float16 else pick(rng, 1e2, 1e3, 1e4, 1e5)
    elif kind == "step":
        found += np.where(np.arange(shape[-1]) > shape[-1] // 2, 2e4, 0)
    elif kind == "constant":
        found = np.where(rng.random(shape) < pick(rng, 0, 0.02), found, 1.7)
    elif kind == "sparse":
        found = np.where(rng.random(shape) < 0.1, found, 0)
    elif kind == "scale" and dtype != np.float16:
        found = found * 2.0 ** int(rng.integers(-60, 61))
    found = found.astype(dtype)
    if kind == "unknown":
        found[rng.random(shape) < 0.03] = pick(rng, np.nan, np.inf, -np.inf)
    return found


def shares(rng, shape):
    """A mask: bools, whole numbers or shares."""
    found = rng.random(shape)
    return pick(rng, found > 0.3, (found > 0.3).astype(np.uint8) * 7, np.where(found < 0.2, 0, found))


def arranged(layout, first, height, width, channels, has_first):
    """A shape in a layout, with or without its first axis."""
    shape = {"NHW": (first, height, width), "NHWC": (first, height, width, channels)}
    shape["NCHW"] = (first, channels, height, width)
    return shape[layout][0 if has_first else 1 :]


def without_channels(shape, layout):
    """The shape of a mask that all channels share."""
    if "C" not in layout:
        return shape
    axis = layout.index("C") - (len(layout) - len(shape))
    return shape[:axis] + shape[axis + 1 :]


def random_call(rng, dtypes, kinds=KINDS):
    """Images, templates and keywords of a small call, whatever they may be."""
    layout, n_channels = pick(rng, "NHW", "NHWC", "NCHW"), pick(rng, 1, 2, 3)
    height, width = rng.integers(1, 6, 2)
    dilation, stride = (pick(rng, 1, 1, 2), pick(rng, 1, 1, 3)), (pick(rng, 1, 1, 2), pick(rng, 1, 1, 3))
    sizes = [(n - 1) * d + 1 + int(rng.integers(9)) for n, d in zip((height, width), dilation, strict=True)]
    has_images, has_kernels = rng.random(2) < 0.7
    kind = pick(rng, *kinds)
    shape = arranged(layout, pick(rng, 1, 2, 3), *sizes, n_channels, has_images)
    images = values(rng, shape, pick(rng, *dtypes), kind)
    shape = arranged(layout, pick(rng, 1, 2, 5), int(height), int(width), n_channels, has_kernels)
    if "C" in layout and rng.random() < 0.15:
        shape = int(height), int(width)
    dtype = pick(rng, images.dtype, images.dtype, *dtypes)
    templates = values(
        rng, shape, dtype, pick(rng, kind, "noise", "constant") if kind != "unknown" else pick(rng, "noise", kind)
    )
    boundary = pick(rng, "constant", "constant", "edge", "reflect", "symmetric", "wrap", ("wrap", "constant"))
    keywords = {
        "layout": layout,
        "stride": stride,
        "dilation": dilation,
        "padding": pick(rng, "valid", "valid", "same", "full", 2, ((0, 1), (2, 0))),
        "boundary": boundary,
        "min_overlap": pick(rng, 0.5, 0.5, 0, 1, 0.3),
        "undefined": pick(rng, None, None, np.nan, -7.0),
    }
    if "constant" in boundary:
        keywords["fill_value"] = pick(rng, None, None, 0, 1)
    which = rng.random(2)
    if which[0] < 0.3:
        keywords["mask"] = shares(rng, pick(rng, images.shape, without_channels(images.shape, layout)))
    elif which[0] < 0.5:
        keywords["mask"] = "finite"
    if which[1] < 0.3:
        own = (
            templates.shape
            if templates.ndim < 3
            else pick(rng, templates.shape, without_channels(templates.shape, layout))
        )
        keywords["template_mask"] = shares(rng, own)
    return images, templates, keywords


def largest(array):
    """The largest finite magnitude."""
    return float(np.abs(np.where(np.isfinite(array), array, 0).astype(np.longdouble)).max(initial=0))


def assert_scores(got, expected, score, images, templates):
    """Scores are those of the definition, within the bound; what is no number or infinite, and integers, exactly.

    Sums are compared beside what they could be.
    """
    assert got.shape == expected.shape
    if expected.dtype == object:
        assert got.dtype == np.int64
        assert (got == expected).all()
        return
    tolerance = TOLERANCES[got.dtype.name]
    finite = np.isfinite(expected)
    if score == "nssd":
        tolerance *= 20 * max(1, largest(expected))
    elif score not in ("zncc", "ncc"):
        pixel, tap = max(1, largest(images)), largest(templates)
        tolerance *= templates.size * (pixel * tap if score != "ssd" else (pixel + tap) ** 2)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    np.testing.assert_array_less(np.abs(got[finite].astype(np.float64) - expected[finite]), tolerance + 1e-300)


def score_at(image, template, place, score="zncc", **keywords):
    """One score of one plane by the definition, at a place of the padded image's windows."""
    height, width = template.shape
    window = image[place[0] : place[0] + height, place[1] : place[1] + width]
    return float(_reference.match(window, template, score=score, layout="NHW", **keywords)[0, 0])

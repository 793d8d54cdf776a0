"""R32: shifts of images beside the scores of all shifts, their fractions, and their bits done in other ways."""

from typing import Any

import numpy as np
from calls import LEVELS, MEMORY
from draws import Draw, drawn_row
from shift_scores import check_pair, exact_scores, is_unknown
from support import axes

import xcorr
from xcorr import _dispatch

LAYOUTS = ("NW", "NWC", "NCW", "NHW", "NHW", "NHWC", "NCHW", "NDHW", "NDHWC", "NCDHW")
LENGTHS = {1: (5, 90), 2: (4, 22), 3: (3, 9)}
"""The shortest and the longest axis of images of so many axes, of which every shift is looked at."""
DTYPES = ("bool", "uint8", "int16", "uint32", "int64", "float16", "float32", "float32", "float64", "float64")
SCORES = ("phase", "correlation", "zncc", "zncc")


def draw_pixels(draw: Draw, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Noise, smooth or of few values, with offsets and scales that the type holds."""
    noise = draw.rng.random(shape)
    if draw.one_in(3):  # smooth along the last axis
        noise = (noise + np.roll(noise, 1, -1) + np.roll(noise, 2, -1)) / 3
    if draw.one_in(6):
        noise = np.rint(noise * 3) / 3
    if dtype == "bool":
        return noise > 0.5
    if np.dtype(dtype).kind in "iu":
        most = min(np.iinfo(dtype).max, 2**40)
        return np.rint(noise * draw.of((min(9, most), most))).astype(dtype)
    if dtype == "float16":
        return (noise * 200).astype(dtype)
    return (noise * draw.of((1, 1, 2.0**-60, 2.0**50)) + draw.of((0, 0, 0.5, -1))).astype(dtype)


def part_of(draw: Draw, image: np.ndarray, layout: str, shape: Any, dtype: str) -> np.ndarray:
    """Another image of which much is the same, moved, or nothing is."""
    own = draw_pixels(draw, shape, dtype)
    if draw.one_in(4) or image.ndim != len(shape):
        return own
    places = [at for at, letter in enumerate(layout) if letter in "DHW"]
    moved = np.roll(image, [draw.up_to(3) - 1 for _ in places], [at - len(layout) for at in places])
    cut = moved[tuple(slice(0, min(n, m)) for n, m in zip(moved.shape, shape, strict=True))]
    share = draw.of((0.0, 0.0, 0.3, 1.0))
    with np.errstate(over="ignore", invalid="ignore"):
        target = own[tuple(slice(0, n) for n in cut.shape)]
        kept = np.where(draw.rng.random(cut.shape) >= share, cut, target)
        kept = np.where(np.isfinite(kept.astype(np.float64)), kept, target)
        if np.dtype(dtype).kind in "iu":
            kept = np.clip(np.rint(kept.astype(np.float64)), 0, min(np.iinfo(dtype).max, 2**40))
        target[...] = kept.astype(dtype)
    return np.where(np.isfinite(own), own, 0).astype(dtype) if np.dtype(dtype).kind == "f" else own


def draw_mask(draw: Draw, image: np.ndarray, layout: str) -> np.ndarray:
    """What counts of images: bools or shares, with or without channels."""
    mask = axes.random_mask(draw.rng, image, layout)
    return mask if not draw.one_in(8) else np.zeros_like(mask)


def canonical(array: np.ndarray, layout: str) -> np.ndarray:
    """(N, C, spatial axes)."""
    if array.ndim < len(layout):
        array = array[np.newaxis]
    return np.moveaxis(array, layout.index("C"), 1) if "C" in layout else array[:, np.newaxis]


def canonical_mask(mask: Any, image: np.ndarray, layout: str) -> np.ndarray:
    """What counts of images (N, C, spatial axes), as floats."""
    wide = canonical(image, layout)
    if mask is None:
        return np.ones(wide.shape)
    shares = mask if mask.dtype.kind == "f" else mask != 0
    word = layout if mask.ndim == image.ndim else layout.replace("C", "")
    return np.broadcast_to(canonical(shares, word), wide.shape).astype(np.float64)


def draw_call(draw: Draw) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Two operands and keywords."""
    layout, score = draw.of(LAYOUTS), draw.of(SCORES)
    n_axes = sum(letter in "DHW" for letter in layout)
    least, most = LENGTHS[n_axes]
    sizes = [[least + draw.up_to(most - least) for _ in range(n_axes)]] * 2
    if score == "zncc" and draw.one_in(2):
        sizes = [sizes[0], [least + draw.up_to(most - least) for _ in range(n_axes)]]
    channels, n_images = 1 + draw.up_to(2), draw.of((1, 2, 3))
    has = draw.of(((True, True), (True, False), (False, True), (False, False)))
    shapes = []
    for size, own in zip(sizes, has, strict=True):
        lengths = iter(size)
        shapes.append(tuple({"N": n_images, "C": channels}.get(letter) or next(lengths)
                            for letter in layout if own or letter != "N"))  # fmt: skip
    dtype = draw.of(DTYPES)
    references = draw_pixels(draw, shapes[0], dtype)
    moving = part_of(draw, references, layout, shapes[1], dtype if draw.one_in(2) else draw.of(DTYPES))
    if draw.one_in(12):
        references[(slice(0, 1), ...) if has[0] else ...] = 1  # flat
    words: dict[str, Any] = {"layout": layout, "score": score}
    words["min_overlap"] = draw.of((0.3, 0.3, 0.5, 0.1))
    words["taper"] = draw.of((None, None, None, "hann", 0.4))
    words["max_shift"] = draw.of((None, None, None, 0, 2, tuple(1.5 + axis for axis in range(n_axes))))
    if score != "phase":
        for name, image in (("mask", references), ("moving_mask", moving)):
            if draw.one_in(4):
                words[name] = draw_mask(draw, image, layout)
    told = {name: word.shape if isinstance(word, np.ndarray) else word for name, word in words.items()}
    draw.call = f"{references.dtype}{references.shape} and {moving.dtype}{moving.shape}, {told}"
    return references, moving, words


def check_definition(draw: Draw) -> float:
    """Shifts, scores and ratios of some pairs, and their bits in other orders of memory, alone and by workers."""
    references, moving, words = draw_call(draw)
    layout = words["layout"]
    operands = [MEMORY[draw.of(tuple(MEMORY))](draw, one) for one in (references, moving)]
    found = xcorr.register(*operands, workers=draw.of((None, 1, 2, 3)), **words)
    wide = [canonical(one, layout) for one in (references, moving)]
    shares = [canonical_mask(words.get(name), one, layout)
              for name, one in (("mask", references), ("moving_mask", moving))]  # fmt: skip
    n_pairs = max(len(one) for one in wide)
    has_images = len(layout) in (references.ndim, moving.ndim)
    assert found.shift.shape == ((n_pairs,) if has_images else ()) + (wide[0].ndim - 2,), found.shift.shape
    parts = [own.reshape(n_pairs, -1) for own in found]
    settings = {"score": words["score"], "min_overlap": words["min_overlap"], "max_shift": words["max_shift"]}
    settings["taper"] = {"hann": 1.0, None: 0.0}.get(words["taper"], words["taper"])
    worst = 0.0
    for index in range(n_pairs):
        pair = [one[index % len(one)] for one in wide]
        seen = [one[index % len(one)] for one in shares]
        own = parts[0][index], parts[1][index, 0], parts[2][index, 0]
        is_masked = "mask" in words or "moving_mask" in words
        if any(is_flat(one, mask) for one, mask in zip(pair, seen, strict=True)):
            assert is_unknown(own), f"{own} of a flat image"
            continue
        worst = max(worst, check_pair(own, exact_scores(pair, seen, settings, is_masked)))
    check_alone(draw, references, moving, words, found)
    return worst


def is_flat(image: np.ndarray, shares: np.ndarray) -> bool:
    """Whether all that counts is the same, channel by channel."""
    return all(len(np.unique(one[own > 0])) < 2 for one, own in zip(image, shares, strict=True))


def check_alone(draw: Draw, references: np.ndarray, moving: np.ndarray, words: dict[str, Any], found: Any) -> None:
    """One of a stack of pairs has the same bits by itself."""
    layout = words["layout"]
    if len(layout) not in (references.ndim, moving.ndim):
        return
    n_pairs = max(len(one) for one in (references, moving) if one.ndim == len(layout))
    index, own = draw.up_to(n_pairs - 1), dict(words)
    operands = []
    for name, one in (("mask", references), ("moving_mask", moving)):
        has_images = one.ndim == len(layout)
        operands.append(one[index % len(one)] if has_images else one)
        mask = words.get(name)
        if mask is not None and has_images:
            own[name] = mask[index % len(mask)]
    alone = xcorr.register(*operands, workers=draw.of((1, 2)), **own)
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_array_equal(one[index], other, "alone")


# --- fractions and windows --------------------------------------------------------------------------------------------


def band_limited(draw: Draw, shape: tuple[int, ...], band: float, displacement: np.ndarray) -> list[np.ndarray]:
    """A random field of waves of up to so many cycles a pixel, and the same displaced."""
    waves = np.fft.fftn(draw.rng.standard_normal(shape))
    frequencies = np.meshgrid(*(np.fft.fftfreq(length) for length in shape), indexing="ij")
    waves[np.sqrt(sum(frequency**2 for frequency in frequencies)) > band] = 0
    turn = sum(own * way for own, way in zip(frequencies, displacement, strict=True))
    return [np.fft.ifftn(own).real for own in (waves, waves * np.exp(-2j * np.pi * turn))]


def check_fraction(draw: Draw) -> float:
    """The fraction of a pixel by which a band-limited, periodic pair is displaced.

    Whole shifts are not near the middle between two, of which the farther one may score higher.
    """
    score, upsampling = draw.of(("phase", "correlation", "zncc")), draw.of((1, 2, 3, 5, 10, 20, 50, 100, 1000))
    n_axes = draw.of((1, 2, 2)) if score == "zncc" else draw.of((1, 2, 2, 3))
    least, most = {1: (200, 500), 2: (48, 120), 3: (16, 32)}[n_axes]
    shape = tuple(least + draw.up_to(most - least) for _ in range(n_axes))
    reach = 5 if score == "zncc" else min(shape) / 2 - 2
    displacement = np.rint(draw.rng.uniform(-reach, reach, n_axes) * upsampling)
    far = 0.4 if upsampling == 1 else 0.5
    displacement = (displacement + draw.rng.uniform(-far, far, n_axes)) / upsampling
    band, dtype = draw.of((0.2, 0.3, 0.45)), draw.of(("float32", "float64"))
    draw.call = f"{score} 1/{upsampling} of {dtype}{shape} with {band}, displaced by {displacement}"
    pair = [one.astype(dtype) for one in band_limited(draw, shape, band, displacement)]
    layout = {1: "NW", 2: "NHW", 3: "NDHW"}[n_axes]
    found = xcorr.register(*pair, layout=layout, score=score, subpixel=upsampling, workers=draw.of((1, 2)))
    bound = 0.5 / upsampling + 0.01
    error = np.abs(found.displacement - displacement).max()
    assert error <= bound, f"error {error}, allowed is {bound}"
    return float(error / bound)


def check_windows(draw: Draw) -> None:
    """Windows are the pairs that they are, and have the same bits by any workers and in a stack."""
    score = draw.of(("phase", "correlation", "zncc", "zncc"))
    sizes = [20 + draw.up_to(30) for _ in range(2)]
    window = [6 + draw.up_to(10) for _ in sizes]
    step = [max(1 + draw.up_to(12), size // 3) for size in sizes]
    dtype = draw.of(("uint8", "float32", "float64"))
    reference = draw_pixels(draw, tuple(sizes), dtype)
    moving = np.roll(reference, [draw.up_to(4) - 2 for _ in sizes], (0, 1))
    words: dict[str, Any] = {"score": score, "subpixel": draw.of((None, "gaussian", "parabola", 10))}
    words["taper"] = None if score == "zncc" else draw.of((None, None, "hann"))
    search, masks = window, {}
    if score == "zncc":
        search = draw.of((window, [size + draw.up_to(12) for size in window]))
        if draw.one_in(3):
            masks = {name: draw.rng.random(sizes) < 0.9 for name in ("mask", "moving_mask")}
    draw.call = f"windows {window} in {search} each {step} of {dtype}{tuple(sizes)}, {words}, {list(masks)}"
    grid = {"window": tuple(window), "step": tuple(step), "search": tuple(search), "layout": "NHW"}
    found = xcorr.register(reference, moving, workers=1, **grid, **words, **masks)
    stack = np.stack([moving[::-1], moving, reference])
    again = xcorr.register(reference, stack, workers=draw.of((2, 3)), **grid, **words, **masks)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, other[1], "of a stack")
    shape = [(size - own) // apart + 1 for size, own, apart in zip(sizes, window, step, strict=True)]
    assert found.shift.shape == (*shape, 2), found.shift.shape
    place = tuple(draw.up_to(length - 1) for length in shape)
    firsts = [at * apart for at, apart in zip(place, step, strict=True)]
    part = tuple(slice(first, first + own) for first, own in zip(firsts, window, strict=True))
    before = [max(0, first - (wide - own) // 2) for first, wide, own in zip(firsts, search, window, strict=True)]
    ends = [first - (wide - own) // 2 + wide for first, wide, own in zip(firsts, search, window, strict=True)]
    around = tuple(slice(first, end) for first, end in zip(before, ends, strict=True))
    own_masks = {name: mask[part if name == "mask" else around] for name, mask in masks.items()}
    alone = xcorr.register(reference[part], moving[around], layout="NHW", **words, **own_masks)
    if alone.ratio > 1.0001:
        alone = alone._replace(shift=alone.shift + np.subtract(firsts, before))
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(one[place], other, rtol=1e-5, atol=1e-6)


def check_stack(draw: Draw) -> None:
    """Bits of a long stack, of which workers do some at a time, are those that its images have at other places."""
    n_images, shape, layout = draw.of(((300, (3000,), "NW"), (60, (120, 90), "NHW"), (50, (20, 24, 22), "NDHW")))
    n_images, score = n_images + draw.up_to(n_images), draw.of(("phase", "correlation", "zncc"))
    dtype = draw.of(("uint8", "float32", "float64"))
    reference = draw_pixels(draw, shape, dtype)
    ways = draw.rng.integers(-3, 4, (n_images, len(shape)))
    stack = np.stack([np.roll(reference, way, tuple(range(len(shape)))) for way in ways])
    words: dict[str, Any] = {"layout": layout, "score": score, "subpixel": draw.of((None, "parabola"))}
    draw.call = f"{n_images} of {dtype}{shape}, {words}"
    operands = (reference, stack) if draw.one_in(2) else (stack[::-1], stack)
    found = xcorr.register(*operands, workers=1, **words)
    index = draw.up_to(n_images - 1)
    ends = np.r_[index : n_images : max(1, (n_images - index) // 5)]
    again = xcorr.register(*(one[ends] if one.ndim == stack.ndim else one for one in operands), workers=2, **words)
    by_two = xcorr.register(*operands, workers=draw.of((2, 3)), **words)
    for one, some, other in zip(found, again, by_two, strict=True):
        np.testing.assert_array_equal(one[ends], some, "at other places")
        np.testing.assert_array_equal(one, other, "by workers")
    if words["subpixel"] is None and operands[0] is reference and dtype != "uint8" and reference.std() > 0:
        assert np.mean(found.displacement == ways) > 0.99, "not the shifts that were made"


def check_shifts(draw: Draw) -> float | None:
    checks = (*[check_definition] * 12, *[check_fraction] * 4, *[check_windows] * 4, check_stack)
    check = draw.of(checks)
    with _dispatch.using_level(draw.of(LEVELS).name):
        return check(draw)


ROWS = [
    drawn_row(
        "R32",
        "shifts, scores and ratios of images beside the scores of all shifts: every layout, dtype, score, mask, taper "
        "and stack; fractions of band-limited periodic pairs; windows; by workers, alone and in other orders of memory",
        "as good as the best within twice the scores' bound, fractions within 0.5/u + 0.01 pixels, the same bits",
        check_shifts,
        "violations",
        bounded=True,
    )
]

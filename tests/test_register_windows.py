"""`register` window by window: each as the pair of images that it is."""

import runpy
import warnings
from pathlib import Path

import numpy as np
from checks import random_generator
from looping import for_each
from particles import particles

import xcorr
from xcorr import _shift_windows

SCORES = ("phase", "correlation", "zncc")
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "multi_pass_flow.py"


def texture(shape, seed=""):
    return random_generator("register windows", shape, seed).random(shape)


def alone(a, b, place, window, search, **words):
    """What `register` finds of one window and of what is searched around it, as far as it is in the image."""
    of_a = tuple(slice(first, first + size) for first, size in zip(place, window))
    firsts = [first - (wide - size) // 2 for first, size, wide in zip(place, window, search)]
    of_b = tuple(slice(max(0, first), first + wide) for first, wide in zip(firsts, search))
    found = xcorr.register(a[of_a], b[of_b], **words)
    return found._replace(shift=found.shift + [one.start - other.start for one, other in zip(of_a, of_b)])


def assert_same(found, wanted, index):
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(one[index], other, rtol=1e-6, atol=1e-9)


@for_each(("score", "words"), [
    ("phase", {"window": 16}), ("phase", {"window": (12, 16), "step": (5, 7), "subpixel": 10, "taper": "hann"}),
    ("correlation", {"window": 16, "step": 16, "subpixel": "gaussian"}),
    ("zncc", {"window": 12, "subpixel": "parabola"}), ("zncc", {"window": 12, "search": (20, 17), "step": 9}),
    ("zncc", {"window": (9, 12), "search": 30, "subpixel": 10, "min_overlap": 0.5}),
    ("zncc", {"window": 14, "taper": 0.5}),
])  # fmt: skip
def test_windows_are_registered_as_images_of_their_size(score, words):
    a = texture((50, 61))
    b = np.roll(a, (2, -3), (0, 1)) + texture((50, 61), "noise") / 8
    found = xcorr.register(a, b, score=score, **words)
    window = np.broadcast_to(words["window"], 2)
    step, search = (
        np.broadcast_to(words.get(name, usual), 2) for name, usual in (("step", window // 2), ("search", window))
    )
    rows, columns = (np.array(a.shape) - window) // step + 1
    assert found.shift.shape == (rows, columns, 2)
    assert found.score.shape == found.ratio.shape == (rows, columns)
    assert found.shift.dtype == found.score.dtype == found.ratio.dtype == np.float64
    rest = {name: value for name, value in words.items() if name not in ("window", "step", "search")}
    for index in np.ndindex(rows, columns):
        wanted = alone(a, b, np.array(index) * step, window, search, score=score, **rest)
        if "taper" in words and score == "zncc":
            wanted = wanted._replace(ratio=found.ratio[index])
        assert_same(found, wanted, index)
    np.testing.assert_array_equal(np.rint(np.median(found.displacement, axis=(0, 1))), [2, -3])


def test_the_grid_does_not_depend_on_the_search_and_a_half_is_the_step():
    a = texture((40, 52))
    for search in (8, 9, 20, (40, 60)):
        assert xcorr.register(a, a, score="zncc", window=8, search=search).shift.shape == (9, 12, 2)
    assert xcorr.register(a, a, window=(40, 52)).shift.shape == (1, 1, 2)
    assert xcorr.register(a, a, window=(7, 1)).shift.shape == ((40 - 7) // 3 + 1, 52, 2)


def test_layouts_and_stacks():
    a = texture((30, 33))
    b = np.roll(a, (1, 2), (0, 1))
    stack = np.stack([a, b, np.roll(b, 1, 0)])
    found = xcorr.register(a, stack, layout="NHW", window=12, score="zncc")
    assert found.shift.shape == (3, 4, 4, 2)
    for index in range(3):
        own = xcorr.register(a, stack[index], window=12, score="zncc")
        for one, other in zip(found, own):
            np.testing.assert_array_equal(one[index], other)
    back = xcorr.register(stack, a, layout="NHW", window=12, score="zncc")
    np.testing.assert_array_equal(np.median(back.shift, axis=(1, 2)), [[0, 0], [1, 2], [2, 2]])
    assert xcorr.register(a, stack[:0], layout="NHW", window=12).shift.shape == (0, 4, 4, 2)
    colours = np.stack([b, 2 * b, -b], -1)
    of_colours = xcorr.register(np.stack([a, 2 * a, -a], -1), colours, layout="NHWC", window=12, score="zncc")
    np.testing.assert_array_equal(of_colours.shift, xcorr.register(a, b, window=12, score="zncc").shift)
    line = texture((200,))
    of_line = xcorr.register(line, np.roll(line, 3), layout="NW", window=40, search=60, score="zncc")
    assert of_line.shift.shape == (9, 1)
    np.testing.assert_array_equal(of_line.displacement[1:], 3)
    volume = texture((16, 18, 20))
    of_volume = xcorr.register(volume, np.roll(volume, (1, 0, -1), (0, 1, 2)), layout="NDHW", window=8, score="zncc")
    assert of_volume.shift.shape == (3, 3, 4, 3)
    np.testing.assert_array_equal(np.median(of_volume.displacement, axis=(0, 1, 2)), [1, 0, -1])


def test_masks_are_those_of_the_whole_images():
    a = texture((40, 44))
    b = np.roll(a, (2, 1), (0, 1))
    mask, other = texture((2, 40, 44), "mask") > 0.25
    mask[:16, :16] = False
    spoiled, missing = np.where(mask, a, np.nan), np.where(other, b, np.inf)
    for words in ({"mask": mask, "moving_mask": other}, {"mask": "finite", "moving_mask": "finite"}):
        found = xcorr.register(spoiled, missing, score="zncc", window=16, search=22, **words)
        assert np.isnan(found.shift[0, 0]).all()
        assert found.score[0, 0] == found.ratio[0, 0] == 0
        np.testing.assert_array_equal(found.displacement[2:, 2:], np.broadcast_to([2, 1], (2, 2, 2)))
        np.testing.assert_allclose(found.score[2:, 2:], 1, atol=1e-10)


@for_each("score", SCORES)
def test_what_is_undefined_is_nan_and_0_without_a_warning(score):
    a = texture((32, 32))
    b = a.copy()
    b[:16, :16] = 7
    b[20, 20] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = xcorr.register(a, b, score=score, window=16, step=16)
    np.testing.assert_array_equal(np.isnan(found.shift).all(axis=2), [[True, False], [False, True]])
    np.testing.assert_array_equal(found.score > 0, [[False, True], [True, False]])
    np.testing.assert_array_equal(found.ratio > 0, [[False, True], [True, False]])


@for_each("score", SCORES)
def test_bits_do_not_depend_on_workers_batches_or_memory_order(monkeypatch, score):
    a = texture((70, 75)).astype("f4")
    b = (a + texture((70, 75), "noise") / 4).astype("f4")
    words = {"window": 14, "step": 4, "score": score, "subpixel": 20} | ({"search": 18} if score == "zncc" else {})
    found = xcorr.register(a, b, workers=1, **words)
    for operands, n_bytes in (((a, b), 2**15), ((np.asfortranarray(a), b.astype(">f4")), 2**22)):
        monkeypatch.setattr(_shift_windows, "AT_ONCE", n_bytes)
        again = xcorr.register(*operands, workers=3, **words)
        for one, other in zip(found, again):
            np.testing.assert_array_equal(one, other)


@for_each(("score", "subpixel"), [(score, subpixel) for score in SCORES for subpixel in (None, "gaussian")])
def test_bits_of_windows_where_they_lie_do_not_depend_on_how_many_are_read_at_once(monkeypatch, score, subpixel):
    a = texture((70, 75)).astype("f4")
    b = (a + texture((70, 75), "noise") / 4).astype("f4")
    a[:20, :20], b[50:, 30] = 1, np.nan
    words = {"window": 14, "step": 4, "score": score, "subpixel": subpixel}
    words |= {"search": (18, 21)} if score == "zncc" else {}
    found = xcorr.register(a, b, workers=1, **words)
    assert np.isnan(found.shift).any()
    assert np.isfinite(found.shift).any()
    for n_bytes in (1, 2**15):
        monkeypatch.setattr(_shift_windows, "IN_PLACE", n_bytes)
        again = xcorr.register(np.asfortranarray(a), b.astype(">f4"), workers=3, **words)
        for one, other in zip(found, again):
            np.testing.assert_array_equal(one, other)


def test_particles_are_measured_without_bias():
    for displacement in ((0.25, -0.5), (1.25, 2.75), (5.25, -3.5)):
        a, b = particles((448, 448), displacement)
        found = xcorr.register(a, b, window=32, score="zncc", subpixel="gaussian")
        errors = (found.displacement - displacement).reshape(-1, 2)
        scatter = errors.std(axis=0)
        assert (np.abs(errors.mean(axis=0)) <= 0.005).all()
        assert (scatter < 0.02).all()
        assert (found.ratio > 1.2).mean() > 0.98


def test_the_multi_pass_example_finds_a_vortex():
    def vortex(places):
        down, right = (places - 112).T
        return np.stack([right, -down], 1) * 0.12 * np.exp(-(down**2 + right**2) / 6000)[:, np.newaxis]

    example = runpy.run_path(str(EXAMPLE))
    first, second = particles((224, 224), vortex, density=0.05)
    (rows, columns), displacement, is_sure = example["measure"](first, second, sizes=(64, 32, 16))
    truth = vortex(np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2))
    errors = np.abs(displacement - truth.reshape(displacement.shape)).max(axis=-1)
    assert np.abs(truth).max() > 3.9
    assert is_sure.mean() > 0.8
    assert np.median(errors) < 0.1
    assert (errors < 0.5).mean() > 0.9
    alone = xcorr.register(first, second, window=16, score="zncc", subpixel="gaussian").displacement
    assert np.median(errors) < np.nanmedian(np.abs(alone - truth.reshape(alone.shape)).max(axis=-1))

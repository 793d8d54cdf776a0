"""Peaks of volumes, as they come and of finished maps, beside the definition of all voxels."""

import numpy as np
import pytest
from axes import random_call
from checks import random_generator

import xcorr
from xcorr import _reference


@pytest.mark.parametrize(
    "words", [{}, {"border": 1, "min_distance": 3}, {"per": "image", "min_distance": 2}, {"subpixel": "parabola"},
              {"subpixel": "gaussian", "largest": False}, {"threshold": 1.5}]
)  # fmt: skip
def test_peaks(words):
    for index in range(12):
        rng = random_generator("peaks", index)
        images, kernels, keywords = random_call(rng, 3, ("float32", "int8"))
        layout, peaks = keywords["layout"], xcorr.Peaks(3, **words)
        response = xcorr.correlate(images, kernels, **keywords)
        one_kernel = kernels.ndim < len(layout) and not ("C" in layout and kernels.ndim == 3)
        word = "NDHW" if one_kernel else layout if "C" in layout else "NDHWC"
        expected = _reference.peaks(response, 3, layout=word, **words)
        found = peaks(response, word)
        names = ("score", "depth", "row", "column", "kernel", "sub_depth", "sub_row", "sub_column")
        assert found.dtype.names == names
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        in_call = xcorr.correlate(images, kernels, reduce=peaks, **keywords)
        firsts = [part.start for part in keywords.get("roi", ())] or [0, 0, 0]
        for name in names[:5]:
            np.testing.assert_array_equal(found[name], expected[name])
            moved = dict(zip(names[1:4], firsts, strict=True)).get(name, 0)
            np.testing.assert_array_equal(in_call[name], expected[name] + np.where(expected["kernel"] >= 0, moved, 0))
        for name in names[5:]:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-9)


def assert_records(found, expected):
    """The same records, places between pixels nearly."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    for name in expected.dtype.names:
        within = 1e-9 if name.startswith("sub_") else 0
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=within, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", ">f8", "float16", "uint8", "int64", "uint64", "bool"])
def test_peaks_of_finished_volumes_are_those_of_the_definition(dtype):
    rng, dtype = random_generator("finished", dtype), np.dtype(dtype)
    for index, size in enumerate([(1, 1, 1), (2, 1, 3), (1, 5, 4), (4, 3, 3), (3, 5, 6), (6, 1, 7)]):
        volumes = rng.integers(0, 4, (2, *size, 2)).astype(dtype)
        if dtype.kind == "f" and index % 2:
            volumes = rng.choice(np.array([np.nan, np.inf, -np.inf, 0.0, 1.0], dtype), volumes.shape)
        if dtype.kind == "f" and index == 4:
            volumes = rng.choice(np.array([np.nan, -np.inf, -np.inf], dtype), volumes.shape)
        kernels_first = np.ascontiguousarray(np.moveaxis(volumes, -1, 1))
        for words in (
            {"largest": False, "subpixel": "parabola"},
            {"min_distance": 2, "per": "image", "subpixel": "gaussian"},
            {"border": 1, "threshold": 1},
            {"min_distance": 3, "border": 0},
        ):
            expected = _reference.peaks(volumes, 30, layout="NDHWC", **words)
            for array, word in ((volumes, "NDHWC"), (kernels_first, "NCDHW"), (volumes[::-1, :, ::-1], None)):
                if word is None:
                    array = array[::-1, :, ::-1]
                assert_records(xcorr.Peaks(30, **words)(array, word or "NDHWC"), expected)


def test_peaks_of_larger_volumes_do_not_depend_on_slabs(monkeypatch):
    from xcorr import _volume_call

    rng = random_generator("slabs")
    volume, kernels = rng.standard_normal((11, 7, 8)).astype(np.float32), rng.standard_normal((3, 3, 3, 3))
    calls = [
        (lambda volumes, **more: xcorr.correlate(volumes, kernels, layout="NDHW", **more)),
        (lambda volumes, **more: xcorr.match(volumes, kernels, layout="NDHW", **more)),
    ]
    for words in ({"min_distance": 4}, {"min_distance": 2, "per": "image"}, {"subpixel": "parabola"}):
        peaks = xcorr.Peaks(5, **words)
        for call in calls:
            expected = _reference.peaks(call(volume), 5, layout="NDHWC", **words)
            for most in (2**25, 1, 3 * 5 * 6 * 3 * 8):
                monkeypatch.setattr(_volume_call, "SLAB_BYTES", most)
                assert_records(call(volume, reduce=peaks), expected)
                assert_records(call(np.stack([-volume, volume]), reduce=peaks)[1], expected)


def test_many_peaks_of_a_volume_keep_their_distance():
    rng = random_generator("many peaks")
    volume = rng.random((40, 41, 42), np.float32)
    padded = np.pad(volume, 1, constant_values=-1)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3, 3)).max(axis=(3, 4, 5))
    places = np.argwhere(volume == around)
    places = places[np.argsort(-volume[tuple(places.T)], kind="stable")]
    for k, distance in ((4000, 1), (300, 4), (60, 11), (7, 30)):
        found = xcorr.Peaks(k, min_distance=distance)(volume, "NDHW")
        free, expected = np.ones(len(places), bool), []
        while free.any() and len(expected) < k:
            expected.append(places[free.argmax()])
            free &= abs(places - expected[-1]).max(axis=1) >= distance
        own = np.stack([found[name] for name in ("depth", "row", "column")], axis=-1)
        np.testing.assert_array_equal(own[: len(expected)], expected)
        assert (found["kernel"][len(expected) :] == -1).all()

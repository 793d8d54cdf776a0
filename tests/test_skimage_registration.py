"""scikit-image's tests of registration, run with `register` below its names; and its functions beside `register`."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from checks import random_generator
from looping import for_each
from skimage_registration import LEFT_OUT, cross_correlate_masked, masked_shift, phase_cross_correlation

import xcorr

CHECKOUT = os.environ.get("COMPAT_SKIMAGE")
FILES = ("test_phase_cross_correlation.py", "test_masked_phase_cross_correlation.py")
AT_LEAST = 40
"""How many of their tests run, of 44 in version 0.26."""


def theirs():
    """scikit-image's registration, without what its import warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("skimage.registration")


def images(shape, shift, dtype="float64"):
    """An image and what it is when it has moved, both within one larger texture."""
    rng = random_generator("skimage", shape, str(shift))
    large = rng.random([length + 16 for length in shape]).astype(dtype)
    parts = [tuple(slice(8 + way, 8 + way + length) for way, length in zip(ways, shape)) for ways in (0 * shift, shift)]
    return [large[part] for part in parts]


@pytest.mark.skipif(not CHECKOUT, reason="COMPAT_SKIMAGE names no checkout of scikit-image")
def test_their_own_tests():
    theirs()
    folder = next(path for path in (Path(CHECKOUT, "tests/skimage"), Path(CHECKOUT, "skimage")) if path.is_dir())
    tests = [next(folder.glob(f"registration/**/{name}")) for name in FILES]
    paths = [str(Path(xcorr.__file__).parents[1]), str(Path(__file__).parent / "support")]
    options = ["-p", "skimage_registration", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder)]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, "--confcutdir", str(folder), *map(str, tests)],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths)),
        cwd=folder,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", ended.stdout.splitlines()[-1])}
    assert counts["passed"] >= AT_LEAST, ended.stdout
    assert "skipped" not in counts, ended.stdout
    assert counts["deselected"] >= len(LEFT_OUT), ended.stdout


@for_each("shape", [(33,), (24, 31), (9, 14, 11)])
@for_each("upsample_factor", [1, 20])
@for_each("normalization", ["phase", None])
@for_each("space", ["real", "fourier"])
def test_shifts_of_waves(shape, upsample_factor, normalization, space):
    rng = random_generator("waves", shape)
    shift = np.round(rng.uniform(-3, 3, len(shape)) * upsample_factor) / upsample_factor
    waves = np.fft.fftn(rng.random([length + (1 - length % 2) for length in shape]))
    moved = waves.copy()
    for axis, (length, way) in enumerate(zip(waves.shape, shift)):
        turn = np.exp(2j * np.pi * np.fft.fftfreq(length) * way)
        moved *= turn.reshape([length if number == axis else 1 for number in range(len(shape))])
    given = [one if space == "fourier" else np.fft.ifftn(one).real for one in (waves, moved)]
    words = {"upsample_factor": upsample_factor, "normalization": normalization, "space": space}
    found, error, phase = phase_cross_correlation(*given, **words)
    np.testing.assert_allclose(found, shift, atol=0.5 / upsample_factor + 0.01)
    assert phase == 0
    assert 0 <= error <= 1


@for_each(("shape", "shift"), [((40, 33), (3, -5)), ((12, 16, 14), (1, -3, 2)), ((60,), (7,))])
def test_shifts_beside_theirs(shape, shift):
    skimage, shift = theirs(), np.array(shift)
    for dtype in ("float32", "float64"):
        reference, moving = images(shape, shift, dtype)
        rng = random_generator("masks", shape)
        masks = [rng.random(shape) < 0.8 for _ in range(2)]
        words = {"reference_mask": masks[0], "moving_mask": masks[1]}
        own = phase_cross_correlation(reference, moving, **words)[0]
        np.testing.assert_array_equal(own, skimage.phase_cross_correlation(reference, moving, **words)[0])
        np.testing.assert_array_equal(own, shift)
        rolled = np.roll(reference, -shift, tuple(range(len(shape))))
        for normalization in ("phase", None):
            words = {"normalization": normalization}
            own, other = (
                call(reference, rolled, **words)[0]
                for call in (phase_cross_correlation, skimage.phase_cross_correlation)
            )
            np.testing.assert_array_equal(own, other)
            assert own.dtype == other.dtype
        part = moving[tuple(slice(0, length - 4) for length in shape)]
        words = {"reference_mask": np.ones(shape, bool), "moving_mask": np.ones(part.shape, bool)}
        np.testing.assert_array_equal(
            masked_shift(reference, part, **words), skimage.phase_cross_correlation(reference, part, **words)[0]
        )


@for_each(("one", "other", "axes"), [
    ((13, 17), (9, 8), (0, 1)), ((5, 9, 8), (5, 7, 11), (1, 2)), ((7, 9, 8), (5, 6, 4), (0, 1, 2)),
    ((8, 9, 5), (6, 7, 5), (0, 1)), ((4, 19), (4, 12), (1,)),
])  # fmt: skip
@for_each("mode", ["full", "same"])
@for_each("overlap_ratio", [0.1, 0.6])
def test_scores_beside_theirs(one, other, axes, mode, overlap_ratio):
    theirs()
    from skimage.registration._masked_phase_cross_correlation import cross_correlate_masked as wanted

    rng = random_generator("scores", one, other)
    arrays = [rng.random(shape) for shape in (one, other)] + [rng.random(shape) < 0.8 for shape in (one, other)]
    words = {"mode": mode, "axes": axes, "overlap_ratio": overlap_ratio}
    np.testing.assert_allclose(cross_correlate_masked(*arrays, **words), wanted(*arrays, **words), atol=1e-9)

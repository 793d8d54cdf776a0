"""What finds the best shifts of planes in compiled loops is what NumPy finds of any number of axes."""

import numpy as np
import pytest
from checks import random_generator

from xcorr._shift_axes import circle, line
from xcorr._shift_fits import between, fitted_slowly
from xcorr._shift_peaks import found_in_planes, found_slowly, second_best

AXES = {
    "circles": (circle(9, np.inf), circle(14, np.inf)),
    "lines": (line(7, 5, np.inf, 0, 1, 0), line(6, 11, np.inf, 0, 1, 3)),
    "a line": (line(9, 9, np.inf, 0, 1, -2),),
    "a circle": (circle(20, np.inf),),
}


def maps_of(axes, dtype, n_steps):
    """Scores of few values, so that several are the best, and some that are not there."""
    rng = random_generator("maps of scores", len(axes), np.dtype(dtype).name, n_steps)
    shape = 60, *[len(axis.shifts) for axis in axes]
    scores = (rng.integers(-n_steps, n_steps + 1, shape) / n_steps).astype(dtype)
    scores[rng.random(shape) < 0.1] = -np.inf
    scores[7] = -np.inf
    return scores


@pytest.mark.parametrize("n_steps", [1, 8, 2**20])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_best_and_second_best(axes, dtype, n_steps):
    scores, places, error = maps_of(axes, dtype, n_steps), [axis.allowed for axis in axes], 2.0**-18
    ranges = [axis.allowed_range for axis in axes]
    shifts, top, second = found_in_planes(scores, axes, places, ranges, error, np.empty((0, 3, 3)))
    expected, largest = found_slowly(scores, axes, places, error)
    known = largest > -np.inf
    assert known.sum() >= len(known) - 2
    np.testing.assert_array_equal(shifts[known], expected[known])
    np.testing.assert_array_equal(top, largest)
    np.testing.assert_array_equal(second[known], second_best(scores.copy(), axes, places, expected)[known])


@pytest.mark.parametrize("how", ["parabola", "gaussian"])
def test_vertices(how):
    rng = random_generator("vertices", how)
    rows, columns = np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij")
    places, widths = rng.uniform(-0.4, 0.4, (2, 300, 1, 1)), rng.uniform(0.8, 4, (2, 300, 1, 1))
    peaks = np.exp(-(((rows - places[0]) / widths[0]) ** 2) - ((columns - places[1]) / widths[1]) ** 2)
    noisy = peaks + 0.02 * rng.standard_normal(peaks.shape)
    wild = rng.standard_normal(peaks.shape)
    flat, lost = np.full((1, 3, 3), 0.5), noisy.copy()
    lost[:, 0] = np.nan
    for around in (peaks, noisy, wild, flat, lost):
        np.testing.assert_allclose(between(around, how), fitted_slowly(around, how), atol=2e-6)

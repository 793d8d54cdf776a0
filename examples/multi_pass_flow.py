"""A flow measured in several passes: each with smaller windows, which begin where the pass before says.

Large windows find large displacements, small ones find detail. Windows of the second image are shifted by what the
pass before found there, so that both see the same particles. What is doubtful, by the ratio of the two best scores or
beside the median of its neighbours, takes that median.

    python examples/multi_pass_flow.py FIRST.npy SECOND.npy FIELD.npz
"""

import sys

import numpy as np
from scipy import interpolate, ndimage

import xcorr


def windows_at(image, corners, size):
    """The windows (N, size, size) of an image that begin at corners (N, 2)."""
    rows, columns = (corners[:, axis, np.newaxis] + np.arange(size) for axis in (0, 1))
    return image[rows[:, :, np.newaxis], columns[:, np.newaxis]]


def validated(displacement, ratio, least_ratio, tolerance):
    """Displacements (rows, columns, 2) with medians of neighbours for those that are doubtful, and which are not."""
    median = np.stack([ndimage.median_filter(np.nan_to_num(one), 3) for one in np.moveaxis(displacement, -1, 0)], -1)
    is_sure = (ratio >= least_ratio) & (np.abs(displacement - median).max(axis=-1) <= tolerance)
    return np.where(is_sure[..., np.newaxis], displacement, median), is_sure


def measure(first, second, sizes=(64, 32, 16), least_ratio=1.1, tolerance=1.5):
    """The middles (rows, columns) of the last pass's windows, displacements (rows, columns, 2), and which are sure."""
    predict = None
    for size in sizes:
        rows, columns = (np.arange(0, length - size + 1, size // 2) for length in first.shape)
        corners = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
        middles = rows + (size - 1) / 2, columns + (size - 1) / 2
        predicted = np.zeros(corners.shape, int)
        if predict is not None:
            predicted = np.rint(predict(corners + (size - 1) / 2)).astype(int)
        moved = np.clip(corners + predicted, 0, np.array(second.shape) - size)
        pairs = windows_at(first, corners.reshape(-1, 2), size), windows_at(second, moved.reshape(-1, 2), size)
        found = xcorr.register(*pairs, layout="NHW", score="zncc", subpixel="gaussian", max_shift=size / 3)
        displacement = found.displacement.reshape(corners.shape) + (moved - corners)
        displacement, is_sure = validated(displacement, found.ratio.reshape(corners.shape[:2]), least_ratio, tolerance)
        predict = interpolate.RegularGridInterpolator(middles, displacement, bounds_error=False, fill_value=None)
    return middles, displacement, is_sure


if __name__ == "__main__":
    (rows, columns), displacement, is_sure = measure(*map(np.load, sys.argv[1:3]))
    np.savez(sys.argv[3], rows=rows, columns=columns, displacement=displacement, is_sure=is_sure)
    print(f"{is_sure.sum()} of {is_sure.size} windows are sure; the displacements are in {sys.argv[3]}")

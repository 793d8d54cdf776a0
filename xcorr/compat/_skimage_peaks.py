"""scikit-image's peaks: what no pixel around is above, so far from the edge and from each other."""

import warnings
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from xcorr._typing import Array
from xcorr.compat._skimage_arrays import eroded, n_seen


def peak_local_max(
    image: Array,
    min_distance: int = 1,
    threshold_abs: float | None = None,
    threshold_rel: float | None = None,
    exclude_border: Any = True,
    num_peaks: float = np.inf,
    footprint: Any = None,
    labels: Any = None,
    num_peaks_per_label: float = np.inf,
    p_norm: float = np.inf,
) -> Array:
    """Places of peaks, the highest first, as `skimage.feature.peak_local_max`.

    Parameters
    ----------
    image : ndarray
        An image of any number of axes.
    min_distance
        Peaks are the largest pixels of the boxes that reach so far on each side, and are so far from each other.
    threshold_abs, threshold_rel
        Peaks are above the first one, the image's least pixel by default, and above so much of the largest one.
    exclude_border : bool, int or tuple of int
        How far peaks are from the edges; True is `min_distance`.
    num_peaks, num_peaks_per_label
        How many peaks at most; of each label.
    footprint : ndarray of bool, optional
        Which pixels around are compared, in the place of a box.
    labels : ndarray of int, optional
        Regions, within each of which peaks are looked for; 0 is none.
    p_norm
        The norm of distances, from 1 on.

    Returns
    -------
    ndarray, (peaks, axes), intp
        Places in the image. There are none in an image of one value.

    Raises
    ------
    ValueError
        If the border is negative or of another length than the axes.
    TypeError
        If the border is no integer, or the labels are not.

    Warns
    -----
    RuntimeWarning
        If `min_distance` is below 1 and no footprint is given.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.peak_local_max(np.array([0, 3, 0, 0, 5, 1, 0]))
    array([[4],
           [1]])
    """
    image = np.asarray(image)
    if (footprint is None or np.size(footprint) == 1) and min_distance < 1:
        text = "When min_distance < 1, peak_local_max acts as finding image > "
        warnings.warn(f"{text}max(threshold_abs, threshold_rel * max(image)).", RuntimeWarning, stacklevel=2)
    if image.dtype.kind not in "biuf":
        raise TypeError(f"image: got the dtype {image.dtype}; allowed are real numbers")
    border = border_width(image, min_distance, exclude_border)
    threshold = least_peak(image, threshold_abs, threshold_rel)
    box = np.ones((2 * min_distance + 1,) * image.ndim, bool) if footprint is None else np.asarray(footprint) != 0
    keywords = {"spacing": min_distance, "p_norm": p_norm}
    if labels is None:
        candidates = without_border(candidates_of(image, box, threshold), border)
        return highest(image, candidates, num_peaks, **keywords)
    regions = without_border(labels.astype(int, casting="safe"), border)
    found = [np.empty((0, image.ndim), np.intp)]
    for label in np.unique(regions[regions > 0]):
        places = np.nonzero(regions == label)
        region = tuple(slice(axis.min(), axis.max() + 1) for axis in places)
        inside = labels[region] == label
        pixels = np.where(inside, image[region], lowest_of(image.dtype))
        candidates = candidates_of(pixels, box, threshold, inside)
        peaks = highest(pixels, candidates, num_peaks_per_label, **keywords)
        found.append(peaks + [part.start for part in region])
    peaks = np.concatenate(found)
    if len(peaks) <= num_peaks:
        return peaks
    kept = np.zeros(image.shape, bool)
    kept[tuple(peaks.T)] = True
    return highest(image, kept, num_peaks, **keywords)


def border_width(image: Array, min_distance: int, exclude_border: Any) -> tuple[int, ...]:
    """How many pixels are left out along each axis."""
    if isinstance(exclude_border, bool):
        return (min_distance if exclude_border else 0,) * image.ndim
    if isinstance(exclude_border, int):
        exclude_border = (exclude_border,) * image.ndim
    if not isinstance(exclude_border, tuple):
        raise TypeError(
            f"exclude_border: got {exclude_border!r}; allowed are bool, int, or a tuple of an int for each axis"
        )
    if len(exclude_border) != image.ndim or not all(isinstance(width, int) for width in exclude_border):
        raise ValueError(f"exclude_border: got {exclude_border}; allowed is an int for each axis")
    if min(exclude_border) < 0:
        raise ValueError("`exclude_border` cannot be a negative value")
    return exclude_border


def least_peak(image: Array, threshold_abs: float | None, threshold_rel: float | None) -> Any:
    """What peaks are above; NaN counts for nothing."""
    numbers = image[~np.isnan(image)] if image.dtype.kind == "f" else image
    if image.size and not numbers.size:
        return np.inf
    threshold = numbers.min() if threshold_abs is None else threshold_abs
    return threshold if threshold_rel is None else max(threshold, threshold_rel * numbers.max())


def lowest_of(dtype: np.dtype[Any]) -> Any:
    """The least number of a type."""
    if dtype.kind == "b":
        return False
    return np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min


def candidates_of(image: Array, box: Array, threshold: Any, inside: Array | None = None) -> Array:
    """Whether pixels are above a threshold, and none of the box around is above them.

    Where no pixel differs from another in its box there are none, but for single ones of a region: those that no cross
    of the region covers.
    """
    is_above: Array = np.asarray(image > threshold)
    if box.size == 1 or image.size == 1:
        return is_above
    is_largest: Array = np.asarray(image == largest_around(image, box))
    if is_largest.all() if inside is None else is_largest[inside].all():
        is_largest[...] = False
        if inside is not None:
            is_largest |= inside & ~opened(inside)
    return is_largest & is_above


def opened(inside: Array) -> Array:
    """What crosses of three pixels along each axis cover that lie inside."""
    steps = np.abs(np.indices((3,) * inside.ndim) - 1).sum(axis=0)
    cross = (steps <= 1).astype(np.uint8)
    return n_seen(eroded(inside, cross), cross) > 0


def largest_around(image: Array, box: Array) -> Array:
    """The largest pixel under a box around each, whose places beyond the edges have the nearest pixels."""
    sides = [(length // 2, length - 1 - length // 2) for length in box.shape]
    padded = np.pad(image, sides, mode="edge")
    if not box.all():
        places = np.argwhere(box)
        windows = [padded[tuple(map(slice, place, np.add(place, image.shape)))] for place in places]
        return np.asarray(np.fmax.reduce(windows)) if windows else np.asarray(image)
    for axis, length in enumerate(box.shape):
        padded = largest_along(padded, axis, length)
    return padded


def largest_along(image: Array, axis: int, length: int) -> Array:
    """The largest of so many neighbours along an axis, by maxima over powers of two."""
    moved = np.moveaxis(image, axis, 0)
    width = 1
    while 2 * width <= length:
        moved = np.fmax(moved[:-width], moved[width:])
        width *= 2
    if width < length:
        moved = np.fmax(moved[: len(moved) - (length - width)], moved[length - width :])
    return np.moveaxis(moved, 0, axis)


def without_border(values: Array, border: tuple[int, ...]) -> Array:
    """The values, 0 near the edges."""
    kept = np.zeros_like(values)
    inner = tuple(slice(width, max(length - width, width)) for width, length in zip(border, values.shape, strict=True))
    kept[inner] = values[inner]
    return kept


def highest(image: Array, candidates: Array, n_peaks: float, spacing: float, p_norm: float) -> Array:
    """The places of so many candidates by falling value, of equal ones the first, that are no closer to each other."""
    places = np.argwhere(candidates)
    values = image[candidates]
    order = len(values) - 1 - np.argsort(values[::-1], kind="stable")[::-1]
    places = places[order]
    n_wanted = int(n_peaks) if np.isfinite(n_peaks) else len(places)
    if spacing > 1 and len(places):
        places = places[spaced(places, spacing, p_norm, n_wanted)]
    return places[:n_wanted]


def spaced(places: Array, spacing: float, p_norm: float, n_wanted: int) -> list[int]:
    """Which places are kept: each in its turn rejects those behind it that are closer."""
    pairs = cKDTree(places).query_pairs(spacing, p=p_norm, output_type="ndarray")
    apart = np.abs(places[pairs[:, 0]] - places[pairs[:, 1]]).astype(float)
    distances = apart.max(axis=1) if np.isinf(p_norm) else (apart**p_norm).sum(axis=1) ** (1 / p_norm)
    pairs = pairs[distances < spacing]
    pairs = pairs[np.argsort(pairs[:, 0])]
    ends = np.searchsorted(pairs[:, 0], np.arange(len(places) + 1)).tolist()
    rejected = np.zeros(len(places), bool)
    kept: list[int] = []
    for index in range(len(places)):
        if len(kept) >= n_wanted:
            break
        if not rejected[index]:
            kept.append(index)
            rejected[pairs[ends[index] : ends[index + 1], 1]] = True
    return kept

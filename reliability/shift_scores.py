"""Scores of all shifts of a pair of images, by the definition, and what `register` finds held against them."""

from math import log2
from typing import Any, NamedTuple

import numpy as np
from scipy import fft, signal

from xcorr._register_settings import tapered

NARROW = ("bool", "uint8", "int16", "float16", "float32")
"""Types of which circular sums are taken in float32."""
NEAR = 2
CLEAR = 1e-3
"""What a score may err by at most that has to be found: the deviation in common is very small else."""


class Exact(NamedTuple):
    """The score of every shift of one pair, nan where there is none; and whether it is allowed, or nearly."""

    shifts: tuple[np.ndarray, ...]  # along each axis
    scores: np.ndarray
    is_allowed: np.ndarray
    may_be: np.ndarray
    bounds: np.ndarray  # of what each score may err by
    is_circular: bool


def centred(pixels: np.ndarray, shares: np.ndarray, is_circular: bool) -> np.ndarray:
    """Pixels (C, spatial axes) in long doubles less a channel's mean of what counts, 0 where nothing does.

    Where images end any number may be taken off: of whole numbers a whole one, so that no digit is lost.
    """
    sides = tuple(range(1, pixels.ndim))
    values = np.where(shares > 0, pixels, 0).astype(np.longdouble)
    means = values.sum(axis=sides, keepdims=True) / np.maximum((shares > 0).sum(axis=sides, keepdims=True), 1)
    if pixels.dtype.kind in "iu" and not is_circular:
        means = np.rint(means)
    return np.where(shares > 0, values - means, 0)


def sums_of(one: np.ndarray, other: np.ndarray, is_circular: bool) -> np.ndarray:
    """For all shifts the sums of one(y) other(y - shift) in long doubles, shifts from the lowest on."""
    one, other = one.astype(np.longdouble), other.astype(np.longdouble)
    if not is_circular:
        return signal.correlate(one, other, "full", "direct")
    sums = fft.ifftn(fft.fftn(one) * np.conj(fft.fftn(other))).real
    return np.roll(sums, [(n - 1) // 2 for n in one.shape], tuple(range(one.ndim)))


def coefficients(images: Any, shares: Any, is_circular: bool, unit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients of correlation for all shifts, how much is seen, and what they may err by in sums by transforms."""
    above = below_one = below_other = seen = np.longdouble(0)
    for a, b, u, v in zip(*images, *shares, strict=True):
        overlap = sums_of(u, v, is_circular)
        overlap[np.abs(overlap) < 1e-9 * u.size] = 0
        count = np.where(overlap > 0, overlap, 1)
        of_a, of_b = sums_of(u * a, v, is_circular), sums_of(u, v * b, is_circular)
        above = above + sums_of(u * a, v * b, is_circular) - of_a * of_b / count
        below_one = below_one + sums_of(u * a * a, v, is_circular) - of_a**2 / count
        below_other = below_other + sums_of(u, v * b * b, is_circular) - of_b**2 / count
        seen = seen + overlap
    energies = [
        sum((own * own * share).sum() for own, share in zip(*side, strict=True)) for side in zip(images, shares)
    ]
    least = 2.0**-58
    is_known = (below_one > least * energies[0]) & (below_other > least * energies[1])
    ratios = [np.where(is_known, energy, 0) / np.where(is_known, below, 1)
              for energy, below in zip(energies, (below_one, below_other), strict=True)]  # fmt: skip
    error = 0.5 * log2(max(2, above.size)) * unit
    bounds = error if is_circular and unit > 2.0**-50 else 1e-10 + 4 * error * (ratios[0] + ratios[1])
    scores = above / np.sqrt(np.where(is_known, below_one * below_other, 1))
    scores = np.where(is_known, scores, np.nan).astype(np.float64)
    return scores, seen.astype(np.float64), np.broadcast_to(bounds, scores.shape).astype(np.float64)


def phases(images: Any, unit: float) -> tuple[np.ndarray, float]:
    """The mean of the phases' waves for all shifts, and what it may err by in sums of such a unit roundoff."""
    n_axes = images[0].ndim - 1
    spectra = [np.fft.fftn(image, axes=range(1, n_axes + 1)) for image in images]
    products = (spectra[0] * np.conj(spectra[1])).sum(axis=0)
    products.flat[0] = 0
    size = np.abs(products)
    counts = (size >= unit * size.max()) & (size > 0)
    counts.flat[0] = False
    waves = np.where(counts, products / np.where(counts, size, 1), 0)
    n_waves = max(1, np.count_nonzero(counts))
    scores = np.fft.ifftn(waves).real * waves.size / n_waves
    # An error of a product, some units of the norms, turns its phase by so much over its size.
    error = 0.5 * log2(max(2, waves.size)) * unit
    norms = [np.sqrt((np.abs(own) ** 2).sum(axis=0)) for own in spectra]
    rms = [np.sqrt((own**2).mean()) for own in norms]
    turned = error * (rms[0] * norms[1] + rms[1] * norms[0]) / np.where(counts, size, np.inf)
    near = np.count_nonzero((size > unit * size.max() / 4) & (size < 4 * unit * size.max()) & (size > 0))
    bound = float(np.minimum(turned, 2).sum() / n_waves) + 2 * near / n_waves + error + 2 * (not counts.any())
    return np.roll(scores, [(n - 1) // 2 for n in scores.shape], tuple(range(n_axes))), bound


def exact_scores(images: Any, shares: Any, words: dict[str, Any], is_masked: bool) -> Exact:
    """Scores of all shifts of one pair (C, spatial axes) by the definition."""
    score, sizes = words["score"], [image.shape[1:] for image in images]
    is_circular = score != "zncc"
    weights = [[tapered(n, words["taper"]) for n in size] for size in sizes]
    windows = [axes_product(own) for own in weights]
    if score == "zncc":
        shares = [own * window for own, window in zip(shares, windows, strict=True)]
    values = [centred(image, own, is_circular) for image, own in zip(images, shares, strict=True)]
    if is_circular:
        values = [own * window for own, window in zip(values, windows, strict=True)]
    unit = (
        2.0**-24 if is_circular and not is_masked and all(image.dtype.name in NARROW for image in images) else 2.0**-53
    )
    if score == "phase":
        scores, bound = phases([own - own.mean(axis=tuple(range(1, own.ndim)), keepdims=True) for own in values], unit)
        seen, bounds = np.ones(scores.shape), np.full(scores.shape, bound)
    else:
        scores, seen, bounds = coefficients(values, shares, is_circular, unit)
    if words["taper"]:  # pixels are rounded when they are multiplied
        bounds = bounds + 4 * unit
    if is_circular:
        along = tuple(np.arange(-((n - 1) // 2), n // 2 + 1) for n in sizes[0])
    else:
        along = tuple(np.arange(1 - m, n) for n, m in zip(*sizes, strict=True))
    near = np.ones(scores.shape, bool)
    most = np.broadcast_to(np.inf if words["max_shift"] is None else words["max_shift"], len(along))
    for own, largest in zip(np.meshgrid(*along, indexing="ij"), most, strict=True):
        near &= np.abs(own) <= largest
    least = words["min_overlap"] * seen.max()
    is_known = near & np.isfinite(scores) & (seen > 0)
    allowed = [is_known & (seen >= least * slack) for slack in (1 + 1e-6, 1 - 1e-6)]
    if np.all(shares[0] == np.rint(shares[0])) and np.all(shares[1] == np.rint(shares[1])):
        allowed[0] = is_known & (np.rint(seen) >= least * (1 - 1e-9))
        allowed[1] = allowed[0]
    allowed[0] = allowed[0] & (bounds < CLEAR)
    return Exact(along, scores, *allowed, bounds, is_circular)


def axes_product(lines: list[np.ndarray]) -> np.ndarray:
    """The products of numbers along each axis."""
    whole = np.ones(())
    for line in lines:
        whole = np.multiply.outer(whole, line)
    return whole


def check_pair(found: Any, exact: Exact) -> float:
    """A shift that is as good as any but for rounding, its score and its ratio; the errors as a share of the bound."""
    shift, score, ratio = found
    if not exact.may_be.any():
        assert is_unknown(found), f"found {found} where nothing is defined"
        return 0.0
    if np.isnan(shift).all():
        assert not exact.is_allowed.any(), "nothing found where scores are defined"
        assert is_unknown(found), f"found {found}"
        return 0.0
    place = tuple(int(own - along[0]) for own, along in zip(shift, exact.shifts, strict=True))
    assert all(0 <= at < len(along) for at, along in zip(place, exact.shifts, strict=True)), f"shift {shift}"
    assert exact.may_be[place], f"shift {shift} is not allowed"
    own, bound = exact.scores[place], exact.bounds[place]
    least = (exact.scores - exact.bounds)[exact.is_allowed].max(initial=-1)
    assert own + bound >= least, f"{shift}: {own}, bound {bound}, where there are {least} less their bounds"
    allowed = bound if exact.is_circular else 1e-10
    assert abs(score - np.clip(own, -1, 1)) <= allowed, f"score {score} instead of {own}, bound {allowed}"
    check_ratio(shift, ratio, exact, place)
    return float(max(abs(score - np.clip(own, -1, 1)) / allowed, (least - own) / bound))


def is_unknown(found: Any) -> bool:
    """Whether no shift is known: NaN, and a score and a ratio of 0."""
    shift, score, ratio = found
    return bool(np.isnan(shift).all() and score == ratio == 0)


def check_ratio(shift: Any, ratio: float, exact: Exact, place: tuple[int, ...]) -> None:
    """The ratio to the best score that is more than two pixels away along some axis."""
    if (exact.is_allowed != exact.may_be).any():
        return
    far = np.zeros(exact.scores.shape, bool)
    for own, at, along in zip(np.meshgrid(*exact.shifts, indexing="ij"), shift, exact.shifts, strict=True):
        apart = np.abs(own - at)
        far |= (np.minimum(apart, len(along) - apart) if exact.is_circular else apart) > NEAR
    others = np.where(far & exact.is_allowed, exact.scores, -np.inf)
    second = np.unravel_index(others.argmax(), others.shape)
    errors = exact.bounds[place], float(exact.bounds[far & exact.is_allowed].max(initial=0))
    best, second = exact.scores[place], others[second]
    if best > 10 * errors[0] and second > 10 * errors[1]:
        error = 1.2 * (errors[0] / best + errors[1] / second)
        assert abs(ratio * second / best - 1) <= error, f"ratio {ratio} instead of {best / second}"
    elif best > 10 * errors[0] and second < -10 * errors[1]:
        assert ratio == np.inf, f"ratio {ratio} instead of infinity"
    elif best < -10 * errors[0]:
        assert ratio == 0, f"ratio {ratio} of a score of {best}"

"""What `register` looks for, slow and obviously right: the score of every shift by itself, by loops."""

import itertools
import math

import numpy as np


def shift_scores(reference, moving, *, score="phase", mask=None, moving_mask=None, min_overlap=0.3):
    """Scores of all shifts of one pair of planes, by the shift: reference(y) = moving(y - shift); None: undefined.

    "phase" is the mean, over the waves that are not faint, of the real part of their phase at the shift. "correlation"
    and "zncc" are coefficients of correlation of pixels that lie on each other, in a circle or where both images are,
    with w = mask(y) moving_mask(y - shift):

        sum w(R-mR)(M-mM) / sqrt(sum w(R-mR)^2 sum w(M-mM)^2)
    """
    a, b = np.asarray(reference, np.float64), np.asarray(moving, np.float64)
    if score == "phase":
        return phase_scores(a, b)
    shares = np.ones(a.shape) if mask is None else np.asarray(mask, np.float64)
    others = np.ones(b.shape) if moving_mask is None else np.asarray(moving_mask, np.float64)
    ranges = [range(-(m - 1), n) if score == "zncc" else range(-((n - 1) // 2), n // 2 + 1)
              for n, m in zip(a.shape, b.shape, strict=True)]  # fmt: skip
    scores, overlaps = {}, {}
    for shift in itertools.product(*ranges):
        pairs = []
        for place in np.ndindex(a.shape):
            other = tuple(y - s for y, s in zip(place, shift, strict=True))
            if score == "correlation":
                other = tuple(y % n for y, n in zip(other, b.shape, strict=True))
            if all(0 <= y < n for y, n in zip(other, b.shape, strict=True)) and shares[place] * others[other] > 0:
                pairs.append((shares[place] * others[other], a[place], b[other]))
        scores[shift], overlaps[shift] = agreement(pairs), sum(share for share, _, _ in pairs)
    most = max(overlaps.values())
    return {
        shift: found if overlaps[shift] > 0 and overlaps[shift] >= min_overlap * most * (1 - 1e-9) else None
        for shift, found in scores.items()
    }


def agreement(pairs):
    """The coefficient of correlation of (share, number, number), None where a side is constant."""
    if not pairs or any(len({pair[side] for pair in pairs}) == 1 for side in (1, 2)):
        return None
    shares, a, b = (np.array(side) for side in zip(*pairs, strict=True))
    a, b = (side - (shares * side).sum() / shares.sum() for side in (a, b))
    return float((shares * a * b).sum() / math.sqrt((shares * a * a).sum() * (shares * b * b).sum()))


def phase_scores(a, b):
    """The mean of cos(phase + wave at the shift) over the waves that are not faint, about the images' means."""
    spectra = np.fft.fftn(a - a.mean()) * np.conj(np.fft.fftn(b - b.mean()))
    spectra.flat[0] = 0
    faint = np.abs(spectra) < 2.0**-53 * np.abs(spectra).max()
    phases = np.where(faint, 0, spectra / np.where(faint | (spectra == 0), 1, np.abs(spectra)))
    scores = {}
    for shift in itertools.product(*(range(-((n - 1) // 2), n // 2 + 1) for n in a.shape)):
        angle = sum(
            2 * np.pi * s / n * np.arange(n).reshape([-1 if own == axis else 1 for own in range(a.ndim)])
            for axis, (s, n) in enumerate(zip(shift, a.shape, strict=True))
        )
        scores[shift] = float((phases * np.exp(1j * angle)).real.sum() / np.count_nonzero(phases))
    return scores


def best_shift(scores, circle=None):
    """The shift of the largest score, the score, and what it is divided by the largest more than two pixels away."""
    known = {shift: score for shift, score in scores.items() if score is not None}
    if not known:
        return None, 0.0, 0.0
    best = max(known, key=lambda shift: known[shift])

    def is_near(shift):
        far = [abs(s - t) for s, t in zip(shift, best, strict=True)]
        if circle is not None:
            far = [min(distance, n - distance) for distance, n in zip(far, circle, strict=True)]
        return max(far) <= 2

    others = [score for shift, score in known.items() if not is_near(shift)]
    second = max(others, default=0.0)
    return best, known[best], known[best] / second if second > 0 else math.inf

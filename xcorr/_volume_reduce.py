"""Reductions of volumes, made of those of their planes in order: extremes, counts and integers exactly."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._reduction import Reduction
from xcorr._whole_numbers import energy_overflow

Array = npt.NDArray[Any]

EXACT_MEAN = 2.0**50
"""Sums of integers below which a mean of so many, rounded to float64, tells the sum."""

BESIDE = {"argmax": "max", "argmin": "min"}
"""What has to be known of a plane beside the place in it."""


def inner_names(names: str | tuple[str, ...], over_kernels: bool) -> tuple[str, ...]:
    """The reductions of planes that those of volumes are made of."""
    given = (names,) if isinstance(names, str) else names
    beside = [] if over_kernels else [BESIDE[name] for name in given if name in BESIDE]
    return (*given, *dict.fromkeys(name for name in beside if name not in given))


def merged(
    found: dict[str, Array], reduction: Reduction, first_plane: int, is_flat: bool, totals: Array | None = None
) -> list[Array] | None:
    """The results of volumes from those of their planes (volumes, planes, kernels).

    None for sums of integers that are not known exactly, which then are given as `totals`. A flat volume's planes are
    the rows of one.
    """
    n_positions = reduction.outputs[0] * reduction.outputs[1] * reduction.outputs[2]
    results = []
    for name in reduction.names:
        own = found[name]
        in_plane = n_positions // own.shape[1]
        if name in ("max", "min"):
            results.append(own.max(axis=1) if name == "max" else own.min(axis=1))
        elif name in BESIDE:
            results.append(places(found[BESIDE[name]], own, name, first_plane, is_flat))
        elif name == "ppv":
            results.append(np.rint(own * in_plane).sum(axis=1) / n_positions)
        elif reduction.response.kind not in "iu":
            with np.errstate(over="ignore"):
                total = in_order_of_planes(own) / (own.shape[1] if name == "mean" else 1)
                results.append(total.astype(reduction.dtype(name)))
        elif name == "energy":
            results.append(whole_energy(own, reduction))
        elif totals is not None:
            results.append(means_of(totals, n_positions))
        else:
            sums = own * in_plane
            if np.abs(sums).max(initial=0) >= EXACT_MEAN:
                return None
            results.append(means_of(np.rint(sums).astype(np.int64).astype(object).sum(axis=1), n_positions))
    return results


def places(best: Array, within: Array, name: str, first_plane: int, is_flat: bool) -> Array:
    """(volumes, kernels, 3): the first place of the best plane's best."""
    planes = best.argmax(axis=1) if name == "argmax" else best.argmin(axis=1)
    inner = np.take_along_axis(within, planes[:, np.newaxis, :, np.newaxis], axis=1)[:, 0]
    if is_flat:
        return np.stack([inner[..., 0], np.zeros_like(planes), inner[..., 1]], axis=-1)
    return np.concatenate([(planes + first_plane)[..., np.newaxis], inner], axis=-1).astype(np.intp, copy=False)


def in_order_of_planes(own: Array) -> npt.NDArray[np.longdouble]:
    """Sums over planes, one after the other."""
    total = np.zeros((own.shape[0], own.shape[2]), np.longdouble)
    with np.errstate(invalid="ignore"):
        for plane in range(own.shape[1]):
            total += own[:, plane]
    return total


def whole_energy(own: Array, reduction: Reduction) -> Array:
    """Exact sums of planes' energies, or OverflowError."""
    totals = own.astype(object).sum(axis=1)
    if totals.size and totals.max() > np.iinfo(np.int64).max:
        raise energy_overflow(reduction.response)
    return np.asarray(totals.astype(np.int64))


def means_of(totals: Array, n_positions: int) -> Array:
    """Exact sums over a number, rounded once."""
    return np.asarray((totals / n_positions).astype(np.float64))

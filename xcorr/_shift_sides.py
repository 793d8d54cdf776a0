"""One of both operands, some images of it, and their transforms, which are made when they are asked for."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

import xcorr._memory as _memory
from xcorr._plane_transforms import transforms_of
from xcorr._shift_axes import Along
from xcorr._shift_lanes import Windowed, windows_in_lanes
from xcorr._staged_planes import Planes, square_sums

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]


class Side:
    """Images of an operand.

    Parameters
    ----------
    planes : the pixels.
    axes : whose lengths the transforms have.
    is_masked : whether one of both operands has a mask.
    n_workers : by which transforms are made.
    is_kept : whether it is used again, so that it may not be overwritten.
    are_windows : whether there is one of either side for each pair, of one size.
    """

    def __init__(
        self,
        planes: Planes,
        axes: tuple[Along, ...],
        is_masked: bool,
        n_workers: int,
        is_kept: bool = False,
        are_windows: bool = False,
    ) -> None:
        self.planes, self.is_masked = planes, is_masked
        self.transforms = transforms_of([axis.length for axis in axes], planes.values.dtype)
        self.n_workers, self.is_kept = n_workers, is_kept
        self.in_lanes = windows_in_lanes(axes, planes.values.dtype) if are_windows and not is_masked else None
        self.known, self.n_channels = planes.known, planes.values.shape[1]
        self.spectra: dict[tuple[str, int], Array] = {}
        self.norms: dict[str, Doubles] = {}

    @property
    def n_masks(self) -> int:
        """How many channels what counts has."""
        return 1 if self.planes.shares is None else self.planes.shares.shape[1]

    def plane(self, what: str, channel: int) -> Array:
        """The pixels of a channel, (images, spatial axes); or what counts of them, or one or both powers times that."""
        values, shares = self.planes.values, self.planes.shares
        if what == "pixels":
            return values[:, channel]
        if shares is None:
            counts = np.ones((1, *values.shape[2:]), np.bool_)
        else:
            counts = shares[:, min(channel, shares.shape[1] - 1)]
        if what == "shares":
            return product(counts, np.ones((), np.float64))
        seen = values[:, channel]
        if counts.dtype.kind != "b":  # else it is 0 where nothing counts
            seen = product(seen, counts)
        return seen if what == "seen" else product(seen, values[:, channel])

    def spectrum(self, what: str, channel: int) -> Array:
        """The transform of a plane; it may be overwritten unless the side is kept."""
        key = what, min(channel, self.n_masks - 1) if what == "shares" else channel
        if key in self.spectra:
            return self.spectra[key]
        found = self.transforms.forward(self.plane(what, channel), self.channel_means(channel), self.n_workers)
        if self.is_kept:
            self.spectra[key] = found
        return found

    def channel_means(self, channel: int) -> Any:
        """The means of a channel that have not been taken off, if so it is."""
        means = self.planes.means
        return None if means is None else np.ascontiguousarray(means[:, channel])

    def windowed(self) -> Windowed:
        """The images as windows that follow on each other."""
        values = self.planes.values
        return Windowed(values, np.arange(len(values)) * prod(values.shape[1:]))

    def energy(self) -> Doubles:
        """The sums of squares of each image's channels together."""
        if "energy" not in self.norms:
            rows = self.planes.values.reshape(len(self.known), self.n_channels, -1)
            self.norms["energy"] = square_sums(rows, self.planes.means).sum(axis=1)
        return self.norms["energy"]

    def norm(self, what: str) -> Doubles:
        """The root of the sum of squares of a kind of planes, of all channels together."""
        if what not in self.norms:
            total: Any = 0.0
            for channel in range(self.n_masks if what == "shares" else self.n_channels):
                plane = self.plane(what, channel)
                total = total + square_sums(plane.reshape(len(plane), 1, -1))[:, 0]
            self.norms[what] = np.sqrt(total)
        return self.norms[what]

    def let_go(self) -> None:
        """Lets go of pixels that are transformed, unless they are used again."""
        if not self.is_kept:
            self.planes = self.planes._replace(values=self.planes.values[:, :0].copy())


def product(one: Array, other: Array) -> Array:
    """The products of numbers, in memory that was used before."""
    shape = np.broadcast_shapes(one.shape, other.shape)
    return np.asarray(np.multiply(one, other, out=_memory.empty(shape, np.result_type(one, other))))

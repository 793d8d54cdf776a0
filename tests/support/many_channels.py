"""Calls of many channels that are alike: all of their roundings go the same way.

The exact response of such a call is that of a few channels, as often as these are repeated.
"""

from math import log2, sqrt
from typing import Any, NamedTuple

import numpy as np
import quads
from checks import window_view
from spectral_cases import section_of

import xcorr
from xcorr._axes import make_geometry
from xcorr._methods.winograd import quad_side

NUMBERS = ("equal", "of one sign", "with zeros")


class Alike(NamedTuple):
    """Operands (1, height, width, channels) and (kernels, height, width, channels of a group), and what repeats."""

    images: Any
    kernels: Any
    few_images: Any
    few_kernels: Any
    repeats: int
    groups: int

    @property
    def exact(self):
        """The response, (1, rows, columns, kernels)."""
        return self.repeats * few_sums(self.few_images, np.conj(self.few_kernels), self.groups)

    def method(self, asked):
        """The method that is taken, by "auto" too."""
        if asked != "auto":
            return asked
        shapes = self.images.shape, self.kernels.shape
        return xcorr.choose_method(*shapes, layout="NHWC", groups=self.groups, dtype=self.kernels.dtype)

    def allowed(self, method):
        """The method's bound for each part of a response; fft rounds once more on the way to the array."""
        dtype = self.images.dtype
        unit, count = np.finfo(dtype).eps / 2, 2 if dtype.kind == "c" else 1
        if method == "winograd":
            side = quad_side(make_geometry(self.images.shape[1:], self.kernels.shape, groups=self.groups))
            return self.repeats * quads.allowed_error(self.few_images, self.few_kernels, {"groups": self.groups}, side)
        if method == "fft":
            section = section_of(self.images, self.kernels, groups=self.groups)
            norms = self.repeats * self.few_norms()
            return 0.5 * log2(section.height * section.width) * unit * norms + unit * np.abs(self.exact)
        n_taps = count * self.kernels[0].size
        sums = self.repeats * few_sums(np.abs(self.few_images), np.abs(self.few_kernels), self.groups)
        if method == "matmul" and self.kernels.shape[1:3] == (1, 1):
            return max(4 + 2 * sqrt(n_taps), min(n_taps, 256) + n_taps / 256) * unit * sums
        return (4 + 2 * sqrt(n_taps)) * unit * sums

    def few_norms(self):
        """The image's 2-norm, which that of no section exceeds, times the kernels', for each kernel."""
        by_group = by_groups(self.few_images, self.groups)
        image_norms = np.sqrt((np.abs(by_group).astype(np.float64) ** 2).sum(axis=(0, 1, 2, 4)))
        kernel_norms = np.sqrt((np.abs(self.few_kernels).astype(np.float64) ** 2).sum(axis=(1, 2, 3)))
        return image_norms.repeat(len(kernel_norms) // self.groups) * kernel_norms

    def worst(self, method):
        """The largest error of a part of a response by the method, as a share of its bound."""
        response = xcorr.correlate(self.images, self.kernels, layout="NHWC", groups=self.groups, method=method)
        assert response.dtype == self.images.dtype
        errors = response - self.exact
        allowed = np.maximum(self.allowed(self.method(method)), np.finfo(np.float64).tiny)  # of windows of zeros
        return float((np.maximum(np.abs(errors.real), np.abs(errors.imag)) / allowed).max())


def alike(rng, numbers, size, kernel_size, n_kernels, depth, dtype, groups=1):
    """Random ones with at least `depth` channels in a group; of a few channels, unless all are equal."""
    few = 1 if numbers == "equal" else int(rng.integers(1, min(depth, 3) + 1))
    repeats = -(-depth // few)
    few_images = numbers_of_one_sign(rng, numbers, (1, *size, groups * few), dtype)
    few_kernels = numbers_of_one_sign(rng, numbers, (n_kernels, *kernel_size, few), dtype)
    images = np.tile(by_groups(few_images, groups), repeats).reshape(1, *size, -1)
    return Alike(images, np.tile(few_kernels, repeats), few_images, few_kernels, repeats, groups)


def numbers_of_one_sign(rng, numbers, shape, dtype):
    """Not 0 as a whole; between a half and one, or some of them 0, or all equal."""
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        parts = [numbers_of_one_sign(rng, numbers, shape, np.dtype(dtype.type(0).real.dtype)) for _ in range(2)]
        return parts[0] + dtype.type(1j) * parts[1]
    if numbers == "equal":
        return np.full(shape, rng.uniform(0.5, 1), dtype)
    values = rng.uniform(0.5, 1, shape)
    if numbers == "with zeros":
        values *= rng.random(shape) < rng.choice([0.2, 0.5, 0.8])
        values[:, 0, 0] = rng.uniform(0.5, 1)
    return values.astype(dtype)


def by_groups(images, groups):
    return images.reshape(*images.shape[:3], groups, images.shape[3] // groups)


def few_sums(images, kernels, groups):
    """The response in long double, tap by tap."""
    wide = np.clongdouble if images.dtype.kind == "c" else np.longdouble
    n_kernels, height, width, _ = kernels.shape
    windows = by_groups(images.astype(wide), groups)
    bank = n_kernels // groups
    return np.concatenate(
        [
            np.tensordot(
                window_view(windows[..., group, :], (height, width)),
                kernels[group * bank : (group + 1) * bank].astype(wide),
                axes=((3, 4, 5), (1, 2, 3)),
            )
            for group in range(groups)
        ],
        axis=-1,
    )

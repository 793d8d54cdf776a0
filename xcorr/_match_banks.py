"""The banks of a match: templates some at a time, so that what is made of them is small however many there are."""

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._masks import canonical, canonical_mask
from xcorr._matching import MatchPlan
from xcorr._templates import OfBank, Templates, of_bank

Array = npt.NDArray[Any]

TAPS_AT_ONCE = 2**19
"""Taps of templates that are prepared together: some 30 MiB while means are taken in long double; not tuned."""

BYTES_AT_ONCE = 2**26
"""Bytes of spectra of templates that are prepared together."""

LARGEST_SPECTRUM = 2**18
"""Numbers of a template's spectrum in sections of areas, at most about."""

TAPS_KEPT = 2**22
"""Taps of several pieces up to which they are kept for later calls, about 64 MiB."""


class Piece(NamedTuple):
    """Some templates, prepared, and the images and kernels that they are of."""

    images: slice
    kernels: slice
    templates: Templates


class Banks:
    """The bank of a plan, or with pairwise those of all images, whose templates are prepared some at a time.

    They are kept for later calls, but for several pieces that are large, which each call prepares anew.

    Parameters
    ----------
    plan : of a call.
    templates, mask : as they were given.
    """

    def __init__(self, plan: MatchPlan, templates: Array, mask: Any) -> None:
        self.plan, self.operands = plan, [templates, *([] if mask is None else [mask])]
        self.own = [self.read(templates, mask, index) for index in range(len(templates) if self.in_pairs else 1)]
        n_taps = sum(kernels.size for kernels, _, _ in self.own)
        self.keeps = n_taps <= TAPS_KEPT or (len(self.own) == 1 and len(self.own[0][0]) <= self.at_once)
        self.kept: dict[tuple[int, int, int], Templates] = {}

    @property
    def in_pairs(self) -> bool:
        """Whether each image has a bank of its own."""
        return bool(self.plan.settings.pairwise)

    @property
    def at_once(self) -> int:
        """Templates that are prepared together."""
        of_spectra = BYTES_AT_ONCE // (LARGEST_SPECTRUM * self.plan.computed.itemsize)
        return max(1, min(TAPS_AT_ONCE // prod(self.own[0][0].shape[1:]), of_spectra))

    def read(self, templates: Array, mask: Any, index: int) -> tuple[Array, Any, OfBank]:
        """The bank of an image, or the one of all: templates and shares in canonical axes."""
        axes = self.plan.layout.kernels
        if self.in_pairs:
            own = mask is not None and mask.ndim > 2 and mask.ndim >= templates.ndim - ("C" in self.plan.layout.word)
            own = own and len(mask) in (1, len(templates))
            templates, mask = templates[index], mask[index % len(mask)] if own else mask
        kernels, shares = canonical(templates, axes), None
        if mask is not None:
            shares = canonical_mask(mask, "template_mask", templates.shape, axes, "templates")
            shares = (shares if shares.dtype.kind == "f" else shares != 0).astype(np.float64)
            shares = None if np.all(shares == 1) else shares
        return kernels, shares, of_bank(len(kernels), shares)

    def pieces(self, first: int = 0, end: int | None = None) -> Iterator[Piece]:
        """All templates in their order, of images [first, end) where each has its own.

        The spectra and panels of several pieces are not kept.
        """
        if not self.own:
            return
        at_once = self.at_once
        for image in range(len(self.own))[first:end] if self.in_pairs else range(1):
            images = slice(image, image + 1) if self.in_pairs else slice(first, end)
            n_kernels = len(self.own[image][0])
            for kernel in range(0, n_kernels, at_once):
                some = slice(kernel, min(kernel + at_once, n_kernels))
                templates = self.prepared(image, some)
                yield Piece(images, some, templates)
                if n_kernels > at_once or len(self.own) > 1:
                    templates.forget()

    def prepared(self, image: int, some: slice) -> Templates:
        """Some templates of one bank."""
        found = self.kept.get((image, some.start, some.stop))
        if found is None:
            kernels, shares, whole = self.own[image]
            own = shares if shares is None or len(shares) == 1 else shares[some]
            narrow = self.plan.computed == np.float32 or kernels.dtype.itemsize == 1
            wide = np.float64 if narrow else np.longdouble
            found = Templates(kernels[some], own, self.plan.flat[1], whole, wide)
            if self.keeps:
                found = self.kept.setdefault((image, some.start, some.stop), found)
        return found

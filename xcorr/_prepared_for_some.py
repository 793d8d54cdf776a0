"""The prepared object of some images of a batch, where each image has its own kernels, templates or mask."""

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._correlator import KEPT
from xcorr._layouts import Layout
from xcorr._masks import canonical_mask
from xcorr._match import Matcher

Array = npt.NDArray[Any]


def some_of(prepared: Any, shape: tuple[int, ...], layout: Layout, first: int, end: int) -> Any:
    """The prepared object for images [first, end) alone, where each has its own kernels or mask."""
    is_matcher = isinstance(prepared, Matcher)
    settings = prepared._scoring.settings if is_matcher else prepared._settings
    own, several = {}, layout.images[0] >= 0 and (first, end) != (0, shape[0])
    names = ("_templates", "_template_mask") if is_matcher else ("_kernels",)
    for name in names if several and settings.pairwise else ():
        operand = getattr(prepared, name)
        if operand is not None and len(operand) == shape[0] and not is_shared(operand, prepared, name, layout):
            own[name] = operand[first:end]
    mask: Any = None if is_matcher else prepared._mask
    if several and isinstance(mask, np.ndarray):
        seen = canonical_mask(mask, "mask", shape, layout.images, "images")
        own["_mask"] = mask[first:end] if len(seen) > 1 else of_any(mask, shape, layout)
    if not own:
        return prepared
    found = copy.copy(prepared)
    found.__dict__.update(own)
    if is_matcher:
        found._forget()
    else:
        found.__dict__.update({name: {} for name in KEPT})
    return found


def of_any(mask: Array, shape: tuple[int, ...], layout: Layout) -> Array:
    """A mask of all images with an axis for them, so that no other of its axes is taken for it."""
    try:
        canonical_mask(mask[np.newaxis], "mask", shape, layout.images, "images")
    except ValueError:
        return mask  # it has one
    return mask[np.newaxis]


def is_shared(operand: Array, prepared: Any, name: str, layout: Layout) -> bool:
    """Whether a template mask is that of all images, as `Banks.read` has it."""
    if name != "_template_mask":
        return False
    own = operand.ndim > 2 and operand.ndim >= prepared._templates.ndim - ("C" in layout.word)
    return not own

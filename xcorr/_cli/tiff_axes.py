"""The axes of hyperstacks, as ImageJ and OME tell them in the description of a TIFF's first page."""

from __future__ import annotations

import contextlib
import math
from typing import Any
from xml.etree import ElementTree

import numpy as np

from xcorr._cli.pixels import Axes

__all__ = ["axes_of", "words_for"]

MOST_DESCRIPTION = 1 << 24

IMAGEJ_TYPES = ("uint8", "uint16", "float32")
OME_TYPES = (*IMAGEJ_TYPES, "int8", "int16", "int32", "uint32", "float64", "complex64", "complex128")

IMAGEJ_BYTES = 2**32 - 2**25
"""Bytes of all pages: ImageJ's TIFF is the classic one."""


def axes_of(imagej: dict[str, Any] | None, description: str, n_pages: int, n_samples: int) -> Axes | None:
    """Return the axes of pages, None if they have none or only one image.

    Parameters
    ----------
    imagej : dict or None
        ImageJ's facts, if it wrote the file.
    description : str
        Of the first page, where OME has its XML.
    n_pages, n_samples : int
        Pages, and samples of a pixel of theirs, which OME counts as channels.
    """
    found = imagej_axes(imagej) if imagej is not None else ome_axes(description, n_samples)
    return found if found is not None and 1 < n_pages == math.prod(found.sizes) else None


def imagej_axes(facts: dict[str, Any]) -> Axes | None:
    """Return ImageJ's axes: channels change fastest, then slices, then frames."""
    sizes = [facts.get(name, 1) for name in ("frames", "slices", "channels")]
    if facts.get("order", "czt") != "czt" or not all(isinstance(size, int) and size > 0 for size in sizes):
        return None
    return Axes("ImageJ", "TZC", tuple(sizes))


def ome_axes(text: str, n_samples: int) -> Axes | None:
    """Return the axes of OME's XML if it tells of one image whose planes are the pages in their order."""
    if "<OME" not in text or "<!DOCTYPE" in text or len(text) > MOST_DESCRIPTION:
        return None
    with contextlib.suppress(ElementTree.ParseError, ValueError, TypeError):
        nodes = list(ElementTree.fromstring(text).iter())
        images = [node for node in nodes if node.tag.rpartition("}")[2] == "Pixels"]
        order = str(images[0].get("DimensionOrder")) if len(images) == 1 else ""
        if order[:2] != "XY" or sorted(order[2:]) != ["C", "T", "Z"]:
            return None
        sizes = {letter: int(str(images[0].get(f"Size{letter}"))) for letter in "TZC"}
        sizes["C"] //= n_samples
        if min(sizes.values()) < 1:
            return None
        for node in images[0]:
            if node.tag.rpartition("}")[2] == "TiffData" and plane(node, order[2:], sizes) != int(node.get("IFD", "0")):
                return None
        letters = order[:1:-1]
        return Axes("OME", letters, tuple(sizes[letter] for letter in letters))
    return None


def plane(node: ElementTree.Element, order: str, sizes: dict[str, int]) -> int:
    """Return which plane the first one is that OME puts somewhere, counted with the first letter changing fastest."""
    number, pitch = 0, 1
    for letter in order:
        number += int(node.get(f"First{letter}", "0")) * pitch
        pitch *= sizes[letter]
    return number


def words_for(axes: Axes, inner: int, dtype: np.dtype[Any], page_size: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Return how pages are written so that their axes are kept, and the sizes of these.

    Parameters
    ----------
    axes : Axes
        Of the images.
    inner : int
        Responses to one image, which are one after the other: they count as channels.
    dtype : dtype
        Of responses.
    page_size : int
        Numbers in one response.

    Returns
    -------
    words : dict
        Keywords of `tifffile.imwrite`, none if the format has no place for them.
    sizes : tuple of int
        Of all axes but rows and columns.
    """
    letters, sizes = axes.letters, axes.sizes
    if inner > 1 and not letters.endswith("C"):
        if dict(zip(letters, sizes, strict=True)).get("C", 1) > 1:
            return {}, (*sizes, inner)
        others = [(letter, size) for letter, size in zip(letters, sizes, strict=True) if letter != "C"]
        letters, sizes = "".join(letter for letter, _ in others) + "C", (*(size for _, size in others), 1)
    sizes = (*sizes[:-1], sizes[-1] * inner)
    metadata, n_bytes = {"axes": f"{letters}YX"}, math.prod(sizes) * page_size * dtype.itemsize
    if axes.kind == "ImageJ" and dtype.name in IMAGEJ_TYPES and n_bytes < IMAGEJ_BYTES:
        return {"imagej": True, "metadata": metadata}, sizes
    if axes.kind == "OME" and dtype.name in OME_TYPES:
        # not a new one for each file, of the time and the machine: the same job writes the same bytes
        return {"ome": True, "metadata": {**metadata, "UUID": "urn:uuid:00000000-0000-0000-0000-000000000000"}}, sizes
    return {}, sizes

"""Templates from image files, and their masks: what an alpha channel or a file of its own says counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xcorr._cli.bank_file import bank_digest
from xcorr._cli.find import ImageFile, find_images
from xcorr._cli.images import ImageError, open_images
from xcorr._cli.pixels import Array, Images

__all__ = ["Template", "alpha_shares", "read_mask_file", "read_templates", "templates_digest"]


@dataclass(frozen=True)
class Template:
    """A template: its name, its pixels (kh, kw) or (kh, kw, C), and what of them counts (kh, kw), None for all."""

    name: str
    pixels: Array
    mask: Array | None


def read_templates(arguments: Sequence[str], masks: Sequence[str], layout: str | None) -> list[Template]:
    """Read templates in the order of files, and of the images in a file.

    Parameters
    ----------
    arguments : sequence of str
        Files, folders and patterns.
    masks : sequence of str
        The same of masks, in the place of alpha channels: one file for all templates, or one for each that has its name
        but for the ending.
    layout : {None, "NHWC", "NCHW", "NHW"}
        The axes of arrays in ``.npy`` and IDX files.

    Raises
    ------
    ValueError
        What cannot be read, beginning with the option's name.
    """
    files = found("--template", arguments)
    mask_of = masks_by_name(masks, files)
    templates = []
    for file in files:
        try:
            with open_images(file.path, layout, "drop") as images, open_images(file.path, layout, "keep") as whole:
                pixels, alpha = images.read(0, images.n_images), alpha_shares(images, whole, 0, images.n_images)
        except ImageError as error:
            raise ValueError(f"--template: got {str(file.path)!r}; {error}") from error
        for index, one in enumerate(pixels):
            name = file.name if len(pixels) == 1 else f"{file.name}:{index}"
            templates.append(Template(name, one, mask_of.get(file.name, None if alpha is None else alpha[index])))
            check_mask_size(templates[-1])
    if not templates:
        raise ValueError(f"--template: got {', '.join(map(repr, arguments))}; no template is in it")
    return templates


def found(option: str, arguments: Sequence[str]) -> list[ImageFile]:
    """Return the files that an option's words mean."""
    try:
        return find_images(arguments).files
    except (OSError, ValueError) as error:
        raise ValueError(f"{option}: {error}") from error


def alpha_shares(images: Images, whole: Images, first: int, end: int) -> Array | None:
    """Return how much of each pixel of images [first, end) is opaque, from 0 to 1; None if all are.

    `whole` are the same images with their alpha channel, if they have one.
    """
    if images.shape == whole.shape:
        return None
    alpha = whole.read(first, end)[..., -1]
    most = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1
    return None if (alpha == most).all() else alpha.astype(np.float64) / most


def masks_by_name(masks: Sequence[str], files: Sequence[ImageFile]) -> dict[str, Array]:
    """Return the masks by the names of their templates' files."""
    if not masks:
        return {}
    own = found("--mask", masks)
    if len(own) == 1:
        mask = read_mask_file("--mask", own[0].path)
        return {file.name: mask for file in files}
    places = {bare(file): file.path for file in own}
    absent = [file.name for file in files if bare(file) not in places]
    if absent:
        raise ValueError(
            f"--mask: got {len(own)} files, none for the template {absent[0]!r}; allowed is one file for all, or one "
            "for each of its name but for the ending"
        )
    return {file.name: read_mask_file("--mask", places[bare(file)]) for file in files}


def bare(file: ImageFile) -> str:
    """Return a file's name without its ending."""
    return str(Path(file.name).with_suffix(""))


def read_mask_file(option: str, path: Path) -> Array:
    """Return a mask (H, W) of bools: what is not 0 in an image file; of colours, in one of them."""
    try:
        with open_images(path, "NHW" if path.suffix == ".npy" else None, "drop") as images:
            if images.n_images != 1:
                raise ImageError(f"{images.n_images} images; allowed is one")
            pixels = images.read(0, 1)[0]
    except ImageError as error:
        raise ValueError(f"{option}: got {str(path)!r}; {error}") from error
    return np.asarray(pixels != 0 if pixels.ndim == 2 else (pixels != 0).any(axis=-1))


def check_mask_size(template: Template) -> None:
    """ValueError unless the mask has the template's size."""
    mask, size = template.mask, template.pixels.shape[:2]
    if mask is not None and mask.shape != size:
        raise ValueError(
            f"--mask: got one of {mask.shape[0]}x{mask.shape[1]} pixels for the template {template.name!r}; "
            f"allowed are its {size[0]}x{size[1]}"
        )


def templates_digest(templates: Sequence[Template]) -> str:
    """Return the SHA-256 of templates: names, pixels and masks."""
    total = hashlib.sha256()
    for template in templates:
        mask = "" if template.mask is None else bank_digest(template.mask)
        total.update(f"{template.name!a} {bank_digest(template.pixels)} {mask}\n".encode("ascii"))
    return total.hexdigest()

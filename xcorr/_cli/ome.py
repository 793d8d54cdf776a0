"""What OME-Zarr tells of an image, and what is true of its responses; https://ngff.openmicroscopy.org, 0.4 and 0.5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xcorr._cli.pixels import ImageError

__all__ = ["Multiscale", "Place", "is_ome", "metadata_of", "multiscale_of"]

VERSIONS = {2: "0.4", 3: "0.5"}
"""Versions by the zarr format that they are in."""


@dataclass(frozen=True)
class Place:
    """Places of the numbers of an array: number i along an axis at ``scale * i + translation``, for each axis."""

    scale: tuple[float, ...]
    translation: tuple[float, ...]


@dataclass(frozen=True)
class Multiscale:
    """An image in several resolutions: its axes, the path of the full one, its place, and what follows for all."""

    version: str
    name: str | None
    axes: tuple[dict[str, Any], ...]
    path: str
    place: Place
    common: Place | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the axes."""
        return tuple(str(axis["name"]) for axis in self.axes)

    @property
    def channel(self) -> int | None:
        """Which axis is that of channels."""
        return next((index for index, axis in enumerate(self.axes) if axis.get("type") == "channel"), None)


def is_ome(attributes: Mapping[str, Any]) -> bool:
    """Whether attributes of a group are those of an image."""
    inner = attributes.get("ome")
    return "multiscales" in attributes or (isinstance(inner, Mapping) and "multiscales" in inner)


def multiscale_of(attributes: Mapping[str, Any], zarr_format: int) -> Multiscale:
    """Return the first image that attributes tell of; `ImageError` if it is not told as the versions here have it."""
    inner: Any = attributes if zarr_format == 2 else attributes.get("ome")
    try:
        found = inner["multiscales"][0]
        version = str(found.get("version") if zarr_format == 2 else inner.get("version"))
        if version != VERSIONS[zarr_format]:
            raise ImageError(
                f"OME-Zarr of version {version} in zarr {zarr_format}; allowed are 0.4 in zarr 2 and 0.5 in zarr 3"
            )
        axes = tuple(dict(axis) for axis in found["axes"])
        first = found["datasets"][0]
        place = place_of(first["coordinateTransformations"], len(axes))
        common = found.get("coordinateTransformations")
        return Multiscale(
            version,
            found.get("name") if isinstance(found.get("name"), str) else None,
            checked(axes),
            str(first["path"]),
            place,
            place_of(common, len(axes)) if common else None,
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ImageError(f"multiscales that are not told as OME-Zarr has them: {error!r}") from error


def checked(axes: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """Return axes; ValueError unless the last two of them are rows and columns."""
    names = [axis["name"] for axis in axes]
    if names[-2:] != ["y", "x"] or len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"axes {names}; allowed are different ones, the last two y and x")
    return axes


def place_of(steps: Sequence[Mapping[str, Any]], n_axes: int) -> Place:
    """Return what transformations do one after the other; ValueError for others than scales and translations."""
    scale, translation = [1.0] * n_axes, [0.0] * n_axes
    for step in steps:
        kind = step.get("type")
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or len(step.get(str(kind), ())) != n_axes:
            raise ValueError(f"a transformation {dict(step)}; allowed are scale and translation of {n_axes} numbers")
        numbers = [float(number) for number in step[str(kind)]]
        if kind == "scale":
            scale = [own * number for own, number in zip(scale, numbers, strict=True)]
            translation = [own * number for own, number in zip(translation, numbers, strict=True)]
        else:
            translation = [own + number for own, number in zip(translation, numbers, strict=True)]
    return Place(tuple(scale), tuple(translation))


def metadata_of(
    image: Multiscale, axes: Sequence[int | None], path: str, steps: Sequence[float], origins: Sequence[float]
) -> dict[str, Any]:
    """Return the attributes of a group with the responses to an image, in one resolution.

    Parameters
    ----------
    image : Multiscale
        The image.
    axes : sequence of int or None
        Which axis of the image each one of the responses is; None for that of the kernels.
    path : str
        Where in the group the responses are.
    steps, origins : sequence of float
        How many pixels a response is from the next one along each axis, and where the first one is.
    """
    own = [{"name": "c", "type": "channel"} if axis is None else image.axes[axis] for axis in axes]
    place = moved(image.place, axes, steps, origins)
    told: dict[str, Any] = {
        "axes": own,
        "datasets": [{"path": path, "coordinateTransformations": transformations(place)}],
        "type": "xcorr apply",
    }
    if image.name is not None:
        told["name"] = image.name
    if image.common is not None:
        kept = moved(image.common, axes, [1.0] * len(own), [0.0] * len(own))
        told["coordinateTransformations"] = transformations(kept)
    if image.version == VERSIONS[2]:
        return {"multiscales": [{"version": image.version, **told}]}
    return {"ome": {"version": image.version, "multiscales": [told]}}


def moved(place: Place, axes: Sequence[int | None], steps: Sequence[float], origins: Sequence[float]) -> Place:
    """Return where responses lie that are so many pixels apart, the first one at an origin."""
    scale, translation = [], []
    for axis, step, origin in zip(axes, steps, origins, strict=True):
        own, begin = (1.0, 0.0) if axis is None else (place.scale[axis], place.translation[axis])
        scale.append(own * step)
        translation.append(begin + own * origin)
    return Place(tuple(scale), tuple(translation))


def transformations(place: Place) -> list[dict[str, Any]]:
    """Return a place as OME-Zarr tells it."""
    found: list[dict[str, Any]] = [{"type": "scale", "scale": list(place.scale)}]
    if any(place.translation):
        found.append({"type": "translation", "translation": list(place.translation)})
    return found

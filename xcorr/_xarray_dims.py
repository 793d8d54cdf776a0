"""Names in the place of axes: which dimension of the images is which, and which dimensions a result has."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from xcorr._foreign import shown
from xcorr._layouts import response_word
from xcorr._reading import axes_in, is_sequence, spatial
from xcorr._settings import Settings
from xcorr.peaks import Peaks

ALONG = {"padding": 0, "boundary": "constant", "stride": 1, "dilation": 1, "roi": slice(None)}
"""Keywords that may be mappings from the spatial dimensions, and what they are for one that is not mentioned."""

AXIS, PEAK, KERNEL = "axis", "peak", "kernel"
"""Dimensions of results that no operand has: the axes of a place, the peaks of a map, the kernels of an array."""


class Dims(NamedTuple):
    """The dimensions of images, in their order, and which is which."""

    images: tuple[Hashable, ...]
    spatial: tuple[Hashable, ...]
    channel: Hashable | None
    word: str  # the layout

    @property
    def batch(self) -> tuple[Hashable, ...]:
        """The dimensions that make the batch, in the images' order."""
        return tuple(dim for dim in self.images if dim not in (*self.spatial, self.channel))

    @property
    def of_image(self) -> tuple[Hashable, ...]:
        """The dimensions of one image, in the layout's order."""
        return named(self.word[1:], self.spatial, self.channel)


def named(letters: str, of_space: Sequence[Hashable], last: Hashable) -> tuple[Hashable, ...]:
    """The dimensions that letters of a layout stand for; `last` is that of channels or kernels."""
    own = spatial(letters)
    return tuple(of_space[own.index(letter)] if letter in own else last for letter in letters)


def read_dims(images: Any, dims: Any, channel_dim: Any) -> Dims:
    """Which dimension is which; the layout has channels before the columns if the images have."""
    own = tuple(images.dims)
    of_space = read_spatial(own, dims)
    if channel_dim is None:
        return Dims(own, of_space, None, "N" + "DHW"[-len(of_space) :])
    allowed = tuple(dim for dim in own if dim not in of_space)
    if not is_hashable(channel_dim) or channel_dim not in allowed:
        raise ValueError(
            f"channel_dim: got {shown(channel_dim)}; allowed are None and a dimension of the images beside `dims`, "
            f"{shown(allowed)}"
        )
    is_first = own.index(channel_dim) < max(map(own.index, of_space))
    letters = "DHW"[-len(of_space) :]
    return Dims(own, of_space, channel_dim, f"NC{letters}" if is_first else f"N{letters}C")


def read_spatial(own: tuple[Hashable, ...], dims: Any) -> tuple[Hashable, ...]:
    """The spatial dimensions: one name, or a sequence of one to three."""
    problem = f"dims: got {shown(dims)}; allowed are one to three different dimensions of the images, {shown(own)}"
    if not isinstance(dims, str) and not is_sequence(dims):
        raise TypeError(problem)
    found = (dims,) if isinstance(dims, str) else tuple(dims)
    if not 1 <= len(found) <= 3 or not all(map(is_hashable, found)) or not set(found) <= set(own):
        raise ValueError(problem)
    if len(set(found)) < len(found):
        raise ValueError(problem)
    return found


def is_hashable(value: Any) -> bool:
    """Whether it may be a dimension's name."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def with_layout(dims: Dims, word: str | None) -> Dims:
    """The same dimensions in the layout of a prepared bank; None is that of images with two spatial axes."""
    own = ("NHW" if dims.channel is None else "NHWC") if word is None else word
    if axes_in(own) != len(dims.spatial):
        raise ValueError(
            f"dims: got {shown(dims.spatial)}; allowed are {axes_in(own)} for layout {own!r} of `prepared`"
        )
    if ("C" in own) != (dims.channel is not None):
        allowed = "a dimension of the images" if "C" in own else "None"
        raise ValueError(
            f"channel_dim: got {shown(dims.channel)}; allowed is {allowed} for layout {own!r} of `prepared`"
        )
    return dims._replace(word=own)


def in_order_of(dims: Dims, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords with tuples in the place of mappings from spatial dimensions."""
    found = dict(keywords)
    for name in ALONG.keys() & found.keys():
        value = found[name]
        if not isinstance(value, Mapping):
            continue
        if not set(value) <= set(dims.spatial):
            raise ValueError(
                f"{name}: got {shown(dict(value))}; allowed in a mapping are the names of `dims`, {shown(dims.spatial)}"
            )
        found[name] = tuple(value.get(dim, ALONG[name]) for dim in dims.spatial)
    return found


# --- results ----------------------------------------------------------------------------------------------------------


class Labels(NamedTuple):
    """The dimensions of a result: as the core gives its axes, the batch's apart, and as they are given back."""

    given: tuple[Hashable, ...]
    wanted: tuple[Hashable, ...]
    new: tuple[Hashable, ...]  # those that no operand has


def labels_of(dims: Dims, kernel_dim: Hashable | None, settings: Settings) -> list[Labels]:
    """The dimensions of all results; `kernel_dim` is None where a response has no axis of kernels."""
    reduce = settings.reduce
    if reduce is None:
        letters = response_word(dims.word, False, kernel_dim is not None)
        return [labels(dims, kernel_dim, named(letters, dims.spatial, kernel_dim))]
    own = () if kernel_dim is None else (kernel_dim,)
    if isinstance(reduce, Peaks):
        return [labels(dims, kernel_dim, own if reduce.per == "kernel" else (), (PEAK,))]
    names = (reduce,) if isinstance(reduce, str) else reduce
    if settings.over == "kernels":
        return [labels(dims, kernel_dim, dims.spatial) for _ in names]
    return [labels(dims, kernel_dim, own, (AXIS,) if name.startswith("arg") else ()) for name in names]


def labels(
    dims: Dims, kernel_dim: Hashable | None, own: tuple[Hashable, ...], new: tuple[Hashable, ...] = ()
) -> Labels:
    """The dimensions in the images' order, that of kernels at the channels' place or at the end, new ones last."""
    order = [kernel_dim if dim == dims.channel else dim for dim in dims.images]
    every = (*dims.batch, *own)
    wanted = [dim for dim in order if dim in every]
    return Labels((*every, *new), (*wanted, *(dim for dim in own if dim not in wanted), *new), new)


def check_new(dims: Dims, images: Any, found: Sequence[Labels], kernel_dim: Hashable | None) -> None:
    """ValueError if a new dimension of a result has the name of another, or of a coordinate along another."""
    others = {*dims.batch, *dims.spatial, *(name for name in images.coords if name not in dims.images)}
    for own in found:
        if kernel_dim in own.given and kernel_dim in others:
            raise ValueError(
                f"kernel_dim: got {shown(kernel_dim)}, which the images have; allowed is another name than of their "
                f"dimensions {shown(dims.images)} and their coordinates"
            )
        for name in own.new:
            if name in (*others, kernel_dim):
                raise ValueError(
                    f"reduce: the result has a dimension {name!r}; allowed are images and kernels that have no "
                    "dimension or coordinate of that name"
                )

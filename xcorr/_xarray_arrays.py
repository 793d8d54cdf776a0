"""Arrays of the core from what has named dimensions: images, banks and masks, their axes as a layout has them."""

from collections.abc import Hashable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._arrays import take_array
from xcorr._foreign import shown
from xcorr._settings import Settings
from xcorr._xarray_dims import KERNEL, Dims

Array = npt.NDArray[Any]


class Operand(NamedTuple):
    """A bank, and what it has of names."""

    array: Array
    kernel_dim: Hashable | None  # None where there is one kernel for all channels together
    each_channel: bool = False  # whether a kernel is for every channel by itself
    coordinates: Any = None  # along the kernels, of a DataArray


def is_labelled(value: Any) -> bool:
    """Whether it is a DataArray."""
    from xarray import DataArray

    return isinstance(value, DataArray)


def is_lazy(value: Any) -> bool:
    """Whether its numbers have to be computed first."""
    return value.chunks is not None if is_labelled(value) else hasattr(value, "__dask_graph__")


def check_in_memory(operands: dict[str, Any]) -> None:
    """TypeError if an operand would have to be computed before there is a result."""
    for name, value in operands.items():
        if is_lazy(value):
            raise TypeError(f"{name}: got a lazy {type(value).__name__}; allowed is one in memory: {name}.compute()")


# --- images -----------------------------------------------------------------------------------------------------------


def stacked(images: Any, dims: Dims) -> Any:
    """The images as the layout has them, views where strides allow it; without N where there is no batch."""
    array = images.data if is_lazy(images) else take_array(images.data, "images")
    array = array.transpose([dims.images.index(dim) for dim in (*dims.batch, *dims.of_image)])
    return joined(array, 0, len(dims.batch))


def joined(array: Any, first: int, count: int) -> Any:
    """An array with `count` axes from `first` on as one."""
    if count < 2:
        return array
    shape = array.shape
    return reshaped(array, (*shape[:first], prod(shape[first : first + count]), *shape[first + count :]))


def reshaped(array: Any, shape: tuple[int, ...]) -> Any:
    """An array with another shape; dask has none for arrays without elements."""
    if prod(shape) or not is_lazy(array):
        return array.reshape(shape)
    import dask.array

    return dask.array.empty(shape, dtype=array.dtype)


# --- banks ------------------------------------------------------------------------------------------------------------


def read_bank(kernels: Any, argument: str, images: Any, dims: Dims, settings: Settings) -> Operand:
    """The bank with its axes as the layout has them."""
    in_pairs = dims.batch if settings.pairwise else ()
    if is_labelled(kernels):
        return labelled_bank(kernels, argument, images, dims, in_pairs, settings.groups)
    array, n_axes = take_array(kernels, argument), len(dims.spatial)
    n_own = array.ndim - len(in_pairs)
    lengths = tuple(images.sizes[dim] for dim in in_pairs)
    if len(in_pairs) > 1 and array.shape[: len(in_pairs)] != lengths:
        raise ValueError(
            f"{argument}: got shape {array.shape}; with pairwise=True it begins with {lengths}, as the images' "
            f"dimensions {shown(in_pairs)}"
        )
    if dims.channel is not None and n_own == n_axes:
        return Operand(joined(array, 0, len(in_pairs)), dims.channel, True)
    array = channels_placed(joined(array, 0, len(in_pairs)), dims, n_own > n_axes)
    return Operand(array, KERNEL if n_own > len(dims.word) - 1 else None)


def channels_placed(array: Array, dims: Dims, has_channels: bool) -> Array:
    """A bank or a mask of one, channels last as it was given, with the channels where the layout has them."""
    if not has_channels or not dims.word.startswith("NC"):
        return array
    return np.moveaxis(array, -1, -1 - len(dims.spatial))


def labelled_bank(
    kernels: Any, argument: str, images: Any, dims: Dims, in_pairs: Sequence[Hashable], groups: int
) -> Operand:
    """The same of a DataArray, whose dimensions are found by their names."""
    own = tuple(kernels.dims)
    rest = tuple(dim for dim in own if dim not in (*dims.spatial, *in_pairs, dims.channel))
    has_channels = dims.channel is None or dims.channel in own
    lacks = [dim for dim in (*dims.spatial, *in_pairs) if dim not in own]
    if lacks or len(rest) > 1 or set(rest) & set(dims.images) or (rest and not has_channels):
        names = (*in_pairs, *dims.spatial, *(() if dims.channel is None else (dims.channel,)))
        raise ValueError(
            f"{argument}: got dimensions {shown(own)}; allowed are those of the images, {shown(names)}, and one of "
            "the bank that the images have not"
        )
    same = in_pairs if dims.channel is None or groups != 1 else (*in_pairs, dims.channel)
    check_alike(kernels, argument, images, [dim for dim in same if dim in own])
    of_kernel = dims.of_image if has_channels else dims.spatial
    array = take_array(kernels.variable.transpose(*in_pairs, *rest, *of_kernel).data, argument)
    array = joined(array, 0, len(in_pairs))
    if not rest:
        return Operand(array, None, False) if has_channels else Operand(array, dims.channel, True)
    along = kernels.coords.to_dataset()
    along = along.drop_vars([name for name, variable in along.variables.items() if variable.dims != rest])
    return Operand(array, rest[0], coordinates=along)


def check_alike(operand: Any, argument: str, images: Any, dims: Sequence[Hashable]) -> None:
    """ValueError if an operand has another length or other coordinates than the images along a dimension."""
    for dim in dims:
        if operand.sizes[dim] != images.sizes[dim]:
            raise ValueError(
                f"{argument}: has {operand.sizes[dim]} along {shown(dim)}; allowed are {images.sizes[dim]}, as the "
                "images have"
            )
        if dim in operand.indexes and dim in images.indexes and not operand.indexes[dim].equals(images.indexes[dim]):
            raise ValueError(
                f"{argument}: its coordinates along {shown(dim)} are not the images'; allowed are the same"
            )


# --- masks ------------------------------------------------------------------------------------------------------------


def read_template_mask(mask: Any, templates: Any, images: Any, dims: Dims, in_pairs: bool) -> Any:
    """A mask of templates as the layout has them; of pairs either of the spatial axes alone or with those of all."""
    batch = dims.batch if in_pairs else ()
    if is_labelled(mask):
        return labelled_template_mask(mask, templates, images, dims, batch)
    array, shape = take_array(mask, "template_mask"), np.shape(templates)
    of_channels = dims.channel is not None and len(shape) - len(batch) > len(dims.spatial)
    has_channels = of_channels and array.ndim > len(dims.spatial) and array.shape != shape[:-1]
    lengths = tuple(images.sizes[dim] for dim in batch)
    is_own = array.ndim >= len(shape) - of_channels and array.shape[: len(batch)] == lengths
    if batch and not is_own and array.ndim > len(dims.spatial):
        array, is_own = np.broadcast_to(array, (*lengths, *array.shape)), True
    return channels_placed(joined(array, 0, len(batch) if is_own else 0), dims, has_channels)


def labelled_template_mask(mask: Any, templates: Any, images: Any, dims: Dims, batch: Sequence[Hashable]) -> Any:
    """The same of a DataArray."""
    own = tuple(mask.dims)
    rest = tuple(dim for dim in own if dim not in (*dims.spatial, *batch, dims.channel))
    sizes = sizes_of_bank(templates, images, dims, batch, rest)
    if not set(dims.spatial) <= set(own) <= sizes.keys():
        raise ValueError(
            f"template_mask: got dimensions {shown(own)}; allowed are those of the templates, the spatial ones "
            f"{shown(dims.spatial)} among them"
        )
    check_alike(mask, "template_mask", images, [dim for dim in batch if dim in own])
    if batch and len(own) > len(dims.spatial):
        mask = mask.variable.set_dims({**sizes, **mask.sizes})
    rest = tuple(dim for dim in sizes if dim not in (*dims.spatial, *batch, dims.channel))
    order = [dim for dim in (*batch, *rest, *dims.of_image) if dim in mask.dims]
    array = take_array(mask.transpose(*order).data, "template_mask")
    return joined(array, 0, len(batch) if set(batch) & set(order) else 0)


def sizes_of_bank(
    templates: Any, images: Any, dims: Dims, batch: Sequence[Hashable], rest: Sequence[Hashable]
) -> dict[Hashable, int]:
    """The lengths of a bank by its dimensions; those of an array have the names that its mask has for them."""
    if is_labelled(templates):
        return dict(templates.sizes)
    of_kernel = (*dims.spatial, *(() if dims.channel is None else (dims.channel,)))
    shape = np.shape(templates)
    n_own = len(shape) - len(batch)
    names = (*batch, *(rest or (KERNEL,))[: n_own > len(of_kernel)], *of_kernel)[: len(shape)]
    return dict(zip(names, shape, strict=False))


def read_mask_of(mask: Any, images: Any, dims: Dims) -> Any:
    """A mask of images with the layout's axes: those of each image, or 1 of all, and those of channels if it has them.

    An array has the images' dimensions in their order, or the spatial ones in that of `dims`.
    """
    if mask is None or isinstance(mask, str):
        return mask
    if is_lazy(mask) and not is_lazy(images):
        raise TypeError(
            f"mask: got a lazy {type(mask).__name__} beside images in memory; allowed is one in memory: mask.compute()"
        )
    if not is_labelled(mask):
        mask = with_names(mask, images, dims)
    if not set(mask.dims) <= set(dims.images):
        raise ValueError(
            f"mask: got dimensions {shown(tuple(mask.dims))}; allowed are those of the images, {shown(dims.images)}"
        )
    check_alike(mask, "mask", images, mask.dims)
    batch = dims.batch if set(dims.batch) & set(mask.dims) else ()
    own = tuple(dim for dim in dims.of_image if dim != dims.channel or dim in mask.dims)
    variable = mask.variable.set_dims({dim: images.sizes[dim] for dim in (*batch, *own)}).transpose(*batch, *own)
    array = joined(variable.data, 0, len(batch))
    return array if batch or not dims.batch else array[np.newaxis]


def with_names(mask: Any, images: Any, dims: Dims) -> Any:
    """A mask that is an array as a DataArray."""
    from xarray import DataArray

    array = mask if is_lazy(mask) else take_array(mask, "mask")
    for own in (dims.images, dims.spatial):
        if array.shape == tuple(images.sizes[dim] for dim in own):
            return DataArray(array, dims=own)
    raise ValueError(
        f"mask: got shape {array.shape}; allowed is that of the images {tuple(images.shape)}, or that of their spatial "
        f"dimensions {tuple(images.sizes[dim] for dim in dims.spatial)}; a DataArray may have some of their dimensions"
    )

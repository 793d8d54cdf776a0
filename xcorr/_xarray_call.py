"""A call with DataArrays: names are read, the core or `xcorr.dask` is called with arrays, results are labelled."""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, NamedTuple

from xcorr import _correlate, _match, _matching, dask
from xcorr._correlator import Correlator
from xcorr._dask_tasks import with_mask
from xcorr._foreign import shown
from xcorr._masks import read_mask
from xcorr._match import Matcher
from xcorr._reading import read_word
from xcorr._settings import Settings, read_settings, split
from xcorr._xarray_arrays import (
    Operand,
    check_in_memory,
    is_lazy,
    read_bank,
    read_mask_of,
    read_template_mask,
    reshaped,
    stacked,
)
from xcorr._xarray_coords import ANCHORS, moved, places_along
from xcorr._xarray_dims import AXIS, KERNEL, Dims, Labels, check_new, in_order_of, labels_of, read_dims, with_layout

VERBS: dict[str, Callable[..., Any]] = {
    "correlate": _correlate.correlate,
    "convolve": _correlate.convolve,
    "match": _match.match,
}


class Told(NamedTuple):
    """What a call is told beside its operands and the keywords of the core."""

    dims: Any
    channel_dim: Any
    kernel_dim: Any
    anchor: Any
    mask: Any
    workers: Any
    subnormals: bool


def called(verb: str, images: Any, kernels: Any, told: Told, keywords: Mapping[str, Any]) -> Any:
    """What a verb gives."""
    dims, argument = read_images(images, told), "templates" if verb == "match" else "kernels"
    settings, words = read_words(verb, dims, keywords)
    check_in_memory({argument: kernels, **words})
    bank = read_bank(kernels, argument, images, dims, settings)
    if words.get("template_mask") is not None:
        words["template_mask"] = read_template_mask(words["template_mask"], kernels, images, dims, settings.pairwise)
    words[argument] = bank.array
    call = Call(dims, settings, bank, told)
    return call.labelled(images, partial(VERBS[verb], **words), partial(getattr(dask, verb), **words))


def called_with(prepared: Correlator | Matcher, images: Any, told: Told) -> Any:
    """What a prepared bank gives."""
    if isinstance(prepared, Correlator):
        settings, bank = prepared._settings, prepared._kernels
    elif isinstance(prepared, Matcher):
        settings, bank = prepared._scoring.settings, prepared._templates
    else:
        raise TypeError(f"prepared: got {type(prepared).__name__}; allowed are a Correlator and a Matcher")
    dims = with_layout(read_images(images, told), settings.layout)
    n_own = bank.ndim - settings.pairwise
    each_channel = dims.channel is not None and n_own == len(dims.spatial)
    name = dims.channel if each_channel else KERNEL if n_own == len(dims.word) else None
    call = Call(dims, settings._replace(layout=dims.word), Operand(bank, name, each_channel), told)
    return call.labelled(images, partial(respond, prepared), partial(dask.apply, prepared))


def respond(prepared: Any, images: Any, *, mask: Any, workers: Any) -> Any:
    """What a prepared bank gives for an array."""
    if isinstance(prepared, Matcher):
        return prepared(images, mask=mask, workers=workers)
    if mask is not None:
        prepared = with_mask(prepared, read_mask(mask, "mask", True)[0])
    return prepared(images, workers=workers)


def read_images(images: Any, told: Told) -> Dims:
    """Which dimension is which, if images are a DataArray and it is said rightly."""
    if not isinstance(images, module().DataArray):
        raise TypeError(f"images: got {type(images).__name__}; allowed is an xarray.DataArray")
    read_word(told.anchor, "anchor", ANCHORS)
    return read_dims(images, told.dims, told.channel_dim)


def read_words(verb: str, dims: Dims, keywords: Mapping[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """The keywords as they are read, and as the core takes them."""
    if "layout" in keywords:
        raise TypeError(
            f"layout: got {shown(keywords['layout'])}; allowed are `dims` and `channel_dim`, which say which axis is "
            "which"
        )
    words = in_order_of(dims, keywords) | {"layout": dims.word}
    left_out = ("mask", "out", "workers")
    if verb == "match":
        return _matching.split(verb, words, *left_out)[0].settings, words
    return read_settings(split(verb, words, *left_out, own=("mask", "workers"))[0]), words


class Call(NamedTuple):
    """What follows from names, keywords and the bank; the images' numbers are not needed for it."""

    dims: Dims
    settings: Settings
    bank: Operand
    told: Told

    def labelled(self, images: Any, in_memory: Callable[..., Any], lazily: Callable[..., Any]) -> Any:
        """What a function of arrays in memory, or of dask arrays, gives, as DataArrays."""
        name, workers = self.kernel_dim(), self.told.workers
        found = labels_of(self.dims, name, self.settings)
        check_new(self.dims, images, found, name)
        mask = read_mask_of(self.told.mask, images, self.dims)
        if not is_lazy(images):
            results = in_memory(stacked(images, self.dims), mask=mask, workers=workers)
        elif workers is None:
            results = lazily(stacked(images, self.dims), mask=mask, subnormals=self.told.subnormals)
        else:
            raise TypeError(
                f"workers: got {shown(workers)}; allowed is None for a dask array, which has its own threads"
            )
        several = results if isinstance(results, tuple) else (results,)
        arrays = tuple(self.array(images, own, one, name) for one, own in zip(several, found, strict=True))
        return arrays if isinstance(results, tuple) else arrays[0]

    def kernel_dim(self) -> Hashable | None:
        """The name of the dimension of kernels, if responses have one."""
        bank, name = self.bank, self.told.kernel_dim
        if bank.kernel_dim is None or bank.each_channel or name is None:
            return bank.kernel_dim
        try:
            hash(name)
        except TypeError:
            raise TypeError(f"kernel_dim: got {shown(name)}; allowed are None and a name") from None
        return name  # type: ignore[no-any-return]

    def array(self, images: Any, labels: Labels, result: Any, name: Hashable | None) -> Any:
        """A result with its dimensions, coordinates, name and attributes."""
        xarray = module()
        if len(self.dims.batch) > 1:
            result = reshaped(result, (*(images.sizes[dim] for dim in self.dims.batch), *result.shape[1:]))
        variable = xarray.Variable(labels.given, result).transpose(*labels.wanted)
        keeps = xarray.get_options()["keep_attrs"] is not False
        coordinates = self.coordinates(images, labels, name)
        return xarray.DataArray(
            variable, coords=coordinates.coords, name=images.name, attrs=images.attrs if keeps else None
        )

    def coordinates(self, images: Any, labels: Labels, name: Hashable | None) -> Any:
        """The coordinates of a result, as a dataset."""
        kept = set(labels.wanted) & set(images.dims)
        if not self.bank.each_channel:
            kept -= {self.dims.channel}
        found = images.coords.to_dataset()
        found = found.drop_vars([own for own, variable in found.variables.items() if not set(variable.dims) <= kept])
        places = dict(zip(self.dims.spatial, self.places(images), strict=True))
        found = moved(found, {dim: own for dim, own in places.items() if dim in kept})
        if name in labels.wanted and self.bank.coordinates is not None:
            along = self.bank.coordinates
            along = along.rename({self.bank.kernel_dim: name} if name != self.bank.kernel_dim else {})
            along = along.drop_vars([own for own in along.variables if own in found.variables])
            found = found.assign_coords(along.coords)
        if AXIS in labels.new:
            found = found.assign_coords({AXIS: [str(dim) for dim in self.dims.spatial]})
        return found

    def places(self, images: Any) -> tuple[range, ...]:
        """The pixels at which responses are."""
        n_axes, of_bank = len(self.dims.spatial), self.bank.array.shape
        has_last = self.dims.word.endswith("C") and not self.bank.each_channel
        kernel = of_bank[len(of_bank) - n_axes - has_last : len(of_bank) - has_last]
        lengths = tuple(images.sizes[dim] for dim in self.dims.spatial)
        return places_along(self.settings, lengths, kernel, self.told.anchor)


def module() -> Any:
    """The module ``xarray``; ModuleNotFoundError that says what to install."""
    try:
        import xarray
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('xcorr.xarray needs xarray: pip install "xcorr[xarray]"', name=error.name) from error
    return xarray

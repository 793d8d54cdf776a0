"""A bank prepared for many calls."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from xcorr import _cache, _dispatch
from xcorr._arrays import copied, held, read_fill, take_array, take_fill
from xcorr._bank import Bank, make_bank
from xcorr._dtypes import check_element, named_dtype
from xcorr._engine import Repeat, repeated_images, repeats_others
from xcorr._layouts import counted
from xcorr._masks import read_mask
from xcorr._methods import separable
from xcorr._methods.choice import METHODS
from xcorr._pairs import Pairs
from xcorr._plan import Plan, plan_for
from xcorr._reading import axes_in, read_array_shape
from xcorr._reduce_peaks import shape_of_peaks
from xcorr._run import run
from xcorr._seen import Operand, SeenBank, SeenPlan
from xcorr._seen_call import seen_bank
from xcorr._settings import KEYWORDS, read_settings, split, takes_keywords, usual_of
from xcorr._typing import AnyArray, Array, BankKeywords, Reduce
from xcorr._volume_run import VolumeBank, VolumePlan

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from xcorr.peaks import Peaks

KEPT = ("_banks", "_known", "_pairs", "_repeats", "_seen", "_volumes")
"""What a bank keeps between calls, and does not take along."""

PAIRS = 4
"""Forms of batches for which the banks of all images are kept."""

REPEATS = 4
"""Small calls of one bank that can be repeated."""


class Correlator:
    """A bank of kernels prepared for many calls.

    Takes the keywords of `correlate` but `out` and `workers`, and keeps a copy of the kernels. For each shape and dtype
    of images that come, the plan is made and the panels are packed once. Can be pickled and shared by threads.

    Parameters
    ----------
    kernels : array_like
        The bank, as for `correlate`.
    reduce
        As for `correlate`: what a call gives in the place of the responses.
    dtype, layout, padding, boundary, fill_value, stride, dilation, groups, roi, pairwise, bias, conjugate
        As for `correlate`.
    method, precision, overflow, over
        As for `correlate`.
    mask
        As for `correlate`: what is seen of all images that come. An array is copied.
    normalize
        As for `correlate`.

    Raises
    ------
    TypeError, ValueError
        If a keyword by itself is not allowed; what depends on the images is raised by the call.

    See Also
    --------
    correlate : A single call; arguments, response and errors are described there.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> sobel = xcorr.Correlator(np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]), padding="same")
    >>> sobel(np.eye(4))
    array([[ 1., -2., -1.,  0.],
           [ 2.,  0., -2., -1.],
           [ 1.,  2.,  0., -2.],
           [ 0.,  1.,  2., -1.]])
    >>> sobel(np.ones((28, 28))).shape
    (28, 28)

    A bank of planes with a stack of images:

    >>> edges = xcorr.Correlator(xcorr.banks.sobel(), layout="NHW")
    >>> edges(np.ones((7, 28, 28), np.float32)).shape
    (7, 26, 26, 2)
    """

    @takes_keywords("out", "workers")
    def __init__(
        self,
        kernels: npt.ArrayLike,
        *,
        reduce: Reduce | tuple[Reduce, ...] | Peaks | None = None,
        dtype: npt.DTypeLike | None = None,
        **keywords: Unpack[BankKeywords],
    ) -> None:
        words, operands = split("Correlator", {**keywords, "reduce": reduce, "dtype": dtype}, "out", "workers")
        self._settings = read_settings(words)
        self._kernels = copied(kernels, "kernels")
        check_bank(self._kernels, self._settings.layout, self._settings.pairwise)
        self._bias = None if operands["bias"] is None else copied(operands["bias"], "bias")
        self._fill_value = read_fill(operands["fill_value"])
        take_fill(self._fill_value, np.dtype(np.complex128), self._settings.boundary)
        mask, _held = read_mask(operands["mask"], "mask", True)
        self._mask = mask.copy() if isinstance(mask, np.ndarray) else mask
        self._banks: dict[Hashable, Bank] = {}
        self._known: dict[Hashable, tuple[Plan, Bank]] = {}
        self._pairs: dict[Hashable, Pairs] = {}
        self._repeats: dict[_dispatch.Level, list[Repeat]] = {}
        self._seen: dict[_dispatch.Level, SeenBank] = {}
        self._volumes: dict[_dispatch.Level, VolumeBank] = {}

    @overload
    def __call__(self, images: npt.ArrayLike, *, out: AnyArray, workers: SupportsIndex | None = None) -> AnyArray: ...
    @overload
    def __call__(
        self, images: npt.ArrayLike, *, out: tuple[Array, ...], workers: SupportsIndex | None = None
    ) -> tuple[Array, ...]: ...
    @overload
    def __call__(
        self, images: npt.ArrayLike, *, out: Array | None = None, workers: SupportsIndex | None = None
    ) -> Array: ...
    def __call__(
        self,
        images: npt.ArrayLike,
        *,
        out: Array | tuple[Array, ...] | None = None,
        workers: SupportsIndex | None = None,
    ) -> Any:
        """Correlate images with the bank.

        Parameters
        ----------
        images : array_like
            One image or a batch, as for `correlate`.
        out, workers
            As for `correlate`.

        Returns
        -------
        ndarray
            The response, or what it is reduced to, as of `correlate`.

        Raises
        ------
        TypeError, ValueError, OverflowError, MemoryError
            As `correlate`.
        """
        level = _dispatch.current()
        if axes_in(self._settings.layout) == 3:
            array, _held = held(take_array(images, "images"))
            return self._volume_bank(level).run(array, self._mask, out, workers)
        if self._mask is not None or self._settings.normalize:
            array, _held = held(take_array(images, "images"))
            return self._seen_bank(level).run(array, self._mask, out, workers)
        repeats = self._repeats.setdefault(level, [])
        response: Array | None = repeated_images(repeats, images, out, workers)
        if response is not None:
            return response
        array, _held = held(take_array(images, "images"))
        key = (level, array.shape, array.dtype)
        if self._settings.pairwise:
            return self._pairs_of(key, array).run(array, out, workers)
        known = self._known.get(key)
        if known is None:
            known = self._prepare(array)
            if known[0].is_small and len(self._known) < _cache.PLANS:
                self._known[key] = known
            return run(*known, array, self._fill_value, out, workers)

        def remember(repeat: Repeat) -> None:
            others = [old for old in repeats if repeats_others(old, repeat)]
            repeats[:] = [repeat, *others[: REPEATS - 1]]

        may_repeat = type(images) is np.ndarray and (out is None or type(out) is np.ndarray)
        return run(*known, array, self._fill_value, out, workers, remember if may_repeat else None)

    def _seen_bank(self, level: _dispatch.Level) -> SeenBank:
        bank = self._seen.get(level)
        if bank is None:
            bank = seen_bank(self._settings, self._kernels, self._bias, self._fill_value)
            self._seen[level] = bank
        return bank

    def _volume_bank(self, level: _dispatch.Level) -> VolumeBank:
        bank = self._volumes.get(level)
        if bank is None:
            bank = VolumeBank(self._settings, self._kernels, self._bias, self._fill_value)
            self._volumes[level] = bank
        return bank

    def _prepare(self, images: Array) -> tuple[Plan, Bank]:
        plan = plan_for(self._settings, images.shape, images.dtype, self._kernels.shape, self._kernels.dtype)
        plan.check_it_fits()
        key = (plan.types, plan.layout.kernels, plan.geometry.channels if plan.layout.each_channel else 0)
        bank = self._banks.get(key)
        if bank is None:
            bank = make_bank(self._kernels, self._bias, plan.reading)
            bank.is_kept = True
            self._banks[key] = bank
        return plan, bank

    def _pairs_of(self, key: Hashable, images: Array) -> Pairs:
        pairs = self._pairs.get(key)
        if pairs is None:
            plan = plan_for(self._settings, images.shape, images.dtype, self._kernels.shape, self._kernels.dtype)

            def call(kernels: Array, words: dict[str, Any]) -> Correlator:
                return Correlator(kernels, **words)

            pairs = Pairs(plan, self._kernels, self._bias, self._fill_value, call, keeps=True)
            if len(self._pairs) >= PAIRS:
                self._pairs.clear()
            self._pairs[key] = pairs
        return pairs

    def explain(self, image_shape: tuple[int, ...], *, dtype: npt.DTypeLike = np.float32) -> str:
        """What a call with images of this shape and dtype would do: sizes, types, method, level and why.

        Parameters
        ----------
        image_shape : tuple of int
            Shape of the images, with as many axes as a call's.
        dtype : dtype_like
            Type of the images.

        Returns
        -------
        str
            Some lines of text.

        Raises
        ------
        TypeError, ValueError
            As a call would.

        Examples
        --------
        >>> import numpy as np
        >>> import xcorr
        >>> print(xcorr.Correlator(np.ones((16, 3, 3, 8), np.float32)).explain((100, 56, 56, 8)))
        images (100, 56, 56, 8) of float32, layout NHWC
        response (100, 54, 54, 16) of float32
        taps 72 in each of 16 kernels, 335923200 multiply-adds
        method direct (chosen from the sizes of one image and the bank)
        level ...
        """
        images = named_dtype(dtype)
        check_element("dtype", images)
        shape = read_array_shape(image_shape, "image_shape")
        if axes_in(self._settings.layout) == 3:
            volumes = self._volume_bank(_dispatch.current()).plan(Operand(shape, images), self._mask)
            return explained_volumes(volumes, shape)
        if self._mask is not None or self._settings.normalize:
            bank, operand = self._seen_bank(_dispatch.current()), Operand(shape, images)
            call, seen = bank.plan(operand, self._mask)
            bank.respond_for(operand, call, seen)  # or it is refused
            return explained(call.sums, shape, call)
        plan = plan_for(self._settings, shape, images, self._kernels.shape, self._kernels.dtype)
        text = explained(plan, shape, plan)
        if plan.most_rank:
            n_done = separable.count_chosen(plan, make_bank(self._kernels, self._bias, plan.reading))
            text += f"\nof {plan.geometry.n_kernels} kernels {n_done} by their factors, as method 'separable' does"
        return text

    def __repr__(self) -> str:
        n_axes, settings = axes_in(self._settings.layout), {}
        usual = usual_of(self._settings.layout)._replace(layout=None)
        for name, value in self._settings._asdict().items():
            if value != getattr(usual, name):
                settings[name] = KEYWORDS[name].given(value, n_axes) if name in KEYWORDS else value
        four_axes = "NHWC" if self._kernels.ndim == 4 else None  # which means that layout alone
        layout, method = settings.pop("layout", four_axes), settings.pop("method", None)
        if roi := settings.get("roi"):
            settings["roi"] = ", ".join(":".join("" if bound is None else str(bound) for bound in ends) for ends in roi)
        if (boundary := settings.get("boundary")) and len(set(boundary)) == 1:
            settings["boundary"] = boundary[0]
        parts = [
            f"kernels {self._kernels.shape} of {self._kernels.dtype}",
            f"layout {layout}" if layout else "layout by the images' axes",
            f"method {method}" if method else "method by the sizes of one image and the bank",
            *(f"{name} {np.dtype(value) if name == 'dtype' else value}" for name, value in settings.items()),
        ]
        if self._fill_value != 0:
            parts.append(f"fill_value {self._fill_value}")
        if self._bias is not None:
            parts.append(f"bias {self._bias.shape} of {self._bias.dtype}")
        if self._mask is not None:
            own = self._mask
            parts.append(f"mask {own}" if isinstance(own, str) else f"mask {own.shape} of {own.dtype}")
        return f"<Correlator: {', '.join(parts)}>"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in KEPT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, **{name: {} for name in KEPT})


def check_bank(kernels: Array, layout: str | None, pairwise: bool) -> None:
    """What can be said of a bank without images."""
    counts = bank_axes(layout)
    if kernels.ndim - pairwise in counts:
        return
    *others, last = counts
    own = "; of signals with layout 'NW', 'NCW' or 'NWC'" if kernels.ndim == 1 else ""
    allowed = f"{', '.join(map(str, others))} or {last}"
    allowed += ", and with pairwise=True one more" if pairwise else ""
    raise ValueError(
        f"kernels: shape {kernels.shape} has {counted(kernels.ndim)}; allowed with layout {layout!r} are {allowed}{own}"
    )


def bank_axes(layout: str | None) -> list[int]:
    """The numbers of axes that kernels may have."""
    if layout is None:
        return [2, 3, 4]
    return sorted({len(layout), len(layout) - 1, axes_in(layout)})


def reduced_lines(call: Plan | SeenPlan | VolumePlan, n_images: int) -> list[str]:
    """What responses are reduced to, a line for each."""
    reduction = call.reduction
    sums: Any = call.sums if isinstance(call, SeenPlan) else call.sizes if isinstance(call, VolumePlan) else call
    if call.peaks is not None:
        shape = shape_of_peaks(sums.layout, sums.geometry.n_kernels, call.peaks, n_images)
        return [f"of which {call.peaks!r} finds the best places, {shape}"]
    if reduction is None:
        return []
    over = "kernels" if reduction.over_kernels else "positions"
    return [
        f"reduced over {over} to {name}, {reduction.shape(name, n_images)} of {reduction.dtype(name)}"
        for name in reduction.names
    ]


def explained_volumes(call: VolumePlan, image_shape: tuple[int, ...]) -> str:
    """The same of volumes, whose planes of windows are images by themselves."""
    sizes, n_images = call.sizes, image_shape[0] if call.sizes.layout.images[0] >= 0 else 1
    images = sizes.image_shape(n_images * (1 if sizes.is_flat else sizes.outputs[0]))
    lines = explained(call.plan, images, call.plan).split("\n")[2:]
    of_planes = "planes are rows" if sizes.is_flat else "the kernel's planes are channels of each plane of windows"
    return "\n".join(
        [
            f"images {image_shape} of {call.types.images}, layout {sizes.layout.word}",
            f"response {sizes.response_shape(n_images)} of {call.types.response}",
            *reduced_lines(call, n_images),
            f"images {images} of {call.types.images}, layout {sizes.settings.layout}: {of_planes}",
            *lines,
        ]
    )


def explained(plan: Plan, image_shape: tuple[int, ...], call: Plan | SeenPlan) -> str:
    """The lines of `Correlator.explain`: sizes, types, method and reasons; `plan` is that of the call's sums."""
    types, n_images = call.types, image_shape[plan.layout.images[0]] if plan.layout.images[0] >= 0 else 1
    how = "as asked" if plan.settings.method != "auto" else "chosen from the sizes of one image and the bank"
    lines = [
        f"images {image_shape} of {types.images}, layout {plan.layout.word}",
        f"response {plan.response_shape(n_images)} of {types.response}",
        *reduced_lines(call, n_images),
        f"taps {plan.geometry.n_taps} in each of {plan.geometry.n_kernels} kernels, "
        f"{plan.multiply_adds * n_images} multiply-adds",
        f"method {plan.method} ({how})",
        f"level {plan.level.name}",
        *METHODS[plan.method].reasons(plan),
    ]
    if not plan.types.exact:
        lines.append(f"sums in {plan.types.sums}")
    return "\n".join(lines)

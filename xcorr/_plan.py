"""Plans: everything that can be prepared before the images come, and the cache of those made before."""

import os
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch, _exact, _matmul, _method, _workers
from xcorr._arrays import check_out, take_array, take_bias, take_fill
from xcorr._dtypes import (
    EXACT_FLOAT32,
    EXACT_FLOAT64,
    Types,
    check_element,
    choose_types,
    integer_range,
    largest_magnitude,
    read_dtype,
)
from xcorr._engine import Engine, lanes_of
from xcorr._geometry import (
    Geometry,
    Layout,
    Padding,
    arranged,
    checked,
    make_geometry,
    operand_sizes,
    read_boundary,
    read_layout,
    read_padding,
    read_pair,
    sizes_of,
    sum_blocks,
    whole_number,
)

CACHED_PLANS = 256
WORK_PER_WORKER = 2_000_000
"""Multiply-adds below which another worker costs more than it brings."""

Array = npt.NDArray[Any]


class Settings(NamedTuple):
    """The keywords of a call, read and in one form each."""

    layout: str | None
    padding: Padding
    boundary: str
    stride: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    conjugate: bool
    flip: bool
    method: str
    precision: str
    dtype: np.dtype[Any] | None


def read_settings(
    layout: Any,
    padding: Any,
    boundary: Any,
    stride: Any,
    dilation: Any,
    groups: Any,
    conjugate: Any,
    flip: bool,
    method: Any,
    precision: Any,
    dtype: Any,
) -> Settings:
    """Every keyword checked by itself; what needs the shapes is checked when the plan is made.

    With `flip` the kernels are turned around for a convolution, which never conjugates.
    """
    if not isinstance(conjugate, (bool, np.bool_)):
        raise TypeError(f"conjugate: got {conjugate!r}; allowed are True and False")
    if layout is not None:
        read_layout((1,) * len(str(layout)), (1,) * len(str(layout)), layout)
    _method.check_words(method, precision)
    return Settings(
        layout,
        read_padding(padding),
        read_boundary(boundary),
        read_pair(stride, "stride"),
        read_pair(dilation, "dilation"),
        whole_number(groups, "groups", 1, "an integer >= 1"),
        bool(conjugate) and not flip,
        flip,
        method,
        precision,
        None if dtype is None else read_dtype(dtype),
    )


# --- the bank ---------------------------------------------------------------------------------------------------------


class Bank:
    """The kernels and the bias of one plan as real numbers in the sum's order, packed once for each form asked."""

    def __init__(self, kernels: Array, bias: Array | None, plan: "Plan") -> None:
        geometry, types = plan.geometry, plan.types
        ordered = kernels.transpose([axis for axis in plan.layout.kernels if axis >= 0])
        ordered = ordered.reshape(sizes_of(kernels.shape, plan.layout.kernels))
        if plan.settings.flip:
            ordered = ordered[:, ::-1, ::-1]
        self.exact = types.exact
        if self.exact:
            wide = np.uint64 if kernels.dtype.kind in "bu" else np.int64
        else:
            wide = types.kernel_work
        self.kernels = real_taps(ordered.astype(wide), types, plan.settings.conjugate)
        n_taps = geometry.kernel_height * geometry.kernel_width * plan.depth
        self.kernels = self.kernels.reshape(geometry.groups, plan.n_kernels, n_taps)
        if bias is None:
            bias = np.zeros(geometry.n_kernels, dtype=types.response)
        self.bias = real_bias(bias, types).reshape(geometry.groups, plan.n_kernels)
        self.lock = threading.Lock()
        self.panels: dict[Hashable, tuple[Array, Array]] = {}
        self.reach = reach_of(self.kernels, self.bias) if self.exact else (0.0, 0.0)

    def packed(self, engine: Engine, level: str) -> tuple[Array, Array]:
        """The panels and their bias as this engine's micro-kernels read them."""
        key = (level, engine.double, engine.over_kernels)
        with self.lock:
            if key not in self.panels:
                self.panels[key] = pack_panels(engine, self.kernels, self.bias)
            return self.panels[key]

    def weights(self, work: np.dtype[Any], width: int) -> tuple[Array, Array]:
        """The matrices, `width` kernels each, and the bias that the matmul method multiplies by."""
        key = (work, width)
        with self.lock:
            if key not in self.panels:
                self.panels[key] = _matmul.pack(self.kernels, work, width), self.bias.astype(work)
            return self.panels[key]


def real_taps(kernels: Array, types: Types, conjugate: bool) -> Array:
    """(K, kh, kw, C) with every complex kernel as two real ones, for the response's real and imaginary part.

    With a = x + iy and b = u + iv, the parts of a * conj(b) are x u + y v and y u - x v; those of a * b are x u - y v
    and x v + y u. The channels of a complex image are x and y in turn, a real image has x alone.
    """
    if not types.is_complex:
        return kernels
    u, v = kernels.real, kernels.imag if conjugate else -kernels.imag
    n_kernels, height, width, depth = kernels.shape
    parts = 2 if types.images.kind == "c" else 1
    taps = np.empty((n_kernels, 2, height, width, depth, parts), dtype=u.dtype)
    taps[:, 0, ..., 0], taps[:, 1, ..., 0] = u, -v
    if parts == 2:
        taps[:, 0, ..., 1], taps[:, 1, ..., 1] = v, u
    return taps.reshape(2 * n_kernels, height, width, depth * parts)


def real_bias(bias: Array, types: Types) -> Array:
    if types.exact:
        return bias.astype(object)
    if types.is_complex:
        return bias.astype(types.kernel_work).view(types.work)
    return bias.astype(types.work)


def reach_of(kernels: Array, bias: Array) -> tuple[float, float]:
    """For integers: the largest sum of a kernel's magnitudes and the largest bias, rounded up."""
    sums = np.abs(kernels.astype(np.float64)).sum(axis=2)
    return float(sums.max(initial=0)) * (1 + 1e-6), max((abs(int(value)) for value in bias.flat), default=0) * 1.0


def pack_panels(engine: Engine, kernels: Array, bias: Array) -> tuple[Array, Array]:
    work = np.float64 if engine.double else np.float32
    panels = np.zeros((len(kernels), engine.padded_kernels * engine.n_taps), dtype=work)
    panel_bias = np.zeros((len(kernels), engine.padded_kernels), dtype=work)
    engine.pack(np.ascontiguousarray(kernels, work), np.ascontiguousarray(bias, work), panels, panel_bias)
    return panels, panel_bias


# --- the plan ---------------------------------------------------------------------------------------------------------


class Plan:
    """One geometry with its types and method; shared by threads, holds no arrays."""

    def __init__(
        self,
        settings: Settings,
        level: _dispatch.Level,
        images_shape: tuple[int, ...],
        images_dtype: np.dtype[Any],
        kernels_shape: tuple[int, ...],
        kernels_dtype: np.dtype[Any],
    ) -> None:
        self.settings = settings
        self.level = level
        self.layout: Layout = read_layout(images_shape, kernels_shape, settings.layout)
        self.types = choose_types(images_dtype, kernels_dtype, settings.dtype)
        self.geometry: Geometry = make_geometry(
            *operand_sizes(images_shape, kernels_shape, self.layout),
            padding=settings.padding,
            stride=settings.stride,
            dilation=settings.dilation,
            groups=settings.groups,
        )
        self.method = _method.choose(self.geometry, settings.method, settings.precision)
        self.parts = 2 if self.types.is_complex else 1
        self.depth = self.geometry.channels // self.geometry.groups * (2 if self.types.images.kind == "c" else 1)
        self.n_kernels = self.geometry.n_kernels // self.geometry.groups * self.parts
        self.engines: dict[bool, Engine] = {}

    def response_shape(self, n_images: int) -> tuple[int, ...]:
        """The response's shape for that many images."""
        geometry = self.geometry
        sizes = (n_images, geometry.rows, geometry.columns, geometry.n_kernels)
        total = sizes[0] * sizes[1] * sizes[2] * sizes[3] * self.types.response.itemsize
        checked(total, "images", f"the bytes of a response of shape {arranged(sizes, self.layout.response)}")
        return arranged(sizes, self.layout.response)

    def engine(self, double: bool) -> Engine:
        """The loops' constants for arithmetic in float64 or float32."""
        if double not in self.engines:
            geometry = self.geometry
            lanes = lanes_of(self.level.table, double)
            sizes = (
                *(geometry.height, geometry.width, self.depth, geometry.groups, self.n_kernels),
                *(geometry.kernel_height, geometry.kernel_width, geometry.top, geometry.left),
                *(geometry.row_stride, geometry.column_stride, geometry.row_dilation, geometry.column_dilation),
                *(geometry.rows, geometry.columns),
                *sum_blocks(geometry.kernel_height, geometry.kernel_width * self.depth),
            )
            over_kernels = self.method != "direct" or _method.over_kernels(geometry, self.n_kernels, lanes)
            self.engines[double] = Engine(self.level.table, sizes, double, over_kernels, self.settings.boundary)
        return self.engines[double]

    def run(self, images: Array, bank: Bank, fill_value: Any, out: Any, workers: Any) -> Array:
        """The response of `images`, which have this plan's shape but for their number."""
        n_images = images.shape[self.layout.images[0]] if self.layout.images[0] >= 0 else 1
        shape = self.response_shape(n_images)
        fill = take_fill(fill_value, self.types.images, self.settings.boundary)
        n_workers = _workers.count_workers(workers)
        target = None if out is None else check_out(out, shape, self.types.response)
        if 0 in shape:
            return np.empty(shape, self.types.response) if out is None else out
        if target is None or any(np.may_share_memory(target, other) for other in (images, bank.kernels)):
            result = np.empty(shape, self.types.response)
        else:
            result = target
        order = Order(self, images, bank, fill, n_workers)
        if self.types.exact:
            order.correlate_integers(result, own=target is None)
        else:
            order.correlate(result, self.types.work == np.float64, None, False)
        if target is None:
            return result
        if result is not target:
            target[...] = result
        returned: Array = out
        return returned


class Order:
    """One call of a plan: its arrays and what was asked."""

    def __init__(self, plan: Plan, images: Array, bank: Bank, fill: complex, n_workers: int) -> None:
        self.plan = plan
        self.images = images
        self.bank = bank
        self.fill = fill
        self.n_workers = n_workers
        self.n_images = images.shape[plan.layout.images[0]] if plan.layout.images[0] >= 0 else 1

    def correlate(self, result: Array, double: bool, limits: tuple[int, int] | None, discard: bool) -> bool:
        """By the plan's method in float64 or float32; false if a response lay outside of the limits."""
        plan = self.plan
        engine = plan.engine(double)
        n_workers = self.useful_workers()
        if plan.method == "matmul":
            work = np.dtype(np.float64 if double else np.float32)
            blocks = _matmul.Blocks(plan.geometry, plan.depth, work.itemsize)
            refuse_too_large(blocks.workspace_bytes, 1)
            weights, bias = self.bank.weights(work, _matmul.panel_width(blocks, work))
            call = self.call(engine, result, (weights, bias), limits, discard, 1)
            _matmul.run(call, blocks, weights, bias, self.n_images)
        else:
            call = self.call(engine, result, self.bank.packed(engine, plan.level.name), limits, discard, n_workers)
            while n_workers > 1 and call.workspace_bytes * n_workers > _workers.WORKSPACE_LIMIT:
                n_workers -= 1
            refuse_too_large(call.workspace_bytes, n_workers)
            _workers.run(call, min(n_workers, call.n_tasks))
        return not call.overflowed

    def useful_workers(self) -> int:
        """No more workers than the work is worth."""
        work = self.plan.geometry.work * self.n_images * self.plan.parts
        return max(1, min(self.n_workers, work // WORK_PER_WORKER))

    def call(
        self,
        engine: Engine,
        result: Array,
        packed: tuple[Array, Array],
        limits: tuple[int, int] | None,
        discard: bool,
        n_workers: int,
    ) -> Any:
        plan = self.plan
        fill = np.zeros((plan.geometry.groups * plan.depth // self.image_parts, self.image_parts))
        fill[:, 0] = self.fill.real
        if self.image_parts == 2:
            fill[:, 1] = self.fill.imag
        return engine.call(
            self.images,
            plan.layout.images,
            self.images.dtype.str[1:],
            not self.images.dtype.isnative,
            result,
            plan.layout.response,
            plan.types.response.str[1:],
            *packed,
            fill.ravel(),
            limits,
            discard,
            n_workers,
            _workers.WORKSPACE_LIMIT,
        )

    @property
    def image_parts(self) -> int:
        return 2 if self.plan.types.images.kind == "c" else 1

    # Integers: in float32 or float64 where these hold every sum exactly, else in 128 bits.

    def correlate_integers(self, result: Array, own: bool) -> None:
        """Exact, or OverflowError; then an array that is not our own is as it was."""
        limits = integer_range(self.plan.types.response)
        bound = self.largest_response()
        surely = bound <= limits[1] and (limits[0] < 0 or bound == 0)
        if not (own or surely):
            self.integers(result, bound, limits, True)
        self.integers(result, bound, None if surely else limits, False)

    def integers(self, result: Array, bound: float, limits: tuple[int, int] | None, discard: bool) -> None:
        if bound <= EXACT_FLOAT64:
            fits = self.correlate(result, bound > EXACT_FLOAT32, limits, discard)
        else:
            fits = self.correlate_exactly(None if discard else result)
        if not fits:
            low, high = integer_range(self.plan.types.response)
            raise OverflowError(
                f"dtype: a response does not fit {self.plan.types.response} ({low} to {high}); "
                "allowed is a type that holds every response"
            )

    def largest_response(self) -> float:
        """A bound on the magnitude of every response, from the images' type alone if that is enough."""
        kernel_reach, bias_reach = self.bank.reach
        magnitude = largest_magnitude(self.plan.types.images)
        if magnitude * kernel_reach + bias_reach > EXACT_FLOAT64:
            ends = (int(self.images.min()), int(self.images.max()), int(self.fill.real))
            magnitude = float(max(map(abs, ends)))
        return magnitude * kernel_reach + bias_reach

    def correlate_exactly(self, result: Array | None) -> bool:
        plan = self.plan
        biases = [tuple(int(value) for value in group) for group in self.bank.bias]
        return _exact.run(
            in_order(self.images, plan.layout.images),
            self.bank.kernels,
            biases,
            None if result is None else in_order(result, plan.layout.response),
            plan.geometry,
            plan.settings.boundary,
            int(self.fill.real),
            integer_range(plan.types.response),
        )


def in_order(array: Array, axes: tuple[int, int, int, int]) -> Array:
    """A view with all four axes in the order of `axes`, absent ones of length 1."""
    present = array.transpose([axis for axis in axes if axis >= 0])
    return present[tuple(slice(None) if axis >= 0 else np.newaxis for axis in axes)]


def refuse_too_large(workspace_bytes: int, n_workers: int) -> None:
    if workspace_bytes * n_workers > _workers.WORKSPACE_LIMIT:
        raise MemoryError(
            f"images: the call needs {workspace_bytes * n_workers} bytes of workspace for one row of responses; "
            f"at most {_workers.WORKSPACE_LIMIT} are allowed"
        )


# --- the cache --------------------------------------------------------------------------------------------------------

_plans: OrderedDict[Hashable, Plan] = OrderedDict()
_plans_lock = threading.Lock()


def plan_for(
    settings: Settings,
    images_shape: tuple[int, ...],
    images_dtype: np.dtype[Any],
    kernels_shape: tuple[int, ...],
    kernels_dtype: np.dtype[Any],
) -> Plan:
    """The plan of these shapes, types and keywords; made, or found in the cache."""
    level = _dispatch.current()
    key = (settings, level.name, images_shape, images_dtype.str, kernels_shape, kernels_dtype.str)
    with _plans_lock:
        plan = _plans.get(key)
        if plan is not None:
            _plans.move_to_end(key)
            return plan
    plan = Plan(settings, level, images_shape, images_dtype, kernels_shape, kernels_dtype)
    with _plans_lock:
        _plans[key] = plan
        while len(_plans) > CACHED_PLANS:
            _plans.popitem(last=False)
    return plan


def _forget_plans() -> None:
    """In a forked child: the lock may be held by a thread that did not come along."""
    global _plans_lock
    _plans_lock = threading.Lock()
    _plans.clear()
    _matmul.forget_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_plans)


# --- prepared kernels -------------------------------------------------------------------------------------------------


class Correlator:
    """A bank of kernels prepared for many calls.

    Takes the keywords of `correlate` but `out` and `workers`, and keeps a copy of the kernels. For each shape and dtype
    of images that come, the plan is made and the panels are packed once. Can be pickled and shared by threads.

    Parameters
    ----------
    kernels : array_like
        The bank, as for `correlate`.
    layout, padding, boundary, fill_value, stride, dilation, groups, bias, conjugate, method, precision, dtype
        As for `correlate`.

    Raises
    ------
    TypeError, ValueError
        If a keyword by itself is not allowed; what depends on the images is raised by the call.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> sobel = xcorr.Correlator(np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]), padding="same")
    >>> sobel(np.eye(4)).shape
    (4, 4)
    """

    def __init__(
        self,
        kernels: npt.ArrayLike,
        *,
        layout: str | None = None,
        padding: Any = "valid",
        boundary: str = "constant",
        fill_value: complex = 0,
        stride: int | tuple[int, int] = 1,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: npt.ArrayLike | None = None,
        conjugate: bool = True,
        method: str = "auto",
        precision: str = "standard",
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        self._settings = read_settings(
            layout, padding, boundary, stride, dilation, groups, conjugate, False, method, precision, dtype
        )
        self._kernels = take_array(kernels, "kernels").copy()
        check_bank(self._kernels, layout)
        self._bias = None if bias is None else take_array(bias, "bias").copy()
        self._fill_value = fill_value
        take_fill(fill_value, np.dtype(np.complex128), self._settings.boundary)
        self._banks: dict[Hashable, Bank] = {}

    def __call__(self, images: npt.ArrayLike, *, out: Array | None = None, workers: int | None = None) -> Array:
        """The response of `images`; arguments, response and errors as of `correlate`."""
        array = take_array(images, "images")
        plan = plan_for(self._settings, array.shape, array.dtype, self._kernels.shape, self._kernels.dtype)
        key = (plan.types, plan.layout.kernels)
        bank = self._banks.get(key)
        if bank is None:
            bank = self._banks[key] = make_bank(self._kernels, self._bias, plan)
        return plan.run(array, bank, self._fill_value, out, workers)

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
        """
        images = np.dtype(dtype)
        check_element("dtype", images)
        shape = tuple(whole_number(size, "image_shape", 0, "a tuple of integers >= 0") for size in image_shape)
        plan = plan_for(self._settings, shape, images, self._kernels.shape, self._kernels.dtype)
        return explained(plan, shape)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_banks"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _banks={})


def check_bank(kernels: Array, layout: str | None) -> None:
    """What can be said of a bank without images."""
    if kernels.ndim not in ((2, 3, 4) if layout is None else (len(layout) - 1, len(layout))):
        allowed = "2, 3 or 4" if layout is None else f"{len(layout)}, or {len(layout) - 1} without the first"
        raise ValueError(
            f"kernels: shape {kernels.shape} has {kernels.ndim} axes; allowed with layout {layout!r} are {allowed}"
        )


def make_bank(kernels: Array, bias: Any, plan: Plan) -> Bank:
    has_kernel_axis = plan.layout.kernels[0] >= 0
    return Bank(kernels, take_bias(bias, plan.geometry.n_kernels, has_kernel_axis, plan.types.response), plan)


def explained(plan: Plan, image_shape: tuple[int, ...]) -> str:
    geometry, types = plan.geometry, plan.types
    n_images = image_shape[plan.layout.images[0]] if plan.layout.images[0] >= 0 else 1
    forced = plan.settings.method != "auto"
    lines = [
        f"images {image_shape} of {types.images}, layout {plan.layout.word}",
        f"response {plan.response_shape(n_images)} of {types.response}",
        f"taps {geometry.n_taps} in each of {geometry.n_kernels} kernels, "
        f"{geometry.work * n_images * plan.parts} multiply-adds",
        f"method {plan.method} ({'as asked' if forced else 'chosen from the sizes of one image and the bank'})",
        f"level {plan.level.name}",
    ]
    if plan.method == "direct" and geometry.n_kernels and not types.exact:
        over_kernels = plan.engine(types.work == np.float64).over_kernels
        lines.append(f"lanes over {'kernels' if over_kernels else 'columns'}, sums in {types.work}")
    return "\n".join(lines)

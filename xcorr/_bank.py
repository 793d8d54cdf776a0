"""The bank: kernels and bias as real numbers in the sum's order, packed for the forms that multiply by them."""

import threading
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from xcorr import _matmul
from xcorr._arrays import take_bias
from xcorr._dtypes import Types
from xcorr._engine import Engine
from xcorr._geometry import sizes_of

if TYPE_CHECKING:
    from xcorr._plan import Plan

Array = npt.NDArray[Any]


class Bank:
    """The kernels and the bias of one plan as real numbers in the sum's order, packed once for each form asked."""

    def __init__(self, kernels: Array, bias: Array | None, plan: "Plan") -> None:
        geometry, types = plan.geometry, plan.types
        ordered = kernels.transpose([axis for axis in plan.layout.kernels if axis >= 0])
        ordered = ordered.reshape(sizes_of(kernels.shape, plan.layout.kernels))
        if plan.settings.flip:
            ordered = ordered[:, ::-1, ::-1]
        self.exact = types.exact
        wide = np.dtype(np.uint64 if kernels.dtype.kind in "bu" else np.int64) if self.exact else types.kernel_work
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


def make_bank(kernels: Array, bias: Any, plan: "Plan") -> Bank:
    has_kernel_axis = plan.layout.kernels[0] >= 0
    return Bank(kernels, take_bias(bias, plan.geometry.n_kernels, has_kernel_axis, plan.types.response), plan)

"""What a method asks of a plan and of a call: methods are chosen while plans are made, so they know neither's class."""

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from xcorr._axes import Geometry
from xcorr._bank import Bank
from xcorr._dispatch import Level
from xcorr._dtypes import Types
from xcorr._engine import Engine
from xcorr._layouts import Layout

Array = npt.NDArray[Any]
Box = tuple[slice, slice]
"""Some rows and columns of taps."""

Area = tuple[int, int, int, int, int, int]
"""Some rows and columns of a group's response: (image, group, first row, rows, first column, columns)."""


class Limits(NamedTuple):
    """Least and greatest value of the response's integer type; whether what lies outside is brought inside."""

    least: int
    greatest: int
    saturate: bool


class Scaling(NamedTuple):
    """What makes scores of responses before they go anywhere, where these are stored as (images, rows, columns).

    Responses are multiplied by roots and factors, and kept within `most`. Of whole numbers the roots are windows'
    spreads, and there are sums of windows (images, channels, rows, columns) and of templates (kernels, channels).
    """

    passes: Any  # of the level
    roots: Array
    factors: Array  # of each kernel
    most: float = inf
    sums: Array | None = None
    template_sums: Array | None = None
    spreads: Array | None = None
    n_taps: float = 0.0

    def some(self, first: int, end: int) -> "Scaling":
        """The same of images [first, end)."""
        sums = None if self.sums is None else self.sums[first:end]
        return self._replace(roots=self.roots[first:end], sums=sums)

    def words(self, summed: str) -> tuple[Any, ...]:
        """What the engine is told, whose sums have that type."""
        roots = self.roots if self.sums is not None else self.roots.astype(summed, copy=False)
        return (self.passes, roots, *self[2:])


class Part(NamedTuple):
    """Some kernels of one group, a bank of their own."""

    bank: Bank
    group: int
    kernels: tuple[int, ...]  # which they are in the group, as real kernels


class Done(NamedTuple):
    """A call by taps or by factors, its engine and limits; one of several workers has let go of its arrays.

    `packed` are its panels and biases, where these are not the bank's own.
    """

    call: Any
    engine: Engine
    limits: Limits | None
    packed: tuple[Array, Array] | None = None


class Plan(Protocol):
    """Sizes, types and keywords of a call."""

    @property
    def geometry(self) -> Geometry:
        """The sizes of one image, the bank and one response."""

    @property
    def types(self) -> Types:
        """The types of operands, sums and response."""

    @property
    def settings(self) -> Any:
        """The keywords."""

    @property
    def method(self) -> str:
        """The method that is taken."""

    @property
    def depth(self) -> int:
        """Channels of a group, in real numbers."""

    @property
    def n_kernels(self) -> int:
        """Kernels of a group, in real numbers."""

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image, in real numbers."""

    @property
    def share_of_bytes(self) -> float:
        """What sums of 8-bit products take, as a share of the multiply-adds."""

    @property
    def is_by_tiles(self) -> bool:
        """Whether "matmul" is done by the direct method's loops."""

    @property
    def most_rank(self) -> float:
        """The largest kind of kernels that are done by their factors although the method is another."""

    @property
    def blocks(self) -> tuple[int, int, bool]:
        """How the sum over taps is cut."""

    @property
    def sizes(self) -> Any:
        """What the frequency domain's section depends on."""

    @property
    def section(self) -> Any:
        """The frequency domain's section and what it costs."""

    @property
    def boxes(self) -> tuple[int, int]:
        """The rows and columns of boxes that the frequency domain cuts kernels into."""

    def form(self, summed: str) -> str:
        """What the direct method's lanes run over."""

    @property
    def layout(self) -> Layout:
        """The order of axes."""

    @property
    def level(self) -> Level:
        """The level of the loops."""

    @property
    def table_bytes(self) -> int:
        """Bytes of the tables of columns."""

    @property
    def interleaves(self) -> bool:
        """Whether channels can be columns, which one kernel is for."""

    def engine(self, summed: str, form: str = "") -> Engine:
        """The loops' constants, in the form of the plan's method or another one."""

    def interleaved_engine(self, summed: str) -> Engine:
        """The direct method's where one kernel is for all channels, which are columns."""

    def engine_of_some(self, summed: str, n_kernels: int, box: Box, form: str = "columns") -> Engine:
        """The engine of some kernels of one group, and of some rows and columns of their taps."""


class Job(Protocol):
    """A call: what `_job.Job` has."""

    plan: Any
    images: Array
    bank: Bank
    fill: tuple[complex, ...]
    n_images: int
    n_workers: int
    beside: int
    spare: int
    left_out: Array | None
    tops: Any
    scaling: Scaling | None
    kept_bytes: int
    looks_at_pixels: bool
    has_faint_pixels: bool
    looks_at_taps: bool
    has_faint_taps: bool
    packed_as: Any
    call_done: Done | None

    @property
    def most_workers(self) -> int:
        """Workers that the call may have, whatever it is worth."""

    def run(self, engine: Engine, result: Array, part: Part | None = None, **more: Any) -> Any:
        """The engine's call with the bank's panels, or a part's, done by as many workers as it is worth."""

    def laid_out(self, engine: Engine, bank: Bank, lay: Callable[[tuple[Array, Array]], Any]) -> Any:
        """The call that `lay` makes of the bank's panels."""

    def of_images(self, first: int, end: int) -> Any:
        """The same call of images [first, end)."""

    def call(self, engine: Engine, result: Array, panels: tuple[Array, Array], **more: Any) -> Any:
        """The engine's call of these panels, laid out."""

    def share_out(self, call: Any) -> None:
        """Runs a call by as many workers as it is worth and there is workspace for."""

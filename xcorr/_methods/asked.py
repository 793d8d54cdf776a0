"""What a method asks of a plan: methods are chosen while it is made, so they do not know its class."""

from typing import Any, Protocol

from xcorr._axes import Geometry
from xcorr._dtypes import Types


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
    def blocks(self) -> tuple[int, int, bool]:
        """How the sum over taps is cut."""

    @property
    def sizes(self) -> Any:
        """What the frequency domain's tile depends on."""

    @property
    def tile(self) -> Any:
        """The frequency domain's tile and what it costs."""

    def form(self, summed: str) -> str:
        """What the direct method's lanes run over."""

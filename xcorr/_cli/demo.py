"""What ``xcorr demo`` does: real images are correlated, and every response is checked against SciPy.

It needs click and rich, which the extra ``cli`` installs; only ``cli`` imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate2d

from xcorr import choose_method, correlate, datasets, info
from xcorr._cli.files import whole_file, write_whole
from xcorr._cli.timing import best_seconds

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["run_demo"]

# Passes the image indices of a step on, and may show how far it has come.
Watch = Callable[[range, str], Iterable[int]]

# Wall time spent on measuring one call; a call that takes longer runs once.
TIMING_SECONDS = 0.25

DIGIT_KERNEL_NAMES = ("Sobel across", "Sobel down", "Laplacian", "sharpening")
DIGIT_KERNELS = np.array(
    [
        [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
        [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
        [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
        [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    ]
)
TILE_KERNEL_NAMES = ("brightness", "edges of red")


def tile_kernels() -> NDArray[np.float32]:
    """Two 5x5x3 kernels: smoothed brightness, and horizontal edges between red and the other two colours."""
    smooth = np.array([1, 4, 6, 4, 1]) / 16
    slope = np.array([-1, -2, 0, 2, 1]) / 8
    brightness = np.multiply.outer(np.outer(smooth, smooth), [0.299, 0.587, 0.114])
    red_edge = np.multiply.outer(np.outer(smooth, slope), [1.0, -0.5, -0.5])
    return np.stack([brightness, red_edge]).astype(np.float32)


@dataclass(frozen=True)
class Step:
    """One correlation of the demonstration: what goes in, and how its axes are read."""

    name: str
    title: str
    images: NDArray[Any]
    kernels: NDArray[Any]
    layout: str

    @property
    def exact(self) -> bool:
        """Whether the response is an integer one, which has to equal SciPy's."""
        return self.images.dtype.kind in "bui"

    @property
    def n_images(self) -> int:
        """The size of the batch."""
        return len(self.images) if self.images.ndim == len(self.layout) else 1

    @property
    def is_batch(self) -> bool:
        """Whether there are several images and a bank."""
        return self.images.ndim == self.kernels.ndim == len(self.layout)

    @property
    def kernel_names(self) -> tuple[str, ...]:
        """What the kernels of the bank are called."""
        return TILE_KERNEL_NAMES if "C" in self.layout else DIGIT_KERNEL_NAMES

    @property
    def n_taps(self) -> int:
        """The taps of one kernel."""
        return self.kernels.size // (len(self.kernels) if self.kernels.ndim == len(self.layout) else 1)

    def planes(self, dtype: type) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return images (N, C, H, W) and kernels (K, C, kh, kw), contiguous, so that SciPy copies nothing."""
        return self.channels_first(self.images, dtype), self.channels_first(self.kernels, dtype)

    def channels_first(self, array: NDArray[Any], dtype: type) -> NDArray[Any]:
        """Return images or kernels with all four axes, contiguous."""
        whole = array if array.ndim == len(self.layout) else array[np.newaxis]
        channels_last = whole if "C" in self.layout else whole[..., np.newaxis]
        return np.ascontiguousarray(np.moveaxis(channels_last, -1, 1), dtype=dtype)

    def response_planes(self, response: NDArray[Any]) -> NDArray[Any]:
        """Return a view (N, K, rows, columns) of this step's response."""
        with_bank = response if self.kernels.ndim == len(self.layout) else response[..., np.newaxis]
        with_batch = with_bank if self.images.ndim == len(self.layout) else with_bank[np.newaxis]
        return np.moveaxis(with_batch, -1, 1)


@dataclass(frozen=True)
class Comparison:
    """How far a response is from SciPy's: the largest difference, the bound there, and how many are over theirs."""

    difference: float
    bound: float
    n_over: int
    expected: NDArray[Any]  # (K, rows, columns), SciPy's response of the first image


def demo_steps(digits: NDArray[np.uint8], tiles: NDArray[np.uint8]) -> list[Step]:
    """List the demonstration from one kernel on one image to whole batches.

    Parameters
    ----------
    digits : ndarray of uint8, (N, H, W)
        Single-channel images.
    tiles : ndarray of uint8, (N, H, W, 3)
        Colour images.

    Returns
    -------
    list of Step
        Pixels are scaled to 0..1 in float32, but for the last step, which keeps them as integers.
    """
    digits_float = digits.astype(np.float32) / np.float32(255)
    tiles_float = tiles.astype(np.float32) / np.float32(255)
    bank, colour_bank = DIGIT_KERNELS.astype(np.float32), tile_kernels()
    return [
        Step("image_kernel", "one image, one kernel", digits_float[0], bank[0], "NHW"),
        Step("image_bank", "one image, a bank", digits_float[0], bank, "NHW"),
        Step("colour_image_kernel", "colour, one kernel", tiles_float[0], colour_bank[0], "NHWC"),
        Step("colour_image_bank", "colour, two kernels", tiles_float[0], colour_bank, "NHWC"),
        Step("batch_bank", "batch, a bank", digits_float, bank, "NHW"),
        Step("colour_batch_bank", "colour batch, a bank", tiles_float, colour_bank, "NHWC"),
        Step("integer_batch_bank", "integer batch, a bank", digits, DIGIT_KERNELS, "NHW"),
    ]


def scipy_response(image: NDArray[Any], kernels: NDArray[Any]) -> NDArray[Any]:
    """Correlate one image (C, H, W) with kernels (K, C, kh, kw) by SciPy, one plane after the other."""
    return np.stack(
        [
            reduce(np.add, [correlate2d(*pair, mode="valid") for pair in zip(image, kernel, strict=True)])
            for kernel in kernels
        ]
    )


def compare(step: Step, response: NDArray[Any], watch: Watch) -> Comparison:
    """Hold every response of a step against SciPy's, image by image.

    The bound of a response with n taps is (4 + 2 sqrt n) u S: u is the unit roundoff of float32, S the same
    correlation of the absolute values. SciPy works in float64, whose own error is smaller by nine digits.
    Integers have to be equal. A response of another shape is wrong as a whole.
    """
    images, kernels = step.planes(np.int64 if step.exact else np.float64)
    factor = 0.0 if step.exact else (4 + 2 * math.sqrt(step.n_taps)) * np.finfo(np.float32).eps / 2
    responses = step.response_planes(response)
    worst, n_over, first = (0.0, 0.0), 0, np.empty(0)
    for index in watch(range(step.n_images), step.title):
        expected = scipy_response(images[index], kernels)
        first = expected if index == 0 else first
        if responses.shape != (step.n_images, *expected.shape):
            return Comparison(math.inf, 0.0, response.size, first)
        differences = np.abs(responses[index] - expected)
        bounds = factor * scipy_response(np.abs(images[index]), np.abs(kernels))
        n_over += int(np.count_nonzero(~(differences <= bounds)))
        place = int(np.argmax(differences))
        if not (math.isnan(worst[0]) or differences.flat[place] <= worst[0]):
            worst = (float(differences.flat[place]), float(bounds.flat[place]))
    return Comparison(*worst, n_over, first)


@dataclass(frozen=True)
class Outcome:
    """What became of one step."""

    step: Step
    response: NDArray[Any]
    method: str
    seconds: float
    scipy_seconds: float
    comparison: Comparison

    @property
    def has_right_shape(self) -> bool:
        """Whether the response has the shape of SciPy's."""
        expected = (self.step.n_images, *self.comparison.expected.shape)
        return self.step.response_planes(self.response).shape == expected

    @property
    def operands_text(self) -> str:
        """The shapes of images and kernels."""
        return f"{shape_text(self.step.images)} * {shape_text(self.step.kernels)}"

    @property
    def response_text(self) -> str:
        """The shape and the dtype of the response."""
        return f"{shape_text(self.response)} {self.response.dtype}"


def run_step(step: Step, workers: int | None, watch: Watch) -> Outcome:
    """Correlate, compare with SciPy, then time both; the comparison has warmed both up."""
    # "strict" asks for direct summation's bound, the one that `compare` checks.
    keywords: dict[str, Any] = {"layout": step.layout, "precision": "strict"}
    method = choose_method(step.images.shape, step.kernels.shape, dtype=step.images.dtype, **keywords)

    def run() -> NDArray[Any]:
        return correlate(step.images, step.kernels, workers=workers, **keywords)

    images, kernels = step.planes(np.int64 if step.exact else np.float32)

    def run_scipy() -> None:
        for image in images:
            scipy_response(image, kernels)

    response = run()
    comparison = compare(step, response, watch)
    seconds, scipy_seconds = (best_seconds(call, TIMING_SECONDS) for call in (run, run_scipy))
    return Outcome(step, response, method, seconds, scipy_seconds, comparison)


def outcome_table(outcomes: Sequence[Outcome], level: str, workers: int) -> Table:
    """Lay out two lines per step, which fit into 80 columns."""
    from rich import box
    from rich.table import Table

    title = f"xcorr {info()['version']}, level {level}, workers {workers}"
    caption = "times faster: than a loop over scipy.signal.correlate2d"
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    table.show_edge, table.pad_edge, table.padding, table.leading = False, False, (0, 1, 0, 0), 1
    table.add_column("step\nimages * kernels", no_wrap=True)
    table.add_column("response", no_wrap=True)
    table.add_column("method\nlevel", no_wrap=True)
    for heading in ("ms\nimages/s", "times\nfaster", "largest\ndifference\nits bound"):
        table.add_column(heading, justify="right", no_wrap=True)
    for outcome in outcomes:
        step, response, comparison = outcome.step, outcome.response, outcome.comparison
        table.add_row(
            f"{step.title}\n{outcome.operands_text}",
            f"{shape_text(response)}\n{response.dtype}",
            f"{outcome.method}\n{level}",
            f"{outcome.seconds * 1e3:.3f}\n{step.n_images / outcome.seconds:,.0f}",
            f"{outcome.scipy_seconds / outcome.seconds:.1f}",
            f"{comparison.difference:.2g}\n{'equal' if step.exact else format(comparison.bound, '.2g')}",
        )
    return table


def shape_text(array: NDArray[Any]) -> str:
    """Write a shape as 500x28x28."""
    return "x".join(map(str, array.shape))


def load_images(mnist: Path | None, cifar10: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return digits (N, H, W) and colour tiles (N, H, W, 3), the shipped samples where no path is given.

    Raises
    ------
    OSError
        A file cannot be read.
    ValueError
        A file is malformed (`xcorr.DataFormatError`), or there are no images.
    """
    digits: NDArray[np.uint8] | None
    if mnist is None:
        digits = datasets.load_digits_sample().images
    else:
        mnist_set = datasets.load_mnist(mnist)
        digits = mnist_set.train_images if mnist_set.test_images is None else mnist_set.test_images
    if digits is None or len(digits) == 0:
        raise ValueError(f"--mnist: no images in {mnist}")
    if cifar10 is None:
        tiles = datasets.load_colour_sample().images
    else:
        cifar10_set = datasets.load_cifar10(cifar10)
        tiles = cifar10_set.images if cifar10_set.test_images is None else cifar10_set.test_images
    if len(tiles) == 0:
        raise ValueError(f"--cifar10: no images in {cifar10}")
    return digits, tiles


def report(outcomes: Sequence[Outcome], console: Console, out: Path, workers: int | None) -> list[str]:
    """Print the table, write the responses if all of them are within bounds, and return what is wrong."""
    facts = info()
    console.print(outcome_table(outcomes, facts["level"], workers or facts["workers"]))
    wrong = [
        f"{outcome.step.title}: {outcome.comparison.n_over} of {outcome.response.size} responses differ from SciPy by "
        f"more than their bound; the largest difference is {outcome.comparison.difference:.3g}, "
        f"its bound {outcome.comparison.bound:.3g}"
        for outcome in outcomes
        if outcome.comparison.n_over
    ]
    if not wrong:
        write_whole(out, {outcome.step.name: outcome.response for outcome in outcomes})
        n_responses = sum(outcome.response.size for outcome in outcomes)
        console.print(f"All {n_responses:,} responses are within their bounds; they are in {out}", soft_wrap=True)
    return wrong


def page_path(page: Path | None, no_page: bool) -> Path | None:
    """Where the page of pictures goes; None if none is wanted, or if it cannot be drawn and nobody asked for it."""
    import click

    if page is not None and no_page:
        raise click.UsageError("--report and --no-report exclude each other")
    if no_page:
        return None
    if find_spec("plotly") is not None:
        return page or Path("report.html")
    if page is not None:
        raise click.UsageError('--report: the page needs plotly: pip install "xcorr[plot]"')
    click.echo('No report.html with pictures, which needs plotly: pip install "xcorr[plot]"')
    return None


def write_report(
    outcomes: Sequence[Outcome], wrong: Sequence[str], path: Path, workers: int | None, console: Console
) -> None:
    """Write the page, whatever became of the steps."""
    from xcorr._cli.report import page

    text = page(outcomes, wrong, workers)
    with whole_file(path) as file:
        file.write(text.encode())
    console.print(f"The pictures are in {path}", soft_wrap=True)


def run_demo(
    mnist: Path | None, cifar10: Path | None, out: Path, page: Path | None, no_page: bool, workers: int | None
) -> None:
    """Run every step, report, and fail if a response is out of bounds."""
    import click
    from rich.console import Console
    from rich.progress import track

    page = page_path(page, no_page)
    for option, path in (("--out", out), ("--report", page)):
        if path is not None and not path.parent.is_dir():
            raise click.UsageError(f"{option}: the folder {path.parent} does not exist")
    try:
        steps = demo_steps(*load_images(mnist, cifar10))
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    console = Console(highlight=False)

    def watch(indices: range, title: str) -> Iterable[int]:
        return track(indices, title, console=console, transient=True, disable=not console.is_terminal)

    outcomes = [run_step(step, workers, watch) for step in steps]
    target = out
    try:
        wrong = report(outcomes, console, out, workers)
        if page is not None:
            target = page
            write_report(outcomes, wrong, page, workers, console)
    except OSError as error:
        raise click.ClickException(f"cannot write {target}: {error}") from error
    if wrong:
        raise click.ClickException("\n".join([*wrong, f"{out} is not written"]))

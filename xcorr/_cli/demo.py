"""What ``xcorr demo`` does: real images are correlated, and every response is checked against SciPy.

It needs click and rich, which the extra ``cli`` installs; only ``cli`` imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xcorr import choose_method, correlate, datasets, info
from xcorr._cli import peers
from xcorr._cli.files import check_replaceable, whole_file, write_whole
from xcorr._cli.folder import Folder, NotOurs
from xcorr._cli.outcome import Comparison, Outcome, Step, shape_text, speed_text, times_text
from xcorr._cli.steps import demo_steps, photograph
from xcorr._timing import best_in_turns

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["run_demo"]

# Passes the image indices of a step on, and may show how far it has come.
Watch = Callable[[range, str], Iterable[int]]

# Wall time spent on measuring one call; a call that takes longer runs once.
TIMING_SECONDS = 0.2


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
        expected = peers.scipy_response(images[index], kernels)
        first = expected if index == 0 else first
        if responses.shape != (step.n_images, *expected.shape):
            return Comparison(math.inf, 0.0, response.size, first)
        differences = np.abs(responses[index] - expected)
        bounds = factor * peers.scipy_response(np.abs(images[index]), np.abs(kernels))
        n_over += int(np.count_nonzero(~(differences <= bounds)))
        place = int(np.argmax(differences))
        if not (math.isnan(worst[0]) or differences.flat[place] <= worst[0]):
            worst = (float(differences.flat[place]), float(bounds.flat[place]))
    return Comparison(*worst, n_over, first)


def run_step(step: Step, workers: int | None, watch: Watch, others: peers.Peers) -> Outcome:
    """Correlate, compare with SciPy, then time all libraries in turns; the comparison has warmed them up."""
    # "strict" asks for direct summation's bound, the one that `compare` checks.
    keywords: dict[str, Any] = {"layout": step.layout, "precision": "strict"}
    method = choose_method(step.images.shape, step.kernels.shape, dtype=step.images.dtype, **keywords)

    def run() -> NDArray[Any]:
        found: NDArray[Any] = correlate(step.images, step.kernels, workers=workers, **keywords)
        return found

    response = run()
    comparison = compare(step, response, watch)
    calls = list(others.calls(step, comparison.expected))
    seconds, *taken = best_in_turns([run, *(call for _, call in calls)], TIMING_SECONDS)
    quickest: dict[str, float] = {}
    for (name, _), least in zip(calls, taken, strict=True):
        quickest[name] = min(quickest.get(name, math.inf), least)
    return Outcome(step, response, method, seconds, quickest, comparison)


def run_steps(steps: Sequence[Step], workers: int | None, watch: Watch) -> tuple[list[Outcome], list[str]]:
    """Run every step; return what became of them, and which libraries are left out."""
    others = peers.Peers(workers or info()["workers"])
    outcomes = [run_step(step, workers, watch, others) for step in steps]
    # What failed at a later step is left out of all.
    return [
        replace(outcome, peer_seconds={name: outcome.peer_seconds[name] for name in others.ways})
        for outcome in outcomes
    ], others.left_out


def outcome_table(outcomes: Sequence[Outcome], level: str, workers: int) -> Table:
    """Lay out two lines per step, which fit into 80 columns."""
    from rich import box
    from rich.table import Table

    names = list(outcomes[0].peer_seconds)
    title = f"xcorr {info()['version']}, level {level}, workers {workers}"
    caption = f"{', '.join(names)}: how many times as long they take, SciPy in a loop over correlate2d"
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    table.show_edge, table.pad_edge, table.padding, table.leading = False, False, (0, 0), 1
    table.add_column("step\nimages * kernels", no_wrap=True)
    table.add_column("response", no_wrap=True)
    table.add_column("method", no_wrap=True)
    for heading in ("ms\nimages/s", *(f"times\n{name}" for name in names), "largest\ndiff.\nbound"):
        table.add_column(heading, justify="right", no_wrap=True)
    for outcome in outcomes:
        step, response, comparison = outcome.step, outcome.response, outcome.comparison
        table.add_row(
            f"{step.title}\n{outcome.operands_text}",
            f"{shape_text(response)}\n{response.dtype}",
            outcome.method,
            f"{outcome.seconds * 1e3:.3f}\n{step.n_images / outcome.seconds:,.0f}",
            *(times_text(outcome.times_faster(name)) for name in names),
            f"{comparison.difference:.2g}\n{'equal' if step.exact else format(comparison.bound, '.2g')}",
        )
    return table


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


def report(
    outcomes: Sequence[Outcome], left_out: Sequence[str], console: Console, out: Path, workers: int | None
) -> list[str]:
    """Print the table, write the responses if all of them are within bounds, and return what is wrong."""
    facts = info()
    for line in left_out:
        console.print(line, soft_wrap=True, markup=False)
    console.print(outcome_table(outcomes, facts["level"], workers or facts["workers"]))
    wrong = [
        f"{outcome.step.title}: {outcome.comparison.n_over} of {outcome.response.size} responses differ from SciPy by "
        f"more than their bound; the largest difference is {outcome.comparison.difference:.3g}, "
        f"its bound {outcome.comparison.bound:.3g}"
        for outcome in outcomes
        if outcome.comparison.n_over
    ]
    if not wrong:
        console.print(f"Equal to SciPy's, and {speed_text(outcomes, peers.LOOP)}", soft_wrap=True)
        write_whole(out, {outcome.step.name: outcome.response for outcome in outcomes})
        n_responses = sum(outcome.response.size for outcome in outcomes)
        console.print(f"All {n_responses:,} responses are within their bounds; they are in {out}", soft_wrap=True)
    return wrong


def page_path(page: Path | None, no_page: bool) -> Path | None:
    """Path of the page of pictures; None if none is wanted, or if it cannot be drawn and nobody asked for it."""
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
    outcomes: Sequence[Outcome],
    picture: NDArray[np.uint8],
    wrong: Sequence[str],
    left_out: Sequence[str],
    path: Path,
    workers: int | None,
    console: Console,
) -> None:
    """Write the page, whatever became of the steps."""
    from xcorr._cli.report import page

    text = page(outcomes, picture, wrong, left_out, workers)
    with Folder.named(path.parent) as folder, whole_file(folder, path.name) as file:
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
            if path is not None:
                check_replaceable(path)
        except NotOurs as error:
            raise click.UsageError(f"{option}: {error}") from error
    try:
        picture = photograph()
        steps = demo_steps(picture, *load_images(mnist, cifar10))
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    console = Console(highlight=False)

    def watch(indices: range, title: str) -> Iterable[int]:
        return track(indices, title, console=console, transient=True, disable=not console.is_terminal)

    outcomes, left_out = run_steps(steps, workers, watch)
    target = out
    try:
        wrong = report(outcomes, left_out, console, out, workers)
        if page is not None:
            target = page
            write_report(outcomes, picture, wrong, left_out, page, workers, console)
    except OSError as error:
        raise click.ClickException(f"cannot write {target}: {error}") from error
    if wrong:
        raise click.ClickException("\n".join([*wrong, f"{out} is not written"]))

"""The ``xcorr`` command line.

The command needs click and rich, which the extra ``cli`` installs; nothing else in the package imports this module.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ._demo import run_demo
from ._info import info

if TYPE_CHECKING:
    import click

__all__ = ["main"]


def build_command() -> click.Group:
    """Build the command line; ImportError if click or rich is absent."""
    import click
    import rich  # noqa: F401  (a missing library is told before any work is done)

    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    folder_or_file = click.Path(exists=True, path_type=Path)
    file = click.Path(dir_okay=False, path_type=Path)

    @click.group()
    @click.version_option(info()["version"], prog_name="xcorr")
    def group() -> None:
        """Cross-correlation of batches of images with banks of kernels."""

    @group.command()
    @click.option("--mnist", type=folder, help="Folder with MNIST's IDX files; default: 500 digits in the package.")
    @click.option(
        "--cifar10", type=folder_or_file, help="CIFAR-10, its folder or .tar.gz; default: 64 tiles in the package."
    )
    @click.option("--out", type=file, default="xcorr-demo.npz", show_default=True, help="File for the responses.")
    @click.option("--report", type=file, help="File for a page of pictures; default: report.html, with plotly.")
    @click.option("--no-report", is_flag=True, help="Leave the page of pictures out.")
    @click.option("--workers", type=click.IntRange(min=1), help="Threads; default: the CPUs this process may use.")
    def demo(
        mnist: Path | None, cifar10: Path | None, out: Path, report: Path | None, no_report: bool, workers: int | None
    ) -> None:
        """Correlate real images, compare every response with SciPy, time both, and draw it all on one page.

        The page opens in a browser and needs nothing else; to draw it takes plotly: pip install "xcorr[plot]".
        Exits with 1 if a response differs from SciPy's by more than its bound.
        """
        run_demo(mnist, cifar10, out, report, no_report, workers)

    return group


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the ``xcorr`` command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command-line arguments without the program's name; `sys.argv` if absent.

    Raises
    ------
    SystemExit
        Always: 0, or 1 if a response is out of bounds or click or rich is missing, or 2 for a usage error.
    """
    try:
        group = build_command()
    except ModuleNotFoundError as error:
        sys.exit(f'xcorr: the command needs {error.name}: pip install "xcorr[cli]"')
    group.main(args=arguments, prog_name="xcorr")

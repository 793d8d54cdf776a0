"""What the scripts leave behind: figures in a JSON file, and a picture of them."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def new_parser(description: str | None, *, picture: bool = True) -> argparse.ArgumentParser:
    """A parser with the options of `write_outputs`, which shows the script's docstring as it is written."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for the figures")
    if picture:
        parser.add_argument("--plot", type=Path, help="file for a picture of them")
    return parser


def write_outputs(
    arguments: argparse.Namespace, results: dict[str, Any], plot: Callable[[dict[str, Any], Path], None] | None = None
) -> None:
    """Write the files that were asked for."""
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    if plot is not None and arguments.plot:
        plot(results, arguments.plot)


def headless_pyplot() -> Any:
    """matplotlib's pyplot, which needs no screen."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def write_plain_numbers(*axes: Any) -> None:
    """Label logarithmic axes with 1, 10, 100 instead of powers."""
    for axis in axes:
        axis.set_major_formatter(lambda value, _: f"{value:g}")

"""The ``xcorr`` command line.

The command needs click and rich, which the extra ``cli`` installs; nothing else in the package imports this module.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

__all__ = ["main"]


def build_command() -> click.Group:
    """Build the command line; ImportError if click or rich is absent."""
    import click  # noqa: F401  (a missing library is told before any work is done)
    import rich  # noqa: F401

    from xcorr._cli import register_commands  # noqa: F401  (two more commands)
    from xcorr._cli.commands import commands

    return commands


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the ``xcorr`` command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command-line arguments without the program's name; `sys.argv` if absent.

    Raises
    ------
    SystemExit
        Always: 0, or 1 if something failed or a library is missing, 2 for a usage error, 130 for an interrupt.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be what the terminal cannot show
    try:
        group = build_command()
    except ModuleNotFoundError as error:
        sys.exit(f'xcorr: the command needs {error.name}: pip install "xcorr[cli]"')
    try:
        group.main(args=arguments, prog_name="xcorr")
    except SystemExit as end:
        sys.exit(end.code if is_flushed() else 1)


def is_flushed() -> bool:
    """Whether all that was printed could be; tells it in one line if not."""
    if sys.stdout is None:  # it was closed before the command began
        return True
    try:
        sys.stdout.flush()
    except OSError as error:
        print(f"Error: cannot write to standard output: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes again at its end
        return False
    return True

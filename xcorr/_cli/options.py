"""What options of the ``xcorr`` command take, and those that several of its commands have. Needs click."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from xcorr._cli.bank_file import bank_names
from xcorr._cli.respond import SCALES
from xcorr._cli.room import bytes_in
from xcorr._reading import BOUNDARIES, METHODS, PADDING_WORDS, PICTURES, PRECISIONS

__all__ = [
    "SHAPE",
    "Address",
    "BankWord",
    "Number",
    "ScaledCommand",
    "Size",
    "geometry_options",
    "image_files",
    "layout_of_arrays",
    "method_options",
    "options_of_correlate",
    "overwrite_option",
    "quiet_option",
    "word_option",
    "workers_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])
MOST_DIGITS = 1000

ADDRESS = re.compile(r"((?:tcp|tls)://)?(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})", re.ASCII)
MOST_PORT = 65535


# Types of arguments are generic from click 8.4 on only, and could not be named so before.


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """Integers with a separator between them, or a word."""

    def __init__(self, form: str, counts: Sequence[int], least: int, words: Sequence[str] = (), separator: str = ","):
        self.name = form
        self.counts, self.least, self.words, self.separator = counts, least, words, separator

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the word, the number or the tuple; a padding of four as ((top, bottom), (left, right))."""
        if not isinstance(value, str) or value in self.words:
            return value
        parts = value.split(self.separator)
        if len(parts) not in self.counts or not all(self.is_number(part) for part in parts):
            self.refuse(value, param, ctx)
        numbers = tuple(map(int, parts))
        if min(numbers) < self.least:
            self.refuse(value, param, ctx)
        if self.separator != ",":
            return numbers
        top, *others = numbers
        return top if not others else numbers if len(others) == 1 else ((top, others[0]), (others[1], others[2]))

    def is_number(self, part: str) -> bool:
        """Whether a word is digits, and not more of them than Python reads."""
        return part.isascii() and part.isdigit() and len(part) <= MOST_DIGITS

    def refuse(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        allowed = " or ".join([*self.words, f"{self.name} with integers >= {self.least}"])
        self.fail(f"got {value!r}; allowed is {allowed}", param, ctx)


class Number(click.ParamType):  # type: ignore[type-arg]
    """An integer, or else a real or complex number."""

    name = "NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it in the first of these kinds that it is written in."""
        for kind in (int, float, complex) if isinstance(value, str) else ():
            try:
                return kind(value)
            except ValueError:
                continue
        return value if not isinstance(value, str) else self.fail(f"got {value!r}; allowed is a number", param, ctx)


class DType(click.ParamType):  # type: ignore[type-arg]
    """The name of a type of responses."""

    name = "DTYPE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return its one name."""
        try:
            from xcorr._dtypes import read_dtype

            return read_dtype(value).name
        except TypeError as error:
            self.fail(str(error).removeprefix("dtype: "), param, ctx)


class Size(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes, with a unit or without."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        try:
            return bytes_in(value) if isinstance(value, str) else int(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Address(click.ParamType):  # type: ignore[type-arg]
    """A scheduler's address."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it with its protocol."""
        found = ADDRESS.fullmatch(str(value))
        if found is None or int(found[2]) > MOST_PORT:
            self.fail(f"got {value!r}; allowed is HOST:PORT, or tcp:// or tls:// before it", param, ctx)
        return str(value) if found[1] else f"tcp://{value}"


class BankWord(click.ParamType):  # type: ignore[type-arg]
    """The name of a bank, or of a file with one."""

    name = "NAME|FILE"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so, or else let the shell find files."""
        names = [CompletionItem(name) for name in bank_names() if name.startswith(incomplete)]
        return names or [CompletionItem(incomplete, type="file")]


class ScaledCommand(click.Command):
    """A command whose option --scale is one word without a word, too, wherever it stands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, with "unit" put behind a --scale that no other word follows."""
        words: list[str] = []
        for index, word in enumerate(args):
            words.append(word)
            if word == "--scale" and not set(args[index + 1 : index + 2]) & set(SCALES):
                words.append(SCALES[0])
        return super().parse_args(ctx, words)


PADDING = Numbers("N or R,C or T,B,L,R", (1, 2, 4), 0, PADDING_WORDS)
PAIR = Numbers("N or R,C", (1, 2), 1)
SHAPE = Numbers("SIZES such as 8x224x224x3", (2, 3, 4), 0, separator="x")


def word_option(*names: str, words: Sequence[str], default: str, **told: Any) -> Callable[[Command], Command]:
    """Return an option that takes one of some words, and is the default without."""
    return click.option(*names, type=click.Choice(words), default=default, show_default=True, **told)


image_files = click.argument("images", nargs=-1, required=True, type=click.Path())
layout_of_arrays = click.option(
    "--layout", type=click.Choice(PICTURES), help="Axes of the arrays in .npy and IDX files."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace results that are not of this job.")
quiet_option = click.option("--quiet", is_flag=True, help="Tell errors only.")
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), help="Threads; default: the CPUs this process may use."
)


def geometry_options(command: Command) -> Command:
    """Give a command the options that say where windows are."""
    return with_options(
        command,
        click.option(
            "--padding", type=PADDING, default="valid", show_default=True, help="Padding: valid, same, full, or pixels."
        ),
        word_option("--boundary", words=BOUNDARIES, default="constant", help="What the padding holds."),
        click.option("--stride", type=PAIR, default=1, show_default=True, help="Pixels between windows."),
        click.option("--dilation", type=PAIR, default=1, show_default=True, help="Pixels between taps."),
    )


def method_options(command: Command) -> Command:
    """Give a command the options that say how sums are computed."""
    return with_options(
        command,
        word_option("--method", words=("auto", *METHODS), default="auto", help="Way to compute the sums."),
        word_option("--precision", words=PRECISIONS, default="standard", help="Bound that errors keep to."),
        workers_option,
    )


def options_of_correlate(command: Command) -> Command:
    """Give a command the options that `correlate` has as keywords."""
    dtype = click.option(
        "--dtype", type=DType(), help="Type of the responses; default: int64 for integers, else NumPy's rule."
    )
    return geometry_options(dtype(method_options(command)))


def with_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    """Give a command options, told in this order."""
    for option in reversed(options):
        command = option(command)
    return command

"""What the pages of the documentation say that can be run: blocks of code and tables."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
RULE = re.compile(r"\|(:?-+:?\|)+")


class Block(NamedTuple):
    """Fenced code, and the number of its first line."""

    language: str
    code: str
    line: int


class Row(NamedTuple):
    """A row of a table: the table's header, the row's cells, the number of its line."""

    header: tuple[str, ...]
    cells: tuple[str, ...]
    line: int


def read(name):
    """The text of a page, by its path in the checkout; the module is skipped where only tests/ was copied."""
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the tests", allow_module_level=True)
    return path.read_text(encoding="utf-8")


def blocks(text):
    """The fenced blocks of a page that name a language."""
    return [Block(found[1], found[2], text.count("\n", 0, found.start()) + 2) for found in FENCE.finditer(text)]


def rows(text):
    """The rows of a page's tables. No code in a table has a vertical line."""
    found, header = [], None
    for number, line in enumerate(text.splitlines(), 1):
        cells = tuple(cell.strip() for cell in line.rstrip()[1:-1].split("|"))
        if not line.startswith("|"):
            header = None
        elif header is None:
            header = cells
        elif not RULE.fullmatch(line):
            assert len(cells) == len(header), f"line {number} has {len(cells)} cells"
            found.append(Row(header, cells, number))
    return found


def codes(cell):
    """The pieces of code in a cell."""
    return CODE.findall(cell)

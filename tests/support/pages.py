"""What the pages of the documentation say that can be run: blocks of code and tables."""

import doctest
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\S+)(?: [^\n]*)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
RULE = re.compile(r"\|(:?-+:?\|)+")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
OPTIONAL = {
    "natsort",
    "click", "rich", "plotly", "PIL", "tifffile", "zarr", "cv2", "dask", "jax", "skimage", "tensorflow", "torch",
    "xarray",
}  # fmt: skip
TASKS = "docs/how-do-i.md"
"""The page whose sections are run one by one, by test_how_do_i.py."""


class Block(NamedTuple):
    """Fenced code, and the number of its first line."""

    language: str
    code: str
    line: int


class Section(NamedTuple):
    """What stands below a heading, and the number of the heading's line."""

    title: str
    text: str
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


def sections(text, level):
    """What stands below the headings of this level, up to the next one of it or above."""
    lines = text.splitlines(keepends=True)
    fences = np.cumsum([line.startswith("```") for line in lines]) % 2  # a comment in code is no heading
    headings = [
        (number, len(line) - len(line.lstrip("#")), line.strip("# \n"))
        for number, line in enumerate(lines, 1)
        if line.startswith("#") and not fences[number - 1]
    ]
    found = []
    for index, (number, depth, title) in enumerate(headings):
        ends = [other for other, other_depth, _ in headings[index + 1 :] if other_depth <= level]
        if depth == level:
            found.append(Section(title, "".join(lines[number : ends[0] - 1 if ends else None]), number))
    return found


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


def run_doctest(test):
    """Runs examples, and skips the test where they import a library that is not there."""
    report = io.StringIO()
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.write, clear_globs=False)
    missing = re.search(r"^ *ModuleNotFoundError: .*$", report.getvalue(), re.MULTILINE)
    if missing and any(library in missing[0] for library in OPTIONAL):
        pytest.skip(missing[0].strip())
    assert result.failed == 0, report.getvalue()

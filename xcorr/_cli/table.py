"""Matches as lines of text: comma-separated values with a header, or a JSON object each."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from xcorr._cli.search import Match

__all__ = ["FORMS", "header", "lines_of"]

FORMS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""Forms of tables by the endings of their names."""

FIELDS = ("file", "index", "template", "score", "row", "column", "height", "width")
BETWEEN_PIXELS = ("sub_row", "sub_column")


def header(form: str, between_pixels: bool) -> bytes:
    """Return the first line, which JSON lines have none of."""
    return csv_line(FIELDS + BETWEEN_PIXELS * between_pixels) if form == "csv" else b""


def lines_of(
    form: str, file: str, first: int, matches: Iterable[Sequence[Match]], names: Sequence[str], between_pixels: bool
) -> bytes:
    """Return a line for each match in images of a file, of which the first one has that number.

    With `between_pixels` also where a match is between pixels.
    """
    fields = FIELDS + BETWEEN_PIXELS * between_pixels
    lines = []
    for index, of_image in enumerate(matches, first):
        for match in of_image:
            known = {**match._asdict(), "file": file, "index": index, "template": names[match.template]}
            values = {name: known[name] for name in fields}
            lines.append(csv_line(values.values()) if form == "csv" else json.dumps(values).encode("ascii") + b"\n")
    return b"".join(lines)


def csv_line(values: Iterable[Any]) -> bytes:
    """Return a line of values; a name that is no text keeps its bytes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode("utf-8", sys.getfilesystemencodeerrors())

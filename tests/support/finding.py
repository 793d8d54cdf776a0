"""A run of `xcorr match`, and the lines of its table."""

import csv
import json
from pathlib import Path

import numpy as np
from applying import run_command
from PIL import Image


def match(*arguments, template="template.png", out="peaks.csv", status=0):
    given = [] if template is None else ["--template", template]
    return run_command("match", *given, *arguments, "--out", out, status=status)


def lines(path="peaks.csv"):
    """The matches of a table, numbers as numbers."""
    if Path(path).suffix == ".jsonl":
        return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    with open(path, newline="", encoding="utf-8") as file:
        return [
            {name: value if name in ("file", "template") else float(value) for name, value in line.items()}
            for line in csv.DictReader(file)
        ]


def places(path="peaks.csv"):
    """(file, row, column) of every match."""
    return [(line["file"], int(line["row"]), int(line["column"])) for line in lines(path)]


def save(name, pixels):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    if pixels.dtype == np.uint8:
        Image.fromarray(pixels).save(name)
    else:
        np.save(name, pixels)

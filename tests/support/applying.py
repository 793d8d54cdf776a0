"""A run of `xcorr apply`, in this process or in its own, and what it leaves."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")
pytest.importorskip("PIL")
pytest.importorskip("tifffile")
pytest.importorskip("natsort")

from click.testing import CliRunner
from PIL import Image

import xcorr
from xcorr import cli

BANK = np.random.default_rng(5).standard_normal((6, 3, 4)).astype(np.float32)
STACKS = [("stack", "all.npy"), ("zarr", "all.zarr")]


def run_command(*arguments, status=0):
    result = CliRunner().invoke(cli.build_command(), [*map(str, arguments)], prog_name="xcorr")
    assert result.exit_code == status, result.output
    return result


def run(*arguments, status=0):
    return run_command("apply", *arguments, status=status)


def apply(*arguments, bank="bank.npy", out="out", status=0):
    return run(*arguments, "--bank", bank, "--out", out, status=status)


def tree(place):
    return {str(path.relative_to(place)): path.read_bytes() for path in Path(place).rglob("*") if path.is_file()}


def command(*arguments, name="apply", **keywords):
    """Begins in a process that an interrupt ends: of tests in the background it would inherit that none is taken."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "xcorr", name, *map(str, arguments)],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **keywords},
        )
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt(process):
    """Interrupts the job of 40 files when the first one is done, which it tells in a line."""
    with process:
        assert process.stdout.readline().startswith("[1/40] 0.npy: ")
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert errors == "xcorr: interrupted; the same command goes on with what is left\n"


def each_channel(images, **keywords):
    """(..., channels, K) of images with channels last."""
    responses = [xcorr.correlate(images[..., c], BANK, layout="NHW", **keywords) for c in range(images.shape[-1])]
    return np.stack(responses, axis=-2)


def same_size(rng, n_files=4):
    images = rng.integers(0, 256, (n_files, 12, 15), dtype=np.uint8)
    Path("same").mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(f"same/{index}.png")
    return images


def read_stack(form, path):
    if form == "stack":
        return np.load(path, allow_pickle=False)
    zarr = pytest.importorskip("zarr")
    return zarr.open_array(path, mode="r")[:]


def names(out="out"):
    return sorted(name for name in tree(out) if not name.startswith("."))

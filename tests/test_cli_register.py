"""`xcorr register` and `xcorr piv`: the shifts of `register`, as lines, shifted images, arrays and pictures."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from applying import run_command, tree
from checks import SEED
from finding import save
from looping import for_each
from particles import particles

pytest.importorskip("tifffile")

from PIL import Image

import xcorr

pytestmark = pytest.mark.usefixtures("here")
DRIFT = np.array([(0, 0), (2, -1), (3, -4), (7, -5), (9, -8)])


@pytest.fixture
def stack():
    """Pictures of a drifting sample, of which the last two are one array."""
    sample = np.random.default_rng([SEED, 61]).integers(0, 256, (90, 90), dtype=np.uint8)
    stack = np.stack([sample[20 - down : 70 - down, 20 - right : 75 - right] for down, right in DRIFT])
    for index in range(3):
        save(f"stack/{index}.png", stack[index])
    np.save("stack/last.npy", stack[3:])
    return stack


def register(*arguments, out="shifts.csv", status=0):
    return run_command("register", "stack", "--layout", "NHW", "--out", out, *arguments, status=status)


def lines(path="shifts.csv"):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def shifts(path="shifts.csv"):
    return np.array([[float(line["shift_row"]), float(line["shift_column"])] for line in lines(path)])


@for_each("reference", ["first", "previous", "mean"])
def test_lines_are_the_shifts_of_register(stack, reference):
    register("--reference", reference, "--score", "zncc", "--overwrite")
    found = lines()
    assert list(found[0]) == ["file", "index", "shift_row", "shift_column", "score", "ratio"]
    assert [(line["file"], line["index"]) for line in found] == [
        ("0.png", "0"), ("1.png", "0"), ("2.png", "0"), ("last.npy", "0"), ("last.npy", "1")
    ]  # fmt: skip
    if reference == "mean":
        wanted = xcorr.register(stack.mean(axis=0), stack, layout="NHW", score="zncc")
        np.testing.assert_array_equal(shifts(), wanted.shift)
        assert [float(line["score"]) for line in found] == wanted.score.tolist()
    else:
        np.testing.assert_array_equal(shifts(), -DRIFT)


def test_options_are_the_keywords_of_register(stack):
    options = ["--score", "phase", "--subpixel", "20", "--taper", "hann", "--max-shift", "12", "--workers", "2"]
    register(*options)
    wanted = xcorr.register(stack[0], stack, layout="NHW", subpixel=20, taper="hann", max_shift=12)
    np.testing.assert_array_equal(shifts(), wanted.shift)
    register(*options, out="shifts.jsonl")
    told = [json.loads(line) for line in Path("shifts.jsonl").read_text().splitlines()]
    assert [line["shift_row"] for line in told] == wanted.shift[:, 0].tolist()


@for_each("reference", ["first", "previous"])
def test_shifted_images_lie_on_the_first(stack, reference):
    register("--reference", reference, "--score", "zncc", "--apply", f"laid/{reference}", out=f"{reference}.csv")
    laid = np.stack([np.load(f"laid/{reference}/{index}.png.npy") for index in range(3)])
    np.testing.assert_array_equal(laid[2][:47, 4:], stack[0][:47, 4:])
    np.testing.assert_array_equal(laid[2][47:], 0)
    assert laid.dtype == np.uint8
    last = np.load(f"laid/{reference}/last.npy.npy")
    assert last.shape == (2, 50, 55)
    np.testing.assert_array_equal(last[1][:41, 8:], stack[0][:41, 8:])


def test_fractions_are_applied_by_waves():
    rng = np.random.default_rng([SEED, 62])
    waves = np.fft.fft2(rng.standard_normal((32, 40)))
    waves *= (np.abs(np.fft.fftfreq(32)) < 0.4)[:, np.newaxis] & (np.abs(np.fft.fftfreq(40)) < 0.4)
    turns = 1.25 * np.fft.fftfreq(32)[:, np.newaxis] - 0.5 * np.fft.fftfreq(40)
    images = [np.fft.ifft2(waves * np.exp(-2j * np.pi * n * turns)).real for n in range(3)]
    Path("stack").mkdir()
    np.save("stack/all.npy", images)
    register("--subpixel", "100", "--apply", "laid")
    np.testing.assert_allclose(shifts(), [[0, 0], [-1.25, 0.5], [-2.5, 1]], atol=0.015)
    laid = np.load("laid/all.npy.npy")
    assert np.abs(laid - images[0]).max() < 0.1 * np.abs(images[0]).max()


@for_each("reference", ["first", "previous", "mean"])
def test_a_job_goes_on_where_it_stopped_and_begins_again_where_a_file_has_changed(stack, reference):
    options = ["--reference", reference, "--score", "zncc", "--apply", "laid"]
    first = register(*options, "--overwrite")
    assert "4 of 4 files done" in first.output
    before = tree("laid") | {"table": Path("shifts.csv").read_bytes()}
    again = register(*options)
    assert "0 of 4 files done" in again.output
    assert "4 done before" in again.output
    assert tree("laid") | {"table": Path("shifts.csv").read_bytes()} == before
    save("stack/2.png", np.roll(stack[2], 1, 0))
    if reference == "mean":
        register(*options, status=2)
    else:
        others = register(*options, "--overwrite")
        n_done = 1 if reference == "first" else 2
        assert f"{n_done} of 4 files done" in others.output
        register(*options[:4], "--overwrite", out="fresh.csv")
        assert lines() == lines("fresh.csv")
    register(*options, "--subpixel", "gaussian", status=2)
    save("stack/2.png", stack[2])


def test_what_fails_is_told_and_left_out(stack):
    Path("stack/1.png").write_bytes(b"no picture")
    save("stack/2.png", stack[2][:, :40])
    result = register("--score", "phase", status=1)
    assert "2 failed" in result.output
    assert [line["file"] for line in lines()] == ["0.png", "last.npy", "last.npy"]
    flat = np.zeros((50, 55), np.uint8)
    save("stack/1.png", flat)
    register("--score", "zncc", "--reference", "previous", out="with_flat.csv", status=1)
    assert lines("with_flat.csv")[1]["shift_row"] == "nan"


@for_each(("arguments", "message"), [
    (["--subpixel", "half"], "--subpixel: got 'half'"), (["--taper", "2"], "--taper: got"),
    (["--max-shift", "-1"], "--max-shift: got"), (["--score", "ssd"], "--score"),
    (["--reference", "last"], "--reference"), (["--min-overlap", "3"], "--min-overlap: got 3.0"),
])  # fmt: skip
def test_options_are_refused_by_name(stack, arguments, message):
    assert message in register(*arguments, status=2).output
    assert "--out: got" in register(out="shifts.txt", status=2).output


def test_a_flow_is_that_of_register():
    first, second = particles((128, 144), (1.5, -2.25))
    np.save("a.npy", first)
    np.save("b.npy", second)
    options = ["--window", "32", "--step", "16,24", "--subpixel", "gaussian"]
    result = run_command("piv", "a.npy", "b.npy", *options, "--out", "field.npz", "--draw", "field.png")
    assert "35 of 7x5 windows" in result.output
    wanted = xcorr.register(first, second, window=32, step=(16, 24), score="zncc", subpixel="gaussian")
    with np.load("field.npz") as field:
        np.testing.assert_array_equal(field["displacement"], wanted.displacement)
        np.testing.assert_array_equal(field["score"], wanted.score)
        np.testing.assert_array_equal(field["ratio"], wanted.ratio)
        np.testing.assert_array_equal(field["rows"], 15.5 + 16 * np.arange(7))
        np.testing.assert_array_equal(field["columns"], 15.5 + 24 * np.arange(5))
    with Image.open("field.png") as picture:
        assert picture.mode == "RGB"
        assert picture.size == (144 * 3, 128 * 3)
        assert (np.asarray(picture) == (255, 204, 0)).all(axis=2).sum() > 200
    again = run_command("piv", "a.npy", "b.npy", *options, "--out", "field.npz", status=2)
    assert "--out: field.npz is there" in again.output


def test_a_flow_is_refused_by_name():
    np.save("a.npy", np.ones((2, 20, 20)))
    save("b.png", np.zeros((20, 20), np.uint8))
    run = ["piv", "b.png", "b.png", "--window", "8"]
    assert "--out: got 'field.npy'" in run_command(*run, "--out", "field.npy", status=2).output
    assert "--window" in run_command("piv", "b.png", "b.png", "--window", "0", "--out", "f.npz", status=2).output
    several = run_command("piv", "a.npy", "b.png", "--window", "8", "--layout", "NHW", "--out", "f.npz", status=1)
    assert "a.npy: 2 images; allowed is one" in several.output
    assert (
        "window: got (30, 30)"
        in run_command("piv", "b.png", "b.png", "--window", "30", "--out", "f.npz", status=1).output
    )
    assert not Path("f.npz").exists()

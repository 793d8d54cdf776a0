"""The command: what it prints, writes and returns, and that a wrong response cannot pass."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner, Result
from rich.console import Console

from xcorr import _timing as timing
from xcorr import cli, datasets
from xcorr._cli import demo, peers
from xcorr._cli.outcome import Comparison, Outcome

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
N_STEPS = 10


@pytest.fixture
def few_images(monkeypatch):
    """Six images of each sample, a part of the photograph, and one run per timing: a hundredth of the time."""
    part = demo.photograph()[40:80, 90:140]
    monkeypatch.setattr(demo, "photograph", lambda: part)
    for name in ("load_digits_sample", "load_colour_sample"):
        sample = getattr(datasets, name)()
        few = sample._replace(images=sample.images[:6], labels=sample.labels[:6])
        monkeypatch.setattr(datasets, name, lambda few=few: few)
    monkeypatch.setattr(demo, "TIMING_SECONDS", 1e-9)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.build_command(), ["demo", "--no-report", *map(str, arguments)], prog_name="xcorr")


def perturbed(monkeypatch, change, when=lambda images, kernels: True):
    """Let the command see responses that ``change`` has been at."""
    genuine = demo.correlate

    def correlate(images, kernels, **keywords):
        response = genuine(images, kernels, **keywords).copy()
        return change(response) if when(images, kernels) else response

    monkeypatch.setattr(demo, "correlate", correlate)


def with_response(place, value):
    """Replace the response at a flat index; -1 is where a loop that stops early would not look."""

    def change(response):
        response.flat[place(response)] = value(response.flat[place(response)])
        return response

    return change


def test_whole_command_runs_on_the_shipped_samples(tmp_path):
    """The same process boundary, samples and steps that a user meets."""
    command = [sys.executable, "-W", "error", "-m", "xcorr", "demo", "--out", "responses.npz"]
    environment = {**os.environ, "COLUMNS": "80"}
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "500x28x28 * 4x3x3" in finished.stdout
    assert "64x32x32x3 * 2x5x5x3" in finished.stdout
    assert "All 3,230,016 responses are within their bounds" in finished.stdout
    assert re.search(r"^Equal to SciPy's, and \d[\d.]* to \d[\d.]* times as fast$", finished.stdout, re.MULTILINE)
    assert max(map(len, finished.stdout.splitlines())) <= 80
    with np.load(tmp_path / "responses.npz") as responses:
        shapes = {name: responses[name].shape for name in responses}
        dtypes = {responses[name].dtype for name in responses}
    assert shapes == {
        "photograph_edges": (254, 254, 2),
        "photograph_blur": (238, 238),
        "photograph_textures": (242, 242, 4),
        "image_kernel": (26, 26),
        "image_bank": (26, 26, 4),
        "colour_image_kernel": (28, 28),
        "colour_image_bank": (28, 28, 2),
        "batch_bank": (500, 26, 26, 4),
        "colour_batch_bank": (64, 28, 28, 2),
        "integer_batch_bank": (500, 26, 26, 4),
    }
    assert dtypes == {np.dtype(np.float32), np.dtype(np.int64)}


@pytest.mark.usefixtures("few_images")
def test_single_image_responses_are_those_of_the_batch(tmp_path):
    out = tmp_path / "responses.npz"
    assert run("--out", out).exit_code == 0
    with np.load(out) as responses:
        np.testing.assert_array_equal(responses["image_bank"], responses["batch_bank"][0])
        np.testing.assert_array_equal(responses["colour_image_bank"], responses["colour_batch_bank"][0])


@pytest.mark.usefixtures("few_images")
def test_same_run_writes_the_same_bytes_over_the_part_of_a_killed_one(tmp_path):
    out = tmp_path / "responses.npz"
    assert run("--out", out, "--workers", 1).exit_code == 0
    first = out.read_bytes()
    (tmp_path / ".responses.npz.part").write_bytes(b"cut off")
    assert run("--out", out, "--workers", 2).exit_code == 0
    assert out.read_bytes() == first
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize(("module", "function"), [(np, "savez"), (os, "replace")])
def test_failed_write_leaves_the_old_file_and_no_part(tmp_path, monkeypatch, module, function):
    out = tmp_path / "responses.npz"
    out.write_bytes(b"old")

    def full_disk(*arguments, **arrays):
        raise OSError("no space left")

    monkeypatch.setattr(module, function, full_disk)
    result = run("--out", out)
    assert result.exit_code == 1
    assert f"cannot write {out}: no space left" in result.output
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize("value", [lambda value: value + 1e-3, lambda value: np.nan, lambda value: np.inf])
def test_one_float_response_over_its_bound_fails(tmp_path, monkeypatch, value):
    perturbed(monkeypatch, with_response(lambda response: -1, value), lambda images, kernels: images.ndim == 4)
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 1
    assert "tiles, two kernels: 1 of 9408 responses differ from SciPy by more than their bound" in result.output
    assert result.output.count("more than their bound") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("few_images")
def test_one_integer_response_off_by_one_fails(tmp_path, monkeypatch):
    off_by_one = with_response(np.argmax, lambda value: value + 1)
    perturbed(monkeypatch, off_by_one, lambda images, kernels: images.dtype == np.uint8)
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 1
    assert "digits, integers: 1 of 16224 responses" in result.output


@pytest.mark.usefixtures("few_images")
def test_every_step_is_compared(tmp_path, monkeypatch):
    perturbed(monkeypatch, lambda response: response + response.dtype.type(1))
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 1
    assert result.output.count("more than their bound") == N_STEPS


@pytest.mark.usefixtures("few_images")
def test_kernels_in_another_order_fail(tmp_path, monkeypatch):
    perturbed(monkeypatch, lambda response: response[..., ::-1], lambda images, kernels: kernels.ndim == 4)
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 1
    assert result.output.count("more than their bound") == 2


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize("cut", [lambda response: response[..., :-1], lambda response: response[:-1]])
def test_response_of_another_shape_fails(tmp_path, monkeypatch, cut):
    perturbed(monkeypatch, cut, lambda images, kernels: images.ndim == 4)
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 1
    assert result.output.count("more than their bound") == 1


# --- libraries beside it ----------------------------------------------------------------------------------------------


@pytest.fixture
def made_up(monkeypatch):
    """Let a function stand for a library that is there, with the ways that it gives."""

    def stand_in(ways, module="sys"):
        monkeypatch.setattr(peers, "OTHERS", {"Made-up": (module, ways)})

    return stand_in


def right_ways(step, workers):
    images, kernels = step.planes(np.float64)
    return [lambda: np.stack([peers.scipy_response(image, kernels) for image in images])]


def beside(change):
    """Ways whose responses are changed."""
    return lambda step, workers: [lambda: change(right_ways(step, workers)[0]())]


@pytest.mark.usefixtures("few_images")
def test_library_that_is_there_is_timed_beside_scipy(tmp_path, made_up):
    made_up(right_ways)
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 0, result.output
    assert "Made-up" in result.output
    assert "left out" not in result.output


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize(
    "change",
    [
        lambda response: response[:, :, 1:],
        lambda response: response[:1],  # right for a single image
        lambda response: response * 1.01,
        lambda response: response * np.nan,
        lambda response: 1 / 0,
    ],
)
def test_library_that_fails_or_answers_otherwise_is_left_out_with_a_line(tmp_path, made_up, change):
    made_up(beside(change))
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 0, result.output
    assert result.output.count("Made-up is left out: ") == 1
    assert result.output.count("Made-up") == 1


@pytest.mark.usefixtures("few_images")
def test_library_that_fails_at_a_later_step_is_in_no_row(tmp_path, made_up):
    made_up(lambda step, workers: right_ways(step, workers) if step.subject == "photograph" else 1 / 0)
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 0, result.output
    assert result.output.count("Made-up") == 1
    assert "Made-up is left out: division by zero" in result.output


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize("problem", ["raise ImportError('no such symbol')", "raise RuntimeError", "1 / 0"])
def test_library_that_cannot_be_imported_is_left_out_with_a_line(tmp_path, made_up, monkeypatch, problem):
    (tmp_path / "made_up_and_broken.py").write_text(problem)
    monkeypatch.syspath_prepend(tmp_path)
    made_up(right_ways, "made_up_and_broken")
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 0, result.output
    reason = (
        {"r": "no such symbol", "1": "division by zero"}[problem[0]] if "Runtime" not in problem else "RuntimeError"
    )
    assert f"Made-up is left out: {reason}" in result.output.splitlines()


@pytest.mark.usefixtures("few_images")
def test_library_that_is_absent_is_not_mentioned(tmp_path, made_up):
    made_up(right_ways, "made_up_and_absent")
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 0, result.output
    assert "Made-up" not in result.output


def test_table_beside_all_libraries_fits_80_columns():
    """With all digits, and times as long as those of a library that waits for its threads."""
    steps = demo.demo_steps(demo.photograph(), *demo.load_images(None, None))
    comparison = Comparison(1.25e-07, 3.5e-06, 0, np.empty(0))
    response = np.broadcast_to(np.float32(0), (500, 26, 26, 4))
    times = {"SciPy": 20.0, **dict.fromkeys(peers.OTHERS, 2.0)}
    outcomes = [Outcome(step, response, "winograd", 1e-4, times, comparison) for step in steps]
    console = Console(width=80, file=io.StringIO())
    console.print(demo.outcome_table(outcomes, "v4", 128))
    text = console.file.getvalue()
    assert "…" not in text
    assert "OpenCV" in text
    assert "200000" in text


@pytest.mark.parametrize("name", peers.OTHERS)
def test_installed_library_answers_as_scipy_does(name):
    """Every way of it, for every step; `Peers.calls` holds the responses against SciPy's."""
    pytest.importorskip(peers.OTHERS[name][0])
    digits, tiles = datasets.load_digits_sample().images[:3], datasets.load_colour_sample().images[:3]
    others = peers.Peers(2)
    for step in demo.demo_steps(demo.photograph()[:50, :40], digits, tiles):
        images, kernels = step.planes(np.float64)
        expected = peers.scipy_response(images[0], kernels)
        n_ways = [called for called, _ in others.calls(step, expected)].count(name)
        assert n_ways == len(peers.OTHERS[name][1](step, 2)) > 0
    assert others.left_out == []


def test_calls_take_turns_and_each_has_its_share():
    order, clock = [], iter(range(10**6))

    def call(name):
        return lambda: order.append(name)

    with pytest.MonkeyPatch.context() as patch:  # every look at the clock is a second later
        patch.setattr(timing.time, "perf_counter", lambda: next(clock))
        assert timing.best_in_turns([call("a"), call("b")], 2 * timing.N_TURNS) == [1, 1]
    assert order == ["a", "a", "b", "b"] * timing.N_TURNS


def test_call_that_takes_long_runs_once_and_the_shortest_run_counts():
    runs, clock = [], iter([0, 9, 10, 13, 20, 22, 30, 31])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing.time, "perf_counter", lambda: next(clock))
        times = timing.best_in_turns([lambda: runs.append("slow"), lambda: runs.append("quick")], 6)
    assert times == [9, 1]
    assert runs == ["slow", "quick", "quick", "quick"]


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mnist", "absent"], "'absent' does not exist"),
        (["--cifar10", "absent"], "'absent' does not exist"),
        (["--mnist", "empty"], "empty"),
        (["--cifar10", "empty"], "empty"),
        (["--out", "absent/responses.npz"], "--out: the folder absent does not exist"),
        (["--mnist", "labels"], "--mnist: no images in labels"),
        (["--workers", "0"], "--workers"),
        (["--colour"], "No such option"),
    ],
)
def test_usage_errors_are_one_line_and_exit_with_2(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "labels"):
        Path(folder).mkdir()
    Path("labels/t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + b"\0\0\0\x01" + b"\x07")
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output.splitlines()[-1]
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "labels"}


def test_malformed_file_is_a_usage_error_that_names_it(tmp_path):
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.write_bytes(b"\0\0\x08\x03" + b"\xff" * 12)
    result = run("--mnist", tmp_path, "--out", tmp_path / "responses.npz")
    assert result.exit_code == 2
    assert path.name in result.output


@pytest.mark.parametrize("library", ["click", "rich"])
def test_missing_library_is_one_line_naming_the_extra(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["demo"])
    assert stopped.value.code == f'xcorr: the command needs {library}: pip install "xcorr[cli]"'


def test_importing_the_package_does_not_import_the_command(tmp_path):
    check = "import sys, xcorr; sys.exit(bool({'xcorr.cli', 'click', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], cwd=tmp_path, timeout=60, check=False).returncode == 0


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real sets are not beside this checkout")
def test_real_sets(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "TIMING_SECONDS", 1e-9)
    out = tmp_path / "responses.npz"
    result = run("--mnist", REAL_DATA, "--cifar10", REAL_DATA / "cifar-10-batches-bin", "--out", out)
    assert result.exit_code == 0, result.output
    with np.load(out) as responses:
        assert responses["batch_bank"].shape == (10_000, 26, 26, 4)
        assert responses["colour_batch_bank"].shape == (512, 28, 28, 2)

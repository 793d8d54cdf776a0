"""The command: what it prints, writes and returns, and that a wrong response cannot pass."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner, Result

from xcorr import cli, datasets
from xcorr._cli import demo

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
N_STEPS = 7


@pytest.fixture
def few_images(monkeypatch):
    """Six images of each sample, and one run per timing: the same work in a hundredth of the time."""
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
    assert "All 2,810,084 responses are within their bounds" in finished.stdout
    assert max(map(len, finished.stdout.splitlines())) <= 80
    with np.load(tmp_path / "responses.npz") as responses:
        shapes = {name: responses[name].shape for name in responses}
        dtypes = {responses[name].dtype for name in responses}
    assert shapes == {
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
    assert "colour batch, a bank: 1 of 9408 responses differ from SciPy by more than their bound" in result.output
    assert result.output.count("more than their bound") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("few_images")
def test_one_integer_response_off_by_one_fails(tmp_path, monkeypatch):
    off_by_one = with_response(np.argmax, lambda value: value + 1)
    perturbed(monkeypatch, off_by_one, lambda images, kernels: images.dtype == np.uint8)
    result = run("--out", tmp_path / "responses.npz")
    assert result.exit_code == 1
    assert "integer batch, a bank: 1 of 16224 responses" in result.output


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

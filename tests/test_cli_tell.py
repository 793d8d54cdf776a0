"""`xcorr info`, `explain` and `completion`: what they tell is so."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

import xcorr
from xcorr import _units as units
from xcorr import cli
from xcorr._cli import tell

DOCS = Path(__file__).resolve().parents[1] / "docs" / "command-line.md"


def run(*arguments, status=0):
    result = CliRunner().invoke(cli.build_command(), [str(word) for word in arguments], prog_name="xcorr")
    assert result.exit_code == status, result.output
    return result


def lines(*arguments):
    return dict(line.split(": ", 1) for line in run(*arguments).stdout.splitlines())


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(tell, "TIMED_SECONDS", 1e-9)


# --- info -------------------------------------------------------------------------------------------------------------


def test_info_tells_what_the_package_says_in_lines_and_as_json():
    facts, known = json.loads(run("info", "--json").stdout), xcorr.info()
    assert facts["version"] == known["version"]
    assert facts["level"] == known["level"]
    assert facts["levels that run here"] == list(known["levels"])
    assert facts["workers"] == known["workers"]
    assert facts["NumPy"] == np.__version__
    told = lines("info")
    assert [name.removesuffix(", bytes") for name in facts] == list(told)
    assert told["workspace of a call at most"] == "268 MB"
    assert facts["workspace of a call at most, bytes"] == known["workspace_limit"] == 2**28
    assert told["levels built"] == ", ".join(known["levels_built"])


def test_info_on_a_terminal_is_a_table(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    tell.print_facts({"level": "v3", "workers": 2}, "title")
    printed = capsys.readouterr().out
    assert "title" in printed
    assert "│" in printed or "┃" in printed


@pytest.mark.skipif(shutil.which("head") is None, reason="without head")
def test_a_reader_that_goes_away_is_no_traceback():
    script = f"{sys.executable} -m xcorr info; {sys.executable} -m xcorr completion bash"
    piped = f"({script}) | head -n 1; {sys.executable} -m xcorr --help | true"
    ended = subprocess.run(["sh", "-c", piped], capture_output=True, text=True, timeout=60)
    assert ended.stdout.count("\n") == 1
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="without /dev/full")
@pytest.mark.parametrize("arguments", [["info"], ["info", "--json"], ["completion", "zsh"]])
def test_an_output_that_is_full_is_one_line(arguments):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "xcorr", *arguments]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "No space left on device" in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_outputs_that_are_closed_are_no_error(closed):
    ended = subprocess.run(f'"{sys.executable}" -m xcorr info {closed}', shell=True, capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [["--version"], ["info", "--json"], ["completion", "fish"]])
def test_the_module_is_the_command(arguments):
    command = [sys.executable, "-W", "error", "-m", "xcorr", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == run(*arguments).stdout


def test_an_interrupt_is_one_line(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(tell, "facts", interrupt)
    assert run("info", status=130).output == "xcorr: interrupted\n"


def test_no_command_is_the_help():
    assert "Commands:" in run(status=2).output


def test_info_where_the_system_knows_no_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert lines("info")["CPUs by affinity"] == "no limit"


# --- explain ----------------------------------------------------------------------------------------------------------

CALLS = [
    ("8x56x56x64", "64x3x3x64", {}),
    ("2x60x60x3", "4x3x3x3", {"padding": "same", "stride": "2"}),
    ("256x256", "31x31", {}),
    ("3x64x64", "5x32x32", {"layout": "NHW"}),
    ("1x8x30x30", "8x1x3x3", {"layout": "NCHW", "groups": "8"}),
    ("60x60", "3x3", {"images-dtype": "uint8", "kernels-dtype": "int8"}),
    ("60x60", "3x3", {"method": "matmul", "precision": "strict"}),
    ("60x60", "31x31", {"images-dtype": "uint8", "kernels-dtype": "int8"}),
    ("0x28x28", "4x3x3", {"layout": "NHW"}),
    ("9x9", "3x3", {"images-dtype": "int64", "kernels-dtype": "int64"}),
]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("measure", [[], ["--measure"]])
@pytest.mark.parametrize(("images", "kernels", "options"), CALLS)
def test_explain_tells_what_correlate_does(images, kernels, options, measure):
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    told = json.loads(run("explain", "--images", images, "--kernels", kernels, *words, *measure, "--json").stdout)
    types = [options.get(f"{name}-dtype", "float32") for name in ("images", "kernels")]
    operands = [
        np.ones([int(size) for size in shape.split("x")], dtype) for shape, dtype in zip((images, kernels), types)
    ]
    keywords = {name: int(value) if value.isdigit() else value for name, value in options.items() if "-" not in name}
    response = xcorr.correlate(*operands, **keywords)
    assert told["response"] == f"{'x'.join(map(str, response.shape))} of {response.dtype}"
    assert told["response, bytes"] == response.nbytes
    if "images-dtype" not in options:
        shapes = [operand.shape for operand in operands]
        assert told["method"] == xcorr.choose_method(*shapes, **keywords)
    assert told["measured time, s" if measure else "predicted time, s"] >= 0
    assert told["workspace at most, bytes"] <= 2 * xcorr.info()["workspace_limit"]
    assert told["why"]


@pytest.mark.usefixtures("quick")
def test_explain_gives_the_reason_of_each_method():
    assert "36 multiplications" in lines("explain", "--images", "8x56x56x64", "--kernels", "64x3x3x64")["why"]
    assert "25 taps" in lines("explain", "--images", "99x99", "--kernels", "3x3")["why"]
    assert lines("explain", "--images", "99x99", "--kernels", "3x3", "--method", "fft")["why"].startswith("as asked; ")
    strict = lines("explain", "--images", "99x99", "--kernels", "33x33", "--precision", "strict")
    assert (strict["method"], strict["why"].split(":")[0]) == ("direct", "precision strict")
    told = lines("explain", "--images", "99x99", "--kernels", "33x33")
    cost, direct = (float(number) for number in re.findall(r"([\d.]+) million", told["why"]))
    assert (told["method"], direct) == ("fft", round(67 * 67 * 33 * 33 / 1e6, 2))
    assert cost < direct


def test_a_prediction_is_of_the_order_of_the_time():
    """Within a factor of 20, on a layer like that the rate is measured on: machines that test are busy."""
    arguments = ["explain", "--images", "4x58x58x64", "--kernels", "64x3x3x64", "--method", "direct", "--workers", "1"]
    predicted = json.loads(run(*arguments, "--json").stdout)["predicted time, s"]
    measured = json.loads(run(*arguments, "--measure", "--json").stdout)["measured time, s"]
    assert measured / 20 < predicted < measured * 20


def test_the_help_of_explain_shows_sizes_as_they_are_typed():
    told = run("explain", "--help").stdout
    assert "--images SIZES" in told
    assert "8x224x224x3" in told
    assert "8X224" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "9x9"], "Missing option '--kernels'"),
        (["--images", "9by9", "--kernels", "3x3"], "'--images': got '9by9'; allowed is SIZES such as 8x224x224x3"),
        (["--images", "3x3", "--kernels", "5x5"], "kernels: spatial size (5, 5) is larger"),
        (["--images", "3x9x9", "--kernels", "2x3x3"], "layout: images of shape (3, 9, 9)"),
        (["--images", "9x9", "--kernels", "3x3", "--images-dtype", "x"], "images-dtype: got 'x'; allowed are"),
        (["--images", "9x9", "--kernels", "3x3", "--dtype", "int8"], "dtype: got int8 for operands of float32"),
        (
            ["--images", "9x9", "--kernels", "3x3", "--method", "winograd", "--precision", "strict"],
            "method: 'winograd'",
        ),
        (["--images", "9x9", "--kernels", "99999999x3x3", "--layout", "NHW"], "kernels: "),
        (["--images", "9" * 40 + "x9", "--kernels", "3x3"], "at most"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, message):
    result = run("explain", *arguments, status=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


# --- units ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "number", "expected"),
    [
        (units.time_word, 0.0058, "5.8 ms"),
        (units.time_word, 0.00099, "990 µs"),
        (units.time_word, 0.00099999, "1 ms"),
        (units.time_word, 3e-10, "0.3 ns"),
        (units.time_word, 59.9, "1 min"),
        (units.time_word, 12.3, "12 s"),
        (units.time_word, 5400, "1.5 h"),
        (units.time_word, 0, "0 s"),
        (units.size_word, 36_000_000, "36 MB"),
        (units.size_word, 2**28, "268 MB"),
        (units.size_word, 999, "999 bytes"),
        (units.size_word, 999_999, "1 MB"),
        (units.size_word, 0, "0 bytes"),
        (units.size_word, 5 * 10**18, "5,000 PB"),
        (units.count_word, 924_844_032, "925 million"),
        (units.count_word, 5.31e10, "53.1 billion"),
        (units.count_word, 65_536, "65,536"),
        (units.count_word, 0, "0"),
    ],
)
def test_numbers_are_in_units_as_people_read_them(word, number, expected):
    assert word(number) == expected


def test_explain_tells_times_and_sizes_in_units_and_json_in_numbers(quick):
    arguments = ["explain", "--images", "8x56x56x64", "--kernels", "64x3x3x64"]
    told, facts = lines(*arguments), json.loads(run(*arguments, "--json").stdout)
    assert told["response"] == "8x54x54x64 of float32, 5.97 MB"
    assert facts["response, bytes"] == 8 * 54 * 54 * 64 * 4
    assert told["multiply-adds"] == "860 million"
    assert re.fullmatch(r"[\d.]+ (s|ms|µs)", told["predicted time"])
    assert not [name for name in told if name.endswith((", s", ", bytes"))]


# --- completion -------------------------------------------------------------------------------------------------------

COMPLETED = {  # what was typed, and what has to be among the answers
    "xcorr ": {"apply", "completion", "demo", "explain", "info"},
    "xcorr ex": {"explain"},
    "xcorr apply --pad": {"--padding"},
    "xcorr apply --format ": {"npy", "tif", "sheet", "stack", "zarr"},
    "xcorr apply --bank so": {"sobel"},
}


@pytest.fixture
def on_path(tmp_path):
    """An environment in which `xcorr` is the command, and `python3` this interpreter."""
    folder = tmp_path / ".bin"
    folder.mkdir()
    for name, arguments in (("xcorr", "-m xcorr"), ("python3", "")):
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def shell(name, script, environment):
    if shutil.which(name) is None:
        pytest.skip(f"without {name}")
    if (
        name == "bash"
        and "readline" in subprocess.run(["bash", "-c", "complete"], capture_output=True, text=True).stderr
    ):
        pytest.skip("a bash without completion")
    ended = subprocess.run([name, "-c", script], capture_output=True, text=True, timeout=60, env=environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_bash_completes(on_path):
    begin = """
eval "$(xcorr completion bash)"
function=$(complete -p xcorr | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"""
    ask = """
COMP_WORDS=({}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMPREPLY=()
$function xcorr
echo "${{COMPREPLY[@]}}"
"""
    words = [typed + '""' if typed.endswith(" ") else typed for typed in COMPLETED]
    answers = shell("bash", begin + "".join(ask.format(word) for word in words), on_path).splitlines()
    assert len(answers) == len(COMPLETED)
    for answer, among in zip(answers, COMPLETED.values()):
        assert among <= set(answer.split())


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_other_shells_read_their_scripts(on_path, name):
    source = {"zsh": 'autoload -U compinit; compinit -u; eval "$(xcorr completion zsh)"; echo $_comps[xcorr]'}
    script = source.get(name, "xcorr completion fish | source; complete -C 'xcorr ex'")
    assert ("xcorr_completion" if name == "zsh" else "explain") in shell(name, script, on_path)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_scripts_are_those_of_the_command(name):
    printed = run("completion", name).stdout
    assert "_XCORR_COMPLETE" in printed
    assert f"{name}_complete" in printed
    assert "'tcsh' is not one of" in run("completion", "tcsh", status=2).stderr


# --- docs -------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not DOCS.is_file(), reason="the docs are not beside the tests")
@pytest.mark.skipif(shutil.which("sh") is None, reason="without sh")
def test_examples_of_the_docs_run(on_path, tmp_path):
    for library in ("PIL", "tifffile", "natsort"):
        pytest.importorskip(library)
    if importlib.util.find_spec("zarr") is None:
        pytest.skip("without zarr")
    blocks = re.findall(r"```console\n(.*?)```", DOCS.read_text(), re.DOTALL)
    typed = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    assert len(typed) > 8
    script = "set -e\n" + "\n".join(typed)
    ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=120, env=on_path, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    printed = [line for block in blocks for line in block.splitlines() if line and not line.startswith("$ ")]
    for line in printed:
        pattern = re.sub(r"\d+\\\.\d+", r"[\\d.e-]+", re.escape(line)).replace(r"\.\.\.", ".*")
        pattern = re.sub(r"\d+\\ ms", r"[\\d.]+ (s|ms|µs)", pattern)
        assert re.search(f"^{pattern}$", ended.stdout, re.MULTILINE), line

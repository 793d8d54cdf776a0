"""The type hints of the installed package, as users' type checkers see them."""

import runpy
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import xcorr

SAMPLE = Path(__file__).parent / "support" / "typing_sample.py"


def test_a_type_checker_knows_right_calls_from_wrong_ones(tmp_path):
    pytest.importorskip("mypy")
    if np.__version__.startswith("1."):
        pytest.skip("NumPy's own hints are wider before its second version")
    if Path(xcorr.__file__).parents[1] != Path(sysconfig.get_path("platlib")):
        pytest.skip("a type checker looks at installed packages, and xcorr is not one")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", SAMPLE]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout + checked.stderr


def test_the_calls_that_type_checkers_accept_run():
    pytest.importorskip("typing_extensions")
    runpy.run_path(str(SAMPLE))

"""What `import xcorr` brings along: not what only some calls need, and no library but NumPy."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts import run_script

import xcorr

NEW = """
import sys
import numpy

before = set(sys.modules)
import xcorr
print(*set(sys.modules) - before)
"""
"""The modules that are imported beside those that NumPy needs itself."""

SLOW = {"asyncio", "concurrent", "csv", "dataclasses", "decimal", "email", "gzip", "importlib.metadata",
        "importlib.resources", "inspect", "lzma", "multiprocessing", "platform", "random", "shutil", "socket",
        "subprocess", "tarfile", "tempfile", "unittest", "zipfile"}  # fmt: skip
"""Of the standard library, what takes a noticeable part of the time that `import xcorr` may take."""


def imported():
    """The names of these modules, and of the packages that they are in."""
    parts = [name.split(".") for name in run_script(NEW).split()]
    return {".".join(name[: n + 1]) for name in parts for n in range(len(name))}


def test_no_other_library_is_imported():
    foreign = {name for name in imported() if "." not in name} - sys.stdlib_module_names - {"numpy", "xcorr"}
    assert not [name for name in foreign if not name.startswith(("_cython_", "cython_runtime"))]


def test_nothing_slow_is_imported_that_only_some_calls_need():
    assert not imported() & SLOW


def test_calls_import_nothing_more():
    text = """
images, kernels, out = numpy.ones((6, 6), "f4"), [[1.0, 2.0]], numpy.empty((6, 5))
before = set(sys.modules)
xcorr.correlate(images, kernels, out=out)
xcorr.correlate(images, kernels, method="fft", workers=2)
xcorr.Correlator(kernels)(images)
print(*set(sys.modules) - before)
"""
    assert run_script(NEW + text).splitlines()[1:] == [""]


def test_the_command_line_the_demo_and_the_figures_are_not_imported():
    assert not imported() & {"xcorr.cli", "xcorr._cli.demo", "xcorr._figures", "xcorr._reference", "xcorr.plot"}


def test_plot_is_there_when_it_is_asked_for():
    assert run_script("import xcorr; print(xcorr.plot.bank.__name__)") == "bank\n"
    assert run_script("from xcorr import *; print(plot.bank.__name__)") == "bank\n"
    assert not hasattr(xcorr, "plots")


def test_version_is_there_when_it_is_asked_for():
    code = "import sys, xcorr; known = 'importlib.metadata' in sys.modules; print(known, xcorr.__version__)"
    known, version = run_script(code).split()
    assert known == "False"
    assert version == xcorr.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*|unknown", version)


def test_help_begins_with_what_a_user_does():
    text = run_script("import xcorr; help(xcorr)")
    head, _, rest = text.partition("PACKAGE CONTENTS")
    assert head.count(">>> ") == 5
    for name in xcorr.__all__:
        assert name == "DataFormatError" or re.search(rf"`{name}`", head), name
    assert "_engine" not in head
    assert f"VERSION\n    {xcorr.__version__}" in rest


def test_sources_that_are_not_compiled_say_so(tmp_path):
    uncompiled = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(Path(xcorr.__file__).parent, tmp_path / "xcorr", ignore=uncompiled)
    ended = subprocess.run(
        [sys.executable, "-c", "import xcorr"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(
        f"ImportError: xcorr: in {tmp_path / 'xcorr'} are sources that are not"
    )

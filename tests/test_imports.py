"""What `import xcorr` brings along: not what only some calls need, and no library but NumPy."""

import sys

from scripts import run_script

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


def test_the_command_line_and_the_demo_are_not_imported():
    assert not imported() & {"xcorr.cli", "xcorr._cli.demo", "xcorr._reference"}

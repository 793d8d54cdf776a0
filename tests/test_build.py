"""What setup.py decides: the levels, what is compiled again, and which Pythons may build at all."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from xcorr import _cpu

setuptools = pytest.importorskip("setuptools", "77")
ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="setup.py is not beside the tests")


@pytest.fixture
def run_setup(monkeypatch):
    """Runs setup.py but for its call of `setup`, and gives what it defines."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **keywords: None)

    def run_setup(*arguments):
        monkeypatch.setattr(sys, "argv", ["setup.py", *arguments])
        return runpy.run_path("setup.py")

    return run_setup


@pytest.fixture
def built(run_setup):
    return run_setup("build_ext")


def names(paths):
    return {path.name for path in paths}


def test_every_module_of_cython_is_built(built):
    levels = [f"_level_{level}" for level in _cpu.LEVELS]
    assert {path.stem for path in Path("pyx").rglob("*.pyx")} == {*built["MODULES"], *built["PARTS"], *levels}
    assert tuple(built["LEVELS"]) == (_cpu.LEVELS if built["X86_64"] else _cpu.LEVELS[:1])


def test_every_folder_of_the_package_is_installed():
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^packages = \[(.*)\]$", settings, re.MULTILINE)
    folders = {path.parent for path in (ROOT / "xcorr").rglob("*") if path.suffix != ".pyc" and path.is_file()}
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(re.findall(r"[\w.]+", listed)) == found


def test_what_a_module_includes_and_takes_belongs_to_it(built):
    read = names(built["read_by"](Path("pyx/level/part_transforms.pyx")))
    assert {"part_transforms.pyx", "fft.pxi", "winograd.pxi", "vectors.pxd", "microkernels.pxd", "simd.pxd"} <= read
    assert "staging.pxi" not in read
    modules = [names(built["read_by"](path)) for path in Path("pyx").rglob("*.pyx")]
    assert set().union(*modules) == {path.name for path in Path("pyx").rglob("*.p*")}


@pytest.fixture
def places(built, monkeypatch, tmp_path):
    """Has setup.py read and write beside each other in a folder of the test's own."""
    variables = built["translate"].__globals__
    (tmp_path / "level").mkdir()
    (tmp_path / "build").mkdir()
    monkeypatch.setitem(variables, "DECLARED", (tmp_path / "level",))
    monkeypatch.setitem(variables, "TRANSLATED", tmp_path / "build")
    monkeypatch.setitem(variables, "PLACES", {"part_staging": tmp_path / "level" / "part_staging.pyx"})
    return tmp_path


@pytest.fixture
def build(built, places):
    """A build that knows its compiler."""
    build = built["BuildCore"](setuptools.Distribution())
    build.build_temp, build.compiler = str(places / "build"), SimpleNamespace(obj_extension=".o")
    build.compiler_itself, build.known, build.level_flags = "gcc 12", ["-O3"], {"base": ["-msse2"]}
    build.vnni_flags = {"v4": ["-mavx512vnni"]}
    return build


def test_a_unit_is_compiled_again_where_anything_is_other_that_it_is_made_of(built, build, places):
    text, header = places / "build" / "part_staging.c", places / "level" / "simd.h"
    text.write_text("int one;")
    header.write_text("/* one */")
    units = {unit.name: unit for unit in build.units_of(built["LEVEL_EXTENSIONS"]["xcorr._level_base"])}
    unit, is_made = units["part_staging"], built["is_made"]
    assert "-msse2" in unit.flags

    (places / "made").write_text("object")
    built["put"](places / "made", unit.object, build.digest_of(unit))
    os.utime(text, (0, 0))
    assert is_made(unit.object, build.digest_of(unit))
    for other in (
        unit._replace(flags=[*unit.flags, "-g"]),
        unit._replace(flags=unit.flags[1:]),
        unit._replace(macros=unit.macros[1:]),
        unit._replace(macros=[*unit.macros, ("XCORR_VECTOR_BYTES", "64")]),
    ):
        assert not is_made(unit.object, build.digest_of(other))
    for path in (text, header):
        before = path.read_text()
        path.write_text(before.replace("one", "two"))
        assert not is_made(unit.object, build.digest_of(unit))
        path.write_text(before)
    build.compiler_itself = "gcc 13"
    assert not is_made(unit.object, build.digest_of(unit))
    build.compiler_itself = "gcc 12"
    assert is_made(unit.object, build.digest_of(unit))
    unit.object.unlink()
    assert not is_made(unit.object, build.digest_of(unit))


def test_one_part_alone_is_compiled_for_products_of_bytes(built, build):
    build.level_flags = {"v3": ["-mavx2"], "v4": ["-mavx512f"]}
    for level in built["LEVELS"].keys() - {"base"}:
        units = build.units_of(built["LEVEL_EXTENSIONS"][f"xcorr._level_{level}"])
        with_flag = {unit.name for unit in units if "-mavx512vnni" in unit.flags}
        assert with_flag == ({"part_bytes_vnni"} if level == "v4" else set())


def test_a_module_is_translated_again_where_anything_is_other_that_cython_reads(built, places, monkeypatch):
    variables, commands = built["translate"].__globals__, []

    def run(command, what):
        commands.append(command)
        Path(command[-1]).write_text("C")

    monkeypatch.setitem(variables, "run", run)
    texts = {"part_staging.pyx": 'include "staging.pxi"\ncimport simd\n', "staging.pxi": "one", "simd.pxd": "one"}
    for name, text in texts.items():
        (places / "level" / name).write_text(text)

    def is_translated_again():
        before = len(commands)
        built["translate"]("part_staging")
        return len(commands) > before

    assert is_translated_again()
    assert not is_translated_again()
    for name in texts:
        path = places / "level" / name
        path.write_text(path.read_text() + "\n# two")
        assert is_translated_again(), name
        assert not is_translated_again(), name
    monkeypatch.setitem(variables, "DIRECTIVES", {**variables["DIRECTIVES"], "boundscheck": True})
    assert is_translated_again()
    monkeypatch.setattr("Cython.__version__", "0")
    assert is_translated_again()
    (places / "level" / "fft.pxi").write_text("nobody reads it")
    assert not is_translated_again()
    (places / "numpy").mkdir()
    (places / "numpy" / "__init__.pxd").write_text("one")
    monkeypatch.setattr("numpy.__file__", str(places / "numpy" / "__init__.py"))
    assert not is_translated_again(), "nobody takes it"
    with (places / "level" / "part_staging.pyx").open("a") as file:
        file.write("\ncimport numpy as cnp\n")
    assert is_translated_again()
    (places / "numpy" / "__init__.pxd").write_text("two")
    assert is_translated_again()
    assert not is_translated_again()


@pytest.mark.parametrize(("variable", "folder"), [(None, "build/cython"), ("", "build/cython"), ("/kept", "/kept")])
def test_translations_lie_where_they_are_to_be_kept_and_those_with_checks_beside(
    run_setup, variable, folder, monkeypatch
):
    monkeypatch.delenv("XCORR_TRANSLATED", raising=False)
    if variable is not None:
        monkeypatch.setenv("XCORR_TRANSLATED", variable)
    monkeypatch.setenv("XCORR_DEBUG", "0")
    assert run_setup("build_ext")["TRANSLATED"] == Path(folder)
    monkeypatch.setenv("XCORR_DEBUG", "1")
    assert run_setup("build_ext")["TRANSLATED"] == Path(folder, "debug")


def test_another_spelling_of_the_folder_is_no_reason_to_translate_again(built, places, monkeypatch):
    variables, commands = built["translate"].__globals__, []

    def run(command, what):
        commands.append(command)
        Path(command[-1]).write_text("C")

    monkeypatch.setitem(variables, "run", run)
    (places / "level" / "part_staging.pyx").write_text("one")
    built["translate"]("part_staging")
    monkeypatch.setitem(variables, "TRANSLATED", places / "level" / ".." / "build")
    built["translate"]("part_staging")
    assert len(commands) == 1


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no compiler")
@pytest.mark.parametrize(("lanes", "compiles"), [(3, True), (7, False)])
def test_a_shift_that_the_level_does_not_know_does_not_compile(built, lanes, compiles, tmp_path):
    (tmp_path / "shift.c").write_text(
        '#include "simd.h"\n'
        "#if XCORR_VECTOR_BYTES == 64\n"
        f"xcorr_f32v shift(xcorr_f32v low, xcorr_f32v high) {{ return xcorr_f32v_shifted(low, high, {lanes}); }}\n"
        "#endif\n"
    )
    flags = built["LEVELS"].get("v4", [[]])[0]
    command = ["gcc", "-O3", *flags, "-Ipyx/level", "-c", str(tmp_path / "shift.c"), "-o", str(tmp_path / "shift.o")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode == 0) == (compiles or not built["X86_64"])
    assert compiles or not built["X86_64"] or "no case for this number of lanes" in done.stderr


def wanted_levels(built, known=("base", "v3", "v4"), runnable=("base", "v3")):
    """What a build makes of three levels, whatever levels there are."""
    built["BuildCore"].wanted_levels.__globals__["LEVELS"] = {level: [[]] for level in ("base", "v3", "v4")}
    build = built["BuildCore"](setuptools.Distribution())
    build.level_flags = {level: [] if level in known else None for level in ("base", "v3", "v4")}
    build.runnable_levels = lambda: tuple(level for level in runnable if level in known)
    return build.wanted_levels()


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("", ["base", "v3"]),
        ("all", ["base", "v3", "v4"]),
        ("runnable", ["base", "v3"]),
        ("v4", ["base", "v4"]),
        ("base", ["base"]),
    ],
)
def test_the_levels_that_are_asked_for_are_built_and_base(built, asked, wanted, monkeypatch):
    monkeypatch.setenv("XCORR_LEVELS", asked)
    assert wanted_levels(built) == wanted
    assert wanted_levels(built, runnable=("base",))[:1] == ["base"]


def test_a_level_that_the_compiler_does_not_know_is_a_line(built, monkeypatch, capsys):
    monkeypatch.setenv("XCORR_LEVELS", "")
    assert wanted_levels(built, known=("base", "v3"), runnable=("base", "v3", "v4")) == ["base", "v3"]
    assert capsys.readouterr().out == "xcorr: this compiler cannot build level v4: it is left out\n"


def test_an_unknown_level_is_refused_with_what_is_allowed(built, monkeypatch):
    monkeypatch.setenv("XCORR_LEVELS", "v3,v9")
    with pytest.raises(Exception, match="XCORR_LEVELS: got 'v3,v9'; allowed are 'all', 'runnable' and names of base"):
        wanted_levels(built)


def test_an_old_python_is_refused_in_a_line(run_setup, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
        with pytest.raises(SystemExit) as refused:
            run_setup("build_ext")
        assert run_setup("dist_info")["MODULES"], "pip asks for the metadata, and says so itself"
    assert str(refused.value).startswith("xcorr: Python 3.10 or newer is wanted; this is ")
    assert "\n" not in str(refused.value)

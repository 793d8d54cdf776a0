"""What setup.py decides: the levels, what is compiled again, and which Pythons may build at all."""

import os
import runpy
import sys
from pathlib import Path

import pytest

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
    levels = [f"_level_{level}" for level in ("base", "v3", "v4")]
    assert {path.stem for path in Path("pyx").rglob("*.pyx")} == {*built["MODULES"], *built["PARTS"], *levels}


def test_what_a_module_includes_and_takes_belongs_to_it(built):
    read = names(built["read_by"](Path("pyx/level/part_transforms.pyx")))
    assert {"part_transforms.pyx", "fft.pxi", "winograd.pxi", "vectors.pxi", "microkernels.pxd", "simd.pxd"} <= read
    assert "staging.pxi" not in read
    modules = [names(built["read_by"](path)) for path in Path("pyx").rglob("*.pyx")]
    assert set().union(*modules) == {path.name for path in Path("pyx").rglob("*.p*")}


def test_only_other_contents_or_flags_are_compiled_again(built, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    digest_of, is_made = built["digest_of"], built["is_made"]
    source.write_text("one")
    before = digest_of(["-O3"], source)
    assert not is_made(target, before)
    made = tmp_path / "made"
    made.write_text("object")
    built["put"](made, target, before)
    os.utime(source, (0, 0))
    assert is_made(target, digest_of(["-O3"], source))
    assert not is_made(target, digest_of(["-O1"], source))
    source.write_text("two")
    assert not is_made(target, digest_of(["-O3"], source))
    target.unlink()
    assert not is_made(target, before)


def wanted_levels(built, known=("base", "v3", "v4"), runnable=("base", "v3")):
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
    if not built["X86_64"]:
        pytest.skip("other processors have one level")
    monkeypatch.setenv("XCORR_LEVELS", asked)
    assert wanted_levels(built) == wanted
    assert wanted_levels(built, runnable=("base",))[:1] == ["base"]


def test_a_level_that_the_compiler_does_not_know_is_a_line(built, monkeypatch, capsys):
    if not built["X86_64"]:
        pytest.skip("other processors have one level")
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

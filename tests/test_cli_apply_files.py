"""`xcorr apply`: which files it reads, and what becomes of those that fail."""

import errno
import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from applying import BANK, STACKS, apply, command, names, run, tree
from checks import SEED
from marks import linux

from xcorr._cli import files_run
from xcorr._cli.folder import Folder

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 24])


# --- which files ------------------------------------------------------------------------------------------------------


def test_folders_are_read_with_their_folders_but_links_hidden_names_and_results(photos):
    shutil.copytree("photos", "photos/.hidden")
    Path("photos/link").symlink_to("more")
    Path("photos/again.png").symlink_to("more/grey.png")
    Path("photos/.secret.png").write_bytes(b"hidden")
    apply("photos", out="photos/out")
    expected = sorted(f"{name}.npy" for name in (*photos, "again.png"))
    assert names("photos/out") == expected
    apply("photos", out="photos/out")
    assert names("photos/out") == expected


def test_patterns_are_expanded(photos):
    apply("photos/*.png", "photos/**/gr*.png")
    assert names() == ["colours.png.npy", "grey.png.npy"]
    shutil.copy("photos/colours.png", "photos/[x].png")
    apply("photos/[x].png", out="literal")
    assert names("literal") == ["[x].png.npy"]
    apply("*o*")  # matches the folder of the results, too
    assert "[x].png.npy" in names()
    assert not any(name.endswith(".npy.npy") and "floats" not in name for name in names())


def test_a_file_given_twice_is_one(photos):
    apply("photos/colours.png", "photos", "./photos/colours.png")
    assert names() == sorted(f"{name}.npy" for name in photos)


def test_two_files_of_one_name_are_refused_before_any_work(photos):
    shutil.copy("photos/colours.png", "photos/more/colours.png")
    result = apply("photos/colours.png", "photos/more/colours.png", status=2)
    assert "'photos/colours.png' and 'photos/more/colours.png'" in result.output
    assert not Path("out").exists()
    apply("photos")
    assert "more/colours.png.npy" in names()


def test_results_that_would_get_in_each_others_way_are_refused_before_any_work(photos):
    Path("photos/colours.png.npy").mkdir()
    shutil.copy("photos/colours.png", "photos/colours.png.npy/inner.png")
    told = apply("photos", status=2).stderr
    assert "the result of 'colours.png' has the name of the folder for 'colours.png.npy/inner.png'" in told
    assert not names()
    Path("out/colours.png.npy").mkdir(parents=True)
    for overwrite in ([], ["--overwrite"]):
        told = apply("photos/colours.png", *overwrite, status=2).stderr
        assert "out/colours.png.npy is a folder; it cannot be the result of 'colours.png'" in told


def test_names_that_are_one_for_the_disk_are_refused(photos, monkeypatch):
    shutil.copy("photos/colours.png", "photos/COLOURS.png")
    apply("photos", out="two")
    monkeypatch.setattr(files_run, "is_caseless", lambda folder: True)
    told = apply("photos", status=2).stderr
    assert "'COLOURS.png' and 'colours.png' are one name for this disk" in told
    assert not names()


def test_whether_a_disk_tells_small_letters_from_capital_ones(tmp_path):
    (tmp_path / "lock").touch()
    with Folder.named(tmp_path) as folder:
        assert files_run.is_caseless(folder) == (tmp_path / "LocK").exists()
        (tmp_path / "LOCK").touch()
        assert files_run.is_caseless(folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.png"], "IMAGES: got 'absent.png'; there is no such file or folder"),
        (["*.absent"], "IMAGES: got '*.absent'; no file matches it"),
        (["empty"], "IMAGES: got 'empty'; no image is in it"),
        (["out"], "IMAGES: got 'out', which lies in the folder of the results"),
        (["a.npy", "--padding", "1,x"], "'--padding': got '1,x'; allowed is valid or same or full or N or R,C"),
        (["a.npy", "--padding", "1,2,3"], "got '1,2,3'"),
        (["a.npy", "--padding", "-1"], "got '-1'"),
        (["a.npy", "--stride", "0"], "'--stride': got '0'; allowed is N or R,C with integers >= 1"),
        (["a.npy", "--stride", "9" * 30], "stride"),
        (["a.npy", "--stride", "9" * 5000], "'--stride': got '999"),
        (["a.npy", "--fill-value", "x"], "'--fill-value': got 'x'; allowed is a number"),
        (["a.npy", "--dtype", "bool"], "'--dtype': got bool; allowed are"),
        (["a.npy", "--dtype", "nonsense"], "'--dtype': got 'nonsense'; allowed are"),
        (["a.npy", "--boundary", "mirror"], "'--boundary': 'mirror' is not one of"),
        (["a.npy", "--workers", "0"], "'--workers'"),
        (["a.npy", "--format", "stack"], "--out: got 'out'; allowed with --format stack is a name that ends in .npy"),
        (["a.npy", "--format", "zarr"], "--out: got 'out'; allowed with --format zarr is a name that ends in .zarr"),
        (["a.npy", "--out", "a.npy"], "--out: got 'a.npy'; allowed with --format npy is a folder"),
        (["a.npy", "--out", "b.npy"], "--out: got 'b.npy'; allowed with --format npy is a folder"),
        (
            ["a.npy", "--bank", "absent"],
            "--bank: got 'absent'; allowed are sobel, laplacian, gabor, leung-malik, schmid",
        ),
        (["a.npy", "--bank", "two.npz"], "2 arrays in it; allowed is FILE.npz:NAME with NAME one of 'x', 'y'"),
        (["a.npy", "--bank", "two.npz:z"], "no array 'z' in it"),
        (["a.npy", "--bank", "objects.npy"], "objects, which would have to be unpickled"),
        (["a.npy", "--bank", "five.npy"], "an array of shape (1, 1, 1, 1, 1); allowed are"),
        (["a.npy", "--bank", "words.npy"], "--bank: got 'words.npy'; bank: got dtype <U1; allowed are bool"),
        (["a.npy", "--bank", "text.npy"], "it cannot be read"),
        (["a.npy", "--bank", "odd.npz:x"], "a single array, without the name 'x'"),
        (["a.npy", "--bank", "members.npz:x.txt"], "'x.txt' in it is no array"),
        (["a.npy", "--out", "folder.npy", "--format", "stack"], "'folder.npy' is a folder"),
        (["a.npy", "--bank", "zip.npz"], "it cannot be read"),
        (["a.npy", "--bank", "locked.npz:x"], "it cannot be read as a bank: File 'x.npy' is encrypted"),
        (["a.npy", "--bank", "damaged.npz"], "it cannot be read"),
        (["a.npy", "--bank", "n" * 300], "allowed are sobel"),
        (
            ["a.npy", "--bank", "two.npz:y", "--channels", "sum"],
            "--channels: got 'sum'; the bank of shape (1, 1, 1, 1)",
        ),
        (["a.npy", "--colour"], "No such option"),
    ],
)
def test_usage_errors_are_one_line_and_nothing_is_begun(arguments, message):
    for folder in ("empty", "out", "folder.npy"):
        Path(folder).mkdir()
    np.save("a.npy", np.ones((5, 5)))
    np.savez("two.npz", x=np.ones((1, 1)), y=np.ones((1, 1, 1, 1)))
    np.save("objects.npy", np.array([print], dtype=object))
    np.save("five.npy", np.ones((1, 1, 1, 1, 1)))
    np.save("words.npy", np.array([["a"]]))
    Path("text.npy").write_text("text")
    with open("odd.npz", "wb") as file:
        np.save(file, BANK)
    with zipfile.ZipFile("members.npz", "w") as archive:
        archive.writestr("x.txt", "text")
    Path("zip.npz").write_bytes(b"PK\3\4" + bytes(50))
    body = bytearray(Path("two.npz").read_bytes())
    for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        body[body.index(start) + flags] |= 1
    Path("locked.npz").write_bytes(body)
    np.savez_compressed("damaged.npz", x=np.random.default_rng(0).random((9, 9)))
    body = bytearray(Path("damaged.npz").read_bytes())
    body[100] ^= 255
    Path("damaged.npz").write_bytes(body)
    before = tree(".")
    result = run("--bank", "bank.npy", "--out", "out", *arguments, status=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert tree(".") == before


def test_a_bank_that_would_be_unpickled_is_not_executed(rng):
    class Marker:
        def __reduce__(self):
            return os.mkdir, ("marker",)

    np.save("image.npy", rng.random((9, 9)))
    np.savez("bank.npz", bank=np.array([Marker()], dtype=object))
    apply("image.npy", bank="bank.npz", status=2)
    assert not Path("marker").exists()


# --- files that fail --------------------------------------------------------------------------------------------------


def test_bad_files_are_told_and_skipped_or_stop_the_job(photos):
    Path("photos/b.png").write_bytes(Path("photos/colours.png").read_bytes()[:100])
    Path("photos/c.png").write_bytes(b"")
    np.save("photos/small.npy", np.ones((2, 2)))
    result = apply("photos", status=1)
    told = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in told] == [["xcorr", name] for name in ("b.png", "c.png", "small.npy")]
    assert "byte 100: the PNG ends early" in told[0]
    assert "it is empty" in told[1]
    assert "kernels: spatial size (3, 4) is larger than the padded image (2, 2)" in told[2]
    assert names() == sorted(f"{name}.npy" for name in photos)
    result = apply("photos", "--on-error", "stop", out="stopped", status=1)
    assert result.stderr.splitlines()[-1].startswith("Error: stopped at the first file that failed")
    assert names("stopped") == []


@pytest.mark.parametrize("name", ["new\nline.png", "\x1b[31mred.png", "ünïcödé 日本.png", os.fsdecode(b"\xff\xfe.png")])
def test_names_of_all_kinds_are_taken_and_told_on_one_line(photos, name):
    try:
        shutil.copy("photos/colours.png", Path("photos/more") / name)
        Path("photos/more", "bad" + name).write_bytes(b"")
    except OSError:
        pytest.skip("no such name is allowed here")
    result = apply("photos/more", status=1)
    assert f"{name}.npy" in {path.name for path in Path("out").iterdir()}
    assert result.stderr.count("\n") == 1
    assert result.stdout.count("\n") == 3
    assert "\x1b" not in result.output
    assert "2 done before" in apply("photos/more", status=1).output


@linux
def test_names_that_the_output_cannot_show_are_no_error():
    shutil.copy("bank.npy", "ü.npy")
    arguments = ["ü.npy", "--bank", "sobel", "--out", "out", "--layout", "NHW"]
    with command(*arguments, env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}) as process:
        printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "\\xfc.npy" in printed


def test_a_name_too_long_for_its_result_fails_by_itself(photos):
    shutil.copy("photos/colours.png", "photos/" + "a" * 251 + ".png")
    result = apply("photos", status=1)
    assert "name too long" in result.stderr
    assert len(names()) == len(photos)


def test_unreadable_files_fail_by_themselves(photos, monkeypatch):
    genuine = os.open

    def refuse(path, *arguments, **keywords):  # as for everybody but root
        if Path(os.fsdecode(path)).name == "colours.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return genuine(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", refuse)
    assert "colours.png: Permission denied" in apply("photos", status=1).stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="without pipes that have names")
def test_pipes_and_loops_of_links_fail_by_themselves(photos):
    os.mkfifo("photos/pipe.png")
    Path("photos/loop.png").symlink_to("loop.png")
    result = apply("photos", status=1)
    assert "pipe.png: not a regular file" in result.stderr
    assert "loop.png: Too many levels of symbolic links" in result.stderr


@linux
@pytest.mark.parametrize(("form", "out"), [*((form, "out") for form in ("npy", "png", "tif", "sheet")), STACKS[0]])
def test_a_full_disk_ends_the_job_and_leaves_no_part(photos, form, out):
    apply("photos/more", "--format", form, out=out)
    before = tree(".")
    np.save("photos/more/large.npy", np.random.default_rng(0).random((400, 300)))
    resource = pytest.importorskip("resource")
    limit = (50_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    arguments = ["photos/more/large.npy", "--bank", "bank.npy", "--format", form, "--out", out, "--overwrite"]
    # a tool that measures coverage could not write its own file
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    words = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit), "env": environment}
    with command(*arguments, **words) as process:
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert errors == f"Error: cannot write {out}: File too large\n"
    after = {name: body for name, body in tree(".").items() if name != "photos/more/large.npy"}
    hidden = {name for name in after if ".xcorr" in name}
    assert {name: after[name] for name in after if name not in hidden} == {
        name: before[name] for name in before if ".xcorr" not in name
    }
    assert not {name for name in hidden if Path(name).name.startswith("part")} or form == "stack"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="without /dev/full")
def test_an_output_that_is_full_is_not_taken_for_a_full_disk(photos):
    arguments = ["photos", "--bank", "bank.npy", "--out", "out"]
    with open("/dev/full", "w") as full, command(*arguments, stdout=full) as process:
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert errors == "Error: cannot write to standard output: No space left on device\n"
    apply("photos")


@pytest.mark.parametrize("library", ["PIL", "tifffile", "zarr", "natsort"])
def test_a_missing_library_is_one_line_naming_the_extra(photos, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "xcorr._cli.tiff", raising=False)
    arguments = {"PIL": ["photos/colours.png"], "tifffile": ["photos/pages.tif"]}.get(library, ["photos/more"])
    form = ["--format", "zarr"] if library == "zarr" else []
    result = apply(*arguments, *form, out="all.zarr" if form else "out", status=1)
    extra = "zarr" if library == "zarr" else "cli"
    assert f'needs {library}: pip install "xcorr[{extra}]"' in result.stderr
    assert result.stderr.count("\n") == 1

"""The command's own files: no link is followed, nothing but a plain file or folder is opened, nothing waits."""

import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import swapped
from applying import BANK, STACKS, apply, names, read_stack, same_size, tree
from checks import SEED
from marks import linux

import xcorr
from xcorr._cli import files, zarr_rows
from xcorr._cli.folder import Folder, NotOurs

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="without pipes that have names")
pytestmark = [pytest.mark.usefixtures("here"), posix]
FORMS = [("npy", "out"), ("png", "out"), ("tif", "out"), ("sheet", "out"), *STACKS]


@pytest.fixture(autouse=True)
def alarm():
    """Ends what waits without end."""

    def end(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def home():
    """A folder of somebody's, in which every name that the command uses is taken."""
    Path("home/work").mkdir(parents=True)
    for name in ("thesis.txt", "work/more.txt", "journal.jsonl", "lock", "part", "part0.0", "zarr.json", "old"):
        Path("home", name).write_text("years of work")
    before = tree("home")
    yield Path("home").absolute()
    assert tree("home") == before


@pytest.fixture
def images():
    return same_size(np.random.default_rng([SEED, 24]), 2)


def own_folder(form, out):
    return Path(f".{out}.xcorr") if form in ("stack", "zarr") else Path(out, ".xcorr")


def put(kind, place, target):
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        place.symlink_to(target)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "hard link":
        os.link(target, place)
    else:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(place))


KINDS = ["link", "device", "pipe", "hard link", "socket"]


# --- the command's own files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "out"), FORMS)
def test_a_link_in_place_of_the_jobs_folder_is_refused(images, home, form, out):
    place = own_folder(form, out)
    put("link", place, home)
    told = apply("same", "--format", form, out=out, status=1).stderr
    assert told == f"Error: {place} is a link; allowed is a folder that is no link\n"
    assert os.readlink(place) == str(home)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["journal.jsonl", "lock", ".journal.jsonl.part"])
@pytest.mark.parametrize(("form", "out"), [("npy", "out"), ("stack", "all.npy")])
def test_journal_and_lock_are_plain_files_of_the_jobs_own_or_refused(images, home, form, out, name, kind):
    place = own_folder(form, out) / name
    put(kind, place, home / "thesis.txt")
    if name == ".journal.jsonl.part" or (kind, name) == ("hard link", "journal.jsonl"):
        apply("same", "--format", form, out=out)  # a part is removed by its name; a journal is replaced
        return
    told = apply("same", "--format", form, out=out, status=1).stderr
    assert str(place) in told
    assert "allowed is" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("form", "out"), [("npy", "out"), ("png", "out"), *STACKS])
def test_a_result_that_is_no_plain_file_is_not_read_and_never_written_through(images, home, form, out, kind):
    if form == "zarr":
        pytest.importorskip("zarr")
    apply("same", "--format", form, out=out)
    before = {name: body for name, body in tree(".").items() if not name.startswith("home")}
    place = {"npy": Path(out, "0.png.npy"), "png": Path(out, "0.png.0.png"), "zarr": Path(out, "c/0/0/0/0")}.get(
        form, Path(out)
    )
    place.unlink()
    put(kind, place, home / "thesis.txt")
    status = 1 if form in ("npy", "png") and kind in ("link", "device", "hard link") else 2
    told = apply("same", "--format", form, out=out, status=status).stderr
    assert "--overwrite replaces it" in told or "it cannot be the result" in told
    if kind in ("link", "device", "hard link"):
        apply("same", "--format", form, "--overwrite", out=out)
        assert {name: body for name, body in tree(".").items() if not name.startswith("home")} == before


def test_a_folder_of_results_that_is_a_link_is_refused(photos, home):
    apply("photos")
    Path("out/more/grey.png.npy").unlink()
    Path("out/more").rmdir()
    Path("out/more").symlink_to(home)
    for more in ([], ["--overwrite"]):
        told = apply("photos", *more, status=1).stderr
        assert told == "Error: out/more is a link; allowed is a folder that is no link\n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["part", "part/zarr.json", "part/c", "part/c/0/0/0/0"])
def test_what_a_stopped_run_of_zarr_left_is_taken_for_its_own_only_if_it_is_plain(
    images, home, monkeypatch, kind, place
):
    pytest.importorskip("zarr")
    from xcorr._cli import stack_run

    genuine = stack_run.put
    monkeypatch.setattr(stack_run, "put", lambda *places: sys.exit("stopped"))
    apply("same", "--format", "zarr", out="all.zarr", status=1)
    monkeypatch.setattr(stack_run, "put", genuine)
    part = Path(".all.zarr.xcorr") / place
    part.rename("aside")
    put(kind, part, home / "thesis.txt")
    if place in ("part", "part/zarr.json") or (kind == "hard link" and place != "part/c"):  # made anew by its name
        apply("same", "--format", "zarr", out="all.zarr")
        np.testing.assert_array_equal(read_stack("zarr", "all.zarr"), xcorr.correlate(images, BANK, layout="NHW"))
    else:
        assert f"{part} is a " in apply("same", "--format", "zarr", out="all.zarr", status=1).stderr


def test_a_chunk_that_would_be_larger_than_a_row_is_not_decompressed(images):
    pytest.importorskip("zarr")
    apply("same", "--format", "zarr", out="all.zarr")
    chunk, header = Path("all.zarr/c/0/0/0/0"), Path("all.zarr/zarr.json")
    sound, told = chunk.read_bytes(), "not of these files as they are"
    for body in (sound[:4] + b"\xe0" + (1 << 30).to_bytes(8, "little") + sound[6:], sound + bytes(3 << 20)):
        chunk.write_bytes(body)
        with Folder.named(Path("all.zarr")) as folder, pytest.raises(KeyError):
            zarr_rows.RowFiles(folder, 10 * 12 * 6 * 4)["c/0/0/0/0"]
        assert told in apply("same", "--format", "zarr", out="all.zarr", status=2).stderr
    chunk.write_bytes(sound)
    assert "2 done before" in apply("same", "--format", "zarr", out="all.zarr").output
    header.write_text(header.read_text().replace('"zstd"', '"gzip"'))
    assert told in apply("same", "--format", "zarr", out="all.zarr", status=2).stderr


@pytest.mark.parametrize("name", ["{a}", "{}", "{0.__class__}", "%s"])
def test_a_folder_of_any_name_is_removed_whole(tmp_path, name):
    (tmp_path / name / "inner" / "{b}").mkdir(parents=True)
    (tmp_path / name / "inner" / "{b}" / "file").write_text("left")
    with Folder.named(tmp_path) as folder:
        folder.remove(name)
    assert [path.name for path in tmp_path.iterdir()] == ["bank.npy"]


def test_zarr_of_no_images_is_an_array_of_none():
    zarr = pytest.importorskip("zarr")
    np.save("none.npy", np.zeros((0, 9, 8, 1), np.float32))
    apply("none.npy", "--format", "zarr", out="all.zarr")
    assert zarr.open_array("all.zarr", mode="r").shape == (0, 7, 5, 1, 6)


def test_only_what_killed_runs_leave_is_swept(images):
    apply("same")
    Path("out/.xcorr/notes.txt").write_text("mine")
    for name in ("part0.0", "part", "old", "old.3"):
        Path("out/.xcorr", name).write_text("half")
    apply("same")
    assert sorted(tree("out/.xcorr")) == ["journal.jsonl", "notes.txt"]


@pytest.mark.parametrize(
    "output", ["../home/thesis.txt", "/etc/passwd", "a/../../home/thesis.txt", "", ".", "a\0b", "\ud800", "a//b"]
)
def test_a_journal_that_names_files_elsewhere_has_no_such_entries(images, home, output):
    apply("same")
    path = Path("out/.xcorr/journal.jsonl")
    before = path.read_bytes()
    entry = {"output": output, "input": "", "sha256": ""}
    path.write_bytes(before + json.dumps(entry).encode() + b"\n")
    assert "2 done before" in apply("same").output
    assert path.read_bytes() == before


def test_a_journal_that_notes_nothing_as_a_result_does_not_stand_for_one(images):
    apply("same")
    before = tree("out")
    path = Path("out/.xcorr/journal.jsonl")
    job, *entries = map(json.loads, path.read_text().splitlines())
    path.write_text("\n".join(json.dumps(line) for line in (job, *({**entry, "sha256": ""} for entry in entries))))
    Path("out/1.png.npy").unlink()
    apply("same", "--overwrite")
    assert tree("out") == before


def test_a_journal_of_one_endless_line_is_refused(images):
    Path("out/.xcorr").mkdir(parents=True)
    with Path("out/.xcorr/journal.jsonl").open("wb") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            pytest.skip("no disk with files that are mostly holes")
    assert "allowed is a journal" in apply("same", status=1).stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["responses.npz", ".responses.npz.part"])
def test_files_of_the_demo_are_not_written_through(home, name, kind):
    put(kind, Path(name), home / "thesis.txt")
    is_plain = kind == "hard link"  # to which its name belongs: it goes to another file
    with contextlib.nullcontext() if is_plain else pytest.raises(NotOurs, match=kind if kind != "device" else "link"):
        files.check_replaceable(Path("responses.npz"))
        files.write_whole(Path("responses.npz"), {"response": np.arange(4)})
    if is_plain:
        np.testing.assert_array_equal(np.load("responses.npz")["response"], np.arange(4))


@pytest.mark.parametrize("option", ["--out", "--report"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_the_demo_refuses_before_any_work_what_is_no_plain_file(home, option, kind):
    pytest.importorskip("plotly")
    from click.testing import CliRunner

    from xcorr import cli

    put(kind, Path("file"), home / "thesis.txt")
    result = CliRunner().invoke(cli.build_command(), ["demo", option, "file"], prog_name="xcorr")
    assert result.exit_code == 2
    assert f"{option}: file is a {kind}; allowed is a file that is no link" in result.output
    assert not Path(".file.part").exists()


@linux
@pytest.mark.skipif(swapped.NEEDED != [], reason=f"without {swapped.NEEDED}")
def test_what_is_put_in_place_of_files_meanwhile_is_not_touched(tmp_path):
    (tmp_path / "swaps").mkdir()
    signal.alarm(0)
    found = swapped.swap_files(tmp_path / "swaps", SEED, 60, 6)
    assert found.problems == []
    assert found.n_cases >= 7


# --- folders ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["by descriptor", "by path"])
def folder(request, monkeypatch, tmp_path):
    """A folder that is reached by its descriptor, and by its path as where the system has no such calls."""
    from xcorr._cli import folder as module

    monkeypatch.setattr(module, "BY_DESCRIPTOR", module.BY_DESCRIPTOR and request.param)
    with Folder.named(tmp_path) as folder:
        yield folder


@pytest.mark.parametrize(
    ("kind", "what"), [("link", "link"), ("device", "link"), ("pipe", "pipe"), ("socket", "socket")]
)
def test_a_folder_opens_plain_files_and_folders_only(folder, home, kind, what):
    put(kind, Path("place"), home)
    assert folder.kind("place") == what
    for call in (folder.read, folder.create, folder.update, folder.append, folder.inner):
        with pytest.raises(NotOurs, match=f"place is a {what}; allowed is a"):
            call("place")
    with pytest.raises(NotOurs, match=what):
        folder.inner("place", make=True)
    folder.remove("place")
    assert folder.kind("place") == ""


def test_a_folder_writes_to_no_file_that_has_another_name(folder, home):
    put("hard link", Path("place"), home / "thesis.txt")
    for call in (folder.update, folder.append):
        with pytest.raises(NotOurs, match="another name"):
            call("place")
    with folder.read("place") as file:
        assert file.read() == b"years of work"
    with folder.create("place") as file:
        file.write(b"new")
    assert Path("place").read_bytes() == b"new"


def test_files_of_a_folder_are_read_written_and_renamed(folder):
    with folder.create("a") as file:
        file.write(b"one")
    with folder.append("a") as file:
        file.write(b"two")
    with folder.update("a") as file:
        file.seek(1)
        file.write(b"N")
    folder.sync("a")
    folder.sync()
    with folder.below(["b", "c"], make=True) as inner:
        folder.rename("a", inner, "d")
    assert Path("b/c/d").read_bytes() == b"oNetwo"
    assert ("b", "c", "d") in list(folder.files(2))
    assert not any(names[0] == "b" for names in folder.files(0))
    with pytest.raises(FileNotFoundError):
        folder.below(["absent", "more"])
    with pytest.raises(OSError, match="not empty"):
        folder.remove_empty("b")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a\0"])
def test_names_with_folders_in_them_are_no_names_in_a_folder(folder, name):
    for call in (folder.read, folder.kind, folder.remove, folder.inner):
        with pytest.raises(ValueError, match="allowed is one without folders"):
            call(name)


def test_folders_however_deep_are_removed_without_leaving_them(folder, home):
    place = Path("deep").absolute()
    place.mkdir()
    before = os.getcwd()
    os.chdir(place)
    for _ in range(sys.getrecursionlimit() + 100):  # deeper than calls may be, and than a path may be long
        os.mkdir("inner")
        os.chdir("inner")
    os.symlink(home, "home")
    os.chdir(before)
    folder.remove("deep")
    assert not place.exists()
    assert not [name for name in folder.names() if name.startswith("deep")]


def test_a_link_that_is_put_in_place_after_the_look_is_not_followed(folder, home, monkeypatch):
    if folder.descriptor is None:
        pytest.skip("needs folders that have descriptors")
    monkeypatch.setattr(folder, "check", lambda name, allowed: None)
    put("link", Path("file"), home / "thesis.txt")
    put("link", Path("inner"), home)
    for call, name in (
        (folder.read, "file"),
        (folder.update, "file"),
        (folder.append, "file"),
        (folder.inner, "inner"),
    ):
        with pytest.raises(OSError, match="symbolic links|Not a directory"):
            call(name)
    put("pipe", Path("pipe"), home)
    for call in (folder.read, folder.update):
        with pytest.raises(NotOurs, match="no plain file"):
            call("pipe")


def test_names_in_a_folder_are_those_in_it_wherever_its_path_leads_then(folder, home):
    if folder.descriptor is None:
        pytest.skip("needs folders that have descriptors")
    Path("own").mkdir()
    with folder.inner("own") as own:
        Path("own").rename("moved")
        Path("own").symlink_to(home)
        with own.create("thesis.txt") as file:
            file.write(b"ours")
        own.remove("thesis.txt")
        with own.create("more.txt") as file:
            file.write(b"ours")
    assert names("moved") == ["more.txt"]


def test_the_digest_of_a_file_that_grows_has_an_end(folder, monkeypatch):
    import hashlib

    Path("file").write_bytes(b"a" * 100)
    with folder.read("file") as file:
        genuine, grown = hashlib.sha256, []

        class Growing:
            def __init__(self):
                self.total = genuine()

            def update(self, piece):
                self.total.update(piece)
                grown.append(len(piece))
                with Path("file").open("ab") as more:
                    more.write(b"b" * 100)

            def hexdigest(self):
                return self.total.hexdigest()

        monkeypatch.setattr(files.hashlib, "sha256", Growing)
        assert files.digest_of(file) == genuine(b"a" * 100).hexdigest()
    assert grown == [100]

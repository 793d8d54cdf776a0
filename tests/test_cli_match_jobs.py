"""`xcorr match`: jobs that go on where they stopped, what is refused, and that nothing else's files are touched."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from applying import command, interrupt, run_command, tree
from checks import SEED
from finding import lines, match, places, save
from marks import linux

pytest.importorskip("tifffile")

from xcorr._cli import match_run
from xcorr._cli.folder import Folder
from xcorr._cli.journal import locked

pytestmark = pytest.mark.usefixtures("here")
BESIDE = ("--map", "maps", "--draw", "pictures")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 32])


@pytest.fixture
def frames(rng):
    """Four pictures in a folder, and a part of the first one."""
    frames = rng.integers(0, 256, (4, 40, 50), dtype=np.uint8)
    for index, frame in enumerate(frames):
        save(f"frames/{index}.png", frame)
    save("template.png", frames[0, 10:20, 12:26])
    return frames


@pytest.fixture
def made(monkeypatch):
    """The names of the files that are looked through."""
    made = []
    genuine = match_run.MatchRun.write
    monkeypatch.setattr(
        match_run.MatchRun, "write", lambda self, file, content: made.append(file.name) or genuine(self, file, content)
    )
    return made


# --- jobs that go on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside", [(), BESIDE])
def test_what_is_done_is_left_alone_and_what_changed_is_done_again(frames, made, beside):
    match("frames", *beside)
    before, changed = tree("."), Path("peaks.csv").stat().st_mtime_ns
    made.clear()
    assert "0 of 4 files done in 0.0 s, 0 images, 4 done before" in match("frames", *beside).output
    assert made == []
    assert tree(".") == before
    assert Path("peaks.csv").stat().st_mtime_ns == changed
    save("frames/2.png", np.roll(frames[0], (3, 5), (0, 1)))
    save("frames/4.png", frames[0])
    assert "2 of 5 files done" in match("frames", *beside).output
    assert made == ["2.png", "4.png"]
    whole = Path("peaks.csv").read_bytes()
    assert ("2.png", 13, 17) in places()
    match("frames", out="again.csv")
    assert Path("again.csv").read_bytes() == whole


def test_a_missing_map_or_picture_is_made_again(frames, made):
    match("frames", *BESIDE)
    before = tree(".")
    Path("maps/1.png.npy").unlink()
    shutil.rmtree("pictures")
    made.clear()
    match("frames", *BESIDE)
    assert made == ["0.png", "1.png", "2.png", "3.png"]
    assert tree(".") == before


@pytest.mark.parametrize(
    "options",
    [["--k", "2"], ["--score", "ncc"], ["--threshold", "0.5"], ["--template", "other.png"], ["--map", "maps"]],
)
def test_other_parameters_are_refused_unless_told_to_overwrite(frames, options):
    save("other.png", frames[1, 3:9, 4:11])
    match("frames")
    before = tree(".")
    refused = match("frames", *options, status=2)
    assert "peaks.csv is there, and not of this job" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert tree(".") == before
    assert "4 of 4 files done" in match("frames", *options, "--overwrite").output
    assert "4 done before" in match("frames", *options).output


def test_what_others_wrote_is_not_replaced_unless_told(frames):
    Path("peaks.csv").write_text("precious")
    assert "peaks.csv is there, and not of this job" in match("frames", status=2).stderr
    assert Path("peaks.csv").read_text() == "precious"
    Path("peaks.csv").unlink()
    save("maps/0.png.npy", np.zeros(3))
    before = tree("maps")
    assert "maps/0.png.npy is there, and not of this job" in match("frames", *BESIDE, status=2).stderr
    assert tree("maps") == before
    assert not Path("peaks.csv").exists()
    match("frames", *BESIDE, "--overwrite")
    with Path("peaks.csv").open("a") as file:
        file.write("mine\n")
    assert "peaks.csv was changed since it was written" in match("frames", *BESIDE, status=2).stderr
    match("frames", *BESIDE, "--overwrite")
    Path("pictures/3.png.png").write_bytes(b"mine")
    assert "3.png.png was changed since it was written" in match("frames", *BESIDE, status=1).stderr
    assert Path("pictures/3.png.png").read_bytes() == b"mine"


def test_matches_of_files_that_are_not_asked_for_are_not_lost(frames):
    match("frames")
    before = tree(".")
    refused = match("frames/0.png", "frames/2.png", status=2)
    assert "peaks.csv has matches in '1.png', which is none of IMAGES" in refused.stderr
    assert tree(".") == before
    match("frames/0.png", "--overwrite")
    assert places() == [("0.png", 10, 12)]


@pytest.mark.parametrize("beside", [(), BESIDE])
@pytest.mark.parametrize("steps", range(1, 9))
def test_a_job_that_ends_anywhere_is_gone_on_with(frames, made, monkeypatch, beside, steps):
    match("frames", *beside, out="whole.csv")
    expected = tree(".")
    for name in ("whole.csv", "maps", "pictures"):
        shutil.rmtree(name, ignore_errors=True)
    Path("whole.csv").unlink()
    shutil.rmtree(".whole.csv.xcorr")
    made.clear()
    genuine, left = os.replace, [steps]

    def stopped(*places, **words):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        genuine(*places, **words)

    monkeypatch.setattr(os, "replace", stopped)
    ended = match("frames", *beside, out="whole.csv", status=130 if steps <= (11 if beside else 3) else 0)
    assert ended.exit_code == 0 or "the same command goes on" in ended.stderr
    monkeypatch.setattr(os, "replace", genuine)
    match("frames", *beside, out="whole.csv")
    assert tree(".") == expected
    assert len(made) <= 4 + bool(beside)


def test_a_torn_journal_line_and_lines_of_anybody_do_not_count(frames):
    match("frames")
    before = tree(".")
    entry = {"output": "0.png", "input": "0" * 64, "sha256": "0" * 64}
    with Path(".peaks.csv.xcorr/journal.jsonl").open("a") as file:
        for rows in ([-5, 3], [9, 2], [0, 10**30], [10**30, 10**30]):
            file.write(json.dumps({**entry, "rows": rows, "beside": 3}) + "\n")
        file.write('{"output": "0.p')
    assert "4 done before" in match("frames").output
    assert tree(".") == before


@linux
@pytest.mark.usefixtures("in_the_background")
def test_an_interrupt_is_one_line_and_the_next_run_goes_on(rng):
    for index in range(40):
        save(f"large/{index}.npy", rng.random((450, 450), np.float32))
    save("template.npy", rng.random((20, 48, 48), np.float32))
    arguments = ["large", "--template", "template.npy", "--layout", "NHW", "--out", "peaks.csv", "--method", "direct"]
    interrupt(command(*arguments, "--workers", "1", name="match"))
    assert not Path("peaks.csv").exists()
    for index in range(2, 40):
        Path(f"large/{index}.npy").unlink()
    assert "done before" in match(*arguments[:1], *arguments[3:5], *arguments[7:], template="template.npy").output
    assert len(lines()) == 2 * 20


def test_a_second_run_at_the_same_time_is_refused(frames):
    with Folder.named(Path()) as here, locked(here, ".peaks.csv.xcorr"):
        assert "another run is at work on it" in match("frames", status=1).stderr
    assert not Path("peaks.csv").exists()
    match("frames")


# --- files that fail --------------------------------------------------------------------------------------------------


def test_an_unreadable_file_among_good_ones_is_told_and_the_others_are_done(frames):
    Path("frames/1.png").write_bytes(b"no picture")
    save("frames/3.png", frames[3, :5])
    ended = match("frames", *BESIDE, status=1)
    assert "xcorr: 1.png: it begins with b'no pictu'; allowed are" in ended.stderr
    assert "xcorr: 3.png: templates: spatial size (10, 14) is larger than the padded image (5, 50)" in ended.stderr
    assert "2 of 4 files done" in ended.output
    assert {file for file, _, _ in places()} == {"0.png", "2.png"}
    assert sorted(tree("maps")) == ["0.png.npy", "2.png.npy"]
    save("frames/1.png", frames[1])
    save("frames/3.png", frames[3])
    assert "2 done before" in match("frames", *BESIDE).output
    assert [file for file, _, _ in places()] == ["0.png", "1.png", "2.png", "3.png"]


def test_on_error_stop_writes_no_table(frames):
    Path("frames/1.png").write_bytes(b"no picture")
    assert "stopped at the first file that failed" in match("frames", "--on-error", "stop", status=1).stderr
    assert not Path("peaks.csv").exists()
    save("frames/1.png", frames[1])
    assert "1 done before" in match("frames", "--on-error", "stop").output


def test_files_of_which_none_can_be_read_make_no_table(frames):
    Path("bad.png").write_bytes(b"")
    before = tree("frames")
    assert "no image file could be read" in match("bad.png", status=1).stderr
    assert not Path("peaks.csv").exists()
    assert tree("frames") == before


def test_an_image_that_changes_while_it_is_read_fails(frames, monkeypatch):
    genuine = match_run.check_same

    def changed(file, content):
        if file.name == "1.png":
            save("frames/1.png", frames[3, :30])
        genuine(file, content)

    monkeypatch.setattr(match_run, "check_same", changed)
    assert "1.png: it was changed while it was read" in match("frames", *BESIDE, status=1).stderr
    assert sorted(tree("maps")) == ["0.png.npy", "2.png.npy", "3.png.npy"]
    monkeypatch.setattr(match_run, "check_same", genuine)
    assert "1 of 4 files done" in match("frames", *BESIDE).output


# --- what is refused before anything is written -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--out", "peaks.txt"], "--out: got 'peaks.txt'; allowed is a name that ends in .csv, .jsonl, .ndjson"),
        (["--template", "absent.png"], "--template: got 'absent.png'; there is no such file or folder"),
        (["--template", "bank.txt"], "--template: got 'bank.txt'; it begins with b'text'; allowed are"),
        (["--template", "complex.npy"], "--template: got templates of 4x5 and type complex128; allowed are real"),
        (["--template", "none.npy", "--layout", "NHW"], "--template: got 'none.npy'; no template is in it"),
        (["--threshold", "nan"], "--threshold: got nan; allowed are None and a real number"),
        (["--min-overlap", "2"], "--min-overlap: got 2.0; allowed is a number from 0 to 1"),
        (["--k", "0"], "Invalid value for '--k': 0 is not in the range x>=1."),
        (["--score", "best"], "Invalid value for '--score': 'best' is not one of"),
        (["--mask", "absent.png"], "--mask: got 'absent.png'; there is no such file or folder"),
        (["--mask", "bank.txt"], "--mask: got 'bank.txt'; it begins with"),
        (["--image-mask", "absent.png"], "--image-mask: got 'absent.png'; No such file"),
        (["--image-mask", "finite", "--alpha", "mask"], "--alpha: got 'mask' beside --image-mask; allowed is one"),
        (["--map", "bank.txt"], "--map: got 'bank.txt'; allowed is a folder"),
        (["--draw", "bank.txt"], "--draw: got 'bank.txt'; allowed is a folder"),
        (["--out", "folder.csv"], "Invalid value for '--out': File 'folder.csv' is a directory."),
        (["frames/sub/0.png"], "whose results would both be called '0.png'"),
        (["absent"], "IMAGES: got 'absent'; there is no such file or folder"),
    ],
)
def test_errors_name_the_option_and_what_is_allowed(frames, arguments, told):
    Path("bank.txt").write_text("text")
    Path("folder.csv").mkdir()
    np.save("complex.npy", np.zeros((4, 5), complex))
    np.save("none.npy", np.zeros((0, 4, 5)))
    save("frames/sub/0.png", frames[1])
    before = tree(".")
    template = [] if "--template" in arguments else ["--template", "template.png"]
    ended = run_command("match", "frames/0.png", *template, "--out", "peaks.csv", *arguments, status=2)
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert tree(".") == before


def test_names_that_clash_are_refused(frames):
    save("templates/a/one.png", frames[0, :5, :5])
    save("templates/b/one.png", frames[0, :5, :6])
    refused = match("frames", "--template", "templates/a/one.png", template="templates/b/one.png", status=2)
    assert "--template: got 'templates/b/one.png' and 'templates/a/one.png'" in refused.stderr
    match("frames", template="templates", out="folder.csv")
    assert {line["template"] for line in lines("folder.csv")} == {"a/one.png", "b/one.png"}
    Path("maps/0.png.npy").mkdir(parents=True)
    refused = match("frames", *BESIDE, status=2)
    assert "maps/0.png.npy is a folder; it cannot be the result of '0.png'" in refused.stderr
    assert not Path("peaks.csv").exists()


def test_results_in_the_folder_of_the_images_are_no_images(frames):
    arguments = ["frames", "--map", "frames/maps", "--draw", "frames/pictures"]
    for _ in range(2):
        match(*arguments, out="frames/peaks.csv")
    assert {line["file"] for line in lines("frames/peaks.csv")} == {"0.png", "1.png", "2.png", "3.png"}


@linux
def test_no_link_of_the_jobs_own_is_followed(frames):
    Path("elsewhere").write_text("precious")
    Path("maps").mkdir()
    Path("maps/.0.png.npy.part").symlink_to(Path("elsewhere").absolute())
    assert match("frames", *BESIDE, status=1)
    assert Path("elsewhere").read_text() == "precious"
    Path("maps/.0.png.npy.part").unlink()
    Path("peaks.csv").symlink_to("elsewhere")
    assert "--overwrite" in match("frames", *BESIDE, status=2).stderr
    match("frames", *BESIDE, "--overwrite")
    assert Path("elsewhere").read_text() == "precious"
    assert not Path("peaks.csv").is_symlink()


@linux
def test_names_of_any_bytes(frames):
    os.rename(b"frames/0.png", b'frames/caf\xff,"\n.png')
    match("frames")
    match("frames", out="peaks.jsonl")
    assert Path("peaks.csv").read_bytes().count(b'caf\xff,""\n.png') == 1
    assert {line["file"] for line in lines("peaks.jsonl")} == {"1.png", "2.png", "3.png", 'caf\udcff,"\n.png'}

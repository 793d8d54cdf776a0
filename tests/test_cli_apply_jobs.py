"""`xcorr apply`: jobs that go on where they stopped, and what is told meanwhile."""

import itertools
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from applying import BANK, STACKS, apply, command, each_channel, interrupt, names, read_stack, run, same_size, tree
from checks import SEED
from marks import linux
from PIL import Image

pytest.importorskip("tifffile")

import killed

import xcorr
from xcorr._cli import apply_job, bank_file, files_run, folder, journal, stack_run
from xcorr._cli.folder import Folder
from xcorr._cli.progress import Bar, Rate

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 24])


# --- jobs that go on --------------------------------------------------------------------------------------------------


def test_what_is_done_is_left_alone_and_what_changed_is_done_again(photos, monkeypatch):
    apply("photos")
    before = tree("out")
    made = []
    genuine = files_run.FilesRun.write
    monkeypatch.setattr(
        files_run.FilesRun, "write", lambda self, file, parts: made.append(file.name) or genuine(self, file, parts)
    )
    assert "0 of 5 files done" in apply("photos").output
    assert made == []
    assert tree("out") == before
    Image.fromarray(photos["colours.png"][::-1]).save("photos/colours.png")
    Path("out/pages.tif.npy").unlink()
    apply("photos")
    assert made == ["colours.png", "pages.tif"]
    np.testing.assert_array_equal(np.load("out/colours.png.npy"), each_channel(photos["colours.png"][::-1]))
    assert Path("out/pages.tif.npy").read_bytes() == before["pages.tif.npy"]


@pytest.mark.parametrize(
    "options", [["--padding", "same"], ["--bank", "sobel"], ["--scale"], ["--format", "tif"], ["--channels", "sum"]]
)
def test_other_parameters_are_refused_unless_told_to_overwrite(photos, options):
    apply("photos/more")
    before = tree("out")
    arguments = ["photos/more", "--bank", "bank.npy", "--out", "out", *options]
    refused = run(*arguments, status=2)
    assert "holds responses of another job" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert tree("out") == before
    assert "1 of 1 files done" in run(*arguments, "--overwrite").output
    assert "1 done before" in run(*arguments, "--overwrite").output


def test_files_of_others_are_not_replaced_unless_told(photos):
    Path("out/more").mkdir(parents=True)
    Path("out/more/grey.png.npy").write_bytes(b"precious")
    assert "out/more/grey.png.npy is there, and not of this job" in apply("photos", status=2).stderr
    assert tree("out") == {"more/grey.png.npy": b"precious"}
    apply("photos", "--overwrite")
    Path("out/more/grey.png.npy").write_bytes(b"changed")
    assert "was changed since it was written" in apply("photos", status=1).stderr
    assert Path("out/more/grey.png.npy").read_bytes() == b"changed"
    apply("photos", "--overwrite")
    assert np.load("out/more/grey.png.npy").shape == (11, 14, 6)


@pytest.mark.parametrize(("form", "out"), STACKS)
def test_a_stack_of_others_is_not_replaced_unless_told(rng, form, out):
    if form == "zarr":
        pytest.importorskip("zarr")
    images = same_size(rng)
    arguments = ["same", "--format", form]
    apply(*arguments, out=out)
    before = tree(".")
    for change in (["--padding", "same"], ["bank.npy", "--layout", "NHW"]):
        assert "is there, and not of" in apply(*arguments, *change, "--on-error", "skip", out=out, status=2).stderr
    assert tree(".") == before
    Image.fromarray(images[0]).save("same/4.png")
    assert "not of these files as they are" in apply(*arguments, out=out, status=2).stderr
    apply(*arguments, "--overwrite", out=out)
    expected = xcorr.correlate(images[[0, 1, 2, 3, 0]], BANK, layout="NHW")
    np.testing.assert_array_equal(read_stack(form, out), expected)
    if form == "stack":
        body = bytearray(Path(out).read_bytes())
        body[-1] ^= 1
        Path(out).write_bytes(body)
        assert "not of these files" in apply(*arguments, out=out, status=2).stderr


@pytest.mark.parametrize("torn", [b'{"input": "ab', b"\xff\xfe\n", b"[]\n", b'{"output": 3}\n', b"\n\n"])
def test_a_torn_journal_line_does_not_count(photos, torn):
    apply("photos")
    before = tree("out")
    with Path("out/.xcorr/journal.jsonl").open("ab") as file:
        file.write(torn)
    assert "5 done before" in apply("photos").output
    assert tree("out") == before


def test_the_journal_has_no_times_and_one_order(photos):
    apply("photos")
    lines = [json.loads(line) for line in Path("out/.xcorr/journal.jsonl").read_text().splitlines()]
    assert [line["output"] for line in lines[1:]] == sorted(photos)
    assert set(lines[1]) == {"output", "input", "sha256"}
    assert set(lines[0]["job"]) >= {"bank", "version", "level", "padding", "format", "channels"}
    apply("photos/pages.tif", "photos/floats.npy", "photos/digits-idx3-ubyte", out="piecewise")
    apply("photos", out="piecewise")
    assert tree("piecewise") == tree("out")


def test_a_second_run_at_the_same_time_is_refused(photos):
    Path("out").mkdir()
    with Folder.named(Path("out")) as out, journal.locked(out, ".xcorr"):
        result = apply("photos", status=1)
    assert "another run is at work on it" in result.stderr
    assert names() == []
    apply("photos")


def test_a_lock_without_fcntl(photos, monkeypatch):
    monkeypatch.setattr(journal, "fcntl", None)
    steps = []
    close, unlink = os.close, os.unlink
    monkeypatch.setattr(os, "close", lambda descriptor: steps.append("close") or close(descriptor))
    monkeypatch.setattr(os, "unlink", lambda name, **words: steps.append(name) or unlink(name, **words))
    Path("out").mkdir()
    with Folder.named(Path("out")) as out, journal.locked(out, ".xcorr"):
        steps.clear()
    assert steps[:2] == ["close", "lock"]  # Windows removes no file that is open
    apply("photos")
    Path("out/.xcorr/lock").touch()
    assert "remove it" in apply("photos", status=1).stderr


@linux
def test_many_runs_at_the_same_time_leave_what_one_would(photos):
    apply("photos", out="alone")
    processes = [command("photos", "--bank", "bank.npy", "--out", "out") for _ in range(4)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert {status for _, status in ended} <= {0, 1}
    assert any(status == 0 for _, status in ended), ended
    assert all("another run" in errors for (_, errors), status in ended if status == 1)
    assert tree("out") == tree("alone")


@linux
@pytest.mark.usefixtures("in_the_background")
def test_an_interrupt_is_one_line_and_the_next_run_goes_on(rng):
    images = rng.random((40, 450, 450), np.float32)  # of which a few are done
    Path("large").mkdir()
    for index, image in enumerate(images):
        np.save(f"large/{index}.npy", image)
    interrupt(command("large", "--bank", "leung-malik", "--out", "out", "--method", "direct", "--workers", "1"))
    assert all(np.load(f"out/{name}").shape == (402, 402, 48) for name in names())
    assert set(tree("out/.xcorr")) == {"journal.jsonl"}


@linux
@pytest.mark.skipif(killed.NEEDED != [], reason=f"without {killed.NEEDED}")
def test_killed_jobs_end_as_if_nobody_had_killed_them(tmp_path):
    (tmp_path / "kills").mkdir()
    found = killed.kill_jobs(tmp_path / "kills", SEED, 20, 1)
    assert found.problems == []
    assert found.n_kills >= 1


def test_what_killed_runs_left_is_removed(photos):
    apply("photos")
    before = tree("out")
    Path("out/.xcorr/part").write_bytes(b"half")
    Path("out/.xcorr/old/c").mkdir(parents=True)
    apply("photos")
    assert tree("out") == before
    assert not Path("out/.xcorr/old").exists()


def test_other_parameters_are_no_matter_where_no_result_is_left(photos):
    apply("photos/more")
    Path("out/grey.png.npy").unlink()
    apply("photos/more", "--padding", "same")
    assert np.load("out/grey.png.npy").shape == (13, 17, 6)


def test_a_lock_that_goes_while_it_is_taken_is_taken_again(photos, monkeypatch):
    answers = iter([False, True])
    genuine = journal.is_still
    monkeypatch.setattr(journal, "is_still", lambda *place: next(answers) and genuine(*place))
    apply("photos")
    assert list(answers) == []
    with Folder.named(Path("out")) as out:
        assert not genuine(0, out)

    def refuse(*arguments):
        raise OSError(0, "No locks available")

    monkeypatch.setattr(journal.fcntl, "flock", refuse)
    assert "No locks available" in apply("photos", status=1).stderr


def test_results_below_a_file_are_one_line(photos):
    assert (
        "cannot write photos/colours.png/out: Not a directory"
        in apply("photos/more", out="photos/colours.png/out", status=1).stderr
    )


def test_responses_that_overflow_fail_by_themselves(rng):
    np.save("bank.npy", np.full((2, 3, 3), 2**40))
    for name, value in (("a", 1), ("b", 2**30), ("c", 1)):
        np.save(f"{name}.npy", np.full((2, 9, 9), value))
    files = ["a.npy", "b.npy", "c.npy", "--layout", "NHW", "--on-error", "skip"]
    assert "b.npy: dtype: a response does not fit int64" in apply(*files, status=1).stderr
    assert names() == ["a.npy.npy", "c.npy.npy"]
    apply(*files, "--format", "stack", out="all.npy", status=1)
    assert np.load("all.npy").shape == (4, 7, 7, 2)
    before = tree(".")
    apply(*files, "--format", "stack", "--overwrite", out="all.npy", status=1)
    assert tree(".") == before


def test_files_of_which_none_can_be_read_make_no_stack():
    Path("a.png").write_bytes(b"")
    arguments = ["a.png", "--format", "stack", "--on-error", "skip"]
    assert "no image file could be read" in apply(*arguments, out="all.npy", status=1).stderr
    assert not Path("all.npy").exists()


@pytest.mark.parametrize("form", ["tif", "sheet"])
def test_no_responses_have_no_picture(form):
    np.save("batch.npy", np.zeros((0, 9, 8, 1)))
    assert "responses" in apply("batch.npy", "--format", form, status=1).stderr


def test_brightness_of_two_channels_is_refused():
    np.save("image.npy", np.zeros((9, 8, 2)))
    result = apply("image.npy", "--layout", "NHWC", "--channels", "grey", status=1)
    assert "2 channels; the brightness of 3" in result.stderr


@pytest.mark.parametrize("damage", ["longer", "shorter", "other"])
@pytest.mark.parametrize(("form", "out"), STACKS)
def test_a_stack_that_was_damaged_is_made_again_when_told(rng, form, out, damage):
    if form == "zarr":
        pytest.importorskip("zarr")
    same_size(rng)
    apply("same", "--format", form, out=out)
    before = tree(".")
    file = Path(out) if form == "stack" else Path(out, "c/1/0/0/0")
    if damage == "longer":
        file.write_bytes(file.read_bytes() + b"x")
    elif damage == "shorter":
        file.write_bytes(file.read_bytes()[:-1])
    elif form == "stack":
        file.unlink()
        file.symlink_to("absent")
    else:
        shutil.rmtree(out)
        Path(out).mkdir()
    assert "not of these files as they are" in apply("same", "--format", form, out=out, status=2).stderr
    apply("same", "--format", form, "--overwrite", out=out)
    assert tree(".") == before


def test_a_zarr_part_of_fewer_images_is_gone_on_with(rng, monkeypatch):
    pytest.importorskip("zarr")
    images = same_size(rng)
    genuine = stack_run.put
    monkeypatch.setattr(stack_run, "put", lambda part, path: sys.exit("stopped"))
    apply("same/0.png", "same/1.png", "--format", "zarr", out="all.zarr", status=1)
    monkeypatch.setattr(stack_run, "put", genuine)
    Path(".all.zarr.xcorr/part/c/1/0/0/0").write_bytes(b"half")
    Path(".all.zarr.xcorr/part/c/1/0/0/0.1a.partial").write_bytes(b"half")
    assert "3 of 4 files done" in apply("same", "--format", "zarr", out="all.zarr").output
    np.testing.assert_array_equal(read_stack("zarr", "all.zarr"), xcorr.correlate(images, BANK, layout="NHW"))
    assert not list(Path("all.zarr").rglob("*.partial"))


def once(monkeypatch, kind, method, change):
    """Have a method be followed by a change of the files, the first time."""
    genuine, changes = getattr(kind, method), [change]

    def changed(*arguments):
        found = genuine(*arguments)
        if changes:
            changes.pop()()
        return found

    monkeypatch.setattr(kind, method, changed)


@pytest.mark.parametrize("change", ["other", "absent"])
def test_an_image_that_changes_while_it_is_read_fails_and_is_done_by_the_next_run(photos, monkeypatch, change):
    path = Path("photos/colours.png")
    before = path.read_bytes()
    once(
        monkeypatch,
        files_run.FilesRun,
        "write",
        lambda: path.write_bytes(before + b"x") if change == "other" else path.unlink(),
    )
    assert "colours.png: it was changed while it was read" in apply("photos", status=1).stderr
    assert names() == sorted(f"{name}.npy" for name in photos if name != "colours.png")
    path.write_bytes(before)
    assert "1 of 5 files done" in apply("photos").output


@pytest.mark.parametrize(("form", "out"), STACKS)
def test_an_image_that_becomes_another_while_a_stack_is_made_has_no_rows_in_it(rng, monkeypatch, form, out):
    if form == "zarr":
        pytest.importorskip("zarr")
    images = same_size(rng)
    bank = np.ones((1, 1, 1))
    np.save("bank.npy", bank)
    turned = Image.fromarray(images[1].T)  # as many pixels
    once(monkeypatch, stack_run.StackRun, "survey", lambda: turned.save("same/1.png"))
    arguments = ["same", "--format", form, "--on-error", "skip"]
    assert "1.png: it was changed while the job ran" in apply(*arguments, out=out, status=1).stderr
    np.testing.assert_array_equal(read_stack(form, out), images[[0, 2, 3], ..., np.newaxis])


def test_an_image_that_changes_while_its_rows_are_written_has_none(rng, monkeypatch):
    images = same_size(rng)
    genuine = apply_job.ApplyRun.told

    def told(self, responses):
        yield from genuine(self, responses)
        if Path("same/1.png").exists():
            Path("same/1.png").unlink()

    monkeypatch.setattr(apply_job.ApplyRun, "told", told)
    arguments = ["same/1.png", "same/2.png", "--format", "stack", "--on-error", "skip"]
    assert "1.png: it was changed while it was read" in apply(*arguments, out="all.npy", status=1).stderr
    np.testing.assert_array_equal(np.load("all.npy"), xcorr.correlate(images[2:3], BANK, layout="NHW"))


def test_the_journal_of_a_stack_is_on_the_disk_before_the_stack_has_its_name(rng, monkeypatch):
    same_size(rng)
    steps = []
    sync, put = journal.Journal.sync, stack_run.put
    monkeypatch.setattr(journal.Journal, "sync", lambda own: steps.append("journal") or sync(own))
    monkeypatch.setattr(stack_run, "put", lambda *places: steps.append(places[1]) or put(*places))
    apply("same", "--format", "stack", out="all.npy")
    assert steps == ["journal", "part"]


def test_windows_syncs_files_that_it_may_write_and_no_folders(here, monkeypatch):
    synced = []
    genuine = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(flags_of(descriptor)) or genuine(descriptor))
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(folder, "BY_DESCRIPTOR", False)
    with Folder.named(here) as place:
        place.sync("bank.npy")
        place.sync()
    assert synced == [os.O_RDWR]


def flags_of(descriptor):
    fcntl = pytest.importorskip("fcntl")
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE


# --- progress ---------------------------------------------------------------------------------------------------------


def test_lines_in_a_pipe_nothing_when_quiet(photos):
    lines = apply("photos").stdout.splitlines()
    assert [line.split("]")[0] for line in lines[:5]] == [f"[{index}/5" for index in range(1, 6)]
    assert lines[0].startswith("[1/5] colours.png: ")
    assert lines[0].endswith(" s")
    assert apply("photos", "--quiet", out="again").output == ""


@linux
def test_a_bar_with_rate_and_time_left_on_a_terminal(photos):
    pty = pytest.importorskip("pty")
    Path("photos/bad.png").write_bytes(b"")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    arguments = ["photos", "--bank", "bank.npy", "--out", "out"]
    with command(*arguments, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    text = shown.decode()
    assert process.returncode == 1
    assert "images/s" in text
    assert "0:00:0" in text
    assert "6/6" in text
    assert "xcorr: bad.png: it is empty" in text
    assert "5 of 6 files done" in text


@linux
def test_a_reader_that_goes_away_ends_the_job_silently(photos):
    with command("photos", "--bank", "bank.npy", "--out", "out") as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (1, "")
    apply("photos")


def test_the_bar_counts_parts_of_files():
    from rich.progress import Progress

    rate, progress = Rate(), Progress(disable=True)
    bar = Bar(progress, rate, 2)
    steps = itertools.chain([0.25] * 4, [0.5])
    for share in steps:
        bar.advance(share, 3)
    assert (progress.tasks[0].completed, rate.n_images) == (1.0, 15)
    bar.done("first", 0.1, False)
    bar.advance(0.5, 1)
    assert progress.tasks[0].completed == 1.5


def test_bank_digests_tell_type_shape_and_numbers_apart():
    digests = {bank_file.bank_digest(bank) for bank in (BANK, BANK.astype("f8"), BANK.reshape(3, 6, 4), -BANK)}
    assert len(digests) == 4
    assert bank_file.bank_digest(BANK.astype(">f4")) == bank_file.bank_digest(BANK)

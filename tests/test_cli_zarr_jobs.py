"""Jobs of `xcorr apply` that write zarr: done, stopped, going on, and what is not replaced."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from applying import BANK, apply, tree
from checks import SEED
from zarr_arrays import ome, plain, responses

import xcorr
from xcorr._cli import zarr_files, zarr_run

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 28])


def test_a_job_that_is_done_is_left_alone_and_nothing_else_is_replaced(rng):
    image = rng.random((40, 50))
    array = plain(image)
    apply("big.zarr", out="out.zarr")
    before = tree("out.zarr")
    assert "1 done before" in apply("big.zarr", "--most-bytes", "20k", out="out.zarr").output
    assert tree("out.zarr") == before
    told = apply("big.zarr", "--padding", "same", out="out.zarr", status=2).stderr
    assert "not of this job: padding 'valid' then and 'same' now; --overwrite replaces it" in told
    chunk = next(Path("out.zarr/c").rglob("0"))
    chunk = next(path for path in Path("out.zarr/c").rglob("*") if path.is_file())
    sound = chunk.read_bytes()
    chunk.write_bytes(sound[:-1])
    assert "not of this image as it is" in apply("big.zarr", out="out.zarr", status=2).stderr
    apply("big.zarr", "--overwrite", out="out.zarr")
    assert tree("out.zarr") == before
    array[:20, :20] = 0
    assert "not of this image as it is" in apply("big.zarr", out="out.zarr", status=2).stderr
    apply("big.zarr", "--overwrite", out="out.zarr")
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(array[...], BANK, layout="NHW"))
    assert not list(Path(".").glob(".out.zarr.xcorr/*part*"))


def test_somebody_elses_folder_is_not_replaced(rng):
    plain(rng.random((40, 50)))
    Path("out.zarr").mkdir()
    Path("out.zarr/thesis.txt").write_text("years of work")
    assert (
        "is there, and not of this job; --overwrite replaces it" in apply("big.zarr", out="out.zarr", status=2).stderr
    )
    assert Path("out.zarr/thesis.txt").read_text() == "years of work"
    shutil.rmtree("out.zarr")
    Path("out.zarr").write_text("a file")
    for more in ([], ["--overwrite"]):
        told = apply("big.zarr", *more, out="out.zarr", status=2).stderr
        assert "out.zarr is a file; it cannot be the result" in told


class Stopped(BaseException):
    pass


def test_what_was_written_of_another_image_is_not_kept(rng, monkeypatch):
    array = plain(rng.random((3, 60, 70), np.float32))
    genuine, chunks = zarr_files.Files.__setitem__, []

    def stop(self, path, value):
        chunks.append(path)
        if len(chunks) > 20:
            raise Stopped
        genuine(self, path, value)

    monkeypatch.setattr(zarr_files.Files, "__setitem__", stop)
    with pytest.raises(Stopped):
        apply("big.zarr", "--most-bytes", "40k", out="out.zarr")
    monkeypatch.setattr(zarr_files.Files, "__setitem__", genuine)
    array[...] = array[...] + 1
    apply("big.zarr", "--most-bytes", "40k", out="out.zarr")
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(array[...], BANK, layout="NHW"))


@pytest.mark.parametrize("kind", ["array", "image"])
@pytest.mark.parametrize("n_writes", [0, 1, 7, 20])
def test_a_job_that_was_stopped_goes_on_with_what_is_left(rng, monkeypatch, written, kind, n_writes):
    image = rng.random((3, 60, 70), np.float32)
    if kind == "array":
        plain(image, 2)
    else:
        ome(image, "cyx", 3)
    options = ["big.zarr", "--most-bytes", "40k", "--workers", "1"]
    apply(*options, out="whole.zarr")
    n_all = sum(written.values())
    written.clear()
    genuine, chunks = zarr_files.Files.__setitem__, []

    def stop(self, path, value):
        if path.split("/")[-1].split(".")[0].isdigit():
            chunks.append(path)
            if len(chunks) > n_writes:
                with self.folder.below(path.split("/")[:-1], make=True) as folder:
                    Path(folder.path, path.split("/")[-1]).write_bytes(b"half")
                raise Stopped
        genuine(self, path, value)

    monkeypatch.setattr(zarr_files.Files, "__setitem__", stop)
    with pytest.raises(Stopped):
        apply(*options, out="out.zarr")
    before = -1
    while before != len(chunks):  # zarr's own thread goes on with the other chunks of a block
        before = len(chunks)
        time.sleep(0.2)
    monkeypatch.setattr(zarr_files.Files, "__setitem__", genuine)
    assert not Path("out.zarr").exists()
    written.clear()
    again = {}

    def count(self, path, value):
        again[path] = again.get(path, 0) + 1
        genuine(self, path, value)

    monkeypatch.setattr(zarr_files.Files, "__setitem__", count)
    apply(*options, out="out.zarr")
    assert tree("out.zarr") == tree("whole.zarr")
    if n_writes >= 7:
        assert sum(again.values()) < n_all - n_writes // 2
    assert set(again.values()) == {1}


def test_a_whole_part_gets_its_name_and_is_not_made_again(rng, monkeypatch, written):
    image = rng.random((3, 60, 70), np.float32)
    plain(image)
    genuine = zarr_run.put
    monkeypatch.setattr(zarr_run, "put", lambda *places: (_ for _ in ()).throw(OSError("stopped")))
    told = apply("big.zarr", out="out.zarr", status=1).stderr
    assert told == "Error: cannot write out.zarr: stopped\n"
    monkeypatch.setattr(zarr_run, "put", genuine)
    written.clear()
    apply("big.zarr", out="out.zarr")
    assert not written
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(image, BANK, layout="NHW"))


def test_no_images_have_no_responses():
    zarr.create_array("big.zarr", shape=(0, 40, 50), chunks=(1, 20, 20), dtype="f4")
    apply("big.zarr", out="out.zarr")
    assert responses().shape == (0, 38, 47, 6)


def test_a_part_of_other_images_or_sizes_is_not_gone_on_with(rng, monkeypatch):
    array = plain(rng.random((3, 60, 70), np.float32))
    genuine = zarr_run.put
    monkeypatch.setattr(zarr_run, "put", lambda *places: (_ for _ in ()).throw(OSError("stopped")))
    apply("big.zarr", out="out.zarr", status=1)
    monkeypatch.setattr(zarr_run, "put", genuine)
    array[...] = array[...] + 1
    apply("big.zarr", "--most-bytes", "30k", out="out.zarr")
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(array[...], BANK, layout="NHW"))


def test_an_image_that_changes_while_it_is_read_fails(rng, monkeypatch):
    array = plain(rng.random((3, 60, 70), np.float32))
    genuine = zarr_run.stream

    def stream(*arguments, **words):
        found = genuine(*arguments, **words)
        array[0] = 7
        return found

    monkeypatch.setattr(zarr_run, "stream", stream)
    assert "big.zarr: it was changed while it was read" in apply("big.zarr", out="out.zarr", status=1).stderr
    assert not Path("out.zarr").exists()

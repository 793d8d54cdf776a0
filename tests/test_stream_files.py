"""`stream` between files: a run that was killed goes on, what has changed is done anew, chunks of other libraries."""

import os

import numpy as np
import pytest
from checks import random_generator
from looping import for_each
from scripts import run_script, run_to_the_end
from streaming import Source, numbers, same_bits

import xcorr
from xcorr._stream_ends import home_of, journal_path

KILLED = """
import os, random, signal, sys, threading, time
from pathlib import Path
import numpy as np
import xcorr

folder, kind, after, more = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
waits = sys.argv[5] == "waits"  # until a block is written
images = np.memmap(folder / "images", np.float32, "r", shape=(24, 96, 80))
words = {"padding": "same", "layout": "NHW"}
words |= {"whole": {}, "parts": {}, "reduced": {"reduce": "max"}}[kind]
prepared = xcorr.Correlator(np.load(folder / "kernels.npy"), **words)
shape = (24, 2) if kind == "reduced" else (24, 96, 80, 2)
path = folder / f"{kind}.out"
out = np.memmap(path, np.float32, "r+" if path.exists() else "w+", shape=shape)
def kill():
    time.sleep(more)
    os.kill(os.getpid(), signal.SIGKILL)
began = time.monotonic()
told, kills = [], []
def tell(done, total):
    if 0 <= after <= len(told) and not kills and (done > told[0] or not waits):
        kills.append(done)
        threading.Thread(target=kill, daemon=True).start()
    told.append(done)
    if after >= 0:
        time.sleep(0.002)
xcorr.stream(prepared, images, out, max_bytes={"whole": 2**19, "parts": 2**16, "reduced": 2**16}[kind], progress=tell)
print(told[0], time.monotonic() - began, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("kind", ["whole", "parts", "reduced"])
def test_a_stream_that_was_killed_goes_on_and_gives_the_same_bytes(kind, tmp_path):
    rng = random_generator("killed", kind)
    images = np.memmap(tmp_path / "images", np.float32, "w+", shape=(24, 96, 80))
    images[...] = rng.standard_normal(images.shape)
    images.flush()
    kernels = rng.standard_normal((2, 5, 5)).astype(np.float32)
    np.save(tmp_path / "kernels.npy", kernels)
    words = {"reduce": "max"} if kind == "reduced" else {}
    expected = xcorr.Correlator(kernels, padding="same", layout="NHW", **words)(np.array(images))
    n_kills, went_on = 0, 0
    for waits in ("", "", "waits", "waits"):
        ended = run_to_the_end(KILLED, tmp_path, kind, int(rng.integers(3, 15)), float(rng.uniform(0, 0.004)), waits)
        n_kills += ended.status == -9
    printed = run_script(KILLED, tmp_path, kind, -1, 0, "")
    went_on = int(printed.split()[0])
    out = tmp_path / f"{kind}.out"
    assert same_bits(np.fromfile(out, np.float32).reshape(expected.shape), expected)
    assert not list(tmp_path.glob(".*xcorr-stream*"))
    assert n_kills
    assert went_on > 0 or n_kills < 4


def stopped_stream(tmp_path, prepared, images, most, out=None):
    """A result of which the first half is done, with its journal."""
    if out is None:
        out = np.memmap(tmp_path / "out", np.float32, "w+", shape=prepared(images).shape)

    def tell(done, total):
        if 2 * done > total:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        xcorr.stream(prepared, images, out, max_bytes=most, progress=tell)
    assert journal_path(home_of(out)).exists()
    return out


def test_what_is_done_is_not_done_again_unless_something_changed(tmp_path):
    rng = random_generator("journal")
    images = numbers(rng, (40, 32, 32), "float32")
    prepared = xcorr.Correlator(numbers(rng, (3, 3), "float32"), layout="NHW", padding="same")
    other = xcorr.Correlator(numbers(rng, (3, 3), "float32"), layout="NHW", padding="same")
    most = 2**16
    for change in ("nothing", "bank", "bytes", "zeros", "torn"):
        out = stopped_stream(tmp_path, prepared, images, most)
        source, bank = Source(images), other if change == "bank" else prepared
        if change == "zeros":
            out[...] = 0
        elif change == "torn":
            out[0, 0, :3] = 7
            with journal_path(home_of(out)).open("a") as file:
                file.write("[3")
        xcorr.stream(bank, source, out, max_bytes=most // 2 if change == "bytes" else most)
        assert same_bits(np.asarray(out), bank(images)), change
        first = min(place[0].start for place in source.places)
        assert (first > 10) == (change == "nothing"), (change, first)
        n_read = sum(place[0].stop - place[0].start for place in source.places)
        assert (n_read < 40) == (change in ("nothing", "torn")), (change, n_read)
        assert not journal_path(home_of(out)).exists()


def test_an_image_file_that_changed_is_read_anew(tmp_path):
    rng = random_generator("file")
    images = np.memmap(tmp_path / "images", np.float32, "w+", shape=(40, 32, 32))
    images[...] = 1
    images.flush()
    prepared = xcorr.Correlator(numbers(rng, (3, 3), "float32"), layout="NHW", padding="same")
    out = stopped_stream(tmp_path, prepared, images, 2**16)
    np.full(images.shape, 2, np.float32).tofile(tmp_path / "images")
    images = np.memmap(tmp_path / "images", np.float32, "r", shape=(40, 32, 32))
    xcorr.stream(prepared, images, out, max_bytes=2**16)
    assert same_bits(np.asarray(out), prepared(np.array(images)))


def share_of_before(prepared, images, out, most):
    """What a stream that goes on has of a stopped one."""
    shares = []
    xcorr.stream(prepared, images, out, max_bytes=most, progress=lambda done, total: shares.append(done / total))
    return shares[0]


@for_each("view", ["same", "same file", "second half", "reversed", "other rows", "later", "turned"])
def test_blocks_of_another_part_of_a_file_are_not_kept(view, tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("views"), random_generator("views")
    images = np.memmap(folder / "images", np.float32, "w+", shape=(80, 32, 32))
    images[...] = rng.standard_normal(images.shape)
    images.flush()
    prepared = xcorr.Correlator(numbers(rng, (3, 3), "float32"), layout="NHW", padding="same")
    later = np.memmap(folder / "images", np.float32, "r", 5000, (40, 32, 32))
    first, second = {
        "same": (images[3:43], images[3:43]),
        "same file": (later[10:35], images.ravel()[11490:37090].reshape(25, 32, 32)),
        "second half": (images[:40], images[40:]),
        "reversed": (images[:40], images[:40][::-1]),
        "other rows": (images[:40], images[:80:2]),
        "later": (images[:40], later),
        "turned": (images[:40], images[:40].swapaxes(1, 2)),
    }[view]
    out = stopped_stream(folder, prepared, first, 2**16)
    assert (share_of_before(prepared, second, out, 2**16) > 0) == view.startswith("same")
    assert same_bits(np.asarray(out), prepared(np.array(second)))


@for_each("change", [None, "pixels", "chunk", "moved", "removed"])
@for_each("place", ["file", "apart", "sibling", "inside", "array inside"])
def test_a_zarr_image_that_changed_is_read_anew(change, place, tmp_path_factory):
    zarr = pytest.importorskip("zarr")
    folder, rng, most = tmp_path_factory.mktemp("zarr"), random_generator("zarr"), 2**16
    pixels = numbers(rng, (40, 32, 32), "float32")
    words = {"chunks": (4, 32, 32), "compressors": None}
    group = zarr.open_group(str(folder / "group"), mode="w")
    images = group.create_array("images", data=pixels, **words)
    prepared = xcorr.Correlator(numbers(rng, (3, 3), "float32"), layout="NHW", padding="same")
    own = folder / "group" / "images"
    for index, path in enumerate(sorted(path for path in own.rglob("*") if path.is_file())):
        os.utime(path, (index, index))  # those written at once may have one time
    words |= {"shape": images.shape, "dtype": np.float32}
    if place in ("file", "inside"):
        out = np.memmap((own if place == "inside" else folder) / "out", np.float32, "w+", shape=images.shape)
    elif place == "sibling":
        out = group.create_array("out", **words)
    else:
        out = zarr.create_array(str((own if place == "array inside" else folder) / "out"), **words)
    stopped_stream(folder, prepared, images, most, out)
    chunks = [own / "c" / str(index) / "0" / "0" for index in range(3)]
    if change == "pixels":
        images[...] = -pixels
    elif change == "chunk":  # of the same size
        images[1] = 7
    elif change == "moved":
        for one, other in ((chunks[0], folder / "held"), (chunks[1], chunks[0]), (folder / "held", chunks[1])):
            one.rename(other)
    elif change == "removed":
        chunks[2].unlink()
    assert (share_of_before(prepared, images, out, most) > 0) == (change is None)
    assert same_bits(np.asarray(out[...]), prepared(images[...]))


@for_each("library", ["h5py", "zarr"])
@for_each("cuts", [False, True])
def test_arrays_of_other_libraries_are_read_and_written_in_their_chunks(library, cuts, tmp_path_factory):
    module = pytest.importorskip(library)
    folder, rng = tmp_path_factory.mktemp(library), random_generator(library, cuts)
    images = numbers(rng, (6, 90, 70), "float32")
    prepared = xcorr.Correlator(numbers(rng, (2, 5, 5), "float32"), layout="NHW", padding="same", boundary="reflect")
    expected = prepared(images)
    words = {"chunks": (2, 32, 32, 2), "dtype": "float32", "shape": expected.shape}
    if library == "h5py":
        file = module.File(folder / "file.h5", "w")
        source = file.create_dataset("images", data=images, chunks=(1, 30, 70))
        sink = file.create_dataset("responses", **words)
    else:
        source = module.create_array(str(folder / "images.zarr"), data=images, chunks=(1, 30, 70))
        sink = module.create_array(str(folder / "out.zarr"), **words)
    assert home_of(sink) is not None
    most = images[0].nbytes * 2 if cuts else 2**28
    assert xcorr.stream(prepared, source, sink, max_bytes=most) is sink
    assert same_bits(np.asarray(sink[...]), expected)
    assert not list(folder.glob(".*xcorr-stream*"))
    if library == "h5py":
        file.close()

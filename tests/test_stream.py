"""`stream`: the bits of one call, whole chunks, bounded memory, and runs that are stopped or killed go on."""

import importlib.util
import itertools
import threading
import tracemalloc
from math import prod

import numpy as np
import pytest
from checks import EXAMPLES, random_generator
from looping import for_each
from scripts import run_script
from streaming import LAYOUTS, Sink, Source, bytes_of, numbers, random_call, random_reduction, same_bits

import xcorr
from xcorr._blocks import cut
from xcorr._pieces import bytes_of as piece_bytes
from xcorr._pieces_found import pieces_of

SHARES = (4, 1, 0.7, 0.35)
MOST = 400  # blocks: a transform of a section for each pixel takes minutes


def sinks_of(result, rng):
    """What takes a result, in chunks or not."""
    if isinstance(result, tuple):
        return tuple(sinks_of(own, rng) for own in result)
    chunks = tuple(int(rng.integers(1, length + 1)) for length in result.shape)
    return Sink(result.shape, result.dtype, chunks if rng.random() < 0.5 else None)


@for_each("layout", LAYOUTS)
@for_each("reduces", [False, True])
def test_a_stream_has_the_bits_of_one_call(layout, reduces):
    rng, n_checked, n_cut = random_generator("stream", layout, reduces), 0, 0
    for _ in range(EXAMPLES):
        images, kernels, words = random_call(rng, layout=layout)
        if reduces and images.dtype.kind != "c":
            words |= random_reduction(rng)
        images = images[0] if rng.random() < 0.2 else images
        try:
            prepared = xcorr.Correlator(kernels, **words)
            expected = prepared(images)
        except (ValueError, TypeError, OverflowError):
            continue
        if not bytes_of(expected):
            continue
        source, most = Source(images), int((images.nbytes + bytes_of(expected)) * float(rng.choice(SHARES)))
        outs = sinks_of(expected, rng) if rng.random() < 0.5 else None
        try:
            if (
                len(cut(pieces_of(prepared, images.shape, images.dtype), images.itemsize, most, None, None).blocks)
                > MOST
            ):
                continue
            found = xcorr.stream(prepared, source, outs, max_bytes=most, workers=1)
        except MemoryError as error:
            assert "max_bytes: got" in str(error)
            continue
        if outs is not None:
            assert found is outs
            sinks = outs if isinstance(outs, tuple) else (outs,)
            assert all((sink.counts == 1).all() for sink in sinks)
            found = tuple(sink.array for sink in sinks) if isinstance(outs, tuple) else outs.array
        assert same_bits(found, expected), (words, images.shape, images.dtype, kernels.shape, most)
        assert source.most_bytes <= most
        n_checked, n_cut = n_checked + 1, n_cut + (source.most_bytes < images.nbytes / len(images))
    assert n_checked >= EXAMPLES // 4
    assert n_cut


@for_each("layout", ["NHW", "NCHW", "NW", "NDHW", "NCDHW"])
@for_each("kind", ["plain", "mask", "finite", "pairwise", "scores", "pairs of scores"])
def test_other_images_have_the_bits_of_one_call(layout, kind):
    rng = random_generator("whole images", layout, kind)
    sizes = {"N": 6, "D": 5, "H": 12, "W": 20, "C": 2}
    of_kernels = {"N": 3, "D": 2, "H": 3, "W": 4, "C": 2}
    images = numbers(rng, [sizes[letter] for letter in layout], "float32")
    kernels = numbers(rng, [*([6] if "pair" in kind else []), *(of_kernels[letter] for letter in layout)], "float32")
    words = {"layout": layout, "padding": "same"}
    if kind == "mask":
        shapes = (images.shape, images.shape[1:], images.shape[-3:] if "C" in layout else images.shape[1:])
        words["mask"] = rng.random(shapes[int(rng.integers(2))]) > 0.3
    elif kind == "finite":
        words |= {"mask": "finite", "normalize": True}
        images.flat[::7] = np.nan
    elif "pair" in kind:
        words["pairwise"] = True
    prepared = (xcorr.Matcher if "scores" in kind else xcorr.Correlator)(kernels, **words)
    expected = prepared(images)
    for share in (4, 1, 0.6):
        most = int((images.nbytes + expected.nbytes) * share)
        assert same_bits(xcorr.stream(prepared, Source(images), max_bytes=most), expected)
    if layout[1] == "D" or "pair" in kind:
        with pytest.raises(MemoryError, match="max_bytes: got 100; at least"):
            xcorr.stream(prepared, Source(images), max_bytes=100)


def test_a_mask_of_all_images_is_no_mask_of_some():
    rng = random_generator("ambiguous")
    images, kernels = numbers(rng, (6, 2, 20, 20), "float32"), numbers(rng, (3, 2, 3, 3), "float32")
    prepared = xcorr.Correlator(kernels, layout="NCHW", mask=rng.random((2, 20, 20)) > 0.5)
    most = 3 * 2 * (images[:2].nbytes + prepared(images)[:2].nbytes)
    assert same_bits(xcorr.stream(prepared, images, max_bytes=most // 2), prepared(images))


def test_scores_reduced_and_their_peaks_have_the_bits_of_one_call():
    rng = random_generator("reduced scores")
    images, templates = numbers(rng, (2, 700, 620), "float32"), numbers(rng, (3, 9, 8), "float32")
    for words in ({"reduce": ("max", "argmax", "mean")}, {"reduce": xcorr.Peaks(5, min_distance=9)}, {"reduce": "min",
                  "over": "kernels"}):  # fmt: skip
        prepared = xcorr.Matcher(templates, layout="NHW", padding="same", **words)
        source = Source(images)
        found = xcorr.stream(prepared, source, max_bytes=images[0].nbytes * 2)
        assert same_bits(found, prepared(images))
        assert source.most_bytes < images[0].nbytes


@for_each("name", ["Correlator", "Matcher"])
@for_each("reduce", ["max", "argmax", "mean", ("max", "min"), xcorr.Peaks(2)])
def test_one_image_and_one_kernel_reduced_are_what_a_call_gives(name, reduce):
    rng = random_generator("one number", name)
    image, kernel = numbers(rng, (60, 50), "float32"), numbers(rng, (3, 3), "float32")
    prepared = getattr(xcorr, name)(kernel, layout="NHW", reduce=reduce)
    expected = prepared(image)
    several = expected if isinstance(expected, tuple) else (expected,)
    outs = tuple(np.zeros(own.shape, own.dtype) for own in several)
    is_cut = name == "Correlator" and not isinstance(reduce, xcorr.Peaks)
    for most in (2**28, image.nbytes - 100) if is_cut else (2**28,):
        for out in (None, outs if isinstance(expected, tuple) else outs[0]):
            found = xcorr.stream(prepared, image, out, max_bytes=most)
            assert type(found) is type(expected)
            assert same_bits(found, expected), (most, out)


def test_no_images_give_an_empty_result():
    found = xcorr.stream(PREPARED, IMAGES[:0])
    assert (found.shape, found.dtype) == ((0, 8, 8, 2), np.float32)
    with pytest.raises(ValueError, match="largest|over no|at least 1"):
        xcorr.stream(xcorr.Correlator(np.ones((0, 3, 3)), layout="NHW", reduce="max", over="kernels"), IMAGES)


# --- how it is cut ----------------------------------------------------------------------------------------------------


SMALL_CASES = (  # shape of the images and of the kernels, dtype, keywords, bytes
    ((2, 16, 49, 43), (2, 16, 7, 3), "float16", {"layout": "NCHW", "padding": "full", "method": "fft"}, 54126),
    ((2, 221), (1, 3), "float16", {"layout": "NW", "dilation": 3, "method": "fft"}, 1220),
    ((2, 16, 48, 52), (5, 16, 3, 3), "float64",
     {"layout": "NCHW", "padding": ((17, 25), (23, 1)), "boundary": "wrap", "method": "winograd",
      "roi": (slice(1, None), slice(2, -1))}, 396597),
)  # fmt: skip


def test_every_block_has_room():
    rng, n_cut = random_generator("blocks"), 0
    cases = [
        (images.shape, kernels.shape, images.dtype, words, None)
        for images, kernels, words in (random_call(rng) for _ in range(3 * EXAMPLES))
    ]
    for shape, of_kernels, dtype, words, most in (*SMALL_CASES, *cases):
        try:
            prepared = xcorr.Correlator(np.ones(of_kernels, dtype), **words)
            pieces = pieces_of(prepared, shape, np.dtype(dtype))
        except (ValueError, TypeError, OverflowError):
            continue
        itemsize, results = np.dtype(dtype).itemsize, pieces.results
        of_call = prod(shape) * itemsize + sum(prod(own.shape) * own.dtype.itemsize for own in results)
        try:
            way = cut(pieces, itemsize, most or int(of_call * float(rng.choice([0.7, 0.35, 0.1]))) + 1, None, None)
        except MemoryError:
            continue
        for block in way.blocks:
            if block.area is not None:
                n_cut += 1
                needed = (block.end - block.first) * sum(piece_bytes(pieces, block.area, itemsize))
                assert needed <= way.block_bytes, (block, words, shape, of_kernels, dtype)
    assert n_cut


def test_chunks_of_both_sides_are_followed():
    images = np.zeros((40, 32, 32), np.float32)
    prepared = xcorr.Correlator(np.ones((3, 3), np.float32), layout="NHW", padding="same")
    sink = Sink(images.shape, images.dtype, chunks=(6, 32, 32))
    source = Source(images, chunks=(4, 32, 32))
    xcorr.stream(prepared, source, sink, max_bytes=3 * 2 * 15 * images[0].nbytes)
    assert [place[0].start for place in sink.places] == [0, 12, 24, 36]
    assert [place[0].start for place in source.places] == [0, 12, 24, 36]


@for_each(
    ("chunks", "shape", "words", "share"),
    [
        *(((own), (2, 200, 200), {}, 3) for own in ((1, 64, 64), (1, 50, 200), (1, 200, 70), (2, 32, 48))),
        ((1, 100, 130), (2, 200, 150), {}, 4),  # wider than half of an image
        ((1, 64, 64), (2, 100, 900), {"method": "fft"}, 2),  # an odd number of sections across
    ],
)
def test_a_chunk_is_written_by_one_block_alone(chunks, shape, words, share):
    images = numbers(random_generator(chunks), shape, "float32")
    kernel = np.ones((9, 9) if words else (5, 5), np.float32)
    prepared = xcorr.Correlator(kernel, layout="NHW", padding="same", **words)
    sink, written = Sink(images.shape, images.dtype, chunks), {}
    xcorr.stream(prepared, Source(images), sink, max_bytes=share * images[0].nbytes)
    assert same_bits(sink.array, prepared(images))
    assert sink.n_writes > 2
    for number, place in enumerate(sink.places):
        spans = (range(own.start // length, -(-own.stop // length)) for own, length in zip(place, chunks, strict=True))
        for chunk in itertools.product(*spans):
            assert written.setdefault(chunk, number) == number


def test_memory_is_bounded():
    images = np.zeros((60, 400, 300), np.float32)

    class Made:
        shape, dtype = images.shape, images.dtype

        def __getitem__(self, place):
            return np.ones([own.stop - own.start for own in place], np.float32)

    class Lost(Made):
        def __setitem__(self, place, values):
            pass

    prepared = xcorr.Correlator(np.ones((3, 3), np.float32), layout="NHW", padding="same")
    for most in (2**20, 2**22):
        xcorr.stream(prepared, Made(), Lost(), max_bytes=most, workers=1)
        tracemalloc.start()
        try:
            xcorr.stream(prepared, Made(), Lost(), max_bytes=most, workers=1)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak <= most + 2**19, (peak, most)


def test_reading_and_writing_go_on_while_blocks_are_computed():
    images = numbers(random_generator("overlap"), (24, 128, 128), "float32")
    prepared = xcorr.Correlator(np.ones((3, 3), np.float32), layout="NHW")
    sink = Sink(prepared(images).shape, images.dtype)
    source = Source(images)
    xcorr.stream(prepared, source, sink, max_bytes=2**20)
    assert len(sink.threads) == 1
    assert threading.get_ident() not in sink.threads


# --- what is refused --------------------------------------------------------------------------------------------------

PREPARED = xcorr.Correlator(np.ones((2, 3, 3), np.float32), layout="NHW")
IMAGES = np.ones((4, 10, 10), np.float32)


@for_each(
    ("arguments", "words", "error", "text"),
    [
        ((np.ones((3, 3)), IMAGES), {}, TypeError, "prepared: got ndarray; allowed are a Correlator and a Matcher"),
        ((PREPARED, [[1.0]]), {}, TypeError, "images: got list; allowed is what has a shape"),
        ((PREPARED, IMAGES.astype(object)), {}, TypeError, "images: "),
        ((PREPARED, IMAGES[0, 0]), {}, ValueError, "images: shape"),
        ((PREPARED, IMAGES, np.zeros((4, 8, 8, 2))), {}, TypeError, "out: got dtype float64; allowed is float32"),
        ((PREPARED, IMAGES, np.zeros((4, 8, 8), np.float32)), {}, ValueError, "out: got shape (4, 8, 8)"),
        ((PREPARED, IMAGES, Sink((4, 8, 8), np.float32)), {}, ValueError, "out: got shape (4, 8, 8)"),
        ((PREPARED, IMAGES, Sink((4, 8, 8, 2), np.float64)), {}, TypeError, "out: got dtype float64"),
        ((PREPARED, IMAGES, 7), {}, TypeError, "out: got int; allowed is what has a shape"),
        ((PREPARED, IMAGES), {"max_bytes": 0}, ValueError, "max_bytes: got 0"),
        ((PREPARED, IMAGES), {"max_bytes": 1.5}, TypeError, "max_bytes: got 1.5"),
        ((PREPARED, IMAGES), {"max_bytes": 30}, MemoryError, "max_bytes: got 30; at least"),
        ((PREPARED, IMAGES), {"workers": 0}, ValueError, "workers: got 0"),
        ((PREPARED, IMAGES), {"progress": 7}, TypeError, "progress: got 7"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(arguments, words, error, text):
    with pytest.raises(error) as caught:
        xcorr.stream(*arguments, **words)
    assert text in str(caught.value), caught.value


@for_each("fill_value", [300, np.nan, (1, 2)])
def test_a_fill_value_that_images_have_not_is_refused_before_there_is_a_journal(fill_value, tmp_path_factory):
    folder = tmp_path_factory.mktemp("refused")
    prepared = xcorr.Correlator(np.ones((1, 3, 3), np.uint8), layout="NHW", padding=1, fill_value=fill_value)
    out = np.memmap(folder / "out", np.int64, "w+", shape=(4, 9, 9, 1))
    with pytest.raises(ValueError, match="fill_value"):
        xcorr.stream(prepared, np.ones((4, 9, 9), np.uint8), out)
    assert [path.name for path in folder.iterdir()] == ["out"]


def test_a_result_over_the_images_is_refused(tmp_path):
    prepared = xcorr.Correlator(np.ones((1, 1), np.float32), layout="NHW")
    images = np.memmap(tmp_path / "images", np.float32, "w+", shape=(4, 9, 9))
    again = np.memmap(tmp_path / "images", np.float32, "r+", shape=(4, 9, 9))
    for out in (images, again, images[::-1]):
        with pytest.raises(ValueError, match="out: it shares memory or a file with the images"):
            xcorr.stream(prepared, images, out)


def names_of_one_array(library, folder):
    """An array in a file or folder, the same under other names, and another one beside it."""
    module = pytest.importorskip(library)
    pixels = np.ones((4, 16, 16), np.float32)
    (folder / "link").symlink_to(folder)
    if library == "h5py":
        file = module.File(folder / "file", "w")
        for name in ("images", "other"):
            file[name] = pixels
        file["inner/hard"], file["soft"] = file["images"], module.SoftLink("/images")
        with module.File(folder / "outer", "w") as outer:
            outer["external"] = module.ExternalLink("file", "/images")
        names = file["inner/hard"], file["soft"], module.File(folder / "outer", "r+")["external"]
        return file["images"], names, file["other"]
    group = module.open_group(str(folder / "group"), mode="w")
    for name in ("images", "other"):
        group.create_array(name, data=pixels, chunks=(1, 16, 16))
    paths = (folder / "group" / "images", folder / "link" / "group" / "images")
    names = [module.open_array(str(path), mode="r+") for path in paths]
    names.append(module.open_group(str(folder / "link" / "group"), mode="r+")["images"])
    return group["images"], names, group["other"]


@for_each("library", ["h5py", "zarr"])
def test_an_array_is_known_whatever_its_name(library, tmp_path_factory):
    images, names, other = names_of_one_array(library, tmp_path_factory.mktemp(library))
    prepared = xcorr.Correlator(np.ones((3, 3), np.float32), layout="NHW", padding="same")
    words = {"layout": "NHW", "padding": "same", "reduce": ("max", "min"), "over": "kernels"}
    several = xcorr.Correlator(np.ones((1, 3, 3), np.float32), **words)
    for own in names:
        for one, out in ((images, own), (own, images)):
            with pytest.raises(ValueError, match="out: it shares memory or a file with the images"):
                xcorr.stream(prepared, one, out)
        with pytest.raises(ValueError, match="out: it shares memory or a file with another of its arrays"):
            xcorr.stream(several, images[...], (images, own))
    assert (images[...] == 1).all()
    assert same_bits(xcorr.stream(prepared, images, other)[...], prepared(images[...]))
    if library == "h5py":
        names[-1].file.close()
        images.file.close()


def test_a_source_that_gives_other_pixels_is_refused():
    class Wrong(Source):
        def __getitem__(self, place):
            return super().__getitem__(place).astype(np.float64)

    with pytest.raises(ValueError, match="images: a slice of shape"):
        xcorr.stream(PREPARED, Wrong(IMAGES))


def test_integers_that_do_not_fit_name_their_block():
    images = np.zeros((12, 8, 8), np.int16)
    images[9] = 30000
    prepared = xcorr.Correlator(np.ones((3, 3), np.int16), layout="NHW", dtype="int16")
    sink = Sink((12, 6, 6), np.int16)
    with pytest.raises(OverflowError, match=r"blocks before that of images \[8, 10\) are written"):
        xcorr.stream(prepared, images, sink, max_bytes=3 * 2 * (128 + 72))
    assert (sink.counts[:8] == 1).all()
    assert not sink.counts[8:].any()


# --- errors and signals -----------------------------------------------------------------------------------------------


@for_each("side", ["source", "sink"])
@for_each("at", [0, 1, 5])
def test_what_a_side_raises_is_raised_and_stops_the_other(side, at):
    images = np.ones((64, 32, 32), np.float32)
    prepared = xcorr.Correlator(np.ones((3, 3), np.float32), layout="NHW")
    source = Source(images, seconds=0.25, breaks_at=at if side == "source" else None)
    sink = Sink((64, 30, 30), np.float32, breaks_at=at if side == "sink" else None)
    before = threading.active_count()
    with pytest.raises(OSError, match="the disk is gone" if side == "source" else "no space left"):
        xcorr.stream(prepared, source, sink, max_bytes=3 * 2 * (4096 + 3600))
    assert sink.n_writes == at if side == "sink" else sink.n_writes <= at
    assert source.n_reads <= at + 4
    assert threading.active_count() <= before


def test_what_progress_raises_is_raised():
    def tell(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        xcorr.stream(PREPARED, IMAGES, progress=tell)


def test_progress_is_told_in_bytes():
    told = []
    images = np.ones((64, 32, 32), np.float32)
    prepared = xcorr.Correlator(np.ones((3, 3), np.float32), layout="NHW")
    xcorr.stream(prepared, images, max_bytes=2**16, progress=lambda *both: told.append(both))
    assert told[0] == (0, images.nbytes)
    assert told[-1] == (images.nbytes, images.nbytes)
    assert told == sorted(told)


@pytest.mark.skipif(importlib.util.find_spec("rich") is None, reason="a bar needs rich")
def test_a_bar_is_shown(capsys):
    assert xcorr.stream(PREPARED, IMAGES, progress=True).shape == (4, 8, 8, 2)


def test_a_bar_without_its_library_is_an_error_of_one_line():
    text = """
import sys
sys.modules["rich"] = sys.modules["rich.progress"] = None
import numpy as np, xcorr
try:
    xcorr.stream(xcorr.Correlator(np.ones((3, 3)), layout="NHW"), np.ones((2, 9, 9)), progress=True)
except ImportError as error:
    print(error)
"""
    assert 'pip install "xcorr[cli]"' in run_script(text)


INTERRUPTED = """
import _thread, signal, sys, threading, time
import numpy as np
import xcorr

signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells have ignored by what runs in the background

class Slow:
    shape, dtype = (1000, 64, 64), np.dtype(np.float32)
    def __getitem__(self, place):
        time.sleep(float(sys.argv[1]))
        return np.ones([own.stop - own.start for own in place], np.float32)

class Sink:
    shape, dtype, counts = (1000, 62, 62), np.dtype(np.float32), np.zeros((1000, 62, 62), int)
    def __setitem__(self, place, values):
        self.counts[place] += 1

prepared, sink = xcorr.Correlator(np.ones((3, 3), np.float32), layout="NHW"), Sink()
prepared(np.ones((4, 64, 64), np.float32))
def interrupt():
    global sent
    time.sleep(0.3)
    sent = time.monotonic()
    _thread.interrupt_main()
threading.Thread(target=interrupt).start()
try:
    xcorr.stream(prepared, Slow(), sink, max_bytes=2**18)
    print("no interrupt")
except KeyboardInterrupt:
    took = time.monotonic() - sent
    per_image = sink.counts.reshape(1000, -1)
    whole = bool(((per_image == 0).all(1) | (per_image == 1).all(1)).all())
    print(took < 0.25, whole, sink.counts.max() == 1)
"""


@for_each("seconds", [0.01, 3.0])
def test_ctrl_c_is_answered_and_leaves_whole_blocks(seconds):
    printed = run_script(INTERRUPTED, seconds).split()
    assert printed[:2] == ["True", "True"]

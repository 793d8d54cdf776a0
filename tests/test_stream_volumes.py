"""`stream` and dask with volumes: cut along planes, with the bits of one call."""

import tracemalloc
from math import prod

import numpy as np
import pytest
from checks import EXAMPLES, random_generator
from looping import for_each
from streaming import BOUNDARIES, Sink, Source, bytes_of, numbers, random_reduction, same_bits

import xcorr
import xcorr.dask
from xcorr._pieces_found import pieces_of

LAYOUTS = ("NDHW", "NDHWC", "NCDHW")
DTYPES = ("float32", "float64", "uint8", "int16", "int64", "complex64", "float16")


def random_operands(rng, layout, dtype):
    """Volumes, kernels of three axes, and their groups."""
    channels = int(rng.choice([1, 2, 3]))
    groups = channels if "C" in layout and rng.random() < 0.2 else 1
    n_kernels = groups * int(rng.choice([1, 2, 4]))
    depth, height, width = (int(rng.integers(least, 14)) for least in (3, 1, 2))
    of_volumes = {"N": 2, "D": depth, "H": height, "W": width, "C": channels}
    of_kernels = {"N": n_kernels, "C": channels // groups}
    of_kernels |= {letter: int(rng.integers(1, most)) for letter, most in (("D", 5), ("H", 4), ("W", 5))}
    volumes, kernels = (numbers(rng, [own[letter] for letter in layout], dtype) for own in (of_volumes, of_kernels))
    if dtype == "int64" and rng.random() < 0.5:
        volumes *= 2**44  # sums of planes that float64 does not hold
    if dtype[0] == "f" and rng.random() < 0.3:
        volumes.flat[rng.integers(volumes.size)] = np.nan
    return volumes, kernels, groups


def random_words(rng, layout, dtype):
    """Keywords of banks and of templates, which may contradict each other."""
    words = {"layout": layout, "padding": str(rng.choice(["valid", "same", "full", "pairs"])), "boundary": "constant"}
    if words["padding"] == "pairs":
        words["padding"] = tuple(tuple(map(int, rng.integers(0, 9, 2))) for _ in range(3))
    if rng.random() < 0.6:
        words["boundary"] = tuple(map(str, rng.choice(BOUNDARIES, 3)))
    words["stride"] = tuple(map(int, rng.choice([1, 1, 2, 3, 5], 3)))
    words["dilation"] = tuple(map(int, rng.choice([1, 1, 2, 3], 3)))
    if "constant" in words["boundary"] and rng.random() < 0.3:
        words["fill_value"] = 2
    if rng.random() < 0.3:
        words["roi"] = (slice(1, None), slice(0, -1), slice(None))
    if dtype[0] != "c" and rng.random() < 0.6:
        words |= random_reduction(rng)
    return words


def random_volume_call(rng, layout, scores):
    """What prepares, kernels, keywords, which may contradict each other, and volumes."""
    dtype = str(rng.choice(DTYPES[:5] if scores else DTYPES))
    volumes, kernels, groups = random_operands(rng, layout, dtype)
    words = random_words(rng, layout, dtype)
    if not scores:
        words |= {"groups": groups, "method": str(rng.choice(["auto", "direct", "fft", "matmul"]))}
        words |= {"mask": "finite"} if rng.random() < 0.3 else {}
        words["normalize"] = bool(rng.random() < 0.3)
    else:
        words["score"] = str(rng.choice(["zncc", "ncc", "ssd", "nssd", "covariance", "correlation"]))
        words |= {"template_mask": rng.random(kernels.shape) > 0.2} if rng.random() < 0.2 else {}
    return (xcorr.Matcher if scores else xcorr.Correlator), kernels, words, volumes


def random_volume_calls(rng, layout, scores):
    """What is prepared, volumes and what a call gives, of calls that are not refused."""
    for _ in range(100 * EXAMPLES):
        make, kernels, words, volumes = random_volume_call(rng, layout, scores)
        volumes = volumes[0] if rng.random() < 0.2 else volumes
        try:
            prepared = make(kernels, **words)
            expected = prepared(volumes)
        except (ValueError, TypeError, OverflowError):
            continue
        if bytes_of(expected):
            yield prepared, volumes, expected
    raise AssertionError("nothing is cut")


@for_each("layout", LAYOUTS)
@for_each("scores", [False, True])
def test_a_stream_of_volumes_has_the_bits_of_one_call(layout, scores):
    rng, n_checked, n_cut = random_generator("volumes", layout, scores), 0, 0
    for prepared, volumes, expected in random_volume_calls(rng, layout, scores):
        source, most = Source(volumes), int((volumes.nbytes + bytes_of(expected)) * float(rng.choice([1, 0.5, 0.25])))
        several = expected if isinstance(expected, tuple) else (expected,)
        sinks = tuple(
            Sink(own.shape, own.dtype, tuple(int(rng.integers(1, length + 1)) for length in own.shape))
            for own in several
        )
        outs = sinks if isinstance(expected, tuple) else sinks[0]
        try:
            assert xcorr.stream(prepared, source, outs, max_bytes=max(1, most), workers=1) is outs
        except MemoryError as error:
            assert "max_bytes: got" in str(error)
            continue
        assert all((sink.counts == 1).all() for sink in sinks)
        assert all(map(same_bits, (sink.array for sink in sinks), several)), (prepared, volumes.shape, most)
        assert source.most_bytes <= most
        n_checked += 1
        n_cut += source.most_bytes < volumes.nbytes / (len(volumes) if volumes.ndim == len(layout) else 1)
        if n_cut and n_checked >= EXAMPLES // 3:
            return


@for_each("words", [{}, {"normalize": True}, {"boundary": "wrap"}, {"reduce": "max"}, {"reduce": xcorr.Peaks(2)}])
def test_memory_of_one_volume_is_bounded(words):
    shape = (240, 64, 64)

    class Made:
        dtype = np.dtype(np.float32)

        def __init__(self, shape):
            self.shape = shape

        def __getitem__(self, place):
            return np.ones([own.stop - own.start for own in place], np.float32)

        def __setitem__(self, place, values):
            pass

    prepared = xcorr.Correlator(np.ones((3, 3, 3), np.float32), layout="NDHW", padding="same", **words)
    source, out = Made(shape), None if "reduce" in words else Made(shape)
    whole = 240 * 64 * 64 * 4
    xcorr.stream(prepared, source, out, max_bytes=whole // 4, workers=1)
    tracemalloc.start()
    try:
        xcorr.stream(prepared, source, out, max_bytes=whole // 4, workers=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= whole, (peak, whole)


def test_planes_that_a_stride_passes_over_are_not_read():
    volume = numbers(random_generator("passed over"), (40, 9, 9), "float32")
    prepared = xcorr.Correlator(np.ones((2, 3, 3), np.float32), layout="NDHW", stride=(5, 1, 1))
    source = Source(volume)
    assert same_bits(xcorr.stream(prepared, source, max_bytes=3 * 6 * 9 * 9 * 4), prepared(volume))
    planes = [plane for place in source.places for plane in range(place[0].start, place[0].stop)]
    assert planes == [first + own for first in range(0, 40, 5) for own in range(2)]


def test_an_overflow_names_its_planes():
    volume = np.zeros((20, 8, 8), np.int16)
    volume[14] = 30_000
    prepared = xcorr.Correlator(np.ones((1, 3, 3), np.int16), layout="NDHW", dtype="int16")
    sink = Sink((20, 6, 6), np.int16)
    with pytest.raises(OverflowError, match=r"blocks before that of images \[0, 1\), planes \[14, 15\), rows \[0, 6\)"):
        xcorr.stream(prepared, volume, sink, max_bytes=3 * (8 * 8 + 6 * 6) * 2)
    assert (sink.counts[:14] == 1).all()
    assert not sink.counts[14:].any()


def test_what_is_not_cut_says_so():
    volume, kernels = np.ones((2, 9, 10, 11), np.float32), np.ones((2, 3, 3, 3), np.float32)
    cases = {
        "it has a mask": (kernels, {"mask": np.ones((9, 10, 11), bool)}, volume),
        "each volume has its own kernels": (np.stack([kernels] * 2), {"pairwise": True}, volume),
        "it has one plane of responses": (kernels, {}, volume[:, :3]),
        "its planes are the rows of one image": (kernels[:, :, :1], {}, volume[:, :, :1]),
    }
    for obstacle, (bank, words, volumes) in cases.items():
        prepared = xcorr.Correlator(bank, layout="NDHW", **words)
        assert pieces_of(prepared, volumes.shape, volumes.dtype).obstacle == obstacle
        with pytest.raises(MemoryError, match=f"an image cannot be cut, as {obstacle}"):
            xcorr.stream(prepared, volumes, max_bytes=100)
        assert same_bits(xcorr.stream(prepared, volumes), prepared(volumes))


@for_each("reduces", [{}, {"reduce": ("max", "argmax"), "over": "kernels"}, {"reduce": "mean"}])
def test_a_part_of_no_columns_is_what_a_call_gives(reduces):
    volume, kernels = np.ones((2, 9, 10, 11), np.float32), np.ones((2, 3, 3, 3), np.float32)
    words = {"layout": "NDHW", "roi": (slice(None), slice(None), slice(5, 5)), **reduces}
    for prepared in (xcorr.Correlator(kernels, **words), xcorr.Matcher(kernels, **words)):
        assert same_bits(xcorr.stream(prepared, volume, max_bytes=8000), prepared(volume))


def test_means_of_large_whole_numbers_are_rounded_once():
    rng, kernel = random_generator("large means"), np.ones((1, 1, 1), np.int64)
    prepared = xcorr.Correlator(kernel, layout="NDHW", reduce=("mean", "argmax"))
    for _ in range(20):
        volume = rng.integers(0, 2**56, (30, 7, 9))
        found = xcorr.stream(prepared, Source(volume), max_bytes=3 * 5 * 7 * 9 * 16)
        assert same_bits(found, prepared(volume))
        assert found[0] == sum(map(int, volume.flat)) / volume.size


def test_planes_that_are_gathered_are_few_at_once():
    volume = np.ones((1500, 48, 48), np.float32)
    prepared = xcorr.Correlator(np.ones((16, 1, 1), np.float32), layout="NDHW", stride=(2, 1, 1), dilation=(2, 1, 1))
    sink = Sink(prepared(volume).shape, np.float32)
    tracemalloc.start()
    try:
        xcorr.stream(prepared, Source(volume), sink, max_bytes=2 * volume.nbytes, workers=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 2 * volume.nbytes + 2**23 + 2**22


@for_each("shape", [(60, 120, 120), (900, 900)])
def test_what_is_reduced_over_kernels_is_within_the_bytes(shape):
    images, layout = np.ones((4, *shape), np.uint8), "NDHW" if len(shape) == 3 else "NHW"
    prepared = xcorr.Correlator(np.ones((1,) * len(shape), np.uint8), layout=layout, reduce="argmax", over="kernels")
    sink, most = Sink(images.shape, np.intp), images.nbytes // 2
    xcorr.stream(prepared, Source(images), sink, max_bytes=most, workers=1)
    largest = max(prod(own.stop - own.start for own in place) for place in sink.places)
    n_blocks, of_pixel, of_response, of_place = 3, 1, 8, 8
    assert n_blocks * largest * (of_pixel + of_response + of_place) <= most


@for_each("name", ["Correlator", "Matcher"])
def test_what_a_call_refuses_is_refused_before_there_is_a_journal(name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("refused")
    prepared = getattr(xcorr, name)(
        np.ones((1, 3, 3, 3, 3), np.float32), layout="NDHWC", padding="same", fill_value=(1, 2)
    )
    out = np.memmap(folder / "out", np.float32, "w+", shape=(6, 7, 8, 1))
    with pytest.raises(ValueError, match="fill_value"):
        xcorr.stream(prepared, np.ones((6, 7, 8, 3), np.float32), out)
    assert [path.name for path in folder.iterdir()] == ["out"]


@for_each("layout", LAYOUTS)
@for_each("scores", [False, True])
def test_volumes_in_chunks_of_dask_have_the_bits_of_one_call(layout, scores):
    dask = pytest.importorskip("dask")
    array = pytest.importorskip("dask.array")
    rng, n_checked, n_cut = random_generator("volumes by dask", layout, scores), 0, 0
    with dask.config.set(scheduler="synchronous"):
        for prepared, volumes, expected in random_volume_calls(rng, layout, scores):
            words = layout[-volumes.ndim :]
            chunks = tuple(-1 if word == "C" else int(rng.integers(1, length + 1))
                           for word, length in zip(words, volumes.shape, strict=True))  # fmt: skip
            found = xcorr.dask.apply(prepared, array.from_array(volumes, chunks=chunks))
            several = found if isinstance(found, tuple) else (found,)
            n_cut += several[0].npartitions > (several[0].numblocks[0] if words == layout else 1)
            computed = dask.compute(*several)
            expected = expected if isinstance(expected, tuple) else (expected,)
            assert all(map(same_bits, computed, expected)), (prepared, volumes.shape, chunks)
            n_checked += 1
            if n_cut and n_checked >= EXAMPLES // 5:
                return

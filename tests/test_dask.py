"""Dask arrays: the bits of one call in memory for all chunks, and what a graph computes, holds and says."""

import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from checks import EXAMPLES, SEED, random_generator
from looping import for_each
from streaming import BOUNDARIES, METHODS, numbers, random_call, random_reduction, same_bits

import xcorr
import xcorr.dask
from xcorr import _dispatch
from xcorr._dask_tasks import Shared

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")


@pytest.fixture(autouse=True)
def one_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def random_chunks(rng, shape):
    """Some chunks along each axis, down to a single pixel."""
    found = []
    for length in shape:
        ends = np.unique(rng.integers(1, length, int(rng.integers(0, min(length, 6))))) if length > 1 else []
        found.append(tuple(np.diff([0, *ends, length]).tolist()))
    return tuple(found)


def chunked(rng, images, layout):
    """The images as a dask array with channels in one chunk, so that nothing is said of them."""
    chunks = random_chunks(rng, images.shape)
    return da.from_array(images, chunks=tuple(-1 if word == "C" else own for word, own in zip(layout, chunks)))


def computed(found):
    """A result, or a tuple of them, in memory; of the shape, type and chunks that were said."""
    several = found if isinstance(found, tuple) else (found,)
    results = dask.compute(*several)
    for own, result in zip(several, results):
        assert (own.shape, own.dtype, own._meta.dtype) == (result.shape, result.dtype, result.dtype)
    return results if isinstance(found, tuple) else results[0]


def check_random_calls(rng, method, count, reduces):
    """Random calls have the bits of those in memory; others are refused, by both in the same words.

    At least ``count`` are drawn, and more until a fourth of them were not refused.
    """
    n_drawn = n_checked = 0
    while n_drawn < count or n_checked < count // 4:
        assert n_drawn < 100 * count, "nearly every call is refused"
        n_drawn += 1
        images, kernels, words = random_call(rng, method)
        words |= random_reduction(rng) if reduces else {}
        function = str(rng.choice(["correlate", "convolve"]))
        lazy = chunked(rng, images, words["layout"])
        try:
            expected = getattr(xcorr, function)(images, kernels, **words)
        except (ValueError, TypeError) as error:
            with pytest.raises(type(error)) as caught:
                getattr(xcorr.dask, function)(lazy, kernels, **words)
            assert str(caught.value) == str(error)
            continue
        found = computed(getattr(xcorr.dask, function)(lazy, kernels, **words))
        assert same_bits(found, expected), (function, words, images.shape, images.dtype, kernels.shape, lazy.chunks)
        n_checked += 1


@pytest.mark.usefixtures("level")
@for_each("method", METHODS)
def test_responses_have_the_bits_of_one_call_for_all_chunks(method):
    rng = random_generator("dask", method, _dispatch.current().name)
    check_random_calls(rng, method, EXAMPLES // 4, False)


@for_each("method", METHODS)
def test_reductions_have_the_bits_of_one_call_for_all_chunks(method):
    rng = random_generator("reduced by dask", method)
    check_random_calls(rng, method, EXAMPLES // 2, True)


@for_each("score", ["zncc", "ncc", "ssd", "nssd", "covariance", "correlation"])
def test_scores_have_the_bits_of_one_call_for_all_chunks(score):
    rng = random_generator("scores by dask", score)
    for _ in range(max(8, EXAMPLES // 8)):
        layout, dtype = str(rng.choice(["NHW", "NHWC", "NCHW", "NW"])), str(rng.choice(["float32", "uint8", "int64"]))
        sizes = {"N": 3, "H": int(rng.integers(10, 90)), "W": int(rng.integers(20, 120)), "C": 2}
        of_templates = {"N": 3, "H": int(rng.integers(1, 8)), "W": int(rng.integers(2, 8)), "C": 2}
        images, templates = (numbers(rng, [own[x] for x in layout], dtype) for own in (sizes, of_templates))
        words = {"padding": str(rng.choice(["valid", "same", "full"])), "stride": int(rng.choice([1, 2]))}
        words |= {"boundary": str(rng.choice(["constant", "constant", "edge", "wrap"])), "score": score}
        words |= random_reduction(rng) if rng.random() < 0.4 else {}
        if rng.random() < 0.3:
            words["template_mask"] = rng.random(templates.shape) > 0.2
        lazy = chunked(rng, images, layout)
        found = computed(xcorr.dask.match(lazy, templates, layout=layout, **words))
        expected = xcorr.match(images, templates, layout=layout, **words)
        assert same_bits(found, expected), (words, images.shape, images.dtype, lazy.chunks)


def test_scores_in_several_areas_have_the_bits_of_one_call():
    rng = random_generator("areas by dask")
    images, templates = numbers(rng, (1, 1300, 1100), "float32"), numbers(rng, (2, 9, 9), "float32")
    lazy = xcorr.dask.match(da.from_array(images, chunks=300), templates, layout="NHW", padding="same")
    assert lazy.numblocks[1] > 1
    assert same_bits(lazy.compute(), xcorr.match(images, templates, layout="NHW", padding="same"))


def test_images_without_a_batch_and_single_kernels():
    rng = random_generator("one image")
    image, kernel = numbers(rng, (40, 50), "float32"), numbers(rng, (5, 7), "float32")
    lazy = da.from_array(image, chunks=(7, 50))
    for words in ({}, {"padding": "same"}, {"reduce": "max"}, {"reduce": "max", "over": "kernels"}):
        found = computed(xcorr.dask.correlate(lazy, kernel, **words))
        assert same_bits(np.asarray(found), np.asarray(xcorr.correlate(image, kernel, **words)))
    photograph = numbers(rng, (20, 30, 3), "uint8")
    found = xcorr.dask.correlate(da.from_array(photograph, chunks=(9, 9, 3)), np.ones((3, 3), int), layout="NHWC")
    assert same_bits(found.compute(), xcorr.correlate(photograph, np.ones((3, 3), int), layout="NHWC"))


@for_each("dtype", [">f4", ">f8", ">i2", ">c8", "<f4", "<i2"])
@for_each("words", [{}, {"padding": "same", "boundary": "wrap"}, {"reduce": ("max", "argmin")}, {"method": "fft"}])
def test_images_in_any_order_of_bytes(dtype, words):
    rng = random_generator("order of bytes", dtype)
    images = numbers(rng, (2, 60, 70), dtype[1:].replace("c8", "complex64")).astype(dtype)
    if dtype[1:] in ("f4", "f8"):
        images[0, 3, 3] = 1e-40 if dtype[1:] == "f4" else 1e-310
    kernels = numbers(rng, (2, 5, 4), images.dtype.name)
    lazy = da.from_array(images, chunks=(1, 23, 31))
    if dtype[1:] != "c8":
        words_of_match = {name: word for name, word in words.items() if name != "method"}
        found = computed(xcorr.dask.match(lazy, kernels, layout="NHW", **words_of_match))
        assert same_bits(found, xcorr.match(images, kernels, layout="NHW", **words_of_match))
    elif "reduce" in words:
        return
    prepared = xcorr.Correlator(kernels, layout="NHW", **words)
    assert same_bits(computed(xcorr.dask.apply(prepared, lazy)), prepared(images))
    assert same_bits(xcorr.stream(prepared, lazy, max_bytes=2 * images.nbytes), prepared(images))


def test_volumes_and_pairs_have_the_bits_of_one_call():
    rng = random_generator("volumes by dask")
    volumes, kernels = numbers(rng, (3, 9, 10, 11), "float32"), numbers(rng, (2, 3, 3, 3), "float32")
    lazy = da.from_array(volumes, chunks=(1, 4, 5, 6))
    words = {"layout": "NDHW", "padding": "same"}
    assert same_bits(xcorr.dask.correlate(lazy, kernels, **words).compute(), xcorr.correlate(volumes, kernels, **words))
    assert same_bits(xcorr.dask.convolve(lazy, kernels, **words).compute(), xcorr.convolve(volumes, kernels, **words))
    assert same_bits(xcorr.dask.match(lazy, kernels, **words).compute(), xcorr.match(volumes, kernels, **words))
    images, own = numbers(rng, (5, 20, 30), "float32"), numbers(rng, (5, 2, 3, 4), "float32")
    lazy, words = da.from_array(images, chunks=(2, 9, 9)), {"layout": "NHW", "pairwise": True}
    for name in ("correlate", "convolve", "match"):
        found = getattr(xcorr.dask, name)(lazy, own, **words).compute()
        assert same_bits(found, getattr(xcorr, name)(images, own, **words)), name


@for_each("name", ["correlate", "convolve", "match"])
@for_each("shape", [(5, 40, 30, 3), (5, 40, 30), (1, 40, 30, 3), (40, 30), (40, 30, 3)], ids=list("abcde"))
@for_each("kind", ["bool", "float64"])
def test_masks_in_memory_and_of_dask(name, shape, kind):
    rng = random_generator("masks by dask", shape, kind)
    images, kernels = numbers(rng, (5, 40, 30, 3), "float32"), numbers(rng, (2, 5, 5, 3), "float32")
    mask = (rng.random(shape) > 0.2) if kind == "bool" else rng.random(shape)
    expected = getattr(xcorr, name)(images, kernels, mask=mask)
    lazy = da.from_array(images, chunks=(2, 20, 15, 3))
    for own in (mask, da.from_array(mask, chunks=tuple(-(-length // 2) for length in shape))):
        assert same_bits(getattr(xcorr.dask, name)(lazy, kernels, mask=own).compute(), expected)


@for_each("name", ["correlate", "match"])
def test_a_word_as_mask_and_a_mask_that_is_none(name):
    rng = random_generator("finite by dask")
    images, kernels = numbers(rng, (5, 40, 30), "float32"), numbers(rng, (2, 5, 5), "float32")
    images[2, 10:13, 5] = np.nan
    lazy = da.from_array(images, chunks=(2, 20, 15))
    found = getattr(xcorr.dask, name)(lazy, kernels, mask="finite", layout="NHW").compute()
    assert same_bits(found, getattr(xcorr, name)(images, kernels, mask="finite", layout="NHW"))
    with pytest.raises(ValueError, match="mask"):
        getattr(xcorr.dask, name)(lazy, kernels, mask="seen", layout="NHW")
    with pytest.raises(ValueError, match="mask"):
        getattr(xcorr.dask, name)(lazy, kernels, mask=da.ones((7, 7), chunks=3), layout="NHW")
    with pytest.raises(ValueError, match="mask"):
        getattr(xcorr.dask, name)(lazy, kernels, mask=da.full((40, 30), 2.0, chunks=9), layout="NHW").compute()


def test_empty_arrays():
    kernels = np.ones((2, 3, 3), np.float32)
    for shape, own in (((0, 9, 9), kernels), ((4, 9, 9), kernels[:0])):
        images = np.ones(shape, np.float32)
        lazy = da.from_array(images, chunks=(2, 5, 5))
        for words in ({}, {"reduce": "energy"}, {"roi": (slice(2, 2), slice(None))}):
            found = xcorr.dask.correlate(lazy, own, layout="NHW", **words).compute()
            assert same_bits(found, xcorr.correlate(images, own, layout="NHW", **words))
    gaps = da.from_array(np.ones((3, 9, 9), np.float32), chunks=((1, 0, 2), (4, 0, 5), (9,)))
    assert same_bits(
        xcorr.dask.correlate(gaps, kernels, layout="NHW").compute(),
        xcorr.correlate(np.ones((3, 9, 9), np.float32), kernels, layout="NHW"),
    )


@for_each("dtype", ["float32", "float64", "complex64"])
@for_each("method", ["direct", "matmul", "winograd"])
def test_a_subnormal_pixel_far_away_changes_the_bits_of_its_image_alone(dtype, method, monkeypatch):
    monkeypatch.setattr(_dispatch, "subnormals_are_slow", lambda: True)
    rng = random_generator("subnormal by dask", dtype, method)
    images, kernels = numbers(rng, (3, 40, 30, 16), dtype), numbers(rng, (3, 3, 3, 16), dtype)
    images[1, -1, -1, -1] = 7 * np.finfo(dtype).smallest_subnormal
    lazy, words = da.from_array(images, chunks=(3, 9, 9, 16)), {"layout": "NHWC", "method": method}
    expected = xcorr.correlate(images, kernels, **words)
    assert same_bits(xcorr.dask.correlate(lazy, kernels, **words).compute(), expected)
    images[1, -1, -1, -1] = 1
    expected = xcorr.correlate(images, kernels, **words)
    lazy = xcorr.dask.correlate(da.from_array(images, chunks=(3, 9, 9, 16)), kernels, subnormals=False, **words)
    assert not [key for key in lazy.dask if "look" in key[0]]


# --- what others' ways of doing it get wrong --------------------------------------------------------------------------


def raises(*_):
    raise AssertionError("it was computed")


def array_that_raises(shape, dtype, chunks):
    """An array whose pixels nobody may ask for."""
    blocks = da.core.normalize_chunks(chunks, shape, dtype=dtype)
    places = np.ndindex(*map(len, blocks))
    return da.Array({("never", *place): (raises,) for place in places}, "never", blocks, dtype=dtype)


@for_each(
    "words",
    [
        {},
        {"reduce": "max"},
        {"reduce": ("max", "ppv"), "over": "kernels"},
        {"reduce": xcorr.Peaks(3)},
        {"mask": "finite"},
    ],
)
def test_nothing_is_computed_while_the_graph_is_built(words, monkeypatch):
    for name in ("correlate", "convolve", "match"):
        kernels = np.ones((2, 3, 3), np.float32)
        lazy = array_that_raises((4, 30, 30), "float32", 8)
        monkeypatch.setattr(xcorr.Correlator, "__call__", raises)
        monkeypatch.setattr(xcorr.Matcher, "__call__", raises)
        found = getattr(xcorr.dask, name)(lazy, kernels, layout="NHW", **words)
        with pytest.raises(AssertionError, match="it was computed"):
            computed(found)


def test_tasks_run_on_one_thread_whatever_is_set(monkeypatch):
    images, kernels = np.ones((2, 40, 40), np.float32), np.ones((2, 5, 5), np.float32)
    lazy = da.from_array(images, chunks=(1, 10, 10))
    with xcorr.set_workers(2):
        founds = [
            xcorr.dask.correlate(lazy, kernels, layout="NHW", **words)
            for words in ({}, {"reduce": "max"}, {"reduce": xcorr.Peaks(1)}, {"mask": "finite"})
        ]
        founds.append(xcorr.dask.match(lazy, kernels, layout="NHW"))
        monkeypatch.setattr(xcorr._workers, "get_workers", raises)
        dask.compute(*founds)


@for_each("boundary", BOUNDARIES)
def test_chunks_smaller_than_the_halo_on_one_side_alone(boundary):
    rng = random_generator("small chunks", boundary)
    images, kernels = numbers(rng, (1, 30, 33), "float32"), numbers(rng, (2, 9, 1), "float32")
    words = {"layout": "NHW", "padding": ((8, 0), (0, 40)), "boundary": boundary}
    lazy = xcorr.dask.correlate(da.from_array(images, chunks=(1, 2, 3)), kernels, **words)
    assert same_bits(lazy.compute(), xcorr.correlate(images, kernels, **words))


def test_no_corner_is_fetched_along_an_axis_without_reach():
    images = da.zeros((64, 64), chunks=8, dtype=np.float32)
    along = xcorr.dask.correlate(images, np.ones((1, 5), np.float32), padding="same", subnormals=False)
    own = {key for key in dict(along.dask) if str(key[0]).startswith("xcorr-pixels")}
    assert len(own) == 2 * 8 * 7
    assert len(dict(along.dask)) == 64 + 64 + len(own) + 1


def test_output_chunks_follow_the_images():
    images = da.zeros((4, 60, 70), chunks=((1, 3), (20, 30, 10), (70,)), dtype=np.float32)
    kernels = np.ones((2, 5, 5), np.float32)
    same = xcorr.dask.correlate(images, kernels, layout="NHW", padding="same", method="direct")
    assert same.chunks == ((1, 3), (20, 30, 10), (70,), (2,))
    every_second = xcorr.dask.correlate(images, kernels, layout="NHW", padding="same", stride=2, method="direct")
    assert every_second.chunks == ((1, 3), (10, 15, 5), (35,), (2,))
    valid = xcorr.dask.correlate(images, kernels, layout="NHW", method="direct")
    assert valid.chunks == ((1, 3), (20, 30, 6), (66,), (2,))
    assert xcorr.dask.correlate(images, kernels, layout="NHW", reduce="max").chunks == ((1, 3), (2,))


def test_the_bank_is_in_a_graph_once():
    kernels = np.random.default_rng(SEED).random((100, 32, 32))
    lazy = xcorr.dask.correlate(da.zeros((8, 256, 256), chunks=(1, 64, 64)), kernels, layout="NHW")
    for graph in (lazy.dask, dask.optimize(lazy)[0].dask):
        assert len(pickle.dumps(dict(graph))) < kernels.nbytes + 2**20


def test_a_graph_is_about_a_task_for_each_chunk():
    images = da.zeros((64, 40, 40), chunks=(1, 40, 40), dtype=np.float32)
    lazy = xcorr.dask.correlate(images, np.ones((2, 3, 3), np.float32), layout="NHW")
    assert len(dict(lazy.dask)) == 64 + 64 + 1
    plate = da.zeros((800, 800), chunks=100, dtype=np.uint16)
    lazy = xcorr.dask.correlate(plate, np.ones((3, 3), np.uint16), padding="same")
    assert len(dict(lazy.dask)) <= 64 * (1 + 1 + 8) + 1


def test_reflect_is_numpys():
    image = np.arange(10.0)
    lazy = xcorr.dask.correlate(da.from_array(image, chunks=2), np.ones(5), layout="NW", padding=2, boundary="reflect")
    assert lazy.compute().tolist() == np.convolve(np.pad(image, 2, mode="reflect"), np.ones(5), "valid").tolist()


def test_channels_are_put_into_one_chunk_with_a_warning():
    images = np.random.default_rng(SEED).random((2, 20, 20, 4), np.float32)
    kernels = np.ones((3, 3, 3, 4), np.float32)
    with pytest.warns(UserWarning, match=r"channels in chunks of \(1, 1, 1, 1\) are put into one") as caught:
        lazy = xcorr.dask.correlate(da.from_array(images, chunks=(1, 7, 7, 1)), kernels)
    assert caught[0].filename == __file__
    assert same_bits(lazy.compute(), xcorr.correlate(images, kernels))
    with pytest.warns(UserWarning, match="channels"):
        xcorr.dask.apply(xcorr.Correlator(kernels), da.from_array(images, chunks=(1, 7, 7, 1)))


def test_large_planes_are_put_into_one_chunk_with_a_warning():
    volume = da.zeros((1, 300, 3000, 2000), chunks=(1, 50, 1000, 1000), dtype=np.float32)
    with pytest.warns(UserWarning, match="50 planes of 1200000000 bytes are put into one chunk: volumes are cut along"):
        lazy = xcorr.dask.correlate(volume, np.ones((3, 3, 3), np.float32), layout="NDHW")
    assert lazy.chunks == ((1,), (50,) * 5 + (48,), (2998,), (1998,))


def test_a_large_image_is_put_into_one_chunk_with_a_warning():
    images = da.zeros((2, 30_000, 20_000), chunks=(1, 2000, 2000), dtype=np.float32)
    with pytest.warns(UserWarning, match="an image of 2400000000 bytes is put into one chunk"):
        xcorr.dask.correlate(images, np.ones((2, 3, 3), np.float32), layout="NHW", reduce="mean")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xcorr.dask.correlate(images, np.ones((2, 3, 3), np.float32), layout="NHW", reduce="max")


# --- tokens, pickles, errors ------------------------------------------------------------------------------------------

TOKENS = """
import warnings
import dask.array as da, numpy as np, xcorr, xcorr.dask
images = da.ones((2, 40, 40, 2), chunks=10, dtype=np.float32).rechunk({3: 2})
kernels = np.arange(36.0, dtype=np.float32).reshape(2, 3, 3, 2)
print(xcorr.dask.correlate(images, kernels, padding="same", bias=[1, 2], fill_value=[3, 4]).name)
print(xcorr.dask.correlate(images, kernels, reduce=("max", "ppv"), roi=(slice(3, 9), slice(None)))[0].name)
print(xcorr.dask.match(images, kernels, reduce=xcorr.Peaks(3, threshold=0.5)).name)
print(xcorr.dask.match(images, kernels, template_mask=kernels > 3).name)
"""


def test_names_are_equal_between_processes_and_differ_between_calls():
    ended = [
        subprocess.run([sys.executable, "-c", TOKENS], capture_output=True, text=True, check=True, timeout=120,
                       env={**os.environ, "PYTHONHASHSEED": str(seed)})
        for seed in (1, 2)
    ]  # fmt: skip
    names = ended[0].stdout.split()
    assert names == ended[1].stdout.split()
    assert len(names) == len(set(names)) == 4


def test_names_differ_where_anything_does():
    images, kernels = da.ones((2, 40, 40), chunks=10), np.ones((2, 3, 3))
    other = kernels.copy()
    other[0, 0, 0] = 2
    calls = [{}, {"padding": 1}, {"bias": [1, 2]}, {"dtype": "f4"}]
    names = [
        xcorr.dask.correlate(images, own, layout="NHW", **words).name for own in (kernels, other) for words in calls
    ]
    names += [xcorr.dask.convolve(images, own, layout="NHW").name for own in (kernels, other)]
    names += [xcorr.dask.match(images, other, layout="NHW", **words).name for words in ({}, {"undefined": 2.0})]
    masks = [da.ones((40, 40), chunks=10), da.zeros((40, 40), chunks=10)]
    names += [xcorr.dask.match(images, other, layout="NHW", mask=mask).name for mask in masks]
    assert len(set(names)) == len(names) == 14


def test_a_graph_can_be_pickled():
    rng = random_generator("pickled graph")
    images, kernels = numbers(rng, (2, 30, 30), "float32"), numbers(rng, (2, 3, 3), "float32")
    found = xcorr.dask.correlate(da.from_array(images, chunks=(1, 9, 9)), kernels, layout="NHW")
    again = pickle.loads(pickle.dumps(found))
    assert again.name == found.name
    assert same_bits(again.compute(), xcorr.correlate(images, kernels, layout="NHW"))
    shared = Shared(xcorr.Correlator(kernels, layout="NHW"), images.shape, images.dtype)
    size = len(pickle.dumps(shared))
    assert shared.pieces is shared.pieces
    assert len(pickle.dumps(shared)) == size


def test_what_is_refused():
    kernels, images = np.ones((2, 3, 3)), da.ones((2, 9, 9), chunks=3)
    with pytest.raises(TypeError, match=r"images: got ndarray; allowed is a dask array"):
        xcorr.dask.correlate(np.ones((2, 9, 9)), kernels, layout="NHW")
    with pytest.raises(TypeError, match=r"kernels: got a dask array; allowed is one in memory"):
        xcorr.dask.correlate(images, da.ones((2, 3, 3)), layout="NHW")
    with pytest.raises(TypeError, match=r"bias: got a dask array"):
        xcorr.dask.convolve(images, kernels, bias=da.ones(2), layout="NHW")
    with pytest.raises(ValueError, match=r"fill_value: got 300; allowed is a value of the images' dtype uint8"):
        xcorr.dask.correlate(images.astype(np.uint8), kernels, layout="NHW", padding=1, fill_value=300)
    with pytest.raises(TypeError, match=r"templates: got a dask array"):
        xcorr.dask.match(images, da.ones((2, 3, 3)), layout="NHW")
    with pytest.raises(TypeError, match=r"prepared: got int"):
        xcorr.dask.apply(3, images)
    with pytest.raises(TypeError, match=r"masked"):
        xcorr.dask.correlate(da.ma.masked_equal(images, 1), kernels, layout="NHW")
    with pytest.raises(TypeError, match="workers"):
        xcorr.dask.correlate(images, kernels, layout="NHW", workers=2)
    unknown = images[images[:, 0, 0] > 0]
    with pytest.raises(ValueError, match=r"images: .*chunks of unknown sizes; `compute_chunk_sizes\(\)` finds them"):
        xcorr.dask.correlate(unknown, kernels, layout="NHW")
    with pytest.raises(ValueError, match="larger than the padded image"):
        xcorr.dask.correlate(images, np.ones((2, 30, 3)), layout="NHW")


def test_errors_of_pixels_are_raised_when_they_are_computed():
    images = da.full((1, 20, 20), 2**62, chunks=(1, 5, 5))
    lazy = xcorr.dask.correlate(images, np.full((1, 3, 3), 2**30), layout="NHW")
    with pytest.raises(OverflowError):
        lazy.compute()
    wrong = da.zeros((20, 20), chunks=5, dtype="float32").map_blocks(
        np.float64, dtype="float32", meta=np.empty((0, 0), "f4")
    )
    with pytest.raises(TypeError, match="a chunk came as float64; allowed is float32"):
        xcorr.dask.correlate(wrong, np.ones((3, 3), "float32")).compute()


def test_without_dask_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(ModuleNotFoundError, match=r'xcorr.dask needs dask: pip install "xcorr\[dask\]"'):
        xcorr.dask.correlate(None, None)

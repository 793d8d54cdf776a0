"""Images with a mask, or normalized, part by part: by `stream`, by dask, and where they are too large for a call."""

import tracemalloc

import dask
import dask.array as da
import numpy as np
import pytest
from checks import EXAMPLES, random_generator
from looping import for_each
from streaming import LAYOUTS, Sink, Source, bytes_of, numbers, random_call, random_reduction, same_bits

import xcorr
import xcorr.dask
from xcorr import _dispatch, _pieces_of_seen, _seen, _seen_in_parts
from xcorr._blocks import cut
from xcorr._pieces_found import pieces_of

MOST = 200  # blocks: a transform of a section for each pixel takes minutes


def random_mask(rng, images, layout):
    """A mask of any kind that goes with images."""
    shape = list(images.shape)
    if "C" in layout and rng.random() < 0.5:
        del shape[layout.index("C")]
    if rng.random() < 0.5:
        shape = shape[1:] if rng.random() < 0.5 else [1, *shape[1:]]
    shares = rng.random(shape)
    kind = str(rng.choice(["bool", "uint8", "float16", "float32", "float64"]))
    if kind[0] != "f":
        return in_any_order(rng, (shares > 0.3).astype(kind))
    return in_any_order(rng, np.where(shares > 0.8, 0, np.where(shares > 0.5, 1, shares)).astype(kind))


def in_any_order(rng, array):
    """The same numbers, perhaps in another order of axes, of elements or of bytes in memory."""
    if rng.random() < 0.2:
        array = np.asfortranarray(array)
    if rng.random() < 0.2:
        array = np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    return array.astype(array.dtype.newbyteorder(">")) if rng.random() < 0.2 else array


def random_seen_call(rng, layout, reduces):
    """Images, kernels and keywords with a mask, or with shares that are divided by; a mask that is an array apart."""
    images, kernels, words = random_call(rng, layout=layout)
    words["normalize"] = bool(rng.random() < 0.5)
    mask = None
    if rng.random() < 0.3:
        words["mask"] = "finite"
    elif rng.random() < 0.7 or not words["normalize"]:
        mask = random_mask(rng, images, layout)
    if images.dtype.kind in "fc":
        for number in (np.nan, np.inf, 1e-40, 1e-310):
            if rng.random() < 0.2:
                images.flat[rng.integers(images.size, size=3)] = number
    if rng.random() < 0.1:
        words |= {"dtype": str(rng.choice(["float64", "float32", "int32", "int64"])), "overflow": "saturate"}
    if reduces and images.dtype.kind != "c":
        words |= random_reduction(rng)
    return images, kernels, words, mask


def random_seen_calls(rng, layout, reduces, monkeypatch):
    """What is prepared, images and what a call gives, of calls that are not refused; kernels, keywords and the mask.

    Subnormal pixels are looked for or not, and areas are halved or not.
    """
    for _ in range(100 * EXAMPLES):
        is_slow, at_once = bool(rng.random() < 0.5), int(rng.choice([2**25, 2**15]))
        monkeypatch.setattr(_dispatch, "subnormals_are_slow", lambda is_slow=is_slow: is_slow)
        monkeypatch.setattr(_pieces_of_seen, "AT_ONCE", at_once)
        images, kernels, words, mask = random_seen_call(rng, layout, reduces)
        try:
            prepared = xcorr.Correlator(kernels, mask=words.get("mask", mask), **but_mask(words))
            expected = prepared(images)
        except (ValueError, TypeError, OverflowError):
            continue
        if bytes_of(expected):
            yield prepared, images, expected, (kernels, words, mask)
    raise AssertionError("nothing is cut")


def but_mask(words):
    """The other keywords."""
    return {name: value for name, value in words.items() if name != "mask"}


@for_each("layout", LAYOUTS)
@for_each("reduces", [False, True])
def test_a_stream_has_the_bits_of_one_call(layout, reduces, monkeypatch):
    rng, n_checked, n_cut = random_generator("seen in parts", layout, reduces), 0, 0
    for prepared, images, expected, _ in random_seen_calls(rng, layout, reduces, monkeypatch):
        source, most = Source(images), int((images.nbytes + bytes_of(expected)) * float(rng.choice([0.7, 0.35, 0.2])))
        several = expected if isinstance(expected, tuple) else (expected,)
        sinks = tuple(Sink(own.shape, own.dtype) for own in several)
        outs = sinks if isinstance(expected, tuple) else sinks[0]
        pieces = pieces_of(prepared, images.shape, images.dtype)
        try:
            if len(cut(pieces, images.itemsize, most, None, None).blocks) > MOST:
                continue
            xcorr.stream(prepared, source, outs, max_bytes=most, workers=1)
        except MemoryError as error:
            assert "max_bytes: got" in str(error)
            continue
        assert all((sink.counts == 1).all() for sink in sinks)
        assert all(map(same_bits, (sink.array for sink in sinks), several)), (prepared, images.shape, most)
        n_checked, n_cut = n_checked + 1, n_cut + (source.most_bytes < images.nbytes / len(images))
        if n_cut >= EXAMPLES // 12 and n_checked >= EXAMPLES // 8:
            return


@for_each("layout", LAYOUTS)
@for_each("reduces", [False, True])
def test_dask_has_the_bits_of_one_call_whoever_has_the_mask(layout, reduces, monkeypatch):
    rng, n_checked, n_cut = random_generator("seen by dask", layout, reduces), 0, 0
    for prepared, images, expected, (kernels, words, mask) in random_seen_calls(rng, layout, reduces, monkeypatch):
        chunks = random_chunks(rng, images.shape)
        if "C" in layout:
            chunks = tuple(-1 if letter == "C" else own for letter, own in zip(layout, chunks, strict=True))
        lazy = da.from_array(images, chunks=chunks)
        if mask is None or rng.random() < 0.3:
            found = xcorr.dask.apply(prepared, lazy)
        else:
            own = mask if rng.random() < 0.3 else da.from_array(mask, chunks=random_chunks(rng, mask.shape))
            found = xcorr.dask.correlate(lazy, kernels, mask=own, **words)
        several = found if isinstance(found, tuple) else (found,)
        is_cut = any("pixels" in str(key[0]) for key in several[0].__dask_graph__())
        results = dask.compute(*several, scheduler="synchronous")
        assert all(map(same_bits, results, expected if isinstance(expected, tuple) else (expected,))), (
            prepared,
            lazy.chunks,
        )
        n_checked, n_cut = n_checked + 1, n_cut + is_cut
        if n_cut >= EXAMPLES // 12 and n_checked >= EXAMPLES // 8:
            return


def random_chunks(rng, shape):
    """Lengths of chunks, three along an axis or fewer."""
    return tuple(int(rng.integers(-(-length // 3), length + 1)) for length in shape)


@for_each("layout", LAYOUTS)
@for_each("reduces", [False, True])
def test_images_that_are_too_large_have_the_bits_of_others(layout, reduces, monkeypatch):
    rng, n_cut, parts = random_generator("too large", layout, reduces), 0, []
    respond = _pieces_of_seen.OfSeen.respond
    monkeypatch.setattr(_pieces_of_seen.OfSeen, "respond", lambda self, *one: parts.append(one) or respond(self, *one))
    for prepared, images, expected, _ in random_seen_calls(rng, layout, reduces, monkeypatch):
        parts.clear()
        several = expected if isinstance(expected, tuple) else (expected,)
        outs = tuple(map(np.empty_like, several)) if rng.random() < 0.5 else None
        out = outs[0] if outs and not isinstance(expected, tuple) else outs
        with monkeypatch.context() as patched:
            patched.setattr(_seen, "WORKSPACE_LIMIT", 0)
            patched.setattr(_seen_in_parts, "MOST_BYTES", images.nbytes // int(rng.integers(1, 5)))
            found = prepared(images, out=out, workers=int(rng.integers(1, 3)))
        assert out is None or found is out or found == outs
        assert same_bits(found, expected), (prepared, images.shape)
        n_cut += len(parts) > len(images)
        if n_cut >= EXAMPLES // 12:
            return


def test_a_large_image_takes_no_more_memory_than_its_parts():
    rng = random_generator("large seen")
    image, kernels = numbers(rng, (9000, 8000), "float32"), numbers(rng, (3, 3), "float32")
    image[::100, ::30] = np.nan
    out = np.empty(image.shape, np.float32)
    seen = np.isfinite(image)
    for words in ({"mask": "finite"}, {"mask": seen, "normalize": True}, {"mask": "finite", "reduce": "max"}):
        tracemalloc.start()
        found = xcorr.correlate(image, kernels, padding="same", out=None if "reduce" in words else out, **words)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken < 2**28
        if "reduce" not in words:
            below = xcorr.correlate(image[-40:], kernels, padding="same", mask=seen[-40:],
                                    normalize=words.get("normalize", False))  # fmt: skip
            assert same_bits(found[-30:], below[-30:])


def test_a_large_image_that_is_refused_leaves_the_result_as_it_was(monkeypatch):
    monkeypatch.setattr(_seen, "WORKSPACE_LIMIT", 0)
    monkeypatch.setattr(_seen_in_parts, "MOST_BYTES", 2**14)
    image, out = np.ones((100, 100), np.float32), np.full((98, 98), 7, np.int16)
    image[90, 90] = np.nan
    words = {"mask": np.ones(image.shape, np.bool_), "dtype": "int16", "overflow": "saturate", "out": out}
    with pytest.raises(ValueError, match="^overflow: a response is NaN"):
        xcorr.correlate(image, np.ones((3, 3), np.float32), **words)
    assert (out == 7).all()
    both = np.ones((100, 100), np.float32)
    kernels = np.array([[0, 0, 0], [0, 1, 1], [0, 0, 0]], np.float32)
    expected = xcorr.correlate(both.copy(), kernels, padding="same", mask="finite")
    assert same_bits(xcorr.correlate(both, kernels, padding="same", mask="finite", out=both), expected)


@for_each("name", ["taps", "pairs", "shares"])
def test_what_is_not_cut_says_why(name, monkeypatch):
    monkeypatch.setattr(_dispatch, "subnormals_are_slow", lambda: True)
    rng = random_generator("not cut", name)
    images, kernels = numbers(rng, (2, 40, 50), "float32"), numbers(rng, (3, 3, 3), "float32")
    words, mask = {"mask": "finite"}, rng.random((40, 50))
    if name == "taps":
        kernels[0, 1, 1], why = np.nan, "not all taps are finite"
    elif name == "pairs":
        kernels, why, words = kernels[:2], "each image has its own kernels", {"mask": "finite", "pairwise": True}
    else:
        mask[3, 4], why = 1e-310, "shares of its mask are subnormal"
        words = {"mask": mask.astype(str(rng.choice(["<f8", ">f8"]))), "normalize": True}
    prepared = xcorr.Correlator(kernels, layout="NHW", **words)
    with pytest.raises(MemoryError, match=f"an image cannot be cut, as {why}"):
        xcorr.stream(prepared, Source(images), max_bytes=1000)
    lazy = da.from_array(images, chunks=(1, 20, 20))
    assert same_bits(xcorr.dask.apply(prepared, lazy).compute(), prepared(images))
    if name == "shares":
        own = da.from_array(mask, chunks=10)
        found = xcorr.dask.correlate(lazy, kernels, layout="NHW", mask=own, normalize=True)
        assert not any("pixels" in str(key[0]) for key in found.__dask_graph__())
        assert same_bits(found.compute(), prepared(images))
    with monkeypatch.context() as patched:
        for module in ("_seen", "_workers"):
            patched.setattr(f"xcorr.{module}.WORKSPACE_LIMIT", 3000)
        with pytest.raises(MemoryError, match="^images: .* bytes of weighted pixels of one image would be needed"):
            prepared(images)
        with pytest.raises(MemoryError, match="^images: .* bytes of weighted pixels of one image would be needed"):
            prepared.explain(images.shape)


@for_each("words", [{}, {"reduce": "max"}, {"reduce": xcorr.Peaks(3)}, {"normalize": True}])
def test_no_images_however_large_give_an_empty_result(words):
    images, kernels = np.zeros((0, 9000, 9000), np.float32), np.ones((2, 3, 3), np.float32)
    found = xcorr.correlate(images, kernels, layout="NHW", mask="finite", **words)
    small = xcorr.correlate(images[:, :9, :9], kernels, layout="NHW", mask="finite", **words)
    assert (found.size, found.dtype, found.ndim) == (0, small.dtype, small.ndim)


def test_subnormal_shares_that_nothing_is_divided_by_are_cut(monkeypatch):
    monkeypatch.setattr(_dispatch, "subnormals_are_slow", lambda: True)
    mask, image = np.ones((40, 50)), np.ones((40, 50))
    mask[3, 4] = 1e-310
    prepared, source = xcorr.Correlator(np.ones((3, 3)), mask=mask), Source(image)
    assert same_bits(xcorr.stream(prepared, source, max_bytes=6000), prepared(image))
    assert source.most_bytes < image.nbytes


@for_each("layout", ["NHWC", "NCHW"])
@for_each("boundary", ["constant", "reflect"])
def test_shares_reach_farther_than_sums(layout, boundary):
    rng = random_generator("ends of shares", layout, boundary)
    of_images, of_kernels = {"N": 1, "H": 256, "W": 256, "C": 16}, {"N": 4, "H": 15, "W": 15, "C": 16}
    images, kernels = (numbers(rng, [own[letter] for letter in layout], "float64") for own in (of_images, of_kernels))
    words = {"layout": layout, "method": "fft", "padding": "same", "boundary": boundary, "normalize": True}
    prepared = xcorr.Correlator(kernels, mask=rng.random((256, 256)) > 0.4, **words)
    expected, pieces = prepared(images), pieces_of(prepared, images.shape, images.dtype)
    assert len({own.section[0] for own in (pieces.plan, *pieces.plans_beside)}) > 1
    source = Source(images)
    found = xcorr.stream(prepared, source, max_bytes=int((images.nbytes + expected.nbytes) * 0.6))
    assert same_bits(found, expected)
    assert source.most_bytes < images.nbytes


@for_each("is_seen", [False, True])
def test_a_subnormal_pixel_counts_where_it_is_seen(is_seen, monkeypatch):
    monkeypatch.setattr(_dispatch, "subnormals_are_slow", lambda: True)
    rng = random_generator("subnormal and seen")
    images, kernels = numbers(rng, (2, 60, 50), "float32"), numbers(rng, (3, 5, 5), "float32")
    mask = np.ones(images.shape, np.bool_)
    mask[1, 55, 45] = is_seen
    words = {"layout": "NHW", "method": "direct"}
    usual = xcorr.correlate(images, kernels, mask=mask, **words)
    images[1, 55, 45] = 1e-40
    prepared = xcorr.Correlator(kernels, mask=mask, **words)
    expected, lazy = prepared(images), da.from_array(images, chunks=(1, 20, 25))
    assert same_bits(expected[0], usual[0])
    assert same_bits(expected[1, :40], usual[1, :40]) != is_seen
    assert same_bits(xcorr.stream(prepared, images, max_bytes=images.nbytes), expected)
    assert same_bits(xcorr.dask.apply(prepared, lazy).compute(), expected)
    own = da.from_array(mask, chunks=(2, 30, 9))
    assert same_bits(xcorr.dask.correlate(lazy, kernels, mask=own, **words).compute(), expected)


def test_large_integers_are_reduced_as_they_are():
    image, kernels = np.zeros((40, 50)), np.ones((2, 1, 1))
    image[30:] = 1e19
    words = {"mask": "finite", "dtype": "int64", "overflow": "saturate", "reduce": ("max", "mean", "argmax")}
    prepared = xcorr.Correlator(kernels, **words)
    expected = prepared(image)
    assert expected[0][0] == 2**63 - 1
    assert same_bits(xcorr.stream(prepared, image, max_bytes=20_000), expected)

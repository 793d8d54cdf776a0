"""Pieces: parts of a response have the bits of the whole, made of nothing but the pixels that they reach."""

import time

import numpy as np
import pytest
from checks import EXAMPLES, random_generator
from looping import for_each
from streaming import METHODS, Sink, numbers, random_call

import xcorr
from xcorr import _dispatch
from xcorr._areas import areas_of
from xcorr._arrays import in_order
from xcorr._blocks import cut
from xcorr._methods import faint_doubles
from xcorr._pieces import bytes_of
from xcorr._pieces_found import pieces_of
from xcorr._reads import gathered, reads_along


def random_spans(rng, outputs):
    """Some rows and columns of a response."""
    spans = []
    for count in outputs:
        first = int(rng.integers(count))
        spans.append((first, int(rng.integers(1, count - first + 1))))
    return tuple(spans)


def piece_of(images, pieces, area):
    """The pixels that a part reaches, by themselves."""

    def read(slices):
        place = [slice(None)] * images.ndim
        for axis, own in zip(pieces.axes, slices, strict=True):
            if axis >= 0:
                place[axis] = own
        return images[tuple(place)].copy()

    return gathered(read, pieces.reads(area), pieces.axes)


def check_parts(prepared, images, rng, n_parts=4):
    """Whether parts have the bits of the call; None where nothing is cut."""
    whole, pieces = prepared(images), pieces_of(prepared, images.shape, images.dtype)
    if pieces.obstacle or not whole.size:
        return None
    expected = in_order(whole, pieces.layout.response)
    for _ in range(n_parts):
        area = random_spans(rng, pieces.outputs)
        (top, n_rows), (left, n_columns) = area
        found = pieces.respond(piece_of(images, pieces, area), area, 1)
        wanted = expected[:, top : top + n_rows, left : left + n_columns]
        assert np.ascontiguousarray(found).tobytes() == np.ascontiguousarray(wanted).tobytes(), (area, prepared)
    return True


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("method", METHODS)
def test_parts_have_the_bits_of_the_whole(method):
    rng, n_checked = random_generator("pieces", method, _dispatch.current().name), 0
    for _ in range(EXAMPLES):
        images, kernels, words = random_call(rng, method)
        try:
            prepared = xcorr.Correlator(kernels, **words)
            prepared(images)
        except (ValueError, TypeError):
            continue
        n_checked += check_parts(prepared, images, rng) is not None
    assert n_checked >= EXAMPLES // 4


@for_each("score", ["zncc", "ncc", "ssd", "nssd", "covariance", "correlation"])
def test_parts_of_scores_have_the_bits_of_the_whole(score):
    rng = random_generator("pieces of scores", score)
    for _ in range(max(8, EXAMPLES // 6)):
        layout, dtype = str(rng.choice(["NHW", "NHWC", "NCHW", "NW"])), str(rng.choice(["float32", "uint8", "int64"]))
        sizes = {"N": 2, "H": int(rng.integers(10, 90)), "W": int(rng.integers(20, 120)), "C": 2}
        of_templates = {"N": 3, "H": int(rng.integers(1, 8)), "W": int(rng.integers(2, 8)), "C": 2}
        images, templates = (numbers(rng, [own[x] for x in layout], dtype) for own in (sizes, of_templates))
        words = {"padding": str(rng.choice(["valid", "same", "full"])), "stride": int(rng.choice([1, 2]))}
        words["boundary"] = str(rng.choice(["constant", "constant", "edge", "wrap"]))
        if rng.random() < 0.3:
            words["template_mask"] = rng.random(templates.shape) > 0.2
        check_parts(xcorr.Matcher(templates, score=score, layout=layout, **words), images, rng)


def test_parts_of_scores_in_several_areas_have_the_bits_of_the_whole():
    rng = random_generator("areas")
    images, templates = numbers(rng, (1, 1300, 1100), "float32"), numbers(rng, (2, 9, 9), "float32")
    prepared = xcorr.Matcher(templates, layout="NHW", padding="same")
    pieces = pieces_of(prepared, images.shape, images.dtype)
    assert len(areas_of(pieces.plan.geometry, pieces.plan.unseen_padding)) > 4
    assert check_parts(prepared, images, rng)


@pytest.mark.parametrize("n_columns", [700, 1000])
def test_sections_are_read_whole(n_columns):
    rng = random_generator("sections", n_columns)
    images, kernels = numbers(rng, (1, 600, n_columns), "float32"), numbers(rng, (2, 60, 60), "float32")
    prepared = xcorr.Correlator(kernels, layout="NHW", method="fft")
    assert check_parts(prepared, images, rng, 12)


@for_each("boundary", ["constant", "edge", "reflect", "symmetric", "wrap"])
def test_what_is_read_along_an_axis_is_what_the_boundary_says(boundary):
    rng, line = random_generator(boundary), np.arange(1, 30)
    padded = np.pad(line, 90, mode=boundary) if boundary != "constant" else np.pad(line, 90)
    for _ in range(50):
        begin = int(rng.integers(-90, 100))
        end = int(rng.integers(begin + 1, 119))
        reads = reads_along(29, (begin, end), boundary)
        assert all(0 <= own.start < own.stop <= 29 for own in reads.slices)
        found = np.concatenate([line[own] for own in reads.slices])
        found = found if reads.places is None else found[reads.places]
        assert len(found) == reads.length
        own = slice(max(begin, reads.first), min(end, reads.first + reads.length))
        at = slice(own.start - reads.first, max(own.stop, own.start) - reads.first)
        np.testing.assert_array_equal(found[at], padded[own.start + 90 : max(own.stop, own.start) + 90])
        assert boundary == "constant" or (own.start, own.stop) == (begin, end)


@for_each("dtype", ["float32", "float64", "complex64"])
@for_each("method", ["direct", "matmul", "winograd"])
def test_a_subnormal_pixel_far_away_changes_the_bits_that_it_changes_in_one_call(dtype, method, monkeypatch):
    monkeypatch.setattr(_dispatch, "subnormals_are_slow", lambda: True)
    rng = random_generator("subnormal", dtype, method)
    images, kernels = numbers(rng, (1, 40, 30, 16), dtype), numbers(rng, (3, 3, 3, 16), dtype)
    images[0, -1, -1, -1] = 7 * np.finfo(dtype).smallest_subnormal
    prepared = xcorr.Correlator(kernels, layout="NHWC", method=method)
    found = xcorr.stream(prepared, images, max_bytes=images.nbytes, workers=1)
    assert found.tobytes() == prepared(images).tobytes()


@for_each("layout", ["NHWC", "NCHW", "NHW"])
def test_parts_of_integers_beyond_float64_are_exact(layout):
    rng = random_generator("integers", layout)
    sizes, of_kernels = {"N": 1, "H": 40, "W": 50, "C": 2}, {"N": 2, "H": 3, "W": 5, "C": 2}
    images = rng.integers(-(2**52), 2**52, [sizes[letter] for letter in layout])
    kernels = rng.integers(-9, 9, [of_kernels[letter] for letter in layout])
    for scale in (1, 2**12):  # sums up to 2**62 are made in 128 bits; those of smaller pixels where these allow it
        for boundary in ("constant", "wrap"):
            words = {"layout": layout, "padding": "same", "boundary": boundary}
            assert check_parts(xcorr.Correlator(kernels, **words), images // scale, rng, 8)


def test_a_subnormal_pixel_changes_no_other_image_of_a_block(monkeypatch):
    monkeypatch.setattr(_dispatch, "subnormals_are_slow", lambda: True)
    rng = random_generator("others of a block")
    images, kernels = numbers(rng, (4, 60, 50), "float32"), numbers(rng, (1, 5, 5), "float32")
    images[1, -1, -1] = 7 * np.finfo(np.float32).smallest_subnormal
    prepared = xcorr.Correlator(kernels[0], layout="NHW", method="direct")
    expected = prepared(images)
    sink = Sink(expected.shape, expected.dtype, chunks=(2, 8, 46))
    xcorr.stream(prepared, images, sink, max_bytes=4 * images[0].nbytes, workers=1)
    assert sink.n_writes > 4
    assert sink.places[0][0] == slice(0, 2)
    assert sink.array.tobytes() == expected.tobytes()


def test_the_largest_pixel_far_away_decides_how_subnormal_ones_are_summed(monkeypatch):
    monkeypatch.setattr(_dispatch, "subnormals_are_slow", lambda: True)
    rng = random_generator("largest pixel")
    images, kernels = numbers(rng, (1, 60, 40), "float64") * 2.0**-1030, numbers(rng, (1, 5, 5), "float64")
    for largest, copied in ((2.0**-1000, 2**26), (2.0**380, 2**26), (2.0**-1000, images.nbytes // 2)):
        monkeypatch.setattr(faint_doubles, "COPIED", copied)  # bytes of an image that is multiplied
        images[0, -1, -1] = largest
        prepared = xcorr.Correlator(kernels, layout="NHW", method="direct")
        found = xcorr.stream(prepared, images, max_bytes=images.nbytes, workers=1)
        assert found.tobytes() == prepared(images).tobytes()


def test_blocks_have_room_and_are_all_of_the_response():
    rng = random_generator("blocks")
    for _ in range(EXAMPLES):
        images, kernels, words = random_call(rng)
        try:
            prepared = xcorr.Correlator(kernels, **words)
            pieces = pieces_of(prepared, images.shape, images.dtype)
        except (ValueError, TypeError):
            continue
        most = int(images.nbytes * float(rng.choice([10, 1, 0.3])))
        chunks = tuple(int(rng.integers(1, length + 1)) for length in pieces.results[0].shape if length)
        chunks = chunks if len(chunks) == len(pieces.results[0].shape) else None
        try:
            blocks = cut(pieces, images.itemsize, most, None, chunks).blocks
        except MemoryError as error:
            assert "max_bytes" in str(error)
            continue
        counts = np.zeros((pieces.n_images, *pieces.outputs), int)
        for block in blocks:
            rows, columns = block.area or tuple((0, count) for count in pieces.outputs)
            counts[block.first : block.end, rows[0] : sum(rows), columns[0] : sum(columns)] += 1
        assert (counts == 1).all()


def test_a_part_needs_no_other_section_than_its_own():
    """Not one beside it either: nothing else of the image is read."""
    rng = random_generator("own section")
    images, kernels = numbers(rng, (1, 900, 1500), "float32"), numbers(rng, (1, 41, 41), "float32")
    prepared = xcorr.Correlator(kernels, layout="NHW", method="fft")
    pieces, whole = pieces_of(prepared, images.shape, images.dtype), prepared(images)
    rows, columns = pieces.grid
    section = pieces.plan.section[0]
    for top in range(0, pieces.outputs[0], rows):
        for left in range(0, pieces.outputs[1], columns):
            n_rows, n_columns = min(rows, pieces.outputs[0] - top), min(columns, pieces.outputs[1] - left)
            area = ((top, n_rows), (left, n_columns))
            down, across = pieces.reads(area)
            assert (down.length, across.length) <= (section.height, section.width)
            assert (down.first, across.first) == (top, left)
            found = pieces.respond(piece_of(images, pieces, area), area, 1)
            np.testing.assert_array_equal(found, whole[:, top : top + n_rows, left : left + n_columns])


@for_each("words", [{}, {"boundary": "wrap"}, {"reduce": "max"}, {"method": "direct"}, {"method": "winograd"}])
def test_an_image_far_larger_than_memory_is_cut_at_once(words):
    kernel = np.ones((1, 3, 3, 16) if words.get("method") == "winograd" else (1, 33, 33, 1), np.float32)
    prepared = xcorr.Correlator(kernel, layout="NHWC", padding="same", **words)
    pieces = pieces_of(prepared, (1, 100_000, 100_000, kernel.shape[-1]), np.dtype(np.float32))
    began = time.monotonic()
    blocks = cut(pieces, 4, 2**28, None, None).blocks
    assert time.monotonic() - began < 20
    some = blocks[:: len(blocks) // 50]
    assert all(3 * sum(bytes_of(pieces, block.area, 4)) <= 2**28 for block in some)

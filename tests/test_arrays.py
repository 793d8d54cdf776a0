"""Operands and outputs of every memory order, alignment, byte order and kind."""

import array
from unittest.mock import Mock

import numpy as np
import pytest
from cases import FEW
from checks import assert_equal, assert_same_bits, random_generator, response_dtype, whole_numbers
from looping import for_each
from memory_orders import LYING, MEMORY, OnlyArray, OnlyDLPack, Tensor, misaligned

import xcorr
from xcorr import _arrays, _masks, _reference, _run, _score, _seen
from xcorr._engine import hold

pytestmark = pytest.mark.usefixtures("level")

DTYPES = ("float32", "float64", "float16", "complex64", "uint8", "int64")
by_id = {"ids": lambda value: getattr(value, "id", str(value))}


def problem(dtype="float32", images=(2, 7, 9, 3), kernels=(5, 3, 2, 3)):
    rng = random_generator(dtype, images, kernels)
    images, kernels = whole_numbers(rng, images, dtype), whole_numbers(rng, kernels, dtype)
    return images, kernels, _reference.correlate(images, kernels)


@for_each("dtype", DTYPES)
@pytest.mark.parametrize("order", MEMORY)
def test_memory_order_of_the_operands_does_not_matter(method, order, dtype):
    images, kernels, expected = problem(dtype)
    other_images, other_kernels = MEMORY[order](images), MEMORY[order](kernels)
    assert np.array_equal(other_images, images)
    for pair in ((other_images, kernels), (images, other_kernels), (other_images, other_kernels)):
        assert_equal(xcorr.correlate(*pair, method=method), expected, response_dtype(dtype))


@for_each("case", FEW[2:12])
@pytest.mark.parametrize("order", MEMORY)
def test_memory_order_does_not_matter_with_any_keyword(method, order, case):
    rng = random_generator(case.id)
    images, kernels = whole_numbers(rng, case.images, "float32"), whole_numbers(rng, case.kernels, "float32")
    keywords = dict(case.keywords, bias=whole_numbers(rng, case.kernels[0], "float32") if case.bias else None)
    expected = xcorr.correlate(images, kernels, method=method, **keywords)
    response = xcorr.correlate(MEMORY[order](images), MEMORY[order](kernels), method=method, **keywords)
    assert_equal(response, expected, np.float32)


@for_each("dtype", DTYPES)
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (3,), (0, 1, 2, 3), (1, 2)], ids=str)
def test_broadcast_operands_are_read_as_what_they_show(method, axes, dtype):
    images, kernels, _ = problem(dtype)
    first = tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(4))
    images = np.broadcast_to(images[first], images.shape)
    expected = _reference.correlate(images, kernels)
    assert_equal(xcorr.correlate(images, kernels, method=method), expected, response_dtype(dtype))
    kernels = np.broadcast_to(kernels[first], kernels.shape)
    expected = _reference.correlate(images, kernels)
    assert_equal(xcorr.correlate(images, kernels, method=method), expected, response_dtype(dtype))


@pytest.mark.parametrize("n_kernels", [3, 7, 13, 40])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_one_row_over_and_over_is_read_by_banks_of_all_sizes(method, dtype, n_kernels):
    rng = random_generator("repeated rows")
    row, kernels = whole_numbers(rng, (2, 3, 1, 45), dtype), whole_numbers(rng, (n_kernels, 1, 3, 3), dtype)
    images = np.broadcast_to(row, (2, 3, 13, 45))
    kernels = kernels[: n_kernels // 3 * 3]
    for view in (images, images[:, :, ::-1, ::-1], np.broadcast_to(row[..., :1], images.shape)):
        response = xcorr.correlate(view, kernels, layout="NCHW", groups=3, method=method)
        expected = xcorr.correlate(view.copy(), kernels, layout="NCHW", groups=3, method=method)
        assert_equal(response, expected, response_dtype(dtype))


def test_bias_of_any_memory_order_is_read(method):
    images, kernels, expected = problem()
    bias = np.arange(10.0)
    for view in (
        bias[:5],
        bias[::2],
        bias[4::-1],
        np.broadcast_to(bias[3], 5),
        bias[:5].astype(">f8"),
        misaligned(bias[:5]),
    ):
        response = xcorr.correlate(images, kernels, bias=view, method=method)
        assert_equal(response, expected + np.asarray(view), np.float32)


def test_overlapping_windows_as_images_work(method):
    signal = np.arange(40.0)
    images = np.lib.stride_tricks.sliding_window_view(signal, 9)
    kernel = np.arange(6.0).reshape(2, 3)
    assert_equal(xcorr.correlate(images, kernel, method=method), _reference.correlate(images, kernel), np.float64)


# Things that are not arrays but hold one.


def test_a_tensor_that_is_not_of_the_cpu_is_refused():
    with pytest.raises(TypeError, match=r"^images: got a tensor on DLPack device \(2, 0\); allowed is one of the CPU$"):
        xcorr.correlate(OnlyDLPack(np.ones((3, 3)), device=(2, 0)), np.ones((2, 2)))


def test_a_tensor_that_cannot_be_read_says_itself_why():
    tensor = OnlyDLPack(np.ones((3, 3)))
    tensor.array = Mock(__dlpack__=Mock(side_effect=BufferError("in use")))
    with pytest.raises(BufferError, match="^in use$"):
        xcorr.correlate(np.ones((4, 4)), tensor)


@pytest.mark.parametrize("tensor", [None, "capsule", 3])
def test_a_tensor_that_is_none_is_refused(tensor):
    with pytest.raises(TypeError, match="^kernels: its __dlpack__ cannot be read: .*; allowed is an array of numbers"):
        xcorr.correlate(np.ones((4, 4)), Tensor(np.ones((3, 3)), tensor))


def test_a_list_of_masked_arrays_is_refused():
    rows = [np.ma.array([1.0, 2.0], mask=[False, True])] * 2
    with pytest.raises(TypeError, match="^images: got masked arrays, whose masks would be lost"):
        xcorr.correlate(rows, np.ones((1, 1)))


def test_out_whose_strides_interleave_beyond_counting_is_refused():
    memory = np.zeros(4_000_000)
    out = np.lib.stride_tricks.as_strided(memory, (1100, 1100), (8 * 1101, 8 * 1103))
    with pytest.raises(ValueError, match="^out: strides .* interleave in shape .*; allowed is a plainer view$"):
        xcorr.correlate(np.ones((1100, 1100)), np.ones((1, 1)), out=out)


def test_out_is_refused_where_two_elements_share_a_byte_and_nowhere_else():
    rng, memory, meetings = random_generator("strides"), np.zeros(400), []
    for _ in range(400):
        shape, strides = tuple(map(int, rng.integers(1, 5, 2))), tuple(map(int, 4 * rng.integers(-11, 12, 2)))
        places = [
            200 * 8 + row * strides[0] + column * strides[1] for row in range(shape[0]) for column in range(shape[1])
        ]
        n_bytes = len({place + byte for place in places for byte in range(8)})
        out = np.ndarray(shape, np.float64, memory, 200 * 8, strides)
        image = whole_numbers(rng, shape, "float64")
        if n_bytes < 8 * image.size:
            with pytest.raises(ValueError, match="^out: strides .* put several elements at one place; allowed is none"):
                xcorr.correlate(image, np.ones((1, 1)), out=out)
        else:
            xcorr.correlate(image, np.ones((1, 1)), out=out)
            assert np.array_equal(out, image)
        (fewer, small), (more, large) = sorted(zip(map(abs, strides), shape, strict=True))
        if min(small, large) > 1 and 8 <= fewer <= more < fewer * small:  # the axes interleave
            meetings.append(n_bytes < 8 * image.size)
    assert min(meetings.count(True), meetings.count(False)) > 10


@pytest.mark.parametrize("wrap", [OnlyDLPack, OnlyArray, memoryview])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_objects_that_hold_an_array_are_accepted(method, wrap, dtype):
    images, kernels, expected = problem(dtype)
    for pair in ((wrap(images), kernels), (images, wrap(kernels)), (wrap(images), wrap(kernels))):
        assert_equal(xcorr.correlate(*pair, method=method), expected, response_dtype(dtype))
    bank = xcorr.Correlator(wrap(kernels), method=method)
    assert_equal(bank(wrap(images)), expected, response_dtype(dtype))


def test_bias_may_be_any_object_that_holds_an_array(method):
    images, kernels, expected = problem()
    for bias in (
        array.array("d", range(5)),
        memoryview(np.arange(5.0)),
        OnlyArray(np.arange(5)),
        OnlyDLPack(np.arange(5.0)),
    ):
        response = xcorr.correlate(images, kernels, bias=bias, method=method)
        assert_equal(response, expected + np.arange(5), np.float32)


def test_a_tensor_on_another_device_is_refused(method):
    images, kernels, _ = problem()
    with pytest.raises((TypeError, ValueError), match="^images: "):
        xcorr.correlate(OnlyDLPack(images, device=(2, 0)), kernels, method=method)


def test_memory_mapped_files_are_read(method, tmp_path):
    images, kernels, expected = problem("uint8")
    for order in "CF":
        mapped = np.memmap(tmp_path / "images.bin", np.uint8, "w+", shape=images.shape, order=order)
        mapped[...] = images
        mapped.flush()
        mapped = np.memmap(tmp_path / "images.bin", np.uint8, "r", shape=images.shape, order=order)
        response = xcorr.correlate(mapped, kernels, method=method)
        assert_equal(response, expected, np.int64)
    np.save(tmp_path / "images.npy", images)
    response = xcorr.correlate(np.load(tmp_path / "images.npy", mmap_mode="r"), kernels, method=method)
    assert_equal(response, expected, np.int64)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_is_read_as_an_array(method):
    images, kernels, expected = problem("float64", (7, 9), (3, 2))
    assert_equal(xcorr.correlate(np.matrix(images), np.matrix(kernels), method=method), expected, np.float64)


# out=


def outputs(shape, dtype):
    """Writable arrays of every memory order, each full of 99."""
    full = np.full(shape, 99, dtype)
    names = [name for name in MEMORY if not name.startswith("other") and name not in ("read-only", "subclass")]
    return {"contiguous": full, **{name: MEMORY[name](full) for name in names}}


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_of_any_memory_order_is_written_and_returned(method, dtype):
    images, kernels, expected = problem(dtype)
    for name, out in outputs(expected.shape, response_dtype(dtype)).items():
        assert xcorr.correlate(images, kernels, out=out, method=method) is out, name
        assert np.array_equal(out, expected), name


@pytest.mark.parametrize("case", FEW, **by_id)
def test_out_is_written_only_where_it_lies(method, case):
    rng = random_generator(case.id)
    images, kernels = whole_numbers(rng, case.images, "float32"), whole_numbers(rng, case.kernels, "float32")
    expected = xcorr.correlate(images, kernels, method=method, **case.keywords)
    frame = np.full([length + 2 for length in expected.shape], -7.5, np.float32)
    inside = (slice(1, -1),) * 4
    xcorr.correlate(images, kernels, out=frame[inside], method=method, **case.keywords)
    assert np.array_equal(frame[inside], expected)
    frame[inside] = -7.5
    assert (frame == -7.5).all()


@pytest.mark.parametrize(
    ("images", "kernels"),
    [
        ((8, 9), (3, 2)),
        ((8, 9), (4, 3, 2)),
        ((3, 8, 9, 2), (3, 2)),
        ((3, 8, 9, 2), (3, 2, 2)),
        ((8, 9, 2), (4, 3, 2, 2)),
    ],
    ids=str,
)
def test_out_has_the_axes_of_the_response(method, images, kernels):
    images, kernels, expected = problem("float32", images, kernels)
    out = np.full(expected.shape, 99, np.float32)
    assert xcorr.correlate(images, kernels, out=out, method=method) is out
    assert_equal(out, expected, np.float32)


def test_out_of_layout_nchw_is_written(method):
    images, kernels, _ = problem("float32", (2, 3, 7, 8), (5, 3, 2, 4))
    expected = _reference.correlate(images, kernels, layout="NCHW")
    for out in outputs(expected.shape, np.float32).values():
        xcorr.correlate(images, kernels, layout="NCHW", out=out, method=method)
        assert np.array_equal(out, expected)


def test_empty_out_is_returned(method):
    for images, kernels, shape in (
        ((0, 5, 5, 1), (3, 2, 2, 1), (0, 4, 4, 3)),
        ((2, 5, 5, 1), (0, 2, 2, 1), (2, 4, 4, 0)),
    ):
        out = np.empty(shape)
        assert xcorr.correlate(np.ones(images), np.ones(kernels), out=out, method=method) is out


@pytest.mark.parametrize("dtype", ["float32", "int64", "complex128"])
def test_out_may_overlap_the_images(method, dtype):
    for padding, kernel_shape in (("same", (1, 3, 3, 1)), ("same", (1, 1, 1, 1)), (2, (1, 5, 5, 1))):
        for boundary in ("constant", "wrap"):
            images, kernels, _ = problem(dtype, (3, 8, 9, 1), kernel_shape)
            expected = _reference.correlate(images, kernels, padding=padding, boundary=boundary)
            out = images
            assert xcorr.correlate(images, kernels, padding=padding, boundary=boundary, out=out, method=method) is out
            assert_equal(out, expected, response_dtype(dtype))


def test_out_may_overlap_a_part_of_the_images(method):
    for offset in (1, 5, 17, 40):
        for reverse in (False, True):
            memory = random_generator(offset).integers(-4, 5, 400).astype(np.float64)
            images, out = memory[offset : offset + 192].reshape(2, 8, 12), memory[:140].reshape(2, 7, 10)
            images = images[::-1, ::-1] if reverse else images
            kernel = np.arange(6.0).reshape(2, 3)
            expected = _reference.correlate(images, kernel, layout="NHW")
            xcorr.correlate(images, kernel, layout="NHW", out=out, method=method)
            assert_equal(out, expected, np.float64)


def test_out_may_overlap_the_kernels_or_the_bias(method):
    images, kernels, _ = problem("float64", (1, 7, 8, 2), (4, 3, 3, 2))
    expected = _reference.correlate(images, kernels, stride=(3, 2))
    memory = np.zeros(100)
    memory[: kernels.size] = kernels.ravel()
    out = memory[10 : 10 + expected.size].reshape(expected.shape)
    xcorr.correlate(images, memory[: kernels.size].reshape(kernels.shape), stride=(3, 2), out=out, method=method)
    assert_equal(out, expected, np.float64)
    memory[:4] = 1, 2, 3, 4
    out = memory[: expected.size].reshape(expected.shape)
    expected = expected + memory[:4]
    xcorr.correlate(images, kernels, stride=(3, 2), bias=memory[:4], out=out, method=method)
    assert_equal(out, expected, np.float64)


@pytest.mark.parametrize("dtypes", [("float64", "complex128"), ("complex64", "complex64")], ids=str)
def test_out_may_overlap_a_complex_bias(monkeypatch, method, dtypes):
    monkeypatch.setattr(_arrays, "PIECE", 8)  # elements written at one go, within which NumPy minds the overlap
    operand, response = dtypes
    images, kernels, _ = problem(operand, (1, 5, 6, 2), (4, 3, 3, 2))
    for part in (lambda array: array, lambda array: array.real, lambda array: array.imag):
        for first in (0, 5, 30, 43):
            memory = (np.arange(60) * (1 + 2j)).astype(response)
            bias, out = part(memory)[first : first + 4], memory[:48].reshape(1, 3, 4, 4)
            expected = _reference.correlate(images, kernels) + bias
            xcorr.correlate(images, kernels, bias=bias, dtype=response, out=out, method=method)
            assert_equal(out, expected, response)


def test_a_correlator_writes_into_out_as_well(method):
    images, kernels, expected = problem()
    bank = xcorr.Correlator(kernels, method=method)
    for out in outputs(expected.shape, np.float32).values():
        assert bank(images, out=out) is out
        assert np.array_equal(out, expected)


def test_response_owns_fresh_contiguous_memory(method):
    for layout in ("NHWC", "NCHW"):
        images = np.ones((2, 6, 7, 6), np.float32)
        kernels = np.ones((3, 2, 2, 6) if layout == "NHWC" else (3, 6, 2, 2), np.float32)
        first = xcorr.correlate(images, kernels, layout=layout, method=method)
        second = xcorr.correlate(images, kernels, layout=layout, method=method)
        assert first.flags.c_contiguous
        assert first.flags.writeable
        assert not np.shares_memory(first, second)
        assert_same_bits(first, second)


# Arrays that are not what they say, or change


@pytest.mark.parametrize("lie", LYING)
def test_what_lies_about_itself_is_read_as_what_it_is_or_refused(method, lie):
    images, kernels, expected = problem("float64")
    liar = LYING[lie](images)
    try:
        response = xcorr.correlate(liar, kernels, method=method)
    except (TypeError, ValueError) as error:
        assert str(error).startswith("images: ")
    else:
        assert_equal(response, expected, np.float64)


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
def test_arrays_in_use_cannot_be_resized(monkeypatch, method, dtype):
    images, kernels, _ = problem(dtype)
    images, kernels = images.copy(), kernels * (2**40 if dtype == "int64" else 1)
    expected = _reference.correlate(images, kernels)
    out = np.empty(expected.shape, response_dtype(images, kernels))
    owners = (images, kernels, out)

    class Resizing(_run.Job):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            for owner in owners:
                with pytest.raises(ValueError, match="cannot resize"):
                    owner.resize((1,), refcheck=False)

    monkeypatch.setattr(_run, "Job", Resizing)
    xcorr.correlate(images[:], memoryview(kernels), out=out, method=method)
    assert_equal(out, expected, out.dtype)
    for owner in owners:
        owner.resize((1,), refcheck=False)


@pytest.mark.parametrize("view", [lambda array: array, lambda array: array[:, 1:], lambda array: array[:][::-1]])
def test_arrays_are_held_by_those_that_own_their_memory(view):
    owner = np.zeros((4, 5))
    held = hold(view(owner))
    with pytest.raises(ValueError, match="cannot resize"):
        owner.resize((1, 1), refcheck=False)
    del held
    owner.resize((1, 1), refcheck=False)


@pytest.mark.parametrize("verb", [xcorr.correlate, xcorr.match])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "float64"])
def test_masks_in_use_cannot_be_resized(monkeypatch, verb, dtype):
    owner, tried = np.ones((8, 9), dtype), []

    def canonical_mask(mask, *arguments):
        with pytest.raises(ValueError, match="cannot resize"):
            owner.resize((1, 1), refcheck=False)
        tried.append(verb)
        return _masks.canonical_mask(mask, *arguments)

    for module in (_seen, _score):
        monkeypatch.setattr(module, "canonical_mask", canonical_mask)
    verb(np.ones((8, 9)), np.ones((3, 2)), mask=owner[:])
    assert tried
    owner.resize((1, 1), refcheck=False)

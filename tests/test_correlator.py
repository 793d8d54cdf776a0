"""Prepared banks: their responses, what is kept of them, and what they say of themselves."""

import copy
import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases import FEW
from checks import assert_equal, assert_same_bits, random_generator, whole_numbers
from looping import for_each

import xcorr
from xcorr import _reference

METHODS = ("direct", "matmul", "fft", "winograd")
by_id = {"ids": lambda value: getattr(value, "id", str(value))}


def problem(case, dtype="float32"):
    rng = random_generator(case.id, dtype)
    images, kernels = whole_numbers(rng, case.images, dtype), whole_numbers(rng, case.kernels, dtype)
    return images, kernels, dict(case.keywords, bias=whole_numbers(rng, case.kernels[0], dtype) if case.bias else None)


KERNELS = np.ones((2, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("kernels", "keywords", "said"),
    [
        (KERNELS, {}, "kernels (2, 3, 3) of float32, layout by the images' axes, {auto}"),
        (KERNELS, {"layout": "NHW"}, "kernels (2, 3, 3) of float32, layout NHW, {auto}"),
        (np.ones((5, 7)), {}, "kernels (5, 7) of float64, layout by the images' axes, {auto}"),
        (np.ones((2, 3, 3, 4), "i2"), {}, "kernels (2, 3, 3, 4) of int16, layout NHWC, {auto}"),
        (np.ones((2, 3, 3, 4)), {"layout": "NCHW"}, "kernels (2, 3, 3, 4) of float64, layout NCHW, {auto}"),
        (KERNELS, {"method": "fft"}, "kernels (2, 3, 3) of float32, layout by the images' axes, method fft"),
        (
            KERNELS,
            {
                "layout": "NHW",
                "padding": "same",
                "stride": (2, 1),
                "boundary": "wrap",
                "dtype": "f8",
                "conjugate": False,
            },
            "kernels (2, 3, 3) of float32, layout NHW, {auto}, padding same, boundary wrap, stride (2, 1), "
            "conjugate False, dtype float64",
        ),
        (
            KERNELS,
            {"fill_value": 2.5, "bias": [1.0, 2.0], "padding": 1, "precision": "strict", "dilation": 2, "groups": 2},
            "kernels (2, 3, 3) of float32, layout by the images' axes, {auto}, padding ((1, 1), (1, 1)), "
            "dilation (2, 2), groups 2, precision strict, fill_value 2.5, bias (2,) of float64",
        ),
    ],
)
def test_repr_tells_bank_layout_method_and_what_is_unusual(kernels, keywords, said):
    correlator = xcorr.Correlator(kernels, **keywords)
    expected = said.format(auto="method by the sizes of one image and the bank")
    assert repr(correlator) == repr(pickle.loads(pickle.dumps(correlator))) == f"<Correlator: {expected}>"


def test_a_kernel_of_one_axis_is_shown_the_way():
    with pytest.raises(ValueError, match=r"^kernels: shape \(3,\) has 1 axis; allowed .* 'NW'"):
        xcorr.Correlator(np.ones(3), layout="NHW")


@for_each("dtype", ["float32", "complex128", "uint8", "float16"])
@pytest.mark.parametrize("case", FEW, **by_id)
def test_correlator_gives_the_exact_response(level, method, case, dtype):
    images, kernels, keywords = problem(case, dtype)
    bank = xcorr.Correlator(kernels, method=method, **keywords)
    expected = _reference.correlate(images, kernels, **keywords)
    for workers in (None, 1, 3):
        assert_equal(bank(images, workers=workers), expected, np.int64 if dtype == "uint8" else dtype)


def test_one_correlator_serves_images_of_every_size(level, method):
    kernels = whole_numbers(random_generator("sizes"), (5, 3, 2, 3), "float32")
    bank = xcorr.Correlator(kernels, padding="same", stride=(2, 1), method=method)
    for shape in ((1, 3, 3, 3), (2, 17, 5, 3), (4, 8, 40, 3), (0, 5, 5, 3), (1, 3, 3, 3), (30, 7, 3)):
        images = whole_numbers(random_generator(shape), shape, "float32")
        expected = _reference.correlate(images, kernels, padding="same", stride=(2, 1))
        assert_equal(bank(images), expected, np.float32)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(("n_kernels", "channels"), [(1, 1), (7, 3), (13, 3), (48, 3), (80, 2), (112, 32)])
def test_one_correlator_has_the_panels_of_every_width(level, n_kernels, channels, layout):
    rng = random_generator("widths")
    axes = (0, 1, 2, 3) if layout == "NHWC" else (0, 3, 1, 2)
    kernels = whole_numbers(rng, (n_kernels, 3, 3, channels), "float32").transpose(axes)
    prepared = xcorr.Correlator(kernels, layout=layout, method="direct")
    for columns in (34, 18, 9, 5, 50, 4, 66, 34, 3):
        images = whole_numbers(rng, (1, 9, columns, channels), "float32").transpose(axes)
        expected = xcorr.correlate(images, kernels, layout=layout, method="matmul")
        assert_equal(prepared(images), expected, np.float32)


def test_one_correlator_serves_images_of_every_dtype(level, method):
    kernels = whole_numbers(random_generator("dtypes"), (2, 3, 3), "int16")
    bank = xcorr.Correlator(kernels, method=method)
    for dtype, expected_dtype in (
        ("uint8", "int64"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("uint8", "int64"),
        ("complex64", "complex64"),
        ("float16", "float32"),
        ("bool", "int64"),
    ):
        images = whole_numbers(random_generator(dtype), (6, 7), dtype)
        assert_equal(bank(images), _reference.correlate(images, kernels), expected_dtype)


def test_layout_of_a_correlator_follows_from_its_images():
    kernels = whole_numbers(random_generator("layout"), (2, 3, 4), "float32")
    bank = xcorr.Correlator(kernels)
    for shape in ((6, 7), (2, 6, 7, 4)):  # two kernels of (3, 4), or one of (2, 3) with 4 channels
        images = whole_numbers(random_generator(shape), shape, "float32")
        assert_equal(bank(images), _reference.correlate(images, kernels), np.float32)
    with pytest.raises(ValueError, match="NHWC"):
        bank(np.ones((2, 6, 7), np.float32))
    assert xcorr.Correlator(kernels, layout="NHW")(np.ones((2, 6, 7), np.float32)).shape == (2, 4, 4, 2)


def test_kernels_changed_after_preparation_do_not_matter(level, method):
    images, kernels = np.ones((1, 6, 40, 2), np.float32), np.ones((3, 2, 2, 2), np.float32)
    bias = np.ones(3, np.float32)
    bank = xcorr.Correlator(kernels, bias=bias, method=method)
    bank(images)
    kernels[...], bias[...] = 5, 7
    assert_equal(bank(images), np.full((1, 5, 39, 3), 9.0), np.float32)
    assert_equal(bank(images[:, :3]), np.full((1, 2, 39, 3), 9.0), np.float32)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_correlator_gives_the_same_bits(method, protocol):
    for case in FEW:
        images, kernels, keywords = problem(case)
        bank = xcorr.Correlator(kernels, method=method, **keywords)
        before = pickle.loads(pickle.dumps(bank, protocol))
        expected = bank(images)
        after = pickle.loads(pickle.dumps(bank, protocol))
        assert_same_bits(before(images), expected)
        assert_same_bits(after(images), expected)
        assert_same_bits(copy.deepcopy(bank)(images), expected)


def test_a_correlator_may_be_called_from_many_threads(level, method):
    case = next(case for case in FEW if case.id == "strided-dilated")
    _, kernels, keywords = problem(case)
    bank = xcorr.Correlator(kernels, method=method, **keywords)
    batches = [whole_numbers(random_generator(size), (2, 7 + size % 5, 9 + size, 2), "float32") for size in range(12)]
    expected = [_reference.correlate(images, kernels, **keywords) for images in batches]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(5):
            for response, exact in zip(threads.map(bank, batches), expected):
                assert_equal(response, exact, np.float32)


def test_many_threads_may_mix_calls():
    calls = [problem(case, dtype) for case, dtype in itertools.product(FEW, ("float32", "uint8"))]
    expected = [_reference.correlate(images, kernels, **keywords) for images, kernels, keywords in calls]

    def run(index):
        images, kernels, keywords = calls[index % len(calls)]
        method = ("direct", "matmul")[index // len(calls) % 2]
        return xcorr.correlate(images, kernels, method=method, workers=1 + index % 3, **keywords)

    with ThreadPoolExecutor(8) as threads:
        for index, response in enumerate(threads.map(run, range(8 * len(calls)))):
            exact = expected[index % len(calls)]
            assert_equal(response, exact, np.int64 if exact.dtype == object else np.float32)


def test_explain_names_the_method(method):
    bank = xcorr.Correlator(np.ones((4, 3, 3, 2), np.float32), method=method)
    for shape in ((20, 30, 2), (6, 20, 30, 2)):
        text = bank.explain(shape)
        assert isinstance(text, str)
        assert method in text


def test_explain_names_the_chosen_method():
    for kernels in ((4, 3, 3, 2), (64, 5, 5, 2), (1, 29, 29, 2)):
        text = xcorr.Correlator(np.ones(kernels, np.float32)).explain((40, 50, 2))
        assert xcorr.choose_method((40, 50, 2), kernels, dtype=np.float32) in text


def test_explain_refuses_what_the_call_would_refuse():
    bank = xcorr.Correlator(np.ones((4, 3, 3, 2), np.float32))
    for shape in ((20, 30, 3), (2, 30, 2), (0, 30, 2), (5,)):
        with pytest.raises(ValueError):
            bank.explain(shape)


# --- what is kept of a bank -------------------------------------------------------------------------------------------


def test_kernels_changed_in_place_count_from_the_next_call(level):
    images, kernels = np.arange(30.0).reshape(5, 6), np.ones((3, 3))
    first = xcorr.correlate(images, kernels)
    kernels[1, 2] = -4
    second = xcorr.correlate(images, kernels)
    assert_equal(second, _reference.correlate(images, kernels), np.float64)
    assert not np.array_equal(first, second)
    kernels[1, 2] = 1
    assert_same_bits(xcorr.correlate(images, kernels), first)


def test_kernels_of_equal_bytes_in_another_order_or_type_are_other_kernels(level):
    images, kernels = np.arange(72.0, dtype="f4").reshape(8, 9), np.arange(9, dtype="f4").reshape(3, 3)
    for bank in (kernels, kernels.T, kernels.view("i4"), kernels[::-1], kernels.astype(">f4"), kernels.view(">f4")):
        for _ in range(2):
            response = xcorr.correlate(images, bank)
            assert_equal(response, _reference.correlate(images, bank), response.dtype)
        assert_equal(xcorr.convolve(images, bank), _reference.correlate(images, bank[::-1, ::-1]), response.dtype)

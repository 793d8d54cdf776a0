"""Prepared banks, the choice of a method, sizes, workers and what the package says about itself."""

import copy
import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases import CASES, FEW, TABLES
from checks import assert_each, assert_equal, assert_same_bits, random_generator, whole_numbers
from looping import for_each

import xcorr
from xcorr import _axes, _cache, _dispatch, _reference
from xcorr._methods import direct

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
    with pytest.raises(ValueError, match=r"^kernels: shape \(3,\) has 1 axis; .* kernel\[None\]"):
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


# The choice of a method is a function of sizes.


@pytest.mark.parametrize("dtype", ["float32", np.float64, np.dtype("complex64"), "float16", "int64"])
def test_choose_method_names_a_method(dtype):
    for image, kernels in (
        ((28, 28), (3, 3)),
        ((28, 28), (8, 3, 3)),
        ((32, 32, 3), (2, 5, 5, 3)),
        ((1, 1), (1, 1)),
        ((56, 56, 64), (64, 3, 3, 64)),
        ((256, 256), (64, 64)),
        ((512, 512, 3), (16, 31, 31, 3)),
    ):
        assert xcorr.choose_method(image, kernels, dtype=dtype) in METHODS


def test_integers_are_never_given_to_an_inexact_method():
    for image, kernels in (((28, 28), (3, 3)), ((56, 56, 64), (64, 3, 3, 64))):
        assert xcorr.choose_method(image, kernels, dtype=np.int64) == "direct"
    rng = random_generator("exact")
    for largest in (100, 2**20, 2**40):  # rounded, too large to be rounded, beyond 2**53
        images, kernels = whole_numbers(rng, (90, 91), "i8", largest), whole_numbers(rng, (2, 40, 41), "i8", 9)
        assert_same_bits(xcorr.correlate(images, kernels), xcorr.correlate(images, kernels, method="direct"))


def test_the_chosen_method_can_be_forced():
    for case in CASES[::11]:
        if 0 in (case.images[0], case.kernels[0]):
            continue
        images, kernels = np.ones(case.images, np.float32), np.ones(case.kernels, np.float32)
        keywords = {name: value for name, value in case.keywords.items() if name not in ("fill_value", "boundary")}
        chosen = xcorr.choose_method(case.images[1:], case.kernels, dtype=np.float32, **keywords)
        response = xcorr.correlate(images, kernels, method=chosen, **keywords)
        assert_same_bits(response, xcorr.correlate(images, kernels, **keywords))


# Sizes.


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_response_shape_is_that_of_the_response(table):
    def check(case):
        shape = xcorr.response_shape(
            case.images[1:3], case.kernels[1:3], padding=case.padding, stride=case.stride, dilation=case.dilation
        )
        expected = xcorr.correlate(np.ones((0, *case.images[1:])), np.ones(case.kernels), **case.keywords).shape[1:3]
        assert isinstance(shape, tuple)
        assert shape == expected
        assert all(type(length) is int for length in shape)

    assert_each(check, [case for case in table if 0 not in case.kernels][::3])


def test_response_shape_of_same_is_the_image_over_the_stride_rounded_up():
    for size, stride, kernel in itertools.product((5, 6, 7, 8), (1, 2, 3), (1, 2, 3, 9)):
        assert xcorr.response_shape((size, size + 1), (kernel, 1), padding="same", stride=stride) == (
            -(-size // stride),
            -(-(size + 1) // stride),
        )


def test_response_shape_refuses_what_the_call_would_refuse():
    for image, kernel, keywords, error in (
        ((2, 5), (3, 3), {}, ValueError),
        ((5, 5), (2, 2), {"stride": 0}, ValueError),
        ((5, 5), (2, 2), {"dilation": 5}, ValueError),
        ((5, 5), (2, 2), {"padding": "nonsense"}, ValueError),
        ((5, 5), (2, 2), {"stride": 1.5}, TypeError),
        ((0, 5), (1, 1), {}, ValueError),
        ((5,), (1,), {}, ValueError),
        ((5, 5), (2, 2), {"padding": 2**63}, (ValueError, OverflowError)),
    ):
        with pytest.raises(error):
            xcorr.response_shape(image, kernel, **keywords)


# Workers and self-description.


def test_set_workers_holds_inside_the_with_block():
    before = xcorr.get_workers()
    assert before >= 1
    with xcorr.set_workers(3):
        assert xcorr.get_workers() == 3
        with xcorr.set_workers(1):
            assert xcorr.get_workers() == 1
        assert xcorr.get_workers() == 3
    assert xcorr.get_workers() == before


def test_set_workers_is_undone_after_an_error():
    before = xcorr.get_workers()
    with pytest.raises(KeyError), xcorr.set_workers(before + 2):
        raise KeyError
    assert xcorr.get_workers() == before


def test_set_workers_is_a_function_as_well():
    with xcorr.set_workers(xcorr.get_workers()):  # restores what the test changes
        xcorr.set_workers(5)
        assert xcorr.get_workers() == 5
        xcorr.set_workers(-1)
        assert xcorr.get_workers() >= 1
        xcorr.set_workers(2)
        assert_equal(
            xcorr.correlate(np.ones((3, 5, 5, 1)), np.ones((1, 2, 2, 1))), np.full((3, 4, 4, 1), 4.0), np.float64
        )


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-2, ValueError), (1.0, TypeError), (True, TypeError), ("2", TypeError)]
)
def test_set_workers_refuses_what_is_not_a_count(value, error):
    before = xcorr.get_workers()
    with pytest.raises(error):
        xcorr.set_workers(value)
    assert xcorr.get_workers() == before


def test_info_is_a_dictionary_that_tells_the_level():
    info = xcorr.info()
    assert xcorr.__version__ == info["version"]
    assert isinstance(info, dict)
    assert set(_dispatch.runnable_levels()) & {value for value in info.values() if isinstance(value, str)}


def test_every_public_name_exists_and_is_documented():
    for name in (
        "correlate",
        "convolve",
        "Correlator",
        "response_shape",
        "choose_method",
        "window_index",
        "correlation_indices",
        "windows",
        "set_workers",
        "get_workers",
        "info",
    ):
        assert name in xcorr.__all__
        assert getattr(xcorr, name).__doc__


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


# --- the form of the direct method ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_kernels", "lanes", "channels", "over_kernels"),
    [(1, 2, 1, False), (2, 4, 1, False), (4, 8, 1, False), (8, 16, 1, False), (8, 16, 4, False), (8, 16, 64, False),
     (7, 16, 1, False), (10, 16, 64, False), (11, 16, 64, True), (5, 8, 3, False), (6, 8, 3, True), (1, 1, 1, True),
     (3, 4, 16, True), (16, 16, 1, True), (17, 16, 64, True), (16, 32, 1, False)],
)  # fmt: skip
def test_lanes_go_over_kernels_that_fill_enough_of_their_vectors(n_kernels, lanes, channels, over_kernels):
    geometry = _axes.make_geometry((9, 9, channels), (n_kernels, 3, 3, channels))
    assert (direct.form(geometry, n_kernels, lanes) == "kernels") is over_kernels


@pytest.mark.parametrize(
    ("groups", "multiplier", "depth", "lanes", "form"),
    [(64, 1, 1, 16, "channels"), (6, 1, 1, 16, "channels"), (5, 1, 1, 16, "columns"), (8, 1, 1, 8, "channels"),
     (7, 1, 1, 8, "channels"), (5, 1, 1, 8, "columns"), (4, 1, 1, 4, "channels"), (3, 1, 1, 4, "columns"),
     (64, 2, 1, 16, "columns"), (32, 4, 4, 16, "columns"), (32, 11, 4, 16, "kernels"), (1, 1, 1, 16, "columns")],
)  # fmt: skip
def test_lanes_go_over_channels_where_depthwise_layers_fill_vectors(groups, multiplier, depth, lanes, form):
    geometry = _axes.make_geometry((9, 9, groups * depth), (groups * multiplier, 3, 3, depth), groups=groups)
    assert direct.form(geometry, multiplier, lanes) == form


@pytest.mark.parametrize("groups", [12, 16, 17, 33])
@pytest.mark.parametrize("keywords", [{}, {"stride": 2}, {"dilation": (2, 3)}, {"padding": "same"}],
                         ids=["plain", "stride", "dilation", "same"])  # fmt: skip
def test_forms_of_a_depthwise_layer_give_the_same_bits(level, monkeypatch, groups, keywords):
    random = random_generator("forms", groups)
    images = random.standard_normal((2, 11, 23, groups)).astype(np.float32)
    kernels = random.standard_normal((groups, 4, 3, 1)).astype(np.float32)
    bias = random.standard_normal(groups).astype(np.float32)
    responses = []
    for form in ("channels", "columns", "kernels"):
        monkeypatch.setattr(direct, "form", lambda *_, form=form: form)
        _cache.clear_caches()
        responses.append(xcorr.correlate(images, kernels, groups=groups, bias=bias, **keywords))
    _cache.clear_caches()
    assert_same_bits(responses[1], responses[0])
    assert_same_bits(responses[2], responses[0])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("n_kernels", [2, 3, 7, 20])
def test_gaps_between_the_rows_of_out_stay_as_they_were(level, layout, n_kernels):
    random = random_generator("gaps", n_kernels)
    axes = (0, 1, 2, 3) if layout == "NHWC" else (0, 3, 1, 2)
    images = whole_numbers(random, (2, 9, 21, 2), "float32").transpose(axes)
    kernels = whole_numbers(random, (n_kernels, 3, 3, 2), "float32").transpose(axes)
    wider = np.full((2, 7, 22, n_kernels) if layout == "NHWC" else (2, n_kernels, 7, 22), -7.5, np.float32)
    out = wider[:, :, :19] if layout == "NHWC" else wider[..., :19]
    gaps = wider[:, :, 19:] if layout == "NHWC" else wider[..., 19:]
    xcorr.correlate(images, kernels, layout=layout, out=out)
    assert_equal(out, _reference.correlate(images, kernels, layout=layout), np.float32)
    assert (gaps == -7.5).all()

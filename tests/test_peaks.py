"""Peaks: which places are found in a map, by the definition in _reference.py."""

import numpy as np
import pytest
from checks import FLOATS, INTEGERS, random_generator, whole_numbers
from looping import drawn, for_each
from memory_orders import MEMORY
from peaks import check, places, same, selected

import xcorr
from xcorr import _reference, _tops

SIZES = ((1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (2, 2), (3, 3), (5, 8), (13, 4), (14, 19))


def maps(rng, shape, dtype):
    """Maps of several kinds: of few values, of many, constant, rising, and of the least and the largest numbers."""
    dtype = np.dtype(dtype)
    yield whole_numbers(rng, shape, dtype, 2)
    yield np.zeros(shape, dtype)
    yield np.cumsum(np.cumsum(rng.integers(-1, 2, shape), axis=-1), axis=-2).astype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        yield rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        yield (np.full(shape, limits.max, dtype) - rng.integers(0, 4, shape).astype(dtype)).astype(dtype)
        yield (np.full(shape, limits.min, dtype) + rng.integers(0, 4, shape).astype(dtype)).astype(dtype)
    elif dtype.kind == "f":
        yield rng.standard_normal(shape).astype(dtype)
        yield (-(rng.random(shape) ** 8)).astype(dtype)
        yield rng.choice(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], dtype), shape)
        yield rng.choice(np.array([np.nan, -np.inf, -np.inf], dtype), shape)


# --- by the definition ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
@for_each("size", SIZES)
def test_peaks_of_every_dtype_are_those_of_the_definition(dtype, size):
    rng = random_generator("peaks", dtype, size)
    for index, responses in enumerate(maps(rng, (2, *size, 3), dtype)):
        for largest in (True, False):
            check(responses, 4, largest=largest, min_distance=1 + index % 3, subpixel="parabola")
            check(responses, 300, largest=largest, per="image", subpixel="gaussian")


@pytest.mark.parametrize("k", [1, 2, 7, 1000])
@for_each(("distance", "border"), [(1, 0), (2, 0), (3, 1), (5, 2), (9, 0), (40, 3), (2**62, 0), (1, 12), (2, 2**62)])
def test_distances_and_borders(k, distance, border):
    rng = random_generator("distances", k, distance, border)
    for responses in maps(rng, (2, 17, 23, 2), "float32"):
        for per in ("kernel", "image"):
            check(responses, k, min_distance=min(distance, 100), border=min(border, 100), per=per)
            found = xcorr.Peaks(k, min_distance=distance, border=border, per=per)(responses)
            capped = xcorr.Peaks(k, min_distance=min(distance, 100), border=min(border, 100), per=per)(responses)
            same(found, capped)


@for_each(("layout", "word"), [("NHWC", "NHWK"), ("NCHW", "NKHW"), ("NHW", "NHWK")])
def test_layouts_are_those_of_the_images(layout, word):
    rng = random_generator("layouts", layout)
    reference = rng.integers(0, 9, (2, 7, 8, 3)).astype(np.float32)
    order = ["NHWK".index(letter) for letter in word]
    for per in ("kernel", "image"):
        expected = check(reference, 5, per=per)
        same(check(reference.transpose(order), 5, layout, per=per), expected)
        if layout != "NHW":
            same(check(reference.transpose(order)[1], 5, layout, per=per), expected[1])
        one = check(reference[..., 1], 5, "NHW", per=per)
        assert one.shape == (2, 5)
        same(check(reference[1, ..., 1], 5, layout, per=per), one[1])
        same(check(reference[1, ..., 1], 5, per=per), one[1])


def test_maps_are_those_of_correlate():
    images = xcorr.datasets.load_digits_sample().images[:3]
    bank = xcorr.banks.sobel()
    peaks = xcorr.Peaks(4)(xcorr.correlate(images, bank, layout="NHW"))
    assert peaks.shape == (3, 2, 4)
    for image in range(3):
        alone = xcorr.Peaks(4)(xcorr.correlate(images[image], bank, layout="NHW"), "NHWC")
        same(alone, peaks[image])
        for kernel in range(2):
            alone = xcorr.Peaks(4)(xcorr.correlate(images[image], bank[kernel]))
            assert alone.shape == (4,)
            np.testing.assert_array_equal(alone["row"], peaks[image, kernel]["row"])
            np.testing.assert_array_equal(alone["score"], peaks[image, kernel]["score"])


@for_each("name", MEMORY)
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int64", "uint16", "uint64", "bool"])
def test_memory_orders_change_nothing(name, dtype):
    rng = random_generator("orders", name, dtype)
    responses = whole_numbers(rng, (2, 9, 12, 5), dtype, 20)
    kept = responses.copy()
    for keywords in ({}, {"per": "image"}, {"largest": False, "min_distance": 3, "subpixel": "parabola"}):
        expected = xcorr.Peaks(6, **keywords)(responses)
        view = MEMORY[name](responses)
        same(xcorr.Peaks(6, **keywords)(view), expected)
    np.testing.assert_array_equal(responses, kept)


def test_bools_are_whatever_is_not_zero():
    bools = np.array([[0, 0, 0, 0], [0, 2, 0, 255]], np.uint8).view(bool)
    peaks = xcorr.Peaks(2, threshold=1)(bools)
    assert places(peaks) == [(1, 1), (1, 3)]
    assert peaks["score"].view(np.uint8).tolist() == [1, 1]
    assert places(xcorr.Peaks(1, largest=False, threshold=0)(~bools)) == [(1, 1)]


def test_lists_and_empty_batches_are_taken():
    assert places(xcorr.Peaks()([[1, 3, 2]])) == [(0, 1)]
    assert xcorr.Peaks(3)(np.ones((0, 4, 5, 2))).shape == (0, 2, 3)
    assert xcorr.Peaks(3)(np.ones((2, 4, 5, 0))).shape == (2, 0, 3)
    none = xcorr.Peaks(3, per="image")(np.ones((2, 4, 5, 0)))
    assert none.shape == (2, 3)
    assert (none["kernel"] == -1).all()


# --- what is a candidate ----------------------------------------------------------------------------------------------


def test_a_plateau_gives_its_first_pixel():
    plane = np.zeros((6, 7))
    plane[2:4, 3:6] = 5
    assert places(check(plane, 9, threshold=1)) == [(2, 3)]
    assert places(check(np.full((4, 5), -3.0), 9)) == [(0, 0)]
    diagonal = np.eye(5)[:, ::-1]
    assert places(check(diagonal, 9, threshold=1)) == [(0, 4)]


def test_a_plateau_whose_rows_do_not_touch_where_they_begin_gives_each_beginning():
    plane = np.array([[0, 0, 0, 7], [7, 0, 0, 7], [7, 7, 7, 7]])
    assert places(check(plane, 9, threshold=7)) == [(0, 3), (1, 0)]
    assert places(check(plane, 9, threshold=7, min_distance=4)) == [(0, 3)]


def test_edges_and_corners_have_peaks_unless_a_border_is_asked_for():
    plane = np.zeros((5, 6), np.float32)
    plane[[0, 0, 4, 4, 2], [0, 5, 0, 5, 3]] = 5, 4, 3, 2, 1
    assert places(check(plane, 9, threshold=1)) == [(0, 0), (0, 5), (4, 0), (4, 5), (2, 3)]
    assert places(check(plane, 9, threshold=1, border=1)) == [(2, 3)]
    plane[0, 3] = plane[1, 3] = 9
    assert places(check(plane, 9, threshold=1, border=2)) == []  # what is in the border is a neighbour all the same
    assert places(check(plane, 9, border=3)) == []


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_is_no_peak_and_hinders_none(dtype):
    plane = np.array([[1, 2, np.nan], [np.nan, 3, 1], [4, np.nan, np.nan]], dtype)
    assert places(check(plane, 9)) == [(2, 0)]
    assert places(check(plane, 9, largest=False)) == [(0, 0), (1, 2)]
    assert places(check(np.full((3, 3), np.nan, dtype), 2)) == []
    plane = np.full((3, 5), np.nan, dtype)
    plane[1, 3] = -7
    assert places(check(plane, 9)) == places(check(plane, 9, largest=False)) == [(1, 3)]


def test_nan_counts_as_minus_infinity_beside_it():
    assert places(check(np.array([[np.nan, -np.inf]]), 9)) == []
    assert places(check(np.array([[-np.inf, np.nan]]), 9)) == [(0, 0)]
    assert places(check(np.array([[np.inf, np.nan, np.inf]]), 9)) == [(0, 0), (0, 2)]
    assert places(check(np.array([[np.inf, np.nan]]), 9, largest=False)) == [(0, 0)]


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_integers_are_compared_exactly(dtype):
    most = np.iinfo(dtype).max
    plane = np.array([[most - 2, most - 1, most - 2], [most - 3, most - 2, most]], dtype)
    peaks = check(plane, 2, subpixel="parabola")
    assert places(peaks) == [(1, 2)]
    assert peaks["score"][0] == most
    plane = np.array([[0, 2**53, 0, 2**53 + 1, 0]], dtype)
    assert places(check(plane, 9)) == [(0, 3), (0, 1)]
    assert places(check(plane, 9, threshold=2**53 + 1)) == [(0, 3)]
    line = np.array([[0, most - 10, most - 7, most - 9, 0]], dtype)
    assert check(line, 1, subpixel="parabola")["sub_column"][0] == 2 + (3 - 2) / (2 * (3 + 2))


def test_the_least_integers_have_a_peak_only_where_nothing_precedes_it():
    for dtype in ("int64", "uint64"):
        least = np.full((3, 4), np.iinfo(dtype).min, dtype)
        assert places(check(least, 9)) == [(0, 0)]
        assert places(check(~least, 9, largest=False)) == [(0, 0)]
        least[1, 1] += np.array(1, dtype)
        assert places(check(least, 9)) == [(1, 1)]


def test_the_least_number_is_no_peak_under_a_threshold():
    for least in (np.full((3, 4), -np.inf), np.zeros((3, 4), np.uint64), np.full((3, 4), np.iinfo(np.int64).min)):
        bound = least.dtype.type(least[0, 0])
        assert places(check(least, 9, threshold=bound)) == [(0, 0)]
        assert places(check(least, 9, threshold=1)) == []
        assert places(check(least, 9, border=1)) == []


# --- thresholds -------------------------------------------------------------------------------------------------------


def test_a_threshold_is_reached_by_what_is_equal_to_it():
    plane = np.array([[0, 3, 0, 2, 0, 1, 0]])
    assert places(check(plane, 9, threshold=2)) == [(0, 1), (0, 3)]
    assert places(check(plane, 9, threshold=1.5)) == [(0, 1), (0, 3)]
    assert places(check(-plane, 9, threshold=-2, largest=False)) == [(0, 1), (0, 3)]
    assert places(check(-plane, 9, threshold=-1.5, largest=False)) == [(0, 1), (0, 3)]


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_threshold_is_rounded_as_the_scores_are(dtype):
    for threshold in (0.1, 0.3, 0.7):
        plane = np.array([[0, threshold, 0]], dtype)
        assert places(check(plane, 9, threshold=threshold)) == [(0, 1)]
        assert places(check(-plane, 9, threshold=-threshold, largest=False)) == [(0, 1)]


@for_each("threshold", [2**63, -(2**63) - 1, 2**64, 1e30, -1e30, np.inf, -np.inf, 10**400, -(10**400), 0.5, -0.5])
@pytest.mark.parametrize("dtype", ["int64", "uint64", "uint8", "bool", "float32", "float16"])
def test_thresholds_beyond_the_responses(threshold, dtype):
    plane = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0]]).astype(dtype)
    expected = float(threshold) if abs(threshold) < 1e300 else np.copysign(np.inf, float(threshold > 0) - 0.5)
    for largest in (True, False):
        found = xcorr.Peaks(9, threshold=threshold, largest=largest)(plane)
        wanted = _reference.peaks(plane, 9, threshold=expected, largest=largest)
        same(found, wanted)


def test_thresholds_of_every_kind_of_number_are_one():
    plane = np.array([[0, 3, 0, 2, 0, 1, 0]], np.float32)
    for threshold in (2, 2.0, np.float32(2), np.int8(2), np.float16(2)):
        assert xcorr.Peaks(9, threshold=threshold) == xcorr.Peaks(9, threshold=2)
        assert places(xcorr.Peaks(9, threshold=threshold)(plane)) == [(0, 1), (0, 3)]


# --- the selection ----------------------------------------------------------------------------------------------------


def test_what_is_not_selected_hinders_nobody():
    line = np.zeros((1, 30))
    line[0, [10, 15, 20]] = 3, 2, 1
    for plane in (line, line.T):
        peaks = check(plane, 9, min_distance=6, threshold=0.5)
        assert [max(place) for place in places(peaks)] == [10, 20]
        assert [max(place) for place in places(check(plane, 9, min_distance=5, threshold=0.5))] == [10, 15, 20]
        assert [max(place) for place in places(check(plane, 9, min_distance=11, threshold=0.5))] == [10]


def test_peaks_are_far_enough_apart_on_one_axis():
    plane = np.zeros((9, 9))
    plane[[2, 5, 2], [2, 3, 5]] = 3, 2, 1
    assert places(check(plane, 9, min_distance=3, threshold=1)) == [(2, 2), (5, 3), (2, 5)]
    assert places(check(plane, 9, min_distance=4, threshold=1)) == [(2, 2)]


def test_equal_scores_are_taken_by_row_column_and_kernel():
    responses = np.zeros((5, 7, 3))
    responses[[1, 1, 3], [5, 1, 3], [0, 2, 1]] = 1
    peaks = check(responses, 9, "NHWC", per="image", threshold=1)
    assert list(zip(places(peaks), peaks["kernel"].tolist())) == [((1, 1), 2), ((1, 5), 0), ((3, 3), 1)]
    peaks = check(np.ones((2, 2, 3)), 9, "NHWC", per="image")
    assert (places(peaks), peaks["kernel"][0]) == ([(0, 0)], 0)


def test_kernels_of_an_image_keep_their_distance_from_each_other():
    responses = np.zeros((2, 8, 9, 2))
    responses[0, 2, 3], responses[0, 2, 5, 1], responses[1, 6, 6, 0] = (5, 6), 4, 1
    peaks = check(responses, 3, per="image", min_distance=2, threshold=1)
    assert peaks["score"][0].tolist() == [6, 4, pytest.approx(np.nan, nan_ok=True)]
    assert peaks["kernel"].tolist() == [[1, 1, -1], [0, -1, -1]]
    assert check(responses, 3, min_distance=2, threshold=1)["score"][0, 0, 0] == 5


def test_negative_maps_have_peaks():
    plane = -np.array([[5.0, 2.0, 5.0, 3.0], [5.0, 5.0, 5.0, 5.0]])
    assert places(check(plane, 9)) == [(0, 1), (0, 3)]
    assert places(check(plane, 9, threshold=-2.5)) == [(0, 1)]


@pytest.mark.parametrize("slopes", [(0, 0), (3, 0), (-3, 0), (0, 3), (0, -3), (2, -2)])
@for_each(("k", "distance"), [(1, 1), (1, 9), (5, 4), (40, 2), (40, 7), (700, 3), (100_000, 1), (100_000, 6)])
def test_what_is_forgotten_on_the_way_is_never_missed(slopes, k, distance):
    """Chains of candidates each of which hinders the next one, from either side; thousands more than are kept."""
    rng = random_generator("forgotten", slopes)
    plane = rng.standard_normal((230, 240)) + np.add.outer(*(slope * np.arange(240) / 9 for slope in slopes))[:230]
    expected = selected(plane, k, distance)
    peaks = xcorr.Peaks(k, min_distance=distance)(plane)
    assert places(peaks) == expected
    banks = np.stack([plane, plane[::-1], -plane], axis=-1)
    peaks = xcorr.Peaks(k, min_distance=distance)(banks, "NHWC")
    assert [places(peaks[kernel]) for kernel in (0, 1)] == [expected, selected(plane[::-1], k, distance)]


@for_each(("k", "distance"), [(3, 1), (30, 5), (5_000, 3), (9_000, 2)])
def test_what_is_forgotten_is_not_missed_by_other_kernels(k, distance):
    responses = random_generator("kernels", k).standard_normal((90, 100, 9))
    best = responses.max(axis=2)
    peaks = xcorr.Peaks(k, min_distance=distance, per="image")(responses, "NHWC")
    planes = np.ascontiguousarray(np.moveaxis(responses, 2, 0))
    same(xcorr.Peaks(k, min_distance=distance, per="image")(planes, "NCHW"), peaks)
    check(responses[:40, :40, :3], min(k, 400), "NHWC", min_distance=distance, per="image")
    assert peaks["score"][0] == best.max()


def test_rows_longer_than_are_kept_at_once():
    rng = random_generator("long rows")
    for shape in ((3, 70_001), (1, 140_000)):
        plane = rng.standard_normal(shape)
        for k, distance in ((7, 3), (9_000, 5)):
            assert places(xcorr.Peaks(k, min_distance=distance)(plane)) == selected(plane, k, distance)
    check(rng.integers(0, 9, (1, 1, 70_000)).astype(np.uint8), 3, "NHWC", per="image")
    assert places(xcorr.Peaks(3)(np.zeros((2, 140_000), np.uint64))) == [(0, 0)]
    plane = np.zeros((2, 65_537 + 65_536))
    plane[:, 65_534:65_539] = 1
    assert places(xcorr.Peaks(3, threshold=1)(plane)) == [(0, 65_534)]


@for_each("n_kernels", [16, 2047, 2048, 2049, 4000])
def test_more_kernels_than_are_looked_at_together(n_kernels):
    responses = random_generator("many kernels", n_kernels).standard_normal((2, 2, 70, n_kernels), np.float32)
    for k, distance in ((2, 1), (40, 9)):
        planes = xcorr.Peaks(k, min_distance=distance)(np.ascontiguousarray(np.moveaxis(responses, 3, 1)), "NCHW")
        same(xcorr.Peaks(k, min_distance=distance)(responses), planes)
    check(responses[:, :, :3], 3, per="image", min_distance=2)
    check(np.moveaxis(np.ascontiguousarray(np.moveaxis(responses[:, :, :3], 3, 1)), 1, 3), 3, per="image")


def test_kernels_that_are_looked_at_later_are_not_missed():
    responses = random_generator("later").standard_normal((40, 30, 4096))
    for k, distance in ((40, 4), (300, 3)):
        peaks = xcorr.Peaks(k, min_distance=distance, per="image")
        expected = selected(responses, k, distance)
        assert places(peaks(responses, "NHWC")) == expected
        assert places(peaks(np.moveaxis(responses, 2, 0), "NCHW")) == expected


def test_kernels_whose_pools_are_large_are_looked_at_some_at_a_time():
    responses = random_generator("large pools").standard_normal((1, 250, 260, 37), np.float32)
    planes = xcorr.Peaks(9_000, min_distance=2)(np.ascontiguousarray(np.moveaxis(responses, 3, 1)), "NCHW")
    same(xcorr.Peaks(9_000, min_distance=2)(responses), planes)
    assert places(planes[0, 36]) == selected(responses[0, :, :, 36], 9_000, 2)


# --- between pixels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("largest", [True, False])
@for_each("vertex", [(4.0, 5.0), (4.3, 4.6), (3.51, 5.49), (4.5, 5.0)])
def test_a_parabola_has_its_vertex(largest, vertex):
    rows, columns = np.ogrid[:9, :10]
    plane = 7 - 0.5 * (rows - vertex[0]) ** 2 - 0.25 * (columns - vertex[1]) ** 2
    peak = check(plane if largest else -plane, subpixel="parabola", largest=largest)[0]
    np.testing.assert_allclose([peak["sub_row"], peak["sub_column"]], vertex, atol=1e-12)
    plain = check(plane if largest else -plane, largest=largest)[0]
    assert (plain["sub_row"], plain["sub_column"]) == (plain["row"], plain["column"])


@for_each("vertex", [(4.0, 5.0), (4.3, 4.6), (3.51, 5.49)])
def test_a_gaussian_has_its_vertex(vertex):
    rows, columns = np.ogrid[:9, :10]
    plane = 7 * np.exp(-0.5 * (rows - vertex[0]) ** 2 - 0.25 * (columns - vertex[1]) ** 2)
    peak = check(plane, subpixel="gaussian")[0]
    np.testing.assert_allclose([peak["sub_row"], peak["sub_column"]], vertex, atol=1e-12)
    peak = check(1 / plane, subpixel="gaussian", largest=False)[0]
    np.testing.assert_allclose([peak["sub_row"], peak["sub_column"]], vertex, atol=1e-12)
    peak = check(plane.astype(np.float32), subpixel="gaussian")[0]
    np.testing.assert_allclose([peak["sub_row"], peak["sub_column"]], vertex, atol=1e-5)


def test_a_gaussian_without_logarithms_is_a_parabola_on_that_axis_alone():
    plane = np.array([[0.0, 2.0, 0.0], [1.0, 8.0, 4.0], [0.0, -1.0, 0.0]])
    gaussian, parabola = (check(plane, subpixel=how)[0] for how in ("gaussian", "parabola"))
    assert gaussian["sub_row"] == parabola["sub_row"] == 1 + (6 - 9) / (2 * (6 + 9))
    assert gaussian["sub_column"] == pytest.approx(1 + (np.log(8) - np.log(2)) / (2 * np.log(16)))
    assert parabola["sub_column"] == 1 + (7 - 4) / (2 * (7 + 4))


def test_places_between_pixels_need_finite_neighbours():
    plane = np.array([[1.0, 5.0, 3.0], [2.0, 4.0, 1.0]])
    peak = check(plane, subpixel="parabola")[0]
    assert (peak["sub_row"], peak["sub_column"]) == (0, 1 + (4 - 2) / (2 * (4 + 2)))
    for value in (np.nan, -np.inf):
        plane[0, 0] = value
        for how in ("parabola", "gaussian"):
            peak = check(plane, subpixel=how)[0]
            assert (peak["sub_row"], peak["sub_column"]) == (0, 1)
    plane[0, 1] = np.inf
    assert check(plane, subpixel="parabola")[0]["sub_column"] == 1
    assert check(np.full((3, 3), 2.0), subpixel="gaussian")[0]["sub_column"] == 0


@pytest.mark.parametrize("largest", [True, False])
def test_places_between_pixels_whose_differences_are_beyond_float64(largest):
    most = np.finfo(np.float64).max
    plane = np.array([[0, -most, 0], [-most, most, most / 2], [0, -most / 4, 0]])
    peak = check(plane if largest else -plane, subpixel="parabola", largest=largest)[0]
    assert peak["sub_row"] == 1 + (8 - 5) / (2 * (8 + 5))
    assert peak["sub_column"] == 1 + (4 - 1) / (2 * (4 + 1))


def test_places_lie_within_half_a_pixel():
    rng = random_generator("half")
    for responses in (rng.standard_normal((40, 40)), rng.integers(0, 3, (40, 40)), rng.random((40, 40)) ** 30):
        for how in ("parabola", "gaussian"):
            peaks = check(responses, 400, subpixel=how)
            peaks = peaks[peaks["kernel"] >= 0]
            assert len(peaks) > 20
            for name in ("row", "column"):
                assert np.abs(peaks[f"sub_{name}"] - peaks[name]).max() <= 0.5
    half = check(np.array([[1, 3, 3, 1]]), subpixel="parabola")[0]
    assert half["sub_column"] == 1.5


# --- records ----------------------------------------------------------------------------------------------------------


@for_each("dtype", (*FLOATS, *INTEGERS))
def test_records_that_are_left_over_say_so(dtype):
    peaks = xcorr.Peaks(3)(np.ones((2, 2), dtype))
    assert peaks.dtype.names == ("score", "row", "column", "kernel", "sub_row", "sub_column")
    assert [peaks.dtype[name] for name in peaks.dtype.names] == [dtype, *["intp"] * 3, *["float64"] * 2]
    assert peaks["kernel"].tolist() == [0, -1, -1]
    assert peaks["row"].tolist() == peaks["column"].tolist() == [0, -1, -1]
    assert np.isnan(peaks["sub_row"][1:]).all()
    assert np.isnan(peaks["sub_column"][1:]).all()
    left_over = peaks["score"][1:]
    assert np.isnan(left_over).all() if dtype in FLOATS else not left_over.any()


# --- rows that are passed over ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8"])
@for_each(("k", "distance"), drawn(3, [1, 2], [1, 2, 4]))
def test_rows_of_the_largest_responses_come_first(dtype, k, distance, monkeypatch):
    monkeypatch.setattr(_tops, "LEAST_AT_ONCE", 40)
    rng = random_generator("tops", dtype, k, distance)
    for responses in maps(rng, (2, 70, 5, 2), dtype):
        planes = np.ascontiguousarray(np.moveaxis(responses, 3, 1))
        for largest in (True, False):
            words = {"largest": largest, "min_distance": distance, "subpixel": "parabola"}
            check(responses, k, **words)
            check(planes, k, "NCHW", per="image", **words)
            check(planes, k, "NCHW", border=2, **words)
            check(planes[:, :, :, ::-1], k, "NCHW", threshold=1, **words)


@for_each("workers", [1, 2, 3])
def test_workers_look_for_the_largest_responses(workers, monkeypatch):
    monkeypatch.setattr(_tops, "LEAST_AT_ONCE", 500)
    rng = random_generator("workers")
    images, kernels = rng.integers(0, 9, (3, 150, 40)).astype(np.float32), rng.random((4, 3, 3)).astype(np.float32)
    images[1, 20, 30], images[2, 7] = np.nan, np.inf
    for peaks in (xcorr.Peaks(), xcorr.Peaks(3, largest=False), xcorr.Peaks(2, per="image", min_distance=3)):
        expected = peaks(xcorr.correlate(images, kernels, layout="NHW"))
        found = xcorr.correlate(images, kernels, layout="NHW", reduce=peaks, workers=workers)
        same(found, expected)
        alone = xcorr.correlate(images, kernels[0], layout="NHW", reduce=peaks, workers=workers)
        same(alone, peaks(xcorr.correlate(images, kernels[0], layout="NHW"), "NHW"))

"""`Peaks` as an object: what it is equal to, what it refuses, and how its calls behave."""

import copy
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from checks import random_generator
from looping import for_each
from malformed import NOT_ARRAYS, OwnError, Raises, label_of
from peaks import places, same, selected
from scripts import STATUS, run_script

import xcorr
from xcorr import Peaks

ALL = {"threshold": 0.5, "min_distance": 3, "border": 2, "largest": False, "subpixel": "gaussian", "per": "image"}


# --- the object -------------------------------------------------------------------------------------------------------


def test_keywords_are_attributes_that_cannot_be_changed():
    peaks = Peaks(5, **ALL)
    assert {name: getattr(peaks, name) for name in ALL} == ALL
    assert peaks.k == 5
    for name in ("k", *ALL, "other"):
        with pytest.raises(AttributeError, match=f"^{name}: Peaks cannot be changed"):
            setattr(peaks, name, 1)
        with pytest.raises(AttributeError, match=f"^{name}: Peaks cannot be changed"):
            delattr(peaks, name)
    assert not hasattr(peaks, "__dict__")


def test_objects_are_equal_and_hash_by_their_keywords():
    assert Peaks() == Peaks(1) == Peaks(np.int64(1), largest=np.True_)
    assert len({Peaks(), Peaks(1, threshold=None), Peaks(2), Peaks(2, per="kernel")}) == 2
    for name, value in ALL.items():
        assert Peaks(**{name: value}) != Peaks()
        assert hash(Peaks(**{name: value})) == hash(Peaks(**{name: value}))
    assert Peaks() != "Peaks(1)"
    assert Peaks(threshold=2) == Peaks(threshold=2.0)


@for_each("keywords", [{}, ALL, {"threshold": -np.inf}, {"threshold": 2**62 + 1}, {"k": 7, "per": "image"}])
def test_copies_and_what_is_shown_are_the_same_object(keywords):
    peaks = Peaks(**keywords)
    copies = [pickle.loads(pickle.dumps(peaks, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    for other in (*copies, copy.copy(peaks), copy.deepcopy(peaks), eval(repr(peaks), {"Peaks": Peaks, "inf": np.inf})):
        assert other == peaks
        assert hash(other) == hash(peaks)


def test_what_is_shown_are_the_keywords_that_are_not_as_by_default():
    assert repr(Peaks()) == "Peaks(1)"
    assert repr(Peaks(5, threshold=np.float32(0.5), border=np.int8(3))) == "Peaks(5, threshold=0.5, border=3)"
    assert repr(Peaks(1, subpixel="parabola", largest=False)) == "Peaks(1, largest=False, subpixel='parabola')"


# --- what is refused --------------------------------------------------------------------------------------------------


NO_NUMBERS = ("2", b"2", [2], (2,), {"a": 1}, object(), 1j, np.ones(2))
REFUSED = [
    *(("k", value, TypeError, "an integer >= 1") for value in (None, 1.0, True, np.True_, *NO_NUMBERS)),
    *(("k", value, ValueError, "an integer >= 1") for value in (0, -1, np.int8(-3), -(10**5000))),
    ("k", 2**63, ValueError, "at most"),
    *(("min_distance", value, TypeError, "an integer >= 1") for value in (None, 1.5, True, *NO_NUMBERS)),
    *(("min_distance", value, ValueError, "an integer >= 1") for value in (0, -1)),
    *(("border", value, TypeError, "an integer >= 0") for value in (None, 1.0, False, *NO_NUMBERS)),
    *(("border", value, ValueError, "an integer >= 0") for value in (-1, -(2**70))),
    *(("threshold", value, TypeError, "None and a real number") for value in (True, np.True_, Raises(), *NO_NUMBERS)),
    *(("threshold", value, ValueError, "None and a real number") for value in (np.nan, np.float32(np.nan))),
    *(("largest", value, TypeError, "True and False") for value in (1, 0, None, "True", np.ones(1, bool), Raises())),
    *(("subpixel", value, TypeError, "None and 'parabola', 'gaussian'") for value in (True, 1, b"parabola", Raises())),
    *(("subpixel", value, ValueError, "None and 'parabola', 'gaussian'") for value in ("centroid", "", "Parabola")),
    *(("per", value, TypeError, "'kernel' and 'image'") for value in (None, 1, b"kernel", Raises())),
    *(("per", value, ValueError, "'kernel' and 'image'") for value in ("map", "", "x" * 10**5)),
]


@for_each(("name", "value", "error", "allowed"), REFUSED, [f"{name}={label_of(value)}" for name, value, *_ in REFUSED])
def test_malformed_keywords_are_refused_by_name(name, value, error, allowed):
    with pytest.raises(error) as caught:
        Peaks(**{name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert allowed in str(caught.value)
    assert len(str(caught.value)) < 300


@for_each("name", ["k", "min_distance", "border"])
def test_what_an_object_raises_that_is_asked_for_its_number_comes_through(name):
    with pytest.raises(OwnError):
        Peaks(**{name: Raises()})


def test_keywords_are_keywords_and_no_others():
    for call in (lambda: Peaks(1, 0.5), lambda: Peaks(distance=2), lambda: Peaks(1, k=1)):
        with pytest.raises(TypeError):
            call()


@for_each("value", NOT_ARRAYS, [label_of(value) for value in NOT_ARRAYS])
def test_what_is_no_array_is_refused(value):
    with pytest.raises(TypeError, match="^responses: "):
        Peaks()(value, "NHWC")


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_responses_are_refused(dtype):
    with pytest.raises(TypeError, match=f"^responses: got dtype {dtype}; allowed are bool, .* and float64$"):
        Peaks()(np.ones((3, 3), dtype))


@for_each(
    ("shape", "layout", "words"),
    [
        ((), None, ("responses", "0 axes", "(H, W)")),
        ((5,), None, ("responses", "1 axis", "(H, W)")),
        ((5,), "NHW", ("responses", "'NHW'", "(H, W), (N, H, W), (N, H, W, K)")),
        ((2, 3, 4, 5, 6), "NHWC", ("responses", "5 axes", "(H, W), (H, W, K), (N, H, W, K)")),
        ((5,), "NCHW", ("responses", "(H, W), (K, H, W), (N, K, H, W)")),
        ((2, 3, 4), None, ("layout", "'NHW'", "2 images", "3x4", "'NHWC'", "4 kernels", "'NCHW'", "2 kernels")),
        ((0, 4), None, ("responses", "0x4")),
        ((2, 3, 0, 4), None, ("responses", "3x0")),
        ((2, 3, 0, 4), "NCHW", ("responses", "0x4")),
        ((3, 3), "NWH", ("layout", "'NWH'", "NHWC, NCHW, NHW")),
        ((3, 3), "", ("layout",)),
    ],
)
def test_shapes_and_layouts_are_refused_by_name(shape, layout, words):
    with pytest.raises(ValueError) as caught:
        Peaks()(np.ones(shape), layout)
    assert str(caught.value).startswith(f"{words[0]}: ")
    for word in words[1:]:
        assert word in str(caught.value)


def test_a_layout_that_is_no_word_is_a_type_error():
    for layout in (3, b"NHW", Raises()):
        with pytest.raises(TypeError, match="^layout: "):
            Peaks()(np.ones((3, 3)), layout)


def test_more_peaks_than_memory_can_hold_are_refused():
    for k in (2**60, 2**63 - 1):
        with pytest.raises((ValueError, MemoryError)):
            Peaks(k)(np.ones((3, 3)))


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@for_each("shape", [(300_000, 300_000), (1, 2**40), (2**20, 300, 300, 1), (4, 4000, 4000, 4000), None])
def test_a_signal_is_answered_at_once(shape):
    """While rows are looked at, and while many candidates are selected from."""

    class Stopped(Exception):
        pass

    def stop(*arguments):
        nonlocal at
        at = time.monotonic()
        raise Stopped

    at = None
    if shape is None:
        responses, seconds = random_generator("signals").random((2500, 2500), np.float32), 0.3
    else:
        responses, seconds = np.broadcast_to(np.float32(0), shape), 0.1
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        with pytest.raises(Stopped):
            Peaks(3 if shape else 10**6, min_distance=2)(responses)
        assert time.monotonic() - at < 0.25
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


MEMORY = """
rows = columns = 2500
noise = np.random.default_rng(0).random((rows, columns), np.float32)
xcorr.Peaks()(noise[:9, :9])
for k, distance, slope in eval(sys.argv[1]):
    plane = noise + (slope * np.arange(rows, dtype=np.float32) / 9)[:, None]
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak so far, of making the arrays, is forgotten
    before = mebibytes("VmRSS")
    xcorr.Peaks(k, min_distance=distance)(plane)
    print(mebibytes("VmHWM") - before)
"""
"""Mebibytes that calls need beside their map."""

FORGOTTEN = {
    (100, 1, 1): 1, (1, 40, 1): 1, (5, 40, 1): 2, (5, 40, -1): 2, (50, 20, 0): 2, (100_000, 25, 0): 12
}  # fmt: skip
"""Mebibytes that are allowed for k, distance and slope."""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_candidates_that_cannot_be_selected_are_forgotten():
    """All of them would take 32 MiB."""
    variables = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # the C library keeps nothing large that is freed
    taken = run_script(STATUS + MEMORY, list(FORGOTTEN), **variables).split()
    told = dict(zip(FORGOTTEN, map(float, taken), strict=True))
    assert not {case: taken for case, taken in told.items() if taken > FORGOTTEN[case]}, told


def test_threads_share_an_object():
    planes = random_generator("threads").standard_normal((8, 150, 160))
    peaks = Peaks(20, min_distance=4)
    expected = [selected(plane, 20, 4) for plane in planes]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert [places(found) for found in pool.map(peaks, planes)] == expected


def test_other_threads_run_meanwhile():
    responses = np.broadcast_to(np.float32(0), (20_000, 20_000))
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        begun = time.monotonic()
        Peaks()(responses)
        ended = time.monotonic()
    finally:
        done.set()
        thread.join()
    assert sum(begun < at < ended for at in ticks) > 3


def test_responses_are_read_once_and_stay_as_they_are():
    class Once:
        def __init__(self, array):
            self.array, self.asked = array, 0

        def __array__(self, dtype=None, copy=None):
            self.asked += 1
            return self.array

    array = random_generator("once").standard_normal((7, 8)).astype(np.float32)
    once, kept = Once(array), array.copy()
    same(Peaks(3)(once), Peaks(3)(array))
    assert once.asked == 1
    np.testing.assert_array_equal(array, kept)
    array.flags.writeable = False
    same(Peaks(3)(array), Peaks(3)(kept))


def test_batches_give_the_peaks_of_each_image_alone():
    responses = random_generator("batches").integers(0, 99, (300, 12, 13, 3)).astype(np.float32)
    for keywords in ({}, {"per": "image"}, {"min_distance": 3, "subpixel": "gaussian"}):
        peaks = Peaks(4, **keywords)(responses)
        for image in (0, 1, 150, 299):
            same(Peaks(4, **keywords)(responses[image], "NHWC"), peaks[image])
    assert xcorr.Peaks is Peaks

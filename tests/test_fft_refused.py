"""What fft refuses, what it keeps, and how it is interrupted."""

import signal
import time
import tracemalloc

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, whole_numbers
from spectral_cases import by_fft

import xcorr

pytestmark = pytest.mark.usefixtures("level")


# --- refusals -----------------------------------------------------------------------------------------------------


def test_strict_refuses_it_and_never_takes_it():
    images, kernels = np.ones((1, 300, 300, 1), np.float32), np.ones((1, 100, 100, 1), np.float32)
    with pytest.raises(ValueError, match=r"^method: 'fft' cannot.*strict"):
        by_fft(images, kernels, precision="strict")
    for dtype in ("float32", "float64", "complex64", "float16"):
        assert xcorr.choose_method(images.shape, kernels.shape, dtype=dtype, precision="strict") != "fft"
    assert xcorr.choose_method(images.shape, kernels.shape, precision="strict") != "fft"
    assert xcorr.choose_method(images.shape, kernels.shape) == "fft"
    assert_same_bits(xcorr.correlate(images, kernels), by_fft(images, kernels))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "bool"])
def test_integers_are_exact_or_refused(dtype):
    rng = random_generator("integers", dtype)
    images, kernels = whole_numbers(rng, (2, 40, 45, 2), dtype, 100), whole_numbers(rng, (3, 12, 9, 2), dtype, 100)
    try:
        response = by_fft(images, kernels, padding="same")
    except ValueError as error:
        assert str(error).startswith("method: 'fft' cannot")
    else:
        expected = xcorr.correlate(images, kernels, padding="same", method="direct")
        assert response.dtype == np.int64
        np.testing.assert_array_equal(response, expected)


def peak_and_seconds(call):
    """Bytes allocated at most and the time, of a call that raises MemoryError."""
    tracemalloc.start()
    begin = time.monotonic()
    try:
        with pytest.raises(MemoryError, match=r"\d{8}|[KMGTPE]iB|kernels span"):
            call()
        return tracemalloc.get_traced_memory()[1], time.monotonic() - begin
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("images", "kernels"),
    [
        ((1, 64, 64, 2**20), (1, 5, 5, 2**20)),
        ((1, 20, 20, 2**24), (1, 1, 1, 2**24)),
        ((1, 5000, 5000, 2**16), (1, 30, 30, 2**16)),
        ((1, 3000, 3000, 2**16), (1, 2500, 2500, 2**16)),
        ((4, 2**30, 64, 1), (2**20, 31, 32, 1)),
    ],
    ids=str,
)
def test_a_call_that_cannot_fit_says_so_before_it_allocates(images, kernels):
    images, kernels = (np.broadcast_to(np.float32(1), shape) for shape in (images, kernels))
    n_bytes, seconds = peak_and_seconds(lambda: by_fft(images, kernels))
    assert n_bytes < 2**20
    assert seconds < 1


def test_plans_keep_no_spectra():
    """A small bank is kept with its plan, and plans of many shapes are kept."""
    kernels = np.ones((31, 31), np.float32)
    by_fft(np.ones((899, 899), np.float32), kernels)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for side in range(900, 930):
            by_fft(np.ones((side, side), np.float32), kernels)
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept < 2**22, f"{kept / 2**20:.1f} MiB by 30 plans"


def test_out_is_untouched_by_a_call_that_is_refused():
    images, kernels = np.ones((1, 30, 31, 2), "f4"), np.ones((3, 8, 9, 2), "f4")
    out = np.full((1, 23, 23, 3), 77, "f4")
    for changed, error in (
        ({"precision": "strict"}, ValueError),
        ({"bias": np.ones(4)}, ValueError),
        ({"workers": 0}, ValueError),
        ({"images": "image"}, TypeError),
        ({"images": np.broadcast_to(np.float32(1), (1, 30, 31, 2**24)), "kernels": kernels[:, :1, :1]}, ValueError),
        ({"out": out[:, 1:]}, ValueError),
        ({"out": out.astype("f8")}, ValueError),
    ):
        words = {"images": images, "kernels": kernels, "out": out, **changed}
        with pytest.raises((error, TypeError, ValueError)):
            by_fft(**words)
        assert (out == 77).all()
    with pytest.raises(MemoryError):
        by_fft(
            *(np.broadcast_to(np.float32(1), (*side, 2**21)) for side in ((1, 9, 9), (1, 4, 4))), out=out[:, :6, :6, :1]
        )
    assert (out == 77).all()


def test_no_images_or_no_kernels_give_an_empty_response():
    assert by_fft(np.ones((0, 30, 31, 2), "f4"), np.ones((3, 8, 9, 2), "f4")).shape == (0, 23, 23, 3)
    assert by_fft(np.ones((2, 30, 31, 2), "f4"), np.ones((0, 8, 9, 2), "f4")).shape == (2, 23, 23, 0)


# --- interrupts ---------------------------------------------------------------------------------------------------


class Stop(Exception):
    """What a handler raises."""


def test_windows_farther_apart_than_a_tile_are_told_so():
    told = r"^method: 'fft' transforms tiles of at most 4096x2048 pixels; .* 30x30, 3000x3000 pixels apart; allowed"
    with pytest.raises(MemoryError, match=told):
        by_fft(np.ones((1, 5000, 5000, 1)), np.ones((1, 30, 30, 1)), stride=3000)
    assert by_fft(np.ones((1, 5000, 3, 1)), np.ones((1, 1025, 1, 1)), dilation=2).shape == (1, 2952, 3, 1)
    assert by_fft(np.ones((1, 20, 8000, 1)), np.ones((1, 2, 3, 1)), dilation=2100, padding=2100).shape == (
        1, 2120, 8000, 1,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("images", "kernels", "keywords"),
    [
        ((20000, 256, 256, 1), (2, 33, 33, 1), {"stride": 16}),
        ((1, 400, 400, 4), (3500, 65, 65, 4), {"stride": 32}),
        ((1, 4000, 4000, 8), (16, 129, 129, 8), {"stride": 16}),
    ],
    ids=str,
)
def test_a_handler_that_raises_ends_a_long_call_at_once(images, kernels, keywords, workers, monkeypatch):
    small = np.ones((2, 60, 61, 1), "f4"), np.ones((2, 15, 16, 1), "f4")
    expected = by_fft(*small)
    images, kernels = np.broadcast_to(np.float32(1), images), np.broadcast_to(np.float32(1), kernels)

    def stop(number, frame):
        raise Stop

    before = signal.signal(signal.SIGALRM, stop)
    try:
        due = time.monotonic() + 0.15
        signal.setitimer(signal.ITIMER_REAL, 0.15)
        with pytest.raises(Stop):
            by_fft(images, kernels, workers=workers, **keywords)
        late = time.monotonic() - due
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    print(f"answered within {late:.3f} s")
    assert late <= 0.5  # 0.25 s are promised; the rest is for a busy machine
    assert_same_bits(by_fft(*small, workers=workers), expected)

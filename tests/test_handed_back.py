"""What a method hands back to the direct one: only that, in the same call, and before any of it has left the strip."""

import gc
import signal
import threading
import time
import weakref

import numpy as np
import pytest
from cases import Case
from checks import assert_same_bits, random_generator, real_numbers

import xcorr
from xcorr import _workers
from xcorr._bank import Bank
from xcorr._methods import direct
from xcorr._methods import winograd as winograd_run

pytestmark = pytest.mark.usefixtures("level")

NAN, INF = np.nan, np.inf


def problem(case, dtype="float32"):
    rng = random_generator(case.id, dtype)
    images, kernels = real_numbers(rng, case.images, dtype), real_numbers(rng, case.kernels, dtype)
    return images, kernels, dict(case.keywords, bias=real_numbers(rng, case.kernels[:1], dtype))


@pytest.fixture
def runs(monkeypatch):
    """The tasks of each engine run."""
    noted, run = [], _workers.run
    monkeypatch.setattr(_workers, "run", lambda call, n: [noted.append(call.n_tasks), run(call, n)][1])
    return noted


@pytest.fixture
def packed(monkeypatch):
    """The forms that banks are packed for."""
    xcorr.clear_caches()  # and with them the small banks
    noted, pack = [], Bank.pack
    monkeypatch.setattr(
        Bank, "pack", lambda bank, engine, *but: [noted.append(engine.form), pack(bank, engine, *but)][1]
    )
    return noted


# --- winograd ---------------------------------------------------------------------------------------------------------

LAYERS = [
    Case("plain", (3, 26, 25, 40), (33, 3, 3, 40)),
    Case("grouped", (2, 17, 19, 18), (15, 3, 3, 6), groups=3, padding="same"),
    Case("dilated", (2, 24, 23, 5), (7, 3, 3, 5), dilation=(3, 2), padding=4, boundary="reflect"),
    Case("few-channels", (2, 40, 33, 1), (2, 3, 3, 1)),
    Case("five", (3, 17, 18, 20), (17, 5, 5, 20)),
]
over_layers = pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)


@over_layers
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_winograd_does_what_it_hands_back_in_the_same_run(case, workers, layout, runs, packed, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    images, kernels, keywords = problem(case)
    dirty = images.copy()
    dirty[:, 3, 5, -1], dirty[0, -2:, -3:, 0] = INF, NAN
    if layout == "NCHW":
        images, dirty, kernels = (np.ascontiguousarray(np.moveaxis(array, 3, 1)) for array in (images, dirty, kernels))
    keywords.update(layout=layout, workers=workers)
    clean = xcorr.correlate(images, kernels, method="winograd", **keywords)
    assert ("kernels" in packed, len(runs)) == (False, 1)
    response = xcorr.correlate(dirty, kernels, method="winograd", **keywords)
    assert (packed.count("kernels"), len(runs)) == (1, 2)
    expected = xcorr.correlate(dirty, kernels, method="direct", **keywords)
    np.testing.assert_array_equal(np.isfinite(response), np.isfinite(expected))
    assert np.mean(response == clean) > 0.5
    if case.id in ("plain", "five"):  # quads of 6x6 pixels, of which all is done directly where one pixel is not finite
        clean = np.where(response == clean, clean, expected)
    assert_same_bits(response, np.where(np.isfinite(expected), clean, expected))


def test_a_prepared_bank_keeps_the_panels_for_what_is_handed_back(packed):
    images, kernels, keywords = problem(LAYERS[0])
    images[1, 3, 4, 5] = INF
    correlator = xcorr.Correlator(kernels, method="winograd", **keywords)
    assert_same_bits(correlator(images), correlator(images))
    assert packed == ["winograd 4x4", "kernels"]


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("where", ["pixel", "tap"])
@over_layers
def test_with_any_workspace_all_responses_are_written_with_the_same_bits_or_none(case, where, workers, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    images, kernels, keywords = problem(case)
    if where == "pixel":
        images[-1, 5, 7, 0] = INF
    else:
        kernels[-1, 1, 1, 0] = INF
    expected = xcorr.correlate(images, kernels, method="winograd", workers=1, **keywords)
    ways, run_in_parts = [], winograd_run.run_in_parts
    monkeypatch.setattr(winograd_run, "run_in_parts", lambda *given: [ways.append("parts"), run_in_parts(*given)][1])
    limit, enough = 2.0**13, None
    while enough is None or limit < 10 * enough:  # room for one worker, and then for more of them
        monkeypatch.setattr(_workers, "WORKSPACE_LIMIT", int(limit))
        xcorr.clear_caches()
        out, before = np.full(expected.shape, 7, expected.dtype), len(ways)
        try:
            xcorr.correlate(images, kernels, method="winograd", workers=workers, out=out, **keywords)
        except MemoryError as error:
            assert str(error).startswith(("kernels: ", "images: "))
            assert enough is None
            assert (out == 7).all()
            ways.append("refused")
        else:
            assert_same_bits(out, expected)
            enough = limit if enough is None and len(ways) == before else enough
        limit *= 1.03 if enough is None else 1.1
    assert "refused" in ways
    assert "parts" in ways or case.id != "plain"


def test_panels_whose_bias_could_not_be_had_are_let_go_of_when_others_are_taken(monkeypatch):
    images, kernels, keywords = problem(LAYERS[0])
    images[:, 3, 4, 5] = INF
    expected = xcorr.correlate(images, kernels, method="winograd", **keywords)
    given, asked = [], winograd_run.asked

    def asked_twice(job, bank, engine):
        def ask(call):
            panels = np.zeros(99, np.float32)
            given.append(weakref.ref(panels))
            with pytest.raises(TypeError):
                call.take_direct(engine, panels, None)
            return asked(job, bank, engine)(call)

        return ask

    monkeypatch.setattr(winograd_run, "asked", asked_twice)
    assert_same_bits(xcorr.correlate(images, kernels, method="winograd", workers=1, **keywords), expected)
    gc.collect()
    assert [reference() is None for reference in given] == [True]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_an_error_while_the_panels_are_packed_is_raised_and_the_next_call_is_right(workers, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    images, kernels, keywords = problem(LAYERS[0])
    images[:, 3, 4, 5] = INF
    expected = xcorr.correlate(images, kernels, method="winograd", **keywords)
    pack = Bank.pack

    def pack_or_fail(bank, engine, *but):
        if engine.form == "kernels":
            raise MemoryError("no panels")
        return pack(bank, engine, *but)

    with monkeypatch.context() as patch:
        patch.setattr(Bank, "pack", pack_or_fail)
        with pytest.raises(MemoryError, match="no panels"):
            xcorr.correlate(images, kernels, method="winograd", workers=workers, **keywords)
    assert_same_bits(xcorr.correlate(images, kernels, method="winograd", workers=workers, **keywords), expected)


def test_an_interruption_is_not_replaced_by_an_error_of_a_helper(monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    images, kernels = np.ones((60, 96, 96, 32), np.float32), np.ones((64, 3, 3, 32), np.float32)
    images[0, 3, 4, 5] = INF
    helper_asked, pool_ask, interrupted = threading.Event(), _workers._pool.ask, []

    def ask_and_wait(*given):
        pool_ask(*given)
        assert helper_asked.wait(20)

    def fail(call):
        helper_asked.set()
        time.sleep(0.02)  # the calling thread is in the loops now
        signal.raise_signal(signal.SIGINT)
        while not interrupted:
            time.sleep(0.001)
        raise MemoryError("no panels")

    def handle(number, frame):
        interrupted.append(number)
        time.sleep(0.2)  # the helper's error comes first
        raise KeyboardInterrupt

    monkeypatch.setattr(_workers._pool, "ask", ask_and_wait)
    monkeypatch.setattr(winograd_run, "asked", lambda *given: fail)
    before = signal.signal(signal.SIGINT, handle)
    try:
        with pytest.raises(KeyboardInterrupt):
            xcorr.correlate(images, kernels, method="winograd", workers=2)
    finally:
        signal.signal(signal.SIGINT, before)


# --- the frequency domain ---------------------------------------------------------------------------------------------

TEMPLATES = [
    Case("plain", (2, 90, 101, 1), (16, 13, 11, 1)),
    Case("grouped", (2, 80, 95, 4), (6, 9, 10, 2), groups=2, padding="same"),
    Case("depthwise", (1, 70, 75, 3), (3, 12, 11, 1), groups=3),
    Case("strided", (1, 95, 81, 2), (5, 9, 8, 2), stride=(2, 3), dilation=(1, 2), padding=7, boundary="wrap"),
]
over_templates = pytest.mark.parametrize("case", TEMPLATES, ids=lambda case: case.id)


@pytest.fixture
def boxes(monkeypatch):
    """The kernels that the direct method does alone, and the taps it takes of them."""
    noted, do_kernels = [], direct.do_kernels

    def note(job, result, part, limits, summed, box, areas):
        noted.append((part.group, part.kernels, (box[0].start, box[0].stop, box[1].start, box[1].stop)))
        return do_kernels(job, result, part, limits, summed, box, areas)

    monkeypatch.setattr(direct, "do_kernels", note)
    return noted


@over_templates
def test_kernels_that_cannot_be_transformed_are_left_out_and_only_their_decisive_taps_are_summed(case, boxes, runs):
    images, kernels, keywords = problem(case)
    clean = xcorr.correlate(images, kernels, method="fft", **keywords)
    n_clean = len(runs)
    kernels[1, 3, 4, 0], kernels[2, 2:4, 5:7] = -INF, NAN
    n_kernels = len(kernels) // keywords.get("groups", 1)
    response = xcorr.correlate(images, kernels, method="fft", **keywords)
    expected = xcorr.correlate(images, kernels, method="direct", **keywords)
    assert boxes == [(1 // n_kernels, (1 % n_kernels,), (3, 4, 4, 5)), (2 // n_kernels, (2 % n_kernels,), (2, 3, 5, 6))]
    assert len(runs) == 2 * n_clean + 3
    np.testing.assert_array_equal(response[..., 1:3], expected[..., 1:3])
    others = np.arange(len(kernels)) % len(kernels) > 2
    assert_same_bits(response[..., others], clean[..., others])


@over_templates
@pytest.mark.parametrize("tap", [1e30, INF, NAN])
def test_special_taps_beside_special_pixels_are_summed_as_the_direct_method_does(case, tap):
    images, kernels, keywords = problem(case)
    images[0, 30, 40, 0], images[-1, 5, 6, -1] = INF, NAN
    kernels[1, 3, 4, 0], kernels[1, 5, 6, 0] = tap, -tap
    images[0, :20, :30] = 0  # windows whose products with infinity are NaN
    response = xcorr.correlate(images, kernels, method="fft", **keywords)
    expected = xcorr.correlate(images, kernels, method="direct", **keywords)
    np.testing.assert_array_equal(response[..., 1], expected[..., 1])
    np.testing.assert_array_equal(np.isfinite(response), np.isfinite(expected))


def test_large_taps_are_summed_with_all_others(boxes):
    images, kernels, keywords = problem(TEMPLATES[0])
    kernels[3, 4, 5], kernels[9, 1, 2], kernels[5, 0, 0], kernels[5, 1, 1] = 1e30, 1e25, INF, 1e25
    response = xcorr.correlate(images, kernels, method="fft", **keywords)
    expected = xcorr.correlate(images, kernels, method="direct", **keywords)
    assert boxes == [(0, (3, 5, 9), (0, 13, 0, 11))]
    assert_same_bits(response[..., [3, 5, 9]], expected[..., [3, 5, 9]])


@pytest.mark.parametrize("value", [NAN, INF, 1e30])
def test_a_group_with_special_pixels_changes_no_bit_of_another(value):
    images, kernels, keywords = problem(TEMPLATES[1])
    clean = xcorr.correlate(images, kernels, method="fft", **keywords)
    images[0, 30, 40, 2] = value
    response = xcorr.correlate(images, kernels, method="fft", **keywords)
    assert_same_bits(response[..., :3], clean[..., :3])
    assert not np.array_equal(response[0, ..., 3:], clean[0, ..., 3:])


@over_templates
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_sections_that_are_handed_back_are_done_in_one_run(case, workers, runs, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    images, kernels, keywords = problem(case)
    xcorr.correlate(images, kernels, method="fft", workers=1, **keywords)
    n_clean = len(runs)
    images[:, ::41, ::37, 0] = 1e30
    response = xcorr.correlate(images, kernels, method="fft", workers=workers, **keywords)
    assert len(runs) == 2 * n_clean + 1
    expected = xcorr.correlate(images, kernels, method="direct", **keywords)
    loud = np.abs(expected) > 1e20
    assert 0.01 < loud.mean() < 0.9
    assert_same_bits(response[loud], expected[loud])
    quiet = xcorr.correlate(np.where(images == 1e30, 0, images), kernels, method="direct", **keywords)
    np.testing.assert_allclose(response[~loud], quiet[~loud], atol=1e-3)


def test_rounded_responses_are_consumed_wherever_they_are_done():
    images, kernels, _ = problem(TEMPLATES[0])
    images[0, 30, 40], images[1, :, 50:] = INF, 1e20
    kernels = np.abs(kernels)
    kernels[4, 3, 3] = INF
    words = {"dtype": np.uint8, "overflow": "saturate"}
    images = np.abs(images) + 1  # no product of zero and infinity
    response = xcorr.correlate(images, kernels, method="fft", **words)
    expected = xcorr.correlate(images, kernels, method="direct", **words)
    assert np.max(np.abs(response.astype(int) - expected)) <= 1
    assert (response[..., 4] == 255).all()


@pytest.mark.parametrize("bad", [(1, 3), (0, 2, 5), tuple(range(0, 12, 2)), (0, 1, 4), (5,)], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("groups", [1, 2])
def test_kernels_that_are_handed_back_go_where_they_belong_though_they_are_no_neighbours(level, bad, value, groups):
    rng = random_generator("apart", value, groups)
    images = real_numbers(rng, (2, groups, 30, 31), "float32")
    kernels = real_numbers(rng, (12, 1, 5, 5), "float32")
    kernels[list(bad), 0, 1, 1] = value
    keywords = {"layout": "NCHW", "groups": groups}
    with np.errstate(invalid="ignore"):
        expected = xcorr.correlate(images, kernels, method="direct", **keywords)
    lasting = np.moveaxis(np.full(expected.shape, 77, "f4"), 1, -1)
    for workers in (1, 2):
        out = np.full_like(expected, 77)
        xcorr.correlate(images, kernels, method="fft", out=out, workers=workers, **keywords)
        for kernel in range(12):
            if kernel in bad:
                np.testing.assert_array_equal(out[:, kernel], expected[:, kernel])
            else:
                np.testing.assert_allclose(out[:, kernel], expected[:, kernel], atol=1e-3)
        lasting[...] = 77
        turned = np.moveaxis(images, 1, -1), np.moveaxis(kernels, 1, -1)
        xcorr.correlate(*turned, method="fft", out=lasting, workers=workers, layout="NHWC", groups=groups)
        assert_same_bits(np.moveaxis(lasting, -1, 1).copy(), out)

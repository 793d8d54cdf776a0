"""Responses that may be refused: computed once, with `out` or without, and `out` is written only when all fit."""

import numpy as np
import pytest

import xcorr
from xcorr import _workers
from xcorr._methods import exact, matmul

WHOLE = np.int16(np.arange(2 * 40 * 41 * 2) % 19).reshape(2, 40, 41, 2)
BANK = np.int16(np.arange(3 * 7 * 6 * 2) % 5 - 2).reshape(3, 7, 6, 2)
FLOATS = WHOLE.astype("f4")
KINDS = {  # images, kernels, keywords, a pixel that makes a response be refused
    "int16 by direct": (WHOLE, BANK, {"dtype": np.int16, "method": "direct"}, 30_000),
    "int16 by matmul": (WHOLE, BANK, {"dtype": np.int16, "method": "matmul"}, 30_000),
    "int16 by fft": (WHOLE, BANK, {"dtype": np.int16, "method": "fft"}, 30_000),
    "in float64": (WHOLE.astype("i4") << 14, BANK.astype("i4") << 8, {"dtype": np.int32}, 2**30),
    "in 128 bits": (WHOLE.astype("i8") << 30, BANK.astype("i8") << 24, {}, 2**62),
    "floats rounded": (FLOATS, BANK.astype("f4"), {"dtype": np.uint8, "overflow": "saturate"}, np.nan),
}
over_kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@pytest.fixture
def runs(monkeypatch):
    """Engine runs, products and 128-bit sums, each noted when it begins."""
    noted = []
    for module, name in ((_workers, "run"), (matmul, "multiply_slabs"), (exact, "run")):
        own = getattr(module, name)

        def note(*arguments, own=own, name=name, **keywords):
            noted.append(name)
            return own(*arguments, **keywords)

        monkeypatch.setattr(module, name, note)
    return noted


@over_kinds
@pytest.mark.parametrize("order", ["C", "F"])
def test_responses_that_may_be_refused_are_computed_once(kind, order, runs):
    images, kernels, keywords, _ = kind
    expected = xcorr.correlate(images, kernels, **keywords)
    without_out = list(runs)
    out = np.full(expected.shape, 99, expected.dtype, order)
    assert xcorr.correlate(images, kernels, out=out, **keywords) is out
    np.testing.assert_array_equal(out, expected)
    assert len(without_out) == 1
    assert runs == without_out * 2


@over_kinds
def test_out_is_untouched_where_one_is_refused_after_one_computation(kind, runs):
    images, kernels, keywords, pixel = kind
    out = np.full((2, 34, 36, 3), 99, keywords.get("dtype", np.int64))
    for place in ((0, 0, 0, 0), (1, 36, 37, 1)):
        marked = images.copy()
        marked[place] = pixel
        with pytest.raises((OverflowError, ValueError), match=r"^(dtype|overflow): a response"):
            xcorr.correlate(marked, kernels, out=out, **keywords)
        assert (out == 99).all()
        assert len(runs) == 1
        runs.clear()


@pytest.mark.parametrize("pixel", [1, 30_000])
def test_out_in_the_place_of_the_images_is_computed_once(pixel, runs):
    images = WHOLE[0, :, :, 0].copy()
    images[20, 20] = pixel
    kernel, before = np.full((1, 1), 3, np.int16), images.copy()
    if pixel == 1:
        xcorr.correlate(images, kernel, dtype=np.int16, out=images)
        np.testing.assert_array_equal(images, 3 * before)
    else:
        with pytest.raises(OverflowError, match="^dtype: a response"):
            xcorr.correlate(images, kernel, dtype=np.int16, out=images)
        np.testing.assert_array_equal(images, before)
    assert len(runs) == 1

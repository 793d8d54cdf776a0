"""What `register` takes beside its operands: a bounded workspace, whatever the number of images or windows."""

import numpy as np
from checks import peak_of
from looping import for_each

import xcorr

WORKSPACE = 256 * 2**20


@for_each(("shape", "dtype", "words"), [
    ((2400, 2400), "f4", {"subpixel": 20}), ((1500, 1500), "u1", {"score": "correlation"}),
    ((1200, 1200), "f4", {"score": "zncc"}), ((600, 600), "f4", {"score": "zncc", "moving_mask": "finite"}),
    ((3000, 3200), "f4", {"taper": "hann"}), ((2400, 2400), "i8", {"score": "correlation", "taper": "hann"}),
])  # fmt: skip
def test_one_pair_keeps_to_the_workspace(shape, dtype, words):
    image = (np.random.default_rng(5).random(shape) * 200).astype(dtype)
    moving = np.roll(image, 3, -1)
    peak = peak_of(lambda: xcorr.register(image, moving, workers=2, **words))
    assert peak < WORKSPACE


@for_each("words", [{}, {"score": "zncc", "moving_mask": "finite"}, {"window": 16}])
def test_workspace_does_not_grow_with_the_stack(words):
    image = np.random.default_rng(6).random((48, 50), np.float32)
    stack = np.broadcast_to(image, (200, 48, 50))

    def peak(n_images):
        return peak_of(lambda: xcorr.register(image, stack[:n_images], layout="NHW", workers=2, **words))

    few = peak(60)
    assert few < WORKSPACE
    assert peak(200) <= few + 2**22


@for_each("words", [{"score": "zncc"}, {"search": 48, "score": "zncc", "subpixel": "gaussian"}, {"subpixel": 10}])
def test_workspace_does_not_grow_with_the_image(words):
    image = (np.random.default_rng(7).random((1000, 900)) * 250).astype(np.uint8)
    moving = np.roll(image, 2, 0)

    def peak_beside_the_field(length, n_workers):
        fields = []
        words_of_grid = {"layout": "NHW", "window": 32, "step": 24, "workers": n_workers}
        peak = peak_of(lambda: fields.append(xcorr.register(image[:length], moving[:length], **words_of_grid, **words)))
        return peak - sum(part.nbytes for part in fields[0])

    some, more = (peak_beside_the_field(length, 1) for length in (300, 1000))
    assert more <= some + 2**21
    assert peak_beside_the_field(1000, 2) <= 2 * some + 2**21  # at most: both may take the most at one time
    assert some < 2**25


def test_windows_of_one_row_of_the_grid_are_read_at_once():
    image = (np.random.default_rng(9).random((192, 20_000)) * 250).astype(np.uint8)
    words = {"window": 32, "search": 64, "step": 32, "score": "zncc", "workers": 1}
    narrow, wide = (peak_of(lambda width=width: xcorr.register(image[:, :width], image[:, :width], **words))
                    for width in (2500, 20_000))  # fmt: skip
    assert wide <= narrow + 2**21


@for_each("step", [500, (20, 1400)])
def test_what_lies_between_windows_is_not_taken(step):
    image = (np.random.default_rng(8).random((3000, 3000)) * 250).astype(np.uint8)
    moving = np.roll(image, 2, 0)
    words = {"window": 8, "step": step, "score": "correlation", "workers": 1}
    assert peak_of(lambda: xcorr.register(image, moving, **words)) < 2**24

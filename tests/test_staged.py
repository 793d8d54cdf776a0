"""Arrays copied into others whose axes lie in another order, in compiled loops."""

import numpy as np
import pytest
from checks import SEED, assert_same_bits

from xcorr import _indices, _staged


def viewed(rng, shape, dtype):
    """An array of that shape whose axes lie in any order, some backwards, some with gaps, one perhaps repeated."""
    order = rng.permutation(len(shape))
    steps = rng.choice([1, 1, 1, -1, 2, -3], len(shape))
    whole = rng.integers(-100, 100, [shape[axis] * abs(steps[axis]) for axis in order]).astype(dtype)
    return whole, whole[tuple(slice(None, None, steps[axis]) for axis in order)].transpose(np.argsort(order))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "c8", "c16", "f2", "?", ">f4"])
def test_a_copy_is_the_same_wherever_axes_lie(dtype):
    rng = np.random.default_rng(SEED)
    for n_axes in (1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6) * 5:
        shape = tuple(rng.integers(1, 40 if n_axes < 3 else 9 if n_axes < 4 else 5, n_axes))
        _, source = viewed(rng, shape, dtype)
        if rng.integers(3) == 0:
            source = np.broadcast_to(source[:1], shape)
        whole, target = viewed(rng, shape, dtype)
        expected = whole.copy()
        expected_view = np.ndarray(
            target.shape,
            whole.dtype,
            expected,
            target.__array_interface__["data"][0] - whole.__array_interface__["data"][0],
            target.strides,
        )
        expected_view[...] = source
        _staged.copy_turned(target, source)
        assert_same_bits(whole, expected)  # and nothing beside it


def test_nothing_is_copied_where_there_is_nothing():
    target = np.ones((3, 0, 2), "f4")
    _staged.copy_turned(target, np.zeros((3, 0, 2), "f4"))
    one = np.ones((), "f8")
    _staged.copy_turned(one, np.full((), 3.0))
    assert one == 3


@pytest.mark.parametrize(
    ("target", "source"),
    [
        (np.zeros(3, "f4"), np.zeros(4, "f4")),
        (np.zeros(3, "f4"), np.zeros(3, "f8")),
        (np.zeros(3, "f4"), np.zeros((1, 3), "f4")),
        (np.zeros(3, "i2"), np.zeros(3, "i2")),
        (np.zeros(3, ">f4"), np.zeros(3, ">f4")),
        (np.broadcast_to(np.zeros(1, "f4"), 3), np.zeros(3, "f4")),
        (np.zeros((1,) * 9, "f4"), np.zeros((1,) * 9, "f4")),
        (np.zeros(13, "i1")[1:].view("f4"), np.zeros(3, "f4")),
    ],
)
def test_arrays_that_loops_cannot_take_are_refused(target, source):
    with pytest.raises(ValueError, match="target: the two are not"):
        _indices.turn(target, source)

"""The check sum of values that a stream has written: whatever is lost or changed gives another one."""

import numpy as np
import pytest
from checks import random_generator

from xcorr._check_sums import check_sum


@pytest.fixture
def rng():
    return random_generator("check sums")


@pytest.mark.parametrize("n_bytes", [1, 7, 8, 31, 32, 33, 200])
def test_each_changed_bit_gives_another_sum(rng, n_bytes):
    values = rng.integers(0, 256, n_bytes, np.uint8)
    found = {check_sum(values, 0)}
    for place in range(n_bytes):
        for bit in range(8):
            other = values.copy()
            other[place] ^= 1 << bit
            found.add(check_sum(other, 0))
    assert len(found) == 1 + 8 * n_bytes


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 2.0, np.nan, np.inf, 2.0**-1074])
def test_lost_pages_of_a_constant_are_seen(value):
    values = np.full(32 * 1024, value)
    found = {check_sum(values, 0)}
    for n_lost in range(1, 9):
        for first in range(0, len(values), 512):
            other = values.copy()
            other[first : first + 512 * n_lost] = 7.0
            found.add(check_sum(other, 0))
    assert len(found) == 1 + 8 * (len(values) // 512) - sum(range(8))  # more would lie behind the end


def test_order_length_and_the_sum_before_matter(rng):
    values = rng.random(64)
    found = {check_sum(values, 0), check_sum(values[::-1].copy(), 0), check_sum(values, 1)}
    for first in range(0, 60):
        other = values.copy()
        other[[first, first + 4]] = other[[first + 4, first]]  # beside each other in a lane
        found.add(check_sum(other, 0))
    found |= {check_sum(np.zeros(length, np.uint8), 0) for length in range(100)}
    assert len(found) == 3 + 60 + 100


def test_every_type_and_no_element(rng):
    values = rng.integers(0, 256, 64, np.uint8)
    for dtype in ("bool", "f2", "f4", "f8", "c16", "i8", ">i4"):
        assert check_sum(values.view(dtype), 3) == check_sum(values, 3)
    assert check_sum(np.zeros((0, 3)), 3) != 3


def test_elements_that_do_not_follow_on_each_other_are_refused(rng):
    with pytest.raises(ValueError, match="values: allowed are elements that follow on each other"):
        check_sum(rng.random((4, 4))[:, ::2], 0)

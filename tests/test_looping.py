"""Cases that a test goes through by itself are each run, and those that fail are named."""

import pytest
from looping import drawn, for_each


def test_every_value_is_run_and_those_that_fail_are_named():
    run = []

    @for_each("dtype", ["f4", "f8"])
    @for_each(("height", "width"), [(1, 2), (3, 4), (5, 6)])
    def check(dtype, height, width, method):
        run.append((dtype, height, width, method))
        assert (dtype, height) != ("f8", 3)

    with pytest.raises(AssertionError, match=r"^1 of 2 cases fail: f8\nf8: 1 of 3 cases fail: 3-4\n3-4: "):
        check(method="direct")
    assert run == [(dtype, *size, "direct") for dtype in ("f4", "f8") for size in ((1, 2), (3, 4), (5, 6))]


def test_a_skip_concerns_its_own_value():
    run = []

    @for_each("number", [1, 2, 3])
    def check(number, all_skip):
        if all_skip or number == 2:
            pytest.skip("two")
        run.append(number)

    check(all_skip=False)
    assert run == [1, 3]
    with pytest.raises(pytest.skip.Exception, match="two"):
        check(all_skip=True)


@for_each("number", [1, 2])
@pytest.mark.parametrize("letter", ["a", "b"])
def test_pytest_gives_what_is_not_looped(letter, number, tmp_path):
    assert letter in "ab"
    assert number in (1, 2)
    assert tmp_path.is_dir()


def test_a_part_of_all_combinations_is_drawn():
    numbers, letters = range(5), "abcd"
    found = drawn(3, numbers, letters)
    assert len(set(found)) == len(found) == 7
    assert found == drawn(3, numbers, letters)
    assert set(found) < set(drawn(1, numbers, letters))
    assert len(drawn(1, numbers, letters)) == 20

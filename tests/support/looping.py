"""Cases within one test: `for_each` takes what `pytest.mark.parametrize` does, and makes no test of each value."""

import functools
import inspect
import itertools
from typing import Any, NamedTuple

import pytest
from checks import assert_each, random_generator


class Named(NamedTuple):
    """What a test is given, and how it is told when it fails."""

    name: str
    values: tuple[Any, ...]

    def __str__(self):
        return self.name


def drawn(one_of, *values):
    """One of so many combinations of the values; which ones follows from `XCORR_TEST_SEED`."""
    combined = list(itertools.product(*values))
    rng = random_generator("drawn", combined)
    n_drawn = -(-len(combined) // one_of)
    return [combined[index] for index in sorted(rng.permutation(len(combined))[:n_drawn])]


def for_each(names, values, ids=None):
    """Runs a test with every value and names those that fail; it is skipped if it is with each of them."""
    if isinstance(names, str):
        names, values = (names,), zip(values)
    values = [tuple(value) for value in values]
    ids = ids or ["-".join(map(str, value)) for value in values]
    cases = [Named(*named) for named in zip(ids, values, strict=True)]
    assert cases

    def decorate(test):
        signature = inspect.signature(test)

        @functools.wraps(test)
        def run(**fixtures):
            skips = []

            def check(case):
                try:
                    test(**fixtures, **dict(zip(names, case.values)))
                except pytest.skip.Exception as skip:
                    skips.append(skip)

            assert_each(check, cases)
            if len(skips) == len(cases):
                raise skips[0]

        kept = [parameter for name, parameter in signature.parameters.items() if name not in names]
        run.__signature__ = signature.replace(parameters=kept)
        return run

    return decorate

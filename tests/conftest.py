"""Fixtures and settings of every test."""

import pytest
from checks import EXAMPLES, METHODS, SEED
from formats import put
from hypothesis import HealthCheck, settings

from xcorr import _dispatch, datasets

settings.register_profile(
    "xcorr", deadline=None, print_blob=True, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("xcorr")


def pytest_configure(config):
    # Hypothesis imports libcst, where there is one, to report a failure; that import may warn.
    config.addinivalue_line("filterwarnings", "ignore:mypy_extensions.TypedDict:DeprecationWarning")


def pytest_report_header():
    return f"xcorr: XCORR_TEST_SEED={SEED} XCORR_TEST_EXAMPLES={EXAMPLES} levels={_dispatch.runnable_levels()}"


@pytest.fixture(params=_dispatch.runnable_levels())
def level(request):
    """Everything in the test runs on this level."""
    with _dispatch.using_level(request.param):
        yield request.param


@pytest.fixture(params=METHODS)
def method(request):
    """A forced method that serves every call."""
    return request.param


@pytest.fixture
def read(tmp_path):
    """Puts bytes into a file and reads it."""

    def read(load, body, name="file", **keywords):
        path = tmp_path / name
        put(path, body)
        return load(path, **keywords)

    return read


@pytest.fixture
def read_batch(tmp_path):
    """Puts bytes into a folder as the one batch that is there and reads it."""

    def read_batch(body, name="test_batch", **keywords):
        (tmp_path / "batches").mkdir(exist_ok=True)
        put(tmp_path / "batches" / name, body)
        return datasets.load_cifar10(tmp_path / "batches", **keywords)

    return read_batch

"""Fixtures and settings of every test."""

import signal
from pathlib import Path

import numpy as np
import pytest
from checks import EXAMPLES, METHODS, SEED
from formats import idx_bytes, put
from hypothesis import HealthCheck, settings

from xcorr import _dispatch, datasets

settings.register_profile(
    "xcorr", deadline=None, print_blob=True, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("xcorr")


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures time, so that no other test may run beside it")
    # Hypothesis imports libcst, where there is one, to report a failure; that import may warn.
    config.addinivalue_line("filterwarnings", "ignore:mypy_extensions.TypedDict:DeprecationWarning")


ALONE = {
    *("test_cli_apply_jobs", "test_cli_links", "test_fft_refused", "test_foreign", "test_kept_memory"),
    *("test_peaks_calls", "test_pool", "test_preparation", "test_processes", "test_reduce_bits"),
    *("test_repeat_shared", "test_workers"),
}
"""Files with tests that measure time, or that wait for others' threads or the system: none runs beside them.

Memory is measured of a process, of which each runs one test at a time.
"""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in ALONE:
            item.add_marker("alone")


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
def in_the_background():
    """Interrupts are ignored, as the shell says of jobs that a script leaves in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


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


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to be in, with a bank."""
    from applying import BANK

    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", BANK)
    return tmp_path


@pytest.fixture
def photos(here):
    """A folder of colours and grey values, of several kinds of files, and the arrays that they are."""
    import tifffile
    from PIL import Image

    rng = np.random.default_rng([SEED, 24])
    Path("photos/more").mkdir(parents=True)
    colours, grey = rng.integers(0, 256, (13, 17, 3), dtype=np.uint8), rng.integers(0, 256, (13, 17), dtype=np.uint8)
    pages, floats = rng.integers(0, 65536, (3, 13, 17), dtype=np.uint16), rng.random((2, 13, 17, 1), np.float32)
    Image.fromarray(colours).save("photos/colours.png")
    Image.fromarray(grey).save("photos/more/grey.png")
    tifffile.imwrite("photos/pages.tif", pages, photometric="minisblack")
    np.save("photos/floats.npy", floats)
    Path("photos/digits-idx3-ubyte").write_bytes(idx_bytes(8, (1, 13, 17), grey.tobytes()))
    Path("photos/notes.txt").write_text("no image")
    return {
        "colours.png": colours,
        "more/grey.png": grey,
        "pages.tif": pages,
        "floats.npy": floats,
        "digits-idx3-ubyte": grey[np.newaxis],
    }


@pytest.fixture
def taken(tmp_path):
    """Puts bytes into a file and gives its images, all at once; their notes and axes are attributes then."""
    from xcorr._cli.images import open_images

    def taken(body, **keywords):
        path = tmp_path / "image"
        path.write_bytes(body)
        with open_images(path, **keywords) as images:
            taken.notes, taken.axes = images.notes, images.axes
            found = images.read(0, images.n_images)
            assert (found.shape, found.dtype) == ((images.n_images, *images.shape), images.dtype)
            return found if images.has_batch else found[0]

    return taken


@pytest.fixture
def written(monkeypatch):
    """How often each file of arrays in zarr was written."""
    from xcorr._cli import zarr_files

    counts = {}
    genuine = zarr_files.Files.__setitem__

    def write(self, path, value):
        counts[path] = counts.get(path, 0) + 1
        genuine(self, path, value)

    monkeypatch.setattr(zarr_files.Files, "__setitem__", write)
    return counts

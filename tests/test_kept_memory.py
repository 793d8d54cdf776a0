"""Memory of large responses and workspaces that is kept for the next ones."""

import ctypes
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from cases import TABLES
from checks import assert_each, assert_same_bits, random_generator, real_numbers
from scripts import run_script

import xcorr
from xcorr import _memory, _workers

BYTES = np.dtype(np.uint8)
LARGE = 5 * 2**20


def core():
    return np._core if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else np.core


def handler_of(array):
    return core().multiarray.get_handler_name(array)


def large_response(side=1200):
    images = np.ones((side, side), np.float32)
    return xcorr.correlate(images, np.ones((3, 3), np.float32))


def test_large_responses_own_their_memory_like_other_arrays():
    response = large_response()
    assert handler_of(response) == "xcorr"
    assert response.base is None
    assert response.flags.owndata
    assert response.ctypes.data % 64 == 0
    assert np.all(response == 9)
    response.resize((1300, 1300), refcheck=False)
    assert np.all(response.ravel()[: 1198 * 1198] == 9)
    assert np.all(response.ravel()[1198 * 1198 :] == 0)
    response.resize((10, 10), refcheck=False)
    assert np.all(response == 9)


def test_small_responses_have_numpys_own_memory():
    assert handler_of(xcorr.correlate(np.ones((20, 20)), np.ones((3, 3)))) == "default_allocator"


IMMORTAL = []
"""What a handler is made of: arrays that outlive the test may have their memory from it."""


@contextmanager
def handler_of_the_user():
    """A copy of the package's handler by another name, set as NumPy's by its C API (NEP 49)."""
    api = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
    api.PyCapsule_New.restype = ctypes.py_object
    api.PyCapsule_New.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    own = api.PyCapsule_GetPointer(_memory.own_handler, b"mem_handler")
    copy = ctypes.create_string_buffer(ctypes.string_at(own, 128 + 5 * ctypes.sizeof(ctypes.c_void_p)))
    copy[:7] = b"theirs\0"
    name = ctypes.create_string_buffer(b"mem_handler")
    IMMORTAL.extend((copy, name))
    table = ctypes.cast(
        api.PyCapsule_GetPointer(core()._multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p)
    )
    set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[304])
    before = set_handler(api.PyCapsule_New(ctypes.addressof(copy), ctypes.addressof(name), None))
    try:
        yield
    finally:
        set_handler(before)


def test_where_the_user_has_set_a_handler_memory_comes_from_there():
    with handler_of_the_user():
        response = large_response()
        assert handler_of(response) == "theirs"
        del response
    assert handler_of(large_response()) == "xcorr"


def test_memory_that_was_freed_last_is_used_again():
    three = [large_response() for _ in range(3)]
    del three
    place = large_response().ctypes.data
    for _ in range(5):
        assert large_response().ctypes.data == place


def test_a_block_that_is_much_too_large_is_not_used():
    del_later = _memory.empty((LARGE,), BYTES)
    place = del_later.ctypes.data
    del del_later
    assert _memory.empty((LARGE // 2,), BYTES).ctypes.data != place


def test_what_is_kept_is_bounded():
    for n_bytes in (2**16, 2**20, 2**24, 2**26, 2**27, 2**28, 2**29):
        arrays = [_memory.empty((n_bytes + index,), BYTES) for index in range(20)]
        del arrays
        assert 0 < _memory.kept_bytes() <= _memory.KEPT_BYTES
    assert _memory.KEPT_BYTES <= _workers.WORKSPACE_LIMIT


rolled_up = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's sums of pages")

OFFERED = """
import time
from pathlib import Path
import numpy as np
import xcorr
from xcorr import _memory

VAST = 40 * 2**20  # bytes of a block that is offered although it is the newest

def offered_bytes():  # of this process, which the system may take back
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("LazyFree:"))

def fill_and_free():
    _memory.empty((VAST,), np.dtype(np.uint8)).fill(1)
"""


@rolled_up
def test_what_is_kept_is_offered_at_once_while_no_thread_is_at_hand():
    run_script(OFFERED + "fill_and_free(); assert offered_bytes() > VAST * 0.8, offered_bytes()")


@rolled_up
def test_what_is_kept_is_offered_when_the_last_thread_goes_to_sleep():
    run_script(
        OFFERED
        + """
_memory.come_to_hand()
_memory.come_to_hand()
fill_and_free()
_memory.go_to_sleep(True)
assert offered_bytes() < VAST * 0.2, offered_bytes()
_memory.go_to_sleep(False)
assert offered_bytes() < VAST * 0.2, offered_bytes()
_memory.come_to_hand()
_memory.go_to_sleep(True)
assert offered_bytes() > VAST * 0.8, offered_bytes()
"""
    )


@rolled_up
def test_helpers_that_are_done_leave_what_is_kept_to_the_system():
    run_script(
        OFFERED
        + """
images = np.ones((10, 1000, 1010), np.float32)
for _ in range(3):
    xcorr.correlate(images, np.ones((5, 5), np.float32), layout="NHW", workers=2)
deadline = time.monotonic() + 20
while offered_bytes() < 30e6 and time.monotonic() < deadline:
    time.sleep(0.01)
assert offered_bytes() > 30e6, offered_bytes()
"""
    )


def test_arrays_of_many_threads_never_share_memory():
    wrong = []

    def work(number):
        rng = np.random.default_rng(number)
        held = []
        for _ in range(300):
            array = _memory.empty((int(rng.integers(2**16, 2**18)),), BYTES)
            array[:] = number
            held.append(array)
            if len(held) > 3:
                old = held.pop(int(rng.integers(4)))
                if not np.all(old == number):
                    wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_memory_that_cannot_be_had_raises_and_gives_back_what_is_kept():
    del_later = _memory.empty((LARGE,), BYTES)
    del del_later
    assert _memory.kept_bytes() > 0
    with pytest.raises(MemoryError):
        _memory.empty((2**60,), BYTES)
    assert _memory.kept_bytes() == 0


@pytest.mark.parametrize("n_bytes", [1, 63, 64, 1000, _memory.SMALLEST - 64, _memory.SMALLEST, LARGE])
def test_lines_begin_where_a_cache_line_does(n_bytes):
    for _ in range(4):
        lines = _memory.empty_lines(n_bytes)
        assert lines.nbytes == n_bytes
        assert lines.ctypes.data % 64 == 0
        lines[...] = 1  # all of it is there


def test_an_array_of_the_handler_can_be_pickled_copied_and_viewed():
    import copy
    import pickle

    response = large_response()
    for other in (pickle.loads(pickle.dumps(response)), copy.deepcopy(response), response.copy()):
        assert np.array_equal(other, response)
    view = response[::2]
    del response
    assert np.all(view == 9)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_nothing_depends_on_what_a_workspace_held_before(table, monkeypatch):
    def poisoned(shape, dtype):
        return np.full(shape, -1, dtype)  # as floats: not a number

    def check(case):
        rng = random_generator(case.id)
        images, kernels = real_numbers(rng, case.images, "float32"), real_numbers(rng, case.kernels, "float32")
        expected = xcorr.correlate(images, kernels, workers=1, **case.keywords)
        with monkeypatch.context() as patch:
            patch.setattr(_workers, "empty", poisoned)
            assert_same_bits(xcorr.correlate(images, kernels, workers=1, **case.keywords), expected)

    assert_each(check, table)

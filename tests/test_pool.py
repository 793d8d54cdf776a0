"""The pool of threads: the system's own, whatever others put in the place of Python's, and what they do with calls."""

import threading
from unittest.mock import Mock

import numpy as np
import pytest
from marks import linux
from scripts import run_to_the_end

import xcorr
from xcorr import _workers
from xcorr._engine import Preparation


def test_calls_for_help_do_not_pile_up_while_the_helpers_are_busy(monkeypatch):
    busy, free = threading.Event(), threading.Event()
    pool = _workers.Pool()
    monkeypatch.setattr(_workers, "_pool", pool)
    pool.ask(lambda: [busy.set(), free.wait(30)], 1)
    assert busy.wait(10)
    images, kernels = np.ones((2, 100, 100, 8), np.float32), np.ones((8, 3, 3, 8), np.float32)
    for _ in range(2 * _workers.MOST_WAITING):
        xcorr.correlate(images, kernels, workers=2)
    assert pool.helps.qsize() <= _workers.MOST_WAITING
    free.set()


def test_a_thread_without_memory_goes_on_with_the_next_call():
    pool, served = _workers.Pool(), Mock()
    for help_once in (Mock(side_effect=MemoryError), served, Mock(side_effect=KeyError)):
        pool.helps.put(help_once)
    with pytest.raises(KeyError):
        pool.serve()
    served.assert_called_once_with()
    done = threading.Event()
    pool.ask(Mock(side_effect=MemoryError), 1)
    pool.ask(done.set, 1)
    assert done.wait(10)
    assert pool.n_threads == 1


def test_a_helper_notes_what_it_raises_before_it_leaves():
    work = Preparation(lambda task: 1 // 0, 1)
    work.run(1)
    assert type(work.error) is ZeroDivisionError
    work.close()


def test_a_helper_that_is_late_leaves_the_call_alone():
    call = Mock()
    team = _workers.Team(call)
    team.help_once()
    team.call = None
    team.help_once()
    call.run.assert_called_once()


REPLACED = {
    "gevent": "import gevent.monkey; gevent.monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
    "module": "import _thread; _thread.start_new_thread = _thread.RLock = threading._start_new_thread = None",
}


@linux
@pytest.mark.parametrize("when", ["after the import", "before the import"])
@pytest.mark.parametrize("library", REPLACED)
def test_threads_are_the_systems_whatever_is_put_in_their_place(library, when):
    if library != "module":
        pytest.importorskip(library)
    text = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore")
signal.alarm(20)
if sys.argv[2].startswith("before"):
    exec(sys.argv[1])
import numpy as np
import xcorr
from xcorr import _workers
from xcorr._engine import Preparation
if sys.argv[2].startswith("after"):
    exec(sys.argv[1])
images, kernels = np.ones((1500, 1500), np.float32), np.ones((7, 7), np.float32)
integers = np.full((99, 99), 2**40), np.full((5, 5), 2**10)

def right():
    responses = [xcorr.correlate(images, kernels, workers=3, method=method) for method in ("direct", "matmul", "fft")]
    exact = xcorr.correlate(*integers, workers=3)
    return all(np.allclose(response, 49) for response in responses) and (exact == 25 * 2**50).all()

print(right(), right(), _workers._pool.n_threads)
if os.fork() == 0:
    os._exit(0 if right() and _workers._pool.n_threads == 2 else 1)
print(os.wait()[1])
"""
    ended = run_to_the_end(text, REPLACED[library], when)
    assert (ended.status, ended.printed) == (0, "True True 2\n0\n"), ended

"""Kernels are prepared from wherever they lie and by all workers of a call: same bits, errors, signals, memory."""

import sys
import threading
import time

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers, whole_numbers
from looping import for_each
from scripts import run_script

import xcorr
from xcorr import _bank, _dispatch, _workers
from xcorr._engine import lanes_of

# images (N, H, W, C) and kernels (K, kh, kw, C): panels of every width, whole and not, taps beside and beyond a vector
SHAPES = [
    ((1, 5, 5, 1), (16, 1, 1, 1)),
    ((1, 6, 6, 3), (17, 3, 3, 3)),
    ((1, 9, 9, 2), (3, 3, 2, 2)),
    ((1, 9, 9, 5), (4, 5, 3, 5)),
    ((1, 5, 9, 7), (64, 1, 5, 7)),
    ((1, 9, 9, 16), (40, 3, 3, 16)),
    ((1, 7, 7, 33), (5, 3, 1, 33)),
    ((1, 9, 9, 300), (33, 2, 2, 300)),
]
ORDERS = {
    "channels first": (0, 3, 1, 2),
    "kernels last": (1, 2, 3, 0),
    "columns first": (0, 2, 1, 3),
    "all turned around": (3, 2, 1, 0),
}
LARGE = {  # banks worth several workers: (images, kernels, keywords)
    "panels": ((1, 5, 5, 256), (320, 3, 3, 256), {"method": "direct"}),
    "one panel": ((1, 40, 40, 300), (2, 35, 30, 300), {"method": "direct"}),
    "groups": ((1, 5, 5, 1024), (512, 3, 3, 128), {"method": "direct", "groups": 8}),
    "winograd": ((1, 6, 6, 512), (256, 3, 3, 256), {"method": "winograd", "groups": 2}),
    "fft": ((1, 64, 64, 4), (40, 32, 32, 4), {"method": "fft"}),
}


def laid(kernels, order):
    """The same kernels, lying in memory in another order of axes."""
    return np.ascontiguousarray(kernels.transpose(order)).transpose(np.argsort(order))


def apart(kernels):
    """The same kernels, with others' taps between theirs and some axes backwards."""
    memory = np.full([2 * length for length in kernels.shape], np.nan, kernels.dtype)
    view = memory[::-2, ::2, ::-2, ::2]
    view[...] = kernels
    return view


@pytest.mark.usefixtures("level")
@for_each("shapes", SHAPES)
@for_each("dtype", ["float32", "float64"])
@for_each("function", [xcorr.correlate, xcorr.convolve])
def test_kernels_of_any_strides_give_the_same_bits(shapes, dtype, function):
    rng = random_generator(shapes, dtype)
    images, kernels = (real_numbers(rng, shape, dtype) for shape in shapes)
    expected = function(images, kernels, method="direct")
    for order in ORDERS.values():
        assert_same_bits(function(images, laid(kernels, order), method="direct"), expected)
    assert_same_bits(function(images, apart(kernels), method="direct"), expected)
    one = np.broadcast_to(kernels[:, :1], kernels.shape)
    assert_same_bits(function(images, one, method="direct"), function(images, one.copy(), method="direct"))


@pytest.fixture
def helpers(monkeypatch):
    """The numbers of helpers that were asked for while kernels were prepared."""
    numbers, prepare, ask = [], _workers.prepare, _workers.Pool.ask
    preparing = threading.local()

    def noted(pool, help_once, n_helpers):
        if getattr(preparing, "now", False):
            numbers.append(n_helpers)
        ask(pool, help_once, n_helpers)

    def marked(*arguments):
        preparing.now = True
        try:
            prepare(*arguments)
        finally:
            preparing.now = False

    monkeypatch.setattr(_workers.Pool, "ask", noted)
    monkeypatch.setattr(_workers, "prepare", marked)
    return numbers


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(("images", "kernels", "keywords"), LARGE.values(), ids=LARGE)
def test_a_bank_that_several_workers_prepare_is_the_same(helpers, images, kernels, keywords):
    rng = random_generator(images, kernels)
    images, kernels = real_numbers(rng, images, "float32"), real_numbers(rng, kernels, "float32")
    alone = xcorr.correlate(images, kernels, workers=1, **keywords)
    assert helpers == []
    for workers in (2, 3, 5):
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), alone)
        assert helpers
        assert all(1 <= n < workers for n in helpers)
        helpers.clear()


def test_whole_numbers_are_converted_by_several_workers(helpers):
    rng = random_generator()
    images = whole_numbers(rng, (1, 5, 5, 256), "uint8")
    kernels = whole_numbers(rng, (640, 3, 3, 256), "int8")
    alone = xcorr.correlate(images, kernels, workers=1)
    assert_same_bits(xcorr.correlate(images, kernels, workers=4), alone)
    assert len(helpers) == 1


def test_fewer_workers_convert_where_there_is_little_room(monkeypatch, helpers):
    kernels = np.ones((256, 3, 3, 512), np.int16)
    images = np.ones((1, 3, 3, 512), np.int16)
    lanes = lanes_of(_dispatch.current().table, "f8")
    panels, of_worker = 8 * kernels.size, 8 * kernels.size // 256 * 2 * lanes
    monkeypatch.setattr(_workers, "WORKSPACE_LIMIT", panels + 3 * of_worker)
    assert xcorr.correlate(images, kernels, workers=8)[0, 0, 0, 0] == 9 * 512
    assert helpers
    assert helpers[0] <= 2


@pytest.mark.parametrize("who", ["caller", "helper"])
def test_an_exception_while_kernels_are_prepared_reaches_the_caller(who):
    caller, all_inside = threading.get_ident(), threading.Barrier(3, timeout=10)
    done = []

    def do(task):
        if task < 3:
            all_inside.wait()
        if (threading.get_ident() == caller) == (who == "caller"):
            raise ZeroDivisionError("inside")
        time.sleep(0.001)
        done.append(task)

    with pytest.raises(ZeroDivisionError, match="inside"):
        _workers.prepare(do, 2_000, 3)
    assert len(done) < 1_000


def test_every_task_is_done_once_and_nobody_is_inside_after():
    done = []
    for n_workers in (1, 2, 7):
        _workers.prepare(done.append, 50, n_workers)
        assert sorted(done) == list(range(50))
        done.clear()


@pytest.mark.skipif(sys.platform == "win32", reason="needs setitimer")
def test_a_signal_ends_the_preparation_of_a_large_bank():
    print(run_script(INTERRUPTED))


INTERRUPTED = """
import signal, time
import numpy as np
import xcorr
from xcorr import _bank

pack_piece, n_packed = _bank.Bank.pack_piece, []

def slow(*arguments):
    n_packed.append(1)
    time.sleep(0.1)
    pack_piece(*arguments)

_bank.Bank.pack_piece = slow
images, kernels = np.ones((1, 3, 3, 512), np.float32), np.ones((2048, 3, 3, 512), np.float32)
signal.signal(signal.SIGALRM, signal.default_int_handler)
for workers in (1, 2, 4):
    del n_packed[:]
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    began = time.perf_counter()
    try:
        xcorr.correlate(images, kernels, method="direct", workers=workers)
    except KeyboardInterrupt:
        assert time.perf_counter() - began < 0.35, time.perf_counter() - began
        assert 0 < len(n_packed) < 12, len(n_packed)
    else:
        raise AssertionError(f"not interrupted: {len(n_packed)} pieces")
_bank.Bank.pack_piece = pack_piece
assert (xcorr.correlate(images, kernels, method="direct", workers=4) == 9 * 512).all()
"""


def test_pieces_cover_each_tap_once():
    for shape in [(1, 1, 1, 1), (70, 3, 3, 4), (2, 200, 100, 3), (3, 1, 1, 100_000), (5000, 1, 2, 1)]:
        _, engine = packed(np.ones(shape, np.float32))
        for n_workers in (1, 2, 3, 16):
            covered = np.zeros((engine.n_panels, *engine.kernel_sizes), int)
            for piece in _bank.pieces_of(engine, _bank.panel_bytes(engine), n_workers, False):
                covered[piece.first : piece.end, piece.rows, piece.channels] += 1
            assert (covered == 1).all()


def test_pieces_of_a_long_panel_write_memory_of_their_own():
    kernels = np.ones((12, 16, 16, 900), np.float32)
    bank, engine = packed(kernels)
    for n_workers in (1, 2):
        written = []
        for piece in _bank.pieces_of(engine, _bank.panel_bytes(engine), n_workers, False):
            panels = np.full((engine.groups, _bank.panel_bytes(engine) // 4 // engine.groups), 7, np.float32)
            bank.pack_piece(engine, piece, (panels, bank.panel_bias(engine)), False)
            own = np.flatnonzero(panels != 7)
            written.append((own[0], own[-1]))
        assert len(written) > 2
        assert all(end < first for (_, end), (first, _) in zip(sorted(written), sorted(written)[1:], strict=False))


def packed(kernels):
    """The bank of kernels, and its engine."""
    plan, bank = xcorr.Correlator(kernels, method="direct")._prepare(np.ones((1, *kernels.shape[1:]), np.float32))
    return bank, plan.engine("f4")

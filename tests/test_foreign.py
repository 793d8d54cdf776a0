"""What the caller's own code does while arguments are read: objects that raise or change, handlers of signals."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from checks import SEED
from malformed import ASKED, IMAGES, KERNELS, OwnError, Raises
from malformed_others import SHAPED, SIZED, SOUND, explain
from marks import linux
from scripts import run_script

import xcorr
from xcorr import datasets
from xcorr._foreign import LONGEST, shown

# --- what they raise is theirs ----------------------------------------------------------------------------------------


def prepared_call(images, kernels, **keywords):
    return xcorr.Correlator(kernels)(images, **keywords)


SOUND_CALLS = {
    **SOUND,
    **{verb: {"images": IMAGES, "kernels": KERNELS} for verb in (xcorr.correlate, xcorr.convolve, prepared_call)},
}
LOADERS = (datasets.load_idx, datasets.load_mnist, datasets.load_cifar10)
READERS = [
    *((verb, name) for verb in (xcorr.correlate, xcorr.convolve) for name in ("images", "kernels", *ASKED)),
    *((xcorr.Correlator, name) for name in ("kernels", *ASKED) if name != "workers"),
    *((prepared_call, name) for name in ("images", "workers")),
    *SHAPED,
    *((function, "dilation") for function in SIZED),
    *((function, "stride") for function in SIZED if function is not xcorr.window_index),
    *((function, "dtype") for function in (xcorr.choose_method, explain)),
    (xcorr.windows, "images"),
    (xcorr.set_workers, "n"),
    *((load, name) for load in LOADERS for name in (next(iter(SOUND[load])), "max_bytes")),
]
HIDDEN = ("dtype",) if np.__version__.startswith("1.") else ()
"""The arguments whose own errors NumPy itself hides: before its second version that of an attribute `dtype`."""
READERS = [(function, name) for function, name in READERS if name not in HIDDEN]
NO_LISTS = ("groups", "workers", "n", "path", "folder", "folder_or_tar_gz", "max_bytes")
by_name = {"ids": lambda value: getattr(value, "__name__", None)}


@pytest.mark.parametrize(("function", "name"), READERS, **by_name)
def test_what_an_objects_own_methods_raise_comes_through_as_it_is(function, name):
    for value in (Raises(), *([] if name in NO_LISTS else [[Raises(), Raises()]])):
        with pytest.raises(OwnError, match="^of another library$") as raised:
            function(**{**SOUND_CALLS[function], name: value})
        assert raised.value.__cause__ is None


@pytest.mark.parametrize("kind", [TypeError, ValueError, RuntimeError, OverflowError, OSError, MemoryError])
@pytest.mark.parametrize("name", [name for name in ("__array__", "__index__", "dtype") if name not in HIDDEN])
def test_an_objects_own_error_is_its_own_whatever_the_kind(kind, name):
    def fails(*arguments, **keywords):
        raise kind("its own")

    own = type("Own", (), {name: property(fails) if name == "dtype" else fails})()
    argument = {"__array__": "images", "__index__": "stride", "dtype": "dtype"}[name]
    for function in (xcorr.correlate, xcorr.convolve):
        with pytest.raises(kind, match="^its own$"):
            function(**{"images": IMAGES, "kernels": KERNELS, argument: own})


def test_what_is_no_array_is_refused_by_name_where_its_own_code_says_nothing():
    class Says:
        def __array__(self, dtype=None, copy=None):
            return "no array"

    class Index:
        def __index__(self):
            return "none"

    with pytest.raises(TypeError, match="^images: got Says, which is no array"):
        xcorr.correlate(Says(), KERNELS)
    with pytest.raises(TypeError, match="^images: got list, which is no array"):
        xcorr.correlate([[1, 2], [3]], KERNELS)
    with pytest.raises(TypeError, match="^stride: got .*Index object"):
        xcorr.correlate(IMAGES, KERNELS, stride=Index())
    with pytest.raises(TypeError, match="^fill_value: got "):
        xcorr.correlate(IMAGES, KERNELS, padding=1, fill_value=[[1], [1, 2]])


class Loud:
    def __repr__(self):
        raise OwnError("of a repr")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1,), "(1,)"),
        (((1, 2), [3, 4.0]), "((1, 2), [3, 4.0])"),
        ({"a": {1}}, "{'a': {1}}"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, ...]"),
        ([[[[1]]], [[[]]]], "[[[[...]]], [[[]]]]"),
        (10**5000, "<int of 16610 bits>"),
        (Loud(), "<Loud>"),
        ([Loud()], "[<Loud>]"),
        (np.full(2, Loud()), "<ndarray>"),
        (np.ma.ones(2), "<MaskedArray>"),
        (Fraction(1, 2), "<Fraction>"),
        (np.ones(2), "array([1., 1.])"),
        (np.dtype("f4"), "dtype('float32')"),
        ("x" * 10**6, None),
        (np.ones((99, 99)), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_shown_in_few_words_and_without_code_of_its_own(value, text):
    assert shown(value) == text or (text is None and LONGEST - 2 < len(shown(value)) <= LONGEST)


# --- signals' handlers ------------------------------------------------------------------------------------------------


ALARMS = """
import genericpath, gzip, os, pickle, posixpath, random, signal, struct, sys, tarfile, tempfile
from pathlib import Path
import numpy as np
import xcorr
from xcorr import _reader, _unpickle, _workers

class Alarm(TimeoutError, TypeError, ValueError, RuntimeError, OverflowError, LookupError, EOFError):
    "Of every kind that is caught anywhere."

def handle(number, frame):
    raise Alarm

signal.signal(signal.SIGUSR1, handle)
places = os.path.dirname(xcorr.__file__), *(  # paths' own functions take what is raised in them for an answer
    module.exists.__code__.co_filename for module in (genericpath, posixpath))
seen = stop_at = 0

def trace(frame, event, argument):  # a signal at the `stop_at`th moment of the package's own Python code
    global seen
    if not frame.f_code.co_filename.startswith(places):
        return None
    frame.f_trace_opcodes = sys.argv[1] == "opcodes"
    if event in ("line", "opcode"):
        seen += 1
        if seen == stop_at:
            sys.settrace(None)
            signal.raise_signal(signal.SIGUSR1)
    return trace

kernel, long, out = np.ones((3, 3)), np.ones((99, 99, 99), "f4"), np.ones((10, 9))
word = type("Kind", (), {"dtype": np.dtype("f8")})
calls = {
    "pairs": lambda: xcorr.correlate(images, kernel, padding=((1, 1), (2, 2)), stride=(1, 2), dtype=word),
    "lists": lambda: xcorr.correlate(images.tolist(), kernel.tolist(), padding=1, fill_value=np.array(2.5)),
    "numbers": lambda: xcorr.correlate(images, kernel, bias=[1.5], padding=np.int64(2), stride=[1, 1], workers=2),
    "Correlator": lambda: xcorr.Correlator(kernel, fill_value=np.float32(1), bias=[2], dtype=word)(images),
    "out": lambda: xcorr.correlate(images[:1, :8], kernel[:1, :3], padding="same", out=images[:1, :8]),
    "workers": lambda: [_workers.cgroup_quota.cache_clear(), xcorr.correlate(long, kernel, layout="NHW", workers=-1)],
    "environment": lambda: xcorr.get_workers(),
    "errors": lambda: xcorr.correlate(images, kernel, stride=[{1: (2, 3)}, 4, 10**5000]),
    "banks": lambda: xcorr.banks.gabor(3, wavelengths=(2, 3), orientations=[1], phases=(0,), aspect=np.float32(1)),
    "pickle": lambda: _unpickle.unpickle("pickle", pickle.dumps({"data": [1, b"two", "three", (4, None)]}, 2)),
    "shapes": lambda: xcorr.choose_method([9, 8], (3, 3), dtype=word, padding=[[1, 0], (1, 0)]),
    "idx": lambda: xcorr.datasets.load_idx(folder / "images", max_bytes=np.int64(3000)),
    "tar": lambda: tar_header(folder / "images.tar"),
    "folder": lambda: xcorr.datasets.load_mnist(folder),
}

def tar_header(path):
    with _reader.open_file(str(path), 10**6) as reader:
        return _reader.tar_header(reader)

def stopped(name, moment):
    "How many moments a call has, and what it raises if the handler comes at that one."
    global images, seen, stop_at
    images, seen, stop_at = np.ones((10 + moment % 90, 9 + moment // 90)), 0, moment
    sys.settrace(trace)
    try:
        calls[name]()
    except Exception as error:
        return seen, error
    finally:
        sys.settrace(None)
    return seen, None

with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    with gzip.open(folder / "images", "wb") as file:
        file.write(bytes((0, 0, 8, 3)) + struct.pack(">3i", 2, 3, 4) + bytes(24))
    (folder / "train-labels-idx1-ubyte").write_bytes(bytes((0, 0, 8, 1)) + struct.pack(">i", 2) + bytes(2))
    with tarfile.open(folder / "images.tar", "w") as tar:
        tar.add(folder / "images", "images")
    for name in calls:
        stopped(name, 0)  # what is imported takes no part
        n_moments, _ = stopped(name, 0)
        moments = range(1, n_moments + 1)
        if len(moments) > 200:
            moments = sorted(random.Random(sys.argv[2]).sample(moments, 200))
        outcomes = [(moment, *stopped(name, moment)) for moment in moments]
        came = [type(error) for moment, seen, error in outcomes if seen >= moment]  # the last may have been shorter
        print(name, len(came) > 4, set(came) - {Alarm})
"""


@linux
@pytest.mark.parametrize("moments", ["lines", "opcodes"])
def test_what_a_handler_raises_is_what_the_caller_gets(moments):
    lines = run_script(ALARMS, moments, SEED, timeout=180, XCORR_WORKERS="2").splitlines()
    assert len(lines) == 14
    assert [line for line in lines if not line.endswith(" True set()")] == []


# --- what changes is read once ----------------------------------------------------------------------------------------


def test_a_fill_value_that_changes_means_the_same_to_every_call_of_a_correlator():
    fill, images = np.array(1.0), np.zeros((5, 5), np.float32)
    correlator = xcorr.Correlator(np.ones((3, 3), np.float32), padding=1, fill_value=fill)
    for _ in range(4):
        assert correlator(images)[0, 0] == 5
    fill[...] = 2
    later = (
        correlator(images),
        correlator(images, workers=1),
        correlator(images[:4]),
        pickle.loads(pickle.dumps(correlator))(images),
    )
    assert [response[0, 0] for response in later] == [5] * 4
    for value in (2, 3, 3, 4):
        fill[...] = value
        response = xcorr.correlate(images, np.ones((3, 3), np.float32), padding=1, fill_value=fill)
        assert response[0, 0] == 5 * value


@pytest.mark.parametrize("make", [lambda kind: kind, lambda kind: kind()], ids=["class", "object"])
def test_a_dtype_that_changes_is_read_by_every_call_anew(make):
    class Kind:
        dtype = np.dtype("f8")

    word, images, kernels = make(Kind), np.ones((5, 5), np.float32), np.ones((3, 3), np.float32)
    correlator = xcorr.Correlator(kernels, dtype=word)
    for dtype in ("f8", "f8", "f8", "c8", "c8", "f8", "c16"):
        Kind.dtype = np.dtype(dtype)
        assert xcorr.correlate(images, kernels, dtype=word).dtype == dtype
        assert xcorr.choose_method((5, 5), (3, 3), dtype=word) == "direct"
        assert correlator(images).dtype == "f8"
        assert correlator(images[:4]).dtype == "f8"


@pytest.mark.parametrize("name", ["workers", "stride", "dilation", "padding", "groups"])
def test_a_number_is_asked_what_it_is_once(name):
    class Number:
        asked = 0

        def __index__(self):
            self.asked += 1
            return self.asked

    number, images = Number(), np.ones((200, 200, 200), np.float32)
    xcorr.correlate(images, np.ones((3, 3), np.float32), layout="NHW", **{name: number})
    assert number.asked == 1


def test_operands_may_change_once_a_correlator_has_them():
    images, kernels, bias = np.ones((5, 6, 2)), np.ones((3, 2, 2, 2)), np.arange(3.0)
    correlator = xcorr.Correlator(kernels, bias=bias)
    expected = correlator(images)
    kernels[:], bias[:] = 7, 8
    np.testing.assert_array_equal(correlator(images), expected)
    np.testing.assert_array_equal(correlator(images[:4]), expected[:3])


RESIZED = """
import gc, os, sys
import numpy as np, xcorr

class Finalizer:  # one that lets another thread run does the same: that thread resizes
    def __init__(self, array):
        self.array, self.me = array, self
    def __del__(self):
        try:
            self.array.resize((1, 1), refcheck=False)
        except ValueError:  # it is held
            pass

kernels = np.ones((5, 5), np.float32)
calls = {"Correlator": xcorr.Correlator(kernels), "correlate": lambda images: xcorr.correlate(images, kernels)}
resized = wrong = 0
for call in calls.values():
    for side in (20, 60, 300):  # short calls, such with a large response, long ones
        for n in range(1, 12):  # at which allocation of the call Python's collector runs
            child = os.fork()
            if child == 0:
                images = np.ones((side, side), np.float32)
                for _ in range(4):
                    call(images)
                gc.collect()
                gc.disable()
                gc.set_threshold(10**6)
                Finalizer(images)
                gc.set_threshold(gc.get_count()[0] + n)
                gc.enable()
                try:
                    response = call(images)
                except ValueError:  # of shape (1, 1) already
                    os._exit(1)
                os._exit(0 if response.shape == (side - 4,) * 2 and (response == 25).all() else 2)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            resized += status == 1
            wrong += status not in (0, 1)
print(resized > 0 or sys.version_info >= (3, 12), wrong)  # later ones collect between instructions alone
"""


@linux
def test_images_resized_as_a_repeated_call_begins_are_not_read_beyond_their_end():
    assert run_script(RESIZED, timeout=120) == "True 0\n"

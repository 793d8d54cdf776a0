"""The calls that pages set side by side give the same, row by row, and differ where the pages say so.

A block of each page, the one with the sizes of kernels, makes the operands. A table whose header is a peer and xcorr
has one call of each in its rows; one whose first column has no header has cells that say `code` is `value`. The
operands are whole numbers, and so are most true responses: what a peer's transform rounds is far less than the 1 by
which anything else differs.
docs/conventions.md has tables of its own, of what is padded, flipped and conjugated.
"""

import functools
import importlib
import warnings

import numpy as np
import pages
import pytest
from looping import for_each

import xcorr

PEERS = {
    "from-scipy": {"SciPy": "scipy"},
    "from-opencv": {"OpenCV": "cv2"},
    "from-torch": {"torch": "torch"},
    "from-tensorflow": {"TensorFlow": "tensorflow"},
    "from-jax": {"JAX": "jax"},
    "from-scikit-image": {"scikit-image": "skimage"},
    "find-a-template": {"OpenCV": "cv2", "scikit-image": "skimage"},
}
"""The libraries of each page, and their modules; a page's rows are run where all of them are there."""

SIZES = [(4, 3), (3, 3), (2, 2), (1, 1), (5, 2), (1, 6)]
SIZE_LINE = "kh, kw = 4, 3 "
FEWEST_ROWS = 15
ALIGNMENT = ("call", "before", "after", "the kernel is")
FLIPS = ("call", "flips the kernel", "conjugates it")

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")


def peer(name):
    """A library to compare with; tests are skipped without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def page_rows(*, same):
    """The rows that set equal calls side by side, or the ones that state values."""
    found = []
    for page, titles in PEERS.items():
        for row in pages.rows(pages.read(f"docs/{page}.md")):
            if row.header in [(title, "xcorr") if same else ("", title, "xcorr") for title in titles]:
                found.append(pytest.param(page, *row.cells[-2:], id=f"{page}:{row.line}"))
    return found


@functools.cache
def operands(page, size):
    """What the page's block with the sizes defines, with kernels of this size."""
    (setup,) = [block.code for block in pages.blocks(pages.read(f"docs/{page}.md")) if SIZE_LINE in block.code]
    assert setup.count(SIZE_LINE) == 1
    names = {"np": np, "xcorr": xcorr}
    exec(setup.replace(SIZE_LINE, f"kh, kw = {size[0]}, {size[1]} "), names)
    return names


def run(code, names):
    """The value of some code; a peer's tensor as an array."""
    value = eval(code, dict(names))
    return value if isinstance(value, (str, tuple, type)) else np.asarray(value)


def only_code(cell):
    """The one piece of code that a cell consists of."""
    (code,) = pages.codes(cell)
    assert cell == f"`{code}`"
    return code


def test_every_table_is_read():
    for page, titles in PEERS.items():
        rows = [row for row in pages.rows(pages.read(f"docs/{page}.md")) if row.header[-1] == "xcorr"]
        headers = {header for title in titles for header in ((title, "xcorr"), ("", title, "xcorr"))}
        assert {row.header for row in rows} == headers
        assert len(rows) > FEWEST_ROWS
    for header in (ALIGNMENT, FLIPS, ("border", *BORDERS)):
        assert convention_rows(*header)


@for_each("size", SIZES)
@pytest.mark.parametrize(("page", "theirs", "ours"), page_rows(same=True))
def test_both_calls_give_the_same(page, theirs, ours, size):
    for module in PEERS[page].values():
        peer(module)
    names = operands(page, size)
    expected, response = run(only_code(theirs), names), run(only_code(ours), names)
    if isinstance(expected, str):
        assert response == expected
    elif expected.dtype.kind in "fc":
        assert response.shape == expected.shape
        assert response.dtype == expected.dtype
        np.testing.assert_allclose(response, expected, rtol=0, atol=min(0.01, 1e-5 * np.abs(expected).max()))
    else:
        np.testing.assert_array_equal(response, expected, strict=True)


@pytest.mark.parametrize("column", ["theirs", "ours"])
@pytest.mark.parametrize(("page", "theirs", "ours"), page_rows(same=False))
def test_values_are_as_stated(page, theirs, ours, column):
    for module in PEERS[page].values():
        peer(module)
    names = operands(page, SIZES[0])
    cell = theirs if column == "theirs" else ours
    code, stated = pages.codes(cell)
    assert cell == f"`{code}` is `{stated}`"
    value = run(stated, names)
    if isinstance(value, type) and issubclass(value, Exception):
        with pytest.raises(value):
            run(code, names)
    else:
        np.testing.assert_array_equal(run(code, names), value)


# --- docs/conventions.md ----------------------------------------------------------------------------------------------


def convention_rows(*header):
    """The cells of the tables with this header."""
    return [
        pytest.param(*row.cells, id=f"{row.line}")
        for row in pages.rows(pages.read("docs/conventions.md"))
        if row.header == header
    ]


def names_in(code, **operands):
    """The libraries whose names are in some code, beside the operands."""
    libraries = {"cv2": "cv2", "torch": "torch", "F": "torch.nn.functional", "tf": "tensorflow"}
    libraries |= {"signal": "scipy.signal", "ndimage": "scipy.ndimage", "xcorr": "xcorr"}
    used = {name: library for name, library in libraries.items() if f"{name}." in code.replace("(", " ")}
    for library in used.values():
        peer(library.partition(".")[0])
    return operands | {name: importlib.import_module(library) for name, library in used.items()}


@for_each("k", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize(("call", "before", "after", "kernel"), convention_rows(*ALIGNMENT))
def test_same_pads_as_stated(call, before, after, kernel, k):
    rng = np.random.default_rng(k)
    line, taps = (rng.integers(-9, 10, (1, length)).astype(np.float32) for length in (11, k))
    code = only_code(call)
    response = run(code, names_in(code, line=line, taps=taps))
    padding = ((0, 0), tuple(int(run(only_code(cell), {"k": k})) for cell in (before, after)))
    verb = {"as it is": xcorr.correlate, "flipped": xcorr.convolve}[kernel]
    assert sum(padding[1]) == k - 1
    np.testing.assert_allclose(response, verb(line, taps, padding=padding), rtol=0, atol=0.01)


@pytest.mark.parametrize(("call", "flips", "conjugates"), convention_rows(*FLIPS))
def test_kernels_are_flipped_and_conjugated_as_stated(call, flips, conjugates):
    rng = np.random.default_rng(0)
    waves, wave = (rng.integers(-9, 10, (n, n)) + 1j * rng.integers(-9, 10, (n, n)) for n in (8, 3))
    code = only_code(call)
    response = run(code, names_in(code, waves=waves, wave=wave))
    kernel = wave[::-1, ::-1] if flips == "yes" else wave
    padding = "valid" if response.shape == (6, 6) else "same"
    expected = xcorr.correlate(waves, kernel, padding=padding, conjugate=conjugates == "yes")
    np.testing.assert_allclose(response, expected, rtol=0, atol=1e-9)
    assert {flips, conjugates} <= {"yes", "no"}


def numpy_border(line, mode):
    width = ((0, 0), (2, 2))
    fill = {"constant_values": 9} if mode == "constant" else {}
    np.testing.assert_array_equal(
        np.pad(line, width, mode=mode, **fill),
        xcorr.correlate(line, [[1.0]], padding=width, boundary=mode, fill_value=9 if fill else 0),
    )
    return np.pad(line, width, mode=mode, **fill)


def border_of(correlate):
    """What a `correlate` of the image's size sees two columns to each side."""

    def border(line, mode):
        taps = [np.eye(5)[index : index + 1] for index in range(5)]
        seen = [correlate(line, tap, mode) for tap in taps]
        return np.array([[seen[0][0, 0], seen[1][0, 0], *line[0], seen[3][0, -1], seen[4][0, -1]]])

    return border


def opencv_border(line, mode):
    cv2 = peer("cv2")
    return cv2.copyMakeBorder(line, 0, 0, 2, 2, getattr(cv2, mode), value=9)


def torch_border(line, mode):
    torch = peer("torch")
    fill = {"value": 9} if mode == "constant" else {}
    return torch.nn.functional.pad(torch.tensor(line)[None], (2, 2), mode, **fill)[0].numpy()


def tensorflow_border(line, mode):
    fill = {"constant_values": 9} if mode == "CONSTANT" else {}
    return peer("tensorflow").pad(line, [(0, 0), (2, 2)], mode, **fill).numpy()


def ndimage_correlate(line, taps, mode):
    from scipy import ndimage

    return ndimage.correlate(line, taps, mode=mode, cval=9)


def signal_correlate(line, taps, mode):
    from scipy import signal

    return signal.correlate2d(line, taps, "same", mode, 9)


BORDERS = {
    "xcorr and numpy.pad": numpy_border,
    "ndimage": border_of(ndimage_correlate),
    "signal": border_of(signal_correlate),
    "OpenCV": opencv_border,
    "torch": torch_border,
    "tf.pad": tensorflow_border,
}


def border_names():
    """Pattern, library and name, of each name in the table."""
    return [
        pytest.param(pattern, library, only_code(cell), id=f"{library}:{only_code(cell)}")
        for pattern, *cells in (row.values for row in convention_rows("border", *BORDERS))
        for library, cell in zip(BORDERS, cells)
        if cell
    ]


@pytest.mark.parametrize(("pattern", "library", "name"), border_names())
def test_borders_are_named_as_stated(pattern, library, name):
    line = np.array([[1.0, 2.0, 3.0, 4.0]])
    expected = [["abcd".index(letter) + 1 if letter != "k" else 9 for letter in only_code(pattern) if letter.isalpha()]]
    np.testing.assert_array_equal(BORDERS[library](line, name), expected)

"""Windows with padding, and fold, their adjoint: whatever the layout, the boundary and the dtype."""

from itertools import product

import numpy as np
import pytest
from checks import BOUNDARIES, COMPLEXES, FLOATS, INTEGERS, SEED, assert_same_bits, whole_numbers
from gradient_calls import ALL_LAYOUTS, LENGTHS, STEPS, in_layout, n_axes_of, one_or_each, paddings
from hypothesis import given, seed
from hypothesis import strategies as st
from looping import drawn

import xcorr
from xcorr import _reference_gradients as reference
from xcorr import _window_arrays

DTYPES = st.sampled_from([*INTEGERS, *FLOATS, *COMPLEXES])


@st.composite
def calls(draw, dtypes=DTYPES, layouts=ALL_LAYOUTS):
    """Images, a kernel's shape with or without channels, the keywords of both functions, and a generator."""
    layout = draw(st.sampled_from(layouts))
    n_axes, channels = n_axes_of(layout), draw(st.sampled_from([1, 2, 3, 5])) if "C" in layout else 1
    taps = tuple(draw(st.sampled_from([1, 2, 3, 4])) for _ in range(n_axes))
    padding, stride, dilation = paddings(draw, n_axes), *(one_or_each(draw, STEPS, n_axes) for _ in range(2))
    spans = [(k - 1) * step + 1 for k, step in zip(taps, np.broadcast_to(dilation, n_axes), strict=True)]
    size = [max(draw(LENGTHS), span if padding not in ("same", "full") else 1) for span in spans]
    image = in_layout(map(int, size), channels, layout)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.sampled_from([1, 2, 3])), *image) if draw(st.booleans()) else image
    kernel = in_layout(taps, channels, layout) if "C" in layout and draw(st.booleans()) else taps
    boundary = one_or_each(draw, st.sampled_from(BOUNDARIES), n_axes)
    keywords = {"layout": layout, "padding": padding, "boundary": boundary, "stride": stride, "dilation": dilation}
    return whole_numbers(rng, shape, draw(dtypes)), image, kernel, keywords, rng


@seed(SEED)
@given(call=calls(), fill=st.sampled_from([0, 0, 1]))
def test_windows_are_those_of_the_definition(call, fill):
    images, _, kernel, keywords, _ = call
    words = keywords | ({"fill_value": fill} if "constant" in np.ravel(keywords["boundary"]) else {})
    windows = xcorr.windows(images, kernel, **words)
    assert windows.dtype == images.dtype
    np.testing.assert_array_equal(windows, reference.windows(images, kernel, **words))


@seed(SEED)
@given(call=calls(), workers=st.sampled_from([1, 2, 3]))
def test_fold_is_the_adjoint_exactly(call, workers):
    images, image, kernel, keywords, rng = call
    with xcorr.set_workers(workers):
        windows = xcorr.windows(images, kernel, **keywords)
        other = whole_numbers(rng, windows.shape, images.dtype)
        folded = xcorr.fold(other, image, kernel, **keywords)
    expected = reference.fold(other, image, kernel, **keywords)
    assert folded.shape == images.shape
    assert folded.dtype == (np.int64 if images.dtype.kind in "biu" else images.dtype)
    np.testing.assert_array_equal(folded, expected.astype(folded.dtype))
    if images.dtype.kind in "iub":
        assert (folded.astype(object) * images).sum() == (other.astype(object) * windows).sum()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 40), (40, 1), (17, 17)])
@pytest.mark.parametrize("boundary", ["constant", "wrap"])
def test_errors_of_fold_are_within_the_bound(dtype, kernel, boundary):
    rng = np.random.default_rng(SEED)
    words = {"layout": "NHWC", "padding": "same", "boundary": boundary}
    shape = (2, 45, 43, kernel[0] * kernel[1] * 2)
    for windows in (rng.standard_normal(shape), np.full(shape, 0.1), np.exp2(rng.integers(-9, 9, shape)) * 1.1):
        own = windows.astype(dtype)
        exact = xcorr.fold(
            own.astype(np.complex128 if dtype == "complex64" else np.float64), (45, 43, 2), kernel, **words
        )
        sums = xcorr.fold(np.abs(own).astype(np.float64), (45, 43, 2), kernel, **words)
        n_terms = xcorr.fold(np.ones(shape, np.int64), (45, 43, 2), kernel, **words)
        unit = np.finfo(np.promote_types(dtype, np.float32)).eps / 2
        folded = xcorr.fold(own, (45, 43, 2), kernel, **words)
        allowed = (4 + 2 * np.sqrt(n_terms)) * unit * sums
        if dtype == "float16":
            allowed += np.spacing((np.abs(exact) + allowed).astype(np.float16)).astype(float)
        assert (np.abs(folded - exact) <= allowed).all()


@pytest.mark.parametrize(("dtype", "number"), [("float32", 0.3), ("float32", 1.1), ("float64", 0.1), ("float64", 0.7)])
@pytest.mark.parametrize("kernel", [(1, 400), (400, 1)])
def test_long_chains_of_equal_numbers_are_cut(dtype, number, kernel):
    """Added one after the other, 400 of them are off by up to 67 u."""
    windows = np.full((1, 1, 400), number, dtype)
    windows = np.broadcast_to(windows, (*(400 if length > 1 else 1 for length in kernel), 400))
    image = tuple(2 * length - 1 for length in kernel)
    folded = xcorr.fold(windows, image, kernel)
    exact = 400 * np.longdouble(windows.flat[0])
    assert abs(folded.max() - exact) <= (4 + 2 * 20) * np.finfo(dtype).eps / 2 * exact


def test_float64_is_folded_within_the_bound():
    windows = np.full((1, 40, 41, 400), 0.1)
    folded = xcorr.fold(windows, (40, 41), (20, 20), layout="NHW", padding="same")
    exact = xcorr.fold(
        np.ones(windows.shape, np.int64), (40, 41), (20, 20), layout="NHW", padding="same"
    ) * np.longdouble(0.1)
    allowed = (4 + 2 * np.sqrt(400)) * 2.0**-53 * exact
    assert (np.abs(folded - exact) <= allowed).all()


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_fold_and_windows_are_torch_s(layout):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(SEED)
    images = rng.integers(-9, 10, (2, 3, 11, 13)).astype(np.float32)
    own = images if layout == "NCHW" else np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    for kernel, stride, dilation, padding in product([(3, 2), (1, 4)], [1, (2, 3)], [1, 2], [0, 1]):
        words = {"stride": stride, "dilation": dilation, "padding": padding}
        expected = torch.nn.functional.unfold(torch.tensor(images), kernel, **words)
        windows = xcorr.windows(own, kernel, layout=layout, **words)
        taps = windows.reshape(2, -1, kernel[0] * kernel[1], 3).transpose(0, 3, 2, 1).reshape(expected.shape)
        np.testing.assert_array_equal(taps, expected.numpy())
        folded = xcorr.fold(windows, own.shape[1:], kernel, layout=layout, **words)
        expected = torch.nn.functional.fold(expected, (11, 13), kernel, **words).numpy()
        np.testing.assert_array_equal(folded, expected if layout == "NCHW" else expected.transpose(0, 2, 3, 1))


# --- bits, memory, arrays ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "kernel", "boundary"),
    drawn(2, ["float32", "float64", "complex64", "float16"], [(3, 3), (5, 7)], ["constant", "reflect"]),
)
def test_bits_of_fold_depend_on_windows_alone(dtype, kernel, boundary, monkeypatch):
    rng = np.random.default_rng(SEED)
    words = {"layout": "NHWC", "padding": 2, "boundary": boundary}
    windows = xcorr.windows(rng.standard_normal((3, 15, 14, 4)).astype(dtype), kernel, **words)
    windows = windows * rng.standard_normal(windows.shape).astype(dtype)
    call = (15, 14, 4), kernel
    expected = xcorr.fold(windows, *call, **words)
    assert_same_bits(xcorr.fold(windows[1], *call, **words), expected[1])
    for order in (
        np.asfortranarray,
        lambda array: array.astype(array.dtype.newbyteorder()),
        lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    ):
        assert_same_bits(xcorr.fold(order(windows), *call, **words), expected)
    out = np.asfortranarray(np.empty_like(expected))
    assert xcorr.fold(windows, *call, **words, out=out) is out
    assert_same_bits(out, expected)
    monkeypatch.setattr(_window_arrays, "MOST_BYTES", 1)
    monkeypatch.setattr(_window_arrays, "PER_WORKER", 1)
    monkeypatch.setattr(_window_arrays, "CONVERTED", 1)
    for workers in (1, 2, 5):
        with xcorr.set_workers(workers):
            assert_same_bits(xcorr.fold(windows, *call, **words), expected)
            assert_same_bits(xcorr.windows(expected, kernel, **words), reference.windows(expected, kernel, **words))


def test_out_of_fold_may_overlap_the_windows():
    windows = np.random.default_rng(SEED).standard_normal((2, 5, 6, 18)).astype(np.float32)
    expected = xcorr.fold(windows, (7, 8, 2), (3, 3))
    out = windows.reshape(-1)[7 : 7 + expected.size].reshape(expected.shape)
    assert xcorr.fold(windows, (7, 8, 2), (3, 3), out=out) is out
    assert_same_bits(out, expected)


def test_integers_are_folded_exactly_or_not_at_all():
    huge = 2**62
    windows = np.array([[[huge, huge], [huge, -huge], [huge, 0]]])  # of (1, 4) with (1, 2)
    out = np.zeros((1, 4), np.int64)
    with pytest.raises(OverflowError, match="^dtype: "):
        xcorr.fold(windows, (1, 4), (1, 2), out=out)
    assert not out.any()
    windows = np.array([[[huge, -huge], [huge, -huge], [huge, 0]]])
    assert xcorr.fold(windows, (1, 4), (1, 2)).tolist() == [[huge, 0, 0, 0]]
    words = {"padding": ((0, 0), (2, 2)), "boundary": "wrap"}
    windows = np.array([[[huge], [huge], [-huge], [-1], [-huge]]])
    assert xcorr.fold(windows, (1, 1), (1, 1), **words).tolist() == [[-1]]
    assert xcorr.fold(np.array([[[2**63]]], np.uint64) - np.uint64(1), (1, 1), (1, 1)).tolist() == [[2**63 - 1]]
    with pytest.raises(OverflowError):
        xcorr.fold(np.array([[[2**63]]], np.uint64), (1, 1), (1, 1))


def test_no_images_give_none():
    assert xcorr.windows(np.ones((0, 5, 6, 2)), (2, 3), padding=1).shape == (0, 6, 6, 12)
    assert xcorr.fold(np.ones((0, 6, 6, 12)), (5, 6, 2), (2, 3), padding=1).shape == (0, 5, 6, 2)


def test_the_layout_of_windows_follows_from_the_axes_where_it_can():
    assert xcorr.fold(np.ones((4, 5, 6)), (5, 7), (2, 3)).shape == (5, 7)
    assert xcorr.fold(np.ones((3, 4, 5, 6)), (5, 7), (2, 3)).shape == (3, 5, 7)
    assert xcorr.fold(np.ones((3, 4, 5, 12)), (5, 7, 2), (2, 3)).shape == (3, 5, 7, 2)
    with pytest.raises(ValueError, match="^layout: windows of shape"):
        xcorr.fold(np.ones((4, 5, 12)), (5, 7, 2), (2, 3))


X, W = np.ones((2, 7, 8, 2)), np.ones((2, 5, 6, 18))
REFUSED = [
    (lambda: xcorr.windows(X, (3, 3, 3)), ValueError, r"kernel_shape: got \(3, 3, 3\), of 3 channels; allowed are 2"),
    (lambda: xcorr.windows(X, (3,)), ValueError, "kernel_shape: got"),
    (lambda: xcorr.windows(X[..., 0], (3, 3, 2), layout="NHW"), ValueError, "kernel_shape: got"),
    (lambda: xcorr.windows(X, (3, 3), padding=-1), ValueError, "padding: got -1"),
    (lambda: xcorr.windows(X, (3, 3), boundary="zeros"), ValueError, "boundary: got 'zeros'"),
    (lambda: xcorr.windows(X, (3, 3), padding=1, boundary="edge", fill_value=1), ValueError, "fill_value: got 1 with"),
    (lambda: xcorr.windows(X, (3, 3), fill_value=(1, 2, 3)), ValueError, "fill_value: got 3 numbers"),
    (lambda: xcorr.windows(X.astype("u1"), (3, 3), fill_value=256), ValueError, "fill_value: got 256"),
    (lambda: xcorr.windows(X, (3, 3), fill_value="0"), TypeError, "fill_value: got '0'"),
    (lambda: xcorr.windows(X, (9, 3)), ValueError, "kernel_shape: spatial size"),
    (lambda: xcorr.fold(None, (7, 8, 2), (3, 3)), TypeError, "windows: got NoneType"),
    (lambda: xcorr.fold(W, 7, (3, 3)), TypeError, "image_shape: got 7"),
    (lambda: xcorr.fold(W, (7, 8, 2), 3), TypeError, "kernel_shape: got 3"),
    (lambda: xcorr.fold(W, (7, 8), (3, 3), layout="NHWC"), ValueError, "image_shape: got"),
    (lambda: xcorr.fold(W, (7, 9, 2), (3, 3)), ValueError, "windows: shape .* those of images"),
    (lambda: xcorr.fold(W, (7, 8, 2), (3, 4)), ValueError, "windows: shape .* those of images"),
    (
        lambda: xcorr.fold(W[0, 0, 0], (7, 8, 2), (3, 3), layout="NHWC"),
        ValueError,
        r"windows: shape \(18,\) has 1 axis",
    ),
    (lambda: xcorr.fold(W, (2, 8, 2), (3, 3)), ValueError, "kernel_shape: spatial size"),
    (lambda: xcorr.fold(W, (7, 8, 2), (3, 3), stride=0), ValueError, "stride: got 0"),
    (lambda: xcorr.fold(W, (7, 8, 2), (3, 3), layout="HW"), ValueError, "layout: got 'HW'"),
    (lambda: xcorr.fold(W, (7, 8, 2), (3, 3), out=np.ones(3)), ValueError, "out: got shape"),
    (lambda: xcorr.fold(W, (7, 8, 2), (3, 3), out=np.ones((2, 7, 8, 2), "f4")), TypeError, "out: got dtype"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_malformed_calls_are_refused_by_name(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


def test_fill_values_of_windows_are_those_of_each_channel():
    windows = xcorr.windows(
        np.zeros((1, 1, 2), np.int16), (1, 1), layout="NHWC", padding=((0, 0), (1, 0)), fill_value=(3, 4)
    )
    assert windows.tolist() == [[[3, 4], [0, 0]]]
    bools = np.array([[2, 0]], np.uint8).view(bool)
    assert xcorr.windows(bools, (1, 1), padding=((0, 0), (1, 0)), fill_value=True).view(np.uint8).tolist() == [
        [[1], [1], [0]]
    ]


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int64", "float16"])
def test_windows_that_are_apart_are_put_in_their_places(dtype):
    for layout, image, kernel, words in (
        ("NHWC", (13, 17, 3), (4, 5), {"stride": (4, 6)}),
        ("NCHW", (3, 13, 17), (2, 3), {"stride": 5, "dilation": 2}),
        ("NHW", (9, 9), (3, 3), {"stride": 3}),
        ("NCW", (2, 11), (3,), {"stride": 4}),
        ("NDHWC", (5, 6, 7, 2), (2, 2, 3), {"stride": 3}),
    ):
        shape = xcorr.windows(np.zeros((2, *image)), kernel, layout=layout, **words).shape
        own = (np.random.default_rng(SEED).integers(-99, 99, shape)).astype(dtype)
        expected = reference.fold(own, image, kernel, layout=layout, padding="valid", boundary="constant", **words)
        for array in (own, np.asfortranarray(own)):
            for workers in (1, 3):
                with xcorr.set_workers(workers):
                    folded = xcorr.fold(array, image, kernel, layout=layout, **words)
                np.testing.assert_array_equal(folded, expected.astype(dtype))


def test_no_more_windows_are_done_at_once_than_a_signal_may_wait_for(monkeypatch):
    most, done = _window_arrays.TASK_BYTES, []
    gather, scatter = _window_arrays._indices.gather, _window_arrays._indices.scatter

    def gathers(strip, out, *rest):
        done.append(len(out))
        gather(strip, out, *rest)

    def scatters(kind, windows, sums, totals, lines, bases, in_window, *rest):
        done.append(int(bases[:, 2].sum()) * in_window * int(kind[1]))
        scatter(kind, windows, sums, totals, lines, bases, in_window, *rest)

    monkeypatch.setattr(_window_arrays._indices, "gather", gathers)
    monkeypatch.setattr(_window_arrays._indices, "scatter", scatters)
    for shape, taps, layout in (
        ((60_000,), (100,), "NW"),
        ((300, 300), (8, 8), "NHW"),
        ((30, 30, 30), (6, 6, 6), "NDHW"),
    ):
        image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 251
        windows = xcorr.windows(image, taps, layout=layout)
        expected = np.lib.stride_tricks.sliding_window_view(image, taps)
        np.testing.assert_array_equal(windows, expected.reshape(windows.shape))
        assert max(done) <= most
        assert sum(done) == windows.nbytes
        done.clear()
        folded = xcorr.fold(windows, shape, taps, layout=layout)
        np.testing.assert_allclose(folded, image * xcorr.fold(np.ones_like(windows), shape, taps, layout=layout), 1e-6)
        assert max(done) <= most
        done.clear()


def test_windows_are_the_same_however_few_are_done_at_once(monkeypatch):
    words = {"padding": "full", "boundary": "reflect", "stride": 2, "dilation": 2}
    for shape, layout in (((2, 40, 3), "NWC"), ((2, 9, 11, 3), "NHWC"), ((2, 3, 6, 5, 7), "NCDHW")):
        image, taps = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 31, (3,) * n_axes_of(layout)
        windows = xcorr.windows(image, taps, layout=layout, **words)
        folded = xcorr.fold(windows, shape[1:], taps, layout=layout, **words)
        with monkeypatch.context() as patched:
            patched.setattr(_window_arrays, "TASK_BYTES", 200)
            patched.setattr(_window_arrays, "MOST_BYTES", 2**9)
            assert_same_bits(xcorr.windows(image, taps, layout=layout, **words), windows)
            assert_same_bits(xcorr.fold(windows, shape[1:], taps, layout=layout, **words), folded)

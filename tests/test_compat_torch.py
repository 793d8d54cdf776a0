"""`xcorr.compat.torch_functional`: torch's names and meaning; of arrays without torch, of tensors where it is there."""

import sys
import types

import numpy as np
import pytest
from scripts import run_script

from xcorr import _reference, _reference_gradients
from xcorr.compat import torch_functional as own

FLOATS, COMPLEXES = ("f2", "f4", "f8"), ("c8", "c16")
INTEGERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
CASES = [
    {},
    {"stride": 2, "padding": 1},
    {"dilation": 2, "padding": [1]},
    {"groups": 2, "stride": (2,)},
    {"groups": 2, "dilation": 2, "padding": 2, "stride": 3},
]
SIZES = {1: (9,), 2: (7, 9), 3: (5, 6, 7)}
TAPS = {1: (3,), 2: (2, 3), 3: (2, 1, 3)}


def small(shape, dtype, seed=0):
    """Small whole numbers, exact in every type."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0 if np.dtype(dtype).kind == "u" else -3, 4, shape)
    if np.dtype(dtype).kind == "c":
        numbers = numbers + 1j * rng.integers(-3, 4, shape)
    return numbers.astype(dtype)


def operands(n_axes, dtype, groups=1):
    """Images (2, 4, ...), a bank (6, 4 / groups, ...) and a bias (6,)."""
    images, kernels = small((2, 4, *SIZES[n_axes]), dtype), small((6, 4 // groups, *TAPS[n_axes]), dtype, 1)
    return images, kernels, small((6,), dtype, 2)


def in_words_of_xcorr(words, n_axes):
    """The keywords of `correlate` for those of torch."""
    each = {name: value[0] if isinstance(value, (list, tuple)) else value for name, value in words.items()}
    pad = each.pop("padding", 0)
    return each | {"padding": ((pad, pad),) * n_axes, "layout": LAYOUTS[n_axes], "conjugate": False}


def in_type(numbers, dtype):
    """Numbers in a type; integers wrap around."""
    return (numbers.astype(np.int64) if numbers.dtype == object else numbers).astype(dtype)


def call(name, n_axes, *arguments, **words):
    """A function of that many axes."""
    return getattr(own, name.format(n_axes))(*arguments, **words)


@pytest.mark.parametrize("n_axes", [1, 2, 3])
@pytest.mark.parametrize("words", CASES, ids=str)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "i2", "i8", "u1"])
def test_convolution_is_the_definition_without_conjugation(n_axes, words, dtype):
    images, kernels, bias = operands(n_axes, dtype, words.get("groups", 1))
    expected = _reference.correlate(images, kernels, bias=bias, **in_words_of_xcorr(words, n_axes))
    expected = in_type(expected, dtype)
    response = call("conv{}d", n_axes, images, kernels, bias, **words)
    assert response.dtype == images.dtype
    np.testing.assert_array_equal(response, expected)
    np.testing.assert_array_equal(call("conv{}d", n_axes, images[1], kernels, bias, **words), expected[1])
    without = call("conv{}d", n_axes, images, kernels, **words)
    np.testing.assert_array_equal(without + bias.reshape(-1, *(1,) * n_axes), expected)


@pytest.mark.parametrize("n_axes", [1, 2, 3])
@pytest.mark.parametrize("words", CASES, ids=str)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "i2", "i8", "u1"])
def test_gradients_and_the_transposed_convolution_are_adjoint_to_it(n_axes, words, dtype):
    groups = words.get("groups", 1)
    images, kernels, _ = operands(n_axes, dtype, groups)
    own_words = in_words_of_xcorr(words, n_axes)
    g = small(call("conv{}d", n_axes, images, kernels, **words).shape, dtype, 3)
    of_images = _reference_gradients.gradient_images(g, kernels, images.shape[1:], **own_words)
    of_kernels = _reference_gradients.gradient_kernels(images, g, kernels.shape[1:], **own_words)
    found = call("conv{}d_input", n_axes, images.shape, kernels, g, **words)
    np.testing.assert_array_equal(found, in_type(of_images, dtype), strict=True)
    found = call("conv{}d_weight", n_axes, images, kernels.shape, g, **words)
    np.testing.assert_array_equal(found, in_type(of_kernels, dtype), strict=True)

    steps = {name: own_words.get(name, 1) for name in ("stride", "dilation")}
    pads = [before for before, _ in own_words["padding"]]
    spans = [(taps - 1) * steps["dilation"] + 1 for taps in TAPS[n_axes]]
    smallest = [(n - 1) * steps["stride"] + span - 2 * pad for n, span, pad in zip(g.shape[2:], spans, pads)]
    behind = [size - least for size, least in zip(SIZES[n_axes], smallest)]
    bias = small((4,), dtype, 4)
    found = call("conv_transpose{}d", n_axes, g, kernels, bias, output_padding=tuple(behind), **words)
    sums = _reference_gradients.gradient_images(g, kernels, images.shape[1:], **own_words | {"conjugate": True})
    expected = in_type(sums, dtype)
    np.testing.assert_array_equal(found, expected + bias.reshape(-1, *(1,) * n_axes), strict=True)


def test_same_pads_the_smaller_half_before():
    x, kernel = np.array([[[1.0, 10.0, 100.0]]]), np.array([[[1.0, 2.0]]])
    np.testing.assert_array_equal(own.conv1d(x, kernel, padding="same"), [[[21, 210, 100]]])
    np.testing.assert_array_equal(own.conv1d(x, kernel, padding="valid", stride=2), [[[21]]])


def test_output_padding_receives_products():
    x, kernel = np.array([[[1.0, 10.0]]]), np.array([[[1.0, 2.0, 3.0]]])
    found = own.conv_transpose1d(x, kernel, stride=2, padding=1, output_padding=1)
    np.testing.assert_array_equal(found, [[[2, 13, 20, 30]]])


def test_padding_may_leave_out_what_a_kernel_lays_beyond_every_place():
    found = own.conv_transpose1d(np.array([[[1.0, 2.0, 3.0]]]), np.ones((1, 1, 5)), padding=3)
    np.testing.assert_array_equal(found, [[[6]]])


def test_output_padding_may_be_as_large_as_the_stride_if_the_dilation_is_larger():
    found = own.conv_transpose1d(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0]]]), dilation=2, output_padding=1)
    np.testing.assert_array_equal(found, [[[1, 2, 10, 20, 0]]])


def test_a_transposed_convolution_of_float16_is_rounded_once_with_its_bias():
    x, kernel, bias = (np.array(numbers, np.float16) for numbers in ([[[1, 1]]], [[[1024, 1025]]], [1]))
    assert own.conv_transpose1d(x, kernel)[0, 0, 1] == 2048  # 2049 is between two numbers
    assert own.conv_transpose1d(x, kernel, bias)[0, 0, 1] == 2050


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_too_large_is_infinite_without_a_warning(dtype):
    most = np.full((1, 1, 1), np.finfo(dtype).max, dtype)
    ones, bias = np.ones((1, 1, 1), dtype), most[0, 0]
    for found in (own.conv1d(most, ones, bias), own.conv_transpose1d(most, ones, bias)):
        np.testing.assert_array_equal(found, [[[np.inf]]])
    twice = np.full((1, 2, 2), np.finfo(dtype).max, dtype)
    np.testing.assert_array_equal(own.fold(twice, (1, 3), (1, 2))[0, 0, 0], [most.item(), np.inf, most.item()])


def test_output_padding_may_be_all_that_is_left():
    found = own.conv_transpose1d(np.array([[[3.0]]]), np.array([[[1.0, 10.0]]]), stride=2, padding=1, output_padding=1)
    np.testing.assert_array_equal(found, [[[30]]])
    found = own.conv_transpose1d(np.array([[[3]]]), np.array([[[1, 10]]]), stride=4, padding=2, output_padding=3)
    np.testing.assert_array_equal(found, [[[0]]])


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_wrap_around_in_their_own_width(dtype):
    greatest = np.iinfo(dtype).max
    x, ones = np.full((1, 1, 3), greatest, dtype), np.full((1, 1, 3), 3, dtype)
    expected = np.array([9 * int(greatest) % 2 ** (8 * x.itemsize)], dtype=f"u{x.itemsize}").astype(dtype)
    np.testing.assert_array_equal(own.conv1d(x, ones)[0, 0], expected, strict=True)
    np.testing.assert_array_equal(own.conv_transpose1d(x, ones)[0, 0, 2:3], expected, strict=True)
    np.testing.assert_array_equal(own.conv1d_weight(x, (1, 1, 1), ones)[0, 0], expected, strict=True)
    np.testing.assert_array_equal(own.conv1d_input((1, 1, 5), ones, x)[0, 0, 2:3], expected, strict=True)
    bias = np.full(1, greatest, dtype)
    np.testing.assert_array_equal(own.conv1d(x, ones, bias)[0, 0], expected + bias, strict=True)
    np.testing.assert_array_equal(own.conv_transpose1d(x, ones, bias)[0, 0, 2:3], expected + bias, strict=True)


def test_bytes_of_400_are_144():
    found = own.conv2d(np.full((1, 1, 2), 200, np.uint8), np.ones((1, 1, 1, 2), np.uint8))
    np.testing.assert_array_equal(found, np.array([[[144]]], np.uint8), strict=True)


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEXES, *INTEGERS, "?"])
@pytest.mark.parametrize("words", [{}, {"padding": 1, "stride": 2}, {"dilation": (2, 1), "padding": (2, 0)}], ids=str)
def test_unfold_has_the_taps_of_each_channel_and_fold_adds_them_up(dtype, words):
    images, size, taps = small((2, 3, 5, 6), dtype), (5, 6), (2, 3)
    own_words = in_words_of_xcorr(words, 2)
    pads = words.get("padding", 0)
    own_words["padding"] = tuple((pad, pad) for pad in (pads if isinstance(pads, tuple) else (pads, pads)))
    own_words = {name: own_words[name] for name in ("layout", "padding") if name in own_words} | {
        name: words.get(name, 1) for name in ("stride", "dilation")
    }
    seen = _reference_gradients.windows(images, taps, **own_words)  # channels fastest
    columns = own.unfold(images, taps, **words)
    expected = seen.reshape(2, -1, 6, 3).transpose(0, 3, 2, 1).reshape(2, 18, -1)
    np.testing.assert_array_equal(columns, in_type(expected, dtype), strict=True)
    np.testing.assert_array_equal(own.unfold(images[1], taps, **words), columns[1])
    folded = own.fold(columns, size, taps, **words)
    sums = _reference_gradients.fold(seen * 1, (3, *size), taps, **own_words)
    np.testing.assert_array_equal(folded, in_type(sums, dtype), strict=True)
    np.testing.assert_array_equal(own.fold(columns[1], size, taps, **words), folded[1])


@pytest.mark.parametrize("dtype", INTEGERS)
def test_fold_of_integers_wraps_around(dtype):
    greatest = np.iinfo(dtype).max
    columns = np.full((1, 2, 3), greatest, dtype)
    folded = own.fold(columns, (1, 4), (1, 2))
    np.testing.assert_array_equal(folded[0, 0, 0], columns[0, 0, [0, 0, 0, 0]] * np.array([1, 2, 2, 1], dtype))
    assert folded.dtype == dtype


def test_an_empty_batch_gives_one():
    x, kernels = np.ones((0, 4, 5, 6), "f4"), np.ones((6, 4, 3, 3), "f4")
    assert own.conv2d(x, kernels).shape == (0, 6, 3, 4)
    assert own.conv_transpose2d(x, np.ones((4, 6, 3, 3), "f4")).shape == (0, 6, 7, 8)
    assert own.conv_transpose2d(x[:, :, :0], np.ones((4, 6, 3, 3), "f4")).shape == (0, 6, 2, 8)
    assert own.unfold(x, 2).shape == (0, 16, 20)
    assert own.fold(np.ones((0, 16, 20)), (5, 6), 2).shape == (0, 4, 5, 6)
    g = np.ones((0, 6, 3, 4), "f4")
    assert own.conv2d_input((0, 4, 5, 6), kernels, g).shape == (0, 4, 5, 6)
    np.testing.assert_array_equal(own.conv2d_weight(x, (6, 4, 3, 3), g), np.zeros((6, 4, 3, 3), "f4"), strict=True)


X, W, B, G = np.ones((2, 4, 5, 6)), np.ones((6, 4, 3, 3)), np.ones(6), np.ones((2, 6, 3, 4))
T = np.ones((4, 6, 3, 3))
REFUSED = {
    "images of two axes": lambda: own.conv2d(X[0, 0], W),
    "images of five axes": lambda: own.conv2d(X[None], W),
    "a bank of three axes": lambda: own.conv2d(X, W[0]),
    "a bank of none": lambda: own.conv2d(X, W[:0]),
    "other channels": lambda: own.conv2d(X, W[:, :3]),
    "no channels": lambda: own.conv2d(X[:, :0], W[:, :0]),
    "an empty image": lambda: own.conv2d(X[:, :, :0], W, padding=2),
    "an empty kernel": lambda: own.conv2d(X, W[:, :, :0]),
    "a kernel larger than the image": lambda: own.conv2d(X, np.ones((6, 4, 7, 3))),
    "an empty batch of small images": lambda: own.conv2d(X[:0, :, :2], W),
    "another type": lambda: own.conv2d(X, W.astype("f4")),
    "a bias of another type": lambda: own.conv2d(X, W, B.astype("f4")),
    "a bias of another length": lambda: own.conv2d(X, W, B[:5]),
    "a bias of two axes": lambda: own.conv2d(X, W, B[:, None]),
    "strides of three axes": lambda: own.conv2d(X, W, stride=(1, 2, 3)),
    "strides of no axis": lambda: own.conv2d(X, W, stride=()),
    "stride 0": lambda: own.conv2d(X, W, stride=0),
    "dilation 0": lambda: own.conv2d(X, W, dilation=0),
    "no groups": lambda: own.conv2d(X, W, groups=0),
    "groups that do not divide": lambda: own.conv2d(X, np.ones((5, 2, 3, 3)), groups=2),
    "negative padding": lambda: own.conv2d(X, W, padding=-1),
    "four paddings": lambda: own.conv2d(X, W, padding=(1, 2, 3, 4)),
    "another word": lambda: own.conv2d(X, W, padding="full"),
    "same with a stride": lambda: own.conv2d(X, W, padding="same", stride=(1, 2)),
    "bools": lambda: own.conv2d(X > 0, W > 0),
    "transposed, other channels": lambda: own.conv_transpose2d(X, W),
    "transposed, no kernels": lambda: own.conv_transpose2d(X, T[:, :0]),
    "transposed, an empty image": lambda: own.conv_transpose2d(X[:, :, :0], T),
    "transposed, groups that do not divide": lambda: own.conv_transpose2d(X, T, groups=3),
    "transposed, nothing left": lambda: own.conv_transpose2d(X, T, padding=4),
    "transposed, a bias of another length": lambda: own.conv_transpose2d(X, T, B[:5]),
    "output_padding as large as the stride": lambda: own.conv_transpose2d(X, T, output_padding=1),
    "negative output_padding": lambda: own.conv_transpose2d(X, T, stride=2, output_padding=-1),
    "three output_paddings": lambda: own.conv_transpose2d(X, T, stride=2, output_padding=(1, 1, 1)),
    "unfold of five axes": lambda: own.unfold(X[None], 2),
    "unfold of two axes": lambda: own.unfold(X[0, 0], 2),
    "unfold without channels": lambda: own.unfold(X[:, :0], 2),
    "unfold of no taps": lambda: own.unfold(X, 0),
    "unfold of more taps than pixels": lambda: own.unfold(X, 9),
    "unfold with one length of two": lambda: own.unfold(X, (2,)),
    "fold of another size": lambda: own.fold(np.ones((2, 16, 20)), (5, 7), 2),
    "fold of a part of the taps": lambda: own.fold(np.ones((2, 15, 20)), (5, 6), 2),
    "fold of four axes": lambda: own.fold(np.ones((1, 2, 16, 20)), (5, 6), 2),
    "fold of no channels": lambda: own.fold(np.ones((2, 0, 20)), (5, 6), 2),
    "fold to three lengths": lambda: own.fold(np.ones((2, 16, 20)), (5, 6, 1), 2),
    "a gradient without batch": lambda: own.conv2d_input((4, 5, 6), W, G[0]),
    "a gradient of another size": lambda: own.conv2d_input((2, 4, 5, 7), W, G),
    "a gradient of another batch": lambda: own.conv2d_input((3, 4, 5, 6), W, G),
    "a gradient of other kernels": lambda: own.conv2d_weight(X, (5, 4, 3, 3), G),
    "a gradient of another type": lambda: own.conv2d_weight(X.astype("f4"), (6, 4, 3, 3), G),
    "a gradient with kernels of another type": lambda: own.conv2d_input((2, 4, 5, 6), W.astype("f4"), G),
    "a gradient with a word as padding": lambda: own.conv2d_input((2, 4, 5, 6), W, G, padding="valid"),
    "a gradient with a fraction as stride": lambda: own.conv2d_input((2, 4, 5, 6), W, G, stride=1.5),
}
WRONG = {
    "a list": lambda: own.conv2d([[[1.0]]], W),
    "None": lambda: own.conv2d(X, None),
    "a list as bias": lambda: own.conv2d(X, W, [1.0] * 6),
    "a masked array": lambda: own.conv2d(np.ma.masked_array(X), W),
    "objects": lambda: own.conv2d(X.astype(object), W),
    "long doubles": lambda: own.conv2d(X.astype(np.longdouble), W.astype(np.longdouble)),
    "a fraction as stride": lambda: own.conv2d(X, W, stride=2.0),
    "fractions as stride": lambda: own.conv2d(X, W, stride=(1.0, 2.0)),
    "a bool as stride": lambda: own.conv2d(X, W, stride=True),
    "a word as stride": lambda: own.conv2d(X, W, stride="same"),
    "no padding": lambda: own.conv2d(X, W, padding=None),
    "a bool as groups": lambda: own.conv2d(X, W, groups=True),
    "a word as padding, transposed": lambda: own.conv_transpose2d(X, T, padding="same"),
    "a fraction as kernel_size": lambda: own.unfold(X, 2.0),
    "a word as padding of unfold": lambda: own.unfold(X, 2, padding="same"),
    "no shape": lambda: own.conv2d_input(5, W, G),
    "another keyword": lambda: own.conv2d(X, W, mode="same"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_torch_refuses_is_a_runtime_error(case):
    with pytest.raises(RuntimeError):
        REFUSED[case]()


@pytest.mark.parametrize("case", WRONG)
def test_what_is_of_a_wrong_type_is_a_type_error(case):
    with pytest.raises(TypeError):
        WRONG[case]()


def test_bools_have_no_sums():
    with pytest.raises(NotImplementedError, match="bools"):
        own.conv2d(X > 0, W > 0)


def test_byte_order_and_views_do_not_matter():
    x, kernels = small((2, 4, 5, 6), "f4"), small((6, 4, 3, 3), "f4", 1)
    found = own.conv2d(x[::-1, :, ::-1].astype(">f4"), kernels)
    np.testing.assert_array_equal(found, own.conv2d(x[::-1, :, ::-1].copy(), kernels), strict=True)


class Tensor:
    """A tensor of a library that is neither NumPy nor torch."""

    def __init__(self, array, requires_grad=False):
        self.array, self.requires_grad, self.dtype = array, requires_grad, array.dtype

    def __dlpack__(self, **words):
        return self.array.__dlpack__(**words)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def detach(self):
        return Tensor(self.array)


@pytest.fixture
def library(monkeypatch):
    """The library of such tensors, which somebody has imported."""
    module = types.ModuleType("tensors")
    module.from_numpy, module.is_grad_enabled = Tensor, lambda: True
    monkeypatch.setattr(Tensor, "__module__", "tensors.core")
    monkeypatch.setitem(sys.modules, "tensors", module)
    return module


def test_tensors_give_tensors_of_their_library(library):
    found = own.conv2d(Tensor(X), Tensor(W), Tensor(B))
    assert type(found) is Tensor
    np.testing.assert_array_equal(found.array, own.conv2d(X, W, B))
    assert type(own.unfold(Tensor(X), 2)) is type(own.conv2d_weight(Tensor(X), W.shape, Tensor(G))) is Tensor


def test_tensors_whose_type_comes_from_another_module_are_made_by_their_namespace(library, monkeypatch):
    del library.from_numpy
    with pytest.raises(TypeError, match="makes no tensors"):
        own.conv2d(Tensor(X), Tensor(W))
    namespace = types.SimpleNamespace(asarray=Tensor)
    monkeypatch.setattr(Tensor, "__array_namespace__", lambda self: namespace, raising=False)
    np.testing.assert_array_equal(own.conv2d(Tensor(X), Tensor(W)).array, own.conv2d(X, W))


def test_arrays_and_tensors_are_not_mixed(library):
    for operands in ((Tensor(X), W), (X, Tensor(W)), (Tensor(X), Tensor(W), B)):
        with pytest.raises(TypeError):
            own.conv2d(*operands)


def test_a_gradient_that_would_be_lost_is_refused_unless_gradients_are_off(library):
    with pytest.raises(RuntimeError, match=r"weight: .* requires its gradient"):
        own.conv2d(Tensor(X), Tensor(W, requires_grad=True))
    library.is_grad_enabled = lambda: False
    np.testing.assert_array_equal(own.conv2d(Tensor(X), Tensor(W, requires_grad=True)).array, own.conv2d(X, W))


def test_tensors_of_torch_give_tensors_of_torch():
    torch = pytest.importorskip("torch")
    x, kernels = torch.arange(2 * 4 * 5 * 6.0).reshape(2, 4, 5, 6), torch.ones(6, 4, 3, 3)
    found = own.conv2d(x, kernels, torch.ones(6), stride=torch.Size([2, 1]))
    torch.testing.assert_close(found, torch.nn.functional.conv2d(x, kernels, torch.ones(6), stride=(2, 1)))
    with pytest.raises(RuntimeError, match="gradient"):
        own.conv2d(x, torch.nn.Parameter(kernels))
    with torch.no_grad():
        assert not own.conv2d(x, torch.nn.Parameter(kernels)).requires_grad
    with pytest.raises(TypeError, match="bfloat16"):
        own.conv2d(x.bfloat16(), kernels.bfloat16())
    with pytest.raises(TypeError):
        own.conv2d(x.to("meta"), kernels.to("meta"))


def test_a_conjugation_that_torch_has_not_made_yet_is_made():
    torch = pytest.importorskip("torch")
    x, kernels = torch.tensor([[[1 + 2j, 3j]]]), torch.tensor([[[2 - 1j]]])
    expected = torch.nn.functional.conv1d(x.conj(), kernels.conj())
    torch.testing.assert_close(own.conv1d(x.conj(), kernels.conj()), expected)
    torch.testing.assert_close(own.conv1d(x.conj().imag[None, 0], kernels.real), expected.real * 0 - x.imag * 2)


def test_torch_is_not_imported():
    code = "import sys; import xcorr.compat.torch_functional; print('torch' in sys.modules)"
    assert run_script(code) == "False\n"

"""torch's own samples of its operators, and the calls that they must refuse, with `xcorr.compat.torch_functional`.

Tolerances are those of `torch.testing.assert_close`. torch's own sums do not always keep them (some of float16 are made
in float16): a result that is further from torch's has to be that of double precision, rounded once to its type, but for
8 u of the sum of magnitudes, where u is the unit roundoff of float32 or, of double precision, its own.
"""

from functools import cache, partial

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close
from torch.testing._internal.common_methods_invocations import op_db

from xcorr.compat import torch_functional as own

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
NAMES = (*CONVOLUTIONS, "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "unfold")
OPS = {name: next(op for op in op_db if op.name == f"nn.functional.{name}") for name in NAMES}
INEXACT = (torch.float16, torch.float32, torch.float64, torch.complex64, torch.complex128)


@cache
def samples_of(name, dtype):
    """torch's samples of an operator, the same in every process."""
    torch.manual_seed(0)
    return list(OPS[name].sample_inputs("cpu", dtype))


def cases(names, dtypes=None):
    """Each sample of each type: its operator, type and number."""
    return [
        pytest.param(name, dtype, index, id=f"{name}-{str(dtype).partition('.')[2]}-{index}")
        for name in names
        for dtype in sorted(dtypes or OPS[name].dtypes, key=str)
        for index in range(len(samples_of(name, dtype)))
    ]


def errors():
    """Each call that an operator must refuse."""
    return [
        pytest.param(name, index, id=f"{name}-{index}")
        for name in NAMES
        if OPS[name].error_inputs_func is not None
        for index, _ in enumerate(OPS[name].error_inputs("cpu"))
    ]


def as_arrays(operands):
    """Tensors as NumPy arrays."""
    return [operand.numpy() if isinstance(operand, torch.Tensor) else operand for operand in operands]


def assert_agrees(result, expected, call, *operands):
    """torch's result, within torch's tolerance; or else that of the call with operands in double precision."""
    try:
        assert_close(result, expected)
    except AssertionError:
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        wide = torch.complex128 if result.is_complex() else torch.float64
        tensors = [operand is not None for operand in operands]
        exact = call(*(operand.to(wide) if is_one else None for operand, is_one in zip(operands, tensors)))
        sums = call(*(operand.to(wide).abs() if is_one else None for operand, is_one in zip(operands, tensors)))
        unit = torch.finfo(torch.promote_types(result.dtype, torch.float32)).eps / 2
        error, rounding = (result.to(wide) - exact).abs(), torch.finfo(result.dtype).eps / 2 * exact.abs()
        assert (error <= 8 * unit * sums.abs() + rounding).all()


@pytest.mark.parametrize(("name", "dtype", "index"), cases(NAMES))
def test_a_sample_gives_what_torch_gives(name, dtype, index):
    sample = samples_of(name, dtype)[index]
    expected = OPS[name].op(sample.input, *sample.args, **sample.kwargs)
    result = getattr(own, name)(sample.input, *sample.args, **sample.kwargs)
    if name == "unfold":
        assert_close(result, expected, rtol=0, atol=0)
    else:
        assert_agrees(result, expected, partial(OPS[name].op, **sample.kwargs), sample.input, *sample.args)
    array = getattr(own, name)(*as_arrays([sample.input, *sample.args]), **sample.kwargs)
    assert_close(torch.from_numpy(array), result, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "index"), errors())
def test_a_call_is_refused_as_torch_refuses_it(name, index):
    refused = list(OPS[name].error_inputs("cpu"))[index]
    sample = refused.sample_input
    with pytest.raises(refused.error_type):
        OPS[name].op(sample.input, *sample.args, **sample.kwargs)
    with pytest.raises(refused.error_type):
        getattr(own, name)(sample.input, *sample.args, **sample.kwargs)


def as_batch(sample, n_axes):
    """Input, weight and keywords as torch.nn.grad takes them: a batch, padding in numbers; None if there are none."""
    image, weight = sample.input, sample.args[0]
    image = image if image.ndim == n_axes + 2 else image[None]
    words = {name: value for name, value in sample.kwargs.items() if name != "padding"}
    padding = sample.kwargs.get("padding", 0)
    if padding == "same":
        apart = words.get("dilation", 1)
        apart = apart if isinstance(apart, tuple) else (apart,) * n_axes
        apart = apart * n_axes if len(apart) == 1 else apart
        totals = [(taps - 1) * step for taps, step in zip(weight.shape[2:], apart)]
        if any(total % 2 for total in totals):
            return None
        padding = tuple(total // 2 for total in totals)
    return image, weight, words | {"padding": 0 if padding == "valid" else padding}


@pytest.mark.parametrize(("name", "dtype", "index"), cases(CONVOLUTIONS, (*INEXACT, torch.bfloat16)))
def test_gradients_are_those_of_autograd(name, dtype, index):
    found = as_batch(samples_of(name, dtype)[index], n_axes=int(name[-2]))
    if found is None:
        pytest.skip("torch.nn.grad takes padding in numbers only, the same on both sides")
    image, weight, words = found
    torch.manual_seed(index)
    gradient = torch.randn_like(getattr(functional, name)(image, weight, **words))

    def gradients(which, image, weight, gradient):
        image, weight = (operand.detach().requires_grad_() for operand in (image, weight))
        return torch.autograd.grad(getattr(functional, name)(image, weight, **words), (image, weight), gradient)[which]

    results = (
        getattr(own, f"{name}_input")(image.shape, weight, gradient, **words),
        getattr(own, f"{name}_weight")(image, weight.shape, gradient, **words),
    )
    for which, result in enumerate(results):
        expected = gradients(which, image, weight, gradient)
        assert_agrees(result, expected, partial(gradients, which), image, weight, gradient)


@pytest.mark.parametrize(("name", "dtype", "index"), cases(CONVOLUTIONS, (torch.float32, torch.float64)))
def test_gradients_are_those_of_torch_nn_grad(name, dtype, index):
    found = as_batch(samples_of(name, dtype)[index], n_axes=int(name[-2]))
    if found is None:
        pytest.skip("torch.nn.grad takes padding in numbers only, the same on both sides")
    image, weight, words = found
    torch.manual_seed(index)
    gradient = torch.randn_like(getattr(functional, name)(image, weight, **words))
    peer = getattr(torch.nn.grad, f"{name}_input")
    result = getattr(own, f"{name}_input")(image.shape, weight, gradient, **words)
    call = partial(peer, image.shape, **words)
    assert_agrees(result, call(weight, gradient), call, weight, gradient)
    peer = getattr(torch.nn.grad, f"{name}_weight")
    result = getattr(own, f"{name}_weight")(image, weight.shape, gradient, **words)

    def call(image, gradient):
        return peer(image, weight.shape, gradient, **words)

    assert_agrees(result, call(image, gradient), call, image, gradient)


@pytest.mark.parametrize(("name", "dtype", "index"), cases(["unfold"]))
def test_fold_of_a_sample_of_unfold_gives_what_torch_gives(name, dtype, index):
    sample = samples_of(name, dtype)[index]
    columns = functional.unfold(sample.input, *sample.args, **sample.kwargs)
    size = sample.input.shape[-2:]
    expected = functional.fold(columns, size, *sample.args, **sample.kwargs)
    assert_close(own.fold(columns, size, *sample.args, **sample.kwargs), expected)

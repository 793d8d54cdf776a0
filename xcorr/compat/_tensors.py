"""Operands that are NumPy arrays or tensors in the CPU's memory; what is made of them is of their kind again.

No library of tensors is imported: whoever has one of its tensors has imported it.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from xcorr._arrays import take_array
from xcorr._foreign import root_of, shown
from xcorr._typing import Array

Operand = TypeVar("Operand")


def take_operands(first: Operand, others: dict[str, Any], name: str) -> tuple[list[Array], Callable[[Array], Operand]]:
    """Arrays over the memory of operands, and what makes an array that which the first one, called `name`, is.

    Raises
    ------
    TypeError
        If an operand is neither an array nor a tensor, or not of the first one's kind, or if NumPy has no such type.
    RuntimeError
        If a tensor requires its gradient while gradients are recorded.
    """
    are_arrays = isinstance(first, np.ndarray)
    arrays = []
    for argument, operand in {name: first, **others}.items():
        if isinstance(operand, np.ndarray) != are_arrays or not hasattr(operand, "__dlpack__"):
            allowed = "an array" if are_arrays else "a tensor" if hasattr(first, "__dlpack__") else "an array or tensor"
            raise TypeError(f"{argument}: got {type(operand).__name__} {shown(operand)}; allowed is {allowed}")
        arrays.append(take_array(operand if are_arrays else readable(operand, argument), argument))
    if are_arrays:
        return arrays, lambda array: cast(Operand, array)
    return arrays, lambda array: cast(Operand, maker_of(first)(array))


def readable(tensor: Any, argument: str) -> Any:
    """The tensor without what NumPy cannot know of: a gradient to be recorded, a conjugation or a sign to be made."""
    if "bfloat16" in str(getattr(tensor, "dtype", "")):
        raise TypeError(f"{argument}: got bfloat16, a type that NumPy does not have; allowed is float32, for one")
    if getattr(tensor, "requires_grad", False):
        library: Any = library_of(tensor)
        if getattr(library, "is_grad_enabled", lambda: True)():
            raise RuntimeError(
                f"{argument}: got a tensor that requires its gradient, which would be lost; allowed is its detach(), "
                "or a call without gradients as in torch.no_grad()"
            )
        tensor = tensor.detach()
    for name in ("resolve_conj", "resolve_neg"):
        tensor = getattr(tensor, name, lambda same=tensor: same)()
    return tensor


def library_of(tensor: Any) -> Any:
    """The module that a tensor's type comes from, or one of the types that this is made of; None if none makes any."""
    for kind in type(tensor).__mro__:
        library = sys.modules.get(root_of(kind.__module__))
        if hasattr(library, "from_numpy") or hasattr(library, "from_dlpack"):
            return library
    return None


def maker_of(tensor: Any) -> Callable[[Array], Any]:
    """What makes a tensor of an array without a copy."""
    library = library_of(tensor)
    if library is not None:
        maker: Callable[[Array], Any] = getattr(library, "from_numpy", None) or library.from_dlpack
        return maker
    namespace = getattr(tensor, "__array_namespace__", None)
    if namespace is None:
        raise TypeError(f"input: got {type(tensor).__name__}, whose library makes no tensors of arrays")
    maker = namespace().asarray
    return maker

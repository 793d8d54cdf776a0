"""torch's samples of operators (OpInfo) for convolutions, `unfold` and `fold`; the tests compare with torch itself."""

from suite import Suite

from xcorr.compat import torch_functional

SUITE = Suite(
    peer="torch",
    tests=("test_torch_opinfo.py",),
    swaps={
        f"xcorr.compat.torch_functional.{name}": getattr(torch_functional, name) for name in torch_functional.__all__
    },
    left_out={"bfloat16": "NumPy has no such type, and a tensor of it is a TypeError"},
)

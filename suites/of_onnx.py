"""ONNX' backend tests of convolutions and Col2Im, run by a backend that is made of `xcorr.compat.onnx`."""

from suite import Suite

from xcorr.compat import onnx

SUITE = Suite(
    peer="onnx",
    tests=("test_onnx_backend.py",),
    only="col2im or test_conv or test_basic_conv or test_qlinearconv or test_operator_conv",
    swaps={f"xcorr.compat.onnx.{name}": getattr(onnx, name) for name in onnx.__all__},
    left_out={
        r"(col2im|::test_[Cc]onv|test_basic_conv|qlinearconv|operator_conv)\w*_cuda": "another device than the CPU"
    },
)

"""The official backend tests whose graph is one node of an operator of `xcorr.compat.onnx`, beside constants.

They are those of node cases and of models converted from torch. The backend reads a graph's one node, its attributes
and its inputs.
"""

import warnings

import onnx
import onnx.backend.test
from onnx.backend.base import Backend, BackendRep

from xcorr.compat import onnx as own


class Prepared(BackendRep):
    """A model of one node."""

    def __init__(self, model):
        (self.node,) = model.graph.node
        self.constants = {value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer}
        self.names = [value.name for value in model.graph.input if value.name not in self.constants]

    def run(self, inputs, **words):
        """The outputs, one of them."""
        known = self.constants | dict(zip(self.names, inputs))
        arguments = [known[name] if name else None for name in self.node.input]
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in self.node.attribute}
        attributes = {name: each.decode() if isinstance(each, bytes) else each for name, each in attributes.items()}
        return (getattr(own, self.node.op_type)(*arguments, **attributes),)


class Drops(Backend):
    """The drop-ins as a backend."""

    @classmethod
    def prepare(cls, model, device="CPU", **words):
        """The model, if it can be run."""
        super().prepare(model, device, **words)
        return Prepared(model)

    @classmethod
    def supports_device(cls, device):
        """The CPU alone."""
        return device == "CPU"


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    RUNNER = onnx.backend.test.BackendTest(Drops, __name__)

globals().update(RUNNER.test_cases)

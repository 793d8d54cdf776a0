"""Ways to lay the same numbers out in memory, and things that hold an array or lie about it."""

import numpy as np


def permuted(array, order):
    return np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))


def spaced(array, *gaps):
    larger = np.full([length * gap + gap for length, gap in zip(array.shape, gaps)], 99, array.dtype)
    view = larger[tuple(slice(gap // 2, gap // 2 + length * gap, gap) for length, gap in zip(array.shape, gaps))]
    view[...] = array
    return view


def reversed_along(array, *axes):
    return np.flip(np.ascontiguousarray(np.flip(array, axes)), axes)


def misaligned(array):
    buffer = bytearray(array.nbytes + 1)
    view = np.frombuffer(buffer, array.dtype, offset=1).reshape(array.shape)
    view[...] = array
    return view


def odd_record_pitch(array):
    records = np.zeros(array.shape, np.dtype([("mark", "u1"), ("pixel", array.dtype)]))
    records["pixel"] = array
    return records["pixel"]


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


MEMORY = {
    "fortran": np.asfortranarray,
    "channels-first": lambda array: permuted(array, (0, 3, 1, 2)),
    "columns-before-rows": lambda array: permuted(array, (0, 2, 1, 3)),
    "batch-last": lambda array: permuted(array, (1, 2, 3, 0)),
    "every-second-column": lambda array: spaced(array, 1, 1, 2, 1),
    "every-third-row": lambda array: spaced(array, 1, 3, 1, 1),
    "every-second-channel": lambda array: spaced(array, 1, 1, 1, 2),
    "spaced-everywhere": lambda array: spaced(array, 2, 3, 2, 3),
    "reversed-rows": lambda array: reversed_along(array, 1),
    "reversed-columns": lambda array: reversed_along(array, 2),
    "reversed-channels": lambda array: reversed_along(array, 3),
    "reversed-everywhere": lambda array: reversed_along(array, 0, 1, 2, 3),
    "reversed-and-spaced": lambda array: spaced(array[:, ::-1, :, ::-1], 1, 2, 3, 1)[:, ::-1, :, ::-1],
    "misaligned": misaligned,
    "odd-record-pitch": odd_record_pitch,
    "read-only": read_only,
    "other-byte-order": lambda array: array.astype(array.dtype.newbyteorder()),
    "other-byte-order-misaligned": lambda array: misaligned(array.astype(array.dtype.newbyteorder())),
    "subclass": lambda array: array.view(type("Pixels", (np.ndarray,), {})),
}


class OnlyDLPack:
    """A CPU tensor of some other library."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **keywords):
        return self.array.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.device


class OnlyArray:
    """A table that can become an array."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


# Things that say one thing and hold another: each is made of an array.


class Subclass(np.ndarray):
    pass


class OtherShape(Subclass):
    shape = (1000, 1000, 1000, 3)
    strides = (8, 8, 8, 8)
    ndim = 7


class OtherDtype(Subclass):
    dtype = np.dtype("complex128")
    itemsize = 1
    nbytes = 1 << 40


class OtherData(Subclass):
    data = ctypes = base = flags = None


class OtherArray(Subclass):
    def __array__(self, dtype=None, copy=None):
        return "no array"


class OtherInterface(Subclass):
    __array_interface__ = {"version": 3, "shape": (1 << 40,), "typestr": "<f8", "data": (8, False)}  # noqa: RUF012
    __array_struct__ = __array_priority__ = None


class Interface:
    """The array interface, but for what `lies` says, which NumPy sees. What reaches beyond the data it does not see."""

    def __init__(self, array, **lies):
        self.__array_interface__ = {
            "version": 3,
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": memoryview(array.tobytes()),
            **lies,
        }


class Tensor(OnlyDLPack):
    def __init__(self, array, tensor=None, device=(1, 0)):
        super().__init__(array, device)
        self.tensor = tensor

    def __dlpack__(self, **keywords):
        return self.tensor


LYING = {
    "other-shape": lambda array: array.view(OtherShape),
    "other-dtype": lambda array: array.view(OtherDtype),
    "other-data": lambda array: array.view(OtherData),
    "other-array": lambda array: array.view(OtherArray),
    "other-interface": lambda array: array.view(OtherInterface),
    "array-is-none": lambda array: OnlyArray("no array"),
    "array-is-itself": lambda array: OnlyArray(OnlyArray(None)),
    "interface": Interface,
    "interface-negative": lambda array: Interface(array, shape=(-1, *array.shape[1:])),
    "interface-huge": lambda array: Interface(array, shape=(1 << 62, 1 << 62)),
    "interface-none": lambda array: Interface(array, data=None),
    "interface-words": lambda array: Interface(array, shape="shape", typestr="words", data="data"),
    "tensor-is-none": Tensor,
    "tensor-is-array": lambda array: Tensor(array, array),
    "tensor-elsewhere": lambda array: Tensor(array, None, (2, 0)),
    "tensor-nowhere": lambda array: Tensor(array, None, None),
}

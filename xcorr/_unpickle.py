"""The pickles of CIFAR-10's python version, read as data: nothing that a pickle names is imported or called.

Why not `pickle.Unpickler` with a `find_class`: memo indices, strings copied by reference and nested keys let a small
pickle take all memory, all time or the C stack without naming a single function. This interpreter knows the part of
protocol 2 that occurs in the format, written by Python 2 or 3 and NumPy 1 or 2. Its operations are limited in number by
the size of the pickle, and each takes time and memory linear in the bytes that it reads. The format of pickles:
https://docs.python.org/3/library/pickletools.html; the state of arrays: ``numpy.ndarray.__reduce__``.
"""

from __future__ import annotations

import enum
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._reader import DataFormatError

__all__ = ["Array", "unpickle"]

_COLUMNS = 3 * 32 * 32
_MAX_KEY_BYTES = 256


class Array:
    """Stands for a uint8 array; `rows` (N, 3072) is None until the pickle sets the array's state."""

    rows: NDArray[np.uint8] | None = None


class _Name(enum.Enum):
    RECONSTRUCT = enum.auto()
    NDARRAY = enum.auto()
    DTYPE = enum.auto()
    ENCODE = enum.auto()
    UINT8 = enum.auto()


_NAMES = {
    b"numpy.core.multiarray\n_reconstruct\n": _Name.RECONSTRUCT,
    b"numpy\nndarray\n": _Name.NDARRAY,
    b"numpy._core.multiarray\n_reconstruct\n": _Name.RECONSTRUCT,
    b"numpy\ndtype\n": _Name.DTYPE,
    b"_codecs\nencode\n": _Name.ENCODE,
}
_NEW_ARRAY = tuple((_Name.NDARRAY, (0,), code) for code in (b"b", "b"))
_NEW_DTYPE = tuple((code, False, True) for code in (b"u1", "u1"))
_DTYPE_STATE = tuple((3, order, None, None, None, -1, -1, 0) for order in (b"|", "|"))

_INTEGERS = {b"K": "<B", b"M": "<H", b"J": "<i"}
_STRINGS = {b"U": "<B", b"T": "<i", b"X": "<I"}
_PUTS, _GETS = {b"q": "<B", b"r": "<I"}, {b"h": "<B", b"j": "<I"}
_CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False}
_TUPLES = {b")": 0, b"\x85": 1, b"\x86": 2, b"\x87": 3}


def unpickle(path: str, body: bytes | bytearray) -> dict[str, Any]:
    """Content of a pickled dict; `path` stands in errors only.

    Keys are str; values None, bool, int, str, bytes, list, tuple, dict or `Array`.

    Raises
    ------
    DataFormatError
        The pickle has anything else in it, is not whole, or something follows it.
    """
    machine = _Machine(body)
    # An image takes 3072 bytes and at most 10 operations; 24 are allowed.
    for _ in range(1000 + len(body) // 128):
        start = machine.offset
        try:
            code = machine.take(1)
            if code == b".":
                return machine.result()
            machine.step(code)
        except (LookupError, ValueError, struct.error) as error:
            raise DataFormatError(path, start, f"no pickle of CIFAR-10 goes on like this ({error})") from None
    raise DataFormatError(path, machine.offset, "no pickle of CIFAR-10 of this size has so many operations")


class _Machine:
    def __init__(self, body: bytes | bytearray) -> None:
        self.body, self.offset = memoryview(body), 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.encodable = len(body)

    def step(self, code: bytes) -> None:
        stack = self.stack
        if code in _INTEGERS:
            stack.append(self.number(_INTEGERS[code]))
        elif code in _STRINGS:
            text = self.take(self.number(_STRINGS[code]))
            stack.append(text.decode() if code == b"X" else text)
        elif code in _PUTS:
            self.memo[self.number(_PUTS[code])] = stack[-1]
        elif code in _GETS:
            stack.append(self.memo[self.number(_GETS[code])])
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _TUPLES:
            stack.append(tuple(self.pop(_TUPLES[code])))
        elif code == b"(":
            self.marks.append(len(stack))
        elif code == b"t":
            stack.append(tuple(self.pop_to_mark()))
        elif code in (b"]", b"}"):
            stack.append([] if code == b"]" else {})
        elif code in (b"a", b"e"):
            self.extend(self.pop_to_mark() if code == b"e" else self.pop(1))
        elif code in (b"s", b"u"):
            self.update(self.pop_to_mark() if code == b"u" else self.pop(2))
        elif code == b"c":
            stack.append(self.name())
        elif code == b"R":
            stack.append(self.reduce(*self.pop(2)))
        elif code == b"b":
            self.build(*self.pop(1))
        elif code != b"\x80" or self.number("<B") != 2:
            raise ValueError(f"operation {code!r}")

    def number(self, layout: str) -> int:
        (number,) = struct.unpack_from(layout, self.body, self.offset)
        self.offset += struct.calcsize(layout)
        return int(number)

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.body) - self.offset:
            raise ValueError(f"{count} bytes do not follow")
        self.offset += count
        return self.body[self.offset - count : self.offset].tobytes()

    def pop(self, count: int) -> list[Any]:
        start = len(self.stack) - count
        if start < (self.marks[-1] if self.marks else 0):
            raise ValueError("empty stack")
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def pop_to_mark(self) -> list[Any]:
        return self.pop(len(self.stack) - self.marks.pop())

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise ValueError("no list to append to")
        target += values

    def update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(values) % 2:
            raise ValueError("no dict to add to")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in (bytes, str) or len(key) > _MAX_KEY_BYTES:
                raise ValueError("a key that is no short string")
            text = key if type(key) is str else key.decode("latin-1")
            if text in target:
                raise ValueError(f"key {text!r} twice")
            target[text] = value

    def name(self) -> _Name:
        for text, name in _NAMES.items():
            if self.body[self.offset : self.offset + len(text)] == text:
                self.offset += len(text)
                return name
        raise ValueError("a name that is not allowed")

    def reduce(self, function: Any, arguments: Any) -> Any:
        if function is _Name.RECONSTRUCT and arguments in _NEW_ARRAY:
            return Array()
        if function is _Name.DTYPE and arguments in _NEW_DTYPE:
            return _Name.UINT8
        if function is not _Name.ENCODE or type(arguments) is not tuple:
            raise ValueError("a call that is not allowed")
        text, encoding = arguments
        if type(text) is not str or encoding != "latin1" or len(text) > self.encodable:
            raise ValueError("a string that is not allowed")
        # Python 3 writes bytes as text, each once: without this limit one long text could be copied without end.
        self.encodable -= len(text)
        return text.encode("latin-1")

    def build(self, state: Any) -> None:
        target = self.stack[-1]
        if target is _Name.UINT8 and state in _DTYPE_STATE:
            return
        if type(target) is not Array or target.rows is not None or type(state) is not tuple:
            raise ValueError("nothing that has this state")
        version, shape, dtype, columns_first, pixels = state
        if version != 1 or dtype is not _Name.UINT8 or type(columns_first) is not bool or type(pixels) is not bytes:
            raise ValueError("no uint8 array")
        n_rows = len(pixels) // _COLUMNS
        if shape != (n_rows, _COLUMNS) or len(pixels) != n_rows * _COLUMNS:
            raise ValueError(f"the shape of the {len(pixels)} bytes is not (images, {_COLUMNS})")
        target.rows = np.ndarray(shape, np.uint8, pixels, order="F" if columns_first else "C")

    def result(self) -> dict[str, Any]:
        (content,) = self.stack
        if type(content) is not dict or self.offset != len(self.body):
            raise ValueError("the end, not of one dict or not of the file")
        return content

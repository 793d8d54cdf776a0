"""The pickles of CIFAR-10's python version, read as data: nothing that a pickle names is imported or called.

Why not `pickle.Unpickler` with a `find_class`: memo indices, strings copied by reference and nested keys let a small
pickle take all memory, all time or the C stack without naming a single function. This interpreter knows the part of
the protocols 2 to 5 that occurs in the format, written by Python 2 or 3 and NumPy 1 or 2. Its operations are limited in
number by the size of the pickle, and each takes time and memory linear in the bytes that it reads: all in all about
three times the size of the pickle at most. The format of pickles:
https://docs.python.org/3/library/pickletools.html; the states of arrays: ``numpy.ndarray.__reduce_ex__``.
"""

from __future__ import annotations

import enum
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._foreign import refuses
from xcorr._reader import DataFormatError

__all__ = ["Array", "unpickle"]

_COLUMNS = 3 * 32 * 32
_MAX_KEY_BYTES = 256
_MAX_TEXT_BYTES = 4096  # of text that is not Latin-1, whose letters take up to four times the bytes that they came in
_FIRST_BEYOND_LATIN_1 = 0xC4  # of the bytes that UTF-8 begins a letter with


class Array:
    """Stands for a uint8 array; `rows` (N, 3072) is None until the pickle sets the array's state."""

    rows: NDArray[np.uint8] | None = None


class _Name(enum.Enum):
    RECONSTRUCT = enum.auto()
    FROMBUFFER = enum.auto()
    NDARRAY = enum.auto()
    DTYPE = enum.auto()
    ENCODE = enum.auto()
    UINT8 = enum.auto()


_NAMES = {
    (b"numpy.core.multiarray", b"_reconstruct"): _Name.RECONSTRUCT,
    (b"numpy._core.multiarray", b"_reconstruct"): _Name.RECONSTRUCT,
    (b"numpy.core.numeric", b"_frombuffer"): _Name.FROMBUFFER,
    (b"numpy._core.numeric", b"_frombuffer"): _Name.FROMBUFFER,
    (b"numpy", b"ndarray"): _Name.NDARRAY,
    (b"numpy", b"dtype"): _Name.DTYPE,
    (b"_codecs", b"encode"): _Name.ENCODE,
}
_LINES = {module + b"\n" + name + b"\n": found for (module, name), found in _NAMES.items()}
_TEXTS = {(module.decode(), name.decode()): found for (module, name), found in _NAMES.items()}
_NEW_ARRAY = tuple((_Name.NDARRAY, (0,), code) for code in (b"b", "b"))
_NEW_DTYPE = tuple((code, False, True) for code in (b"u1", "u1"))
_DTYPE_STATE = tuple((3, order, None, None, None, -1, -1, 0) for order in (b"|", "|"))

_INTEGERS = {b"K": "<B", b"M": "<H", b"J": "<i"}
_STRINGS = {b"U": "<B", b"T": "<i", b"C": "<B", b"B": "<I", b"\x96": "<Q"}
_UNICODES = {b"X": "<I", b"\x8c": "<B"}
_PUTS, _GETS = {b"q": "<B", b"r": "<I"}, {b"h": "<B", b"j": "<I"}
_CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False}
_TUPLES = {b")": 0, b"\x85": 1, b"\x86": 2, b"\x87": 3}
_PROTOCOLS = range(2, 6)


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
            machine.check_frame(start)
        except (LookupError, ValueError, struct.error) as error:
            if not refuses(error, "struct"):
                raise
            raise DataFormatError(path, start, f"no pickle of CIFAR-10 goes on like this ({error})") from None
    raise DataFormatError(path, machine.offset, "no pickle of CIFAR-10 of this size has so many operations")


class _Machine:
    def __init__(self, body: bytes | bytearray) -> None:
        self.body, self.offset = memoryview(body), 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.encodable = len(body)
        self.frame_end = 0

    def step(self, code: bytes) -> None:
        stack = self.stack
        if code in _INTEGERS:
            stack.append(self.number(_INTEGERS[code]))
        elif code in _STRINGS:
            stack.append(self.take(self.number(_STRINGS[code])))
        elif code in _UNICODES:
            stack.append(self.text(self.number(_UNICODES[code])))
        elif code in _PUTS or code == b"\x94":
            self.memo[self.number(_PUTS[code]) if code in _PUTS else len(self.memo)] = stack[-1]
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
        elif code in (b"c", b"\x93"):
            stack.append(self.name() if code == b"c" else self.name_of(*self.pop(2)))
        elif code == b"R":
            stack.append(self.reduce(*self.pop(2)))
        elif code == b"b":
            self.build(*self.pop(1))
        elif code == b"\x95":
            self.begin_frame(self.number("<Q"))
        elif code != b"\x80" or self.number("<B") not in _PROTOCOLS:
            raise ValueError(f"operation {code!r}")

    def number(self, layout: str) -> int:
        (number,) = struct.unpack_from(layout, self.body, self.offset)
        self.offset += struct.calcsize(layout)
        return int(number)

    def take(self, count: int) -> bytes:
        return self.view(count).tobytes()

    def view(self, count: int) -> memoryview:
        if not 0 <= count <= len(self.body) - self.offset:
            raise ValueError(f"{count} bytes do not follow")
        self.offset += count
        return self.body[self.offset - count : self.offset]

    def text(self, count: int) -> str:
        text = self.view(count)
        if count > _MAX_TEXT_BYTES and np.frombuffer(text, np.uint8).max() >= _FIRST_BEYOND_LATIN_1:
            raise ValueError("a long text that is not Latin-1")
        return str(text, "utf-8")

    def begin_frame(self, count: int) -> None:
        """A part of the pickle that is written at one go; operations do not reach over its end."""
        if self.offset < self.frame_end or count > len(self.body) - self.offset:
            raise ValueError(f"a frame of {count} bytes")
        self.frame_end = self.offset + count

    def check_frame(self, start: int) -> None:
        if start < self.frame_end < self.offset:
            raise ValueError("over the end of a frame")

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
        for text, name in _LINES.items():
            if self.body[self.offset : self.offset + len(text)] == text:
                self.offset += len(text)
                return name
        raise ValueError("a name that is not allowed")

    def name_of(self, module: Any, name: Any) -> _Name:
        if (
            type(module) is not str or type(name) is not str or (module, name) not in _TEXTS
        ):  # tuples may never be hashed
            raise ValueError("a name that is not allowed")
        return _TEXTS[module, name]

    def reduce(self, function: Any, arguments: Any) -> Any:
        if function is _Name.RECONSTRUCT and arguments in _NEW_ARRAY:
            return Array()
        if function is _Name.DTYPE and arguments in _NEW_DTYPE:
            return _Name.UINT8
        if function is _Name.FROMBUFFER and type(arguments) is tuple:
            pixels, dtype, shape, order = arguments
            return filled(Array(), pixels, dtype, shape, order)
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
        if version != 1 or type(columns_first) is not bool:
            raise ValueError("no uint8 array")
        filled(target, pixels, dtype, shape, "F" if columns_first else "C")

    def result(self) -> dict[str, Any]:
        (content,) = self.stack
        if type(content) is not dict or self.offset != len(self.body):
            raise ValueError("the end, not of one dict or not of the file")
        return content


def filled(array: Array, pixels: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """The array with its rows, which are the pixels themselves; arguments are in the order of ``_frombuffer``."""
    if dtype is not _Name.UINT8 or type(pixels) is not bytes or order not in ("C", "F"):
        raise ValueError("no uint8 array")
    n_rows = len(pixels) // _COLUMNS
    if shape != (n_rows, _COLUMNS) or len(pixels) != n_rows * _COLUMNS:
        raise ValueError(f"the shape of the {len(pixels)} bytes is not (images, {_COLUMNS})")
    array.rows = np.ndarray(shape, np.uint8, pixels, order=order)
    return array

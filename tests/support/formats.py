"""What the files of the readers should be, written independently of them, and what is wrong with others."""

import contextlib
import gzip
import io
import itertools
import math
import os
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xcorr import datasets

SEED = 20091
IDX_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MIB = 1 << 20
MEMBER = "cifar-10-batches-bin/test_batch.bin"


# IDX and gzip


def idx_bytes(code, shape, body):
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + body


def idx_of(array):
    code = next(code for code, dtype in IDX_DTYPES.items() if np.dtype(dtype) == array.dtype)
    return idx_bytes(code, array.shape, array.astype(array.dtype.newbyteorder(">")).tobytes())


def what_idx_says(body):
    """The array in an IDX file, or None where it is none: the definition."""
    if len(body) < 4 or body[:2] != b"\0\0" or body[2] not in IDX_DTYPES or body[3] == 0 or len(body) < 4 + 4 * body[3]:
        return None
    start = 4 + 4 * body[3]
    shape = struct.unpack(f">{body[3]}I", body[4:start])
    dtype = np.dtype(IDX_DTYPES[body[2]])
    if math.prod(shape) * dtype.itemsize != len(body) - start:
        return None
    return np.frombuffer(body[start:], dtype.newbyteorder(">")).reshape(shape).astype(dtype)


# CIFAR-10


def random_images(n_images, seed=SEED):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (n_images, 32, 32, 3), np.uint8), generator.integers(0, 10, n_images).tolist()


def planes_of(images):
    return images.transpose(0, 3, 1, 2).reshape(len(images), 3072)


def binary_batch(images, labels):
    return b"".join(bytes([label]) + planes.tobytes() for label, planes in zip(labels, planes_of(images), strict=True))


def python2_batch(images, labels, module=b"numpy.core.multiarray"):
    """The operations that Python 2 wrote for the original files."""
    labels = b"".join(b"K" + bytes([label]) for label in labels)
    names = b"".join(b"U\x05a.png" + b"r" + struct.pack("<I", 300 + index) for index in range(len(images)))
    pixels = planes_of(images).tobytes()
    array = (
        b"c"
        + module
        + b"\n_reconstruct\nq\x06cnumpy\nndarray\nq\x07K\x00\x85U\x01b\x87R(K\x01"
        + b"J"
        + struct.pack("<i", len(images))
        + b"M\x00\x0c\x86cnumpy\ndtype\nq\x08U\x02u1K\x00K\x01\x87R"
        + b"(K\x03U\x01|NNN"
        + b"J\xff\xff\xff\xff" * 2
        + b"K\x00tb\x89"
        + b"T"
        + struct.pack("<I", len(pixels))
        + pixels
        + b"tb"
    )
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x14testing batch 1 of 1q\x03U\x06labelsq\x04]q\x05("
        + labels
        + b"eU\x04dataq\x09"
        + array
        + b"U\x09filenamesq\x0a]("
        + names
        + b"eu."
    )


def python3_batch(images, labels, text=str.encode, protocol=2, **other):
    content = {"data": planes_of(images), "labels": labels, "batch_label": text("b"), **other}
    return pickle.dumps({text(key): value for key, value in content.items()}, protocol=protocol)


def with_other_numpys_names(body):
    """A pickle with NumPy 2's names for NumPy 1's, or the other way around; its first frame fits again."""
    names = [b"numpy.core.multiarray", b"numpy.core.numeric"]
    new = [name.replace(b"core", b"_core") for name in names]
    for old, other in zip(names + new, new + names, strict=True):
        for before, after in ((b"c" + old, b"c" + other), (short_text(old), short_text(other))):
            if before in body:
                assert body.count(before) == 1
                body = body.replace(before, after)
                if body[2:3] == b"\x95":
                    (length,) = struct.unpack("<Q", body[3:11])
                    body = body[:3] + struct.pack("<Q", length + len(after) - len(before)) + body[11:]
                return body
    raise AssertionError("no such name in the pickle")


def short_text(text):
    return b"\x8c" + bytes([len(text)]) + text


TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))


def lacks_a_batch(names):
    """Whether there are several batches of the training set, and one is missing before another or the only one."""
    is_there = [batch in names for batch in TRAINING]
    has_gap = any(not before and after for before, after in itertools.combinations(is_there, 2))
    return sum(is_there) == 4 or (has_gap and sum(is_there) > 1)


WRITERS = {
    "binary": ("test_batch.bin", binary_batch),
    "python2": ("test_batch", python2_batch),
    "numpy2 names": ("test_batch", lambda *batch: python2_batch(*batch, module=b"numpy._core.multiarray")),
    "python3": ("test_batch", python3_batch),
    "python3 str": ("test_batch", lambda *batch: python3_batch(*batch, text=str)),
    "python3 names": ("test_batch", lambda *batch: python3_batch(*batch, filenames=[b"x.png\xff"] * len(batch[1]))),
    **{
        f"protocol {protocol} {text.__name__}": (
            "test_batch",
            lambda images, labels, protocol=protocol, text=text: python3_batch(
                images, labels, text, protocol, filenames=[f"{index}.png" for index in range(len(labels))]
            ),
        )
        for protocol in (3, 4, 5)
        for text in (str, str.encode)
    },
}


def tar_bytes(members, format=tarfile.USTAR_FORMAT, mode="w", **settings):
    """An archive of (name, body) pairs; a body that is a TarInfo type makes a member of that type."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=format, **settings) as archive:
        for name, body in members:
            info = tarfile.TarInfo(name)
            if len(body) == 1:
                info.type, info.linkname, info.size = body, "other", 1000  # a size, and yet no body
                archive.addfile(info)
            else:
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
    return stream.getvalue()


def put(path, body):
    """A new file each time: ext4 waits for the disk when the bytes of an old one are replaced."""
    path.unlink(missing_ok=True)
    path.write_bytes(body)


def is_refused(read, *arguments, **keywords):
    with contextlib.suppress(datasets.DataFormatError):
        read(*arguments, **keywords)
        return False
    return True


# Pickles that are none of CIFAR-10's


class Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


PREFIX = b"\x80\x02}("
ENCODE = b"c_codecs\nencode\n"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
BYTE = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
FROM_BUFFER = b"\x80\x05" + short_text(b"numpy._core.numeric") + short_text(b"_frombuffer") + b"\x93"
BYTE_4 = short_text(b"numpy") + short_text(b"dtype") + b"\x93" + short_text(b"u1") + b"\x89\x88\x87R"
BOMBS = {
    "string longer than the file": PREFIX + b"T\xff\xff\xff\x7f",
    "string of negative length": PREFIX + b"T\xff\xff\xff\xff.",
    "text longer than the file": PREFIX + b"X\xff\xff\xff\xff",
    "memo index": PREFIX + b"Nr\xff\xff\xff\xff" * 300 + b"u.",
    "text copied again and again": b"\x80\x02"
    + ENCODE
    + b"q\x00X"
    + struct.pack("<I", MIB)
    + b"a" * MIB
    + b"q\x01X\x06\0\0\0latin1q\x02"
    + b"h\x00h\x01h\x02\x86R" * 1000
    + b".",
    "long key again and again": b"\x80\x02T"
    + struct.pack("<I", MIB)
    + b"a" * MIB
    + b"q\x00"
    + b"}h\x00Ns" * 1000
    + b".",
    "nested tuples as a key": b"\x80\x02}N" + b"\x85" * 900 + b"Ns.",
    "doubled tuples as a key": b"\x80\x02}N" + b"q\x00h\x00\x86" * 100 + b"Ns.",
    "nested lists": b"\x80\x02" + b"]" * 500 + b"a" * 499 + b".",
    "list in itself": b"\x80\x02}U\x06labels]q\x00h\x00asU\x04data" + ARRAY + b"s.",
    "marks": PREFIX + b"(" * MIB,
    "lists": PREFIX + b"]" * MIB,
    "decimal number": PREFIX + b"L" + b"9" * MIB + b"L\n.",
    "long number": PREFIX + b"\x8b\xff\xff\xff\x7f",
    "frame": b"\x80\x04\x95" + b"\xff" * 8,
    "frame in a frame": b"\x80\x04\x95" + struct.pack("<Q", 20) + b"}\x95" + struct.pack("<Q", 1) + b"." * 11,
    "over the end of a frame": b"\x80\x04\x95" + struct.pack("<Q", 3) + b"}\x8c\x04datas.",
    "short text longer than the file": b"\x80\x04}\x8c\xffa",
    "bytes longer than the file": b"\x80\x03}B\xff\xff\xff\x7f",
    "bytearray longer than the file": b"\x80\x05}\x96" + b"\xff" * 8,
    "memo without end": b"\x80\x04}" + b"\x94" * MIB,
    "long text of wide letters": b"\x80\x04}X"
    + struct.pack("<I", 3 * MIB + 4)
    + b"a" * (3 * MIB)
    + "\U0001f600".encode(),
    "name of other types": b"\x80\x04]]\x93.",
    "name of doubled tuples": b"\x80\x04N" + b"\x94h\x00\x86" * 100 + b"N\x93.",
    "long name": b"\x80\x04X" + struct.pack("<I", MIB) + b"a" * MIB + b"\x94h\x00\x93.",
    "name of a function": b"\x80\x04"
    + short_text(b"posix")
    + short_text(b"system")
    + b"\x93"
    + short_text(b"true")
    + b"\x85R.",
    "array from too few arguments": FROM_BUFFER + b"C\x00\x85R.",
    "array from a number": FROM_BUFFER + b"(K\x05" + BYTE_4 + b"K\x01M\x00\x0c\x86" + short_text(b"C") + b"tR.",
    "array from a buffer that is short": FROM_BUFFER
    + b"(C\x01a"
    + BYTE_4
    + b"J\xff\xff\xff\x7fM\x00\x0c\x86"
    + short_text(b"C")
    + b"tR.",
    "array of another order": FROM_BUFFER + b"(C\x00" + BYTE_4 + b"K\x00M\x00\x0c\x86" + short_text(b"K") + b"tR.",
    "array that was never set": b"\x80\x02}U\x04data" + ARRAY + b"sU\x06labels]s.",
    "array of giant shape": b"\x80\x02}U\x04data"
    + ARRAY
    + b"(K\x01J\xff\xff\xff\x7fM\x00\x0c\x86"
    + BYTE
    + b"\x89U\x01atbs.",
    "giant array": b"\x80\x02}cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nJ\xff\xff\xff\x7f\x85U\x01b\x87R.",
    "array of objects": b"\x80\x02}cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R.",
    "array called": b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.",
    "array set twice": b"\x80\x02}U\x04data"
    + ARRAY
    + (b"(K\x01K\x00M\x00\x0c\x86" + BYTE + b"\x89U\x00tb") * 2
    + b"sU\x06labels]s.",
    "empty stack": b"\x80\x02\x87",
    "no mark": b"\x80\x02}u",
    "below a mark": b"\x80\x02}U\x04data"
    + ARRAY
    + b"(K\x01K\x01M\x00\x0c\x86"
    + BYTE
    + b"\x89T\x00\x0c\0\0"
    + b"a" * 3072
    + b"tbsU\x06labels]K\x01(as.",
    "nothing": b"\x80\x02.",
    "popped twice": b"\x80\x020",
    "no memo": b"\x80\x02h\x00.",
    "text not in utf-8": PREFIX + b"X\x01\x00\x00\x00\xff",
    "text not in latin-1": b"\x80\x02" + ENCODE + b"X\x03\0\0\0\xe2\x82\xacX\x06\0\0\0latin1\x86R.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"\x80\x02NQ.",
    "instance": b"\x80\x02(ios\nsystem\n.",
}


def executing(marker, labels, images):
    """What would leave `marker` behind if it were unpickled as Python does, alone and inside of a batch."""
    calls = [
        Call(os.system, f"touch {marker}"),
        Call(eval, f"open({str(marker)!r}, 'w')"),
        Call(os.mkdir, str(marker)),
        Call(exec, f"open({str(marker)!r}, 'w')"),
        Call(np.save, str(marker), 1),
        Call(Path.touch, marker),
    ]
    for call in calls:
        yield call
        yield {b"data": call, b"labels": labels}
        yield {b"data": planes_of(images), b"labels": call}
        yield {b"data": planes_of(images), b"labels": labels, b"filenames": [call]}


# Archives that are none of CIFAR-10's


KINDS = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
OTHER_PLACES = (
    f"/{MEMBER}",
    f"../{MEMBER}",
    f"x/../{MEMBER}",
    f"x/{MEMBER}",
    "/test_batch.bin",
    "../test_batch.bin",
    "cifar-10-batches-bin/../test_batch.bin",
    "test_batch.bin/",
)


def archive_bombs(batch):
    """Bytes that have to be refused; `batch` is the body of a sound one."""
    whole = tar_bytes([(MEMBER, batch)])
    lie = tarfile.TarInfo(MEMBER)
    lie.size = 0o77777777777
    words = [(f"file{index}", b"some words") for index in range(1001)]
    return {
        "a byte behind the end": whole + b"\0" * 511 + b"x",
        "a byte far behind the end": gzip.compress(whole + bytes(32 * MIB) + b"x", 1),
        "size that lies": lie.tobuf() + batch,
        "size that lies, compressed": gzip.compress(lie.tobuf() + batch),
        "too many members": tar_bytes([*words, (MEMBER, batch)], mode="w:gz"),
        "nothing": b"",
        "an end and nothing before": b"\0" * 512,
        "nothing, compressed": gzip.compress(b""),
        "words": b"words" * 500,
    }


# Small sound files, one of each format, and what is right to read from them when they are changed


class SmallFile(NamedTuple):
    """A file that is read by putting it somewhere and loading `path`, which is itself or its folder."""

    name: str
    body: bytes
    load: Callable[[Path], Any]
    in_folder: bool
    is_right: Callable[[Any, bytes], bool]
    """Whether something may be read from these bytes, and is that."""

    has_to_be_read: Callable[[bytes], bool] = lambda body: False
    """Whether these bytes are still a file of the format."""


def small_files():
    array = np.arange(6, dtype=np.int16).reshape(2, 3) - 300
    images, labels = random_images(1)
    images %= 128
    flat = np.full_like(images, 5)

    def is_what_idx_says(found, body):
        expected = what_idx_says(body)
        return expected is not None and found.dtype == expected.dtype and np.array_equal(found, expected)

    def is_what_records_say(found, body):
        return binary_batch(found.images, found.labels.tolist()) == body

    def differs_in_one_value(found, body):
        if found.images.shape != images.shape or found.labels.shape != (1,) or found.labels[0] > 9:
            return False
        return (found.images != images).sum() + (found.labels != labels).sum() <= 1

    return (
        SmallFile(
            "small.idx",
            idx_of(array),
            datasets.load_idx,
            False,
            is_what_idx_says,
            lambda body: what_idx_says(body) is not None,
        ),
        SmallFile(
            "small.idx.gz",
            gzip.compress(idx_of(array), mtime=0),
            datasets.load_idx,
            False,
            lambda found, body: np.array_equal(found, array),
        ),
        SmallFile(
            "test_batch.bin",
            binary_batch(images, labels),
            datasets.load_cifar10,
            True,
            is_what_records_say,
            lambda body: len(body) == 3073 and body[0] < 10,
        ),
        SmallFile("test_batch", python2_batch(images, labels), datasets.load_cifar10, True, differs_in_one_value),
        *(
            SmallFile(
                "test_batch",
                python3_batch(images, labels, str, protocol),
                datasets.load_cifar10,
                True,
                differs_in_one_value,
            )
            for protocol in (4, 5)
        ),
        SmallFile(
            "small.tar.gz",
            gzip.compress(tar_bytes([(MEMBER, binary_batch(flat, labels))]), mtime=0),
            datasets.load_cifar10,
            False,
            lambda found, body: np.array_equal(found.images, flat) and found.labels.tolist() == labels,
        ),
    )

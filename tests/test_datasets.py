"""The readers: right answers from whole files, `DataFormatError` from all others, nothing run, nothing written."""

import contextlib
import gzip
import io
import math
import os
import pickle
import random
import struct
import tarfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from xcorr import datasets

SEED = 20091
DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not here")
IDX_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MIB = 1 << 20


# What the files should be, written independently of the readers.


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


def python3_batch(images, labels, text=str.encode, **other):
    content = {"data": planes_of(images), "labels": labels, "batch_label": text("b"), **other}
    return pickle.dumps({text(key): value for key, value in content.items()}, protocol=2)


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


@pytest.fixture
def read(tmp_path):
    """Puts bytes into a file and reads it."""

    def read(load, body, name="file", **keywords):
        path = tmp_path / name
        put(path, body)
        return load(path, **keywords)

    return read


@pytest.fixture
def read_batch(tmp_path):
    """Puts bytes into a folder as the one batch that is there and reads it."""

    def read_batch(body, name="test_batch", **keywords):
        (tmp_path / "batches").mkdir(exist_ok=True)
        put(tmp_path / "batches" / name, body)
        return datasets.load_cifar10(tmp_path / "batches", **keywords)

    return read_batch


def is_refused(read, *arguments, **keywords):
    with contextlib.suppress(datasets.DataFormatError):
        read(*arguments, **keywords)
        return False
    return True


@contextlib.contextmanager
def frugal(peak_bytes, seconds=5.0):
    tracemalloc.start()
    start = time.perf_counter()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < peak_bytes
        assert time.perf_counter() - start < seconds
    finally:
        tracemalloc.stop()


# IDX


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("dtype", IDX_DTYPES.values())
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 1, 4), (0, 28, 28), (1, 2, 1, 2, 1)])
def test_every_idx_type_is_read(read, dtype, shape, compress):
    expected = (np.arange(math.prod(shape)) * 37 % 251 - 125).astype(dtype).reshape(shape)
    array = read(datasets.load_idx, compress(idx_of(expected)))
    assert array.dtype == dtype
    assert array.dtype.isnative
    assert array.flags.c_contiguous
    assert array.flags.writeable
    np.testing.assert_array_equal(array, expected, strict=True)


def test_paths_are_str_or_pathlike(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(idx_bytes(8, (1,), b"a"))
    assert datasets.load_idx(path) == datasets.load_idx(str(path)) == [97]


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_every_truncated_idx_file_is_refused(read, compress):
    body = compress(idx_bytes(0x0B, (2, 2), b"abcdefgh"))
    for length in range(len(body)):
        assert is_refused(read, datasets.load_idx, body[:length]), length


@pytest.mark.parametrize(("code", "body"), [(0x08, b"ab"), (0x0B, b"abcd")])
def test_every_changed_byte_of_an_idx_file_is_read_as_it_stands_or_refused(read, code, body):
    whole = idx_bytes(code, (2, 1), body)
    n_read = 0
    for offset, value in np.ndindex(len(whole), 256):
        changed = whole[:offset] + bytes([value]) + whole[offset + 1 :]
        expected = what_idx_says(changed)
        try:
            array = read(datasets.load_idx, changed)
        except datasets.DataFormatError:
            assert expected is None, (offset, value)
        else:
            np.testing.assert_array_equal(array, expected, strict=True)
            n_read += 1
    assert n_read > 255 * len(body)


def test_every_changed_byte_of_a_gzip_file_is_refused_or_harmless(read):
    expected = np.arange(12, dtype=np.int16).reshape(3, 4)
    whole = gzip.compress(idx_of(expected))
    n_refused = 0
    for offset, bit in np.ndindex(len(whole), 8):
        changed = bytearray(whole)
        changed[offset] ^= 1 << bit
        try:
            np.testing.assert_array_equal(read(datasets.load_idx, changed), expected, strict=True)
        except datasets.DataFormatError:
            n_refused += 1
    assert n_refused > 4 * len(whole)


def test_trailing_bytes_are_refused(read):
    whole = idx_bytes(8, (3,), b"abc")
    for body in (
        whole + b"\0",
        whole + whole,
        gzip.compress(whole + b"\0"),
        gzip.compress(whole) * 2,
        gzip.compress(whole) + b"garbage",
    ):
        assert is_refused(read, datasets.load_idx, body)


def test_a_header_that_lies_costs_no_memory(read):
    noise = random.Random(SEED).randbytes(MIB)
    header = idx_bytes(8, (1 << 30,), b"")
    for body in (header + b"abc", gzip.compress(header + b"abc"), gzip.compress(header + noise)):
        with frugal(8 * MIB):
            assert is_refused(read, datasets.load_idx, body)
    with pytest.raises(datasets.DataFormatError, match="1073741824 bytes must follow") as caught:
        read(datasets.load_idx, gzip.compress(header + b"abc"))
    assert caught.value.offset == len(header)
    assert is_refused(read, datasets.load_idx, idx_bytes(0x0E, (0xFFFFFFFF,) * 32, b"abc"))


def test_decompression_stops_after_the_declared_size(read):
    body = gzip.compress(idx_bytes(8, (4,), bytes(64 * MIB)), 1)
    with frugal(3 * MIB), pytest.raises(datasets.DataFormatError) as caught:
        read(datasets.load_idx, body)
    assert caught.value.offset == 12


@pytest.mark.parametrize("shape", [(), (1,) * 33, (0, *(0xFFFFFFFF,) * 3)], ids=["none", "33", "huge"])
def test_impossible_shapes_are_refused(read, shape):
    assert is_refused(read, datasets.load_idx, idx_bytes(8, shape, b"a" * math.prod(shape)))


def test_max_bytes_limits_what_is_read(read, read_batch):
    whole = idx_bytes(8, (3,), b"abc")
    for body in (whole, gzip.compress(whole)):
        assert len(read(datasets.load_idx, body, max_bytes=len(whole))) == 3
        assert is_refused(read, datasets.load_idx, body, max_bytes=len(whole) - 1)
    batch = binary_batch(*random_images(1))
    assert len(read_batch(batch, "test_batch.bin", max_bytes=3073).images) == 1
    assert len(read_batch(batch, "data_batch_1.bin", max_bytes=2 * 3073).images) == 2
    assert is_refused(read_batch, batch, "data_batch_2.bin", max_bytes=3 * 3073 - 1)


def test_an_error_names_the_file_and_the_offset(tmp_path):
    path = tmp_path / "digits.idx"
    path.write_bytes(idx_bytes(7, (1,), b"a"))
    with pytest.raises(datasets.DataFormatError, match=r"digits\.idx: byte 2: type 0x07") as caught:
        datasets.load_idx(path)
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert isinstance(error, ValueError)
        assert (error.path, error.offset) == (str(path), 2)
        assert str(error) == str(caught.value)


@pytest.mark.parametrize(
    ("load", "argument"),
    [(datasets.load_idx, "path"), (datasets.load_mnist, "folder"), (datasets.load_cifar10, "folder_or_tar_gz")],
)
def test_wrong_arguments_are_named(tmp_path, load, argument):
    for value in (3, None, b"bytes", ["name"]):
        with pytest.raises(TypeError) as caught:
            load(value)
        assert f"{argument}: got {value!r}; a str or an os.PathLike is allowed" in str(caught.value)
    with pytest.raises(TypeError, match=r"max_bytes: got 1\.5; an int"):
        load(tmp_path, max_bytes=1.5)
    with pytest.raises(ValueError, match="max_bytes: got -1; an int"):
        load(tmp_path, max_bytes=-1)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing")


def test_only_regular_files_are_opened(tmp_path):
    assert is_refused(datasets.load_idx, tmp_path)
    os.mkfifo(tmp_path / "test_batch")
    assert is_refused(datasets.load_idx, tmp_path / "test_batch")
    assert is_refused(datasets.load_cifar10, tmp_path / "test_batch")
    assert is_refused(datasets.load_cifar10, tmp_path)


# MNIST


@pytest.fixture
def mnist(tmp_path):
    images, labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.array([7, 1], np.uint8)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_of(images))
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(idx_of(labels))
    (tmp_path / "t10k-images.idx3-ubyte.gz").write_bytes(gzip.compress(idx_of(images + 1)))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_of(labels + 1)))
    return tmp_path, images, labels


def test_every_spelling_of_the_mnist_files_is_read(mnist):
    folder, images, labels = mnist
    found = datasets.load_mnist(folder)
    assert found._fields == ("train_images", "train_labels", "test_images", "test_labels")
    for array, expected in zip(found, (images, labels, images + 1, labels + 1), strict=True):
        np.testing.assert_array_equal(array, expected, strict=True)


def test_mnist_files_may_be_missing_but_not_all(mnist):
    folder, images, _ = mnist
    for path in folder.glob("*labels*"):
        path.unlink()
    (folder / "t10k-images.idx3-ubyte.gz").unlink()
    found = datasets.load_mnist(str(folder))
    assert found[1:] == (None, None, None)
    assert np.array_equal(found.train_images, images)
    (folder / "train-images-idx3-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="no MNIST file"):
        datasets.load_mnist(folder)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("train-labels.idx1-ubyte", np.zeros(3, np.uint8)),
        ("train-labels.idx1-ubyte", np.zeros((2, 1), np.uint8)),
        ("train-labels.idx1-ubyte", np.zeros(2, np.int8)),
        ("train-images-idx3-ubyte", np.zeros((2, 12), np.uint8)),
        ("train-images-idx3-ubyte", np.zeros((2, 3, 4), np.float32)),
        ("train-images-idx3-ubyte", np.zeros((3, 3, 4), np.uint8)),
    ],
)
def test_mnist_files_that_do_not_belong_together_are_refused(mnist, name, array):
    folder, _, _ = mnist
    (folder / name).write_bytes(idx_of(array))
    assert is_refused(datasets.load_mnist, folder)


# CIFAR-10


WRITERS = {
    "binary": ("test_batch.bin", binary_batch),
    "python2": ("test_batch", python2_batch),
    "numpy2 names": ("test_batch", lambda *batch: python2_batch(*batch, module=b"numpy._core.multiarray")),
    "python3": ("test_batch", python3_batch),
    "python3 str": ("test_batch", lambda *batch: python3_batch(*batch, text=str)),
    "python3 names": ("test_batch", lambda *batch: python3_batch(*batch, filenames=[b"x.png\xff"] * len(batch[1]))),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("n_images", [1, 2, 300])
def test_every_version_of_a_batch_is_read(read_batch, writer, n_images):
    name, write = WRITERS[writer]
    images, labels = random_images(n_images)
    found = read_batch(write(images, labels), name)
    assert found._fields == ("images", "labels", "label_names")
    assert found.label_names == NAMES
    assert found.images.flags.c_contiguous
    assert found.images.flags.writeable
    np.testing.assert_array_equal(found.images, images, strict=True)
    np.testing.assert_array_equal(found.labels, np.array(labels, np.uint8), strict=True)


def test_arrays_pickled_column_by_column_are_read(read_batch):
    images, labels = random_images(3)
    body = pickle.dumps({b"data": np.asfortranarray(planes_of(images)), b"labels": labels}, protocol=2)
    np.testing.assert_array_equal(read_batch(body).images, images)


@pytest.mark.parametrize(("suffix", "write"), [("", python2_batch), (".bin", binary_batch)])
@pytest.mark.parametrize("inner", ["", "cifar-10-batches-py", "cifar-10-batches-bin"])
def test_batches_come_in_order_from_folders_and_archives(tmp_path, read, suffix, write, inner):
    batches = {f"data_batch_{number}": random_images(number, seed=number) for number in (2, 1, 5)}
    files = {f"{name}{suffix}": write(*batch) for name, batch in batches.items()}
    files = {f"test_batch{suffix}": write(*random_images(1, seed=9)), **files, "readme.html": b"words"}
    expected = np.concatenate([random_images(n_images, seed)[0] for n_images, seed in ((1, 1), (2, 2), (5, 5), (1, 9))])
    (tmp_path / "set" / inner).mkdir(parents=True)
    for name, body in files.items():
        (tmp_path / "set" / inner / name).write_bytes(body)
    members = [(f"{inner}/{name}".lstrip("/"), body) for name, body in files.items()]
    archives = [tar_bytes(members, mode=mode) for mode in ("w", "w:gz")]
    archives.append(tar_bytes([(f"./{name}", body) for name, body in members], format=tarfile.GNU_FORMAT, mode="w:gz"))
    found = [datasets.load_cifar10(tmp_path / "set"), *(read(datasets.load_cifar10, archive) for archive in archives)]
    for images, labels, _ in found:
        np.testing.assert_array_equal(images, expected, strict=True)
        assert len(labels) == len(images)


def test_label_names_come_from_the_meta_file(read_batch, tmp_path):
    names = [f"label{index}" for index in range(10)]
    body = binary_batch(*random_images(1))
    read_batch(body, "test_batch.bin")
    assert read_batch("\n".join([*names, "", ""]).encode(), "batches.meta.txt").label_names == tuple(names)
    assert is_refused(read_batch, b"cat\ndog\n", "batches.meta.txt")
    assert is_refused(read_batch, b"a " * 100_000, "batches.meta.txt")
    (tmp_path / "batches" / "test_batch.bin").unlink()
    read_batch(python2_batch(*random_images(1)))
    for text in (str, str.encode):
        meta = pickle.dumps({text("label_names"): [text(name) for name in names], text("num_vis"): 3072}, protocol=2)
        assert read_batch(meta, "batches.meta").label_names == tuple(names)
    for meta in ({b"label_names": [b"cat"]}, {b"label_names": list(range(10))}, {}):
        assert is_refused(read_batch, pickle.dumps(meta, protocol=2), "batches.meta")


def test_a_folder_without_batches_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no CIFAR-10 batch"):
        datasets.load_cifar10(tmp_path)


@pytest.mark.parametrize("writer", ["binary", "python2", "python3"])
def test_every_truncated_batch_is_refused(read_batch, writer):
    name, write = WRITERS[writer]
    body = write(*random_images(1))
    for length in range(len(body)):
        if length < 400 or length > len(body) - 400 or length % 11 == 0:  # between them are pixels
            assert is_refused(read_batch, body[:length], name), length
    assert is_refused(read_batch, body + b"\0", name)


def test_every_changed_byte_of_a_binary_batch_is_read_as_it_stands_or_refused(read_batch):
    images, labels = random_images(1)
    whole = binary_batch(images, labels)
    for offset in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[offset] = (changed[offset] + 9) % 256
        if offset == 0 and changed[0] > 9:
            assert is_refused(read_batch, changed, "test_batch.bin")
        else:
            found = read_batch(changed, "test_batch.bin")
            assert binary_batch(found.images, found.labels.tolist()) == changed


@pytest.mark.parametrize("write", [python2_batch, python3_batch])
def test_every_changed_byte_of_a_pickle_changes_one_value_or_is_refused(read_batch, write):
    images, labels = random_images(1)
    images %= 128  # so that Python 3's text has one byte for each pixel
    whole = write(images, labels)
    pixels = whole.index(planes_of(images).tobytes())
    n_refused = 0
    for offset in range(len(whole)):
        in_pixels = pixels <= offset < pixels + 3072
        for bit in range(8) if not in_pixels else (3,) if offset % 11 == 0 else ():
            changed = bytearray(whole)
            changed[offset] ^= 1 << bit
            try:
                found = read_batch(changed)
            except datasets.DataFormatError:
                n_refused += 1
                assert not in_pixels
            else:
                n_different = (found.images != images).sum() + (found.labels != labels).sum()
                assert found.images.shape == (1, 32, 32, 3)
                assert found.labels.dtype == np.uint8
                assert found.labels[0] < 10
                assert n_different <= 1
                assert n_different == 1 or not in_pixels
    assert n_refused > 4 * (len(whole) - 3072)


@pytest.mark.parametrize("writer", ["python2", "python3 names"])
def test_random_damage_is_refused_or_gives_images(read_batch, writer):
    generator = random.Random(SEED)
    whole = WRITERS[writer][1](*random_images(2))
    frame = [offset for offset in range(len(whole)) if offset < 700 or offset > len(whole) - 200]
    for _ in range(1000):
        changed = bytearray(whole)
        for offset in generator.sample(frame, generator.randint(1, 4)):
            changed[offset] = generator.choice(whole[:200]) if generator.random() < 0.5 else generator.randrange(256)
        start = generator.choice(frame)
        if generator.random() < 0.3:
            del changed[start : start + generator.randint(1, 9)]
        elif generator.random() < 0.3:
            changed[start:start] = changed[max(start - 20, 0) : start]
        with contextlib.suppress(datasets.DataFormatError):
            assert read_batch(changed).images.shape == (2, 32, 32, 3)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {b"data": None},
        {b"labels": [1]},
        {b"data": [0] * 3072, b"labels": [1]},
        *({b"data": np.zeros((1, 3072), dtype), b"labels": [1]} for dtype in ("i1", "i4", "f8", "O", "S1", "?")),
        *({b"data": np.zeros(shape, "u1"), b"labels": [1]} for shape in ((3072,), (1, 3071), (1, 3072, 1), (2, 3072))),
        *(
            {b"data": np.zeros((1, 3072), "u1"), b"labels": labels}
            for labels in ([], [10], [-1], [True], [1.0], ["1"], (1,), None, [1, 2], np.zeros(1, int))
        ),
        {b"data": np.zeros((1, 3072), "u1"), b"labels": [1], (1, 2): 3},
        {b"data": np.zeros((1, 3072), "u1"), "data": 1},
        {"data": 1, b"data": np.zeros((1, 3072), "u1"), b"labels": [1]},
    ],
    ids=lambda content: None,
)
def test_pickles_of_something_else_are_refused(read_batch, content):
    assert is_refused(read_batch, pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("protocol", [0, 1, 3, 4, 5])
def test_other_pickle_protocols_are_refused(read_batch, protocol):
    images, labels = random_images(1)
    assert is_refused(read_batch, pickle.dumps({b"data": planes_of(images), b"labels": labels}, protocol=protocol))


class Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", range(6))
def test_no_code_runs(read_batch, tmp_path, protocol):
    marker = tmp_path / "marker"
    images, labels = random_images(1)
    calls = [
        Call(os.system, f"touch {marker}"),
        Call(eval, f"open({str(marker)!r}, 'w')"),
        Call(os.mkdir, str(marker)),
        Call(exec, f"open({str(marker)!r}, 'w')"),
        Call(np.save, str(marker), 1),
        Call(Path.touch, marker),
    ]
    for call in calls:
        for content in (
            call,
            {b"data": call, b"labels": labels},
            {b"data": planes_of(images), b"labels": call},
            {b"data": planes_of(images), b"labels": labels, b"filenames": [call]},
        ):
            assert is_refused(read_batch, pickle.dumps(content, protocol=protocol))
    assert not marker.exists()
    pickle.loads(pickle.dumps(calls[0], protocol=protocol))
    assert marker.exists(), "the calls of this test do something where they are let"


PREFIX = b"\x80\x02}("
ENCODE = b"c_codecs\nencode\n"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
BYTE = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
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


@pytest.mark.parametrize("bomb", BOMBS)
def test_pickle_bombs_are_refused_cheaply(read_batch, bomb):
    with frugal(8 * MIB), pytest.raises(datasets.DataFormatError) as caught:
        read_batch(BOMBS[bomb])
    assert caught.value.path.endswith("test_batch")
    assert 0 <= caught.value.offset <= len(BOMBS[bomb])


def test_a_pickle_may_have_64_mib(read_batch, tmp_path):
    read_batch(python2_batch(*random_images(1)))
    os.truncate(tmp_path / "batches" / "test_batch", (64 << 20) + 1)
    with frugal(MIB), pytest.raises(datasets.DataFormatError, match="67108864 are allowed"):
        datasets.load_cifar10(tmp_path / "batches")


# Archives


MEMBER = "cifar-10-batches-bin/test_batch.bin"


def test_every_truncated_archive_is_refused(read):
    whole = tar_bytes([(MEMBER, binary_batch(*random_images(1)))], mode="w:gz")
    for length in [*range(0, len(whole), 7), *range(len(whole) - 20, len(whole))]:
        assert is_refused(read, datasets.load_cifar10, whole[:length]), length
    whole = tar_bytes([(MEMBER, binary_batch(*random_images(1)))])
    end_of_archive = 512 + 3584 + 512
    for length in range(0, len(whole), 32):
        assert is_refused(read, datasets.load_cifar10, whole[:length]) == (length < end_of_archive), length


def test_every_changed_byte_of_a_tar_header_is_refused_or_harmless(read):
    images, labels = random_images(1)
    whole = tar_bytes([(MEMBER, binary_batch(images, labels))])
    n_refused = 0
    for offset, bit in np.ndindex(512, 4):
        changed = bytearray(whole)
        changed[offset] ^= 1 << (2 * bit + offset % 2)
        try:
            np.testing.assert_array_equal(read(datasets.load_cifar10, changed).images, images)
        except datasets.DataFormatError:
            n_refused += 1
    assert n_refused > 4 * 500


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_never_followed(read, kind):
    batch = binary_batch(*random_images(1))
    for members in ([(MEMBER, kind)], [(MEMBER, batch), (MEMBER.replace("test_batch", "data_batch_1"), kind)]):
        with pytest.raises(datasets.DataFormatError, match="is not a regular file") as caught:
            read(datasets.load_cifar10, tar_bytes(members, mode="w:gz"))
        assert caught.value.offset == (512 + 3584) * (len(members) - 1)
    assert len(read(datasets.load_cifar10, tar_bytes([("other", kind), (MEMBER, batch)])).images) == 1


@pytest.mark.parametrize("name", [MEMBER, f"./{MEMBER}", "test_batch.bin"])
def test_a_batch_that_is_there_twice_is_refused(read, name):
    batch = binary_batch(*random_images(1))
    with pytest.raises(datasets.DataFormatError, match="is there twice"):
        read(datasets.load_cifar10, tar_bytes([(MEMBER, batch), (name, batch)]))


@pytest.mark.parametrize(
    "name",
    [
        f"/{MEMBER}",
        f"../{MEMBER}",
        f"x/../{MEMBER}",
        f"x/{MEMBER}",
        "/test_batch.bin",
        "../test_batch.bin",
        "cifar-10-batches-bin/../test_batch.bin",
        "test_batch.bin/",
    ],
)
def test_members_of_other_places_are_passed_over_and_nothing_is_written(read, tmp_path, monkeypatch, name):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    batch = binary_batch(*random_images(2))
    with pytest.raises(datasets.DataFormatError, match="no CIFAR-10 batch"):
        read(datasets.load_cifar10, tar_bytes([(name, batch)]))
    assert len(read(datasets.load_cifar10, tar_bytes([(name, batch), (MEMBER, batch)], mode="w:gz")).images) == 2
    assert [path.name for path in tmp_path.rglob("*")] in (["here", "file"], ["file", "here"])


def test_extended_headers_are_skipped(read):
    members = [("long" * 60, b"some words"), (MEMBER, binary_batch(*random_images(2)))]
    for format, settings in ((tarfile.GNU_FORMAT, {}), (tarfile.PAX_FORMAT, {"pax_headers": {"comment": "a" * 5000}})):
        assert len(read(datasets.load_cifar10, tar_bytes(members, format, "w:gz", **settings)).images) == 2
    bomb = tar_bytes(
        [(MEMBER, binary_batch(*random_images(1)))],
        tarfile.PAX_FORMAT,
        "w:gz",
        compresslevel=1,
        pax_headers={"comment": "a" * (32 * MIB)},
    )
    with frugal(8 * MIB):
        assert len(read(datasets.load_cifar10, bomb).images) == 1


def test_archive_bombs_are_refused_cheaply(read):
    batch = binary_batch(*random_images(1))
    zeros = tar_bytes([("zeros", bytes(32 * MIB)), (MEMBER, batch)], mode="w:gz", compresslevel=1)
    with frugal(8 * MIB):
        assert len(read(datasets.load_cifar10, zeros).images) == 1
        assert is_refused(read, datasets.load_cifar10, zeros, max_bytes=16 * MIB)
    whole = tar_bytes([(MEMBER, batch)])
    lie = tarfile.TarInfo(MEMBER)
    lie.size = 0o77777777777
    members = tar_bytes([(f"file{index}", b"some words") for index in range(1001)] + [(MEMBER, batch)], mode="w:gz")
    bodies = (
        whole + b"\0" * 511 + b"x",
        gzip.compress(whole + bytes(32 * MIB) + b"x", 1),
        lie.tobuf() + batch,
        gzip.compress(lie.tobuf() + batch),
        members,
        b"",
        b"\0" * 512,
        gzip.compress(b""),
        b"words" * 500,
    )
    endless = gzip.compress(whole + bytes(32 * MIB), 1)
    with frugal(8 * MIB):
        assert all(is_refused(read, datasets.load_cifar10, body) for body in bodies)
        assert is_refused(read, datasets.load_cifar10, endless, max_bytes=16 * MIB)


def test_an_error_in_an_archive_names_the_member(read, tmp_path):
    batch = bytearray(binary_batch(*random_images(2)))
    batch[3073] = 77
    with pytest.raises(datasets.DataFormatError, match="label 77; 0 to 9") as caught:
        read(datasets.load_cifar10, tar_bytes([(MEMBER, bytes(batch))], mode="w:gz"), "set.tar.gz")
    assert (caught.value.path, caught.value.offset) == (f"{tmp_path / 'set.tar.gz'}:{MEMBER}", 3073)


# The samples and the data sets


def test_the_samples_come_with_the_package():
    digits, tiles = datasets.load_digits_sample(), datasets.load_colour_sample()
    assert digits._fields == tiles._fields == ("images", "labels")
    assert digits.images.shape == (500, 28, 28)
    assert digits.images.dtype == digits.labels.dtype == np.uint8
    assert digits.labels[:6].tolist() == [7, 2, 1, 0, 4, 1]
    assert len(digits.labels) == 500
    assert tiles.images.shape == (64, 32, 32, 3)
    assert tiles.images.dtype == tiles.labels.dtype == np.uint8
    assert tiles.labels.tolist() == [0] * 64
    photograph = tiles.images.reshape(8, 8, 32, 32, 3).swapaxes(1, 2).reshape(256, 256, 3).astype(int)
    for image in (photograph, photograph.swapaxes(0, 1)):
        steps = np.abs(np.diff(image, axis=0)).mean(axis=(1, 2))
        assert steps[31::32].mean() < 2 * steps.mean()


@needs_data
def test_the_mnist_test_set_is_read_whole():
    found = datasets.load_mnist(DATA)
    assert found.train_images is None
    assert found.train_labels is None
    assert found.test_images.shape == (10_000, 28, 28)
    assert np.bincount(found.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    sample = datasets.load_digits_sample()
    np.testing.assert_array_equal(sample.images, found.test_images[:500], strict=True)
    np.testing.assert_array_equal(sample.labels, found.test_labels[:500], strict=True)


@needs_data
def test_both_versions_of_cifar10_agree(tmp_path):
    expected = datasets.load_cifar10(DATA / "cifar-10-batches-bin")
    assert expected.images.shape == (512, 32, 32, 3)
    assert expected.label_names == NAMES
    sources = [DATA, DATA / "cifar-10-batches-py"]
    for version in ("cifar-10-batches-bin", "cifar-10-batches-py"):
        sources.append(tmp_path / f"{version}.tar.gz")
        with tarfile.open(sources[-1], "w:gz", compresslevel=1) as archive:
            archive.add(DATA / version, version)
    for source in sources:
        found = datasets.load_cifar10(source)
        np.testing.assert_array_equal(found.images, expected.images, strict=True)
        np.testing.assert_array_equal(found.labels, expected.labels, strict=True)
        assert found.label_names == NAMES

"""Damaged and hostile files: read as they stand or refused, cheaply; nothing run, nothing written."""

import contextlib
import gzip
import math
import os
import pickle
import random
import struct
import tarfile
import time
import tracemalloc
from functools import partial

import numpy as np
import pytest
from formats import (
    BOMBS,
    KINDS,
    MEMBER,
    MIB,
    OTHER_PLACES,
    SEED,
    WRITERS,
    archive_bombs,
    binary_batch,
    executing,
    idx_bytes,
    idx_of,
    is_refused,
    planes_of,
    python2_batch,
    python3_batch,
    random_images,
    tar_bytes,
    what_idx_says,
)

from xcorr import _unpickle, datasets


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


# CIFAR-10


@pytest.mark.parametrize(
    "writer", ["binary", "python2", "python3", "protocol 3 str", "protocol 4 str", "protocol 5 encode"]
)
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


@pytest.mark.parametrize(
    "write", [python2_batch, *(partial(python3_batch, protocol=protocol) for protocol in (2, 3, 4, 5))]
)
def test_every_changed_byte_of_a_pickle_changes_one_value_or_is_refused(read_batch, write):
    images, labels = random_images(1)
    images %= 128  # so that Python 3's text has one byte for each pixel
    whole = write(images, labels)
    pixels = whole.index(planes_of(images).tobytes())
    generator, n_refused = random.Random(SEED), 0
    for offset in range(len(whole)):
        in_pixels = pixels <= offset < pixels + 3072
        for bit in generator.sample(range(8), 2) if not in_pixels else (3,) if offset % 31 == 0 else ():
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
    assert n_refused > len(whole) - 3072


@pytest.mark.parametrize("writer", ["python2", "python3 names", "protocol 4 str", "protocol 5 str"])
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
    for protocol in (2, 3, 4, 5):
        assert is_refused(read_batch, pickle.dumps(content, protocol=protocol))


@pytest.mark.parametrize("protocol", [0, 1])
def test_the_oldest_pickle_protocols_are_refused(read_batch, protocol):
    images, labels = random_images(1)
    assert is_refused(read_batch, pickle.dumps({b"data": planes_of(images), b"labels": labels}, protocol=protocol))


@pytest.mark.parametrize("number", [0, 1, 6, 255])
def test_pickle_protocols_to_come_are_refused(read_batch, number):
    body = bytearray(python3_batch(*random_images(1), protocol=4))
    assert body[:2] == b"\x80\x04"
    body[1] = number
    assert is_refused(read_batch, body)


@pytest.mark.parametrize("protocol", [4, 5])
def test_frames_hold_whole_operations_and_no_frames(read_batch, protocol):
    body = python3_batch(*random_images(1), protocol=protocol)
    begin, rest = body[:3], body[11:]
    assert begin[2:] == b"\x95"
    assert struct.unpack("<Q", body[3:11]) == (len(rest),)

    def framed(length, rest):
        return begin + struct.pack("<Q", length) + rest

    assert len(read_batch(framed(0, rest)).images) == 1
    assert len(read_batch(framed(1, rest)).images) == 1
    assert is_refused(read_batch, framed(1000, rest))  # in the middle of the pixels
    assert is_refused(read_batch, framed(len(rest) + 1, rest))
    inner = rest[:1] + b"\x95" + struct.pack("<Q", len(rest) - 1) + rest[1:]
    assert len(read_batch(framed(1, inner)).images) == 1
    assert is_refused(read_batch, framed(len(inner), inner))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("text", [str, str.encode])
def test_a_pickle_takes_two_times_its_size_beside_itself(protocol, text):
    body = python3_batch(*random_images(2000), text=text, protocol=protocol)
    with frugal(2 * len(body) + MIB):
        assert len(_unpickle.unpickle("batch", body)["labels"]) == 2000


@pytest.mark.parametrize("protocol", range(6))
def test_no_code_runs(read_batch, tmp_path, protocol):
    marker = tmp_path / "marker"
    images, labels = random_images(1)
    for content in executing(marker, labels, images):
        assert is_refused(read_batch, pickle.dumps(content, protocol=protocol))
    assert not marker.exists()
    pickle.loads(pickle.dumps(next(executing(marker, labels, images)), protocol=protocol))
    assert marker.exists(), "the calls of this test do something where they are let"


@pytest.mark.parametrize("bomb", BOMBS)
def test_pickle_bombs_are_refused_cheaply(read_batch, bomb):
    with frugal(8 * MIB), pytest.raises(datasets.DataFormatError) as caught:
        read_batch(BOMBS[bomb])
    assert caught.value.path.endswith("test_batch")
    assert 0 <= caught.value.offset <= len(BOMBS[bomb])


@pytest.mark.parametrize("bomb", BOMBS)
def test_messages_about_pickle_bombs_are_short(read_batch, bomb):
    with pytest.raises(datasets.DataFormatError) as caught:
        read_batch(BOMBS[bomb])
    assert len(caught.value.problem) < 300


def test_a_pickle_may_have_64_mib(read_batch, tmp_path):
    read_batch(python2_batch(*random_images(1)))
    os.truncate(tmp_path / "batches" / "test_batch", (64 << 20) + 1)
    with frugal(MIB), pytest.raises(datasets.DataFormatError, match="67108864 are allowed"):
        datasets.load_cifar10(tmp_path / "batches")


# Archives


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


@pytest.mark.parametrize("kind", KINDS)
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


@pytest.mark.parametrize("name", OTHER_PLACES)
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
    bombs = archive_bombs(batch)
    whole = tar_bytes([(MEMBER, batch)])
    endless = gzip.compress(whole + bytes(32 * MIB), 1)
    with frugal(8 * MIB):
        for name, body in bombs.items():
            assert is_refused(read, datasets.load_cifar10, body), name
        assert is_refused(read, datasets.load_cifar10, endless, max_bytes=16 * MIB)


def test_an_error_in_an_archive_names_the_member(read, tmp_path):
    batch = bytearray(binary_batch(*random_images(2)))
    batch[3073] = 77
    with pytest.raises(datasets.DataFormatError, match="label 77; 0 to 9") as caught:
        read(datasets.load_cifar10, tar_bytes([(MEMBER, bytes(batch))], mode="w:gz"), "set.tar.gz")
    assert (caught.value.path, caught.value.offset) == (f"{tmp_path / 'set.tar.gz'}:{MEMBER}", 3073)

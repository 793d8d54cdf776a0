"""The readers: right answers from whole files, `DataFormatError` from all others, nothing run, nothing written."""

import gzip
import math
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from formats import (
    IDX_DTYPES,
    NAMES,
    WRITERS,
    binary_batch,
    idx_bytes,
    idx_of,
    is_refused,
    planes_of,
    python2_batch,
    random_images,
    tar_bytes,
)

from xcorr import datasets

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not here")


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

"""The readers: right answers from whole files, `DataFormatError` from all others, nothing run, nothing written."""

import gzip
import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from formats import IDX_DTYPES, binary_batch, idx_bytes, idx_of, is_refused, random_images

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
    both = read_batch(batch, "data_batch_1.bin", max_bytes=2 * 3073)
    assert len(both.train_images) == len(both.test_images) == 1
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


@pytest.mark.parametrize("separator", "-.")
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("has_files_beside", [False, True])
def test_mnist_files_in_folders_of_their_names_are_read(tmp_path, separator, ending, has_files_beside):
    arrays = [np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.array([7, 1], np.uint8)]
    for prefix, change in (("train", 0), ("t10k", 1)):
        for kind, array in zip(("images", "labels"), arrays, strict=True):
            name = f"{prefix}-{kind}-idx{array.ndim}-ubyte"
            body = idx_of(array + change)
            (tmp_path / name).mkdir()
            inner = name.replace("-idx", f"{separator}idx") + ending
            (tmp_path / name / inner).write_bytes(gzip.compress(body) if ending else body)
            if has_files_beside:
                (tmp_path / name.replace("-idx", ".idx")).write_bytes(body)
    found = datasets.load_mnist(tmp_path)
    for array, expected in zip(found, [*arrays, *(array + 1 for array in arrays)], strict=True):
        np.testing.assert_array_equal(array, expected, strict=True)


def test_an_empty_folder_of_a_files_name_is_no_file(mnist):
    folder, images, labels = mnist
    (folder / "t10k-images-idx3-ubyte").mkdir()
    (folder / "train-labels-idx1-ubyte").mkdir()
    (folder / "train-labels-idx1-ubyte" / "train-labels-idx1-ubyte").mkdir()
    found = datasets.load_mnist(folder)
    np.testing.assert_array_equal(found.test_images, images + 1)
    np.testing.assert_array_equal(found.train_labels, labels)


def put_emnist(folder, split, change, *, ending=".gz", parts=("train", "test")):
    """A split of EMNIST, whose images lie on their side; returns what is in it."""
    images, labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) + change, np.array([26, 1], np.uint8) + change
    for part in parts:
        for kind, array in (("images", images), ("labels", labels)):
            body = idx_of(array + (part == "test"))
            path = folder / f"emnist-{split}-{part}-{kind}-idx{array.ndim}-ubyte{ending}"
            path.write_bytes(gzip.compress(body) if ending else body)
    return images, labels, images + 1, labels + 1


def assert_arrays(found, expected):
    for array, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, wanted, strict=True)


@pytest.mark.parametrize("split", ["balanced", "byclass", "bymerge", "digits", "letters", "mnist"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_one_split_of_emnist_is_read_under_its_own_names(tmp_path, split, ending):
    expected = put_emnist(tmp_path, split, 3, ending=ending)
    assert_arrays(datasets.load_mnist(tmp_path), expected)
    assert_arrays(datasets.load_mnist(tmp_path, split=split), expected)


def test_of_several_splits_of_emnist_one_has_to_be_chosen(tmp_path):
    letters, digits = put_emnist(tmp_path, "letters", 0), put_emnist(tmp_path, "digits", 5)
    with pytest.raises(ValueError, match=r"^split: got None, and there are several .*one of 'digits', 'letters'$"):
        datasets.load_mnist(tmp_path)
    assert_arrays(datasets.load_mnist(tmp_path, split="letters"), letters)
    assert_arrays(datasets.load_mnist(tmp_path, split="digits"), digits)
    with pytest.raises(
        FileNotFoundError, match="no file of EMNIST's split byclass, such as emnist-byclass-test-images"
    ):
        datasets.load_mnist(tmp_path, split="byclass")


def test_half_a_split_of_emnist_is_one(tmp_path):
    train = put_emnist(tmp_path, "letters", 0, parts=["train"])[:2]
    found = datasets.load_mnist(tmp_path)
    assert_arrays(found[:2], train)
    assert found[2:] == (None, None)


def test_files_of_mnists_own_names_come_before_emnists(mnist):
    folder, images, _ = mnist
    letters = put_emnist(folder, "letters", 9)
    put_emnist(folder, "digits", 7)
    np.testing.assert_array_equal(datasets.load_mnist(folder).train_images, images)
    assert_arrays(datasets.load_mnist(folder, split="letters"), letters)


def test_split_is_one_of_emnists(tmp_path):
    for value, error in ((3, TypeError), (["letters"], TypeError), ("Letters", ValueError), ("", ValueError)):
        with pytest.raises(error, match="^split: got .*; allowed are None, 'balanced', 'byclass', 'bymerge', 'digits'"):
            datasets.load_mnist(tmp_path, split=value)


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


# The samples and the data set


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

"""CIFAR-10 as it lies on disks: which images are whose, in what files, and what is refused by name."""

import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from formats import (
    NAMES,
    TRAINING,
    WRITERS,
    binary_batch,
    is_refused,
    lacks_a_batch,
    planes_of,
    python2_batch,
    python3_batch,
    random_images,
    tar_bytes,
    with_other_numpys_names,
)

from xcorr import datasets

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("n_images", [1, 2, 300])
def test_every_version_of_a_batch_is_read(read_batch, writer, n_images):
    name, write = WRITERS[writer]
    images, labels = random_images(n_images)
    found = read_batch(write(images, labels), name)
    assert found._fields == ("train_images", "train_labels", "test_images", "test_labels", "label_names")
    assert found.label_names == NAMES
    assert found.train_images is found.train_labels is None
    assert found.test_images.flags.c_contiguous
    assert found.test_images.flags.writeable
    assert found.images is found.test_images
    assert found.labels is found.test_labels
    np.testing.assert_array_equal(found.images, images, strict=True)
    np.testing.assert_array_equal(found.labels, np.array(labels, np.uint8), strict=True)


def every_second(planes):
    return np.repeat(planes, 2, axis=0)[::2]


def read_only(planes):
    return np.frombuffer(planes.tobytes(), np.uint8).reshape(planes.shape)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("arranged", [np.asfortranarray, every_second, read_only])
@pytest.mark.parametrize("n_images", [1, 3, 40])
def test_arrays_pickled_in_any_order_are_read(read_batch, protocol, arranged, n_images):
    images, labels = random_images(n_images)
    body = pickle.dumps({b"data": arranged(planes_of(images)), b"labels": labels}, protocol=protocol)
    np.testing.assert_array_equal(read_batch(body).images, images)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_numpy_1_and_2_are_read(read_batch, protocol):
    images, labels = random_images(3)
    body = python3_batch(images, labels, protocol=protocol)
    other = with_other_numpys_names(body)
    assert other != body
    for pickled in (body, other):
        np.testing.assert_array_equal(read_batch(pickled).images, images)


VERSIONS = [("", python2_batch), (".bin", binary_batch)]
SETS = [
    ["test_batch"],
    ["data_batch_1"],
    ["data_batch_4", "test_batch"],
    ["test_batch", "data_batch_2", "data_batch_1"],
    ["data_batch_3", "data_batch_1", "data_batch_2"],
    ["data_batch_5", "data_batch_4", "test_batch", "data_batch_3", "data_batch_1", "data_batch_2"],
]


def batches_of(names):
    """Batches of different numbers of images."""
    return {name: random_images(index + 1, seed=index) for index, name in enumerate(names)}


def assert_part(images, labels, batches, names):
    """Those of these batches that there are, one after the other, or None for none."""
    expected = [batches[name] for name in names if name in batches]
    if not expected:
        assert images is labels is None
        return
    np.testing.assert_array_equal(images, np.concatenate([part for part, _ in expected]), strict=True)
    np.testing.assert_array_equal(labels, np.concatenate([part for _, part in expected]).astype(np.uint8), strict=True)


@pytest.mark.parametrize(("suffix", "write"), VERSIONS)
@pytest.mark.parametrize("inner", ["", "cifar-10-batches-py", "cifar-10-batches-bin"])
@pytest.mark.parametrize("names", SETS, ids=" ".join)
def test_train_and_test_stay_apart_in_order_from_folders_and_archives(tmp_path, read, suffix, write, inner, names):
    batches = batches_of(names)
    files = {"readme.html": b"words", **{f"{name}{suffix}": write(*batch) for name, batch in batches.items()}}
    (tmp_path / "set" / inner).mkdir(parents=True)
    for name, body in files.items():
        (tmp_path / "set" / inner / name).write_bytes(body)
    members = [(f"{inner}/{name}".lstrip("/"), body) for name, body in files.items()]
    archives = [tar_bytes(members, mode=mode) for mode in ("w", "w:gz")]
    archives.append(tar_bytes([(f"./{name}", body) for name, body in members], format=tarfile.GNU_FORMAT, mode="w:gz"))
    sets = [datasets.load_cifar10(tmp_path / "set"), *(read(datasets.load_cifar10, archive) for archive in archives)]
    for found in sets:
        assert_part(found.train_images, found.train_labels, batches, TRAINING)
        assert_part(found.test_images, found.test_labels, batches, ["test_batch"])
        assert_part(found.images, found.labels, batches, [*TRAINING, "test_batch"])


@pytest.mark.parametrize(("suffix", "write"), VERSIONS)
@pytest.mark.parametrize(
    ("present", "missing"), [("15", "234"), ("1345", "2"), ("2345", "1"), ("1234", "5"), ("25", "134"), ("124", "3")]
)
@pytest.mark.parametrize("has_test", [False, True])
def test_a_missing_batch_is_told_by_name(tmp_path, read, suffix, write, present, missing, has_test):
    names = [f"data_batch_{number}{suffix}" for number in present] + [f"test_batch{suffix}"] * has_test
    files = {name: write(*random_images(1)) for name in names}
    (tmp_path / "set").mkdir()
    for name, body in files.items():
        (tmp_path / "set" / name).write_bytes(body)
    lost = ", ".join(f"data_batch_{number}{suffix}" for number in missing)
    with pytest.raises(FileNotFoundError, match=f"CIFAR-10 without {lost}, and yet with data_batch_") as caught:
        datasets.load_cifar10(tmp_path / "set")
    assert str(tmp_path / "set") in str(caught.value)
    with pytest.raises(datasets.DataFormatError, match=f"CIFAR-10 without {lost}, and yet with data_batch_"):
        read(datasets.load_cifar10, tar_bytes(list(files.items())))
    assert lacks_a_batch({name.removesuffix(".bin") for name in names})


@pytest.mark.parametrize("writer", ["binary", "python2", "protocol 5 str"])
@pytest.mark.parametrize("batch", ["data_batch_3", "test_batch"])
def test_a_single_batch_is_read_under_its_own_name(tmp_path, writer, batch, monkeypatch):
    name, write = WRITERS[writer]
    name = name.replace("test_batch", batch)
    images, labels = random_images(4)
    (tmp_path / name).write_bytes(write(images, labels))
    (tmp_path / f"data_batch_5{name.removeprefix(batch)}").write_bytes(b"not looked at")
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, name, f"./{name}"):
        found = datasets.load_cifar10(path)
        assert found.label_names == NAMES
        assert_part(found.train_images, found.train_labels, {batch: (images, labels)}, TRAINING)
        assert_part(found.test_images, found.test_labels, {batch: (images, labels)}, ["test_batch"])
    assert is_refused(datasets.load_cifar10, name, max_bytes=3072)


def test_a_single_batch_has_the_label_names_beside_it(tmp_path):
    (tmp_path / "data_batch_1.bin").write_bytes(binary_batch(*random_images(1)))
    (tmp_path / "batches.meta.txt").write_text("\n".join(f"label{index}" for index in range(10)))
    found = datasets.load_cifar10(tmp_path / "data_batch_1.bin")
    assert found.label_names == tuple(f"label{index}" for index in range(10))
    (tmp_path / "batches.meta.txt").write_text("cat")
    assert is_refused(datasets.load_cifar10, tmp_path / "data_batch_1.bin")


def test_a_batch_of_another_name_is_refused_with_the_names_there_are(tmp_path):
    (tmp_path / "batch.bin").write_bytes(binary_batch(*random_images(1)))
    with pytest.raises(datasets.DataFormatError, match="not a tar header; a batch by itself is called data_batch_1, "):
        datasets.load_cifar10(tmp_path / "batch.bin")
    with pytest.raises(FileNotFoundError, match="data_batch_7"):
        datasets.load_cifar10(tmp_path / "data_batch_7")
    with pytest.raises(FileNotFoundError, match="data_batch_2"):
        datasets.load_cifar10(tmp_path / "data_batch_2")


@pytest.mark.parametrize(("suffix", "write"), VERSIONS)
def test_batches_in_folders_of_their_names_are_read(tmp_path, suffix, write):
    batches = batches_of(["data_batch_1", "data_batch_2", "test_batch"])
    for name, batch in batches.items():
        (tmp_path / f"{name}{suffix}").mkdir()
        (tmp_path / f"{name}{suffix}" / f"{name}{suffix}").write_bytes(write(*batch))
    (tmp_path / f"data_batch_3{suffix}").mkdir()
    found = datasets.load_cifar10(tmp_path)
    assert_part(found.train_images, found.train_labels, batches, TRAINING)
    assert_part(found.test_images, found.test_labels, batches, ["test_batch"])
    alone = datasets.load_cifar10(tmp_path / f"data_batch_2{suffix}")
    assert_part(alone.images, alone.labels, batches, ["data_batch_2"])


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
        for protocol in (2, 3, 4, 5):
            content = {text("label_names"): [text(name) for name in names], text("num_vis"): 3072}
            meta = pickle.dumps(content, protocol=protocol)
            assert read_batch(meta, "batches.meta").label_names == tuple(names)
    for meta in ({b"label_names": [b"cat"]}, {b"label_names": list(range(10))}, {}):
        assert is_refused(read_batch, pickle.dumps(meta, protocol=2), "batches.meta")


def test_a_folder_without_batches_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no CIFAR-10 batch"):
        datasets.load_cifar10(tmp_path)


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not here")
def test_both_versions_of_cifar10_agree(tmp_path):
    expected = datasets.load_cifar10(DATA / "cifar-10-batches-bin")
    assert expected.train_images is None
    assert expected.test_images.shape == (512, 32, 32, 3)
    assert expected.label_names == NAMES
    sources = [DATA, DATA / "cifar-10-batches-py"]
    for version in ("cifar-10-batches-bin", "cifar-10-batches-py"):
        sources.append(tmp_path / f"{version}.tar.gz")
        with tarfile.open(sources[-1], "w:gz", compresslevel=1) as archive:
            archive.add(DATA / version, version)
    for source in sources:
        found = datasets.load_cifar10(source)
        np.testing.assert_array_equal(found.test_images, expected.test_images, strict=True)
        np.testing.assert_array_equal(found.test_labels, expected.test_labels, strict=True)
        assert found.label_names == NAMES

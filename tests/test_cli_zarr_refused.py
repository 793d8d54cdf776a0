"""What `xcorr apply` refuses of zarr, in one line and before anything is written."""

import os
from pathlib import Path

import numpy as np
import pytest
from applying import apply, tree
from checks import SEED
from zarr_arrays import plain

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 28])


def test_a_chunk_larger_than_the_bytes_is_refused():
    zarr.create_array("big.zarr", shape=(1 << 20, 1 << 20), chunks=(1 << 18, 1 << 18), dtype="u1")
    told = apply("big.zarr", "--most-bytes", "64M", out="out.zarr", status=1).stderr
    assert "chunks of (262144, 262144) numbers, 68,719,476,736 bytes; allowed are --most-bytes, 64,000,000" in told


def test_an_image_of_endless_blocks_is_refused():
    zarr.create_array("big.zarr", shape=(1 << 28, 1 << 28), chunks=(64, 64), dtype="u1")
    assert "allowed with --most-bytes" in apply("big.zarr", "--most-bytes", "64M", out="out.zarr", status=1).stderr


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"{}", b" " * (1 << 21), b'{"zarr_format": 3}', b"\xff\xfe"])
def test_a_damaged_header_is_one_line(body):
    Path("big.zarr").mkdir()
    Path("big.zarr/zarr.json").write_bytes(body)
    assert apply("big.zarr", out="out.zarr", status=1).stderr.count("\n") == 1


def test_what_is_no_chunk_of_the_folder_is_not_read(rng):
    plain(rng.random((40, 50)))
    Path("big.zarr/c/0/0").unlink()
    Path("secret").write_bytes(bytes(3200))
    Path("big.zarr/c/0/0").symlink_to(Path("secret").absolute())
    assert "c/0/0 is a link; allowed is a file" in apply("big.zarr", out="out.zarr", status=1).stderr
    Path("big.zarr/c/0/0").unlink()
    os.mkfifo("big.zarr/c/0/0")
    assert "c/0/0 is a pipe" in apply("big.zarr", out="out.zarr", status=1).stderr


@pytest.mark.parametrize("dtype", ["S5", "datetime64[s]", "bool", "complex64"])
def test_numbers_of_other_kinds_are_taken_or_told(dtype):
    plain(np.zeros((40, 50), dtype), 2)
    apply("big.zarr", out="out.zarr", status=0 if dtype in ("bool", "complex64") else 1)


def test_responses_do_not_go_into_the_images(rng):
    plain(rng.random((40, 50)))
    before = tree("big.zarr")
    for out in ("big.zarr", "big.zarr/out.zarr"):
        told = apply("big.zarr", "--format", "zarr", out=out, status=2).stderr
        assert "lies in the folder of the results" in told or "allowed is what does not lie in IMAGES" in told
    assert tree("big.zarr") == before


def test_a_kernel_larger_than_the_image_is_told():
    plain(np.zeros((2, 50)))
    assert "kernels: spatial size" in apply("big.zarr", out="out.zarr", status=1).stderr

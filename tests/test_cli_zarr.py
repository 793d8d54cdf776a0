"""`xcorr apply` from zarr to zarr: the bits of `correlate`, chunks written once, axes and scales, and going on."""

import json
import os
import shutil
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from applying import BANK, apply, run_command, tree
from checks import SEED

import xcorr
from xcorr._cli import zarr_chunks, zarr_files, zarr_run
from xcorr._cli.images import ImageError, open_images
from xcorr._cli.ome import multiscale_of
from xcorr._cli.respond import brightness

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")
pytestmark = pytest.mark.usefixtures("here")

FORMATS = (2, 3)
KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 28])


@pytest.fixture
def written(monkeypatch):
    """How often each file of an array of responses was written."""
    counts = {}
    genuine = zarr_files.Files.__setitem__

    def write(self, path, value):
        counts[path] = counts.get(path, 0) + 1
        genuine(self, path, value)

    monkeypatch.setattr(zarr_files.Files, "__setitem__", write)
    return counts


def plain(array, zarr_format=3, path="big.zarr", chunks=None, **words):
    """An array in a folder."""
    chunks = tuple(min(length, 20) for length in array.shape) if chunks is None else chunks
    found = zarr.create_array(
        path, shape=array.shape, dtype=array.dtype, chunks=chunks, zarr_format=zarr_format, **words
    )
    found[...] = array
    return found


def ome(array, axes, zarr_format, path="big.zarr", scale=None, extra=(), **told):
    """An image of OME-Zarr in a folder, with a lower resolution."""
    scale = [1.0] * len(axes) if scale is None else scale
    group = zarr.create_group(path, zarr_format=zarr_format)
    key = {"name": "v2" if zarr_format == 2 else "default", "separator": "/"}
    for name, own in (("full", array), ("half", array[..., ::2, ::2])):
        words = {"shape": own.shape, "dtype": own.dtype, "chunks": (1,) * (own.ndim - 2) + (16, 24)}
        group.create_array(name, **words, chunk_key_encoding=key)[...] = own
    steps = [{"type": "scale", "scale": scale}, *extra]
    image = {
        "name": "cells",
        "axes": [
            {"name": axis, "type": KINDS[axis], **({"unit": "micrometer"} if axis in "zyx" else {})} for axis in axes
        ],
        "datasets": [
            {"path": "full", "coordinateTransformations": steps},
            {"path": "half", "coordinateTransformations": [{"type": "scale", "scale": [2 * own for own in scale]}]},
        ],
        **told,
    }
    version = {2: "0.4", 3: "0.5"}[zarr_format]
    if zarr_format == 2:
        group.attrs.update({"multiscales": [{"version": version, **image}], "omero": {"channels": [{"label": "DAPI"}]}})
    else:
        group.attrs.update({"ome": {"version": version, "multiscales": [image], "omero": {"channels": []}}})
    return group


def responses(out="out.zarr"):
    return zarr.open(out, mode="r")


def image_of(out="out.zarr"):
    """What OME-Zarr tells of responses, and their numbers."""
    group = responses(out)
    told = multiscale_of(group.attrs.asdict(), group.metadata.zarr_format)
    assert set(group) == {told.path}
    return told, group[told.path][...]


# --- arrays -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("dtype", ["float32", "uint8", ">u2", "float64"])
@pytest.mark.parametrize("shape", [(50, 61), (3, 50, 61), (2, 3, 50, 61)])
def test_responses_are_those_of_correlate(rng, written, zarr_format, dtype, shape):
    image = rng.integers(0, 200, shape).astype(dtype)
    plain(image, zarr_format)
    result = apply("big.zarr", "--most-bytes", "80k", out="out.zarr")
    found = responses()
    assert found.metadata.zarr_format == zarr_format
    flat = image.reshape(-1, *shape[-2:])
    expected = xcorr.correlate(flat, BANK, layout="NHW").reshape(*shape[:-2], 48, 58, 6)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found[...], expected)
    assert found.chunks[:-3] == (1,) * (len(shape) - 2)
    assert set(written.values()) == {1}
    assert "1 of 1 files done in" in result.output
    assert "the responses are in out.zarr" in result.output


@pytest.mark.parametrize(
    ("most", "method"), [("60k", "direct"), ("300k", "direct"), ("400k", "fft"), ("2M", "fft"), ("1G", "direct")]
)
@pytest.mark.parametrize("chunks", [(1, 100, 130), (1, 37, 200), (2, 20, 20), (3, 230, 7)])
def test_no_chunk_is_written_twice_or_in_part(rng, written, most, method, chunks):
    image = rng.random((3, 100, 200), np.float32)
    plain(image, chunks=chunks)
    kernels = BANK if method == "direct" else rng.random((2, 9, 9), np.float32)
    np.save("kernels.npy", kernels)
    apply("big.zarr", "--most-bytes", most, "--method", method, bank="kernels.npy", out="out.zarr")
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(image, kernels, layout="NHW", method=method))
    assert set(written.values()) == {1}
    found = responses()
    if most == "1G":
        lengths = zip(found.chunks[1:3], chunks[1:], found.shape[1:3], strict=True)
        assert all(own == min(length, size) for own, length, size in lengths)


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize(
    ("layout", "shape"), [("NHWC", (3, 30, 40, 3)), ("NCHW", (3, 3, 30, 40)), ("NHWC", (30, 40, 3))]
)
@pytest.mark.parametrize("channels", ["each", "sum", "grey", None])
def test_channels_are_where_layout_says(rng, written, zarr_format, layout, shape, channels):
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    plain(image, zarr_format)
    last = np.moveaxis(image, 1, -1) if layout == "NCHW" else image
    if channels is None:  # a bank that has them
        kernels = rng.random((2, 3, 3, 3), np.float32)
        np.save("kernels.npy", kernels if layout == "NHWC" else np.moveaxis(kernels, -1, 1))
        apply("big.zarr", "--layout", layout, "--most-bytes", "30k", bank="kernels.npy", out="out.zarr")
        expected = xcorr.correlate(last, kernels, layout="NHWC")
    else:
        apply("big.zarr", "--layout", layout, "--channels", channels, "--most-bytes", "30k", out="out.zarr")
        if channels == "each":
            planes = np.moveaxis(last, -1, 0)
            expected = np.stack([xcorr.correlate(plane, BANK, layout="NHW") for plane in planes], axis=-2)
            expected = np.moveaxis(expected, -2, 1) if layout == "NCHW" else expected
        elif channels == "sum":
            expected = xcorr.correlate(last, np.repeat(BANK[..., np.newaxis], 3, -1), layout="NHWC")
        else:
            grey = brightness(last if last.ndim == 4 else last[np.newaxis])
            expected = xcorr.correlate(grey if last.ndim == 4 else grey[0], BANK, layout="NHW")
    np.testing.assert_array_equal(responses()[...], expected)
    assert set(written.values()) == {1}


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (("time", "y", "x"), "NHW"),
        (("y", "x", "channel"), "NHWC"),
        (("Row", "Column", "c"), "NHWC"),
        (("c", "y", "x"), "NHW"),
        (("a", "b", "d"), "NHW"),
    ],
)
def test_axes_are_known_by_their_names(rng, zarr_format, names, layout):
    image = rng.random((30, 40, 3)) if layout == "NHWC" else rng.random((3, 30, 40))
    words = (
        {"dimension_names": names} if zarr_format == 3 else {"attributes": {"_ARRAY_DIMENSIONS": names, "units": "m"}}
    )
    plain(image, zarr_format, **words)
    apply("big.zarr", out="out.zarr")
    found = responses()
    planes = np.moveaxis(image, -1, 0) if layout == "NHWC" else image
    expected = xcorr.correlate(planes, BANK, layout="NHW")
    np.testing.assert_array_equal(found[...], np.moveaxis(expected, 0, 2) if layout == "NHWC" else expected)
    if zarr_format == 3:
        assert found.metadata.dimension_names == (*names, "kernel")
    else:
        assert found.attrs.asdict() == {"_ARRAY_DIMENSIONS": [*names, "kernel"]}


@pytest.mark.parametrize("kernels", ["one", "integers"])
def test_other_banks_and_types(rng, kernels):
    image = rng.integers(0, 256, (2, 40, 50), dtype=np.uint8)
    plain(image)
    bank = BANK[0] if kernels == "one" else np.ones((2, 3, 3), np.int8)
    np.save("kernels.npy", bank)
    apply("big.zarr", "--padding", "same", "--stride", "2,3", bank="kernels.npy", out="out.zarr")
    expected = xcorr.correlate(image, bank, layout="NHW", padding="same", stride=(2, 3))
    np.testing.assert_array_equal(responses()[...], expected)
    assert responses().dtype == expected.dtype


def test_scaled_integers_become_integers_again(rng):
    image = rng.integers(0, 256, (2, 40, 50), dtype=np.uint8)
    plain(image)
    np.save("same.npy", image)
    for words in (["big.zarr"], ["same.npy", "--layout", "NHW"]):
        out = f"{words[0]}.out" + (".zarr" if words[0] == "big.zarr" else "")
        apply(*words, "--scale", "unit", "--dtype", "uint8", "--most-bytes", "30k", out=out)
    np.testing.assert_array_equal(responses("big.zarr.out.zarr")[...], np.load("same.npy.out/same.npy.npy"))
    told = apply("big.zarr", "--scale", "middle", "--dtype", "uint8", out="no.zarr", status=1).stderr
    assert "--scale: got 'middle'; allowed for zarr is 'unit'" in told


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("codecs", [[], ["zstd"], ["gzip"]])
def test_shards_are_read(rng, written, location, codecs):
    image = rng.random((2, 64, 64), np.float32)
    own = {"zstd": zarr.codecs.ZstdCodec(), "gzip": zarr.codecs.GzipCodec()}
    sharding = zarr.codecs.ShardingCodec(
        chunk_shape=(1, 16, 16),
        codecs=[zarr.codecs.BytesCodec(), *(own[name] for name in codecs)],
        index_location=location,
    )
    found = zarr.create_array(
        "big.zarr", shape=image.shape, dtype=image.dtype, chunks=(2, 32, 32), serializer=sharding, compressors=None
    )
    found[...] = image
    for most in ("20k", "2M"):
        apply("big.zarr", "--most-bytes", most, out=f"{most}.zarr")
        np.testing.assert_array_equal(responses(f"{most}.zarr")[...], xcorr.correlate(image, BANK, layout="NHW"))


@pytest.mark.parametrize(
    ("zarr_format", "codec"),
    [
        *((2, numcodecs.Blosc(cname)) for cname in ("lz4", "zstd", "zlib")),
        *((2, kind()) for kind in (numcodecs.Zstd, numcodecs.GZip, numcodecs.Zlib, numcodecs.LZ4)),
        (2, None),
        *((3, kind()) for kind in (zarr.codecs.BloscCodec, zarr.codecs.ZstdCodec, zarr.codecs.GzipCodec)),
        (3, None),
    ],
    ids=lambda value: str(value) if value is None or isinstance(value, int) else type(value).__name__,
)
def test_compressions_are_read_and_bombs_of_them_are_refused(rng, zarr_format, codec):
    image = rng.integers(0, 9, (60, 70), dtype=np.uint8)
    plain(image, zarr_format, chunks=(64, 64), compressors=codec)
    apply("big.zarr", out="out.zarr")
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(image, BANK, layout="NHW"))
    plain(
        np.zeros((1 << 12, 1 << 12), np.uint8) + 7,
        zarr_format,
        "bomb.zarr",
        chunks=(1 << 12, 1 << 12),
        compressors=codec,
    )
    chunk = next(path for path in Path("bomb.zarr").rglob("*") if path.is_file() and path.name[0] in "0")
    victim = next(path for path in Path("big.zarr").rglob("*") if path.is_file() and path.name[0] in "0")
    shutil.copy(chunk, victim)
    told = apply("big.zarr", out="again.zarr", status=1).stderr
    assert "bytes" in told
    assert told.count("\n") == 1
    assert not Path("again.zarr").exists()


def test_a_bomb_in_a_shard_is_refused(rng):
    image = rng.random((64, 64), np.float32)
    zarr.create_array("big.zarr", shape=(64, 64), dtype="f4", chunks=(16, 16), shards=(32, 32))[...] = image
    path = Path("big.zarr/c/0/0")
    index = np.frombuffer(path.read_bytes()[-68:-4], "<u8").reshape(4, 2).copy()
    bomb = numcodecs.Zstd().encode(bytes(1 << 26))
    index[:] = 0, len(bomb)
    told = index.tobytes()
    path.write_bytes(bomb + told + struct.pack("<I", numcodecs.CRC32C().encode(told)[0] if False else crc32c(told)))
    for most in ("20k", "2M"):
        assert (
            "a chunk of more than 1,024 bytes" in apply("big.zarr", "--most-bytes", most, out="o.zarr", status=1).stderr
        )


def crc32c(body):
    return int.from_bytes(bytes(numcodecs.CRC32C(location="start").encode(body))[:4], "little")


@pytest.mark.parametrize("told", [True, False])
def test_frames_of_zstandard_are_counted(told):
    body = numcodecs.Zstd().encode(bytes(10_000_000))
    assert zarr_chunks.told_bytes(body) == 10_000_000
    assert zarr_chunks.zstd_bytes(body + body) == 20_000_000
    facts = body[4]
    length = 1 << (facts >> 6) if facts >> 6 else 1
    silent = body[:4] + bytes([facts & 0x1F]) + b"\x88" + body[5 + (1 - (facts >> 5 & 1)) + length :]
    assert zarr_chunks.told_bytes(silent) is None
    assert 10_000_000 <= zarr_chunks.zstd_bytes(silent) <= 10_000_000 + 2**18
    with pytest.raises(ImageError, match="damaged"):
        zarr_chunks.zstd_bytes(b"something else")


# --- OME-Zarr ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("axes", ["yx", "zyx", "cyx", "tcyx", "czyx", "tczyx", "tzyx"])
@pytest.mark.parametrize("channels", ["each", "sum"])
def test_axes_and_scales_are_carried_over(rng, written, zarr_format, axes, channels):
    lengths = {"t": 2, "c": 3, "z": 2, "y": 40, "x": 50}
    image = rng.integers(0, 4096, [lengths[axis] for axis in axes]).astype(np.uint16)
    scale = [{"t": 1.0, "c": 1.0, "z": 2.0, "y": 0.5, "x": 0.25}[axis] for axis in axes]
    ome(image, axes, zarr_format, scale=scale, extra=[{"type": "translation", "translation": [10.0] * len(axes)}])
    result = apply("big.zarr", "--stride", "2,1", "--channels", channels, "--most-bytes", "60k", out="out.zarr")
    assert "big.zarr: responses are made in its full resolution, no lower ones of them" in result.output
    told, found = image_of()
    order = [axis for axis in axes if axis != "c"]
    order.insert(int("t" in axes), "c")
    assert "".join(told.names) == "".join(order)
    flat = image.reshape(-1, 40, 50)
    if "c" in axes and channels == "sum":
        last = np.moveaxis(image, axes.index("c"), -1)
        flat = last.reshape(-1, 40, 50, 3)
        expected = xcorr.correlate(flat, np.repeat(BANK[..., np.newaxis], 3, -1), layout="NHWC", stride=(2, 1))
        expected = np.moveaxis(expected.reshape(*last.shape[:-3], 19, 47, 6), -1, int("t" in axes))
    else:
        expected = xcorr.correlate(flat, BANK, layout="NHW", stride=(2, 1)).reshape(*image.shape[:-2], 19, 47, 6)
        if "c" in axes:  # kernels change faster than channels
            expected = np.moveaxis(expected, -1, axes.index("c") + 1)
            shape = list(image.shape[:-2])
            shape[axes.index("c")] *= 6
            expected = expected.reshape(*shape, 19, 47)
        else:
            expected = np.moveaxis(expected, -1, int("t" in axes))
    np.testing.assert_array_equal(found, expected)
    assert all(found == 1 for path, found in written.items() if path.split("/")[-1].isdigit())
    apply("big.zarr", "--stride", "2,1", "--channels", channels, out="together.zarr")  # several images are a block
    np.testing.assert_array_equal(image_of("together.zarr")[1], expected)
    steps = dict(zip(order, zip(told.place.scale, told.place.translation, strict=True), strict=True))
    assert steps["y"] == (1.0, 10.0 + 0.5 * 1)
    assert steps["x"] == (0.25, 10.0 + 0.25 * 1.5)
    assert steps.get("z", (2.0, 10.0)) == (2.0, 10.0)
    assert [axis.get("unit") for axis in told.axes] == ["micrometer" if axis in "zyx" else None for axis in order]
    assert told.name == "cells"
    assert "omero" not in json.dumps(responses().attrs.asdict())


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize(("padding", "origin"), [("same", 0.0), ("valid", 1.0), ("full", -1.0), ("3", -2.0)])
def test_a_translation_says_where_the_first_response_is(rng, zarr_format, padding, origin):
    ome(rng.random((40, 50)), "yx", zarr_format, scale=[2.0, 4.0])
    apply("big.zarr", "--padding", padding, bank="sobel", out="out.zarr")
    told, _ = image_of()
    assert told.place.translation == (0.0, 2.0 * origin, 4.0 * origin)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_one_kernel_keeps_the_axes(rng, zarr_format):
    ome(
        rng.random((2, 3, 40, 50)),
        "tcyx",
        zarr_format,
        coordinateTransformations=[{"type": "scale", "scale": [5, 1, 1, 1]}],
    )
    np.save("one.npy", BANK[0])
    apply("big.zarr", bank="one.npy", out="out.zarr")
    told, found = image_of()
    assert (told.names, found.shape) == (("t", "c", "y", "x"), (2, 3, 38, 47))
    assert told.common.scale == (5.0, 1.0, 1.0, 1.0)
    if zarr_format == 3:
        assert responses()["0"].metadata.dimension_names == ("t", "c", "y", "x")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "0.2"}, "OME-Zarr of version 0.2 in zarr 2; allowed are 0.4 in zarr 2 and 0.5 in zarr 3"),
        ({"axes": ["y", "x"]}, "multiscales that are not told as OME-Zarr has them"),
        ({"axes": [{"name": "x"}, {"name": "y"}]}, "allowed are different ones, the last two y and x"),
        ({"axes": [{"name": "z"}, {"name": "y"}, {"name": "x"}]}, "allowed are scale and translation of 3 numbers"),
        ({"datasets": []}, "multiscales that are not told"),
        ({"datasets": [{"path": "../other"}]}, "multiscales that are not told"),
        ({"datasets": [{"path": "none", "coordinateTransformations": []}]}, "without the array 'none'"),
        (
            {"datasets": [{"path": "full", "coordinateTransformations": [{"type": "affine"}]}]},
            "allowed are scale and translation of 2 numbers",
        ),
    ],
)
def test_what_is_no_ome_zarr_is_refused(rng, change, told):
    group = ome(rng.random((40, 50)), "yx", 2)
    group.attrs["multiscales"] = [{**group.attrs["multiscales"][0], **change}]
    found = apply("big.zarr", out="out.zarr", status=1).stderr
    assert told in found
    assert found.count("\n") == 1


@pytest.mark.parametrize("path", ["../full.zarr", "/etc", "full/../../full.zarr"])
def test_no_path_leads_out_of_a_group(rng, path):
    group = ome(rng.random((40, 50)), "yx", 2)
    plain(rng.random((40, 50)), 2, "full.zarr")
    image = group.attrs["multiscales"][0]
    image["datasets"][0]["path"] = path
    group.attrs["multiscales"] = [image]
    assert apply("big.zarr", out="out.zarr", status=1).stderr.count("\n") == 1
    assert not Path("out.zarr").exists()


def test_a_group_names_what_is_in_it(rng):
    zarr.create_group("big.zarr")
    plain(rng.random((40, 50)), path="big.zarr/first")
    told = apply("big.zarr", out="out.zarr", status=1).stderr
    assert "a zarr group that is no OME-Zarr image; allowed are such an image and an array, as 'big.zarr/first'" in told
    apply("big.zarr/first", out="out.zarr")


# --- what is refused --------------------------------------------------------------------------------------------------


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


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_a_job_that_is_done_is_left_alone_and_nothing_else_is_replaced(rng):
    image = rng.random((40, 50))
    array = plain(image)
    apply("big.zarr", out="out.zarr")
    before = tree("out.zarr")
    assert "1 done before" in apply("big.zarr", "--most-bytes", "20k", out="out.zarr").output
    assert tree("out.zarr") == before
    told = apply("big.zarr", "--padding", "same", out="out.zarr", status=2).stderr
    assert "not of this job: padding 'valid' then and 'same' now; --overwrite replaces it" in told
    chunk = next(Path("out.zarr/c").rglob("0"))
    chunk = next(path for path in Path("out.zarr/c").rglob("*") if path.is_file())
    sound = chunk.read_bytes()
    chunk.write_bytes(sound[:-1])
    assert "not of this image as it is" in apply("big.zarr", out="out.zarr", status=2).stderr
    apply("big.zarr", "--overwrite", out="out.zarr")
    assert tree("out.zarr") == before
    array[:20, :20] = 0
    assert "not of this image as it is" in apply("big.zarr", out="out.zarr", status=2).stderr
    apply("big.zarr", "--overwrite", out="out.zarr")
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(array[...], BANK, layout="NHW"))
    assert not list(Path(".").glob(".out.zarr.xcorr/*part*"))


def test_somebody_elses_folder_is_not_replaced(rng):
    plain(rng.random((40, 50)))
    Path("out.zarr").mkdir()
    Path("out.zarr/thesis.txt").write_text("years of work")
    assert (
        "is there, and not of this job; --overwrite replaces it" in apply("big.zarr", out="out.zarr", status=2).stderr
    )
    assert Path("out.zarr/thesis.txt").read_text() == "years of work"
    shutil.rmtree("out.zarr")
    Path("out.zarr").write_text("a file")
    for more in ([], ["--overwrite"]):
        told = apply("big.zarr", *more, out="out.zarr", status=2).stderr
        assert "out.zarr is a file; it cannot be the result" in told


class Stopped(BaseException):
    pass


def test_what_was_written_of_another_image_is_not_kept(rng, monkeypatch):
    array = plain(rng.random((3, 60, 70), np.float32))
    genuine, chunks = zarr_files.Files.__setitem__, []

    def stop(self, path, value):
        chunks.append(path)
        if len(chunks) > 20:
            raise Stopped
        genuine(self, path, value)

    monkeypatch.setattr(zarr_files.Files, "__setitem__", stop)
    with pytest.raises(Stopped):
        apply("big.zarr", "--most-bytes", "40k", out="out.zarr")
    monkeypatch.setattr(zarr_files.Files, "__setitem__", genuine)
    array[...] = array[...] + 1
    apply("big.zarr", "--most-bytes", "40k", out="out.zarr")
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(array[...], BANK, layout="NHW"))


@pytest.mark.parametrize("kind", ["array", "image"])
@pytest.mark.parametrize("n_writes", [0, 1, 7, 20])
def test_a_job_that_was_stopped_goes_on_with_what_is_left(rng, monkeypatch, written, kind, n_writes):
    image = rng.random((3, 60, 70), np.float32)
    if kind == "array":
        plain(image, 2)
    else:
        ome(image, "cyx", 3)
    options = ["big.zarr", "--most-bytes", "40k", "--workers", "1"]
    apply(*options, out="whole.zarr")
    n_all = sum(written.values())
    written.clear()
    genuine, chunks = zarr_files.Files.__setitem__, []

    def stop(self, path, value):
        if path.split("/")[-1].split(".")[0].isdigit():
            chunks.append(path)
            if len(chunks) > n_writes:
                with self.folder.below(path.split("/")[:-1], make=True) as folder:
                    Path(folder.path, path.split("/")[-1]).write_bytes(b"half")
                raise Stopped
        genuine(self, path, value)

    monkeypatch.setattr(zarr_files.Files, "__setitem__", stop)
    with pytest.raises(Stopped):
        apply(*options, out="out.zarr")
    monkeypatch.setattr(zarr_files.Files, "__setitem__", genuine)
    assert not Path("out.zarr").exists()
    written.clear()
    again = {}

    def count(self, path, value):
        again[path] = again.get(path, 0) + 1
        genuine(self, path, value)

    monkeypatch.setattr(zarr_files.Files, "__setitem__", count)
    apply(*options, out="out.zarr")
    assert tree("out.zarr") == tree("whole.zarr")
    if n_writes >= 7:
        assert sum(again.values()) < n_all - n_writes // 2
    assert set(again.values()) == {1}


def test_a_whole_part_gets_its_name_and_is_not_made_again(rng, monkeypatch, written):
    image = rng.random((3, 60, 70), np.float32)
    plain(image)
    genuine = zarr_run.put
    monkeypatch.setattr(zarr_run, "put", lambda *places: (_ for _ in ()).throw(OSError("stopped")))
    told = apply("big.zarr", out="out.zarr", status=1).stderr
    assert told == "Error: cannot write out.zarr: stopped\n"
    monkeypatch.setattr(zarr_run, "put", genuine)
    written.clear()
    apply("big.zarr", out="out.zarr")
    assert not written
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(image, BANK, layout="NHW"))


def test_no_images_have_no_responses():
    zarr.create_array("big.zarr", shape=(0, 40, 50), chunks=(1, 20, 20), dtype="f4")
    apply("big.zarr", out="out.zarr")
    assert responses().shape == (0, 38, 47, 6)


def test_a_part_of_other_images_or_sizes_is_not_gone_on_with(rng, monkeypatch):
    array = plain(rng.random((3, 60, 70), np.float32))
    genuine = zarr_run.put
    monkeypatch.setattr(zarr_run, "put", lambda *places: (_ for _ in ()).throw(OSError("stopped")))
    apply("big.zarr", out="out.zarr", status=1)
    monkeypatch.setattr(zarr_run, "put", genuine)
    array[...] = array[...] + 1
    apply("big.zarr", "--most-bytes", "30k", out="out.zarr")
    np.testing.assert_array_equal(responses()[...], xcorr.correlate(array[...], BANK, layout="NHW"))


def test_an_image_that_changes_while_it_is_read_fails(rng, monkeypatch):
    array = plain(rng.random((3, 60, 70), np.float32))
    genuine = zarr_run.stream

    def stream(*arguments, **words):
        found = genuine(*arguments, **words)
        array[0] = 7
        return found

    monkeypatch.setattr(zarr_run, "stream", stream)
    assert "big.zarr: it was changed while it was read" in apply("big.zarr", out="out.zarr", status=1).stderr
    assert not Path("out.zarr").exists()


# --- zarr for other results -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["npy", "tif", "stack"])
def test_arrays_are_images_for_all_formats(rng, form):
    image = rng.random((2, 40, 50), np.float32)
    plain(image)
    np.save("same.npy", image)
    outs = ("a.npy", "b.npy") if form == "stack" else ("a", "b")
    for most in ("1G", "30k"):
        apply("big.zarr", "--format", form, "--most-bytes", most, "--overwrite", out=outs[0])
        apply("same.npy", "--layout", "NHW", "--format", form, "--overwrite", out=outs[1])
        if form == "stack":
            assert Path(outs[0]).read_bytes() == Path(outs[1]).read_bytes()
        else:
            suffix = {"npy": ".npy", "tif": ".tif"}[form]
            one, other = Path(f"a/big.zarr{suffix}"), Path(f"b/same.npy{suffix}")
            assert one.read_bytes() == other.read_bytes()


def test_folders_with_arrays_in_them_have_these_as_images(rng):
    plain(rng.random((40, 50)), path="plates/one.zarr")
    ome(rng.random((3, 40, 50)), "cyx", 2, path="plates/two.zarr")
    np.save("plates/three.npy", rng.random((40, 50)))
    result = apply("plates", out="out")
    assert "3 of 3 files done" in result.output
    assert "passed over" not in result.output
    assert np.load("out/two.zarr.npy").shape == (38, 47, 3, 6)
    assert "3 done before" in apply("plates", out="out").output


def test_templates_are_looked_for_in_arrays(rng):
    image = rng.random((2, 3, 60, 70), np.float32)
    plain(image, chunks=(1, 1, 30, 30))
    np.save("template.npy", image[1, 0, 20:30, 40:52])
    arguments = [
        "match",
        "big.zarr",
        "--template",
        "template.npy",
        "--threshold",
        "0.9",
        "--out",
        "peaks.csv",
        "--map",
        "maps",
    ]
    run_command(*arguments)
    lines = Path("peaks.csv").read_text().splitlines()
    (found,) = (line.split(",") for line in lines[1:])
    assert (*found[:3], *found[4:]) == ("big.zarr", "3", "template.npy", "20", "40", "10", "12")
    assert abs(float(found[3]) - 1) < 1e-5
    assert np.load("maps/big.zarr.npy").shape[:1] == (6,)
    assert "1 done before" in run_command(*arguments).output


def test_areas_of_arrays_are_those_of_the_whole(rng):
    image = rng.random((2, 3, 30, 40))
    plain(image, chunks=(2, 2, 7, 9))
    with open_images(Path("big.zarr")) as images:
        whole = images.read(0, 6)
        np.testing.assert_array_equal(whole, image.reshape(6, 30, 40))
        for first, end in pairwise(range(7)):
            np.testing.assert_array_equal(images.read(first, end), whole[first:end])
        np.testing.assert_array_equal(images.read(2, 5), whole[2:5])
        np.testing.assert_array_equal(images.read_area(4, slice(3, 20), slice(5, 33)), whole[4, 3:20, 5:33])


def test_deflated_streams_are_counted_no_further_than_needed():
    body = zlib.compress(bytes(1 << 24))
    assert zarr_chunks.deflated_bytes(body, 1 << 30) == 0
    assert zarr_chunks.deflated_bytes(body, 1 << 10) > 1 << 10
    assert zarr_chunks.deflated_bytes(zlib.compress(b"abc") * 2000, 10) > 10

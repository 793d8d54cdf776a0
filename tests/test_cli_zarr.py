"""`xcorr apply` from arrays in zarr to the same: the bits of `correlate`, chunks that are read, and written once."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from applying import BANK, apply
from checks import SEED
from zarr_arrays import FORMATS, plain, responses

import xcorr
from xcorr._cli import zarr_chunks
from xcorr._cli.images import ImageError
from xcorr._cli.respond import brightness

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 28])


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

"""`xcorr apply --scheduler`: the same zarr as on one machine, each chunk by one task, and going on."""

import os
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
from applying import BANK, apply, tree
from checks import SEED

import xcorr
from xcorr._cli import cluster

zarr = pytest.importorskip("zarr")
distributed = pytest.importorskip("distributed")

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("here")]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        local_directory=str(tmp_path_factory.mktemp("workers")),
    ) as own:
        yield own.scheduler_address.removeprefix("tcp://")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 29])


@pytest.fixture
def few(monkeypatch):
    """Tasks of few bytes."""
    monkeypatch.setattr(cluster, "TASK_BYTES", 40_000)


def plain(image, zarr_format=3, chunks=(1, 20, 25), path="big.zarr", **words):
    found = zarr.create_array(
        path, shape=image.shape, dtype=image.dtype, chunks=chunks, zarr_format=zarr_format, **words
    )
    found[...] = image
    return found


def numbers(path="out.zarr"):
    return zarr.open_array(path, mode="r")[...]


@pytest.mark.parametrize(
    ("zarr_format", "options", "keywords"),
    [
        (2, [], {}),
        (3, ["--padding", "same", "--boundary", "wrap", "--stride", "2,1"],
         {"padding": "same", "boundary": "wrap", "stride": (2, 1)}),
        (3, ["--method", "fft"], {"method": "fft"}),
        (2, ["--scale", "unit", "--dtype", "uint8"], None),
    ],
)  # fmt: skip
def test_a_cluster_gives_what_one_machine_gives(rng, few, scheduler, zarr_format, options, keywords):
    image = (
        rng.integers(0, 256, (2, 90, 110), dtype=np.uint8) if keywords is None else rng.random((2, 90, 110), np.float32)
    )
    plain(image, zarr_format)
    result = apply("big.zarr", "--scheduler", scheduler, *options, out="out.zarr")
    assert "1 of 1 files done" in result.output
    if keywords is None:
        apply("big.zarr", *options, out="local.zarr")
        np.testing.assert_array_equal(numbers(), numbers("local.zarr"))
    else:
        np.testing.assert_array_equal(numbers(), xcorr.correlate(image, BANK, layout="NHW", **keywords))
    assert "1 done before" in apply("big.zarr", *options, out="out.zarr").output
    assert not list(Path(".").glob(".out.zarr.xcorr/.*"))


def test_an_ome_zarr_stays_one(rng, few, scheduler):
    image = rng.random((2, 3, 60, 70), np.float32)
    group = zarr.create_group("big.zarr", zarr_format=3)
    group.create_array("0", shape=image.shape, dtype=image.dtype, chunks=(1, 1, 30, 30))[...] = image
    axes = [
        {"name": name, "type": kind} for name, kind in zip("tcyx", ("time", "channel", "space", "space"), strict=True)
    ]
    steps = [{"type": "scale", "scale": [1, 1, 0.5, 0.5]}]
    told = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": steps}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [told]}
    apply("big.zarr", "--scheduler", scheduler, out="out.zarr")
    apply("big.zarr", out="local.zarr")
    one, other = zarr.open_group("out.zarr", mode="r"), zarr.open_group("local.zarr", mode="r")
    assert one.attrs.asdict() == other.attrs.asdict()
    np.testing.assert_array_equal(one["0"][...], other["0"][...])


@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize("chunks", [(1, 20, 25), (1, 33, 64), (1, 90, 110), (2, 90, 7)])
def test_each_chunk_belongs_to_one_task(rng, few, method, chunks):
    plain(rng.random((2, 90, 110), np.float32), chunks=chunks)
    from xcorr._cli.respond import SETTINGS, Responder

    keywords = {**SETTINGS, "method": method, "fill_value": 0}
    remote = cluster.Remote(os.path.abspath("big.zarr"), None, Responder(BANK, "each", None, keywords), 1 << 20)
    responses, own = cluster.graph_of(remote.prepared(), remote)
    owners = {}
    for number, place in enumerate(cluster.places_of(responses.chunks)):
        spans = [range(part.start // length, -(-part.stop // length)) for part, length in zip(place, own, strict=True)]
        for chunk in np.ndindex(*(len(span) for span in spans)):
            name = tuple(span[index] for span, index in zip(spans, chunk, strict=True))
            assert owners.setdefault(name, number) == number
    assert len(set(owners.values())) > 1


def test_a_run_that_was_stopped_goes_on(rng, few, scheduler, monkeypatch):
    image = rng.random((3, 90, 110), np.float32)
    plain(image)
    genuine, seen = cluster.computed, []

    def stopped(client, target, blocks, places, left):
        for count, found in enumerate(genuine(client, target, blocks, places, left)):
            if count == 5:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(cluster, "computed", stopped)
    told = apply("big.zarr", "--scheduler", scheduler, out="out.zarr", status=130).stderr
    assert "the same command goes on with what is left" in told
    assert not Path("out.zarr").exists()

    def watched(client, target, blocks, places, left):
        seen.append((len(left), len(places)))
        return genuine(client, target, blocks, places, left)

    monkeypatch.setattr(cluster, "computed", watched)
    apply("big.zarr", "--scheduler", scheduler, out="out.zarr")
    ((n_left, n_all),) = seen
    assert n_left == n_all - 5
    np.testing.assert_array_equal(numbers(), xcorr.correlate(image, BANK, layout="NHW"))


def test_what_fails_on_a_worker_is_one_line(rng, few, scheduler):
    plain(rng.integers(30_000, 32_000, (1, 90, 110)).astype(np.int16))
    np.save("ones.npy", np.ones((3, 3), np.int16))
    told = apply(
        "big.zarr", "--scheduler", scheduler, "--dtype", "int16", bank="ones.npy", out="out.zarr", status=1
    ).stderr
    assert told.startswith("xcorr: big.zarr: a worker failed: ")
    assert told.count("\n") == 1
    assert not Path("out.zarr").exists()


def test_an_address_where_nobody_answers_is_one_line(rng, monkeypatch):
    plain(rng.random((1, 30, 40)))
    monkeypatch.setattr(cluster, "SECONDS", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    told = apply("big.zarr", "--scheduler", address, out="out.zarr", status=1).stderr
    assert told == f"Error: --scheduler: no scheduler of dask answers at 'tcp://{address}' within 1 s\n"
    assert not Path("out.zarr").exists()


def test_a_scheduler_without_workers_is_one_line(rng, monkeypatch):
    plain(rng.random((1, 30, 40)))
    monkeypatch.setattr(cluster, "SECONDS", 2)
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as own:
        told = apply("big.zarr", "--scheduler", own.scheduler_address, out="out.zarr", status=1).stderr
    assert "has no workers within 2 s" in told
    assert told.count("\n") == 1


def test_workers_that_would_give_other_bits_are_refused(rng, scheduler, monkeypatch):
    def other_level():  # within, so that workers get it by value: they cannot import the tests
        return "0", f"v{os.getpid()}"

    plain(rng.random((1, 30, 40)))
    monkeypatch.setattr(cluster, "level_here", other_level)
    told = apply("big.zarr", "--scheduler", scheduler, out="out.zarr", status=1).stderr
    assert "which gives other bits; allowed is one" in told


@pytest.mark.parametrize("address", ["", "host", "host:", ":80", "host:port", "host:99999", "http://host:80", "a b:80"])
def test_what_is_no_address_is_a_usage_error(rng, address):
    plain(rng.random((1, 30, 40)))
    told = apply("big.zarr", "--scheduler", address, out="out.zarr", status=2).stderr
    assert f"got {address!r}; allowed is HOST:PORT, or tcp:// or tls:// before it" in told


def test_a_scheduler_is_for_zarr_alone():
    np.save("image.npy", np.ones((9, 9)))
    told = apply("image.npy", "--scheduler", "localhost:8786", status=2).stderr
    assert "--scheduler: got 'tcp://localhost:8786'; allowed where IMAGES are one zarr folder" in told


def test_a_missing_library_says_what_to_install(rng, monkeypatch):
    plain(rng.random((1, 30, 40)))
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    told = apply("big.zarr", "--scheduler", "localhost:8786", out="out.zarr", status=1).stderr
    assert told == 'Error: a cluster needs distributed: pip install "xcorr[cluster]"\n'


def test_a_worker_that_is_killed_changes_nothing(rng, few, scheduler, monkeypatch):
    image = rng.random((4, 90, 110), np.float32)
    plain(image)
    genuine = cluster.computed

    def killing(client, *arguments):
        for count, found in enumerate(genuine(client, *arguments)):
            if count == 3:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            yield found

    monkeypatch.setattr(cluster, "computed", killing)
    apply("big.zarr", "--scheduler", scheduler, out="out.zarr")
    apply("big.zarr", out="local.zarr")
    np.testing.assert_array_equal(numbers(), numbers("local.zarr"))
    assert not [name for name in tree(".out.zarr.xcorr") if "part" in name]

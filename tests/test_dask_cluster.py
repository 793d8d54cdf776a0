"""xcorr.dask on processes of its own: bits, and a worker that is killed in the middle."""

import os
import signal

import numpy as np
import pytest
from checks import random_generator

import xcorr

array = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("workers")),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def problem():
    rng = random_generator()
    images = rng.standard_normal((6, 90, 100)).astype(np.float32)
    bank = rng.standard_normal((3, 7, 5)).astype(np.float32)
    return images, xcorr.Correlator(bank, layout="NHW", padding="same", boundary="wrap")


def test_processes_give_the_bits_of_one_call(client):
    images, prepared = problem()
    lazy = array.from_array(images, chunks=(2, 31, 40))
    found = xcorr.dask.apply(prepared, lazy).compute(scheduler=client)
    assert np.array_equal(found, prepared(images))


def test_a_worker_that_is_killed_changes_nothing(client):
    images, prepared = problem()

    def slowly(block, block_info=None):
        import time

        time.sleep(0.05)
        return block

    lazy = array.from_array(images, chunks=(1, 31, 40)).map_blocks(slowly, dtype=images.dtype, meta=images[:0])
    future = client.compute(xcorr.dask.apply(prepared, lazy))
    pids = client.run(os.getpid)
    os.kill(next(iter(pids.values())), signal.SIGKILL)
    assert np.array_equal(future.result(timeout=60), prepared(images))

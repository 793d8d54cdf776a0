"""What the page "Measure a flow" says of OpenPIV: its signs, axes, units and grid beside those of `register`."""

import warnings

import numpy as np
import pytest
from particles import particles

import xcorr

WAY = np.array([2.25, -1.5])
DT = 0.5


@pytest.fixture
def pyprocess():
    """OpenPIV's module, without what its import and its calls warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("openpiv.pyprocess")


@pytest.mark.parametrize(("window", "overlap"), [(32, 16), (32, 24), (24, 8)])
def test_fields_have_the_same_grid_and_signs(pyprocess, window, overlap):
    first, second = particles((128, 160), WAY, density=0.05)
    words = {"window_size": window, "overlap": overlap, "search_area_size": window, "sig2noise_method": "peak2peak"}
    u, v, noise = pyprocess.extended_search_area_piv(first, second, dt=DT, normalized_correlation=True, **words)
    found = xcorr.register(
        first, second, window=window, step=window - overlap, score="correlation", subpixel="gaussian"
    )
    rows, columns = found.score.shape
    assert u.shape == v.shape == noise.shape == (rows, columns)
    for theirs, axis in ((v, 0), (u, 1)):
        assert np.median(theirs * DT) == pytest.approx(WAY[axis], abs=0.15)
        assert np.median(found.displacement[..., axis]) == pytest.approx(WAY[axis], abs=0.15)
    words |= {"search_area_size": window + 16, "overlap": overlap + 16}
    fewer = pyprocess.extended_search_area_piv(first, second, **words)
    step = window - overlap
    assert fewer[0].shape == tuple((length - window - 16) // step + 1 for length in first.shape)
    as_many = xcorr.register(first, second, window=window, step=step, search=window + 16, score="zncc")
    assert as_many.score.shape == (rows, columns)
    x, y = pyprocess.get_coordinates(first.shape, window, overlap, center_on_field=False)
    middles = [(window - 1) / 2 + (window - overlap) * np.arange(length) for length in (rows, columns)]
    np.testing.assert_array_equal(y[:, 0], middles[0] + 0.5)
    np.testing.assert_array_equal(x[0], middles[1] + 0.5)
    assert np.median(noise) > 1.5
    assert np.median(found.ratio) > 1.5


def test_where_nothing_is_there_is_no_displacement(pyprocess):
    empty = np.zeros((64, 64), np.float32)
    words = {"window_size": 32, "overlap": 16, "search_area_size": 32, "sig2noise_method": "peak2peak"}
    u, v, noise = pyprocess.extended_search_area_piv(empty, empty, **words)
    found = xcorr.register(empty, empty, window=32, score="zncc")
    assert np.isnan(found.shift).all()
    assert not found.ratio.any()
    assert np.isnan(u).all()
    assert np.isnan(v).all()
    assert not noise.any()

"""Maps of responses, and what their peaks are: by the definition, and by NumPy for larger maps."""

import numpy as np

import xcorr
from xcorr import _reference


def check(responses, k=1, layout=None, **keywords):
    """The peaks, which are those of the definition to the bit, places between pixels to nearly all of theirs."""
    found = xcorr.Peaks(k, **keywords)(responses, layout)
    expected = _reference.peaks(responses, k, layout=layout, **keywords)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    for name in ("score", "row", "column", "kernel"):
        np.testing.assert_array_equal(found[name], expected[name], name)
    for name in ("sub_row", "sub_column"):
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-9, err_msg=name)
    return found


def same(found, expected):
    """Records that are equal to the bit; NaN is equal to itself."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    for name in found.dtype.names:
        np.testing.assert_array_equal(found[name], expected[name], name)


def places(peaks):
    """(row, column) of each peak that there is."""
    peaks = peaks[peaks["kernel"] >= 0]
    return list(zip(peaks["row"].tolist(), peaks["column"].tolist(), strict=True))


def selected(planes, k, distance):
    """(row, column) of the maxima of a plane, or of several (rows, columns, kernels) that share places, the best first.

    Numbers are different floats. It needs an array of the candidates for each accepted one.
    """
    planes = planes.reshape(*planes.shape[:2], -1)
    padded = np.pad(planes, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1)).max(axis=(3, 4))
    found = np.nonzero(planes == around)
    order = np.argsort(-planes[found], kind="stable")
    rows, columns = found[0][order], found[1][order]
    free, accepted = np.ones(len(rows), bool), []
    while len(accepted) < k and free.any():
        first = int(free.argmax())
        accepted.append((int(rows[first]), int(columns[first])))
        free &= np.maximum(abs(rows - rows[first]), abs(columns - columns[first])) >= distance
    return accepted

"""Arrays and images of OME-Zarr in folders, and responses that were written to them."""

import pytest

from xcorr._cli.ome import multiscale_of

zarr = pytest.importorskip("zarr")

FORMATS = (2, 3)
KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


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

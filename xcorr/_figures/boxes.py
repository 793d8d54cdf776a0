"""Boxes on images: what was found where, and how good it is."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._foreign import shown

Array = npt.NDArray[Any]

FIELDS = ("score", "row", "column", "kernel")
# Seven that colour-blind readers can tell apart (Okabe and Ito), the brightest first: most pictures are darker.
COLOURS = ("#f0e442", "#56b4e9", "#e69f00", "#cc79a7", "#009e73", "#d55e00", "#0072b2")


class Boxes(NamedTuple):
    """What is drawn over a picture: places of a template's size, and their scores."""

    peaks: Array  # records, of one image
    size: tuple[int, int]
    names: Sequence[str]  # of the templates


def read_peaks(peaks: Any, n_images: int | None, n_kernels: int) -> list[Array]:
    """The records of each image that are peaks, the best first; of one image without an axis where that is None."""
    allowed = "what xcorr.Peaks gives"
    if not isinstance(peaks, np.ndarray) or not set(FIELDS) <= set(peaks.dtype.names or ()):
        raise TypeError(f"peaks: got {shown(peaks)}; allowed is {allowed}")
    n_axes = 1 if n_images is None else 2
    if peaks.ndim not in (n_axes, n_axes + 1) or (n_images is not None and len(peaks) != n_images):
        shape = "(K, k) or (k,)" if n_images is None else f"({n_images}, K, k) or ({n_images}, k)"
        raise ValueError(f"peaks: got shape {peaks.shape}; allowed is {shape}, {allowed} for these images")
    of_images = peaks.reshape(1 if n_images is None else n_images, -1)
    found = [records[records["kernel"] >= 0] for records in of_images]
    largest = max((int(records["kernel"].max()) for records in found if records.size), default=-1)
    if largest >= n_kernels:
        raise ValueError(f"peaks: got one of kernel {largest}; allowed are those below {n_kernels}, the templates")
    return found


def box_traces(boxes: Boxes, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The boxes of each template as one line with gaps, the score over each, and what is said of it."""
    height, width = boxes.size
    across, down = np.array([0, width, width, 0, 0, np.nan]) - 0.5, np.array([0, 0, height, height, 0, np.nan]) - 0.5
    axes = {name: place[name] for name in ("xaxis", "yaxis")}
    for kernel, name in enumerate(boxes.names):
        peaks = boxes.peaks[boxes.peaks["kernel"] == kernel]
        if not peaks.size:
            continue
        colour, name = COLOURS[kernel % len(COLOURS)], html.escape(name, quote=False)
        scores = [f"{peak['score']:.3g}" for peak in peaks]
        said = [f"row {peak['row']}, column {peak['column']}<br>{peak['score']:.6g}" for peak in peaks]
        yield {
            "type": "scatter", "mode": "lines+text", "line": {"color": colour, "width": 2}, **axes, "name": name,
            "x": (peaks["column"][:, None] + across).ravel(), "y": (peaks["row"][:, None] + down).ravel(),
            "text": [text for score in scores for text in (score, *[""] * 5)], "textposition": "top right",
            "textfont": {"color": colour}, "customdata": [text for text in said for _ in range(6)],
            "hovertemplate": f"%{{customdata}}<extra>{name}</extra>",
        }  # fmt: skip

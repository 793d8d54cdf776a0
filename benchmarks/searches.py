"""Searches for templates and what is left of a map, of `searches.csv`, and who competes in each.

A row's call is "match", scores beside the other libraries' with as many threads; "score", the same beside the bare sums
of this package; "peaks" and "max", what is kept of a map beside the map and, for "max", NumPy's function of it. What
stands beside a call in the last three is named without the package, so that it counts as its peer.
"""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

import xcorr

PREPARED = " prepared"
HOPELESS_FLOPS = 3e10
N_PEAKS = 5
TOLERANCE = 5e-3
"""Differences of scores between libraries that are taken for rounding, which sums of squares lose in float32."""


class Search(NamedTuple):
    """One row: an image of (rows, columns), and `n_kernels` templates cut from it."""

    name: str
    kind: str
    image: tuple[int, int]
    n_kernels: int
    kernel: tuple[int, int]
    dtype: str
    masked: bool
    call: str

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of a map."""
        rows, columns = (size - taps + 1 for size, taps in zip(self.image, self.kernel, strict=True))
        return rows, columns

    @property
    def flops(self) -> int:
        """Those of the bare sums."""
        rows, columns = self.positions
        return 2 * rows * columns * self.n_kernels * self.kernel[0] * self.kernel[1]

    @property
    def n_bytes(self) -> int:
        """Those of the image and the maps, each moved once."""
        rows, columns = self.positions
        return self.image[0] * self.image[1] * np.dtype(self.dtype).itemsize + 4 * rows * columns * self.n_kernels

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The image, smooth noise; templates (K, kh, kw), or one (kh, kw); and what counts of one."""
        random = np.random.default_rng(7)
        smooth = ndimage.gaussian_filter(random.standard_normal(self.image), 1.5)
        image = (128 + 50 * smooth / smooth.std()).clip(0, 255).astype(self.dtype)
        places = zip(*(random.integers(0, size, self.n_kernels) for size in self.positions), strict=True)
        height, width = self.kernel
        templates = np.stack([image[row : row + height, column : column + width] for row, column in places])
        rows, columns = np.indices(self.kernel)
        disc = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2) < 0.45 * min(height, width)
        return image, templates[0] if self.n_kernels == 1 else templates, disc if self.masked else None


def read_searches() -> list[Search]:
    with Path(__file__).with_name("searches.csv").open(newline="") as file:
        return [
            Search(
                row["id"],
                row["cls"],
                (int(row["h"]), int(row["w"])),
                int(row["k"]),
                (int(row["kh"]), int(row["kw"])),
                row["images"],
                row["masked"] == "yes",
                row["call"],
            )
            for row in csv.DictReader(file)
        ]


SEARCHES = read_searches()


def search_contenders(work: Search, n_workers: int) -> dict[str, Any]:
    """Callables by name; those of other libraries only where they are installed."""
    image, templates, mask = work.arrays()
    if work.call in ("peaks", "max"):
        return reduced_contenders(work, image, templates)
    matcher = xcorr.Matcher(templates, template_mask=mask, layout="NHW")
    found = {
        "xcorr.match": lambda: xcorr.match(image, templates, template_mask=mask, layout="NHW"),
        "xcorr.Matcher": lambda: matcher(image),
    }
    if work.call == "score":
        kernels = templates.astype(np.float32)
        corr = xcorr.Correlator(kernels, layout="NHW")
        found["bare sums"] = lambda: nothing(xcorr.correlate(image, kernels, layout="NHW"))
        found["bare sums" + PREPARED] = lambda: nothing(corr(image))
        return found
    for family in (opencv_contenders, scikit_image_contenders, torch_contenders):
        try:
            found |= family(work, image, templates, mask, n_workers)
        except ImportError:
            continue
    return found


def nothing(_: Any) -> None:
    """What is not compared."""


def reduced_contenders(work: Search, image: np.ndarray, kernels: np.ndarray) -> dict[str, Any]:
    """What is left of a map, and the map."""
    corr = xcorr.Correlator(kernels, layout="NHW")
    if work.call == "max":
        reduced = xcorr.Correlator(kernels, layout="NHW", reduce="max")
        return {
            "xcorr.correlate": lambda: xcorr.correlate(image, kernels, layout="NHW", reduce="max"),
            "xcorr.Correlator": lambda: reduced(image),
            "map, np.max": lambda: xcorr.correlate(image, kernels, layout="NHW").max(axis=(0, 1)),
            "map, np.max" + PREPARED: lambda: corr(image).max(axis=(0, 1)),
        }
    peaks = xcorr.Peaks(N_PEAKS, min_distance=8)
    fused = xcorr.Correlator(kernels, layout="NHW", reduce=peaks)

    def scores(found: np.ndarray) -> Any:
        return lambda: found["score"]

    def of_map(response: np.ndarray) -> Any:
        return lambda: peaks(response)["score"]

    return {
        "xcorr.correlate": lambda: scores(xcorr.correlate(image, kernels, layout="NHW", reduce=peaks)),
        "xcorr.Correlator": lambda: scores(fused(image)),
        "map": lambda: of_map(xcorr.correlate(image, kernels, layout="NHW")),
        "map" + PREPARED: lambda: of_map(corr(image)),
    }


def bank_of(work: Search, templates: np.ndarray) -> list[np.ndarray]:
    """The templates one by one."""
    return [np.ascontiguousarray(one) for one in templates.reshape(-1, *work.kernel)]


def arranged(work: Search, maps: list[Any]) -> np.ndarray:
    """(rows, columns) or, of a bank, (rows, columns, templates)."""
    return np.asarray(maps[0]) if work.n_kernels == 1 else np.stack(maps, axis=-1)


def opencv_contenders(work: Search, image: Any, templates: Any, mask: Any, n_workers: int) -> dict[str, Any]:
    import cv2

    cv2.setNumThreads(n_workers)
    bank, way = bank_of(work, templates), cv2.TM_CCOEFF_NORMED
    taps = None if mask is None else mask.astype(image.dtype)

    def match() -> Any:
        maps = [cv2.matchTemplate(image, one, way, mask=taps) for one in bank]
        return lambda: arranged(work, maps)

    return {"cv2.matchTemplate": match}


def scikit_image_contenders(work: Search, image: Any, templates: Any, mask: Any, n_workers: int) -> dict[str, Any]:
    """None with masks; its transforms are done by one thread."""
    from skimage.feature import match_template

    bank = bank_of(work, templates)

    def match() -> Any:
        maps = [match_template(image, one) for one in bank]
        return lambda: arranged(work, maps)

    return {} if work.masked else {"skimage.match_template": match}


def torch_contenders(work: Search, image: Any, templates: Any, mask: Any, n_workers: int) -> dict[str, Any]:
    """Convolutions with centred templates, and running sums of the image and its squares in float64."""
    import torch

    torch.set_num_threads(n_workers)
    if work.masked or work.flops > HOPELESS_FLOPS:
        return {}
    height, width = work.kernel
    pixels = torch.from_numpy(image)
    kernels = torch.from_numpy(np.stack(bank_of(work, templates)))

    def boxes(values: Any) -> Any:
        sums = torch.nn.functional.pad(values.cumsum(0).cumsum(1), (1, 0, 1, 0))
        rows = sums[height:] - sums[:-height]
        return rows[:, width:] - rows[:, :-width]

    def match() -> Any:
        with torch.inference_mode():
            floats, taps = pixels.float(), kernels.float()
            taps = taps - taps.mean((1, 2), keepdim=True)
            wide = floats.double()
            spread = boxes(wide * wide) - boxes(wide) ** 2 / (height * width)
            products = torch.nn.functional.conv2d(floats[None, None], taps[:, None])[0]
            norms = taps.square().sum((1, 2))[:, None, None]
            scores = products / (spread.float() * norms).clamp(min=1e-20).sqrt()
        return lambda: arranged(work, list(scores.numpy()))

    return {"torch.conv2d": match}

"""Signals and volumes beside peers: long kernels, layers of one and three axes, large cubes, random kernels.

Peers of long kernels are SciPy's `correlate` and `oaconvolve` and, where it takes less than a second, NumPy's; of
volumes `scipy.ndimage`, `fftconvolve` and torch; of layers torch; of random kernels (ROCKET: 10,000 of 7, 9 and 11 taps
with dilations, on series of 500) a transform that numba compiles, written as that of aeon and sktime is. Calls are in
turns, kernels raw; a row has xcorr's milliseconds and each peer's time over xcorr's.

    python benchmarks/axes.py [--workers 1] [--only NAME ...] [--seconds 0.3] [--json FILE]
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from outputs import new_parser, write_outputs
from scipy import ndimage, signal
from timing import Call, best_of_turns, hold_threads, machine, provenance

import xcorr

Calls = dict[str, Call]

LONG = (
    (1_000_000, 100_000),
    (441_000, 44_100),
    (1_000_000, 5000),
    (100_000, 1000),
    (20_000, 2000),
    (10_000, 500),
    (1_000_000, 64),
)
"""Samples and taps."""

SMALL_SUMS = 3e8
"""Products up to which NumPy's correlate is a peer."""

LAYERS_1D = {
    "wavenet_d1": ((4, 32, 16000), (64, 32, 2), {}),
    "wavenet_d512": ((4, 32, 16000), (64, 32, 2), {"dilation": 512}),
    "speech_80_512_k3": ((4, 80, 3000), (512, 80, 3), {"padding": 1}),
    "speech_512_512_k3_s2": ((4, 512, 800), (512, 512, 3), {"padding": 1, "stride": 2}),
    "speech_1_512_k10_s5": ((1, 1, 80000), (512, 1, 10), {"stride": 5}),
    "depthwise_256_k31": ((4, 256, 1500), (256, 1, 31), {"padding": 15, "groups": 256}),
    "pointwise_256_512": ((4, 256, 1500), (512, 256, 1), {}),
}
LAYERS_3D = {
    "3d_16_32_k3": ((1, 16, 32, 56, 56), (32, 16, 3, 3, 3), {}),
    "3d_3_64_k3": ((1, 3, 16, 56, 56), (64, 3, 3, 3, 3), {"padding": 1}),
    "3d_64_64_k3": ((1, 64, 8, 28, 28), (64, 64, 3, 3, 3), {"padding": 1}),
    "3d_32_32_k3_s2": ((1, 32, 32, 32, 32), (32, 32, 3, 3, 3), {"padding": 1, "stride": 2}),
    "3d_depthwise_64_k3": ((1, 64, 16, 28, 28), (64, 1, 3, 3, 3), {"padding": 1, "groups": 64}),
}
"""Images (N, C, ...), kernels (K, C, ...), keywords of both libraries."""

CUBES = (3, 5, 7, 11)
SERIES, N_RANDOM = 500, 10_000


def long_calls(n_samples: int, n_taps: int, dtype: str, n_workers: int) -> Calls:
    """One long signal with one long kernel."""
    rng = np.random.default_rng(7)
    samples, taps = (rng.standard_normal(count).astype(dtype) for count in (n_samples, n_taps))
    backward = taps[::-1].copy()
    calls: Calls = {
        "xcorr": lambda: xcorr.correlate(samples, taps, layout="NW", workers=n_workers),
        "scipy correlate": lambda: signal.correlate(samples, taps, "valid"),
        "oaconvolve": lambda: signal.oaconvolve(samples, backward, "valid"),
    }
    if (n_samples - n_taps + 1) * n_taps <= SMALL_SUMS:
        calls["numpy"] = lambda: np.correlate(samples, taps)
    return calls


def torch_calls(images: Any, kernels: Any, words: dict[str, Any], n_workers: int) -> Calls:
    """A layer of one or three axes, channels first."""
    import torch

    torch.set_num_threads(n_workers)
    rng = np.random.default_rng(7)
    x, k = (rng.standard_normal(shape, np.float32) for shape in (images, kernels))
    n_axes = x.ndim - 2
    tensors = torch.from_numpy(x), torch.from_numpy(k)
    convolve = {1: torch.nn.functional.conv1d, 3: torch.nn.functional.conv3d}[n_axes]
    layout = {1: "NCW", 3: "NCDHW"}[n_axes]
    return {
        "xcorr": lambda: xcorr.correlate(x, k, layout=layout, workers=n_workers, **words),
        "torch": lambda: convolve(*tensors, **words),
    }


def cube_calls(side: int, n_workers: int) -> Calls:
    """One cubic kernel on one volume of 128 pixels a side, valid but for `scipy.ndimage`, which pads."""
    import torch

    torch.set_num_threads(n_workers)
    rng = np.random.default_rng(7)
    volume, kernel = rng.standard_normal((128,) * 3, np.float32), rng.standard_normal((side,) * 3, np.float32)
    backward, tensors = kernel[::-1, ::-1, ::-1].copy(), (torch.from_numpy(volume), torch.from_numpy(kernel))
    words: dict[str, Any] = {"layout": "NDHW", "workers": n_workers}
    calls: Calls = {
        "xcorr": lambda: xcorr.correlate(volume, kernel, **words),
        "fftconvolve": lambda: signal.fftconvolve(volume, backward, "valid"),
        "torch": lambda: torch.nn.functional.conv3d(tensors[0][None, None], tensors[1][None, None]),
    }
    if side <= 5:
        calls["ndimage, padded"] = lambda: ndimage.correlate(volume, kernel, mode="constant")
    return calls


# --- random kernels ---------------------------------------------------------------------------------------------------


def random_kernels() -> list[tuple[np.ndarray, float, int, int]]:
    """Taps, bias, dilation and padding of each kernel, as ROCKET draws them."""
    rng, found = np.random.default_rng(7), []
    for _ in range(N_RANDOM):
        length = int(rng.choice((7, 9, 11)))
        taps = rng.standard_normal(length)
        dilation = int(2 ** rng.uniform(0, np.log2((SERIES - 1) / (length - 1))))
        padding = (length - 1) * dilation // 2 if rng.integers(2) else 0
        found.append(((taps - taps.mean()).astype(np.float32), float(rng.uniform(-1, 1)), dilation, padding))
    return found


def numba_transform(kernels: list[tuple[np.ndarray, float, int, int]], n_workers: int) -> Callable[[np.ndarray], Any]:
    """The share of positive responses and the largest of each kernel, as aeon's loops find them."""
    import numba

    numba.set_num_threads(n_workers)
    lengths = np.array([len(taps) for taps, *_ in kernels], np.int32)
    weights = np.concatenate([taps for taps, *_ in kernels])
    biases = np.array([bias for _, bias, *_ in kernels], np.float32)
    dilations, paddings = (np.array([own[index] for own in kernels], np.int32) for index in (2, 3))

    @numba.njit(fastmath=True)
    def apply_kernel(row: Any, taps: Any, length: int, bias: float, dilation: int, padding: int) -> Any:
        n_samples = len(row)
        n_windows = n_samples + 2 * padding - (length - 1) * dilation
        positive, largest = 0, np.float32(-np.inf)
        end = n_samples + padding - (length - 1) * dilation
        for first in range(-padding, end):
            total, place = bias, first
            for tap in range(length):
                if -1 < place < n_samples:
                    total += taps[tap] * row[place]
                place += dilation
            if total > largest:
                largest = total
            if total > 0:
                positive += 1
        return np.float32(positive / n_windows), largest

    @numba.njit(parallel=True, fastmath=True)
    def transform(rows: Any, weights: Any, lengths: Any, biases: Any, dilations: Any, paddings: Any) -> Any:
        n_kernels = len(lengths)
        found = np.empty((len(rows), 2 * n_kernels), np.float32)
        for row in numba.prange(len(rows)):
            begin = 0
            for kernel in range(n_kernels):
                end = begin + lengths[kernel]
                own = apply_kernel(
                    rows[row], weights[begin:end], lengths[kernel], biases[kernel], dilations[kernel], paddings[kernel]
                )
                found[row, 2 * kernel], found[row, 2 * kernel + 1] = own
                begin = end
        return found

    return lambda rows: transform(rows, weights, lengths, biases, dilations, paddings)


def random_calls(n_series: int, n_workers: int) -> Calls:
    """The two numbers of each random kernel and series; kernels of one length, dilation and padding are a bank."""
    kernels = random_kernels()
    series = np.random.default_rng(8).standard_normal((n_series, SERIES), np.float32)
    banks: dict[tuple[int, int, int], list[int]] = {}
    for index, (taps, _, dilation, padding) in enumerate(kernels):
        banks.setdefault((len(taps), dilation, padding), []).append(index)
    prepared = []
    for (_, dilation, padding), own in banks.items():
        bank = np.stack([kernels[index][0] for index in own])
        bias = np.array([kernels[index][1] for index in own], np.float32)
        words: dict[str, Any] = {"layout": "NW", "dilation": dilation, "padding": padding, "reduce": ("ppv", "max")}
        prepared.append((np.array(own), xcorr.Correlator(bank, bias=bias, **words)))

    def transform() -> np.ndarray:
        found = np.empty((n_series, N_RANDOM, 2), np.float32)
        for own, corr in prepared:
            found[:, own, 0], found[:, own, 1] = corr(series, workers=n_workers)
        return found.reshape(n_series, -1)

    theirs = numba_transform(kernels, n_workers)
    assert np.abs(transform() - theirs(series)).max() < 0.01
    return {"xcorr": transform, "numba": lambda: theirs(series)}


# --- all --------------------------------------------------------------------------------------------------------------


def all_calls(n_workers: int) -> Iterator[tuple[str, Callable[[], Calls]]]:
    """Each row's name, and what makes its calls."""
    for n_samples, n_taps in LONG:
        for dtype in ("float32", "float64"):
            yield (
                f"long_{n_samples}_{n_taps}_{dtype}",
                lambda sizes=(n_samples, n_taps, dtype): long_calls(*sizes, n_workers),  # type: ignore[misc]
            )
    for name, layer in (LAYERS_1D | LAYERS_3D).items():
        yield name, lambda layer=layer: torch_calls(*layer, n_workers)  # type: ignore[misc]
    for side in CUBES:
        yield f"cube_128_{side}", lambda side=side: cube_calls(side, n_workers)  # type: ignore[misc]
    for n_series in (1, 16):
        yield f"rocket_{n_series}", lambda count=n_series: random_calls(count, n_workers)  # type: ignore[misc]


def main() -> None:
    parser = new_parser(__doc__, picture=False)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seconds", type=float, default=0.3)
    arguments = parser.parse_args()
    hold_threads(arguments.workers)
    print(f"{provenance()}, workers: {arguments.workers}")
    found = []
    for name, make in all_calls(arguments.workers):
        if arguments.only and not any(part in name for part in arguments.only):
            continue
        times = best_of_turns(make(), arguments.seconds)
        peers = ", ".join(f"{peer} {taken / times['xcorr']:.2f}" for peer, taken in times.items() if peer != "xcorr")
        print(f"{name:32} {1e3 * times['xcorr']:9.3f} ms   {peers}", flush=True)
        found.append({"name": name, "workers": arguments.workers, **times})
    write_outputs(arguments, {"machine": machine(), "times": found})


if __name__ == "__main__":
    main()

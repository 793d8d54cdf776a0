"""Gradients of layers beside torch's backward, transposed correlations, and windows beside unfold, fold and a copy.

The layers of workloads.csv, whose layout torch's tensors have, too (NHWC as channels_last). Calls are in turns; a cell
has xcorr's milliseconds and torch's time over xcorr's. Windows are those of some layers; beside them stands the time
of copying their array over xcorr's. At the end stand the geometric means of the rows by class.

    python benchmarks/gradients.py [--workers 1 2] [--only NAME ...] [--seconds 0.2] [--json FILE]
"""

from typing import Any

import numpy as np
import torch
from outputs import new_parser, write_outputs
from timing import Call, best_of_turns, machine, provenance
from workloads import Workload, read_workloads

import xcorr

TRANSPOSED = {
    "dcgan_4": ((16, 4, 4, 512), (256, 4), 1, 0),
    "dcgan_8": ((16, 8, 8, 256), (128, 4), 1, 0),
    "dcgan_16": ((16, 16, 16, 128), (64, 4), 1, 0),
    "unet_28": ((1, 28, 28, 512), (256, 2), 0, 0),
    "unet_64": ((1, 64, 64, 128), (64, 2), 0, 0),
    "decode_28": ((4, 28, 28, 128), (64, 3), 1, 1),
}
"""Responses (N, H, W, K), channels of the images and the kernel's side, padding, output_padding; with stride 2."""

WINDOWS = {
    "56x56x64_k3_nhwc": ((4, 56, 56, 64), 3, 1, "NHWC"),
    "56x56x64_k3_nchw": ((4, 56, 56, 64), 3, 1, "NCHW"),
    "512x512x3_k3_nhwc": ((1, 512, 512, 3), 3, 1, "NHWC"),
    "64x64x16_k8_s4_nhwc": ((8, 64, 64, 16), 8, 4, "NHWC"),
    "512x512x3_k16_s16_nhwc": ((1, 512, 512, 3), 16, 16, "NHWC"),
}
"""Images (N, H, W, C), the kernel's side, the stride, the layout."""


def turned(tensor: torch.Tensor, layout: str) -> np.ndarray:
    """What torch has as N, C, H, W in the layout's order."""
    array = tensor.numpy()
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1) if layout == "NHWC" else array)


def layer_calls(row: Workload, n_workers: int) -> dict[str, Call]:
    """The gradients of a layer by both libraries, after they were found to be the same."""
    n_images, height, width, channels = row.images
    padding = 0 if row.padding == "valid" else row.padding
    random = torch.Generator().manual_seed(7)
    x = torch.randn((n_images, channels, height, width), generator=random)
    k = torch.randn((row.n_kernels, channels // row.groups, *row.kernel), generator=random)
    steps = {"stride": row.stride, "padding": padding, "dilation": row.dilation, "groups": row.groups}
    g = torch.randn(torch.nn.functional.conv2d(x, k, **steps).shape, generator=random)
    images, kernels, responses = (turned(tensor, row.layout) for tensor in (x, k, g))
    if row.layout == "NHWC":
        x, k, g = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, k, g))
    pairs = [[step, step] for step in (row.stride, padding, row.dilation)]

    def backward(*wanted: bool) -> Any:
        return torch.ops.aten.convolution_backward(g, x, k, None, *pairs, False, [0, 0], row.groups, [*wanted, False])

    words: dict[str, Any] = {**steps, "layout": row.layout, "workers": n_workers}
    calls = {
        "images": lambda: xcorr.gradient_images(responses, kernels, images.shape[1:], **words),
        "torch images": lambda: backward(True, False),
        "kernels": lambda: xcorr.gradient_kernels(images, responses, kernels.shape[1:], **words),
        "torch kernels": lambda: backward(False, True),
    }
    for index, name in enumerate(("images", "kernels")):
        expected = turned(calls[f"torch {name}"]()[index], row.layout)
        assert np.abs(calls[name]() - expected).max() < 1e-4 * np.abs(expected).max(), (row.name, name)
    return calls


def transposed_calls(name: str, layout: str, n_workers: int) -> dict[str, Call]:
    """A transposed correlation by both libraries, after they were found to be the same."""
    (n_images, height, width, n_kernels), (channels, side), padding, more = TRANSPOSED[name]
    random = torch.Generator().manual_seed(7)
    g = torch.randn((n_images, n_kernels, height, width), generator=random)
    k = torch.randn((n_kernels, channels, side, side), generator=random)
    responses, kernels = turned(g, layout), turned(k, layout)
    if layout == "NHWC":
        g, k = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (g, k))
    words: dict[str, Any] = {"stride": 2, "padding": padding, "output_padding": more}
    calls = {
        "transposed": lambda: xcorr.gradient_images(responses, kernels, layout=layout, workers=n_workers, **words),
        "torch transposed": lambda: torch.nn.functional.conv_transpose2d(g, k, **words),
    }
    expected = turned(calls["torch transposed"](), layout)
    assert np.abs(calls["transposed"]() - expected).max() < 1e-4 * np.abs(expected).max(), name
    return calls


def window_calls(name: str) -> dict[str, Call]:
    """Windows gathered and folded by both libraries, and a copy of them."""
    (n_images, height, width, channels), side, stride, layout = WINDOWS[name]
    x = torch.randn((n_images, channels, height, width))
    images, words = turned(x, layout), {"layout": layout, "stride": stride}
    windows = xcorr.windows(images, (side, side), **words)
    columns, copy = torch.nn.functional.unfold(x, side, stride=stride), np.empty_like(windows)
    return {
        "windows": lambda: xcorr.windows(images, (side, side), **words),
        "torch windows": lambda: torch.nn.functional.unfold(x, side, stride=stride),
        "fold": lambda: xcorr.fold(windows, images.shape[1:], (side, side), **words),
        "torch fold": lambda: torch.nn.functional.fold(columns, (height, width), side, stride=stride),
        "copy": lambda: np.copyto(copy, windows),
    }


def cells(times: dict[str, float], *names: str) -> str:
    """Milliseconds, and how many times as long torch takes, and a copy."""
    said = []
    for name in names:
        copy = f", copy {times['copy'] / times[name]:.2f}" if "copy" in times else ""
        said.append(f"{name} {1e3 * times[name]:8.3f} ms, torch {times[f'torch {name}'] / times[name]:5.2f}{copy}")
    return "   ".join(said)


def means(found: list[dict[str, Any]]) -> list[str]:
    """Torch's time over xcorr's, its geometric mean and least, by workers, class, layout and stride."""
    ratios: dict[str, list[float]] = {}
    for row in found:
        for name, seconds in row.items():
            if f"torch {name}" in row:
                of_class = f"{row['workers']} workers   {row['class']:16} {name:10}"
                ratios.setdefault(of_class, []).append(row[f"torch {name}"] / seconds)
    return [
        f"{of_class} {len(own):3} rows   mean {float(np.exp(np.mean(np.log(own)))):5.2f}   least {min(own):5.2f}   "
        f"at 1 and above {sum(ratio >= 1 for ratio in own):3}"
        for of_class, own in ratios.items()
    ]


def main() -> None:
    parser = new_parser(__doc__, picture=False)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seconds", type=float, default=0.2)
    arguments = parser.parse_args()
    print(provenance())
    layers = {row.name: row for row in read_workloads() if row.kind == "layer"}
    transposed = {f"{name}_{layout.lower()}": (name, layout) for name in TRANSPOSED for layout in ("NHWC", "NCHW")}
    found = []
    for n_workers in arguments.workers:
        torch.set_num_threads(n_workers)
        for name in [*layers, *transposed, *WINDOWS]:
            if arguments.only and not any(part in name for part in arguments.only):
                continue
            with torch.no_grad(), xcorr.set_workers(n_workers):
                if name in layers:
                    calls, names = layer_calls(layers[name], n_workers), ("images", "kernels")
                    of_class = f"{layers[name].layout} stride {layers[name].stride}"
                elif name in transposed:
                    calls, names = transposed_calls(*transposed[name], n_workers), ("transposed",)
                    of_class = transposed[name][1]
                else:
                    calls, names, of_class = window_calls(name), ("windows", "fold"), "windows"
                times = best_of_turns(calls, arguments.seconds)
            print(f"{name:24} {n_workers} workers   {cells(times, *names)}", flush=True)
            found.append({"name": name, "class": of_class, "workers": n_workers, **times})
    print("\n".join(means(found)))
    write_outputs(arguments, {"machine": machine(), "times": found})


if __name__ == "__main__":
    main()

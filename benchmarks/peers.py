"""The contenders: xcorr and its peers, each called as a skilled user would.

A family is a function of a workload and its arrays that gives callables by name; what it cannot do it leaves out. What
a callable returns is the response, or a function that gives it: putting it together is then not timed. Names that end
in ``PREPARED`` had their kernels prepared before, so they compete only with a `Correlator`; the others, which get
their kernels raw in every call, compete with `correlate` as well.
"""

import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from dropins import TOLERANCE as TOLERANCE_OF_DROPINS
from dropins import DropIn, dropin_contenders
from searches import TOLERANCE, Search, search_contenders
from workloads import Workload

Contender = Callable[[], Any]
Family = Callable[[Workload, np.ndarray, np.ndarray], dict[str, Contender]]

PREPARED = " prepared"
SLOW_FLOPS = 2e8
"""Work that takes SciPy's loops about a second: they are left out above."""

HOPELESS_FLOPS = 3e10
"""Work from which direct convolutions are left out: they take seconds where others transform."""

TORCH_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}
ONNX_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge"}
NDIMAGE_MODES = {"constant": "constant", "reflect": "mirror", "edge": "nearest"}
"""What peers call the boundaries of the workloads."""

CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def n_workers() -> int:
    return int(os.environ["XCORR_WORKERS"])


def channels_first(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(CHANNELS_FIRST))


def xcorr_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    import xcorr

    keywords: dict[str, Any] = {
        name: getattr(work, name) for name in ("stride", "dilation", "groups") if getattr(work, name) > 1
    }
    if work.padding != "valid":
        keywords.update(padding=work.padding, boundary=work.boundary)
    if work.response is not None:
        keywords.update(dtype=work.response)
    if work.layout != "NCHW":
        corr = xcorr.Correlator(kernels, **keywords)
        return {
            "xcorr.correlate": lambda: xcorr.correlate(images, kernels, **keywords),
            "xcorr.Correlator": lambda: corr(images),
        }
    given, bank = channels_first(images), channels_first(kernels)
    corr = xcorr.Correlator(bank, layout="NCHW", **keywords)

    def correlate() -> Any:
        response = xcorr.correlate(given, bank, layout="NCHW", **keywords)
        return lambda: response.transpose(CHANNELS_LAST)

    def correlator() -> Any:
        response = corr(given)
        return lambda: response.transpose(CHANNELS_LAST)

    return {"xcorr.correlate": correlate, "xcorr.Correlator": correlator}


def torch_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    """Contiguous and channels-last, raw and prepacked for oneDNN; whole numbers are made floats in the call."""
    import torch

    torch.set_num_threads(n_workers())
    if work.margins is None or kernels.dtype.kind == "c":
        return {}
    rows, columns = work.margins
    bordered = work.boundary != "constant" and work.padding != "valid"
    mode = TORCH_MODES[work.boundary]
    padding = [0, 0] if bordered else [rows, columns]
    if work.whole:  # exact as long as no sum passes 24 bits
        kernels = kernels.astype(np.float32)
    stride, dilation = [work.stride] * 2, [work.dilation] * 2
    found: dict[str, Contender] = {}
    if work.flops > HOPELESS_FLOPS:
        return found

    def add(name: str, tensor: Any, convolve: Callable[[Any], Any], dtype: Any) -> None:
        def run() -> Any:
            with torch.inference_mode():
                floats = tensor.to(dtype)
                if bordered:
                    floats = torch.nn.functional.pad(floats, (columns, columns, rows, rows), mode=mode)
                return convolve(floats).permute(CHANNELS_LAST)

        found[name] = run

    for order, memory_format in (("NCHW", torch.contiguous_format), ("NHWC", torch.channels_last)):
        tensor = torch.from_numpy(images).permute(CHANNELS_FIRST).contiguous(memory_format=memory_format)
        weight = torch.from_numpy(kernels).permute(CHANNELS_FIRST).contiguous(memory_format=memory_format)

        def raw(floats: Any, weight: Any = weight) -> Any:
            return torch.nn.functional.conv2d(floats, weight, None, stride, padding, dilation, work.groups)

        add(f"torch {order}", tensor, raw, weight.dtype)
        if weight.dtype != torch.float32:
            continue
        try:  # what torch.compile calls for weights that it has frozen; not public, so it may be missing
            shape = [len(images), images.shape[3], *(size + 2 * rows * bordered for size in images.shape[1:3])]
            packed = torch._C._nn.mkldnn_reorder_conv2d_weight(
                weight.contiguous().to_mkldnn(), padding, stride, dilation, work.groups, shape
            )
            pointwise = torch.ops.mkldnn._convolution_pointwise
        except (AttributeError, RuntimeError):
            continue

        def prepacked(floats: Any, packed: Any = packed, pointwise: Any = pointwise) -> Any:
            return pointwise(floats, packed, None, padding, stride, dilation, work.groups, "none", [], "")

        add(f"torch mkldnn {order}{PREPARED}", tensor, prepacked, weight.dtype)
    return found


def onnxruntime_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    """A model of one Conv that holds the kernels, behind a Pad where the boundary reflects."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    integers = work.dtype == "uint8" and work.whole
    if not (kernels.dtype == np.float32 or integers) or work.margins is None or work.flops > HOPELESS_FLOPS:
        return {}
    rows, columns = work.margins
    pads = [rows, columns, rows, columns]
    bordered = work.boundary != "constant" and any(pads)
    nodes, constants = [], [numpy_helper.from_array(channels_first(kernels), "kernels")]
    if bordered:
        constants.append(numpy_helper.from_array(np.array([0, 0, rows, columns] * 2), "pads"))
        nodes.append(helper.make_node("Pad", ["images", "pads"], ["padded"], mode=ONNX_MODES[work.boundary]))
    nodes.append(
        helper.make_node(
            "ConvInteger" if integers else "Conv",
            ["padded" if bordered else "images", "kernels"],
            ["response"],
            kernel_shape=work.kernel,
            pads=[0] * 4 if bordered else pads,
            strides=[work.stride] * 2,
            dilations=[work.dilation] * 2,
            group=work.groups,
        )
    )
    kinds = (TensorProto.UINT8, TensorProto.INT32) if integers else (TensorProto.FLOAT, TensorProto.FLOAT)
    ends = [
        helper.make_tensor_value_info(name, kind, [None] * 4)
        for name, kind in zip(("images", "response"), kinds, strict=True)
    ]
    graph = helper.make_graph(nodes, "work", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = n_workers(), 1
    runner = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    given = channels_first(images)

    def run() -> Any:
        response = runner.run(None, {"images": given if integers else given.astype(np.float32, copy=False)})[0]
        return lambda: response.transpose(CHANNELS_LAST)

    return {"onnxruntime" + PREPARED: run}


def inner(work: Workload, responses: list[list[Any]]) -> np.ndarray:
    """(N, oh, ow, K) of responses by image and kernel, which are as large as the images."""
    rows, columns = work.positions
    top, left = (k // 2 - margin for k, margin in zip(work.kernel, work.margins, strict=True))
    return np.array(responses)[:, :, top : top + rows, left : left + columns].transpose(0, 2, 3, 1)


def cv2_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    """Image by image and kernel by kernel, where that is what OpenCV is for."""
    import cv2

    cv2.setNumThreads(n_workers())
    if not work.plain or work.images[0] * work.n_kernels > 20000 or kernels.dtype.kind == "c" or work.margins is None:
        return {}
    if work.whole:
        kernels = kernels.astype(np.float32)
    filters = work.flops <= HOPELESS_FLOPS
    rows, columns = work.margins
    planes, bank = list(images[..., 0]), list(kernels[..., 0])
    depth = cv2.CV_64F if work.dtype == "float64" else cv2.CV_32F  # of uint8 too: its own type would saturate
    border = {"reflect": cv2.BORDER_REFLECT_101, "edge": cv2.BORDER_REPLICATE}.get(work.boundary, cv2.BORDER_CONSTANT)

    def filter_2d() -> Any:
        found = [[cv2.filter2D(plane, depth, kernel, borderType=border) for kernel in bank] for plane in planes]
        return lambda: inner(work, found)

    def match_template() -> Any:
        padded = planes
        if rows or columns:
            padded = [cv2.copyMakeBorder(plane, rows, rows, columns, columns, border) for plane in planes]
        found = [[cv2.matchTemplate(plane, kernel, cv2.TM_CCORR) for kernel in bank] for plane in padded]
        return lambda: np.array(found).transpose(0, 2, 3, 1)

    if not filters:
        return {"cv2.matchTemplate": match_template}
    if work.dtype != "float32":  # of both operands, or else matchTemplate takes none
        return {"cv2.filter2D": filter_2d}
    return {"cv2.filter2D": filter_2d, "cv2.matchTemplate": match_template}


def scipy_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    from scipy import ndimage, signal

    found: dict[str, Contender] = {}
    planes, bank = channels_first(images), channels_first(kernels)
    unpadded = work.padding == "valid"

    def fft() -> Any:
        return signal.correlate(planes[0, 0], bank[0, 0], work.padding, "fft")[None, ..., None]

    def overlap_add() -> Any:
        return signal.oaconvolve(planes[0, 0], bank[0, 0, ::-1, ::-1].conj(), work.padding)[None, ..., None]

    def of_signals() -> Any:
        found = [[np.correlate(plane.ravel(), kernel.ravel()) for kernel in bank[:, 0]] for plane in planes[:, 0]]
        return lambda: np.array(found).reshape(len(planes), len(bank), *work.positions).transpose(0, 2, 3, 1)

    def loop() -> Any:
        responses = [
            [sum(signal.correlate2d(p, k, "valid") for p, k in zip(image, kernel, strict=True)) for kernel in bank]
            for image in planes
        ]
        return lambda: np.array(responses).transpose(0, 2, 3, 1)

    def one_by_one() -> Any:
        mode = NDIMAGE_MODES[work.boundary]
        responses = [[ndimage.correlate(image[0], kernel[0], mode=mode) for kernel in bank] for image in planes]
        return lambda: inner(work, responses)

    if work.plain and 1 in work.images[1:3] and unpadded and work.images[0] * work.n_kernels <= 20000:
        found["numpy.correlate"] = of_signals
    one = work.images[3] == work.stride == work.dilation == work.images[0] == work.n_kernels == 1
    if one and work.boundary == "constant" and not work.whole:
        found.update({"scipy correlate fft": fft, "scipy oaconvolve": overlap_add})
    if work.flops > SLOW_FLOPS or work.stride > 1 or work.dilation > 1 or work.groups > 1:
        return found
    if unpadded and not work.whole:
        found["scipy correlate2d"] = loop
    if work.plain and np.dtype(work.dtype).kind == "f" and min(work.kernel) <= 100:
        found["scipy.ndimage"] = one_by_one
    return found


def spectral_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    """Banks in the frequency domain as written by hand: the image's transform shared, channels summed there.

    With torch.fft and with scipy.fft; of the whole image, and of tiles that overlap (the sizes that a few trials find
    best). The prepared ones have the kernels' spectra before.
    """
    if not work.large_kernel or work.kernels_dtype not in ("float32", "float64") or work.padding != "valid":
        return {}
    found: dict[str, Contender] = {}
    for name, transform, back, conjugate, whole in spectral_libraries():
        sides = [whole(size) for size in images.shape[1:3]]
        tiled = [min(whole(max(2 * size, 64)), side) for size, side in zip(work.kernel, sides, strict=True)]
        choices = {f"{name} whole": sides, f"{name} tiles": tiled}
        choices[f"{name} large tiles"] = [min(2 * t, side) for t, side in zip(tiled, sides, strict=True)]
        for called, points in choices.items():
            tiles, put_together = overlapping(images, work, points)
            bank = channels_first(kernels)
            prepared = conjugate(transform(bank, points))[None]

            def correlate(
                spectra: Any,
                tiles: Any = tiles,
                points: Any = points,
                put: Any = put_together,
                transform: Any = transform,
                back: Any = back,
            ) -> Any:
                products = (transform(tiles(), points)[:, None] * spectra).sum(2)
                responses = back(products, points)
                return lambda: put(np.asarray(responses))

            def raw(
                bank: Any = bank,
                points: Any = points,
                correlate: Any = correlate,
                transform: Any = transform,
                conjugate: Any = conjugate,
            ) -> Any:
                return correlate(conjugate(transform(bank, points))[None])

            found[called] = raw
            found[called + PREPARED] = lambda correlate=correlate, prepared=prepared: correlate(prepared)
    return found


def spectral_libraries() -> list[tuple[Any, ...]]:
    """Name, transform of the last two axes, its inverse, conj, and a good number of points for at least so many."""
    from scipy import fft

    workers = n_workers()
    found: list[tuple[Any, ...]] = [
        (
            "scipy.fft",
            lambda array, points: fft.rfft2(array, points, workers=workers),
            lambda spectra, points: fft.irfft2(spectra, points, workers=workers),
            np.conj,
            lambda size: fft.next_fast_len(size, real=True),
        )
    ]
    try:
        import torch
    except ImportError:
        return found
    torch.set_num_threads(workers)
    found.append(
        (
            "torch.fft",
            lambda array, points: torch.fft.rfft2(torch.from_numpy(array), points),
            lambda spectra, points: torch.fft.irfft2(spectra, points),
            torch.conj_physical,
            lambda size: fft.next_fast_len(size, real=True),
        )
    )
    return found


def overlapping(images: np.ndarray, work: Workload, points: list[int]) -> tuple[Contender, Callable[[Any], Any]]:
    """A function that cuts the images into tiles (tiles, channels, *points), and one that puts responses together."""
    counts = work.positions
    valid = [side - size + 1 for side, size in zip(points, work.kernel, strict=True)]
    numbers = [-(-count // step) for count, step in zip(counts, valid, strict=True)]
    planes = channels_first(images)
    n_images, depth = planes.shape[:2]
    reach = [(number - 1) * step + side for number, step, side in zip(numbers, valid, points, strict=True)]

    def tiles() -> np.ndarray:
        if numbers == [1, 1]:
            return planes
        padded = np.zeros((n_images, depth, *reach), planes.dtype)
        padded[:, :, : planes.shape[2], : planes.shape[3]] = planes
        view = np.lib.stride_tricks.sliding_window_view(padded, points, axis=(2, 3))[:, :, :: valid[0], :: valid[1]]
        return np.ascontiguousarray(view.transpose(0, 2, 3, 1, 4, 5)).reshape(-1, depth, *points)

    def put_together(responses: np.ndarray) -> np.ndarray:
        kept = responses[:, :, : valid[0], : valid[1]].reshape(n_images, *numbers, -1, *valid)
        whole = kept.transpose(0, 1, 4, 2, 5, 3).reshape(n_images, numbers[0] * valid[0], numbers[1] * valid[1], -1)
        return whole[:, : counts[0], : counts[1]]

    return tiles, put_together


def numpy_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    """Windows gathered (where they are not a view) and multiplied by the kernels as a matrix."""
    n_gathered = images.size * work.kernel[0] * work.kernel[1]
    if work.flops > 2e10 or n_gathered > 1e8 or work.groups > 1:
        return {}
    reach = tuple((k - 1) * work.dilation + 1 for k in work.kernel)
    if work.whole:
        kernels = kernels.astype(np.float32)

    def gather() -> np.ndarray:
        padded = images.astype(kernels.dtype, copy=False)
        if any(map(any, work.ends)):
            padded = np.pad(padded, ((0, 0), *work.ends, (0, 0)), mode=work.boundary)
        if work.kernel == padded.shape[1:3]:
            return padded.reshape(len(padded), 1, 1, -1)
        if work.kernel == (1, 1):
            return padded[:, :: work.stride, :: work.stride]
        view = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
        view = view[:, :: work.stride, :: work.stride, :, :: work.dilation, :: work.dilation]
        view = view.transpose(0, 1, 2, 4, 5, 3)
        return view.reshape(*view.shape[:3], -1)

    def product() -> Any:
        windows = gather()
        return (windows.reshape(-1, windows.shape[3]) @ kernels.reshape(len(kernels), -1).conj().T).reshape(
            *windows.shape[:3], -1
        )

    found: dict[str, Contender] = {"numpy windows @": product}
    try:
        import torch
    except ImportError:
        return found
    torch.set_num_threads(n_workers())
    warnings.filterwarnings("ignore", "The given NumPy array is not writable")

    def torch_product() -> Any:
        windows = gather()
        matrix = torch.from_numpy(kernels.reshape(len(kernels), -1)).T
        return torch.mm(torch.from_numpy(windows.reshape(-1, windows.shape[3])), matrix).reshape(*windows.shape[:3], -1)

    if kernels.dtype.kind == "f":
        found["torch.mm"] = torch_product
    return found


FAMILIES: tuple[Family, ...] = (
    xcorr_contenders,
    torch_contenders,
    onnxruntime_contenders,
    cv2_contenders,
    scipy_contenders,
    spectral_contenders,
    numpy_contenders,
)


def forget_plans() -> None:
    """Leave no plan of an earlier row, or of another contender, to the next call of xcorr."""
    from xcorr import _cache

    _cache.clear_caches()


def contenders_for(work: Workload | Search | DropIn) -> tuple[dict[str, Contender], dict[str, float]]:
    """Those installed that can do the work and the seconds of their first calls, each response checked."""
    if isinstance(work, DropIn):
        return first_calls(dropin_contenders(work, n_workers()), TOLERANCE_OF_DROPINS)
    if isinstance(work, Search):
        return first_calls(search_contenders(work, n_workers()), TOLERANCE)
    images, kernels = work.arrays()
    found: dict[str, Contender] = {}
    first: dict[str, float] = {}
    expected = None
    for family in FAMILIES:
        try:
            members = family(work, images, kernels)
        except ImportError:
            if family is xcorr_contenders:
                raise
            continue
        for name, contender in members.items():
            if family is xcorr_contenders:
                forget_plans()
            begin = time.perf_counter()
            try:
                response = contender()
            except RuntimeError:
                if name.startswith("torch"):  # what is not public may refuse a shape, windows may not fit the memory
                    continue
                raise
            first[name] = time.perf_counter() - begin
            response = np.asarray(response() if callable(response) else response)
            expected = response if expected is None else expected
            np.testing.assert_allclose(response, expected, atol=1e-4 * np.abs(expected).max(), err_msg=name)
            found[name] = contender
    return found, first


def first_calls(contenders: dict[str, Contender], tolerance: float) -> tuple[dict[str, Contender], dict[str, float]]:
    """The same of contenders that are there already; what returns None is not compared."""
    first: dict[str, float] = {}
    expected = None
    for name, contender in contenders.items():
        if name.startswith("xcorr"):
            forget_plans()
        begin = time.perf_counter()
        response = contender()
        first[name] = time.perf_counter() - begin
        response = response() if callable(response) else response
        if response is not None:
            expected = np.asarray(response) if expected is None else expected
            np.testing.assert_allclose(response, expected, atol=tolerance * np.abs(expected).max(), err_msg=name)
    return contenders, first

"""What users write, as a type checker sees it and as it runs: test_typing.py does both.

`wrong` and `wrong_scores` are only looked at: each of their lines has to be an error, or its comment would be one.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_type

import xcorr
from xcorr import banks, datasets

Floats = npt.NDArray[np.float32]

image: npt.NDArray[np.float64] = np.ones((6, 6))
images: Floats = np.ones((4, 8, 9), np.float32)
kernels: Floats = np.ones((2, 3, 3), np.float32)
pixels: npt.NDArray[np.uint8] = np.ones((5, 6, 7, 3), np.uint8)
bank: npt.NDArray[np.int8] = np.ones((4, 2, 2, 3), np.int8)


def edges(photographs: Floats, masks: Floats) -> Floats:
    """A function of a user's, with hints."""
    return xcorr.correlate(photographs, masks, layout="NHW", padding="same", boundary="reflect")


def the_type_of_a_response_follows_from_operands_dtype_or_out() -> None:
    assert_type(edges(images, kernels), npt.NDArray[np.float32])
    assert_type(xcorr.correlate(image, image[:2, :2]), npt.NDArray[np.float64])
    assert_type(xcorr.correlate(pixels, bank), npt.NDArray[np.int64])
    assert_type(xcorr.correlate(pixels > 0, bank, workers=1), npt.NDArray[np.int64])
    assert_type(xcorr.correlate([[1, 2], [3, 4]], [[1, -1]]), npt.NDArray[Any])
    assert_type(xcorr.correlate(images, image[:3, :3], layout="NHW"), npt.NDArray[Any])
    assert_type(xcorr.correlate(image, image[:2, :2], dtype=np.complex128), npt.NDArray[np.complex128])
    assert_type(xcorr.correlate(pixels, bank, dtype=np.dtype(np.int32)), npt.NDArray[np.int32])
    assert_type(xcorr.correlate(pixels, bank, dtype="float32"), npt.NDArray[Any])
    assert_type(xcorr.correlate(images, kernels, layout="NHW", mask="finite", normalize=True), npt.NDArray[np.float32])
    assert_type(xcorr.correlate(pixels, bank, mask=pixels[..., 0] > 0), npt.NDArray[Any])
    out: npt.NDArray[np.float64] = np.empty((5, 5))
    assert_type(xcorr.correlate(image, image[:2, :2], out=out), npt.NDArray[np.float64])


def reduced_responses_are_an_array_or_as_many_as_were_asked_for() -> None:
    assert_type(xcorr.correlate(images, kernels, layout="NHW", reduce="max"), npt.NDArray[Any])
    assert_type(
        xcorr.convolve(images, kernels, layout="NHW", reduce=("max", "argmax"), over="kernels"),
        tuple[npt.NDArray[Any], ...],
    )
    assert_type(xcorr.correlate(images, kernels, layout="NHW", reduce=None), npt.NDArray[np.float32])
    xcorr.Correlator(kernels, layout="NHW", reduce=("ppv", "max"))(
        images, out=(np.empty((4, 2)), np.empty((4, 2), "f4"))
    )


def every_keyword_in_each_of_its_forms() -> None:
    xcorr.correlate(images, kernels, layout="NHW", padding="full", boundary="wrap", stride=2, dilation=(1, 2))
    xcorr.correlate(images, kernels, layout="NHW", padding=1, fill_value=np.float32(2), bias=[0.5, 1], method="direct")
    xcorr.correlate(images, kernels, layout="NHW", padding=(1, 2), fill_value=-1, precision="strict", conjugate=False)
    xcorr.correlate(
        images, kernels, layout="NHW", padding=((1, 2), (0, 1)), stride=(np.intp(1), 2), workers=np.int64(1)
    )
    xcorr.correlate(pixels.transpose(0, 3, 1, 2), np.ones((6, 1, 3, 3)), layout="NCHW", groups=3, method="auto")
    assert_type(xcorr.convolve(images, kernels, layout="NHW", padding="full"), npt.NDArray[np.float32])
    assert_type(xcorr.correlate(images, banks.sobel(), layout="NHW"), npt.NDArray[np.float32])
    assert_type(banks.gaussian(2), npt.NDArray[np.float32])
    assert_type(banks.laplacian_of_gaussian([1, 2.5], 9, normalized=True), npt.NDArray[np.float32])
    assert_type(banks.box((3, 5)), npt.NDArray[np.float32])
    assert_type(banks.names("gabor", orientations=6), list[str])
    xcorr.correlate(pixels, banks.per_channel(banks.sobel(), 3), groups=3)
    xcorr.correlate(pixels, banks.over_channels(banks.sobel(), np.int64(3)))


def a_bank_for_many_calls() -> None:
    correlator = xcorr.Correlator(kernels, layout="NHW", padding=((1, 1), (1, 1)), bias=np.zeros(2), fill_value=0.0)
    assert_type(correlator, xcorr.Correlator)
    assert_type(correlator(images), npt.NDArray[Any])
    place: Floats = np.empty((4, 8, 9, 2), np.float32)
    assert_type(correlator(images, out=place, workers=2), npt.NDArray[np.float32])
    assert_type(correlator.explain(images.shape, dtype=images.dtype), str)


def shapes_methods_indices_windows() -> None:
    assert_type(xcorr.response_shape(image.shape, (3, 3), padding="same", stride=2), tuple[int, int])
    assert_type(xcorr.response_shape((16000,), (400,), layout="NW", stride=160), tuple[int])
    assert_type(xcorr.response_shape((9, 9, 9), (3, 3, 3), layout="NDHW"), tuple[int, int, int])
    assert_type(xcorr.choose_method(images.shape, kernels.shape, layout="NHW", dtype="f8"), str)
    assert_type(xcorr.explain(images.shape, kernels.shape, layout="NHW", boundary=("edge", "wrap")), xcorr.Explanation)
    assert_type(xcorr.window_index((28, 28), (3, 3), dilation=2), npt.NDArray[np.intp])
    assert_type(xcorr.correlation_indices((32, 32, 3), (5, 5, 3), stride=4), npt.NDArray[np.intp])
    assert_type(xcorr.windows(pixels, (3, 3), layout="NHWC"), npt.NDArray[Any])


def scores_of_templates() -> None:
    assert_type(xcorr.match(images, kernels, layout="NHW"), npt.NDArray[np.float32])
    assert_type(xcorr.match(images, kernels, layout="NHW", mask="finite"), npt.NDArray[np.float32])
    assert_type(xcorr.match(image, image[:2, :2], score="ssd", padding="same"), npt.NDArray[np.float64])
    assert_type(xcorr.match(pixels, bank, score="ncc"), npt.NDArray[np.float64])
    assert_type(xcorr.match(pixels, bank, score="ssd"), npt.NDArray[Any])
    assert_type(xcorr.match(pixels, bank, score="ssd", dtype=np.int32), npt.NDArray[np.int32])
    assert_type(xcorr.match([[1, 2], [3, 4]], [[1, -1]]), npt.NDArray[Any])
    assert_type(xcorr.match(images, kernels, layout="NHW", reduce=xcorr.Peaks(3)), npt.NDArray[Any])
    assert_type(
        xcorr.match(images, kernels, layout="NHW", reduce=("max", "argmax"), over="kernels"),
        tuple[npt.NDArray[Any], ...],
    )
    place: Floats = np.empty((4, 6, 7, 2), np.float32)
    assert_type(xcorr.match(images, kernels, layout="NHW", out=place, undefined=np.nan), npt.NDArray[np.float32])
    shifts = xcorr.register(images, images, layout="NHW", score="zncc", mask="finite", subpixel=10, max_shift=(3, 4.5))
    assert_type(shifts, xcorr.Shifts)
    assert_type(shifts.displacement, npt.NDArray[np.float64])
    matcher = xcorr.Matcher(kernels, layout="NHW", template_mask=np.ones((3, 3), bool), min_overlap=0.3)
    assert_type(matcher, xcorr.Matcher)
    assert_type(matcher(images, mask="finite"), npt.NDArray[Any])
    assert_type(matcher(images, out=place, workers=2), npt.NDArray[np.float32])
    xcorr.Matcher(kernels, layout="NHW", score="nssd", reduce=xcorr.Peaks(2, largest=False), dtype="f8")(images)


def places_in_responses() -> None:
    peaks = xcorr.Peaks(5, threshold=0.5, min_distance=np.int64(3), subpixel="gaussian", per="image")
    assert_type(peaks, xcorr.Peaks)
    assert_type(xcorr.Peaks(threshold=np.float32(1), border=2, largest=False)(images, "NHW"), npt.NDArray[Any])
    assert_type(peaks(image, layout=None), npt.NDArray[Any])
    assert_type(peaks.k, int)
    assert_type(peaks.threshold, float | None)


def workers_and_the_installation() -> None:
    assert_type(xcorr.get_workers(), int)
    with xcorr.set_workers(1) as setting:
        assert_type(setting, xcorr.set_workers)
    xcorr.set_workers(None)
    assert_type(xcorr.info(), dict[str, Any])
    assert_type(xcorr.__version__, str)


def data_sets() -> None:
    sample = datasets.load_digits_sample()
    assert_type(sample.images, npt.NDArray[np.uint8])
    assert_type(datasets.load_colour_sample().labels, npt.NDArray[np.uint8])
    try:
        assert_type(datasets.load_mnist("nowhere", split="letters").test_images, npt.NDArray[np.uint8] | None)
        assert_type(datasets.load_cifar10("nowhere").train_labels, npt.NDArray[np.uint8] | None)
        assert_type(datasets.load_cifar10("nowhere").images, npt.NDArray[np.uint8])
    except FileNotFoundError:
        pass
    except xcorr.DataFormatError as error:
        assert_type(error.offset, int)


def wrong_scores() -> None:
    xcorr.match(images)  # type: ignore[call-overload]
    xcorr.register(images, images, score="best")  # type: ignore[arg-type]
    xcorr.match(images, kernels, score="best")  # type: ignore[call-overload]
    xcorr.match(images, kernels, groups=2)  # type: ignore[call-overload]
    xcorr.match(images, kernels, reduce="most")  # type: ignore[call-overload]
    xcorr.Matcher(kernels, workers=2)  # type: ignore[call-arg]
    xcorr.Matcher(kernels, score="best")  # type: ignore[arg-type]


def wrong() -> None:
    xcorr.correlate(images)  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, "NHW")  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, layout="HWN")  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, padding="sane")  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, padding=1.5)  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, boundary="mirror")  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, stride="2")  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, dilation=("1", 2))  # type: ignore[arg-type]
    xcorr.correlate(images, kernels, method="spectral")  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, reduce="most")  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, reduce="max", over="images")  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, fill_value="0")  # type: ignore[arg-type]
    xcorr.correlate(images, kernels, workers=2.0)  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, strides=2)  # type: ignore[call-overload]
    xcorr.correlate(images, kernels, out=[[0.0]])  # type: ignore[call-overload]
    xcorr.convolve(images, kernels, precision="high")  # type: ignore[call-overload]
    response = xcorr.correlate(images, kernels)
    doubles: npt.NDArray[np.float64] = response  # type: ignore[assignment]
    xcorr.Correlator()  # type: ignore[call-arg]
    xcorr.Correlator(kernels, workers=2)  # type: ignore[call-arg]
    xcorr.Correlator(kernels, padding="sane")  # type: ignore[arg-type]
    xcorr.Correlator(kernels)(images, dtype=np.float64)  # type: ignore[call-overload]
    xcorr.response_shape(28, 3)  # type: ignore[call-overload]
    xcorr.choose_method((28, 28), (3, 3), precision=1)  # type: ignore[arg-type]
    xcorr.windows(images, 3)  # type: ignore[arg-type]
    xcorr.set_workers("2")  # type: ignore[arg-type]
    xcorr.Peaks(2.0)  # type: ignore[arg-type]
    xcorr.Peaks(None)  # type: ignore[arg-type]
    xcorr.Peaks(1, 0.5)  # type: ignore[call-arg]
    xcorr.Peaks(subpixel="centroid")  # type: ignore[arg-type]
    xcorr.Peaks(per="map")  # type: ignore[arg-type]
    xcorr.Peaks()(images, "NWH")  # type: ignore[arg-type]
    peaks = xcorr.Peaks()
    peaks.k = 2
    datasets.load_idx(3)  # type: ignore[arg-type]
    del doubles


the_type_of_a_response_follows_from_operands_dtype_or_out()
reduced_responses_are_an_array_or_as_many_as_were_asked_for()
every_keyword_in_each_of_its_forms()
a_bank_for_many_calls()
shapes_methods_indices_windows()
scores_of_templates()
places_in_responses()
workers_and_the_installation()
data_sets()

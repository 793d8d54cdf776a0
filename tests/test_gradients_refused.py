"""Malformed calls of gradients are refused by their arguments' names."""

import numpy as np
import pytest

import xcorr

G, K, X = np.ones((2, 5, 6, 4)), np.ones((4, 3, 3, 2)), np.ones((2, 7, 8, 2))
REFUSED = [
    (lambda: xcorr.gradient_images("G", K), TypeError, "responses: got str"),
    (lambda: xcorr.gradient_images(G, None), TypeError, "kernels: got NoneType"),
    (lambda: xcorr.gradient_images(G, K, 7), TypeError, "image_shape: got 7"),
    (lambda: xcorr.gradient_images(G, K, (7, 8, 0)), ValueError, "image_shape: got"),
    (lambda: xcorr.gradient_images(G, K, (7, 8)), ValueError, "(image_shape|layout): "),
    (
        lambda: xcorr.gradient_images(G, K, (7, 8), layout="NHWC"),
        ValueError,
        r"image_shape: got \(7, 8\); allowed with",
    ),
    (
        lambda: xcorr.gradient_images(G, K, (7, 9, 2)),
        ValueError,
        r"responses: they are \(5, 6\); the correlation has \(5, 7\)",
    ),
    (lambda: xcorr.gradient_images(G, K, (7, 8, 3)), ValueError, "kernels: each has 2 channels; the image_shape"),
    (
        lambda: xcorr.gradient_images(G[..., :3], K, (7, 8, 2)),
        ValueError,
        "responses: they are of 3 kernels; the kernels are 4",
    ),
    (lambda: xcorr.gradient_images(G[:, :0], K), ValueError, "responses: shape .* length 0"),
    (lambda: xcorr.gradient_images(G, K[:, :0]), ValueError, "kernels: shape .* length 0"),
    (lambda: xcorr.gradient_images(G, K, (2, 2, 2)), ValueError, "kernels: spatial size"),
    (lambda: xcorr.gradient_images(G, K, padding=4), ValueError, "responses: no image has 5 windows"),
    (lambda: xcorr.gradient_images(G, K, output_padding=1), ValueError, "output_padding: got 1; allowed is less than"),
    (lambda: xcorr.gradient_images(G, K, stride=2, output_padding=-1), ValueError, "output_padding: got -1"),
    (lambda: xcorr.gradient_images(G, K, stride=2, output_padding=1.0), TypeError, "output_padding: got 1.0"),
    (
        lambda: xcorr.gradient_images(G, K, (7, 8, 2), stride=1, output_padding=1),
        ValueError,
        "output_padding: got 1 beside",
    ),
    (lambda: xcorr.gradient_images(G, K, layout="NHCW"), ValueError, "layout: got 'NHCW'"),
    (
        lambda: xcorr.gradient_images(G[0, 0, 0], K, layout="NHWC"),
        ValueError,
        r"responses: shape \(4,\) has 1 axis; allowed",
    ),
    (lambda: xcorr.gradient_images(G, K, padding="some"), ValueError, "padding: got 'some'"),
    (lambda: xcorr.gradient_images(G, K, boundary="zeros"), ValueError, "boundary: got 'zeros'"),
    (lambda: xcorr.gradient_images(G, K, stride=0), ValueError, "stride: got 0"),
    (lambda: xcorr.gradient_images(G, K, dilation=True), TypeError, "dilation: got True"),
    (lambda: xcorr.gradient_images(G, K, groups=3), ValueError, "groups: 3 does not divide"),
    (lambda: xcorr.gradient_images(G, K, conjugate=1), TypeError, "conjugate: got 1"),
    (lambda: xcorr.gradient_images(G, K, dtype="bool"), TypeError, "dtype: got bool"),
    (lambda: xcorr.gradient_images(G, K, dtype="int32"), TypeError, "dtype: got int32 .* a float or complex type$"),
    (lambda: xcorr.gradient_images(G, K, stride=2**62), ValueError, "stride: the bytes"),
    (
        lambda: xcorr.gradient_images(G, K[0, :, :, 0], (7, 8, 3), layout="NHWC"),
        ValueError,
        "image_shape: it has 3 channels; allowed are the 4",
    ),
    (
        lambda: xcorr.gradient_images(np.ones((4, 4)), np.ones((3, 3)), (1, 6, 6)),
        ValueError,
        r"image_shape: no layout has responses of shape \(4, 4\)",
    ),
    (
        lambda: xcorr.gradient_images(np.ones((2, 4, 4)), np.ones((3, 3))),
        ValueError,
        "layout: .* can be read with layout='NHWC', layout='NCHW', layout='NHW' or layout='NW'; say which",
    ),
    (lambda: xcorr.gradient_images(G, K, workers=0), ValueError, "workers: got 0"),
    (lambda: xcorr.gradient_images(G, K, out=np.ones((2, 7, 8, 2), "f4")), TypeError, "out: got dtype float32"),
    (lambda: xcorr.gradient_images(G, K, out=np.ones((2, 7, 8))), ValueError, "out: got shape"),
    (lambda: xcorr.gradient_kernels(X, G, (3, 3, 2), stride=2), ValueError, "responses: they are"),
    (
        lambda: xcorr.gradient_kernels(X, G[:1], (3, 3, 2)),
        ValueError,
        "responses: they are of 1 images; the images are 2",
    ),
    (
        lambda: xcorr.gradient_kernels(X, G, (3, 3, 1)),
        ValueError,
        "kernel_shape: each has 1 channel; the images have 2",
    ),
    (
        lambda: xcorr.gradient_kernels(X, G, (3, 3), layout="NHWC"),
        ValueError,
        "responses: they have 4 channels; the images have 2",
    ),
    (lambda: xcorr.gradient_kernels(X, G, (4, 3, 3, 2)), ValueError, "(kernel_shape|layout): "),
    (lambda: xcorr.gradient_kernels(X, G, (4, 3, 3, 2), layout="NHWC"), ValueError, "kernel_shape: got"),
    (lambda: xcorr.gradient_kernels(X, G, (9, 9, 2)), ValueError, "kernel_shape: spatial size"),
    (lambda: xcorr.gradient_kernels(X, G, 3), TypeError, "kernel_shape: got 3"),
    (lambda: xcorr.gradient_kernels(X, "G", (3, 3, 2)), TypeError, "responses: got str"),
    (lambda: xcorr.gradient_kernels([[None]], G, (3, 3, 2)), TypeError, "images: got dtype object"),
    (lambda: xcorr.gradient_kernels(X, G, (3, 3, 2), groups=3), ValueError, "groups: 3 does not divide"),
    (lambda: xcorr.gradient_kernels(X, G[0], (3, 3, 2), layout="NCHW"), ValueError, "(responses|kernel_shape): "),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_malformed_calls_are_refused_by_name(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()

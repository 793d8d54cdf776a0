"""How far winograd's responses may be off."""

import numpy as np

import xcorr


def partners(length, dilation):
    """The other row or column of each one's quad, or itself where there is none."""
    own = np.arange(length)
    other = np.where(own % (2 * dilation) < dilation, own + dilation, own - dilation)
    return np.where(other < length, other, own)


def allowed_error(images, kernels, keywords):
    """16 u times the sum over channels of max |quad| sum |kernel|, a complex tap counting as two."""
    groups = keywords.get("groups", 1)
    flat = {name: value for name, value in keywords.items() if name in ("padding", "boundary", "dilation")}
    magnitudes = np.abs(images.astype(np.result_type(images, np.float64)))
    quads = []
    for channel in range(images.shape[3]):  # the largest pixel of each window, then of each quad's four
        windows = xcorr.correlate(magnitudes[..., channel : channel + 1], np.eye(9).reshape(9, 3, 3, 1), **flat)
        quads.append(windows.max(axis=-1))
    quads = np.stack(quads, axis=-1)
    for axis, dilation in zip((1, 2), np.broadcast_to(keywords.get("dilation", 1), 2)):
        quads = np.maximum(quads, quads.take(partners(quads.shape[axis], dilation), axis))
    depth, n_kernels = kernels.shape[3], len(kernels) // groups
    sums = np.abs(kernels).astype(np.float64).sum(axis=(1, 2))
    bound = np.concatenate(
        [
            quads[..., group * depth : (group + 1) * depth] @ sums[group * n_kernels : (group + 1) * n_kernels].T
            for group in range(groups)
        ],
        axis=-1,
    )
    bias = keywords.get("bias")
    bound = bound if bias is None else bound + np.abs(bias)
    unit = np.finfo(images.dtype).eps / 2
    return 16 * unit * bound * (2 if images.dtype.kind == "c" else 1)

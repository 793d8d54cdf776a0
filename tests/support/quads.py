"""What winograd's responses are held against: how far they may be off, and what changes none of their bits."""

import numpy as np
from checks import assert_same_bits, random_generator, real_numbers

import xcorr

OF_NORM = {(2, 3): 16, (4, 3): 384, (2, 5): 512}
"""The bounds' constants, by how many responses a quad has down and across, and taps a kernel."""


def partners(length, dilation, side, other):
    """For each row or column another one of its quad, or the last of those that there are."""
    own = np.arange(length)
    place = own % (side * dilation) // dilation
    found = own + (other - place) * dilation
    return np.where(found < length, found, own)


def allowed_error(images, kernels, keywords, side=2):
    """The constant times u times the sum over channels of max |quad| sum |kernel|, a complex tap counting as two."""
    groups = keywords.get("groups", 1)
    flat = {name: value for name, value in keywords.items() if name in ("padding", "boundary", "dilation")}
    magnitudes = np.abs(images.astype(np.result_type(images, np.float64)))
    taps, quads = kernels.shape[1], []
    one_tap_each = np.eye(taps**2).reshape(taps**2, taps, taps, 1)
    for channel in range(images.shape[3]):  # the largest pixel of each window, then of each quad's
        windows = xcorr.correlate(magnitudes[..., channel : channel + 1], one_tap_each, **flat)
        quads.append(windows.max(axis=-1))
    quads = np.stack(quads, axis=-1)
    for axis, dilation in zip((1, 2), np.broadcast_to(keywords.get("dilation", 1), 2)):
        others = [quads.take(partners(quads.shape[axis], dilation, side, other), axis) for other in range(side)]
        quads = np.maximum.reduce(others)
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
    return OF_NORM[side, taps] * unit * bound * (2 if images.dtype.kind == "c" else 1)


def problem(case, dtype, draw=real_numbers):
    """A case's operands and keywords."""
    rng = random_generator(case.id, dtype)
    images, kernels = draw(rng, case.images, dtype), draw(rng, case.kernels, dtype)
    return images, kernels, dict(case.keywords, bias=draw(rng, case.kernels[0], dtype) if case.bias else None)


def operands(images, kernels, dtype="float32"):
    """Random numbers of these shapes."""
    rng = random_generator(images, kernels, dtype)
    return real_numbers(rng, images, dtype), real_numbers(rng, kernels, dtype)


def check_bits(respond, case, dtype):
    """Workers, the batch and the bank change none."""
    images, kernels, keywords = problem(case, dtype)
    together = respond(images, kernels, workers=1, **keywords)
    for workers in (2, 3, 16):
        assert_same_bits(respond(images, kernels, workers=workers, **keywords), together)
    for index in range(len(images)):
        assert_same_bits(respond(images[index : index + 1], kernels, **keywords), together[index : index + 1])
    if case.groups == 1:
        bias = keywords.pop("bias")
        for first, end in ((0, 1), (len(kernels) // 2, len(kernels)), (len(kernels) - 1, len(kernels))):
            own_bias = None if bias is None else bias[first:end]
            response = respond(images, kernels[first:end], bias=own_bias, **keywords)
            assert_same_bits(response, together[..., first:end])

"""aeon's tests of ROCKET, whose two features of each kernel are `reduce=("ppv", "max")`."""

from collections import defaultdict

import numpy as np
from suite import Suite

import xcorr


def apply_kernels(series, kernels):
    """Features (series, 2 x kernels) of series (series, channels, points): ppv and max of each kernel."""
    taps, lengths, biases, dilations, paddings, n_channels, channels = kernels
    series = np.asarray(series)
    features = np.empty((len(series), len(lengths), 2), np.float32)
    ends = np.cumsum(n_channels * lengths), np.cumsum(n_channels)
    alike = defaultdict(list)
    for index, geometry in enumerate(zip(lengths, dilations, paddings, strict=True)):
        alike[tuple(map(int, geometry))].append(index)
    for (length, dilation, padding), members in alike.items():
        bank = np.zeros((len(members), series.shape[1], length), np.float32)
        for kernel, index in zip(bank, members, strict=True):
            seen = channels[ends[1][index] - n_channels[index] : ends[1][index]]
            kernel[seen] = taps[ends[0][index] - n_channels[index] * length : ends[0][index]].reshape(-1, length)
        features[:, members] = np.stack(
            xcorr.correlate(
                series.astype(np.float32),
                bank,
                layout="NCW",
                padding=((padding, padding),),
                dilation=dilation,
                bias=biases[members].astype(np.float32),
                reduce=("ppv", "max"),
            ),
            axis=-1,
        )
    return features.reshape(len(series), -1)


SUITE = Suite(
    peer="aeon",
    tests=("aeon.transformations.collection.convolution_based.tests",),
    only="rocket and not minirocket and not multirocket",
    swaps={"aeon.transformations.collection.convolution_based._rocket._apply_kernels": apply_kernels},
)

"""What the tests of figures share: operands, and what a figure holds."""

import numpy as np

import xcorr
from xcorr import datasets

RNG = np.random.default_rng(5)
DIGITS = datasets.load_digits_sample().images[:3]
TILES = datasets.load_colour_sample().images[:2]
BANK = RNG.normal(size=(4, 3, 3)).astype(np.float32)


def digit_responses(n_images=3, n_kernels=4):
    images = DIGITS[:n_images].astype(np.float32)
    return images, xcorr.correlate(images, BANK[:n_kernels], layout="NHW")


def facet_titles(figure):
    return [annotation.text.replace("<br>", " ") for annotation in figure.layout.annotations]


def heatmaps(figure, coloraxis):
    return [trace for trace in figure.data if trace.type == "heatmap" and trace.coloraxis == coloraxis]


def title(figure):
    return figure.layout.title.text.replace("<br>", " ")


def axis_pairs(figure):
    """Every trace's two axes in the layout."""
    return [
        (figure.layout["xaxis" + (trace.xaxis or "x")[1:]], figure.layout["yaxis" + (trace.yaxis or "y")[1:]])
        for trace in figure.data
    ]


def n_bytes(figure):
    return len(figure.to_json())

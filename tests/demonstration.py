"""The demonstration's steps on a few images, each timed once."""

import pytest

from xcorr import datasets
from xcorr._cli import demo

N_FIGURES = 12


def few_outcomes():
    digits, tiles = datasets.load_digits_sample().images[:8], datasets.load_colour_sample().images[::8]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "TIMING_SECONDS", 1e-9)
        return [demo.run_step(step, 1, lambda indices, title: indices) for step in demo.demo_steps(digits, tiles)]

"""The demonstration's steps on a few images, each timed once, beside libraries that are there or made up."""

from dataclasses import replace

import pytest

from xcorr import datasets
from xcorr._cli import demo

N_FIGURES, N_PHOTOGRAPHS = 12, 3
PHOTOGRAPH = demo.photograph()
OTHERS = {"OpenCV": 3.0, "torch": 0.5}  # and how many times as long as xcorr they take


def few_outcomes():
    digits, tiles = datasets.load_digits_sample().images[:8], datasets.load_colour_sample().images[::8]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "TIMING_SECONDS", 1e-9)
        patch.setattr(demo.peers, "OTHERS", {})
        outcomes, left_out = demo.run_steps(
            demo.demo_steps(PHOTOGRAPH, digits, tiles), 1, lambda indices, title: indices
        )
    assert left_out == []
    assert all(list(outcome.peer_seconds) == ["SciPy"] for outcome in outcomes)
    made_up = [{name: times * outcome.seconds for name, times in OTHERS.items()} for outcome in outcomes]
    return [
        replace(outcome, peer_seconds={**outcome.peer_seconds, **others}) for outcome, others in zip(outcomes, made_up)
    ]

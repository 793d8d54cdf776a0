"""The pictures of the demonstration's page, by sections: what goes in and comes out, times, differences, windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape, unescape
from itertools import chain
from math import log10
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xcorr import match, plot
from xcorr._cli.outcome import Outcome, Step, times_text
from xcorr._cli.peers import LOOP
from xcorr._cli.tiles import painted
from xcorr._figures.facets import FACET_SIZE, FONT, FRAME, INK, PAPER, Facet, Sheet, draw
from xcorr._figures.pixels import png
from xcorr.peaks import Peaks

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Photographs", "Picture", "sections"]

Array = NDArray[Any]

# Of figures, in pixels: for telephones, small tablets and two kinds of screens.
WIDTHS = (300, 440, 720, 1100)

# Of xcorr and the libraries beside it: colours that can be told apart, and shapes that can without them.
MARKS = (("#0b5cad", "circle"), ("#c4530a", "diamond"), ("#0a7d5f", "square"), ("#7a3fb0", "triangle-up"))

# Images that are drawn beside their responses: whole lines of a wide window, and not too long in a narrow one.
MOST_DIGITS, MOST_TILES = 4, 6

# The star of the shipped photograph's flag that is whole: its first row and column in 256ths of the sides, its sides;
# how many pixels of its window may lie beyond the border, and what is seen of the paper behind these; how many pixels
# are drawn of one, and the score of what is found.
STAR_PLACE, STAR_SIZE = (26, 12), 15
STAR_BEYOND, STAR_PAPER, STAR_ENLARGED, STAR_SCORE = 7, 3, 16, 0.9
BOX = (240, 228, 66)
"""Yellow, as of `plot.matches`."""


class Picture(NamedTuple):
    """A figure at each width, and what is said about it."""

    figures: list[Figure]
    title: str
    caption: str


class Photographs(NamedTuple):
    """Pictures side by side, as addresses, each with what it is."""

    pictures: list[tuple[str, str]]
    title: str
    caption: str
    size: str = "large"


Section = tuple[str, list[Picture | Photographs]]


def picture(make: Callable[..., Figure], caption: str, widest: int = WIDTHS[-1]) -> Picture:
    """Draw a figure at every width; the page writes its title."""
    figures = [make(width=min(width, widest)) for width in WIDTHS]
    title = unescape(figures[-1].layout.title.text.replace("<br>", " "))
    for figure in figures:
        n_lines = figure.layout.title.text.count("<br>") + 1
        figure.layout.height -= 20 * n_lines
        figure.layout.margin.t -= 20 * n_lines
        figure.update_layout(title_text="", dragmode=False)
    return Picture(figures, title, caption)


def sections(outcomes: Sequence[Outcome], photograph: NDArray[np.uint8]) -> list[Section]:
    """Headings with their pictures. Responses of a wrong shape cannot be drawn: the verdict tells of them."""
    steps = {outcome.step.name: outcome.step for outcome in outcomes}
    right = {outcome.step.name: outcome for outcome in outcomes if outcome.has_right_shape}
    digits, tiles = ([right[name]] if name in right else [] for name in ("batch_bank", "colour_batch_bank"))
    batches = [outcome for outcome in right.values() if outcome.step.is_batch]
    return [
        (
            "A photograph",
            [*edges_and_blur(right, photograph), kernels_picture(steps["photograph_textures"]), *textures(right)],
        ),
        ("A template", [template_pictures(photograph)]),
        ("Digits", [kernels_picture(steps["batch_bank"]), *map(responses_picture, digits)]),
        ("Colours", [kernels_picture(steps["colour_batch_bank"]), *map(colours_picture, tiles)]),
        ("Time", [time_picture(outcomes)]),
        ("Responses beside SciPy's", [*chain.from_iterable(map(difference_pictures, batches))]),
        ("Windows", [windows_picture(steps[name]) for name in ("batch_bank", "colour_batch_bank")]),
    ]


# --- photographs ------------------------------------------------------------------------------------------------------


def edges_and_blur(right: dict[str, Outcome], photograph: NDArray[np.uint8]) -> Iterator[Photographs]:
    """The photograph, its edges and its blur, as far as there are such responses."""
    pictures = [(png(photograph), "The photograph")]
    if "photograph_edges" in right:
        across, down = right["photograph_edges"].step.response_planes(right["photograph_edges"].response)[0]
        pictures.append((png(in_grey(np.hypot(across, down))), "Its edges: Sobel's two kernels"))
    if "photograph_blur" in right:
        response, kernel = right["photograph_blur"].response, right["photograph_blur"].step.kernels
        size = "x".join(map(str, kernel.shape))
        pictures.append((png(in_grey(response)), f"Its blur: one Gaussian kernel of {size}"))
    if len(pictures) > 1:
        caption = (
            "A kernel moves over the photograph's brightness, and each response says how much of the kernel is there. "
            "Edges are the length of the two responses, across and down."
        )
        yield Photographs(pictures, "A photograph, its edges, its blur", caption)


def textures(right: dict[str, Outcome]) -> Iterator[Photographs]:
    """The responses of the bank, if they are there."""
    if "photograph_textures" in right:
        outcome = right["photograph_textures"]
        planes = outcome.step.response_planes(outcome.response)[0]
        largest = greatest_but(np.abs(planes))
        pictures = [
            (png(painted(np.clip(plane, -largest, largest), largest, "diverging")), name)
            for plane, name in zip(planes, outcome.step.kernel_names, strict=True)
        ]
        caption = (
            "From the step: photograph, textures. Each kernel answers to lines of its own direction; "
            "where the response is zero it is white."
        )
        yield Photographs(pictures, f"The responses of the {len(planes)} kernels", caption, "small")


def in_grey(plane: Array) -> NDArray[np.uint8]:
    """Return (rows, columns, 3): black at 0 or below, white from `greatest_but` on; what is not finite is black."""
    shares = np.clip(np.where(np.isfinite(plane), plane, 0) / (greatest_but(plane) or 1.0), 0, 1)
    return np.repeat(np.rint(255 * shares).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def greatest_but(values: Array) -> float:
    """Return the value that one pixel in two hundred is above: the strongest would leave the others dark."""
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, 0.995)) if finite.size else 0.0


def template_pictures(photograph: NDArray[np.uint8]) -> Photographs:
    """A part of the photograph, its score at every place, and where it is found."""
    top, left = (length * place // 256 for length, place in zip(photograph.shape, STAR_PLACE, strict=False))
    template = photograph[top : top + STAR_SIZE, left : left + STAR_SIZE]
    scores = match(photograph, template, layout="NHWC", padding=STAR_BEYOND, min_overlap=0.4)
    peaks = Peaks(9, threshold=STAR_SCORE, min_distance=STAR_BEYOND)(scores)
    found = peaks[peaks["kernel"] >= 0]
    large = template.repeat(STAR_ENLARGED, axis=0).repeat(STAR_ENLARGED, axis=1)
    pictures = [
        (png(large), f"The template: {'x'.join(map(str, template.shape[:2]))} pixels of the flag, enlarged"),
        (png(painted(scores, 1.0, "diverging")), "Its score at every place: red is 1, white 0, blue -1"),
        (png(boxed(photograph, found)), f"The places that score {STAR_SCORE} or more"),
    ]
    said = ", ".join(f"{peak['score']:.3g}" for peak in found)
    caption = (
        "A star is cut out of the photograph, and xcorr.match scores how well it fits at every place, in all colours "
        "together and whatever brightness and contrast are there. What lies beyond the border is not seen and does not "
        f"count, so stars that the border cuts off are found, too. xcorr.Peaks takes the best places: {said}."
    )
    return Photographs(pictures, "A template in the photograph", caption)


def boxed(photograph: NDArray[np.uint8], peaks: Array) -> NDArray[np.uint8]:
    """The photograph, on paper somewhat wider than windows reach, with a box around each place."""
    edge = STAR_BEYOND + STAR_PAPER
    drawn = np.pad(photograph, ((edge, edge), (edge, edge), (0, 0)), constant_values=255)
    rows, columns = np.ogrid[: drawn.shape[0], : drawn.shape[1]]
    for peak in peaks:
        row, column = (peak[name] + STAR_PAPER + (STAR_SIZE - 1) / 2 for name in ("row", "column"))
        distance = np.maximum(abs(rows - row), abs(columns - column)) - STAR_SIZE / 2
        drawn[(distance > 0) & (distance < 3)] = BOX
    return drawn


# --- figures ----------------------------------------------------------------------------------------------------------


def time_picture(outcomes: Sequence[Outcome]) -> Picture:
    """All times of every step."""
    others = [name for name in outcomes[0].peer_seconds if name != LOOP]
    caption = "One call of xcorr beside a loop over scipy.signal.correlate2d, which has one thread"
    caption += f", and beside {' and '.join(others)} with as many threads as xcorr at most" if others else ""
    caption += f". The numbers are {LOOP}'s time over that of xcorr."
    return picture(partial(time_figure, outcomes), caption, widest=860)


def kernels_picture(step: Step) -> Picture:
    """The bank of a step."""
    make = partial(plot.bank, step.channels_first(step.kernels, np.float32), layout="NCHW", names=step.kernel_names)
    return picture(make, f"For the {step.subject}. Blue taps are negative, red ones positive.")


def windows_picture(step: Step) -> Picture:
    """Windows of the first image of a step."""
    shape = step.channels_first(step.kernels, np.float32).shape[2:]
    make = partial(plot.windows, step.images[0], shape, layout=step.layout, stride=3)
    caption = "What the kernel meets of an image, every third window in each direction, each at its response's place."
    return picture(make, caption, widest=640)


def responses_picture(outcome: Outcome) -> Picture:
    """The first images of a step, each beside its responses."""
    step = outcome.step
    operands = step.images[:MOST_DIGITS], outcome.response[:MOST_DIGITS]
    make = partial(plot.responses, *operands, layout=step.layout, names=step.kernel_names)
    return picture(make, f"From the step: {step.title}. Where the response is zero it is white.")


def colours_picture(outcome: Outcome) -> Picture:
    """The colour tiles with the strongest edges, each beside its brightness in grey and its edges from blue to red."""
    step = outcome.step
    chosen = np.argsort(-outcome.response[..., -1].std(axis=(1, 2)), kind="stable")[:MOST_TILES]
    facets = [
        facet
        for index in chosen
        for facet in (
            Facet(f"image {index}", step.images[index], "colour"),
            *(
                Facet(name, outcome.response[index, ..., kernel], scale)
                for kernel, (name, scale) in enumerate(zip(step.kernel_names, ("image", "signed"), strict=True))
            ),
        )
    ]
    title = f"{len(chosen)} images and the responses of two kernels"
    words = dict(zip(("image", "signed"), step.kernel_names, strict=True))

    def make(width: int) -> Figure:
        return draw(Sheet(title, facets, len(facets), 3, len(facets), width, words))

    return picture(make, f"From the step: {step.title}. Each kernel has a scale of its own.")


def apart(step: Step) -> list[tuple[Any, str]]:
    """The kernels of each figure: those for colours answer in numbers too different to share a scale."""
    return list(enumerate(step.kernel_names)) if "C" in step.layout else [(slice(None), "")]


def difference_pictures(outcome: Outcome) -> Iterator[Picture]:
    """The responses of a step's first image, SciPy's, and the differences."""
    step = outcome.step
    ours, theirs = step.response_planes(outcome.response)[0], outcome.comparison.expected
    bound = "where all have to be equal" if step.exact else f"where {outcome.comparison.bound:.2g} is allowed"
    caption = (
        f"Of the first image. The whole step's largest difference is {outcome.comparison.difference:.2g}, {bound}."
    )
    for kernel, name in apart(step):
        make = partial(
            plot.compare,
            ours[kernel],
            theirs[kernel],
            axes="HW" if name else "KHW",
            names=("xcorr", LOOP),
            title=f"{step.title}, {name}" if name else step.title,
        )
        yield picture(make, caption)


def time_figure(outcomes: Sequence[Outcome], width: int) -> Figure:
    """All times of every step, joined by a line, on a logarithmic axis."""
    from plotly.graph_objects import Figure

    steps = [escape(outcome.step.title).replace(", ", ",<br>") for outcome in outcomes]
    times = {"xcorr": [1e3 * one.seconds for one in outcomes]}
    times |= {name: [1e3 * one.peer_seconds[name] for one in outcomes] for name in outcomes[0].peer_seconds}
    of_step = list(zip(*times.values(), strict=True))
    lines = {
        "type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False,
        "line": {"color": FRAME, "width": 3},
        "x": [time for one in of_step for time in (min(one), max(one), None)],
        "y": [step for step in steps for _ in range(3)],
    }  # fmt: skip
    dots = [
        {
            "type": "scatter", "mode": "markers", "name": name, "x": taken, "y": steps,
            "marker": {"color": colour, "size": 12, "symbol": symbol, "line": {"color": PAPER, "width": 1}},
            "hovertemplate": "%{x:.4~g} ms<extra>%{fullData.name}</extra>",
        }
        for (name, taken), (colour, symbol) in zip(times.items(), MARKS, strict=False)
    ][::-1]  # fmt: skip
    factors = {
        "type": "scatter", "mode": "text", "x": [*map(max, of_step)], "y": steps, "textposition": "middle right",
        "text": [f"&nbsp;&nbsp;&nbsp;{times_text(one.times_faster(LOOP))} x" for one in outcomes],
        "hoverinfo": "skip", "showlegend": False,
    }  # fmt: skip
    ends = log10(min(map(min, of_step))), log10(max(map(max, of_step)))
    before, behind = (0.08, 0.35) if width < 600 else (0.03, 0.12)  # of the range, for half a disc and the last text
    legend = 22 * -(-len(dots) // ((width - 116) // 90))  # plotly has the plot's width for a line
    layout = {
        "template": "none", "width": width, "height": 114 + legend + 40 * len(steps),
        "margin": {"l": 108, "r": 8, "t": 40 + legend, "b": 64, "autoexpand": False},
        "font": {"family": FONT, "size": FACET_SIZE + 1, "color": INK}, "paper_bgcolor": PAPER, "plot_bgcolor": PAPER,
        "title": {"text": "Time of each step in milliseconds, on a logarithmic axis"},
        "legend": {
            "orientation": "h", "traceorder": "reversed", "font": {"size": FACET_SIZE},
            "entrywidth": 46, "xref": "container", "x": 0.01, "xanchor": "left", "y": 1, "yanchor": "bottom",
        },
        "xaxis": {
            "type": "log", "title": {"text": "milliseconds", "standoff": 12}, "gridcolor": "#e4e7eb", "zeroline": False,
            "dtick": 1 if width > 400 else 2, "tickangle": 0, "exponentformat": "none",
            "range": [ends[0] - 0.1 - before * (ends[1] - ends[0]), ends[1] + 0.2 + behind * (ends[1] - ends[0])],
        },
        "yaxis": {"autorange": "reversed", "gridcolor": "#e4e7eb", "zeroline": False},
    }  # fmt: skip
    return Figure([lines, *dots, factors], layout)

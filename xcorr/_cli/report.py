"""The demonstration as one page that can be opened, kept and sent without anything else.

The page holds plotly's script once, and every figure as data with some layouts, of which the widest that fits is drawn.
It asks for nothing: its content policy forbids every request.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape, unescape
from itertools import count
from math import log10
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy

from xcorr import info, plot
from xcorr._cli.page import FIGURE, PAGE, SCRIPT, SECTION, STYLE
from xcorr._figures.facets import FACET_SIZE, FONT, FRAME, INK, PAPER, need_plotly

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from xcorr._cli.demo import Outcome, Step

__all__ = ["page"]

# Of figures, in pixels: for telephones, small tablets and two kinds of screens.
WIDTHS = (300, 440, 720, 1100)

# Of times: blue discs, orange diamonds.
MARKS = (("#0b5cad", "#c4530a"), ("circle", "diamond"))

# Images that are drawn beside their responses.
MOST_IMAGES = 6


class Picture(NamedTuple):
    """A figure at each width, and what is said about it."""

    figures: list[Figure]
    title: str
    caption: str


def picture(draw: Callable[..., Figure], caption: str, widest: int = WIDTHS[-1]) -> Picture:
    """Draw a figure at every width; the page writes its title."""
    figures = [draw(width=min(width, widest)) for width in WIDTHS]
    title = unescape(figures[-1].layout.title.text.replace("<br>", " "))
    for figure in figures:
        n_lines = figure.layout.title.text.count("<br>") + 1
        figure.layout.height -= 20 * n_lines
        figure.layout.margin.t -= 20 * n_lines
        figure.update_layout(title_text="", dragmode=False)
    return Picture(figures, title, caption)


# --- the figures ------------------------------------------------------------------------------------------------------


def sections(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Picture]]]:
    """Headings with their figures. Responses of a wrong shape cannot be drawn: the verdict tells of them."""
    batches = [outcome for outcome in outcomes if outcome.step.is_batch]
    floats = [outcome for outcome in batches if not outcome.step.exact]
    whole = [outcome for outcome in batches if outcome.has_right_shape]
    whole_floats = [outcome for outcome in floats if outcome.has_right_shape]
    return [
        ("Time beside SciPy", [time_picture(outcomes)]),
        ("Kernels", [kernels_picture(outcome.step) for outcome in floats]),
        ("Windows", [windows_picture(outcome.step) for outcome in floats]),
        ("Images and responses", [one for outcome in whole_floats for one in responses_pictures(outcome)]),
        ("Responses beside SciPy's", [one for outcome in whole for one in difference_pictures(outcome)]),
    ]


def time_picture(outcomes: Sequence[Outcome]) -> Picture:
    """Both times of every step."""
    caption = (
        "One call of xcorr beside a loop over scipy.signal.correlate2d. From one line to the next it is ten times."
    )
    return picture(partial(time_figure, outcomes), caption, widest=860)


def kernels_picture(step: Step) -> Picture:
    """The bank of a step."""
    draw = partial(plot.bank, step.channels_first(step.kernels, np.float32), layout="NCHW", names=step.kernel_names)
    use = "colour tiles" if "C" in step.layout else "digits"
    return picture(draw, f"For the {use}. Blue taps are negative, red ones positive.")


def windows_picture(step: Step) -> Picture:
    """Windows of the first image of a step."""
    shape = step.channels_first(step.kernels, np.float32).shape[2:]
    draw = partial(plot.windows, step.images[0], shape, layout=step.layout, stride=3)
    caption = "What the kernel meets of an image, every third window in each direction, each at its response's place."
    return picture(draw, caption, widest=640)


def apart(step: Step) -> list[tuple[Any, str]]:
    """The kernels of each figure: those for colours answer in numbers too different to share a scale."""
    return list(enumerate(step.kernel_names)) if "C" in step.layout else [(slice(None), "")]


def responses_pictures(outcome: Outcome) -> Iterator[Picture]:
    """Some images of a step, each beside its responses: the first digits, the colour tiles with the strongest edges."""
    step, chosen = outcome.step, np.arange(outcome.step.n_images)
    if "C" in step.layout:
        chosen = np.argsort(-outcome.response[..., -1].std(axis=(1, 2)), kind="stable")
    chosen = chosen[:MOST_IMAGES]
    for kernel, name in apart(step):
        draw = partial(
            plot.responses,
            step.images[chosen],
            outcome.response[chosen][..., kernel],
            layout=step.layout,
            names=[name] if name else step.kernel_names,
            title=f"{len(chosen)} images and the responses of one kernel, {name}" if name else None,
        )
        yield picture(draw, f"From the step: {step.title}. Where the response is zero it is white.")


def difference_pictures(outcome: Outcome) -> Iterator[Picture]:
    """The responses of a step's first image, SciPy's, and the differences."""
    step = outcome.step
    ours, theirs = step.response_planes(outcome.response)[0], outcome.comparison.expected
    bound = "where all have to be equal" if step.exact else f"where {outcome.comparison.bound:.2g} is allowed"
    caption = (
        f"Of the first image. The whole step's largest difference is {outcome.comparison.difference:.2g}, {bound}."
    )
    for kernel, name in apart(step):
        draw = partial(
            plot.compare,
            ours[kernel],
            theirs[kernel],
            axes="HW" if name else "KHW",
            names=("xcorr", "SciPy"),
            title=f"{step.title}, {name}" if name else step.title,
        )
        yield picture(draw, caption)


def time_figure(outcomes: Sequence[Outcome], width: int) -> Figure:
    """Both times of every step, joined by a line, on a logarithmic axis."""
    from plotly.graph_objects import Figure

    steps = [escape(outcome.step.title).replace(", ", ",<br>") for outcome in outcomes]
    ours, theirs = [1e3 * one.seconds for one in outcomes], [1e3 * one.scipy_seconds for one in outcomes]
    lines = {
        "type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False,
        "line": {"color": FRAME, "width": 3},
        "x": [time for pair in zip(ours, theirs, strict=True) for time in (*pair, None)],
        "y": [step for step in steps for _ in range(3)],
    }  # fmt: skip
    dots = [
        {
            "type": "scatter", "mode": "markers", "name": name, "x": times, "y": steps,
            "marker": {"color": colour, "size": 13, "symbol": symbol},
            "hovertemplate": "%{x:.4~g} ms<extra>%{fullData.name}</extra>",
        }
        for name, times, colour, symbol in zip(("xcorr", "SciPy"), (ours, theirs), *MARKS, strict=True)
    ]  # fmt: skip
    factors = {
        "type": "scatter", "mode": "text", "x": [*map(max, ours, theirs)], "y": steps, "textposition": "middle right",
        "text": [f"&nbsp;&nbsp;&nbsp;{times_text(their / our)} x" for our, their in zip(ours, theirs, strict=True)],
        "hoverinfo": "skip", "showlegend": False,
    }  # fmt: skip
    ends = log10(min(ours + theirs)), log10(max(ours + theirs))
    label = 0.35 if width < 600 else 0.12  # of the range, for the last text
    layout = {
        "template": "none", "width": width, "height": 142 + 40 * len(steps),
        "margin": {"l": 108, "r": 8, "t": 64, "b": 58, "autoexpand": False},
        "font": {"family": FONT, "size": FACET_SIZE + 1, "color": INK}, "paper_bgcolor": PAPER, "plot_bgcolor": PAPER,
        "title": {"text": "Time of each step in milliseconds, on a logarithmic axis"},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": FACET_SIZE + 2}},
        "xaxis": {
            "type": "log", "title": {"text": "milliseconds"}, "gridcolor": "#e4e7eb", "zeroline": False,
            "dtick": 1 if width > 400 else 2, "tickangle": 0, "exponentformat": "none",
            "range": [ends[0] - 0.2, ends[1] + 0.2 + label * (ends[1] - ends[0])],
        },
        "yaxis": {"autorange": "reversed", "gridcolor": "#e4e7eb", "zeroline": False},
    }  # fmt: skip
    return Figure([lines, *dots, factors], layout)


def times_text(times: float) -> str:
    """Two digits or more: 0.5, 3.4, 12, 345."""
    return f"{times:.{0 if times >= 10 else 1}f}"


# --- the page ---------------------------------------------------------------------------------------------------------


def page(outcomes: Sequence[Outcome], wrong: Sequence[str], workers: int | None) -> str:
    """The whole page.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of each step.
    wrong : sequence of str
        What is out of bounds, one sentence for each step.
    workers : int, optional
        As the demonstration was asked for.

    Raises
    ------
    ModuleNotFoundError
        If plotly is not installed.
    """
    need_plotly()
    from plotly.offline import get_plotlyjs

    drawn = sections(outcomes)
    n_responses = sum(outcome.response.size for outcome in outcomes)
    figures = [figure_data(one.figures) for _, pictures in drawn for one in pictures]
    return PAGE.substitute(
        style=STYLE,
        verdict=verdict(wrong, n_responses),
        facts=facts_list(workers),
        contents="\n".join(f'<li><a href="#{anchor(title)}">{escape(title)}</a></li>' for title, _ in drawn),
        sections=section_texts(drawn, time_table(outcomes)),
        figures=in_script(json.dumps(figures, separators=(",", ":"))),
        plotly=get_plotlyjs(),
        script=SCRIPT,
    )


def figure_data(figures: Sequence[Figure]) -> dict[str, Any]:
    """The data, which are the same at every width, and the layouts from the narrowest on."""
    read = [json.loads(figure.to_json()) for figure in figures]
    layouts = {one["layout"]["width"]: one["layout"] for one in read}
    return {"data": read[-1]["data"], "layouts": [layouts[width] for width in sorted(layouts)]}


def in_script(text: str) -> str:
    """JSON that no parser of HTML takes for an element."""
    return text.replace("<", "\\u003c")


def anchor(title: str) -> str:
    """What an address may name a heading by."""
    return re.sub(r"[^a-z]+", "-", title.lower())


def verdict(wrong: Sequence[str], n_responses: int) -> str:
    """Whether all is well, in one paragraph."""
    if not wrong:
        return f'<p class="good">All {n_responses:,} responses are within their bounds.</p>'
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in wrong)
    return f'<div class="bad" role="alert"><p>Not all responses are within their bounds:</p><ul>{items}</ul></div>'


def facts_list(workers: int | None) -> str:
    """What ran where."""
    facts = info()
    rows = {
        "xcorr": facts["version"],
        "level": facts["level"],
        "workers": workers or facts["workers"],
        "machine": facts["machine"],
        "Python": facts["python"],
        "NumPy": facts["numpy"],
        "SciPy": scipy.__version__,
        "system": platform.system(),
    }
    return "\n".join(f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in rows.items())


def section_texts(drawn: Sequence[tuple[str, Sequence[Picture]]], table: str) -> str:
    """Every heading with its figures, and the table under the first."""
    texts: list[str] = []
    numbers = count()
    for title, pictures in drawn:
        figures = "\n".join(
            FIGURE.substitute(index=next(numbers), title=escape(one.title), caption=escape(one.caption))
            for one in pictures
        )
        after = "" if texts else table
        texts.append(SECTION.substitute(name=anchor(title), title=escape(title), figures=figures, after=after))
    return "\n".join(texts)


def time_table(outcomes: Sequence[Outcome]) -> str:
    """Everything that was measured, as a table."""
    rows = "\n".join(table_row(outcome) for outcome in outcomes)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in HEADS)
    return (
        '<div class="frame" tabindex="0" role="region" aria-label="Table of all steps"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def table_row(outcome: Outcome) -> str:
    """One step, in the order of the table's heads."""
    texts = (outcome.operands_text, outcome.response_text, outcome.method)
    numbers = (
        f"{outcome.seconds * 1e3:.3f}",
        f"{outcome.scipy_seconds * 1e3:.3f}",
        f"{outcome.scipy_seconds / outcome.seconds:.1f}",
        f"{outcome.step.n_images / outcome.seconds:,.0f}",
        f"{outcome.comparison.difference:.2g}",
        ("equal" if outcome.step.exact else f"{outcome.comparison.bound:.2g}")
        + ", not kept" * bool(outcome.comparison.n_over),
    )
    cells = [f"<td>{escape(text)}</td>" for text in texts] + [f'<td class="number">{number}</td>' for number in numbers]
    begin = '<tr class="bad">' if outcome.comparison.n_over else "<tr>"
    return f'{begin}<th scope="row">{escape(outcome.step.title)}</th>{"".join(cells)}</tr>'


HEADS = (
    "step",
    "images * kernels",
    "response",
    "method",
    "xcorr ms",
    "SciPy ms",
    "times faster",
    "images/s",
    "largest difference",
    "its bound",
)

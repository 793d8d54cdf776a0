"""The demonstration as one page that can be opened, kept and sent without anything else.

The page holds plotly's script once, and every figure as data with some layouts, of which the widest that fits is drawn.
It asks for nothing: its content policy forbids every request.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from html import escape
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
from numpy.typing import NDArray

from xcorr import info
from xcorr._cli.figures import Photographs, Picture, Section, sections
from xcorr._cli.outcome import Outcome, speed_text, times_text
from xcorr._cli.page import FACTS, FIGURE, PAGE, PHOTOGRAPH, PHOTOGRAPHS, SCRIPT, SECTION, STYLE, TABLE
from xcorr._cli.peers import LOOP
from xcorr._figures.facets import need_plotly

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["page"]

LAST_HEADS = ("images/s", "largest difference", "its bound")
TEXT_HEADS = ("images * kernels", "response", "method")


def page(
    outcomes: Sequence[Outcome],
    photograph: NDArray[np.uint8],
    wrong: Sequence[str],
    left_out: Sequence[str],
    workers: int | None,
) -> str:
    """The whole page.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of each step.
    photograph : ndarray of uint8, (H, W, 3)
        What the steps on a photograph saw.
    wrong : sequence of str
        What is out of bounds, one sentence for each step.
    left_out : sequence of str
        Which libraries are not timed, one sentence for each.
    workers : int, optional
        As the demonstration was asked for.

    Raises
    ------
    ModuleNotFoundError
        If plotly is not installed.
    """
    need_plotly()
    from plotly.offline import get_plotlyjs

    drawn = sections(outcomes, photograph)
    figures = [figure_data(one.figures) for _, pictures in drawn for one in pictures if isinstance(one, Picture)]
    below_times = "\n".join([*map(paragraph, left_out), time_table(outcomes), FACTS.substitute(facts=facts(workers))])
    return PAGE.substitute(
        style=STYLE,
        verdict=verdict(outcomes, wrong),
        contents="\n".join(f'<li><a href="#{anchor(title)}">{escape(title)}</a></li>' for title, _ in drawn),
        sections=section_texts(drawn, {"Time": below_times}),
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


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def verdict(outcomes: Sequence[Outcome], wrong: Sequence[str]) -> str:
    """Whether all is well, and how fast."""
    if wrong:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in wrong)
        return f'<div class="bad" role="alert"><p>Not all responses are within their bounds:</p><ul>{items}</ul></div>'
    n_responses = sum(outcome.response.size for outcome in outcomes)
    others = [name for name in outcomes[0].peer_seconds if name != LOOP]
    beside = "".join(f" Beside {name}: {speed_text(outcomes, name)}." for name in others)
    return (
        f'<div class="good"><p class="verdict">Equal to SciPy\'s, and {speed_text(outcomes, LOOP)}.</p>'
        f"<p>All {n_responses:,} responses are within their bounds: integers are the same, floats differ by rounding "
        f"alone. Timed beside a loop over scipy.signal.correlate2d.{escape(beside)}</p></div>"
    )


def facts(workers: int | None) -> str:
    """What ran where."""
    known = info()
    rows = {
        "xcorr": known["version"],
        "level": known["level"],
        "workers": workers or known["workers"],
        "machine": known["machine"],
        "Python": known["python"],
        "NumPy": known["numpy"],
        "SciPy": scipy.__version__,
        "system": platform.system(),
    }
    return "\n".join(f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in rows.items())


def section_texts(drawn: Sequence[Section], below: dict[str, str]) -> str:
    """Every heading with its pictures and what stands below them."""
    numbers, captions = count(), count()
    texts = []
    for title, pictures in drawn:
        parts = []
        for one in pictures:
            words = {"caption": next(captions), "title": escape(one.title), "text": escape(one.caption)}
            if isinstance(one, Photographs):
                shown = "\n".join(PHOTOGRAPH.substitute(source=png, words=escape(said)) for png, said in one.pictures)
                parts.append(PHOTOGRAPHS.substitute(words, pictures=shown, size=one.size))
            else:
                parts.append(FIGURE.substitute(words, index=next(numbers)))
        parts.append(below.get(title, ""))
        texts.append(SECTION.substitute(name=anchor(title), title=escape(title), parts="\n".join(parts)))
    return "\n".join(texts)


def time_table(outcomes: Sequence[Outcome]) -> str:
    """Everything that was measured, as a table; what a narrow window shows comes first."""
    peers = list(outcomes[0].peer_seconds)
    numbers = (*(f"times {name}" for name in peers), "xcorr ms", *(f"{name} ms" for name in peers), *LAST_HEADS)
    heads = [f'<th scope="col" class="number">{escape(name)}</th>' for name in numbers]
    heads += [f'<th scope="col">{escape(name)}</th>' for name in TEXT_HEADS]
    return TABLE.substitute(
        head='<th scope="col">step</th>' + "".join(heads), rows="\n".join(table_row(outcome) for outcome in outcomes)
    )


def table_row(outcome: Outcome) -> str:
    """One step, in the order of the table's heads."""
    numbers = (
        *(times_text(outcome.times_faster(name)) for name in outcome.peer_seconds),
        *(f"{one * 1e3:.3f}" for one in (outcome.seconds, *outcome.peer_seconds.values())),
        f"{outcome.step.n_images / outcome.seconds:,.0f}",
        f"{outcome.comparison.difference:.2g}",
        ("equal" if outcome.step.exact else f"{outcome.comparison.bound:.2g}")
        + ", not kept" * bool(outcome.comparison.n_over),
    )
    texts = (outcome.operands_text, outcome.response_text, outcome.method)
    cells = [f'<td class="number">{number}</td>' for number in numbers] + [f"<td>{escape(text)}</td>" for text in texts]
    begin = '<tr class="bad">' if outcome.comparison.n_over else "<tr>"
    return f'{begin}<th scope="row">{escape(outcome.step.title)}</th>{"".join(cells)}</tr>'

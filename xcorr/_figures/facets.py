"""Figures of many small pictures: where each stands, what its pixels look like, and how a colour is read.

Sizes are pixels of the screen. Every facet has its own pair of axes, with rows downwards and square pixels, unless it
is so long and thin that it would not be seen.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._figures.boxes import Boxes, box_traces
from xcorr._figures.pixels import (
    MEANT,
    as_colours,
    colour_limits,
    compact,
    limits,
    not_finite_note,
    png,
    thinned,
    thinning,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Array = npt.NDArray[Any]

# Values of one figure; what is larger is thinned out. As float32 in base64 that is 2.7 MB.
MOST_VALUES = 500_000

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, FRAME, PAPER = "#1f2328", "#b6bcc4", "#ffffff"
TITLE_SIZE, FACET_SIZE, LETTER = 15, 12, 0.55  # of the fonts; the width of a letter beside its height
SMALLEST, COMFORTABLE, LARGEST, ALONE = 72, 96, 220, 320  # sides of a facet
LARGEST_OF_MANY_PIXELS = 640
MARGIN, GAP, LINE, BAR = 12, 10, 15, 50  # around all, between facets, one line of a title, a colour bar with its words
AXIS, TICK, MOST_PIXEL = 36, 26, 24  # the labels beside windows, one label, a pixel of a window
LONGEST_BAR, BAR_END = 280, 36  # a colour bar, and the room for labels at both ends
NARROWEST = 360  # of figures, for the sake of their titles
TALLEST, FLATTEST = 1.5, 0.3  # the height of a facet's place beside its width
THINNEST = 24  # length beside width from which on pixels are not drawn square

# Blue and red, violet and orange: pairs that colour-blind readers can tell apart, with white at zero.
COLOURS = {
    "image": [[0.0, "#000000"], [1.0, "#ffffff"]],
    "signed": [
        [0.0, "#053061"], [0.125, "#2166ac"], [0.25, "#4393c3"], [0.375, "#a6cfe5"], [0.5, "#ffffff"],
        [0.625, "#fac8af"], [0.75, "#d6604d"], [0.875, "#b2182b"], [1.0, "#67001f"],
    ],
    "difference": [
        [0.0, "#2d004b"], [0.125, "#542788"], [0.25, "#8073ac"], [0.375, "#c3bedb"], [0.5, "#ffffff"],
        [0.625, "#fdcd92"], [0.75, "#e08214"], [0.875, "#b35806"], [1.0, "#7f3b08"],
    ],
}  # fmt: skip
BARE = {
    "showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "", "showline": True,
    "mirror": True, "linecolor": FRAME, "linewidth": 1, "constrain": "domain",
}  # fmt: skip
RGB_TEXT = "red, green, blue %{z[0]}, %{z[1]}, %{z[2]}"
NOT_FINITE = (("NaN", "#ffd500"), ("inf", "#00b38a"), ("-inf", "#e34fd0"))


class Facet(NamedTuple):
    """One small picture: its title, its pixels, and the scale by which they are coloured."""

    title: str
    pixels: Array  # (height, width), or (height, width, 3) for the scale "colour"
    scale: str  # a key of COLOURS, or "colour"
    unit: float | None = None  # what the pixels are parts of, None of numbers that stand for themselves
    boxes: Boxes | None = None  # over the pixels


@dataclass
class Sheet:
    """What is drawn: facets in groups that begin on a line of their own where a line cannot hold several whole ones.

    The facets may be made one by one: no more than `most` of the `n_facets` are asked for.
    """

    title: str
    facets: Iterable[Facet]
    n_facets: int
    group: int
    most: int
    width: int
    words: dict[str, str] = field(default_factory=dict)  # over the colour bar of each scale

    def shown(self) -> list[Facet]:
        """The facets up to `most`: whole groups, if there is room for one."""
        n_shown = min(self.n_facets, self.most)
        if self.group < n_shown < self.n_facets:
            n_shown -= n_shown % self.group
        return [facet for facet, _ in zip(self.facets, range(n_shown), strict=False)]


class Places(NamedTuple):
    """The lattice of facets: (column, row) of each, the sizes of a place, and lines of text above each facet."""

    cells: list[tuple[int, int]]
    width: float
    height: float
    lines: int
    columns: int
    rows: int

    @property
    def plot_width(self) -> float:
        """Width from the left side of the first column to the right side of the last one."""
        return self.columns * (self.width + GAP) - GAP

    @property
    def plot_height(self) -> float:
        """Height from above the first row's titles to below the last row's facets."""
        return self.rows * (self.height + self.lines * LINE + GAP) - GAP

    def box(self, index: int) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of a facet, as parts of the plot's width and height."""
        column, row = self.cells[index]
        left = column * (self.width + GAP)
        above = (row + 1) * (self.lines * LINE) + row * (self.height + GAP)
        right, below = left + self.width, above + self.height
        return (
            left / self.plot_width, min(right / self.plot_width, 1.0),
            max(1 - below / self.plot_height, 0.0), 1 - above / self.plot_height,
        )  # fmt: skip


def lattice(facets: Sequence[Facet], group: int, width: int) -> Places:
    """Choose the number of columns, and with it the size of the facets."""
    room = width - 2 * MARGIN
    comfortable, most = (max((room + GAP) // (side + GAP), 1) for side in (COMFORTABLE, SMALLEST))
    n_facets = len(facets)
    if group == 1:
        columns = even(n_facets, comfortable)
    elif group <= most:
        columns = group * even(-(-n_facets // group), max(comfortable // group, 1))
    else:
        columns = even(group, comfortable)
    columns = min(columns, n_facets)
    widest = min(max(facet.pixels.shape[1] for facet in facets), LARGEST_OF_MANY_PIXELS)
    side = min((room + GAP) / columns - GAP, max(ALONE if columns == 1 else LARGEST, widest))
    lines_of_group = 1 if columns % group == 0 else -(-group // columns)
    cells = []
    for index in range(n_facets):
        if lines_of_group == 1:
            cells.append((index % columns, index // columns))
        else:
            number, place = divmod(index, group)
            cells.append((place % columns, number * lines_of_group + place // columns))
    tallest = max(facet.pixels.shape[0] / facet.pixels.shape[1] for facet in facets)
    lines = max(wrapped(facet.title, side, FACET_SIZE).count("<br>") + 1 for facet in facets)
    return Places(cells, side, side * min(max(tallest, FLATTEST), TALLEST), lines, columns, cells[-1][1] + 1)


def even(count: int, most: int) -> int:
    """The fewest columns, at most `most`, that keep the number of rows."""
    return -(-count // -(-count // most))


def wrapped(text: str, width: float, size: int) -> str:
    """`text` in lines of that width, as plotly wants it: tags mean nothing. A number stays with the word before it."""
    lines = textwrap.wrap(re.sub(r"(?<=[a-z]) (?=\d)", "\u00a0", text), max(int(width / (size * LETTER)), 4))
    return "<br>".join(html.escape(line.replace("\u00a0", " "), quote=False) for line in lines)


# --- traces -----------------------------------------------------------------------------------------------------------


def traces(
    facet: Facet, index: int, axis_of: dict[str, str], ends: tuple[float, float], most: int, side: float
) -> Iterator[dict[str, Any]]:
    """The facet's pixels, and above them those that are not finite."""
    squares = thinning(facet.pixels.shape, most)
    pixels = thinned(facet.pixels, squares, facet.scale)
    number = "" if index == 0 else str(index + 1)
    place = {
        "xaxis": f"x{number}", "yaxis": f"y{number}", "name": html.escape(facet.title, quote=False),
        "x0": (squares - 1) / 2, "y0": (squares - 1) / 2, "dx": squares, "dy": squares,
    }  # fmt: skip
    taken = "mean" if facet.scale in MEANT else "largest"
    what = "" if squares == 1 else f" ({taken} of {squares}x{squares})"
    where = "row %{y:.0f}, column %{x:.0f}<br>"
    if facet.scale == "colour":
        yield {
            "type": "image", "source": png(as_colours(pixels, ends)), **place,
            "hovertemplate": f"{where}{RGB_TEXT}{what}<extra>%{{fullData.name}}</extra>",
        }  # fmt: skip
        pixels = pixels.astype(np.float64).sum(axis=2)
    else:
        value = "%{z:.6~g}" if facet.unit is None else f"%{{z:.4~g}} of {facet.unit:.6g}"
        yield {
            "type": "heatmap", "z": compact(pixels), "coloraxis": axis_of[facet.scale], **place,
            "hovertemplate": f"{where}{value}{what}<extra>%{{fullData.name}}</extra>",
        }  # fmt: skip
    yield from marks(pixels, place, where, side / pixels.shape[1])
    if facet.boxes is not None:
        yield from box_traces(facet.boxes, place)


def marks(pixels: Array, place: dict[str, Any], where: str, side: float) -> Iterator[dict[str, Any]]:
    """What is not finite, one trace for each kind, with its name where a pixel is large enough."""
    if pixels.dtype.kind != "f":
        return
    masks = (np.isnan(pixels), np.isposinf(pixels), np.isneginf(pixels))
    for (word, colour), mask in zip(NOT_FINITE, masks, strict=True):
        if mask.any():
            has_room = side >= FACET_SIZE * LETTER * (len(word) + 1)
            yield {
                "type": "heatmap", "z": np.where(mask, np.float32(1), np.float32(np.nan)), **place,
                "colorscale": [[0.0, colour], [1.0, colour]], "zmin": 0, "zmax": 1, "showscale": False,
                "hovertemplate": f"{where}{word}<extra>%{{fullData.name}}</extra>", "hoverongaps": False,
                "text": np.where(mask, word, "") if has_room else None, "texttemplate": "%{text}" if has_room else "",
                "textfont": {"size": FACET_SIZE, "color": INK},
            }  # fmt: skip


# --- windows ----------------------------------------------------------------------------------------------------------


def draw_windows(title: str, tiles: Array, width: int) -> Figure:
    """One picture of windows (rows, columns, kh, kw) or, in colour, (rows, columns, kh, kw, 3), with gaps between."""
    from plotly.graph_objects import Figure

    pitches = [side + max(1, round(side / 5)) for side in tiles.shape[2:4]]
    height, across = laid_out(tiles, pitches, 0).shape[:2]
    scale = "colour" if tiles.ndim == 5 else "image"
    ends = colour_limits([tiles]) if scale == "colour" else limits(scale, [tiles])
    side = min((width - 2 * MARGIN - AXIS) / across, 1.5 * width / height, MOST_PIXEL)
    plot = (side * across, side * height)
    layout = layout_of(title, *plot, width, (AXIS, AXIS), BAR if scale == "image" else 0)
    layout["coloraxis"] = colour_axis("image", ends, "image", (0, 1), plot, AXIS)
    layout["coloraxis"]["showscale"] = scale == "image"
    for axis, name in enumerate(("row", "column")):
        number, length = tiles.shape[axis], (height, across)[axis]
        every = ceil(number * TICK / plot[1 - axis])
        places = range(0, number, every)
        layout["yx"[axis] + "axis"] = BARE | {
            "range": [-0.5, length - 0.5] if axis else [length - 0.5, -0.5], "showline": False, "showticklabels": True,
            "title": {"text": f"windows' {name}", "standoff": 0, "font": {"size": FACET_SIZE}},
            "tickvals": [place * pitches[axis] + (tiles.shape[2 + axis] - 1) / 2 for place in places],
            "ticktext": list(map(str, places)),
        }  # fmt: skip
    layout["xaxis"]["side"] = "top"
    layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
    return Figure(
        [*window_traces(tiles, pitches, ends), *marks(laid_out(sums(tiles), pitches, 0), {}, "", side)], layout
    )


def window_traces(tiles: Array, pitches: Sequence[int], ends: tuple[float, float]) -> Iterator[dict[str, Any]]:
    """The picture, and what is said of each pixel."""
    where = np.stack(np.broadcast_arrays(*np.ogrid[tuple(map(slice, tiles.shape[:4]))]), axis=-1).astype(np.int32)
    text, opacity = "%{z:.6~g}", 1
    if tiles.ndim == 5:
        colours = as_colours(tiles, ends)
        yield {"type": "image", "source": png(laid_out(colours, pitches, 255)), "hoverinfo": "skip"}
        where, opacity = np.concatenate([where, colours], axis=-1), 0
        text = "red, green, blue %{customdata[4]}, %{customdata[5]}, %{customdata[6]}"
    place = "row %{customdata[0]}, column %{customdata[1]}<br>tap row %{customdata[2]}, column %{customdata[3]}"
    yield {
        "type": "heatmap", "z": compact(laid_out(sums(tiles), pitches, np.nan)), "coloraxis": "coloraxis",
        "opacity": opacity, "customdata": laid_out(where, pitches, 0), "hoverongaps": False,
        "hovertemplate": f"window {place}<br>{text}<extra></extra>",
    }  # fmt: skip


def sums(tiles: Array) -> Array:
    """One float for each pixel, of colours their sum."""
    floats = tiles.astype(np.float64)
    return floats if tiles.ndim == 4 else floats.sum(axis=-1)


def laid_out(tiles: Array, pitches: Sequence[int], blank: float) -> Array:
    """Windows (rows, columns, kh, kw, ...) at their places in one array, `blank` between them."""
    rows, columns, height, width, *rest = tiles.shape
    whole = np.full((rows, pitches[0], columns, pitches[1], *rest), blank, tiles.dtype)
    whole[:, :height, :, :width] = tiles.swapaxes(1, 2)
    joined = whole.reshape(rows * pitches[0], columns * pitches[1], *rest)
    return joined[: (rows - 1) * pitches[0] + height, : (columns - 1) * pitches[1] + width]


# --- the figure -------------------------------------------------------------------------------------------------------


def need_plotly() -> None:
    """ModuleNotFoundError if plotly is not installed."""
    try:
        import plotly.graph_objects  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('xcorr.plot needs plotly: pip install "xcorr[plot]"', name=error.name) from error


def draw(sheet: Sheet) -> Figure:
    """The figure of a sheet."""
    from plotly.graph_objects import Figure

    facets = [facet._replace(title=facet.title + not_finite_note(facet.pixels)) for facet in sheet.shown()]
    title = sheet.title
    if len(facets) < sheet.n_facets:
        title += f" (first {len(facets)} of {sheet.n_facets} shown)"
    most = max(MOST_VALUES // len(facets), 1)
    largest = max(thinning(facet.pixels.shape, most) for facet in facets)
    if largest > 1:
        title += f" (drawn with up to {largest}x{largest} pixels as one)"
    places = lattice(facets, sheet.group, sheet.width)
    scales = [scale for scale in COLOURS if any(facet.scale == scale for facet in facets)]
    axis_of = {scale: "coloraxis" + (str(index + 1) if index else "") for index, scale in enumerate(scales)}
    ends = {scale: limits(scale, (facet.pixels for facet in facets if facet.scale == scale)) for scale in scales}
    ends["colour"] = colour_limits([facet.pixels for facet in facets if facet.scale == "colour"])
    data = [
        trace
        for index, facet in enumerate(facets)
        for trace in traces(facet, index, axis_of, ends[facet.scale], most, places.width)
    ]
    layout = layout_of(title, places.plot_width, places.plot_height, sheet.width, (0, 0), BAR if scales else 0)
    for index, facet in enumerate(facets):
        layout.update(axes(facet, index, places))
        layout["annotations"].append(facet_title(facet, index, places))
    for index, scale in enumerate(scales):
        layout[axis_of[scale]] = colour_axis(
            scale, ends[scale], sheet.words[scale], (index, len(scales)), (places.plot_width, places.plot_height)
        )
    return Figure(data, layout)


def layout_of(
    title: str, plot_width: float, plot_height: float, width: int, axes: tuple[int, int], bars: int
) -> dict[str, Any]:
    """The layout around a plot: the title over the colour bars over the axes' labels, all from the left.

    `axes` is the room for labels (left, top), `bars` that for colour bars.
    """
    across, down = ceil(round(plot_width, 3)), ceil(round(plot_height, 3))
    width = max(across + axes[0] + 2 * MARGIN, min(width, NARROWEST))
    text = wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    top = ceil((text.count("<br>") + 1) * 1.35 * TITLE_SIZE) + MARGIN + bars + axes[1]
    height = down + top + MARGIN
    left = MARGIN + axes[0]
    return {
        "template": "none",
        "width": width,
        "height": height,
        "margin": {"l": left, "r": width - left - across, "t": top, "b": MARGIN, "autoexpand": False},
        "font": {"family": FONT, "size": FACET_SIZE, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "showlegend": False,
        "hoverlabel": {"font": {"family": FONT}},
        "title": {
            "text": text, "font": {"size": TITLE_SIZE}, "x": MARGIN / width, "xref": "container", "xanchor": "left",
            "y": 1 - MARGIN / height, "yref": "container", "yanchor": "top",
        },
        "annotations": [],
    }  # fmt: skip


def axes(facet: Facet, index: int, places: Places) -> dict[str, Any]:
    """Two axes without ticks, rows downwards."""
    number = "" if index == 0 else str(index + 1)
    height, width = facet.pixels.shape[:2]
    left, right, bottom, top = places.box(index)
    horizontal = {"range": [-0.5, width - 0.5], "domain": [left, right], "anchor": f"y{number}", **BARE}
    vertical = {"range": [height - 0.5, -0.5], "domain": [bottom, top], "anchor": f"x{number}", **BARE}
    vertical["constraintoward"] = "top"
    if max(height, width) <= THINNEST * min(height, width):
        vertical |= {"scaleanchor": f"x{number}", "scaleratio": 1}
    return {f"xaxis{number}": horizontal, f"yaxis{number}": vertical}


def facet_title(facet: Facet, index: int, places: Places) -> dict[str, Any]:
    """The facet's title, above its middle."""
    left, right, _, top = places.box(index)
    return {
        "text": wrapped(facet.title, places.width, FACET_SIZE), "font": {"size": FACET_SIZE}, "showarrow": False,
        "x": (left + right) / 2, "xref": "paper", "xanchor": "center", "y": top, "yref": "paper", "yanchor": "bottom",
        "borderpad": 0,
    }  # fmt: skip


def colour_axis(
    scale: str, ends: tuple[float, float], words: str, place: tuple[int, int], plot: tuple[float, float], above: int = 0
) -> dict[str, Any]:
    """A scale with its bar over the plot.

    `place` is (index, number) among the bars, which stand beside each other, `plot` the plot's (width, height), `above`
    the room for labels below the bar.
    """
    index, n_bars = place
    room = plot[0] / n_bars
    length = min(room - 2 * BAR_END, LONGEST_BAR)
    ticks = [ends[0], (ends[0] + ends[1]) / 2, ends[1]]
    texts = [f"{value:.{4 if 1 <= abs(value) < 1e4 else 3}g}" for value in ticks]
    if sum(map(len, texts)) * FACET_SIZE * LETTER > length + BAR_END:
        del ticks[1], texts[1]
    return {
        "colorscale": COLOURS[scale],
        "cmin": ends[0],
        "cmax": ends[1],
        "colorbar": {  # by its middle, because plotly moves the figure's title away from one held by its lower side
            "orientation": "h", "x": (index * room + BAR_END) / plot[0], "xanchor": "left", "xpad": 0,
            "y": 1 + (above + BAR / 2) / plot[1], "yanchor": "middle", "ypad": 0,
            "len": length, "lenmode": "pixels", "thickness": 10, "outlinecolor": FRAME, "outlinewidth": 1,
            "ticks": "", "tickvals": ticks, "ticktext": texts, "tickfont": {"size": FACET_SIZE}, "tickangle": 0,
            "title": {"text": html.escape(words, quote=False), "side": "top", "font": {"size": FACET_SIZE}},
        },
    }  # fmt: skip

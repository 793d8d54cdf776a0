"""The keywords of `register`, each read into one form, and which axes of its operands are which."""

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from xcorr._foreign import shown
from xcorr._layouts import (
    MOST_OPERAND_AXES,
    axes_of,
    check_not_empty,
    counted,
    either,
    images_read,
    letters_of,
    sizes_of,
)
from xcorr._matching import real_number
from xcorr._reading import (
    LAYOUTS,
    allowed_along,
    axes_in,
    is_sequence,
    items_of,
    listed,
    read_along,
    read_layout_word,
    read_word,
    whole_number,
)
from xcorr._typing import RegisterScore, Subpixel

SCORES: tuple[str, ...] = get_args(RegisterScore)
WORDS: tuple[str, ...] = get_args(Subpixel)


class RegisterSettings(NamedTuple):
    """The keywords that say what is computed."""

    score: str
    window: tuple[int, ...] | None
    step: tuple[int, ...]
    search: tuple[int, ...]
    taper: float | None  # the share of each axis that is tapered
    min_overlap: float
    max_shift: tuple[float, ...] | None
    subpixel: str | int | None

    @property
    def is_circular(self) -> bool:
        """Whether images go on at their other edges."""
        return self.score != "zncc"

    def taper_of(self, sizes: Sequence[int]) -> list[npt.NDArray[np.float64]] | None:
        """The taper of images of these sizes, along each axis."""
        return None if self.taper is None else [tapered(size, self.taper) for size in sizes]


def tapered(size: int, share: float) -> npt.NDArray[np.float64]:
    """Weights of pixels that rise from the edges as the square of a sine, over a share of the axis, half on each side.

    A share of 1 is Hann's window. The weights are about the middles of pixels, so that none is 0.
    """
    if size == 1 or share == 0:
        return np.ones(size)
    places = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    rising = np.minimum(places / (size * share / 2), 1)
    return np.asarray(np.sin(np.pi / 2 * rising) ** 2)


def read_register_settings(
    n_axes: int,
    score: Any,
    window: Any,
    step: Any,
    search: Any,
    taper: Any,
    min_overlap: Any,
    max_shift: Any,
    subpixel: Any,
) -> RegisterSettings:
    """Every keyword checked by itself and beside the others."""
    word = read_word(score, "score", SCORES)
    windows = None if window is None else read_along(window, "window", n_axes)
    steps: tuple[int, ...] = ()
    searches: tuple[int, ...] = ()
    if windows is None:
        for name, value in (("step", step), ("search", search)):
            if value is not None:
                raise ValueError(f"{name}: got {shown(value)} without window; allowed is None")
    else:
        steps = tuple(max(1, size // 2) for size in windows) if step is None else read_along(step, "step", n_axes)
        searches = windows if search is None else read_search(search, windows, word)
    share = real_number(min_overlap, "min_overlap", "a number from 0 to 1")
    if not 0 <= share <= 1:
        raise ValueError(f"min_overlap: got {share}; allowed is a number from 0 to 1")
    return RegisterSettings(
        word,
        windows,
        steps,
        searches,
        read_taper(taper),
        share,
        None if max_shift is None else read_max_shift(max_shift, n_axes),
        read_fraction(subpixel),
    )


def read_search(search: Any, window: tuple[int, ...], score: str) -> tuple[int, ...]:
    """The sizes of what is searched, at least those of the window."""
    sizes = read_along(search, "search", len(window))
    if any(size < least for size, least in zip(sizes, window, strict=True)):
        raise ValueError(f"search: got {shown(search)}; allowed are sizes of at least the window's, {window}")
    if sizes != window and score != "zncc":
        raise ValueError(
            f"search: got {shown(search)} with score {score!r}; allowed is the window's size {window}, or score='zncc'"
        )
    return sizes


def read_taper(taper: Any) -> float | None:
    """The share of each axis that is tapered, of Hann's window all."""
    allowed = "None, 'hann' (all of each axis) or a number from 0 to 1, the share of each axis"
    if taper is None:
        return None
    if isinstance(taper, str):
        if taper != "hann":
            raise ValueError(f"taper: got {shown(taper)}; allowed is {allowed}")
        return 1.0
    share = real_number(taper, "taper", allowed)
    if not 0 <= share <= 1:
        raise ValueError(f"taper: got {shown(taper)}; allowed is {allowed}")
    return share if share > 0 else None


def read_max_shift(max_shift: Any, n_axes: int) -> tuple[float, ...]:
    """Pixels of either sign along each axis, from a number for all or a tuple."""
    allowed = allowed_along("None, a number >= 0 or a", n_axes, "of them")
    items = items_of(max_shift, "max_shift", n_axes, allowed) if is_sequence(max_shift) else (max_shift,) * n_axes
    if len(items) != n_axes:
        raise ValueError(f"max_shift: got {shown(max_shift)}; allowed is {allowed}")
    found = tuple(real_number(item, "max_shift", allowed) for item in items)
    if not all(0 <= number <= inf for number in found):
        raise ValueError(f"max_shift: got {shown(max_shift)}; allowed is {allowed}")
    return found


def read_fraction(subpixel: Any) -> str | int | None:
    """One of the words, or how often a pixel is divided, or None."""
    if subpixel is None:
        return None
    allowed = f"None, {', '.join(map(repr, WORDS))} and an integer >= 1"
    if isinstance(subpixel, str):
        if subpixel not in WORDS:
            raise ValueError(f"subpixel: got {shown(subpixel)}; allowed are {allowed}")
        return WORDS[WORDS.index(subpixel)]
    return whole_number(subpixel, "subpixel", 1, allowed)


# --- axes -------------------------------------------------------------------------------------------------------------


class Pairs(NamedTuple):
    """Which axes of the two operands are which: of image, planes if there are any, row, column and channel."""

    word: str
    references: tuple[int, ...]
    moving: tuple[int, ...]

    @property
    def n_axes(self) -> int:
        """The number of spatial axes."""
        return axes_in(self.word)

    @property
    def has_images(self) -> bool:
        """Whether there is an axis of pairs."""
        return self.references[0] >= 0 or self.moving[0] >= 0


def read_pairs(references: tuple[int, ...], moving: tuple[int, ...], layout: Any) -> Pairs:
    """The axes of operands of these shapes, from the layout's word or else from their numbers of axes alone."""
    word = read_layout_word(layout) or guess_word(references, moving)
    for argument, shape in (("references", references), ("moving", moving)):
        if len(shape) not in (len(word) - 1, len(word)):
            raise ValueError(
                f"{argument}: shape {shape} has {counted(len(shape))}; layout {word!r} takes {len(word)}, "
                f"or {len(word) - 1} without the first"
            )
    letters = letters_of(word, "C")
    return Pairs(
        word, *(axes_of(letters, word if len(shape) == len(word) else word[1:]) for shape in (references, moving))
    )


def guess_word(references: tuple[int, ...], moving: tuple[int, ...]) -> str:
    """NHWC where one operand has four axes, NHW where one has two; ValueError with all readings for everything else."""
    shapes = {"references": references, "moving": moving}
    for argument, shape in shapes.items():
        if not 1 <= len(shape) <= MOST_OPERAND_AXES:
            raise ValueError(
                f"{argument}: shape {shape} has {counted(len(shape))}; allowed are 1 to {MOST_OPERAND_AXES}"
            )
    counts = {len(references), len(moving)}
    if counts <= {3, 4} and 4 in counts:
        return "NHWC"
    if counts <= {2, 3} and 2 in counts:
        return "NHW"
    found = [
        f"layout={word!r} ({images_read(references, word)} beside {images_read(moving, word)})"
        for word in LAYOUTS
        if counts <= {len(word) - 1, len(word)}
    ]
    if not found:
        raise ValueError(
            f"moving: shape {moving} does not go with references of shape {references}; allowed are as many axes, "
            "or one less without N"
        )
    raise ValueError(
        f"layout: references of shape {references} with moving of shape {moving} can be read as {either(found)}; "
        "say which"
    )


def check_sizes(pairs: Pairs, references: tuple[int, ...], moving: tuple[int, ...], settings: RegisterSettings) -> None:
    """ValueError unless the operands can be compared."""
    n_references, *a = sizes_of(references, pairs.references)
    n_moving, *b = sizes_of(moving, pairs.moving)
    check_not_empty(references, a, "references")
    check_not_empty(moving, b, "moving")
    read_as = f" (layout {pairs.word!r})"
    if a[-1] != b[-1]:
        raise ValueError(f"moving: shape {moving} has {b[-1]} channels; allowed are the references' {a[-1]}{read_as}")
    if n_references != n_moving and 1 not in (n_references, n_moving):
        raise ValueError(
            f"moving: shape {moving} has {n_moving} images; allowed are as many as references, {n_references}, or one "
            f"for all{read_as}"
        )
    n_axes = pairs.n_axes
    a, b = a[-1 - n_axes : -1], b[-1 - n_axes : -1]
    if a != b and settings.score != "zncc":
        raise ValueError(
            f"moving: spatial size {tuple(b)} is not the references' {tuple(a)}, as score {settings.score!r} needs; "
            f"allowed are equal sizes, or score='zncc'{read_as}"
        )
    if settings.window is not None and any(size > length for size, length in zip(settings.window, a, strict=True)):
        raise ValueError(
            f"window: got {settings.window}; allowed are at most the references' {listed(n_axes)}, {tuple(a)}{read_as}"
        )

"""Templates looked for in images: one call, and a bank prepared for many."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import copied, held, take_array
from xcorr._correlate import correlate
from xcorr._correlator import Correlator, check_bank
from xcorr._masks import read_mask
from xcorr._match_banks import Banks
from xcorr._match_peaks import find_in_scores
from xcorr._matching import (
    DEFAULTS,
    MatchCallKeywords,
    MatcherCallKeywords,
    MatchPlan,
    Scoring,
    n_images_of,
    of_templates,
    split,
)
from xcorr._reading import axes_in
from xcorr._reduce_peaks import shape_of_peaks
from xcorr._run import found_peaks
from xcorr._score import check_it_runs, check_mask, match_images
from xcorr._settings import takes_keywords, word_of
from xcorr._typing import AnyArray, AnyElement, Array, Mask, MatchKeywords, Quotient, Real, Reduce, Score, Whole
from xcorr._volume_match import VolumeMatch

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from xcorr.peaks import Peaks

KEPT = ("_banks", "_correlator", "_volumes")
"""What a matcher keeps between calls, and does not take along."""


@overload
def match(
    images: npt.ArrayLike,
    templates: npt.ArrayLike,
    *,
    score: Score = "zncc",
    reduce: Reduce | Peaks,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    **keywords: Unpack[MatchKeywords],
) -> Array: ...
@overload
def match(
    images: npt.ArrayLike,
    templates: npt.ArrayLike,
    *,
    score: Score = "zncc",
    reduce: tuple[Reduce, ...],
    dtype: npt.DTypeLike | None = None,
    out: tuple[Array, ...] | None = None,
    **keywords: Unpack[MatchKeywords],
) -> tuple[Array, ...]: ...
@overload
def match(
    images: npt.ArrayLike,
    templates: npt.ArrayLike,
    *,
    score: Score = "zncc",
    reduce: None = None,
    dtype: npt.DTypeLike | None = None,
    out: AnyArray,
    **keywords: Unpack[MatchKeywords],
) -> AnyArray: ...
@overload
def match(
    images: npt.ArrayLike,
    templates: npt.ArrayLike,
    *,
    score: Score = "zncc",
    reduce: None = None,
    dtype: type[AnyElement] | np.dtype[AnyElement],
    out: None = None,
    **keywords: Unpack[MatchKeywords],
) -> npt.NDArray[AnyElement]: ...
@overload
def match(
    images: npt.NDArray[Real],
    templates: npt.NDArray[Real],
    *,
    score: Score = "zncc",
    reduce: None = None,
    dtype: None = None,
    out: None = None,
    **keywords: Unpack[MatchKeywords],
) -> npt.NDArray[Real]: ...
@overload
def match(
    images: Whole,
    templates: Whole,
    *,
    score: Quotient = "zncc",
    reduce: None = None,
    dtype: None = None,
    out: None = None,
    **keywords: Unpack[MatchKeywords],
) -> npt.NDArray[np.float64]: ...
@overload
def match(
    images: npt.ArrayLike,
    templates: npt.ArrayLike,
    *,
    score: Score = "zncc",
    reduce: None = None,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    **keywords: Unpack[MatchKeywords],
) -> Array: ...
@takes_keywords(types=MatchCallKeywords, defaults=DEFAULTS)
def match(images: npt.ArrayLike, templates: npt.ArrayLike, **keywords: Any) -> Any:
    """Score how well templates match the windows of a batch of images.

    Parameters
    ----------
    images : array_like
        One image or a batch, as for `correlate`: bool, integers, float16, float32 or float64.
    templates : array_like
        One template or a bank, as the kernels of `correlate`.
    score : {"zncc", "ncc", "covariance", "correlation", "ssd", "nssd"}
        What is computed, see Notes. "zncc" is 1 for a copy, whatever its brightness and contrast, and -1 for an
        inverted one.
    layout, padding, boundary
        As for `correlate`.
    fill_value : scalar or array_like, (C,), optional
        The value of the constant padding, whose pixels then are like others. None: padding is unseen, as what a mask
        leaves out.
    stride, dilation
        As for `correlate`.
    mask : array_like or "finite", optional
        What counts of the images: bools, integers (all but 0 count) or shares from 0 to 1, of the images' shape, with
        or without channels, for each image or, without N or with 1, for all. Beside images of four axes three are
        (N, H, W). Pixels that do not count enter no sum, whatever they hold. "finite" leaves out NaN and infinity.
    template_mask : array_like, optional
        The same of the templates: of their shape, with or without channels, for each template or for all.
    min_overlap : float
        The least share of a template that has to be seen, from 0 to 1; else a score is undefined.
    undefined : float, optional
        The score of what has none: of flat windows and templates, and of those that see too little. None is 0, and
        infinity for "ssd" and "nssd".
    pairwise, roi
        As for `correlate`.
    reduce, over
        As for `correlate`: what is given in the place of the scores, which then are made some at a time. `Peaks` finds
        the best places; of "ssd" and "nssd" these are ``Peaks(k, largest=False)``.
    method, precision
        As for `correlate`; the bounds on the scores hold by each method.
    dtype : dtype_like, optional
        A float type in the place of the scores' own; an integer type where scores are whole numbers.
    out : ndarray, optional
        Where the scores are written, of their shape and dtype.
    workers : int, optional
        Threads at most, as for `correlate`.

    Returns
    -------
    ndarray, or tuple of them
        The scores, of the shape that `correlate` gives: float32 for float16 and float32 operands, float64 for float64
        and integers; int64, exact, for "correlation" and "ssd" of integers of which every pixel counts. Or what they
        are reduced to: a tuple if a tuple was asked for, and with `Peaks` the records that it finds in the scores, with
        places in the whole of them.

    Raises
    ------
    TypeError, ValueError, OverflowError, MemoryError
        As `correlate`; complex operands are a TypeError.

    See Also
    --------
    Matcher : A bank of templates prepared for many calls.
    correlate : The sums by themselves.

    Notes
    -----
    With T and I for a template and the window under it, w for the product of both masks, and means m of each channel,
    weighted by w::

        correlation  sum w T I             ncc   sum w T I / sqrt(sum w T^2 * sum w I^2)
        covariance   sum w (T-mT) (I-mI)   zncc  covariance / sqrt(sum w (T-mT)^2 * sum w (I-mI)^2)
        ssd          sum w (T-I)^2         nssd  ssd / sqrt(sum w T^2 * sum w I^2)

    The three at the left are multiplied by the sum of the template's mask over that of w, so that what is seen in part
    compares with the rest. The masked sums are Padfield's ("Masked object registration in the Fourier domain", IEEE
    Transactions on Image Processing 21, 2012).

    For "zncc" and "covariance" a window or template is flat where its standard deviation is at most 2**-21 (float32) or
    2**-50 (float64) of its largest magnitude; integers are flat where all are equal. "ncc" and "nssd" are undefined
    only for zeros.

    "zncc" and "ncc" are within 1e-5 (float32) or 1e-10 (float64) of the exact score of the given numbers, whatever
    their offset, scale or contrast. Copies of integers of up to 16 bits score exactly 1, inverted ones -1.

    A NaN in a window makes its scores NaN, and so does infinity, but for "ssd", which then is infinite, and
    "correlation", which is as `correlate` has it.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> image = (np.arange(1, 49).reshape(6, 8) ** 2 % 31).astype(np.uint8)
    >>> scores = xcorr.match(image, image[2:5, 3:7])
    >>> scores.shape, float(scores.max())
    ((4, 5), 1.0)
    >>> [int(place) for place in np.unravel_index(scores.argmax(), scores.shape)]
    [2, 3]

    An object that is cut off by the border, as padding is unseen:

    >>> cut = xcorr.match(image[:, 4:], image[2:5, 3:7], padding=1)
    >>> [int(place) for place in np.unravel_index(cut.argmax(), cut.shape)]
    [3, 0]
    """
    scoring, operands = split("match", keywords)
    image_array, _images_held = held(take_array(images, "images"))
    template_array, _templates_held = held(take_array(templates, "templates"))
    seen, _mask_held = read_mask(operands["mask"], "mask", True)
    taps, _taps_held = read_mask(operands["template_mask"], "template_mask", False)
    out, workers = operands["out"], operands["workers"]
    masked = seen is not None or taps is not None
    if axes_in(scoring.settings.layout) == 3:
        return match_volumes(VolumeMatch(scoring, template_array, taps), image_array, seen, out, workers)
    plan = match_plan(scoring, image_array, template_array, masked)
    if is_plain(plan):
        return correlate(image_array, template_array, out=out, workers=workers, **plain_keywords(plan))
    return scored(plan, Banks(plan, template_array, taps), image_array, seen, out, workers)


class Matcher:
    """A bank of templates prepared for many calls.

    Takes the keywords of `match` but `mask`, `out` and `workers`, and keeps a copy of the templates. Can be pickled and
    shared by threads.

    Parameters
    ----------
    templates : array_like
        The bank, as for `match`.
    score, layout, padding, boundary, fill_value, stride, dilation, template_mask, min_overlap, undefined, pairwise, roi
        As for `match`.
    reduce, over, method, precision, dtype
        As for `match`.

    Raises
    ------
    TypeError, ValueError
        If a keyword by itself is not allowed; what depends on the images is raised by the call.

    See Also
    --------
    match : A single call; arguments, scores and errors are described there.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> corner = xcorr.Matcher(np.array([[0.0, 0, 0], [0, 1, 1], [0, 1, 1]]))
    >>> image = np.zeros((6, 7))
    >>> image[3:, 2:] = 5
    >>> scores = corner(image)
    >>> [int(place) for place in np.unravel_index(scores.argmax(), scores.shape)]
    [2, 1]
    """

    @takes_keywords("mask", "out", "workers", types=MatcherCallKeywords, defaults=DEFAULTS)
    def __init__(self, templates: npt.ArrayLike, **keywords: Unpack[MatcherCallKeywords]) -> None:
        self._scoring, operands = split("Matcher", keywords, "mask", "out", "workers")
        self._templates = copied(templates, "templates")
        with of_templates():
            check_bank(self._templates, self._scoring.settings.layout, self._scoring.settings.pairwise)
        taps, _held = read_mask(operands["template_mask"], "template_mask", False)
        self._template_mask = None if taps is None else taps.copy()
        self._forget()

    def _forget(self) -> None:
        self._banks: dict[Hashable, Banks] = {}
        self._correlator: dict[Hashable, Correlator] = {}
        self._volumes: VolumeMatch | None = None

    @overload
    def __call__(
        self, images: npt.ArrayLike, *, mask: Mask | None = None, out: AnyArray, workers: SupportsIndex | None = None
    ) -> AnyArray: ...
    @overload
    def __call__(
        self,
        images: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        out: tuple[Array, ...],
        workers: SupportsIndex | None = None,
    ) -> tuple[Array, ...]: ...
    @overload
    def __call__(
        self,
        images: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        out: Array | None = None,
        workers: SupportsIndex | None = None,
    ) -> Array: ...
    def __call__(
        self,
        images: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        out: Array | tuple[Array, ...] | None = None,
        workers: SupportsIndex | None = None,
    ) -> Any:
        """Score how well the templates match the windows of images.

        Parameters
        ----------
        images : array_like
            One image or a batch, as for `match`.
        mask, out, workers
            As for `match`.

        Returns
        -------
        ndarray
            The scores, as of `match`.

        Raises
        ------
        TypeError, ValueError, OverflowError, MemoryError
            As `match`.
        """
        array, _images_held = held(take_array(images, "images"))
        seen, _mask_held = read_mask(mask, "mask", True)
        if axes_in(self._scoring.settings.layout) == 3:
            return match_volumes(self._volume_match(), array, seen, out, workers)
        plan = self._plan(array, seen is not None)
        correlator = self._plain(plan)
        if correlator is not None:
            return correlator(array, out=out, workers=workers)
        return scored(plan, self._bank_of(plan), array, seen, out, workers)

    def _plan(self, images: Array, masked: bool = False) -> MatchPlan:
        """The plan of a call."""
        return match_plan(self._scoring, images, self._templates, masked or self._template_mask is not None)

    def _plain(self, plan: MatchPlan) -> Correlator | None:
        """What makes the scores where these are the sums themselves."""
        if not is_plain(plan):
            return None
        keywords = plain_keywords(plan)
        key = keywords["dtype"]
        correlator = self._correlator.get(key)
        if correlator is None:
            correlator = self._correlator[key] = Correlator(self._templates, **keywords)
        return correlator

    def _bank_of(self, plan: MatchPlan) -> Banks:
        """The templates as the plan's scores see them."""
        key = plan.layout.kernels, plan.layout.word, plan.flat
        banks = self._banks.get(key)
        if banks is None:
            banks = self._banks[key] = Banks(plan, self._templates, self._template_mask)
        return banks

    def _volume_match(self) -> VolumeMatch:
        """The templates as volumes see them."""
        if self._volumes is None:
            self._volumes = VolumeMatch(self._scoring, self._templates, self._template_mask)
        return self._volumes

    def __repr__(self) -> str:
        scoring = self._scoring
        parts = [f"templates {self._templates.shape} of {self._templates.dtype}", f"score {scoring.score}"]
        if scoring.settings.layout:
            parts.append(f"layout {scoring.settings.layout}")
        if scoring.settings.reduce is not None:
            parts.append(f"reduce {scoring.settings.reduce!r}")
        if self._template_mask is not None:
            parts.append(f"template_mask {self._template_mask.shape}")
        return f"<Matcher: {', '.join(parts)}>"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in KEPT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()


def match_plan(scoring: Scoring, images: Array, templates: Array, masked: bool) -> MatchPlan:
    """The plan of these arrays."""
    return MatchPlan(scoring, images.shape, images.dtype, templates.shape, templates.dtype, masked)


def match_volumes(volumes: VolumeMatch, images: Array, mask: Any, out: Any, workers: Any) -> Any:
    """The scores of templates in volumes, or what they are reduced to; by the sums alone where these are the scores."""
    plan = volumes.plan(images, mask)
    if plan.are_sums:
        keywords = words_of_sums(volumes.scoring, plan.plan)
        return correlate(images, volumes.templates, out=out, workers=workers, **keywords)
    return volumes.run(plan, images, mask, out, workers)


def scored(plan: MatchPlan, banks: Banks, images: Array, mask: Any, out: Any, workers: Any) -> Any:
    """The scores of images, what they are reduced to, or the peaks in them; all errors come first."""
    mask, fill = check_mask(plan, mask, images), plan.fill_of(images.dtype)
    check_it_runs(plan, banks)
    if workers is not None:
        workers = _workers.count_workers(workers)
    peaks = plan.peaks
    if peaks is None:
        return match_images(plan, banks, images, mask, fill, out, workers)
    shape = shape_of_peaks(plan.layout, plan.n_responses, peaks, n_images_of(images.shape, plan.layout.images[0]))
    find = partial(find_in_scores, plan, peaks, banks, images, mask, fill, workers)
    return found_peaks(shape, plan.response, out, find, plan.layout.n_axes)


def is_plain(plan: MatchPlan) -> bool:
    """Whether scores are the sums themselves."""
    return plan.scoring.score == "correlation" and not plan.masked


def plain_keywords(plan: MatchPlan) -> dict[str, Any]:
    """What `correlate` is told then."""
    return words_of_sums(plan.scoring, plan)


def words_of_sums(scoring: Scoring, plan: MatchPlan) -> dict[str, Any]:
    """The keywords of `correlate` that are `match`'s."""
    settings = scoring.settings
    names = ("layout", "padding", "boundary", "stride", "dilation", "roi", "pairwise", "reduce", "over", "method")
    keywords = {name: word_of(settings, name) for name in (*names, "precision")}
    fill = scoring.fill
    return {**keywords, "fill_value": 0 if fill is None else fill, "dtype": plan.response}

"""Images laid on each other: by how much they are shifted, as a whole or window by window."""

from __future__ import annotations

from typing import Any, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import held, take_array
from xcorr._masks import canonical, canonical_mask, read_mask
from xcorr._register_settings import Pairs, check_sizes, read_pairs, read_register_settings
from xcorr._register_short import register_short
from xcorr._registering import Found, Operand, Registration
from xcorr._shift_windows import Windows
from xcorr._typing import Along, Array, Fraction, Layout, Mask, RegisterScore

Doubles = npt.NDArray[np.float64]


class Shifts(NamedTuple):
    """Shifts of images as `register` finds them: ``shift, score, ratio = register(...)``.

    Parameters
    ----------
    shift : ndarray of float64, (N, axes)
        What has to be applied to moving, in pixels along each spatial axis: ``reference(y) == moving(y - shift)``. With
        windows (N, rows, columns, axes). Without N if neither operand has it. NaN where no shift is known.
    score : ndarray of float64
        How well the images agree there, of the same shape without the last axis: 1 for identical ones, 0 where no
        shift is known.
    ratio : ndarray of float64
        The best score over the largest one that is more than two pixels from it along some axis; infinite if that is
        not positive or there is none, 0 where no shift is known or the best score is not positive.
    """

    shift: Doubles
    score: Doubles
    ratio: Doubles

    @property
    def displacement(self) -> Doubles:
        """How far the content has moved from the references to moving: ``-shift``."""
        return np.asarray(0 - self.shift)  # without negative zeros


def register(
    references: npt.ArrayLike,
    moving: npt.ArrayLike,
    *,
    layout: Layout | None = None,
    score: RegisterScore = "phase",
    window: Along | None = None,
    step: Along | None = None,
    search: Along | None = None,
    taper: str | float | None = None,
    mask: Mask | None = None,
    moving_mask: Mask | None = None,
    min_overlap: float = 0.3,
    max_shift: float | tuple[float, ...] | None = None,
    subpixel: Fraction | None = None,
    workers: SupportsIndex | None = None,
) -> Shifts:
    """Find by how much images are shifted beside their references.

    Parameters
    ----------
    references, moving : array_like of real numbers
        Pairs of images, in the layout's axes. One image, with or without N, goes with all of the other operand's.
        Channels are compared together: sums go over them, and means are each channel's own.
    layout : {"NHWC", "NCHW", "NHW", ...}, optional
        What the axes are, as for `correlate`. Without it, four axes are NHWC and two are one image, also beside three
        axes of the other operand; all else has to be said.
    score : {"phase", "correlation", "zncc"}
        What is compared. "phase": the phases of all frequencies alike, which finds sharp peaks and does not mind uneven
        light; images are taken to go on at their other edges. "correlation": the coefficient of correlation, images
        going on likewise. "zncc": the coefficient of correlation of what both images see, each about its mean there,
        whatever the shift; images may be of different sizes, and shifts are between their top left corners.
    window : int or one for each axis, optional
        Compare windows of this size instead of whole images, as particle image velocimetry does.
    step : int or one for each axis, optional
        Pixels from window to window, half a window without it.
    search : int or one for each axis, optional
        The size of what is searched in moving around each window, the window's without it. Larger ones need "zncc";
        what lies beyond moving's edges is not seen.
    taper : {None, "hann"} or float, optional
        Fade images, or windows, out towards their edges, over all of each axis or a share of it: what is multiplied is
        the difference from the mean, with "zncc" what counts. Phases of images that do not go on at their other edges
        need it.
    mask, moving_mask : array_like or "finite", optional
        Which pixels of `references` and `moving` count, as for `match`: bools, integers or floats from 0 to 1, of the
        operand's shape, with or without channels, with or without N. "finite": those that are. Not with "phase".
    min_overlap : float
        The least that both images must see of each other, as a share of the most that they do at any shift.
    max_shift : float or one for each axis, optional
        The largest shift of either sign that is looked for.
    subpixel : {None, "parabola", "gaussian"} or int
        Whether fractions of a pixel are looked for. The vertex of a parabola through the best score and its two
        neighbours on each axis, or of a Gaussian through all scores around it, within half a pixel; or the best of
        shifts that are 1/u pixel apart, by the waves that go through the scores.
    workers : int, optional
        As for `correlate`.

    Returns
    -------
    Shifts
        A named tuple of ``shift`` (N, axes), ``score`` and ``ratio`` (N,), all float64, and ``displacement``, which is
        ``-shift``. With `window` (N, rows, columns, axes) and (N, rows, columns); windows lie every `step` pixels from
        the first one on, as many as there are whole ones.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or shapes do not go together.
    MemoryError
        If the workspace of one pair would exceed 256 MiB.

    See Also
    --------
    match : Scores of small templates at all places.

    Notes
    -----
    With F for the Fourier transform and R = F(reference) conj(F(moving)), "phase" looks for the largest value of the
    inverse transform of R / abs(R), where frequencies with abs(R) below u max abs(R) are left out (u is the unit
    roundoff) and the value is divided by the number of the others. [1]_ "zncc" makes six such sums of masks, pixels and
    squares. [2]_ Images are taken about their means first, so that these cost no digits.

    An image that is flat or, without a mask, has a pixel that is not finite has no shift: it is NaN, and score and
    ratio are 0. So it is where masks see nothing in common.

    Bits depend neither on the other pairs nor on workers or memory order.

    References
    ----------
    .. [1] C. D. Kuglin and D. C. Hines, "The phase correlation image alignment method", 1975.
    .. [2] D. Padfield, "Masked object registration in the Fourier domain", IEEE Trans. Image Process. 21, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> image = np.random.default_rng(0).random((64, 64))
    >>> found = xcorr.register(image, np.roll(image, (3, -5), (0, 1)))
    >>> found.shift, found.displacement
    (array([-3.,  5.]), array([ 3., -5.]))

    Where a part of an image lies, of which some pixels are missing:

    >>> part = image[20:50, 10:40].copy()
    >>> part[:4, :4] = np.nan
    >>> xcorr.register(image, part, score="zncc", moving_mask="finite").shift
    array([20., 10.])

    A stack beside its first image:

    >>> stack = np.stack([np.roll(image, n, 0) for n in range(4)])
    >>> xcorr.register(stack[0], stack, layout="NHW").shift[:, 0]
    array([ 0., -1., -2., -3.])
    """
    words = (score, window, step, search, taper, min_overlap, max_shift, subpixel)
    if layout is None and mask is None and moving_mask is None and is_plain(words, workers):
        short = register_short(references, moving)
        if short is not None:
            return Shifts(*short)
    a, _a_held = held(take_array(references, "references"))
    b, _b_held = held(take_array(moving, "moving"))
    pairs = read_pairs(a.shape, b.shape, layout)
    settings = read_register_settings(pairs.n_axes, *words)
    for argument, array in (("references", a), ("moving", b)):
        if array.dtype.kind == "c":
            raise TypeError(
                f"{argument}: got dtype {array.dtype}; allowed are bool, integers up to 64 bits, float16, float32 and "
                "float64"
            )
    check_sizes(pairs, a.shape, b.shape, settings)
    own, _mask_held = read_mask(mask, "mask", True)
    other, _moving_mask_held = read_mask(moving_mask, "moving_mask", True)
    for argument, given in (("mask", own), ("moving_mask", other)):
        if given is not None and settings.score == "phase":
            raise ValueError(f"{argument}: got one with score 'phase'; allowed is None, or another score")
    operands = (
        operand_of(a, own, "mask", "references", pairs.references, pairs),
        operand_of(b, other, "moving_mask", "moving", pairs.moving, pairs),
    )
    n_workers = min(_workers.count_workers(workers), _workers.most_threads())
    if settings.window is None:
        return as_shifts(Registration(*operands, settings, n_workers).run(), (), pairs)
    windows = Windows(*operands, settings, n_workers)
    return as_shifts(windows.run(), windows.grid, pairs)


def is_plain(words: tuple[Any, ...], workers: Any) -> bool:
    """Whether keywords are those of the short way; they may be of any type."""
    word, *others, least, most_shift, fraction = words
    if any(own is not None for own in (*others, most_shift, fraction)):
        return False
    if workers is not None and not (type(workers) is int and workers > 0):
        return False
    return type(word) is str and word == "phase" and type(least) is float and 0 <= least <= 1


def operand_of(array: Array, mask: Any, argument: str, name: str, axes: tuple[int, ...], pairs: Pairs) -> Operand:
    """An operand and its mask in canonical axes, without a row where the layout has none."""
    shares = mask
    if isinstance(mask, np.ndarray):
        shares = plain(canonical_mask(mask, argument, array.shape, axes, name), pairs)
    return Operand(plain(canonical(array, axes), pairs), shares)


def plain(array: Array, pairs: Pairs) -> Array:
    """Images (N, channels, spatial axes) without the row that a single axis has beside it."""
    return array[:, :, 0] if pairs.n_axes == 1 else array


def as_shifts(found: Found, grid: tuple[int, ...], pairs: Pairs) -> Shifts:
    """What is found, in the shape that is returned."""
    shape = (len(found.scores), *grid) if pairs.has_images else grid
    return Shifts(found.shifts.reshape(*shape, pairs.n_axes), found.scores.reshape(shape), found.ratios.reshape(shape))

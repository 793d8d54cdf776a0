"""scikit-image's template matching: the correlation coefficient in each window of a plane or volume."""

from typing import Any

import numpy as np

from xcorr._match import match
from xcorr._typing import Array
from xcorr.compat._skimage_arrays import check_axes, float_type

MODES: dict[Any, Any] = {
    "constant": "constant",
    "edge": "edge",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "wrap": "wrap",
}
"""Names of borders that `numpy.pad` and xcorr have both."""
EXACT_BYTES = 2
"""Integers of up to so many bytes are scored as they are."""


def match_template(
    image: Array, template: Array, pad_input: bool = False, mode: Any = "constant", constant_values: Any = 0
) -> Array:
    """Correlation coefficients of a template with the windows of an image, as `skimage.feature.match_template`.

    Parameters
    ----------
    image : ndarray, (rows, columns) or (planes, rows, columns)
        A plane or a volume; a third axis is space, colours are not summed over.
    template : ndarray
        The template, of as many axes and not larger.
    pad_input
        Whether the scores have the image's shape and stand for the template's middle, else for its first corner.
    mode, constant_values
        The border of a padded image, as of `numpy.pad`.

    Returns
    -------
    ndarray
        Scores from -1 to 1, 0 where a window or the template has no contrast: float32 for float16 and float32 images,
        else float64.

    Raises
    ------
    ValueError
        If the axes are others, the template is larger, or the border has another name.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> image = np.array([[1, 5, 2, 8, 3]])
    >>> skimage.match_template(image, image[:, 1:4]).round(3)
    array([[-0.721,  1.   , -0.778]])
    """
    image, template = np.asarray(image), np.asarray(template)
    check_axes(image, (2, 3))
    if image.ndim < template.ndim:
        raise ValueError("Dimensionality of template must be less than or equal to the dimensionality of image.")
    if image.ndim != template.ndim or not template.size:
        raise ValueError(f"template: got the shape {template.shape} for an image of {image.shape}")
    if np.any(np.less(image.shape, template.shape)):
        raise ValueError("Image must be larger than template.")
    dtype = float_type(image.dtype)
    is_known = mode in MODES and np.ndim(constant_values) == 0
    if not is_known:
        np.pad(np.zeros(2), 1, mode=mode)  # a border's name that NumPy does not know either
    sides = [(length // 2, (length - 1) // 2) if pad_input else (0, 0) for length in template.shape]
    if pad_input or not is_exact(image, template):
        image = image.astype(dtype, copy=False)
    if pad_input and not is_known:
        image, sides = padded(image, template, sides, mode, constant_values), [(0, 0)] * image.ndim
    return match(
        image,
        template.astype(np.float64) if template.dtype == np.longdouble else template,
        layout="NHW" if image.ndim == 2 else "NDHW",
        padding=tuple(sides),
        boundary=MODES[mode] if is_known else "constant",
        fill_value=image.dtype.type(constant_values if mode == "constant" and is_known else 0),
        dtype=dtype,
    )


def is_exact(image: Array, template: Array) -> bool:
    """Whether both are integers whose scores are exact."""
    return all(array.dtype.kind in "iu" and array.dtype.itemsize <= EXACT_BYTES for array in (image, template))


def padded(image: Array, template: Array, sides: list[tuple[int, int]], mode: Any, constant_values: Any) -> Array:
    """The image with what a border of NumPy's own gives around it, of the template's length as in scikit-image."""
    keywords = {"constant_values": constant_values} if mode == "constant" else {}
    around: Array = np.pad(image, [(length, length) for length in template.shape], mode=mode, **keywords)
    kept = zip(template.shape, sides, image.shape, strict=True)
    return around[tuple(slice(pad - before, pad + length + behind) for pad, (before, behind), length in kept)]

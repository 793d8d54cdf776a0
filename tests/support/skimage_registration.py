"""scikit-image's functions of registration by `xcorr`, and the plugin of pytest that puts them below its own tests.

By ``-p skimage_registration`` its modules have these functions in place of theirs. Left out are tests of what has no
counterpart, and pictures that are no part of its wheels are drawn.
"""

import sys

import numpy as np

import xcorr

LAYOUTS = {1: "NW", 2: "NHW", 3: "NDHW"}

LEFT_OUT = {
    "test_4d_input_pixel": "no layout has four spatial axes",
    "test_4d_input_subpixel": "no layout has four spatial axes",
    "test_mismatch_upsampled_region_size": "of a function inside of scikit-image",
    "test_mismatch_offsets_size": "of a function inside of scikit-image",
    "test_disambiguate_empty_image": "wants 0 and warnings where no shift is known; here it is NaN, without a warning",
}


def real(image, space):
    """An image, of its Fourier transform where that is what is given."""
    if space.lower() == "fourier":
        return np.fft.ifftn(image).real
    if space.lower() == "real":
        return np.asarray(image)
    raise ValueError(f"space: got {space!r}; allowed are 'real' and 'fourier'")


def float_like(*arrays):
    """The type that scikit-image has of such arrays: float32 of float16 and float32, else float64."""
    narrow = all(array.dtype.char in "efF" for array in arrays)
    return np.dtype(np.float32 if narrow else np.float64)


def masked_shift(reference_image, moving_image, reference_mask, moving_mask=None, overlap_ratio=0.3):
    """The shift between the middles of two images, by what both masks see."""
    if moving_mask is None:
        moving_mask = reference_mask
    found = xcorr.register(
        reference_image,
        moving_image,
        layout=LAYOUTS[reference_image.ndim],
        score="zncc",
        mask=reference_mask,
        moving_mask=moving_mask,
        min_overlap=overlap_ratio,
    )
    return found.shift + (np.array(moving_image.shape) - np.array(reference_image.shape)) / 2


def phase_cross_correlation(
    reference_image,
    moving_image,
    *,
    upsample_factor=1,
    space="real",
    disambiguate=False,
    reference_mask=None,
    moving_mask=None,
    overlap_ratio=0.3,
    normalization="phase",
):
    """The shift of moving images, the error that their correlation leaves, and 0 for the phases of real images."""
    if reference_mask is not None or moving_mask is not None:
        shift = masked_shift(reference_image, moving_image, reference_mask, moving_mask, overlap_ratio)
        return shift, np.nan, np.nan
    reference, moving = real(reference_image, space), real(moving_image, space)
    if reference.shape != moving.shape:
        raise ValueError(f"moving_image: got shape {moving.shape}; allowed is that of the reference {reference.shape}")
    if not np.isfinite(reference).all() or not np.isfinite(moving).all():
        raise ValueError("images: got NaN or infinity; allowed are numbers, or masks")
    score = "zncc" if disambiguate else {None: "correlation"}.get(normalization, normalization)
    found = xcorr.register(
        reference,
        moving,
        layout=LAYOUTS[reference.ndim],
        score=score,
        subpixel=None if upsample_factor == 1 else upsample_factor,
        min_overlap=0.01 if disambiguate else 0.3,
    )
    return found.shift.astype(float_like(reference, moving)), np.sqrt(1 - found.score**2), 0.0


def cross_correlate_masked(arr1, arr2, m1, m2, mode="full", axes=(-2, -1), overlap_ratio=0.3):
    """The coefficients of correlation of what both masks see, at each shift along some axes."""
    dtype = float_like(np.asarray(arr1), np.asarray(arr2))
    own = {axis % np.ndim(arr1) for axis in axes}
    others = [axis for axis in range(np.ndim(arr1)) if axis not in own]
    turned = [np.moveaxis(np.asarray(array), others, range(len(others))) for array in (arr1, arr2, m1, m2)]
    beside = turned[0].shape[: len(others)]
    if turned[1].shape[: len(others)] != beside:
        raise ValueError(f"arr2: got {turned[1].shape[: len(others)]} along the other axes; allowed is {beside}")
    words = {"layout": LAYOUTS[len(own)], "padding": "full"}
    maps = [coefficients(*(array[index] for array in turned), overlap_ratio, words) for index in np.ndindex(*beside)]
    maps = np.stack(maps).reshape(*beside, *maps[0].shape).astype(dtype)
    if mode == "same":
        sizes = zip(maps.shape[len(others) :], turned[0].shape[len(others) :], strict=True)
        middle = tuple(slice((whole - part) // 2, (whole - part) // 2 + part) for whole, part in sizes)
        maps = maps[(..., *middle)]
    return np.moveaxis(maps, range(len(others)), others)


def coefficients(image, template, mask, template_mask, overlap_ratio, words):
    """Scores of two arrays, 0 where too little is seen of both beside where the most is."""
    mask, template_mask = mask.astype(bool), template_mask.astype(bool)
    if not mask.any() or not template_mask.any():
        return np.zeros([one + other - 1 for one, other in zip(image.shape, template.shape, strict=True)])
    seen = xcorr.correlate(mask, template_mask, **words)
    scores = xcorr.match(image, template, mask=mask, template_mask=template_mask, min_overlap=0, **words)
    return np.where(seen < overlap_ratio * seen.max(), 0, scores)


def eagle():
    """A texture of the size of scikit-image's photograph of an eagle."""
    from scipy import ndimage

    return ndimage.gaussian_filter(np.random.default_rng(0).random((2019, 1826)), 2)


def brain():
    """A volume of the size of scikit-image's of a brain: smooth, and dark at its sides."""
    from scipy import ndimage

    volume = ndimage.gaussian_filter(np.random.default_rng(1).random((10, 256, 256)), (0.7, 3, 3))
    return volume * np.multiply.outer(np.hanning(12)[1:-1], np.outer(np.hanning(256), np.hanning(256)))


def pytest_configure(config):
    """Put these functions into scikit-image, and pictures into its data."""
    import skimage.data
    from skimage.registration import _masked_phase_cross_correlation as masked
    from skimage.registration import _phase_cross_correlation as phase

    sys.modules.setdefault("_skimage2", skimage)  # where versions from 0.27 on keep what both of its names share
    skimage.registration.phase_cross_correlation = phase.phase_cross_correlation = phase_cross_correlation
    masked._masked_phase_cross_correlation = masked_shift
    masked.cross_correlate_masked = cross_correlate_masked
    for drawn in (eagle, brain):
        setattr(skimage.data, drawn.__name__, drawn)


def pytest_collection_modifyitems(config, items):
    """Leave out what has no counterpart."""
    left_out = [item for item in items if item.originalname in LEFT_OUT]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item.originalname not in LEFT_OUT]

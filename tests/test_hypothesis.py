"""Random calls against the definition: whole numbers must come out exact, whatever is combined."""

import numpy as np
from checks import (
    BOUNDARIES,
    COMPLEXES,
    FLOATS,
    INTEGERS,
    SEED,
    assert_equal,
    assert_same_bits,
    assert_within_bound,
    real_numbers,
    response_dtype,
    to_layout,
    whole_numbers,
)
from hypothesis import event, given, seed
from hypothesis import strategies as st

import xcorr
from xcorr import _dispatch, _reference

LENGTHS = st.sampled_from([1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 11])
COLUMNS = st.one_of(LENGTHS, st.integers(1, 40))
KERNEL_LENGTHS = st.sampled_from([1, 1, 2, 2, 3, 3, 4, 5])
N_KERNELS = st.sampled_from([0, 1, 1, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33])
DEPTHS = st.sampled_from([1, 1, 1, 2, 3, 4, 5, 8, 9, 17])
STEPS = st.sampled_from([1, 1, 1, 1, 2, 2, 3, 5])
PAIRS_OF_STEPS = st.one_of(STEPS, st.tuples(STEPS, STEPS))
PADS = st.sampled_from([0, 0, 1, 1, 2, 3, 6, 13])
PADDINGS = st.one_of(
    st.sampled_from(["valid", "same", "full"]),
    PADS,
    st.tuples(PADS, PADS),
    st.tuples(st.tuples(PADS, PADS), st.tuples(PADS, PADS)),
)
DTYPES = st.sampled_from([*INTEGERS, *FLOATS, *FLOATS, *FLOATS, *COMPLEXES])
SLICES = st.builds(slice, st.sampled_from([None, 0, 1, 3, -2]), st.sampled_from([None, 2, 5, -1, 50]))
ROIS = st.one_of(st.none(), st.tuples(SLICES, SLICES))
MEMORY = {
    "contiguous": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "reversed": lambda array: np.flip(np.ascontiguousarray(np.flip(array))),
    "spaced": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "other-byte-order": lambda array: array.astype(array.dtype.newbyteorder()),
    "transposed": lambda array: np.ascontiguousarray(array.T).T,
}


@st.composite
def geometries(draw):
    """Shapes in NHWC and the keywords of a call that must succeed."""
    grouped = draw(st.booleans())
    groups = draw(st.sampled_from([2, 3, 8, 17])) if grouped else 1
    depth = draw(st.sampled_from([1, 1, 2, 3])) if grouped else draw(DEPTHS)
    n_kernels = groups * draw(st.sampled_from([0, 1, 1, 2, 3])) if grouped else draw(N_KERNELS)
    kernel = draw(KERNEL_LENGTHS), draw(KERNEL_LENGTHS)
    dilation, stride, padding = draw(PAIRS_OF_STEPS), draw(PAIRS_OF_STEPS), draw(PADDINGS)
    boundary = draw(st.sampled_from(BOUNDARIES))
    span = [(length - 1) * step + 1 for length, step in zip(kernel, np.broadcast_to(dilation, 2))]
    pads = (0, 0)
    if not isinstance(padding, str):
        pads = [sum(np.broadcast_to(pad, 2)) for pad in (padding if isinstance(padding, tuple) else (padding, padding))]
    size = [draw(LENGTHS), draw(COLUMNS)]
    if padding in ("valid",) or not isinstance(padding, str):
        size = [max(length, int(reach - pad)) for length, reach, pad in zip(size, span, pads)]
    n_images = draw(st.sampled_from([0, 1, 1, 2, 3]))
    fill_value = draw(st.sampled_from([0, 0, 1])) if boundary == "constant" else 0
    keywords = {
        "padding": padding,
        "boundary": boundary,
        "fill_value": fill_value,
        "stride": stride,
        "dilation": dilation,
        "groups": groups,
    }
    return (n_images, *size, groups * depth), (n_kernels, *kernel, depth), keywords


@st.composite
def calls(draw, numbers=whole_numbers, dtypes=DTYPES):
    """Operands in some layout, with or without the axes N and K, and keywords."""
    images_shape, kernels_shape, keywords = draw(geometries())
    layout = (
        draw(st.sampled_from(["NHWC", "NCHW", "NHW"]))
        if images_shape[3] == 1
        else draw(st.sampled_from(["NHWC", "NCHW"]))
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    images_dtype = draw(dtypes)
    kernels_dtype = draw(dtypes) if draw(st.booleans()) else images_dtype
    images = to_layout(numbers(rng, images_shape, images_dtype), layout)
    kernels = to_layout(numbers(rng, kernels_shape, kernels_dtype), layout)
    bias_dtype = response_dtype(images, kernels)
    bias = numbers(rng, len(kernels), bias_dtype) if draw(st.booleans()) else None
    if len(images) and draw(st.integers(0, 3)) == 0:
        images = images[draw(st.integers(0, len(images) - 1))]
    if len(kernels) and keywords["groups"] == 1 and draw(st.integers(0, 3)) == 0:
        which = draw(st.integers(0, len(kernels) - 1))
        kernels, bias = kernels[which], None if bias is None else bias[which]
    images, kernels = (
        MEMORY[draw(st.sampled_from(sorted(MEMORY)))](images),
        MEMORY[draw(st.sampled_from(sorted(MEMORY)))](kernels),
    )
    keywords.update(layout=layout, bias=bias, conjugate=draw(st.booleans()), roi=draw(ROIS))
    return images, kernels, keywords


RUNS = st.fixed_dictionaries(
    {"method": st.sampled_from(["direct", "matmul"]), "workers": st.sampled_from([None, 1, 2, 5])}
)
LEVELS = st.sampled_from(_dispatch.runnable_levels())


@seed(SEED)
@given(call=calls(), run=RUNS, level=LEVELS)
def test_whole_numbers_are_exact_whatever_is_combined(call, run, level):
    images, kernels, keywords = call
    expected = _reference.correlate(images, kernels, **keywords)
    dtype = response_dtype(images, kernels)
    event(f"{dtype} {run['method']}")
    with _dispatch.using_level(level):
        response = xcorr.correlate(images, kernels, **run, **keywords)
        assert_equal(response, expected, dtype)


@seed(SEED)
@given(call=calls(), workers=st.sampled_from([None, 1, 3]))
def test_strict_auto_is_exact_for_whole_numbers_whatever_is_combined(call, workers):
    images, kernels, keywords = call
    expected = _reference.correlate(images, kernels, **keywords)
    response = xcorr.correlate(images, kernels, precision="strict", workers=workers, **keywords)
    assert_equal(response, expected, response_dtype(images, kernels))


@seed(SEED)
@given(
    call=calls(real_numbers, st.sampled_from(["float32", "float64", "complex64", "complex128"])), run=RUNS, level=LEVELS
)
def test_error_stays_under_the_bound_whatever_is_combined(call, run, level):
    images, kernels, keywords = call
    with _dispatch.using_level(level):
        response = xcorr.correlate(images, kernels, **run, **keywords)
        assert_within_bound(response, images, kernels, **keywords)


@seed(SEED)
@given(call=calls(), run=RUNS, level=LEVELS)
def test_convolve_correlator_and_out_agree_whatever_is_combined(call, run, level):
    images, kernels, keywords = call
    workers = run["workers"]
    prepared = dict(keywords, method=run["method"])
    with _dispatch.using_level(level):
        response = xcorr.correlate(images, kernels, workers=1, **prepared)
        assert_same_bits(xcorr.Correlator(kernels, **prepared)(images, workers=workers), response)
        out = np.full(response.shape[::-1], 99, response.dtype).T
        assert xcorr.correlate(images, kernels, out=out, workers=workers, **prepared) is out
        assert_same_bits(out, response)
        rows = -2 if keywords["layout"] != "NHWC" else -3
        flipped = np.flip(kernels, (rows, rows + 1))
        expected = _reference.correlate(images, flipped, **dict(keywords, conjugate=False))
        assert_equal(xcorr.convolve(images, kernels, workers=workers, **prepared), expected, response.dtype)


@seed(SEED)
@given(geometry=geometries(), dtype=st.sampled_from(["float32", "float64"]), run=RUNS, level=LEVELS, data=st.data())
def test_special_values_reach_their_windows_whatever_is_combined(geometry, dtype, run, level, data):
    images_shape, kernels_shape, keywords = geometry
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    images, kernels = whole_numbers(rng, images_shape, dtype), whole_numbers(rng, kernels_shape, dtype)
    where = rng.random(images.shape) < data.draw(st.sampled_from([0.01, 0.1, 0.5]))
    images[where] = rng.choice([np.nan, np.inf, -np.inf], np.count_nonzero(where))
    expected = _reference.correlate(images, kernels, **keywords)
    with _dispatch.using_level(level):
        response = xcorr.correlate(images, kernels, **run, **keywords)
        np.testing.assert_array_equal(response, expected)
        response = xcorr.correlate(images, kernels, **keywords)
        special = ~np.isfinite(expected)
        np.testing.assert_array_equal(~np.isfinite(response), special)
        np.testing.assert_array_equal(response[special], expected[special])

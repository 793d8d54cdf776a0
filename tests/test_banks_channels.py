"""Banks without channels for images with some: every channel by itself, and the sum over the channels."""

import numpy as np
import pytest
from looping import for_each

import xcorr
from xcorr import banks

DTYPES = ["?", "i1", "u2", "i4", "i8", "f2", "f4", "f8", "c8", ">f4"]


@for_each("channels", [1, 2, 3, 7])
@pytest.mark.parametrize("n_kernels", [0, 1, 4])
@pytest.mark.parametrize("dtype", DTYPES)
def test_each_tap_is_where_it_belongs_in_the_banks_dtype(channels, n_kernels, dtype):
    bank = np.arange(n_kernels * 6).reshape(n_kernels, 2, 3).astype(dtype)
    apart, together = banks.per_channel(bank, channels), banks.over_channels(bank, channels)
    assert apart.shape == (channels * n_kernels, 2, 3, 1)
    assert together.shape == (n_kernels, 2, 3, channels)
    assert apart.dtype == together.dtype == bank.dtype
    for channel, kernel in np.ndindex(channels, n_kernels):
        np.testing.assert_array_equal(apart[channel * n_kernels + kernel, :, :, 0], bank[kernel])
        np.testing.assert_array_equal(together[kernel, :, :, channel], bank[kernel])


def test_one_kernel_needs_no_axis():
    kernel = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(banks.per_channel(kernel, 4), np.stack([kernel[..., None]] * 4), strict=True)
    np.testing.assert_array_equal(banks.over_channels(kernel, 4), np.stack([kernel] * 4, axis=-1), strict=True)
    assert banks.over_channels([[1, 2]], np.int8(3)).tolist() == [[[1, 1, 1], [2, 2, 2]]]


@pytest.mark.parametrize("function", [banks.per_channel, banks.over_channels])
def test_kernels_are_an_array_of_their_own(function):
    bank = banks.sobel()
    kernels = function(bank, 1)
    assert kernels.flags.c_contiguous
    assert kernels.flags.writeable
    kernels[:] = 7
    np.testing.assert_array_equal(bank, banks.sobel())


@pytest.mark.parametrize("name", ["sobel", "laplacian-of-gaussian", "box"])
@pytest.mark.parametrize("has_batch", [False, True])
def test_colour_images_with_a_grey_bank(level, name, has_batch):
    """Responses are those of every channel by itself, and their sum."""
    images = (
        xcorr.datasets.load_colour_sample().images[:4] if has_batch else xcorr.datasets.load_colour_sample().images[5]
    )
    bank = banks.BANKS[name](size=5) if name == "box" else banks.BANKS[name]()
    images = np.pad(images, [(0, 0)] * has_batch + [(4, 4), (4, 4), (0, 0)], mode="edge")
    batch = images if has_batch else images[np.newaxis]
    alone = np.stack([xcorr.correlate(batch[..., channel], bank, layout="NHW") for channel in range(3)], axis=-2)
    apart = xcorr.correlate(images, banks.per_channel(bank, 3), groups=3)
    together = xcorr.correlate(images, banks.over_channels(bank, 3))
    scale = float(np.abs(bank).sum(axis=(1, 2)).max()) * 255
    apart, together = (found if has_batch else found[np.newaxis] for found in (apart, together))
    np.testing.assert_allclose(apart.reshape(alone.shape), alone, rtol=0, atol=2.0**-18 * scale)
    np.testing.assert_allclose(together, alone.sum(axis=-2), rtol=0, atol=2.0**-16 * scale)


def test_whole_numbers_are_exact_on_colour_images():
    images = xcorr.datasets.load_colour_sample().images[:3]
    bank = banks.sobel().astype(np.int8)
    alone = np.stack([xcorr.correlate(images[..., channel], bank, layout="NHW") for channel in range(3)], axis=-2)
    np.testing.assert_array_equal(
        xcorr.correlate(images, banks.per_channel(bank, 3), groups=3), alone.reshape(3, 30, 30, 6)
    )
    np.testing.assert_array_equal(xcorr.correlate(images, banks.over_channels(bank, 3)), alone.sum(axis=-2))


@pytest.mark.parametrize("function", [banks.per_channel, banks.over_channels])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 3, 1), (1, 2, 3, 3, 3)])
def test_bank_with_other_axes_is_refused(function, shape):
    with pytest.raises(ValueError, match=r"^bank: shape .* axes; allowed are 3 \(K, kh, kw\) or 2 for one kernel"):
        function(np.ones(shape), 3)


@pytest.mark.parametrize("function", [banks.per_channel, banks.over_channels])
@pytest.mark.parametrize("bank", [None, "sobel", np.array(["a"]), [[None]], np.ma.ones((3, 3))])
def test_bank_that_is_no_array_of_numbers_is_refused(function, bank):
    with pytest.raises(TypeError, match="^bank: "):
        function(bank, 3)


@pytest.mark.parametrize("function", [banks.per_channel, banks.over_channels])
@pytest.mark.parametrize("shape", [(2, 0, 3), (2, 3, 0), (0, 3)])
def test_empty_kernel_is_refused(function, shape):
    with pytest.raises(ValueError, match=r"^bank: shape .* has (height|width) 0; at least 1 is needed"):
        function(np.ones(shape), 3)


@pytest.mark.parametrize("function", [banks.per_channel, banks.over_channels])
@pytest.mark.parametrize(
    ("channels", "error"), [(0, ValueError), (-1, ValueError), (3.0, TypeError), (None, TypeError), (True, TypeError)]
)
def test_channels_are_a_number_of_them(function, channels, error):
    with pytest.raises(error, match="^channels: got .*; allowed is an integer >= 1"):
        function(banks.sobel(), channels)
    with pytest.raises(ValueError, match="^channels: the bytes of the kernels would be"):
        function(banks.sobel(), 2**62)

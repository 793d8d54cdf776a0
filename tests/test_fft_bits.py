"""The bits of fft's responses: free of workers, batch and bank, whatever room there is."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each
from spectral_cases import GEOMETRIES, NAN, by_fft, over_geometries, problem, section_of

from xcorr import _cache
from xcorr._bank import Bank
from xcorr._methods import sections

pytestmark = pytest.mark.usefixtures("level")


@for_each("dtype", ["float32", "complex128", "float16"])
@over_geometries
def test_bits_do_not_depend_on_workers(case, dtype, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    images, kernels, keywords = problem(case, dtype)
    for batch in (images, images[:1]):
        alone = by_fft(batch, kernels, workers=1, **keywords)
        for workers in (2, 3, 4, 7):
            assert_same_bits(by_fft(batch, kernels, workers=workers, **keywords), alone)


@for_each("dtype", ["float32", "complex128", "float16"])
@over_geometries
def test_bits_do_not_depend_on_the_batch(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    together = by_fft(images, kernels, **keywords)
    for index in range(len(images)):
        assert_same_bits(by_fft(images[index : index + 1], kernels, **keywords), together[index : index + 1])
    assert_same_bits(by_fft(images[::-1], kernels, **keywords), together[::-1])
    repeated = np.broadcast_to(images[-1], (7, *images.shape[1:]))
    response = by_fft(repeated, kernels, workers=3, **keywords)
    assert_same_bits(response, np.broadcast_to(together[-1], response.shape))


BANKS = [
    ((2, 40, 51, 1), (40, 11, 9, 1)),
    ((1, 150, 171, 1), (65, 19, 17, 1)),
    ((1, 100, 110, 3), (33, 9, 8, 3)),
    ((1, 60, 61, 16), (20, 31, 30, 16)),
    ((1, 5, 700, 1), (40, 1, 70, 1)),
]


@pytest.mark.parametrize(("images", "kernels"), BANKS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_bits_do_not_depend_on_the_bank(images, kernels, dtype):
    rng = random_generator("banks", images, kernels, dtype)
    images, kernels = real_numbers(rng, images, dtype), real_numbers(rng, kernels, dtype)
    bias = real_numbers(rng, len(kernels), dtype)
    together = by_fft(images, kernels, bias=bias)
    assert_same_bits(by_fft(images, kernels[::-1], bias=bias[::-1]), together[..., ::-1])
    for first, end in ((0, 1), (3, 5), (1, len(kernels)), (len(kernels) // 2, len(kernels)), (len(kernels) - 1, None)):
        assert_same_bits(by_fft(images, kernels[first:end], bias=bias[first:end]), together[..., first:end])


def test_bits_do_not_depend_on_the_place_in_a_group():
    images, kernels, keywords = problem(GEOMETRIES[17], "float32")
    together = by_fft(images, kernels, **keywords)
    order = np.array([2, 0, 1, 4, 3, 5, 6, 8, 7])
    keywords["bias"] = keywords["bias"][order]
    assert_same_bits(by_fft(images, kernels[order], **keywords), together[..., order])


@pytest.fixture
def limit_spectra(monkeypatch):
    """Sets the bytes of spectra at once, but chooses tiles as ever: it is one number for all calls."""
    before, cheapest = sections.SPECTRA_LIMIT, sections.cheapest.__wrapped__

    def as_ever(sizes):
        with monkeypatch.context() as patch:
            patch.setattr(sections, "SPECTRA_LIMIT", before)
            return cheapest(sizes)

    def limit(n_bytes):
        monkeypatch.setattr(sections, "SPECTRA_LIMIT", n_bytes)
        monkeypatch.setattr(sections, "cheapest", as_ever)
        _cache.clear_caches()

    yield limit
    _cache.clear_caches()


@pytest.mark.parametrize("groups", [1, 3])
def test_banks_beyond_the_workspace_have_the_same_bits(groups, limit_spectra, monkeypatch):
    rng = random_generator("chunks", groups)
    images, kernels = real_numbers(rng, (2, 50, 60, 6), "f4"), real_numbers(rng, (69, 15, 14, 6 // groups), "f4")
    bias = real_numbers(rng, len(kernels), "float32")
    images[1, 20, 30, 1] = NAN
    expected = by_fft(images, kernels, groups=groups, bias=bias)
    section = section_of(images, kernels, groups=groups)
    chunks, spectra = [], Bank.spectra
    monkeypatch.setattr(Bank, "spectra", lambda bank, *words: [chunks.append(words[2:4]), spectra(bank, *words)][1])
    for at_once in (17, 7, 5):
        limit_spectra(at_once * 6 * 8 * section.down * section.across)
        chunks.clear()
        for out in (None, np.full(expected.shape, 77, "f4", order="F")):
            assert_same_bits(by_fft(images, kernels, groups=groups, bias=bias, workers=2, out=out), expected)
        assert section_of(images, kernels, groups=groups) == section
        longest = max(end - first for first, end in chunks)
        assert len(set(chunks)) == -(-69 // groups // longest) > 1


@pytest.mark.parametrize("dtype", ["complex64", "float16"])
def test_chunks_of_other_dtypes_have_the_same_bits(dtype, limit_spectra):
    rng = random_generator("chunks", dtype)
    images, kernels = real_numbers(rng, (1, 50, 60, 2), dtype), real_numbers(rng, (40, 15, 14, 2), dtype)
    expected, section = by_fft(images, kernels), section_of(images, kernels)
    limit_spectra(9 * 4 * 8 * section.down * section.across)  # an odd number: the parts of a complex kernel are apart
    assert_same_bits(by_fft(images, kernels), expected)
    assert section_of(images, kernels) == section

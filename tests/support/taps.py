"""Formulas of kernels, one tap at a time in Python's floats, and how near to them float32 has to be."""

import itertools
import math

import numpy as np

UNIT = 2.0**-24
"""What rounding to float32 may change of a number, in parts of it."""


def offsets(size):
    return range(-(size // 2), size // 2 + 1)


def plane(formula, size):
    """The formula of x and y at every tap, as lists of Python floats."""
    return [[formula(x, y) for x in offsets(size)] for y in offsets(size)]


def shifted(rows, amount):
    return [[tap - amount for tap in row] for row in rows]


def scaled(rows, divisor):
    return [[tap / divisor for tap in row] for row in rows]


def mean(rows):
    return math.fsum(itertools.chain(*rows)) / sum(len(row) for row in rows)


def magnitude(rows):
    return math.fsum(abs(tap) for tap in itertools.chain(*rows))


def without_mean(rows):
    return shifted(rows, mean(rows))


def unit(rows):
    return scaled(rows, magnitude(rows))


def assert_rounded(kernel, expected):
    """One rounding to float32, and what float64 may leave where terms cancel."""
    expected = np.array(expected)
    assert kernel.shape == expected.shape
    allowed = UNIT * np.abs(expected) + 1e-13 * np.abs(expected).max()
    assert np.all(np.abs(kernel - expected) <= allowed)


def gaussian(x, y, angle, sigma_along, sigma_across):
    along, across = turned(x, y, angle)
    return math.exp(-0.5 * (along / sigma_along) ** 2 - 0.5 * (across / sigma_across) ** 2)


def turned(x, y, angle):
    return x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)


def wave_image(size, wavelength, angle, phase=0.0):
    wave = [
        [math.cos(2 * math.pi * turned(x, y, angle)[0] / wavelength + phase) for x in offsets(size)]
        for y in offsets(size)
    ]
    return np.array(wave, np.float32)

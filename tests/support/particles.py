"""Synthetic particles as flows are measured by: spots of light of known displacement."""

import numpy as np
from checks import random_generator

REACH = 5
"""Pixels around a particle that it lights."""


def particles(shape, displacement, density=0.03, diameter=2.5, seed=""):
    """Two float32 images of the same particles, which have moved; the diameter is that of a brightness of 1/e^2.

    `displacement` is a number for each axis, or tells an array (particles, axes) of it from places of such a shape.
    """
    rng = random_generator("particles", shape, str(displacement), seed)
    margin = 12 + REACH
    places = rng.uniform(-margin, np.array(shape) + margin, (int(np.prod(np.array(shape) + 2 * margin) * density), 2))
    brightness = rng.uniform(0.4, 1, len(places))
    moved = displacement(places) if callable(displacement) else np.array(displacement)
    return [lit(shape, places + way, brightness, diameter / 4) for way in (0 * moved, moved)]


def lit(shape, places, brightness, deviation):
    """An image of particles at these places."""
    image = np.zeros(shape)
    whole = np.rint(places).astype(int)
    for step in np.ndindex(2 * REACH + 1, 2 * REACH + 1):
        pixels = whole + step - REACH
        inside = ((pixels >= 0) & (pixels < shape)).all(axis=1)
        light = brightness * np.exp(-((pixels - places) ** 2).sum(axis=1) / (2 * deviation**2))
        np.add.at(image, tuple(pixels[inside].T), light[inside])
    return image.astype(np.float32)

"""Drop-ins for the linear functions of `scipy.ndimage` 1.17: the same names, signatures, defaults and meaning.

>>> import numpy as np
>>> from xcorr.compat import scipy_ndimage as ndimage
>>> image = np.array([[3, 2, 5, 1], [5, 8, 3, 7], [5, 6, 9, 3]], np.uint8)
>>> ndimage.sobel(image)
array([[  0,   4, 252, 248],
       [  6,   2, 250, 254],
       [  6,  10, 246, 242]], dtype=uint8)
>>> ndimage.sobel(image, output=np.int16)
array([[  0,   4,  -4,  -8],
       [  6,   2,  -6,  -2],
       [  6,  10, -10, -14]], dtype=int16)

What is kept as it is there: sums are made in float64 and cut off towards zero to the type of the input, or of `output`,
so that 8- and 16-bit integers wrap around and integers beyond 2**53 lose bits; what is made axis by axis is cast after
each one; pixels under weights of 0 in `correlate` and `convolve` do not count, NaN included; weights lie along `axes`
in rising order; complex weights of a correlation are conjugated.

What differs, and why:

- An infinity or a NaN reaches the means of its own windows; there, the running sum carries it on to the end of a line.
- Sums of weights that are whole but for their rounding are cut off as whole: a flat image of integers stays as it is
  under a Gaussian, which there takes 1 off some.
- Weights up to 2.2e-16, and NaN, count in `correlate` and `convolve`, which take them for 0 there.
- Kernels at least 8 times as long as the image, with "reflect", are summed whole in `correlate` and `convolve`; there,
  some pixels are taken for 0.
- Laplacians and gradient magnitudes may go into their input, which is overwritten too early there.
- The entries of `origin` belong to those of `axes`, as is documented, also where all axes are told in another order. A
  negative `axes` that is a single number is taken by all functions.
- Bools that are written are 0 or 1; there, the byte of a sum is written. Which of them are True is the same.
- Sobel, Prewitt and Laplacian of up to three axes are one sum where nothing is cut off between the axes, complex sums
  are rounded once, and weights of one sign that float32 holds are summed in float32 for float32 images and responses:
  floats may differ in their last digits. Odd derivatives of a flat image are 0 but for rounding, 1e-16 of its value.
"""

from xcorr.compat._ndimage_correlate import convolve, convolve1d, correlate, correlate1d
from xcorr.compat._ndimage_derivatives import (
    gaussian_gradient_magnitude,
    gaussian_laplace,
    generic_gradient_magnitude,
    generic_laplace,
    laplace,
    prewitt,
    sobel,
)
from xcorr.compat._ndimage_smoothing import gaussian_filter, gaussian_filter1d, uniform_filter, uniform_filter1d

__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "generic_gradient_magnitude",
    "generic_laplace",
    "laplace",
    "prewitt",
    "sobel",
    "uniform_filter",
    "uniform_filter1d",
]

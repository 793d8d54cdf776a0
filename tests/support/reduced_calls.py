"""Calls that are reduced: one for what each method and form does for itself."""

from checks import random_generator, real_numbers

METHODS = {  # images, kernels, keywords: what each method and form does for itself
    "over kernels": ((2, 19, 23, 3), (37, 3, 3, 3), {"method": "direct"}),
    "over kernels, panel by panel": ((1, 90, 300, 1), (70, 3, 3, 1), {"method": "direct"}),
    "over kernels, long rows": ((1, 5, 5000, 1), (40, 2, 3, 1), {"method": "direct"}),
    "over kernels, one column": ((3, 31, 2, 3), (33, 3, 2, 3), {"method": "direct"}),
    "over kernels, planes": ((2, 40, 9, 11), (33, 40, 1, 1), {"method": "direct", "layout": "NCHW"}),
    "over kernels, joined images": ((70, 4, 4, 8), (32, 4, 4, 8), {"method": "direct"}),
    "over kernels, joined images, panel by panel": ((40, 3, 60, 2), (1200, 3, 3, 2), {"method": "direct"}),
    "over columns": ((2, 1, 31, 61), (3, 1, 5, 5), {"method": "direct", "layout": "NCHW"}),
    "over columns, panel by panel": ((1, 1, 130, 400), (9, 1, 3, 3), {"method": "direct", "layout": "NCHW"}),
    "over columns, a bank": ((1, 3, 80, 170), (33, 3, 3, 3), {"method": "direct", "layout": "NCHW"}),
    "over columns, joined rows": ((2, 64, 9, 9), (5, 64, 3, 3), {"method": "direct", "layout": "NCHW"}),
    "over columns, pixels": ((2, 4, 30, 31), (9, 4, 1, 1), {"method": "direct", "layout": "NCHW"}),
    "over columns, pixels of narrow rows": ((1, 4, 900, 7), (9, 4, 1, 1), {"method": "direct", "layout": "NCHW"}),
    "over kernels, columns in padding": (
        *((2, 33, 33, 8), (40, 3, 3, 8)),
        {"method": "direct", "dilation": 12, "padding": "same"},
    ),
    "over rows": ((2, 200, 3, 1), (2, 9, 1, 1), {"method": "direct"}),
    "over rows, dilated": ((1, 300, 4, 2), (3, 5, 2, 2), {"method": "direct", "dilation": (3, 1)}),
    "over channels": ((2, 20, 21, 24), (24, 3, 3, 1), {"method": "direct", "groups": 24}),
    "over channels, planes": ((2, 24, 20, 21), (24, 3, 3), {"method": "direct", "layout": "NCHW", "groups": 24}),
    "groups": ((2, 13, 14, 6), (15, 3, 3, 2), {"method": "direct", "groups": 3}),
    "winograd": ((3, 12, 13, 16), (40, 3, 3, 16), {"method": "winograd"}),
    "winograd, large quads": ((1, 60, 59, 64), (33, 3, 3, 64), {"method": "winograd"}),
    "winograd, parts": ((1, 170, 171, 16), (330, 3, 3, 16), {"method": "winograd"}),
    "winograd, 5x5": ((2, 17, 16, 16), (16, 5, 5, 16), {"method": "winograd", "dilation": 2}),
    "fft": ((2, 70, 75, 2), (19, 9, 9, 2), {"method": "fft"}),
    "fft, sections handed back of groups": (
        *((4, 40, 28, 14), (40, 1, 1, 1)),
        {"method": "fft", "layout": "NCHW", "groups": 40, "stride": (1, 2), "padding": ((2, 0), (1, 0))},
    ),
    "matmul, groups": ((4, 28, 28, 16), (160, 2, 2, 2), {"method": "matmul", "groups": 8}),
    "fft, stride": ((1, 300, 290, 1), (3, 31, 31, 1), {"method": "fft", "stride": (2, 3), "padding": "same"}),
    "fft, a line": ((2, 1, 6000, 1), (3, 1, 100, 1), {"method": "fft"}),
    "fft, a column": ((1, 6000, 1, 1), (3, 100, 1, 1), {"method": "fft", "padding": "full"}),
    "fft, a folded line": ((2, 1, 20000, 1), (3, 1, 1700, 1), {"method": "fft"}),
    "fft, taps behind a folded line": ((2, 1, 20000, 1), (3, 1, 1999, 1), {"method": "fft", "bias": [1, 2, 3]}),
    "fft, taps behind groups' lines": ((1, 9001, 1, 2), (4, 1999, 1, 1), {"method": "fft", "groups": 2}),
    "matmul, views": ((9, 5, 5, 30), (150, 5, 5, 30), {"method": "matmul"}),
    "matmul, slabs": ((2, 50, 47, 3), (7, 5, 5, 3), {"method": "matmul"}),
}


def operands(name, dtype="float32"):
    """Images and kernels of a case, and its keywords."""
    images, kernels, keywords = METHODS[name]
    if name == "over channels, planes":
        kernels = (24, 1, 3, 3)
    rng = random_generator("reduce", name, dtype)
    return real_numbers(rng, images, dtype), real_numbers(rng, kernels, dtype), keywords

"""Calls of images with kernels or banks of their own."""

SHAPES = {  # the layout, the images, the kernels, keywords
    "planes": ("NHW", (7, 20, 23), (7, 4, 3), {"padding": "same", "boundary": "edge"}),
    "planes and banks": ("NHW", (5, 20, 23), (5, 3, 4, 3), {"stride": (1, 2)}),
    "channels first": ("NCHW", (6, 3, 15, 16), (6, 3, 5, 5), {"padding": 1, "fill_value": [1, 2, 3]}),
    "channels first and banks": (
        "NCHW",
        (4, 4, 15, 16),
        (4, 6, 2, 3, 3),
        {"groups": 2, "roi": (slice(3), slice(4, 9))},
    ),
    "channels last": ("NHWC", (6, 15, 16, 3), (6, 5, 5, 3), {"padding": "full"}),
    "channels last and banks": ("NHWC", (3, 9, 9, 16), (3, 17, 3, 3, 16), {}),
    "each channel": ("NHWC", (4, 15, 16, 3), (4, 5, 5), {"padding": "same"}),
    "one row": ("NHW", (9, 1, 40), (9, 1, 40), {}),
    "one pair": ("NHW", (1, 9, 8), (1, 2, 2), {}),
}

"""Calls by every method, and parts of their responses."""

CASES = {  # a method, an image, a bank, keywords
    "direct": ("direct", (23, 31, 3), (5, 3, 4, 3), {"padding": 2, "boundary": "reflect", "stride": (1, 2)}),
    "kernels": ("direct", (17, 19, 5), (33, 2, 3, 5), {"dilation": (2, 1), "padding": "full"}),
    "channels": ("direct", (19, 17, 32), (32, 3, 3, 1), {"groups": 32, "padding": "same", "stride": 2}),
    "matmul": ("matmul", (15, 13, 4), (40, 3, 3, 4), {"padding": 1, "boundary": ("wrap", "edge")}),
    "matmul in place": ("matmul", (6, 7, 40), (20, 1, 1, 40), {}),
    "2x2": ("winograd", (23, 27, 16), (17, 3, 3, 16), {"padding": "same", "boundary": "symmetric"}),
    "4x4": ("winograd", (41, 39, 48), (17, 3, 3, 48), {"padding": "same"}),
    "dilated": ("winograd", (40, 41, 16), (3, 3, 3, 16), {"dilation": (3, 2), "padding": ((1, 2), (3, 4))}),
    "5x5": ("winograd", (19, 22, 16), (4, 5, 5, 8), {"groups": 2}),
    "sections": ("fft", (300, 230, 2), (3, 40, 31, 2), {"padding": "full", "boundary": "edge"}),
    "sections and strides": ("fft", (190, 300, 1), (2, 21, 33, 1), {"stride": (2, 3), "dilation": (1, 2)}),
    "a line": ("fft", (1, 9000, 1), (2, 1, 300, 1), {"padding": ((0, 0), (70, 90)), "boundary": "wrap"}),
    "a folded line": ("fft", (30000, 1, 2), (2, 5000, 1, 1), {"groups": 2, "padding": "same"}),
}
PARTS = (  # shares of the rows and of the columns
    ((0.0, 1.0), (0.0, 1.0)),
    ((0.0, 0.3), (0.6, 1.0)),
    ((0.4, 0.45), (0.1, 0.9)),
    ((0.77, 0.78), (0.31, 0.32)),
)


def part_of(shape, shares):
    """Slices of rows and columns, of at least one place."""
    return tuple(
        slice(int(first * length), max(int(first * length) + 1, round(end * length)))
        for length, (first, end) in zip(shape, shares, strict=True)
    )

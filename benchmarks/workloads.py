"""The workloads that are measured: public layer and image sizes, and shapes that are awkward for some form or peer."""

from typing import NamedTuple

import numpy as np


class Workload(NamedTuple):
    """One row: images (N, H, W, C) with a bank of `n_kernels` kernels of (height, width)."""

    name: str
    images: tuple[int, int, int, int]
    n_kernels: int
    kernel: tuple[int, int]
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    padding: str = "valid"  # or "same", with odd kernels and stride 1
    boundary: str = "constant"  # or "reflect": what the padding holds
    layout: str = "NHWC"  # of what xcorr is given and gives; the sizes above stay N, H, W, C
    dtype: str = "float32"  # of the images; whole numbers have kernels in float32
    large_kernel: bool = False  # where a frequency-domain method is the right one

    @property
    def kernels(self) -> tuple[int, int, int, int]:
        return (self.n_kernels, *self.kernel, self.images[3] // self.groups)

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of a response."""
        rows, columns = (
            (size + 2 * margin - (k - 1) * self.dilation - 1) // self.stride + 1
            for size, k, margin in zip(self.images[1:3], self.kernel, self.margins, strict=True)
        )
        return rows, columns

    @property
    def margins(self) -> tuple[int, int]:
        """Rows and columns of padding on each side."""
        if self.padding == "valid":
            return 0, 0
        return self.kernel[0] // 2 * self.dilation, self.kernel[1] // 2 * self.dilation

    @property
    def flops(self) -> int:
        rows, columns = self.positions
        taps = self.kernel[0] * self.kernel[1] * self.images[3] // self.groups
        return 2 * self.images[0] * rows * columns * self.n_kernels * taps

    @property
    def n_bytes(self) -> int:
        """Of the images and the response, each moved once."""
        rows, columns = self.positions
        item = np.dtype(self.dtype).itemsize
        return int(np.prod(self.images)) * item + self.images[0] * rows * columns * self.n_kernels * max(item, 4)

    @property
    def plain(self) -> bool:
        """Whether it has one channel and nothing but images and kernels: what filters of one image can do."""
        return self.images[3] == 1 and self.stride == 1 and self.dilation == 1

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, H, W, C) and kernels (K, kh, kw, C / groups), the same ones every time."""
        random = np.random.default_rng(7)
        if self.dtype == "uint8":
            images = random.integers(0, 256, self.images, dtype=np.uint8)
        else:
            images = random.standard_normal(self.images).astype(self.dtype)
        kernels = random.standard_normal(self.kernels)
        return images, kernels.astype(np.float32 if self.dtype == "uint8" else self.dtype)


WORKLOADS = [
    Workload("mnist1", (1, 28, 28, 1), 1, (3, 3)),
    Workload("mnist_batch", (10000, 28, 28, 1), 2, (3, 3)),
    Workload("mnist_bank16", (1000, 28, 28, 1), 16, (5, 5)),
    Workload("cifar1", (1, 32, 32, 3), 2, (5, 5)),
    Workload("cifar_batch", (2000, 32, 32, 3), 2, (5, 5)),
    Workload("cifar_bank32", (1000, 32, 32, 3), 32, (3, 3)),
    Workload("cifar_bank96", (500, 32, 32, 3), 96, (5, 5)),
    Workload("fhd_3", (1, 1080, 1920, 1), 1, (3, 3)),
    Workload("fhd_5", (1, 1080, 1920, 1), 1, (5, 5)),
    Workload("fhd_11", (1, 1080, 1920, 1), 1, (11, 11), large_kernel=True),
    Workload("fhd_31", (1, 1080, 1920, 1), 1, (31, 31), large_kernel=True),
    Workload("fhd_rgb", (1, 1080, 1920, 3), 8, (3, 3)),
    Workload("gabor40", (1, 512, 512, 1), 40, (31, 31), large_kernel=True),
    Workload("lm48", (1, 256, 256, 1), 48, (49, 49), large_kernel=True),
    Workload("tmpl64", (1, 1024, 1024, 1), 1, (64, 64), large_kernel=True),
    Workload("tmpl256", (1, 2048, 2048, 1), 1, (256, 256), large_kernel=True),
    Workload("rgb_31", (1, 512, 512, 3), 8, (31, 31), large_kernel=True),
    Workload("batch_21", (32, 256, 256, 1), 16, (21, 21), large_kernel=True),
    Workload("row_301", (1, 1080, 1920, 1), 1, (1, 301), large_kernel=True),
    Workload("column_301", (1, 1080, 1920, 1), 1, (301, 1), large_kernel=True),
    Workload("resnet_conv1", (4, 224, 224, 3), 64, (7, 7), 2),
    Workload("resnet_56", (4, 56, 56, 64), 64, (3, 3)),
    Workload("resnet_28", (4, 28, 28, 128), 128, (3, 3)),
    Workload("resnet_14", (8, 14, 14, 256), 256, (3, 3)),
    Workload("resnet_7", (16, 7, 7, 512), 512, (3, 3)),
    Workload("vgg_112", (1, 112, 112, 64), 128, (3, 3)),
    Workload("pointwise", (4, 56, 56, 64), 256, (1, 1)),
    Workload("lenet2", (256, 12, 12, 6), 16, (5, 5)),
    Workload("awkward", (4, 61, 13, 37), 50, (3, 3)),
    Workload("nchw_56", (4, 56, 56, 64), 64, (3, 3), layout="NCHW"),
    Workload("stride2_56", (4, 56, 56, 64), 64, (3, 3), 2),
    Workload("dilated_56", (4, 56, 56, 64), 64, (3, 3), dilation=2),
    Workload("depthwise_56", (4, 56, 56, 64), 64, (3, 3), groups=64),
    Workload("reflect_5", (1, 1080, 1920, 1), 1, (5, 5), padding="same", boundary="reflect"),
    Workload("uint8_batch", (10000, 28, 28, 1), 2, (3, 3), dtype="uint8"),
    Workload("float64_fhd_5", (1, 1080, 1920, 1), 1, (5, 5), dtype="float64"),
]

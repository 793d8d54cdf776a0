"""The workloads that are measured: public layer and image sizes, float32, valid padding, images N x H x W x C."""

from typing import NamedTuple


class Workload(NamedTuple):
    """One row: images (N, H, W, C) with a bank of `n_kernels` kernels of (height, width)."""

    name: str
    images: tuple[int, int, int, int]
    n_kernels: int
    kernel: tuple[int, int]
    stride: int = 1

    @property
    def kernels(self) -> tuple[int, int, int, int]:
        return (self.n_kernels, *self.kernel, self.images[3])

    @property
    def flops(self) -> int:
        n_images, height, width, channels = self.images
        rows, columns = ((size - k) // self.stride + 1 for size, k in zip((height, width), self.kernel, strict=True))
        return 2 * n_images * rows * columns * self.n_kernels * self.kernel[0] * self.kernel[1] * channels


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
    Workload("fhd_11", (1, 1080, 1920, 1), 1, (11, 11)),
    Workload("fhd_31", (1, 1080, 1920, 1), 1, (31, 31)),
    Workload("fhd_rgb", (1, 1080, 1920, 3), 8, (3, 3)),
    Workload("gabor40", (1, 512, 512, 1), 40, (31, 31)),
    Workload("lm48", (1, 256, 256, 1), 48, (49, 49)),
    Workload("tmpl64", (1, 1024, 1024, 1), 1, (64, 64)),
    Workload("resnet_conv1", (4, 224, 224, 3), 64, (7, 7), 2),
    Workload("resnet_56", (4, 56, 56, 64), 64, (3, 3)),
    Workload("resnet_28", (4, 28, 28, 128), 128, (3, 3)),
    Workload("resnet_14", (8, 14, 14, 256), 256, (3, 3)),
    Workload("resnet_7", (16, 7, 7, 512), 512, (3, 3)),
    Workload("vgg_112", (1, 112, 112, 64), 128, (3, 3)),
    Workload("pointwise", (4, 56, 56, 64), 256, (1, 1)),
    Workload("lenet2", (256, 12, 12, 6), 16, (5, 5)),
]

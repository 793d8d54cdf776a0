"""Calls of the functions beside the verbs that must be refused: each argument of a sound call is replaced in turn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from malformed import IMAGES, KERNELS, MASKED, NOT_ARRAYS, SIZE, TYPE, VALUE, Endless, Raises, label_of

import xcorr
from xcorr import datasets


@dataclass
class Refused:
    """One call of another function that must be refused."""

    id: str
    function: Callable[..., Any]
    arguments: dict
    error: object
    argument: str
    shows: tuple = ()


def explain(kernels, image_shape, dtype="float32", **keywords):
    return xcorr.Correlator(kernels, **keywords).explain(image_shape, dtype=dtype)


SOUND = {
    xcorr.response_shape: {"image_shape": (8, 9), "kernel_shape": (3, 2)},
    xcorr.choose_method: {"image_shape": (2, 8, 9, 4), "kernels_shape": (3, 3, 2, 4)},
    xcorr.window_index: {"image_shape": (8, 9, 4), "kernel_shape": (3, 2, 4)},
    xcorr.correlation_indices: {"image_shape": (8, 9, 4), "kernel_shape": (3, 2, 4)},
    xcorr.windows: {"images": IMAGES, "kernel_shape": (3, 2)},
    xcorr.fold: {"windows": np.ones((2, 6, 8, 24)), "image_shape": (8, 9, 4), "kernel_shape": (3, 2)},
    xcorr.gradient_images: {"responses": np.ones((2, 6, 8, 3)), "kernels": KERNELS, "image_shape": (8, 9, 4)},
    xcorr.gradient_kernels: {"images": IMAGES, "responses": np.ones((2, 6, 8, 3)), "kernel_shape": (3, 2, 4)},
    explain: {"kernels": KERNELS, "image_shape": (2, 8, 9, 4)},
    xcorr.Correlator: {"kernels": KERNELS},
    xcorr.set_workers: {"n": 1},
    datasets.load_idx: {"path": "missing"},
    datasets.load_mnist: {"folder": "missing"},
    datasets.load_cifar10: {"folder_or_tar_gz": "missing"},
}


def other(function, name, value, error, *shows, argument=None, **others):
    label = f"{function.__name__}-{name}={label_of(value)}{'-' if others else ''}{'-'.join(others)}".replace(" ", "")
    arguments = {**SOUND[function], name: value, **others}
    return Refused(label, function, arguments, error, argument or name, shows)


SHAPED = [(function, name) for function in SOUND for name in SOUND[function] if "shape" in name]
SIZED = (xcorr.response_shape, xcorr.choose_method, xcorr.window_index, xcorr.correlation_indices, xcorr.windows)
NO_SHAPES = (None, 4, "44", 4.0, {4: 4}, {4, 5}, object(), (8.0, 9), (True, 9), ("8", 9), (8, None), b"89")

SHAPES_OF = "padding|image_shape|kernel_shape|images|kernels|layout|responses"

OTHERS = [
    *(
        other(function, name, value, TYPE, "integers")
        for function, name in SHAPED
        for value in NO_SHAPES
        if value is not None or function is not xcorr.gradient_images
    ),
    *(
        other(function, name, value, VALUE, argument=f"{name}|images|kernels|layout")
        for function, name in SHAPED
        for value in ((), (8,), (1, 2, 3, 4, 5), (-1, 2), (8, -9), Endless())
    ),
    *(
        other(
            function,
            name,
            value,
            SIZE,
            argument=f"{name}|padding|image_shape|kernel_shape|images|kernels|layout|responses",
        )
        for function, name in SHAPED
        for value in ((2**63, 2), (2, 2**100), (2**62, 2**62), (10**5000, 2))
    ),
    *(
        other(function, name, (0, 2), VALUE, "0", argument=f"{name}|images|kernels")
        for function, name in SHAPED
        if function is not xcorr.choose_method and function is not explain
    ),
    *(
        other(function, "dilation", value, error)
        for function in SIZED
        for value, error in ((0, VALUE), (-1, VALUE), ((1, 2, 3), VALUE), (1.0, TYPE), ("2", TYPE), (None, TYPE))
    ),
    *(
        other(function, "stride", value, error)
        for function in SIZED
        if function is not xcorr.window_index
        for value, error in ((0, VALUE), (-1, VALUE), ((1,), VALUE), (1.0, TYPE), (True, TYPE))
    ),
    *(
        other(function, "padding", value, error)
        for function in (xcorr.response_shape, xcorr.choose_method, xcorr.Correlator)
        for value, error in ((-1, VALUE), ("all", VALUE), ((1, 2, 3), VALUE), (1.5, TYPE), (None, TYPE))
    ),
    *(
        other(function, name, value, error)
        for function in (xcorr.choose_method, xcorr.Correlator)
        for name in ("layout", "boundary", "method", "precision")
        for value, error in (("nonsense", VALUE), (3, TYPE), (Raises(), TYPE), (b"NHWC", TYPE))
        if not (name == "boundary" and isinstance(value, Raises))
    ),
    *(
        other(function, "dtype", value, TYPE, argument="dtype")
        for function in (xcorr.choose_method, explain, xcorr.Correlator)
        for value in ("nonsense", "U3", object, "longdouble", "M8[s]", ",,", 3)
    ),
    *(other(xcorr.windows, "layout", value, error) for value, error in (("NWH", VALUE), ("", VALUE), (3, TYPE))),
    *(
        other(xcorr.windows, "images", value, error, argument="images|layout|kernel_shape")
        for value, error in (
            *((value, TYPE) for value in NOT_ARRAYS),
            *((np.ones(shape), VALUE) for shape in ((), (9,), (8, 9, 4), (1, 2, 8, 9, 4), (2, 0, 9, 4), (2, 8, 9, 0))),
        )
    ),
    *(other(xcorr.windows, "kernel_shape", value, VALUE) for value in ((3,), (3, 2, 5), (9, 2), (3, 10))),
    *(
        other(function, "kernel_shape", value, VALUE)
        for function in (xcorr.window_index, xcorr.correlation_indices)
        for value in ((9, 2, 4), (3, 10, 4), (3, 2, 3), (3, 2))
    ),
    *(
        other(xcorr.Correlator, "fill_value", value, error)
        for value, error in ((None, TYPE), ("0", TYPE), (10**400, VALUE), ([[1]], TYPE))
    ),
    *(other(xcorr.Correlator, "bias", value, TYPE) for value in ("one", {}, np.full(3, None), MASKED)),
    *(other(xcorr.Correlator, "groups", value, error) for value, error in ((0, VALUE), (1.0, TYPE), (True, TYPE))),
    *(other(xcorr.Correlator, "conjugate", value, TYPE) for value in (1, None, "yes")),
    *(other(xcorr.Correlator, "kernels", np.ones(shape), VALUE) for shape in ((), (3,), (1, 2, 3, 4, 5))),
    *(other(xcorr.set_workers, "n", value, VALUE, "-1") for value in (0, -2)),
    *(other(xcorr.set_workers, "n", value, SIZE) for value in (2**70, -(10**5000), 10**5000)),
    *(other(xcorr.set_workers, "n", value, TYPE, "-1") for value in (1.0, True, "2", (1,), b"1", 1j, object())),
    *(
        other(load, next(iter(SOUND[load])), value, error, "a str or an os.PathLike")
        for load in (datasets.load_idx, datasets.load_mnist, datasets.load_cifar10)
        for value, error in ((3, TYPE), (None, TYPE), (b"name", TYPE), (["name"], TYPE), ("a\0b", VALUE))
    ),
    *(
        other(load, "max_bytes", value, error, "an int >= 0")
        for load in (datasets.load_idx, datasets.load_mnist, datasets.load_cifar10)
        for value, error in ((-1, VALUE), (1.5, TYPE), ("1", TYPE), (None, TYPE), (-(10**5000), VALUE))
    ),
]

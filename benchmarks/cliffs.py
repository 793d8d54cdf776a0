"""Awkward shapes, types and memory beside their nearest friendly neighbour: the ratio of the times per multiply-add.

An odd size, a view or another type may cost something, but no call should fall off a cliff: what is dearer than its
neighbour (the cheaper one, if there are several) by more than the bar is marked. Calls are of a `Correlator` into
`out=`, those of a row in turns. XCORR_LEVEL chooses the level.

    python benchmarks/cliffs.py [--workers 1] [--only NAME ...] [--seconds 0.5] [--json FILE]
"""

from typing import Any, NamedTuple

import numpy as np
from outputs import new_parser, write_outputs
from timing import Call, Case, View, best_of_turns, machine, prepared_call, provenance


class Cliff(NamedTuple):
    """One row; the views say how the awkward case's images and response lie in memory."""

    name: str
    awkward: Case
    friends: tuple[Case, ...]
    bar: float = 1.5
    images_as: View = np.asarray
    out_as: View = np.asarray


# --- memory: (N, H, W, C) arrays whose elements do not lie one behind the other ---------------------------------------


def every_second_column(array: np.ndarray) -> np.ndarray:
    return np.repeat(array, 2, axis=2)[:, :, ::2]


def rows_reversed(array: np.ndarray) -> np.ndarray:
    return array[:, ::-1]


def of_wider_array(array: np.ndarray) -> np.ndarray:
    """A slice of twice as many channels."""
    n_channels = array.shape[3]
    return np.tile(array, 2)[..., n_channels // 2 : n_channels // 2 + n_channels]


def channels_first(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)


def byte_swapped(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder())


# --- the rows ---------------------------------------------------------------------------------------------------------

LAYER = Case((4, 56, 56, 64), (64, 3, 3))
DEEP = Case((4, 28, 28, 128), (128, 3, 3))
PHOTO = Case((1, 540, 960, 3), (8, 3, 3))
DIGITS = Case((1000, 28, 28, 1), (2, 3, 3))
PLANE = Case((1, 256, 256, 1), (4, 3, 3))
DEPTHWISE = Case((4, 56, 56, 64), (64, 3, 3), groups=64)


def sized(case: Case, height: int, width: int, channels: int | None = None) -> Case:
    n_images, _, _, n_channels = case.images
    return case._replace(images=(n_images, height, width, n_channels if channels is None else channels))


def in_memory(name: str, case: Case, **views: View) -> Cliff:
    return Cliff(name, case, (case,), **views)


def in_float64(cliff: Cliff) -> Cliff:
    awkward, *friends = (
        case._replace(dtype="float64", kernels_dtype="float64") for case in (cliff.awkward, *cliff.friends)
    )
    return cliff._replace(name=f"{cliff.name}_float64", awkward=awkward, friends=tuple(friends))


SIZES = [
    Cliff("channels_37", sized(LAYER, 56, 56, 37), (sized(LAYER, 56, 56, 32), LAYER)),
    Cliff("kernels_50", LAYER._replace(bank=(50, 3, 3)), (LAYER._replace(bank=(48, 3, 3)), LAYER)),
    Cliff("columns_13", sized(LAYER, 56, 15), (sized(LAYER, 56, 16),)),
    Cliff("columns_13_deep", sized(DEEP, 15, 15), (sized(DEEP, 16, 16),)),
    Cliff("primes_61x53", sized(LAYER, 61, 53), (sized(LAYER, 60, 52), sized(LAYER, 64, 56))),
    Cliff("primes_61x53_plane", sized(PLANE, 61, 53), (sized(PLANE, 60, 52), sized(PLANE, 64, 56))),
    Cliff("depthwise_37", Case((4, 56, 56, 37), (37, 3, 3), groups=37), (DEPTHWISE,)),
]
KEYWORDS = [
    Cliff("stride_2", LAYER._replace(stride=2), (LAYER,)),
    Cliff("stride_2_plane", PLANE._replace(stride=2), (PLANE,)),
    Cliff("stride_2_7x7", Case((1, 224, 224, 3), (64, 7, 7), stride=2), (Case((1, 224, 224, 3), (64, 7, 7)),)),
    Cliff("dilation_2", sized(LAYER, 58, 58)._replace(dilation=2), (LAYER,)),
    Cliff("dilation_2_plane", sized(PLANE, 258, 258)._replace(dilation=2), (PLANE,)),
    Cliff(
        "dilation_2_one_kernel", Case((1, 356, 356, 1), (1, 11, 11), dilation=2), (Case((1, 346, 346, 1), (1, 11, 11)),)
    ),
    Cliff("padding_uneven", LAYER._replace(padding=((1, 2), (0, 3))), (LAYER._replace(padding="same"),)),
    Cliff("padding_uneven_plane", PLANE._replace(padding=((1, 2), (0, 3))), (PLANE._replace(padding="same"),)),
    Cliff("nchw_56", LAYER._replace(layout="NCHW"), (LAYER,), bar=1.15),
    Cliff("nchw_28", DEEP._replace(layout="NCHW"), (DEEP,), bar=1.15),
    Cliff("groups_2", Case((4, 56, 56, 128), (64, 3, 3), groups=2), (LAYER,)),
]


def turned(case: Case) -> Case:
    """The same work with rows and columns exchanged."""
    n_images, height, width, n_channels = case.images
    n_kernels, kernel_height, kernel_width = case.bank
    images, bank = (n_images, width, height, n_channels), (n_kernels, kernel_width, kernel_height)
    pairs = {name: getattr(case, name) for name in ("padding", "stride", "dilation")}
    pairs = {name: pair[::-1] for name, pair in pairs.items() if isinstance(pair, tuple)}
    return case._replace(images=images, bank=bank, **pairs)


SHORT_AXES = {
    "column_signal": Case((1, 100_000, 1, 1), (1, 50, 1)),
    "column_signal_same": Case((1, 100_000, 1, 1), (1, 9, 1), padding="same"),
    "column_signals": Case((200, 1000, 1, 1), (8, 9, 1)),
    "column_signals_64_channels": Case((50, 500, 1, 64), (64, 5, 1)),
    "columns_2": Case((100, 2000, 2, 1), (4, 9, 2)),
    "columns_4": Case((1000, 100, 4, 1), (8, 3, 3)),
    "columns_4_one_kernel": Case((1000, 100, 4, 1), (1, 3, 3)),
    "columns_4_same": Case((1000, 100, 4, 1), (4, 3, 3), padding="same"),
    "columns_4_uint8": Case((1000, 100, 4, 1), (4, 3, 3), dtype="uint8"),
    "columns_7_64_channels": Case((20, 200, 7, 64), (64, 3, 3)),
    "columns_3_64_kernels": Case((20, 400, 3, 64), (64, 5, 1)),
    "columns_3_depthwise": Case((20, 400, 3, 64), (64, 3, 3), padding="same", groups=64),
    "columns_8_stride_2": Case((100, 1000, 8, 1), (4, 5, 5), stride=(2, 1)),
    "columns_12_3_channels": Case((50, 300, 12, 3), (4, 3, 3)),
    "columns_20": Case((10, 5000, 20, 1), (4, 3, 3)),
    "column_depthwise": Case((50, 500, 1, 64), (64, 5, 1), groups=64),
}
TURNED = [Cliff(f"turned_{name}", case, (turned(case),), bar=1.3) for name, case in SHORT_AXES.items()]
TYPES = [
    Cliff(f"{dtype}_{name}", case._replace(dtype=dtype), (case,))
    for dtype in ("uint8", "float16")
    for name, case in (("photo", PHOTO), ("digits", DIGITS))
]
MEMORY = [
    in_memory("every_second_column", LAYER, images_as=every_second_column),
    in_memory("every_second_column_photo", PHOTO, images_as=every_second_column),
    in_memory("rows_reversed", LAYER, images_as=rows_reversed),
    in_memory("rows_reversed_photo", PHOTO, images_as=rows_reversed),
    in_memory("channel_slice", LAYER, images_as=of_wider_array),
    in_memory("channel_slice_photo", PHOTO, images_as=of_wider_array),
    in_memory("byte_swapped", LAYER, images_as=byte_swapped),
    in_memory("byte_swapped_photo", PHOTO, images_as=byte_swapped),
    in_memory("out_of_wider_array", LAYER, out_as=of_wider_array),
    in_memory("out_channels_first", LAYER, out_as=channels_first),
    in_memory("out_channels_first_photo", PHOTO, out_as=channels_first),
]
ALSO_FLOAT64 = ("channels_37", "kernels_50", "columns_13", "stride_2", "nchw_56", "byte_swapped", "channel_slice_photo")
CLIFFS = [*SIZES, *KEYWORDS, *TURNED, *TYPES, *MEMORY]
CLIFFS += [in_float64(cliff) for cliff in CLIFFS if cliff.name in ALSO_FLOAT64]


def measure(cliff: Cliff, n_workers: int, seconds: float) -> dict[str, Any]:
    cases = [cliff.awkward, *cliff.friends]
    calls: dict[int, Call] = {
        0: prepared_call(cliff.awkward, n_workers, images_as=cliff.images_as, out_as=cliff.out_as)
    }
    calls.update({index: prepared_call(case, n_workers) for index, case in enumerate(cliff.friends, 1)})
    taken = best_of_turns(calls, seconds)
    costs = [taken[index] * 1e12 / case.multiply_adds for index, case in enumerate(cases)]
    friend = min(range(1, len(cases)), key=costs.__getitem__)
    ratio = costs[0] / costs[friend]
    return {
        "name": cliff.name,
        "awkward": str(cliff.awkward),
        "friend": str(cases[friend]),
        "us": [taken[0] * 1e6, taken[friend] * 1e6],
        "ns_per_1000": [costs[0], costs[friend]],
        "ratio": ratio,
        "bar": cliff.bar,
        "above": ratio > cliff.bar,
    }


def main() -> None:
    parser = new_parser(__doc__, picture=False)
    parser.add_argument("--workers", type=int, default=1)
    names = [cliff.name for cliff in CLIFFS]
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each row, at least three turns")
    arguments = parser.parse_args()
    print(f"{provenance()}, workers: {arguments.workers}\n")
    print(
        "| work | ns per 1000 multiply-adds | friend's | ratio | bar | | the friend is |\n|---|---|---|---|---|---|---|"
    )
    rows = []
    for cliff in CLIFFS:
        if cliff.name in arguments.only:
            row = measure(cliff, arguments.workers, arguments.seconds)
            own, friends = row["ns_per_1000"]
            print(
                f"| {row['name']} | {own:.2f} | {friends:.2f} | {row['ratio']:.2f} | {row['bar']} "
                f"| {'above' if row['above'] else ''} | {row['friend']} |",
                flush=True,
            )
            rows.append(row)
    print(f"\nabove the bar: {sum(row['above'] for row in rows)} of {len(rows)}")
    write_outputs(arguments, {**machine(), "workers": arguments.workers, "rows": rows})


if __name__ == "__main__":
    main()

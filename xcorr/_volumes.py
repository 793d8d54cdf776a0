"""Three spatial axes: planes of windows are images of their own, and the planes of a kernel are channels.

One plane of windows sees as many planes of the volume as a kernel has. These are the channels of an image, so that each
method does volumes as it does images. Where they lie at one distance in memory they are a view, else some planes of
windows are gathered at a time. A volume that is one pixel high is an image of planes by columns.
"""

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import in_order
from xcorr._axes import Axis, Geometry, make_geometry
from xcorr._engine import fill_source_indices
from xcorr._layouts import Layout, arranged, groups_of, operand_sizes, read_layout, reading_of
from xcorr._memory import empty
from xcorr._reading import places_of
from xcorr._settings import Settings
from xcorr._workers import refuse_too_large

Array = npt.NDArray[Any]

GATHERED_BYTES = 2**23
"""Bytes of gathered planes that are there at once, if those of one plane of windows are not more; not tuned."""


PREPARED_BYTES = 2**18
"""Bytes of gathered planes from which on several workers gather them; not tuned."""


class Piece(NamedTuple):
    """Some planes of windows, counted from the first one that is wanted, of some volumes; of several all planes."""

    first: int
    end: int
    first_plane: int
    end_plane: int

    @property
    def counts(self) -> tuple[int, int]:
        """Volumes, and planes of each."""
        return self.end - self.first, self.end_plane - self.first_plane


class Sizes(NamedTuple):
    """What follows from the shapes and keywords of a call."""

    layout: Layout
    geometry: Geometry  # of three axes
    area: tuple[tuple[int, int], ...]  # the first window that is wanted along each axis, and how many
    settings: Settings  # of the images
    boundary: str  # of the planes
    is_flat: bool  # one pixel high, and not padded there: planes are rows

    @property
    def planes(self) -> Axis:
        """The axis of planes."""
        return self.geometry.axes[0]

    @property
    def outputs(self) -> tuple[int, ...]:
        """The windows that are wanted along each axis."""
        return tuple(count for _, count in self.area)

    @property
    def depth(self) -> int:
        """Channels of a group in one plane."""
        return self.geometry.channels // self.geometry.groups

    def image_shape(self, n_images: int) -> tuple[int, ...]:
        """The shape of so many images."""
        planes, down, across = self.geometry.axes
        if self.is_flat:
            return self.arranged(n_images, planes.length, across.length, self.geometry.channels)
        return self.arranged(n_images, down.length, across.length, planes.kernel * self.geometry.channels)

    def kernels_shape(self) -> tuple[int, ...]:
        """The shape of their bank."""
        planes, height, width = self.geometry.kernel_shape
        if self.is_flat:
            return self.arranged(self.geometry.n_kernels, planes, width, self.depth)
        return self.arranged(self.geometry.n_kernels, height, width, planes * self.depth)

    def arranged(self, first: int, height: int, width: int, last: int) -> tuple[int, ...]:
        """A shape in the images' layout."""
        shapes = {"NHW": (first, height, width), "NCHW": (first, last, height, width)}
        return shapes.get(str(self.settings.layout), (first, height, width, last))

    def ordered(self, array: Array) -> Array:
        """A view in the images' layout of (images or kernels, rows, columns, channels)."""
        if self.settings.layout == "NHW":
            return array[..., 0]
        return np.moveaxis(array, 3, 1) if self.settings.layout == "NCHW" else array

    def ordered_response(self, array: Array) -> Array:
        """The same of (images, rows, columns, kernels)."""
        return np.moveaxis(array, 3, 1) if self.settings.layout == "NCHW" else array

    def response_shape(self, n_images: int) -> tuple[int, ...]:
        """The response's shape for that many volumes."""
        return arranged((n_images, *self.outputs, self.geometry.n_kernels), self.layout.response)

    def gathered_bytes(self, itemsize: int) -> int:
        """Bytes of the planes that one plane of windows sees."""
        return prod(self.image_shape(1)) * itemsize


def sizes_of_call(settings: Settings, images_shape: tuple[int, ...], kernels_shape: tuple[int, ...]) -> Sizes:
    """The sizes of a call by the shapes of its operands, those of one volume's kernels; all that is refused is."""
    layout = read_layout(images_shape, kernels_shape, settings.layout)
    image, bank = operand_sizes(images_shape, kernels_shape, layout)
    groups = groups_of(layout, image[-1], settings.groups)
    geometry = make_geometry(
        image,
        bank,
        padding=settings.padding,
        stride=settings.stride,
        dilation=settings.dilation,
        groups=groups,
        reading=reading_of(images_shape, kernels_shape, layout, settings.groups),
        n_axes=3,
    )
    bounds = settings.roi or ((None, None),) * 3
    area = tuple(places_of(own, axis.outputs) for own, axis in zip(bounds, geometry.axes, strict=True))
    down = geometry.axes[1]
    is_flat = down.padded == down.length == down.kernel == 1
    along = (0, 2) if is_flat else (1, 2)
    word = {"NDHWC": "NHWC", "NCDHW": "NCHW", "NDHW": "NHW" if is_flat else "NCHW"}[layout.word]
    if word == "NHWC" and image[-1] == 1 and not is_flat:
        word = "NCHW"  # planes of one channel lie at one distance
    own = settings._replace(
        layout=word,
        padding=tuple((geometry.axes[axis].before, geometry.axes[axis].behind) for axis in along),
        boundary=tuple(settings.boundary[axis] for axis in along),
        stride=tuple(settings.stride[axis] for axis in along),
        dilation=tuple(settings.dilation[axis] for axis in along),
        roi=None if settings.roi is None else tuple(settings.roi[axis] for axis in along),
        groups=groups,
        pairwise=False,
    )
    return Sizes(layout, geometry, area, own, settings.boundary[0], is_flat)


# --- operands ---------------------------------------------------------------------------------------------------------


def kernels_as_bank(kernels: Array, sizes: Sizes) -> Array:
    """The bank whose channels are the kernels' planes."""
    ordered = in_order(kernels, sizes.layout.kernels)  # (kernels, planes, rows, columns, channels)
    if sizes.layout.each_channel:
        ordered = np.broadcast_to(ordered, (sizes.geometry.n_kernels, *ordered.shape[1:]))
    if sizes.is_flat:
        return np.ascontiguousarray(sizes.ordered(ordered[:, :, 0]))
    if sizes.settings.flip:
        ordered = ordered[:, ::-1]
    planes_last = np.ascontiguousarray(ordered.transpose(0, 2, 3, 1, 4)).reshape(*sizes_last(ordered))
    return np.ascontiguousarray(sizes.ordered(planes_last))


def sizes_last(ordered: Array) -> tuple[int, ...]:
    """(kernels, rows, columns, planes * channels) of (kernels, planes, rows, columns, channels)."""
    n_kernels, planes, height, width, depth = ordered.shape
    return n_kernels, height, width, planes * depth


def fill_as_channels(fill: tuple[Any, ...], sizes: Sizes) -> Any:
    """The fill value of each image's channel; 0 where only planes are padded with it."""
    if "constant" not in sizes.settings.boundary:
        return 0
    if len(fill) == 1 or sizes.is_flat:
        return fill if len(fill) > 1 else fill[0]
    groups, depth = sizes.geometry.groups, sizes.depth
    return tuple(fill[group * depth + channel] for group in range(groups)
                 for _ in range(sizes.planes.kernel) for channel in range(depth))  # fmt: skip


def pieces_of(sizes: Sizes, first: int, end: int, itemsize: int, is_view: bool) -> Iterator[Piece]:
    """The pieces of volumes [first, end), all planes of some volumes or some planes of one."""
    n_planes = sizes.outputs[0]
    if sizes.is_flat or n_planes == 0:
        yield Piece(first, end, 0, n_planes)
        return
    at_once = GATHERED_BYTES // (sizes.gathered_bytes(itemsize) * n_planes)
    if at_once > 1 or (at_once == 1 and not is_view):
        for n in range(first, end, at_once):
            yield Piece(n, min(n + at_once, end), 0, n_planes)
        return
    cuts = cut_planes(sizes, 0, n_planes, itemsize, is_view)
    for n in range(first, end):
        for first_plane, end_plane in cuts:
            yield Piece(n, n + 1, first_plane, end_plane)


def cut_planes(sizes: Sizes, first: int, end: int, itemsize: int, is_view: bool) -> list[tuple[int, int]]:
    """The planes of windows from `first` on that are done together: those that are a view, or few enough."""
    of_plane = sizes.gathered_bytes(itemsize)
    planes = max(1, GATHERED_BYTES // of_plane)
    begin, last = (min(max(bound, first), end) for bound in inside(sizes))
    if not is_view or (first, end) != (begin, last):
        refuse_too_large("images", "the planes that one plane of windows sees", of_plane)
    if not is_view:
        cuts = list(range(first, end, planes))
    else:
        cuts = sorted({*range(first, begin, planes), *([begin] if begin < last else []), *range(last, end, planes)})
    return list(zip(cuts, [*cuts[1:], end], strict=True))


def gathered_at_once(sizes: Sizes, itemsize: int, n_planes: int) -> int:
    """Bytes of gathered planes that are there at once."""
    of_plane = sizes.gathered_bytes(itemsize)
    return min(max(of_plane, GATHERED_BYTES), of_plane * n_planes)


def joined(array: Array) -> Array | None:
    """A view whose planes of all volumes are one axis, or None where they do not follow on."""
    n_volumes, n_planes = array.shape[:2]
    if n_volumes > 1 and n_planes > 1 and array.strides[0] != n_planes * array.strides[1]:
        return None
    pitch = array.strides[1] if n_planes > 1 else array.strides[0]
    shape = (n_volumes * n_planes, *array.shape[2:])
    return np.lib.stride_tricks.as_strided(array, shape, (pitch, *array.strides[2:]))


def inside(sizes: Sizes) -> tuple[int, int]:
    """The planes of windows, counted from the first one that is wanted, that see no padding."""
    planes, (skipped, count) = sizes.planes, sizes.area[0]
    first = -(-planes.before // planes.stride) - skipped
    end = (planes.before + planes.length - planes.effective) // planes.stride + 1 - skipped
    first = min(max(0, first), count)
    return first, max(first, min(end, count))


def sources(sizes: Sizes, piece: Piece) -> npt.NDArray[np.intp]:
    """The plane of the volume that each plane of windows has under each plane of a kernel, -1 for the fill value."""
    planes, skipped = sizes.planes, sizes.area[0][0]
    first = (skipped + piece.first_plane) * planes.stride - planes.before
    found = np.empty((planes.kernel, piece.counts[1]), np.intp)
    for tap, own in enumerate(found):
        fill_source_indices(own, first + tap * planes.dilation, planes.length, sizes.boundary, planes.stride)
    return found.T


def can_be_view(sizes: Sizes) -> bool:
    """Whether a kernel's planes lie in memory as one axis of channels."""
    return sizes.is_flat or sizes.geometry.channels == 1 or sizes.planes.kernel == 1


def images_of(
    volumes: Array, sizes: Sizes, piece: Piece, source: npt.NDArray[np.intp], fill: Array, workers: int
) -> Array:
    """The images of a piece of volumes (volumes, planes, rows, columns, channels); `fill` is of each channel.

    `source` has the plane of `volumes` that each plane of windows has under each plane of a kernel.
    """
    if sizes.is_flat:
        return sizes.ordered(volumes[piece.first : piece.end, :, 0])
    own, n_planes = piece.counts
    if own == 1 and can_be_view(sizes) and source.min() >= 0 and follow_on(source, sizes):
        return view_of(volumes[piece.first], sizes, int(source[0, 0]), n_planes)
    groups, depth, kernel = sizes.geometry.groups, sizes.depth, sizes.planes.kernel
    height, width = volumes.shape[2:4]
    by_group = volumes[piece.first : piece.end].reshape(own, -1, height, width, groups, depth)
    if sizes.settings.layout == "NCHW":
        gathered: Array = empty((own, n_planes, groups, kernel, depth, height, width), volumes.dtype)
        places = gathered.transpose(0, 1, 3, 5, 6, 2, 4)
    else:
        gathered = empty((own, n_planes, height, width, groups, kernel, depth), volumes.dtype)
        places = gathered.transpose(0, 1, 5, 2, 3, 4, 6)
    of_channels = fill.reshape(groups, depth)
    workers = workers if gathered.nbytes > PREPARED_BYTES else 1
    parts = min(own, workers)

    def gather(task: int) -> None:
        part, plane = divmod(task, kernel)
        some = slice(own * part // parts, own * (part + 1) // parts)
        copy_planes(by_group[some], source[:, plane], places[some, :, plane], of_channels)

    _workers.prepare(gather, kernel * parts, workers)
    return gathered.reshape(sizes.image_shape(own * n_planes))


def follow_on(source: npt.NDArray[np.intp], sizes: Sizes) -> bool:
    """Whether planes follow on each other as windows do, none of them mirrored."""
    return bool(np.array_equal(source - source[0, 0], np.arange(len(source))[:, np.newaxis] * sizes.planes.stride
                               + np.arange(sizes.planes.kernel) * sizes.planes.dilation))  # fmt: skip


def view_of(volume: Array, sizes: Sizes, first: int, n_planes: int) -> Array:
    """Images over a volume's own memory, from a plane on that all lie behind."""
    planes = sizes.planes
    pitch, *others, channel = volume.strides
    shape = (n_planes, *volume.shape[1:3], planes.kernel * volume.shape[3])
    of_channels = channel if planes.kernel == 1 else planes.dilation * pitch
    strides = (planes.stride * pitch, *others, of_channels)
    return sizes.ordered(np.lib.stride_tricks.as_strided(volume[first:], shape, strides, writeable=False))


def copy_planes(volumes: Array, source: npt.NDArray[np.intp], target: Array, fill: Array) -> None:
    """Copies planes of some volumes, in as few pieces as they follow on each other."""
    step, at = 1, 0
    if len(source) > 1 and source[1] > source[0]:
        step = int(source[1] - source[0])
    while at < len(source):
        end = at + 1
        while source[at] >= 0 and end < len(source) and source[end] == source[end - 1] + step:
            end += 1
        if source[at] < 0:
            target[:, at] = fill
        else:
            target[:, at:end] = volumes[:, source[at] : source[end - 1] + 1 : step]
        at = end

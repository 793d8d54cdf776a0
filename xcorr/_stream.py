"""Streams: images that are read, computed and written block by block, so that memory need not hold all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from xcorr import _workers
from xcorr._blocks import cut
from xcorr._foreign import shown
from xcorr._pieces import Pieces
from xcorr._pieces_found import pieces_of
from xcorr._reading import whole_number
from xcorr._stream_ends import check_sides, check_sink, check_source, chunks_of
from xcorr._streaming import Progress, Stream

if TYPE_CHECKING:
    from xcorr._correlator import Correlator
    from xcorr._match import Matcher


def stream(
    prepared: Correlator | Matcher,
    images: Any,
    out: Any = None,
    *,
    workers: SupportsIndex | None = None,
    max_bytes: SupportsIndex = 2**28,
    progress: Callable[[int, int], object] | bool | None = None,
) -> Any:
    """Correlate or match images that are larger than memory, block by block.

    The result has the bits of ``prepared(images)``, however the images are cut: by images, and one that is too large by
    parts, each with the pixels around it that it reaches. Blocks are read, computed and written at the same time.

    Parameters
    ----------
    prepared : Correlator or Matcher
        The bank, with the keywords of the call; `reduce`, `Peaks` and `roi` too.
    images : array_like
        What the images are read from, of the shape and dtype that a call takes: a NumPy array or memmap, an array of
        h5py or zarr, or anything with ``shape``, ``dtype`` and slices, which are asked for with step 1. It is never
        read as a whole.
    out : array_like, optional
        Where the result goes, of its shape and dtype: one of the same kinds, which takes slices. A tuple of them where
        `reduce` is a tuple. Without it the result is an array in memory.
    workers : int, optional
        As for `correlate`. One thread more reads, and one writes.
    max_bytes : int
        Bytes of the blocks that are there at the same time: of their pixels and of their results, three blocks as long
        as these have room, else one. Beside them are what a call needs as workspace, at most 256 MiB, the prepared
        bank, and what is kept of an image's responses while they are reduced.
    progress : callable or bool, optional
        Called with the bytes of the images that are done, and those of all, in the calling thread. True shows a bar,
        which needs the extra ``cli``.

    Returns
    -------
    ndarray or tuple of ndarray
        The result of the call; `out` where there is one.

    Raises
    ------
    TypeError, ValueError
        As a call, and if one side is not what it should be, or `out` would be written over `images`; before anything is
        written.
    MemoryError
        If `max_bytes` has no room for the smallest block; it says how many are needed.
    OverflowError
        As a call. All blocks before the one that it names are written.

    See Also
    --------
    Correlator, Matcher : What is prepared.

    Notes
    -----
    Blocks are whole chunks, or shards, of `out` where these have room, so that none is written twice. A volume is cut
    along its planes. An image is not cut where the bank is pairwise, where it is a long line that "fft" folds, where
    taps are not finite and the bank has a mask or is normalized, or where shares are divided by that are subnormal on
    a processor that is slow with those; a volume not where the bank has a mask that is an array, or is pairwise. Then
    it has to have room.

    Where all of `out` lives in files (memmap, h5py, zarr), a small journal beside the first of them,
    ``.NAME.xcorr-stream``, notes blocks that are written, and is removed at the end. After a run that was stopped or
    killed the same call goes on: blocks that the journal has, and that are still there byte by byte, are not done
    again. Another bank, other sides, another part of an image file, another `max_bytes`, or an image file that has
    changed since, or a file of a zarr array, begin anew. What arrays in memory hold is not looked at, nor images in
    the file that `out` is in. Ctrl-C is answered after the block that is being written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> import xcorr
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> photographs = np.memmap(folder / "photographs", np.float32, "w+", shape=(50, 64, 64))
    >>> edges = xcorr.Correlator(xcorr.banks.sobel(), layout="NHW", padding="same")
    >>> out = np.memmap(folder / "edges", np.float32, "w+", shape=(50, 64, 64, 2))
    >>> xcorr.stream(edges, photographs, out, max_bytes=2**20) is out
    True
    """
    shape, dtype = check_source(images)
    pieces = pieces_of(prepared, shape, dtype)
    if workers is not None:
        workers = _workers.count_workers(workers)
    most = whole_number(max_bytes, "max_bytes", 1, "a number of bytes, at least 1")
    outs = check_outs(pieces, out)
    if out is not None:
        check_sides(images, outs)
    of_sink = chunks_of(outs[0]) if out is not None else None
    way = cut(pieces, dtype.itemsize, most, chunks_of(images), of_sink)
    if out is None:
        outs = [np.empty(result.shape, result.dtype) for result in pieces.results]
    with telling(progress) as tell:
        Stream(pieces, images, outs, way, workers, tell, out is None, prepared).run()
    if out is not None:
        return out
    return outs[0] if pieces.alone else tuple(outs)


def check_outs(pieces: Pieces, out: Any) -> list[Any]:
    """The arrays that results go to; TypeError or ValueError if it cannot."""
    if out is None:
        return []
    if pieces.alone:
        outs = [out]
    elif not isinstance(out, (tuple, list)):
        raise TypeError(f"out: got {type(out).__name__}; allowed with a tuple of reductions is a tuple of arrays")
    else:
        outs = list(out)
    if len(outs) != len(pieces.results):
        raise ValueError(f"out: got {len(outs)} arrays; allowed are {len(pieces.results)}, one for each reduction")
    for own, result in zip(outs, pieces.results, strict=True):
        check_sink(own, result)
    return outs


@contextlib.contextmanager
def telling(progress: Any) -> Iterator[Progress | None]:
    """What is told how far a stream is."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        try:
            from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn
        except ImportError as error:
            raise ImportError(f'progress: a bar needs {error.name}: pip install "xcorr[cli]"') from None
        columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    elif callable(progress):
        yield progress
    else:
        raise TypeError(f"progress: got {shown(progress)}; allowed are None, True and what is called with two numbers")

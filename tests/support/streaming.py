"""Random calls that are cut into pieces, and both sides of a stream, which count what they are asked for."""

import threading
import time

import numpy as np

import xcorr

LAYOUTS = ("NHWC", "NCHW", "NHW", "NWC", "NCW", "NW")
METHODS = ("direct", "matmul", "fft", "winograd", "auto")
BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
DTYPES = ("float32", "float64", "complex64", "uint8", "int16", "int64", "float16")


def numbers(rng, shape, dtype):
    """Random numbers of a type."""
    if dtype[0] in "ui":
        return rng.integers(0 if dtype[0] == "u" else -100, 100, shape).astype(dtype)
    real = rng.standard_normal(shape)
    return (real + 1j * rng.standard_normal(shape) if dtype[0] == "c" else real).astype(dtype)


def random_call(rng, method=None, layout=None):
    """Images, kernels and keywords, which may contradict each other."""
    layout, method = layout or str(rng.choice(LAYOUTS)), method or str(rng.choice(METHODS))
    is_line, is_large = "H" not in layout, rng.random() < 0.2
    height, width = (int(rng.integers(8, 300 if is_large else 60)), int(rng.integers(20, 400 if is_large else 80)))
    channels, n_kernels = int(rng.choice([1, 2, 3, 16])), int(rng.choice([1, 2, 5, 17]))
    stride, dilation = int(rng.choice([1, 1, 1, 2, 3])), int(rng.choice([1, 1, 1, 2, 3]))
    most = 8 if rng.random() < 0.7 else 30
    kernel_height, kernel_width = (int(side) for side in rng.integers(1, most, 2))
    dtype = str(rng.choice(DTYPES))
    if method == "winograd":
        kernel_height = kernel_width = int(rng.choice([3, 5]))
        stride, dtype, channels = 1, str(rng.choice(["float32", "float64"])), max(channels, 16)
    groups = channels if "C" in layout and rng.random() < 0.2 else 1
    if groups > 1:
        n_kernels = groups * int(rng.choice([1, 2]))
    padding = str(rng.choice(["valid", "same", "full", "pairs"]))
    if padding == "pairs":
        padding = tuple(tuple(map(int, rng.integers(0, 30, 2))) for _ in range(1 if is_line else 2))
    boundary = tuple(map(str, rng.choice(BOUNDARIES, 1 if is_line else 2)))
    if rng.random() < 0.4:
        boundary = "constant"
    elif is_line:
        boundary = boundary[0]
    of_images = {"N": 2, "H": height, "W": width, "C": channels}
    of_kernels = {"N": n_kernels, "H": kernel_height, "W": kernel_width, "C": channels // groups}
    images, kernels = (numbers(rng, [own[letter] for letter in layout], dtype) for own in (of_images, of_kernels))
    words = {"layout": layout, "padding": padding, "boundary": boundary, "stride": stride, "dilation": dilation}
    words |= {"groups": groups, "method": method}
    if boundary == "constant" and rng.random() < 0.3:
        words["fill_value"] = 2
    if rng.random() < 0.2 and not is_line:
        words["roi"] = (slice(1, None), slice(2, -1))
    if rng.random() < 0.1 and dtype[0] in "fc":
        images.flat[rng.integers(images.size)] = np.nan
    return images, kernels, words


def random_reduction(rng):
    """Keywords that reduce, one or several, or find peaks."""
    if rng.random() < 0.3:
        peaks = xcorr.Peaks(3, min_distance=2, subpixel="parabola", per=str(rng.choice(["kernel", "image"])))
        return {"reduce": peaks}
    names = tuple(map(str, rng.permutation(["max", "min", "argmax", "argmin", "mean", "ppv", "energy"])[:2]))
    return {"reduce": names if rng.random() < 0.5 else names[0], "over": str(rng.choice(["positions", "kernels"]))}


def same_bits(one, other):
    """Whether two results, or tuples of them, are the same byte by byte."""
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same_bits, one, other))
    alike = one.shape == other.shape and one.dtype == other.dtype
    return alike and np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(other).tobytes()


def bytes_of(result):
    """The bytes of a result, or of a tuple of them."""
    return sum(map(bytes_of, result)) if isinstance(result, tuple) else result.nbytes


class Source:
    """Images that are read by slices with step 1, and how many bytes of them were asked for at once."""

    def __init__(self, array, chunks=None, seconds=0.0, breaks_at=None):
        self.array, self.shape, self.dtype, self.chunks = array, array.shape, array.dtype, chunks
        self.seconds, self.breaks_at = seconds, breaks_at
        self.most_bytes, self.n_reads, self.places = 0, 0, []

    def __getitem__(self, place):
        assert isinstance(place, tuple)
        assert all(isinstance(own, slice) and own.step in (None, 1) for own in place)
        if self.n_reads == self.breaks_at:
            raise OSError("the disk is gone")
        time.sleep(self.seconds)
        found = self.array[place].copy()
        self.n_reads, self.most_bytes = self.n_reads + 1, max(self.most_bytes, found.nbytes)
        self.places.append(place)
        return found


class Sink:
    """A result that is written by slices, how often each element was, and by which threads."""

    def __init__(self, shape, dtype, chunks=None, breaks_at=None):
        self.array, self.counts = np.zeros(shape, dtype), np.zeros(shape, np.uint8)
        self.shape, self.dtype, self.chunks, self.breaks_at = shape, self.array.dtype, chunks, breaks_at
        self.n_writes, self.places, self.threads = 0, [], set()

    def __setitem__(self, place, values):
        if self.n_writes == self.breaks_at:
            raise OSError("no space left")
        self.array[place] = values
        self.counts[place] += 1
        self.n_writes += 1
        self.places.append(place)
        self.threads.add(threading.get_ident())

"""What SciPy, torch and OpenCV do with inputs that xcorr promises something about, each asked in a fresh process.

    python reliability/peers.py [--markdown FILE]

The peers are those of benchmarks/requirements.txt; one that is not installed is left out.
"""

import argparse
import importlib.metadata
import multiprocessing
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 30  # that a peer may take before it counts as hanging


def relative_error_of_a_large_sum(correlate: Callable[..., Any]) -> str:
    """One window of 500x500, all 0.1 in float32: the sum is 2500."""
    tenth = np.full((500, 500), 0.1, np.float32)
    exact = float(np.float64(np.float32(0.1)) ** 2 * 250_000)
    return f"relative error {abs(float(correlate(tenth, tenth).ravel()[0]) - exact) / exact:.1e}"


def small_integers(correlate: Callable[..., Any]) -> str:
    """A 3x3 window of 255 with a kernel of ones, in uint8: 2295."""
    return str(correlate(np.full((3, 3), 255, np.uint8), np.ones((3, 3), np.uint8)).ravel()[0])


def spread_of_one_nan(correlate: Callable[..., Any]) -> str:
    """An image of 151x151 with one NaN, a kernel of 11x11: 121 responses contain it."""
    images = np.ones((151, 151), np.float32)
    images[75, 75] = np.nan
    response = correlate(images, np.ones((11, 11), np.float32))
    return f"{np.isnan(response).sum():,} of {response.size:,} are NaN"


def a_far_pixel(correlate: Callable[..., Any]) -> str:
    """One pixel of 1e30 far from a window of 20x20 ones, whose sum is 400."""
    images = np.ones((151, 151))
    images[140, 140] = 1e30
    return f"{correlate(images, np.ones((20, 20)))[0, 0]:.6g}"


def large_steps(correlate: Callable[..., Any]) -> str:
    """A dilation of 2**62 between the taps of a 2x2 kernel, on an image of 9x9."""
    response = correlate(np.ones((9, 9), np.float32), np.ones((2, 2), np.float32), dilation=2**62)
    return f"a response of {response.shape}"


def other_byte_order(correlate: Callable[..., Any]) -> str:
    """Big-endian float32: the sum of a 3x3 window of ones is 9."""
    return f"{correlate(np.ones((3, 3), '>f4'), np.ones((3, 3), np.float32)).ravel()[0]:.6g}"


def larger_kernels(correlate: Callable[..., Any]) -> str:
    """A kernel of 5x5 on an image of 3x3."""
    return f"a response of {correlate(np.ones((3, 3), np.float32), np.ones((5, 5), np.float32)).shape}"


def bits_of_a_batch(correlate: Callable[..., Any]) -> str:
    """Whether a layer's response to an image has the same bits alone and in a batch of 16."""
    random = np.random.default_rng(1)
    images = random.standard_normal((16, 14, 14, 64)).astype(np.float32)
    kernels = random.standard_normal((64, 3, 3, 64)).astype(np.float32)
    together, alone = correlate(images, kernels), correlate(images[:1], kernels)
    return "equal" if np.array_equal(together[:1], alone) else "different"


def subnormal_numbers(correlate: Callable[..., Any]) -> str:
    """How many times as long as with ordinary numbers images of 1e-40 take, 512x512 with 5x5."""
    random = np.random.default_rng(1)
    ordinary = random.random((512, 512), dtype=np.float32)
    kernel = random.random((5, 5), dtype=np.float32)

    def best(images: np.ndarray) -> float:
        times = []
        for _ in range(7):
            begin = time.perf_counter()
            correlate(images, kernel)
            times.append(time.perf_counter() - begin)
        return min(times)

    return f"{best(ordinary * np.float32(1e-40)) / best(ordinary):.1f} times as long"


def answer_to_an_interrupt(correlate: Callable[..., Any]) -> str:
    """How long a call goes on after an interrupt, 6000x6000 with 129x129."""
    images, kernels = np.ones((6000, 6000), np.float32), np.ones((129, 129), np.float32)
    correlate(images[:200, :200], kernels)

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    begin = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        correlate(images, kernels)
        time.sleep(1)
    except KeyboardInterrupt:
        pass
    return f"{time.perf_counter() - begin - 0.2:.2f} s"


# --- the peers --------------------------------------------------------------------------------------------------------


def by_xcorr(images: np.ndarray, kernels: np.ndarray, dilation: int = 1) -> np.ndarray:
    import xcorr

    return xcorr.correlate(images, kernels, dilation=dilation)


def by_scipy(images: np.ndarray, kernels: np.ndarray, dilation: int = 1) -> np.ndarray:
    from scipy.signal import correlate

    if dilation > 1 or images.ndim > 2:
        raise NotImplementedError
    return correlate(images, kernels, mode="valid", method="direct")


def by_scipy_fft(images: np.ndarray, kernels: np.ndarray, dilation: int = 1) -> np.ndarray:
    from scipy.signal import fftconvolve

    if dilation > 1 or images.ndim > 2:
        raise NotImplementedError
    return fftconvolve(images, kernels[::-1, ::-1], mode="valid")


def by_torch(images: np.ndarray, kernels: np.ndarray, dilation: int = 1) -> np.ndarray:
    import torch
    from torch.nn.functional import conv2d

    if images.ndim == 2:
        tensors = torch.from_numpy(images)[None, None], torch.from_numpy(kernels)[None, None]
    else:
        tensors = torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(kernels).permute(0, 3, 1, 2)
    with torch.inference_mode():
        response = conv2d(*tensors, dilation=dilation)
    return response[0, 0].numpy() if images.ndim == 2 else response.permute(0, 2, 3, 1).numpy()


def by_opencv(images: np.ndarray, kernels: np.ndarray, dilation: int = 1) -> np.ndarray:
    import cv2

    if dilation > 1 or images.ndim > 2:
        raise NotImplementedError
    depth = -1 if images.dtype == np.uint8 or images.dtype == np.float64 else cv2.CV_32F
    full = cv2.filter2D(images, depth, kernels, borderType=cv2.BORDER_CONSTANT)
    height, width = kernels.shape
    rows, columns = images.shape[0] - height + 1, images.shape[1] - width + 1
    return full[height // 2 : height // 2 + rows, width // 2 : width // 2 + columns]


PEERS: dict[str, tuple[str, Callable[..., np.ndarray]]] = {
    "xcorr": ("xcorr", by_xcorr),
    "scipy.signal.correlate, direct": ("scipy", by_scipy),
    "scipy.signal.fftconvolve": ("scipy", by_scipy_fft),
    "torch conv2d": ("torch", by_torch),
    "cv2.filter2D": ("opencv-python-headless", by_opencv),
}
QUESTIONS = [
    relative_error_of_a_large_sum,
    small_integers,
    spread_of_one_nan,
    a_far_pixel,
    large_steps,
    other_byte_order,
    larger_kernels,
    bits_of_a_batch,
    subnormal_numbers,
    answer_to_an_interrupt,
]


def answer(question: Callable[..., str], correlate: Callable[..., Any], sender: Any) -> None:
    try:
        sender.send(question(correlate))
    except NotImplementedError:
        sender.send("")
    except (Exception, KeyboardInterrupt) as error:
        sender.send(f"{type(error).__name__}")


def ask(question: Callable[..., str], correlate: Callable[..., Any]) -> str:
    """What a fresh process answers; a crash or a hang is an answer as well."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=answer, args=(question, correlate, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(SECONDS):
            return f"no end within {SECONDS} s"
        return str(receiver.recv())
    except EOFError:
        process.join()
        return f"the process died ({signal.Signals(-process.exitcode).name})" if process.exitcode else "nothing"
    finally:
        process.kill()
        process.join()


def version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="where to write the table")
    options = parser.parse_args()
    found = {name: peer for name, peer in PEERS.items() if name == "xcorr" or version(peer[0])}
    heads = [name if name == "xcorr" else f"{name} {version(peer[0])}" for name, peer in found.items()]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for question in QUESTIONS:
        answers = [ask(question, correlate) for _, correlate in found.values()]
        lines.append(f"| {question.__doc__} | {' | '.join(answers)} |")
        print(question.__doc__, *(f"\n    {name}: {said}" for name, said in zip(found, answers)), flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

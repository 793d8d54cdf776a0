"""Every task of docs/how-do-i.md runs by itself, and what it computes is what NumPy or SciPy does."""

import doctest
import importlib.util
import inspect
import re
from types import SimpleNamespace

import numpy as np
import pages
import pytest
from scipy import ndimage, signal

import xcorr

TEXT = pages.read(pages.TASKS)
SETUP, *_ = pages.blocks(TEXT)
TASKS = {task.title: task for task in pages.sections(TEXT, 3)}
FEWEST_TASKS = 20
MOST_LINES = 15
MOST_COLUMNS = 90
SIZES = {"N": 5, "H": 13, "W": 17, "C": 3, "K": 4, "kh": 3, "kw": 4}
LATER = re.compile(r"A\s+later\s+version\s.*?(?=\n\n|\Z)", re.DOTALL)

held = {}


def holds(title):
    """What a task's result is held against; it gets the names that the task leaves behind."""

    def keep(check):
        held[title] = check
        return check

    return keep


def allowed_error(dtype, image, kernel):
    """The bounds that README.md states for one plane, of a direct sum and of the frequency domain together."""
    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    direct = (4 + 2 * np.sqrt(kernel.size)) * np.abs(image).max() * np.abs(kernel).sum()
    spectral = 0.5 * np.log2(image.size) * np.linalg.norm(image) * np.linalg.norm(kernel)
    return np.finfo(dtype).eps / 2 * (direct + spectral)


def close(response, expected, image, kernel):
    assert response.shape == expected.shape
    assert np.abs(response - expected).max() <= allowed_error(response.dtype, image, kernel)


def rounded(response, expected, dtype, image, kernel):
    """To the nearest of the whole numbers that the dtype has, from a sum in float32."""
    limits = np.iinfo(dtype)
    assert response.dtype == dtype
    assert response.shape == expected.shape
    error = np.abs(response - np.clip(expected, limits.min, limits.max)).max()
    assert error <= 0.5 + allowed_error(np.float32, image, kernel)


def same(image, kernel):
    """The sum in float64, of the image's size, with its border mirrored."""
    return ndimage.correlate(np.asarray(image, float), np.asarray(kernel, float))


def smoothed_stack(names):
    return np.stack([same(image, names.blur) for image in names.stack])


@pytest.mark.parametrize("title", TASKS)
def test_task_runs_by_itself_and_gives_what_it_should(title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = TASKS[title]
    (block,) = pages.blocks(task.text)
    for library in re.findall(r"^>>> (?:import|from) (\w+)", block.code, re.MULTILINE):
        if library in pages.OPTIONAL:
            pytest.importorskip(library)
    names = {}
    exec(SETUP.code, names)
    test = doctest.DocTestParser().get_doctest(block.code, names, title, pages.TASKS, task.line + block.line - 1)
    assert any(example.want for example in test.examples) or "flush" in block.code
    pages.run_doctest(test)
    held[title](SimpleNamespace(**test.globs))


@pytest.mark.parametrize("title", TASKS)
def test_task_is_short_and_fits_the_page(title):
    (block,) = pages.blocks(TASKS[title].text)
    code = re.findall(r"^(?:>>>|\.\.\.) .*", block.code, re.MULTILINE)
    assert len(code) <= MOST_LINES
    assert max(map(len, code)) <= MOST_COLUMNS  # what the site shows of a line


def test_no_code_of_the_page_is_left_out():
    run = [SETUP.code, *(block.code for task in TASKS.values() for block in pages.blocks(task.text))]
    assert [block.code for block in pages.blocks(TEXT)] == run
    assert list(held) == list(TASKS)
    assert len(TASKS) >= FEWEST_TASKS


def is_there(code):
    """Whether the package has a function or a module, or its calls take a keyword with this value."""
    if code.startswith("xcorr."):
        return hasattr(xcorr, code.removeprefix("xcorr.")) or importlib.util.find_spec(code) is not None
    for n_axes in (2, 3, 4, 5):
        ones = np.ones((1,) * n_axes)
        try:
            eval(f"xcorr.correlate(ones, ones, {code})", {"xcorr": xcorr, "ones": ones})
        except (TypeError, ValueError):
            continue
        return True
    return False


def test_what_comes_later_is_not_there_yet():
    """What has come changes its task."""
    assert is_there("xcorr.correlate")
    assert is_there('padding="same"')
    promised = [pages.codes(sentence) for sentence in LATER.findall(TEXT)]
    assert all(promised)
    assert [code for codes in promised for code in codes if is_there(code)] == []


@pytest.mark.parametrize("row", pages.rows(TEXT), ids=lambda row: str(row.line))
def test_shapes_go_in_and_come_out_as_the_table_says(row):
    _, images, kernels, keywords, response = row.cells
    sizes = SIZES | {"rows": SIZES["H"] - SIZES["kh"] + 1, "columns": SIZES["W"] - SIZES["kw"] + 1}
    words = eval(f"dict({keywords.strip('`')})", dict(sizes))
    ones = [np.ones(eval(shape, dict(sizes)), np.uint8) for shape in (images, kernels)]
    assert xcorr.correlate(*ones, **words).shape == eval(response, dict(sizes))
    same_size = eval(response, sizes | {"rows": SIZES["H"], "columns": SIZES["W"]})
    assert xcorr.correlate(*ones, **words, padding="same").shape == same_size


# --- what each task is held against -----------------------------------------------------------------------------------


@holds("Find the edges of a colour photograph")
def check_edges(names):
    colours = np.moveaxis(names.photo.astype(float), 2, 0)
    slopes = [ndimage.sobel(colour, axis) for colour in colours for axis in (1, 0)]
    close(names.edges, np.sqrt(np.sum(np.square(slopes), axis=0)), names.photo, np.ones((3, 3)))


@holds("Blur a 16-bit stack and keep its type")
def check_blur(names):
    rounded(names.smooth, smoothed_stack(names), np.uint16, names.stack[0], names.blur)


@holds("Sharpen a photograph")
def check_sharpen(names):
    photo = names.photo.astype(float)
    expected = photo + 0.8 * (photo - ndimage.correlate(photo, names.blur[..., None].astype(float)))
    assert expected.min() < 0
    assert expected.max() > 255
    rounded(names.sharp, expected, np.uint8, photo[..., 0], names.sharpen)


@holds("Give each colour its own kernel")
def check_own_kernels(names):
    for colour, sigma in enumerate((1, 2, 4)):
        expected = ndimage.gaussian_filter(names.photo[..., colour].astype(float), sigma, radius=16)
        close(names.soft[..., colour], expected, names.photo, np.ones((33, 33)) / 33**2)


@holds("Blur with a very large Gaussian")
def check_large_gaussian(names):
    expected = ndimage.gaussian_filter(names.grey.astype(float), 30)
    close(names.wide, expected, names.grey, 2 * names.taps[None])  # two passes


@holds("Leave out bad pixels")
def check_bad_pixels(names):
    """Nothing is negative, so that two sums and a quotient bound the error as a share of each result."""
    planes = np.nan_to_num(names.holes).astype(float), np.isfinite(names.holes).astype(float)
    windows = [np.lib.stride_tricks.sliding_window_view(np.pad(plane, 6), names.blur.shape) for plane in planes]
    total, share = (np.tensordot(window, names.blur.astype(float), 2) for window in windows)
    expected = np.divide(total, share, out=np.full_like(total, np.nan), where=share > 0)
    unit = np.finfo(names.mended.dtype).eps / 2
    np.testing.assert_allclose(names.mended, expected, rtol=unit * (2 * (4 + 2 * np.sqrt(names.blur.size)) + 1), atol=0)
    assert share[share > 0].min() < 0.001


@holds("Choose a border")
def check_borders(names):
    for boundary in ("constant", "edge", "symmetric", "reflect", "wrap"):
        line = np.pad([1, 2, 3, 4], 3, boundary)
        assert f"[{' '.join(map(str, line))}] {boundary}\n" in TASKS["Choose a border"].text


@holds("Smooth a map that goes around the globe")
def check_globe(names):
    padded = np.pad(np.pad(names.world.astype(float), ((6, 6), (0, 0)), "edge"), ((0, 0), (6, 6)), "wrap")
    expected = signal.correlate2d(padded, names.blur.astype(float), "valid")
    close(names.smooth, expected, names.world, names.blur)


@holds("Pad each colour with its own value")
def check_fill_values(names):
    for channel, value in enumerate(names.corner):
        plane = names.photo[..., channel].astype(float)
        expected = ndimage.correlate(plane, names.blur.astype(float), mode="constant", cval=float(value))
        rounded(names.soft[..., channel], expected, np.uint8, plane, names.blur)


@holds("Find the best three places of a template")
def check_template(names):
    windows = np.lib.stride_tricks.sliding_window_view(names.scene.astype(float), names.template.shape)
    windows = windows - windows.mean(axis=(2, 3), keepdims=True)
    template = names.template.astype(float) - names.template.mean(dtype=float)
    norms = np.linalg.norm(windows, axis=(2, 3)) * np.linalg.norm(template)
    assert np.abs(names.score - np.tensordot(windows, template, 2) / norms).max() < 1e-5
    assert np.all(names.peaks["score"] > 0.999)
    assert np.array_equal(names.peaks["score"], names.score[names.peaks["row"], names.peaks["column"]])


@holds("Find an object that is partly hidden")
def check_hidden(names):
    window = np.pad(names.view, ((0, 0), (20, 0)), constant_values=np.nan)[60:100, :60].astype(float)
    seen = np.isfinite(window)
    parts = [one[seen] - one[seen].mean() for one in (window, names.part.astype(float))]
    expected = parts[0] @ parts[1] / np.linalg.norm(parts[0]) / np.linalg.norm(parts[1])
    assert abs(names.score.max() - expected) < 1e-5


@holds("Find spots to a fraction of a pixel")
def check_spots(names):
    response = names.response
    maxima = (response == ndimage.maximum_filter(response, 9)) & (response >= 0.3)
    assert sorted(zip(names.peaks["row"], names.peaks["column"])) == list(zip(*np.nonzero(maxima)))
    apart = names.places[:, None] - np.array(names.spots)
    assert len(names.places) == len(names.spots)
    assert np.abs(apart).min(axis=0).max() < 0.1


@holds("Find the shift between two pictures")
def check_shift(names):
    down, right = shift = names.found.shift.astype(int)
    moved = np.roll(names.moving, shift, (0, 1))
    assert np.array_equal(moved[:down, right:], names.reference[:down, right:])


@holds("Compute a part of a response")
def check_part(names):
    whole = same(names.grey, names.kernel)
    assert np.abs(names.part - whole[names.some]).max() <= allowed_error(np.float32, names.grey, names.kernel).max()


@holds("Take the best of 1000 kernels at each place")
def check_best_kernel(names):
    windows = np.lib.stride_tricks.sliding_window_view(names.image, (7, 7)).reshape(58, 58, 49)
    responses = windows.astype(float) @ names.bank.reshape(1000, 49).T.astype(float)
    assert np.array_equal(names.which, responses.argmax(axis=-1))
    close(names.best, responses.max(axis=-1), names.image, np.abs(names.bank).max(axis=0))


@holds("Describe a picture by what a bank finds in it")
def check_described(names):
    planes = np.moveaxis(xcorr.correlate(names.grey, names.bank), -1, 0).reshape(500, -1)
    assert np.array_equal(names.largest, planes.max(axis=1))
    assert np.array_equal(names.share, np.mean(planes > 0, axis=1))
    assert np.array_equal(names.places, np.stack(np.unravel_index(planes.argmax(axis=1), (248, 248)), axis=1))
    np.testing.assert_allclose(names.energy, (planes.astype(float) ** 2).sum(axis=1), rtol=1e-6)


@holds("Get the mean and the standard deviation around each pixel")
def check_local_statistics(names):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(names.grey.astype(float), 4, "symmetric"), (9, 9))
    close(names.mean, windows.mean(axis=(2, 3)), names.grey, names.box)
    close(names.deviation**2, windows.var(axis=(2, 3)), names.grey.astype(float) ** 2, names.box)


@holds("Count neighbours")
def check_neighbours(names):
    around = [np.roll(names.begin, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    first = xcorr.correlate(names.begin, [[1, 1, 1], [1, 0, 1], [1, 1, 1]], padding="same", boundary="wrap")
    assert np.array_equal(first, np.sum(around, axis=0) - names.begin)
    assert names.begin.sum() == 5


@holds("Pool, or cut into patches")
def check_pool(names):
    assert np.array_equal(names.small, names.photo.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3)))
    windows = np.lib.stride_tricks.sliding_window_view(names.grey, (16, 16))[::8, ::8]
    assert np.array_equal(names.patches, windows.reshape(-1, 16, 16))


@holds("Change patches, and put the picture together again")
def check_patches(names):
    padded = np.pad(names.grey / 255, 4, "reflect")
    height, width = names.grey.shape
    pixels = np.pad(np.arange(height * width).reshape(height, width), 4, "reflect")
    sums, times = np.zeros(height * width), np.zeros(height * width)
    for y in range(0, padded.shape[0] - 7, 4):
        for x in range(0, padded.shape[1] - 7, 4):
            patch, own = padded[y : y + 8, x : x + 8], pixels[y : y + 8, x : x + 8]
            np.add.at(sums, own, patch - patch.mean())
            np.add.at(times, own, 1)
    np.testing.assert_allclose(names.detail, (sums / times).reshape(height, width), atol=1e-6)


@holds("Correlate a signal with five kernels")
def check_signal(names):
    for index, kernel in enumerate(names.kernels):
        expected = np.correlate(names.signal, kernel)
        close(names.response[:, index], expected, names.signal, kernel)


@holds("Filter a long signal")
def check_long_signal(names):
    expected = signal.correlate(names.signal, names.taps, "valid")
    close(names.response, expected, names.signal, names.taps)


@holds("Correlate a volume with a kernel of three axes")
def check_volume(names):
    expected = ndimage.correlate(names.volume, names.kernel, mode="constant")
    close(names.response, expected, names.volume, names.kernel)


@holds("Correlate image i with kernel i")
def check_pairs(names):
    for response, image, kernel in zip(names.response, names.images, names.kernels, strict=True):
        close(response, same(image, kernel)[12:-12, 12:-12], image, kernel)
    images, kernels = names.rng.integers(-9, 10, (5, 2, 9, 8)), names.rng.integers(-9, 10, (5, 2, 3, 4))
    folded = xcorr.correlate(images.reshape(10, 9, 8), kernels, layout="NCHW", groups=5)  # with channels
    expected = [signal.correlate(image, kernel, "valid")[0] for image, kernel in zip(images, kernels)]
    assert np.array_equal(folded, expected)


@holds("Compute a layer of a network")
def check_layer(names):
    padded = np.pad(names.x.astype(float), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))[:, :, ::2, ::2]
    expected = np.einsum("ncyxij,kcij->nkyx", windows, names.kernels.astype(float))
    expected = np.maximum(expected + names.bias[:, None, None], 0)
    close(names.y, expected, names.x, np.abs(names.kernels).max(axis=0))


@holds("Get the gradients of images and kernels")
def check_gradients(names):
    """The sum is linear in each tap and in each pixel, so a difference of 1 is the gradient, exactly."""
    whole = (names.gradient * names.response).sum()
    for got, which in ((names.of_kernels, "kernels"), (names.of_images, "images")):
        operands = {"images": names.images, "kernels": names.kernels}
        differences = np.empty_like(operands[which])
        for place in np.ndindex(differences.shape):
            changed = operands[which].copy()
            changed[place] += 1
            response = xcorr.correlate(**operands | {which: changed}, **names.how)
            differences[place] = (names.gradient * response).sum() - whole
        assert np.array_equal(got, differences)


@holds("Train a layer")
def check_training(names):
    """The kernels are found."""
    assert np.abs(names.kernels - xcorr.banks.sobel()).max() < 1e-3


@holds("Enlarge with a transposed correlation")
def check_transposed(names):
    expected = np.zeros((10, 3, 18, 18))
    for y, x in np.ndindex(8, 8):
        spread = np.einsum("nk,kcij->ncij", names.small[:, :, y, x].astype(float), names.kernels.astype(float))
        expected[:, :, 2 * y : 2 * y + 4, 2 * x : 2 * x + 4] += spread
    close(names.large, expected[:, :, 1:-1, 1:-1], names.small, np.abs(names.kernels).max(axis=1))


@holds("Use torch's tensors")
def check_tensors(names):
    conv2d = names.torch.nn.functional.conv2d(names.x, names.weight)
    assert names.torch.equal(names.y, conv2d)  # of ones: exact
    response = xcorr.correlate(names.x, names.weight, layout="NCHW")
    assert np.shares_memory(names.torch.from_numpy(response).numpy(), response)
    assert np.shares_memory(np.asarray(names.x), names.x.numpy())


@holds("Work through 20 GB in a file")
def check_file(names):
    written = np.load("smooth.npy")
    close(written, smoothed_stack(names), names.stack[0], names.blur)
    assert np.array_equal(written, names.corr(names.stack))


@holds("Work on dask's arrays")
def check_dask(names):
    assert names.smooth.dtype == np.float32
    assert names.smooth.chunks[0] == (1, 1, 1)
    close(names.smooth.compute(), smoothed_stack(names), names.stack[0], names.blur)


@holds("See what will be done")
def check_explained(names):
    assert "method" in xcorr.Correlator(names.blur, layout="NHW").explain(names.stack.shape)


@holds("Get the same bits, and bound threads and memory")
def check_bits(names):
    close(names.out, ndimage.correlate(names.stack.astype(float), names.blur[None].astype(float), mode="constant"),
          names.stack[0], names.blur)  # fmt: skip
    assert xcorr.info()["workspace_limit"] == 256 * 2**20
    assert "workers" in inspect.signature(xcorr.correlate).parameters

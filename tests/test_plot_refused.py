"""Operands of figures: that they stay as they are, and what is refused."""

import base64
import json
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from figures import BANK, DIGITS, digit_responses, facet_titles, title

from xcorr import plot

pytest.importorskip("plotly")


def test_operands_are_untouched_and_not_shared():
    images, responses = digit_responses()
    bank, windows = BANK.copy(), images[0].copy()
    kept = [array.copy() for array in (images, responses, bank, windows)]
    figures = [
        plot.responses(images, responses, layout="NHW"),
        plot.bank(bank, layout="NHW"),
        plot.windows(windows, (3, 3)),
        plot.compare(responses, responses),
    ]
    for array, copy in zip((images, responses, bank, windows), kept):
        np.testing.assert_array_equal(array, copy)
    before = [figure.to_json() for figure in figures]
    for array in (images, responses, bank, windows):
        array[...] = 7
    assert [figure.to_json() for figure in figures] == before


def test_read_only_strided_and_foreign_operands_are_drawn():
    images = DIGITS.astype(">f4")[:, ::-1, ::2]
    images.flags.writeable = False
    figure = plot.responses(images, images[..., None].tolist())
    np.testing.assert_array_equal(figure.data[0].z, images[0])


def test_names_are_text_and_nothing_else():
    figure = plot.bank(np.ones((2, 2, 2)), layout="NHW", names=["<b>x</b>", "a & b"], title="<i>t</i>")
    assert facet_titles(figure) == ["&lt;b&gt;x&lt;/b&gt;", "a &amp; b"]
    assert title(figure) == "&lt;i&gt;t&lt;/i&gt;"
    assert figure.data[0].name == "&lt;b&gt;x&lt;/b&gt;"
    compared = plot.compare(np.ones((2, 2)), np.ones((2, 2)), names=["<u>", "b"])
    assert "<u>" not in json.dumps(json.loads(compared.to_json()), ensure_ascii=False)


TITLED = [
    partial(plot.bank, np.eye(3)),
    partial(plot.responses, np.eye(3), np.eye(2)),
    partial(plot.windows, np.eye(3), (2, 2)),
    partial(plot.compare, np.eye(3), np.eye(3)),
]


def test_title_stands_in_place_of_the_one_made_up():
    titles = [title(call(title="mine")) for call in TITLED]
    assert titles == ["mine", "mine", "mine", "mine: equal"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plot.bank(np.eye(3), normalize=1), TypeError, "normalize: got 1; allowed is True or False"),
        (lambda: plot.bank(np.ones(3)), ValueError, r"layout: kernels of shape \(3,\).*2 to 4 axes"),
        (lambda: plot.bank(np.ones((2, 3, 3)), layout="HWC"), ValueError, "layout: got 'HWC'; allowed are"),
        (lambda: plot.bank(np.ones((0, 3, 3)), layout="NHW"), ValueError, r"kernels: got shape \(0, 3, 3\)"),
        (lambda: plot.bank(np.ones((3, 3)) * 1j), TypeError, r"kernels: got dtype complex128.*\.real, \.imag or abs"),
        (lambda: plot.bank("kernel"), TypeError, "kernels: got str"),
        (lambda: plot.bank(np.eye(3), names="a"), TypeError, "names: got 'a'; allowed is a sequence of 1 str"),
        (lambda: plot.bank(np.eye(3), names=[1]), TypeError, r"names: got \[1\]"),
        (lambda: plot.bank(np.eye(3), names=["a", "b"]), ValueError, "names: .*allowed is a sequence of 1 str"),
        *((lambda call=call: call(title=5), TypeError, "title: got 5; allowed is a str") for call in TITLED),
        (lambda: plot.bank(np.eye(3), max_facets=0), ValueError, "max_facets: got 0; allowed is an integer >= 1"),
        (lambda: plot.bank(np.eye(3), max_facets=2.5), TypeError, "max_facets: got 2.5"),
        (lambda: plot.bank(np.eye(3), width=100), ValueError, "width: got 100; allowed is an integer >= 200"),
        (lambda: plot.responses(np.eye(3), np.ones(3)), ValueError, r"responses: shape \(3,\) does not go with"),
        (lambda: plot.responses(np.ones((2, 3, 3)), np.ones((3, 2, 2, 1))), ValueError, "is not for the 2 images"),
        (lambda: plot.responses(np.ones(3), np.ones(3)), ValueError, r"images: shape \(3,\) has 1 axes"),
        (lambda: plot.responses(np.eye(3), np.eye(3), layout="NHWC"), ValueError, r"images: shape \(3, 3\) has 2 axes"),
        (lambda: plot.windows(np.ones((2, 3, 3)), (2, 2)), ValueError, r"layout: images of shape \(2, 3, 3\)"),
        (lambda: plot.windows(np.eye(3), (4, 4)), ValueError, r"kernel_shape: .*\(4, 4\) is larger than"),
        (lambda: plot.windows(np.eye(3), 3), TypeError, "kernel_shape: got 3"),
        (lambda: plot.windows(np.eye(3), (2, 2), index=1), IndexError, "index: got 1; allowed is one below 1"),
        (lambda: plot.windows(np.eye(3), (2, 2), stride=0), ValueError, "stride: got 0"),
        (lambda: plot.compare(np.eye(3), np.eye(4)), ValueError, r"b: got shape \(4, 4\); allowed is that of a, \(3"),
        (lambda: plot.compare(np.ones((2, 3, 3)), np.ones((2, 3, 3))), ValueError, "axes: got None .*NHW, HWK, KHW"),
        (lambda: plot.compare(np.eye(3), np.eye(3), axes="NHW"), ValueError, "axes: got 'NHW' .*; allowed are HW"),
        (lambda: plot.compare(np.eye(3), np.eye(3), axes=2), TypeError, "axes: got 2"),
        (lambda: plot.compare(np.ones(3), np.ones(3)), ValueError, r"a: shape \(3,\) has 1 axes"),
        (lambda: plot.compare(np.eye(3), np.eye(3), names=["a"]), ValueError, "allowed is a sequence of 2 str"),
    ],
)  # fmt: skip
def test_errors_name_the_argument_the_value_and_what_is_allowed(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("call", ["bank(eye)", "responses(eye, eye)", "windows(eye, (2, 2))", "compare(eye, eye)"])
def test_without_plotly_the_module_imports_and_a_call_names_the_extra(call, tmp_path):
    code = (
        "import sys; sys.modules['plotly'] = None\n"
        "import numpy, xcorr.plot\neye = numpy.eye(3)\n"
        f"try: xcorr.plot.{call}\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == 'xcorr.plot needs plotly: pip install "xcorr[plot]"\n', done.stderr


def test_part_of_plotly_that_is_missing_is_told_in_the_same_way(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(ModuleNotFoundError, match=r'xcorr\.plot needs plotly: pip install "xcorr\[plot\]"'):
        plot.bank(np.eye(3))


def test_importing_the_module_does_not_import_plotly(tmp_path):
    code = "import sys, xcorr.plot; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=60, check=False).returncode == 0


def test_arrays_are_sent_as_bytes_of_their_dtype():
    """Text would take several times as much."""
    figure = json.loads(plot.responses(DIGITS[0], BANK[0]).to_json())
    image, response = (trace["z"] for trace in figure["data"])
    assert (image["dtype"], response["dtype"]) == ("u1", "f4")
    assert len(base64.b64decode(image["bdata"])) == 28 * 28
    assert re.fullmatch(r"28, ?28", image["shape"])

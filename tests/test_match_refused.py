"""What `match` and `Matcher` refuse, by name, before anything is written."""

import numpy as np
import pytest
from looping import for_each

import xcorr

IMAGE, TEMPLATE = np.zeros((9, 9)), np.eye(3)
REFUSED = {
    "a word that is no score": ({"score": "sad"}, ValueError, "score: got 'sad'"),
    "a score that is no word": ({"score": 3}, TypeError, "score: got 3"),
    "an overlap above 1": ({"min_overlap": 1.5}, ValueError, "min_overlap: got 1.5"),
    "an overlap that is NaN": ({"min_overlap": np.nan}, ValueError, "min_overlap: got nan"),
    "an overlap that is a word": ({"min_overlap": "half"}, TypeError, "min_overlap: got 'half'"),
    "undefined is no number": ({"undefined": "nan"}, TypeError, "undefined: got 'nan'"),
    "undefined is complex": ({"undefined": 1j}, TypeError, "undefined: got 1j"),
    "a mask of another shape": ({"mask": np.ones((9, 8))}, ValueError, r"mask: got shape \(9, 8\)"),
    "a mask of another word": ({"mask": "isfinite"}, ValueError, "mask: got 'isfinite'"),
    "shares above 1": ({"mask": np.full((9, 9), 2.0)}, ValueError, "mask: a share is below 0, above 1 or NaN"),
    "shares below 0": ({"template_mask": np.full((3, 3), -0.1)}, ValueError, "template_mask: a share is below 0"),
    "shares that are NaN": ({"mask": np.full((9, 9), np.nan)}, ValueError, "mask: a share is below 0, above 1 or NaN"),
    "complex shares": ({"mask": np.ones((9, 9), complex)}, TypeError, "mask: got dtype complex128"),
    "a template mask that is a word": ({"template_mask": "finite"}, ValueError, "template_mask: got 'finite'"),
    "a template mask of another shape": ({"template_mask": np.ones(3)}, ValueError, r"template_mask: got shape \(3,\)"),
    "an integer type for shares": ({"dtype": np.int32}, TypeError, "dtype: got int32 for a score of float64"),
    "a complex type": ({"dtype": complex}, TypeError, "dtype: got complex128 for a score of float64"),
    "a fill value that is none": ({"fill_value": "0", "padding": 1}, TypeError, "fill_value: got '0'"),
    "a fill value beside another boundary": (
        {"fill_value": 1, "padding": 1, "boundary": "edge"},
        ValueError,
        "fill_value: got 1 with boundary 'edge'",
    ),
    "no such method": ({"method": "fast"}, ValueError, "method: got 'fast'"),
    "a method that cannot": ({"method": "winograd", "stride": 2}, ValueError, "method: "),
    "pairs of one image": ({"pairwise": True}, ValueError, "templates: "),
    "out of another type": ({"out": np.zeros((7, 7), np.float32)}, TypeError, "out: got dtype float32"),
    "out of another shape": ({"out": np.zeros((7, 6))}, ValueError, r"out: got shape \(7, 6\)"),
    "no workers": ({"workers": 0}, ValueError, "workers: got 0"),
}


@for_each(("keywords", "error", "message"), REFUSED.values(), list(REFUSED))
def test_a_call_is_refused_by_name(keywords, error, message):
    with pytest.raises(error, match=message):
        xcorr.match(IMAGE, TEMPLATE, **keywords)
    of_call = {name: keywords[name] for name in ("mask", "out", "workers") if name in keywords}
    rest = {name: value for name, value in keywords.items() if name not in of_call}
    with pytest.raises(error, match=message):
        xcorr.Matcher(TEMPLATE, **rest)(IMAGE, **of_call)


def test_operands_are_refused_by_name():
    with pytest.raises(TypeError, match="images: got dtype complex128"):
        xcorr.match(IMAGE.astype(complex), TEMPLATE)
    with pytest.raises(TypeError, match="templates: got dtype complex64"):
        xcorr.match(IMAGE, TEMPLATE.astype(np.complex64))
    with pytest.raises(ValueError, match="templates: spatial size"):
        xcorr.match(IMAGE, np.zeros((10, 3)))
    with pytest.raises(ValueError, match="layout: images of shape"):
        xcorr.match(np.zeros((3, 9, 9)), TEMPLATE)
    with pytest.raises(ValueError, match="templates: "):
        xcorr.match(np.zeros((1, 9, 9, 3)), np.zeros((2, 3, 3, 4)))
    with pytest.raises(TypeError, match="unexpected keyword argument 'bias'"):
        xcorr.match(IMAGE, TEMPLATE, bias=0)


def test_a_refused_call_leaves_out_untouched():
    out = np.full((7, 7), 5.0)
    with pytest.raises(ValueError, match="mask"):
        xcorr.match(IMAGE, TEMPLATE, mask=np.ones(3), out=out)
    assert (out == 5).all()


def test_a_mask_that_repeats_its_shares_is_refused_at_once():
    mask = np.broadcast_to(np.float16(1), (2**40, 1))
    for keywords in ({"mask": mask}, {"template_mask": mask}):
        with pytest.raises(ValueError, match=r"mask: got shape \(1099511627776, 1\)"):
            xcorr.match(IMAGE, TEMPLATE, **keywords)
    with pytest.raises(ValueError, match="mask: a share is below 0"):
        xcorr.match(IMAGE, TEMPLATE, mask=np.broadcast_to(np.linspace(0, 1.1, 9), (9, 9)))

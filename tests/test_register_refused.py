"""What `register` refuses, by name, before anything is computed."""

import numpy as np
import pytest
from looping import for_each

import xcorr

IMAGE = np.arange(63.0).reshape(9, 7) ** 2
REFUSED = {
    "a word that is no score": ({"score": "zncc2"}, ValueError, "score: got 'zncc2'"),
    "a score that is no word": ({"score": 3}, TypeError, "score: got 3"),
    "no layout": ({"layout": "HWN"}, ValueError, "layout: got 'HWN'"),
    "a layout of other axes": ({"layout": "NDHW"}, ValueError, r"references: shape \(9, 7\) has 2 axes"),
    "an overlap above 1": ({"min_overlap": 1.5}, ValueError, "min_overlap: got 1.5"),
    "an overlap that is NaN": ({"min_overlap": np.nan}, ValueError, "min_overlap: got nan"),
    "an overlap that is a word": ({"min_overlap": "half"}, TypeError, "min_overlap: got 'half'"),
    "a shift below 0": ({"max_shift": -1}, ValueError, "max_shift: got -1"),
    "a shift that is NaN": ({"max_shift": np.nan}, ValueError, "max_shift: got nan"),
    "a shift that is a word": ({"max_shift": "all"}, TypeError, "max_shift: got 'all'"),
    "three shifts": ({"max_shift": (1, 2, 3)}, ValueError, r"max_shift: got \(1, 2, 3\)"),
    "another fit": ({"subpixel": "centroid"}, ValueError, "subpixel: got 'centroid'"),
    "no parts of a pixel": ({"subpixel": 0}, ValueError, "subpixel: got 0"),
    "half a part of a pixel": ({"subpixel": 0.5}, TypeError, "subpixel: got 0.5"),
    "True as a fraction": ({"subpixel": True}, TypeError, "subpixel: got True"),
    "another taper": ({"taper": "kaiser"}, ValueError, "taper: got 'kaiser'"),
    "more than all of an axis": ({"taper": 1.1}, ValueError, "taper: got 1.1"),
    "a mask with phase": ({"mask": np.ones((9, 7))}, ValueError, "mask: got one with score 'phase'"),
    "a moving mask with phase": ({"moving_mask": "finite"}, ValueError, "moving_mask: got one with score 'phase'"),
    "a mask of another shape": ({"score": "zncc", "mask": np.ones((9, 8))}, ValueError, r"mask: got shape \(9, 8\)"),
    "another word": ({"score": "zncc", "moving_mask": "all"}, ValueError, "moving_mask: got 'all'"),
    "shares above 1": ({"score": "zncc", "mask": np.full((9, 7), 2.0)}, ValueError, "mask: a share is below 0"),
    "complex shares": ({"score": "zncc", "mask": np.ones((9, 7), "c8")}, TypeError, "mask: got dtype complex64"),
    "a step without a window": ({"step": 3}, ValueError, "step: got 3 without window"),
    "a search without a window": ({"search": 3}, ValueError, "search: got 3 without window"),
    "an empty window": ({"window": 0}, ValueError, "window: got 0"),
    "a window of three sides": ({"window": (2, 2, 2)}, ValueError, r"window: got \(2, 2, 2\)"),
    "a window that is no number": ({"window": 2.5}, TypeError, "window: got 2.5"),
    "a window beyond the image": ({"window": (10, 3)}, ValueError, r"window: got \(10, 3\)"),
    "no step": ({"window": 4, "step": 0}, ValueError, "step: got 0"),
    "a search below the window": ({"window": 4, "search": (4, 3)}, ValueError, r"search: got \(4, 3\)"),
    "a search by phase": ({"window": 4, "search": 6}, ValueError, "search: got 6 with score 'phase'"),
    "no workers": ({"workers": 0}, ValueError, "workers: got 0"),
}  # fmt: skip


@for_each(("keywords", "error", "message"), REFUSED.values(), list(REFUSED))
def test_a_call_is_refused_by_name(keywords, error, message):
    with pytest.raises(error, match=message):
        xcorr.register(IMAGE, IMAGE, **keywords)


@for_each(("references", "moving", "words", "error", "message"), [
    (IMAGE.astype("c8"), IMAGE, {}, TypeError, "references: got dtype complex64"),
    (IMAGE, IMAGE.astype("c16"), {}, TypeError, "moving: got dtype complex128"),
    (IMAGE, None, {}, TypeError, "moving: got NoneType"),
    (IMAGE.astype("O"), IMAGE, {}, TypeError, "references: got dtype object"),
    (np.ma.array(IMAGE), IMAGE, {}, TypeError, "references: got a masked array"),
    (IMAGE, IMAGE[:8], {}, ValueError, r"moving: spatial size \(8, 7\) is not the references' \(9, 7\)"),
    (IMAGE, IMAGE[:8], {"score": "correlation"}, ValueError, "allowed are equal sizes, or score='zncc'"),
    (IMAGE, IMAGE[:0], {"score": "zncc"}, ValueError, r"moving: shape \(0, 7\) has height 0"),
    (IMAGE[:, :0], IMAGE, {"score": "zncc"}, ValueError, r"references: shape \(9, 0\) has width 0"),
    (np.ones((3, 9, 7)), np.ones((2, 9, 7)), {"layout": "NHW"}, ValueError, "moving: shape .* has 2 images"),
    (np.ones((9, 7, 3)), np.ones((9, 7, 2)), {"layout": "NHWC"}, ValueError, "moving: shape .* has 2 channels"),
    (np.ones((3, 9, 7)), np.ones((3, 9, 7)), {}, ValueError, "layout: references of shape .* say which"),
    (np.ones(9), np.ones(9), {}, ValueError, "layout: references of shape .* layout='NW'"),
    (np.ones(9), np.ones((3, 4, 5)), {}, ValueError, "moving: shape .* does not go with references"),
    (np.ones(()), IMAGE, {}, ValueError, "references: shape .* has 0 axes"),
])  # fmt: skip
def test_operands_are_refused_by_name(references, moving, words, error, message):
    with pytest.raises(error, match=message):
        xcorr.register(references, moving, **words)


def test_pairs_that_do_not_fit_the_workspace_are_refused_before_they_are_transformed():
    image = np.broadcast_to(np.float64(1), (20000, 20000))
    for score in ("phase", "correlation", "zncc"):
        with pytest.raises(MemoryError, match="moving: .* bytes of spectra and scores"):
            xcorr.register(image, image, score=score)

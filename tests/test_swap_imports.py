"""Programs of docs/swap-one-import.md: each with the peer's import line and with the drop-in's, whose results agree."""

import re

import numpy as np
import pages
import pytest

PAGE = pages.read("docs/swap-one-import.md")
PROGRAMS = {section.title: [block.code for block in pages.blocks(section.text)] for section in pages.sections(PAGE, 2)}
PROGRAMS = {title: blocks for title, blocks in PROGRAMS.items() if blocks}


def results(imports, program):
    """What a program calls `result`, as arrays."""
    names = {}
    exec(imports + program, names)
    found = names["result"]
    return [np.asarray(one) for one in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.parametrize("title", PROGRAMS)
def test_a_program_gives_the_same_with_either_import(title):
    peer, own, program = PROGRAMS[title]
    assert "xcorr" not in peer + program
    pytest.importorskip(re.match(r"(?:from|import) (\w+)", peer)[1])
    with_peer, with_own = results(peer, program), results(own, program)
    assert len(with_own) == len(with_peer)
    for ours, theirs in zip(with_own, with_peer, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        largest = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=largest * (1e-4 if theirs.dtype == np.float32 else 1e-9))


def test_there_are_six_programs():
    assert len(PROGRAMS) == 6

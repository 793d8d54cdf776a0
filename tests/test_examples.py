"""The notebooks as they are kept: run from top to bottom, with every result, and nothing of a machine."""

import json
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
MOST_BYTES = 1_500_000
ABSOLUTE_PATH = re.compile(r"(?<![\w:/.)])/\w[\w.-]*/|\b[A-Z]:\\|\bfile:")
SHOWS = re.compile(r"^(print|check|show|xcorr\.plot\.\w+)\(", re.MULTILINE)
DRAWS = re.compile(r"^(show|xcorr\.plot\.\w+)\(", re.MULTILINE)

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the folder examples is not beside the tests")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def cells(path):
    return json.loads(path.read_text("utf-8"))["cells"]


@pytest.fixture
def code_cells(cells):
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} >= {
        "cross_correlation",
        "digits_network",
        "plate_scan",
        "random_kernels",
        "texture_segmentation",
        "vortex",
    }


def test_notebook_is_of_its_format(path):
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(path, as_version=nbformat.NO_CONVERT))


def test_cells_were_run_in_their_order(code_cells):
    assert [cell["execution_count"] for cell in code_cells] == list(range(1, len(code_cells) + 1))


def test_no_cell_failed_or_warned(code_cells):
    for cell in code_cells:
        for output in cell["outputs"]:
            assert output["output_type"] in ("stream", "display_data", "execute_result"), cell["id"]
            assert output.get("name", "stdout") == "stdout", cell["id"]


def test_what_is_shown_is_kept(code_cells):
    for cell in code_cells:
        source = "".join(cell["source"])
        kinds = {kind for output in cell["outputs"] for kind in output.get("data", {output.get("name"): None})}
        assert kinds <= {"stdout", "text/plain", "image/png"}, cell["id"]
        assert bool(kinds) or not SHOWS.search(source), cell["id"]
        assert ("image/png" in kinds) == bool(DRAWS.search(source)), cell["id"]


def test_nothing_of_the_machine_is_kept(path, cells):
    notebook = json.loads(path.read_text("utf-8"))
    assert notebook["metadata"] == METADATA
    for cell in cells:
        assert cell["metadata"] == {}, cell["id"]
        for output in cell.get("outputs", ()):
            assert output.get("metadata", {}) == {}, cell["id"]
            text = "".join(output.get("text", ())) + "".join(output.get("data", {}).get("text/plain", ()))
            assert not ABSOLUTE_PATH.search(text), cell["id"]
        assert not ABSOLUTE_PATH.search("".join(cell["source"])), cell["id"]


def test_cells_have_names(cells):
    # Jupyter gives eight random digits and letters, which change whenever a cell is made anew.
    names = [cell["id"] for cell in cells]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name) for name in names), names


def test_notebook_is_small(path):
    assert path.stat().st_size <= MOST_BYTES

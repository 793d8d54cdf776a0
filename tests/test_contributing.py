"""What CONTRIBUTING.md and the pages name is there: tests, rows of the scoreboard, files."""

import re

import pages
import pytest

TEXT = pages.read("CONTRIBUTING.md")
PROMISES = [row.cells for row in pages.rows(TEXT) if row.header == ("promise", "tests", "row")]
PLACES = re.compile(r"^(?:xcorr|pyx|tests|benchmarks|reliability|docs|examples|\.ci|\.github)/[\w.*/-]+$")


def test_every_promise_has_tests_and_rows_that_exist():
    assert len(PROMISES) > 15
    rows = {
        row
        for path in (pages.ROOT / "reliability").glob("*.py")
        for row in re.findall(r"(?:Row|drawn_row)\(\s*\"([\w-]+)\"", path.read_text())
    }
    for _, tests, named in PROMISES:
        assert all((pages.ROOT / "tests" / f"{test}.py").exists() for test in pages.codes(tests)), tests
        assert set(re.findall(r"R[\w-]+", named)) <= rows, named


def test_every_row_of_the_scoreboard_belongs_to_a_promise():
    measured = re.findall(r"^\| (R[\w-]+) \|", pages.read("docs/reliability.md"), re.MULTILINE)
    assert set(measured) <= {row for cells in PROMISES for row in re.findall(r"R[\w-]+", cells[2])}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", ".ci/README.md", "docs/design.md", "docs/reliability.md"])
def test_files_that_a_page_names_are_there(page):
    """A path from the checkout's folder, or the name of a source wherever it lies; with an asterisk at least one."""
    codes = set(pages.codes(re.sub(r"^```.*?^```$", "", pages.read(page), flags=re.MULTILINE | re.DOTALL)))
    places = {place for code in codes if "<" not in code for place in PLACES.findall(code)}
    assert not [place for place in places if not list(pages.ROOT.glob(place))]
    sources = {code for code in codes if re.fullmatch(r"[\w*]+\.(?:pyx|py|pxi|pxd|h)", code)}
    folders = [pages.ROOT / folder for folder in ("xcorr", "pyx", "tests", "reliability", "benchmarks")]
    found = {name for name in sources if any(list(folder.rglob(name)) for folder in folders)}
    assert not [name for name in sources - found if not (pages.ROOT / name).exists()]


def test_no_comprehension_in_compiled_code_makes_objects():
    """Where a list cannot grow, Cython 3.3 lets go of the object twice; `append` does not."""
    comprehension = re.compile(r"\[[^\[\]\"']*\sfor\s[\w, ]+\sin\s|\((?!\w+ for)[^()\"']*\sfor\s[\w, ]+\sin\s")
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted((pages.ROOT / "pyx").rglob("*.p[yx][xdi]"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if comprehension.search(line.split("#")[0])
    ]
    assert found == []

"""Every example runs: those of the docstrings, of README.md and of the pages in docs/; what pages name is there."""

import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import re
import warnings
from pathlib import Path

import pages
import pytest

import xcorr

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")
RUN = {"python", "pycon"}
NOT_RUN = {"console", "cython", "gas", "text", "{toctree}", "{include}"}
OUTSIDE = ("http://", "https://", "mailto:")


def modules():
    """Every module of the package that can be imported with what is installed here."""
    found = []
    for module in pkgutil.walk_packages(xcorr.__path__, "xcorr."):
        if not module.name.endswith("__main__"):
            try:
                found.append(importlib.import_module(module.name))
            except ModuleNotFoundError as error:
                if error.name not in pages.OPTIONAL:
                    raise
    return [xcorr, *found]


def public_objects():
    """The functions and classes in the `__all__` of every module without underscore but the command's."""
    found = {}
    for module in modules():
        if module is xcorr or re.fullmatch(r"xcorr\.(?!cli$)[a-z]\w*", module.__name__):
            for name in getattr(module, "__all__", ()):
                if callable(value := getattr(module, name)):
                    found.setdefault(value, f"{module.__name__}.{name}")
    return {name: value for value, name in found.items()}


def examples():
    """Every docstring with examples."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {test.name: test for module in modules() for test in finder.find(module) if test.examples}
    return [pytest.param(test, id=name) for name, test in found.items()]


def page_names():
    """README.md and its neighbours, and all pages in docs/; none where only tests/ was copied."""
    found = [*pages.ROOT.glob("*.md"), *(pages.ROOT / "docs").rglob("*.md")]
    return sorted(str(path.relative_to(pages.ROOT)) for path in found)


@pytest.mark.parametrize("test", examples())
def test_example_in_docstring(test):
    pages.run_doctest(test)


@pytest.mark.parametrize("name", public_objects())
def test_public_object_has_an_example(name):
    value = public_objects()[name]
    documented = inspect.getdoc(value) or ""
    is_record = isinstance(value, type) and issubclass(value, tuple)
    assert documented
    if not is_record:  # which is shown where it is made
        assert "\nExamples\n--------\n" in documented
        assert ">>> " in documented


@pytest.mark.parametrize("page", [page for page in page_names() if page != pages.TASKS])
def test_code_on_page(page):
    """Blocks of a page run one after the other, in one namespace; what they print stands on the page."""
    text = pages.read(page)
    names = {"__name__": "__main__"}
    blocks = [block for block in pages.blocks(text) if block.language in RUN]
    for block in blocks:
        if ">>> " in block.code:
            test = doctest.DocTestParser().get_doctest(block.code, names, page, page, block.line)
            pages.run_doctest(test)
            names = test.globs
            continue
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TensorFlow's import warns
                exec(compile(block.code, f"{page}:{block.line}", "exec"), names)
        except ModuleNotFoundError as error:
            if error.name not in pages.OPTIONAL:
                raise
            pytest.skip(f"{error.name} is not there")
        assert printed.getvalue().strip() in text


@pytest.mark.parametrize("page", page_names())
def test_code_on_page_stands_where_it_is_run(page):
    """An indented fence, one without a language or with another one would be read by people only."""
    text = pages.read(page)
    blocks = pages.blocks(text)
    assert {block.language for block in blocks} <= RUN | NOT_RUN
    assert len(re.findall(r"^\s*(?:>\s*)?(?:```|~~~)", text, re.MULTILINE)) == 2 * len(blocks)
    assert text.count(">>> ") == sum(block.code.count(">>> ") for block in blocks if block.language in RUN)


@pytest.mark.parametrize("page", page_names())
def test_links_between_pages_lead_somewhere(page):
    text = pages.read(page)
    folder = (pages.ROOT / page).parent
    for target in LINK.findall(text) + PICTURE.findall(text):
        if not target.startswith(OUTSIDE):
            path, _, anchor = target.partition("#")
            there = folder / path if path else pages.ROOT / page
            assert there.exists(), f"{target}: there is no {there}"
            assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), target


def anchors(text):
    """The headings of a page as they are linked to."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", page_names())
def test_rows_of_tables_are_whole(page):
    pages.rows(pages.read(page))


@pytest.mark.parametrize("page", page_names())
def test_targets_of_make_that_are_named_exist(page):
    targets = re.findall(r"^([a-z-]+):", pages.read("Makefile"), re.MULTILINE)
    code = re.findall(r"`[^`\n]+`|^(?:    |\$ ).*$", pages.read(page), re.MULTILINE)
    named = {name for piece in code for name in TARGET.findall(piece.partition("#")[0])}
    assert named <= set(targets)


def test_every_public_name_is_in_the_reference():
    pages.read("README.md")
    folder = Path(pages.ROOT, "docs", "reference")
    listed = set()
    for path in folder.glob("*.rst"):
        module = "xcorr"
        for directive, name in re.findall(r"^\.\. (\w+):: (\S+)$", path.read_text(), re.MULTILINE):
            if directive == "currentmodule":
                module = name
            elif directive.startswith("auto"):
                listed.add(f"{module}.{name}")
    aliases = {"xcorr.DataFormatError": "xcorr.datasets.DataFormatError"}
    public = {aliases.get(name, name) for name in public_objects()}
    assert public <= listed, public - listed

"""Names of functions and classes keep to the glossary in docs/design.md: one word for each thing."""

import ast
import re
from pathlib import Path

import pages

import xcorr

PACKAGE = Path(xcorr.__file__).parent
WHOLE = ("pairs", "place", "process", "handle")
"""Names that say nothing by themselves."""

OTHER_THINGS = {"begin_frame", "check_frame"}
"""Of a pickle, whose parts are called so."""


def refused_words():
    """The words of the glossary's last column, and their plurals."""
    rows = [row for row in pages.rows(pages.read("docs/design.md")) if row.header == ("word", "means", "in no name")]
    words = {word for row in rows for word in pages.codes(row.cells[2])}
    return words | {f"{word}es" if word.endswith("ch") else f"{word}s" for word in words}


def names_of_python(source):
    """Its functions, methods and classes."""
    kinds = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
    return [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]


def names_of_cython(source):
    """The same, and its structs."""
    kinds = r"^ *(?:cdef +|ctypedef +)?(?:class|struct) +(\w+)|^ *(?:def|cdef)\b[^=\n(]*?\b(\w+)\("
    return [first or second for first, second in re.findall(kinds, source, re.MULTILINE)]


def is_refused(name, words):
    """Whether a name is nothing but a word that says nothing, or has a word of the glossary's last column in it."""
    parts = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)
    return name in WHOLE or bool({part.lower() for part in parts} & words)


def names_of_peers(path):
    """The public names of a drop-in, which are its peer's, and of the files that it has them from."""
    if path.parent.name != "compat":
        return set()
    return {
        constant.value
        for module in path.parent.glob("[a-z]*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]
        for constant in ast.walk(node.value)
        if isinstance(constant, ast.Constant)
    }


def found():
    """Name and file of everything that is called otherwise than the glossary says."""
    words = refused_words()
    for path in sorted(PACKAGE.rglob("*.py")):
        peers = names_of_peers(path)
        for name in names_of_python(path.read_text(encoding="utf-8")):
            if name not in peers and is_refused(name, words):
                yield name, path.name
    for path in sorted((pages.ROOT / "pyx").rglob("*.p[yx][xdi]")):
        for name in names_of_cython(path.read_text(encoding="utf-8")):
            if is_refused(name, words):
                yield name, path.name


def test_names_keep_to_the_glossary():
    assert not [(name, place) for name, place in found() if name not in OTHER_THINGS]


def test_the_glossary_is_read_and_names_are_found():
    words = refused_words()
    assert {"work", "weights", "patches", "refused"} <= words
    assert names_of_python("class Name:\n    def work(self): ...\n") == ["Name", "work"]
    cython = "cdef struct Run:\ncdef class Call:\n    cdef int work_on(self):\ncdef inline void pairs(int n) nogil:\n"
    assert names_of_cython(cython) == ["Run", "Call", "work_on", "pairs"]
    for name in ("work", "work_on", "BankWeights", "untransformed", "pairs", "image_patches"):
        assert is_refused(name, words), name
    for name in ("workers", "workspace_of", "run_pairs", "n_bandwidths", "Call"):
        assert not is_refused(name, words), name

"""Every docstring and help text begins with a noun or a verb, never with a word that only joins others."""

import ast
import re
from pathlib import Path

import pages
import pytest

import xcorr

JOINING = frozenset(
    re.findall(
        r"\w+",
        "about after and as at because before but by for from if in into it its like of on or since so than that their "
        "they those though to until when where while who whose with within without",
    )
)
"""Prepositions, conjunctions and pronouns; "what", "which", "how" and "whether" begin a question that is answered."""

PACKAGE = Path(xcorr.__file__).parent
SOURCES = [*sorted(PACKAGE.rglob("*.py")), *sorted((pages.ROOT / "pyx").rglob("*.p[yx][xdi]"))]
PROMPTS = ("help", "short_help", "epilog", "description")


def texts_of(source):
    """The docstrings and help texts of Python, with the number of their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
        elif isinstance(node, ast.keyword) and node.arg in PROMPTS and isinstance(node.value, ast.Constant):
            yield node.value.lineno, str(node.value.value)


def docstrings_of(source):
    """The same of Cython, which Python cannot parse: strings in three quotation marks that begin a line."""
    for found in re.finditer(r'^ *r?"""(.*?)"""', source, re.MULTILINE | re.DOTALL):
        yield source.count("\n", 0, found.start()) + 1, found[1]


def joins(text):
    """Whether the first word of a text only joins others; C within Cython's strings begins with a number sign."""
    words = re.match(r"\s*([A-Za-z]+)\b", text)
    return bool(words) and words[1].lower() in JOINING


@pytest.mark.parametrize("text", ["Of results.", "\n    That are kept.", "by a worker", "In the padding.", "With rows"])
def test_a_word_that_joins_is_no_beginning(text):
    assert joins(text)
    assert [line for line, found in texts_of(f'def function():\n    """{text}"""\n') if joins(found)] == [2]
    assert [line for line, found in docstrings_of(f'\ncdef f():\n    """{text}"""\n') if joins(found)] == [3]
    assert [line for line, found in texts_of(f"option('--name', help={text!r})") if joins(found)] == [1]


@pytest.mark.parametrize(
    "text", ["Bytes of results.", "Keeps it.", "What is kept.", "`of` the call.", "#if C", "Office"]
)
def test_a_noun_or_a_verb_is_a_beginning(text):
    assert not joins(text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_docstrings_and_help_begin_with_a_noun_or_a_verb(path):
    source = path.read_text(encoding="utf-8")
    texts = texts_of(source) if path.suffix == ".py" else docstrings_of(source)
    assert not [f"{path.name}:{line}: {text.strip():.60}" for line, text in texts if joins(text)]

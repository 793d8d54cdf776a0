"""The package's imports have no circle: whoever reads a file needs only those that it stands upon.

Every import of one Python file by another counts, within functions and for type checkers alone too: a reader follows
each. What `import xcorr.a.b` brings along, the packages `xcorr` and `xcorr.a`, does not: names are only found there.
"""

import ast
from pathlib import Path

import pytest

import xcorr

PACKAGE = Path(xcorr.__file__).parent


def modules():
    """The name and syntax tree of each Python file; the compiled modules' are empty, as they import none of these."""
    for path in (*PACKAGE.glob("*.so"), *PACKAGE.glob("*.pyd")):
        yield f"xcorr.{path.name.partition('.')[0]}", ast.Module([], [])
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree, names):
    """Those of `names` that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module in names:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in names else node.module


def graph_of(trees):
    """Whom each file imports."""
    return {name: sorted(set(imports_of(tree, trees)) - {name}) for name, tree in trees.items()}


def circles_of(graph):
    """The sets of files each of which is reached from each other (Tarjan, SIAM J. Comput. 1, 1972)."""
    order, lowest, path, circles = {}, {}, [], []

    def visit(name):
        order[name] = lowest[name] = len(order)
        path.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
            if other in path:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            start = path.index(name)
            circles.append(frozenset(path[start:]))
            del path[start:]

    for name in graph:
        if name not in order:
            visit(name)
    return {circle for circle in circles if len(circle) > 1}


def test_no_circle_in_the_imports_of_the_package():
    assert not [sorted(circle) for circle in circles_of(graph_of(dict(modules())))]


@pytest.mark.parametrize(
    "back",
    [
        "import xcorr.a",
        "from xcorr import a",
        "from xcorr.a import name",
        "def function():\n    from xcorr.a import name",
        "if TYPE_CHECKING:\n    from xcorr.a import Name",
    ],
)
def test_a_circle_is_found(back):
    texts = {
        "xcorr": "from xcorr import a",
        "xcorr.a": "import xcorr.b",
        "xcorr.b": "from xcorr.c import other",
        "xcorr.c": back,
    }
    graph = graph_of({name: ast.parse(text) for name, text in texts.items()})
    assert circles_of(graph) == {frozenset(("xcorr.a", "xcorr.b", "xcorr.c"))}
    assert not circles_of({**graph, "xcorr.c": []})

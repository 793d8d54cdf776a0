"""Settings of Sphinx. `make docs` builds the site of this folder into build/docs."""

import shutil
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils import nodes

project = "xcorr"
author = "xcorr contributors"
copyright = f"2026, {author}"
version = release = installed_version("xcorr")

HERE = Path(__file__).resolve().parent

# Notebooks are pages too, as they were saved: nothing in them runs here. They lie in docs/ only during a build.
NOTEBOOKS = [Path(shutil.copy2(path, HERE / "examples")) for path in sorted((HERE.parent / "examples").glob("*.ipynb"))]
nb_execution_mode = "off"

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx_copybutton"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nitpicky = True
nitpick_ignore_regex = [  # others' pages are not looked up
    (r"py:.*", r"(numpy|scipy|cv2|skimage|torch|onnx|astropy)\..*")
]

default_role = "autolink"
autodoc_typehints = "none"  # the docstrings say more
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_validation_checks = {"all", "ES01", "SA01", "EX01", "PR04", "PR07", "RT03", "SS05"}  # all but these
numpydoc_validation_exclude = {
    r"\.BANKS$",  # a mapping, whose docstring stands below it
    r"^xcorr\.compat\.",  # the peers' order of parameters, not that of what belongs together
}
maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"xcorr {release}"
html_static_path = ["_static"]
html_css_files = ["xcorr.css"]
html_copy_source = False
html_show_sourcelink = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


SHORT_CODE = 24


def class_tables(app, doctree):
    """Give tables of calls the class `calls`, code that is not to be broken the class `short`; see xcorr.css."""
    for literal in doctree.findall(nodes.literal):
        if literal.astext().startswith("--") and len(literal.astext()) <= SHORT_CODE:
            literal["classes"].append("short")
    for table in doctree.findall(nodes.table):
        for literal in table.findall(nodes.literal):
            if len(literal.astext()) <= SHORT_CODE:
                literal["classes"].append("short")
        head = next(table.findall(nodes.thead), None)
        if head is not None and head.astext().split()[-1:] == ["xcorr"]:
            table["classes"].append("calls")


def remove_notebooks(app, error):
    """The copies have been read."""
    for copy in NOTEBOOKS:
        copy.unlink()


def setup(app):
    """What Sphinx calls with itself."""
    app.connect("build-finished", remove_notebooks)
    app.connect("doctree-read", class_tables)

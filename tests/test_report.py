"""The page that the demonstration writes: its parts, that it asks for nothing, that what it tells is text and true."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")
pytest.importorskip("plotly")

from click.testing import CliRunner
from demonstration import N_FIGURES, few_outcomes
from plotly.offline import get_plotlyjs

from xcorr import cli
from xcorr._cli import demo, report

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Tags with their attributes, the texts, and whether every tag is closed where it should be."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def outcomes():
    return few_outcomes()


@pytest.fixture(scope="module")
def page(outcomes):
    return report.page(outcomes, [], 2)


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


def changed(outcome, response, n_over=1):
    return replace(outcome, response=response, comparison=replace(outcome.comparison, n_over=n_over))


# --- the page ---------------------------------------------------------------------------------------------------------


def test_page_names_no_other_place(page, read):
    for tag, attributes in read.tags:
        for name in ("src", "href", "action", "srcset", "poster", "data"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:")), f"{tag} {name}={address}"
    own = page.replace(get_plotlyjs(), "")
    assert "http:" not in own
    assert "https:" not in own
    assert "@import" not in own
    assert "url(" not in own
    (policy,) = [meta["content"] for meta in read.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_script_of_plotly_is_there_once(page, read):
    assert page.count(get_plotlyjs()) == 1
    assert len(read.all("script")) == 3


def test_page_without_the_script_is_small(page):
    assert len(page) - len(get_plotlyjs()) < 1_500_000


def test_page_says_what_readers_of_screens_need(read):
    assert read.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in read.all("meta")
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels == [1] + [2] * (len(levels) - 1)
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in read.tags:
        assert attributes.get("aria-labelledby", ids[0]) in ids
        assert attributes.get("href", "#" + ids[0]).removeprefix("#") in [*ids, "data:,"]
    figures = [attributes for attributes in read.all("div") if attributes.get("role") == "img"]
    assert len(figures) == len(read.all("figure")) == len(read.all("figcaption")) == N_FIGURES
    heads = [attributes.get("scope") for attributes in read.all("th")]
    assert heads.count("col") == 10
    assert heads.count("row") == 7


def test_page_tells_every_step_with_its_times_and_where_it_ran(read, outcomes):
    text = " ".join(read.words)
    for outcome in outcomes:
        for part in (
            outcome.step.title,
            outcome.operands_text,
            outcome.response_text,
            f"{outcome.seconds * 1e3:.3f}",
            f"{outcome.scipy_seconds * 1e3:.3f}",
            f"{outcome.scipy_seconds / outcome.seconds:.1f}",
        ):
            assert part in text
    assert f"All {sum(outcome.response.size for outcome in outcomes):,} responses are within their bounds." in text
    for name, value in (("workers", 2), ("level", report.info()["level"]), ("NumPy", np.__version__)):
        assert re.search(rf"{name}\s+{value}", text)


def test_figures_hold_the_responses_and_the_differences(outcomes):
    """What is drawn is what was computed."""
    sections = dict(report.sections(outcomes))
    batch = next(outcome for outcome in outcomes if outcome.step.name == "batch_bank")
    figure = sections["Images and responses"][0].figures[-1]
    np.testing.assert_array_equal(figure.data[1].z, batch.response[0, ..., 0])
    np.testing.assert_array_equal(figure.data[0].z, batch.step.images[0])
    difference = sections["Responses beside SciPy's"][0].figures[-1]
    wanted = batch.response[0, ..., 0] - batch.comparison.expected[0]
    np.testing.assert_allclose(difference.data[2].z, wanted, rtol=1e-6)
    times = sections["Time beside SciPy"][0].figures[-1].data
    np.testing.assert_allclose(times[1].x, [outcome.seconds * 1e3 for outcome in outcomes])
    np.testing.assert_allclose(times[2].x, [outcome.scipy_seconds * 1e3 for outcome in outcomes])


@pytest.mark.parametrize(("times", "text"), [(0.5, "0.5"), (3.44, "3.4"), (11.6, "12"), (345.2, "345")])
def test_ratio_of_times_is_told_with_the_digits_that_matter(outcomes, times, text):
    one = replace(outcomes[0], seconds=0.25, scipy_seconds=0.25 * times)
    figure = report.time_figure([one], 440)
    assert figure.data[3].text[0].endswith(f";{text} x")
    assert figure.data[3].x[0] == 250 * max(times, 1)


def test_data_of_a_figure_are_the_same_at_every_width(outcomes):
    """The page keeps those of one width only."""
    for _, pictures in report.sections(outcomes):
        for picture in pictures:
            for figure in picture.figures[1:]:
                for trace, other in zip(figure.data, picture.figures[0].data, strict=True):
                    assert trace.type == other.type
                    assert trace.xaxis == other.xaxis
                    for name in ("z", "x", "source", "customdata"):
                        if name in trace and trace[name] is not None:
                            np.testing.assert_array_equal(np.array(trace[name]), np.array(other[name]))


def test_what_is_told_is_text(outcomes):
    evil = "</script><script>document.title = 'taken'</script><b>, \" & '"
    named = [replace(outcome, step=replace(outcome.step, title=evil)) for outcome in outcomes]
    read = Reader(report.page(named, [evil], None))
    assert len(read.all("script")) == 3
    assert not read.all("b")
    assert evil in read.words


def test_figures_stand_in_the_page_as_json_without_any_markup(page):
    """What would end the script could not stand in it."""
    (text,) = re.findall(r'<script type="application/json" id="figures">([^<]*)</script>', page)
    figures = json.loads(text)
    assert len(figures) == N_FIGURES
    assert "<br>" in json.dumps(figures)
    for figure in figures:
        widths = [layout["width"] for layout in figure["layouts"]]
        assert widths == sorted(set(widths))
        assert widths[0] <= 300


def test_wrong_responses_are_told_and_marked(outcomes):
    wrong = changed(outcomes[4], outcomes[4].response + 1, n_over=7)
    read = Reader(report.page([*outcomes[:4], wrong, *outcomes[5:]], ["7 of 9 are wrong"], None))
    assert "7 of 9 are wrong" in read.words
    assert sum(words.endswith(", not kept") for words in read.words) == 1
    assert [attributes.get("class") for attributes in read.all("tr")].count("bad") == 1
    assert "within their bounds." not in " ".join(read.words)


@pytest.mark.parametrize("cut", [lambda response: response[:-1], lambda response: response[..., :-1]])
def test_response_of_a_wrong_shape_is_left_out(outcomes, cut):
    wrong = changed(outcomes[5], cut(outcomes[5].response))
    read = Reader(report.page([*outcomes[:5], wrong, outcomes[6]], ["the shape"], None))
    assert len(read.all("figure")) == N_FIGURES - 4
    assert "the shape" in read.words


def test_response_that_is_not_finite_is_drawn(outcomes):
    response = outcomes[5].response.copy()
    response[0, 3, 4, 1] = np.nan
    read = Reader(report.page([*outcomes[:5], changed(outcomes[5], response), outcomes[6]], ["NaN"], None))
    assert len(read.all("figure")) == N_FIGURES


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch, outcomes, tmp_path):
    """The command with its steps done before, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    done = iter(outcomes)
    monkeypatch.setattr(demo, "run_step", lambda step, workers, watch: next(done))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli.build_command(), ["demo", *map(str, arguments)], prog_name="xcorr")


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def test_command_writes_the_page_beside_the_responses(quick, page):
    result = run("--workers", 2)
    assert result.exit_code == 0, result.output
    assert names_in(quick) == {"xcorr-demo.npz", "report.html"}
    assert (quick / "report.html").read_text("utf-8") == page
    assert "The pictures are in report.html" in result.output


def test_page_goes_where_it_is_told_or_nowhere(quick):
    assert run("--report", "other.html", "--out", "out.npz").exit_code == 0
    assert names_in(quick) == {"other.html", "out.npz"}


def test_no_page_if_none_is_wanted(quick):
    result = run("--no-report")
    assert result.exit_code == 0
    assert names_in(quick) == {"xcorr-demo.npz"}
    assert "pictures" not in result.output


def test_without_plotly_the_command_works_and_says_how_to_get_the_page(quick, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    result = run()
    assert result.exit_code == 0, result.output
    assert names_in(quick) == {"xcorr-demo.npz"}
    assert 'No report.html with pictures, which needs plotly: pip install "xcorr[plot]"' in result.output.splitlines()
    asked = run("--report", "asked.html")
    assert asked.exit_code == 2
    assert asked.output.splitlines()[-1] == 'Error: --report: the page needs plotly: pip install "xcorr[plot]"'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--report", "absent/report.html"], "--report: the folder absent does not exist"),
        (["--report", "x.html", "--no-report"], "--report and --no-report exclude each other"),
    ],
)
def test_usage_errors_come_before_the_work(quick, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output.splitlines()[-1]
    assert names_in(quick) == set()


def test_page_is_written_whole_or_not_at_all(quick, monkeypatch):
    Path("report.html").write_text("old")

    def full_disk(*arguments):
        raise OSError("no space left")

    genuine = os.replace

    def replace_all_but_pages(part, path):
        (full_disk if path.suffix == ".html" else genuine)(part, path)

    monkeypatch.setattr(os, "replace", replace_all_but_pages)
    result = run()
    assert result.exit_code == 1
    assert "cannot write report.html: no space left" in result.output
    assert Path("report.html").read_text() == "old"
    assert names_in(quick) == {"report.html", "xcorr-demo.npz"}


def test_page_of_wrong_responses_is_written_and_the_command_fails(quick, monkeypatch, outcomes):
    wrong = changed(outcomes[4], outcomes[4].response + 1, n_over=7)
    done = iter([*outcomes[:4], wrong, *outcomes[5:]])
    monkeypatch.setattr(demo, "run_step", lambda step, workers, watch: next(done))
    result = run()
    assert result.exit_code == 1
    assert names_in(quick) == {"report.html"}
    assert "Not all responses are within their bounds" in Path("report.html").read_text("utf-8")


def test_command_does_not_import_plotly_before_it_draws(tmp_path):
    code = "import sys, xcorr.cli, xcorr._cli.demo; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=60, check=False).returncode == 0

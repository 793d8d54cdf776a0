"""The page that the demonstration writes: its parts, that it asks for nothing, that what it tells is text and true."""

import base64
import io
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
pytest.importorskip("PIL")

from click.testing import CliRunner
from demonstration import N_FIGURES, N_PHOTOGRAPHS, OTHERS, PHOTOGRAPH, few_outcomes
from PIL import Image
from plotly.offline import get_plotlyjs

import xcorr
from xcorr import banks, cli, datasets
from xcorr._cli import demo, figures, report
from xcorr._cli.outcome import speed_text, times_text

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
    return page_of(outcomes)


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


def page_of(outcomes, wrong=(), left_out=(), workers=2):
    return report.page(outcomes, PHOTOGRAPH, wrong, left_out, workers)


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
    assert len(page) - len(get_plotlyjs()) < 2_000_000


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
    assert len(figures) == N_FIGURES
    assert len(read.all("figure")) == len(read.all("figcaption")) == N_FIGURES + N_PHOTOGRAPHS
    assert all(attributes["alt"] for attributes in read.all("img"))
    heads = [attributes.get("scope") for attributes in read.all("th")]
    assert heads.count("col") == 8 + 2 * (1 + len(OTHERS))
    assert heads.count("row") == 10


def test_page_begins_with_how_equal_and_how_fast_then_a_photograph_then_digits(read, outcomes):
    times = [one.peer_seconds["SciPy"] / one.seconds for one in outcomes]
    words = [word for word in map(str.strip, read.words) if word]
    title = words.index("xcorr demo", words.index("xcorr demo") + 1)  # the first one is the window's
    least, greatest = times_text(min(times)), times_text(max(times))
    assert words[title + 1] == f"Equal to SciPy's, and {least} to {greatest} times as fast."
    assert "Beside OpenCV: 3.0 times as fast. Beside torch: 0.5 times as fast." in words[title + 2]
    tags = [tag for tag, _ in read.tags]
    assert tags.index("img") < tags.index("table")
    titles = [attributes["id"] for tag, attributes in read.tags if tag == "h2"]
    assert titles == ["a-photograph", "a-template", "digits", "colours", "time", "responses-beside-scipy-s", "windows"]


def pixels_of(address):
    with Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,")))) as file:
        return np.asarray(file)


def test_photographs_are_the_sample_its_edges_and_its_blur(read, outcomes):
    whole, edges, blur, *textures, _, _, _ = [pixels_of(attributes["src"]) for attributes in read.all("img")]
    np.testing.assert_array_equal(whole, PHOTOGRAPH)
    lengths = np.hypot(outcomes[0].response[..., 0], outcomes[0].response[..., 1])
    response = outcomes[1].response
    for drawn, wanted in ((edges, lengths), (blur, response)):
        assert drawn.shape == (*wanted.shape, 3)
        assert (drawn == drawn[..., :1]).all(), "grey"
        white = np.quantile(wanted, 0.995)
        np.testing.assert_allclose(drawn[..., 0] / 255, np.minimum(wanted / white, 1), atol=0.51 / 255)
    assert [one.shape for one in textures] == [(242, 242, 3)] * 4
    signs = np.sign(textures[0][..., 0].astype(int) - textures[0][..., 2])  # red or blue
    strong = np.abs(outcomes[2].response[..., 0]) > 0.05
    np.testing.assert_array_equal(signs[strong], np.sign(outcomes[2].response[..., 0])[strong])


def test_template_is_shown_with_its_scores_and_where_it_is_found(read):
    *_, large, scores, boxes = [pixels_of(attributes["src"]) for attributes in read.all("img")]
    template = PHOTOGRAPH[26:41, 12:27]
    np.testing.assert_array_equal(large[8::16, 8::16], template)
    expected = xcorr.match(PHOTOGRAPH, template, layout="NHWC", padding=7, min_overlap=0.4)
    assert scores.shape == (*expected.shape, 3)
    redder = scores[..., 0].astype(int) - scores[..., 2]
    assert (np.sign(redder) == np.sign(expected))[np.abs(expected) > 0.02].all()
    np.testing.assert_array_equal(boxes[110:-10, 10:-10], PHOTOGRAPH[100:])
    yellow = (boxes == figures.BOX).all(axis=-1)
    for row, column in ((26, 12), (24, -7), (-2, -6)):
        top, left = row + 10, column + 10
        assert yellow[[top - 1, top + 15, top + 3, top + 3], [left + 3, left + 3, left - 1, left + 15]].all()
        assert not yellow[top : top + 12, left : left + 12].any()
    assert not yellow[100:].any()
    assert "xcorr.Peaks takes the best places: 1, 0.984, 0.958." in " ".join(read.words)


def test_photograph_is_the_sample_s_tiles_beside_each_other():
    for number, tile in enumerate(datasets.load_colour_sample().images):
        top, left = 32 * (number // 8), 32 * (number % 8)
        np.testing.assert_array_equal(PHOTOGRAPH[top : top + 32, left : left + 32], tile)


def test_kernels_have_the_names_of_their_banks(read, outcomes):
    text = " ".join(read.words)
    figure = dict(figures.sections(outcomes, PHOTOGRAPH))["Digits"][0].figures[-1]
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert titles == [*banks.names("sobel"), *banks.names("laplacian", neighbours=4), "sharpening"]
    for name in banks.names("gabor", wavelengths=[6], orientations=4):
        assert name in text


def test_libraries_that_are_left_out_are_told(outcomes):
    alone = [replace(one, peer_seconds={"SciPy": one.peer_seconds["SciPy"]}) for one in outcomes]
    read = Reader(page_of(alone, left_out=["OpenCV is left out: it is broken"]))
    assert "OpenCV is left out: it is broken" in read.words
    assert "torch" not in " ".join(read.words)
    assert [attributes.get("scope") for attributes in read.all("th")].count("col") == 10
    (figure,) = dict(figures.sections(alone, PHOTOGRAPH))["Time"]
    assert [trace.name for trace in figure.figures[-1].data if trace.name] == ["SciPy", "xcorr"]


def test_page_tells_every_step_with_its_times_and_where_it_ran(read, outcomes):
    text = " ".join(read.words)
    for outcome in outcomes:
        for part in (
            outcome.step.title,
            outcome.operands_text,
            outcome.response_text,
            f"{outcome.seconds * 1e3:.3f}",
            *(f"{seconds * 1e3:.3f}" for seconds in outcome.peer_seconds.values()),
        ):
            assert part in text
    assert f"All {sum(outcome.response.size for outcome in outcomes):,} responses are within their bounds: " in text
    for name, value in (("workers", 2), ("level", report.info()["level"]), ("NumPy", np.__version__)):
        assert re.search(rf"{name}\s+{value}", text)


def test_figures_hold_the_responses_and_the_differences(outcomes):
    """What is drawn is what was computed."""
    sections = dict(figures.sections(outcomes, PHOTOGRAPH))
    batch = next(outcome for outcome in outcomes if outcome.step.name == "batch_bank")
    figure = sections["Digits"][1].figures[-1]
    np.testing.assert_array_equal(figure.data[1].z, batch.response[0, ..., 0])
    np.testing.assert_array_equal(figure.data[0].z, batch.step.images[0])
    difference = sections["Responses beside SciPy's"][0].figures[-1]
    wanted = batch.response[0, ..., 0] - batch.comparison.expected[0]
    np.testing.assert_allclose(difference.data[2].z, wanted, rtol=1e-6)
    times = {trace.name: trace.x for trace in sections["Time"][0].figures[-1].data}
    np.testing.assert_allclose(times["xcorr"], [outcome.seconds * 1e3 for outcome in outcomes])
    for name in ("SciPy", *OTHERS):
        np.testing.assert_allclose(times[name], [outcome.peer_seconds[name] * 1e3 for outcome in outcomes])


def test_brightness_is_drawn_in_grey_and_edges_from_blue_to_red(outcomes):
    tiles = next(outcome for outcome in outcomes if outcome.step.name == "colour_batch_bank")
    figure = dict(figures.sections(outcomes, PHOTOGRAPH))["Colours"][1].figures[-1]
    heatmaps = [trace for trace in figure.data if trace.type == "heatmap"]
    axes = {trace.name: figure.layout[trace.coloraxis] for trace in heatmaps}
    assert [colour for _, colour in axes["brightness"].colorscale] == ["#000000", "#ffffff"]
    assert axes["edges of red"].cmin == -axes["edges of red"].cmax
    strongest = int(np.argmax(tiles.response[..., 1].std(axis=(1, 2))))
    drawn = {trace.name: trace.z for trace in heatmaps[:2]}
    np.testing.assert_array_equal(drawn["brightness"], tiles.response[strongest, ..., 0])
    np.testing.assert_array_equal(drawn["edges of red"], tiles.response[strongest, ..., 1])


@pytest.mark.parametrize(("times", "text"), [(0.5, "0.5"), (3.44, "3.4"), (9.97, "10"), (11.6, "12"), (345.2, "345")])
def test_ratio_of_times_is_told_with_the_digits_that_matter(outcomes, times, text):
    one = replace(outcomes[0], seconds=0.25, peer_seconds={"SciPy": 0.25 * times})
    figure = figures.time_figure([one], 440)
    assert figure.data[-1].text[0].endswith(f";{text} x")
    assert figure.data[-1].x[0] == 250 * max(times, 1)
    assert speed_text([one, one], "SciPy") == f"{text} times as fast"


def test_data_of_a_figure_are_the_same_at_every_width(outcomes):
    """The page keeps those of one width only."""
    for _, shown in figures.sections(outcomes, PHOTOGRAPH):
        for picture in (one for one in shown if isinstance(one, figures.Picture)):
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
    read = Reader(page_of(named, [evil], [evil]))
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
    wrong = changed(outcomes[5], outcomes[5].response + 1, n_over=7)
    read = Reader(page_of([*outcomes[:5], wrong, *outcomes[6:]], ["7 of 9 are wrong"]))
    assert "7 of 9 are wrong" in read.words
    assert sum(words.endswith(", not kept") for words in read.words) == 1
    assert [attributes.get("class") for attributes in read.all("tr")].count("bad") == 1
    assert "Equal to SciPy's" not in " ".join(read.words)


@pytest.mark.parametrize("cut", [lambda response: response[:-1], lambda response: response[..., :-1]])
def test_response_of_a_wrong_shape_is_left_out(outcomes, cut):
    wrong = changed(outcomes[8], cut(outcomes[8].response))
    read = Reader(page_of([*outcomes[:8], wrong, outcomes[9]], ["the shape"]))
    assert len(read.all("figure")) == N_FIGURES + N_PHOTOGRAPHS - 3
    assert "the shape" in read.words


@pytest.mark.parametrize("place", range(3))
def test_photograph_of_a_wrong_shape_is_left_out(outcomes, place):
    wrong = changed(outcomes[place], outcomes[place].response[:-1])
    read = Reader(page_of([*outcomes[:place], wrong, *outcomes[place + 1 :]], ["the shape"]))
    n_left = {0: 10 - 1, 1: 10 - 1, 2: 10 - 4}[place]  # photograph, edges, blur, four textures, three of a template
    assert len(read.all("img")) == n_left


@pytest.mark.parametrize("place", [0, 1, 2, 8])
def test_response_that_is_not_finite_is_drawn(outcomes, place):
    response = outcomes[place].response.copy()
    response.flat[7:9] = np.nan, np.inf
    read = Reader(page_of([*outcomes[:place], changed(outcomes[place], response), *outcomes[place + 1 :]], ["NaN"]))
    assert len(read.all("figure")) == N_FIGURES + N_PHOTOGRAPHS


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch, outcomes, tmp_path):
    """The command with its steps done before, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "run_steps", lambda *arguments: (outcomes, []))
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

    def full_disk(*arguments, **folders):
        raise OSError("no space left")

    genuine = os.replace

    def replace_all_but_pages(part, path, **folders):
        (full_disk if Path(path).suffix == ".html" else genuine)(part, path, **folders)

    monkeypatch.setattr(os, "replace", replace_all_but_pages)
    result = run()
    assert result.exit_code == 1
    assert "cannot write report.html: no space left" in result.output
    assert Path("report.html").read_text() == "old"
    assert names_in(quick) == {"report.html", "xcorr-demo.npz"}


def test_page_of_wrong_responses_is_written_and_the_command_fails(quick, monkeypatch, outcomes):
    wrong = changed(outcomes[5], outcomes[5].response + 1, n_over=7)
    done = [*outcomes[:5], wrong, *outcomes[6:]]
    monkeypatch.setattr(demo, "run_steps", lambda *arguments: (done, []))
    result = run()
    assert result.exit_code == 1
    assert names_in(quick) == {"report.html"}
    assert "Not all responses are within their bounds" in Path("report.html").read_text("utf-8")


def test_command_does_not_import_plotly_before_it_draws(tmp_path):
    code = "import sys, xcorr.cli, xcorr._cli.demo; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=60, check=False).returncode == 0

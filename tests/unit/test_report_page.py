"""The HTML of a report page: escaped everywhere, complete without scripts, and laid out by the parameters that vary."""

import base64
import hashlib
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from shownreport import HOSTILE, shown_report

from wke.tell.page.arrangement import arrange
from wke.tell.page.figures import SHADED
from wke.tell.page.markup import Html, exact, html, number, plain, shown
from wke.tell.page.page import report_page
from wke.tell.page.scales import Scale, parameter_scale, value_scale
from wke.tell.page.values import Centre, Report, ShownPoint

VOID = {"meta", "input", "br", "link"}
SHOWN = shown_report()
PAGE = report_page(SHOWN)


class Elements(HTMLParser):
    """Collects the elements of a page, and those that are closed in the wrong order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.crossed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)


def points_of(*rows: tuple[str, ...], series: tuple[int, ...] = ()) -> Report:
    """Return a report with points of these values; texts that are numbers are numbers."""
    found = [
        ShownPoint(series[at] if series else 0, row, [float(one) if one.replace(".", "").isdigit() else None for one in row], {}, {})
        for at, row in enumerate(rows)
    ]
    names = tuple("abcd"[: len(rows[0])])
    return replace(SHOWN, points=found, parameters=names, series=("new", "old") if series else ("new",), trials=(), distributions=())


def test_every_element_is_closed_in_order() -> None:
    """The page is well formed: what is opened is closed, in order."""
    page = Elements(PAGE)
    assert page.crossed == []
    assert page.open == []


def test_the_policy_names_exactly_the_scripts_of_the_page() -> None:
    """Each script and style that may run is named by its digest, and no element has a handler or style of its own."""
    policy = re.search(r"Content-Security-Policy\" content=\"([^\"]*)\"", PAGE)
    assert policy
    texts = [*re.findall(r"<script>(.*?)</script>", PAGE, re.DOTALL), *re.findall(r"<style>(.*?)</style>", PAGE, re.DOTALL)]
    digests = {f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}" for text in texts}
    assert len(texts) == 4
    assert digests == set(re.findall(r"sha256-[A-Za-z0-9+/=]+", policy[1]))
    assert not [name for name, _ in Elements(PAGE).attributes if name == "style" or name.startswith("on")]
    assert "http:" not in re.sub(r"http://www\.w3\.org/\S+", "", PAGE)


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_are_never_markup(text: str) -> None:
    """A text anywhere in the page adds no element and no script, and its control characters are shown."""
    report = SHOWN
    trials = [replace(one, lines=[replace(line, text=text) for line in one.lines], outcome=text) for one in report.trials]
    page = report_page(replace(report, title=text, description=text, doubts=(text,), trials=trials, facts=((text, (text,)),)))
    assert set(Elements(page).names) == set(Elements(PAGE).names)
    body = page[page.index("<body>") :]
    assert not re.search("[\x00\x07\x1b\u202e]", body)
    found = re.search(r'<script type="application/json" id="t0">(.*?)</script>', page, re.DOTALL)
    assert found
    assert json.loads(found[1])["lines"][0][-1] == text


def test_every_figure_is_in_the_page_without_scripts() -> None:
    """A mark per trial with a value in every figure of a metric, in both sizes."""
    report = SHOWN
    for metric in ("throughput", "p99"):
        drawn = re.findall(rf'<svg class="chart (wide|slim)"[^>]*data-metric="{metric}">(.*?)</svg>', PAGE, re.DOTALL)
        counts = [len(re.findall("data-t=", inside)) for _, inside in drawn]
        assert sorted(counts) == sorted([sum(metric in one.metrics for one in report.trials)] * len(drawn))
        assert len(drawn) == 4  # over the parameters and in order of execution


@pytest.mark.parametrize(
    ("rows", "axis", "lines", "panels"),
    [
        ([("1", "2"), ("1", "8"), ("3", "2"), ("3", "8"), ("3", "9")], "b", ["1", "3"], 1),
        ([("fast", "x"), ("slow", "x")], "a", [""], 1),
        ([("1", "x"), ("2", "y")], "a", ["x", "y"], 1),
        ([("7",)], "", [""], 1),
        ([(str(a), b, c) for a in range(9) for b in "xyz" for c in "pqrs"], "a", ["p", "q", "r", "s"], 3),
    ],
)
def test_the_axis_is_the_parameter_with_the_most_numbers(rows: list[tuple[str, ...]], axis: str, lines: list[str], panels: int) -> None:
    """Numbers make the axis, the rest lines, or panels where lines would be too many."""
    layout = arrange(points_of(*rows))
    assert (layout.axis, list(layout.lines), len(layout.panels)) == (axis, lines, panels)
    assert len(layout.seats) == len(rows)


def test_series_side_by_side_are_lines() -> None:
    """Several series are told apart as lines of the same figure, by their names and the values of other parameters."""
    layout = arrange(points_of(("1",), ("2",), ("1",), ("2",), series=(0, 0, 1, 1)))
    assert (layout.axis, list(layout.lines)) == ("a", ["new", "old"])
    layout = arrange(points_of(("1", "x"), ("1", "y"), ("2", "x"), ("2", "y"), series=(0, 0, 1, 1)))
    assert (list(layout.lines), layout.of_lines) == (["new, x", "new, y", "old, x", "old, y"], "series, b")


def test_curves_have_the_intervals_of_their_values() -> None:
    """Each curve of both figures and sizes has an area, which the caption explains; curves without intervals have neither."""
    assert PAGE.count('<path class="area') == 4 * len(SHOWN.distributions)
    assert SHADED in PAGE
    bare = report_page(replace(SHOWN, distributions=[replace(one, lows=(), highs=()) for one in SHOWN.distributions]))
    assert '<path class="area' not in bare
    assert SHADED not in bare


@pytest.mark.parametrize("values", [[0.0], [5, 5], [-3, 2], [1e-9, 1e12], [0, 1e300], [0.1, 0.11], [1, 2, 3]])
def test_every_value_lies_on_its_axis(values: list[float]) -> None:
    """An axis holds all values of its metric or parameter, between its ends, and has ticks."""
    for scale in (value_scale(values, 300, 10), parameter_scale(values, 50, 500)):
        low, high = sorted((scale.start, scale.end))
        assert all(low - 1e-6 <= scale(value) <= high + 1e-6 for value in values)
        assert 1 <= len(scale.ticks()) <= 12


def test_ticks_are_round() -> None:
    """Ticks are 1, 2 or 5 times a power of ten."""
    assert list(Scale(0, 13000, 0, 1).ticks(7)) == [0, 5000, 10000]
    assert list(Scale(1, 128, 0, 1, logarithmic=True).ticks(7)) == [1, 2, 5, 10, 20, 50, 100]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234567.0, "1,234,567"),
        (0.3811, "0.381"),
        (12.34, "12.3"),
        (99.96, "100.0"),
        (1e-9, "1.00e-09"),
        (math.inf, "infinite"),
        (-5.5, "-5.50"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    """Numbers are written with three significant digits and thousands apart."""
    assert number(value) == text


def test_exact_numbers_and_texts() -> None:
    """Single values have up to six digits; long and odd texts are cut and shown; markup is kept once."""
    assert (exact(1.5), exact(1234.5678), exact(3.0)) == ("1.5", "1,234.57", "3")
    assert plain("a\x00b\ud800") == "aU+0000bU+D800"
    assert len(plain("x" * 10_000_000)) < 2100
    assert shown(Html("<b>")) == "<b>"
    assert html("p", "<", Html("&amp;"), title='"') == '<p title="&quot;">&lt;&amp;</p>'


def test_what_has_no_figure_is_named() -> None:
    """Metrics and panels beyond the first ones have no figure, and the page says which; the first figure drawn is the one explained."""
    names = [f"metric-{at}" for at in range(9)]
    metrics = [replace(SHOWN.metrics[0], name=name) for name in ("empty", *names)]
    rows = [(str(a), b, c) for a in range(9) for b in "tuvwxyz" for c in "lmnopqrs"]
    points = [replace(one, metrics=dict.fromkeys(names, Centre(1.0, None, None, 1))) for one in points_of(*rows).points]
    page = report_page(replace(points_of(*rows), points=points, metrics=metrics))
    assert "These have none: metric-6, metric-7, metric-8." in page
    assert "Only the first 12 of 56 panels are drawn." in page
    assert page.count("Lines join the centres of points.") == 1
    assert "have figures over the parameters" not in PAGE


def test_attempts_that_do_not_count_are_not_said_to_count() -> None:
    """A valid warmup does not count, so the page does not say that every attempt counts."""
    good = [replace(one, verdict="ok", counts=True) for one in SHOWN.trials]
    said = "Every attempt counts"
    assert said in report_page(replace(SHOWN, trials=good))
    assert said not in report_page(replace(SHOWN, trials=[replace(good[0], counts=False), *good[1:]]))


def test_a_report_with_nothing_in_it_is_a_page() -> None:
    """A series without trials, points and metrics still has a page that says so."""
    empty = replace(
        SHOWN,
        points=(),
        trials=(),
        distributions=(),
        comparisons=(),
        differences=(),
        failures=(),
        headlines=(),
        metrics=(),
        machines=(),
        facts=(),
    )
    page = report_page(empty)
    assert Elements(page).open == []
    assert "No attempt failed" in page


def test_values_that_no_axis_can_show_are_left_out() -> None:
    """Infinite values and those that are not numbers break neither figures nor the page's data."""
    report = SHOWN
    bad = {"throughput": math.nan, "p99": math.inf, "p50": 1.7e308, "errors": 5e-324}
    trials = [replace(one, metrics=bad if at % 2 else one.metrics, deviations=bad) for at, one in enumerate(report.trials)]
    points = [replace(one, metrics={**one.metrics, "p99": Centre(1.0, -math.inf, math.inf, 3)}) for one in report.points]
    page = report_page(replace(report, trials=trials, points=points))
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    assert json.loads(found[1])["trials"][1]["m"] == {"errors": 5e-324}
    assert not re.search(r'[xyd12]="[^"]*(nan|inf)', page)

"""The sections below the results: comparisons, two trials beside each other, failures, machines, disclosure and commands."""

import math
from collections.abc import Iterator, Sequence

from wke.describe.toml.wording import counted
from wke.tell.page.markup import Html, html, joined, number
from wke.tell.page.pieces import command, facts, grid_table, head, log_block, scrolling, section
from wke.tell.page.scales import Scale
from wke.tell.page.values import Difference, FailureCause, Report, ShownComparison

MOST_KEYS = 12


def comparisons(report: Report) -> Html | None:
    """Return the comparison with a baseline or another series, and two trials side by side."""
    parts = [_ratios(report), *_differences(report)]
    if len(report.trials) > 1:
        parts.append(_two_trials(report))
    parts = [part for part in parts if part is not None]
    return section("compare", "Compare", *parts) if parts else None


def _ratios(report: Report) -> Html | None:
    if not report.comparisons:
        return None
    bounds = [bound for one in report.comparisons for bound in (one.ratio, one.low, one.high) if bound and 0 < bound < math.inf]
    scale = Scale(min(*bounds, 0.8) / 1.1, max(*bounds, 1.25) * 1.1, 4, 196, logarithmic=True) if bounds else None
    rows = [_ratio_row(one, scale) for one in report.comparisons]
    columns = [
        ("what", False),
        ("metric", False),
        ("ratio", True),
        ("95 % interval", False),
        (html("span", "around 1 (log scale)"), False),
        ("verdict", False),
        ("pairs", True),
    ]
    caption = html("caption", "Ratios to the baseline", html("span", f"The baseline is {report.baseline}." if report.baseline else None))
    table = scrolling("Ratios to the baseline", html("table", caption, head(columns), html("tbody", *rows)), "stack")
    reproduce = report.commands.get("compare:")
    return joined(table, command(reproduce) if reproduce else None)


def _ratio_row(one: ShownComparison, scale: Scale | None) -> Html:
    between = f"{number(one.low)} to {number(one.high)}" if one.low is not None and one.high is not None else "–"
    return html(
        "tr",
        html("th", one.name, scope="row"),
        html("td", one.metric, data_l="metric"),
        html("td", f"{number(one.ratio)}×" if one.ratio is not None else "–", class_="n", data_l="ratio"),
        html("td", between, class_="iv", data_l="95 % interval"),
        html("td", _ratio_bar(one, scale) if scale else "", class_="hide-s"),
        html("td", html("span", one.verdict, class_=f"word {one.verdict.split(' ')[0]}"), data_l="verdict"),
        html("td", str(one.n), class_="n", data_l="pairs"),
        class_="pick",
    )


def _ratio_bar(one: ShownComparison, scale: Scale) -> Html | None:
    if one.ratio is None or not 0 < one.ratio < math.inf:
        return None
    bar = None
    if one.low is not None and one.high is not None:
        low, high = (scale(min(scale.high, max(scale.low, bound))) for bound in (one.low, one.high))
        bar = html("path", class_="reach", d=f"M{low:.1f} 8H{high:.1f}")
    middle = html("line", class_="ref", x1=scale(1), x2=scale(1), y1=0, y2=16)
    return html(
        "svg",
        middle,
        bar,
        html("circle", class_="at", cx=scale(one.ratio), cy=8, r=4),
        class_="ratio",
        viewBox="0 0 200 16",
        aria_hidden="true",
    )


def _differences(report: Report) -> Iterator[Html]:
    """Yield what differs between series; differences between trials are in the part that compares two trials."""
    keys = {trial.key for trial in report.trials}
    for one in report.differences:
        if one.one not in keys:
            yield joined(html("h3", f"What differs between {one.one} and {one.other}", class_="gap"), _why(one))


def _why(one: Difference) -> Html:
    return (
        html("ol", *(html("li", sentence) for sentence in one.sentences), class_="why")
        if one.sentences
        else html("p", "Nothing that was recorded.")
    )


def _two_trials(report: Report) -> Html:
    choice = html(
        "div",
        *(
            html("div", html("label", f"Trial {name}", for_=f"cmp{name}"), html("select", id=f"cmp{name}"), html("div", id=f"side{name}"))
            for name in "AB"
        ),
        class_="ab",
    )
    tools = html(
        "p",
        html("button", "Swap A and B", type="button", class_="btn", id="swap"),
        html("label", "Timeline of", for_="cmprow"),
        html("select", id="cmprow"),
        class_="tools",
    )
    found = html("div", html("div", id="cmptable"), html("div", id="cmpwhy"), class_="figs")
    keys = {trial.key for trial in report.trials}
    static = [
        joined(html("h4", f"{one.one} and {one.other}"), _why(one)) for one in report.differences if one.one in keys and one.sentences
    ]
    words = html("noscript", html("h3", "What differs between trials"), *static) if static else None
    return joined(
        html("div", html("h3", "Two trials side by side", class_="gap"), tools, choice, found, class_="needs-js noprint", id="two"), words
    )


def failures(report: Report) -> Html | None:
    """Return the section of failures, grouped by cause."""
    if not report.failures:
        return html(
            "section",
            html("div", html("h2", "Failures", id="h-failures"), html("p", "No attempt failed or was rejected."), class_="wrap"),
            class_="part",
            id="failures",
            aria_labelledby="h-failures",
        )
    cards = [_card(report, one) for one in report.failures]
    return section("failures", "Failures", html("div", *cards, class_="cards"))


def _card(report: Report, one: FailureCause) -> Html:
    by_key = {trial.key: trial for trial in report.trials}
    buttons = [
        html("button", key, type="button", class_="id", data_open=key) if key in by_key else html("code", key)
        for key in one.trials[:MOST_KEYS]
    ]
    spaced = [part for button in buttons for part in (button, " ")]
    more = f"and {len(one.trials) - MOST_KEYS} more" if len(one.trials) > MOST_KEYS else None
    return html(
        "article",
        html("h3", one.title),
        html("p", f"{counted(len(one.trials), 'attempt')}: ", *spaced, more, class_="meta"),
        html("p", one.evidence) if one.evidence else None,
        joined(html("p", "The last lines:", class_="meta"), log_block(one.lines, f"Last lines: {one.title}")) if one.lines else None,
        class_="card",
    )


def setup(report: Report) -> Html | None:
    """Return what was run: plan, parameters, versions and machines."""
    if not report.facts and not report.machines:
        return None
    return section("setup", "What was run", facts(report.facts), *(html("div", grid_table(one), class_="gap") for one in report.machines))


def disclosure(report: Report) -> Html:
    """Return everything that a reader needs to judge the results, and what this file does not hold."""
    terms: Sequence[tuple[str, Sequence[str]]] = [*report.disclosure, *([("Not in this file", report.left_out)] if report.left_out else [])]
    lead = "Everything that a reader needs to judge these results."
    return section("disclosure", "Full disclosure", facts(terms) if terms else html("p", "Nothing was recorded."), lead=lead)


def foot(report: Report) -> Html:
    """Return the end of the page: the commands that made it, and its licence notes."""
    made = (
        f"Made by wke {report.version}. This file is complete: it loads nothing and sends nothing. "
        "Time series are drawn by uPlot 1.6.32 (MIT licence, included)."
    )
    inside = [html("h2", "Reproduce this report"), html("div", *(command(one) for one in report.reproduce), class_="two"), html("p", made)]
    return html("footer", html("div", *inside, class_="foot"), class_="wrap")

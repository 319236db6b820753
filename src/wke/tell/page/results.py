"""The section of results: one row per point, and one row per attempt."""

from collections.abc import Iterator, Sequence

from wke.describe.toml.wording import counted
from wke.tell.page.arrangement import Arrangement
from wke.tell.page.linefigure import LOG_FROM, LOG_FROM_LATENCY, TIMES
from wke.tell.page.markup import Html, html, joined, number
from wke.tell.page.pieces import VERDICTS, WORDS, badge, head, metric_title, open_button, scrolling, section, value_cell
from wke.tell.page.scales import Scale, value_scale
from wke.tell.page.values import Centre, Report, ShownMetric, ShownTrial

BARS = 2  # metrics whose intervals are drawn in the table
ROOM = 4  # more metrics leave no room for them
FULL = 6  # metrics whose values have a column in the table of points


def results(report: Report, layout: Arrangement) -> Html | None:
    """Return the section of results, or None where nothing has a result."""
    if not report.trials and not report.points:
        return None
    return section("results", "Results", _points(report, layout), _attempts(report))


def _points(report: Report, layout: Arrangement) -> Html | None:
    metrics = [metric for metric in report.metrics if any(metric.name in point.metrics for point in report.points)]
    if not metrics:
        return html("p", "No point has a result.")
    named = (["series"] if len(report.series) > 1 else []) + list(report.parameters)
    scales = _scales(report, metrics)
    columns = [(name, False) for name in named]
    for metric in metrics[:FULL]:
        columns.append((metric_title(metric.name, metric.unit), True))
        columns += [(html("span", f"{metric.name}, drawn", class_="sr"), False)] if metric.name in scales else []
    columns += [("trials", True), ("verdicts", False)]
    rows = [html("tr", *_point_cells(report, layout, at, metrics[:FULL], scales), class_="pick") for at in range(len(report.points))]
    note = f"{report.interval_words[:1].upper()}{report.interval_words[1:]}." if report.interval_words else None
    caption = html("caption", "Centre and interval of each point", html("span", note) if note else None)
    table = html("table", caption, head(columns), html("tbody", *rows))
    left = [metric.name for metric in metrics[FULL:]]
    more = html("p", f"Further metrics are in the page of each trial: {', '.join(left)}.", class_="small") if left else None
    return joined(scrolling("Results by point", table, "stack"), more)


def _scales(report: Report, metrics: Sequence[ShownMetric]) -> dict[str, Scale]:
    """Return the axes of the metrics whose intervals are drawn."""
    return {metric.name: _scale(report, metric) for metric in metrics[:BARS]} if len(metrics) <= ROOM else {}


def _scale(report: Report, metric: ShownMetric) -> Scale:
    centres = [point.metrics[metric.name] for point in report.points if metric.name in point.metrics]
    values = [bound for one in centres for bound in (one.value, one.low, one.high) if bound is not None]
    return value_scale(values, 4, 108, log_from=LOG_FROM_LATENCY if metric.unit in TIMES else LOG_FROM)


def _point_cells(report: Report, layout: Arrangement, at: int, metrics: Sequence[ShownMetric], scales: dict[str, Scale]) -> Iterator[Html]:
    point = report.points[at]
    names = [*(["series"] if len(report.series) > 1 else []), *report.parameters]
    texts = [*([report.series[point.series]] if len(report.series) > 1 else []), *point.values]
    for index, (name, text) in enumerate(zip(names, texts, strict=True)):
        yield html("td" if index else "th", text, scope=None if index else "row", data_l=name)
    for metric in metrics:
        centre = point.metrics.get(metric.name)
        yield _centre_cell(centre, metric_title(metric.name, metric.unit))
        if metric.name in scales:
            yield html("td", _bar(centre, scales[metric.name], layout.seats[at].line) if centre else "", class_="hide-s")
    yield html("td", str(sum(point.verdicts.values())), class_="n", data_l="trials")
    found = [verdict for verdict in VERDICTS if point.verdicts.get(verdict)]
    words = [f"{point.verdicts[verdict]} {WORDS[verdict]}" for verdict in found]
    calm = set(found) <= {"ok", "unknown"}
    yield html("td", html("span", ", ".join(words), class_="allok" if calm else "notok"), data_l="verdicts")


def _centre_cell(centre: Centre | None, label: str) -> Html:
    if centre is None:
        return html("td", "–", class_="n", data_l=label)
    between = f"{number(centre.low)} to {number(centre.high)}" if centre.low is not None and centre.high is not None else "no interval"
    return html("td", html("b", number(centre.value)), html("span", between, class_="ci2"), class_="n", data_l=label)


def _bar(centre: Centre, scale: Scale, line: int) -> Html:
    bar = None
    if centre.low is not None and centre.high is not None:
        start, end = (scale(min(scale.high, max(scale.low, bound))) for bound in (centre.low, centre.high))
        bar = html("path", class_="err", d=f"M{start:.1f} 7H{end:.1f}")
    ground = html("line", class_="grid", x1=2, x2=110, y1=7, y2=7)
    dot = html("circle", class_="at", cx=scale(centre.value), cy=7, r=4)
    return html("svg", ground, bar, dot, class_=f"mini c{line}", viewBox="0 0 112 14", aria_hidden="true")


def _attempts(report: Report) -> Html | None:
    if not report.trials:
        return None
    has_rounds = any(trial.round is not None for trial in report.trials)
    named = (["series"] if len(report.series) > 1 else []) + list(report.parameters)
    columns = [("order", True), ("trial", False), *((name, False) for name in named), *([("round", True)] if has_rounds else [])]
    columns += [(metric_title(metric.name, metric.unit), True) for metric in report.metrics[:FULL]]
    columns += [("outcome", False), ("verdict", False)]
    rows = [html("tr", *_attempt_cells(report, trial, has_rounds=has_rounds)) for trial in report.trials]
    caption = html("caption", "All attempts, one per row", class_="sr")
    search = html(
        "p",
        html("label", "Filter", for_="find"),
        html("input", type="search", id="find", placeholder="suspect, or a value", autocomplete="off"),
        html("span", f"{counted(len(rows), 'attempt')}", id="found", class_="small", role="status"),
        class_="tools needs-js",
    )
    table = html("table", caption, head(columns, sortable=True), html("tbody", *rows))
    inside = html("div", search, scrolling("All attempts", table))
    return html("details", html("summary", f"All {counted(len(rows), 'attempt')}"), inside, id="attempts")


def _attempt_cells(report: Report, trial: ShownTrial, *, has_rounds: bool) -> Iterator[Html]:
    yield html("td", "–" if trial.place is None else str(trial.place), class_="n", data_v=trial.place)
    yield html("td", open_button(trial))
    if len(report.series) > 1:
        yield html("td", report.series[trial.series])
    point = report.points[trial.point] if trial.point is not None else None
    for at in range(len(report.parameters)):
        value = None if point is None else point.numbers[at]
        yield html("td", "–" if point is None else point.values[at], data_v=None if value is None else repr(value))
    if has_rounds:
        yield html("td", "–" if trial.round is None else str(trial.round), class_="n", data_v=trial.round)
    for metric in report.metrics[:FULL]:
        yield value_cell(trial.metrics.get(metric.name))
    yield html("td", trial.outcome)
    yield html("td", badge(trial.verdict))

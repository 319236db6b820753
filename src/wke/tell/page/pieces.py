"""Pieces that several sections of the page use: badges of verdicts, commands to copy, log lines, tables, and the names of trials."""

from collections.abc import Iterable, Sequence

from wke.tell.page.markup import Html, exact, html, joined, shown
from wke.tell.page.values import Grid, LogLine, Report, ShownTrial

VERDICTS = ("ok", "suspect", "invalid", "unknown", "failed")
WORDS = {"ok": "valid", "suspect": "suspect", "invalid": "invalid", "unknown": "not judged", "failed": "failed"}
ICONS = {
    "ok": "M3.8 9 .5 5.6 2 4.2l1.8 2L8.2 1l1.5 1.3z",
    "suspect": "M5 .5 10 9.5H0z",
    "invalid": "M1.5 0 5 3.5 8.5 0 10 1.5 6.5 5 10 8.5 8.5 10 5 6.5 1.5 10 0 8.5 3.5 5 0 1.5z",
    "unknown": "M1 4h8v2H1z",
    "failed": "M1.5 0 5 3.5 8.5 0 10 1.5 6.5 5 10 8.5 8.5 10 5 6.5 1.5 10 0 8.5 3.5 5 0 1.5z",
}


def icon(verdict: str) -> Html:
    """Return the sign of a verdict."""
    return html("svg", html("path", d=ICONS.get(verdict, ICONS["unknown"])), viewBox="0 0 10 10", aria_hidden="true")


def badge(verdict: str) -> Html:
    """Return a verdict as a coloured word with its sign."""
    return html("span", icon(verdict), WORDS.get(verdict, verdict), class_=f"v {verdict if verdict in WORDS else 'unknown'}")


def command(text: str) -> Html:
    """Return a command with a button that copies it."""
    button = html("button", "Copy", type="button", data_copy=True, aria_label=f"Copy: {text}", class_="needs-js")
    return html("div", html("code", text), button, class_="cmd")


def open_button(trial: ShownTrial) -> Html:
    """Return the id of a trial as a button that opens it."""
    return html("button", trial.key, type="button", class_="id", data_open=trial.key)


def point_words(report: Report, point: int | None) -> str:
    """Return the parameters of a point, and its series where there are several."""
    if point is None:
        return ""
    one = report.points[point]
    words = [f"{name} {value}" for name, value in zip(report.parameters, one.values, strict=True)]
    return ", ".join([report.series[one.series], *words] if len(report.series) > 1 else words)


def trial_words(report: Report, trial: ShownTrial) -> str:
    """Return where a trial belongs: its parameters and round."""
    words = point_words(report, trial.point) or (report.series[trial.series] if len(report.series) > 1 else "")
    last = f"round {trial.round}" if trial.round is not None else f"attempt {trial.attempt}"
    return f"{words}, {last}" if words else last


def log_block(lines: Sequence[LogLine], label: str) -> Html:
    """Return log lines: seconds, machine, target and text."""
    rows = [
        html(
            "span",
            html("span", " " * 8 if line.at_s is None else f"{line.at_s:7.3f} ", class_="t"),
            html("span", line.machine, class_="m"),
            f" {line.target} ",
            html("bdi", shown(line.text), class_="x" if line.stream == 2 else None),
            class_="line",
        )
        for line in lines
    ]
    return html("pre", *rows, class_="log", tabindex=0, role="region", aria_label=label)


def scrolling(label: str, table: Html, kind: str = "") -> Html:
    """Return a table in a frame that scrolls sideways by itself."""
    return html("div", table, class_=f"scroll {kind}".strip(), tabindex=0, role="region", aria_label=label)


def head(columns: Iterable[tuple[str, bool]], *, sortable: bool = False) -> Html:
    """Return the head of a table: names of columns, and whether they hold numbers. Columns of drawings have a name that is HTML."""
    cells = [
        html(
            "th", html("button", name, type="button", class_="sort") if sortable else name, scope="col", class_=_kind(name, numeric=numeric)
        )
        for name, numeric in columns
    ]
    return html("thead", html("tr", *cells))


def _kind(name: str, *, numeric: bool) -> str | None:
    return "n" if numeric else "hide-s" if isinstance(name, Html) else None


def grid_table(grid: Grid) -> Html:
    """Return a table of texts."""
    numeric = [name in grid.numeric for name in grid.columns]
    rows = []
    for row in grid.rows:
        cells = [html("td", text, class_="n" if is_number else None) for text, is_number in list(zip(row, numeric, strict=False))[1:]]
        rows.append(html("tr", html("th", row[0], scope="row") if row else None, *cells))
    caption = html("caption", grid.caption, html("span", grid.note) if grid.note else None)
    table = html("table", caption, head(zip(grid.columns, numeric, strict=True)), html("tbody", *rows))
    return scrolling(grid.caption, table)


def metric_title(name: str, unit: str) -> str:
    """Return the name of a metric with its unit."""
    return f"{name} ({unit})" if unit else name


def value_cell(value: float | None, label: str | None = None) -> Html:
    """Return a cell with one value of a trial."""
    if value is None:
        return html("td", "–", class_="n", data_l=label)
    return html("td", exact(value), class_="n", data_v=repr(value), data_l=label)


def facts(pairs: Iterable[tuple[str, Sequence[str]]]) -> Html:
    """Return terms with their texts; several texts of one term are a list."""
    parts = list[Html]()
    for term, texts in pairs:
        inside = shown(texts[0]) if len(texts) == 1 else html("ul", *(html("li", text) for text in texts))
        parts += html("dt", term), html("dd", inside)
    return html("dl", *parts, class_="facts")


def section(name: str, title: str, *parts: str | None, lead: str = "") -> Html:
    """Return a section of the page, which its heading names."""
    heading = html("h2", title, id=f"h-{name}")
    return html(
        "section",
        html("div", heading, html("p", lead, class_="lead") if lead else None, joined(*parts), class_="wrap"),
        class_="part",
        id=name,
        aria_labelledby=f"h-{name}",
    )

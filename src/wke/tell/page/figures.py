"""The section of figures: metrics over the parameters, order of execution, percentiles and distributions, each with its command."""

from collections.abc import Iterator, Sequence

from wke.describe.toml.wording import counted
from wke.tell.page.arrangement import Arrangement
from wke.tell.page.curvefigure import Drawing, cdf_figure, percentile_figure
from wke.tell.page.frame import line_key
from wke.tell.page.linefigure import LinePanel, line_figure
from wke.tell.page.markup import Html, html, joined
from wke.tell.page.orderfigure import order_figure
from wke.tell.page.pieces import command, section
from wke.tell.page.values import Report, ShownMetric

FIRST, MOST = 2, 6  # metrics whose figures are seen at once, and that have figures at all
MOST_PANELS = 12
SHADED = "Shaded: 95 % intervals over the trials. Where one ends at the line, only its lower end is known."
MARKS = (
    "Each small mark is one trial: a ring marks a suspect trial, a cross an attempt that does not count. Click a mark to open its trial."
)


def figures(report: Report, layout: Arrangement) -> Html | None:
    """Return the section of figures, or None if there is nothing to draw."""
    drawable = [metric for metric in report.metrics if _has_values(report, metric)]
    metrics = drawable[:MOST]
    if not metrics:
        return None
    first = [one for metric in metrics[:FIRST] for one in _lines(report, layout, metric, is_explained=metric is metrics[0])]
    first += [one for metric in metrics[:1] for one in _orders(report, layout, metric)]
    first += _recorded(report, layout)
    rest = [one for metric in metrics[FIRST:] for one in _lines(report, layout, metric)]
    rest += [one for metric in metrics[1:] for one in _orders(report, layout, metric)]
    more = html(
        "details",
        html("summary", f"{counted(len(rest), 'more figure')}: {', '.join(metric.name for metric in metrics[1:])}"),
        html("div", html("div", *rest, class_="figs")),
        id="more-figures",
    )
    shown = html("div", *first, class_="figs")
    left = _left_out(layout, [metric.name for metric in drawable[MOST:]])
    return section("figures", "Figures", _keys(report, layout), shown, more if rest else None, left, lead=_lead(report))


def _left_out(layout: Arrangement, metrics: Sequence[str]) -> Html | None:
    """Return which metrics have no figure over the parameters, and how many panels have none; None if all have one."""
    words = [f"Only the first {MOST} metrics have figures over the parameters. These have none: {', '.join(metrics)}."] if metrics else []
    if len(layout.panels) > MOST_PANELS:
        words.append(f"Only the first {MOST_PANELS} of {len(layout.panels)} panels are drawn. The table of results has all points.")
    return html("p", " ".join(words), class_="small") if words else None


def _has_values(report: Report, metric: ShownMetric) -> bool:
    return any(metric.name in point.metrics for point in report.points) or any(metric.name in trial.metrics for trial in report.trials)


def _lead(report: Report) -> str:
    fixed = ", ".join(f"{name} {value}" for name, value in report.fixed[:8])
    return f"The same in all trials: {fixed}." if fixed else ""


def _keys(report: Report, layout: Arrangement) -> Html | None:
    """Return the legend of all figures, whose keys show and hide lines."""
    hint = html("span", "In a figure, arrow keys move between trials and Enter opens one.", class_="small needs-js")
    if len(layout.lines) < 2:
        return html("div", hint, class_="tools") if report.trials else None
    keys = [
        html("button", line_key(at), name, type="button", class_=f"key c{at}", data_toggle=at, aria_pressed="true")
        for at, name in enumerate(layout.lines)
    ]
    return html(
        "div", html("span", layout.of_lines, class_="of"), *keys, hint, class_="tools keys", role="group", aria_label="Lines in all figures"
    )


def _figure(title: str, subtitle: str, drawing: Html, words: tuple[str, str | None], number: str) -> Html:
    caption, reproduce = words
    text = html("figcaption", caption, html("div", command(reproduce), class_="how") if reproduce else None)
    return html(
        "figure",
        html("p", title, class_="ftitle", id=number),
        html("p", subtitle, class_="fsub"),
        html("div", drawing, class_="plot"),
        text,
        aria_labelledby=number,
    )


def _lines(report: Report, layout: Arrangement, metric: ShownMetric, *, is_explained: bool = False) -> Iterator[Html]:
    for at, panel in enumerate(layout.panels[:MOST_PANELS]):
        drawing = line_figure(LinePanel(report, layout, metric, at))
        if drawing is None:
            continue
        title = f"{metric.name}{f' over {layout.axis}' if layout.axis else ''}{f': {panel}' if panel else ''}"
        better = f"; {metric.better} is better" if metric.better else ""
        words = f"Lines join the centres of points. Vertical bars are {report.interval_words or '95 % intervals'}. {MARKS}"
        name = f"f-lines-{_number(report, metric)}-{at}"
        yield _figure(
            title,
            f"{metric.unit or 'no unit'}{better}",
            drawing,
            (words if is_explained else "", report.commands.get(f"lines:{metric.name}")),
            name,
        )
        is_explained = False


def _number(report: Report, metric: ShownMetric) -> int:
    return report.metrics.index(metric)


def _orders(report: Report, layout: Arrangement, metric: ShownMetric) -> Iterator[Html]:
    for series, name in enumerate(report.series):
        drawing = order_figure(report, layout, metric, series)
        if drawing is not None:
            title = f"Order of execution{f': {name}' if len(report.series) > 1 else ''}"
            words = "A slow spell shows as marks on one side of 0. A ring marks a suspect trial, a dashed ring an outlier of its point."
            reproduce = report.commands.get(f"order:{metric.name}:{series}")
            number = f"f-order-{_number(report, metric)}-{series}"
            yield _figure(title, f"{metric.name} of each trial, relative to the centre of its point", drawing, (words, reproduce), number)


def _recorded(report: Report, layout: Arrangement) -> Iterator[Html]:
    """Yield the figures of recorded values: for each metric the percentiles and the distribution, at one place of the axis at a time."""
    known = {one.metric for one in report.distributions if one.shares}
    shaded = {one.metric for one in report.distributions if any(low is not None for low in one.lows)}
    for metric in (metric for metric in report.metrics if metric.name in known):
        for kind, title, draw, words in (
            (
                "percentiles",
                "by percentile",
                percentile_figure,
                "The recorded values of all trials of a point. The axis is logarithmic in the share of slower values.",
            ),
            (
                "cdf",
                "cumulative distribution",
                cdf_figure,
                "The share of all recorded values at or below the value on the axis.",
            ),
        ):
            drawing = _places(report, layout, metric, draw)
            subtitle = metric.unit if kind == "percentiles" else f"Share of values; {metric.name} on the axis"
            caption = f"{words} {SHADED}" if metric.name in shaded else words
            reproduce = report.commands.get(f"{kind}:{metric.name}")
            yield _figure(f"{metric.name}: {title}", subtitle, drawing, (caption, reproduce), f"f-{kind}-{_number(report, metric)}")


def _places(report: Report, layout: Arrangement, metric: ShownMetric, draw: Drawing) -> Html:
    """Return the drawings for each place of the axis in each panel, of which one is shown, and the buttons that choose it."""
    groups = dict[tuple[int, float], list[int]]()
    curves = [one for one in report.distributions if one.metric == metric.name and one.shares]
    for at, curve in enumerate(curves):
        seat = layout.seats[curve.point]
        groups.setdefault((seat.panel, seat.x), []).append(at)
    drawings, buttons = list[Html](), list[Html]()
    for index, ((panel, x), found) in enumerate(sorted(groups.items())):
        name = _place_words(layout, panel, x)
        is_last = index == len(groups) - 1
        drawing = draw([curves[at] for at in found], layout, metric, f" at {name}" if name else "")
        drawings.append(html("div", drawing, class_="place", data_place=index, hidden=not is_last))
        buttons.append(html("button", name, type="button", data_pick=index, aria_pressed="true" if is_last else "false"))
    if len(buttons) < 2:
        return joined(*drawings)
    chosen = html("p", f"At {_place_words(layout, *max(groups))}", class_="chosen fsub")
    picker: Sequence[Html] = [
        html("div", *buttons, class_="seg pick needs-js", role="group", aria_label=f"Which {layout.axis or 'points'}")
    ]
    return joined(*picker, chosen, *drawings)


def _place_words(layout: Arrangement, panel: int, x: float) -> str:
    tick = layout.places.get(x, "")
    words = [layout.panels[panel], f"{layout.axis} {tick}".strip()]
    return ", ".join(word for word in words if word)

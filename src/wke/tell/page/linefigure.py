"""The figure of a metric over the parameters: lines through the centres with their intervals, and every trial as a mark."""

from collections.abc import Iterator, Sequence

from wke.describe.toml.wording import counted
from wke.tell.page.arrangement import Arrangement
from wke.tell.page.frame import DASHES, SIGN, WIDE, Size, both, cut, horizontal_axis, mark, spread, vertical_axis
from wke.tell.page.markup import Html, html, joined
from wke.tell.page.scales import Scale, parameter_scale, value_scale
from wke.tell.page.values import Report, ShownMetric, ShownTrial
from wke.values import dataclass

LOG_FROM_LATENCY, LOG_FROM = 5, 60
TIMES = frozenset({"ns", "us", "µs", "ms", "s"})


@dataclass(frozen=True, slots=True)
class LinePanel:
    """What one panel of the figure draws."""

    report: Report
    layout: Arrangement
    metric: ShownMetric
    number: int

    @property
    def points(self) -> list[int]:
        """The points of this panel with a value, by index."""
        return [
            at
            for at, (point, seat) in enumerate(zip(self.report.points, self.layout.seats, strict=True))
            if seat.panel == self.number and self.metric.name in point.metrics
        ]

    @property
    def trials(self) -> list[int]:
        """The trials of this panel with a value, by index."""
        return [
            at
            for at, trial in enumerate(self.report.trials)
            if trial.point is not None and self.layout.seats[trial.point].panel == self.number and self.metric.name in trial.metrics
        ]


def line_figure(panel: LinePanel) -> Html | None:
    """Return the figure of one panel, or None if it has no value."""
    if not panel.points and not panel.trials:
        return None
    where = f", {panel.layout.panels[panel.number]}" if panel.layout.panels[panel.number] else ""
    over = f" over {panel.layout.axis}" if panel.layout.axis else ""
    label = f"{panel.metric.name}{over}{where}: {counted(len(panel.points), 'point')}, {counted(len(panel.trials), 'trial')}"
    return both(lambda size, name: joined(*_drawn(panel, _sized(panel, size), slim=name != WIDE)), label, panel.metric.name)


def _sized(panel: LinePanel, size: Size) -> Size:
    """Return the size with room for the labels of lines at the right."""
    names = {panel.layout.lines[panel.layout.seats[at].line] for at in panel.points}
    room = int(min(12, max((len(name) for name in names), default=0)) * SIGN) + 16 if len(names) > 1 else 16
    return Size(size.width, size.height, size.left, room, size.top, size.bottom)


def _drawn(panel: LinePanel, size: Size, *, slim: bool) -> Iterator[Html]:
    x, y = _across(panel, size), _upward(panel, size)
    yield vertical_axis(size, y)
    title = panel.layout.axis + (" (log scale)" if x.logarithmic else "")
    yield horizontal_axis(size, [(x(place), text) for place, text in panel.layout.places.items()], title)
    lines = sorted({panel.layout.seats[at].line for at in (*panel.points, *(_point(panel.report.trials[one]) for one in panel.trials))})
    step = 3.5 if slim else 5.0
    beside = {line: (at - (len(lines) - 1) / 2) * step for at, line in enumerate(lines)}
    yield from _trials(panel, x, y, beside, slim=slim)
    ends = list[tuple[int, float]]()
    for line in lines:
        points = sorted((at for at in panel.points if panel.layout.seats[at].line == line), key=lambda at: panel.layout.seats[at].x)
        if points:
            yield _line(panel, points, x, y, beside[line])
            ends.append((line, y(panel.report.points[points[-1]].metrics[panel.metric.name].value)))
    for line, height in spread(ends, most=size.height - size.bottom).items() if len(ends) > 1 else ():
        text = cut(panel.layout.lines[line], 12)
        yield html("text", text, class_=f"lab c{line}", x=size.width - size.right + 8.0, y=height + 5, data_line=line)


def _point(trial: ShownTrial) -> int:
    return trial.point or 0


def _across(panel: LinePanel, size: Size) -> Scale:
    places = list(panel.layout.places) or [0.0]
    start, end = size.across
    return parameter_scale(places, start + 8, end - 8) if panel.layout.is_numeric else Scale(places[0] - 0.5, places[-1] + 0.5, start, end)


def _upward(panel: LinePanel, size: Size) -> Scale:
    """Return the vertical axis: the same for all panels of a metric, so that they can be compared."""
    name = panel.metric.name
    centres = [point.metrics[name] for point in panel.report.points if name in point.metrics]
    values = [bound for centre in centres for bound in (centre.value, centre.low, centre.high) if bound is not None]
    values += [trial.metrics[name] for trial in panel.report.trials if name in trial.metrics and trial.point is not None]
    start, end = size.upward
    return value_scale(values, start, end, log_from=LOG_FROM_LATENCY if panel.metric.unit in TIMES else LOG_FROM)


def _line(panel: LinePanel, points: Sequence[int], x: Scale, y: Scale, beside: float) -> Html:
    """Return a line with its centres and intervals. A parameter without numbers has no line between its values."""
    line = panel.layout.seats[points[0]].line
    parts, path = list[Html](), list[str]()
    for at in points:
        centre, place = panel.report.points[at].metrics[panel.metric.name], x(panel.layout.seats[at].x) + beside
        path.append(f"{place:.1f} {y(centre.value):.1f}")
        if centre.low is not None and centre.high is not None:
            low, high = y(max(centre.low, y.low)), y(min(centre.high, y.high))
            parts.append(
                html("path", class_="err", d=f"M{place:.1f} {low:.1f}V{high:.1f}M{place - 4:.1f} {low:.1f}h8M{place - 4:.1f} {high:.1f}h8")
            )
        parts.append(mark(line, place, y(centre.value), "mk"))
    joining = html("path", class_="ln", stroke_dasharray=DASHES[line], d="M" + "L".join(path)) if panel.layout.is_numeric else None
    return html("g", joining, *parts, class_=f"c{line}", data_line=line)


def _trials(panel: LinePanel, x: Scale, y: Scale, beside: dict[int, float], *, slim: bool) -> Iterator[Html]:
    """Yield a mark per trial, a little to the side, so that those of one point do not hide each other."""
    room = 7.0 if slim else 11.0
    for at in panel.trials:
        trial = panel.report.trials[at]
        seat = panel.layout.seats[_point(trial)]
        aside = (-1 if (trial.round or at) % 2 else 1) * (room * (0.75 + 0.25 * ((trial.round or at) // 2 % 3)))
        yield trial_mark(trial, at, seat.line, x(seat.x) + beside[seat.line] + aside, y(trial.metrics[panel.metric.name]))


def trial_mark(trial: ShownTrial, at: int, line: int, x: float, y: float, *, outlying: bool = False) -> Html:
    """Return the mark of a trial: in its line's shape, with a ring where it is suspect or an outlier, and a cross if it does not count."""
    ring = trial.verdict == "suspect" or outlying
    around = html("circle", class_="ring" if trial.verdict == "suspect" else "ring far", cx=x, cy=y, r=8) if ring else None
    if trial.counts:
        drawn = mark(line, x, y, f"dot c{line}", data_t=at, data_line=line)
    else:
        drawn = html("use", href="#mx", x=x, y=y, class_="dot gone", data_t=at, data_line=line)
    return joined(drawn, around and html("g", around, data_line=line))

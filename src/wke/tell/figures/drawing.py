"""From a plot and the trials to the values that a figure shows."""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import CURVES, Plot, contest_of
from wke.describe.experiment.point import point_key, value_key
from wke.describe.experiment.sweep import value_text
from wke.describe.expression.evaluation import ExpressionError, calculate
from wke.describe.expression.expression import Expression
from wke.describe.expression.units import is_time
from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.judge.policies.choose import policy_of
from wke.judge.statistics.statistics import POOLED, Summary, summarise
from wke.judge.statistics.summaries import is_pooled, metric_units, pooled_summary, trial_kind, unit_of
from wke.judge.summary.pointtable import value_order
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.trials.trials import Recorded, StoredAttempt, counting_attempts
from wke.tell.figures.caption import footnote
from wke.tell.figures.kind import kind_of
from wke.tell.figures.panels import Dot, Drawing, Group, Mark, Panel
from wke.tell.figures.rows import Row, expressions, fitted, make_rows, normalised, shows, x_is_measured
from wke.tell.figures.scales import axis_scale
from wke.tell.figures.source import Source
from wke.tell.tables import titled
from wke.tell.words import worded
from wke.values import dataclass

Pairs = Sequence[tuple[Row, float]]
"""Trials, each with its y."""


def make_drawing(
    plot: Plot, trials: Sequence[StoredAttempt], experiment: Experiment, telemetry: Mapping[str, TrialTelemetry] = {}
) -> Drawing:
    """Return what `plot` shows of `trials`; warm-ups and trials that are not ok are left out. A figure of one trial needs its `telemetry`.

    What a plot maximises is chosen by the rounds of all points, and shown as fresh rounds measured it again, if they did.

    InputError when trials are there but have no column of the name that the plot gives, or do not fit the plot otherwise.
    """
    counting, contest = counting_attempts(trials), contest_of(plot, experiment.parameters)
    attempts = policy_of(experiment).compared(counting)
    good = _good(attempts)
    whole = _good(counting) if contest else good
    plot = fitted(plot, good, experiment.parameters.points())
    units = metric_units(good, experiment.metrics)
    rows = make_rows(plot, whole, units, contest)
    made = kind_of(plot.type).make(Source(plot, experiment, good, rows, units, attempts, telemetry))
    drawing = replace(made, title=plot.title or "")
    shown = [trial for trial in good if shows(plot, {**trial.point, **trial.observations})]
    return replace(drawing, footnote=footnote(plot, drawing, rows, shown, experiment))


def _good(trials: Iterable[StoredAttempt]) -> list[StoredAttempt]:
    return [trial for trial in trials if trial.ok and not trial.warmup]


@dataclass(frozen=True, slots=True)
class Summarising:
    """How the trials of a mark are summarised: by this `kind`, or as the quantile of all values that they recorded of a `pooled` metric."""

    kind: str
    pooled: Metric | None = None

    def of(self, pairs: Pairs) -> Summary:
        """Return the summary of trials."""
        return (
            pooled_summary(self.pooled, [[one] for one in self.recorded(pairs)])
            if self.pooled
            else summarise([y for _, y in pairs], self.kind)
        )

    def recorded(self, pairs: Pairs) -> list[Recorded]:
        """Return what trials recorded of the pooled metric."""
        return [row.recorded[self.pooled.name] for row, _ in pairs] if self.pooled else []


MakeMarks = Callable[[Source, Summarising, Pairs], Iterable[Mark]]
"""Returns the marks of a group."""


def summaries(source: Source, marks: "MakeMarks | None" = None, x_label: str = "", y_label: str = "") -> Drawing:
    """Return a figure with a panel for each y and facet, a group for each value of `sort_by`, and by default a mark for each x.

    `x_label` and `y_label` take the place of the names of the columns where the plot has no labels of its own.
    """
    plot = source.plot
    measured = x_is_measured(plot, source.trials)
    found = [panel for at in range(len(plot.y_axis)) for panel in _panels(source, at, marks or summary_marks, y_label)]
    panels = _without_empty_groups(found)
    name = titled(worded(plot.x_axis), source.units.get(plot.x_axis, "") if measured else "")
    return Drawing(
        panels=panels,
        xs=tuple(source.values(plot.x_axis, (mark.x for panel in panels for mark in panel.marks))),
        x_label=plot.x_label or x_label or name,
        group_title="" if plot.sort_labels else worded(plot.sort_by or ""),
        measured=measured,
        facets=len(panels) // len(plot.y_axis),
    )


def scaled(plot: Plot, drawing: Drawing) -> Drawing:
    """Return a drawing whose x-axis has the scale that the plot asks for, if it shows numbers."""
    if not drawing.numeric:
        return drawing
    return replace(drawing, x_scale=axis_scale(plot.x_scale, [float(str(x)) for x in drawing.xs], in_twos=True))


def summary_marks(source: Source, how: Summarising, pairs: Pairs) -> Iterator[Mark]:
    """Yield a mark for each x of a group, in the order of x; a metric x is in the order of the points, because a curve may turn back."""
    places: dict[Hashable, list[tuple[Row, float]]] = {}
    for row, value in pairs:
        places.setdefault(value_key(row.x), []).append((row, value))
    xs = source.values(source.plot.x_axis, (row.x for row, _ in pairs))
    if any(row.own_x is not None for row, _ in pairs):
        xs.sort(key=lambda x: _turn(places[value_key(x)][0][0].point, source.experiment))
    for x in xs:
        mine = places[value_key(x)]
        own = [row.own_x for row, _ in mine if row.own_x is not None]
        dots = tuple(Dot(value, row.id, row.suspect) for row, value in sorted(mine, key=lambda one: (one[0].round, one[0].id)))
        yield Mark(x, how.of(mine), summarise(own, "mean") if own else None, any(dot.suspect for dot in dots), dots)


def value_label(unit: str | None) -> str:
    """Return what recorded values are called."""
    return titled("latency" if is_time(unit or "") else "recorded value", unit or "")


def values_of(source: Source, position: int) -> tuple[list[tuple[Row, float]], str | None]:
    """Return the trials that have a value of the y at this position, with the value, and its unit; see `unit_of`."""
    plot, expression = source.plot, expressions(source.plot)[position]
    seen = [row for row in source.rows if math.isfinite(row.ys[position])]
    unit = unit_of(expression, [row.columns for row in seen], source.units)
    values = normalised(plot, seen, [row.ys[position] for row in seen], kind_of_summary(source, expression, unit))
    return [(row, value) for row, value in zip(seen, values, strict=True) if math.isfinite(value)], unit


def kind_of_summary(source: Source, expression: Expression, unit: str | None) -> str:
    """Return how marks summarise: as tables do, and ratios to a baseline as what has no unit."""
    return trial_kind(expression.name or "", source.experiment.metrics, "" if source.plot.baseline else unit)


def panel_label(plot: Plot, position: int, unit: str | None, instead: str = "") -> str:
    """Return the label of a panel's values: the user's (one may serve for all panels), `instead`, or what it shows with its unit."""
    if plot.y_label:
        return plot.y_label[position if len(plot.y_label) == len(plot.y_axis) else 0]
    if instead:
        return instead
    name = worded(expressions(plot)[position].printed())
    return f"{name}, relative" if plot.baseline else titled(name, unit or "")


def undefined_text(source: Source, position: int, defined: int) -> str:
    """Return which y has no value in how many trials, and why; "" if all have one."""
    expression = expressions(source.plot)[position]
    reasons: Counter[str] = Counter()
    for row in source.rows:
        try:
            calculate(expression, row.columns, source.units)
        except ExpressionError as error:
            reasons[str(error)] += 1
    if (undivided := len(source.rows) - defined - reasons.total()) > 0:
        reasons["there is nothing to divide by in the round, or it is 0"] = undivided
    said = (f"no value in {count} of {counted(len(source.rows), 'trial')} ({why})" for why, count in reasons.most_common())
    found = "; ".join(said)
    return f"{worded(expression.printed())}: {found}" if found else ""


def _panels(source: Source, position: int, marks: MakeMarks, y_label: str) -> Iterator[Panel]:
    """Yield the panels of one y: one, or one for each facet."""
    plot, expression = source.plot, expressions(source.plot)[position]
    pairs, unit = values_of(source, position)
    pooled = _pooled(source, expression, pairs)
    how = Summarising(kind_of_summary(source, expression, unit), pooled)
    label = panel_label(plot, position, unit, y_label or (value_label(unit) if plot.type in CURVES else ""))
    undefined = undefined_text(source, position, len(pairs))
    panel = Panel(worded(expression.printed()), label, POOLED if pooled else how.kind, (), undefined)
    facets = source.values(plot.facet_by, (row.facet for row in source.rows)) or [None]
    panels = [
        replace(panel, groups=_groups(source, pairs, facet, lambda mine: marks(source, how, mine)), title=facet_title(plot, facet))
        for facet in facets
    ]
    scale = axis_scale(plot.y_scale, [mark.summary.centre for panel in panels for mark in panel.marks])
    yield from (replace(panel, scale=scale) for panel in panels)


def _pooled(source: Source, expression: Expression, pairs: Pairs) -> Metric | None:
    """Return the metric whose recorded values are pooled: one that is shown as it is, and that all trials recorded; None for others."""
    metric = next((one for one in source.experiment.metrics if one.name == expression.name), None)
    curve = source.plot.type in CURVES
    if metric is None or not (is_pooled(metric) or curve) or source.plot.normalize_by is not None:
        return None
    stored = bool(pairs) and all(metric.name in row.recorded for row, _ in pairs)
    if curve and pairs and not stored:
        raise InputError(f"the recorded values of {metric.name} are not stored with all trials, so there is no curve of them")
    return metric if stored else None


def facet_title(plot: Plot, facet: object) -> str:
    """Return the title of a panel that shows one value of `facet_by`."""
    return f"{worded(plot.facet_by)} = {_text(facet)}" if plot.facet_by and facet is not None else ""


def _groups(source: Source, pairs: Pairs, facet: object, marks: Callable[[Pairs], Iterable[Mark]]) -> tuple[Group, ...]:
    """Return the groups of a facet: those of the whole figure, so that all panels draw them alike."""
    plot, groups = source.plot, []
    for group in source.values(plot.sort_by, (row.group for row in source.rows)):
        place = value_key(group), value_key(facet)
        mine = [(row, value) for row, value in pairs if (value_key(row.group), value_key(row.facet)) == place]
        groups.append(Group(group_label(plot, group), tuple(marks(mine))))
    return tuple(groups)


def group_label(plot: Plot, group: object) -> str:
    """Return what a group is called: as the plot says, or by its value."""
    text = _text(group)
    return plot.sort_labels.get(text, text)


def _without_empty_groups(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """Return panels without the groups that have no mark in any of them."""
    drawn = [any(group.marks for group in same) for same in zip(*(panel.groups for panel in panels), strict=True)]
    return tuple(replace(panel, groups=tuple(compress(panel.groups, drawn))) for panel in panels)


def _text(value: object) -> str:
    return value_text(value) if isinstance(value, bool | int | float | str) else ""


def _turn(point: Mapping[str, object], experiment: Experiment) -> tuple[int, list[tuple[int, float, str]]]:
    """Return a key that sorts points in the order of the experiment; points that it no longer has come last, by their values."""
    points = list(map(point_key, experiment.parameters.points()))
    place = next((index for index, one in enumerate(points) if one == point_key(point)), len(points))
    return place, [value_order(value) for value in point.values()]

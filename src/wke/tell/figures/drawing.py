"""From a plot and the trials to the values that a figure shows."""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress, pairwise

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import CURVES, Plot, contest_of
from wke.describe.experiment.point import distinct, point_key, value_key
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
from wke.keep.trials.trials import Recorded, StoredAttempt, counting_attempts
from wke.tell.figures.caption import footnote
from wke.tell.figures.curvemarks import CURVE_MARKS
from wke.tell.figures.panels import Drawing, Group, Mark, Panel
from wke.tell.figures.rows import Row, expressions, fitted, make_rows, normalised, shows, x_is_measured
from wke.tell.figures.scales import axis_scale
from wke.tell.tables import titled
from wke.tell.words import worded
from wke.values import dataclass

BESIDE_PT = 5.0  # the distance at which error bars with their end marks stand beside one another


Summarise = Callable[[Sequence[tuple[Row, float]]], Summary]
"""Returns the summary of trials, each with its y."""
MakeMarks = Callable[[Sequence[tuple[Row, float]]], Iterable[Mark]]
"""Returns the marks of a group of trials, each with its y."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What a figure is made of."""

    plot: Plot
    rows: Sequence[Row]
    experiment: Experiment
    units: Mapping[str, str]

    def values(self, parameter: str | None, seen: Iterable[object]) -> list[object]:
        """Return the distinct values of a parameter that rows have, in their order."""
        return _in_order(parameter, seen, self.experiment)


def make_drawing(plot: Plot, trials: Sequence[StoredAttempt], experiment: Experiment) -> Drawing:
    """Return what `plot` shows of `trials`; warm-ups and trials that are not ok are left out.

    What a plot maximises is chosen by the rounds of all points, and shown as fresh rounds measured it again, if they did.

    InputError when trials are there but have no column of the name that the plot gives.
    """
    counting, contest = counting_attempts(trials), contest_of(plot, experiment.parameters)
    good = _good(policy_of(experiment).compared(counting))
    whole = _good(counting) if contest else good
    plot = fitted(plot, good, experiment.parameters.points())
    units = metric_units(good, experiment.metrics)
    rows = make_rows(plot, whole, units, contest)
    source, measured = _Source(plot, rows, experiment, units), x_is_measured(plot, good)
    panels = _without_empty_groups([panel for position in range(len(plot.y_axis)) for panel in _panels(source, position)])
    drawing = Drawing(
        panels=panels,
        xs=tuple(source.values(plot.x_axis, (mark.x for panel in panels for mark in panel.marks))),
        x_label=plot.x_label or _x_label(plot, units, measured=measured),
        group_title="" if plot.sort_labels else worded(plot.sort_by or ""),
        title=plot.title or "",
        measured=measured,
        facets=len(panels) // len(plot.y_axis),
    )
    drawing = _arranged(plot, drawing)
    shown = [trial for trial in good if shows(plot, {**trial.point, **trial.observations})]
    return replace(drawing, footnote=footnote(plot, drawing, rows, shown, experiment))


def _good(trials: Iterable[StoredAttempt]) -> list[StoredAttempt]:
    return [trial for trial in trials if trial.ok and not trial.warmup]


def _x_label(plot: Plot, units: Mapping[str, str], *, measured: bool) -> str:
    if plot.type in CURVES:
        return "quantile" if plot.type == "percentiles" else _value_label(units.get(plot.y_axis[0].name or ""))
    return titled(worded(plot.x_axis), units.get(plot.x_axis, "") if measured else "")


def _arranged(plot: Plot, drawing: Drawing) -> Drawing:
    """Return a drawing with the scale of its x-axis and the distance of its groups."""
    if drawing.numeric and plot.type not in {"bar", "percentiles"}:
        drawing = replace(drawing, x_scale=axis_scale(plot.x_scale, [float(str(x)) for x in drawing.xs], in_twos=True))
    return replace(drawing, offset=_offset(plot, drawing))


def _panels(source: _Source, position: int) -> Iterator[Panel]:
    """Yield the panels of one y: one, or one for each facet."""
    plot, rows, units = source.plot, source.rows, source.units
    expression = expressions(plot)[position]
    seen = [row for row in rows if math.isfinite(row.ys[position])]
    values = [row.ys[position] for row in seen]
    unit = unit_of(expression, [row.columns for row in seen], units)
    kind = _kind(source, expression, unit)
    values = normalised(plot, seen, values, kind)
    pairs = [(row, value) for row, value in zip(seen, values, strict=True) if math.isfinite(value)]
    name, undefined = worded(expression.printed()), _undefined(rows, len(pairs), expression, units)
    pooled = _pooled(source, expression, pairs)

    def summary(mine: Sequence[tuple[Row, float]]) -> Summary:
        return pooled_summary(pooled, [[one] for one in _recorded(pooled, mine)]) if pooled else summarise([y for _, y in mine], kind)

    def marks(mine: Sequence[tuple[Row, float]]) -> Iterator[Mark]:
        if plot.type not in CURVES:
            yield from _marks(plot, mine, summary, source.experiment)
        elif mine and pooled:
            yield from CURVE_MARKS[plot.type](pooled, _recorded(pooled, mine))

    panel = Panel(name, _y_label(plot, position, unit), POOLED if pooled else kind, (), f"{name}: {undefined}" if undefined else "")
    facets = source.values(plot.facet_by, (row.facet for row in rows)) or [None]
    panels = [replace(panel, groups=_groups(source, pairs, facet, marks), title=_facet_title(plot, facet)) for facet in facets]
    scale = axis_scale(plot.y_scale, [mark.summary.centre for panel in panels for mark in panel.marks])
    yield from (replace(panel, scale=scale) for panel in panels)


def _kind(source: _Source, expression: Expression, unit: str | None) -> str:
    """Return how marks summarise: as tables do, and ratios to a baseline as what has no unit."""
    return trial_kind(expression.name or "", source.experiment.metrics, "" if source.plot.baseline else unit)


def _pooled(source: _Source, expression: Expression, pairs: Sequence[tuple[Row, float]]) -> Metric | None:
    """Return the metric whose recorded values are pooled: one that is shown as it is, and that all trials recorded; None for others."""
    metric = next((one for one in source.experiment.metrics if one.name == expression.name), None)
    curve = source.plot.type in CURVES
    if metric is None or not (is_pooled(metric) or curve) or source.plot.normalize_by is not None:
        return None
    stored = bool(pairs) and all(metric.name in row.recorded for row, _ in pairs)
    if curve and pairs and not stored:
        raise InputError(f"the recorded values of {metric.name} are not stored with all trials, so there is no curve of them")
    return metric if stored else None


def _recorded(metric: Metric, pairs: Sequence[tuple[Row, float]]) -> list[Recorded]:
    return [row.recorded[metric.name] for row, _ in pairs]


def _facet_title(plot: Plot, facet: object) -> str:
    return f"{worded(plot.facet_by)} = {_text(facet)}" if plot.facet_by and facet is not None else ""


def _undefined(rows: Sequence[Row], defined: int, expression: Expression, units: Mapping[str, str]) -> str:
    """Return how many trials have no value of an expression, and why; "" if all have one."""
    reasons: Counter[str] = Counter()
    for row in rows:
        try:
            calculate(expression, row.columns, units)
        except ExpressionError as error:
            reasons[str(error)] += 1
    if (undivided := len(rows) - defined - reasons.total()) > 0:
        reasons["there is nothing to divide by in the round, or it is 0"] = undivided
    return "; ".join(f"no value in {count} of {counted(len(rows), 'trial')} ({why})" for why, count in reasons.most_common())


def _groups(source: _Source, pairs: Sequence[tuple[Row, float]], facet: object, marks: MakeMarks) -> tuple[Group, ...]:
    """Return the groups of a facet: those of the whole figure, so that all panels draw them alike."""
    plot, groups = source.plot, []
    for group in source.values(plot.sort_by, (row.group for row in source.rows)):
        place = value_key(group), value_key(facet)
        mine = [(row, value) for row, value in pairs if (value_key(row.group), value_key(row.facet)) == place]
        text = _text(group)
        groups.append(Group(plot.sort_labels.get(text, text), tuple(marks(mine))))
    return tuple(groups)


def _without_empty_groups(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """Return panels without the groups that have no mark in any of them."""
    drawn = [any(group.marks for group in same) for same in zip(*(panel.groups for panel in panels), strict=True)]
    return tuple(replace(panel, groups=tuple(compress(panel.groups, drawn))) for panel in panels)


def _text(value: object) -> str:
    return value_text(value) if isinstance(value, bool | int | float | str) else ""


def _offset(plot: Plot, drawing: Drawing) -> float:
    """Return how far apart groups stand at one x: as the plot says, else apart if their error bars overlap."""
    if plot.type != "line" or drawing.measured:
        return 0.0
    if plot.offset is not None:
        return plot.offset
    return BESIDE_PT if not drawing.banded and any(map(_overlaps, drawing.panels)) else 0.0


def _overlaps(panel: Panel) -> bool:
    """Return whether error bars of two groups overlap at an x."""
    places: dict[Hashable, list[tuple[float, float]]] = {}
    for mark in panel.marks:
        if mark.summary.low is not None and mark.summary.high is not None:
            places.setdefault(value_key(mark.x), []).append((mark.summary.low, mark.summary.high))
    return any(after[0] <= before[1] for here in places.values() for before, after in pairwise(sorted(here)))


def _y_label(plot: Plot, position: int, unit: str | None) -> str:
    """Return the label of a panel's y-axis: the user's (one may serve for all panels), or what it shows with its unit."""
    if plot.type in CURVES and (plot.type == "cdf" or not plot.y_label):
        return plot.y_label[0] if plot.y_label else "share of values" if plot.type == "cdf" else _value_label(unit)
    if plot.y_label:
        return plot.y_label[position if len(plot.y_label) == len(plot.y_axis) else 0]
    name = worded(expressions(plot)[position].printed())
    return f"{name}, relative" if plot.baseline else titled(name, unit or "")


def _value_label(unit: str | None) -> str:
    """Return what recorded values are called."""
    return titled("latency" if is_time(unit or "") else "recorded value", unit or "")


def _marks(plot: Plot, pairs: Sequence[tuple[Row, float]], summary: Summarise, experiment: Experiment) -> Iterator[Mark]:
    """Yield a mark for each x of a group, in the order of x; a metric x is in the order of the points, because a curve may turn back."""
    places: dict[Hashable, list[tuple[Row, float]]] = {}
    for row, value in pairs:
        places.setdefault(value_key(row.x), []).append((row, value))
    xs = _in_order(plot.x_axis, (row.x for row, _ in pairs), experiment)
    if any(row.own_x is not None for row, _ in pairs):
        xs.sort(key=lambda x: _turn(places[value_key(x)][0][0].point, experiment))
    for x in xs:
        mine = places[value_key(x)]
        own = [row.own_x for row, _ in mine if row.own_x is not None]
        suspect = any(row.suspect for row, _ in mine)
        yield Mark(x, summary(mine), summarise(own, "mean") if own else None, suspect)


def _turn(point: Mapping[str, object], experiment: Experiment) -> tuple[int, list[tuple[int, float, str]]]:
    """Return a key that sorts points in the order of the experiment; points that it no longer has come last, by their values."""
    points = list(map(point_key, experiment.parameters.points()))
    place = next((index for index, one in enumerate(points) if one == point_key(point)), len(points))
    return place, [value_order(value) for value in point.values()]


def _in_order(parameter: str | None, values: Iterable[object], experiment: Experiment) -> list[object]:
    """Return the distinct values of a parameter: numbers by size, words as in the file, then words that it no longer has."""
    known = list(experiment.parameters.values(parameter)) if parameter else []
    words = {value: place for place, value in enumerate(known) if not isinstance(value, int | float)}
    return sorted(distinct(values), key=lambda value: (words.get(value, len(words)) if isinstance(value, str) else 0, value_order(value)))

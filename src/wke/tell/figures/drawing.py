"""What a figure shows, as values before anything is drawn: panels of groups of marks, and the sentences that explain them."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.plot import Plot
from wke.describe.experiment.point import distinct, point_key, value_key
from wke.describe.experiment.sweep import value_text
from wke.describe.expression.evaluation import ExpressionError, calculate
from wke.describe.expression.expression import Expression
from wke.describe.expression.units import is_known
from wke.judge.policies.choose import policy_of
from wke.judge.statistics.statistics import Summary, summarise
from wke.judge.statistics.summaries import metric_units, summary_kind
from wke.judge.summary.pointtable import value_order, varied
from wke.keep.trials.trials import StoredAttempt, counting_attempts
from wke.tell.figures.rows import Row, expressions, fitted, make_rows, normalised, shows, x_is_measured
from wke.tell.precision import share_text
from wke.tell.tables import titled


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a figure: its place on the x-axis, the summary of its trials, and `across`, their summary of x if x is a metric."""

    x: object
    summary: Summary
    across: Summary | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One line, or the bars of one colour."""

    label: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: its name, the label of its y-axis, its kind of summary, its groups; `undefined` says which trials have no value."""

    name: str
    label: str
    kind: str
    groups: tuple[Group, ...]
    undefined: str = ""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks of all groups."""
        return tuple(mark for group in self.groups for mark in group.marks)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole figure. `xs` are the places on the x-axis in order: numbers (of a metric if `measured`), or names of categories.

    `group_title` stands above labels that are bare values; labels that the user wrote speak for themselves.
    """

    panels: tuple[Panel, ...]
    xs: tuple[object, ...]
    x_label: str
    group_title: str
    footnote: str
    measured: bool = False

    @property
    def numeric(self) -> bool:
        """Return whether the x-axis shows numbers."""
        return all(isinstance(x, int | float) and not isinstance(x, bool) for x in self.xs)

    def place(self, x: object) -> int:
        """Return the position of a category on the x-axis."""
        return list(map(value_key, self.xs)).index(value_key(x))


def make_drawing(plot: Plot, trials: Sequence[StoredAttempt], experiment: Experiment) -> Drawing:
    """Return what `plot` shows of `trials`; warm-ups and trials that are not ok are left out.

    InputError when trials are there but have no column of the name that the plot gives.
    """
    counted = [trial for trial in counting_attempts(trials) if not trial.warmup]
    good = [trial for trial in counted if trial.ok]
    plot = fitted(plot, good, experiment.parameters.points())
    units = metric_units(good, experiment.metrics)
    rows = make_rows(plot, good, units)
    measured = x_is_measured(plot, good)
    panels = tuple(_panel(plot, position, rows, experiment, units) for position in range(len(plot.y_axis)))
    shown = [trial for trial in good if shows(plot, {**trial.point, **trial.observations})]
    notes = [*_explanations(plot, panels), *_selections(plot, panels), *_mixed(plot, rows, measured=measured)]
    return Drawing(
        panels=panels,
        xs=tuple(_in_order(plot.x_axis, (mark.x for panel in panels for mark in panel.marks), experiment)),
        x_label=plot.x_label or titled(_words(plot.x_axis), units.get(plot.x_axis, "") if measured else ""),
        group_title="" if plot.sort_labels else _words(plot.sort_by or ""),
        footnote=" ".join([*notes, *_missing(plot, shown, experiment)]),
        measured=measured,
    )


def _panel(plot: Plot, position: int, rows: Sequence[Row], experiment: Experiment, units: Mapping[str, str]) -> Panel:
    expression = expressions(plot)[position]
    seen = [row for row in rows if math.isfinite(row.ys[position])]
    values = [row.ys[position] for row in seen]
    unit = _unit(expression, seen, units)
    kind = summary_kind(expression.name or "", experiment.metrics, unit)
    values = normalised(plot, seen, values, kind)
    pairs = [(row, value) for row, value in zip(seen, values, strict=True) if math.isfinite(value)]
    groups = []
    for group in _in_order(plot.sort_by, (row.group for row, _ in pairs), experiment):
        mine = [(row, value) for row, value in pairs if value_key(row.group) == value_key(group)]
        text = value_text(group) if isinstance(group, bool | int | float | str) else ""
        groups.append(Group(plot.sort_labels.get(text, text), tuple(_marks(plot, mine, kind, experiment))))
    name, undefined = _words(expression.printed()), _undefined(rows, len(pairs), expression, units)
    return Panel(name, _y_label(plot, position, unit), kind, tuple(groups), f"{name}: {undefined}" if undefined else "")


def _undefined(rows: Sequence[Row], defined: int, expression: Expression, units: Mapping[str, str]) -> str:
    """Return how many trials have no value of an expression, and why; "" if all have one."""
    reasons: Counter[str] = Counter()
    for row in rows:
        try:
            calculate(expression, row.columns, units)
        except ExpressionError as error:
            reasons[str(error)] += 1
    if (undivided := len(rows) - defined - reasons.total()) > 0:
        reasons["there is no mean to divide by, or it is 0"] = undivided
    return "; ".join(f"no value in {count} of {len(rows)} trials ({why})" for why, count in reasons.most_common())


def _y_label(plot: Plot, position: int, unit: str | None) -> str:
    """Return the label of a panel's y-axis: the user's (one may serve for all panels), or what it shows with its unit."""
    if plot.y_label:
        return plot.y_label[position if len(plot.y_label) == len(plot.y_axis) else 0]
    name = _words(expressions(plot)[position].printed())
    return f"{name}, relative" if plot.baseline else titled(name, unit or "")


def _unit(expression: Expression, rows: Sequence[Row], units: Mapping[str, str]) -> str | None:
    """Return the unit of an expression's values; None for a product or quotient of units that has no common name."""
    for row in rows:
        try:
            unit = calculate(expression, row.columns, units)[1]
        except ExpressionError:
            continue
        return unit if not unit or unit in units.values() or is_known(unit) else None
    return units.get(expression.name or "", "")


def _marks(plot: Plot, pairs: Sequence[tuple[Row, float]], kind: str, experiment: Experiment) -> Iterator[Mark]:
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
        yield Mark(x, summarise([value for _, value in mine], kind), summarise(own, "mean") if own else None)


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


def _words(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")


def _explanations(plot: Plot, panels: Sequence[Panel]) -> Iterator[str]:
    """Yield what marks and whiskers are, how many trials they have, and which trials have no value."""
    summaries = [mark.summary for panel in panels for mark in panel.marks]
    undefined = [f"{panel.undefined}." for panel in panels if panel.undefined]
    if summaries:
        yield _marks_text(plot, panels, summaries)
        yield from _without_interval(summaries)
    elif not undefined:
        yield "No trial has been completed yet."
    yield from undefined


def _without_interval(summaries: Sequence[Summary]) -> Iterator[str]:
    """Yield why marks have no interval."""
    counts = {summary.n for summary in summaries}
    if 1 in counts:
        yield "Hollow: one trial, no interval." if max(counts) > 1 else "One trial has no interval."
    elif any(summary.low is None and not summary.marked for summary in summaries):
        yield "A median of fewer than 6 trials has no interval."
    if marked := sum(summary.marked for summary in summaries):
        yield f"No interval where a value is 0 or less: the mean ({marked} of {len(summaries)} marks)."


def _marks_text(plot: Plot, panels: Sequence[Panel], summaries: Sequence[Summary]) -> str:
    things, whiskers = ("Bars", "whiskers") if plot.type == "bar" else ("Points", "bars")
    shown = [panel for panel in panels if panel.marks]
    alike = len({panel.kind for panel in shown}) == 1
    names = (_kind_name(shown[0].kind),) if alike else (f"{panel.name}: {_kind_name(panel.kind)}" for panel in shown)
    text = f"{things}: {', '.join(names)} of {_range([summary.n for summary in summaries])}"
    if any(summary.low is not None for summary in summaries):
        text += f"; {whiskers}: {summaries[0].confidence * 100:g}\u202f% confidence interval"
    return text + "."


def _selections(plot: Plot, panels: Sequence[Panel]) -> Iterator[str]:
    """Yield which trials were chosen by their results, and what results were divided by."""
    if plot.maximize_by and panels[0].marks:
        yield f"At the {_words(plot.maximize_by)} with the highest mean {panels[0].name}."
    if plot.baseline:
        values = " or ".join(value_text(value) for value in plot.baseline.values)
        yield f"Divided by the mean at {_words(plot.baseline.key)} = {values}, whose own spread is not part of the other intervals."


def _kind_name(kind: str) -> str:
    return kind.replace("-", " ")


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low} trial{'s' if low > 1 else ''}" if low == high else f"{low}\u2013{high} trials"


def _mixed(plot: Plot, rows: Sequence[Row], *, measured: bool) -> Iterator[str]:
    """Yield a warning when a mark joins points that differ in parameters that the figure does not show."""
    told = {plot.x_axis, plot.sort_by, plot.maximize_by}
    others = [] if measured else [name for name in varied([row.point for row in rows]) if name not in told]
    if others:
        yield f"Joined over different {' and '.join(map(_words, others))}."


def _missing(plot: Plot, good: Sequence[StoredAttempt], experiment: Experiment) -> Iterator[str]:
    """Yield how much of the series is there, unless it is complete."""
    kept = [point for point in experiment.parameters.points() if shows(plot, point)]
    policy = policy_of(experiment)
    if len(visited := policy.visited(kept, good)) < len(kept):
        yield f"{len(visited)} of {len(kept)} points tried."
        return
    if precisions := policy.precisions(kept, good):
        if wide := sum(not point.enough for point in precisions):
            yield f"{wide} of {len(kept)} points are not yet within {share_text(precisions[0].wanted)}."
        return
    planned = experiment.iterations * len(kept)
    if len(good) < planned and not _filters_results(plot, experiment):
        yield f"{len(good)} of {planned} trials."


def _filters_results(plot: Plot, experiment: Experiment) -> bool:
    """Return whether the plot chooses trials by their results, so that their final number is not known."""
    return any(kept.key not in experiment.parameters.names for kept in plot.filter_by)

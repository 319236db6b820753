"""What a plot takes from the trials before anything is summarised: one row per trial, with its x, its group and its y values.

All y values are computed here, trial by trial, so that the interval of a mark is the interval of what it shows.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from statistics import mean

from wke.describe.experiment.plot import Contest, Filter, Plot
from wke.describe.experiment.point import distinct, meant, point_key, value_key
from wke.describe.experiment.sweep import Value
from wke.describe.expression.equation import divided, over
from wke.describe.expression.evaluation import UnitError, calculate, number_or_nan
from wke.describe.expression.expression import Expression
from wke.describe.toml.limits import FRESH_FROM
from wke.errors import InputError, did_you_mean
from wke.judge.policies.maximizing import best_of
from wke.judge.statistics.statistics import summarise
from wke.judge.summary.pointtable import Point
from wke.keep.trials.trials import Recorded, StoredAttempt
from wke.values import dataclass

Columns = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One trial of a plot, with the line and the panel that it belongs to.

    If the x-axis shows a metric, `x` is the mean of the point's trials and `own_x` the value of this trial. `recorded` is what the trial
    recorded, by metric. A plot that maximises chose it among the trials of `rivals` other values.
    """

    point: Point
    columns: Columns
    x: object
    own_x: float | None
    group: object
    facet: object
    ys: tuple[float, ...]
    suspect: bool = False
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    round: int = 0
    rivals: int = 0
    id: str = ""

    @property
    def fresh(self) -> bool:
        """Whether the trial is of a fresh round, which measures again what results chose."""
        return self.round >= FRESH_FROM


def fitted(plot: Plot, trials: Sequence[StoredAttempt], points: Sequence[Point] = ()) -> Plot:
    """Return the plot for the columns of these trials and planned points.

    A y-axis such as "ops/s" may be the name of one of them, and a filter means values that they have: 1.0 for 1 if there is no 1.
    """
    table = [*({**trial.point, **trial.observations} for trial in trials), *points]
    columns = {name for row in table for name in row}

    def resolved(kept: Filter) -> Filter:
        known = distinct(value for row in table if isinstance(value := row.get(kept.key), Value))
        return replace(kept, values=tuple(value for one in kept.values for value in meant(one, known)))

    return replace(
        plot,
        y_axis=tuple(over(y, columns) for y in plot.y_axis),
        filter_by=tuple(map(resolved, plot.filter_by)),
        normalize_by=resolved(plot.normalize_by) if isinstance(plot.normalize_by, Filter) else plot.normalize_by,
    )


def make_rows(plot: Plot, trials: Sequence[StoredAttempt], units: Mapping[str, str] = {}, contest: Contest | None = None) -> list[Row]:
    """Return the rows of the trials that the plot shows: filtered, computed, and only the best ones if it maximises, by a `contest`.

    Raise InputError when no trial has a column that the plot names, or when a value to compute with is not a number or has the wrong unit.
    """
    table = [{**trial.point, **trial.observations} for trial in trials]
    if table:
        _check_columns(plot, table)
        _check_units(plot, table, units)
    measured = x_is_measured(plot, trials)
    if measured and plot.baseline:
        raise InputError(
            f'a plot normalises by a value, but no two trials have the same place on x-axis = "{plot.x_axis}", which is measured'
        )
    rows = [_row(plot, trial, row, units, measured=measured) for trial, row in zip(trials, table, strict=True) if shows(plot, row)]
    if measured:
        rows = _at_their_mean([row for row in rows if row.own_x is not None])
    return _maximised(rows, plot.maximize_by, contest) if plot.maximize_by else rows


def shows(plot: Plot, columns: Columns) -> bool:
    """Return whether the plot's filters keep a trial with these columns."""
    return all(one.keeps(columns) for one in plot.filter_by)


def expressions(plot: Plot) -> tuple[Expression, ...]:
    """Return what each panel shows: y, or y divided by the column that the plot normalises by."""
    if isinstance(plot.normalize_by, str):
        return tuple(divided(y, plot.normalize_by) for y in plot.y_axis)
    return plot.y_axis


def x_is_measured(plot: Plot, trials: Sequence[StoredAttempt]) -> bool:
    """Return whether the x-axis shows a metric, not a parameter."""
    return plot.x_axis != "" and bool(trials) and not any(plot.x_axis in trial.point for trial in trials)


def normalised(plot: Plot, rows: Sequence[Row], ys: Sequence[float], kind: str) -> list[float]:
    """Return `ys`, one for each row, divided by the plot's baseline in the same round: so its own spread is in the intervals, too.

    The baseline of a y has the same x, group and facet, except for the one that the baseline itself fixes; where it has several trials in a
    round, their mean of this kind counts. A y whose round has no baseline is NaN.
    """
    baseline = plot.baseline
    if baseline is None:
        return list(ys)

    def place(row: Row) -> Hashable:
        where = ((plot.x_axis, row.x), (plot.sort_by, row.group), (plot.facet_by, row.facet))
        return row.round, *(None if key == baseline.key else value_key(value) for key, value in where)

    found: dict[Hashable, list[float]] = {}
    for row, y in zip(rows, ys, strict=True):
        if baseline.keeps(row.columns) and math.isfinite(y):
            found.setdefault(place(row), []).append(y)
    means = {where: summarise(values, kind).centre for where, values in found.items()}
    return [y / means[place(row)] if means.get(place(row)) else math.nan for row, y in zip(rows, ys, strict=True)]


def _row(plot: Plot, trial: StoredAttempt, columns: Columns, units: Mapping[str, str], *, measured: bool) -> Row:
    x = columns.get(plot.x_axis)
    own = float(x) if measured and isinstance(x, int | float) and not isinstance(x, bool) else math.nan
    ys = tuple(number_or_nan(y, columns, units) for y in expressions(plot))
    group, facet = (columns.get(name or "") for name in (plot.sort_by, plot.facet_by))
    own_x = own if math.isfinite(own) else None
    return Row(trial.point, columns, x, own_x, group, facet, ys, trial.suspect, trial.recorded, trial.iteration, id=trial.id)


def _at_their_mean(rows: Sequence[Row]) -> list[Row]:
    """Give all trials of a point their mean x: they are repetitions of one mark, not separate marks."""

    def point(row: Row) -> Hashable:
        return point_key(row.point), value_key(row.group), value_key(row.facet)

    means = {where: mean(row.own_x for row in mine if row.own_x is not None) for where, mine in _grouped(rows, point).items()}
    return [replace(row, x=means[point(row)]) for row in rows]


def _maximised(rows: Sequence[Row], column: str, contest: Contest | None) -> list[Row]:
    """Keep, for each x, group and facet, the rows with the value of the column that has the highest mean of the first y.

    Of these the fresh ones are kept, if there are any. The fresh ones do not choose, because the best of them would be the luckiest again.
    """
    order = {value_key(one): place for place, one in enumerate(contest.values if contest else ())}

    def place(row: Row) -> Hashable:
        return value_key(row.x), value_key(row.group), value_key(row.facet)

    def value(row: Row) -> Hashable:
        return value_key(row.columns.get(column))

    best: dict[Hashable, tuple[Hashable, int]] = {}
    for where, mine in _grouped([row for row in rows if not row.fresh], place).items():
        values = sorted(_grouped(mine, value).items(), key=lambda one: order.get(one[0], 0))
        winner, _ = best_of([[row.ys[0] for row in same] for _, same in values])
        best[where] = values[winner][0], len(values) - 1
    kept = [(row, rivals) for row in rows for winner, rivals in [best.get(place(row), (None, 0))] if value(row) == winner]
    again = {place(row) for row, _ in kept if row.fresh}
    return [replace(row, rivals=rivals) for row, rivals in kept if row.fresh == (place(row) in again)]


def _grouped(rows: Sequence[Row], key: Callable[[Row], Hashable]) -> dict[Hashable, list[Row]]:
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _check_columns(plot: Plot, table: Sequence[Columns]) -> None:
    known = list(dict.fromkeys(name for row in table for name in row))
    for axis, name in _named(plot):
        if name not in known:
            raise InputError(f'a plot has {axis} = "{name}", but no trial has a column of that name', hint=did_you_mean(name, known))
    for y in expressions(plot):
        for name in y.names:
            if all(isinstance(row.get(name), str | bool) for row in table if name in row):
                raise InputError(f'a plot computes with column "{name}", which holds no numbers', hint="sort by it, or filter by it")


def _check_units(plot: Plot, table: Sequence[Columns], units: Mapping[str, str]) -> None:
    for y in plot.y_axis:
        for row in table:
            try:
                calculate(y, row, units)
            except UnitError as error:
                raise InputError(f"a plot computes {y.printed()}, but {error}", hint="give the metrics units that fit, or none") from error
            except ValueError:
                continue


def _named(plot: Plot) -> Iterator[tuple[str, str]]:
    """Yield every column that the plot names, with the key that names it."""
    named = {"x-axis": plot.x_axis, "sort-by": plot.sort_by, "facet-by": plot.facet_by, "maximize-by": plot.maximize_by}
    yield from ((key, name) for key, name in named.items() if name)
    yield from (("y-axis", name) for y in plot.y_axis for name in y.names)
    yield from (("filter-by", kept.key) for kept in plot.filter_by)
    if plot.normalize_by is not None:
        yield "normalize-by", plot.normalize_by if isinstance(plot.normalize_by, str) else plot.normalize_by.key

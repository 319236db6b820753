"""Result rows as columns and as CSV, for other programs: one row for every attempt, whatever its outcome."""

import math
from collections.abc import Iterable, Mapping, Sequence

from wke.describe.experiment.sweep import value_text
from wke.describe.expression.units import convert
from wke.errors import InputError
from wke.judge.summary.resultrow import ResultRow
from wke.keep.files.csvtext import csv_text
from wke.values import dataclass

Cell = bool | int | float | str | None

FIXED: Mapping[str, type] = {
    "series": str,
    "trial": str,
    "attempt": int,
    "iteration": int,
    "warmup": bool,
    "outcome": str,
    "verdict": str,
    "why": str,
    "doubts": str,
    "limit": str,
    "broken": bool,
    "counts": bool,
    "started_ns": int,
    "elapsed_s": float,
    "skew_ms": float,
    "skew_bound_ms": float,
    "derived_from": str,
    "stands_for": str,
}
"""The columns of every table and their types; a parameter or metric of the same name becomes `parameter.NAME` or `metric.NAME`."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows as columns, each of one type and all equally long; `units` maps the columns of metrics to their units."""

    cells: Mapping[str, list[Cell]]
    units: Mapping[str, str]

    def type_of(self, name: str) -> type:
        """Return bool, int, float or str."""
        return next((type(cell) for cell in self.cells[name] if cell is not None), FIXED.get(name, str))


def columns(rows: Sequence[ResultRow]) -> Columns:
    """Return the rows as columns: those of FIXED, the parameters, the metrics. A value that a row does not have is None.

    A parameter with both numbers and text becomes text.
    """
    cells: dict[str, list[Cell]] = {name: [getattr(row, name) for row in rows] for name in FIXED}
    units: dict[str, str] = {}
    for parameter in dict.fromkeys(name for row in rows for name in row.point):
        cells[column_name(parameter, "parameter", cells)] = _of_one_kind([row.point.get(parameter) for row in rows])
    for metric in dict.fromkeys(name for row in rows for name in row.observations):
        column = column_name(metric, "metric", cells)
        unit = next(row.units.get(metric, "") for row in rows if metric in row.observations)
        cells[column], units[column] = [_in_unit(row, metric, unit) for row in rows], unit
    return Columns(cells, units)


def rows_csv(rows: Sequence[ResultRow]) -> str:
    """Return the rows as CSV under one header; a value that a row does not have is an empty field."""
    table = columns(rows).cells
    return csv_text(table, zip(*table.values(), strict=True))


def _in_unit(row: ResultRow, metric: str, unit: str) -> float | None:
    """Return a row's value of a metric in the unit of its column; raise InputError for a series in which it measures something else."""
    value, own = row.observations.get(metric), row.units.get(metric, "")
    if value is None or own == unit or not math.isfinite(value):
        return value
    converted = convert(value, own, unit)
    if converted is None:
        what = f'{metric} is in "{own}" in series {row.series}, and in "{unit}" in another: one column cannot have both'
        raise InputError(what, hint="ask for one series at a time")
    return converted


def column_name(name: str, kind: str, taken: Iterable[str]) -> str:
    """Return the column of a parameter or metric (the `kind`): its name, unless another column is called so."""
    return f"{kind}.{name}" if name in taken else name


def _of_one_kind(values: Sequence[object]) -> list[Cell]:
    """Return values that are all bool, all int, all float or all text, apart from None."""
    known = [value if value is None or isinstance(value, bool | int | float | str) else str(value) for value in values]
    kinds = {type(value) for value in known if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in known]
    return known if len(kinds) <= 1 else [None if value is None else value_text(value) for value in known]

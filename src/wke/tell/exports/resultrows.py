"""Results as rows for other programs: one for every attempt, whatever came of it, with all that is known of it."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wke.describe.experiment.sweep import value_text
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt

Cell = bool | int | float | str | None

FIXED: Mapping[str, type] = {
    "series": str,
    "trial": str,
    "attempt": int,
    "iteration": int,
    "warmup": bool,
    "outcome": str,
    "why": str,
    "counts": bool,
    "started_ns": int,
    "elapsed_s": float,
    "skew_ms": float,
    "derived_from": str,
    "stands_for": str,
}
"""The columns that every table has, and their types; a parameter or metric so called is `parameter.NAME` or `metric.NAME`."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One attempt at a trial of the latest plan of `series`; `counts` says whether it is what tables and figures show of the trial.

    `point` maps parameters to values, `observations` metrics to theirs, in `units`. `why` says what made the outcome anything but ok, or
    on what machines it was, if these are no more. With `derived_from`, a trial and the number of an attempt joined by a dot, that one ran
    and `folder`, which has the output, is its; with `stands_for` somebody accepted it for that trial of the plan.
    """

    series: str
    trial: str
    attempt: int
    iteration: int
    warmup: bool
    outcome: str
    why: str
    counts: bool
    started_ns: int | None
    elapsed_s: float | None
    skew_ms: float | None
    derived_from: str | None
    stands_for: str | None
    folder: Path
    point: Mapping[str, object] = field(default_factory=dict)
    observations: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows as columns of one type each, all equally long; `units` has those of metrics, by column."""

    cells: Mapping[str, list[Cell]]
    units: Mapping[str, str]

    def type_of(self, name: str) -> type:
        """Return bool, int, float or str."""
        return next((type(cell) for cell in self.cells[name] if cell is not None), FIXED.get(name, str))


def series_rows(store: Store, name: str) -> tuple[ResultRow, ...]:
    """Return a row for every attempt of a series, by running order of the trials and number; InputError for a name that no series has."""
    shown = {(trial.id, trial.attempt): trial for trial in store.attempts.one_per_trial(name)}
    attempts = {(attempt.id, attempt.attempt): attempt for attempt in store.attempts.of_plan(name)}
    return tuple(_row(name, one, counts=key in shown and one.ok and not one.warmup) for key, one in (attempts | shown).items())


def columns(rows: Sequence[ResultRow]) -> Columns:
    """Return the rows as columns: those of FIXED, the parameters, the metrics. What a row does not have is None.

    A parameter that has numbers and words is told in words.
    """
    cells: dict[str, list[Cell]] = {name: [getattr(row, name) for row in rows] for name in FIXED}
    units: dict[str, str] = {}
    for parameter in dict.fromkeys(name for row in rows for name in row.point):
        cells[_column(parameter, "parameter", cells)] = _of_one_kind([row.point.get(parameter) for row in rows])
    for metric in dict.fromkeys(name for row in rows for name in row.observations):
        column = _column(metric, "metric", cells)
        cells[column] = [row.observations.get(metric) for row in rows]
        units[column] = next(row.units.get(metric, "") for row in rows if metric in row.observations)
    return Columns(cells, units)


def csv_text(rows: Sequence[ResultRow]) -> str:
    """Return the rows as CSV under one header; what a row does not have is an empty field."""
    table = columns(rows).cells
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows([_text(cell) for cell in record] for record in zip(*table.values(), strict=True))
    return text.getvalue()


def _row(series: str, attempt: StoredAttempt, *, counts: bool) -> ResultRow:
    return ResultRow(
        series=series,
        trial=attempt.id,
        attempt=attempt.attempt,
        iteration=attempt.iteration,
        warmup=attempt.warmup,
        outcome=attempt.outcome,
        why=attempt.why or "; ".join(map(str, attempt.changes)),
        counts=counts,
        started_ns=attempt.started_ns,
        elapsed_s=attempt.elapsed_s,
        skew_ms=attempt.start.skew_ns / 1e6 if attempt.start else None,
        derived_from=".".join(map(str, attempt.ran)) if attempt.derivation else None,
        stands_for=attempt.stands_for,
        folder=attempt.folder,
        point=attempt.point,
        observations=attempt.observations,
        units=attempt.units,
    )


def _column(name: str, kind: str, taken: Iterable[str]) -> str:
    return f"{kind}.{name}" if name in taken else name


def _of_one_kind(values: Sequence[object]) -> list[Cell]:
    """Return values that are all bool, all int, all float or all text, None aside."""
    known = [value if value is None or isinstance(value, bool | int | float | str) else str(value) for value in values]
    kinds = {type(value) for value in known if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in known]
    return known if len(kinds) <= 1 else [None if value is None else value_text(value) for value in known]


def _text(cell: Cell) -> str | int | float:
    return "" if cell is None else str(cell).lower() if isinstance(cell, bool) else cell

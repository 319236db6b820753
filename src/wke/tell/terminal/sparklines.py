"""The course of a metric as a small picture in each row of a table: a block for each trial, in the order of time.

A block's height is the trial's value beside the mean of its row, on one scale for all rows: a steady row is level, a drift slopes, and rows
that scatter more look so. Rows are compared by their numbers, not by these pictures.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from wke.describe.experiment.point import point_key
from wke.judge.statistics.summaries import by_point
from wke.judge.summary.series import SeriesSummary
from wke.keep.trials.trials import StoredAttempt
from wke.tell.tables import TextTable, rows_of

BLOCKS = "▁▂▃▄▅▆▇█"
ROUNDING = 1e-9
MOST = 20
"""Trials of a row that are shown: the last ones."""


def with_course(table: TextTable, summary: SeriesSummary) -> TextTable:
    """Return a table with a last column that shows the course of its first metric; as it is where no row has two trials."""
    name = next(iter(summary.table.units), None)
    trials = by_point(trial for trial in summary.shown if trial.ok and not trial.warmup)
    courses = [_course(name, trials.get(point_key(row.point), ())) for row in rows_of(summary.table) if name is not None]
    if not any(len(course) > 1 for course in courses):
        return table
    shares = [1.0, *(share for course in courses for share in course)]
    low, high = min(shares), max(shares)
    cells = tuple((*row, picture(course, low, high)) for row, course in zip(table.cells, courses, strict=True))
    ends = f"from {_percent(low - 1)} to {_percent(high - 1)}" if low < high else "all are alike"
    note = f"course: {name} of each trial beside the mean of its row, in the order of time; {ends}"
    return TextTable((*table.header, "course"), cells, table.keys, (*table.notes, note))


def picture(course: Sequence[float], low: float, high: float) -> str:
    """Return a block for each value; the lowest block is `low`, the highest `high`, and middle ones are for values that are all alike."""
    if high <= low:
        return BLOCKS[len(BLOCKS) // 2] * len(course)
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int(len(BLOCKS) * (value - low) / (high - low) + ROUNDING))] for value in course)


def _course(name: str, trials: Sequence[StoredAttempt]) -> list[float]:
    """Return the last values of a metric as shares of their mean; nothing where these would say nothing."""
    ordered = sorted(trials, key=lambda trial: trial.started_ns)
    values = [value for trial in ordered if math.isfinite(value := trial.observations.get(name, math.nan))]
    mean = fmean(values) if values else 0.0
    return [value / mean for value in values[-MOST:]] if mean else []


def _percent(share: float) -> str:
    """Return a share beside the mean with its sign: `-0.52 %`, `+250 %`."""
    percent = 100 * share
    return f"{percent:+.2g} %" if abs(percent) < 10 else f"{percent:+.0f} %"

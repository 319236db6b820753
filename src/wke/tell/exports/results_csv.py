"""The results of a series as a results file for spreadsheets and other programs. It is an export; the store is the truth."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.summaries import metric_units
from wke.judge.summary.pointtable import Point, varied
from wke.judge.summary.series import SeriesWork
from wke.keep.files.disk import write_if_new
from wke.keep.trials.trials import StoredAttempt, counting_attempts
from wke.tell.exports.resultrows import column_name
from wke.tell.exports.resultsfile import ResultsFile
from wke.tell.searches import answers_csv
from wke.tell.terminal.sanitize import visible

BROKEN = "broken checks"
SUSPECT = "suspect because"
"""Titles of columns; a blank is in no name of a metric."""


def results_file(
    trials: Sequence[StoredAttempt],
    metrics: Sequence[Metric] = (),
    *,
    command: str = "",
    points: Sequence[Point] = (),
    rows_of: Callable[[StoredAttempt], Sequence[tuple[Point, Point]]] | None = None,
) -> ResultsFile:
    """Return a file with the columns `uid, varied parameters…, metrics…` and the rows of each trial that is ok.

    If some trials are broken or suspect, last columns say why. Warm-ups are left out; a metric that a trial does not have is an empty
    field. Which parameters vary depends on `points` and the rows. With `rows_of`, which returns the parameters and metrics of a trial's
    rows, the file has the form of wke 0.1.
    """
    counting = result_rows(trials)
    why, marks = _marks(counting)
    pairs = [(trial.id, *row) for trial in counting for row in (rows_of(trial) if rows_of else [(trial.point, trial.observations)])]
    shown = [point for _, point, _ in pairs]
    parameters = tuple(dict.fromkeys([*varied(points), *varied(shown)]))
    units = metric_units(counting, metrics)
    columns = {name: column_name(name, "parameter", ["uid"]) for name in parameters}
    seen = dict.fromkeys([*units, *(name for *_, values in pairs for name in values)])
    measured = {name: column_name(name, "metric", ["uid", *columns.values()]) for name in seen}
    return ResultsFile(
        commands=(command,),
        constants={name: v for point in [*points[:1], *shown[:1]] for name, v in point.items() if name not in parameters},
        columns=("uid", *columns.values(), *measured.values(), *marks),
        rows=tuple({"uid": uid, **_renamed(columns, point), **_renamed(measured, values), **why[uid]} for uid, point, values in pairs),
        units={measured[name]: unit for name, unit in units.items()},
        commented=rows_of is not None,
    )


def _marks(trials: Iterable[StoredAttempt]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return, by trial, the fields that say why it is broken or suspect, and the columns of such fields."""
    fields = {
        trial.id: ({BROKEN: trial.why} if trial.broken else {}) | ({SUSPECT: trial.doubts} if trial.suspect else {}) for trial in trials
    }
    return fields, [mark for mark in (BROKEN, SUSPECT) if any(mark in each for each in fields.values())]


def _renamed(columns: Mapping[str, str], values: Point) -> dict[str, object]:
    return {column: values[name] for name, column in columns.items() if name in values}


def series_file(work: SeriesWork) -> ResultsFile:
    """Return the results file of a series, with the trials that its table shows."""
    rules = work.plan.rules
    return results_file(work.shown, rules.metrics, command=f"wke measure {work.plan.file}", points=rules.points)


def result_rows(trials: Iterable[StoredAttempt]) -> tuple[StoredAttempt, ...]:
    """Return the trials that become rows: one attempt of each trial that is ok and not a warm-up, in the order of `trials`."""
    return tuple(trial for trial in counting_attempts(trials) if trial.ok and not trial.warmup)


def export_answers(folder: Path, work: SeriesWork) -> tuple[Path, ...]:
    """Write what the searches of a series found to NAME.answers.csv in `folder`, if it has searches; return the path of the file."""
    text = answers_csv(work.findings)
    if not text:
        return ()
    path = folder / f"{work.name}.answers.csv"
    write_if_new(path, visible(text).encode(), private=True)
    return (path,)


def export_csv(folder: Path, work: SeriesWork) -> Path:
    """Write the trials of a series to NAME.csv in `folder`; return the path of the file."""
    path = folder / f"{work.name}.csv"
    series_file(work).write(path, private=True)
    return path

"""A metric has one unit in all readers of a store: values are converted to it, or refused with both units named."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import wke
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import Rules
from wke.errors import InputError
from wke.judge.statistics.summaries import metric_units
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial, Result
from wke.records import Outcome, OutcomeKind
from wke.series.resultrows import load_rows
from wke.series.status import load_status
from wke.series.summary import load_summary
from wke.tell.exports.resultrows import columns
from wke.tell.exports.results_csv import series_file


def measured(folder: Path, name: str, seen: Sequence[tuple[float, str]], declared: str = "") -> None:
    """Store a series whose trials report p99, each with its own unit."""
    plan = [PlannedTrial(f"{name}{k}-0", {"clients": k}, 0, False, k) for k in range(len(seen))]
    metrics = (Metric("p99", unit=declared, better="lower"),)
    rules = Rules(points=tuple(trial.point for trial in plan), metrics=metrics, baseline={"clients": 0})
    with Store.open(folder) as store:
        number = store.writer.begin_series(name, StoredPlan("scale.toml", 7, rules=rules), command="", planned=plan)
        for trial, (value, unit) in zip(plan, seen, strict=True):
            attempt = store.writer.begin_attempt(number, trial)
            store.writer.finish_attempt(attempt, Result(Outcome(OutcomeKind.OK), 10, 20, "", {"p99": value}, {"p99": unit}))


@pytest.mark.parametrize(
    ("seen", "declared", "unit", "values"),
    [
        ([(1.05, "ms"), (94, "us")], "", "ms", [1.05, 0.094]),
        ([(94, "us"), (1.05, "ms")], "", "us", [94, 1050]),
        ([(94, "us"), (1.05, "ms")], "s", "s", [94e-6, 1.05e-3]),
        ([(3, ""), (5, "ms")], "ms", "ms", [3, 5]),
        ([(3, ""), (5, "")], "", "", [3, 5]),
        ([(3, "frames"), (5, "frames")], "", "frames", [3, 5]),
        ([(1.05, "ms"), (float("inf"), "us")], "", "ms", [1.05, float("inf")]),
    ],
)
def test_every_reader_has_the_values_in_one_unit(
    tmp_path: Path, seen: list[tuple[float, str]], declared: str, unit: str, values: list[float]
) -> None:
    """That of the declaration, else that of the first value: in the table, the CSV, the rows, comparisons, and what policies see."""
    measured(tmp_path, "scale", seen, declared)
    with Store.open(tmp_path, readonly=True) as store:
        summary, rows = load_summary(store, "scale"), load_rows(store, "scale")
        policy = store.attempts.results([trial.id for trial in summary.planned], series="scale")
    for trials in (summary.trials, rows, list(policy.values())):
        assert [(trial.observations["p99"], trial.units["p99"]) for trial in trials] == [(pytest.approx(value), unit) for value in values]
    table = columns(rows)
    assert (summary.table.units, metric_units(summary.trials, ()), table.units) == ({"p99": unit},) * 3
    assert float(series_file(summary).rows[1]["p99"]) == pytest.approx(values[1])
    if values[1] < float("inf"):
        assert summary.table.rows[1].summaries["p99"].centre == pytest.approx(values[1])
        assert summary.table.comparisons[0].effect is not None
        assert summary.table.comparisons[0].effect.estimate == pytest.approx(values[1] / values[0])


@pytest.mark.parametrize(
    ("second", "declared", "words"),
    [
        ("1/s", "", "p99 is in 1/s in trial scale1-0 of series scale, and in ms elsewhere: these cannot be converted"),
        ("", "", "p99 is without a unit in trial scale1-0 of series scale, and in ms elsewhere"),
        ("ms", "1/s", "p99 is in ms in trial scale0-0 of series scale, and in 1/s elsewhere"),
    ],
)
def test_values_that_measure_something_else_are_refused(tmp_path: Path, second: str, declared: str, words: str) -> None:
    """With both units and the trial; the status, which shows no values, is still there, and policies do without the value."""
    measured(tmp_path, "scale", [(1.05, "ms"), (94, second)], declared)
    with Store.open(tmp_path, readonly=True) as store:
        for reader in (load_summary, load_rows):
            with pytest.raises(InputError) as refused:
                reader(store, "scale")
            assert words in str(refused.value)
        assert load_status(store, "scale").work.counts.ok == 2
        left = store.attempts.results(["scale0-0", "scale1-0"], series="scale")
    assert ["p99" in trial.observations for trial in left.values()] == [declared == "", False]


def test_a_column_of_several_series_has_one_unit(tmp_path: Path) -> None:
    """That of the first row; series that measure different things under one name are not put into one column."""
    measured(tmp_path, "a", [(1.5, "ms")])
    measured(tmp_path, "b", [(200, "us")])
    assert columns(wke.results(folder=tmp_path).rows).cells["p99"] == [1.5, 0.2]
    measured(tmp_path, "c", [(3, "1/s")])
    with pytest.raises(InputError, match='p99 is in "1/s" in series c, and in "ms" in another'):
        columns(wke.results(folder=tmp_path).rows)

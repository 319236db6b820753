"""`wke results`: what was measured, as a table, JSON, CSV or a Parquet file."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from wke.cli.options import as_json, folder
from wke.cli.summary import accepted_words, print_comparisons, print_table
from wke.judge.policies.choose import policy_by
from wke.judge.summary.resultrow import ResultRow
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import StoredAttempt
from wke.series.folders import RESULTS
from wke.series.resolve import SeriesSelection, select_series
from wke.series.resultrows import load_rows
from wke.tell.comparisons import comparisons_json
from wke.tell.exports.frames import write_parquet
from wke.tell.exports.resultrows import csv_text
from wke.tell.exports.results_csv import results_csv
from wke.tell.tables import Table, results_table, to_json
from wke.tell.terminal.console import Printer, counted, seconds
from wke.tell.terminal.progress import observation_words, point_words
from wke.tell.terminal.trial import trial_json


@click.command()
@click.argument("name", required=False)
@click.option("--trials", "each", is_flag=True, help="One line a trial, failed ones and warm-ups included, instead of one a point.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: one row a trial that counts; with --trials one for every attempt.")
@click.option("--parquet", type=click.Path(path_type=Path), metavar="FILE", help="Write a Parquet file: one row for every attempt.")
@folder
@as_json
def results(name: str | None, *, each: bool, as_csv: bool, parquet: Path | None, as_json: bool) -> None:
    """Print what the series NAME measured; without NAME, every series in results/.

    NAME is a series, its experiment file, or SERIES:PARAMETER=VALUE for some of its points.

    With --trials, JSON and CSV have every attempt at the trials of the latest plan, invalid, failed and interrupted ones too.
    """
    out = Printer()
    with Store.open(RESULTS, readonly=True) as store:
        selected = select_series(store, name)
        if parquet is not None:
            rows = _every_row(store, selected)
            write_parquet(parquet, rows)
            out.talk(f"{parquet}: {counted(len(rows), 'row')}")
            return
        if as_json:
            out.data(json.dumps({one.series: _json(store, one, each=each) for one in selected}, indent=2))
            return
        if as_csv and each:
            out.data(csv_text(_every_row(store, selected)).rstrip("\n"))
            return
        for selection in selected:
            plan, every_trial = store.plans.latest(selection.series), store.attempts.one_per_trial(selection.series)
            trials = [trial for trial in every_trial if selection.has(trial.point)]
            if as_csv:
                out.data(results_csv(trials, plan.rules.metrics, points=plan.rules.points).rstrip("\n"))
                continue
            if len(selected) > 1:
                out.talk(f"{selection.series}:")
            if each:
                for trial in trials:
                    out.data(_line(trial))
            else:
                table = _table(plan, every_trial, selection)
                print_table(table)
                print_comparisons(table, plan.rules.metrics, plan.rules.baseline)
            if accepted := accepted_words(trials):
                out.talk(accepted)


def _every_row(store: Store, selected: Sequence[SeriesSelection]) -> tuple[ResultRow, ...]:
    return tuple(row for selection in selected for row in load_rows(store, selection.series) if selection.has(row.point))


def _table(plan: StoredPlan, trials: Sequence[StoredAttempt], selection: SeriesSelection) -> Table:
    """Return the table of the selected points; they are compared with the baseline whether that is selected or not."""
    rules = plan.rules
    table = results_table(trials, rules.metrics, rules.points, policy_by(rules), rules.baseline, threshold=plan.threshold)
    return replace(
        table,
        rows=tuple(row for row in table.rows if selection.has(row.point)),
        comparisons=tuple(one for one in table.comparisons if selection.has(one.point)),
    )


def _json(store: Store, selection: SeriesSelection, *, each: bool) -> dict[str, object]:
    name = selection.series
    plan, trials = store.plans.latest(name), store.attempts.one_per_trial(name)
    table, baseline = _table(plan, trials, selection), plan.rules.baseline
    compared = {"baseline": dict(baseline), "comparisons": comparisons_json(table.comparisons)} if baseline else {}
    told = [trial_json(trial) for trial in (store.attempts.of_plan(name) if each else trials) if selection.has(trial.point)]
    return {**to_json(table), **compared, "software": plan.software, "trials": told}


def _line(trial: StoredAttempt) -> str:
    took = "" if trial.elapsed_s is None else f", {seconds(trial.elapsed_s)}"
    seen = f"; {observation_words(trial.observations, trial.units)}" if trial.observations else ""
    why = f": {trial.why}" if trial.why else ""
    derived = f"; {trial.derivation.how} from {trial.derivation.trial}" if trial.derivation else ""
    start = (
        f"; began within {trial.start.skew_ns / 1e6:.2f} ms (±{trial.start.bound_ns / 1e6:.2f})"
        if trial.start and trial.start.bound_ns
        else ""
    )
    by = f"; accepted: {', '.join(map(str, trial.accepted))}" if trial.accepted else ""
    words = point_words(trial.point, trial.iteration, warmup=trial.warmup)
    return f"{trial.id}  {words}: {trial.outcome}{took}{seen}{start}{derived}{by}{why}"

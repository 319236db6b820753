"""`wke results`: prints what was measured, as a table, JSON or CSV, or writes a Parquet file."""

from collections.abc import Sequence
from pathlib import Path

import click

from wke.cli.options import as_json, folder
from wke.judge.summary.resultrow import ResultRow
from wke.judge.summary.series import SeriesSummary
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.series.resolve import SeriesSelection, select_series
from wke.series.resultrows import load_rows
from wke.series.summary import load_summary
from wke.tell.exports.frames import write_parquet
from wke.tell.exports.resultrows import csv_text
from wke.tell.exports.results_csv import results_csv
from wke.tell.terminal.console import Printer
from wke.tell.terminal.summary import accepted_text, print_findings, print_summary, summary_json
from wke.tell.terminal.trial import trial_json, trial_line
from wke.tell.words import counted


@click.command()
@click.argument("name", required=False)
@click.option("--trials", "each", is_flag=True, help="One line per trial, including failed ones and warm-ups, instead of one per point.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: one row per trial that counts; with --trials one per attempt.")
@click.option("--parquet", type=click.Path(path_type=Path), metavar="FILE", help="Write a Parquet file: one row per attempt.")
@folder
@as_json
def results(name: str | None, *, each: bool, as_csv: bool, parquet: Path | None, as_json: bool) -> None:
    """Print what the series NAME measured; without NAME, every series in results/.

    NAME is a series, its experiment file, or SERIES:PARAMETER=VALUE for some of its points.

    With --trials, JSON and CSV have every attempt at the trials of the latest plan, including invalid, failed and interrupted ones.
    """
    out = Printer()
    with Store.open(RESULTS, readonly=True) as store:
        selected = select_series(store, name)
        if parquet is not None:
            rows = _every_row(store, selected)
            write_parquet(parquet, rows)
            out.talk(f"{parquet}: {counted(len(rows), 'row')}")
        elif as_json:
            out.document({one.series: _json(store, one, each=each) for one in selected})
        elif as_csv and each:
            out.data(csv_text(_every_row(store, selected)).rstrip("\n"))
        elif as_csv:
            for selection in selected:
                out.data(_csv(_summary(store, selection)))
        else:
            for selection in selected:
                if len(selected) > 1:
                    out.talk(f"{selection.series}:")
                _print(_summary(store, selection), each=each)


def _every_row(store: Store, selected: Sequence[SeriesSelection]) -> tuple[ResultRow, ...]:
    return tuple(row for selection in selected for row in load_rows(store, selection.series) if selection.has(row.point))


def _summary(store: Store, selection: SeriesSelection) -> SeriesSummary:
    return load_summary(store, selection.series).of_points(selection.has)


def _csv(summary: SeriesSummary) -> str:
    return results_csv(summary.trials, summary.plan.rules.metrics, points=summary.plan.rules.points).rstrip("\n")


def _json(store: Store, selection: SeriesSelection, *, each: bool) -> dict[str, object]:
    summary = _summary(store, selection)
    attempts = store.attempts.of_plan(selection.series) if each else summary.trials
    return {**summary_json(summary), "trials": [trial_json(one) for one in attempts if selection.has(one.point)]}


def _print(summary: SeriesSummary, *, each: bool) -> None:
    """Print a series as a table, or with a line for each of its trials."""
    if not each:
        print_summary(summary)
        print_findings(summary)
        return
    for trial in summary.trials:
        Printer().data(trial_line(trial))
    if accepted := accepted_text(summary):
        Printer().talk(accepted)

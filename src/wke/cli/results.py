"""`wke results`: prints what was measured, as a table, JSON or CSV, or writes a Parquet file."""

from collections.abc import Sequence
from pathlib import Path

import click

from wke.cli.options import as_json, folder
from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.judge.summary.resultrow import ResultRow
from wke.judge.summary.series import SeriesSummary
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.series.inputs import input_changes
from wke.series.resolve import SeriesSelection, select_series
from wke.series.resultrows import load_rows
from wke.series.summary import load_summary
from wke.tell.exports.frames import write_parquet
from wke.tell.exports.markup import FORMS
from wke.tell.exports.resultrows import rows_csv
from wke.tell.exports.results_csv import series_file
from wke.tell.searches import answers_table
from wke.tell.tables import shown, text_table
from wke.tell.terminal.console import Printer
from wke.tell.terminal.summary import accepted_text, comparison_table, inputs_text, print_findings, print_summary, summary_json
from wke.tell.terminal.trial import trial_json, trial_line
from wke.tell.words import size_words


@click.command()
@click.argument("name", required=False)
@click.option("--trials", "each", is_flag=True, help="One line per trial, including failed ones and warm-ups, instead of one per point.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: one row per trial that counts; with --trials one per attempt.")
@click.option("--markdown", "form", flag_value="markdown", help="Print the tables as Markdown.")
@click.option("--latex", "form", flag_value="latex", help="Print the tables as LaTeX, for the package booktabs.")
@click.option("--parquet", type=click.Path(path_type=Path), metavar="FILE", help="Write a Parquet file: one row per attempt.")
@folder
@as_json
def results(name: str | None, *, each: bool, as_csv: bool, form: str | None, parquet: Path | None, as_json: bool) -> None:
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
            out.data(rows_csv(_every_row(store, selected)).rstrip("\n"))
        elif as_csv:
            _print_csv([_summary(store, selection) for selection in selected])
        elif form:
            for selection in selected:
                summary = _summary(store, selection)
                answers = answers_table(summary.findings, summary.table.parameters)
                tables = [text_table(summary.table), comparison_table(summary), answers]
                out.data("\n".join(FORMS[form].lines(table for table in tables if table)).rstrip("\n"))
        else:
            for selection in selected:
                if len(selected) > 1:
                    out.talk(f"{selection.series}:")
                _print(_summary(store, selection), each=each)
            _warn_of_size(store, selected)


def _warn_of_size(store: Store, selected: Sequence[SeriesSelection]) -> None:
    """Print a warning if the files in the store are larger than the plan of a shown series allows."""
    size, limits = store.cleaning.size(), {one.series: store.plans.latest(one.series).store_limit for one in selected}
    for name, limit in limits.items():
        if 0 < limit < size:
            held = f"{RESULTS} holds {size_words(size)}, more than {size_words(limit)} (store-limit in [experiment])"
            Printer().talk(f"{held}: `wke clean {name}` shows what can be removed")
            return


def _every_row(store: Store, selected: Sequence[SeriesSelection]) -> tuple[ResultRow, ...]:
    return tuple(row for selection in selected for row in load_rows(store, selection.series) if selection.has(row.point))


def _summary(store: Store, selection: SeriesSelection, *, whole: bool = False) -> SeriesSummary:
    return load_summary(store, selection.series, whole=whole).of_points(selection.has)


def _print_csv(summaries: Sequence[SeriesSummary]) -> None:
    """Print one series as CSV, and to stderr what its rows have in common."""
    if len(summaries) != 1:
        names = ", ".join(summary.name for summary in summaries)
        raise InputError(f"--csv prints one series, and there are {names}", hint="name one, or add --trials for one table of all")
    file = series_file(summaries[0])
    Printer().data(file.csv.rstrip("\n"))
    if file.constants:
        Printer().talk(", ".join(f"{name} = {shown(value)}" for name, value in file.constants.items()))


def _json(store: Store, selection: SeriesSelection, *, each: bool) -> dict[str, object]:
    summary = _summary(store, selection, whole=True)
    changes = inputs_text(summary, input_changes(summary)) or None
    attempts = store.attempts.of_plan(selection.series) if each else summary.trials
    return {**summary_json(summary), "inputs-changed": changes, "trials": [trial_json(one) for one in attempts if selection.has(one.point)]}


def _print(summary: SeriesSummary, *, each: bool) -> None:
    """Print a series as a table, or with a line for each of its trials."""
    for trial in summary.trials if each else ():
        Printer().data(trial_line(trial))
    if not each:
        print_summary(summary)
        print_findings(summary)
    if changed := inputs_text(summary, input_changes(summary)):
        Printer().talk(changed)
    if each and (accepted := accepted_text(summary)):
        Printer().talk(accepted)

"""`wke reanalyse`: computes new metrics and checks from the output of stored trials."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from wke.cli.options import as_json, project
from wke.cli.shown_series import show_results
from wke.describe.toml.wording import counted
from wke.keep.store import Store
from wke.keep.trials.judgements import Level, doubts
from wke.series.folders import RESULTS
from wke.series.growing import grown, plan_series
from wke.series.project import read_project
from wke.series.reanalysis import Reanalysed, reanalyse_series, store_answers
from wke.series.rejudging import Rejudged, rejudge_series
from wke.series.resolve import experiment_file
from wke.series.summary import load_summary
from wke.tell.terminal.console import Printer
from wke.tell.words import observation_words, point_words

MOST_LISTED = 20


@click.command()
@click.argument("experiment")
@click.option("--dry-run", is_flag=True, help="Print what would come out; store nothing.")
@click.option("--on", metavar="SELECTOR", help="As for `wke measure`: only these machines of the cluster.")
@click.option("--figures/--no-figures", default=True, help="Draw the figures (the default), or not.")
@project
@as_json
def reanalyse(experiment: str, cluster_file: Path, *, dry_run: bool, on: str | None, figures: bool, as_json: bool) -> None:
    """Give results to trials of EXPERIMENT that differ from stored ones in metrics or checks only, and judge stored ones anew.

    Nothing runs. EXPERIMENT is a file, or a series in results/. The metrics in the file are read from what stored trials wrote and from the
    files that they left. A result obtained in this way counts like one of a trial that ran; it names the attempt that it comes from, which
    is not changed. Attempts that failed for their metrics only, or were invalid, are read too. Trials that the stored output does not
    answer are listed; `wke measure` runs them.

    Stored trials are judged again by the rules in [verdicts], whose thresholds may have changed. A trial that is now invalid does not count
    any more, and `wke measure` repeats it.
    """
    series = plan_series(read_project(experiment_file(experiment), cluster_file, on))
    described = series.plan.experiment
    if dry_run or not Store.exists(RESULTS):
        with Store.open(RESULTS, readonly=True) as store:
            _tell(tuple(reanalyse_series(series, store)), tuple(rejudge_series(series, store)), as_json=as_json, dry_run=True)
        return
    with Store.open(RESULTS, command=shlex.join(["wke", *sys.argv[1:]]), series=described.name) as store:
        found = store_answers(series, store)
        answers = [answer for item in found for answer in item.answers]
        series = grown(series, store)
        rejudged = tuple(rejudge_series(series, store))
        store.writer.judge({(each.attempt.id, each.attempt.attempt): each.judgements for each in rejudged})
        _tell(found, rejudged, as_json=as_json, dry_run=False)
        if (answers or rejudged) and not as_json:
            show_results(store, described, load_summary(store, described.name), figures=figures)


def _tell(found: tuple[Reanalysed, ...], rejudged: tuple[Rejudged, ...], *, as_json: bool, dry_run: bool) -> None:
    out = Printer()
    if as_json:
        judged = [_judged_json(each) for each in rejudged]
        out.document({"stored": not dry_run, "trials": [_json(item) for item in found], "judged": judged})
        return
    if rejudged:
        out.data("\n".join(_judged_lines(rejudged, dry_run=dry_run)))
    elif not found:
        out.data("nothing to reanalyse: no stored trial differs from a missing one in metrics or checks only")
    if not found:
        return
    _tell_read(found, dry_run=dry_run)


def _tell_read(found: Sequence[Reanalysed], *, dry_run: bool) -> None:
    """Print which trials got a result from stored output, and which did not."""
    out = Printer()
    read, not_read = [item for item in found if item.answers], [item for item in found if not item.answers]
    out.data(_summary(read, not_read, dry_run=dry_run))
    for item in read if dry_run else ():
        out.data(f"{item.trial.id}  {point_words(item.trial.point, item.trial.iteration, warmup=item.trial.warmup)}: {_words(item)}")
    for item in not_read[:MOST_LISTED]:
        attempt, why = item.silent[-1]
        out.data(f"{item.trial.id}  not from {attempt.id}: {why}")
    if len(not_read) > MOST_LISTED:
        out.data(f"and {len(not_read) - MOST_LISTED} more; --json has them all")


def _judged_lines(rejudged: Sequence[Rejudged], *, dry_run: bool) -> Iterator[str]:
    """Yield how many attempts rules judge otherwise now, and each whose verdict is another one."""
    yield f"rules {'would ' if dry_run else ''}say something else of {counted(len(rejudged), 'attempt')}"
    changed = [each for each in rejudged if each.attempt.verdict is not each.verdict]
    for each in changed[:MOST_LISTED]:
        was, why = each.attempt.verdict or Level.UNKNOWN, doubts(each.judgements)
        yield f"{each.attempt.id}.{each.attempt.attempt}  {was.value}, now {each.verdict.value}{f': {why}' if why else ''}"
    if len(changed) > MOST_LISTED:
        yield f"and {len(changed) - MOST_LISTED} more with another verdict; --json has them all"


def _judged_json(each: Rejudged) -> dict[str, object]:
    was = each.attempt.verdict
    names = {"trial": each.attempt.id, "attempt": each.attempt.attempt}
    return {**names, "was": was.value if was else None, "verdict": each.verdict.value, "why": doubts(each.judgements)}


def _summary(read: Sequence[Reanalysed], not_read: Sequence[Reanalysed], *, dry_run: bool) -> str:
    invalid = sum(not item.answers[-1].ended[0].ok for item in read)
    would, of_them = "would be " if dry_run else "", f", {invalid} of them invalid" if invalid else ""
    return f"{counted(len(read), 'trial')} {would}reanalysed{of_them}" + (f"; {len(not_read)} cannot be" if not_read else "")


def _words(item: Reanalysed) -> str:
    answer = item.answers[-1]
    outcome, reason = answer.ended
    why = f" ({reason})" if reason else ""
    return f"{outcome}{why}, from {answer.derivation.trial}; {observation_words(answer.observations, answer.units)}"


def _json(item: Reanalysed) -> dict[str, object]:
    return {
        "id": item.trial.id,
        "point": dict(item.trial.point),
        "iteration": item.trial.iteration,
        "warmup": item.trial.warmup,
        "read": [
            {
                "trial": answer.derivation.trial,
                "attempt": answer.derivation.attempt,
                "outcome": str(answer.ended[0]),
                "why": answer.ended[1],
                "observations": dict(answer.observations),
                "units": dict(answer.units),
            }
            for answer in item.answers
        ],
        "not-read": [{"trial": attempt.ran[0], "attempt": attempt.ran[1], "why": why} for attempt, why in item.silent],
    }

"""`wke reanalyse`: new metrics and checks, by what stored trials wrote."""

import json
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click

from wke.act.trials.observe_trial import observe_trial
from wke.act.trials.runner import IdentifiedTrial
from wke.cli.options import RESULTS, as_json, project
from wke.cli.prepare import Series, kept, plan_series, read_project, record
from wke.cli.summary import print_summary
from wke.judge.policies.due import REPEATS, done_with
from wke.judge.reuse.reanalysis import readable, same_runs
from wke.keep.files.lock import person
from wke.keep.output.logs import not_left
from wke.keep.store import Store
from wke.keep.trials.trials import Answer, Derivation, PlannedTrial, StoredAttempt
from wke.records import OutcomeKind
from wke.tell.terminal.console import Printer, counted
from wke.tell.terminal.progress import observation_words, point_words

HOW = "reanalysed"
MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Found:
    """What stored attempts say about a planned trial without a result, and why others of them cannot say anything."""

    trial: PlannedTrial
    answers: tuple[Answer, ...]
    silent: tuple[tuple[StoredAttempt, str], ...]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would come out; store nothing.")
@click.option("--on", metavar="SELECTOR", help="As for `wke measure`: only these machines of the cluster.")
@click.option("--figures/--no-figures", default=True, help="Draw the figures (the default), or not.")
@project
@as_json
def reanalyse(file: Path, cluster_file: Path, *, dry_run: bool, on: str | None, figures: bool, as_json: bool) -> None:
    """Give trials of the experiment FILE that only differ from stored ones in metrics or checks their results; run nothing.

    The metrics, as the file has them now, are read from what the stored trials wrote and left behind. What comes out counts like a trial
    that was run, says which attempt it was made of, and leaves that one as it is. Attempts that failed for their metrics only, or were
    invalid, are read too. What the stored output does not show is listed, and left for `wke measure`.
    """
    series = plan_series(read_project(file, cluster_file, on))
    experiment = series.plan.experiment
    if dry_run or not Store.exists(RESULTS):
        with Store.open(RESULTS, readonly=True) as store:
            _tell(tuple(_found(series, store)), as_json=as_json, dry_run=True)
        return
    with Store.open(RESULTS, command=shlex.join(["wke", *sys.argv[1:]]), series=experiment.name) as store:
        found = tuple(_found(series, store))
        answers = [answer for item in found for answer in item.answers]
        if answers:
            store.writer.add_answers(record(series, store), answers)
        _tell(found, as_json=as_json, dry_run=False)
        if answers and not as_json:
            print_summary(store, experiment, figures=figures)


def hint(series: Series, store: Store) -> str:
    """Return a line for who is about to run trials that might be read from stored output; "" when there are none."""
    count = sum(1 for _ in _candidates(series, store))
    path = shlex.quote(str(series.plan.experiment.path))
    return f"{counted(count, 'trial')} ran already under other metrics or checks: wke reanalyse {path} reads them anew" if count else ""


def _candidates(series: Series, store: Store) -> Iterator[tuple[IdentifiedTrial, tuple[StoredAttempt, ...]]]:
    """Yield each trial that has no result, with the stored attempts that ran the same and have not been asked yet, if there are any."""
    have = kept(series, store)
    over = done_with((), have.invalid)
    missing = {item.planned.id: item for item in series.trials if item.planned.id not in have.stored and item.planned.id not in over}
    if not missing:
        return
    now = store.examinations.latest()
    same = same_runs({name: json.loads(item.planned.inputs_json) for name, item in missing.items()}, store.inputs.of_ended_trials())
    for name, others in same.items():
        attempts = [attempt for attempt in store.attempts.of_trials(others, now) if not attempt.changes]
        usable = tuple(readable(store.attempts.of_trial(name), attempts, missing[name].trial.steps, store.details.task_ends))
        if usable:
            yield missing[name], usable


def _found(series: Series, store: Store) -> Iterator[Found]:
    """Yield what comes out for each trial, as if its attempts had been judged so when they ran: up to the first that is ok."""
    at_ns, who, wke = time.time_ns(), person(), version("wke")
    for item, attempts in _candidates(series, store):
        answers: list[Answer] = []
        silent: list[tuple[StoredAttempt, str]] = []
        for attempt in attempts:
            result, seen = observe_trial(series.plan.experiment, item.trial, attempt.folder)
            if why := _uncollected(item, attempt) or (result.why if result.outcome.kind is OutcomeKind.FAILED else ""):
                silent.append((attempt, why))
                continue
            derivation = Derivation(*attempt.ran, HOW, at_ns, who, wke)
            answers.append(Answer(item.planned, derivation, result.outcome, result.why, seen.values, seen.units))
            if result.outcome.ok or len(answers) > REPEATS:
                break
        yield Found(item.planned, tuple(answers), tuple(silent))


def _uncollected(item: IdentifiedTrial, attempt: StoredAttempt) -> str:
    """Return which files the tasks of an attempt did not leave, if it failed: else it left them all."""
    if attempt.ok or attempt.outcome == OutcomeKind.INVALID:
        return ""
    return "; ".join(filter(None, (not_left(attempt.folder, task, step.collect) for step in item.trial.steps for task in step.tasks())))


def _tell(found: tuple[Found, ...], *, as_json: bool, dry_run: bool) -> None:
    out = Printer()
    if as_json:
        out.data(json.dumps({"stored": not dry_run, "trials": [_json(item) for item in found]}, indent=2))
        return
    if not found:
        out.data("nothing to read anew: no stored trial differs from a missing one in metrics or checks only")
        return
    read, not_read = [item for item in found if item.answers], [item for item in found if not item.answers]
    invalid = sum(not item.answers[-1].outcome.ok for item in read)
    out.data(
        f"{counted(len(read), 'trial')} {'would be ' if dry_run else ''}read anew{f', {invalid} of them invalid' if invalid else ''}"
        + (f"; {len(not_read)} cannot be" if not_read else "")
    )
    for item in read if dry_run else ():
        out.data(f"{item.trial.id}  {point_words(item.trial.point, item.trial.iteration, warmup=item.trial.warmup)}: {_words(item)}")
    for item in not_read[:MOST_LISTED]:
        attempt, why = item.silent[-1]
        out.data(f"{item.trial.id}  not from {attempt.id}: {why}")
    if len(not_read) > MOST_LISTED:
        out.data(f"and {len(not_read) - MOST_LISTED} more; --json has them all")


def _words(item: Found) -> str:
    answer = item.answers[-1]
    why = f" ({answer.why})" if answer.why else ""
    return f"{answer.outcome}{why}, from {answer.derivation.trial}; {observation_words(answer.observations, answer.units)}"


def _json(item: Found) -> dict[str, object]:
    return {
        "id": item.trial.id,
        "point": dict(item.trial.point),
        "iteration": item.trial.iteration,
        "warmup": item.trial.warmup,
        "read": [
            {
                "trial": answer.derivation.trial,
                "attempt": answer.derivation.attempt,
                "outcome": str(answer.outcome),
                "why": answer.why,
                "observations": dict(answer.observations),
                "units": dict(answer.units),
            }
            for answer in item.answers
        ],
        "not-read": [{"trial": attempt.ran[0], "attempt": attempt.ran[1], "why": why} for attempt, why in item.silent],
    }

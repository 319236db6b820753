"""Reanalysis: the results that trials without one get from the output of stored attempts that ran the same."""

import shlex
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version

from wke.act.trials.observe_trial import observe_trial
from wke.describe.toml.wording import counted
from wke.judge.policies.repetition import REPEATS
from wke.judge.reuse.reanalysis import readable, same_runs
from wke.keep.files.lock import person
from wke.keep.output.logs import not_left
from wke.keep.store import Store
from wke.keep.trials.details import AttemptTimes
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.trials import Answer, Derivation, PlannedTrial, StoredAttempt, inputs_of
from wke.records import OutcomeKind
from wke.series.folders import RESULTS
from wke.series.growing import grown
from wke.series.planned import PlannedSeries, record
from wke.series.rejudging import judge_stored
from wke.series.storedresults import load_results
from wke.values import dataclass

HOW = "reanalysed"


@dataclass(frozen=True, slots=True)
class Reanalysed:
    """What stored attempts say about a planned trial without a result, and why the `silent` ones say nothing."""

    trial: PlannedTrial
    answers: tuple[Answer, ...]
    silent: tuple[tuple[StoredAttempt, str], ...]


def reanalyse_series(series: PlannedSeries, store: Store) -> Iterator[Reanalysed]:
    """Yield what comes out for each trial, as if its attempts had been judged so when they ran: up to the first that is ok."""
    at_ns, who, wke = time.time_ns(), person(), version("wke")
    for item, attempts in _candidates(series, store):
        answers: list[Answer] = []
        silent: list[tuple[StoredAttempt, str]] = []
        for attempt in attempts:
            if not attempt.folder.is_dir():
                silent.append((attempt, f"its files are missing: there is no folder {attempt.folder}"))
                continue
            result, seen = observe_trial(series.plan.experiment, item.trial, attempt.folder, partial(_times, store, attempt))
            if why := _uncollected(item, attempt) or (result.why if result.outcome.kind is OutcomeKind.FAILED else ""):
                silent.append((attempt, why))
                continue
            derivation = Derivation(*attempt.ran, HOW, at_ns, who, wke)
            judgements = judge_stored(series, store, attempt, item.trial, seen) if result.outcome.ok else ()
            read = (result.outcome, result.why, seen.values, seen.units, judgements, seen.recorded)
            answers.append(Answer(item.planned, derivation, *read))
            if answers[-1].ended[0].ok or len(answers) > REPEATS:
                break
        yield Reanalysed(item.planned, tuple(answers), tuple(silent))


def store_answers(series: PlannedSeries, store: Store) -> tuple[Reanalysed, ...]:
    """Store what comes out for each trial; where results choose the trials, also for those that these results ask for."""
    answered: list[Reanalysed] = []
    while True:
        found = tuple(reanalyse_series(series, store))
        answers = [answer for item in found for answer in item.answers]
        if answers:
            store.writer.add_answers(record(series, store), answers)
        more = grown(series, store)
        if not answers or len(more.trials) == len(series.trials):
            if answered:
                record(more, store)
            return *answered, *found
        series, answered = more, [*answered, *(item for item in found if item.answers)]


def reanalysis_hint(series: PlannedSeries, store: Store | None = None) -> str:
    """Return a line for a user who is about to run trials that stored output may answer; "" when there are none.

    Without a `store`, the one in results/ is asked, if there is one.
    """
    if store is None:
        if not Store.exists(RESULTS):
            return ""
        with Store.open(RESULTS, readonly=True) as opened:
            return reanalysis_hint(series, opened)
    count = sum(1 for _ in _candidates(series, store))
    path = shlex.quote(str(series.plan.experiment.path))
    ran = f"{counted(count, 'trial')} ran already with other metrics or checks"
    return f"{ran}: wke reanalyse {path} computes their results" if count else ""


def _candidates(series: PlannedSeries, store: Store) -> Iterator[tuple[IdentifiedTrial, tuple[StoredAttempt, ...]]]:
    """Yield each trial without a result with the stored attempts that ran the same and were not read for it yet, if there are any."""
    seen = load_results(series, store).seen()
    missing = {item.planned.id: item for item in series.trials if seen.lacks(item.planned)}
    if not missing:
        return
    now, cleaned = store.examinations.latest(), store.cleaning.attempts()
    same = same_runs(inputs_of([item.planned for item in missing.values()]), store.inputs.of_ended_trials())
    for name, others in same.items():
        attempts = [attempt for attempt in store.attempts.of_trials(others, now) if not attempt.changes and attempt.ran not in cleaned]
        usable = tuple(readable(store.attempts.of_trial(name), attempts, missing[name].trial.steps, store.details.task_ends))
        if usable:
            yield missing[name], usable


def _times(store: Store, attempt: StoredAttempt) -> AttemptTimes:
    return store.details.of(*attempt.ran).times


def _uncollected(item: IdentifiedTrial, attempt: StoredAttempt) -> str:
    """Return which files the tasks of a failed attempt did not leave; an attempt that did not fail left them all."""
    if attempt.ok or attempt.outcome == OutcomeKind.INVALID:
        return ""
    return "; ".join(filter(None, (not_left(attempt.folder, task, step.collect) for step in item.trial.steps for task in step.tasks())))

"""A benchmark script's series: the trials that are still missing, one call of the script's function each, every one stored as it ends."""

import json
import secrets
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os.path import relpath

from wke.benchmarking.results import ResultPrinter
from wke.describe.experiment.experiment import Experiment
from wke.describe.plan.plan import running_order
from wke.errors import WkeError
from wke.judge.policies.choose import policy_of
from wke.judge.policies.policy import Finding, Policy, Seen
from wke.judge.statistics.summaries import point_key
from wke.keep.files.disk import disk_errors
from wke.keep.store import Store
from wke.keep.trials.identity import Json, digest
from wke.keep.trials.software import software
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import LOGS, Attempt, PlannedTrial, Result, StoredAttempt
from wke.records import Outcome, OutcomeKind, Sink, TrialEnded, TrialStarted

Call = Callable[[Mapping[str, object], ResultPrinter], bool]
"""One trial: parameters in, metrics through the printer, True when it went well."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """Which stored results count: those whose inputs are unchanged, else none at all (`rerun`), or all of the same point (`always`)."""

    rerun: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """The trials of an experiment in running order, and where they are stored."""

    experiment: Experiment
    store: Store
    number: int
    planned: tuple[PlannedTrial, ...]

    @property
    def missing(self) -> int:
        """How many trials have no result; a series that climbs never runs most of them."""
        return len(self.planned) - len(self._stored())

    @property
    def policy(self) -> Policy:
        """How the series chooses its trials."""
        return policy_of(self.experiment)

    def due(self, attempted: Collection[str]) -> list[PlannedTrial]:
        """Return the trials to run next, given those that this command attempted already."""
        return self.policy.next_trials(self.planned, Seen(self._stored(), attempted))

    def findings(self) -> tuple[Finding, ...]:
        """Return what the series found."""
        return self.policy.findings(self.planned, Seen(self._stored()))

    def _stored(self) -> dict[str, StoredAttempt]:
        return self.store.attempts.results(trial.id for trial in self.planned)


def make_series(experiment: Experiment, surroundings: Json, store: Store, reuse: Reuse, command: str) -> Series:
    """Plan an experiment whose points are complete, and store the plan."""
    name = experiment.name
    known = store.plans.seed(name)
    generation = (store.plans.latest(name).generation if known is not None else 0) + reuse.rerun
    seed = next(s for s in (experiment.seed, known, secrets.randbits(32)) if s is not None)
    planned = tuple(_planned(experiment, surroundings, generation, seed))
    if reuse.always:
        planned = tuple(_adopted(planned, store, name))
    plan = StoredPlan.of(experiment, seed, software({}), generation=generation)
    plan = replace(plan, rules=replace(plan.rules, metrics=()))  # the script reports its metrics itself
    number = store.writer.begin_series(name, plan, command=command, planned=planned)
    return Series(experiment, store, number, planned)


def run_missing(series: Series, call: Call, sink: Sink, between: Callable[[], None]) -> tuple[Outcome, ...]:
    """Run what is missing, and what results ask for after that; `between` is called after every trial. Return the outcomes.

    A trial that fails is stored and the series goes on. Interrupted, the trial under way stays a partial attempt and runs again next time.
    """
    outcomes: list[Outcome] = []
    attempted: set[str] = set()
    while batch := series.due(attempted):
        for trial in batch:
            sink(TrialStarted(trial.id, len(outcomes) + 1, len(attempted) + len(batch), trial.point, trial.iteration, trial.warmup))
            outcomes.append(_run(series, trial, call, sink))
            between()
        attempted.update(trial.id for trial in batch)
    return tuple(outcomes)


def _planned(experiment: Experiment, surroundings: Json, generation: int, seed: int) -> Iterator[PlannedTrial]:
    """Yield the trials with their identities. A generation that was asked for by --force-rerun is part of them: old results stay old."""
    points = experiment.parameters.points()
    for position, (turn, point) in enumerate(running_order(experiment, points, seed)):
        depends: dict[str, Json] = {"point": dict(point), "surroundings": surroundings, "generation": generation}
        trial = f"{digest(depends)[:12]}-{'w' if turn.warmup else ''}{turn.iteration}"
        text = json.dumps({"depends": depends, "digests": {part: digest(value) for part, value in depends.items()}}, sort_keys=True)
        yield PlannedTrial(trial, point, turn.iteration, turn.warmup, position, text)


def _adopted(planned: Iterable[PlannedTrial], store: Store, name: str) -> Iterator[PlannedTrial]:
    """Yield the trials, those with a stored result of the same point and iteration as that result, whatever it depended on."""
    results = {(point_key(t.point), t.warmup, t.iteration): t.id for t in store.attempts.of_series(name) if t.ok}  # of several the latest
    for trial in planned:
        yield replace(trial, id=results.get((point_key(trial.point), trial.warmup, trial.iteration), trial.id))


def _run(series: Series, trial: PlannedTrial, call: Call, sink: Sink) -> Outcome:
    attempt = series.store.writer.begin_attempt(series.number, trial)
    printer = ResultPrinter()
    started_ns = time.time_ns()
    why = _called(call, trial, printer, attempt)
    outcome = Outcome(OutcomeKind.FAILED if why else OutcomeKind.OK)
    ended_ns = time.time_ns()
    units = dict.fromkeys(printer.observations, "")
    folder = series.store.writer.finish_attempt(attempt, Result(outcome, started_ns, ended_ns, why, printer.observations, units))
    if printer.log_folder is not None:
        with disk_errors(folder):
            (folder / LOGS).symlink_to(relpath(printer.log_folder, folder))
    sink(TrialEnded(trial.id, outcome, (ended_ns - started_ns) / 1e9, printer.observations, why))
    return outcome


def _called(call: Call, trial: PlannedTrial, printer: ResultPrinter, attempt: Attempt) -> str:
    """Call the function; return why the trial failed, "" if it did not. An exception's traceback is kept in the trial's folder."""
    try:
        went_well = call(dict(trial.point), printer)
    except WkeError as error:
        return str(error)
    except SystemExit as stop:
        return f"the benchmark function called sys.exit: {stop.code}"
    except Exception as error:  # noqa: BLE001 - it is the user's code, and the series goes on
        with disk_errors(attempt.folder):
            (attempt.folder / "traceback.txt").write_text(traceback.format_exc())
        return f"{type(error).__name__}: {error} (traceback.txt in the trial's folder says where)"
    if not went_well:
        return "the benchmark function did not return True"
    return "" if printer.observations else "the benchmark function printed no result"

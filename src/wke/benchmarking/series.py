"""A benchmark script's series: each missing trial is one call of the script's function, stored when it ends."""

import json
import secrets
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from os.path import relpath

from wke.act.steadyclock import CLOCK
from wke.benchmarking.results import ResultPrinter
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.point import point_key
from wke.describe.experiment.rules import rules_of
from wke.describe.plan.plan import running_order
from wke.errors import WkeError
from wke.judge.policies.choose import policy_of
from wke.keep.files.disk import disk_errors
from wke.keep.store import Store
from wke.keep.trials.identity import Json, digest, turn_name
from wke.keep.trials.software import software
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import LOGS, Attempt, PlannedTrial, Result
from wke.records import Outcome, OutcomeKind, Sink, TrialEnded, TrialStarted
from wke.series.storedresults import StoredResults, results_of
from wke.values import dataclass

Call = Callable[[Mapping[str, object], ResultPrinter], bool]
"""One trial: it gets the parameters, gives metrics to the printer, and returns True if it succeeded."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """Which stored results count: those with unchanged inputs, or none (`rerun`), or all at the same point (`always`)."""

    rerun: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class ScriptSeries:
    """The trials of an experiment in running order, and where they are stored."""

    experiment: Experiment
    store: Store
    number: int
    planned: tuple[PlannedTrial, ...]

    @property
    def first(self) -> tuple[PlannedTrial, ...]:
        """The trials without those of fresh rounds, of which only some run."""
        return tuple(trial for trial in self.planned if not trial.fresh)

    @property
    def missing(self) -> int:
        """How many of the first trials have no result; a series that climbs never runs most of them."""
        stored = self._results().stored
        return sum(trial.id not in stored for trial in self.first)

    def due(self, attempted: Collection[str]) -> list[PlannedTrial]:
        """Return the trials to run next, when this command has attempted some already."""
        return policy_of(self.experiment).next_trials(self.planned, self._results().seen(attempted))

    def _results(self) -> StoredResults:
        machines = self.store.examinations.latest()
        return results_of(self.store, self.experiment.name, self.planned, rules_of(self.experiment), machines)


def make_series(experiment: Experiment, surroundings: Json, store: Store, reuse: Reuse, command: str) -> ScriptSeries:
    """Plan an experiment whose points are complete, and store the plan."""
    name = experiment.name
    known = store.plans.seed(name)
    generation = (store.plans.latest(name).generation if known is not None else 0) + reuse.rerun
    seed = next(s for s in (experiment.seed, known, secrets.randbits(32)) if s is not None)
    planned = tuple(_planned(experiment, surroundings, generation, seed))
    if reuse.always:
        planned = tuple(_adopted(planned, store, name))
    plan = StoredPlan.of(experiment, seed, software({}), generation=generation)
    number = store.writer.begin_series(name, plan, command=command, planned=planned)
    return ScriptSeries(experiment, store, number, planned)


def run_missing(series: ScriptSeries, call: Call, sink: Sink, between: Callable[[], object]) -> tuple[Outcome, ...]:
    """Run the missing trials, and those that their results call for; call `between` after each. Return the outcomes.

    A failed trial is stored and the series continues. If the command is interrupted, the running trial stays a partial attempt and runs
    again next time.
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
    """Yield the trials with their identities. The generation is part of them, so after --force-rerun old results do not count."""
    points = experiment.parameters.points()
    for position, (turn, point) in enumerate(running_order(experiment, points, seed)):
        depends: dict[str, Json] = {"point": dict(point), "surroundings": surroundings, "generation": generation}
        trial = f"{digest(depends)[:12]}-{turn_name(turn.iteration, warmup=turn.warmup)}"
        text = json.dumps({"depends": depends, "digests": {part: digest(value) for part, value in depends.items()}}, sort_keys=True)
        yield PlannedTrial(trial, point, turn.iteration, turn.warmup, position, text)


def _adopted(planned: Iterable[PlannedTrial], store: Store, name: str) -> Iterator[PlannedTrial]:
    """Yield the trials; one with a stored result at its point and iteration gets the identity of that result."""
    results = {(point_key(t.point), t.warmup, t.iteration): t.id for t in store.attempts.of_series(name) if t.ok}  # of several the latest
    for trial in planned:
        yield replace(trial, id=results.get((point_key(trial.point), trial.warmup, trial.iteration), trial.id))


def _run(series: ScriptSeries, trial: PlannedTrial, call: Call, sink: Sink) -> Outcome:
    attempt = series.store.writer.begin_attempt(series.number, trial)
    printer = ResultPrinter()
    CLOCK.catch_up()
    started_ns = CLOCK.now()
    why = _called(call, trial, printer, attempt)
    printer.keep(attempt.folder, trial.point)
    outcome = Outcome(OutcomeKind.FAILED if why else OutcomeKind.OK)
    ended_ns = CLOCK.now()
    units = dict.fromkeys(printer.observations, "")
    folder = series.store.writer.finish_attempt(attempt, Result(outcome, started_ns, ended_ns, why, printer.observations, units))
    if printer.log_folder is not None:
        with disk_errors(folder):
            (folder / LOGS).symlink_to(relpath(printer.log_folder, folder))
    sink(TrialEnded(trial.id, outcome, (ended_ns - started_ns) / 1e9, printer.observations, why))
    return outcome


def _called(call: Call, trial: PlannedTrial, printer: ResultPrinter, attempt: Attempt) -> str:
    """Call the function; return why the trial failed, "" if it did not. The traceback of an exception is stored in the trial's folder."""
    try:
        went_well = call(dict(trial.point), printer)
    except WkeError as error:
        return str(error)
    except SystemExit as stop:
        return f"the benchmark function called sys.exit: {stop.code}"
    except Exception as error:  # noqa: BLE001 - it is the user's code, and the series goes on
        with disk_errors(attempt.folder):
            (attempt.folder / "traceback.txt").write_text(traceback.format_exc())
        missing = isinstance(error, ModuleNotFoundError) and error.name in {"pandas", "seaborn"}
        hint = "; wke 0.1 installed it, and so does: pip install '.[old]' in a checkout" if missing else ""
        return f"{type(error).__name__}: {error}{hint} (traceback.txt in the trial's folder says where)"
    if not went_well:
        return "the benchmark function did not return True"
    return "" if printer.rows else "the benchmark function printed no result"

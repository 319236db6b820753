"""The state of a plan: which of its trials have a result, which run and why, as far as it is known without asking a machine."""

from collections.abc import Mapping, Sequence

from wke.judge.reuse.state import TO_RUN, Relatives, State, kinds, state
from wke.keep.machines.examinations import Latest
from wke.keep.store import Store
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.series.folders import RESULTS
from wke.series.planned import PlannedSeries
from wke.series.storedresults import StoredResults, load_results
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class PlanState:
    """What the store has of a series, the state of each of its trials by id, and the last examination of machines, if there was one.

    `measured_s` is how long the measured step of the latest stored result took.
    """

    have: StoredResults
    states: Mapping[str, State]
    examined: Latest | None
    measured_s: float | None = None


def load_plan_state(series: PlannedSeries) -> PlanState:
    """Return the state of a plan by the store in results/; every trial is new where there is none."""
    if not Store.exists(RESULTS):
        return PlanState(StoredResults({}, {}), dict.fromkeys((trial.id for trial in series.planned), State(TO_RUN, "new")), None)
    with Store.open(RESULTS, readonly=True) as store:
        have = load_results(series, store)
        last = max(have.stored.values(), key=lambda attempt: attempt.started_ns, default=None)
        took_s = _measured_s(store, last) if last else None
        return PlanState(have, _states(series.planned, store, have), store.examinations.last(), took_s)


def _measured_s(store: Store, attempt: StoredAttempt) -> float | None:
    """Return how long the measured step of a stored attempt took; None if that is not known."""
    of = store.details.of(attempt.id, attempt.attempt)
    ends = [task.ended_ns - task.started_ns for task in of.tasks if task.name.step == of.measured]
    return max(ends, default=0) / 1e9 or None


def _states(planned: Sequence[PlannedTrial], store: Store, have: StoredResults) -> dict[str, State]:
    """Return the state of each trial, by its id."""
    missing = [trial for trial in planned if trial.id not in have.stored]
    tried: dict[str, list[StoredAttempt]] = {}
    for attempt in store.attempts.of_trials([trial.id for trial in missing], store.examinations.latest()):
        tried.setdefault(attempt.id, []).append(attempt)
    relatives = Relatives(store.inputs.of_trials_with_results() if len(tried) < len(missing) else {})

    def change(trial: PlannedTrial) -> str:
        found = () if trial.id in tried else relatives.of(trial)
        return kinds(found[0][1]) if found else ""

    return {t.id: state(have.stored.get(t.id), have.invalid.get(t.id), tried.get(t.id, ()), change(t)) for t in planned}

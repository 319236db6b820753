"""Stores for tests: trials of the series `scale`, and one folder of results with every kind of attempt in it."""

from pathlib import Path

from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import Attempt, PlannedTrial, Result
from wke.records import Outcome, OutcomeKind

OK, FAILED = Outcome(OutcomeKind.OK), Outcome(OutcomeKind.FAILED, 3)


def planned(name: str, position: int = 0, **point: object) -> PlannedTrial:
    return PlannedTrial(
        name, point or {"clients": position}, 0, False, position, f'{{"depends": {{"point": {{}}, "trial": "{name}"}}, "digests": {{}}}}'
    )


def result(outcome: Outcome = OK, **observations: float) -> Result:
    return Result(outcome, 1_000_000_000, 3_500_000_000, observations=observations, units=dict.fromkeys(observations, "1/s"))


def begin(store: Store, trial: PlannedTrial) -> Attempt:
    series = store.writer.begin_series("scale", StoredPlan("scale.toml", 7), command="wke measure scale.toml")
    attempt = store.writer.begin_attempt(series, trial)
    (attempt.folder / "log").write_text(trial.id)
    return attempt


def run(store: Store, trial: PlannedTrial, outcome: Outcome = OK, **observations: float) -> Path:
    return store.writer.finish_attempt(begin(store, trial), result(outcome, **observations))

"""The rows of a series for other programs: one for every attempt."""

from wke.judge.policies.choose import policy_by
from wke.judge.summary.resultrow import ResultRow
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt


def load_rows(store: Store, name: str) -> tuple[ResultRow, ...]:
    """Return a row for every attempt of a series, by running order of the trials and number; InputError for an unknown name."""
    trials = store.attempts.one_per_trial(name)
    shown = {(trial.id, trial.attempt): trial for trial in trials}
    counting = {trial.id for trial in policy_by(store.plans.latest(name).rules).counted(trials)}
    attempts = {(attempt.id, attempt.attempt): attempt for attempt in store.attempts.of_plan(name)}
    ours = (attempts | shown).items()
    return tuple(_row(name, one, counts=key in shown and one.id in counting and one.ok and not one.warmup) for key, one in ours)


def _row(series: str, attempt: StoredAttempt, *, counts: bool) -> ResultRow:
    return ResultRow(
        series=series,
        trial=attempt.id,
        attempt=attempt.attempt,
        iteration=attempt.iteration,
        warmup=attempt.warmup,
        outcome=attempt.outcome,
        why=attempt.why or "; ".join(map(str, attempt.changes)),
        broken=attempt.broken,
        counts=counts,
        started_ns=attempt.started_ns,
        elapsed_s=attempt.elapsed_s,
        skew_ms=attempt.start.skew_ns / 1e6 if attempt.start else None,
        skew_bound_ms=attempt.start.bound_ns / 1e6 if attempt.start else None,
        derived_from=".".join(map(str, attempt.ran)) if attempt.derivation else None,
        stands_for=attempt.stands_for,
        folder=attempt.folder,
        verdict=attempt.verdict.value if attempt.verdict else None,
        doubts=attempt.doubts,
        limit=attempt.limit,
        point=attempt.point,
        observations=attempt.observations,
        units=attempt.units,
    )

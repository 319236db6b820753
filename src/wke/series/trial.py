"""Reads everything stored about one trial."""

import time

from wke.errors import InputError
from wke.judge.summary.trial import TrialRecord
from wke.keep.store import Store


def load_trial(store: Store, prefix: str, number: int | None = None) -> TrialRecord:
    """Return what is stored about the trial whose id starts with `prefix`, and above all about attempt `number`.

    Without a number that is the attempt that counts, else the last. Raises InputError when the prefix does not name one trial, or there is
    no such attempt.
    """
    found = store.attempts.find(prefix)
    attempts = store.attempts.of_trials([found.id], store.examinations.latest())
    at = next((each for each in attempts if each.attempt == (found.attempt if number is None else number)), None)
    if at is None:
        raise InputError(f"trial {found.id} has no attempt {number}", hint=f"it has {', '.join(str(each.attempt) for each in attempts)}")
    answers_for = store.acceptances.measured_as(found.id)
    numbers = {*answers_for.values(), *(one for each in attempts for one in each.accepted)}
    between = store.folder / "deployments" / ".".join(map(str, at.ran))
    return TrialRecord(
        at=at,
        of=store.details.of(at.id, at.attempt),
        attempts=attempts,
        answers_for=answers_for,
        acceptances=tuple(each for each in store.acceptances.all() if each.number in numbers),
        between=between if between.exists() else None,
        now_ns=time.time_ns(),
    )

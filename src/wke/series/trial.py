"""Reads everything stored about one trial."""

import time
from collections.abc import Callable, Iterator, Sequence

from wke.documents import Json
from wke.errors import InputError
from wke.judge.summary.trial import DeployedFile, TrialRecord
from wke.keep.store import Store
from wke.keep.trials.trials import Inputs
from wke.series.resolve import find_trial


def load_trial(store: Store, name: str, number: int | None = None) -> TrialRecord:
    """Return everything stored about the trial that `name` means, in particular about attempt `number`.

    Without a number that is the attempt that counts, else the last. Raise InputError when the name does not mean exactly one trial, or
    there is no such attempt.
    """
    found = find_trial(store, name)
    attempts = store.attempts.of_trials([found.id], store.examinations.latest())
    at = next((each for each in attempts if each.attempt == (found.attempt if number is None else number)), None)
    if at is None:
        raise InputError(f"trial {found.id} has no attempt {number}", hint=f"it has {', '.join(str(each.attempt) for each in attempts)}")
    inputs = store.inputs.of(found.id)
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
        cleaned=store.cleaning.of(at.id, at.attempt),
        skipped=tuple(_skipped(inputs)),
        rendered=tuple(_rendered(inputs, store.inputs.script)),
    )


def _skipped(inputs: Inputs) -> Iterator[tuple[int, str]]:
    """Yield the number and target of each step that a trial skipped; a trial of a benchmark script has no steps."""
    steps: Sequence[Json] = inputs["depends"].get("steps", ())
    for number, (step, target) in enumerate(zip(steps, inputs.get("targets", ()), strict=False)):
        if step.get("skipped"):
            yield number, target


def _rendered(inputs: Inputs, script: Callable[[str], str | None]) -> Iterator[DeployedFile]:
    """Yield the rendered files of a trial, by its steps."""
    steps: Sequence[Json] = inputs["depends"].get("steps", ())
    for number, step in enumerate(steps):
        for path, contents in (step.get("rendered") or {}).items():
            yield from (DeployedFile(number, path, machines, digest, script(digest)) for machines, digest in contents.items())

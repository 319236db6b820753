"""Everything stored about one trial."""

from collections.abc import Mapping
from pathlib import Path

from wke.keep.machines.acceptance import Acceptance
from wke.keep.trials.cleaning import Cleaned
from wke.keep.trials.details import AttemptDetails
from wke.keep.trials.trials import StoredAttempt
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class DeployedFile:
    """A rendered file that step number `step` deployed: where, on which machines (folded names), its SHA-256; its text if it is kept."""

    step: int
    path: str
    machines: str
    sha256: str
    text: str | None


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One attempt at a trial (`at`, with its details `of`) among all `attempts`, as stored at `now_ns`.

    `answers_for` maps other trials for which this result counts to the acceptance that says so; `acceptances` are these and the ones
    without which one of the attempts would not count. `between` is the folder with the output of deployed steps after this attempt, None
    if there is none. `skipped` has the number and target of steps that did not run, because of a condition or a class without machines.
    `cleaned` is what was removed from this attempt, `rendered` are the configuration files that were deployed.
    """

    at: StoredAttempt
    of: AttemptDetails
    attempts: tuple[StoredAttempt, ...]
    answers_for: Mapping[str, int]
    acceptances: tuple[Acceptance, ...]
    between: Path | None
    now_ns: int
    skipped: tuple[tuple[int, str], ...] = ()
    cleaned: tuple[Cleaned, ...] = ()
    rendered: tuple[DeployedFile, ...] = ()

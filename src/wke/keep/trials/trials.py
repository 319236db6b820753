"""Trials as the store keeps them: planned, running, ended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wke.keep.machines.fingerprint import FactChange
from wke.records import Outcome, Release, StartedTogether, TaskEnded

INTERRUPTED, RUNNING = "interrupted", "running"
LOGS = "logs"
"""In a trial's folder, a link to the session's log folder where a benchmark script ran the trial."""


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """One trial of a plan; `position` counts from 0 in running order, `inputs_json` is what its id was computed from."""

    id: str
    point: Mapping[str, object]
    iteration: int
    warmup: bool
    position: int
    inputs_json: str = "{}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a trial, now running; its logs go to `folder`."""

    id: int
    trial: str
    number: int
    folder: Path

    @property
    def name(self) -> str:
        """What machines know it by."""
        return f"{self.trial}.{self.number}"


@dataclass(frozen=True, slots=True)
class Detached:
    """An attempt of series `series` that may run on although its command has ended.

    `folders` maps its machines to their work folders; `release` is when its measured step was to begin, if that had been agreed on.
    """

    attempt: Attempt
    series: str
    started_ns: int
    folders: Mapping[str, str]
    release: Release | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended and what it gave; `fingerprints` maps a machine to facts about it, `start` is how its measured step began.

    `makers` are the attempts that ran its steps with a scope, by the index of the step: itself, or one before it.
    """

    outcome: Outcome
    started_ns: int
    ended_ns: int
    why: str = ""
    observations: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    tasks: Sequence[TaskEnded] = ()
    fingerprints: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    start: StartedTogether | None = None
    makers: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True)
class StoredStart:
    """How far apart the tasks of a measured step began, on machines `first` and `last`; right to `bound_ns`."""

    skew_ns: int
    bound_ns: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """Where an attempt comes from that was not run: attempt number `attempt` at trial `trial` ran, and `how` says why it answers here too.

    `at_ns`, `who` and `wke` tell when that was found out, by whom and by which version.
    """

    trial: str
    attempt: int
    how: str
    at_ns: int
    who: str
    wke: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an attempt says about a trial that it was not run for, by that trial's own metrics and checks."""

    trial: PlannedTrial
    derivation: Derivation
    outcome: Outcome
    why: str = ""
    observations: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invalid:
    """How many attempts at a trial were invalid; `last`: the latest one was."""

    times: int
    last: bool


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """A trial and one attempt at it. `outcome` is an Outcome's text, "interrupted", or "running" while it has none.

    With a `derivation` another attempt ran, and `folder` is that one's. Where it was asked how it stands to what machines are now,
    `changes` speak against it, and but for the `accepted` acceptances more would; with `stands_for` it counts for that trial.
    """

    id: str
    series: str
    attempt: int
    point: Mapping[str, object]
    iteration: int
    warmup: bool
    outcome: str
    why: str
    started_ns: int
    elapsed_s: float | None
    observations: Mapping[str, float]
    units: Mapping[str, str]
    folder: Path
    start: StoredStart | None = None
    derivation: Derivation | None = None
    changes: tuple[FactChange, ...] = ()
    accepted: tuple[int, ...] = ()
    stands_for: str | None = None

    @property
    def ran(self) -> tuple[str, int]:
        """The trial and the number of the attempt that ran: this one, unless it is derived from another."""
        return (self.derivation.trial, self.derivation.attempt) if self.derivation else (self.id, self.attempt)

    @property
    def ok(self) -> bool:
        """True when the attempt succeeded: only then do its observations count."""
        return self.outcome == "ok"


def counting_attempts(attempts: Iterable[StoredAttempt]) -> tuple[StoredAttempt, ...]:
    """Return one attempt for each trial, in the order in which the trials come: its first that is ok, else its last.

    One that needs no acceptance goes before those that do.
    """
    kept: dict[str, StoredAttempt] = {}
    for attempt in attempts:
        before = kept.get(attempt.id)
        if before is None or not before.ok or (attempt.ok and before.accepted and not attempt.accepted):
            kept[attempt.id] = attempt
    return tuple(kept.values())

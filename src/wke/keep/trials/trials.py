"""Trials and attempts in the store: planned, running, ended."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from wke.describe.toml.limits import FRESH_FROM
from wke.documents import Json
from wke.keep.files.damage import read_object
from wke.keep.machines.fingerprint import FactChange
from wke.keep.trials.judgements import Judgement, Level, doubts, verdict
from wke.keep.trials.versions import Version
from wke.records import Outcome, OutcomeKind, Release, StartedTogether, TaskEnded
from wke.values import dataclass

INTERRUPTED, RUNNING, BROKEN = "interrupted", "running", "broken"
Recorded = tuple[str, bytes]
"""The unit of recorded values, and how they are distributed, as keep/output/distribution.py encodes it."""
Inputs = Mapping[str, Json]
"""What a trial depends on, as keep/trials/identity.py describes it: what its id was computed from."""
LOGS = "logs"
"""In the folder of an attempt that a benchmark script ran, a link to the log folder of its session."""


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """One trial of a plan; `position` counts from 0 in running order. `source` is, or returns, the text of its inputs: few are needed."""

    id: str
    point: Mapping[str, object]
    iteration: int
    warmup: bool
    position: int
    source: str | Callable[[], str] = field(default="{}", compare=False)

    @property
    def fresh(self) -> bool:
        """Whether it is of a fresh round, which measures again what results chose."""
        return self.iteration >= FRESH_FROM

    @property
    def inputs_json(self) -> str:
        """What the id was computed from, as the store has it."""
        return self.source if isinstance(self.source, str) else self.source()

    @property
    def inputs(self) -> Inputs:
        """What the id was computed from."""
        return read_object(self.inputs_json, f"what trial {self.id} depends on")


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a trial that is running; its logs go to `folder`."""

    id: int
    trial: str
    number: int
    folder: Path

    @property
    def name(self) -> str:
        """The name of the attempt on machines."""
        return f"{self.trial}.{self.number}"


@dataclass(frozen=True, slots=True)
class Detached:
    """An attempt of series `series` that may still be running although its command has ended.

    `folders` maps its machines to their work folders; `release` is when its measured step was to begin, if that was agreed.
    """

    attempt: Attempt
    series: str
    started_ns: int
    folders: Mapping[str, str]
    release: Release | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended and what it observed.

    `fingerprints` maps each machine to what it reported about itself, `start` is how the measured step began. `makers` are the attempts
    that ran its steps with a scope, by the index of the step: this one or an earlier one. `judgements` are what rules say of it; if they
    reject it, it does not count, although its outcome is ok. `recorded` has the distributions of recorded values, each with its unit, by
    the source of the metrics that are read from them.
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
    versions: Sequence[Version] = ()
    judgements: Sequence[Judgement] = ()
    recorded: Mapping[str, Recorded] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredStart:
    """How far apart the tasks of a measured step began, on machines `first` and `last`, with an error of at most `bound_ns`."""

    skew_ns: int
    bound_ns: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """The origin of an attempt that did not run: its result was read, as `how` says, from attempt number `attempt` at trial `trial`.

    `at_ns`, `who` and `wke` are when that was, the user and the version.
    """

    trial: str
    attempt: int
    how: str
    at_ns: int
    who: str
    wke: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The result that an attempt gives for a trial that it was not run for, by the metrics and checks of that trial."""

    trial: PlannedTrial
    derivation: Derivation
    outcome: Outcome
    why: str = ""
    observations: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    judgements: Sequence[Judgement] = ()
    recorded: Mapping[str, Recorded] = field(default_factory=dict)

    @property
    def ended(self) -> tuple[Outcome, str]:
        """The outcome and its reason; invalid if rules reject the attempt."""
        rejected = self.outcome.ok and verdict(each.level for each in self.judgements) is Level.INVALID
        return (Outcome(OutcomeKind.INVALID), doubts(self.judgements)) if rejected else (self.outcome, self.why)


@dataclass(frozen=True, slots=True)
class Invalid:
    """How many attempts at a trial were invalid, and whether the `last` one was."""

    times: int
    last: bool


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """A trial and one attempt at it. `outcome` is an Outcome's text, "interrupted" or "running".

    With a `derivation` another attempt ran, and `folder` is that one's. If it was compared with the machines as they are now, it does not
    count because of `changes`; the acceptances with the numbers `accepted` cover others. With `stands_for` it counts for that trial.
    `command` is the number of the command that ran it, 0 if that is not known. `recorded` has the distribution of recorded values, with
    its unit, by metric, if they were asked for (keep/trials/distributions.py). The outcome of an attempt that a rule rejects is "invalid".
    `deployed` are the attempts, by their numbers in the store, that ran each step with a scope for it: attempts with equal ones share a
    deployment.
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
    command: int = field(default=0, compare=False)
    judgements: tuple[Judgement, ...] = ()
    recorded: Mapping[str, Recorded] = field(default_factory=dict, compare=False)
    deployed: tuple[int, ...] = field(default=(), compare=False)

    @property
    def fresh(self) -> bool:
        """Whether it is of a fresh round, which measures again what results chose."""
        return self.iteration >= FRESH_FROM

    @property
    def ran(self) -> tuple[str, int]:
        """The trial and the number of the attempt that ran: this one, or the one that it is derived from."""
        return (self.derivation.trial, self.derivation.attempt) if self.derivation else (self.id, self.attempt)

    @property
    def ok(self) -> bool:
        """Whether the attempt succeeded; only then do its observations count."""
        return self.outcome == "ok"

    @property
    def broken(self) -> bool:
        """Whether the attempt counts and shows a system that is broken: a check that judges the system does not hold."""
        return self.ok and self.why != ""

    @property
    def verdict(self) -> Level | None:
        """Whether the attempt may be trusted; None for one that did not end well."""
        if self.outcome == OutcomeKind.INVALID:
            return Level.INVALID
        return verdict(each.level for each in self.judgements) if self.ok else None

    @property
    def suspect(self) -> bool:
        """Whether the attempt counts and is marked, because a rule suspects it."""
        return self.verdict is Level.SUSPECT

    @property
    def doubts(self) -> str:
        """Why the attempt is suspect, or which rules reject it; "" if neither is so."""
        return doubts(self.judgements)

    @property
    def limit(self) -> str:
        """What the trial used up, in a sentence; "" if that is not known."""
        return next((each.said for each in self.judgements if each.level is Level.FINDING), "")

    @property
    def word(self) -> str:
        """The outcome, or "broken"."""
        return BROKEN if self.broken else self.outcome


def inputs_of(trials: Sequence[PlannedTrial]) -> dict[str, Inputs]:
    """Return the inputs of trials by their ids; those of the trials of one point are read once."""
    read: dict[int, Inputs] = {}
    found: dict[str, Inputs] = {}
    for trial in trials:
        if id(trial.source) not in read:
            read[id(trial.source)] = trial.inputs
        found[trial.id] = read[id(trial.source)]
    return found


def counting_attempts(attempts: Iterable[StoredAttempt]) -> tuple[StoredAttempt, ...]:
    """Return one attempt for each trial, in the order of the trials: the first that is ok, else the last.

    An ok attempt that needs no acceptance takes precedence over one that does.
    """
    kept: dict[str, StoredAttempt] = {}
    for attempt in attempts:
        before = kept.get(attempt.id)
        if before is None or not before.ok or (attempt.ok and before.accepted and not attempt.accepted):
            kept[attempt.id] = attempt
    return tuple(kept.values())

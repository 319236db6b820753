"""Everything that happens while machines work, as frozen values. One stream of them feeds the disk and the console.

Times named `*_ns` are nanoseconds since the epoch on the machine's own clock. The agent reads the wall clock once when it starts and
advances that time by a clock that nothing sets or slews (CLOCK_MONOTONIC_RAW), so differences are durations.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from wke.values import dataclass


class OutcomeKind(StrEnum):
    """How a task can end. Only `OK` is success; `LOST` and `UNREACHABLE` mean that the outcome is unknown.

    `INVALID` is for trials only: all tasks succeeded, but a check of the measurement says that the result does not count.
    """

    OK = "ok"
    FAILED = "failed"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"
    LOST = "lost"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended; `code` is the exit code of `failed` or the signal number of `signalled`."""

    kind: OutcomeKind
    code: int | None = None

    @property
    def ok(self) -> bool:
        """True for success only."""
        return self.kind is OutcomeKind.OK

    def __str__(self) -> str:
        return self.kind.value if self.code is None else f"{self.kind.value}({self.code})"


@dataclass(frozen=True, slots=True)
class TaskName:
    """One target on one machine, in step `step` (from 0) of the run. `copy` counts from 0 if the step has several tasks per machine."""

    step: int
    target: str
    machine: str
    copy: int = 0


@dataclass(frozen=True, slots=True)
class Connected:
    """A machine's agent answered."""

    machine: str
    after_s: float


@dataclass(frozen=True, slots=True)
class Connecting:
    """So far `connected` of `total` machines answer; those in `waiting` do not yet, the first of them since `longest_s`.

    On those in `logging_in`, ssh has logged in, and the start-up files of the login shell run.
    It is sent while connecting takes long, and once more, with an empty `waiting`, when connecting is over.
    """

    connected: int
    total: int
    waiting: tuple[str, ...]
    longest_s: float
    logging_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins on `machines`, with `tasks` tasks in total."""

    step: int
    target: str
    machines: tuple[str, ...]
    tasks: int
    background: bool = False
    measured: bool = False


@dataclass(frozen=True, slots=True)
class StepReady:
    """A background step is ready on all its machines."""

    step: int
    target: str
    after_s: float


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A task's process was created."""

    task: TaskName
    at_ns: int


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes that a task wrote to its standard output (`stream` 1) or standard error (2), as the agent read them."""

    task: TaskName
    stream: int
    data: bytes
    at_ns: int


@dataclass(frozen=True, slots=True)
class MetricsWritten:
    """Bytes that a task wrote to the file $WKE_METRICS; they are sent in order, just before its end."""

    task: TaskName
    data: bytes


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task ended. `rung` is the signal that stopped it ("", "SIGTERM", "SIGKILL"); `detail` adds to the outcome."""

    task: TaskName
    outcome: Outcome
    started_ns: int
    ended_ns: int
    rung: str = ""
    detail: str = ""

    @property
    def elapsed_s(self) -> float:
        """Seconds between start and end on the machine's clock."""
        return (self.ended_ns - self.started_ns) / 1e9


@dataclass(frozen=True, slots=True)
class ClockReading:
    """At `at_ns` on our clock, a machine's clock was `offset_ns` ahead of it, within `bound_ns`."""

    offset_ns: int
    bound_ns: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Release:
    """The planned start of a measured step's tasks, on our clock, and the machines' clocks before it."""

    at_ns: int
    clocks: Mapping[str, ClockReading]


@dataclass(frozen=True, slots=True)
class MachineClock:
    """The readings of a machine's clock during a trial, in order of time; there is at least one.

    Its offset from our clock changes by at most `drift_ppm` millionths of the time that passes, unless the clock was set.
    """

    readings: tuple[ClockReading, ...]
    drift_ppm: int


@dataclass(frozen=True, slots=True)
class StartedTogether:
    """How far apart the tasks of a measured step started, which were released at `released_ns` on our clock.

    `skew_ns` is the time between the first and the last start, on the machines `first` and `last` as it seems; its error is at most
    `bound_ns`, whichever machines they really were.
    `clocks` converts all times that the machines recorded meanwhile to our clock (`wke.judge.clocks`).
    """

    step: int
    target: str
    released_ns: int
    skew_ns: int
    bound_ns: int
    first: str
    last: str
    clocks: Mapping[str, MachineClock]


@dataclass(frozen=True, slots=True)
class Sample:
    """What a machine counted at one moment, by the names of columns (agent/sources.py); None is unknown. Samples are not `Record`s."""

    machine: str
    at_ns: int
    numbers: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """What a machine used in about the last second: `cpu` of its `cpus` processors were busy (1.5 is one and a half).

    Under a limit, `cpus` is that. `memory` of `memory_total` bytes are in use; `received` and `sent` are bytes per second. None is unknown.
    These come only while a display shows them.
    """

    machine: str
    at_ns: int
    cpu: float | None
    cpus: float | None
    memory: int | None
    memory_total: int | None
    received: float | None
    sent: float | None


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the user should know but that is not an error, such as processes that had to be stopped at the end.

    One that `stops` says why a series ends early.
    """

    text: str
    machine: str | None = None
    stops: bool = False


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """The runner starts a trial, number `position` (from 1) of the `total` that this command runs."""

    trial: str
    position: int
    total: int
    point: Mapping[str, object]
    iteration: int
    warmup: bool


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial ended and is stored. `observations` maps each metric to its value; `why` explains an outcome that is not ok.

    With an ok outcome it says why the trial is broken. `said` are the last lines that task `of` wrote, because of which the trial failed.
    """

    trial: str
    outcome: Outcome
    elapsed_s: float
    observations: Mapping[str, float]
    why: str = ""
    of: TaskName | None = None
    said: tuple[str, ...] = ()


Record = (
    Connected
    | Connecting
    | StepStarted
    | StepReady
    | TaskStarted
    | Output
    | MetricsWritten
    | TaskEnded
    | StartedTogether
    | MachineUsage
    | Note
    | TrialStarted
    | TrialEnded
)
Sink = Callable[[Record], None]

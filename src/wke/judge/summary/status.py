"""The status of a series: who measures it, how far it is, and when it may end."""

from wke.judge.policies.pace import Pace
from wke.judge.summary.series import SeriesWork
from wke.keep.files.current import Current
from wke.keep.files.lock import Holder
from wke.keep.trials.trials import Detached, StoredAttempt
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """What is known of a series at `now_ns`. `running`, `current` and `pace` are those of the living `holder`.

    `left` are the attempts that a command has left running; `ends` are the latest ends, the last one first. `queued` says which job is to
    measure it and has not begun, "" if none is.
    """

    work: SeriesWork
    now_ns: int
    holder: Holder | None
    running: StoredAttempt | None
    current: Current | None
    pace: Pace | None
    ends: tuple[StoredAttempt, ...]
    left: tuple[Detached, ...]
    queued: str = ""

    @property
    def name(self) -> str:
        """The name of the series."""
        return self.work.name

    @property
    def is_measured(self) -> bool:
        """True while a living process measures it."""
        return self.holder is not None and self.holder.alive

    @property
    def to_run(self) -> int:
        """How many trials there are to run, as far as it is known; one that is running is included."""
        outlook = self.work.outlook
        return outlook.due if outlook.by_looks else outlook.at_most

    @property
    def left_s(self) -> float | None:
        """About how many seconds the trials that the command knows of will take; None when no trial runs or it is not known."""
        if self.pace is None or (self.current is None and self.running is None):
            return None
        trials = self.to_run if self.current is None else self.current.total - self.current.position + bool(self.current.trial)
        began_ns = self.running.started_ns if self.running else None
        return self.pace.left_s(trials, 0.0 if began_ns is None else (self.now_ns - began_ns) / 1e9)


def ended_ns(attempt: StoredAttempt) -> int:
    """Return when an attempt ended."""
    return attempt.started_ns + int((attempt.elapsed_s or 0.0) * 1e9)

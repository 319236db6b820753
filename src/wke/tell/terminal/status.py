"""How far a series is, by the store and the files beside it: read while another process writes, which never waits for a reader."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from wke.describe.experiment.rules import Rules
from wke.judge.policies.choose import policy_by
from wke.judge.policies.costs import spent_s
from wke.judge.policies.pace import Pace, pace
from wke.judge.policies.policy import Outlook, Seen
from wke.judge.policies.precise import PreciseOutlook
from wke.judge.policies.repetition import tried_in_vain
from wke.keep.files.current import Current, read_current
from wke.keep.files.lock import Holder, holder_of, series_lock
from wke.keep.store import Store
from wke.keep.trials.trials import INTERRUPTED, RUNNING, Detached, StoredAttempt
from wke.records import OutcomeKind
from wke.tell.terminal.console import counted, seconds
from wke.tell.terminal.outlooks import then_text
from wke.tell.terminal.progress import point_words
from wke.tell.terminal.sanitize import visible

MOST_ENDS = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """How many trials of a plan count (`ok`), failed or were invalid when last tried, and are still `to_run`, one that runs included."""

    planned: int
    ok: int
    failed: int
    invalid: int
    to_run: int


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to know of a series at `now_ns`. `running` and `pace` are those of the living `holder`; `then` is what comes after.

    `left` was left running by a command that has ended; `ends` are the latest ends, the last one first.
    """

    name: str
    file: str
    now_ns: int
    holder: Holder | None
    running: StoredAttempt | None
    current: Current | None
    counts: Counts
    pace: Pace | None
    then: str
    ends: tuple[StoredAttempt, ...]
    left: tuple[Detached, ...]

    @property
    def is_measured(self) -> bool:
        """True while a living process measures it."""
        return self.holder is not None and self.holder.alive

    @property
    def left_s(self) -> float | None:
        """About how many seconds what the command knows of will take; None when no trial runs or nothing is known."""
        if self.pace is None or (self.current is None and self.running is None):
            return None
        trials = self.counts.to_run if self.current is None else self.current.total - self.current.position + bool(self.current.trial)
        began_ns = self.running.started_ns if self.running else None
        return self.pace.left_s(trials, 0.0 if began_ns is None else (self.now_ns - began_ns) / 1e9)


def read_status(store: Store, name: str) -> Status:
    """Return how far a series is; InputError for a name that no series has."""
    plan = store.plans.latest(name)
    holder = holder_of(series_lock(store.folder, name))
    alive = holder is not None and holder.alive
    history = store.attempts.of_series(name)
    since_ns = (holder.since_ns if holder is not None and alive else None) or time.time_ns()
    own = [attempt for attempt in history if alive and attempt.started_ns >= since_ns]
    ended = [attempt for attempt in history if attempt.outcome != RUNNING]
    running = next((attempt for attempt in reversed(history) if alive and attempt.outcome == RUNNING), None)
    current = read_current(store.folder, name) if alive else None
    if current is not None and current.trial and (running is None or running.id != current.trial):
        current = None  # the two were read a moment apart
    own_ended = [attempt for attempt in own if attempt.outcome != RUNNING]
    took = [attempt for attempt in ended if attempt.outcome != INTERRUPTED and attempt not in own_ended]
    outlook = _outlook(store, name, plan.rules, {attempt.id for attempt in own_ended}, history)
    return Status(
        name=name,
        file=plan.file,
        now_ns=time.time_ns(),
        holder=holder,
        running=running,
        current=current,
        counts=_counts(store, name, outlook),
        pace=pace([attempt.started_ns for attempt in own], own_ended, took) if alive else None,
        then=then_text(outlook),
        ends=tuple(sorted(ended, key=_ended_ns, reverse=True)[:MOST_ENDS]),
        left=() if alive else store.attempts.detached(name),
    )


def _ended_ns(attempt: StoredAttempt) -> float:
    return attempt.started_ns + (attempt.elapsed_s or 0.0) * 1e9


def _outlook(store: Store, name: str, rules: Rules, attempted: set[str], history: Sequence[StoredAttempt]) -> Outlook:
    """Return how much there is to do for the command that made these attempts, or for the next one."""
    planned = store.plans.trials(name)
    stored = {trial.id: trial for trial in store.attempts.one_per_trial(name) if trial.ok}
    tried = tried_in_vain(attempted, store.attempts.invalid(trial.id for trial in planned))
    return policy_by(rules).outlook(planned, Seen(stored, tried, spent_s(planned, history, rules.cooldown_s)))


def _counts(store: Store, name: str, outlook: Outlook) -> Counts:
    trials = store.attempts.one_per_trial(name)
    invalid = sum(trial.outcome == OutcomeKind.INVALID for trial in trials)
    ok = sum(trial.ok for trial in trials)
    failed = sum(trial.outcome not in {INTERRUPTED, RUNNING} for trial in trials) - ok - invalid
    to_run = outlook.due if isinstance(outlook, PreciseOutlook) else outlook.at_most
    return Counts(len(store.plans.trials(name)), ok, failed, invalid, to_run)


# -- in words


def status_lines(status: Status) -> Iterator[str]:
    """Yield the lines that a person reads; times are those of this computer's clock."""
    yield f"{status.name}: {_who(status)}"
    if status.is_measured:
        yield f"  now     {doing(status)}"
    yield f"  trials  {count_words(status)}"
    if status.is_measured:
        yield f"  pace    {pace_words(status)}"
    for number, end in enumerate(status.ends):
        yield f"  {'' if number else 'ended':<7} {end_words(end, status.now_ns)}"
    for left in status.left:
        since, machines = clock(left.started_ns, status.now_ns), counted(len(left.folders), "machine")
        yield f"  left    {left.attempt.trial} was left running on {machines}, since {since}: wke measure takes it up, wke abandon stops it"


def change_line(status: Status) -> str:
    """Return one line that differs from the one before exactly when something has happened."""
    words = doing(status) if status.is_measured else _who(status)
    last = f"; last: {end_words(status.ends[0], status.now_ns)}" if status.ends else ""
    return f"{status.name}: {words}; {count_words(status)}{last}"


def summary_line(status: Status) -> str:
    """Return what there is to say of a series that is not asked about, and that nobody measures."""
    last = f"; last end {clock(int(_ended_ns(status.ends[0])), status.now_ns)}" if status.ends else ""
    return f"{status.name}: {_who(status)}; {count_words(status)}{last}"


def _who(status: Status) -> str:
    if status.holder is None:
        return "nobody measures it"
    words = visible(status.holder.words) or "a process that does not say who it is"
    return f"measured by {words}" if status.holder.alive else f"nobody measures it any more, killed or cut off was {words}"


def doing(status: Status) -> str:
    """Say which trial runs and how far it is."""
    current, running = status.current, status.running
    of = f" ({current.position} of {current.total})" if current else ""
    if running is None:
        return f"between two trials{of}" if current else "no trial runs: the command begins or ends"
    words = f"{running.id}  {point_words(running.point, running.iteration, warmup=running.warmup)}{of}"
    words += f", since {clock(running.started_ns, status.now_ns)}"
    if current and current.step:
        step = current.step
        words += f"; step {step.target} ({counted(step.tasks, 'task')}) since {clock(step.since_ns, status.now_ns)}"
    return words


def count_words(status: Status) -> str:
    """Say how many trials there are of each kind."""
    counts = status.counts
    kinds = [f"{counts.ok} ok", *(f"{n} {word}" for n, word in ((counts.failed, "failed"), (counts.invalid, "invalid")) if n)]
    most = "at most " if status.then.startswith("then") else ""
    return f"{', '.join(kinds)}; {most}{counts.to_run} to run{' ' + status.then if status.then.startswith('until') else ''}"


def pace_words(status: Status) -> str:
    """Say how fast it goes, when it may end, and what that is taken from."""
    if status.pace is None:
        return "not known before the first trial has ended"
    each, basis = seconds(status.pace.each_s), f"by {'earlier' if status.pace.earlier else 'the last'} {counted(status.pace.of, 'trial')}"
    if status.left_s is None:
        return f"a trial in {each} ({basis})"
    end = clock(status.now_ns + int(status.left_s * 1e9), status.now_ns)
    after = f" {status.then}" if status.then.startswith("until") else f", {status.then}" if status.then else ""
    return f"a trial in {each}: about {seconds(status.left_s)} left{after}, to about {end} ({basis})"


def end_words(end: StoredAttempt, now_ns: int) -> str:
    """Say how a trial ended, when, and why it was not well."""
    when = f" at {clock(int(_ended_ns(end)), now_ns)} after {seconds(end.elapsed_s)}" if end.elapsed_s is not None else ""
    why = f": {visible(end.why)}" if end.why else ""
    return f"{end.id}  {point_words(end.point, end.iteration, warmup=end.warmup)}: {end.outcome}{when}{why}"


def clock(at_ns: int, now_ns: int) -> str:
    """Return a time of day, with its date when that is not today's."""
    at, now = (time.localtime(value / 1e9) for value in (at_ns, now_ns))
    return time.strftime("%H:%M:%S" if at[:3] == now[:3] else "%Y-%m-%d %H:%M:%S", at)


# -- for programs


def status_json(status: Status) -> dict[str, object]:
    """Return it as values that `json.dumps` takes."""
    holder, running, current, left_s = status.holder, status.running, status.current, status.left_s
    return {
        "file": status.file,
        "now-ns": status.now_ns,
        "holder": None if holder is None else {"alive": holder.alive, "words": holder.words, **holder.facts},
        "running": None if running is None else {**_trial_json(running), "step": _step_json(current)},
        "position": None if current is None else current.position,
        "total": None if current is None else current.total,
        "counts": {name.replace("_", "-"): number for name, number in asdict(status.counts).items()},
        "pace": None if status.pace is None else {"each-s": status.pace.each_s, "of": status.pace.of, "earlier": status.pace.earlier},
        "left-s": left_s,
        "ends-ns": None if left_s is None else status.now_ns + int(left_s * 1e9),
        "ends": [_trial_json(end) for end in status.ends],
        "left": [
            {"trial": left.attempt.trial, "attempt": left.attempt.number, "started-ns": left.started_ns, "on": sorted(left.folders)}
            for left in status.left
        ],
    }


def _step_json(current: Current | None) -> dict[str, object] | None:
    step = current.step if current else None
    return None if step is None else {"index": step.index, "target": step.target, "tasks": step.tasks, "since-ns": step.since_ns}


def _trial_json(trial: StoredAttempt) -> dict[str, object]:
    return {
        "id": trial.id,
        "attempt": trial.attempt,
        "point": dict(trial.point),
        "iteration": trial.iteration,
        "warmup": trial.warmup,
        "outcome": trial.outcome,
        "why": trial.why,
        "started-ns": trial.started_ns,
        "elapsed-s": trial.elapsed_s,
    }

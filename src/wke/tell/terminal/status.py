"""The status of a series as lines and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict

from wke.describe.toml.wording import counted
from wke.judge.policies.decided import Decision
from wke.judge.policies.largest import RateFound
from wke.judge.policies.smallest import SizesFound
from wke.judge.summary.pointtable import varied
from wke.judge.summary.status import SeriesStatus, ended_ns
from wke.keep.files.current import Current
from wke.keep.files.localtime import in_local_time, local_time
from wke.keep.trials.trials import StoredAttempt
from wke.tell.terminal.findings import finding_text
from wke.tell.terminal.outlooks import then_text
from wke.tell.terminal.sanitize import visible
from wke.tell.words import point_words, seconds


def status_lines(status: SeriesStatus) -> Iterator[str]:
    """Yield the lines of the screen; times are local to this computer."""
    yield f"{status.name}: {_who(status)}"
    if status.is_measured:
        yield f"  now     {doing(status)}"
    yield f"  trials  {count_words(status)}"
    if status.is_measured:
        yield f"  pace    {pace_words(status)}"
    for finding in (one for one in status.work.findings if isinstance(one, Decision | RateFound | SizesFound)):
        yield f"  found   {finding_text(finding, varied(status.work.plan.rules.points))}"
    for number, end in enumerate(status.ends):
        yield f"  {'' if number else 'ended':<7} {end_words(end, status.now_ns)}"
    for left in status.left:
        since, machines = local_time(left.started_ns, status.now_ns), counted(len(left.folders), "machine")
        yield f"  left    {left.attempt.trial} was left running on {machines}, since {since}: wke measure takes it up, wke abandon stops it"


def change_line(status: SeriesStatus) -> str:
    """Return one line that changes exactly when something has happened."""
    words = doing(status) if status.is_measured else _who(status)
    last = f"; last: {end_words(status.ends[0], status.now_ns)}" if status.ends else ""
    return f"{status.name}: {words}; {count_words(status)}{last}"


def summary_line(status: SeriesStatus) -> str:
    """Return one line for a series that is not being measured."""
    last = f"; last end {local_time(ended_ns(status.ends[0]), status.now_ns)}" if status.ends else ""
    return f"{status.name}: {_who(status)}; {count_words(status)}{last}"


def _who(status: SeriesStatus) -> str:
    if status.queued:
        return f"not being measured yet: {visible(status.queued)}"
    if status.holder is None:
        return "not being measured"
    words = visible(in_local_time(status.holder.words)) or "an unknown process"
    return f"measured by {words}" if status.holder.alive else f"not being measured; the last command was killed or lost contact: {words}"


def doing(status: SeriesStatus) -> str:
    """Return which trial runs and how far it is."""
    current, running = status.current, status.running
    of = f" ({current.position} of {current.total})" if current else ""
    if running is None:
        return f"between two trials{of}" if current else "no trial runs: the command begins or ends"
    words = f"{running.id}  {point_words(running.point, running.iteration, warmup=running.warmup)}{of}"
    words += f", since {local_time(running.started_ns, status.now_ns)}"
    if current and current.step:
        step = current.step
        words += f"; step {step.target} ({counted(step.tasks, 'task')}) since {local_time(step.since_ns, status.now_ns)}"
    return words


def count_words(status: SeriesStatus) -> str:
    """Return how many trials there are of each kind."""
    counts, then = status.work.counts, then_text(status.work.outlook)
    marked = [f"{n} of them {word}" for n, word in ((counts.broken, "broken"), (counts.suspect, "suspect")) if n]
    broken = f" ({', '.join(marked)})" if marked else ""
    kinds = [f"{counts.ok} ok{broken}", *(f"{n} {word}" for n, word in ((counts.failed, "failed"), (counts.invalid, "invalid")) if n)]
    most = "at most " if then.startswith("then") else ""
    return f"{', '.join(kinds)}; {most}{status.to_run} to run{' ' + then if then.startswith('until') else ''}"


def pace_words(status: SeriesStatus) -> str:
    """Return the time per trial, when the command may end, and what the estimate is based on."""
    if status.pace is None:
        return "not known before the first trial has ended"
    each, basis = seconds(status.pace.each_s), f"by {'earlier' if status.pace.earlier else 'the last'} {counted(status.pace.of, 'trial')}"
    if status.left_s is None:
        return f"a trial in {each} ({basis})"
    end = local_time(status.now_ns + int(status.left_s * 1e9), status.now_ns)
    then = then_text(status.work.outlook)
    after = f" {then}" if then.startswith("until") else f", {then}" if then else ""
    return f"a trial in {each}: about {seconds(status.left_s)} left{after}, to about {end} ({basis})"


def end_words(end: StoredAttempt, now_ns: int) -> str:
    """Return how and when a trial ended, and why it is not ok."""
    when = f" at {local_time(ended_ns(end), now_ns)} after {seconds(end.elapsed_s)}" if end.elapsed_s is not None else ""
    why = f": {visible(end.why)}" if end.why else ""
    return f"{end.id}  {point_words(end.point, end.iteration, warmup=end.warmup)}: {end.word}{when}{why}"


# -- for programs


def status_json(status: SeriesStatus) -> dict[str, object]:
    """Return a status as values for `json.dumps`."""
    holder, running, current, left_s = status.holder, status.running, status.current, status.left_s
    return {
        "file": status.work.plan.file,
        "now-ns": status.now_ns,
        "holder": None if holder is None else {"alive": holder.alive, "words": holder.words, **holder.facts},
        "running": None if running is None else {**_trial_json(running), "step": _step_json(current)},
        "position": None if current is None else current.position,
        "total": None if current is None else current.total,
        "counts": asdict(status.work.counts) | {"to-run": status.to_run},
        "pace": None if status.pace is None else {"each-s": status.pace.each_s, "of": status.pace.of, "earlier": status.pace.earlier},
        "queued": status.queued or None,
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
        "broken": trial.broken,
        "started-ns": trial.started_ns,
        "elapsed-s": trial.elapsed_s,
    }

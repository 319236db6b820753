"""`wke logs --follow`: prints what tasks write while a trial runs, and for a series from trial to trial."""

import time
from collections.abc import Iterable, Iterator

from wke.errors import InputError
from wke.keep.files.current import read_current
from wke.keep.files.lock import holder_of, series_lock
from wke.keep.output.logs import Follower, Line
from wke.keep.store import Store
from wke.keep.trials.trials import RUNNING, StoredAttempt
from wke.series.folders import RESULTS
from wke.series.resolve import find_trial
from wke.tell.terminal.console import Printer
from wke.tell.terminal.output import flush, put
from wke.tell.terminal.sanitize import Safe, one_line, sanitize
from wke.tell.words import point_words
from wke.values import dataclass

LOOK_S = 0.2
"""Between two looks at the files: they cost the controller a little, and it may be measuring."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are printed: those of a `machine` and of a `target`, if they are given."""

    machine: str | None
    target: str | None

    def has(self, line: Line) -> bool:
        """Return whether a line is printed."""
        return self.machine in {None, line.task.machine} and self.target in {None, line.task.target}


def printed(lines: Iterable[Line], first_ns: int | None = None) -> Iterator[Safe]:
    """Yield lines as they are printed: the seconds since the first one (`first_ns`, if it was before), the target and the machine first."""
    for line in lines:
        first_ns = first_ns or line.at_ns
        name = f"{line.task.machine}.{line.task.copy}" if line.task.copy else line.task.machine
        mark = "│" if line.stream == 1 else "!"
        before = one_line(f"{(line.at_ns - first_ns) / 1e9:9.3f} {line.task.target} {name}")
        yield Safe(f"{before} {mark} {sanitize(line.data)}\n")


def follow_logs(name: str, wanted: Wanted, *, as_json: bool) -> None:
    """Print the lines of a trial until it has ended, or of each trial of a series until that is not measured any more."""
    if as_json:
        raise InputError("--follow prints lines: it does not go with --json")
    with Store.open(RESULTS, readonly=True) as store:
        if name not in store.plans.names():
            _follow(store, find_trial(store, name), wanted)
            return
        if not _is_measured(name):
            raise InputError(f"series {name} is not measured now", hint=f"`wke results {name} --trials` lists its trials")
        seen: set[tuple[str, int]] = set()
        while _is_measured(name):
            attempt = _running(store, name)
            if attempt is None or (attempt.id, attempt.attempt) in seen:
                time.sleep(LOOK_S)
                continue
            seen.add((attempt.id, attempt.attempt))
            _follow(store, attempt, wanted)


def _running(store: Store, series: str) -> StoredAttempt | None:
    """Return the attempt that the command that measures a series is at, None between two trials."""
    current = read_current(store.folder, series)
    attempts = store.attempts.of_trial(current.trial) if current and current.trial else ()
    return attempts[-1] if attempts else None


def _follow(store: Store, attempt: StoredAttempt, wanted: Wanted) -> None:
    """Print the lines of an attempt until it has ended, or the command that ran it has."""
    Printer().talk(f"{attempt.id}  {point_words(attempt.point, attempt.iteration, warmup=attempt.warmup)}  {attempt.folder}")
    follower, first_ns = Follower(), None
    while True:
        now = next(one for one in store.attempts.of_trial(attempt.id) if one.attempt == attempt.attempt)
        over = now.outcome != RUNNING or not _is_measured(now.series)
        for line in filter(wanted.has, follower.new(now.folder)):
            first_ns = first_ns or line.at_ns
            _print(line, first_ns)
        if over:
            break
        flush("stdout")
        time.sleep(LOOK_S)
    for line in filter(wanted.has, follower.rest()):
        _print(line, first_ns)
    Printer().talk(f"{now.id} {now.word}{f': {now.why}' if now.why else ''}")


def _print(line: Line, first_ns: int | None) -> None:
    for text in printed([line], first_ns):
        put("stdout", text)


def _is_measured(series: str) -> bool:
    holder = holder_of(series_lock(RESULTS, series))
    return holder is not None and holder.alive

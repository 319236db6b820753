"""Reads the status of a series from the store and the files beside it, also while another process writes them."""

import time
from collections.abc import Sequence

from wke.judge.policies.pace import Pace, pace
from wke.judge.summary.status import SeriesStatus, ended_ns
from wke.keep.files.current import Current, read_current
from wke.keep.files.lock import holder_of, series_lock
from wke.keep.store import Store
from wke.keep.trials.trials import INTERRUPTED, RUNNING, StoredAttempt
from wke.series.summary import load_work

MOST_ENDS = 5


def load_status(store: Store, name: str) -> SeriesStatus:
    """Return the status of a series; InputError for an unknown name."""
    holder = holder_of(series_lock(store.folder, name))
    history = store.attempts.of_series(name)
    ended = [attempt for attempt in history if attempt.outcome != RUNNING]
    ends = tuple(sorted(ended, key=ended_ns, reverse=True)[:MOST_ENDS])
    if holder is None or not holder.alive:
        left = store.attempts.detached(name)
        return SeriesStatus(load_work(store, name, refuse=False), time.time_ns(), holder, None, None, None, ends=ends, left=left)
    since_ns = holder.since_ns or time.time_ns()
    own = [attempt for attempt in history if attempt.started_ns >= since_ns]
    running = next((attempt for attempt in reversed(history) if attempt.outcome == RUNNING), None)
    return SeriesStatus(
        work=load_work(store, name, {attempt.id for attempt in own if attempt.outcome != RUNNING}, refuse=False),
        now_ns=time.time_ns(),
        holder=holder,
        running=running,
        current=_current(store, name, running),
        pace=_pace(own, ended),
        ends=ends,
        left=(),
    )


def _pace(own: Sequence[StoredAttempt], ended: Sequence[StoredAttempt]) -> Pace | None:
    """Return the pace of this command's `own` attempts, or as long as there are too few, of those that ended before."""
    own_ended = [attempt for attempt in own if attempt.outcome != RUNNING]
    earlier = [attempt for attempt in ended if attempt.outcome != INTERRUPTED and attempt not in own_ended]
    return pace([attempt.started_ns for attempt in own], own_ended, earlier)


def _current(store: Store, name: str, running: StoredAttempt | None) -> Current | None:
    """Return what the writer says of itself, unless that is about another trial: the two were read a moment apart."""
    current = read_current(store.folder, name)
    stale = current is not None and current.trial and (running is None or running.id != current.trial)
    return None if stale else current

"""Reads the status of a series from the store and the files beside it, also while another process writes them."""

import time

from wke.judge.policies.pace import pace
from wke.judge.summary.status import SeriesStatus, ended_ns
from wke.keep.files.current import read_current
from wke.keep.files.lock import holder_of, series_lock
from wke.keep.store import Store
from wke.keep.trials.trials import INTERRUPTED, RUNNING
from wke.series.summary import load_work

MOST_ENDS = 5


def load_status(store: Store, name: str) -> SeriesStatus:
    """Return the status of a series; InputError for an unknown name."""
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
    return SeriesStatus(
        work=load_work(store, name, {attempt.id for attempt in own_ended}),
        now_ns=time.time_ns(),
        holder=holder,
        running=running,
        current=current,
        pace=pace([attempt.started_ns for attempt in own], own_ended, took) if alive else None,
        ends=tuple(sorted(ended, key=ended_ns, reverse=True)[:MOST_ENDS]),
        left=() if alive else store.attempts.detached(name),
    )

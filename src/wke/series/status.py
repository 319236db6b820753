"""Reads the status of a series from the store and the files beside it, also while another process writes them."""

import time
from collections.abc import Sequence

from wke.judge.policies.pace import Pace, pace
from wke.judge.summary.status import SeriesStatus, ended_ns
from wke.keep.files.current import Current, read_current
from wke.keep.files.lock import holder_of, series_lock
from wke.keep.files.submitted import read_submitted
from wke.keep.store import Store
from wke.keep.trials.attempts import ENDED_LAST, UNFINISHED, begun_since
from wke.keep.trials.trials import INTERRUPTED, RUNNING, StoredAttempt
from wke.series.summary import load_work


def load_status(store: Store, name: str) -> SeriesStatus:
    """Return the status of a series; InputError for an unknown name."""
    holder = holder_of(series_lock(store.folder, name))
    ends = tuple(sorted(store.attempts.of_series(name, ENDED_LAST), key=ended_ns, reverse=True))
    if holder is None or not holder.alive:
        left, work, queued = store.attempts.detached(name), load_work(store, name, refuse=False), _queued(store, name)
        return SeriesStatus(work, time.time_ns(), holder, None, None, None, ends=ends, left=left, queued=queued)
    own = store.attempts.of_series(name, begun_since(holder.since_ns or time.time_ns()))
    running = next(reversed(store.attempts.of_series(name, UNFINISHED)), None)
    return SeriesStatus(
        work=load_work(store, name, {attempt.id for attempt in own if attempt.outcome != RUNNING}, refuse=False),
        now_ns=time.time_ns(),
        holder=holder,
        running=running,
        current=_current(store, name, running),
        pace=_pace(store, name, own),
        ends=ends,
        left=(),
    )


def _queued(store: Store, name: str) -> str:
    """Return which job was submitted to measure a series and is not over, "" if there is none."""
    submitted = read_submitted(store.folder, name)
    if submitted is None:
        return ""
    from wke.act.slurm.job import queue_words  # noqa: PLC0415 - most series were never submitted

    return queue_words(submitted.job)


def _pace(store: Store, name: str, own: Sequence[StoredAttempt]) -> Pace | None:
    """Return the pace of this command's `own` attempts, or as long as none of them has ended, of those that ended before."""
    ended = [attempt for attempt in own if attempt.outcome != RUNNING]
    earlier = () if ended else store.attempts.of_series(name)
    return pace([attempt.started_ns for attempt in own], ended, [one for one in earlier if one.outcome not in {INTERRUPTED, RUNNING}])


def _current(store: Store, name: str, running: StoredAttempt | None) -> Current | None:
    """Return what the writer says of itself, unless that is about another trial: the two were read a moment apart."""
    current = read_current(store.folder, name)
    stale = current is not None and current.trial and (running is None or running.id != current.trial)
    return None if stale else current

"""What a series has due when its last parameter is climbed: only the trials that the search asks for, batch after batch."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from wke.act import runner
from wke.act.runner import Due
from wke.cli.prepare import Series
from wke.describe.sweep import Point
from wke.judge.climbing import Climb, climbs, goal_of, point_key
from wke.keep.store import Store
from wke.records import Outcome, Record, Sink, TrialStarted


def wanted(series: Series, store: Store, attempted: Collection[str]) -> list[Due]:
    """Return the trials that the series' searches want next, stored ones included; all of its trials if nothing is climbed.

    A point is tried when none of its trials is missing; those `attempted` now and failed are not missing, but give nothing.
    """
    if series.plan.experiment.parameters.climb is None:
        return list(series.trials)
    keys = {point_key(climb.next) for climb in searches(series, store, attempted) if climb.next is not None}
    return [item for item in series.trials if point_key(item.trial.point) in keys]


async def run_batches(running: runner.Series, next_due: Callable[[Collection[str]], Sequence[Due]]) -> tuple[Outcome, ...]:
    """Run what is due, and what is due after that, until nothing is; `next_due` gets the ids of the trials that were attempted here."""
    outcomes: list[Outcome] = []
    attempted: set[str] = set()
    while due := next_due(attempted):
        if outcomes:
            await asyncio.sleep(running.experiment.cooldown_s)
        outcomes += await runner.run_series(replace(running, sink=_counting_on(running.sink, len(outcomes))), due)
        if running.fail_fast and not outcomes[-1].ok:
            break
        attempted.update(item.planned.id for item in due)
    return tuple(outcomes)


def _counting_on(sink: Sink, before: int) -> Sink:
    """Return a sink that counts the trials of a batch on from those of the batches before it."""

    def told(record: Record) -> None:
        if isinstance(record, TrialStarted):
            record = replace(record, position=before + record.position, total=before + record.total)
        sink(record)

    return told


def searches(series: Series, store: Store, attempted: Collection[str] = ()) -> tuple[Climb, ...]:
    """Return where the series' searches stand."""
    return climbs(series.plan.experiment, _finished(series, store, attempted))


def _finished(series: Series, store: Store, attempted: Collection[str]) -> Iterator[tuple[Point, Sequence[float]]]:
    points: dict[object, list[Due]] = {}
    for item in series.trials:
        points.setdefault(point_key(item.trial.point), []).append(item)
    stored = store.completed(item.planned.id for item in series.trials)
    for items in points.values():
        if all(item.planned.id in stored or item.planned.id in attempted for item in items):
            ok = [item for item in items if item.planned.id in stored and not item.trial.warmup]
            yield items[0].trial.point, [_given(series, store, item) for item in ok]


def _given(series: Series, store: Store, item: Due) -> float:
    attempt = next(attempt for attempt in store.attempts(item.planned.id) if attempt.ok)
    return goal_of(series.plan.experiment, {**item.trial.point, **attempt.observations})

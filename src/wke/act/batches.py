"""Running a series in batches: what a climb or a wish for precision needs next is known only when the batch before has ended."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from wke.act import runner
from wke.act.runner import Due
from wke.records import Outcome, Record, Sink, TrialStarted


async def run_batches(running: runner.Series, next_due: Callable[[Collection[str]], Sequence[Due]]) -> tuple[Outcome, ...]:
    """Run what is due, and what is due after that, until nothing is; `next_due` gets the ids of the trials that were attempted here."""
    outcomes: list[Outcome] = []
    attempted: set[str] = set()
    while due := next_due(attempted):
        if outcomes:
            await asyncio.sleep(running.experiment.cooldown_s)
        outcomes += await runner.run_series(replace(running, sink=counting_on(running.sink, len(outcomes))), due)
        if running.fail_fast and not outcomes[-1].ok:
            break
        attempted.update(item.planned.id for item in due)
    return tuple(outcomes)


def counting_on(sink: Sink, before: int) -> Sink:
    """Return a sink that counts trials on from so many that came before."""

    def told(record: Record) -> None:
        if isinstance(record, TrialStarted):
            record = replace(record, position=before + record.position, total=before + record.total)
        sink(record)

    return told

"""A run outside any experiment: steps on machines, nothing stored."""

from collections.abc import Sequence

from wke.act.provider import Place
from wke.act.session import Session
from wke.describe.step import PlannedStep
from wke.records import Sink, TaskEnded


async def run_steps(place: Place, steps: Sequence[PlannedStep], sink: Sink) -> tuple[TaskEnded, ...]:
    """Run steps one after the other and return how every task ended; stop after the first step that did not end well everywhere."""
    machines = {m.name: m for step in steps for m in step.machines}
    ends: list[TaskEnded] = []
    async with Session(place, machines.values(), sink) as session:
        for step in steps:
            ends += await session.run(step)
            if not all(end.outcome.ok for end in ends):
                break
    return tuple(ends)

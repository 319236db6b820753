"""A run outside any experiment: steps on machines, nothing stored."""

from collections.abc import Iterable, Sequence

from wke.act.providers.place import Place
from wke.act.session.session import Session
from wke.describe.cluster.cluster import MachineSpec
from wke.describe.configuration.step import PlannedStep
from wke.records import Sink, TaskEnded


def steps_session(place: Place, steps: Sequence[PlannedStep], sink: Sink) -> Session:
    """Return a session with the machines of all steps, not yet open."""
    return Session(place, {m.name: m for step in steps for m in step.machines}.values(), sink)


async def run_steps(session: Session, steps: Sequence[PlannedStep]) -> tuple[TaskEnded, ...]:
    """Open the session, run steps one after the other and return how every task ended.

    It ends after the first step that did not end well everywhere.
    """
    ends: list[TaskEnded] = []
    async with session:
        for step in steps:
            ends += await session.run(step)
            if not all(end.outcome.ok for end in ends):
                break
    return tuple(ends)


async def connect_once(place: Place, machines: Iterable[MachineSpec], sink: Sink) -> None:
    """Open connections to machines and end the session at once: what the place keeps, waits for later commands."""
    async with Session(place, machines, sink):
        pass

"""Asks machines for the versions of their software: once for each deployment, after a trial, when nothing is being measured."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import replace

from wke.act.connection.connection import Connection
from wke.act.connection.task import TaskSpec
from wke.act.session.session import Session
from wke.act.session.tasks import task_specs
from wke.describe.configuration.step import PlannedStep
from wke.describe.plan.plan import Trial
from wke.keep.trials.trials import Attempt
from wke.keep.trials.versions import Version
from wke.records import Note, Output, Record, Sink

MOST_BYTES = 1000  # of what a command prints


class Versions:
    """Asks over the connections of a session, and remembers the answers; `now` is our clock.

    A deployment is known by the attempts that made its layers, and by the trial's own steps: those with the same machines and options
    install the same. When a machine was connected again it is asked again.
    """

    def __init__(self, session: Session, now: Callable[[], int], sink: Sink) -> None:
        self._session = session
        self._now = now
        self._sink = sink
        self._known: dict[tuple[Hashable, str], tuple[Connection, tuple[Version, ...]]] = {}

    async def of(self, trial: Trial, makers: tuple[Attempt, ...]) -> tuple[Version, ...]:
        """Return the versions on the machines of a trial; those with which contact is lost are left out."""
        if not trial.versions:
            return ()
        key = (tuple(maker.id for maker in makers), tuple(step.key() for step in trial.steps[len(makers) :] if not step.measure))
        answers = await asyncio.gather(*(self._ask(key, machine, trial.versions) for machine in trial.machines))
        return tuple(version for answer in answers for version in answer)

    async def _ask(self, key: Hashable, machine: str, steps: tuple[PlannedStep, ...]) -> tuple[Version, ...]:
        connection = self._session.connection(machine)
        asked, known = self._known.get((key, machine), (None, ()))
        if asked is connection or connection.lost.is_set():
            return known
        specs = [spec for step in steps for spec in task_specs(_on(step, machine), {machine: ""})]
        commands = [step.target.about for step in steps]
        found = await asyncio.gather(*(self._run(connection, spec, command) for spec, command in zip(specs, commands, strict=True)))
        self._known[key, machine] = connection, tuple(found)
        for version in found:
            if version.problem:
                self._sink(Note(f"the version of {version.name} is not known: {version.command}: {version.problem}", machine))
        return tuple(found)

    async def _run(self, connection: Connection, spec: TaskSpec, command: str) -> Version:
        at_ns, written = self._now(), {1: bytearray(), 2: bytearray()}

        def take(record: Record) -> None:
            if isinstance(record, Output):
                written[record.stream] += record.data[: MOST_BYTES - len(written[record.stream])]

        end = await (await connection.tasks.start(spec, take)).wait()
        said = bytes(written[1]).strip() or bytes(written[2]).strip()
        problem = (
            ""
            if end.outcome.ok and said
            else "it printed nothing"
            if end.outcome.ok
            else " ".join(filter(None, (str(end.outcome), end.detail)))
        )
        return Version(connection.machine, spec.name.target, command, said.decode(errors="replace"), problem, at_ns)


def _on(step: PlannedStep, machine: str) -> PlannedStep:
    return replace(step, machines=tuple(one for one in step.machines if one.name == machine))

"""The owners of machines: who holds the lock of each. The machines are asked; looking takes no lock."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import wke.errors
from wke.act.providers.place import Place
from wke.act.session.session import Session
from wke.describe.cluster.cluster import MachineSpec
from wke.describe.configuration.configuration import TargetSpec
from wke.describe.configuration.step import PlannedStep
from wke.errors import MachineError
from wke.records import Output, Record
from wke.values import dataclass

LOOK = Path(wke.errors.__file__).parent / "targets" / "whose-lock"


@dataclass(frozen=True, slots=True)
class Owner:
    """The `holder` of a machine, "" if it is free; `problem` says why that is not known."""

    holder: str
    problem: str = ""


async def owners(place: Place) -> Mapping[str, Owner]:
    """Return the owner of each machine of a place, by its name; of a machine that cannot be reached, the problem."""
    target = TargetSpec(LOOK.name, "", content=LOOK.read_bytes(), path=LOOK, builtin=True)
    turn = asyncio.Semaphore(place.cluster.connect_limit)

    async def one(machine: MachineSpec) -> Owner:
        try:
            async with turn:
                return await _look(place, machine, target)
        except MachineError as error:
            return Owner("", error.problems[0].what)

    machines = place.cluster.machines
    found = await asyncio.gather(*map(one, machines))
    return {machine.name: owner for machine, owner in zip(machines, found, strict=True)}


async def _look(place: Place, machine: MachineSpec, target: TargetSpec) -> Owner:
    said = bytearray()

    def hear(record: Record) -> None:
        if isinstance(record, Output):
            said.extend(record.data)

    async with Session(place, [machine], hear) as session:
        (end,) = await session.run(PlannedStep(0, target, (machine,)))
    text = said.decode("utf-8", "replace")
    if not end.outcome.ok:
        return Owner("", f"{end.outcome}: {text.strip() or end.detail}")
    held = dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    return Owner(held.get(place.locks[machine.name].replace("/", "_"), ""))

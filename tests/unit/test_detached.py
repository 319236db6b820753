"""When an attempt that was left running can be taken up as if nothing had happened, and when it cannot."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from wke.act.connection.resumable import AnchorResumer, Held
from wke.act.providers.place import Place
from wke.act.session.detached import Detachment, TrialDetacher
from wke.act.session.session import Session
from wke.describe.configuration.configuration import TargetSpec
from wke.describe.configuration.copies import Copy
from wke.describe.configuration.step import PlannedStep
from wke.describe.plan.plan import Trial
from wke.records import Record, TaskName

SERVE, WORK = "0/serve/0/0", "1/work/0/0"
RUNS = Held("aa-0.1", {SERVE: 1, WORK: 2}, {1, 2})
STAGED = Held("aa-0.1", {SERVE: 1, WORK: 2}, {1})
EARLIER = Held("aa-0.1", {SERVE: 1}, {1})
STOPPED = "it was left running, but {} had stopped it: the lease had run out, or the machine was restarted"
CLEARED = "it was over and its machines were cleared, but its result was not stored"
PARTLY = "contact was lost while its measured step was being started: only some of the tasks had begun"


def detacher(m0: Held, m1: Held) -> TrialDetacher:
    """Return one whose machines hold that."""
    made = TrialDetacher(Detachment(60, leaves=True, attempt="aa-0.1"))
    made.resumers = {name: cast("AnchorResumer", SimpleNamespace(held=held)) for name, held in (("m0", m0), ("m1", m1))}
    return made


@pytest.mark.parametrize(
    ("m0", "m1", "why"),
    [
        (RUNS, RUNS, ""),
        (STAGED, STAGED, ""),
        (STAGED, EARLIER, ""),
        (EARLIER, EARLIER, ""),
        (RUNS, STAGED, PARTLY),
        (EARLIER, RUNS, PARTLY),
        (RUNS, Held(), STOPPED.format("m1")),
        (Held("aa-0.2"), Held(), STOPPED.format("m0, m1")),
        (RUNS, Held("aa-0.1", RUNS.tasks, RUNS.begun, cleared=True), CLEARED),
    ],
)
def test_what_stands_in_the_way(m0: Held, m1: Held, why: str) -> None:
    """All machines have it, none has been told to stop, and of the measured step all tasks had begun or none."""

    async def obstacle() -> str:
        tasks = [TaskName(1, "work", name) for name in ("m0", "m1")]
        steps = [SimpleNamespace(measure=False), SimpleNamespace(measure=True, tasks=lambda: tasks)]
        return detacher(m0, m1).obstacle(cast("Trial", SimpleNamespace(steps=steps)))

    assert asyncio.run(obstacle()) == why


@pytest.mark.parametrize(("m1", "copied"), [(Held(), True), (EARLIER, True), (RUNS, False)])
def test_files_are_not_copied_over_what_later_steps_made_of_them(m1: Held, *, copied: bool) -> None:
    """Who takes an attempt up goes through its steps from the first, but copies only while no later step has begun on any machine."""

    async def copy() -> tuple[str, list[Record]]:
        told: list[Record] = []
        session = Session(
            cast("Place", SimpleNamespace(now=lambda: 0, is_here=True, keeping=None)), (), told.append, detacher=detacher(Held(), m1)
        )
        step = PlannedStep(0, TargetSpec("copy-data", ""), (), copy=Copy("no such file", "", "", ""))
        return await session.copies.run(step), told

    why, told = asyncio.run(copy())
    assert bool(told) is copied
    assert ("has changed" in why) is copied

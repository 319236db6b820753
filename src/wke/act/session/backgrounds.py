"""The background steps of a session: they run until it is cleared, and whether one ended before is watched."""

import asyncio
from dataclasses import field

from wke.act.connection.task import RunningTask
from wke.act.session.waiting import cancel_all
from wke.records import TaskEnded
from wke.values import dataclass


@dataclass(slots=True)
class Background:
    """A step in the background, by its index, and the first of its tasks that ended although nothing asked it to."""

    step: int
    tasks: list[RunningTask]
    watchers: list[asyncio.Task[None]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    first_end: TaskEnded | None = None


class Backgrounds:
    """All background steps of a session."""

    def __init__(self) -> None:
        self._steps: list[Background] = []

    def add(self, step: int, tasks: list[RunningTask]) -> Background:
        """Watch a step that was started."""
        background = Background(step, tasks)
        background.watchers = [asyncio.create_task(_watch(background, task)) for task in tasks]
        self._steps.append(background)
        return background

    def alarms(self) -> list[asyncio.Future[bool]]:
        """Return a future for each step that is done when one of its tasks has ended; the caller cancels them."""
        return [asyncio.ensure_future(background.ended.wait()) for background in self._steps]

    @property
    def broken(self) -> TaskEnded | None:
        """The first task that ended although nothing asked it to, if any did."""
        return next((b.first_end for b in self._steps if b.first_end is not None), None)

    async def stop(self, keep: int = 0) -> None:
        """Stop all steps but those with an index below `keep`."""
        backgrounds = [b for b in self._steps if b.step >= keep]
        self._steps = [b for b in self._steps if b.step < keep]
        await cancel_all([watcher for b in backgrounds for watcher in b.watchers])
        await asyncio.gather(*(task.stop() for b in backgrounds for task in b.tasks))

    def forget(self) -> None:
        """Stop watching; the steps are left running."""
        for background in self._steps:
            for watcher in background.watchers:
                watcher.cancel()


async def _watch(background: Background, task: RunningTask) -> None:
    end = await task.wait()
    background.first_end = background.first_end or end
    background.ended.set()

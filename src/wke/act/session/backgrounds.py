"""The background steps of a session: they run until it is cleared, and whether one ended before is watched."""

import asyncio
from dataclasses import field

from wke.act.connection.task import RunningTask
from wke.act.session.waiting import when_all
from wke.records import TaskEnded
from wke.values import dataclass


@dataclass(slots=True)
class Background:
    """A step in the background, by its index, and the first of its tasks that ended although nothing asked it to."""

    step: int
    tasks: list[RunningTask]
    is_watched: bool = True
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    first_end: TaskEnded | None = None

    def note(self, end: asyncio.Future[TaskEnded]) -> None:
        """Take the end of a task."""
        if self.is_watched and not end.cancelled() and end.exception() is None:
            self.first_end = self.first_end or end.result()
            self.ended.set()


class Backgrounds:
    """All background steps of a session."""

    def __init__(self) -> None:
        self._steps: list[Background] = []

    def add(self, step: int, tasks: list[RunningTask]) -> Background:
        """Watch a step that was started."""
        background = Background(step, tasks)
        for task in tasks:
            task.end.add_done_callback(background.note)
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
        for background in backgrounds:
            background.is_watched = False
            for task in background.tasks:
                task.ask_to_stop()
        await when_all([task.end for b in backgrounds for task in b.tasks])

    def forget(self) -> None:
        """Stop watching; the steps are left running."""
        for background in self._steps:
            background.is_watched = False

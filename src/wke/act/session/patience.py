"""Patience: a step that takes long, and that no timeout ends, says from time to time what it waits for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from wke.act.connection.task import RunningTask
from wke.act.session.waiting import cancel_all
from wke.describe.configuration.step import PlannedStep
from wke.describe.toml.wording import counted
from wke.records import Note, Sink

FIRST_S = 60.0
MOST_NOTES = 12  # the last one comes after days
MOST_NAMED = 5


class Patience:
    """Emits a note after FIRST_S, or twice the longest time that the step took before, and again whenever the time has doubled."""

    def __init__(self, emit: Sink) -> None:
        self._emit = emit
        self._longest_s: dict[str, float] = {}

    @asynccontextmanager
    async def waiting(self, step: PlannedStep, tasks: Sequence[RunningTask]) -> AsyncIterator[None]:
        """Watch the wait for a step's tasks for as long as the block lasts."""
        loop, name = asyncio.get_running_loop(), step.target.name
        began = loop.time()
        telling = asyncio.ensure_future(self._tell(step, tasks)) if step.limit_s is None else None
        try:
            yield
        finally:
            await cancel_all([telling] if telling else [])
        self._longest_s[name] = max(self._longest_s.get(name, 0.0), loop.time() - began)

    async def _tell(self, step: PlannedStep, tasks: Sequence[RunningTask]) -> None:
        pause_s = passed_s = max(FIRST_S, 2 * self._longest_s.get(step.target.name, 0.0))
        for _ in range(MOST_NOTES):
            await asyncio.sleep(pause_s)
            if running := [task for task in tasks if not task.end.done()]:
                self._emit(Note(waiting_words(running, passed_s)))
            pause_s, passed_s = passed_s, 2 * passed_s


def waiting_words(running: Sequence[RunningTask], passed_s: float) -> str:
    """Return what a step waits for: its tasks that run, and the last line of the first."""
    first, names = running[0], list(dict.fromkeys(task.name.machine for task in running))
    on = ", ".join(names[:MOST_NAMED]) + (f" and {counted(len(names) - MOST_NAMED, 'more machine')}" if len(names) > MOST_NAMED else "")
    said = f"its last line on {first.name.machine}: {first.last_line}" if first.last_line else f"it wrote nothing on {first.name.machine}"
    return f"{first.name.target} still runs on {on}, for {passed_s:g} s so far, and has no timeout; {said}"

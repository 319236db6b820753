"""A talk with one machine's agent, as short as tests want it: run a script and look at how it ended and what it said."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support import limit, pause_s

from wke.act.connection.connection import Connection
from wke.act.connection.opening import open_connection
from wke.act.connection.task import RunningTask, TaskSpec
from wke.records import Output, Record, TaskEnded, TaskName


@dataclass(slots=True)
class Task:
    """A task that runs, and the records that came of it so far."""

    running: RunningTask
    records: list[Record]

    def said(self, stream: int = 1) -> bytes:
        return b"".join(r.data for r in self.records if isinstance(r, Output) and r.stream == stream)

    async def says(self, text: bytes, within_s: float = 10.0) -> None:
        """Return when its standard output holds `text`."""
        await until(lambda: text in self.said(), within_s)


@dataclass(frozen=True, slots=True)
class Run:
    """How a task ended, and all that it said."""

    end: TaskEnded
    out: bytes
    err: bytes

    @property
    def outcome(self) -> str:
        return str(self.end.outcome)


@dataclass(slots=True)
class Talk:
    """An open connection with tasks numbered from 0."""

    connection: Connection
    _tasks: int = field(default=0)

    async def start(self, script: bytes, *arguments: str, held: bool = False, target: str = "target", **spec: object) -> Task:
        settings = {"environment": {}, "workdir": None, "prelude": None, "timeout_s": None} | spec
        name = TaskName(self._tasks, target, self.connection.machine)
        self._tasks += 1
        records: list[Record] = []
        running = await self.connection.tasks.start(TaskSpec(name, script, arguments, **settings), records.append, held=held)
        return Task(running, records)

    async def run(self, script: bytes, *arguments: str, within_s: float = 30.0, **spec: object) -> Run:
        task = await self.start(script, *arguments, **spec)
        async with asyncio.timeout(limit(within_s)):
            end = await task.running.wait()
        return Run(end, task.said(1), task.said(2))


@asynccontextmanager
async def talking(transport: Sequence[str], *, lease_s: float = 20.0, **settings: object) -> AsyncIterator[Talk]:
    """Open a connection and close it again."""
    connection = await open_connection("m", transport, deadline_s=limit(20), lease_s=lease_s, **settings)
    try:
        yield Talk(connection)
    finally:
        await connection.close()


def talk(transport: Sequence[str], body: Callable[[Talk], Awaitable[None]], **settings: object) -> None:
    """Run an asynchronous test body with an open connection."""

    async def whole() -> None:
        async with talking(transport, **settings) as one:
            await body(one)

    asyncio.run(whole())


async def until(predicate: Callable[[], object], within_s: float = 10.0) -> None:
    """Return as soon as `predicate()` is true; fail the test when it is not in time."""
    async with asyncio.timeout(limit(within_s)):
        asked = time.monotonic()
        while not predicate():  # what is waited for happens in other processes
            await asyncio.sleep(pause_s(asked))
            asked = time.monotonic()

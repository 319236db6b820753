"""A target that runs in the background of a synchronous script: a handle with the methods of a process."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from wke.act.connection.task import GRACE_S
from wke.api.engine import engine
from wke.api.opened import Opened
from wke.api.scripting import Machines, RunningStep
from wke.errors import WkeError
from wke.records import Note, OutcomeKind, Sink, TaskEnded
from wke.tell.terminal.console import Printer

Launch = Callable[[Sink], Coroutine[object, object, RunningStep]]

UNKNOWN = 255  # as ssh: contact was lost, or never made


class BackgroundRun:
    """A running step. `launch` starts it (None: there is nothing to start), `telling` yields the sink for its records."""

    def __init__(self, launch: Launch | None, telling: AbstractContextManager[Sink] | None = None) -> None:
        self._running: RunningStep | None = None
        self._signal = -15  # the signal that would have stopped it if it had begun
        self._work = engine().submit(self._run(launch, telling or nullcontext(lambda _: None)))

    def terminate(self) -> None:
        """Stop it: SIGTERM, after 5 seconds SIGKILL. When this returns nothing of the target runs anywhere, daemons it made included."""
        stop([self])

    def kill(self) -> None:
        """Stop it at once, by SIGKILL; when this returns nothing of the target runs anywhere."""
        stop([self], grace_s=0)

    def join(self, timeout: float | None = None) -> None:
        """Wait until every task has ended, at most `timeout` seconds. Never raises: see `is_alive` and `exitcode`."""
        self._work.wait(math.inf if timeout is None else timeout)

    def is_alive(self) -> bool:
        """Tell whether it still runs somewhere."""
        return not self._work.end.done()

    @property
    def exitcode(self) -> int | None:
        """None while it runs; 0 when every task ended well; else as the first that did not.

        That is its exit status, or the negative number of the signal that ended it (-15 or -9 when this handle did), 124 for a timeout,
        255 when contact was lost.
        """
        if not self._work.end.done():
            return None
        if self._work.end.cancelled():
            return self._signal
        if self._work.end.exception() is not None:
            return UNKNOWN
        return next((code for end in self._work.end.result() if (code := _code(end))), 0)

    async def _run(self, launch: Launch | None, telling: AbstractContextManager[Sink]) -> tuple[TaskEnded, ...]:
        if launch is None:
            return ()
        with telling as sink:
            try:
                self._running = await launch(sink)
                return await self._running.finish()
            except WkeError as error:
                sink(Note(str(error)))
                raise

    async def stopped(self, grace_s: float) -> None:
        """Stop it, in the engine."""
        if self._running is None:
            self._signal = -9 if grace_s == 0 else -15
            self._work.cancel()
        else:
            await self._running.stop(grace_s)


class Sampling:
    """Records what the machines are busy with, in `folder`/loads.csv, from now on until `stop`."""

    def __init__(self, opened: Opened, folder: Path) -> None:
        self._over = asyncio.Event()
        self._work = engine().submit(self._sample(opened, opened.machines(), folder))

    def stop(self) -> None:
        """End the recording; an error of it is reported but does not end the measurement."""
        engine().submit(self._end())
        if not engine().is_here:
            self._work.wait()
            error = self._work.end.exception()
            if error is not None:
                Printer().talk(f"loads.csv is not complete: {error}")

    async def _sample(self, _opened: Opened, machines: Machines, folder: Path) -> None:
        async with machines.sampling(folder):
            await self._over.wait()

    async def _end(self) -> None:
        self._over.set()


def stop(runs: Iterable[BackgroundRun], grace_s: float = GRACE_S) -> None:
    """Stop all of them at once; when this returns nothing of them runs anywhere."""
    stopping = [(run, engine().submit(run.stopped(grace_s))) for run in runs]
    if not engine().is_here:  # garbage may be collected in the loop, which cannot wait for itself
        for run, work in stopping:
            work.result()
            run.join()


def _code(end: TaskEnded) -> int:
    match end.outcome.kind:
        case OutcomeKind.OK:
            return 0
        case OutcomeKind.FAILED:
            return end.outcome.code or 1
        case OutcomeKind.SIGNALLED:
            return -(end.outcome.code or 15)
        case OutcomeKind.CANCELLED:
            return -9 if end.rung == "SIGKILL" else -15
        case OutcomeKind.TIMED_OUT:
            return 124
    return UNKNOWN

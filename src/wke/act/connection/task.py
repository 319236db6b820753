"""One task as the controller sees it: what a machine is told to run, and the end that it waits for."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from wke.records import Sink, TaskEnded, TaskName

GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What to run: a script's bytes with its arguments, in `workdir` (the login's home folder when None), after the lines of `prelude`.

    `environment` is added to that of the login and of the connection. After `timeout_s` the task is stopped; who is stopped is asked with
    SIGTERM and has `grace_s` before SIGKILL. Its $WKE_DIR is `kept` when it has ended: it is to be fetched, or to stay.
    """

    name: TaskName
    content: bytes
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    workdir: str | None
    prelude: bytes | None
    timeout_s: float | None
    grace_s: float = GRACE_S
    kept: bool = False


@lru_cache(maxsize=64)
def script_key(content: bytes) -> str:
    """Return what names a script's content."""
    return hashlib.sha256(content).hexdigest()[:32]


class RunningTask:
    """A task that was handed to a machine. Its records go to the sink it was started with; `wait` tells the end.

    `staged` is set when only its process is missing, or it has ended already.
    """

    def __init__(self, ask_to_stop: Callable[["RunningTask"], None], channel: int, name: TaskName, sink: Sink) -> None:
        self.name = name
        self.channel = channel
        self.started_ns: int | None = None
        self.stop_sent = False
        self.staged = asyncio.Event()
        self.sink = sink
        self.end: asyncio.Future[TaskEnded] = asyncio.get_running_loop().create_future()
        self._ask_to_stop = ask_to_stop

    async def wait(self) -> TaskEnded:
        """Return how it ended. Raises what the sink raised, if it did."""
        return await asyncio.shield(self.end)

    async def stop(self) -> TaskEnded:
        """Stop it with all its descendants, daemons too, and return how it ended; it may have ended by itself just before."""
        if not self.end.done() and not self.stop_sent:
            self.stop_sent = True
            self._ask_to_stop(self)
        return await self.wait()

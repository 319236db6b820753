"""One task as the controller sees it: what a machine is told to run, and how that ended."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache

from wke.records import Sink, TaskEnded, TaskName
from wke.values import dataclass

GRACE_S = 5.0
STOP_SIGNAL = "SIGTERM"
LAST_BYTES = 500


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What to run: a script's bytes with its arguments, in `workdir` (the login's home folder when None), after the lines of `prelude`.

    `environment` is added to that of the login and of the connection. After `timeout_s` the task is stopped: with `stop_signal` first, and
    with SIGKILL after `grace_s`. If it is `kept`, its $WKE_DIR stays after its end, to be fetched or for later tasks. `module` lies
    beside the script, as wke.py.
    """

    name: TaskName
    content: bytes
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    workdir: str | None
    prelude: bytes | None
    timeout_s: float | None
    grace_s: float = GRACE_S
    stop_signal: str = STOP_SIGNAL
    kept: bool = False
    module: bytes | None = None


@lru_cache(maxsize=64)
def script_key(content: bytes) -> str:
    """Return the key under which a machine keeps a script of that content."""
    return hashlib.sha256(content).hexdigest()[:32]


class RunningTask:
    """A task that was handed to a machine. Its records go to its sink; `wait` returns how it ended.

    `staged` is set when everything but its process exists, or when it has ended already. `held` says that it waits for its release,
    `released_at_ns` when that is to be on the machine's clock. `last_output` is the last piece of output that arrived.
    """

    def __init__(self, spec: TaskSpec, channel: int, sink: Sink, ask_to_stop: Callable[["RunningTask"], None], *, held: bool) -> None:
        self.spec = spec
        self.channel = channel
        self.sink = sink
        self.held = held
        self.released_at_ns: int | None = None
        self.started_ns: int | None = None
        self.stop_sent = False
        self.output_size = self.metrics_size = 0  # of what came so far
        self.is_shut_out = False  # it said that something of it may not enter $WKE_DIR
        self.last_output = b""
        self.staged = asyncio.Event()
        self.end: asyncio.Future[TaskEnded] = asyncio.get_running_loop().create_future()
        self._ask_to_stop = ask_to_stop

    @property
    def name(self) -> TaskName:
        """Which task it is."""
        return self.spec.name

    @property
    def last_line(self) -> str:
        """The last line, or its end, that the task wrote; "" for none."""
        lines = self.last_output[-LAST_BYTES:].decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    async def wait(self) -> TaskEnded:
        """Return how it ended. Raises what the sink raised, if it did."""
        return await asyncio.shield(self.end)

    def ask_to_stop(self) -> None:
        """Ask the machine to stop it with all its descendants, including daemons, unless it has ended."""
        if not self.end.done() and not self.stop_sent:
            self.stop_sent = True
            self._ask_to_stop(self)

    async def stop(self) -> TaskEnded:
        """Stop it as `ask_to_stop` does, and return how it ended; it may have ended by itself just before."""
        self.ask_to_stop()
        return await self.wait()

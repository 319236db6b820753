"""A cluster that synchronous code has opened: its machines are there from the first use until it is no longer referenced."""

import os
import threading
import weakref
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from wke.act.providers.provide import provide
from wke.api.engine import engine
from wke.api.scripting import Machines
from wke.describe.cluster.cluster import ClusterSpec


class Opened:
    """Machines on demand. `close`, garbage collection and the end of the script close them; a forked child leaves them to its parent."""

    def __init__(self, description: ClusterSpec) -> None:
        self.description = description
        self._lock = threading.Lock()
        self._machines: Machines | None = None
        self._end: weakref.finalize[..., Opened] | None = None

    def machines(self) -> Machines:
        """Return the machines; the first call makes them if they are emulated. They are used through the engine only."""
        with self._lock:
            if self._machines is None or self._end is None or not self._end.alive:
                stack = ExitStack()
                place = stack.enter_context(provide(self.description))
                self._machines = Machines(place)
                stack.callback(_disconnect, self._machines)
                self._end = weakref.finalize(self, _close, stack, os.getpid())
            return self._machines

    def close(self) -> None:
        """Stop all that runs there and close the connections; machines that were made are gone. The next use opens it again."""
        with self._lock:
            if self._end is not None:
                self._end()


def opened(description: ClusterSpec) -> Opened:
    """Return the one that is open for this cluster file, if its content is the same, or a new one: two names, the same machines."""
    if description.path is None:
        return Opened(description)
    path = description.path.resolve()
    key = (path, sha256(path.read_bytes()).hexdigest())
    return _known.setdefault(key, Opened(description))


_known: "weakref.WeakValueDictionary[tuple[Path, str], Opened]" = weakref.WeakValueDictionary()


def _disconnect(machines: Machines) -> None:
    work = engine().submit(machines.__aexit__())
    if not engine().is_here:
        work.end.result()


def _close(stack: ExitStack, pid: int) -> None:
    if pid == os.getpid():
        stack.close()

"""A cluster that synchronous code has opened: its machines are there from the first use until it is no longer referenced."""

import os
import threading
import weakref
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from wke.act.providers.provide import provide
from wke.api.engine import engine, lock
from wke.api.scripting import Machines
from wke.describe.cluster.cluster import ClusterSpec


class Opened:
    """Machines on demand, until the last of the `users` leaves, or garbage collection or the end of the script closes them.

    A forked child leaves them to its parent.
    """

    def __init__(self, description: ClusterSpec) -> None:
        self.description = description
        self.users: weakref.WeakSet[object] = weakref.WeakSet()
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

    def leave(self, user: object) -> None:
        """Forget a user. The last one's leaving stops all that runs there, closes the connections and ends machines that were made."""
        with self._lock:
            self.users.discard(user)
            if self._end is not None and not self.users:
                self._end()


def opened(description: ClusterSpec) -> Opened:
    """Return the one that is open for this cluster file, if its content is the same, or a new one: two names, the same machines."""
    if description.path is None:
        return Opened(description)
    path = description.path.resolve()
    key = (path, sha256(path.read_bytes()).hexdigest())
    with lock:
        return _known.setdefault(key, Opened(description))


_known: "weakref.WeakValueDictionary[tuple[Path, str], Opened]" = weakref.WeakValueDictionary()


def _disconnect(machines: Machines) -> None:
    work = engine().submit(machines.__aexit__())
    if not engine().is_here:
        work.result()


def _close(stack: ExitStack, pid: int) -> None:
    if pid == os.getpid():
        stack.close()

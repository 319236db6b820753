"""All machines of a contender at once: its command waits on every machine until all have arrived, and then the client's memory is read."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rig import ContenderError

POLL_S = 0.05
SETTLE_S = 0.5  # for the last machine to start waiting after it has reported its arrival


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of processes in bytes: resident (shared pages counted in full), and with the proportional share of shared pages."""

    resident: int
    share: int


@dataclass(slots=True)
class Gathering:
    """What was observed of one client: seconds until all machines arrived, seconds they were held, memory of it and its processes."""

    folder: Path
    machines: int
    patience_s: float
    arrived: int = 0
    all_in_s: float = 0.0
    held_s: float = 0.0
    own: Memory | None = None
    tree: Memory | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _watcher: threading.Thread | None = None

    @property
    def script(self) -> Path:
        """The script for the machines: reports its arrival and waits until all have arrived."""
        return self.folder / "wait-for-all"

    def prepare(self) -> None:
        """Write the script and create the pipe it waits for."""
        self.folder.mkdir()
        os.mkfifo(self._release)
        self._arrivals.touch()
        self.script.write_text(f"#!/bin/sh\necho >> {self._arrivals}\nread -r _ < {self._release}\ntrue\n")

    def watch(self, stopwatch: int) -> None:
        """Watch the client, which is the child of the stopwatch process."""
        self._watcher = threading.Thread(target=self._watch, args=(stopwatch, time.perf_counter()))
        self._watcher.start()

    def end(self) -> None:
        """Stop watching."""
        self._over.set()
        if self._watcher is not None:
            self._watcher.join()

    def check(self) -> None:
        """Raise ContenderError unless all machines were connected at the same time."""
        if self.arrived != self.machines:
            raise ContenderError(f"{self.arrived} machines of {self.machines} were there at once")

    def _watch(self, stopwatch: int, began: float) -> None:
        while self.arrived < self.machines and time.perf_counter() - began < self.patience_s and not self._over.wait(POLL_S):
            self.arrived = self._arrivals.stat().st_size
        in_at = time.perf_counter()
        self.all_in_s = in_at - began
        if not self._over.wait(SETTLE_S):
            own = _children(stopwatch)
            self.own, self.tree = memory(own), memory([pid for child in own for pid in _tree(child)])
        self.held_s = time.perf_counter() - in_at
        while not self._over.wait(POLL_S):  # a machine that came late must not wait for ever
            with suppress(OSError):  # no machine is waiting
                os.close(os.open(self._release, os.O_WRONLY | os.O_NONBLOCK))

    @property
    def _arrivals(self) -> Path:
        return self.folder / "arrivals"

    @property
    def _release(self) -> Path:
        return self.folder / "release"


def memory(pids: list[int]) -> Memory:
    """Return the total memory of these processes; one that has ended counts as nothing."""
    resident = share = 0
    for pid in pids:
        with suppress(OSError):
            words = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
            sizes = {name: int(size) * 1024 for name, size, *_ in words}
            resident, share = resident + sizes["Rss:"], share + sizes["Pss:"]
    return Memory(resident, share)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for file in Path(f"/proc/{pid}/task").glob("*/children") for word in file.read_text().split()]
    except OSError:
        return []

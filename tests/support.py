"""What tests share: waiting for a condition, limits of time, asking whether a process lives."""

import math
import os
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

from wke.describe.expression.equation import read_expression
from wke.describe.expression.expression import Expression


def crowding() -> float:
    """Return how many processes share a processor, at least 1: by this factor everything may take longer than on an idle machine."""
    average, _, _, running, _ = Path("/proc/loadavg").read_text().split()
    return max(1.0, max(float(average), int(running.partition("/")[0])) / len(os.sched_getaffinity(0)))


def limit(seconds: float) -> float:
    """Return how long something may take now that takes less than `seconds` on an idle machine."""
    return seconds * crowding()


LEASE_S = math.ceil(limit(2.0))
"""The lease of most clusters in tests: short, since some tests wait until it is over, but longer on a machine with other work."""
LEASE = f"{LEASE_S}s"


def eventually(predicate: Callable[[], object], within_s: float = 10.0) -> None:
    """Return as soon as `predicate()` is true; fail the test when it is not within `within_s` seconds, longer on a machine with other work."""
    began = asked = time.monotonic()
    while not predicate():
        waited_s = time.monotonic() - began
        if waited_s > within_s and waited_s > limit(within_s):
            msg = f"not true within {waited_s:.0f} s ({within_s} s on an idle machine): {predicate}"
            raise AssertionError(msg)
        time.sleep(pause_s(asked))
        asked = time.monotonic()


def pause_s(asked: float) -> float:
    """Return how long to wait before a condition is looked at again that was last `asked` for then: what is costly is asked less often."""
    return min(0.2, max(0.01, 2 * (time.monotonic() - asked)))


def ys(*forms: object) -> tuple[Expression, ...]:
    """Return the expressions of a y-axis as an experiment's file gives them."""
    return tuple(map(read_expression, forms))


def free_port() -> int:
    """Return a loopback port that nothing uses, below those that the kernel hands out to outgoing connections: nobody takes it meanwhile."""
    for _ in range(1000):
        port = random.randint(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    msg = "no free port"
    raise AssertionError(msg)


def alive(pid: int) -> bool:
    """Tell whether process `pid` exists and is not a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] not in {"Z", "X"}


def parent(pid: int) -> int:
    """Return the pid of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def marked(marker: str) -> list[int]:
    """Return the pids of living processes whose command line or environment holds `marker` (not this process).

    A shell that exports a marker does not have it in its own environment: mark a script by running it anew with the marker set.
    """
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if marker.encode() in text and alive(int(folder.name)) and folder != Path("/proc/self").resolve():
            found.append(int(folder.name))
    return found

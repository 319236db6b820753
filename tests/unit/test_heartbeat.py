"""The heartbeat, on a clock that a test turns."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from wke.act.connection.heartbeat import Heartbeat


class Loop:
    """An event loop with nothing but timers."""

    def __init__(self) -> None:
        self.now, self.timers, self.numbers = 100.0, [], itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, function: Callable[[], None]) -> SimpleNamespace:
        heapq.heappush(self.timers, (when, next(self.numbers), function))
        return SimpleNamespace(cancel=lambda: None)

    def run(self, until: float) -> None:
        while self.timers and self.timers[0][0] <= until:
            self.now, _, function = heapq.heappop(self.timers)
            function()
        self.now = until


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


def heart(loop: Loop, beats: list[float], heard_at: Callable[[], float], failed: list[str], lease_s: float = 6.0) -> Heartbeat:
    return Heartbeat(lease_s, beat=lambda: beats.append(loop.now), heard_at=heard_at, fail=failed.append)


def test_hearts_beat_together_and_in_time(loop: Loop) -> None:
    """Whenever they were started: so a thousand connections wake the controller once. No pause is longer than half of the lease."""
    hearts: list[list[float]] = []
    for _ in range(10):
        hearts.append(beats := [])
        heart(loop, beats, loop.time, []).start()
        loop.run(loop.now + 0.37)
    loop.run(121)
    assert {tuple(beats[-8:]) for beats in hearts} == {tuple(106.0 + 2 * k for k in range(8))}
    for number, beats in enumerate(hearts):
        started = 100 + 0.37 * number
        assert all(1 <= later - earlier <= 3 for earlier, later in zip([started, *beats], beats, strict=False))


def test_silence_for_a_lease_fails(loop: Loop) -> None:
    """At the end of the lease, and not earlier; after that it beats no more."""
    beats, failed = [], []
    heart(loop, beats, lambda: 101.5, failed).start()
    loop.run(107.4)
    assert failed == []
    loop.run(107.6)
    assert [why.partition(":")[0] for why in failed] == ["no sign of life for 6 s"]
    loop.run(120)
    assert (len(failed), max(beats) < 107.5) == (1, True)

"""What a unit test may not do: start a process, draw a figure, simulate. Such tests stand in integration/, figures/ and simulations/."""

import random
import sys
from collections.abc import Iterator

import pytest
from matplotlib.figure import Figure

from wke.act.rehearsal.timelapse import TimelapseLoop

STARTS = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn", "subprocess.Popen"}
MOST_DRAWS = 20_000
MOST_REHEARSALS = 10


def refuse(what: str) -> None:
    """Fail the test; the exception is none that code under test would catch."""
    pytest.fail(f"a unit test {what}")


class Watch:
    """Refuses to start a process while a unit test runs."""

    active = False

    def hear(self, event: str, _: object) -> None:
        """Refuse to start a process; this is an audit hook, which cannot be removed again."""
        if self.active and event in STARTS:
            refuse(f"must not start a process ({event}): it belongs in tests/integration")


WATCH = Watch()
sys.addaudithook(WATCH.hear)


class CountedRandom(random.Random):
    """Gives the same numbers as its parent; `drawn` counts those of all instances."""

    drawn = 0

    def random(self) -> float:
        """Return the next number."""
        self._count()
        return super().random()

    def getrandbits(self, bits: int, /) -> int:
        """Return the next bits."""
        self._count()
        return super().getrandbits(bits)

    @staticmethod
    def _count() -> None:
        CountedRandom.drawn += 1
        if CountedRandom.drawn > MOST_DRAWS:
            refuse(f"must not draw more than {MOST_DRAWS} random numbers: it belongs in tests/simulations")


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold the test to the rules."""
    rehearsals = 0
    make_loop = TimelapseLoop.__init__

    def make_counted_loop(loop: TimelapseLoop) -> None:
        nonlocal rehearsals
        make_loop(loop)
        rehearsals += 1
        if rehearsals > MOST_REHEARSALS:
            loop.close()
            refuse(f"must not run more than {MOST_REHEARSALS} rehearsals: it belongs in tests/simulations")

    CountedRandom.drawn = 0
    monkeypatch.setattr(random, "Random", CountedRandom)
    monkeypatch.setattr(TimelapseLoop, "__init__", make_counted_loop)
    monkeypatch.setattr(Figure, "__init__", lambda *_, **__: refuse("must not draw: it belongs in tests/figures"))
    WATCH.active = True
    yield
    WATCH.active = False

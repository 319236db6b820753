"""What conftest.py beside this file refuses, so that unit tests stay fast."""

import asyncio
import os
import random
import subprocess
from collections.abc import Callable

import pytest
from matplotlib.figure import Figure

from wke.act.rehearsal.timelapse import TimelapseLoop


def draw_a_figure() -> None:
    Figure()


def simulate() -> None:
    sum(random.Random(1).gauss(0, 1) for _ in range(100_000))


def rehearse_often() -> None:
    for _ in range(100):
        with asyncio.Runner(loop_factory=TimelapseLoop):
            pass


@pytest.mark.parametrize(
    ("act", "where"),
    [
        (lambda: subprocess.run(["true"], check=True), "integration"),
        (lambda: asyncio.run(asyncio.create_subprocess_exec("true")), "integration"),
        (lambda: os.system("true"), "integration"),
        (lambda: os.posix_spawn("/bin/true", ["true"], {}), "integration"),
        (os.fork, "integration"),
        (draw_a_figure, "figures"),
        (simulate, "simulations"),
        (rehearse_often, "simulations"),
    ],
)
def test_what_takes_long_is_refused(act: Callable[[], object], where: str) -> None:
    """No process is started, nothing is drawn, no simulation goes on: the test fails, and says where it belongs."""
    with pytest.raises(pytest.fail.Exception, match=f"it belongs in tests/{where}"):
        act()


def test_counted_numbers_are_the_same() -> None:
    """The generator that counts gives the numbers of the one that it stands in for."""
    counted, plain = random.Random(7), random.Random.__base__(7)
    for one in ("random", "gauss", "randrange", "shuffle", "sample"):
        arguments = {"gauss": (0, 1), "randrange": (10**6,), "shuffle": (list(range(9)),), "sample": (range(99), 5)}.get(one, ())
        assert getattr(counted, one)(*arguments) == getattr(plain, one)(*arguments)

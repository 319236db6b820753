"""What a trial used up: shares of what machines and tasks have, and what is said of them."""

from collections.abc import Sequence

import pytest

from wke.describe.experiment.verdictfile import LimitRule
from wke.judge.telemetry.course import Figures, Window
from wke.judge.verdicts.limit import Resource, Share, judge_limit
from wke.judge.verdicts.shares import inner, machine_shares, task_share
from wke.judge.verdicts.words import UNWATCHED, sentence
from wke.keep.trials.judgements import Level
from wke.records import TaskName

SERVER1, SERVER2, CLIENT = (Share(name, Resource.PROCESSORS, share, 1.0) for name, share in (("s1", 0.98), ("s2", 0.97), ("c1", 0.5)))
COMPUTER = Share("the computer", Resource.PROCESSORS, 0.99, 2.0, 0.75)


def figures(**means: float) -> dict[str, Figures]:
    return {name.replace("__", "."): Figures(mean, mean, mean, 1.0, "") for name, mean in means.items()}


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([CLIENT, SERVER1], "s1 used 98 % of its one processor"),
        ([CLIENT, SERVER2, SERVER1], "s1 used 98 % of its one processor; 1 more is as full"),
        (
            [SERVER1, COMPUTER, CLIENT],
            "the computer used 99 % of its 2 processors, 75 % for the machines that it carries; s1 used 98 % of its one processor",
        ),
        ([CLIENT], f"nothing that is watched was used up, c1 used 50 % of its one processor at most; {UNWATCHED}"),
        ([Share("disk vda of s1", Resource.DISK, 0.95), CLIENT], "disk vda of s1 was busy for 95 % of the time"),
        ([Share("s1", Resource.DISK_WAIT, 0.91)], "s1 had programs that waited for a disk for 91 % of the time"),
        ([Share("s1", Resource.WRITING, 1.0, 1e6)], "s1 wrote 100 % of the bytes per second that its disk limit allows"),
        ([Share("s1", Resource.MEMORY, 0.98), Share("s2", Resource.MEMORY, 0.96)], "s1 used 98 % of its memory"),
        ([Share("load on c1", Resource.THREADS, 0.97, 1.0)], "load on c1 used 97 % of the one processor that its one thread can use"),
        ([Share("load on c1", Resource.THREADS, 0.97, 3.0)], "load on c1 used 97 % of the 3 processors that its 3 threads can use"),
        (
            [Share("redis on s1", Resource.ONE_THREAD, 0.99, 1.0)],
            "redis on s1 used 99 % of one processor, as a program does in which one thread is always busy",
        ),
        ([], "there is no telemetry of it"),
    ],
)
def test_what_is_said(shares: Sequence[Share], said: str) -> None:
    """The fullest of each kind, with how many others are as full; else what came closest, and what is not watched."""
    ruling = judge_limit(shares, LimitRule())
    assert sentence("limit", ruling) == said
    assert ruling.level is (Level.FINDING if shares else Level.UNKNOWN)


def test_the_numbers_name_all_that_was_used_up() -> None:
    """At most three kinds are told in the sentence; a value at the threshold itself is not used up."""
    shares = [Share(f"s{size}", Resource.PROCESSORS, 0.9 + size / 100, size) for size in (1, 2, 4, 8)]
    ruling = judge_limit([*shares, Share("s2", Resource.DISK, 0.9)], LimitRule())
    assert (len(ruling.parts), ruling.where, ruling.numbers) == (
        3,
        "s8",
        {f"s{size}: processors": 0.9 + size / 100 for size in (8, 4, 2, 1)},
    )
    assert judge_limit([Share("s2", Resource.DISK, 0.9)], LimitRule()).numbers == {"disk": 0.9, "size": 0.0, "full": 0.0}
    assert judge_limit([Share("s2", Resource.DISK, 0.9)], LimitRule(full=0.8)).numbers == {"s2: disk": 0.9}


def test_shares_of_a_machine() -> None:
    """What is not known has no share, and so cannot be what limits."""
    seen = figures(
        cpu__busy=1.5,
        cpu__capacity=2.0,
        memory__total=100,
        memory__used=60,
        disk__vda__busy=0.3,
        pressure__io__some=0.2,
        disk__written=500,
        disk__capacity=1000,
    )
    assert list(machine_shares("m0", seen, 0.5)) == [
        Share("m0", Resource.PROCESSORS, 0.75, 2.0, 0.25),
        Share("m0", Resource.MEMORY, 0.6),
        Share("disk vda of m0", Resource.DISK, 0.3),
        Share("m0", Resource.DISK_WAIT, 0.2),
        Share("m0", Resource.WRITING, 0.5, 1000),
    ]
    assert list(machine_shares("m0", figures(cpu__busy=1.5, memory__total=100, disk__written=1))) == []
    assert list(machine_shares("m0", figures(memory__total=100, memory__used=60, memory__available=10))) == [
        Share("m0", Resource.MEMORY, 0.9)
    ]


@pytest.mark.parametrize(
    ("cpu", "threads", "cores", "found"),
    [
        (0.97, 1, 4.0, [(Resource.THREADS, 0.97, 1.0)]),
        (1.5, 3, 4.0, [(Resource.THREADS, 0.5, 3.0)]),
        (1.0, 8, 4.0, [(Resource.ONE_THREAD, 1.0, 1.0)]),
        (1.2, 8, 4.0, []),
        (0.9, 8, 4.0, []),
        (0.97, 1, 1.0, []),  # the machine's own share tells it
        (0.97, 1, None, []),
        (0.97, 0, 4.0, []),
    ],
)
def test_shares_of_a_task(cpu: float, threads: float, cores: float | None, found: list[tuple[Resource, float, float]]) -> None:
    """A thread can use one processor; a program with many threads that uses exactly one probably has one that does the work."""
    shares = task_share(TaskName(0, "load", "m0"), figures(cpu=cpu, threads=threads), cores)
    assert [(one.place, one.resource, one.share, one.size) for one in shares] == [("load on m0", *each) for each in found]


def test_the_ends_of_a_window_are_left_out() -> None:
    """Programs start there, and end."""
    assert inner(Window(1000, 2000)) == Window(1100, 1900)

"""What machines and tasks use, as tables: sorted, fitted into any terminal, the rest as a sum."""

import io

import pytest
from rich.console import Console

from wke.judge.usage import TaskUsage, Usage, sorted_machines, sorted_tasks, total
from wke.records import MachineUsage, TaskName, TaskStarted, TrialStarted
from wke.tell.terminal.fitting import cells
from wke.tell.terminal.progress import LiveProgress, SeriesState
from wke.tell.terminal.usagetable import bar, busy, cut, part, plain, rate, rest_words, size, sparkline, total_words, usage_lines

GIB = 2**30
A = Usage("node1", 3.2, 4, 2 * GIB, 8 * GIB, 0.0, 5e6, 1.2e6, 99.0, 4.1, {"cpu": 0.34, "io": 0.02})
B = Usage("node2", 4.0, 16, 7.5 * GIB, 8 * GIB, 3e8, 0.0, 5.0, 0.2, 0.5, {"cpu": 0.0})
GONE = Usage("node3", problem="no answer within 10 s")
BARE = Usage("node4", cpu=1.0, cpus=8)
TASKS = [TaskUsage("node1", "start-server", 0, 2.5, GIB, 24, 1), TaskUsage("node2", "load", 3, None, 5 << 20, 8, 2)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rate(None), "–"),
        (rate(0.2), "0"),
        (rate(999.4), "999B"),
        (rate(999.7), "1.0kB"),
        (rate(1.25e6), "1.2MB"),
        (rate(12.6e6), "13MB"),
        (rate(5e15), "5000TB"),
        (size(1023), "1023B"),
        (size(1.5 * GIB), "1.5Gi"),
        (part(512 << 20, 8 * GIB), "512Mi/8.0Gi"),
        (part(2.1 * GIB, 7.8 * GIB), "2.1/7.8Gi"),
        (part(None, 8 * GIB), "–"),
        (part(5, None), "5B"),
        (busy(A), "3.20/4"),
        (busy(Usage("m", 0.25, 0.5)), "0.25/0.5"),
        (busy(Usage("m", 14.36, 16)), "14.4/16"),
        (busy(Usage("m")), "–"),
        (bar(0.5, 5), "██▌  "),
        (bar(7.0, 5), "█████"),
        (bar(None, 5), "     "),
        (sparkline([0.0, 1.0, 2.0, float("nan"), 9.0], 2.0), "▁▅█ █"),
        (sparkline([0.0], 0.0), "▁"),
        (cut("benchmark-server-01", 9), "benchm…01"),
        (cut("a\x1b[31m", None), "a\\x1b[31m"),
    ],
)
def test_numbers_are_short(text: str, expected: str) -> None:
    """Rates are decimal, memory is binary, and what is unknown is a dash and never 0."""
    assert text == expected


@pytest.mark.parametrize(
    ("by", "order"),
    [("cpu", "1243"), ("memory", "2143"), ("disk", "2143"), ("network", "1243"), ("name", "3142")],
)
def test_the_most_loaded_come_first(by: str, order: str) -> None:
    """Processors and memory count as shares of what a machine has; those of which nothing is known come last."""
    assert "".join(usage.machine[-1] for usage in sorted_machines([GONE, A, BARE, B], by)) == order


def test_tasks_are_sorted() -> None:
    """Tasks are sorted by memory or processor time, an unknown one last."""
    assert [task.name for task in sorted_tasks(reversed(TASKS), "cpu")] == ["start-server", "load.3"]
    assert [task.name for task in sorted_tasks(reversed(TASKS), "memory")] == ["start-server", "load.3"]
    assert [task.name for task in sorted_tasks(TASKS, "name")] == ["start-server", "load.3"]


def test_a_sum_says_only_what_is_known() -> None:
    """A number that no machine told is unknown in the sum too; pressure is that of the machine that suffers most."""
    both = total([A, B, GONE])
    assert (both.cpu, both.cpus, both.read, both.pressure) == (7.2, 20, 3e8, {"cpu": 0.34, "io": 0.02})
    assert total([GONE]) == Usage("")
    assert total_words([A, B], [], None).startswith("2 machines: cpu 7.2 of 20; memory 9.5/16Gi; in 1.2MB/s, out 99B/s; read 300MB/s")
    assert rest_words([A, B], None, [A]) == "and 2 more: cpu 7.20; memory 9.5Gi; in 1.2MB/s, out 99B/s"
    assert total_words([A, B], [], 35) == "2 machines: cpu 7.2 of 20"


def test_a_table_of_machines_and_tasks() -> None:
    """The whole table, with a machine that is gone, the host of emulated machines, and tasks."""
    lines = list(plain(usage_lines([A, B, GONE, BARE], [Usage("this computer", 7.0, 8)], TASKS, width=100)))
    assert lines == [
        "machine            cpu                        memory  read/s  write/s   in/s  out/s  load   pressure",
        "this computer   7.00/8  ███████████████            –       –        –      –      –     –          –",
        "node1           3.20/4  █████████████▌     2.0/8.0Gi       0    5.0MB  1.2MB    99B   4.1    cpu 34%",
        "node2          4.00/16  ████               7.5/8.0Gi   300MB        0     5B      0   0.5         0%",
        "node3          no answer within 10 s",
        "node4           1.00/8  ██                         –       –        –      –      –     –          –",
        "",
        "task          machine    cpu  memory  threads  processes",
        "start-server  node1     2.50   1.0Gi       24          1",
        "load.3        node2        –   5.0Mi        8          2",
    ]


def test_nothing_foreign_steers_the_terminal() -> None:
    """Names and problems come from machines and files."""
    evil = "e\x1b[2J\n\u202e"
    lines = usage_lines([Usage(evil, 1.0, 2), Usage("m", problem=evil)], [], [TaskUsage(evil, evil, 0, 1.0, 1, 1, 1)], width=80, height=20)
    assert {sign for line in plain(lines) for sign in line if not sign.isprintable()} == set()


@pytest.mark.parametrize("count", [0, 1, 3, 30, 1000])
@pytest.mark.parametrize(("width", "height"), [(80, 21), (120, 37), (40, 17), (20, 8), (10, 3)])
def test_it_fits_into_any_terminal(count: int, width: int, height: int) -> None:
    """No line is longer than the terminal is wide, and there are no more lines than it has; what is left out is counted."""
    machines = [
        Usage(f"machine-{i}.example.org", i % 8, 8, i * GIB, 1000 * GIB, 1e6, 1e6, 1e9, 1e9, 1.0, {"io": 0.5}) for i in range(count)
    ]
    tasks = [TaskUsage(f"machine-{i}", "a-target-with-a-name", 0, 1.0, GIB, 1, 1) for i in range(count)]
    lines = list(plain(usage_lines(machines, [], tasks, width=width, height=height)))
    assert len(lines) <= max(height, 2)
    if width >= 40:
        assert max(map(cells, lines)) <= width
    shown = sum(line.startswith("machi") for line in lines) - 1
    if height > 3 and count > 30:
        assert f"and {count - shown:,} more" in "\n".join(lines)


def test_the_progress_of_a_series_shows_what_machines_use() -> None:
    """Machines with what they use and do, the most loaded first, at most half of the terminal; nothing is left of the trial before."""
    display, screen = LiveProgress(SeriesState(0.0, {}, 2)), io.StringIO()
    display._console = Console(file=screen, force_terminal=False, width=80, height=24)
    for i in range(40):
        display(TaskStarted(TaskName(0, "load", f"m{i}"), 1))
        display(MachineUsage(f"m{i}", 1, i / 10, 4, GIB, 4 * GIB, 2e6, 3e3))
    display._console.print(display._render())
    lines = screen.getvalue().splitlines()[1:]
    assert lines[1].split()[:2] == ["m39", "3.90/4"]
    assert lines[1].split()[3:] == ["1.0/4.0Gi", "2.0MB", "3.0kB", "load", "0", "s"]
    assert len(lines) == 13
    assert lines[-1].strip() == "and 29 more: cpu 35% on average, 70% at most; memory 25%"
    display(TrialStarted("b", 2, 2, {}, 0, warmup=False))
    assert not display._state.using

"""The watch for a line that says a step is ready."""

import pytest

from wke.act.session.readiness import LogWatch, not_in_time, port_is_taken
from wke.describe.cluster.cluster import MachineSpec
from wke.describe.configuration.configuration import TargetSpec
from wke.describe.configuration.step import PlannedStep, Ready
from wke.records import Output, TaskName

A = TaskName(0, "server", "a")
B = TaskName(0, "server", "b")


@pytest.mark.parametrize(
    ("pieces", "seen"),
    [
        ([(A, 1, b"ready\n"), (B, 1, b"ready\n")], True),
        ([(A, 1, b"ready\n")], False),
        ([(A, 1, b"re"), (A, 1, b"ady"), (B, 2, b"now ready to serve\n")], True),
        ([(A, 1, b"re\nady"), (B, 1, b"ready")], False),
        ([(A, 1, b"re"), (A, 2, b"ady"), (B, 1, b"ready")], False),
        ([(A, 1, b"x" * 100_000), (A, 1, b" ready"), (B, 1, b"\xff\xfe ready")], True),
    ],
)
def test_every_task_must_have_written_a_line_that_matches(pieces: list[tuple[TaskName, int, bytes]], *, seen: bool) -> None:
    """The event is set exactly when each task has written such a line, in whatever pieces, each stream by itself."""
    watch = LogWatch("ready", [A, B])
    for task, stream, data in pieces:
        watch(Output(task, stream, data, 0))
    assert watch.seen.is_set() is seen


@pytest.mark.parametrize(
    ("ready", "lacking", "why"),
    [
        (Ready(port="7", within_s=2.5), [B], "server was not ready within 2.5 s: port 7 of b did not answer"),
        (
            Ready(log="up$"),
            [TaskName(0, "server", "b", 1)],
            'server was not ready within 20 s: no line of its output on b (copy 1) matched "up$"',
        ),
        (Ready(target="ping"), [A, B], "server was not ready within 20 s: target ping did not succeed on a (and 1 more)"),
    ],
)
def test_a_step_that_is_not_ready_says_what_was_waited_for(ready: Ready, lacking: list[TaskName], why: str) -> None:
    """The condition, the machine and the time; the task is the one whose output tells more."""
    step = PlannedStep(0, TargetSpec("server", ""), (MachineSpec("a", 0, None, "10.0.0.1"),), ready=ready)
    told = not_in_time(step, lacking)
    assert (str(told.outcome), told.why, told.task) == ("timed-out", why, lacking[0])
    if ready.port:
        assert port_is_taken(step, A, "redis (pid 5)").why.startswith("port 7 of a is used by redis (pid 5), which server did not start")

"""The watch for a line that says a step is ready."""

import pytest

from wke.act.session.readiness import LogWatch
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

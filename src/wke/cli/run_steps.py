"""The second half of `wke run`, which talks to machines. It is imported while their connections are being opened."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wke.act.interrupt import run_to_end
from wke.act.providers.place import Place
from wke.act.session.steps import run_steps, steps_session
from wke.describe.configuration.step import PlannedStep
from wke.records import Record, Sink, TaskEnded
from wke.tell.terminal.connecting import ConnectingLine
from wke.tell.terminal.console import TaskLines, worst_status
from wke.tell.terminal.nonblocking_output import NonblockingOutput


def run_and_print(place: Place, steps: Sequence[PlannedStep], log_dir: Path | None, *, quiet: bool, verbose: bool) -> int:
    """Run steps on machines, print what they write, also keep it in `log_dir` if that is given, and return the exit status."""
    with NonblockingOutput() as outlet:
        lines = TaskLines(tuple(m.name for m in steps[0].machines), quiet=quiet, verbose=verbose)
        if verbose:
            lines.say(place.notes)
        with _keeping(log_dir, lines) as sink:
            ends = run_to_end(_run(place, steps, sink, outlet))
        lines.summary()
    return worst_status([end.outcome for end in ends])


async def _run(place: Place, steps: Sequence[PlannedStep], sink: Sink, outlet: NonblockingOutput) -> tuple[TaskEnded, ...]:
    """Run the steps; reading from the machines pauses while our own output is blocked."""
    session = steps_session(place, steps, sink)
    return await outlet.through(run_steps(session, steps), pause=session.connections.pause, resume=session.connections.resume)


@contextmanager
def _keeping(folder: Path | None, lines: Sink) -> Iterator[Sink]:
    """Yield a sink that stores what tasks write in `folder`, unless it is None, and then shows it."""
    connecting = ConnectingLine()

    def show(record: Record) -> None:
        connecting(record)
        lines(record)

    if folder is None:
        yield show
        return
    from wke.keep.output.logs import LogWriter  # noqa: PLC0415 - rarely used, and it imports the database

    with LogWriter(folder) as logs:

        def keep_and_show(record: Record) -> None:
            logs(record)
            show(record)

        yield keep_and_show

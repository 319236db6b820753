"""When a background step may be used: a line in its logs, seen as it is written. The session itself asks ports and ping targets."""

import asyncio
from collections.abc import Iterable, Sequence

from wke.describe.configuration.step import PlannedStep
from wke.describe.experiment.patterns import SearchError, compile_pattern
from wke.describe.toml.wording import quoted
from wke.records import Outcome, OutcomeKind, Output, Record, TaskName
from wke.values import dataclass

PATIENCE_S = 1.0  # machines do not hear from us meanwhile
LONGEST_LINE = 1 << 13  # of a line that grows; all of it is searched again whenever it has grown


@dataclass(frozen=True, slots=True)
class NotReady:
    """Why a background step cannot be used, and the task whose output may tell more."""

    outcome: Outcome
    why: str
    task: TaskName


def not_in_time(step: PlannedStep, lacking: Iterable[TaskName]) -> NotReady:
    """Return what was waited for in vain: `lacking` are the tasks, or one for each machine, that were not ready."""
    ready, missing = step.ready, tuple(lacking) or step.tasks()
    assert ready is not None
    first = missing[0]
    on = f"{first.machine}{f' (copy {first.copy})' if first.copy else ''}"
    if ready.port is not None:
        condition = f"port {ready.port} of {on} did not answer"
    elif ready.log is not None:
        condition = f"no line of its output on {on} matched {quoted(ready.log)}"
    else:
        condition = f"target {ready.target} did not succeed on {on}"
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return NotReady(
        Outcome(OutcomeKind.TIMED_OUT), f"{step.target.name} was not ready within {ready.within_s:g} s: {condition}{more}", first
    )


def port_is_taken(step: PlannedStep, task: TaskName, stranger: str) -> NotReady:
    """Return that the port which is to tell whether a step is ready belongs to a process that the step did not start."""
    assert step.ready is not None
    what = f"port {step.ready.port} of {task.machine} is used by {stranger}, which {step.target.name} did not start"
    return NotReady(Outcome(OutcomeKind.FAILED), f"{what}: stop that process, or use another port", task)


class LogWatch:
    """A sink that waits until each of `tasks` has written a line, to either stream, in which `pattern` is found; `missing` did not yet.

    The event `seen` is set then, and also when the search takes too long: `problem` says so.
    """

    def __init__(self, pattern: str, tasks: Iterable[TaskName]) -> None:
        from wke.act.matcher import Matcher  # noqa: PLC0415 - it takes long to import, and few steps wait for a line

        self._pattern = compile_pattern(pattern)
        self._matcher = Matcher(PATIENCE_S)
        self.missing = dict.fromkeys(tasks)
        self._partial: dict[tuple[TaskName, int], bytes] = {}
        self.seen = asyncio.Event()
        self.problem = ""

    def __call__(self, record: Record) -> None:
        """Take a record: look for the pattern if it is output of one of the tasks."""
        if not isinstance(record, Output) or record.task not in self.missing:
            return
        key = (record.task, record.stream)
        text = self._partial.pop(key, b"") + record.data
        if self._found(text.split(b"\n")):
            del self.missing[record.task]
            if not self.missing:
                self.seen.set()
        else:
            self._partial[key] = text[text.rfind(b"\n") + 1 :][-LONGEST_LINE:]

    def close(self) -> None:
        """End what the search may have started."""
        self._matcher.close()

    def _found(self, lines: Sequence[bytes]) -> bool:
        try:
            return self._matcher.any_line(self._pattern, lines)
        except SearchError as error:
            self.problem = str(error)
            self.missing.clear()
            self.seen.set()
            return False

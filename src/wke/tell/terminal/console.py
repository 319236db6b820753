"""Writes to the terminal: data to stdout, messages to stderr.

`Printer` writes whole lines. `TaskLines` is a sink that shows what tasks write, each line behind the name of its machine.
"""

import json
import os
import shutil
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from wke.describe.toml.wording import counted
from wke.keep.output.linebuffer import LineBuffer
from wke.records import Connected, Note, Outcome, OutcomeKind, Output, Record, StepReady, StepStarted, TaskEnded, TaskName
from wke.tell.terminal.fitting import fitted_lines
from wke.tell.terminal.output import Stream, colourful, flush, is_terminal, put
from wke.tell.terminal.sanitize import Safe, one_line, sanitize, visible
from wke.tell.words import seconds

COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")
KEPT_LINES = 10
KEPT_BYTES = 1 << 14
KEPT_PIECES = 256
JOINED_BYTES = 1 << 10  # smaller pieces of one stream become one


class Printer:
    """Writes whole lines of any text to stdout and stderr, made safe to print, in colour where it is enabled."""

    def data(self, line: str) -> None:
        """Write a line to stdout."""
        put("stdout", Safe(visible(line) + "\n"))

    def document(self, value: object, *, indent: int | None = 2) -> None:
        """Write a value as JSON to stdout."""
        self.data(json_text(value, indent=indent))

    def talk(self, line: str, colour: str = "") -> None:
        """Write a line to stderr, after flushing stdout."""
        flush("stdout")
        put("stderr", Safe(painted(visible(line), colour, "stderr") + "\n"))
        flush("stderr")

    def table(self, rows: Sequence[Sequence[str]], keys: int = 1) -> None:
        """Write rows to stdout in aligned columns, fitted into the terminal; the first `keys` columns tell rows apart."""
        fits = is_terminal("stdout") or "COLUMNS" in os.environ
        rows = [[one_line(cell) for cell in row] for row in rows]
        for line in fitted_lines(rows, shutil.get_terminal_size().columns if fits else None, keys):
            self.data(line)


def painted(text: Safe, colour: str, stream: Stream) -> Safe:
    """Return text in an ANSI colour, if it has one and output to the stream is coloured."""
    return Safe(f"\x1b[{colour}m{text}\x1b[0m") if colour and colourful(stream) else text


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON that is safe to print and stays JSON: Python leaves one control character as it is."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


class TaskLines:
    """A sink that prints each line of a task behind its machine's name, and collects the tasks that failed.

    A line is printed whole, as soon as the line or its task ends; a line longer than LONGEST (see LineBuffer) is printed in pieces.
    """

    def __init__(self, machines: tuple[str, ...], *, quiet: bool = False, verbose: bool = False) -> None:
        self._out = Printer()
        self._quiet = quiet
        self._verbose = verbose
        self._width = max(map(len, machines), default=0)
        self._colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(machines)}
        self._unfinished: defaultdict[tuple[TaskName, int], LineBuffer] = defaultdict(LineBuffer)
        self._last: defaultdict[TaskName, LastWords] = defaultdict(LastWords)
        self.failures: list[TaskEnded] = []

    def __call__(self, record: Record) -> None:
        """Print what is new in a record."""
        match record:
            case Output() if self._quiet:
                self._last[record.task].add(record.stream, record.data)
            case Output():
                self._show(record.task, record.stream, self._unfinished[record.task, record.stream].add(record.data))
            case TaskEnded():
                self._ended(record)
            case Note(text, machine):
                self._out.talk(f"{machine}: {text}" if machine else text)
            case StepStarted() if self._verbose:
                self._out.talk(f"{record.target}: {counted(record.tasks, 'task')} on {', '.join(record.machines)}")
            case StepReady() if self._verbose:
                self._out.talk(f"{record.target}: ready after {seconds(record.after_s)}")
            case Connected() if self._verbose:
                self._out.talk(f"{record.machine}: connected in {seconds(record.after_s)}")

    def _show(self, task: TaskName, stream: int, lines: bytes) -> None:
        """Print several lines at once, which is faster than one by one."""
        if lines:
            target: Stream = "stdout" if stream == 1 else "stderr"
            name = f"{task.machine}.{task.copy}" if task.copy else task.machine
            before = painted(one_line(f"{name:<{self._width}} │ "), self._colour.get(task.machine, "36"), target)
            text = sanitize(lines).removesuffix("\n").replace("\n", "\n" + before)
            put(target, Safe(f"{before}{text}\n"))
            flush(target)

    def _ended(self, end: TaskEnded) -> None:
        for stream in (1, 2):
            buffer = self._unfinished.pop((end.task, stream), None)
            if buffer is not None:
                self._show(end.task, stream, buffer.rest())
        last = self._last.pop(end.task, None)
        if end.outcome.ok:
            if self._verbose:
                self._out.talk(f"{end.task.machine}: {end.task.target}: ok after {seconds(end.elapsed_s)}")
            return
        self.failures.append(end)
        for line in last.lines() if last else ():
            self._out.talk(f"{end.task.machine} │ {line}")

    def say(self, notes: Iterable[str]) -> None:
        """Print notes to stderr."""
        for note in notes:
            self._out.talk(note)

    def summary(self) -> None:
        """Print one line per failed task."""
        for end in self.failures:
            self._out.talk(f"{end.task.machine}: {describe_end(end)}", "31")


class LastWords:
    """The last KEPT_BYTES or a few more that a task wrote to its two streams, in the order of arrival."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._size = 0

    def add(self, stream: int, data: bytes) -> None:
        """Take the next piece."""
        data = data[-KEPT_BYTES:]
        if self._pieces and self._pieces[-1][0] == stream and len(self._pieces[-1][1]) < JOINED_BYTES:
            data = self._pop(-1) + data
        if len(self._pieces) == KEPT_PIECES:
            self._pop(0)
        self._pieces.append((stream, data))
        self._size += len(data)
        while self._size - len(self._pieces[0][1]) >= KEPT_BYTES:
            self._pop(0)

    def _pop(self, index: int) -> bytes:
        _, data = self._pieces[index]
        del self._pieces[index]
        self._size -= len(data)
        return data

    def lines(self) -> list[str]:
        """Return the last KEPT_LINES lines, safe to print."""
        buffers = {1: LineBuffer(), 2: LineBuffer()}
        blocks = [buffers[stream].add(data) for stream, data in self._pieces] + [buffer.rest() for buffer in buffers.values()]
        return [line for block in blocks if block for line in sanitize(block).removesuffix("\n").split("\n")][-KEPT_LINES:]


def describe_end(end: TaskEnded) -> str:
    """Return how a task ended: `load failed(3) after 0.42 s (needed SIGKILL): no such interpreter`."""
    text = f"{end.task.target} {end.outcome} after {seconds(end.elapsed_s)}"
    if end.rung:
        text += f" (needed {end.rung})"
    return f"{text}: {end.detail}" if end.detail else text


def worst_status(outcomes: Sequence[Outcome]) -> int:
    """Return the exit status for these outcomes: 0 if all are ok, else 3 unreachable, 124 timed out, or 1."""
    kinds = {o.kind for o in outcomes}
    if kinds <= {OutcomeKind.OK}:
        return 0
    if kinds & {OutcomeKind.UNREACHABLE, OutcomeKind.LOST}:
        return 3
    return 124 if kinds <= {OutcomeKind.OK, OutcomeKind.TIMED_OUT} else 1

"""Progress of a running series: a live display on a terminal, plain lines elsewhere. Both show one state, updated by records."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import field
from types import TracebackType
from typing import Self, TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from wke.describe.toml.wording import counted
from wke.judge.usage import Usage, of_record, sorted_machines
from wke.keep.trials.trials import BROKEN
from wke.records import (
    Connecting,
    MachineUsage,
    Note,
    Record,
    StartedTogether,
    StepStarted,
    TaskEnded,
    TaskStarted,
    TrialEnded,
    TrialStarted,
)
from wke.tell.terminal.connecting import ConnectingLine, connecting_words
from wke.tell.terminal.console import Printer
from wke.tell.terminal.display import coloured, said
from wke.tell.terminal.fitting import cells
from wke.tell.terminal.output import redraws
from wke.tell.terminal.taskbar import Taskbar
from wke.tell.terminal.usagetable import FEW, MachineTable, cut, first, rest_words
from wke.tell.words import observation_words, point_words, seconds, skew_words
from wke.values import dataclass

MOST_ROWS = 20  # machines shown on a terminal
FEWEST_ROWS = 4  # else at most half of the terminal
DOING_SHARE = 3  # what machines do gets up to a third of the width
HZ = 4
SKEW_LIMIT_NS = 5_000_000  # a larger skew, beyond the uncertainty of the clocks, is reported


@dataclass(slots=True)
class SeriesState:
    """The state of a series after the records so far.

    `doing` maps a machine to its running targets and when each started, `using` to what it used in the last second.
    """

    cooldown_s: float
    units: Mapping[str, str]
    total: int = 0
    ended: int = 0
    failed: int = 0
    current: TrialStarted | None = None
    step: str = ""
    connecting: Connecting | None = None
    doing: dict[str, dict[str, float]] = field(default_factory=dict)
    using: dict[str, Usage] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    uneven: int = 0
    worst: StartedTogether | None = None

    def take(self, record: Record) -> None:
        """Update the state with a record."""
        match record:
            case TrialStarted():
                self.current, self.total = record, record.total
                self.using.clear()
            case MachineUsage():
                self.using[record.machine] = of_record(record)
            case TrialEnded():
                self.ended += 1
                self.failed += not record.outcome.ok
                self.doing.clear()
            case Connecting():
                self.connecting = record if record.waiting else None
            case StepStarted():
                self.step = record.target
            case StartedTogether() if record.skew_ns > SKEW_LIMIT_NS + record.bound_ns:
                self.uneven += 1
                self.worst = max(self.worst or record, record, key=lambda start: start.skew_ns)
            case TaskStarted(task):
                self.doing.setdefault(task.machine, {})[task.target] = time.monotonic()
            case TaskEnded(task):
                self.doing.get(task.machine, {}).pop(task.target, None)

    def left_s(self) -> float:
        """Return about how many seconds are left, by the time per trial so far; NaN before the first trial has ended."""
        if not self.ended:
            return math.nan
        return (self.total - self.ended) * (time.monotonic() - self.began) / self.ended

    def left(self) -> str:
        """Return the time left as text; "" when it is not known or nothing is left."""
        left_s = self.left_s()
        return "" if math.isnan(left_s) or self.ended == self.total else f"about {seconds(left_s)} left"


def uneven_text(state: SeriesState) -> str:
    """Return how many trials did not start on all machines at once, and the largest skew; "" if there were none."""
    worst = state.worst
    if worst is None:
        return ""
    far = skew_words(worst.skew_ns, worst.bound_ns)
    where = f"apart on {worst.first}" if worst.first == worst.last else f"later on {worst.last} than on {worst.first}"
    return f"began unevenly: {state.uneven} of {counted(state.ended, 'trial')}, at worst {far} {where}"


class PlainProgress:
    """Prints one line per trial, for files and pipes."""

    def __init__(self, state: SeriesState) -> None:
        self._state = state
        self._out = Printer()
        self._connecting = ConnectingLine()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Do nothing: there is nothing to remove from the terminal."""

    def __call__(self, record: Record) -> None:
        """Take a record; print a line when a trial has ended."""
        self._state.take(record)
        self._connecting(record)
        if isinstance(record, Note):
            self._out.talk(_note(record))
        elif isinstance(record, TrialEnded):
            self._out.talk(trial_line(self._state, record, self._state.left()))


def trial_line(state: SeriesState, end: TrialEnded, left: str = "") -> str:
    """Return the line of a trial that has just ended, with the time `left`, and why it did not end well."""
    started = state.current
    words = point_words(started.point, started.iteration, warmup=started.warmup) if started else end.trial
    width = len(str(state.total))
    word = BROKEN if end.outcome.ok and end.why else end.outcome
    text = f"[{state.ended:>{width}}/{state.total}] {words}: {word}, {seconds(end.elapsed_s)}"
    if end.observations:
        text += f"; {observation_words(end.observations, state.units)}"
    text += f" ({left})" if left else ""
    if end.why:
        text += f"\n    {end.why}"
    if end.of is not None:
        text += "".join(f"\n    {end.of.machine} │ {line}" for line in end.said)
    return text


def _note(note: Note) -> str:
    return f"{note.machine}: {note.text}" if note.machine else note.text


class LiveProgress:
    """A display redrawn in place: a bar, the running trial, what each machine does; lines of ended trials stay above it."""

    def __init__(self, state: SeriesState) -> None:
        self._state = state
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, refresh_per_second=HZ, transient=True, get_renderable=self._render)
        self._taskbar = Taskbar(lambda: cast("TextIO", self._console.file))

    def __enter__(self) -> Self:
        self._live.start()
        self._taskbar.show(0, 1, failed=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()
        self._taskbar.clear()

    def __call__(self, record: Record) -> None:
        """Take a record; the display shows it when it is next redrawn."""
        self._state.take(record)
        if isinstance(record, TrialStarted | TrialEnded):
            self._taskbar.show(self._state.ended, self._state.total, failed=self._state.failed > 0)
        if isinstance(record, Note):
            self._live.console.print(said(_note(record)))
        elif isinstance(record, TrialEnded):
            self._live.console.print(said(trial_line(self._state, record), "" if record.outcome.ok else "red"))

    def _render(self) -> Group:
        state = self._state
        head = Table.grid(padding=(0, 1))
        counts = f"{state.ended}/{state.total} trials" + (f", {state.failed} failed" if state.failed else "")
        head.add_row(ProgressBar(total=max(state.total, 1), completed=state.ended, width=30), said(counts), said(state.left(), "dim"))
        lines: list[RenderableType] = [head]
        if state.current:
            words = point_words(state.current.point, state.current.iteration, warmup=state.current.warmup)
            lines.append(said(f"{words}: {state.step}"))
        if state.connecting:
            lines.append(said(connecting_words(state.connecting)))
        lines.extend(self._machines())
        return Group(*lines)

    def _machines(self) -> Iterator[RenderableType]:
        """Yield a line for each machine that does something or is known to use something, the most loaded first."""
        (width, height), using = self._console.size, dict(self._state.using)  # copies: records come while another thread draws
        doing = {name: self._doing(targets) for name, targets in list(self._state.doing.items()) if targets}
        machines = sorted_machines((using.get(name) or Usage(name) for name in sorted(using.keys() | doing)), "cpu")
        shown, left = first(machines, min(MOST_ROWS, max(FEWEST_ROWS, height // 2)))
        said_of = [cut(doing.get(usage.machine, ""), width // DOING_SHARE) for usage in shown]
        table = MachineTable(shown, width - 4 - max(map(cells, said_of), default=0), columns=FEW if using else ())
        if using:
            yield coloured([("  ", ""), *table.head()])
        for usage, words in zip(shown, said_of, strict=True):
            yield coloured([("  ", ""), *table.row(usage), (f"  {words}", "")])
        if left:
            yield said("  " + cut(rest_words(left, width - 2), width - 2), "dim")

    def _doing(self, targets: Mapping[str, float]) -> str:
        now = time.monotonic()
        return ", ".join(f"{target} {now - since:.0f} s" for target, since in list(targets.items()))


def progress(state: SeriesState, *, plain: bool = False) -> PlainProgress | LiveProgress:
    """Return the display for stderr: live on a terminal that can be redrawn, plain lines elsewhere and if `plain`."""
    live = not plain and redraws("stderr") and Console(stderr=True).is_terminal and not Console(stderr=True).is_dumb_terminal
    return LiveProgress(state) if live else PlainProgress(state)

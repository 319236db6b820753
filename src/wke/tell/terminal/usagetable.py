"""Tables of what machines and tasks use, as lines that fit into a width and a height: the most loaded first, the rest as a sum."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Literal, TypeVar

from wke.describe.toml.wording import counted
from wke.judge.usage import TaskUsage, Usage, share, total
from wke.tell.terminal.fitting import cells
from wke.tell.terminal.sanitize import one_line
from wke.values import dataclass

Colour = Literal["", "dim", "bold", "cyan", "green", "yellow", "red"]
Line = list[tuple[str, Colour]]
"""Pieces of a line of the terminal, each with its colour. No piece can steer the terminal."""
T = TypeVar("T", Usage, TaskUsage)

UNKNOWN = "–"
SPARKS = "▁▂▃▄▅▆▇█"
GAP = 2
KEYS = {"c": "cpu", "m": "memory", "d": "disk", "n": "network", "a": "name"}
NARROW = 60  # terminals narrower than this have one blank between columns, others two
WIDEST = 200
LONGEST_BAR, SHORTEST_BAR = 20, 5
SHORTEST_NAME, LONGEST_NAME = 8, 32
MUCH, VERY_MUCH = 0.7, 0.9  # of a resource in use
WAITING, LONG_WAITING = 0.2, 0.5  # shares of the time
TASK_NUMBERS = 37  # cells that the numbers of a task take
TASKS_SHARE = 3  # tasks get a third of the lines if both tables are long


@dataclass(frozen=True, slots=True)
class UsageColumn:
    """A column: title, least width, text and colour of a cell. Those with the largest `rank` are left out first where room is short."""

    title: str
    width: int
    rank: int
    text: Callable[[Usage], str]
    colour: Callable[[Usage], Colour] = lambda _: ""


# -- numbers


def scaled(value: float, step: int, units: Sequence[str]) -> str:
    """Return a number with two or three digits and the largest unit of which there is one."""
    index = 0
    while value >= step * 0.9995 and index < len(units) - 1:
        value, index = value / step, index + 1
    return f"{value:.1f}{units[index]}" if 0 < value < 9.95 and index else f"{value:.0f}{units[index]}"


def rate(value: float | None) -> str:
    """Return bytes per second: `0`, `512B`, `1.2MB`."""
    if value is None:
        return UNKNOWN
    return scaled(value, 1000, ("B", "kB", "MB", "GB", "TB")) if value >= 0.5 else "0"


def size(value: float | None) -> str:
    """Return bytes in binary units: `512Mi`, `7.8Gi`."""
    return UNKNOWN if value is None else scaled(value, 1024, ("B", "Ki", "Mi", "Gi", "Ti"))


def part(used: float | None, whole: float | None) -> str:
    """Return bytes in use and in all: `2.1/7.8Gi`."""
    if used is None or whole is None:
        return size(used)
    one, other = size(used), size(whole)
    return f"{one[:-2]}/{other}" if one[-2:] == other[-2:] else f"{one}/{other}"


def busy(usage: Usage) -> str:
    """Return the busy processors and all: `3.2/4`."""
    if usage.cpu is None:
        return UNKNOWN
    digits = 2 if usage.cpu < 9.995 else 1
    return f"{usage.cpu:.{digits}f}" + (f"/{usage.cpus:g}" if usage.cpus else "")


def bar(value: float | None, width: int) -> str:
    """Return a bar that fills a share of the width, in halves of a cell."""
    halves = round(2 * width * min(1.0, max(0.0, value or 0.0)))
    return ("█" * (halves // 2) + "▌" * (halves % 2)).ljust(width)


def sparkline(values: Sequence[float], whole: float) -> str:
    """Return a sign for each value, as high as its share of the whole; a blank for one that is not known (NaN)."""
    steps = len(SPARKS) - 1
    return "".join(" " if math.isnan(value) else SPARKS[min(steps, max(0, round(steps * value / (whole or 1))))] for value in values)


def worst_pressure(usage: Usage) -> tuple[str, float] | None:
    """Return the resource that threads waited for longest, with the share of the time."""
    return max(usage.pressure.items(), key=lambda item: item[1]) if usage.pressure else None


def _pressure(usage: Usage) -> str:
    worst = worst_pressure(usage)
    return UNKNOWN if worst is None else f"{worst[0]} {worst[1]:.0%}" if worst[1] >= 0.005 else "0%"


def _grade(value: float | None, much: float, very: float, calm: Colour = "") -> Colour:
    return calm if value is None or value < much else "yellow" if value < very else "red"


def _cpu_colour(usage: Usage) -> Colour:
    return _grade(share(usage.cpu, usage.cpus), MUCH, VERY_MUCH, "green")


def _memory_colour(usage: Usage) -> Colour:
    return _grade(share(usage.memory, usage.memory_total), MUCH, VERY_MUCH)


def _pressure_colour(usage: Usage) -> Colour:
    worst = worst_pressure(usage)
    return _grade(worst[1] if worst else None, WAITING, LONG_WAITING)


CPU = UsageColumn("cpu", 5, 0, busy, _cpu_colour)
MEMORY = UsageColumn("memory", 9, 1, lambda u: part(u.memory, u.memory_total), _memory_colour)
RECEIVED, SENT = UsageColumn("in/s", 5, 2, lambda u: rate(u.received)), UsageColumn("out/s", 5, 2, lambda u: rate(u.sent))
READ, WRITTEN = UsageColumn("read/s", 6, 3, lambda u: rate(u.read)), UsageColumn("write/s", 7, 3, lambda u: rate(u.written))
PRESSURE = UsageColumn("pressure", 9, 4, _pressure, _pressure_colour)
LOAD = UsageColumn("load", 4, 5, lambda u: UNKNOWN if u.load is None else f"{u.load:.1f}")
ALL = (CPU, MEMORY, READ, WRITTEN, RECEIVED, SENT, LOAD, PRESSURE)
FEW = (CPU, MEMORY, RECEIVED, SENT)


# -- the table of machines


class MachineTable:
    """Lines of machines in a width (None for as wide as need be), with the columns for which there is room.

    Room that is left is a bar that shows the share of processors in use, or of memory for machines sorted `by` that.
    """

    def __init__(self, shown: Sequence[Usage], width: int | None, *, columns: Sequence[UsageColumn] = ALL, by: str = "cpu") -> None:
        self.room = width or WIDEST
        self.gap = " " * (1 if self.room < NARROW else 2)
        longest = max((cells(one_line(usage.machine)) for usage in shown), default=0)
        self._name = min(max(longest, len("machine")), LONGEST_NAME, max(SHORTEST_NAME, self.room // 4))
        self._widths = {column: max(column.width, *map(cells, map(column.text, shown))) if shown else column.width for column in columns}
        while self.width > self.room and len(self._widths) > 1:
            least = max(column.rank for column in self._widths)
            self._widths = {column: size for column, size in self._widths.items() if column.rank < least}
        self._barred = MEMORY if by == "memory" else CPU
        spare = self.room - self.width - len(self.gap)
        self._bar = min(LONGEST_BAR, spare) if spare >= SHORTEST_BAR and self._barred in self._widths else 0

    @property
    def width(self) -> int:
        """The width of a line without the bar."""
        return self._name + sum(len(self.gap) + size for size in self._widths.values())

    def head(self) -> Line:
        """Return the titles."""
        text = padded("machine", self._name)
        for column, size in self._widths.items():
            text += self.gap + column.title.rjust(size)
            text += self.gap + " " * self._bar if self._bar and column is self._barred else ""
        return [(text.rstrip(), "bold")]

    def row(self, usage: Usage, name: Colour = "cyan") -> Line:
        """Return a machine's line."""
        pieces: Line = [(padded(usage.machine, self._name), name)]
        if usage.problem:
            return [*pieces, (self.gap + cut(usage.problem, self.room - self._name - len(self.gap)), "red")]
        for column, width in self._widths.items():
            text, colour = column.text(usage), column.colour(usage)
            pieces.append((self.gap + " " * (width - cells(text)) + text, colour))
            if self._bar and column is self._barred:
                full = share(usage.cpu, usage.cpus) if column is CPU else share(usage.memory, usage.memory_total)
                pieces.append((self.gap + bar(full, self._bar), colour or "green"))
        return pieces


def rest_words(rest: Sequence[Usage], width: int | None, hosts: Sequence[Usage] = ()) -> str:
    """Return what the machines use that are not shown, as far as there is room; what those of one computer have cannot be added up."""
    together = total(rest)
    words = [f"and {len(rest):,} more"]
    if hosts and together.cpu is not None:
        words += [f": cpu {together.cpu:.2f}", f"; memory {size(together.memory)}"]
    elif together.cpu is not None and together.cpus:
        highest = max((value for usage in rest if (value := share(usage.cpu, usage.cpus)) is not None), default=0.0)
        words += [f": cpu {together.cpu / together.cpus:.0%} on average", f", {highest:.0%} at most"]
    if not hosts and (used := share(together.memory, together.memory_total)) is not None:
        words.append(f"; memory {used:.0%}")
    if together.received is not None:
        words.append(f"; in {rate(together.received)}/s, out {rate(together.sent)}/s")
    return as_many(words, width)


def head_lines(machines: Sequence[Usage], hosts: Sequence[Usage], by: str, clock: str, width: int) -> Iterator[Line]:
    """Yield the lines above the tables: what all machines use together, what they are sorted by, and the keys."""
    text = total_words(machines, hosts, max(0, width - cells(clock) - GAP))
    room = width - cells(text) - cells(clock)
    yield [(cut(text, width), "bold"), (" " * room + clock if room >= GAP else "", "dim")]
    keys = [f"{key} {name}, " for key, name in KEYS.items() if name != by]
    yield [(as_many([f"by {by}; keys: ", *keys, "q quit"], width).rstrip(", "), "dim")]
    yield []


def total_words(machines: Sequence[Usage], hosts: Sequence[Usage], width: int | None) -> str:
    """Return what all machines use together, as far as there is room; those of one computer cannot be added up."""
    together, known = total(machines), sum(not usage.problem for usage in machines)
    words = [counted(len(machines), "machine") if known == len(machines) else f"{known:,} of {counted(len(machines), 'machine')}"]
    if hosts:
        return as_many([*words, " on this computer"], width)
    if together.cpu is not None and together.cpus:
        words.append(f": cpu {together.cpu:.1f} of {together.cpus:,.15g}")
    if together.memory is not None:
        words.append(f"; memory {part(together.memory, together.memory_total)}")
    if together.received is not None:
        words.append(f"; in {rate(together.received)}/s, out {rate(together.sent)}/s")
    if together.read is not None:
        words.append(f"; read {rate(together.read)}/s, written {rate(together.written)}/s")
    return as_many(words, width)


def as_many(words: Sequence[str], width: int | None) -> str:
    """Return the first words, joined, as many as fit into a width."""
    count = len(words)
    while width is not None and count > 1 and cells("".join(words[:count])) > width:
        count -= 1
    return "".join(words[:count])


# -- the table of tasks


def task_lines(tasks: Sequence[TaskUsage], most: int | None, width: int | None) -> Iterator[Line]:
    """Yield the lines of a table of tasks, at most so many, header first."""
    shown, left = first(tasks, None if most is None else most - 1)
    room = width or WIDEST
    names = min(LONGEST_NAME, max(SHORTEST_NAME, room // 3), max(len("task"), *(cells(one_line(task.name)) for task in shown)))
    machines = min(LONGEST_NAME, max(SHORTEST_NAME, room // 4), max(len("machine"), *(cells(one_line(task.machine)) for task in shown)))
    wide = room >= names + machines + TASK_NUMBERS
    yield [(f"{'task':<{names}}  {'machine':<{machines}}  {'cpu':>5}  {'memory':>6}" + ("  threads  processes" if wide else ""), "bold")]
    for task in shown:
        cpu = UNKNOWN if task.cpu is None else f"{task.cpu:.2f}" if task.cpu < 100 else f"{task.cpu:.0f}"
        numbers = f"  {cpu:>5}  {size(task.memory):>6}" + (f"  {task.threads:>7}  {task.processes:>9}" if wide else "")
        yield [(padded(task.name, names), ""), (f"  {padded(task.machine, machines)}", "cyan"), (numbers, "")]
    if left:
        yield [(f"and {counted(len(left), 'more task')}", "dim")]


# -- together


def usage_lines(
    machines: Sequence[Usage],
    hosts: Sequence[Usage],
    tasks: Sequence[TaskUsage],
    *,
    by: str = "cpu",
    width: int | None = None,
    height: int | None = None,
) -> Iterator[Line]:
    """Yield the lines of both tables, sorted as given, in so many lines (None for all): what does not fit is summed up."""
    most = None
    if height is not None:
        for_tasks = min(len(tasks) + 2, max(height // TASKS_SHARE, height - len(machines) - len(hosts) - 1)) if tasks else 0
        most = max(1, height - for_tasks - len(hosts) - 1)
    yield from machine_lines(machines, hosts, most, width, by)
    if tasks and (height is None or for_tasks > 2):
        yield []
        yield from task_lines(tasks, None if height is None else for_tasks - 1, width)


def machine_lines(machines: Sequence[Usage], hosts: Sequence[Usage], most: int | None, width: int | None, by: str) -> Iterator[Line]:
    """Yield the titles, the hosts and at most so many lines of machines, the last of which sums up those that are left out."""
    shown, left = first(machines, most)
    table = MachineTable([*shown, *hosts], width, by=by)
    yield table.head()
    yield from (table.row(host, "bold") for host in hosts)
    yield from map(table.row, shown)
    if left:
        yield [(cut(rest_words(left, width, hosts), width), "dim")]


def first(items: Sequence[T], most: int | None) -> tuple[Sequence[T], Sequence[T]]:
    """Return what is shown in at most so many lines, and what is left for one line that sums it up."""
    if most is None or len(items) <= most:
        return items, ()
    return items[: max(0, most - 1)], items[max(0, most - 1) :]


def cut(text: str, width: int | None) -> str:
    """Return one line of text, safe to print, in at most that many cells: what is too long loses its middle."""
    safe: str = one_line(text)
    if width is None or cells(safe) <= width:
        return safe
    head = tail = safe
    for_tail = max(0, width - 1) // 3
    while cells(head) > max(0, width - 1 - for_tail):
        head = head[:-1]
    while cells(tail) > for_tail:
        tail = tail[1:]
    return f"{head}…{tail}" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """Return a text in exactly so many cells."""
    text = cut(text, width)
    return text + " " * (width - cells(text))


def plain(lines: Iterable[Line]) -> Iterator[str]:
    """Yield lines without their colours."""
    yield from ("".join(text for text, _ in line).rstrip() for line in lines)


def usage_json(machines: Sequence[Usage], hosts: Sequence[Usage], tasks: Sequence[TaskUsage]) -> dict[str, object]:
    """Return both tables as values for `json.dumps`: sizes in bytes, rates in bytes per second, pressure as shares of the time."""
    return {
        "machines": {usage.machine: _usage_json(usage) for usage in machines},
        "host": _usage_json(hosts[0]) if hosts else None,
        "tasks": [asdict(task) for task in tasks],
    }


def _usage_json(usage: Usage) -> dict[str, object]:
    facts = {name.replace("_", "-"): value for name, value in asdict(usage).items() if name != "machine"}
    return facts | {"problem": usage.problem or None}

"""What the machines and tasks of a trial used, as two small tables: the most loaded first, the rest counted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict

from wke.describe.toml.wording import counted
from wke.judge.telemetry.course import Figures
from wke.judge.telemetry.windowusage import TrialUsage, WindowUsage
from wke.records import TaskName
from wke.tell.terminal.usagetable import UNKNOWN, rate, size, sparkline
from wke.tell.words import seconds

Words = Callable[[float], str]
MOST = 12
"""Machines, and tasks, that are shown."""
MACHINE_TITLES = ("machine", "cores", "memory", "read/s", "written/s", "in/s", "out/s")
TASK_TITLES = ("task", "cores", "memory", "read/s", "written/s")
COURSE_TITLE = "cores over time"


def trial_usage_lines(usage: TrialUsage) -> Iterator[str]:
    """Yield the lines of both tables, nothing if nothing is known."""
    shown = [each for each in (*usage.machines.values(), *usage.tasks.values()) if each.figures]
    if not shown and not usage.damage:
        return
    what = "the measured window of" if usage.is_measured else "all tasks, which took"
    yield f"over {what} {seconds(usage.window.seconds)}: mean (highest second)"
    yield from _table(MACHINE_TITLES, {name: each for name, each in usage.machines.items() if each.figures}, "machine")
    yield from _table(TASK_TITLES, {_task_name(task): each for task, each in usage.tasks.items()}, "task")
    if any(each.of_host & each.figures.keys() for each in shown):
        yield "* of the computer that carries the machines"
    if any(not figures.counts for each in shown for figures in each.figures.values()):
        yield "~ known for less than nine tenths of that time"
    yield from usage.damage


def _table(titles: Sequence[str], usages: Mapping[str, WindowUsage], noun: str) -> Iterator[str]:
    """Yield a header and the rows of those that used most, in columns; nothing without rows."""
    if not usages:
        return
    ordered = sorted(usages.items(), key=lambda item: -item[1].figures["cpu"].mean if "cpu" in item[1].figures else 0.0)
    shown = ordered[:MOST]
    rows = [titles, *((name, *_cells(usage)[: len(titles) - 1]) for name, usage in shown)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    highest = max((value for _, usage in shown for value in usage.cores if value == value), default=0.0)  # noqa: PLR0124 - not NaN
    courses = [sparkline(usage.cores, _whole(usage) or highest) for _, usage in shown]
    for (name, *rest), course in zip(rows, [COURSE_TITLE if any(courses) else "", *courses], strict=True):
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        yield "  ".join([name.ljust(widths[0]), *cells, course]).rstrip()
    if len(ordered) > MOST:
        yield f"and {counted(len(ordered) - MOST, f'more {noun}')}; --json has them all"


def _whole(usage: WindowUsage) -> float | None:
    """Return how many processors there are, None where that is not known."""
    return usage.figures["cores"].mean if "cores" in usage.figures else None


def _cells(usage: WindowUsage) -> list[str]:
    cpu = _cell(usage, "cpu", "{:.2f}".format, whole="cores", whole_words="{:g}".format)
    memory = _cell(usage, "memory", size, whole="memory_total", whole_words=size)
    return [cpu, memory, *(_cell(usage, part, rate) for part in ("read", "written", "received", "sent"))]


def _cell(
    usage: WindowUsage, part: str, words: Callable[[float], str], *, whole: str = "", whole_words: Callable[[float], str] = str
) -> str:
    """Return the mean and the highest second of a part, and what there is as a whole."""
    figures = usage.figures.get(part)
    if figures is None:
        return UNKNOWN
    of = f" of {whole_words(usage.figures[whole].mean)}" if whole in usage.figures else ""
    marks = "" if figures.counts else "~", "*" if {part, whole} & usage.of_host else ""
    return f"{marks[0]}{words(figures.mean)} ({words(figures.most)}){of}{marks[1]}"


def _task_name(task: TaskName) -> str:
    return f"{task.step}  {task.target} on {task.machine}{f'.{task.copy}' if task.copy else ''}"


def trial_usage_json(usage: TrialUsage | None) -> dict[str, object] | None:
    """Return all of it as values for `json.dumps`."""
    if usage is None:
        return None
    return {
        "window": {"start-ns": usage.window.start_ns, "end-ns": usage.window.end_ns, "measured": usage.is_measured},
        "machines": {machine: _parts(each) for machine, each in usage.machines.items()},
        "tasks": [{**asdict(task), **_parts(each)} for task, each in usage.tasks.items()],
        "damage": list(usage.damage),
    }


def _parts(usage: WindowUsage) -> dict[str, object]:
    return {part.replace("_", "-"): _figures(each, of_host=part in usage.of_host) for part, each in usage.figures.items()}


def _figures(figures: Figures, *, of_host: bool) -> dict[str, object]:
    told = {"mean": figures.mean, "least": figures.least, "most": figures.most, "covered": figures.covered, "unit": figures.unit}
    return told | {"of-host": of_host}

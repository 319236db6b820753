"""A table of results as a value, and as Markdown: the fastest first, ours in bold, ratios to ours, who is absent and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from rig import Absent, Contender, Result, measure


@dataclass(frozen=True, slots=True)
class Goal:
    """What the project demands of its own contender: a median below `limit_s`, of one phase or of all together."""

    contender: str
    limit_s: float
    phase: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """What was measured under one title; `about` says what a reader must know to read it."""

    title: str
    about: str
    runs: int
    results: tuple[Result, ...]
    absent: tuple[Absent, ...]
    goals: tuple[Goal, ...] = ()


def measured(
    title: str, about: str, entries: Sequence[Contender | Absent], *, runs: int, goals: tuple[Goal, ...] = (), warm: bool = True
) -> Table:
    """Let the contenders take turns and return their table."""
    results, absent = measure(entries, runs, warm=warm)
    return Table(title, about, runs, tuple(results), tuple(absent), goals)


def render(table: Table) -> str:
    """Return the table as Markdown."""
    results = sorted(table.results, key=lambda result: result.wall_s())
    lines = [f"### {table.title}", "", *([table.about, ""] if table.about else [])]
    if results:
        lines += [*_rows(results), ""]
    lines += [_verdict(goal, result) for goal in table.goals for result in results if result.name == goal.contender]
    lines += [f"- not here: {absent.name}: {absent.why}" for absent in table.absent]
    return "\n".join(lines).rstrip("\n") + "\n"


def _rows(results: Sequence[Result]) -> list[str]:
    phases = max((result.phases for result in results), key=len)
    ours = next((result for result in results if result.ours), None)
    several = phases if len(phases) > 1 else ()
    head = ["", *(f"{name}, ms" for name in several), "median, ms", "min–max", "client CPU, ms", "time / wke", "CPU / wke"]
    rows = [
        [
            f"**{result.name}**" if result.ours else result.name,
            *(_ms(result.wall_s(phase)) if phase in result.phases else "–" for phase in several),
            _ms(result.wall_s()),
            f"{_ms(min(result.walls_s()))}–{_ms(max(result.walls_s()))}",
            _ms(result.cpu_s()),
            _ratio(result.wall_s(), ours.wall_s()) if ours else "–",
            _ratio(result.cpu_s(), ours.cpu_s()) if ours else "–",
        ]
        for result in results
    ]
    return [_line(head), _line(["---", *("---:" for _ in head[1:])]), *map(_line, rows)]


def _verdict(goal: Goal, result: Result) -> str:
    value_s = result.wall_s(goal.phase)
    what = f"{goal.contender}, {goal.phase}" if goal.phase else goal.contender
    verdict = "met" if value_s < goal.limit_s else "**missed**"
    return f"- wanted: {what} under {_ms(goal.limit_s)} ms; measured {_ms(value_s)} ms: {verdict}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _ms(value_s: float) -> str:
    value = value_s * 1000
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _ratio(value: float, ours: float) -> str:
    ratio = value / ours
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"

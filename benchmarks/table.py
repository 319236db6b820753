"""A table of results as a value, and as Markdown: the fastest first, ours in bold, ratios to ours, and who is absent and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rig import Absent, Contender, Result, measure

FIGURES: dict[str, Callable[[Result], float]] = {  # by which peers are compared with wke: each is a column "... / wke"
    "time": Result.wall_s,
    "CPU": Result.cpu_s,
    "net": Result.net_s,
    "warm": lambda result: result.warm().wall_s,
}


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal for our own contender: a median below `limit_s`, of one phase or of all together."""

    contender: str
    limit_s: float
    phase: str | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """A goal for our own contender compared with a peer: the peer's figure (see FIGURES) is at least `ratio` times ours."""

    peer: str
    figure: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Table:
    """The measurements under one title; `about` explains how to read them."""

    title: str
    about: str
    runs: int
    results: tuple[Result, ...]
    absent: tuple[Absent, ...]
    goals: tuple[Goal | Lead, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """Figures of another shape: rows of text under a header, and one line for each goal."""

    title: str
    about: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    verdicts: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()  # the samples behind the rows, to be stored


def measured(
    title: str,
    about: str,
    entries: Sequence[Contender | Absent],
    *,
    runs: int,
    goals: tuple[Goal | Lead, ...] = (),
    warm: bool = True,
) -> Table:
    """Measure the contenders in turns and return their table."""
    results, absent = measure(entries, runs, warm=warm)
    return Table(title, about, runs, tuple(results), tuple(absent), goals)


def render(table: Table | Listing) -> str:
    """Return the table as Markdown."""
    lines = [f"### {table.title}", "", *([table.about, ""] if table.about else [])]
    if isinstance(table, Listing):
        lines += [*_grid(table.header, table.rows), "", *table.verdicts]
    else:
        lines += _contest(table)
    return "\n".join(lines).rstrip("\n") + "\n"


def verdict(wanted: str, value: str, *, met: bool) -> str:
    """Return the line that says whether a goal was reached."""
    return f"- wanted: {wanted}; measured {value}: {'met' if met else '**missed**'}"


def _contest(table: Table) -> list[str]:
    results = sorted(table.results, key=Result.wall_s)
    lines = [*_rows(results, table.runs), ""] if results else []
    by_name = {result.name: result for result in results}
    ours = next((result for result in results if result.ours), None)
    lines += [_judged(goal, by_name, ours) for goal in table.goals]
    return lines + [f"- not here: {absent.name}: {absent.why}" for absent in table.absent]


def _rows(results: Sequence[Result], runs: int) -> list[str]:
    phases = max((result.phases for result in results), key=len)
    several = phases if len(phases) > 1 else ()
    ours = next((result for result in results if result.ours), None)
    warm = max(result.warm().commands for result in results)
    columns: dict[str, Callable[[Result], str]] = {
        "": lambda result: _name(result, runs),
        **{f"{phase}, ms": lambda result, phase=phase: _ms(result.wall_s(phase)) if phase in result.phases else "–" for phase in several},
        "median, ms": lambda result: _ms(result.wall_s()),
        "min–max": lambda result: f"{_ms(min(result.walls_s()))}–{_ms(max(result.walls_s()))}",
        **({f"last {warm}, ms": lambda result: _ms(result.warm().wall_s) if result.warm().commands else "–"} if warm else {}),
        "client CPU, ms": lambda result: _ms(result.cpu_s()),
    }
    ratios = ["time", "CPU"]
    if any(map(Result.machines_s, results)):
        columns |= {"machines' CPU, ms": lambda result: _ms(result.machines_s()), "net, ms": lambda result: _ms(result.net_s())}
        ratios.append("net")
    if warm:
        ratios.append("warm")
    columns |= {f"{figure} / wke": lambda result, figure=figure: _ratio(figure, result, ours) for figure in ratios}
    return _grid(tuple(columns), [tuple(cell(result) for cell in columns.values()) for result in results])


def _name(result: Result, runs: int) -> str:
    """Return the name as it is shown: ours in bold, with the number of runs if there were fewer."""
    few = "" if len(result.rounds) == runs else f" ({len(result.rounds)} run{'s' if len(result.rounds) > 1 else ''})"
    return f"**{result.name}**{few}" if result.ours else f"{result.name}{few}"


def _judged(goal: Goal | Lead, results: Mapping[str, Result], ours: Result | None) -> str:
    """Return the line that states a goal and its result."""
    if isinstance(goal, Goal):
        what = f"{goal.contender}, {goal.phase}" if goal.phase else goal.contender
        wanted, result = f"{what} under {_ms(goal.limit_s)} ms", results.get(goal.contender)
        if result is not None:
            value_s = result.wall_s(goal.phase)
            return verdict(wanted, f"{_ms(value_s)} ms", met=value_s < goal.limit_s)
    else:
        wanted, result = f"{goal.figure} / wke of {goal.peer} at least {goal.ratio:g}", results.get(goal.peer)
        if result is not None and ours is not None:
            ratio = FIGURES[goal.figure](result) / FIGURES[goal.figure](ours)
            return verdict(wanted, f"{ratio:.3g}", met=ratio >= goal.ratio)
    return f"- wanted: {wanted}; not measured"


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(header), _line(["---", *("---:" for _ in header[1:])]), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _ms(value_s: float) -> str:
    value = value_s * 1000
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _ratio(figure: str, result: Result, ours: Result | None) -> str:
    """Return a result's figure divided by ours; a dash if one of them is missing."""
    if ours is None or not FIGURES[figure](ours) or not FIGURES[figure](result):
        return "–"
    ratio = FIGURES[figure](result) / FIGURES[figure](ours)
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"

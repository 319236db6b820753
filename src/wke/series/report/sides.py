"""The series that a page shows side by side, by the names that users give; values of the others are in the units of the first."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from shlex import quote

from wke.describe.expression.units import convert
from wke.describe.names import FolderOf, GitRef, parse_name
from wke.errors import InputError
from wke.judge.statistics.statistics import Summary
from wke.judge.summary.pointtable import PointTable
from wke.judge.summary.series import SeriesSummary
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt
from wke.keep.trials.units import Units, in_units
from wke.series.comparison.comparands import Found, meanings, pair_of
from wke.series.folders import RESULTS
from wke.series.summary import load_summary
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class ReportSide:
    """One of the series: its name as the user gave it, and what it says; `attempts` are all, in the order in which they ran.

    `counting` are those that tables and figures show, by trial and number.
    """

    name: str
    found: Found
    store: Store
    summary: SeriesSummary
    attempts: tuple[StoredAttempt, ...]
    shown: frozenset[tuple[str, int]]

    def counts(self, attempt: StoredAttempt) -> bool:
        """Return whether an attempt counts in tables and figures."""
        return (attempt.id, attempt.attempt) in self.shown and attempt.ok and not attempt.warmup

    @property
    def wanted(self) -> str:
        """The name of the series, or that of its points, as `wke results` takes it: not the folder or the commit that means it."""
        keeps = self.found.folder == RESULTS and not isinstance(parse_name(self.name), GitRef | FolderOf)
        return self.name if keeps else self.found.series

    def command(self, words: str) -> str:
        """Return a wke command as it works from here on the store of this side; "" if none does, as in a folder that is not `results`."""
        folder = self.found.folder
        if folder.name != RESULTS.name:
            return ""
        return f"wke {words}" if folder == RESULTS else f"wke {words} --cwd {quote(str(folder.parent))}"


@contextmanager
def open_sides(names: Sequence[str]) -> Iterator[tuple[ReportSide, ...]]:
    """Open what names mean: one series, and others that it is compared with; raise InputError if one means none, or several."""
    if len(set(names)) < len(names):
        raise InputError("a series is named twice")
    with ExitStack() as stack:
        sides: list[ReportSide] = []
        for name, found in zip(names, _found(names), strict=True):
            store = stack.enter_context(Store.open(found.folder, readonly=True))
            sides.append(_side(name, found, store, sides[0].summary.table.units if sides else {}))
        yield tuple(sides)


def _found(names: Sequence[str]) -> list[Found]:
    first, *others = names
    if others:
        pairs = [pair_of(other, first) for other in others]
        return [pairs[0][1], *(there for there, _ in pairs)]
    found = meanings(first)
    if len(found) > 1:
        series = ", ".join(sorted(one.series for one in found))
        raise InputError(f"{first} has several series: {series}", hint="a page shows one, or several that are named")
    return found


def _side(name: str, found: Found, store: Store, units: Units) -> ReportSide:
    """Read a series, with its values in these units as far as they have the metrics."""
    selected = found.selection
    summary = load_summary(store, found.series).of_points(selected.has)
    tried = {(one.id, one.attempt): one for one in store.attempts.of_plan(found.series) if selected.has(one.point)}
    shown = {(one.id, one.attempt): one for one in summary.trials}
    attempts = in_units((tried | shown).values(), units, declared={})
    return ReportSide(
        name=name,
        found=found,
        store=store,
        summary=replace(summary, table=_in_units(summary.table, units)),
        attempts=tuple(sorted(attempts, key=lambda one: (one.started_ns, one.id, one.attempt))),
        shown=frozenset(shown),
    )


def _in_units(table: PointTable, units: Units) -> PointTable:
    factors = {name: convert(1.0, own, units[name]) for name, own in table.units.items() if units.get(name, own) != own}
    if not factors:
        return table
    rows = [
        replace(row, summaries={name: _scaled(one, factors.get(name, 1.0)) for name, one in row.summaries.items()}) for row in table.rows
    ]
    return replace(table, units={name: units.get(name, own) for name, own in table.units.items()}, rows=tuple(rows))


def _scaled(summary: Summary, factor: float | None) -> Summary:
    if factor is None or factor == 1.0:
        return summary
    low, high = (None if end is None else factor * end for end in (summary.low, summary.high))
    return replace(summary, centre=factor * summary.centre, low=low, high=high)

"""How the points and series of a page compare, and what differs between them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from shlex import quote

from wke.describe.experiment.point import point_key
from wke.errors import InputError
from wke.judge.statistics.comparison import Comparison, Verdict
from wke.judge.summary.pointtable import Point, varied
from wke.judge.why.report import WhyReport
from wke.keep.telemetry.file import TELEMETRY
from wke.series.comparison.comparing import Comparand, compare_stored, load_comparand
from wke.series.comparison.why import why_between, why_trial
from wke.series.report.headlines import ComparedPoint, place_words
from wke.series.report.sides import ReportSide
from wke.series.report.trials import ReadTrial
from wke.series.resolve import points_at
from wke.tell.comparisons import baseline_text
from wke.tell.page.values import Difference
from wke.tell.report import doubts
from wke.tell.why import Told, told, undecided
from wke.values import dataclass

MOST_HELD = 60_000_000
"""Of more bytes of telemetry it is not worked out what differs: that would take longer than all else."""
MOST_TRIALS = 4
"""Trials with findings for which that is worked out."""
MOST_SENTENCES = 12


@dataclass(frozen=True, slots=True)
class PageComparisons:
    """All comparisons of a page, what the baseline is in words, what to doubt, and the command that shows them."""

    found: tuple[ComparedPoint, ...] = ()
    baseline: str = ""
    doubts: tuple[str, ...] = ()
    command: str = ""


def compared(sides: Sequence[ReportSide]) -> PageComparisons:
    """Return how the points of the first series compare with its baseline and with the other series."""
    first, *others = sides
    parts = [_with_baseline(first), *(_with_other(first, other) for other in others)]
    return PageComparisons(
        tuple(chain.from_iterable(part.found for part in parts)),
        ", ".join(part.baseline for part in parts if part.baseline),
        tuple(chain.from_iterable(part.doubts for part in parts)),
        "; ".join(part.command for part in parts if part.command),
    )


def _with_baseline(side: ReportSide) -> PageComparisons:
    baseline, table = side.summary.plan.rules.baseline, side.summary.table
    if not baseline or not any(one.n for one in table.comparisons):
        return PageComparisons()
    words = baseline_text(baseline)
    found = [
        ComparedPoint(one, place_words(one.point, table.parameters), words, _centres(side, one.point, side, {**one.point, **baseline}, one))
        for one in table.comparisons
    ]
    return PageComparisons(tuple(found), words, (), side.command(f"results {quote(side.wanted)}"))


def _with_other(first: ReportSide, other: ReportSide) -> PageComparisons:
    try:
        report = compare_stored(_comparand(other), _comparand(first), None)
    except InputError as error:
        return PageComparisons(doubts=(f"{first.name} and {other.name} are not compared: {error.problems[0].what}",))
    names = varied([row.point for row in first.summary.table.rows])
    found = []
    for one in report.comparisons:
        place = place_words(one.point, names)
        candidate = f"{first.name}, {place}" if place else first.name
        found.append(ComparedPoint(one, candidate, other.name, _centres(first, one.point, other, one.point, one)))
    return PageComparisons(tuple(found), other.name, tuple(doubts(report)), f"wke compare {quote(other.name)} {quote(first.name)}")


def _centres(side: ReportSide, point: Point, other: ReportSide, partner: Point, one: Comparison) -> tuple[float, float] | None:
    """Return the centres of both points, if both sides have the point."""
    found = []
    for whose, where in ((side, point), (other, partner)):
        summaries = next((row.summaries for row in whose.summary.table.rows if point_key(row.point) == point_key(where)), {})
        found += [summaries[one.metric].centre] if one.metric in summaries else []
    return (found[0], found[1]) if len(found) == 2 else None


def _comparand(side: ReportSide) -> Comparand:
    return load_comparand(side.store, side.found.selection, side.name)


# -- what differs


def differences(sides: Sequence[ReportSide], comparisons: PageComparisons, trials: Sequence[ReadTrial]) -> Iterator[Difference]:
    """Yield what differs: between series, between the baseline and what differs most from it, between trials with findings and others."""
    first, *others = sides
    if sum(map(_held, trials)) <= MOST_HELD:
        for other in others:
            yield from _told(first.name, other.name, _why(_comparand(other), _comparand(first)))
        yield from _from_baseline(first, comparisons) if not others else ()
    yield from _of_trials(first, [trial for trial in trials if trial.shown.series == 0 and trial.shown.counts and trial.has_finding])


def _from_baseline(side: ReportSide, comparisons: PageComparisons) -> Iterator[Difference]:
    baseline = side.summary.plan.rules.baseline
    decided = [one for one in comparisons.found if one.comparison.verdict in {Verdict.WORSE, Verdict.BETTER}]
    if not baseline or not decided:
        return
    point = max(decided, key=lambda one: one.size).comparison.point
    values = {name: value for name, value in point.items() if name in baseline}
    there, here = (_at(side, wanted) for wanted in ({**point, **baseline}, {**point, **values}))
    yield from _told(here.name, there.name, _why(there, here))


def _at(side: ReportSide, values: Mapping[str, object]) -> Comparand:
    """Return the values of one point of a series; all parameters are given, so any point of another name is its partner."""
    selection = points_at(side.found.series, side.summary.plan.rules.points or [row.point for row in side.summary.table.rows], values)
    return load_comparand(side.store, selection, place_words(values, side.summary.table.parameters))


def _of_trials(side: ReportSide, found: Sequence[ReadTrial]) -> Iterator[Difference]:
    if not found:
        return
    comparand = _comparand(side)
    for trial in found[:MOST_TRIALS]:
        try:
            partner, report = why_trial(comparand, trial.at)
        except InputError:  # there is no other trial
            continue
        yield from _told(trial.shown.key, partner.id, report)


def _why(there: Comparand, here: Comparand) -> WhyReport | None:
    try:
        return why_between(there, here)
    except InputError:  # nothing of the two meets, which the comparison says
        return None


def _told(one: str, other: str, report: WhyReport | None) -> Iterator[Difference]:
    if report is not None:
        sentences = [_sentence(each) for each in told(report)]
        yield Difference(one, other, tuple([*sentences, *undecided(report)][:MOST_SENTENCES]))


def _sentence(one: Told) -> str:
    return "; ".join(filter(None, (f"{one.sentence}{f': {one.by}' if one.by else ''}", one.others)))


def _held(trial: ReadTrial) -> int:
    path = trial.at.folder / TELEMETRY
    return path.stat().st_size if path.is_file() else 0

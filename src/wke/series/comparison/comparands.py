"""Finds the two sides of a comparison by the names that users give: series, points of a series, commits, folders with results."""

from itertools import product
from pathlib import Path

from wke.describe.names import FolderOf, GitRef, Word, parse_name
from wke.describe.plan.revisions import REVISION, Revision
from wke.errors import InputError
from wke.judge.statistics.comparison import MIN_ROUNDS
from wke.judge.summary.regression import RegressionReport
from wke.keep.store import Store
from wke.series.comparison.comparing import Comparand, compare_stored, load_comparand
from wke.series.comparison.revision import commit_of
from wke.series.folders import RESULTS
from wke.series.resolve import SeriesSelection, find_series, points_at
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a name may mean: a selection of a series in a folder with results."""

    folder: Path
    selection: SeriesSelection

    @property
    def series(self) -> str:
        """The name of the series."""
        return self.selection.series


def compare_named(baseline: str, candidate: str, threshold: float | None) -> RegressionReport:
    """Return how the values that one name means compare with those of another; raise InputError if that is impossible."""
    there, here = pair_of(baseline, candidate)
    report = compare_stored(loaded(there, baseline), loaded(here, candidate), threshold)
    rounds = [one.planned for one in report.comparisons]
    if rounds and max(rounds) < MIN_ROUNDS:
        raise InputError(
            f"a comparison needs at least {MIN_ROUNDS} rounds, and {candidate} has {max(rounds)}",
            hint="write iterations = 10 in the experiment's file, and measure it",
        )
    return report


def loaded(found: Found, name: str) -> Comparand:
    """Return the stored values that a name means."""
    with Store.open(found.folder, readonly=True) as store:
        return load_comparand(store, found.selection, name)


def pair_of(baseline: str, candidate: str) -> tuple[Found, Found]:
    """Return what two names mean together: where one may mean several series, the one that both have."""
    theirs, ours = meanings(baseline, "base"), meanings(candidate, "head")
    if len(theirs) == len(ours) == 1:
        return theirs[0], ours[0]
    pairs = [(a, b) for a, b in product(theirs, ours) if a.series == b.series]
    pairs = pairs or [(a, b) for a, b in product(theirs, ours) if _stem(a) == _stem(b)]
    if len(pairs) == 1:
        return pairs[0]
    names = [" and ".join(sorted({one.series for one in side})) for side in (theirs, ours)]
    what = f"{baseline} ({names[0]}) and {candidate} ({names[1]}) have {len(pairs) or 'no'} series in common"
    raise InputError(what, hint="name the series of one of them, as in `wke compare FOLDER SERIES`")


def _stem(found: Found) -> str:
    return found.series.partition("@")[0]


def meanings(text: str, side: str = "head") -> list[Found]:
    """Return what a name may mean; raise InputError when it means nothing.

    A folder means each of its series, a commit each series that measured it; where one is the base and the head, it is taken as `side`.
    """
    if Store.exists(RESULTS):
        with Store.open(RESULTS, readonly=True) as store:
            if text in store.plans.names():
                return [Found(RESULTS, SeriesSelection(text))]
    name = parse_name(text)
    if isinstance(name, GitRef):
        return _measured(name.ref, side)
    if isinstance(name, Word | FolderOf) and (stores := [place for place in (Path(text), Path(text) / RESULTS) if Store.exists(place)]):
        with Store.open(stores[0], readonly=True) as store:
            return [Found(stores[0], SeriesSelection(series)) for series in store.plans.names()]
    if isinstance(name, FolderOf):
        raise InputError(f"{text} has no results", hint="give a results folder, or a project that has one")
    with Store.open(RESULTS, readonly=True) as store:
        if isinstance(name, Word):
            _refuse_trial(store, text)
        return [Found(RESULTS, find_series(store, text))]


def _refuse_trial(store: Store, text: str) -> None:
    """Raise InputError if a text is the id of a trial: a trial is one round."""
    try:
        trial = store.attempts.find(text)
    except InputError:
        return
    values = ",".join(f"{name}={value}" for name, value in trial.point.items())
    what = f"{text} is one trial, and a comparison needs at least {MIN_ROUNDS} rounds"
    raise InputError(what, hint=f"compare its point: {trial.series}:{values}" if values else f"compare its series: {trial.series}")


def _measured(ref: str, side: str) -> list[Found]:
    """Return the series in results/ in which a commit was measured."""
    commit = commit_of(ref)
    if commit is None:
        raise InputError(f"git:{ref}: there is no such commit here", hint="a shallow clone: git fetch")
    found = []
    with Store.open(RESULTS, readonly=True) as store:
        for series in store.plans.names():
            points = store.plans.latest(series).rules.points
            values = {str(point.get(REVISION, "")) for point in points}
            here = sorted(value for value in values if value.partition(":")[2] == str(Revision(commit)))
            if here:
                value = next((value for value in here if value.startswith(side)), here[0])
                found.append(Found(RESULTS, points_at(series, points, {REVISION: value})))
    if not found:
        hint = f"wke measure FILE --ci --baseline {ref} measures it beside the working tree"
        raise InputError(f"git:{ref}: no series in {RESULTS} has measured commit {commit[:12]}", hint=hint)
    return found

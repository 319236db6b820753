"""Looks up names that users give (their forms: `describe/names.py`): series, points of a series, trials.

A stored series whose name has the form of another name, such as `a=b`, comes first.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.experiment.point import point_key
from wke.describe.names import FileOf, FolderOf, GitRef, GivenName, Point, PointsOf, Word, parse_name, points_with
from wke.errors import InputError, did_you_mean
from wke.keep.database.checkedconnection import storable
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt
from wke.series.folders import RESULTS
from wke.series.planned import PlannedSeries
from wke.tell.words import turn_words
from wke.values import dataclass

MOST_CANDIDATES = 10


@dataclass(frozen=True, slots=True)
class SeriesSelection:
    """A series in the store; with `keys`, only those of its points, which the values of the parameters `names` select."""

    series: str
    keys: frozenset[Hashable] | None = None
    names: frozenset[str] = field(default=frozenset(), compare=False)

    def has(self, point: Point) -> bool:
        """Return whether a point of the series is selected."""
        return self.keys is None or point_key(point) in self.keys


def select_series(store: Store, text: str | None) -> tuple[SeriesSelection, ...]:
    """Return the series that a text names, with its selected points; all series for None. Raise InputError when there is none."""
    if text is None:
        return tuple(map(SeriesSelection, store.plans.names()))
    return (find_series(store, text),)


def find_series(store: Store, text: str) -> SeriesSelection:
    """Return the series that a text names: its name, its experiment's file, or SERIES:PARAMETER=VALUE for some of its points."""
    names = store.plans.names()
    if storable(text) in names:
        return SeriesSelection(storable(text))
    name = storable(series_name(text))
    if name not in names:
        raise store.plans.unknown(name)
    kind = parse_name(text)
    if not isinstance(kind, PointsOf):
        return SeriesSelection(name)
    selected = points_with(_points(store, name), kind.values, text)
    return SeriesSelection(name, frozenset(map(point_key, selected)), frozenset(kind.values))


def points_at(series: str, points: Iterable[Point], values: Point) -> SeriesSelection:
    """Return those of a series' points that have these values."""
    selected = (point for point in points if values.keys() <= point.keys() and point_key({**point, **values}) == point_key(point))
    return SeriesSelection(series, frozenset(map(point_key, selected)), frozenset(values))


def series_name(text: str) -> str:
    """Return the name of the series in a text; raise InputError when the text names something else."""
    name = parse_name(text)
    if isinstance(name, FileOf):
        return read_experiment(name.path).name
    if isinstance(name, GitRef | FolderOf):
        noun = "a commit" if isinstance(name, GitRef) else "a folder"
        raise InputError(f"{text} is {noun}, and a series is needed here", hint="`wke results` shows all series")
    if isinstance(name, Word):
        _refuse_colon(name.text)
        return name.text
    if name.series is None:
        raise InputError(f"{text} names points, but no series", hint=f"write SERIES:{text}")
    return name.series


def experiment_file(text: str) -> Path:
    """Return the experiment file that a text names: the file itself, or a series in results/, which was measured by one."""
    name = parse_name(text)
    if isinstance(name, FileOf):
        return name.path
    series = series_name(text)
    if isinstance(name, PointsOf):
        raise InputError(f"{text} names some points, and a whole series is needed here", hint=f"write {series}")
    if not Store.exists(RESULTS):
        raise InputError(f'there are no results, so "{series}" is not known as a series', hint="give the experiment's .toml file")
    with Store.open(RESULTS, readonly=True) as store:
        return Path(store.plans.latest(series).file)


def find_trial(store: Store, text: str) -> StoredAttempt:
    """Return the attempt that counts, else the last one, at the trial that a text names.

    The text is the start of a trial's id, or SERIES:PARAMETER=VALUE if only one trial with results has these values. Raise InputError when
    it names no trial or several, which are then listed.
    """
    name = parse_name(text)
    if isinstance(name, PointsOf):
        return store.attempts.find(_only_trial(store, text))
    try:
        return store.attempts.find(text)
    except InputError:
        _refuse_series(name, store.plans.names())
        _refuse_colon(text)
        raise


def _only_trial(store: Store, text: str) -> str:
    selection = find_series(store, text)
    attempts = store.attempts.of_plan(selection.series)
    latest = {one.id: one for one in attempts if selection.has(one.point)}
    candidates = [f"{one.id} ({turn_words(one.iteration, warmup=one.warmup)}, {one.outcome})" for one in latest.values()]
    if not candidates:
        raise InputError(f"no trial has run at {text}", hint="`wke plan FILE --verbose` lists the trials")
    return _only(text, list(latest), candidates)


def find_planned(text: str, series: Sequence[PlannedSeries]) -> str | None:
    """Return the id of the planned trial that a text names; None when there is none. Raise InputError when there are several.

    The text is the start of an id, or SERIES:PARAMETER=VALUE if only one trial of the series has these values.
    """
    name = parse_name(text)
    if isinstance(name, PointsOf):
        return _only_planned(text, series_name(text), name.values, series)
    ids = [trial.id for each in series for trial in each.planned]
    found = list(dict.fromkeys(trial for trial in ids if trial.startswith(text)))
    if len(found) > 1 and text not in found:
        raise InputError(f'several trial ids start with "{text}": {", ".join(found[:MOST_CANDIDATES])}', hint="give more of the id")
    return text if text in found else found[0] if found else None


def _only_planned(text: str, name: str, values: Mapping[str, str], series: Sequence[PlannedSeries]) -> str:
    mine = [trial for each in series if each.plan.experiment.name == name for trial in each.planned]
    if not mine:
        known = [each.plan.experiment.name for each in series]
        raise InputError(f'no experiment in experiments/ has the name "{name}"', hint=did_you_mean(name, known))
    asked = set(map(point_key, points_with((trial.point for trial in mine), values, text)))
    found = [trial for trial in mine if point_key(trial.point) in asked]
    return _only(text, [one.id for one in found], [f"{one.id} ({turn_words(one.iteration, warmup=one.warmup)})" for one in found])


def _only(text: str, trials: list[str], candidates: list[str]) -> str:
    if len(trials) > 1:
        more = f" and {len(candidates) - MOST_CANDIDATES} more" if len(candidates) > MOST_CANDIDATES else ""
        raise InputError(f"{text} means {len(trials)} trials", hint=f"give one of {', '.join(candidates[:MOST_CANDIDATES])}{more}")
    return trials[0]


def _refuse_series(name: GivenName, names: Collection[str]) -> None:
    """Raise InputError for a name of a series where a trial is needed."""
    if isinstance(name, Word) and name.text in names:
        hint = f"give a trial of it: {name.text}:PARAMETER=VALUE, or an id (`wke results {name.text} --trials` lists them)"
        raise InputError(f'"{name.text}" is a series, not a trial', hint=hint)


def _refuse_colon(word: str) -> None:
    series, colon, rest = word.partition(":")
    if colon:
        raise InputError(
            f"{word}: {rest or 'nothing'} is not PARAMETER=VALUE", hint=f"write {series}:rate=100, or {series}:rate=100,engine=old"
        )


def _points(store: Store, series: str) -> list[Point]:
    """Return the points of a series as far as they are known: those of its plan and those that have been tried."""
    return [*store.plans.latest(series).rules.points, *(trial.point for trial in store.plans.trials(series))]

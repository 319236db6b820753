"""Versions of software in a series: what all trials ran on, and where machines or rounds differ."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

from wke.describe.experiment.point import point_key
from wke.keep.trials.versions import Version
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class TrialVersions:
    """What the machines of a trial said, in running order of the trials, and the classes of its machines."""

    trial: str
    point: Mapping[str, object]
    classes: Mapping[str, Sequence[str]]
    versions: Sequence[Version]


@dataclass(frozen=True, slots=True)
class VersionUse:
    """What all machines said of the software `name`, in all trials: one text where nothing differs. `problems` are machines without one."""

    name: str
    said: tuple[str, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """What machines of a class said at one time (`among` "machines"), or one machine in different rounds of a point (`among` "rounds").

    `said` maps each text to the machines, or to the trials, of which the first is named. `of` is the class, "" for machines without one,
    or the machine.
    """

    name: str
    among: str
    of: str
    said: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class VersionReport:
    """The versions that a series ran on; `differences` has each one once, as it was seen first."""

    used: tuple[VersionUse, ...] = ()
    differences: tuple[VersionDifference, ...] = ()


def version_report(trials: Sequence[TrialVersions]) -> VersionReport:
    """Return what the trials of a series say about versions. Different points may have different versions on purpose."""
    said: dict[str, dict[str, None]] = {}
    problems: dict[str, dict[str, None]] = {}
    for version in (each for trial in trials for each in trial.versions):
        known = said.setdefault(version.name, {})
        if version.problem:
            problems.setdefault(version.name, {})[version.machine] = None
        else:
            known[version.said] = None
    used = tuple(VersionUse(name, tuple(texts), tuple(problems.get(name, ()))) for name, texts in said.items())
    return VersionReport(used, (*_among_machines(trials), *_among_rounds(trials)))


def _among_machines(trials: Iterable[TrialVersions]) -> list[VersionDifference]:
    found: dict[tuple[str, str], VersionDifference] = {}
    for trial in trials:
        groups: dict[tuple[str, str], dict[str, list[str]]] = {}
        for version in trial.versions:
            for one in (trial.classes.get(version.machine) or ("",)) if not version.problem else ():
                groups.setdefault((version.name, one), {}).setdefault(version.said, []).append(version.machine)
        for (name, one), texts in groups.items():
            if len(texts) > 1:
                machines = {text: tuple(names) for text, names in texts.items()}
                found.setdefault((name, one), VersionDifference(name, "machines", one, machines))
    return list(found.values())


def _among_rounds(trials: Iterable[TrialVersions]) -> list[VersionDifference]:
    seen: dict[tuple[str, str, Hashable], dict[str, list[str]]] = {}
    for trial in trials:
        for version in trial.versions:
            if not version.problem:
                place = version.name, version.machine, point_key(trial.point)
                seen.setdefault(place, {}).setdefault(version.said, []).append(trial.trial)
    found: dict[tuple[str, str], VersionDifference] = {}
    for (name, machine, _), texts in seen.items():
        if len(texts) > 1:
            rounds = {text: tuple(ids) for text, ids in texts.items()}
            found.setdefault((name, machine), VersionDifference(name, "rounds", machine, rounds))
    return list(found.values())

"""The history of trials: all attempts at them, read from the store once for everything that is said of a series."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from wke.keep.trials.trials import Invalid, PlannedTrial, StoredAttempt, counting_attempts
from wke.keep.trials.units import Units, in_units
from wke.records import OutcomeKind
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class SeriesUnits:
    """The unit of each metric of a series: the `declared` one, else that of its `first` stored value."""

    first: Units
    declared: Units

    def of(self, attempts: Sequence[StoredAttempt], *, refuse: bool) -> tuple[StoredAttempt, ...]:
        """Return attempts with their values in these units; those that cannot be converted raise InputError, or are left out."""
        return in_units(attempts, self.first, declared=self.declared, refuse=refuse)


@dataclass(frozen=True, slots=True)
class History:
    """All `attempts` at trials, by trial and number, as they were measured.

    `counting` maps each trial to its attempt that is ok, else the last one, on machines that have not changed. `accepted` maps trials
    without such a result to attempts at other trials that count there, because a user accepted that.
    """

    attempts: tuple[StoredAttempt, ...]
    counting: Mapping[str, StoredAttempt]
    accepted: Mapping[str, StoredAttempt]

    @property
    def results(self) -> dict[str, StoredAttempt]:
        """The attempt that counts at each trial that has one: it is ok, and its machines are what they were."""
        return {trial: one for trial, one in self.counting.items() if one.ok} | dict(self.accepted)

    @property
    def invalid(self) -> dict[str, Invalid]:
        """The trials that were invalid on these machines and have no ok attempt there."""
        outcomes: dict[str, list[str]] = {one.id: [] for one in self.attempts if one.outcome == OutcomeKind.INVALID}
        for one in self.attempts if outcomes else ():
            if one.id in outcomes and not one.changes:
                outcomes[one.id].append(one.outcome)
        mine = {trial: seen for trial, seen in outcomes.items() if "invalid" in seen and "ok" not in seen}
        return {trial: Invalid(seen.count("invalid"), seen[-1] == "invalid") for trial, seen in mine.items()}

    def one_per_trial(self, series: str, planned: Sequence[PlannedTrial]) -> tuple[StoredAttempt, ...]:
        """Return one attempt for each of these trials that was begun, in their order, as one of this series."""
        found = {**self.counting, **self.accepted}
        return tuple(_at(found[entry.id], series, entry) for entry in planned if entry.id in found)

    def of_plan(self, series: str, planned: Sequence[PlannedTrial]) -> tuple[StoredAttempt, ...]:
        """Return all attempts, in the order of these trials, as those of this series."""
        by_trial: dict[str, list[StoredAttempt]] = {}
        for one in self.attempts:
            by_trial.setdefault(one.id, []).append(one)
        return tuple(_all_of(by_trial, series, planned))


def counting(attempts: Sequence[StoredAttempt]) -> dict[str, StoredAttempt]:
    """Return, by trial, the attempts that count: those on machines that have changed do not."""
    return {one.id: one for one in counting_attempts(each for each in attempts if not each.changes)}


def _all_of(by_trial: Mapping[str, list[StoredAttempt]], series: str, planned: Sequence[PlannedTrial]) -> Iterator[StoredAttempt]:
    for entry in planned:
        for one in by_trial.get(entry.id, ()):
            same = (one.series, one.iteration, one.warmup) == (series, entry.iteration, entry.warmup)
            yield one if same else replace(one, series=series, iteration=entry.iteration, warmup=entry.warmup)


def _at(one: StoredAttempt, series: str, entry: PlannedTrial) -> StoredAttempt:
    same = one.point is entry.point and (one.series, one.iteration, one.warmup) == (series, entry.iteration, entry.warmup)
    return one if same else replace(one, series=series, point=entry.point, iteration=entry.iteration, warmup=entry.warmup)

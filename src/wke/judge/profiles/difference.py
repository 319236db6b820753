"""The difference of two profiles, as shares of their samples: profiles differ in length and load, so their numbers do not compare."""

import math

from wke.judge.profiles.stacks import Profile, functions
from wke.values import dataclass

CERTAIN = 3.5
"""A difference of shares is told if it is so many times its standard error: of two thousand equal functions, chance names one."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Samples out of `total` here, and `other` out of `other_total` there."""

    samples: int
    total: int
    other: int
    other_total: int

    @property
    def share(self) -> float:
        """The share here."""
        return self.samples / self.total if self.total else 0.0

    @property
    def other_share(self) -> float:
        """The share there."""
        return self.other / self.other_total if self.other_total else 0.0

    @property
    def gain(self) -> float:
        """By how much the share is larger here."""
        return self.share - self.other_share

    @property
    def is_certain(self) -> bool:
        """Whether the shares differ by more than samples that fell by chance explain (a pooled test of two proportions).

        Whether two trials of one system differ as much, only more trials can tell.
        """
        if not self.total or not self.other_total:
            return False
        pooled = (self.samples + self.other) / (self.total + self.other_total)
        error = math.sqrt(pooled * (1 - pooled) * (1 / self.total + 1 / self.other_total))
        return abs(self.gain) > CERTAIN * error

    @property
    def strength(self) -> float:
        """How different the shares are, from -1 (only there) to 1 (only here); 0 if that is not certain."""
        return self.gain / (self.share + self.other_share) if self.is_certain else 0.0


@dataclass(frozen=True, slots=True)
class FunctionChange:
    """How the own samples of a function, and those in it or in what it called, differ between two profiles."""

    name: str
    own: Shares
    total: Shares


def changes(profile: Profile, against: Profile) -> tuple[FunctionChange, ...]:
    """Return how all functions differ: first those whose own shares certainly do, then those that only with their calls do."""
    here, there = ({one.name: one for one in functions(each)} for each in (profile, against))
    sums = profile.total, against.total
    found = []
    for name in here | there:
        own = [side[name].own if name in side else 0 for side in (here, there)]
        total = [side[name].total if name in side else 0 for side in (here, there)]
        found.append(FunctionChange(name, Shares(own[0], sums[0], own[1], sums[1]), Shares(total[0], sums[0], total[1], sums[1])))
    return tuple(sorted(found, key=_rank))


def _rank(one: FunctionChange) -> tuple[int, float, str]:
    if one.own.is_certain:
        return 0, -abs(one.own.gain), one.name
    return (1 if one.total.is_certain else 2), -abs(one.total.gain), one.name

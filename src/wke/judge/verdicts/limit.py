"""The rule of the limit: what the trial used up, so that more load or another system would be limited by it, too.

That is a finding, not a fault: the trial counts. A resource that is used up need not be the only limit, and one that is not watched may be
the limit although nothing is used up; both are told. Whether it is the limit shows a trial in which there is more of it.
"""

from collections.abc import Sequence
from enum import StrEnum

from wke.describe.experiment.verdictfile import LimitRule
from wke.judge.verdicts.ruling import Missing, Ruling, unknown
from wke.keep.trials.judgements import Level
from wke.values import dataclass

MOST_NAMED = 3


class Resource(StrEnum):
    """What can be used up: its share is that which was used on average, or the share of the time in which it was busy or waited for."""

    PROCESSORS = "processors"
    THREADS = "threads"
    ONE_THREAD = "one thread"
    MEMORY = "memory"
    DISK = "disk"
    DISK_WAIT = "waiting for disks"
    WRITING = "disk rate"


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a resource was used at a `place`: of so many processors, threads or bytes per second as `size` says, if that is known.

    For a computer that carries emulated machines, `ours` is the part of the share that these used.
    """

    place: str
    resource: Resource
    share: float
    size: float = 0.0
    ours: float | None = None


def judge_limit(shares: Sequence[Share], rule: LimitRule) -> Ruling:
    """Return which resources were used up, the fullest of each kind first with how many others were; else which one came closest."""
    if not shares:
        return unknown(Missing.TELEMETRY)
    fullest = sorted(shares, key=lambda one: -one.share)
    full = [one for one in fullest if one.share > (rule.memory if one.resource is Resource.MEMORY else rule.full)]
    if not full:
        return Ruling(Level.FINDING, _numbers(fullest[0]) | {"full": 0.0}, fullest[0].place)
    kinds: dict[tuple[Resource, float], list[Share]] = {}
    for one in full:
        kinds.setdefault((one.resource, one.size), []).append(one)
    parts = [Ruling(Level.FINDING, _numbers(first), first.place, len(others)) for first, *others in kinds.values()]
    return Ruling(Level.FINDING, {f"{one.place}: {one.resource}": one.share for one in full}, full[0].place, parts=parts[:MOST_NAMED])


def _numbers(one: Share) -> dict[str, float]:
    return {one.resource.value: one.share, "size": one.size, **({} if one.ours is None else {"ours": one.ours})}

"""The report of what differs between two results."""

from collections.abc import Mapping

from wke.judge.why.facts import Parameters
from wke.judge.why.ranking import Ranking
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class WhyReport:
    """What differs between the `candidate` and the `baseline`, by their names as a user gave them.

    `short` is how sentences refer to the baseline, with its preposition. `asked` are the parameters in which they differ on purpose. The
    two were measured `together` if they share rounds. `pairs` counts the pairs of trials, of `rounds` rounds; of `with_telemetry` pairs
    both trials have telemetry. `scripts` maps digests to texts, as far as these are kept. `doubts` are suspect trials
    and what the sides used up, `lacks` what is not known, in sentences.
    """

    baseline: str
    candidate: str
    short: str
    asked: Parameters
    together: bool
    pairs: int
    rounds: int
    with_telemetry: int
    ranking: Ranking
    scripts: Mapping[str, str]
    doubts: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

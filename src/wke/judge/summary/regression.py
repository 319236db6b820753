"""The report of a comparison: whether a series has become worse than what it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wke.judge.statistics.comparison import Comparison, Verdict


@dataclass(frozen=True, slots=True)
class RegressionReport:
    """A comparison of a series with something else.

    `facts` are lines about how it was measured, `doubts` are what readers should know of a baseline that was measured at another time.
    """

    title: str
    parameters: Sequence[str]
    comparisons: Sequence[Comparison]
    facts: Mapping[str, str]
    machines: Mapping[str, Mapping[str, str]]
    doubts: Sequence[str] = ()

    @property
    def confirmed(self) -> int:
        """How many regressions are confirmed."""
        return sum(one.confirmed for one in self.comparisons)

    @property
    def suggested(self) -> int:
        """How many regressions a stored baseline suggests."""
        return sum(one.verdict is Verdict.WORSE and not one.confirmed for one in self.comparisons)

    @property
    def undecided(self) -> bool:
        """Tell whether a regression may be hidden: rounds are missing, a stored baseline suggests one, or nothing was compared."""
        incomplete = any(one.incomplete and one.verdict is not Verdict.UNJUDGED for one in self.comparisons)
        return incomplete or self.suggested > 0 or not self.comparisons

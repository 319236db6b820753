"""The report of a comparison: whether a series has become worse than what it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wke.judge.statistics.regression import Judged, Verdict


@dataclass(frozen=True, slots=True)
class RegressionReport:
    """A comparison of a series with something else.

    `facts` are lines about how it was measured, `doubts` are reasons why nothing can be confirmed. `uncompared` is the number of points
    that could not be compared; `missing` has a line for each of the first ones.
    """

    title: str
    threshold: float
    parameters: Sequence[str]
    judged: Sequence[Judged]
    facts: Mapping[str, str]
    machines: Mapping[str, Mapping[str, str]]
    missing: Sequence[str] = ()
    uncompared: int = 0
    doubts: Sequence[str] = ()

    @property
    def confirmed(self) -> int:
        """How many regressions are confirmed."""
        return 0 if self.doubts else sum(one.verdict is Verdict.WORSE for one in self.judged)

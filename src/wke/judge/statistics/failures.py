"""Failed trials of two points: Fisher's exact test, one-sided, that the candidate fails more often than the baseline.

Only the first attempt at a trial counts: to repeat what failed until it succeeds would hide that it fails. Few failures cannot be
significant whatever their distribution. Such a test is not in the family (Tarone 1990) and costs the other comparisons nothing.
"""

from math import comb

from wke.judge.statistics.family import LEVEL
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Failures:
    """First attempts: `failed` of `tried` for the candidate, `baseline_failed` of `baseline_tried` for the baseline."""

    failed: int
    tried: int
    baseline_failed: int
    baseline_tried: int

    @property
    def p(self) -> float:
        """The chance that the candidate has this many of all failures or more, if it fails as often as the baseline."""
        return self._chance(self.failed)

    def testable(self, level: float = LEVEL) -> bool:
        """Tell whether so many failures could be significant at all."""
        return self._chance(min(self.failed + self.baseline_failed, self.tried)) <= level

    def _chance(self, failed: int) -> float:
        total = self.failed + self.baseline_failed
        ways = sum(comb(self.tried, k) * comb(self.baseline_tried, total - k) for k in range(failed, min(total, self.tried) + 1))
        return ways / comb(self.tried + self.baseline_tried, total)

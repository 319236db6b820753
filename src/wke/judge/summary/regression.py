"""The report of a comparison: whether one set of stored values has become worse than another."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from wke.judge.statistics.comparison import Comparison, Verdict
from wke.values import dataclass

Point = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Compared:
    """One side of a comparison: its `name` as the user gave it, the series, and the results folder if it is not the project's own.

    `commit` is there if the side is a revision, `changed` tells whether that had uncommitted changes.
    """

    name: str
    series: str
    folder: str = ""
    commit: str = ""
    changed: bool = False


@dataclass(frozen=True, slots=True)
class RegressionReport:
    """A comparison of the `candidate` with the `baseline`. `title` says what was measured.

    With `stored`, the two were measured at different times; `drift` then has how each machine differs, None where that is not known.
    `alone` are points of the candidate that the baseline does not have. The steps of the baseline are `borrowed` if it has none of its own.
    `ok` and `not_ok` count trials.
    """

    title: str
    baseline: Compared
    candidate: Compared
    parameters: Sequence[str]
    comparisons: Sequence[Comparison]
    stored: bool = False
    borrowed: bool = False
    alone: Sequence[Point] = ()
    drift: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    machines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ok: int = 0
    not_ok: int = 0
    seed: int | None = None
    wke: str = ""

    @property
    def judged(self) -> Sequence[Comparison]:
        """The comparisons that have a verdict: those whose metric says which way is better, and failed trials."""
        return [one for one in self.comparisons if one.verdict is not Verdict.UNJUDGED]

    @property
    def confirmed(self) -> int:
        """How many regressions are confirmed."""
        return sum(one.confirmed for one in self.comparisons)

    @property
    def suggested(self) -> int:
        """How many regressions values of different times suggest."""
        return sum(one.verdict is Verdict.WORSE and not one.confirmed for one in self.comparisons)

    @property
    def incomplete(self) -> bool:
        """Tell whether a regression may be hidden: values are missing, or cannot decide by what they are."""
        hidden = any(one.incomplete or one.fails_more for one in self.judged)
        return hidden or self.suggested > 0 or bool(self.alone) or not self.judged

    @property
    def inconclusive(self) -> bool:
        """Tell whether a comparison with all of its values shows neither a difference nor that there is none."""
        return any(one.verdict is Verdict.INCONCLUSIVE for one in self.judged)

"""What a report page shows, as plain values: `series` fills them, `page` draws them, and nothing in between computes anything."""

from collections.abc import Mapping, Sequence

from wke.documents import Json
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Centre:
    """The summary of a metric at a point, with its 95 % interval where there is one, and the number of trials."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class ShownMetric:
    """A metric: its name in the store, its unit, and whether `higher` or `lower` is better (None: not said)."""

    name: str
    unit: str
    better: str | None = None


@dataclass(frozen=True, slots=True)
class Headline:
    """One result: a ratio or value in short, its interval, a sentence, and a line on how it was found.

    `ratio` is (centre, low, high) where the result is a ratio, so that headlines share one axis.
    """

    figure: str
    sentence: str
    detail: str
    interval: str = ""
    ratio: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of output: seconds since the trial began (None: unknown), target, machine, stream (1 or 2) and text."""

    at_s: float | None
    target: str
    machine: str
    stream: int
    text: str


@dataclass(frozen=True, slots=True)
class ShownTask:
    """One task: its step, target, machine, outcome in words, and seconds since the trial began (None: unknown)."""

    step: int
    target: str
    machine: str
    outcome: str
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule says of a trial: its name, its level (`ok`, `suspect`, `invalid` or `unknown`), and its evidence."""

    rule: str
    level: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """One attempt at a trial. `key` is unique in the page: the id, with `.N` behind it for attempts other than the one that counts.

    `series` is an index into `Report.series`; `point` one into `Report.points`, or None; `place` the place in the order of execution
    of its series, from 1. `deviations` say per metric by which share a value differs from its point's centre; `outlying` names metrics
    whose value is marked as an outlier. `verdict` is `ok`, `suspect`, `invalid` or `unknown`, and `outcome` is in words.
    """

    key: str
    id: str
    attempt: int
    series: int
    point: int | None
    round: int | None
    place: int | None
    metrics: Mapping[str, float]
    deviations: Mapping[str, float]
    outlying: Sequence[str]
    counts: bool
    verdict: str
    outcome: str
    began: str
    lasted_s: float | None
    judgements: Sequence[Judged] = ()
    lines: Sequence[LogLine] = ()
    tasks: Sequence[ShownTask] = ()
    notes: Sequence[str] = ()
    folder: str = ""
    commands: Sequence[str] = ()
    telemetry: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class ShownPoint:
    """One point of a series: its parameters in the order of `Report.parameters`, as texts and as numbers, and its metrics."""

    series: int
    values: Sequence[str]
    numbers: Sequence[float | None]
    metrics: Mapping[str, Centre]
    verdicts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RecordedShares:
    """The recorded values of a metric at a point: which share of them, in ascending order, 0 < share < 1, is at or below each of `values`.

    `lows` and `highs` are the ends of the 95 % interval of each value, None for one that is not known; both are empty if none is known.
    """

    point: int
    metric: str
    shares: Sequence[float]
    values: Sequence[float]
    lows: Sequence[float | None] = ()
    highs: Sequence[float | None] = ()


@dataclass(frozen=True, slots=True)
class ShownComparison:
    """A comparison of a point or series with its baseline: the ratio with its interval, the verdict's word, and the pairs of rounds."""

    name: str
    metric: str
    ratio: float | None
    low: float | None
    high: float | None
    verdict: str
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two trials (by key) or two series (by name): sentences, the strongest first."""

    one: str
    other: str
    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class FailureCause:
    """One cause of failed or rejected attempts: what happened, its evidence, the keys of its attempts, and the last lines of one."""

    title: str
    evidence: str
    trials: Sequence[str]
    lines: Sequence[LogLine]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts below a caption; columns whose name is in `numeric` are aligned to the right."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    numeric: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report page shows. Texts are plain: the page escapes them and shows control characters as such.

    `commands` have the command that reproduces a figure or table by `KIND:METRIC` (`lines`, `percentiles`, `cdf`), `order:METRIC:SERIES`
    (an index) or `compare:`. `facts` and `disclosure` are terms with texts. `left_out` says what this file does not hold and how to see it.
    """

    title: str
    description: str
    measured: str
    series: Sequence[str]
    parameters: Sequence[str]
    metrics: Sequence[ShownMetric]
    headlines: Sequence[Headline]
    doubts: Sequence[str]
    points: Sequence[ShownPoint]
    trials: Sequence[ShownTrial]
    distributions: Sequence[RecordedShares]
    comparisons: Sequence[ShownComparison]
    baseline: str
    differences: Sequence[Difference]
    failures: Sequence[FailureCause]
    facts: Sequence[tuple[str, Sequence[str]]]
    machines: Sequence[Grid]
    disclosure: Sequence[tuple[str, Sequence[str]]]
    left_out: Sequence[str]
    commands: Mapping[str, str]
    reproduce: Sequence[str]
    version: str
    fixed: Sequence[tuple[str, str]] = ()
    interval_words: str = ""

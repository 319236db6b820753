"""The table of a series: one row for each point with a summary of each metric, and how all points compare with the baseline."""

from collections.abc import Mapping, Sequence

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key, value_key
from wke.judge.policies.fixed import Fixed
from wke.judge.policies.policy import Policy
from wke.judge.policies.precision import Precision
from wke.judge.statistics.comparison import Comparison, Question
from wke.judge.statistics.looks import conclude
from wke.judge.statistics.statistics import Summary
from wke.judge.statistics.summaries import by_point, metric_units, point_summaries
from wke.keep.trials.trials import INTERRUPTED, RUNNING, StoredAttempt, counting_attempts
from wke.records import OutcomeKind
from wke.values import dataclass

Point = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PointRow:
    """One point: `n` trials count, `broken` of them show a broken system, `suspect` of them are marked; others `failed` or are `invalid`.

    `summaries` are those of the metrics that have a value. `precision` is there if the series has a target precision.
    """

    point: Point
    n: int
    failed: int
    invalid: int
    summaries: Mapping[str, Summary]
    precision: Precision | None = None
    broken: int = 0
    suspect: int = 0


@dataclass(frozen=True, slots=True)
class PointTable:
    """The rows of a series. `parameters` are those that vary; `units` maps each metric to its unit; warm-ups are left out.

    `wanted` is the target precision, if the series has one. `metrics` are those that the experiment declares; with `closed` its load is a
    closed loop.
    """

    parameters: tuple[str, ...]
    units: Mapping[str, str]
    rows: tuple[PointRow, ...]
    comparisons: tuple[Comparison, ...] = ()
    wanted: float | None = None
    metrics: tuple[Metric, ...] = ()
    closed: bool = False


def point_table(
    trials: Sequence[StoredAttempt],
    metrics: Sequence[Metric] = (),
    points: Sequence[Point] = (),
    policy: Policy | None = None,
    question: Question | None = None,
    *,
    attempts: Sequence[StoredAttempt] = (),
    closed: bool = False,
) -> PointTable:
    """Return the table of `trials` (attempts of one trial count once): declared metrics first, then others that tasks reported.

    Rows are in the order of `points`, or else of the parameters' values. Points without a trial have a row too, unless the `policy` of the
    series (by default a fixed one) leaves them out. With a `question`, all points are compared with the baseline's; `attempts` are all
    attempts, the first of which at each trial tells whether it fails.
    """
    policy = policy or Fixed()
    counting = counting_attempts(trials)
    counted = [trial for trial in policy.counted(counting) if not trial.warmup]
    compared = [trial for trial in policy.compared(counting) if not trial.warmup]
    known = points or sorted_points(counted)
    visited = policy.visited(known, trials)
    units = metric_units(counted, metrics)
    summaries, trials_at = point_summaries(counted, metrics, units), by_point(counted)
    precise = policy.precisions(visited, compared)
    rows = [
        _row(point, trials_at.get(point_key(point), ()), summaries.get(point_key(point), {}), precision)
        for point, precision in zip(visited, precise or [None] * len(visited), strict=True)
    ]
    comparisons = conclude(compared, metrics, visited, question, policy.compared(attempts)) if question else ()
    wanted = precise[0].wanted if precise else None
    return PointTable(varied((*known, *visited)), units, tuple(rows), comparisons, wanted, tuple(metrics), closed)


def varied(points: Sequence[Point]) -> tuple[str, ...]:
    """Return the parameters that differ between points, in the order in which the points name them."""
    names = dict.fromkeys(name for point in points for name in point)
    return tuple(name for name in names if len({value_key(point.get(name)) for point in points}) > 1)


def sorted_points(trials: Sequence[StoredAttempt]) -> list[Point]:
    """Return the distinct points of `trials`, the last parameter varying fastest; numbers come before words."""
    points = {point_key(trial.point): trial.point for trial in trials}
    return sorted(points.values(), key=lambda point: [value_order(value) for value in point.values()])


def value_order(value: object) -> tuple[int, float, str]:
    """Return a key that sorts the values of any parameter: numbers by size, then words by alphabet; only the same values are level."""
    return (0, float(value), type(value).__name__) if isinstance(value, int | float) else (1, 0.0, str(value))


def _row(point: Point, trials: Sequence[StoredAttempt], summaries: Mapping[str, Summary], precision: Precision | None) -> PointRow:
    invalid = sum(trial.outcome == OutcomeKind.INVALID for trial in trials)
    failed = sum(not trial.ok and trial.outcome not in {INTERRUPTED, RUNNING} for trial in trials) - invalid
    broken = sum(trial.broken for trial in trials)
    suspect = sum(trial.suspect for trial in trials)
    return PointRow(point, sum(trial.ok for trial in trials), failed, invalid, summaries, precision, broken, suspect)

"""Results as a table: one row a point, each metric's summary over the point's trials. A value; others render it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import value_text
from wke.judge.policies.fixed import Fixed
from wke.judge.policies.policy import Policy
from wke.judge.policies.precision import Precision
from wke.judge.statistics.comparison import Comparison, compare
from wke.judge.statistics.statistics import Summary
from wke.judge.statistics.summaries import by_point, metric_units, point_key, point_summaries
from wke.keep.trials.trials import INTERRUPTED, RUNNING, StoredAttempt, counting_attempts
from wke.records import OutcomeKind
from wke.tell.precision import share_text, shares_text

Point = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One point: `n` trials that count, `failed` that failed, `invalid` that do not count; a metric that none shows has no summary.

    `precise` is there in a series that runs until it is precise.
    """

    point: Point
    n: int
    failed: int
    summaries: Mapping[str, Summary]
    precise: Precision | None = None
    invalid: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """`parameters` are those that vary, `metrics` maps each metric's name to its unit; warm-ups are left out.

    `wanted` is the precision that every point should have, if the series has one.
    """

    parameters: tuple[str, ...]
    metrics: Mapping[str, str]
    rows: tuple[Row, ...]
    wanted: float | None = None
    comparisons: tuple[Comparison, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """The titles of `cells`, with units."""
        return (
            *self.parameters,
            "n",
            *(titled(name, unit) for name, unit in self.metrics.items()),
            *((f"within {share_text(self.wanted)}",) if self.wanted is not None else ()),
            *(("failed",) if self._any_failed else ()),
            *(("invalid",) if self._any_invalid else ()),
        )

    @property
    def cells(self) -> tuple[tuple[str, ...], ...]:
        """The rows as text; the columns of failed and invalid trials are there when there are any."""
        return tuple(
            (
                *(_shown(row.point.get(name)) for name in self.parameters),
                str(row.n),
                *(interval(row.summaries[name]) if name in row.summaries else "–" for name in self.metrics),
                *((_reached(row.precise),) if row.precise else ()),
                *((str(row.failed),) if self._any_failed else ()),
                *((str(row.invalid),) if self._any_invalid else ()),
            )
            for row in self.rows
        )

    @property
    def _any_failed(self) -> bool:
        return any(row.failed for row in self.rows)

    @property
    def _any_invalid(self) -> bool:
        return any(row.invalid for row in self.rows)


def results_table(
    trials: Sequence[StoredAttempt],
    metrics: Sequence[Metric] = (),
    points: Sequence[Point] = (),
    policy: Policy | None = None,
    baseline: Point | None = None,
    *,
    threshold: float = 0.0,
) -> Table:
    """Return the summaries of `trials` (attempts of one trial count once): declared metrics first, then those that tasks reported besides.

    Rows come in the order of `points`, or else of the parameters' values. Points at which nothing ran have a row too, unless the `policy`
    of the series (by default a fixed one) leaves them out; it also decides whether rows say how precise they are. With a `baseline`, all
    points are compared with it, and differences up to the `threshold` do not count.
    """
    counted = [trial for trial in counting_attempts(trials) if not trial.warmup]
    policy = policy or Fixed()
    points = policy.visited(points or sorted_points(counted), trials)
    units = metric_units(counted, metrics)
    summaries, trials_at = point_summaries(counted, metrics, units), by_point(counted)
    precise = policy.precisions(points, counted)
    rows = []
    for point, precision in zip(points, precise or [None] * len(points), strict=True):
        here = trials_at.get(point_key(point), [])
        invalid = sum(t.outcome == OutcomeKind.INVALID for t in here)
        failed = sum(not t.ok and t.outcome not in {INTERRUPTED, RUNNING} for t in here) - invalid
        rows.append(Row(point, sum(t.ok for t in here), failed, summaries.get(point_key(point), {}), precision, invalid))
    comparisons = compare(counted, tuple(units), points, baseline, threshold) if baseline else ()
    return Table(varied(points), units, tuple(rows), precise[0].wanted if precise else None, comparisons)


def to_json(table: Table) -> dict[str, object]:
    """Return the table as values that `json.dumps` takes, numbers unrounded."""
    return {
        "parameters": list(table.parameters),
        "metrics": [{"name": name, "unit": unit} for name, unit in table.metrics.items()],
        "rows": [
            {
                "point": dict(row.point),
                "n": row.n,
                "failed": row.failed,
                "invalid": row.invalid,
                "summaries": {
                    name: {"n": s.n, "kind": s.kind, "centre": s.centre, "low": s.low, "high": s.high, "confidence": s.confidence}
                    for name, s in row.summaries.items()
                },
                **precision_json(row.precise),
            }
            for row in table.rows
        ],
    }


def precision_json(precise: Precision | None) -> dict[str, object]:
    """Return how precise a point is as values that `json.dumps` takes; nothing when no precision is wanted."""
    if precise is None:
        return {}
    shares = {name: share if share is None or math.isfinite(share) else None for name, share in precise.shares.items()}
    return {"precision": {"wanted": precise.wanted, "reached": precise.enough, "shares": shares}}


def _reached(precise: Precision) -> str:
    return f"{'reached' if precise.enough else 'not reached'}: {shares_text(precise)}"


def varied(points: Sequence[Point]) -> tuple[str, ...]:
    """Return the parameters that differ between points, in the order in which the points name them."""
    names = dict.fromkeys(name for point in points for name in point)
    return tuple(name for name in names if any(point.get(name) != points[0].get(name) for point in points))


def sorted_points(trials: Sequence[StoredAttempt]) -> list[Point]:
    """Return the distinct points of `trials`, the last parameter varying fastest; numbers come before words."""
    points = {repr(dict(trial.point)): trial.point for trial in trials}
    return sorted(points.values(), key=lambda point: [value_order(value) for value in point.values()])


def value_order(value: object) -> tuple[int, float, str]:
    """Return a key that sorts any parameter's values: numbers by size, then words by alphabet."""
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value))


def titled(name: str, unit: str) -> str:
    """Return a metric's name with its unit."""
    return f"{name} ({unit})" if unit else name


def interval(summary: Summary) -> str:
    """Return "centre ± half-width", or "centre [low, high]" where the interval leans to one side, or the centre alone.

    The interval decides how many digits mean something: two of its half-width; without one, four of the centre. A centre that is small
    beside its leaning interval keeps two digits of its own.
    """
    half = summary.half_width
    if half is None or summary.low is None or summary.high is None:
        return number(summary.centre, _decimals(summary.centre, 4))
    decimals = _decimals(half, 2) if half else _decimals(summary.centre, 4)
    if summary.kind == "mean":
        return f"{number(summary.centre, decimals)} ± {number(half, decimals)}"
    decimals = max(decimals, _decimals(summary.centre, 2))
    return f"{number(summary.centre, decimals)} [{number(summary.low, decimals)}, {number(summary.high, decimals)}]"


def number(value: float, decimals: int) -> str:
    """Return `value` rounded to so many decimals, to tens or hundreds where `decimals` is negative."""
    size = max(abs(value), 10.0**-decimals)
    if 1e-6 <= size < 1e12 or value == 0:
        return f"{round(value, decimals) + 0.0:.{max(decimals, 0)}f}"
    return f"{value:.{max(0, decimals + math.floor(math.log10(size)))}e}"


def _shown(value: object) -> str:
    """Return a parameter's value as the experiment file writes it; nothing where a point does not set it."""
    return value_text(value) if isinstance(value, bool | int | float | str) else ""


def _decimals(value: float, significant: int) -> int:
    """Return how many decimals show so many significant digits of `value`."""
    return significant - 1 - math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0

"""The points of a page: those of all series at which something ran, with their metrics, and how recorded values are distributed there."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.expression.units import convert
from wke.judge.statistics.latency import fewest
from wke.judge.statistics.summaries import by_point
from wke.judge.statistics.tails import pool_of, summary_of
from wke.judge.summary.pointtable import Point, PointRow, varied
from wke.series.report.sides import ReportSide
from wke.series.report.trials import ReadTrial
from wke.tell.page.values import Centre, RecordedShares, ShownMetric, ShownPoint
from wke.tell.tables import shown
from wke.values import dataclass

PER_DECADE, DECADES = 24, 6
LOW_SHARES = (0.01, 0.02, 0.05)


@dataclass(frozen=True, slots=True)
class PagePoints:
    """The points that a page shows, with the index of the side of each; `parameters` are those that differ between them."""

    rows: tuple[tuple[int, PointRow], ...]
    parameters: tuple[str, ...]

    @classmethod
    def of(cls, sides: Sequence[ReportSide]) -> "PagePoints":
        """Return the points of all sides at which a trial has ended."""
        rows = tuple(
            (index, row) for index, side in enumerate(sides) for row in side.summary.table.rows if row.n or row.failed or row.invalid
        )
        return cls(rows, varied([row.point for _, row in rows]))

    @property
    def places(self) -> dict[tuple[int, object], int]:
        """The index of each point, by side and key."""
        return {(side, point_key(row.point)): index for index, (side, row) in enumerate(self.rows)}

    @property
    def fixed(self) -> tuple[tuple[str, str], ...]:
        """The parameters that are the same at all points."""
        first: Point = self.rows[0][1].point if self.rows else {}
        return tuple((name, shown(value)) for name, value in first.items() if name not in self.parameters)


def shown_points(points: PagePoints, trials: Sequence[ReadTrial]) -> tuple[ShownPoint, ...]:
    """Return the points with the verdicts of their attempts."""
    verdicts = [Counter[str]() for _ in points.rows]
    for trial in trials:
        if trial.shown.point is not None and not trial.at.warmup:
            verdicts[trial.shown.point][trial.shown.verdict] += 1
    return tuple(
        ShownPoint(
            series=side,
            values=tuple(shown(row.point.get(name)) for name in points.parameters),
            numbers=tuple(_number(row.point.get(name)) for name in points.parameters),
            metrics={
                name: Centre(one.centre, one.low, one.high, one.n) for name, one in row.summaries.items() if math.isfinite(one.centre)
            },
            verdicts=dict(verdicts[index]),
        )
        for index, (side, row) in enumerate(points.rows)
    )


def shown_metrics(sides: Sequence[ReportSide]) -> tuple[ShownMetric, ...]:
    """Return the metrics of all sides, each once, those of the first side first."""
    found: dict[str, ShownMetric] = {}
    for side in sides:
        better = {metric.name: metric.better for metric in side.summary.table.metrics}
        for name, unit in side.summary.table.units.items():
            found.setdefault(name, ShownMetric(name, unit, better.get(name)))
    return tuple(found.values())


def distributions(sides: Sequence[ReportSide], points: PagePoints) -> Iterator[RecordedShares]:
    """Yield how the values that trials recorded are distributed at each point, of each source once: as its first metric."""
    places = points.places
    for index, side in enumerate(sides):
        counting = by_point([one for one in side.summary.trials if one.ok and not one.warmup])
        sources = {metric.source: metric for metric in reversed(side.summary.table.metrics) if metric.source}
        for metric in reversed(sources.values()):
            unit = side.summary.table.units.get(metric.name, metric.unit)
            for key, trials in counting.items():
                recorded = [one.recorded[metric.name] for one in trials if metric.name in one.recorded]
                if recorded and (index, key) in places:
                    yield from _distribution(places[index, key], metric, unit, recorded)


def _distribution(place: int, metric: Metric, wanted: str, recorded: Sequence[tuple[str, bytes]]) -> Iterator[RecordedShares]:
    """Yield how values are distributed, unless there are too few or they cannot be converted."""
    pool, unit = pool_of([[one] for one in recorded])
    shares = _shares(pool.whole.total)
    found = [summary_of(pool.quantile(share)) for share in shares]
    values, lows, highs = (
        [None if end is None or (scaled := metric.scaled(end, unit)) is None else convert(scaled, metric.unit, wanted) for end in ends]
        for ends in ([one.centre for one in found], [one.low for one in found], [one.high for one in found])
    )
    known = [value for value in values if value is not None]
    if known and len(known) == len(shares):
        yield RecordedShares(place, metric.name, shares, known, lows, highs)


def _shares(total: int) -> list[float]:
    """Return the shares that so many values are enough for."""
    steps = (1 - 10 ** (-step / PER_DECADE) for step in range(1, DECADES * PER_DECADE + 1))
    return [share for share in sorted({*LOW_SHARES, *(round(share, 9) for share in steps)}) if total >= fewest(share)]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None

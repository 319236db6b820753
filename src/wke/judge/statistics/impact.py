"""Impact: by how much each parameter moves a metric, while all others vary over the same values.

Theory. In a full factorial, and in a part of it in which each pair of parameters is balanced (every value of one occurs with the values of
another in the same proportions), the mean over all points with one value of a parameter differs from the mean over all points with another
value by what this parameter does alone, on average over the others. Where parameters vary together, this cannot be said, and is refused.

For each parameter, the two values with the lowest and the highest mean over all rounds are compared in each round: by their ratio, if all
values are positive (then means are geometric), else by their difference. The interval is Student's t over the rounds, which are
independent; it holds for these two values. They were chosen as the farthest apart, so the ratio is
too large by chance where values hardly differ, and the more so the more values there are: the caption says so.

The share of variance is that of the sums of squares (of logarithms, if there are ratios): of the means of a parameter's values, of what
only combinations of parameters explain, and of what varies from round to round at a point.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

from wke.describe.experiment.point import point_key, value_key
from wke.describe.toml.wording import counted
from wke.judge.statistics.statistics import Summary, mean, summarise
from wke.values import dataclass

Values = Mapping[Hashable, float]
"""The values of a round, or their logarithms, by the keys of their points."""
Points = Mapping[Hashable, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class PointValue:
    """The value of one trial at a point."""

    point: Mapping[str, object]
    round: int
    value: float


@dataclass(frozen=True, slots=True)
class Impact:
    """A parameter: by what factor, or how much, the mean at its value `high` is larger than at `low`, and its share of the variance.

    The summary is over the rounds, with an interval if there are at least two. The share is None if nothing varies.
    """

    parameter: str
    low: object
    high: object
    summary: Summary
    share: float | None


@dataclass(frozen=True, slots=True)
class Impacts:
    """What parameters do, the strongest first, as `ratios` or differences, in so many complete `rounds`; `incomplete` ones are left out.

    `combined` and `noise` are the other shares of the variance; None if nothing varies.
    """

    of: tuple[Impact, ...]
    ratios: bool
    rounds: int
    incomplete: int
    combined: float | None
    noise: float | None


class EntangledError(ValueError):
    """Raised where the effects of parameters cannot be told apart."""


def impacts(observed: Sequence[PointValue], parameters: Sequence[str]) -> Impacts:
    """Return what each of these parameters does, of which at least one has several values.

    Raises EntangledError with a sentence if parameters vary together, or if no round is complete.
    """
    points = {point_key(one.point): one.point for one in observed}
    varied = _varied(points, parameters)
    rounds = _rounds(observed)
    whole = [found for found in rounds if len(found) == len(points)]
    if not whole:
        raise EntangledError(f"no round has a value at all {counted(len(points), 'point')}")
    ratios = all(value > 0 for found in whole for value in found.values())
    table = [{key: math.log(value) if ratios else value for key, value in found.items()} for found in whole]
    shares, combined, noise = _shares(table, points, varied)
    found = [_impact(table, points, name, shares.get(name), ratios=ratios) for name in varied]
    found.sort(key=lambda one: -abs(math.log(one.summary.centre) if ratios else one.summary.centre))
    return Impacts(tuple(found), ratios, len(whole), len(rounds) - len(whole), combined, noise)


def _varied(points: Points, parameters: Sequence[str]) -> list[str]:
    """Return the parameters that have several values; raise EntangledError if there are none, or if they vary together."""
    varied = [name for name in parameters if len({value_key(point.get(name)) for point in points.values()}) > 1]
    if not varied:
        raise EntangledError("no parameter has several values")
    _refuse_entangled(list(points.values()), varied)
    return varied


def _rounds(observed: Sequence[PointValue]) -> list[dict[Hashable, float]]:
    """Return the values of each round, by the keys of their points."""
    rounds: dict[int, dict[Hashable, list[float]]] = {}
    for one in observed:
        rounds.setdefault(one.round, {}).setdefault(point_key(one.point), []).append(one.value)
    return [{key: mean(values) for key, values in found.items()} for _, found in sorted(rounds.items())]


def _refuse_entangled(points: Sequence[Mapping[str, object]], varied: Sequence[str]) -> None:
    """Raise EntangledError unless each pair of parameters is balanced."""
    for one, other in combinations(varied, 2):
        rows, columns, cells = (_counts(points, names) for names in ((one,), (other,), (one, other)))
        if any(cells.get((*row, *column), 0) * len(points) != rows[row] * columns[column] for row in rows for column in columns):
            there = f"{counted(len(cells), 'combination')} of {len(rows) * len(columns)} at {counted(len(points), 'point')}"
            raise EntangledError(f"{one} and {other} vary together ({there}), so that what each of them does is not known")


def _counts(points: Sequence[Mapping[str, object]], names: Sequence[str]) -> dict[tuple[Hashable, ...], int]:
    counts: dict[tuple[Hashable, ...], int] = {}
    for point in points:
        key = tuple(value_key(point.get(name)) for name in names)
        counts[key] = counts.get(key, 0) + 1
    return counts


def _impact(
    table: Sequence[Values],
    points: Points,
    name: str,
    share: float | None,
    *,
    ratios: bool,
) -> Impact:
    """Compare the values of a parameter with the lowest and the highest mean, round by round."""
    levels: dict[Hashable, list[Hashable]] = {}
    for key, point in points.items():
        levels.setdefault(value_key(point.get(name)), []).append(key)
    means = {level: mean([found[key] for found in table for key in keys]) for level, keys in levels.items()}
    low, high = min(means, key=lambda level: means[level]), max(means, key=lambda level: means[level])
    if low == high:
        low, high = list(means)[:2]
    apart = [mean([found[key] for key in levels[high]]) - mean([found[key] for key in levels[low]]) for found in table]
    summary = summarise([math.exp(one) for one in apart], "geometric-mean") if ratios else summarise(apart, "mean")
    ends = [points[levels[level][0]].get(name) for level in (low, high)]
    return Impact(name, ends[0], ends[1], summary, share)


def _shares(table: Sequence[Values], points: Points, varied: Sequence[str]) -> tuple[dict[str, float], float | None, float | None]:
    """Return the shares of the sum of squares: of each parameter, of their combinations, and of rounds and chance."""
    values = [value for found in table for value in found.values()]
    centre, rounds = mean(values), len(table)
    total = math.fsum((value - centre) ** 2 for value in values)
    if total <= 1e-18 * max(centre**2, 1e-300) * len(values):
        return {}, None, None
    at = {key: mean([found[key] for found in table]) for key in points}
    between = rounds * math.fsum((value - centre) ** 2 for value in at.values())
    alone = {}
    for name in varied:
        levels: dict[Hashable, list[float]] = {}
        for key, point in points.items():
            levels.setdefault(value_key(point.get(name)), []).append(at[key])
        alone[name] = rounds * math.fsum(len(level) * (mean(level) - centre) ** 2 for level in levels.values())
    combined = max(0.0, between - math.fsum(alone.values()))
    return {name: square / total for name, square in alone.items()}, combined / total, max(0.0, total - between) / total

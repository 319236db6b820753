"""Leaves out what no axis can show: values that are infinite, not a number, or beyond the range of calculations with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wke.tell.page.values import Centre, Report

MOST = 1e300


def drawable(report: Report) -> Report:
    """Return a report whose values can all be drawn. An interval with a bound that cannot be drawn is left out, and so is a value."""
    return replace(
        report,
        points=[replace(one, metrics=_centres(one.metrics)) for one in report.points],
        trials=[
            one
            if all(map(_fits, (*one.metrics.values(), *one.deviations.values())))
            else replace(one, metrics=_values(one.metrics), deviations=_values(one.deviations))
            for one in report.trials
        ],
        distributions=[
            replace(one, lows=_ends(one.lows), highs=_ends(one.highs))
            for one in report.distributions
            if all(map(_fits, one.values)) and all(0 < share < 1 for share in one.shares)
        ],
    )


def _fits(value: float | None) -> bool:
    """Tell whether an axis can show a value; comparisons with what is not a number are false."""
    return value is not None and -MOST < value < MOST


def _ends(ends: Sequence[float | None]) -> list[float | None]:
    return [end if _fits(end) else None for end in ends]


def _values(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if _fits(value)}


def _centres(centres: Mapping[str, Centre]) -> dict[str, Centre]:
    found = {name: one for name, one in centres.items() if _fits(one.value)}
    return {name: one if _fits(one.low) and _fits(one.high) else Centre(one.value, None, None, one.n) for name, one in found.items()}

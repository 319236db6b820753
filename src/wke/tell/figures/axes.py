"""Axes: scales, limits and ticks."""

import math
from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from wke.describe.experiment.plot import Plot
from wke.tell.figures.drawing import Drawing, Panel
from wke.tell.figures.style import tick_text
from wke.tell.terminal.sanitize import one_line

MOST_TICKS = 9


def finish_y(axes: Axes, panel: Panel, plot: Plot) -> None:
    """Set the scale, the limits and the ticks of the y-axis."""
    bounds = _bounds(panel)
    if plot.y_scale == "symlog" and bounds:
        axes.set_yscale("symlog", linthresh=_threshold(bounds))
        axes.yaxis.set_minor_locator(NullLocator())
        low, high = min(bounds), max(bounds)
        axes.set_ylim(1.25 * low if low < 0 else 0, 1.25 * high if high > 0 else 0)
    elif plot.y_scale == "log" and all(mark.summary.centre > 0 for mark in panel.marks):
        axes.set_yscale("log", nonpositive="clip")
        positive = [bound for bound in bounds if bound > 0]
        if positive:
            axes.set_ylim(*_log_limits(positive, from_decade=plot.type == "bar"))
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if _decades(positive) > 2 else (1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        if bounds:
            axes.set_ylim(*_linear_limits(bounds, from_zero=plot.type == "bar"))
    axes.yaxis.set_major_formatter(FuncFormatter(tick_text))


def _threshold(values: Sequence[float]) -> float:
    """Return the end of the linear part of an axis that is logarithmic on both sides of zero: the decade of the smallest value."""
    smallest = min((abs(value) for value in values if value), default=1.0)
    return 10.0 ** math.floor(math.log10(smallest))


def _base(values: Sequence[float]) -> int:
    """Return 2 for values that are all powers of two (or zero), else 10."""
    return 2 if all(math.log2(abs(value)).is_integer() for value in values if value) else 10


def _bounds(panel: Panel) -> list[float]:
    """Return the values that the y-axis must show: the centres, and the intervals up to a limit.

    The interval of two trials is twelve times as wide as their distance. An axis with room for all of it would show little else.
    """
    centres = [mark.summary.centre for mark in panel.marks]
    if not centres:
        return []
    low, high = min(centres), max(centres)
    room = 0.5 * max(high, -low, high - low)
    ends = [end for mark in panel.marks for end in (mark.summary.low, mark.summary.high) if end is not None]
    return [*centres, *(min(max(end, low - room), high + room) for end in ends)]


def cuts_an_interval(panel: Panel) -> bool:
    """Return whether an interval of `panel` extends beyond the y-axis."""
    bounds = _bounds(panel)
    ends = [end for mark in panel.marks for end in (mark.summary.low, mark.summary.high) if end is not None]
    return any(not min(bounds) <= end <= max(bounds) for end in ends)


def _linear_limits(bounds: Sequence[float], *, from_zero: bool) -> tuple[float, float]:
    """Return the limits of a linear axis: it starts at zero for bars, and for lines unless that would flatten them."""
    low, high = min(bounds), max(bounds)
    if low >= 0 and (from_zero or low < 0.6 * high):
        low = 0.0
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return (low if low == 0 else low - room), (high if from_zero and high == 0 else high + room)


def _log_limits(positive: Sequence[float], *, from_decade: bool) -> tuple[float, float]:
    low = 10 ** math.floor(math.log10(min(positive) * 0.8)) if from_decade else min(positive) / 1.25
    return low, max(positive) * 1.25


def _decades(positive: Sequence[float]) -> float:
    return math.log10(max(positive) / min(positive)) if positive else 0.0


def finish_x(axes: Axes, plot: Plot, drawing: Drawing) -> None:
    """Set the scale of the x-axis, with a tick at every place that was measured, if they fit."""
    if not drawing.xs:
        axes.xaxis.set_major_locator(NullLocator())
        return
    if plot.type == "bar" or not drawing.numeric:
        _label_categories(axes, plot, drawing)
        return
    places = [float(str(x)) for x in drawing.xs]
    _scale_x(axes, plot, places)
    few = (
        not drawing.measured
        and len(places) <= MOST_TICKS
        and not _crowded(axes.transScale.transform([(x, 1.0) for x in places])[:, 0].tolist())
    )
    if plot.set_xticks or few:
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(tick_text))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _label_categories(axes: Axes, plot: Plot, drawing: Drawing) -> None:
    texts = [tick_text(x) if isinstance(x, int | float) and not isinstance(x, bool) else one_line(str(x)) for x in drawing.xs]
    crowded = sum(len(text) + 2 for text in texts) > 60
    axes.set_xticks(range(len(texts)), texts, rotation=30 if crowded else 0, ha="right" if crowded else "center")
    axes.tick_params(axis="x", length=0 if plot.type == "bar" else 2.5)
    axes.set_xlim(-0.6, len(texts) - 0.4)


def _scale_x(axes: Axes, plot: Plot, places: Sequence[float]) -> None:
    if plot.x_scale == "log" and places[0] > 0:
        axes.set_xscale("log", base=_base(places))
    elif plot.x_scale == "symlog":
        axes.set_xscale("symlog", base=_base(places), linthresh=min((abs(x) for x in places if x), default=1.0))
        axes.set_xlim(0 if places[0] >= 0 else None, None)
    elif places[0] >= 0 and len(places) > 1:
        axes.set_xlim(0 if places[0] <= 0.25 * places[-1] else None, None)


def _crowded(at: Sequence[float]) -> bool:
    """Return whether the labels of ticks at all places would overlap."""
    gaps = [right - left for left, right in pairwise(at)]
    return bool(gaps) and min(gaps) < 0.05 * (at[-1] - at[0])

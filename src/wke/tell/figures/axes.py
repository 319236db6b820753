"""Axes: scales, limits and ticks."""

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, Formatter, MaxNLocator, NullFormatter, NullLocator

from wke.describe.experiment.plot import Plot
from wke.tell.figures.panels import Drawing, Panel
from wke.tell.figures.scales import AxisScale
from wke.tell.figures.style import tick_text, tick_texts
from wke.tell.terminal.sanitize import visible

MOST_TICKS = 9
FEWEST_TICKS = 3
STEPS = (1, 2, 2.5, 5, 10)
POINTS_PER_INCH = 72
CATEGORY_LETTERS = 24  # longer names are folded
LETTER = 0.6  # the width of a letter, as a share of the font's size
MOST_ROOM = 0.25  # at each end of an axis, as a share of the distance between its first and last place
NEAR = 0.06  # ticks that are closer than this share of an axis would have overlapping labels


class Numbers(Formatter):
    """Writes numbers so that those of different ticks differ."""

    def __call__(self, value: float, pos: int | None = None) -> str:  # noqa: ARG002 - matplotlib passes it
        """Return the text of one number."""
        return tick_text(value)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the texts of all ticks."""
        return tick_texts(values)


def finish_y(axes: Axes, panels: Sequence[Panel], *, from_zero: bool = False, dots: bool = False) -> None:
    """Set the scale, the limits and the ticks of a y-axis, which has room for all marks of `panels` and their intervals, or `dots`."""
    bounds, scale = _bounds(panels, dots=dots), panels[0].scale
    set_scale(axes.set_yscale, scale)
    if not bounds:
        axes.set_yticks([])
        return
    if scale.kind == "linear":
        low, high = _linear_limits(bounds, from_zero=from_zero)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    else:
        low, high = _log_limits(bounds, scale, from_decade=from_zero)
        set_ticks(axes.yaxis, scaled_ticks(low, high, scale), (low, high))
    axes.set_ylim(low, high)
    write_numbers(axes.yaxis)


def write_numbers(axis: Axis) -> None:
    """Have the ticks of an axis written so that those of different ticks differ."""
    axis.set_major_formatter(Numbers())
    axis.set_minor_formatter(NullFormatter())


def set_scale(setter: Callable[..., None], scale: AxisScale) -> None:
    """Set the scale of an axis by its setter, such as `axes.set_xscale`."""
    if scale.kind == "symlog":
        setter("symlog", base=scale.base, linthresh=scale.threshold)
    elif scale.kind == "log":
        setter("log", base=scale.base, nonpositive="clip")


def _bounds(panels: Iterable[Panel], *, dots: bool = False) -> list[float]:
    """Return the values that a y-axis must show: the centres and the ends of intervals, or also single trials."""
    marks = [mark for panel in panels for mark in panel.marks]
    ends = [value for mark in marks for value in (mark.summary.centre, mark.summary.low, mark.summary.high) if value is not None]
    return [*ends, *(dot.value for mark in marks for dot in mark.dots if dots)]


def _linear_limits(bounds: Sequence[float], *, from_zero: bool) -> tuple[float, float]:
    """Return the limits of a linear axis: it starts at zero for bars, and for lines unless that would flatten them."""
    low, high = min(bounds), max(bounds)
    if low >= 0 and (from_zero or low < 0.6 * high):
        low = 0.0
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return (low if low == 0 else low - room), (high if from_zero and high == 0 > low else high + room)


def _log_limits(bounds: Sequence[float], scale: AxisScale, *, from_decade: bool) -> tuple[float, float]:
    """Return the limits of a logarithmic axis: a little more than the values, below the positive ones for "log"."""
    low, high = min(bounds), max(bounds)
    if scale.kind == "symlog":
        return (1.25 * low if low < 0 else 0.0), (1.25 * high if high > 0 else 0.0 if low < 0 else scale.threshold)
    positive = [bound for bound in bounds if bound > 0]
    room = 1.25 if max(positive) > 2 * min(positive) else (max(positive) / min(positive)) ** 0.1 * 1.01
    low = 10.0 ** math.floor(math.log10(min(positive) * 0.8)) if from_decade else min(positive) / room
    return low, max(positive) * room


def scaled_ticks(low: float, high: float, scale: AxisScale) -> list[float]:
    """Return the ticks of a logarithmic axis; the linear part of "symlog" has one at zero."""
    if scale.kind == "log":
        return _log_ticks(low, high)
    above = _log_ticks(scale.threshold, high) if high > scale.threshold else [high] if high > 0 else []
    below = _log_ticks(scale.threshold, -low) if -low > scale.threshold else [-low] if low < 0 else []
    return [*(-tick for tick in below[::-1]), 0.0, *above]


def _log_ticks(low: float, high: float) -> list[float]:
    """Return ticks from `low` to `high`: decades, parts of them, or where there are too few even steps as on a linear axis."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for parts in ((1,), (1, 3), (1, 2, 5)):
        ticks = [part * 10.0**decade for decade in range(first, last + 1) for part in parts]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= FEWEST_TICKS:
            return ticks[:: 1 + (len(ticks) - 1) // MOST_TICKS]
    even = MaxNLocator(5, steps=STEPS).tick_values(low, high)
    return [float(tick) for tick in even if low <= tick <= high]


def set_ticks(axis: Axis, ticks: Sequence[float], limits: tuple[float, float]) -> None:
    """Set the ticks of an axis with these limits, without those too near to the one before."""
    first, last = axis.get_transform().transform(list(limits))
    chosen: list[float] = []
    for tick, at in zip(ticks, axis.get_transform().transform(list(ticks)), strict=True):
        if not chosen or at - axis.get_transform().transform([chosen[-1]])[0] >= NEAR * (last - first):
            chosen.append(tick)
    axis.set_major_locator(FixedLocator(chosen))
    axis.set_minor_locator(NullLocator())


def finish_x(axes: Axes, plot: Plot, drawing: Drawing) -> None:
    """Set the limits and the ticks of the x-axis, with a tick at every place that was measured, if they fit."""
    if not drawing.xs:
        axes.xaxis.set_major_locator(NullLocator())
    elif drawing.numeric:
        finish_numbers(axes, drawing, all_ticks=plot.set_xticks)
    else:
        finish_categories(axes, drawing)


def finish_numbers(axes: Axes, drawing: Drawing, *, all_ticks: bool = False, curve: bool = False) -> None:
    """Set the limits and the ticks of an x-axis of numbers; that of a `curve` has many places, none of which needs a tick."""
    scale, places = drawing.x_scale, [drawing.place(x) for x in drawing.xs]
    low, high = _x_limits(axes, drawing, places)
    axes.set_xlim(low, high)
    at = axes.xaxis.get_transform().transform([low, *places, high]).tolist()
    texts = ["0.00"] if curve else tick_texts(places)
    label = LETTER * (2 + max(map(len, texts))) * float(axes.xaxis.label.get_fontsize()) / length_pt(axes)  # as a share of the axis
    few = not curve and not drawing.measured and len(places) <= MOST_TICKS and not _crowded(at, label)
    if all_ticks or few:
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
    elif scale.kind == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(min(MOST_TICKS - 2, max(2, int(1 / label))), steps=STEPS))
    elif scale.base != 2:
        set_ticks(axes.xaxis, scaled_ticks(low, high, scale), (low, high))
    write_numbers(axes.xaxis)


def _x_limits(axes: Axes, drawing: Drawing, places: Sequence[float]) -> tuple[float, float]:
    """Return limits with room at both ends, more where groups stand side by side; a linear axis near zero begins there."""
    across = [mark.across for panel in drawing.panels for mark in panel.marks if mark.across]
    ends = [end for one in across for end in (one.low, one.high) if end is not None]
    if drawing.x_scale.kind == "log":
        ends = [end for end in ends if end > 0]
    low, high = min([*places, *ends]), max([*places, *ends])
    scale = axes.xaxis.get_transform()
    first, last = scale.transform([low, high])
    beside = drawing.offset * (len(drawing.panels[0].groups) - 1) / 2 / length_pt(axes)
    room = min(0.05 + beside, MOST_ROOM) * (last - first) or 0.1 * abs(last) or 0.5
    low_end, high_end = (float(end) for end in scale.inverted().transform([first - room, last + room]))
    near_zero = drawing.x_scale.kind == "linear" and max(0.0, beside * (high - low)) < low <= 0.25 * high
    return (0.0 if near_zero else low_end), high_end


def finish_categories(axes: Axes, drawing: Drawing, *, ticks: bool = True) -> None:
    """Set the limits and the labels of an x-axis with a place for each value."""
    texts = [tick_text(x) if isinstance(x, int | float) and not isinstance(x, bool) else str(x) for x in drawing.xs]
    texts = [textwrap.fill(visible(text), CATEGORY_LETTERS, replace_whitespace=False) for text in texts]
    longest = max(len(line) for text in texts for line in text.split("\n"))
    crowded = (longest + 1) * LETTER * float(axes.xaxis.label.get_fontsize()) > length_pt(axes) / (len(texts) + 0.2)
    axes.set_xticks(range(len(texts)), texts, rotation=30 if crowded else 0, ha="right" if crowded else "center")
    axes.tick_params(axis="x", length=2.5 if ticks else 0)
    axes.set_xlim(-0.6, len(texts) - 0.4)


def _crowded(at: Sequence[float], label: float) -> bool:
    """Return whether labels, each this share of the axis wide, would overlap at all these places; the first and the last are its ends."""
    gaps = [right - left for left, right in pairwise(at[1:-1])]
    return bool(gaps) and min(gaps) < label * (at[-1] - at[0])


def length_pt(axes: Axes) -> float:
    """Return about how long the x-axis is, in points."""
    return float(axes.get_window_extent().width / axes.figure.dpi * POINTS_PER_INCH)

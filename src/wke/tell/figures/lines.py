"""Lines: one for each group, with an error bar or a band for each interval."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from wke.tell.figures.drawing import Drawing, Group, Mark, Panel
from wke.tell.figures.style import COLOURS, DASHES, MARKERS

MOST_ERROR_BARS = 16  # more whiskers on one line would hide it, so a band replaces them


def draw_lines(axes: Axes, panel: Panel, drawing: Drawing) -> None:
    """Draw `panel` as lines. A point of one trial is hollow."""
    for index, group in enumerate(panel.groups):
        _draw_line(axes, group, drawing, index)


def _draw_line(axes: Axes, group: Group, drawing: Drawing, index: int) -> None:
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    dash = DASHES[index // len(COLOURS) % len(DASHES)]
    xs, ys = _places(group.marks, drawing), [mark.summary.centre for mark in group.marks]
    drawn: dict[str, Any] = {"color": colour, "marker": marker, "markeredgewidth": 0.9, "clip_on": False}
    every = 1 + len(xs) // MOST_ERROR_BARS
    axes.plot(xs, ys, linestyle=dash, label=group.label, markevery=every, zorder=3, **drawn)
    single = [mark for mark in group.marks if mark.summary.n == 1]
    if single:
        axes.plot(_places(single, drawing), [m.summary.centre for m in single], linestyle="", markerfacecolor="white", zorder=4, **drawn)
    _draw_intervals(axes, [mark for mark in group.marks if mark.summary.low is not None], drawing, colour)
    _draw_across(axes, group.marks, colour)


def _draw_intervals(axes: Axes, marks: Sequence[Mark], drawing: Drawing, colour: str) -> None:
    xs = _places(marks, drawing)
    lows, highs = [mark.summary.low or 0.0 for mark in marks], [mark.summary.high or 0.0 for mark in marks]
    if len(marks) > MOST_ERROR_BARS:
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.2, linewidth=0, zorder=2)
    elif marks:
        centres = [mark.summary.centre for mark in marks]
        reach = [[c - low for c, low in zip(centres, lows, strict=True)], [high - c for c, high in zip(centres, highs, strict=True)]]
        axes.errorbar(xs, centres, yerr=reach, fmt="none", ecolor=colour, elinewidth=0.9, capsize=2.2, capthick=0.9, zorder=2.5)


def _draw_across(axes: Axes, marks: Sequence[Mark], colour: str) -> None:
    """Draw the intervals along an x-axis that shows a metric."""
    for mark in marks:
        across = mark.across
        if across is not None and across.low is not None and across.high is not None:
            reach = [[across.centre - across.low], [across.high - across.centre]]
            axes.errorbar(across.centre, mark.summary.centre, xerr=reach, fmt="none", ecolor=colour, elinewidth=0.6, zorder=2.5)


def _places(marks: Sequence[Mark], drawing: Drawing) -> list[float]:
    """Return the x of each mark: its number, or the place of its category."""
    return [float(str(mark.x)) if drawing.numeric else float(drawing.place(mark.x)) for mark in marks]

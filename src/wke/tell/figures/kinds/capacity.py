"""Capacity: what a search found. Every trial is a dot; of rates there are also the limit, the fitted line and the interval."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from wke.describe.experiment.plot import Plot
from wke.errors import InputError
from wke.judge.policies.choose import policy_of
from wke.judge.policies.largest import RateFound
from wke.judge.policies.policy import Seen
from wke.judge.policies.smallest import SizesFound
from wke.judge.statistics.capacity import NEAR, Capacity, RateSearch
from wke.judge.statistics.statistics import Summary
from wke.keep.trials.trials import PlannedTrial
from wke.tell.figures.axes import finish_numbers, finish_y
from wke.tell.figures.kind import Kind
from wke.tell.figures.kinds.line import draw_lines
from wke.tell.figures.panels import Dot, Drawing, Group, Mark, Panel
from wke.tell.figures.rows import shows
from wke.tell.figures.scales import axis_scale
from wke.tell.figures.source import Source
from wke.tell.figures.style import DARK, look
from wke.tell.figures.table import dots_table
from wke.tell.precision import place_text
from wke.tell.searches import ends, rate_words, searches_of, share_of
from wke.tell.tables import titled
from wke.tell.words import worded
from wke.values import dataclass

HOLDS, FAILS, FRONTIER = "holds", "fails", "frontier"
STEPS = 32  # of a fitted line


@dataclass(frozen=True, slots=True)
class RatePanel(Panel):
    """A panel of latencies over rates: the `limit`, and where the search of each group is."""

    limit: float = math.nan
    states: tuple[RateSearch, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class SizePanel(Panel):
    """A panel of sizes over loads: for each group the least sizes that hold, by their loads."""

    least: tuple[tuple[tuple[float, float], ...], ...] = ()


def _make(source: Source) -> Drawing:
    """Return a panel with a group for each setting of the other parameters."""
    plot, searched = source.plot, source.experiment.parameters.searched
    if searched is None:
        raise InputError("a plot of type capacity shows a search, and no parameter is searched")
    rates, sizes = _found(source)
    panel: Panel
    if sizes:
        panel, label, scale = _sizes(sizes), sizes[0].load or "", plot.x_scale
    elif plot.x_axis not in {"", searched.name}:
        panel, label, scale = _frontier(rates, plot.x_axis), plot.x_axis, plot.x_scale
    else:
        panel, label, scale = _rates(rates), titled(worded(searched.name), rates[0].search.unit if rates else ""), "log"
    xs = sorted({float(str(mark.x)) for mark in panel.marks})
    return Drawing((panel,), tuple(xs), plot.x_label or worded(label), "", x_scale=axis_scale(scale, xs, in_twos=True))


def _found(source: Source) -> tuple[list[RateFound], list[SizesFound]]:
    """Return what the searches found in the trials that the plot shows, as far as they have any."""
    trials = [one for one in source.trials if shows(source.plot, {**one.point, **one.observations})]
    planned = [PlannedTrial(one.id, one.point, one.iteration, one.warmup, place) for place, one in enumerate(trials)]
    found = searches_of(policy_of(source.experiment).findings(planned, Seen({one.id: one for one in trials})))
    rates = [one for one in found if isinstance(one, RateFound) and one.tried]
    return rates, [one for one in found if isinstance(one, SizesFound) and one.cells]


def _frontier(found: Sequence[RateFound], along: str) -> Panel:
    """Return a panel of capacities over the values of a parameter, with a group for each setting of the others."""
    groups: dict[str, list[Mark]] = {}
    for one in found:
        capacity, x = one.state.capacity, one.setting.get(along)
        if capacity is not None and capacity.estimate is not None and isinstance(x, int | float) and not isinstance(x, bool):
            others = tuple(name for name in one.setting if name != along)
            summary = Summary(capacity.trials, capacity.estimate, capacity.low, capacity.high, FRONTIER)
            groups.setdefault(place_text(one.setting, others), []).append(Mark(x, summary))
    unit = found[0].search.unit if found else ""
    marks = tuple(Group(label, tuple(sorted(each, key=lambda mark: float(str(mark.x))))) for label, each in groups.items())
    return Panel("capacity", titled("holds up to", unit), FRONTIER, marks)


def _rates(found: Sequence[RateFound]) -> RatePanel:
    groups = tuple(Group(_label(one), tuple(_mark(one, at) for at in range(len(one.tried)))) for one in found)
    values = [mark.summary.centre for group in groups for mark in group.marks]
    first = found[0] if found else None
    return RatePanel(
        name=first.metric if first else "",
        label=titled(worded(first.metric), first.unit) if first else "",
        kind=HOLDS,
        groups=groups,
        scale=axis_scale("log", values),
        limit=first.limit if first else math.nan,
        states=tuple(one.state for one in found),
        unit=first.search.unit if first else "",
    )


def _mark(found: RateFound, at: int) -> Mark:
    one = found.tried[at]
    value = one.attempt.observations.get(found.metric, math.nan)
    kind = HOLDS if one.says.holds else FAILS
    return Mark(one.says.rate, Summary(1, value, None, None, kind), suspect=False, dots=(Dot(value, one.attempt.id, one.attempt.suspect),))


def _sizes(found: Sequence[SizesFound]) -> SizePanel:
    groups = []
    for one in found:
        marks = tuple(
            Mark(cell.load or 0, Summary(cell.trials, cell.size, None, None, HOLDS if 2 * cell.held > cell.trials else FAILS))
            for cell in one.cells
        )
        groups.append(Group(_label(one), marks))
    least = tuple(tuple((float(one.load or 0), float(one.least)) for one in each.demands if one.least is not None) for each in found)
    label = titled(worded(found[0].parameter), found[0].search.unit)
    return SizePanel(found[0].parameter, label, HOLDS, tuple(groups), least=least)


def _label(found: RateFound | SizesFound) -> str:
    return place_text(found.setting, tuple(found.setting))


def _draw(axes: Axes, panel: Panel, drawing: Drawing) -> list[Line2D]:
    if panel.kind == FRONTIER:
        return draw_lines(axes, panel, drawing)
    drawn = []
    for index, group in enumerate(panel.groups):
        looks = look(index)
        for kind, fill in ((HOLDS, looks.colour), (FAILS, "white")):
            marks = [mark for mark in group.marks if mark.summary.kind == kind]
            places, values = [drawing.place(mark.x) for mark in marks], [mark.summary.centre for mark in marks]
            dots: dict[str, Any] = {
                "linestyle": "",
                "marker": looks.marker,
                "color": looks.colour,
                "markerfacecolor": fill,
                "zorder": 3,
                "clip_on": False,
            }
            axes.plot(places, values, **dots)
        if isinstance(panel, RatePanel):
            _draw_answer(axes, panel, panel.states[index], looks.colour)
        elif isinstance(panel, SizePanel) and panel.least[index]:
            loads, sizes = zip(*panel.least[index], strict=True)
            axes.plot(loads, sizes, color=looks.colour, drawstyle="steps-post", zorder=2)
        drawn.append(Line2D([], [], linestyle="", marker=looks.marker, color=looks.colour))
    if isinstance(panel, RatePanel) and panel.marks:
        axes.axhline(panel.limit, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1.5)
    return drawn


def _draw_answer(axes: Axes, panel: RatePanel, state: RateSearch, colour: str) -> None:
    """Draw the fitted line as far as its trials reach, and the interval of where it crosses the limit."""
    if state.fit is not None and state.estimate is not None:
        rates = [state.estimate * math.exp(NEAR * (2 * step / STEPS - 1)) for step in range(STEPS + 1)]
        axes.plot(rates, [panel.limit * math.exp(state.fit.at(rate)) for rate in rates], color=colour, zorder=2)
    capacity = state.capacity
    if capacity is not None and capacity.low is not None and capacity.high is not None:
        axes.axvspan(capacity.low, capacity.high, color=colour, alpha=0.2, linewidth=0, zorder=1)


def _said(_: Plot, drawing: Drawing) -> Iterator[str]:
    (panel,) = drawing.panels
    if panel.kind == FRONTIER and panel.marks:
        yield "Marks: the largest value at which the condition holds; whiskers: its interval. Promise the lower end."
    if isinstance(panel, SizePanel):
        yield "Dots: sizes that were tried, hollow where most trials do not hold. Line: the least that holds."
    if not isinstance(panel, RatePanel) or not panel.marks:
        return
    yield "Dots: single trials, hollow where the condition does not hold. Dashed: the limit."
    answers = [(group.label, state.capacity) for group, state in zip(panel.groups, panel.states, strict=True) if state.capacity]
    told = [(label, capacity) for label, capacity in answers if capacity.low is not None]
    if told:
        yield "Lines: fitted to the trials near the limit; shaded: the interval of where they cross it."
        yield "; ".join(_answer(label, capacity, panel.unit) for label, capacity in told) + "."


def _answer(label: str, capacity: Capacity, unit: str) -> str:
    low, high = ends(capacity) or (0, 0)
    return f"{f'{label}: ' if label else ''}{rate_words(capacity.estimate or 0.0, unit)} ({share_of(capacity)}: {low:,} to {high:,})"


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, plot: Plot) -> None:
    finish_y(axes, panels)
    if drawing.xs:
        finish_numbers(axes, drawing, all_ticks=plot.set_xticks, curve=isinstance(panels[0], RatePanel))


KIND = Kind(make=_make, said=_said, draw=_draw, finish=_finish, table=dots_table, joined=False)

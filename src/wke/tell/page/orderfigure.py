"""The figure of the order of execution: how far each trial is from the centre of its point, by the time at which it ran."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from wke.describe.toml.wording import counted
from wke.tell.page.arrangement import Arrangement
from wke.tell.page.frame import Size, both, horizontal_axis, vertical_axis
from wke.tell.page.linefigure import trial_mark
from wke.tell.page.markup import Html, html, joined
from wke.tell.page.scales import Scale
from wke.tell.page.values import Report, ShownMetric


def order_figure(report: Report, layout: Arrangement, metric: ShownMetric, series: int) -> Html | None:
    """Return the figure of a series, or None if fewer than two of its trials can be compared with their point."""
    trials = [
        at
        for at, trial in enumerate(report.trials)
        if trial.series == series and trial.place is not None and metric.name in trial.deviations and trial.point is not None
    ]
    if len(trials) < 2:
        return None
    label = f"{metric.name} of {counted(len(trials), 'trial')} relative to the centre of their point, in order of execution"
    return both(lambda size, _: joined(*_drawn(report, layout, metric, trials, size)), label, metric.name)


def _drawn(report: Report, layout: Arrangement, metric: ShownMetric, trials: Sequence[int], size: Size) -> Iterator[Html]:
    places = {at: report.trials[at].place or 0 for at in trials}
    shares = {at: 100 * report.trials[at].deviations[metric.name] for at in trials}
    widest = max(5.0, *(abs(share) for share in shares.values())) * 1.08
    x = Scale(min(places.values()) - 0.7, max(places.values()) + 0.7, *size.across)
    y = Scale(-widest, widest, *size.upward)
    ticks = list[tuple[float, str]]()
    for index, (name, first, last) in enumerate(_rounds(report, trials, places)):
        start, end = x(first - 0.5), x(last + 0.5)
        if index % 2:
            yield html(
                "rect", class_="band", x=start, y=float(size.top), width=end - start, height=float(size.height - size.top - size.bottom)
            )
        ticks.append(((start + end) / 2, name))
    yield vertical_axis(size, y, _percent)
    yield html("line", class_="ref", x1=size.across[0], x2=size.across[1], y1=y(0), y2=y(0))
    yield horizontal_axis(
        size, ticks or [(x(tick), f"{tick:g}") for tick in x.ticks()], "Order of execution, by round" if ticks else "Order of execution"
    )
    for at in trials:
        trial = report.trials[at]
        line = layout.seats[trial.point or 0].line
        yield trial_mark(trial, at, line, x(places[at]), y(shares[at]), outlying=metric.name in trial.outlying)


def _rounds(report: Report, trials: Sequence[int], places: dict[int, int]) -> Iterator[tuple[str, int, int]]:
    """Yield each round with its first and last place, if rounds followed one another."""
    ends = dict[int, list[int]]()
    for at in trials:
        round_ = report.trials[at].round
        if round_ is not None:
            ends.setdefault(round_, []).append(places[at])
    found = sorted((min(all_), max(all_), name) for name, all_ in ends.items())
    if all(one[1] < other[0] for one, other in pairwise(found)):
        yield from ((f"{name}" if len(found) > 6 else f"Round {name}", first, last) for first, last, name in found)


def _percent(value: float) -> str:
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{abs(value):.3g} %"

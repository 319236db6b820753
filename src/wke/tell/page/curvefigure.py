"""The figures of recorded values: latency by percentile, with the share on a log axis, and the cumulative distribution."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from wke.tell.page.arrangement import Arrangement
from wke.tell.page.frame import DASHES, SIGN, Size, both, cut, horizontal_axis, spread, tick_words, vertical_axis
from wke.tell.page.markup import Html, html, joined
from wke.tell.page.scales import Scale, value_scale
from wke.tell.page.values import RecordedShares, ShownMetric

Place = Callable[[float, float], tuple[float, float]]
"""Returns the pixels of a share and a value."""
NINES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


def rareness(share: float) -> float:
    """Return how rare values above a share are: 1 for 90 %, 2 for 99 %, 3 for 99.9 %."""
    return -math.log10(1 - share)


def percentile_figure(curves: Sequence[RecordedShares], layout: Arrangement, metric: ShownMetric, where: str) -> Html:
    """Return the percentiles of some points, one line each."""
    return both(lambda size, _: joined(*_percentiles(curves, layout, _sized(size, curves, layout))), f"{metric.name} by percentile{where}")


def cdf_figure(curves: Sequence[RecordedShares], layout: Arrangement, metric: ShownMetric, where: str) -> Html:
    """Return the cumulative distributions of some points, one line each."""
    return both(lambda size, _: joined(*_cdf(curves, layout, metric, size)), f"Share of values of {metric.name} up to a value{where}")


def _sized(size: Size, curves: Sequence[RecordedShares], layout: Arrangement) -> Size:
    names = {layout.lines[layout.seats[curve.point].line] for curve in curves}
    room = int(min(12, max(map(len, names))) * SIGN) + 16 if len(names) > 1 else 16
    return Size(size.width, size.height, size.left, room, size.top, size.bottom)


def _percentiles(curves: Sequence[RecordedShares], layout: Arrangement, size: Size) -> Iterator[Html]:
    last = max(rareness(curve.shares[-1]) for curve in curves)
    x = Scale(0.0, max(1.0, last), *size.across)
    y = value_scale(_told(curves), *size.upward, log_from=3)
    yield vertical_axis(size, y)
    ticks = [share for share in NINES if rareness(share) <= x.high + 1e-9]
    places = [(x(rareness(share)), _share_words(share)) for share in reversed(ticks)]
    yield horizontal_axis(size, sorted(_from_the_right(places)), "Share of values at or below")
    yield from _lines(curves, layout, lambda share, value: (x(rareness(share)), y(value)))
    ends = [(layout.seats[curve.point].line, y(curve.values[-1])) for curve in curves]
    for line, height in spread(ends, most=size.height - size.bottom).items() if len(ends) > 1 else ():
        yield html(
            "text", cut(layout.lines[line], 12), class_=f"lab c{line}", x=size.width - size.right + 8.0, y=height + 5, data_line=line
        )


def _from_the_right(places: Sequence[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    """Yield the places of an axis that have room; the rarest share always has."""
    start = float("inf")
    for x, text in places:
        half = len(text) * SIGN / 2
        if x + half <= start - 5:
            yield x, text
            start = x - half


def _cdf(curves: Sequence[RecordedShares], layout: Arrangement, metric: ShownMetric, size: Size) -> Iterator[Html]:
    x = value_scale(_told(curves), *size.across, log_from=8)
    y = Scale(0.0, 1.0, *size.upward)
    yield vertical_axis(size, y, lambda value: f"{100 * value:.0f} %")
    title = f"{metric.name}{f' in {metric.unit}' if metric.unit else ''}{' (log scale)' if x.logarithmic else ''}"
    yield horizontal_axis(size, [(x(tick), tick_words(tick)) for tick in x.ticks(6)], title)
    yield from _lines(curves, layout, lambda share, value: (x(max(value, x.low)), y(share)))


def _told(curves: Sequence[RecordedShares]) -> list[float]:
    """Return what the axis of values must show: the values and the ends of their intervals."""
    return [value for curve in curves for value in (*curve.values, *curve.lows, *curve.highs) if value is not None]


def _lines(curves: Sequence[RecordedShares], layout: Arrangement, place: Place) -> Iterator[Html]:
    """Yield the intervals of all curves, and above them their lines."""
    for curve in curves:
        yield from _areas(curve, layout.seats[curve.point].line, place)
    for curve in curves:
        line = layout.seats[curve.point].line
        path = _path([place(share, value) for share, value in zip(curve.shares, curve.values, strict=True)])
        yield html("path", class_=f"ln c{line}", stroke_dasharray=DASHES[line], d=path, data_line=line)


def _areas(curve: RecordedShares, line: int, place: Place) -> Iterator[Html]:
    """Yield an area for each stretch in which intervals are known; one without an upper end reaches to the line."""
    if not curve.lows:
        return
    every = zip(curve.shares, curve.values, curve.lows, curve.highs, strict=True)
    for is_known, some in groupby(every, lambda one: one[2] is not None):
        ends = [(place(share, low), place(share, value if high is None else high)) for share, value, low, high in some if low is not None]
        if is_known and len(ends) > 1:
            lower, upper = ([end[side] for end in ends] for side in (0, 1))
            yield html("path", class_=f"area c{line}", d=Html(f"{_path(lower, 2.0)}L{_path(upper[::-1], 2.0)[1:]}Z"), data_line=line)


def _path(places: Sequence[tuple[float, float]], step: float = 0.5) -> Html:
    return Html("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in _without_repeats(places, step)))


def _without_repeats(places: Sequence[tuple[float, float]], step: float) -> Iterator[tuple[float, float]]:
    """Yield places that are at least `step` pixels from the one before, and the last."""
    last = (-9.0, -9.0)
    for place in places:
        if abs(place[0] - last[0]) + abs(place[1] - last[1]) >= step or place is places[-1]:
            yield place
            last = place


def _share_words(share: float) -> str:
    return f"{100 * share:.10g} %"


Drawing = Callable[[Sequence[RecordedShares], Arrangement, ShownMetric, str], Html]

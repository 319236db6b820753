"""How points are laid out in figures: which parameter is the axis, which one the lines, and which make panels of their own."""

from collections.abc import Mapping, Sequence

from wke.tell.page.values import Report, ShownPoint
from wke.values import dataclass

MOST_LINES = 6  # more lines cannot be told apart
SERIES = "series"


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a point is drawn: in which panel, as part of which line, and at which place of the axis."""

    panel: int
    line: int
    x: float
    tick: str


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The layout of all points: the axis (`""` where nothing varies), whether it is one of numbers, lines, panels, and seats by point."""

    axis: str
    is_numeric: bool
    lines: Sequence[str]
    of_lines: str
    panels: Sequence[str]
    seats: Sequence[Seat]

    @property
    def places(self) -> Mapping[float, str]:
        """The places of the axis with their texts, in order."""
        return dict(sorted({seat.x: seat.tick for seat in self.seats}.items()))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The values of all points, as texts and as numbers, by parameter; the series are a parameter where there are several."""

    names: Sequence[str]
    texts: Sequence[Sequence[str]]
    numbers: Sequence[Sequence[float | None]]

    @property
    def kinds(self) -> Mapping[int, list[str]]:
        """The different values of each parameter, in the order in which they come."""
        return {at: list(dict.fromkeys(row[at] for row in self.texts)) for at in range(len(self.names))}

    def places(self, axis: int | None, *, is_numeric: bool) -> list[float]:
        """Return where each point lies on the axis."""
        if axis is None:
            return [0.0] * len(self.texts)
        if is_numeric:
            return [row[axis] or 0.0 for row in self.numbers]
        order = {text: float(at) for at, text in enumerate(self.kinds[axis])}
        return [order[row[axis]] for row in self.texts]


def arrange(report: Report) -> Arrangement:
    """Return the layout of a report's points. The axis is the parameter with the most numbers, else the one with the most values."""
    names = [SERIES, *report.parameters] if len(report.series) > 1 else list(report.parameters)
    rows = _Rows(names, [_texts(report, point) for point in report.points], [_numbers(report, point) for point in report.points])
    varying = [at for at, kinds in rows.kinds.items() if len(kinds) > 1]
    axis, is_numeric = _axis(rows, varying)
    of_lines, of_panels = _split([at for at in varying if at != axis], rows.texts, rows.kinds)
    lines, panels = _labels(of_lines, names, rows.texts), _labels(of_panels, names, rows.texts)
    seats = [
        Seat(
            panels.index(_label(of_panels, names, row)),
            lines.index(_label(of_lines, names, row)),
            place,
            row[axis] if axis is not None else "",
        )
        for row, place in zip(rows.texts, rows.places(axis, is_numeric=is_numeric), strict=True)
    ]
    short = list({_label(of_lines, names, row): ", ".join(row[at] for at in of_lines) for row in rows.texts}.values())
    return Arrangement(names[axis] if axis is not None else "", is_numeric, short, ", ".join(names[at] for at in of_lines), panels, seats)


def _axis(rows: _Rows, varying: Sequence[int]) -> tuple[int | None, bool]:
    """Return the parameter of the axis, None where nothing varies, and whether it is one of numbers."""
    numeric = [at for at in varying if all(row[at] is not None for row in rows.numbers)]
    choice = numeric or [at for at in varying if rows.names[at] != SERIES] or varying
    return max(choice, key=lambda at: len(rows.kinds[at]), default=None), bool(numeric)


def _texts(report: Report, point: ShownPoint) -> list[str]:
    return [report.series[point.series], *point.values] if len(report.series) > 1 else list(point.values)


def _numbers(report: Report, point: ShownPoint) -> list[float | None]:
    return [None, *point.numbers] if len(report.series) > 1 else list(point.numbers)


def _split(rest: list[int], rows: Sequence[Sequence[str]], kinds: Mapping[int, list[str]]) -> tuple[list[int], list[int]]:
    """Return the parameters that make lines and those that make panels: as many lines as can be told apart."""
    if len({tuple(row[at] for at in rest) for row in rows}) <= MOST_LINES:
        return rest, []
    fitting = [at for at in rest if len(kinds[at]) <= MOST_LINES]
    if not fitting:
        return [], rest
    line = max(fitting, key=lambda at: len(kinds[at]))
    return [line], [at for at in rest if at != line]


def _label(dims: Sequence[int], names: Sequence[str], row: Sequence[str]) -> str:
    return ", ".join(f"{names[at]} {row[at]}" for at in dims)


def _labels(dims: Sequence[int], names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(_label(dims, names, row) for row in rows))

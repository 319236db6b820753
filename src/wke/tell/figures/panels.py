"""What a figure shows, as values: panels of groups of marks, their scales, and the texts around them."""

from collections.abc import Hashable

from wke.describe.experiment.point import value_key
from wke.judge.statistics.statistics import Summary
from wke.tell.figures.scales import LINEAR, AxisScale
from wke.values import dataclass

MOST_ERROR_BARS = 16  # more whiskers on one line would hide it, so a band replaces them


@dataclass(frozen=True, slots=True)
class Dot:
    """One of the values that a mark is made of, by its name: of a trial, by its id."""

    value: float
    name: str
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a figure: its place on the x-axis, the summary of its trials, and `across`, their summary of x if x is a metric.

    One of its trials may be `suspect`. `dots` are its trials.
    """

    x: object
    summary: Summary
    across: Summary | None = None
    suspect: bool = False
    dots: tuple[Dot, ...] = ()

    @property
    def reach(self) -> tuple[float, float] | None:
        """How far the interval reaches below and above the centre, above 0 if there is only a lower bound; None without an interval."""
        summary = self.summary
        if summary.low is None:
            return None
        return summary.centre - summary.low, 0.0 if summary.high is None else summary.high - summary.centre


@dataclass(frozen=True, slots=True)
class Group:
    """One line, or the bars of one colour."""

    label: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: its name, the label and scale of its y-axis, its kind of summary, its groups, its title.

    `undefined` says which trials have no value. All panels of a figure have the same groups, some of them empty: what stands for a group
    is the same everywhere.
    """

    name: str
    label: str
    kind: str
    groups: tuple[Group, ...]
    undefined: str = ""
    title: str = ""
    scale: AxisScale = LINEAR

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks of all groups."""
        return tuple(mark for group in self.groups for mark in group.marks)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole figure. `xs` are the places on the x-axis in order: numbers (of a metric if `measured`), or names of categories.

    `panels` has `facets` panels for each y, which share their y-axis. `group_title` stands above labels that are bare values; labels that
    the user wrote speak for themselves. `offset` is the distance of neighbouring groups at one x, in points. `height` is that of a
    panel, as a multiple of the usual one. `notes` are further sentences for the caption, `spans` times to shade, with their names.
    """

    panels: tuple[Panel, ...]
    xs: tuple[object, ...]
    x_label: str
    group_title: str
    footnote: str = ""
    title: str = ""
    measured: bool = False
    facets: int = 1
    x_scale: AxisScale = LINEAR
    offset: float = 0.0
    height: float = 1.0
    notes: tuple[str, ...] = ()
    spans: tuple[tuple[float, float, str], ...] = ()

    @property
    def numeric(self) -> bool:
        """Return whether the x-axis shows numbers."""
        return all(isinstance(x, int | float) and not isinstance(x, bool) for x in self.xs)

    def place(self, x: object) -> float:
        """Return where an x is on the axis: the number, or the position of its category."""
        return float(str(x)) if self.numeric else float(self.positions[value_key(x)])

    @property
    def positions(self) -> dict[Hashable, int]:
        """Return the positions of categories on the x-axis."""
        return {value_key(x): position for position, x in enumerate(self.xs)}

    @property
    def banded(self) -> bool:
        """Return whether intervals are bands, because whiskers would hide a line."""
        groups = (group for panel in self.panels for group in panel.groups)
        return any(sum(mark.summary.low is not None for mark in group.marks) > MOST_ERROR_BARS for group in groups)

    @property
    def every(self) -> int:
        """Return which of the points on a line have a marker: each (1), every second (2), and so on."""
        most = max((len(group.marks) for panel in self.panels for group in panel.groups), default=0)
        return 1 + max(most - 1, 0) // MOST_ERROR_BARS

"""What a figure shows, as values, before anything is drawn: panels of groups of marks, and the sentences that explain them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wke.describe.experiment import Experiment, Plot
from wke.describe.sweep import value_text
from wke.errors import InputError, did_you_mean
from wke.judge.statistics import Summary, summarise
from wke.keep.trials import StoredTrial, settled
from wke.tell.tables import metric_units, summary_kind, titled, value_order, varied


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a figure: where it stands on the x-axis, and what its trials say."""

    x: object
    summary: Summary


@dataclass(frozen=True, slots=True)
class Group:
    """One line, or the bars of one colour."""

    label: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: a metric, its title on the axis, how it is summarised, its groups."""

    metric: str
    label: str
    kind: str
    groups: tuple[Group, ...]

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks of all groups."""
        return tuple(mark for group in self.groups for mark in group.marks)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole figure. `xs` are the places on the x-axis in order: numbers, or names of categories.

    `group_title` stands above labels that are bare values; labels that the user wrote speak for themselves.
    """

    panels: tuple[Panel, ...]
    xs: tuple[object, ...]
    x_label: str
    group_title: str
    footnote: str

    @property
    def numeric(self) -> bool:
        """Tell whether the x-axis is one of numbers."""
        return all(isinstance(x, int | float) and not isinstance(x, bool) for x in self.xs)


def make_drawing(plot: Plot, trials: Sequence[StoredTrial], experiment: Experiment) -> Drawing:
    """Return what `plot` shows of `trials`, as far as they are there: warm-ups and trials that are not ok are left out.

    InputError when trials are there but have no column of the name that the plot gives.
    """
    counted = [trial for trial in settled(trials) if not trial.warmup]
    good = [trial for trial in counted if trial.ok and _shown(plot, trial.point)]
    units = metric_units(good, experiment.metrics)
    if good:
        _check_columns(plot, good, units)
    panels = tuple(_panel(plot, metric, good, experiment, units.get(metric, "")) for metric in plot.y_axis)
    places = {mark.x for panel in panels for mark in panel.marks}
    return Drawing(
        panels=panels,
        xs=tuple(_in_order(plot.x_axis, places, experiment)),
        x_label=plot.x_label or _words(plot.x_axis),
        group_title="" if plot.sort_labels else _words(plot.sort_by or ""),
        footnote=" ".join([*_explanations(plot, panels), *_mixed(plot, good), *_missing(plot, good, experiment)]),
    )


def _shown(plot: Plot, point: Mapping[str, object]) -> bool:
    return all(point.get(name) == value for name, value in plot.filter_by.items())


def _check_columns(plot: Plot, good: Sequence[StoredTrial], units: Mapping[str, str]) -> None:
    parameters = list(dict.fromkeys(name for trial in good for name in trial.point))
    for axis, name, known in (
        ("x-axis", plot.x_axis, parameters),
        *((("sort-by", plot.sort_by, parameters),) if plot.sort_by else ()),
        *(("y-axis", metric, list(units)) for metric in plot.y_axis),
    ):
        if name not in known:
            raise InputError(f'a plot has {axis} = "{name}", but no trial has a column of that name', hint=did_you_mean(name, known))


def _panel(plot: Plot, metric: str, good: Sequence[StoredTrial], experiment: Experiment, unit: str) -> Panel:
    seen = [trial for trial in good if math.isfinite(trial.observations.get(metric, math.nan))]
    kind = summary_kind(metric, seen, experiment.metrics, unit)
    groups = []
    for value in _in_order(plot.sort_by, {_value(trial, plot.sort_by) for trial in seen}, experiment):
        mine = [trial for trial in seen if _value(trial, plot.sort_by) == value]
        marks = tuple(
            Mark(x, summarise([trial.observations[metric] for trial in mine if _value(trial, plot.x_axis) == x], kind))
            for x in _in_order(plot.x_axis, {_value(trial, plot.x_axis) for trial in mine}, experiment)
        )
        text = value_text(value) if isinstance(value, bool | int | float | str) else ""
        groups.append(Group(plot.sort_labels.get(text, text), marks))
    label = plot.y_label if plot.y_label and len(plot.y_axis) == 1 else titled(_words(metric), unit)
    return Panel(metric, label, kind, tuple(groups))


def _value(trial: StoredTrial, parameter: str | None) -> object:
    return None if parameter is None else trial.point.get(parameter)


def _in_order(parameter: str | None, values: Iterable[object], experiment: Experiment) -> list[object]:
    """Return values of a parameter: numbers by size, words as the file has them, and those that it no longer has last."""
    known = list(experiment.parameters.values(parameter)) if parameter else []
    words = {value: place for place, value in enumerate(known) if not isinstance(value, int | float)}
    return sorted(values, key=lambda value: (words.get(value, len(words)) if isinstance(value, str) else 0, value_order(value)))


def _words(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")


def _explanations(plot: Plot, panels: Sequence[Panel]) -> Iterator[str]:
    """Yield what a mark and its whiskers are, and of how many trials."""
    summaries = [mark.summary for panel in panels for mark in panel.marks]
    if not summaries:
        yield "No trial has been completed yet."
        return
    things, whiskers = ("Bars", "whiskers") if plot.type == "bar" else ("Points", "bars")
    kinds = {panel.kind for panel in panels if panel.marks}
    names = (_kind_name(panels[0].kind),) if len(kinds) == 1 else (f"{_words(p.metric)}: {_kind_name(p.kind)}" for p in panels if p.marks)
    text = f"{things}: {', '.join(names)} of {_range([summary.n for summary in summaries])}"
    if any(summary.low is not None for summary in summaries):
        text += f"; {whiskers}: {summaries[0].confidence * 100:g}\u202f% confidence interval"
    yield text + "."
    if any(summary.n == 1 for summary in summaries):
        yield "Hollow: one trial, no interval." if max(summary.n for summary in summaries) > 1 else "One trial has no interval."
    elif any(summary.low is None for summary in summaries):
        yield "A median of fewer than 6 trials has no interval."


def _kind_name(kind: str) -> str:
    return kind.replace("-", " ")


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low} trial{'s' if low > 1 else ''}" if low == high else f"{low}\u2013{high} trials"


def _mixed(plot: Plot, good: Sequence[StoredTrial]) -> Iterator[str]:
    """Yield a warning when one mark joins points that differ in what the figure does not show."""
    others = [name for name in varied([trial.point for trial in good]) if name not in {plot.x_axis, plot.sort_by}]
    if others:
        yield f"Joined over different {' and '.join(map(_words, others))}."


def _missing(plot: Plot, good: Sequence[StoredTrial], experiment: Experiment) -> Iterator[str]:
    """Yield how much of the series is there, as long as it is not all of it."""
    planned = experiment.iterations * sum(_shown(plot, point) for point in experiment.parameters.points())
    if len(good) < planned:
        yield f"{len(good)} of {planned} trials."

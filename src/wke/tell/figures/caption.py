"""The sentences below a figure: what its marks are, which trials it shows, and how much of the series is there."""

from collections.abc import Iterator, Sequence

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.plot import Filter, Plot
from wke.describe.experiment.point import value_key
from wke.describe.experiment.sweep import value_text
from wke.describe.toml.wording import counted
from wke.errors import Problem
from wke.judge.diagnostics.diagnose import diagnose
from wke.judge.policies.choose import policy_of
from wke.judge.statistics.statistics import POOLED, Summary
from wke.judge.summary.pointtable import varied
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.kind import Kind, kind_of
from wke.tell.figures.panels import Drawing, Panel
from wke.tell.figures.rows import Row, shows
from wke.tell.figures.scales import AxisScale
from wke.tell.figures.style import tick_text
from wke.tell.hints import hint_lines
from wke.tell.precision import share_text
from wke.tell.tails import loop_notes
from wke.tell.words import worded


def footnote(plot: Plot, drawing: Drawing, rows: Sequence[Row], shown: Sequence[StoredAttempt], experiment: Experiment) -> str:
    """Return all sentences. `rows` are drawn, and `shown` are the trials that the plot's filters keep."""
    kind = kind_of(plot.type)
    sentences = [
        _drawn(kind, plot, drawing),
        _loops(plot, experiment),
        _suspect(rows, crossed=kind.crossed) if kind.of_series else (),
        _selections(plot, drawing.panels, rows),
        _mixed(plot, rows) if kind.joined and not drawing.measured else (),
        *([_missing(plot, shown, experiment), _hints(plot, shown, experiment)] if kind.of_series else []),
    ]
    return " ".join(sentence for several in sentences for sentence in several)


def _drawn(kind: Kind, plot: Plot, drawing: Drawing) -> Iterator[str]:
    """Yield what marks and whiskers are, how many trials they have, and which trials have no value."""
    undefined = dict.fromkeys(f"{panel.undefined}." for panel in drawing.panels if panel.undefined)
    if any(panel.marks for panel in drawing.panels):
        yield from kind.said(plot, drawing)
        yield from drawing.notes
        yield from _scale_sentences(drawing)
    elif not undefined:
        yield "No trial has been completed yet."
    yield from undefined


def summaries_said(drawing: Drawing, things: str, whiskers: str, *, every: int = 1) -> Iterator[str]:
    """Yield what marks of summaries are: `things` such as "Points", with `whiskers` such as "bars"; one in `every` has a marker."""
    summaries = summaries_of(drawing)
    shown = {panel.name: _kind_name(panel.kind) for panel in drawing.panels if panel.marks}
    alike = len(set(shown.values())) == 1
    names = list(shown.values())[:1] if alike else [f"{name}: {kind}" for name, kind in shown.items()]
    text = f"{things}: {', '.join(names)} of {trials_said(summaries)}"
    if every > 1:
        text += f", {_ordinal(every)} marked"
    yield f"{text}{interval_said(summaries, whiskers) if whiskers else ''}."


def curves_said(drawing: Drawing, lines: str) -> Iterator[str]:
    """Yield what `lines` and bands of recorded values are; `lines` has a place for the number of trials."""
    summaries = summaries_of(drawing)
    text = lines.format(f"all values of {trials_said(summaries)}")
    text += interval_said(summaries, "bands", of=" of each point")
    if any(summary.high is None for summary in summaries):
        text += "; dashed: too few trials or values for its upper end"
    yield f"{text}."


def interval_said(summaries: Sequence[Summary], whiskers: str, of: str = "") -> str:
    """Return what whiskers are, with the semicolon before it; "" if there are none."""
    if all(summary.low is None for summary in summaries):
        return ""
    return f"; {whiskers}: {summaries[0].confidence * 100:g}\u00a0% confidence interval{of}"


def summaries_of(drawing: Drawing) -> list[Summary]:
    """Return the summaries of all marks."""
    return [mark.summary for panel in drawing.panels for mark in panel.marks]


def trials_said(summaries: Sequence[Summary]) -> str:
    """Return how many trials marks have, such as "1–2 trials"."""
    counts = [summary.n for summary in summaries]
    low, high = min(counts), max(counts)
    return f"{low} trial{'s' if low > 1 else ''}" if low == high else f"{low}\u2013{high} trials"


def _loops(plot: Plot, experiment: Experiment) -> Iterator[str]:
    """Yield which metrics of a figure are of a closed loop, or corrected."""
    names = {name for y in plot.y_axis for name in y.names}
    shown = [metric for metric in experiment.metrics if metric.name in names]
    yield from (f"{note}." for note in loop_notes(shown, closed=experiment.verdicts.little.clients is not None))


def _suspect(rows: Sequence[Row], *, crossed: bool) -> Iterator[str]:
    """Yield how many trials are suspect; marks with such trials may be crossed."""
    if suspect := sum(row.suspect for row in rows):
        of = counted(len(rows), "trial")
        yield f"Crossed: with suspect trials ({suspect} of {len(rows)})." if crossed else f"Suspect: {suspect} of {of}."


def _hints(plot: Plot, shown: Sequence[StoredAttempt], experiment: Experiment) -> Iterator[str]:
    """Yield what diagnostics say of the metrics on the y-axis."""
    names = {name for y in plot.y_axis for name in y.names}
    found = diagnose(shown, experiment.metrics, in_rounds=experiment.has_rounds)
    for line in hint_lines([hint for hint in found if hint.metric in names], experiment.parameters.varied, cures=False):
        yield f"{line}."


def without_interval(summaries: Sequence[Summary]) -> Iterator[str]:
    """Yield why marks have no interval."""
    counts = {summary.n for summary in summaries}
    if any(one.low is not None and one.high is None and one.kind == POOLED for one in summaries):
        yield "Without an upper end: at least the lower end."
    if 1 in counts:
        yield "Hollow: one trial, no interval." if max(counts) > 1 else "One trial has no interval."
    elif any(summary.low is None and summary.kind == "median" for summary in summaries):
        yield "A median of fewer than 6 trials has no interval."
    if marked := sum(summary.marked for summary in summaries):
        yield f"No interval where a value is 0 or less: the mean ({marked} of {len(summaries)} marks)."


def _ordinal(every: int) -> str:
    return "every second one" if every == 2 else f"one in {every}"


def _scale_sentences(drawing: Drawing) -> Iterator[str]:
    """Yield where an axis with a logarithmic scale is linear, and which intervals it cannot show whole."""
    axes = {("x", drawing.x_scale), *(("y", panel.scale) for panel in drawing.panels)}
    for name, scale in sorted(axes, key=lambda one: (one[0], one[1].threshold)):
        if scale.kind == "symlog":
            yield f"The {name}-axis is linear up to {tick_text(scale.threshold)}" + (": a log scale has no 0." if scale.gave_way else ".")
    lows = (mark.summary.low for panel in drawing.panels if panel.scale.kind == "log" for mark in panel.marks)
    if any(low is not None and low <= 0 for low in lows):
        yield "Intervals that reach 0 end at the axis."


def scale_problems(drawing: Drawing) -> Iterator[Problem]:
    """Yield which logarithmic axis that a plot asks for cannot show its values."""
    scales: dict[str, list[AxisScale]] = {"x": [drawing.x_scale], "y": [panel.scale for panel in drawing.panels]}
    for name, here in scales.items():
        if any(scale.gave_way for scale in here):
            what = f'{name}-scale = "log", but there are values of 0 or less: it was drawn with {name}-scale = "symlog"'
            yield Problem(what, hint=f'write {name}-scale = "symlog", or leave out these values with filter-by')


def _selections(plot: Plot, panels: Sequence[Panel], rows: Sequence[Row]) -> Iterator[str]:
    """Yield which trials are shown, which were chosen by their results, and what results were divided by."""
    if plot.filter_by:
        yield f"Only {' and '.join(map(_filter_text, plot.filter_by))}."
    if plot.maximize_by and panels[0].marks:
        yield _chosen(f"At the {worded(plot.maximize_by)} with the highest mean {panels[0].name}", rows)
    if plot.baseline:
        yield f"Divided by {_filter_text(plot.baseline)} in the same round."


def _chosen(best: str, rows: Sequence[Row]) -> str:
    """Return what was chosen as best, and by which trials it is shown."""
    again = {(value_key(row.x), value_key(row.group), value_key(row.facet)): row.fresh for row in rows if row.rivals}
    late = sum(not fresh for fresh in again.values())
    if again and late == len(again):
        return f"{best}; chosen by these trials, so it is too high by chance."
    text = f"{best}, measured again in fresh rounds" if again else best
    return text + (f"; {late} of {len(again)} are shown by the trials that chose them, too high by chance." if late else ".")


def _filter_text(kept: Filter) -> str:
    return f"{worded(kept.key)} = {' or '.join(map(value_text, kept.values))}"


def _kind_name(kind: str) -> str:
    return "quantile of all values" if kind == POOLED else kind.replace("-", " ")


def _mixed(plot: Plot, rows: Sequence[Row]) -> Iterator[str]:
    """Yield a warning when a mark joins points that differ in parameters that the figure does not show."""
    told = {plot.x_axis, plot.sort_by, plot.facet_by, plot.maximize_by}
    others = [name for name in varied([row.point for row in rows]) if name not in told]
    if others:
        yield f"Joined over different {' and '.join(map(worded, others))}."


def _missing(plot: Plot, good: Sequence[StoredAttempt], experiment: Experiment) -> Iterator[str]:
    """Yield how much of the series is there, unless it is complete."""
    kept = [point for point in experiment.parameters.points() if shows(plot, point)]
    policy = policy_of(experiment)
    if len(visited := policy.visited(kept, good)) < len(kept):
        yield f"{len(visited)} of {counted(len(kept), 'point')} tried."
        return
    if precisions := policy.precisions(kept, good):
        if wide := sum(not point.enough for point in precisions):
            some = f"{wide} of {counted(len(kept), 'point')} {'is' if wide == 1 else 'are'}"
            yield f"{some} not yet within {share_text(precisions[0].wanted)}."
        return
    planned = experiment.iterations * len(kept)
    if len(good) < planned and not _filters_results(plot, experiment):
        yield f"{len(good)} of {counted(planned, 'trial')}."


def _filters_results(plot: Plot, experiment: Experiment) -> bool:
    """Return whether the plot chooses trials by their results, so that their final number is not known."""
    return any(kept.key not in experiment.parameters.names for kept in plot.filter_by)

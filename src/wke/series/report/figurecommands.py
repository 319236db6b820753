"""The commands that print or draw what the figures of a page show."""

import json
from collections.abc import Mapping, Sequence
from shlex import quote

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_plots
from wke.errors import InputError
from wke.series.report.sides import ReportSide
from wke.tell.page.arrangement import Arrangement


def figure_commands(
    sides: Sequence[ReportSide], metrics: Sequence[str], parameters: Sequence[str], layout: Arrangement, experiment: Experiment | None
) -> Mapping[str, str]:
    """Return the commands by kind and metric, those of the order of execution also by series; `experiment` is that of the only series.

    A figure that `wke plot` cannot draw, as one of several series, has the command that prints its numbers, if there is one.
    """
    line, curve = _axes(parameters, layout)
    results = [side.command(f"results {quote(side.wanted)}") for side in sides]
    printed = "; ".join(results) if all(results) else ""
    found = {}
    for metric in metrics:
        found[f"lines:{metric}"] = _drawn(experiment, "line", metric, line) or printed
        found |= {f"{kind}:{metric}": _drawn(experiment, kind, metric, curve) for kind in ("percentiles", "cdf")}
        order = _drawn(experiment, "order", metric, {})
        for index, side in enumerate(sides):
            found[f"order:{metric}:{index}"] = order or side.command(f"results {quote(side.wanted)} --trials")
    return {key: words for key, words in found.items() if words}


def _axes(parameters: Sequence[str], layout: Arrangement) -> tuple[Mapping[str, str] | None, Mapping[str, str] | None]:
    """Return the axes, lines and panels of figures of lines and of curves; None where there are more parameters than these can show."""
    rest = [name for name in parameters if name != layout.axis]
    first, second = [*rest, "", ""][:2]
    line = {"x-axis": layout.axis, "sort-by": first, "facet-by": second}
    curve = {"sort-by": first or layout.axis, "facet-by": layout.axis if first else ""}
    return line if layout.axis and len(rest) <= 2 else None, curve if len(rest) <= 1 else None


def _drawn(experiment: Experiment | None, kind: str, metric: str, axes: Mapping[str, str] | None) -> str:
    """Return the command that draws a figure; "" where `wke plot` would refuse it."""
    if experiment is None or axes is None:
        return ""
    keys = {"type": kind, "y-axis": metric, **axes}
    text = ", ".join(f"{name} = {json.dumps(value)}" for name, value in keys.items() if value)
    try:
        read_plots([text], experiment, "--figure")
    except InputError:
        return ""
    return f"wke plot {quote(experiment.name)} --figure {quote(text)}"

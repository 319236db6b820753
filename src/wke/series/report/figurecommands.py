"""The commands that print or draw what the figures of a page show."""

import json
from collections.abc import Mapping, Sequence
from shlex import quote

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_plots
from wke.errors import InputError
from wke.series.report.sides import ReportSide
from wke.tell.page.arrangement import Arrangement

MOST_OTHERS = 2
"""Parameters that a figure of `wke plot` shows beside that of its axis: as lines and as panels."""


def figure_commands(
    sides: Sequence[ReportSide], metrics: Sequence[str], parameters: Sequence[str], layout: Arrangement, experiment: Experiment | None
) -> Mapping[str, str]:
    """Return the commands by kind and metric, those of the order of execution also by series; `experiment` is that of the only series.

    A figure that `wke plot` cannot draw, as one of several series, has the command that prints its numbers, if there is one.
    """
    rest = [name for name in parameters if name != layout.axis]
    first, second = [*rest, "", ""][:2]
    line = {"x-axis": layout.axis, "sort-by": first, "facet-by": second}
    curve = {"sort-by": first or layout.axis, "facet-by": layout.axis if first else ""}
    results = [side.command(f"results {quote(side.wanted)}") for side in sides]
    found = {}
    for metric in metrics:
        drawn = layout.axis and len(rest) <= MOST_OTHERS and _drawn(experiment, {"type": "line", "y-axis": metric} | line)
        found[f"lines:{metric}"] = drawn or ("; ".join(results) if all(results) else "")
        for kind in ("percentiles", "cdf") if len(rest) < MOST_OTHERS else ():
            found[f"{kind}:{metric}"] = _drawn(experiment, {"type": kind, "y-axis": metric} | curve)
        order = _drawn(experiment, {"type": "order", "y-axis": metric})
        for index, side in enumerate(sides):
            found[f"order:{metric}:{index}"] = order or side.command(f"results {quote(side.wanted)} --trials")
    return {key: words for key, words in found.items() if words}


def _drawn(experiment: Experiment | None, keys: Mapping[str, str]) -> str:
    """Return the command that draws a figure with these keys; "" where `wke plot` would refuse them."""
    if experiment is None:
        return ""
    text = ", ".join(f"{name} = {json.dumps(value)}" for name, value in keys.items() if value)
    try:
        read_plots([text], experiment, "--figure")
    except InputError:
        return ""
    return f"wke plot {quote(experiment.name)} --figure {quote(text)}"

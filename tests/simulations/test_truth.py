"""The short form of benchmarks/truth.py: how often verdicts, comparisons and intervals are right, beside figures of independent simulations."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from truth import Figure, figures

SERIES = 300
FEWER = 100
"""Where a series has up to 60,000 requests, or up to 200 rounds."""


def _is_short(figure: Figure) -> bool:
    """Tell whether a figure does not take too long: others are only in the long form. That of 2.8 is in test_budgets.py."""
    if figure.section == "5.4" and (figure.n, "noise 2%; 12 trials" in figure.condition) not in {(10_000, True), (30_000, True)}:
        return False
    if figure.section == "5.6" and (figure.n > 10_000 or not figure.condition.endswith("1.5")):
        return False
    return figure.requests <= 60_000 and figure.section != "2.8" and (figure.section != "2.6" or "n 3; sd 0.05" in figure.condition)


@pytest.mark.parametrize("figure", [pytest.param(figure, id=figure.name) for figure in figures() if _is_short(figure)])
def test_figures_are_as_known(figure: Figure) -> None:
    """Also where they are known to be bad: what is told about skewed values must be true."""
    series = (
        FEWER
        if figure.section in {"1.2", "1.3", "2.2", "2.5", "4.2", "5.4", "5.6"} or (figure.section == "3.7" and not figure.ends)
        else SERIES
    )
    ours = figure.simulated(series)
    assert figure.holds(ours, series), f"{ours} instead of {figure.share}"

"""The short form of benchmarks/truth.py: how often verdicts, comparisons and intervals are right, beside figures of independent simulations."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from truth import Figure, figures

SERIES = 300
MORE = 1000
"""Where a figure is a mean, with the ends of 1,000 series."""
FEWER = 100
"""Where a series has up to 60,000 requests, or up to 200 rounds. Figures of more requests are only in the long form."""


@pytest.mark.parametrize("figure", [pytest.param(figure, id=figure.name) for figure in figures() if figure.requests <= 60_000])
def test_figures_are_as_known(figure: Figure) -> None:
    """Also where they are known to be bad: what is told about skewed values must be true."""
    series = FEWER if figure.section in {"1.2", "1.3", "4.2"} or (figure.section == "3.7" and not figure.ends) else SERIES
    if figure.section == "2.6" and figure.ends is not None:
        series = MORE
    ours = figure.simulated(series)
    assert figure.holds(ours, series), f"{ours} instead of {figure.share}"

"""The short form of benchmarks/truth.py: how often comparisons and intervals are right, beside figures of independent simulations."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from truth import Figure, figures

SERIES = 300


@pytest.mark.parametrize("figure", [pytest.param(figure, id=figure.name) for figure in figures()])
def test_figures_are_as_known(figure: Figure) -> None:
    """Also where they are known to be bad: what is told about skewed values must be true."""
    ours = figure.simulated(SERIES)
    assert figure.holds(ours, SERIES), f"{ours} instead of {figure.share}"

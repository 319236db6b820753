"""Figures are drawn again only when something that they show has changed."""

from dataclasses import replace
from pathlib import Path

import pytest
from support import ys

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.plot import Plot, Script
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.uptodate import note_drawn, up_to_date

EXPERIMENT = Experiment("x", Path("x.toml"), plots=(Plot("line", "n", ys("ops")),))
TRIALS = (StoredAttempt("a-0", "x", 1, {"n": 1}, 0, False, "ok", "", 0, 1.0, {"ops": 5.0}, {"ops": "1/s"}, Path()),)


@pytest.mark.parametrize(
    ("experiment", "trials", "same"),
    [
        (EXPERIMENT, TRIALS, True),
        (replace(EXPERIMENT, about="other"), TRIALS, True),
        (replace(EXPERIMENT, plots=(Plot("bar", "n", ys("ops")),)), TRIALS, False),
        (replace(EXPERIMENT, iterations=2), TRIALS, False),
        (EXPERIMENT, (replace(TRIALS[0], observations={"ops": 6.0}),), False),
        (EXPERIMENT, (replace(TRIALS[0], point={"n": True}),), False),
        (EXPERIMENT, (replace(TRIALS[0], outcome="failed"),), False),
        (EXPERIMENT, (), False),
    ],
)
def test_what_a_figure_shows_decides(experiment: Experiment, trials: tuple[StoredAttempt, ...], tmp_path: Path, *, same: bool) -> None:
    """The same plots of the same trials are not drawn again, whatever the times of files say; anything else is."""
    figure = tmp_path / "x.pdf"
    figure.write_bytes(b"drawn")
    assert up_to_date(EXPERIMENT, TRIALS, tmp_path) is None
    note_drawn(EXPERIMENT, TRIALS, tmp_path, [figure])
    assert up_to_date(experiment, trials, tmp_path) == ((figure,) if same else None)


@pytest.mark.parametrize("damage", ["altered", "deleted", "no note"])
def test_a_figure_that_is_not_as_it_was_drawn_is_drawn_again(damage: str, tmp_path: Path) -> None:
    """So is one that is missing or was overwritten, and one without a readable note."""
    figure = tmp_path / "x.pdf"
    figure.write_bytes(b"drawn")
    note_drawn(EXPERIMENT, TRIALS, tmp_path, [figure])
    if damage == "deleted":
        figure.unlink()
    else:
        (figure if damage == "altered" else tmp_path / ".x.drawn").write_bytes(b"[]")
    assert up_to_date(EXPERIMENT, TRIALS, tmp_path) is None


def test_a_script_may_draw_anything(tmp_path: Path) -> None:
    """What it shows is not known, so its figure is always drawn again."""
    figure = tmp_path / "x.pdf"
    figure.write_bytes(b"drawn")
    scripted = replace(EXPERIMENT, plots=(Plot("script", script=Script("draw.py")),))
    note_drawn(scripted, TRIALS, tmp_path, [figure])
    assert up_to_date(scripted, TRIALS, tmp_path) is None

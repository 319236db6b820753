"""Texts in figures: every kind draws them as they are, in a font that has their characters."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import CURVES, KEYS, Plot
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.expression.expression import named
from wke.keep.output.distribution import distribution, encode
from wke.keep.output.rawvalues import RawValues
from wke.keep.output.telemetry import COLUMNS, Loads
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures import figure, fonts, loads
from wke.tell.figures.canvas import render
from wke.tell.figures.drawing import make_drawing
from wke.tell.figures.style import Layout

TEXTS = ("Ba$$in", "_hidden", "$x^2$", r"\alpha_{1} \$5", "a & <b> #1 100%", "ends\x1b[31mred", "µ")
DRAWN = [text.replace("\x1b", r"\x1b") for text in TEXTS]


def texts_of(make: Callable[[], Figure]) -> list[str]:
    """Return the texts of a figure's SVG file, which must be well-formed."""
    svg = render(make, Layout(), ["svg"]).files["svg"]
    return ["".join(found.itertext()) for found in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def trial(point: dict[str, object]) -> StoredAttempt:
    seen = {"speed $ops_1$": 5.0}
    recorded = {"speed $ops_1$": ("$/s", encode(distribution(RawValues(np.arange(1.0, 101.0)))))}
    return StoredAttempt(repr(point), "s", 1, point, 0, False, "ok", "", 0, 1.0, seen, {"speed $ops_1$": "$/s"}, Path(), recorded=recorded)


PLACES = {"groups": ("where", "op", None), "x-axis": ("op", None, None), "facets": ("where", None, "op")}
PLACED = ("line", "bar", "box", *sorted(CURVES))
CASES = [(kind, place) for kind in PLACED for place in PLACES if place != "x-axis" or kind not in CURVES]
CASES += [("heatmap", "groups"), ("order", "groups")]


@pytest.mark.parametrize(("kind", "columns"), [(kind, PLACES[place]) for kind, place in CASES], ids=map("-".join, CASES))
def test_every_kind_draws_the_users_texts_as_they_are(kind: str, columns: tuple[str, str | None, str | None]) -> None:
    """Dollars are no mathematics, names that begin with _ are in the legend, control characters are escapes: on each axis, in each place."""
    sweep = Sweep((Parameter("op", TEXTS), Parameter("where", (1, 2))))
    experiment = Experiment("s", Path("s.toml"), parameters=sweep, metrics=(Metric("speed $ops_1$", unit="$/s"),))
    x, group, facet = columns
    x = "" if "x-axis" in KEYS[kind].lacks else x
    plot = Plot(kind, x, (named("speed $ops_1$"),), sort_by=group, facet_by=facet, title="$T_1$\x1b", x_label="$x_1$", y_label=("$y$ $z$",))
    drawing = make_drawing(plot, [trial(point) for point in sweep.points()], experiment)
    found = texts_of(lambda: figure._figure(plot, drawing, Layout()))
    assert {"$T_1$\\x1b", "$x_1$", "$y$ $z$"} <= set(found)
    assert [text for text in DRAWN if (f"op = {text}" if facet else text) not in found] == []


def test_names_of_machines_are_drawn_as_they_are() -> None:
    """A recording may be of another program's making."""
    recording = Loads((1.0, 2.0), {name: dict.fromkeys(COLUMNS, (1.0, 2.0)) for name in TEXTS})
    found = texts_of(lambda: loads._figure(loads.make_load_drawing(recording)))
    assert [text for text in DRAWN if text not in found] == []


def test_characters_that_the_font_lacks_come_from_another() -> None:
    """One that some installed font has is drawn with it; of one that none has a person is told in our words, once for all formats."""
    lacking = fonts._characters(findfont("STIXGeneral")) - fonts._characters(findfont(fonts.OURS))
    rare, unknown = next(chr(code) for code in sorted(lacking) if chr(code).isprintable()), chr(0x10FFFD)
    assert fonts.families_for(["plain µ ± −"]) == (fonts.OURS,)
    assert len(fonts.families_for([rare])) == 2

    def make(text: str) -> Figure:
        made = Figure()
        made.text(0, 0, text)
        return made

    assert render(lambda: make(rare), Layout(), ["png"]).notes == ()
    assert (
        render(lambda: make(unknown), Layout(), ["png", "pdf"]).notes[0].what == f"no installed font has {unknown}: boxes are drawn instead"
    )

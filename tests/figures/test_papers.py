"""Figures for papers: the widths of publishers, fonts that they accept, PGF without LaTeX, shades of grey, and the user's own style."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import madeup
import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from wke.describe.experiment.forms import WIDTHS, figure_width
from wke.describe.experiment.plot import Filter, Plot
from wke.describe.toml.shape import FlawError
from wke.errors import InputError
from wke.tell.figures.drawing import make_drawing
from wke.tell.figures.figure import _figure, draw
from wke.tell.figures.style import COLOURS, GREYS, layout_of, settings

SHOWN = madeup.trials()
BAR = replace(madeup.PLOTS["bar"], facet_by=None)


def files_of(plot: Plot, folder: Path) -> dict[str, bytes]:
    """Return the files of a figure, by their suffixes."""
    first = next(trial for trial in SHOWN if trial.ok)
    over_time = madeup.telemetry(folder / "telemetry", first.id) if plot.type == "timeline" else {}
    written, _ = draw(plot, SHOWN, folder / "figure", madeup.EXPERIMENT, over_time)
    return {path.name.partition(".")[2]: path.read_bytes() for path in written}


def plain(pdf: bytes) -> bytes:
    """Return a PDF with its streams unpacked."""
    found = [pdf]
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(found)


@pytest.mark.parametrize("name", madeup.PLOTS)
def test_every_kind_is_as_wide_as_a_column_with_embedded_fonts(name: str, tmp_path: Path) -> None:
    """At the width of an ACM column: the page is 241.15 points of TeX wide, all fonts are TrueType and embedded, none is of type 3."""
    plot = replace(madeup.PLOTS[name], width_in=WIDTHS["acm"], formats=("pdf", "pgf"))
    files = files_of(plot, tmp_path)
    width = float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", files["pdf"])[1])  # type: ignore[index]
    assert width / 72 * 72.27 == pytest.approx(241.15, abs=0.05)
    text = plain(files["pdf"])
    assert b"/FontFile2" in text
    assert b"/Type3" not in text
    width, height = map(float, re.search(r"pgfqpoint\{([\d.]+)in\}\{([\d.]+)in\}", files["pgf"].decode()).groups())  # type: ignore[union-attr]
    assert width == pytest.approx(WIDTHS["acm"], abs=1e-5)
    assert 0.5 < height < 9


def overlaps(boxes: Sequence[Bbox]) -> bool:
    """Return whether any two boxes overlap."""
    return any(one.overlaps(other) for one, other in combinations(boxes, 2))


@pytest.mark.parametrize(
    "plot", [madeup.PLOTS["percentiles"], replace(madeup.PLOTS["percentiles"], type="cdf")], ids=lambda plot: plot.type
)
def test_texts_of_three_facets_in_a_column_do_not_overlap(plot: Plot) -> None:
    """They stand in two columns, and only quantiles whose labels have room have a tick."""
    three = replace(plot, facet_by="threads", filter_by=(Filter("threads", (1, 2, 4)),), width_in=WIDTHS["acm"])
    drawing, layout = make_drawing(three, SHOWN, madeup.EXPERIMENT), layout_of(three)
    with mpl.rc_context(settings(layout)):
        figure = _figure(three, drawing, layout)
        FigureCanvasAgg(figure).draw()
        panels = figure.axes[1:4]
        labels = [[label.get_window_extent() for label in axes.get_xticklabels()] for axes in panels[1:]]  # those at the bottom
        titles = [axes.title.get_window_extent() for axes in panels]
    assert [axes.get_subplotspec().colspan.start for axes in panels] == [0, 1, 0]
    assert min(map(len, labels)) >= 2
    assert not any(map(overlaps, [titles, *labels]))


@pytest.mark.parametrize(
    ("written", "inches"),
    [
        ("acm", 3.3368),
        ("ieee", 3.4869),
        ("usenix", 3.335),
        ("springer", 4.8031),
        ("8.5cm", 3.3465),
        ("241.15pt", 3.3368),
        ("84 mm", 3.3071),
        ("7in", 7.0),
    ],
)
def test_widths_by_name_and_as_lengths(written: str, inches: float) -> None:
    """Columns of publishers, and lengths with their unit; a point is one of TeX."""
    assert figure_width(written) == pytest.approx(inches, abs=1e-4)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("acmm", "must be a length or one of"),
        (3, "must be a text"),
        ("0.2in", "from 1 to 40 inches"),
        ("8.5", "must be a length"),
        ("-3cm", "must be"),
    ],
)
def test_other_widths_are_refused(written: object, words: str) -> None:
    """With what is possible."""
    with pytest.raises(FlawError, match=words):
        figure_width(written)  # type: ignore[arg-type]


def test_pgf_is_balanced_and_escaped(tmp_path: Path) -> None:
    """What LaTeX would read is well-formed: scopes and groups are closed, and texts of users have no command."""
    title = r"100% of $x_1$ & \evil{}"
    text = files_of(replace(BAR, title=title, formats=("pgf",)), tmp_path)["pgf"].decode()
    assert text.count(r"\begin{pgfscope}") == text.count(r"\end{pgfscope}") > 10
    assert text.count(r"\begin{pgfpicture}") == text.count(r"\end{pgfpicture}") == 1
    bare = text.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert r"100\% of \$x\_1\$ \& \textbackslash{}evil\{\}" in text
    assert "setmainfont" not in text
    assert r"\sffamily" in text


def test_a_caption_for_latex_stands_beside_the_figure(tmp_path: Path) -> None:
    """Then the figure has no text below its axes and is lower; the data are a table for booktabs and one for Markdown."""
    inside = files_of(replace(BAR, formats=("svg",)), tmp_path)
    files = files_of(replace(BAR, formats=("svg", "tex", "md"), caption="beside"), tmp_path)
    assert b"Bars: geometric mean of" in inside["svg"]
    assert b"Bars: geometric mean of" not in files["svg"]
    assert files["caption.tex"].startswith(b"Bars: geometric mean of 11--12 trials; whiskers: 95~\\% confidence interval.")
    assert b"\\toprule\n" in files["tex"]
    assert files["md"].startswith(b"| panel |")
    heights = [float(re.search(rb'height="([\d.]+)pt"', one["svg"])[1]) for one in (inside, files)]  # type: ignore[index]
    assert heights[1] < heights[0]


def lightness(colour: str) -> float:
    """Return the lightness L* of a colour, from 0 to 100."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return float(116 * luminance ** (1 / 3) - 16)


def test_palettes_can_be_told_apart_in_grey() -> None:
    """The first four colours, and the first four greys, differ in lightness by at least 15 of 100."""
    for palette in (COLOURS, GREYS):
        assert min(abs(lightness(one) - lightness(other)) for one, other in combinations(palette[:4], 2)) >= 15


def test_a_grey_figure_has_no_colour(tmp_path: Path) -> None:
    """In any kind with groups."""
    for name in ("line", "box"):
        svg = files_of(replace(madeup.PLOTS[name], palette="grey", formats=("svg",)), tmp_path)["svg"].decode()
        colours = {found.lower() for found in re.findall(r"#[0-9a-fA-F]{6}", svg)}
        assert {one for one in colours if len({one[1:3], one[3:5], one[5:7]}) > 1} == set(), name


def test_the_users_style_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A matplotlibrc of the project, and the style that the plot names above it; what publishers need stays; bytes stay deterministic."""
    monkeypatch.chdir(tmp_path)
    ours = files_of(replace(BAR, formats=("svg", "pdf")), tmp_path)
    Path("matplotlibrc").write_text(
        "font.family: serif\nfont.serif: DejaVu Serif\naxes.facecolor: ff0001\npdf.fonttype: 3\nfont.size: 12\n"
    )
    theirs = files_of(replace(BAR, formats=("svg", "pdf")), tmp_path)
    assert (b"#ff0001" in theirs["svg"], b"#ff0001" in ours["svg"]) == (True, False)
    assert b"DejaVu Serif" in theirs["svg"] or b"DejaVuSerif" in theirs["svg"] or b"serif" in theirs["svg"]
    assert b"DejaVuSerif" in plain(theirs["pdf"])
    assert b"/Type3" not in plain(theirs["pdf"])
    assert theirs == files_of(replace(BAR, formats=("svg", "pdf")), tmp_path)
    Path("paper.mplstyle").write_text("axes.prop_cycle: cycler('color', ['123456', '654321'])\naxes.facecolor: fefefe\n")
    styled = files_of(replace(BAR, formats=("svg",), style="paper.mplstyle"), tmp_path)["svg"]
    assert [colour in styled for colour in (b"#123456", b"#fefefe", b"#ff0001")] == [True, True, False]
    assert b"#348abd" in files_of(replace(BAR, formats=("svg",), style="ggplot.mplstyle"), tmp_path)["svg"].lower()


def test_a_style_that_there_is_not_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one that matplotlib cannot read; both say which file."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"there is no file gplot\.mplstyle, and no style of matplotlib of that name") as caught:
        files_of(replace(BAR, style="gplot.mplstyle"), tmp_path)
    assert caught.value.problems[0].hint == 'did you mean "ggplot.mplstyle"?'
    Path("matplotlibrc").write_text("font.size: large beyond words\n")
    with pytest.raises(InputError, match="matplotlib cannot read the settings in"):
        files_of(BAR, tmp_path)

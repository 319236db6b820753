"""The one way to matplotlib: a figure becomes files, its texts are drawn as they are, and what matplotlib warns of is told in our words.

Matplotlib is used through its objects, never through pyplot: there is no window and no global state, and no display is needed. The same
figure gives the same bytes: there are no dates and no random ids.
"""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence

import matplotlib as mpl
from fontTools import subset
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from wke.errors import Problem
from wke.tell.figures.fonts import families_for
from wke.tell.figures.pgf import pgf
from wke.tell.figures.style import Layout, settings
from wke.tell.terminal.sanitize import visible
from wke.values import dataclass

METADATA: Mapping[str, Mapping[str, str | None]] = {
    "pdf": {"Creator": "wke", "CreationDate": None},
    "svg": {"Creator": "wke", "Date": None},
    "png": {"Software": "wke"},
}
FIGURES = (*METADATA, "pgf")
LACKING = re.compile(r"Glyph (\d+) ")
MOST_SHOWN = 8  # characters that no font has
DOTS_PER_INCH = 160
logging.getLogger("matplotlib").addHandler(logging.NullHandler())  # its messages are no concern of users


@dataclass(frozen=True, slots=True)
class Rendered:
    """A figure as files, by their suffixes, and what a person should know of them."""

    files: Mapping[str, bytes]
    notes: tuple[Problem, ...]


def render(make: Callable[[], Figure], layout: Layout, suffixes: Sequence[str] = tuple(METADATA)) -> Rendered:
    """Return the figure that `make` makes, in these formats. It may be made twice: only its texts show which fonts it needs."""
    files: dict[str, bytes] = {}
    with mpl.rc_context(), _without_layout_tables(), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        mpl.rcdefaults()
        mpl.rcParams.update(settings(layout))
        figure = make()
        base = tuple(mpl.rcParams["font.family"])
        families = families_for(_texts(figure), base)
        if families != base:
            mpl.rcParams["font.family"] = list(families)
            figure = make()
        _draw_as_they_are(figure)
        FigureCanvasAgg(figure)
        _settle_layout(figure)
        for suffix in suffixes:
            if suffix == "pgf":
                files[suffix] = pgf(figure)
                continue
            data = io.BytesIO()
            figure.savefig(data, format=suffix, dpi=DOTS_PER_INCH, metadata=dict(METADATA[suffix]))
            files[suffix] = data.getvalue()
    return Rendered(files, tuple(_notes([str(one.message) for one in said])))


def _settle_layout(figure: Figure) -> None:
    """Lay a figure out once, for all formats.

    The last bits of the solver's numbers differ from run to run, and names in SVG files are made from them: they are rounded away.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return
    engine.execute(figure)
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(Bbox(axes.get_position(original=True).get_points().round(6)))


@contextlib.contextmanager
def _without_layout_tables() -> Iterator[None]:
    """Leave out the tables of ligatures and kerning of fonts in PDF files, where letters are placed already: reading them takes long."""
    options, name = subset.Options, "_drop_tables_default"
    before = getattr(options, name, None)
    if before is not None:
        setattr(options, name, [*before, "GDEF", "GPOS", "GSUB"])
    try:
        yield
    finally:
        if before is not None:
            setattr(options, name, before)


def _notes(said: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with a figure; matplotlib warns of each character that no font has, once for each format."""
    lacking = dict.fromkeys(chr(int(found[1])) for text in said if (found := LACKING.match(text)))
    if lacking:
        shown = ", ".join([*lacking][:MOST_SHOWN]) + (", ..." if len(lacking) > MOST_SHOWN else "")
        hint = "install a font that has them, such as Noto Sans CJK, and draw again with `wke plot`"
        yield Problem(f"no installed font has {shown}: boxes are drawn instead", hint=hint)
    yield from map(Problem, dict.fromkeys(visible(text) for text in said if not LACKING.match(text)))


def _texts(figure: Figure) -> Iterator[str]:
    """Yield all texts of a figure, with those of ticks, which are made when they are drawn."""
    yield from (text.get_text() for text in _drawn_texts(figure))
    for axes in figure.axes:
        yield from (label.get_text() for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels())


def _draw_as_they_are(figure: Figure) -> None:
    """Have every text of a figure drawn literally: without mathematics (a setting), control characters as escapes."""
    for text in _drawn_texts(figure):
        text.set_text(visible(text.get_text()))


def _drawn_texts(figure: Figure) -> list[Text]:
    return [found for found in figure.findobj(Text) if isinstance(found, Text)]

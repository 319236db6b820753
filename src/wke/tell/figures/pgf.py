r"""Figures as PGF, which LaTeX typesets in the fonts of the paper: `\input{NAME.pgf}` with the package pgf.

Matplotlib's own way to PGF asks a LaTeX for the size of every text, and gives LaTeX texts as they are: names of users could be commands.
Here sizes come from the fonts that the other formats use, so that no LaTeX is needed, and every text is escaped.
"""

import io
from typing import Any

from matplotlib.backends.backend_pgf import RendererPgf
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from wke.tell.exports.markup import latex_text

HEAD = r"""% Drawn by wke. In the preamble: \usepackage{{pgf}} and \usepackage{{xcolor}}.
\begingroup%
\makeatletter%
\begin{{pgfpicture}}%
\pgfpathrectangle{{\pgfpointorigin}}{{\pgfqpoint{{{width:f}in}}{{{height:f}in}}}}%
\pgfusepath{{use as bounding box, clip}}%
"""
FOOT = r"""\end{pgfpicture}%
\makeatother%
\endgroup%
"""


class _EscapingRenderer(RendererPgf):
    """Writes texts escaped, in the upright, sans-serif or typewriter font of the document; measures them with matplotlib's fonts."""

    def __init__(self, figure: Figure, out: io.StringIO) -> None:
        super().__init__(figure, out)  # type: ignore[no-untyped-call]
        self._measuring = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # that of Agg, which canvas.py has made

    def draw_text(  # noqa: PLR0917 - as matplotlib calls it
        self, gc: Any, x: float, y: float, s: str, prop: FontProperties, angle: float, ismath: Any = None, mtext: Any = None
    ) -> None:
        """Write a text, which is never mathematics or a command."""
        generic = prop.copy()
        generic.set_family(_generic(prop))
        super().draw_text(gc, x, y, latex_text(s), generic, angle, ismath=bool(ismath), mtext=mtext)  # type: ignore[no-untyped-call]

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:
        """Return the size of a text in the font of the other formats."""
        size: tuple[float, float, float] = self._measuring.get_text_width_height_descent(s, prop, ismath)
        return size


def pgf(figure: Figure) -> bytes:
    """Return a figure, laid out already, as PGF."""
    out = io.StringIO()
    width, height = figure.get_size_inches()
    out.write(HEAD.format(width=width, height=height))
    figure.draw(_EscapingRenderer(figure, out))
    out.write(FOOT)
    return out.getvalue().encode("utf-8", "replace")


def _generic(prop: FontProperties) -> str:
    """Return which of the document's fonts stands for a font."""
    names = " ".join(prop.get_family()).lower()
    if "mono" in names or "courier" in names:
        return "monospace"
    return "serif" if ("serif" in names and "sans" not in names) or "times" in names or "roman" in names else "sans-serif"

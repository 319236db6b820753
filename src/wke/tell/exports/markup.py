"""Tables as Markdown and as LaTeX, for pages and papers."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wke.tell.tables import TextTable
from wke.tell.terminal.sanitize import visible
from wke.tell.words import is_number
from wke.values import dataclass

OF_MARKDOWN = re.compile(r"[\\|`*$~]|(?<=\])\(")
OF_LATEX: Mapping[str, str] = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "µ": r"\textmu{}",
    "≥": r"$\geq$",
    "…": r"\dots{}",
    "\u2212": r"$-$",
    "\u2009": r"\,",
    "\u00a0": "~",
    "\n": " ",
}


def markdown_text(text: str) -> str:
    """Return text escaped for Markdown: it stays in its cell and line, and is neither HTML nor a link."""
    plain = text.replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;")
    return visible(OF_MARKDOWN.sub(lambda found: f"\\{found[0]}", plain))


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose cells are Markdown already, and an empty line."""
    marks = ("---:" if to_right else "---" for to_right in _right(rows, len(header)))
    yield from (f"| {' | '.join(row)} |" for row in (header, tuple(marks), *rows))
    yield ""


def latex_text(text: str) -> str:
    """Return text escaped for LaTeX."""
    return "".join(OF_LATEX.get(sign, sign) for sign in visible(text))


def latex_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    r"""Yield the lines of a tabular whose cells are LaTeX already; it needs \usepackage{booktabs}."""
    columns = "".join("r" if to_right else "l" for to_right in _right(rows, len(header)))
    yield from (f"\\begin{{tabular}}{{{columns}}}", r"\toprule", f"{' & '.join(header)} \\\\", r"\midrule")
    yield from (f"{' & '.join(row)} \\\\" for row in rows)
    yield from (r"\bottomrule", r"\end{tabular}", "")


@dataclass(frozen=True, slots=True)
class Markup:
    """A form of tables: how it escapes text and writes a table, and how the line of a note begins."""

    text: Callable[[str], str]
    table: Callable[[Sequence[str], Sequence[Sequence[str]]], Iterator[str]]
    note: str

    def lines(self, tables: Iterable[TextTable]) -> Iterator[str]:
        """Yield the lines of tables, each with the notes on how to read it below."""
        for one in tables:
            yield from self.table([*map(self.text, one.header)], [[*map(self.text, row)] for row in one.cells])
            for note in one.notes:
                yield from (f"{self.note}{self.text(note)}", "")


FORMS: Mapping[str, Markup] = {
    "markdown": Markup(markdown_text, markdown_table, ""),
    "latex": Markup(latex_text, latex_table, "% "),
}


def _right(rows: Sequence[Sequence[str]], count: int) -> list[bool]:
    """Return which columns hold numbers, which are set to the right."""
    return [bool(rows) and all(is_number(row[index]) for row in rows) for index in range(count)]

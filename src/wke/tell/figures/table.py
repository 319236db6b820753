"""The data of a figure as a table: the values that are drawn, with all their digits, for CSV, LaTeX and Markdown."""

from wke.keep.files.csvtext import csv_text
from wke.tell.exports.markup import FORMS
from wke.tell.figures.panels import Drawing, Group, Mark, Panel
from wke.tell.tables import TextTable
from wke.values import dataclass

DIGITS = 4


@dataclass(frozen=True, slots=True)
class DataTable:
    """The titles of columns, and rows of values; None for one that is not known."""

    header: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def marks_table(drawing: Drawing) -> DataTable:
    """Return a row for each mark: where it is, its summary, and whether it has a suspect trial."""
    header = ("panel", "facet", "group", "x", "trials", "centre", "low", "high", "summary", "suspect")
    return DataTable(header, tuple(_row(panel, group, mark) for panel in drawing.panels for group in panel.groups for mark in group.marks))


def _row(panel: Panel, group: Group, mark: Mark) -> tuple[object, ...]:
    one = mark.summary
    return (panel.label, panel.title, group.label, mark.x, one.n, one.centre, one.low, one.high, one.kind, mark.suspect)


def dots_table(drawing: Drawing) -> DataTable:
    """Return a row for each trial: where it is, its value and its id."""
    header = ("panel", "facet", "group", "x", "trial", "value", "suspect")
    rows = (
        (panel.label, panel.title, group.label, mark.x, dot.name, dot.value, dot.suspect)
        for panel in drawing.panels
        for group in panel.groups
        for mark in group.marks
        for dot in mark.dots
    )
    return DataTable(header, tuple(rows))


def table_text(table: DataTable, form: str) -> str:
    """Return a table as "csv", or rounded and without empty columns for a page: "tex" (booktabs) or "md"."""
    if form == "csv":
        return csv_text(table.header, table.rows)
    kept = [at for at in range(len(table.header)) if any(_is_said(row[at]) for row in table.rows)]
    cells = tuple(tuple(_cell(row[at]) for at in kept) for row in table.rows)
    markup = FORMS["latex" if form == "tex" else "markdown"]
    return "\n".join(markup.lines([TextTable(tuple(table.header[at] for at in kept), cells)])).rstrip() + "\n"


def _is_said(value: object) -> bool:
    return value is not None and value is not False and value != ""


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}" if abs(value) < 10**DIGITS else f"{value:.0f}"
    return "" if value is None else str(value)

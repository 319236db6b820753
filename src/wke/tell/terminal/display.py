"""Text for displays that are redrawn in place: these steer the terminal, what they show must not."""

from rich.text import Text

from wke.tell.terminal.sanitize import visible
from wke.tell.terminal.usagetable import Line


def said(words: str, style: str = "") -> Text:
    """Return words for a display, safe to print."""
    return Text(visible(words), style=style)


def coloured(line: Line) -> Text:
    """Return a line of a table for a display; its pieces are safe to print."""
    return Text.assemble(*line, no_wrap=True, overflow="ellipsis")

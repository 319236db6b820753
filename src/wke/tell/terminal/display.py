"""Text for displays that are redrawn in place: these steer the terminal, what they show must not."""

from rich.text import Text

from wke.tell.terminal.sanitize import visible


def said(words: str, style: str = "") -> Text:
    """Return words for a display, safe to print."""
    return Text(visible(words), style=style)

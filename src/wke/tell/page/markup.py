"""HTML and SVG as text that cannot be mixed up with other text: what is not `Html` is escaped wherever it is put in."""

import re
from html import escape

from wke.describe.toml.wording import counted

LONGEST = 2000
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
VOID = frozenset({"input", "link", "meta", "br", "use", "path", "line", "circle", "rect"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def sign_words(sign: str) -> str:
    """Return how a control character, a direction mark or an invisible character is shown."""
    return f"U+{ord(sign):04X}"


def plain(text: str, longest: int = LONGEST) -> str:
    """Return a text without control characters, which are shown by their number, and not longer than `longest` characters."""
    kept = text if len(text) <= longest else f"{text[:longest]}… ({counted(len(text) - longest, 'character')} more)"
    return CONTROL.sub(lambda found: sign_words(found[0]), kept)


def shown(text: str, longest: int = LONGEST) -> Html:
    """Return a text as HTML; control characters are marked, so that nobody takes them for a part of the text."""
    if isinstance(text, Html):
        return text
    kept = text if len(text) <= longest else f"{text[:longest]}… ({counted(len(text) - longest, 'character')} more)"
    if CONTROL.search(kept) is None:
        return Html(escape(kept))
    parts, last = list[str](), 0
    for found in CONTROL.finditer(kept):
        parts += escape(kept[last : found.start()]), f'<span class="ctl">{sign_words(found[0])}</span>'
        last = found.end()
    return Html("".join(parts) + escape(kept[last:]))


def html(name: str, /, *kids: str | None, **attributes: str | float | bool | None) -> Html:
    """Return an element. Names of attributes are written with `_` for `-`, and one at the end (`class_`) is left out.

    Attributes that are None or False are left out; True stands for one without a value; `Html` is as long as it is.
    """
    head = name + "".join(_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False)
    if name in VOID:
        return Html(f"<{head}/>")
    return Html(f"<{head}>{''.join(shown(kid) for kid in kids if kid is not None)}</{name}>")


def _attribute(key: str, value: str | float) -> str:
    name = key.removesuffix("_").replace("_", "-") if key != "viewBox" else key
    if value is True:
        return f" {name}"
    text = coordinate(value) if isinstance(value, float) else value if isinstance(value, Html) else plain(str(value))
    return f' {name}="{escape(text)}"'


def coordinate(value: float) -> str:
    """Return a coordinate with a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def joined(*parts: str | None) -> Html:
    """Return parts one after the other."""
    return Html("".join(shown(part) for part in parts if part is not None))


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, whole ones with their thousands apart."""
    if value == 0 or value != value:  # noqa: PLR0124 - not a number
        return "0" if value == 0 else "unknown"
    if value in (float("inf"), float("-inf")):
        return "infinite"
    size = abs(value)
    if size < 1e-6 or size >= 1e15:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - int(f"{size:e}".partition("e")[2]))
    return f"{value:,.{min(decimals, 9)}f}"


def exact(value: float) -> str:
    """Return a number with up to six significant digits, for tables of single values."""
    text = number(value, 6)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text

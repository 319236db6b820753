"""The tokens of an expression: numbers with units, texts, names and signs."""

import math
import re
from collections.abc import Iterator

from wke.describe.expression.quantity import DURATION, whole_duration
from wke.describe.expression.units import FAMILIES, is_known
from wke.describe.toml.shape import FlawError
from wke.describe.toml.wording import quoted
from wke.errors import did_you_mean
from wke.values import dataclass

_TOKEN = re.compile(
    rf"(?P<duration>{DURATION}\b)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<unit>%|[A-Za-zµμ]+(?:/s(?:ec)?\b)?|/s(?:ec)?\b)?"
    r"|(?P<text>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*(?:-[A-Za-z0-9_.]+)*)"
    r"|(?P<sign>==|!=|<=|>=|[<>+*/()-])"
)
_UNITS = [unit for family in FAMILIES for unit in family if unit != "1"]


@dataclass(frozen=True, slots=True)
class Token:
    """A number with its unit, a text, a name or a sign."""

    kind: str
    text: str
    number: float = 0.0
    unit: str | None = None


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text; raise FlawError where none begins."""
    at = len(text) - len(text.lstrip())
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise FlawError(f"has {quoted(text[at])} where a value or a sign should begin", _sign_hint(text[at:]))
        yield _token(match)
        rest = text[match.end() :]
        at = match.end() + len(rest) - len(rest.lstrip())


def _token(match: re.Match[str]) -> Token:
    if match["duration"] is not None:
        seconds = whole_duration(match[0])
        if seconds is None:
            raise FlawError(f"has {quoted(match[0])}, which is not a duration", "write 1h2m3s")
        return Token("number", match[0], seconds, "s")
    if match["number"] is None:
        return Token(str(match.lastgroup), match[0])
    number, unit = float(match["number"]), match["unit"]
    if not math.isfinite(number):
        raise FlawError(f"has the number {match['number']}, which is too large")
    if unit is not None and not is_known(unit):
        raise FlawError(f"has {quoted(match[0])}, but {quoted(unit)} is not a unit", did_you_mean(unit, _UNITS))
    return Token("number", match[0], number, unit)


def _sign_hint(rest: str) -> str:
    signs = {"=": "write == for equality", "&": "write and", "|": "write or", "!": "write not, or != for inequality"}
    return signs.get(rest[0], "put text in single quotes" if rest[0] in "'\"" else "the signs are + - * / == != < <= > >= and ( )")

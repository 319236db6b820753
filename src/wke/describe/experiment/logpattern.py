"""Patterns that find a number in a task's output, as a regular expression with one group, or with the ready-made forms below.

`{value}` stands for a whole number, exponent and thousands included, `{unit}` for its unit, and `{value}{unit}` for both, or for a duration
such as 1m3s. A unit of time or data that stands directly behind the number is read in any case, unless the pattern spells it. A pattern
that finds a part of a number would give a wrong value without a word, so that is an error.
"""

import re

from wke.describe.experiment.patterns import Find, compile_pattern, last_match
from wke.describe.expression.quantity import DURATION, NUMBER, UNIT, Report, Text, excerpt, number, quantity
from wke.describe.expression.units import is_amount, is_known
from wke.describe.toml.wording import quoted

_VALUE = NUMBER.replace("[0-9]+(?:", "(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:", 1)
FORMS = {
    "{value}{unit}": rf"(?P<quantity>{DURATION}|{_VALUE}[ \t]*{UNIT})",
    "{value}": f"(?P<value>{_VALUE})",
    "{unit}": rf"[ \t]*(?P<unit>{UNIT})",
}
_NUMBERS = ("quantity", "value")
_BEFORE = re.compile(
    rb"""(?: [0-9]\.? | (?<![\w.])\. | [0-9]\.?[eE][+-]? | (?<![\w-])- | \b0[xX][0-9a-fA-F]*
    | [0-9](?:h|m|[mun\xb5\xbc]?s) | (?P<comma>[0-9],) )\Z""",
    re.VERBOSE,
)
_AFTER = re.compile(
    rb"""[0-9.](?: [0-9] | \.[0-9] | [eE][+-]?[0-9] | (?:h|[mun]?s|m|\xc2\xb5s)[0-9.]+(?:h|m|[mun]?s|\xc2\xb5s)\b
    | (?P<comma>,[0-9]) ) | 0[xX][0-9a-fA-F]""",
    re.VERBOSE,
)
_IN_UNIT = re.compile("[A-Za-z0-9µμ]|/[A-Za-z]".encode())
_NEXT_UNIT = re.compile(f"[ \t]?({UNIT})(?![A-Za-z0-9_/=:])".encode())
_THOUSANDS = re.compile(r"([+-]?[0-9]{1,3})((?:,[0-9]{3})+)(?![0-9,])")
_WINDOW = 400


def compile_log(pattern: str) -> re.Pattern[bytes]:
    """Return a compiled pattern in which ^ and $ match at line ends; raise ValueError with a message for the user."""
    written = pattern
    for form, expression in FORMS.items():
        written = written.replace(form, expression, 1)
    compiled = compile_pattern(written, re.MULTILINE)
    if compiled.groups - ("unit" in compiled.groupindex) != 1 and not any(name in compiled.groupindex for name in _NUMBERS):
        raise ValueError(f"must have one group in parentheses, around the number; it has {compiled.groups or 'none'}")
    return compiled


def has_unit(pattern: str) -> bool:
    """Return whether a pattern reads a unit with the number."""
    return not {"unit", "quantity"}.isdisjoint(compile_log(pattern).groupindex)


def matched(pattern: re.Pattern[bytes], text: Text, unit: str = "", find: Find = last_match) -> Report | None:
    """Return the number in a pattern's last match and its unit, or else `unit`; None without a match.

    Raises ValueError if it is no number, or a part of one.
    """
    match, group = find(pattern, text), _group(pattern)
    if match is None:
        return None
    found, where = _text(match[group]), match.span(group)
    has_unit = "unit" in pattern.groupindex and match["unit"] is not None
    _refuse_part(match, text, where, found, goes_on=has_unit and match.start("unit") == where[1])
    if group == "quantity":
        _refuse_cut_unit(text, where[1], found)
        return quantity(_plain(found))
    if has_unit:
        own = _text(match["unit"])
        _refuse_cut_unit(text, match.end("unit"), own)
        return quantity(f"{_plain(found)}{own}" if match.start("unit") == where[1] else f"{number(_plain(found))!r} {own}")
    return number(_plain(found)), _unit_behind(match, text, where[1], unit)


def ready_made(pattern: str) -> str:
    """Return a pattern with `{value}` in the place of its group, if it has a single one that is not nested."""
    replaced, count = re.subn(r"(?<!\\)\((?:\?P<value>)?(?!\?)[^()]*\)", "{value}", pattern)
    return replaced if count == 1 else "{value}"


def _group(pattern: re.Pattern[bytes]) -> str | int:
    """Return the group of the number: the named one, or the one that is not the unit."""
    named = next((name for name in _NUMBERS if name in pattern.groupindex), None)
    return named or next(index for index in range(1, pattern.groups + 1) if index != pattern.groupindex.get("unit"))


def _refuse_part(match: re.Match[bytes], text: Text, where: tuple[int, int], found: str, *, goes_on: bool) -> None:
    """Raise ValueError if a group begins or ends inside a number; a comma that the pattern itself matches separates columns.

    A number that `goes_on` is followed by the group of its unit.
    """
    start, end = where
    if not found[:1].isdigit() and found[:1] not in {".", "+", "-"}:
        return
    before, after = _BEFORE.search(text[max(0, start - _WINDOW) : start]), None if goes_on else _AFTER.match(text[end - 1 : end + _WINDOW])
    sides = ((before, match.start() < start), (after, match.end() > end))
    cut = [part for part, is_seen in sides if part and not (part["comma"] and is_seen)]
    if cut:
        left = re.search(rb"[0-9][0-9.,eExX+hmsun-]*\Z|[+-]?\Z", text[max(0, start - _WINDOW) : start])
        right = re.match(rb"(?:[0-9.,eE+-]|[xX][0-9a-fA-F]+|[hmsun]+[0-9.]+[hmsun]*)*", text[end : end + _WINDOW])
        whole = _text((left[0] if left else b"") + text[start:end] + (right[0] if right else b""))
        form = quoted("{value}{unit}" if re.search("[0-9][hmsun]", whole) else ready_made(_pattern_of(match)))
        hint = f"{form} if its commas separate thousands" if all(part["comma"] for part in cut) else form
        raise ValueError(f"{quoted(found)}, a part of the number {excerpt(whole)}; write {hint}")


def _refuse_cut_unit(text: Text, end: int, found: str) -> None:
    if _IN_UNIT.match(text[end : end + 4]):
        raise ValueError(f"{excerpt(found)}, whose unit goes on behind it; write {quoted('{value}{unit}')}")


def _unit_behind(match: re.Match[bytes], text: Text, end: int, unit: str) -> str:
    """Return the unit directly behind a number, or else `unit`; a unit that the pattern itself spells may be called otherwise."""
    behind = _NEXT_UNIT.match(text[end : end + 20])
    own = _text(behind[1]) if behind else ""
    if behind is None or not is_known(own) or not (is_known(unit) if unit else is_amount(own)):
        return unit
    is_spelled = match.end() >= end + behind.end() and re.search(rf"(?<![A-Za-z]){re.escape(own)}(?![A-Za-z])", _pattern_of(match))
    return unit if is_spelled else own


def _pattern_of(match: re.Match[bytes]) -> str:
    written = match.re.pattern.decode()
    for form, expression in FORMS.items():
        written = written.replace(expression, form)
    return written


def _plain(found: str) -> str:
    """Return a number without the commas between its thousands."""
    return _THOUSANDS.sub(lambda match: match[0].replace(",", ""), found, count=1) if "," in found else found


def _text(found: bytes | None) -> str:
    return (found or b"").decode(errors="replace")

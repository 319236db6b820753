"""Inventories of Ansible in INI: `[group]`, `[group:children]`, `[group:vars]`, and hosts such as `web[01:20] ansible_user=me`."""

import re
import shlex
import string
from itertools import product

from wke.describe.imports.imported import ImportSource
from wke.describe.toml.wording import quoted
from wke.documents import Json

LIMIT = 100_000
"""The largest number of hosts per line; more are taken for a typing mistake."""
MOST_DIGITS = 9
LETTERS = string.ascii_letters
_HEADER = re.compile(r"\[(?P<name>[^\[\]:\s]+)(?::(?P<kind>children|vars))?\]\s*(?:[#;].*)?")
_RANGE = re.compile(r"\[(\w+:\w+(?::[0-9]+)?)\]")
_VARIABLE = re.compile(r"\bansible_\w+=")


def looks_like_ini(text: str) -> bool:
    """Return whether a text has the header of a group, or a variable of Ansible, and no TOML."""
    found = [line.strip() for line in text.splitlines()]
    headed = any(_HEADER.fullmatch(line) for line in found) and not any(re.match(r"[\w\"'.-]+ = ", line) for line in _hosts(found))
    return headed or any(_VARIABLE.search(line) for line in found if not line.startswith(("#", ";")))


def inventory_of(source: ImportSource) -> dict[str, Json]:
    """Return an inventory in the form in which `ansible-inventory --list` prints it, with the variables of groups left with them."""
    groups: dict[str, dict[str, Json]] = {"all": {}, "ungrouped": {}}
    hostvars: dict[str, dict[str, str]] = {}
    section, kind = "ungrouped", None
    for number, raw in enumerate(source.text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            header = _HEADER.fullmatch(line)
            if header is None:
                raise source.wrong(f"{line} is not the header of a group", number, "write [group], [group:children] or [group:vars]")
            section, kind = header["name"], header["kind"]
            groups.setdefault(section, {})
        elif kind == "vars":
            name, equals, value = line.partition("=")
            if not equals:
                raise source.wrong(f"{line} is not a variable", number, "write name=value")
            groups[section].setdefault("vars", {})[name.strip()] = _value(value.strip())
        elif kind == "children":
            groups[section].setdefault("children", []).append(_words(source, number, line)[0])
        else:
            host, *rest = _words(source, number, line)
            values = dict(_assignment(source, number, word) for word in rest)
            for name, more in _hosts_of(source, number, host):
                groups[section].setdefault("hosts", []).append(name)
                hostvars.setdefault(name, {}).update(values | more)
    return {"_meta": {"hostvars": hostvars}, **groups}


def _hosts(found: list[str]) -> list[str]:
    """Return the lines that are not in a section of variables, where blanks around `=` are usual."""
    kept, in_vars = [], False
    for line in found:
        if line.startswith("["):
            in_vars = line.startswith("[") and ":vars]" in line
        elif not in_vars:
            kept.append(line)
    return kept


def _words(source: ImportSource, number: int, line: str) -> list[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        raise source.wrong("has a quote that is not closed", number, "close it") from None
    if not words or "=" in words[0]:
        raise source.wrong(f"{line} does not begin with a host or a group", number, "write host name=value")
    return words


def _assignment(source: ImportSource, number: int, word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise source.wrong(f"{word} is not name=value", number, f"put values with blanks in quotes: name={quoted('a b')}")
    return name, value


def _value(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _hosts_of(source: ImportSource, number: int, pattern: str) -> list[tuple[str, dict[str, str]]]:
    """Return the hosts that a pattern means, each with the variables that it sets."""
    host = re.fullmatch(r"(?P<host>[^:\[\]]*(?:\[[^\[\]]*\][^:\[\]]*)*):(?P<port>[0-9]+)", pattern)
    more = {"ansible_port": host["port"]} if host else {}
    pieces = _RANGE.split(host["host"] if host else pattern)
    choices = [_range(source, number, piece) if place % 2 else [piece] for place, piece in enumerate(pieces)]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > LIMIT:
        raise source.wrong(f"{pattern} means {total} hosts", number, f"at most {LIMIT} are allowed")
    return [("".join(parts), more) for parts in product(*choices)]


def _range(source: ImportSource, number: int, text: str) -> list[str]:
    """Return the elements of a range of numbers or letters, whose end is included: 01:50, 0:10:2, a:f."""
    first, last, *rest = text.split(":")
    step = int(rest[0][:9]) if rest else 1
    found: list[str] = []
    if step and first.isdecimal() and last.isdecimal():
        found = _numbers(source, number, text, (first, last, step))
    elif step and len(first) == len(last) == 1 and first in LETTERS and last in LETTERS:
        found = list(LETTERS[LETTERS.index(first) : LETTERS.index(last) + 1 : step])
    if not found:
        raise source.wrong(f"[{text}] is not a range", number, "a range is [01:50], [0:10:2] or [a:f]")
    return found


def _numbers(source: ImportSource, number: int, text: str, ends: tuple[str, str, int]) -> list[str]:
    first, last, step = ends
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and len(last) != width:
        raise source.wrong(f"[{text}] has ends of different widths", number, "write [01:50]")
    if max(len(first), len(last)) > MOST_DIGITS or (int(last) - int(first)) // step >= LIMIT:
        raise source.wrong(f"[{text}] means more than {LIMIT} hosts", number, "is it a typing mistake?")
    return [f"{value:0{width}d}" for value in range(int(first), int(last) + 1, step)]

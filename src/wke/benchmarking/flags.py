"""A sweep given on the command line: -C name=value, -R name=start:end:step, -E name=base:start:end:step, -L name=a,b,c."""

from collections.abc import Iterable, Iterator
from typing import Any

from wke.describe.experiment.parameters import ROOT, read_sweep
from wke.describe.experiment.sweep import Sweep
from wke.errors import InputError, Location, Problem

FORMS = {
    "-C": ("k=v", "a constant"),
    "-R": ("k=start:end:step", "a linear range, its end included"),
    "-E": ("k=base:start:end:step", "an exponential range: base to the power of each number from start to end"),
    "-L": ("k=a,b,c", "a list of values"),
}
_KEYS = {"-R": ("start", "end", "step-size"), "-E": ("base", "start", "end", "step-size")}


def read_flags(flags: Iterable[tuple[str, str]]) -> Sweep:
    """Return the sweep that flags and their texts describe; later ones vary faster. Raises InputError with all mistakes."""
    problems: list[Problem] = []
    given: dict[str, Any] = {}
    for flag, text in flags:
        name, equals, value = text.partition("=")
        if not equals or not name:
            problems.append(Problem(f"{flag} {text}: is not {FORMS[flag][0]}"))
        elif name in given:
            problems.append(Problem(f"{flag} {text}: {name} is given twice"))
        else:
            try:
                given[name] = value if flag == "-C" else value.split(",") if flag == "-L" else dict(_range(flag, value))
            except ValueError:
                problems.append(Problem(f"{flag} {text}: is not {FORMS[flag][0]}, in numbers"))
    sweep = read_sweep({ROOT: given}, flag_place, problems)
    if problems:
        raise InputError(*problems)
    return sweep


def flag_place(*key: str | int) -> Location:
    """Return the place of a parameter on the command line."""
    return Location("command line", key=str(key[1]) if len(key) > 1 else None)


def _range(flag: str, text: str) -> Iterator[tuple[str, int | float]]:
    parts, keys = text.split(":"), _KEYS[flag]
    if not len(keys) - 1 <= len(parts) <= len(keys):  # the step may be left out
        raise ValueError(text)
    for key, part in zip(keys, parts, strict=False):
        yield key, int(part) if part.lstrip("+-").isdigit() else float(part)

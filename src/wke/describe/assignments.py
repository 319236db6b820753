"""Assignments on the command line: texts such as `name=value`."""

from collections.abc import Iterable

from wke.errors import InputError


def assignments(texts: Iterable[str], flag: str) -> dict[str, str]:
    """Split each NAME=VALUE at its first `=`; raise InputError for one without `=` and for a name given twice."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"{flag} {text} is not NAME=VALUE", hint=f"write {flag} name=value")
        if name in values:
            raise InputError(f"{flag} {name} is given twice")
        values[name] = value
    return values

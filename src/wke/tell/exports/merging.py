"""Two results files become one; files whose rows are not comparable are refused."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from wke.errors import InputError
from wke.tell.exports.resultsfile import ResultsFile


def merge(first: ResultsFile, second: ResultsFile, names: tuple[str, str]) -> ResultsFile:
    """Return the rows of both: those of `first`, then those of `second` that are not in it. It has comment lines if one of the two has.

    Columns are in the order of `first`, followed by those that only `second` has; a row leaves a column that it does not have empty.
    Raises an InputError that names the constants and units that differ: the rows would then not be comparable.
    """
    if differences := [*_constants(first, second, names), *_units(first, second, names)]:
        hint = "only results with the same constants and units can be merged"
        raise InputError(f"the two files differ: {'; '.join(differences)}", hint=hint)
    known = {_content(row) for row in first.rows}
    return replace(
        first,
        commands=tuple(dict.fromkeys([*first.commands, *second.commands])),
        columns=tuple(dict.fromkeys([*first.columns, *second.columns])),
        rows=(*first.rows, *(row for row in second.rows if _content(row) not in known)),
        units={**second.units, **first.units},
        commented=first.commented or second.commented,
    )


def _content(row: Mapping[str, object]) -> frozenset[tuple[str, object]]:
    return frozenset(row.items())


def _constants(first: ResultsFile, second: ResultsFile, names: tuple[str, str]) -> Iterator[str]:
    for key in dict.fromkeys([*first.constants, *second.constants]):
        here, there = (str(file.constants[key]) if key in file.constants else None for file in (first, second))
        if here != there:
            yield f"{key} is {_told(first, key)} in {names[0]} and {_told(second, key)} in {names[1]}"


def _told(file: ResultsFile, key: str) -> str:
    if key in file.constants:
        return str(file.constants[key]) or "empty"
    return "varied" if key in file.columns else "not set"


def _units(first: ResultsFile, second: ResultsFile, names: tuple[str, str]) -> Iterator[str]:
    for key in first.units.keys() & second.units.keys():
        here, there = first.units[key], second.units[key]
        if here != there:
            yield f"{key} is in {here or 'no unit'} in {names[0]} and in {there or 'no unit'} in {names[1]}"

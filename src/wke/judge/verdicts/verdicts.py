"""Verdicts: whether a trial that ran well counts, and whether it shows a system that is broken."""

from collections.abc import Mapping, Sequence

from wke.describe.experiment.experiment import Check
from wke.describe.expression.evaluation import ExpressionError, holds
from wke.describe.expression.expression import Expression
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Objections:
    """What checks say against a trial: why it does not count, and what is wrong with the system if it counts."""

    measurement: tuple[str, ...] = ()
    system: tuple[str, ...] = ()


def objections(checks: Sequence[Check], columns: Mapping[str, object], units: Mapping[str, str]) -> Objections:
    """Return the objections to a trial with these parameters and metrics: each check that does not hold, with the values it names.

    A check that cannot be evaluated says nothing about the system: then the measurement is at fault.
    """
    found: dict[str, list[str]] = {"measurement": [], "system": []}
    for check in checks:
        try:
            if not holds(check.that, columns, units):
                found[check.judges].append(_objection(check.that, columns, units))
        except ExpressionError as error:
            found["measurement"].append(f"check {check.that.text} cannot be evaluated: {error}")
    return Objections(tuple(found["measurement"]), tuple(found["system"]))


def _objection(check: Expression, columns: Mapping[str, object], units: Mapping[str, str]) -> str:
    seen = ", ".join(f"{name} is {_said(columns[name], units.get(name, ''))}" for name in check.names if name in columns)
    return f"check {check.text} does not hold{f': {seen}' if seen else ''}"


def _said(value: object, unit: str) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {unit}".rstrip()

"""Verdicts: whether a trial that ran well counts."""

from collections.abc import Mapping, Sequence

from wke.describe.expression.evaluation import ExpressionError, holds
from wke.describe.expression.expression import Expression


def objections(checks: Sequence[Expression], columns: Mapping[str, object], units: Mapping[str, str]) -> tuple[str, ...]:
    """Return the objections to a trial with these parameters and metrics: each check that does not hold, with the values it names."""
    return tuple(filter(None, (_objection(check, columns, units) for check in checks)))


def _objection(check: Expression, columns: Mapping[str, object], units: Mapping[str, str]) -> str:
    try:
        if holds(check, columns, units):
            return ""
    except ExpressionError as error:
        return f"check {check.text} cannot be evaluated: {error}"
    seen = ", ".join(f"{name} is {_said(columns[name], units.get(name, ''))}" for name in check.names if name in columns)
    return f"check {check.text} does not hold{f': {seen}' if seen else ''}"


def _said(value: object, unit: str) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {unit}".rstrip()

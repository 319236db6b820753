"""One unit for each metric of a series: stored values are converted to it, or refused. Each attempt is stored with its own units.

A script may print `1.05 ms` in one trial and `94 us` in the next. The unit of a metric is the declared one, else that of its first value.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from wke.describe.expression.units import convert
from wke.errors import InputError
from wke.keep.trials.trials import StoredAttempt

Units = Mapping[str, str]


def in_units(attempts: Iterable[StoredAttempt], units: Units, *, declared: Units, refuse: bool = True) -> tuple[StoredAttempt, ...]:
    """Return attempts with the values of each metric in one unit: the `declared` one, else that in `units`, else that of the first value.

    A value without a unit is in the declared unit. A value that measures something else raises InputError, which names both units; it is
    left out unless they are to `refuse`.
    """
    known = {**units, **{name: unit for name, unit in declared.items() if unit}}
    return tuple(_converted(attempt, known, declared, refuse=refuse) for attempt in attempts)


def _converted(attempt: StoredAttempt, known: dict[str, str], declared: Units, *, refuse: bool) -> StoredAttempt:
    given = attempt.units
    if all(name in known and given.get(name) == known[name] for name in attempt.observations):  # as nearly always
        return attempt
    values, told = dict(attempt.observations), dict(given)
    for name in attempt.observations:
        own = told.get(name, "") or declared.get(name, "")
        wanted = known.setdefault(name, own)
        number = _in_unit(values[name], own, wanted)
        if number is None and refuse:
            what = f"{name} is {_in(own)} in trial {attempt.id} of series {attempt.series}, and {_in(wanted)} elsewhere"
            hint = f'print one unit in all trials; or write unit = "..." for {name} in [metrics], and `wke reanalyse` the trials'
            raise InputError(f"{what}: these cannot be converted", hint=hint)
        if number is None:
            del values[name], told[name]
        else:
            values[name], told[name] = number, wanted
    return attempt if values == attempt.observations and told == attempt.units else replace(attempt, observations=values, units=told)


def _in_unit(value: float, own: str, wanted: str) -> float | None:
    return value if own == wanted or not math.isfinite(value) else convert(value, own, wanted)


def _in(unit: str) -> str:
    return f"in {unit}" if unit else "without a unit"

"""The table [telemetry] of an experiment file: what is recorded of the machines of each trial, and how often."""

import re
from typing import Annotated

from wke.describe.expression.quantity import seconds
from wke.describe.toml.shape import After, Before, FlawError, Items, TableModel
from wke.documents import TomlValue
from wke.values import dataclass

EVERY_S = 0.1
SHORTEST_S, LONGEST_S = 0.01, 60.0
NOT_RECORDED = 0.0


@dataclass(frozen=True, slots=True)
class TelemetryRules:
    """Machines are sampled every `every_s`; 0 for not at all. `perf` are the events that `perf stat` counts on each machine."""

    every_s: float = EVERY_S
    perf: tuple[str, ...] = ()


def _interval(value: TomlValue) -> TomlValue:
    if value is False:
        return NOT_RECORDED
    every_s = seconds(value)
    if not SHORTEST_S <= every_s <= LONGEST_S:
        raise FlawError(f"must be from 10ms to 60s, not {value}", "write every = false to record no telemetry")
    return every_s


def _event(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:/=-]*", value):
        raise FlawError("must be the name of one event of perf, such as instructions")
    return value


class TelemetrySection(TableModel):
    """What is recorded of the machines while a trial runs. It is not part of a trial's identity."""

    every: Annotated[float, Before(_interval, str | float | bool)] = EVERY_S
    """How often the machines are sampled, such as `100ms` (the default); at least `10ms`. `false`: not at all."""
    perf: Items[Annotated[str, After(_event)]] = ()
    """Events that `perf stat` counts on each machine as a whole, such as `["instructions", "cycles"]`. A machine without perf, or on which
    it may not count, goes without, and `wke measure` says so."""

"""Which series of a trial's telemetry an export has, machine by machine; the form of each export is in its own file."""

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase

from wke.errors import InputError, StoreError, did_you_mean
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.reader import Readings
from wke.values import dataclass

Part = tuple[str, Mapping[Column, Readings]]
"""A machine, and samples of its columns, with times on the controller's clock."""


@dataclass(frozen=True, slots=True)
class TelemetryExport:
    """Series whose names match one of `names` (all, if there are none), of `machines` (all, if there are none)."""

    telemetry: TrialTelemetry
    names: Collection[str] = ()
    machines: Collection[str] = ()

    def check(self) -> None:
        """Raise InputError when nothing would be exported: without telemetry, for an unknown machine, for names that nothing has.

        Raise StoreError when all that there is cannot be read.
        """
        at, there = self.telemetry, self.telemetry.machines
        if not there and at.damage:
            raise StoreError(*at.damage)
        if not there:
            what = f"trial {at.trial} has no telemetry in attempt {at.attempt}"
            raise InputError(what, hint="it was turned off (`[telemetry] every = false`), or no machine could be watched")
        for machine in self.machines:
            if machine not in there:
                raise InputError(f'no machine "{machine}" has telemetry in this trial', hint=did_you_mean(machine, sorted(there)))
        for pattern in self.names:
            known = dict.fromkeys(column.name for machine in self.wanted_machines() for column in at.columns(machine))
            if not any(fnmatchcase(name, pattern) for name in known):
                raise InputError(f'no series is named "{pattern}"', hint=did_you_mean(pattern, known))

    def wanted_machines(self) -> tuple[str, ...]:
        """Return the machines, in the order of the telemetry."""
        return tuple(machine for machine in self.telemetry.machines if not self.machines or machine in self.machines)

    def columns(self, machine: str) -> tuple[Column, ...]:
        """Return the columns of a machine."""
        return tuple(column for column in self.telemetry.columns(machine) if self._is_wanted(column.name))

    def parts(self) -> Iterator[Part]:
        """Yield each machine and its samples; one machine is in memory at a time."""
        for machine in self.wanted_machines():
            yield machine, self.telemetry.readings(machine, self.columns(machine))

    def _is_wanted(self, name: str) -> bool:
        return not self.names or any(fnmatchcase(name, pattern) for pattern in self.names)


def sample_texts(column: Column, readings: Readings) -> list[str]:
    """Return the values as text, "" for those that are not known; whole numbers have no point."""
    if column.floating:
        return ["" if value != value else repr(value) for value in readings.values.tolist()]  # noqa: PLR0124 - NaN is not itself
    return ["" if value != value else str(int(value)) for value in readings.values.tolist()]  # noqa: PLR0124

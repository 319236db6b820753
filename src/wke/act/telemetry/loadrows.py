"""From samples that arrive machine by machine to rows of all machines: which row a sample belongs to, and when a row is complete."""

from collections.abc import Iterable

from wke.keep.output.telemetry import Load

PATIENCE = 30  # this many rows behind the newest sample, a row is written without the machines that are missing


class LoadRows:
    """Rows at `start_ns` and every `interval_ns` after it. Each call returns the rows that are complete now: (number, {machine: its load}).

    There is no row in which every machine is missing.
    """

    def __init__(self, machines: Iterable[str], start_ns: int, interval_ns: int) -> None:
        self._start_ns = start_ns
        self._interval_ns = interval_ns
        self._reached = dict.fromkeys(machines, 0)
        self._newest = 0
        self._written = 0
        self._rows: dict[int, dict[str, Load]] = {}

    def add(self, machine: str, at_ns: int, load: Load | None) -> list[tuple[int, dict[str, Load]]]:
        """Take a machine's load up to `at_ns` (None when it cannot be known yet); each machine's loads come in order of time."""
        number = round((at_ns - self._start_ns) / self._interval_ns)
        self._newest = max(self._newest, number)
        self._reached[machine] = number
        if load is not None and number > self._written:
            self._rows.setdefault(number, {})[machine] = load
        return self._whole()

    def finish(self) -> list[tuple[int, dict[str, Load]]]:
        """Return all rows that are left, complete or not."""
        self._reached.clear()
        return self._whole()

    def _whole(self) -> list[tuple[int, dict[str, Load]]]:
        told = min(self._reached.values(), default=self._newest)
        self._written = max(self._written, told, self._newest - PATIENCE)
        return [(number, self._rows.pop(number)) for number in sorted(self._rows) if number <= self._written]

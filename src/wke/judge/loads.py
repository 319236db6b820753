"""A machine's load between two samples, and at even moments when the samples are not."""

from collections.abc import Callable

from wke.keep.output.telemetry import COLUMNS, Load
from wke.records import Sample
from wke.values import dataclass

STATES = tuple(f"cpu.{state}" for state in ("user", "nice", "system", "irq", "softirq", "steal", "idle", "iowait"))
UNUSED = STATES[6:]
USED = "memory.used"
LOOPBACK = "net.lo."


def is_wanted(column: str) -> bool:
    """Tell whether a load is computed from the column of that name."""
    device, _, what = column.rpartition(".")
    if device.startswith("net."):
        return what in ("received", "sent") and not column.startswith(LOOPBACK)
    return column in STATES or column == USED or (device.startswith("disk.") and what in ("read", "written"))


def load_between(before: Sample, after: Sample) -> Load:
    """Return the numbers of COLUMNS for the time between two samples; None for a number that one of the samples lacks.

    Each is a mean over that time; memory is the amount in use at its end. Time stolen by a hypervisor counts as busy. A device counts if
    it is in both samples.
    """
    elapsed_s = (after.at_ns - before.at_ns) / 1e9
    used = after.numbers.get(USED)

    def rate(kind: str, what: str) -> float | None:
        return _rate(before, after, lambda column: column.startswith(kind) and column.endswith(what), elapsed_s)

    values = {
        "cpu": _busy(before, after),
        "mem": None if used is None else float(used),
        "disk-read": rate("disk.", ".read"),
        "disk-write": rate("disk.", ".written"),
        "netout": rate("net.", ".sent"),
        "netin": rate("net.", ".received"),
    }
    return tuple(values[column] for column in COLUMNS)


@dataclass(slots=True)
class EvenLoads:
    """A machine's loads at `start_ns` and every `interval_ns` after it, from samples at about these moments.

    A machine that is busy takes its samples late, and two may come between two of these moments. What counters say at a moment is
    computed from the samples before and after it, so that the loads add up to what the machine counted.
    """

    start_ns: int
    interval_ns: int
    _last: Sample | None = None
    _even: Sample | None = None

    def add(self, sample: Sample) -> tuple[int, Load | None] | None:
        """Take the next sample; return a moment that it reaches and the load since the one before it (the first: since the last sample)."""
        last, self._last = self._last, sample
        if last is None or last.at_ns >= sample.at_ns:  # a clock that was set back begins anew
            self._even = None
            return None
        moment_ns = sample.at_ns + self._near_ns - (sample.at_ns + self._near_ns - self.start_ns) % self.interval_ns
        before = self._even
        if moment_ns <= (last.at_ns if before is None else before.at_ns):
            return None
        is_near = moment_ns >= sample.at_ns - self._near_ns
        self._even = Sample(sample.machine, moment_ns, sample.numbers) if is_near else _between(last, sample, moment_ns)
        return moment_ns, load_between(last, sample) if before is None else load_between(before, self._even)

    @property
    def _near_ns(self) -> int:
        """So near to a moment a sample is taken as one at that moment."""
        return self.interval_ns // 10


def _between(before: Sample, after: Sample, at_ns: int) -> Sample:
    """Return what a sample at `at_ns` would have said, had everything grown evenly between two samples."""
    numbers: dict[str, int | None] = {}
    for column, now in after.numbers.items():
        then = before.numbers.get(column)
        if then is not None and now is not None:
            numbers[column] = then + (now - then) * (at_ns - before.at_ns) // (after.at_ns - before.at_ns)
    return Sample(after.machine, at_ns, numbers)


def _busy(before: Sample, after: Sample) -> float | None:
    """Return the percentage of the time of all processors that was neither idle nor waiting for a disk."""
    grown = {state: _growth(before, after, state) for state in STATES}
    known = {state: growth for state, growth in grown.items() if growth is not None}
    total = sum(known.values())
    return 100 * (1 - sum(known[state] for state in UNUSED) / total) if len(known) == len(STATES) and total else None


def _rate(before: Sample, after: Sample, belongs: Callable[[str], bool], elapsed_s: float) -> float | None:
    grown = [growth for column in after.numbers if belongs(column) and (growth := _growth(before, after, column)) is not None]
    return sum(grown) / elapsed_s if grown and elapsed_s > 0 else None


def _growth(before: Sample, after: Sample, column: str) -> int | None:
    """Return by how much a counter grew; one that is smaller than before was set back."""
    then, now = before.numbers.get(column), after.numbers.get(column)
    return None if then is None or now is None else max(0, now - then)

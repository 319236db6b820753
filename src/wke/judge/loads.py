"""A machine's load between two samples of its probes."""

from wke.keep.output.telemetry import COLUMNS, Load
from wke.records import Sample

USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL = range(8)


def load_between(before: Sample, after: Sample) -> Load:
    """Return the numbers of COLUMNS for the time between two samples; None for a number that one of the samples lacks.

    Each is a mean over that time; memory is the amount in use at its end. Time stolen by a hypervisor counts as busy.
    """
    elapsed_s = (after.at_ns - before.at_ns) / 1e9
    read, written = _rates(before, after, "disk", elapsed_s)
    received, sent = _rates(before, after, "network", elapsed_s)
    memory = after.numbers.get("memory", ())
    used = float(memory[0] - memory[1]) if len(memory) == 2 else None
    values = {"cpu": _busy(before, after), "mem": used, "disk-read": read, "disk-write": written, "netout": sent, "netin": received}
    return tuple(values[column] for column in COLUMNS)


def _busy(before: Sample, after: Sample) -> float | None:
    """Return the percentage of the time of all processors that was neither idle nor waiting for a disk."""
    first, last = before.numbers.get("cpu", ()), after.numbers.get("cpu", ())
    if len(first) <= STEAL or len(last) != len(first):
        return None
    ticks = [
        max(0, now - then) for then, now in zip(first, last, strict=True)
    ]  # the kernel's counters of idle and iowait may decrease slightly
    return 100 * (1 - (ticks[IDLE] + ticks[IOWAIT]) / sum(ticks)) if any(ticks) else None


def _rates(before: Sample, after: Sample, probe: str, elapsed_s: float) -> tuple[float | None, float | None]:
    first, last = before.numbers.get(probe, ()), after.numbers.get(probe, ())
    if len(first) != 2 or len(last) != 2 or elapsed_s <= 0:
        return None, None
    # The sums of one agent never decrease; a smaller sum comes from another agent.
    return max(0, last[0] - first[0]) / elapsed_s, max(0, last[1] - first[1]) / elapsed_s

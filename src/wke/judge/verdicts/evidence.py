"""Evidence: what is known of a trial, as the values that rules judge. It is computed when a rule asks for it, from stored data only."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.timeseries import COUNTS, CPU, LAG, TimeSeries
from wke.describe.experiment.verdictfile import LittleRule
from wke.describe.expression.evaluation import ExpressionError, calculate
from wke.describe.expression.expression import Expression
from wke.describe.expression.units import convert
from wke.judge.verdicts.generator import GeneratorUse
from wke.judge.verdicts.little import ClosedLoop
from wke.judge.verdicts.omission import Completions
from wke.keep.output.configuration import ConfigurationCheck
from wke.records import TaskName
from wke.values import dataclass

if TYPE_CHECKING:
    from wke.judge.verdicts.uses import Uses

Times = tuple[float, float]
"""From and until when."""
MEDIANS = ("p50", "median", "latency-p50", "median-latency")
"""Names of metrics that are a median latency; so is every quantile 0.5 of histograms or raw values."""

GENERATED = frozenset({*COUNTS, CPU, LAG})
OF_MACHINES = frozenset({"fio", "iperf3", "sysbench"})
"""Load generators that may also measure the machine that they run on, and keep its processors busy for that."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a trial.

    The measured window took `window_s`; None without one. `columns` are its parameters and metrics, in `units`. `load` has the time series
    of the measured tasks. The start skew lies between the `starts`, in seconds. `clocks` maps each machine to the largest error of its
    clock's offset in seconds, None for a clock that was set. `uses` reads telemetry. With `has_generator` the measured tasks put load on
    a system, even if they do not say so themselves. `clients` calculates how many clients a closed loop has.
    `configuration` tells what became of rendered files, None if there are none.

    `disturbed` are the times that somebody disturbed on purpose, in seconds since the release, in order and apart. Windows that share some
    of them are left out by all rules, as if they had not been.
    """

    window_s: float | None
    columns: Mapping[str, object]
    units: Mapping[str, str]
    metrics: tuple[Metric, ...]
    load: Mapping[TaskName, Mapping[str, TimeSeries]]
    starts: tuple[float, float] | None
    clocks: Mapping[str, float | None]
    has_generator: bool
    uses: "Callable[[Sequence[Times]], Uses]"
    clients: Expression | None = None
    configuration: ConfigurationCheck | None = None
    disturbed: tuple[Times, ...] = ()

    @cached_property
    def judged(self) -> tuple[int, ...]:
        """The whole windows of one second, by the second in which they begin, that nothing disturbed."""
        return tuple(first for first in range(int(self.window_s or 0)) if not self._is_disturbed(first))

    @property
    def windows(self) -> int:
        """How many windows can be judged."""
        return len(self.judged)

    def totals(self, name: str) -> list[float]:
        """Return how much all measured tasks counted under a name up to the end of each judged window; nothing unless each of them did."""
        series = [one[name] for one in self.load.values() if name in one]
        if not series or len(series) < len(self.load):
            return []
        counts = [0.0] * int(self.window_s or 0)
        for one in series:
            for at, value in zip(one.times, one.values, strict=True):
                window = _window(at)
                if window < len(counts):
                    counts[window] += value
        totals = list(accumulate(counts))
        return [totals[window] for window in self.judged]

    def per_window(self, name: str) -> list[float]:
        """Return how much all measured tasks counted under a name in each judged window."""
        whole = replace(self, disturbed=()).totals(name) if self.disturbed else self.totals(name)
        counts = [now - before for before, now in zip([0.0, *whole], whole, strict=False)]
        return [counts[window] for window in self.judged] if counts else []

    @cached_property
    def telemetry(self) -> "Uses":
        """What machines and tasks did; read once."""
        return self.uses(self.disturbed)

    def generators(self) -> tuple[GeneratorUse, ...]:
        """Return what is known of the load generator on each machine; nothing if the measured tasks are none."""
        by_metric = any(metric.from_ is not None and metric.from_ not in OF_MACHINES for metric in self.metrics)
        telling = {task.machine for task, series in self.load.items() if not GENERATED.isdisjoint(series)}
        if not (self.has_generator or by_metric or telling):
            return ()
        machines = dict.fromkeys(task.machine for task in self.load)
        return tuple(replace(self._generator(machine), certain=by_metric or machine in telling) for machine in machines)

    def closed_loop(self, rule: LittleRule) -> ClosedLoop:
        """Return the numbers of a closed loop, as the rule names them; those that are not known are 0."""
        clients = self._calculated(rule.clients)
        throughput, latency = self._number(rule.throughput, "1/s") or 0.0, self._number(rule.latency, "s") or 0.0
        rounding = sum(_half_digit(self.columns[name]) for name in (rule.throughput, rule.latency)) if throughput and latency else 0.0
        return ClosedLoop(clients, throughput, latency, throughput * (self.window_s or 0.0), rule.think, rounding)

    def completions(self) -> Completions | None:
        """Return when a closed loop completed nothing, as far as all measured tasks tell; None for an open loop."""
        if any("due" in series for series in self.load.values()):
            return None
        done = [one["done"] for one in self.load.values() if "done" in one]
        whole = len(done) == len(self.load) and all(len(one.times) > 1 for one in done)
        every = max(map(_every, done), default=0.0) if whole else 0.0
        count, seconds = _sum(done) if whole else 0.0, self.window_s or 0.0
        return Completions(self._calculated(self.clients), count, seconds, _still_s(done) if whole else 0.0, every)

    def _calculated(self, number: Expression | None) -> float:
        """Return what an expression comes to in this trial, 0 where it has no value."""
        try:
            return calculate(number, self.columns, self.units)[0] if number is not None else 0.0
        except ExpressionError:
            return 0.0

    def _generator(self, machine: str) -> GeneratorUse:
        mine = [
            {name: self._judged_part(one) for name, one in series.items()} for task, series in self.load.items() if task.machine == machine
        ]
        lags = [seconds for one in mine if (seconds := _mean_lag(one.get("lag"))) is not None]
        sent, due = ([one[name] for one in mine if name in one] for name in ("sent", "due"))
        cpu, cores = _busier(self.telemetry.generators.get(machine, (None, 1.0)), [one[CPU] for one in mine if CPU in one])
        whole = len(sent) == len(due) == len(mine)
        return GeneratorUse(
            machine,
            cpu=cpu,
            cores=cores,
            sent=_sum(sent) if whole else None,
            due=_sum(due) if whole else None,
            lag=max(lags) if lags else None,
            latency=self._median(),
        )

    def _is_disturbed(self, first: int) -> bool:
        return any(start < first + 1 and first < end for start, end in self.disturbed)

    def _judged_part(self, series: TimeSeries) -> TimeSeries:
        """Return a series without the samples of windows that were disturbed."""
        kept = [place for place, at in enumerate(series.times) if not self._is_disturbed(_window(at))]
        return TimeSeries(series.unit, tuple(series.times[place] for place in kept), tuple(series.values[place] for place in kept))

    def _median(self) -> float | None:
        """Return the median latency in seconds, if a metric is one."""
        names = [one.name for one in self.metrics if one.quantile == 0.5 or (one.field or one.name) in MEDIANS]
        known = (self._number(name, "s") for name in [*names, *MEDIANS])
        return next((number for number in known if number is not None), None)

    def _number(self, name: str, unit: str) -> float | None:
        value = self.columns.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return convert(value, self.units.get(name, ""), unit)


def _every(series: TimeSeries) -> float:
    """Return the longest time from one sample to the next."""
    return max(later - earlier for earlier, later in pairwise(series.times))


def _still_s(done: Sequence[TimeSeries]) -> float:
    """Return the longest time in which no task completed anything: a sample of 0 is of the time since the sample before."""
    edges = [
        edge
        for series in done
        for (start, end), count in zip(pairwise(series.times), series.values[1:], strict=True)
        if not count
        for edge in ((start, 0, 1), (end, 1, -1))
    ]
    still, depth, since, longest = False, 0, 0.0, 0.0
    for at, _, change in sorted(edges):
        depth += change
        if not still and depth >= len(done):
            still, since = True, at
        elif still and depth < len(done):
            still, longest = False, max(longest, at - since)
    return longest


def _window(at: float) -> int:
    """Return the window of a sample: the one that ends then, up to half a window earlier or later."""
    return max(0, math.ceil(at - 0.5) - 1)


def _half_digit(value: object) -> float:
    """Return half a unit of the last digit of a printed number that is not 0, at most that of ones, as a share of the number."""
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    return 0.5 * 10.0 ** min(0, int(exponent)) / abs(float(str(value)))


def _busier(seen: tuple[float | None, float], told: Sequence[TimeSeries]) -> tuple[float | None, float]:
    """Return the cores that a generator used, and those that it could use: by telemetry, or the larger share that it says itself.

    How many threads it has does not tell how many cores it can use: of a Python program they share one.
    """
    shares = [convert(sum(one.values) / len(one.values), one.unit, "1") or 0.0 for one in told if one.values]
    busiest = max(shares, default=0.0)
    cpu, cores = seen
    return (busiest, 1.0) if shares and busiest > (cpu or 0.0) / cores else seen


def _mean_lag(series: TimeSeries | None) -> float | None:
    """Return the mean lag in seconds."""
    if series is None or not series.values:
        return None
    return convert(sum(series.values) / len(series.values), series.unit, "s")


def _sum(series: Iterable[TimeSeries]) -> float:
    return sum(sum(one.values) for one in series)

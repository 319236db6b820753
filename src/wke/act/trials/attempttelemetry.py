"""The telemetry of an attempt as it is read when the attempt has ended, and again by `wke reanalyse`."""

from collections.abc import Sequence
from pathlib import Path

from wke.describe.experiment.metrics import Metric, joined
from wke.describe.expression.quantity import Report
from wke.describe.plan.plan import Trial, machines_of
from wke.describe.toml.wording import labelled
from wke.judge.clocks import knots
from wke.judge.telemetry.measured import measured
from wke.judge.telemetry.spans import measured_window, spans_of
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.telemetry.columns import HOST
from wke.keep.telemetry.file import SCRAPES
from wke.keep.telemetry.reader import read_telemetry
from wke.keep.trials.details import AttemptTimes
from wke.records import TaskName
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class SeriesMetrics:
    """The metrics of an attempt that are read from its telemetry, or from what was scraped."""

    trial: Trial
    telemetry: TrialTelemetry

    def ask(self, metric: Metric, tasks: Sequence[TaskName]) -> Report:
        """Return a metric's value and unit; raise ValueError saying why there is none."""
        owners = [(name, None) for name in self._machines(metric)] if metric.of_machines else [(task.machine, task) for task in tasks]
        if not owners:
            raise ValueError("there is nothing to read it from")
        found = {labelled([task]) if task else name: measured(metric, name, task, self.telemetry) for name, task in owners}
        return joined(metric, found)

    def _machines(self, metric: Metric) -> Sequence[str]:
        """Return the machines of a metric; the series of a computer that carries emulated machines come from one of these."""
        if metric.telemetry is None or not metric.telemetry.startswith(f"{HOST}."):
            return machines_of(metric, self.trial)
        telling = [name for name in self.telemetry.machines if any(column.scope == HOST for column in self.telemetry.columns(name))]
        return telling[:1] or machines_of(metric, self.trial)


def attempt_telemetry(folder: Path, times: AttemptTimes) -> TrialTelemetry:
    """Return the telemetry in an attempt's folder; raise StoreError if it is unreadable."""
    clocks = {machine: knots(clock) for machine, clock in times.clocks.items()}
    spans = spans_of(times.tasks, clocks, times.measured)
    stored, scrapes = read_telemetry(folder), read_telemetry(folder, SCRAPES)
    return TrialTelemetry("", 0, "", stored, scrapes, clocks, spans, measured_window(spans, times.released_ns))

"""Reads the telemetry of a trial from the store: the one place from which pages, exports, verdicts and metrics get it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from wke.describe.experiment.timeseries import TimeSeries
from wke.judge.clocks import knots
from wke.judge.summary.trial import TrialRecord
from wke.judge.telemetry.intervals import interval_series
from wke.judge.telemetry.placement import Clock
from wke.judge.telemetry.spans import measured_window, spans_of
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.output.hdrlog import read_intervals
from wke.keep.output.timeseries import interval_logs, series_of_tasks
from wke.keep.store import Store
from wke.keep.telemetry.file import SCRAPES
from wke.keep.telemetry.reader import read_telemetry
from wke.keep.trials.details import AttemptDetails
from wke.keep.trials.trials import StoredAttempt
from wke.records import TaskName
from wke.series.trial import load_trial


def load_telemetry(store: Store, name: str, number: int | None = None) -> TrialTelemetry:
    """Return the telemetry of the trial that `name` means, of its attempt `number` or else the one that counts; see `load_trial`.

    The time series that its tasks wrote are part of it.
    """
    record = load_trial(store, name, number)
    return with_written(telemetry_of(record), record.at, record.of)


def telemetry_of(record: TrialRecord) -> TrialTelemetry:
    """Return the telemetry of an attempt, without what its tasks wrote; a derived one has that of the attempt that ran."""
    return stored_telemetry(record.at, record.of)


def stored_telemetry(at: StoredAttempt, of: AttemptDetails) -> TrialTelemetry:
    """Return the telemetry of an attempt with these details."""
    clocks = {machine: knots(clock) for machine, clock in of.clocks.items()}
    spans = spans_of(of.tasks, clocks, of.measured)
    return TrialTelemetry(
        trial=at.id,
        attempt=at.attempt,
        series=at.series,
        stored=read_telemetry(at.folder),
        scrapes=read_telemetry(at.folder, SCRAPES),
        clocks=clocks,
        spans=spans,
        window=measured_window(spans, of.released_ns),
    )


def with_written(telemetry: TrialTelemetry, at: StoredAttempt, of: AttemptDetails) -> TrialTelemetry:
    """Return the telemetry of an attempt with the time series that its tasks wrote."""
    return replace(telemetry, written=_written(at.folder, telemetry.clocks, of.released_ns))


def _written(folder: Path, clocks: Mapping[str, Clock], released_ns: int | None) -> dict[TaskName, dict[str, TimeSeries]]:
    """Return the time series that tasks wrote, and those of their interval logs, such as `out/x.hlog:p99`; damaged logs are left out."""
    if released_ns is None:
        return {}
    written = series_of_tasks(folder)
    for task, logs in interval_logs(folder).items():
        for name, path in logs.items() if clocks.get(task.machine) else ():
            with suppress(ValueError):
                found = interval_series(read_intervals(path), clocks[task.machine], released_ns)
                written.setdefault(task, {}).update({f"{name}:{what}": series for what, series in found.items()})
    return written

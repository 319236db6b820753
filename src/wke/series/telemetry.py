"""Reads the telemetry of a trial from the store: the one place from which pages, exports, verdicts and metrics get it."""

from wke.judge.clocks import knots
from wke.judge.summary.trial import TrialRecord
from wke.judge.telemetry.spans import measured_window, spans_of
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.store import Store
from wke.keep.telemetry.file import SCRAPES
from wke.keep.telemetry.reader import read_telemetry
from wke.series.trial import load_trial


def load_telemetry(store: Store, name: str, number: int | None = None) -> TrialTelemetry:
    """Return the telemetry of the trial that `name` means, of its attempt `number` or else the one that counts; see `load_trial`."""
    return telemetry_of(load_trial(store, name, number))


def telemetry_of(record: TrialRecord) -> TrialTelemetry:
    """Return the telemetry of an attempt; a derived one has that of the attempt that ran."""
    at, of = record.at, record.of
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

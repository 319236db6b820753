"""Telemetry as CSV, one row per sample: for any program that reads tables."""

from collections.abc import Iterator

from wke.keep.files.csvtext import csv_line
from wke.tell.exports.telemetry.chosen import TelemetryExport, sample_texts

HEADER = ("time", "machine", "scope", "step", "target", "copy", "name", "kind", "unit", "value")


def samples_csv(export: TelemetryExport) -> Iterator[str]:
    """Yield the header and the rows, by machine, series and time.

    `time` is in seconds since the epoch on the controller's clock. `step`, `target` and `copy` name a task; they are empty for a machine.
    A `value` is as it was read, in `unit`: a counter is not a rate. It is empty if it is not known.
    """
    yield csv_line(HEADER)
    for machine, series in export.parts():
        for column, readings in series.items():
            task = column.task
            about = [column.scope, *((task.step, task.target, task.copy) if task else (None,) * 3), column.name, column.kind, column.unit]
            fixed = csv_line([machine, *about]).rstrip("\n")
            texts = zip(readings.times_ns.tolist(), sample_texts(column, readings), strict=True)
            yield "".join([f"{at // 10**9}.{at % 10**9:09d},{fixed},{value}\n" for at, value in texts])

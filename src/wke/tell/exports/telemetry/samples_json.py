"""Telemetry as one JSON object, for programs."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from math import isfinite

from wke.judge.telemetry.spans import Span
from wke.judge.telemetry.trial import TrialTelemetry
from wke.tell.exports.telemetry.chosen import TelemetryExport


def samples_json(export: TelemetryExport) -> Iterator[str]:
    """Yield the object in pieces; times are nanoseconds since the epoch on the controller's clock, a value that is not known is null."""
    yield json.dumps(_head(export.telemetry)).removesuffix("}") + ', "samples": ['
    comma = "\n"
    for machine, series in export.parts():
        for column, readings in series.items():
            about = {"machine": machine, "scope": column.scope, "task": column.task and asdict(column.task), "name": column.name}
            values = [value if isfinite(value) else None for value in readings.values.tolist()]
            told = {**about, "kind": column.kind, "unit": column.unit, "times-ns": readings.times_ns.tolist()}
            told["values"] = values if column.floating else [None if value is None else int(value) for value in values]
            yield comma + json.dumps(told)
            comma = ",\n"
    yield "\n]}\n"


def _head(telemetry: TrialTelemetry) -> dict[str, object]:
    window = telemetry.window
    return {
        "trial": telemetry.trial,
        "attempt": telemetry.attempt,
        "series": telemetry.series,
        "window": None if window is None else {"start-ns": window.start_ns, "end-ns": window.end_ns},
        "spans": [_span(span) for span in telemetry.spans],
        "damage": list(telemetry.damage),
    }


def _span(span: Span) -> dict[str, object]:
    about = {"kind": span.kind, "name": span.name, "step": span.step, "start-ns": span.start_ns, "end-ns": span.end_ns}
    return {**about, "measured": span.measured, "task": span.task and asdict(span.task), "outcome": span.outcome}

"""Telemetry as OpenMetrics text with times, which `promtool tsdb create-blocks-from openmetrics` imports.

Names and units follow the conventions of Prometheus: base units, `_total` for counters, labels for devices and tasks. What was scraped
keeps its name and its labels, with `exported_` before one that is ours, as Prometheus does it; its type is told as unknown. Samples of one
metric must stand together, so all of them are in memory.
"""

import json
import re
from collections.abc import Iterator, Mapping

import numpy as np

from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.reader import Readings
from wke.tell.exports.telemetry.chosen import TelemetryExport
from wke.values import dataclass

BASE_UNITS = {  # unit -> the base unit as names have it, and the factor that gives it
    "ns": ("seconds", 1e-9),
    "us": ("seconds", 1e-6),
    "ms": ("seconds", 1e-3),
    "s": ("seconds", 1.0),
    "B": ("bytes", 1.0),
    "nJ": ("joules", 1e-9),
    "uJ": ("joules", 1e-6),
    "mJ": ("joules", 1e-3),
    "J": ("joules", 1.0),
    "Hz": ("hertz", 1.0),
    "kHz": ("hertz", 1e3),
    "m°C": ("celsius", 1e-3),
    "us/s": ("cores", 1e-6),
    "1/100": ("", 0.01),
    "1/1000": ("", 0.001),
    "1": ("", 1.0),
    "1/s": ("per_second", 1.0),
}
DEVICE = re.compile(r"(?P<kind>disk|net|cpu)\.(?P<device>.+)\.(?P<what>[^.]+)|(?P<sensor>energy|temperature|frequency)\.(?P<which>.+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)(="(?:[^"\\]|\\.)*")')
SCRAPED = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})?")


@dataclass(frozen=True, slots=True)
class _Metric:
    """A family of metrics, the labels of one of them, and the factor of its values."""

    family: str
    type: str
    labels: Mapping[str, str]
    factor: float = 1.0
    given: str = ""
    """Labels as they were scraped."""


def openmetrics(export: TelemetryExport) -> Iterator[str]:
    """Yield the text: each family with its type, then each metric with its samples in the order of time; unknown values are left out."""
    families: dict[tuple[str, str], list[tuple[_Metric, Readings]]] = {}
    for machine, series in export.parts():
        for column, readings in series.items():
            metric = _metric(export.telemetry, machine, column)
            families.setdefault((metric.family, metric.type), []).append((metric, readings))
    for (family, kind), metrics in families.items():
        yield f"# TYPE {family} {kind}\n"
        for metric, readings in metrics:
            yield _samples(metric, readings)
    yield "# EOF\n"


def _samples(metric: _Metric, readings: Readings) -> str:
    labels = ",".join([*([metric.given] if metric.given else []), *(f"{name}={_quoted(text)}" for name, text in metric.labels.items())])
    start = f"{metric.family}{'_total' if metric.type == 'counter' else ''}{{{labels}}}"
    known = ~np.isnan(readings.values)
    known[1:] &= readings.times_ns[1:] > np.maximum.accumulate(readings.times_ns)[:-1]
    times, values = readings.times_ns[known].tolist(), (metric.factor * readings.values[known]).tolist()
    return "".join([f"{start} {value:.15g} {at // 10**9}.{at % 10**9:09d}\n" for at, value in zip(times, values, strict=True)])


def _metric(telemetry: TrialTelemetry, machine: str, column: Column) -> _Metric:
    labels = {"trial": telemetry.trial, "series": telemetry.series, "machine": machine}
    scraped = SCRAPED.fullmatch(column.name) if column.scope.startswith("scrape.") else None
    if scraped:
        labels["port"] = column.scope.partition(".")[2]
        given = LABEL.sub(lambda label: ("exported_" if label[1] in labels else "") + label[0], scraped["labels"] or "")
        return _Metric(scraped["name"], "unknown", labels, given=given)
    scope, name = column.scope.partition(".")[0], column.name
    device = DEVICE.fullmatch(name) if scope != "task" else None
    if device:
        kind = "core" if device["kind"] == "cpu" else device["kind"]
        name, labels["device"] = (f"{kind}_{device['what']}", device["device"]) if kind else (device["sensor"], device["which"])
    if column.task is not None:
        task = column.task
        labels |= {"target": task.target, "step": str(task.step), "copy": str(task.copy)}
    unit, factor = BASE_UNITS.get(column.unit, (column.unit, 1.0))
    words = ["wke", *([] if scope == "machine" else [scope]), name, *([unit] if unit else [])]
    return _Metric(re.sub(r"[^a-zA-Z0-9]+", "_", "_".join(words)), column.kind, labels, factor)


def _quoted(text: str) -> str:
    """Return a label's value."""
    return json.dumps(text, ensure_ascii=False)

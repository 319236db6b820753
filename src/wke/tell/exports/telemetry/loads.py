"""Telemetry as the recording of a session of wke 0.1: a folder with `loads.csv`, from which `wke plot-loads` draws."""

from collections.abc import Mapping
from math import isnan
from pathlib import Path

import numpy as np

from wke.errors import InputError
from wke.judge.telemetry.course import Numbers, Whole
from wke.judge.telemetry.trial import TrialTelemetry
from wke.judge.telemetry.windowusage import usage_columns, usage_means
from wke.keep.output.telemetry import Load, LoadsFile, Recording, record_window, write_recording
from wke.keep.telemetry.columns import HOST
from wke.tell.exports.telemetry.chosen import TelemetryExport

INTERVAL_NS = 100_000_000
PARTS = ("cpu", "memory", "read", "written", "sent", "received")  # in the order of the columns of loads.csv


def write_loads(folder: Path, export: TelemetryExport) -> None:
    """Write the recording: rows of a tenth of a second, means over it. Raise InputError when `folder` has one, StoreError for the disk."""
    if (folder / "loads.csv").exists():
        raise InputError(f"{folder} has a loads.csv already", hint="give another folder")
    telemetry, machines = export.telemetry, export.wanted_machines()
    spans = [each for machine in machines if (each := _reach(telemetry, machine))]
    if not spans:
        raise InputError("no machine has samples whose time is known", hint="; ".join(telemetry.damage) or None)
    start_ns, end_ns = min(start for start, _ in spans), max(end for _, end in spans)
    marks = start_ns + INTERVAL_NS * np.arange((end_ns - start_ns) // INTERVAL_NS + 2, dtype=np.int64)
    _write_rows(folder, marks, {machine: _loads(telemetry, machine, marks) for machine in machines})
    hosts = {machine: "host" if _is_hosts(telemetry, machine) else machine for machine in machines}
    write_recording(folder, Recording(start_ns, INTERVAL_NS / 1e9, hosts, {}))
    if telemetry.window is not None:
        record_window(folder, telemetry.window.start_ns, telemetry.window.end_ns)


def _write_rows(folder: Path, marks: Whole, loads: Mapping[str, Numbers]) -> None:
    file = LoadsFile(folder, tuple(loads))
    try:
        for row in range(len(marks) - 1):
            file.append((row + 1) * INTERVAL_NS / 1e9, {machine: _load(each[:, row]) for machine, each in loads.items()})
    finally:
        file.close()


def _load(values: Numbers) -> Load:
    return tuple(None if isnan(value) else value for value in values.tolist())


def _reach(telemetry: TrialTelemetry, machine: str) -> tuple[int, int] | None:
    """Return from when to when something of a machine is known."""
    columns = [column for part in PARTS for column in usage_columns(telemetry.columns(machine), part)]
    courses = [course for course in telemetry.courses(machine, columns).values() if len(course.values)]
    return (min(int(each.starts_ns[0]) for each in courses), max(int(each.ends_ns[-1]) for each in courses)) if courses else None


def _loads(telemetry: TrialTelemetry, machine: str, marks: Whole) -> Numbers:
    """Return a row for each of PARTS: processors in percent of what the machine has, the rest as loads.csv has it."""
    chosen = {part: usage_columns(telemetry.columns(machine), part) for part in (*PARTS, "cores")}
    courses = telemetry.courses(machine, {column for columns in chosen.values() for column in columns})
    means = {part: usage_means([courses[each] for each in columns if each in courses], marks) for part, columns in chosen.items()}
    means["cpu"] = 100 * means["cpu"] / means["cores"]
    return np.array([means[part] for part in PARTS])


def _is_hosts(telemetry: TrialTelemetry, machine: str) -> bool:
    return any(column.scope == HOST for column in usage_columns(telemetry.columns(machine), "cpu"))

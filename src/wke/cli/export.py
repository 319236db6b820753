"""`wke export`: writes the telemetry of a trial for other programs."""

from collections.abc import Iterable
from pathlib import Path

import click

from wke.cli.options import as_json, folder
from wke.errors import InputError
from wke.keep.files.disk import write_atomically
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.series.telemetry import load_telemetry
from wke.tell.exports.telemetry.chosen import TelemetryExport
from wke.tell.exports.telemetry.chrometrace import chrome_trace
from wke.tell.exports.telemetry.loads import write_loads
from wke.tell.exports.telemetry.openmetrics import openmetrics
from wke.tell.exports.telemetry.samples_csv import samples_csv
from wke.tell.exports.telemetry.samples_json import samples_json
from wke.tell.exports.telemetry.samples_parquet import write_samples_parquet
from wke.tell.terminal.console import Printer
from wke.tell.terminal.output import put
from wke.tell.terminal.sanitize import visible

TEXTS = {"csv": samples_csv, "openmetrics": openmetrics, "trace": chrome_trace, "json": samples_json}
FILES = {"parquet": write_samples_parquet, "loads": write_loads}


@click.command(epilog="`promtool tsdb create-blocks-from openmetrics FILE` imports OpenMetrics; https://ui.perfetto.dev opens a trace.")
@click.argument("trial")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet", "loads", "openmetrics", "trace"]),
    default="csv",
    show_default=True,
    help="csv, parquet: one row per sample. loads: a folder for `wke plot-loads`. trace: for Perfetto and chrome://tracing.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="PATH", help="Write to this file (for loads: folder), not to stdout.")
@click.option("--only", multiple=True, metavar="NAME", help="Only series of this name; * stands for any text. May be repeated.")
@click.option("--machine", "machines", multiple=True, metavar="NAME", help="Only the series of this machine. May be repeated.")
@click.option("--attempt", type=int, metavar="NUMBER", help="Export this attempt instead of the one that counts or else the last.")
@folder
@as_json
def export(
    trial: str, *, form: str, out: Path | None, only: tuple[str, ...], machines: tuple[str, ...], attempt: int | None, as_json: bool
) -> None:
    """Write the telemetry of TRIAL: what its machines and tasks did over time, on the controller's clock.

    TRIAL is the start of its id, or SERIES:PARAMETER=VALUE if that means one trial.
    """
    if form in FILES and out is None and not as_json:
        raise InputError(f"--format {form} is not text", hint="give the path to write to with -o")
    with Store.open(RESULTS, readonly=True) as store:
        chosen = TelemetryExport(load_telemetry(store, trial, attempt), only, machines)
    if chosen.telemetry.machines or not as_json:  # a query of what is not there has an empty answer
        chosen.check()
    printer = Printer()
    if not as_json and form in FILES and out is not None:
        FILES[form](out, chosen)
    else:
        _write(out, TEXTS["json" if as_json else form](chosen))
    for damage in chosen.telemetry.damage:
        printer.talk(f"note: {damage}")
    if out is not None:
        printer.talk(str(out))


def _write(out: Path | None, pieces: Iterable[str]) -> None:
    if out is None:
        for piece in pieces:
            put("stdout", visible(piece))
        return
    write_atomically(out, (piece.encode() for piece in pieces))

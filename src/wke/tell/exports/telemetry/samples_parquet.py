"""Telemetry as a Parquet file with the rows of the CSV export: for pandas, polars, DuckDB and the like."""

import os
from pathlib import Path

from wke.keep.files.disk import disk_errors
from wke.tell.exports.frames import library
from wke.tell.exports.telemetry.chosen import TelemetryExport


def write_samples_parquet(path: Path, export: TelemetryExport) -> None:
    """Write the file, whole or not at all; `time` is a timestamp in UTC, an unknown value is null.

    Raises InputError when pyarrow is not installed, StoreError when the disk refuses.
    """
    arrow, parquet = library("pyarrow"), library("pyarrow.parquet")
    word = arrow.dictionary(arrow.int32(), arrow.string())
    types = {"time": arrow.timestamp("ns", tz="UTC"), "machine": word, "scope": word, "step": arrow.int32(), "target": word}
    types |= {"copy": arrow.int32(), "name": word, "kind": word, "unit": word, "value": arrow.float64()}
    schema = arrow.schema(list(types.items()))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path.parent):
        try:
            with parquet.ParquetWriter(temporary, schema) as writer:
                for machine, series in export.parts():
                    for column, readings in series.items():
                        task = column.task
                        fixed: dict[str, object] = {
                            "machine": machine,
                            "scope": column.scope,
                            "name": column.name,
                            "kind": column.kind,
                            "unit": column.unit,
                        }
                        fixed |= {"step": task.step, "target": task.target, "copy": task.copy} if task else {}
                        count = len(readings.values)
                        cells = {name: arrow.repeat(arrow.scalar(fixed.get(name), types[name]), count) for name in types}
                        cells["time"] = arrow.array(readings.times_ns, types["time"])
                        cells["value"] = arrow.array(readings.values, from_pandas=True)
                        writer.write_table(arrow.table(cells, schema=schema))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

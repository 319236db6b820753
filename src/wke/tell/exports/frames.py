"""Rows as tables of pandas, polars and pyarrow; each library is imported only here and only when it is used."""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wke.errors import InputError
from wke.judge.summary.resultrow import ResultRow
from wke.keep.files.disk import disk_errors
from wke.tell.exports.resultrows import columns

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


def arrow_table(rows: Sequence[ResultRow]) -> "pa.Table":
    """Return the rows as a pyarrow table; the unit of a metric is in its field's metadata."""
    arrow = library("pyarrow")
    table = columns(rows)
    types = {bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
    units = {name: {"unit": unit} for name, unit in table.units.items() if unit}
    schema = arrow.schema([arrow.field(name, types[table.type_of(name)], metadata=units.get(name)) for name in table.cells])
    made: pa.Table = arrow.table(dict(table.cells), schema=schema)
    return made


def pandas_frame(rows: Sequence[ResultRow]) -> "pd.DataFrame":
    """Return the rows as a pandas data frame; `attrs["units"]` has the units of the metrics."""
    pandas = library("pandas")
    table = columns(rows)
    whole, gaps = (
        {bool: "bool", int: "int64", float: "float64", str: "str"},
        {bool: "boolean", int: "Int64", float: "float64", str: "object"},
    )
    types = {name: (gaps if None in cells else whole)[table.type_of(name)] for name, cells in table.cells.items()}
    made: pd.DataFrame = pandas.DataFrame({name: pandas.Series(cells, dtype=types[name]) for name, cells in table.cells.items()})
    made.attrs["units"] = dict(table.units)
    return made


def polars_frame(rows: Sequence[ResultRow]) -> "pl.DataFrame":
    """Return the rows as a polars data frame."""
    polars = library("polars")
    types = {bool: polars.Boolean, int: polars.Int64, float: polars.Float64, str: polars.String}
    table = columns(rows)
    made: pl.DataFrame = polars.DataFrame(dict(table.cells), schema={name: types[table.type_of(name)] for name in table.cells})
    return made


def write_parquet(path: Path, rows: Sequence[ResultRow]) -> None:
    """Write the rows to a Parquet file, whole or not at all. Raises StoreError when the disk refuses."""
    table = arrow_table(rows)
    parquet = library("pyarrow.parquet")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path.parent):
        try:
            parquet.write_table(table, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def library(name: str) -> Any:
    """Import and return a library that only exports need; raise InputError with the command that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise InputError(f"this needs {package}, which is not installed", hint=f"pip install {package}") from None

"""What was measured, for scripts and notebooks: rows, and data frames of whatever library is there."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wke.describe.experiment.experimentreader import read_experiment
from wke.judge.summary.resultrow import ResultRow
from wke.keep.store import Store
from wke.series.resultrows import load_rows
from wke.tell.exports import frames
from wke.values import dataclass

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Results:
    """Rows of one series or several, one for every attempt: failed, invalid, interrupted ones and warm-ups too. `counted` leaves those out.

    `to_pandas`, `to_polars`, `to_arrow` and `to_parquet` need that library (the extra `analysis` installs all of them), and raise an
    InputError that says so where it is not there. Columns: series, trial, attempt, iteration, warmup, outcome, why, counts, started_ns,
    elapsed_s, skew_ms, skew_bound_ms, derived_from, stands_for, then one for every parameter and every metric.
    """

    rows: tuple[ResultRow, ...]

    @property
    def counted(self) -> "Results":
        """The rows that tables and figures are made of: one for each trial that is ok and no warm-up."""
        return Results(tuple(row for row in self.rows if row.counts))

    def __iter__(self) -> Iterator[ResultRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> "pd.DataFrame":
        """Return a data frame of pandas; the units of metrics are in `attrs["units"]`."""
        return frames.pandas_frame(self.rows)

    def to_polars(self) -> "pl.DataFrame":
        """Return a data frame of polars."""
        return frames.polars_frame(self.rows)

    def to_arrow(self) -> "pa.Table":
        """Return a table of pyarrow; the unit of a metric is in its field's metadata."""
        return frames.arrow_table(self.rows)

    def to_parquet(self, path: str | Path) -> None:
        """Write a Parquet file."""
        frames.write_parquet(Path(path), self.rows)


def results(what: str | Path | None = None, *, folder: str | Path = "results") -> Results:
    """Return what was measured: of a series by its name or its experiment's file, or of all series in a folder of results or a project.

    Names are looked up in the store in `folder`; without `what` all of its series are returned. Raises StoreError where nothing is stored
    and InputError for a name that no series has. May be called while the series is being measured.
    """
    store, name = _found(what, Path(folder))
    with Store.open(store, readonly=True) as opened:
        names = opened.plans.names() if name is None else (name,)
        return Results(tuple(row for each in names for row in load_rows(opened, each)))


def _found(what: str | Path | None, folder: Path) -> tuple[Path, str | None]:
    """Return the store that is meant, and the series in it, None for all."""
    if what is None:
        return folder, None
    if str(what).endswith(".toml"):
        return folder, read_experiment(Path(what)).name
    for place in (Path(what), Path(what) / "results"):
        if Store.exists(place) and not _has(folder, str(what)):
            return place, None
    return (Path(what), None) if isinstance(what, Path) else (folder, what)


def _has(folder: Path, name: str) -> bool:
    if not Store.exists(folder):
        return False
    with Store.open(folder, readonly=True) as store:
        return name in store.plans.names()

"""The printer that a benchmark function gets: it takes the results of one trial, and their rows in the CSV file."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import SupportsFloat

from wke.describe.experiment.point import value_key
from wke.keep.files.disk import disk_errors
from wke.keep.trials.trials import StoredAttempt

PRINTED = "printed.json"
Row = tuple[Mapping[str, object], Mapping[str, object]]
"""A row of the CSV file: parameters and metrics."""


class ResultPrinter:
    """Takes the results of one trial."""

    def __init__(self) -> None:
        self.rows: list[tuple[dict[str, object], dict[str, object]]] = []
        self.log_folder: Path | None = None

    def print(self, uid: object, params: Mapping[str, object], metrics: Mapping[str, object]) -> None:
        """Store metrics of the trial. `uid` is that of the session that measured them; its logs are linked to the trial.

        A metric that was given before starts another row of the CSV file. Parameters that the script has added to `params` are stored.
        """
        if not self.rows or any(name in self.rows[-1][1] for name in metrics):
            self.rows.append(({}, {}))
        self.rows[-1][0].update({name: value if isinstance(value, bool | int | float) else str(value) for name, value in params.items()})
        for name, value in metrics.items():
            number = _number(value)
            self.rows[-1][1][name] = str(value) if number is None else number
        folder = Path("logs") / f"measurement-{uid}"
        if folder.is_dir():
            self.log_folder = folder

    @property
    def observations(self) -> dict[str, float]:
        """Each metric that is a number; the mean of those of several rows."""
        names = dict.fromkeys(name for _, metrics in self.rows for name in metrics)
        values = {name: [v for _, metrics in self.rows if isinstance(v := metrics.get(name), float)] for name in names}
        return {name: mean(numbers) for name, numbers in values.items() if numbers}

    def keep(self, folder: Path, point: Mapping[str, object]) -> None:
        """Write to a trial's folder what the store does not hold: several rows, text, parameters that are not in its point."""
        rows = [
            ({name: value for name, value in params.items() if value_key(point.get(name)) != value_key(value)}, metrics)
            for params, metrics in self.rows
        ]
        if rows not in ([], [({}, self.observations)]):
            with disk_errors(folder):
                (folder / PRINTED).write_text(json.dumps(rows))


def printed_rows(trial: StoredAttempt) -> Sequence[Row]:
    """Return the rows of a trial."""
    try:
        rows = json.loads((trial.folder / PRINTED).read_bytes())
    except FileNotFoundError:
        return [(trial.point, trial.observations)]
    return [({**trial.point, **params}, metrics) for params, metrics in rows]


def _number(value: object) -> float | None:
    if not isinstance(value, str | SupportsFloat):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None

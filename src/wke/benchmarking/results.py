"""The printer that a benchmark function gets: it takes the metrics of one trial."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import SupportsFloat

from wke.api.scripterrors import BenchmarkError
from wke.tell.terminal.console import Printer


class ResultPrinter:
    """Takes the metrics of one trial, each once."""

    def __init__(self) -> None:
        self.observations: dict[str, float] = {}
        self.log_folder: Path | None = None

    def print(self, uid: object, params: Mapping[str, object], metrics: Mapping[str, object]) -> None:  # noqa: ARG002 - known already
        """Store the metrics of the trial. `uid` is that of the session that measured them; its logs are linked to the trial.

        Raises BenchmarkError for a metric that was given before: one call of the benchmark function is one trial. A value that is not a
        number cannot be summarised or drawn, so it is printed but not stored.
        """
        for name, value in metrics.items():
            number = _number(value)
            if name in self.observations:
                raise BenchmarkError(f'metric "{name}" is given twice in one trial', hint="call the benchmark once for each result")
            if number is None:
                Printer().talk(f"{name} = {value} is not a number and is not stored")
            else:
                self.observations[name] = number
        folder = Path("logs") / f"measurement-{uid}"
        if folder.is_dir():
            self.log_folder = folder


def _number(value: object) -> float | None:
    if not isinstance(value, str | SupportsFloat):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None

"""The results as a CSV file that spreadsheets and old wke's `merge-csv` read: an export, the store is the truth."""

import csv
import io
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from wke.describe.metrics import Metric
from wke.keep.disk import write_atomically
from wke.keep.trials import StoredTrial, settled
from wke.tell.tables import Point, metric_units, varied


def results_csv(trials: Sequence[StoredTrial], metrics: Sequence[Metric] = (), *, command: str = "", points: Sequence[Point] = ()) -> str:
    """Return comment lines (command, constants), a header `uid, varied parameters…, metrics…` and one row for each trial that is ok.

    Warm-ups are left out; a metric that a trial does not have is an empty field. What varies is told by `points`, else by the trials.
    """
    rows = [trial for trial in settled(trials) if trial.ok and not trial.warmup]
    known = list(points) or [trial.point for trial in rows]
    parameters, names = varied(known), list(metric_units(rows, metrics))
    text = io.StringIO()
    text.write(_comment("command", command))
    text.write(_comment("constants", _assignments({name: v for point in known[:1] for name, v in point.items() if name not in parameters})))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["uid", *parameters, *names])
    for trial in rows:
        writer.writerow(
            [trial.id, *(trial.point.get(name, "") for name in parameters), *(trial.observations.get(name, "") for name in names)]
        )
    return text.getvalue()


def write_results_csv(path: Path, text: str) -> None:
    """Make the file at `path` hold `text`, never a part of it."""
    write_atomically(path, text.encode())


def _comment(key: str, value: str) -> str:
    """Return a comment line; a newline in the value would end the comment, so it is written as two signs."""
    shown = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r") if set(value) & {"\n", "\r"} else value
    return f"# {key}: {shown}".rstrip() + "\n"


def _assignments(constants: Mapping[str, object]) -> str:
    return " ".join(f"{name}={shlex.quote(str(value))}" for name, value in constants.items())

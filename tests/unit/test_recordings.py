"""What tasks left in files, as metrics: units that logs tell or do not, raw values, output of load generators."""

from pathlib import Path

import hdr
import pytest

from wke.act.trials.recordings import Recordings
from wke.describe.experiment.metrics import Metric
from wke.keep.output.logs import files_folder
from wke.records import TaskName

TASKS = (TaskName(0, "load", "m0"), TaskName(0, "load", "m1"))
NS, US, RAW = ({"per_ms": per_ms} for per_ms in (1_000_000, 1_000, 1))
P99 = Metric("p99", hdr="out.hlog", quantile=0.99, unit="ms")
RAW_P99 = Metric("p99", raw="out.txt", quantile=0.99, unit="ms", scale="us")


def log(unit: dict[str, int], factor: int = 1_000_000) -> str:
    return hdr.log(hdr.line([factor * k for k in range(1, 401)], **unit))


CASES: dict[str, tuple[Metric, tuple[str, str], tuple[float, str] | str]] = {
    "nanoseconds": (P99, (log(NS), log(NS)), (396.099583, "ms")),
    "microseconds": (P99, (log(US, 1000), log(US, 1000)), (396.031, "ms")),
    "stated as recorded": (
        P99,
        (log(RAW), log(RAW)),
        '"out.hlog" does not tell in which unit values were recorded; write scale = "ns", "us" or "ms"',
    ),
    "different units": (
        P99,
        (log(NS), log(US, 1000)),
        '"out.hlog" tells different units of recorded values: ns on load on m0, us on load on m1; write scale = "ns", "us" or "ms"',
    ),
    "one does not tell": (
        P99,
        (log(NS), log(RAW)),
        (
            '"out.hlog" tells different units of recorded values: ns on load on m0, an unknown unit on load on m1; '
            'write scale = "ns", "us" or "ms"'
        ),
    ),
    "intervals of different units": (
        P99,
        (log(NS) + log(US, 1000), log(NS)),
        (
            '"out.hlog" tells different units of recorded values: an unknown unit on load on m0, ns on load on m1; '
            'write scale = "ns", "us" or "ms"'
        ),
    ),
    "a scale decides": (
        Metric("p99", hdr="out.hlog", quantile=0.99, unit="ms", scale="us"),
        (log(RAW, 1000), log(RAW, 1000)),
        (396.031, "ms"),
    ),
    "raw values": (RAW_P99, ("\n".join(map(str, range(400))), "\n".join(map(str, range(400, 800)))), (0.791, "ms")),
    "raw values with units": (RAW_P99, ("1ms\n" * 200, "2ms\n" * 200), (2.0, "ms")),
    "raw values times a factor": (
        Metric("mean", raw="out.txt", statistic="mean", unit="ops", scale=0.5),
        ("1\n2\n", "6\n"),
        (1.5, "ops"),
    ),
    "too few raw values": (
        RAW_P99,
        ("1\n", "2\n"),
        "load on m0, m1: 2 values are too few for a quantile of 0.99, which needs at least 368",
    ),
    "no number": (RAW_P99, ("1\n", "x\n"), 'out.txt of load on m1: line 1 has "x", not a number'),
    "no file": (RAW_P99, ("1\n", ""), "load on m1 left no out.txt in $WKE_DIR"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_metric_of_files(tmp_path: Path, name: str) -> None:
    """The values of all tasks together, in the metric's unit; a unit that is not known, or not the same everywhere, is never guessed."""
    metric, texts, expected = CASES[name]
    for task, text in zip(TASKS, texts, strict=True):
        if text:
            path = files_folder(tmp_path, task) / str(metric.path)
            path.parent.mkdir(parents=True)
            path.write_text(text)
    recordings = Recordings(tmp_path)
    if isinstance(expected, str):
        with pytest.raises(ValueError) as error:
            recordings.ask(metric, TASKS)
        assert str(error.value) == expected
    else:
        assert recordings.ask(metric, TASKS) == expected


def test_a_load_generator_that_writes_a_file(tmp_path: Path) -> None:
    """A field is read from the one file that the pattern names; the file is named in what is wrong with it."""
    for name in ("one", "two"):
        path = files_folder(tmp_path, TASKS[0]) / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("tps = 12.5 (without initial connection time)\n")
    ask = Recordings(tmp_path).ask
    assert ask(Metric("tps", from_="pgbench", field="throughput", file="one.txt"), TASKS) == (12.5, "1/s")
    for file, words in {
        "one.txt": '^one.txt of load on m0: pgbench says nothing of "p99": only throughput$',
        "*.txt": r"^load on m0 left 2 files \*\.txt; name one of them$",
    }.items():
        with pytest.raises(ValueError, match=words):
            ask(Metric("p99", from_="pgbench", file=file), TASKS)

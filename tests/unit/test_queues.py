"""The queues with known latencies, on which load and searches are tried, against the closed forms."""

import csv
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from queues import Queue

KNOWN = Path(__file__).parents[1] / "known_answers" / "queue-mmc.csv"


def test_latencies_of_queues_are_known() -> None:
    """Share that waits, mean and quantiles; the capacity is where a quantile is at its limit."""
    lines = [line for line in KNOWN.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 20
    for row in csv.DictReader(lines):
        queue, rate = Queue(int(row["c"]), 1.0), float(row["rho"]) * int(row["c"])
        found = {
            "prob_wait": queue.share_waiting(rate),
            "mean_response": queue.mean_s(rate),
            **{name: queue.quantile_s(share, rate) for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))},
        }
        assert found == {name: pytest.approx(float(row[name]), rel=1e-6) for name in found}
        if row["rho"] == "0.8":
            assert queue.capacity(0.99, found["p99"]) == pytest.approx(rate, rel=1e-4)

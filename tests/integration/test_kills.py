"""The program behind a part of docs/robustness.md, in small: a series whose controller is killed loses nothing and repeats nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import limit

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "kills.py"


@pytest.mark.netns
def test_a_controller_that_is_killed_again_and_again() -> None:
    """Ten kills, one at each boundary of a commit and five at instants of chance: by the ledger of the machines, no harm was done."""
    done = subprocess.run(
        [sys.executable, PROGRAM, "--kills", "10", "--seed", "7"], capture_output=True, text=True, timeout=limit(110), check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")][2:]
    rows = {kind: [int(figure) for figure in figures] for kind, *figures in table}
    assert rows["all"] == [10, 0, 0, 0, 0]
    assert [row[0] for row in rows.values()] == [1, 1, 1, 1, 1, 5, 10]

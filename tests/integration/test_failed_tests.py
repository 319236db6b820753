"""What a test that fails does to those after it."""

import os
import subprocess
import sys
from pathlib import Path

from support import limit

TESTS = Path(__file__).parents[1]
FILE = """
import gc
import os

def test_that_fails():
    files = [*map(os.fdopen, os.pipe())]
    files.append(files)
    assert not files

def test_that_passes():
    gc.collect()
"""


def test_one_failure_stays_one(tmp_path: Path) -> None:
    """The files that a failed test left open are no failure of the next one."""
    (tmp_path / "test_two.py").write_text(FILE)
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-c", TESTS.parent / "pyproject.toml", "--rootdir", tmp_path, tmp_path]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=limit(60), env={**os.environ, "PYTHONPATH": str(TESTS)}
    )
    assert "1 failed, 1 passed" in done.stdout.splitlines()[-1], done.stdout

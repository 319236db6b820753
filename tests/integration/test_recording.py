"""A recording of telemetry whose writer is killed."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import limit

from wke.errors import StoreError
from wke.keep.output.telemetry import COLUMNS, LoadsFile, is_growing, read_loads


def load(value: float) -> tuple[float, ...]:
    return (value,) * len(COLUMNS)


def test_a_recording_grows_until_its_writer_is_gone(tmp_path: Path) -> None:
    """Closed, or killed: nobody takes the file for a growing one. There is one writer, and a recording is not written over."""
    assert not is_growing(tmp_path)
    file = LoadsFile(tmp_path, ["m0"])
    assert is_growing(tmp_path)
    with pytest.raises(StoreError, match="File exists"):
        LoadsFile(tmp_path, ["m0"])
    file.append(0.1, {"m0": load(1)})
    assert read_loads(tmp_path).times == (0.1,)
    file.close()
    assert not is_growing(tmp_path)
    killed = "import os, pathlib, sys; from wke.keep.output.telemetry import *; file = LoadsFile(pathlib.Path(sys.argv[1]), ['m']); file.append(1, {}); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", killed, str(tmp_path / "killed")], check=False, timeout=limit(60))
    assert not is_growing(tmp_path / "killed")
    assert read_loads(tmp_path / "killed").times == (1,)

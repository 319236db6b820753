"""The public API is typed, for whoever uses it."""

import os
import subprocess
import sys
from pathlib import Path

import wke

TYPING = Path(__file__).parent.parent / "typing"


def test_the_package_says_that_it_is_typed() -> None:
    """Type checkers look for the marker."""
    assert (Path(wke.__file__).parent / "py.typed").exists()


def test_scripts_that_use_the_api_can_be_checked(tmp_path: Path) -> None:
    """Right uses have the types that are promised, wrong ones are found."""
    flags = [
        "--strict",
        "--config-file=",
        "--cache-dir",
        tmp_path,
        "--follow-imports=silent",
        "--no-site-packages",
    ]  # whose check takes long
    environment = os.environ | {"MYPYPATH": str(Path(wke.__file__).parents[1])}
    command = [sys.executable, "-m", "mypy", *flags, "api.py"]
    done = subprocess.run(command, cwd=TYPING, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("Success: no issues found in 1 source file\n", "")

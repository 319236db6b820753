"""The how-to about rehearsals does what it says."""

import subprocess
import sys
from pathlib import Path

from pages import blocks

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "rehearse.md"


def test_the_page_about_it_does_what_it_says(tmp_path: Path) -> None:
    """The test that the how-to shows passes in a new project, and fails when the experiment is another one."""
    subprocess.run([sys.executable, "-m", "wke.cli", "init", str(tmp_path)], check=True, capture_output=True)
    (script,) = [block for block in blocks(HOWTO) if block.language == "python"]
    (tmp_path / "test_experiment.py").write_text(script.text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_experiment.py"]
    passed = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert passed.returncode == 0, passed.stdout
    experiment = tmp_path / "experiments" / "durability.toml"
    experiment.write_text(experiment.read_text().replace('durability = ["none", "fsync"]', 'durability = ["none"]'))
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 1

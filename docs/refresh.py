"""Runs the commands that the pages show, and puts their output and pictures into the pages: `python docs/refresh.py`.

The README shows the demo and its report page (pictures of it need Chromium), the tutorial the first experiment of `wke init`, and
docs/howto/your-system.md and docs/howto/read-a-figure.md the replicated system. Read the sentences around them afterwards, because they
describe the figures.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
IMAGES = DOCS / "images"
SESSION = re.compile(r"(?<=<!-- session: begin -->\n).*?(?=<!-- session: end -->)", re.DOTALL)
NOT_RUN = "<!-- not run: it takes two minutes -->"
FILE = re.compile(r"^<!-- file: (?P<path>\S+) -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FIRST_TRIALS, LAST_TRIALS = 1, 1


def main() -> None:
    """Update the pages and their figures."""
    with tempfile.TemporaryDirectory() as folder:
        _refresh_readme(Path(folder) / "etcd")
        _refresh_tutorial(Path(folder) / "first")
        _refresh_replication(Path(folder) / "replication")


def _refresh_readme(folder: Path) -> None:
    shutil.copytree(ROOT / "examples" / "etcd", folder, ignore=shutil.ignore_patterns("results", "plots"))
    printed = _shortened(_wke(folder, "measure", "experiments/scale.toml"))
    page = _wke(folder, "report", "scale")
    _replace(
        ROOT / "README.md",
        SESSION,
        f"{NOT_RUN}\n```console\n$ cd examples/etcd\n$ wke measure experiments/scale.toml\n{printed}$ wke report scale\n{page}```\n",
    )
    subprocess.run([sys.executable, DOCS / "screenshots.py", folder / "reports" / "scale.html"], check=True)


def _refresh_tutorial(folder: Path) -> None:
    _wke(ROOT, "init", str(folder))
    _wke(folder, "measure", "experiments/durability.toml")
    _replace(DOCS / "tutorial.md", _table("durability"), _wke(folder, "results", "durability"))
    shutil.copyfile(folder / "plots" / "durability.png", IMAGES / "durability.png")


def _refresh_replication(folder: Path) -> None:
    pages = DOCS / "howto" / "your-system.md", DOCS / "howto" / "read-a-figure.md"
    for block in FILE.finditer(pages[0].read_text(encoding="utf-8")):
        path = folder / block["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["text"], encoding="utf-8")
    _wke(folder, "measure", "experiments/replication.toml")
    shutil.copyfile(folder / "plots" / "replication.png", IMAGES / "replication.png")
    for page in pages:
        _replace(page, _table("replication"), _wke(folder, "results", "replication"))


def _wke(folder: Path, *arguments: str) -> str:
    """Run a command and return its output, both streams together."""
    command = [sys.executable, "-m", "wke.cli", *arguments]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout


def _shortened(text: str) -> str:
    """Replace most of the trials' lines by an ellipsis."""
    lines = text.splitlines()
    trials = [number for number, line in enumerate(lines) if line.startswith("[")]
    kept = [*lines[: trials[0] + FIRST_TRIALS], "…", *lines[trials[-LAST_TRIALS] :]]
    return "".join(f"{line}\n" for line in kept)


def _table(series: str) -> re.Pattern[str]:
    """Return what finds the table of a series in a page."""
    return re.compile(rf"(?<=^\$ wke results {series}\n).*?(?=^```)", re.DOTALL | re.MULTILINE)


def _replace(page: Path, place: re.Pattern[str], text: str) -> None:
    page.write_text(place.sub(lambda _: text, page.read_text(encoding="utf-8"), count=1), encoding="utf-8")


if __name__ == "__main__":
    main()

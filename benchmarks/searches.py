"""What benchmarks of searches share: a project with its machines up, its commands, and what `wke results` says."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import Any

from facts import facts, load
from page import WIDTH, marks, write_between


@contextmanager
def project(example: Path) -> Iterator[Path]:
    """Yield a copy of a project, with its machines up."""
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as text:
        folder = Path(text) / example.name
        shutil.copytree(example, folder, ignore=shutil.ignore_patterns("results"))
        wke(folder, "cluster", "up")
        try:
            yield folder
        finally:
            wke(folder, "cluster", "down")


def wke(folder: Path, *words: str) -> str:
    """Run a command in a folder and return its output; exit if it fails."""
    done = subprocess.run([sys.executable, "-m", "wke.cli", *words], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"wke {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def results(folder: Path, series: str, *words: str) -> Mapping[str, Any]:
    """Return what the store says of a series."""
    said: Mapping[str, Any] = json.loads(wke(folder, "results", series, "--json", *words))[series]
    return said


def values(folder: Path, series: str) -> list[tuple[Mapping[str, Any], Mapping[str, float]]]:
    """Return the point and the observations of each trial that counts, in the order in which they ran."""
    trials = [trial for trial in results(folder, series, "--trials")["trials"] if trial["outcome"] == "ok"]
    return [(trial["point"], trial["observations"]) for trial in trials]


def found(folder: Path, series: str) -> Mapping[str, Any]:
    """Return what the search of a series found."""
    (answer,) = results(folder, series)["answers"]
    return dict(answer)


def told(program: str, lines: list[str], before: Mapping[str, str], page: Path | None, section: str) -> None:
    """Print a table with the facts from before it, and write both into a page, if there is one."""
    known = dict(before) | {"load": f"{before['load']} before, {load()} after"}
    about = f"Taken by `python benchmarks/{program}` ({', '.join(f'{name}: {fact}' for name, fact in known.items())})"
    printed = "\n".join([*wrap(about, WIDTH, break_on_hyphens=False), "", *lines])
    print(printed)
    if page:
        write_between(page, printed + "\n", *marks(section))


__all__ = ["facts", "found", "project", "results", "told", "values", "wke"]

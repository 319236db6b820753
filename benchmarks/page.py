"""The report as Markdown, written between two markers of a hand-written page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap

from table import Listing, Table, render

BEGIN = "<!-- figures: written by benchmarks/run.py -->"
END = "<!-- end of figures -->"
WIDTH = 140


def report(tables: Sequence[Table | Listing], facts: Mapping[str, str], versions: Mapping[str, str], command: str) -> str:
    """Return facts, versions and tables as Markdown."""
    peers = f"; peers: {', '.join(f'{name} {version}' for name, version in versions.items())}" if versions else ""
    known = ", ".join(f"{name}: {value}" for name, value in facts.items())
    return "\n".join([*wrap(f"Taken by `{command}` ({known}{peers})", WIDTH, break_on_hyphens=False), "", *map(render, tables)])


def marks(section: str) -> tuple[str, str]:
    """Return the two lines of a page that enclose a section's figures."""
    return f"<!-- section {section}: written by benchmarks/run.py -->", f"<!-- end of section {section} -->"


def write_between(path: Path, text: str, first: str = BEGIN, last: str = END) -> None:
    """Replace the text between two markers of a page; raise ValueError if they are missing."""
    page = path.read_text()
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{path} lacks the lines {first} and {last}")
    path.write_text(f"{before}{first}\n\n{text}\n{last}{after}")


def keep(folder: Path, tables: Sequence[Table | Listing], facts: Mapping[str, str], versions: Mapping[str, str]) -> Path:
    """Write every sample to a JSON file, one for this run of the rig, and return its path."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{facts['date'].replace(' UTC', '').replace(' ', '-').replace(':', '')}.json"
    content = {"facts": dict(facts), "versions": dict(versions), "tables": [asdict(table) for table in tables]}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path

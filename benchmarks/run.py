"""Measures wke and its peers and prints the figures as Markdown: `make bench`, or run.py with the environment's python.

Needs root for the sections on emulated machines' peers; installs peers into benchmarks/.peers (PyPI) and, as root on Debian, by apt-get.
All samples are kept in benchmarks/results.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from bench import Bench
from facts import facts, load
from page import keep, marks, report, write_between
from peers import Peers
from sections import commanding, copying, dispatching, emulating, fanning, large, outputting, series, session, slurming, starting, thousand

import wke

SECTIONS = {
    "help": starting,
    "machines": emulating,
    "command": commanding,
    "fanout": fanning,
    "session": session,
    "slurm": slurming,
    "series": series,
    "large": large,
    "warm": dispatching,
    "thousand": thousand,
    "copy": copying,
    "output": outputting,
}
RESULTS = Path(__file__).with_name("results")
SOURCE = Path(__file__).parents[1] / "src"


def main() -> None:
    """Measure what the command line asks for."""
    words = _parser().parse_args()
    if not Path(wke.__file__).is_relative_to(SOURCE):
        sys.exit(
            f"run.py: this Python imports wke from {Path(wke.__file__).parent}, not from this checkout: use the .venv of `make install`"
        )
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # clean up as after Ctrl-C
    known = facts()
    peers = Peers(words.python312)
    taken = {}
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as folder:
        bench = Bench(Path(folder), peers, words.runs)
        for name in words.section or SECTIONS:
            print(f"section {name}", file=sys.stderr)
            taken[name] = list(SECTIONS[name].tables(bench))
    known["load"] = f"{known['load']} before, {load()} after"
    print("kept:", keep(RESULTS, [table for tables in taken.values() for table in tables], known, peers.versions()), file=sys.stderr)
    for name, tables in taken.items():
        text = report(tables, known, peers.versions(), _again(name, words.runs))
        print(text)
        if words.write:
            write_between(words.write, text, *marks(name))


def _again(section: str, runs: int | None) -> str:
    """Return the command that measures a section again, without paths that exist only here."""
    return f"python benchmarks/run.py --section {section}{f' --runs {runs}' if runs else ''}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure wke and its peers.")
    parser.add_argument("--section", action="append", choices=SECTIONS, help="only this section (may be repeated)")
    parser.add_argument("--runs", type=int, help="counted runs of everything, instead of each section's default")
    parser.add_argument("--python312", metavar="PYTHON", help="the Python >= 3.12 that old wke runs on")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put each section's figures between its markers in this page")
    return parser


if __name__ == "__main__":
    main()

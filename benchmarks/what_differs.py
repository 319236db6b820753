"""How often `wke compare --why` finds a cause, and what it names between equal results: made-up trials in a real store.

    python benchmarks/what_differs.py [--rounds 5] [--series 5]

Each series has one quiet point and ten with a cause (tests/differing.py), and twenty pairs of equal points. Prints at which place of the
ranking each cause was named, `-` if it was not, and how many differences were named between equals.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from differing import CAUSES, Setting, setting_of, store_series

from wke.judge.why.facts import FactDifference
from wke.judge.why.report import WhyReport
from wke.series.comparison.why import why_named

EQUAL_PAIRS = 20


def named(report: WhyReport) -> Iterator[set[tuple[str, str]]]:
    """Yield what each line of a ranking names: an aspect or a kind of fact, and each place."""
    for one in report.ranking.differences:
        if isinstance(one, FactDifference):
            yield {(one.kind.name.lower(), where) for where in one.where}
        else:
            yield {(each.aspect.name, each.place) for each in (one, *one.others)}


def place(series: str, cause: str) -> int | None:
    """Return the place at which the ranking names a cause."""
    report = why_named(f"{series}:system=none", f"{series}:system={cause}", None)
    return next((at for at, names in enumerate(named(report), 1) if names & set(CAUSES[cause].named)), None)


def main() -> None:
    """Store the series, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--series", type=int, default=5)
    options = parser.parse_args()
    places: dict[str, list[str]] = {cause: [] for cause in CAUSES}
    equal = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for index in range(options.series):
            series = f"causes{index}"
            store_series(Path("results"), series, {cause: setting_of(cause) for cause in ("none", *CAUSES)}, rounds=options.rounds)
            for cause, seen in places.items():
                seen.append(str(place(series, cause) or "-"))
            for pair in range(EQUAL_PAIRS):
                store_series(Path("results"), f"equal{index}x{pair}", {"none": Setting(), "same": Setting()}, rounds=options.rounds)
                report = why_named(f"equal{index}x{pair}:system=none", f"equal{index}x{pair}:system=same", None)
                equal += len(report.ranking.differences)
    for cause, seen in places.items():
        print(f"{cause:<16}", *seen)
    print(f"named between {options.series * EQUAL_PAIRS} pairs of equal results: {equal}")


if __name__ == "__main__":
    main()

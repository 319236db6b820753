"""Simulates how often the statistics are right and prints the figures, as Markdown, beside those of independent simulations.

    python benchmarks/truth.py [--series 4000] [--write docs/statistics.md] [SECTION...]

Each row of tests/known_answers/truth-acceptance.csv that has a function in benchmarks/truths is simulated, with a seed of its own, and
has a band: four standard deviations of both simulations. Where a row says what must hold, ours has to be within three of its own. The
status is 1 if a figure is outside.
"""

import argparse
import csv
import math
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from truthpage import Line, write_lines
from truths import budgets, capacity, clocks, comparisons, diagnostics, intervals, looks, tails, verdicts, winners

FIGURES = Path(__file__).parents[1] / "tests" / "known_answers" / "truth-acceptance.csv"
Simulation = Callable[[random.Random, str, int], bool]
ONE_BY_ONE: Mapping[tuple[str, str], Simulation] = {
    **clocks.SIMULATIONS,
    **comparisons.SIMULATIONS,
    **diagnostics.SIMULATIONS,
    **intervals.SIMULATIONS,
    **looks.SIMULATIONS,
    **winners.SIMULATIONS,
}
TOGETHER = {**budgets.SIMULATIONS, **capacity.SIMULATIONS, **verdicts.SIMULATIONS, **looks.OF_ALL, **winners.OF_ALL, **tails.SIMULATIONS}
"""Simulations of many series at once, which return the figure."""
OF_1000 = ("climb: best", "budget: coverage")
"""How features begin whose figure is a mean over series: their bands are those of 1,000 series."""
VALUES = ("MSER-5: share of the bias removed", "median rounds", "power at", *OF_1000)
"""How features begin whose figure is a value, not the share of series in which something happens: the file has their bands."""
IMPOSSIBLE = {("coverage: geometric mean; t on logs", "10 + t3")}
"""Rows that are not simulated: values of 10 + t3 may be negative, and then have no geometric mean."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure to reproduce: the share of series in which something happens, known from `known_series` of them.

    `ends` is the band of a figure that is not such a share.
    """

    section: str
    feature: str
    condition: str
    n: int
    share: float
    known_series: int
    must: str
    ends: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """What it is called in a list of tests."""
        return f"{self.section} {self.feature}; {self.condition}; n {self.n}"

    def series(self, wanted: int) -> int:
        """Return how many series are simulated if so many are wanted: fewer of those with very many values or decisions."""
        if self.section.startswith("5."):
            return min(wanted, capacity.most_series(self.condition, self.n))
        most = budgets.MOST_SERIES if self.section == "2.8" else tails.MOST_VALUES // self.requests if self.requests else wanted
        return min(wanted, most)

    @property
    def requests(self) -> int:
        """How many requests of pooled trials one series has; 0 for other figures."""
        return tails.values_of(self.condition, self.n) if self.section == "4.2" else 0

    def simulated(self, series: int) -> float:
        """Return the share among so many series of ours."""
        luck, key = random.Random(self.name), (self.section, self.feature)
        if key in TOGETHER:
            return TOGETHER[key](luck, self.condition, self.n, series)
        return sum(ONE_BY_ONE[key](luck, self.condition, self.n) for _ in range(series)) / series

    def band(self, series: int) -> tuple[float, float]:
        """Return the ends between which the figure of so many series may lie."""
        if self.ends is not None:
            more = math.sqrt(max(1.0, 1000 / series)) if self.feature.startswith(OF_1000) else 1.0
            middle, half = sum(self.ends) / 2, (self.ends[1] - self.ends[0]) / 2
            return middle - more * half, middle + more * half
        chance = min(max(self.share, 1 / self.known_series), 1 - 1 / self.known_series)
        half = 4 * math.sqrt(chance * (1 - chance) * (1 / self.known_series + 1 / series))
        return max(0.0, self.share - half), min(1.0, self.share + half)

    def holds(self, ours: float, series: int) -> bool:
        """Tell whether a figure is within the band, and does not contradict what must hold."""
        low, high = self.band(series)
        slack = 0.0 if self.ends is not None else 3 * math.sqrt(ours * (1 - ours) / series)
        return low <= ours <= high and self._as_it_must(ours, slack)

    def _as_it_must(self, ours: float, slack: float) -> bool:
        if not self.must:
            return True
        if self.must.startswith("|bias|"):
            return abs(ours) <= float(self.must.split()[-1])
        sign, bound = self.must.split()
        return ours - slack <= float(bound) if sign == "<=" else ours + slack >= float(bound)


def figures() -> Iterator[Figure]:
    """Yield the figures that have a simulation, in the order of the file."""
    lines = [line for line in FIGURES.read_text().splitlines() if not line.startswith("#")]
    for row in csv.DictReader(lines):
        key = row["section"], row["feature"]
        if (key in ONE_BY_ONE or key in TOGETHER) and (row["feature"], row["condition"]) not in IMPOSSIBLE:
            known, n = int(row["sims"] if row["sims"].isdigit() else 0), int(row["n"] or 0)
            ends = (float(row["low"]), float(row["high"])) if row["feature"].startswith(VALUES) else None
            must = row["must"] or capacity.MUST.get((row["feature"], row["condition"], n), "")
            yield Figure(row["section"], row["feature"], row["condition"], n, float(row["figure"]), known, must, ends)


def main() -> int:
    """Print the table; return 1 if a figure is outside its band."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=4000, help="simulated series for each figure (4000)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the figures between their markers in this page")
    parser.add_argument("sections", nargs="*", help="sections such as 3.2; without any, all")
    words = parser.parse_args()
    print("| section | feature | condition | n | known | ours | band | must | |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    lines: list[Line] = []
    for figure in figures():
        if words.sections and figure.section not in words.sections:
            continue
        series = figure.series(words.series)
        ours, (low, high) = figure.simulated(series), figure.band(series)
        good = figure.holds(ours, series)
        lines.append(Line(figure.section, figure.feature, figure.condition, figure.n, figure.share, ours, series, good))
        ends = f"{low:.3f} to {high:.3f}"
        cells = [figure.section, figure.feature, figure.condition, figure.n, f"{figure.share:.4g}", f"{ours:.4g}", ends, figure.must]
        print(f"| {' | '.join(map(str, cells))} | {'' if good else 'outside'} |", flush=True)
    if words.write:
        write_lines(words.write, lines)
    if not words.sections or "1.9" in words.sections:
        print("\n| clock | half width at the start, ms | between two readings, ms |\n| --- | --- | --- |")
        for condition, start, between in clocks.half_widths(random.Random("half widths"), words.series):
            print(f"| {condition} | {start:.3f} | {between:.2f} |")
    return 0 if all(line.good for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())

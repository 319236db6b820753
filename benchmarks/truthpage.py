"""The figures of truth.py as tables of a page, one for each section of the specification: a run may renew some of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from page import write_between

FIRST, LAST = "<!-- figures: written by benchmarks/truth.py -->", "<!-- end of figures -->"
TITLES: Mapping[str, str] = {
    "1.2": "Verdicts: the backlog of an open loop grows",
    "1.3": "Verdicts: completed requests of an overloaded open loop",
    "1.4": "Verdicts: Little's law",
    "1.5": "Verdicts: steady state",
    "1.6": "Verdicts: warm-up by MSER-5",
    "1.7": "Verdicts: a busy load generator",
    "1.8": "Verdicts: start skew",
    "1.9": "Clocks",
    "2.1": "Intervals: coverage",
    "2.2": "Intervals: rounds that depend on each other",
    "2.3": "Intervals: values in two groups",
    "2.5": "Intervals: deployments",
    "2.6": "Intervals: the best of many",
    "2.7": "Intervals: division by a baseline",
    "2.8": "Intervals: points that a budget left at their first rounds",
    "3.2": "Comparisons: whole units, zeros and signs",
    "3.3": "Comparisons: drift",
    "3.4": "Comparisons: failures",
    "3.5": "Comparisons: the family",
    "3.6": "Comparisons: looks",
    "3.7": "Comparisons: at any time",
    "3.8": "Comparisons: the smallest effect that would have been seen",
    "3.9": "Comparisons: stored baselines",
    "4.2": "Quantiles of all values of a point",
    "4.7": "Closed loops: omission is suspected",
    "5.4": "Capacity",
    "5.6": "Demand",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what was simulated, the known figure and ours from so many series, and whether they agree."""

    section: str
    feature: str
    condition: str
    n: int
    known: float
    ours: float
    series: int
    good: bool


def write_lines(path: Path, lines: Iterable[Line]) -> None:
    """Put figures into a page; sections of which there is no figure stay as they are."""
    found = dict(re.findall(r"^<!-- section (\S+) -->\n(.*?)\n<!-- end -->$", path.read_text(), re.MULTILINE | re.DOTALL))
    for section, here in groupby(lines, key=lambda line: line.section):
        found[section] = "\n".join(_table(section, list(here)))
    whole = (f"<!-- section {section} -->\n{text}\n<!-- end -->\n" for section, text in sorted(found.items()))
    write_between(path, "\n".join(whole), FIRST, LAST)


def _table(section: str, lines: list[Line]) -> Iterable[str]:
    series = sorted({line.series for line in lines})
    yield f"### {TITLES[section]}\n"
    yield f"{' to '.join(f'{each:,}' for each in dict.fromkeys((series[0], series[-1])))} simulated series for each figure.\n"
    yield "| What | Simulated | n | Known | Ours |"
    yield "| --- | --- | --- | --- | --- |"
    alike: dict[tuple[str, str], list[Line]] = {}
    for feature in dict.fromkeys(line.feature for line in lines):
        for line in (line for line in lines if line.feature == feature):
            alike.setdefault((feature, line.condition), []).append(line)
    for (feature, condition), each in alike.items():
        cells = [", ".join(texts) for texts in ([str(line.n) for line in each], [_number(line.known) for line in each], map(_ours, each))]
        yield f"| {_escaped(feature)} | {_escaped(condition)} | {' | '.join(cells)} |"


def _ours(line: Line) -> str:
    return _number(line.ours) if line.good else f"**{_number(line.ours)}**"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def _escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")

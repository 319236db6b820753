"""The report of a comparison as Markdown, for the page of a pull request: verdicts first, then how they were measured."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wke.errors import InputError
from wke.judge.statistics.comparison import Comparison
from wke.judge.statistics.regression import Judged, Verdict
from wke.judge.statistics.statistics import Summary
from wke.judge.summary.regression import RegressionReport
from wke.tell.comparisons import share_words
from wke.tell.tables import interval, shown, titled
from wke.tell.terminal.sanitize import visible
from wke.tell.words import counted

FACTS = ("product", "processor", "processors", "SMT", "governor", "memory", "kernel", "clock source")
WORDS = {
    Verdict.WORSE: "**worse**",
    Verdict.BETTER: "better",
    Verdict.DIFFERENT: "different",
    Verdict.SAME: "same",
}


def markdown(report: RegressionReport) -> str:
    """Return the whole report."""
    return "\n".join(_lines(report)) + "\n"


def publish(text: str) -> None:
    """Add a report to the page of the CI job, if a job runs us."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with Path(path).open("a", encoding="utf-8") as page:
                page.write(text + "\n")
        except OSError as error:
            raise InputError(f"GITHUB_STEP_SUMMARY names {path}, which cannot be written: {error.strerror}") from error


def _lines(report: RegressionReport) -> Iterator[str]:
    yield from [f"## {_plain(report.title)}", "", _headline(report), ""]
    yield from (f"- {_plain(line)}" for line in (*report.doubts, *report.missing))
    if report.doubts or report.missing:
        yield ""
    if report.judged:
        header = [*map(_plain, report.parameters), "metric", "rounds", "× baseline", "verdict"]
        yield from _table(header, [_row(one, report.parameters) for one in report.judged])
        yield from [_method(report), ""]
    yield from _table(["measured", ""], [[name, _plain(text)] for name, text in report.facts.items()])
    yield from _machines(report.machines)


def _headline(report: RegressionReport) -> str:
    verdicts = [one.verdict for one in report.judged]
    counts = [f"{verdicts.count(verdict)} {verdict}" for verdict in Verdict if verdict in verdicts]
    of = f"{counted(len(verdicts), 'comparison')}: {', '.join(counts)}" if verdicts else "nothing could be compared"
    found = f"**{counted(report.confirmed, 'regression')} confirmed**" if report.confirmed else "No regression is confirmed"
    return f"{found} ({of})."


def _row(one: Judged, parameters: Sequence[str]) -> list[str]:
    seen = one.comparison
    factor = interval(Summary(seen.n, seen.factor, seen.low, seen.high, "geometric-mean"))
    values = (_plain(shown(seen.point.get(name))) for name in parameters)
    return [*values, _plain(titled(seen.metric, one.unit)), str(seen.n), factor, WORDS.get(one.verdict) or _inconclusive(seen)]


def _inconclusive(seen: Comparison) -> str:
    return "inconclusive" if seen.more is None else f"inconclusive: about {seen.more} more rounds"


def _method(report: RegressionReport) -> str:
    beyond = f" by more than {share_words(report.threshold)}" if report.threshold else ""
    many = f", corrected for {len(report.judged)} comparisons (Holm)" if len(report.judged) > 1 else ""
    return (
        f"× baseline: geometric mean of the ratios within rounds [95 % interval]. Worse or better{beyond}: two-sided paired t-test of their"
        f" logarithms at 5 %{many}."
    )


def _machines(machines: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield a table with a row for each kind of machine."""
    alike: dict[str, list[str]] = {}
    for name, facts in machines.items():
        text = ", ".join(f"{fact}: {facts[fact]}" for fact in FACTS if fact in facts)
        alike.setdefault(text, []).append(name)
    if alike:
        yield from _table(["machines", "what they are"], [[_plain(", ".join(names)), _plain(text)] for text, names in alike.items()])


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _plain(text: str) -> str:
    """Return text escaped for Markdown: it stays in its cell and line, and is not HTML."""
    for sign, other in (("\\", "\\\\"), ("\n", " "), ("|", "\\|"), ("<", "&lt;"), ("`", "\\`"), ("*", "\\*"), ("[", "\\[")):
        text = text.replace(sign, other)
    return visible(text)

"""The report of a comparison as Markdown, for the page of a pull request: verdicts first, then how they were measured."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wke.errors import InputError
from wke.judge.statistics.comparison import Comparison, Verdict
from wke.judge.summary.regression import RegressionReport
from wke.tell.comparisons import effect_text, method_words, verdict_text
from wke.tell.exports.markup import markdown_table, markdown_text
from wke.tell.report import doubts, facts, headline
from wke.tell.tables import shown, titled
from wke.tell.terminal.sanitize import visible

FACTS = ("product", "processor", "processors", "SMT", "governor", "memory", "kernel", "clock source")


def markdown(report: RegressionReport) -> str:
    """Return the whole report."""
    return "\n".join(_lines(report)) + "\n"


def publish(text: str) -> None:
    """Add a report to the page of the CI job, if a job runs us."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with Path(path).open("a", encoding="utf-8") as page:
                page.write(visible(text) + "\n")
        except OSError as error:
            raise InputError(f"GITHUB_STEP_SUMMARY names {path}, which cannot be written: {error.strerror}") from error


def _lines(report: RegressionReport) -> Iterator[str]:
    yield from [f"## {markdown_text(report.title)}: compared with {markdown_text(report.baseline.name)}", "", _headline(report), ""]
    doubtful = [f"- {markdown_text(line)}" for line in doubts(report)]
    yield from [*doubtful, ""] if doubtful else []
    if report.comparisons:
        header = [*map(markdown_text, report.parameters), "metric", "rounds", "× baseline", "verdict"]
        yield from markdown_table(header, [_row(one, report.parameters) for one in report.comparisons])
        yield from [f"{'. '.join(_sentence(words) for words in method_words(report.comparisons))}.", ""]
    yield from markdown_table(["measured", ""], [[name, markdown_text(text)] for name, text in facts(report)])
    yield from _machines(report.machines)


def _headline(report: RegressionReport) -> str:
    """Return the headline, with a regression in bold."""
    text = headline(report)
    bold, bracket, rest = text.partition(" (")
    return f"**{bold}**{bracket}{rest}." if report.confirmed or report.suggested else f"{text}."


def _row(one: Comparison, parameters: Sequence[str]) -> list[str]:
    values = (markdown_text(shown(one.point.get(name))) for name in parameters)
    effect = effect_text(replace(one, unit=markdown_text(one.unit)))
    verdict = f"**{verdict_text(one)}**" if one.verdict is Verdict.WORSE else verdict_text(one)
    return [*values, markdown_text(titled(one.metric, one.unit)), str(one.n), effect, verdict]


def _sentence(words: str) -> str:
    """Return words as a sentence begins, with the sign that Markdown has room for."""
    return words[0].upper() + words[1:] if not words.startswith("x baseline") else words.replace("x", "×", 1)


def _machines(machines: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield a table with a row for each kind of machine."""
    alike: dict[str, list[str]] = {}
    for name, known in machines.items():
        text = ", ".join(f"{fact}: {known[fact]}" for fact in FACTS if fact in known)
        alike.setdefault(text, []).append(name)
    if alike:
        rows = [[markdown_text(", ".join(names)), markdown_text(text)] for text, names in alike.items()]
        yield from markdown_table(["machines", "what they are"], rows)

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
from wke.tell.tables import shown, titled
from wke.tell.terminal.sanitize import visible
from wke.tell.words import counted

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
    yield from [f"## {markdown_text(report.title)}", "", _headline(report), ""]
    yield from (f"- {markdown_text(line)}" for line in report.doubts)
    if report.doubts:
        yield ""
    if report.comparisons:
        header = [*map(markdown_text, report.parameters), "metric", "rounds", "× baseline", "verdict"]
        yield from markdown_table(header, [_row(one, report.parameters) for one in report.comparisons])
        yield from [f"{'. '.join(_sentence(words) for words in method_words(report.comparisons))}.", ""]
    yield from markdown_table(["measured", ""], [[name, markdown_text(text)] for name, text in report.facts.items()])
    yield from _machines(report.machines)


def _headline(report: RegressionReport) -> str:
    verdicts = [one.verdict for one in report.comparisons if one.verdict is not Verdict.UNJUDGED]
    counts = [f"{verdicts.count(verdict)} {verdict}" for verdict in Verdict if verdict in verdicts]
    any_pair = any(one.n for one in report.comparisons)
    of = f"{counted(len(verdicts), 'comparison')}: {', '.join(counts)}" if verdicts and any_pair else "nothing could be compared"
    if report.confirmed:
        return f"**{counted(report.confirmed, 'regression')} confirmed** ({of})."
    if report.suggested:
        return f"**{counted(report.suggested, 'regression')} suggested, none confirmed** ({of}): measure beside the baseline to confirm."
    return f"No regression is confirmed ({of})."


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
    for name, facts in machines.items():
        text = ", ".join(f"{fact}: {facts[fact]}" for fact in FACTS if fact in facts)
        alike.setdefault(text, []).append(name)
    if alike:
        rows = [[markdown_text(", ".join(names)), markdown_text(text)] for text, names in alike.items()]
        yield from markdown_table(["machines", "what they are"], rows)

"""The attempts of a page that do not count, by cause, each with the last lines of one of them."""

import re
from collections.abc import Iterator, Sequence

from wke.keep.trials.judgements import Level
from wke.keep.trials.trials import RUNNING
from wke.series.report.trials import ENDS_WELL, FAILED, MORE_LINES, ReadTrial, cut
from wke.tell.page.values import FailureCause, LogLine, ShownTask

DIGITS = re.compile(r"[0-9]+(\.[0-9]+)?")
"""Numbers differ from one failure to the next of the same cause."""


def failure_causes(trials: Sequence[ReadTrial]) -> tuple[FailureCause, ...]:
    """Return why attempts failed, were rejected or were interrupted: the most frequent cause first."""
    causes: dict[str, list[ReadTrial]] = {}
    for trial in trials:
        if trial.shown.verdict in {FAILED, Level.INVALID} and trial.at.outcome != RUNNING:
            causes.setdefault(DIGITS.sub("#", f"{trial.at.outcome}: {trial.at.why}"), []).append(trial)
    return tuple(_cause(found) for found in sorted(causes.values(), key=len, reverse=True))


def _cause(found: Sequence[ReadTrial]) -> FailureCause:
    first = found[0]
    title, _, more = cut(f"{first.at.outcome}: {first.at.why}" if first.at.why else first.at.outcome).partition("; ")
    return FailureCause(
        title=title,
        evidence="; ".join(filter(None, (more, *_evidence(first)))),
        trials=tuple(trial.shown.key for trial in found),
        lines=tuple(_lines(first)),
    )


def _evidence(trial: ReadTrial) -> Iterator[str]:
    """Yield which tasks did not end well."""
    yield from (f"{task.target} on {task.machine}: {task.outcome}" for task in _bad(trial))


def _lines(trial: ReadTrial) -> list[LogLine]:
    """Return the last lines of the tasks that did not end well, or else of all."""
    bad = {(task.target, task.machine) for task in _bad(trial)}
    theirs = [line for line in trial.shown.lines if (line.target, line.machine) in bad]
    return list(theirs or trial.shown.lines)[-MORE_LINES:]


def _bad(trial: ReadTrial) -> list[ShownTask]:
    return [task for task in trial.shown.tasks if task.outcome.partition(" ")[0].rstrip(":") not in ENDS_WELL]

"""What the page's script reads: one JSON element for the page, and one per trial, which is parsed when the trial is opened."""

import json
from collections.abc import Iterator

from wke.documents import Json
from wke.tell.page.arrangement import Arrangement
from wke.tell.page.markup import Html
from wke.tell.page.pieces import WORDS, trial_words
from wke.tell.page.values import Report, ShownTrial


def data_elements(report: Report, layout: Arrangement) -> Iterator[Html]:
    """Yield the elements with the page's data."""
    yield json_element("data", _overview(report, layout))
    for at, trial in enumerate(report.trials):
        yield json_element(f"t{at}", _details(trial))


def json_element(name: str, value: Json) -> Html:
    """Return a value as an element that no text in it can end."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Html(f'<script type="application/json" id="{name}">{text.replace("<", chr(92) + "u003c")}</script>\n')


def _overview(report: Report, layout: Arrangement) -> Json:
    return {
        "series": list(report.series),
        "words": WORDS,
        "metrics": [[metric.name, metric.unit] for metric in report.metrics],
        "trials": [_trial(report, layout, trial) for trial in report.trials],
        "differences": [[one.one, one.other, list(one.sentences)] for one in report.differences],
    }


def _trial(report: Report, layout: Arrangement, trial: ShownTrial) -> Json:
    return {
        "key": trial.key,
        "id": trial.id,
        "where": trial_words(report, trial),
        "line": layout.seats[trial.point].line if trial.point is not None else 0,
        "point": trial.point,
        "series": trial.series,
        "place": trial.place,
        "m": dict(trial.metrics),
        "counts": trial.counts,
        "verdict": trial.verdict if trial.verdict in WORDS else "unknown",
        "outcome": trial.outcome,
        "attempt": trial.attempt,
        "has": trial.telemetry is not None,
    }


def _details(trial: ShownTrial) -> Json:
    return {
        "judgements": [[one.rule, one.level, one.sentence] for one in trial.judgements],
        "lines": [[line.at_s, line.target, line.machine, line.stream, line.text] for line in trial.lines],
        "tasks": [[task.step, task.target, task.machine, task.outcome, task.start_s, task.end_s] for task in trial.tasks],
        "notes": list(trial.notes),
        "began": trial.began,
        "lasted": trial.lasted_s,
        "folder": trial.folder,
        "commands": list(trial.commands),
        "telemetry": trial.telemetry,
    }

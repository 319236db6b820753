"""The last line of a measurement."""

from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import Rules
from wke.judge.policies.policy import Outlook
from wke.judge.statistics.comparison import Question
from wke.judge.summary.pointtable import point_table
from wke.judge.summary.series import SeriesSummary
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import StoredAttempt
from wke.tell.terminal.lastline import last_line

METRICS = (Metric("errors"), Metric("ops", unit="1/s", better="higher"))


def trial(engine: str, size: int, ops: float, at: int) -> StoredAttempt:
    point = {"engine": engine, "size": size}
    observations, units = {"errors": 1.0, "ops": ops}, {"errors": "", "ops": "1/s"}
    started = 2 * at + (engine == "new") * (1 if at % 2 else -1)
    return StoredAttempt(f"{engine}{size}{at}", "x", 1, point, at, False, "ok", "", started, 1.0, observations, units, Path(), command=1)


def line(trials: list[StoredAttempt], baseline: str = "old", metrics: tuple[Metric, ...] = METRICS) -> str:
    rules = Rules(
        points=tuple({tuple(t.point.items()): t.point for t in trials}.values()),
        metrics=metrics,
        baseline={"engine": baseline},
        iterations=6,
    )  # type: ignore[arg-type] # values of a test
    question = Question(rules.baseline, 0.0, 6) if baseline else None
    table = point_table(trials, rules.metrics, rules.points, question=question)
    return last_line(
        SeriesSummary("x", StoredPlan("x.toml", 1, rules=rules), (), tuple(trials), tuple(trials), (), Outlook(0, 0), (), table)
    )


def pairs(factor: float, *sizes: int, old: str = "old") -> list[StoredAttempt]:
    noise = (1.0, 1.02, 0.98, 1.01, 0.99, 1.0)
    return [
        trial(engine, size, 100 * n * f, at)
        for size in sizes
        for at, n in enumerate(noise)
        for engine, f in ((old, 1.0), ("new", factor * n))
    ]


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        (pairs(1.13, 1), "ops: new is 1.130 times old (1.113 to 1.147), 6 rounds"),
        (pairs(1.13, 1, 2), "ops: 2 comparisons with the baseline: 2 better"),
        (pairs(1.0, 1), "ops: new is 1.000 times old (0.985 to 1.015), 6 rounds, inconclusive: could detect 2.1 %"),
    ],
    ids=["one", "several", "open"],
)
def test_what_comparisons_came_to(trials: list[StoredAttempt], said: str) -> None:
    """The metric that has a direction; one comparison with its interval, several by their verdicts."""
    assert line(trials) == said


def test_without_a_comparison_it_counts_trials() -> None:
    """Those that are ok, if some are not."""
    trials = pairs(1.1, 1)
    assert line(trials, "") == "x: 12 trials at 2 points, all ok"
    assert line([replace(trials[0], outcome="failed(1)"), *trials[1:]], "") == "x: 12 trials at 2 points, 11 ok"
    assert line([replace(one, outcome="failed(1)") for one in trials], "") == "x: 12 trials, none ok"
    assert line([], "") == "x: no trial has ended"


def test_names_stay_in_the_line() -> None:
    """A value with a line break or an escape cannot draw on the terminal."""
    assert "\\n\\x1b[2J" in line(pairs(1.13, 1, old="old\n\x1b[2J"), "old\n\x1b[2J")

"""`wke compare`: what two names mean together, which points meet, what confirms and what only suggests."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from wke.cli.compare import exit_status
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import Rules
from wke.errors import InputError
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial, Result
from wke.records import Outcome, OutcomeKind
from wke.series.comparison.comparands import compare_named
from wke.series.comparison.why import why_named
from wke.tell.report import doubts, headline, report_json

ROUNDS = 6
LATENCY = Metric("latency", better="lower")
Point = Mapping[str, object]


def measure(
    folder: Path, series: str, points: Mapping[str, tuple[Point, float]], unit: str, *commands: Sequence[str], rounds: int = ROUNDS
) -> None:
    """Store a series with points by their names; each of the `commands` measures those that it lists. Values differ a little by round."""
    plan = [
        PlannedTrial(f"{series}{name}{k}-{k}", point, k, False, at)
        for k in range(rounds)
        for at, (name, (point, _)) in enumerate(points.items(), k * len(points))
    ]
    shift = round(next(iter(points.values()))[1])
    rules = Rules(points=tuple(point for point, _ in points.values()), iterations=rounds, metrics=(LATENCY,))
    with Store.open(folder) as store:
        for names in commands or (tuple(points),):
            number = store.writer.begin_series(series, StoredPlan(f"{series}.toml", 7, rules=rules), command="", planned=plan)
            for trial in plan:
                name = trial.id.removeprefix(series).partition("-")[0].rstrip("0123456789")
                if name in names:
                    value = points[name][1] * math.exp(0.001 * ((trial.position * 7 + shift) % 5))
                    result = Result(Outcome(OutcomeKind.OK), 10 + trial.position, 20, "", {"latency": value}, {"latency": unit})
                    store.writer.finish_attempt(store.writer.begin_attempt(number, trial), result)


def grid(old: float, new: float) -> dict[str, tuple[Point, float]]:
    """Return two engines at two sizes."""
    values = {"old": old, "new": new}
    return {
        f"{engine}-{'ab'[size - 1]}".replace("-", ""): ({"engine": engine, "size": size}, values[engine] * size)
        for engine in values
        for size in (1, 2)
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with results of several series, and results from elsewhere in `old/`."""
    folder = tmp_path_factory.mktemp("project")
    results = folder / "results"
    measure(results, "scale", grid(10, 12), "ms")
    measure(results, "tuned", {"a": ({"engine": "old", "size": 1}, 12_000), "b": ({"engine": "old", "size": 2}, 24_000)}, "us")
    measure(results, "late", grid(10, 12), "ms", ("olda", "oldb"), ("newa", "newb"))
    measure(results, "interrupted", grid(10, 12), "ms", ("olda", "newa", "oldb"), ("newb",), rounds=1)
    measure(results, "rates", grid(10, 12), "1/s")
    measure(results, "other", {"a": ({"engine": "old", "size": 3}, 1)}, "ms")
    measure(results, "plain", {"a": ({"size": 1}, 1)}, "ms")
    measure(folder / "old/results", "scale", grid(8, 12), "ms")
    measure(folder / "old/results", "else", grid(8, 12), "ms")
    return folder


@pytest.mark.parametrize(
    ("baseline", "candidate", "counts", "statuses"),
    [
        ("scale:engine=old", "scale:engine=new", (2, 0, 0), (4, 4)),
        ("scale:engine=old", "scale", (2, 0, 0), (4, 4)),
        ("scale:engine=new", "scale:engine=old", (0, 0, 0), (0, 0)),
        ("scale:engine=old,size=1", "scale:engine=new", (1, 0, 1), (4, 4)),
        ("scale:engine=old,size=1", "scale:engine=new,size=1", (1, 0, 0), (4, 4)),
        ("scale:engine=new,size=1", "scale:engine=old", (0, 0, 1), (1, 0)),
        ("scale:engine=old", "tuned", (0, 2, 0), (1, 0)),
        ("tuned", "scale:engine=old", (0, 0, 0), (0, 0)),
        ("scale", "tuned", (0, 2, 0), (1, 0)),
        ("old", "scale", (0, 2, 0), (1, 0)),
        ("old/results", "scale:engine=new", (0, 0, 0), (0, 0)),
        ("late:engine=old", "late:engine=new", (0, 2, 0), (1, 0)),
    ],
)
def test_what_two_names_mean_together(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    baseline: str,
    candidate: str,
    counts: tuple[int, int, int],
    statuses: tuple[int, int],
) -> None:
    """Within the rounds of a command a regression is confirmed; another series, folder or command only suggests it; units are converted."""
    monkeypatch.chdir(project)
    report = compare_named(baseline, candidate, None)
    assert (report.confirmed, report.suggested, len(report.alone)) == counts
    assert tuple(exit_status(report, strict=False, allow_incomplete=allowed) for allowed in (False, True)) == statuses
    told = report_json(report)
    assert (told["confirmed"], told["together"]) == (
        report.confirmed,
        baseline.split(":", maxsplit=1)[0] == candidate.split(":", maxsplit=1)[0],
    )
    assert all(one.n == one.planned == ROUNDS for one in report.comparisons)
    assert ("suggested, none confirmed" in headline(report)) == (report.suggested > 0)
    assert any(words.startswith("not compared, because") for words in doubts(report)) == bool(report.alone)


@pytest.mark.parametrize(
    ("baseline", "candidate", "words"),
    [
        ("scale", "scale", "every point of scale is one of scale: nothing can be compared with itself"),
        ("scale", "scale:engine=new", "every point of scale:engine=new is one of scale"),
        ("scale", "other", "no point of other is one of scale: size=3 against size=1, size=2"),
        ("scale:engine=old", "rates:engine=old", "latency is in ms in trial scaleolda0-0 of series scale, and in 1/s elsewhere"),
        ("interrupted:engine=old", "interrupted:engine=new", "a comparison needs at least 5 rounds, and interrupted:engine=new has 1"),
        ("scale", "plain", "scale has 2 points for size=1: they differ in engine"),
        (
            "scaleolda0",
            "scale",
            "scaleolda0 is one trial, and a comparison needs at least 5 rounds\n  hint: compare its point: scale:engine=old,size=1",
        ),
        ("old", "old/results", "have 2 series in common"),
        ("old", "tuned", "have no series in common"),
        ("scael", "scale", 'there is no series "scael"'),
        ("scale:engine=odd", "scale", "engine is never odd"),
        ("no/where", "scale", "no/where has no results"),
    ],
)
def test_what_cannot_be_compared_is_said(project: Path, monkeypatch: pytest.MonkeyPatch, baseline: str, candidate: str, words: str) -> None:
    """With the reason, and both units where these differ."""
    monkeypatch.chdir(project)
    with pytest.raises(InputError) as error:
        compare_named(baseline, candidate, None)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("baseline", "candidate", "values"), [("scaleolda0", "tuneda0", (10_000, 12_000)), ("tuneda0", "scaleolda0", (12, 10))]
)
def test_trials_are_compared_in_one_unit(
    project: Path, monkeypatch: pytest.MonkeyPatch, baseline: str, candidate: str, values: tuple[float, float]
) -> None:
    """That of the candidate; --why takes trials."""
    monkeypatch.chdir(project)
    (one,) = why_named(f"{baseline}-0", f"{candidate}-0", None).ranking.all
    assert (one.baseline, one.candidate) == pytest.approx(values, rel=0.01)


def test_strict_and_thresholds(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is complete and shows nothing is status 0, and 1 where that is asked for."""
    monkeypatch.chdir(project)
    same = compare_named("scale:engine=old", "scale:engine=new", 0.5)
    assert (same.confirmed, [one.verdict for one in same.comparisons]) == (0, ["same", "same"])
    assert exit_status(same, strict=True, allow_incomplete=False) == 0
    vague = compare_named("scale:engine=old", "scale:engine=new", 0.2)
    assert [exit_status(vague, strict=strict, allow_incomplete=True) for strict in (False, True)] == [0, int(vague.inconclusive)]
    assert vague.inconclusive

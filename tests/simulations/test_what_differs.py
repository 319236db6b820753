"""`wke compare --why` on made-up series that are stored as real ones: it finds ten causes, and between equal results nothing."""

from itertools import combinations
from pathlib import Path

import pytest
from differing import CAUSES, Setting, setting_of, small, store_series

from wke.judge.telemetry.course import Window
from wke.judge.why.facts import FactDifference
from wke.judge.why.ranking import MeasuredDifference, PairSeen, contrasts_of, ranked
from wke.judge.why.seen import seen_of
from wke.keep.store import Store
from wke.series.comparison.why import why_named
from wke.series.telemetry import stored_telemetry
from wke.tell.why import told

ROUNDS = 5


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a series in which all points but one have a cause."""
    folder = tmp_path_factory.mktemp("causes")
    store_series(folder / "results", "scale", {cause: small(setting_of(cause)) for cause in ("none", *CAUSES)}, rounds=ROUNDS)
    return folder


def names(one: FactDifference | MeasuredDifference) -> set[tuple[str, str]]:
    """Return what a line of the ranking names: an aspect or a kind of fact, and each place."""
    if isinstance(one, FactDifference):
        return {(one.kind.name.lower(), where) for where in one.where}
    return {(each.aspect.name, each.place) for each in (one, *one.others)}


@pytest.mark.parametrize("cause", CAUSES)
def test_the_cause_is_among_the_first_three(project: Path, monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
    """By what it does to machines, or as the fact that it is; what follows from it comes later."""
    monkeypatch.chdir(project)
    report = why_named("scale:system=none", f"scale:system={cause}", None)
    first = {name for one in report.ranking.differences[:3] for name in names(one)}
    assert first & set(CAUSES[cause].named), told(report)
    assert (report.pairs, report.with_telemetry, report.lacks) == (ROUNDS, ROUNDS, ())
    assert report.asked == {"system": ("none", cause)}


def test_equal_results_name_nothing(tmp_path: Path) -> None:
    """Of 21 pairs of equal results, whose samples trend and whose rounds drift, not more than one difference is confirmed in all."""
    copies = {f"copy{index}": small(Setting()) for index in range(7)}
    store_series(tmp_path, "equal", copies, rounds=ROUNDS)
    with Store.open(tmp_path, readonly=True) as store:
        seen = {}
        for one in store.attempts.one_per_trial("equal"):
            telemetry = stored_telemetry(one, store.details.of(one.id, one.attempt))
            assert telemetry.window is not None
            window = Window(telemetry.window.start_ns, telemetry.window.start_ns + 11 * 10**9)
            seen[one.point["system"], one.iteration] = seen_of(telemetry, window, {})
    rankings = [ranked(contrasts_of([PairSeen(k, seen[a, k], seen[b, k]) for k in range(ROUNDS)]), []) for a, b in combinations(copies, 2)]
    assert len(rankings) == 21
    assert sum(len(one.differences) for one in rankings) <= 1
    assert all(one.tested > 30 for one in rankings)

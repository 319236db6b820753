"""A budget: coarse points first, then where intervals are widest; it is kept to, and interruptions change nothing."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import EXPERIMENT, SIZES, World, planned

from wke.describe.experiment.experiment import Budget, Stopping
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.judge.policies.budgeted import BudgetOutlook, BudgetUse
from wke.judge.policies.choose import policy_of
from wke.judge.policies.coarseness import coarseness, halving
from wke.judge.policies.policy import Seen


@pytest.mark.parametrize(
    ("count", "levels"),
    [(1, "0"), (2, "00"), (3, "000"), (4, "0010"), (5, "01010"), (6, "010120"), (9, "021202120"), (17, "03231323032313230")],
)
def test_a_range_is_halved(count: int, levels: str) -> None:
    """Ends and middle, then the middles of what lies between, until all have come."""
    assert "".join(map(str, halving(count))) == levels


@given(st.integers(1, 200))
def test_each_level_halves_the_gaps(count: int) -> None:
    """After each level the largest gap is about half of what it was; the ends come first."""
    levels = halving(count)
    assert (levels[0], levels[-1]) == (0, 0)
    for level in range(max(levels) + 1):
        known = [at for at in range(count) if levels[at] <= level]
        assert max((b - a for a, b in pairwise(known)), default=1) <= math.ceil((count - 1) / 2 / 2**level) + 1


def test_what_is_coarse() -> None:
    """The highest level of a point's numbers; texts, and the parameters of the baseline, are coarse with all their values."""
    ranges = (Parameter("a", (1, 2, 3, 4, 5)), Parameter("b", (5, 1, 4, 2, 3)), Parameter("mode", ("x", "y", "z", "u", "v")))
    levels = coarseness(Sweep(ranges).points())
    assert [levels[point_key({"a": a, "b": b, "mode": "u"})] for a, b in ((1, 5), (3, 3), (1, 1), (2, 1), (1, 2), (4, 4))] == [
        0,
        0,
        0,
        1,
        1,
        1,
    ]
    assert Counter(levels.values()) == {0: 3 * 3 * 5, 1: 16 * 5}
    assert set(coarseness(EXPERIMENT.parameters.points(), {"size": 1}).values()) == {0}


COARSE = {f"{engine}{size}" for engine in ("old", "new") for size in (1, 4, 16)}


def test_coarse_first_then_between_then_where_it_is_wide() -> None:
    """The first 18 trials are three rounds of the six coarse points, the next 12 those of the others; the noisy point gets the rest."""
    world = World(EXPERIMENT, spread=lambda point: 0.5 if point == {"engine": "new", "size": 2} else 0.001).run()
    first, between, rest = world.ran[:18], world.ran[18:30], world.ran[30:]
    assert {trial.partition("-")[0] for trial in first} == COARSE
    assert Counter(trial.partition("-")[0] for trial in between) == dict.fromkeys(("old2", "old8", "new2", "new8"), 3)
    assert [trial.partition("-")[2] for trial in first] == ["0"] * 6 + ["1"] * 6 + ["2"] * 6
    assert rest[:27] == [f"new2-{number}" for number in range(3, 30)]
    assert (len(world.ran), world.spent_s) == (100, 1000.0)


@pytest.mark.parametrize(("total_s", "trials"), [(0.5, 1), (10.0, 1), (59.0, 5), (60.0, 6), (185.0, 18), (3000.0, 300), (99999.0, 300)])
def test_the_budget_is_kept_to(total_s: float, trials: int) -> None:
    """No trial begins that would not end in time, as far as one can know: the first one is not known."""
    world = World(replace(EXPERIMENT, budget=Budget(total_s, 3, ("ops",)))).run()
    assert len(world.ran) == trials


def test_warm_ups_come_with_their_points() -> None:
    """They are part of what it costs, and of the first rounds."""
    world = World(replace(EXPERIMENT, warmups=1)).run()
    assert [trial.partition("-")[2] for trial in world.ran[:24]] == ["w0"] * 6 + ["0"] * 6 + ["1"] * 6 + ["2"] * 6


@pytest.mark.parametrize(("long_s", "at_least"), [(90.0, 6), (400.0, 2)])
def test_what_does_not_fit_gives_way_to_what_does(long_s: float, at_least: int) -> None:
    """A point whose trials take longer than what is left does not keep the others from it, nor those that come later."""
    world = World(EXPERIMENT, cost=lambda point: long_s if point["size"] == 16 else 4.0).run()
    assert 1000 - 4 < world.spent_s <= 1000
    assert world.counts()["old16"] + world.counts()["new16"] >= at_least
    assert min(world.counts()[f"{engine}{size}"] for engine in ("old", "new") for size in (1, 2, 4, 8)) >= 3


def test_a_point_that_always_fails_costs_its_first_rounds_only() -> None:
    """Without a result there is no interval that could become narrow."""
    world = World(EXPERIMENT, spread=lambda point: math.nan if point["size"] == 4 else 0.1).run()
    assert (world.counts()["old4"], world.counts()["new4"]) == (3, 3)
    assert world.spent_s == 1000.0


def test_with_a_precision_it_may_end_early() -> None:
    """Points that two looks found narrow get no more; when all are, the rest of the budget is not used."""
    experiment = replace(EXPERIMENT, budget=Budget(5000.0, 5, ("ops",)), stopping=Stopping(0.05, ("ops",), 5))
    world = World(experiment, spread=lambda point: 0.1 if point["engine"] == "old" else 0.01).run()
    assert world.spent_s < 5000
    assert {world.counts()[f"new{size}"] for size in SIZES.values} == {10}
    assert sum(world.counts()[f"old{size}"] for size in SIZES.values) > 60
    assert world.findings[0].endswith(" used; all goals are reached")


def test_a_baseline_goes_with_its_points() -> None:
    """Iterations that are compared are run together: both engines of a size have equally many, and no others run between them."""
    world = World(replace(EXPERIMENT, baseline={"engine": "old"}), spread=lambda point: 0.3 if point["engine"] == "new" else 0.01).run()
    further = world.ran[30:]
    assert len(further) == 70
    for one, other in zip(further[::2], further[1::2], strict=True):
        assert one.removeprefix("old").removeprefix("new") == other.removeprefix("old").removeprefix("new")


def test_the_outlook() -> None:
    """Nothing is known before the first trial; then how many trials of the first rounds fit, and how many more."""
    plan, policy = planned(EXPERIMENT), policy_of(EXPERIMENT)
    assert policy.outlook(plan, Seen({})) == BudgetOutlook(1, 300, 1000.0, 0.0, 3, lacking=30)
    world = World(EXPERIMENT).run(limit=10)
    found = policy.outlook(plan, world.seen)
    assert found == BudgetOutlook(8, 290, 1000.0, 100.0, 3, lacking=20, basic=20, further=70)
    assert isinstance(found, BudgetOutlook)
    assert found.left_s == 900.0
    tight = policy_of(replace(EXPERIMENT, budget=Budget(250.0, 3, ("ops",))))
    assert tight.outlook(plan, world.seen) == BudgetOutlook(1, 290, 250.0, 100.0, 3, lacking=20, basic=15, further=0)


def test_what_was_missed() -> None:
    """Points without a result, those with too few iterations, and the widest interval."""
    (text,) = World(replace(EXPERIMENT, budget=Budget(200.0, 3, ("ops",)))).run().findings
    assert text.startswith('budget: 3 min 20 s of 3 min 20 s used; 2 of 10 points have no result (engine="')
    assert "; 2 have fewer than 3 iterations (engine=" in text
    (text,) = World(EXPERIMENT).run().findings
    assert text.startswith('budget: 16 min 40 s of 16 min 40 s used; the widest interval is engine="')


def test_the_widest_intervals_are_named_first() -> None:
    """Of many points that are too wide only the first few are named, so these are the widest ones."""
    world = World(replace(EXPERIMENT, stopping=Stopping(0.001, ("ops",), 3)), spread=lambda point: 0.01 * float(str(point["size"]))).run()
    (finding,) = policy_of(world.experiment).findings(planned(world.experiment), world.seen)
    assert isinstance(finding, BudgetUse)
    widths = [point.shares["ops"] or math.inf for point in finding.wide]
    assert len(widths) > 1
    assert widths == sorted(widths, reverse=True)

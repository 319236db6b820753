"""Stored plans: what the store gives back is what was stored."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.experiment.experiment import Budget, Experiment, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Contest, Filter
from wke.describe.experiment.rules import Rules
from wke.describe.expression.expression import named
from wke.describe.expression.parser import parse_calculation
from wke.keep.trials.storedplan import StoredPlan

RULES = Rules(
    points=({"zulu": 1, "engine": "new", "sync": True}, {"zulu": 2.5, "engine": "old", "sync": False}),
    iterations=30,
    metrics=(Metric("ops", log="ops/s: ([0-9.]+)", join="sum", unit="1/s"), Metric("p99", hdr="out/*.hlog", quantile=0.99, scale=1e-3)),
    baseline={"engine": "old"},
    cooldown_s=2.0,
    better="lower",
)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(),
        RULES,
        replace(RULES, stopping=Stopping(0.05, ("ops", "p99"), 7)),
        replace(RULES, budget=Budget(3600.0, 2, ("ops",))),
        replace(
            RULES,
            contests=(
                Contest("zulu", (1, 2.5), ("engine",), named("ops")),
                Contest("sync", (False, True), (), parse_calculation("ops / zulu"), "p99", (Filter("engine", ("old", "new")),)),
            ),
            fresh_rounds=7,
        ),
        replace(RULES, climb="zulu", goal=named("p99")),
        replace(RULES, climb="zulu", goal=parse_calculation("ops / (zulu * 2)")),
    ],
)
def test_a_plan_comes_back_as_it_was(rules: Rules) -> None:
    """Every field survives JSON, with its type and its order."""
    plan = StoredPlan("experiments/scale.toml", 7, "sequential", rules, 0.02, {"wke": "1.0", "git": None}, 3)
    back = StoredPlan.from_json(plan.to_json())
    assert back == plan
    assert [list(point.items()) for point in back.rules.points] == [list(point.items()) for point in rules.points]


def test_the_plan_of_an_experiment() -> None:
    """It has the file, the order and the rules of the experiment, and the seed that it was planned with."""
    experiment = Experiment("scale", Path("experiments/scale.toml"), iterations=3, order="sequential", threshold=0.1)
    plan = StoredPlan.of(experiment, 7, {"wke": "1.0"})
    assert (plan.file, plan.seed, plan.order, plan.rules.threshold, plan.software) == (
        "experiments/scale.toml",
        7,
        "sequential",
        0.1,
        {"wke": "1.0"},
    )
    assert plan.rules.iterations == 3
    assert json.loads(plan.to_json())["rules"]["iterations"] == 3

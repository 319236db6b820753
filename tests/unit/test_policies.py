"""What holds of every policy, whichever it is, and which one a series has."""

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ys

import wke
from wke.describe.experiment.experiment import Budget, Experiment, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Plot
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.plan.plan import running_order
from wke.judge.policies.budgeted import Budgeted
from wke.judge.policies.choose import policy_by, policy_of
from wke.judge.policies.climbing import Climbing
from wke.judge.policies.fixed import Fixed
from wke.judge.policies.policy import Policy, Seen
from wke.judge.policies.precise import Precise
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial, StoredAttempt

ENGINE, N = Parameter("engine", ("old", "new")), Parameter("n", (1, 2, 3, 4, 5))
PLAIN = Experiment(
    "x",
    Path("x.toml"),
    iterations=12,
    warmups=1,
    cooldown_s=2.0,
    baseline={"engine": "old"},
    parameters=Sweep((ENGINE, N)),
    metrics=(Metric("ops", unit="1/s"), Metric("lat", better="lower")),
    plots=(Plot("line", "n", ys("ops / n")),),
)
STOPPING, BUDGET = Stopping(0.05, ("ops",), 3), Budget(900.0, 2, ("ops",))
EXPERIMENTS: Mapping[str, tuple[type[Policy], Experiment]] = {
    "fixed": (Fixed, PLAIN),
    "precise": (Precise, replace(PLAIN, stopping=STOPPING)),
    "budgeted": (Budgeted, replace(PLAIN, budget=BUDGET)),
    "budgeted and precise": (Budgeted, replace(PLAIN, budget=BUDGET, stopping=STOPPING)),
    "climbing": (Climbing, replace(PLAIN, parameters=Sweep((ENGINE, replace(N, climb=True))))),
}
EACH = pytest.mark.parametrize(("kind", "experiment"), EXPERIMENTS.values(), ids=EXPERIMENTS)


def planned(experiment: Experiment) -> list[PlannedTrial]:
    """Return the plan of an experiment, in running order."""
    turns = running_order(experiment, experiment.parameters.points(), 7)
    return [
        PlannedTrial(f"{point['engine']}{point['n']}-{'w' * turn.warmup}{turn.iteration}", point, turn.iteration, turn.warmup, position)
        for position, (turn, point) in enumerate(turns)
    ]


def ran(trial: PlannedTrial) -> StoredAttempt:
    """Return the result of a trial: it depends on nothing but the trial."""
    seen = {"ops": 1000 * math.exp(random.Random(trial.id).gauss(0, 0.1)), "lat": 5.0}
    return StoredAttempt(trial.id, "x", 1, trial.point, trial.iteration, trial.warmup, "ok", "", 0, 3.0, seen, {}, Path())


@EACH
def test_an_experiment_has_one_policy(kind: type[Policy], experiment: Experiment) -> None:
    """Its file decides which; the plan that is stored, read back from its JSON, decides the same."""
    assert type(policy_of(experiment)) is kind
    stored = StoredPlan.from_json(StoredPlan.of(experiment, 7, {}).to_json())
    assert policy_by(stored.rules) == policy_of(experiment)


@EACH
def test_numbers_and_trials_agree(kind: type[Policy], experiment: Experiment) -> None:
    """Next are missing trials of the plan, in its order unless a budget orders them; the outlook counts them; no row is invented."""
    plan = planned(experiment)

    @settings(deadline=None, max_examples=30)
    @given(data=st.data())
    def agree(data: st.DataObject) -> None:
        numbers_and_trials_agree(experiment, plan, data)

    agree()


def numbers_and_trials_agree(experiment: Experiment, plan: Sequence[PlannedTrial], data: st.DataObject) -> None:
    policy = policy_of(experiment)
    stored = {trial.id: ran(trial) for trial in data.draw(st.lists(st.sampled_from(plan), max_size=60, unique_by=lambda t: t.id))}
    tried = {trial.id for trial in data.draw(st.lists(st.sampled_from(plan), max_size=20))} - stored.keys()
    seen = Seen(stored, tried, data.draw(st.sampled_from([0.0, 400.0, 900.0])))
    missing = [trial for trial in plan if trial.id not in stored and trial.id not in tried]
    batch, outlook = policy.next_trials(plan, seen), policy.outlook(plan, seen)
    assert len({trial.id for trial in batch}) == len(batch)
    assert {trial.id for trial in batch} <= {trial.id for trial in missing}
    assert outlook.due == len(batch)
    if isinstance(policy, Climbing):  # which measures only the best values and their neighbours again
        assert len(batch) <= outlook.at_most <= len(missing)
    else:
        assert outlook.at_most == len(missing)
    points = experiment.parameters.points()
    visited = policy.visited(points, list(stored.values()))
    assert list(visited) == [point for point in points if point in visited]
    assert all(trial.point in visited for trial in stored.values())
    assert len(policy.precisions(visited, list(stored.values()))) in {0, len(visited)}


@EACH
def test_every_series_ends(kind: type[Policy], experiment: Experiment) -> None:
    """Run what is next until nothing is: no trial runs twice; then nothing is due, and nothing changes that."""
    plan, policy, stored = planned(experiment), policy_of(experiment), dict[str, StoredAttempt]()
    while batch := policy.next_trials(plan, seen := Seen(stored, (), 5.0 * len(stored))):
        assert not {trial.id for trial in batch} & stored.keys()
        stored |= {trial.id: ran(trial) for trial in batch}
    assert policy.outlook(plan, seen).due == 0
    assert len(stored) == len(plan) or kind is not Fixed


def test_nobody_else_asks_which_policy_it_is() -> None:
    """The keys that decide it are read by describe/ and given to policies; all others ask the policy."""
    root = Path(wke.__file__).parent
    asked = re.compile(r"\.(climb|stopping|budget)\b")
    own = (root / "describe", root / "judge" / "policies")
    others = [path for path in root.rglob("*.py") if not path.is_relative_to(own[0]) and not path.is_relative_to(own[1])]
    assert others
    assert not [str(path) for path in others if asked.search(path.read_text())]

"""Deployments: which trials share what stands, in which order they run, and how often it is deployed."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.configuration.configuration import ConfigurationSpec, OptionSpec, TargetSpec
from wke.describe.experiment.experiment import Experiment, Step
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.plan.deployment import Deployment, shared, shuffled, times
from wke.describe.plan.plan import Trial, make_plan
from wke.keep.trials.identity import inputs, trial_id

NAMES = ("s0", "s1", "s2")
CLUSTER = ClusterSpec(
    path=None,
    provider="local",
    machines=tuple(MachineSpec(name, index, None, f"10.181.0.{index + 2}", ("servers",)) for index, name in enumerate(NAMES)),
    classes={"servers": NAMES},
)
TARGETS = {name: TargetSpec(name, "", (OptionSpec("x", 0),), name.encode()) for name in ("install", "serve", "load")}
CONFIGURATION = ConfigurationSpec("kv", Path("kv/config.toml"), TARGETS, {})
LOAD = Step("load", "servers", measure=True, options={"x": "{rate}"})
RATES = Parameter("rate", (1, 2, 3))


def deployed(target: str, x: str = "0", scope: str = "deploy") -> Step:
    return Step(target, "servers", options={"x": x}, scope=scope)


def experiment(*loops: Parameter, steps: tuple[Step, ...], **others: object) -> Experiment:
    made = Experiment("x", Path("x.toml"), configuration="kv", parameters=Sweep(loops), steps=(*steps, LOAD))
    return replace(made, **others)  # type: ignore[arg-type]


def plan(given: Experiment, seed: int = 1) -> tuple[Trial, ...]:
    return make_plan(given, CONFIGURATION, CLUSTER, seed=seed).trials


def counted(trials: tuple[Trial, ...]) -> tuple[int, ...]:
    return times([trial.deployment for trial in trials])


VERSIONS = Parameter("version", ("old", "new"))


def test_trials_that_share_a_deployment_run_one_after_the_other() -> None:
    """The groups of a round, and the trials in each, come in an order that never changes for a seed."""
    trials = plan(experiment(VERSIONS, RATES, steps=(deployed("install", "{version}"),), iterations=3), seed=7)
    order = [" ".join(f"{t.point['version']}{t.point['rate']}" for t in trials[at : at + 6]) for at in (0, 6, 12)]
    assert order == [
        "new3 new1 new2 old3 old1 old2",
        "new2 new3 new1 old1 old2 old3",
        "new3 new1 new2 old3 old2 old1",
    ]


@pytest.mark.parametrize(
    ("loops", "steps", "others", "expected"),
    [
        ((VERSIONS, RATES), (deployed("install"),), {}, (1,)),
        ((VERSIONS, RATES), (deployed("install", "{version}"),), {}, (2 * 4,)),
        ((VERSIONS, RATES), (deployed("install"), deployed("serve", "{version}")), {}, (1, 2 * 4)),
        ((VERSIONS, RATES), (deployed("install", "{version}"), deployed("serve")), {}, (2 * 4, 2 * 4)),
        ((VERSIONS, RATES), (deployed("install", "{version}"), deployed("serve", "{rate}")), {}, (2 * 4, 6 * 4)),
        ((VERSIONS, RATES), (deployed("install", "{version}"),), {"order": "sequential"}, (2,)),
        ((VERSIONS, RATES), (deployed("install", scope="point"),), {"order": "sequential"}, (6,)),
        ((VERSIONS, RATES), (deployed("install", scope="point"),), {}, ()),
        ((Parameter("n", (1, 2, 3)), RATES), (deployed("install"),), {"classes": {"servers": "{n}"}}, (3 * 4,)),
    ],
    ids=["nothing-named", "named", "second-named", "first-named", "both-named", "sequential", "point", "point-in-rounds", "machines"],
)  # fmt: skip
def test_how_often_steps_are_deployed(
    loops: tuple[Parameter, ...], steps: tuple[Step, ...], others: dict[str, object], expected: tuple[int, ...]
) -> None:
    """Whenever what they name changes, or a step before them ran again; in each of four rounds anew if there are several."""
    assert counted(plan(experiment(*loops, steps=steps, iterations=3, warmups=1, **others))) == expected


def test_a_deployment_of_another_round_is_another_one() -> None:
    """Also where the last group of a round is the first of the next: rounds share nothing but what the whole series shares."""
    steps = (deployed("install"), deployed("serve", "{version}"))
    trials = plan(experiment(VERSIONS, RATES, steps=steps, iterations=20))
    borders = [(trials[at - 1], trials[at]) for at in range(6, len(trials), 6)]
    assert any(a.point["version"] == b.point["version"] for a, b in borders)
    assert {shared(a.deployment, b.deployment) for a, b in borders} == {1}


STACKS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=12)


@settings(deadline=None)
@given(STACKS, st.integers())
def test_shuffling_keeps_groups_together(pairs: list[tuple[int, int]], seed: int) -> None:
    """Every point once, and no layer is left and come back to, at any depth."""
    stacks: list[Deployment] = [((a,), (10 * a + b,)) for a, b in pairs]
    order = shuffled(range(len(stacks)), stacks, random.Random(seed))
    assert sorted(order) == list(range(len(stacks)))
    assert times([stacks[at] for at in order]) == (() if not stacks else (len({a for a, _ in pairs}), len(set(pairs))))


def test_every_order_is_as_likely() -> None:
    """Of unequal groups neither tends to be first, and within a group all orders come."""
    stacks: list[Deployment] = [((0,),), ((0,),), ((0,),), ((1,),)]
    draws = [shuffled("abcd", stacks, random.Random(seed)) for seed in range(1200)]
    assert 500 < sum(order[0] == "d" for order in draws) < 700
    inner = Counter("".join(order).replace("d", "") for order in draws)
    assert sorted(inner) == ["abc", "acb", "bac", "bca", "cab", "cba"]
    assert min(inner.values()) > 140


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([], ()),
        ([((0,), (1,))], (1, 1)),
        ([((0,), (1,)), ((0,), (2,)), ((0,), (2,)), ((3,), (4,)), ((0,), (2,))], (3, 4)),
    ],
)
def test_deployments_are_counted(trials: list[Deployment], expected: tuple[int, ...]) -> None:
    """A layer is deployed when it, or one below it, is not what stood before."""
    assert times(trials) == expected


def test_results_of_a_shared_deployment_are_others() -> None:
    """A step with a scope is another one than without, and which scope it is counts; without a scope the identity is as ever."""
    steps = {scope: deployed("install", scope=scope) for scope in ("deploy", "point", "trial")}
    trials = {scope: plan(experiment(RATES, steps=(step,), order="sequential"))[0] for scope, step in steps.items()}
    assert len({trial_id(trial, ()) for trial in trials.values()}) == 3
    assert "scope" not in str(inputs(trials["trial"], ()))

"""Identity: it changes with everything that a trial depends on, and with nothing else."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.cluster.cluster import ClusterSpec, LinkSpec, MachineSpec, read_cluster
from wke.describe.cluster.machinelimits import MachineLimits
from wke.describe.configuration.configuration import Prelude, TargetSpec, read_configuration
from wke.describe.configuration.step import PlannedStep, Ready
from wke.describe.experiment.experiment import Check
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.expression.parser import parse_condition
from wke.describe.plan.plan import Trial, make_plan
from wke.describe.plan.revisions import Revision, Revisions, Side
from wke.keep.trials.identity import digest, inputs, planned_trials, trial_id

MACHINES = (
    MachineSpec("s", 0, "s.example.org", "10.0.0.1", ("servers",)),
    MachineSpec("c", 1, "c.example.org", "10.0.0.2", ("clients", "all-clients")),
    MachineSpec("idle", 2, "i.example.org", "10.0.0.3"),
)
CLUSTER = ClusterSpec(None, "ssh", MACHINES, {"servers": ("s",), "clients": ("c",), "all-clients": ("c",)}, username="me")
PING = PlannedStep(0, TargetSpec("ping", "", content=b"ping"), MACHINES[:1])
SERVE = PlannedStep(
    0,
    TargetSpec("serve", "about", content=b"serve"),
    MACHINES[:1],
    (("memory", "64"), ("mode", "safe")),
    prelude=Prelude("venv", "about", b"venv"),
    background=True,
    ready=Ready(target="ping"),
    ready_step=PING,
)
LOAD = PlannedStep(1, TargetSpec("load", "", content=b"load"), MACHINES[1:2], measure=True)
TRIAL = Trial({"memory": 64, "clients": 2}, 2, warmup=False, round=3, cluster=CLUSTER, steps=(SERVE, LOAD))
METRICS = (Metric("ops", "ops (.*)", "sum", "1/s", "higher"), Metric("rss", step="serve"))


def identity(trial: Trial = TRIAL, metrics: tuple[Metric, ...] = METRICS) -> str:
    return trial_id(trial, metrics)


def serve(**changes: Any) -> Trial:
    return replace(TRIAL, steps=(replace(SERVE, **changes), LOAD))


def cluster(**changes: Any) -> Trial:
    return replace(TRIAL, cluster=replace(CLUSTER, **changes))


def machine(index: int, **changes: Any) -> Trial:
    return cluster(machines=tuple(replace(m, **changes) if m.index == index else m for m in MACHINES))


def target(**changes: Any) -> Trial:
    return serve(target=replace(SERVE.target, **changes))


def test_an_identity_has_this_form() -> None:
    """Known by heart: a change of the scheme makes all stored results old ones, and must be meant."""
    assert identity() == "ae0565df2848-2"
    assert identity(replace(TRIAL, iteration=0, warmup=True)) == "ae0565df2848-w0"


CHANGES: dict[str, Trial] = {
    "a byte of a script": target(content=b"serve "),
    "a script that names the module wke.load": target(content=b"from wke import load"),
    "a byte of a prelude": serve(prelude=replace(SERVE.prelude, content=b"venv\n")),
    "no prelude": serve(prelude=None),
    "an option's value": serve(options=(("memory", "65"), ("mode", "safe"))),
    "an option's name": serve(options=(("memory", "64"), ("kind", "safe"))),
    "the order in which options are defined": serve(options=(("mode", "safe"), ("memory", "64"))),
    "one option instead of two": serve(options=(("memory", "64,mode=safe"),)),
    "the number of copies": serve(multiply=2),
    "a step in the background": serve(background=False),
    "another measured step": serve(measure=True),
    "the timeout": serve(timeout_s=5.0),
    "the grace": serve(grace_s=9.0),
    "the stop signal": serve(stop_signal="SIGINT"),
    "the workdir": serve(workdir="/tmp"),
    "a built-in target's packages": serve(environment={"WKE_PACKAGES": "gcc"}),
    "readiness": serve(ready=Ready(port="1"), ready_step=None),
    "the time to be ready": serve(ready=Ready(target="ping", within_s=21)),
    "the script that tells readiness": serve(ready_step=replace(PING, target=replace(PING.target, content=b"pong"))),
    "other machines for a step": serve(machines=MACHINES[:2]),
    "the order of steps": replace(TRIAL, steps=(LOAD, SERVE)),
    "one step less": replace(TRIAL, steps=(LOAD,)),
    "a parameter": replace(TRIAL, point={"memory": 65, "clients": 2}),
    "a parameter's type": replace(TRIAL, point={"memory": 64.0, "clients": 2}),
    "a parameter's name": replace(TRIAL, point={"memory": 64, "users": 2}),
    "the provider": cluster(provider="local"),
    "the login": cluster(username="you"),
    "a link": cluster(links={"default": LinkSpec(delay_s=0.001)}),
    "a machine's limit": cluster(limits={MACHINES[0].name: MachineLimits(cpus=1.0)}),
    "another limit": cluster(limits={MACHINES[0].name: MachineLimits(cpus=2.0)}),
    "an internal address": machine(0, internal_addr="10.0.0.9"),
    "an external address": machine(1, external_addr="d.example.org"),
    "the classes of a machine": machine(1, classes=("clients",)),
}


@pytest.mark.parametrize("trial", CHANGES.values(), ids=CHANGES)
def test_what_a_trial_depends_on_changes_its_identity(trial: Trial) -> None:
    """Each of these is another question to the machines."""
    assert identity(trial) != identity()


def test_all_these_changes_differ_from_each_other() -> None:
    """No change is taken for another one."""
    assert len({identity(trial) for trial in CHANGES.values()}) == len(CHANGES)


METRIC_CHANGES = {
    "pattern": {"log": "ops: (.*)"},
    "join": {"join": "mean"},
    "unit": {"unit": "k/s"},
    "machines": {"on": "c"},
    "step": {"step": "serve"},
    "name": {"name": "rate"},
}


@pytest.mark.parametrize("change", METRIC_CHANGES.values(), ids=METRIC_CHANGES)
def test_where_a_metric_comes_from_changes_the_identity(change: dict[str, Any]) -> None:
    """An observation under another definition is another observation."""
    assert identity(metrics=(replace(METRICS[0], **change), METRICS[1])) != identity()


SAME: dict[str, Trial] = {
    "the round": replace(TRIAL, round=9),
    "the order of parameters": replace(TRIAL, point={"clients": 2, "memory": 64}),
    "a description": target(about="changed"),
    "a target's name": target(name="other"),
    "a target's unused choices": target(options=(), path=Path("/elsewhere/serve")),
    "a prelude's name and description": serve(prelude=Prelude("other", "changed", b"venv")),
    "the position of cluster.toml": cluster(path=Path("/elsewhere/cluster.toml")),
    "the timeout of steps that have none": serve(usual_timeout_s=5.0),
    "how we connect": cluster(
        wait_s=1.0, connect_limit=1, connect_timeout_s=1.0, ssh_options=("-v",), ssh_port=2222, lease_s=5.0, forward_agent=True
    ),
    "an ssh port": machine(0, ssh_port=2222),
    "a machine that takes no part": machine(2, internal_addr="10.0.0.99", classes=("more",)),
    "one machine more": cluster(machines=(*MACHINES, MachineSpec("new", 3, "n", "10.0.0.4"))),
    "the order of classes": machine(1, classes=("all-clients", "clients")),
    "an equal username of a machine's own": machine(0, username="me"),
}


@pytest.mark.parametrize("trial", SAME.values(), ids=SAME)
def test_what_a_trial_does_not_depend_on_leaves_its_identity(trial: Trial) -> None:
    """An old result stays good for the same question."""
    assert identity(trial) == identity()


@pytest.mark.parametrize(
    "change", [{"hdr": "y"}, {"quantile": 0.9}, {"statistic": "mean"}, {"scale": "us"}, {"tag": "READ"}, {"unit": "us"}, {"on": "m0"}]
)
def test_what_is_asked_of_histograms_changes_the_identity(change: dict[str, Any]) -> None:
    """Another quantile of the same files is another metric."""
    asked = Metric("p99", hdr="x", quantile=0.99, unit="ms")
    assert identity(metrics=(replace(asked, **change),)) != identity(metrics=(asked,))


def test_judgement_and_order_of_metrics_do_not_count() -> None:
    """Which way is better, and how a summary is made, can change years later."""
    judged = replace(METRICS[0], better="lower", summary="median")
    assert identity(metrics=(METRICS[1], judged)) == identity()


def test_iterations_share_all_but_their_number() -> None:
    """The hash is the point's; the number tells repetitions apart."""
    other = identity(replace(TRIAL, iteration=7))
    assert other.partition("-")[::2] == (identity().partition("-")[0], "7")


SCALARS = st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), SCALARS, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_never_matters(point: dict[str, Any], random: Any) -> None:
    """A mapping has one canonical form."""
    shuffled = list(point.items())
    random.shuffle(shuffled)
    assert identity(replace(TRIAL, point=dict(shuffled))) == identity(replace(TRIAL, point=point))


@settings(deadline=None)
@given(st.binary(max_size=40), st.data())
def test_every_byte_of_a_script_matters(content: bytes, data: st.DataObject) -> None:
    """Flip, add or remove any byte, and the identity is another."""
    position = data.draw(st.integers(0, len(content)))
    grown = content[:position] + bytes([data.draw(st.integers(0, 255))]) + content[position:]
    assert identity(target(content=grown)) != identity(target(content=content))
    if position < len(content):
        flipped = content[:position] + bytes([content[position] ^ data.draw(st.integers(1, 255))]) + content[position + 1 :]
        assert identity(target(content=flipped)) != identity(target(content=content))


def test_inputs_can_be_compared_part_by_part() -> None:
    """What is stored is JSON; its digests name the part that changed; the identity is the digest of what the trial depends on."""
    stored = json.loads(json.dumps(inputs(TRIAL, METRICS)))
    assert stored["targets"] == ["serve", "load"]
    assert identity().startswith(digest(stored["depends"])[:12])
    changed = inputs(target(content=b"new"), METRICS)["digests"]
    assert isinstance(changed, Mapping)
    assert [part for part, value in stored["digests"].items() if changed[part] != value] == ["steps"]


PROJECT = {
    "cluster.toml": '[cluster]\nprovider = "local"\nmachines = 2',
    "kv/config.toml": '[targets]\nserve = [["memory", 64], ["mode", "safe"]]',
    "kv/targets/serve": "#!/bin/sh\n",
    "x.toml": """
[experiment]
configuration = "kv"
iterations = 2
[parameters]
memory = [1, 2]
[[steps]]
target = "serve"
measure = true
options = { memory = "{memory}" }
""",
}


def identities(folder: Path, edit: Callable[[str, str], str] = lambda _, text: text) -> list[str]:
    """Write the project with an edit to each file, and return the identities of its trials in file order."""
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(edit(name, text))
    experiment = read_experiment(folder / "x.toml")
    plan = make_plan(experiment, read_configuration("kv", folder), read_cluster(folder / "cluster.toml"), seed=1)
    return sorted(trial_id(trial, experiment.metrics) for trial in plan.trials if trial.iteration < 2 and not trial.warmup)


EDITS: dict[str, tuple[str, str, str, bool]] = {
    "a comment in a TOML file": ("x.toml", "[experiment]", "# why\n[experiment]", True),
    "the form of a table": ("x.toml", 'options = { memory = "{memory}" }', '[steps.options]\nmemory = "{memory}"', True),
    "a description": ("x.toml", "[experiment]", '[experiment]\nabout = "new"', True),
    "more iterations": ("x.toml", "iterations = 2", "iterations = 9", True),
    "warm-ups, order, seed, cooldown": (
        "x.toml",
        "iterations = 2",
        'iterations = 2\nwarmups = 1\norder = "sequential"\nseed = 4\ncooldown = 1',
        True,
    ),
    "a constant that has become a list": ("x.toml", "memory = [1, 2]", "memory = [2, 1]", True),
    "a default that is overridden": ("kv/config.toml", '["memory", 64]', '["memory", 65]', True),
    "a default that is in use": ("kv/config.toml", '["mode", "safe"]', '["mode", "fast"]', False),
    "a byte of the script": ("kv/targets/serve", "#!/bin/sh\n", "#!/bin/sh\n\n", False),
    "one more machine for all": ("cluster.toml", "machines = 2", "machines = 3", False),
}


@pytest.mark.parametrize(("file", "old", "new", "same"), EDITS.values(), ids=EDITS)
def test_edits_of_a_project(tmp_path: Path, *, file: str, old: str, new: str, same: bool) -> None:
    """From files to identities: what leaves stored results good, and what does not. The project's place on the disk never matters."""

    def edit(name: str, text: str) -> str:
        assert name != file or old in text
        return text.replace(old, new) if name == file else text

    before, after = identities(tmp_path / "before"), identities(tmp_path / "after", edit)
    assert len(before) == len(set(before)) == 4
    assert (before == after) if same else set(before).isdisjoint(after)


def test_planned_trials_have_the_identities_and_inputs_of_each_trial(tmp_path: Path) -> None:
    """All trials of a point are identified at once, and come out as if each had been: with files, checks, sizes, conditions, revisions."""
    for name, text in PROJECT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    experiment, configuration = read_experiment(tmp_path / "x.toml"), read_configuration("kv", tmp_path)
    cluster = read_cluster(tmp_path / "cluster.toml")
    checked = replace(experiment, files={"b": "1", "a": "2", "folder": None}, checks=(Check(parse_condition("memory > 0")),))
    revisions = Revisions(Revision("a" * 40), Revision("b" * 40, "c"), Side(checked, configuration))
    compared = revisions.experiment(checked)
    for asked, sides in ((experiment, None), (checked, None), (compared, revisions)):
        plan = make_plan(asked, configuration, cluster, seed=1, revisions=sides)
        metrics, checks = asked.metrics, [check.text for check in asked.checks]
        found = list(planned_trials(plan))
        besides = {one.inputs["depends"].get("beside", "") for one in found}
        assert (besides == {""}) is (sides is None)
        for one, trial in zip(found, plan.trials, strict=True):
            beside = one.inputs["depends"].get("beside", "")
            assert (one.id, one.point) == (trial_id(trial, metrics, checks, beside), trial.point)
            assert one.inputs_json == json.dumps(inputs(trial, metrics, checks, beside), sort_keys=True)

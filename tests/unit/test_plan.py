"""Plans: the order of trials, what a planned step holds, and what is checked before anything runs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.configuration.configuration import ConfigurationSpec, OptionSpec, Prelude, TargetSpec
from wke.describe.configuration.step import DEFAULT_PRELUDE, Ready, plan_step
from wke.describe.experiment.experiment import Experiment, Step
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import Choice, Parameter, Sweep, Value, point_text
from wke.describe.expression.parser import parse_condition
from wke.describe.plan.plan import Plan, Trial, make_plan, sources
from wke.errors import InputError, Location
from wke.records import TaskName

SERVERS = ("s0", "s1", "s2")
CLIENTS = ("c0", "c1")
CLUSTER = ClusterSpec(
    path=None,
    provider="local",
    machines=tuple(
        MachineSpec(name, index, None, f"10.181.0.{index + 2}", ("servers",) if name in SERVERS else ("clients",))
        for index, name in enumerate(SERVERS + CLIENTS)
    ),
    classes={"servers": SERVERS, "clients": CLIENTS},
    workdir="/work",
)
PING = TargetSpec("ping", "", content=b"ping")
SERVE = TargetSpec("serve", "", (OptionSpec("memory", 64, value_type="int"), OptionSpec("peers", required=True)), b"serve")
LOAD = TargetSpec("load", "", (OptionSpec("to", "@NAME"), OptionSpec("mode", "safe", choices=("fast", "safe"), value_type="str")), b"load")
CONFIGURATION = ConfigurationSpec(
    "kv",
    Path("kv/config.toml"),
    {target.name: target for target in (PING, SERVE, LOAD, TargetSpec("lost", ""))},
    {name: Prelude(name, "", name.encode()) for name in ("venv", "other")},
    default_prelude="venv",
)
MEASURED = Step("load", "clients", measure=True)


def experiment(*loops: Parameter | Choice, steps: tuple[Step, ...] = (MEASURED,), **others: object) -> Experiment:
    made = Experiment("x", Path("x.toml"), configuration="kv", parameters=Sweep(loops), steps=steps)
    return replace(made, **others)  # type: ignore[arg-type]


def plan(given: Experiment, seed: int = 1, cluster: ClusterSpec = CLUSTER) -> Plan:
    return make_plan(given, CONFIGURATION, cluster, seed=seed)


def told(trials: tuple[Trial, ...]) -> str:
    """Return trials as `POINT/ITERATION`, warm-ups as `POINT/wITERATION`."""
    return " ".join(f"{point_text(trial.point)}/{'w' if trial.warmup else ''}{trial.iteration}" for trial in trials)


A12 = Parameter("a", (1, 2))


def test_sequential_order_is_point_by_point() -> None:
    """All warm-ups and iterations of a point, then the next point."""
    trials = plan(experiment(A12, order="sequential", iterations=2, warmups=1)).trials
    assert told(trials) == "a=1/w0 a=1/0 a=1/1 a=2/w0 a=2/0 a=2/1"
    assert [trial.round for trial in trials] == [0, 1, 2, 0, 1, 2]


def test_interleaved_order_is_known_for_a_seed() -> None:
    """The order of a seed never changes, so that a series can go on years later; warm-ups are rounds of their own, first."""
    trials = plan(experiment(Parameter("a", (1, 2, 3, 4)), iterations=2, warmups=1), seed=7).trials
    assert told(trials) == "a=3/w0 a=4/w0 a=1/w0 a=2/w0 a=1/0 a=3/0 a=4/0 a=2/0 a=3/1 a=2/1 a=4/1 a=1/1"


UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@UNHURRIED
@given(
    points=st.integers(1, 8),
    iterations=st.integers(1, 4),
    warmups=st.integers(0, 2),
    order=st.sampled_from(["interleaved", "sequential"]),
    seed=st.integers(0, 2**64),
)
def test_every_trial_is_planned_once(points: int, iterations: int, warmups: int, order: str, seed: int) -> None:
    """Each point and iteration once for any seed and order; the same seed, the same plan; each round visits every point."""
    made = experiment(Parameter("a", tuple(range(points))), iterations=iterations, warmups=warmups, order=order)
    trials = plan(made, seed).trials
    assert Counter((trial.point["a"], trial.warmup, trial.iteration) for trial in trials) == Counter(
        [(point, True, number) for point in range(points) for number in range(warmups)]
        + [(point, False, number) for point in range(points) for number in range(iterations)]
    )
    assert trials == plan(made, seed).trials
    if order == "interleaved":
        for number in range(warmups + iterations):
            block = trials[number * points : (number + 1) * points]
            assert {trial.round for trial in block} == {number}
            assert sorted(trial.point["a"] for trial in block) == list(range(points))


def test_more_iterations_go_on_where_fewer_ended() -> None:
    """A series that is extended keeps the order it had."""
    short = plan(experiment(Parameter("a", (1, 2, 3)), iterations=2)).trials
    long = plan(experiment(Parameter("a", (1, 2, 3)), iterations=5)).trials
    assert long[: len(short)] == short


def test_rounds_and_seeds_differ_in_order() -> None:
    """Neither the next round nor another seed repeats an order of twenty points."""
    made = experiment(Parameter("a", tuple(range(20))), iterations=2)
    trials = plan(made).trials
    assert told(trials[:20]).replace("/0", "") != told(trials[20:]).replace("/1", "")
    assert told(trials) != told(plan(made, seed=2).trials)


def test_a_step_is_planned_with_everything_looked_up() -> None:
    """Templates are filled, options bound in the order of their definition, macros left for later."""
    steps = (
        Step(
            "serve",
            "servers",
            background=True,
            ready=Ready(target="ping", within_s=3),
            options={"peers": "{servers.internal-addr}", "memory": "{memory}"},
            prelude="none",
        ),
        Step("{do}", "clients", measure=True, multiply="{copies}", timeout_s=9),
    )
    made = experiment(
        Parameter("memory", (128,)), Parameter("do", ("load",)), Parameter("copies", (2,)), steps=steps, classes={"servers": "2"}
    )
    (trial,) = plan(made).trials
    serve, load = trial.steps
    assert [machine.name for machine in trial.cluster.machines] == ["s0", "s1", "c0", "c1"]
    assert (serve.index, serve.target, serve.background, serve.measure) == (0, SERVE, True, False)
    assert [machine.name for machine in serve.machines] == ["s0", "s1"]
    assert serve.options == (("memory", "128"), ("peers", "10.181.0.2,10.181.0.3"))
    assert serve.prelude is None
    assert serve.ready == Ready(target="ping", within_s=3)
    assert serve.ready_step is not None
    assert (serve.ready_step.target, serve.ready_step.machines) == (PING, serve.machines)
    assert (load.index, load.target, load.measure, load.timeout_s, load.workdir) == (1, LOAD, True, 9, "/work")
    assert load.options == (("to", "@NAME"), ("mode", "safe"))
    assert load.prelude is CONFIGURATION.preludes["venv"]
    assert load.tasks() == tuple(TaskName(1, "load", name, copy) for name in CLIENTS for copy in (0, 1))


def test_a_port_may_be_a_template() -> None:
    """What the runner gets is a number's text."""
    steps = (replace(MEASURED, measure=False, background=True, ready=Ready(port="6{a}")), MEASURED)
    trials = plan(experiment(Parameter("a", (1,)), steps=steps)).trials
    assert trials[0].steps[0].ready == Ready(port="61")


def test_facts_are_those_of_the_sized_cluster() -> None:
    """A class cut to the size of the point gives addresses and counts of its first machines only."""
    step = replace(MEASURED, options={"to": "{servers.count}:{servers.name}/{all.count}"})
    made = experiment(Parameter("n", (1, 3)), steps=(step,), classes={"servers": "{n}"}, order="sequential")
    assert [dict(trial.steps[0].options)["to"] for trial in plan(made).trials] == ["1:s0/3", "3:s0,s1,s2/5"]


def test_a_metric_is_read_from_these_tasks() -> None:
    """By default all of the measured step; `step` and `on` choose others."""
    steps = (Step("serve", "servers", background=True, options={"peers": ""}), replace(MEASURED, multiply="2"))
    metrics = (
        Metric("ops", join="sum"),
        Metric("first", on="c0", join="max"),
        Metric("rss", step="serve", on="servers[1]"),
    )
    (trial,) = plan(experiment(steps=steps, metrics=metrics)).trials
    assert sources(metrics, trial) == {
        "ops": tuple(TaskName(1, "load", name, copy) for name in CLIENTS for copy in (0, 1)),
        "first": (TaskName(1, "load", "c0", 0), TaskName(1, "load", "c0", 1)),
        "rss": (TaskName(0, "serve", "s1"),),
    }


def options(**values: Value) -> Step:
    return replace(MEASURED, options=values)


NEEDS_READY = Step("load", background=True, ready=Ready(target="serve"))
MISTAKES: dict[str, tuple[Experiment, str]] = {
    "no steps": (
        experiment(steps=()),
        (
            "experiment: experiment: has no [[steps]]: this experiment belongs to a benchmark script\n"
            "  hint: run that script: python benchmark.py toml x.toml; `wke measure` needs [[steps]] and configuration"
        ),
    ),
    "unknown target": (
        experiment(steps=(replace(MEASURED, target="laod"),)),
        'experiment: steps[0].target: configuration kv has no target "laod"\n  hint: did you mean "load"?',
    ),
    "missing script": (
        experiment(steps=(replace(MEASURED, target="lost"),)),
        'experiment: steps[0].target: target "lost" has no script\n  hint: write it to kv/targets/lost',
    ),
    "unknown prelude": (
        experiment(steps=(replace(MEASURED, prelude="vemv"),)),
        'experiment: steps[0].prelude: configuration kv has no prelude "vemv"\n  hint: did you mean "venv"?',
    ),
    "selector": (
        experiment(steps=(replace(MEASURED, on="client"),)),
        (
            'experiment: steps[0].on: selector "client" names "client", which is neither a machine nor a class\n'
            '  hint: did you mean "clients"? machines: s0, s1, s2, c0, c1; classes: servers, clients'
        ),
    ),
    "unknown option": (
        experiment(steps=(options(mdoe="fast"),)),
        'experiment: steps[0].options.mdoe: target "load" has no option "mdoe"\n  hint: did you mean "mode"?',
    ),
    "missing option": (
        experiment(steps=(MEASURED, Step("serve"))),
        'experiment: steps[1].options: target "serve" needs option "peers"\n  hint: give it a value',
    ),
    "choice": (
        experiment(steps=(options(mode="slow"),)),
        'experiment: steps[0].options.mode: target "load", option "mode": must be one of "fast", "safe", not the text "slow"',
    ),
    "macro": (
        experiment(steps=(options(to="@NAM"),)),
        'experiment: steps[0].options.to: target "load", option "to": there is no macro @NAM\n  hint: did you mean "@NAME"?',
    ),
    "several options of one step": (
        experiment(steps=(MEASURED, replace(MEASURED, target="serve", options={"memory": "much", "speed": 1}))),
        (
            'experiment: steps[1].options.speed: target "serve" has no option "speed"\n  hint: did you mean "peers"?\n'
            'experiment: steps[1].options.memory: target "serve", option "memory": must be a whole number, not the text "much"\n'
            'experiment: steps[1].options: target "serve" needs option "peers"\n  hint: give it a value'
        ),
    ),
    "multiply by text": (
        experiment(Parameter("n", ("two",)), steps=(replace(MEASURED, multiply="{n}"),)),
        'experiment: steps[0].multiply: must be a whole number, not the text "two"',
    ),
    "multiply by nothing": (
        experiment(steps=(replace(MEASURED, multiply="0"),)),
        "experiment: steps[0].multiply: must be between 1 and 10000, not 0\n  hint: it is the number of tasks per machine",
    ),
    "port": (
        experiment(Parameter("p", (70000,)), steps=(Step("ping", background=True, ready=Ready(port="{p}")), MEASURED)),
        "experiment: steps[0].ready.port: must be a port between 1 and 65535, not 70000",
    ),
    "ready target with a required option": (
        experiment(steps=(NEEDS_READY, MEASURED)),
        'experiment: steps[0].ready.target: target "serve" needs option "peers"\n  hint: give it a value',
    ),
    "class too large at all points": (
        experiment(Parameter("n", (4, 5)), classes={"servers": "{n}"}),
        (
            "experiment: classes.servers: class servers cannot have 4 machines\n"
            "  hint: it has 3 machines in the cluster\n"
            "experiment: classes.servers: class servers cannot have 5 machines\n"
            "  hint: it has 3 machines in the cluster"
        ),
    ),
    "class too large at the baseline": (
        replace(experiment(Parameter("n", (2, 4)), classes={"servers": "{n}"}), baseline={"n": 4}),
        "experiment: classes.servers: class servers cannot have 4 machines\n  hint: it has 3 machines in the cluster",
    ),
    "class of less than nothing": (
        experiment(Parameter("n", (-1,)), classes={"servers": "{n}"}),
        "experiment: classes.servers: class servers cannot have -1 machines\n  hint: the smallest class has 0",
    ),
    "the measured step skipped at some points": (
        experiment(Parameter("n", (0, 1)), steps=(replace(MEASURED, when=parse_condition("n > 0")),)),
        "experiment: steps[0]: is the measured step, and is skipped\n  hint: measure a step that runs at each point",
    ),
    "two measured steps at some points": (
        experiment(
            Parameter("n", (0, 1)),
            steps=(replace(MEASURED, when=parse_condition("n >= 0")), replace(MEASURED, when=parse_condition("n > 0"))),
        ),
        "experiment: steps[1].measure: is a second measured step\n  hint: choose one for each point by `when`",
    ),
    "a condition on text": (
        experiment(Parameter("n", ("a",)), steps=(Step("ping", when=parse_condition("n > 0")), MEASURED)),
        'experiment: steps[0].when: n is the text "a", which cannot be less or more than another value',
    ),
    "no such class": (
        experiment(classes={"server": "1"}),
        'experiment: classes.server: there is no class "server" to size\n  hint: did you mean "servers"?',
    ),
    "class of half a machine": (
        experiment(Parameter("n", (1.5,)), classes={"servers": "{n}"}),
        "experiment: classes.servers: must be a whole number, not the number 1.5",
    ),
    "parameter of another table": (
        experiment(Choice({"foo": Sweep((Parameter("a", (1,)),)), "bar": Sweep((Parameter("b", (1,)),))}), steps=(options(to="{a}"),)),
        (
            'experiment: steps[0].options.to: parameter "a" is not set at every point\n'
            "  hint: set a in every table that sub-parameters chooses from, or give it a default before them"
        ),
    ),
    "no join": (
        experiment(metrics=(Metric("ops"),)),
        (
            "experiment: metrics.ops: is read from several tasks, and join is missing\n"
            '  hint: write join = "sum" (or mean, min, max, median), or on = "c0"'
        ),
    ),
    "metric of a step that does not run in every trial": (
        experiment(steps=(Step("ping", "s0", scope="deploy"), MEASURED), metrics=(Metric("ops", step="ping"),)),
        "experiment: metrics.ops: is read from a step that does not run in every trial\n  hint: remove scope from that step",
    ),
    "metric of a machine that does not run the step": (
        experiment(metrics=(Metric("ops", on="servers"),)),
        "experiment: metrics.ops.on: the step that this metric is read from has no task there\n  hint: name machines on which it runs",
    ),
    "metric of unknown machines": (
        experiment(metrics=(Metric("ops", on="clinets"),)),
        (
            'experiment: metrics.ops.on: selector "clinets" names "clinets", which is neither a machine nor a class\n'
            '  hint: did you mean "clients"? machines: s0, s1, s2, c0, c1; classes: servers, clients'
        ),
    ),
    "the same mistake at every point": (
        experiment(Parameter("a", tuple(range(100))), steps=(options(mode="slow"),), iterations=10),
        'experiment: steps[0].options.mode: target "load", option "mode": must be one of "fast", "safe", not the text "slow"',
    ),
    "many mistakes at one place": (
        experiment(Parameter("a", tuple("abcdefgh")), steps=(replace(MEASURED, multiply="{a}"),)),
        "\n".join(f'experiment: steps[0].multiply: must be a whole number, not the text "{a}"' for a in "abcde")
        + "\nexperiment: steps[0].multiply: and 3 more mistakes of this kind at other points",
    ),
    "mistakes in several steps and classes": (
        experiment(steps=(MEASURED, replace(MEASURED, target="x", on="y")), classes={"servers": "9"}),
        (
            "experiment: classes.servers: class servers cannot have 9 machines\n"
            "  hint: it has 3 machines in the cluster\n"
            'experiment: steps[1].on: selector "y" names "y", which is neither a machine nor a class\n'
            "  hint: machines: s0, s1, s2, c0, c1; classes: servers, clients\n"
            'experiment: steps[1].target: configuration kv has no target "x"\n  hint: known: ping, serve, load, lost'
        ),
    ),
}


@pytest.mark.parametrize(("wrong", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_found_before_anything_runs(wrong: Experiment, expected: str) -> None:
    """Each is told once, at its key, however many points have it."""
    with pytest.raises(InputError) as error:
        plan(wrong)
    assert str(error.value) == expected


def test_points_that_do_not_fit_the_cluster_are_left_out() -> None:
    """They are named with the reason, and the planned experiment no longer has them."""
    made = plan(experiment(Parameter("n", (2, 4, 5)), classes={"servers": "{n}"}))
    assert [point_text(trial.point) for trial in made.trials] == ["n=2"]
    assert [(point_text(one.point), one.why) for one in made.left_out] == [
        ("n=4", "class servers cannot have 4 machines"),
        ("n=5", "class servers cannot have 5 machines"),
    ]
    assert made.experiment.parameters.points() == ({"n": 2},)
    assert made.omission
    assert made.omission.what.startswith("2 of 3 points are left out, for which the cluster is too small: n=4 (class servers cannot")


def test_steps_are_skipped_where_they_are_not_wanted() -> None:
    """A condition that is false, or a class of 0 machines, skips a step at a point: it has no task, and its script does not count."""
    steps = (Step("ping", when=parse_condition("n > 1")), Step("ping", on="servers"), MEASURED)
    wanted = experiment(Parameter("n", (0, 1, 2)), steps=steps, classes={"servers": "{n}"})
    skipped = {trial.point["n"]: [step.is_skipped for step in trial.steps] for trial in plan(wanted).trials}
    assert skipped == {0: [True, True, False], 1: [True, False, False], 2: [False, False, False]}
    (first,) = [trial for trial in plan(wanted).trials if trial.point["n"] == 0]
    assert [len(step.tasks()) for step in first.steps] == [0, 0, 2]


@pytest.mark.parametrize(("prelude", "expected"), [(DEFAULT_PRELUDE, "venv"), (None, None), ("other", "other")])
def test_the_prelude_of_a_step_for_wke_run(prelude: str | None, expected: str | None) -> None:
    """The configuration's own unless told otherwise; None is none."""
    step = plan_step(CONFIGURATION, CLUSTER, target="load", selector="all", options={}, prelude=prelude)
    assert (step.prelude.name if step.prelude else None) == expected


def test_a_step_for_wke_run_tells_all_mistakes_at_once() -> None:
    """On the command line there is no file to point at."""
    with pytest.raises(InputError) as error:
        plan_step(CONFIGURATION, CLUSTER, target="load", selector="[9]", options={"mode": "x"}, multiply=0, prelude="y")
    assert [problem.where for problem in error.value.problems] == [None] * 4


def test_a_workdir_given_wins_over_the_cluster_s() -> None:
    """The cluster's is the default."""

    def workdir(given: str | None) -> str | None:
        return plan_step(CONFIGURATION, CLUSTER, target="ping", selector="all", options={}, workdir=given).workdir

    assert (workdir(None), workdir("/else")) == ("/work", "/else")


def test_install_packages_learns_what_to_install() -> None:
    """A built-in target gets what the configuration requires, and no default prelude, which may need that; a user's own is as usual."""
    required = replace(
        CONFIGURATION,
        targets={"install-packages": TargetSpec("install-packages", "", content=b"x", builtin=True), "load": LOAD},
        required_packages=("gcc", "make"),
        required_repositories=("ppa:a/b",),
    )

    def environment(target: str) -> Mapping[str, str]:
        return plan_step(required, CLUSTER, target=target, selector="all", options={}).environment

    assert plan_step(required, CLUSTER, target="load", selector="all", options={}).prelude == required.preludes[required.default_prelude]
    assert plan_step(required, CLUSTER, target="install-packages", selector="all", options={}).prelude is None
    assert environment("install-packages") == {"WKE_PACKAGES": "gcc\nmake", "WKE_REPOSITORIES": "ppa:a/b"}
    assert environment("load") == {}


def test_a_step_has_the_experiments_timeout_unless_it_has_its_own() -> None:
    """Not a step in the background, which runs until the trial ends; how processes are stopped comes from the step."""
    serve = Step("serve", "s0", background=True, options={"peers": "x"}, grace_s=9.0, stop_signal="SIGINT")
    steps = (serve, Step("load", "c0", timeout_s=2.0), MEASURED)
    (trial,) = plan(experiment(steps=steps, step_timeout_s=30.0)).trials
    assert [step.limit_s for step in trial.steps] == [None, 2.0, 30.0]
    assert (trial.steps[0].grace_s, trial.steps[0].stop_signal) == (9.0, "SIGINT")


def test_places_are_looked_up_for_mistakes_only() -> None:
    """A plan without mistakes asks for the place of nothing, which would take most of its time; one with a mistake names it."""
    asked: list[tuple[object, ...]] = []

    def at(*key: str | int) -> Location:
        asked.append(key)
        return Location("x.toml", 1, 1, ".".join(map(str, key)))

    step = Step("serve", "servers", options={"memory": "{memory}", "peers": "{clients.name}"})
    loops = (Parameter("memory", (1, 2, 3)), Parameter("mode", ("fast", "safe")))
    measured = replace(MEASURED, options={"mode": "{mode}"})
    good = experiment(*loops, steps=(step, measured), metrics=(Metric("ops", "(.*)", "sum"),), at=at)
    assert len(plan(good).trials) == 6
    assert asked == []
    with pytest.raises(InputError, match=r"x\.toml:1:1: steps\.0\.options"):
        plan(replace(good, steps=(replace(step, options={**step.options, "nothing": 1}), measured)))


def test_points_share_what_they_have_in_common() -> None:
    """A step that depends on one of two parameters is planned once for each of its values, 0.0 and -0.0 apart; the others at each point."""
    step = Step("serve", "servers", options={"memory": 1, "peers": "{peers}"})
    loops = (Parameter("peers", (0.0, -0.0, 1)), Parameter("mode", ("fast", "safe")))
    loading = replace(MEASURED, options={"to": "{peers}", "mode": "{mode}"})
    trials = plan(experiment(*loops, steps=(step, loading), classes={"servers": "{2 - 1}"})).trials
    assert Counter(dict(trial.steps[0].options)["peers"] for trial in trials) == {"0.0": 2, "-0.0": 2, "1": 2}
    assert len({id(trial.steps[0]) for trial in trials}) == 3
    assert len({id(trial.steps[1]) for trial in trials}) == 6
    assert len({id(trial.cluster) for trial in trials}) == 1
    assert [(dict(trial.steps[1].options)["to"], dict(trial.steps[1].options)["mode"]) for trial in trials] == [
        (str(trial.point["peers"]), trial.point["mode"]) for trial in trials
    ]

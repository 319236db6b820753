"""Experiment files: every key arrives, every spelling is accepted, old files are read."""

from pathlib import Path

import pytest
from support import ys

from wke.describe.configuration.step import Ready
from wke.describe.experiment.experiment import Experiment, Step, Stopping
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Filter, Plot, Script
from wke.describe.experiment.sweep import point_text
from wke.errors import InputError

FULL = """
[experiment]
name = "scaling"
about = "How it scales"
configuration = "kv"
iterations = 5
warmups = 1
order = "sequential"
seed = 7
cooldown = "2s"

[parameters]
memory = ["64M", "1G"]
num-clients = { base = 2, start = 0, end = 2 }
num-servers = 3
port = 6379

[classes]
servers = "{num-servers}"
clients = 2

[[steps]]
target = "start-server"
on = "servers"
background = true
ready = { port = "{port}", within = "500ms" }
options = { memory = "{memory}", fsync = true, ratio = 0.5, peers = "{servers.internal-addr}" }
prelude = "none"

[[steps]]
target = "load"
on = "clients"
measure = true
multiply = "{num-clients}"
timeout = "1min"

[metrics]
throughput = { log = "ops/s: ([0-9.]+)", join = "sum", unit = "1/s", better = "higher", summary = "geometric-mean" }
rss = { step = "start-server", on = "servers[0]", unit = "B" }

[[plots]]
type = "bar"
label = "by memory"
title = "Throughput"
x-axis = "rss"
y-axis = ["throughput", { op = "div", left = "rss", right = { op = "mul", left = 1000, right = "num-clients" } }]
sort-by = "memory"
sort-labels = { "1G" = "one gigabyte" }
filter-by = { key = "num-servers", value = 3 }
maximize-by = "num-clients"
normalize-by = { key = "memory", value = "64M" }
x-label = "clients"
y-label = ["1/s", "B"]
x-scale = "log"
y-scale = "linear"
set-xticks = true
legend-location = "upper left"
font-size = 12
plot-scale = 1.5
style = "ticks"

[[plots]]
type = "script"
path = "plots/draw.py"
args = ["--out", "@PLOT_NAME", "@VALUE:-1:throughput", "@EXPFOLDER:0"]
"""


def read(folder: Path, text: str) -> Experiment:
    path = folder / "x.toml"
    path.write_text(text)
    return read_experiment(path)


def test_every_key_arrives(tmp_path: Path) -> None:
    """A file that says everything is read as this value."""
    experiment = read(tmp_path, FULL)
    path = tmp_path / "x.toml"
    assert experiment == Experiment(
        name="scaling",
        path=path,
        about="How it scales",
        configuration="kv",
        iterations=5,
        warmups=1,
        order="sequential",
        seed=7,
        cooldown_s=2.0,
        parameters=experiment.parameters,
        classes={"servers": "{num-servers}", "clients": "2"},
        steps=(
            Step(
                "start-server",
                "servers",
                background=True,
                ready=Ready(port="{port}", within_s=0.5),
                options={"memory": "{memory}", "fsync": True, "ratio": 0.5, "peers": "{servers.internal-addr}"},
                prelude="none",
                where=experiment.at("steps", 0),
            ),
            Step("load", "clients", measure=True, multiply="{num-clients}", timeout_s=60.0, where=experiment.at("steps", 1)),
        ),
        metrics=(
            Metric("throughput", "ops/s: ([0-9.]+)", "sum", "1/s", "higher", summary="geometric-mean"),
            Metric("rss", unit="B", on="servers[0]", step="start-server"),
        ),
        plots=(
            Plot(
                "bar",
                "rss",
                ys("throughput", "rss / (1000 * num-clients)"),
                label="by memory",
                title="Throughput",
                sort_by="memory",
                sort_labels={"1G": "one gigabyte"},
                filter_by=(Filter("num-servers", (3,)),),
                maximize_by="num-clients",
                normalize_by=Filter("memory", ("64M",)),
                x_label="clients",
                y_label=("1/s", "B"),
                x_scale="log",
                set_xticks=True,
                legend_location="upper left",
                font_size=12,
                plot_scale=1.5,
                style="ticks",
            ),
            Plot("script", script=Script("plots/draw.py", ("--out", "@PLOT_NAME", "@VALUE:-1:throughput", "@EXPFOLDER:0"))),
        ),
    )
    points = experiment.parameters.points()
    assert len(points) == 6
    assert point_text(points[1]) == 'memory="64M", num-clients=2, num-servers=3, port=6379'
    assert str(experiment.at("steps", 0, "options", "memory")) == f"{path}:27:13: steps[0].options.memory"
    assert experiment.warnings == ()


def test_what_is_left_out_has_these_values(tmp_path: Path) -> None:
    """The shortest file that `wke measure` runs."""
    experiment = read(tmp_path, '[experiment]\nconfiguration = "kv"\n[[steps]]\ntarget = "load"\nmeasure = true')
    assert experiment == Experiment(
        name="x", path=tmp_path / "x.toml", configuration="kv", steps=(Step("load", measure=True, where=experiment.at("steps", 0)),)
    )
    assert experiment.steps[0] == Step(
        target="load",
        on="all",
        background=False,
        ready=None,
        options={},
        measure=True,
        multiply="1",
        timeout_s=None,
        prelude=None,
        where=experiment.at("steps", 0),
    )
    assert experiment.order == "interleaved"
    assert experiment.parameters.points() == ({},)


@pytest.mark.parametrize("key", ["iterations", "num_iterations", "num-iterations"])
def test_every_spelling_of_iterations(tmp_path: Path, key: str) -> None:
    """Old spellings and ours mean the same; the old ones are told to `wke check`, silently accepted otherwise."""
    experiment = read(tmp_path, f"[experiment]\n{key} = 4")
    assert experiment.iterations == 4
    told = (
        []
        if key == "iterations"
        else [f"{tmp_path / 'x.toml'}:2:1: experiment.{key}: is an old spelling of iterations\n  hint: write iterations"]
    )
    assert [str(warning) for warning in experiment.warnings] == told


@pytest.mark.parametrize("keys", [("x-axis", "y-axis", "sort-by", "x-label"), ("x_axis", "y_axis", "group-by", "x_label")])
def test_an_experiment_of_a_benchmark_script(tmp_path: Path, keys: tuple[str, ...]) -> None:
    """Without steps, parameters and columns belong to the script: nothing is said of those this file does not know."""
    x_axis, y_axis, sort_by, x_label = keys
    experiment = read(
        tmp_path,
        f"""
[experiment]
about = "old"
num_iterations = 3

[parameters]
engine = ["a", "b"]
unused = 5
sub-parameters = ["small", "large"]

[small]
size = 1

[large]
size = {{ start = 10, end = 30, step_size = 10 }}

[[plots]]
label = "one"
{x_axis} = "size"
{y_axis} = "throughput"
{sort_by} = "engine"
sort-labels = ["first", "second"]
{x_label} = "n"

[[plots]]
type = "bar"
label = "two"
{x_axis} = "known-to-the-script"
{y_axis} = "latency"
""",
    )
    assert experiment.steps == ()
    assert experiment.configuration is None
    assert [point_text(point) for point in experiment.parameters.points()] == [
        f'engine="{engine}", unused=5, size={size}' for engine in "ab" for size in (1, 10, 20, 30)
    ]
    assert experiment.plots[0] == Plot(
        "line",
        "size",
        ys("throughput"),
        label="one",
        sort_by="engine",
        sort_labels={"a": "first", "b": "second"},
        x_label="n",
    )


FILTERS = {
    '{ key = "engine", value = "a" }': (Filter("engine", ("a",)),),
    '[{ key = "engine", value = "a" }, { key = "size", value = 1 }]': (Filter("engine", ("a",)), Filter("size", (1,))),
    '{ key = "size", value = [1, 2] }': (Filter("size", (1, 2)),),
    "[]": (),
}


@pytest.mark.parametrize(("form", "filters"), FILTERS.items(), ids=FILTERS)
def test_every_form_of_a_filter(tmp_path: Path, form: str, filters: tuple[Filter, ...]) -> None:
    """One table, several that must all hold, or several values of which one must."""
    plot = f'[[plots]]\nx-axis = "size"\ny-axis = "t"\nfilter_by = {form}'
    assert read(tmp_path, plot).plots[0].filter_by == filters


GOALS = {
    '[[plots]]\nx-axis = "p"\ny-axis = ["b", "a"]': ("b", "lower"),
    '[[plots]]\ntype = "script"\npath = "x"\n[[plots]]\nlabel = "l"\nx-axis = "p"\ny-axis = "a"': ("a", "higher"),
    '[[plots]]\nx-axis = "p"\ny-axis = { op = "div", left = "b", right = 2 }': ("b / 2", "higher"),
    "": ("a", "higher"),
}


@pytest.mark.parametrize(("plots", "goal"), GOALS.items())
def test_a_climb_has_a_goal(tmp_path: Path, plots: str, goal: tuple[object, str]) -> None:
    """The first y that a plot draws, else the first metric; a metric says which way is better, an equation is better higher."""
    text = f'[parameters]\np = {{ start = 1, end = 9, hill-climb = true }}\n[metrics]\na = {{}}\nb = {{ better = "lower" }}\n{plots}'
    experiment = read(tmp_path, text)
    assert experiment.parameters.climb == "p"
    y, better = goal
    assert (experiment.goal, experiment.better) == (*ys(y), better)


@pytest.mark.parametrize(
    "ready",
    [Ready(port="6379"), Ready(log="^ready"), Ready(target="ping"), Ready(port="1", within_s=120.0)],
    ids=["port", "log", "target", "within"],
)
def test_every_way_to_be_ready(tmp_path: Path, ready: Ready) -> None:
    """A port, a line or a target; twenty seconds unless told otherwise."""
    forms = {
        "6379": "{ port = 6379 }",
        "^ready": '{ log = "^ready" }',
        "ping": '{ target = "ping" }',
        "1": '{ port = "1", within = "2min" }',
    }
    form = forms[ready.port or ready.log or ready.target or ""]
    text = f'[experiment]\nconfiguration = "kv"\n[[steps]]\ntarget = "serve"\nbackground = true\nready = {form}\n'
    experiment = read(tmp_path, text + '[[steps]]\ntarget = "load"\nmeasure = true')
    assert experiment.steps[0].ready == ready


@pytest.mark.parametrize(
    "use",
    ['options = { a = "x{p}" }', 'on = "{p}"', 'multiply = "{p}"', 'background = true\nready = { port = "{p}" }\n[[steps]]\ntarget = "t"'],
    ids=["options", "on", "multiply", "port"],
)
def test_a_parameter_may_be_used_anywhere_in_a_step(tmp_path: Path, use: str) -> None:
    """Each of these counts as a use."""
    text = f'[experiment]\nconfiguration = "kv"\n[parameters]\np = 1\n[[steps]]\ntarget = "load"\n{use}\nmeasure = true'
    assert read(tmp_path, text).parameters.constants == {"p": 1}


def test_a_parameter_may_be_used_as_target_class_size_or_axis(tmp_path: Path) -> None:
    """So do these: a parameter that only a plot shows counts repetitions over time."""
    text = """
[experiment]
configuration = "kv"
[parameters]
target = "load"
size = 2
day = [1, 2]
[classes]
servers = "{size}"
[[steps]]
target = "{target}"
measure = true
[metrics]
x = {}
[[plots]]
x-axis = "day"
y-axis = "x"
"""
    assert read(tmp_path, text).parameters.names == ("target", "size", "day")


PRECISE = """
[experiment]
configuration = "kv"
iterations = ITERATIONS
[[steps]]
target = "load"
measure = true
[metrics]
ops = { join = "sum" }
lat = { join = "max" }
"""
PLOT = '[[plots]]\nx-axis = "ops"\ny-axis = { op = "div", left = "lat", right = 2 }\n'


@pytest.mark.parametrize(
    ("iterations", "plots", "most", "stopping"),
    [
        ("3", "", 3, None),
        ("{ max = 3 }", "", 3, None),
        ('{ max = 30, precision = "5%" }', "", 30, Stopping(0.05, ("ops", "lat"), 5)),
        ('{ max = 30, precision = "5%" }', PLOT, 30, Stopping(0.05, ("lat",), 5)),
        ('{ min = 10, max = 20, precision = 0.1, of = "ops" }', PLOT, 20, Stopping(0.1, ("ops",), 10)),
        ('{ min = 2, max = 2, precision = 1, of = ["lat", "ops"] }', "", 2, Stopping(1.0, ("lat", "ops"), 2)),
    ],
)
def test_iterations_are_a_number_or_a_rule(tmp_path: Path, iterations: str, plots: str, most: int, stopping: Stopping | None) -> None:
    """Of the metrics those are looked at that a figure shows, or that the rule names."""
    experiment = read(tmp_path, PRECISE.replace("ITERATIONS", iterations) + plots)
    assert (experiment.iterations, experiment.stopping) == (most, stopping)


def test_keys_and_tables_that_the_old_wke_ignored_are_warnings_for_a_benchmark_script(tmp_path: Path) -> None:
    """An experiment with steps is of the new wke: there they are mistakes."""
    path = tmp_path / "x.toml"
    text = '[experiment]\ndescription = "x"\n[unused]\na = 1\n[parameters]\nclients = 1\n'
    path.write_text(text)
    assert [(warning.what, warning.where.key) for warning in read_experiment(path).warnings] == [
        ("unknown key, ignored as in wke 0.1", "experiment.description"),
        ("unknown table, ignored as in wke 0.1", "unused"),
    ]
    path.write_text(text + '[[steps]]\ntarget = "t"\n')
    with pytest.raises(InputError) as caught:
        read_experiment(path)
    assert {"unknown key", "unknown table"} <= {problem.what for problem in caught.value.problems}

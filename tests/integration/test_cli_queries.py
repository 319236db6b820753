"""What the commands that only ask print, for people and for programs: whole outputs of a small measured project."""

import json
import re
from pathlib import Path

import click
import pytest
from projects import Project
from support import limit

from wke.cli.main import COMMANDS, cli

pytestmark = pytest.mark.netns

CLUSTER = """
[cluster]
provider = "local"
workdir = "/tmp"
[machines]
m0 = { class = "servers" }
"m[1-2]" = { class = "clients" }
"""
CONFIG = """
[config]
default-prelude = "quiet"
[ubuntu]
required-packages = ["git", "jq"]
[preludes]
quiet = "Says nothing"
loud = ""
"""
OPTIONS = {
    "work": '{ about = "Work a little", options = ["x", ["pace", 1.5], { name = "how", default = "well", choices = ["well", "badly"], about = "In which way" }, ["kind", "any"]] }',
}
EXPERIMENT = """
[experiment]
about = "How x matters"
configuration = "kv"
iterations = 2
warmups = 1
order = "sequential"
seed = 3
[parameters]
x = [1, 2]
kind = "only"
[[steps]]
target = "work"
on = "clients"
measure = true
options = { x = "{x}", kind = "{kind}" }
[metrics]
speed = { join = "sum", unit = "m/s", better = "higher" }
[[plots]]
type = "bar"
label = "one"
title = "Speed"
x-axis = "x"
y-axis = "speed"
"""
WORK = """
echo "x is $1"
[ "$1$WKE_MACHINE" = 2m2 ] && [ "$(cat LEDGER/count)" != 0 ] && { echo "no more" >&2; exit 4; }
[ $WKE_MACHINE = m2 ] && [ "$1" = 2 ] && echo 1 > LEDGER/count
echo "wke: speed=$1.5"
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, keepers: Path) -> Project:
    """Return a project whose series `series` was measured: for x=2 the warm-up was ok, and both trials failed."""
    project = Project(
        tmp_path_factory.mktemp("asked"),
        CLUSTER.replace("[machines]", 'share = ["ledger"]\n[machines]'),
        {"WKE_EMULATION_FOLDER": str(keepers)},
    )
    project.targets(OPTIONS, CONFIG, work=WORK.replace("LEDGER", str(project.folder / "ledger")), bare="true")
    project.write("kv/preludes/quiet", "true")
    project.write("kv/preludes/loud", "true")
    project.write("experiments/series.toml", EXPERIMENT)
    project.write("ledger/count", "0\n")
    assert project.measure().status == 1
    return project


def plain(text: str) -> str:
    """Return a text with ids, days and durations made the same for every run."""
    text = re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d (UTC|[+-]\d\d:\d\d)", "TIME", text)
    return re.sub(r"\b\d+\.\d+( m?s\b| to\b|\))", r"0.1\1", re.sub(r"\b[0-9a-f]{12}-(w?\d)", r"ID-\1", text))


def cells(text: str) -> list[list[str]]:
    """Return the cells of a table."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


# -- for programs

QUERIES = {
    "plan": ["experiments/series.toml"],
    "results": [],
    "show-cluster": [],
    "show-machine": ["m1"],
    "show-config": ["kv"],
    "cluster show": [],
    "check": [],
    "plot": ["experiments/series.toml"],
    "report": ["series"],
    "show": ["TRIAL"],
    "logs": ["TRIAL"],
    "export": ["TRIAL"],
    "why": ["TRIAL"],
    "accept": ["--list"],
    "reanalyse": ["experiments/series.toml", "--dry-run"],
    "status": [],
    "clean": ["series"],
    "profile": [],
}


def commands_with_json() -> list[str]:
    """Return every command and sub-command that has --json."""
    context = click.Context(cli)
    found: list[tuple[str, click.Command]] = [(name, cli.get_command(context, name)) for name in COMMANDS]
    found += [
        (f"{name} {sub}", command) for name, group in found if isinstance(group, click.Group) for sub, command in group.commands.items()
    ]
    return [name for name, command in found if any("--json" in parameter.opts for parameter in command.params)]


def test_every_query_with_json_prints_one_json_document(asked: Project) -> None:
    """Nothing but JSON on stdout, from every command that has --json."""
    # A comparison needs five rounds, which test_ci.py has; test_top.py has machines that are busy.
    assert {*QUERIES, "compare", "top"} == set(commands_with_json())
    for name, arguments in QUERIES.items():
        done = asked.wke(*name.split(), *(argument.replace("TRIAL", asked.trials()[0].id) for argument in arguments), "--json")
        assert isinstance(done.json, dict), name
        assert done.status == (1 if name == "cluster show" else 0), name


def test_machines_and_configurations_as_json(asked: Project) -> None:
    """The shapes that scripts rely on."""
    machine = {
        "external-addr": None,
        "internal-addr": "10.181.0.3",
        "index": 1,
        "classes": ["clients"],
        "ssh-port": None,
        "username": None,
        "workdir": "/tmp",
        "python": None,
    }
    assert asked.wke("show-machine", "m1", "--json").json == machine
    assert asked.wke("show-machine", "[1]", "--json").json == machine
    cluster = asked.wke("show-cluster", "--json").json
    assert list(cluster["machines"]) == ["m0", "m1", "m2"]
    assert cluster["machines"]["m1"] == machine
    assert cluster["classes"] == {"servers": ["m0"], "clients": ["m1", "m2"]}
    told = {
        "preludes": {"quiet": "Says nothing", "loud": "No description"},
        "targets": {"work": "Work a little", "bare": "No description", "install-packages": "Install the required debian packages"},
        "default-prelude": "quiet",
        "ubuntu": {"required-packages": ["git", "jq"]},
    }
    assert asked.wke("show-config", "kv", "--json").json == told
    verbose = asked.wke("show-config", "kv", "--json", "--verbose").json
    assert verbose["targets"]["bare"] == {"about": "No description", "options": []}
    assert verbose["targets"]["work"] == {
        "about": "Work a little",
        "options": [
            {"name": "x", "required": True},
            {"name": "pace", "required": False, "default-value": 1.5},
            {"name": "how", "required": False, "default-value": "well"},
            {"name": "kind", "required": False, "default-value": "any"},
        ],
    }
    assert {**verbose, "targets": None} == {**told, "targets": None}


def test_results_as_json(asked: Project) -> None:
    """Every trial with its outcome, warm-ups and failures too, in the order they ran; summaries of what counts, point by point."""
    document = asked.wke("results", "series", "--json").json["series"]
    keys = ("point", "iteration", "warmup", "attempt", "outcome", "why", "observations", "units")
    told = [tuple(trial[key] for key in keys) for trial in document["trials"]]
    one, two, failed = {"x": 1, "kind": "only"}, {"x": 2, "kind": "only"}, ("failed(4)", "work on m2: failed(4)", {}, {})
    assert told == [
        (one, 0, True, 1, "ok", "", {"speed": 3.0}, {"speed": "m/s"}),
        (one, 0, False, 1, "ok", "", {"speed": 3.0}, {"speed": "m/s"}),
        (one, 1, False, 1, "ok", "", {"speed": 3.0}, {"speed": "m/s"}),
        (two, 0, True, 1, "ok", "", {"speed": 5.0}, {"speed": "m/s"}),
        (two, 0, False, 1, *failed),
        (two, 1, False, 1, *failed),
    ]
    assert all((asked.folder / trial["folder"]).is_dir() for trial in document["trials"])
    assert all(0 < trial["elapsed-s"] < 10 < trial["started-ns"] for trial in document["trials"])
    assert (document["parameters"], document["metrics"]) == (["x"], [{"name": "speed", "unit": "m/s"}])
    assert [(row["point"], row["n"], row["failed"]) for row in document["rows"]] == [(one, 2, 0), (two, 0, 2)]
    assert [row["summaries"].get("speed", {}).get("centre") for row in document["rows"]] == [pytest.approx(3), None]


def test_the_plan_as_json(asked: Project) -> None:
    """Every trial in running order, with what is stored; ids are those of the results."""
    plan = asked.wke("plan", "experiments/series.toml", "--json").json
    assert {key: plan[key] for key in ("experiment", "seed", "order")} == {"experiment": "series", "seed": 3, "order": "sequential"}
    assert [trial["stored"] for trial in plan["trials"]] == [True] * 4 + [False] * 2
    keys = ("id", "point", "iteration", "warmup")
    assert [{key: trial[key] for key in keys} for trial in plan["trials"]] == [
        {key: getattr(t, key) for key in keys} for t in asked.trials()
    ]


def test_logs_and_figures_as_json(asked: Project) -> None:
    """Each line with whose it is and when it came; the files that were drawn."""
    trial = asked.trials()[4].id
    told = asked.wke("logs", trial, "m2", "--json").json
    lines = told.pop("lines")
    assert told == {
        "trial": trial,
        "folder": f"results/trials/{trial}/1",
        "outcome": "failed(4)",
        "why": "work on m2: failed(4)",
        "deployed-in": [],
    }
    whose = {"step": 0, "target": "work", "machine": "m2", "copy": 0}
    assert [{key: value for key, value in line.items() if key != "at-ns"} for line in lines] == [
        {**whose, "stream": 1, "text": "x is 2"},
        {**whose, "stream": 2, "text": "no more"},
    ]
    assert 1e18 < lines[0]["at-ns"] <= lines[1]["at-ns"]
    told = asked.wke("plot", "experiments/series.toml", "--json").json
    assert told == {"files": [f"plots/series_one.{suffix}" for suffix in ("pdf", "svg", "png", "csv")]}


def test_mistakes_as_json(tmp_path: Path) -> None:
    """Old spellings are warnings, mistakes end with status 2 as always, each with its place; nothing else is on stdout."""
    project = Project(tmp_path, '[machines]\na = { external_addr = "a.example.org" }\n')
    project.targets({"work": "{ arguments = [] }"}, work="true")
    project.write(
        "experiments/x.toml", '[experiment]\nnum_iterations = 2\n[[plots]]\ntype = "bar"\nx-axis = "x"\ny-axis = "y"\ngroup-by = "z"\n'
    )
    right = project.wke("check", "--json")
    told = right.json
    assert (right.status, told["mistakes"]) == (0, [])
    assert [(one["file"], one["line"], one["key"], one["hint"]) for one in told["warnings"]] == [
        ("cluster.toml", 2, "machines.a.external_addr", "write external-addr"),
        ("kv/config.toml", 2, "targets.work.arguments", "write options"),
        ("experiments/x.toml", 2, "experiment.num_iterations", "write iterations"),
        ("experiments/x.toml", 7, "plots[0].group-by", "write sort-by"),
    ]
    project.edit("cluster.toml", '"a.example.org"', "7")
    wrong = project.wke("check", "--json")
    assert wrong.status == 2
    (mistake,) = wrong.json["mistakes"]
    assert (mistake["file"], mistake["line"], mistake["key"]) == ("cluster.toml", 2, "machines.a.external_addr")
    assert mistake["what"] in wrong.err


def test_results_as_csv(asked: Project) -> None:
    """A header with what varies, a row for each trial that counts; the same as the file that `measure` writes. What is constant is told."""
    done = asked.wke("results", "series", "--csv")
    assert (plain(done.out), done.err) == ("uid,x,speed\nID-0,1,3.0\nID-1,1,3.0\n", "kind = only\n")
    assert (asked.folder / "results/series.csv").read_text() == done.out
    facts = json.loads((asked.folder / "results/series.csv.json").read_text())
    assert facts == {"commands": ["wke measure experiments/series.toml"], "constants": {"kind": "only"}, "units": {"speed": "m/s"}}


def test_results_for_pages_and_papers(asked: Project) -> None:
    """The same table as Markdown and as LaTeX."""
    rows = ("x & n & speed (m/s) & failed", "1 & 2 & 3 & 0", "2 & 0 & -- & 2")
    assert [line for line in asked.wke("results", "series", "--latex").out.splitlines() if "&" in line] == [rf"{row} \\" for row in rows]
    markdown = [line for line in asked.wke("results", "series", "--markdown").out.splitlines() if "--" not in line]
    assert markdown == [f"| {row.replace(' & ', ' | ').replace('--', '–')} |" for row in rows]


# -- for people


def test_results_and_trials_for_people(asked: Project) -> None:
    """A line a point, or a line a trial."""
    table = asked.wke("results", "series")
    assert cells(table.out) == [["x", "n", "speed (m/s)", "failed"], ["1", "2", "3", "0"], ["2", "0", "–", "2"]]
    assert not table.err
    assert plain(asked.wke("results", "series", "--trials").out).splitlines() == [
        "ID-w0  x=1 kind=only, warm-up 1: ok, 0.1 s; speed 3 m/s; began 0.1 to 0.1 ms apart",
        "ID-0  x=1 kind=only, iteration 1: ok, 0.1 s; speed 3 m/s; began 0.1 to 0.1 ms apart",
        "ID-1  x=1 kind=only, iteration 2: ok, 0.1 s; speed 3 m/s; began 0.1 to 0.1 ms apart",
        "ID-w0  x=2 kind=only, warm-up 1: ok, 0.1 s; speed 5 m/s; began 0.1 to 0.1 ms apart",
        "ID-0  x=2 kind=only, iteration 1: failed(4), 0.1 s; began 0.1 to 0.1 ms apart: work on m2: failed(4)",
        "ID-1  x=2 kind=only, iteration 2: failed(4), 0.1 s; began 0.1 to 0.1 ms apart: work on m2: failed(4)",
    ]


def test_the_logs_of_a_trial(asked: Project) -> None:
    """By the beginning of its id; of one machine or one target, if asked; errors are marked."""
    trial = asked.trials()[4].id
    done = asked.wke("logs", trial)
    assert done.err == f"results/trials/{trial}/1  (failed(4): work on m2: failed(4))\n"
    words = [line.split(maxsplit=1)[1] for line in done.out.splitlines()]
    assert sorted(words) == ["work m1 │ wke: speed=2.5", "work m1 │ x is 2", "work m2 ! no more", "work m2 │ x is 2"]
    assert all(re.match(r" *\d+\.\d{3} work", line) for line in done.out.splitlines())
    one = asked.wke("logs", trial, "m2", "--target", "work")
    assert [line.split(maxsplit=1)[1] for line in one.out.splitlines()] == ["work m2 │ x is 2", "work m2 ! no more"]


def test_all_of_a_trial_for_people(asked: Project) -> None:
    """One that failed says at which task, one that was ok its metrics; both on which machines and where the files are, and what is next."""
    good, failed = asked.trials()[0].id, asked.trials()[4].id
    shown = asked.wke("show", failed)
    assert shown.err == f"next: wke logs {failed}; wke why {failed}\n"
    lines = plain(shown.out).splitlines()
    assert lines[:7] == [
        "ID-0  series: x=2 kind=only, iteration 1",
        "  outcome   failed(4): work on m2: failed(4)",
        "  ran       at TIME, for 0.1 s; number 5 of its plan, order sequential, seed 3",
        "            by wke measure experiments/series.toml --no-figures, begun at TIME",
        "  attempts  1  TIME, 0.1 s  failed(4): work on m2: failed(4)",
        "  tasks     0  work on m2: failed(4) after 0.1 s",
        "            0  work on m1: ok after 0.1 s",
    ]
    for wanted in (
        r"  start     0\.1 to 0\.1 ms apart, m[12] first, m[12] last",
        r"  clocks    m1: .* ms \(±0\.1\), then .* ms \(±0\.1\); 2 readings, in between known to ±0\.1 ms",
        r"  machines  m1, m2: .*kernel Linux .*",
        r"  software  wke .*, Python .*; project: .*",
        r"  files     results/trials/ID-0/1 \(\d+ files, [\d,]+ bytes\)",
    ):
        assert [line for line in lines[7:] if re.fullmatch(wanted, line)], wanted
    assert "  metrics   speed 3 m/s" in asked.wke("show", good).out.splitlines()
    assert str(asked.trials()[0].folder.relative_to(asked.folder)) in asked.wke("show", good).out


def test_a_trial_that_is_not_there_is_not_shown(asked: Project) -> None:
    """The same errors as those of `wke logs`; an attempt that does not exist is named with those that do."""
    for wrong in ("ffff-0", ""):
        told = [asked.wke(command, wrong) for command in ("show", "logs")]
        assert told[0] == told[1]
        assert (told[0].status, told[0].out) == (2, "")
    trial = asked.trials()[0].id
    none = asked.wke("show", trial, "--attempt", "0")
    assert (none.status, none.out) == (2, "")
    assert f"trial {trial} has no attempt 0" in none.err
    assert "it has 1" in none.err


def test_the_plan_for_people(asked: Project) -> None:
    """What there is, what would run and how long it takes, by what stored trials took."""
    done = asked.wke("plan", "experiments/series.toml")
    assert plain(done.out).splitlines() == [
        "series: 2 points x (2 iterations + 1 warm-up) = 6 trials",
        "  order sequential; seed 3",
        "  work on clients, measured",
        "  stored already: 4; to run: 2, about 0.1 s by what stored trials took (failed(4): 2)",
        "  if the machines have not changed since TIME, when series series examined them",
        (
            "  verdicts: a measured step of 0.1 s is too short for omission, generator, start, foreign, throttling, oversubscribed, "
            "memory, gaps, processes (5 s), backlog (20 s), steady (100 s)"
        ),
    ]


def test_figures_are_drawn_again_without_machines(asked: Project) -> None:
    """`wke plot` prints the files that it wrote."""
    done = asked.wke("plot", "experiments/series.toml", WKE_EMULATION="processes", WKE_EMULATION_FOLDER="/proc/nowhere")
    assert (done.out, done.status) == ("".join(f"plots/series_one.{suffix}\n" for suffix in ("pdf", "svg", "png", "csv")), 0)


def test_figures_that_no_file_has(asked: Project) -> None:
    """`wke plot --figure` draws what its keys say, at a width and in formats of the command line; a wrong key is named."""
    box = 'type = "box", x-axis = "x", y-axis = "speed"'
    done = asked.wke("plot", "series", "--figure", box, "--width", "acm", "--format", "pgf", "--format", "csv")
    assert (done.out, done.status) == ("plots/series_box.pgf\nplots/series_box.csv\n", 0)
    rows = (asked.folder / "plots/series_box.csv").read_text().splitlines()
    assert [row.split(",")[-2:] for row in rows[1:]] == [["3.0", "false"]] * 2
    for keys, said in {
        'type = "pie"': '--figure: type: must be one of "line"',
        'type = "box", x-axis = "x"': "--figure: y-axis is missing",
        'type = "box", x-axis = "y", y-axis = "speed"': '--figure: x-axis: there is no parameter "y"',
        "type = box": "--figure: 'type = box' is not TOML",
    }.items():
        wrong = asked.wke("plot", "series", "--figure", keys)
        assert (wrong.status, wrong.out) == (2, "")
        assert said in wrong.err
    assert "--width must be a length or one of acm" in asked.wke("plot", "nothing", "--width", "amc").err
    assert all((asked.folder / line).stat().st_size > 1000 for line in done.out.splitlines() if not line.endswith(".csv"))


def test_what_the_files_say_for_people(asked: Project) -> None:
    """Cluster, machine, attribute, configuration; and that nothing is wrong."""
    assert cells(asked.wke("show-cluster").out)[:2] == [
        ["machine", "index", "external", "internal", "classes"],
        ["m0", "0", "–", "10.181.0.2", "servers"],
    ]
    assert asked.wke("get-machine-attribute", "m2", "internal-addr").out == "10.181.0.4\n"
    assert asked.wke("get-machine-attribute", "m2", "classes").out == "clients\n"
    shown = asked.wke("show-machine", "m2").out.split()
    assert shown[shown.index("internal-addr") + 1] == "10.181.0.4"
    assert asked.wke("show-config", "kv", "--verbose").out.splitlines()[:5] == [
        "targets:",
        "  work: Work a little",
        "    x (any, required)",
        "    pace (float, default 1.5)",
        "    how (str, default 'well', one of well, badly): In which way",
    ]
    checked = asked.wke("check")
    assert (checked.out, checked.status) == ("", 0)
    assert checked.err.splitlines()[-1] == "cluster.toml, 1 configuration, 1 experiment: no mistake"


def test_the_output_may_be_read_in_part(asked: Project) -> None:
    """Whoever stops reading, as `head` does, gets no traceback."""
    process = asked.start("results", "--json")
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=limit(60))
    assert "Traceback" not in err
    assert json.dumps(err) == '""'


def test_a_new_project_is_right_and_runs(tmp_path: Path, keepers: Path) -> None:
    """`wke init` into an empty folder: no mistake in it, a target runs, its experiment can be planned; a second init touches nothing."""
    project = Project(tmp_path, environment={"WKE_EMULATION_FOLDER": str(keepers)})
    assert project.wke("init").status == 0
    assert project.wke("check").status == 0
    assert project.wke("run", "kv", "all", "hello").status == 0
    (experiment,) = (tmp_path / "experiments").glob("*.toml")
    assert project.wke("plan", str(experiment.relative_to(tmp_path)), "--json").json["trials"]
    again = project.wke("init")
    assert again.status == 2
    assert "nothing was written" in again.err


def test_a_project_of_ones_own_is_right_and_measures(tmp_path: Path, keepers: Path) -> None:
    """`wke init --own`: no mistake in it, and its load generator measures at the rate, with the module that is sent to the machine."""
    project = Project(tmp_path, environment={"WKE_EMULATION_FOLDER": str(keepers)})
    assert project.wke("init", "--own").status == 0
    assert project.wke("check").status == 0
    project.edit("experiments/rate.toml", "rate = [50, 100, 200]", "rate = [450, 500]")
    project.edit("experiments/rate.toml", "iterations = 3", "iterations = 1")
    project.edit("experiments/rate.toml", 'rate = "{rate}"', 'rate = "{rate}", seconds = 1, warmup = 0.2')
    assert project.wke("measure", "experiments/rate.toml", "--no-figures").status == 0
    trial, _ = project.wke("results", "rate", "--json").json["rate"]["trials"]
    assert trial["outcome"] == "ok"
    assert {"throughput", "p50", "p99", "errors"} <= trial["observations"].keys()


def test_machines_that_stay_up_are_used_by_the_commands(tmp_path: Path, keepers: Path) -> None:
    """Between `cluster up` and `cluster down` a file on a machine's disk is there for the next command; afterwards it is gone."""
    project = Project(tmp_path, CLUSTER, {"WKE_EMULATION_FOLDER": str(keepers)})
    project.targets(leave="echo left > ~/file", find="cat ~/file || true", hostname="hostname")
    up = project.wke("cluster", "up")
    try:
        assert up.lines == ["m0  10.181.0.2", "m1  10.181.0.3", "m2  10.181.0.4"]
        shown = project.wke("cluster", "show", "--json").json
        assert {name: facts["address"] for name, facts in shown["machines"].items()} == {
            "m0": "10.181.0.2",
            "m1": "10.181.0.3",
            "m2": "10.181.0.4",
        }
        assert project.wke("run", "kv", "m1", "leave").status == 0
        assert project.wke("run", "kv", "m1", "find").out == "m1 │ left\n"
        assert project.wke("run", "kv", "m2", "find").out == ""
    finally:
        down = project.wke("cluster", "down")
    assert down.err == "the machines are gone\n"
    assert project.wke("run", "kv", "m1", "find").out == ""

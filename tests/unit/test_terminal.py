"""Nothing foreign reaches a terminal, a table, a CSV file or a page raw: whatever names, values, files and machines are called and say."""

import ast
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import pytest
from rich.console import Console
from sources import nodes
from stored import planned, result

import wke
from wke.cli.main import COMMANDS, cli, run_command
from wke.judge.profiles.stacks import frame_name
from wke.keep.machines.acceptance import AcceptedChanges
from wke.keep.machines.fingerprint import FactChange
from wke.keep.output.logs import LogWriter
from wke.keep.profiles import STACKS, KeptProfile, ProfileFolder
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.records import (
    Connecting,
    MachineUsage,
    Note,
    Outcome,
    OutcomeKind,
    Output,
    StepStarted,
    TaskEnded,
    TaskName,
    TaskStarted,
    TrialEnded,
    TrialStarted,
)
from wke.tell.terminal.console import Printer
from wke.tell.terminal.output import NEAREST, OutputError
from wke.tell.terminal.progress import LiveProgress, SeriesState

EVIL = "e\x1bP0;X\x07\x7f\x9b31m\u202ev"
ROOT = Path(wke.__file__).parent
CLUSTER = f"""
[cluster]
provider = "local"
[machines]
{json.dumps("m" + EVIL)} = {{ class = {json.dumps("c" + EVIL)} }}
m1 = {{ class = "servers" }}
"""
CONFIG = f"""
[preludes]
pre = {json.dumps(EVIL)}
[targets.load]
about = {json.dumps(EVIL)}
options = [{{ name = "n", default = {json.dumps(EVIL)}, about = {json.dumps(EVIL)} }}, {{ name = {json.dumps("o" + EVIL)}, default = 1 }}]
"""
EXPERIMENT = f"""
[experiment]
configuration = "kv"
iterations = 1
seed = 1
[parameters]
n = [{json.dumps(EVIL)}, "plain"]
[[steps]]
target = "load"
on = "all"
measure = true
options = {{ n = "{{n}}" }}
[metrics]
tput = {{ log = "([0-9]+)", join = "sum", unit = {json.dumps(EVIL)} }}
"""
ID = "aa-0"
COMMAND_LINES = {
    "init": [["new" + EVIL]],
    "check": [[], ["--json"], ["--store"], ["--store", "--json"], [EVIL], ["broken.toml"]],
    "show-config": [["kv", "-v"], ["kv", "-v", "--json"], [EVIL]],
    "completion": [["zsh"], [EVIL]],
    "run": [["kv", "all", "load", "--dry-run"], ["kv", EVIL, "load"], ["kv", "all", EVIL], ["kv", "all", "load", "-D", f"{EVIL}=1"]],
    "copy": [[EVIL, "all:"], ["a:b", EVIL]],
    "connect": [[EVIL], ["--keep", EVIL, "all"]],
    "disconnect": [["-f", EVIL]],
    "compare": [
        ["scale", EVIL],
        [EVIL, EVIL],
        ["scale:n=plain", f"scale:n={EVIL}"],
        ["scale:n=plain", f"scale:n={EVIL}", "--why"],
        ["scale", "scale", "--json"],
    ],
    "top": [["-f", EVIL], [EVIL], ["--json", "[7]"]],
    "cluster show": [[], ["--json"], ["-f", EVIL]],
    "cluster up": [["-f", EVIL]],
    "cluster down": [["-f", EVIL]],
    "cluster import": [
        [EVIL],
        ["node[1-2]", "--out", EVIL + "/x"],
        ["cluster.toml"],
        ["broken.toml", "--format", "hosts"],
        ["a.csv", "--format", "hosts"],
    ],
    "show-cluster": [[], ["--json"], ["-f", EVIL]],
    "show-machine": [["m" + EVIL], ["m1", "--json"], [EVIL]],
    "get-machine-attribute": [["[0]", "classes"], ["[0]", EVIL]],
    "plan": [["experiments/scale.toml", "-v"], ["experiments/scale.toml", "--json"], [EVIL]],
    "measure": [["experiments/scale.toml", "--dry-run"], ["experiments/scale.toml", "--dry-run", "--only", f"n={EVIL}2"]],
    "status": [[], ["--json"], ["scale"], [EVIL]],
    "why": [[ID], [ID, "--json"], [EVIL]],
    "accept": [["--list"], ["--list", "--json"], [EVIL, "--reason", EVIL]],
    "abandon": [[], [EVIL]],
    "results": [
        [],
        ["--trials"],
        ["--json"],
        ["--csv"],
        ["--latex"],
        ["--markdown"],
        ["--csv", "--trials"],
        ["--json", "--trials"],
        [EVIL],
        [f"scale:n={EVIL}"],
    ],
    "plot": [["experiments/scale.toml"], [EVIL]],
    "report": [
        ["scale"],
        ["scale", "--json"],
        ["scale", "--trial", ID, "--output", "page.html"],
        ["scale", "--trial", EVIL],
        ["scale", EVIL],
        [EVIL],
    ],
    "show": [[ID], [ID, "--json"], [EVIL]],
    "profile": [[], ["--json"], ["1"], ["1", "--json"], ["1", "--against", "1"], [EVIL]],
    "clean": [["scale"], ["scale", "--json"], [EVIL]],
    "export": [[ID], [ID, "--json"], [ID, "--only", EVIL], [EVIL]],
    "logs": [[ID], [ID, "--json"], [ID, EVIL], [EVIL], [ID, "--follow"], ["scale", "--follow"]],
    "reanalyse": [["experiments/scale.toml", "--dry-run"], [EVIL]],
    "plot-loads": [[EVIL]],
    "merge-csv": [["a.csv", "a.csv", "merged.csv"], [EVIL, "a.csv", "c.csv"]],
}


def every_command() -> Iterator[str]:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        yield from (f"{name} {below}" for below in command.commands) if isinstance(command, click.Group) else [name]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project and a store in which everything that can be named or said is evil."""
    monkeypatch.chdir(tmp_path)
    for folder in ("kv/targets", "kv/preludes", "experiments"):
        Path(folder).mkdir(parents=True)
    Path("cluster.toml").write_text(CLUSTER)
    Path("kv/config.toml").write_text(CONFIG)
    Path("kv/targets/load").write_text("echo\n")
    Path("kv/preludes/pre").write_text("true\n")
    Path("experiments/scale.toml").write_text(EXPERIMENT)
    Path("broken.toml").write_text(f"[experiment]\n{json.dumps(EVIL)} = {json.dumps(EVIL)}\n")
    Path("a.csv").write_text(f"# command:{EVIL}\n# constants: a={EVIL}\nuid,b\n1,{EVIL}\n")
    plan = StoredPlan(f"{EVIL}.toml", 7, software={"wke": EVIL, "files": {EVIL: EVIL}})
    machine = f"m{EVIL}"
    task = TaskName(0, "load", machine)
    with Store.open(Path("results"), command=EVIL, series="scale") as store:
        number = store.writer.begin_series("scale", plan, command=EVIL, planned=[planned(ID, 0, n=EVIL), planned("bb-0", 1, n="plain")])
        store.examinations.record(number, {(machine, EVIL): {"kernel": EVIL, EVIL: EVIL}})
        changes = AcceptedChanges([EVIL], [FactChange(machine, EVIL, EVIL, EVIL)])
        store.acceptances.add(changes, who=EVIL, reason=EVIL)
        for name, outcome in ((ID, Outcome(OutcomeKind.OK)), ("bb-0", Outcome(OutcomeKind.FAILED, 3))):
            trial = replace(
                planned(name, 0, n=EVIL), source=json.dumps({"depends": {"point": {}, EVIL: EVIL}, "digests": {}, "targets": [EVIL]})
            )
            attempt = store.writer.begin_attempt(number, trial)
            with LogWriter(attempt.folder) as logs:
                logs(Output(task, 1, EVIL.encode() + b"\xff\n", 5))
            (attempt.folder / EVIL).write_text(EVIL)
            said = result(outcome, **{"tput" + EVIL: 1.5, "tput": 2.0})
            ended = TaskEnded(task, outcome, 1, 2, "", EVIL)
            units = dict.fromkeys(said.observations, EVIL + "\ud800")
            store.writer.finish_attempt(attempt, replace(said, why=EVIL, units=units, tasks=[ended]))
    values, units = {"tput" + EVIL: 1.5}, {"tput" + EVIL: EVIL}
    profiles = ProfileFolder(Path("results"))
    with profiles.begin("scale", EVIL) as (kept, _):
        about = KeptProfile(kept, EVIL, {"n": EVIL}, EVIL, 99, EVIL, EVIL, 1, 1.0, 2, 1, "failed(3)", EVIL, values, units, (EVIL,))
        profiles.write(about, {STACKS: f"{frame_name(EVIL)};{machine};{EVIL};f{frame_name(EVIL)} 2\n"})
    return tmp_path


def raw(text: str) -> list[str]:
    """Return what must not be in a text that is shown."""
    return [sign for sign in text if not sign.isprintable() and sign not in "\t\n"]


@pytest.mark.parametrize("command", sorted(COMMAND_LINES))
def test_no_command_shows_anything_raw(
    command: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command shows what is evil by escapes, in words, tables, CSV and JSON, and in its errors."""
    shown = ""
    for words in COMMAND_LINES[command]:
        monkeypatch.setattr(sys, "argv", ["wke", *command.split(), *words])
        run_command()
        out, err = capsys.readouterr()
        shown += out + err
        assert raw(out + err) == [], words
        if "--json" in words and out:
            json.loads(out)
    assert "\\x1b" in shown or command in {"abandon", "completion"}
    for drawing in project.rglob("*.svg"):
        assert raw("".join(ET.parse(drawing).getroot().itertext())) == []
    assert [path for path in project.glob("*.csv") if path.name != "a.csv" and raw(path.read_text())] == []


def test_every_command_is_shown_evil() -> None:
    """The table above has every command; a new one needs a line in it."""
    assert set(every_command()) == set(COMMAND_LINES)


def test_a_display_that_is_redrawn_shows_nothing_raw() -> None:
    """Names and notes in the live display cannot steer the terminal; only the display itself does."""
    state = SeriesState(0.0, {"tput": EVIL}, 2)
    display, screen = LiveProgress(state), io.StringIO()
    display._live.console = Console(file=screen, force_terminal=False, width=200)
    task = TaskName(0, EVIL, EVIL)
    for record in (
        TrialStarted("aa-0", 1, 2, {"n": EVIL}, 0, warmup=False),
        Connecting(1, 2, (EVIL,), 9.0),
        StepStarted(0, EVIL, (EVIL,), 1),
        TaskStarted(task, 1),
        MachineUsage(EVIL, 1, 1.5, 2, 5, 10, 1.0, 1.0),
        Note(EVIL, EVIL),
    ):
        display(record)
    display._live.console.print(display._render())
    display(TrialEnded("aa-0", Outcome(OutcomeKind.FAILED, 1), 1.0, {EVIL: 1.0}, EVIL))
    assert screen.getvalue().count("\\x1b") > 6
    assert raw(screen.getvalue()) == []


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_what_an_encoding_lacks_is_replaced(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream in an old encoding gets all the text, with the nearest signs that it has."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    Printer().table([["a – b", "±"], ["│ 你", "ü"]])
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)
    assert text.splitlines()[1].split() == ["|", "?", "?" if encoding == "ascii" else "ü"]
    assert "你".encode(encoding, NEAREST) == b"?"


def test_a_closed_stream_is_left_out_and_a_full_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has None for a stream that was closed; what cannot be written is lost on stderr, and an error on stdout."""
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdout", None)
        closed.setattr(sys, "stderr", None)
        Printer().data("nothing")
        Printer().talk("nothing")
    for name in ("stdout", "stderr"):
        with Path("/dev/full").open("w", buffering=1) as full, monkeypatch.context() as patched:
            patched.setattr(sys, name, full)
            if name == "stderr":
                Printer().talk("lost")
            else:
                with pytest.raises(OutputError, match="stdout cannot be written: No space left on device"):
                    Printer().data("told")


MAY = {
    "searcher.py": {"sys.stdout"},
    "output.py": {"sys.stdout", "sys.stderr"},
    "nonblocking_output.py": {"sys.stdout", "sys.stderr"},
    "display.py": {"rich.text"},
    "load.py": {"sys.stdout", "sys.stderr"},  # runs on machines
}
CALLED = {"print", "echo", "secho", "dumps"}


def ways(path: Path) -> set[str]:
    """Return the ways to the terminal that a file uses."""
    named = {ast.unparse(node) for node in nodes(path) if isinstance(node, ast.Attribute) and node.attr.strip("_") in {"stdout", "stderr"}}
    calls = (node.func for node in nodes(path) if isinstance(node, ast.Call))
    called = {ast.unparse(function) for function in calls if getattr(function, "attr", getattr(function, "id", "")) in CALLED}
    imported = {node.module for node in nodes(path) if isinstance(node, ast.ImportFrom)}
    streams = named & {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}
    return streams | (called & {"print", "click.echo", "click.secho"}) | (imported & {"rich.text", "rich"}) | _own_json(path, called)


def _own_json(path: Path, called: set[str]) -> set[str]:
    """Return `json.dumps` where a command uses it: `Printer.document` makes JSON that stays JSON when it is made safe."""
    return called & {"json.dumps"} if path.parent.name == "cli" else set()


def test_there_is_one_way_to_the_terminal() -> None:
    """No other file writes to stdout or stderr, by Python, click or rich: `put` takes text that was made safe, and the type says so."""
    files = [path for path in ROOT.rglob("*.py") if not {"template", "agent", "keeper"} & set(path.parts)]
    assert {str(path): found for path in files if (found := ways(path) - MAY.get(path.name, set()))} == {}

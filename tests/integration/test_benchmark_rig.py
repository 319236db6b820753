"""The rig behind docs/benchmarks.md: who is timed when, what counts as CPU, who is out, and where the figures are written."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from support import eventually

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
OURS = ("rig", "table", "page", "gathering")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """Import the rig's modules, which know each other by bare names as `run.py` beside them does, and forget them afterwards."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr("time.sleep", lambda _: None)  # the rest between two turns
    yield {name: __import__(name) for name in OURS}
    for name in OURS:
        del sys.modules[name]


def test_contenders_take_turns_and_the_first_round_is_not_counted(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    """Two contenders and two runs leave A B A B A B behind, and two samples each."""
    rig = modules["rig"]
    diary = tmp_path / "diary"
    entries = [rig.Contender(name, (rig.Phase(("sh", "-c", f"echo {name} >> {diary}")),)) for name in "AB"]
    results, absent = rig.measure(entries, 2)
    assert diary.read_text().split() == ["A", "B"] * 3
    assert [len(result.rounds) for result in results] == [2, 2]
    assert absent == []


def test_cpu_of_a_daemon_that_outlives_its_command_is_counted(modules: dict[str, ModuleType]) -> None:
    """A command that leaves the work to a process of its own session does not look cheap."""
    rig = modules["rig"]
    burn = "import time\nwhile time.process_time() < 0.15: pass"
    contender = rig.Contender("daemon", (rig.Phase(("setsid", "-f", sys.executable, "-I", "-S", "-c", burn)),))
    (result,), _ = rig.measure([contender], 1)
    assert result.cpu_s() > 0.02  # `setsid` itself needs a tenth of this


def test_a_contender_that_fails_is_out_with_its_last_words(modules: dict[str, ModuleType]) -> None:
    """A wrong exit status is no sample, the words say why, and what was prepared is tidied up."""
    rig = modules["rig"]
    tidied: list[bool] = []
    contender = rig.Contender("bad", (rig.Phase(("sh", "-c", "echo no such host >&2; exit 7")),), after=lambda: tidied.append(True))
    assert rig.measure([contender], 3) == ([], [rig.Absent("bad", "run: exit status 7: no such host")])
    assert tidied == [True]


def test_a_contender_that_did_not_do_the_work_is_out(modules: dict[str, ModuleType]) -> None:
    """Exit status 0 is not enough when the contender's check says otherwise."""
    rig = modules["rig"]

    def complain() -> None:
        raise rig.ContenderError("7 logins instead of 8")

    entries = [rig.Contender("idle", (rig.Phase(("true",)),), check=complain)]
    assert rig.measure(entries, 1) == ([], [rig.Absent("idle", "7 logins instead of 8")])


def test_work_of_the_machines_is_told_apart(modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    """What descends from the machines' process while a contender runs is theirs, not the client's, and is taken out of the net time."""
    rig = modules["rig"]
    monkeypatch.setattr(rig, "CORES", 2)
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    shell = f"read _; {sys.executable} -I -S -c '{burn}'; echo done; read _"
    with subprocess.Popen(("sh", "-c", shell), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as machines:
        order, answer = (f"/proc/{machines.pid}/fd/{descriptor}" for descriptor in (0, 1))
        client = f"exec 3>{order}; echo >&3; head -n 1 {answer}"
        (result,), absent = rig.measure([rig.Contender("client", (rig.Phase(("sh", "-c", client)),), machines=machines.pid)], 1, warm=False)
        assert machines.stdin is not None
        machines.stdin.close()
    assert absent == []
    assert 0.19 <= result.machines_s() < result.wall_s() + 0.02
    assert result.cpu_s() < 0.1
    assert result.net_s() == pytest.approx(result.wall_s() - result.machines_s() / 2)


@pytest.mark.parametrize(("said", "want"), [(3, None), (2, "run: 2 commands done instead of 3"), (0, "run: 0 commands done instead of 3")])
def test_time_between_the_first_command_and_the_last(modules: dict[str, ModuleType], said: int, want: str | None) -> None:
    """The warm time is the script's own; a script that did not do all its commands is out."""
    rig = modules["rig"]
    lines = "; ".join(f"echo {1000 + number / 4} 0.1 0 >> $BENCH_MARKS" for number in range(said))
    results, absent = rig.measure([rig.Contender("script", (rig.Phase(("sh", "-c", lines or "true"), marks=3),))], 1, warm=False)
    assert [result.warm() for result in results] == ([] if want else [rig.Warm(2, 0.5, 0.0, 0.0)])
    assert absent == ([rig.Absent("script", want)] if want else [])


def test_a_slow_contender_is_let_off(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    """It has as many rounds as were asked for and none to warm up, while the others have theirs."""
    rig = modules["rig"]
    diary = tmp_path / "diary"
    entries = [rig.Contender(n, (rig.Phase(("sh", "-c", f"echo {n} >> {diary}")),), most=most) for n, most in (("A", None), ("B", 1))]
    results, _ = rig.measure(entries, 2)
    assert diary.read_text().split() == ["A", "A", "B", "A"]
    assert [len(result.rounds) for result in results] == [2, 1]


def test_leads_and_the_columns_they_need(modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines' work and warm commands have columns where they were measured; a lead is the ratio in the column of its name."""
    rig, table = modules["rig"], modules["table"]
    monkeypatch.setattr(rig, "CORES", 2)
    ours = rig.Result("wke", True, ("run",), ((rig.Sample(1.0, 0.5, 0.4, rig.Warm(9, 0.1)),),))
    peer = rig.Result("peer", False, ("run",), ((rig.Sample(2.0, 0.2, 0.8, rig.Warm(9, 0.9)),),))
    once = rig.Result("once", False, ("run",), ((rig.Sample(3.0, 0.2, 0.8),),))
    leads = (table.Lead("peer", "warm", 8), table.Lead("peer", "CPU", 0.8), table.Lead("nobody", "time", 1))
    text = table.render(table.Table("Title", "", 1, (ours, peer, once), (), leads))
    assert text.splitlines()[2:] == [
        "|  | median, ms | min–max | last 9, ms | client CPU, ms | machines' CPU, ms | net, ms | time / wke | CPU / wke | net / wke | warm / wke |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| **wke** | 1,000 | 1,000–1,000 | 100 | 500 | 400 | 800 | 1.00 | 1.00 | 1.00 | 1.00 |",
        "| peer | 2,000 | 2,000–2,000 | 900 | 200 | 800 | 1,600 | 2.00 | 0.40 | 2.00 | 9.00 |",
        "| once | 3,000 | 3,000–3,000 | – | 200 | 800 | 2,600 | 3.00 | 0.40 | 3.25 | – |",
        "",
        "- wanted: warm / wke of peer at least 8; measured 9: met",
        "- wanted: CPU / wke of peer at least 0.8; measured 0.4: **missed**",
        "- wanted: time / wke of nobody at least 1; not measured",
    ]


def test_a_table_as_markdown(modules: dict[str, ModuleType]) -> None:
    """The whole text: fastest first, ratios to ours, a cell for a phase that a contender lacks, fewer runs, the goal, the absent."""
    rig, table = modules["rig"], modules["table"]
    ours = rig.Result("wke", True, ("up", "down"), tuple((rig.Sample(wall, 0.05), rig.Sample(0.1, 0.05)) for wall in (0.1, 0.2, 0.4)))
    peer = rig.Result("peer", False, ("both",), ((rig.Sample(0.15, 0.2),),))
    value = table.Table("Title", "About.", 3, (ours, peer), (rig.Absent("gone", "not installed"),), (table.Goal("wke", 0.2, "up"),))
    assert table.render(value) == (
        "### Title\n\nAbout.\n\n"
        "|  | up, ms | down, ms | median, ms | min–max | client CPU, ms | time / wke | CPU / wke |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| peer (1 run) | – | – | 150 | 150–150 | 200 | 0.50 | 2.00 |\n"
        "| **wke** | 200 | 100 | 300 | 200–500 | 100 | 1.00 | 1.00 |\n\n"
        "- wanted: wke, up under 200 ms; measured 200 ms: **missed**\n"
        "- not here: gone: not installed\n"
    )


def test_a_listing_as_markdown(modules: dict[str, ModuleType]) -> None:
    """Its rows stand as they are, its verdicts below them."""
    table = modules["table"]
    value = table.Listing("Title", "About.", ("", "ms"), (("wke", "1.5"),), (table.verdict("under 2", "1.5", met=True),))
    assert table.render(value) == (
        "### Title\n\nAbout.\n\n|  | ms |\n| --- | ---: |\n| wke | 1.5 |\n\n- wanted: under 2; measured 1.5: met\n"
    )


@pytest.mark.parametrize(("copies", "why"), [(3, None), (2, "2 machines of 3 were there at once")])
def test_machines_are_held_until_all_are_there(modules: dict[str, ModuleType], tmp_path: Path, copies: int, why: str | None) -> None:
    """The client and its children are weighed while all wait; a client that brings too few machines is out, and nobody waits for ever."""
    rig, gathering = modules["rig"], modules["gathering"]
    seen = gathering.Gathering(tmp_path / "all", 3, patience_s=60 if why is None else 0.5)
    seen.prepare()
    client = f"for i in $(seq {copies}); do sh {seen.script} & done; wait"
    phases = (rig.Phase(("sh", "-c", client)),)
    results, absent = rig.measure([rig.Contender("c", phases, started=seen.watch, check=seen.check, after=seen.end)], 1, warm=False)
    assert [entry.why for entry in absent] == ([why] if why else [])
    assert seen.own is not None
    assert seen.tree is not None
    assert 0 < seen.own.share < seen.own.resident < seen.tree.resident
    for result in results:
        assert result.wall_s() >= seen.all_in_s + seen.held_s - 0.2


def test_nothing_of_the_machines_is_left(tmp_path: Path) -> None:
    """The machines' keeper ends what it started and what that left behind, also what ignores SIGTERM, when its input ends."""
    pids = tmp_path / "pids"
    stubborn = f"trap '' TERM; echo $$ >> {pids}; while :; do sleep 1000; done"
    leaving = f"(trap '' TERM; echo started >> {pids}; setsid -f sleep 1000 & echo $! >> {pids}) & echo $$ >> {pids}; exec sleep 1000"
    commands = tmp_path / "commands.json"
    commands.write_text(json.dumps([["/bin/sh", "-c", stubborn], ["/bin/sh", "-c", leaving]]))
    with subprocess.Popen((sys.executable, BENCHMARKS / "machines.py", commands), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"started\n"
        eventually(lambda: pids.exists() and len(pids.read_text().split()) == 4)
        below = processes_below(keeper.pid)
        assert len(below) >= 4
        assert keeper.stdin is not None
        keeper.stdin.close()
        assert keeper.wait() == 0
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]


def processes_below(pid: int) -> list[int]:
    """Return all descendants of a process."""
    children = [int(word) for file in Path(f"/proc/{pid}/task").glob("*/children") for word in file.read_text().split()]
    return children + [below for child in children for below in processes_below(child)]


def test_figures_go_between_the_markers_and_nowhere_else(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    """Writing twice leaves the second text only, and what people wrote around it stays."""
    page = modules["page"]
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page.BEGIN}\n{page.END}\nafter\n")
    for text in ("first\n", "second\n"):
        page.write_between(path, text)
    assert path.read_text() == f"before\n{page.BEGIN}\n\nsecond\n\n{page.END}\nafter\n"
    path.write_text("a page without markers\n")
    with pytest.raises(ValueError, match="lacks the lines"):
        page.write_between(path, "third\n")


def test_the_page_of_the_project_has_a_place_for_every_section(modules: dict[str, ModuleType]) -> None:
    """`run.py --write docs/benchmarks.md` finds it, and what stands there says by which command it was taken."""
    page, text = modules["page"], (BENCHMARKS.parent / "docs/benchmarks.md").read_text()
    sections = re.findall(r'^    "(\w+)": \w+,$', (BENCHMARKS / "run.py").read_text(), re.MULTILINE)
    assert "warm" in sections
    for name in sections:
        begin, end = page.marks(name)
        assert text.index(begin) < text.index(end), name
        taken = text.partition(begin)[2].partition(end)[0].strip()
        assert not taken or taken.startswith(f"Taken by `python benchmarks/run.py --section {name}"), name

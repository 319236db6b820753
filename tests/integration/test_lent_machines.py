"""Provider `command`: machines that the user's programs make and remove, for one command or for several, whatever goes wrong."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import Project, write_series
from sshd import SSHD, cluster_toml, sshd_machine
from support import LEASE, alive, eventually, limit

from wke.keep.store import Store

CLUSTER = f"""
[cluster]
provider = "command"
up = ["./up", "two words"]
down = ["./down"]
via = ["env"]
lease = "{LEASE}"
machines = 2
"""
UP = """#!/bin/sh
echo "up $1 for $WKE_MACHINES" | tee -a ran >&2
[ ! -e wait ] || { echo waiting >&2; exec sleep 1000; }
cat list
exit $(cat status 2>/dev/null || echo 0)
"""
DOWN = """#!/bin/sh
cat > given
echo "down of $(wc -l < given | tr -d ' ')" >> ran
echo "bye from down"
exit $(cat broken 2>/dev/null || echo 0)
"""
MADE, REMOVED = "up two words for m0 m1", "down of 2"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Yield a project whose machines are processes of this computer, which two scripts make and remove."""
    made = Project(tmp_path, CLUSTER)
    made.write("up", UP).chmod(0o755)
    made.write("down", DOWN).chmod(0o755)
    made.write("list", "m0 127.0.0.1\nm1 127.0.0.1\n")
    ledger = tmp_path / "ledger"
    made.targets(
        {"meet": '["own", "other"]'},
        hello="echo hello",
        fail="exit 3",
        sleep=f"touch {ledger}/sleeps\nexec sleep 1000",
        meet=f"touch {ledger}/$1\nuntil [ -e {ledger}/$2 ]; do sleep 0.01; done",
    )
    yield made
    made.end()


def ran(project: Project) -> list[str]:
    """Return which programs ran."""
    file = project.folder / "ran"
    return file.read_text().splitlines() if file.exists() else []


def record(project: Project) -> Path:
    return project.folder / ".wke" / "cluster.toml.json"


def test_machines_are_made_and_removed_for_one_command(project: Project) -> None:
    """Whether targets succeed or fail; what the programs write is seen, and logged where only its owner reads."""
    done = project.wke("run", "kv", "all", "hello")
    assert (done.status, done.lines, ran(project)) == (0, ["m0 │ hello", "m1 │ hello"], [MADE, REMOVED])
    assert "up two words for m0 m1\nm0 127.0.0.1\nm1 127.0.0.1\n" in done.err
    assert done.err.endswith("bye from down\n")
    assert (project.folder / "given").read_text() == (project.folder / "list").read_text()
    log = (project.folder / ".wke/cluster.toml.log").read_text()
    assert "./up 'two words'\n" in log
    assert "bye from down\n--- it ended with status 0\n" in log
    assert (project.folder / ".wke").stat().st_mode & 0o077 == 0
    assert not record(project).exists()
    assert (project.wke("run", "kv", "m0", "fail").status, ran(project)) == (1, [MADE, REMOVED] * 2)
    assert (project.wke("check").status, project.wke("run", "kv", "all", "hello", "--dry-run").status, len(ran(project))) == (0, 0, 4)


def test_machines_stay_as_long_as_they_are_kept(project: Project) -> None:
    """`keep-machines` lets the next command use them; then they are removed by themselves, or by `wke cluster down` at once."""
    project.edit("cluster.toml", "machines = 2", 'machines = 2\nkeep-machines = "1h"')
    project.wke("run", "kv", "all", "hello")
    assert project.wke("run", "kv", "all", "hello").status == 0
    assert (project.wke("copy", "list", f"m0:{project.folder}/copied").status, ran(project)) == (0, [MADE])
    shown = project.wke("cluster", "show", "--json").json
    assert (shown["up"], shown["mode"], shown["machines"]["m1"]) == (True, "command", {"address": "127.0.0.1"})
    assert shown["notes"][0].startswith("unless a command uses them, they are removed in 3")
    assert project.wke("cluster", "down").err.endswith("the machines are gone\n")
    assert (ran(project), project.wke("cluster", "show").status) == ([MADE, REMOVED], 1)
    project.edit("cluster.toml", '"1h"', '"1ms"')
    project.wke("run", "kv", "all", "hello")
    eventually(lambda: ran(project) == [MADE, REMOVED] * 2)
    eventually(lambda: not record(project).exists())


def test_commands_at_the_same_time_share_the_machines(project: Project) -> None:
    """The first makes them, the last removes them, whichever that is."""
    both = [project.start("run", "kv", "m0", "meet", "-D", f"own={own}", "-D", f"other={other}") for own, other in ("ab", "ba")]
    for process in both:
        out, err = process.communicate(timeout=limit(60))
        assert process.returncode == 0, out + err
    assert ran(project) == [MADE, REMOVED]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("during", ["up", "run"])
def test_a_command_that_is_stopped_gives_the_machines_back(project: Project, number: signal.Signals, during: str) -> None:
    """Ctrl-C and SIGTERM, while the machines are made and while they are used."""
    if during == "up":
        project.write("wait", "")
    process = project.start("run", "kv", "all", "sleep", under=("env",))
    begun = (lambda: ran(project) == [MADE]) if during == "up" else (project.folder / "ledger/sleeps").exists
    eventually(begun)
    if during == "up":  # it has begun to wait: what it wrote last is logged
        eventually(lambda: "waiting" in (project.folder / ".wke/cluster.toml.log").read_text())
    process.send_signal(number)
    _, err = process.communicate(timeout=limit(60))
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], err
    assert ran(project) == [MADE, REMOVED if during == "run" else "down of 0"]
    assert not record(project).exists()


def test_what_cannot_be_removed_is_told_with_the_command(project: Project) -> None:
    """The status says it, the message has the command, and the next `down` that succeeds ends it; no new machines are made meanwhile."""
    project.write("broken", "7")
    done = project.wke("run", "kv", "all", "hello")
    assert done.status == 5
    assert "the machines may still be up: `down` did not remove them: it failed with status 7\n  hint: this gives them back: " in done.err
    command = next(line for line in done.err.splitlines() if "this gives them back" in line).partition("back: ")[2]
    assert command == f"cd {project.folder} && ./down < {project.folder}/.wke/cluster.toml.list"
    assert project.wke("cluster", "show").err.startswith("2 machines may be up: ")
    assert (project.wke("run", "kv", "all", "hello").status, ran(project)) == (5, [MADE, REMOVED, REMOVED])
    assert subprocess.run(["sh", "-c", command], check=False, capture_output=True).returncode == 7
    (project.folder / "broken").unlink()
    assert (project.wke("cluster", "down").status, record(project).exists()) == (0, False)
    failed = project.wke("run", "kv", "all", "fail")
    project.write("broken", "7")
    assert (failed.status, project.wke("run", "kv", "all", "fail").status) == (1, 5)


def test_a_list_that_makes_no_sense_is_wrong_input(project: Project) -> None:
    """The line is told, and what was made is removed; so it is when `up` fails or cannot be started."""
    project.write("list", "m0 127.0.0.1\nCreating m1...\n")
    done = project.wke("run", "kv", "all", "hello")
    assert (done.status, ran(project)) == (2, [MADE, REMOVED])
    assert 'output of ./up:2: lists "Creating", which is no machine of the cluster\n' in done.err
    project.write("status", "4")
    failed = project.wke("run", "kv", "all", "hello")
    assert (failed.status, ran(project)[2:]) == (3, [MADE, REMOVED])
    assert "./up 'two words' failed with status 4\n" in failed.err
    project.edit("cluster.toml", "./up", "./none")
    gone = project.wke("run", "kv", "all", "hello")
    assert (gone.status, "cannot start ./none: No such file or directory" in gone.err) == (3, True)


def test_machines_of_a_killed_command_are_used_and_removed_by_the_next(project: Project) -> None:
    """`kill -9` removes nothing; the record lets the next command do it."""
    process = project.start("run", "kv", "all", "sleep", under=("env",))
    eventually((project.folder / "ledger/sleeps").exists)
    process.kill()
    process.communicate(timeout=limit(30))
    assert (ran(project), record(project).exists()) == ([MADE], True)
    assert (project.wke("run", "kv", "all", "hello").status, ran(project)) == (0, [MADE, REMOVED])


def test_programs_of_a_killed_command_are_waited_for(project: Project) -> None:
    """While its `up` runs on, no `down` runs beside it; when that has ended, what it may have made is removed first."""
    project.write("wait", "")
    process = project.start("run", "kv", "all", "hello", under=("env",))
    eventually(lambda: "waiting" in (project.folder / ".wke/cluster.toml.log").read_text() if record(project).exists() else False)
    process.kill()
    process.communicate(timeout=limit(30))
    done = project.wke("run", "kv", "all", "hello")
    found = re.search(r"which a command started that was killed, still runs \(process (\d+)\)", done.err)
    assert (done.status, ran(project), found is not None) == (3, [MADE], True), done.err
    os.kill(int(found[1]), signal.SIGKILL)
    eventually(lambda: not alive(int(found[1])))
    (project.folder / "wait").unlink()
    assert (project.wke("run", "kv", "all", "hello").status, ran(project)) == (0, [MADE, "down of 0", MADE, REMOVED])


def test_a_changed_file_gives_the_old_machines_back_first(project: Project) -> None:
    """Machines that stay are those of the file as it was; others are made for it as it is."""
    assert project.wke("cluster", "up").out == "m0  127.0.0.1\nm1  127.0.0.1\n"
    assert "are up already" in project.wke("cluster", "up").err
    assert (project.wke("run", "kv", "all", "hello").status, ran(project)) == (0, [MADE])
    project.edit("cluster.toml", "machines = 2", "machines = 1")
    project.write("list", "m0 127.0.0.1\n")
    assert "has changed since" in project.wke("cluster", "show").err
    assert project.wke("run", "kv", "all", "hello").status == 0
    assert ran(project) == [MADE, REMOVED, "up two words for m0", "down of 1"]


SERVERS = """#!{python}
import os, socket, subprocess, sys, time
port = {{}}
for name in os.environ["WKE_MACHINES"].split():
    folder = "{folder}/sshd-" + name
    server = subprocess.Popen(["{sshd}", "-D", "-f", folder + "/sshd_config", "-E", folder + "/log"])
    with open("pids", "a") as pids:
        print(server.pid, file=pids)
    port = next(int(line.split()[1]) for line in open(folder + "/sshd_config") if line.startswith("Port "))
    while socket.socket().connect_ex(("127.0.0.1", port)):
        time.sleep(0.01)
    print(name, "127.0.0.1", f"ssh-port={{port}}", "internal-addr=" + sys.argv[1], flush=True)
"""
ENDS = "#!/bin/sh\nxargs kill < pids && rm pids\n"


@pytest.mark.sshd
def test_a_series_goes_on_with_other_machines(tmp_path: Path) -> None:
    """Trials count whichever addresses the machines have: a series with more rounds measures the new ones only, over real ssh."""
    with sshd_machine(tmp_path / "sshd-m0", "m0") as m0, sshd_machine(tmp_path / "sshd-m1", "m1") as m1:
        options = json.dumps(m0.ssh_options)
        cluster_toml([m0, m1])
    project = Project(tmp_path)
    project.write("up", SERVERS.format(python=sys.executable, folder=tmp_path, sshd=SSHD)).chmod(0o755)
    project.write("down", ENDS).chmod(0o755)
    head = f'[cluster]\nprovider = "command"\nup = ["./up", "127.0.0.1"]\ndown = ["./down"]\nssh-options = {options}\nlease = "{LEASE}"\n'
    project.write("cluster.toml", head + '[machines]\nm0 = { class = "servers" }\nm1 = { class = "clients" }\n')
    write_series(project)
    done = project.measure()
    assert (done.status, project.outcomes()) == (0, ["ok"] * 8), done.err
    project.edit("cluster.toml", '["./up", "127.0.0.1"]', '["./up", "localhost"]')
    project.edit("experiments/series.toml", "iterations = 2", "iterations = 3")
    again = project.measure()
    assert (again.status, project.outcomes()) == (0, ["ok"] * 12), again.err
    assert [trial.attempt for trial in project.trials()] == [1] * 12
    assert sum(entry["what"] == "server" for entry in project.ledger()) == 12
    with Store.open(tmp_path / "results", readonly=True) as store:
        assert set(store.examinations.latest()) == {(name, f"<{name}.external-addr>") for name in ("m0", "m1")}
    assert not (tmp_path / "pids").exists()
    project.end()

"""Connections that wait for the next command: it logs in nowhere, and nothing waits for ever."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from projects import Done, Project
from sshd import SshdMachine, cluster_toml, sshd_machine
from support import LEASE, alive, eventually, limit, marked

pytestmark = pytest.mark.sshd

ANEW = "connected anew: "


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SshdMachine]]:
    """Yield two machines, m0 and m1."""
    with ExitStack() as stack:
        yield [stack.enter_context(sshd_machine(tmp_path_factory.mktemp(f"kept-m{n}"), f"m{n}")) for n in range(2)]


@pytest.fixture
def keeping(servers: list[SshdMachine], tmp_path: Path) -> Iterator[Project]:
    """Yield a project whose connections are kept, by a keeper of its own, which is gone in the end."""
    cluster = cluster_toml(servers, lease=LEASE).replace("[machines]", 'keep-connections = "10m"\n[machines]')
    project = Project(tmp_path, cluster, {"XDG_RUNTIME_DIR": str(tmp_path)})
    project.targets(
        agent="#!/bin/sh\necho $PPID\n",
        wait="#!/bin/sh\necho $$ >FOLDER/ledger/$WKE_MACHINE\nuntil [ -e FOLDER/ledger/go ]; do sleep 0.01; done\n".replace(
            "FOLDER", str(tmp_path)
        ),
    )
    yield project
    project.end()
    project.wke("disconnect")
    eventually(lambda: not keepers(project))


def logins(servers: Sequence[SshdMachine]) -> int:
    return sum(server.log.count("Accepted publickey") for server in servers)


def keepers(project: Project) -> list[int]:
    return marked(f"{project.folder}/wke\0")


def agents(done: Done) -> list[int]:
    """Return the agents of the tasks: their parents, in the order of the machines."""
    assert done.status == 0, done.err
    return [int(line.partition("│")[2]) for line in done.lines]


def others(before: Sequence[int], done: Done) -> list[int]:
    """Return the agents of the tasks, which are others than those before."""
    now = agents(done)
    assert not {*before} & {*now}
    return now


def run(project: Project, **variables: str) -> Done:
    """Run a target that tells its agents, and wait until the keeper has begun, if there is to be one."""
    done = project.wke("run", "kv", "all", "agent", **variables)
    eventually(lambda: variables or (project.folder / "wke/socket").exists())
    return done


def wait(project: Project) -> "tuple[subprocess.Popen[str], list[int]]":
    """Start a command whose tasks wait for a file, and return their ids."""
    files = [project.folder / "ledger" / machine for machine in ("m0", "m1")]
    command = project.start("run", "kv", "all", "wait")
    eventually(lambda: all(file.exists() and file.read_text().endswith("\n") for file in files))
    return command, [int(file.read_text()) for file in files]


def end(command: "subprocess.Popen[str]") -> tuple[int, str]:
    err = command.communicate(timeout=limit(30))[1]
    return command.returncode, err


def test_the_second_command_logs_in_nowhere(keeping: Project, servers: list[SshdMachine]) -> None:
    """The same agents serve it; the status names the machines; `disconnect` ends agents and keeper, and leaves no file."""
    before = logins(servers)
    first = run(keeping)
    assert (logins(servers) - before, first.err) == (2, "")
    assert agents(run(keeping)) == agents(run(keeping)) == agents(first)
    assert logins(servers) - before == 2
    assert "2 kept connections (cluster.toml): m0, m1 kept for " in keeping.wke("status").out
    shown = keeping.wke("status", "--json").json["connections"]
    assert [(each["machine"], each["in-use"], 0 < each["left-s"] <= 600) for each in shown] == [("m0", False, True), ("m1", False, True)]
    (keeper,) = keepers(keeping)
    assert keeping.wke("disconnect").err == "ended 2 connections\n"
    eventually(lambda: not any(map(alive, [keeper, *agents(first)])))
    assert not (keeping.folder / "wke").exists()
    assert keeping.wke("disconnect").err == "ended 0 connections\n"


def test_nothing_is_kept_unless_it_is_asked_for(keeping: Project, servers: list[SshdMachine]) -> None:
    """The variable comes before the file; `connect --keep` connects before any command does."""
    before = logins(servers)
    for number in (1, 2):
        run(keeping, WKE_KEEP_CONNECTIONS="0")
        assert logins(servers) - before == 2 * number
    assert not (keeping.folder / "wke").exists()
    assert keeping.wke("connect", "--keep", "5m", "m1").err == "1 connection kept for 5 min 0 s after the last command\n"
    run(keeping, WKE_KEEP_CONNECTIONS="0")
    assert logins(servers) - before == 4 + 1 + 2
    run(keeping)
    assert logins(servers) - before == 4 + 1 + 2 + 1
    wrong = run(keeping, WKE_KEEP_CONNECTIONS="soon")
    assert (wrong.status, "WKE_KEEP_CONNECTIONS" in wrong.err) == (2, True)


def test_everything_is_gone_when_the_time_is_over(keeping: Project) -> None:
    """Agents, keeper, socket and folder, by themselves."""
    ids = [*agents(run(keeping, WKE_KEEP_CONNECTIONS="300ms")), *keepers(keeping)]
    eventually(lambda: not any(map(alive, ids)) and not (keeping.folder / "wke").exists())


def test_what_has_changed_is_noticed(keeping: Project, servers: list[SshdMachine]) -> None:
    """Another login, other known keys, a connection that broke: a fresh connection, and a sentence that says why."""
    known_hosts = servers[0].folder / "known_hosts"
    last = agents(run(keeping))
    keeping.edit("cluster.toml", f'username = "{servers[0].user}"\n', "")
    done = run(keeping)
    assert done.err == "".join(f"{m}: {ANEW}its address, login or another option of ssh has changed\n" for m in ("m0", "m1"))
    last = others(last, done)
    known_hosts.write_text(known_hosts.read_text() + "# another key\n")
    done = run(keeping)
    assert done.err == "".join(f"{m}: {ANEW}{known_hosts} has changed\n" for m in ("m0", "m1"))
    last = others(last, done)
    os.kill(last[0], signal.SIGKILL)  # as a reboot would
    eventually(lambda: "1 kept connection " in keeping.wke("status").out)
    done = run(keeping)
    assert done.err.startswith(f"m0: {ANEW}the connection ended: the agent was killed by signal 9")
    assert [old == new for old, new in zip(last, agents(done), strict=True)] == [False, True]


def test_commands_at_the_same_time_have_different_connections(keeping: Project, servers: list[SshdMachine]) -> None:
    """The second one opens its own, of which none is kept beside those of the first."""
    kept, before = agents(run(keeping)), logins(servers)
    first, _ = wait(keeping)
    assert "m0, m1 in use" in keeping.wke("status").out
    assert not {*kept} & {*agents(run(keeping))}
    assert logins(servers) - before == 2
    (keeping.folder / "ledger/go").touch()
    assert end(first) == (0, "")
    assert agents(run(keeping)) == kept
    assert logins(servers) - before == 2


def test_ctrl_c_stops_the_tasks_and_keeps_the_connections(keeping: Project, servers: list[SshdMachine]) -> None:
    """A command that is killed leaves no task and no agent either, and the next one connects anew."""
    kept, before = agents(run(keeping)), logins(servers)
    command, tasks = wait(keeping)
    command.send_signal(signal.SIGINT)
    assert end(command)[0] == 130
    assert not any(map(alive, tasks))
    for task in ("m0", "m1"):
        (keeping.folder / "ledger" / task).unlink()
    assert agents(run(keeping)) == kept
    assert logins(servers) == before
    command, tasks = wait(keeping)
    command.kill()
    command.communicate()
    eventually(lambda: not any(map(alive, [*tasks, *kept])))
    done = run(keeping)
    assert (done.status, logins(servers) - before) == (0, 2)


def test_a_keeper_that_is_killed_does_no_harm(keeping: Project, servers: list[SshdMachine]) -> None:
    """Its agents end; a command that uses its connections goes on, and gives them to another keeper."""
    waiting = agents(run(keeping))
    (keeper,) = keepers(keeping)
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: not any(map(alive, waiting)))
    kept, before = agents(run(keeping)), logins(servers)
    command, _ = wait(keeping)
    (keeper,) = keepers(keeping)
    os.kill(keeper, signal.SIGKILL)
    (keeping.folder / "ledger/go").touch()
    assert end(command) == (0, "")
    eventually((keeping.folder / "wke/socket").exists)
    assert agents(run(keeping)) == kept
    assert logins(servers) == before


def test_a_folder_that_others_may_enter_is_not_used(keeping: Project, servers: list[SshdMachine]) -> None:
    """Whoever can reach the socket has the machines: nothing is kept then, and a note says so."""
    (keeping.folder / "wke").mkdir(mode=0o755)
    before = logins(servers)
    for number in (1, 2):
        done = keeping.wke("run", "kv", "all", "agent")
        assert done.status == 0
        assert "connections are not kept: " in done.err
        assert logins(servers) - before == 2 * number
    (keeping.folder / "wke").rmdir()

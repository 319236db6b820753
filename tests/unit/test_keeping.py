"""Which kept connections may be used, and what is said of them."""

import os
import shutil
import socket
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from wke.act.kept import identity
from wke.act.kept.folder import connected, open_folder
from wke.act.kept.messages import receive
from wke.act.kept.process import PING, ConnectionKeeper, HeldConnection
from wke.act.kept.terms import keeping_terms
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, read_cluster
from wke.errors import InputError
from wke.tell.terminal.keptconnections import kept_lines

MACHINE = MachineSpec("m0", 0, "node1", "10.0.0.1")
CLUSTER = ClusterSpec(None, "ssh", (MACHINE,), keep_s=60.0)


@dataclass(frozen=True, slots=True)
class Entry:
    machine: str
    cluster: str
    in_use: bool
    left_s: float


@pytest.mark.parametrize(
    ("variable", "forwards", "keep_s"), [("", False, 60.0), ("5m", False, 300.0), ("0", False, 0.0), ("5m", True, 0.0), ("", True, 0.0)]
)
def test_the_variable_comes_before_the_file(monkeypatch: pytest.MonkeyPatch, variable: str, *, forwards: bool, keep_s: float) -> None:
    """Connections that forward the user's ssh agent are never kept."""
    monkeypatch.setenv("WKE_KEEP_CONNECTIONS", variable)
    assert keeping_terms(replace(CLUSTER, forward_agent=forwards)).keep_s == keep_s


def test_a_variable_that_is_no_duration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name."""
    monkeypatch.setenv("WKE_KEEP_CONNECTIONS", "soon")
    with pytest.raises(InputError, match="WKE_KEEP_CONNECTIONS"):
        keeping_terms(CLUSTER)


def test_a_file_that_keeps_and_forwards_is_refused(tmp_path: Path) -> None:
    """The file is read; whatever uses its machines is refused."""
    file = tmp_path / "cluster.toml"
    file.write_text('[cluster]\nkeep-connections = "10m"\nforward-agent = true\n[machines]\na = "node1"\n')
    (problem,) = read_cluster(file).refusals
    assert (problem.where.key, problem.where.line) == ("cluster.keep-connections", 2)


def test_another_way_to_the_machine_is_another_connection() -> None:
    """Address, login, options, Python, lease; the time for which it is kept does not matter."""
    command = ["ssh", "-l", "alice", "--", "node1"]
    usual = identity.identity(CLUSTER, MACHINE, command)
    assert identity.identity(replace(CLUSTER, keep_s=1.0), MACHINE, command) == usual
    for other in (
        identity.identity(CLUSTER, MACHINE, [*command[:-1], "node2"]),
        identity.identity(CLUSTER, replace(MACHINE, python="python3.12"), command),
        identity.identity(replace(CLUSTER, lease_s=7.0), MACHINE, command),
    ):
        assert {what for what, text in usual.items() if other[what] != text} == {identity.COMMAND}


def test_other_code_is_another_agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of the agent that was edited makes a difference."""
    code = tmp_path / "agent"
    shutil.copytree(Path(identity.wke.agent.frames.__file__).parent, code)
    monkeypatch.setattr(identity.wke.agent.frames, "__file__", str(code / "frames.py"))
    before = identity._code.__wrapped__()
    assert identity._code.__wrapped__() == before
    (code / "task.py").write_text((code / "task.py").read_text() + "\n")
    assert identity._code.__wrapped__() != before


def test_the_files_and_variables_of_ssh_are_watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those that it read, those that it named, and the folder of a file that another one includes; not what has no path."""
    main, included, keys = tmp_path / "config", tmp_path / "more.d" / "a", tmp_path / "known_hosts"
    included.parent.mkdir()
    for file in (main, included, keys):
        file.write_text("")
    settings = f"userknownhostsfile {keys} {tmp_path}/absent\nidentityfile {tmp_path}/%h\nsendenv LC_*\nsendenv OURS\nhostname node1\n"
    log = "".join(f"debug1: {identity.READ}{file}\n" for file in (main, included))
    monkeypatch.setattr(identity, "said_by_ssh", lambda command, host: (settings, log))
    monkeypatch.setenv("OURS", "1")
    marks, sent, values = identity.marks_of(("ssh", "-F", str(main)), "node1")
    assert set(marks) == {*map(str, (main, included, included.parent, keys)), f"{tmp_path}/absent"}
    assert (sent, values["OURS"]) == (("LC_*", "OURS"), "1")
    assert identity.changed(marks, values, sent) == ""
    for change, what in (
        (lambda: (tmp_path / "absent").write_text(""), f"{tmp_path}/absent"),
        (lambda: keys.write_text("another"), str(keys)),
        (lambda: (included.parent / "b").write_text(""), str(included.parent)),
        (lambda: monkeypatch.setenv("OURS", "2"), "$OURS"),
        (lambda: monkeypatch.delenv("OURS"), "$OURS"),
    ):
        change()
        assert identity.changed(marks, values, sent) == what
        marks, sent, values = identity.marks_of(("ssh", "-F", str(main)), "node1")


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o710])
def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    """And so is a link. A folder that is not there, or has no socket, means that there is no keeper."""
    folder = tmp_path / "wke"
    assert connected(folder) is None
    folder.mkdir(mode=0o700)
    assert connected(folder) is None
    os.close(open_folder(folder))
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(PermissionError):
        connected(tmp_path / "link")
    folder.chmod(mode)
    with pytest.raises(PermissionError):
        connected(folder)


def test_kept_connections_are_listed_by_cluster() -> None:
    """With names, and the longest time that is left."""
    entries = [Entry(f"m{n}", "/p/cluster.toml", n == 0, 60.0 * n) for n in range(7)] + [Entry("a", "/q/lab.toml", True, 1.0)]
    assert list(kept_lines(entries, Path("/p"))) == [
        "7 kept connections (cluster.toml): m1, m2, m3, m4 and 2 more kept for 6 min 0 s more, m0 in use",
        "1 kept connection (/q/lab.toml): a in use",
    ]


def test_an_agent_that_waits_hears_a_beat_after_each_command() -> None:
    """A command that is over at once renews no lease: with many of them, agents would end in the middle of one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    source, agent = socket.socketpair()
    output, said = os.pipe()
    process = os.pidfd_open(os.getpid())
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper = ConnectionKeeper(listener, theirs)
    agent.setblocking(False)
    message = {"key": "k", "machine": "m", "cluster": "c", "lease": 60.0, "keep": 600.0, "state": {}}
    try:
        keeper._take_in(HeldConnection([source.detach(), output, os.dup(said), process], message))
        for _ in range(2):
            keeper._turn()
            assert agent.recv(1 << 10) == PING
            keeper._lend(theirs, "k")
            _, handles = receive(ours)
            for handle in handles:
                os.close(handle)
            keeper._take_back(theirs, {"key": "k", "state": {}, "keep": 600.0}, is_kept=True)
    finally:
        for end in (ours, theirs, agent, listener):
            end.close()
        os.close(said)

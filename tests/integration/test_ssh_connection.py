"""What is particular to ssh: whom it trusts, what it says when it cannot, and how often it is asked."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sshd import SshdMachine, sshd_machine
from support import limit
from talk import Talk, talk, talking, until

from wke.act.connection import transport
from wke.act.connection.opening import open_connection
from wke.act.connection.transport import SshTransport, command_line, process_environment, ssh_transport
from wke.act.providers.place import Place
from wke.act.session.session import Session
from wke.describe.cluster.cluster import MachineSpec
from wke.errors import MachineError
from wke.records import Connected, Connecting, Record

pytestmark = pytest.mark.sshd


def refusal(way: SshTransport, deadline_s: float = 10.0, **settings: object) -> str:
    """Return the whole text of the error that connecting ends with."""

    async def attempt() -> str:
        try:
            connection = await open_connection("node1", way, deadline_s=deadline_s, lease_s=5, **settings)
        except MachineError as error:
            return str(error)
        await connection.close()
        return "connected"

    return asyncio.run(attempt())


def altered(machine: SshdMachine, folder: Path, **settings: str) -> SshTransport:
    """Return a transport whose client configuration begins with other settings."""
    config = folder / "altered"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()) + (machine.folder / "ssh_config").read_text())
    return SshTransport(str(config) if word == machine.ssh_options[1] else word for word in machine.transport)


def test_an_unknown_host_key_is_refused_with_the_command_that_accepts_it(sshd: SshdMachine, tmp_path: Path) -> None:
    """Stage, OpenSSH's words, and a command that a person can paste."""
    nobody = tmp_path / "known_hosts"
    text = refusal(altered(sshd, tmp_path, UserKnownHostsFile=str(nobody)))
    login = f"ssh -F {tmp_path / 'altered'} -o StrictHostKeyChecking=ask -p {sshd.port} -l {sshd.user} 127.0.0.1"
    assert text == (
        "machine node1: checking its host key failed: the connection ended with status 255: Host key verification failed.\n"
        f"  No ED25519 host key is known for [127.0.0.1]:{sshd.port} and you have requested strict checking.\n"
        f"  hint: its key is not known here: check it and accept it once with: {login}"
    )
    assert not nobody.exists()


def test_a_changed_host_key_is_refused_with_the_command_that_forgets_it(sshd: SshdMachine, tmp_path: Path) -> None:
    """The hint names the entry and the file as ssh does, also behind an alias: after the command as it is typed, the old key is gone."""
    known = tmp_path / "known hosts"
    for name, settings in ((f"[127.0.0.1]:{sshd.port}", {}), ("other-name", {"HostKeyAlias": "other-name"})):
        known.write_text(f"{name} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ\n")
        text = refusal(altered(sshd, tmp_path, UserKnownHostsFile=f'"{known}"', **settings))
        assert text.startswith("machine node1: checking its host key failed: ")
        assert "Host key verification failed." in text
        command = text.partition("forget its old key with: ")[2].partition("  and")[0]
        subprocess.run(command, shell=True, check=True, capture_output=True)
        assert known.read_text() == ""


def test_a_refused_login_names_the_stage_and_a_command(sshd: SshdMachine, tmp_path: Path) -> None:
    """Without the key that the machine knows."""
    text = refusal(altered(sshd, tmp_path, PubkeyAuthentication="no"))
    assert text.startswith("machine node1: authentication failed: ")
    assert "Permission denied (publickey)." in text
    assert "this should log in without a question: ssh " in text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def to(machine: SshdMachine, host: str = "127.0.0.1", port: int | None = None) -> SshTransport:
    words = [str(port) if w == str(machine.port) and port else w for w in machine.transport]
    return SshTransport([*words[:-1], host])


def test_a_machine_that_is_not_there_is_told_from_one_without_a_name(sshd: SshdMachine) -> None:
    """Nothing listens; the name does not exist."""
    refused = refusal(to(sshd, port=free_port()))
    assert refused.startswith("machine node1: connecting failed: ")
    assert "Connection refused" in refused
    unknown = refusal(to(sshd, host="no-such-host.invalid"))
    assert unknown.startswith("machine node1: resolving its name failed: ")
    assert "Could not resolve hostname" in unknown


def test_a_silent_machine_costs_the_deadline_and_no_more(sshd: SshdMachine) -> None:
    """Something accepts and says nothing: over at the deadline, a second and a half late at most on an idle computer."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        text = refusal(to(sshd, port=silent.getsockname()[1]), deadline_s=1.5)
    assert 1.4 < time.monotonic() - began < limit(3)
    assert "no answer within" in text or "connecting failed: the connection ended with status 255: Connection to 127.0.0.1 port" in text


@pytest.mark.parametrize("lease_s", [0.5, 1, 2, 5, 11, 30, 7200])
def test_ssh_does_not_give_up_before_we_do(sshd: SshdMachine, lease_s: float) -> None:
    """Its own signs of life may be missing for longer than the lease: a short cut of the network costs nothing."""
    words = ssh_transport(sshd.cluster(lease_s=lease_s), sshd.machine)
    interval, count = (int(word.partition("=")[2]) for word in words if word.startswith("ServerAlive"))
    assert interval * (count + 1) >= lease_s


def test_a_port_that_drops_everything_costs_the_deadline_and_no_more(sshd: SshdMachine) -> None:
    """Nobody answers the first packet: the kernel drops it while the listener's queue is full."""
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())
        began = time.monotonic()
        text = refusal(to(sshd, port=full.getsockname()[1]), deadline_s=1.5)
    assert 1.4 < time.monotonic() - began < limit(3)
    assert text.startswith("machine node1: ")
    assert "no answer within" in text or "timed out" in text


def silent_place(sshd: SshdMachine, peers: list[socket.socket], **settings: object) -> Place:
    """Return a place of `peers`, machines that accept and say nothing, called s0, s1, ..., and of one that answers."""
    for peer in peers:
        peer.bind(("127.0.0.1", 0))
        peer.listen()
    machines = [MachineSpec(f"s{index}", index, "127.0.0.1", "127.0.0.1", (), peer.getsockname()[1]) for index, peer in enumerate(peers)]
    cluster = replace(sshd.cluster(**settings), machines=(*machines, sshd.machine))
    return Place(cluster, {machine.name: ssh_transport(cluster, machine) for machine in cluster.machines}, {})


def connect_all(place: Place) -> tuple[str, list[Record]]:
    """Open a session; return the error's text and the records."""
    records: list[Record] = []

    async def attempt() -> str:
        try:
            async with Session(place, place.cluster.machines, records.append):
                return "connected"
        except MachineError as error:
            return str(error)

    return asyncio.run(attempt()), records


def test_whoever_is_waited_for_is_named(sshd: SshdMachine) -> None:
    """Once a second: how many answer, who does not; in the end nobody is waited for, and one machine's silence is that machine's error."""
    timeout_s = limit(2.5)
    with socket.socket() as peer:
        text, records = connect_all(silent_place(sshd, [peer], connect_timeout_s=timeout_s))
    told = [record for record in records if isinstance(record, Connecting)]
    assert "s0" in told[0].waiting
    assert told[0].total == 2
    assert 0.9 < told[0].longest_s < timeout_s
    assert (told[-1].connected, told[-1].waiting) == (1, ())
    assert [record.machine for record in records if isinstance(record, Connected)] == [sshd.name]
    assert text.count("machine ") == text.count("machine s0: ") == 1


def test_the_deadline_begins_with_a_machines_turn(sshd: SshdMachine) -> None:
    """One handshake at a time: the second machine waits for the first one's deadline and then has all of its own."""
    with socket.socket() as one, socket.socket() as other:
        began = time.monotonic()
        text, records = connect_all(silent_place(sshd, [one, other], connect_timeout_s=limit(1.2), connect_limit=1))
    assert time.monotonic() - began > 1.9  # ssh gives up after whole seconds
    assert [line.split(":")[0] for line in text.splitlines() if line.startswith("machine")] == ["machine s0", "machine s1"]
    assert [record.machine for record in records if isinstance(record, Connected)] == [sshd.name]


def test_a_connection_that_broke_between_two_uses_is_opened_again(sshd: SshdMachine) -> None:
    """Its agent is killed while nothing runs: `connect` opens that connection anew, and none that is whole."""
    place = Place(sshd.cluster(), {sshd.name: sshd.transport}, {})
    records: list[Record] = []

    async def body() -> None:
        async with Session(place, [sshd.machine], records.append) as session:
            before = session.connection(sshd.name)
            await session.connect()
            assert session.connection(sshd.name) is before
            os.kill(before.hello.pid, signal.SIGKILL)
            await before.lost.wait()
            await session.connect()
            assert session.connection(sshd.name) is not before
            assert not session.connection(sshd.name).lost.is_set()

    asyncio.run(body())
    assert len([record for record in records if isinstance(record, Connected)]) == 2


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    """With MaxStartups 2 and twelve connections at once, drops are certain, and every connection comes about."""
    with sshd_machine(tmp_path, settings=["MaxStartups 2:100:2", "LogLevel DEBUG"]) as machine:

        async def one() -> str:
            async with talking(machine.transport) as talk_:
                return (await talk_.run(b"echo well")).out.decode()

        async def all_at_once() -> list[str]:
            return await asyncio.gather(*(one() for _ in range(12)))

        assert asyncio.run(all_at_once()) == ["well\n"] * 12
        assert "drop connection" in machine.log


def test_a_server_that_drops_for_ever_is_told_as_that(tmp_path: Path) -> None:
    """After the deadline the error speaks of MaxStartups."""
    with socket.socket() as dropping, sshd_machine(tmp_path) as machine:
        dropping.bind(("127.0.0.1", 0))
        dropping.listen()
        dropping.setblocking(False)

        async def drop() -> None:
            loop = asyncio.get_running_loop()
            while True:
                taken, _ = await loop.sock_accept(dropping)
                taken.close()

        async def attempt() -> None:
            dropper = asyncio.create_task(drop())
            try:
                with pytest.raises(MachineError, match="MaxStartups"):
                    await open_connection("node1", to(machine, port=dropping.getsockname()[1]), deadline_s=1.5, lease_s=5)
            finally:
                dropper.cancel()

        asyncio.run(attempt())


@pytest.mark.parametrize(
    ("program", "stage", "words"),
    [
        ("#!/bin/sh\n[ $1 = -V ] || exit 1; echo Python 3.4.2; echo more", "finding Python", "/python is Python 3.4.2\n"),
        ("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'zlib'\" >&2; exit 1", "starting Python", "zlib"),
        ("#!/bin/sh\necho something odd >&2; exit 9", "finding Python", "something odd"),
        ("#!/bin/sh\nexit 0", "starting the agent", "the connection ended"),
    ],
)
def test_a_python_that_does_not_serve_says_why(sshd: SshdMachine, tmp_path: Path, program: str, stage: str, words: str) -> None:
    """Its last words are in the error."""
    python = tmp_path / "python"
    python.write_text(program)
    python.chmod(0o755)
    text = refusal(sshd.transport, python=str(python))
    assert text.startswith(f"machine node1: {stage} failed: ")
    assert words in text


def test_an_odd_login_is_told_as_what_it_is(tmp_path: Path) -> None:
    """All that it prints, however little; a shell that takes our code for commands, which does nothing of it; one that never ends."""
    login = tmp_path / "login"
    with sshd_machine(tmp_path, settings=[f"ForceCommand . {login}"]) as machine:
        login.write_text("echo abc")
        assert "starting the agent failed: the connection ended: abc\n" in refusal(machine.transport)
        for shell in filter(shutil.which, ("bash", "zsh", "fish")):
            login.write_text(f"exec {shell}")
            text = refusal(machine.transport, deadline_s=limit(2))
            assert re.search("starts? another shell", text)
            assert "not found" not in text
        login.write_text("cat >/dev/null")
        text = refusal(machine.transport, deadline_s=1.5)
        assert text.startswith("machine node1: running the login shell failed: no answer within")
        assert "the start-up files of the login shell take long" in text


def jumps(port: int) -> list[int]:
    """Return the processes `ssh -W` that lead from a jump host to that port."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if {"-W", f"[127.0.0.1]:{port}"} <= set((folder / "cmdline").read_text(errors="replace").split("\0")):
                found.append(int(folder.name))
    return found


def test_no_process_of_a_jump_is_left(sshd: SshdMachine, tmp_path: Path) -> None:
    """Stopping a connection attempt while the jump host is silent also ends the ssh that leads there."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        way = altered(sshd, tmp_path, **{f"Host gate\n  HostName 127.0.0.1\n  Port {port}\n  ProxyJump": "none\nHost *\n  ProxyJump gate"})

        async def attempt() -> None:
            task = asyncio.create_task(open_connection("node1", way, deadline_s=limit(20), lease_s=5))
            await until(lambda: jumps(sshd.port))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await until(lambda: not jumps(sshd.port))

        asyncio.run(attempt())


def test_the_machines_of_tests_read_no_start_up_files_of_the_developer(sshd: SshdMachine) -> None:
    """Their logins have a home folder of their own, and it is empty: a slow version manager there would slow all tests."""

    async def body(one: Talk) -> None:
        assert (one.connection.hello.home, list((sshd.folder / "home").iterdir())) == (str(sshd.folder / "home"), [])

    talk(sshd.transport, body)


def test_noise_of_login_scripts_does_not_matter(tmp_path: Path) -> None:
    """A shell start-up file that prints to standard output is no obstacle."""
    with sshd_machine(tmp_path, settings=['ForceCommand echo Welcome to node1; echo; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"']) as machine:

        async def body(one: Talk) -> None:
            assert (await one.run(b"echo well")).out == b"well\n"

        talk(machine.transport, body)


def test_the_remote_command_is_one_quoted_word_for_any_shell() -> None:
    """As OpenSSH hands it to the login shell: joined by blanks, read again by sh."""
    words = ["printf", "%s|", "it's", 'say "x"', "$HOME", "a\nb", "*"]
    *prefix, remote = command_line(SshTransport(["ssh", "host"]), words)
    assert prefix == ["ssh", "host"]
    with os.popen(remote) as answer:
        assert answer.read() == "".join(f"{w}|" for w in words[2:])
    assert command_line([], words) == words


def test_the_client_is_told_to_ask_nothing_and_trust_nobody(sshd: SshdMachine) -> None:
    """Our options are there, the cluster's come first so that they win, and the user's own settings for the rest are not touched."""
    cluster = sshd.cluster(forward_agent=True, connect_timeout_s=20.0)
    words = list(ssh_transport(cluster, sshd.machine))
    assert words[:4] == ["ssh", *sshd.ssh_options, "-T"]
    assert words[-2:] == ["--", "127.0.0.1"]
    settings = {words[i + 1] for i, w in enumerate(words) if w == "-o"}
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "ForwardAgent=yes", "ConnectTimeout=18", "ClearAllForwardings=yes"} <= settings
    assert "ForwardAgent=no" in list(sshd.transport)


FAKE_SSH = """#!/bin/sh
echo "$*" >> {log}
case "$*" in
  *"-Q kex"*) printf '%s\\n' {known};;
  "-F none -G"*) echo "kexalgorithms {default}";;
  *-G*) echo "kexalgorithms {configured}";;
esac
"""
SNTRUP = "sntrup761x25519-sha512@openssh.com,curve25519-sha256"


@pytest.mark.parametrize(
    ("known", "default", "configured", "asked", "expected"),
    [
        ("curve25519-sha256 sntrup761x25519-sha512@openssh.com", SNTRUP, SNTRUP, None, "^curve25519-sha256"),
        ("curve25519-sha256 mlkem768x25519-sha256", SNTRUP, SNTRUP, None, "^mlkem768x25519-sha256,curve25519-sha256"),
        ("curve25519-sha256", "curve25519-sha256,ecdh", "curve25519-sha256,ecdh", None, None),
        ("curve25519-sha256", SNTRUP, "sntrup761x25519-sha512@openssh.com", None, None),
        ("curve25519-sha256", SNTRUP, SNTRUP, "default", None),
        ("curve25519-sha256", SNTRUP, SNTRUP, "ecdh-sha2-nistp256", "ecdh-sha2-nistp256"),
    ],
    ids=["dear default", "newer one known", "cheap default", "user chose", "left alone", "given"],
)
def test_the_key_exchange_is_chosen_where_the_user_has_not(  # noqa: PLR0917 - the table's columns
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str, default: str, configured: str, asked: str | None, expected: str | None
) -> None:
    """A cheaper exchange is preferred only where OpenSSH's own dear default stands; the client is asked once for the whole cluster."""
    log = tmp_path / "log"
    log.touch()
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text(FAKE_SSH.format(log=log, known=known, default=default, configured=configured))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    forget_answers()
    machine = SshdMachine("m", tmp_path, 2222, 0, "user")
    cluster = machine.cluster(key_exchange=asked)
    transports = [ssh_transport(cluster, machine.machine) for _ in range(5)]
    forget_answers()
    chosen = [w.partition("=")[2] for w in transports[-1] if w.startswith("KexAlgorithms=")]
    assert chosen == ([expected] if expected else [])
    assert len(log.read_text().splitlines()) <= 3


def forget_answers() -> None:
    transport._cheaper_exchange.cache_clear()
    transport._known_exchanges.cache_clear()
    transport.said_by_ssh.cache_clear()


def test_only_ssh_itself_is_told_how_to_keep_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets our environment and the settings, unless the user has chosen them; a process that scripts descend from gets nothing."""
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1")
    told = process_environment(SshTransport(["ssh", "host"]))
    assert told is not None
    assert told.keys() - os.environb.keys() <= {b"MALLOC_MMAP_THRESHOLD_"}
    assert told[b"MALLOC_TRIM_THRESHOLD_"] == b"1"
    assert process_environment([]) is None

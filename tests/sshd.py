"""Machines to reach by ssh: an OpenSSH server of our own on loopback, with its own keys, its own port and its own client configuration.

    with sshd_machine(tmp_path) as m:
        m.transport                         # to open a connection with
    with sshd_cluster(tmp_path, 3) as cluster_file:   # a cluster.toml for the command line

Nothing of the user's own ~/.ssh is read or written, and no start-up file of the user's login shell, which may be slow: logins have another
home folder. The server is stopped by its pid.
"""

import getpass
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support import eventually, free_port, limit

from wke.act.connection.transport import SshTransport, ssh_transport
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True, slots=True)
class SshdMachine:
    """One server: `ssh_options` make the user's client find and trust it."""

    name: str
    folder: Path
    port: int
    pid: int
    user: str

    @property
    def ssh_options(self) -> tuple[str, ...]:
        return ("-F", str(self.folder / "ssh_config"))

    @property
    def transport(self) -> SshTransport:
        return ssh_transport(self.cluster(), self.machine)

    @property
    def machine(self) -> MachineSpec:
        return MachineSpec(self.name, 0, "127.0.0.1", "127.0.0.1", (), self.port, self.user)

    def cluster(self, **changes: object) -> ClusterSpec:
        return ClusterSpec(None, "ssh", (self.machine,), ssh_options=self.ssh_options, **changes)

    @contextmanager
    def again(self) -> "Iterator[SshdMachine]":
        """Start the server again where it was, after it has ended."""
        server = _serve(self.folder, self.port)
        try:
            assert server.poll() is None, self.log
            yield replace(self, pid=server.pid)
        finally:
            server.terminate()
            server.wait(limit(30))

    @property
    def log(self) -> str:
        return (self.folder / "sshd.log").read_text()


@contextmanager
def sshd_machine(folder: Path, name: str = "m0", settings: Sequence[str] = ()) -> Iterator[SshdMachine]:
    """Run a server whose files lie in `folder`; `settings` are further lines of its configuration, which win. Skips where there is no sshd."""
    if SSHD is None:
        pytest.skip("no OpenSSH server is installed")
    (folder / "home").mkdir(parents=True, exist_ok=True)
    for key in ("host_key", "client_key"):
        if not (folder / key).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / key], check=True)
    shutil.copy(folder / "client_key.pub", folder / "authorized_keys")
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)  # a server started as root insists on it
    server, port = _start(folder, settings)
    try:
        _write_client_files(folder, port)
        yield SshdMachine(name, folder, port, server.pid, getpass.getuser())
    finally:
        server.terminate()
        server.wait(limit(30))


@contextmanager
def sshd_cluster(folder: Path, machines: int, settings: Sequence[str] = ()) -> Iterator[Path]:
    """Run several servers and yield the cluster file that names them m0, m1, ...: their class is `servers`."""
    with ExitStack() as stack:
        running = [stack.enter_context(sshd_machine(folder / f"sshd-m{i}", f"m{i}", settings)) for i in range(machines)]
        path = folder / "cluster.toml"
        path.write_text(cluster_toml(running))
        yield path


def cluster_toml(machines: Sequence[SshdMachine], lease: str = "5s") -> str:
    """Return a cluster file for these servers. All of them share one client configuration, the first one's."""
    shared = machines[0].folder
    (shared / "known_hosts").write_text("".join((m.folder / "known_hosts").read_text() for m in machines))
    identities = "".join(f"  IdentityFile {m.folder / 'client_key'}\n" for m in machines)
    (shared / "ssh_config").write_text(_client_config(shared) + identities)
    lines = [
        "[cluster]",
        'provider = "ssh"',
        f'lease = "{lease}"',
        f"ssh-options = {json.dumps(machines[0].ssh_options)}",
        f'username = "{machines[0].user}"',
        "[machines]",
        *(f'{m.name} = {{ external-addr = "127.0.0.1", ssh-port = {m.port}, class = "servers" }}' for m in machines),
    ]
    return "\n".join(lines) + "\n"


def _start(folder: Path, settings: Sequence[str]) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a free port; another process may take the port between the choice and the start, then try another."""
    for _ in range(5):
        port = free_port()
        lines = [
            *settings,
            f"Port {port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {folder / 'host_key'}",
            f"AuthorizedKeysFile {folder / 'authorized_keys'}",
            "PidFile none",
            f"SetEnv HOME={folder / 'home'}",
            "PermitUserRC no",
            "AcceptEnv PYTEST_*",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "LogLevel VERBOSE",
        ]
        (folder / "sshd_config").write_text("\n".join(lines) + "\n")
        server = _serve(folder, port)
        if server.poll() is None:
            return server, port
    raise AssertionError("sshd does not start:\n" + (folder / "sshd.log").read_text())


def _serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a server by its configuration; return it when it listens, or has ended."""
    server = subprocess.Popen([SSHD, "-D", "-f", folder / "sshd_config", "-E", folder / "sshd.log"], stdin=subprocess.DEVNULL)
    eventually(lambda: server.poll() is not None or _listens(port))
    return server


def _write_client_files(folder: Path, port: int) -> None:
    key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
    (folder / "ssh_config").write_text(_client_config(folder) + f"  IdentityFile {folder / 'client_key'}\n")


def _client_config(folder: Path) -> str:
    return (
        f"Host *\n  UserKnownHostsFile {folder / 'known_hosts'}\n  GlobalKnownHostsFile /dev/null\n"
        "  IdentitiesOnly yes\n  IdentityAgent none\n  UpdateHostKeys no\n"
        "  SendEnv PYTEST_*\n"  # by which conftest.py finds what is left of a test
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0 and probe.getsockname() != probe.getpeername()

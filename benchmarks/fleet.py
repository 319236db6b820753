"""A fleet of machines to ssh into: own sshd processes on addresses of 127.0.0.0/8, with own keys and one port for all.

All take one key exchange (curve25519), so that no contender is faster for the algorithm it happens to prefer. Sessions get an empty home
folder: a person's shell start-up files are no part of what is measured.
"""

import getpass
import random
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

KEY_EXCHANGE = "curve25519-sha256"
START_S = 10.0
POLL_S = 0.01

SSHD_CONFIG = """\
Port {port}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/id.pub
KexAlgorithms {exchange},{exchange}@libssh.org
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 512:30:1024
UseDNS no
PrintMotd no
SetEnv HOME={home}
Subsystem sftp internal-sftp
"""

SSH_CONFIG = """\
Host *
  Port {port}
  User {user}
  IdentityFile {folder}/id
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  KexAlgorithms {exchange}
  BatchMode yes
  LogLevel ERROR
"""


class Fleet:
    """`count` machines while the block lasts. Its files: `config` for ssh -F, `id`, `known_hosts`, `home` with a .ssh of the same.

    With `own_homes` each machine has a home folder of its own, `homes`/ADDRESS.
    """

    def __init__(self, count: int, folder: Path, *, own_homes: bool = False) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.homes = folder / "homes"
        self._own_homes = own_homes
        self.config = folder / "ssh_config"
        self.key = folder / "id"
        self.known_hosts = folder / "known_hosts"
        self.user = getpass.getuser()
        network = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"
        self.hosts = tuple(f"{network}.{number}" for number in range(1, count + 1))
        self.port = _free_port(self.hosts)
        self._stack = ExitStack()
        self._seen = 0

    def __enter__(self) -> Self:
        """Make the keys, start every sshd and wait until all of them accept connections."""
        daemon = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin")
        if daemon is None:
            raise FileNotFoundError("no sshd here (Debian package openssh-server)")
        if self.user == "root":
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd of Debian will not start without
        self._write_files()
        try:
            for host in self.hosts:
                self._start(daemon, host)
            for host in self.hosts:
                self._wait_for(host)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop every sshd."""
        self._stack.close()

    def new_logins(self) -> int:
        """Return how many logins there were since this was last asked."""
        logins = sum(log.read_text(errors="replace").count("Accepted publickey") for log in self.folder.glob("*.log"))
        new, self._seen = logins - self._seen, logins
        return new

    def _write_files(self) -> None:
        for name in ("host", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "benchmark", "-f", self.folder / name], check=True)
        words = {"port": self.port, "folder": self.folder, "home": self.home, "user": self.user, "exchange": KEY_EXCHANGE}
        (self.folder / "sshd_config").write_text(SSHD_CONFIG.format(**words))
        self.config.write_text(SSH_CONFIG.format(**words))
        key = " ".join((self.folder / "host.pub").read_text().split()[:2])
        self.known_hosts.write_text("".join(f"[{host}]:{self.port},{host} {key}\n" for host in self.hosts))
        theirs = self.home / ".ssh"  # for contenders that look nowhere else
        theirs.mkdir(parents=True, mode=0o700)
        shutil.copy(self.key, theirs / "id_ed25519")
        shutil.copy(self.known_hosts, theirs)

    def _start(self, daemon: str, host: str) -> None:
        log = self.folder / f"{host}.log"
        own: tuple[str, ...] = ()
        if self._own_homes:
            (self.homes / host).mkdir(parents=True)
            own = ("-o", f"SetEnv=HOME={self.homes / host}")
        command = (daemon, "-D", "-f", self.folder / "sshd_config", "-o", f"ListenAddress={host}", *own, "-E", log)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)

    def _wait_for(self, host: str) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection((host, self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    log = self.folder / f"{host}.log"
                    raise TimeoutError(f"sshd on {host} does not answer: {log.read_text() if log.exists() else ''}") from None
                time.sleep(POLL_S)
            else:
                return


def _free_port(hosts: tuple[str, ...]) -> int:
    """Return a port that is free on every address."""
    while True:
        port = random.randint(20_000, 30_000)
        try:
            for host in hosts:
                with socket.socket() as probe:
                    probe.bind((host, port))
        except OSError:
            continue
        return port

"""A fleet of machines to ssh into: separate sshd processes on addresses of 127.0.0.0/8, with separate keys and one common port.

Their limits (MaxStartups, MaxSessions) are the defaults. All take one key exchange (curve25519), so that no contender is faster because
of the algorithm it prefers. Sessions get an empty home folder, so a person's shell start-up files are not part of the measurement.
"""

import getpass
import ipaddress
import json
import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

KEY_EXCHANGE = "curve25519-sha256"
START_S = 30.0
KEEPER = Path(__file__).with_name("machines.py")
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
    """`count` machines while the block lasts. Its files: `config` for ssh -F, `id`, `known_hosts`, and `home`, whose .ssh holds the same.

    With `own_homes` each machine has its own home folder, `homes`/ADDRESS. `keeper` is the process from which all machines and everything
    that logins start descend. It lives while the block lasts.
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
        first = ipaddress.IPv4Address("127.1.0.1") + 2**16 * random.randrange(200) + 2**8 * random.randrange(200)
        self.hosts = tuple(str(first + number) for number in range(count))
        self.port = _free_port(self.hosts)
        self.keeper = 0
        self._stack = ExitStack()
        self._seen = 0

    def __enter__(self) -> Self:
        """Make the keys, start every sshd and wait until all of them accept connections."""
        daemon = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin")
        if daemon is None:
            raise FileNotFoundError("no sshd here (Debian package openssh-server)")
        if self.user == "root":
            Path("/run/sshd").mkdir(exist_ok=True)  # Debian's sshd does not start without it
        self._write_files()
        try:
            self._start([self._command(daemon, host) for host in self.hosts])
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
        """Return the number of logins since the last call."""
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
        theirs = self.home / ".ssh"  # for contenders that read nothing else
        theirs.mkdir(parents=True, mode=0o700)
        shutil.copy(self.key, theirs / "id_ed25519")
        shutil.copy(self.known_hosts, theirs)

    def _command(self, daemon: str, host: str) -> list[str]:
        """Return the command line of a machine's sshd; if it has its own home folder, create that."""
        own: tuple[str, ...] = ()
        if self._own_homes:
            (self.homes / host).mkdir(parents=True)
            own = ("-o", f"SetEnv=HOME={self.homes / host}")
        return [daemon, "-D", "-f", f"{self.folder}/sshd_config", "-o", f"ListenAddress={host}", *own, "-E", f"{self.folder}/{host}.log"]

    def _start(self, commands: list[list[str]]) -> None:
        """Start the keeper with these children."""
        words = self.folder / "machines.json"
        words.write_text(json.dumps(commands))
        keeper = subprocess.Popen([sys.executable, "-I", "-S", KEEPER, words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert keeper.stdout is not None
        self._stack.enter_context(keeper)  # waits for its end
        self._stack.callback(keeper.terminate)
        self.keeper = keeper.pid
        if not keeper.stdout.readline():
            raise ChildProcessError("the sshd processes could not be started")

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

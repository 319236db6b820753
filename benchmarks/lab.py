"""A machine to test failures on: its own process table and network, an OpenSSH server as its first process, one routed link to here.

Its process namespace holds every process on it, so they can be counted reliably. `own_network` must be called first: it moves this
program to its own network, so that the computer's network is not touched.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from fleet import SSH_CONFIG, SSHD_CONFIG

PORT = 2222
START_S = 10.0
OWN = "WKE_LAB_HAS_ITS_OWN_NETWORK"
CHAINS = {"to": "input", "from": "output"}  # seen from the machine


def own_network() -> None:
    """Restart this program in its own network namespace; return only there. Needs root."""
    if not os.environ.get(OWN):
        os.environ[OWN] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    _do("ip", "link", "set", "lo", "up")


class Machine:
    """Machine `number` while the block lasts; its files are in `folder`. `options` let an ssh client reach it at `address`."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder
        self.options = ("-F", str(folder / "ssh_config"))
        self.address = f"10.77.{number}.2"
        self._here = f"10.77.{number}.1"
        self._link = f"wke{number}"

    def __enter__(self) -> Self:
        """Make keys, namespaces and link, start the server and wait until it accepts connections."""
        self._write_files()
        server = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin")
        if server is None:
            raise FileNotFoundError("no sshd here (Debian package openssh-server)")
        Path("/run/sshd").mkdir(exist_ok=True)  # Debian's sshd does not start without it
        spaces = ("unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child")
        command = (*spaces, server, "-D", "-f", self.folder / "sshd_config", "-E", self.folder / "sshd.log")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            self._first = _within(START_S, self._find_first)
            self._connect()
            _within(START_S, self._listens)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End its first process, and with it all others, and the link."""
        self._process.kill()
        self._process.wait()

    # -- what is there

    def alive(self) -> list[int]:
        """Return the pids of all processes on it except those of OpenSSH."""
        return [pid for pid in self._all() if not _name(pid).startswith("sshd")]

    def sessions(self) -> list[int]:
        """Return the pids of the server's processes for connections, not of the server itself."""
        return [pid for pid in self._all() if _name(pid).startswith("sshd") and pid != self._first]

    def _all(self) -> list[int]:
        there = Path(f"/proc/{self._first}/ns/pid").stat().st_ino
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and (entry / "ns/pid").stat().st_ino == there and _state(int(entry.name)) not in "ZX":
                    found.append(int(entry.name))
        return found

    # -- harm

    def freeze(self) -> None:
        """Stop every process on it, sshd included."""
        for pid in self._all():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let all processes continue."""
        for pid in self._all():
            os.kill(pid, signal.SIGCONT)

    def cut(self, *ways: str) -> None:
        """Drop every packet "to" it, or "from" it, or both."""
        self._do("nft", "add", "table", "ip", "cut")
        for way in ways:
            self._do("nft", f"add chain ip cut {way} {{ type filter hook {CHAINS[way]} priority 0; policy drop; }}")

    def drop_port(self) -> None:
        """Drop all packets to the ssh port."""
        self._do("nft", "add", "table", "ip", "cut")
        self._do("nft", "add chain ip cut to { type filter hook input priority 0; }")
        self._do("nft", "add", "rule", "ip", "cut", "to", "tcp", "dport", str(PORT), "drop")

    def mend(self) -> None:
        """Let packets pass again."""
        self._do("nft", "delete", "table", "ip", "cut")

    # -- making it

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True)
        home = self.folder / "home"
        home.mkdir()
        for name in ("host", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hostile", "-f", self.folder / name], check=True)
        words = {"port": PORT, "folder": self.folder, "home": home, "user": getpass.getuser(), "exchange": "curve25519-sha256"}
        (self.folder / "sshd_config").write_text(SSHD_CONFIG.format(**words))
        (self.folder / "ssh_config").write_text(SSH_CONFIG.format(**words))
        key = " ".join((self.folder / "host.pub").read_text().split()[:2])
        (self.folder / "known_hosts").write_text(f"[{self.address}]:{PORT} {key}\n")

    def _find_first(self) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        if self._process.poll() is not None:
            raise OSError((self.folder / "sshd.log").read_text())
        return int(children[0]) if children and _name(int(children[0])) == "sshd" else 0

    def _connect(self) -> None:
        _do("ip", "link", "add", self._link, "type", "veth", "peer", "name", "net0", "netns", str(self._first))
        _do("ip", "addr", "add", f"{self._here}/30", "dev", self._link)
        _do("ip", "link", "set", self._link, "up")
        self._do("ip", "addr", "add", f"{self.address}/30", "dev", "net0")
        for link in ("net0", "lo"):
            self._do("ip", "link", "set", link, "up")

    def _listens(self) -> bool:
        try:
            socket.create_connection((self.address, PORT), timeout=1).close()
        except OSError:
            return False
        return True

    def _do(self, *command: str) -> None:
        _do("nsenter", "-t", str(self._first), "-n", *command)


def _within(limit_s: float, ask: Callable[[], int]) -> int:
    deadline = time.monotonic() + limit_s
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit_s:g} s: {ask.__name__}")
        time.sleep(0.02)
    return answer


def _do(*command: str) -> None:
    subprocess.run(command, check=True)


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

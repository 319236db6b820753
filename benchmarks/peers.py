"""Where the peers come from: PyPI, each in its own virtual environment next to this file, and the operating system."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rig import Absent

FOLDER = Path(__file__).with_name(".peers")

REQUIREMENTS = {
    "old wke": "wke==0.1",
    "Ansible": "ansible-core>=2.17,<3",
    "asyncssh": "asyncssh>=2.18,<3",
    "ClusterShell": "ClusterShell>=1.9,<2",
    "execnet": "execnet>=2.1,<3",
    "execo": "execo>=2.8,<3",
    "Fabric": "fabric>=3.2,<4",
    "Mitogen": "mitogen>=0.3.54,<0.4 ansible-core>=2.19,<2.20",  # the newest Ansible that it supports
    "paramiko": "paramiko>=4,<6",
    "parallel-ssh": "parallel-ssh>=2.12,<3",
    "IOPS": "iops-benchmark>=3.5,<4",
    "k6": "k6>=1.1,<2",
    "pyinfra": "pyinfra>=3.2,<4",
    "ReFrame": "ReFrame-HPC>=4.7,<5",
}
PACKAGES = {
    "hey": ("hey", ("hey",)),
    "mininet": ("mn", ("mininet", "bridge-utils")),
    "pdsh": ("pdsh", ("pdsh",)),
    "vegeta": ("vegeta", ("vegeta",)),
    "wrk": ("wrk", ("wrk",)),
}


@dataclass(frozen=True, slots=True)
class Peer:
    """An installed peer: its version and the folder of its programs."""

    name: str
    version: str
    programs: Path

    def program(self, name: str) -> Path:
        """Return the path of one of its programs."""
        return self.programs / name


class Peers:
    """Finds or installs peers when they are first asked for, and remembers the answer."""

    def __init__(self, python312: str | None = None) -> None:
        self._python312 = python312
        self._known: dict[str, Peer | Absent] = {}

    def get(self, name: str) -> Peer | Absent:
        """Return a peer of REQUIREMENTS or PACKAGES, or why it is not available."""
        if name not in self._known:
            self._known[name] = self._from_pypi(name) if name in REQUIREMENTS else _from_system(name)
        return self._known[name]

    def versions(self) -> dict[str, str]:
        """Return the versions of all peers that were asked for and are available."""
        return {peer.name: peer.version for peer in self._known.values() if isinstance(peer, Peer)}

    def _from_pypi(self, name: str) -> Peer | Absent:
        requirement = REQUIREMENTS[name]
        interpreter: str | None = sys.executable
        if name == "old wke":
            interpreter = self._python312 or _old_python()
            if interpreter is None:
                return Absent(name, "needs Python 3.12 and none was found (--python312 names one)")
        assert interpreter is not None
        environment = FOLDER / name.replace(" ", "-")
        stamp = environment / "installed"
        if not stamp.exists() or stamp.read_text() != requirement:
            print(f"installing {requirement} into {environment}", file=sys.stderr)
            for command in (
                (interpreter, "-m", "venv", "--clear", environment),
                (environment / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirement.split()),
            ):
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    return Absent(name, _last_line(done.stderr or done.stdout))
            stamp.write_text(requirement)
        python = environment / "bin/python"
        package = requirement.partition("=")[0].rstrip("<>")
        version = _output(python, "-c", f"from importlib.metadata import version; print(version({package!r}))")
        its_python = _output(python, "-c", "import platform; print(platform.python_version())")
        on = "" if its_python == platform.python_version() else f" on Python {its_python}"
        return Peer(name, version + on, environment / "bin")


def _from_system(name: str) -> Peer | Absent:
    program, packages = PACKAGES[name]
    if shutil.which(program) is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            return Absent(name, f"not installed (apt-get install {' '.join(packages)}), and we are not root on Debian to do so")
        print(f"apt-get install {' '.join(packages)}", file=sys.stderr)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(install, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            return Absent(name, _last_line(done.stderr))
    found = shutil.which(program)
    if found is None:
        return Absent(name, f"its packages have no {program}")
    return Peer(name, _output("dpkg-query", "-W", "-f", "${Version}", packages[0]) or "unknown", Path(found).parent)


def _old_python() -> str | None:
    """Return an interpreter for old wke, preferring the versions closest to its time."""
    question = "import sys; print(sys.version_info[:2] >= (3, 12))"
    return next((path for path in _interpreters() if _output(path, "-c", question) == "True"), None)


def _interpreters() -> Iterator[str]:
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    yield from filter(None, [shutil.which("python3.12")])
    yield from map(str, sorted(roots.glob("3.12.*/bin/python")))
    yield from filter(None, [sys.executable, shutil.which("python3.13")])


def _output(*command: str | Path) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _last_line(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip()]
    return lines[-1].strip() if lines else "no reason given"

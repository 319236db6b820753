"""The facts about the computer and the programs that a reader needs to judge a figure."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent


def facts() -> dict[str, str]:
    """Return the facts by name, in the order to print them."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "wke": f"{version('wke')}{_commit()}",
        "processor": f"{len(os.sched_getaffinity(0))} cores of {_field('/proc/cpuinfo', 'model name') or platform.machine()}",
        "memory": _memory(),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "Python": platform.python_version(),
        "OpenSSH": _said(["ssh", "-V"]).partition(",")[0].removeprefix("OpenSSH_"),
        "rsync": " ".join(_said(["rsync", "--version"]).split()[2:3]) or "not here",
        "iproute2": _said(["ip", "-V"]).rpartition("-")[2].partition(",")[0],
        "user": "root" if os.geteuid() == 0 else "not root",
        "load": load(),
    }


def taken_by(command: str) -> str:
    """Return the line above the figures of a section: the command that took them, and the facts that matter most."""
    known = facts()
    told = ", ".join(f"{name}: {known[name]}" for name in ("date", "wke", "processor", "kernel", "Python", "load"))
    return f"Taken by `{command}` ({told})"


def load() -> str:
    """Return the load of the last minute, because figures taken on a busy computer mean little."""
    return f"{os.getloadavg()[0]:.1f}"


def _commit() -> str:
    commit = _said(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"])
    changed = _said(["git", "-C", str(HERE), "status", "--porcelain", "--untracked-files=no", "--", "../src"])
    return f" ({commit}{', source changed since' if changed else ''})" if commit and " " not in commit else ""


def _memory() -> str:
    kibibytes = _field("/proc/meminfo", "MemTotal").partition(" ")[0]
    return f"{int(kibibytes) / 2**20:.1f} GiB" if kibibytes else "unknown"


def _field(path: str, name: str) -> str:
    lines = (line.partition(":") for line in Path(path).read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")


def _said(command: list[str]) -> str:
    """Return the output of a program, from either stream; an empty text if it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip() if done.returncode == 0 else ""

"""What a kept connection depends on. If any of it has changed when the connection is wanted again, another one is opened.

The command that leads to the machine and wke's own code are known without asking anyone. What else ssh went by,
its files and the variables that it sends, it tells when a connection is opened (`ssh -v -G`).
"""

import fnmatch
import os
import pwd
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import wke.agent.frames
from wke.act.connection.transport import said_by_ssh
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec

READ = "Reading configuration data "
OWN, SYSTEM = "~/.ssh/config", "/etc/ssh/ssh_config"
FILES = ("userknownhostsfile", "globalknownhostsfile", "identityfile", "certificatefile", "revokedhostkeys")
BUSY = ("~/.ssh", "/etc/ssh")  # folders in which files come and go that mean nothing, such as sockets; so is that of the first file read

COMMAND, CODE = "its address, login or another option of ssh has changed", "wke itself has changed"


def identity(cluster: ClusterSpec, machine: MachineSpec, command: Sequence[str]) -> dict[str, str]:
    """Return what the connection to a machine through an ssh `command` depends on: texts that differ, by what has changed then."""
    parts = [str(Path.cwd()), *command, str(machine.python), f"{cluster.lease_s:g}"]
    return {COMMAND: sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest(), CODE: _code()}


@cache
def _code() -> str:
    """Return a mark of the agent's code and of the Python that compiles it."""
    folder = Path(wke.agent.frames.__file__).parent
    files = sorted(f"{entry.name} {mark(entry.path)}" for entry in os.scandir(folder) if entry.name.endswith(".py"))
    return sha256("\n".join([sys.version, *files]).encode()).hexdigest()


def mark(path: str) -> str:
    """Return what is different when another file is at that path, or the file has other content; "" for no file."""
    try:
        status = Path(path).stat()
    except OSError:
        return ""
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def marks_of(command: Sequence[str], host: str) -> tuple[dict[str, str], tuple[str, ...], dict[str, str]]:
    """Return the marks of all files that an ssh `command` goes by for a host, which variables it sends (patterns), and their values."""
    settings, log = said_by_ssh(tuple(command), host)
    values = [line.partition(" ") for line in settings.splitlines()]
    named = [word for key, _, text in values if key in FILES for word in text.split()]
    read = [line.partition(READ)[2].strip() for line in log.splitlines() if READ in line]
    own = [] if "-F" in command else [OWN, SYSTEM]
    busy = {*map(_expanded, BUSY), *(str(Path(path).parent) for path in read[:1])}
    folders = [folder for path in read if (folder := str(Path(path).parent)) not in busy]  # of files that others include
    sent = tuple(pattern for key, _, text in values if key == "sendenv" for pattern in text.split())
    return {path: mark(path) for path in sorted(_paths([*own, *named, *read, *folders]))}, sent, _variables(sent)


def changed(marks: Mapping[str, str], variables: Mapping[str, str], sent: Iterable[str]) -> str:
    """Return what has changed since `marks_of` returned these: the path of a file or the name of a variable, "" for nothing."""
    for path, before in marks.items():
        if mark(path) != before:
            return path
    now = _variables(sent)
    return next((f"${name}" for name in sorted({*now, *variables}) if now.get(name) != variables.get(name)), "")


def _paths(words: Iterable[str]) -> Iterator[str]:
    for word in set(words):
        path = _expanded(word)
        if "%" not in path and path != "none":
            yield str(Path(path).absolute())


def _expanded(path: str) -> str:
    """Return a path as ssh understands it: the home folder is that of the user database."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    path = path.replace("%d", home)
    return home + path[1:] if path.startswith("~/") else path


def _variables(patterns: Iterable[str]) -> dict[str, str]:
    patterns = tuple(patterns)
    return {name: value for name, value in os.environ.items() if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)}

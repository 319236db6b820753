"""Keepers seen from the controller: their folders, starting one, hearing what it made, ending it.

All of a user's keepers have their folders side by side, `kept-...` for those that `wke cluster up` left behind. They do not lie in
$XDG_RUNTIME_DIR, which is in memory and goes away when the user logs out, nor below $TMPDIR, which may be another one tomorrow.
"""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import wke.errors
from wke.act.emulation.keeper import cgroups, folder
from wke.act.emulation.keeper.plan import KeeperPlan, encode
from wke.documents import Json
from wke.errors import MachineError

STAY = b"s"
START_WITHIN_S = 30.0
END_WITHIN_S = 15.0
START = "import sys; sys.path.append(sys.argv[1]); from wke.act.emulation.keeper.main import main; main()"
SOURCES = Path(wke.errors.__file__).parent.parent


def keepers_folder() -> Path:
    """Return the folder of all of this user's keepers, made if need be; raise MachineError when it is not safely ours."""
    path = Path(os.environ.get("WKE_EMULATION_FOLDER") or f"/var/tmp/wke-{os.geteuid()}")  # noqa: S108 - checked below
    try:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        status = path.lstat()
    except OSError as error:
        raise MachineError(f"{path}: {error.strerror}", hint="set WKE_EMULATION_FOLDER to a folder on a disk of your own") from error
    if not path.is_dir() or path.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise MachineError(f"{path} is not a folder that only you may write to", hint="remove it, or set WKE_EMULATION_FOLDER to another")
    return path.resolve()


@contextmanager
def alone() -> Iterator[Path]:
    """Yield the folder of all keepers, cleared of dead ones' rubbish. No other command of this user makes or removes a keeper meanwhile."""
    base = keepers_folder()
    fd = os.open(base / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        for path in base.iterdir():
            if path.is_dir() and not is_alive(path) and cgroups.clear(str(path)):
                folder.remove(str(path))
        yield base
    finally:
        os.close(fd)


def is_alive(path: Path) -> bool:
    """Tell whether the keeper whose folder is `path`, or anything it started, lives. Call it `alone`: it looks by locking."""
    try:
        fd = folder.claim(str(path))
    except FileNotFoundError:
        return False
    if fd is None:
        return True
    os.close(fd)
    return False


class Keeper:
    """A keeper that this process started; it ends with this process unless it is told to `stay`."""

    def __init__(self, path: Path) -> None:
        """Start a keeper whose folder is `path`, a new one. Call it `alone`."""
        path.mkdir(mode=0o700)
        lock = folder.claim(str(path))
        if lock is None:
            raise MachineError(f"{path} is locked by a stranger")
        self.path = path
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", START, str(SOURCES)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                pass_fds=[lock],
                start_new_session=True,
            )
        finally:
            os.close(lock)

    @property
    def pid(self) -> int:
        """The keeper's process."""
        return self._process.pid

    def make(self, plan: KeeperPlan) -> Mapping[str, Json]:
        """Have the machines made; return the keeper's answer: the machines, or why it could not make them."""
        with suppress(BrokenPipeError):
            self._stdin.write(encode(plan))
        return dict(json.loads(self._read_line() or b'{"impossible": "it died"}'))

    def stay(self) -> None:
        """Let the keeper live on when this process ends."""
        self._stdin.write(STAY)
        self._let_go()
        self._process.returncode = 0  # it is not waited for, so that Popen must not warn

    def close(self) -> None:
        """End the keeper and wait until all that it made is gone."""
        self._let_go()
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self.path.exists():
            with alone():
                pass  # it was killed: this removes what it left

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    def _let_go(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _read_line(self) -> bytes:
        stream = self._process.stdout
        if stream is None:
            return b""
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        line, deadline = b"", time.monotonic() + START_WITHIN_S
        while not line.endswith(b"\n"):
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise MachineError(f"the emulated machines were not up within {START_WITHIN_S:.0f} s")
            part = stream.read(1 << 16)
            if not part:
                return b""
            line += part
        return line


def end_keeper(path: Path, pid: int) -> None:
    """Kill the living keeper `pid` whose folder is `path`, wait until all that it made is gone, and remove its folder. Call it `alone`."""
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            if is_alive(path):  # so the pid was the keeper's when we opened it
                signal.pidfd_send_signal(process, signal.SIGKILL)
        finally:
            os.close(process)
    deadline = time.monotonic() + END_WITHIN_S
    while is_alive(path):
        if time.monotonic() > deadline:
            raise MachineError(f"the emulated machines did not end within {END_WITHIN_S:.0f} s", hint=f"their keeper was process {pid}")
        time.sleep(0.002)
    with suppress(ChildProcessError):  # where this very process brought it up
        os.waitpid(pid, 0)
    if cgroups.clear(str(path)):
        folder.remove(str(path))

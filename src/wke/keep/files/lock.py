"""Who writes: a lock that the kernel releases when its holder dies, in a file that says who holds it.

results/wke.lock             held while a writer opens the store, and for as long as somebody needs all of it
results/locks/SERIES.lock    held by who writes that series: one command a series, several series at once
"""

import fcntl
import getpass
import os
import re
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from wke.errors import StoreError
from wke.keep.files.disk import disk_errors

PAUSE_S = 0.01
GLANCE_S = 0.2  # who asks whose a lock is has it for an instant
SINCE = "%Y-%m-%d %H:%M:%S UTC"
HOLDER = re.compile(
    r"pid (?P<pid>\d+) of (?P<user>.*?) on (?P<host>\S+) since (?P<since>[-\d]+ [:\d]+ UTC)(?:: (?P<command>.*))?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who took a lock and did not give it back. Not `alive`: they were killed or cut off, and the kernel has freed it."""

    words: str
    alive: bool

    @property
    def facts(self) -> dict[str, str]:
        """What the words say: `pid`, `user`, `host`, `since` and `command`; nothing where they are not ours."""
        found = HOLDER.fullmatch(self.words)
        return {name: text or "" for name, text in found.groupdict().items()} if found else {}

    @property
    def since_ns(self) -> int | None:
        """When they took it, to the second; None where the words do not say."""
        since = self.facts.get("since")
        return int(datetime.strptime(since, SINCE).replace(tzinfo=UTC).timestamp()) * 1_000_000_000 if since else None


class WriterLock:
    """Held from construction to `release()` (or the end of the process); StoreError names the holder when it is someone else.

    `what` is what the lock guards, in words; `patience_s` is how long to wait for it, at least as long as somebody may look at it.
    """

    def __init__(self, path: Path, command: str, what: str, patience_s: float = GLANCE_S) -> None:
        with disk_errors(path.parent):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _wait(self._descriptor, what, time.monotonic() + patience_s)
            except BaseException:
                os.close(self._descriptor)
                raise
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{holder()}: {command or 'unknown command'}\n".encode(), 0)

    def release(self) -> None:
        """Let the next writer in; again is harmless. The file stays: were it removed, two writers could lock two different files."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def series_lock(folder: Path, series: str) -> Path:
    """Return the file that says who writes a series of the store in `folder`."""
    return folder / "locks" / f"{quote(series, safe='')}.lock"


def holder_of(path: Path) -> Holder | None:
    """Return who holds the lock with this file, or held it last and could not give it back; None when it was given back, or never taken."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        alive = False
    except BlockingIOError:
        alive = True
    words = _words(os.pread(descriptor, 4096, 0))
    os.close(descriptor)
    return Holder(words, alive) if alive or words else None


def writer_of(path: Path) -> str | None:
    """Return who holds the lock with this file, "" for who did not say; None when nobody does."""
    found = holder_of(path)
    return found.words if found is not None and found.alive else None


def written_by(what: str, text: bytes | str) -> StoreError:
    """Return the error that tells a writer that it is not the first."""
    writer = text if isinstance(text, str) else _words(text)
    return StoreError(
        f"{what} is being written by {writer or 'another process'}",
        hint="wait until it ends, or stop it; reading (wke results, wke logs) works meanwhile",
    )


def holder() -> str:
    """Return who we are, for those who wait for us to end."""
    since = datetime.now(UTC).strftime(SINCE)
    return f"pid {os.getpid()} of {person()} since {since}"


def person() -> str:
    """Return who uses this command, and on which computer."""
    return f"{_user()} on {socket.gethostname()}"


def _wait(descriptor: int, what: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise written_by(what, os.pread(descriptor, 4096, 0)) from None
            time.sleep(PAUSE_S)
        else:
            return


def _words(text: bytes) -> str:
    return text.decode(errors="replace").strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as containers have
        return f"uid {os.getuid()}"

"""Locks of writers: the kernel releases them when their holder dies, and their files say who the holder is.

results/wke.lock             held while a writer opens the store, and as long as a command needs all of the store
results/locks/SERIES.lock    held by the writer of a series: one command per series, several series at once
"""

import fcntl
import getpass
import os
import re
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from wke.errors import StoreError
from wke.keep.files.disk import disk_errors
from wke.keep.files.localtime import in_local_time, read_stored_time, stored_time
from wke.values import dataclass

PAUSE_S = 0.01
GLANCE_S = 0.2  # a process that asks for the holder has the lock for an instant
HOLDER = re.compile(
    r"pid (?P<pid>\d+) of (?P<user>.*?) on (?P<host>\S+) since (?P<since>[-\d]+ [:\d]+ UTC)(?:: (?P<command>.*))?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that took a lock and did not give it back. If it is not `alive`, it was killed, and the kernel released the lock."""

    words: str
    alive: bool

    @property
    def facts(self) -> dict[str, str]:
        """`pid`, `user`, `host`, `since` and `command` from the words; empty if the words are not ours."""
        found = HOLDER.fullmatch(self.words)
        return {name: text or "" for name, text in found.groupdict().items()} if found else {}

    @property
    def since_ns(self) -> int | None:
        """When the lock was taken, to the second; None if the words do not say."""
        since = self.facts.get("since")
        return read_stored_time(since) if since else None


class WriterLock:
    """Held from construction to `release()` or the end of the process. Raises StoreError with the holder's name if another has it.

    `what` names what the lock guards. `patience_s` is how long to wait for it, at least as long as others may take to look at it.
    """

    def __init__(self, path: Path, command: str, what: str, patience_s: float = GLANCE_S) -> None:
        with disk_errors(path.parent):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                _wait(self._descriptor, what, time.monotonic() + patience_s)
            except BaseException:
                os.close(self._descriptor)
                raise
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{holder()}: {command or 'unknown command'}\n".encode(errors="backslashreplace"), 0)

    def release(self) -> None:
        """Release the lock; may be called again. The file stays: if it were removed, two writers could lock two different files."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def series_lock(folder: Path, series: str) -> Path:
    """Return the lock file of a series of the store in `folder`."""
    return folder / "locks" / f"{quote(series, safe='', errors='surrogateescape')}.lock"


def holder_of(path: Path) -> Holder | None:
    """Return the holder of a lock, or the last one if it died with the lock; None when the lock was given back or never taken."""
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
    """Return the words of the holder of a lock, which may be ""; None when the lock is free."""
    found = holder_of(path)
    return found.words if found is not None and found.alive else None


def written_by(what: str, text: bytes | str) -> StoreError:
    """Return the error for a writer that is not the first."""
    writer = text if isinstance(text, str) else _words(text)
    return StoreError(
        f"{what} is being written by {in_local_time(writer) or 'another process'}",
        hint="wait until it ends, or stop it; reading (wke results, wke logs) works meanwhile",
    )


def holder() -> str:
    """Return the words for our own locks."""
    return f"pid {os.getpid()} of {person()} since {stored_time(datetime.now(UTC))}"


def person() -> str:
    """Return the user of this command, and the computer."""
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

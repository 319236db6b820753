"""Who writes: a lock that the kernel releases when its holder dies, in a file that says who holds it.

results/wke.lock             held while a writer opens the store, and for as long as somebody needs all of it
results/locks/SERIES.lock    held by who writes that series: one command a series, several series at once
"""

import fcntl
import getpass
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from wke.errors import StoreError
from wke.keep.disk import disk_errors

PAUSE_S = 0.01


class WriterLock:
    """Held from construction to `release()` (or the end of the process); StoreError names the holder when it is someone else.

    `what` is what the lock guards, in words; `patience_s` is how long to wait for it.
    """

    def __init__(self, path: Path, command: str, what: str, patience_s: float = 0.0) -> None:
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


def writer_of(path: Path) -> str | None:
    """Return who holds the lock with this file, "" for who did not say; None when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _words(os.pread(descriptor, 4096, 0))
    else:
        return None
    finally:
        os.close(descriptor)


def written_by(what: str, text: bytes | str) -> StoreError:
    """Return the error that tells a writer that it is not the first."""
    writer = text if isinstance(text, str) else _words(text)
    return StoreError(
        f"{what} is being written by {writer or 'another process'}",
        hint="wait until it ends, or stop it; reading (wke results, wke logs) works meanwhile",
    )


def holder() -> str:
    """Return who we are, for those who wait for us to end."""
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"pid {os.getpid()} of {_user()} on {socket.gethostname()} since {since}"


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

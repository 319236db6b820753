"""One writer at a time: a lock that the kernel releases when its holder dies, in a file that says who holds it."""

import fcntl
import getpass
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from wke.errors import StoreError
from wke.keep.disk import disk_errors


class WriterLock:
    """Held from construction to `release()` (or the end of the process); StoreError names the holder when it is someone else."""

    def __init__(self, path: Path, command: str) -> None:
        with disk_errors(path.parent):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(self._descriptor, 4096, 0).decode(errors="replace").strip()
                os.close(self._descriptor)
                raise StoreError(
                    f"{path.parent} is being written by {holder or 'another process'}",
                    hint="wait until it ends, or stop it; reading (wke results, wke logs) works meanwhile",
                ) from None
            except OSError:
                os.close(self._descriptor)
                raise
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{_holder(command)}\n".encode(), 0)

    def release(self) -> None:
        """Let the next writer in; again is harmless. The file stays: were it removed, two writers could lock two different files."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def _holder(command: str) -> str:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"pid {os.getpid()} of {_user()} on {socket.gethostname()} since {since}: {command or 'unknown command'}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as containers have
        return f"uid {os.getuid()}"
